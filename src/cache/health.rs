//! Storage that fails: when to try again, and when to do without it. Its faults never reach a caller.

use crate::backoff::Backoff;
use crate::time::Time;

/// What went wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It may not be used here: forbidden, missing, or written by a later version.
    Forbidden,
    /// There is no room left.
    Full,
    /// No answer came in time. Another attempt would take as long again.
    Silent,
    /// Anything else: the connection is gone, the transaction broke off.
    Lost,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Once more, on a new connection.
    Again,
    /// Once more, after half of what is kept was given up.
    AfterMakingRoom,
    /// Go without.
    GiveUp,
}

/// Whether one tier of storage is in use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Health {
    off: Option<Off>,
    backoff: Backoff,
    /// The last of these times there was no room.
    full: bool,
}

/// What it did as it should.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Done {
    /// It kept something, so there is room.
    Kept,
    /// It found, or forgot, something, which works where there is no room, too.
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Off {
    fault: Fault,
    /// None for good.
    until: Option<Time>,
}

impl Health {
    /// Whether it may be used now.
    pub fn usable(&self, now: Time) -> bool {
        self.off.is_none_or(|off| off.until.is_some_and(|until| until <= now))
    }

    /// Why it is off, while it is.
    pub fn off(&self, now: Time) -> Option<Fault> {
        self.off.filter(|_| !self.usable(now)).map(|off| off.fault)
    }

    /// It did what it should. While it is off, what was begun before says nothing of now.
    pub fn worked(&mut self, done: Done, now: Time) {
        if self.usable(now) && (done == Done::Kept || !self.full) {
            *self = Self::default();
        }
    }

    /// An attempt, counted from 0 for each thing that was to be done, failed.
    pub fn failed(&mut self, fault: Fault, attempt: u32, now: Time) -> Next {
        // While it is off others may still come back from before.
        if !self.usable(now) {
            return Next::GiveUp;
        }
        let next = Next::after(fault, attempt);
        if next == Next::GiveUp {
            self.full = fault == Fault::Full;
            let until = (fault != Fault::Forbidden).then(|| self.backoff.begin(now));
            self.off = Some(Off { fault, until });
        }
        next
    }
}

impl Next {
    /// What to do about a fault at that attempt, counted from 0, where the attempt is made whether the tier is off or not.
    pub fn after(fault: Fault, attempt: u32) -> Self {
        match fault {
            Fault::Lost if attempt == 0 => Self::Again,
            Fault::Full if attempt == 0 => Self::AfterMakingRoom,
            _ => Self::GiveUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;
    use proptest::prelude::*;

    const START: Time = Time::ZERO;

    #[test]
    fn what_is_lost_is_tried_once_more_then_left_alone_for_ever_longer() {
        let mut health = Health::default();
        let mut now = START;
        for rest in [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600].map(Duration::from_secs) {
            assert!(health.usable(now));
            assert_eq!(health.failed(Fault::Lost, 0, now), Next::Again);
            assert!(health.usable(now));
            assert_eq!(health.failed(Fault::Lost, 1, now), Next::GiveUp);
            assert_eq!(health.off(now), Some(Fault::Lost));
            assert!(!health.usable(now.after(rest / 2)));
            now = now.after(rest);
            assert_eq!((health.usable(now), health.off(now)), (true, None));
        }
        // One of before comes back while it is off.
        health.worked(Done::Other, now);
        assert_eq!(health.failed(Fault::Full, 0, now), Next::AfterMakingRoom);
        assert_eq!(health.failed(Fault::Full, 1, now), Next::GiveUp);
        // One of before comes back while it is off.
        health.worked(Done::Kept, now);
        assert_eq!(health.off(now), Some(Fault::Full));
        assert!(health.usable(now.after(Backoff::FIRST)));
    }

    #[test]
    fn that_something_can_be_read_does_not_say_that_there_is_room() {
        let mut health = Health::default();
        let mut now = START;
        let mut fill = |health: &mut Health, rest: u64| {
            assert_eq!(health.failed(Fault::Full, 0, now), Next::AfterMakingRoom);
            assert_eq!(health.failed(Fault::Full, 1, now), Next::GiveUp);
            assert!(!health.usable(now.after(Duration::from_secs(rest - 1))));
            now = now.after(Duration::from_secs(rest));
            assert!(health.usable(now));
            health.worked(Done::Other, now);
            now
        };
        fill(&mut health, 30);
        let now = fill(&mut health, 60);
        health.worked(Done::Kept, now);
        fill(&mut health, 30);
    }

    #[test]
    fn what_does_not_answer_is_not_waited_for_twice() {
        let mut health = Health::default();
        assert_eq!(health.failed(Fault::Silent, 0, START), Next::GiveUp);
        assert_eq!(health.off(START), Some(Fault::Silent));
        assert!(health.usable(START.after(Backoff::FIRST)));
    }

    #[test]
    fn what_must_be_done_is_tried_while_the_tier_is_off() {
        let mut health = Health::default();
        health.failed(Fault::Full, 1, START);
        assert!(!health.usable(START));
        assert_eq!(health.failed(Fault::Full, 0, START), Next::GiveUp);
        assert_eq!(Next::after(Fault::Full, 0), Next::AfterMakingRoom);
        assert_eq!(Next::after(Fault::Lost, 0), Next::Again);
        for (fault, attempt) in
            [(Fault::Full, 1), (Fault::Lost, 1), (Fault::Silent, 0), (Fault::Forbidden, 0)]
        {
            assert_eq!(Next::after(fault, attempt), Next::GiveUp);
        }
    }

    #[test]
    fn what_is_forbidden_is_not_asked_again() {
        let mut health = Health::default();
        assert_eq!(health.failed(Fault::Forbidden, 0, START), Next::GiveUp);
        assert!(!health.usable(START.after(Duration::from_secs(3_600_000))));
        assert_eq!(health.failed(Fault::Lost, 0, START), Next::GiveUp, "one that was under way");
        assert_eq!(health.off(START), Some(Fault::Forbidden));
    }

    proptest! {
        #[test]
        fn nothing_is_tried_more_than_twice(faults in prop::collection::vec((0..4_u8, 0..100_000_u64), 0..100)) {
            let mut health = Health::default();
            let mut now = START;
            for (fault, later) in faults {
                now = now.after(Duration::from_millis(later));
                let fault = [Fault::Forbidden, Fault::Full, Fault::Lost, Fault::Silent][usize::from(fault)];
                let usable = health.usable(now);
                let first = health.failed(fault, 0, now);
                let once = matches!(fault, Fault::Forbidden | Fault::Silent);
                prop_assert_eq!(first == Next::GiveUp, !usable || once);
                prop_assert_eq!(health.failed(fault, 1, now), Next::GiveUp);
                prop_assert_eq!(health.off(now).is_some(), !health.usable(now));
            }
        }
    }
}
