//! MQTT over WebSocket (MQTT 5.0, 6): the stream of bytes in binary messages, wherever it is cut.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::extract::ws::{Message, WebSocket};
use axum::extract::{Extension, State};
use axum::http::Version;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use bytes::Bytes;
use futures_util::{Sink as _, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::activity::Activity;
use super::{Door, Problem, Visitor, websocket};
use crate::transport::mqtt::{self, Peer, Place};

/// The subprotocol that clients ask for (6.0).
const SUBPROTOCOL: &str = "mqtt";
/// What is written into one message at most, bytes.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new().route("/mqtt", any(connect))
}

async fn connect(
    State(door): State<Arc<Door>>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(activity): Extension<Arc<Activity>>,
    version: Version,
    wanted: websocket::Wanted,
) -> Response {
    let upgrade = match websocket::offered(wanted, version, SUBPROTOCOL) {
        Ok(upgrade) => upgrade,
        Err(answer) => return *answer,
    };
    let ungreeted = match visitor.stranger(&door.crowd) {
        Ok(ungreeted) => Some(ungreeted),
        Err(refusal) => return Problem::from(refusal).into_response(),
    };
    let shared = (Arc::clone(&door.hub), Arc::clone(&door.key), Arc::clone(&door.crowd));
    let mqtt = mqtt::Door::new(shared, door.stop.clone());
    let shown = visitor.shown();
    websocket::begun(upgrade, (&door.tasks, &activity), move |socket| async move {
        let (address, key) = (visitor.address(), visitor.key());
        let place = Place::Shared { visitor, ungreeted };
        let peer = Peer { address, key, shown, place };
        Box::pin(mqtt.serve(Carried { socket, rest: Bytes::new() }, peer)).await;
    })
}

/// A WebSocket as a stream of bytes.
struct Carried {
    socket: WebSocket,
    /// What was received and not read.
    rest: Bytes,
}

impl Carried {
    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            let next = ready!(Pin::new(&mut self.socket).poll_next(context));
            match next {
                Some(Ok(Message::Binary(bytes))) => return Poll::Ready(Ok(Some(bytes))),
                Some(Ok(Message::Text(_))) => {
                    let why = "wanted binary messages (MQTT-6.0.0-1), found text";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
                }
                // The library answers pings.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => return Poll::Ready(Ok(None)),
                Some(Err(fault)) => return Poll::Ready(Err(io::Error::other(fault))),
            }
        }
    }
}

impl AsyncRead for Carried {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(self.poll_message(context))? {
                Some(bytes) => self.rest = bytes,
                None => return Poll::Ready(Ok(())),
            }
        }
        let taken = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest.split_to(taken));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Carried {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.socket).poll_ready(context)).map_err(io::Error::other)?;
        let piece = bytes.get(..bytes.len().min(MESSAGE_BYTES_MAX)).unwrap_or(bytes);
        let message = Message::Binary(Bytes::copy_from_slice(piece));
        Pin::new(&mut self.socket).start_send(message).map_err(io::Error::other)?;
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context).map_err(io::Error::other)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(context).map_err(io::Error::other)
    }
}
