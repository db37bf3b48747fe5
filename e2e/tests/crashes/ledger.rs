//! What is there, compared with what was acknowledged.

use std::collections::BTreeMap;
use std::fmt;

use sekisho::{BootId, Delivery, Message, Offset, PrincipalId, Sequence, Start, Topic};
use sekisho_e2e::{Member, Reader, number_of, within};

use crate::scribe::Written;

/// One record as a reader has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) topic: Topic,
    pub(crate) publisher: PrincipalId,
    pub(crate) boot: BootId,
    pub(crate) sequence: Sequence,
    pub(crate) offset: Offset,
    /// The numbers in its body.
    pub(crate) numbers: Vec<i64>,
}

impl Seen {
    pub(crate) fn of(message: &Message) -> Self {
        let numbers = match message.samples() {
            Ok(samples) => samples.iter().map(number_of).collect(),
            Err(_text) => {
                let body = String::from_utf8(message.body().unwrap().to_vec()).unwrap();
                let (topic, number) = body.rsplit_once(' ').unwrap();
                assert_eq!(topic, message.topic.as_str(), "a body under another topic");
                vec![number.parse().unwrap()]
            }
        };
        Self {
            topic: message.topic.clone(),
            publisher: message.publisher_id,
            boot: message.envelope.header().boot,
            sequence: message.envelope.header().sequence,
            offset: message.offset,
            numbers,
        }
    }
}

/// Everything that is stored, by a history that ends where the log ends.
pub(crate) async fn history(member: &Member, filter: &str) -> Vec<Seen> {
    let client = member.connect().await;
    let builder = client.history(filter.parse().unwrap());
    let mut history = within("the history", builder.start()).await.unwrap();
    let mut seen = Vec::new();
    while let Some(delivery) = within("the history's end", history.next()).await {
        match delivery.unwrap() {
            Delivery::Message(message) => seen.push(Seen::of(&message)),
            Delivery::Gap(gap) => panic!("wanted no gap, found {gap:?}"),
        }
    }
    client.close().await;
    seen
}

/// Everything that is stored, by a subscription that begins with the earliest record.
pub(crate) async fn subscription(member: &Member, filter: &str, count: usize) -> Vec<Seen> {
    let mut reader = Reader::start(member, filter, Start::Earliest).await;
    let mut seen = Vec::new();
    while seen.len() < count {
        seen.push(Seen::of(&reader.message().await));
    }
    reader.close().await;
    seen
}

/// What became of what was acknowledged.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) acknowledged: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) misplaced: u64,
    pub(crate) disordered: u64,
    /// Not acknowledged by anybody's account.
    pub(crate) invented: u64,
}

impl Verdict {
    pub(crate) fn is_clean(&self) -> bool {
        *self == Self { acknowledged: self.acknowledged, ..Self::default() }
    }

    pub(crate) fn and(self, other: &Self) -> Self {
        Self {
            acknowledged: self.acknowledged + other.acknowledged,
            lost: self.lost + other.lost,
            doubled: self.doubled + other.doubled,
            misplaced: self.misplaced + other.misplaced,
            disordered: self.disordered + other.disordered,
            invented: self.invented + other.invented,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, lost, doubled, misplaced, disordered, invented } = self;
        write!(
            f,
            "{acknowledged} acknowledged, {lost} lost, {doubled} doubled, {misplaced} misplaced, \
             {disordered} out of order, {invented} from nowhere"
        )
    }
}

/// Compares what a scribe was told with what a reader has of its topic.
pub(crate) fn compare(written: &Written, seen: &[Seen]) -> Verdict {
    let of_it = seen.iter().filter(|seen| seen.topic == written.topic);
    let mut verdict = Verdict { acknowledged: written.count, ..Verdict::default() };
    let mut times: BTreeMap<Sequence, u64> = BTreeMap::new();
    let mut last: Option<&Seen> = None;
    for record in of_it {
        let number = i64::try_from(record.sequence.value()).unwrap();
        let is_ours = (record.publisher, record.boot) == (written.publisher, written.boot);
        if !is_ours || record.sequence.value() >= written.count || record.numbers != [number] {
            verdict.invented += 1;
            continue;
        }
        *times.entry(record.sequence).or_default() += 1;
        if written.offsets.get(&record.sequence).is_some_and(|told| *told != record.offset) {
            verdict.misplaced += 1;
        }
        if last.is_some_and(|last| last.sequence >= record.sequence || last.offset >= record.offset)
        {
            verdict.disordered += 1;
        }
        last = Some(record);
    }
    let distinct = u64::try_from(times.len()).unwrap();
    verdict.lost = written.count - distinct;
    verdict.doubled = times.values().map(|count| count - 1).sum();
    verdict
}

/// A topic whose publisher was killed and began anew: each run's numbers begin with a multiple of
/// `run`, and all up to those in `kept` were said to be kept.
pub(crate) fn compare_runs(seen: &[Seen], topic: &str, run: i64, kept: &[i64]) -> Verdict {
    let of_it: Vec<&Seen> = seen.iter().filter(|seen| seen.topic.as_str() == topic).collect();
    let mut verdict = Verdict::default();
    let mut places: BTreeMap<(BootId, Sequence), u64> = BTreeMap::new();
    let mut last: BTreeMap<i64, i64> = BTreeMap::new();
    for record in of_it {
        *places.entry((record.boot, record.sequence)).or_default() += 1;
        for number in record.numbers.iter().copied().filter(|number| *number >= 0) {
            let begun = number - number % run;
            match last.insert(begun, number) {
                None if number == begun => {}
                Some(before) if before + 1 == number => {}
                Some(before) if before >= number => verdict.doubled += 1,
                None | Some(_) => verdict.lost += 1,
            }
        }
    }
    verdict.doubled += places.values().map(|count| count - 1).sum::<u64>();
    for kept in kept {
        let begun = kept - kept % run;
        let there = last.get(&begun).map_or(0, |last| last - begun + 1);
        let wanted = kept - begun + 1;
        verdict.acknowledged += u64::try_from(wanted).unwrap();
        verdict.lost += u64::try_from((wanted - there).max(0)).unwrap();
    }
    verdict
}

#[test]
fn a_checker_finds_what_is_lost_doubled_misplaced_and_out_of_order() {
    let topic: Topic = "fujisawa/truck/1/air".parse().unwrap();
    let record = |number: u64| Seen {
        topic: topic.clone(),
        publisher: PrincipalId::new([1; 32]),
        boot: BootId::new([2; 16]),
        sequence: Sequence::new(number),
        offset: Offset::new(number),
        numbers: vec![i64::try_from(number).unwrap()],
    };
    let offsets = (0..3).map(|number| (Sequence::new(number), Offset::new(number))).collect();
    let (publisher, boot) = (PrincipalId::new([1; 32]), BootId::new([2; 16]));
    let written = Written { topic: topic.clone(), publisher, boot, count: 4, offsets };
    let judge = |numbers: &[u64]| {
        compare(&written, &numbers.iter().map(|number| record(*number)).collect::<Vec<_>>())
    };
    assert!(judge(&[0, 1, 2, 3]).is_clean());
    assert_eq!(judge(&[0, 1, 3]), Verdict { acknowledged: 4, lost: 1, ..Verdict::default() });
    let twice = Verdict { acknowledged: 4, doubled: 1, disordered: 1, ..Verdict::default() };
    assert_eq!(judge(&[0, 1, 1, 2, 3]), twice);
    assert_eq!(judge(&[0, 2, 1, 3]).disordered, 1);
    assert_eq!(judge(&[0, 1, 2, 3, 4]).invented, 1);
    let elsewhere = Seen { offset: Offset::new(7), ..record(2) };
    assert_eq!(compare(&written, &[record(0), record(1), elsewhere]).misplaced, 1);

    let runs = |numbers: &[i64], kept: &[i64]| {
        let one = |(at, number): (usize, &i64)| Seen {
            sequence: Sequence::new(at as u64),
            numbers: vec![*number],
            ..record(0)
        };
        let seen: Vec<Seen> = numbers.iter().enumerate().map(one).collect();
        compare_runs(&seen, topic.as_str(), 100, kept)
    };
    assert!(runs(&[0, 1, 2, 100, 101], &[1, 101]).is_clean());
    assert_eq!(runs(&[0, 1, 100, 101], &[2, 101]).lost, 1);
    assert_eq!(runs(&[0, 1, 100], &[101]).lost, 1);
    assert_eq!(runs(&[0, 2], &[]).lost, 1);
    assert_eq!(runs(&[0, 1, 1], &[]).doubled, 1);
}
