//! Options of the queue: loose numbers in, a type that cannot be wrong out. Defaults stand here and nowhere else.

use crate::breaker::BreakerConfig;
use crate::rate::RateConfig;
use crate::time::Duration;
use std::fmt;

/// An option that cannot be used, in the caller's own words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfigError {
    /// The option's name as the caller wrote it.
    pub option: &'static str,
    /// What it may be.
    pub range: &'static str,
    /// What it was.
    pub value: f64,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` must be {}, got {}", self.option, self.range, self.value)
    }
}

impl std::error::Error for ConfigError {}

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

    /// Sets [`demote_after`](Self::demote_after) from milliseconds; infinity is never.
    ///
    /// # Errors
    /// Refused when it is negative or NaN.
    pub fn demote_after_millis(&mut self, value: f64) -> Result<(), ConfigError> {
        const RANGE: &str = "a number of milliseconds from 0 up, or Infinity";
        if value.is_nan() || value < 0.0 {
            return Err(ConfigError { option: "aging.demoteAfter", range: RANGE, value });
        }
        self.demote_after = Duration::from_millis_f64(value);
        Ok(())
    }

    /// Sets [`oldest_every`](Self::oldest_every); infinity is never.
    ///
    /// # Errors
    /// Refused when it is not a whole number from 1 up.
    pub fn set_oldest_every(&mut self, value: f64) -> Result<(), ConfigError> {
        self.oldest_every = count("aging.oldestEvery", value)?;
        Ok(())
    }
}

impl Default for Aging {
    fn default() -> Self {
        Self { demote_after: Some(Duration::from_secs(5)), oldest_every: Some(8) }
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
    /// A circuit breaker for each lane. `None`: nobody is turned away.
    pub breaker: Option<BreakerConfig>,
    /// A rate limit for each lane: who exceeds it waits. `None`: none.
    pub rate: Option<RateConfig>,
    /// What random numbers grow from.
    pub seed: u64,
}

impl Config {
    /// What browsers open to one origin over HTTP/1.1; more would only wait where no priority counts.
    pub const PER_ORIGIN: u32 = 6;

    /// Sets [`per_lane`](Self::per_lane) for a queue of requests, where a lane is an origin, whatever its protocol.
    ///
    /// # Errors
    /// Refused when it is not a whole number from 1 to 1000.
    pub fn set_per_origin(&mut self, value: f64) -> Result<(), ConfigError> {
        let option = "perOrigin";
        match count(option, value) {
            Ok(Some(limit @ ..=1000)) => (self.per_lane, self.adaptive) = (Some(limit), false),
            _ => {
                return Err(ConfigError {
                    option,
                    range: "\"auto\" or a whole number from 1 to 1000",
                    value,
                });
            }
        }
        Ok(())
    }

    /// What a queue of tasks obeys: no bound for a key.
    pub fn for_tasks() -> Self {
        Self { per_lane: None, adaptive: false, ..Self::default() }
    }

    /// Sets [`per_lane`](Self::per_lane) for a queue of tasks; infinity is no bound.
    ///
    /// # Errors
    /// Refused when it is not a whole number from 1 up.
    pub fn set_per_key(&mut self, value: f64) -> Result<(), ConfigError> {
        self.per_lane = count("perKey", value)?;
        Ok(())
    }

    /// Sets [`concurrency`](Self::concurrency); infinity is no bound.
    ///
    /// # Errors
    /// Refused when it is not a whole number from 1 up.
    pub fn set_concurrency(&mut self, value: f64) -> Result<(), ConfigError> {
        self.concurrency = count("concurrency", value)?;
        Ok(())
    }

    /// Sets [`high_water`](Self::high_water); infinity is never.
    ///
    /// # Errors
    /// Refused when it is not a whole number from 0 up.
    pub fn set_high_water(&mut self, value: f64) -> Result<(), ConfigError> {
        const RANGE: &str = "a whole number from 0 up, or Infinity";
        self.high_water = if value == 0.0 {
            Some(0)
        } else {
            count("highWater", value).map_err(|error| ConfigError { range: RANGE, ..error })?
        };
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            per_lane: Some(Self::PER_ORIGIN),
            adaptive: true,
            concurrency: Some(64),
            high_water: None,
            strategy: Strategy::default(),
            aging: Aging::default(),
            breaker: None,
            rate: None,
            seed: 0,
        }
    }
}

/// A time limit in milliseconds, as callers give it; infinity is none.
///
/// # Errors
/// Refused when it is not above 0.
pub fn time_limit(option: &'static str, value: f64) -> Result<Option<Duration>, ConfigError> {
    if value > 0.0 {
        Ok(Duration::from_millis_f64(value))
    } else {
        Err(ConfigError { option, range: "a number of milliseconds above 0, or Infinity", value })
    }
}

/// A whole number from 1 up; infinity, and what is too large to be reached, is `None`.
#[expect(clippy::cast_sign_loss, reason = "checked to be at least 1")]
pub(crate) fn count(option: &'static str, value: f64) -> Result<Option<u32>, ConfigError> {
    if value >= 1.0 && (value.is_infinite() || value.fract() == 0.0) {
        Ok((value < f64::from(u32::MAX)).then_some(value as u32))
    } else {
        Err(ConfigError { option, range: "a whole number from 1 up, or Infinity", value })
    }
}

/// Milliseconds above 0 that have an end.
///
/// # Errors
/// Refused when they are not.
pub(crate) fn milliseconds(option: &'static str, value: f64) -> Result<Duration, ConfigError> {
    let range = "a number of milliseconds above 0";
    let positive = Some(value).filter(|&value| value > 0.0);
    positive.and_then(Duration::from_millis_f64).ok_or(ConfigError { option, range, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_message_names_option_range_and_value() {
        let error = Config::default().set_concurrency(0.5).unwrap_err();
        assert_eq!(error.to_string(), "`concurrency` must be a whole number from 1 up, or Infinity, got 0.5");
    }

    #[test]
    fn infinity_lifts_a_limit_where_that_makes_sense() {
        let mut config = Config::default();
        config.set_concurrency(f64::INFINITY).unwrap();
        config.set_high_water(0.0).unwrap();
        config.aging.demote_after_millis(f64::INFINITY).unwrap();
        assert_eq!((config.concurrency, config.high_water, config.aging.demote_after), (None, Some(0), None));
        assert!(config.set_per_origin(f64::INFINITY).is_err());
        assert_eq!(time_limit("timeout", f64::INFINITY), Ok(None));
        assert!(time_limit("timeout", 0.0).is_err());
    }

    proptest! {
        #[test]
        fn no_number_panics_or_slips_through(value: f64) {
            let mut config = Config::default();
            let whole = value >= 1.0 && value.fract() == 0.0;
            prop_assert_eq!(config.set_concurrency(value).is_ok(), whole);
            prop_assert_eq!(config.set_per_origin(value).is_ok(), whole && value <= 1000.0);
            prop_assert_eq!(config.set_high_water(value).is_ok(), whole || value == 0.0);
            prop_assert_eq!(config.aging.demote_after_millis(value).is_ok(), value >= 0.0);
            prop_assert_eq!(time_limit("timeout", value).is_ok(), value > 0.0);
        }
    }
}
