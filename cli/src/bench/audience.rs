//! All subscribers: each verifies, opens and writes down what it gets.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use sekisho::{Client, Delivery, Message, SubscribeError, Subscription, Topic, clock};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::figures::Figures;
use super::fleet::Fleet;
use super::ledger::Ledger;
use super::load;
use super::plan::Plan;
use super::roll::{Roll, connect_all, interest};

/// How long what is under way may stay away before it counts as lost.
const QUIET_MAX: Duration = Duration::from_secs(20);
/// How long is waited for what should not come any more: a second copy.
const LINGER: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(20);

/// See the module.
#[derive(Debug)]
pub(super) struct Audience {
    plan: Plan,
    clients: Vec<Client>,
    /// Samples that each got so far.
    got: Vec<Arc<AtomicU64>>,
    /// Samples that were there before they subscribed, by lane.
    before: Vec<u64>,
    listening: JoinSet<Result<Counts>>,
    stop: CancellationToken,
}

/// What subscribers counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    /// Samples that were to come.
    pub(super) expected: u64,
    pub(super) delivered: u64,
    pub(super) doubled: u64,
    pub(super) out_of_order: u64,
    /// Records that could not be verified.
    pub(super) rejected: u64,
    /// Messages that were verified and could not be opened or read.
    pub(super) unopened: u64,
    pub(super) envelopes: u64,
    pub(super) gaps: BTreeMap<String, u64>,
}

/// One subscriber at work.
struct Listener {
    subscription: Subscription,
    figures: Arc<Figures>,
    ledgers: HashMap<Topic, Ledger>,
    got: Arc<AtomicU64>,
    counts: Counts,
}

impl Audience {
    /// Connects and subscribes all, to what is published from now on.
    pub(super) async fn subscribe(
        plan: &Plan,
        roll: &Roll,
        fleet: &Fleet,
        figures: &Arc<Figures>,
    ) -> Result<Self> {
        let clients = connect_all(&roll.subscribers).await?;
        let (mut got, mut listening) = (Vec::new(), JoinSet::new());
        let stop = CancellationToken::new();
        for (number, client) in (0..).zip(&clients) {
            let subscription = client.subscribe(interest(plan, number)?).start().await?;
            let followed = fleet.lanes().filter(|(truck, _)| plan.is_followed(number, *truck));
            let ledgers =
                followed.map(|(_, lane)| (lane.topic.clone(), Ledger::from(lane.published())));
            let count = Arc::new(AtomicU64::new(0));
            let listener = Listener {
                subscription,
                figures: Arc::clone(figures),
                ledgers: ledgers.collect(),
                got: Arc::clone(&count),
                counts: Counts::default(),
            };
            listening.spawn(listener.run(stop.clone()));
            got.push(count);
        }
        let before = fleet.lanes().map(|(_, lane)| lane.published()).collect();
        Ok(Self { plan: plan.clone(), clients, got, before, listening, stop })
    }

    /// Waits until all have what the node has stored; not for ever where nothing comes any more.
    pub(super) async fn wait_for(&mut self, fleet: &Fleet) -> Result<()> {
        let (mut seen, mut since) = (0, clock::now());
        loop {
            let got = self.got.iter().map(|count| count.load(Ordering::Acquire)).sum();
            if got >= self.expected(fleet) {
                return Ok(());
            }
            let now = clock::now();
            if got > seen {
                (seen, since) = (got, now);
            }
            if now.saturating_since(since) > QUIET_MAX {
                return Ok(());
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                Some(ended) = self.listening.join_next() => {
                    ended??;
                }
            }
        }
    }

    /// Samples that were stored for them, over all.
    fn expected(&self, fleet: &Fleet) -> u64 {
        let of = |subscriber: u32| {
            let lanes = fleet.lanes().zip(&self.before);
            let followed =
                lanes.filter(move |((truck, _), _)| self.plan.is_followed(subscriber, *truck));
            followed
                .map(|((_, lane), before)| lane.acknowledged().saturating_sub(*before))
                .sum::<u64>()
        };
        match self.plan.interest {
            super::Interest::All => of(0) * u64::from(self.plan.subscribers),
            super::Interest::Own => (0..self.plan.subscribers).map(of).sum(),
        }
    }

    /// Stops all and adds up what they counted.
    pub(super) async fn finish(mut self, fleet: &Fleet) -> Result<Counts> {
        sleep(LINGER).await;
        self.stop.cancel();
        let mut all = Counts { expected: self.expected(fleet), ..Counts::default() };
        while let Some(counts) = self.listening.join_next().await {
            all.add(counts?.context("a subscriber")?);
        }
        let mut closing = JoinSet::new();
        for client in self.clients {
            closing.spawn(async move { client.close().await });
        }
        closing.join_all().await;
        Ok(all)
    }
}

impl Listener {
    async fn run(mut self, stop: CancellationToken) -> Result<Counts> {
        loop {
            let delivery = tokio::select! {
                biased;
                delivery = self.subscription.next() => delivery,
                () = stop.cancelled() => break,
            };
            match delivery.context("subscription: wanted it to go on, found its end")? {
                Ok(Delivery::Message(message)) => self.take(&message),
                Ok(Delivery::Gap(gap)) => {
                    *self.counts.gaps.entry(gap.reason.to_string()).or_default() += 1;
                }
                Err(SubscribeError::Rejected { .. }) => self.counts.rejected += 1,
                Err(cause) => return Err(cause.into()),
            }
        }
        let sum = |of: fn(&Ledger) -> u64| self.ledgers.values().map(of).sum();
        self.counts.delivered = sum(|ledger| ledger.delivered);
        self.counts.doubled = sum(|ledger| ledger.doubled);
        self.counts.out_of_order = sum(|ledger| ledger.out_of_order);
        Ok(self.counts)
    }

    fn take(&mut self, message: &Message) {
        let now = clock::now();
        let (Ok(samples), Ok(body)) = (load::read(message), message.body()) else {
            self.counts.unopened += 1;
            return;
        };
        let Some(ledger) = self.ledgers.get_mut(&message.topic) else {
            self.counts.unopened += 1;
            return;
        };
        self.counts.envelopes += 1;
        let new = samples.iter().filter(|(sequence, _due)| ledger.take(*sequence));
        let dues: Vec<_> = new.map(|(_sequence, due)| *due).collect();
        let count = dues.len() as u64;
        let tally = &self.figures.tally;
        self.figures.count((&tally.delivered, &self.figures.delivery), dues.into_iter(), now);
        if self.figures.window.holds(now) {
            tally.body_bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        }
        self.got.fetch_add(count, Ordering::Release);
    }
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.doubled += other.doubled;
        self.out_of_order += other.out_of_order;
        self.rejected += other.rejected;
        self.unopened += other.unopened;
        self.envelopes += other.envelopes;
        for (reason, count) in other.gaps {
            *self.gaps.entry(reason).or_default() += count;
        }
    }
}
