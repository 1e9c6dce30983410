//! Batches, for JavaScript: it has the keys, their callers and the answers.

use super::codes::{BatchEvent, Division};
use super::convert;
use crate::batch::{BatchConfig, EndPoint, Next, Place, Windows};
use crate::priority::Priority;
use crate::time::Time;

/// The batches for one end point, in groups that JavaScript knows by number.
pub(super) struct Batches {
    windows: Windows,
    end_point: EndPoint,
}

impl Batches {
    pub(super) fn new(config: BatchConfig) -> Self {
        Self { windows: Windows::new(config), end_point: EndPoint::default() }
    }

    pub(super) fn event(&mut self, code: u32, [a, b, c, _]: [f64; 4], now: Time) -> f64 {
        let Self { windows, end_point } = self;
        let group = convert::count(a) as usize;
        let flag = |flag: bool| f64::from(u8::from(flag));
        match BatchEvent::of(code) {
            Some(BatchEvent::Add) => match windows.add(group, convert::count(b), urgency(c), now) {
                Place::Open { complete } => flag(complete),
                Place::Next { complete } => 2.0 + flag(complete),
                Place::Nowhere => -1.0,
            },
            Some(BatchEvent::Urge) => flag(windows.urge(group, urgency(b))),
            Some(BatchEvent::Remove) => {
                windows.remove(group, convert::count(b));
                0.0
            }
            Some(BatchEvent::Close) => {
                windows.close(group);
                0.0
            }
            Some(BatchEvent::Due) => windows.poll_due(now).map_or(-1.0, |group| f64::from(group as u32)),
            Some(BatchEvent::Wait) => {
                windows.poll_timeout().map_or(f64::NAN, |due| convert::millis(due.since(now)))
            }
            Some(BatchEvent::Most) => windows.most().map_or(f64::INFINITY, f64::from),
            Some(BatchEvent::Fits) => flag(windows.fits(a)),
            Some(BatchEvent::Answered) => {
                let keys = convert::count(a);
                let next = end_point.answered(keys, convert::count(b) as u16);
                if next == Next::Smaller {
                    windows.shrink(keys);
                }
                let division = match next {
                    Next::Divide => Division::Divide,
                    Next::Give => Division::Give,
                    Next::Smaller => Division::Smaller,
                    Next::Singly => Division::Singly,
                };
                f64::from(division as u8)
            }
            Some(BatchEvent::Read) => {
                if a > 0.0 {
                    end_point.read();
                } else {
                    end_point.unreadable(now);
                }
                0.0
            }
            Some(BatchEvent::Widen) => {
                windows.widen(a);
                0.0
            }
            Some(BatchEvent::Suspended) => flag(end_point.is_aside(now)),
            None => f64::NAN,
        }
    }
}

/// Judged when the call was made.
fn urgency(value: f64) -> Priority {
    Priority::new(value).unwrap_or(Priority::EMERGENCY)
}
