//! A node of a peer that was taken over: it holds the node's key, and says to those who come for
//! records whatever it likes, also of the control log, of which it has all that the node had.

use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, Endpoint, ServerConfig, TransportConfig};
use sekisho::framing::{FrameReader, FrameWriter};
use sekisho::{
    KeyFile, OrgName, Position, PrincipalId, PublicKey, SigningKey, Timestamp, clock, tls,
};
use sekisho_proto::frame::{
    Checkpoint, Cosigned, Follow, FollowedStatement, Start, Statements, Subscribed,
};
use sekisho_proto::{Frame, LogEntry, StatementIndex};

use crate::city::City;
use crate::false_peer::{followed, shown_checkpoint, stolen_log, welcome};
use crate::patience::within;

/// Listens in the place of a city's node.
#[derive(Debug)]
pub struct Impostor {
    endpoint: Endpoint,
    organisation: OrgName,
    signing: SigningKey,
    log: Vec<LogEntry>,
}

/// A node that has come for records.
#[derive(Debug)]
pub struct Guest {
    connection: Connection,
    _control: (FrameWriter, FrameReader),
    log: (FrameWriter, FrameReader),
    records: (FrameWriter, FrameReader),
    follow: Follow,
    /// Which subscription records are for.
    pub subscription: u32,
    /// The first position that it wants.
    pub position: Position,
}

/// A node that was welcomed and gets nothing of what it asks for.
#[derive(Debug)]
pub struct Stalled {
    _connection: Connection,
    _control: (FrameWriter, FrameReader),
}

impl Impostor {
    /// Takes the place of the city's node, which must have ended.
    #[must_use]
    pub fn of(city: &City) -> Self {
        Self::with(city, |_config| {})
    }

    /// Takes the place of the city's node, which must have ended, and lets nobody open more than
    /// one stream.
    #[must_use]
    pub fn miser(city: &City) -> Self {
        Self::with(city, |config| {
            let mut transport = TransportConfig::default();
            transport.max_concurrent_bidi_streams(1_u32.into());
            config.transport_config(Arc::new(transport));
        })
    }

    fn with(city: &City, change: impl FnOnce(&mut ServerConfig)) -> Self {
        let key = KeyFile::load(&city.dir().join("keys/node.key")).expect("the node's key");
        let signing = key.identity.signing().clone();
        let mut config = tls::quic_server_config(&signing).expect("TLS takes the key");
        change(&mut config);
        let endpoint =
            tls::server_endpoint(city.quic(), config, &signing).expect("the node's place is free");
        let organisation: OrgName = city.name().parse().expect("an organisation's name");
        let log = stolen_log(&city.dir(), &organisation);
        Self { endpoint, organisation, signing, log }
    }

    /// The control log, as the node had it. What is changed here is what the impostor has of it.
    pub const fn log(&mut self) -> &mut Vec<LogEntry> {
        &mut self.log
    }

    /// The stolen key.
    #[must_use]
    pub const fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// As the node stands in hop lists.
    #[must_use]
    pub const fn id(&self) -> PrincipalId {
        self.signing.id()
    }

    /// Lets the next connection of the node with `key` in, and answers until it has asked for
    /// records. Others are left outside.
    pub async fn welcome(&self, key: &PublicKey) -> Guest {
        let connection = self.next(key).await;
        within("a subscription", self.serve(connection)).await
    }

    /// Lets the next connection of the node with `key` in, and does nothing more for it.
    pub async fn stall(&self, key: &PublicKey) -> Stalled {
        let connection = self.next(key).await;
        let control = within("a greeting", self.greet(&connection)).await;
        Stalled { _connection: connection, _control: control }
    }

    async fn next(&self, key: &PublicKey) -> Connection {
        loop {
            let incoming = within("somebody to come", self.endpoint.accept()).await;
            let Ok(connection) = incoming.expect("it listens").await else { continue };
            if tls::peer_key(&connection).is_ok_and(|found| found == *key) {
                return connection;
            }
        }
    }

    async fn greet(&self, connection: &Connection) -> (FrameWriter, FrameReader) {
        let (mut control, hello) = taken(connection).await;
        assert!(matches!(hello, Frame::Hello(_)), "wanted a greeting, found {hello:?}");
        tell(&mut control, welcome(&self.organisation)).await;
        control
    }

    /// Lets the next connection of the node with `key` in, shows it the control log as the
    /// impostor has it, with a checkpoint of `size` entries made at `time`, and waits until it has
    /// hung up or cosigned: then it tells what.
    pub async fn show(&self, key: &PublicKey, size: usize, time: Timestamp) -> Option<Cosigned> {
        let connection = self.next(key).await;
        let _control = within("a greeting", self.greet(&connection)).await;
        let (mut log, follow) = within("a follower", taken(&connection)).await;
        let Frame::Follow(follow) = follow else { panic!("wanted a follower, found {follow:?}") };
        let from = usize::try_from(follow.from.value()).expect("a small log");
        let told = |first: usize, entries: &[LogEntry]| Statements {
            subscription: follow.subscription,
            organisation: follow.organisation.clone(),
            first: StatementIndex::new(first as u64),
            statements: entries.iter().map(followed).collect(),
        };
        let new = self.log.get(from..).unwrap_or_default();
        if !new.is_empty() {
            tell(&mut log, told(from, new)).await;
        }
        tell(&mut log, told(from.max(self.log.len()), &[])).await;
        tell(&mut log, self.checkpoint(follow.subscription, size, time)).await;
        let signed = async {
            // What it cannot read any more, it has not been told.
            while let Ok(Some(frame)) = log.1.next().await {
                if let Frame::Cosigned(cosigned) = frame
                    && cosigned.signature.is_some()
                {
                    return Some(cosigned);
                }
            }
            None
        };
        within("a cosignature or the end", signed).await
    }

    /// A checkpoint of the first `size` entries, signed and cosigned as the node does.
    fn checkpoint(&self, subscription: u32, size: usize, time: Timestamp) -> Checkpoint {
        let entries = self.log.get(..size).expect("it has so many entries");
        shown_checkpoint(&self.signing, &self.organisation, entries, time, subscription)
    }

    async fn serve(&self, connection: Connection) -> Guest {
        let control = self.greet(&connection).await;
        let (mut log, follow) = taken(&connection).await;
        let Frame::Follow(follow) = follow else { panic!("wanted a follower, found {follow:?}") };
        let nothing_new = Statements {
            subscription: follow.subscription,
            organisation: follow.organisation.clone(),
            first: follow.from,
            statements: Vec::new(),
        };
        tell(&mut log, nothing_new).await;
        let size = usize::try_from(follow.from.value()).expect("a small log");
        tell(&mut log, self.checkpoint(follow.subscription, size, clock::now())).await;
        let (mut records, asked) = taken(&connection).await;
        let Frame::Subscribe(asked) = asked else { panic!("wanted a subscriber, found {asked:?}") };
        let Start::Position(position) = asked.start else {
            panic!("wanted it to go on from a position, found {asked:?}");
        };
        let subscription = asked.subscription;
        tell(&mut records, Subscribed { subscription, position, head: position }).await;
        Guest { connection, _control: control, log, records, follow, subscription, position }
    }
}

impl Guest {
    /// Says something on the stream of records.
    pub async fn tell(&mut self, frame: impl Into<Frame>) {
        tell(&mut self.records, frame).await;
    }

    /// Says something on the stream of statements.
    pub async fn state(&mut self, statements: Vec<FollowedStatement>) {
        let Follow { subscription, organisation, from } = self.follow.clone();
        tell(&mut self.log, Statements { subscription, organisation, first: from, statements })
            .await;
    }

    /// Shows that the control log is as the impostor had it, and complete until after what was told.
    pub async fn complete(&mut self, impostor: &Impostor) {
        let size = usize::try_from(self.follow.from.value()).expect("a small log");
        // Checkpoints have whole seconds.
        let after = clock::now().saturating_add(Duration::from_secs(1));
        tell(&mut self.log, impostor.checkpoint(self.follow.subscription, size, after)).await;
    }

    /// Resolves when it has hung up.
    pub async fn gone(self) {
        within("the other node to hang up", self.connection.closed()).await;
    }
}

async fn taken(connection: &Connection) -> ((FrameWriter, FrameReader), Frame) {
    let (send, receive) = connection.accept_bi().await.expect("a stream");
    let mut reader = FrameReader::new(receive);
    let first = reader.next().await.expect("a frame").expect("a frame before the end");
    ((FrameWriter::new(send), reader), first)
}

async fn tell(stream: &mut (FrameWriter, FrameReader), frame: impl Into<Frame>) {
    // A guest that has hung up does not hear it.
    drop(stream.0.send(&frame.into()).await);
}
