//! Each misbehaviour on order, and the control route.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use std::time::Duration;

use common::Demo;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, time::Instant};

#[tokio::test]
async fn a_delay_is_never_shorter_than_ordered() {
    let demo = Demo::start().await;
    let start = Instant::now();
    assert_eq!(demo.get("/api/data/7?delay=50").await.status(), StatusCode::OK);
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn exactly_the_ordered_share_fails() {
    let demo = Demo::start().await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let response = demo.get("/api/data/7?failShare=0.25&failStatus=429&retryAfter=3&run=f").await;
        statuses.push(response.status().as_u16());
        let retry_after = response.headers().get(header::RETRY_AFTER);
        assert_eq!(retry_after.is_some_and(|value| value == "3"), response.status() == 429);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 200, 200, 200, 429]);
    assert_eq!(demo.stats("f").await["statuses"], json!({ "200": 6, "429": 2 }));
    let other = demo.get("/api/data/7?failShare=1&failStatus=500&retryAfter=3").await;
    assert_eq!(other.status(), 500);
    assert!(!other.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(demo.get("/api/data/7?failShare=1").await.status(), 503);
}

#[tokio::test]
async fn a_size_is_met_to_the_byte_and_json_stays_json() {
    let demo = Demo::start().await;
    let plain = demo.json("/api/data/7").await;
    let response = demo.get("/api/data/7?size=100000").await;
    assert_eq!(response.headers()[header::CONTENT_LENGTH], "100000");
    let body = response.bytes().await.unwrap();
    assert_eq!(body.len(), 100_000);
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), plain);
    assert_eq!(demo.get("/api/data/7?size=3").await.text().await.unwrap(), "{\"i");
}

#[tokio::test]
async fn a_slow_body_is_chunked_unless_its_length_is_asked_for() {
    let demo = Demo::start().await;
    let start = Instant::now();
    let chunked = demo.raw("/api/data/7?slow=50&size=100").await.to_lowercase();
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert!(chunked.contains("transfer-encoding: chunked") && !chunked.contains("content-length"));
    // Ten pieces of ten bytes, each a chunk of its own.
    assert_eq!(chunked.matches("\r\na\r\n").count(), 10);
    let whole = demo.raw("/api/data/7?slow=50&size=100&length=1").await.to_lowercase();
    assert!(whole.contains("content-length: 100") && !whole.contains("transfer-encoding"));
    assert_eq!(demo.get("/api/data/7?slow=50&size=100&length=1").await.bytes().await.unwrap().len(), 100);
}

#[tokio::test]
async fn the_head_of_a_slow_answer_comes_at_once() {
    let demo = Demo::start().await;
    // The body would take ten minutes: that the head is here shows that it did not wait.
    let response = demo.get("/api/data/7?slow=600000").await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_dropped_connection_gets_no_byte() {
    let demo = Demo::start().await;
    assert_eq!(demo.raw("/api/data/7?drop=1&run=d").await, "");
    let stats = demo.stats("d").await;
    assert_eq!(
        (&stats["dropped"], &stats["aborted"], &stats["inFlight"], &stats["statuses"]),
        (&json!(1), &json!(0), &json!(0), &json!({}))
    );
}

#[tokio::test]
async fn an_outage_answers_503_or_closes_and_ends_when_reset() {
    let demo = Demo::start().await;
    assert_eq!(demo.control(&json!({ "outage": 3_600, "retryAfter": 9 })).await.status(), StatusCode::OK);
    let response = demo.get("/api/data/7?failShare=0").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "9");
    demo.control(&json!({ "outageMode": "drop" })).await;
    assert_eq!(demo.raw("/api/data/7").await, "");
    let left = demo.json("/control").await["outage"].as_f64().unwrap();
    assert!(left > 0.0 && left <= 3_600.0);
    demo.send(Method::DELETE, "/control", "").await;
    assert_eq!(demo.get("/api/data/7").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_control_holds_for_all_and_the_query_goes_over_it() {
    let demo = Demo::start().await;
    let defaults = json!({
        "delay": 0, "failShare": 0.0, "failStatus": 503, "retryAfter": null, "size": null, "slow": 0,
        "outage": 0.0, "outageMode": "503", "databaseHeld": 0.0, "breaker": "closed",
    });
    assert_eq!(demo.json("/control").await, defaults);
    let set: Value =
        demo.control(&json!({ "failShare": 1, "failStatus": 500, "size": 64 })).await.json().await.unwrap();
    assert_eq!((&set["failShare"], &set["failStatus"], &set["size"]), (&json!(1.0), &json!(500), &json!(64)));
    let failed = demo.get("/api/data/7").await;
    assert_eq!(
        (failed.status(), failed.bytes().await.unwrap().len()),
        (StatusCode::INTERNAL_SERVER_ERROR, 64)
    );
    assert_eq!(demo.get("/api/data/7?failStatus=502").await.status(), 502);
    assert_eq!(demo.get("/api/data/7?failShare=0").await.status(), 200);
    assert_eq!(demo.send(Method::DELETE, "/control", "").await.json::<Value>().await.unwrap(), defaults);
    assert_eq!(demo.get("/api/data/7").await.status(), 200);
}

#[tokio::test]
async fn a_refused_change_changes_nothing() {
    let demo = Demo::start().await;
    let before = demo.json("/control").await;
    for wrong in ["{\"delay\":5,\"size\":-1}", "{\"delay\":5,\"sise\":1}", "[]", "", "{\"delay\":5"] {
        let response = demo.send(Method::PUT, "/control", wrong).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{wrong}");
        assert!(response.json::<Value>().await.unwrap()["error"].is_string());
    }
    assert_eq!(demo.json("/control").await, before);
    let refusal: Value = demo.control(&json!({ "failShare": 2 })).await.json().await.unwrap();
    assert_eq!(
        refusal,
        json!({ "error": "failShare must be a number from 0 to 1, got 2", "field": "failShare" })
    );
}

#[tokio::test]
async fn a_wrong_order_in_the_query_is_refused() {
    let demo = Demo::start().await;
    for wrong in ["delay=x", "delay=600001", "failShare=1.1", "failShare=NaN", "drop=yes", "size=-1", "tao=2"]
    {
        let response = demo.get(&format!("/api/data/7?{wrong}")).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
    let limit = 16 << 20;
    let too_big = demo.post("/api/analytics", &"x".repeat(limit + 1)).await;
    assert_eq!(too_big.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_stop_ends_endless_answers() {
    let router = sixlane_server::build_router(&sixlane_server::Config::default()).await.unwrap();
    let listeners = sixlane_server::Listeners::bind(0).await.unwrap();
    let url = format!("http://127.0.0.1:{}/api/events", listeners.port());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(sixlane_server::serve(listeners, None, router, async { drop(stopped.await) }));
    let mut response = reqwest::get(&url).await.unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    stop.send(()).unwrap();
    server.await.unwrap();
    assert!(reqwest::get(&url).await.is_err());
}

#[tokio::test]
async fn both_loopback_addresses_answer() {
    let demo = Demo::start().await;
    let Ok(mut stream) = tokio::net::TcpStream::connect(("::1", demo.port)).await else {
        return; // A machine without IPv6.
    };
    let request = b"GET /api/data/7 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
}
