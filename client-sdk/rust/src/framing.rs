//! Frames over one QUIC stream, for both ends: many frames per write, a whole frame or an error per
//! read. A client reads and writes those of a channel that several share just so.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use quinn::{RecvStream, SendStream};
use sekisho_proto::{DecodeError, Frame, FrameDecoder, limits::FRAME_BYTES_MAX};
use thiserror::Error;

#[cfg(feature = "channel")]
use crate::connection::{Inlet, Outlet};
use crate::{connection::ChannelError, tls::CONTROL_BUFFER_BYTES};

/// Most bytes taken from the QUIC library at once: four full write buffers of the other side.
const READ_BYTES_MAX: usize = 64 * 1024;

/// Most bytes of memory taken for a write before it is known what will be in it: a full buffer and a
/// large frame behind it.
const EXPECTED_BYTES_MAX: usize = 4 * CONTROL_BUFFER_BYTES;

/// Why a stream of frames ended other than by its sender's will. Its causes are in the source.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The other end sent what is no frame.
    #[error("frame: wanted one of the protocol")]
    Frame(#[from] DecodeError),
    /// The stream could not be read.
    #[error("stream: wanted more bytes")]
    Read(#[from] quinn::ReadError),
    /// The stream could not be written.
    #[error("stream: wanted it to take frames")]
    Write(#[from] quinn::WriteError),
    /// The other end ended the stream in the middle of a frame, or where an answer was due.
    #[error("stream: wanted {wanted}, found its end")]
    Ended {
        /// What was due.
        wanted: &'static str,
    },
    /// The other end sent a frame that has no place here.
    #[error("stream: wanted {wanted}, found {found}")]
    Unexpected {
        /// What was due.
        wanted: &'static str,
        /// The kind of frame that came.
        found: &'static str,
    },
    /// The connection ended.
    #[error("connection: wanted it open")]
    Connection(#[from] quinn::ConnectionError),
    /// The channel that carries the frames ended.
    #[error("channel: wanted it open")]
    Channel(#[from] ChannelError),
    /// More came than anybody took: what follows was left at the node.
    #[error("stream: wanted at most {max} bytes that nobody has taken, found more")]
    Overrun {
        /// The most that is kept.
        max: usize,
    },
}

/// Reads frames. [`FrameReader::next`] may be dropped and called again without losing anything.
#[derive(Debug)]
pub struct FrameReader {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Quic {
        stream: RecvStream,
        decoder: FrameDecoder,
    },
    #[cfg(feature = "channel")]
    Channel(Inlet),
}

impl FrameReader {
    /// Frames of up to [`FRAME_BYTES_MAX`].
    #[must_use]
    pub fn new(stream: RecvStream) -> Self {
        Self { source: Source::Quic { stream, decoder: FrameDecoder::new(FRAME_BYTES_MAX) } }
    }

    #[cfg(feature = "channel")]
    pub(crate) fn of_channel(inlet: Inlet) -> Self {
        Self { source: Source::Channel(inlet) }
    }

    /// The longest frame taken from now on, bytes: strangers are given less room. A node is one to
    /// nobody.
    pub fn set_frame_bytes_max(&mut self, frame_bytes_max: usize) {
        match &mut self.source {
            Source::Quic { decoder, .. } => decoder.set_frame_bytes_max(frame_bytes_max),
            #[cfg(feature = "channel")]
            Source::Channel(_) => {}
        }
    }

    /// The next frame, or `None` where the other end ended the stream between two.
    ///
    /// # Errors
    /// [`StreamError`]: what came is no frame, or nothing more can come.
    pub async fn next(&mut self) -> Result<Option<Frame>, StreamError> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// [`FrameReader::next`] for those who poll by hand.
    ///
    /// # Errors
    /// As there.
    pub fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame>, StreamError>> {
        let (stream, decoder) = match &mut self.source {
            Source::Quic { stream, decoder } => (stream, decoder),
            #[cfg(feature = "channel")]
            Source::Channel(inlet) => return inlet.poll_next(context),
        };
        loop {
            if let Some(frame) = decoder.next()? {
                return Poll::Ready(Ok(Some(frame)));
            }
            // A read keeps nothing between two polls, so that each may have one of its own.
            let read = pin!(stream.read_chunk(READ_BYTES_MAX, true));
            match ready!(read.poll(context))? {
                Some(chunk) => decoder.push(chunk.bytes),
                None if decoder.is_empty() => return Poll::Ready(Ok(None)),
                None => {
                    let wanted = "the rest of a frame";
                    return Poll::Ready(Err(StreamError::Ended { wanted }));
                }
            }
        }
    }
}

/// Writes frames, gathered into one buffer per write. Between writes it holds no memory: a node has
/// one for each subscription, and most of them are silent most of the time.
#[derive(Debug)]
pub struct FrameWriter {
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    Quic {
        stream: SendStream,
        buffer: BytesMut,
        /// Bytes of the last write and some more: the next is probably like it.
        expected_bytes: usize,
    },
    #[cfg(feature = "channel")]
    Channel(Box<Outlet>),
}

impl FrameWriter {
    /// An empty buffer before the stream.
    #[must_use]
    pub fn new(stream: SendStream) -> Self {
        Self { sink: Sink::Quic { stream, buffer: BytesMut::new(), expected_bytes: 0 } }
    }

    #[cfg(feature = "channel")]
    pub(crate) fn of_channel(outlet: Outlet) -> Self {
        Self { sink: Sink::Channel(Box::new(outlet)) }
    }

    /// Adds a frame to the buffer; tells whether the buffer is worth a write.
    pub fn gather(&mut self, frame: &Frame) -> bool {
        match &mut self.sink {
            Sink::Quic { buffer, expected_bytes, .. } => {
                if buffer.is_empty() {
                    buffer.reserve(*expected_bytes);
                }
                frame.encode_into(buffer);
                buffer.len() >= CONTROL_BUFFER_BYTES
            }
            #[cfg(feature = "channel")]
            Sink::Channel(outlet) => outlet.gather(frame) >= CONTROL_BUFFER_BYTES,
        }
    }

    /// Hands the buffer to the connection. What was gathered is lost where this is cancelled, and
    /// the stream with it.
    ///
    /// # Errors
    /// [`StreamError`] where the stream takes no more.
    pub async fn flush(&mut self) -> Result<(), StreamError> {
        match &mut self.sink {
            Sink::Quic { stream, buffer, expected_bytes } => {
                if buffer.is_empty() {
                    return Ok(());
                }
                let full: Bytes = std::mem::take(buffer).freeze();
                *expected_bytes = (full.len() + full.len() / 8).min(EXPECTED_BYTES_MAX);
                stream.write_chunk(full).await?;
                Ok(())
            }
            #[cfg(feature = "channel")]
            Sink::Channel(outlet) => outlet.flush().await,
        }
    }

    /// Sends one frame at once, behind those gathered.
    ///
    /// # Errors
    /// As for [`flush`](Self::flush).
    pub async fn send(&mut self, frame: &Frame) -> Result<(), StreamError> {
        self.gather(frame);
        self.flush().await
    }

    /// Says that nothing follows. What was gathered and not flushed is dropped.
    pub fn end(&mut self) {
        match &mut self.sink {
            Sink::Quic { stream, .. } => {
                if stream.finish().is_err() {
                    tracing::trace!("stream was ended before");
                }
            }
            #[cfg(feature = "channel")]
            Sink::Channel(outlet) => outlet.end(),
        }
    }

    /// Sends what was gathered, says that nothing follows, and waits until the other end has
    /// everything or is gone.
    pub async fn finish(mut self) {
        if self.flush().await.is_ok() {
            self.end();
            match &mut self.sink {
                Sink::Quic { stream, .. } => {
                    let stopped = stream.stopped().await;
                    tracing::trace!(?stopped, "stream finished");
                }
                #[cfg(feature = "channel")]
                Sink::Channel(outlet) => outlet.finished().await,
            }
        }
    }
}
