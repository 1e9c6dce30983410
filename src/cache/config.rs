//! Options of the cache: loose numbers in, a type that cannot be wrong out. Defaults stand here and nowhere else.

use crate::config::ConfigError;
use crate::time::Duration;

const TIME: &str = "a number of milliseconds from 0 up, or Infinity";
const BYTES: &str = "a whole number of bytes from 1 up, or Infinity";

/// Where a cache keeps things.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tier {
    /// Until the page goes.
    Memory,
    /// Small texts, beyond the page.
    LocalStorage,
    /// Anything, beyond the page.
    IndexedDb,
}

/// What a cache keeps, how much of it and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CacheConfig {
    /// Where things are kept, unless one call says otherwise.
    pub tiers: Vec<Tier>,
    /// Bytes in memory, headers and keys included; as in the other bounds.
    pub memory: u64,
    /// Bytes in localStorage.
    pub local_storage: u64,
    /// Bytes of one entry there: it is read at once, while the page waits.
    pub local_storage_entry: u64,
    /// Bytes in `IndexedDB`.
    pub indexed_db: u64,
    /// The name of the database.
    pub database: String,
    /// Whether what carries credentials may be kept beyond memory.
    pub persist_private: bool,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            tiers: vec![Tier::Memory],
            memory: 50 << 20,
            local_storage: 1 << 20,
            local_storage_entry: 16 << 10,
            indexed_db: 256 << 20,
            database: "sixlane".to_owned(),
            persist_private: false,
        }
    }
}

impl CacheConfig {
    /// How long a value is fresh whose owner does not say.
    pub const VALUE_TTL: Duration = Duration::from_secs(300);

    /// Sets [`memory`](Self::memory); infinity is no bound.
    ///
    /// # Errors
    /// Refused when it is no whole number from 1 up.
    pub fn set_memory(&mut self, value: f64) -> Result<(), ConfigError> {
        self.memory = bytes("maxBytes", value)?;
        Ok(())
    }

    /// Sets [`local_storage`](Self::local_storage); infinity is no bound.
    ///
    /// # Errors
    /// Refused when it is no whole number from 1 up.
    pub fn set_local_storage(&mut self, value: f64) -> Result<(), ConfigError> {
        self.local_storage = bytes("maxBytes", value)?;
        Ok(())
    }

    /// Sets [`local_storage_entry`](Self::local_storage_entry); infinity is no bound.
    ///
    /// # Errors
    /// Refused when it is no whole number from 1 up.
    pub fn set_local_storage_entry(&mut self, value: f64) -> Result<(), ConfigError> {
        self.local_storage_entry = bytes("maxEntryBytes", value)?;
        Ok(())
    }

    /// Sets [`indexed_db`](Self::indexed_db); infinity is no bound.
    ///
    /// # Errors
    /// Refused when it is no whole number from 1 up.
    pub fn set_indexed_db(&mut self, value: f64) -> Result<(), ConfigError> {
        self.indexed_db = bytes("maxBytes", value)?;
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
        type Set = fn(&mut CacheConfig, f64) -> Result<(), ConfigError>;
        type Get = fn(&CacheConfig) -> u64;
        let mut config = CacheConfig::default();
        assert_eq!(
            (config.memory, config.local_storage, config.indexed_db),
            (52_428_800, 1_048_576, 268_435_456)
        );
        let bounds: [(Set, Get, &str); 4] = [
            (CacheConfig::set_memory, |config| config.memory, "maxBytes"),
            (CacheConfig::set_local_storage, |config| config.local_storage, "maxBytes"),
            (CacheConfig::set_local_storage_entry, |config| config.local_storage_entry, "maxEntryBytes"),
            (CacheConfig::set_indexed_db, |config| config.indexed_db, "maxBytes"),
        ];
        for (set, get, name) in bounds {
            for (value, expected) in [(1.0, 1), (2e9, 2_000_000_000), (f64::INFINITY, u64::MAX)] {
                set(&mut config, value).unwrap();
                assert_eq!(get(&config), expected);
            }
            for wrong in [0.0, -1.0, 0.5, 1.5, f64::NAN, f64::NEG_INFINITY] {
                let error = set(&mut config, wrong).unwrap_err();
                assert_eq!((error.option, error.range), (name, BYTES));
            }
            assert_eq!(get(&config), u64::MAX);
        }
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
