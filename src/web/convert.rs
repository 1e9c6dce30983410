//! Plain data of the core, as JavaScript reads it.

use crate::breaker::State;
use crate::cache::config::{CacheConfig, Tier};
use crate::priority::Level;
use crate::queue::{CallId, Count};
use crate::retry::What;
use crate::scheduler::{Action, Body, Lent, Outcome, Refusal, Scheduler};
use crate::time::{Duration, Time};
use serde::Serialize;
use wasm_bindgen::JsValue;

/// An action as one number: a code times 2^48, plus the id it is about. 0 is no action.
///
/// The codes stand again in `js/engine.ts`, which reads them.
pub(super) fn action_word(action: Action) -> f64 {
    let (code, subject) = match action {
        Action::Start(id, level) => (1 + level as u64, id.to_bits()),
        Action::Preempt(id) => (6, id.to_bits()),
        Action::Reject(id, Refusal::QueueFull) => (7, id.to_bits()),
        Action::Reject(id, Refusal::Cleared) => (8, id.to_bits()),
        Action::Reject(id, Refusal::TimedOut) => (9, id.to_bits()),
        Action::Lend(id, Lent::Unread) => (10, id.to_bits()),
        Action::Lend(id, Lent::Streams) => (11, id.to_bits()),
        Action::Forget(lane) => (12, u64::from(lane.0)),
        Action::Reject(id, Refusal::CircuitOpen) => (13, id.to_bits()),
        Action::Expire(id) => (14, id.to_bits()),
        Action::Pause(lane) => (15, u64::from(lane.0)),
        Action::Breaker(lane, state) => (16 + u64::from(state_word(state)), u64::from(lane.0)),
    };
    #[expect(clippy::cast_precision_loss, reason = "19 times 2^48 and an id below 2^48 are exact")]
    let word = (code << 48 | subject) as f64;
    word
}

/// A breaker's state: 0 closed, 1 open, 2 half-open, 3 isolated.
pub(super) const fn state_word(state: State) -> u32 {
    match state {
        State::Closed => 0,
        State::Open => 1,
        State::HalfOpen => 2,
        State::Isolated => 3,
    }
}

/// An id back from JavaScript.
#[expect(clippy::cast_sign_loss, reason = "a float cast saturates; any number is an id, if of no call")]
pub(super) fn call_id(id: f64) -> CallId {
    CallId::from_bits(id as u64)
}

/// What follows the headers: a length in bytes, -1 for nothing, -2 for a length nobody says, -3 for no end.
#[expect(clippy::cast_sign_loss, reason = "negative lengths are the three codes, checked before")]
pub(super) fn body(length: f64) -> Body {
    match length {
        -1.0 => Body::None,
        -3.0 => Body::Endless,
        length if length >= 0.0 => Body::Sized(length as u64),
        _ => Body::Unknown,
    }
}

/// How a call was settled: 0 with a result, 1 with an error, 3 by its caller's abort before it was sent, 4 for want of a
/// network, else by its caller's abort.
pub(super) fn outcome(code: u32) -> Outcome {
    match code {
        0 => Outcome::Completed,
        1 => Outcome::Failed,
        3 => Outcome::Unsent,
        4 => Outcome::Offline,
        _ => Outcome::Cancelled,
    }
}

/// What came of an attempt: a status from 0 up, -1 no response in time, -2 none, -3 none and no network.
#[expect(clippy::cast_sign_loss, reason = "negative codes are taken before")]
pub(super) const fn what(code: f64, same_origin: bool) -> What {
    match code {
        -1.0 => What::Expired,
        -2.0 => What::NoResponse { same_origin },
        -3.0 => What::Offline { same_origin },
        status => What::Status(status as u16),
    }
}

/// The pause that somebody asked for, in milliseconds; NaN for none. One that is longer than can be told is the longest.
pub(super) fn asked(millis: f64) -> Option<Duration> {
    (!millis.is_nan()).then(|| span(millis))
}

/// Milliseconds as JavaScript has them; what is no number, or below 0, is 0, and what is too much is the most there is.
pub(super) fn span(millis: f64) -> Duration {
    Duration::from_millis_f64(millis.max(0.0)).unwrap_or(Duration::MAX)
}

/// A time as JavaScript has it.
pub(super) fn millis(time: Duration) -> f64 {
    time.as_millis_f64()
}

/// A count as JavaScript has it.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
pub(super) const fn whole(count: u64) -> f64 {
    count as f64
}

/// Figures for `status()`; names are those of the public surface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    queued: u32,
    running: u32,
    completed: u64,
    failed: u64,
    cancelled: u64,
    preempted: u64,
    retries: u64,
    by_priority: ByPriority,
    oldest_wait: f64,
    lanes: Vec<Lane>,
}

#[derive(Serialize)]
struct ByPriority {
    critical: LevelCount,
    high: LevelCount,
    normal: LevelCount,
    low: LevelCount,
    background: LevelCount,
}

#[derive(Serialize)]
struct LevelCount {
    queued: u32,
    running: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Lane {
    id: u32,
    limit: Option<u32>,
    queued: u32,
    running: u32,
    breaker: u32,
    paused_for: f64,
}

impl Status {
    pub(super) fn of(core: &Scheduler, now: Time) -> Self {
        let Count { queued, running } = core.count();
        let totals = core.totals();
        let by_level = core.by_level();
        let level = |level: Level| {
            let Count { queued, running } = by_level[level as usize];
            LevelCount { queued, running }
        };
        Self {
            queued,
            running,
            completed: totals.completed,
            failed: totals.failed,
            cancelled: totals.cancelled,
            preempted: totals.preempted,
            retries: totals.retries,
            by_priority: ByPriority {
                critical: level(Level::Critical),
                high: level(Level::High),
                normal: level(Level::Normal),
                low: level(Level::Low),
                background: level(Level::Background),
            },
            oldest_wait: millis(core.oldest_wait(now)),
            lanes: core
                .lanes()
                .map(|lane| Lane {
                    id: lane.lane.0,
                    limit: lane.limit,
                    queued: lane.count.queued,
                    running: lane.count.running,
                    breaker: state_word(core.breaker_of(lane.lane, now)),
                    paused_for: millis(core.paused_for(lane.lane, now)),
                })
                .collect(),
        }
    }
}

/// What a cache is to do; see `CacheConfig` in `js/cache/store.ts`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cache<'a> {
    tiers: Vec<&'static str>,
    memory: f64,
    local_storage: f64,
    local_storage_entry: f64,
    #[serde(rename = "indexedDB")]
    indexed_db: f64,
    database: &'a str,
    persist_private: bool,
}

pub(super) fn cache_config(config: &CacheConfig) -> Result<JsValue, JsValue> {
    let name = |tier: &Tier| match tier {
        Tier::Memory => "memory",
        Tier::LocalStorage => "localStorage",
        Tier::IndexedDb => "indexedDB",
    };
    let plain = Cache {
        tiers: config.tiers.iter().map(name).collect(),
        memory: whole(config.memory),
        local_storage: whole(config.local_storage),
        local_storage_entry: whole(config.local_storage_entry),
        indexed_db: whole(config.indexed_db),
        database: &config.database,
        persist_private: config.persist_private,
    };
    Ok(serde_wasm_bindgen::to_value(&plain)?)
}
