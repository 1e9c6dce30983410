//! An origin in trouble, and a hundred pages of the same build: with degradation and without, on the same seed.

use sixlane::config::Degradation;
use sixlane::degrade::{Rules, ShareConfig};
use sixlane::monitor::MonitorConfig;
use sixlane::random::Random;
use sixlane::scheduler::{Measured, Protocol};
use sixlane::time::{Duration, Time};
use sixlane::{
    Action, Answer, Body, CallFlags, CallId, Config, Event, LaneId, Level, Refusal, Scheduler, Submission,
};

const PAGES: usize = 100;
const SEEDS: u64 = 2_000;

/// Milliseconds of a step, in which each page makes one call at most.
const STEP: u64 = 1_000;

/// Steps from one state of the origin to the next.
const PHASE: u64 = 30;

/// Steps in which it is at ease again, until everything has been given back.
const END: u64 = 200;

/// Steps after which what was held up is through.
const CALM: u64 = 20;

/// What the origin takes in a step when it is well: three times what the pages ask for.
const CAPACITY: usize = 3 * PAGES;

/// The routes of a page: one for each of its widgets.
const ROUTES: f64 = 20.0;

const RECOVER_AFTER: Duration = Duration::from_secs(10);

/// What is not sent by then has lost its moment, but for what is critical.
const WAIT: Duration = Duration::from_secs(4);

/// For so long callers wait for what is critical. So calls that are made shortly before the origin changes say more of luck
/// than of what is done about it, and are not counted.
const PATIENCE: u64 = 5;

/// Steps from one state to the other where it flaps.
const FLAP: u64 = 10;

fn at(step: u64) -> Time {
    Time::ZERO.after(Duration::from_millis(step * STEP))
}

fn config(degrades: bool) -> Config {
    let degradation = Degradation {
        rules: Rules::default(),
        recover_after: RECOVER_AFTER,
        share: Some(ShareConfig::default()),
    };
    Config {
        monitor: degrades.then(|| MonitorConfig { minimum: 3, ..MonitorConfig::default() }),
        degradation: degrades.then_some(degradation),
        ..Config::default()
    }
}

/// A call that was sent.
struct Sent {
    page: usize,
    id: CallId,
    due: u64,
    call: Made,
    ok: bool,
}

/// A call that was made.
#[derive(Clone, Copy)]
struct Made {
    step: u64,
    level: Level,
    luck: f64,
}

struct Page {
    core: Scheduler,
    lane: LaneId,
    /// Of each call by the index of its id.
    calls: Vec<Made>,
    level: u8,
    /// When each level was entered.
    entered: Vec<(u64, u8)>,
    shed: u32,
}

impl Page {
    fn new(degrades: bool) -> Self {
        let mut core = Scheduler::new(&config(degrades));
        let lane = core.open_lane();
        core.handle(Event::Protocol(lane, Protocol::Serial), Time::ZERO);
        Self { core, lane, calls: Vec::new(), level: 0, entered: Vec::new(), shed: 0 }
    }

    /// Time has come, if there is anything to be done about it.
    fn wake(&mut self, step: u64) {
        if self.core.poll_timeout().is_some_and(|due| due <= at(step)) {
            self.core.handle(Event::Woke, at(step));
        }
    }

    /// Whether nothing is given up any more.
    fn is_at_ease(&mut self, step: u64) -> bool {
        self.level == 0 && self.core.share_of(self.lane, at(step)) <= 0.0
    }

    fn call(&mut self, made: Made, route: f64) {
        let Made { step, level, .. } = made;
        let mut call = Submission::new(self.lane, level.into());
        call.flags = CallFlags::HEEDFUL.and(CallFlags::RESENDABLE).and(CallFlags::SAME_ORIGIN);
        call.route = route;
        if level == Level::Critical {
            call.total = Some(Duration::from_millis(PATIENCE * STEP));
        } else {
            call.wait = Some(WAIT);
        }
        let id = self.core.submit(call, at(step));
        let index = (id.to_bits() & 0xffff_ffff) as usize;
        if self.calls.len() <= index {
            self.calls.resize(index + 1, made);
        }
        self.calls[index] = made;
    }

    /// Does what the scheduler says; `page` is sent what it starts.
    fn perform(&mut self, page: usize, step: u64, sent: &mut Vec<Sent>) {
        while let Some(action) = self.core.poll_action() {
            match action {
                Action::Start(id, _) => {
                    let call = self.calls[(id.to_bits() & 0xffff_ffff) as usize];
                    sent.push(Sent { page, id, due: 0, call, ok: false });
                }
                Action::Sample => self.core.handle(Event::Sampled(Measured::NOTHING), at(step)),
                Action::Level(level) => {
                    if level > self.level {
                        self.entered.extend((self.level + 1..=level).map(|level| (step, level)));
                    }
                    self.level = level;
                }
                Action::Reject(_, Refusal::Shed(_)) => self.shed += 1,
                _ => {}
            }
        }
    }
}

/// The state of the origin: how many calls it takes in a step, and how many steps later each is answered.
#[derive(Clone, Copy)]
struct State {
    takes: f64,
    steps: u64,
    /// Seconds for which it wants to be left alone, where it takes none.
    pause: Option<Duration>,
}

#[expect(clippy::cast_precision_loss, reason = "some hundred calls")]
const WELL: State = State { takes: CAPACITY as f64, steps: 0, pause: None };

/// What became of one run.
#[derive(Default)]
struct Run {
    /// Critical calls that succeeded, in all.
    critical: u32,
    /// The most that were sent in one step once it was well again.
    wave: usize,
    /// Seconds between two times that a page entered the same level, at least.
    between: Option<u64>,
    /// Pages that are not at level 0 in the end, or shed anything.
    left: usize,
    shed: u32,
    /// Whether the origin asked for a pause.
    paused: bool,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a fraction of ten, and some hundred calls"
)]
fn run(seed: u64, degrades: bool) -> Run {
    let mut random = Random::new(seed);
    let phases: Vec<State> = (0..3)
        .map(|_| match (random.fraction() * 5.0) as u32 {
            0 => State { steps: 3, ..WELL },
            1 => State { takes: 10.0, ..WELL },
            2 => State { takes: 0.0, ..WELL },
            3 => State { takes: 0.0, pause: Some(Duration::from_secs(8)), ..WELL },
            _ => State { takes: 25.0, steps: 2, ..WELL },
        })
        .collect();
    let flaps = random.fraction() < 0.3;
    let mut pages: Vec<Page> = (0..PAGES).map(|_| Page::new(degrades)).collect();
    let paused = phases.iter().any(|state| state.pause.is_some());
    let mut run = Run { paused, ..Run::default() };
    let mut under_way: Vec<Sent> = Vec::new();
    // What takes the slots that answers have freed.
    let mut next: Vec<Sent> = Vec::new();
    // Without it there is nothing that has to come back.
    let steps = PHASE * 4 + if degrades { END } else { CALM };
    for step in 0..steps {
        let phase = (step / PHASE) as usize;
        let trouble = phase.checked_sub(1).and_then(|phase| phases.get(phase)).copied();
        let state = trouble.filter(|_| !flaps || (step / FLAP).is_multiple_of(2)).unwrap_or(WELL);
        let mut sent = std::mem::take(&mut next);
        for (index, page) in pages.iter_mut().enumerate() {
            let level = match (random.fraction() * 10.0) as u32 {
                0 => Level::Critical,
                1 => Level::High,
                2..=4 => Level::Normal,
                5..=6 => Level::Low,
                _ => Level::Background,
            };
            let route = (random.fraction() * ROUTES).floor() / ROUTES;
            page.wake(step);
            page.call(Made { step, level, luck: random.fraction() }, route);
            page.perform(index, step, &mut sent);
        }
        if step >= PHASE * 4 + CALM && step % 10 == 0 && pages.iter_mut().all(|page| page.is_at_ease(step)) {
            break;
        }
        if step >= PHASE * 4 {
            run.wave = run.wave.max(sent.len());
        }
        // Which of them it takes, chance says, whatever their level.
        let chance = state.takes / sent.len() as f64;
        for call in &mut sent {
            (call.ok, call.due) = (call.call.luck < chance, step + state.steps);
        }
        under_way.append(&mut sent);
        let (ended, others): (Vec<_>, Vec<_>) = under_way.drain(..).partition(|call| call.due <= step);
        under_way = others;
        for Sent { page: index, id, call, ok, .. } in ended {
            let answer = Answer {
                status: if ok { 200 } else { 503 },
                body: Body::None,
                retry_after: state.pause.filter(|_| !ok),
            };
            let page = &mut pages[index];
            page.core.handle(Event::Answered(id, answer), at(step).after(Duration::from_millis(30)));
            page.perform(index, step + 1, &mut next);
            let counts = call.step < PHASE * 4 && call.step % FLAP < FLAP - PATIENCE;
            run.critical += u32::from(ok && call.level == Level::Critical && counts);
        }
    }
    for page in &mut pages {
        run.left += usize::from(!page.is_at_ease(steps));
        run.shed += page.shed;
        for (k, (step, level)) in page.entered.iter().enumerate() {
            let again = page.entered[k + 1..].iter().find(|(_, other)| other == level);
            run.between = run.between.into_iter().chain(again.map(|(later, _)| later - step)).min();
        }
    }
    run
}

/// Checks one seed. Returns what is to be true of all together.
fn check(seed: u64) -> Sums {
    let (with, without) = (run(seed, true), run(seed, false));
    let (critical, before) = (with.critical, without.critical);
    // When a pause is over that the origin asked for, chance says, and that is not the same in both.
    if !with.paused {
        assert!(critical >= before, "seed {seed}: {critical} critical calls succeed in place of {before}");
    }
    assert_eq!(with.left, 0, "seed {seed}: a page has not come back");
    assert!(with.wave <= CAPACITY, "seed {seed}: a second wave of {}", with.wave);
    let between = with.between.map(|steps| steps * STEP);
    assert!(
        between.is_none_or(|millis| millis >= RECOVER_AFTER.as_millis()),
        "seed {seed}: a level entered again after {between:?} ms"
    );
    let mut sums =
        Sums { shed: with.shed.into(), waves: u32::from(without.wave > CAPACITY), ..Sums::default() };
    (sums.critical, sums.before) = (critical.into(), before.into());
    sums
}

/// Of many seeds.
#[derive(Clone, Copy, Default)]
struct Sums {
    critical: u64,
    before: u64,
    shed: u64,
    /// Seeds with a second wave where nothing is given up.
    waves: u32,
}

impl Sums {
    fn and(self, other: Self) -> Self {
        Self {
            critical: self.critical + other.critical,
            before: self.before + other.before,
            shed: self.shed + other.shed,
            waves: self.waves + other.waves,
        }
    }
}

#[test]
fn what_is_important_loses_nothing_and_everything_comes_back() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let Sums { critical, before, shed, waves } = std::thread::scope(|scope| {
        let each = |thread| (thread..SEEDS).step_by(threads).map(check).fold(Sums::default(), Sums::and);
        let all: Vec<_> = (0..threads as u64).map(|thread| scope.spawn(move || each(thread))).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).fold(Sums::default(), Sums::and)
    });
    println!(
        "{critical} critical calls succeed in place of {before}; {shed} shed; {waves} seeds with a wave before"
    );
    assert!(critical * 10 >= before * 11, "{critical} critical calls succeed in place of {before}");
    // Or most of this was not tried.
    assert!(shed > 1_000_000, "{shed} calls shed");
    assert!(waves > 100, "{waves} seeds have a second wave where nothing is given up");
}
