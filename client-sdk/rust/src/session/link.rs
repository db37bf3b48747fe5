//! One live, welcomed connection to the node, shared by everything that speaks over it. It ends as
//! a whole: whoever holds it asks the session for the next one.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use sekisho_proto::{
    Frame, Offset, Sequence, Signature, Statement, StatementIndex, Topic,
    frame::{self, AnswerBody, Question},
    limits::{ENVELOPE_BYTES_DEFAULT, ENVELOPE_BYTES_MAX},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    connection::{Connection, Stream},
    framing::StreamError,
    query::QueryError,
    refusal::Refusal,
    session::roaming::Carrier,
};

/// Frames that may wait for the control stream. Envelopes in flight are bounded by the node's
/// window besides.
pub(super) const CONTROL_FRAMES_MAX: usize = 256;

/// Requests without an answer among which those that nobody waits for any more are looked for.
const WAITERS_MAX: usize = 4096;

/// Most envelopes sent and not answered, whatever the node allows.
const INFLIGHT_MAX: usize = 65_536;

/// What the node answered to a request.
#[derive(Debug)]
pub(crate) enum Reply {
    Published(Offset),
    Refused {
        refusal: Refusal,
        expected: Option<Sequence>,
    },
    Answer(AnswerBody),
    Stated(Vec<StatementIndex>),
    /// The home's node has signed that it has what was carried there.
    Vouched {
        offset: Option<Offset>,
        signature: Signature,
    },
}

/// Whom to tell an answer.
pub(super) enum Waiter {
    One(oneshot::Sender<Reply>),
    Publisher { replies: mpsc::Sender<(u64, Reply)>, _inflight: OwnedSemaphorePermit },
}

impl Waiter {
    fn is_gone(&self) -> bool {
        match self {
            Self::One(waiter) => waiter.is_closed(),
            Self::Publisher { .. } => false,
        }
    }
}

/// A place in the node's window of unanswered publishes, and one in the control stream.
pub(crate) struct PublishSlot {
    inflight: OwnedSemaphorePermit,
    control: mpsc::OwnedPermit<Frame>,
}

/// Requests without an answer; none is taken after the end.
#[derive(Default)]
struct Waiting {
    waiters: BTreeMap<u64, Waiter>,
    last_request: u64,
    ended: bool,
}

/// See the module.
pub(crate) struct Link {
    pub(super) connection: Connection,
    pub(super) welcome: frame::Welcome,
    /// Whose node it leads to, where that is not the home.
    carrier: Option<Arc<Carrier>>,
    /// Whether something that was sent over it is known to be at home.
    is_useful: AtomicBool,
    generation: u64,
    control: mpsc::Sender<Frame>,
    waiting: Mutex<Waiting>,
    inflight: Arc<Semaphore>,
    inflight_max: usize,
    last_subscription: AtomicU32,
    ended: CancellationToken,
}

impl Link {
    pub(super) fn new(
        connection: Connection,
        welcome: frame::Welcome,
        carrier: Option<Arc<Carrier>>,
        generation: u64,
    ) -> (Arc<Self>, mpsc::Receiver<Frame>) {
        let (control, frames) = mpsc::channel(CONTROL_FRAMES_MAX);
        let inflight_max = usize::try_from(welcome.inflight_max).unwrap_or(usize::MAX);
        let inflight_max = inflight_max.clamp(1, INFLIGHT_MAX);
        let link = Self {
            connection,
            welcome,
            carrier,
            is_useful: AtomicBool::new(false),
            generation,
            control,
            waiting: Mutex::default(),
            inflight: Arc::new(Semaphore::new(inflight_max)),
            inflight_max,
            last_subscription: AtomicU32::new(0),
            ended: CancellationToken::new(),
        };
        (Arc::new(link), frames)
    }

    /// Grows with every connection of a session.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The node that carries envelopes home, where it leads to one.
    pub(crate) fn carrier(&self) -> Option<&Arc<Carrier>> {
        self.carrier.as_ref()
    }

    /// Whether envelopes of a topic may be sent over it.
    pub(crate) fn takes(&self, topic: &Topic) -> bool {
        self.carrier.as_ref().is_none_or(|carrier| carrier.takes(topic))
    }

    /// Something that was sent over it is known to be at home.
    pub(crate) fn note_use(&self) {
        self.is_useful.store(true, Ordering::Relaxed);
    }

    /// Whether anything is.
    pub(crate) fn is_useful(&self) -> bool {
        self.is_useful.load(Ordering::Relaxed)
    }

    /// What the node said when it let us in.
    pub(crate) fn welcome(&self) -> &frame::Welcome {
        &self.welcome
    }

    /// The largest envelope the node takes, bytes.
    pub(crate) fn envelope_bytes_max(&self) -> usize {
        match self.welcome.envelope_bytes_max {
            0 => ENVELOPE_BYTES_DEFAULT,
            told => usize::try_from(told).unwrap_or(usize::MAX).min(ENVELOPE_BYTES_MAX),
        }
    }

    /// Most publishes without an answer.
    pub(crate) fn inflight_max(&self) -> usize {
        self.inflight_max
    }

    /// Resolves when the connection is of no more use.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Waits for a place in the node's window and in the control stream.
    pub(crate) async fn publish_slot(&self) -> Result<PublishSlot, LinkEnded> {
        let slot = async {
            let inflight = Arc::clone(&self.inflight).acquire_owned().await;
            let control = self.control.clone().reserve_owned().await;
            match (inflight, control) {
                (Ok(inflight), Ok(control)) => Ok(PublishSlot { inflight, control }),
                (Err(_), _) | (_, Err(_)) => Err(LinkEnded),
            }
        };
        tokio::select! {
            slot = slot => slot,
            () = self.ended.cancelled() => Err(LinkEnded),
        }
    }

    /// Such a place, where it is free at once.
    pub(crate) fn try_publish_slot(&self) -> Option<PublishSlot> {
        let inflight = Arc::clone(&self.inflight).try_acquire_owned().ok()?;
        let control = self.control.clone().try_reserve_owned().ok()?;
        Some(PublishSlot { inflight, control })
    }

    /// Sends an envelope; its answer comes over `replies` under the returned number.
    pub(crate) fn publish(
        &self,
        slot: PublishSlot,
        replies: mpsc::Sender<(u64, Reply)>,
        envelope: Bytes,
        key_header: Option<Bytes>,
    ) -> Result<u64, LinkEnded> {
        let PublishSlot { inflight, control } = slot;
        let request = self.wait_for(Waiter::Publisher { replies, _inflight: inflight })?;
        control.send(Frame::Publish(frame::Publish { request, envelope, key_header }));
        Ok(request)
    }

    /// Sends one envelope by itself and waits for its answer.
    pub(crate) async fn publish_one(
        &self,
        envelope: Bytes,
        key_header: Option<Bytes>,
    ) -> Result<Reply, LinkEnded> {
        let PublishSlot { inflight, control } = self.publish_slot().await?;
        let (waiter, reply) = oneshot::channel();
        let request = self.wait_for(Waiter::One(waiter))?;
        control.send(Frame::Publish(frame::Publish { request, envelope, key_header }));
        let reply = reply.await.map_err(|_dropped| LinkEnded);
        drop(inflight);
        reply
    }

    /// Asks and waits, at most `timeout`.
    pub(crate) async fn query(
        &self,
        question: Question,
        timeout: Duration,
    ) -> Result<AnswerBody, QueryError> {
        let asked = self.request(|request| Frame::Query(frame::Query { request, question }));
        match tokio::time::timeout(timeout, asked).await {
            Ok(Ok(Reply::Answer(answer))) => Ok(answer),
            Ok(Ok(Reply::Refused { refusal, .. })) => Err(QueryError::Refused(refusal)),
            Ok(Ok(Reply::Published(_) | Reply::Stated(_) | Reply::Vouched { .. })) => {
                Err(QueryError::WrongAnswer)
            }
            Ok(Err(LinkEnded)) => Err(QueryError::Disconnected),
            Err(_elapsed) => Err(QueryError::Timeout { waited: timeout }),
        }
    }

    /// Submits statements, all or none, and waits, at most `timeout`.
    pub(crate) async fn state(
        &self,
        statements: &[Statement],
        timeout: Duration,
    ) -> Result<Vec<StatementIndex>, QueryError> {
        let count = statements.len();
        let statements = statements.iter().map(|one| Bytes::from(one.encode())).collect();
        let asked = self.request(|request| Frame::State(frame::State { request, statements }));
        match tokio::time::timeout(timeout, asked).await {
            Ok(Ok(Reply::Stated(indices))) if indices.len() == count => Ok(indices),
            Ok(Ok(Reply::Stated(_))) => Err(QueryError::WrongAnswer),
            Ok(Ok(Reply::Refused { refusal, .. })) => Err(QueryError::Refused(refusal)),
            Ok(Ok(Reply::Published(_) | Reply::Answer(_) | Reply::Vouched { .. })) => {
                Err(QueryError::WrongAnswer)
            }
            Ok(Err(LinkEnded)) => Err(QueryError::Disconnected),
            Err(_elapsed) => Err(QueryError::Timeout { waited: timeout }),
        }
    }

    /// A stream of its own for a subscription, with the number that names it.
    pub(crate) async fn open_stream(&self) -> Result<(u32, Stream), StreamError> {
        let last = self.last_subscription.fetch_add(1, Ordering::Relaxed);
        let subscription = last.saturating_add(1);
        Ok((subscription, self.connection.stream(subscription).await?))
    }

    /// See [`Connection::rebind`].
    pub(crate) fn rebind(&self) -> std::io::Result<()> {
        self.connection.rebind()
    }

    /// Whether it is of no more use.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Ends a connection whose other end does not keep to the protocol.
    pub(crate) fn abort(&self) {
        self.end();
        self.connection.close("wanted answers of the protocol");
    }

    /// Tells the one who waits for it what the node answered. Answers nobody waits for are dropped.
    pub(super) fn deliver(&self, request: u64, reply: Reply) {
        let waiter = self.lock().waiters.remove(&request);
        let told = match waiter {
            Some(Waiter::One(waiter)) => waiter.send(reply).is_ok(),
            Some(Waiter::Publisher { replies, .. }) => replies.try_send((request, reply)).is_ok(),
            None => false,
        };
        if !told {
            tracing::trace!(request, "answer that nobody waits for");
        }
    }

    /// The connection is of no more use: nobody waits for answers any longer.
    pub(super) fn end(&self) {
        let mut waiting = self.lock();
        waiting.ended = true;
        waiting.waiters.clear();
        drop(waiting);
        self.ended.cancel();
    }

    pub(super) async fn send(&self, frame: Frame) -> Result<(), LinkEnded> {
        tokio::select! {
            sent = self.control.send(frame) => sent.map_err(|_closed| LinkEnded),
            () = self.ended.cancelled() => Err(LinkEnded),
        }
    }

    async fn request(&self, frame: impl FnOnce(u64) -> Frame) -> Result<Reply, LinkEnded> {
        let (waiter, reply) = oneshot::channel();
        let request = self.wait_for(Waiter::One(waiter))?;
        self.send(frame(request)).await?;
        reply.await.map_err(|_dropped| LinkEnded)
    }

    fn wait_for(&self, waiter: Waiter) -> Result<u64, LinkEnded> {
        let mut waiting = self.lock();
        if waiting.ended {
            return Err(LinkEnded);
        }
        if waiting.waiters.len() >= WAITERS_MAX {
            waiting.waiters.retain(|_request, waiter| !waiter.is_gone());
        }
        waiting.last_request = waiting.last_request.wrapping_add(1).max(1);
        let request = waiting.last_request;
        waiting.waiters.insert(request, waiter);
        Ok(request)
    }

    /// The request that has waited longest for its answer.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.lock().waiters.first_key_value().map(|(request, _waiter)| *request)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The link a request was made over is gone; whether the node acted on it is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("connection to the node: wanted an answer, found it ended")]
pub(crate) struct LinkEnded;
