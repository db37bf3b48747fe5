//! A stream to a node over which any bytes can be said, and on which every frame is heard.

use bytes::Bytes;
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use sekisho::Offset;
use sekisho_proto::frame::{Publish, Refused};
use sekisho_proto::{Frame, FrameDecoder};

use crate::message::framed;
use crate::patience::within;

/// Most bytes taken from the QUIC library at once.
const READ_BYTES_MAX: usize = 64 * 1024;

/// One stream of a connection.
#[derive(Debug)]
pub struct Wire {
    endpoint: Endpoint,
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    decoder: FrameDecoder,
    request: u64,
}

impl Wire {
    pub(crate) async fn open(endpoint: Endpoint, connection: Connection) -> Self {
        let opened = within("a stream", connection.open_bi()).await;
        let (send, receive) = opened.expect("the node lets strangers open a stream");
        let decoder = FrameDecoder::default();
        Self { endpoint, connection, send, receive, decoder, request: 0 }
    }

    /// Another stream of the same connection.
    pub async fn another(&self) -> Self {
        Self::open(self.endpoint.clone(), self.connection.clone()).await
    }

    /// Says bytes as they are. A node that has hung up does not hear them.
    pub async fn say(&mut self, bytes: &[u8]) {
        drop(within("bytes to be taken", self.send.write_all(bytes)).await);
    }

    /// Says bytes with their length before them.
    pub async fn say_framed(&mut self, bytes: &[u8]) {
        self.say(&framed(bytes)).await;
    }

    /// Says a frame.
    pub async fn send(&mut self, frame: impl Into<Frame>) {
        self.say_framed(&frame.into().encode()).await;
    }

    /// Says that nothing follows.
    pub fn end(&mut self) {
        drop(self.send.finish());
    }

    /// The next frame; `None` where the stream or the connection has ended.
    pub async fn hear(&mut self) -> Option<Frame> {
        loop {
            match self.decoder.next() {
                Ok(Some(frame)) => return Some(frame),
                Ok(None) => {}
                Err(fault) => panic!("wanted a frame of the protocol, found {fault:?}"),
            }
            let read = self.receive.read_chunk(READ_BYTES_MAX, true);
            match within("a frame or the end", read).await {
                Ok(Some(chunk)) => self.decoder.push(chunk.bytes),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// The next frame, which must be a refusal.
    pub async fn refusal(&mut self) -> Refused {
        match self.hear().await {
            Some(Frame::Refused(refused)) => refused,
            other => panic!("wanted a refusal, found {other:?}"),
        }
    }

    /// The refusal of the connection as a whole, after which the node has nothing more to say.
    /// Hangs up, so that the node need not wait for it to be read.
    pub async fn last_words(mut self) -> Refused {
        let refused = self.refusal().await;
        assert_eq!(refused.request, 0, "wanted the connection refused, found {refused:?}");
        self.connection.close(0_u32.into(), b"");
        refused
    }

    /// Publishes, and hears what became of it.
    ///
    /// # Errors
    /// The node's refusal.
    pub async fn publish(
        &mut self,
        envelope: impl Into<Bytes>,
        key_header: Option<Bytes>,
    ) -> Result<Offset, Refused> {
        self.request += 1;
        let request = self.request;
        self.send(Publish { request, envelope: envelope.into(), key_header }).await;
        match self.hear().await {
            Some(Frame::Published(published)) if published.request == request => {
                Ok(published.offset)
            }
            Some(Frame::Refused(refused)) if refused.request == request => Err(refused),
            other => panic!("wanted an answer to request {request}, found {other:?}"),
        }
    }

    /// Resolves when the connection has ended.
    pub async fn ended(&self) -> quinn::ConnectionError {
        within("the connection's end", self.connection.closed()).await
    }

    /// The connection, for what is no matter of frames.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }
}
