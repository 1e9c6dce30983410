//! Origins as one meets them.

use fastrand::Rng;
use sixlane::cache::date::Wall;
use sixlane::retry_after::{PauseField, PauseFields};
use sixlane::time::Duration;
use sixlane::{Body, Time};

/// What an attempt brings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Brought {
    /// A response.
    Response {
        /// Its status.
        status: u16,
        /// What follows its headers.
        body: Body,
        /// The pause that these ask for.
        wish: Wish,
    },
    /// No response.
    Lost,
    /// No response, and no network.
    Offline,
    /// No response in time.
    Expired,
}

/// How headers ask for a pause of so many seconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wish {
    /// They do not.
    None,
    /// `Retry-After`, with a number.
    Seconds(u64),
    /// `Retry-After`, with a date by the server's own clock, which is an hour ahead.
    Date(u64),
    /// `RateLimit`, with nothing left.
    RateLimit(u64),
    /// The older fields, with nothing left.
    XRateLimit(u64),
    /// There is something left.
    Left(u64),
}

/// Header fields as texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields([Option<String>; PauseField::ALL.len()]);

impl Fields {
    fn with(mut self, field: PauseField, value: String) -> Self {
        self.0[field as usize] = Some(value);
        self
    }

    /// As the core wants them.
    pub(crate) fn each(&self) -> PauseFields<'_> {
        std::array::from_fn(|place| self.0[place].as_deref())
    }
}

impl Wish {
    fn any(most: u64, rng: &mut Rng) -> Self {
        let seconds = rng.u64(..=most);
        match rng.u8(..8) {
            0 | 1 => Self::Seconds(seconds),
            2 | 3 => Self::Date(seconds),
            4 => Self::RateLimit(seconds),
            5 => Self::XRateLimit(seconds),
            6 => Self::Left(seconds),
            _ => Self::None,
        }
    }

    /// What a client has to make of it.
    pub(crate) fn asked(self, status: u16) -> Option<Duration> {
        match self {
            Self::Seconds(seconds) | Self::Date(seconds) if matches!(status, 429 | 503) => {
                Some(Duration::from_secs(seconds))
            }
            Self::RateLimit(seconds) | Self::XRateLimit(seconds) => Some(Duration::from_secs(seconds)),
            _ => None,
        }
    }

    /// The header fields that say it, at `now`.
    pub(crate) fn fields(self, now: Wall) -> Fields {
        let date = |ahead: u64| http_date(now.as_millis() / 1_000 + 3_600 + ahead);
        let fields = Fields::default();
        match self {
            Self::None => fields,
            Self::Seconds(seconds) => fields.with(PauseField::RetryAfter, seconds.to_string()),
            Self::Date(seconds) => {
                fields.with(PauseField::RetryAfter, date(seconds)).with(PauseField::Date, date(0))
            }
            Self::RateLimit(seconds) => {
                fields.with(PauseField::Ratelimit, format!("\"default\";r=0;t={seconds}"))
            }
            Self::XRateLimit(seconds) => fields
                .with(PauseField::XRatelimitRemaining, "0".to_owned())
                .with(PauseField::XRatelimitReset, seconds.to_string()),
            Self::Left(seconds) => fields.with(PauseField::Ratelimit, format!("\"default\";r=1;t={seconds}")),
        }
    }
}

/// A date of November 1994, which is when these worlds are.
fn http_date(seconds: u64) -> String {
    let of_month = seconds - 783_648_000;
    let (day, second) = (of_month / 86_400 + 1, of_month % 86_400);
    format!("Tue, {day:02} Nov 1994 {:02}:{:02}:{:02} GMT", second / 3_600, second / 60 % 60, second % 60)
}

/// How an origin behaves, and how its pages treat what it sends. Times are in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    answers_after: (u64, u64),
    /// Added for each call that it works on.
    slower_each: u64,
    failures: f64,
    /// The share of its failures that are responses, and the seconds of pause that some of them ask for, at most.
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
        Self { failures: 0.25, says_so: 0.9, asks_for: 4, ..Self::healthy() }
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
    pub(crate) fn answer(&self, now: Time, busy: u32, rng: &mut Rng) -> Option<(Duration, Brought)> {
        if now < self.offline_until {
            return Some((Duration::from_millis(1), Brought::Lost));
        }
        if rng.f64() < self.never_answers {
            return None;
        }
        let (least, most) = self.answers_after;
        let wait = rng.u64(least..=most) + self.slower_each * u64::from(busy);
        let wish = if self.asks_for > 0 { Wish::any(self.asks_for, rng) } else { Wish::None };
        let answer = if rng.f64() >= self.failures {
            // Also one that is well may say that there is nothing left.
            let wish = if rng.u8(..8) == 0 { wish } else { Wish::None };
            Brought::Response { status: 200, body: (self.body)(rng), wish }
        } else if rng.f64() < self.says_so {
            let status = [503, 503, 503, 404][rng.usize(..4)];
            let body = if rng.bool() { Body::None } else { Body::Unknown };
            Brought::Response { status, body, wish }
        } else {
            Brought::Lost
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
