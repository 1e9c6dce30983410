//! What a waiting call costs in memory, counted by the allocator. A file of its own with one test, so that
//! nobody else allocates meanwhile.

use sixlane::{Aging, Config, Event, Level, Scheduler, Strategy, Submission, Time};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const LIMIT: usize = 64;

/// Every heap in use: somebody may be dropped, and what waits long sinks.
fn config() -> Config {
    let aging = Aging::default();
    assert!(aging.demote_after.is_some() && aging.oldest_every.is_some());
    Config {
        per_lane: Some(1),
        high_water: Some(u32::MAX),
        strategy: Strategy::DropLowest,
        aging,
        ..Config::default()
    }
}

#[test]
fn a_waiting_call_takes_at_most_64_bytes_at_every_size_also_in_the_second_burst() {
    // More sizes than those that are printed: capacities grow in steps, and just after one is the worst.
    let printed = [600_000, 1_000_000];
    let region = Region::new(ALLOCATOR);
    let live = || {
        let change = region.change();
        change.bytes_allocated - change.bytes_deallocated
    };
    let mut core = Scheduler::new(&config());
    let lane = core.open_lane();
    let mut worst = 0.0_f64;
    let mut next = 0_u32;
    let mut submit = |core: &mut Scheduler| {
        // High and normal alone are in the heap of those that sink.
        let level = if next.is_multiple_of(2) { Level::High } else { Level::Normal };
        next += 1;
        let id = core.submit(Submission::new(lane, level.into()), Time::ZERO);
        while core.poll_action().is_some() {}
        id
    };
    submit(&mut core);
    for waiting in 1..=1_000_000_u32 {
        submit(&mut core);
        if waiting >= 100_000 {
            let bytes = live();
            let each = f64::from(u32::try_from(bytes).unwrap()) / f64::from(waiting);
            worst = worst.max(each);
            if printed.contains(&waiting) {
                println!("{waiting} waiting calls: {bytes} bytes, {each:.2} each");
            }
            assert!(bytes <= LIMIT * waiting as usize, "{waiting} waiting calls take {each:.2} bytes each");
        }
    }
    println!("at worst, from 100000 to 1000000 waiting: {worst:.2} bytes each");
    assert_eq!(core.count().queued, 1_000_000, "one runs, the others wait");

    // Their places are used again, and to know which are free costs nothing.
    let first = live();
    core.handle(Event::Cleared, Time::ZERO);
    while core.poll_action().is_some() {}
    for _ in 0..1_000_000 {
        submit(&mut core);
    }
    let second = live();
    println!("after all were cleared and 1000000 more came: {second} bytes");
    assert_eq!(core.count().queued, 1_000_000);
    assert!(second <= first, "{second} bytes, {first} in the first burst");
}
