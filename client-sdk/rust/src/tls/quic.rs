//! Sets QUIC's limits. The library's own defaults suit a trusted peer: an unbounded connection
//! window, a hundred streams, 0-RTT in its convenience constructors. A node faces strangers.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::hmac;
use quinn::{
    ClientConfig, Endpoint, EndpointConfig, IdleTimeout, MtuDiscoveryConfig, ServerConfig,
    TokioRuntime, TransportConfig, VarInt,
    crypto::{
        CryptoError, HmacKey,
        rustls::{QuicClientConfig, QuicServerConfig},
    },
};
use quinn_proto::HashedConnectionIdGenerator;
use sekisho_proto::PublicKey;
use sekisho_seal::SigningKey;
use socket2::SockRef;

use super::{TlsError, client_config, server_config};

/// Silence after which a connection is given up. Three keep-alives may be lost before that.
pub const IDLE_TIMEOUT: Duration = Duration::from_millis(IDLE_TIMEOUT_MS as u64);
const IDLE_TIMEOUT_MS: u32 = 30_000;

/// How often a client that has nothing to say says so. NAT bindings for UDP live 30 s or longer
/// (RFC 4787 REQ-5 wants two minutes; mobile carriers go down to 30 s).
pub const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Longest a handshake, and then the answer to Hello, may take before the attempt is given up.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Streams a client may open before the node has welcomed it: the control stream and a few
/// subscriptions sent ahead of the answer.
pub const BIDIRECTIONAL_STREAMS_BEFORE_WELCOME: u32 = 8;

/// Streams a client may hold once it is welcome; one is the control stream, each other one a
/// subscription. 1024 × the 256 KiB stream window is bounded by the 4 MiB connection window.
pub const BIDIRECTIONAL_STREAMS_MAX: u32 = 1024;

/// Handshakes that may wait at a node at once.
pub const INCOMING_MAX: usize = 1024;

/// Frames are copied into one buffer of this size per write, bytes. Smaller writes make the QUIC
/// library's list of unacknowledged segments long, and its cost grows with the square of that.
pub const CONTROL_BUFFER_BYTES: usize = 16 * 1024;

/// Largest datagram that is tried on a path, bytes of UDP payload, and that a node takes from it; a
/// client takes what the library does, whose buffers grow with it. Datagrams of a usual Ethernet hold
/// some 1,450, where the library stops looking; within a machine, and on networks with jumbo frames,
/// a larger one costs as much as a small one. Ten of them go to the system at once, which takes
/// 65,507 bytes at most.
const DATAGRAM_BYTES_MAX: u16 = 6_000;
/// Bytes a node lets one stream of a client send ahead.
const NODE_STREAM_WINDOW: u32 = 256 * 1024;
/// Bytes a node lets one client send ahead in all.
const NODE_RECEIVE_WINDOW: u32 = 4 * 1024 * 1024;
/// Bytes a client lets one subscription send ahead: 8 MB/s over the 250 ms between Japan and Spain.
const CLIENT_STREAM_WINDOW: u32 = 2 * 1024 * 1024;
/// Bytes a client lets its node send ahead in all.
const CLIENT_RECEIVE_WINDOW: u32 = 8 * 1024 * 1024;
/// Bytes sent and not yet acknowledged: 256 full write buffers, so the list stays short.
const SEND_WINDOW: u64 = 4 * 1024 * 1024;
/// Bytes of early data kept for one handshake that has not been accepted.
const INCOMING_BUFFER_BYTES: u64 = 16 * 1024;
/// Bytes of early data kept for all of them.
const INCOMING_BUFFER_BYTES_TOTAL: u64 = 8 * 1024 * 1024;
/// Bytes of datagrams that wait in the system for a node: what a fleet sends while both cores are
/// busy for 100 ms. What finds no place is lost, and with it a round trip or two. Linux gives 208 KiB
/// unless asked, and no more than `net.core.rmem_max`.
const NODE_SOCKET_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of datagrams that wait in the system for a client.
const CLIENT_SOCKET_BYTES: usize = 1024 * 1024;
const QUIC_VERSION_1: u32 = 1;
/// What the key of stateless resets is derived with.
const RESET_CONTEXT: &[u8] = b"sekisho-quic-reset-v1\0";
/// What the key of connection ids is derived with.
const CONNECTION_ID_CONTEXT: &[u8] = b"sekisho-quic-connection-id-v1\0";

/// QUIC for a client of the node whose key is `node_key`.
///
/// # Errors
/// [`TlsError`] as for [`client_config`].
pub fn quic_client_config(
    signing: &SigningKey,
    node_key: &PublicKey,
) -> Result<ClientConfig, TlsError> {
    let crypto = QuicClientConfig::try_from(client_config(signing, node_key)?)
        .map_err(TlsError::InitialSuite)?;
    let mut transport = transport(CLIENT_STREAM_WINDOW, CLIENT_RECEIVE_WINDOW);
    transport.max_concurrent_bidi_streams(VarInt::from_u32(0));
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport)).version(QUIC_VERSION_1);
    Ok(config)
}

/// QUIC for a node's listener. After Welcome the node allows a connection more streams as it uses
/// them, up to [`BIDIRECTIONAL_STREAMS_MAX`].
///
/// # Errors
/// [`TlsError`] as for [`server_config`].
pub fn quic_server_config(signing: &SigningKey) -> Result<ServerConfig, TlsError> {
    let crypto =
        QuicServerConfig::try_from(server_config(signing)?).map_err(TlsError::InitialSuite)?;
    let mut transport = transport(NODE_STREAM_WINDOW, NODE_RECEIVE_WINDOW);
    transport.max_concurrent_bidi_streams(VarInt::from_u32(BIDIRECTIONAL_STREAMS_BEFORE_WELCOME));
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config
        .transport_config(Arc::new(transport))
        .migration(true)
        .max_incoming(INCOMING_MAX)
        .incoming_buffer_size(INCOMING_BUFFER_BYTES)
        .incoming_buffer_size_total(INCOMING_BUFFER_BYTES_TOTAL);
    Ok(config)
}

/// What both kinds of endpoint share: QUIC version 1 and nothing older or newer.
#[must_use]
pub fn endpoint_config() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    config.supported_versions(vec![QUIC_VERSION_1]);
    config
}

/// An endpoint that can only dial, bound to `local` (port 0: any).
///
/// # Errors
/// The operating system's, where the address cannot be bound or no runtime runs.
pub fn client_endpoint(local: SocketAddr) -> io::Result<Endpoint> {
    Endpoint::new(endpoint_config(), None, client_socket(local)?, Arc::new(TokioRuntime))
}

/// An endpoint that listens on `local` as the node that holds `signing`, and can dial too.
///
/// # Errors
/// The operating system's, where the address cannot be bound or no runtime runs.
pub fn server_endpoint(
    local: SocketAddr,
    config: ServerConfig,
    signing: &SigningKey,
) -> io::Result<Endpoint> {
    let socket = socket(local, NODE_SOCKET_BYTES)?;
    Endpoint::new(node_endpoint_config(signing), Some(config), socket, Arc::new(TokioRuntime))
}

/// A client's socket.
pub(crate) fn client_socket(local: SocketAddr) -> io::Result<UdpSocket> {
    socket(local, CLIENT_SOCKET_BYTES)
}

/// A UDP socket whose queues hold so many bytes, or as many as the system allows.
fn socket(local: SocketAddr, bytes: usize) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(local)?;
    let options = SockRef::from(&socket);
    let asked = options.set_recv_buffer_size(bytes).and(options.set_send_buffer_size(bytes));
    let given = options.recv_buffer_size().unwrap_or_default();
    if asked.is_err() || given < bytes {
        tracing::debug!(%local, wanted = bytes, found = given, "a small queue for datagrams");
    }
    Ok(socket)
}

/// A node that was killed has the same secrets when it is back, and can tell its clients at once
/// that their connections are gone (RFC 9000 §10.3). With new ones they would wait for
/// [`IDLE_TIMEOUT`].
fn node_endpoint_config(signing: &SigningKey) -> EndpointConfig {
    let root = hmac::Key::new(hmac::HMAC_SHA256, &*signing.seed());
    let reset = hmac::sign(&root, RESET_CONTEXT);
    let ids = hmac::sign(&root, CONNECTION_ID_CONTEXT);
    let ids = ids.as_ref().first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    let mut config = endpoint_config();
    if config.max_udp_payload_size(DATAGRAM_BYTES_MAX).is_err() {
        tracing::debug!("the QUIC library takes no larger datagrams");
    }
    config.reset_key(Arc::new(ResetKey(hmac::Key::new(hmac::HMAC_SHA256, reset.as_ref()))));
    config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)));
    config
}

/// Makes the tokens of stateless resets.
struct ResetKey(hmac::Key);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        let tag = hmac::sign(&self.0, data);
        for (to, from) in signature_out.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
    }

    fn signature_len(&self) -> usize {
        hmac::HMAC_SHA256.tag_len()
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        hmac::verify(&self.0, data, signature).map_err(|_unspecified| CryptoError)
    }
}

fn transport(stream_window: u32, receive_window: u32) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let mut datagrams = MtuDiscoveryConfig::default();
    datagrams.upper_bound(DATAGRAM_BYTES_MAX);
    transport
        .mtu_discovery_config(Some(datagrams))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(stream_window))
        .receive_window(VarInt::from_u32(receive_window))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_TIMEOUT_MS))));
    transport
}
