//! The way of a session's answers to whoever writes them: bounded, in the order in which they found
//! room. Memory is taken for what waits: a session to which nothing is said costs next to nothing here.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use sekisho_proto::{Frame, frame};
use tokio::sync::Notify;

/// Places that are kept when nothing waits in them.
const KEPT: usize = 64;

/// A frame while it waits: nearly all say that something was stored.
#[derive(Debug)]
enum Waiting {
    Published(frame::Published),
    Other(Box<Frame>),
}

/// Where a session's answers go.
#[derive(Debug)]
pub struct Teller(Arc<Queue>);

/// Where they come out.
#[derive(Debug)]
pub struct Answers(Arc<Queue>);

/// Why an answer was not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untold {
    /// Too many wait.
    Full,
    /// Nobody reads them any more.
    Gone,
}

#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    max: usize,
    /// Told when there is room again, or when nobody reads any more.
    room: Notify,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Waiting>,
    tellers: usize,
    /// Nobody reads what is told.
    unread: bool,
    reader: Option<Waker>,
}

/// A queue with room for so many answers.
#[must_use]
pub fn answers(max: usize) -> (Teller, Answers) {
    let state = State { waiting: VecDeque::new(), tellers: 1, unread: false, reader: None };
    let queue = Arc::new(Queue { state: Mutex::new(state), max, room: Notify::new() });
    (Teller(Arc::clone(&queue)), Answers(queue))
}

impl Teller {
    /// Tells where there is room now.
    ///
    /// # Errors
    /// There is none, or nobody reads.
    pub fn try_tell(&self, frame: Frame) -> Result<(), Untold> {
        self.0.put(Waiting::from(frame)).map_err(|(untold, _frame)| untold)
    }

    /// Tells as soon as there is room; says nothing to nobody.
    pub async fn tell(&self, frame: Frame) {
        let mut waiting = Waiting::from(frame);
        loop {
            // Asked for first, so that room which is made in between is heard of.
            let room = self.0.room.notified();
            match self.0.put(waiting) {
                Err((Untold::Full, left)) => waiting = left,
                Ok(()) | Err((Untold::Gone, _)) => return,
            }
            room.await;
        }
    }
}

impl Clone for Teller {
    fn clone(&self) -> Self {
        let mut state = self.0.lock();
        state.tellers = state.tellers.saturating_add(1);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.tellers = state.tellers.saturating_sub(1);
        if state.tellers == 0 {
            wake(state);
        }
    }
}

impl Answers {
    /// The next; `None` when nobody is left who could tell anything.
    pub async fn recv(&mut self) -> Option<Frame> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// The next, where one waits.
    pub fn try_recv(&mut self) -> Option<Frame> {
        let waiting = self.0.lock().take()?;
        self.0.room.notify_one();
        Some(Frame::from(waiting))
    }

    /// Waits for one and takes those that are there then, up to `max`; how many. Where it is not
    /// waited for to the end, none is taken.
    pub async fn recv_many(&mut self, frames: &mut Vec<Frame>, max: usize) -> usize {
        let before = frames.len();
        frames.extend(self.recv().await);
        while frames.len() > before && frames.len() - before < max {
            let Some(next) = self.try_recv() else { break };
            frames.push(next);
        }
        frames.len() - before
    }

    fn poll_recv(&mut self, context: &Context<'_>) -> Poll<Option<Frame>> {
        let mut state = self.0.lock();
        let Some(waiting) = state.take() else {
            if state.tellers == 0 {
                return Poll::Ready(None);
            }
            let before = state.reader.replace(context.waker().clone());
            drop(state);
            drop(before);
            return Poll::Pending;
        };
        drop(state);
        self.0.room.notify_one();
        Poll::Ready(Some(Frame::from(waiting)))
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.unread = true;
        let left = (std::mem::take(&mut state.waiting), state.reader.take());
        drop(state);
        drop(left);
        self.0.room.notify_waiters();
    }
}

impl Queue {
    /// Nothing that holds the lock can panic, so that a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts it at the end, or gives it back.
    fn put(&self, waiting: Waiting) -> Result<(), (Untold, Waiting)> {
        let mut state = self.lock();
        if state.unread {
            return Err((Untold::Gone, waiting));
        }
        if state.waiting.len() >= self.max {
            return Err((Untold::Full, waiting));
        }
        state.waiting.push_back(waiting);
        wake(state);
        Ok(())
    }
}

impl State {
    /// The first that waits. Memory for many is given back with the last of them.
    fn take(&mut self) -> Option<Waiting> {
        let first = self.waiting.pop_front();
        if self.waiting.is_empty() && self.waiting.capacity() > KEPT {
            self.waiting = VecDeque::new();
        }
        first
    }
}

/// Tells the reader that there is something to see; what it does then needs the lock.
fn wake(mut state: MutexGuard<'_, State>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}

impl From<Frame> for Waiting {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are rare")]
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Published(published) => Self::Published(published),
            other => Self::Other(Box::new(other)),
        }
    }
}

impl From<Waiting> for Frame {
    fn from(waiting: Waiting) -> Self {
        match waiting {
            Waiting::Published(published) => Self::Published(published),
            Waiting::Other(frame) => *frame,
        }
    }
}

#[cfg(test)]
mod tests {
    use sekisho_proto::Offset;

    use super::*;

    fn published(request: u64) -> Frame {
        Frame::Published(frame::Published { request, offset: Offset::new(7) })
    }

    fn pong(token: u64) -> Frame {
        Frame::Pong(frame::Pong { token })
    }

    #[tokio::test]
    async fn answers_come_out_as_they_went_in_and_in_order() {
        let (teller, mut answers) = answers(8);
        let told = [published(1), pong(2), published(3), pong(4)];
        for frame in &told {
            teller.try_tell(frame.clone()).expect("room");
        }
        let mut taken = Vec::new();
        assert_eq!(answers.recv_many(&mut taken, 3).await, 3);
        assert_eq!(answers.recv_many(&mut taken, 3).await, 1);
        assert_eq!(taken, told);
        assert_eq!(answers.try_recv(), None);
        drop(teller);
        assert_eq!(answers.recv_many(&mut taken, 3).await, 0);
    }

    #[tokio::test]
    async fn those_who_wait_for_room_are_all_let_in_and_nothing_is_lost() {
        let (teller, mut answers) = answers(2);
        let mut telling = tokio::task::JoinSet::new();
        for token in 0..40 {
            let teller = teller.clone();
            telling.spawn(async move { teller.tell(pong(token)).await });
        }
        drop(teller);
        let mut taken = Vec::new();
        while answers.recv_many(&mut taken, 3).await > 0 {
            tokio::task::yield_now().await;
        }
        let mut tokens: Vec<_> = taken.iter().map(|frame| format!("{frame:?}")).collect();
        let mut wanted: Vec<_> = (0..40).map(|token| format!("{:?}", pong(token))).collect();
        tokens.sort();
        wanted.sort();
        assert_eq!(tokens, wanted);
    }

    #[tokio::test]
    async fn who_waits_for_room_goes_when_nobody_reads_any_more() {
        let (teller, answers) = answers(1);
        teller.try_tell(pong(1)).expect("room");
        let waits = tokio::spawn(async move { teller.tell(pong(2)).await });
        tokio::task::yield_now().await;
        drop(answers);
        waits.await.expect("told nobody");
    }

    #[tokio::test]
    async fn room_that_one_did_not_wait_for_is_given_to_the_next() {
        let (teller, mut answers) = answers(1);
        teller.try_tell(pong(1)).expect("room");
        let mut first = Box::pin(teller.tell(pong(2)));
        let mut second = Box::pin(teller.tell(pong(3)));
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());
        assert_eq!(answers.try_recv(), Some(pong(1)));
        drop(first);
        second.await;
        assert_eq!(answers.try_recv(), Some(pong(3)));
    }

    #[tokio::test]
    async fn memory_for_many_is_given_back_with_the_last_of_them() {
        let (teller, mut answers) = answers(4_096);
        for token in 0..4_096 {
            teller.try_tell(pong(token)).expect("room");
        }
        while answers.try_recv().is_some() {}
        assert!(answers.0.lock().waiting.capacity() <= KEPT);
    }

    #[tokio::test]
    async fn what_has_no_room_is_told_to_be_untold() {
        let (teller, answers) = answers(1);
        teller.try_tell(pong(1)).expect("room");
        assert_eq!(teller.try_tell(pong(2)), Err(Untold::Full));
        drop(answers);
        assert_eq!(teller.try_tell(pong(3)), Err(Untold::Gone));
        teller.tell(pong(4)).await;
    }
}
