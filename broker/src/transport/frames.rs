//! What every transport of frames does alike: the first frame, the answers, what waits for a
//! steward, and how a record becomes a frame.

use std::collections::HashSet;
use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sekisho::framing::{FrameReader, FrameWriter, StreamError};
use sekisho_proto::{Frame, GapReason, KeyHeaderId, RefusalCode, Timestamp, frame, limits};
use sekisho_routing::{Record, SubscriptionId};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::clock;
use crate::hub::{Answers, Came, Hub, Refusal, Subject, metrics};
use crate::session::{Greeting, Session, Stranger, Vouchers, waits_for};

/// From the first packet to `Hello`; a stranger that is slower is dropped.
pub(crate) const GREETING_MAX: Duration = Duration::from_secs(5);
/// How long a client may take to read why it was refused.
pub(crate) const FAREWELL_MAX: Duration = Duration::from_millis(500);
/// How long a stopping node waits for answers that are due.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(5);
/// Answers gathered into one write.
const ANSWERS_AT_ONCE: usize = 256;
/// Words for a newcomer that wait to be written.
const WORDS_MAX: usize = 4;
/// Key headers remembered as sent; beyond it some are sent again.
const SENT_MAX: usize = 4_096;

/// Why no further frame comes, other than by the client's will.
#[derive(Debug)]
pub(crate) enum Silence {
    /// The client broke a rule, and can be told.
    Broken(Refusal),
    /// The client is gone.
    Gone,
}

/// The client does not take anything any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

/// Where frames come from.
pub(crate) trait Source: Send {
    /// The longest frame taken from now on, bytes.
    fn set_frame_bytes_max(&mut self, frame_bytes_max: usize);

    /// The next frame; `None` where the client ended in order. May be dropped and called again.
    fn next(&mut self) -> impl Future<Output = Result<Option<Frame>, Silence>> + Send;
}

/// Where frames go.
pub(crate) trait Sink: Send {
    /// Writes all of them, in as few writes as they fit.
    fn write(&mut self, frames: Vec<Frame>) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Asks the client whether it is there, where what is below does not do so by itself.
    fn keep_alive(&mut self) -> impl Future<Output = Result<(), Gone>> + Send {
        ready(Ok(()))
    }
}

impl Source for FrameReader {
    fn set_frame_bytes_max(&mut self, frame_bytes_max: usize) {
        Self::set_frame_bytes_max(self, frame_bytes_max);
    }

    async fn next(&mut self) -> Result<Option<Frame>, Silence> {
        Self::next(self).await.map_err(|fault| {
            let is_the_clients = matches!(fault, StreamError::Frame(_) | StreamError::Ended { .. });
            if is_the_clients { Silence::Broken(refusal_of(&fault)) } else { Silence::Gone }
        })
    }
}

impl Sink for FrameWriter {
    async fn write(&mut self, frames: Vec<Frame>) -> Result<(), Gone> {
        for frame in frames {
            if self.gather(&frame) {
                self.flush().await.map_err(|_gone| Gone)?;
            }
        }
        self.flush().await.map_err(|_gone| Gone)
    }
}

/// A fault of the client's bytes as a refusal; others are nobody's to read.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other fault is told alike")]
pub(crate) fn refusal_of(fault: &StreamError) -> Refusal {
    match fault {
        StreamError::Frame(fault) => Refusal::from(fault.clone()),
        other => Refusal::new(RefusalCode::Malformed, "stream", other.to_string()),
    }
}

/// `Goodbye` with a reason.
pub(crate) fn goodbye(code: RefusalCode, why: impl Into<String>) -> Frame {
    Frame::Goodbye(frame::Goodbye { code: Some(code), why: why.into() })
}

/// Reads the first frame of somebody whose key is proven; `None` where they are gone.
///
/// # Errors
/// It is not what a connection begins with, or the key has no business here.
pub(crate) async fn first(
    source: &mut impl Source,
    stranger: Stranger,
) -> Result<Option<Greeting>, Refusal> {
    source.set_frame_bytes_max(limits::FRAME_BYTES_UNGREETED_MAX);
    match source.next().await {
        Ok(Some(first)) => {
            let greeting = stranger.greet(first).await?;
            source.set_frame_bytes_max(limits::FRAME_BYTES_MAX);
            Ok(Some(greeting))
        }
        Ok(None) => {
            let why = "wanted a frame, found its end";
            Err(Refusal::new(RefusalCode::UnexpectedFrame, "stream", why))
        }
        Err(Silence::Broken(refusal)) => Err(refusal),
        Err(Silence::Gone) => Ok(None),
    }
}

/// Counts and tells that somebody was not let in.
pub(crate) fn note_refused(hub: &Hub, came: Came, refusal: &Refusal) {
    hub.refusals().note(None, came, refusal, clock::now());
    metrics::handshake_failed(refusal.code.name());
    if let Some(unsaid) = hub.alarm().admit(Subject::Stranger, clock::now()) {
        let Refusal { code, what, why, .. } = refusal;
        info!(%code, what, why, unsaid, "refused a connection");
    }
}

/// Writes answers, all that wait at once; when the session has ended, what is left.
pub(crate) async fn write_answers(
    (mut answers, vouchers): (Answers, Option<Arc<Vouchers>>),
    sink: &mut impl Sink,
    ended: CancellationToken,
) {
    while let Some(waiting) = next_answers(&mut answers, vouchers.as_deref(), &ended).await {
        if sink.write(waiting).await.is_err() {
            return;
        }
    }
}

/// The answers that wait; `None` when the session has ended and nothing is left.
pub(crate) async fn next_answers(
    answers: &mut Answers,
    vouchers: Option<&Vouchers>,
    ended: &CancellationToken,
) -> Option<Vec<Frame>> {
    let mut waiting = Vec::new();
    let taken = tokio::select! {
        biased;
        taken = answers.recv_many(&mut waiting, ANSWERS_AT_ONCE) => taken,
        () = ended.cancelled() => 0,
    };
    if taken == 0 {
        return None;
    }
    if let Some(vouchers) = vouchers {
        waiting = waiting.into_iter().map(|frame| vouchers.turn(frame)).collect();
    }
    Some(waiting)
}

/// Keeps a device company until the steward has decided; tells whether it heard the decision.
pub(crate) async fn enrol(
    stranger: Stranger,
    enrol: frame::Enrol,
    sink: &mut impl Sink,
) -> Result<(), Gone> {
    let waiting = waits_for(
        "this device is admitted as its token says, or when an administrator approves it"
            .to_owned(),
    );
    sink.write(vec![waiting]).await?;
    let (tell, mut told) = mpsc::channel(WORDS_MAX);
    let mut deciding = pin!(stranger.enrol(enrol, &tell));
    let decided = loop {
        tokio::select! {
            decided = &mut deciding => break decided,
            Some(word) = told.recv() => sink.write(vec![word]).await?,
        }
    };
    let decision = match decided {
        Ok(admitted) => admitted,
        Err(Refusal { why, .. }) => Frame::Enrolling(frame::Enrolling {
            state: frame::EnrolmentState::Refused,
            why,
            statements: Vec::new(),
        }),
    };
    sink.write(vec![decision]).await
}

/// Turns records into frames, each key header with the first that names it.
#[derive(Debug, Default)]
pub(crate) struct Recital {
    /// Nothing is held before the first sealed record: most subscriptions are silent most of the
    /// time.
    sent: Option<Box<Sent>>,
}

#[derive(Debug)]
struct Sent {
    ids: HashSet<KeyHeaderId>,
    /// When the first of them was.
    since: Timestamp,
}

impl Recital {
    /// Something is about to be written: key headers that were sent long ago are sent again where
    /// they are named, since whoever has them may forget what was not named for longer.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        let age = self.sent.as_ref().map(|sent| now.saturating_since(sent.since));
        if age.is_some_and(|age| age >= limits::KEY_HEADER_AGAIN_AFTER) {
            self.sent = None;
        }
    }

    /// The frame that tells a record, or that it cannot be told: then what it cost is given back.
    ///
    /// # Errors
    /// Its key header cannot be read for the moment: nothing behind it is to be told, and whoever
    /// subscribes again is told it.
    pub(crate) async fn frame_of(
        &mut self,
        session: &Session,
        subscription: SubscriptionId,
        record: &Record,
    ) -> Result<Frame, Refusal> {
        let Ok(envelope) = session.hub().signed(record) else {
            metrics::gap(GapReason::Corrupt.name());
            session.give_back(subscription).await;
            return Ok(Frame::Gap(frame::Gap {
                subscription: subscription.value(),
                from_position: record.position(),
                to_position: record.position().next(),
                reason: GapReason::Corrupt,
                topic: Some(record.topic().clone()),
            }));
        };
        let key_header = self.key_header_of(session, record)?;
        Ok(Frame::Record(frame::Record {
            subscription: subscription.value(),
            position: record.position(),
            offset: record.offset(),
            received: record.received(),
            envelope,
            key_header,
            hops: session.hub().hops_of(record),
        }))
    }

    /// Where the record names a key header that was not sent yet, that.
    fn key_header_of(
        &mut self,
        session: &Session,
        record: &Record,
    ) -> Result<Option<Bytes>, Refusal> {
        let Some(id) = record.key_header().filter(|id| !self.has_sent(id)) else { return Ok(None) };
        let encoded = session.hub().key_headers().encoded(&id)?;
        if encoded.is_some() {
            self.note_sent(id);
        }
        Ok(encoded)
    }

    fn has_sent(&self, id: &KeyHeaderId) -> bool {
        self.sent.as_deref().is_some_and(|sent| sent.ids.contains(id))
    }

    fn note_sent(&mut self, id: KeyHeaderId) {
        let begun = || Box::new(Sent { ids: HashSet::new(), since: clock::now() });
        let sent = self.sent.get_or_insert_with(begun);
        if sent.ids.len() >= SENT_MAX {
            sent.ids.clear();
        }
        sent.ids.insert(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_header_that_was_sent_long_ago_is_sent_again() {
        let (mut recital, id) = (Recital::default(), KeyHeaderId::new([1; 16]));
        recital.note_sent(id);
        let just_before = limits::KEY_HEADER_AGAIN_AFTER.saturating_sub(Duration::from_secs(60));
        recital.begin(clock::now().saturating_add(just_before));
        assert!(recital.has_sent(&id));
        recital.begin(clock::now().saturating_add(limits::KEY_HEADER_AGAIN_AFTER));
        assert!(!recital.has_sent(&id));
    }
}
