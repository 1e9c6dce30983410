//! Faults on order: what a request asks for in its query goes over what the control route has set.

use std::{
    hash::{DefaultHasher, Hasher},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::{Body, HttpBody, to_bytes},
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    App,
    answer::{Params, Refusal},
    bodies::{Slow, Unsaid, resized},
    faults::{Faults, Outage},
    listen::CloseConnection,
    stats::{Flight, Observed},
};

/// The longest `max-age`, in seconds: a year.
const MAX_AGE: u64 = 31_536_000;
/// The biggest body that is taken in.
const MAX_REQUEST_BODY: usize = 16 << 20;

/// All that is ordered for one request.
struct Orders {
    faults: Faults,
    drop: bool,
    length: bool,
    labels: Labels,
    /// The tags that the client has.
    has: Option<HeaderValue>,
}

impl Orders {
    fn of(mut faults: Faults, params: &Params<'_>) -> Result<Self, Refusal> {
        for name in Faults::NAMES {
            if let Some(text) = params.get(name) {
                faults.set(name, Some(text))?;
            }
        }
        Ok(Self {
            faults,
            drop: params.switch("drop", false)?,
            length: params.switch("length", false)?,
            labels: Labels::of(params)?,
            has: None,
        })
    }
}

/// What is ordered to be said of an answer to those who keep it.
pub(crate) struct Labels {
    cache: Option<HeaderValue>,
    vary: Option<HeaderValue>,
    clear: Option<HeaderValue>,
    etag: bool,
}

impl Labels {
    pub(crate) fn of(params: &Params<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            cache: match params.whole("cache", 0..=MAX_AGE)? {
                Some(seconds) => HeaderValue::try_from(format!("max-age={seconds}")).ok(),
                None => field(params, "cacheControl")?,
            },
            vary: field(params, "vary")?,
            clear: field(params, "clearSiteData")?,
            etag: params.switch("etag", false)?,
        })
    }

    /// The header fields of an answer in JSON, where it is a part of another one.
    pub(crate) fn of_json(&self, status: StatusCode, body: &[u8]) -> Value {
        let mut fields = json!({ "content-type": "application/json", "cache-control": "no-store" });
        if is_well(status) {
            for (name, value) in [("cache-control", &self.cache), ("vary", &self.vary)] {
                if let Some(value) = value {
                    fields[name] = json!(String::from_utf8_lossy(value.as_bytes()));
                }
            }
            if self.etag {
                fields["etag"] = json!(tag_of(body));
            }
        }
        fields
    }
}

/// A failure that stays in a cache would outlive its order.
fn is_well(status: StatusCode) -> bool {
    !status.is_client_error() && !status.is_server_error()
}

/// The value of a header field, where it is given.
fn field(params: &Params<'_>, name: &str) -> Result<Option<HeaderValue>, Refusal> {
    let read = |text| HeaderValue::from_str(text).map_err(|_| Refusal::field(name, "a header's value", text));
    params.get(name).map(read).transpose()
}

/// Observes a request of the API and does to it what was ordered.
pub(crate) async fn api(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let params = Params::of(&uri);
    let line = uri.path_and_query().map_or("", |line| line.as_str());
    let flight = app.stats.begin(params.get("run").unwrap_or_default(), line);
    let is_head = request.method() == Method::HEAD;
    let mut response = perform(&app, &params, &flight, request, next).await;
    if response.extensions().get::<CloseConnection>().is_some() {
        flight.dropped();
        return response;
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if is_head {
        response = head_only(response);
    }
    flight.answered(response.status().as_u16());
    response.map(|body| Body::new(Observed::new(body, flight)))
}

async fn perform(app: &App, params: &Params<'_>, flight: &Flight, request: Request, next: Next) -> Response {
    let (faults, outage) = app.control.now();
    match outage {
        Some(Outage::Drop) => return close(),
        Some(Outage::Answer) => return faults.failure(StatusCode::SERVICE_UNAVAILABLE),
        None => {}
    }
    let mut orders = match Orders::of(faults, params) {
        Ok(orders) => orders,
        Err(refusal) => return refusal.into_response(),
    };
    // Decided before anything is awaited: the order of arrival alone says who fails.
    let fails = flight.fails(orders.faults.fail_share);
    // The body is read before the delay: with unread input a client that goes away would not be noticed.
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_REQUEST_BODY).await else {
        let error = format!("the body must be whole and have at most {MAX_REQUEST_BODY} bytes");
        return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error).into_response();
    };
    let is_head = head.method == Method::HEAD;
    orders.has = head.headers.get(header::IF_NONE_MATCH).cloned();
    if orders.faults.delay > 0 {
        sleep(Duration::from_millis(orders.faults.delay)).await;
    }
    if orders.drop {
        return close();
    }
    let response = if fails {
        orders.faults.failure(orders.faults.fail_status)
    } else {
        next.run(Request::from_parts(head, Body::from(body))).await
    };
    shape(response, &orders, is_head).await
}

fn close() -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(CloseConnection);
    response
}

/// Takes the body away, which would never be sent and so never be done, and leaves what it says of its length.
fn head_only(mut response: Response) -> Response {
    if let Some(length) = response.body().size_hint().exact().filter(|length| *length > 0) {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    response.map(|_| Body::new(Unsaid))
}

/// Gives an answer the age, the size and the pace that were ordered.
async fn shape(mut response: Response, orders: &Orders, is_head: bool) -> Response {
    let status = response.status();
    let Labels { cache, vary, clear, etag } = &orders.labels;
    let well = is_well(status);
    let clear_site_data = HeaderName::from_static("clear-site-data");
    for (name, value) in [(header::CACHE_CONTROL, cache), (header::VARY, vary), (clear_site_data, clear)] {
        if let Some(value) = value.clone().filter(|_| well) {
            response.headers_mut().insert(name, value);
        }
    }
    let tagged = *etag && well;
    let bodiless =
        matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
    // A body of unknown length is an event stream, which has its own pace.
    let endless = response.body().size_hint().exact().is_none();
    let Faults { size, slow, .. } = orders.faults;
    if bodiless || endless || (size.is_none() && slow == 0 && !tagged) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let bytes = match to_bytes(body, usize::MAX).await {
        Ok(bytes) => size.map_or_else(|| bytes.clone(), |size| resized(&bytes, size as usize)),
        Err(error) => {
            return Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
        }
    };
    head.headers.remove(header::CONTENT_LENGTH);
    if tagged && let Ok(tag) = HeaderValue::try_from(tag_of(&bytes)) {
        let holds = orders.has.as_ref().is_some_and(|has| has == tag);
        head.headers.insert(header::ETAG, tag);
        if holds {
            head.status = StatusCode::NOT_MODIFIED;
            head.headers.remove(header::CONTENT_TYPE);
            return Response::from_parts(head, Body::empty());
        }
    }
    let body = match slow {
        // What is not sent cannot be slow.
        _ if is_head => Body::from(bytes),
        0 => Body::from(bytes),
        slow => Body::new(Slow::new(bytes, Duration::from_millis(slow), orders.length)),
    };
    Response::from_parts(head, body)
}

/// The same for the same bytes.
fn tag_of(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    format!("\"{:016x}\"", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_goes_over_the_control() {
        let mut faults = Faults::default();
        faults.set("delay", Some("5")).unwrap();
        faults.set("slow", Some("7")).unwrap();
        let uri = axum::http::Uri::from_static("/?delay=9&drop=1&failShare=0.25");
        let orders = Orders::of(faults, &Params::of(&uri)).unwrap();
        assert_eq!((orders.faults.delay, orders.faults.slow, orders.faults.fail_share), (9, 7, 250_000));
        assert!(orders.drop && !orders.length);
    }
}
