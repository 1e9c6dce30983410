//! The cache, for JavaScript: it keeps the bodies, and what decides over them is here.
//!
//! A policy is handed over as six numbers, so that it can be kept beside a body in any storage: see [`words`].

use super::{clock, convert, options};
use crate::cache::config::CacheConfig;
use crate::cache::date::Wall;
use crate::cache::health::{Done, Fault, Health, Next};
use crate::cache::index::{EntryId, Index};
use crate::cache::policy::{self, Answer, Ask, Policy, Rule, Verdict};
use crate::cache::range::{self, Part};
use wasm_bindgen::prelude::*;

/// What to keep beside an answer that was asked for and came at these times, in milliseconds since 1970; nothing when it
/// is not to be kept.
///
/// `head` has one line for each of: the method, `Cache-Control` of the request, the names of all header fields that its
/// caller set (joined by commas), a colon where the cache is that of a partition, then of the response `Cache-Control`, `Pragma`, `Expires`, `Date`, `Age`, `Last-Modified`,
/// `Vary`, `ETag`. A line is empty when there is no such field, and else begins with a colon. `ttl` and the other two are
/// what the application says instead, in milliseconds, or NaN.
#[wasm_bindgen(js_name = policyOf)]
pub fn policy_of(
    head: &str,
    status: u16,
    ttl: f64,
    stale_while_revalidate: f64,
    stale_if_error: f64,
    sent: f64,
    received: f64,
) -> Option<Vec<f64>> {
    let mut lines = head.split('\n').map(|line| line.strip_prefix(':'));
    let mut line = || lines.next().flatten();
    let ask = Ask {
        method: line().unwrap_or_default(),
        cache_control: line(),
        pragma: None,
        fields: line(),
        partitioned: line().is_some(),
    };
    let answer = Answer {
        status,
        cache_control: line(),
        pragma: line(),
        expires: line(),
        date: line(),
        age: line(),
        last_modified: line(),
        vary: line(),
    };
    let validator = line().is_some() || answer.last_modified.is_some();
    let rule = rule(ttl, stale_while_revalidate, stale_if_error);
    let policy = Policy::of(&ask, &answer, &rule, wall(sent), wall(received))?;
    policy.is_useful(validator).then(|| words(&policy))
}

/// What to keep beside a value that comes from the application: fresh for `ttl` milliseconds from now, NaN for the default.
#[wasm_bindgen(js_name = policyOfValue)]
pub fn policy_of_value(ttl: f64, stale_while_revalidate: f64, stale_if_error: f64, now: f64) -> Vec<f64> {
    let mut rule = rule(ttl, stale_while_revalidate, stale_if_error);
    rule.ttl = rule.ttl.or(Some(CacheConfig::VALUE_TTL));
    words(&Policy::of_value(&rule, wall(now)))
}

/// Whether what is kept may answer now: the lower two bits are 0 for as it is, 1 for as it is while one asks again, 2 for
/// not before the origin was asked; 4 is added when it may stand in for an error. The first six are those of the policy;
/// `wanted` has a line for `Cache-Control` and one for `Pragma` of the request, as in [`policy_of`].
#[wasm_bindgen]
#[expect(
    clippy::too_many_arguments,
    reason = "numbers cross into the module for next to nothing, an object does not"
)]
pub fn verdict(
    lifetime: f64,
    initial_age: f64,
    received: f64,
    flags: f64,
    stale_while_revalidate: f64,
    stale_if_error: f64,
    now: f64,
    wanted: &str,
) -> u32 {
    let kept = of_words(&[lifetime, initial_age, received, flags, stale_while_revalidate, stale_if_error]);
    let mut lines = wanted.split('\n').map(|line| line.strip_prefix(':'));
    let mut line = || lines.next().flatten();
    let ask = Ask { method: "GET", cache_control: line(), pragma: line(), ..Ask::default() };
    let now = wall(now);
    let answers = match kept.verdict(&ask, now) {
        Verdict::Fresh => 0,
        Verdict::StaleWhileRevalidate => 1,
        Verdict::Validate => 2,
    };
    answers | if kept.stands_in(&ask, now) { 4 } else { 0 }
}

/// The names of the request's header fields that a response with this field `Vary` depends on, joined by commas; nothing when
/// it fits no other request. `fields` are the names of those that the caller of this request set, joined by commas;
/// `partitioned`, whether the cache is that of a partition.
#[wasm_bindgen(js_name = variesOn)]
pub fn varies_on(vary: &str, fields: &str, partitioned: bool) -> Option<String> {
    let ask = Ask { fields: Some(fields), partitioned, ..Ask::default() };
    let mut joined = String::new();
    for name in policy::varies_on(&ask, &Answer { vary: Some(vary), ..Answer::default() })? {
        joined.push_str(&name);
        joined.push(',');
    }
    joined.pop();
    Some(joined)
}

/// The names of the header fields of a response that are not kept with it, in small letters, joined by commas. The two are
/// the fields `Connection` and `Cache-Control` of the response; empty where it has none.
#[wasm_bindgen]
pub fn withheld(connection: &str, cache_control: &str) -> String {
    policy::withheld(Some(connection), Some(cache_control))
}

/// What a request with this field `Range` gets of a body of so many bytes: where the part begins, and where it ends (the
/// first byte that is no part of it). Empty when there is no such part (status 416), nothing when the field asks for anything
/// but one part, and the cache has no answer to it.
#[wasm_bindgen(js_name = rangeOf)]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub fn range_of(range: &str, length: f64) -> Option<Vec<f64>> {
    Some(match range::part_of(range, length as u64)? {
        Part::Bytes(bytes) => vec![convert::whole(bytes.start), convert::whole(bytes.end)],
        Part::Unsatisfiable => Vec::new(),
    })
}

/// See the core's function of that name.
#[wasm_bindgen]
pub fn invalidates(method: &str, status: u16) -> bool {
    policy::invalidates(method, status)
}

/// See the core's function of that name.
#[wasm_bindgen]
#[expect(
    unreachable_pub,
    reason = "it is reached from JavaScript, and the macro says so only where texts are handed over"
)]
pub fn supersedes(status: u16) -> bool {
    policy::supersedes(status)
}

/// Checks what one call says about the cache.
///
/// # Errors
/// `RangeError` or `TypeError` that names the option.
#[wasm_bindgen(js_name = checkCacheRule)]
pub fn check_cache_rule(rule: &JsValue) -> Result<(), JsValue> {
    options::cache_rule("rule", rule)
}

/// Reads the options of `createCache`, or the option `cache` of `createFetch` with that as its path. Returns them with what
/// holds where they say nothing; see `CacheConfig` in `js/cache/store.ts`.
///
/// # Errors
/// `RangeError` or `TypeError` that names the option.
#[wasm_bindgen(js_name = cacheConfig)]
pub fn cache_config(path: &str, options: &JsValue) -> Result<JsValue, JsValue> {
    let config = options::cache_options(path, options)?;
    convert::cache_config(&config)
}

/// Whether a tier of storage is in use.
#[wasm_bindgen]
#[derive(Default)]
pub struct TierHealth {
    health: Health,
}

#[wasm_bindgen]
impl TierHealth {
    /// That of one in use.
    #[wasm_bindgen(constructor)]
    pub fn new() -> TierHealth {
        Self::default()
    }

    /// Whether it may be used now.
    #[wasm_bindgen(getter)]
    pub fn usable(&self) -> bool {
        self.health.usable(clock::now())
    }

    /// Why it is off, while it is.
    #[wasm_bindgen(getter)]
    pub fn off(&self) -> Option<String> {
        let reason = match self.health.off(clock::now())? {
            Fault::Forbidden => "it may not be used here",
            Fault::Full => "there is no room left",
            Fault::Silent => "it does not answer",
            Fault::Lost => "it fails again and again",
        };
        Some(reason.to_owned())
    }

    /// It did what it should; `kept`: it has kept something new.
    pub fn worked(&mut self, kept: bool) {
        self.health.worked(if kept { Done::Kept } else { Done::Other }, clock::now());
    }

    /// An attempt, counted from 0, failed with an error of that name; `must`: it is made whether the tier is off or not.
    /// Returns 0 for giving up, 1 for trying again, 2 for trying again after half was given up.
    pub fn failed(&mut self, name: &str, attempt: u32, must: bool) -> u32 {
        let fault = match name {
            "SecurityError" | "NotSupportedError" | "NotAllowedError" | "VersionError" => Fault::Forbidden,
            "QuotaExceededError" | "NS_ERROR_DOM_QUOTA_REACHED" => Fault::Full,
            "TimeoutError" => Fault::Silent,
            _ => Fault::Lost,
        };
        let next = self.health.failed(fault, attempt, clock::now());
        match if must { Next::after(fault, attempt) } else { next } {
            Next::GiveUp => 0,
            Next::Again => 1,
            Next::AfterMakingRoom => 2,
        }
    }
}

/// Who is kept, and who goes.
#[wasm_bindgen]
pub struct CacheIndex {
    index: Index,
    gone: Vec<EntryId>,
}

#[wasm_bindgen]
impl CacheIndex {
    /// An empty one that keeps at most so many bytes.
    #[wasm_bindgen(constructor)]
    pub fn new(most: f64) -> CacheIndex {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
        let most = most as u64;
        Self { index: Index::new(most), gone: Vec::new() }
    }

    /// Somebody asks for the key with this hash, whether it is kept or not.
    pub fn asked(&mut self, hash: u32) {
        self.index.asked(hash);
    }

    /// An entry answered.
    pub fn used(&mut self, id: u32) {
        self.index.used(EntryId(id));
    }

    /// Both: one crossing for the most frequent case.
    pub fn hit(&mut self, id: u32, hash: u32) {
        self.asked(hash);
        self.used(id);
    }

    /// Keeps an entry with this policy, in the place of the one with this id; NaN: under a key of which nothing is kept.
    /// Returns its id, NaN when it is too large; then ask [`gone`](Self::gone).
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    pub fn put(&mut self, id: f64, hash: u32, bytes: f64, policy: &[f64], now: f64) -> f64 {
        let (until, now, bytes) = (of_words(policy).useful_until(), wall(now), bytes as u32);
        let id = if id.is_nan() {
            self.index.insert(hash, bytes, until, now, &mut self.gone)
        } else {
            self.index.replace(EntryId(id as u32), bytes, until, now, &mut self.gone)
        };
        id.map_or(f64::NAN, |EntryId(id)| f64::from(id))
    }

    /// One that had to go since this was last asked.
    pub fn gone(&mut self) -> Option<u32> {
        self.gone.pop().map(|EntryId(id)| id)
    }

    /// Forgets an entry.
    pub fn remove(&mut self, id: u32) {
        self.index.remove(EntryId(id));
    }

    /// Bytes that it may keep.
    #[wasm_bindgen(getter)]
    pub fn most(&self) -> f64 {
        convert::whole(self.index.most())
    }

    /// Bytes kept.
    #[wasm_bindgen(getter)]
    pub fn bytes(&self) -> f64 {
        convert::whole(self.index.bytes())
    }

    /// How many went because there was no room.
    #[wasm_bindgen(getter)]
    pub fn evictions(&self) -> f64 {
        convert::whole(self.index.evictions())
    }
}

fn rule(ttl: f64, stale_while_revalidate: f64, stale_if_error: f64) -> Rule {
    let duration = |millis: f64| (!millis.is_nan()).then(|| convert::span(millis));
    Rule {
        ttl: duration(ttl),
        stale_while_revalidate: duration(stale_while_revalidate),
        stale_if_error: duration(stale_if_error),
    }
}

/// Lifetime, initial age, when it was received, 1 for "always ask first" and 2 for "never when it is stale", how long it may
/// be given while one asks again, and when that fails; all in milliseconds.
fn words(policy: &Policy) -> Vec<f64> {
    let flags = u8::from(policy.always_validate) + 2 * u8::from(policy.must_revalidate);
    vec![
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
        lifetime: convert::span(word(0)),
        initial_age: convert::span(word(1)),
        received: wall(word(2)),
        always_validate: flags & 1 != 0,
        must_revalidate: flags & 2 != 0,
        stale_while_revalidate: convert::span(word(4)),
        stale_if_error: convert::span(word(5)),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and fractions are nothing here"
)]
fn wall(millis: f64) -> Wall {
    Wall::from_millis(millis as u64)
}
