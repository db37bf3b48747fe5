//! One channel that carries the frames of every subscription, as WebSocket and gRPC have it: what
//! comes is handed to whom its subscription number says, everything else to the control stream.
//!
//! One task reads all that comes and never waits for anybody: who does not take what is theirs holds
//! up nobody else, and a subscription of which too much waits is given up, to be begun again where it
//! stood. One task writes what all of them send.

mod carrier;
#[cfg(feature = "grpc")]
mod grpc;
mod inbox;
mod login;
mod outlet;
mod pump;
mod web;
#[cfg(feature = "websocket")]
mod websocket;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use sekisho_proto::{Frame, frame};
use tokio::sync::{Notify, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    carrier::{Receiver, Sender},
    inbox::Inbox,
};
use super::{ChannelError, Connection, Opened, Road, Stream};
use crate::framing::{FrameReader, FrameWriter, StreamError};

#[cfg(feature = "grpc")]
pub use self::grpc::Messages as GrpcMessages;
pub(crate) use self::{inbox::Inlet, outlet::Outlet, web::Web};

/// Batches of frames that wait to be written; each is worth a write.
const BATCHES_MAX: usize = 16;

/// Bytes of one subscription that nobody has taken, as with a stream of QUIC.
const SUBSCRIPTION_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The same of answers: a few of the largest.
const CONTROL_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What is spoken inside TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    #[cfg(feature = "websocket")]
    WebSocket,
    #[cfg(feature = "grpc")]
    Grpc,
}

/// A handle on a channel; it ends with the last of them, and of its streams.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    keeper: Arc<Keeper>,
}

#[derive(Debug)]
struct Keeper {
    shared: Arc<Shared>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.end(StreamError::Channel(ChannelError::Closed));
    }
}

/// What handles and tasks share.
#[derive(Debug)]
struct Shared {
    control: Arc<Inbox>,
    subscriptions: Mutex<Subscriptions>,
    /// Somebody left without a word.
    leaving: Notify,
    outgoing: mpsc::Sender<Vec<Bytes>>,
    /// Nothing more will be said here.
    finishing: CancellationToken,
    ended: CancellationToken,
    why: OnceLock<StreamError>,
    tasks: TaskTracker,
    local: SocketAddr,
}

#[derive(Debug, Default)]
struct Subscriptions {
    open: BTreeMap<u32, Arc<Inbox>>,
    /// Those of which the node is to be told that nobody takes them any more.
    left: Vec<u32>,
}

/// A stream's part in the channel, shared by its two halves.
#[derive(Debug)]
struct Membership {
    keeper: Arc<Keeper>,
    /// None: the control stream.
    subscription: Option<u32>,
    /// The node was told that it ends.
    has_left: AtomicBool,
}

impl Channel {
    /// Begins to carry frames over what a login has proven.
    fn start(sender: impl Sender, receiver: impl Receiver, local: SocketAddr) -> Opened {
        let (outgoing, batches) = mpsc::channel(BATCHES_MAX);
        let control = Arc::new(Inbox::new(CONTROL_BYTES_MAX));
        let shared = Arc::new(Shared {
            control: Arc::clone(&control),
            subscriptions: Mutex::default(),
            leaving: Notify::new(),
            outgoing,
            finishing: CancellationToken::new(),
            ended: CancellationToken::new(),
            why: OnceLock::new(),
            tasks: TaskTracker::new(),
            local,
        });
        shared.tasks.spawn(pump::write(Arc::clone(&shared), sender, batches));
        shared.tasks.spawn(pump::read(Arc::clone(&shared), receiver));
        shared.tasks.close();
        let channel = Self { keeper: Arc::new(Keeper { shared }) };
        let stream = channel.member(None, control);
        (Connection { road: Road::Channel(channel) }, stream)
    }

    /// A subscription's stream.
    pub(super) fn stream(&self, subscription: u32) -> Result<Stream, StreamError> {
        let shared = &self.keeper.shared;
        let inbox = Arc::new(Inbox::new(SUBSCRIPTION_BYTES_MAX));
        shared.lock().open.insert(subscription, Arc::clone(&inbox));
        if let Some(why) = shared.why.get() {
            return Err(why.clone());
        }
        Ok(self.member(Some(subscription), inbox))
    }

    fn member(&self, subscription: Option<u32>, inbox: Arc<Inbox>) -> Stream {
        let keeper = Arc::clone(&self.keeper);
        let membership =
            Arc::new(Membership { keeper, subscription, has_left: AtomicBool::new(false) });
        let reader = FrameReader::of_channel(Inlet::new(inbox, Arc::clone(&membership)));
        let writer = FrameWriter::of_channel(Outlet::new(membership));
        Stream { writer, reader }
    }

    pub(super) async fn closed(&self) -> StreamError {
        self.keeper.shared.closed().await
    }

    pub(super) fn close(&self) {
        self.keeper.shared.end(StreamError::Channel(ChannelError::Closed));
    }

    pub(super) async fn wait_idle(&self) {
        self.keeper.shared.tasks.wait().await;
    }

    pub(super) fn local_address(&self) -> SocketAddr {
        self.keeper.shared.local
    }
}

impl Shared {
    /// The first reason counts. Whoever reads hears it behind what came before.
    fn end(&self, why: StreamError) {
        let why = self.why.get_or_init(|| why).clone();
        let open = std::mem::take(&mut self.lock().open);
        for inbox in open.into_values() {
            inbox.close(Some(why.clone()));
        }
        self.control.close(Some(why));
        self.ended.cancel();
    }

    async fn closed(&self) -> StreamError {
        self.ended.cancelled().await;
        self.reason()
    }

    fn reason(&self) -> StreamError {
        self.why.get().cloned().unwrap_or(StreamError::Channel(ChannelError::Closed))
    }

    /// Hands a frame of so many bytes to whom it belongs; what belongs to nobody any more was on its
    /// way when its subscription was left.
    fn hand(&self, frame: Frame, bytes: usize) -> Result<(), StreamError> {
        if let Frame::Ended(ended) = frame {
            self.hand_end(ended);
            return Ok(());
        }
        let Some(subscription) = subscription_of(&frame) else {
            return self.control.push(frame, bytes);
        };
        let mut subscriptions = self.lock();
        let Some(inbox) = subscriptions.open.get(&subscription) else { return Ok(()) };
        if let Err(overrun) = inbox.push(frame, bytes) {
            inbox.close(Some(overrun));
            subscriptions.leave(subscription);
            drop(subscriptions);
            self.leaving.notify_one();
        }
        Ok(())
    }

    /// What a stream of its own would have said with a refusal and its end.
    fn hand_end(&self, ended: frame::Ended) {
        let frame::Ended { subscription, code, what, why } = ended;
        let Some(inbox) = self.lock().open.remove(&subscription) else { return };
        if let Some(code) = code {
            let expected_sequence = None;
            let refused = frame::Refused { request: 0, code, what, why, expected_sequence };
            inbox.push_last(Frame::Refused(refused));
        }
        inbox.close(None);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Subscriptions> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriptions {
    /// Nobody takes it any more, and the node does not know.
    fn leave(&mut self, subscription: u32) {
        if self.open.remove(&subscription).is_some() {
            self.left.push(subscription);
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let Some(subscription) = self.subscription else { return };
        let shared = &self.keeper.shared;
        let mut subscriptions = shared.lock();
        if self.has_left.load(Ordering::Relaxed) {
            subscriptions.open.remove(&subscription);
        } else {
            subscriptions.leave(subscription);
            drop(subscriptions);
            shared.leaving.notify_one();
        }
    }
}

/// Whose frame it is, where it is a subscription's.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "every other frame belongs to the control stream"
)]
fn subscription_of(frame: &Frame) -> Option<u32> {
    match frame {
        Frame::Subscribed(frame::Subscribed { subscription, .. })
        | Frame::Record(frame::Record { subscription, .. })
        | Frame::Gap(frame::Gap { subscription, .. })
        | Frame::Statements(frame::Statements { subscription, .. })
        | Frame::Checkpoint(frame::Checkpoint { subscription, .. }) => Some(*subscription),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
