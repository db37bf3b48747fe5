//! One topic's way to the node: what comes while its publisher starts waits here, in order, and
//! where it cannot be published on it is let alone for a while.

use std::{
    collections::VecDeque,
    error::Error as _,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sekisho::Publisher;
use sekisho_proto::{Sample, Topic};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::NodeError;
use crate::clock::Stopwatch;

/// How long a topic that cannot be published on is let alone. What comes for it meanwhile is lost,
/// and counted.
const GIVEN_UP_FOR: Duration = Duration::from_secs(60);

/// A sample that waits, and the room that it takes.
type Held = (Sample, OwnedSemaphorePermit);

#[derive(Debug)]
enum State {
    Starting(VecDeque<Held>),
    Open(Publisher),
    GivenUp { since: Stopwatch, fault: Option<NodeError>, publisher: Option<Publisher> },
}

/// What may be done with a sample.
#[derive(Debug)]
pub(super) enum Stand {
    /// It can be held.
    Starting,
    /// It can be published.
    Open(Publisher),
    /// It is lost.
    GivenUp,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Lane {
    way: Arc<Way>,
    _opening: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Way {
    topic: Topic,
    state: watch::Sender<State>,
    /// Samples of all lanes that were given up.
    given_up: Arc<AtomicU64>,
}

impl Lane {
    /// Opens when `starting` resolves.
    pub(super) fn start(
        topic: Topic,
        starting: impl Future<Output = Result<Publisher, NodeError>> + Send + 'static,
        given_up: Arc<AtomicU64>,
    ) -> Self {
        let state = watch::Sender::new(State::Starting(VecDeque::new()));
        let way = Arc::new(Way { topic, state, given_up });
        let opening = Arc::clone(&way);
        let task = tokio::spawn(async move {
            match starting.await {
                Ok(publisher) => opening.open(publisher).await,
                Err(fault) => opening.give_up(fault, None),
            }
        });
        Self { way, _opening: AbortOnDropHandle::new(task) }
    }

    pub(super) fn stand(&self) -> Stand {
        match &*self.way.state.borrow() {
            State::Starting(_held) => Stand::Starting,
            State::Open(publisher) => Stand::Open(publisher.clone()),
            State::GivenUp { .. } => Stand::GivenUp,
        }
    }

    /// Keeps a sample until the publisher has started; gives it back where it has.
    pub(super) fn hold(&self, held: Held) -> Result<(), Sample> {
        let mut back = None;
        self.way.state.send_if_modified(|state| {
            match state {
                State::Starting(waiting) => waiting.push_back(held),
                State::Open(_) | State::GivenUp { .. } => back = Some(held.0),
            }
            false
        });
        back.map_or(Ok(()), Err)
    }

    /// Returns when its publisher has started, or could not be.
    pub(super) async fn settled(&self) -> Stand {
        let mut state = self.way.state.subscribe();
        // The sender is this lane's own.
        let _own = state.wait_for(|state| !matches!(state, State::Starting(_))).await;
        self.stand()
    }

    /// Its publisher takes nothing any more; nor does the lane, for a while.
    pub(super) fn give_up(&self, fault: NodeError, publisher: Publisher) {
        self.way.give_up(fault, Some(publisher));
    }

    /// Whether it may be tried anew.
    pub(super) fn has_rested(&self) -> bool {
        match &*self.way.state.borrow() {
            State::GivenUp { since, .. } => since.elapsed() >= GIVEN_UP_FOR,
            State::Starting(_) | State::Open(_) => false,
        }
    }

    pub(super) fn is_given_up(&self) -> bool {
        matches!(&*self.way.state.borrow(), State::GivenUp { .. })
    }

    /// Whether it was given up for something that other topics will meet as well.
    pub(super) fn is_hopeless(&self) -> bool {
        match &*self.way.state.borrow() {
            State::GivenUp { fault, .. } => fault.as_ref().is_some_and(|it| !it.is_the_topics()),
            State::Starting(_) | State::Open(_) => false,
        }
    }

    /// Why it was given up, told once.
    pub(super) fn take_fault(&self) -> Option<NodeError> {
        let mut taken = None;
        self.way.state.send_if_modified(|state| {
            if let State::GivenUp { fault, .. } = state {
                taken = fault.take();
            }
            false
        });
        taken
    }

    /// Samples that its publisher took, and that will never arrive.
    pub(super) fn samples_lost(&self) -> u64 {
        let lost = |publisher: &Publisher| {
            let state = publisher.state();
            state.samples_lost.saturating_add(state.samples_left_out)
        };
        match &*self.way.state.borrow() {
            State::Open(publisher) | State::GivenUp { publisher: Some(publisher), .. } => {
                lost(publisher)
            }
            State::Starting(_) | State::GivenUp { publisher: None, .. } => 0,
        }
    }
}

impl Way {
    /// Hands on what waits, and lets the rest pass by itself when nothing does any more.
    async fn open(&self, publisher: Publisher) {
        loop {
            let mut waiting = VecDeque::new();
            self.state.send_if_modified(|state| {
                let State::Starting(held) = state else { return false };
                std::mem::swap(held, &mut waiting);
                if waiting.is_empty() {
                    *state = State::Open(publisher.clone());
                }
                waiting.is_empty()
            });
            if waiting.is_empty() {
                return;
            }
            while let Some((sample, _room)) = waiting.pop_front() {
                if let Err(cause) = publisher.publish(sample).await {
                    self.count_given_up(1 + waiting.len());
                    let fault = NodeError::publish(&self.topic, cause);
                    return self.give_up(fault, Some(publisher));
                }
            }
        }
    }

    fn give_up(&self, fault: NodeError, publisher: Option<Publisher>) {
        let cause = fault.source().map(ToString::to_string);
        let topic = &self.topic;
        warn!(%topic, %fault, cause, "topic given up for now: what comes for it is lost");
        self.state.send_modify(|state| {
            if let State::Starting(held) = state {
                self.count_given_up(held.len());
            }
            let fault = Some(fault);
            *state = State::GivenUp { since: Stopwatch::start(), fault, publisher };
        });
    }

    fn count_given_up(&self, samples: usize) {
        self.given_up.fetch_add(samples as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
