//! So many requests of one client in so much time: the core's rate limiter as a layer.
//!
//! Every answer says what is left, in the fields `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers);
//! what is refused is 429 with `Retry-After`. The state is in the process.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sixlane::{
    rate::{RateConfig, RateLimiter, Verdict},
    time::{Duration, Time},
};

use crate::{answer::Refusal, clock::Clock, listen::Client};

/// Up to so many clients are known without looking for those of which nothing is used.
const CLIENTS: usize = 1_024;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// What one client may do, as a flag says it: `token-bucket:CAPACITY:RATE:INTERVAL` or `sliding-window:LIMIT:WINDOW`,
/// times in milliseconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RateLimit(RateConfig);

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let kind = parts.next().unwrap_or_default();
        let numbers: Option<Vec<f64>> = parts.map(|part| part.parse().ok()).collect();
        let config = match (kind, numbers.as_deref()) {
            ("token-bucket", Some(&[capacity, rate, interval])) => {
                RateConfig::token_bucket(capacity, rate, interval)
            }
            ("sliding-window", Some(&[limit, window])) => RateConfig::sliding_window(limit, window),
            _ => {
                return Err("a rate limit is written token-bucket:CAPACITY:RATE:INTERVAL or \
                            sliding-window:LIMIT:WINDOW, times in milliseconds"
                    .to_owned());
            }
        };
        config.map(Self).map_err(|error| error.to_string())
    }
}

/// The limits of all clients.
pub(crate) struct Limits {
    config: RateConfig,
    clock: Clock,
    clients: Mutex<Clients>,
}

#[derive(Default)]
struct Clients {
    limiters: BTreeMap<IpAddr, RateLimiter>,
    sweep_at: usize,
}

/// What a client is told.
struct Told {
    wait: Option<Duration>,
    remaining: u32,
    /// Until there is more.
    reset: Duration,
}

impl Limits {
    pub(crate) fn new(RateLimit(config): RateLimit) -> Self {
        Self { config, clock: Clock::start(), clients: Mutex::default() }
    }

    fn take(&self, client: IpAddr) -> Told {
        let now = self.clock.now();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.make_room(now);
        let limiter = clients.limiters.entry(client).or_insert_with(|| RateLimiter::new(self.config));
        let wait = match limiter.take(1, now) {
            Verdict::Allowed => None,
            Verdict::Wait(wait) => Some(wait.unwrap_or(Duration::MAX)),
        };
        let remaining = limiter.remaining(now);
        let reset = match limiter.check(remaining.saturating_add(1), now) {
            Verdict::Wait(Some(wait)) => wait,
            // Nothing is used.
            Verdict::Allowed | Verdict::Wait(None) => Duration::ZERO,
        };
        Told { wait, remaining, reset }
    }

    fn say(&self, told: &Told, headers: &mut HeaderMap) {
        let (quota, window) = match self.config {
            RateConfig::TokenBucket { capacity, every } => (capacity, every * capacity),
            RateConfig::SlidingWindow { limit, window } => (limit, window),
        };
        let lines = [
            (POLICY, format!("\"client\";q={quota};w={}", seconds(window))),
            (LEFT, format!("\"client\";r={};t={}", told.remaining, seconds(told.reset))),
        ];
        for (name, line) in lines {
            if let Ok(value) = HeaderValue::try_from(line) {
                headers.insert(name, value);
            }
        }
    }
}

impl Clients {
    /// Forgets those of which nothing is used: when they come again, they begin as they were.
    fn make_room(&mut self, now: Time) {
        if self.limiters.len() < self.sweep_at.max(CLIENTS) {
            return;
        }
        self.limiters.retain(|_, limiter| !limiter.is_idle(now));
        self.sweep_at = 2 * self.limiters.len();
    }
}

/// Whole seconds, as headers have them: rounded up, so that nobody comes too early.
fn seconds(time: Duration) -> u64 {
    time.as_nanos().div_ceil(1_000_000_000)
}

/// Lets a request through, or refuses it.
pub(crate) async fn limit(
    State(limits): State<Arc<Limits>>,
    Extension(Client(client)): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    let told = limits.take(client);
    let mut response = match told.wait {
        None => next.run(request).await,
        Some(wait) => {
            let mut response =
                Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many requests of this client")
                    .into_response();
            response.headers_mut().insert(header::RETRY_AFTER, seconds(wait).into());
            response
        }
    };
    limits.say(&told, response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_limit_is_read_from_a_flag() {
        let bucket: RateLimit = "token-bucket:20:5:1000".parse().unwrap();
        assert_eq!(bucket.0, RateConfig::token_bucket(20.0, 5.0, 1000.0).unwrap());
        let window: RateLimit = "sliding-window:100:60000".parse().unwrap();
        assert_eq!(window.0, RateConfig::sliding_window(100.0, 60_000.0).unwrap());
        for (text, reason) in [
            ("", "is written"),
            ("sliding-window:100", "is written"),
            ("sliding-window:100:1s", "is written"),
            ("leaky:1:1:1", "is written"),
            ("sliding-window:0:1000", "`limit` must be a whole number from 1 up, or Infinity, got 0"),
            ("token-bucket:5:0:1000", "`refillRate` must be"),
        ] {
            let error = text.parse::<RateLimit>().unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_client_has_a_limit_of_its_own_and_the_idle_are_forgotten() {
        let limits = Limits::new("sliding-window:1:1000".parse().unwrap());
        let client = |n: u32| IpAddr::from(Ipv4Addr::from_bits(n));
        for n in 0..3_000 {
            assert!(limits.take(client(n)).wait.is_none());
        }
        let again = limits.take(client(0));
        assert_eq!((again.wait, again.remaining), (Some(Duration::from_secs(1)), 0));
        tokio::time::advance(Duration::from_secs(1).into()).await;
        for n in 3_000..10_000 {
            assert!(limits.take(client(n)).wait.is_none());
        }
        tokio::time::advance(Duration::from_secs(1).into()).await;
        for n in 0..10_000 {
            assert!(limits.take(client(n)).wait.is_none());
        }
        tokio::time::advance(Duration::from_secs(1).into()).await;
        limits.clients.lock().unwrap().sweep_at = 0;
        limits.take(client(1));
        assert_eq!(limits.clients.lock().unwrap().limiters.len(), 1);
    }

    #[test]
    fn a_wait_is_rounded_up_to_seconds() {
        assert_eq!(seconds(Duration::ZERO), 0);
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::from_secs(2)), 2);
    }
}
