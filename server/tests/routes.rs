//! Each route, as a page sees it.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use common::Demo;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

#[tokio::test]
async fn data_and_users_come_by_number() {
    let demo = Demo::start().await;
    assert_eq!(
        demo.json("/api/data/7").await,
        json!({ "id": 7, "title": "Amber crate 7", "value": 5_398, "owner": 8, "updated_at": "2025-01-01T00:07:07Z" })
    );
    assert_eq!(
        demo.json("/api/users/1").await,
        json!({ "id": 1, "name": "Bela Brandt", "email": "user1@example.test", "team": "east" })
    );
    assert_eq!(demo.json("/api/user/profile").await, demo.json("/api/users/1").await);
    for missing in
        ["/api/data/0", "/api/data/10001", "/api/data/07", "/api/users/1001", "/api/nothing", "/api"]
    {
        let response = demo.get(missing).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{missing}");
        assert!(response.json::<Value>().await.unwrap()["error"].is_string());
    }
}

#[tokio::test]
async fn pages_have_twenty_rows_and_an_end() {
    let demo = Demo::start().await;
    let first = demo.json("/api/data/page/1").await;
    let ids: Vec<u64> =
        first["items"].as_array().unwrap().iter().map(|item| item["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
    assert_eq!((&first["pages"], &first["total"]), (&json!(500), &json!(10_000)));
    assert_eq!(demo.json("/api/data/page/500").await["items"][19]["id"], 10_000);
    assert_eq!(demo.get("/api/data/page/501").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(demo.get("/api/data/page/0").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(demo.get("/api/data/page/x").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn recommendations_are_the_items_of_the_highest_value() {
    let demo = Demo::start().await;
    let values: Vec<u64> = demo.json("/api/recommendations").await["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["value"].as_u64().unwrap())
        .collect();
    assert_eq!(values.len(), 10);
    assert!(values.is_sorted_by(|one, next| one >= next));
}

#[tokio::test]
async fn login_and_analytics_take_what_they_should() {
    let demo = Demo::start().await;
    let login = demo.post("/api/login", r#"{"user":"ada","password":"x"}"#).await;
    assert_eq!(login.json::<Value>().await.unwrap(), json!({ "user": "ada", "token": "token-of-ada" }));
    for wrong in [r#"{"user":"ada","password":""}"#, r#"{"user":"ada"}"#, "ada", ""] {
        assert_eq!(demo.post("/api/login", wrong).await.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
    for anything in [r#"{"a":1}"#, "plain text", ""] {
        assert_eq!(demo.post("/api/analytics", anything).await.status(), StatusCode::ACCEPTED);
    }
    assert_eq!(demo.get("/api/login").await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_batch_answers_by_key_and_leaves_out_what_is_missing() {
    let demo = Demo::start().await;
    let batch: Value =
        demo.post("/api/batch", r#"{"keys":["9","7","9","0","07","x","10001"]}"#).await.json().await.unwrap();
    assert_eq!(batch, json!({ "7": demo.json("/api/data/7").await, "9": demo.json("/api/data/9").await }));
    let keys = |count: usize| json!({ "keys": vec!["1"; count] }).to_string();
    assert_eq!(demo.post("/api/batch", &keys(100)).await.status(), StatusCode::OK);
    assert_eq!(demo.post("/api/batch", &keys(101)).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(demo.post("/api/batch", &keys(0)).await.json::<Value>().await.unwrap(), json!({}));
    for wrong in [r#"{"keys":[7]}"#, r#"{"keys":"7"}"#, "{}", "["] {
        let response = demo.post("/api/batch", wrong).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{wrong}");
        assert!(response.json::<Value>().await.unwrap()["error"].is_string());
    }
}

/// Asks for a batch by lines.
async fn lines(demo: &Demo, path: &str, keys: &[&str]) -> Vec<Value> {
    let request =
        demo.client.post(demo.url(path)).header(header::ACCEPT, "application/x-ndjson, application/json");
    let response = request.body(json!({ "keys": keys }).to_string()).send().await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-ndjson");
    let text = response.text().await.unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_batch_by_lines_says_of_each_key_what_its_own_route_would() {
    let demo = Demo::start().await;
    for query in ["", "?cache=60&etag=1&vary=x-a", "?cacheControl=no-cache"] {
        let parts = lines(&demo, &format!("/api/batch{query}"), &["9", "7", "9", "none"]).await;
        assert_eq!(parts.len(), 3);
        for (key, part) in ["9", "7", "none"].into_iter().zip(parts) {
            let single = demo.get(&format!("/api/data/{key}{query}")).await;
            assert_eq!((&part["key"], &part["status"]), (&json!(key), &json!(single.status().as_u16())));
            for name in [header::CONTENT_TYPE, header::CACHE_CONTROL] {
                assert_eq!(part["headers"][name.as_str()], single.headers()[&name].to_str().unwrap());
            }
            let tag = single.headers().get(header::ETAG).map(|tag| tag.to_str().unwrap().to_owned());
            assert_eq!(part["headers"].get("etag").map(|tag| tag.as_str().unwrap().to_owned()), tag);
            assert_eq!(part["body"], single.json::<Value>().await.unwrap());
        }
    }
    assert_eq!(lines(&demo, "/api/batch", &[]).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_batch_has_late_and_failing_keys_on_order() {
    let demo = Demo::start().await;
    let keys = ["1", "2", "3", "4"];
    let parts = lines(&demo, "/api/batch?late=1:60,2:30&failKeys=2,3", &keys).await;
    let told: Vec<_> = parts.iter().map(|part| (&part["key"], &part["status"])).collect();
    let expected =
        [("3", 500), ("4", 200), ("2", 500), ("1", 200)].map(|(key, status)| (json!(key), json!(status)));
    assert_eq!(told, expected.iter().map(|(key, status)| (key, status)).collect::<Vec<_>>());
    assert_eq!(parts[0]["body"], json!({ "error": "failed on order" }));
    assert_eq!(parts[0]["headers"]["cache-control"], "no-store");
    let whole = async |query: &str| demo.post(&format!("/api/batch{query}"), r#"{"keys":["1","2"]}"#).await;
    assert_eq!(whole("?failKeys=2").await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(whole("?failKeys=3&late=1:1,3:600000").await.status(), StatusCode::OK);
    assert_eq!(whole("?maxKeys=2").await.status(), StatusCode::OK);
    assert_eq!(whole("?maxKeys=1").await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    for wrong in ["?maxKeys=0", "?maxKeys=101", "?late=1", "?late=1:x", "?late=1:600001"] {
        let response = whole(wrong).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{wrong}");
        assert!(response.json::<Value>().await.unwrap()["field"].is_string());
    }
}

#[tokio::test]
async fn a_batch_by_lines_ends_when_nobody_reads_it() {
    let demo = Demo::start().await;
    let request = demo.client.post(demo.url("/api/batch?late=1:600000&run=b"));
    let request = request.header(header::ACCEPT, "application/x-ndjson").body(r#"{"keys":["1","2"]}"#);
    let mut response = request.send().await.unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&first).unwrap()["key"], "2");
    drop(response);
    demo.until("b", |stats| stats["aborted"] == 1 && stats["inFlight"] == 0).await;
}

#[tokio::test]
async fn events_come_in_order_and_end_when_counted() {
    let demo = Demo::start().await;
    let response = demo.get("/api/events?every=1&count=3&size=5&slow=5").await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    assert_eq!(
        response.text().await.unwrap(),
        "id: 1\ndata: {\"tick\":1}\n\nid: 2\ndata: {\"tick\":2}\n\nid: 3\ndata: {\"tick\":3}\n\n"
    );
    assert_eq!(demo.get("/api/events?every=0").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn echo_says_back_what_came() {
    let demo = Demo::start().await;
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
        let request = demo.client.request(method.clone(), demo.url("/api/echo?a=1&b=x%20y"));
        let request = request.header("X-Two", "one").header("x-two", "two").body("hällo");
        let echo: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(echo["method"], method.as_str());
        assert_eq!(echo["url"], "/api/echo?a=1&b=x%20y");
        assert_eq!((&echo["path"], &echo["query"]), (&json!("/api/echo"), &json!("a=1&b=x%20y")));
        assert_eq!(echo["headers"]["x-two"], "one, two");
        assert_eq!(echo["body"], "hällo");
    }
}

#[tokio::test]
async fn redirects_and_statuses_are_as_asked_for() {
    let demo = Demo::start().await;
    for status in [302, 307, 308] {
        let response = demo.get(&format!("/api/redirect?to=/api/data/7%3Fa=1&status={status}")).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()[header::LOCATION], "/api/data/7?a=1");
    }
    assert_eq!(demo.get("/api/redirect?to=/x").await.status(), 302);
    for wrong in ["/api/redirect", "/api/redirect?to=/x&status=200", "/api/redirect?to=%0A"] {
        assert_eq!(demo.get(wrong).await.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
    for status in [200, 204, 205, 304, 404, 418, 500, 599] {
        let response = demo.get(&format!("/api/status/{status}?size=30")).await;
        assert_eq!(response.status(), status);
        let size = if matches!(status, 204 | 205 | 304) { 0 } else { 30 };
        assert_eq!(response.bytes().await.unwrap().len(), size, "{status}");
    }
    for wrong in ["/api/status/199", "/api/status/600", "/api/status/x"] {
        assert_eq!(demo.get(wrong).await.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let demo = Demo::start().await;
    let get = demo.get("/api/data/7").await;
    let head = demo.send(Method::HEAD, "/api/data/7", "").await;
    assert_eq!(head.status(), StatusCode::OK);
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CACHE_CONTROL] {
        assert_eq!(head.headers()[&name], get.headers()[&name]);
    }
    assert_eq!(head.bytes().await.unwrap().len(), 0);
    let sized = demo.send(Method::HEAD, "/api/data/7?size=500&slow=10&run=head", "").await;
    assert_eq!(sized.headers()[header::CONTENT_LENGTH], "500");
    for (path, status) in [("/api/events", 200), ("/api/status/204", 204), ("/api/status/304", 304)] {
        let head = demo.send(Method::HEAD, path, "").await;
        assert_eq!(head.status(), status);
        assert!(!head.headers().contains_key(header::CONTENT_LENGTH), "{path}");
    }
    let stats = demo.stats("head").await;
    assert_eq!((&stats["inFlight"], &stats["aborted"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn every_answer_can_be_read_across_origins_unless_told_otherwise() {
    let demo = Demo::start().await;
    let origin = "http://localhost:5173";
    for path in ["/api/data/7", "/api/data/0", "/api/data/7?failShare=1", "/api/data/7?delay=x", "/control"] {
        let headers = demo.get(path).await.headers().clone();
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*", "{path}");
        let response = demo.client.get(demo.url(path)).header(header::ORIGIN, origin).send().await.unwrap();
        let headers = response.headers();
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], origin, "{path}");
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(headers[header::VARY], "Origin");
        assert!(headers[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap().starts_with('*'));
    }
    let closed = demo.get("/api/data/7?cors=0").await;
    assert!(!closed.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    assert!(!closed.headers().contains_key("timing-allow-origin"));
    assert_eq!(demo.get("/api/data/7?tao=1").await.headers()["timing-allow-origin"], "*");
}

#[tokio::test]
async fn a_preflight_is_answered_and_counted_apart() {
    let demo = Demo::start().await;
    demo.control(&json!({ "failShare": 1, "delay": 600_000 })).await;
    for path in ["/api/batch?run=p", "/control?run=p"] {
        let request = demo.client.request(Method::OPTIONS, demo.url(path));
        let request = request.header(header::ORIGIN, "http://localhost:1");
        let request = request.header(header::ACCESS_CONTROL_REQUEST_METHOD, "PUT");
        let request = request.header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type, x-a");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let headers = response.headers();
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_HEADERS], "content-type, x-a");
        assert!(headers[header::ACCESS_CONTROL_ALLOW_METHODS].to_str().unwrap().contains("PUT"));
    }
    let stats = demo.stats("p").await;
    assert_eq!((&stats["preflights"], &stats["seen"]), (&json!(2), &json!(0)));
}

#[tokio::test]
async fn answers_are_kept_only_when_asked_for() {
    let demo = Demo::start().await;
    for (path, expected) in [
        ("/api/data/7", "no-store"),
        ("/api/data/7?cache=60", "max-age=60"),
        ("/api/data/7?cacheControl=max-age=0,%20stale-if-error=9", "max-age=0, stale-if-error=9"),
        ("/api/data/0?cache=60", "no-store"),
        ("/api/events?count=0", "no-store"),
    ] {
        assert_eq!(demo.get(path).await.headers()[header::CACHE_CONTROL], expected, "{path}");
    }
    assert_eq!(demo.get("/api/data/7?cache=-1").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(demo.get("/api/data/7?vary=%00").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn who_has_it_already_is_told_so() {
    let demo = Demo::start().await;
    let first = demo.get("/api/data/7?etag=1&vary=x-a").await;
    assert_eq!((first.status(), &first.headers()[header::VARY]), (StatusCode::OK, &"x-a".parse().unwrap()));
    let tag = first.headers()[header::ETAG].clone();
    let url = demo.url("/api/data/7?etag=1&cache=5");
    let again = demo.client.get(&url).header(header::IF_NONE_MATCH, &tag).send().await.unwrap();
    assert_eq!((again.status(), &again.headers()[header::ETAG]), (StatusCode::NOT_MODIFIED, &tag));
    assert_eq!(again.headers()[header::CACHE_CONTROL], "max-age=5");
    assert_eq!(again.text().await.unwrap(), "");
    let other = demo.client.get(&url).header(header::IF_NONE_MATCH, "\"other\"").send().await.unwrap();
    assert_eq!(other.status(), StatusCode::OK);
}
