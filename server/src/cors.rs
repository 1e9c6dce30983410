//! Cross-origin answers: everything is allowed, unless a request says `cors=0`.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    App,
    answer::{Params, Refusal},
};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// With credentials a star means nothing, so what a page may want to read is also named.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("*, Allow, Date, Location, RateLimit, RateLimit-Policy, Retry-After");

const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");

/// Answers preflights and adds the headers that let a page of another origin read an answer.
///
/// A preflight gets no fault and is not among the requests of its run: the page did not send it.
pub(crate) async fn cors(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let params = Params::of(&uri);
    let read =
        || Ok((params.switch("cors", true)?, params.switch("tao", false)?, params.switch("expose", true)?));
    let (allowed, timing, exposed) = match read() {
        Ok(switches) => switches,
        Err(refusal) => return refuse(refusal, request.headers()),
    };
    let asked = request.headers().clone();
    let preflight =
        request.method() == Method::OPTIONS && asked.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if preflight {
        app.stats.preflight(params.get("run").unwrap_or_default());
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if allowed {
        allow(headers, &asked, preflight);
    }
    if !exposed {
        headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
    }
    if timing {
        headers.insert(TIMING_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}

/// A page should be able to read what is wrong with its request.
fn refuse(refusal: Refusal, asked: &HeaderMap) -> Response {
    let mut response = refusal.into_response();
    allow(response.headers_mut(), asked, false);
    response
}

fn allow(headers: &mut HeaderMap, asked: &HeaderMap, preflight: bool) {
    match asked.get(header::ORIGIN) {
        Some(origin) => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        None => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
    }
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    if preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        if let Some(names) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn without_an_origin_everybody_is_allowed() {
        let mut headers = HeaderMap::new();
        allow(&mut headers, &asked(&[]), false);
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }

    #[test]
    fn an_origin_is_named_with_credentials() {
        let mut headers = HeaderMap::new();
        let asked = asked(&[
            (header::ORIGIN, "http://localhost:1"),
            (header::ACCESS_CONTROL_REQUEST_HEADERS, "x-one, x-two"),
        ]);
        allow(&mut headers, &asked, true);
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "http://localhost:1");
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_HEADERS], "x-one, x-two");
        assert_eq!(headers[header::VARY], "Origin");
    }
}
