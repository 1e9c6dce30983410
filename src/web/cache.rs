//! The cache, for JavaScript: it keeps the bodies, and what decides over them is here.
//!
//! A policy is handed over as six numbers, so that it can be kept beside a body in any storage: see [`words`].

use super::border::{Buffers, with_buffers};
use super::codes::{Head, HealthEvent, IndexEvent};
use super::convert::{self, wall};
use crate::cache::health::{Done, Fault, Health, Next};
use crate::cache::index::{EntryId, Index};
use crate::cache::policy::{self, Answer, Ask, Policy, Rule, Verdict};
use crate::cache::range::{self, Part};
use crate::option::span;
use crate::time::Time;
use wasm_bindgen::prelude::*;

/// Writes to the words what to keep beside an answer that was asked for and came at these times, in milliseconds since
/// 1970. Returns 1, or 0 when it is not to be kept.
///
/// The text of this length has the lines of [`Head`]. `ttl` and the other two are what the application says instead, in
/// milliseconds, or NaN.
#[wasm_bindgen]
pub fn policy_of(
    length: u32,
    status: u16,
    ttl: f64,
    stale_while_revalidate: f64,
    stale_if_error: f64,
    sent: f64,
    received: f64,
) -> u32 {
    let rule = rule(ttl, stale_while_revalidate, stale_if_error);
    let found = with_buffers(|buffers| {
        let (ask, answer, validator) = heads(buffers.lines(length), status);
        let policy = Policy::of(&ask, &answer, &rule, wall(sent), wall(received))?;
        policy.is_useful(validator).then(|| words(&policy))
    });
    with_buffers(|buffers| {
        found.map_or(0, |found| {
            buffers.write(&found);
            1
        })
    })
}

/// A request and its response, and whether this has a validator.
fn heads(lines: [Option<&str>; Head::ALL.len()], status: u16) -> (Ask<'_>, Answer<'_>, bool) {
    let line = |head: Head| lines[head as usize];
    let ask = Ask {
        method: line(Head::Method).unwrap_or("GET"),
        cache_control: line(Head::Wanted),
        pragma: line(Head::WantedPragma),
        fields: line(Head::Fields),
        partitioned: line(Head::Partitioned).is_some(),
    };
    let answer = Answer {
        status,
        cache_control: line(Head::CacheControl),
        pragma: line(Head::Pragma),
        expires: line(Head::Expires),
        date: line(Head::Date),
        age: line(Head::Age),
        last_modified: line(Head::LastModified),
        vary: line(Head::Vary),
    };
    (ask, answer, line(Head::ETag).is_some() || answer.last_modified.is_some())
}

/// Writes to the words what to keep beside a value that comes from the application: fresh for `ttl` milliseconds from now,
/// NaN for the default.
#[wasm_bindgen]
pub fn policy_of_value(ttl: f64, stale_while_revalidate: f64, stale_if_error: f64, now: f64) {
    let mut rule = rule(ttl, stale_while_revalidate, stale_if_error);
    rule.ttl = rule.ttl.or(Some(policy::VALUE_TTL));
    with_buffers(|buffers| buffers.write(&words(&Policy::of_value(&rule, wall(now)))));
}

/// Whether what is kept may answer now: the lower two bits are 0 for as it is, 1 for as it is while one asks again, 2 for
/// not before the origin was asked; 4 is added when it may stand in for an error. The first six are those of the policy;
/// the text of this length has the lines of [`Head`], as far as they are known.
#[wasm_bindgen]
#[expect(clippy::too_many_arguments, reason = "numbers cross into the module for next to nothing")]
pub fn verdict(
    lifetime: f64,
    initial_age: f64,
    received: f64,
    flags: f64,
    stale_while_revalidate: f64,
    stale_if_error: f64,
    now: f64,
    length: u32,
) -> u32 {
    let kept = of_words(&[lifetime, initial_age, received, flags, stale_while_revalidate, stale_if_error]);
    let now = wall(now);
    let judged = |ask: &Ask<'_>| {
        let answers = match kept.verdict(ask, now) {
            Verdict::Fresh => 0,
            Verdict::StaleWhileRevalidate => 1,
            Verdict::Validate => 2,
        };
        answers | if kept.stands_in(ask, now) { 4 } else { 0 }
    };
    if length == 0 {
        return judged(&Ask { method: "GET", ..Ask::default() });
    }
    with_buffers(|buffers| judged(&heads(buffers.lines(length), 0).0))
}

/// Writes to the text the names of the request's header fields that a response depends on, joined by commas. Returns the
/// length, -1 when it fits no other request. The text of this length has the lines of [`Head`], as far as they are known.
#[wasm_bindgen]
pub fn varies_on(length: u32) -> f64 {
    with_buffers(|buffers| {
        let (ask, answer, _) = heads(buffers.lines(length), 0);
        policy::varies_on(&ask, &answer).map_or(-1.0, |names| f64::from(buffers.write_text(&names)))
    })
}

/// Writes to the text the names of the header fields of a response that are not kept with it, in small letters, joined by
/// commas. Returns the length. The text has two lines: the fields `Connection` and `Cache-Control` of the response.
#[wasm_bindgen]
pub fn withheld(length: u32) -> u32 {
    with_buffers(|buffers| {
        let (connection, cache_control) = buffers.text(length).split_once('\n').unwrap_or_default();
        let names = policy::withheld(Some(connection), Some(cache_control));
        buffers.write_text(&names)
    })
}

/// What a request gets of a body of so many bytes; its field `Range` is the text of this length. Returns 0 and writes to the
/// words where the part begins and where it ends (the first byte that is no part of it); 1 when there is no such part
/// (status 416), 2 when the field asks for anything but one part, and the cache has no answer to it.
#[wasm_bindgen]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub fn range_of(length: u32, bytes: f64) -> u32 {
    with_buffers(|buffers| match range::part_of(buffers.text(length), bytes as u64) {
        Some(Part::Bytes(part)) => {
            buffers.write(&[convert::whole(part.start), convert::whole(part.end)]);
            0
        }
        Some(Part::Unsatisfiable) => 1,
        None => 2,
    })
}

/// See the core's function of that name. The method is the text of this length.
#[wasm_bindgen]
pub fn invalidates(length: u32, status: u16) -> bool {
    with_buffers(|buffers| policy::invalidates(buffers.text(length), status))
}

/// See the core's function of that name.
#[wasm_bindgen]
pub fn supersedes(status: u16) -> bool {
    policy::supersedes(status)
}

/// Whether a tier of storage is in use.
#[derive(Default)]
pub(super) struct TierHealth {
    health: Health,
}

impl TierHealth {
    pub(super) fn event(
        &mut self,
        code: u32,
        [a, b, c, _]: [f64; 4],
        now: Time,
        buffers: &mut Buffers,
    ) -> f64 {
        let health = &mut self.health;
        match HealthEvent::of(code) {
            Some(HealthEvent::Usable) => f64::from(u8::from(health.usable(now))),
            Some(HealthEvent::Off) => {
                let reason = match health.off(now) {
                    Some(Fault::Forbidden) => "it may not be used here",
                    Some(Fault::Full) => "there is no room left",
                    Some(Fault::Silent) => "it does not answer",
                    Some(Fault::Lost) => "it fails again and again",
                    None => "",
                };
                f64::from(buffers.write_text(reason))
            }
            Some(HealthEvent::Worked) => {
                health.worked(if a > 0.0 { Done::Kept } else { Done::Other }, now);
                0.0
            }
            Some(HealthEvent::Failed) => {
                let attempt = convert::count(a);
                let fault = match buffers.text(convert::count(c)) {
                    "SecurityError" | "NotSupportedError" | "NotAllowedError" | "VersionError" => {
                        Fault::Forbidden
                    }
                    "QuotaExceededError" | "NS_ERROR_DOM_QUOTA_REACHED" => Fault::Full,
                    "TimeoutError" => Fault::Silent,
                    _ => Fault::Lost,
                };
                let next = health.failed(fault, attempt, now);
                match if b > 0.0 { Next::after(fault, attempt) } else { next } {
                    Next::GiveUp => 0.0,
                    Next::Again => 1.0,
                    Next::AfterMakingRoom => 2.0,
                }
            }
            None => f64::NAN,
        }
    }
}

/// Which entries stay, and which go.
pub(super) struct CacheIndex {
    index: Index,
    gone: Vec<EntryId>,
}

impl CacheIndex {
    pub(super) fn new(most: u64) -> Self {
        Self { index: Index::new(most), gone: Vec::new() }
    }

    pub(super) fn event(&mut self, code: u32, [a, b, c, d]: [f64; 4], buffers: &Buffers) -> f64 {
        let Self { index, gone } = self;
        let (entry, hash) = (EntryId(convert::count(a)), convert::count(b));
        match IndexEvent::of(code) {
            Some(IndexEvent::Asked) => index.asked(convert::count(a)),
            Some(IndexEvent::Used) => index.used(entry),
            Some(IndexEvent::Hit) => {
                index.asked(hash);
                index.used(entry);
            }
            Some(IndexEvent::Put) => {
                let (until, now) = (of_words(buffers.words(0, 6)).useful_until(), wall(d));
                let bytes = convert::count(c);
                let kept = if a.is_nan() {
                    index.insert(hash, bytes, until, now, gone)
                } else {
                    index.replace(entry, bytes, until, now, gone)
                };
                return kept.map_or(f64::NAN, |EntryId(id)| f64::from(id));
            }
            Some(IndexEvent::Gone) => return gone.pop().map_or(-1.0, |EntryId(id)| f64::from(id)),
            Some(IndexEvent::Remove) => index.remove(entry),
            Some(IndexEvent::Most) => return convert::whole(index.most()),
            Some(IndexEvent::Bytes) => return convert::whole(index.bytes()),
            Some(IndexEvent::Evictions) => return convert::whole(index.evictions()),
            None => return f64::NAN,
        }
        0.0
    }
}

fn rule(ttl: f64, stale_while_revalidate: f64, stale_if_error: f64) -> Rule {
    let duration = |millis: f64| (!millis.is_nan()).then(|| span(millis));
    Rule {
        ttl: duration(ttl),
        stale_while_revalidate: duration(stale_while_revalidate),
        stale_if_error: duration(stale_if_error),
    }
}

/// Lifetime, initial age, when it was received, 1 for "always ask first" and 2 for "never when it is stale", how long it may
/// be given while one asks again, and when that fails; all in milliseconds.
fn words(policy: &Policy) -> [f64; 6] {
    let flags = u8::from(policy.always_validate) + 2 * u8::from(policy.must_revalidate);
    [
        convert::millis(policy.lifetime),
        convert::millis(policy.initial_age),
        convert::whole(policy.received.as_millis()),
        f64::from(flags),
        convert::millis(policy.stale_while_revalidate),
        convert::millis(policy.stale_if_error),
    ]
}

/// The policy of [`words`]. Whatever lies in storage may have been changed there: what is missing is 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn of_words(words: &[f64]) -> Policy {
    let word = |place: usize| words.get(place).copied().unwrap_or_default();
    let flags = word(3) as u8;
    Policy {
        lifetime: span(word(0)),
        initial_age: span(word(1)),
        received: wall(word(2)),
        always_validate: flags & 1 != 0,
        must_revalidate: flags & 2 != 0,
        stale_while_revalidate: span(word(4)),
        stale_if_error: span(word(5)),
    }
}
