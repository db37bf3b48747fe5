//! The control log that a node shows: believed where it goes on from what was believed before, and
//! refused by name where it does not.

use std::{error::Error as _, fs, path::Path, sync::Arc, time::Duration};

use sekisho::{
    BodyError, Client, ClientOptions, ConnectError, Delivery, Start, StatementIndex,
    SubscribeError, TrustError, WITNESSES_FILE,
};
use sekisho_proto::{LogName, PrincipalKind};
use sekisho_tlog::{NoteKey, NoteKeyKind, TlogPolicy, WitnessError};

use crate::{
    node::{Node, Vice, options},
    world::{World, encoded, identity, sample},
};

async fn connect(node: &Node, world: &World, options: ClientOptions) -> Result<Client, TrustError> {
    let connecting =
        Client::connect(node.endpoint(), Arc::clone(&world.truck), world.trust(), options);
    match connecting.await {
        Ok(client) => Ok(client),
        Err(ConnectError::Trust { source, .. }) => Err(*source),
        Err(other) => panic!("wanted a client or a log that is not trusted, found {other:?}"),
    }
}

/// Connects with what is kept in a folder, and ends.
async fn visit(node: &Node, world: &World, folder: &Path) -> Result<(), TrustError> {
    let client = connect(node, world, options().trust_folder(folder)).await?;
    client.close().await;
    Ok(())
}

/// Statements that are in no log yet.
fn statements(world: &World, seeds: std::ops::Range<u64>) -> Vec<bytes::Bytes> {
    let state =
        |seed| world.principal_statement("park-1", PrincipalKind::Device, &identity(seed + 5000));
    encoded(&seeds.map(state).collect::<Vec<_>>())
}

fn grow(node: &Node, world: &World, seeds: std::ops::Range<u64>) {
    for statement in statements(world, seeds) {
        node.script().own_log().hold(&statement);
    }
}

fn kept(folder: &Path) -> String {
    fs::read_to_string(folder.join("checkpoints/fujisawa.control.note")).unwrap()
}

#[tokio::test]
async fn what_is_trusted_of_a_log_outlives_the_client_and_goes_on_with_it() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let folder = tempfile::tempdir().unwrap();
    for round in 0..5 {
        grow(&node, &world, round * 3..round * 3 + 3);
        visit(&node, &world, folder.path()).await.unwrap();
        let size = (round + 1) * 3;
        assert!(kept(folder.path()).contains(&format!("control\n{size}\n")));
    }
    let before = kept(folder.path());
    visit(&node, &world, folder.path()).await.unwrap();
    assert_eq!(kept(folder.path()), before, "nothing new, nothing written");
}

/// N-46: rollback.
#[tokio::test]
async fn a_log_that_was_rolled_back_is_refused_by_name() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let folder = tempfile::tempdir().unwrap();
    grow(&node, &world, 0..3);
    let old = node.script().own_log().checkpoint(0);
    visit(&node, &world, folder.path()).await.unwrap();
    grow(&node, &world, 3..5);
    visit(&node, &world, folder.path()).await.unwrap();
    node.script().own_log().shown = Some(old);
    let refused = visit(&node, &world, folder.path()).await.unwrap_err();
    let TrustError::Rewritten { log, source } = &refused else { panic!("{refused:?}") };
    assert_eq!(*log, LogName::Control(world.organisation.clone()));
    assert!(
        matches!(**source, WitnessError::RolledBack { known: 5, found: 3, .. }),
        "wanted a log rolled back from 5 to 3, found {source}"
    );
    // What was trusted stays what it was, and an honest node is taken again.
    assert!(kept(folder.path()).contains("control\n5\n"));
    node.script().own_log().shown = None;
    visit(&node, &world, folder.path()).await.unwrap();
}

/// N-46: fork.
#[tokio::test]
async fn two_roots_for_one_size_are_a_fork_and_refused_by_name() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let folder = tempfile::tempdir().unwrap();
    grow(&node, &world, 0..4);
    visit(&node, &world, folder.path()).await.unwrap();
    let other = node.script().own_log().branch(&statements(&world, 10..14));
    node.script().own_log().shown = Some(other.checkpoint(4));
    let refused = visit(&node, &world, folder.path()).await.unwrap_err();
    let source = refused.source().unwrap().to_string();
    assert!(refused.is_rewritten() && source.contains("was forked"), "{refused}: {source}");
}

#[tokio::test]
async fn a_longer_log_that_does_not_begin_with_the_one_known_is_refused_by_name() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let folder = tempfile::tempdir().unwrap();
    grow(&node, &world, 0..4);
    visit(&node, &world, folder.path()).await.unwrap();
    let other = node.script().own_log().branch(&statements(&world, 10..17));
    for consistency in [other.checkpoint(4).1, Vec::new()] {
        node.script().own_log().shown = Some((other.checkpoint(4).0, consistency));
        let refused = visit(&node, &world, folder.path()).await.unwrap_err();
        let TrustError::Rewritten { source, .. } = &refused else { panic!("{refused:?}") };
        assert!(
            matches!(**source, WitnessError::Inconsistent { known: 4, found: 7, .. }),
            "{source}"
        );
    }
}

/// N-46: freeze.
#[tokio::test]
async fn a_log_that_is_shown_as_it_was_a_quarter_of_an_hour_ago_is_frozen() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    node.script().own_log().age = Duration::from_secs(14 * 60);
    connect(&node, &world, options()).await.unwrap();
    node.script().own_log().age = Duration::from_secs(16 * 60);
    let refused = connect(&node, &world, options()).await.unwrap_err();
    assert!(matches!(refused, TrustError::Frozen { .. }), "{refused}");
}

#[tokio::test]
async fn a_checkpoint_of_another_key_another_log_or_nobody_is_refused() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    grow(&node, &world, 0..4);
    let honest = node.script().own_log().checkpoint(0).0;
    let impostor = World::new("fujisawa", 9000);
    let stranger = World::new("santander", 1000);
    let by = |world: &World| {
        let log = crate::node::ControlLog::new(&world.organisation, &world.node);
        log.checkpoint(0).0
    };
    let undated: String = honest.lines().take(5).map(|line| format!("{line}\n")).collect();
    let altered = honest.replacen("control\n4\n", "control\n5\n", 1);
    for wrong in [by(&impostor), by(&stranger), altered, undated, "no note".to_owned()] {
        node.script().own_log().shown = Some((wrong.clone(), Vec::new()));
        let refused = connect(&node, &world, options()).await.unwrap_err();
        assert!(
            matches!(refused, TrustError::Checkpoint { .. } | TrustError::Undated { .. }),
            "{refused:?} of {wrong}"
        );
    }
}

#[tokio::test]
async fn a_node_that_does_not_say_what_its_log_holds_is_refused() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    node.script().vices.insert(Vice::HidesItsLog);
    let refused = connect(&node, &world, options()).await.unwrap_err();
    assert!(matches!(refused, TrustError::NoCheckpoint { .. }), "{refused}");
}

#[tokio::test]
async fn a_log_that_is_rewritten_under_a_living_connection_ends_it() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    grow(&node, &world, 0..4);
    let options = options().checkpoint_every(Duration::from_millis(10));
    let client = connect(&node, &world, options).await.unwrap();
    let other = node.script().own_log().branch(&statements(&world, 10..14));
    node.script().own_log().shown = Some(other.checkpoint(4));
    let barred = client.barred().await;
    let ConnectError::Trust { source, .. } = &barred else { panic!("{barred:?}") };
    assert!(source.is_rewritten(), "{source}");
    assert!(!client.is_connected());
}

#[tokio::test]
async fn a_client_without_a_folder_remembers_while_it_lives() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    grow(&node, &world, 0..4);
    let old = node.script().own_log().checkpoint(0);
    grow(&node, &world, 4..6);
    let client = connect(&node, &world, options()).await.unwrap();
    node.script().own_log().shown = Some(old.clone());
    node.hang_up();
    let barred = client.barred().await;
    assert!(matches!(barred, ConnectError::Trust { .. }), "{barred}");
    // Somebody who was never here cannot know.
    connect(&node, &world, options()).await.unwrap();
}

#[tokio::test]
async fn a_damaged_memory_of_what_was_trusted_is_not_taken_for_none() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let folder = tempfile::tempdir().unwrap();
    grow(&node, &world, 0..4);
    visit(&node, &world, folder.path()).await.unwrap();
    let path = folder.path().join("checkpoints/fujisawa.control.note");
    for wrong in ["", "sekisho/fujisawa/control\n", "a\nb\n\n— a AAAAAAA=\n"] {
        fs::write(&path, wrong).unwrap();
        let refused = visit(&node, &world, folder.path()).await.unwrap_err();
        assert!(matches!(refused, TrustError::Damaged { .. }), "{refused:?} of {wrong:?}");
    }
}

#[tokio::test]
async fn a_memory_that_cannot_be_kept_keeps_the_client_from_acting_on_what_is_new() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let folder = tempfile::tempdir().unwrap();
    // A file where the folder would be.
    fs::write(folder.path().join("checkpoints"), "").unwrap();
    let refused = visit(&node, &world, folder.path()).await.unwrap_err();
    assert!(matches!(refused, TrustError::Kept { .. }), "{refused:?}");
}

/// N-46: missing witnesses.
#[tokio::test]
async fn a_checkpoint_without_its_quorum_of_witnesses_is_refused() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let peers =
        [World::new("santander", 2000), World::new("kyoto", 3000), World::new("turin", 4000)];
    let witness = |peer: &World| {
        let name = format!("sekisho/{}/node", peer.organisation);
        let key = NoteKey::new(name, NoteKeyKind::Cosigner, peer.node.public_key()).unwrap();
        (peer.organisation.to_string(), key)
    };
    let log = NoteKey::new("sekisho/fujisawa/control", NoteKeyKind::Log, world.node.public_key());
    let policy = TlogPolicy::of(log.unwrap(), peers.iter().map(witness), 2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(WITNESSES_FILE), policy.encode()).unwrap();
    for (count, peer) in peers.iter().enumerate() {
        let visited = visit(&node, &world, folder.path()).await;
        assert_eq!(visited.is_ok(), count >= 2, "with {count} witnesses: {visited:?}");
        if let Err(refused) = visited {
            let cause = refused.source().unwrap().to_string();
            assert!(matches!(refused, TrustError::Quorum { .. }), "{refused:?}");
            assert!(cause.contains("2 of santander, kyoto, turin"), "{cause}");
        }
        let key = (peer.organisation.clone(), peer.node.clone());
        node.script().own_log().witnesses.push(key);
    }
    // A witness's name with somebody else's signature.
    node.script().own_log().witnesses.truncate(1);
    node.script().own_log().witnesses.push(("kyoto".parse().unwrap(), world.node.clone()));
    let refused = visit(&node, &world, folder.path()).await.unwrap_err();
    assert!(matches!(refused, TrustError::Quorum { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_policy_that_is_none_is_refused_before_anybody_is_dialled() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(WITNESSES_FILE), "quorum everybody\n").unwrap();
    let refused = visit(&node, &world, folder.path()).await.unwrap_err();
    assert!(matches!(refused, TrustError::Policy { .. }), "{refused:?}");
    assert_eq!(node.seen().connections, 0);
}

#[tokio::test]
async fn a_key_that_was_given_in_secret_is_not_used() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    let publisher = client.publisher(world.topic()).start().await.unwrap();
    publisher.publish(sample(0)).await.unwrap();
    publisher.flush().await.unwrap();
    node.script().vices.insert(Vice::ReleasesKeysInSecret);
    let reader = node.client(&world.dashboard, &world).await;
    let mut readings = reader.subscribe(world.tree()).from(Start::Earliest).start().await.unwrap();
    let Some(Ok(Delivery::Message(message))) = readings.next().await else { panic!("a message") };
    let closed = message.samples().unwrap_err();
    let BodyError::NotLogged(why) = &closed else { panic!("wanted no key, found {closed:?}") };
    assert!(matches!(**why, TrustError::NotIncluded { .. }), "{why}");
    // Once it is logged for everybody to see, the same key opens the same record.
    node.script().vices.clear();
    let reader = node.client(&world.dashboard, &world).await;
    let mut readings = reader.subscribe(world.tree()).from(Start::Earliest).start().await.unwrap();
    let Some(Ok(Delivery::Message(message))) = readings.next().await else { panic!("a message") };
    assert_eq!(message.samples().unwrap(), [sample(0)]);
}

/// What comes of a log that is told as `told` and signed as `signed`.
async fn followed(
    world: &World,
    (told, signed): (&[bytes::Bytes], &[bytes::Bytes]),
) -> (usize, TrustError) {
    let node = Node::start(world).await;
    node.script().statements = told.to_vec();
    for statement in signed {
        node.script().own_log().hold(statement);
    }
    let options = options().checkpoint_every(Duration::from_millis(50));
    let client = connect(&node, world, options).await.unwrap();
    let mut log = client.follow(world.organisation.clone(), StatementIndex::ZERO);
    let mut count = 0;
    loop {
        match log.next().await {
            Ok(part) => count += part.len(),
            Err(SubscribeError::Untrusted(why)) => return (count, (*why).clone()),
            Err(other) => panic!("wanted a log that is not trusted, found {other:?}"),
        }
    }
}

#[tokio::test]
async fn statements_that_are_told_must_be_those_that_are_signed_for() {
    let world = World::fujisawa();
    let (ours, theirs) = (statements(&world, 0..3), statements(&world, 10..13));
    let mixed = [&ours[..2], &theirs[2..]].concat();
    let (count, why) = followed(&world, (&mixed, &ours)).await;
    assert!(count == 2 && why.is_rewritten(), "{count}: {why:?}");
    let (count, why) = followed(&world, (&ours, &ours[..2])).await;
    assert!(
        count == 2 && matches!(why, TrustError::NotSigned { wanted: 3, found: 2, .. }),
        "{count}: {why:?}"
    );
}

#[tokio::test]
async fn a_log_that_is_told_right_after_all_is_followed_on() {
    let world = World::fujisawa();
    let (ours, theirs) = (statements(&world, 0..3), statements(&world, 10..13));
    let garbage = bytes::Bytes::from_static(b"\x0a");
    let node = Node::start(&world).await;
    node.script().statements = vec![ours[0].clone(), garbage];
    for statement in &ours {
        node.script().own_log().hold(statement);
    }
    let client = connect(&node, &world, options()).await.unwrap();
    let mut log = client.follow(world.organisation.clone(), StatementIndex::ZERO);
    let first = log.next().await.unwrap();
    assert_eq!(first.iter().map(|followed| followed.index.value()).collect::<Vec<_>>(), [0]);
    // Garbage counts for nothing, however often it comes.
    let waiting = tokio::time::timeout(Duration::from_millis(300), log.next()).await;
    assert!(waiting.is_err(), "{waiting:?}");
    node.script().statements = [&ours[..2], &theirs[2..]].concat();
    let untrusted = loop {
        match log.next().await {
            Ok(_part) => {}
            Err(cause) => break cause,
        }
    };
    assert!(matches!(untrusted, SubscribeError::Untrusted(_)), "{untrusted:?}");
    node.script().statements = ours.clone();
    let mut indices = Vec::new();
    while indices.last() != Some(&2) {
        indices.extend(log.next().await.unwrap().iter().map(|followed| followed.index.value()));
    }
    assert_eq!(indices, [2]);
}

#[tokio::test]
async fn statements_that_are_signed_for_and_not_told_are_withheld() {
    let world = World::fujisawa();
    let ours = statements(&world, 0..3);
    let (count, why) = followed(&world, (&ours[..2], &ours)).await;
    assert!(
        count == 2 && matches!(why, TrustError::Withheld { wanted: 3, found: 2, .. }),
        "{count}: {why:?}"
    );
}

#[tokio::test]
async fn programs_that_share_a_folder_do_not_put_back_what_one_of_them_trusts() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for round in 0..4 {
        let growing = async { grow(&node, &world, round * 3..round * 3 + 3) };
        let visits = (visit(&node, &world, path), visit(&node, &world, path));
        let (first, (), second) = tokio::join!(visits.0, growing, visits.1);
        first.unwrap();
        second.unwrap();
        visit(&node, &world, path).await.unwrap();
        let size = (round + 1) * 3;
        assert!(kept(path).contains(&format!("control\n{size}\n")), "{}", kept(path));
    }
}
