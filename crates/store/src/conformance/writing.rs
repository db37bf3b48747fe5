//! Appending, committing and coming back.

use bytes::Bytes;
use sekisho_proto::{Offset, Position, PrincipalId};

use super::{
    Breach, RecordsEngine, ensure, ensure_equal,
    samples::{ALL, append, commit, filter, read_topic, read_whole, record, topic, write},
};
use crate::{AppendError, RecordReader as _, Records as _};

pub(super) fn nothing_is_readable_early<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let mut log = engine.open()?;
    let (reader, place) = (log.reader(), topic("city/air")?);
    append(&mut log, record(&place, 1))?;
    let all = filter("city/#")?;
    ensure_equal("head before the commit", &Position::ZERO, &reader.head())?;
    ensure_equal("records before the commit", &Vec::new(), &read_whole(&reader, &all)?)?;
    ensure_equal("topics before the commit", &0, &reader.topics(&all).len())?;
    let head = commit(&mut log)?;
    ensure_equal("head after the commit", &head, &reader.head())?;
    ensure_equal("records after the commit", &1, &read_whole(&reader, &all)?.len())
}

pub(super) fn uncommitted_is_gone<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let place = topic("city/air")?;
    let mut log = engine.open()?;
    let written = write(&mut log, &place, 0..3)?;
    append(&mut log, record(&place, 3))?;
    drop(log);
    let mut log = engine.open()?;
    ensure_equal("after a restart", &written, &read_whole(&log.reader(), &filter("city/#")?)?)?;
    let again = append(&mut log, record(&place, 4))?;
    ensure_equal("the next offset", &Offset::new(3), &again.offset)
}

pub(super) fn records_come_back<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let (air, noise) = (topic("city/air")?, topic("city/大通り/noise")?);
    let mut log = engine.open()?;
    let mut written = write(&mut log, &air, 0..20)?;
    written.extend(write(&mut log, &noise, 20..40)?);
    let all = filter("city/#")?;
    ensure_equal("before a restart", &written, &read_whole(&log.reader(), &all)?)?;
    drop(log);
    let log = engine.open()?;
    ensure_equal("after a restart", &written, &read_whole(&log.reader(), &all)?)
}

pub(super) fn offsets_have_no_gaps<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let (a, b) = (topic("city/a")?, topic("city/b")?);
    let mut log = engine.open()?;
    for number in 0..10 {
        let place = if number % 3 == 0 { &a } else { &b };
        append(&mut log, record(place, number))?;
    }
    commit(&mut log)?;
    write(&mut log, &a, 10..12)?;
    drop(log);
    let mut log = engine.open()?;
    write(&mut log, &b, 12..14)?;
    let reader = log.reader();
    ensure_equal("offsets of a", &(0..6).collect(), &read_topic(&reader, &a, 0)?)?;
    ensure_equal("offsets of b", &(0..8).collect(), &read_topic(&reader, &b, 0)?)
}

pub(super) fn follower_offsets_grow<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let place = topic("elsewhere/air")?;
    let mut log = engine.open()?;
    let at = |number: u64, offset: u64| {
        let mut new = record(&place, number);
        new.offset = Some(Offset::new(offset));
        new
    };
    append(&mut log, at(0, 5))?;
    let refused = |log: &mut E::Records, offset: u64| match log.append(at(9, offset)) {
        Err(AppendError::OffsetNotGrowing { found, .. }) => {
            ensure_equal("offset named", &Offset::new(offset), &found)
        }
        other => Err(Breach(format!("offset {offset}: wanted a refusal, found {other:?}"))),
    };
    refused(&mut log, 5)?;
    append(&mut log, at(1, 8))?;
    refused(&mut log, 6)?;
    commit(&mut log)?;
    refused(&mut log, 8)?;
    drop(log);
    let mut log = engine.open()?;
    refused(&mut log, 8)?;
    append(&mut log, at(2, 9))?;
    commit(&mut log)?;
    ensure_equal("offsets", &vec![5, 8, 9], &read_topic(&log.reader(), &place, 0)?)?;
    ensure_equal("from within a gap", &vec![8, 9], &read_topic(&log.reader(), &place, 6)?)
}

pub(super) fn sizes_are_limited<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let place = topic("city/air")?;
    let mut log = engine.open()?;
    let sized = |bytes: usize| {
        let mut new = record(&place, 1);
        new.envelope = Bytes::from(vec![7; bytes]);
        new
    };
    for bytes in [0, sekisho_proto::limits::ENVELOPE_BYTES_MAX + 1] {
        let outcome = log.append(sized(bytes));
        ensure(matches!(outcome, Err(AppendError::RecordSize { .. })), || {
            format!("{bytes} bytes: wanted a refusal, found {outcome:?}")
        })?;
    }
    let mut wide = record(&place, 1);
    wide.hops = vec![PrincipalId::new([1; 32]); 4];
    ensure(log.append(wide).is_err(), || "wanted four hops refused".to_owned())?;
    append(&mut log, sized(sekisho_proto::limits::ENVELOPE_BYTES_MAX))?;
    commit(&mut log)?;
    let batch = log.reader().read(&filter("city/#")?, Position::ZERO, ALL, 1);
    let batch = batch.map_err(|error| Breach::of("read", &error))?;
    ensure_equal("the longest record, however small the limit", &1, &batch.records.len())
}
