//! What a page does without at each level.

use super::ladder::MAX_LEVEL;
use crate::monitor::Trigger;
use crate::option::span;
use crate::priority::Level;
use crate::time::Duration;

/// The trigger beside those of the monitor: a circuit breaker is open.
pub const BREAKER_OPEN: u32 = 1 << Trigger::ALL.len();

/// What is done about trouble.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Relief {
    /// Calls of this level and below are turned away.
    pub shed: Option<Level>,
    /// Calls of this level and below are turned away where there is something that can be given in place of their answers.
    pub shed_stale: Option<Level>,
    /// The share of slots that is used.
    pub concurrency: f64,
    /// How many times longer time limits are.
    pub time_limits: f64,
    /// For how long answers are given after they have become stale.
    pub stale: Duration,
    /// How many times larger batches are, and how many times longer they wait.
    pub batches: f64,
}

impl Relief {
    /// Nothing is done.
    pub const NONE: Self = Self {
        shed: None,
        shed_stale: None,
        concurrency: 1.0,
        time_limits: 1.0,
        stale: Duration::ZERO,
        batches: 1.0,
    };

    /// Numbers of one in [`Rules::of`]: the triggers of the level as bits, then what is done, in the order of the fields. A
    /// level of calls is its number from 1, 0 for none.
    pub const NUMBERS: usize = 7;

    /// This and that: of each, what relieves more.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            shed: self.shed.max(other.shed),
            shed_stale: self.shed_stale.max(other.shed_stale),
            concurrency: self.concurrency.min(other.concurrency),
            time_limits: self.time_limits.max(other.time_limits),
            stale: self.stale.max(other.stale),
            batches: self.batches.max(other.batches),
        }
    }
}

/// What makes a page enter each level, and what is done there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// By level, from 1: bits of triggers. 0: there is no such level.
    pub triggers: [u32; MAX_LEVEL as usize],
    /// By level, from 1. Each takes in those below.
    pub reliefs: [Relief; MAX_LEVEL as usize],
}

impl Rules {
    /// Of [`Relief::NUMBERS`] for each level; what is missing is no level.
    #[expect(clippy::cast_sign_loss, reason = "a float cast saturates")]
    pub fn of(words: &[f64]) -> Self {
        let mut rules =
            Self { triggers: [0; MAX_LEVEL as usize], reliefs: [Relief::NONE; MAX_LEVEL as usize] };
        let level =
            |number: f64| (number as usize).checked_sub(1).and_then(|index| Level::ALL.get(index).copied());
        for (k, words) in words.chunks_exact(Relief::NUMBERS).take(MAX_LEVEL as usize).enumerate() {
            let &[triggers, shed, shed_stale, concurrency, time_limits, stale, batches] = words else {
                continue;
            };
            rules.triggers[k] = triggers as u32;
            rules.reliefs[k] = Relief {
                shed: level(shed),
                shed_stale: level(shed_stale),
                concurrency,
                time_limits,
                stale: span(stale),
                batches,
            };
        }
        rules
    }

    /// What is done at a level in all.
    pub fn relief(&self, level: u8) -> Relief {
        self.reliefs.iter().take(level.into()).fold(Relief::NONE, |all, relief| all.and(*relief))
    }
}

impl Default for Rules {
    fn default() -> Self {
        let bit = |trigger: Trigger| 1 << trigger as u32;
        let light =
            Relief { shed: Some(Level::Background), stale: Duration::from_secs(5 * 60), ..Relief::NONE };
        let medium = Relief {
            shed: Some(Level::Low),
            stale: Duration::from_secs(3_600),
            concurrency: 0.5,
            batches: 2.0,
            ..Relief::NONE
        };
        let heavy = Relief { shed_stale: Some(Level::Normal), concurrency: 0.25, ..Relief::NONE };
        Self {
            triggers: [
                bit(Trigger::ResponseTime) | bit(Trigger::Queued),
                bit(Trigger::MainThread) | bit(Trigger::Memory) | bit(Trigger::CpuPressure),
                bit(Trigger::ErrorRate) | BREAKER_OPEN,
                0,
                0,
            ],
            reliefs: [light, medium, heavy, Relief::NONE, Relief::NONE],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_takes_in_those_below() {
        let rules = Rules::default();
        assert_eq!(rules.relief(0), Relief::NONE);
        let heavy = rules.relief(3);
        assert_eq!((heavy.shed, heavy.shed_stale), (Some(Level::Low), Some(Level::Normal)));
        assert_eq!((heavy.concurrency, heavy.batches), (0.25, 2.0));
        assert_eq!(heavy.stale, Duration::from_secs(3_600));
        assert_eq!(rules.relief(5), heavy);
    }

    #[test]
    fn rules_are_read_from_numbers_and_any_numbers_will_do() {
        let rules = Rules::of(&[1.0, 0.0, 3.0, 0.5, 2.0, 1_000.0, 1.0]);
        assert_eq!(rules.triggers, [1, 0, 0, 0, 0]);
        assert_eq!((rules.reliefs[0].shed, rules.reliefs[0].shed_stale), (None, Some(Level::Normal)));
        assert_eq!(rules.reliefs[1], Relief::NONE);
        assert_eq!(Rules::of(&[f64::NAN; 40]).triggers, [0; 5]);
        assert_eq!(Rules::of(&[]).triggers, [0; 5]);
    }
}
