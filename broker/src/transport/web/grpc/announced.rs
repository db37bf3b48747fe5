//! The length that each message announces, looked at before the library sets that much aside.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use bytes::{Buf as _, BytesMut};
use hyper::body::Frame;
use tonic::Status;

/// Before each message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// A request's body in pieces that end where a prefix or a message ends: what follows a message is
/// looked at when it is asked for, by the limit of then.
pub(super) struct Announced {
    body: Body,
    message_bytes_max: Arc<AtomicUsize>,
    /// What was received and not given on.
    rest: Bytes,
    prefix: BytesMut,
    /// What is missing of a message.
    left: usize,
}

impl Announced {
    pub(super) fn new(body: Body, message_bytes_max: Arc<AtomicUsize>) -> Self {
        Self { body, message_bytes_max, rest: Bytes::new(), prefix: BytesMut::new(), left: 0 }
    }

    fn piece(&mut self) -> Result<Bytes, Status> {
        if self.left > 0 {
            let piece = self.rest.split_to(self.left.min(self.rest.len()));
            self.left -= piece.len();
            return Ok(piece);
        }
        let missing = PREFIX_BYTES - self.prefix.len();
        let piece = self.rest.split_to(missing.min(self.rest.len()));
        self.prefix.extend_from_slice(&piece);
        if self.prefix.len() == PREFIX_BYTES {
            self.prefix.advance(1);
            self.left = usize::try_from(self.prefix.get_u32()).unwrap_or(usize::MAX);
            let max = self.message_bytes_max.load(Ordering::Relaxed);
            if self.left > max {
                let why = format!("wanted at most {max} bytes, found {}", self.left);
                return Err(Status::out_of_range(why));
            }
        }
        Ok(piece)
    }
}

impl HttpBody for Announced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.rest.is_empty() {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)?) else {
                return Poll::Ready(None);
            };
            match frame.into_data() {
                Ok(bytes) => self.rest = bytes,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let piece = self.piece();
        Poll::Ready(Some(piece.map(Frame::data).map_err(BoxError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }
}
