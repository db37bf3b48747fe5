//! Records to check with, and the few steps that every check takes.

use std::sync::Arc;

use bytes::Bytes;
use sekisho_proto::{
    BootId, ContentType, Envelope, Epoch, Filter, Hash, Header, KeyHeaderId, Offset, Position,
    PrincipalId, Scope, Sequence, Signature, Suite, Timestamp, Topic,
};

use super::Breach;
use crate::{Appended, LostRange, NewRecord, RecordReader, Records, StoredRecord, StreamKey};

/// Enough for every record of a check.
pub(super) const ALL: usize = 1_000_000;

pub(super) fn topic(text: &str) -> Result<Topic, Breach> {
    Topic::parse(text).map_err(|error| Breach::of("parse a topic", &error))
}

pub(super) fn filter(text: &str) -> Result<Filter, Breach> {
    Filter::parse(text).map_err(|error| Breach::of("parse a filter", &error))
}

pub(super) fn time(seconds: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX))
}

/// A record that is different for every number: its fields are drawn from it.
pub(super) fn record(topic: &Topic, number: u64) -> NewRecord {
    let hash = Hash::of(&number.to_be_bytes());
    let [small, ..] = *hash.as_bytes();
    let hop = |seed: u8| PrincipalId::new([seed; 32]);
    let text = format!("{topic} {number} {hash}");
    NewRecord {
        topic: topic.clone(),
        offset: None,
        received: time(number),
        envelope: Bytes::from(text.repeat(1 + usize::from(small % 3))),
        hops: (0..small % 4).map(hop).collect(),
        stream: StreamKey {
            publisher: PrincipalId::new([7; 32]),
            boot: BootId::new([1; 16]),
            sequence: Sequence::new(number),
        },
        hash,
        key_header: (small % 2 == 0).then(|| KeyHeaderId::new([small; 16])),
    }
}

/// The record around an envelope whose header says this time.
pub(super) fn dated(record: NewRecord, time: Timestamp) -> Result<NewRecord, Breach> {
    let content_type = ContentType::parse(ContentType::OPAQUE);
    let header = Header {
        suite: Suite::Open,
        topic: record.topic.clone(),
        publisher: record.stream.publisher,
        boot: record.stream.boot,
        sequence: record.stream.sequence,
        time,
        epoch: Epoch::ZERO,
        key_header: None,
        previous: None,
        content_type: content_type.map_err(|error| Breach::of("parse a content type", &error))?,
        sample_count: 0,
        flags: 0,
        expiry_s: 0,
        scope: Scope::Organisation,
        attester: None,
    };
    let envelope = Envelope::compose(header, &record.envelope, Signature::new([9; 64]))
        .map_err(|error| Breach::of("compose an envelope", &error))?;
    Ok(NewRecord { envelope: envelope.encoded().clone(), ..record })
}

/// A record as it must come back.
pub(super) fn stored(record: &NewRecord, appended: Appended) -> StoredRecord {
    StoredRecord {
        position: appended.position,
        offset: appended.offset,
        received: record.received,
        topic: record.topic.clone(),
        envelope: record.envelope.clone(),
        hops: record.hops.clone(),
        stream: record.stream,
        hash: record.hash,
        key_header: record.key_header,
    }
}

pub(super) fn append(log: &mut impl Records, record: NewRecord) -> Result<Appended, Breach> {
    log.append(record).map_err(|error| Breach::of("append", &error))
}

pub(super) fn commit(log: &mut impl Records) -> Result<Position, Breach> {
    log.commit().map_err(|error| Breach::of("commit", &error))
}

/// Appends and commits one record per number.
pub(super) fn write(
    log: &mut impl Records,
    topic: &Topic,
    numbers: impl IntoIterator<Item = u64>,
) -> Result<Vec<StoredRecord>, Breach> {
    let mut written = Vec::new();
    for number in numbers {
        let new = record(topic, number);
        let appended = append(log, new.clone())?;
        written.push(stored(&new, appended));
    }
    commit(log)?;
    Ok(written)
}

/// Everything that a filter matches, and all that is told as lost, read in small steps.
pub(super) fn read_all(
    reader: &impl RecordReader,
    filter: &Filter,
) -> Result<(Vec<Arc<StoredRecord>>, Vec<LostRange>), Breach> {
    let (mut records, mut lost, mut from) = (Vec::new(), Vec::new(), Position::ZERO);
    loop {
        let batch =
            reader.read(filter, from, 7, ALL).map_err(|error| Breach::of("read", &error))?;
        let advanced = batch.next > from;
        records.extend(batch.records);
        lost.extend(batch.lost);
        if batch.next >= batch.head {
            return Ok((records, lost));
        }
        if !advanced {
            return Err(Breach(format!("read from {from}: wanted to advance, found no way on")));
        }
        from = batch.next;
    }
}

/// Everything that a filter matches, where nothing may be lost.
pub(super) fn read_whole(
    reader: &impl RecordReader,
    filter: &Filter,
) -> Result<Vec<StoredRecord>, Breach> {
    let (records, lost) = read_all(reader, filter)?;
    if lost.is_empty() {
        return Ok(records.iter().map(|record| StoredRecord::clone(record)).collect());
    }
    Err(Breach(format!("read {filter}: wanted nothing lost, found {lost:?}")))
}

pub(super) fn read_topic(
    reader: &impl RecordReader,
    topic: &Topic,
    from: u64,
) -> Result<Vec<u64>, Breach> {
    let batch = reader
        .read_topic(topic, Offset::new(from), ALL, ALL)
        .map_err(|error| Breach::of("read a topic", &error))?;
    Ok(batch.records.iter().map(|record| record.offset.value()).collect())
}
