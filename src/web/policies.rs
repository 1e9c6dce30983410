//! Retry, breaker and rate limits by themselves, for JavaScript.

use super::{clock, convert, options};
use crate::breaker::{Breaker, Permit, Report};
use crate::random::Random;
use crate::rate::{RateConfig, RateLimiter, Verdict};
use crate::retry::{Budget, Failure, RetryConfig, What};
use wasm_bindgen::prelude::*;

/// Whether a request with this method may ever be sent again, so that its body must be kept.
///
/// # Errors
/// `RangeError` or `TypeError` that names the option.
#[wasm_bindgen(js_name = mayRepeat)]
pub fn may_repeat(options: &JsValue, method: &str, idempotent: bool) -> Result<bool, JsValue> {
    Ok(options::retry_options("retry", options)?.repeats(method, idempotent))
}

/// Retries of tasks.
#[wasm_bindgen]
pub struct RetryPolicy {
    config: RetryConfig,
    budget: Budget,
    random: Random,
}

#[wasm_bindgen]
impl RetryPolicy {
    /// One that has seen nothing yet.
    ///
    /// # Errors
    /// `RangeError` or `TypeError` that names the option.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<RetryPolicy, JsValue> {
        let config = options::retry_options("", options)?;
        let random = Random::new(options::retry_seed(options)?);
        Ok(Self { config, budget: Budget::default(), random })
    }

    /// A task is run for the first time.
    pub fn begin(&mut self) {
        self.budget.request(clock::now());
    }

    /// A task has failed after so many retries, the last of which came after `last` milliseconds: with a response of
    /// this status, or without any, NaN. `asked`: the pause that its server asked for, in milliseconds, NaN for none.
    /// Returns the delay before the next attempt, in milliseconds, never shorter than what was asked for; NaN for none. Unless `commit`, this only asks.
    pub fn next(&mut self, retries: u32, last: f64, status: f64, asked: f64, commit: bool) -> f64 {
        let what = if status.is_nan() { What::Expired } else { convert::what(status, true) };
        let asked = convert::asked(asked);
        // A task is whatever its owner wants to be run again.
        let failure = Failure { method: "", idempotent: true, resendable: true, what, asked };
        let now = clock::now();
        if !self.config.allows(&failure, retries) || !self.config.affords(&self.budget, now) {
            return f64::NAN;
        }
        if !commit {
            return 0.0;
        }
        self.budget.retry(now);
        let last = convert::span(last);
        let delay = self.config.delay(retries.saturating_add(1), last, &mut self.random);
        convert::millis(delay.max(asked.unwrap_or_default()))
    }
}

/// A circuit breaker.
#[wasm_bindgen]
pub struct CircuitBreaker(Breaker);

#[wasm_bindgen]
impl CircuitBreaker {
    /// A closed one.
    ///
    /// # Errors
    /// `RangeError` or `TypeError` that names the option.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<CircuitBreaker, JsValue> {
        Ok(Self(Breaker::new(&options::breaker_options("", options)?)))
    }

    /// A permit for one call, to be given to [`report`](Self::report); NaN for none.
    pub fn admit(&mut self) -> f64 {
        self.0.admit(clock::now()).map_or(f64::NAN, |permit| f64::from(permit.to_bits()))
    }

    /// What became of the call: 0 a result, 1 an error, else nothing that counts.
    pub fn report(&mut self, permit: u32, outcome: u32) {
        let report = match outcome {
            0 => Report::Success,
            1 => Report::Failure,
            _ => Report::Nothing,
        };
        self.0.report(Permit::from_bits(permit), report, clock::now());
    }

    /// See `convert::state_word`.
    #[wasm_bindgen(getter)]
    pub fn state(&self) -> u32 {
        convert::state_word(self.0.state(clock::now()))
    }

    /// Successes in the window.
    #[wasm_bindgen(getter)]
    pub fn successes(&self) -> u32 {
        self.0.counts(clock::now()).0
    }

    /// Failures in the window.
    #[wasm_bindgen(getter)]
    pub fn failures(&self) -> u32 {
        self.0.counts(clock::now()).1
    }

    /// Milliseconds until asking again makes sense; NaN where nobody knows.
    #[wasm_bindgen(getter, js_name = retryAfter)]
    pub fn retry_after(&self) -> f64 {
        self.0.retry_after(clock::now()).map_or(f64::NAN, convert::millis)
    }

    /// Turns everything away until [`reset`](Self::reset).
    pub fn isolate(&mut self) {
        self.0.isolate();
    }

    /// Closes it, as new.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}

/// Rate limits, all of one kind. JavaScript has their keys and knows them by number.
#[wasm_bindgen]
pub struct RateLimits {
    config: RateConfig,
    limits: Vec<RateLimiter>,
}

#[wasm_bindgen]
impl RateLimits {
    /// None yet.
    ///
    /// # Errors
    /// `RangeError` or `TypeError` that names the option.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<RateLimits, JsValue> {
        Ok(Self { config: options::rate_options("", options)?, limits: Vec::new() })
    }

    /// Takes `weight` of a limit, which is new if nobody asked for it before, if it is there: 0, else the milliseconds
    /// to wait, infinite where it can never be there.
    ///
    /// # Errors
    /// `RangeError` or `TypeError` when the weight is no whole number from 1 up.
    pub fn take(&mut self, limit: usize, weight: &JsValue) -> Result<f64, JsValue> {
        let weight = options::weight(weight)?;
        Ok(match self.limit(limit).take(weight, clock::now()) {
            Verdict::Allowed => 0.0,
            // Up to the next whole millisecond: a timer has no finer one, and must not come too early.
            Verdict::Wait(Some(wait)) => convert::millis(wait).ceil(),
            Verdict::Wait(None) => f64::INFINITY,
        })
    }

    /// The milliseconds until `weight` is there for one who comes after others of these weights, who wait; infinite
    /// where it can never be there.
    ///
    /// # Errors
    /// As of [`take`](Self::take).
    pub fn behind(&mut self, limit: usize, ahead: &[u32], weight: &JsValue) -> Result<f64, JsValue> {
        let weight = options::weight(weight)?;
        let wait = self.limit(limit).behind(ahead, weight, clock::now());
        Ok(wait.map_or(f64::INFINITY, |wait| convert::millis(wait).ceil()))
    }

    /// How many there are to take.
    pub fn remaining(&mut self, limit: usize) -> u32 {
        self.limit(limit).remaining(clock::now())
    }

    /// Whether nothing is used of it, so that its number may be another's.
    #[wasm_bindgen(js_name = isIdle)]
    pub fn is_idle(&mut self, limit: usize) -> bool {
        self.limit(limit).is_idle(clock::now())
    }

    /// Numbers are dense: JavaScript gives the next one, or one that is idle.
    fn limit(&mut self, limit: usize) -> &mut RateLimiter {
        while self.limits.len() <= limit {
            self.limits.push(RateLimiter::new(self.config));
        }
        &mut self.limits[limit]
    }
}
