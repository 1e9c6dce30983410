//! Clients that go away early. The server drops what it was doing for them, wherever that is by then, and nothing that
//! others need may go with it.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use std::sync::Arc;

use common::Demo;
use reqwest::StatusCode;
use serde_json::json;
use tokio::{sync::Semaphore, task::JoinSet};

const DISCONNECTS: usize = 10_000;
/// Connections open at once.
const AT_ONCE: usize = 64;
/// More than the pool of the database has.
const READERS: usize = 16;

/// Sends requests and goes away, so many times; a reset leaves no port in use.
async fn disconnect_early(demo: &Arc<Demo>, requests: &'static [&'static str], times: usize) {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut clients = JoinSet::new();
    for number in 0..times {
        let slot = Arc::clone(&slots).acquire_owned().await.unwrap();
        let demo = Arc::clone(demo);
        clients.spawn(async move {
            let stream = demo.open(requests[number % requests.len()]).await;
            stream.set_zero_linger().unwrap();
            drop((stream, slot));
        });
    }
    clients.join_all().await;
}

/// That all of the pool answers, with the data.
async fn check_data(demo: &Arc<Demo>) {
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let demo = Arc::clone(demo);
        readers.spawn(async move {
            let response = demo.get("/api/data/5").await;
            let status = response.status();
            assert_eq!(
                (status, &response.json::<serde_json::Value>().await.unwrap()["id"]),
                (StatusCode::OK, &json!(5))
            );
        });
    }
    readers.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_data_outlives_ten_thousand_clients_that_go_away_early() {
    const REQUESTS: [&str; 4] = [
        "GET /api/data/7?run=early HTTP/1.1\r\nHost: demo\r\n\r\n",
        "GET /api/data/page/3?run=early HTTP/1.1\r\nHost: demo\r\n\r\n",
        "POST /api/batch?run=early HTTP/1.1\r\nHost: demo\r\nContent-Length: 18\r\n\r\n{\"keys\":[\"7\",\"9\"]}",
        "GET /api/users/7?run=early HTTP/1.1\r\nHost: demo\r\n\r\n",
    ];
    let demo = Arc::new(Demo::start().await);
    disconnect_early(&demo, &REQUESTS, DISCONNECTS).await;
    // What was dropped is in no count any more.
    let stats = demo.until("early", |stats| stats["inFlight"] == 0).await;
    assert!(
        stats["aborted"].as_u64() > Some(0),
        "nobody went away while something was done for them: {stats}"
    );
    check_data(&demo).await;
    assert_eq!(demo.json("/control").await["breaker"], "closed");
}
