//! The scheduler in a virtual world, under hundreds of seeds. What is checked at every step is in `support`.

mod support;

use sixlane::Config;
use sixlane::time::Duration;
use support::{Origin, Seen, World};

/// Far above what any seed takes: a world that makes this many steps will never rest.
const STEPS: u32 = 100_000;

const SEEDS: u64 = 2_000;

#[track_caller]
fn run(mut world: World, seed: u64) -> World {
    assert!(world.comes_to_rest(STEPS), "seed {seed}: never came to rest");
    world.check_rest();
    world
}

#[test]
fn every_call_is_settled_exactly_once_whatever_the_origins_and_the_callers_do() {
    let mut seen = Seen::default();
    let mut calls = 0;
    for seed in 0..SEEDS {
        let world = run(World::new(seed), seed);
        seen.add(world.seen());
        calls += world.calls();
    }
    println!("{SEEDS} seeds, {calls} calls, {seen:?}");
    // A simulation in which something never happens says nothing of it.
    for (what, times) in seen.all() {
        assert!(times >= 20, "{what}: only {times} times in seeds 0..{SEEDS}");
    }
}

#[test]
fn with_endless_bodies_held_for_ever_every_other_call_is_settled() {
    let mut held = 0;
    for seed in 0..SEEDS / 4 {
        let world = run(World::with_streams_held_for_ever(seed), seed);
        held += world.held_for_ever();
    }
    assert!(held >= 200, "only {held} streams were held");
}

#[test]
fn the_same_seed_gives_the_same_actions() {
    for seed in 0..40 {
        let [a, b] = [0, 1].map(|_| run(World::new(seed), seed).log().to_vec());
        assert_eq!(a, b, "seed {seed}");
    }
    let log = |seed| run(World::new(seed), seed).log().to_vec();
    assert_ne!(log(0), log(1), "seeds 0 and 1 give the same world");
}

#[test]
fn a_world_that_never_rests_is_noticed() {
    assert!(!World::restless(1).comes_to_rest(STEPS));
}

#[test]
fn a_burst_on_any_one_kind_of_origin_comes_to_rest() {
    let origins = [
        Origin::healthy(),
        Origin::flaky(),
        Origin::overloaded(),
        Origin::hanging(),
        Origin::slow_bodies(),
        Origin::unread_bodies(),
        Origin::event_streams(),
        Origin::offline_for(Duration::from_secs(2)),
    ];
    for (seed, origin) in (0..).zip(origins) {
        run(World::of_one_origin(seed, &Config::default(), origin, 500), seed);
    }
}
