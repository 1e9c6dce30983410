//! How urgent a call is: five named levels on an open scale of numbers.

use crate::option::{ConfigError, Number};
use std::cmp::Ordering;

/// The five named levels, most urgent last so that they compare as expected.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// Statistics, telemetry.
    Background,
    /// Prefetch.
    Low,
    /// What a page asks for by itself.
    Normal,
    /// The answer to a click.
    High,
    /// Login, payment.
    Critical,
}

impl Level {
    /// All levels, least urgent first; a level's place here is its number as `usize`.
    pub const ALL: [Self; 5] = [Self::Background, Self::Low, Self::Normal, Self::High, Self::Critical];

    /// The number on the open scale that this level stands for.
    pub const fn value(self) -> f64 {
        match self {
            Self::Background => 20.0,
            Self::Low => 40.0,
            Self::Normal => 60.0,
            Self::High => 80.0,
            Self::Critical => 100.0,
        }
    }

    /// The name by which callers know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A place on the scale; the higher goes first. Any finite number, or [`EMERGENCY`](Self::EMERGENCY).
#[derive(Clone, Copy, Debug)]
pub struct Priority(f64);

impl Priority {
    /// Above every number a caller can name.
    pub const EMERGENCY: Self = Self(f64::INFINITY);

    /// A raw number as priority.
    ///
    /// # Errors
    /// Refused when it is not finite.
    pub fn new(value: f64) -> Result<Self, ConfigError> {
        if value.is_finite() {
            // -0 and 0 are one number to a caller, but not to `total_cmp`.
            Ok(Self(value + 0.0))
        } else {
            Err(ConfigError { option: Number::Priority, value })
        }
    }

    /// The number; infinite for an emergency.
    pub const fn value(self) -> f64 {
        self.0
    }

    /// The level it counts with: the nearest at or below it, and [`Level::Background`] below them all.
    pub fn level(self) -> Level {
        Level::ALL.into_iter().rev().find(|level| level.value() <= self.0).unwrap_or(Level::Background)
    }

    /// Whether waiting too long makes it [`Level::Low`]: it counts as high or normal.
    pub fn fades(self) -> bool {
        matches!(self.level(), Level::High | Level::Normal)
    }
}

impl From<Level> for Priority {
    fn from(level: Level) -> Self {
        Self(level.value())
    }
}

impl PartialEq for Priority {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Priority {}

impl PartialOrd for Priority {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Priority {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_number_counts_with_the_nearest_level_at_or_below_it() {
        let level = |value| Priority::new(value).unwrap().level();
        assert_eq!(level(-5.0), Level::Background);
        assert_eq!(level(39.9), Level::Background);
        assert_eq!(level(40.0), Level::Low);
        assert_eq!(level(79.0), Level::Normal);
        assert_eq!(level(1e300), Level::Critical);
        assert_eq!(Priority::EMERGENCY.level(), Level::Critical);
    }

    #[test]
    fn only_finite_numbers_are_priorities() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(Priority::new(value).is_err());
        }
    }

    #[test]
    fn zero_has_one_place_whatever_its_sign() {
        assert_eq!(Priority::new(-0.0).unwrap(), Priority::new(0.0).unwrap());
    }

    #[test]
    fn levels_and_their_numbers_are_in_the_same_order() {
        assert!(Level::ALL.is_sorted() && Level::ALL.map(Priority::from).is_sorted());
    }
}
