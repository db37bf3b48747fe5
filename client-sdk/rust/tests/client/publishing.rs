//! Publishing: everything arrives once and in order, and what cannot arrive is told.

use std::time::Duration;

use sekisho::{
    Batch, ContentType, Phase, PublishError, QueryError, RefusalCode, Sample, SampleValue, Value,
};
use sekisho_proto::{Envelope, KeyHeader, SampleBatch, Suite};
use sekisho_seal::{EpochKeyPair, Opener, VerifyingKey, verify, verify_key_header};

use crate::{
    node::{Node, Scripted, Step, Vice},
    world::{World, sample, samples},
};

/// What a reader with these keys makes of the node's log.
pub(crate) fn open_all(node: &Node, world: &World, keys: &EpochKeyPair) -> Vec<Sample> {
    let truck = VerifyingKey::parse(&world.truck.public_key()).unwrap();
    let log = node.seen().log.clone();
    let opened = log.into_iter().flat_map(|step| {
        let Step::Record(stored) = step else { return Vec::new() };
        let envelope = Envelope::decode(stored.envelope).unwrap();
        let verified = verify(envelope, &truck).unwrap();
        let key_header = KeyHeader::decode(stored.key_header.unwrap()).unwrap();
        let key_header = verify_key_header(key_header, &truck).unwrap();
        let body = Opener::new(&key_header, keys).unwrap().open(&verified).unwrap();
        SampleBatch::decode(&body).unwrap().samples()
    });
    opened.collect()
}

#[tokio::test]
async fn samples_arrive_sealed_signed_and_bit_for_bit() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    let publisher = client.publisher(world.topic()).start().await.unwrap();
    for sample in samples(0..500) {
        publisher.publish(sample).await.unwrap();
    }
    publisher.flush().await.unwrap();
    assert_eq!(open_all(&node, &world, &world.epoch_keys(1)), samples(0..500));
    let state = publisher.state();
    assert_eq!((state.samples_kept, state.samples_accepted), (500, 500));
    assert_eq!((state.queued, state.in_flight, state.envelopes_lost), (0, 0, 0));
    let envelopes = node.envelopes();
    assert!(envelopes.len() >= 500 / 64, "{}", envelopes.len());
    for (number, envelope) in envelopes.iter().enumerate() {
        assert_eq!(envelope.header().sequence.value(), number as u64);
        assert_ne!(envelope.header().suite, Suite::Open);
    }
    client.close().await;
    assert_eq!(publisher.state().phase, Phase::Closed);
    assert!(matches!(publisher.publish(sample(0)).await, Err(PublishError::Closed)));
}

#[tokio::test]
async fn a_lone_sample_leaves_when_the_interval_is_over() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    let publisher = client.publisher(world.topic()).start().await.unwrap();
    publisher.publish(sample(1)).await.unwrap();
    publisher.wait_until(|state| state.samples_accepted == 1).await.unwrap();
    assert_eq!(open_all(&node, &world, &world.epoch_keys(1)), [sample(1)]);
}

#[tokio::test]
async fn a_body_of_another_kind_is_one_envelope_of_its_own() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    let publisher = client.publisher(world.topic()).start().await.unwrap();
    let kind = ContentType::parse("image/jpeg").unwrap();
    publisher.publish(sample(1)).await.unwrap();
    publisher.publish_body(kind.clone(), vec![0xff, 0xd8]).await.unwrap();
    publisher.flush().await.unwrap();
    let kinds: Vec<ContentType> =
        node.envelopes().iter().map(|envelope| envelope.header().content_type.clone()).collect();
    assert_eq!(kinds, [ContentType::samples(), kind]);
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_the_connection_breaks_before_the_answers() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    let publisher = client.publisher(world.topic()).batch(Batch::single()).start().await.unwrap();
    for round in 0..5 {
        node.script().hang_up_after = Some(3);
        for sample in samples(round * 20..round * 20 + 20) {
            publisher.publish(sample).await.unwrap();
        }
        publisher.flush().await.unwrap();
    }
    assert_eq!(open_all(&node, &world, &world.epoch_keys(1)), samples(0..100));
    assert_eq!(publisher.state().samples_accepted, 100);
    assert!(node.seen().connections > 5, "{}", node.seen().connections);
    assert_eq!(node.seen().replayed, 0, "the node was asked where it is");
}

#[tokio::test]
async fn a_duplicate_that_the_node_refuses_counts_as_accepted() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    let publisher = client.publisher(world.topic()).batch(Batch::single()).start().await.unwrap();
    node.script().vices.insert(Vice::ForgetsHeads);
    node.script().hang_up_after = Some(0);
    publisher.publish(sample(0)).await.unwrap();
    publisher.publish(sample(1)).await.unwrap();
    publisher.flush().await.unwrap();
    assert_eq!(node.seen().replayed, 1);
    assert_eq!(open_all(&node, &world, &world.epoch_keys(1)), samples(0..2));
    assert_eq!(publisher.state().samples_accepted, 2);
}

#[tokio::test]
async fn a_refusal_that_passes_is_waited_for() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    let publisher = client.publisher(world.topic()).batch(Batch::single()).start().await.unwrap();
    for code in [RefusalCode::StorageFull, RefusalCode::RateLimited, RefusalCode::ClockAhead] {
        node.script().refuse.push_back(Scripted { code, times: 1 });
    }
    for sample in samples(0..30) {
        publisher.publish(sample).await.unwrap();
    }
    publisher.flush().await.unwrap();
    assert_eq!(open_all(&node, &world, &world.epoch_keys(1)), samples(0..30));
    assert_eq!(publisher.state().envelopes_lost, 0);
}

#[tokio::test]
async fn a_refusal_for_good_is_told_and_counted_and_the_next_boot_goes_on() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    let publisher = client.publisher(world.topic()).batch(Batch::single()).start().await.unwrap();
    let boot = publisher.state().boot;
    node.script().refuse.push_back(Scripted { code: RefusalCode::NotPermitted, times: 1 });
    publisher.publish(sample(0)).await.unwrap();
    let refused = publisher.flush().await.unwrap_err();
    let PublishError::Lost(lost) = refused else { panic!("wanted a loss, found {refused}") };
    assert_eq!((lost.boot, lost.envelopes, lost.samples), (boot, 1, 1));
    assert_eq!(lost.refusal.code, RefusalCode::NotPermitted);
    publisher.publish(sample(1)).await.unwrap();
    publisher.flush().await.unwrap();
    assert_eq!(open_all(&node, &world, &world.epoch_keys(1)), [sample(1)]);
    let state = publisher.state();
    assert_ne!(state.boot, boot);
    assert_eq!((state.samples_lost, state.samples_accepted), (1, 1));
    assert_eq!(state.last_lost, Some(lost));
}

#[tokio::test]
async fn a_new_epoch_is_sealed_to_as_soon_as_it_is_known() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    let publisher = client.publisher(world.topic()).start().await.unwrap();
    publisher.publish(sample(0)).await.unwrap();
    publisher.flush().await.unwrap();
    node.script().epoch = world.proof_of_epoch(2);
    node.hang_up();
    node.until(|seen| seen.connections == 2).await;
    let mut number = 1;
    while node.envelopes().last().unwrap().header().epoch.value() < 2 {
        publisher.publish(sample(number)).await.unwrap();
        publisher.flush().await.unwrap();
        number += 1;
    }
    let truck = VerifyingKey::parse(&world.truck.public_key()).unwrap();
    let log = node.seen().log.clone();
    let Some(Step::Record(stored)) = log.last() else { panic!("wanted a record") };
    let envelope = verify(Envelope::decode(stored.envelope.clone()).unwrap(), &truck).unwrap();
    let key_header = KeyHeader::decode(stored.key_header.clone().unwrap()).unwrap();
    let key_header = verify_key_header(key_header, &truck).unwrap();
    Opener::new(&key_header, &world.epoch_keys(2)).unwrap().open(&envelope).unwrap();
    Opener::new(&key_header, &world.epoch_keys(1)).unwrap_err();
}

#[tokio::test]
async fn an_epoch_that_no_steward_announced_is_not_sealed_to() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let stranger = World::new("fujisawa", 9000);
    let forged =
        world.announce(1, &world.epoch_keys(7), stranger.steward.signing()).encode().into();
    node.script().epoch = vec![forged];
    let client = node.client(&world.truck, &world).await;
    let refused = client.publisher(world.topic()).start().await.unwrap_err();
    assert!(matches!(refused, PublishError::Unprotected { .. }), "{refused}");
    node.script().epoch = stranger.proof_of_epoch(1);
    let refused = client.publisher(world.topic()).start().await.unwrap_err();
    assert!(matches!(refused, PublishError::Unprotected { .. }), "{refused}");
}

#[tokio::test]
async fn a_topic_the_node_does_not_tell_about_is_refused_by_name() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    node.script().epoch = Vec::new();
    let client = node.client(&world.truck, &world).await;
    let refused = client.publisher(world.topic()).start().await.unwrap_err();
    assert!(matches!(refused, PublishError::Query(QueryError::Refused(_))), "{refused}");
}

#[tokio::test]
async fn a_node_that_is_busy_is_asked_again_how_a_topic_is_protected() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    node.script().vices.insert(Vice::AnswersAtSecondAsking);
    let client = node.client(&world.truck, &world).await;
    let publisher = client.publisher(world.topic()).start().await.unwrap();
    publisher.publish(sample(0)).await.unwrap();
    publisher.flush().await.unwrap();
    assert_eq!(open_all(&node, &world, &world.epoch_keys(1)), samples(0..1));
}

#[tokio::test]
async fn a_sample_that_fits_into_no_envelope_is_left_out_and_told() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    let publisher = client.publisher(world.topic()).start().await.unwrap();
    // The node takes envelopes of 4 KiB.
    publisher.wait_until(|state| state.phase == Phase::Connected).await.unwrap();
    let value = SampleValue {
        transducer: "photo".parse().unwrap(),
        unit: "".parse().unwrap(),
        value: Value::Blob(vec![7; 10_000]),
    };
    publisher.publish(sample(0)).await.unwrap();
    publisher.publish(Sample { values: vec![value], ..sample(1) }).await.unwrap();
    publisher.publish(sample(2)).await.unwrap();
    let left_out = publisher.flush().await.unwrap_err();
    assert!(matches!(left_out, PublishError::Unencodable(_)), "{left_out}");
    assert_eq!(publisher.state().samples_left_out, 1);
    assert_eq!(open_all(&node, &world, &world.epoch_keys(1)), [sample(0), sample(2)]);
}

#[tokio::test]
async fn several_publishers_share_a_narrow_window() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    node.script().inflight_max = 2;
    let client = node.client(&world.truck, &world).await;
    let mut publishers = Vec::new();
    for truck in 0..4 {
        let topic = format!("fujisawa/trucks/{truck}/air").parse().unwrap();
        let builder = client.publisher(topic).batch(Batch::single());
        publishers.push(builder.start().await.unwrap());
    }
    for number in 0..50 {
        for publisher in &publishers {
            publisher.publish(sample(number)).await.unwrap();
        }
    }
    for publisher in &publishers {
        publisher.flush().await.unwrap();
        assert_eq!(publisher.state().samples_accepted, 50);
    }
    assert_eq!(node.envelopes().len(), 200);
}

#[tokio::test]
async fn without_a_spool_a_lost_node_makes_the_publisher_wait_and_not_grow() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    let builder = client.publisher(world.topic()).batch(Batch::single()).queue_bytes(8 * 1024);
    let publisher = builder.start().await.unwrap();
    let address = node.stop().await;
    let mut handed_over = 0;
    let blocked = async {
        loop {
            publisher.publish(sample(handed_over)).await.unwrap();
            handed_over += 1;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), blocked).await.unwrap_err();
    assert!(handed_over < 2000, "{handed_over}");
    assert!(publisher.state().queued < 300, "{}", publisher.state().queued);
    let node = Node::start_at(&world, address).await;
    publisher.flush().await.unwrap();
    assert_eq!(open_all(&node, &world, &world.epoch_keys(1)), samples(0..handed_over));
}
