//! In the place of the peer's node: it lets the other city's node in, shows it the control log, and
//! has a stream on which it sends what it likes.

use std::sync::Arc;

use quinn::{Connection, Endpoint, RecvStream, SendStream};
use sekisho::framing::{FrameReader, FrameWriter};
use sekisho::{
    Identity, OrgName, Position, PrincipalId, Profile, PublicKey, SigningKey, Timestamp, clock, tls,
};
use sekisho_proto::frame::{
    Follow, FollowedStatement, Pong, Start, Statements, Subscribe, Subscribed, Welcome,
};
use sekisho_proto::{Frame, LogEntry, StatementIndex, limits};
use tokio::net::UdpSocket;

use super::stolen::{followed, shown_checkpoint, stolen_log};
use super::{Plan, tell};
use crate::turncoat::NodeKey;

/// Most statements in one frame, as honest nodes send them.
const STATEMENTS_PER_FRAME: usize = 64;
/// Larger than any datagram.
const DATAGRAM_BYTES: usize = 65_536;

/// What an organisation's node says to those who have greeted it.
pub(crate) fn welcome(organisation: &OrgName) -> Welcome {
    Welcome {
        version: limits::PROTOCOL_VERSION,
        organisation: organisation.clone(),
        principal: None,
        policy_version: 1,
        time: clock::now(),
        envelope_bytes_max: 65_536,
        inflight_max: 1,
    }
}

/// Listens with the stolen key.
pub(super) struct Host {
    endpoint: Endpoint,
    organisation: OrgName,
    signing: SigningKey,
    issuer: Arc<Identity>,
    victim: PublicKey,
    pub(super) log: Vec<LogEntry>,
    /// Where the victim's node began to ask for records.
    base: Option<Position>,
    /// Connections that were let in.
    rounds: u64,
}

/// The stream of the control log.
pub(super) struct Telling {
    writer: FrameWriter,
    follow: Follow,
}

/// A stream of records.
pub(super) struct Giving {
    pub(super) writer: FrameWriter,
    pub(super) subscription: u32,
    /// The first position wanted.
    pub(super) wanted: Position,
}

impl Host {
    pub(super) fn stand_in(plan: &Plan) -> Self {
        let node_key = NodeKey::load(&plan.organisation.join("keys/node.key"));
        let (signing, organisation) = (node_key.signing().clone(), node_key.organisation().clone());
        let config = tls::quic_server_config(&signing).expect("TLS takes the key");
        let endpoint = tls::server_endpoint(plan.listen, config, &signing);
        let endpoint = endpoint.expect("the node's place is free");
        let log = stolen_log(&plan.organisation, &organisation);
        let administrator = plan.organisation.join("administrator");
        let issuer = Profile::identity(&administrator).expect("the administrator's keys");
        Self {
            endpoint,
            organisation,
            signing,
            issuer,
            victim: plan.node_key,
            log,
            base: None,
            rounds: 0,
        }
    }

    /// As it stands in hop lists.
    pub(super) const fn id(&self) -> PrincipalId {
        self.signing.id()
    }

    pub(super) const fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// Who may state things for the organisation.
    pub(super) fn issuer(&self) -> &SigningKey {
        self.issuer.signing()
    }

    pub(super) const fn organisation(&self) -> &OrgName {
        &self.organisation
    }

    /// The next connection of the victim's node. Others are left outside.
    pub(super) async fn next(&mut self) -> Connection {
        loop {
            let incoming = self.endpoint.accept().await.expect("it listens");
            let Ok(connection) = incoming.await else { continue };
            if tls::peer_key(&connection).is_ok_and(|found| found == self.victim) {
                self.rounds += 1;
                return connection;
            }
        }
    }

    /// The number of the present connection, from 0.
    pub(super) const fn round(&self) -> u64 {
        self.rounds.saturating_sub(1)
    }

    /// Welcomes, and answers every ping from then on. `None` where the victim has gone.
    pub(super) async fn greet(&self, connection: &Connection) -> Option<()> {
        let (mut writer, mut reader) = self.welcome(connection).await?;
        tokio::spawn(async move {
            while let Ok(Some(frame)) = reader.next().await {
                if let Frame::Ping(ping) = frame
                    && writer.send(&Pong { token: ping.token }.into()).await.is_err()
                {
                    return;
                }
            }
        });
        Some(())
    }

    /// Welcomes, and leaves the control stream to the caller.
    pub(super) async fn welcome(
        &self,
        connection: &Connection,
    ) -> Option<(FrameWriter, FrameReader)> {
        let (mut writer, reader, hello) = taken(connection).await?;
        assert!(matches!(hello, Frame::Hello(_)), "wanted a greeting, found {hello:?}");
        writer.send(&welcome(&self.organisation).into()).await.ok()?;
        Some((writer, reader))
    }

    /// Takes the stream on which the control log is wanted.
    pub(super) async fn follower(&self, connection: &Connection) -> Option<Telling> {
        let (writer, reader, first) = taken(connection).await?;
        let Frame::Follow(follow) = first else { panic!("wanted a follower, found {first:?}") };
        drain(reader);
        Some(Telling { writer, follow })
    }

    /// Shows the whole log, and a true checkpoint of it made now.
    pub(super) async fn show_log(&self, telling: &mut Telling) -> Option<()> {
        let from = usize::try_from(telling.follow.from.value()).expect("a small log");
        let mut index = from;
        let new = self.log.get(from..).unwrap_or_default();
        for part in new.chunks(STATEMENTS_PER_FRAME) {
            telling.state(index, part.iter().map(followed).collect()).await?;
            index += part.len();
        }
        telling.state(index, Vec::new()).await?;
        self.checkpoint(telling, self.log.len(), clock::now()).await
    }

    /// Shows a checkpoint of the first `size` entries.
    pub(super) async fn checkpoint(
        &self,
        telling: &mut Telling,
        size: usize,
        time: Timestamp,
    ) -> Option<()> {
        let entries = self.log.get(..size).expect("it has so many entries");
        let subscription = telling.follow.subscription;
        let shown =
            shown_checkpoint(&self.signing, &self.organisation, entries, time, subscription);
        telling.writer.send(&shown.into()).await.ok()
    }

    /// Takes the first stream on which records are wanted.
    pub(super) async fn giving(&mut self, connection: &Connection) -> Option<Giving> {
        let (mut writer, reader, first) = taken(connection).await?;
        let Frame::Subscribe(asked) = first else { panic!("wanted a taker, found {first:?}") };
        let Subscribe { subscription, start, .. } = asked;
        let wanted = match start {
            Start::Position(position) => position,
            Start::Earliest
            | Start::Latest
            | Start::LastValue
            | Start::Offset(_)
            | Start::Time(_) => Position::ZERO,
        };
        self.base.get_or_insert(wanted);
        let told = Subscribed { subscription, position: wanted, head: wanted };
        writer.send(&told.into()).await.ok()?;
        drain(reader);
        Some(Giving { writer, subscription, wanted })
    }

    /// Everything an honest node does until records are wanted.
    pub(super) async fn settle(&mut self, connection: &Connection) -> Option<(Telling, Giving)> {
        self.greet(connection).await?;
        let mut telling = self.follower(connection).await?;
        self.show_log(&mut telling).await?;
        let giving = self.giving(connection).await?;
        Some((telling, giving))
    }

    /// How many of its records the victim has done with.
    pub(super) fn done(&self, giving: &Giving) -> usize {
        let base = self.base.unwrap_or(Position::ZERO).value();
        usize::try_from(giving.wanted.value().saturating_sub(base)).expect("a few records")
    }

    /// The position of one of its records.
    pub(super) fn position(&self, index: usize) -> Position {
        let base = self.base.unwrap_or(Position::ZERO).value();
        Position::new(base + u64::try_from(index).expect("a few records"))
    }
}

impl Telling {
    /// Tells statements from an index on.
    pub(super) async fn state(
        &mut self,
        first: usize,
        statements: Vec<FollowedStatement>,
    ) -> Option<()> {
        let told = Statements {
            subscription: self.follow.subscription,
            organisation: self.follow.organisation.clone(),
            first: StatementIndex::new(u64::try_from(first).expect("a small log")),
            statements,
        };
        self.say(told).await
    }

    pub(super) async fn say(&mut self, frame: impl Into<Frame>) -> Option<()> {
        self.writer.send(&frame.into()).await.ok()
    }
}

/// Takes every datagram and never answers: the address of a node that is half there.
pub(super) async fn swallow(plan: &Plan) {
    let socket = UdpSocket::bind(plan.listen).await.expect("the node's place is free");
    tell(format_args!("serving on {}", plan.listen));
    let mut datagram = vec![0; DATAGRAM_BYTES];
    let mut first = true;
    while socket.recv(&mut datagram).await.is_ok() {
        if std::mem::take(&mut first) {
            tell("swallowed a datagram");
        }
    }
}

/// A stream as it is, for bytes that are no frames.
pub(super) async fn bare(connection: &Connection) -> Option<(SendStream, RecvStream)> {
    connection.accept_bi().await.ok()
}

async fn taken(connection: &Connection) -> Option<(FrameWriter, FrameReader, Frame)> {
    let (send, receive) = bare(connection).await?;
    let mut reader = FrameReader::new(receive);
    let first = reader.next().await.ok()??;
    Some((FrameWriter::new(send), reader, first))
}

fn drain(mut reader: FrameReader) {
    tokio::spawn(async move { while let Ok(Some(_frame)) = reader.next().await {} });
}
