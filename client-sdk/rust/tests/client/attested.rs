//! Records that a node signed in place of their publisher: which are messages, and what is said of
//! them.

use std::sync::Arc;

use bytes::Bytes;
use sekisho::{
    Client, Delivery, Identity, Message, RejectReason, Start, SubscribeError, Subscription, clock,
};
use sekisho_proto::{
    BootId, ContentType, Epoch, Header, PrincipalKind, Scope, Sequence, Suite, Timestamp,
};
use sekisho_seal::{attest, sign_attested};

use crate::{
    node::{Node, Step, Stored},
    world::{World, identity},
};

/// A meter that is attested, the node that does so, and a city around them.
struct Scene {
    world: World,
    node: Node,
    meter: Arc<Identity>,
    attester: Arc<Identity>,
    next: u64,
}

impl Scene {
    async fn new() -> Self {
        let world = World::fujisawa();
        let node = Node::start(&world).await;
        let (meter, attester) = (identity(51), identity(52));
        let scene = Self { world, node, meter, attester, next: 0 };
        scene.prove(&scene.meter, scene.world.proof_of_attested("meter", &scene.meter));
        scene.name(&scene.attester, "node", PrincipalKind::Node);
        scene
    }

    fn prove(&self, who: &Identity, statements: Vec<Bytes>) {
        self.node.script().proofs.insert(who.id(), statements);
    }

    fn name(&self, who: &Identity, name: &str, kind: PrincipalKind) {
        self.prove(who, self.world.proof_of(name, kind, who));
    }

    /// The node has a record of a publisher that somebody signed for.
    fn append(&mut self, publisher: &Identity, attester: &Identity) {
        let header = Header {
            suite: Suite::Open,
            topic: self.world.topic(),
            publisher: publisher.id(),
            // A chain each: what one of them is has no part in what another is.
            boot: BootId::new([u8::try_from(self.next).unwrap(); 16]),
            sequence: Sequence::new(0),
            time: clock::now(),
            epoch: Epoch::ZERO,
            key_header: None,
            previous: None,
            content_type: ContentType::parse("text/plain").unwrap(),
            sample_count: 0,
            flags: 0,
            expiry_s: 0,
            scope: Scope::Federation,
            attester: Some(attester.id()),
        };
        self.next += 1;
        let attested = attest(attester.signing(), header.clone(), b"21.5").unwrap();
        let envelope = sign_attested(attester.signing(), attested.envelope()).unwrap();
        self.append_envelope(envelope.encoded().clone(), clock::now());
    }

    fn append_envelope(&self, envelope: Bytes, received: Timestamp) {
        self.node.append(Step::Record(Stored { envelope, key_header: None, received }));
    }

    async fn read(&self) -> (Client, Subscription) {
        let client = self.node.client(&self.world.dashboard, &self.world).await;
        let builder = client.subscribe("fujisawa/#".parse().unwrap()).from(Start::Earliest);
        let subscription = builder.start().await.unwrap();
        (client, subscription)
    }
}

async fn message(subscription: &mut Subscription) -> Message {
    match subscription.next().await.unwrap().unwrap() {
        Delivery::Message(message) => *message,
        Delivery::Gap(gap) => panic!("wanted a message, found {gap:?}"),
    }
}

/// Every one of these is refused as not attested by whoever may.
async fn not_attested(subscription: &mut Subscription, count: usize) {
    for number in 0..count {
        match subscription.next().await.unwrap() {
            Err(SubscribeError::Rejected { why: RejectReason::NotAttested { .. }, .. }) => {}
            other => panic!("record {number}: wanted it refused, found {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_the_publishers_node_attests_is_a_message_that_says_who_did() {
    let mut scene = Scene::new().await;
    let (meter, attester) = (Arc::clone(&scene.meter), Arc::clone(&scene.attester));
    scene.append(&meter, &attester);
    let (_client, mut subscription) = scene.read().await;
    let message = message(&mut subscription).await;
    assert_eq!(message.publisher, scene.world.name("meter"));
    assert_eq!(message.publisher_id, meter.id());
    assert_eq!(message.attester, Some(scene.world.name("node")));
    assert!(!message.sealed);
    assert_eq!(message.body().unwrap().as_ref(), b"21.5");
}

#[tokio::test]
async fn a_node_attests_for_nobody_whose_organisation_does_not_say_so() {
    let mut scene = Scene::new().await;
    let (truck, meter) = (Arc::clone(&scene.world.truck), Arc::clone(&scene.meter));
    let attester = Arc::clone(&scene.attester);
    scene.append(&truck, &attester);
    scene.append(&attester, &attester);
    scene.append(&meter, &attester);
    let (_client, mut subscription) = scene.read().await;
    not_attested(&mut subscription, 2).await;
    message(&mut subscription).await;
}

#[tokio::test]
async fn nobody_but_a_node_of_the_publishers_organisation_attests() {
    let mut scene = Scene::new().await;
    let (meter, attester) = (Arc::clone(&scene.meter), Arc::clone(&scene.attester));
    // A device, a steward, the publisher itself, a stranger, and whoever the node alone vouches for.
    let [device, steward, stranger, false_node] = [61, 62, 63, 64].map(identity);
    scene.name(&device, "clock", PrincipalKind::Device);
    scene.name(&steward, "keeper", PrincipalKind::Steward);
    let impostor = World::new("fujisawa", 9000);
    scene.prove(&false_node, impostor.proof_of("node", PrincipalKind::Node, &false_node));
    for by in [&device, &steward, &meter, &stranger, &false_node] {
        scene.append(&meter, by);
    }
    scene.append(&meter, &attester);
    let (_client, mut subscription) = scene.read().await;
    not_attested(&mut subscription, 5).await;
    message(&mut subscription).await;
}

#[tokio::test]
async fn an_attester_that_was_revoked_attests_no_more() {
    let mut scene = Scene::new().await;
    let (meter, attester, gone) =
        (Arc::clone(&scene.meter), Arc::clone(&scene.attester), identity(71));
    let mut proof = scene.world.proof_of("old-node", PrincipalKind::Node, &gone);
    proof.push(scene.world.revocation_of(&gone).encode().into());
    scene.prove(&gone, proof);
    scene.append(&meter, &gone);
    scene.append(&meter, &attester);
    let (_client, mut subscription) = scene.read().await;
    not_attested(&mut subscription, 1).await;
    message(&mut subscription).await;
}

#[tokio::test]
async fn an_attested_record_with_another_body_is_rejected() {
    let mut scene = Scene::new().await;
    let (meter, attester) = (Arc::clone(&scene.meter), Arc::clone(&scene.attester));
    scene.append(&meter, &attester);
    let Some(Step::Record(stored)) = scene.node.seen().log.pop() else { panic!("no record") };
    let mut bytes = stored.envelope.to_vec();
    let at = bytes.windows(4).position(|part| part == b"21.5").unwrap();
    if let Some(byte) = bytes.get_mut(at) {
        *byte = b'9';
    }
    scene.append_envelope(bytes.into(), stored.received);
    scene.append(&meter, &attester);
    let (_client, mut subscription) = scene.read().await;
    match subscription.next().await.unwrap() {
        Err(SubscribeError::Rejected { why: RejectReason::Signature { .. }, .. }) => {}
        other => panic!("wanted it refused, found {other:?}"),
    }
    message(&mut subscription).await;
}
