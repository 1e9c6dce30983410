//! How calls are doing, and what is given up when they do badly: the monitor, the shares of origins and the ladder of
//! levels, and how they meet slots and order.
//!
//! A call is turned away by one thing: its lane pauses, or its breaker is open, or its origin does not get the share, or
//! the level that the page has come to does without it. Who comes first in this order is asked first, and the others never
//! hear of the call. What is turned away here is a failure for nobody.

use super::{Action, Refusal, Scheduler};
use crate::breaker::State;
use crate::config::{Config, Degradation};
use crate::degrade::{BREAKER_OPEN, Fate, LEAVE, Ladder, LadderConfig, Relief, Share, is_probe, sheddable};
use crate::gate::Gate;
use crate::monitor::{Gauges, Monitor, Record, Sample};
use crate::priority::Level;
use crate::queue::{CallFlags, CallId, LaneId};
use crate::time::{Duration, Time};

/// A sample that ends so late has slept: timers of hidden pages fire once a minute.
const SLEPT: Duration = Duration::from_secs(90);

/// Those of the monitor, and the one beside them.
const TRIGGERS: usize = BREAKER_OPEN.trailing_zeros() as usize + 1;

/// What the outside tells at the end of a sample. NaN where nobody knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// As [`Gauges::main_thread`].
    pub main_thread: f64,
    /// As [`Gauges::memory`].
    pub memory: f64,
    /// As [`Gauges::cpu_pressure`].
    pub cpu_pressure: f64,
    /// Calls since the last time that a cache might have answered, and those that it did.
    pub lookups: u32,
    /// See `lookups`.
    pub hits: u32,
}

impl Measured {
    /// Nothing is known.
    pub const NOTHING: Self =
        Self { main_thread: f64::NAN, memory: f64::NAN, cpu_pressure: f64::NAN, lookups: 0, hits: 0 };
}

/// Where the ladder stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// The level.
    pub level: u8,
    /// Since when.
    pub since: Time,
    /// Whether its triggers are off.
    pub healthy: bool,
    /// What is done without.
    pub relief: Relief,
}

#[derive(Debug)]
pub(super) struct Watch {
    monitor: Monitor,
    /// Somebody looks at it: samples are taken also while nothing happens.
    watched: bool,
    /// When the sample ends. [`Time::NEVER`]: nothing happens, and nobody looks.
    due: Time,
    degrading: Option<Degrading>,
}

#[derive(Debug)]
struct Degrading {
    config: Degradation,
    ladder: Ladder,
    relief: Relief,
    /// Triggers that are on, as bits.
    on: u32,
    /// Until when those are that somebody outside has found.
    signals: [Option<Time>; TRIGGERS],
    /// Calls that were to be turned away by the ladder, by level.
    shed: [u32; Level::ALL.len()],
    /// By lane.
    shares: Vec<Share>,
}

impl Watch {
    /// `None`: nobody wants it.
    pub(super) fn new(config: &Config) -> Option<Box<Self>> {
        if config.monitor.is_none() && config.degradation.is_none() {
            return None;
        }
        let degrading = config.degradation.map(|config| Degrading {
            config,
            ladder: Ladder::new(
                LadderConfig { triggers: config.rules.triggers(), recover_after: config.recover_after },
                Time::ZERO,
            ),
            relief: Relief::NONE,
            on: 0,
            signals: [None; TRIGGERS],
            shed: [0; Level::ALL.len()],
            shares: Vec::new(),
        });
        Some(Box::new(Self {
            monitor: Monitor::new(config.monitor.unwrap_or_default(), Time::ZERO),
            watched: false,
            due: Time::NEVER,
            degrading,
        }))
    }

    pub(super) fn due(&self) -> Time {
        self.due.min(self.degrading.as_ref().map_or(Time::NEVER, Degrading::due))
    }

    fn share(&mut self, lane: LaneId) -> Option<&mut Share> {
        self.degrading.as_mut()?.shares.get_mut(lane.0 as usize)
    }

    fn wait(&mut self, now: Time) {
        self.due = now.after(self.monitor.config().interval);
    }

    /// Something happens: samples are taken again.
    fn wake(&mut self, now: Time) {
        if self.due == Time::NEVER {
            self.monitor.begin(now);
            self.wait(now);
        }
    }
}

impl Degrading {
    /// Whether the level that the page has come to does without a call, but for a probe now and then: what is left says little
    /// of how the others would fare.
    fn sheds(&mut self, level: Level, stands_in: bool) -> bool {
        if !sheddable(level) || !self.relief.sheds(level, stands_in) {
            return false;
        }
        let count = &mut self.shed[level as usize];
        *count = count.wrapping_add(1);
        !is_probe(*count)
    }

    /// Until when it makes no sense to ask again.
    fn retry_after(&self, now: Time) -> Duration {
        self.ladder.due().map_or(self.config.recover_after, |due| due.since(now))
    }

    fn triggers(&self, monitor: &Monitor, breaker_open: bool, now: Time) -> u32 {
        let breaker = if breaker_open { BREAKER_OPEN } else { 0 };
        let mut bits = monitor.triggers(self.on, LEAVE, self.config.recover_after, now) | breaker;
        for (trigger, signal) in self.signals.iter().enumerate() {
            bits |= u32::from(signal.is_some()) << trigger;
        }
        bits
    }

    /// When time alone may bring another level.
    fn due(&self) -> Time {
        let due = self.ladder.due().unwrap_or(Time::NEVER);
        self.signals.iter().flatten().fold(due, |due, until| due.min(*until))
    }
}

impl Scheduler {
    fn degrading(&mut self) -> Option<&mut Degrading> {
        self.watch.as_mut()?.degrading.as_mut()
    }

    /// A new lane has nothing behind it.
    pub(super) fn watch_lane(&mut self, lane: LaneId) {
        let Some(degrading) = self.degrading() else { return };
        let Some(config) = degrading.config.share else { return };
        let fresh = Share::new(config);
        match degrading.shares.get_mut(lane.0 as usize) {
            Some(old) => *old = fresh,
            None => degrading.shares.push(fresh),
        }
    }

    /// A call comes in.
    pub(super) fn watch_call(&mut self, now: Time) {
        if let Some(watch) = self.watch.as_mut() {
            watch.wake(now);
        }
    }

    /// A call that waits, and that neither a pause nor a breaker holds up, is turned away where its origin does not get it,
    /// or where the page does without it.
    pub(super) fn pass_watch(&mut self, id: CallId, lane: LaneId, route: f64, limit: Duration, now: Time) {
        let Some(watch) = self.watch.as_mut() else { return };
        let Some(degrading) = watch.degrading.as_mut() else { return };
        if !self.queue.waits(id) || !self.gates[lane.0 as usize].paused_for(now).is_zero() {
            return;
        }
        let Some(level) = self.queue.told_level_of(id) else { return };
        let mut share = degrading.shares.get_mut(lane.0 as usize);
        if let Some(share) = share.as_mut() {
            if limit < Duration::MAX {
                share.widen(limit, now);
            }
            if share.sheds(level, route, now) {
                let patience = share.patience();
                self.refuse(id, Refusal::Shed(patience));
                return;
            }
        }
        if degrading.sheds(level, self.queue.flags_of(id).has(CallFlags::STANDS_IN)) {
            let wait = degrading.retry_after(now);
            self.refuse(id, Refusal::Shed(wait));
        }
    }

    /// How many times longer time limits are now.
    pub(super) fn time_factor(&self) -> f64 {
        self.relief().time_limits()
    }

    fn relief(&self) -> Relief {
        let degrading = self.watch.as_ref().and_then(|watch| watch.degrading.as_ref());
        degrading.map_or(Relief::NONE, |degrading| degrading.relief)
    }

    /// An attempt is sent.
    pub(super) fn watch_sent(&mut self, id: CallId, lane: LaneId, now: Time) {
        let Some(share) = self.watch.as_mut().and_then(|watch| watch.share(lane)) else { return };
        if let Some(level) = self.queue.told_level_of(id) {
            share.sent(level, now);
        }
    }

    /// An attempt that was sent then has ended. `answered`: there was a response.
    pub(super) fn watch_ended(&mut self, id: CallId, sent: Time, fate: Fate, answered: bool, now: Time) {
        let Some(watch) = self.watch.as_mut() else { return };
        let (Some(level), Some(lane)) = (self.queue.told_level_of(id), self.queue.lane_of(id)) else {
            return;
        };
        if let Some(share) = watch.share(lane) {
            share.ended(level, sent, fate, now);
        }
        // What spans a sleep says nothing.
        if fate == Fate::Unknown || sent < watch.monitor.woke() {
            return;
        }
        watch.wake(now);
        let is_first = self.records.get(id).is_none_or(|record| record.retries == 0);
        let arrived = self.queue.arrival_of(id).filter(|_| is_first);
        watch.monitor.record(&Record {
            level,
            queued: arrived.map(|arrived| sent.since(arrived)),
            response: answered.then(|| now.since(sent)),
            ok: fate == Fate::Accepted,
            bytes: 0,
        });
    }

    /// So many bytes of a body came.
    pub fn received(&mut self, bytes: u64) {
        if let Some(watch) = self.watch.as_mut() {
            watch.monitor.received(bytes);
        }
    }

    /// The page woke up, or came back: nothing that spans that says anything.
    pub(super) fn watch_woken(&mut self, now: Time) {
        if let Some(watch) = self.watch.as_mut().filter(|watch| watch.due < Time::NEVER) {
            watch.monitor.skip(now);
            watch.wait(now);
        }
    }

    /// Ends the sample when it is due, and changes the level when it is time for that.
    pub(super) fn watch_time(&mut self, now: Time) {
        if self.degrading().is_some_and(|degrading| degrading.due() <= now) {
            self.step(now);
        }
        let Some(watch) = self.watch.as_mut().filter(|watch| watch.due <= now) else { return };
        let slept = now.since(watch.due) > SLEPT;
        watch.wait(now);
        if slept {
            watch.monitor.skip(now);
        } else {
            self.actions.push_back(Action::Sample);
        }
    }

    /// Takes what the outside tells at the end of a sample.
    pub(super) fn sampled(&mut self, measured: Measured, now: Time) {
        let queue = self.count();
        let Some(watch) = self.watch.as_mut() else { return };
        let Measured { main_thread, memory, cpu_pressure, lookups, hits } = measured;
        watch.monitor.looked_up(lookups.into(), hits.into());
        let idle = watch.monitor.is_idle();
        let gauges =
            Gauges { queued: queue.queued, running: queue.running, main_thread, memory, cpu_pressure };
        for alert in watch.monitor.close(gauges, now) {
            self.actions.push_back(Action::Alert(alert));
        }
        watch.wait(now);
        self.step(now);
        let level = self.standing().map_or(0, |standing| standing.level);
        let rests = idle && level == 0 && queue.queued == 0;
        if let Some(watch) = self.watch.as_mut().filter(|watch| rests && !watch.watched) {
            watch.due = Time::NEVER;
        }
    }

    /// Somebody looks at the samples from now on.
    pub(super) fn watched(&mut self, now: Time) {
        if let Some(watch) = self.watch.as_mut() {
            watch.watched = true;
            watch.wake(now);
        }
    }

    /// Climbs or descends, as the triggers say.
    pub(super) fn step(&mut self, now: Time) {
        let Some(watch) = self.watch.as_mut() else { return };
        let Watch { monitor, degrading: Some(degrading), .. } = &mut **watch else { return };
        for signal in &mut degrading.signals {
            *signal = signal.filter(|until| now < *until);
        }
        let breaker_open = self.gates.iter().any(|gate: &Gate| gate.breaker(now) == State::Open);
        degrading.on = degrading.triggers(monitor, breaker_open, now);
        let before = degrading.ladder.level();
        degrading.ladder.take(degrading.on, now);
        self.settle_level(before);
    }

    /// Enters a level because somebody outside says that a trigger is on. 0: the lowest that has this trigger.
    pub(super) fn triggered(&mut self, trigger: u32, level: u8, now: Time) {
        let Some(degrading) = self.degrading() else { return };
        let before = degrading.ladder.level();
        let level = degrading.ladder.config().level_of(trigger, level);
        degrading.ladder.enter(level, now);
        self.settle_level(before);
        // It is left as any other, so somebody has to look.
        self.watch_call(now);
    }

    /// Somebody outside has found that these triggers are on, and those off. Of what is on nothing may be heard any more, as what
    /// is given up may be why: so it is on for a stay, unless that is said again.
    pub(super) fn signals(&mut self, on: u32, off: u32, now: Time) {
        let Some(degrading) = self.degrading() else { return };
        let end = now.after(degrading.config.recover_after);
        for (trigger, signal) in degrading.signals.iter_mut().enumerate() {
            let bit = 1 << trigger;
            if on & bit != 0 {
                *signal = Some(end);
            } else if off & bit != 0 {
                *signal = None;
            }
        }
        self.watch_call(now);
        self.step(now);
    }

    /// Back to normal, as if nothing had been.
    pub(super) fn reset_level(&mut self, now: Time) {
        let Some(degrading) = self.degrading() else { return };
        let before = degrading.ladder.level();
        degrading.ladder.reset(now);
        degrading.on = 0;
        degrading.signals = [None; TRIGGERS];
        for share in &mut degrading.shares {
            *share = Share::new(*share.config());
        }
        self.settle_level(before);
    }

    /// What is done without changes with the level.
    fn settle_level(&mut self, before: u8) {
        let Some(degrading) = self.degrading() else { return };
        let level = degrading.ladder.level();
        if level == before {
            return;
        }
        let relief = degrading.config.rules.relief(level);
        degrading.relief = relief;
        self.queue.set_share(relief.concurrency());
        self.actions.push_back(Action::Level(level));
    }

    /// Where the ladder stands. `None`: there is none.
    pub fn standing(&self) -> Option<Standing> {
        let degrading = self.watch.as_ref()?.degrading.as_ref()?;
        Some(Standing {
            level: degrading.ladder.level(),
            since: degrading.ladder.since(),
            healthy: degrading.ladder.is_healthy(),
            relief: degrading.relief,
        })
    }

    /// The share of a lane's calls that is turned away now.
    pub fn share_of(&mut self, lane: LaneId, now: Time) -> f64 {
        self.watch.as_mut().and_then(|watch| watch.share(lane)).map_or(0.0, |share| share.share(now))
    }

    /// The samples that ended within so much time, the oldest first.
    pub fn samples(&self, range: Duration, now: Time) -> &[Sample] {
        self.watch.as_ref().map_or(&[], |watch| watch.monitor.samples(range, now))
    }

    /// Something outside is over, which is to be counted like a call.
    pub fn recorded(&mut self, record: &Record, now: Time) {
        if let Some(watch) = self.watch.as_mut() {
            watch.wake(now);
            watch.monitor.record(record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breaker::BreakerConfig;
    use crate::degrade::{NUMBERS, Rules, ShareConfig};
    use crate::monitor::{MonitorConfig, Trigger};
    use crate::retry::Cause;
    use crate::scheduler::{Answer, Body, Event, Submission};

    fn at(millis: u64) -> Time {
        Time::ZERO.after(Duration::from_millis(millis))
    }

    const QUEUED: u32 = Trigger::Queued as u32;

    /// A page that gives up background at level 1, for as long as somebody says.
    struct Rig {
        core: Scheduler,
        lane: LaneId,
    }

    impl Rig {
        fn new(change: impl FnOnce(&mut Config)) -> Self {
            let mut numbers = [0.0; NUMBERS];
            numbers.copy_from_slice(&[f64::from(1 << QUEUED), 1.0, 3.0, 0.5, 2.0, 0.0, 1.0]);
            let degradation = Degradation {
                rules: Rules::of(&numbers),
                recover_after: Duration::from_secs(10),
                share: None,
            };
            let mut config = Config { degradation: Some(degradation), ..Config::default() };
            change(&mut config);
            let mut core = Scheduler::new(&config);
            let lane = core.open_lane();
            Self { core, lane }
        }

        fn call(&mut self, level: Level, now: Time) -> CallId {
            self.core.submit(
                Submission { flags: CallFlags::HEEDFUL, ..Submission::new(self.lane, level.into()) },
                now,
            )
        }

        fn answer(&mut self, id: CallId, status: u16, now: Time) {
            self.core.handle(Event::Answered(id, Answer::new(status, Body::None)), now);
        }

        fn actions(&mut self) -> Vec<Action> {
            std::iter::from_fn(|| self.core.poll_action()).collect()
        }

        /// What became of a call that was just made.
        fn fate(&mut self, level: Level, now: Time) -> Action {
            self.call(level, now);
            self.actions().pop().unwrap()
        }
    }

    #[test]
    fn samples_are_taken_while_something_happens_and_then_no_timer_runs() {
        let mut rig = Rig::new(|_| {});
        assert_eq!(rig.core.poll_timeout(), None);
        let id = rig.call(Level::Normal, at(0));
        rig.answer(id, 200, at(40));
        rig.actions();
        assert_eq!(rig.core.poll_timeout(), Some(at(5_000)));
        for due in [5_000, 10_000] {
            rig.core.handle(Event::Woke, at(due));
            assert_eq!(rig.actions(), [Action::Sample]);
            rig.core.handle(Event::Sampled(Measured::NOTHING), at(due));
        }
        assert_eq!(rig.core.poll_timeout(), None);
        let samples = rig.core.samples(Duration::MAX, at(10_000));
        assert_eq!(samples.iter().map(Sample::requests).collect::<Vec<_>>(), [1, 0]);
        let p50 = samples[0].all().response.quantile(0.5).unwrap();
        assert!((p50 / 40.0 - 1.0).abs() < 0.01, "{p50}");
        // What was not watched is no part of the next one.
        rig.call(Level::Normal, at(60_000));
        assert_eq!(rig.core.poll_timeout(), Some(at(65_000)));
        rig.core.handle(Event::Sampled(Measured::NOTHING), at(65_000));
        assert_eq!(rig.core.samples(Duration::MAX, at(65_000))[2].span, Duration::from_secs(5));
    }

    #[test]
    fn who_looks_has_samples_also_while_nothing_happens() {
        let mut rig = Rig::new(|_| {});
        rig.core.handle(Event::Watched, at(0));
        for due in [5_000, 10_000, 15_000] {
            rig.core.handle(Event::Woke, at(due));
            rig.core.handle(Event::Sampled(Measured::NOTHING), at(due));
            assert_eq!(rig.core.poll_timeout(), Some(at(due + 5_000)));
        }
    }

    #[test]
    fn what_spans_a_sleep_is_no_sample_and_no_latency() {
        let mut rig = Rig::new(|_| {});
        let [before, during] = [0, 1].map(|_| rig.call(Level::Normal, at(0)));
        rig.answer(before, 200, at(20));
        rig.actions();
        // A minute late is a hidden page; an hour late is a machine that slept.
        rig.core.handle(Event::Woke, at(3_600_000));
        assert_eq!(rig.actions(), []);
        rig.answer(during, 200, at(3_600_001));
        rig.actions();
        rig.core.handle(Event::Woke, at(3_605_000));
        rig.core.handle(Event::Sampled(Measured::NOTHING), at(3_605_000));
        let [sample] = rig.core.samples(Duration::MAX, at(3_605_000)) else { panic!("one sample") };
        assert_eq!((sample.span, sample.requests()), (Duration::from_secs(5), 0));
    }

    #[test]
    fn a_call_counts_at_the_level_that_was_told_and_once_for_each_attempt() {
        let mut rig = Rig::new(|config| config.per_lane = Some(1));
        let [first, second] = [0, 1].map(|_| rig.call(Level::Normal, at(0)));
        rig.answer(first, 503, at(7_000));
        // It has sunk to low by then.
        rig.core.handle(Event::Failed(second, Cause::NoResponse), at(7_100));
        rig.core.handle(Event::Sampled(Measured::NOTHING), at(7_200));
        let sample = rig.core.samples(Duration::MAX, at(7_200))[0].clone();
        let normal = &sample.levels[Level::Normal as usize];
        assert_eq!((normal.requests, sample.failed), (2, 2));
        assert_eq!((normal.queued.count(), normal.response.count()), (2, 1));
    }

    #[test]
    fn a_level_turns_away_what_it_does_without_and_the_limits_are_others() {
        let mut rig = Rig::new(|_| {});
        rig.core.handle(Event::Triggered(QUEUED, 0), at(0));
        assert_eq!(rig.actions(), [Action::Level(1)]);
        let refused = |action| matches!(action, Action::Reject(_, Refusal::Shed(_)));
        assert!(refused(rig.fate(Level::Background, at(0))));
        assert!(!refused(rig.fate(Level::Low, at(0))));
        assert_eq!(rig.core.limit_of(rig.lane), Some(3));
        assert_eq!(rig.core.totals().shed, 1);
        assert_eq!(rig.core.count().running, 1);
        rig.core.handle(Event::Reset, at(1));
        assert_eq!(rig.actions(), [Action::Level(0)]);
        assert!(!refused(rig.fate(Level::Background, at(1))));
    }

    #[test]
    fn what_somebody_else_finds_holds_for_a_stay_unless_it_is_said_again() {
        let mut rig = Rig::new(|_| {});
        let on = 1 << QUEUED;
        let mut tell = |on, off, seconds: u64| {
            let now = at(seconds * 1_000);
            rig.core.handle(Event::Signals { on, off }, now);
            rig.core.handle(Event::Sampled(Measured::NOTHING), now);
            rig.core.standing().map(|standing| standing.level)
        };
        // On until 18 s; then the ladder's own stay.
        assert_eq!([tell(on, 0, 0), tell(0, 0, 7), tell(on, 0, 8), tell(0, 0, 17)], [Some(1); 4]);
        assert_eq!([tell(0, 0, 18), tell(0, 0, 27), tell(0, 0, 28)], [Some(1), Some(1), Some(0)]);
        assert_eq!(
            [tell(on, 0, 60), tell(0, on, 61), tell(0, 0, 70), tell(0, 0, 71)],
            [Some(1), Some(1), Some(1), Some(0)]
        );
    }

    #[test]
    fn one_thing_turns_a_call_away() {
        let share = Some(ShareConfig { minimum: 1, ..ShareConfig::default() });
        let mut rig = Rig::new(|config| {
            config.breaker = Some(BreakerConfig::default());
            config.degradation = config.degradation.map(|all| Degradation { share, ..all });
        });
        rig.core.handle(Event::Triggered(QUEUED, 0), at(0));
        rig.actions();
        // A pause: it waits, whatever else there is.
        let id = rig.call(Level::Critical, at(0));
        let pause = Some(Duration::from_secs(2));
        rig.core.handle(
            Event::Answered(id, Answer { status: 503, body: Body::None, retry_after: pause }),
            at(10),
        );
        rig.actions();
        let waits = rig.call(Level::Background, at(20));
        assert_eq!((rig.actions(), rig.core.waits(waits)), (vec![], true));
        rig.core.handle(Event::Cleared, at(30));
        rig.actions();
        // Then the breaker.
        for _ in 0..5 {
            let id = rig.call(Level::Critical, at(5_000));
            rig.answer(id, 500, at(5_000));
        }
        rig.actions();
        let fate = rig.fate(Level::Background, at(5_000));
        assert!(matches!(fate, Action::Reject(_, Refusal::CircuitOpen(_))), "{fate:?}");
    }

    #[test]
    fn what_waits_and_has_lost_its_moment_is_not_sent() {
        let mut rig = Rig::new(|config| config.per_lane = Some(1));
        rig.call(Level::Normal, at(0));
        let wait = Some(Duration::from_millis(100));
        let late =
            rig.core.submit(Submission { wait, ..Submission::new(rig.lane, Level::Normal.into()) }, at(0));
        rig.actions();
        assert_eq!(rig.core.poll_timeout(), Some(at(100)));
        rig.core.handle(Event::Woke, at(100));
        assert_eq!(rig.actions(), [Action::Reject(late, Refusal::TimedOut)]);
    }

    #[test]
    fn without_a_monitor_and_degradation_there_is_nothing() {
        let mut rig = Rig::new(|config| (config.monitor, config.degradation) = (None::<MonitorConfig>, None));
        let id = rig.call(Level::Normal, at(0));
        rig.answer(id, 200, at(1));
        rig.core.handle(Event::Triggered(QUEUED, 3), at(2));
        assert_eq!((rig.core.poll_timeout(), rig.core.standing()), (None, None));
        assert!(rig.core.samples(Duration::MAX, at(3)).is_empty());
    }
}
