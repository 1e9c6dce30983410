//! The control routes: faults for all requests at once, and the observations.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, Uri},
    routing::get,
};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::{
    App,
    answer::{Params, Refusal},
    faults::{Faults, Outage},
};

/// The longest outage, in seconds.
const MAX_OUTAGE: f64 = 3_600.0;

#[derive(Clone, Debug, Default)]
struct Settings {
    faults: Faults,
    outage_until: Option<Instant>,
    outage_mode: Outage,
    database_held_until: Option<Instant>,
}

impl Settings {
    /// Takes over the given fields and leaves the others; `null` sets one back.
    fn apply(&mut self, fields: &Map<String, Value>) -> Result<(), Refusal> {
        for (name, value) in fields {
            match name.as_str() {
                "outage" => self.outage_until = Some(until(name, value)?),
                "databaseHeld" => self.database_held_until = Some(until(name, value)?),
                "outageMode" => {
                    self.outage_mode = match value {
                        Value::Null => Outage::default(),
                        value if value == "503" => Outage::Answer,
                        value if value == "drop" => Outage::Drop,
                        other => return Err(Refusal::field(name, r#""503" or "drop""#, other)),
                    };
                }
                fault if Faults::NAMES.contains(&fault) => {
                    let text = value.to_string();
                    self.faults.set(fault, (!value.is_null()).then_some(&text))?;
                }
                _ => {
                    let names = Faults::NAMES.join(", ");
                    let range =
                        format_args!("left out: the fields are {names}, outage, outageMode and databaseHeld");
                    return Err(Refusal::field(name, range, value));
                }
            }
        }
        Ok(())
    }

    fn outage_left(&self) -> Option<Duration> {
        left(self.outage_until).filter(|left| !left.is_zero())
    }

    fn to_json(&self) -> Value {
        let mut json = self.faults.to_json();
        json["outage"] = json!(self.outage_left().unwrap_or_default().as_secs_f64());
        json["outageMode"] = json!(self.outage_mode.name());
        json["databaseHeld"] = json!(left(self.database_held_until).unwrap_or_default().as_secs_f64());
        json
    }
}

/// The moment so many seconds from now; `null` is none.
fn until(name: &str, value: &Value) -> Result<Instant, Refusal> {
    let seconds = if value.is_null() { Some(0.0) } else { value.as_f64() };
    let seconds = seconds.filter(|seconds| (0.0..=MAX_OUTAGE).contains(seconds));
    let refusal = || Refusal::field(name, format_args!("a number from 0 to {MAX_OUTAGE}"), value);
    Ok(Instant::now() + Duration::from_secs_f64(seconds.ok_or_else(refusal)?))
}

fn left(until: Option<Instant>) -> Option<Duration> {
    until.map(|until| until.saturating_duration_since(Instant::now()))
}

/// The faults that hold for all requests.
#[derive(Default)]
pub(crate) struct Control(Mutex<Settings>);

impl Control {
    fn lock(&self) -> MutexGuard<'_, Settings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The faults, and the outage if there is one at this moment.
    pub(crate) fn now(&self) -> (Faults, Option<Outage>) {
        let settings = self.lock();
        (settings.faults.clone(), settings.outage_left().map(|_| settings.outage_mode))
    }
}

/// `/control` and `/control/stats`.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/control", get(read).put(change).delete(reset))
        .route("/control/stats", get(stats).delete(forget))
}

async fn read(State(app): State<Arc<App>>) -> Json<Value> {
    let mut json = app.control.lock().to_json();
    json["breaker"] = json!(app.guard.state());
    Json(json)
}

async fn change(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<Value>, Refusal> {
    let fields: Map<String, Value> = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad_request(format!("the body must be a JSON object: {error}")))?;
    let held = {
        let mut settings = app.control.lock();
        // All or nothing: a refused change leaves no half of itself.
        let mut changed = settings.clone();
        changed.apply(&fields)?;
        *settings = changed;
        fields.contains_key("databaseHeld").then(|| left(settings.database_held_until).unwrap_or_default())
    };
    if let Some(time) = held {
        app.database.hold(time).await;
    }
    Ok(read(State(app)).await)
}

async fn reset(State(app): State<Arc<App>>) -> Json<Value> {
    *app.control.lock() = Settings::default();
    app.database.hold(Duration::ZERO).await;
    read(State(app)).await
}

async fn stats(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Value>, Refusal> {
    let params = Params::of(&uri);
    let order = params.switch("order", false)?;
    Ok(Json(app.stats.report(params.get("run").unwrap_or_default(), order)))
}

async fn forget(State(app): State<Arc<App>>, uri: Uri) -> StatusCode {
    app.stats.forget(Params::of(&uri).get("run").unwrap_or_default());
    StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(settings: &mut Settings, fields: &Value) -> Result<(), Refusal> {
        settings.apply(fields.as_object().unwrap())
    }

    #[test]
    fn a_refusal_names_field_range_and_value() {
        for (fields, error) in [
            (json!({ "delay": -1 }), "delay must be a whole number from 0 to 600000, got -1"),
            (json!({ "delay": "5" }), "delay must be a whole number from 0 to 600000, got \"5\""),
            (json!({ "failShare": 1.5 }), "failShare must be a number from 0 to 1, got 1.5"),
            (json!({ "failStatus": 200 }), "failStatus must be a whole number from 400 to 599, got 200"),
            (json!({ "retryAfter": 86_401 }), "retryAfter must be a whole number from 0 to 86400, got 86401"),
            (json!({ "size": 67_108_865 }), "size must be a whole number from 0 to 67108864, got 67108865"),
            (json!({ "slow": true }), "slow must be a whole number from 0 to 600000, got true"),
            (json!({ "outage": 3601 }), "outage must be a number from 0 to 3600, got 3601"),
            (json!({ "databaseHeld": "1" }), "databaseHeld must be a number from 0 to 3600, got \"1\""),
            (json!({ "outageMode": "x" }), "outageMode must be \"503\" or \"drop\", got \"x\""),
            (
                json!({ "dealy": 1 }),
                "dealy must be left out: the fields are delay, failShare, failStatus, retryAfter, size, slow, \
                 outage, outageMode and databaseHeld, got 1",
            ),
        ] {
            let refusal = apply(&mut Settings::default(), &fields).unwrap_err();
            assert_eq!(refusal.error(), error);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_ends_by_itself() {
        let mut settings = Settings::default();
        apply(&mut settings, &json!({ "outage": 2, "outageMode": "drop" })).unwrap();
        assert_eq!(settings.to_json()["outage"], 2.0);
        tokio::time::advance(Duration::from_millis(1_999)).await;
        assert!(settings.outage_left().is_some());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(settings.outage_left().is_none());
    }

    #[test]
    fn fields_that_are_left_out_stay_and_null_sets_back() {
        let mut settings = Settings::default();
        apply(&mut settings, &json!({ "delay": 5, "size": 9, "failShare": 0.5 })).unwrap();
        apply(&mut settings, &json!({ "size": null, "slow": 3 })).unwrap();
        let json = settings.to_json();
        assert_eq!((&json["delay"], &json["slow"], &json["size"]), (&json!(5), &json!(3), &Value::Null));
        assert_eq!(json["failShare"], 0.5);
    }
}
