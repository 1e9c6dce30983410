//! The limit that follows what is measured, against origins on virtual time.
//!
//! Each origin is asked without end. What the scheduler gets through, once three seconds have passed, is compared with
//! the best that any fixed limit gets through at the same origin.

use fastrand::Rng;
use sixlane::limit::{CEILING, FLOOR};
use sixlane::time::Duration;
use sixlane::{
    Action, Aging, Answer, Body, CallId, Config, Event, LaneId, Level, Outcome, Protocol, Scheduler,
    Submission, Time,
};
use std::collections::BTreeSet;

const MS: Duration = Duration::from_millis(1);
const FOUND: Duration = Duration::from_secs(3);
const END: Duration = Duration::from_secs(7);

/// How long an origin takes.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// So many are served at once, the others wait there.
    Workers(u32),
    /// All are served at once, and each is slower for every other one: the more, the less gets done above so many.
    Thrashes(f64),
    /// Each is slower by the same for every other one.
    Slows(f64),
    /// Refuses streams above so many.
    Refuses(u32),
    /// Answers with 503 above so many.
    Unavailable(u32),
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum End {
    Answer(u16),
    Refusal,
}

struct Run {
    core: Scheduler,
    lane: LaneId,
    origin: Origin,
    trip: Duration,
    /// Half of the answers take so many times as long.
    slow: u32,
    rng: Rng,
    now: Time,
    running: u32,
    /// When each worker is free.
    workers: Vec<Time>,
    ends: BTreeSet<(Time, CallId, End)>,
    /// The most that were under way.
    most: u32,
    answers: Vec<Time>,
    limits: BTreeSet<u32>,
}

impl Run {
    fn new(config: &Config, origin: Origin, trip: Duration, seed: u64) -> Self {
        let mut core = Scheduler::new(config);
        let lane = core.open_lane();
        let workers = if let Origin::Workers(count) = origin { count } else { 0 };
        Self {
            core,
            lane,
            origin,
            trip,
            slow: 1,
            rng: Rng::with_seed(seed),
            now: Time::ZERO,
            running: 0,
            workers: vec![Time::ZERO; workers as usize],
            ends: BTreeSet::new(),
            most: 0,
            answers: Vec::new(),
            limits: BTreeSet::new(),
        }
    }

    fn submit(&mut self) {
        self.core.submit(Submission::new(self.lane, Level::Normal.into()), self.now);
    }

    fn start(&mut self, id: CallId) {
        self.running += 1;
        self.most = self.most.max(self.running);
        // No less than most of it, and a long tail.
        let jitter = 0.7 - 0.3 * (1.0 - self.rng.f64()).ln();
        let slow = if self.rng.bool() { self.slow } else { 1 };
        let trip = self.trip.mul_f64(jitter) * slow;
        let others = f64::from(self.running);
        let (at, end) = match self.origin {
            Origin::Workers(_) => {
                let first = self.workers.iter_mut().min().expect("there is a worker");
                *first = (*first).max(self.now).after(trip);
                (*first, End::Answer(200))
            }
            Origin::Thrashes(most) => {
                (self.now.after(trip.mul_f64(1.0 + (others / most).powi(2))), End::Answer(200))
            }
            Origin::Slows(most) => (self.now.after(trip.mul_f64(1.0 + others / most)), End::Answer(200)),
            Origin::Refuses(most) if self.running > most => (self.now.after(trip / 2), End::Refusal),
            Origin::Unavailable(most) if self.running > most => (self.now.after(trip / 2), End::Answer(503)),
            Origin::Refuses(_) | Origin::Unavailable(_) => (self.now.after(trip), End::Answer(200)),
        };
        self.ends.insert((at, id, end));
    }

    fn drain(&mut self) {
        while let Some(action) = self.core.poll_action() {
            if let Action::Start(id, _) = action {
                self.start(id);
            }
        }
        self.limits.extend(self.core.limit_of(self.lane));
    }

    fn end(&mut self, id: CallId, end: End) {
        self.running -= 1;
        let event = match end {
            End::Answer(status) => {
                if status == 200 {
                    self.answers.push(self.now);
                }
                Event::Answered(id, Answer::new(status, Body::None))
            }
            End::Refusal => Event::Settled(id, Outcome::Failed),
        };
        self.core.handle(event, self.now);
        self.core.handle(Event::Protocol(self.lane, Protocol::Multiplexed), self.now);
    }

    /// Keeps `waiting` calls in front of the scheduler until `end`.
    fn go(&mut self, waiting: u32, end: Time) {
        loop {
            while self.core.count().queued < waiting {
                self.submit();
            }
            self.drain();
            let next =
                self.ends.first().map(|&(at, ..)| at).into_iter().chain(self.core.poll_timeout()).min();
            let Some(next) = next.filter(|&next| next < end) else { return };
            self.now = self.now.max(next);
            match self.ends.first().copied() {
                Some(first @ (at, id, kind)) if at <= self.now => {
                    self.ends.remove(&first);
                    self.end(id, kind);
                }
                _ => self.core.handle(Event::Woke, self.now),
            }
        }
    }

    fn answers_after(&self, start: Time) -> usize {
        self.answers.iter().filter(|&&at| at >= start).count()
    }
}

fn adaptive() -> Config {
    // The limit alone: no common one, and no ageing, which changes the order and not the number.
    Config { concurrency: None, aging: Aging::NONE, ..Config::default() }
}

fn fixed(limit: u32) -> Config {
    Config { per_lane: Some(limit), adaptive: false, ..adaptive() }
}

fn run(config: &Config, origin: Origin, trip: Duration, seed: u64) -> Run {
    let mut run = Run::new(config, origin, trip, seed);
    run.go(200, Time::ZERO.after(END));
    run
}

/// What the best of all fixed limits gets through after three seconds.
fn best(origin: Origin, trip: Duration, seed: u64) -> (usize, u32) {
    let through = |limit| run(&fixed(limit), origin, trip, seed).answers_after(Time::ZERO.after(FOUND));
    [6, 8, 11, 15, 20, 28, 40, 55, 75, 100]
        .map(|limit| (through(limit), limit))
        .into_iter()
        .max()
        .expect("there are limits")
}

#[test]
fn it_finds_four_fifths_of_the_best_within_three_seconds() {
    let origins = [
        Origin::Workers(4),
        Origin::Workers(10),
        Origin::Workers(30),
        Origin::Workers(80),
        Origin::Workers(1_000),
        Origin::Thrashes(8.0),
        Origin::Thrashes(20.0),
        Origin::Thrashes(60.0),
        Origin::Slows(30.0),
        Origin::Slows(100.0),
        Origin::Refuses(10),
        Origin::Refuses(20),
        Origin::Refuses(50),
        Origin::Unavailable(15),
        Origin::Unavailable(40),
    ];
    for origin in origins {
        for trip in [5, 50, 300] {
            // Nobody finds in three seconds what takes as long to be answered once.
            if matches!(origin, Origin::Thrashes(most) if most < 10.0) && trip > 100 {
                continue;
            }
            let (most, limit) = best(origin, MS * trip, u64::from(trip));
            let own = run(&adaptive(), origin, MS * trip, u64::from(trip));
            let got = own.answers_after(Time::ZERO.after(FOUND));
            let which = format!("{origin:?}, {trip} ms");
            assert!(
                got * 5 >= most * 4,
                "{which}: {got} answers, {most} with the best limit, {limit}; limits {:?}",
                own.limits
            );
            assert!(own.most <= CEILING, "{which}: {} at once", own.most);
            assert!(own.limits.iter().all(|limit| (FLOOR..=CEILING).contains(limit)), "{which}");
        }
    }
}

#[test]
fn an_idle_page_neither_grows_nor_shrinks() {
    let mut run = Run::new(&adaptive(), Origin::Workers(1_000), MS * 20, 7);
    for second in 1..60 {
        run.submit();
        run.go(0, Time::ZERO.after(Duration::from_secs(second)));
        run.now = Time::ZERO.after(Duration::from_secs(second));
    }
    assert_eq!(run.limits, BTreeSet::from([FLOOR, sixlane::limit::FIRST]));
}

#[test]
fn an_origin_with_fast_and_slow_answers_is_not_taken_for_an_overloaded_one() {
    for seed in 0..20 {
        let mut run = Run::new(&adaptive(), Origin::Workers(1_000), MS * 20, seed);
        run.slow = 20;
        run.go(200, Time::ZERO.after(END));
        let mut same = Run::new(&fixed(CEILING), Origin::Workers(1_000), MS * 20, seed);
        same.slow = 20;
        same.go(200, Time::ZERO.after(END));
        let found = Time::ZERO.after(FOUND);
        let (got, most) = (run.answers_after(found), same.answers_after(found));
        assert!(got * 5 >= most * 4, "seed {seed}: {got} of {most}");
    }
}

#[test]
fn on_connections_of_one_request_each_six_it_stays() {
    let mut run = Run::new(&adaptive(), Origin::Workers(1_000), MS * 20, 3);
    run.go(200, Time::ZERO.after(FOUND));
    run.core.handle(Event::Protocol(run.lane, Protocol::Serial), run.now);
    assert_eq!(run.core.limit_of(run.lane), Some(Config::PER_ORIGIN));
}
