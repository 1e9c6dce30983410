//! A circuit breaker: calls to what keeps failing are turned away, until a few probes succeed.
//!
//! A call asks for a permit with [`Breaker::admit`] and gives it back with [`Breaker::report`], whatever became of it.
//! Reports of permits from before the last change of state are ignored: they tell of how it was.

use crate::option::{Number, Options};
use crate::time::{Duration, Time};

/// Parts that the window of [`BreakerConfig::window`] slides by.
const BUCKETS: usize = 10;

/// What a [`Breaker`] obeys. Valid by construction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerConfig {
    /// Opens at this share of failures among the calls of the window,
    failure_rate: f64,
    /// for which a call counts,
    window: Duration,
    /// but not below so many calls.
    minimum: u32,
    /// Opens at this many failures in a row. `None`: never.
    consecutive: Option<u32>,
    /// Time open before the first probe.
    open_for: Duration,
    /// Time open before a later one, at most.
    max_open_for: Duration,
    /// Probes under way at once.
    probes: u32,
    /// Successful probes that close it.
    successes: u32,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self::of(&Options::default())
    }
}

impl BreakerConfig {
    /// As options say it.
    pub fn of(options: &Options) -> Self {
        Self {
            failure_rate: options.get(Number::FailureRate),
            window: options.span(Number::Window),
            minimum: options.bound(Number::Minimum),
            consecutive: options.count(Number::Consecutive),
            open_for: options.span(Number::OpenFor),
            max_open_for: options.span(Number::MaxOpenFor),
            probes: options.bound(Number::Probes),
            successes: options.bound(Number::Successes),
        }
    }
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Calls go.
    Closed,
    /// Calls are turned away, until a time.
    Open,
    /// A few calls go as probes.
    HalfOpen,
    /// Calls are turned away until [`Breaker::reset`].
    Isolated,
}

/// Leave to make one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Permit {
    epoch: u32,
}

impl Permit {
    /// As a number.
    pub const fn to_bits(self) -> u32 {
        self.epoch
    }

    /// Back from [`to_bits`](Self::to_bits). Any number is a permit, if perhaps of no use.
    pub const fn from_bits(epoch: u32) -> Self {
        Self { epoch }
    }
}

/// What became of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Report {
    /// It went well.
    Success,
    /// It failed, in a way that counts.
    Failure,
    /// It was refused by something that works: no success, but a sign of life.
    Alive,
    /// It tells nothing: its caller aborted it.
    Nothing,
}

#[derive(Clone, Copy, Debug)]
enum Inner {
    Closed,
    Open {
        until: Time,
    },
    /// `lease`: when probes under way are given up, if there is no report on them before.
    HalfOpen {
        under_way: u32,
        successes: u32,
        lease: Time,
    },
    Isolated,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    number: u64,
    successes: u32,
    failures: u32,
}

/// See the [module's page](self).
#[derive(Clone, Debug)]
pub struct Breaker {
    config: BreakerConfig,
    inner: Inner,
    /// Counts the changes of state.
    epoch: u32,
    open_for: Duration,
    in_a_row: u32,
    buckets: [Bucket; BUCKETS],
}

impl Breaker {
    /// A closed one.
    pub fn new(config: &BreakerConfig) -> Self {
        Self {
            config: *config,
            inner: Inner::Closed,
            epoch: 0,
            open_for: config.open_for.min(config.max_open_for),
            in_a_row: 0,
            buckets: [Bucket::default(); BUCKETS],
        }
    }

    /// Where it stands at `now`.
    pub fn state(&self, now: Time) -> State {
        match self.inner {
            Inner::Closed => State::Closed,
            Inner::Open { until } if until > now => State::Open,
            Inner::Open { .. } | Inner::HalfOpen { .. } => State::HalfOpen,
            Inner::Isolated => State::Isolated,
        }
    }

    /// Successes and failures in the window.
    pub fn counts(&self, now: Time) -> (u32, u32) {
        let current = self.bucket_number(now);
        let live = self.buckets.iter().filter(|bucket| bucket.number + BUCKETS as u64 > current);
        live.fold((0, 0), |(successes, failures), bucket| {
            (successes.saturating_add(bucket.successes), failures.saturating_add(bucket.failures))
        })
    }

    /// When asking again makes sense, if that can be known.
    pub fn retry_after(&self, now: Time) -> Option<Duration> {
        match self.inner {
            Inner::Open { until } => Some(until.since(now)),
            Inner::HalfOpen { lease, under_way, .. } if under_way >= self.config.probes => {
                Some(lease.since(now))
            }
            Inner::Closed | Inner::HalfOpen { .. } | Inner::Isolated => None,
        }
    }

    /// Whether [`admit`](Self::admit) would give leave.
    pub fn would_admit(&self, now: Time) -> bool {
        match self.inner {
            Inner::Closed => true,
            Inner::Open { until } => until <= now,
            Inner::HalfOpen { under_way, lease, .. } => under_way < self.config.probes || lease <= now,
            Inner::Isolated => false,
        }
    }

    /// Leave to make a call, or none.
    pub fn admit(&mut self, now: Time) -> Option<Permit> {
        match &mut self.inner {
            Inner::Closed => {}
            Inner::Open { until } if *until <= now => {
                let lease = now.after(self.open_for);
                self.change(Inner::HalfOpen { under_way: 1, successes: 0, lease });
            }
            Inner::HalfOpen { under_way, lease, .. } => {
                // Probes may never be reported on: half-open must end all the same.
                if *lease <= now {
                    *under_way = 0;
                    self.epoch = self.epoch.wrapping_add(1);
                }
                if *under_way >= self.config.probes {
                    return None;
                }
                *under_way += 1;
                *lease = now.after(self.open_for);
            }
            Inner::Open { .. } | Inner::Isolated => return None,
        }
        Some(Permit { epoch: self.epoch })
    }

    /// Gives a permit back.
    pub fn report(&mut self, permit: Permit, report: Report, now: Time) {
        if permit.epoch != self.epoch {
            return;
        }
        match &mut self.inner {
            Inner::Closed => self.count(report, now),
            Inner::HalfOpen { under_way, successes, .. } => {
                *under_way = under_way.saturating_sub(1);
                match report {
                    Report::Nothing => {}
                    Report::Failure => {
                        self.open_for = (self.open_for * 2).min(self.config.max_open_for);
                        self.open(now);
                    }
                    Report::Success | Report::Alive => {
                        *successes += 1;
                        if *successes >= self.config.successes {
                            self.close();
                        }
                    }
                }
            }
            Inner::Open { .. } | Inner::Isolated => {}
        }
    }

    /// Turns everything away until [`reset`](Self::reset).
    pub fn isolate(&mut self) {
        self.change(Inner::Isolated);
    }

    /// Closes it, as new.
    pub fn reset(&mut self) {
        self.close();
    }

    fn count(&mut self, report: Report, now: Time) {
        let number = self.bucket_number(now);
        let bucket = &mut self.buckets[(number % BUCKETS as u64) as usize];
        if bucket.number != number {
            *bucket = Bucket { number, ..Bucket::default() };
        }
        match report {
            Report::Alive | Report::Nothing => return,
            Report::Success => {
                bucket.successes = bucket.successes.saturating_add(1);
                self.in_a_row = 0;
            }
            Report::Failure => {
                bucket.failures = bucket.failures.saturating_add(1);
                self.in_a_row = self.in_a_row.saturating_add(1);
            }
        }
        let (successes, failures) = self.counts(now);
        let calls = successes.saturating_add(failures);
        let often = calls >= self.config.minimum
            && f64::from(failures) >= self.config.failure_rate * f64::from(calls)
            && report == Report::Failure;
        if often || self.config.consecutive.is_some_and(|most| self.in_a_row >= most) {
            self.open(now);
        }
    }

    fn bucket_number(&self, now: Time) -> u64 {
        let width = self.config.window.as_nanos() / BUCKETS as u64;
        // New buckets have the number 0, and lie before all others.
        now.as_nanos() / width.max(1) + BUCKETS as u64
    }

    fn open(&mut self, now: Time) {
        self.change(Inner::Open { until: now.after(self.open_for) });
    }

    fn close(&mut self) {
        self.open_for = self.config.open_for.min(self.config.max_open_for);
        // What made it open is no reason to open it again.
        self.in_a_row = 0;
        self.buckets = [Bucket::default(); BUCKETS];
        self.change(Inner::Closed);
    }

    fn change(&mut self, inner: Inner) {
        self.inner = inner;
        self.epoch = self.epoch.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u32) -> Time {
        Time::ZERO.after(SECOND * seconds)
    }

    fn config() -> BreakerConfig {
        BreakerConfig {
            consecutive: Some(2),
            open_for: SECOND,
            max_open_for: SECOND * 4,
            probes: 2,
            successes: 2,
            ..BreakerConfig::default()
        }
    }

    fn call(breaker: &mut Breaker, report: Report, now: Time) -> bool {
        let permit = breaker.admit(now);
        if let Some(permit) = permit {
            breaker.report(permit, report, now);
        }
        permit.is_some()
    }

    #[test]
    fn it_opens_at_failures_in_a_row_and_a_success_begins_anew() {
        let mut breaker = Breaker::new(&config());
        for report in [Report::Failure, Report::Success, Report::Failure, Report::Nothing, Report::Alive] {
            assert!(call(&mut breaker, report, at(0)));
        }
        assert_eq!(breaker.state(at(0)), State::Closed);
        call(&mut breaker, Report::Failure, at(0));
        assert_eq!(breaker.state(at(0)), State::Open);
        assert_eq!(breaker.retry_after(at(0)), Some(SECOND));
        assert!(!call(&mut breaker, Report::Success, at(0)));
    }

    #[test]
    fn it_opens_at_a_share_of_failures_within_the_window_and_no_sooner_than_the_minimum() {
        let config = BreakerConfig { consecutive: None, ..BreakerConfig::default() };
        let mut breaker = Breaker::new(&config);
        for _ in 0..9 {
            call(&mut breaker, Report::Failure, at(1));
        }
        assert_eq!(breaker.state(at(1)), State::Closed, "nine are below the minimum");
        assert_eq!(breaker.counts(at(1)), (0, 9));
        assert_eq!(breaker.counts(at(11)), (0, 0), "they are out of the window");
        for n in 0..10 {
            call(&mut breaker, if n % 2 == 0 { Report::Success } else { Report::Failure }, at(20));
        }
        assert_eq!(breaker.state(at(20)), State::Open);
    }

    #[test]
    fn the_time_open_doubles_with_each_failed_probe_up_to_its_most() {
        let mut breaker = Breaker::new(&config());
        for _ in 0..2 {
            call(&mut breaker, Report::Failure, at(0));
        }
        let mut now = at(0);
        for seconds in [1, 2, 4, 4] {
            assert_eq!(breaker.retry_after(now), Some(SECOND * seconds));
            now = now.after(SECOND * seconds);
            assert_eq!(breaker.state(now), State::HalfOpen);
            assert!(call(&mut breaker, Report::Failure, now));
        }
        for _ in 0..2 {
            now = now.after(SECOND * 4);
            assert!(call(&mut breaker, Report::Success, now));
        }
        assert_eq!(breaker.state(now), State::Closed);
        for _ in 0..2 {
            call(&mut breaker, Report::Failure, now);
        }
        assert_eq!(breaker.retry_after(now), Some(SECOND), "as at first");
    }

    #[test]
    fn isolated_it_stays_until_it_is_reset() {
        let mut breaker = Breaker::new(&config());
        let permit = breaker.admit(at(0)).unwrap();
        breaker.isolate();
        breaker.report(permit, Report::Success, at(0));
        assert_eq!((breaker.state(at(999)), breaker.retry_after(at(999))), (State::Isolated, None));
        assert_eq!(breaker.admit(at(999)), None);
        breaker.reset();
        assert!(call(&mut breaker, Report::Success, at(999)));
    }

    /// All that three callers and the clock can do, in every order.
    #[derive(Clone)]
    struct World {
        breaker: Breaker,
        now: Time,
        permits: [Option<Permit>; 3],
    }

    impl World {
        /// What can make a difference from here on: times are told from now, permits by their age.
        fn key(&self) -> String {
            let Breaker { inner, epoch, open_for, in_a_row, .. } = &self.breaker;
            let left = |at: Time| at.since(self.now);
            let inner = match *inner {
                Inner::Closed => String::from("closed"),
                Inner::Open { until } => format!("open {:?}", left(until)),
                Inner::HalfOpen { under_way, successes, lease } => {
                    format!("half {under_way} {successes} {:?}", left(lease))
                }
                Inner::Isolated => String::from("isolated"),
            };
            let mut ages =
                self.permits.map(|permit| permit.map(|permit| epoch.wrapping_sub(permit.epoch).min(1)));
            ages.sort();
            format!("{inner} {open_for:?} {in_a_row} {ages:?}")
        }

        fn check(&self) {
            if let Inner::HalfOpen { under_way, .. } = self.breaker.inner {
                assert!(under_way <= self.breaker.config.probes);
                let held = self.permits.iter().flatten().filter(|permit| permit.epoch == self.breaker.epoch);
                assert!(held.count() as u32 <= under_way, "no probe that nobody counts");
            }
            // From wherever it stands: if all goes well from now on, it closes, though nobody ever reports.
            let mut breaker = self.breaker.clone();
            let mut now = self.now;
            for _ in 0..=breaker.config.successes {
                now = now.after(breaker.config.max_open_for);
                assert!(call(&mut breaker, Report::Success, now), "{}", self.key());
            }
            assert_eq!(breaker.state(now), State::Closed, "{}", self.key());
        }

        fn explore(self, depth: u32, seen: &mut BTreeMap<String, u32>) {
            let known = seen.entry(self.key()).or_default();
            if *known > depth {
                return;
            }
            *known = depth + 1;
            self.check();
            if depth == 0 {
                return;
            }
            for wait in [SECOND / 2, SECOND, SECOND * 4] {
                let mut next = self.clone();
                next.now = next.now.after(wait);
                next.explore(depth - 1, seen);
            }
            for caller in 0..3 {
                let Some(permit) = self.permits[caller] else {
                    let mut next = self.clone();
                    let would = next.breaker.would_admit(next.now);
                    next.permits[caller] = next.breaker.admit(next.now);
                    assert_eq!(would, next.permits[caller].is_some());
                    assert!(next.permits[caller].is_none() || next.breaker.state(next.now) != State::Open);
                    next.explore(depth - 1, seen);
                    continue;
                };
                for report in [Report::Success, Report::Failure, Report::Alive, Report::Nothing]
                    .map(Some)
                    .into_iter()
                    .chain([None])
                {
                    let mut next = self.clone();
                    next.permits[caller] = None;
                    // None: lost, as with a page that was frozen.
                    if let Some(report) = report {
                        next.breaker.report(permit, report, next.now);
                    }
                    if permit.epoch != self.breaker.epoch {
                        assert_eq!(next.breaker.counts(next.now), self.breaker.counts(self.now));
                        assert_eq!(
                            format!("{:?}", next.breaker),
                            format!("{:?}", self.breaker),
                            "a late one"
                        );
                    }
                    next.explore(depth - 1, seen);
                }
            }
        }
    }

    #[test]
    fn half_open_always_ends_whatever_three_callers_do_in_twelve_steps() {
        let world = World { breaker: Breaker::new(&config()), now: Time::ZERO, permits: [None; 3] };
        let mut seen = BTreeMap::new();
        world.explore(12, &mut seen);
        assert!(seen.len() > 200, "{} states", seen.len());
        assert!(
            seen.keys().any(|key| key.starts_with("half 2 1")),
            "two probes under way, one success before"
        );
    }
}
