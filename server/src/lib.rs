//! The companion server of sixlane: seeded data to fetch, faults on order, and exact observations.
//!
//! It is one process with no outside needs: the database is embedded and made at the start. A test starts it
//! in process with [`build_router`], [`Listeners::bind`] and [`serve`].

mod answer;
mod api;
mod batch;
mod bodies;
mod breaker;
mod clock;
mod control;
mod cors;
mod database;
mod faults;
mod health;
mod input;
mod listen;
mod load;
mod metrics;
mod misbehave;
mod rate;
mod statics;
mod stats;

use std::{
    error::Error,
    fmt::{self, Display, Formatter},
    path::PathBuf,
    sync::Arc,
};

use axum::{
    Router,
    http::{StatusCode, Uri},
    middleware::from_fn_with_state,
};

use crate::{
    answer::Refusal, breaker::Guard, control::Control, database::Database, health::Health, metrics::Metrics,
    rate::Limits, stats::Stats,
};

pub use crate::{
    breaker::BreakerSetting,
    health::DegradationSetting,
    listen::{Listeners, serve, tls},
    rate::RateLimit,
    statics::Mount,
};

/// The database that is used when none is named.
pub const IN_MEMORY: &str = "sqlite::memory:";

/// What the server is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// The URL of the database: [`IN_MEMORY`], or `sqlite:path` to keep it.
    pub database: String,
    /// The folder that is served at `/`.
    pub site: Option<PathBuf>,
    /// More folders, each at its prefix.
    pub mounts: Vec<Mount>,
    /// What one client may do under `/api`.
    pub rate_limit: Option<RateLimit>,
    /// What spares a database in trouble.
    pub breaker: BreakerSetting,
    /// Whether it gives things up under pressure.
    pub degradation: DegradationSetting,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: IN_MEMORY.to_owned(),
            site: None,
            mounts: Vec::new(),
            rate_limit: None,
            breaker: BreakerSetting::default(),
            degradation: DegradationSetting::default(),
        }
    }
}

/// Why the server cannot start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The database cannot be opened or seeded.
    Database {
        /// Its URL.
        url: String,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A folder that is to be served does not exist.
    NoFolder(PathBuf),
    /// What it tells of itself cannot be named.
    Metrics(prometheus::Error),
    /// Two folders are to be served at one prefix.
    PrefixTwice(String),
}

impl Display for StartError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database { url, source } => write!(formatter, "cannot use the database {url}: {source}"),
            Self::NoFolder(folder) => write!(formatter, "{} is not a folder", folder.display()),
            Self::Metrics(error) => write!(formatter, "cannot measure: {error}"),
            Self::PrefixTwice(prefix) => write!(formatter, "the prefix {prefix} is mounted twice"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Database { source, .. } => Some(&**source),
            Self::Metrics(source) => Some(source),
            Self::NoFolder(_) | Self::PrefixTwice(_) => None,
        }
    }
}

/// What the routes share.
struct App {
    database: Database,
    guard: Arc<Guard>,
    control: Control,
    stats: Stats,
    health: Arc<Health>,
    metrics: Metrics,
}

/// Opens and seeds the database and puts all routes together.
///
/// # Errors
///
/// When the database or a folder cannot be used.
pub async fn build_router(config: &Config) -> Result<Router, StartError> {
    let database = Database::open(&config.database)
        .await
        .map_err(|source| StartError::Database { url: config.database.clone(), source })?;
    let guard = Arc::new(Guard::new(config.breaker));
    let database_error = |source| StartError::Database { url: config.database.clone(), source };
    let recommended = api::recommended(&database).await.map_err(|error| database_error(error.into()))?;
    let health = Health::new(config.degradation, recommended.to_string().into());
    let watched = Arc::clone(&guard);
    health.watch(move || watched.is_open());
    let app = Arc::new(App {
        database,
        guard: Arc::clone(&guard),
        control: Control::default(),
        stats: Stats::default(),
        health,
        metrics: Metrics::new().map_err(StartError::Metrics)?,
    });
    let mut api = api::routes(guard)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(&app), health::guard));
    if let Some(limit) = config.rate_limit {
        api = api.layer(from_fn_with_state(Arc::new(Limits::new(limit)), rate::limit));
    }
    // The last layer is the outermost: a preflight ends in `cors`, before it is counted or fails on order.
    let own = api
        .layer(from_fn_with_state(Arc::clone(&app), misbehave::api))
        .layer(from_fn_with_state(Arc::clone(&app), metrics::measure))
        .merge(control::routes().method_not_allowed_fallback(wrong_method))
        .layer(from_fn_with_state(Arc::clone(&app), cors::cors))
        // For those who run it: no other page is to read them.
        .merge(metrics::routes().method_not_allowed_fallback(wrong_method))
        .with_state(app)
        .fallback(nothing_here);
    statics::add(own, config.site.as_ref(), &config.mounts)
}

async fn wrong_method(uri: Uri) -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} has other methods", uri.path()))
}

async fn nothing_here(uri: Uri) -> Refusal {
    Refusal::not_found(format!("there is nothing at {}", uri.path()))
}
