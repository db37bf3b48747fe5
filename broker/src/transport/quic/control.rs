//! The control stream of one connection: frames in to the session, answers out in as few writes as
//! they fit.

use std::sync::Arc;

use quinn::Connection;
use sekisho::framing::{FrameReader, FrameWriter};
use sekisho_proto::{Frame, RefusalCode, frame};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::streams::Streams;
use crate::session::{Port, Session, Stranger};
use crate::transport::frames::{
    self, DRAIN_MAX, FAREWELL_MAX, Silence, Source, goodbye, write_answers,
};

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
        let ended = streams.ended();
        let writing = tokio::spawn(async move {
            write_answers((answers, vouchers), &mut writer, ended).await;
            writer
        });
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
async fn read(session: &Session, reader: &mut impl Source) -> Option<Frame> {
    loop {
        match reader.next().await {
            Ok(Some(frame)) => {
                if let Err(refusal) = session.handle(frame).await {
                    return Some(session.hub().refuse(0, refusal));
                }
            }
            Err(Silence::Broken(refusal)) => return Some(session.hub().refuse(0, refusal)),
            Ok(None) | Err(Silence::Gone) => return None,
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
    if frames::enrol(stranger, enrol, &mut writer).await.is_ok() {
        writer.end();
        drop(timeout(FAREWELL_MAX, connection.closed()).await);
    }
}
