//! A node without listeners, and one device of its city that brings envelopes to its door.

use std::{
    path::Path,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread::JoinHandle,
};

use sekisho::clock;
use sekisho_broker::{
    config::Config,
    hub::{Carrier, Ended, Entry, Hub, Parcel, Refusal, Started},
};
use sekisho_policy::{Policy, Recipient};
use sekisho_proto::{Action, Envelope, Position, PrincipalId, Timestamp};
use sekisho_routing::{Carriage, Limits, Router, SessionId};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{city::City, sound, stream::Stream};

/// Devices that may publish, each on its own topics.
const DEVICES: u64 = 100;
/// The clock of a bench stands still: the most that a node can be told to take.
const REQUESTS_PER_SECOND: u32 = 10_000_000;
const SESSION: SessionId = SessionId::new(1);

/// A city of a hundred devices, each with a right of its own.
#[must_use]
pub fn city() -> City {
    let mut city = City::new("fujisawa", clock::now());
    for number in 0..DEVICES {
        city.enrol_device(number);
        city.grant_device(number, Action::Publish, city.filter(&format!("trucks/{number}/#")));
    }
    city
}

/// A node without listeners.
#[derive(Debug)]
pub struct Door {
    runtime: Runtime,
    hub: Arc<Hub>,
    shard: JoinHandle<Ended>,
    policy: Arc<Policy>,
    publisher: PrincipalId,
    now: Timestamp,
    _folder: TempDir,
}

impl Door {
    /// The door of [`city`]'s node; its first device is the publisher.
    #[must_use]
    pub fn open(city: &City) -> Self {
        let folder = sound(TempDir::new());
        let runtime = sound(Runtime::new());
        let config = format!(
            "organisation = \"{}\"\n[limits]\nrequests_per_second = {REQUESTS_PER_SECOND}\n",
            city.organisation()
        );
        let config = sound(Config::parse(&config, folder.path(), Path::new("bench")));
        let node = Arc::new(city.node().signing().clone());
        let guard = runtime.enter();
        let Started { hub, shard } = sound(Hub::start(config, node, city.statements()));
        drop(guard);
        let publisher = city.device(0).id();
        let policy = hub.authority().snapshot();
        Self { runtime, hub, shard, policy, publisher, now: city.now(), _folder: folder }
    }

    /// Stops the node.
    ///
    /// # Panics
    /// Where it had stopped before: a door that is shut measures nothing.
    pub fn close(self) {
        self.runtime.block_on(self.hub.stop());
        drop(self.hub);
        assert!(matches!(self.shard.join(), Ok(Ended::Stopped)), "a door that works to its end");
    }

    /// When everything here happens.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Takes one envelope as a connection's task does it; nothing in it waits once the key header
    /// is known.
    ///
    /// # Errors
    /// The door refuses it.
    pub fn admit(&self, envelope: &Envelope, request: u64) -> Result<Entry, Refusal> {
        let admitted = pin!(self.hub.admit(self.parcel(envelope, request), self.now));
        match admitted.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => sound(Err("wanted a door that does not wait, found it waiting")),
        }
    }

    /// The publisher's envelopes of one size, whose key header the node knows.
    #[must_use]
    pub fn stream(&self, city: &City, envelope_bytes: usize) -> Stream {
        let topic = city.topic("trucks/0/air");
        let make = || Stream::new(city, city.device(0).signing(), topic.clone(), envelope_bytes);
        let mut parcel = self.parcel(&make().seal_next(), 0);
        let stream = make();
        parcel.key_header = Some(stream.key_header());
        sound(self.runtime.block_on(self.hub.admit(parcel, self.now)));
        stream
    }

    /// A new router behind the door, in which the publisher has its session.
    #[must_use]
    pub fn router(&self) -> Router {
        let mut router = Router::new(Limits::default(), Arc::clone(&self.policy), Position::ZERO);
        let recipient = Recipient::Principal(self.publisher);
        router.handle_connect(SESSION, self.publisher, recipient, self.now);
        router
    }

    fn parcel(&self, envelope: &Envelope, request: u64) -> Parcel {
        Parcel {
            envelope: envelope.encoded().clone(),
            key_header: None,
            carrier: Carrier::Principal(self.publisher),
            carriage: Carriage::Session { session: SESSION, request },
        }
    }
}
