//! What a page does without at each level.

use super::ladder::MAX_LEVEL;
use crate::monitor::Trigger;
use crate::option::span;
use crate::priority::Level;
use crate::time::Duration;

/// The trigger beside those of the monitor: a circuit breaker is open.
pub const BREAKER_OPEN: u32 = 1 << Trigger::ALL.len();

/// Numbers of a rule. The first are its triggers, as bits. Then come the level of the calls that are turned away, with those
/// below, and the same where there is something that can be given in place of their answers: a level is its number from 1, 0
/// for none. Then the share of slots that is used, how many times longer time limits are, milliseconds for which stale answers
/// are given, and how many times larger batches are.
pub const NUMBERS: usize = 7;

const SHED: usize = 1;
const SHED_STALE: usize = 2;
const CONCURRENCY: usize = 3;
const TIME_LIMITS: usize = 4;
const STALE: usize = 5;
const BATCHES: usize = 6;

type Rule = [f64; NUMBERS];

/// What is done about trouble.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Relief(Rule);

impl Relief {
    /// Nothing is done.
    pub const NONE: Self = Self([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0]);

    /// Whether calls of this level are turned away. `stands_in`: there is something that can be given in place of the answer.
    pub fn sheds(&self, level: Level, stands_in: bool) -> bool {
        let reaches = |up_to: f64| up_to > f64::from(level as u8);
        reaches(self.0[SHED]) || (stands_in && reaches(self.0[SHED_STALE]))
    }

    /// The share of slots that is used.
    pub const fn concurrency(&self) -> f64 {
        self.0[CONCURRENCY]
    }

    /// How many times longer time limits are.
    pub const fn time_limits(&self) -> f64 {
        self.0[TIME_LIMITS]
    }

    /// For how long answers are given after they have become stale.
    pub fn stale(&self) -> Duration {
        span(self.0[STALE])
    }

    /// How many times larger batches are, and how many times longer they wait.
    pub const fn batches(&self) -> f64 {
        self.0[BATCHES]
    }
}

/// What makes a page enter each level, and what is done there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules([Rule; MAX_LEVEL as usize]);

impl Rules {
    /// Of the [`NUMBERS`] of each level; what is missing is no level.
    pub fn of(words: &[f64]) -> Self {
        let mut rules = Self([Relief::NONE.0; MAX_LEVEL as usize]);
        for (rule, words) in rules.0.iter_mut().zip(words.chunks_exact(NUMBERS)) {
            rule.copy_from_slice(words);
        }
        rules
    }

    /// By level, from 1: bits of triggers. 0: there is no such level.
    #[expect(clippy::cast_sign_loss, reason = "a float cast saturates")]
    pub fn triggers(&self) -> [u32; MAX_LEVEL as usize] {
        self.0.map(|rule| rule[0] as u32)
    }

    /// What is done at a level in all: of each, what relieves most at it or below.
    pub fn relief(&self, level: u8) -> Relief {
        let Relief(mut all) = Relief::NONE;
        for rule in &self.0[..usize::from(level.min(MAX_LEVEL))] {
            for (k, (most, own)) in all.iter_mut().zip(rule).enumerate() {
                *most = if k == CONCURRENCY { most.min(*own) } else { most.max(*own) };
            }
        }
        Relief(all)
    }
}

const fn bit(trigger: Trigger) -> u32 {
    1 << trigger as u32
}

impl Default for Rules {
    fn default() -> Self {
        const NEVER: Rule = Relief::NONE.0;
        const LIGHT: u32 = bit(Trigger::ResponseTime) | bit(Trigger::Queued);
        const MEDIUM: u32 = bit(Trigger::MainThread) | bit(Trigger::Memory) | bit(Trigger::CpuPressure);
        const HEAVY: u32 = bit(Trigger::ErrorRate) | BREAKER_OPEN;
        const MINUTE: f64 = 60_000.0;
        const BACKGROUND: f64 = 1.0;
        const LOW: f64 = 2.0;
        const NORMAL: f64 = 3.0;
        Self([
            [f64::from(LIGHT), BACKGROUND, 0.0, 1.0, 1.0, 5.0 * MINUTE, 1.0],
            [f64::from(MEDIUM), LOW, 0.0, 0.5, 1.0, 60.0 * MINUTE, 2.0],
            [f64::from(HEAVY), 0.0, NORMAL, 0.25, 1.0, 0.0, 1.0],
            NEVER,
            NEVER,
        ])
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
        assert!(heavy.sheds(Level::Low, false) && heavy.sheds(Level::Normal, true));
        assert!(!heavy.sheds(Level::Normal, false) && !heavy.sheds(Level::High, true));
        assert_eq!((heavy.concurrency(), heavy.batches(), heavy.time_limits()), (0.25, 2.0, 1.0));
        assert_eq!(heavy.stale(), Duration::from_secs(3_600));
        assert_eq!(rules.relief(5), heavy);
    }

    #[test]
    fn rules_are_read_from_numbers_and_any_numbers_will_do() {
        let rules = Rules::of(&[1.0, 0.0, 3.0, 0.5, 2.0, 1_000.0, 1.0]);
        assert_eq!(rules.triggers(), [1, 0, 0, 0, 0]);
        assert!(
            rules.relief(1).sheds(Level::Normal, true) && !rules.relief(1).sheds(Level::Background, false)
        );
        assert_eq!(Rules::of(&[]).relief(5), Relief::NONE);
        let odd = Rules::of(&[f64::NAN; 40]);
        assert_eq!((odd.triggers(), odd.relief(5)), ([0; 5], Relief::NONE));
    }
}
