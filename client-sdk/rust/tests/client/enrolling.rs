//! Enrolling: the secret stays home, and a yes counts only with statements behind it.

use sekisho::{
    EnrolError, Hash, Identity, JoinSecret, JoinToken, Timestamp, check_admission, join,
};
use sekisho_proto::{
    PrincipalKind, Statement, TokenId,
    frame::{Enrolling, EnrolmentState},
};
use sekisho_seal::{EnrolmentClaim, check_enrolment_proof};

use crate::{node::Node, world::World};

const SECRET: [u8; 32] = [42; 32];

fn token(node: &Node, world: &World) -> JoinToken {
    JoinToken {
        name: world.name("truck-17"),
        kind: PrincipalKind::Device,
        root: world.trust().root,
        node_key: world.node.public_key(),
        address: node.address().to_string(),
        id: TokenId::new([9; 16]),
        secret: JoinSecret::new(SECRET),
        expires: Timestamp::parse("2100-01-01T00:00:00Z").unwrap(),
    }
}

fn says(state: EnrolmentState, why: &str, world: Option<&World>) -> Enrolling {
    let statements = world.map(World::proof_of_truck).unwrap_or_default();
    Enrolling { state, why: why.to_owned(), statements }
}

#[tokio::test]
async fn a_newcomer_waits_is_admitted_and_knows_its_name() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    node.script().enrolling = vec![
        says(EnrolmentState::Waiting, "an administrator has to approve", None),
        says(EnrolmentState::Admitted, "", Some(&world)),
    ];
    let mut waited = Vec::new();
    let token = token(&node, &world);
    let enrolled = join(&token, &world.truck, |why| waited.push(why.to_owned())).await.unwrap();
    assert_eq!(waited, ["an administrator has to approve"]);
    assert_eq!(enrolled.name, token.name);
    assert_eq!(enrolled.endpoint, node.endpoint());
    assert_eq!(enrolled.trust, world.trust());
    assert_eq!(enrolled.statements.len(), 3);

    let enrol = node.seen().enrols[0].clone();
    let claim = EnrolmentClaim {
        token: token.id,
        name: &token.name,
        public_key: enrol.public_key,
        kem_suite: enrol.kem_suite,
        kem_public_key: &enrol.kem_public_key,
    };
    check_enrolment_proof(&SECRET, &claim, &enrol.proof).unwrap();
    check_enrolment_proof(&[43; 32], &claim, &enrol.proof).unwrap_err();
}

#[tokio::test]
async fn a_yes_without_statements_from_the_token_s_root_is_not_believed() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let impostor = World::new("fujisawa", 9000);
    let forged = impostor.proof_of("truck-17", PrincipalKind::Device, &world.truck);
    for statements in [Vec::new(), forged, world.proof_of_truck()] {
        let admitted = says(EnrolmentState::Admitted, "", None);
        node.script().enrolling = vec![Enrolling { statements, ..admitted }];
        let mut token = token(&node, &world);
        token.name = if node.script().enrolling[0].statements == world.proof_of_truck() {
            world.name("truck-18")
        } else {
            token.name
        };
        let refused = join(&token, &world.truck, |_why| ()).await.unwrap_err();
        assert!(matches!(refused, EnrolError::Unproven { .. }), "{refused}");
    }
    let mut token = token(&node, &world);
    token.root = Hash::new([0; 32]);
    let refused = join(&token, &world.truck, |_why| ()).await.unwrap_err();
    assert!(matches!(refused, EnrolError::Unproven { .. }), "{refused}");
}

/// Whoever has the token's secret, and a node that helps, can have a newcomer's signing key stated
/// with a key for secrets of their own.
#[tokio::test]
async fn a_yes_that_names_somebody_elses_key_for_secrets_is_not_believed() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let thief = Identity::new(world.truck.signing().clone(), world.dashboard.kem().clone());
    let stolen = world.proof_of("truck-17", PrincipalKind::Device, &thief);
    let token = token(&node, &world);
    let admitted = says(EnrolmentState::Admitted, "", None);
    node.script().enrolling = vec![Enrolling { statements: stolen.clone(), ..admitted }];
    let refused = join(&token, &world.truck, |_why| ()).await.unwrap_err();
    assert!(matches!(refused, EnrolError::ForeignSecrets { .. }), "{refused}");
    // Nor when it asks later what became of it.
    let refused = check_admission(&token, &world.truck, &stolen).unwrap_err();
    assert!(matches!(refused, EnrolError::ForeignSecrets { .. }), "{refused}");
    check_admission(&token, &world.truck, &world.proof_of_truck()).unwrap();
}

#[tokio::test]
async fn a_yes_that_names_no_key_for_secrets_is_told_apart_from_a_theft() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let without = world.proof_without_secrets("truck-17", &world.truck);
    let refused = check_admission(&token(&node, &world), &world.truck, &without).unwrap_err();
    assert!(matches!(refused, EnrolError::NoSecrets { .. }), "{refused}");
    assert!(refused.to_string().contains("found none stated"), "{refused}");
}

#[tokio::test]
async fn what_a_node_adds_to_the_statements_is_not_passed_on_as_proven() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let impostor = World::new("fujisawa", 9000);
    let forged = impostor.proof_of("steward", PrincipalKind::Steward, &world.dashboard);
    let proof = world.proof_of_truck();
    let statements = [proof.clone(), forged].concat();
    let admitted = says(EnrolmentState::Admitted, "", None);
    node.script().enrolling = vec![Enrolling { statements, ..admitted }];
    let enrolled = join(&token(&node, &world), &world.truck, |_why| ()).await.unwrap();
    let passed_on: Vec<_> = enrolled.statements.iter().map(Statement::encode).collect();
    assert_eq!(passed_on, proof);
}

#[tokio::test]
async fn a_no_is_told_in_the_administrator_s_words() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    node.script().enrolling = vec![says(EnrolmentState::Refused, "not our truck", None)];
    let refused = join(&token(&node, &world), &world.truck, |_why| ()).await.unwrap_err();
    assert!(
        matches!(&refused, EnrolError::Declined { why, .. } if why == "not our truck"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_token_that_has_run_out_is_not_shown_to_anybody() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let token = JoinToken { expires: Timestamp::EPOCH, ..token(&node, &world) };
    let refused = join(&token, &world.truck, |_why| ()).await.unwrap_err();
    assert!(matches!(refused, EnrolError::Expired { .. }), "{refused}");
    assert_eq!(node.seen().connections, 0);
}
