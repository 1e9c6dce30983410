//! The counts of the server, which other tests build on: all exact.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use common::Demo;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: demo\r\n\r\n")
}

#[tokio::test]
async fn the_peak_is_what_was_in_flight_at_once_and_an_abort_is_counted() {
    let demo = Demo::start().await;
    let mut open = Vec::new();
    for number in 1..=6 {
        open.push(demo.open(&request("/api/data/7?delay=600000&run=peak")).await);
        demo.until("peak", |stats| stats["inFlight"] == number).await;
    }
    drop(open);
    let stats = demo.until("peak", |stats| stats["inFlight"] == 0).await;
    assert_eq!(
        (&stats["seen"], &stats["peak"], &stats["aborted"], &stats["statuses"]),
        (&json!(6), &json!(6), &json!(6), &json!({}))
    );
}

#[tokio::test]
async fn a_body_is_in_flight_until_it_is_all_sent_or_the_client_is_gone() {
    let demo = Demo::start().await;
    let response = demo.get("/api/data/7?slow=600000&run=slow").await;
    let stats = demo.stats("slow").await;
    assert_eq!((&stats["inFlight"], &stats["statuses"]), (&json!(1), &json!({ "200": 1 })));
    drop(response);
    let stats = demo.until("slow", |stats| stats["inFlight"] == 0).await;
    assert_eq!((&stats["aborted"], &stats["peak"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn an_upload_that_waits_is_noticed_when_its_client_goes() {
    let demo = Demo::start().await;
    let head = "POST /api/echo?delay=600000&run=up HTTP/1.1\r\nHost: demo\r\nContent-Length: 5\r\n\r\nhello";
    let stream = demo.open(head).await;
    demo.until("up", |stats| stats["inFlight"] == 1).await;
    drop(stream);
    let stats = demo.until("up", |stats| stats["inFlight"] == 0).await;
    assert_eq!(stats["aborted"], 1);
}

#[tokio::test]
async fn an_answer_that_was_read_is_no_longer_in_flight() {
    let demo = Demo::start().await;
    let paths = [
        "/api/data/7?run=r",
        "/api/data/7?slow=1&run=r",
        "/api/data/7?slow=1&length=1&run=r",
        "/api/data/7?size=1000000&run=r",
        "/api/events?every=1&count=2&run=r",
        "/api/status/204?run=r",
        "/api/missing?run=r",
    ];
    for path in paths {
        demo.get(path).await.bytes().await.unwrap();
        assert_eq!(demo.stats("r").await["inFlight"], 0, "{path}");
    }
    assert_eq!(
        demo.stats("r").await,
        json!({
            "run": "r", "seen": 7, "inFlight": 0, "peak": 1, "aborted": 0, "dropped": 0, "preflights": 0,
            "statuses": { "200": 5, "204": 1, "404": 1 }, "order": paths,
        })
    );
}

#[tokio::test]
async fn runs_are_apart_and_can_be_forgotten() {
    let demo = Demo::start().await;
    demo.get("/api/data/7").await;
    demo.get("/api/data/8?run=a%20b").await;
    assert_eq!(demo.stats("").await["order"], json!(["/api/data/7"]));
    assert_eq!(demo.stats("a%20b").await["order"], json!(["/api/data/8?run=a%20b"]));
    assert!(demo.json("/control/stats").await.get("order").is_none());
    let forgotten = demo.send(Method::DELETE, "/control/stats?run=a%20b", "").await;
    assert_eq!(forgotten.status(), StatusCode::NO_CONTENT);
    assert_eq!(demo.stats("a%20b").await["seen"], 0);
    assert_eq!(demo.stats("").await["seen"], 1);
    assert_eq!(demo.get("/control/stats?order=x").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_over_six_connections() {
    let demo = Demo::start().await;
    let lanes: Vec<_> = (0..6)
        .map(|lane| {
            // A client of its own keeps one connection of its own.
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let base = demo.url("/api/data");
            tokio::spawn(async move {
                for id in (1..=10_000).skip(lane).step_by(6) {
                    let response = client.get(format!("{base}/{id}?run=many")).send().await.unwrap();
                    assert_eq!(response.json::<Value>().await.unwrap()["id"], id);
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.unwrap();
    }
    let stats = demo.stats("many").await;
    assert_eq!((&stats["seen"], &stats["statuses"]), (&json!(10_000), &json!({ "200": 10_000 })));
    assert_eq!((&stats["inFlight"], &stats["aborted"]), (&json!(0), &json!(0)));
    assert!(stats["peak"].as_u64().unwrap() <= 6);
    assert_eq!(stats["order"].as_array().unwrap().len(), 10_000);
}
