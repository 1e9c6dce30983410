//! The buffers through which numbers and texts cross, and the objects that JavaScript knows by number.

use super::batch::Batches;
use super::cache::{CacheIndex, TierHealth};
use super::codes::Kind;
use super::driver::Driver;
use super::options;
use super::policies::{CircuitBreaker, RateLimits, RetryPolicy};
use crate::option::{ConfigError, Number};
use crate::time::Time;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

/// What crosses. JavaScript reads and writes it between two calls.
#[derive(Default)]
pub(super) struct Buffers {
    pub(super) words: Vec<f64>,
    text: Vec<u8>,
}

impl Buffers {
    /// A number that JavaScript wrote.
    pub(super) fn word(&self, place: usize) -> f64 {
        self.words.get(place).copied().unwrap_or(f64::NAN)
    }

    /// Numbers that JavaScript wrote.
    pub(super) fn words(&self, from: usize, count: usize) -> &[f64] {
        let from = from.min(self.words.len());
        &self.words[from..from.saturating_add(count).min(self.words.len())]
    }

    /// Writes numbers for JavaScript.
    pub(super) fn write(&mut self, numbers: &[f64]) {
        self.room(numbers.len());
        self.words[..numbers.len()].copy_from_slice(numbers);
    }

    /// The text of so many bytes that JavaScript wrote.
    pub(super) fn text(&self, length: u32) -> &str {
        self.text.get(..length as usize).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// Writes a text for JavaScript. Returns its length.
    pub(super) fn write_text(&mut self, text: &str) -> u32 {
        self.text.clear();
        self.text.extend_from_slice(text.as_bytes());
        text.len() as u32
    }

    /// The lines of a text of so many bytes, each empty where there is none, and else behind a colon.
    pub(super) fn lines<const N: usize>(&self, length: u32) -> [Option<&str>; N] {
        let mut all = [None; N];
        fill(&mut all, self.text(length));
        all
    }

    fn room(&mut self, count: usize) {
        if self.words.len() < count {
            self.words.resize(count, f64::NAN);
        }
    }
}

fn fill<'a>(all: &mut [Option<&'a str>], text: &'a str) {
    for (line, said) in all.iter_mut().zip(text.split('\n')) {
        *line = said.strip_prefix(':');
    }
}

enum Object {
    Scheduler(Box<Driver>),
    Batches(Box<Batches>),
    Retry(Box<RetryPolicy>),
    Breaker(Box<CircuitBreaker>),
    RateLimits(Box<RateLimits>),
    CacheIndex(Box<CacheIndex>),
    Health(Box<TierHealth>),
}

#[derive(Default)]
struct Border {
    buffers: Buffers,
    objects: Vec<Option<Object>>,
}

thread_local! {
    static BORDER: RefCell<Border> = RefCell::default();
}

fn with<R>(act: impl FnOnce(&mut Border) -> R) -> R {
    BORDER.with_borrow_mut(act)
}

/// The same for what needs the buffers alone.
pub(super) fn with_buffers<R>(act: impl FnOnce(&mut Buffers) -> R) -> R {
    with(|border| act(&mut border.buffers))
}

/// Where at least so many numbers have their place.
#[wasm_bindgen]
pub fn words(count: usize) -> *const f64 {
    with_buffers(|buffers| {
        buffers.room(count);
        buffers.words.as_ptr()
    })
}

/// Where at least so many bytes of text have their place.
#[wasm_bindgen]
pub fn text(length: usize) -> *const u8 {
    with_buffers(|buffers| {
        if buffers.text.len() < length {
            buffers.text.resize(length, 0);
        }
        buffers.text.as_ptr()
    })
}

/// Writes to the text what an option may be. Returns the length.
#[wasm_bindgen]
pub fn range(option: u32) -> u32 {
    with_buffers(|buffers| buffers.write_text(Number::of(option).map_or("", |option| option.range().text)))
}

/// Opens an object of a [`Kind`] with the options in the words, and after them statuses of a list and the numbers of rules. Returns its number, or -1 less the number of an option that is out of its range, and that value
/// is the first of the words then.
#[wasm_bindgen]
pub fn open(kind: u32) -> f64 {
    with(|Border { buffers, objects }| {
        let object = match make(kind, buffers) {
            Ok(Some(object)) => object,
            Ok(None) => return 0.0,
            Err(error) => {
                buffers.write(&[error.value]);
                return -1.0 - f64::from(error.option as u32);
            }
        };
        let place = objects.iter().position(Option::is_none).unwrap_or(objects.len());
        if place == objects.len() {
            objects.push(None);
        }
        objects[place] = Some(object);
        f64::from(place as u32)
    })
}

fn make(kind: u32, buffers: &mut Buffers) -> Result<Option<Object>, ConfigError> {
    let options = options::said(buffers)?;
    let Some(kind) = Kind::of(kind) else { return Ok(None) };
    Ok(Some(match kind {
        Kind::Requests => Object::Scheduler(Box::new(Driver::new(&options::of_requests(&options, buffers)?))),
        Kind::Tasks => Object::Scheduler(Box::new(Driver::new(&crate::config::Config::for_tasks(&options)))),
        Kind::Batches => Object::Batches(Box::new(Batches::new(crate::batch::BatchConfig::of(&options)))),
        Kind::Batcher => Object::Batches(Box::new(Batches::new(crate::batch::BatchConfig::alone(&options)))),
        Kind::Retry => {
            let config = options::retry(&options, buffers);
            Object::Retry(Box::new(RetryPolicy::new(config, options.get(Number::Seed))))
        }
        Kind::Breaker => Object::Breaker(Box::new(CircuitBreaker::new(&options))),
        Kind::RateLimits => Object::RateLimits(Box::new(RateLimits::new(&options)?)),
        Kind::CacheIndex => {
            buffers.write(&options::held(&options));
            Object::CacheIndex(Box::new(CacheIndex::new(options.bytes(Number::MemoryBytes))))
        }
        Kind::Health => Object::Health(Box::default()),
        Kind::Judged => {
            buffers.write(&options::held(&options));
            return Ok(None);
        }
    }))
}

/// Forgets an object.
#[wasm_bindgen]
pub fn close(object: usize) {
    with(|border| border.objects.get_mut(object).map(Option::take));
}

/// Something happens to an object, in milliseconds of `performance.now()`. What the code and the numbers mean, and what
/// is returned, says the list of the object's kind in [`codes`](super::codes). What is unknown does nothing.
#[wasm_bindgen]
pub fn event(object: usize, code: u32, now: f64, a: f64, b: f64, c: f64, d: f64) -> f64 {
    with(|Border { buffers, objects }| {
        let Some(Some(object)) = objects.get_mut(object) else { return f64::NAN };
        let (now, numbers) = (Time::from_millis_f64(now), [a, b, c, d]);
        match object {
            Object::Scheduler(driver) => driver.event(code, numbers, now, buffers),
            Object::Batches(batches) => batches.event(code, numbers, now),
            Object::Retry(policy) => policy.event(code, numbers, now),
            Object::Breaker(breaker) => breaker.event(code, numbers, now),
            Object::RateLimits(limits) => limits.event(code, numbers, now, buffers),
            Object::CacheIndex(index) => index.event(code, numbers, buffers),
            Object::Health(health) => health.event(code, numbers, now, buffers),
        }
    })
}
