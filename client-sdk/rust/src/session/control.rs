//! Runs the control stream of one connection until it ends: frames out, gathered into large
//! writes; frames in, each to the one who waits for it.

use std::{sync::Arc, time::Duration};

use sekisho_proto::{Frame, RefusalCode, frame};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::link::{Link, Reply};
use crate::{
    framing::{FrameReader, FrameWriter, StreamError},
    refusal::Refusal,
};

/// How long a closing client waits for the node to have read its Goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a request may wait for its answer before the node is asked whether it is there.
const ANSWER_LATE: Duration = Duration::from_secs(1);

/// After how many such looks a node that carries home is left. Where the home does not answer it, it
/// says so long before.
const LOOKS_AWAY_MAX: u32 = 30;

/// Why a connection ended.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Ended {
    /// The stream or the connection broke.
    #[error("connection to the node: wanted it open")]
    Broken(#[from] StreamError),
    /// The node refused the connection as a whole.
    #[error("connection to the node: refused")]
    Refused(#[source] Refusal),
    /// The node said goodbye.
    #[error("connection to the node: ended by it: {why}")]
    Goodbye {
        /// The rule behind it, where there is one.
        code: Option<RefusalCode>,
        /// In its words.
        why: String,
    },
    /// A node that carries home did not answer.
    #[error("connection to a node that carries home: wanted an answer within {0:?}")]
    Silent(Duration),
    /// The client was closed.
    #[error("connection to the node: closed here")]
    Closed,
}

/// Runs until the connection ends or `closing`, then ends the link.
pub(super) async fn run(
    link: Arc<Link>,
    frames: mpsc::Receiver<Frame>,
    writer: FrameWriter,
    reader: FrameReader,
    closing: CancellationToken,
) -> Ended {
    let connection = link.connection.clone();
    let ended = tokio::select! {
        ended = write(frames, writer, &closing) => ended,
        ended = read(&link, reader) => ended,
        ended = nudge(&link) => ended,
        cause = connection.closed() => Ended::from(cause),
    };
    link.end();
    connection.close("");
    // A node that has read the goodbye ends its side, often before it is known here that it did.
    let is_wanted = closing.is_cancelled() && matches!(ended, Ended::Broken(_));
    if is_wanted { Ended::Closed } else { ended }
}

async fn write(
    mut frames: mpsc::Receiver<Frame>,
    mut writer: FrameWriter,
    closing: &CancellationToken,
) -> Ended {
    loop {
        let first = tokio::select! {
            biased;
            first = frames.recv() => first,
            () = closing.cancelled() => None,
        };
        let Some(first) = first else { break };
        let mut full = writer.gather(&first);
        while !full && let Ok(frame) = frames.try_recv() {
            full = writer.gather(&frame);
        }
        let flushed = tokio::select! {
            biased;
            flushed = writer.flush() => flushed,
            // A node that does not read keeps nobody from closing.
            () = long_after(closing) => return Ended::Closed,
        };
        if let Err(cause) = flushed {
            return Ended::from(cause);
        }
    }
    let goodbye = frame::Goodbye { code: None, why: "client closes".to_owned() };
    writer.gather(&Frame::Goodbye(goodbye));
    if tokio::time::timeout(GOODBYE_TIMEOUT, writer.finish()).await.is_err() {
        tracing::debug!("node did not read the goodbye in time");
    }
    Ended::Closed
}

async fn long_after(closing: &CancellationToken) {
    closing.cancelled().await;
    tokio::time::sleep(GOODBYE_TIMEOUT).await;
}

/// Where everything sent has arrived and an answer is due, nothing would be sent before the next
/// keep-alive. A node that was restarted in the meantime can tell so only to whoever speaks.
async fn nudge(link: &Link) -> Ended {
    let mut looks = interval(ANSWER_LATE);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut before, mut asked, mut in_vain) = (None, None, 0);
    loop {
        looks.tick().await;
        let oldest = link.oldest();
        in_vain = if oldest.is_some() && oldest == before { in_vain + 1 } else { 0 };
        if in_vain >= LOOKS_AWAY_MAX && link.carrier().is_some() {
            return Ended::Silent(ANSWER_LATE * LOOKS_AWAY_MAX);
        }
        if oldest.is_some() && oldest == before && oldest != asked {
            let ping = Frame::Ping(frame::Ping { token: 0 });
            if link.send(ping).await.is_err() {
                return Ended::Closed;
            }
            asked = oldest;
        }
        before = oldest;
    }
}

async fn read(link: &Arc<Link>, mut reader: FrameReader) -> Ended {
    loop {
        let frame = match reader.next().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ended::from(StreamError::Ended { wanted: "answers" }),
            Err(cause) => return Ended::from(cause),
        };
        if let Err(ended) = handle(link, frame).await {
            return ended;
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "no other frame has a place here")]
async fn handle(link: &Arc<Link>, frame: Frame) -> Result<(), Ended> {
    match frame {
        Frame::Published(published) => {
            link.deliver(published.request, Reply::Published(published.offset));
        }
        Frame::Vouched(frame::Vouched { request, offset, signature }) => {
            link.deliver(request, Reply::Vouched { offset, signature });
        }
        Frame::Refused(refused) if refused.request == 0 => {
            return Err(Ended::Refused(Refusal::from(refused)));
        }
        Frame::Refused(refused) => {
            let (request, expected) = (refused.request, refused.expected_sequence);
            link.deliver(request, Reply::Refused { refusal: Refusal::from(refused), expected });
        }
        Frame::Answer(answer) => link.deliver(answer.request, Reply::Answer(answer.answer)),
        Frame::Stated(stated) => link.deliver(stated.request, Reply::Stated(stated.indices)),
        Frame::Ping(ping) => {
            let pong = Frame::Pong(frame::Pong { token: ping.token });
            if link.send(pong).await.is_err() {
                return Err(Ended::Closed);
            }
        }
        Frame::Pong(_) => {}
        Frame::Goodbye(frame::Goodbye { code, why }) => {
            return Err(Ended::Goodbye { code, why });
        }
        other => {
            let found = other.name();
            return Err(Ended::from(StreamError::Unexpected { wanted: "an answer", found }));
        }
    }
    Ok(())
}
