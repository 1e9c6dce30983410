//! The monotonic clock of a window or a worker.

use crate::time::Time;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

/// Now, since the page or the worker began.
pub(super) fn now() -> Time {
    Time::from_millis_f64(performance_now())
}
