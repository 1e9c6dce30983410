//! What does not come in time.

use crate::database::named;
use gloo_timers::future::TimeoutFuture;
use js_sys::Promise;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// Settles as what has begun does, which goes on in any case: in `WebKit` a transaction that is broken off may hold others up.
///
/// # Errors
///
/// As a promise: with a `TimeoutError` when it takes longer than so many milliseconds.
#[wasm_bindgen(js_name = withTimeout)]
pub async fn with_timeout(limit: u32, begun: Promise) -> Result<JsValue, JsValue> {
    let (mut begun, mut over) = (JsFuture::from(begun), TimeoutFuture::new(limit));
    poll_fn(|context| match Pin::new(&mut begun).poll(context) {
        Poll::Pending => {
            Pin::new(&mut over).poll(context).map(|()| Err(named("TimeoutError", "no answer in time")))
        }
        ended @ Poll::Ready(_) => ended,
    })
    .await
}
