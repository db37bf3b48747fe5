//! Frames over one QUIC stream, for both ends: many frames per write, a whole frame or an error per
//! read.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use quinn::{RecvStream, SendStream};
use sekisho_proto::{DecodeError, Frame, FrameDecoder, limits::FRAME_BYTES_MAX};
use thiserror::Error;

use crate::tls::CONTROL_BUFFER_BYTES;

/// Most bytes taken from the QUIC library at once: four full write buffers of the other side.
const READ_BYTES_MAX: usize = 64 * 1024;

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
}

/// Reads frames. [`FrameReader::next`] may be dropped and called again without losing anything.
#[derive(Debug)]
pub struct FrameReader {
    stream: RecvStream,
    decoder: FrameDecoder,
}

impl FrameReader {
    /// Frames of up to [`FRAME_BYTES_MAX`].
    #[must_use]
    pub fn new(stream: RecvStream) -> Self {
        Self { stream, decoder: FrameDecoder::new(FRAME_BYTES_MAX) }
    }

    /// The longest frame taken from now on, bytes: strangers are given less room.
    pub fn set_frame_bytes_max(&mut self, frame_bytes_max: usize) {
        self.decoder.set_frame_bytes_max(frame_bytes_max);
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
        loop {
            if let Some(frame) = self.decoder.next()? {
                return Poll::Ready(Ok(Some(frame)));
            }
            // A read keeps nothing between two polls, so that each may have one of its own.
            let read = pin!(self.stream.read_chunk(READ_BYTES_MAX, true));
            match ready!(read.poll(context))? {
                Some(chunk) => self.decoder.push(chunk.bytes),
                None if self.decoder.is_empty() => return Poll::Ready(Ok(None)),
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
    stream: SendStream,
    buffer: BytesMut,
    /// Bytes of the last write: the next is probably like it.
    expected_bytes: usize,
}

impl FrameWriter {
    /// An empty buffer before the stream.
    #[must_use]
    pub fn new(stream: SendStream) -> Self {
        Self { stream, buffer: BytesMut::new(), expected_bytes: 0 }
    }

    /// Adds a frame to the buffer; tells whether the buffer is worth a write.
    pub fn gather(&mut self, frame: &Frame) -> bool {
        if self.buffer.is_empty() {
            self.buffer.reserve(self.expected_bytes);
        }
        frame.encode_into(&mut self.buffer);
        self.buffer.len() >= CONTROL_BUFFER_BYTES
    }

    /// Hands the buffer to the connection. What was gathered is lost where this is cancelled, and
    /// the stream with it.
    ///
    /// # Errors
    /// [`StreamError::Write`].
    pub async fn flush(&mut self) -> Result<(), StreamError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let full: Bytes = std::mem::take(&mut self.buffer).freeze();
        self.expected_bytes = full.len().min(CONTROL_BUFFER_BYTES);
        self.stream.write_chunk(full).await?;
        Ok(())
    }

    /// Sends one frame at once, behind those gathered.
    ///
    /// # Errors
    /// [`StreamError::Write`].
    pub async fn send(&mut self, frame: &Frame) -> Result<(), StreamError> {
        self.gather(frame);
        self.flush().await
    }

    /// Says that nothing follows. What was gathered and not flushed is dropped.
    pub fn end(&mut self) {
        if self.stream.finish().is_err() {
            tracing::trace!("stream was ended before");
        }
    }

    /// Sends what was gathered, says that nothing follows, and waits until the other end has
    /// everything or is gone.
    pub async fn finish(mut self) {
        if self.flush().await.is_ok() {
            self.end();
            let stopped = self.stream.stopped().await;
            tracing::trace!(?stopped, "stream finished");
        }
    }
}
