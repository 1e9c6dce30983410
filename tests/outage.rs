//! An origin goes down for twenty seconds under load, in virtual time: what reaches it, and what becomes of the calls.

use sixlane::breaker::BreakerConfig;
use sixlane::retry::{Cause, RetryConfig};
use sixlane::time::Duration;
use sixlane::{
    Action, Answer, Body, CallFlags, CallId, Config, Event, LaneId, Level, Number, Options, Refusal,
    Scheduler, Submission, Time,
};
use std::collections::BTreeMap;
use std::rc::Rc;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// The load: a call each 50 ms for a minute; the origin takes 20 ms for each, and is down in the second third.
const EVERY: Duration = Duration::from_millis(50);
const CALLS: u32 = 1_200;
const SERVICE: Duration = Duration::from_millis(20);
const DOWN: (u32, u32) = (20, 40);

/// What is asked for with each 503.
const PAUSE: Duration = Duration::from_secs(2);

fn at(seconds: u32) -> Time {
    Time::ZERO.after(SECOND * seconds)
}

fn is_down(now: Time) -> bool {
    (at(DOWN.0)..at(DOWN.1)).contains(&now)
}

/// How an origin that is down fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Down {
    /// 503, and it asks for a pause.
    AsksForPauses,
    /// No connection.
    Silent,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Answered(Time),
    Failed,
    TurnedAway,
}

#[derive(Debug, Default)]
struct Report {
    /// When requests came to the origin.
    sent: Vec<(Time, Level)>,
    ends: BTreeMap<CallId, (Time, Level, Option<End>)>,
    most_at_once: u32,
}

impl Report {
    fn reached_while_down(&self) -> usize {
        self.sent.iter().filter(|&&(at, _)| is_down(at)).count()
    }

    fn count(&self, which: impl Fn(End) -> bool) -> usize {
        self.ends.values().filter(|(.., end)| which(end.expect("every call has ended"))).count()
    }
}

fn level(number: u32) -> Level {
    Level::ALL[(number % 5) as usize]
}

/// The same load with one mind: three retries after fixed delays, all at once. Only what reaches the origin counts.
fn naive() -> usize {
    let attempts = (0..CALLS).flat_map(|number| {
        let mut at = Time::ZERO.after(EVERY * number);
        let delays = [0, 300, 600, 1_200];
        let mut sent = Vec::new();
        for delay in delays {
            at = at.after(MS * delay);
            sent.push(at);
            if !is_down(at) {
                break;
            }
        }
        sent
    });
    attempts.filter(|&at| is_down(at)).count()
}

fn sixlane(config: &Config, retry: &RetryConfig, down: Down) -> Report {
    let mut core = Scheduler::new(config);
    let lane = core.open_lane();
    let mut report = Report::default();
    let mut future: BTreeMap<(Time, u32), Option<CallId>> =
        (0..CALLS).map(|number| ((Time::ZERO.after(EVERY * number), number), None)).collect();
    let mut sequence = CALLS;
    loop {
        let next = future.keys().next().copied();
        let wake = core.poll_timeout();
        let now = match (next, wake) {
            (Some((at, _)), Some(wake)) => at.min(wake),
            (Some((at, _)), None) => at,
            (None, Some(wake)) => wake,
            (None, None) => break,
        };
        match next.filter(|&(at, _)| at == now).and_then(|key| future.remove(&key).map(|call| (key, call))) {
            None => core.handle(Event::Woke, now),
            Some(((_, number), None)) => submit(&mut core, lane, number, retry, now, &mut report),
            Some((_, Some(id))) => core.handle(answer(id, down, now), now),
        }
        while let Some(action) = core.poll_action() {
            match action {
                Action::Start(id, _) => {
                    report.sent.push((now, report.ends[&id].1));
                    sequence += 1;
                    future.insert((now.after(SERVICE), sequence), Some(id));
                }
                Action::Deliver(id, _) if is_down(now) => end(&mut report, id, End::Failed),
                Action::Deliver(id, _) => end(&mut report, id, End::Answered(now)),
                Action::GiveUp(id) => end(&mut report, id, End::Failed),
                Action::Reject(id, Refusal::CircuitOpen(_)) => end(&mut report, id, End::TurnedAway),
                Action::Retry(..) | Action::Pause(_) | Action::Breaker(..) => {}
                other => panic!("{other:?} came without a reason"),
            }
        }
        report.most_at_once = report.most_at_once.max(core.count().running);
    }
    report
}

fn submit(
    core: &mut Scheduler,
    lane: LaneId,
    number: u32,
    retry: &RetryConfig,
    now: Time,
    report: &mut Report,
) {
    let flags = CallFlags::RESENDABLE.and(CallFlags::SAME_ORIGIN).and(CallFlags::HEEDFUL);
    let rules = Some(Rc::new(retry.clone()));
    let id = core.submit(Submission { flags, rules, ..Submission::new(lane, level(number).into()) }, now);
    report.ends.insert(id, (now, level(number), None));
}

fn answer(id: CallId, down: Down, now: Time) -> Event {
    match down {
        _ if !is_down(now) => Event::Answered(id, Answer::new(200, Body::None)),
        Down::AsksForPauses => {
            Event::Answered(id, Answer { retry_after: Some(PAUSE), ..Answer::new(503, Body::None) })
        }
        Down::Silent => Event::Failed(id, Cause::NoResponse),
    }
}

fn end(report: &mut Report, id: CallId, end: End) {
    let ended = &mut report.ends.get_mut(&id).expect("it was submitted").2;
    assert_eq!(ended.replace(end), None, "settled twice");
}

/// Nobody watches: it would wake them every five seconds.
fn config() -> Config {
    Config { monitor: None, ..Config::default() }
}

fn patient() -> RetryConfig {
    let mut options = Options::default();
    options.set(Number::Limit, f64::INFINITY).expect("it is in range");
    RetryConfig::of(&options)
}

#[test]
fn a_pause_that_is_asked_for_spares_the_origin_and_loses_no_call() {
    let report = sixlane(&config(), &patient(), Down::AsksForPauses);
    let (naive, ours) = (naive(), report.reached_while_down());
    // Those under way as it goes down, one of which is answered late, and one for each pause.
    let pauses = SECOND * (DOWN.1 - DOWN.0);
    let budgeted = 1 + pauses.as_millis().div_ceil(PAUSE.as_millis());
    println!("naive {naive}, sixlane {ours}, budgeted {budgeted}");
    assert!(ours as u64 * 10 <= 12 * budgeted, "{ours} of {budgeted}");
    assert!(ours * 10 <= naive, "{ours} and {naive}");
    assert_eq!(report.count(|end| matches!(end, End::Answered(_))), CALLS as usize, "all are answered");
}

#[test]
fn after_an_outage_the_critical_go_first_and_no_wave_is_higher_than_the_limit() {
    let report = sixlane(&config(), &patient(), Down::AsksForPauses);
    let back = at(DOWN.1);
    let waited = |which: Level| {
        let calls = report.ends.values().filter(move |(came, level, _)| *level == which && is_down(*came));
        calls.filter(|(.., end)| matches!(end, Some(End::Answered(at)) if *at >= back)).count()
    };
    let critical = waited(Level::Critical);
    assert!(critical >= 70, "{critical} critical calls came while it was down");
    // One start in eight goes to who has waited longest, whatever its level.
    let first = critical + critical / 7 + 1;
    let after = report.sent.iter().filter(|(at, _)| *at >= back);
    let among_first = after.take(first).filter(|(_, level)| *level == Level::Critical).count();
    assert!(among_first >= critical, "{among_first} of {critical} among the first {first}");
    assert!(report.most_at_once <= Config::PER_ORIGIN);
    let starts: Vec<_> = report.sent.iter().map(|(at, _)| *at).filter(|at| *at >= back).collect();
    let busiest = starts
        .iter()
        .map(|&from| starts.iter().filter(|&&at| at >= from && at < from.after(SERVICE)).count());
    assert!(busiest.max() <= Some(Config::PER_ORIGIN as usize), "no more in one service time than slots");
    let slowly = starts.iter().filter(|&&at| at < starts[0].after(SERVICE)).count();
    assert_eq!(slowly, 1, "it begins with one");
}

#[test]
fn a_breaker_spares_an_origin_that_says_nothing() {
    let config = Config { breaker: Some(BreakerConfig::default()), ..config() };
    let report = sixlane(&config, &RetryConfig::default(), Down::Silent);
    let (naive, ours) = (naive(), report.reached_while_down());
    // Five failures open it, while up to five more are under way; a probe after 10 s opens it for longer.
    println!("naive {naive}, sixlane {ours}");
    assert!(ours <= 12 && ours * 10 <= naive, "{ours} and {naive}");
    let turned_away = report.count(|end| end == End::TurnedAway);
    assert!(turned_away >= 300, "{turned_away} heard at once that it is down");
    let late = report.ends.values().filter(|(came, ..)| *came >= at(51));
    assert!(late.clone().count() > 100);
    for (came, _, end) in late {
        assert!(matches!(end, Some(End::Answered(_))), "the call of {came:?}: {end:?}");
    }
}

#[test]
fn without_either_the_budget_bounds_the_retries() {
    let report = sixlane(&config(), &RetryConfig::default(), Down::Silent);
    let first = (DOWN.1 - DOWN.0) * 1_000 / EVERY.as_millis() as u32;
    let retries = report.reached_while_down() - first as usize;
    // A fifth of the requests and ten in a second, over windows of ten seconds; two and what is left of a third.
    let budgeted = first / 5 + 10 * 30;
    assert!(retries <= budgeted as usize, "{retries} of {budgeted}");
}
