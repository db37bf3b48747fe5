//! A subscriber that takes nothing but verified, opened messages without gaps: everything else
//! fails its test.

use sekisho::{Client, Delivery, Message, Sample, Start, Subscription, SubscriptionBuilder};

use crate::member::Member;
use crate::patience::within;

/// A running subscription.
#[derive(Debug)]
pub struct Reader {
    who: String,
    client: Client,
    subscription: Subscription,
}

impl Reader {
    /// Subscribes as a member.
    pub async fn start(member: &Member, filter: &str, from: Start) -> Self {
        Self::build(member, filter, |builder| builder.from(from)).await
    }

    /// Subscribes from where the member's cursor stands; from the earliest record where it stands
    /// nowhere.
    pub async fn resume(member: &Member, filter: &str, cursor: &str) -> Self {
        let cursor = cursor.parse().expect("a cursor's name");
        Self::build(member, filter, |builder| builder.from(Start::Earliest).cursor(cursor)).await
    }

    async fn build(
        member: &Member,
        filter: &str,
        wish: impl FnOnce(SubscriptionBuilder) -> SubscriptionBuilder,
    ) -> Self {
        let client = member.connect().await;
        let builder = wish(client.subscribe(filter.parse().expect("a filter")));
        let started = within("a subscription", builder.start()).await;
        let who = member.name().to_string();
        match started {
            Ok(subscription) => Self { who, client, subscription },
            Err(error) => panic!("{who}: wanted to read {filter}, found {error:?}"),
        }
    }

    /// The next message.
    pub async fn message(&mut self) -> Message {
        let what = format!("a message for {}", self.who);
        match within(&what, self.subscription.next()).await {
            Some(Ok(Delivery::Message(message))) => *message,
            other => panic!("{}: wanted a message, found {other:?}", self.who),
        }
    }

    /// The next message, however long it takes: for those who read beside a test.
    pub async fn message_at_last(&mut self) -> Message {
        match self.subscription.next().await {
            Some(Ok(Delivery::Message(message))) => *message,
            other => panic!("{}: wanted a message, found {other:?}", self.who),
        }
    }

    /// At least so many samples: whole messages, opened.
    pub async fn samples(&mut self, count: usize) -> Vec<Sample> {
        let mut samples = Vec::new();
        while samples.len() < count {
            let message = self.message().await;
            match message.samples() {
                Ok(more) => samples.extend(more),
                Err(error) => panic!("{}: wanted it opened, found {error:?}", self.who),
            }
        }
        samples
    }

    /// The subscription itself.
    pub fn subscription(&mut self) -> &mut Subscription {
        &mut self.subscription
    }

    /// Tells the node that a message and all before it are done.
    pub fn acknowledge(&self, message: &Message) {
        self.subscription.acknowledge(message);
    }

    /// Ends in good order: what was acknowledged is with the node.
    pub async fn close(self) {
        within("the subscription's end", self.subscription.close()).await;
        within("the session's end", self.client.close()).await;
    }
}
