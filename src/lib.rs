//! The core of sixlane: who may send a request now, who waits, and who is turned away.
//!
//! Everything here is plain Rust that knows no browser, no clock and no source of randomness: the same
//! events at the same times give the same actions. [`Scheduler`] is the facade; [`queue`] is the order.
//! The shell for WebAssembly is `web`, which exists on that target alone, and not for who only wants the core there.

pub mod backoff;
pub mod batch;
pub mod breaker;
pub mod cache;
mod codes;
pub mod config;
pub mod degrade;
pub mod gate;
mod heap;
pub mod limit;
pub mod monitor;
pub mod option;
pub mod priority;
pub mod queue;
pub mod random;
pub mod rate;
pub mod retry;
pub mod retry_after;
pub mod scheduler;
pub mod time;

#[cfg(all(target_family = "wasm", feature = "web"))]
pub mod web;

pub use config::{Aging, Config, Strategy};
pub use option::{ConfigError, Number, Options};
pub use priority::{Level, Priority};
pub use queue::{CallFlags, CallId, LaneId};
pub use scheduler::{
    Action, Answer, Body, Event, Outcome, Protocol, Refusal, Released, Scheduler, Submission,
};
pub use time::Time;
