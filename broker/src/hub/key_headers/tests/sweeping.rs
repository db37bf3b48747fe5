//! What is idle and when it goes, step by step and against every order of steps.

use proptest::prelude::*;
use sekisho_proto::{Filter, Hash, Position};
use sekisho_store::{
    Keep, NewRecord, Options, RecordLog, RecordReader as _, RetentionRules, StreamKey,
};

use super::*;

/// A node's key headers and its log on one disk.
struct Node {
    disk: FaultDisk,
    key_headers: KeyHeaders,
    log: RecordLog,
    /// Let in and not in the log yet.
    under_way: Vec<NewRecord>,
    published: u64,
}

impl Node {
    fn new() -> Self {
        Self::on(FaultDisk::new())
    }

    fn on(disk: FaultDisk) -> Self {
        let options = Options { segment_bytes: 4_096, min_free_bytes: 0, ..Options::default() };
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let (log, _report) = RecordLog::open(shared, Path::new("/log"), options).unwrap();
        let key_headers = open(&disk);
        Self { disk, key_headers, log, under_way: Vec::new(), published: 0 }
    }

    /// As after a loss of power.
    fn restarted(self) -> Self {
        let Self { disk, key_headers, log, published, .. } = self;
        drop((key_headers, log));
        disk.cut_power(Survival::Nothing);
        Self { published, ..Self::on(disk) }
    }

    /// What the door does with an envelope whose publisher has its key header at hand.
    fn admit(&mut self, one: &KeyHeader) -> Found {
        let found = self.key_headers.find(&one.id(), &header(one)).unwrap();
        match &found {
            Found::InUse => {}
            Found::Idle(stored) => {
                assert_eq!(stored, one.encoded());
                self.key_headers.keep(std::slice::from_ref(one)).unwrap();
            }
            Found::Nowhere => self.key_headers.keep(std::slice::from_ref(one)).unwrap(),
        }
        self.published += 1;
        self.under_way.push(NewRecord {
            topic: one.content().topic.clone(),
            offset: None,
            received: Timestamp::from_micros(i64::try_from(self.published).unwrap()),
            envelope: vec![7; 300].into(),
            hops: Vec::new(),
            stream: StreamKey {
                publisher: one.content().publisher,
                boot: one.content().boot,
                sequence: Sequence::new(self.published),
            },
            hash: Hash::of(&self.published.to_be_bytes()),
            key_header: Some(one.id()),
        });
        found
    }

    fn commit(&mut self) {
        for record in std::mem::take(&mut self.under_way) {
            self.log.append(record).unwrap();
        }
        self.log.commit().unwrap();
    }

    fn publish(&mut self, one: &KeyHeader) -> Found {
        let found = self.admit(one);
        self.commit();
        found
    }

    fn trim(&mut self, keep: Keep) {
        let rules = RetentionRules::uniform(keep);
        let now = Timestamp::from_micros(i64::try_from(self.published).unwrap());
        while self.log.trim(&rules, now).unwrap().more {}
    }

    /// How many key headers it forgot.
    fn sweep(&self) -> usize {
        let reader = self.log.reader();
        let (mut sweep, mut gone) = (self.key_headers.begin_sweep(&reader), 0);
        while let Some(some) = self.key_headers.sweep_some(&mut sweep, &reader).unwrap() {
            gone += some;
        }
        gone
    }

    fn check_idle_since(&self, one: &KeyHeader, wanted: Option<u64>) {
        let stored = self.key_headers.keyed.key_header(&one.id()).unwrap().unwrap();
        assert_eq!(stored.idle_since, wanted.map(Position::new));
    }

    fn has(&self, id: &KeyHeaderId) -> bool {
        self.key_headers.keyed.key_header(id).unwrap().is_some()
    }

    /// What readers may be shown names key headers that are there.
    fn check(&self) {
        let all: Filter = "fujisawa/#".parse().unwrap();
        let reader = self.log.reader();
        let found = reader.read(&all, reader.first(), usize::MAX, usize::MAX).unwrap();
        for record in found.records {
            let id = record.key_header.unwrap();
            assert!(self.has(&id), "record {} of {}", record.position, record.topic);
        }
    }
}

#[test]
fn a_key_header_stays_as_long_as_a_record_names_it_and_goes_with_the_last() {
    let mut node = Node::new();
    let one = key_header();
    node.publish(&one);
    assert_eq!(node.sweep(), 0);
    node.check_idle_since(&one, None);
    assert_eq!(node.sweep(), 0);
    node.check_idle_since(&one, Some(1));
    assert_eq!(node.sweep(), 0, "a record names it");
    let next = key_header_of(3);
    node.publish(&next);
    node.trim(Keep::Last);
    while node.log.reader().first_position(&one.content().topic).unwrap().value() == 0 {
        node.publish(&next);
        node.trim(Keep::Last);
    }
    assert_eq!(node.sweep(), 1);
    assert!(!node.has(&one.id()) && node.has(&next.id()));
    assert_eq!(node.key_headers.encoded(&one.id()), Ok(None), "nor is it in memory");
}

/// Retention never takes a topic's last record, and what was refused is in none.
#[test]
fn key_headers_of_what_was_refused_go_beside_a_record_that_stays() {
    let mut node = Node::new();
    let one = key_header();
    node.publish(&one);
    let refused: Vec<KeyHeader> = (3..9).map(key_header_of).collect();
    node.key_headers.keep(&refused).unwrap();
    assert_eq!([node.sweep(), node.sweep()], [0, 0]);
    assert_eq!(node.sweep(), refused.len());
    assert!(node.has(&one.id()));
    node.check();
}

/// What may name it and is too much to be looked through keeps it.
#[test]
fn beside_many_old_records_a_key_header_stays() {
    let mut node = Node::new();
    let one = key_header();
    for _record in 0..9 {
        node.publish(&one);
    }
    node.key_headers.keep(&[key_header_of(3)]).unwrap();
    assert_eq!([node.sweep(), node.sweep(), node.sweep()], [0, 0, 0]);
    assert!(node.has(&key_header_of(3).id()));
}

#[test]
fn what_is_named_again_is_in_use_before_it_is_let_in() {
    let mut node = Node::new();
    let one = key_header();
    node.publish(&one);
    assert_eq!([node.sweep(), node.sweep()], [0, 0]);
    node.check_idle_since(&one, Some(1));
    // The node does not count on what it had in memory.
    node = node.restarted();
    assert!(matches!(node.admit(&one), Found::Idle(_stored)));
    node.check_idle_since(&one, None);
    node.trim(Keep::Nothing);
    assert_eq!(node.sweep(), 0, "the record is on its way");
    node.commit();
    node.check();
}

#[test]
fn readers_of_old_records_keep_nothing_in_use() {
    let mut node = Node::new();
    let one = key_header();
    node.publish(&one);
    for _sweep in 0..3 {
        assert_eq!(node.key_headers.encoded(&one.id()).unwrap().as_ref(), Some(one.encoded()));
        node.sweep();
    }
    node.check_idle_since(&one, Some(1));
    assert!(matches!(node.publish(&one), Found::Idle(_stored)));
    assert_eq!(node.publish(&one), Found::InUse);
}

#[test]
fn where_too_many_are_named_none_becomes_idle() {
    let uses = Uses::with_max(2);
    let ids = [1, 2, 3].map(|number| KeyHeaderId::new([number; 16]));
    uses.note(&ids[0]);
    uses.note(&ids[1]);
    assert!(uses.has(&ids[1]) && !uses.has(&ids[2]));
    uses.note(&ids[2]);
    uses.begin_turn();
    assert!(uses.has(&ids[2]) && uses.has(&KeyHeaderId::new([9; 16])));
    uses.begin_turn();
    assert!(!uses.has(&ids[2]));
}

#[derive(Debug, Clone)]
enum Step {
    Admit { topic: usize, boot: u8 },
    Commit,
    Sweep,
    Trim(Keep),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let keep = prop_oneof![Just(Keep::Nothing), Just(Keep::Last), Just(Keep::Bytes(2_000))];
    prop_oneof![
        8 => (0..TOPICS.len(), 1..4_u8).prop_map(|(topic, boot)| Step::Admit { topic, boot }),
        3 => Just(Step::Commit),
        4 => Just(Step::Sweep),
        2 => keep.prop_map(Step::Trim),
        1 => Just(Step::Restart),
    ]
}

const TOPICS: [&str; 3] = ["fujisawa/air", "fujisawa/noise", "fujisawa/truck/7"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_every_order_each_record_has_its_key_header_and_what_no_record_names_goes_in_the_end(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut node = Node::new();
        let mut sweeps_under_way = 0;
        for step in steps {
            match step {
                Step::Admit { topic, boot } => drop(node.admit(&key_header_for(TOPICS[topic], boot))),
                Step::Commit => {
                    node.commit();
                    sweeps_under_way = 0;
                }
                Step::Sweep => {
                    // Nothing is under way for longer than from one sweep to the next.
                    sweeps_under_way += usize::from(!node.under_way.is_empty());
                    if sweeps_under_way > 1 {
                        node.commit();
                        sweeps_under_way = 0;
                    }
                    node.sweep();
                }
                Step::Trim(keep) => node.trim(keep),
                Step::Restart => node = node.restarted(),
            }
            node.check();
        }
        node.commit();
        node.trim(Keep::Nothing);
        for _sweep in 0..3 {
            node.check();
            node.sweep();
        }
        let reader = node.log.reader();
        for (_id, left) in node.key_headers.keyed.key_headers_after(None, usize::MAX).unwrap() {
            prop_assert!(reader.first_position(&left.topic).is_some(), "found {left:?}");
        }
    }
}
