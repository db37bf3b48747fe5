//! One route: read, ask, publish, and when all of it is stored, acknowledge.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sekisho::{
    Client, ContentType, Delivery, Message, Position, PrincipalName, PublishError, Publisher,
    Start, SubscribeError, Subscription, Topic,
};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::Route;
use crate::right::Rights;
use crate::run::{Counting, RepublishError};

/// Between two times at which what was published is waited for, and the cursor moved.
const SETTLE_EVERY: Duration = Duration::from_millis(200);
/// Messages of one such time.
const UNSETTLED_MAX: u64 = 256;
/// Topics with a publisher; beyond it all begin anew.
const PUBLISHERS_MAX: usize = 1_024;
/// Between two attempts to ask the node.
const ASK_PAUSE: Duration = Duration::from_millis(500);

/// See the module.
pub(crate) struct Carrier {
    client: Client,
    rights: Rights,
    route: Route,
    counting: Arc<Counting>,
    publishers: BTreeMap<Topic, Publisher>,
    /// The last position that was handed on, and how many messages since they were waited for.
    handed_on: Option<Position>,
    unsettled: u64,
}

impl Carrier {
    pub(crate) fn new(
        client: &Client,
        own: &PrincipalName,
        route: Route,
        counting: Arc<Counting>,
    ) -> Self {
        let rights = Rights::new(client.clone(), own.clone());
        let (client, publishers) = (client.clone(), BTreeMap::new());
        Self { client, rights, route, counting, publishers, handed_on: None, unsettled: 0 }
    }

    /// Until it is stopped.
    pub(crate) async fn run(
        mut self,
        start: Start,
        stop: CancellationToken,
    ) -> Result<(), RepublishError> {
        let filter = self.route.from.clone();
        let cursor = self.route.cursor.clone();
        let builder = self.client.subscribe(filter).from(start).cursor(cursor);
        let mut subscription = tokio::select! {
            started = builder.start() => started.map_err(|cause| self.unread(cause))?,
            () = stop.cancelled() => return Ok(()),
        };
        let mut settles = interval(SETTLE_EVERY);
        settles.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_full = self.unsettled >= UNSETTLED_MAX;
            let delivery = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = settles.tick() => {
                    tokio::select! {
                        settled = self.settle(&subscription) => settled?,
                        () = stop.cancelled() => break,
                    }
                    continue;
                }
                delivery = subscription.next(), if !is_full => delivery,
            };
            tokio::select! {
                taken = self.take(delivery) => taken?,
                () = stop.cancelled() => break,
            }
        }
        // What was handed on and not stored comes again.
        subscription.close().await;
        Ok(())
    }

    async fn take(
        &mut self,
        delivery: Option<Result<Delivery, SubscribeError>>,
    ) -> Result<(), RepublishError> {
        let position = match delivery {
            Some(Ok(Delivery::Message(message))) => {
                self.carry(&message).await?;
                Some(message.position)
            }
            Some(Ok(Delivery::Gap(gap))) => {
                warn!(from = %gap.from, to = %gap.to, reason = %gap.reason, "missed records");
                count(&self.counting.missed);
                gap.to.value().checked_sub(1).map(Position::new)
            }
            Some(Err(SubscribeError::Rejected { position, why })) => {
                warn!(%position, %why, "rejected a record");
                count(&self.counting.missed);
                Some(position)
            }
            Some(Err(SubscribeError::Silent { .. })) => None,
            Some(Err(cause)) => return Err(self.unread(cause)),
            None => return Err(self.unread(SubscribeError::Closed)),
        };
        if position.is_some() {
            self.handed_on = position;
            self.unsettled = self.unsettled.saturating_add(1);
        }
        Ok(())
    }

    async fn carry(&mut self, message: &Message) -> Result<(), RepublishError> {
        count(&self.counting.messages);
        // What it published itself would go round.
        if message.publisher_id == self.client.identity().id() {
            count(&self.counting.withheld);
            return Ok(());
        }
        if !self.may_bridge(&message.topic).await {
            count(&self.counting.withheld);
            return Ok(());
        }
        let Some(target) = self.route.target(&message.topic) else {
            warn!(topic = %message.topic, "no topic to republish on: its name would be too long");
            count(&self.counting.unfit);
            return Ok(());
        };
        let body = match message.body() {
            Ok(body) => body.clone(),
            Err(cause) => {
                warn!(topic = %message.topic, %cause, "cannot open a record");
                count(&self.counting.unfit);
                return Ok(());
            }
        };
        let failed = |source: PublishError| RepublishError::Publish {
            topic: target.clone(),
            source: Box::new(source),
        };
        let publisher = self.publisher(&target).await.map_err(failed)?;
        if message.content_type == ContentType::samples() {
            let Ok(samples) = message.samples() else {
                count(&self.counting.unfit);
                return Ok(());
            };
            for sample in samples {
                publisher.publish(sample).await.map_err(failed)?;
            }
        } else {
            let content_type = message.content_type.clone();
            publisher.publish_body(content_type, body).await.map_err(failed)?;
        }
        count(&self.counting.published);
        Ok(())
    }

    /// Asks until the node answers: without its yes nothing leaves.
    async fn may_bridge(&mut self, topic: &Topic) -> bool {
        loop {
            match self.rights.may_bridge(topic).await {
                Ok(may) => return may,
                Err(cause) => warn!(%topic, %cause, "the node does not say whether to bridge"),
            }
            sleep(ASK_PAUSE).await;
        }
    }

    async fn publisher(&mut self, topic: &Topic) -> Result<Publisher, PublishError> {
        if let Some(publisher) = self.publishers.get(topic) {
            return Ok(publisher.clone());
        }
        if self.publishers.len() >= PUBLISHERS_MAX {
            for publisher in std::mem::take(&mut self.publishers).into_values() {
                publisher.flush().await?;
            }
        }
        let builder = self.client.publisher(topic.clone()).scope(self.route.scope);
        let publisher = builder.start().await?;
        self.publishers.insert(topic.clone(), publisher.clone());
        Ok(publisher)
    }

    /// Waits until the node has what was handed on, then moves the cursor.
    async fn settle(&mut self, subscription: &Subscription) -> Result<(), RepublishError> {
        let Some(position) = self.handed_on else { return Ok(()) };
        for (topic, publisher) in &self.publishers {
            publisher.flush().await.map_err(|source| RepublishError::Publish {
                topic: topic.clone(),
                source: Box::new(source),
            })?;
        }
        subscription.acknowledge_position(position);
        self.handed_on = None;
        self.unsettled = 0;
        Ok(())
    }

    fn unread(&self, source: SubscribeError) -> RepublishError {
        RepublishError::Subscribe { filter: self.route.from.clone(), source: Box::new(source) }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
