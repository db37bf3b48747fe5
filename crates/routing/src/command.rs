//! What a router wants done: the whole of its output.

use std::{fmt, sync::Arc};

use sekisho_policy::DeliveryPermit;
use sekisho_proto::{
    CursorName, Envelope, Filter, GapReason, Hash, Offset, OrgName, Position, PrincipalId,
    RefusalCode, Sequence, Timestamp,
};

use crate::{Record, SessionId, SubscriptionId};

/// Names one append from its command to its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "append {}", self.0)
    }
}

/// Names one page of a replay from its command to its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayId(pub(crate) u64);

/// What is to be appended to the log, in the order of the commands.
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// The home node's offset where another node is the topic's home; else the store assigns it.
    pub offset: Option<Offset>,
    /// When the home node received it.
    pub received: Timestamp,
    /// The envelope; its header holds topic, publisher, boot, sequence and key header.
    pub envelope: Arc<Envelope>,
    /// SHA-256 of the envelope's signed bytes.
    pub hash: Hash,
    /// Nodes it passed, home first; empty at home.
    pub hops: Vec<PrincipalId>,
}

/// Why an append failed, by what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendFailure {
    /// There is no room for the moment.
    StorageFull,
    /// A fault of the node's own, which may pass.
    Internal,
    /// Its topic is one too many: neither it nor anything of that topic is ever taken.
    TooManyTopics,
    /// It is longer than a record may be, and never taken; what is behind it may be.
    TooLong,
}

impl AppendFailure {
    /// As a publisher reads it.
    #[must_use]
    pub const fn code(self) -> RefusalCode {
        match self {
            Self::StorageFull => RefusalCode::StorageFull,
            Self::Internal => RefusalCode::Internal,
            Self::TooManyTopics => RefusalCode::TooMany,
            Self::TooLong => RefusalCode::Oversized,
        }
    }

    /// Whether it would fail each time it came.
    pub(crate) const fn is_final(self) -> bool {
        match self {
            Self::TooManyTopics | Self::TooLong => true,
            Self::StorageFull | Self::Internal => false,
        }
    }

    /// The failure of what comes behind it in its stream or in its topic.
    #[must_use]
    pub const fn behind(self) -> Self {
        match self {
            Self::TooLong => Self::StorageFull,
            Self::StorageFull | Self::Internal | Self::TooManyTopics => self,
        }
    }
}

/// Where a page of a replay begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayFrom {
    /// At this position of the log.
    Position(Position),
    /// At this offset of the one topic that the filter names.
    Offset(Offset),
    /// At the first record received at or after this time.
    Time(Timestamp),
    /// At the first record kept.
    Earliest,
    /// Only the records that are the last of their topic, by ascending position.
    LastValues {
        /// The first position to look at.
        from: Position,
        /// Exclusive; none = the log's durable head, told in the answer.
        until: Option<Position>,
    },
}

/// One thing the shell must do. The commands of one router are carried out in order.
#[derive(Debug)]
pub enum Command {
    /// Append a record, make it durable, then call
    /// [`handle_appended`](crate::Router::handle_appended).
    Append {
        /// Comes back with the outcome.
        ticket: Ticket,
        /// The append before it in its stream where that one is undecided. Where that one
        /// fails, this one must fail too: a stream has no gaps at home.
        after: Option<Ticket>,
        /// What to append.
        record: NewRecord,
    },
    /// Tell a publisher that its envelope is durable.
    Published {
        /// The session that sent it.
        session: SessionId,
        /// Its request.
        request: u64,
        /// Its offset in the topic.
        offset: Offset,
    },
    /// Tell a publisher that its envelope is refused.
    Refused {
        /// The session that sent it.
        session: SessionId,
        /// Its request.
        request: u64,
        /// The rule it broke.
        code: RefusalCode,
        /// The thing refused.
        what: String,
        /// Wanted and found.
        why: String,
        /// What the node expects next of this publisher, topic and boot.
        expected_sequence: Option<Sequence>,
    },
    /// An envelope is refused whose publisher does not wait for an answer: it is counted.
    Dropped {
        /// The rule it broke.
        code: RefusalCode,
        /// The thing refused.
        what: String,
        /// Wanted and found.
        why: String,
    },
    /// A peer's record is durable here, or was before.
    LinkStored {
        /// The peer.
        organisation: OrgName,
        /// Where it is in the peer's log.
        position: Position,
    },
    /// A peer's record can never be stored here: it is counted and passed over.
    LinkRefused {
        /// The peer.
        organisation: OrgName,
        /// Where it is in the peer's log.
        position: Position,
        /// The rule it broke.
        code: RefusalCode,
        /// The thing refused.
        what: String,
        /// Wanted and found.
        why: String,
    },
    /// A peer's record could not be stored now: the link must take it again later.
    LinkFailed {
        /// The peer.
        organisation: OrgName,
        /// Where it is in the peer's log.
        position: Position,
        /// What failed.
        code: RefusalCode,
        /// In words.
        why: String,
    },
    /// Send a record. A subscriber that cannot take it: call
    /// [`handle_outbox_full`](crate::Router::handle_outbox_full) before the next command.
    Deliver {
        /// To this session,
        session: SessionId,
        /// for this subscription,
        subscription: SubscriptionId,
        /// this record,
        record: Arc<Record>,
        /// by this right.
        permit: DeliveryPermit,
    },
    /// Tell a subscriber what it will not get.
    Gap {
        /// The session.
        session: SessionId,
        /// The subscription.
        subscription: SubscriptionId,
        /// The first position missing.
        from: Position,
        /// Exclusive: delivery goes on here.
        to: Position,
        /// Why.
        reason: GapReason,
    },
    /// Read a page of the log and call [`handle_replayed`](crate::Router::handle_replayed).
    Replay {
        /// The session it is for.
        session: SessionId,
        /// The subscription it is for.
        subscription: SubscriptionId,
        /// Comes back with the page.
        replay: ReplayId,
        /// Which topics.
        filter: Filter,
        /// Where the page begins.
        from: ReplayFrom,
        /// Records in the page, at most; at least 1.
        records_max: u32,
        /// Bytes of envelopes in the page, at most; yet a page holds at least one record.
        bytes_max: usize,
    },
    /// Tell a subscriber that its subscription stands; once more when one that began in the past
    /// has caught up, and everything before `position` has been delivered.
    Subscribed {
        /// The session.
        session: SessionId,
        /// The subscription.
        subscription: SubscriptionId,
        /// Delivery begins here.
        position: Position,
        /// The log ends here.
        head: Position,
    },
    /// Keep a cursor.
    StoreCursor {
        /// Whose.
        principal: PrincipalId,
        /// Its name.
        name: CursorName,
        /// Where to go on: the position after the last one acknowledged.
        position: Position,
    },
    /// Tell a subscriber that its subscription is over, or was refused.
    EndSubscription {
        /// The session.
        session: SessionId,
        /// The subscription.
        subscription: SubscriptionId,
        /// The rule.
        code: RefusalCode,
        /// In words.
        why: String,
    },
    /// Close a session; the router has forgotten it.
    CutSession {
        /// The session.
        session: SessionId,
        /// The rule.
        code: RefusalCode,
        /// In words.
        why: String,
    },
}
