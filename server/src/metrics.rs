//! What the server tells of itself: `/metrics` as Prometheus reads it, `/status` as JSON. Names are those of `OpenTelemetry`
//! for servers, as Prometheus writes them.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, Opts, Registry, TextEncoder, core::Collector,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{App, answer::Refusal};

/// Seconds: those of the semantic conventions for HTTP.
const BUCKETS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

pub(crate) struct Metrics {
    registry: Registry,
    duration: HistogramVec,
    active: Gauge,
    processor: Gauge,
    memory: Gauge,
    connections: GaugeVec,
    connections_most: Gauge,
    level: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let gauge = |name, help| add(&registry, Gauge::new(name, help)?);
        let options =
            HistogramOpts::new("http_server_request_duration_seconds", "Duration of HTTP server requests.");
        let labels = ["http_request_method", "http_route", "http_response_status_code"];
        Ok(Self {
            duration: add(&registry, HistogramVec::new(options.buckets(BUCKETS.to_vec()), &labels)?)?,
            active: gauge("http_server_active_requests", "Requests of the API under way.")?,
            processor: gauge(
                "process_cpu_utilization_ratio",
                "Share of all processors that the process used.",
            )?,
            memory: gauge("process_memory_usage_bytes", "Bytes that the process has in memory.")?,
            connections: add(
                &registry,
                GaugeVec::new(
                    Opts::new("db_client_connection_count", "Connections of the pool by their state."),
                    &["db_client_connection_state"],
                )?,
            )?,
            connections_most: gauge("db_client_connection_max", "Connections that the pool may have.")?,
            level: gauge("sixlane_degradation_level", "What is given up: 0 is nothing.")?,
            registry,
        })
    }

    /// In the text format of Prometheus.
    fn text(&self, app: &App) -> Result<String, prometheus::Error> {
        let pool = app.database.pool();
        let [active, level] = [app.health.under_way(), app.health.level().into()].map(f64::from);
        self.active.set(active);
        self.level.set(level);
        let (processor, memory) = app.health.with_load(|load| (load.processor(), load.memory()));
        self.processor.set(processor);
        #[expect(clippy::cast_precision_loss, reason = "bytes of memory")]
        self.memory.set(memory as f64);
        for (state, count) in [("used", pool.active), ("idle", pool.idle)] {
            self.connections.with_label_values(&[state]).set(count.into());
        }
        self.connections_most.set(pool.most.into());
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

fn add<T: Collector + Clone + 'static>(registry: &Registry, metric: T) -> Result<T, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// `/metrics` and `/status`.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/metrics", get(metrics)).route("/status", get(status))
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    match app.metrics.text(&app) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => Refusal::internal(format!("metrics: {error}")).into_response(),
    }
}

async fn status(State(app): State<Arc<App>>) -> Json<Value> {
    let mut json = app.health.to_json();
    let pool = app.database.pool();
    json["pool"] = json!({
        "active": pool.active,
        "idle": pool.idle,
        "max": pool.most,
        "utilization": f64::from(pool.active) / f64::from(pool.most),
    });
    json["breaker"] = json!(app.guard.state());
    Json(json)
}

/// Measures a request of the API up to the head of its answer, what was ordered included: as its client sees it.
pub(crate) async fn measure(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut measured = Measured {
        metrics: &app.metrics,
        method: known(request.method()),
        route: request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned(),
        begun: Instant::now(),
        status: None,
    };
    let response = next.run(request).await;
    measured.status = Some(response.status());
    response
}

/// A request that is under way until this is dropped: without a status, where its client has left before.
struct Measured<'app> {
    metrics: &'app Metrics,
    method: &'static str,
    route: String,
    begun: Instant,
    status: Option<StatusCode>,
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        let labels = [self.method, &self.route, self.status.as_ref().map_or("", StatusCode::as_str)];
        self.metrics.duration.with_label_values(&labels).observe(self.begun.elapsed().as_secs_f64());
    }
}

/// Any other would be a label that clients choose.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "_OTHER",
    }
}
