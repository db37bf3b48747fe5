//! Stands between the two nodes, passes every datagram on, and looks for what must not be in one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

use super::search::Needles;

/// Largest datagram on loopback.
const DATAGRAM_BYTES_MAX: usize = 65_536;
/// Bytes of datagrams that may wait for the relay.
const QUEUE_BYTES: usize = 4 << 20;

/// One direction of dialling: whoever comes here is passed on to the target.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    counts: Arc<Counts>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    datagrams: AtomicU64,
    bytes: AtomicU64,
    found: AtomicU64,
}

impl Relay {
    /// Listens on a free port and passes datagrams to `target` and back.
    pub(super) async fn start(target: SocketAddr, needles: Arc<Needles>) -> Result<Self> {
        let socket = Arc::new(open_socket().await.context("relay")?);
        let address = socket.local_addr()?;
        let counts = Arc::new(Counts::default());
        let task = tokio::spawn(pass(socket, target, needles, Arc::clone(&counts)));
        Ok(Self { address, counts, _task: AbortOnDropHandle::new(task) })
    }

    /// Datagrams passed on.
    pub(super) fn datagrams(&self) -> u64 {
        self.counts.datagrams.load(Ordering::Relaxed)
    }

    /// Bytes passed on.
    pub(super) fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::Relaxed)
    }

    /// Needles found in them.
    pub(super) fn found(&self) -> u64 {
        self.counts.found.load(Ordering::Relaxed)
    }
}

impl Counts {
    fn look(&self, datagram: &[u8], needles: &Needles) {
        self.datagrams.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(datagram.len() as u64, Ordering::Relaxed);
        self.found.fetch_add(needles.count_in(datagram), Ordering::Relaxed);
    }
}

/// A socket with room for as many datagrams as a node's, so that no more is lost here than there.
async fn open_socket() -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    SockRef::from(&socket).set_recv_buffer_size(QUEUE_BYTES)?;
    Ok(socket)
}

/// Each caller gets a socket of its own towards the target, as a NAT does it.
async fn pass(
    socket: Arc<UdpSocket>,
    target: SocketAddr,
    needles: Arc<Needles>,
    counts: Arc<Counts>,
) {
    let mut onward: HashMap<SocketAddr, (Arc<UdpSocket>, AbortOnDropHandle<()>)> = HashMap::new();
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    while let Ok((length, caller)) = socket.recv_from(&mut buffer).await {
        let Some(datagram) = buffer.get(..length) else { continue };
        counts.look(datagram, &needles);
        let (out, _back) = match onward.entry(caller) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let Ok(out) = open_socket().await.map(Arc::new) else { continue };
                let watch = (Arc::clone(&needles), Arc::clone(&counts));
                let back = tokio::spawn(back(Arc::clone(&out), Arc::clone(&socket), caller, watch));
                new.insert((out, AbortOnDropHandle::new(back)))
            }
        };
        // A lost datagram is QUIC's business.
        drop(out.send_to(datagram, target).await);
    }
}

async fn back(
    from: Arc<UdpSocket>,
    to: Arc<UdpSocket>,
    caller: SocketAddr,
    (needles, counts): (Arc<Needles>, Arc<Counts>),
) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    while let Ok((length, _node)) = from.recv_from(&mut buffer).await {
        let Some(datagram) = buffer.get(..length) else { continue };
        counts.look(datagram, &needles);
        drop(to.send_to(datagram, caller).await);
    }
}
