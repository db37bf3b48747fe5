//! The session over a WebSocket (RFC 6455), for browsers and Node.js: one frame in each binary
//! message. Messages are never compressed.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, State};
use axum::http::header::{ALLOW, CONNECTION, SEC_WEBSOCKET_VERSION, UPGRADE};
use axum::http::{StatusCode, Version};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use axum::{Error, Router};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use sekisho_proto::{Frame, RefusalCode, limits};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::activity::Activity;
use super::{Door, Problem, Visitor};
use crate::hub::Refusal;
use crate::transport::channel::{self, End};
use crate::transport::frames::{FAREWELL_MAX, Gone, Silence, Sink, Source};

/// The subprotocol that clients ask for.
const SUBPROTOCOL: &str = "sekisho.v1";
/// A client that says nothing for so long, not even that it is there, is gone: three beats missed.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Close codes that are ours are this and the number of a refusal code (RFC 6455 §7.4.2).
const OWN_CLOSE_CODES: u16 = 4_000;
/// What is read at once of one connection, bytes. The library holds and clears so much for each, also of
/// those that say nothing; what of a record of TLS is not read is kept below.
const READ_BYTES: usize = 4 * 1024;
/// A reason for closing, bytes (RFC 6455 §5.5).
const REASON_BYTES_MAX: usize = 123;
/// How the library says that a message is larger than the limit.
const TOO_LONG: &str = "Space limit exceeded";
/// How it says that what came is no WebSocket, and that nothing comes any more, which is none of those.
const BROKEN: [&str; 2] = ["WebSocket protocol error", "UTF-8 encoding error"];
const GONE: &str = "without closing handshake";

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new().route("/v1/session", any(session))
}

/// What a client asked for at a path where there are WebSockets only.
pub(super) type Wanted = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// The upgrade to a WebSocket that speaks `subprotocol`, with messages of bounded length.
///
/// # Errors
/// It is none, or the client does not offer the subprotocol.
pub(super) fn offered(
    wanted: Wanted,
    version: Version,
    subprotocol: &'static str,
) -> Result<WebSocketUpgrade, Box<Response>> {
    let upgrade = wanted
        .map_err(|rejection| Box::new(other(&rejection, version)))?
        .protocols([subprotocol])
        .read_buffer_size(READ_BYTES)
        .max_message_size(limits::FRAME_BYTES_MAX)
        .max_frame_size(limits::FRAME_BYTES_MAX);
    if upgrade.selected_protocol().is_some() {
        return Ok(upgrade);
    }
    let why = format!("wanted {subprotocol}, found none or others");
    let code = RefusalCode::UnknownVersion;
    let problem = Problem::new(StatusCode::BAD_REQUEST, code, "subprotocol", why);
    Err(Box::new(problem.into_response()))
}

/// The answer to what is no WebSocket (RFC 6455 §4.2.2, RFC 8441, RFC 9110 §15.5.22), with what would
/// be one.
fn other(rejection: &WebSocketUpgradeRejection, version: Version) -> Response {
    let why = format!("wanted a WebSocket, found none: {}", rejection.body_text());
    let problem =
        |status| Problem::new(status, RefusalCode::Malformed, "upgrade", why).into_response();
    if rejection.status() == StatusCode::METHOD_NOT_ALLOWED {
        let method = if version >= Version::HTTP_2 { "CONNECT" } else { "GET" };
        return ([(ALLOW, method)], problem(StatusCode::METHOD_NOT_ALLOWED)).into_response();
    }
    if version >= Version::HTTP_2 {
        return problem(StatusCode::BAD_REQUEST);
    }
    let upgrade = [(UPGRADE, "websocket"), (CONNECTION, "upgrade"), (SEC_WEBSOCKET_VERSION, "13")];
    (upgrade, problem(StatusCode::UPGRADE_REQUIRED)).into_response()
}

async fn session(
    State(door): State<Arc<Door>>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(activity): Extension<Arc<Activity>>,
    version: Version,
    wanted: Wanted,
) -> Response {
    let upgrade = match offered(wanted, version, SUBPROTOCOL) {
        Ok(upgrade) => upgrade,
        Err(answer) => return *answer,
    };
    let tasks = door.tasks.clone();
    begun(upgrade, (&tasks, &activity), |socket| async move {
        serve(socket, &door, &visitor).await;
    })
}

/// Begins what is spoken over a WebSocket. Until it ends a stopping node waits for the goodbye, and the
/// connection counts as one where something is open: over HTTP/2 the answer to CONNECT has no body
/// that would (RFC 8441), and other requests share the connection.
pub(super) fn begun<F>(
    upgrade: WebSocketUpgrade,
    (tasks, activity): (&TaskTracker, &Arc<Activity>),
    speak: impl FnOnce(WebSocket) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let held = (tasks.token(), activity.begin());
    upgrade.on_upgrade(|socket| async move {
        speak(socket).await;
        drop(held);
    })
}

async fn serve(socket: WebSocket, door: &Door, visitor: &Arc<Visitor>) {
    let (sink, stream) = socket.split();
    let source = Messages { stream, frame_bytes_max: limits::FRAME_BYTES_UNGREETED_MAX };
    let (pen, end) = channel::serve(source, Pen(sink), door, (visitor, "websocket")).await;
    let Some(Pen(mut sink)) = pen else { return };
    let close = Message::Close(Some(close_frame(&end)));
    let farewell = async {
        // To a client that closes itself the library has an answer already, which is written now.
        drop(sink.send(close).await);
        drop(sink.flush().await);
    };
    // A client that is gone does not read it.
    drop(timeout(FAREWELL_MAX, farewell).await);
    if matches!(end, End::Refused(RefusalCode::Oversized, _)) {
        // The rest of that message is not read, and with it unread the system would take the reason
        // back from a client that has not read it yet.
        drop(timeout(FAREWELL_MAX, door.stop.cancelled()).await);
    }
}

/// Why the connection is closed, as close codes have it.
fn close_frame(end: &End) -> CloseFrame {
    let End::Refused(code, why) = end else {
        return CloseFrame { code: close_code::NORMAL, reason: "".into() };
    };
    CloseFrame { code: close_code_of(*code), reason: fitting(why).into() }
}

/// Standard codes where there is one, else [`OWN_CLOSE_CODES`] and the refusal's number.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other code is one of ours")]
fn close_code_of(code: RefusalCode) -> u16 {
    match code {
        RefusalCode::Draining => close_code::AWAY,
        RefusalCode::Oversized => close_code::SIZE,
        RefusalCode::Internal => close_code::ERROR,
        other => OWN_CLOSE_CODES.saturating_add(u16::try_from(other.number()).unwrap_or(0)),
    }
}

/// As much of a reason as fits.
fn fitting(why: &str) -> &str {
    let end = (0..=REASON_BYTES_MAX.min(why.len())).rev().find(|end| why.is_char_boundary(*end));
    end.and_then(|end| why.get(..end)).unwrap_or_default()
}

struct Messages {
    stream: SplitStream<WebSocket>,
    frame_bytes_max: usize,
}

impl Messages {
    fn parse(&self, message: Bytes) -> Result<Frame, Silence> {
        if message.len() > self.frame_bytes_max {
            let why =
                format!("wanted at most {} bytes, found {}", self.frame_bytes_max, message.len());
            return Err(oversized(why));
        }
        Frame::decode(message).map_err(|fault| Silence::Broken(fault.into()))
    }
}

fn oversized(why: String) -> Silence {
    Silence::Broken(Refusal::new(RefusalCode::Oversized, "message", why))
}

fn silence(fault: &Error) -> Silence {
    let text = fault.to_string();
    if text.contains(TOO_LONG) {
        let wanted = limits::FRAME_BYTES_MAX;
        return oversized(format!("wanted at most {wanted} bytes, found more"));
    }
    if BROKEN.iter().any(|broken| text.starts_with(broken)) && !text.contains(GONE) {
        let why = format!("wanted frames of RFC 6455, found none: {text}");
        return Silence::Broken(Refusal::new(RefusalCode::Malformed, "message", why));
    }
    Silence::Gone
}

impl Source for Messages {
    fn set_frame_bytes_max(&mut self, frame_bytes_max: usize) {
        self.frame_bytes_max = frame_bytes_max;
    }

    async fn next(&mut self) -> Result<Option<Frame>, Silence> {
        loop {
            let Ok(next) = timeout(SILENCE_MAX, self.stream.next()).await else {
                return Err(Silence::Gone);
            };
            match next {
                Some(Ok(Message::Binary(message))) => return self.parse(message).map(Some),
                Some(Ok(Message::Text(_))) => {
                    let why = "wanted a frame in a binary message, found text";
                    let refusal = Refusal::new(RefusalCode::Malformed, "message", why);
                    return Err(Silence::Broken(refusal));
                }
                // The library answers pings.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => return Ok(None),
                Some(Err(fault)) => return Err(silence(&fault)),
            }
        }
    }
}

struct Pen(SplitSink<WebSocket, Message>);

impl Sink for Pen {
    async fn write(&mut self, frames: Vec<Frame>) -> Result<(), Gone> {
        for frame in frames {
            let message = Message::Binary(frame.encode().into());
            self.0.feed(message).await.map_err(|_gone| Gone)?;
        }
        self.0.flush().await.map_err(|_gone| Gone)
    }

    async fn keep_alive(&mut self) -> Result<(), Gone> {
        self.0.send(Message::Ping(Bytes::new())).await.map_err(|_gone| Gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_close_code_that_a_browser_may_be_given() {
        for code in RefusalCode::ALL {
            let found = close_code_of(*code);
            assert!((4_000..5_000).contains(&found) || [1001, 1009, 1011].contains(&found));
        }
        assert_eq!(close_code_of(RefusalCode::BadSignature), 4_013);
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        let long = "関".repeat(60);
        assert_eq!(fitting(&long), "関".repeat(41));
        assert_eq!(fitting("short"), "short");
    }
}
