//! What a revocation takes, and who may revoke.

use sekisho_policy::{Recipient, StatementError};
use sekisho_proto::{
    Action, Hash, PrincipalKind, RefusalCode, Scope,
    statement::{Revoke, RevokeTarget},
};

use crate::world::{
    Key, Party, Verifier, World, at, deny, filter, grant, name, org, peering, revoke, signed, topic,
};

fn revoking(key: &Key) -> Revoke {
    revoke(&org("fujisawa"), RevokeTarget::Principal(key.id()))
}

#[test]
fn a_revoked_principal_may_nothing_at_once() {
    let mut world = World::new();
    let truck = world.device("truck-1");
    world.grant("truck-1@fujisawa", "publish,subscribe,history", "fujisawa/#");
    assert!(world.may_publish(&truck, "fujisawa/a"));
    world.delivery(&truck, "fujisawa/a", at(50)).unwrap();
    world.revoke_key(&truck);
    assert!(!world.may_publish(&truck, "fujisawa/a"));
    let denial = world.delivery(&truck, "fujisawa/a", at(50)).unwrap_err();
    assert_eq!(denial.code(), RefusalCode::Revoked);
    assert!(world.subscribing(&truck, "fujisawa/#").is_err());
    let record = world.policy.principal(&truck.id()).unwrap();
    assert_eq!(record.revoked, Some(at(100)));
    assert!(world.policy.standing(&truck.id(), at(100)).is_err());
}

#[test]
fn a_revoked_key_is_never_enrolled_again() {
    let mut world = World::new();
    let truck = world.device("truck-1");
    world.revoke_key(&truck);
    let mut body = world.own.principal_body("truck-1", PrincipalKind::Device);
    body.issued = at(60);
    let refused = world.try_apply(&signed(body, &[&world.own.issuer]));
    assert!(matches!(refused, Err(StatementError::KeyRevoked { .. })));
}

#[test]
fn a_principal_may_be_revoked_by_its_statement_too() {
    let mut world = World::new();
    let truck = world.device("truck-1");
    world.grant("truck-1@fujisawa", "publish", "fujisawa/#");
    let statement = world.policy.principal(&truck.id()).unwrap().statement;
    world.revoke(statement);
    assert!(!world.may_publish(&truck, "fujisawa/a"));
}

#[test]
fn a_revoked_grant_ends_and_a_revoked_deny_lifts() {
    let mut world = World::new();
    let truck = world.device("truck-1");
    let given = world.grant("truck-1@fujisawa", "publish", "fujisawa/#");
    let denied = world.deny("truck-1@fujisawa", "publish", "fujisawa/a");
    assert!(!world.may_publish(&truck, "fujisawa/a") && world.may_publish(&truck, "fujisawa/b"));
    world.revoke(denied);
    assert!(world.may_publish(&truck, "fujisawa/a"));
    world.revoke(given);
    assert!(!world.may_publish(&truck, "fujisawa/a"));
}

#[test]
fn an_issuer_is_revoked_by_the_root_and_what_it_signed_before_stays() {
    let mut world = World::new();
    let truck = world.device("truck-1");
    world.grant("truck-1@fujisawa", "publish", "fujisawa/#");
    let issuer = world.own.issuer.clone();
    let second = Key::of("second");
    let body = world.own.issuer_body("second", &second);
    world.apply(&signed(body, &[&world.own.roots[0], &world.own.roots[1]]));
    let by_other = signed(revoking(&issuer), &[&second]);
    assert!(matches!(world.try_apply(&by_other), Err(StatementError::NotAuthorised { .. })));
    let by_statement =
        revoke(&org("fujisawa"), RevokeTarget::Statement(world.own.issuer_statement().id()));
    let refused = world.try_apply(&signed(by_statement, &[&second]));
    assert!(matches!(refused, Err(StatementError::NotAuthorised { wanted: "the root", .. })));
    world.apply(&signed(revoking(&issuer), &[&world.own.roots[0], &world.own.roots[1]]));
    assert!(world.may_publish(&truck, "fujisawa/a"));
    let refused = world
        .try_apply(&signed(grant("truck-1@fujisawa", "subscribe", "fujisawa/#"), &[&issuer]))
        .unwrap_err();
    assert_eq!(refused.code(), RefusalCode::Revoked);
}

#[test]
fn an_issuer_that_ran_out_states_nothing_more() {
    let mut world = World::new();
    let brief = Key::of("brief");
    let mut body = world.own.issuer_body("brief", &brief);
    body.until = Some(at(150));
    world.apply(&signed(body, &[&world.own.roots[0], &world.own.roots[1]]));
    world.now = at(149);
    world.apply(&signed(grant("a@fujisawa", "publish", "fujisawa/a"), &[&brief]));
    world.now = at(150);
    let refused = world
        .try_apply(&signed(grant("a@fujisawa", "publish", "fujisawa/b"), &[&brief]))
        .unwrap_err();
    assert_eq!(refused.code(), RefusalCode::Revoked);
}

#[test]
fn a_root_and_a_revocation_cannot_be_revoked() {
    let mut world = World::new();
    let given = world.grant("a@fujisawa", "publish", "fujisawa/a");
    let ending = revoke(&org("fujisawa"), RevokeTarget::Statement(given));
    let ending = signed(ending, &[&world.own.issuer]);
    world.apply(&ending);
    for target in [world.own.root().id(), ending.id()] {
        let body = revoke(&org("fujisawa"), RevokeTarget::Statement(target));
        let keys = [&world.own.issuer, &world.own.roots[0], &world.own.roots[1]];
        let refused =
            world.policy.clone().apply(&signed(body, &keys), at(100), &Verifier::default());
        assert!(matches!(refused, Err(StatementError::NotRevocable { .. })));
    }
}

#[test]
fn what_is_not_in_the_log_cannot_be_revoked() {
    let mut world = World::new();
    let target = RevokeTarget::Statement(Hash::of(b"nothing"));
    let refused = world.try_apply(&signed(revoke(&org("fujisawa"), target), &[&world.own.issuer]));
    assert!(matches!(refused, Err(StatementError::UnknownTarget { .. })));
}

#[test]
fn a_grant_is_revoked_by_its_grantor_or_an_administrator_and_by_no_other_principal() {
    let mut world = World::new();
    let [boss, lead, other] =
        ["boss", "lead", "other"].map(|label| world.enrol(label, PrincipalKind::Person));
    let truck = world.device("truck-1");
    world.grant("boss@fujisawa", "administer", "fujisawa/#");
    world.grant("lead@fujisawa", "grant,publish", "fujisawa/#");
    world.grant("other@fujisawa", "publish,subscribe", "fujisawa/#");
    let rounds = [
        (&other, "fujisawa/a", false),
        (&truck, "fujisawa/b", false),
        (&lead, "fujisawa/c", true),
        (&boss, "fujisawa/d", true),
    ];
    for (signer, on, works) in rounds {
        let given = signed(grant("truck-1@fujisawa", "publish", on), &[&lead]);
        world.apply(&given);
        let body = revoke(&org("fujisawa"), RevokeTarget::Statement(given.id()));
        assert_eq!(world.try_apply(&signed(body, &[signer])).is_ok(), works, "{on}");
        assert_eq!(world.may_publish(&truck, on), !works, "{on}");
    }
}

#[test]
fn who_is_denied_does_not_lift_the_deny() {
    let mut world = World::new();
    let boss = world.enrol("boss", PrincipalKind::Person);
    let second = world.enrol("second", PrincipalKind::Person);
    world.grant("boss@fujisawa", "administer,publish", "fujisawa/#");
    world.grant("second@fujisawa", "administer,publish", "fujisawa/#");
    let denied = world.deny("boss@fujisawa", "publish", "fujisawa/a");
    let lifting = revoke(&org("fujisawa"), RevokeTarget::Statement(denied));
    let refused = world.try_apply(&signed(lifting.clone(), &[&boss]));
    assert!(matches!(refused, Err(StatementError::NotAuthorised { .. })));
    world.apply(&signed(lifting, &[&second]));
    assert!(world.may_publish(&boss, "fujisawa/a"));
}

#[test]
fn a_grantor_denies_only_what_it_holds() {
    let mut world = World::new();
    let lead = world.enrol("lead", PrincipalKind::Person);
    let truck = world.device("truck-1");
    world.grant("lead@fujisawa", "grant,subscribe", "fujisawa/air/#");
    world.grant("truck-1@fujisawa", "publish,subscribe", "fujisawa/#");
    for (what, on, works) in [
        ("publish", "fujisawa/air/#", false),
        ("subscribe", "fujisawa/#", false),
        ("subscribe", "fujisawa/air/+", true),
    ] {
        let statement = signed(deny("truck-1@fujisawa", what, on), &[&lead]);
        assert_eq!(world.try_apply(&statement).is_ok(), works, "{what} on {on}");
    }
    assert!(!world.may(&truck, Action::Subscribe, "fujisawa/air/1"));
    assert!(world.may_publish(&truck, "fujisawa/air/1"));
}

#[test]
fn an_administrator_who_is_denied_that_states_nothing_any_more() {
    let mut world = World::new();
    let boss = world.enrol("boss", PrincipalKind::Person);
    world.device("truck-1");
    world.grant("boss@fujisawa", "administer,publish", "fujisawa/#");
    let body = |on| signed(deny("truck-1@fujisawa", "publish", on), &[&boss]);
    world.apply(&body("fujisawa/a"));
    world.deny("boss@fujisawa", "administer", "fujisawa/b/#");
    for (on, works) in [("fujisawa/b/c", false), ("fujisawa/+/c", false), ("fujisawa/c", true)] {
        assert_eq!(world.try_apply(&body(on)).is_ok(), works, "{on}");
    }
}

#[test]
fn a_blocked_foreign_key_is_filtered_here_whatever_its_organisation_says() {
    let mut world = World::new();
    let other = Party::new("santander");
    let contract = peering(
        world.own.side(&["fujisawa/#"], &["santander/#"]),
        other.side(&["santander/#"], &["fujisawa/#"]),
    );
    world.peer(&other, contract);
    world.apply(&other.principal("bus-1", PrincipalKind::Device));
    let bus = Key::of("bus-1@santander");
    world.apply(&signed(grant("*@santander", "publish", "santander/#"), &[&other.issuer]));
    world.grant("*@santander", "subscribe", "fujisawa/#");
    assert!(world.may_publish(&bus, "santander/a"));
    world.revoke_key(&bus);
    assert!(!world.may_publish(&bus, "santander/a"));
    let recipient = Recipient::Principal(bus.id());
    let delivery = world.policy.permit_delivery(
        &recipient,
        &topic("fujisawa/a"),
        Scope::Federation,
        at(100),
        at(100),
    );
    assert_eq!(delivery.unwrap_err().code(), RefusalCode::Revoked);
}

#[test]
fn an_owner_blocks_a_foreign_key_on_its_own_topics_alone() {
    let mut world = World::new();
    let other = Party::new("santander");
    let contract = peering(
        world.own.side(&["fujisawa/#"], &["santander/#"]),
        other.side(&["santander/#"], &["fujisawa/#"]),
    );
    world.peer(&other, contract);
    let reader = world.enrol("reader", PrincipalKind::App);
    let rights = "publish,subscribe,decrypt";
    world.grant("reader@fujisawa", rights, "fujisawa/#");
    world.apply(&signed(grant("*@fujisawa", rights, "santander/#"), &[&other.issuer]));
    let holds = |world: &World, on: &str| {
        let readers = world.policy.decrypt_readers(&filter(on), at(100)).len();
        let what = world.policy.what(&name("reader@fujisawa"), at(100));
        let found = [
            world.may_publish(&reader, on),
            world.delivery(&reader, on, at(100)).is_ok(),
            world.subscribing(&reader, on).is_ok(),
            readers == 1,
            what.allows(Action::Publish, &topic(on)),
        ];
        assert!(found.iter().all(|may| *may == found[0]), "{on}: {found:?}");
        found[0]
    };
    assert!(holds(&world, "santander/a") && holds(&world, "fujisawa/a"));
    let target = RevokeTarget::Principal(reader.id());
    world.apply(&signed(revoke(&org("santander"), target), &[&other.issuer]));
    assert!(!holds(&world, "santander/a") && holds(&world, "fujisawa/a"));
}
