//! `IndexedDB`, for the cache. What is kept are JavaScript's own objects, of which only three properties are looked at here.
//!
//! A module of its own beside that of the core, loaded by pages that keep something there and by no others. It has no
//! policy: what is done about faults, and when, is for others to say.

#![cfg(target_family = "wasm")]

mod database;
mod limit;
mod records;
mod work;

pub use database::{Storage, open_storage};
pub use limit::with_timeout;
