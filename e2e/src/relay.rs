//! A stretch of network between two processes, for where the kernel has no weather of its own: it
//! carries datagrams, and delays, reorders, loses, repeats, slows or swallows them as it is told.

mod wind;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use wind::Wind;

/// The largest datagram of UDP, bytes.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Datagrams on their way; what comes beyond is lost, as by a router.
const UNDER_WAY_MAX: usize = 65_536;

/// What the network does to datagrams; by default nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weather {
    /// How long each is under way.
    pub delay: Duration,
    /// By how much longer at most; beyond the time between two datagrams it reorders them.
    pub jitter: Duration,
    /// Of a thousand, how many are lost.
    pub lost_per_mille: u64,
    /// Of a thousand, how many come twice.
    pub repeated_per_mille: u64,
    /// What gets through, bytes per second; `None` = everything.
    pub bytes_per_s: Option<u64>,
    /// The cable is out: nothing gets through, and nobody is told.
    pub is_cut: bool,
}

/// What went which way.
#[derive(Debug, Default)]
struct Carried {
    there: AtomicU64,
    back: AtomicU64,
}

/// A relay before one address. It ends when dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    carried: Arc<Carried>,
    _tasks: JoinSet<io::Result<()>>,
}

impl Relay {
    /// Begins to carry what is sent to [`address`](Self::address) to `target`, and back. The same
    /// seed draws the same fates.
    pub async fn before(target: SocketAddr, seed: u64) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), target, seed).await
    }

    /// The same, at an address of the caller's choice.
    pub async fn at(address: SocketAddr, target: SocketAddr, seed: u64) -> Self {
        let socket = UdpSocket::bind(address).await.expect("a socket for a relay");
        let address = socket.local_addr().expect("a bound socket has an address");
        let (weather, told) = watch::channel(Weather::default());
        let carried = Arc::new(Carried::default());
        let mut tasks = JoinSet::new();
        let front = Front { socket: Arc::new(socket), target, seed, told };
        tasks.spawn(front.run(Arc::clone(&carried)));
        Self { address, weather, carried, _tasks: tasks }
    }

    /// Where to send.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the weather; what is under way stays so.
    pub fn turn(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// Pulls the cable, or puts it back.
    pub fn cut(&self, is_cut: bool) {
        self.weather.send_modify(|weather| weather.is_cut = is_cut);
    }

    /// Bytes of datagrams that arrived at the target.
    #[must_use]
    pub fn bytes_there(&self) -> u64 {
        self.carried.there.load(Ordering::Relaxed)
    }

    /// Bytes of datagrams that came back from it.
    #[must_use]
    pub fn bytes_back(&self) -> u64 {
        self.carried.back.load(Ordering::Relaxed)
    }
}

/// Takes what comes, and gives each sender a way of its own to the target.
struct Front {
    socket: Arc<UdpSocket>,
    target: SocketAddr,
    seed: u64,
    told: watch::Receiver<Weather>,
}

impl Front {
    async fn run(self, carried: Arc<Carried>) -> io::Result<()> {
        let mut ways: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>> = HashMap::new();
        let mut tasks = JoinSet::new();
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            // A target that does not listen is no fault of whoever sends.
            let Ok((length, sender)) = self.socket.recv_from(&mut buffer).await else { continue };
            let Some(datagram) = buffer.get(..length) else { continue };
            let way = match ways.entry(sender) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    place.insert(self.open(sender, &carried, &mut tasks).await?)
                }
            };
            drop(way.try_send(datagram.to_vec()));
        }
    }

    async fn open(
        &self,
        sender: SocketAddr,
        carried: &Arc<Carried>,
        tasks: &mut JoinSet<io::Result<()>>,
    ) -> io::Result<mpsc::Sender<Vec<u8>>> {
        let own = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
        let back = Arc::new(UdpSocket::bind(own).await?);
        back.connect(self.target).await?;
        let number = self.seed.rotate_left(7) ^ u64::from(sender.port());
        let (going, there) = mpsc::channel(UNDER_WAY_MAX);
        let (coming, here) = mpsc::channel(UNDER_WAY_MAX);
        let (to_target, counted) = (Arc::clone(&back), Arc::clone(carried));
        tasks.spawn(Wind::new(number, self.told.clone()).carry(there, async move |datagram| {
            counted.there.fetch_add(bytes(&datagram), Ordering::Relaxed);
            drop(to_target.send(&datagram).await);
        }));
        let (front, counted) = (Arc::clone(&self.socket), Arc::clone(carried));
        tasks.spawn(Wind::new(!number, self.told.clone()).carry(here, async move |datagram| {
            counted.back.fetch_add(bytes(&datagram), Ordering::Relaxed);
            drop(front.send_to(&datagram, sender).await);
        }));
        tasks.spawn(async move {
            let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
            loop {
                let Ok(length) = back.recv(&mut buffer).await else { continue };
                if let Some(datagram) = buffer.get(..length) {
                    drop(coming.try_send(datagram.to_vec()));
                }
            }
        });
        Ok(going)
    }
}

fn bytes(datagram: &[u8]) -> u64 {
    u64::try_from(datagram.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
