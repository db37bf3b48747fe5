//! One session that many ask things of at once: each answer goes to whoever asked.
//!
//! It is for doors whose clients do not speak frames: a request comes in over HTTP, say, and its
//! answer is the answer to one frame.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sekisho_proto::frame::{AnswerBody, Question, Start};
use sekisho_proto::{
    CursorName, Filter, Frame, Offset, RefusalCode, StatementIndex, frame, limits,
};
use sekisho_routing::SubscriptionId;
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::SOFTWARE;
use crate::hub::{Hub, Letter, OutboxReader, Outgoing, Refusal, metrics};
use crate::session::{Greeting, Port, Session, Stranger, unexpected};

/// Records that may be on their way to a feed; half of them are asked for anew when half were taken.
const FEED_CREDIT: u32 = 512;

/// A session of somebody who asks through another protocol. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Desk {
    session: Arc<Session>,
    waiting: Arc<Waiting>,
    requests: AtomicU64,
    subscriptions: AtomicU32,
    tasks: TaskTracker,
    ended: CancellationToken,
    _dropped: DropGuard,
}

/// Whoever waits for an answer, by request.
#[derive(Debug, Default)]
struct Waiting(Mutex<HashMap<u64, oneshot::Sender<Frame>>>);

/// One subscription's records. The subscription ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Feed {
    session: Arc<Session>,
    id: SubscriptionId,
    queue: OutboxReader,
    taken: VecDeque<Outgoing>,
    /// Records taken since credit was given.
    uncredited: u32,
    _dropped: DropGuard,
}

impl Desk {
    /// Opens a session for a key that was proven. It is told to `tasks`, which are waited for when
    /// the node stops.
    ///
    /// # Errors
    /// The key has no business here.
    pub(crate) async fn open(
        hub: &Arc<Hub>,
        stranger: Stranger,
        tasks: &TaskTracker,
    ) -> Result<Arc<Self>, Refusal> {
        let hello = frame::Hello {
            version: limits::PROTOCOL_VERSION,
            software: SOFTWARE.to_owned(),
            organisation: hub.organisation().clone(),
        };
        let greeting = stranger.greet(hello.into()).await?;
        let Greeting::Session(session, port, _welcome) = greeting else {
            let why = "wanted a session, found an enrolment";
            return Err(Refusal::new(RefusalCode::Internal, "greeting", why));
        };
        let (dropped, ended) = (CancellationToken::new(), CancellationToken::new());
        let waiting = Arc::new(Waiting::default());
        let end = Ending { dropped: dropped.clone(), ended: ended.clone() };
        tasks.spawn(answer(Arc::clone(&session), port, Arc::clone(&waiting), end));
        let desk = Self {
            session,
            waiting,
            requests: AtomicU64::new(1),
            subscriptions: AtomicU32::new(1),
            tasks: tasks.clone(),
            ended,
            _dropped: dropped.drop_guard(),
        };
        if desk.session.who().is_peer {
            let why = "wanted a principal, found a peer's node";
            return Err(Refusal::new(RefusalCode::NotPermitted, "session", why));
        }
        Ok(Arc::new(desk))
    }

    /// The session, for what is no question and no envelope.
    pub(crate) const fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Whether the node has ended the session: its right is gone, or the node is stopping.
    pub(crate) fn is_over(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Hands in an envelope that its publisher signed. Resolves when it is durable.
    ///
    /// # Errors
    /// Why it is not kept.
    pub(crate) async fn publish(
        &self,
        envelope: Bytes,
        key_header: Option<Bytes>,
    ) -> Result<Offset, Refusal> {
        let request = self.next_request();
        let publish = frame::Publish { request, envelope, key_header };
        published(self.ask(request, self.session.handle(publish.into())).await?)
    }

    /// Hands in what somebody without a key of its own wants to have published. Resolves when it is
    /// durable.
    ///
    /// # Errors
    /// Why it is not kept.
    pub(crate) async fn attest(&self, letter: Letter) -> Result<Offset, Refusal> {
        let request = self.next_request();
        let attesting = async {
            self.session.attest(request, letter).await;
            Ok(())
        };
        published(self.ask(request, attesting).await?)
    }

    /// Asks the node something.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn query(&self, question: Question) -> Result<AnswerBody, Refusal> {
        let request = self.next_request();
        let query = frame::Query { request, question };
        let told = self.ask(request, self.session.handle(query.into())).await?;
        let Frame::Answer(answer) = told else { return Err(unanswered(told)) };
        Ok(answer.answer)
    }

    /// Hands in statements for the control log.
    ///
    /// # Errors
    /// Why none of them stands there.
    pub(crate) async fn state(
        &self,
        statements: Vec<Bytes>,
    ) -> Result<Vec<StatementIndex>, Refusal> {
        let request = self.next_request();
        let state = frame::State { request, statements };
        let told = self.ask(request, self.session.handle(state.into())).await?;
        let Frame::Stated(stated) = told else { return Err(unanswered(told)) };
        Ok(stated.indices)
    }

    /// Begins to read.
    ///
    /// # Errors
    /// It reads too much at once already.
    pub(crate) async fn subscribe(
        &self,
        filter: Filter,
        start: Start,
        cursor: Option<CursorName>,
    ) -> Result<Feed, Refusal> {
        let subscription = self.subscriptions.fetch_add(1, Ordering::Relaxed);
        let subscribe =
            frame::Subscribe { subscription, filter, start, cursor, credit: FEED_CREDIT };
        let queue = self.session.subscribe(subscribe).await?;
        let id = SubscriptionId::new(subscription);
        let dropped = CancellationToken::new();
        let (session, ends) = (Arc::clone(&self.session), dropped.clone());
        self.tasks.spawn(async move {
            ends.cancelled().await;
            session.unsubscribe(id).await;
        });
        let session = Arc::clone(&self.session);
        let (taken, _dropped) = (VecDeque::new(), dropped.drop_guard());
        Ok(Feed { session, id, queue, taken, uncredited: 0, _dropped })
    }

    /// A number for one request.
    pub(crate) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits for the answer to what `asking` asks under this number.
    ///
    /// # Errors
    /// The session has ended.
    pub(crate) async fn ask(
        &self,
        request: u64,
        asking: impl Future<Output = Result<(), Refusal>>,
    ) -> Result<Frame, Refusal> {
        let (tell, told) = oneshot::channel();
        self.waiting.lock().insert(request, tell);
        let _forgets = Forgets { waiting: &self.waiting, request };
        asking.await?;
        tokio::select! {
            told = told => told.map_err(|_gone| self.over()),
            () = self.ended.cancelled() => Err(self.over()),
        }
    }

    /// Why the session has ended.
    pub(crate) fn over(&self) -> Refusal {
        self.session.over()
    }
}

/// What tells a desk's task to end, and what it tells then.
struct Ending {
    dropped: CancellationToken,
    ended: CancellationToken,
}

/// Hands out answers until the session ends.
async fn answer(session: Arc<Session>, port: Port, waiting: Arc<Waiting>, end: Ending) {
    let Port { mut answers, cut, vouchers: _ } = port;
    let handing_out = async {
        while let Some(frame) = answers.recv().await {
            let asked = request_of(&frame).and_then(|request| waiting.lock().remove(&request));
            if let Some(asked) = asked {
                // Whoever does not wait any more does not want it.
                drop(asked.send(frame));
            }
        }
    };
    tokio::select! {
        () = handing_out => {}
        () = cut.fired() => {}
        () = end.dropped.cancelled() => {}
    }
    end.ended.cancel();
    session.close().await;
}

#[expect(clippy::wildcard_enum_match_arm, reason = "no other frame answers a request")]
fn request_of(frame: &Frame) -> Option<u64> {
    match frame {
        Frame::Published(published) => Some(published.request),
        Frame::Vouched(vouched) => Some(vouched.request),
        Frame::Refused(refused) => Some(refused.request),
        Frame::Answer(answer) => Some(answer.request),
        Frame::Stated(stated) => Some(stated.request),
        _ => None,
    }
}

/// The answer to an envelope.
pub(crate) fn published(answer: Frame) -> Result<Offset, Refusal> {
    let Frame::Published(published) = answer else { return Err(unanswered(answer)) };
    Ok(published.offset)
}

/// The refusal that a frame is, or that it is no answer.
fn unanswered(frame: Frame) -> Refusal {
    let Frame::Refused(refused) = frame else { return unexpected("answers", &frame) };
    let frame::Refused { request: _, code, what, why, expected_sequence } = refused;
    Refusal { code, what, why, expected_sequence }
}

struct Forgets<'a> {
    waiting: &'a Waiting,
    request: u64,
}

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.request);
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Frame>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Feed {
    /// Why there is nothing more, where its subscription did not say.
    pub(crate) fn over(&self) -> Refusal {
        self.session.over()
    }

    /// The next thing of it; `None` when there is nothing more. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Option<Outgoing> {
        loop {
            if self.queue.lost_right() {
                // What was taken before was let out while the right was there.
                let taken = self.taken.drain(..);
                let records = taken.filter(|taken| matches!(taken, Outgoing::Record(_))).count();
                metrics::withheld(u32::try_from(records).unwrap_or(u32::MAX));
            }
            if let Some(next) = self.taken.pop_front() {
                if let Outgoing::Record(record) = &next {
                    self.uncredited += 1;
                    self.session.note_delivered(1, record.envelope().encoded().len() as u64);
                }
                return Some(next);
            }
            if self.queue.take_refused() {
                self.session.outbox_free(self.id).await;
            }
            if self.uncredited >= FEED_CREDIT / 2 {
                let (subscription, records) = (self.id.value(), self.uncredited);
                let credit = frame::Credit { subscription, records };
                self.session.steer(self.id, credit.into()).await.ok()?;
                self.uncredited = 0;
            }
            self.taken = poll_fn(|context| self.queue.poll_take(context)).await?.into();
        }
    }
}
