//! The core's policies in the server: the rate limit of each client, and the breaker around the database.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use common::Demo;
use reqwest::{Response, StatusCode};
use serde_json::json;
use sixlane_server::Config;

fn field<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_client_is_told_what_is_left_and_refused_when_nothing_is() {
    let limit = Some("sliding-window:2:60000".parse().unwrap());
    let demo = Demo::with(Config { rate_limit: limit, ..Config::default() }).await;
    let first = demo.get("/api/data/1?run=l").await;
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(field(&first, "ratelimit-policy"), r#""client";q=2;w=60"#);
    assert_eq!(field(&first, "ratelimit"), r#""client";r=1;t=60"#);
    let second = demo.get("/api/status/204?run=l").await;
    assert_eq!(field(&second, "ratelimit"), r#""client";r=0;t=60"#);
    let third = demo.get("/api/data/1?run=l").await;
    assert_eq!(third.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!((field(&third, "retry-after"), field(&third, "ratelimit")), ("60", r#""client";r=0;t=60"#));
    // It is seen all the same, a page of another origin may read all of that, and nothing else is limited.
    assert_eq!(demo.stats("l").await["statuses"], json!({ "200": 1, "204": 1, "429": 1 }));
    assert!(field(&third, "access-control-expose-headers").contains("RateLimit"));
    assert_eq!(field(&demo.get("/control").await, "ratelimit"), "");
    // A client is an address: this one has others.
    let other = demo.client.get(format!("http://[::1]:{}/api/data/1", demo.port)).send().await.unwrap();
    assert_eq!(other.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_bucket_is_filled_again() {
    let limit = Some("token-bucket:2:1:100000".parse().unwrap());
    let demo = Demo::with(Config { rate_limit: limit, ..Config::default() }).await;
    for left in ["1", "0"] {
        let response = demo.get("/api/data/1").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(field(&response, "ratelimit-policy"), r#""client";q=2;w=200"#);
        assert!(field(&response, "ratelimit").starts_with(&format!(r#""client";r={left};t="#)));
    }
    assert_eq!(demo.get("/api/data/1").await.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn without_a_limit_nothing_is_said_of_one() {
    let demo = Demo::start().await;
    assert!(!demo.get("/api/data/1").await.headers().contains_key("ratelimit"));
}

#[tokio::test]
async fn a_database_in_trouble_is_left_alone_until_it_answers_again() {
    let breaker = "2:200".parse().unwrap();
    let demo = Demo::with(Config { breaker, ..Config::default() }).await;
    assert_eq!(demo.json("/control").await["breaker"], "closed");
    demo.control(&json!({ "databaseHeld": 3600 })).await;
    // Both wait for a connection in vain, at the same time.
    let (first, second) = tokio::join!(demo.get("/api/data/1"), demo.get("/api/users/1"));
    for response in [first, second] {
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.text().await.unwrap().contains("database: "));
    }
    let refused = demo.get("/api/data/1").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    // Spread, so that not everybody comes back at once.
    assert!(["1", "2", "3"].contains(&field(&refused, "retry-after")));
    assert!(refused.text().await.unwrap().contains("is left alone"));
    assert_eq!(demo.json("/control").await["breaker"], "open");
    // What needs no database is answered all the while.
    assert_eq!(demo.get("/api/echo").await.status(), StatusCode::OK);
    demo.control(&json!({ "databaseHeld": 0 })).await;
    let mut answered = 0;
    while answered < 3 {
        answered += u32::from(demo.get("/api/data/1").await.status() == StatusCode::OK);
    }
    assert_eq!(demo.json("/control").await["breaker"], "closed");
}

#[tokio::test]
async fn a_refusal_of_a_request_says_nothing_of_the_database() {
    let demo = Demo::with(Config { breaker: "1:60000".parse().unwrap(), ..Config::default() }).await;
    assert_eq!(demo.get("/api/data/none").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(demo.get("/api/status/500").await.status(), 500);
    assert_eq!(demo.get("/api/data/1?failShare=1&failStatus=500").await.status(), 500);
    assert_eq!(demo.get("/api/data/1").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn without_a_breaker_the_database_is_always_asked() {
    let demo = Demo::with(Config { breaker: "off".parse().unwrap(), ..Config::default() }).await;
    assert_eq!(demo.json("/control").await["breaker"], "off");
    assert_eq!(demo.get("/api/data/1").await.status(), StatusCode::OK);
}
