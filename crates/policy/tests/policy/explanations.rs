//! Who, why and what, in words for people.

use sekisho_policy::Missing;
use sekisho_proto::{Action, PrincipalKind, StatementKind};

use crate::world::{Key, Party, World, at, grant, name, org, peering, signed, topic};

#[test]
fn who_lists_everybody_and_by_which_grant() {
    let mut world = World::new();
    for label in ["anna", "boris", "gone"] {
        world.enrol(label, PrincipalKind::Person);
    }
    let everybody = world.grant("*@fujisawa", "subscribe", "fujisawa/news");
    let own = world.grant("anna@fujisawa", "subscribe", "fujisawa/#");
    world.deny("boris@fujisawa", "subscribe", "fujisawa/news");
    world.revoke_key(&Key::of("gone@fujisawa"));
    let found = world.policy.who(&topic("fujisawa/news"), Action::Subscribe, at(100));
    let names: Vec<String> = found.iter().map(|entry| entry.principal.to_string()).collect();
    assert_eq!(names, ["anna@fujisawa"]);
    assert!([everybody, own].contains(&found[0].grant));
    assert!(world.policy.who(&topic("fujisawa/news"), Action::Publish, at(100)).is_empty());
    assert!(world.policy.who(&topic("nowhere/news"), Action::Subscribe, at(100)).is_empty());
}

#[test]
fn why_tells_the_chain_from_the_root_in_plain_words() {
    let mut world = World::new();
    let boss = world.enrol("boss", PrincipalKind::Person);
    world.device("truck-1");
    world.grant("boss@fujisawa", "publish,grant", "fujisawa/#");
    world.apply(&signed(grant("truck-1@fujisawa", "publish", "fujisawa/air/+"), &[&boss]));
    let why = world.policy.why(
        &name("truck-1@fujisawa"),
        Action::Publish,
        &topic("fujisawa/air/1"),
        at(100),
    );
    let steps = why.verdict.as_ref().unwrap();
    let kinds: Vec<StatementKind> = steps.iter().map(|step| step.kind).collect();
    assert_eq!(
        kinds,
        [
            StatementKind::OrgRoot,
            StatementKind::Issuer,
            StatementKind::Principal,
            StatementKind::Grant,
            StatementKind::Grant,
        ]
    );
    let text = why.to_string();
    let wanted = [
        "yes: truck-1@fujisawa may publish on fujisawa/air/1 (as of 1970-01-01T00:01:40.000000Z)",
        "3. truck-1@fujisawa is a device, signed by the issuer office@fujisawa",
        "4. boss@fujisawa may publish,grant on fujisawa/# from",
        "5. truck-1@fujisawa may publish on fujisawa/air/+ from",
        "for a test, signed by boss@fujisawa",
    ];
    for wanted in wanted {
        assert!(text.contains(wanted), "wanted {wanted:?} in {text}");
    }
}

#[test]
fn why_not_tells_the_first_thing_missing() {
    let mut world = World::new();
    let truck = world.device("truck-1");
    let who = name("truck-1@fujisawa");
    let ask = |world: &World| {
        world.policy.why(&who, Action::Publish, &topic("fujisawa/a"), at(100)).verdict.unwrap_err()
    };
    assert!(matches!(ask(&world).missing(), Missing::NoGrant { .. }));
    let given = world.grant("truck-1@fujisawa", "publish", "fujisawa/a");
    let denied = world.deny("*@fujisawa", "publish", "fujisawa/+");
    assert!(
        matches!(ask(&world).missing(), Missing::Denied { statement, .. } if *statement == denied)
    );
    world.revoke(denied);
    world.revoke(given);
    assert!(
        matches!(ask(&world).missing(), Missing::GrantRevoked { statement } if *statement == given)
    );
    world.revoke_key(&truck);
    assert!(matches!(ask(&world).missing(), Missing::Revoked { .. }));
    let nobody = name("nobody@fujisawa");
    let why = world.policy.why(&nobody, Action::Publish, &topic("fujisawa/a"), at(100));
    assert_eq!(
        why.to_string(),
        "no: nobody@fujisawa may not publish on fujisawa/a: no statement of an organisation known \
         here names this principal (as of 1970-01-01T00:01:40.000000Z)"
    );
}

#[test]
fn what_tells_every_right_with_what_bounds_it() {
    let mut world = World::new();
    let other = Party::new("santander");
    let contract =
        peering(world.own.side(&["fujisawa/a/#"], &[]), other.side(&[], &["fujisawa/#"]));
    world.peer(&other, contract);
    world.apply(&other.principal("app", PrincipalKind::App));
    world.grant("*@santander", "subscribe,publish", "fujisawa/#");
    world.deny("app@santander", "subscribe", "fujisawa/a/x");
    let what = world.policy.what(&name("app@santander"), at(100));
    assert_eq!((what.grants.len(), what.denies.len()), (2, 1));
    assert!(what.allows(Action::Subscribe, &topic("fujisawa/a/1")));
    assert!(!what.allows(Action::Subscribe, &topic("fujisawa/b")));
    assert!(!what.allows(Action::Subscribe, &topic("fujisawa/a/x")));
    assert!(what.allows(Action::Publish, &topic("fujisawa/b")));
    let nobody = world.policy.what(&name("nobody@santander"), at(100));
    assert_eq!(nobody.barred, Some(Missing::UnknownName));
}

#[test]
fn the_past_is_asked_as_it_was() {
    let mut world = World::new();
    let truck = world.device("truck-1");
    world.now = at(200);
    let given = world.grant("truck-1@fujisawa", "publish", "fujisawa/a");
    world.now = at(300);
    let denied = world.deny("*@fujisawa", "publish", "fujisawa/#");
    world.now = at(400);
    world.revoke(denied);
    world.now = at(500);
    world.revoke(given);
    world.now = at(600);
    world.revoke_key(&truck);
    let who = name("truck-1@fujisawa");
    let topic = topic("fujisawa/a");
    let moments = [
        (99, false),
        (100, false),
        (199, false),
        (200, true),
        (299, true),
        (300, false),
        (399, false),
        (400, true),
        (499, true),
        (500, false),
        (600, false),
    ];
    for (moment, may) in moments {
        let why = world.policy.why(&who, Action::Publish, &topic, at(moment));
        assert_eq!(why.is_allowed(), may, "at {moment}: {why}");
        let listed = world.policy.who(&topic, Action::Publish, at(moment));
        assert_eq!(!listed.is_empty(), may, "at {moment}");
        let what = world.policy.what(&who, at(moment));
        assert_eq!(what.allows(Action::Publish, &topic), may, "at {moment}");
    }
    let before = world.policy.why(&who, Action::Publish, &topic, at(99)).verdict.unwrap_err();
    assert_eq!(*before.missing(), Missing::UnknownName);
    assert_eq!(world.policy.what(&who, at(599)).barred, None);
    assert!(matches!(world.policy.what(&who, at(600)).barred, Some(Missing::Revoked { .. })));
    assert_eq!(world.policy.log(&org("fujisawa")).len(), 8);
}
