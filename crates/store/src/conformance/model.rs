//! A model of a log that is too simple to be wrong, and an engine held against it step by step.

use std::{collections::BTreeMap, time::Duration};

use sekisho_proto::{
    BootId, Filter, Hash, Offset, Position, PrincipalId, Sequence, Timestamp, Topic,
};

use super::{
    Breach, RecordsEngine, ensure, ensure_equal,
    retention::trim_all,
    samples::{ALL, append, commit, dated, filter, read_all, record, stored, time, topic},
};
use crate::{Keep, RecordReader as _, Records, RetentionRules, StoredRecord, StreamHead};

/// One thing done to a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Appends a record to one of a few topics.
    Append {
        /// Which topic.
        topic: u8,
        /// Which run of the publisher.
        boot: u8,
        /// As a follower, leaving out this many offsets.
        skipped_offsets: Option<u8>,
        /// Bytes added to the envelope.
        bytes: u16,
    },
    /// Commits.
    Commit,
    /// Closes the log, so that what is not committed is gone, and opens it again.
    Reopen,
    /// Commits, then trims every topic by a rule of its own; each topic keeps what
    /// [`Keep`] the number stands for.
    Trim(Vec<u8>),
    /// Reads everything of a filter and of each topic.
    Read(u8),
}

const TOPICS: [&str; 5] = ["city/a", "city/b", "city/b/c", "town/a", "town/大/b"];
const FILTERS: [&str; 6] = ["city/#", "city/+", "city/b/#", "town/+/b", "town/a", "shore/#"];

/// A committed record, and whether some rule has let it go.
#[derive(Debug, Clone)]
struct Kept {
    record: StoredRecord,
    may_be_gone: bool,
}

#[derive(Debug, Default)]
struct Model {
    committed: Vec<Kept>,
    /// With the times of their headers.
    pending: Vec<(StoredRecord, Timestamp)>,
    heads: BTreeMap<(Topic, PrincipalId, BootId), StreamHead>,
    numbers: u64,
}

/// Does the steps and compares what is read with the model.
///
/// # Errors
///
/// The first difference, with the number of the step.
pub fn agrees_with_model<E: RecordsEngine>(engine: &E, steps: &[Step]) -> Result<(), Breach> {
    let mut model = Model::default();
    let mut log = engine.open()?;
    for (number, step) in steps.iter().enumerate() {
        let outcome = if *step == Step::Reopen {
            drop(log);
            model.pending.clear();
            log = engine.open()?;
            model.compare_all(&log)
        } else {
            model.step(&mut log, step)
        };
        outcome.map_err(|breach| Breach(format!("step {number}, {step:?}: {breach}")))?;
    }
    model.commit(&mut log)?;
    model.compare_all(&log)
}

impl Model {
    fn step<R: Records>(&mut self, log: &mut R, step: &Step) -> Result<(), Breach> {
        match step {
            Step::Append { topic, boot, skipped_offsets, bytes } => {
                let place = place(*topic)?;
                let mut new = record(&place, self.numbers);
                let mut envelope = new.envelope.to_vec();
                envelope.resize(envelope.len().saturating_add(usize::from(*bytes)), 7);
                new.envelope = envelope.into();
                new.stream.boot = BootId::new([*boot; 16]);
                new.stream.sequence = Sequence::new(self.numbers);
                let new_time = odd_time(self.numbers);
                new = dated(new, new_time)?;
                let next = self.next_offset(&place);
                if let Some(skipped) = skipped_offsets {
                    new.offset = Some(Offset::new(next.saturating_add(u64::from(*skipped))));
                }
                let appended = append(log, new.clone())?;
                let wanted = new.offset.unwrap_or(Offset::new(next));
                ensure_equal("offset", &wanted, &appended.offset)?;
                self.numbers = self.numbers.saturating_add(1);
                self.pending.push((stored(&new, appended), new_time));
                Ok(())
            }
            Step::Commit => self.commit(log),
            Step::Trim(rules) => {
                self.commit(log)?;
                let rules = rules_of(rules)?;
                self.let_go(&rules);
                trim_all(log, &rules, self.numbers)?;
                self.compare_all(log)
            }
            Step::Read(number) => {
                let at = usize::from(*number) % FILTERS.len();
                let text = FILTERS.get(at).copied().unwrap_or("city/#");
                self.compare(log, &filter(text)?)
            }
            Step::Reopen => Ok(()),
        }
    }

    fn next_offset(&self, place: &Topic) -> u64 {
        let committed = self.committed.iter().map(|kept| &kept.record);
        let pending = self.pending.iter().map(|(record, _time)| record);
        let offsets = committed.chain(pending).filter(|record| record.topic == *place);
        offsets.map(|record| record.offset.value().saturating_add(1)).max().unwrap_or(0)
    }

    fn commit(&mut self, log: &mut impl Records) -> Result<(), Breach> {
        let head = commit(log)?;
        for (record, time) in self.pending.drain(..) {
            let before = self.committed.last().map(|kept| kept.record.position);
            ensure(before < Some(record.position), || "wanted growing positions".to_owned())?;
            ensure(record.position < head, || "wanted records before the head".to_owned())?;
            let key = (record.topic.clone(), record.stream.publisher, record.stream.boot);
            let newest = self.heads.get(&key).map_or(time, |head| head.time.max(time));
            self.heads.insert(key, head_of(&record, newest));
            self.committed.push(Kept { record, may_be_gone: false });
        }
        Ok(())
    }

    /// Marks what the rules do not keep.
    fn let_go(&mut self, rules: &RetentionRules) {
        let now = self.numbers;
        let mut newest: BTreeMap<Topic, Position> = BTreeMap::new();
        for kept in &self.committed {
            newest.insert(kept.record.topic.clone(), kept.record.position);
        }
        for kept in &mut self.committed {
            let record = &kept.record;
            let last = newest.get(&record.topic) == Some(&record.position);
            let seconds = u64::try_from(record.received.as_micros()).unwrap_or(0) / 1_000_000;
            kept.may_be_gone |= match rules.keep(&record.topic) {
                Keep::Everything => false,
                Keep::Nothing => true,
                Keep::Last | Keep::Bytes(_) => !last,
                Keep::For(age) => !last && now.saturating_sub(seconds) > age.as_secs(),
            };
        }
    }

    fn compare_all<R: Records>(&self, log: &R) -> Result<(), Breach> {
        for text in FILTERS.iter().chain(&TOPICS) {
            self.compare(log, &filter(text)?)?;
        }
        let heads: Vec<StreamHead> = self.heads.values().cloned().collect();
        ensure_equal("stream heads", &heads, &log.streams())?;
        for text in TOPICS {
            self.compare_last(log, &topic(text)?)?;
        }
        Ok(())
    }

    fn compare<R: Records>(&self, log: &R, filter: &Filter) -> Result<(), Breach> {
        let (found, lost) = read_all(&log.reader(), filter)?;
        let mut found = found.into_iter().peekable();
        for kept in self.committed.iter().filter(|kept| filter.matches(&kept.record.topic)) {
            let position = kept.record.position;
            match found.next_if(|record| record.position <= position) {
                Some(record) => ensure_equal("record", &kept.record, &*record)?,
                None => {
                    ensure(kept.may_be_gone, || format!("wanted position {position} kept"))?;
                    let told =
                        lost.iter().any(|range| range.from <= position && position < range.to);
                    ensure(told, || format!("wanted position {position} told as lost"))?;
                }
            }
        }
        ensure(found.next().is_none(), || "wanted no other records".to_owned())
    }

    fn compare_last<R: Records>(&self, log: &R, place: &Topic) -> Result<(), Breach> {
        let mine = || self.committed.iter().filter(|kept| kept.record.topic == *place);
        let last = log.reader().last(place).map_err(|error| Breach::of("last", &error))?;
        let wanted = mine().next_back();
        match (&last, wanted) {
            (Some(last), Some(wanted)) => ensure_equal("last", &wanted.record, last)?,
            (None, Some(wanted)) => {
                ensure(wanted.may_be_gone, || format!("wanted the last of {place}"))?;
            }
            (found, None) => ensure_equal("last", &None, &found.as_deref())?,
        }
        let (all, _lost) = read_all(&log.reader(), &Filter::from(place))?;
        let states = log.reader().topics(&Filter::from(place));
        let told = states.first().map_or(0, |state| state.records);
        ensure_equal("records of a topic", &(all.len() as u64), &told)?;
        // Reading from an offset finds the same as reading from its position.
        let Some(middle) = mine().nth(mine().count() / 2) else { return Ok(()) };
        let from = middle.record.offset;
        let batch = log
            .reader()
            .read_topic(place, from, ALL, ALL)
            .map_err(|error| Breach::of("read a topic", &error))?;
        let wanted: Vec<_> = all.into_iter().filter(|record| record.offset >= from).collect();
        ensure_equal("records from an offset", &wanted, &batch.records)
    }
}

/// A clock that goes forth and back, and is no one that receives.
fn odd_time(number: u64) -> Timestamp {
    let [odd, ..] = *Hash::of(&number.to_be_bytes()).as_bytes();
    time(u64::from(odd).saturating_add(1_000_000))
}

/// The head of a run that ends with the record.
fn head_of(record: &StoredRecord, time: Timestamp) -> StreamHead {
    StreamHead {
        topic: record.topic.clone(),
        stream: record.stream,
        hash: record.hash,
        offset: record.offset,
        position: record.position,
        time,
        forgotten: None,
    }
}

fn place(number: u8) -> Result<Topic, Breach> {
    topic(TOPICS.get(usize::from(number) % TOPICS.len()).copied().unwrap_or("city/a"))
}

fn rules_of(numbers: &[u8]) -> Result<RetentionRules, Breach> {
    let mut rules = RetentionRules::uniform(Keep::Everything);
    for (text, number) in TOPICS.iter().zip(numbers) {
        let keep = match number % 6 {
            0 => Keep::Nothing,
            1 => Keep::Last,
            2 => Keep::For(Duration::from_secs(20)),
            3 => Keep::Bytes(2_000),
            _ => Keep::Everything,
        };
        rules.rules.push((filter(text)?, keep));
    }
    Ok(rules)
}
