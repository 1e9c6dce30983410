//! What can be ordered to go wrong, whoever orders it: a query or the control route.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{
    answer::{Refusal, whole},
    stats::WHOLE_SHARE,
};

/// The longest of all times that can be ordered, in milliseconds.
pub(crate) const MAX_MS: u64 = 600_000;
/// The longest `Retry-After`, in seconds.
const MAX_RETRY_AFTER: u64 = 86_400;
/// The biggest body that can be ordered.
const MAX_SIZE: u64 = 64 << 20;

/// The faults that both the query and the control route can set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Faults {
    pub(crate) delay: u64,
    /// In millionths.
    pub(crate) fail_share: u32,
    pub(crate) fail_status: StatusCode,
    pub(crate) retry_after: Option<u64>,
    pub(crate) size: Option<u64>,
    pub(crate) slow: u64,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            delay: 0,
            fail_share: 0,
            fail_status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: None,
            size: None,
            slow: 0,
        }
    }
}

impl Faults {
    /// The names, as they are in the query and in the control body.
    pub(crate) const NAMES: [&str; 6] = ["delay", "failShare", "failStatus", "retryAfter", "size", "slow"];

    /// Sets one fault from its text, which is the same in a query and in JSON; no text sets it back.
    pub(crate) fn set(&mut self, name: &str, text: Option<&str>) -> Result<(), Refusal> {
        let number = |range| text.map(|text| whole(name, text, range)).transpose();
        match name {
            "delay" => self.delay = number(0..=MAX_MS)?.unwrap_or_default(),
            "failShare" => self.fail_share = text.map(share).transpose()?.unwrap_or_default(),
            "failStatus" => {
                let status = number(400..=599)?.and_then(|code| StatusCode::from_u16(code as u16).ok());
                self.fail_status = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            }
            "retryAfter" => self.retry_after = number(0..=MAX_RETRY_AFTER)?,
            "size" => self.size = number(0..=MAX_SIZE)?,
            "slow" => self.slow = number(0..=MAX_MS)?.unwrap_or_default(),
            _ => return Err(Refusal::field(name, format_args!("one of {}", Self::NAMES.join(", ")), name)),
        }
        Ok(())
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "delay": self.delay,
            "failShare": f64::from(self.fail_share) / f64::from(WHOLE_SHARE),
            "failStatus": self.fail_status.as_u16(),
            "retryAfter": self.retry_after,
            "size": self.size,
            "slow": self.slow,
        })
    }

    /// The answer of a request that fails.
    pub(crate) fn failure(&self, status: StatusCode) -> Response {
        let mut response = failed_on_order(status).into_response();
        if let Some(seconds) = self.retry_after
            && matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
        {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

pub(crate) fn failed_on_order(status: StatusCode) -> Refusal {
    Refusal::new(status, "failed on order")
}

#[expect(clippy::cast_sign_loss, reason = "the share is from 0 to 1 here")]
fn share(text: &str) -> Result<u32, Refusal> {
    let share: Option<f64> = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    let share = share.ok_or_else(|| Refusal::field("failShare", "a number from 0 to 1", text))?;
    Ok((share * f64::from(WHOLE_SHARE)).round() as u32)
}

/// What an outage does to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Outage {
    /// It is answered with 503.
    #[default]
    Answer,
    /// Its connection is closed with no answer.
    Drop,
}

impl Outage {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Answer => "503",
            Self::Drop => "drop",
        }
    }
}
