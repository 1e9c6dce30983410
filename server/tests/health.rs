//! What the server tells of itself.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use common::Demo;
use serde_json::json;

#[tokio::test]
async fn metrics_are_there_as_prometheus_reads_them() {
    let demo = Demo::start().await;
    for _ in 0..3 {
        assert!(demo.get("/api/data/1").await.status().is_success());
    }
    assert_eq!(demo.get("/api/data/999999").await.status(), 404);
    let response = demo.get("/metrics").await;
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4");
    let text = response.text().await.unwrap();
    let value = |name: &str| -> f64 {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_else(|| panic!("no {name} in {text}"));
        line.trim().parse().unwrap()
    };
    let labels = |status| {
        format!(
            "http_server_request_duration_seconds_count{{http_request_method=\"GET\",\
             http_response_status_code=\"{status}\",http_route=\"/api/data/{{id}}\"}}"
        )
    };
    assert!((value(&labels(200)) - 3.0).abs() < 0.1 && (value(&labels(404)) - 1.0).abs() < 0.1);
    assert!(value("process_memory_usage_bytes") > 1e6);
    assert!(value("process_cpu_utilization_ratio") >= 0.0);
    assert!((value("db_client_connection_max") - 4.0).abs() < 0.1);
    assert!(value("db_client_connection_count{db_client_connection_state=\"idle\"}") >= 1.0);
    assert!(value("sixlane_degradation_level").abs() < 0.1);
}

#[tokio::test]
async fn the_status_says_how_it_is() {
    let demo = Demo::start().await;
    let status = demo.json("/status").await;
    assert_eq!((&status["level"], &status["breaker"]), (&json!(0), &json!("closed")));
    assert_eq!((&status["pool"]["max"], &status["requests"]["most"]), (&json!(4), &json!(null)));
    assert!(status["memory"]["bytes"].as_u64().unwrap() > 1_000_000);
}

#[tokio::test]
async fn no_other_page_may_read_it() {
    let demo = Demo::start().await;
    for path in ["/metrics", "/status"] {
        let request = demo.client.get(demo.url(path)).header("origin", "http://elsewhere.test");
        let response = request.send().await.unwrap();
        assert!(response.headers().get("access-control-allow-origin").is_none(), "{path}");
    }
}

#[tokio::test]
async fn what_has_no_room_says_when_to_come_back() {
    let demo = Demo::start().await;
    assert!(demo.control(&json!({ "databaseHeld": 30 })).await.status().is_success());
    let response = demo.get("/api/data/1").await;
    assert_eq!(response.status(), 503);
    let after: u32 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=4).contains(&after));
}
