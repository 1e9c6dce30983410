//! What holds a lane up besides its slots: a pause that its origin asked for, a circuit breaker, a rate limit. And the
//! budget of its retries.

use crate::breaker::{Breaker, BreakerConfig, Permit, Report, State};
use crate::rate::{RateConfig, RateLimiter, Verdict};
use crate::retry::Budget;
use crate::time::{Duration, Time};

/// Whether a lane may start a call now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Admission {
    /// It may.
    Open,
    /// Not before this time, or before something is heard of a probe.
    Until(Time),
    /// It may not, and who waits is turned away: the breaker is open.
    Rejected,
}

/// One lane's.
#[derive(Clone, Debug)]
pub struct Gate {
    breaker: Option<Breaker>,
    limiter: Option<RateLimiter>,
    paused_until: Time,
    /// What was last told of the breaker.
    told: State,
    /// Requests and retries.
    pub budget: Budget,
}

impl Gate {
    /// One through which everything goes until something is heard.
    pub fn new(breaker: Option<&BreakerConfig>, rate: Option<RateConfig>) -> Self {
        Self {
            breaker: breaker.map(Breaker::new),
            limiter: rate.map(RateLimiter::new),
            paused_until: Time::ZERO,
            told: State::Closed,
            budget: Budget::default(),
        }
    }

    /// Whether a call may start.
    pub fn admission(&mut self, now: Time) -> Admission {
        if let Some(breaker) = self.breaker.as_ref().filter(|breaker| !breaker.would_admit(now)) {
            return match breaker.retry_after(now) {
                Some(wait) if breaker.state(now) == State::HalfOpen => Admission::Until(now.after(wait)),
                _ => Admission::Rejected,
            };
        }
        if self.paused_until > now {
            return Admission::Until(self.paused_until);
        }
        match self.limiter.as_mut().map(|limiter| limiter.check(1, now)) {
            Some(Verdict::Wait(Some(wait))) => Admission::Until(now.after(wait)),
            _ => Admission::Open,
        }
    }

    /// A call starts: it takes what it needs, as far as that is there.
    pub fn start(&mut self, now: Time) -> Option<Permit> {
        if let Some(limiter) = &mut self.limiter {
            limiter.take(1, now);
        }
        self.breaker.as_mut().and_then(|breaker| breaker.admit(now))
    }

    /// A call that started at `started` was never sent.
    pub fn unsent(&mut self, started: Time, now: Time) {
        if let Some(limiter) = &mut self.limiter {
            limiter.give_back(1, started, now);
        }
    }

    /// What became of a call.
    pub fn report(&mut self, permit: Permit, report: Report, now: Time) {
        if let Some(breaker) = &mut self.breaker {
            breaker.report(permit, report, now);
        }
    }

    /// Nothing starts before this time. False when a longer pause is on.
    pub fn pause(&mut self, until: Time) -> bool {
        let longer = until > self.paused_until;
        self.paused_until = self.paused_until.max(until);
        longer
    }

    /// What is left of a pause.
    pub const fn paused_for(&self, now: Time) -> Duration {
        self.paused_until.since(now)
    }

    /// Where the breaker stands; closed where there is none.
    pub fn breaker(&self, now: Time) -> State {
        self.breaker.as_ref().map_or(State::Closed, |breaker| breaker.state(now))
    }

    /// Where the breaker stands, if that has changed since the last time that this was asked.
    pub fn breaker_change(&mut self, now: Time) -> Option<State> {
        let state = self.breaker(now);
        (std::mem::replace(&mut self.told, state) != state).then_some(state)
    }

    /// When asking the breaker again makes sense.
    pub fn retry_after(&self, now: Time) -> Option<Duration> {
        self.breaker.as_ref().and_then(|breaker| breaker.retry_after(now))
    }
}
