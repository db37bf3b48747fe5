//! Frames over WebSocket (RFC 6455): each a binary message.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use sekisho_proto::limits::FRAME_BYTES_MAX;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest as _,
        http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use super::carrier::{Receiver, Sender};
use crate::{connection::ChannelError, tls::IDLE_TIMEOUT};

/// What TLS is to agree on: WebSocket begins as HTTP/1.1.
pub(super) const ALPN: &[u8] = b"http/1.1";

/// Where the node has it.
const PATH: &str = "/v1/session";

/// What both ends mean to speak.
const SUBPROTOCOL: HeaderValue = HeaderValue::from_static("sekisho.v1");

const PROTOCOL: &str = "WebSocket";

/// What is read at once, bytes: a record of TLS (RFC 8446, 5.1). The library clears as much for each read.
const READ_BYTES: usize = 16 * 1024;

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// The end that messages are given to.
pub(super) struct ToSocket(SplitSink<Socket, Message>);

/// The end that they come from.
pub(super) struct FromSocket {
    stream: SplitStream<Socket>,
    patience: Duration,
}

/// Asks for a WebSocket on a connection.
pub(super) async fn open(
    stream: TlsStream<TcpStream>,
    address: &str,
) -> Result<(ToSocket, FromSocket), ChannelError> {
    let mut request = format!("wss://{address}{PATH}").into_client_request().map_err(told)?;
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX));
    let opening = client_async_with_config(request, stream, Some(config));
    let (socket, _response) = opening.await.map_err(told)?;
    let (sink, stream) = socket.split();
    Ok((ToSocket(sink), FromSocket { stream, patience: IDLE_TIMEOUT }))
}

impl Sender for ToSocket {
    async fn feed(&mut self, message: Bytes) -> Result<(), ChannelError> {
        self.0.feed(Message::Binary(message)).await.map_err(told)
    }

    async fn flush(&mut self) -> Result<(), ChannelError> {
        self.0.flush().await.map_err(told)
    }

    async fn keep_alive(&mut self) -> Result<(), ChannelError> {
        self.0.send(Message::Ping(Bytes::new())).await.map_err(told)
    }

    async fn finish(&mut self) -> Result<(), ChannelError> {
        self.0.close().await.map_err(told)
    }
}

impl Receiver for FromSocket {
    async fn next(&mut self) -> Result<Option<Bytes>, ChannelError> {
        loop {
            let Ok(heard) = timeout(self.patience, self.stream.next()).await else {
                return Err(ChannelError::Silent { waited: self.patience });
            };
            match heard.transpose().map_err(told)? {
                Some(Message::Binary(message)) => return Ok(Some(message)),
                Some(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Some(Message::Text(_)) => {
                    let found = "a text message".to_owned();
                    let (protocol, wanted) = (PROTOCOL, "binary messages");
                    return Err(ChannelError::Protocol { protocol, wanted, found });
                }
                Some(Message::Close(Some(CloseFrame { code, reason }))) => {
                    let why = format!("{} {reason}", u16::from(code));
                    return Err(ChannelError::Ended { protocol: PROTOCOL, why });
                }
                Some(Message::Close(None)) | None => return Ok(None),
            }
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is told in the library's words")]
fn told(cause: Error) -> ChannelError {
    let wanted = "a session of the protocol";
    let found = match cause {
        Error::Io(source) => {
            return ChannelError::Io { wanted: "a WebSocket", source: source.into() };
        }
        Error::ConnectionClosed | Error::AlreadyClosed => return ChannelError::Closed,
        Error::Http(response) => {
            let body =
                response.body().as_deref().map_or(Cow::Borrowed(""), String::from_utf8_lossy);
            let body: String = body.chars().filter(|one| !one.is_control()).take(200).collect();
            format!("{} {body}", response.status())
        }
        other => other.to_string(),
    };
    ChannelError::Protocol { protocol: PROTOCOL, wanted, found }
}
