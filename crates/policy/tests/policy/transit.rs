//! What comes from a third organisation through a peer that passes it on: only with the owner's
//! leave, under both contracts, and as all three see it.

use std::time::Duration;

use sekisho_policy::{Change, Concern, FRESHNESS_MAX, Missing, Policy, Recipient, StatementError};
use sekisho_proto::{
    Action, PrincipalId, PrincipalKind, Scope, StatementBody,
    statement::{Peering, StreamClass, StreamDescriptor},
};

use crate::three::{ALL, NOTHING, Seen, Terms, Three};
use crate::world::{
    Key, Party, Verifier, World, at, deny, filter, grant, name, org, peering, role, signed, topic,
    transit,
};

const ON: &str = "alba/a";

#[test]
fn a_route_leads_through_the_peer_that_passes_an_organisation_on() {
    let three = Three::under(&Terms { passes_on: Some(vec!["alba/a/#"]), ..Terms::open() });
    let routes = three.cadiz.policy.routes(at(100));
    let ends: Vec<(&str, &str)> =
        routes.iter().map(|route| (route.organisation.as_str(), route.via.as_str())).collect();
    assert_eq!(ends, [("alba", "bruges"), ("bruges", "bruges")]);
    let [alba, bruges, _cadiz] = &three.parties;
    let view = &routes[0].view;
    assert_eq!((&view.organisation, &view.theirs.organisation), (&alba.name, &bruges.name));
    assert_eq!(view.theirs.root, alba.fingerprint());
    assert_eq!(view.theirs.node_key, bruges.node.public());
    assert_eq!(view.theirs.address, "bruges.example:7600");
    assert_eq!(view.ours.imports, [filter("alba/a/#")]);
    assert!(view.ours.exports.is_empty() && !routes[0].is_direct() && routes[1].is_direct());
    assert_eq!(view.statement, routes[1].view.statement);
    let to_cadiz = three.alba.policy.route(&org("cadiz"), at(100)).unwrap();
    assert_eq!((to_cadiz.via, to_cadiz.view.ours.imports), (org("bruges"), vec![]));
    assert_eq!(three.bruges.policy.routes(at(100)).len(), 2);
}

#[test]
fn an_organisation_s_statements_are_shown_exactly_where_a_contract_says_so() {
    let mut three = Three::under(&Terms::open());
    let [alba, bruges, cadiz, dover] = ["alba", "bruges", "cadiz", "dover"].map(org);
    let shows = |world: &World, to, owner| world.policy.passes_on(to, owner, at(100));
    assert!(shows(&three.bruges, &cadiz, &alba) && shows(&three.bruges, &alba, &cadiz));
    assert!(!shows(&three.bruges, &cadiz, &dover) && !shows(&three.alba, &bruges, &cadiz));
    assert!(!shows(&three.cadiz, &bruges, &alba));
    let [first, _second] = three.agree(&Terms { passes_on: None, ..Terms::open() });
    assert!(!shows(&three.bruges, &cadiz, &alba) && shows(&three.bruges, &alba, &cadiz));
    three.end(0, first);
    assert!(!shows(&three.bruges, &alba, &cadiz));
}

/// N-44. Exported, imported, onward, passed on, granted, let go: all sixty-four combinations.
#[test]
fn only_what_both_contracts_the_owner_and_the_publisher_let_go_gets_to_the_third() {
    for bits in 0..64_u32 {
        let has = |bit: u32| bits & (1 << bit) != 0;
        let pick = |is: bool| vec![if is { "alba/a/#" } else { "alba/b/#" }];
        let terms = Terms {
            exports: pick(has(0)),
            imports: pick(has(1)),
            onward: has(2),
            passes_on: Some(pick(has(3))),
            ..Terms::open()
        };
        let mut three = Three::strangers();
        three.agree(&terms);
        let [alba, _bruges, cadiz] = three.parties.clone();
        for statement in [
            alba.principal("truck", PrincipalKind::Device),
            cadiz.principal("reader", PrincipalKind::App),
            cadiz.principal("steward", PrincipalKind::Steward),
        ] {
            three.tell(&statement);
        }
        three.state_of_alba(grant("*@cadiz", "subscribe,decrypt", pick(has(4))[0]));
        three.state_of_alba(grant("truck@alba", "publish", "alba/#"));
        let scope = if has(5) { Scope::Federation } else { Scope::Organisation };
        let crosses = bits & 0b1111 == 0b1111;
        let wanted = Seen {
            left: bits == 63,
            sent: bits == 63,
            taken: crosses && has(5),
            read: crosses && has(4),
            opened: crosses && has(4),
        };
        let seen = three.seen_with("alba/a/1", scope);
        assert_eq!(seen, wanted, "{bits:06b}: {:?}", three.sending("alba/a/1", scope));
        let subscribing = Recipient::Peer(org("cadiz"));
        let might =
            three.bruges.policy.may_subscribe(&subscribing, &filter("alba/a/+"), at(100)).is_ok();
        assert_eq!(might, bits & 31 == 31, "{bits:06b}");
        let subscribing = Recipient::Peer(org("bruges"));
        let might =
            three.alba.policy.may_subscribe(&subscribing, &filter("alba/a/+"), at(100)).is_ok();
        assert_eq!(might, bits & 31 == 31, "{bits:06b}");
    }
}

/// N-44: what each of the three may end, and how long the contracts last.
#[test]
fn the_way_ends_with_either_contract_whoever_ends_it_and_at_its_time() {
    for (contract, by) in [(0, 0), (0, 1), (1, 1), (1, 2)] {
        let mut three = Three::under(&Terms::open());
        assert_eq!(three.seen(ON), ALL);
        let contracts = three.agree(&Terms::open());
        assert_eq!(three.seen(ON), ALL, "a new contract replaces the old one");
        three.end(by, contracts[contract]);
        assert_eq!(three.seen(ON), NOTHING, "contract {contract} ended by {by}");
        assert!(three.cadiz.policy.route(&org("alba"), at(100)).is_none());
        three.agree(&Terms::open());
        assert_eq!(three.seen(ON), ALL, "and agreed anew");
    }
    for until in [[Some(200), None], [None, Some(200)]] {
        let mut three = Three::under(&Terms { until, ..Terms::open() });
        // What was decided before is asked again after, and the other way about.
        for (now, wanted) in [(199, ALL), (200, NOTHING), (199, ALL), (201, NOTHING)] {
            three.set_now(now);
            assert_eq!(three.seen(ON), wanted, "{until:?} at {now}");
            let is_there = three.cadiz.policy.route(&org("alba"), at(now)).is_some();
            assert_eq!(is_there, wanted == ALL);
        }
    }
}

#[test]
fn a_contract_without_the_passage_replaces_one_with_it() {
    let mut three = Three::under(&Terms::open());
    assert_eq!(three.seen(ON), ALL);
    three.second_contract(&Terms { passes_on: Some(vec!["alba/b/#"]), ..Terms::open() });
    assert_eq!(three.seen(ON), NOTHING, "narrower");
    assert_eq!(three.seen("alba/b/1"), ALL);
    three.second_contract(&Terms { passes_on: None, ..Terms::open() });
    assert_eq!(three.seen("alba/b/1"), NOTHING);
    let alba = org("alba");
    assert_eq!(three.cadiz.policy.route(&alba, at(100)), None);
    // The root stays known, and gives nothing.
    assert_eq!(three.cadiz.policy.root_of(&alba), Some(three.parties[0].fingerprint()));
    let truck = Key::of("truck@alba");
    assert!(three.cadiz.policy.standing(&truck.id(), at(100)).is_err());
    three.second_contract(&Terms::open());
    assert_eq!(three.seen(ON), ALL);
    three.first_contract(&Terms { onward: false, ..Terms::open() });
    assert_eq!(three.seen(ON), NOTHING);
}

/// N-44: a blocked organisation's people get nothing through a friend.
#[test]
fn whom_the_owner_denies_or_revokes_a_friend_cannot_help() {
    let mut three = Three::under(&Terms::open());
    let denied = three.state_of_alba(deny("*@cadiz", "subscribe,decrypt", "alba/#"));
    let seen = Seen { taken: true, ..NOTHING };
    assert_eq!(three.seen(ON), seen);
    assert!(three.given("alba/#").is_empty() && three.handed_on("alba/#").is_empty());
    three.end(0, denied);
    assert_eq!(three.seen(ON), ALL);
    let reader = Key::of("reader@cadiz");
    let body = crate::world::revoke(
        &org("alba"),
        sekisho_proto::statement::RevokeTarget::Principal(reader.id()),
    );
    three.state_of_alba(body);
    assert_eq!(three.seen(ON), Seen { read: false, ..ALL });
    assert!(three.handed_on("alba/#").is_empty());
}

/// Whoever passes over a record for good, where it is only not known lately that somebody behind the
/// peer may still have it, loses it.
#[test]
fn what_is_for_a_third_organisation_that_was_not_heard_waits_for_that_one() {
    let mut three = Three::under(&Terms::open());
    let now = three.alba.now;
    let later = now.saturating_add(FRESHNESS_MAX).saturating_add(Duration::from_secs(1));
    three.alba.policy.note_heard(&org("bruges"), later);
    three.alba.policy.note_heard(&org("cadiz"), now);
    let given = |three: &Three, on: &str, at| {
        let bruges = Recipient::Peer(org("bruges"));
        let scope = Scope::Federation;
        three.alba.policy.permit_delivery(&bruges, &topic(on), scope, now, at).map(|_permit| ())
    };
    given(&three, ON, now).unwrap();
    let stale = given(&three, ON, later).unwrap_err();
    assert!(stale.is_stale(), "{stale}");
    assert_eq!(*stale.missing(), Missing::Stale { organisation: org("cadiz"), heard: now });
    three.alba.policy.note_heard(&org("cadiz"), later);
    given(&three, ON, later).unwrap();
    // What nobody behind the peer may have is nobody's, however long ago they were heard.
    three.first_contract(&Terms { onward: false, ..Terms::open() });
    let after = later.saturating_add(FRESHNESS_MAX + FRESHNESS_MAX);
    assert!(!given(&three, ON, after).unwrap_err().is_stale());
}

/// N-44: bruges passes on what it may not; cadiz does not take it.
#[test]
fn what_a_peer_passes_on_without_leave_is_not_taken_where_the_owner_s_log_tells() {
    let mut three = Three::under(&Terms::open());
    three.first_contract(&Terms { exports: vec!["alba/b/#"], ..Terms::open() });
    let missing =
        |denied: Result<(), sekisho_policy::Denial>| denied.unwrap_err().missing().clone();
    let not_exported = Missing::NotExported { owner: org("alba"), organisation: org("bruges") };
    assert_eq!(missing(three.taking(ON, Scope::Federation)), not_exported);
    three.first_contract(&Terms { onward: false, ..Terms::open() });
    let not_onward = Missing::NotOnward { owner: org("alba"), via: org("bruges") };
    assert_eq!(missing(three.taking(ON, Scope::Federation)), not_onward);
    assert_eq!(missing(three.reading(ON)), not_onward);
    assert_eq!(missing(three.opening(ON)), not_onward);
    three.first_contract(&Terms::open());
    three.second_contract(&Terms { passes_on: Some(vec!["alba/b/#"]), ..Terms::open() });
    let not_passed_on =
        Missing::NotPassedOn { owner: org("alba"), via: org("bruges"), taker: org("cadiz") };
    for denied in [
        three.sending(ON, Scope::Federation),
        three.taking(ON, Scope::Federation),
        three.reading(ON),
    ] {
        assert_eq!(missing(denied), not_passed_on);
    }
    assert_eq!(missing(three.opening(ON)), not_passed_on, "bruges's log tells alba so");
}

/// N-42.
#[test]
fn who_passes_an_organisation_on_cannot_speak_for_it() {
    let three = Three::under(&Terms::open());
    let [alba, bruges, _cadiz] = three.parties.clone();
    let mut cadiz = three.cadiz;
    let truck = alba.principal_body("truck-2", PrincipalKind::Device);
    let forged = cadiz.try_apply(&signed(truck, &[&bruges.issuer]));
    assert!(matches!(forged, Err(StatementError::UnknownSigner { .. })), "{forged:?}");
    let given = grant("*@bruges", "publish", "alba/#");
    assert!(cadiz.try_apply(&signed(given, &[&bruges.issuer])).is_err());
    // Its own people publish nothing of alba's, nor do alba's publish anything of its.
    let app = Key::of("app@bruges");
    let import = |cadiz: &World, key: &Key, on: &str| {
        cadiz.policy.permit_import(key.id(), &topic(on), Scope::Federation, at(100))
    };
    assert!(import(&cadiz, &app, ON).is_err());
    assert!(import(&cadiz, &Key::of("truck@alba"), "bruges/a").is_err());
    // Nor is alba's truck its own because it says so.
    let mut body = bruges.principal_body("mine", PrincipalKind::Device);
    body.public_key = Key::of("truck@alba").public();
    cadiz.apply(&signed(body, &[&bruges.issuer]));
    let holder = cadiz.policy.principal(&Key::of("truck@alba").id()).unwrap();
    assert_eq!(holder.name, name("truck@alba"));
    assert!(import(&cadiz, &Key::of("truck@alba"), ON).is_ok());
    // And where it named one first, alba's log goes on here: it cannot have it refused.
    let mut early = bruges.principal_body("early", PrincipalKind::Device);
    early.public_key = Key::of("truck-3@alba").public();
    cadiz.apply(&signed(early, &[&bruges.issuer]));
    let named = alba.principal_body("truck-3", PrincipalKind::Device);
    cadiz.apply(&signed(named, &[&alba.issuer]));
    assert!(import(&cadiz, &Key::of("truck-3@alba"), ON).is_err());
}

#[test]
fn a_contract_that_names_another_root_of_a_third_is_refused() {
    let [bruges, cadiz] = ["bruges", "cadiz"].map(Party::new);
    let alba = Party::new("alba");
    let mut world = World::of("cadiz");
    world.policy.pin(&alba.name, alba.fingerprint()).unwrap();
    for statement in [bruges.root(), bruges.issuer_statement()] {
        world.apply(&statement);
    }
    let mut ours = cadiz.side(&[], &[]);
    let mut theirs = bruges.side(&[], &[]);
    let false_root = Party::new("dover").fingerprint();
    let wrong =
        || vec![sekisho_proto::statement::Transit { root: false_root, ..transit(&alba, &[]) }];
    for (our_wrong, their_wrong) in [(true, false), (false, true)] {
        ours.passes_on = if our_wrong { wrong() } else { Vec::new() };
        theirs.passes_on = if their_wrong { wrong() } else { Vec::new() };
        let body = peering(ours.clone(), theirs.clone());
        let refused = world.try_apply(&signed(body, &[&cadiz.issuer, &bruges.issuer]));
        let Err(StatementError::RootMismatch { organisation, wanted, found }) = refused else {
            panic!("wanted another root to be refused, found {refused:?}");
        };
        assert_eq!((organisation, wanted, found), (org("alba"), alba.fingerprint(), false_root));
        assert!(world.policy.peers().is_empty());
    }
}

#[test]
fn a_false_root_of_a_third_that_came_first_gives_way_to_the_contract() {
    let [alba, bruges, cadiz] = ["alba", "bruges", "cadiz"].map(Party::new);
    let mut world = World::of("cadiz");
    let mut body = alba.root_body();
    body.threshold = 1;
    world.apply(&signed(body, &[&alba.roots[0]]));
    for statement in [bruges.root(), bruges.issuer_statement()] {
        world.apply(&statement);
    }
    let mut theirs = bruges.side(&[], &[]);
    theirs.passes_on = vec![transit(&alba, &["alba/#"])];
    let contract = peering(cadiz.side(&[], &[]), theirs);
    world.apply(&signed(contract, &[&cadiz.issuer, &bruges.issuer]));
    assert_eq!(world.policy.root_of(&org("alba")), None);
    world.apply(&alba.root());
    assert_eq!(world.policy.root_of(&org("alba")), Some(alba.fingerprint()));
    // A peering with alba itself must be with the same one.
    world.apply(&alba.issuer_statement());
    let mut theirs = alba.side(&[], &[]);
    theirs.root = bruges.fingerprint();
    let other = peering(cadiz.side(&[], &[]), theirs);
    let refused = world.try_apply(&signed(other, &[&cadiz.issuer, &alba.issuer]));
    assert!(matches!(refused, Err(StatementError::RootMismatch { .. })), "{refused:?}");
}

#[test]
fn a_peering_with_the_owner_wins_and_when_it_ends_the_peer_s_passage_is_back() {
    let mut three = Three::under(&Terms::open());
    let [alba, _bruges, cadiz] = three.parties.clone();
    let direct = peering(alba.side(&["alba/b/#"], &[]), cadiz.side(&[], &["alba/b/#"]));
    let direct = Peering { issued: at(70), ..direct };
    let direct = signed(direct, &[&alba.issuer, &cadiz.issuer]);
    three.alba.apply(&direct);
    three.cadiz.apply(&direct);
    let route = three.cadiz.policy.route(&alba.name, at(100)).unwrap();
    assert!(route.is_direct() && route.view.theirs.node_key == alba.node.public());
    assert!(three.reading(ON).is_err() && three.opening(ON).is_err());
    assert!(three.reading("alba/b/1").is_ok() && three.opening("alba/b/1").is_ok());
    three.end(2, direct.id());
    assert_eq!(three.cadiz.policy.route(&alba.name, at(100)).unwrap().via, org("bruges"));
    assert_eq!(three.seen(ON), ALL);
}

#[test]
fn of_several_peers_that_pass_an_organisation_on_the_first_that_may_is_the_way() {
    let mut three = Three::under(&Terms::open());
    let [alba, _bruges, cadiz] = three.parties.clone();
    let azores = Party::new("azores");
    let world = &mut three.cadiz;
    for statement in [azores.root(), azores.issuer_statement()] {
        world.apply(&statement);
    }
    let mut theirs = azores.side(&[], &[]);
    theirs.passes_on = vec![transit(&alba, &["alba/#"])];
    let contract = peering(cadiz.side(&[], &[]), theirs);
    world.apply(&signed(contract, &[&cadiz.issuer, &azores.issuer]));
    assert_eq!(world.policy.route(&alba.name, at(100)).unwrap().via, azores.name);
    // Its contract with alba, which alba's log tells, runs out: bruges is next.
    let origin = peering(alba.side(&["alba/#"], &[]), azores.side(&[], &["alba/#"]));
    let origin = Peering { until: Some(at(150)), ..origin };
    world.apply(&signed(origin, &[&alba.issuer, &azores.issuer]));
    world.now = at(150);
    assert_eq!(world.policy.route(&alba.name, at(150)).unwrap().via, org("bruges"));
    assert_eq!(world.policy.routes(at(150)).len(), 3);
}

/// A peer's peer's peer is a stranger.
#[test]
fn what_came_through_a_peer_is_not_passed_on_again() {
    let mut three = Three::under(&Terms::open());
    let dover = Party::new("dover");
    let mut ours = three.parties[2].side(&[], &[]);
    ours.passes_on = vec![transit(&three.parties[0], &["alba/#"])];
    let contract = peering(ours, dover.side(&[], &[]));
    three.cadiz.peer(&dover, contract);
    three.state_of_alba(grant("*@dover", "subscribe", "alba/#"));
    let node = Recipient::Peer(org("dover"));
    let denied = three.cadiz.deliver_to(&node, ON, Scope::Federation, at(100)).unwrap_err();
    let wanted = Missing::NotPassedOn { owner: org("alba"), via: org("cadiz"), taker: dover.name };
    assert_eq!(*denied.missing(), wanted);
}

/// cadiz reads in bruges's log of its contract with alba before it follows alba's.
#[test]
fn a_contract_of_two_others_that_one_log_told_stands_in_the_other_s_as_well() {
    let [alba, bruges, cadiz] = ["alba", "bruges", "cadiz"].map(Party::new);
    let mut world = World::of("cadiz");
    let mut theirs = bruges.side(&[], &[]);
    theirs.passes_on = vec![transit(&alba, &["alba/#"])];
    world.peer(&bruges, peering(cadiz.side(&[], &[]), theirs));
    let mut ours = alba.side(&["alba/#"], &[]);
    ours.onward = true;
    let origin = peering(ours, bruges.side(&[], &["alba/#"]));
    let origin = signed(origin, &[&alba.issuer, &bruges.issuer]);
    let first = world.apply(&origin);
    assert_eq!((first.organisation, first.other, first.is_new), (org("bruges"), None, true));
    assert!(!world.apply(&origin).is_new);
    for statement in [alba.root(), alba.issuer_statement()] {
        world.apply(&statement);
    }
    let second = world.apply(&origin);
    let place = (second.organisation.as_str(), second.index.value(), second.is_new);
    assert_eq!((place, second.other), (("alba", 2, true), None));
    assert!(!world.apply(&origin).is_new);
    assert!(world.policy.route(&alba.name, at(100)).is_some());
    let end = crate::world::revoke(
        &alba.name,
        sekisho_proto::statement::RevokeTarget::Statement(origin.id()),
    );
    world.apply(&signed(end, &[&alba.issuer]));
    assert!(world.policy.route(&alba.name, at(100)).is_none());
    // From a store, log by log, it is the same again.
    let restored = restored(&world);
    assert!(restored.route(&alba.name, at(100)).is_none());
    for log in [&alba.name, &bruges.name, &cadiz.name] {
        let ids = |policy: &Policy| -> Vec<_> {
            policy.log(log).iter().map(|logged| logged.statement.id()).collect()
        };
        assert_eq!(ids(&restored), ids(&world.policy), "{log}");
    }
}

fn restored(world: &World) -> Policy {
    let mut policy = Policy::new(world.own.name.clone(), world.own.fingerprint());
    let logs: Vec<_> = world
        .policy
        .organisations()
        .map(|organisation| {
            let logged = world.policy.log(organisation).iter();
            let statements = logged.map(|logged| ((*logged.statement).clone(), logged.received));
            (organisation.clone(), statements.collect())
        })
        .collect();
    let unapplied = policy.restore(logs, &Verifier::default());
    assert!(unapplied.is_empty(), "{unapplied:?}");
    policy
}

#[test]
fn what_is_stored_of_three_organisations_decides_the_same_again() {
    let three = Three::under(&Terms::open());
    for world in [&three.alba, &three.bruges, &three.cadiz] {
        let restored = restored(world);
        assert_eq!(restored.routes(at(100)), world.policy.routes(at(100)));
        let steward = Key::of("steward@cadiz").id();
        let may = |policy: &Policy| policy.permit(Action::Decrypt, steward, &topic(ON), at(100));
        assert_eq!(may(&restored), may(&world.policy));
        assert!(may(&restored).is_ok(), "{}", world.own.name);
    }
}

/// The key goes from alba's steward to cadiz's, and from there to cadiz's people.
#[test]
fn the_steward_of_who_reads_through_a_peer_is_given_the_key_and_hands_it_on() {
    let mut three = Three::under(&Terms::open());
    assert_eq!(three.given("alba/#"), ["steward@cadiz"]);
    assert_eq!(three.handed_on("alba/#"), ["reader@cadiz"]);
    let steward: PrincipalId = Key::of("steward@cadiz").id();
    let holds =
        |three: &Three| three.alba.policy.may_hold_key(&steward, &filter("alba/#"), at(100));
    assert!(holds(&three));
    let record = three.alba.policy.principal(&steward).unwrap();
    assert!(three.alba.policy.reach(record, &filter("alba/#"), at(100)).is_some());
    three.first_contract(&Terms { onward: false, ..Terms::open() });
    assert!(!holds(&three) && three.given("alba/#").is_empty());
    assert!(three.handed_on("alba/#").is_empty());
    three.first_contract(&Terms::open());
    three.state_of_alba(grant("reader@cadiz", "decrypt,subscribe", "alba/#"));
    assert_eq!(three.given("alba/#"), ["reader@cadiz", "steward@cadiz"]);
}

#[test]
fn a_role_of_the_owner_reaches_people_behind_a_peer() {
    let mut three = Three::strangers();
    three.agree(&Terms::open());
    let cadiz = three.parties[2].clone();
    three.tell(&cadiz.principal("reader", PrincipalKind::App));
    three.state_of_alba(role("role/guests@alba", "reader@cadiz"));
    three.state_of_alba(grant("role/guests@alba", "subscribe,decrypt", "alba/#"));
    assert!(three.sending(ON, Scope::Federation).is_ok() && three.reading(ON).is_ok());
    assert_eq!(three.given("alba/#"), ["reader@cadiz"]);
}

#[test]
fn a_publisher_behind_two_nodes_is_proved_to_who_trusts_its_own_root_alone() {
    let three = Three::under(&Terms::open());
    let mut client = Policy::new(org("cadiz"), three.parties[2].fingerprint());
    let truck = Key::of("truck@alba");
    let proof = three.cadiz.policy.proof_of_principal(&truck.id());
    for statement in &proof {
        client.apply(statement, statement.body().issued(), &Verifier::default()).unwrap();
    }
    assert_eq!(client.principal(&truck.id()).unwrap().name, name("truck@alba"));
    let mut without = Policy::new(org("cadiz"), three.parties[2].fingerprint());
    for statement in proof {
        if !matches!(statement.body(), StatementBody::Peering(_)) {
            drop(without.apply(statement, statement.body().issued(), &Verifier::default()));
        }
    }
    assert!(without.principal(&truck.id()).is_none());
}

/// N-47.
#[test]
fn who_is_silent_on_the_way_closes_restricted_topics_and_leaves_open_ones() {
    for silent in ["alba", "bruges"] {
        let mut three = Three::under(&Terms::open());
        let open = StreamDescriptor {
            organisation: org("alba"),
            topic: topic("alba/open"),
            device_type: String::new(),
            title: String::new(),
            class: StreamClass::Open,
            mobile: false,
            location: None,
            retention_s: None,
            transducers: Vec::new(),
            issued: at(0),
        };
        three.state_of_alba(open);
        for heard in ["alba", "bruges"] {
            let when = if heard == silent { 100 } else { 2_000 };
            three.cadiz.policy.note_heard(&org(heard), at(when));
        }
        for (now, is_fresh) in [(1_000, true), (1_001, false)] {
            three.set_now(now);
            assert_eq!(three.reading(ON).is_ok(), is_fresh, "{silent} at {now}");
            assert_eq!(three.taking(ON, Scope::Federation).is_ok(), is_fresh);
            assert!(three.reading("alba/open").is_ok());
        }
        let denied = three.reading(ON).unwrap_err();
        let Missing::Stale { organisation, .. } = denied.missing() else { panic!("{denied}") };
        assert_eq!(organisation.as_str(), silent);
    }
}

#[test]
fn why_tells_through_whom_and_what_is_missing_there() {
    let mut three = Three::under(&Terms::open());
    let here = Three::why(&three.cadiz, Action::Subscribe, ON);
    for wanted in [
        "yes: reader@cadiz may subscribe on alba/a",
        "alba and bruges exchange what they agreed on, alba lets its topics travel on, bruges \
         passes on what cadiz states and sends, signed by the issuer office@bruges and the issuer \
         office@alba",
        "bruges and cadiz exchange what they agreed on, bruges passes on what alba states and \
         sends, signed by",
        "*@cadiz may subscribe,decrypt on alba/#",
    ] {
        assert!(here.contains(wanted), "wanted {wanted:?} in {here}");
    }
    let there = Three::why(&three.alba, Action::Decrypt, ON);
    assert!(there.starts_with("yes") && there.contains("alba and bruges exchange"), "{there}");
    three.first_contract(&Terms { onward: false, ..Terms::open() });
    for world in [&three.alba, &three.bruges, &three.cadiz] {
        let why = Three::why(world, Action::Subscribe, ON);
        assert!(why.contains("alba does not let bruges pass it on"), "{why}");
    }
    three.first_contract(&Terms::open());
    three.second_contract(&Terms { passes_on: Some(Vec::new()), ..Terms::open() });
    for world in [&three.alba, &three.bruges, &three.cadiz] {
        let why = Three::why(world, Action::Subscribe, ON);
        let wanted = "bruges does not pass topics of alba like this one on to cadiz";
        assert!(why.contains(wanted), "{why}");
    }
}

#[test]
fn who_and_what_agree_on_all_sides_of_the_passage() {
    let three = Three::under(&Terms { passes_on: Some(vec!["alba/a/#"]), ..Terms::open() });
    for world in [&three.alba, &three.bruges, &three.cadiz] {
        for (on, may) in [("alba/a/1", true), ("alba/b/1", false)] {
            let listed = world.policy.who(&topic(on), Action::Subscribe, at(100));
            let is_listed = listed.iter().any(|one| one.principal == name("reader@cadiz"));
            assert_eq!(is_listed, may, "{} {on}", world.own.name);
            let what = world.policy.what(&name("reader@cadiz"), at(100));
            assert_eq!(what.allows(Action::Subscribe, &topic(on)), may, "{what:?}");
        }
    }
}

#[test]
fn the_past_is_asked_with_the_contracts_of_that_time() {
    let mut three = Three::under(&Terms::open());
    three.set_now(200);
    let contracts = three.agree(&Terms::open());
    three.set_now(300);
    three.end(0, contracts[0]);
    three.set_now(400);
    for (then, may) in [(50, false), (150, true), (299, true), (300, false), (400, false)] {
        for world in [&three.alba, &three.bruges, &three.cadiz] {
            let why =
                world.policy.why(&name("reader@cadiz"), Action::Subscribe, &topic(ON), at(then));
            assert_eq!(why.is_allowed(), may, "{} at {then}: {why}", world.own.name);
        }
    }
}

#[test]
fn what_a_contract_would_open_and_close_behind_a_peer_is_told_before_it_is_signed() {
    let mut three = Three::under(&Terms::open());
    let [alba, bruges, cadiz] = three.parties.clone();
    let topics = [topic("alba/a")];
    let mut theirs = bruges.side(&[], &[]);
    theirs.passes_on = vec![transit(&alba, &["alba/b/#"])];
    let body = peering(cadiz.side(&[], &[]), theirs);
    let narrower: StatementBody = Peering { issued: at(80), ..body }.into();
    let diff = three.cadiz.policy.diff(&narrower, &cadiz.issuer.id(), &topics, at(100));
    assert!(diff.refused.is_none() && diff.opened.is_empty(), "{diff:?}");
    let of_reader = |change: &&Change| change.principal == name("reader@cadiz");
    let actions: Vec<Action> =
        diff.closed.iter().filter(of_reader).map(|change| change.action).collect();
    assert_eq!(actions, [Action::Subscribe, Action::Decrypt]);
    assert!(diff.concerns.contains(&Concern::ThirdRoot) && diff.concerns.contains(&Concern::NoEnd));
    three.cadiz.apply(&signed(narrower, &[&bruges.issuer, &cadiz.issuer]));
    let mut ours = alba.side(&["alba/#"], &[]);
    ours.onward = true;
    let body = peering(ours, bruges.side(&[], &["alba/#"]));
    let diff = three.alba.policy.diff(&body.into(), &alba.issuer.id(), &topics, at(100));
    assert!(
        diff.concerns.contains(&Concern::Onward) && !diff.concerns.contains(&Concern::ThirdRoot)
    );
}

/// What was decided under one policy is not said under the next.
#[test]
fn decisions_that_were_kept_end_with_what_they_went_by() {
    let mut three = Three::under(&Terms::open());
    for _again in 0..2 {
        assert_eq!(three.seen(ON), ALL);
    }
    three.first_contract(&Terms { onward: false, ..Terms::open() });
    assert_eq!(three.seen(ON), NOTHING);
    three.first_contract(&Terms { until: [Some(160), None], ..Terms::open() });
    for (now, wanted) in [(100, ALL), (159, ALL), (160, NOTHING), (120, ALL)] {
        three.set_now(now);
        assert_eq!(three.seen(ON), wanted, "at {now}");
    }
}
