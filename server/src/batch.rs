//! Many items in one answer: as JSON by key when all are there, or a line for each as it gets ready.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Json,
    body::{Body, Bytes, HttpBody},
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use http_body::Frame;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::{
    App,
    answer::{Params, Refusal, whole},
    database::Item,
    faults::{MAX_MS, failed_on_order},
    input::{no_item, number, read},
    misbehave::Labels,
};

/// How many keys one batch may ask for.
const MAX_KEYS: u64 = 100;
const LINES: &str = "application/x-ndjson";

#[derive(Deserialize)]
struct Batch {
    keys: Vec<String>,
}

/// All that is ordered for single items.
struct Orders {
    max_keys: u64,
    late: BTreeMap<String, Duration>,
    failing: BTreeSet<String>,
    labels: Labels,
}

impl Orders {
    fn of(params: &Params<'_>) -> Result<Self, Refusal> {
        let listed = |name| {
            params.get(name).into_iter().flat_map(|text| text.split(',')).filter(|part| !part.is_empty())
        };
        let late = listed("late").map(|part| {
            let (key, time) = part
                .rsplit_once(':')
                .ok_or_else(|| Refusal::field("late", "like KEY:MS, with commas between", part))?;
            Ok((key.to_owned(), Duration::from_millis(whole("late", time, 0..=MAX_MS)?)))
        });
        Ok(Self {
            max_keys: params.whole("maxKeys", 1..=MAX_KEYS)?.unwrap_or(MAX_KEYS),
            late: late.collect::<Result<_, Refusal>>()?,
            failing: listed("failKeys").map(str::to_owned).collect(),
            labels: Labels::of(params)?,
        })
    }

    fn lateness(&self, key: &str) -> Duration {
        self.late.get(key).copied().unwrap_or_default()
    }
}

pub(crate) async fn batch(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let Batch { keys } = read(&body, r#"{"keys": ["7", …]}"#)?;
    let orders = Orders::of(&Params::of(&uri))?;
    if keys.len() as u64 > orders.max_keys {
        let error = format!("a batch has at most {} keys, got {}", orders.max_keys, keys.len());
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error));
    }
    let ids: Vec<i64> = keys.iter().filter_map(|key| number(key)).collect();
    let items = app.database.items(&ids).await?;
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if accepted.flat_map(|value| value.split([',', ';'])).any(|kind| kind.trim() == LINES) {
        Ok(lines(&keys, &items, &orders))
    } else {
        whole_answer(&keys, items, &orders).await
    }
}

/// There is no place for a failure of one in it, and it waits for the last.
async fn whole_answer(
    keys: &[String],
    items: BTreeMap<String, Item>,
    orders: &Orders,
) -> Result<Response, Refusal> {
    if let Some(latest) = keys.iter().map(|key| orders.lateness(key)).max() {
        sleep(latest).await;
    }
    if keys.iter().any(|key| orders.failing.contains(key)) {
        return Err(failed_on_order(StatusCode::INTERNAL_SERVER_ERROR));
    }
    Ok(Json(items).into_response())
}

/// In the order of its fields, as the route of the item writes it.
#[derive(Serialize)]
#[serde(untagged)]
enum Content<'items> {
    Item(&'items Item),
    Refusal(Value),
}

#[derive(Serialize)]
struct Line<'items> {
    key: &'items str,
    status: u16,
    headers: Value,
    body: Content<'items>,
}

impl<'items> Line<'items> {
    fn of(key: &'items str, items: &'items BTreeMap<String, Item>, orders: &Orders) -> Self {
        let refused = |refusal: Refusal| {
            let (status, body) = refusal.into_parts();
            (status, Content::Refusal(body))
        };
        let (status, body) = match items.get(key) {
            _ if orders.failing.contains(key) => refused(failed_on_order(StatusCode::INTERNAL_SERVER_ERROR)),
            Some(item) => (StatusCode::OK, Content::Item(item)),
            None => refused(no_item(key)),
        };
        let headers = orders.labels.of_json(status, &text(&body));
        Self { key, status: status.as_u16(), headers, body }
    }
}

/// What is made of numbers and strings can always be written.
fn text(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn lines(keys: &[String], items: &BTreeMap<String, Item>, orders: &Orders) -> Response {
    let mut by_lateness: BTreeMap<Duration, Vec<u8>> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for key in keys.iter().filter(|key| told.insert(key.as_str())) {
        let lines = by_lateness.entry(orders.lateness(key)).or_default();
        lines.extend(text(&Line::of(key, items, orders)));
        lines.push(b'\n');
    }
    // What is all there has a length, which lets a client go on before it has read it.
    if by_lateness.keys().all(Duration::is_zero) {
        let all: Vec<u8> = by_lateness.into_values().flatten().collect();
        return ([(header::CONTENT_TYPE, LINES)], all).into_response();
    }
    let start = Instant::now();
    let lines = by_lateness.into_iter().map(|(late, lines)| (start + late, lines.into()));
    ([(header::CONTENT_TYPE, LINES)], Body::new(Lines::new(lines.collect()))).into_response()
}

/// Lines, each of them at its time.
struct Lines {
    lines: VecDeque<(Instant, Bytes)>,
    timer: Pin<Box<Sleep>>,
}

impl Lines {
    fn new(lines: VecDeque<(Instant, Bytes)>) -> Self {
        let first = lines.front().map_or_else(Instant::now, |(at, _)| *at);
        Self { lines, timer: Box::pin(sleep_until(first)) }
    }
}

impl HttpBody for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.lines.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.timer.as_mut().poll(context));
        let Some((_, line)) = self.lines.pop_front() else { return Poll::Ready(None) };
        if let Some((next, _)) = self.lines.front().cloned() {
            self.timer.as_mut().reset(next);
        }
        Poll::Ready(Some(Ok(Frame::data(line))))
    }

    fn is_end_stream(&self) -> bool {
        self.lines.is_empty()
    }
}
