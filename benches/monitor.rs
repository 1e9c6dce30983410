//! What it costs to count a call, and to draw its share: samples of 500 calls, as a busy page has them in five seconds.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fastrand::Rng;
use sixlane::Level;
use sixlane::degrade::{Fate, Share, ShareConfig};
use sixlane::monitor::{Gauges, Monitor, MonitorConfig, Record};
use sixlane::time::{Duration, Time};
use std::hint::black_box;

const CALLS: u64 = 500;

fn calls() -> Vec<Record> {
    let mut rng = Rng::with_seed(7);
    let mut millis = |scale: f64| Duration::from_millis_f64(scale * (1.0 + 9.0 * rng.f64() * rng.f64()));
    (0..CALLS)
        .map(|k| Record {
            level: Level::ALL[usize::try_from(k).unwrap_or_default() % Level::ALL.len()],
            queued: millis(0.5),
            response: millis(30.0),
            ok: k % 50 != 0,
            bytes: 2_048,
        })
        .collect()
}

fn monitor(criterion: &mut Criterion) {
    let calls = calls();
    let at = |millis: u64| Time::ZERO.after(Duration::from_millis(millis));
    let mut group = criterion.benchmark_group("a call");
    group.throughput(Throughput::Elements(CALLS));
    group.bench_function("is recorded", |bencher| {
        let fresh = || Monitor::new(MonitorConfig::default(), Time::ZERO);
        let run = |mut monitor: Monitor| {
            for call in &calls {
                monitor.record(black_box(call));
            }
            monitor
        };
        bencher.iter_batched(fresh, run, BatchSize::SmallInput);
    });
    group.bench_function("is weighed", |bencher| {
        let mut share = Share::new(ShareConfig::default());
        let mut now = 0;
        bencher.iter(|| {
            for call in &calls {
                now += 10;
                if !black_box(share.sheds(call.level, 0.5, at(now))) {
                    share.sent(call.level, at(now));
                    share.ended(call.level, at(now), Fate::Accepted, at(now));
                }
            }
        });
    });
    group.finish();
    criterion.bench_function("a sample of 500 calls is closed", |bencher| {
        let mut monitor = Monitor::new(MonitorConfig::default(), Time::ZERO);
        let mut now = 0;
        bencher.iter(|| {
            for call in &calls {
                monitor.record(call);
            }
            now += 5_000;
            black_box(monitor.close(Gauges::NONE, at(now)))
        });
    });
}

/// An hour of a hundred calls a second, whose times are spread over a factor of ten.
fn memory(_: &mut Criterion) {
    let calls = calls();
    let mut monitor = Monitor::new(MonitorConfig::default(), Time::ZERO);
    for sample in 1..=720 {
        for call in &calls {
            monitor.record(call);
        }
        monitor.close(Gauges::NONE, Time::ZERO.after(Duration::from_secs(5 * sample)));
    }
    println!("an hour of 100 calls a second takes {} bytes", monitor.bytes());
}

criterion_group!(benches, monitor, memory);
criterion_main!(benches);
