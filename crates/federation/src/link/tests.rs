use std::time::Duration;

use bytes::Bytes;
use sekisho_proto::{
    GapReason, Hash, LogEntry, LogName, Offset, PrincipalName, PublicKey, Statement, StatementBody,
    Topic, frame,
    statement::{Issuer, OrgRoot, Peering, PeeringBudget, PeeringParty},
};
use sekisho_seal::{SigningKey, StrictVerifier, sign_statement};
use sekisho_tlog::{Checkpoint, Note, Signing, cosign, leaf_hash, sign_checkpoint};

use super::*;
use crate::{BudgetKind, cosigner_name};

/// Milliseconds since some day: checkpoints have times after 1970.
fn at(millis: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + millis * 1_000)
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Hash::of(name.as_bytes()).as_bytes())
}

fn name(text: &str) -> OrgName {
    text.parse().expect("a name")
}

fn filter(text: &str) -> Filter {
    text.parse().expect("a filter")
}

fn root(organisation: &str) -> Statement {
    let key = key(&format!("root of {organisation}"));
    let body = StatementBody::OrgRoot(OrgRoot {
        organisation: name(organisation),
        keys: vec![key.public_key()],
        threshold: 1,
        issued: at(0),
    });
    sign_statement(Statement::unsigned(body), &key)
}

fn issuer(organisation: &str) -> Statement {
    let body = StatementBody::Issuer(Issuer {
        name: PrincipalName::new("administrator", &name(organisation)).expect("a name"),
        public_key: key(&format!("issuer of {organisation}")).public_key(),
        issued: at(0),
        until: None,
    });
    sign_statement(Statement::unsigned(body), &key(&format!("root of {organisation}")))
}

fn party(own: &str, exports: &str, imports: &[&str]) -> PeeringParty {
    PeeringParty {
        organisation: name(own),
        root: root(own).body_hash(),
        node_key: key(&format!("node of {own}")).public_key(),
        address: format!("{own}.example:7443"),
        exports: vec![filter(exports)],
        imports: imports.iter().map(|text| filter(text)).collect(),
        onward: false,
        passes_on: Vec::new(),
        carries_home: Vec::new(),
        budget: PeeringBudget { bytes_per_s: Some(1_000), ..PeeringBudget::default() },
    }
}

/// Santander's policy after a peering with Fujisawa from which it imports these.
fn policy(imports: &[&str]) -> Policy {
    let mut policy = Policy::new(name("santander"), root("santander").body_hash());
    add_peering(&mut policy, imports, 1);
    policy
}

fn add_peering(policy: &mut Policy, imports: &[&str], issued: i64) {
    add_contract(policy, party("fujisawa", "fujisawa/#", &[]), imports, issued);
}

fn add_contract(policy: &mut Policy, fujisawa: PeeringParty, imports: &[&str], issued: i64) {
    add_parties(policy, [fujisawa, party("santander", "santander/#", imports)], issued);
}

fn add_parties(policy: &mut Policy, parties: [PeeringParty; 2], issued: i64) {
    let body = StatementBody::Peering(Peering {
        parties,
        purposes: Vec::new(),
        issued: at(issued),
        from: at(issued),
        until: None,
    });
    let peering = sign_statement(Statement::unsigned(body), &key("issuer of fujisawa"));
    let peering = sign_statement(peering, &key("issuer of santander"));
    let statements = ["santander", "fujisawa"]
        .into_iter()
        .flat_map(|organisation| [root(organisation), issuer(organisation)])
        .chain([peering]);
    for statement in statements {
        policy.apply(&statement, at(issued), &StrictVerifier).expect("a statement in order");
    }
}

fn peering(imports: &[&str]) -> PeeringView {
    policy(imports).peer(&name("fujisawa")).expect("a peering")
}

fn limits() -> LinkLimits {
    LinkLimits { window_records: 8, ..LinkLimits::default() }
}

/// Santander's link to Fujisawa, which has dialled.
fn link_with(imports: &[&str], resume: Resume) -> Link {
    let own = key("node of santander").id();
    let mut link = Link::new(own, peering(imports), resume, limits(), 7, at(10));
    let node_key: PublicKey = key("node of fujisawa").public_key();
    let address = "fujisawa.example:7443".to_owned();
    assert_eq!(link.poll_command(), Some(LinkCommand::Dial { address, node_key }));
    link
}

fn connected() -> Link {
    let mut link = link_with(&["fujisawa/#"], Resume::default());
    connect(&mut link, at(20));
    drain(&mut link);
    link
}

/// The peer welcomes the link, and has nothing in its log that it has not told.
fn connect(link: &mut Link, now: Timestamp) {
    link.handle_connected(now);
    let applied = link.witness.applied().value();
    link.handle_statements(statements(applied, 0), now);
    show(link, &log_of(applied), now);
}

/// The peer's log after so many statements.
fn log_of(count: u64) -> Frontier {
    let mut log = Frontier::new();
    for _statement in 0..count {
        log.append(leaf());
    }
    log
}

fn leaf() -> Hash {
    let entry = LogEntry { received: at(3), statement: Bytes::from_static(b"a statement") };
    leaf_hash(&entry.encode())
}

/// The id of whatever statement stands there.
fn id(index: u64) -> Hash {
    Hash::of(&index.to_be_bytes())
}

/// The peer's node shows a checkpoint of a control log.
fn show(link: &mut Link, log: &Frontier, now: Timestamp) {
    show_made(link, log, now, now);
}

/// The same, of a checkpoint that was made then and comes now.
fn show_made(link: &mut Link, log: &Frontier, made: Timestamp, now: Timestamp) {
    let told = checkpoint("sekisho/fujisawa/control", log, "node of fujisawa", made);
    link.handle_checkpoint(&told, &StrictVerifier, now);
}

fn note(origin: &str, size: u64, root: Hash, signer: &str, time: Timestamp) -> Note {
    let key = key(signer);
    let sign = |message: &[u8]| key.sign(message);
    let signer = Signing { key: key.public_key(), sign: &sign };
    let checkpoint = Checkpoint { origin: origin.to_owned(), size, root };
    let note = sign_checkpoint(&checkpoint, &signer).expect("a note");
    let line = cosign(&note, &cosigner_name(&name("fujisawa")), &signer, time);
    note.with_signature(line.expect("a cosignature")).expect("room for it")
}

fn checkpoint(origin: &str, log: &Frontier, signer: &str, time: Timestamp) -> frame::Checkpoint {
    frame::Checkpoint {
        subscription: CONTROL_LOG,
        note: note(origin, log.size(), log.root(), signer, time).to_string(),
        old_size: 0,
        consistency: Vec::new(),
    }
}

fn drain(link: &mut Link) -> Vec<LinkCommand> {
    std::iter::from_fn(|| link.poll_command()).collect()
}

fn record(position: u64, hops: &[&str]) -> frame::Record {
    frame::Record {
        subscription: 1,
        position: Position::new(position),
        offset: Offset::new(position),
        received: at(0),
        envelope: Bytes::from_static(b"an envelope"),
        key_header: None,
        hops: hops.iter().map(|node| key(&format!("node of {node}")).id()).collect(),
    }
}

fn taken(commands: &[LinkCommand]) -> Vec<u64> {
    let admitted = commands.iter().filter_map(|command| {
        let LinkCommand::Admit { record } = command else { return None };
        Some(record.position.value())
    });
    admitted.collect()
}

fn hung_up(commands: &[LinkCommand]) -> Option<HangupReason> {
    commands.iter().find_map(|command| {
        let LinkCommand::Hangup { reason } = command else { return None };
        Some(reason.clone())
    })
}

fn statements(first: u64, count: usize) -> frame::Statements {
    let statement = || frame::FollowedStatement {
        statement: Bytes::from_static(b"a statement"),
        received: at(3),
    };
    frame::Statements {
        subscription: CONTROL_LOG,
        organisation: name("fujisawa"),
        first: StatementIndex::new(first),
        statements: std::iter::repeat_with(statement).take(count).collect(),
    }
}

#[test]
fn a_welcomed_link_follows_the_log_and_subscribes_from_its_places() {
    let resume = Resume {
        positions: BTreeMap::from([(filter("fujisawa/a/#"), Position::new(9))]),
        log: log_of(4),
        ..Resume::default()
    };
    let imports = ["fujisawa/a/#", "fujisawa/b/+", "fujisawa/a/x", "fujisawa/b/+"];
    let mut link = link_with(&imports, resume);
    connect(&mut link, at(20));
    let subscribe = |subscription, text, start| LinkCommand::Subscribe {
        subscription,
        filter: filter(text),
        start,
        credit: 4,
    };
    let follow = LinkCommand::Follow {
        subscription: CONTROL_LOG,
        organisation: name("fujisawa"),
        from: StatementIndex::new(4),
    };
    let place = frame::Start::Position(Position::new(9));
    let log = LogName::Access(name("fujisawa"));
    let mut commands = drain(&mut link);
    assert!(matches!(commands.remove(2), LinkCommand::Cosign { .. }));
    assert_eq!(
        commands,
        [
            follow,
            LinkCommand::Know { subscription: CONTROL_LOG, log, size: 0 },
            LinkCommand::Heard { at: at(0) },
            subscribe(1, "fujisawa/a/#", place),
            subscribe(2, "fujisawa/b/+", frame::Start::Earliest),
        ]
    );
}

#[test]
fn what_is_durable_is_acknowledged_granted_and_saved() {
    let mut link = connected();
    for position in 0..3 {
        link.handle_record(record(position, &["fujisawa"]), at(30));
    }
    assert_eq!(taken(&drain(&mut link)), [0, 1, 2]);
    link.handle_stored(Position::new(1), at(31));
    assert!(drain(&mut link).is_empty());
    link.handle_stored(Position::new(0), at(32));
    let acknowledge = LinkCommand::Acknowledge { subscription: 1, position: Position::new(1) };
    let credit = LinkCommand::Credit { subscription: 1, records: 2 };
    let save = |position| LinkCommand::SavePosition {
        filter: filter("fujisawa/#"),
        position: Some(Position::new(position)),
    };
    assert_eq!(drain(&mut link), [acknowledge, credit, save(2)]);
    link.handle_stored(Position::new(2), at(33));
    assert_eq!(link.poll_timeout(at(33)), Some((at(1_032), "save")));
    drain(&mut link);
    link.handle_timeout(at(1_032));
    assert_eq!(drain(&mut link), [save(3)]);
    assert_eq!(link.undone(), 0);
}

#[test]
fn a_lost_connection_is_dialled_again_and_goes_on_behind_what_is_durable() {
    let mut link = connected();
    for position in 0..2 {
        link.handle_record(record(position, &["fujisawa"]), at(30));
    }
    link.handle_stored(Position::new(0), at(31));
    link.handle_disconnected(at(32));
    drain(&mut link);
    let Some((until, "dial")) = link.poll_timeout(at(32)) else { panic!("no dial is due") };
    assert!(at(32 + 250) <= until && until <= at(32 + 500), "{until}");
    link.handle_timeout(until);
    assert!(matches!(drain(&mut link).as_slice(), [LinkCommand::Dial { .. }]));
    connect(&mut link, until);
    let start = drain(&mut link).into_iter().find_map(|command| {
        let LinkCommand::Subscribe { start, .. } = command else { return None };
        Some(start)
    });
    assert_eq!(start, Some(frame::Start::Position(Position::new(1))));
}

#[test]
fn pauses_grow_until_a_connection_has_held() {
    let mut link = connected();
    let mut now = at(40);
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        link.handle_disconnected(now);
        let (until, _) = link.poll_timeout(now).expect("a dial is due");
        longest = longest.max(until.saturating_since(now));
        link.handle_timeout(until);
        now = until;
        connect(&mut link, now);
    }
    assert!(longest > Duration::from_secs(30), "{longest:?}");
    now = now.saturating_add(Duration::from_secs(11));
    link.handle_disconnected(now);
    let (until, _) = link.poll_timeout(now).expect("a dial is due");
    assert!(until.saturating_since(now) <= Duration::from_millis(500));
}

#[test]
fn a_record_that_passed_here_or_too_many_nodes_is_dropped_and_counted() {
    let mut link = connected();
    let dropped = |link: &mut Link, position, hops: &[&str]| {
        link.handle_record(record(position, hops), at(30));
        drain(link).into_iter().find_map(|command| {
            let LinkCommand::Dropped { reason, .. } = command else { return None };
            Some(reason)
        })
    };
    assert_eq!(dropped(&mut link, 0, &["fujisawa"]), None);
    assert_eq!(dropped(&mut link, 1, &["santander", "fujisawa"]), Some(DropReason::Loop));
    let far = ["a", "b", "c", "fujisawa"];
    assert_eq!(dropped(&mut link, 2, &far), Some(DropReason::TooFar { hops: 4 }));
    assert_eq!(dropped(&mut link, 3, &["fujisawa", "a"]), Some(DropReason::WrongHops));
    assert_eq!(dropped(&mut link, 4, &[]), Some(DropReason::WrongHops));
    assert_eq!(link.counters().dropped, 4);
    link.handle_stored(Position::new(0), at(31));
    assert_eq!(link.undone(), 0);
}

#[test]
fn a_peer_that_sends_more_than_granted_is_hung_up_on() {
    let mut link = connected();
    let mut commands = Vec::new();
    for position in 0..9 {
        link.handle_record(record(position, &["fujisawa"]), at(30));
        commands.extend(drain(&mut link));
    }
    assert_eq!(taken(&commands).len(), 8);
    assert_eq!(hung_up(&commands), Some(HangupReason::Credit { subscription: 1 }));
    assert!(!link.is_connected());
    link.handle_record(record(10, &["fujisawa"]), at(31));
    assert!(drain(&mut link).is_empty());
}

#[test]
fn a_peer_that_breaks_the_order_or_invents_subscriptions_is_hung_up_on() {
    let mut link = connected();
    link.handle_record(record(5, &["fujisawa"]), at(30));
    link.handle_record(record(5, &["fujisawa"]), at(30));
    let reason = hung_up(&drain(&mut link));
    assert!(matches!(reason, Some(HangupReason::Order { .. })), "{reason:?}");

    let mut link = connected();
    let unknown = frame::Record { subscription: 7, ..record(5, &["fujisawa"]) };
    link.handle_record(unknown, at(30));
    let reason = hung_up(&drain(&mut link));
    assert_eq!(reason, Some(HangupReason::UnknownSubscription { found: 7 }));
}

#[test]
fn a_peer_over_its_budget_gets_no_credit_until_it_is_paid() {
    let mut link = connected();
    let big = frame::Record { envelope: Bytes::from(vec![0; 1_500]), ..record(0, &["fujisawa"]) };
    link.handle_record(big, at(30));
    link.handle_stored(Position::new(0), at(31));
    let granted = |commands: &[LinkCommand]| {
        commands.iter().any(|command| matches!(command, LinkCommand::Credit { .. }))
    };
    assert!(!granted(&drain(&mut link)));
    assert_eq!(link.poll_timeout(at(31)), Some((at(530), "budget")));
    link.handle_timeout(at(530));
    assert!(granted(&drain(&mut link)));
}

/// Its answers take time, in which the budget may have filled up.
#[test]
fn a_peer_that_was_asked_for_nothing_as_it_owed_something_is_given_credit_when_it_does_no_more() {
    let mut link = connected();
    let huge = frame::Record { envelope: Bytes::from(vec![0; 9_000]), ..record(0, &["fujisawa"]) };
    link.handle_record(huge, at(30));
    link.handle_disconnected(at(31));
    let (again, _dial) = link.poll_timeout(at(31)).expect("a dial is due");
    link.handle_timeout(again);
    connect(&mut link, again);
    let commands = drain(&mut link);
    let asked = |command: &LinkCommand| matches!(command, LinkCommand::Subscribe { credit: 0, .. });
    assert!(commands.iter().any(asked), "{commands:?}");
    let paid = at(30 + 8_000 + 1);
    assert_eq!(link.poll_timeout(paid), Some((paid, "budget")));
    link.handle_timeout(paid);
    let commands = drain(&mut link);
    let granted = |command: &LinkCommand| matches!(command, LinkCommand::Credit { .. });
    assert!(commands.iter().any(granted), "{commands:?}");
    assert_ne!(link.poll_timeout(paid).map(|(_, why)| why), Some("budget"));
}

#[test]
fn a_gap_is_told_and_passed() {
    let mut link = connected();
    let gap = frame::Gap {
        subscription: 1,
        from_position: Position::new(0),
        to_position: Position::new(40),
        reason: GapReason::Retention,
        topic: None,
    };
    link.handle_gap(&gap, at(30));
    let commands = drain(&mut link);
    assert!(matches!(commands.first(), Some(LinkCommand::Missing { .. })), "{commands:?}");
    link.handle_timeout(at(2_000));
    link.handle_disconnected(at(2_001));
    assert_eq!(link.places().get(&filter("fujisawa/#")), Some(&Position::new(40)));
}

#[test]
fn a_peer_whose_log_was_put_back_is_read_from_its_beginning() {
    let mut link = connected();
    link.handle_record(record(5, &["fujisawa"]), at(30));
    link.handle_stored(Position::new(5), at(30));
    let gap = frame::Gap {
        subscription: 1,
        from_position: Position::new(2),
        to_position: Position::new(2),
        reason: GapReason::Restart,
        topic: None,
    };
    link.handle_gap(&gap, at(31));
    let commands = drain(&mut link);
    assert_eq!(hung_up(&commands), Some(HangupReason::PeerRestarted));
    let forget = LinkCommand::SavePosition { filter: filter("fujisawa/#"), position: None };
    assert!(commands.contains(&forget));
    let (until, _) = link.poll_timeout(at(31)).expect("a dial is due");
    link.handle_timeout(until);
    connect(&mut link, until);
    let earliest = drain(&mut link).into_iter().any(|command| {
        matches!(command, LinkCommand::Subscribe { start: frame::Start::Earliest, .. })
    });
    assert!(earliest);
}

#[test]
fn statements_are_applied_once_and_in_order() {
    let mut link = connected();
    link.handle_statements(statements(0, 3), at(30));
    link.handle_statements(statements(1, 3), at(30));
    let applied: Vec<_> = drain(&mut link)
        .into_iter()
        .filter_map(|command| {
            let LinkCommand::Apply { index, .. } = command else { return None };
            Some(index.value())
        })
        .collect();
    assert_eq!(applied, [0, 1, 2, 3]);
    link.handle_applied(StatementIndex::new(0), id(0), at(31));
    let entry = FollowedEntry {
        leaf: leaf(),
        statement: id(0),
        received: at(3),
        encoded: Bytes::from_static(b"a statement"),
    };
    let save = LinkCommand::SaveEntries { first: StatementIndex::new(0), entries: vec![entry] };
    assert_eq!(drain(&mut link), [save]);
    link.handle_statements(statements(9, 1), at(32));
    let reason = hung_up(&drain(&mut link));
    assert!(matches!(reason, Some(HangupReason::StatementOrder { .. })), "{reason:?}");
}

/// The door's answer on everything that it is asked about: the truck's publisher is not known, the
/// others' are. Returns what goes on to be stored.
fn answer(link: &mut Link, unknown: &[u64], now: Timestamp) -> Vec<u64> {
    let (truck, topic) = (key("truck").id(), topic_of(17));
    let mut stored = Vec::new();
    while let Some(command) = link.poll_command() {
        let LinkCommand::Admit { record } = command else { continue };
        let position = record.position.value();
        if unknown.contains(&position) {
            link.handle_denied(record, truck, topic.clone(), now);
        } else if link.handle_admitted(record, &topic, now) {
            stored.push(position);
        }
    }
    stored
}

fn topic_of(truck: u32) -> Topic {
    format!("fujisawa/{truck}/air").parse().expect("a topic")
}

#[test]
fn what_a_lost_connection_brought_is_not_stored_past_what_it_did_not() {
    let mut link = connected();
    for position in 0..3 {
        link.handle_record(record(position, &["fujisawa"]), at(30));
    }
    let Some(LinkCommand::Admit { record }) = link.poll_command() else { panic!("no record") };
    let Some(LinkCommand::Admit { record: second }) = link.poll_command() else {
        panic!("no record")
    };
    link.handle_failed(record.position, at(31));
    assert!(!link.handle_admitted(second, &topic_of(17), at(31)));
    assert_eq!(answer(&mut link, &[], at(31)), [0_u64; 0]);
}

fn held_record(position: u64) -> Taken {
    let frame::Record { position, offset, received, envelope, key_header, hops, .. } =
        record(position, &["fujisawa"]);
    Taken { connection: 1, position, offset, received, envelope, key_header, hops }
}

#[test]
fn a_record_that_could_not_be_stored_comes_again() {
    let mut link = connected();
    link.handle_record(record(0, &["fujisawa"]), at(30));
    drain(&mut link);
    link.handle_failed(Position::new(0), at(31));
    let position = Position::new(0);
    assert_eq!(hung_up(&drain(&mut link)), Some(HangupReason::StoreFailed { position }));
    assert_eq!(link.places().get(&filter("fujisawa/#")), None);
}

#[test]
fn a_silent_peer_is_pinged_then_given_up_and_goes_stale() {
    let mut link = connected();
    let mut pings = 0;
    let mut now = at(20);
    while link.is_connected() {
        let (due, _) = link.poll_timeout(now).expect("something is due");
        now = due;
        link.handle_timeout(now);
        pings += drain(&mut link)
            .iter()
            .filter(|command| matches!(command, LinkCommand::Ping { .. }))
            .count();
    }
    assert_eq!((pings, now), (2, at(45_020)));
    // Fifteen minutes after the checkpoint, which says whole seconds.
    assert!(!link.is_stale(at(15 * 60_000)));
    assert!(link.is_stale(at(1 + 15 * 60_000)));
}

#[test]
fn a_peering_that_is_over_ends_the_link() {
    let mut link = connected();
    link.handle_policy(&policy(&["fujisawa/#"]), at(30));
    assert!(link.is_connected());
    let none = Policy::new(name("santander"), root("santander").body_hash());
    link.handle_policy(&none, at(31));
    assert!(link.is_ended());
    assert_eq!(hung_up(&drain(&mut link)), Some(HangupReason::PeeringEnded));
    assert_eq!(link.poll_timeout(at(31)), None);
}

/// The link's policy changes while the connection holds.
fn change(link: &mut Link, imports: &[&str], node: &str, now: Timestamp) -> Vec<LinkCommand> {
    let mut policy = policy(&["fujisawa/a/#"]);
    let mut fujisawa = party("fujisawa", "fujisawa/#", &[]);
    fujisawa.node_key = key(node).public_key();
    add_contract(&mut policy, fujisawa, imports, 25);
    link.handle_policy(&policy, now);
    drain(link)
}

#[test]
fn filters_of_a_contract_come_and_go_on_the_living_connection() {
    let mut link = link_with(&["fujisawa/a/#"], Resume::default());
    connect(&mut link, at(20));
    link.handle_record(record(4, &["fujisawa"]), at(20));
    link.handle_stored(Position::new(4), at(20));
    link.handle_record(record(6, &["fujisawa"]), at(20));
    drain(&mut link);
    let changes = change(&mut link, &["fujisawa/a/x", "fujisawa/b/#"], "node of fujisawa", at(30));
    assert!(link.is_connected());
    let place = frame::Start::Position(Position::new(5));
    let subscribe = |subscription, text, start| LinkCommand::Subscribe {
        subscription,
        filter: filter(text),
        start,
        credit: 4,
    };
    assert_eq!(
        changes,
        [
            LinkCommand::Unsubscribe { subscription: 1 },
            subscribe(2, "fujisawa/a/x", place),
            subscribe(3, "fujisawa/b/#", frame::Start::Earliest),
        ]
    );
    // What was under way is not wanted any more and breaks nothing; what was taken is settled.
    link.handle_record(record(7, &["fujisawa"]), at(31));
    link.handle_gap(&gap(1, 8, 9, GapReason::Retention), at(31));
    link.handle_stored(Position::new(6), at(31));
    assert_eq!(taken(&drain(&mut link)), []);
    link.handle_record(frame::Record { subscription: 2, ..record(6, &["fujisawa"]) }, at(32));
    assert_eq!(taken(&drain(&mut link)), [6]);
    assert!(link.is_connected());
}

#[test]
fn a_left_subscription_gets_no_more_than_it_was_granted() {
    let mut link = link_with(&["fujisawa/a/#"], Resume::default());
    connect(&mut link, at(20));
    change(&mut link, &["fujisawa/b/#"], "node of fujisawa", at(30));
    for position in 0..8 {
        link.handle_record(record(position, &["fujisawa"]), at(31));
    }
    assert!(link.is_connected());
    link.handle_record(record(8, &["fujisawa"]), at(31));
    assert_eq!(hung_up(&drain(&mut link)), Some(HangupReason::Credit { subscription: 1 }));
}

#[test]
fn a_budget_that_changed_counts_at_once_and_forgives_no_debt() {
    let mut link = connected();
    let big = frame::Record { envelope: Bytes::from(vec![0; 3_000]), ..record(0, &["fujisawa"]) };
    link.handle_record(big, at(30));
    link.handle_stored(Position::new(0), at(30));
    drain(&mut link);
    let mut policy = policy(&["fujisawa/#"]);
    let mut fujisawa = party("fujisawa", "fujisawa/#", &[]);
    fujisawa.budget.bytes_per_s = Some(4_000);
    add_contract(&mut policy, fujisawa, &["fujisawa/#"], 25);
    link.handle_policy(&policy, at(30));
    assert!(link.is_connected());
    drain(&mut link);
    assert_eq!(link.poll_timeout(at(30)), Some((at(530), "budget")));
    assert_eq!(link.waits().of(BudgetKind::Bytes), 1);
}

#[test]
fn another_node_is_dialled_anew_and_places_are_kept() {
    let mut link = link_with(&["fujisawa/a/#"], Resume::default());
    connect(&mut link, at(20));
    link.handle_record(record(4, &["fujisawa"]), at(20));
    link.handle_stored(Position::new(4), at(20));
    let imports = ["fujisawa/a/#", "fujisawa/b/#"];
    let changes = change(&mut link, &imports, "another node of fujisawa", at(30));
    assert_eq!(hung_up(&changes), Some(HangupReason::PeeringChanged));
    let (until, _) = link.poll_timeout(at(30)).expect("a dial is due");
    link.handle_timeout(until);
    assert!(drain(&mut link).iter().any(|command| matches!(
        command,
        LinkCommand::Dial { node_key, .. } if *node_key == key("another node of fujisawa").public_key()
    )));
    assert_eq!(link.places().get(&filter("fujisawa/a/#")), Some(&Position::new(5)));
}

#[test]
fn a_contract_that_ends_by_the_clock_ends_the_link_then() {
    let mut peering = peering(&["fujisawa/#"]);
    peering.until = Some(at(60));
    let own = key("node of santander").id();
    let mut link = Link::new(own, peering, Resume::default(), limits(), 7, at(10));
    drain(&mut link);
    connect(&mut link, at(20));
    drain(&mut link);
    assert_eq!(link.poll_timeout(at(25)).map(|(due, _why)| due), Some(at(60)));
    link.handle_timeout(at(59));
    assert!(!link.is_ended());
    link.handle_timeout(at(60));
    assert!(link.is_ended());
    assert_eq!(hung_up(&drain(&mut link)), Some(HangupReason::PeeringEnded));
}

#[test]
fn a_clock_on_the_wall_that_jumps_moves_no_timer() {
    let mut link = connected();
    let before = link.poll_timeout(at(30));
    for ahead_us in [-3_600_000_000, 3_600_000_000] {
        link.handle_wall_clock(ahead_us);
        assert_eq!(link.poll_timeout(at(30)), before);
        link.handle_timeout(at(31));
        assert!(link.is_connected());
    }
    // What the peer says of its log is judged by the wall.
    show(&mut link, &log_of(0), at(2_000));
    let reason = hung_up(&drain(&mut link));
    assert!(matches!(reason, Some(HangupReason::Log(_))), "{reason:?}");
}

#[test]
fn a_peer_that_talks_too_much_is_not_listened_to_for_a_while() {
    let mut link = connected();
    let limits = LinkLimits::default();
    for _frame in 0..limits.frames_burst {
        link.handle_gap(&gap(1, 0, 0, GapReason::Rights), at(30));
    }
    assert!(link.deaf_until(at(30)).is_some_and(|until| until <= at(130)), "the burst is spent");
    assert_eq!(link.waits().of(BudgetKind::Frames), 1);
    assert_eq!(link.deaf_until(at(1_000)), None);
    let bytes = usize::try_from(limits.log_bytes_burst).expect("a size");
    let mut told = statements(0, 1);
    told.statements[0].statement = Bytes::from(vec![0; bytes + (8 << 20)]);
    link.handle_statements(told, at(1_000));
    assert!(link.deaf_until(at(1_000)).is_some_and(|until| until > at(1_900)));
    assert_eq!(link.waits().of(BudgetKind::Log), 1);
    assert!(link.is_connected());
}

#[test]
fn statements_are_counted_as_well_as_their_bytes() {
    let mut link = connected();
    let (burst, per_s) =
        (LinkLimits::default().statements_burst, i64::from(LinkLimits::default().statements_per_s));
    let burst = usize::try_from(burst).expect("a count");
    link.handle_statements(statements(0, burst), at(30));
    assert_eq!(link.deaf_until(at(30)), None);
    link.handle_statements(statements(burst as u64, 64), at(30));
    assert_eq!(link.deaf_until(at(30)), Some(at(30 + 64 * 1_000 / per_s)));
    assert_eq!(link.waits().of(BudgetKind::Statements), 1);
    assert_eq!(link.waits().of(BudgetKind::Log), 0);
    assert!(link.is_connected());
}

#[test]
fn a_contract_that_allows_no_interest_has_nothing_asked_for_and_the_link_stays() {
    let mut policy = policy(&["fujisawa/#"]);
    let mut santander = party("santander", "santander/#", &["fujisawa/#"]);
    santander.budget.interests = Some(0);
    add_parties(&mut policy, [party("fujisawa", "fujisawa/#", &[]), santander], 5);
    let peering = policy.peer(&name("fujisawa")).expect("a peering");
    let own = key("node of santander").id();
    let mut link = Link::new(own, peering, Resume::default(), limits(), 7, at(10));
    drain(&mut link);
    connect(&mut link, at(20));
    let asks = |command: &LinkCommand| matches!(command, LinkCommand::Subscribe { .. });
    assert!(!drain(&mut link).iter().any(asks));
    assert!(link.is_connected());
    // Another contract gives it some.
    link.handle_policy(&self::policy(&["fujisawa/#"]), at(30));
    assert!(drain(&mut link).iter().any(asks));
}

#[test]
fn envelopes_are_counted_as_well_as_their_bytes() {
    let mut policy = policy(&["fujisawa/#"]);
    let mut fujisawa = party("fujisawa", "fujisawa/#", &[]);
    fujisawa.budget.envelopes_per_s = Some(2);
    add_contract(&mut policy, fujisawa, &["fujisawa/#"], 5);
    let peering = policy.peer(&name("fujisawa")).expect("a peering");
    let mut link =
        Link::new(key("node of santander").id(), peering, Resume::default(), limits(), 7, at(10));
    drain(&mut link);
    connect(&mut link, at(20));
    for position in 0..3 {
        link.handle_record(record(position, &["fujisawa"]), at(30));
        link.handle_stored(Position::new(position), at(30));
    }
    assert_eq!(link.waits().of(BudgetKind::Envelopes), 1);
    let granted = |commands: &[LinkCommand]| {
        commands.iter().any(|command| matches!(command, LinkCommand::Credit { .. }))
    };
    drain(&mut link);
    link.handle_timeout(at(500));
    assert!(!granted(&drain(&mut link)));
    link.handle_timeout(at(530));
    assert!(granted(&drain(&mut link)));
}

fn gap(subscription: u32, from: u64, to: u64, reason: GapReason) -> frame::Gap {
    frame::Gap {
        subscription,
        from_position: Position::new(from),
        to_position: Position::new(to),
        reason,
        topic: None,
    }
}

mod asking;
mod holding;
mod transit;
mod wanting;
mod witnessing;
