//! Whose word is taken, and for what.

use sekisho_policy::StatementError;
use sekisho_proto::{
    PrincipalKind, PublicKey, RefusalCode, Statement, StatementBody, Suite,
    statement::{Location, OrgRoot, RevokeTarget, StreamClass, StreamDescriptor},
};

use crate::world::{
    Key, Party, Verifier, World, at, deny, filter, grant, name, org, revoke, signed, topic,
};

fn descriptor(on: &str, class: StreamClass) -> StreamDescriptor {
    let topic = topic(on);
    StreamDescriptor {
        organisation: topic.organisation().clone(),
        topic,
        device_type: "air-quality station".to_owned(),
        title: "a corner".to_owned(),
        class,
        mobile: false,
        location: Some(Location { latitude_e7: 353_000_000, longitude_e7: 1_395_000_000 }),
        retention_s: Some(3600),
        transducers: Vec::new(),
        issued: at(0),
    }
}

#[test]
fn a_root_other_than_the_pinned_one_is_refused() {
    let mut world = World::new();
    let mut policy = sekisho_policy::Policy::new(org("fujisawa"), world.own.fingerprint());
    let other = OrgRoot { threshold: 1, ..world.own.root_body() };
    let other = signed(other, &[&world.own.roots[0]]);
    let refused = policy.apply(&other, at(1), &Verifier::default());
    assert!(matches!(refused, Err(StatementError::RootMismatch { .. })));
    assert!(matches!(world.try_apply(&other), Err(StatementError::RootMismatch { .. })));
}

/// N-39: a threshold met by one key twice.
#[test]
fn a_root_needs_its_threshold_of_distinct_keys() {
    let own = Party::new("fujisawa");
    let mut policy = sekisho_policy::Policy::new(own.name.clone(), own.fingerprint());
    let once = signed(own.root_body(), &[&own.roots[1]]);
    let twice = signed(own.root_body(), &[&own.roots[1], &own.roots[1]]);
    for statement in [once, twice] {
        let refused = policy.apply(&statement, at(1), &Verifier::default());
        let Err(StatementError::Threshold { wanted, found, .. }) = refused else {
            panic!("wanted a threshold error, found {refused:?}");
        };
        assert_eq!((wanted, found), (2, 1));
    }
}

#[test]
fn one_signature_sent_twice_is_not_even_a_statement() {
    let own = Party::new("fujisawa");
    let encoded = signed(own.root_body(), &[&own.roots[1]]).encode();
    // A signature is the last field: a tag, a length, 34 bytes of signer and 66 of signature.
    let (_before, signature) = encoded.split_at(encoded.len() - 102);
    assert_eq!(signature[..2], [0x1a, 100]);
    let doubled = [&encoded, signature].concat();
    assert!(Statement::decode(&doubled).is_err());
}

#[test]
fn an_issuer_is_named_by_the_root_and_not_by_an_issuer() {
    let mut world = World::new();
    let body = world.own.issuer_body("second", &Key::of("second"));
    let by_issuer = signed(body.clone(), &[&world.own.issuer]);
    let refused = world.try_apply(&by_issuer);
    assert!(matches!(refused, Err(StatementError::Threshold { found: 0, .. })));
    let by_one = signed(body.clone(), &[&world.own.roots[0], &world.own.issuer]);
    let refused = world.try_apply(&by_one);
    assert!(matches!(refused, Err(StatementError::Threshold { found: 1, .. })));
    world.apply(&signed(body, &[&world.own.roots[1], &world.own.roots[2]]));
}

#[test]
fn a_principal_is_enrolled_by_an_issuer_and_by_nobody_else() {
    let mut world = World::new();
    let person = world.enrol("sato", PrincipalKind::Person);
    world.grant("sato@fujisawa", "grant,administer,publish", "fujisawa/#");
    let body = world.own.principal_body("truck-1", PrincipalKind::Device);
    for key in [&person, &world.own.roots[0].clone()] {
        let refused = world.try_apply(&signed(body.clone(), &[key]));
        assert!(matches!(refused, Err(StatementError::NotAuthorised { .. })), "{refused:?}");
    }
    let stranger = Key::of("stranger");
    let refused = world.try_apply(&signed(body.clone(), &[&stranger])).unwrap_err();
    assert_eq!(refused.code(), RefusalCode::UnknownKey);
    let unsigned = world.try_apply(&Statement::unsigned(body.into()));
    assert!(matches!(unsigned, Err(StatementError::NotAuthorised { .. })));
}

#[test]
fn a_signature_that_does_not_verify_is_refused_with_the_signer_named() {
    let mut world = World::new();
    let body = world.own.principal_body("truck-1", PrincipalKind::Device);
    let statement = Statement::unsigned(body.into());
    let other = Statement::unsigned(grant("truck-1@fujisawa", "publish", "fujisawa/a").into());
    let issuer = world.own.issuer.clone();
    let forged = statement.with_signature(issuer.id(), issuer.sign(&other.signing_input()));
    let refused = world.try_apply(&forged);
    let Err(StatementError::BadSignature { signer, .. }) = refused else {
        panic!("wanted a bad signature, found {refused:?}");
    };
    assert_eq!(signer, issuer.id());
}

#[test]
fn a_valid_signature_does_not_carry_an_invalid_one_along() {
    let mut world = World::new();
    let body = world.own.principal_body("truck-1", PrincipalKind::Device);
    let statement = signed(body, &[&world.own.issuer]);
    let junk = statement
        .clone()
        .with_signature(world.own.roots[0].id(), world.own.roots[0].sign(b"something else"));
    assert!(matches!(world.try_apply(&junk), Err(StatementError::BadSignature { .. })));
    world.apply(&statement);
}

#[test]
fn weak_keys_are_refused_wherever_a_key_is_stated() {
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    let weak = PublicKey::new(identity_point);
    let mut world = World::new();
    let issuer = world.own.issuer_body("weak", &Key::of("weak"));
    let issuer = sekisho_proto::statement::Issuer { public_key: weak, ..issuer };
    let refused = world.try_apply(&signed(issuer, &[&world.own.roots[0], &world.own.roots[1]]));
    assert!(matches!(refused, Err(StatementError::WeakKey { key, .. }) if key == weak));
    let mut truck = world.own.principal_body("truck-1", PrincipalKind::Device);
    truck.public_key = weak;
    let refused = world.try_apply(&signed(truck, &[&world.own.issuer])).unwrap_err();
    assert_eq!(refused.code(), RefusalCode::WeakKey);
}

#[test]
fn a_key_has_one_owner() {
    let mut world = World::new();
    world.device("truck-1");
    let mut body = world.own.principal_body("truck-2", PrincipalKind::Device);
    body.public_key = Key::of("truck-1@fujisawa").public();
    let refused = world.try_apply(&signed(body, &[&world.own.issuer]));
    let Err(StatementError::KeyTaken { holder, .. }) = refused else {
        panic!("wanted a taken key, found {refused:?}");
    };
    assert_eq!(holder, name("truck-1@fujisawa"));
}

#[test]
fn a_name_may_have_two_keys_while_one_replaces_the_other() {
    let mut world = World::new();
    let old = world.device("truck-1");
    world.grant("truck-1@fujisawa", "publish", "fujisawa/a");
    let new = Key::of("a new key");
    let mut body = world.own.principal_body("truck-1", PrincipalKind::Device);
    body.public_key = new.public();
    world.state(body);
    assert!(world.may_publish(&old, "fujisawa/a") && world.may_publish(&new, "fujisawa/a"));
    world.revoke_key(&old);
    assert!(!world.may_publish(&old, "fujisawa/a") && world.may_publish(&new, "fujisawa/a"));
    let found = world.policy.principal_by_name(&name("truck-1@fujisawa")).unwrap();
    assert_eq!(found.id, new.id());
}

#[test]
fn statements_of_an_unknown_organisation_are_refused() {
    let mut world = World::new();
    let other = Party::new("santander");
    let refused = world.try_apply(&other.principal("truck-1", PrincipalKind::Device));
    assert!(matches!(refused, Err(StatementError::UnknownOrganisation { .. })));
    world.apply(&other.root());
    world.apply(&other.issuer_statement());
    let refused = world.try_apply(&other.principal("truck-1", PrincipalKind::Device));
    assert!(matches!(refused, Err(StatementError::NotPinned { .. })));
    let refused = world
        .try_apply(&signed(grant("truck-1@fujisawa", "publish", "santander/#"), &[&other.issuer]));
    assert!(matches!(refused, Err(StatementError::NotPinned { .. })));
}

#[test]
fn a_statement_from_the_future_is_refused() {
    let mut world = World::new();
    let mut body = grant("truck-1@fujisawa", "publish", "fujisawa/a");
    body.issued = at(100 + 121);
    let refused = world.try_apply(&signed(body.clone(), &[&world.own.issuer])).unwrap_err();
    assert_eq!(refused.code(), RefusalCode::ClockAhead);
    body.issued = at(100 + 120);
    world.state(body);
}

#[test]
fn a_grant_that_ends_before_it_begins_is_refused() {
    let mut world = World::new();
    let mut body = grant("truck-1@fujisawa", "publish", "fujisawa/a");
    body.from = at(50);
    body.until = Some(at(50));
    let refused = world.try_apply(&signed(body, &[&world.own.issuer]));
    assert!(matches!(refused, Err(StatementError::EmptyPeriod { .. })));
}

#[test]
fn fields_that_would_not_be_read_back_are_refused() {
    let mut world = World::new();
    let mut body = grant("truck-1@fujisawa", "publish", "fujisawa/a");
    body.filter = filter("santander/a");
    let refused = world.try_apply(&signed(body, &[&world.own.issuer]));
    assert!(matches!(refused, Err(StatementError::Malformed { .. })));
    let mut body = world.own.principal_body("truck-1", PrincipalKind::Device);
    body.kem_suite = Suite::XWingAes256Gcm;
    let refused = world.try_apply(&signed(body, &[&world.own.issuer]));
    assert!(matches!(refused, Err(StatementError::Malformed { .. })));
}

#[test]
fn a_statement_applied_again_is_known_and_changes_nothing() {
    let mut world = World::new();
    world.device("truck-1");
    let statement =
        signed(grant("truck-1@fujisawa", "publish", "fujisawa/a"), &[&world.own.issuer]);
    let first = world.apply(&statement);
    assert!(first.is_new);
    let version = world.policy.version();
    let verifier = Verifier::default();
    let again = world.policy.apply(&statement, at(500), &verifier).unwrap();
    assert_eq!((again.index, again.is_new), (first.index, false));
    assert_eq!(world.policy.version(), version);
    assert_eq!(world.policy.log(&org("fujisawa")).len(), 4);
    assert_eq!(verifier.asked.get(), 0);
}

#[test]
fn a_refused_statement_changes_nothing() {
    let mut world = World::new();
    world.device("truck-1");
    let version = world.policy.version();
    let stranger = Key::of("stranger");
    let bodies: Vec<StatementBody> = vec![
        grant("truck-1@fujisawa", "publish", "fujisawa/a").into(),
        deny("truck-1@fujisawa", "publish", "fujisawa/a").into(),
        revoke(&org("fujisawa"), RevokeTarget::Principal(stranger.id())).into(),
        descriptor("fujisawa/a", StreamClass::Open).into(),
        world.own.principal_body("truck-2", PrincipalKind::Device).into(),
        world.own.issuer_body("second", &stranger).into(),
    ];
    for body in bodies {
        for keys in [vec![&stranger], vec![]] {
            assert!(world.try_apply(&signed(body.clone(), &keys)).is_err());
        }
    }
    assert_eq!(world.policy.version(), version);
    assert_eq!(world.policy.log(&org("fujisawa")).len(), 3);
    assert!(world.policy.descriptor(&topic("fujisawa/a")).is_none());
}

#[test]
fn a_stream_is_described_by_who_may_administer_it() {
    let mut world = World::new();
    let person = world.enrol("sato", PrincipalKind::Person);
    world.grant("sato@fujisawa", "grant,publish", "fujisawa/#");
    let open = signed(descriptor("fujisawa/air/1", StreamClass::Open), &[&person]);
    assert!(matches!(world.try_apply(&open), Err(StatementError::NotAuthorised { .. })));
    assert_eq!(world.policy.class_of(&topic("fujisawa/air/1")), StreamClass::Restricted);
    world.grant("sato@fujisawa", "administer", "fujisawa/air/+");
    world.apply(&open);
    assert_eq!(world.policy.class_of(&topic("fujisawa/air/1")), StreamClass::Open);
    let retention = world.policy.retention_of(&topic("fujisawa/air/1")).unwrap();
    assert_eq!(retention.as_secs(), 3600);
    let listed = filter("fujisawa/air/#");
    assert_eq!(world.policy.descriptors(&listed).len(), 1);
    let elsewhere = signed(descriptor("fujisawa/water", StreamClass::Open), &[&person]);
    assert!(world.try_apply(&elsewhere).is_err());
    world.revoke(open.id());
    assert_eq!(world.policy.class_of(&topic("fujisawa/air/1")), StreamClass::Restricted);
}

#[test]
fn a_refusal_says_what_was_wanted_and_what_was_found() {
    let mut world = World::new();
    let body = world.own.issuer_body("second", &Key::of("second"));
    let refused = world.try_apply(&signed(body, &[&world.own.roots[0]])).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "issuer statement of fujisawa: wanted 2 root signatures, found 1"
    );
    let stranger = Key::of("stranger");
    let refused = world
        .try_apply(&signed(grant("a@fujisawa", "publish", "fujisawa/a"), &[&stranger]))
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "grant statement: wanted a signer in force, found {}: no statement of an organisation \
             known here names this key",
            stranger.id().short()
        )
    );
}
