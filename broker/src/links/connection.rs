//! A connection to a peer's node: what it says arrives on one bounded queue, whatever its stream.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sekisho::connection::{ConnectError, Connection, Endpoint, Stream, Welcomed};
use sekisho::framing::{FrameReader, FrameWriter, StreamError};
use sekisho_proto::{Frame, OrgName, PublicKey, frame};
use sekisho_seal::SigningKey;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

/// Frames of the peer that wait for the link; the streams push back beyond it.
const FRAMES_MAX: usize = 1_024;
/// What those frames may hold, KiB: a peer that keeps to no credit could fill a gigabyte otherwise.
const WAITING_KIB_MAX: u32 = 16 * 1_024;

/// One welcomed connection. Dropping it ends it.
pub(super) struct PeerConnection {
    connection: Connection,
    control: FrameWriter,
    streams: BTreeMap<u32, FrameWriter>,
    sender: mpsc::Sender<Said>,
    said: mpsc::Receiver<Said>,
    room: Arc<Semaphore>,
    /// By subscription; the control stream has none.
    readers: BTreeMap<Option<u32>, AbortOnDropHandle<()>>,
}

/// What comes from the peer.
#[derive(Debug)]
pub(super) enum Said {
    /// A frame of any of its streams, and the room it takes until it is heard.
    Frame(Frame, OwnedSemaphorePermit),
    /// A subscription was refused or has ended; its stream is over.
    Refused(u32, frame::Refused),
    /// A stream is over, and with it the connection.
    Ended(Option<StreamError>),
}

impl PeerConnection {
    /// Dials and introduces this node.
    pub(super) async fn open(
        address: String,
        node_key: PublicKey,
        organisation: OrgName,
        key: &SigningKey,
    ) -> Result<Self, ConnectError> {
        let endpoint = Endpoint { address, node_key, organisation };
        let Welcomed { connection, control, welcome: _ } =
            Connection::open(&endpoint, key, crate::SOFTWARE).await?;
        let Stream { writer: control, reader } = control;
        let (sender, said) = mpsc::channel(FRAMES_MAX);
        let mut opened = Self {
            connection,
            control,
            streams: BTreeMap::new(),
            sender,
            said,
            room: Arc::new(Semaphore::new(WAITING_KIB_MAX as usize)),
            readers: BTreeMap::new(),
        };
        opened.listen(None, reader);
        Ok(opened)
    }

    /// Opens a stream of its own for a subscription or a log.
    pub(super) async fn begin(
        &mut self,
        subscription: u32,
        frame: &Frame,
    ) -> Result<(), StreamError> {
        let Stream { mut writer, reader } = self.connection.stream(subscription).await?;
        writer.send(frame).await?;
        self.streams.insert(subscription, writer);
        self.listen(Some(subscription), reader);
        Ok(())
    }

    /// Says something on a subscription's stream. One that the peer has ended takes no more; what
    /// the peer said of it, or that the connection is gone, is heard on its other half.
    pub(super) async fn steer(&mut self, subscription: u32, frame: &Frame) {
        if let Some(writer) = self.streams.get_mut(&subscription)
            && let Err(fault) = writer.send(frame).await
        {
            debug!(%fault, subscription, "a subscription takes no more");
            self.streams.remove(&subscription);
        }
    }

    /// Leaves a subscription: what still comes of it is not read.
    pub(super) async fn leave(&mut self, subscription: u32, frame: &Frame) {
        // Before the peer hears of it: that its stream then ends says nothing of the connection.
        drop(self.readers.remove(&Some(subscription)));
        self.steer(subscription, frame).await;
        if let Some(mut writer) = self.streams.remove(&subscription) {
            writer.end();
        }
    }

    /// Says something on the control stream.
    pub(super) async fn tell(&mut self, frame: &Frame) -> Result<(), StreamError> {
        self.control.send(frame).await
    }

    /// What the peer says next.
    pub(super) async fn hear(&mut self) -> Said {
        // This end holds a sender, so the queue does not close.
        self.said.recv().await.unwrap_or(Said::Ended(None))
    }

    /// Everything that the peer has said and nobody heard, up to `max`.
    pub(super) fn hear_more(&mut self, max: usize) -> Vec<Said> {
        std::iter::from_fn(|| self.said.try_recv().ok()).take(max).collect()
    }

    fn listen(&mut self, subscription: Option<u32>, mut reader: FrameReader) {
        let (sender, room) = (self.sender.clone(), Arc::clone(&self.room));
        self.readers.retain(|_subscription, reader| !reader.is_finished());
        let reading = AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                let (said, last) = match (reader.next().await, subscription) {
                    (Ok(Some(Frame::Refused(refused))), Some(subscription)) => {
                        (Said::Refused(subscription, refused), true)
                    }
                    (Ok(Some(frame)), _) => {
                        let taking = Arc::clone(&room).acquire_many_owned(kibibytes(&frame)).await;
                        let Ok(taken) = taking else { return };
                        (Said::Frame(frame, taken), false)
                    }
                    (Ok(None), _) => (Said::Ended(None), true),
                    (Err(fault), _) => (Said::Ended(Some(fault)), true),
                };
                if sender.send(said).await.is_err() || last {
                    return;
                }
            }
        }));
        self.readers.insert(subscription, reading);
    }
}

/// What a frame holds, KiB rounded up; never more than there is room for.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other frame is small")]
fn kibibytes(frame: &Frame) -> u32 {
    let bytes = match frame {
        Frame::Record(record) => {
            record.envelope.len() + record.key_header.as_ref().map_or(0, Bytes::len)
        }
        Frame::Statements(told) => told.statements.iter().map(|one| one.statement.len()).sum(),
        _ => 0,
    };
    u32::try_from(bytes / 1_024).unwrap_or(u32::MAX).saturating_add(1).min(WAITING_KIB_MAX)
}
