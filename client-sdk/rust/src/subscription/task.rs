//! The task behind a subscription: subscribes on every new connection, verifies what comes, hands
//! it over, returns credit and passes acknowledgements on.

use std::{sync::Arc, time::Duration};

use sekisho_proto::{
    CursorName, Filter, Frame, GapReason,
    frame::{self, Acknowledge, Credit, Record, Start, Subscribe, Subscribed, Unsubscribe},
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{
    SubscribeError,
    order::Order,
    outcome::{Event, Outcome, lost},
    place::{Done, Ends, Place},
    verifier::{Interrupted, Verifier},
};
use crate::{
    backoff::Backoff,
    chain::Chain,
    connection::Stream,
    entropy::OsEntropy,
    framing::{FrameReader, FrameWriter, StreamError},
    message::{Delivery, Gap},
    refusal::Refusal,
    session::{Closed, Session, link::Link},
    timer::Timer,
};

/// Acknowledgements are gathered so long: a frame for each message would cost more than the message.
const ACKNOWLEDGE_EVERY: Duration = Duration::from_millis(20);

/// How long the end of a subscription may take to reach the node.
const FAREWELL: Duration = Duration::from_secs(1);

/// What was asked for.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) filter: Filter,
    pub(super) from: Start,
    pub(super) cursor: Option<CursorName>,
    pub(super) credit: u32,
    pub(super) ends: Ends,
    /// How long silence is nothing to speak of.
    pub(super) expected: Option<Duration>,
}

type Deliver = mpsc::Sender<Result<Delivery, SubscribeError>>;

/// See the module.
pub(super) struct Task {
    session: Arc<Session>,
    wish: Wish,
    place: Place,
    verifier: Verifier,
    order: Order,
    deliver: Deliver,
    acknowledged: watch::Receiver<Done>,
    confirm: Option<oneshot::Sender<Result<(), SubscribeError>>>,
    backoff: Backoff,
    closing: CancellationToken,
    /// Credit used up and not yet returned.
    owed: u32,
    /// Runs while another acknowledgement would be too early.
    acknowledged_lately: Timer,
    /// Runs while silence is nothing to speak of.
    heard_lately: Timer,
}

/// When nothing more is wanted.
struct Unwanted {
    deliver: Deliver,
    closing: CancellationToken,
}

impl Unwanted {
    /// What a node that does not read may keep for ever.
    async fn or<T>(&self, writing: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            written = writing => Some(written),
            () = self.deliver.closed() => None,
            () = self.closing.cancelled() => None,
        }
    }
}

impl Task {
    pub(super) fn new(
        session: Arc<Session>,
        wish: Wish,
        deliver: Deliver,
        acknowledged: watch::Receiver<Done>,
        confirm: oneshot::Sender<Result<(), SubscribeError>>,
    ) -> Self {
        let (min, max) = (session.options.backoff_min, session.options.backoff_max);
        Self {
            place: Place::new(wish.from, wish.ends),
            verifier: Verifier::new(Arc::clone(&session), wish.filter.clone()),
            order: Order::default(),
            closing: session.users_closing.clone(),
            session,
            wish,
            deliver,
            acknowledged,
            confirm: Some(confirm),
            backoff: Backoff::new(min, max),
            owed: 0,
            acknowledged_lately: Timer::default(),
            heard_lately: Timer::default(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut ended = 0;
        while let Some(link) = self.link_after(ended).await {
            match self.serve(&link).await {
                Outcome::Done => return,
                Outcome::Lost => {}
                Outcome::Refused(refusal) if !refusal.code.is_passing() => {
                    return self.end(SubscribeError::Refused(refusal)).await;
                }
                Outcome::Refused(refusal) => {
                    tracing::debug!(%refusal, "subscription refused for now");
                }
            }
            if link.is_ended() {
                ended = link.generation();
            } else if !self.wait().await {
                break;
            }
        }
        self.end(SubscribeError::Closed).await;
    }

    async fn link_after(&mut self, generation: u64) -> Option<Arc<Link>> {
        loop {
            tokio::select! {
                link = self.session.link_after(generation) => return link.map_err(|Closed| ()).ok(),
                () = self.deliver.closed() => return None,
                () = self.closing.cancelled() => return None,
                () = self.heard_lately.elapsed() => if !self.tell_silence().await {
                    return None;
                }
            }
        }
    }

    /// Something was heard: silence begins to count from now.
    fn note_heard(&mut self) {
        if let Some(expected) = self.wish.expected {
            self.heard_lately.start(expected);
        }
    }

    /// Says that nothing came; false where nobody wants any more.
    async fn tell_silence(&self) -> bool {
        let Some(waited) = self.wish.expected else { return true };
        let filter = self.wish.filter.clone();
        tracing::warn!(%filter, ?waited, "silence where something was expected");
        self.hand_over(Err(SubscribeError::Silent { filter, waited })).await
    }

    /// Waits before another attempt on the same connection; false where none is wanted.
    async fn wait(&mut self) -> bool {
        let delay = self.backoff.next_delay(&mut OsEntropy::new());
        tokio::select! {
            () = tokio::time::sleep(delay) => true,
            () = self.deliver.closed() => false,
            () = self.closing.cancelled() => false,
        }
    }

    /// Tells the program why nothing more comes.
    async fn end(self, why: SubscribeError) {
        match self.confirm {
            Some(confirm) => {
                if confirm.send(Err(why)).is_err() {
                    tracing::trace!("nobody waits for the subscription any more");
                }
            }
            None => {
                tokio::select! {
                    sent = self.deliver.send(Err(why)) => if sent.is_err() {
                        tracing::trace!("nobody reads the subscription any more");
                    },
                    () = self.closing.cancelled() => {}
                }
            }
        }
    }

    /// Subscribes on one connection and works the stream until it ends.
    async fn serve(&mut self, link: &Arc<Link>) -> Outcome {
        let closing = self.closing.clone();
        // A node may take its time to let another stream be opened.
        let opened = tokio::select! {
            opened = self.open(link) => opened,
            () = closing.cancelled() => return Outcome::Done,
        };
        let (subscription, Stream { mut writer, mut reader }) = match opened {
            Ok(opened) => opened,
            Err(cause) => return lost(&cause),
        };
        self.owed = 0;
        self.acknowledged.mark_changed();
        let outcome = self.work(link, subscription, &mut writer, &mut reader).await;
        if matches!(outcome, Outcome::Done) {
            self.leave(subscription, writer, &mut reader).await;
        }
        outcome
    }

    async fn open(&mut self, link: &Link) -> Result<(u32, Stream), StreamError> {
        let (subscription, mut stream) = link.open_stream().await?;
        let subscribe = Frame::Subscribe(Subscribe {
            subscription,
            filter: self.wish.filter.clone(),
            start: self.place.start(),
            cursor: self.wish.cursor.clone(),
            credit: self.wish.credit,
        });
        stream.writer.send(&subscribe).await?;
        Ok((subscription, stream))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "no other frame has a place here")]
    async fn work(
        &mut self,
        link: &Link,
        subscription: u32,
        writer: &mut FrameWriter,
        reader: &mut FrameReader,
    ) -> Outcome {
        let mut subscribed = false;
        let unwanted = Unwanted { deliver: self.deliver.clone(), closing: self.closing.clone() };
        loop {
            if self.place.is_finished() {
                return Outcome::Done;
            }
            let frame = match self.next(subscribed, reader).await {
                Event::Frame(frame) => *frame,
                Event::Ended(None) => return Outcome::Lost,
                Event::Ended(Some(cause)) => return lost(&cause),
                Event::Acknowledged => {
                    let passed = self.pass_on_acknowledgement(subscription, writer);
                    match unwanted.or(passed).await {
                        Some(Ok(())) => continue,
                        Some(Err(cause)) => return lost(&cause),
                        None => return Outcome::Lost,
                    }
                }
                Event::Nothing => continue,
                Event::Silence => match self.tell_silence().await {
                    true => continue,
                    false => return Outcome::Done,
                },
                Event::Unwanted => return Outcome::Done,
            };
            if let Some(cause) = self.disorder(&frame) {
                return lost(&cause);
            }
            match frame {
                Frame::Subscribed(Subscribed { position, head, .. }) => {
                    subscribed = true;
                    self.place.handle_subscribed(position, head);
                    if position >= head {
                        self.backoff.reset();
                    }
                    if self.confirm() {
                        self.note_heard();
                    }
                }
                Frame::Record(record) => match self.handle_record(link, record).await {
                    Ok(true) => {}
                    Ok(false) => return Outcome::Done,
                    Err(_interrupted) => return Outcome::Lost,
                },
                Frame::Gap(gap) => {
                    if !self.handle_gap(gap).await {
                        return Outcome::Done;
                    }
                }
                Frame::Refused(refused) => return Outcome::Refused(Refusal::from(refused)),
                other => {
                    let (wanted, found) = ("a record or a gap", other.name());
                    return lost(&StreamError::Unexpected { wanted, found });
                }
            }
            match unwanted.or(self.return_credit(subscription, writer)).await {
                Some(Ok(())) => {}
                Some(Err(cause)) => return lost(&cause),
                None => return Outcome::Lost,
            }
        }
    }

    /// What is wrong with a record or gap that is not behind everything told before. Only a node
    /// whose log ends earlier goes back, and says so.
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other frame has a position of its own")]
    fn disorder(&self, frame: &Frame) -> Option<StreamError> {
        let from = match frame {
            Frame::Record(record) => record.position,
            Frame::Gap(gap) if gap.reason != GapReason::Restart => {
                if gap.to_position <= gap.from_position {
                    let (wanted, found) = ("a gap of some length", "one of none");
                    return Some(StreamError::Unexpected { wanted, found });
                }
                gap.from_position
            }
            _ => return None,
        };
        let (wanted, found) = ("positions that grow", "an earlier one");
        (!self.place.follows(from)).then_some(StreamError::Unexpected { wanted, found })
    }

    async fn next(&mut self, subscribed: bool, reader: &mut FrameReader) -> Event {
        let was_told = self.place.was_told(*self.acknowledged.borrow());
        let may_acknowledge = subscribed
            && was_told
            && self.wish.cursor.is_some()
            && !self.acknowledged_lately.is_running();
        tokio::select! {
            biased;
            () = self.deliver.closed() => Event::Unwanted,
            () = self.closing.cancelled() => Event::Unwanted,
            changed = self.acknowledged.changed(), if may_acknowledge => match changed {
                Ok(()) => Event::Acknowledged,
                Err(_dropped) => Event::Unwanted,
            },
            () = self.acknowledged_lately.elapsed() => Event::Nothing,
            () = self.heard_lately.elapsed() => Event::Silence,
            frame = reader.next() => match frame {
                Ok(Some(frame)) => Event::Frame(Box::new(frame)),
                Ok(None) => Event::Ended(None),
                Err(cause) => Event::Ended(Some(cause)),
            },
        }
    }

    /// Tells the program that it is subscribed; true the first time.
    fn confirm(&mut self) -> bool {
        let Some(confirm) = self.confirm.take() else { return false };
        if confirm.send(Ok(())).is_err() {
            tracing::trace!("nobody waits for the subscription any more");
        }
        true
    }

    /// Hands a gap over; false where nobody wants any more.
    async fn handle_gap(&mut self, gap: frame::Gap) -> bool {
        let frame::Gap { from_position, to_position, reason, topic, .. } = gap;
        let gap = Gap { from: from_position, to: to_position, reason, topic };
        let Some(gap) = self.place.handle_gap(gap) else { return true };
        self.order.note_told(gap.clone());
        self.hand_over(Ok(Delivery::Gap(gap))).await
    }

    /// Hands a record over; false where nobody wants any more.
    async fn handle_record(&mut self, link: &Link, record: Record) -> Result<bool, Interrupted> {
        let position = record.position;
        self.owed = self.owed.saturating_add(1);
        if !self.place.wants(position) {
            self.place.advance(position.next());
            return Ok(true);
        }
        let closing = self.closing.clone();
        let judged = tokio::select! {
            judged = self.verifier.judge(link, record) => judged?,
            () = closing.cancelled() => return Ok(false),
        };
        self.note_heard();
        let in_order = judged.and_then(|message| {
            let missing = self.order.judge(&message)?;
            Ok((message, missing))
        });
        let delivery = match in_order {
            Ok((message, None)) => Ok(Delivery::Message(message)),
            Ok((message, Some(missing))) => {
                if !self.hand_over(Ok(Delivery::Gap(missing))).await {
                    return Ok(false);
                }
                Ok(Delivery::Message(message))
            }
            Err(why) => {
                tracing::warn!(%position, cause = %Chain(&why), "record rejected");
                Err(SubscribeError::Rejected { position, why })
            }
        };
        self.place.advance(position.next());
        self.backoff.reset();
        Ok(self.hand_over(delivery).await)
    }

    /// Waits until the program takes a delivery; false where it wants no more.
    async fn hand_over(&self, delivery: Result<Delivery, SubscribeError>) -> bool {
        tokio::select! {
            taken = self.deliver.send(delivery) => taken.is_ok(),
            () = self.closing.cancelled() => false,
        }
    }

    /// Returns credit in halves, so that one frame pays for many records.
    async fn return_credit(
        &mut self,
        subscription: u32,
        writer: &mut FrameWriter,
    ) -> Result<(), StreamError> {
        if self.owed < self.wish.credit.div_ceil(2) {
            return Ok(());
        }
        let records = std::mem::take(&mut self.owed);
        writer.send(&Frame::Credit(Credit { subscription, records })).await
    }

    async fn pass_on_acknowledgement(
        &mut self,
        subscription: u32,
        writer: &mut FrameWriter,
    ) -> Result<(), StreamError> {
        let done = *self.acknowledged.borrow_and_update();
        self.acknowledged_lately.start(ACKNOWLEDGE_EVERY);
        match self.place.acknowledgeable(done) {
            Some(position) => {
                writer.send(&Frame::Acknowledge(Acknowledge { subscription, position })).await
            }
            None => Ok(()),
        }
    }

    /// The last acknowledgement, then goodbye. The node ends its side of the stream when the cursor
    /// is on its disk.
    async fn leave(
        &mut self,
        subscription: u32,
        mut writer: FrameWriter,
        reader: &mut FrameReader,
    ) {
        let has_cursor = self.wish.cursor.is_some();
        let farewell = async {
            self.pass_on_acknowledgement(subscription, &mut writer).await?;
            writer.send(&Frame::Unsubscribe(Unsubscribe { subscription })).await?;
            writer.finish().await;
            while has_cursor && reader.next().await?.is_some() {}
            Ok::<_, StreamError>(())
        };
        match tokio::time::timeout(FAREWELL, farewell).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => {
                tracing::debug!(cause = %Chain(&cause), "subscription's end not told");
            }
            Err(_elapsed) => tracing::debug!("node did not read the subscription's end in time"),
        }
    }
}
