//! Rate limits: so many calls in so much time.
//!
//! Both kinds answer a refusal with the exact time after which the same call would be let through, if no other
//! comes in between. Neither needs a timer: what flows in is computed at the next call.

use crate::option::{ConfigError, Number, Options, span};
use crate::time::{Duration, Time};
use std::collections::VecDeque;

/// What a [`RateLimiter`] obeys. Valid by construction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RateConfig {
    /// A bucket of so many tokens, into which one flows each `every`.
    TokenBucket {
        /// What the bucket holds, and so the most at once.
        capacity: u32,
        /// The time for one token.
        every: Duration,
    },
    /// No more than `limit` in any `window`.
    SlidingWindow {
        /// How many.
        limit: u32,
        /// In how long.
        window: Duration,
    },
}

impl RateConfig {
    /// As options say it.
    ///
    /// # Errors
    /// Refused when a token would take no time or for ever.
    pub fn of(options: &Options) -> Result<Self, ConfigError> {
        if options.flag(Number::Algorithm) {
            let limit = options.bound(Number::WindowLimit);
            return Ok(Self::SlidingWindow { limit, window: options.span(Number::WindowSpan) });
        }
        let rate = options.get(Number::RefillRate);
        let every = span(options.get(Number::RefillInterval) / rate);
        if every.is_zero() || every == Duration::MAX {
            return Err(ConfigError { option: Number::RefillRate, value: rate });
        }
        Ok(Self::TokenBucket { capacity: options.bound(Number::Capacity), every })
    }

    /// A bucket of `capacity` tokens, into which `rate` flow in `interval` milliseconds.
    ///
    /// # Errors
    /// Refused when one of them is out of its range, or a token would take no time or for ever.
    pub fn token_bucket(capacity: f64, rate: f64, interval: f64) -> Result<Self, ConfigError> {
        let mut options = Options::default();
        options.set(Number::Capacity, capacity)?;
        options.set(Number::RefillRate, rate)?;
        options.set(Number::RefillInterval, interval)?;
        Self::of(&options)
    }

    /// No more than `limit` in any `window` milliseconds.
    ///
    /// # Errors
    /// Refused when one of them is out of its range.
    pub fn sliding_window(limit: f64, window: f64) -> Result<Self, ConfigError> {
        let mut options = Options::default();
        options.set(Number::Algorithm, 1.0)?;
        options.set(Number::WindowLimit, limit)?;
        options.set(Number::WindowSpan, window)?;
        Self::of(&options)
    }
}

/// The answer to one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It may go, and has taken what it needs.
    Allowed,
    /// It may go after this time. `None`: never, it weighs more than there can be.
    Wait(Option<Duration>),
}

/// The limit for one key. See the [module's page](self).
#[derive(Clone, Debug)]
pub struct RateLimiter {
    config: RateConfig,
    /// Of a bucket: when it will be full again. A bucket that is full needs no more than that.
    full: Time,
    /// Of a window: what was let through in it, the oldest first.
    past: VecDeque<(Time, u32)>,
    /// The sum of their weights.
    weight: u32,
}

impl RateLimiter {
    /// One of which nothing is used.
    pub const fn new(config: RateConfig) -> Self {
        Self { config, full: Time::ZERO, past: VecDeque::new(), weight: 0 }
    }

    /// Takes `weight` if it is there.
    pub fn take(&mut self, weight: u32, now: Time) -> Verdict {
        let verdict = self.check(weight, now);
        if verdict == Verdict::Allowed {
            match self.config {
                RateConfig::TokenBucket { every, .. } => {
                    self.full = self.full.max(now).after(every * weight);
                }
                RateConfig::SlidingWindow { .. } => {
                    self.past.push_back((now, weight));
                    self.weight += weight;
                }
            }
        }
        verdict
    }

    /// What [`take`](Self::take) would say.
    pub fn check(&mut self, weight: u32, now: Time) -> Verdict {
        match self.config {
            RateConfig::TokenBucket { capacity, every } => {
                if weight > capacity {
                    return Verdict::Wait(None);
                }
                let full = self.full.max(now).after(every * weight);
                // More than the whole bucket would be missing until then.
                let over = full.since(now).saturating_sub(every * capacity);
                if over.is_zero() { Verdict::Allowed } else { Verdict::Wait(Some(over)) }
            }
            RateConfig::SlidingWindow { limit, window } => {
                self.slide(window, now);
                if weight > limit {
                    return Verdict::Wait(None);
                }
                let mut free = limit - self.weight;
                if weight <= free {
                    return Verdict::Allowed;
                }
                for &(at, left) in &self.past {
                    free += left;
                    if weight <= free {
                        return Verdict::Wait(Some(at.after(window).since(now)));
                    }
                }
                Verdict::Wait(None)
            }
        }
    }

    /// The time until `weight` is there for one who comes after others of these weights, each of whom goes as soon as
    /// it can. `None`: never.
    pub fn behind(&self, ahead: &[u32], weight: u32, now: Time) -> Option<Duration> {
        let mut limiter = self.clone();
        let mut then = now;
        for &other in ahead {
            if let Verdict::Wait(wait) = limiter.take(other, then) {
                then = then.after(wait?);
                limiter.take(other, then);
            }
        }
        match limiter.check(weight, then) {
            Verdict::Allowed => Some(then.since(now)),
            Verdict::Wait(wait) => Some(then.after(wait?).since(now)),
        }
    }

    /// Gives back what was taken at `taken` for a call that was never made.
    pub fn give_back(&mut self, weight: u32, taken: Time, now: Time) {
        match self.config {
            RateConfig::TokenBucket { every, .. } => {
                // Since then as much may have flowed in as would have run over without it.
                let back = (every * weight).saturating_sub(now.since(taken));
                self.full = now.after(self.full.since(now).saturating_sub(back));
            }
            RateConfig::SlidingWindow { .. } => {
                // Its own place, and not the youngest: who came after it is in the way for as long as before.
                let own = self.past.iter_mut().rev().find(|(at, left)| *at == taken && *left >= weight);
                if let Some((_, left)) = own {
                    *left -= weight;
                    self.weight -= weight;
                }
            }
        }
    }

    /// How many there are to take.
    pub fn remaining(&mut self, now: Time) -> u32 {
        match self.config {
            RateConfig::TokenBucket { capacity, every } => {
                let missing = self.full.since(now).as_nanos().div_ceil(every.as_nanos().max(1));
                capacity.saturating_sub(u32::try_from(missing).unwrap_or(u32::MAX))
            }
            RateConfig::SlidingWindow { limit, window } => {
                self.slide(window, now);
                limit - self.weight
            }
        }
    }

    /// Whether nothing is used, so that forgetting it changes nothing.
    pub fn is_idle(&self, now: Time) -> bool {
        match self.config {
            RateConfig::TokenBucket { .. } => self.full <= now,
            RateConfig::SlidingWindow { window, .. } => {
                self.past.back().is_none_or(|&(at, _)| now.since(at) >= window)
            }
        }
    }

    fn slide(&mut self, window: Duration, now: Time) {
        while let Some(&(at, weight)) = self.past.front() {
            if now.since(at) < window {
                return;
            }
            self.past.pop_front();
            self.weight -= weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn configs() -> impl Strategy<Value = RateConfig> {
        let bucket = (1..20_u32, 1..50_u32, 1..2_000_u32).prop_map(|(capacity, rate, interval)| {
            RateConfig::token_bucket(capacity.into(), rate.into(), interval.into()).unwrap()
        });
        let window = (1..20_u32, 1..500_u32)
            .prop_map(|(limit, window)| RateConfig::sliding_window(limit.into(), window.into()).unwrap());
        prop_oneof![bucket, window]
    }

    #[test]
    fn a_bucket_gives_what_it_holds_and_then_what_flows_in() {
        let mut limiter = RateLimiter::new(RateConfig::token_bucket(3.0, 2.0, 1000.0).unwrap());
        let now = Time::ZERO.after(MS * 5_000);
        for left in [2, 1, 0] {
            assert_eq!(limiter.take(1, now), Verdict::Allowed);
            assert_eq!(limiter.remaining(now), left);
        }
        assert_eq!(limiter.take(1, now), Verdict::Wait(Some(MS * 500)));
        assert_eq!(limiter.take(3, now), Verdict::Wait(Some(MS * 1_500)));
        assert_eq!(limiter.take(4, now), Verdict::Wait(None));
        assert_eq!(limiter.take(1, now.after(MS * 500)), Verdict::Allowed);
        assert!(!limiter.is_idle(now.after(MS * 1_999)));
        assert!(limiter.is_idle(now.after(MS * 2_000)));
    }

    #[test]
    fn wrong_numbers_are_refused_by_name() {
        for (error, option) in [
            (RateConfig::token_bucket(0.5, 1.0, 1.0), "capacity"),
            (RateConfig::token_bucket(1.0, 0.0, 1.0), "refillRate"),
            (RateConfig::token_bucket(1.0, f64::NAN, 1.0), "refillRate"),
            (RateConfig::token_bucket(1.0, f64::INFINITY, 1.0), "refillRate"),
            (RateConfig::token_bucket(1.0, 1.0, 0.0), "refillInterval"),
            (RateConfig::sliding_window(0.0, 1.0), "limit"),
            (RateConfig::sliding_window(1.0, -1.0), "window"),
        ] {
            assert_eq!(error.unwrap_err().option.name(), option);
        }
    }

    proptest! {
        #[test]
        fn the_promised_time_is_exact_both_ways(
            config in configs(),
            calls in prop::collection::vec((1..25_u32, 0..200_u32), 1..60),
        ) {
            let mut limiter = RateLimiter::new(config);
            let mut now = Time::ZERO;
            for (weight, pause) in calls {
                now = now.after(MS * pause);
                if let Verdict::Wait(Some(wait)) = limiter.take(weight, now) {
                    prop_assert!(!wait.is_zero());
                    let just_before = now.after(wait.saturating_sub(Duration::from_nanos(1)));
                    prop_assert_ne!(limiter.clone().take(weight, just_before), Verdict::Allowed);
                    prop_assert_eq!(limiter.clone().take(weight, now.after(wait)), Verdict::Allowed);
                }
            }
        }

        #[test]
        fn who_comes_after_others_waits_until_they_have_gone_and_no_longer(
            config in configs(),
            used in 0..20_u32,
            ahead in prop::collection::vec(1..5_u32, 0..10),
            weight in 1..5_u32,
        ) {
            let now = Time::ZERO.after(MS * 10_000);
            let mut limiter = RateLimiter::new(config);
            for _ in 0..used {
                limiter.take(1, now);
            }
            let most = match config {
                RateConfig::TokenBucket { capacity, .. } => capacity,
                RateConfig::SlidingWindow { limit, .. } => limit,
            };
            prop_assume!(ahead.iter().chain([&weight]).all(|&weight| weight <= most));
            let promised = limiter.behind(&ahead, weight, now).unwrap();
            // Each tries at every moment from when the one before has gone.
            let mut then = now;
            for weight in ahead.into_iter().chain([weight]) {
                while let Verdict::Wait(Some(wait)) = limiter.take(weight, then) {
                    then = then.after(wait);
                }
            }
            prop_assert_eq!(then.since(now), promised);
        }

        #[test]
        fn never_more_than_the_limit_in_any_window(
            config in configs(),
            calls in prop::collection::vec((1..5_u32, 0..60_u32, any::<prop::sample::Index>()), 1..200),
        ) {
            let mut limiter = RateLimiter::new(config);
            let mut now = Time::ZERO;
            let mut let_through: Vec<(Time, u32)> = Vec::new();
            for (weight, pause, aborts) in calls {
                now = now.after(MS * pause);
                if limiter.take(weight, now) == Verdict::Allowed {
                    let_through.push((now, weight));
                }
                // One in four is aborted, some time after it was let through.
                if aborts.index(4) == 0 && !let_through.is_empty() {
                    let (taken, weight) = let_through.remove(aborts.index(let_through.len()));
                    limiter.give_back(weight, taken, now);
                }
            }
            for (first, &(start, _)) in let_through.iter().enumerate() {
                for last in first..let_through.len() {
                    let span = let_through[last].0.since(start);
                    let sum: u32 = let_through[first..=last].iter().map(|&(_, weight)| weight).sum();
                    match config {
                        RateConfig::SlidingWindow { limit, window } if span < window => {
                            prop_assert!(sum <= limit);
                        }
                        RateConfig::TokenBucket { capacity, every } => {
                            let flowed = span.as_nanos() / every.as_nanos() + 1;
                            prop_assert!(u64::from(sum) <= u64::from(capacity) + flowed);
                        }
                        RateConfig::SlidingWindow { .. } => {}
                    }
                }
            }
        }

        #[test]
        fn what_is_given_back_is_there_again(config in configs(), used in 0..20_u32, weight in 1..5_u32) {
            let mut limiter = RateLimiter::new(config);
            let now = Time::ZERO.after(MS * 10_000);
            for _ in 0..used {
                limiter.take(1, now);
            }
            let before = limiter.remaining(now);
            if limiter.take(weight, now) == Verdict::Allowed {
                limiter.give_back(weight, now, now);
            }
            prop_assert_eq!(limiter.remaining(now), before);
        }
    }
}
