//! The QUIC listener: raw public keys both ways, one control stream, one stream per subscription.
//!
//! A slow subscription blocks no other: it has a stream, a queue and a place in the log of its own.

mod control;
mod streams;

use std::net::SocketAddr;
use std::sync::Arc;

use quinn::{Connection, Endpoint, Incoming, VarInt};
use sekisho::framing::{FrameReader, FrameWriter};
use sekisho::tls::{self, TlsError};
use sekisho_proto::RefusalCode;
use sekisho_seal::SigningKey;
use thiserror::Error;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, debug, debug_span, info};

use crate::hub::{Came, Hub, Refusal, metrics};
use crate::session::{Greeting, Stranger};
use crate::transport::certificate::TlsFileError;
use crate::transport::crowd::{Crowd, Place, Seat};
use crate::transport::frames::{self, FAREWELL_MAX, GREETING_MAX};

/// Why there is no listener.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The key cannot be used for TLS.
    #[error("listener {address}: the node's key cannot be used")]
    Tls {
        /// Where it was to listen.
        address: SocketAddr,
        /// What is wrong with it.
        source: TlsError,
    },
    /// The address is taken or not ours.
    #[error("listener {address}: cannot be bound")]
    Bind {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no certificate to show.
    #[error("listener {address}: wanted a certificate")]
    Certificate {
        /// Where it was to listen.
        address: SocketAddr,
        /// What is wrong with it.
        source: TlsFileError,
    },
}

/// A bound listener.
#[derive(Debug)]
pub(crate) struct Listener {
    endpoint: Endpoint,
    hub: Arc<Hub>,
    crowd: Arc<Crowd>,
}

impl Listener {
    /// Binds `address`.
    ///
    /// # Errors
    /// The key does not work, or the address cannot be bound.
    pub(crate) fn bind(
        address: SocketAddr,
        key: &SigningKey,
        hub: Arc<Hub>,
        crowd: Arc<Crowd>,
    ) -> Result<Self, ListenError> {
        let config =
            tls::quic_server_config(key).map_err(|source| ListenError::Tls { address, source })?;
        let endpoint = tls::server_endpoint(address, config, key)
            .map_err(|source| ListenError::Bind { address, source })?;
        Ok(Self { endpoint, hub, crowd })
    }

    /// Where it listens; the port is the system's choice where 0 was asked for.
    ///
    /// # Errors
    /// The socket is gone.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }

    /// Accepts until `stop`, then says goodbye to everybody and waits for them.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let connections = TaskTracker::new();
        loop {
            let incoming = tokio::select! {
                () = stop.cancelled() => break,
                incoming = self.endpoint.accept() => incoming,
            };
            let Some(incoming) = incoming else { break };
            self.welcome(incoming, &connections, &stop);
        }
        connections.close();
        connections.wait().await;
        self.endpoint.close(VarInt::from_u32(0), b"the node has stopped");
        self.endpoint.wait_idle().await;
    }

    /// Asks for proof of the address where there is a crowd, and serves whoever shows up.
    fn welcome(&self, incoming: Incoming, connections: &TaskTracker, stop: &CancellationToken) {
        let Some(seat) = self.crowd.seat() else {
            metrics::handshake_failed("too-many-connections");
            incoming.refuse();
            return;
        };
        let crowded = self.crowd.strangers() > tls::INCOMING_MAX / 2;
        if crowded && !incoming.remote_address_validated() {
            // A client that asks with a token comes back at once; a spoofed one does not.
            if let Err(unsent) = incoming.retry() {
                debug!(%unsent, "retry");
            }
            return;
        }
        let address = incoming.remote_address();
        let Some(place) = self.crowd.stranger(address.ip()) else {
            metrics::handshake_failed("too-many-from-address");
            incoming.refuse();
            return;
        };
        let (hub, stop) = (Arc::clone(&self.hub), stop.clone());
        let crowd = Arc::clone(&self.crowd);
        let span = debug_span!("connection", %address);
        connections.spawn(serve(incoming, hub, (seat, place, crowd), stop).instrument(span));
    }
}

async fn serve(
    incoming: Incoming,
    hub: Arc<Hub>,
    (_seat, place, crowd): (Seat, Place, Arc<Crowd>),
    stop: CancellationToken,
) {
    let Some((connection, greeting, reader, mut writer)) = greet(incoming, &hub).await else {
        return;
    };
    drop(place);
    match greeting {
        Greeting::Session(session, port, welcome) => {
            let name = session.who().name.clone();
            info!(principal = %name, "connected");
            metrics::change(metrics::CONNECTIONS, 1.0);
            let control = control::Control { session, port, reader, writer };
            control.run(&connection, welcome, &stop).await;
            metrics::change(metrics::CONNECTIONS, -1.0);
            info!(principal = %name, "disconnected");
        }
        Greeting::Enrolment(stranger, enrol) => {
            // Whoever comes from one address leaves room for newcomers from others.
            let Some(_place) = crowd.newcomer(connection.remote_address().ip()) else {
                let why = "wanted fewer devices of one address waiting, found no room";
                let refusal = Refusal::new(RefusalCode::TooMany, "enrolments", why);
                return farewell(&connection, &mut writer, refusal).await;
            };
            tokio::select! {
                () = stop.cancelled() => {}
                _gone = connection.closed() => {}
                () = control::enrol(&connection, stranger, enrol, writer) => {}
            }
        }
    }
    connection.close(VarInt::from_u32(0), b"");
}

type Greeted = (Connection, Greeting, FrameReader, FrameWriter);

/// From a packet to a first frame that makes sense, within the time a stranger has.
async fn greet(incoming: Incoming, hub: &Arc<Hub>) -> Option<Greeted> {
    let connection = match timeout(GREETING_MAX, incoming).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(fault)) => {
            debug!(%fault, "no handshake");
            metrics::handshake_failed("tls");
            return None;
        }
        Err(_elapsed) => {
            metrics::handshake_failed("timeout");
            return None;
        }
    };
    match timeout(GREETING_MAX, first_frame(&connection, hub)).await {
        Ok(Some((greeting, reader, writer))) => Some((connection, greeting, reader, writer)),
        Ok(None) => None,
        Err(_elapsed) => {
            metrics::handshake_failed("timeout");
            connection.close(VarInt::from_u32(1), b"wanted Hello or Enrol, found silence");
            None
        }
    }
}

async fn first_frame(
    connection: &Connection,
    hub: &Arc<Hub>,
) -> Option<(Greeting, FrameReader, FrameWriter)> {
    let key = match tls::peer_key(connection) {
        Ok(key) => key,
        Err(fault) => {
            debug!(%fault, "no key");
            metrics::handshake_failed("no-key");
            return None;
        }
    };
    let (send, receive) = connection.accept_bi().await.ok()?;
    let (mut writer, mut reader) = (FrameWriter::new(send), FrameReader::new(receive));
    let came = Came::by("quic", connection.remote_address());
    let stranger = Stranger::new(Arc::clone(hub), key).by(came);
    let refusal = match frames::first(&mut reader, stranger).await {
        Ok(greeting) => return greeting.map(|greeting| (greeting, reader, writer)),
        Err(refusal) => refusal,
    };
    frames::note_refused(hub, came, &refusal);
    farewell(connection, &mut writer, refusal).await;
    None
}

/// Tells the client why, and gives it a moment to read it.
async fn farewell(connection: &Connection, writer: &mut FrameWriter, refusal: Refusal) {
    let why = refusal.to_string();
    let told = async {
        if writer.send(&refusal.into_frame(0)).await.is_ok() {
            connection.closed().await;
        }
    };
    // A client that does not read it in time has had its chance.
    drop(timeout(FAREWELL_MAX, told).await);
    connection.close(VarInt::from_u32(1), why.as_bytes());
}
