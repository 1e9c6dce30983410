//! How the server itself is doing, and what it does without under pressure: the core's monitor and ladder.
//!
//! What goes wrong on order is not its own trouble: this stands behind the faults, and sees what the routes do.

use std::{
    str::FromStr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use sixlane::Level;
use sixlane::degrade::{BREAKER_OPEN, LEAVE, Ladder, LadderConfig, Rules};
use sixlane::monitor::{Gauges, Monitor, MonitorConfig, Record};
use tokio::time::{Instant, sleep};

use crate::{App, answer::Refusal, clock::Clock, load::Load};

/// Requests under way at once, from level 2 and from level 3 on.
const FEWER: u32 = 50;
const FEWEST: u32 = 20;

/// From this level on, routes that cost much answer with what was prepared.
const STATIC_FROM: u8 = 3;

/// For so long the last samples are told.
const TOLD: Duration = Duration::from_mins(1);

/// Whether the server gives things up under pressure, as a flag says it: `on` or `off`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DegradationSetting(bool);

impl Default for DegradationSetting {
    fn default() -> Self {
        Self(true)
    }
}

impl FromStr for DegradationSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "on" => Ok(Self(true)),
            "off" => Ok(Self(false)),
            _ => Err("degradation is on or off".to_owned()),
        }
    }
}

/// What is known of it.
struct Known {
    monitor: Monitor,
    ladder: Ladder,
    /// Triggers that are on, as bits.
    on: u32,
    load: Load,
}

/// The server's own health.
pub(crate) struct Health {
    known: Mutex<Known>,
    clock: Clock,
    /// Whether levels are of any consequence.
    acts: bool,
    under_way: AtomicU32,
    /// What is recommended while nobody is to be asked.
    recommended: Bytes,
}

impl Health {
    pub(crate) fn new(DegradationSetting(acts): DegradationSetting, recommended: Bytes) -> Arc<Self> {
        let clock = Clock::start();
        let config = LadderConfig {
            triggers: Rules::default().triggers(),
            recover_after: sixlane::time::Duration::from_secs(30),
        };
        let known = Known {
            monitor: Monitor::new(MonitorConfig::default(), clock.now()),
            ladder: Ladder::new(config, clock.now()),
            on: 0,
            load: Load::new(),
        };
        Arc::new(Self { known: Mutex::new(known), clock, acts, under_way: AtomicU32::new(0), recommended })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a sample every few seconds, as long as somebody has it.
    pub(crate) fn watch(self: &Arc<Self>, breaker_open: impl Fn() -> bool + Send + 'static) {
        let health = Arc::downgrade(self);
        let every = Duration::from_nanos(self.lock().monitor.config().interval.as_nanos());
        tokio::spawn(async move {
            loop {
                sleep(every).await;
                let Some(health) = health.upgrade() else { break };
                health.sample(breaker_open());
            }
        });
    }

    fn sample(&self, breaker_open: bool) {
        let now = self.clock.now();
        let known = &mut *self.lock();
        known.load.refresh();
        let gauges = Gauges {
            queued: 0,
            running: self.under_way.load(Ordering::Relaxed),
            main_thread: known.load.processor(),
            memory: known.load.memory_share(),
            cpu_pressure: f64::NAN,
        };
        known.monitor.close(gauges, now);
        let stay = known.ladder.config().recover_after;
        let breaker = if breaker_open { BREAKER_OPEN } else { 0 };
        known.on = known.monitor.triggers(known.on, LEAVE, stay, now) | breaker;
        if self.acts {
            known.ladder.take(known.on, now);
        }
    }

    /// Where the ladder stands.
    pub(crate) fn level(&self) -> u8 {
        self.lock().ladder.level()
    }

    /// How many requests may be under way at once; `None`: no bound.
    const fn most(level: u8) -> Option<u32> {
        match level {
            0 | 1 => None,
            2 => Some(FEWER),
            _ => Some(FEWEST),
        }
    }

    /// Requests under way now.
    pub(crate) fn under_way(&self) -> u32 {
        self.under_way.load(Ordering::Relaxed)
    }

    /// What is known of the machine.
    pub(crate) fn with_load<T>(&self, read: impl FnOnce(&Load) -> T) -> T {
        read(&self.lock().load)
    }

    /// As JSON, for people and programs.
    pub(crate) fn to_json(&self) -> Value {
        let now = self.clock.now();
        let known = self.lock();
        let level = known.ladder.level();
        let mut last = sixlane::monitor::Sample::new(now);
        for sample in known.monitor.samples(TOLD.into(), now) {
            last.merge(sample);
        }
        let times = last.all().response;
        let milliseconds = |share| times.quantile(share);
        json!({
            "level": level,
            "since": now.since(known.ladder.since()).as_millis_f64() / 1_000.0,
            "healthy": known.ladder.is_healthy(),
            "requests": {
                "underWay": self.under_way(),
                "most": Self::most(level),
                "seconds": last.span.as_millis_f64() / 1_000.0,
                "count": last.requests(),
                "errorRate": last.error_rate(),
                "p50": milliseconds(0.5),
                "p95": milliseconds(0.95),
                "p99": milliseconds(0.99),
            },
            "processor": known.load.processor(),
            "memory": { "bytes": known.load.memory(), "share": known.load.memory_share() },
        })
    }
}

/// A request that is under way until this is dropped, and counted then. One whose client has left took so long at least: not
/// to count it would make a slow server look quick.
struct UnderWay<'health> {
    health: &'health Health,
    begun: Instant,
    ok: bool,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.health.under_way.fetch_sub(1, Ordering::Relaxed);
        let record = Record {
            level: Level::Normal,
            queued: None,
            response: Some(self.begun.elapsed().into()),
            ok: self.ok,
            bytes: 0,
        };
        self.health.lock().monitor.record(&record);
    }
}

impl Health {
    /// Lets a request in, where the level has room for it.
    fn enter(&self, level: u8) -> Option<UnderWay<'_>> {
        let before = self.under_way.fetch_add(1, Ordering::Relaxed);
        if Self::most(level).is_some_and(|most| before >= most) {
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(UnderWay { health: self, begun: Instant::now(), ok: true })
    }
}

/// Counts a request, and turns it away where the level has no room for it.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let health = &app.health;
    let level = health.level();
    if level >= STATIC_FROM && request.uri().path() == "/api/recommendations" {
        let mut response = Response::new(Body::from(health.recommended.clone()));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        return response;
    }
    let Some(mut under_way) = health.enter(level) else {
        return Refusal::unavailable("the server has too much to do").into_response();
    };
    let response = next.run(request).await;
    under_way.ok = !response.status().is_server_error();
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(acts: bool) -> Arc<Health> {
        Health::new(DegradationSetting(acts), Bytes::from_static(b"[]"))
    }

    fn served(health: &Health, count: u32, ok: bool) {
        for _ in 0..count {
            let response = Some(Duration::from_millis(5).into());
            let record = Record { level: Level::Normal, queued: None, response, ok, bytes: 0 };
            health.lock().monitor.record(&record);
        }
    }

    async fn later(health: &Health, seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        health.sample(false);
    }

    #[tokio::test(start_paused = true)]
    async fn two_samples_of_failures_bring_it_to_level_3_and_it_comes_back_by_itself() {
        let health = health(true);
        served(&health, 100, false);
        later(&health, 5).await;
        assert_eq!(health.level(), 0);
        served(&health, 100, false);
        later(&health, 5).await;
        assert_eq!((health.level(), Health::most(health.level())), (3, Some(20)));
        assert_eq!(health.to_json()["requests"]["errorRate"], 1.0);
        for _ in 0..30 {
            served(&health, 100, true);
            later(&health, 5).await;
        }
        assert_eq!((health.level(), Health::most(health.level())), (0, None));
    }

    #[tokio::test]
    async fn each_level_has_room_for_so_many_at_once() {
        let health = health(true);
        for (level, most) in [(2, FEWER), (3, FEWEST), (5, FEWEST)] {
            let entered: Vec<_> = (0..most).map(|_| health.enter(level).unwrap()).collect();
            assert!(health.enter(level).is_none());
            assert_eq!(health.under_way(), most);
            drop(entered);
            assert_eq!(health.under_way(), 0);
        }
        let all: Vec<_> = (0..1_000).map_while(|_| health.enter(1)).collect();
        assert_eq!(all.len(), 1_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_whose_client_leaves_took_as_long_as_it_waited() {
        let health = health(true);
        let under_way = health.enter(0);
        tokio::time::advance(Duration::from_secs(4)).await;
        drop(under_way);
        later(&health, 5).await;
        let requests = &health.to_json()["requests"];
        assert_eq!((&requests["count"], &requests["errorRate"]), (&json!(1), &json!(0.0)));
        assert!((requests["p50"].as_f64().unwrap() / 4_000.0 - 1.0).abs() < 0.01, "{requests}");
    }

    #[tokio::test(start_paused = true)]
    async fn switched_off_it_stays_at_level_0() {
        let health = health(false);
        for _ in 0..4 {
            served(&health, 100, false);
            later(&health, 5).await;
        }
        assert_eq!(health.level(), 0);
    }

    #[test]
    fn it_is_on_or_off() {
        assert_eq!("off".parse(), Ok(DegradationSetting(false)));
        assert_eq!("on".parse(), Ok(DegradationSetting(true)));
        assert!("1".parse::<DegradationSetting>().is_err());
    }
}
