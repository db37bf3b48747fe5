//! The control stream of one connection: frames in to the session, answers out in as few writes as
//! they fit.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use quinn::Connection;
use sekisho::framing::{FrameReader, FrameWriter, StreamError};
use sekisho_proto::{Frame, RefusalCode, frame};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::streams::{self, Streams};
use super::{FAREWELL_MAX, goodbye};
use crate::hub::Refusal;
use crate::session::{Port, Session, Stranger, Vouchers, waits_for};

/// Answers gathered into one write.
const ANSWERS_AT_ONCE: usize = 256;
/// Words for a newcomer that wait to be written.
const WORDS_MAX: usize = 4;
/// How long a stopping node waits for answers that are due.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// One welcomed connection.
pub(super) struct Control {
    pub(super) session: Arc<Session>,
    pub(super) port: Port,
    pub(super) reader: FrameReader,
    pub(super) writer: FrameWriter,
}

impl Control {
    /// Serves the connection until either side ends it.
    pub(super) async fn run(
        self,
        connection: &Connection,
        welcome: Frame,
        stop: &CancellationToken,
    ) {
        let Self { session, port, mut reader, mut writer } = self;
        let Port { answers, cut, vouchers } = port;
        if writer.send(&welcome).await.is_err() {
            session.close().await;
            return;
        }
        let streams = Arc::new(Streams::new(Arc::clone(&session)));
        let writing = tokio::spawn(write((answers, vouchers), writer, streams.ended()));
        let last = tokio::select! {
            last = read(&session, &mut reader) => last,
            () = streams.accept(connection) => None,
            () = cut.fired() => cut.reason().map(|(code, why)| goodbye(*code, why.clone())),
            () = stop.cancelled() => {
                Some(goodbye(RefusalCode::Draining, "the node is stopping"))
            }
        };
        session.close().await;
        if let Some(last) = last {
            // A client that does not read its answers would keep its session, and the node from
            // stopping, for as long as it likes.
            drop(timeout(FAREWELL_MAX, session.tell(last)).await);
        }
        drop(session);
        // What remains then ends with the connection, which the caller closes.
        streams.end(DRAIN_MAX).await;
        if let Ok(Ok(mut writer)) = timeout(DRAIN_MAX, writing).await {
            writer.end();
            drop(timeout(FAREWELL_MAX, connection.closed()).await);
        }
    }
}

/// Reads until the client is done or breaks a rule; then the refusal is the last frame it gets.
async fn read(session: &Session, reader: &mut FrameReader) -> Option<Frame> {
    loop {
        match reader.next().await {
            Ok(Some(frame)) => {
                if let Err(refusal) = session.handle(frame).await {
                    return Some(session.hub().refuse(0, refusal));
                }
            }
            Ok(None) => return None,
            Err(fault @ (StreamError::Frame(_) | StreamError::Ended { .. })) => {
                return Some(session.hub().refuse(0, streams::refusal_of(&fault)));
            }
            Err(fault) => {
                debug!(%fault, "control stream");
                return None;
            }
        }
    }
}

/// Writes answers, all that wait at once; when the session has ended, what is left.
async fn write(
    (mut answers, vouchers): (mpsc::Receiver<Frame>, Option<Arc<Vouchers>>),
    mut writer: FrameWriter,
    ended: CancellationToken,
) -> FrameWriter {
    let mut waiting = Vec::new();
    loop {
        let taken = tokio::select! {
            biased;
            taken = answers.recv_many(&mut waiting, ANSWERS_AT_ONCE) => taken,
            () = ended.cancelled() => 0,
        };
        if taken == 0 {
            return writer;
        }
        for frame in waiting.drain(..) {
            let frame = match &vouchers {
                Some(vouchers) => vouchers.turn(frame),
                None => frame,
            };
            if writer.gather(&frame) && writer.flush().await.is_err() {
                return writer;
            }
        }
        if writer.flush().await.is_err() {
            return writer;
        }
    }
}

/// Keeps a device company until the steward has decided.
pub(super) async fn enrol(
    connection: &Connection,
    stranger: Stranger,
    enrol: frame::Enrol,
    mut writer: FrameWriter,
) {
    let waiting = waits_for("an administrator has to approve this device".to_owned());
    if writer.send(&waiting).await.is_err() {
        return;
    }
    let (tell, mut told) = mpsc::channel(WORDS_MAX);
    let mut deciding = pin!(stranger.enrol(enrol, &tell));
    let decided = loop {
        tokio::select! {
            decided = &mut deciding => break decided,
            Some(word) = told.recv() => if writer.send(&word).await.is_err() {
                return;
            },
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
    if writer.send(&decision).await.is_ok() {
        writer.end();
        drop(timeout(FAREWELL_MAX, connection.closed()).await);
    }
}
