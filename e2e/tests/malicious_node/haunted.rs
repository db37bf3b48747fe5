//! A city whose node was taken over: whoever is sent to the false node reaches the honest one only
//! through it.

use std::net::SocketAddr;
use std::path::PathBuf;

use sekisho::{Batch, Client, Delivery, Message, Start, SubscribeError, Subscription};
use sekisho_e2e::turncoat::{Attempt, Plan};
use sekisho_e2e::{City, Member, Port, Process, holds_key, sample, samples, within};
use tokio::process::Command;

pub(crate) const AIR: &str = "fujisawa/truck/17/air";
pub(crate) const TRUCKS: &str = "fujisawa/truck/#";

/// See the module.
pub(crate) struct Haunted {
    pub(crate) city: City,
    pub(crate) truck: Member,
    pub(crate) app: Member,
}

/// The node that was taken over.
pub(crate) struct Turncoat {
    process: Process,
    port: Port,
    pub(crate) spoils: PathBuf,
}

impl Turncoat {
    /// Takes over the city's node and tries something with those who come.
    pub(crate) async fn take_over(city: &City, attempt: Attempt, guests: &[&Member]) -> Self {
        let port = Port::claim();
        let spoils = city.place("spoils");
        let plan = Plan {
            attempt,
            node_key: city.dir().join("keys/node.key"),
            node: city.quic(),
            listen: port.address(),
            guests: guests.iter().map(|guest| guest.dir().to_owned()).collect(),
            spoils: spoils.clone(),
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_turncoat"));
        command.args(plan.arguments());
        let log = city.place("turncoat.log");
        let mut process = Process::spawn("the node that was taken over", command, &log);
        let said = process.line().await;
        assert!(said.starts_with("serving on "), "it said {said:?}");
        Self { process, port, spoils }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Waits until it has done what it is after.
    pub(crate) async fn tells(&mut self, what: &str) {
        loop {
            let said = self.process.line().await;
            if said.starts_with(what) {
                return;
            }
        }
    }

    /// Ends it; everything that it said since it was last listened to.
    pub(crate) async fn end(mut self) -> String {
        self.process.terminate();
        self.process.rest().await
    }
}

impl Haunted {
    /// A city with a truck and an app that may read it.
    pub(crate) async fn found() -> Self {
        let city = City::found("fujisawa").await;
        let (truck, app) = tokio::join!(
            Member::device(&city, "truck-17", "fujisawa/truck/17/#"),
            Member::reader(&city, "wall", TRUCKS)
        );
        holds_key(&app, AIR).await;
        Self { city, truck, app }
    }

    /// The truck publishes its first readings, each in an envelope of its own.
    pub(crate) async fn publish(&self, truck: &Member, count: i64) {
        let client = truck.connect().await;
        let air = client.publisher(AIR.parse().unwrap()).batch(Batch::single());
        let air = within("a publisher", air.start()).await.unwrap();
        for sample in samples(0..count) {
            air.publish(sample).await.unwrap();
        }
        within("an acknowledgement", air.flush()).await.unwrap();
        within("the truck's end", client.close()).await;
    }
}

/// What the app gets through the node that was taken over.
pub(crate) struct Seen {
    pub(crate) client: Client,
    pub(crate) subscription: Subscription,
}

impl Seen {
    pub(crate) async fn by(app: &Member) -> Self {
        let client = app.connect().await;
        let builder = client.subscribe(TRUCKS.parse().unwrap()).from(Start::Earliest);
        let subscription = within("a subscription", builder.start()).await.unwrap();
        Self { client, subscription }
    }

    pub(crate) async fn next(&mut self) -> Result<Delivery, SubscribeError> {
        within("a step", self.subscription.next()).await.expect("it goes on")
    }

    pub(crate) async fn message(&mut self) -> Message {
        match self.next().await {
            Ok(Delivery::Message(message)) => *message,
            other => panic!("wanted a message, found {other:?}"),
        }
    }

    /// The next readings, opened, bit for bit.
    pub(crate) async fn readings(&mut self, numbers: std::ops::Range<i64>) {
        for number in numbers {
            assert_eq!(self.message().await.samples().unwrap(), [sample(number)]);
        }
    }
}
