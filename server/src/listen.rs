//! The listening side: two loopback sockets, HTTP/1.1, an orderly stop.
//!
//! The rest of the server only knows a [`Router`]; another protocol is another file like this one.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr},
    pin::pin,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown, service::TowerToHyperService};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

/// How long open answers may go on after the stop was asked for. An event stream would go on for ever.
const GRACE: Duration = Duration::from_secs(2);

/// How often a free port is looked for on which both addresses can be had.
const ATTEMPTS: u32 = 16;

/// Marks an answer that must not be sent: the connection is closed instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloseConnection;

/// The sockets of the server: `127.0.0.1`, and `[::1]` where the machine has it, on the same port.
///
/// Both are needed since `localhost` may mean either.
#[derive(Debug)]
pub struct Listeners {
    port: u16,
    v4: TcpListener,
    v6: Option<TcpListener>,
}

impl Listeners {
    /// Binds to a port of the loopback addresses; port 0 picks a free one.
    ///
    /// # Errors
    ///
    /// When the port is taken, on either address.
    pub async fn bind(port: u16) -> io::Result<Self> {
        let mut attempts = ATTEMPTS;
        loop {
            attempts -= 1;
            let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
            let port_found = v4.local_addr()?.port();
            let v6 = match TcpListener::bind((Ipv6Addr::LOCALHOST, port_found)).await {
                Ok(v6) => Some(v6),
                // Somebody else would be answering for `localhost`: worse than not starting.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    if port == 0 && attempts > 0 {
                        continue;
                    }
                    return Err(error);
                }
                Err(_) => None,
            };
            return Ok(Self { port: port_found, v4, v6 });
        }
    }

    /// The port that was bound.
    pub fn port(&self) -> u16 {
        self.port
    }

    async fn accept(&self) -> TcpStream {
        loop {
            let accepted = match &self.v6 {
                None => self.v4.accept().await,
                Some(v6) => tokio::select! {
                    accepted = self.v4.accept() => accepted,
                    accepted = v6.accept() => accepted,
                },
            };
            match accepted {
                Ok((stream, _)) => return stream,
                // Out of file descriptors, or a client that was gone at once: neither ends the server.
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

/// Answers with `router` until `stop` is done, then lets open answers finish for a short while.
pub async fn serve(listeners: Listeners, router: Router, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            stream = listeners.accept() => {
                // Small answers wait for nothing. A socket that refuses this is as good as gone.
                let _ = stream.set_nodelay(true);
                let router = router.clone();
                let service = service_fn(move |request| answer(router.clone(), request));
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                let connection = graceful.watch(connection);
                // An error here is a client that went away, or the connection that was to be closed.
                connections.spawn(async move { drop(connection.await) });
            }
            // Reaps what is done, or the set would grow with every connection.
            Some(_) = connections.join_next() => {}
            () = &mut stop => break,
        }
    }
    // New connections are refused from here on, not left waiting.
    drop(listeners);
    let _ = timeout(GRACE, graceful.shutdown()).await;
    connections.shutdown().await;
}

/// An error of the service is how hyper is told to close a connection with no answer.
async fn answer(router: Router, request: Request<Incoming>) -> Result<Response<Body>, io::Error> {
    let Ok(response) = TowerToHyperService::new(router).call(request).await;
    match response.extensions().get::<CloseConnection>() {
        Some(CloseConnection) => Err(io::ErrorKind::ConnectionAborted.into()),
        None => Ok(response),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_free_port_is_one_for_both_addresses() {
        let listeners = Listeners::bind(0).await.unwrap();
        assert_ne!(listeners.port(), 0);
        if let Some(v6) = &listeners.v6 {
            assert_eq!(v6.local_addr().unwrap().port(), listeners.port());
        }
        let taken = Listeners::bind(listeners.port()).await.unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    }
}
