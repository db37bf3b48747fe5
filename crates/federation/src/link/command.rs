//! What a link wants done: the whole of its output.

use bytes::Bytes;
use sekisho_proto::{
    Filter, GapReason, LogEntry, LogName, Offset, OrgName, Position, PrincipalId, PublicKey,
    RefusalCode, StatementIndex, Timestamp, frame,
};

use super::FollowedEntry;
use crate::checkpoint::{LogFault, SignedCheckpoint};

/// One thing the shell must do for a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkCommand {
    /// Connect to the peer's node and say hello.
    Dial {
        /// `host:port`.
        address: String,
        /// The only key that the node there may prove to hold.
        node_key: PublicKey,
    },
    /// Drop the connection, or the attempt at one.
    Hangup {
        /// Why.
        reason: HangupReason,
    },
    /// Send a follow frame.
    Follow {
        /// Its number.
        subscription: u32,
        /// Whose control log.
        organisation: OrgName,
        /// The first statement wanted.
        from: StatementIndex,
    },
    /// Send a subscribe frame.
    Subscribe {
        /// Its number.
        subscription: u32,
        /// Which topics.
        filter: Filter,
        /// From where.
        start: frame::Start,
        /// Records that the peer may send.
        credit: u32,
    },
    /// Send an unsubscribe frame and close the subscription's stream: what still comes of it is not
    /// wanted.
    Unsubscribe {
        /// Its number.
        subscription: u32,
    },
    /// Send a credit frame.
    Credit {
        /// Its subscription.
        subscription: u32,
        /// Records that the peer may send in addition.
        records: u32,
    },
    /// Send an acknowledge frame: everything up to and with the position is done with.
    Acknowledge {
        /// Its subscription.
        subscription: u32,
        /// In the peer's log.
        position: Position,
    },
    /// Send a ping frame.
    Ping {
        /// Comes back with the pong.
        token: u64,
    },
    /// Hand a record to the node's door, then report its outcome.
    Admit {
        /// The record.
        record: Taken,
    },
    /// Apply a statement of the peer's control log and keep it, then call
    /// [`handle_applied`](crate::Link::handle_applied) or
    /// [`handle_bad_statement`](crate::Link::handle_bad_statement).
    Apply {
        /// Its place in that log.
        index: StatementIndex,
        /// The statement, and when the peer logged it.
        entry: LogEntry,
    },
    /// Keep where to go on with a filter after a restart.
    SavePosition {
        /// The filter.
        filter: Filter,
        /// The position to go on from; none = forget it.
        position: Option<Position>,
    },
    /// Keep what has been applied of the peer's control log: there to go on after a restart. Where
    /// it cannot be kept, the link must be made again from what is.
    SaveEntries {
        /// The place of the first of them in that log, behind everything that is kept.
        first: StatementIndex,
        /// In the order of the log.
        entries: Vec<FollowedEntry>,
    },
    /// Keep that this checkpoint is the newest one of its log that was found in order; once that is
    /// durable, cosign it and send the cosignature in a cosigned frame. Where it cannot be kept, the
    /// link must be made again from what is.
    Cosign {
        /// The subscription of the control log.
        subscription: u32,
        /// The checkpoint.
        signed: SignedCheckpoint,
    },
    /// Keep that this checkpoint is the newest one of its log that was found in order; nothing is
    /// sent: the log came through a peer that passes it on. Where it cannot be kept, the link must
    /// be made again from what is.
    KeepCheckpoint {
        /// The checkpoint.
        signed: SignedCheckpoint,
    },
    /// Send a cosigned frame without a signature: a log is known here until then.
    Know {
        /// The subscription of the control log.
        subscription: u32,
        /// Which log.
        log: LogName,
        /// Its size, as it was last cosigned.
        size: u64,
    },
    /// A checkpoint of the access log is not in order and is not cosigned; say so where operators
    /// look.
    Distrust {
        /// What is wrong with it.
        fault: LogFault,
    },
    /// The peer's control log is complete here until then, as a checkpoint says: note it in the
    /// policy, and keep it for after a restart.
    Heard {
        /// The time.
        at: Timestamp,
    },
    /// The peer does not permit a subscription, which will be asked for again; say so where
    /// operators look. Said once, until the peer has permitted it.
    NotPermitted {
        /// Of which topics.
        filter: Filter,
    },
    /// A record was passed over here; say so where operators look.
    Dropped {
        /// In the peer's log.
        position: Position,
        /// Why.
        reason: DropReason,
    },
    /// The peer does not have or give everything; say so where operators look.
    Missing {
        /// Of which topics.
        filter: Filter,
        /// The first position missing in the peer's log.
        from: Position,
        /// Exclusive.
        to: Position,
        /// Why.
        reason: GapReason,
    },
}

/// A record as a peer sent it, nothing verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Of which of the link's connections it came: the first one is 1.
    pub connection: u64,
    /// In the peer's log.
    pub position: Position,
    /// In the topic's log at its home.
    pub offset: Offset,
    /// When its home received it, as the peer says.
    pub received: Timestamp,
    /// An encoded envelope.
    pub envelope: Bytes,
    /// An encoded key header, where this is the first record in a while that names it.
    pub key_header: Option<Bytes>,
    /// Nodes it passed, home first, the peer last.
    pub hops: Vec<PrincipalId>,
}

impl Taken {
    /// Bytes of its envelope and of the key header that came with it.
    pub(crate) fn bytes(&self) -> usize {
        bytes_of(&self.envelope, self.key_header.as_ref())
    }
}

/// Bytes of an envelope and of the key header that came with it.
pub(super) fn bytes_of(envelope: &Bytes, key_header: Option<&Bytes>) -> usize {
    envelope.len().saturating_add(key_header.map_or(0, Bytes::len))
}

/// Why a record is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// It was here before: its hops name this node.
    Loop,
    /// It passed more nodes than a record may.
    TooFar {
        /// Nodes it passed.
        hops: usize,
    },
    /// Its hops do not end with the peer that sent it.
    WrongHops,
}

/// Why a link drops its connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HangupReason {
    /// The peering is not in force any longer.
    #[error("the peering is over")]
    PeeringEnded,
    /// The peering was replaced by another one.
    #[error("the peering has changed")]
    PeeringChanged,
    /// The peer has said nothing for too long.
    #[error("wanted a sign of life, found none since {since}")]
    Silent {
        /// When its last frame came.
        since: Timestamp,
    },
    /// A subscription that was not asked for.
    #[error("subscription: wanted one of this link, found {found}")]
    UnknownSubscription {
        /// What the peer named.
        found: u32,
    },
    /// The peer does not give what it is there for.
    #[error("subscription {subscription}: wanted it, found the refusal {code}")]
    Refused {
        /// Which; 0 is the control log.
        subscription: u32,
        /// Why, as the peer says.
        code: RefusalCode,
    },
    /// Positions that do not grow.
    #[error("position: wanted {wanted} or later, found {found}")]
    Order {
        /// The position after the last one.
        wanted: Position,
        /// What the peer sent.
        found: Position,
    },
    /// More records than this node asked for.
    #[error("subscription {subscription}: wanted no more records than were granted, found one")]
    Credit {
        /// The subscription.
        subscription: u32,
    },
    /// Statements that are not the next ones of the peer's control log.
    #[error(
        "control log: wanted {organisation} from {wanted}, found {found_organisation} from {found}"
    )]
    StatementOrder {
        /// The peer.
        organisation: OrgName,
        /// The next index.
        wanted: StatementIndex,
        /// Whose statements came.
        found_organisation: OrgName,
        /// From which index.
        found: StatementIndex,
    },
    /// A statement of the peer's control log that cannot be applied.
    #[error("control log: wanted a statement in order at {index}, found one that is not")]
    BadStatement {
        /// Its index.
        index: StatementIndex,
    },
    /// This node cannot store the peer's records for the moment.
    #[error("a record at position {position} could not be stored")]
    StoreFailed {
        /// In the peer's log.
        position: Position,
    },
    /// A log of the peer, or its checkpoint, is not to be trusted.
    #[error(transparent)]
    Log(LogFault),
    /// The owner of what the peer passes on has not been heard for too long.
    #[error("wanted a sign of life of the topics' owner, found none since {since}")]
    Stale {
        /// When its node made the newest checkpoint.
        since: Timestamp,
    },
    /// More than a peer has to say.
    #[error("wanted at most {max} checkpoints of statements that are still to come, found more")]
    Flood {
        /// So many may wait.
        max: usize,
    },
    /// More waits for statements than there is room for.
    #[error("wanted at most {max} bytes held for statements that are still to come, found more")]
    Held {
        /// So many may wait.
        max: usize,
    },
    /// The peer's log was lost or put back: the link begins at its first record.
    #[error("the peer's log does not reach to where this link was")]
    PeerRestarted,
}

impl DropReason {
    /// In one word, for counting.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::TooFar { .. } => "too-far",
            Self::WrongHops => "wrong-hops",
        }
    }
}

impl HangupReason {
    /// In one word, for counting.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PeeringEnded => "peering-ended",
            Self::PeeringChanged => "peering-changed",
            Self::Silent { .. } => "silent",
            Self::UnknownSubscription { .. } => "unknown-subscription",
            Self::Refused { .. } => "refused",
            Self::Order { .. } => "order",
            Self::Credit { .. } => "credit",
            Self::StatementOrder { .. } => "statement-order",
            Self::BadStatement { .. } => "bad-statement",
            Self::StoreFailed { .. } => "store-failed",
            Self::Log(_) => "log",
            Self::Flood { .. } => "flood",
            Self::Stale { .. } => "stale",
            Self::Held { .. } => "held",
            Self::PeerRestarted => "peer-restarted",
        }
    }

    /// Whether the peer has done what no peer of good will does.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        match self {
            Self::UnknownSubscription { .. }
            | Self::Order { .. }
            | Self::Credit { .. }
            | Self::StatementOrder { .. }
            | Self::BadStatement { .. }
            | Self::Flood { .. }
            | Self::Log(_) => true,
            Self::PeeringEnded
            | Self::PeeringChanged
            | Self::Silent { .. }
            | Self::Refused { .. }
            | Self::StoreFailed { .. }
            | Self::Stale { .. }
            | Self::Held { .. }
            | Self::PeerRestarted => false,
        }
    }
}
