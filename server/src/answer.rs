//! What all the routes share: reading the query, and saying no in JSON.

use std::{borrow::Cow, fmt::Display, ops::RangeInclusive};

use axum::{
    Json,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// Seconds after which who was turned away may come back.
const SPREAD: RangeInclusive<u32> = 1..=4;

/// A refused request: a status and a reason, with the name of the field that is wrong where there is one.
#[derive(Debug, PartialEq)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: String,
    field: Option<String>,
    /// It says when to come back.
    temporary: bool,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), field: None, temporary: false }
    }

    pub(crate) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// The server has no room for it now; when to come back is spread, so that not everybody does at once.
    pub(crate) fn unavailable(error: impl Into<String>) -> Self {
        Self { temporary: true, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, error) }
    }

    pub(crate) fn internal(error: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error)
    }

    pub(crate) fn not_found(error: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    /// A field whose value is out of its range; `value` is shown as it came.
    pub(crate) fn field(name: &str, range: impl Display, value: impl Display) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: format!("{name} must be {range}, got {value}"),
            field: Some(name.to_owned()),
            temporary: false,
        }
    }

    /// Its status, and its body as JSON.
    pub(crate) fn into_parts(self) -> (StatusCode, Value) {
        let body = match self.field {
            Some(field) => json!({ "error": self.error, "field": field }),
            None => json!({ "error": self.error }),
        };
        (self.status, body)
    }

    /// The reason, for those who want to add to it.
    #[cfg(test)]
    pub(crate) fn error(&self) -> &str {
        &self.error
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let temporary = self.temporary;
        let (status, body) = self.into_parts();
        let mut response = (status, Json(body)).into_response();
        if temporary {
            response.headers_mut().insert(header::RETRY_AFTER, fastrand::u32(SPREAD).into());
        }
        response
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        let text = format!("database: {error}");
        if matches!(error, sqlx::Error::PoolTimedOut) {
            Self::unavailable(text)
        } else {
            Self::internal(text)
        }
    }
}

/// The query of a request, decoded. Of a name that comes twice the last one counts.
pub(crate) struct Params<'uri>(Vec<(Cow<'uri, str>, Cow<'uri, str>)>);

impl<'uri> Params<'uri> {
    pub(crate) fn of(uri: &'uri Uri) -> Self {
        Self(form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    /// Whether a switch is on: `name=1` or `name=0`, all else is refused.
    pub(crate) fn switch(&self, name: &str, default: bool) -> Result<bool, Refusal> {
        match self.get(name) {
            None => Ok(default),
            Some("0") => Ok(false),
            Some("1") => Ok(true),
            Some(other) => Err(Refusal::field(name, "0 or 1", other)),
        }
    }

    /// A whole number in a range, where it is given.
    pub(crate) fn whole(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, Refusal> {
        self.get(name).map(|text| whole(name, text, range)).transpose()
    }
}

/// Reads a whole number in a range.
pub(crate) fn whole(name: &str, text: &str, range: RangeInclusive<u64>) -> Result<u64, Refusal> {
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
        Refusal::field(name, format_args!("a whole number from {} to {}", range.start(), range.end()), text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_equal_names_counts_and_is_decoded() {
        let uri = Uri::from_static("/api/echo?a=1&a=x%20y&b");
        let params = Params::of(&uri);
        assert_eq!(params.get("a"), Some("x y"));
        assert_eq!(params.get("b"), Some(""));
        assert_eq!(params.get("c"), None);
    }

    #[test]
    fn numbers_are_checked_at_both_ends() {
        assert_eq!(whole("n", "3", 3..=5), Ok(3));
        assert_eq!(whole("n", "5", 3..=5), Ok(5));
        for wrong in ["2", "6", "-4", "4.0", "", "x"] {
            let refusal = whole("n", wrong, 3..=5).unwrap_err();
            assert_eq!(refusal.error(), format!("n must be a whole number from 3 to 5, got {wrong}"));
        }
    }

    #[test]
    fn switches_are_0_or_1() {
        let uri = Uri::from_static("/?on=1&off=0&odd=yes");
        let params = Params::of(&uri);
        assert_eq!(params.switch("on", false), Ok(true));
        assert_eq!(params.switch("off", true), Ok(false));
        assert_eq!(params.switch("missing", false), Ok(false));
        assert_eq!(params.switch("missing", true), Ok(true));
        assert!(params.switch("odd", true).is_err());
    }
}
