//! What a false peer may do, and how each of it goes when the other city's node has come.

use std::str::FromStr;

use bytes::Bytes;
use quinn::Connection;
use sekisho::framing::FrameReader;
use sekisho::{Offset, Position, PrincipalId, clock};
use sekisho_proto::frame::{Record, Subscribed};
use sekisho_proto::{Frame, limits};

use super::host::{Giving, Host, bare};
use super::luggage::Luggage;
use super::{Plan, floods, script, tell};
use crate::message::framed;

macro_rules! misdeeds {
    ($($(#[$doc:meta])* $misdeed:ident = $name:literal,)+) => {
        /// What it does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Misdeed {
            $($(#[$doc])* $misdeed,)+
        }

        impl Misdeed {
            /// Every misdeed.
            pub const ALL: &[Self] = &[$(Self::$misdeed,)+];

            /// What the program calls it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$misdeed => $name,)+
                }
            }
        }
    };
}

misdeeds! {
    /// Puts records of its own making among those of its publishers: in their names, in the names
    /// of those whose envelopes are in its luggage, and in its own.
    Forge = "forge",
    /// Passes real envelopes on that are not its to pass on.
    Carry = "carry",
    /// Sends each record first with hop lists that are none, false or too long.
    StripHops = "strip-hops",
    /// Sends each record and then breaks the order: a position twice, one that was acknowledged, a
    /// subscription that nobody asked for, statements of the future.
    Disorder = "disorder",
    /// Sends so many large records that are none, whatever it was granted.
    Overdraw = "overdraw",
    /// Sends what is no frame, in the ways that bytes can be none.
    Undecodable = "undecodable",
    /// Says so often that it has a gap.
    GapFlood = "gap-flood",
    /// States so many things.
    StateFlood = "state-flood",
    /// Says so often that there are no more statements, and repeats those that were.
    EmptyFlood = "empty-flood",
    /// Shows so many checkpoints, all of them true.
    CheckpointFlood = "checkpoint-flood",
    /// Answers pings that nobody sent, so many.
    PongFlood = "pong-flood",
    /// Lets the node in and never says a word.
    Mute = "mute",
    /// Welcomes, shows its log, lets the node subscribe, and then says nothing more.
    Silent = "silent",
    /// Takes datagrams and answers none.
    Deaf = "deaf",
    /// Shows its log without the last statements.
    OldLog = "old-log",
    /// Shows a log of the same length with another history.
    OtherLog = "other-log",
    /// Asks for so many filters, over as many sessions as it gets.
    Interests = "interests",
    /// Asks for more than the contract offers.
    Wildcards = "wildcards",
    /// Asks again and again for everything that was ever stored, on so many streams at once.
    HistoryStorm = "history-storm",
    /// Asks for everything on so many streams, and reads none of them.
    Unread = "unread",
}

impl FromStr for Misdeed {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|misdeed| misdeed.name() == name).ok_or(())
    }
}

impl Misdeed {
    /// Whether it comes to the other node, and does not wait for that to come.
    #[must_use]
    pub const fn is_of_a_guest(self) -> bool {
        matches!(self, Self::Interests | Self::Wildcards | Self::HistoryStorm | Self::Unread)
    }

    /// Does it to one connection of the other city's node; ends with it.
    pub(super) async fn serve(
        self,
        host: &mut Host,
        connection: Connection,
        luggage: &Luggage,
        plan: &Plan,
    ) {
        let count = plan.count;
        let done = match self {
            Self::Forge | Self::Carry | Self::StripHops => {
                script::play(self, host, &connection, luggage, plan).await
            }
            Self::Disorder => disorder(host, &connection, luggage).await,
            Self::Overdraw => floods::overdraw(host, &connection, count).await,
            Self::Undecodable => undecodable(host, &connection).await,
            Self::GapFlood => floods::gaps(host, &connection, luggage, count).await,
            Self::StateFlood => floods::statements(host, &connection, count).await,
            Self::EmptyFlood => floods::nothing_new(host, &connection, luggage, count).await,
            Self::CheckpointFlood => floods::checkpoints(host, &connection, count).await,
            Self::PongFlood => floods::pongs(host, &connection, count).await,
            Self::Silent => silent(host, &connection).await,
            Self::OldLog => {
                let size = host.log.len().saturating_sub(2);
                shown(host, &connection, size, "the log without its last statements").await
            }
            Self::OtherLog => {
                let entry = host.log.get_mut(2).expect("a log of more than two statements");
                entry.received = clock::now();
                let size = host.log.len();
                shown(host, &connection, size, "a log with another history").await
            }
            Self::Mute => {
                tell("let it in and said nothing");
                Some(())
            }
            // These are not done to whoever comes.
            Self::Deaf | Self::Interests | Self::Wildcards | Self::HistoryStorm | Self::Unread => {
                None
            }
        };
        if done.is_some() {
            connection.closed().await;
        }
        tell("the other node is gone");
    }
}

/// Sends one record.
pub(super) async fn give(
    giving: &mut Giving,
    position: Position,
    (envelope, key_header): (impl Into<Bytes>, Option<Bytes>),
    hops: Vec<PrincipalId>,
) -> Option<()> {
    let record = Record {
        subscription: giving.subscription,
        position,
        offset: Offset::new(position.value()),
        received: clock::now(),
        envelope: envelope.into(),
        key_header,
        hops,
    };
    giving.writer.send(&record.into()).await.ok()
}

/// Each connection brings the next record that is wanted, and then one breach of the order, each
/// once: what a breach cut off with it comes again.
async fn disorder(host: &mut Host, connection: &Connection, luggage: &Luggage) -> Option<()> {
    let (mut telling, mut giving) = host.settle(connection).await?;
    let index = host.done(&giving);
    let Some(piece) = luggage.honest.get(index) else {
        tell("nothing is left to disorder");
        connection.closed().await;
        return Some(());
    };
    let position = host.position(index);
    give(&mut giving, position, piece.clone(), vec![host.id()]).await?;
    let breach = match host.round() {
        0 => {
            give(&mut giving, position, piece.clone(), vec![host.id()]).await?;
            "a position again"
        }
        1 => {
            give(&mut giving, host.position(0), piece.clone(), vec![host.id()]).await?;
            "a position that was acknowledged"
        }
        2 => {
            giving.subscription += 7;
            give(&mut giving, host.position(index + 1), piece.clone(), vec![host.id()]).await?;
            "a subscription that nobody asked for"
        }
        3 => {
            telling.state(host.log.len() + 9, Vec::new()).await?;
            "statements of the future"
        }
        _ => {
            // What was cut off with a breach comes again, and the rest behind it.
            for (behind, piece) in luggage.honest.iter().enumerate().skip(index + 1) {
                give(&mut giving, host.position(behind), piece.clone(), vec![host.id()]).await?;
            }
            tell("nothing is left to disorder");
            connection.closed().await;
            return Some(());
        }
    };
    tell(format_args!("broke the order: {breach}"));
    // Both streams stay open: what ends the connection is the breach.
    connection.closed().await;
    Some(())
}

/// After a good beginning, bytes on the stream of records that are no frame of it.
async fn undecodable(host: &mut Host, connection: &Connection) -> Option<()> {
    host.greet(connection).await?;
    let mut telling = host.follower(connection).await?;
    host.show_log(&mut telling).await?;
    let (mut send, receive) = bare(connection).await?;
    let mut reader = FrameReader::new(receive);
    let Frame::Subscribe(asked) = reader.next().await.ok()?? else { return None };
    let position = Position::ZERO;
    let told = Subscribed { subscription: asked.subscription, position, head: position };
    send.write_all(&framed(&Frame::Subscribed(told).encode())).await.ok()?;
    let oversized = u32::try_from(limits::FRAME_BYTES_MAX + 1).expect("a length").to_be_bytes();
    let round = host.round();
    let (what, bytes) = match round % 4 {
        0 => ("a length of 4 GiB", vec![0xff; 4]),
        1 => ("a length above the limit", oversized.to_vec()),
        2 => ("bytes that mean nothing", framed(&[0xff; 64])),
        _ => ("groups in groups in groups", framed(&[0xfb, 0x3e].repeat(10_000))),
    };
    send.write_all(&bytes).await.ok()?;
    tell(format_args!("sent {what}"));
    // All streams stay open: what ends the connection are the bytes.
    connection.closed().await;
    drop((send, reader));
    Some(())
}

/// All is well, until it is silent.
async fn silent(host: &mut Host, connection: &Connection) -> Option<()> {
    let _control = host.welcome(connection).await?;
    let mut telling = host.follower(connection).await?;
    host.show_log(&mut telling).await?;
    let _giving = host.giving(connection).await?;
    tell("fell silent");
    connection.closed().await;
    Some(())
}

/// Shows the log as it is, and a checkpoint of the first `size` entries of what it pretends.
async fn shown(host: &Host, connection: &Connection, size: usize, what: &str) -> Option<()> {
    host.greet(connection).await?;
    let mut telling = host.follower(connection).await?;
    telling.state(host.log.len(), Vec::new()).await?;
    host.checkpoint(&mut telling, size, clock::now()).await?;
    tell(format_args!("showed {what}"));
    connection.closed().await;
    Some(())
}
