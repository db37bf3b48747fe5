//! A principal of one city at the door of another's node, on the other's topics.

use std::sync::Arc;

use sekisho::{Batch, Client, ClientOptions, Scope, Start};
use sekisho_e2e::{City, Member, Reader, holds_key, peer, permitted, sample, samples, within};

const STOPS: &str = "fujisawa/stop/#";
const STOP: &str = "fujisawa/stop/1";

/// At the host's door, with the host's root pinned.
async fn at(host: &City, guest: &Member) -> Client {
    let administrator = host.administrator();
    let (endpoint, trust) = (administrator.profile().endpoint(), administrator.profile().trust());
    let identity = Arc::clone(guest.identity());
    let connecting = Client::connect(endpoint, identity, trust, ClientOptions::default());
    within("a welcome by the host's node", connecting).await.unwrap()
}

/// Rights of the host's, for somebody of another city.
async fn granted(host: &City, who: &str, actions: &str) {
    host.run(&["grant", who, actions, STOPS, "--yes"]).await.succeeded();
}

#[tokio::test]
async fn a_guest_publishes_on_a_sealed_topic_of_its_host_and_is_read_in_both_cities() {
    let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    peer(&fujisawa, &santander, STOPS).await;
    let bus = Member::enrol(&santander, "bus-1", &[]).await;
    let board = Member::enrol(&santander, "board", &["--kind", "app"]).await;
    let wall = Member::reader(&fujisawa, "wall", STOPS).await;
    granted(&fujisawa, "board@santander", "subscribe,history,decrypt").await;
    holds_key(&wall, STOP).await;
    permitted(&santander, "board@santander", "subscribe", STOP).await;
    holds_key(&board, STOP).await;
    let mut here = Reader::start(&wall, STOPS, Start::Earliest).await;
    let mut there = Reader::start(&board, STOPS, Start::Earliest).await;

    let client = at(&fujisawa, &bus).await;
    let publisher = client.publisher(STOP.parse().unwrap()).batch(Batch::single());
    let publisher =
        within("a publisher", publisher.scope(Scope::Federation).start()).await.unwrap();
    publisher.publish(sample(-1)).await.unwrap();
    let refused = within("a refusal", publisher.flush()).await;
    assert!(refused.is_err(), "nothing lets it publish yet: {refused:?}");
    granted(&fujisawa, "bus-1@santander", "publish").await;
    permitted(&fujisawa, "bus-1@santander", "publish", STOP).await;
    for sample in samples(0..4) {
        publisher.publish(sample).await.unwrap();
    }
    within("everything stored", publisher.flush()).await.unwrap();
    assert_eq!(here.samples(4).await, samples(0..4));
    assert_eq!(there.samples(4).await, samples(0..4));
    client.close().await;
}
