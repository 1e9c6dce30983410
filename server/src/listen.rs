//! The listening side: two loopback sockets, an orderly stop; HTTP/1.1, and behind TLS HTTP/2 for who asks for it.
//!
//! The rest of the server only knows a [`Router`].

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer},
};

/// How long open answers may go on after the stop was asked for. An event stream would go on for ever.
const GRACE: Duration = Duration::from_secs(2);

/// A client that connects and then says nothing of TLS is not waited for.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How often a free port is looked for on which both addresses can be had.
const ATTEMPTS: u32 = 16;

/// Marks an answer that must not be sent: the connection is closed instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloseConnection;

/// Who sent a request: part of it as an extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) IpAddr);

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

    async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            let accepted = match &self.v6 {
                None => self.v4.accept().await,
                Some(v6) => tokio::select! {
                    accepted = self.v4.accept() => accepted,
                    accepted = v6.accept() => accepted,
                },
            };
            match accepted {
                Ok(accepted) => return accepted,
                // Out of file descriptors, or a client that was gone at once: neither ends the server.
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

/// What TLS needs: a certificate of its own for the loopback names, made now, which nobody signed. Offers HTTP/2
/// before HTTP/1.1.
///
/// # Errors
///
/// When the certificate cannot be made.
pub fn tls() -> Result<TlsAcceptor, Box<dyn std::error::Error>> {
    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names)?;
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert.into()], key.into())?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Answers with `router` until `stop` is done, then lets open answers finish for a short while.
pub async fn serve(
    listeners: Listeners,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            (stream, client) = listeners.accept() => {
                // Small answers wait for nothing. A socket that refuses this is as good as gone.
                let _ = stream.set_nodelay(true);
                let (tls, router, watcher) = (tls.clone(), router.clone(), graceful.watcher());
                connections.spawn(async move {
                    match tls {
                        None => converse(stream, client, router, watcher).await,
                        Some(tls) => {
                            if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await {
                                converse(stream, client, router, watcher).await;
                            }
                        }
                    }
                });
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

/// One connection, to its end.
async fn converse<S>(stream: S, client: SocketAddr, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Client(client.ip()));
        answer(router.clone(), request)
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    // An error here is a client that went away, or the connection that was to be closed.
    drop(watcher.watch(connection.into_owned()).await);
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
