//! The key of another organisation's topics, handed on by the steward of one's own: believed where it
//! is the key that the owner announced, and nowhere else.

use bytes::Bytes;
use sekisho::{Batch, BodyError, Delivery, Start};
use sekisho_proto::{Epoch, PrincipalKind, Statement, StatementBody, statement::KeyGrant};
use sekisho_seal::{
    EpochKeyPair, GrantError, KeyGrantDraft, SeededEntropy, sign_statement, wrap_epoch_seed,
};

use crate::{
    node::{ControlLog, Node},
    world::{World, encoded, issued, sample},
};

/// What one message of Fujisawa's truck is to Santander's dashboard, where Santander's steward hands
/// it these keys, and the statement is signed by whoever `signs`.
async fn read(keys: &EpochKeyPair, by_steward: bool) -> Result<Vec<sekisho::Sample>, BodyError> {
    let (fujisawa, santander) = (World::fujisawa(), World::new("santander", 2000));
    let home = Node::start(&fujisawa).await;
    let client = home.client(&fujisawa.truck, &fujisawa).await;
    let publisher =
        client.publisher(fujisawa.topic()).batch(Batch::single()).start().await.unwrap();
    publisher.publish(sample(0)).await.unwrap();
    publisher.flush().await.unwrap();
    let node = Node::start(&santander).await;
    for step in home.seen().log.clone() {
        node.append(step);
    }
    let peering = santander.proof_of_peering(&fujisawa);
    let with_peering = |proof: Vec<Bytes>| [peering.clone(), proof].concat();
    node.script().proofs = [(fujisawa.truck.id(), with_peering(fujisawa.proof_of_truck()))].into();
    node.script().epoch = with_peering(fujisawa.proof_of_epoch(1));
    let log = ControlLog::new(&fujisawa.organisation, &fujisawa.node);
    node.script().logs.insert(fujisawa.organisation.clone(), log);
    let grant = handed_on(&fujisawa, &santander, keys);
    let signer = if by_steward { &santander.steward } else { &santander.truck };
    let grant =
        sign_statement(Statement::unsigned(StatementBody::KeyGrant(grant)), signer.signing());
    let proof = [
        peering.clone(),
        santander.proof_of("steward", PrincipalKind::Steward, &santander.steward),
        santander.proof_of("dashboard", PrincipalKind::App, &santander.dashboard),
        encoded(&[grant]),
    ];
    node.script().key_grants = [((fujisawa.tree(), Epoch::new(1)), proof.concat())].into();
    let client = node.client(&santander.dashboard, &santander).await;
    let builder = client.subscribe(fujisawa.tree()).from(Start::Earliest);
    let mut subscription = builder.start().await.unwrap();
    match subscription.next().await {
        Some(Ok(Delivery::Message(message))) => message.samples(),
        other => panic!("wanted a message, found {other:?}"),
    }
}

fn handed_on(owner: &World, hand: &World, keys: &EpochKeyPair) -> KeyGrant {
    let draft = KeyGrantDraft {
        organisation: hand.organisation.clone(),
        tree: owner.tree(),
        epoch: Epoch::new(1),
        reader: hand.dashboard.id(),
        purpose: "air quality".to_owned(),
        issued: issued(),
    };
    let reader = hand.dashboard.kem().public_key();
    wrap_epoch_seed(keys, reader, draft, &mut SeededEntropy::new(77)).unwrap()
}

#[tokio::test]
async fn a_key_that_the_own_steward_hands_on_opens_a_peer_s_message() {
    let keys = World::fujisawa().epoch_keys(1);
    assert_eq!(read(&keys, true).await.unwrap(), [sample(0)]);
}

#[tokio::test]
async fn another_key_than_the_owner_announced_is_refused_whoever_hands_it_on() {
    let keys = World::fujisawa().epoch_keys(2);
    let refused = read(&keys, true).await.unwrap_err();
    let BodyError::Grant(cause @ GrantError::Epoch { .. }) = &refused else {
        panic!("{refused:?}")
    };
    assert!(cause.to_string().contains("fujisawa/trucks/#"), "{cause}");
}

#[tokio::test]
async fn a_key_that_somebody_else_hands_on_is_none() {
    let keys = World::fujisawa().epoch_keys(1);
    let refused = read(&keys, false).await.unwrap_err();
    assert!(matches!(refused, BodyError::NoKey { .. }), "{refused:?}");
}
