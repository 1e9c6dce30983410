//! Which failed attempts are worth another one, and when: back-off, jitter, and a budget, so that an origin in trouble
//! gets relief.

use crate::config::{ConfigError, count};
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
    /// The delay as it is.
    None,
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
    methods: Option<Vec<String>>,
    statuses: Option<Vec<u16>>,
    /// Which failures without any response count.
    pub network: Network,
    max_retry_after: Duration,
    budget: Option<BudgetConfig>,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            limit: 3,
            base_delay: Duration::from_millis(300),
            max_delay: Duration::from_secs(10),
            factor: 2.0,
            jitter: Jitter::Full,
            methods: None,
            statuses: None,
            network: Network::SameOrigin,
            max_retry_after: Duration::from_secs(60),
            budget: Some(BudgetConfig { share: 0.2, min_per_second: 10.0 }),
        }
    }
}

impl RetryConfig {
    /// Attempts after the first; infinity is no bound.
    ///
    /// # Errors
    /// Refused when it is not a whole number from 0 up.
    pub fn set_limit(&mut self, value: f64) -> Result<(), ConfigError> {
        let range = "a whole number from 0 up, or Infinity";
        self.limit = match value {
            0.0 => 0,
            _ => count("limit", value).map_err(|error| ConfigError { range, ..error })?.unwrap_or(u32::MAX),
        };
        Ok(())
    }

    /// The delay before the first retry, in milliseconds.
    ///
    /// # Errors
    /// Refused when it is negative or has no end.
    pub fn set_base_delay(&mut self, value: f64) -> Result<(), ConfigError> {
        self.base_delay = delay("baseDelay", value)?;
        Ok(())
    }

    /// No delay is longer, jitter included, in milliseconds.
    ///
    /// # Errors
    /// Refused when it is negative or has no end.
    pub fn set_max_delay(&mut self, value: f64) -> Result<(), ConfigError> {
        self.max_delay = delay("maxDelay", value)?;
        Ok(())
    }

    /// How many times longer each delay is than the one before.
    ///
    /// # Errors
    /// Refused when it is below 1 or has no end.
    pub fn set_factor(&mut self, value: f64) -> Result<(), ConfigError> {
        if !(value >= 1.0 && value.is_finite()) {
            return Err(ConfigError { option: "factor", range: "a finite number from 1 up", value });
        }
        self.factor = value;
        Ok(())
    }

    /// Jitter as a share of the delay.
    ///
    /// # Errors
    /// Refused when it is not from 0 to 1.
    pub fn set_jitter_share(&mut self, value: f64) -> Result<(), ConfigError> {
        self.jitter = Jitter::Share(share("jitter", value, "a number from 0 to 1")?);
        Ok(())
    }

    /// Methods that may be sent twice, in any case.
    pub fn set_methods(&mut self, methods: Vec<String>) {
        self.methods = Some(methods);
    }

    /// Makes this a status that is retried. The first one takes the place of the defaults.
    ///
    /// # Errors
    /// Refused when it is no whole number from 100 to 599.
    pub fn add_status(&mut self, value: f64) -> Result<(), ConfigError> {
        match count("statusCodes", value) {
            Ok(Some(status @ 100..=599)) => {
                self.statuses.get_or_insert_default().push(status as u16);
                Ok(())
            }
            _ => Err(ConfigError { option: "statusCodes", range: "a whole number from 100 to 599", value }),
        }
    }

    /// Retries no status at all, until one is added.
    pub fn clear_statuses(&mut self) {
        self.statuses = Some(Vec::new());
    }

    /// The longest wait asked for by a server that is waited for, in milliseconds; infinity is no bound.
    ///
    /// # Errors
    /// Refused when it is negative.
    pub fn set_max_retry_after(&mut self, value: f64) -> Result<(), ConfigError> {
        let range = "a number of milliseconds from 0 up, or Infinity";
        let finite = if value == f64::INFINITY { Ok(Duration::MAX) } else { delay("maxRetryAfter", value) };
        self.max_retry_after = finite.map_err(|error| ConfigError { range, ..error })?;
        Ok(())
    }

    /// No budget.
    pub fn lift_budget(&mut self) {
        self.budget = None;
    }

    /// Retries for each request.
    ///
    /// # Errors
    /// Refused when it is not from 0 to 1.
    pub fn set_budget_share(&mut self, value: f64) -> Result<(), ConfigError> {
        let share = share("share", value, "a number from 0 to 1")?;
        self.budget.get_or_insert(BudgetConfig { share, min_per_second: 10.0 }).share = share;
        Ok(())
    }

    /// Retries that there are whatever the number of requests.
    ///
    /// # Errors
    /// Refused when it is negative or has no end.
    pub fn set_budget_floor(&mut self, value: f64) -> Result<(), ConfigError> {
        if !(value >= 0.0 && value.is_finite()) {
            return Err(ConfigError { option: "minPerSecond", range: "a finite number from 0 up", value });
        }
        let budget = self.budget.get_or_insert(BudgetConfig { share: 0.2, min_per_second: value });
        budget.min_per_second = value;
        Ok(())
    }

    /// The pause that a server asked for, if it is one that is waited for. Of no length it is none: what failed is tried
    /// again after the usual delay.
    pub fn pause(&self, asked: Option<Duration>) -> Option<Duration> {
        asked.filter(|&asked| !asked.is_zero() && asked <= self.max_retry_after)
    }

    /// Whether another attempt may help, apart from budgets and time. `retries` were made already.
    pub fn allows(&self, failure: &Failure<'_>, retries: u32) -> bool {
        let repeatable = failure.resendable && self.repeats(failure.method, failure.idempotent);
        let too_long = failure.asked.is_some_and(|asked| asked > self.max_retry_after);
        repeatable
            && !too_long
            && match failure.what {
                What::Status(status) => retries < self.limit && self.allows_status(status),
                What::Expired => retries < self.limit && self.network != Network::Never,
                What::NoResponse { same_origin } => retries < self.limit && self.allows_network(same_origin),
                // What could not be sent used no attempt up.
                What::Offline { same_origin } => self.allows_network(same_origin),
            }
    }

    /// Whether a request with this method may be sent again at all.
    pub fn repeats(&self, method: &str, idempotent: bool) -> bool {
        self.limit > 0 && (idempotent || self.allows_method(method))
    }

    fn allows_method(&self, method: &str) -> bool {
        match &self.methods {
            Some(methods) => methods.iter().any(|name| name.eq_ignore_ascii_case(method)),
            None => METHODS.contains(&method),
        }
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
            Jitter::None => (backoff, backoff),
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

fn delay(option: &'static str, value: f64) -> Result<Duration, ConfigError> {
    let range = "a finite number of milliseconds from 0 up";
    Duration::from_millis_f64(value).ok_or(ConfigError { option, range, value })
}

fn share(option: &'static str, value: f64, range: &'static str) -> Result<f64, ConfigError> {
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(ConfigError { option, range, value }) }
}

/// An attempt that brought nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Failure<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// Whether the server knows a repetition by its Idempotency-Key.
    pub idempotent: bool,
    /// Whether the request can be sent again as it was.
    pub resendable: bool,
    /// What came of it.
    pub what: What,
    /// The pause that the server asked for.
    pub asked: Option<Duration>,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum What {
    /// A response with this status; 0 where that is not to be seen.
    Status(u16),
    /// No response in the time for one attempt.
    Expired,
    /// No response.
    NoResponse {
        /// From the page's own origin.
        same_origin: bool,
    },
    /// No response, and no network.
    Offline {
        /// From the page's own origin.
        same_origin: bool,
    },
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
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    const LOST: Failure<'_> = Failure {
        method: "GET",
        idempotent: false,
        resendable: true,
        what: What::NoResponse { same_origin: true },
        asked: None,
    };

    fn status(status: u16) -> Failure<'static> {
        Failure { what: What::Status(status), ..LOST }
    }

    fn jitters() -> impl Strategy<Value = Jitter> {
        const KINDS: [Jitter; 4] = [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated];
        prop_oneof![proptest::sample::select(&KINDS), (0.0..=1.0).prop_map(Jitter::Share)]
    }

    #[test]
    fn delays_double_up_to_the_cap() {
        let mut config = RetryConfig { jitter: Jitter::None, ..RetryConfig::default() };
        let mut rng = Random::new(0);
        let millis = |config: &RetryConfig, rng: &mut Random| {
            (1..8).map(|retry| config.delay(retry, Duration::ZERO, rng).as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(millis(&config, &mut rng), [300, 600, 1_200, 2_400, 4_800, 9_600, 10_000]);
        config.set_factor(1.0).unwrap();
        assert_eq!(millis(&config, &mut rng), [300; 7]);
        assert_eq!(config.delay(u32::MAX, Duration::MAX, &mut rng), MS * 300);
    }

    #[test]
    fn what_is_retried_goes_by_method_and_status() {
        let config = RetryConfig::default();
        for status_code in STATUSES {
            assert!(config.allows(&status(status_code), 0), "{status_code}");
        }
        for status_code in [0, 200, 304, 400, 404, 425, 501] {
            assert!(!config.allows(&status(status_code), 0), "{status_code}");
        }
        let post = Failure { method: "POST", ..status(503) };
        assert!(!config.allows(&post, 0));
        assert!(config.allows(&Failure { idempotent: true, ..post }, 0), "its key makes it safe");
        assert!(!config.allows(&Failure { resendable: false, ..status(503) }, 0));
        let mut config = config;
        config.set_methods(vec!["post".into()]);
        assert!(config.allows(&post, 0) && !config.allows(&status(503), 0));
    }

    #[test]
    fn the_limit_ends_it_but_not_while_there_is_no_network() {
        let mut config = RetryConfig::default();
        assert!(config.allows(&LOST, 2) && !config.allows(&LOST, 3));
        let offline = Failure { what: What::Offline { same_origin: true }, ..LOST };
        assert!(config.allows(&offline, 3));
        config.set_limit(0.0).unwrap();
        assert!(!config.allows(&offline, 0) && !config.allows(&status(503), 0));
    }

    #[test]
    fn another_origins_failure_without_a_response_is_final_unless_all_are_wanted() {
        let mut config = RetryConfig::default();
        let other = Failure { what: What::NoResponse { same_origin: false }, ..LOST };
        assert!(!config.allows(&other, 0));
        config.network = Network::All;
        assert!(config.allows(&other, 0));
        config.network = Network::Never;
        assert!(!config.allows(&LOST, 0) && !config.allows(&Failure { what: What::Expired, ..LOST }, 0));
        assert!(config.allows(&status(503), 0));
    }

    #[test]
    fn a_wait_that_is_too_long_is_not_waited_for() {
        let config = RetryConfig::default();
        let asked = |seconds| Failure { asked: Some(Duration::from_secs(seconds)), ..status(429) };
        assert!(config.allows(&asked(60), 0) && !config.allows(&asked(61), 0));
        assert_eq!(config.pause(Some(Duration::from_secs(61))), None);
        assert_eq!(config.pause(Some(Duration::MAX)), None);
    }

    #[test]
    fn a_wait_of_no_length_is_no_pause_and_no_reason_not_to_try_again() {
        let config = RetryConfig::default();
        assert_eq!(config.pause(Some(Duration::ZERO)), None);
        assert!(config.allows(&Failure { asked: Some(Duration::ZERO), ..status(503) }, 0));
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        let mut config = RetryConfig::default();
        let refused = [
            config.set_limit(-1.0),
            config.set_limit(1.5),
            config.set_base_delay(-1.0),
            config.set_max_delay(f64::INFINITY),
            config.set_factor(0.9),
            config.set_jitter_share(1.1),
            config.add_status(99.0),
            config.set_max_retry_after(f64::NAN),
            config.set_budget_share(2.0),
            config.set_budget_floor(-1.0),
        ];
        let names = refused.map(|result| result.unwrap_err().option);
        let expected = [
            "limit",
            "limit",
            "baseDelay",
            "maxDelay",
            "factor",
            "jitter",
            "statusCodes",
            "maxRetryAfter",
            "share",
            "minPerSecond",
        ];
        assert_eq!(names, expected);
        assert_eq!(config, RetryConfig::default(), "and changes nothing");
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
            config.set_max_delay(cap).unwrap();
            config.set_base_delay(cap / 10.0).unwrap();
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
            config.set_base_delay(base).unwrap();
            config.set_max_delay(cap).unwrap();
            config.set_factor(factor).unwrap();
            let delay = config.delay(retry, MS * last, &mut Random::new(seed));
            prop_assert!(delay <= config.max_delay, "{delay:?}");
            if jitter == Jitter::Equal {
                let plain = RetryConfig { jitter: Jitter::None, ..config };
                prop_assert!(delay >= plain.delay(retry, MS * last, &mut Random::new(seed)) / 2);
            }
        }

        #[test]
        fn retries_never_exceed_the_budget(
            steps in proptest::collection::vec((0..2_000_u32, any::<bool>()), 1..400),
        ) {
            let mut config = RetryConfig::default();
            config.set_budget_floor(1.0).unwrap();
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
