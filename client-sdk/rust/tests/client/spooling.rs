//! The spool: what was handed over outlives connections, nodes and processes.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::Path,
    sync::Arc,
};

use sekisho::{Batch, Client, Endpoint, Phase, PublishError, Publisher, SpoolError};

use crate::{
    node::{Node, Scripted, options},
    publishing::open_all,
    world::{World, sample, samples},
};

async fn spooled(client: &Client, world: &World, spool: &Path) -> Publisher {
    let builder = client.publisher(world.topic()).batch(Batch::single()).spool(spool);
    builder.start().await.unwrap()
}

/// An address nobody listens on.
fn nowhere() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.local_addr().unwrap()
}

/// A client whose node is not there yet.
fn offline(world: &World, address: SocketAddr) -> Client {
    let endpoint = Endpoint {
        address: address.to_string(),
        node_key: world.node.public_key(),
        organisation: world.organisation.clone(),
    };
    Client::start(endpoint, Arc::clone(&world.truck), world.trust(), options()).unwrap()
}

#[tokio::test]
async fn a_broken_connection_in_the_middle_loses_and_doubles_nothing() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let spool = tempfile::tempdir().unwrap();
    let client = node.client(&world.truck, &world).await;
    let publisher = spooled(&client, &world, &spool.path().join("air")).await;
    node.script().hang_up_after = Some(7);
    for sample in samples(0..40) {
        publisher.publish(sample).await.unwrap();
    }
    publisher.flush().await.unwrap();
    assert_eq!(open_all(&node, &world, &world.epoch_keys(1)), samples(0..40));
    assert_eq!(node.seen().connections, 2);
    assert_eq!(publisher.state().samples_accepted, 40);
}

#[tokio::test]
async fn what_an_earlier_run_left_is_published_first_and_once() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("air");

    // A run that gets some of its envelopes through, and then loses the node.
    let client = node.client(&world.truck, &world).await;
    let publisher = spooled(&client, &world, &spool).await;
    for sample in samples(0..10) {
        publisher.publish(sample).await.unwrap();
    }
    publisher.flush().await.unwrap();
    node.script().hang_up_after = Some(0);
    for sample in samples(10..20) {
        publisher.publish(sample).await.unwrap();
    }
    publisher.persist().await.unwrap();
    client.close().await;
    drop(publisher);
    let before = node.envelopes();

    // The next run adds its own.
    let client = node.client(&world.truck, &world).await;
    let publisher = spooled(&client, &world, &spool).await;
    for sample in samples(20..30) {
        publisher.publish(sample).await.unwrap();
    }
    publisher.flush().await.unwrap();
    assert_eq!(open_all(&node, &world, &world.epoch_keys(1)), samples(0..30));
    let after = node.envelopes();
    assert_eq!(after[..before.len()], before);
    let boots: Vec<_> = after.iter().map(|envelope| envelope.header().boot).collect();
    assert!(boots[..20].iter().all(|boot| *boot == boots[0]));
    assert!(boots[20..].iter().all(|boot| *boot == boots[20] && *boot != boots[0]));
}

/// A stop does not wait for what was handed over to be in the spool: the publisher does.
#[tokio::test]
async fn what_was_handed_over_before_a_stop_is_in_the_spool() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("air");
    let client = node.client(&world.truck, &world).await;
    let publisher = spooled(&client, &world, &spool).await;
    for sample in samples(0..500) {
        publisher.publish(sample).await.unwrap();
    }
    client.close().await;
    drop(publisher);

    let client = node.client(&world.truck, &world).await;
    let publisher = spooled(&client, &world, &spool).await;
    publisher.flush().await.unwrap();
    assert_eq!(open_all(&node, &world, &world.epoch_keys(1)), samples(0..500));
}

/// Who has the seed of an earlier epoch, and was shut out of the newest, is not to be let in again.
#[tokio::test]
async fn a_node_that_leaves_out_the_newest_epoch_makes_no_later_run_forget_it() {
    let world = World::fujisawa();
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("air");
    let node = Node::start(&world).await;
    for epoch in [2, 1] {
        node.script().epoch = world.proof_of_epoch(epoch);
        let client = node.client(&world.truck, &world).await;
        drop(spooled(&client, &world, &spool).await);
        client.close().await;
    }
    let client = node.client(&world.truck, &world).await;
    let publisher = spooled(&client, &world, &spool).await;
    for sample in samples(0..10) {
        publisher.publish(sample).await.unwrap();
    }
    publisher.flush().await.unwrap();
    assert_eq!(open_all(&node, &world, &world.epoch_keys(2)), samples(0..10));
}

#[tokio::test]
async fn a_run_without_a_node_seals_by_what_an_earlier_one_was_told() {
    let world = World::fujisawa();
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("air");
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    drop(spooled(&client, &world, &spool).await);
    client.close().await;
    let address = node.stop().await;

    // In the tunnel.
    let client = offline(&world, address);
    let publisher = spooled(&client, &world, &spool).await;
    for sample in samples(0..10) {
        publisher.publish(sample).await.unwrap();
    }
    publisher.persist().await.unwrap();
    let state = publisher.state();
    assert_eq!((state.phase, state.samples_kept), (Phase::Disconnected, 10));

    // Out of it, in the same run.
    let node = Node::start_at(&world, address).await;
    publisher.flush().await.unwrap();
    assert_eq!(open_all(&node, &world, &world.epoch_keys(1)), samples(0..10));
    assert_eq!(publisher.state().phase, Phase::Connected);
}

#[tokio::test]
async fn the_spool_is_not_filled_with_what_the_node_has() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("air");
    for run in 0..3 {
        let client = node.client(&world.truck, &world).await;
        let publisher = spooled(&client, &world, &spool).await;
        let before = publisher.state();
        assert_eq!(before.queued, 0, "run {run}");
        for sample in samples(0..600) {
            publisher.publish(sample).await.unwrap();
        }
        publisher.flush().await.unwrap();
        client.close().await;
    }
    assert_eq!(node.envelopes().len(), 1800);
    assert_eq!(node.seen().publishes, 1800, "nothing was sent twice");
}

#[tokio::test]
async fn a_refused_envelope_leaves_the_spool_and_is_counted() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("air");
    let client = node.client(&world.truck, &world).await;
    let publisher = spooled(&client, &world, &spool).await;
    let code = sekisho::RefusalCode::EpochRetired;
    node.script().refuse.push_back(Scripted { code, times: 1 });
    publisher.publish(sample(0)).await.unwrap();
    let refused = publisher.flush().await.unwrap_err();
    assert!(matches!(&refused, PublishError::Lost(lost) if lost.refusal.code == code), "{refused}");
    client.close().await;

    let client = node.client(&world.truck, &world).await;
    let publisher = spooled(&client, &world, &spool).await;
    publisher.publish(sample(1)).await.unwrap();
    publisher.flush().await.unwrap();
    assert_eq!(open_all(&node, &world, &world.epoch_keys(1)), [sample(1)]);
}

#[tokio::test]
async fn what_is_damaged_in_the_spool_is_counted_and_told_and_the_rest_goes_on() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("air");
    let client = node.client(&world.truck, &world).await;
    drop(spooled(&client, &world, &spool).await);
    client.close().await;
    for (first, count) in [(0, 4), (10, 3)] {
        let client = offline(&world, nowhere());
        let publisher = spooled(&client, &world, &spool).await;
        for sample in samples(first..first + count) {
            publisher.publish(sample).await.unwrap();
        }
        publisher.persist().await.unwrap();
        client.close().await;
    }
    damage_first_envelope(&spool);

    let client = node.client(&world.truck, &world).await;
    let publisher = spooled(&client, &world, &spool).await;
    publisher.publish(sample(20)).await.unwrap();
    let told = publisher.flush().await.unwrap_err();
    assert!(matches!(told, PublishError::Damaged { .. } | PublishError::Lost(_)), "{told}");
    let state = publisher.state();
    assert_eq!((state.envelopes_lost, state.samples_lost, state.queued), (4, 4, 0));
    assert_eq!(
        open_all(&node, &world, &world.epoch_keys(1)),
        [samples(10..13), samples(20..21)].concat()
    );
}

/// Turns a byte over in the middle of the first envelope of a spool.
fn damage_first_envelope(spool: &Path) {
    let mut folders = vec![spool.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for found in std::fs::read_dir(folder).unwrap() {
            let path = found.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "segment") {
                let mut bytes = std::fs::read(&path).unwrap();
                bytes[300] ^= 1;
                std::fs::write(&path, bytes).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_spool_of_another_topic_or_in_use_is_refused_by_name() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("air");
    let client = node.client(&world.truck, &world).await;
    let publisher = spooled(&client, &world, &spool).await;
    let in_use = client.publisher(world.topic()).spool(&spool).start().await.unwrap_err();
    let PublishError::Spool(in_use) = in_use else { panic!("wanted a spool error") };
    assert!(matches!(*in_use, SpoolError::Open { .. }), "{in_use}");
    client.close().await;
    drop(publisher);

    let client = node.client(&world.truck, &world).await;
    let other = "fujisawa/trucks/18/air".parse().unwrap();
    let foreign = client.publisher(other).spool(&spool).start().await.unwrap_err();
    let PublishError::Spool(foreign) = foreign else { panic!("wanted a spool error") };
    assert!(matches!(*foreign, SpoolError::Foreign { .. }), "{foreign}");
}

#[tokio::test]
async fn nothing_that_was_measured_can_be_read_in_the_spool() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("air");
    let client = node.client(&world.truck, &world).await;
    drop(spooled(&client, &world, &spool).await);
    client.close().await;
    node.stop().await;
    let client = offline(&world, nowhere());
    let publisher = spooled(&client, &world, &spool).await;
    let kind = sekisho::ContentType::parse("text/plain").unwrap();
    let secret = b"the driver is at home";
    publisher.publish_body(kind, secret.as_slice()).await.unwrap();
    publisher.persist().await.unwrap();
    client.close().await;
    let mut folders = vec![spool];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for found in std::fs::read_dir(folder).unwrap() {
            let path = found.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            let plain = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!plain, "{}", path.display());
        }
    }
    assert!(files > 1, "{files}");
}
