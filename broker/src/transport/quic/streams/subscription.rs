//! One subscription's stream while it lasts: records out, credit and acknowledgements in.
//!
//! A node has many of these and most of them wait, so what waits is kept small: it is polled by
//! hand, and whatever takes several polls (a write, a request to the shard) is boxed while it runs.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use sekisho::framing::{FrameReader, FrameWriter, StreamError};
use sekisho_proto::Frame;
use sekisho_routing::SubscriptionId;

use super::Streams;
use crate::clock;
use crate::hub::{OutboxReader, Outgoing, Refusal};
use crate::session::Session;
use crate::transport::frames::{Recital, refusal_of};

type Step<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A subscription that the shard has been told of.
pub(super) struct Live {
    streams: Arc<Streams>,
    subscription: SubscriptionId,
    reader: FrameReader,
    queue: OutboxReader,
    /// What the subscriber asked for and the shard has not taken yet.
    asking: Option<Step<Result<(), Refusal>>>,
    /// What is being written; gives the pen back unless nothing may follow.
    writing: Option<Step<Option<Pen>>>,
    pen: Option<Pen>,
}

/// Writes records, each key header once.
struct Pen {
    writer: FrameWriter,
    recital: Recital,
}

impl Live {
    pub(super) fn new(
        streams: Arc<Streams>,
        (subscription, queue): (SubscriptionId, OutboxReader),
        reader: FrameReader,
        writer: FrameWriter,
    ) -> Self {
        let pen = Some(Pen { writer, recital: Recital::default() });
        Self { streams, subscription, reader, queue, asking: None, writing: None, pen }
    }

    /// Serves it until either side has had enough.
    #[expect(clippy::manual_async_fn, reason = "an async fn would hold all of it twice")]
    pub(super) fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            let refusal = poll_fn(|context| self.poll(context)).await;
            Box::pin(self.close(refusal)).await;
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Box<Refusal>>> {
        if let Poll::Ready(outcome) = self.poll_reading(context) {
            return Poll::Ready(outcome.err().map(Box::new));
        }
        self.poll_writing(context).map(|()| None)
    }

    /// What the subscriber says, until it has nothing more to say.
    fn poll_reading(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        loop {
            if let Some(asking) = &mut self.asking {
                ready!(asking.as_mut().poll(context))?;
                self.asking = None;
            }
            let frame = match ready!(self.reader.poll_next(context)) {
                Ok(Some(Frame::Unsubscribe(_)) | None) => return Poll::Ready(Ok(())),
                Ok(Some(frame)) => frame,
                Err(fault @ (StreamError::Frame(_) | StreamError::Ended { .. })) => {
                    return Poll::Ready(Err(refusal_of(&fault)));
                }
                Err(_gone) => return Poll::Ready(Ok(())),
            };
            let (streams, subscription) = (Arc::clone(&self.streams), self.subscription);
            let asking = async move { streams.session.steer(subscription, frame).await };
            self.asking = Some(Box::pin(asking));
        }
    }

    /// What the subscriber gets: everything that waits, in as few writes as it fits. Ready when
    /// nothing may follow.
    fn poll_writing(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(writing) = &mut self.writing {
                let pen = ready!(writing.as_mut().poll(context));
                self.writing = None;
                self.pen = pen;
            }
            let Some(pen) = self.pen.take() else { return Poll::Ready(()) };
            let (streams, subscription) = (Arc::clone(&self.streams), self.subscription);
            if self.queue.take_refused() {
                self.writing = Some(Box::pin(async move {
                    streams.session.outbox_free(subscription).await;
                    Some(pen)
                }));
                continue;
            }
            match self.queue.poll_take(context) {
                Poll::Ready(Some(waiting)) => {
                    self.writing = Some(Box::pin(pen.write(streams, subscription, waiting)));
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => {
                    self.pen = Some(pen);
                    return Poll::Pending;
                }
            }
        }
    }

    /// Tells the shard, and the subscriber what it did wrong.
    async fn close(&mut self, refusal: Option<Box<Refusal>>) {
        let session = &self.streams.session;
        session.unsubscribe(self.subscription).await;
        if let Some(writing) = self.writing.take() {
            // A frame that is half written would make what follows unreadable.
            self.pen = writing.await;
        }
        let Some(Pen { mut writer, .. }) = self.pen.take() else { return };
        if let Some(refusal) = refusal {
            // A client that is gone does not read it.
            drop(writer.send(&session.hub().refuse(0, *refusal)).await);
        }
        writer.end();
    }
}

impl Pen {
    /// Writes everything that waited, unless the session ends first.
    async fn write(
        mut self,
        streams: Arc<Streams>,
        subscription: SubscriptionId,
        waiting: Vec<Outgoing>,
    ) -> Option<Self> {
        let writing = self.write_all(&streams.session, subscription, waiting);
        let goes_on = streams.ended.run_until_cancelled(writing).await;
        (goes_on == Some(true)).then_some(self)
    }

    /// Tells whether more may follow.
    async fn write_all(
        &mut self,
        session: &Session,
        subscription: SubscriptionId,
        waiting: Vec<Outgoing>,
    ) -> bool {
        let (mut records, mut bytes, mut is_last) = (0, 0, false);
        self.recital.begin(clock::now());
        for outgoing in waiting {
            let frame = match outgoing {
                Outgoing::Record(record) => {
                    records += 1;
                    bytes += record.envelope().encoded().len() as u64;
                    let told = self.recital.frame_of(session, subscription, &record).await;
                    told.unwrap_or_else(|refusal| {
                        is_last = true;
                        session.hub().refuse(0, refusal)
                    })
                }
                Outgoing::Frame(frame) => *frame,
                Outgoing::End { code, why } => {
                    is_last = true;
                    // It was counted where it was decided.
                    Refusal::new(code, subscription.to_string(), why).into_frame(0)
                }
            };
            let is_full = self.writer.gather(&frame);
            if is_full && self.writer.flush().await.is_err() {
                return false;
            }
            if is_last {
                break;
            }
        }
        if self.writer.flush().await.is_err() {
            return false;
        }
        session.note_delivered(records, bytes);
        if is_last {
            self.writer.end();
        }
        !is_last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_that_waits_is_small() {
        assert!(size_of::<Live>() <= 240, "{} bytes", size_of::<Live>());
    }
}
