//! What a client still sends after it was answered. A stream that is reset while its body is on its
//! way loses the answer with clients that take the reset for a fault (curl 7.88 over HTTP/2 is one),
//! so a short rest is read and thrown away.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use sekisho_proto::limits;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a client is listened to that was answered already.
const REST_MAX: Duration = Duration::from_secs(2);

/// A request's body.
pub(super) struct Unread {
    body: Option<Incoming>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Unread {
    /// A body of which nothing was read; the rest is read by one of `tasks`, until `stop`.
    pub(super) const fn new(body: Incoming, tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self { body: Some(body), tasks, stop }
    }
}

impl Body for Unread {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else { return };
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                _read_or_late = timeout(REST_MAX, rest(body)) => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

/// Reads what is left, as far as one request may have it.
async fn rest(mut body: Incoming) {
    let mut left = limits::FRAME_BYTES_MAX;
    loop {
        let next = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let Some(Ok(frame)) = next else { return };
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(less) => left = less,
            None => return,
        }
    }
}
