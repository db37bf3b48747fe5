//! What came for one stream and was not taken yet, in bounded memory.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use sekisho_proto::Frame;

use super::Membership;
use crate::framing::StreamError;

/// See the module.
#[derive(Debug)]
pub(super) struct Inbox {
    bytes_max: usize,
    content: Mutex<Content>,
}

#[derive(Debug, Default)]
struct Content {
    frames: VecDeque<(Frame, usize)>,
    bytes: usize,
    /// Nothing more comes, and why, where it is not what was wished.
    end: Option<Option<StreamError>>,
    waker: Option<Waker>,
}

/// The end of an inbox that frames are taken from.
#[derive(Debug)]
pub(crate) struct Inlet {
    inbox: Arc<Inbox>,
    /// Held for as long as anybody reads.
    _membership: Arc<Membership>,
}

impl Inbox {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, content: Mutex::default() }
    }

    /// Puts a frame into it, unless it is full: one that is empty takes any.
    pub(super) fn push(&self, frame: Frame, bytes: usize) -> Result<(), StreamError> {
        let mut content = self.lock();
        let after = content.bytes.saturating_add(bytes);
        if after > self.bytes_max && !content.frames.is_empty() {
            return Err(StreamError::Overrun { max: self.bytes_max });
        }
        content.bytes = after;
        content.add(frame, bytes);
        Ok(())
    }

    /// Puts one in that tells the end, however full it is.
    pub(super) fn push_last(&self, frame: Frame) {
        self.lock().add(frame, 0);
    }

    /// Nothing more comes.
    pub(super) fn close(&self, why: Option<StreamError>) {
        let mut content = self.lock();
        content.end.get_or_insert(why);
        content.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn add(&mut self, frame: Frame, bytes: usize) {
        if self.end.is_none() {
            self.frames.push_back((frame, bytes));
            self.wake();
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Inlet {
    pub(super) fn new(inbox: Arc<Inbox>, membership: Arc<Membership>) -> Self {
        Self { inbox, _membership: membership }
    }

    /// As for the frames of a stream: what came before an end is taken before it.
    pub(crate) fn poll_next(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame>, StreamError>> {
        let mut content = self.inbox.lock();
        if let Some((frame, bytes)) = content.frames.pop_front() {
            content.bytes = content.bytes.saturating_sub(bytes);
            return Poll::Ready(Ok(Some(frame)));
        }
        match &content.end {
            Some(None) => Poll::Ready(Ok(None)),
            Some(Some(why)) => Poll::Ready(Err(why.clone())),
            None => {
                content.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
