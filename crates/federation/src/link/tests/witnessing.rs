//! What becomes of a peer that shows another history than the one it showed before.

use sekisho_tlog::{Known, Tree, WitnessError};

use super::*;
use crate::LogFault;

const CONTROL: &str = "sekisho/fujisawa/control";
const ACCESS: &str = "sekisho/fujisawa/access";

/// A statement of its own.
fn entry(text: &str) -> LogEntry {
    LogEntry { received: at(3), statement: Bytes::copy_from_slice(text.as_bytes()) }
}

fn entries(count: usize) -> Vec<LogEntry> {
    (0..count).map(|number| entry(&format!("statement {number}"))).collect()
}

fn frontier(entries: &[LogEntry]) -> Frontier {
    let mut log = Frontier::new();
    for entry in entries {
        log.append(leaf_hash(&entry.encode()));
    }
    log
}

/// The peer sends statements of its log, and then that there are no more.
fn send(link: &mut Link, log: &[LogEntry], first: usize, now: Timestamp) {
    let told = |first: usize, statements| frame::Statements {
        subscription: CONTROL_LOG,
        organisation: name("fujisawa"),
        first: StatementIndex::new(first as u64),
        statements,
    };
    let statements: Vec<_> = log[first.min(log.len())..]
        .iter()
        .cloned()
        .map(|LogEntry { received, statement }| frame::FollowedStatement { statement, received })
        .collect();
    if !statements.is_empty() {
        link.handle_statements(told(first, statements), now);
    }
    link.handle_statements(told(first.max(log.len()), Vec::new()), now);
}

/// Carries out what the link wants done with statements, and gives back the rest.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for the test to look at")]
fn carry_out(link: &mut Link, now: Timestamp) -> Vec<LinkCommand> {
    let mut rest = Vec::new();
    while let Some(command) = link.poll_command() {
        match command {
            LinkCommand::Apply { index, entry } => {
                link.handle_applied(index, Hash::of(&entry.statement), now);
            }
            other => rest.push(other),
        }
    }
    rest
}

/// What is kept for after a restart.
#[derive(Default)]
struct Disk {
    log: Frontier,
    newest: Option<Timestamp>,
    access: Option<Known>,
}

impl Disk {
    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is kept")]
    fn keep(&mut self, commands: &[LinkCommand]) {
        for command in commands {
            match command {
                LinkCommand::SaveEntries { first, entries } => {
                    assert_eq!(first.value(), self.log.size(), "wanted no gap and no repetition");
                    entries.iter().for_each(|entry| self.log.append(entry.leaf));
                }
                LinkCommand::Cosign { signed, .. } => match signed.log {
                    LogName::Control(_) => {
                        let Checkpoint { size, root, .. } = signed.checkpoint;
                        let kept = (self.log.size(), self.log.root());
                        assert_eq!(kept, (size, root), "wanted it kept before it is cosigned");
                        self.newest = self.newest.max(Some(signed.time));
                    }
                    LogName::Access(_) => self.access = Some(Known::from(&signed.checkpoint)),
                },
                _ => {}
            }
        }
    }

    /// A link that goes on from what is kept, welcomed.
    fn link(&self, now: Timestamp) -> Link {
        let resume = Resume {
            log: self.log.clone(),
            newest: self.newest,
            access: self.access,
            ..Resume::default()
        };
        let mut link = link_with(&["fujisawa/#"], resume);
        link.handle_connected(now);
        link
    }
}

fn cosigned(commands: &[LinkCommand]) -> Vec<u64> {
    let sizes = commands.iter().filter_map(|command| {
        let LinkCommand::Cosign { signed, .. } = command else { return None };
        Some(signed.checkpoint.size)
    });
    sizes.collect()
}

fn subscribed(commands: &[LinkCommand]) -> bool {
    commands.iter().any(|command| matches!(command, LinkCommand::Subscribe { .. }))
}

/// The fault for which a link hung up.
fn distrusted(commands: &[LinkCommand]) -> LogFault {
    match hung_up(commands) {
        Some(HangupReason::Log(fault)) => fault,
        other => panic!("wanted a fault of the log, found {other:?}"),
    }
}

/// A link that has followed a log and cosigned it, and what it has kept of it.
fn followed(log: &[LogEntry]) -> (Link, Disk) {
    let mut disk = Disk::default();
    let mut link = disk.link(at(0));
    send(&mut link, log, 0, at(0));
    show(&mut link, &frontier(log), at(0));
    let commands = carry_out(&mut link, at(0));
    assert_eq!(cosigned(&commands), [log.len() as u64]);
    disk.keep(&commands);
    (link, disk)
}

/// What becomes of a peer that shows this log to a link that knew another.
fn shown(disk: &Disk, log: &[LogEntry], now: Timestamp) -> Vec<LinkCommand> {
    let mut link = disk.link(now);
    let known = usize::try_from(disk.log.size()).unwrap();
    send(&mut link, log, known, now);
    show(&mut link, &frontier(log), now);
    carry_out(&mut link, now)
}

#[test]
fn a_checkpoint_is_cosigned_once_all_of_it_is_applied_and_kept() {
    let log = entries(5);
    let mut link = Disk::default().link(at(0));
    send(&mut link, &log, 0, at(0));
    show(&mut link, &frontier(&log), at(0));
    let mut last = Vec::new();
    while let Some(command) = link.poll_command() {
        if let LinkCommand::Apply { index, entry } = &command {
            assert_eq!(cosigned(&last), [0; 0]);
            link.handle_applied(*index, Hash::of(&entry.statement), at(0));
        }
        last.push(command);
    }
    let place = |wanted: fn(&LinkCommand) -> bool| last.iter().rposition(wanted).expect("a place");
    let kept = place(|command| matches!(command, LinkCommand::SaveEntries { .. }));
    let signed = place(|command| matches!(command, LinkCommand::Cosign { .. }));
    let asked = place(|command| matches!(command, LinkCommand::Subscribe { .. }));
    assert!(kept < signed && signed < asked, "{last:?}");
    assert_eq!(cosigned(&last), [5]);
}

#[test]
fn nothing_is_asked_of_a_peer_that_shows_no_checkpoint_and_it_is_given_up() {
    let log = entries(2);
    let mut link = Disk::default().link(at(0));
    send(&mut link, &log, 0, at(0));
    let commands = carry_out(&mut link, at(0));
    assert!(!subscribed(&commands), "{commands:?}");
    let mut now = at(0);
    let fault = loop {
        let (due, _why) = link.poll_timeout(now).expect("something is due");
        now = due;
        link.handle_heard(now);
        link.handle_timeout(now);
        let commands = drain(&mut link);
        if hung_up(&commands).is_some() {
            break distrusted(&commands);
        }
    };
    assert_eq!(fault.name(), "missing");
    assert_eq!(now, at(3 * 60_000));
    assert_eq!(link.heard(), None);
}

#[test]
fn a_log_that_grew_is_cosigned_again_also_after_a_restart() {
    let log = entries(9);
    let (mut link, mut disk) = followed(&log[..4]);
    send(&mut link, &log[..6], 4, at(1_000));
    show(&mut link, &frontier(&log[..6]), at(1_000));
    let commands = carry_out(&mut link, at(1_000));
    assert_eq!(cosigned(&commands), [6]);
    disk.keep(&commands);
    let commands = shown(&disk, &log, at(2_000));
    assert_eq!(cosigned(&commands), [9]);
    assert!(subscribed(&commands));
}

#[test]
fn a_log_that_is_shorter_than_it_was_is_refused_and_named() {
    let log = entries(6);
    let (_link, disk) = followed(&log);
    for size in 0..6 {
        let commands = shown(&disk, &log[..size], at(1_000));
        let fault = distrusted(&commands);
        let rolled_back =
            WitnessError::RolledBack { log: CONTROL.to_owned(), known: 6, found: size as u64 };
        assert_eq!(fault, LogFault::History(rolled_back));
        assert_eq!(fault.name(), "rolled-back");
        assert!(cosigned(&commands).is_empty() && !subscribed(&commands), "{commands:?}");
    }
}

#[test]
fn an_old_checkpoint_is_refused_on_the_connection_that_saw_a_newer_one() {
    let log = entries(6);
    let (mut link, _disk) = followed(&log);
    show(&mut link, &frontier(&log[..4]), at(1_000));
    assert_eq!(distrusted(&drain(&mut link)).name(), "rolled-back");
}

#[test]
fn a_log_of_which_any_entry_was_edited_dropped_or_moved_is_refused_however_much_was_known() {
    let log = entries(7);
    for known in 1..=7 {
        let (_link, disk) = followed(&log[..known]);
        for changed in 0..known {
            let mut edited = log.clone();
            edited[changed] = entry("another statement");
            let mut dropped = log.clone();
            dropped.remove(changed);
            let mut moved = log.clone();
            moved.swap(changed, (changed + 1) % known);
            for other in [edited, dropped, moved] {
                if frontier(&other[..known.min(other.len())]) == frontier(&log[..known]) {
                    continue;
                }
                let commands = shown(&disk, &other, at(1_000));
                let name = distrusted(&commands).name();
                assert!(["forked", "rolled-back"].contains(&name), "{name}");
                assert!(cosigned(&commands).is_empty() && !subscribed(&commands));
            }
        }
    }
}

#[test]
fn a_second_root_for_one_size_is_a_fork() {
    let log = entries(3);
    let (mut link, _disk) = followed(&log);
    let mut other = log.clone();
    other[1] = entry("another statement");
    show(&mut link, &frontier(&other), at(1_000));
    let fault = distrusted(&drain(&mut link));
    let forked = WitnessError::Forked {
        log: CONTROL.to_owned(),
        size: 3,
        known: frontier(&log).root(),
        found: frontier(&other).root(),
    };
    assert_eq!(fault, LogFault::History(forked));
}

#[test]
fn an_entry_logged_at_another_time_is_another_entry() {
    let log = entries(3);
    let (_link, disk) = followed(&log);
    let mut other = log;
    other[2].received = at(4);
    assert_eq!(distrusted(&shown(&disk, &other, at(1_000))).name(), "forked");
}

#[test]
fn a_checkpoint_of_more_than_was_shown_is_refused() {
    let log = entries(6);
    let (mut link, _disk) = followed(&log[..4]);
    show(&mut link, &frontier(&log), at(1_000));
    let fault = distrusted(&drain(&mut link));
    let log = LogName::Control(name("fujisawa"));
    assert_eq!(fault, LogFault::Withheld { log, size: 6, shown: 4 });
}

#[test]
fn a_log_is_frozen_whose_checkpoint_is_older_than_one_that_was_seen_or_than_a_quarter_of_an_hour() {
    let log = entries(3);
    let minutes = |count: i64| at(count * 60_000);
    let show_at = |disk: &Disk, time, now| {
        let mut link = disk.link(now);
        send(&mut link, &log, usize::try_from(disk.log.size()).unwrap(), now);
        let told = checkpoint(CONTROL, &frontier(&log), "node of fujisawa", time);
        link.handle_checkpoint(&told, &StrictVerifier, now);
        carry_out(&mut link, now)
    };
    let mut disk = Disk::default();
    disk.keep(&show_at(&disk, minutes(30), minutes(30)));
    assert_eq!(disk.newest, Some(minutes(30)));
    // Clocks are put back now and then, but not by much.
    assert_eq!(cosigned(&show_at(&disk, minutes(29), minutes(31))), [3]);
    assert_eq!(distrusted(&show_at(&disk, minutes(27), minutes(31))).name(), "frozen");
    // The newest one that was seen, shown for too long.
    assert_eq!(cosigned(&show_at(&disk, minutes(30), minutes(45))), [3]);
    assert_eq!(distrusted(&show_at(&disk, minutes(30), minutes(46))).name(), "frozen");
    // One of the future would make all later ones look old.
    assert_eq!(distrusted(&show_at(&disk, minutes(34), minutes(31))).name(), "ahead");
}

#[test]
fn a_peer_is_heard_when_its_node_signed_and_not_when_it_speaks() {
    let log = entries(2);
    let (mut link, _disk) = followed(&log);
    assert_eq!(link.heard(), Some(at(0)));
    link.handle_heard(at(40_000));
    assert_eq!(link.heard(), Some(at(0)));
    show(&mut link, &frontier(&log), at(60_000));
    assert_eq!(link.heard(), Some(at(60_000)));
    let commands = drain(&mut link);
    assert!(commands.contains(&LinkCommand::Heard { at: at(60_000) }), "{commands:?}");
}

#[test]
fn a_checkpoint_that_the_peers_node_did_not_sign_is_refused() {
    let log = entries(2);
    let forged = checkpoint(CONTROL, &frontier(&log), "node of santander", at(1_000));
    let nonsense = frame::Checkpoint { note: "nonsense".to_owned(), ..forged.clone() };
    let alien =
        checkpoint("sekisho/santander/control", &frontier(&log), "node of fujisawa", at(1_000));
    let no_log = checkpoint("example.com/log", &frontier(&log), "node of fujisawa", at(1_000));
    let unwitnessed = {
        let node = note(CONTROL, 2, frontier(&log).root(), "node of fujisawa", at(1_000));
        let text = node.to_string();
        let (without, _cosignature) = text.trim_end().rsplit_once('\n').unwrap();
        frame::Checkpoint { note: format!("{without}\n"), ..forged.clone() }
    };
    let told = [
        (forged, "unsigned"),
        (nonsense, "unsigned"),
        (alien, "other-log"),
        (no_log, "other-log"),
        (unwitnessed, "unsigned"),
    ];
    for (told, wanted) in told {
        let (mut link, _disk) = followed(&log);
        link.handle_checkpoint(&told, &StrictVerifier, at(1_000));
        assert_eq!(distrusted(&drain(&mut link)).name(), wanted);
    }
    let (mut link, _disk) = followed(&log);
    let elsewhere = checkpoint(CONTROL, &frontier(&log), "node of fujisawa", at(1_000));
    let elsewhere = frame::Checkpoint { subscription: 1, ..elsewhere };
    link.handle_checkpoint(&elsewhere, &StrictVerifier, at(1_000));
    let reason = hung_up(&drain(&mut link));
    assert_eq!(reason, Some(HangupReason::UnknownSubscription { found: 1 }));
}

#[test]
fn a_statement_that_is_not_in_order_is_not_passed_over() {
    let log = entries(3);
    let mut link = Disk::default().link(at(0));
    send(&mut link, &log, 0, at(0));
    link.handle_applied(StatementIndex::new(0), id(0), at(0));
    link.handle_bad_statement(StatementIndex::new(1), at(0));
    // What was under way already is applied, and does not count.
    link.handle_applied(StatementIndex::new(2), id(2), at(0));
    drain(&mut link);
    let (until, _why) = link.poll_timeout(at(0)).expect("a dial is due");
    link.handle_timeout(until);
    link.handle_connected(until);
    let follows = drain(&mut link).into_iter().find_map(|command| {
        let LinkCommand::Follow { from, .. } = command else { return None };
        Some(from)
    });
    assert_eq!(follows, Some(StatementIndex::new(1)));
}

#[test]
fn another_root_under_the_same_name_ends_the_link() {
    let (mut link, _disk) = followed(&entries(2));
    link.peering.theirs.root = Hash::of(b"the root that it had");
    link.handle_policy(&policy(&["fujisawa/#"]), at(100));
    assert!(link.is_ended());
}

/// The peer's access log, of which only checkpoints are shown.
fn access(tree: &Tree, old_size: u64, time: Timestamp) -> frame::Checkpoint {
    let note = note(ACCESS, tree.size(), tree.root(), "node of fujisawa", time);
    frame::Checkpoint {
        subscription: CONTROL_LOG,
        note: note.to_string(),
        old_size,
        consistency: tree.consistency(old_size, tree.size()).expect("a proof"),
    }
}

fn tree(texts: &[&str]) -> Tree {
    texts.iter().map(|text| leaf_hash(text.as_bytes())).collect()
}

#[test]
fn an_access_log_is_cosigned_as_far_as_it_is_proven_to_go_on() {
    let (mut link, mut disk) = followed(&entries(2));
    let first = access(&tree(&["a", "b"]), 0, at(1_000));
    link.handle_checkpoint(&first, &StrictVerifier, at(1_000));
    let grown = tree(&["a", "b", "c"]);
    let second = access(&grown, 2, at(1_000));
    link.handle_checkpoint(&second, &StrictVerifier, at(1_000));
    let commands = drain(&mut link);
    assert_eq!(cosigned(&commands), [2, 3]);
    disk.keep(&commands);
    // One that was under way: the peer hears from where on it must prove.
    let stale = access(&grown, 2, at(1_000));
    link.handle_checkpoint(&stale, &StrictVerifier, at(1_000));
    let log = LogName::Access(name("fujisawa"));
    let know = LinkCommand::Know { subscription: CONTROL_LOG, log, size: 3 };
    assert_eq!(drain(&mut link), std::slice::from_ref(&know));
    let mut link = disk.link(at(2_000));
    assert!(drain(&mut link).contains(&know), "wanted it kept over a restart");
}

#[test]
fn an_access_log_that_was_rewritten_is_said_and_not_cosigned_and_the_link_stays() {
    let (mut link, _disk) = followed(&entries(2));
    let log = tree(&["a", "b", "c"]);
    link.handle_checkpoint(&access(&log, 0, at(1_000)), &StrictVerifier, at(1_000));
    assert_eq!(cosigned(&drain(&mut link)), [3]);
    let edited = tree(&["a", "x", "c", "d"]);
    let forked = tree(&["a", "x", "c"]);
    let shorter = frame::Checkpoint { old_size: 3, ..access(&tree(&["a", "b"]), 0, at(1_000)) };
    let told = [
        (access(&edited, 3, at(1_000)), "inconsistent"),
        (access(&forked, 3, at(1_000)), "forked"),
        (shorter, "rolled-back"),
        (access(&log, 3, at(-16 * 60_000)), "frozen"),
    ];
    for (told, wanted) in told {
        link.handle_checkpoint(&told, &StrictVerifier, at(1_000));
        let commands = drain(&mut link);
        let [LinkCommand::Distrust { fault }] = commands.as_slice() else { panic!("{commands:?}") };
        assert_eq!(fault.name(), wanted);
        assert!(link.is_connected());
    }
    let mut grown = log.clone();
    grown.append(leaf_hash(b"d"));
    link.handle_checkpoint(&access(&grown, 3, at(1_000)), &StrictVerifier, at(1_000));
    assert_eq!(cosigned(&drain(&mut link)), [4]);
}

/// An honest peer is never distrusted, however connections, checkpoints and restarts fall.
#[test]
fn an_honest_log_is_trusted_however_it_comes() {
    let log = entries(40);
    for seed in 1..200_u64 {
        let mut random = seed;
        let mut draw = |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random % below as u64).unwrap()
        };
        let (mut disk, mut now) = (Disk::default(), 0);
        let (mut made, mut cosigned_until) = (0, 0);
        while cosigned_until < 40 {
            now += 1_000;
            let mut link = disk.link(at(now));
            let mut sent = usize::try_from(disk.log.size()).unwrap();
            made = made.max(sent);
            for _turn in 0..draw(12) {
                now += i64::try_from(draw(2_000)).unwrap();
                match draw(4) {
                    0 => made = (made + draw(6)).min(40),
                    1 => {
                        send(&mut link, &log[..made], sent, at(now));
                        sent = made;
                    }
                    2 => show(&mut link, &frontier(&log[..sent]), at(now)),
                    _ => {
                        let commands = carry_out(&mut link, at(now));
                        assert_eq!(hung_up(&commands), None, "seed {seed}");
                        cosigned_until =
                            cosigned(&commands).last().copied().unwrap_or(cosigned_until);
                        disk.keep(&commands);
                    }
                }
            }
            // The rest is lost with the power.
        }
        assert_eq!(disk.log, frontier(&log), "seed {seed}");
    }
}

#[test]
fn a_statement_that_stands_in_the_log_twice_is_no_statement_in_order() {
    let log = [entry("one"), entry("two"), entry("one")];
    let mut link = Disk::default().link(at(0));
    send(&mut link, &log, 0, at(0));
    let reason = hung_up(&carry_out(&mut link, at(0)));
    assert_eq!(reason, Some(HangupReason::BadStatement { index: StatementIndex::new(2) }));
}

#[test]
fn what_is_shown_again_at_once_is_cosigned_once() {
    let log = entries(2);
    let (mut link, _disk) = followed(&log);
    for millis in [1_000, 1_000, 2_000, 9_000] {
        show(&mut link, &frontier(&log), at(millis));
        assert_eq!(cosigned(&drain(&mut link)), [], "after {millis} ms");
    }
    show(&mut link, &frontier(&log), at(10_000));
    assert_eq!(cosigned(&drain(&mut link)), [2]);
    assert!(link.is_connected());
}

#[test]
fn a_smaller_checkpoint_does_not_make_a_larger_one_forgotten() {
    let (log, other) = (entries(3), [entry("another"), entry("log"), entry("altogether")]);
    let mut link = Disk::default().link(at(0));
    send(&mut link, &log, 0, at(0));
    show(&mut link, &frontier(&other), at(0));
    show(&mut link, &frontier(&log[..2]), at(1_000));
    let fault = distrusted(&carry_out(&mut link, at(1_000)));
    assert_eq!(fault.name(), "forked");
    let mut link = Disk::default().link(at(0));
    send(&mut link, &log, 0, at(0));
    show(&mut link, &frontier(&other), at(0));
    show(&mut link, &frontier(&log), at(1_000));
    assert_eq!(distrusted(&drain(&mut link)).name(), "forked");
}

#[test]
fn a_peer_shows_few_checkpoints_ahead_of_its_statements() {
    let log = entries(40);
    let mut link = Disk::default().link(at(0));
    send(&mut link, &log, 0, at(0));
    let max = limits().checkpoints_ahead_max;
    for size in 1..=max + 1 {
        assert!(link.is_connected());
        show(&mut link, &frontier(&log[..size]), at(0));
    }
    assert_eq!(hung_up(&drain(&mut link)), Some(HangupReason::Flood { max }));
}

#[test]
fn what_came_before_a_connection_ended_is_kept_when_it_is_applied() {
    let mut link = connected();
    send(&mut link, &entries(2), 0, at(30));
    link.handle_disconnected(at(31));
    let mut rest = carry_out(&mut link, at(32));
    link.handle_timeout(at(2_000));
    rest.extend(drain(&mut link));
    assert_eq!(kept(&rest), 2);
}

#[test]
fn the_statement_that_ends_the_contract_is_kept_with_all_before_it() {
    let mut link = connected();
    send(&mut link, &entries(3), 0, at(30));
    let mut rest = carry_out(&mut link, at(31));
    let none = Policy::new(name("santander"), root("santander").body_hash());
    link.handle_policy(&none, at(31));
    assert!(link.is_ended());
    rest.extend(drain(&mut link));
    assert_eq!(kept(&rest), 3);
}

/// How many entries are kept, from the first on.
fn kept(commands: &[LinkCommand]) -> u64 {
    commands.iter().fold(0, |kept, command| {
        let LinkCommand::SaveEntries { first, entries } = command else { return kept };
        assert_eq!(first.value(), kept);
        kept + u64::try_from(entries.len()).expect("few")
    })
}
