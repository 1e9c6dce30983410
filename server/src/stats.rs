//! What the server saw, counted for each run.
//!
//! A request is in flight from its arrival until its answer's body has been handed to the connection in full,
//! or the connection is gone. A [`Flight`] stands for that time: it travels with the request and then with the
//! body, and its drop ends the count on every way out.

use std::{
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use serde_json::{Value, json};

/// Above this many runs the one that was seen first is forgotten.
const MAX_RUNS: usize = 1_000;
/// How many lines of the order of arrival one run gets to see.
const MAX_ORDER: usize = 20_000;
/// What the lines of all runs together may take; the oldest lines go first.
const MAX_LOG_BYTES: usize = 64 << 20;
/// A longer request line is cut.
const MAX_LINE_BYTES: usize = 2_048;

/// Shares are counted in millionths: sums of them are exact.
pub(crate) const WHOLE_SHARE: u32 = 1_000_000;

#[derive(Default)]
struct Run {
    /// Tells a run from one of the same tag that was forgotten: its open flights must not count here.
    id: u64,
    seen: u64,
    in_flight: u64,
    peak: u64,
    aborted: u64,
    dropped: u64,
    preflights: u64,
    statuses: BTreeMap<u16, u64>,
    /// What of failed shares has added up; a request fails when that comes to a whole.
    failing: u32,
}

#[derive(Default)]
struct Registry {
    runs: BTreeMap<String, Run>,
    last_id: u64,
    /// One log for all runs, so that one limit bounds it: the run's id and the request line.
    log: VecDeque<(u64, Box<str>)>,
    log_bytes: usize,
}

impl Registry {
    fn run(&mut self, tag: &str) -> &mut Run {
        if !self.runs.contains_key(tag) {
            if self.runs.len() >= MAX_RUNS
                && let Some(oldest) =
                    self.runs.iter().min_by_key(|(_, run)| run.id).map(|(tag, _)| tag.clone())
            {
                self.runs.remove(&oldest);
            }
            self.last_id += 1;
        }
        let id = self.last_id;
        self.runs.entry(tag.to_owned()).or_insert_with(|| Run { id, ..Run::default() })
    }

    fn record(&mut self, id: u64, line: &str) {
        let line: Box<str> = line[..line.floor_char_boundary(MAX_LINE_BYTES)].into();
        self.log_bytes += cost(&line);
        self.log.push_back((id, line));
        while self.log_bytes > MAX_LOG_BYTES
            && let Some((_, line)) = self.log.pop_front()
        {
            self.log_bytes -= cost(&line);
        }
    }
}

fn cost(line: &str) -> usize {
    line.len() + size_of::<(u64, Box<str>)>()
}

/// The observations of one server.
#[derive(Clone, Default)]
pub(crate) struct Stats(Arc<Mutex<Registry>>);

impl Stats {
    /// Numbers stay whole even if a thread ended inside: each change is a plain assignment.
    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has arrived.
    pub(crate) fn begin(&self, tag: &str, line: &str) -> Flight {
        let mut registry = self.lock();
        let run = registry.run(tag);
        run.seen += 1;
        run.in_flight += 1;
        run.peak = run.peak.max(run.in_flight);
        let id = run.id;
        registry.record(id, line);
        Flight { stats: self.clone(), tag: tag.to_owned(), id, open: true }
    }

    /// A browser asked whether it may ask. Counted apart: the page did not send this.
    pub(crate) fn preflight(&self, tag: &str) {
        self.lock().run(tag).preflights += 1;
    }

    pub(crate) fn report(&self, tag: &str, with_order: bool) -> Value {
        let registry = self.lock();
        let nothing = Run::default();
        let run = registry.runs.get(tag).unwrap_or(&nothing);
        let mut report = json!({
            "run": tag,
            "seen": run.seen,
            "inFlight": run.in_flight,
            "peak": run.peak,
            "aborted": run.aborted,
            "dropped": run.dropped,
            "preflights": run.preflights,
            "statuses": run.statuses,
        });
        if with_order {
            let newest_first = registry.log.iter().rev().filter(|(id, _)| *id == run.id).take(MAX_ORDER);
            let mut order: Vec<&str> = newest_first.map(|(_, line)| line.as_ref()).collect();
            order.reverse();
            report["order"] = json!(order);
        }
        report
    }

    pub(crate) fn forget(&self, tag: &str) {
        self.lock().runs.remove(tag);
    }
}

/// One request in flight.
pub(crate) struct Flight {
    stats: Stats,
    tag: String,
    id: u64,
    open: bool,
}

impl Flight {
    fn update(&self, change: impl FnOnce(&mut Run)) {
        let mut registry = self.stats.lock();
        if let Some(run) = registry.runs.get_mut(&self.tag).filter(|run| run.id == self.id) {
            change(run);
        }
    }

    /// Whether this request is among the share that fails: of any row of requests exactly that share does.
    pub(crate) fn fails(&self, share: u32) -> bool {
        let mut fails = false;
        self.update(|run| {
            run.failing += share;
            fails = run.failing >= WHOLE_SHARE;
            if fails {
                run.failing -= WHOLE_SHARE;
            }
        });
        fails
    }

    /// The head of the answer is on its way.
    pub(crate) fn answered(&self, status: u16) {
        self.update(|run| *run.statuses.entry(status).or_default() += 1);
    }

    /// The connection is to be closed with no answer.
    pub(crate) fn dropped(mut self) {
        self.update(|run| run.dropped += 1);
        self.land();
    }

    fn land(&mut self) {
        if self.open {
            self.open = false;
            self.update(|run| run.in_flight -= 1);
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if self.open {
            self.update(|run| run.aborted += 1);
            self.land();
        }
    }
}

/// A body that ends its flight with its last byte.
pub(crate) struct Observed {
    body: Body,
    flight: Flight,
}

impl Observed {
    pub(crate) fn new(body: Body, mut flight: Flight) -> Self {
        // An empty body is never asked for a frame.
        if body.is_end_stream() {
            flight.land();
        }
        Self { body, flight }
    }
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        // A body of known length is not asked again after its last byte.
        if frame.is_none() || self.body.is_end_stream() {
            self.flight.land();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_met_exactly() {
        let stats = Stats::default();
        for (share, expected) in
            [(0, 0), (100_000, 100), (333_333, 333), (500_000, 500), (WHOLE_SHARE, 1_000)]
        {
            let tag = share.to_string();
            let failed = (0..1_000).filter(|_| stats.begin(&tag, "").fails(share)).count();
            assert_eq!(failed, expected, "share {share}");
        }
    }

    #[test]
    fn the_peak_stays_and_a_lost_flight_is_an_abort() {
        let stats = Stats::default();
        let flights: Vec<Flight> = (0..3).map(|_| stats.begin("t", "/api/x")).collect();
        drop(flights);
        drop(Observed::new(Body::empty(), stats.begin("t", "/api/y")));
        stats.begin("t", "/api/z").dropped();
        let report = stats.report("t", true);
        assert_eq!(
            (&report["seen"], &report["inFlight"], &report["peak"], &report["aborted"], &report["dropped"]),
            (&json!(5), &json!(0), &json!(3), &json!(3), &json!(1))
        );
        assert_eq!(report["order"], json!(["/api/x", "/api/x", "/api/x", "/api/y", "/api/z"]));
    }

    #[test]
    fn a_forgotten_run_does_not_get_its_flights_back() {
        let stats = Stats::default();
        let old = stats.begin("t", "/old");
        stats.forget("t");
        let new = stats.begin("t", "/new");
        drop(old);
        let report = stats.report("t", true);
        assert_eq!((&report["inFlight"], &report["aborted"]), (&json!(1), &json!(0)));
        assert_eq!(report["order"], json!(["/new"]));
        drop(new);
    }

    #[test]
    fn memory_is_bounded() {
        let stats = Stats::default();
        for tag in 0..=MAX_RUNS {
            drop(stats.begin(&tag.to_string(), "/"));
        }
        assert_eq!(stats.report("0", false)["seen"], 0);
        assert_eq!(stats.report("1", false)["seen"], 1);
        let line = "é".repeat(MAX_LINE_BYTES);
        for _ in 0..MAX_LOG_BYTES / MAX_LINE_BYTES + 10 {
            drop(stats.begin("long", &line));
        }
        assert!(stats.lock().log_bytes <= MAX_LOG_BYTES);
        let order = stats.report("long", true)["order"].as_array().map(Vec::len);
        assert_eq!(order, Some(MAX_ORDER));
    }
}
