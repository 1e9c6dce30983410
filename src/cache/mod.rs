//! The cache: what may be kept and given, by HTTP's own rules; who stays when it is full; what to do about storage that fails.

pub mod date;
pub mod health;
pub mod index;
pub mod packs;
pub mod policy;
pub mod range;

/// A number that is written in digits alone; one that is too large is the largest there is.
fn whole(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}
