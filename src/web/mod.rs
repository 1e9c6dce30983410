//! The shell for WebAssembly: what JavaScript sees of the core.
//!
//! Calls live in JavaScript, with their requests, promises and bodies. Only numbers cross, and texts where an answer's
//! headers have to be read: no object, no function and no exception. That is cheap, and it is why a trap in here loses
//! nothing: JavaScript holds the calls and can still send them.
//!
//! JavaScript opens objects and knows them by number; all that happens to one goes through [`event`](border::event).

mod batch;
mod border;
mod cache;
mod codes;
mod convert;
mod driver;
mod options;
mod policies;
mod report;

pub use border::{close, event, open, range, text, words};
pub use cache::{
    invalidates, policy_of, policy_of_value, range_of, supersedes, varies_on, verdict, withheld,
};
pub use policies::{may_repeat, pause_asked};
