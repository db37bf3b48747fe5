//! A truck of one city and whoever reads it in another.

use sekisho::{Batch, Client, Publisher, Sample, Scope, Start};
use sekisho_e2e::{City, Member, Reader, holds_key, permitted, within};

pub(crate) const TRUCKS: &str = "fujisawa/truck/#";
pub(crate) const AIR: &str = "fujisawa/truck/17/air";

/// A truck of fujisawa that publishes small envelopes.
pub(crate) struct Truck {
    _client: Client,
    pub(crate) air: Publisher,
}

impl Truck {
    pub(crate) async fn of(city: &City) -> Self {
        let truck = Member::device(city, "truck-17", "fujisawa/truck/17/#").await;
        let client = truck.connect().await;
        let batch = Batch { samples: 3, ..Batch::default() };
        let builder = client.publisher(AIR.parse().unwrap()).scope(Scope::Federation).batch(batch);
        let air = within("a publisher", builder.start()).await.unwrap();
        Self { _client: client, air }
    }

    /// Publishes, and waits until all of it is acknowledged at home.
    pub(crate) async fn publish(&self, samples: Vec<Sample>) {
        let before = self.air.state().samples_accepted;
        let wanted = before + samples.len() as u64;
        for sample in samples {
            self.air.publish(sample).await.unwrap();
        }
        self.air.flush().await.unwrap();
        let reached = self.air.wait_until(|state| state.samples_accepted >= wanted);
        within("acknowledgements at home", reached).await.unwrap();
    }
}

/// Somebody of another city who may read the trucks of fujisawa, and has the keys.
pub(crate) async fn reader(home: &City, city: &City, name: &str) -> Member {
    let member = Member::enrol(city, name, &["--kind", "app"]).await;
    let grantee = format!("*@{}", city.name());
    let grant = ["grant", &grantee, "subscribe,history,decrypt", TRUCKS, "--yes"];
    home.run(&grant).await.succeeded();
    permitted(city, member.name().as_str(), "subscribe", AIR).await;
    holds_key(&member, AIR).await;
    member
}

/// Reads all that is there and comes, in its order.
pub(crate) async fn reading(member: &Member) -> Reader {
    Reader::start(member, TRUCKS, Start::Earliest).await
}
