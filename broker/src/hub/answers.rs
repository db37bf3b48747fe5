//! The way of a session's answers to whoever writes them: bounded, in order. A queue takes room for
//! many items as soon as it is there, so those are small: nearly all say that something was stored.

use sekisho_proto::{Frame, frame};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// A frame while it waits.
#[derive(Debug)]
enum Waiting {
    Published(frame::Published),
    Other(Box<Frame>),
}

/// Where a session's answers go.
#[derive(Debug, Clone)]
pub struct Teller(mpsc::Sender<Waiting>);

/// Where they come out.
#[derive(Debug)]
pub struct Answers(mpsc::Receiver<Waiting>);

/// Why an answer was not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untold {
    /// Too many wait.
    Full,
    /// Nobody reads them any more.
    Gone,
}

/// A queue with room for so many answers.
#[must_use]
pub fn answers(room: usize) -> (Teller, Answers) {
    let (teller, answers) = mpsc::channel(room);
    (Teller(teller), Answers(answers))
}

impl Teller {
    /// Tells where there is room now.
    ///
    /// # Errors
    /// There is none, or nobody reads.
    pub fn try_tell(&self, frame: Frame) -> Result<(), Untold> {
        self.0.try_send(Waiting::from(frame)).map_err(|error| match error {
            TrySendError::Full(_frame) => Untold::Full,
            TrySendError::Closed(_frame) => Untold::Gone,
        })
    }

    /// Tells as soon as there is room; says nothing to nobody.
    pub async fn tell(&self, frame: Frame) {
        drop(self.0.send(Waiting::from(frame)).await);
    }
}

impl Answers {
    /// The next; `None` when nobody is left who could tell anything.
    pub async fn recv(&mut self) -> Option<Frame> {
        self.0.recv().await.map(Frame::from)
    }

    /// The next, where one waits.
    pub fn try_recv(&mut self) -> Option<Frame> {
        self.0.try_recv().ok().map(Frame::from)
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
    async fn what_has_no_room_is_told_to_be_untold() {
        let (teller, answers) = answers(1);
        teller.try_tell(pong(1)).expect("room");
        assert_eq!(teller.try_tell(pong(2)), Err(Untold::Full));
        drop(answers);
        assert_eq!(teller.try_tell(pong(3)), Err(Untold::Gone));
        teller.tell(pong(4)).await;
    }
}
