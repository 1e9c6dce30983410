//! The share of calls that are not sent to an origin which does not accept them all.
//!
//! The formula is that for client-side throttling of Google's book on site reliability: `max(0, (requests - k · accepts) /
//! (requests + 1))`. With `k` of 2, an origin that accepts half of what is sent is left alone, and one that accepts less gets
//! twice what it accepts. It needs no level that is entered and left, so nothing swings.
//!
//! A call counts when it is turned away here, and else when it is sent, not when it ends: who counts ends is late by the time
//! that a call takes. But a page that sends a hundred calls at once to an origin that is well has no answer to any of them
//! for a moment. So what is under way counts only once it has been for a tenth of the window, and what waits for a slot does
//! not count.
//!
//! The share is spent from the bottom, first on background, then on low, then on normal; above that, on nothing. Within a
//! level, the hash of a route decides: the same part of a page is missing, and not a random half of each.

use crate::option::{Number, Options};
use crate::priority::Level;
use crate::time::{Duration, Time};

/// Counts are kept for this many parts of the window: the oldest part goes as a whole.
const PARTS: u64 = 30;

/// What is under way counts as not accepted after so many of them.
const PATIENCE: u64 = PARTS / 10;

/// However long calls may take: for longer an origin is not held to what it did.
const MAX_WINDOW: Duration = Duration::from_secs(300);

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

impl ShareConfig {
    /// What was said of it. `None`: there is to be none.
    pub fn of(options: &Options) -> Option<Self> {
        (!options.flag(Number::NoShare)).then(|| Self::said(options))
    }

    fn said(options: &Options) -> Self {
        Self {
            k: options.get(Number::ShareK),
            window: options.span(Number::ShareWindow),
            minimum: options.bound(Number::ShareMinimum),
            most: options.get(Number::ShareMost),
        }
    }
}

impl Default for ShareConfig {
    fn default() -> Self {
        Self::said(&Options::default())
    }
}

/// Whether calls of this level may be shed at all.
pub const fn sheddable(level: Level) -> bool {
    matches!(level, Level::Background | Level::Low | Level::Normal)
}

/// Whether one of the calls that are to be shed, counted from 1, is a probe.
pub const fn is_probe(shed: u32) -> bool {
    shed.is_multiple_of(PROBE_EVERY)
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Sent, or turned away here, by level.
    made: [u32; Level::ALL.len()],
    /// Of those that were sent, the ones under way.
    open: u32,
    accepted: u32,
}

impl Counts {
    fn total(&self) -> u32 {
        self.made.iter().sum()
    }
}

/// What came of a call that was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// The origin has done what it was asked.
    Accepted,
    /// It has not.
    Refused,
    /// Nobody knows: its caller gave it up, or there was no network. It is as if it had never been made.
    Unknown,
}

/// The calls to one origin.
#[derive(Clone, Debug)]
pub struct Share {
    config: ShareConfig,
    /// Each at its number, taken by how many there are.
    parts: [Counts; PARTS as usize],
    /// The number of the part that counts now.
    part: u64,
    sum: Counts,
    /// Calls that were to be shed, by level.
    shed: [u32; Level::ALL.len()],
}

impl Share {
    /// Of an origin that nothing is known of.
    pub fn new(config: ShareConfig) -> Self {
        Self {
            config,
            parts: [Counts::default(); PARTS as usize],
            part: 0,
            sum: Counts::default(),
            shed: [0; Level::ALL.len()],
        }
    }

    /// Calls with a time limit like this are made: they count for twice as long, or one that ends late would count for none.
    pub fn widen(&mut self, limit: Duration, now: Time) {
        let window = (limit * 2).min(MAX_WINDOW);
        if window > self.config.window {
            self.forget(now);
            let (sum, shed) = (self.sum, self.shed);
            *self = Self { sum, shed, ..Self::new(ShareConfig { window, ..self.config }) };
            // The parts that there are were shorter: what they counted counts as of now.
            self.part = self.number(now);
            self.parts[(self.part % PARTS) as usize] = sum;
        }
    }

    /// A call is made. `route`: a hash of what it is for, from 0 up and below 1. Whether it is turned away.
    pub fn sheds(&mut self, level: Level, route: f64, now: Time) -> bool {
        self.forget(now);
        if route >= self.of_level(level) {
            return false;
        }
        let shed = &mut self.shed[level as usize];
        *shed = shed.wrapping_add(1);
        if is_probe(*shed) {
            return false;
        }
        self.count(|counts| counts.made[level as usize] += 1);
        true
    }

    /// An attempt of a call is sent.
    pub fn sent(&mut self, level: Level, now: Time) {
        self.forget(now);
        self.count(|counts| {
            counts.made[level as usize] += 1;
            counts.open += 1;
        });
    }

    /// An attempt that was sent then has ended.
    pub fn ended(&mut self, level: Level, sent: Time, fate: Fate, now: Time) {
        self.forget(now);
        let part = self.number(sent);
        if part <= self.part && part + PARTS > self.part {
            let counts = &mut self.parts[(part % PARTS) as usize];
            // It may have been sent when there was another window.
            let open = u32::from(counts.open > 0);
            let made = u32::from(fate == Fate::Unknown && counts.made[level as usize] > 0);
            for counts in [counts, &mut self.sum] {
                counts.open -= open;
                counts.made[level as usize] -= made;
            }
        }
        if fate == Fate::Accepted {
            self.count(|counts| counts.accepted += 1);
        }
    }

    /// What it was told to do, with the longest window that was wanted since.
    pub const fn config(&self) -> &ShareConfig {
        &self.config
    }

    /// The share of all calls that is to be shed now.
    pub fn share(&mut self, now: Time) -> f64 {
        self.forget(now);
        self.current()
    }

    /// How long it takes until calls count that have no answer: sooner, nothing will have changed.
    pub fn patience(&self) -> Duration {
        self.config.window / PARTS as u32 * PATIENCE as u32
    }

    /// What is under way and young does not count.
    fn requests(&self) -> u32 {
        let oldest = (self.part + 1).saturating_sub(PATIENCE);
        let open: u32 = (oldest..=self.part).map(|part| self.parts[(part % PARTS) as usize].open).sum();
        self.sum.total().saturating_sub(open)
    }

    fn current(&self) -> f64 {
        let (requests, ShareConfig { k, minimum, most, .. }) = (self.requests(), self.config);
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

    fn number(&self, at: Time) -> u64 {
        at.since(Time::ZERO).as_nanos() / (self.config.window.as_nanos() / PARTS).max(1)
    }

    fn count(&mut self, add: impl Fn(&mut Counts)) {
        for counts in [&mut self.parts[(self.part % PARTS) as usize], &mut self.sum] {
            add(counts);
        }
    }

    fn forget(&mut self, now: Time) {
        let part = self.number(now);
        // What is older than the window is all there is.
        self.part = self.part.max(part.saturating_sub(PARTS));
        while self.part < part {
            self.part += 1;
            let old = std::mem::take(&mut self.parts[(self.part % PARTS) as usize]);
            for (sum, made) in self.sum.made.iter_mut().zip(old.made) {
                *sum -= made;
            }
            self.sum.open -= old.open;
            self.sum.accepted -= old.accepted;
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

    impl Share {
        /// A call is made, and if it is sent, the origin does what it asks or not, at once. Whether it was sent.
        fn call(&mut self, level: Level, route: f64, accepts: bool, now: Time) -> bool {
            if self.sheds(level, route, now) {
                return false;
            }
            self.sent(level, now);
            self.ended(level, now, if accepts { Fate::Accepted } else { Fate::Refused }, now);
            true
        }
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
                let goes = share.call(level, random.fraction(), room > 0, now);
                room = room.saturating_sub(u64::from(goes));
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
            share.call(Level::Low, 0.9, k < 30, millis(k));
        }
        let mut sent =
            |route| (0..20).filter(|k| share.call(Level::Low, route, false, millis(101 + k))).count();
        assert_eq!((sent(0.1), sent(0.9)), (1, 20));
    }

    #[test]
    fn few_calls_say_nothing_and_old_ones_are_forgotten() {
        let mut share = Share::new(ShareConfig::default());
        for k in 0..9 {
            assert!(share.call(Level::Background, 0.0, false, millis(k)));
        }
        assert!(share.share(millis(9)) <= 0.0);
        share.call(Level::Background, 0.0, false, millis(10));
        assert!(share.share(millis(11)) > 0.8);
        assert!(share.share(millis(31_000)) <= 0.0);
    }

    #[test]
    fn calls_with_a_long_time_limit_count_for_twice_as_long_and_five_minutes_at_most() {
        let shed_after = |limit: u64, seconds: u64| {
            let mut share = Share::new(ShareConfig::default());
            share.widen(Duration::from_secs(limit), millis(0));
            for k in 0..20 {
                share.call(Level::Background, 0.0, false, millis(k));
            }
            share.share(millis(seconds * 1_000)) > 0.8
        };
        assert!(shed_after(60, 100) && !shed_after(60, 125));
        assert!(shed_after(36_000, 280) && !shed_after(36_000, 320));
    }

    #[test]
    fn a_longer_time_limit_forgets_nothing() {
        let mut share = Share::new(ShareConfig::default());
        for k in 0..100 {
            share.call(Level::Low, 0.5, k % 5 == 0, millis(k));
        }
        let before = share.share(millis(100));
        share.widen(Duration::from_secs(60), millis(100));
        assert!(before > 0.5 && (share.share(millis(100)) - before).abs() < 1e-9);
        assert!(share.share(millis(118_000)) > 0.5 && share.share(millis(125_000)) <= 0.0);
    }

    #[test]
    fn a_rush_to_an_origin_that_is_well_is_not_shed() {
        let mut share = Share::new(ShareConfig::default());
        for _ in 0..1_000 {
            assert!(!share.sheds(Level::Background, 0.0, millis(5)));
            share.sent(Level::Background, millis(5));
        }
        for k in 0..1_000 {
            let now = millis(5 + 2 * k);
            assert!(!share.sheds(Level::Background, 0.0, now));
            share.ended(Level::Background, millis(5), Fate::Accepted, now);
        }
        assert!(share.share(millis(2_005)) <= 0.0);
    }

    #[test]
    fn what_has_no_answer_for_long_counts_as_not_accepted() {
        let mut share = Share::new(ShareConfig::default());
        for _ in 0..20 {
            share.sent(Level::Low, millis(0));
        }
        assert!(share.share(millis(2_900)) <= 0.0);
        assert!(share.share(Time::ZERO.after(share.patience())) > 0.8);
        for _ in 0..20 {
            share.ended(Level::Low, millis(0), Fate::Accepted, millis(9_000));
        }
        assert!(share.share(millis(9_000)) <= 0.0);
    }

    #[test]
    fn what_its_callers_gave_up_says_nothing() {
        let mut share = Share::new(ShareConfig::default());
        for k in 0..100 {
            share.sent(Level::Normal, millis(k));
            let fate = if k % 10 == 0 { Fate::Accepted } else { Fate::Unknown };
            share.ended(Level::Normal, millis(k), fate, millis(k + 40));
        }
        assert!(share.share(millis(200)) <= 0.0);
        // Also when it is given up long after it was sent.
        share.sent(Level::Normal, millis(200));
        share.ended(Level::Normal, millis(200), Fate::Unknown, millis(60_000));
        assert!(share.share(millis(60_000)) <= 0.0);
    }
}
