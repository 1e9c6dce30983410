//! Time as the core sees it: told from outside, never read.

use std::fmt;
use std::ops::{Add, Div, Mul};

/// A length of time in nanoseconds, up to 584 years. Arithmetic that leaves this range ends at its border.
///
/// `std::time::Duration` keeps seconds and nanoseconds apart, and each step of its arithmetic carries from one to the
/// other: that would be 4 kB more of the module, compressed.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Duration(u64);

impl Duration {
    /// No time.
    pub const ZERO: Self = Self(0);
    /// The longest one.
    pub const MAX: Self = Self(u64::MAX);

    /// So many nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// So many microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// So many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// So many milliseconds, to the nearest nanosecond. `None`: they are negative, infinite or NaN.
    pub fn from_millis_f64(millis: f64) -> Option<Self> {
        (millis >= 0.0 && millis.is_finite()).then(|| Self(whole(millis * NANOS)))
    }

    /// Whole nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Whole seconds.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// Milliseconds with their fractions.
    #[expect(clippy::cast_precision_loss, reason = "a nanosecond in months")]
    pub const fn as_millis_f64(self) -> f64 {
        self.0 as f64 / NANOS
    }

    /// Whether this is [`ZERO`](Self::ZERO).
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The difference; zero when `other` is longer.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This `times` times, to the nearest nanosecond; zero when `times` is negative or NaN.
    #[expect(clippy::cast_precision_loss, reason = "a nanosecond in months")]
    #[must_use]
    pub fn mul_f64(self, times: f64) -> Self {
        Self(whole(self.0 as f64 * times))
    }
}

/// Nanoseconds of a millisecond.
const NANOS: f64 = 1e6;

#[expect(clippy::cast_sign_loss, reason = "a float cast saturates, which is what is promised")]
fn whole(nanos: f64) -> u64 {
    nanos.round_ties_even() as u64
}

impl Add for Duration {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Mul<u32> for Duration {
    type Output = Self;
    fn mul(self, times: u32) -> Self {
        Self(self.0.saturating_mul(u64::from(times)))
    }
}

/// Rounded down. Panics when divided by zero, as numbers do.
impl Div<u32> for Duration {
    type Output = Self;
    fn div(self, parts: u32) -> Self {
        Self(self.0 / u64::from(parts))
    }
}

impl From<std::time::Duration> for Duration {
    fn from(time: std::time::Duration) -> Self {
        Self(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Duration> for std::time::Duration {
    fn from(time: Duration) -> Self {
        Self::from_nanos(time.0)
    }
}

/// As the standard library writes it: `1.5ms`.
impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::time::Duration::from(*self).fmt(f)
    }
}

/// A moment on the shell's monotonic clock, in nanoseconds since a start of the shell's choice.
///
/// `std::time::Instant` cannot be used: it panics on wasm32, and tests could not set it.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Time(u64);

impl Time {
    /// The start of the clock.
    pub const ZERO: Self = Self(0);
    /// The last moment there is: it does not come.
    pub const NEVER: Self = Self(u64::MAX);

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
    pub const fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait.0))
    }

    /// Time passed since `earlier`; zero when that lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
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
    use proptest::prelude::*;

    #[test]
    fn milliseconds_that_are_no_length_of_time_are_none() {
        for odd in [f64::NAN, -1.0, -1e-9, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Duration::from_millis_f64(odd), None, "{odd}");
        }
        assert_eq!(Duration::from_millis_f64(1e300), Some(Duration::MAX));
        assert_eq!(Duration::from_millis_f64(-0.0), Some(Duration::ZERO));
        assert_eq!(Duration::from_millis_f64(0.29), Some(Duration::from_micros(290)), "rounded, not cut off");
        assert_eq!(format!("{:?}", Duration::from_micros(1_500)), "1.5ms");
    }

    /// Short ones and the longest, so that a sum is as often within the range as beyond.
    fn durations() -> impl Strategy<Value = u64> {
        (0..64_u32, any::<u64>()).prop_map(|(shift, nanos)| nanos >> shift)
    }

    proptest! {
        #[test]
        fn arithmetic_is_that_of_whole_nanoseconds_and_ends_at_the_border(
            a in durations(), b in durations(), times: u32, share in 0.0..1.0_f64,
        ) {
            let [x, y] = [a, b].map(Duration::from_nanos);
            let clamp = |nanos: u128| Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
            let [wide, other] = [a, b].map(u128::from);
            prop_assert_eq!(x + y, clamp(wide + other));
            prop_assert_eq!(x.saturating_sub(y), clamp(wide.saturating_sub(other)));
            prop_assert_eq!(x * times, clamp(wide * u128::from(times)));
            prop_assert_eq!(x / times.max(1), clamp(wide / u128::from(times.max(1))));
            prop_assert_eq!(Duration::from_micros(a), clamp(wide * 1_000));
            prop_assert_eq!(Duration::from_millis(a), clamp(wide * 1_000_000));
            prop_assert_eq!(Duration::from_secs(a), clamp(wide * 1_000_000_000));
            prop_assert_eq!(Duration::from_millis(x.as_millis()) + Duration::from_nanos(a % 1_000_000), x);
            prop_assert_eq!(Duration::from_secs(x.as_secs()) + Duration::from_nanos(a % 1_000_000_000), x);
            prop_assert!(x.mul_f64(share) <= x);
            prop_assert_eq!((x.mul_f64(0.0), x.mul_f64(-1.0)), (Duration::ZERO, Duration::ZERO));
            prop_assert_eq!(Time::ZERO.after(x).after(y).since(Time::ZERO.after(x)), y.min(Duration::from_nanos(!a)));
        }

        #[test]
        fn what_the_standard_library_takes_comes_back(nanos in durations(), seconds in durations()) {
            let own = Duration::from_nanos(nanos);
            let std = std::time::Duration::from(own);
            prop_assert_eq!(std.as_nanos(), u128::from(nanos));
            prop_assert_eq!(Duration::from(std), own);
            prop_assert_eq!(Duration::from(std::time::Duration::from_secs(seconds)), Duration::from_secs(seconds));
        }

        #[test]
        fn milliseconds_of_javascript_come_back_to_the_nanosecond(nanos in 0..1_u64 << 50) {
            // 13 days.
            let time = Duration::from_nanos(nanos);
            prop_assert_eq!(Duration::from_millis_f64(time.as_millis_f64()), Some(time));
        }
    }

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
