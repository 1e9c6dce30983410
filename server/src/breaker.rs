//! A circuit breaker around the database: while it fails, requests that need it are refused at once, and it is left
//! alone. The core's breaker as a layer.

use std::{
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sixlane::breaker::{Breaker, BreakerConfig, Permit, Report, State as Admission};
use sixlane::{Number, Options};

use crate::{answer::Refusal, clock::Clock};

/// When the breaker opens and for how long, as a flag says it: `FAILURES:MILLISECONDS`, or `off`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerSetting(Option<BreakerConfig>);

impl Default for BreakerSetting {
    fn default() -> Self {
        Self(Some(BreakerConfig::default()))
    }
}

impl FromStr for BreakerSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const SHAPE: &str = "a breaker is written FAILURES:MILLISECONDS, or off";
        if text == "off" {
            return Ok(Self(None));
        }
        let (failures, open_for) = text.split_once(':').ok_or(SHAPE)?;
        let number = |text: &str| text.parse().map_err(|_| SHAPE.to_owned());
        let mut options = Options::default();
        for (option, text) in [(Number::Consecutive, failures), (Number::OpenFor, open_for)] {
            options.set(option, number(text)?).map_err(|error| error.to_string())?;
        }
        Ok(Self(Some(BreakerConfig::of(&options))))
    }
}

/// The breaker, if there is one.
pub(crate) struct Guard {
    breaker: Option<Mutex<Breaker>>,
    clock: Clock,
}

impl Guard {
    pub(crate) fn new(BreakerSetting(config): BreakerSetting) -> Self {
        let breaker = config.map(|config| Mutex::new(Breaker::new(&config)));
        Self { breaker, clock: Clock::start() }
    }

    fn lock(&self) -> Option<MutexGuard<'_, Breaker>> {
        Some(self.breaker.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where it stands, for the control route.
    pub(crate) fn state(&self) -> &'static str {
        match self.lock().map(|breaker| breaker.state(self.clock.now())) {
            None => "off",
            Some(Admission::Closed) => "closed",
            Some(Admission::Open) => "open",
            Some(Admission::HalfOpen) => "half-open",
            Some(Admission::Isolated) => "isolated",
        }
    }

    /// Whether it lets nobody through.
    pub(crate) fn is_open(&self) -> bool {
        self.lock().is_some_and(|breaker| breaker.state(self.clock.now()) == Admission::Open)
    }

    fn refuse(&self) -> Response {
        let error = "the database is in trouble and is left alone for a while";
        let mut response = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error).into_response();
        if let Some(wait) = self.lock().and_then(|breaker| breaker.retry_after(self.clock.now())) {
            // Not before it lets somebody through, and not all at once.
            let spread = fastrand::u64(1..=3);
            response.headers_mut().insert(header::RETRY_AFTER, wait.as_secs().saturating_add(spread).into());
        }
        response
    }
}

/// Gives its permit back with what became of the request: nothing that counts, when its client went away before.
struct Leave<'guard> {
    guard: &'guard Guard,
    permit: Permit,
    report: Report,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if let Some(mut breaker) = self.guard.lock() {
            breaker.report(self.permit, self.report, self.guard.clock.now());
        }
    }
}

/// Lets a request that needs the database through, or refuses it.
pub(crate) async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    // Not held while the request runs.
    let admitted = guard.lock().map(|mut breaker| breaker.admit(guard.clock.now()));
    let Some(permit) = admitted else { return next.run(request).await };
    let Some(permit) = permit else { return guard.refuse() };
    let mut leave = Leave { guard: &guard, permit, report: Report::Nothing };
    let response = next.run(request).await;
    leave.report = if response.status().is_server_error() { Report::Failure } else { Report::Success };
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_is_read_from_a_flag() {
        assert_eq!("off".parse(), Ok(BreakerSetting(None)));
        let mut options = Options::default();
        options.set(Number::Consecutive, 3.0).unwrap();
        options.set(Number::OpenFor, 500.0).unwrap();
        assert_eq!("3:500".parse(), Ok(BreakerSetting(Some(BreakerConfig::of(&options)))));
        for (text, reason) in [
            ("3", "is written"),
            ("x:500", "is written"),
            ("0:500", "`consecutive` must be a whole number from 1 up, or Infinity, got 0"),
            ("3:0", "`openFor` must be"),
        ] {
            let error = text.parse::<BreakerSetting>().unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
