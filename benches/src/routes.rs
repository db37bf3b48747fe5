//! What is behind the door: subscriptions to find a topic's among, a router whose disk costs
//! nothing, and verified envelopes for it.

use std::sync::Arc;

use sekisho::clock;
use sekisho_policy::{Policy, Recipient};
use sekisho_proto::{
    Action, BootId, Filter, Hash, Offset, Position, PrincipalId, Sequence, Timestamp, Topic,
    frame::Start,
};
use sekisho_routing::{
    Admitted, Appended, Carriage, Command, Limits, RestoredStream, Router, SessionId, Subscribe,
    SubscriptionId, SubscriptionTree, Ticket,
};
use sekisho_seal::{SigningKey, Verified, verify};

use crate::{city::City, sound, stream::Stream};

const PUBLISHER: SessionId = SessionId::new(0);
/// Topics of one publisher that a router is told it knows.
const TOPICS_EACH: u64 = 1_000;

/// One subscription in ten is a wildcard; all others name one truck's sensor.
#[must_use]
pub fn tree(subscriptions: u64) -> SubscriptionTree<(SessionId, SubscriptionId)> {
    let mut tree = SubscriptionTree::new();
    for number in 0..subscriptions {
        let filter = match number % 10 {
            0 => format!("fujisawa/trucks/{number}/#"),
            _ => format!("fujisawa/trucks/{number}/air/{}", number % 7),
        };
        let filter = sound(Filter::parse(&filter));
        tree.insert(&filter, (SessionId::new(number), SubscriptionId::new(0)));
    }
    tree.insert(
        &sound(Filter::parse("fujisawa/trucks/+/air/#")),
        (SessionId::new(0), SubscriptionId::new(1)),
    );
    tree.insert(&sound(Filter::parse("fujisawa/#")), (SessionId::new(0), SubscriptionId::new(2)));
    tree
}

/// Topics that the subscriptions of [`tree`] were made for: every `step`th one's.
#[must_use]
pub fn topics(subscriptions: u64, step: usize) -> Vec<Topic> {
    let numbers = (0..subscriptions).step_by(step);
    let topics = numbers.map(|number| format!("fujisawa/trucks/{number}/air/{}", number % 7));
    topics.map(|topic| sound(Topic::parse(&topic))).collect()
}

/// One device, the rights of everybody, and what came of its envelopes so far.
#[derive(Debug)]
pub struct Routes {
    city: City,
    policy: Arc<Policy>,
    signing: SigningKey,
    publisher: PrincipalId,
    filter: Filter,
    now: Timestamp,
    appended: u64,
}

impl Routes {
    /// A city where everybody may publish and subscribe to everything.
    #[must_use]
    pub fn new() -> Self {
        let mut city = City::new("fujisawa", clock::now());
        city.enrol_device(0);
        city.grant_everybody(Action::Publish, city.filter("#"));
        city.grant_everybody(Action::Subscribe, city.filter("#"));
        let device = city.device(0);
        Self {
            policy: city.policy(),
            signing: device.signing().clone(),
            publisher: device.id(),
            filter: city.filter("trucks/+/air"),
            now: city.now(),
            appended: 0,
            city,
        }
    }

    /// When everything here happens.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The device's stream on the topic of one truck.
    #[must_use]
    pub fn stream(&self, truck: u64, envelope_bytes: usize) -> Stream {
        let topic = self.city.topic(&format!("trucks/{truck}/air"));
        Stream::new(&self.city, &self.signing, topic, envelope_bytes)
    }

    /// Its next envelopes, verified.
    #[must_use]
    pub fn verified(&self, stream: &mut Stream, count: u64) -> Vec<Verified> {
        let key = self.signing.verifying_key();
        (0..count).map(|_| sound(verify(stream.seal_next(), &key))).collect()
    }

    /// As the door lets them in.
    #[must_use]
    pub fn admitted(&self, envelopes: &[Verified]) -> Vec<Admitted> {
        let permitted = (0..).zip(envelopes).map(|(request, verified)| {
            let topic = &verified.header().topic;
            let permit = sound(self.policy.permit_publish(self.publisher, topic, self.now));
            let carriage = Carriage::Session { session: PUBLISHER, request };
            sound(Admitted::new(verified.clone(), permit, carriage))
        });
        permitted.collect()
    }

    /// A right that was found before is asked for again.
    pub fn permit(&self, topic: &Topic) {
        sound(self.policy.permit_publish(self.publisher, topic, self.now));
    }

    /// A router with so many subscribers who wait for the next record, in sessions 1 and on.
    #[must_use]
    pub fn router(&self, subscribers: u64) -> Router {
        let mut router = Router::new(Limits::default(), Arc::clone(&self.policy), Position::ZERO);
        let recipient = Recipient::Principal(self.publisher);
        for number in 0..=subscribers {
            let session = SessionId::new(number);
            router.handle_connect(session, self.publisher, recipient.clone(), self.now);
            if session != PUBLISHER {
                let (filter, credit) = (self.filter.clone(), Limits::default().credit_max);
                let subscribe = Subscribe { filter, start: Start::Latest, cursor: None, credit };
                let subscription = SubscriptionId::new(0);
                router.handle_subscribe(session, subscription, subscribe, None, self.now);
            }
        }
        while router.poll_command().is_some() {}
        router
    }

    /// A router that knows streams of so many topics already, and a subscriber for all of them.
    #[must_use]
    pub fn router_of_topics(&self, topics: u64) -> Router {
        let mut router = self.router(1);
        for number in 0..topics {
            let mut publisher = [1; 32];
            let group = (number / TOPICS_EACH).to_be_bytes();
            publisher.iter_mut().zip(group).for_each(|(byte, part)| *byte = part);
            router.restore_stream(&RestoredStream {
                topic: self.city.topic(&format!("trucks/{number}/air")),
                publisher: PrincipalId::new(publisher),
                boot: BootId::new([2; 16]),
                sequence: Sequence::new(1),
                hash: Hash::new([3; 32]),
                time: self.now,
                forgotten: None,
            });
        }
        router
    }

    /// So many subscribers let the node send as many records more.
    pub fn grant(router: &mut Router, subscribers: u64, records: u32) {
        for number in 1..=subscribers {
            router.handle_credit(SessionId::new(number), SubscriptionId::new(0), records);
        }
    }

    /// Hands them to the router; what is to be appended.
    #[must_use]
    pub fn hand_over(&self, router: &mut Router, admitted: Vec<Admitted>) -> Vec<Ticket> {
        for admitted in admitted {
            router.handle_publish(admitted, self.now);
        }
        let commands = std::iter::from_fn(|| router.poll_command());
        commands.filter_map(|command| ticket_of(&command)).collect()
    }

    /// One of them is durable.
    pub fn append(&mut self, router: &mut Router, ticket: Ticket) {
        let (position, offset) = (Position::new(self.appended), Offset::new(self.appended));
        self.appended += 1;
        sound(router.handle_appended(ticket, Appended { position, offset }, self.now));
    }

    /// As the shard does it; tells how many deliveries there were.
    pub fn publish(&mut self, router: &mut Router, admitted: Vec<Admitted>) -> u64 {
        let mut delivered = 0;
        for ticket in self.hand_over(router, admitted) {
            self.append(router, ticket);
            while let Some(command) = router.poll_command() {
                delivered += u64::from(matches!(command, Command::Deliver { .. }));
            }
        }
        delivered
    }
}

impl Default for Routes {
    fn default() -> Self {
        Self::new()
    }
}

/// What an append is known by.
#[must_use]
pub const fn ticket_of(command: &Command) -> Option<Ticket> {
    if let Command::Append { ticket, .. } = command { Some(*ticket) } else { None }
}
