//! The share of calls that are not sent to an origin which does not accept them all.
//!
//! The formula is that for client-side throttling of Google's book on site reliability: `max(0, (requests - k · accepts) /
//! (requests + 1))`. A request counts when it is made, also one that is turned away here: with `k` of 2, an origin that
//! accepts half of what is made is left alone, and one that accepts less gets twice what it accepts. It needs no level that
//! is entered and left, so nothing swings.
//!
//! The share is spent from the bottom, first on background, then on low, then on normal; above that, on nothing. Within a
//! level, the hash of a route decides: the same part of a page is missing, and not a random half of each.

use crate::priority::Level;
use crate::time::{Duration, Time};
use std::collections::VecDeque;

/// Counts are kept for this many parts of the window: the oldest part goes as a whole.
const PARTS: u64 = 30;

/// One in so many of the calls that are to be shed goes all the same, to see whether it is accepted by now.
pub const PROBE_EVERY: u32 = 20;

/// When calls are shed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShareConfig {
    /// How many calls may be made for each that is accepted.
    pub k: f64,
    /// How far back calls count.
    pub window: Duration,
    /// Nothing is shed below so many.
    pub minimum: u32,
    /// No more than this share is shed.
    pub most: f64,
}

impl Default for ShareConfig {
    fn default() -> Self {
        Self { k: 2.0, window: Duration::from_secs(30), minimum: 10, most: 0.9 }
    }
}

/// Whether calls of this level may be shed at all.
pub const fn sheddable(level: Level) -> bool {
    matches!(level, Level::Background | Level::Low | Level::Normal)
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// By level.
    made: [u32; Level::ALL.len()],
    accepted: u32,
}

impl Counts {
    fn total(&self) -> u32 {
        self.made.iter().sum()
    }
}

/// The calls to one origin.
#[derive(Clone, Debug)]
pub struct Share {
    config: ShareConfig,
    /// With the number of the part in which they were counted; the oldest first.
    parts: VecDeque<(u64, Counts)>,
    sum: Counts,
    /// Calls that were to be shed, by level.
    shed: [u32; Level::ALL.len()],
}

impl Share {
    /// Of an origin that nothing is known of.
    pub const fn new(config: ShareConfig) -> Self {
        Self { config, parts: VecDeque::new(), sum: Counts { made: [0; 5], accepted: 0 }, shed: [0; 5] }
    }

    /// Calls with a time limit like this are made: they count for twice as long, or one that ends late would count for none.
    pub fn widen(&mut self, limit: Duration) {
        self.config.window = self.config.window.max(limit * 2);
    }

    /// A call is made. `route`: a hash of what it is for, from 0 up and below 1. Whether it is sent, and not shed.
    pub fn admit(&mut self, level: Level, route: f64, now: Time) -> bool {
        self.forget(now);
        let share = self.of_level(level);
        self.count(now, |counts| counts.made[level as usize] += 1);
        if route >= share {
            return true;
        }
        let shed = &mut self.shed[level as usize];
        *shed = shed.wrapping_add(1);
        shed.is_multiple_of(PROBE_EVERY)
    }

    /// The origin has done what it was asked.
    pub fn accepted(&mut self, now: Time) {
        self.forget(now);
        self.count(now, |counts| counts.accepted += 1);
    }

    /// The share of all calls that is to be shed now.
    pub fn share(&mut self, now: Time) -> f64 {
        self.forget(now);
        self.current()
    }

    fn current(&self) -> f64 {
        let (requests, ShareConfig { k, minimum, most, .. }) = (self.sum.total(), self.config);
        if requests < minimum {
            return 0.0;
        }
        let requests = f64::from(requests);
        ((requests - k * f64::from(self.sum.accepted)) / (requests + 1.0)).clamp(0.0, most)
    }

    /// The share of this level's calls that is to be shed: what the levels below leave of it.
    fn of_level(&self, level: Level) -> f64 {
        if !sheddable(level) {
            return 0.0;
        }
        let all = self.current() * f64::from(self.sum.total());
        let below: u32 = self.sum.made[..level as usize].iter().sum();
        let own = self.sum.made[level as usize];
        let left = all - f64::from(below);
        if left <= 0.0 { 0.0 } else { (left / f64::from(own.max(1))).min(1.0) }
    }

    fn part(&self, now: Time) -> u64 {
        now.since(Time::ZERO).as_nanos() / (self.config.window.as_nanos() / PARTS).max(1)
    }

    fn count(&mut self, now: Time, add: impl Fn(&mut Counts)) {
        let part = self.part(now);
        if self.parts.back().is_none_or(|(last, _)| *last != part) {
            self.parts.push_back((part, Counts::default()));
        }
        if let Some((_, counts)) = self.parts.back_mut() {
            add(counts);
        }
        add(&mut self.sum);
    }

    fn forget(&mut self, now: Time) {
        let part = self.part(now);
        while let Some(&(old, counts)) = self.parts.front() {
            if old + PARTS > part && old <= part {
                break;
            }
            for (sum, made) in self.sum.made.iter_mut().zip(counts.made) {
                *sum -= made;
            }
            self.sum.accepted -= counts.accepted;
            self.parts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn millis(millis: u64) -> Time {
        Time::ZERO.after(Duration::from_millis(millis))
    }

    /// So many calls a second for a minute, of which the origin accepts so many; returns the shares of each level that were
    /// sent in the last 20 s, and all that were sent then.
    fn run(each_second: u64, accepts: u64, levels: &[Level]) -> ([f64; 5], u64) {
        let mut share = Share::new(ShareConfig::default());
        let mut random = Random::new(7);
        let (mut made, mut sent, mut all) = ([0_u32; 5], [0_u32; 5], 0);
        for second in 0..60 {
            let mut room = accepts;
            for k in 0..each_second {
                let now = millis(second * 1_000 + k * 1_000 / each_second);
                let level = levels[usize::try_from(k).unwrap() % levels.len()];
                let goes = share.admit(level, random.fraction(), now);
                if goes && room > 0 {
                    room -= 1;
                    share.accepted(now);
                }
                if second >= 40 {
                    made[level as usize] += 1;
                    sent[level as usize] += u32::from(goes);
                    all += u64::from(goes);
                }
            }
        }
        (std::array::from_fn(|k| f64::from(sent[k]) / f64::from(made[k].max(1))), all)
    }

    #[test]
    fn an_origin_that_accepts_all_or_half_gets_all() {
        assert_eq!(run(100, 100, &[Level::Background]).1, 2_000);
        assert_eq!(run(100, 60, &[Level::Background]).1, 2_000);
    }

    #[test]
    fn one_that_accepts_less_gets_about_twice_that() {
        let (_, sent) = run(100, 20, &[Level::Normal]);
        assert!((700..1_000).contains(&sent), "{sent} in 20 s, of which 400 were accepted");
    }

    #[test]
    fn it_is_spent_from_the_bottom() {
        let all = [Level::Background, Level::Low, Level::Normal, Level::High, Level::Critical];
        let ([background, low, normal, high, critical], _) = run(100, 30, &all);
        assert!((0.04..0.15).contains(&background), "{background}: the probes go");
        assert!(low > background && low < 1.0, "{low}");
        assert!(normal.min(high).min(critical) >= 1.0);
    }

    #[test]
    fn what_is_important_is_never_shed_and_some_of_the_rest_always_goes() {
        let ([.., normal, high, critical], sent) =
            run(100, 0, &[Level::Normal, Level::High, Level::Critical]);
        assert!(high.min(critical) >= 1.0);
        assert!(normal > 0.04, "{normal}");
        assert!(sent > 1_300);
    }

    #[test]
    fn the_same_route_is_shed_each_time_but_for_probes() {
        let mut share = Share::new(ShareConfig::default());
        for k in 0..100 {
            share.admit(Level::Low, 0.9, millis(k));
        }
        for _ in 0..30 {
            share.accepted(millis(100));
        }
        let mut sent = |route| (0..20).filter(|k| share.admit(Level::Low, route, millis(101 + k))).count();
        assert_eq!((sent(0.1), sent(0.9)), (1, 20));
    }

    #[test]
    fn few_calls_say_nothing_and_old_ones_are_forgotten() {
        let mut share = Share::new(ShareConfig::default());
        for k in 0..9 {
            assert!(share.admit(Level::Background, 0.0, millis(k)));
        }
        assert!(share.share(millis(9)) <= 0.0);
        share.admit(Level::Background, 0.0, millis(10));
        assert!(share.share(millis(11)) > 0.8);
        assert!(share.share(millis(31_000)) <= 0.0);
    }

    #[test]
    fn calls_with_a_long_time_limit_count_for_twice_as_long() {
        let mut share = Share::new(ShareConfig::default());
        share.widen(Duration::from_secs(60));
        for k in 0..20 {
            share.admit(Level::Background, 0.0, millis(k));
        }
        assert!(share.share(millis(100_000)) > 0.8);
        assert!(share.share(millis(125_000)) <= 0.0);
    }
}
