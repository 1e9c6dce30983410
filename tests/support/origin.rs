//! Origins as one meets them.

use fastrand::Rng;
use sixlane::time::Duration;
use sixlane::{Body, Time};

/// What comes of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// No response.
    Lost,
    /// All is well, and this follows the headers.
    Well(Body),
    /// 503, perhaps with the wish for a pause.
    Unavailable(Option<Duration>),
}

/// How an origin behaves, and how its pages treat what it sends. Times are in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    answers_after: (u64, u64),
    /// Added for each call that it works on.
    slower_each: u64,
    failures: f64,
    /// The share of its failures that are responses, and the pause that some of them ask for, at most.
    says_so: f64,
    asks_for: u64,
    never_answers: f64,
    /// No connection before this time.
    offline_until: Time,
    body: fn(&mut Rng) -> Body,
    /// From the first byte read to the last.
    pub body_takes: (u64, u64),
    /// The share of callers that read what they get.
    pub callers_that_read: f64,
}

impl Origin {
    /// Answers soon, mostly little, and all of it is read.
    pub(crate) fn healthy() -> Self {
        Self {
            answers_after: (5, 80),
            slower_each: 0,
            failures: 0.0,
            says_so: 0.5,
            asks_for: 0,
            never_answers: 0.0,
            offline_until: Time::ZERO,
            body: any_body,
            body_takes: (0, 50),
            callers_that_read: 1.0,
        }
    }

    /// Fails one time in three.
    pub(crate) fn flaky() -> Self {
        Self { failures: 0.33, answers_after: (1, 400), ..Self::healthy() }
    }

    /// Fails one time in four, and asks for pauses.
    pub(crate) fn asking_for_pauses() -> Self {
        Self { failures: 0.25, says_so: 0.9, asks_for: 4_000, ..Self::healthy() }
    }

    /// The more it has to do, the slower.
    pub(crate) fn overloaded() -> Self {
        Self { slower_each: 300, failures: 0.1, ..Self::healthy() }
    }

    /// Takes every other call and never says a word.
    pub(crate) fn hanging() -> Self {
        Self { never_answers: 0.5, ..Self::healthy() }
    }

    /// Headers soon, bodies at leisure.
    pub(crate) fn slow_bodies() -> Self {
        Self { body: |_| Body::Unknown, body_takes: (2_000, 30_000), ..Self::healthy() }
    }

    /// Its pages forget most of what they asked for.
    pub(crate) fn unread_bodies() -> Self {
        Self { body: |_| Body::Sized(1 << 20), callers_that_read: 0.2, ..Self::healthy() }
    }

    /// Event streams, with an answer of the usual kind between them.
    pub(crate) fn event_streams() -> Self {
        Self {
            body: |rng| if rng.u8(..4) == 0 { any_body(rng) } else { Body::Endless },
            body_takes: (5_000, 30_000),
            ..Self::healthy()
        }
    }

    /// No connection at first: everything fails at once.
    pub(crate) fn offline_for(time: Duration) -> Self {
        Self { offline_until: Time::ZERO.after(time), ..Self::healthy() }
    }

    /// One of the above.
    pub(crate) fn any(rng: &mut Rng) -> Self {
        match rng.u8(..9) {
            0 => Self::healthy(),
            8 => Self::asking_for_pauses(),
            1 => Self::flaky(),
            2 => Self::overloaded(),
            3 => Self::hanging(),
            4 => Self::slow_bodies(),
            5 => Self::unread_bodies(),
            6 => Self::event_streams(),
            _ => Self::offline_for(Duration::from_millis(rng.u64(..20_000))),
        }
    }

    /// When something comes of a request sent now, and what.
    pub(crate) fn answer(&self, now: Time, busy: u32, rng: &mut Rng) -> Option<(Duration, Answer)> {
        if now < self.offline_until {
            return Some((Duration::from_millis(1), Answer::Lost));
        }
        if rng.f64() < self.never_answers {
            return None;
        }
        let (least, most) = self.answers_after;
        let wait = rng.u64(least..=most) + self.slower_each * u64::from(busy);
        let answer = if rng.f64() >= self.failures {
            Answer::Well((self.body)(rng))
        } else if rng.f64() < self.says_so {
            let asks = self.asks_for > 0 && rng.bool();
            Answer::Unavailable(asks.then(|| Duration::from_millis(rng.u64(..=self.asks_for))))
        } else {
            Answer::Lost
        };
        Some((Duration::from_millis(wait), answer))
    }
}

fn any_body(rng: &mut Rng) -> Body {
    match rng.u8(..4) {
        0 => Body::None,
        1 => Body::Sized(rng.u64(..100_000)),
        2 => Body::Sized(rng.u64(65_536..10_000_000)),
        _ => Body::Unknown,
    }
}
