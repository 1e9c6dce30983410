//! The cache: what may be kept and given, by HTTP's own rules; who stays when it is full; what to do about storage that fails.

pub mod config;
pub mod date;
pub mod health;
pub mod index;
pub mod packs;
pub mod policy;
pub mod range;
