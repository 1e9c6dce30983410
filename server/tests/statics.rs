//! Static folders: the site, mounts, types, and what cannot be mounted.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use std::{fs, path::PathBuf};

use common::Demo;
use reqwest::{StatusCode, header};
use sixlane_server::{Config, StartError, build_router};

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[&str]) -> Self {
        let path = std::env::temp_dir().join(format!("sixlane-server-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        for file in files {
            fs::write(path.join(file), file).unwrap();
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn folders_are_served_with_their_types_and_asked_for_again() {
    let site = Folder::new("site", &["index.html"]);
    let dist = Folder::new("dist", &["index.js", "worker.mjs", "core.wasm", "page.html", "data.json"]);
    let mount = format!("/js/dist={}", dist.0.display()).parse().unwrap();
    let config = Config { site: Some(site.0.clone()), mounts: vec![mount], ..Config::default() };
    let demo = Demo::with(config).await;
    for (path, kind, body) in [
        ("/", "text/html", "index.html"),
        ("/index.html", "text/html", "index.html"),
        ("/js/dist/index.js", "text/javascript", "index.js"),
        ("/js/dist/worker.mjs", "text/javascript", "worker.mjs"),
        ("/js/dist/core.wasm", "application/wasm", "core.wasm"),
        ("/js/dist/page.html", "text/html", "page.html"),
        ("/js/dist/data.json", "application/json", "data.json"),
    ] {
        let response = demo.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], kind, "{path}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache", "{path}");
        assert_eq!(response.text().await.unwrap(), body);
    }
    for missing in ["/nothing.js", "/js/dist/nothing.js", "/js/dist/..%2f..%2findex.html"] {
        assert_eq!(demo.get(missing).await.status(), StatusCode::NOT_FOUND, "{missing}");
    }
    // The API is not hidden by the site, nor the other way round.
    assert_eq!(demo.get("/api/nothing").await.headers()[header::CONTENT_TYPE], "application/json");
}

#[tokio::test]
async fn without_a_site_there_is_nothing_at_the_root() {
    let demo = Demo::start().await;
    assert_eq!(demo.get("/").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_cannot_be_used_stops_the_start() {
    let here = Folder::new("twice", &[]);
    let mount = |text: String| text.parse().unwrap();
    let twice = vec![mount(format!("/a={}", here.0.display())); 2];
    let error = build_router(&Config { mounts: twice, ..Config::default() }).await.unwrap_err();
    assert!(matches!(error, StartError::PrefixTwice(prefix) if prefix == "/a"));
    let site = Some(here.0.join("missing"));
    let error = build_router(&Config { site, ..Config::default() }).await.unwrap_err();
    assert!(matches!(error, StartError::NoFolder(_)));
    let database = "postgres://localhost/x".to_owned();
    let error = build_router(&Config { database, ..Config::default() }).await.unwrap_err();
    assert!(error.to_string().ends_with("must be written sqlite:path or sqlite::memory:"));
    let database = format!("sqlite:{}/missing/db", here.0.display());
    let error = build_router(&Config { database, ..Config::default() }).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot use the database sqlite:"));
}
