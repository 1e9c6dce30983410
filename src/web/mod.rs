//! The shell for WebAssembly: what JavaScript sees of the core.
//!
//! Calls live in JavaScript, with their requests, promises and bodies; only ids and numbers cross. That is
//! cheap, and it is why a trap in here loses nothing: whoever holds the calls can still send them.

mod batch;
mod cache;
mod clock;
mod convert;
mod driver;
mod options;
mod policies;

pub use batch::Batches;
pub use cache::{
    CacheIndex, TierHealth, cache_config, check_cache_rule, invalidates, policy_of, policy_of_value,
    range_of, varies_on, verdict, withheld,
};
pub use driver::{Driver, read_add, read_lane};
pub use policies::{CircuitBreaker, RateLimits, RetryPolicy, may_repeat};
