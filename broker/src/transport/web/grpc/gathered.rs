//! The answer to a single call, all of it there before the first byte leaves.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use axum::body::Bytes;
use axum::http::HeaderMap;
use bytes::BytesMut;
use hyper::body::{Body, Frame, SizeHint};

/// A body of a known size, with what follows it.
#[derive(Debug)]
pub(super) struct Gathered {
    data: Bytes,
    trailers: Option<HeaderMap>,
}

impl Gathered {
    /// All that a body has.
    ///
    /// # Errors
    /// The body broke off.
    pub(super) async fn of<B>(body: B) -> Result<Self, B::Error>
    where
        B: Body<Data = Bytes>,
    {
        let (mut body, mut data, mut trailers) = (pin!(body), BytesMut::new(), None);
        while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
            match frame?.into_data() {
                Ok(part) if data.is_empty() => data = part.into(),
                Ok(part) => data.extend_from_slice(&part),
                Err(other) => trailers = other.into_trailers().ok(),
            }
        }
        Ok(Self { data: data.freeze(), trailers })
    }
}

impl Body for Gathered {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = std::mem::take(&mut self.data);
        if !data.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.len() as u64)
    }
}
