//! What fails again and again is left alone for a while, and for longer each time.

use crate::time::{Duration, Time};

/// How often running something was left alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff(u32);

impl Backoff {
    /// The first is so long; each is twice as long as the one before it.
    pub const FIRST: Duration = Duration::from_secs(30);
    /// None is longer.
    pub const LONGEST: Duration = Duration::from_secs(3_600);

    /// When a rest is over that begins now.
    pub fn begin(&mut self, now: Time) -> Time {
        let rest = (Self::FIRST * (1 << self.0.min(16))).min(Self::LONGEST);
        self.0 = self.0.saturating_add(1);
        now.after(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rest_is_twice_as_long_up_to_an_hour() {
        let mut backoff = Backoff::default();
        let seconds: Vec<u64> =
            (0..40).map(|_| backoff.begin(Time::ZERO).since(Time::ZERO).as_secs()).collect();
        assert_eq!(seconds[..9], [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
        assert!(seconds[9..].iter().all(|&rest| rest == 3_600));
    }
}
