//! Who may sign in place of a publisher without a key of its own.

use sekisho_policy::{Denial, Missing};
use sekisho_proto::{
    Action, PrincipalKind, RefusalCode, StreamClass,
    statement::{Principal, StreamDescriptor},
};

use crate::world::{Key, Party, World, at, name, org, peering, revoke, signed, topic};

const TOPIC: &str = "fujisawa/tide/1";

/// A meter that a node attests for, its organisation's node, and what the meter may publish on.
struct Meter {
    world: World,
    meter: Key,
    node: Key,
}

fn attested(party: &Party, label: &str) -> Principal {
    Principal { attested: true, ..party.principal_body(label, PrincipalKind::Device) }
}

impl Meter {
    fn new() -> Self {
        let mut world = World::new();
        world.state(attested(&world.own, "meter"));
        let node = world.enrol("node", PrincipalKind::Node);
        world.grant("meter@fujisawa", "publish", "fujisawa/tide/#");
        Self { world, meter: Key::of("meter@fujisawa"), node }
    }

    fn ask(&self, by: &Key) -> Result<(), Denial> {
        self.ask_on(by, TOPIC)
    }

    fn ask_on(&self, by: &Key, on: &str) -> Result<(), Denial> {
        let World { policy, now, .. } = &self.world;
        let found = policy.permit_attesting(&by.id(), &self.meter.id(), &topic(on), *now);
        found.map(|node| assert_eq!(node.id, by.id()))
    }

    fn describe(&mut self, class: StreamClass) {
        self.world.state(StreamDescriptor {
            organisation: org("fujisawa"),
            topic: topic(TOPIC),
            device_type: "tide gauge".to_owned(),
            title: String::new(),
            class,
            mobile: false,
            location: None,
            retention_s: None,
            transducers: Vec::new(),
            issued: at(0),
        });
    }
}

#[track_caller]
fn missing(asked: Result<(), Denial>) -> Missing {
    let denial = asked.unwrap_err();
    assert!(denial.to_string().contains("@fujisawa may not publish on"), "{denial}");
    denial.missing().clone()
}

#[test]
fn the_node_of_its_organisation_attests_for_whom_its_organisation_says() {
    let meter = Meter::new();
    meter.ask(&meter.node).unwrap();
    let record = meter.world.policy.principal(&meter.meter.id()).unwrap();
    assert!(record.attested);
}

#[test]
fn for_whoever_signs_itself_nobody_attests() {
    let mut meter = Meter::new();
    meter.meter = meter.world.device("17");
    meter.world.grant("17@fujisawa", "publish", "fujisawa/tide/#");
    let denial = meter.ask(&meter.node).unwrap_err();
    assert_eq!(denial.code(), RefusalCode::NotPermitted);
    assert!(denial.to_string().contains("signed with its own key"), "{denial}");
    assert_eq!(missing(Err(denial)), Missing::NotAttested);
}

#[test]
fn what_is_no_node_attests_for_nobody() {
    let mut meter = Meter::new();
    for kind in PrincipalKind::ALL.into_iter().filter(|kind| *kind != PrincipalKind::Node) {
        let other = meter.world.enrol(kind.name(), kind);
        let found = name(&format!("{}@fujisawa", kind.name()));
        let wanted = Missing::NotItsNode { organisation: org("fujisawa"), found };
        assert_eq!(missing(meter.ask(&other)), wanted);
    }
    // Nor does it itself, whose key its password is.
    assert!(matches!(missing(meter.ask(&meter.meter)), Missing::NotItsNode { .. }));
    assert_eq!(missing(meter.ask(&Key::of("a stranger"))), Missing::UnknownPrincipal);
}

#[test]
fn the_node_of_another_organisation_does_not_attest_for_this_ones() {
    let mut meter = Meter::new();
    let other = Party::new("santander");
    let contract = peering(meter.world.own.side(&["fujisawa/#"], &[]), other.side(&[], &[]));
    meter.world.peer(&other, contract);
    meter.world.apply(&other.principal("node", PrincipalKind::Node));
    let found = name("node@santander");
    let wanted = Missing::NotItsNode { organisation: org("fujisawa"), found };
    assert_eq!(missing(meter.ask(&Key::of("node@santander"))), wanted);
}

#[test]
fn nobody_attests_on_the_topics_of_another_organisation() {
    let meter = Meter::new();
    let wanted =
        Missing::AttestedElsewhere { owner: org("santander"), organisation: org("fujisawa") };
    assert_eq!(missing(meter.ask_on(&meter.node, "santander/tide/1")), wanted);
}

#[test]
fn a_peers_node_attests_for_the_peers_publishers_as_far_as_this_organisation_knows() {
    let mut here = World::of("santander");
    let other = Party::new("fujisawa");
    let contract = peering(here.own.side(&[], &[]), other.side(&["fujisawa/#"], &[]));
    here.peer(&other, contract);
    here.apply(&other.principal("node", PrincipalKind::Node));
    here.apply(&signed(attested(&other, "meter"), &[&other.issuer]));
    let (node, meter) = (Key::of("node@fujisawa"), Key::of("meter@fujisawa"));
    let ask = |world: &World| {
        let found =
            world.policy.permit_attesting(&node.id(), &meter.id(), &topic(TOPIC), world.now);
        found.map(|_node| ())
    };
    ask(&here).unwrap();
    let target = sekisho_proto::statement::RevokeTarget::Principal(node.id());
    here.apply(&signed(revoke(&other.name, target), &[&other.issuer]));
    assert!(matches!(missing(ask(&here)), Missing::Revoked { .. }));
}

#[test]
fn a_node_that_was_revoked_or_has_ended_attests_no_more() {
    let mut meter = Meter::new();
    let body = meter.world.own.principal_body("old", PrincipalKind::Node);
    meter.world.state(Principal { until: Some(at(50)), ..body });
    let ended = missing(meter.ask(&Key::of("old@fujisawa")));
    assert_eq!(ended, Missing::PrincipalEnded { until: at(50) });
    let node = meter.node.clone();
    meter.world.revoke_key(&node);
    assert!(matches!(missing(meter.ask(&node)), Missing::Revoked { .. }));
}

#[test]
fn for_a_publisher_that_was_revoked_nobody_attests() {
    let mut meter = Meter::new();
    let key = meter.meter.clone();
    meter.world.revoke_key(&key);
    assert!(matches!(missing(meter.ask(&meter.node)), Missing::Revoked { .. }));
}

#[test]
fn who_why_and_what_say_for_whom_a_node_signs() {
    let meter = Meter::new();
    let World { policy, now, .. } = &meter.world;
    let (publish, on) = (Action::Publish, topic(TOPIC));
    let who = policy.who(&on, publish, *now);
    assert_eq!(who.iter().map(|entry| entry.attested).collect::<Vec<_>>(), [true]);
    let why = policy.why(&name("meter@fujisawa"), publish, &on, *now).to_string();
    let wanted =
        "meter@fujisawa is a device that keeps no key and for which the node of fujisawa signs";
    assert!(why.contains(wanted), "{why}");
    assert!(policy.what(&name("meter@fujisawa"), *now).attested);
    assert!(!policy.what(&name("node@fujisawa"), *now).attested);
}

#[test]
fn what_is_to_be_sealed_is_not_attested() {
    let mut meter = Meter::new();
    meter.describe(StreamClass::Open);
    meter.ask(&meter.node).unwrap();
    for class in [StreamClass::Restricted, StreamClass::Personal] {
        meter.describe(class);
        assert_eq!(missing(meter.ask(&meter.node)), Missing::SealedTopic { class });
    }
    meter.ask_on(&meter.node, "fujisawa/tide/2").unwrap();
}

#[test]
fn the_newest_statement_says_whether_somebody_is_attested() {
    let mut meter = Meter::new();
    meter.world.state(Principal {
        issued: at(20),
        ..meter.world.own.principal_body("meter", PrincipalKind::Device)
    });
    assert_eq!(missing(meter.ask(&meter.node)), Missing::NotAttested);
}
