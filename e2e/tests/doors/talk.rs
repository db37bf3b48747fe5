//! A session's frames over WebSocket or gRPC, said one by one by somebody who keeps no rule but the
//! transport's.

use std::net::SocketAddr;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use sekisho::{OsEntropy, SigningKey};
use sekisho_e2e::{City, Member, within};
use sekisho_proto::frame::{Challenge, Hello, Login, Proven, Publish, Refused};
use sekisho_proto::limits::PROTOCOL_VERSION;
use sekisho_proto::{Frame, Hash, LoginNonce, PublicKey};
use sekisho_seal::{LoginTranscript, draw};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::tls::{Shown, dial};

/// The name of a WebSocket's subprotocol.
pub(crate) const SUBPROTOCOL: (&str, &str) = ("sec-websocket-protocol", "sekisho.v1");
/// Before each message of gRPC: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// Which way the frames go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Via {
    WebSocket,
    Grpc,
}

impl Via {
    pub(crate) const ALL: [Self; 2] = [Self::WebSocket, Self::Grpc];
}

/// A channel of frames to one node.
pub(crate) struct Talk {
    channel: Channel,
    certificate: Hash,
    node_key: PublicKey,
    organisation: String,
}

enum Channel {
    WebSocket(Box<WebSocketStream<TlsStream<TcpStream>>>),
    Grpc(Box<Grpc>),
}

pub(crate) struct Grpc {
    send: SendStream<Bytes>,
    receive: RecvStream,
    arrived: BytesMut,
}

/// How a channel ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// A WebSocket's code and reason.
    WebSocket(u16, String),
    /// A gRPC status and message.
    Grpc(u32, String),
    /// Without a word.
    Silently,
}

impl Talk {
    /// A channel on which nothing was said.
    pub(crate) async fn open(city: &City, via: Via) -> Self {
        let node = city.door("web");
        let (channel, certificate) = match via {
            Via::WebSocket => {
                let (socket, certificate) = Box::pin(websocket(node, &[SUBPROTOCOL])).await;
                (Channel::WebSocket(Box::new(socket.expect("an upgrade").0)), certificate)
            }
            Via::Grpc => {
                let (grpc, certificate) = Box::pin(grpc(node)).await;
                (Channel::Grpc(Box::new(grpc)), certificate)
            }
        };
        let node_key = city.administrator().profile().node_key;
        Self { channel, certificate, node_key, organisation: city.name().to_owned() }
    }

    /// A channel on which a member is welcome.
    pub(crate) async fn welcome(city: &City, via: Via, member: &Member) -> Self {
        let mut talk = Self::open(city, via).await;
        talk.login(member.identity().signing()).await;
        talk.send(talk.hello()).await;
        match talk.hear().await {
            Some(Frame::Welcome(_)) => talk,
            other => panic!("{via:?}: wanted a welcome, found {other:?}"),
        }
    }

    /// Proves a key, and has the node prove its own.
    pub(crate) async fn login(&mut self, key: &SigningKey) {
        let Challenge { nonce } = self.challenge().await;
        let certificate = Some(self.certificate);
        let (login, transcript) = self.signed(key, nonce, certificate);
        self.send(login).await;
        let Some(Frame::Proven(Proven { public_key, certificate: shown, signature })) =
            self.hear().await
        else {
            panic!("wanted the node to prove its key");
        };
        assert_eq!((public_key, shown), (self.node_key, self.certificate));
        assert!(transcript.is_proven_by_node(&signature), "wanted the node's own signature");
    }

    /// What the node wants signed.
    pub(crate) async fn challenge(&mut self) -> Challenge {
        match self.hear().await {
            Some(Frame::Challenge(challenge)) => challenge,
            other => panic!("wanted a challenge, found {other:?}"),
        }
    }

    /// A proper answer to a challenge.
    pub(crate) fn signed(
        &self,
        key: &SigningKey,
        node_nonce: LoginNonce,
        certificate: Option<Hash>,
    ) -> (Login, LoginTranscript) {
        let nonce = LoginNonce::new(*draw(&mut OsEntropy::new()).unwrap());
        let transcript = LoginTranscript {
            node_nonce,
            client_nonce: nonce,
            node: self.node_key,
            client: key.public_key(),
            certificate,
        };
        let signature = transcript.sign_as_client(key);
        (Login { public_key: key.public_key(), nonce, certificate, signature }, transcript)
    }

    /// The certificate that the node showed.
    pub(crate) const fn certificate(&self) -> Hash {
        self.certificate
    }

    pub(crate) fn hello(&self) -> Hello {
        let organisation = self.organisation.parse().unwrap();
        Hello { version: PROTOCOL_VERSION, software: "e2e".to_owned(), organisation }
    }

    pub(crate) async fn send(&mut self, frame: impl Into<Frame>) {
        self.say(frame.into().encode()).await;
    }

    pub(crate) async fn publish(
        &mut self,
        request: u64,
        envelope: Bytes,
        key_header: Option<Bytes>,
    ) {
        self.send(Publish { request, envelope, key_header }).await;
    }

    /// Says a message with any content. A node that has hung up does not hear it.
    pub(crate) async fn say(&mut self, message: Vec<u8>) {
        match &mut self.channel {
            Channel::WebSocket(socket) => {
                drop(
                    within("a message to be taken", socket.send(Message::Binary(message.into())))
                        .await,
                );
            }
            Channel::Grpc(grpc) => grpc.say(&message),
        }
    }

    /// Says text, which no frame is.
    pub(crate) async fn say_text(&mut self, text: &str) {
        let Channel::WebSocket(socket) = &mut self.channel else { panic!("wanted a WebSocket") };
        drop(within("a message to be taken", socket.send(Message::Text(text.into()))).await);
    }

    /// The next frame; `None` where there are no more.
    pub(crate) async fn hear(&mut self) -> Option<Frame> {
        let message = match &mut self.channel {
            Channel::WebSocket(socket) => heard(socket).await.ok()?,
            Channel::Grpc(grpc) => grpc.hear().await.ok()?,
        };
        Some(Frame::decode(message).expect("a node says frames only"))
    }

    /// The refusal that comes next.
    pub(crate) async fn refusal(&mut self) -> Refused {
        match self.hear().await {
            Some(Frame::Refused(refused)) => refused,
            other => panic!("wanted a refusal, found {other:?}"),
        }
    }

    /// How the channel ends; what is said before is left out.
    pub(crate) async fn closed(mut self) -> Closed {
        loop {
            let next = match &mut self.channel {
                Channel::WebSocket(socket) => heard(socket).await,
                Channel::Grpc(grpc) => grpc.hear().await,
            };
            if let Err(closed) = next {
                return closed;
            }
        }
    }
}

/// An upgrade, with these headers, and what the node answered; else the status and headers.
pub(crate) type Upgraded =
    Result<(WebSocketStream<TlsStream<TcpStream>>, HeaderMap), (u16, HeaderMap)>;

pub(crate) async fn websocket(
    node: SocketAddr,
    headers: &[(&'static str, &'static str)],
) -> (Upgraded, Hash) {
    let dialled = Box::pin(dial(node, b"http/1.1", Shown::Nothing)).await.expect("TLS");
    let mut request = format!("wss://{node}/v1/session").into_client_request().unwrap();
    for (name, value) in headers {
        let name = HeaderName::from_static(name);
        request.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let upgrading = tokio_tungstenite::client_async(request, dialled.stream);
    let upgraded = match Box::pin(within("an upgrade or its refusal", upgrading)).await {
        Ok((socket, response)) => Ok((socket, response.headers().clone())),
        Err(Error::Http(response)) => Err((response.status().as_u16(), response.headers().clone())),
        Err(other) => panic!("wanted an answer, found {other}"),
    };
    (upgraded, dialled.certificate)
}

async fn heard(socket: &mut WebSocketStream<TlsStream<TcpStream>>) -> Result<Bytes, Closed> {
    loop {
        match within("a message", socket.next()).await {
            Some(Ok(Message::Binary(message))) => return Ok(message),
            Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => {
                return Err(Closed::WebSocket(code.into(), reason.as_str().to_owned()));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(other)) => panic!("wanted a binary message, found {other:?}"),
            Some(Err(_)) | None => return Err(Closed::Silently),
        }
    }
}

/// An HTTP/2 connection to a node.
pub(crate) async fn http2(node: SocketAddr, shown: Shown) -> (SendRequest<Bytes>, Hash) {
    let dialled = Box::pin(dial(node, b"h2", shown)).await.expect("TLS");
    let (client, connection) =
        Box::pin(within("HTTP/2", h2::client::handshake(dialled.stream))).await.expect("HTTP/2");
    tokio::spawn(async move { drop(connection.await) });
    (within("HTTP/2", client.ready()).await.expect("HTTP/2"), dialled.certificate)
}

/// A request as gRPC makes it.
pub(crate) fn request(
    node: SocketAddr,
    path: &str,
    headers: &[(&'static str, String)],
) -> Request<()> {
    let mut request = Request::post(format!("https://{node}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.body(()).unwrap()
}

async fn grpc(node: SocketAddr) -> (Grpc, Hash) {
    let (mut client, certificate) = http2(node, Shown::Nothing).await;
    let request = request(node, "/sekisho.v1.Sekisho/Session", &[]);
    let (response, send) = client.send_request(request, false).unwrap();
    let response = within("a response", response).await.unwrap();
    assert_eq!(response.status(), 200);
    let receive = response.into_body();
    (Grpc { send, receive, arrived: BytesMut::new() }, certificate)
}

/// One message as gRPC frames it.
pub(crate) fn prefixed(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).unwrap());
    bytes.put_slice(message);
    bytes.freeze()
}

/// Calls a method that takes one message and gives one: its status, and what it gave.
pub(crate) async fn call(
    node: SocketAddr,
    shown: Shown,
    path: &str,
    headers: &[(&'static str, String)],
    message: &[u8],
) -> (u32, Option<Bytes>) {
    let (mut client, _certificate) = http2(node, shown).await;
    let (response, mut send) = client.send_request(request(node, path, headers), false).unwrap();
    send.send_data(prefixed(message), true).unwrap();
    let response: Response<RecvStream> = within("a response", response).await.unwrap();
    if let Some(status) = status_in(response.headers()) {
        return (status.0, None);
    }
    let mut grpc = Grpc { send, receive: response.into_body(), arrived: BytesMut::new() };
    match grpc.hear().await {
        Ok(answer) => (0, Some(answer)),
        Err(Closed::Grpc(status, _why)) => (status, None),
        Err(other) => panic!("wanted a status, found {other:?}"),
    }
}

fn status_in(headers: &HeaderMap) -> Option<(u32, String)> {
    let status = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
    let why = headers.get("grpc-message").and_then(|why| why.to_str().ok()).unwrap_or_default();
    Some((status, why.to_owned()))
}

impl Grpc {
    fn say(&mut self, message: &[u8]) {
        // A node that has reset the stream does not take it.
        drop(self.send.send_data(prefixed(message), false));
    }

    async fn hear(&mut self) -> Result<Bytes, Closed> {
        loop {
            if let Some(mut length) = self.arrived.get(1..PREFIX_BYTES) {
                let length = usize::try_from(length.get_u32()).unwrap();
                if self.arrived.len() >= PREFIX_BYTES + length {
                    self.arrived.advance(PREFIX_BYTES);
                    return Ok(self.arrived.split_to(length).freeze());
                }
            }
            match within("bytes of a message", self.receive.data()).await {
                Some(Ok(bytes)) => {
                    self.receive.flow_control().release_capacity(bytes.len()).unwrap();
                    self.arrived.extend_from_slice(&bytes);
                }
                Some(Err(_reset)) => return Err(Closed::Silently),
                None => {
                    let trailers = within("trailers", self.receive.trailers()).await;
                    let status = trailers.ok().flatten().and_then(|trailers| status_in(&trailers));
                    return Err(match status {
                        Some((status, why)) => Closed::Grpc(status, why),
                        None => Closed::Silently,
                    });
                }
            }
        }
    }
}
