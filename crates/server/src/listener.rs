//! The accept loop: a bounded number of connections, each served by a task of its own.
//!
//! An accept that fails (no file descriptors left, a peer that hung up) neither ends the loop nor
//! spins it. One address holds a part of the connections only. When told to stop, the loop accepts no more, lets every connection finish what is
//! under way, and cuts off what is not done in time.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::client_authorities::shown;
use crate::connection::{self, Protocol};
use crate::http_service::HttpService;
use crate::per_address::PerAddress;
use crate::proxies::Origin;

/// Most connections at a time; further ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 4096;
/// Most connections at a time from one address that is not a named proxy's; further ones are
/// closed at once.
const CONNECTIONS_PER_ADDRESS: usize = 1024;
/// How often it is said at most that connections were closed.
const CROWD_REPORTS: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the loop rests after an accept that failed.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// How long connections may take to end once the server stops.
const DRAIN: Duration = Duration::from_millis(9_500);

/// A bound socket and what it serves.
pub(crate) struct Listener<H> {
    pub(crate) socket: TcpListener,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) service: Arc<H>,
}

impl<H: HttpService> Listener<H> {
    /// Serves until `shutdown` is done, then lets what is under way finish.
    pub(crate) async fn serve_until(self, shutdown: impl Future<Output = ()>) {
        self.serve_shares(PerAddress::new(CONNECTIONS_PER_ADDRESS), shutdown).await;
    }

    /// Serves each address within its share.
    async fn serve_shares(self, shares: Arc<PerAddress>, shutdown: impl Future<Output = ()>) {
        let Self { socket, tls, service } = self;
        let tls = tls.map(TlsAcceptor::from);
        let (stop, stopped) = watch::channel(false);
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut crowd = TurnedAway::new("their address has its share of connections already");
        let mut strangers = TurnedAway::new("without TLS only trusted proxies are admitted");
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        let mut failing = false;
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = connections.join_next() => report(ended),
                (accepted, place) = accept(&socket, &places) => match accepted {
                    Ok((stream, peer)) => {
                        failing = false;
                        let address = peer.ip().to_canonical();
                        // SECURITY: a listener that proxies reach without TLS is not one for
                        // everybody.
                        if tls.is_none() && !service.admits_cleartext(address) {
                            strangers.turned_away(address, Instant::now());
                            continue;
                        }
                        // Whoever shares a proxy must not share its limit.
                        let share = match service.is_proxy(address) {
                            true => None,
                            false => match shares.admit(address) {
                                Some(share) => Some(share),
                                None => {
                                    crowd.turned_away(address, Instant::now());
                                    continue;
                                }
                            },
                        };
                        let (tls, service) = (tls.clone(), Arc::clone(&service));
                        let task = serve(stream, peer, tls, service, stopped.clone());
                        connections.spawn(async move {
                            task.await;
                            drop((place, share));
                        });
                    }
                    Err(error) => {
                        // Said once, not ten times a second while it lasts.
                        if !failing {
                            tracing::warn!(%error, "connections cannot be accepted");
                        }
                        failing = true;
                        sleep(ACCEPT_REST).await;
                    }
                },
            }
        }
        // The port is free for a successor from here on.
        drop(socket);
        drop(stopped);
        if !connections.is_empty() {
            tracing::info!(connections = connections.len(), "finishing what is under way");
        }
        stop.send_replace(true);
        let drained = async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
            // Also what a client has asked for that did not wait for the reply.
            service.settled().await;
        };
        if timeout(DRAIN, drained).await.is_err() {
            let (connections_left, operations) = (connections.len(), service.under_way());
            tracing::warn!(connections = connections_left, operations, "connections are cut off");
            connections.shutdown().await;
        }
    }
}

/// Connections that were closed at once for one reason, said now and then.
#[derive(Debug)]
struct TurnedAway {
    reason: &'static str,
    closed: u64,
    said: Option<Instant>,
}

impl TurnedAway {
    fn new(reason: &'static str) -> Self {
        Self { reason, closed: 0, said: None }
    }

    /// Counts one; true when that was said.
    fn turned_away(&mut self, address: IpAddr, now: Instant) -> bool {
        self.closed = self.closed.saturating_add(1);
        if self.said.is_some_and(|said| now.duration_since(said) < CROWD_REPORTS) {
            return false;
        }
        tracing::warn!(
            peer = %address,
            closed = self.closed,
            "closed connections: {}",
            self.reason
        );
        *self = Self { closed: 0, said: Some(now), reason: self.reason };
        true
    }
}

type Accepted = io::Result<(TcpStream, SocketAddr)>;

/// Waits for a place, then for a connection to take it.
async fn accept(
    socket: &TcpListener,
    places: &Arc<Semaphore>,
) -> (Accepted, Option<OwnedSemaphorePermit>) {
    // INVARIANT: the semaphore is never closed, so there is always a place in the end.
    let place = Arc::clone(places).acquire_owned().await.ok();
    (socket.accept().await, place)
}

async fn serve<H: HttpService>(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    service: Arc<H>,
    mut stop: watch::Receiver<bool>,
) {
    // Replies are small and written whole: waiting for more would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection went away");
        return;
    }
    let address = peer.ip().to_canonical();
    let Some(tls) = tls else {
        let peer = Origin::new(address, false);
        return connection::serve(stream, Protocol::Http1, peer, service, stop).await;
    };
    let handshake = tokio::select! {
        handshake = timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)) => handshake,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    let stream = match handshake {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, peer = %address, "TLS handshake failed");
            return;
        }
        Err(_) => {
            tracing::debug!(peer = %address, "TLS handshake took too long");
            return;
        }
    };
    let protocol = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Protocol::Http2,
        _ => Protocol::Http1,
    };
    let certificate = match stream.get_ref().1.peer_certificates().and_then(<[_]>::first) {
        None => None,
        Some(certificate) => match shown(certificate) {
            Some(shown) => Some(shown),
            None => {
                tracing::debug!(peer = %address, "a client's certificate cannot be read");
                return;
            }
        },
    };
    let peer = Origin { certificate, ..Origin::new(address, true) };
    connection::serve(stream, protocol, peer, service, stop).await;
}

/// A connection's task that panicked is a bug of ours; the others go on.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection failed");
    }
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;
