//! What is known of runs is the same whatever becomes of their records and however often the log is
//! opened.

use std::{collections::BTreeMap, path::Path};

use proptest::prelude::*;
use sekisho_proto::{
    BootId, ContentType, Envelope, Epoch, Header, Scope, Sequence, Signature, Suite, Timestamp,
};

use super::{DIRECTORY, open, record, small};
use crate::{
    Keep, NewRecord, Options, RecordLog, RetentionRules,
    fault::{FaultDisk, Survival},
};

const BOOTS_MAX: usize = 3;

fn options() -> Options {
    Options { boots_max: BOOTS_MAX, ..small() }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// An envelope that a run of the one publisher made at this time.
fn made(number: u64, boot: u8, made: Timestamp) -> NewRecord {
    let mut new = record(number * 3, 8);
    new.stream.boot = BootId::new([boot; 16]);
    new.stream.sequence = Sequence::new(number);
    let header = Header {
        suite: Suite::Open,
        topic: new.topic.clone(),
        publisher: new.stream.publisher,
        boot: new.stream.boot,
        sequence: new.stream.sequence,
        time: made,
        epoch: Epoch::ZERO,
        key_header: None,
        previous: None,
        content_type: ContentType::parse(ContentType::OPAQUE).unwrap(),
        sample_count: 0,
        flags: 0,
        expiry_s: 0,
        scope: Scope::Organisation,
        attester: None,
    };
    let envelope = Envelope::compose(header, &[7; 300], Signature::new([9; 64])).unwrap();
    NewRecord { envelope: envelope.encoded().clone(), ..new }
}

fn append(log: &mut RecordLog, number: u64, boot: u8, second: i64) {
    log.append(made(number, boot, time(second))).unwrap();
    log.commit().unwrap();
}

/// Each run with its newest time and its last number; the newest time of those forgotten.
type Known = (BTreeMap<u8, (Timestamp, u64)>, Option<Timestamp>);

fn known(log: &RecordLog) -> Known {
    let heads = log.streams();
    let forgotten = heads.first().and_then(|head| head.forgotten);
    assert!(heads.iter().all(|head| head.forgotten == forgotten));
    let runs = heads
        .iter()
        .map(|head| (head.stream.boot.as_bytes()[0], (head.time, head.stream.sequence.value())));
    (runs.collect(), forgotten)
}

/// What a router does that has the same bound.
fn note((runs, forgotten): &mut Known, (number, boot, made): (u64, u8, Timestamp)) {
    if let Some(known) = runs.get_mut(&boot) {
        *known = (known.0.max(made), number);
        return;
    }
    if runs.len() == BOOTS_MAX {
        let oldest = runs.iter().min_by_key(|(boot, known)| (known.0, **boot));
        let (boot, (time, _number)) = oldest.map(|(boot, known)| (*boot, *known)).unwrap();
        runs.remove(&boot);
        *forgotten = (*forgotten).max(Some(time));
    }
    runs.insert(boot, (made, number));
}

#[derive(Clone, Debug)]
enum Step {
    Append { boot: u8, second: i64 },
    Reopen,
    Trim(Keep),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let keep = prop_oneof![Just(Keep::Nothing), Just(Keep::Last), Just(Keep::Bytes(3_000))];
    let step = prop_oneof![
        16 => (0..7_u8, 0..9_i64).prop_map(|(boot, second)| Step::Append { boot, second }),
        1 => Just(Step::Reopen),
        1 => keep.prop_map(Step::Trim),
    ];
    prop::collection::vec(step, 1..150)
}

proptest! {
    /// Clocks go back, and runs that were forgotten publish again.
    #[test]
    fn runs_are_known_over_restarts_and_trims_as_to_whoever_saw_all_envelopes(steps in steps()) {
        let disk = FaultDisk::new();
        let (mut log, _report) = open(&disk, options());
        let mut model = Known::default();
        for (number, step) in (0..).zip(steps) {
            match step {
                Step::Append { boot, second } => {
                    append(&mut log, number, boot, second);
                    note(&mut model, (number, boot, time(second)));
                }
                Step::Reopen => {
                    drop(log);
                    disk.cut_power(Survival::Nothing);
                    log = open(&disk, options()).0;
                }
                Step::Trim(keep) => {
                    let rules = RetentionRules::uniform(keep);
                    while log.trim(&rules, time(9)).unwrap().more {}
                }
            }
            prop_assert_eq!(&known(&log), &model);
        }
        drop(log);
        prop_assert_eq!(&known(&open(&disk, options()).0), &model);
    }
}

/// The heads of runs 1 and 2 as version 0.1.0 wrote them, with run 0 forgotten: all received long after
/// they were made.
fn older_heads(log: &RecordLog, received: Timestamp) -> Vec<u8> {
    let heads = log.streams();
    let number = |bytes: &mut Vec<u8>, number: u64| bytes.extend(number.to_le_bytes());
    let mut bytes = b"sekihds1".to_vec();
    number(&mut bytes, 1);
    number(&mut bytes, 0);
    number(&mut bytes, 0);
    number(&mut bytes, 1);
    let topic = heads[0].topic.as_str();
    number(&mut bytes, topic.len() as u64);
    bytes.extend(topic.as_bytes());
    bytes.extend(heads[0].stream.publisher.as_bytes());
    bytes.push(1);
    bytes.extend(received.as_micros().to_le_bytes());
    number(&mut bytes, heads.len() as u64);
    for head in &heads {
        bytes.extend(head.stream.boot.as_bytes());
        number(&mut bytes, head.stream.sequence.value());
        bytes.extend(head.hash.as_bytes());
        number(&mut bytes, head.offset.value());
        number(&mut bytes, head.position.value());
        bytes.extend(received.as_micros().to_le_bytes());
    }
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

#[test]
fn heads_of_the_first_version_are_read_and_written_anew() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, options());
    for boot in 1..=2 {
        append(&mut log, u64::from(boot), boot, i64::from(boot));
    }
    let file = |name: &str| Path::new(DIRECTORY).join(name);
    let older = older_heads(&log, time(500));
    drop(log);
    // One copy is enough, and is copied as it is.
    disk.put(&file("heads.a"), &older);
    let (mut log, report) = open(&disk, options());
    assert!(report.heads_repaired);
    assert_eq!(disk.content(&file("heads.b")), Some(older));
    let mut wanted: Known = ([(1, (time(500), 1)), (2, (time(500), 2))].into(), Some(time(500)));
    assert_eq!(known(&log), wanted);

    append(&mut log, 3, 3, 600);
    while log.trim(&RetentionRules::uniform(Keep::Nothing), time(700)).unwrap().more {}
    note(&mut wanted, (3, 3, time(600)));
    for name in ["heads.a", "heads.b"] {
        assert_eq!(disk.content(&file(name)).unwrap()[..8], *b"sekihds2");
    }
    drop(log);
    assert_eq!(known(&open(&disk, options()).0), wanted);
}

/// Whoever asks a log with a smaller bound gets fewer, and is told so.
#[test]
fn a_smaller_bound_forgets_the_oldest_runs() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, options());
    for (boot, second) in [(1, 30), (2, 10), (3, 20)] {
        append(&mut log, u64::from(boot), boot, second);
    }
    while log.trim(&RetentionRules::uniform(Keep::Nothing), time(40)).unwrap().more {}
    drop(log);
    let (log, _report) = open(&disk, Options { boots_max: 2, ..options() });
    assert_eq!(known(&log), ([(1, (time(30), 1)), (3, (time(20), 3))].into(), Some(time(10))));
}

/// A disk that lost records whose heads it kept: their positions are not given again, or an opening
/// log would take new envelopes for old ones.
#[test]
fn positions_that_heads_know_of_are_not_given_again() {
    let disk = FaultDisk::new();
    let (mut log, _report) = open(&disk, options());
    append(&mut log, 0, 1, 1);
    append(&mut log, 1, 2, 2);
    let older = older_heads(&log, time(3));
    drop(log);
    let empty = FaultDisk::new();
    drop(open(&empty, options()));
    empty.put(&Path::new(DIRECTORY).join("heads.a"), &older);
    let (mut log, _report) = open(&empty, options());
    append(&mut log, 2, 3, 4);
    let written = known(&log);
    assert!(written.0.contains_key(&3));
    drop(log);
    assert_eq!(known(&open(&empty, options()).0), written);
}
