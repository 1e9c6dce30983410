//! Retry, breaker and rate limits by themselves, for JavaScript.

use super::border::{Buffers, with_buffers};
use super::codes::{BreakerEvent, RateLimitEvent, Reported, RetryEvent};
use super::{convert, options};
use crate::breaker::{Breaker, BreakerConfig, Permit, Report};
use crate::option::{ConfigError, Number, Options, span};
use crate::random::Random;
use crate::rate::{RateConfig, RateLimiter, Verdict};
use crate::retry::{Budget, Cause, Failure, RetryConfig};
use crate::retry_after;
use crate::time::Time;
use wasm_bindgen::prelude::*;

/// Whether a request may ever be sent again by the rules in the words, so that its body must be kept. Its method is the
/// first line of the text of this length, those of the rules are the others. Rules were judged before.
#[wasm_bindgen]
pub fn may_repeat(length: u32, idempotent: bool) -> bool {
    with_buffers(|buffers| {
        let said = options::said(buffers).unwrap_or_default();
        let (method, methods) = first_line(buffers.text(length));
        let listed = said.said(Number::Methods).map(|_| methods);
        options::retry(&said, buffers).repeats(method, idempotent, listed)
    })
}

/// The pause that a response with this status asks for, in milliseconds, NaN for none; `wall` is now, in milliseconds since
/// 1970. The text of this length has a line for each of [`PauseField`](retry_after::PauseField): empty where there is no such field, and else behind a
/// colon.
#[wasm_bindgen]
pub fn pause_asked(length: u32, status: u16, wall: f64) -> f64 {
    with_buffers(|buffers| {
        let asked = retry_after::asked(status, &buffers.lines(length), convert::wall(wall));
        asked.map_or(f64::NAN, convert::millis)
    })
}

/// The first line, and the others.
fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// Retries of tasks.
pub(super) struct RetryPolicy {
    config: RetryConfig,
    budget: Budget,
    random: Random,
}

impl RetryPolicy {
    pub(super) fn new(config: RetryConfig, seed: f64) -> Self {
        Self { config, budget: Budget::default(), random: Random::new(seed.to_bits()) }
    }

    pub(super) fn event(&mut self, code: u32, numbers: [f64; 4], now: Time) -> f64 {
        let commit = match RetryEvent::of(code) {
            Some(RetryEvent::Begin) => {
                self.budget.request(now);
                return 0.0;
            }
            Some(RetryEvent::Ask) => false,
            Some(RetryEvent::Next) => true,
            None => return f64::NAN,
        };
        let [retries, last, status, asked] = numbers;
        let retries = convert::count(retries);
        // A task is whatever its owner wants to be run again.
        let cause =
            if status.is_nan() { Cause::Expired } else { Cause::Status(convert::count(status) as u16) };
        let retry_after = convert::asked(asked);
        let failure = Failure { cause, retry_after };
        if !self.config.allows(&failure, true, retries) || !self.config.affords(&self.budget, now) {
            return f64::NAN;
        }
        if !commit {
            return 0.0;
        }
        self.budget.retry(now);
        let delay = self.config.delay(retries.saturating_add(1), span(last), &mut self.random);
        convert::millis(delay.max(retry_after.unwrap_or_default()))
    }
}

/// A circuit breaker.
pub(super) struct CircuitBreaker(Breaker);

impl CircuitBreaker {
    pub(super) fn new(options: &Options) -> Self {
        Self(Breaker::new(&BreakerConfig::of(options)))
    }

    pub(super) fn event(&mut self, code: u32, [permit, reported, ..]: [f64; 4], now: Time) -> f64 {
        let breaker = &mut self.0;
        match BreakerEvent::of(code) {
            Some(BreakerEvent::Admit) => {
                return breaker.admit(now).map_or(f64::NAN, |permit| f64::from(permit.to_bits()));
            }
            Some(BreakerEvent::Report) => {
                let report = match Reported::of(convert::count(reported)) {
                    Some(Reported::Success) => Report::Success,
                    Some(Reported::Failure) => Report::Failure,
                    Some(Reported::Alive) => Report::Alive,
                    Some(Reported::Nothing) | None => Report::Nothing,
                };
                breaker.report(Permit::from_bits(convert::count(permit)), report, now);
            }
            Some(BreakerEvent::State) => return f64::from(convert::state_number(breaker.state(now))),
            Some(BreakerEvent::Failures) => return f64::from(breaker.counts(now).1),
            Some(BreakerEvent::Successes) => return f64::from(breaker.counts(now).0),
            Some(BreakerEvent::RetryAfter) => {
                return breaker.retry_after(now).map_or(f64::NAN, convert::millis);
            }
            Some(BreakerEvent::Isolate) => breaker.isolate(),
            Some(BreakerEvent::Reset) => breaker.reset(),
            None => {}
        }
        0.0
    }
}

/// Rate limits, all of one kind. JavaScript has their keys and knows them by number.
pub(super) struct RateLimits {
    config: RateConfig,
    limits: Vec<RateLimiter>,
}

impl RateLimits {
    pub(super) fn new(options: &Options) -> Result<Self, ConfigError> {
        Ok(Self { config: RateConfig::of(options)?, limits: Vec::new() })
    }

    pub(super) fn event(&mut self, code: u32, numbers: [f64; 4], now: Time, buffers: &Buffers) -> f64 {
        let [place, weight, others, _] = numbers;
        let Some(event) = RateLimitEvent::of(code) else { return f64::NAN };
        let limit = self.limit(convert::count(place) as usize);
        // A weight was judged before. Up to the next whole millisecond: a timer has no finer one, and must not come early.
        let weight = convert::count(weight);
        match event {
            RateLimitEvent::Take => match limit.take(weight, now) {
                Verdict::Allowed => 0.0,
                Verdict::Wait(Some(wait)) => convert::millis(wait).ceil(),
                Verdict::Wait(None) => f64::INFINITY,
            },
            RateLimitEvent::Behind => {
                let ahead = buffers.words(0, convert::count(others) as usize);
                let ahead: Vec<u32> = ahead.iter().map(|&weight| convert::count(weight)).collect();
                limit.behind(&ahead, weight, now).map_or(f64::INFINITY, |wait| convert::millis(wait).ceil())
            }
            RateLimitEvent::Remaining => f64::from(limit.remaining(now)),
            RateLimitEvent::IsIdle => f64::from(u8::from(limit.is_idle(now))),
        }
    }

    /// Numbers are dense: JavaScript gives the next one, or one that is idle.
    fn limit(&mut self, place: usize) -> &mut RateLimiter {
        let place = place.min(self.limits.len());
        if place == self.limits.len() {
            self.limits.push(RateLimiter::new(self.config));
        }
        &mut self.limits[place]
    }
}
