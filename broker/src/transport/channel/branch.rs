//! A subscription or a followed log that shares its channel with others.

use std::future::poll_fn;
use std::sync::Arc;

use sekisho_proto::{Frame, frame};
use sekisho_routing::SubscriptionId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::clock;
use crate::hub::{OutboxReader, Outgoing, Refusal, metrics};
use crate::session::Follower;
use crate::transport::frames::{Gone, Recital};

/// Bytes of envelopes in one piece: what a subscription may write before others have their turn.
const PIECE_BYTES: usize = 32 * 1024;
/// Frames in one piece.
const PIECE_FRAMES: usize = 256;
/// Cosignatures that wait to be looked at.
const SAID_MAX: usize = 4;

/// What a client asked for.
#[derive(Debug)]
pub(super) enum Kind {
    Records(frame::Subscribe),
    Log(frame::Follow),
}

/// The channel's end of one of them.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    records: Option<SubscriptionId>,
    /// The shard has heard of it, or never will.
    begun: CancellationToken,
    ended: CancellationToken,
    /// What is said of what a log showed.
    said: Option<mpsc::Sender<frame::Cosigned>>,
    hears: Option<Arc<tokio::sync::Mutex<mpsc::Receiver<frame::Cosigned>>>>,
}

impl Branch {
    pub(super) fn new(kind: &Kind) -> Self {
        let (begun, ended) = (CancellationToken::new(), CancellationToken::new());
        match kind {
            Kind::Records(subscribe) => {
                let records = Some(SubscriptionId::new(subscribe.subscription));
                Self { records, begun, ended, said: None, hears: None }
            }
            Kind::Log(_) => {
                let (said, hears) = mpsc::channel(SAID_MAX);
                let hears = Some(Arc::new(tokio::sync::Mutex::new(hears)));
                Self { records: None, begun, ended, said: Some(said), hears }
            }
        }
    }

    /// The client has had enough of it.
    pub(super) fn end(&self) {
        self.ended.cancel();
    }

    /// The number of a subscription, and what fires when it can be spoken of.
    pub(super) fn records(&self) -> Option<(SubscriptionId, CancellationToken)> {
        Some((self.records?, self.begun.clone()))
    }

    /// Who listens to what is said of a log.
    pub(super) fn ear(&self) -> Option<mpsc::Sender<frame::Cosigned>> {
        self.said.clone()
    }

    /// Serves it until either side has had enough, and says so.
    pub(super) async fn run(self, shared: Arc<Shared>, number: u32, kind: Kind) {
        let serving = async {
            match kind {
                Kind::Records(subscribe) => self.serve_records(&shared, subscribe).await,
                Kind::Log(follow) => self.serve_log(&shared, &follow).await,
            }
        };
        let outcome = shared.ending.run_until_cancelled(serving).await;
        self.begun.cancel();
        if let Some(id) = self.records {
            // Resolves when what was acknowledged is on the disk.
            shared.session.unsubscribe(id).await;
        }
        shared.branches().remove(&number);
        match outcome {
            // What the shard decided it has counted.
            Some(Ok(end)) => shared.tell_end(number, end).await,
            Some(Err(refusal)) => {
                drop(shared.session.hub().refuse(0, refusal.clone()));
                shared.tell_end(number, Some(refusal)).await;
            }
            // Everything ends.
            None => {}
        }
    }

    async fn serve_records(
        &self,
        shared: &Shared,
        subscribe: frame::Subscribe,
    ) -> Result<Option<Refusal>, Refusal> {
        let id = SubscriptionId::new(subscribe.subscription);
        let mut queue = shared.session.subscribe(subscribe).await?;
        self.begun.cancel();
        let recital = Recital::default();
        let mut pieces = Pieces { shared, id, recital, frames: Vec::new(), records: 0, bytes: 0 };
        let reciting = async {
            loop {
                if queue.take_refused() {
                    shared.session.outbox_free(id).await;
                }
                let waiting = take(&mut queue).await?;
                match pieces.write(waiting, &queue).await {
                    Ok(None) => {}
                    Ok(Some(end)) => return Some(end),
                    Err(Gone) => return None,
                }
            }
        };
        Ok(self.ended.run_until_cancelled(reciting).await.flatten())
    }

    async fn serve_log(
        &self,
        shared: &Shared,
        follow: &frame::Follow,
    ) -> Result<Option<Refusal>, Refusal> {
        let mut follower: Follower = shared.session.follow(follow)?;
        let Some(hears) = &self.hears else { return Ok(None) };
        let mut hears = hears.lock().await;
        let following = async {
            loop {
                let next = tokio::select! {
                    next = follower.next() => next?,
                    Some(cosigned) = hears.recv() => {
                        follower.hear(cosigned).await?;
                        continue;
                    }
                };
                let Some(frame) = next else { return Ok(None) };
                if shared.pieces.send(vec![frame]).await.is_err() {
                    return Ok(None);
                }
            }
        };
        self.ended.run_until_cancelled(following).await.unwrap_or(Ok(None))
    }
}

async fn take(queue: &mut OutboxReader) -> Option<Vec<Outgoing>> {
    poll_fn(|context| queue.poll_take(context)).await
}

/// Gathers what waits into pieces.
struct Pieces<'a> {
    shared: &'a Shared,
    id: SubscriptionId,
    recital: Recital,
    frames: Vec<Frame>,
    records: u64,
    bytes: usize,
}

impl Pieces<'_> {
    /// Hands everything that waited to the writer; tells why nothing may follow, if so.
    async fn write(
        &mut self,
        waiting: Vec<Outgoing>,
        queue: &OutboxReader,
    ) -> Result<Option<Refusal>, Gone> {
        self.recital.begin(clock::now());
        for outgoing in waiting {
            match outgoing {
                // It was let out before the right was lost, and the client is slow.
                Outgoing::Record(_) if queue.lost_right() => metrics::withheld(1),
                Outgoing::Record(record) => {
                    self.records += 1;
                    self.bytes += record.envelope().encoded().len();
                    let session = &self.shared.session;
                    match self.recital.frame_of(session, self.id, &record).await {
                        Ok(frame) => self.frames.push(frame),
                        Err(refusal) => {
                            self.flush().await?;
                            drop(session.hub().refuse(0, refusal.clone()));
                            return Ok(Some(refusal));
                        }
                    }
                }
                Outgoing::Frame(frame) => self.frames.push(*frame),
                Outgoing::End { code, why } => {
                    self.flush().await?;
                    return Ok(Some(Refusal::new(code, self.id.to_string(), why)));
                }
            }
            if self.bytes >= PIECE_BYTES || self.frames.len() >= PIECE_FRAMES {
                self.flush().await?;
            }
        }
        self.flush().await?;
        Ok(None)
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        if self.frames.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.frames);
        self.shared.pieces.send(piece).await.map_err(|_gone| Gone)?;
        let (records, bytes) = (std::mem::take(&mut self.records), std::mem::take(&mut self.bytes));
        self.shared.session.note_delivered(records, bytes as u64);
        Ok(())
    }
}
