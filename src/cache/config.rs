//! Options of the cache: loose numbers in, a type that cannot be wrong out. Defaults stand here and nowhere else.

use crate::config::ConfigError;
use std::time::Duration;

const TIME: &str = "a number of milliseconds from 0 up, or Infinity";
const BYTES: &str = "a whole number of bytes from 1 up, or Infinity";

/// How much a cache may keep.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CacheConfig {
    /// Bytes in memory, headers and keys included.
    pub memory: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { memory: 50 << 20 }
    }
}

impl CacheConfig {
    /// How long a value is fresh whose owner does not say.
    pub const VALUE_TTL: Duration = Duration::from_mins(5);

    /// Sets [`memory`](Self::memory); infinity is no bound.
    ///
    /// # Errors
    /// Refused when it is no whole number from 1 up.
    pub fn set_memory(&mut self, value: f64) -> Result<(), ConfigError> {
        self.memory = bytes("maxBytes", value)?;
        Ok(())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and the sign is seen to"
)]
fn bytes(option: &'static str, value: f64) -> Result<u64, ConfigError> {
    if value.is_nan() || value < 1.0 || (value.is_finite() && value.fract() != 0.0) {
        return Err(ConfigError { option, range: BYTES, value });
    }
    Ok(value as u64)
}

/// Checks a time that an option says.
///
/// # Errors
/// Refused when it is negative or NaN.
pub const fn time(option: &'static str, value: f64) -> Result<(), ConfigError> {
    if value.is_nan() || value < 0.0 {
        return Err(ConfigError { option, range: TIME, value });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_whole_number_of_bytes() {
        let mut config = CacheConfig::default();
        assert_eq!(config.memory, 52_428_800);
        for (value, expected) in [(1.0, 1), (2e9, 2_000_000_000), (f64::INFINITY, u64::MAX)] {
            config.set_memory(value).unwrap();
            assert_eq!(config.memory, expected);
        }
        for wrong in [0.0, -1.0, 0.5, 1.5, f64::NAN, f64::NEG_INFINITY] {
            let error = config.set_memory(wrong).unwrap_err();
            assert_eq!((error.option, error.range), ("maxBytes", BYTES));
        }
        assert_eq!(config.memory, u64::MAX);
    }

    #[test]
    fn a_time_is_no_negative_number() {
        for fine in [0.0, 0.5, f64::INFINITY] {
            assert_eq!(time("ttl", fine), Ok(()));
        }
        for wrong in [-0.1, f64::NAN] {
            assert_eq!(time("ttl", wrong).unwrap_err().range, TIME);
        }
    }
}
