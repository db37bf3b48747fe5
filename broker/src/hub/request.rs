//! What the rest of the node asks of the shard. One bounded queue carries all of it, in order.

use std::sync::Arc;

use sekisho_policy::{DeliveryPermit, Policy, Recipient};
use sekisho_proto::{BootId, Hash, OrgName, Position, PrincipalId, RefusalCode, Sequence, Topic};
use sekisho_routing::{Admitted, Kept, Record, SessionId, Subscribe, SubscriptionId};
use tokio::sync::{mpsc, oneshot};

use super::answers::Teller;
use super::cut::Cut;
use super::outbox::Outbox;
use super::replay::{History, Page};

/// One request to the shard.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "publishes are nearly all of them: a box each would cost more"
)]
pub enum Request {
    /// Route, append and acknowledge an envelope that came through the door.
    Publish {
        /// The proof that it did.
        admitted: Admitted,
    },
    /// The same of several that came together, in order.
    PublishAll {
        /// The proofs; a connection's read of them.
        admitted: Vec<Admitted>,
    },
    /// A session begins.
    Connect {
        /// Its number.
        session: SessionId,
        /// Who it is.
        principal: PrincipalId,
        /// As whom it receives.
        recipient: Recipient,
        /// Where its answers go.
        answers: Teller,
        /// How it is ended.
        cut: Cut,
    },
    /// A session is gone.
    Disconnect {
        /// Which.
        session: SessionId,
    },
    /// A subscription begins.
    Subscribe {
        /// Of this session,
        session: SessionId,
        /// under this number,
        subscription: SubscriptionId,
        /// as asked for,
        subscribe: Subscribe,
        /// by the owner of its cursor,
        principal: PrincipalId,
        /// to be recorded so where it begins before now,
        history: Option<Box<History>>,
        /// delivered here.
        outbox: Outbox,
    },
    /// The subscriber can take more.
    Credit {
        /// Of this session,
        session: SessionId,
        /// this subscription,
        subscription: SubscriptionId,
        /// so many records more.
        records: u32,
    },
    /// The subscriber is done with everything up to a position.
    Acknowledge {
        /// Of this session,
        session: SessionId,
        /// this subscription,
        subscription: SubscriptionId,
        /// up to and with this.
        position: Position,
    },
    /// A subscription is over.
    Unsubscribe {
        /// Of this session,
        session: SessionId,
        /// this subscription.
        subscription: SubscriptionId,
        /// Fires when what it acknowledged is on the disk.
        kept: oneshot::Sender<()>,
    },
    /// A subscriber whose queue was full has room again.
    OutboxFree {
        /// Of this session,
        session: SessionId,
        /// this subscription.
        subscription: SubscriptionId,
    },
    /// A subscriber wants to be told how far it has come, behind everything that is on its way to it.
    TellPlace {
        /// Of this session,
        session: SessionId,
        /// this subscription.
        subscription: SubscriptionId,
        /// Also later, or once.
        when: Telling,
    },
    /// A page of the log that the router asked for.
    Replayed {
        /// For this session,
        session: SessionId,
        /// this subscription.
        subscription: SubscriptionId,
        /// What was read.
        page: Page,
    },
    /// A link begins: where to tell what became of its records.
    Link {
        /// The peer.
        organisation: OrgName,
        /// Its window is smaller than this queue.
        outcomes: mpsc::Sender<LinkOutcome>,
    },
    /// The policy has changed, or time has passed.
    Policy(Arc<Policy>),
    /// Another organisation was heard; nobody has another right for that.
    Heard(Arc<Policy>),
    /// What the router expects next of a publisher.
    StreamHead {
        /// Whose,
        publisher: PrincipalId,
        /// in this run,
        boot: BootId,
        /// to this topic.
        topic: Topic,
        /// The answer.
        answer: oneshot::Sender<Sequence>,
    },
    /// Where a publisher's chain on a topic ends, what is on its way to the disk included.
    ChainEnd {
        /// Whose,
        publisher: PrincipalId,
        /// in this run,
        boot: BootId,
        /// to this topic.
        topic: Topic,
        /// The next sequence and the hash before it, where there is one.
        answer: oneshot::Sender<Option<(Sequence, Hash)>>,
    },
    /// Which of these may be given to a session: asked at the gate.
    Kept {
        /// To this session,
        session: SessionId,
        /// these records, and why.
        records: Vec<(Arc<Record>, Kept)>,
        /// Those that may, with the proof.
        answer: oneshot::Sender<Vec<(Arc<Record>, DeliveryPermit)>>,
    },
    /// Time has passed: do what is due now and then.
    Tick,
    /// Finish what was asked before this, then stop.
    Stop {
        /// Answered when everything acknowledged is durable.
        done: oneshot::Sender<()>,
    },
}

impl Request {
    /// How much of a group it is.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::PublishAll { admitted } => admitted.len(),
            Self::Publish { .. }
            | Self::Connect { .. }
            | Self::Disconnect { .. }
            | Self::Subscribe { .. }
            | Self::Credit { .. }
            | Self::Acknowledge { .. }
            | Self::Unsubscribe { .. }
            | Self::OutboxFree { .. }
            | Self::TellPlace { .. }
            | Self::Replayed { .. }
            | Self::Link { .. }
            | Self::Policy(_)
            | Self::Heard(_)
            | Self::StreamHead { .. }
            | Self::ChainEnd { .. }
            | Self::Kept { .. }
            | Self::Tick
            | Self::Stop { .. } => 1,
        }
    }
}

/// When a subscriber is told how far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// As soon as it is not fed from the log.
    Once,
    /// The same, and with each change of rights: it passes on what is withheld from it.
    WithRights,
}

/// What became of a record that a link brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkOutcome {
    /// Durable here.
    Stored(Position),
    /// Never to be stored here, and why: the peer need not send it again.
    Refused(Position, RefusalCode),
    /// Not stored now: the link must take it again.
    Failed(Position),
}

/// Requests that wait for the shard: 4,096 envelopes are a tenth of a second at full speed, enough
/// to fill one group commit and short enough to push back on publishers early.
pub const REQUESTS_MAX: usize = 4_096;
