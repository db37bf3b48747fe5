//! The MQTT listener: TLS with the node's certificate, for devices and tools that know nothing of
//! this system. Without TLS it is open on this machine only, and only where the operator says so.
//!
//! A connection translates: names to topics, messages to letters, filters to subscriptions, and
//! back. What is allowed is decided where it is for every other client.

mod challenge;
mod connection;
mod delivering;
mod gathering;
mod greeting;
mod observing;
mod prepaid;
mod publishing;
mod reasons;
mod subscribing;
mod system;

use std::net::SocketAddr;
use std::sync::Arc;

use sekisho_mqtt::mapping::Prefix;
use sekisho_proto::{Hash, PublicKey};
use sekisho_seal::SigningKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, debug, debug_span};

use crate::hub::{Hub, metrics};
use crate::transport::certificate::{Certificate, peer_public_key};
use crate::transport::crowd::{Crowd, Place as Stranger, Seat};
use crate::transport::quic::ListenError;
use crate::transport::socket::{HANDSHAKE_MAX, Newcomer, Security, Socket};
use crate::transport::web::{Ungreeted, Visitor};

/// What TLS is to be spoken for (IANA's registry of ALPN protocol ids).
const PROTOCOLS: &[&[u8]] = &[b"mqtt"];

/// What every connection shares.
#[derive(Debug)]
pub(crate) struct Door {
    hub: Arc<Hub>,
    key: Arc<SigningKey>,
    crowd: Arc<Crowd>,
    prefix: Prefix,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// A bound listener.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    door: Arc<Door>,
}

/// Who is at the other end, as far as the transport knows.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The key in the certificate that the client has proven to hold.
    pub(crate) key: Option<PublicKey>,
    /// The certificate that the client was shown; none without TLS.
    pub(crate) shown: Option<Hash>,
    pub(crate) place: Place,
}

/// Where the connection counts while it lasts.
#[derive(Debug)]
pub(crate) enum Place {
    /// It is one for itself, and a stranger's until it is known whose it is.
    Own { _seat: Seat, stranger: Option<Stranger> },
    /// It is one of those over HTTPS.
    Shared { visitor: Arc<Visitor>, ungreeted: Option<Ungreeted> },
}

impl Place {
    /// It has said whose it is.
    fn known(&mut self) {
        match self {
            Self::Own { stranger, .. } => drop(stranger.take()),
            Self::Shared { visitor, ungreeted } => {
                drop(ungreeted.take());
                visitor.known();
            }
        }
    }
}

impl Door {
    /// What the connections share while the node runs.
    pub(crate) fn new(
        (hub, key, crowd): (Arc<Hub>, Arc<SigningKey>, Arc<Crowd>),
        stop: CancellationToken,
    ) -> Arc<Self> {
        let prefix = hub.config().mqtt.prefix.clone();
        Arc::new(Self { hub, key, crowd, prefix, stop, tasks: TaskTracker::new() })
    }

    /// Serves one connection, whatever carries its bytes, until either side ends it.
    pub(crate) fn serve<S>(
        self: Arc<Self>,
        stream: S,
        peer: Peer,
    ) -> impl Future<Output = ()> + Send
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        connection::serve(self, stream, peer)
    }

    /// Waits for the connections, which end when the node stops.
    pub(crate) async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Listener {
    /// Binds `address` for clients that speak TLS.
    ///
    /// # Errors
    /// The certificate cannot be used, or the address not be bound.
    pub(crate) async fn bind(
        address: SocketAddr,
        certificate: &watch::Sender<Certificate>,
        door: Arc<Door>,
    ) -> Result<Self, ListenError> {
        let socket = Socket::bind(address, certificate, PROTOCOLS).await?;
        Ok(Self { socket, door })
    }

    /// Binds `address`, which is of this machine only, for clients that speak no TLS.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub(crate) async fn bind_loopback(
        address: SocketAddr,
        door: Arc<Door>,
    ) -> Result<Self, ListenError> {
        let socket = Socket::bind_loopback(address).await?;
        Ok(Self { socket, door })
    }

    /// Where it listens; the port is the system's choice where 0 was asked for.
    ///
    /// # Errors
    /// The socket is gone.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.address()
    }

    /// Accepts until the node stops, then waits for the connections.
    pub(crate) async fn run(mut self) {
        loop {
            let newcomer = tokio::select! {
                () = self.door.stop.cancelled() => break,
                newcomer = self.socket.next(&self.door.crowd) => newcomer,
            };
            let span = debug_span!("mqtt", address = %newcomer.address);
            let serving = secure(newcomer, Arc::clone(&self.door));
            self.door.tasks.spawn(serving.instrument(span));
        }
        drop(self.socket);
        self.door.close().await;
    }
}

async fn secure(newcomer: Newcomer, door: Arc<Door>) {
    let Newcomer { stream, address, security, seat, stranger } = newcomer;
    let place = Place::Own { _seat: seat, stranger: Some(stranger) };
    let peer = Peer { address, key: None, shown: None, place };
    let Security::Tls(acceptor, shown) = security else {
        return Box::pin(door.serve(stream, peer)).await;
    };
    // What lasts as long as the connection is small: what is large is boxed while it is needed, and
    // what stays is in one place.
    let accepting = Box::pin(timeout(HANDSHAKE_MAX, acceptor.accept(stream)));
    let stream = match accepting.await {
        Ok(Ok(stream)) => Box::new(stream),
        Ok(Err(fault)) => {
            debug!(%fault, "no handshake");
            return metrics::handshake_failed("tls");
        }
        Err(_elapsed) => return metrics::handshake_failed("timeout"),
    };
    let key = peer_public_key(stream.get_ref().1);
    Box::pin(door.serve(stream, Peer { key, shown: Some(shown), ..peer })).await;
}

#[cfg(test)]
mod tests;
