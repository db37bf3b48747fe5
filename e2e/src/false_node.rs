//! A false node that newcomers are sent to: it answers at a node's address with a key of its own or
//! a stolen one, keeps every datagram and every frame, and lets nobody in.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use quinn::{Endpoint, Incoming};
use sekisho::framing::{FrameReader, FrameWriter};
use sekisho::{SigningKey, tls};
use sekisho_proto::Frame;
use sekisho_proto::frame::{Enrol, Enrolling, EnrolmentState};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// Largest datagram on loopback.
const DATAGRAM_BYTES_MAX: usize = 65_536;

/// What it has seen.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// Every datagram that came, one behind the other.
    pub datagrams: Vec<u8>,
    /// Every frame that it could read.
    pub frames: Vec<Frame>,
}

/// See the module.
#[derive(Debug)]
pub struct FalseNode {
    recorded: Arc<Mutex<Recorded>>,
    endpoint: Endpoint,
    tasks: JoinSet<()>,
}

impl FalseNode {
    /// Listens at an address that is free, with this key.
    pub async fn listen(address: SocketAddr, signing: &SigningKey) -> Self {
        let recorded = Arc::new(Mutex::new(Recorded::default()));
        let config = tls::quic_server_config(signing).expect("TLS takes the key");
        let behind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let endpoint = tls::server_endpoint(behind, config, signing).expect("a free port");
        let inside = endpoint.local_addr().expect("its own address");
        let front = UdpSocket::bind(address).await.expect("the node's address is free");
        let mut tasks = JoinSet::new();
        tasks.spawn(pass(Arc::new(front), inside, Arc::clone(&recorded)));
        tasks.spawn(accept(endpoint.clone(), Arc::clone(&recorded)));
        Self { recorded, endpoint, tasks }
    }

    /// What it has seen so far.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first request to be enrolled.
    #[must_use]
    pub fn enrol(&self) -> Option<Enrol> {
        self.recorded()
            .frames
            .into_iter()
            .find_map(|frame| if let Frame::Enrol(enrol) = frame { Some(enrol) } else { None })
    }

    /// Leaves the address to whoever comes next.
    pub async fn leave(mut self) {
        self.endpoint.close(0_u32.into(), b"");
        self.tasks.shutdown().await;
    }
}

fn note(recorded: &Mutex<Recorded>, change: impl FnOnce(&mut Recorded)) {
    change(&mut recorded.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Passes datagrams on, each caller's from a socket of its own, and keeps them.
async fn pass(front: Arc<UdpSocket>, inside: SocketAddr, recorded: Arc<Mutex<Recorded>>) {
    let mut onward: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut returning = JoinSet::new();
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    while let Ok((length, caller)) = front.recv_from(&mut buffer).await {
        let Some(datagram) = buffer.get(..length) else { continue };
        note(&recorded, |seen| seen.datagrams.extend_from_slice(datagram));
        let out = match onward.get(&caller) {
            Some(out) => Arc::clone(out),
            None => {
                let out = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
                let out = Arc::new(out);
                onward.insert(caller, Arc::clone(&out));
                returning.spawn(pass_back(Arc::clone(&out), Arc::clone(&front), caller));
                out
            }
        };
        // A lost datagram is QUIC's business.
        drop(out.send_to(datagram, inside).await);
    }
}

async fn pass_back(from: Arc<UdpSocket>, to: Arc<UdpSocket>, caller: SocketAddr) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    while let Ok((length, _inside)) = from.recv_from(&mut buffer).await {
        let Some(datagram) = buffer.get(..length) else { continue };
        drop(to.send_to(datagram, caller).await);
    }
}

async fn accept(endpoint: Endpoint, recorded: Arc<Mutex<Recorded>>) {
    let mut guests = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        guests.spawn(hear(incoming, Arc::clone(&recorded)));
    }
}

/// Keeps whatever a guest says, and says no to whoever wants to be enrolled.
async fn hear(incoming: Incoming, recorded: Arc<Mutex<Recorded>>) {
    let Ok(connection) = incoming.await else { return };
    let Ok((send, receive)) = connection.accept_bi().await else { return };
    let (mut writer, mut reader) = (FrameWriter::new(send), FrameReader::new(receive));
    while let Ok(Some(frame)) = reader.next().await {
        let wants_in = matches!(frame, Frame::Enrol(_));
        note(&recorded, |seen| seen.frames.push(frame));
        if wants_in {
            let no = Enrolling {
                state: EnrolmentState::Refused,
                why: "not today".to_owned(),
                statements: Vec::new(),
            };
            drop(writer.send(&Frame::Enrolling(no)).await);
        }
    }
}
