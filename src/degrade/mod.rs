//! Giving up the unimportant first: a share of the calls to an origin that does not accept them all, and levels that say
//! what a page does without while it is in trouble.

mod ladder;
mod relief;
mod share;

pub use ladder::{LEAVE, Ladder, LadderConfig, MAX_LEVEL, MAX_STAY};
pub use relief::{BREAKER_OPEN, NUMBERS, Relief, Rules};
pub use share::{Fate, PROBE_EVERY, Share, ShareConfig, is_probe, sheddable};
