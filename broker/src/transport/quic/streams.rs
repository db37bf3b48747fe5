//! The streams of one connection beside its control stream: a subscription or a control log each.

mod subscription;

use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, VarInt};
use sekisho::framing::{FrameReader, FrameWriter, StreamError};
use sekisho::tls;
use sekisho_proto::Frame;
use sekisho_routing::SubscriptionId;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::hub::{OutboxReader, Refusal};
use crate::session::{Follower, Session, unexpected};
use crate::transport::frames::refusal_of;
use subscription::Live;

/// Streams that a client may still open when it is given room for more: what it opens while the word
/// is on its way.
const STREAMS_LEFT_MIN: usize = 4;

/// How long whoever opens too many streams waits before it is looked again.
const OPEN_PAUSE: Duration = Duration::from_millis(20);

/// What the streams of one connection share.
pub(super) struct Streams {
    session: Arc<Session>,
    ended: CancellationToken,
    tasks: TaskTracker,
}

/// What a client opened a stream for.
enum Opened {
    /// Nothing, after all.
    Nothing,
    Subscription(SubscriptionId, OutboxReader),
    Log(Box<Follower>),
}

impl Streams {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session, ended: CancellationToken::new(), tasks: TaskTracker::new() }
    }

    /// Takes each new stream of the client until the connection ends.
    pub(super) async fn accept(self: &Arc<Self>, connection: &Connection) {
        let mut allowed = tls::BIDIRECTIONAL_STREAMS_BEFORE_WELCOME;
        if self.session.is_of_peer() {
            // Its link opens one for each filter, and holds on to those that were refused.
            allowed = tls::BIDIRECTIONAL_STREAMS_MAX;
            connection.set_max_concurrent_bi_streams(VarInt::from_u32(allowed));
        }
        while let Ok((send, receive)) = connection.accept_bi().await {
            while !self.session.may_open() {
                tokio::select! {
                    () = sleep(OPEN_PAUSE) => {}
                    _ended = connection.closed() => return,
                }
            }
            make_room(connection, self.tasks.len(), &mut allowed);
            let (writer, reader) = (FrameWriter::new(send), FrameReader::new(receive));
            self.tasks.spawn(begin(Arc::clone(self), reader, writer));
        }
    }

    /// Fires when the session has ended.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Ends all of them. Whatever takes longer than `patience` ends with the connection.
    pub(super) async fn end(&self, patience: Duration) {
        self.ended.cancel();
        self.tasks.close();
        drop(timeout(patience, self.tasks.wait()).await);
    }
}

/// Lets the client open more streams before it runs out of them. Not all at once: the QUIC library
/// takes memory for every stream that may be opened, and most clients open two or three.
fn make_room(connection: &Connection, open: usize, allowed: &mut u32) {
    // The control stream and the one just opened are not among those counted.
    let left = usize::try_from(*allowed).unwrap_or(usize::MAX).saturating_sub(open + 2);
    if left < STREAMS_LEFT_MIN && *allowed < tls::BIDIRECTIONAL_STREAMS_MAX {
        *allowed = allowed.saturating_mul(2).min(tls::BIDIRECTIONAL_STREAMS_MAX);
        connection.set_max_concurrent_bi_streams(VarInt::from_u32(*allowed));
    }
}

/// Finds out what a stream is for. A subscription goes on in a task of its own, which is smaller.
async fn begin(streams: Arc<Streams>, mut reader: FrameReader, mut writer: FrameWriter) {
    let session = &streams.session;
    let serving = async {
        match open(session, &mut reader).await? {
            Opened::Nothing => Ok(None),
            Opened::Subscription(subscription, queue) => Ok(Some((subscription, queue))),
            Opened::Log(follower) => {
                statements(*follower, &mut reader, &mut writer).await.map(|()| None)
            }
        }
    };
    match streams.ended.run_until_cancelled(serving).await {
        Some(Ok(Some(subscription))) => {
            let live = Live::new(Arc::clone(&streams), subscription, reader, writer);
            streams.tasks.spawn(live.run());
            return;
        }
        Some(Err(refusal)) => {
            // A client that is gone does not read it.
            drop(writer.send(&session.hub().refuse(0, refusal)).await);
        }
        Some(Ok(None)) | None => {}
    }
    writer.end();
}

async fn open(session: &Session, reader: &mut FrameReader) -> Result<Opened, Refusal> {
    match reader.next().await {
        Ok(Some(Frame::Subscribe(subscribe))) => {
            let subscription = SubscriptionId::new(subscribe.subscription);
            let queue = session.subscribe(subscribe).await?;
            Ok(Opened::Subscription(subscription, queue))
        }
        Ok(Some(Frame::Follow(follow))) => Ok(Opened::Log(Box::new(session.follow(&follow)?))),
        Ok(Some(other)) => Err(unexpected("subscription: Subscribe or Follow", &other)),
        Ok(None) => Ok(Opened::Nothing),
        Err(fault) => Err(refusal_of(&fault)),
    }
}

async fn statements(
    mut follower: Follower,
    reader: &mut FrameReader,
    writer: &mut FrameWriter,
) -> Result<(), Refusal> {
    loop {
        let next = tokio::select! {
            next = follower.next() => next?,
            said = reader.next() => match said {
                Ok(Some(Frame::Unsubscribe(_)) | None) => return Ok(()),
                Ok(Some(Frame::Cosigned(cosigned))) => {
                    follower.hear(cosigned).await?;
                    continue;
                }
                Ok(Some(other)) => return Err(unexpected("follow stream", &other)),
                Err(fault @ (StreamError::Frame(_) | StreamError::Ended { .. })) => {
                    return Err(refusal_of(&fault));
                }
                Err(_gone) => return Ok(()),
            },
        };
        let Some(frame) = next else { return Ok(()) };
        if writer.send(&frame).await.is_err() {
            return Ok(());
        }
    }
}
