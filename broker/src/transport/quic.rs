//! The QUIC listener: raw public keys both ways, one control stream, one stream per subscription.
//!
//! A slow subscription blocks no other: it has a stream, a queue and a place in the log of its own.

mod control;
mod streams;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quinn::{Connection, Endpoint, Incoming, VarInt};
use sekisho::framing::{FrameReader, FrameWriter};
use sekisho::tls::{self, TlsError};
use sekisho_proto::{Frame, RefusalCode, frame, limits};
use sekisho_seal::SigningKey;
use thiserror::Error;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, debug, debug_span, info};

use crate::clock;
use crate::hub::{Hub, Refusal, Subject, metrics};
use crate::session::{Greeting, Stranger};

/// From the first packet to `Hello`; a stranger that is slower is dropped.
const GREETING_MAX: Duration = Duration::from_secs(5);
/// How long a client may take to read why it was refused.
const FAREWELL_MAX: Duration = Duration::from_millis(500);

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
}

/// A bound listener.
#[derive(Debug)]
pub(crate) struct Listener {
    endpoint: Endpoint,
    hub: Arc<Hub>,
    strangers: Arc<Strangers>,
    newcomers: Arc<Strangers>,
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
    ) -> Result<Self, ListenError> {
        let config =
            tls::quic_server_config(key).map_err(|source| ListenError::Tls { address, source })?;
        let endpoint = tls::server_endpoint(address, config, key)
            .map_err(|source| ListenError::Bind { address, source })?;
        let per_address_max = hub.config().strangers_per_address_max;
        let [strangers, newcomers] = [(); 2].map(|()| Arc::new(Strangers::new(per_address_max)));
        Ok(Self { endpoint, hub, strangers, newcomers })
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
        let open = self.endpoint.open_connections();
        if open >= self.hub.config().connections_max {
            metrics::handshake_failed("too-many-connections");
            incoming.refuse();
            return;
        }
        let crowded = self.strangers.total() > tls::INCOMING_MAX / 2;
        if crowded && !incoming.remote_address_validated() {
            // A client that asks with a token comes back at once; a spoofed one does not.
            if let Err(unsent) = incoming.retry() {
                debug!(%unsent, "retry");
            }
            return;
        }
        let address = incoming.remote_address();
        let Some(place) = self.strangers.enter(address.ip()) else {
            metrics::handshake_failed("too-many-from-address");
            incoming.refuse();
            return;
        };
        let (hub, stop) = (Arc::clone(&self.hub), stop.clone());
        let newcomers = Arc::clone(&self.newcomers);
        let span = debug_span!("connection", %address);
        connections.spawn(serve(incoming, hub, (place, newcomers), stop).instrument(span));
    }
}

async fn serve(
    incoming: Incoming,
    hub: Arc<Hub>,
    (place, newcomers): (Place, Arc<Strangers>),
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
            let Some(_place) = newcomers.enter(connection.remote_address().ip()) else {
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
    reader.set_frame_bytes_max(limits::FRAME_BYTES_UNGREETED_MAX);
    let refusal = match reader.next().await {
        Ok(Some(first)) => match Stranger::new(Arc::clone(hub), key).greet(first).await {
            Ok(greeting) => {
                reader.set_frame_bytes_max(limits::FRAME_BYTES_MAX);
                return Some((greeting, reader, writer));
            }
            Err(refusal) => refusal,
        },
        Ok(None) => {
            Refusal::new(RefusalCode::UnexpectedFrame, "stream", "wanted a frame, found its end")
        }
        Err(fault) => streams::refusal_of(&fault),
    };
    metrics::handshake_failed(refusal.code.name());
    if let Some(unsaid) = hub.alarm().admit(Subject::Stranger, clock::now()) {
        let Refusal { code, what, why, .. } = &refusal;
        info!(%code, what, why, unsaid, "refused a connection");
    }
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

/// `Goodbye` with a reason.
fn goodbye(code: RefusalCode, why: impl Into<String>) -> Frame {
    Frame::Goodbye(frame::Goodbye { code: Some(code), why: why.into() })
}

/// Who is connected and has not said who they are, by address.
#[derive(Debug)]
struct Strangers {
    per_address_max: usize,
    counts: Mutex<BTreeMap<IpAddr, usize>>,
}

/// One stranger's place; given up when dropped.
struct Place {
    strangers: Arc<Strangers>,
    address: IpAddr,
}

impl Strangers {
    fn new(per_address_max: usize) -> Self {
        Self { per_address_max, counts: Mutex::new(BTreeMap::new()) }
    }

    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = network_of(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_insert(0);
        if *count >= self.per_address_max {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Place { strangers: Arc::clone(self), address })
    }

    fn total(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

/// What one subscriber of a network operator is given: an IPv4 address, or 64 bits of IPv6 (RFC 6177).
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.strangers.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_ipv6_network_share_its_places() {
        let strangers = Arc::new(Strangers::new(2));
        let enter = |address: &str| strangers.enter(address.parse().unwrap());
        let taken = [enter("2001:db8:1:2::1"), enter("2001:db8:1:2:ffff::9")];
        assert!(taken.iter().all(Option::is_some));
        assert!(enter("2001:db8:1:2::3").is_none());
        assert!(enter("2001:db8:1:3::1").is_some(), "wanted another network let in");
        assert!(enter("192.0.2.1").is_some());
        drop(taken);
        assert!(enter("2001:db8:1:2::3").is_some(), "wanted the places given up");
        assert_eq!(strangers.total(), 0);
    }
}
