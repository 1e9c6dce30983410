//! How many requests an origin gets at once where they share one connection (HTTP/2, HTTP/3).
//!
//! A page is not told how many are good. So the limit follows what is measured: it grows while round trips stay
//! short, shrinks when they grow longer or streams are refused, and stands still while it is not used.
//!
//! Round trips are compared by windows of as many answers as were under way, which is one round trip, too. Of each
//! window the lower quartile counts: an origin has slow answers and fast ones, but one that has too much to do has no
//! fast ones any more. The shortest window there was stands for the origin at ease. A window several times as long
//! means that more wait at the origin than are served; they had better wait here, where priorities count.

use crate::time::{Duration, Time};

/// The limit once the protocol is known.
pub const FIRST: u32 = 24;

/// The limit never falls below what HTTP/1.1 has.
pub const FLOOR: u32 = 6;

/// Servers commonly take 100 streams at once, and refuse more.
pub const CEILING: u32 = 100;

/// After a refusal the limit stays below what was refused for this long.
pub const REFUSED_FOR: Duration = Duration::from_secs(30);

/// A window this many times as long as at ease is of an origin that has too much to do. Chosen by the simulation in
/// `tests/limit.rs`: with less, an origin that slows gently is not used to the full; with more, one thrashes that cannot take many.
const OVERLOAD: f64 = 2.8;

/// And up to that, there is room for more.
const EASE: f64 = 2.5;

/// Up to that, there is no sign of load at all.
const CLEAR: f64 = 1.5;

/// Growth a window, before and after the first sign of load.
const CLIMB: f64 = 1.5;
const CREEP: f64 = 1.15;

/// Shrinking, at most, by a window that was too long, and by a refusal.
const SHRINK: f64 = 0.5;
const REFUSED: f64 = 0.7;

/// What the outcome of a request tells of the load of its origin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sample {
    /// A response: its round trip counts.
    RoundTrip,
    /// A refusal, or a response that says that it is too much.
    Refusal,
}

/// The limit of one origin. See the [module's page](self).
#[derive(Clone, Debug)]
pub struct AdaptiveLimit {
    limit: f64,
    ceiling: f64,
    ceiling_until: Time,
    climbs: bool,
    /// Answers to what was sent before then tell of a larger limit.
    shrunk: Time,
    /// Round trip in nanoseconds with the origin at ease; infinite while it is not known.
    ease: f64,
    /// Round trips since the limit was last looked at, the shortest first. At most [`CEILING`].
    trips: Vec<f64>,
    /// The most that were under way since then.
    peak: u32,
}

impl Default for AdaptiveLimit {
    fn default() -> Self {
        Self {
            limit: f64::from(FIRST),
            ceiling: f64::from(CEILING),
            ceiling_until: Time::ZERO,
            climbs: true,
            shrunk: Time::ZERO,
            ease: f64::INFINITY,
            trips: Vec::new(),
            peak: 0,
        }
    }
}

impl AdaptiveLimit {
    /// How many may be under way.
    #[expect(clippy::cast_sign_loss, reason = "it lies between floor and ceiling")]
    pub fn get(&self) -> u32 {
        self.limit as u32
    }

    /// Takes the sample of a request that was sent at `sent`; `running` were under way, itself included.
    pub fn take(&mut self, sample: Sample, sent: Time, running: u32, now: Time) {
        match sample {
            Sample::RoundTrip => self.answered(sent, running, now),
            Sample::Refusal => self.refused(sent, running, now),
        }
    }

    fn answered(&mut self, sent: Time, running: u32, now: Time) {
        if sent < self.shrunk {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a nanosecond in months")]
        let trip = now.since(sent).as_nanos() as f64;
        let place = self.trips.partition_point(|&shorter| shorter < trip);
        self.trips.insert(place, trip);
        self.peak = self.peak.max(running);
        // The first few tell of an origin at ease: they were sent before the limit was known.
        let enough = if self.ease.is_finite() { self.peak.clamp(FLOOR, CEILING) } else { FLOOR };
        if self.trips.len() >= enough as usize {
            self.judge(now);
        }
    }

    fn refused(&mut self, sent: Time, running: u32, now: Time) {
        // Below half of the limit, it is not our number that is too much.
        if sent < self.shrunk || running.saturating_mul(2) < self.get() {
            return;
        }
        let refused = f64::from(running).min(self.limit);
        self.ceiling = (refused * 0.9).max(f64::from(FLOOR));
        self.ceiling_until = now.after(REFUSED_FOR);
        self.shrink(refused * REFUSED, now);
    }

    fn judge(&mut self, now: Time) {
        let quartile = self.trips[self.trips.len() / 4];
        let peak = std::mem::take(&mut self.peak);
        self.trips.clear();
        let first = self.ease.is_infinite();
        // What is measured at the floor is what there is: the way there may have become longer.
        if quartile < self.ease || peak <= FLOOR {
            self.ease = quartile;
        }
        if first || peak.saturating_mul(2) < self.get() {
            return;
        }
        let length = quartile / self.ease;
        if length > OVERLOAD {
            self.shrink(f64::from(peak).min(self.limit) * (OVERLOAD / length).max(SHRINK), now);
        } else if length <= EASE {
            if now >= self.ceiling_until {
                self.ceiling = f64::from(CEILING);
            }
            self.climbs &= length <= CLEAR;
            self.limit = (self.limit * if self.climbs { CLIMB } else { CREEP }).min(self.ceiling);
        }
    }

    fn shrink(&mut self, limit: f64, now: Time) {
        self.limit = limit.max(f64::from(FLOOR));
        self.climbs = false;
        self.shrunk = now;
        self.trips.clear();
        self.peak = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(millis: u32) -> Time {
        Time::ZERO.after(MS * millis)
    }

    /// A round trip of as many as are allowed, each taking this long. The time after it.
    fn round(limit: &mut AdaptiveLimit, sent: Time, trip: Duration) -> Time {
        let now = sent.after(trip);
        let running = limit.get();
        for _ in 0..running {
            limit.answered(sent, running, now);
        }
        now
    }

    #[test]
    fn it_grows_to_the_ceiling_while_round_trips_stay_short() {
        let mut limit = AdaptiveLimit::default();
        let mut now = Time::ZERO;
        now = round(&mut limit, now, MS * 20);
        let mut seen = vec![limit.get()];
        for _ in 0..4 {
            now = round(&mut limit, now, MS * 20);
            seen.push(limit.get());
        }
        assert_eq!(seen, [24, 36, 54, 81, 100]);
    }

    #[test]
    fn it_does_not_grow_while_less_than_half_is_used() {
        let mut limit = AdaptiveLimit::default();
        for n in 0..1_000 {
            limit.answered(at(n), FIRST / 2 - 1, at(n + 20));
        }
        assert_eq!(limit.get(), FIRST);
    }

    #[test]
    fn slow_answers_that_are_not_of_our_making_change_nothing() {
        let mut limit = AdaptiveLimit::default();
        limit.answered(at(0), 2, at(10));
        for n in 0..1_000 {
            limit.answered(at(n), 2, at(n + 5_000));
        }
        assert_eq!(limit.get(), FIRST);
    }

    #[test]
    fn a_refusal_shrinks_once_a_round_trip_and_is_remembered() {
        let mut limit = AdaptiveLimit::default();
        for _ in 0..5 {
            limit.refused(at(0), 24, at(20));
        }
        assert_eq!(limit.get(), 16);
        let mut now = at(20);
        while now < at(20).after(REFUSED_FOR) {
            assert!(limit.get() <= 21, "below the 24 that were refused");
            now = round(&mut limit, now, MS * 20);
        }
        for _ in 0..4 {
            now = round(&mut limit, now, MS * 20);
        }
        assert!(limit.get() > 21, "{limit:?}");
    }

    #[test]
    fn a_longer_way_is_taken_for_what_it_is_once_the_floor_says_so() {
        let mut limit = AdaptiveLimit::default();
        let mut now = round(&mut limit, Time::ZERO, MS * 20);
        let mut seen = Vec::new();
        for _ in 0..40 {
            now = round(&mut limit, now, MS * 200);
            seen.push(limit.get());
        }
        assert!(seen.contains(&FLOOR));
        assert_eq!(limit.get(), CEILING);
    }
}
