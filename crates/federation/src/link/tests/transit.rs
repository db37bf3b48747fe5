//! What a link does where its peer passes on what a third organisation owns: Santander's, by which
//! Kyoto brings what is Fujisawa's.

use sekisho_proto::statement::Transit;
use sekisho_tlog::WitnessError;

use super::*;
use crate::LogFault;

const ORIGIN: &str = "sekisho/fujisawa/control";
const FIFTEEN_MINUTES: i64 = 15 * 60_000;

fn transit(filters: &[&str]) -> Transit {
    Transit {
        organisation: name("fujisawa"),
        root: root("fujisawa").body_hash(),
        filters: filters.iter().map(|text| filter(text)).collect(),
    }
}

/// Santander's policy after a contract by which Kyoto passes these on.
fn passing(filters: &[&str]) -> Policy {
    let mut policy = Policy::new(name("santander"), root("santander").body_hash());
    add_passing(&mut policy, vec![transit(filters)], 1);
    policy
}

fn add_passing(policy: &mut Policy, passes_on: Vec<Transit>, issued: i64) {
    let kyoto = PeeringParty { passes_on, ..party("kyoto", "kyoto/#", &[]) };
    let body = StatementBody::Peering(Peering {
        parties: [kyoto, party("santander", "santander/#", &[])],
        purposes: Vec::new(),
        issued: at(issued),
        from: at(issued),
        until: None,
    });
    let peering = sign_statement(Statement::unsigned(body), &key("issuer of kyoto"));
    let peering = sign_statement(peering, &key("issuer of santander"));
    let statements = ["santander", "kyoto"]
        .into_iter()
        .flat_map(|organisation| [root(organisation), issuer(organisation)])
        .chain([peering]);
    for statement in statements {
        policy.apply(&statement, at(issued), &StrictVerifier).expect("a statement in order");
    }
}

/// Santander's link for what is Fujisawa's, which has dialled Kyoto.
fn link_over_kyoto(resume: Resume) -> Link {
    let own = key("node of santander").id();
    let route = passing(&["fujisawa/#"]).route(&name("fujisawa"), at(10)).expect("a route");
    assert!(!route.is_direct());
    let mut link = Link::new(own, route.view, resume, limits(), 7, at(10));
    assert!(link.is_transit());
    let node_key: PublicKey = key("node of kyoto").public_key();
    let address = "kyoto.example:7443".to_owned();
    assert_eq!(drain(&mut link), [LinkCommand::Dial { address, node_key }]);
    link
}

/// The keys that Fujisawa's log names.
fn tell_keys(link: &mut Link, now: Timestamp) {
    let keys = vec![key("node of fujisawa").public_key()];
    link.handle_node_keys(keys, &StrictVerifier, now);
}

/// Kyoto has passed on a log of so many entries, and a checkpoint of it of that time.
fn complete(link: &mut Link, count: u64, time: Timestamp, now: Timestamp) -> Vec<LinkCommand> {
    link.handle_connected(now);
    let applied = link.witness.applied().value();
    let missing = usize::try_from(count - applied).expect("a small number");
    if missing > 0 {
        link.handle_statements(statements(applied, missing), now);
    }
    link.handle_statements(statements(count, 0), now);
    let told = checkpoint(ORIGIN, &log_of(count), "node of fujisawa", time);
    link.handle_checkpoint(&told, &StrictVerifier, now);
    let mut commands = Vec::new();
    while let Some(command) = link.poll_command() {
        if let LinkCommand::Apply { index, .. } = command {
            link.handle_applied(index, id(index.value()), now);
        } else {
            commands.push(command);
        }
    }
    tell_keys(link, now);
    commands.extend(drain(link));
    commands
}

fn is_subscribed(commands: &[LinkCommand]) -> bool {
    commands.iter().any(|command| matches!(command, LinkCommand::Subscribe { .. }))
}

#[test]
fn the_owners_log_is_believed_by_its_own_node_and_nothing_is_cosigned() {
    let mut link = link_over_kyoto(Resume::default());
    let commands = complete(&mut link, 3, at(20), at(20));
    let follow = LinkCommand::Follow {
        subscription: CONTROL_LOG,
        organisation: name("fujisawa"),
        from: StatementIndex::ZERO,
    };
    assert_eq!(commands.first(), Some(&follow));
    assert!(is_subscribed(&commands), "{commands:?}");
    let kept = commands.iter().find_map(|command| {
        let LinkCommand::KeepCheckpoint { signed } = command else { return None };
        Some(signed.checkpoint.size)
    });
    assert_eq!(kept, Some(3));
    let cosigns = |command: &LinkCommand| {
        matches!(command, LinkCommand::Cosign { .. } | LinkCommand::Know { .. })
    };
    assert!(!commands.iter().any(cosigns), "{commands:?}");
    assert_eq!(link.heard(), Some(at(0)), "the owner's own time, in whole seconds");
}

#[test]
fn nothing_is_asked_for_before_the_log_has_told_who_signs_for_it() {
    let mut link = link_over_kyoto(Resume { log: log_of(3), ..Resume::default() });
    link.handle_connected(at(20));
    link.handle_statements(statements(3, 0), at(20));
    drain(&mut link);
    link.handle_statements(statements(3, 1), at(21));
    let told = checkpoint(ORIGIN, &log_of(4), "node of fujisawa", at(21));
    link.handle_checkpoint(&told, &StrictVerifier, at(21));
    // Its signer may be named by the statement that is not applied yet.
    assert!(!is_subscribed(&drain(&mut link)));
    link.handle_applied(StatementIndex::new(3), id(3), at(22));
    assert!(!is_subscribed(&drain(&mut link)));
    tell_keys(&mut link, at(22));
    assert!(is_subscribed(&drain(&mut link)));
}

#[test]
fn a_checkpoint_that_the_owners_node_did_not_sign_is_not_believed() {
    for (keys, signer) in [
        (vec![key("node of fujisawa").public_key()], "node of kyoto"),
        (vec![key("another node").public_key()], "node of fujisawa"),
        (Vec::new(), "node of fujisawa"),
    ] {
        let mut link = link_over_kyoto(Resume { log: log_of(3), ..Resume::default() });
        link.handle_node_keys(keys, &StrictVerifier, at(19));
        link.handle_connected(at(20));
        link.handle_statements(statements(3, 0), at(20));
        let told = checkpoint(ORIGIN, &log_of(3), signer, at(20));
        link.handle_checkpoint(&told, &StrictVerifier, at(20));
        let commands = drain(&mut link);
        let Some(HangupReason::Log(fault)) = hung_up(&commands) else { panic!("{commands:?}") };
        assert_eq!(fault.name(), "unsigned", "{signer}: {fault}");
        assert!(!is_subscribed(&commands));
    }
}

#[test]
fn another_history_of_the_owner_is_a_fork_whoever_passes_it_on() {
    let mut link = link_over_kyoto(Resume { log: log_of(3), ..Resume::default() });
    tell_keys(&mut link, at(19));
    link.handle_connected(at(20));
    link.handle_statements(statements(3, 0), at(20));
    let mut other = log_of(2);
    other.append(Hash::of(b"another statement"));
    let told = checkpoint(ORIGIN, &other, "node of fujisawa", at(20));
    link.handle_checkpoint(&told, &StrictVerifier, at(20));
    let reason = hung_up(&drain(&mut link));
    let Some(HangupReason::Log(LogFault::History(fault))) = reason else { panic!("{reason:?}") };
    assert!(matches!(fault, WitnessError::Forked { .. }), "{fault}");
}

#[test]
fn nothing_of_a_log_is_kept_before_its_owner_has_signed_it() {
    let mut link = link_over_kyoto(Resume::default());
    tell_keys(&mut link, at(19));
    link.handle_connected(at(20));
    // In order, but for the time, which is Fujisawa's to give.
    let mut altered = statements(0, 3);
    altered.statements.iter_mut().for_each(|one| one.received = at(7));
    link.handle_statements(altered, at(20));
    let mut commands = drain(&mut link);
    for index in 0..3 {
        link.handle_applied(StatementIndex::new(index), id(index), at(20));
    }
    link.handle_timeout(at(5_000));
    commands.extend(drain(&mut link));
    link.handle_statements(statements(3, 0), at(5_000));
    let told = checkpoint(ORIGIN, &log_of(3), "node of fujisawa", at(5_000));
    link.handle_checkpoint(&told, &StrictVerifier, at(5_000));
    commands.extend(drain(&mut link));
    let reason = hung_up(&commands);
    let Some(HangupReason::Log(fault)) = reason else { panic!("{commands:?}") };
    assert_eq!(fault.name(), "forked");
    let kept = |commands: &[LinkCommand]| {
        let kept = commands.iter().filter_map(|command| {
            let LinkCommand::SaveEntries { first, entries } = command else { return None };
            Some((first.value(), entries.len()))
        });
        kept.collect::<Vec<_>>()
    };
    assert_eq!(kept(&commands), []);
    // Fujisawa's own is taken the next time, from its beginning.
    let (until, _why) = link.poll_timeout(at(5_000)).expect("a dial is due");
    link.handle_timeout(until);
    let commands = complete(&mut link, 3, until, until);
    assert_eq!((hung_up(&commands), is_subscribed(&commands)), (None, true));
    assert_eq!(kept(&commands), [(0, 3)]);
}

#[test]
fn a_shorter_log_is_a_peer_that_is_behind_until_the_owner_has_said_so_later() {
    let known = Resume { log: log_of(3), newest: Some(at(60_000)), ..Resume::default() };
    let mut link = link_over_kyoto(known);
    tell_keys(&mut link, at(60_000));
    link.handle_connected(at(60_000));
    link.handle_statements(statements(3, 0), at(60_000));
    drain(&mut link);
    let shown = |link: &mut Link, time: i64| {
        let told = checkpoint(ORIGIN, &log_of(2), "node of fujisawa", at(time));
        link.handle_checkpoint(&told, &StrictVerifier, at(time));
        drain(link)
    };
    let behind = shown(&mut link, 50_000);
    assert_eq!((hung_up(&behind), is_subscribed(&behind)), (None, false));
    let reason = hung_up(&shown(&mut link, 200_000));
    let Some(HangupReason::Log(LogFault::History(fault))) = reason else { panic!("{reason:?}") };
    assert!(matches!(fault, WitnessError::RolledBack { known: 3, .. }), "{fault}");
}

#[test]
fn the_owner_is_stale_by_its_own_time_however_lively_the_peer_is() {
    let mut link = link_over_kyoto(Resume::default());
    assert!(is_subscribed(&complete(&mut link, 3, at(20), at(20))));
    // The peer answers every ping, and repeats what it has.
    let mut now = at(20);
    let reason = loop {
        let (due, _why) = link.poll_timeout(now).expect("something is due");
        now = due;
        link.handle_heard(now);
        let told = checkpoint(ORIGIN, &log_of(3), "node of fujisawa", at(20));
        link.handle_checkpoint(&told, &StrictVerifier, now);
        link.handle_timeout(now);
        if let Some(reason) = hung_up(&drain(&mut link)) {
            break reason;
        }
        assert!(now < at(2 * FIFTEEN_MINUTES), "records are still taken at {now}");
    };
    assert_eq!(reason, HangupReason::Stale { since: at(0) });
    assert!(link.is_stale(now) && now < at(FIFTEEN_MINUTES + 1_000));
    // On the next connection nothing is asked for by an old checkpoint, and operators are told once.
    let (until, _why) = link.poll_timeout(now).expect("a dial is due");
    link.handle_timeout(until);
    let commands = complete(&mut link, 3, at(20), until);
    assert_eq!((hung_up(&commands), is_subscribed(&commands)), (None, false));
    let told = commands.iter().filter(|command| {
        matches!(command, LinkCommand::Distrust { fault: LogFault::Frozen { .. } })
    });
    assert_eq!(told.count(), 1);
    // Until the owner is heard again.
    let later = until.saturating_add(Duration::from_secs(1));
    let told = checkpoint(ORIGIN, &log_of(3), "node of fujisawa", later);
    link.handle_checkpoint(&told, &StrictVerifier, later);
    assert!(is_subscribed(&drain(&mut link)));
    assert!(!link.is_stale(later));
}

#[test]
fn records_end_with_the_peers_hop_and_never_come_back_here() {
    let mut link = link_over_kyoto(Resume::default());
    complete(&mut link, 3, at(20), at(20));
    let mut fate = |position, hops: &[&str]| {
        link.handle_record(record(position, hops), at(30));
        let commands = drain(&mut link);
        let dropped = commands.iter().find_map(|command| {
            let LinkCommand::Dropped { reason, .. } = command else { return None };
            Some(*reason)
        });
        (taken(&commands).len(), dropped)
    };
    assert_eq!(fate(0, &["fujisawa", "kyoto"]), (1, None));
    assert_eq!(fate(1, &["fujisawa", "osaka", "kyoto"]), (1, None));
    assert_eq!(fate(2, &["fujisawa"]), (0, Some(DropReason::WrongHops)));
    assert_eq!(fate(3, &["kyoto", "fujisawa"]), (0, Some(DropReason::WrongHops)));
    assert_eq!(fate(4, &["fujisawa", "santander", "kyoto"]), (0, Some(DropReason::Loop)));
    let far = ["fujisawa", "nara", "osaka", "kyoto"];
    assert_eq!(fate(5, &far), (0, Some(DropReason::TooFar { hops: 4 })));
}

#[test]
fn a_link_ends_where_its_route_does() {
    let of_kyoto = |change: &dyn Fn(&mut Policy)| {
        let mut link = link_over_kyoto(Resume::default());
        complete(&mut link, 3, at(20), at(20));
        let mut policy = passing(&["fujisawa/#"]);
        link.handle_policy(&policy, at(30));
        assert!(link.is_connected());
        change(&mut policy);
        link.handle_policy(&policy, at(40));
        link
    };
    let narrower = of_kyoto(&|policy| add_passing(policy, vec![transit(&["fujisawa/a/#"])], 35));
    assert!(!narrower.is_ended());
    let nothing_more = of_kyoto(&|policy| add_passing(policy, Vec::new(), 35));
    assert!(nothing_more.is_ended());
    // The owner's own node is asked from now on.
    let direct = of_kyoto(&|policy| add_peering(policy, &["fujisawa/#"], 35));
    assert!(direct.is_ended());
}

#[test]
fn what_came_along_another_route_is_asked_for_from_its_beginning() {
    let start_after = |elsewhere: &[&str]| {
        let elsewhere = elsewhere.iter().map(|text| filter(text)).collect();
        let mut link = link_over_kyoto(Resume { elsewhere, ..Resume::default() });
        let wanted = [(filter("fujisawa/a/#"), crate::Since::Latest)].into();
        link.handle_wanted(Some(wanted), at(11));
        let commands = complete(&mut link, 3, at(20), at(20));
        commands.into_iter().find_map(|command| {
            let LinkCommand::Subscribe { start, .. } = command else { return None };
            Some(start)
        })
    };
    assert_eq!(start_after(&[]), Some(frame::Start::Latest));
    assert_eq!(start_after(&["fujisawa/b/#"]), Some(frame::Start::Latest));
    assert_eq!(start_after(&["fujisawa/+/x"]), Some(frame::Start::Earliest));
}
