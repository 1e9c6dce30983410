//! A server in the test's own process, and ways to talk to it.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its part of this; a failure is a panic"
)]

use std::time::Duration;

use reqwest::{Client, Method, Response, redirect::Policy};
use serde_json::Value;
use sixlane_server::{Config, Listeners, build_router, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

pub(crate) struct Demo {
    pub(crate) port: u16,
    pub(crate) client: Client,
    server: JoinHandle<()>,
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Demo {
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let router = build_router(&config).await.unwrap();
        let listeners = Listeners::bind(0).await.unwrap();
        let port = listeners.port();
        let server = tokio::spawn(serve(listeners, None, router, std::future::pending()));
        let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        Self { port, client, server }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: impl Into<String>) -> Response {
        self.client.request(method, self.url(path)).body(body.into()).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Response {
        self.send(Method::POST, path, body).await
    }

    pub(crate) async fn control(&self, body: &Value) -> Response {
        self.send(Method::PUT, "/control", body.to_string()).await
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        self.get(path).await.json().await.unwrap()
    }

    pub(crate) async fn stats(&self, run: &str) -> Value {
        self.json(&format!("/control/stats?run={run}&order=1")).await
    }

    /// Waits until the observations of a run are as the test wants them. The limit only ends a failed test.
    pub(crate) async fn until(&self, run: &str, reached: impl Fn(&Value) -> bool) -> Value {
        let waiting = async {
            loop {
                let stats = self.stats(run).await;
                if reached(&stats) {
                    return stats;
                }
            }
        };
        timeout(Duration::from_mins(1), waiting).await.unwrap()
    }

    /// A connection on which a request has been sent, byte by byte as the test has it.
    pub(crate) async fn open(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// Everything the server says to a GET on a connection of its own, up to its end.
    pub(crate) async fn raw(&self, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        self.open(&request).await.read_to_string(&mut answer).await.unwrap();
        answer
    }
}
