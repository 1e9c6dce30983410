//! What a call costs with many others waiting: to pass through, to be cancelled, to change its priority.

use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use fastrand::Rng;
use sixlane::{CallId, Config, Event, LaneId, Level, Outcome, Scheduler, Strategy, Submission, Time};
use std::hint::black_box;
use std::time::Duration;

const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// Calls that one measured round handles: enough to make a clock's resolution and the set-up not count.
const ROUND: u32 = 1_000;

const LANES: u32 = 8;

/// A scheduler under full load. Every heap is in use: turns, sinking, dropping.
struct Rig {
    core: Scheduler,
    rng: Rng,
    lanes: Vec<LaneId>,
    waiting: Vec<CallId>,
    running: Vec<CallId>,
    now: Time,
}

impl Rig {
    fn new(waiting: u32) -> Self {
        let config = Config {
            per_lane: Some(6),
            concurrency: Some(16),
            high_water: Some(u32::MAX),
            strategy: Strategy::DropLowest,
            ..Config::default()
        };
        let mut core = Scheduler::new(&config);
        let lanes = (0..LANES).map(|_| core.open_lane()).collect();
        let rng = Rng::with_seed(u64::from(waiting));
        let mut rig = Self { core, rng, lanes, waiting: Vec::new(), running: Vec::new(), now: Time::ZERO };
        while rig.core.count().queued < waiting {
            let id = rig.submit();
            rig.waiting.push(id);
        }
        rig.drain();
        rig.waiting.retain(|&id| rig.core.waits(id));
        rig
    }

    fn submit(&mut self) -> CallId {
        // A microsecond a call: over a long run some wait long enough to sink.
        self.now = self.now.after(Duration::from_micros(1).into());
        let lane = self.lanes[self.rng.usize(..self.lanes.len())];
        self.core.submit(Submission::new(lane, Level::ALL[self.rng.usize(..5)].into()), self.now)
    }

    fn drain(&mut self) {
        while let Some(action) = self.core.poll_action() {
            if let sixlane::Action::Start(id, _) = action {
                self.running.push(id);
            }
        }
    }

    /// One call comes, one that runs is settled, and so one starts: as many wait as before.
    fn pass(&mut self) {
        black_box(self.submit());
        let done = self.running.swap_remove(self.rng.usize(..self.running.len()));
        self.core.handle(Event::Settled(done, Outcome::Completed), self.now);
        self.drain();
    }

    /// Takes a round's worth out of the list of those that wait, at random.
    fn draw(&mut self) -> Vec<CallId> {
        (0..ROUND).map(|_| self.waiting.swap_remove(self.rng.usize(..self.waiting.len()))).collect()
    }
}

fn each_size(criterion: &mut Criterion, name: &str, bench: impl Fn(&mut BenchmarkGroup<WallTime>, u32)) {
    let mut group = criterion.benchmark_group(name);
    group
        .throughput(Throughput::Elements(ROUND.into()))
        .sample_size(50)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    for size in SIZES {
        bench(&mut group, size);
    }
    group.finish();
}

fn pass(criterion: &mut Criterion) {
    each_size(criterion, "submit, start and settle", |group, size| {
        let mut rig = Rig::new(size);
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| (0..ROUND).for_each(|_| rig.pass()));
        });
    });
}

fn cancel(criterion: &mut Criterion) {
    each_size(criterion, "cancel a waiting call", |group, size| {
        // What is cancelled in one round is submitted again before the next, outside the measured time.
        let rig = std::cell::RefCell::new(Rig::new(size));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter_batched(
                || {
                    let mut rig = rig.borrow_mut();
                    while rig.waiting.len() < size as usize {
                        let id = rig.submit();
                        rig.waiting.push(id);
                    }
                    rig.draw()
                },
                |chosen| {
                    let mut rig = rig.borrow_mut();
                    for id in chosen {
                        let now = rig.now;
                        rig.core.handle(Event::Settled(id, Outcome::Cancelled), now);
                    }
                },
                BatchSize::PerIteration,
            );
        });
    });
}

fn reprioritise(criterion: &mut Criterion) {
    each_size(criterion, "change the priority of a waiting call", |group, size| {
        let rig = std::cell::RefCell::new(Rig::new(size));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter_batched(
                || {
                    let mut rig = rig.borrow_mut();
                    let chosen = rig.draw();
                    rig.waiting.extend(&chosen);
                    chosen
                },
                |chosen| {
                    let mut rig = rig.borrow_mut();
                    for id in chosen {
                        let level = Level::ALL[rig.rng.usize(..5)];
                        let now = rig.now;
                        rig.core.handle(Event::Reprioritised(id, level.into()), now);
                    }
                },
                BatchSize::PerIteration,
            );
        });
    });
}

criterion_group!(benches, pass, cancel, reprioritise);
criterion_main!(benches);
