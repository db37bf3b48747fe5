//! A publisher's view of the connection: one event at a time, whatever it was waiting for. Any wait
//! may be abandoned and taken up again without losing an event.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use sekisho_policy::RETIRED_GRACE;
use sekisho_proto::{
    BootId, Sequence, Topic,
    frame::{AnswerBody, Question},
};
use tokio::sync::mpsc;

use super::{
    PublishError,
    protection::{self, Proven},
};
use crate::{
    query::QueryError,
    session::{
        Closed, Session,
        link::{Link, LinkEnded, PublishSlot, Reply},
    },
    timer::Timer,
};

/// How often the epoch is asked for while nothing hints at a new one. A node takes what is sealed to
/// a retired epoch for [`RETIRED_GRACE`]: a publisher must have heard of the next one before that,
/// also where a question or two stay without an answer.
const PROTECTION_REFRESH: Duration = Duration::from_secs(RETIRED_GRACE.as_secs() / 4);

type Pending<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

/// What happened.
pub(super) enum Event {
    Connected(Arc<Link>),
    Disconnected,
    Answered { request: u64, reply: Reply },
    Head { boot: BootId, expected: Result<Sequence, QueryError> },
    Protected(Result<Proven, PublishError>),
    Slot(PublishSlot),
    Waited,
    Closed,
}

/// See the module.
pub(super) struct Uplink {
    session: Arc<Session>,
    topic: Topic,
    generation: u64,
    live: Option<Live>,
    head: Pending<(BootId, Result<Sequence, QueryError>)>,
    protection: Pending<Result<Proven, PublishError>>,
    back_off: Timer,
    refresh: Timer,
    pub(super) slot: Option<PublishSlot>,
}

/// A connection and the answers that come over it.
struct Live {
    link: Arc<Link>,
    replies: mpsc::Receiver<(u64, Reply)>,
    reply_to: mpsc::Sender<(u64, Reply)>,
}

impl Uplink {
    pub(super) fn new(session: Arc<Session>, topic: Topic) -> Self {
        Self {
            session,
            topic,
            generation: 0,
            live: None,
            head: None,
            protection: None,
            back_off: Timer::default(),
            refresh: Timer::default(),
            slot: None,
        }
    }

    pub(super) fn link(&self) -> Option<&Arc<Link>> {
        self.live.as_ref().map(|live| &live.link)
    }

    /// Takes up a connection: asks at once how the topic is protected now.
    pub(super) fn connect(&mut self, link: Arc<Link>) {
        self.generation = link.generation();
        let (reply_to, replies) = mpsc::channel(link.inflight_max().saturating_add(1));
        self.live = Some(Live { link, replies, reply_to });
        self.ask_protection();
    }

    /// Forgets a connection and every answer due over it.
    pub(super) fn disconnect(&mut self) {
        self.live = None;
        self.head = None;
        self.protection = None;
        self.back_off.stop();
        self.refresh.stop();
        self.slot = None;
    }

    /// Sends an envelope with a slot that was had before; returns the request.
    pub(super) fn publish(
        &self,
        slot: PublishSlot,
        envelope: bytes::Bytes,
        key_header: Option<bytes::Bytes>,
    ) -> Result<u64, LinkEnded> {
        let live = self.live.as_ref().ok_or(LinkEnded)?;
        live.link.publish(slot, live.reply_to.clone(), envelope, key_header)
    }

    /// A slot where one is free at once.
    pub(super) fn try_slot(&mut self) -> Option<PublishSlot> {
        self.slot.take().or_else(|| self.live.as_ref()?.link.try_publish_slot())
    }

    /// Another answer, where one waits.
    pub(super) fn try_answer(&mut self) -> Option<(u64, Reply)> {
        self.live.as_mut()?.replies.try_recv().ok()
    }

    pub(super) fn ask_head(&mut self, boot: BootId) {
        let Some(live) = &self.live else { return };
        let (link, timeout) = (Arc::clone(&live.link), self.session.options.query_timeout);
        let question = Question::StreamHead { topic: self.topic.clone(), boot };
        self.head = Some(Box::pin(async move {
            let expected = match link.query(question, timeout).await {
                Ok(AnswerBody::ExpectedSequence(expected)) => Ok(expected),
                Ok(_) => Err(QueryError::WrongAnswer),
                Err(cause) => Err(cause),
            };
            (boot, expected)
        }));
    }

    pub(super) fn ask_protection(&mut self) {
        let Some(live) = &self.live else { return };
        let (session, link) = (Arc::clone(&self.session), Arc::clone(&live.link));
        let topic = self.topic.clone();
        self.refresh.start(PROTECTION_REFRESH);
        self.protection =
            Some(Box::pin(async move { protection::ask(&session, &link, &topic).await }));
    }

    /// Lets [`Event::Waited`] happen after a delay, unless one is running.
    pub(super) fn back_off(&mut self, delay: impl FnOnce() -> Duration) {
        if !self.back_off.is_running() {
            self.back_off.start(delay());
        }
    }

    /// The next event. `wants_slot`: whether a free place in the node's window is one.
    pub(super) async fn next(&mut self, wants_slot: bool) -> Event {
        let Some(live) = &mut self.live else {
            return match self.session.publishing_link_after(&self.topic, self.generation).await {
                Ok(link) => Event::Connected(link),
                Err(Closed) => Event::Closed,
            };
        };
        let link = Arc::clone(&live.link);
        tokio::select! {
            biased;
            Some((request, reply)) = live.replies.recv() => Event::Answered { request, reply },
            () = link.ended() => Event::Disconnected,
            (boot, expected) = finished(&mut self.head) => Event::Head { boot, expected },
            protection = finished(&mut self.protection) => Event::Protected(protection),
            () = self.back_off.elapsed() => Event::Waited,
            () = self.refresh.elapsed() => {
                self.ask_protection();
                Box::pin(self.next(wants_slot)).await
            }
            slot = link.publish_slot(), if wants_slot => match slot {
                Ok(slot) => Event::Slot(slot),
                Err(LinkEnded) => Event::Disconnected,
            },
        }
    }
}

/// Resolves with a pending answer and takes it; never where none is pending.
async fn finished<T>(pending: &mut Pending<T>) -> T {
    let Some(future) = pending else { return std::future::pending().await };
    let answer = future.await;
    *pending = None;
    answer
}
