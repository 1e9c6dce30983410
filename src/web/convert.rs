//! Values of the core as numbers, and back.

use super::codes::{Action as Code, Lost, Refused, Settled};
use crate::breaker::State;
use crate::cache::date::Wall;
use crate::degrade::Relief;
use crate::monitor::Change;
use crate::queue::CallId;
use crate::retry::Cause;
use crate::scheduler::{Action, Answer, Body, Outcome, Refusal, Released, Scheduler};
use crate::time::{Duration, Time};

/// An action: its code, the call or the lane it is about, and two numbers more.
pub(super) fn action(action: Action, core: &Scheduler, now: Time) -> [f64; 4] {
    let about = |id: CallId| id_number(id);
    let wait = |wait: Option<Duration>| wait.map_or(f64::NAN, millis);
    let (kind, subject, first, second) = match action {
        Action::Start(id, level) => (Code::Start, about(id), f64::from(level as u8), f64::NAN),
        Action::Preempt(id) => (Code::Preempt, about(id), f64::NAN, f64::NAN),
        Action::Reject(id, why) => {
            let reason = match why {
                Refusal::QueueFull => Refused::QueueFull,
                Refusal::Cleared => Refused::Cleared,
                Refusal::TimedOut => Refused::TimedOut,
                Refusal::Shed(after) => {
                    return [
                        f64::from(Code::Reject as u8),
                        about(id),
                        f64::from(Refused::Shed as u8),
                        millis(after),
                    ];
                }
                Refusal::CircuitOpen(lane) => {
                    let again = wait(core.retry_after(lane, now));
                    return [
                        f64::from(Code::Reject as u8),
                        about(id),
                        f64::from(Refused::CircuitOpen as u8),
                        again,
                    ];
                }
            };
            (Code::Reject, about(id), f64::from(reason as u8), f64::NAN)
        }
        Action::Expire(id) => (Code::Expire, about(id), f64::NAN, f64::NAN),
        Action::ReleaseSlot(id, why) => {
            (Code::ReleaseSlot, about(id), f64::from(u8::from(why == Released::Streams)), f64::NAN)
        }
        Action::Deliver(id, holds) => (Code::Deliver, about(id), f64::from(u8::from(holds)), f64::NAN),
        Action::Retry(id, delay) => (Code::Retry, about(id), millis(delay), f64::NAN),
        Action::Ask(id) => (Code::Ask, about(id), f64::NAN, f64::NAN),
        Action::GiveUp(id) => (Code::GiveUp, about(id), f64::NAN, f64::NAN),
        Action::Forget(lane) => (Code::Forget, f64::from(lane.0), f64::NAN, f64::NAN),
        Action::Pause(lane) => (Code::Pause, f64::from(lane.0), millis(core.paused_for(lane, now)), f64::NAN),
        Action::Breaker(lane, state) => {
            let again = wait(core.retry_after(lane, now));
            (Code::Breaker, f64::from(lane.0), f64::from(state_number(state)), again)
        }
        Action::Sample => (Code::Sample, 0.0, f64::NAN, f64::NAN),
        Action::Alert(alert) => {
            let kind = if alert.change == Change::Raised { Code::Alert } else { Code::Resolved };
            (kind, f64::from(alert.trigger as u8), alert.value, alert.threshold)
        }
        Action::Level(level) => {
            let relief = core.standing().map_or(Relief::NONE, |standing| standing.relief);
            (Code::Level, f64::from(level), millis(relief.stale()), relief.batches())
        }
    };
    [f64::from(kind as u8), subject, first, second]
}

/// A breaker's state: 0 closed, 1 open, 2 half-open, 3 isolated.
pub(super) const fn state_number(state: State) -> u8 {
    match state {
        State::Closed => 0,
        State::Open => 1,
        State::HalfOpen => 2,
        State::Isolated => 3,
    }
}

/// An id for JavaScript.
#[expect(clippy::cast_precision_loss, reason = "ids are below 2^48")]
pub(super) fn id_number(id: CallId) -> f64 {
    id.to_bits() as f64
}

/// An id back from JavaScript.
#[expect(clippy::cast_sign_loss, reason = "a float cast saturates; any number is an id, if of no call")]
pub(super) fn call_id(id: f64) -> CallId {
    CallId::from_bits(id as u64)
}

/// A count, a place or a number of bytes; what is none is 0.
#[expect(clippy::cast_sign_loss, reason = "a float cast saturates")]
pub(super) const fn count(value: f64) -> u32 {
    value as u32
}

/// What follows the headers: a length in bytes, -1 for nothing, -2 for a length that is not told, -3 for no end.
#[expect(clippy::cast_sign_loss, reason = "negative lengths are the three codes, checked before")]
pub(super) fn body(length: f64) -> Body {
    match length {
        -1.0 => Body::None,
        -3.0 => Body::Endless,
        length if length >= 0.0 => Body::Sized(length as u64),
        _ => Body::Unknown,
    }
}

/// How a call was settled.
pub(super) fn outcome(code: f64) -> Outcome {
    match Settled::of(count(code)) {
        Some(Settled::Completed) => Outcome::Completed,
        Some(Settled::Failed) => Outcome::Failed,
        Some(Settled::Unsent) => Outcome::Unsent,
        Some(Settled::Offline) => Outcome::Offline,
        Some(Settled::Cancelled) | None => Outcome::Cancelled,
    }
}

/// The head of a response.
pub(super) fn answer(status: f64, length: f64, pause: f64) -> Answer {
    Answer { status: count(status) as u16, body: body(length), retry_after: asked(pause) }
}

/// Why an attempt brought no response.
pub(super) fn cause(code: f64) -> Cause {
    match Lost::of(count(code)) {
        Some(Lost::Offline) => Cause::Offline,
        Some(Lost::NoResponse) | None => Cause::NoResponse,
    }
}

/// A pause that is asked for, in milliseconds; NaN for none.
pub(super) fn asked(millis: f64) -> Option<Duration> {
    (!millis.is_nan()).then(|| crate::option::span(millis))
}

/// A time for JavaScript.
pub(super) fn millis(time: Duration) -> f64 {
    time.as_millis_f64()
}

/// A yes or no for JavaScript.
pub(super) fn flag(flag: bool) -> f64 {
    f64::from(u8::from(flag))
}

/// A large count for JavaScript.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
pub(super) const fn whole(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and fractions are nothing here"
)]
pub(super) fn wall(millis: f64) -> Wall {
    Wall::from_millis(millis as u64)
}
