//! The clock of the core's policies: time since the server was made.

use sixlane::Time;
use tokio::time::Instant;

/// Tells the time as the core wants to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// One that begins now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> Time {
        Time::ZERO.after(self.0.elapsed().into())
    }
}
