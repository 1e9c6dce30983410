//! Options of the queue, as types that cannot be wrong.

use crate::breaker::BreakerConfig;
use crate::degrade::{Rules, ShareConfig};
use crate::monitor::MonitorConfig;
use crate::option::{Number, Options};
use crate::rate::RateConfig;
use crate::time::Duration;

/// Who is turned away when more wait than [`Config::high_water`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Strategy {
    /// The newcomer.
    #[default]
    Reject,
    /// The least urgent that waits, the youngest among equals; that may be the newcomer.
    DropLowest,
}

/// How a long wait changes a place in the queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Aging {
    /// A high or normal call that waited this long falls to low. `None`: never.
    pub demote_after: Option<Duration>,
    /// One start in this many goes to who has waited longest. `None`: none does, and no wait is bounded.
    pub oldest_every: Option<u32>,
}

impl Aging {
    /// No ageing at all: strictly by priority.
    pub const NONE: Self = Self { demote_after: None, oldest_every: None };
}

impl Default for Aging {
    fn default() -> Self {
        Self::of(&Options::default())
    }
}

impl Aging {
    fn of(options: &Options) -> Self {
        Self {
            demote_after: options.time(Number::DemoteAfter),
            oldest_every: options.count(Number::OldestEvery),
        }
    }
}

/// What is given up under pressure, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Degradation {
    /// The levels.
    pub rules: Rules,
    /// How long the triggers of a level must be off before it is left.
    pub recover_after: Duration,
    /// The share of calls that an origin does not get which does not accept them. `None`: it gets all.
    pub share: Option<ShareConfig>,
}

impl Degradation {
    /// What was said of it; its rules are those that hold where none are said.
    pub fn of(options: &Options) -> Self {
        Self {
            rules: Rules::default(),
            recover_after: options.span(Number::RecoverAfter),
            share: ShareConfig::of(options),
        }
    }
}

/// What a [`Scheduler`](crate::Scheduler) obeys. Valid by construction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Calls under way in one lane. `None`: no bound but [`concurrency`](Self::concurrency).
    pub per_lane: Option<u32>,
    /// Once a lane is known to share one connection, its limit follows what is measured:
    /// [`AdaptiveLimit`](crate::limit::AdaptiveLimit).
    pub adaptive: bool,
    /// Calls under way in all. `None`: no bound.
    pub concurrency: Option<u32>,
    /// Waiting calls above which [`strategy`](Self::strategy) applies. `None`: never.
    pub high_water: Option<u32>,
    /// Who is turned away then.
    pub strategy: Strategy,
    /// How long waits count.
    pub aging: Aging,
    /// A circuit breaker for each lane. `None`: no breaker.
    pub breaker: Option<BreakerConfig>,
    /// A rate limit for each lane: who exceeds it waits. `None`: none.
    pub rate: Option<RateConfig>,
    /// What is watched. `None`: nothing, but for what [`degradation`](Self::degradation) needs.
    pub monitor: Option<MonitorConfig>,
    /// What is given up under pressure. `None`: nothing.
    pub degradation: Option<Degradation>,
    /// What random numbers grow from.
    pub seed: u64,
}

impl Config {
    /// What browsers open to one origin over HTTP/1.1; more would only wait where no priority counts.
    pub const PER_ORIGIN: u32 = 6;

    /// What a queue of requests obeys, where a lane is an origin.
    pub fn of(options: &Options) -> Self {
        let said = options.count(Number::PerOrigin);
        Self {
            per_lane: said.or(Some(Self::PER_ORIGIN)),
            adaptive: said.is_none(),
            breaker: options.flag(Number::Breaker).then(|| BreakerConfig::of(options)),
            monitor: options.flag(Number::Monitor).then(|| MonitorConfig::of(options)),
            degradation: options.flag(Number::Degradation).then(|| Degradation::of(options)),
            ..Self::for_tasks(options)
        }
    }

    /// What a queue of tasks obeys, where a lane is a key.
    pub fn for_tasks(options: &Options) -> Self {
        Self {
            per_lane: options.count(Number::PerKey),
            adaptive: false,
            concurrency: options.count(Number::Concurrency),
            high_water: options.count(Number::HighWater),
            strategy: if options.flag(Number::Strategy) { Strategy::DropLowest } else { Strategy::Reject },
            aging: Aging::of(options),
            breaker: None,
            rate: None,
            monitor: None,
            degradation: None,
            seed: options.get(Number::Seed).to_bits(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::of(&Options::default())
    }
}
