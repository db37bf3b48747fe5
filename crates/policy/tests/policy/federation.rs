//! What crosses between organisations: only what both agreed on, the owner granted, and the
//! publisher let go.

use sekisho_policy::{Missing, Recipient, StatementError};
use sekisho_proto::{
    Action, Epoch, PrincipalKind, Scope, StatementBody, StatementIndex, Suite,
    statement::{EpochAnnounce, Location, Peering, RevokeTarget, StreamClass, StreamDescriptor},
};

use crate::world::{
    Key, Party, Verifier, World, at, deny, filter, grant, name, org, peering, revoke, signed,
    topic, transit,
};

/// `fujisawa`, peered with `santander` for everything in both directions.
fn peered() -> (World, Party) {
    let mut world = World::new();
    let other = Party::new("santander");
    let contract = open_contract(&world, &other);
    world.peer(&other, contract);
    (world, other)
}

fn open_contract(world: &World, other: &Party) -> Peering {
    peering(
        world.own.side(&["fujisawa/#"], &["santander/#"]),
        other.side(&["santander/#"], &["fujisawa/#"]),
    )
}

fn foreign(world: &mut World, other: &Party, label: &str) -> Key {
    world.apply(&other.principal(label, PrincipalKind::App));
    Key::of(&format!("{label}@{}", other.name))
}

#[test]
fn a_peering_with_one_signature_is_refused_naming_the_missing_one() {
    let mut world = World::new();
    let other = Party::new("santander");
    let contract = open_contract(&world, &other);
    let only_ours = signed(contract.clone(), &[&world.own.issuer]);
    let only_theirs = signed(contract.clone(), &[&other.issuer]);
    let missing = |refused: Result<_, StatementError>| match refused {
        Err(StatementError::MissingSignature { organisation }) => organisation.to_string(),
        other => panic!("wanted a missing signature, found {other:?}"),
    };
    assert_eq!(missing(world.try_apply(&only_ours)), "santander");
    world.apply(&other.root());
    world.apply(&other.issuer_statement());
    assert_eq!(missing(world.try_apply(&only_ours)), "santander");
    assert_eq!(missing(world.try_apply(&only_theirs)), "fujisawa");
    let by_stranger = signed(contract.clone(), &[&world.own.issuer, &Key::of("stranger")]);
    assert!(matches!(world.try_apply(&by_stranger), Err(StatementError::UnknownSigner { .. })));
    assert!(world.policy.peers().is_empty());
    let both = signed(contract, &[&world.own.issuer, &other.issuer]);
    let applied = world.apply(&both);
    assert_eq!(applied.organisation, org("fujisawa"));
    let (logged, index) = applied.other.unwrap();
    assert_eq!((logged, index.value()), (org("santander"), 2));
    assert_eq!(world.policy.peers().len(), 1);
}

#[test]
fn a_forged_signature_under_a_peering_is_refused_whosever_it_is() {
    let mut world = World::new();
    let other = Party::new("santander");
    world.apply(&other.root());
    world.apply(&other.issuer_statement());
    let contract = open_contract(&world, &other);
    let forger = Key::of("forger");
    for (forged, honest) in [(&world.own.issuer, &other.issuer), (&other.issuer, &world.own.issuer)]
    {
        let statement = signed(contract.clone(), &[honest]);
        let signature = forger.sign(&statement.signing_input());
        let statement = statement.with_signature(forged.id(), signature);
        let refused = world.policy.clone().apply(&statement, at(100), &Verifier::default());
        let Err(StatementError::BadSignature { signer, .. }) = refused else {
            panic!("wanted a bad signature, found {refused:?}");
        };
        assert_eq!(signer, forged.id());
    }
}

#[test]
fn a_peering_that_both_signed_carries_no_signature_that_cannot_be_checked() {
    let mut world = World::new();
    let other = Party::new("santander");
    world.apply(&other.root());
    world.apply(&other.issuer_statement());
    let contract = open_contract(&world, &other);
    let both = signed(contract, &[&world.own.issuer, &other.issuer]);
    let forged = Key::of("forger").sign(b"something else");
    let carried = both.clone().with_signature(Key::of("stranger").id(), forged);
    let refused = world.try_apply(&carried);
    assert!(matches!(refused, Err(StatementError::UnknownSigner { .. })), "{refused:?}");
    world.apply(&both);
}

#[test]
fn a_peer_s_node_cannot_be_one_of_our_principals() {
    let mut world = World::new();
    let other = Party::new("santander");
    world.apply(&other.root());
    world.apply(&other.issuer_statement());
    let steward = world.enrol("steward", PrincipalKind::Steward);
    for taken in [&steward, &world.own.node.clone()] {
        let mut theirs = other.side(&["santander/#"], &[]);
        theirs.node_key = taken.public();
        let contract = peering(world.own.side(&[], &["santander/#"]), theirs);
        let refused = world.try_apply(&signed(contract, &[&world.own.issuer, &other.issuer]));
        assert!(matches!(refused, Err(StatementError::KeyTaken { .. })), "{refused:?}");
        assert_eq!(world.policy.peer_of_key(&taken.public(), world.now), None);
    }
}

#[test]
fn a_peering_is_not_signed_by_principals_or_roots() {
    let mut world = World::new();
    let other = Party::new("santander");
    world.apply(&other.root());
    world.apply(&other.issuer_statement());
    let person = world.enrol("sato", PrincipalKind::Person);
    world.grant("sato@fujisawa", "administer,grant", "fujisawa/#");
    let contract = open_contract(&world, &other);
    for key in [&person, &world.own.roots[0].clone()] {
        let statement = signed(contract.clone(), &[key, &other.issuer]);
        assert!(world.try_apply(&statement).is_err());
    }
}

#[test]
fn a_peering_that_names_another_root_is_refused() {
    let mut world = World::new();
    let other = Party::new("santander");
    world.apply(&other.root());
    world.apply(&other.issuer_statement());
    let mut theirs = other.side(&["santander/#"], &[]);
    theirs.root = world.own.fingerprint();
    let contract = peering(world.own.side(&[], &[]), theirs);
    let refused = world.try_apply(&signed(contract, &[&world.own.issuer, &other.issuer]));
    assert!(matches!(refused, Err(StatementError::RootMismatch { .. })));
}

#[test]
fn a_false_root_before_the_peering_is_replaced_and_after_it_refused() {
    let mut world = World::new();
    let other = Party::new("santander");
    let mut body = other.root_body();
    body.threshold = 1;
    let false_root = signed(body, &[&other.roots[0]]);
    world.apply(&false_root);
    let contract = open_contract(&world, &other);
    world.peer(&other, contract);
    assert_eq!(world.policy.root_of(&org("santander")), Some(other.fingerprint()));
    let refused = world.try_apply(&false_root);
    assert!(matches!(refused, Err(StatementError::RootMismatch { .. })));
}

#[test]
fn organisations_without_a_peering_fill_only_so_much() {
    let mut world = World::new();
    for number in 0..16 {
        world.apply(&Party::new(&format!("city-{number}")).root());
    }
    let refused = world.try_apply(&Party::new("one-more").root());
    assert!(matches!(refused, Err(StatementError::TooManyNotPinned { limit: 16, .. })));
    // One that is waiting may state its root again, and one that is pinned does not wait.
    world.apply(&Party::new("city-3").root());
    let other = Party::new("santander");
    world.policy.pin(&other.name, other.fingerprint()).unwrap();
    world.apply(&other.root());
}

#[test]
fn a_pinned_root_needs_no_peering_to_be_known_but_its_principals_do_to_act() {
    let mut world = World::new();
    let other = Party::new("santander");
    world.policy.pin(&other.name, other.fingerprint()).unwrap();
    world.apply(&other.root());
    world.apply(&other.issuer_statement());
    let app = foreign(&mut world, &other, "app");
    world.grant("app@santander", "publish,subscribe", "fujisawa/#");
    assert_eq!(world.policy.principal(&app.id()).unwrap().name, name("app@santander"));
    assert!(!world.may_publish(&app, "fujisawa/a"));
    let refused = world.policy.pin(&other.name, world.own.fingerprint());
    assert!(matches!(refused, Err(StatementError::RootMismatch { .. })));
}

#[test]
fn foreign_principals_act_only_under_a_peering_in_force() {
    let mut world = World::new();
    let other = Party::new("santander");
    let mut contract = open_contract(&world, &other);
    contract.from = at(200);
    contract.until = Some(at(300));
    let agreed = world.peer(&other, contract);
    let app = foreign(&mut world, &other, "app");
    world.grant("app@santander", "publish,subscribe", "fujisawa/#");
    for (now, may) in [(199, false), (200, true), (299, true), (300, false)] {
        world.now = at(now);
        assert_eq!(world.may_publish(&app, "fujisawa/a"), may, "at {now}");
        assert_eq!(world.delivery(&app, "fujisawa/a", at(now)).is_ok(), may, "at {now}");
        assert_eq!(world.subscribing(&app, "fujisawa/#").is_ok(), may, "at {now}");
        let standing = world.policy.standing(&app.id(), at(now));
        assert_eq!(standing.is_ok(), may, "at {now}");
        let node = other.node.public();
        assert_eq!(world.policy.peer_of_key(&node, at(now)).is_some(), may, "at {now}");
    }
    world.now = at(250);
    world.revoke(agreed);
    assert!(!world.may_publish(&app, "fujisawa/a"));
    assert!(world.policy.peers().is_empty());
}

#[test]
fn a_peer_whose_contract_was_ended_here_is_known_as_a_former_one_up_to_that_statement() {
    let mut world = World::new();
    let other = Party::new("santander");
    let contract = open_contract(&world, &other);
    let agreed = world.peer(&other, contract.clone());
    let node = other.node.public();
    assert_eq!(world.policy.former_peer_of_key(&node), None, "it is in force");
    world.revoke(agreed);
    let end = u64::try_from(world.policy.log(&world.own.name).len()).unwrap();
    world.grant("app@fujisawa", "publish", "fujisawa/#");
    let former = world.policy.former_peer_of_key(&node);
    assert_eq!(former, Some((&other.name, StatementIndex::new(end))));
    assert_eq!(world.policy.former_peer_of_key(&world.own.node.public()), None);
    let mut anew = contract;
    anew.issued = at(60);
    world.now = at(60);
    world.peer(&other, anew);
    assert_eq!(world.policy.former_peer_of_key(&node), None, "there is a new contract");
}

/// What an organisation's own people stated in its own log is older than any contract with us.
#[test]
fn what_a_foreign_steward_stated_before_the_contract_began_counts_under_it() {
    let mut world = World::new();
    let other = Party::new("santander");
    let mut contract = open_contract(&world, &other);
    contract.from = at(100);
    world.peer(&other, contract);
    world.now = at(20);
    let steward = {
        world.apply(&other.principal("steward", PrincipalKind::Steward));
        Key::of("steward@santander")
    };
    let announce = EpochAnnounce {
        organisation: org("santander"),
        tree: filter("santander/#"),
        epoch: Epoch::new(1),
        suite: Suite::X25519Aes256Gcm,
        public_key: vec![7; 32].into(),
        issued: at(20),
        not_before: at(20),
        not_after: at(1000),
        min_epoch: Epoch::new(1),
    };
    let statement = signed(announce, &[&steward]);
    world.apply(&statement);
    let topic = topic("santander/a");
    let announced = world.policy.epoch_of(&topic, at(200)).map(|found| found.epoch);
    assert_eq!(announced, Some(Epoch::new(1)));

    // Another organisation's steward still has no say in it, with or without a contract.
    let own = world.enrol("steward", PrincipalKind::Steward);
    let StatementBody::EpochAnnounce(announce) = statement.body() else { unreachable!() };
    let next = EpochAnnounce { epoch: Epoch::new(2), ..announce.clone() };
    world.now = at(200);
    let refused = world.try_apply(&signed(next, &[&own]));
    assert!(matches!(refused, Err(StatementError::NotAuthorised { .. })), "{refused:?}");
}

#[test]
fn either_party_ends_a_peering() {
    let (mut world, other) = peered();
    let app = foreign(&mut world, &other, "app");
    world.grant("app@santander", "publish", "fujisawa/#");
    let agreed = world.policy.peers()[0].statement;
    let end = revoke(&org("santander"), RevokeTarget::Statement(agreed));
    world.apply(&signed(end, &[&other.issuer]));
    assert!(!world.may_publish(&app, "fujisawa/a"));
}

#[test]
fn a_new_contract_replaces_the_old_one_and_ending_it_does_not_bring_that_back() {
    let (mut world, other) = peered();
    let app = foreign(&mut world, &other, "app");
    world.grant("app@santander", "subscribe", "fujisawa/#");
    world.delivery(&app, "fujisawa/b", at(100)).unwrap();
    let narrow = peering(world.own.side(&["fujisawa/a"], &[]), other.side(&[], &["fujisawa/#"]));
    let narrow = signed(narrow, &[&world.own.issuer, &other.issuer]);
    world.apply(&narrow);
    world.delivery(&app, "fujisawa/a", at(100)).unwrap();
    assert!(world.delivery(&app, "fujisawa/b", at(100)).is_err());
    world.revoke(narrow.id());
    assert!(world.delivery(&app, "fujisawa/a", at(100)).is_err());
    assert!(world.delivery(&app, "fujisawa/b", at(100)).is_err());
}

/// Two nodes may hear of two contracts in another order each.
#[test]
fn the_contract_that_was_made_last_counts_whichever_is_heard_of_last() {
    for newest_first in [false, true] {
        let (mut world, other) = peered();
        let app = foreign(&mut world, &other, "app");
        world.grant("app@santander", "subscribe", "fujisawa/#");
        let made = |exports: &str, issued| {
            let body = peering(world.own.side(&[exports], &[]), other.side(&[], &["fujisawa/#"]));
            signed(Peering { issued: at(issued), ..body }, &[&world.own.issuer, &other.issuer])
        };
        let mut contracts = [made("fujisawa/a", 20), made("fujisawa/b", 30)];
        if newest_first {
            contracts.reverse();
        }
        for contract in contracts {
            world.apply(&contract);
        }
        world.delivery(&app, "fujisawa/b", at(100)).unwrap();
        assert!(world.delivery(&app, "fujisawa/a", at(100)).is_err(), "{newest_first}");
    }
}

/// Export, import, grant and scope: all sixteen combinations, for a principal and for a node.
#[test]
fn only_what_is_exported_imported_granted_and_let_go_crosses() {
    for bits in 0..16_u32 {
        let has = |bit: u32| bits & (1 << bit) != 0;
        let [exported, imported, granted] = [has(0), has(1), has(2)];
        let scope = if has(3) { Scope::Federation } else { Scope::Organisation };
        let mut world = World::new();
        let other = Party::new("santander");
        let pick = |covered: bool| if covered { "fujisawa/a/#" } else { "fujisawa/b/#" };
        let contract =
            peering(world.own.side(&[pick(exported)], &[]), other.side(&[], &[pick(imported)]));
        world.peer(&other, contract);
        let app = foreign(&mut world, &other, "app");
        world.grant("app@santander", "subscribe", pick(granted));
        for recipient in [Recipient::Principal(app.id()), Recipient::Peer(org("santander"))] {
            let found = world.deliver_to(&recipient, "fujisawa/a/1", scope, at(100));
            assert_eq!(found.is_ok(), bits == 15, "{bits:04b}: {found:?}");
            let might = world.policy.may_subscribe(&recipient, &filter("fujisawa/a/+"), at(100));
            assert_eq!(might.is_ok(), bits & 7 == 7, "{bits:04b}: {might:?}");
            let Err(denial) = found else { continue };
            let missing = denial.missing();
            let told = [
                (matches!(missing, Missing::Scope { .. }), scope == Scope::Federation),
                (matches!(missing, Missing::NotExported { .. }), exported),
                (matches!(missing, Missing::NotImported { .. }), imported),
                (matches!(missing, Missing::NoGrant { .. }), granted),
            ];
            let is_true = told.iter().any(|(is_told, is_there)| *is_told && !is_there);
            assert!(is_true, "{bits:04b}: {denial}");
        }
    }
}

/// The same on the importing side, where the owner is another organisation.
#[test]
fn the_importing_side_asks_the_same_again() {
    for bits in 0..16_u32 {
        let has = |bit: u32| bits & (1 << bit) != 0;
        let [exported, imported, granted, may_publish] = [has(0), has(1), has(2), has(3)];
        let mut world = World::new();
        let other = Party::new("santander");
        let pick = |covered: bool| if covered { "santander/a/#" } else { "santander/b/#" };
        let contract =
            peering(world.own.side(&[], &[pick(imported)]), other.side(&[pick(exported)], &[]));
        world.peer(&other, contract);
        let bus = foreign(&mut world, &other, "bus");
        let reader = world.enrol("reader", PrincipalKind::App);
        for body in [
            grant("bus@santander", "publish", pick(may_publish)),
            grant("*@fujisawa", "subscribe", pick(granted)),
        ] {
            world.apply(&signed(body, &[&other.issuer]));
        }
        let crosses = exported && imported;
        let published = topic("santander/a/1");
        let import = |scope| world.policy.permit_import(bus.id(), &published, scope, at(100));
        assert_eq!(import(Scope::Federation).is_ok(), crosses && may_publish, "{bits:04b}");
        assert!(import(Scope::Organisation).is_err());
        let found = world.delivery(&reader, "santander/a/1", at(100));
        assert_eq!(found.is_ok(), crosses && granted, "{bits:04b}: {found:?}");
    }
}

#[test]
fn a_foreign_organisations_grants_are_about_its_own_topics_alone() {
    let (mut world, other) = peered();
    let app = foreign(&mut world, &other, "app");
    let own = signed(grant("app@santander", "publish", "fujisawa/#"), &[&other.issuer]);
    assert!(matches!(world.try_apply(&own), Err(StatementError::UnknownSigner { .. })));
    assert!(!world.may_publish(&app, "fujisawa/a"));
}

#[test]
fn a_foreign_organisation_cannot_name_a_key_of_ours_nor_keep_us_from_naming_it() {
    let (mut world, other) = peered();
    let truck = world.device("truck-1");
    let mut body = other.principal_body("stolen", PrincipalKind::Device);
    body.public_key = truck.public();
    let refused = world.try_apply(&signed(body, &[&other.issuer]));
    assert!(matches!(refused, Err(StatementError::KeyTaken { .. })));
    let mut body = other.principal_body("early", PrincipalKind::Device);
    body.public_key = Key::of("truck-2@fujisawa").public();
    world.apply(&signed(body, &[&other.issuer]));
    let second = world.device("truck-2");
    assert_eq!(world.policy.principal(&second.id()).unwrap().name, name("truck-2@fujisawa"));
}

#[test]
fn a_node_receives_what_anybody_behind_it_may_have() {
    let (mut world, other) = peered();
    let node = Recipient::Peer(org("santander"));
    let asked = |world: &World| world.deliver_to(&node, "fujisawa/a", Scope::Federation, at(100));
    assert!(asked(&world).is_err());
    // One reader that is not known here yet is enough.
    world.grant("later@santander", "subscribe", "fujisawa/a");
    asked(&world).unwrap();
    let denied = world.deny("later@santander", "subscribe", "fujisawa/#");
    assert!(asked(&world).is_err());
    world.revoke(denied);
    let second = foreign(&mut world, &other, "second");
    world.grant("second@santander", "subscribe", "fujisawa/a");
    world.deny("later@santander", "subscribe", "fujisawa/+");
    asked(&world).unwrap();
    world.apply(&signed(
        revoke(&org("santander"), RevokeTarget::Principal(second.id())),
        &[&other.issuer],
    ));
    assert!(asked(&world).is_err());
    world.grant("*@santander", "subscribe", "fujisawa/a");
    asked(&world).unwrap();
    world.state(deny("*@santander", "subscribe", "fujisawa/a"));
    assert!(asked(&world).is_err());
}

#[test]
fn a_topic_is_not_sent_back_to_its_home() {
    let (mut world, other) = peered();
    world.apply(&signed(grant("*@santander", "subscribe", "santander/#"), &[&other.issuer]));
    let node = Recipient::Peer(org("santander"));
    let found = world.deliver_to(&node, "santander/a", Scope::Federation, at(100));
    assert!(matches!(found.unwrap_err().missing(), Missing::Home));
    // Its principals may read it here all the same.
    let app = foreign(&mut world, &other, "app");
    world.delivery(&app, "santander/a", at(100)).unwrap();
}

/// N-44.
#[test]
fn third_organisations_receive_only_what_its_owner_lets_travel_on() {
    for onward in [false, true] {
        let mut world = World::new();
        let [owner, third] = ["santander", "third"].map(Party::new);
        let mut theirs = owner.side(&["santander/#"], &[]);
        theirs.onward = onward;
        let contract = peering(world.own.side(&[], &["santander/#"]), theirs);
        world.peer(&owner, contract);
        let node = Recipient::Peer(org("third"));
        let asked = |world: &World| {
            world.deliver_to(&node, "santander/a", Scope::Federation, at(100)).is_ok()
        };
        world.apply(&signed(grant("*@third", "subscribe", "santander/#"), &[&owner.issuer]));
        assert!(!asked(&world));
        let silent = peering(world.own.side(&[], &[]), third.side(&[], &[]));
        world.peer(&third, silent.clone());
        assert!(!asked(&world), "no contract says that it is passed on");
        let mut ours = world.own.side(&[], &[]);
        ours.passes_on = vec![transit(&owner, &["santander/#"])];
        world.peer(&third, Peering { issued: at(50), ..peering(ours, third.side(&[], &[])) });
        assert_eq!(asked(&world), onward);
        let app = foreign(&mut world, &third, "app");
        assert_eq!(world.delivery(&app, "santander/a", at(100)).is_ok(), onward);
        let narrow =
            world.deliver_to(&node, "santander/a", Scope::Organisation, at(100)).unwrap_err();
        assert!(matches!(narrow.missing(), Missing::Scope { .. }));
    }
}

#[test]
fn a_peering_of_two_others_is_kept_but_gives_no_right_here() {
    let (mut world, other) = peered();
    let third = Party::new("third");
    let contract = peering(other.side(&["santander/#"], &[]), third.side(&[], &["santander/#"]));
    let statement = signed(contract.clone(), &[&other.issuer, &third.issuer]);
    let applied = world.apply(&statement);
    assert_eq!((applied.organisation, applied.other), (org("santander"), None));
    assert_eq!(world.policy.peers().len(), 1);
    assert_eq!(world.policy.root_of(&org("third")), None);
    let by_strangers = signed(
        peering(Party::new("x").side(&[], &[]), Party::new("y").side(&[], &[])),
        &[&Key::of("x issuer"), &Key::of("y issuer")],
    );
    assert!(world.try_apply(&by_strangers).is_err());
}

/// N-47.
#[test]
fn restricted_topics_of_a_silent_peer_fail_closed_and_open_ones_go_on() {
    let (mut world, other) = peered();
    let reader = world.enrol("reader", PrincipalKind::App);
    let bus = foreign(&mut world, &other, "bus");
    let open = StreamDescriptor {
        organisation: org("santander"),
        topic: topic("santander/open"),
        device_type: String::new(),
        title: String::new(),
        class: StreamClass::Open,
        mobile: false,
        location: None::<Location>,
        retention_s: None,
        transducers: Vec::new(),
        issued: at(0),
    };
    world.apply(&signed(open, &[&other.issuer]));
    for who in ["*@fujisawa", "*@santander"] {
        let body = grant(who, "subscribe,publish", "santander/#");
        world.apply(&signed(body, &[&other.issuer]));
    }
    world.grant("bus@santander", "subscribe", "fujisawa/#");
    let nobody = world.enrol("nobody", PrincipalKind::App);
    world.apply(&signed(deny("nobody@fujisawa", "subscribe", "santander/#"), &[&other.issuer]));
    let heard = 100;
    world.policy.note_heard(&org("santander"), at(heard));
    world.policy.note_heard(&org("santander"), at(heard - 50));
    let fresh = heard + 15 * 60;
    for (now, is_fresh) in [(fresh, true), (fresh + 1, false)] {
        world.now = at(now);
        for (on, may) in [("santander/closed", is_fresh), ("santander/open", true)] {
            assert_eq!(world.delivery(&reader, on, at(now)).is_ok(), may, "{on} at {now}");
            assert_eq!(world.may_publish(&bus, on), may, "{on} at {now}");
        }
        assert_eq!(world.delivery(&bus, "fujisawa/a", at(now)).is_ok(), is_fresh);
        // Subscriptions stand: the records are asked about one by one.
        assert!(world.subscribing(&reader, "santander/#").is_ok());
        assert!(world.subscribing(&bus, "fujisawa/#").is_ok());
        // Who has no right is told that, whatever is stale.
        let stranger = world.delivery(&nobody, "santander/closed", at(now)).unwrap_err();
        assert!(matches!(stranger.missing(), Missing::Denied { .. }), "{stranger}");
    }
    world.policy.note_heard(&org("santander"), at(fresh));
    assert!(world.may(&reader, Action::Subscribe, "santander/closed"));
}

#[test]
fn why_says_now_what_is_decided_now_and_of_a_time_what_the_statements_said_then() {
    let (mut world, other) = peered();
    world.enrol("reader", PrincipalKind::App);
    let body = grant("*@fujisawa", "subscribe", "santander/#");
    world.apply(&signed(body, &[&other.issuer]));
    world.policy.note_heard(&org("santander"), at(100));
    let (who, on) = (name("reader@fujisawa"), topic("santander/closed"));
    let ask = |world: &World, now| world.policy.why_now(&who, Action::Subscribe, &on, at(now));
    let late = 100 + 15 * 60 + 1;
    assert!(ask(&world, late - 1).is_allowed());
    let why = ask(&world, late);
    assert!(why.verdict.as_ref().unwrap_err().is_stale(), "{why}");
    let told = why.to_string();
    for words in [
        "no: reader@fujisawa may not subscribe on santander/closed",
        "the statements of santander were last heard at 1970-01-01T00:01:40",
        "The right is there",
        "15 minutes",
        "sekisho peer list",
    ] {
        assert!(told.contains(words), "wanted {words:?} in {told}");
    }
    assert!(world.policy.why(&who, Action::Subscribe, &on, at(late)).is_allowed());
    world.policy.note_heard(&org("santander"), at(late));
    assert!(ask(&world, late).is_allowed());
}

#[test]
fn a_peering_names_the_node_and_both_sides() {
    let (mut world, other) = peered();
    let view = world.policy.peer(&other.name).unwrap();
    assert_eq!(view.theirs.node_key, other.node.public());
    assert_eq!(view.theirs.address, "santander.example:7600");
    assert_eq!(view.ours.exports, [filter("fujisawa/#")]);
    assert!(view.is_in_force(at(100)));
    assert_eq!(world.policy.peer_of_key(&other.node.public(), at(100)), Some(&other.name));
    assert_eq!(world.policy.peer_of_key(&world.own.node.public(), at(100)), None);
    assert!(world.policy.node_of(&org("fujisawa")).is_none());
    let node = world.enrol("node", PrincipalKind::Node);
    assert_eq!(world.policy.node_of(&org("fujisawa")).unwrap().id, node.id());
}

#[test]
fn a_subscription_needs_something_that_is_both_exported_and_imported() {
    let mut world = World::new();
    let other = Party::new("santander");
    let contract =
        peering(world.own.side(&["fujisawa/a/#"], &[]), other.side(&[], &["fujisawa/b/#"]));
    world.peer(&other, contract);
    world.grant("*@santander", "subscribe", "fujisawa/#");
    let node = Recipient::Peer(org("santander"));
    let asked = world.policy.may_subscribe(&node, &filter("fujisawa/#"), at(100));
    assert!(matches!(asked.unwrap_err().missing(), Missing::NotImported { .. }));
}
