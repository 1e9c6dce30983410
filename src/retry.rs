//! Which failed attempts are worth another one, and when: back-off, jitter, and a budget, so that an origin in trouble
//! gets relief.

use crate::option::{Number, Options};
use crate::random::Random;
use crate::time::{Duration, Time};

/// Methods whose requests may be sent twice: RFC 9110, section 9.2.2.
const METHODS: [&str; 6] = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"];

/// What may be better another time. Not 425: it is for clients that sent early data (RFC 8470, section 5.2), which a page
/// does not.
const STATUSES: [u16; 6] = [408, 429, 500, 502, 503, 504];

/// Seconds over which a [`Budget`] counts.
const SECONDS: u32 = 10;

/// How the delays of many are spread, so that they do not come back together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Jitter {
    /// From 0 to the delay.
    Full,
    /// From half of the delay to all of it.
    Equal,
    /// From the first delay to three times what it was last, or to the cap.
    Decorrelated,
    /// From this share of the delay less to as much more, or to the cap.
    Share(f64),
}

/// Which failures without any response are retried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Network {
    /// None.
    Never,
    /// Those of the page's own origin: a page cannot tell another one's from a refusal by CORS, which is final.
    SameOrigin,
    /// All.
    All,
}

/// How many retries an origin gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetConfig {
    share: f64,
    min_per_second: f64,
}

/// What is retried, and how. Valid by construction.
///
/// Source of the kinds of jitter: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. Source of the
/// budget: Finagle's `RetryBudget`.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryConfig {
    limit: u32,
    base_delay: Duration,
    max_delay: Duration,
    factor: f64,
    /// How delays are spread.
    pub jitter: Jitter,
    statuses: Option<Vec<u16>>,
    /// Which failures without any response count.
    pub network: Network,
    max_retry_after: Duration,
    budget: Option<BudgetConfig>,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self::of(&Options::default())
    }
}

impl RetryConfig {
    /// As options say it. A list of statuses follows by [`set_statuses`](Self::set_statuses).
    pub fn of(options: &Options) -> Self {
        Self {
            limit: options.bound(Number::Limit),
            base_delay: options.span(Number::BaseDelay),
            max_delay: options.span(Number::MaxDelay),
            factor: options.get(Number::Factor),
            jitter: match (options.said(Number::Jitter), options.choice(Number::Spread)) {
                (Some(share), _) => Jitter::Share(share),
                (None, 0) => Jitter::Full,
                (None, 1) => Jitter::Equal,
                (None, _) => Jitter::Decorrelated,
            },
            statuses: None,
            network: match options.choice(Number::Network) {
                0 => Network::SameOrigin,
                1 => Network::All,
                _ => Network::Never,
            },
            max_retry_after: options.span(Number::MaxRetryAfter),
            budget: (!options.flag(Number::NoBudget)).then(|| BudgetConfig {
                share: options.get(Number::BudgetShare),
                min_per_second: options.get(Number::BudgetFloor),
            }),
        }
    }

    /// Statuses that are retried, in place of the defaults.
    pub fn set_statuses(&mut self, statuses: Vec<u16>) {
        self.statuses = Some(statuses);
    }

    /// The pause that a server asked for, if it is one that is waited for. Of no length it is none: what failed is tried
    /// again after the usual delay.
    pub fn pause(&self, retry_after: Option<Duration>) -> Option<Duration> {
        retry_after.filter(|&wait| !wait.is_zero() && wait <= self.max_retry_after)
    }

    /// Whether another attempt of a request that may be repeated may help, apart from budgets and time. `retries` were made
    /// already. `same_origin`: it is for the page's own origin.
    pub fn allows(&self, failure: &Failure, same_origin: bool, retries: u32) -> bool {
        let too_long = failure.retry_after.is_some_and(|wait| wait > self.max_retry_after);
        // What could not be sent used no attempt up.
        let most = if failure.cause == Cause::Offline { u32::MAX } else { self.limit };
        let helps = match failure.cause {
            Cause::Status(status) => self.allows_status(status),
            Cause::Expired => self.network != Network::Never,
            Cause::NoResponse | Cause::Offline => self.allows_network(same_origin),
        };
        helps && !too_long && self.limit > 0 && retries < most
    }

    /// Whether a request with this method may be sent again at all. `listed`: the methods for which that is so in place of the
    /// defaults, in any case, one a line.
    pub fn repeats(&self, method: &str, idempotent: bool, listed: Option<&str>) -> bool {
        let named = match listed {
            Some(listed) => listed.split('\n').any(|name| name.eq_ignore_ascii_case(method)),
            None => METHODS.contains(&method),
        };
        self.limit > 0 && (idempotent || named)
    }

    /// Whether a response with this status is a failure.
    pub fn allows_status(&self, status: u16) -> bool {
        self.statuses.as_deref().unwrap_or(&STATUSES).contains(&status)
    }

    fn allows_network(&self, same_origin: bool) -> bool {
        match self.network {
            Network::Never => false,
            Network::SameOrigin => same_origin,
            Network::All => true,
        }
    }

    /// The delay before retry number `retry`, 1 for the first. `last`: what it was before the one before.
    ///
    /// The cap is taken before the draw: no delay is longer, jitter included, and those at the cap are spread like others.
    pub fn delay(&self, retry: u32, last: Duration, rng: &mut Random) -> Duration {
        let base = self.base_delay.as_millis_f64();
        let cap = self.max_delay.as_millis_f64();
        let backoff = (base * power(self.factor, retry.saturating_sub(1))).min(cap);
        let (from, to) = match self.jitter {
            Jitter::Full => (0.0, backoff),
            Jitter::Equal => (backoff / 2.0, backoff),
            Jitter::Decorrelated => (base, (last.as_millis_f64() * 3.0).max(base)),
            Jitter::Share(share) => (backoff * (1.0 - share), backoff * (1.0 + share)),
        };
        let millis = from + (to.min(cap) - from) * rng.fraction();
        Duration::from_millis_f64(millis).map_or(self.max_delay, |delay| delay.min(self.max_delay))
    }

    /// Whether a budget leaves room for one more retry.
    pub fn affords(&self, budget: &Budget, now: Time) -> bool {
        let (requests, retries) = budget.counts(now);
        self.budget.is_none_or(|BudgetConfig { share, min_per_second }| {
            f64::from(retries) + 1.0 <= share * f64::from(requests) + min_per_second * f64::from(SECONDS)
        })
    }
}

/// By squaring: a loop over a million retries would be one too many.
fn power(mut base: f64, mut exponent: u32) -> f64 {
    let mut product = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            product *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    product
}

/// An attempt that brought no good answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Failure {
    /// What came of it.
    pub cause: Cause,
    /// The pause that the server asked for.
    pub retry_after: Option<Duration>,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// A response with this status; 0 where that is not to be seen.
    Status(u16),
    /// No response in the time for one attempt.
    Expired,
    /// No response.
    NoResponse,
    /// No response, and no network.
    Offline,
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    number: u64,
    requests: u32,
    retries: u32,
}

/// Requests and retries of one origin in the last ten seconds, the current one among them.
#[derive(Clone, Debug, Default)]
pub struct Budget([Second; SECONDS as usize]);

impl Budget {
    /// Requests and retries.
    pub fn counts(&self, now: Time) -> (u32, u32) {
        let current = number(now);
        let live = self.0.iter().filter(|second| second.number + u64::from(SECONDS) > current);
        live.fold((0, 0), |(requests, retries), second| {
            (requests.saturating_add(second.requests), retries.saturating_add(second.retries))
        })
    }

    /// One more request, not a retry.
    pub fn request(&mut self, now: Time) {
        let second = self.second(now);
        second.requests = second.requests.saturating_add(1);
    }

    /// One more retry.
    pub fn retry(&mut self, now: Time) {
        let second = self.second(now);
        second.retries = second.retries.saturating_add(1);
    }

    fn second(&mut self, now: Time) -> &mut Second {
        let number = number(now);
        let second = &mut self.0[(number % u64::from(SECONDS)) as usize];
        if second.number != number {
            *second = Second { number, ..Second::default() };
        }
        second
    }
}

/// Seconds that were never used have the number 0, and lie before all others.
fn number(now: Time) -> u64 {
    now.as_nanos() / 1_000_000_000 + u64::from(SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::option::span;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    const LOST: Failure = Failure { cause: Cause::NoResponse, retry_after: None };

    fn status(status: u16) -> Failure {
        Failure { cause: Cause::Status(status), ..LOST }
    }

    fn jitters() -> impl Strategy<Value = Jitter> {
        const KINDS: [Jitter; 4] = [Jitter::Share(0.0), Jitter::Full, Jitter::Equal, Jitter::Decorrelated];
        prop_oneof![proptest::sample::select(&KINDS), (0.0..=1.0).prop_map(Jitter::Share)]
    }

    #[test]
    fn delays_double_up_to_the_cap() {
        let mut config = RetryConfig { jitter: Jitter::Share(0.0), ..RetryConfig::default() };
        let mut rng = Random::new(0);
        let millis = |config: &RetryConfig, rng: &mut Random| {
            (1..8).map(|retry| config.delay(retry, Duration::ZERO, rng).as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(millis(&config, &mut rng), [300, 600, 1_200, 2_400, 4_800, 9_600, 10_000]);
        config.factor = 1.0;
        assert_eq!(millis(&config, &mut rng), [300; 7]);
        assert_eq!(config.delay(u32::MAX, Duration::MAX, &mut rng), MS * 300);
    }

    #[test]
    fn what_is_retried_goes_by_method_and_status() {
        let config = RetryConfig::default();
        for status_code in STATUSES {
            assert!(config.allows(&status(status_code), true, 0), "{status_code}");
        }
        for status_code in [0, 200, 304, 400, 404, 425, 501] {
            assert!(!config.allows(&status(status_code), true, 0), "{status_code}");
        }
        assert!(config.repeats("GET", false, None) && !config.repeats("POST", false, None));
        assert!(config.repeats("POST", true, None), "its key makes it safe");
        let listed = Some("patch\npost");
        assert!(config.repeats("POST", false, listed) && !config.repeats("GET", false, listed));
    }

    #[test]
    fn the_limit_ends_it_but_not_while_there_is_no_network() {
        let mut config = RetryConfig::default();
        assert!(config.allows(&LOST, true, 2) && !config.allows(&LOST, true, 3));
        let offline = Failure { cause: Cause::Offline, ..LOST };
        assert!(config.allows(&offline, true, 3));
        config.limit = 0;
        assert!(!config.allows(&offline, true, 0) && !config.allows(&status(503), true, 0));
        assert!(!config.repeats("GET", true, None));
    }

    #[test]
    fn another_origins_failure_without_a_response_is_final_unless_all_are_wanted() {
        let mut config = RetryConfig::default();
        assert!(!config.allows(&LOST, false, 0));
        config.network = Network::All;
        assert!(config.allows(&LOST, false, 0));
        config.network = Network::Never;
        let expired = Failure { cause: Cause::Expired, ..LOST };
        assert!(!config.allows(&LOST, true, 0) && !config.allows(&expired, true, 0));
        assert!(config.allows(&status(503), true, 0));
    }

    #[test]
    fn a_wait_that_is_too_long_is_not_waited_for() {
        let config = RetryConfig::default();
        let after = |seconds| Failure { retry_after: Some(Duration::from_secs(seconds)), ..status(429) };
        assert!(config.allows(&after(60), true, 0) && !config.allows(&after(61), true, 0));
        assert_eq!(config.pause(Some(Duration::from_secs(61))), None);
        assert_eq!(config.pause(Some(Duration::MAX)), None);
    }

    #[test]
    fn a_wait_of_no_length_is_no_pause_and_no_reason_not_to_try_again() {
        let config = RetryConfig::default();
        assert_eq!(config.pause(Some(Duration::ZERO)), None);
        assert!(config.allows(&Failure { retry_after: Some(Duration::ZERO), ..status(503) }, true, 0));
    }

    #[test]
    fn what_options_say_is_what_holds() {
        let mut options = Options::default();
        for (option, value) in [
            (Number::Limit, f64::INFINITY),
            (Number::BaseDelay, 0.5),
            (Number::MaxRetryAfter, f64::INFINITY),
            (Number::Spread, 2.0),
            (Number::Network, 2.0),
            (Number::BudgetShare, 0.0),
        ] {
            options.set(option, value).unwrap();
        }
        let config = RetryConfig::of(&options);
        assert_eq!((config.limit, config.base_delay), (u32::MAX, Duration::from_micros(500)));
        assert_eq!((config.max_retry_after, config.network), (Duration::MAX, Network::Never));
        assert_eq!(config.jitter, Jitter::Decorrelated);
        assert_eq!(config.budget, Some(BudgetConfig { share: 0.0, min_per_second: 10.0 }));
        options.set(Number::NoBudget, 1.0).unwrap();
        options.set(Number::Jitter, 0.25).unwrap();
        let config = RetryConfig::of(&options);
        assert_eq!((config.jitter, config.budget), (Jitter::Share(0.25), None));
    }

    proptest! {
        #[test]
        fn delays_at_the_cap_are_spread_and_do_not_meet_there(
            jitter in prop_oneof![
                Just((Jitter::Full, 0.0)),
                Just((Jitter::Equal, 0.5)),
                Just((Jitter::Decorrelated, 0.1)),
                (0.1..=1.0).prop_map(|share| (Jitter::Share(share), 1.0 - share)),
            ],
            cap in 1_000.0..1e7,
            seed: u64,
        ) {
            let (jitter, least) = jitter;
            let mut config = RetryConfig { jitter, ..RetryConfig::default() };
            config.max_delay = span(cap);
            config.base_delay = span(cap / 10.0);
            let mut rng = Random::new(seed);
            let cap = config.max_delay;
            let delays: Vec<_> = (0..64).map(|_| config.delay(20, cap, &mut rng)).collect();
            // A nanosecond for what rounding does.
            prop_assert!(delays.iter().all(|&delay| delay <= cap && delay + MS / 1_000_000 >= cap.mul_f64(least)));
            let distinct: std::collections::BTreeSet<_> = delays.iter().collect();
            prop_assert!(distinct.len() > 60, "{} of 64 differ", distinct.len());
            // And over all of it: of so many, each half of what is between has some.
            let middle = cap.mul_f64(least.midpoint(1.0));
            let above = delays.iter().filter(|&&delay| delay > middle).count();
            prop_assert!((8..=56).contains(&above), "{above} of 64 are in the upper half");
        }

        #[test]
        fn no_delay_is_longer_than_the_cap(
            jitter in jitters(), base in 0.0..1e7, cap in 0.0..1e7, factor in 1.0..1e9, retry: u32, last: u32, seed: u64,
        ) {
            let mut config = RetryConfig { jitter, ..RetryConfig::default() };
            (config.base_delay, config.max_delay, config.factor) = (span(base), span(cap), factor);
            let delay = config.delay(retry, MS * last, &mut Random::new(seed));
            prop_assert!(delay <= config.max_delay, "{delay:?}");
            if jitter == Jitter::Equal {
                let plain = RetryConfig { jitter: Jitter::Share(0.0), ..config };
                prop_assert!(delay >= plain.delay(retry, MS * last, &mut Random::new(seed)) / 2);
            }
        }

        #[test]
        fn retries_never_exceed_the_budget(
            steps in proptest::collection::vec((0..2_000_u32, any::<bool>()), 1..400),
        ) {
            let budget = Some(BudgetConfig { share: 0.2, min_per_second: 1.0 });
            let config = RetryConfig { budget, ..RetryConfig::default() };
            let mut budget = Budget::default();
            let mut now = Time::ZERO;
            let mut past = Vec::new();
            for (wait, wants_retry) in steps {
                now = now.after(MS * wait);
                if !wants_retry {
                    budget.request(now);
                } else if config.affords(&budget, now) {
                    budget.retry(now);
                } else {
                    continue;
                }
                past.push((now, wants_retry));
                if !wants_retry {
                    continue;
                }
                // Whole seconds count: nine of them and what is gone of the tenth.
                let since = Duration::from_secs((now.as_nanos() / 1_000_000_000).saturating_sub(9));
                let live = past.iter().filter(|(at, _)| *at >= Time::ZERO.after(since));
                let retries = live.clone().filter(|(_, retry)| *retry).count();
                let requests = live.count() - retries;
                prop_assert!(retries <= requests / 5 + 10);
            }
        }
    }
}
