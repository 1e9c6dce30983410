//! Time as the core sees it: told from outside, never read.

use std::time::Duration;

/// A moment on the shell's monotonic clock, in nanoseconds since a start of the shell's choice.
///
/// `std::time::Instant` cannot be used: it panics on wasm32, and tests could not set it.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Time(u64);

impl Time {
    /// The start of the clock.
    pub const ZERO: Self = Self(0);

    /// The moment this many nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The moment this many milliseconds after the start, fractions included.
    ///
    /// Negative values and NaN are the start; what does not fit is the last moment there is.
    #[expect(clippy::cast_sign_loss, reason = "a float cast saturates, which is what is promised")]
    pub fn from_millis_f64(millis: f64) -> Self {
        Self((millis * 1e6) as u64)
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The moment `wait` later, or the last moment there is.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Time passed since `earlier`; zero when that lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The next moment, one nanosecond on.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_milliseconds_are_clamped_not_wrapped() {
        assert_eq!(Time::from_millis_f64(f64::NAN), Time::ZERO);
        assert_eq!(Time::from_millis_f64(-1.0), Time::ZERO);
        assert_eq!(Time::from_millis_f64(f64::INFINITY), Time::from_nanos(u64::MAX));
        assert_eq!(Time::from_millis_f64(1.5), Time::from_nanos(1_500_000));
    }

    #[test]
    fn nothing_overflows_at_the_end_of_time() {
        let last = Time::from_nanos(u64::MAX);
        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(last.next(), last);
        assert_eq!(Time::ZERO.since(last), Duration::ZERO);
    }
}
