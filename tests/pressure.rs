//! An origin in trouble, and a hundred pages of the same build: with degradation and without, on the same seed.

use sixlane::Level;
use sixlane::degrade::{Ladder, LadderConfig, Share, ShareConfig, Step};
use sixlane::monitor::{Alarm, Gauges, Monitor, MonitorConfig, Record, Sample};
use sixlane::random::Random;
use sixlane::time::{Duration, Time};

const PAGES: usize = 100;
const SEEDS: u64 = 2_000;

/// Milliseconds of a step, in which each page makes one call at most.
const STEP: u64 = 500;

/// Steps of a sample.
const SAMPLE: u64 = 10;

/// Steps from one state of the origin to the next.
const PHASE: u64 = 60;

/// Steps in which it is at ease again, until everything has been given back.
const END: u64 = 400;

/// The routes of a page: one for each of its widgets.
const ROUTES: f64 = 20.0;

const RECOVER_AFTER: Duration = Duration::from_secs(10);

/// What there is of a page for its calls to go through.
struct Page {
    share: Share,
    monitor: Monitor,
    ladder: Ladder,
    slow: Alarm,
    failing: Alarm,
    steps: Vec<(u64, Step)>,
}

const SLOW: u32 = 1;
const FAILS: u32 = 2;

impl Page {
    fn new() -> Self {
        let triggers = [SLOW, 0, FAILS, 0, 0];
        Self {
            share: Share::new(ShareConfig::default()),
            monitor: Monitor::new(MonitorConfig { minimum: 3, ..MonitorConfig::default() }, Time::ZERO),
            ladder: Ladder::new(LadderConfig { triggers, recover_after: RECOVER_AFTER }, Time::ZERO),
            slow: Alarm::default(),
            failing: Alarm::default(),
            steps: Vec::new(),
        }
    }

    /// Whether a call is sent. One thing turns it away: the share before the ladder.
    fn admits(&mut self, level: Level, route: f64, now: Time) -> bool {
        self.share.admit(level, route, now)
            && match self.ladder.level() {
                0 => true,
                1 | 2 => level > Level::Background,
                _ => level > Level::Low,
            }
    }

    fn ended(&mut self, level: Level, took: Duration, ok: bool, now: Time) {
        if ok {
            self.share.accepted(now);
        }
        self.monitor.record(&Record { level, queued: Duration::ZERO, response: Some(took), ok, bytes: 0 });
    }

    fn sample(&mut self, step: u64, now: Time) {
        self.monitor.close(Gauges::NONE, now);
        let Some(sample) = self.monitor.samples(Duration::ZERO, now).last().cloned() else { return };
        let enough = sample.requests() >= 3;
        let p95 = enough.then(|| sample.all().response.quantile(0.95)).flatten();
        let errors = enough.then(|| Sample::error_rate(&sample)).flatten();
        let pending = Duration::from_secs(5);
        self.slow.take(p95, sample.span, 1_000.0, 0.7, pending);
        self.failing.take(errors, sample.span, 0.3, 0.7, pending);
        let on = u32::from(self.slow.is_raised()) * SLOW + u32::from(self.failing.is_raised()) * FAILS;
        self.steps.extend(self.ladder.take(on, now).into_iter().map(|change| (step, change)));
    }
}

/// The state of the origin: how many calls it takes in a step, and how long each takes.
#[derive(Clone, Copy)]
struct State {
    takes: f64,
    millis: u64,
}

const WELL: State = State { takes: 1_000.0, millis: 30 };

/// What became of one run.
#[derive(Default)]
struct Run {
    /// Critical calls that succeeded, in all.
    critical: u32,
    /// The most that were sent in one step once it was well again.
    wave: usize,
    /// How often, at most, a page entered the same level while the state of the origin did not change.
    entered: usize,
    /// Pages that are not at level 0 in the end, or shed anything.
    left: usize,
    shed: u32,
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
        .map(|_| match (random.fraction() * 4.0) as u32 {
            0 => State { takes: 1_000.0, millis: 3_000 },
            1 => State { takes: 10.0, millis: 30 },
            2 => State { takes: 0.0, millis: 30 },
            _ => State { takes: 25.0, millis: 1_500 },
        })
        .collect();
    let flaps = random.fraction() < 0.3;
    let mut pages: Vec<Page> = (0..PAGES).map(|_| Page::new()).collect();
    let mut run = Run::default();
    // Without it there is nothing that has to come back.
    let steps = PHASE * 4 + if degrades { END } else { 0 };
    for step in 0..steps {
        let now = Time::ZERO.after(Duration::from_millis(step * STEP));
        let phase = (step / PHASE) as usize;
        let trouble = phase.checked_sub(1).and_then(|phase| phases.get(phase)).copied();
        let state = trouble.filter(|_| !flaps || step / 4 % 2 == 0).unwrap_or(WELL);
        let mut sent = Vec::new();
        for (index, page) in pages.iter_mut().enumerate() {
            let level = match (random.fraction() * 10.0) as u32 {
                0 => Level::Critical,
                1 => Level::High,
                2..=4 => Level::Normal,
                5..=6 => Level::Low,
                _ => Level::Background,
            };
            let route = (random.fraction() * ROUTES).floor() / ROUTES;
            let luck = random.fraction();
            if degrades && !page.admits(level, route, now) {
                run.shed += 1;
            } else {
                sent.push((index, level, luck));
            }
        }
        // Which of them it takes, chance says, whatever their level.
        let chance = state.takes / sent.len() as f64;
        for &(index, level, luck) in &sent {
            let ok = luck < chance;
            if degrades {
                pages[index].ended(level, Duration::from_millis(state.millis), ok, now);
            }
            run.critical += u32::from(ok && level == Level::Critical);
        }
        if step >= PHASE * 4 {
            run.wave = run.wave.max(sent.len());
        }
        if degrades && (step + 1) % SAMPLE == 0 {
            for page in &mut pages {
                page.sample(step, now.after(Duration::from_millis(STEP)));
            }
        }
    }
    for page in &mut pages {
        let end = Time::ZERO.after(Duration::from_millis(steps * STEP));
        run.left += usize::from(page.ladder.level() > 0 || page.share.share(end) > 0.0);
        if !flaps {
            for (phase, level) in (0..4).flat_map(|phase| [(phase, 1), (phase, 3)]) {
                let entered =
                    page.steps.iter().filter(|(at, step)| at / PHASE == phase && *step == Step::Enter(level));
                run.entered = run.entered.max(entered.count());
            }
        }
    }
    run
}

fn check(seed: u64) -> u32 {
    let (with, without) = (run(seed, true), run(seed, false));
    let (critical, before) = (with.critical, without.critical);
    assert!(critical >= before, "seed {seed}: {critical} critical calls succeed in place of {before}");
    assert_eq!(with.left, 0, "seed {seed}: a page has not come back");
    assert!(with.wave <= PAGES, "seed {seed}: a second wave of {}", with.wave);
    // In a phase there is time for one relapse: the stay after it is longer than what is left.
    assert!(with.entered <= 2, "seed {seed}: a level entered {} times in one phase", with.entered);
    with.shed
}

#[test]
fn what_is_important_loses_nothing_and_everything_comes_back() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let shed: u64 = std::thread::scope(|scope| {
        let each = |thread| (thread..SEEDS).step_by(threads).map(|seed| u64::from(check(seed))).sum::<u64>();
        let all: Vec<_> = (0..threads as u64).map(|thread| scope.spawn(move || each(thread))).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(shed > 1_000_000, "{shed} calls shed, so most of this was not tried");
}
