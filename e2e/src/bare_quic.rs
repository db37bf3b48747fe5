//! A QUIC client by hand, over nothing but TLS and its packet keys: it completes an honest handshake
//! and then puts any bytes into packets, which no library would send. It also says anything in its
//! handshake, stops in the midst of it, and leaves from any address.

mod frames;
mod packet;
mod parameters;
mod varint;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::Side;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::pki_types::ServerName;
use rustls::quic::{ClientConnection, KeyChange, Version};
use sekisho::{OsEntropy, tls};
use sekisho_seal::draw;
use tokio::net::UdpSocket;

pub use frames::Close;
pub use parameters::{Parameters, id};
pub use varint::varint;

use crate::patience::within;
use crate::stranger::Stranger;
use packet::{ID_BYTES, Level, Opened, Part, Space};
use varint::Rest;

/// Larger than any datagram.
const DATAGRAM_BYTES: usize = 65_536;
/// Bytes of a handshake in one packet.
const CRYPTO_BYTES: usize = 1_000;

/// One connection.
pub struct BareQuic {
    socket: UdpSocket,
    node: SocketAddr,
    tls: ClientConnection,
    to: Vec<u8>,
    from: Vec<u8>,
    spaces: [Space; 3],
    /// Bytes of the handshake that were sent and taken in, by level.
    crypto_sent: [u64; 3],
    crypto_taken: [u64; 3],
    crypto_waiting: [BTreeMap<u64, Vec<u8>>; 3],
    level: Level,
    is_done: bool,
    closed: Option<Close>,
    counts: Counts,
    challenges: Vec<[u8; 8]>,
}

/// What went to and fro.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes of datagrams sent.
    pub sent: usize,
    /// Bytes of datagrams that came back.
    pub received: usize,
    /// Answers to challenges of a path.
    pub path_responses: usize,
    /// Challenges of a path.
    pub path_challenges: usize,
    /// Times the server wanted the address proven first.
    pub retries: usize,
}

impl std::fmt::Debug for BareQuic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BareQuic({:?} to {}, {:?})", self.level, self.node, self.closed)
    }
}

impl BareQuic {
    /// A connection to the stranger's node from a socket, of which nothing has been sent. What the
    /// client says of itself may be changed first.
    #[must_use]
    pub fn prepare(
        stranger: &Stranger,
        socket: UdpSocket,
        change: impl FnOnce(&mut Parameters),
    ) -> Self {
        let mut entropy = OsEntropy::new();
        let to = draw::<ID_BYTES>(&mut entropy).expect("randomness").to_vec();
        let from = draw::<ID_BYTES>(&mut entropy).expect("randomness").to_vec();
        let mut parameters = Parameters::honest(&from);
        change(&mut parameters);
        let name: ServerName<'static> =
            tls::SERVER_NAME.to_owned().try_into().expect("a server's name");
        let config = Arc::new(stranger.tls());
        let tls = ClientConnection::new(config, Version::V1, name, parameters.encoded());
        let mut spaces = [Level::Initial, Level::Handshake, Level::Data].map(Space::new);
        let suite = TLS13_AES_128_GCM_SHA256.tls13().expect("a suite of TLS 1.3");
        let suite = suite.quic_suite().expect("QUIC has it");
        let [initial, ..] = &mut spaces;
        initial.arm(suite.keys(&to, Side::Client, Version::V1));
        Self {
            socket,
            node: stranger.node(),
            tls: tls.expect("TLS takes the key"),
            to,
            from,
            spaces,
            crypto_sent: [0; 3],
            crypto_taken: [0; 3],
            crypto_waiting: [const { BTreeMap::new() }; 3],
            level: Level::Initial,
            is_done: false,
            closed: None,
            counts: Counts::default(),
            challenges: Vec::new(),
        }
    }

    /// The same as an honest client, from any port of this machine.
    pub async fn honest(stranger: &Stranger) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        Self::prepare(stranger, socket, |_parameters| {})
    }

    /// The datagrams with which it begins, to be sent or not.
    pub fn first_flight(&mut self) -> Vec<Vec<u8>> {
        self.flight()
    }

    /// Sends a datagram as it is.
    pub async fn send_datagram(&mut self, datagram: &[u8]) {
        self.counts.sent += datagram.len();
        self.socket.send_to(datagram, self.node).await.expect("loopback takes it");
    }

    /// Completes the handshake.
    ///
    /// # Errors
    /// How the node ended it.
    pub async fn shake(&mut self) -> Result<(), Close> {
        for datagram in self.flight() {
            self.send_datagram(&datagram).await;
        }
        while !self.is_done {
            self.hear().await;
            if let Some(close) = &self.closed {
                return Err(close.clone());
            }
        }
        Ok(())
    }

    /// Sends one packet with these frames, of the highest level that there are keys for.
    pub async fn send(&mut self, frames: &[u8]) {
        let datagram = self.sealed(self.level, frames);
        self.send_datagram(&datagram).await;
    }

    /// A first packet with these frames in place of a handshake.
    pub async fn send_initial(&mut self, frames: &[u8]) {
        let datagram = self.sealed(Level::Initial, frames);
        self.send_datagram(&datagram).await;
    }

    /// Takes in the next datagram, and acknowledges where that is asked for.
    pub async fn hear(&mut self) {
        let mut datagram = vec![0; DATAGRAM_BYTES];
        let heard = within("a datagram", self.socket.recv_from(&mut datagram)).await;
        let (length, _from) = heard.expect("loopback");
        datagram.truncate(length);
        self.take_in(&datagram).await;
    }

    /// Takes in whatever has come by now.
    pub async fn hear_what_came(&mut self) {
        let mut datagram = vec![0; DATAGRAM_BYTES];
        while let Ok((length, _from)) = self.socket.try_recv_from(&mut datagram) {
            let datagram = datagram.get(..length).unwrap_or_default().to_vec();
            self.take_in(&datagram).await;
        }
    }

    /// Counts whatever has come by now, and answers nothing: nobody is here.
    pub fn listen_what_came(&mut self) {
        let mut datagram = vec![0; DATAGRAM_BYTES];
        while let Ok((length, _from)) = self.socket.try_recv_from(&mut datagram) {
            self.counts.received += length;
            let mut rest = Rest(datagram.get(..length).unwrap_or_default());
            if matches!(packet::next_part(&mut rest), Part::Retry) {
                self.counts.retries += 1;
            }
        }
    }

    /// Waits until the node has ended the connection.
    pub async fn end(&mut self) -> Close {
        loop {
            if let Some(close) = &self.closed {
                return close.clone();
            }
            self.hear().await;
        }
    }

    /// How the node has ended the connection, as far as was heard.
    #[must_use]
    pub const fn closed(&self) -> Option<&Close> {
        self.closed.as_ref()
    }

    /// Goes on from another socket; the old one is given back.
    pub fn move_to(&mut self, socket: UdpSocket) -> UdpSocket {
        std::mem::replace(&mut self.socket, socket)
    }

    /// What went to and fro.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Answers every challenge of a path that came, as an honest client does.
    pub async fn answer_challenges(&mut self) {
        for token in std::mem::take(&mut self.challenges) {
            let frame = [&[0x1b][..], &token].concat();
            self.send(&frame).await;
        }
    }

    fn space(&mut self, level: Level) -> &mut Space {
        let [initial, handshake, data] = &mut self.spaces;
        match level {
            Level::Initial => initial,
            Level::Handshake => handshake,
            Level::Data => data,
        }
    }

    fn sealed(&mut self, level: Level, frames: &[u8]) -> Vec<u8> {
        let (to, from) = (self.to.clone(), self.from.clone());
        self.space(level).seal(&to, &from, frames)
    }

    /// What TLS has to say now, in datagrams of one packet each.
    fn flight(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        loop {
            let mut said = Vec::new();
            let change = self.tls.write_hs(&mut said);
            let level = self.level;
            for part in said.chunks(CRYPTO_BYTES) {
                let sent = self.crypto_sent.get_mut(level as usize).expect("three levels");
                let mut frames = vec![0x06];
                frames.extend(varint(*sent));
                frames.extend(varint(part.len() as u64));
                frames.extend(part);
                *sent += part.len() as u64;
                frames.extend(self.space(level).acknowledgement());
                datagrams.push(self.sealed(level, &frames));
            }
            match change {
                Some(KeyChange::Handshake { keys }) => {
                    self.space(Level::Handshake).arm(keys);
                    self.level = Level::Handshake;
                }
                Some(KeyChange::OneRtt { keys, .. }) => {
                    self.space(Level::Data).arm(keys);
                    self.level = Level::Data;
                }
                None if said.is_empty() => return datagrams,
                None => {}
            }
        }
    }

    async fn take_in(&mut self, datagram: &[u8]) {
        self.counts.received += datagram.len();
        let mut rest = Rest(datagram);
        let mut answers = Vec::new();
        while !rest.is_empty() {
            match packet::next_part(&mut rest) {
                Part::Packet { level, packet, number_at, source } => {
                    let Some(payload) = self.space(level).open(packet, number_at) else { continue };
                    answers.extend(self.take_packet(Opened { level, payload, source }));
                }
                Part::Retry => self.counts.retries += 1,
                Part::Other => break,
            }
        }
        for answer in answers {
            self.send_datagram(&answer).await;
        }
    }

    fn take_packet(&mut self, packet: Opened) -> Vec<Vec<u8>> {
        let Opened { level, payload, source } = packet;
        if let (Level::Initial, Some(source)) = (level, source) {
            // From here on the node is called as it calls itself.
            self.to = source;
        }
        let heard = frames::read(&payload);
        self.closed = self.closed.take().or(heard.close);
        self.is_done |= heard.ends_of_handshake > 0;
        self.counts.path_responses += heard.path_responses;
        self.counts.path_challenges += heard.path_challenges.len();
        self.challenges.extend(heard.path_challenges);
        for (offset, bytes) in heard.crypto {
            self.take_crypto(level, offset, bytes);
        }
        let mut answers = Vec::new();
        if heard.asks_for_acknowledgement {
            let acknowledgement = self.space(level).acknowledgement();
            answers.push(self.sealed(level, &acknowledgement));
        }
        answers.extend(self.flight());
        answers
    }

    fn take_crypto(&mut self, level: Level, offset: u64, bytes: Vec<u8>) {
        let at = level as usize;
        let (Some(waiting), Some(taken)) =
            (self.crypto_waiting.get_mut(at), self.crypto_taken.get_mut(at))
        else {
            return;
        };
        waiting.insert(offset, bytes);
        while let Some((offset, bytes)) = waiting.pop_first() {
            if offset > *taken {
                waiting.insert(offset, bytes);
                return;
            }
            let known = usize::try_from(*taken - offset).expect("a handshake's length");
            let Some(new) = bytes.get(known..).filter(|new| !new.is_empty()) else { continue };
            // A node that is refused by TLS is told so by the connection's end.
            drop(self.tls.read_hs(new));
            *taken += new.len() as u64;
        }
    }
}
