//! Batches, for JavaScript: it has the keys, their callers and the answers.

use super::{clock, convert, options};
use crate::batch::{EndPoint, Next, Place, Windows};
use crate::priority::Priority;
use wasm_bindgen::prelude::*;

/// The batches for one end point, in groups that JavaScript knows by number.
#[wasm_bindgen]
pub struct Batches {
    windows: Windows,
    end_point: EndPoint,
}

#[wasm_bindgen]
impl Batches {
    /// Those of `createBatcher`.
    ///
    /// # Errors
    /// `RangeError` or `TypeError` that names the option.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<Batches, JsValue> {
        let windows = Windows::new(options::batcher_options(options)?);
        Ok(Self { windows, end_point: EndPoint::default() })
    }

    /// Those of one rule of `createFetch`.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    #[wasm_bindgen(js_name = ofRule)]
    pub fn of_rule(rule: &JsValue) -> Result<Batches, JsValue> {
        let windows = Windows::new(options::batch_rule("batch", rule)?);
        Ok(Self { windows, end_point: EndPoint::default() })
    }

    /// The place of a key that its group's batch does not have yet: 1 when that batch goes now, 2 when the one before it
    /// goes now and it begins another, 3 for both; 0 for neither, and -1 when there is no place for it.
    pub fn add(&mut self, group: usize, bytes: u32, priority: f64) -> i32 {
        match self.windows.add(group, bytes, urgency(priority), clock::now()) {
            Place::Open { complete } => i32::from(complete),
            Place::Next { complete } => 2 + i32::from(complete),
            Place::Nowhere => -1,
        }
    }

    /// Somebody else wants a key of this group's batch. Whether it goes now.
    pub fn urge(&mut self, group: usize, priority: f64) -> bool {
        self.windows.urge(group, urgency(priority))
    }

    /// Nobody wants a key of this group's batch any more.
    pub fn remove(&mut self, group: usize, bytes: u32) {
        self.windows.remove(group, bytes);
    }

    /// This group's batch goes now.
    pub fn close(&mut self, group: usize) {
        self.windows.close(group);
    }

    /// A group whose batch has waited long enough, and goes now; ask again until there is none.
    pub fn due(&mut self) -> Option<usize> {
        self.windows.poll_due(clock::now())
    }

    /// Milliseconds until the next batch goes; NaN when none waits.
    pub fn wait(&mut self) -> f64 {
        self.windows.poll_timeout().map_or(f64::NAN, |due| convert::millis(due.since(clock::now())))
    }

    /// Keys that a batch may have.
    #[wasm_bindgen(getter)]
    pub fn most(&self) -> f64 {
        self.windows.most().map_or(f64::INFINITY, f64::from)
    }

    /// Whether a batch may have so many bytes.
    pub fn fits(&self, bytes: f64) -> bool {
        self.windows.fits(bytes)
    }

    /// What to do with the answer to a batch of so many keys: 0 to divide it, 1 to give it to each, 2 to ask for it in
    /// smaller parts, 3 to ask for each key.
    pub fn answered(&mut self, keys: u32, status: u16) -> u32 {
        match self.end_point.answered(keys, status) {
            Next::Divide => 0,
            Next::Give => 1,
            Next::Smaller => {
                self.windows.shrink(keys);
                2
            }
            Next::Singly => 3,
        }
    }

    /// Whether an answer could be read.
    pub fn read(&mut self, readable: bool) {
        if readable {
            self.end_point.read();
        } else {
            self.end_point.unreadable(clock::now());
        }
    }

    /// Whether the end point takes no batches now.
    #[wasm_bindgen(getter)]
    pub fn aside(&self) -> bool {
        self.end_point.is_aside(clock::now())
    }
}

/// Checked when the call was made.
fn urgency(value: f64) -> Priority {
    Priority::new(value).unwrap_or(Priority::EMERGENCY)
}
