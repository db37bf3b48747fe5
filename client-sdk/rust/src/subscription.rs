//! Subscribing to topics: a stream of messages and gaps that goes on over as many connections as it
//! takes, from where it was.

pub(crate) mod keys;
mod order;
mod outcome;
mod place;
mod release;
mod task;
mod verifier;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use sekisho_proto::{CursorName, Filter, GapReason, Position, frame::Start};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use self::{
    place::{Done, Ends},
    task::{Task, Wish},
};
use crate::{
    message::{Delivery, Message, RejectReason},
    refusal::Refusal,
    session::handle::SessionHandle,
    trust::TrustError,
};

/// Records that the node may send ahead of the program.
const CREDIT_DEFAULT: u32 = 256;

/// Deliveries that wait for the program besides; together with the credit and the stream's window
/// they bound a subscription's memory.
const DELIVERIES_MAX: usize = 64;

/// Why there is no message.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The node refuses the subscription for good; it ends.
    #[error("subscription: refused by the node")]
    Refused(#[from] Refusal),
    /// A record could not be verified; the subscription goes on behind it.
    #[error("record at position {position}: not taken for a message")]
    Rejected {
        /// Its place in the node's log.
        position: Position,
        /// Why.
        #[source]
        why: RejectReason,
    },
    /// Nothing came for as long as the program said it expects something; the subscription goes
    /// on. Publishers may be silent, the way to the node may be cut, or the node may withhold the
    /// newest records: from here these look alike.
    #[error("subscription to {filter}: wanted a message within {waited:?}, found silence")]
    Silent {
        /// Of what.
        filter: Filter,
        /// For how long.
        waited: Duration,
    },
    /// What the node tells of its organisation's control log is not what it has signed.
    #[error("control log: not trusted")]
    Untrusted(#[source] Arc<TrustError>),
    /// The client was closed.
    #[error("subscription: wanted an open client, found it closed")]
    Closed,
}

/// How a subscription is to be. Made by [`Client::subscribe`](crate::Client::subscribe).
#[must_use = "nothing is subscribed to before `start`"]
#[derive(Debug)]
pub struct SubscriptionBuilder {
    handle: SessionHandle,
    filter: Filter,
    from: Start,
    cursor: Option<CursorName>,
    credit: u32,
    expected: Option<Duration>,
}

impl SubscriptionBuilder {
    pub(crate) fn new(handle: SessionHandle, filter: Filter) -> Self {
        let (from, credit) = (Start::Latest, CREDIT_DEFAULT);
        Self { handle, filter, from, cursor: None, credit, expected: None }
    }

    /// Where to begin, unless the cursor stands somewhere. Default: with what is published from
    /// now on.
    pub fn from(self, from: Start) -> Self {
        Self { from, ..self }
    }

    /// A durable position at the node, by name: the subscription begins behind what was
    /// acknowledged under it. Default: none.
    pub fn cursor(self, cursor: CursorName) -> Self {
        Self { cursor: Some(cursor), ..self }
    }

    /// Records the node may send ahead, 1 or more. Default 256.
    pub fn credit(self, credit: u32) -> Self {
        Self { credit: credit.max(1), ..self }
    }

    /// How long there may be silence where publishers keep an interval: after so long without a
    /// record the subscription says [`SubscribeError::Silent`], once until the next one. It is how
    /// a tail that the node withholds is noticed, for nothing that is signed says what comes next.
    /// Default: any silence is taken for what it is.
    pub fn expect_within(self, interval: Duration) -> Self {
        Self { expected: Some(interval), ..self }
    }

    /// Subscribes, and resolves when the node has confirmed it; without a connection it waits for
    /// one.
    ///
    /// # Errors
    /// [`SubscribeError::Refused`] or [`SubscribeError::Closed`].
    pub async fn start(self) -> Result<Subscription, SubscribeError> {
        let Self { handle, filter, from, cursor, credit, expected } = self;
        let ends = Ends::Never;
        begin(handle, Wish { filter, from, cursor, credit, ends, expected }).await
    }
}

/// How history is to be read. Made by [`Client::history`](crate::Client::history).
#[must_use = "nothing is read before `start`"]
#[derive(Debug)]
pub struct HistoryBuilder {
    handle: SessionHandle,
    filter: Filter,
    from: Start,
}

impl HistoryBuilder {
    pub(crate) fn new(handle: SessionHandle, filter: Filter) -> Self {
        Self { handle, filter, from: Start::Earliest }
    }

    /// Where to begin. Default: with all that is kept.
    pub fn from(self, from: Start) -> Self {
        Self { from, ..self }
    }

    /// Reads up to where the node's log ends when it answers; then the stream ends.
    ///
    /// # Errors
    /// [`SubscribeError::Refused`] or [`SubscribeError::Closed`].
    pub async fn start(self) -> Result<Subscription, SubscribeError> {
        let Self { handle, filter, from } = self;
        let credit = CREDIT_DEFAULT;
        let (ends, expected) = (Ends::AtHead, None);
        begin(handle, Wish { filter, from, cursor: None, credit, ends, expected }).await
    }
}

async fn begin(handle: SessionHandle, wish: Wish) -> Result<Subscription, SubscribeError> {
    let session = Arc::clone(handle.session());
    let (deliver, deliveries) = mpsc::channel(DELIVERIES_MAX);
    let (acknowledge, acknowledged) = watch::channel(Done::default());
    let (confirm, confirmed) = oneshot::channel();
    let task = Task::new(Arc::clone(&session), wish, deliver, acknowledged, confirm);
    let (ended, end) = oneshot::channel();
    session.users.spawn(async move {
        task.run().await;
        if ended.send(()).is_err() {
            tracing::trace!("nobody waits for the subscription's end");
        }
    });
    confirmed.await.map_err(|_gone| SubscribeError::Closed)??;
    Ok(Subscription { deliveries, acknowledge, end, _handle: handle })
}

/// A running subscription: a stream of deliveries. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    deliveries: mpsc::Receiver<Result<Delivery, SubscribeError>>,
    acknowledge: watch::Sender<Done>,
    end: oneshot::Receiver<()>,
    _handle: SessionHandle,
}

impl Subscription {
    /// The next delivery; `None` when the subscription has ended. May be dropped and called again
    /// without losing anything.
    pub async fn next(&mut self) -> Option<Result<Delivery, SubscribeError>> {
        let delivery = self.deliveries.recv().await;
        self.note_taken(delivery.as_ref());
        delivery
    }

    /// Tells the node that this message and everything before it is done, for the subscription's
    /// cursor. Takes effect with the next round trip; [`Subscription::close`] waits for that.
    pub fn acknowledge(&self, message: &Message) {
        self.acknowledge_position(message.position);
    }

    /// As [`Subscription::acknowledge`], by position: for gaps and rejected records.
    pub fn acknowledge_position(&self, position: Position) {
        self.acknowledge.send_if_modified(|done| done.advance(position));
    }

    /// What was done before a log went on from an earlier place says nothing of what comes now.
    fn note_taken(&self, delivery: Option<&Result<Delivery, SubscribeError>>) {
        if let Some(Ok(Delivery::Gap(gap))) = delivery
            && gap.reason == GapReason::Restart
        {
            self.acknowledge.send_modify(Done::restart);
        }
    }

    /// Ends the subscription; resolves when the node has everything acknowledged, with a cursor on
    /// its disk, or is gone.
    pub async fn close(self) {
        drop(self.deliveries);
        if self.end.await.is_err() {
            tracing::trace!("subscription had ended before");
        }
    }
}

impl Stream for Subscription {
    type Item = Result<Delivery, SubscribeError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.deliveries.poll_recv(context);
        if let Poll::Ready(delivery) = &polled {
            self.note_taken(delivery.as_ref());
        }
        polled
    }
}
