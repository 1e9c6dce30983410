//! The cache: what may be kept and given, by HTTP's own rules.

pub mod config;
pub mod date;
pub mod index;
pub mod policy;
