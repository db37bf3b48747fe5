//! One truck's publisher on one topic, and who waits for its acknowledgements.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use sekisho::{Client, Phase, Publisher, PublisherState, Scope, Timestamp, Topic, clock};
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::figures::Figures;
use super::load::{Load, Maker};
use super::plan::Plan;

/// A publisher that knows what it handed over and when that was due.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) topic: Topic,
    publisher: Publisher,
    maker: Maker,
    figures: Arc<Figures>,
    account: Arc<Account>,
    /// Samples that may be handed over where the rate is the most there can be.
    room: Arc<Semaphore>,
    _listener: AbortOnDropHandle<()>,
}

/// What a lane has handed over and what became of it.
#[derive(Debug, Default)]
struct Account {
    /// The next sequence.
    next: AtomicU64,
    acknowledged: AtomicU64,
    /// Due times of what is not settled yet.
    waiting: Mutex<VecDeque<Timestamp>>,
}

/// Follows what the node says of a lane's samples.
struct Listener {
    publisher: Publisher,
    is_opaque: bool,
    figures: Arc<Figures>,
    account: Arc<Account>,
    room: Arc<Semaphore>,
}

impl Lane {
    pub(super) async fn start(
        plan: &Plan,
        client: &Client,
        topic: Topic,
        figures: &Arc<Figures>,
    ) -> Result<Self> {
        let scope = if plan.nodes > 1 { Scope::Federation } else { Scope::Organisation };
        let publisher = client.publisher(topic.clone()).scope(scope).batch(plan.load.batch());
        let publisher = publisher.start().await?;
        let account = Arc::new(Account::default());
        let room = Arc::new(Semaphore::new(usize::try_from(plan.window)?));
        let listener = Listener {
            publisher: publisher.clone(),
            is_opaque: matches!(plan.load, Load::Opaque { .. }),
            figures: Arc::clone(figures),
            account: Arc::clone(&account),
            room: Arc::clone(&room),
        };
        Ok(Self {
            topic,
            publisher,
            maker: plan.load.maker()?,
            figures: Arc::clone(figures),
            account,
            room,
            _listener: AbortOnDropHandle::new(tokio::spawn(listener.run())),
        })
    }

    /// Hands over one that was due at some time.
    pub(super) async fn publish(&self, due: Timestamp) -> Result<()> {
        let figures = &self.figures;
        let of = (&figures.tally.published, &figures.schedule);
        figures.count(of, std::iter::once(due), clock::now());
        self.account.lock().push_back(due);
        let sequence = self.account.next.fetch_add(1, Ordering::AcqRel);
        self.maker.publish(&self.publisher, sequence, due).await
    }

    /// Hands over one as soon as there is room for it.
    pub(super) async fn publish_when_there_is_room(&self) -> Result<()> {
        self.room.acquire().await?.forget();
        self.publish(clock::now()).await
    }

    /// Waits until everything handed over is stored, or refused for good.
    pub(super) async fn flush(&self) -> Result<()> {
        self.publisher.flush().await?;
        Ok(())
    }

    /// How many were handed over.
    pub(super) fn published(&self) -> u64 {
        self.account.next.load(Ordering::Acquire)
    }

    /// How many of them the node has stored.
    pub(super) fn acknowledged(&self) -> u64 {
        self.account.acknowledged.load(Ordering::Acquire)
    }

    pub(super) fn envelopes(&self) -> u64 {
        self.publisher.state().envelopes_accepted
    }
}

impl Account {
    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Timestamp>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    async fn run(self) {
        let (mut seen, mut accepted_before) = (0, 0);
        // What was there before the clock that matters is settled as all else is.
        while let Ok(state) = self
            .publisher
            .wait_until(|state| self.settled(state) > seen || state.phase == Phase::Closed)
            .await
        {
            let (settled, now) = (self.settled(&state), clock::now());
            let accepted = self.accepted(&state);
            let dues: Vec<Timestamp> = {
                let mut waiting = self.account.lock();
                let count = usize::try_from(settled - seen).unwrap_or(usize::MAX);
                let count = count.min(waiting.len());
                waiting.drain(..count).collect()
            };
            let stored = usize::try_from(accepted - accepted_before).unwrap_or(usize::MAX);
            let figures = &self.figures;
            let of = (&figures.tally.acknowledged, &figures.acknowledgement);
            self.account.acknowledged.store(accepted, Ordering::Release);
            self.room.add_permits(dues.len());
            figures.count(of, dues.into_iter().take(stored), now);
            if state.phase == Phase::Closed {
                return;
            }
            (seen, accepted_before) = (settled, accepted);
        }
    }

    fn accepted(&self, state: &PublisherState) -> u64 {
        if self.is_opaque { state.envelopes_accepted } else { state.samples_accepted }
    }

    fn settled(&self, state: &PublisherState) -> u64 {
        let lost = if self.is_opaque { state.envelopes_lost } else { state.samples_lost };
        self.accepted(state) + lost + state.samples_left_out
    }
}
