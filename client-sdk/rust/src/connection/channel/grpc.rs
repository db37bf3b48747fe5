//! Frames over gRPC: each a message of one call that goes both ways, in HTTP/2 (RFC 9113).

mod messages;

use std::{borrow::Cow, future::poll_fn};

use bytes::{Bytes, BytesMut};
use h2::{
    RecvStream, SendStream,
    client::{Builder, Connection, ResponseFuture},
};
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Version,
    header::{CONTENT_TYPE, TE, USER_AGENT},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::client::TlsStream;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use self::messages::Messages;
use self::messages::put;
use super::carrier::{Receiver, Sender};
use crate::{
    connection::ChannelError,
    tls::{HANDSHAKE_TIMEOUT, IDLE_TIMEOUT, KEEP_ALIVE},
};

/// What TLS is to agree on.
pub(super) const ALPN: &[u8] = b"h2";

/// The call, as the schema names it.
const PATH: &str = "/sekisho.v1.Sekisho/Session";

const PROTOCOL: &str = "gRPC";

/// Bytes of messages that are worth handing to HTTP/2.
const WRITE_BYTES: usize = 64 * 1024;
/// Bytes that the node may send ahead: 8 MB/s over the 250 ms between Japan and Spain.
const WINDOW: u32 = 2 * 1024 * 1024;
/// Bytes of headers and trailers that a node may send.
const HEADER_BYTES_MAX: u32 = 16 * 1024;

/// The end that messages are given to.
pub(super) struct ToCall {
    stream: SendStream<Bytes>,
    buffer: BytesMut,
}

/// The end that they come from.
pub(super) struct FromCall {
    answer: Answer,
    messages: Messages,
    /// The connection lives as long.
    _alive: DropGuard,
}

enum Answer {
    Awaited(ResponseFuture),
    Begun(RecvStream),
}

/// Begins the call on a connection.
pub(super) async fn open(
    stream: TlsStream<TcpStream>,
    address: &str,
) -> Result<(ToCall, FromCall), ChannelError> {
    let (mut client, connection) = Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(HEADER_BYTES_MAX)
        .enable_push(false)
        .handshake(stream)
        .await
        .map_err(|cause| told(&cause))?;
    let alive = CancellationToken::new();
    tokio::spawn(drive(connection, alive.clone()));
    let request = Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(format!("https://{address}{PATH}"))
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .header(USER_AGENT, concat!("sekisho-rust/", env!("CARGO_PKG_VERSION")))
        .body(())
        .map_err(|cause| not_so("an address", cause.to_string()))?;
    let (response, stream) = client.send_request(request, false).map_err(|cause| told(&cause))?;
    let from = FromCall {
        answer: Answer::Awaited(response),
        messages: Messages::default(),
        _alive: alive.drop_guard(),
    };
    Ok((ToCall { stream, buffer: BytesMut::new() }, from))
}

/// Moves what both ends of the call write and read, until both are dropped or nobody is there.
async fn drive(mut connection: Connection<TlsStream<TcpStream>, Bytes>, alive: CancellationToken) {
    let ping_pong = connection.ping_pong();
    let watching = async {
        let Some(mut ping_pong) = ping_pong else { return std::future::pending().await };
        loop {
            tokio::time::sleep(KEEP_ALIVE).await;
            let answered = timeout(IDLE_TIMEOUT, ping_pong.ping(h2::Ping::opaque())).await;
            if !matches!(answered, Ok(Ok(_pong))) {
                return;
            }
        }
    };
    let left = async {
        alive.cancelled().await;
        tokio::time::sleep(HANDSHAKE_TIMEOUT).await;
    };
    tokio::select! {
        ended = connection => tracing::trace!(?ended, "HTTP/2 connection ended"),
        () = watching => tracing::debug!("HTTP/2 connection given up: nobody answers"),
        () = left => tracing::trace!("HTTP/2 connection left"),
    }
}

impl ToCall {
    /// Gives HTTP/2 as much as the node takes, until it has all of it.
    async fn write(&mut self, mut rest: Bytes) -> Result<(), ChannelError> {
        while !rest.is_empty() {
            self.stream.reserve_capacity(rest.len());
            let room = poll_fn(|context| self.stream.poll_capacity(context)).await;
            let room = room.ok_or(ChannelError::Closed)?.map_err(|cause| told(&cause))?;
            let part = rest.split_to(room.min(rest.len()));
            self.stream.send_data(part, false).map_err(|cause| told(&cause))?;
        }
        Ok(())
    }
}

impl Sender for ToCall {
    async fn feed(&mut self, message: Bytes) -> Result<(), ChannelError> {
        put(&mut self.buffer, &message);
        if self.buffer.len() >= WRITE_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), ChannelError> {
        let full = self.buffer.split().freeze();
        self.write(full).await
    }

    /// HTTP/2 sends pings of its own.
    async fn keep_alive(&mut self) -> Result<(), ChannelError> {
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), ChannelError> {
        self.flush().await?;
        self.stream.send_data(Bytes::new(), true).map_err(|cause| told(&cause))
    }
}

impl FromCall {
    /// The stream of what the node says, once it has begun to answer.
    async fn body(&mut self) -> Result<&mut RecvStream, ChannelError> {
        if let Answer::Awaited(response) = &mut self.answer {
            let (head, body) = response.await.map_err(|cause| told(&cause))?.into_parts();
            if head.status != StatusCode::OK {
                return Err(not_so("HTTP status 200", head.status.to_string()));
            }
            if head.headers.contains_key(STATUS) {
                return Err(ended(&head.headers));
            }
            self.answer = Answer::Begun(body);
        }
        match &mut self.answer {
            Answer::Begun(body) => Ok(body),
            Answer::Awaited(_) => Err(ChannelError::Closed),
        }
    }
}

impl Receiver for FromCall {
    async fn next(&mut self) -> Result<Option<Bytes>, ChannelError> {
        loop {
            if let Some(message) = self.messages.pop()? {
                return Ok(Some(message));
            }
            let body = self.body().await?;
            match body.data().await {
                Some(Ok(part)) => {
                    let released = body.flow_control().release_capacity(part.len());
                    released.map_err(|cause| told(&cause))?;
                    self.messages.push(part);
                }
                Some(Err(cause)) => return Err(told(&cause)),
                None => {
                    let trailers = body.trailers().await.map_err(|cause| told(&cause))?;
                    return match trailers {
                        Some(trailers) if !is_ok(&trailers) => Err(ended(&trailers)),
                        Some(_) | None => Ok(None),
                    };
                }
            }
        }
    }
}

const STATUS: &str = "grpc-status";

fn is_ok(trailers: &HeaderMap) -> bool {
    trailers.get(STATUS).is_none_or(|status| status == HeaderValue::from_static("0"))
}

/// In the node's words, which gRPC escapes by percents.
fn ended(trailers: &HeaderMap) -> ChannelError {
    let text = |name| {
        let value = trailers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
        let plain: String = unescaped(value).chars().filter(|one| !one.is_control()).collect();
        plain
    };
    let why = format!("status {}: {}", text(STATUS), text("grpc-message"));
    ChannelError::Ended { protocol: PROTOCOL, why }
}

fn unescaped(value: &[u8]) -> String {
    let mut plain = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                plain.push(high << 4 | low);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                plain.push(*first);
                rest = tail;
            }
        }
    }
    match String::from_utf8_lossy(&plain) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}

fn digit(one: u8) -> Option<u8> {
    char::from(one).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn told(cause: &h2::Error) -> ChannelError {
    ChannelError::Protocol {
        protocol: "HTTP/2",
        wanted: "the call to go on",
        found: cause.to_string(),
    }
}

fn not_so(wanted: &'static str, found: String) -> ChannelError {
    ChannelError::Protocol { protocol: PROTOCOL, wanted, found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_told_in_the_nodes_words() {
        let mut trailers = HeaderMap::new();
        trailers.insert(STATUS, HeaderValue::from_static("7"));
        trailers
            .insert("grpc-message", HeaderValue::from_static("wanted 100%25, found %e3%81%82%0a%"));
        assert!(!is_ok(&trailers));
        assert_eq!(
            ended(&trailers).to_string(),
            "gRPC: ended by the node: status 7: wanted 100%, found あ%"
        );
    }
}
