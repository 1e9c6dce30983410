//! The routes of the API: seeded data, and answers that are as asked for.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes, HttpBody},
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use http_body::Frame;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::{
    App,
    answer::{Params, Refusal, whole},
    batch,
    breaker::{self, Guard},
    database::{Database, ITEMS, Item, PAGES, User},
    input::{no_item, number, read},
};

/// How many items are recommended.
const RECOMMENDED: i64 = 10;
/// The longest time between two events, in milliseconds.
const MAX_EVERY: u64 = 3_600_000;

/// All that is under `/api`. What asks the database is behind its guard.
pub(crate) fn routes(guard: Arc<Guard>) -> Router<Arc<App>> {
    let of_database = Router::new()
        .route("/api/data/{id}", get(data))
        .route("/api/data/page/{page}", get(page))
        .route("/api/users/{id}", get(user))
        .route("/api/user/profile", get(profile))
        .route("/api/recommendations", get(recommendations))
        .route("/api/batch", post(batch::batch))
        .route_layer(from_fn_with_state(guard, breaker::guard));
    of_database
        .route("/api/login", post(login))
        .route("/api/analytics", post(analytics))
        .route("/api/events", get(events))
        .route("/api/echo", any(echo))
        .route("/api/redirect", get(redirect))
        .route("/api/status/{code}", any(status))
        .route("/api", any(unknown))
        .route("/api/{*rest}", any(unknown))
}

async fn data(State(app): State<Arc<App>>, Path(key): Path<String>) -> Result<Json<Item>, Refusal> {
    let item = match number(&key) {
        Some(id) => app.database.item(id).await?,
        None => None,
    };
    item.map(Json).ok_or_else(|| no_item(&key))
}

async fn page(State(app): State<Arc<App>>, Path(page): Path<String>) -> Result<Json<Value>, Refusal> {
    let page = whole("page", &page, 1..=u64::MAX)?;
    if page > PAGES {
        return Err(Refusal::not_found(format!("there is no page {page}, the last one is {PAGES}")));
    }
    let items = app.database.page(page).await?;
    Ok(Json(json!({ "page": page, "pages": PAGES, "total": ITEMS, "items": items })))
}

async fn user(State(app): State<Arc<App>>, Path(key): Path<String>) -> Result<Json<User>, Refusal> {
    let user = match number(&key) {
        Some(id) => app.database.user(id).await?,
        None => None,
    };
    user.map(Json).ok_or_else(|| Refusal::not_found(format!("there is no user {key}")))
}

async fn profile(state: State<Arc<App>>) -> Result<Json<User>, Refusal> {
    user(state, Path("1".to_owned())).await
}

async fn recommendations(State(app): State<Arc<App>>) -> Result<Json<Value>, Refusal> {
    Ok(Json(recommended(&app.database).await?))
}

/// What is recommended to everybody.
pub(crate) async fn recommended(database: &Database) -> Result<Value, sqlx::Error> {
    Ok(json!({ "items": database.best(RECOMMENDED).await? }))
}

#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

async fn login(body: Bytes) -> Result<Json<Value>, Refusal> {
    let login: Login = read(&body, r#"{"user", "password"}"#)?;
    if login.user.is_empty() || login.password.is_empty() {
        return Err(Refusal::bad_request("user and password must not be empty"));
    }
    Ok(Json(json!({ "user": login.user, "token": format!("token-of-{}", login.user) })))
}

/// Takes anything: a beacon sends text.
async fn analytics(body: Bytes) -> (StatusCode, Json<Value>) {
    (StatusCode::ACCEPTED, Json(json!({ "accepted": body.len() })))
}

async fn events(uri: Uri) -> Result<Response, Refusal> {
    let params = Params::of(&uri);
    let every = params.whole("every", 1..=MAX_EVERY)?.unwrap_or(1_000);
    let mut timer = interval(Duration::from_millis(every));
    // A client that was slow gets no burst of events afterwards.
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ticks = Ticks { timer, sent: 0, count: params.whole("count", 0..=u64::MAX)? };
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], Body::new(ticks)).into_response())
}

/// Events, the first one at once.
struct Ticks {
    timer: Interval,
    sent: u64,
    count: Option<u64>,
}

impl HttpBody for Ticks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.count == Some(self.sent) {
            return Poll::Ready(None);
        }
        ready!(self.timer.poll_tick(context));
        self.sent += 1;
        let event = format!("id: {0}\ndata: {{\"tick\":{0}}}\n\n", self.sent);
        Poll::Ready(Some(Ok(Frame::data(event.into()))))
    }
}

/// Says back what came in.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Json<Value> {
    let mut named: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in &headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        // Lines of one name are one value, as the standard joins them.
        named
            .entry(name.as_str())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    Json(json!({
        "method": method.as_str(),
        "url": uri.path_and_query().map_or("", |line| line.as_str()),
        "path": uri.path(),
        "query": uri.query().unwrap_or_default(),
        "headers": named,
        "body": String::from_utf8_lossy(&body),
    }))
}

async fn redirect(uri: Uri) -> Result<Response, Refusal> {
    let params = Params::of(&uri);
    let to = params.get("to").ok_or_else(|| Refusal::bad_request("to must be given: where to go"))?;
    let to = HeaderValue::from_str(to)
        .map_err(|_| Refusal::field("to", "a URL of visible characters", format_args!("{to:?}")))?;
    let status = match params.get("status") {
        None | Some("302") => StatusCode::FOUND,
        Some("301") => StatusCode::MOVED_PERMANENTLY,
        Some("303") => StatusCode::SEE_OTHER,
        Some("307") => StatusCode::TEMPORARY_REDIRECT,
        Some("308") => StatusCode::PERMANENT_REDIRECT,
        Some(other) => return Err(Refusal::field("status", "301, 302, 303, 307 or 308", other)),
    };
    Ok((status, [(header::LOCATION, to)]).into_response())
}

async fn status(Path(code): Path<String>) -> Result<Response, Refusal> {
    let range = || Refusal::field("code", "a whole number from 200 to 599", &code);
    let status = code.parse().ok().filter(|code| (200..=599).contains(code));
    let status = status.and_then(|code| StatusCode::from_u16(code).ok()).ok_or_else(range)?;
    Ok(match status {
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED => {
            status.into_response()
        }
        _ => (status, Json(json!({ "status": status.as_u16() }))).into_response(),
    })
}

async fn unknown(uri: Uri) -> Refusal {
    Refusal::not_found(format!("there is no route {}", uri.path()))
}
