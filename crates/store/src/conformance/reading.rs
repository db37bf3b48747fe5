//! Reading: what is found, how far, in which order, and while somebody writes.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use sekisho_proto::{Offset, Position, Topic};

use super::{
    Breach, RecordsEngine, ensure, ensure_equal,
    samples::{
        ALL, append, commit, filter, read_topic, read_whole, record, stored, time, topic, write,
    },
};
use crate::{ReadBatch, RecordReader, Records as _, StoredRecord};

fn read(
    reader: &impl RecordReader,
    text: &str,
    from: Position,
    records: usize,
    bytes: usize,
) -> Result<ReadBatch, Breach> {
    reader.read(&filter(text)?, from, records, bytes).map_err(|error| Breach::of("read", &error))
}

fn positions(batch: &ReadBatch) -> Vec<u64> {
    batch.records.iter().map(|record| record.position.value()).collect()
}

fn names(records: &[StoredRecord]) -> Vec<&str> {
    records.iter().map(|record| record.topic.as_str()).collect()
}

pub(super) fn a_filter_selects<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let mut log = engine.open()?;
    let texts = ["city/a/x", "city/a/y", "city/b/x", "town/a/x", "city/a"];
    for (number, text) in (0..).zip(texts) {
        write(&mut log, &topic(text)?, [number])?;
    }
    let reader = log.reader();
    for (text, wanted) in [
        ("city/#", vec!["city/a/x", "city/a/y", "city/b/x", "city/a"]),
        ("city/a/+", vec!["city/a/x", "city/a/y"]),
        ("city/+/x", vec!["city/a/x", "city/b/x"]),
        ("city/a/#", vec!["city/a/x", "city/a/y", "city/a"]),
        ("city/b/x", vec!["city/b/x"]),
        ("city/c", vec![]),
        ("nowhere/#", vec![]),
    ] {
        let found = read_whole(&reader, &filter(text)?)?;
        ensure_equal(text, &wanted, &names(&found))?;
        let mut listed = wanted.clone();
        listed.sort_unstable();
        let states = reader.topics(&filter(text)?);
        let topics: Vec<&str> = states.iter().map(|state| state.topic.as_str()).collect();
        ensure_equal("topics", &listed, &topics)?;
    }
    for (after, max, wanted) in [
        (None, 2, vec!["city/a", "city/a/x"]),
        (Some("city/a/x"), 2, vec!["city/a/y", "city/b/x"]),
        (Some("city/a/xx"), 9, vec!["city/a/y", "city/b/x"]),
        (Some("city/b/x"), 9, vec![]),
        (None, 0, vec![]),
    ] {
        let after = after.map(topic).transpose()?;
        let states = reader.topics_after(&filter("city/#")?, after.as_ref(), max);
        let topics: Vec<&str> = states.iter().map(|state| state.topic.as_str()).collect();
        ensure_equal("a part of the topics", &wanted, &topics)?;
    }
    // What a filter means grows with the topics.
    write(&mut log, &topic("city/a/z")?, [9])?;
    ensure_equal("a new topic", &3, &read_whole(&reader, &filter("city/a/+")?)?.len())
}

pub(super) fn a_filter_selects_among_many<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let mut log = engine.open()?;
    let mut written = Vec::new();
    for round in 0..4_u64 {
        for number in 0..150_u64 {
            let place = topic(&format!("city/{}/{}", number % 50, number / 50))?;
            let new = record(&place, round * 150 + number);
            let appended = append(&mut log, new.clone())?;
            written.push(stored(&new, appended));
        }
        commit(&mut log)?;
    }
    let reader = log.reader();
    for text in ["city/#", "city/+/1", "city/7/#", "city/7/+", "city/+/+", "city/7/1"] {
        let filter = filter(text)?;
        let wanted: Vec<StoredRecord> =
            written.iter().filter(|record| filter.matches(&record.topic)).cloned().collect();
        ensure_equal(text, &wanted, &read_whole(&reader, &filter)?)?;
        let since = reader
            .position_at_time(&filter, time(301))
            .map_err(|error| Breach::of("find a time", &error))?;
        let found = wanted.iter().find(|record| record.received >= time(301));
        ensure_equal("the time", &found.map(|record| record.position), &Some(since))?;
        let topics = wanted.len() / 4;
        ensure_equal("topics", &topics, &reader.topics(&filter).len())?;
        let lasts = reader
            .last_values(&filter, Position::ZERO, None, ALL, ALL)
            .map_err(|error| Breach::of("read last values", &error))?;
        let wanted: Vec<u64> =
            wanted.iter().skip(topics * 3).map(|record| record.position.value()).collect();
        ensure_equal("last values", &wanted, &positions(&lasts))?;
    }
    Ok(())
}

pub(super) fn limits_are_kept<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let (a, b) = (topic("city/a")?, topic("city/b")?);
    let mut log = engine.open()?;
    for number in 0..30 {
        append(&mut log, record(if number % 2 == 0 { &a } else { &b }, number))?;
    }
    let head = commit(&mut log)?;
    let reader = log.reader();
    let first = read(&reader, "city/a", Position::ZERO, 5, ALL)?;
    ensure_equal("a page", &vec![0, 2, 4, 6, 8], &positions(&first))?;
    ensure(first.next < first.head, || "wanted more to come".to_owned())?;
    let second = read(&reader, "city/a", first.next, 100, ALL)?;
    ensure_equal("the rest", &10, &second.records.len())?;
    ensure_equal("the rest ends at the head", &head, &second.next)?;
    let one = read(&reader, "city/#", Position::new(3), 10, 1)?;
    ensure_equal("one record is always read", &vec![3], &positions(&one))?;
    let none = read(&reader, "city/#", head, 10, ALL)?;
    ensure_equal("nothing at the head", &(Vec::new(), head), &(positions(&none), none.next))?;
    let far = Position::new(head.value() + 10);
    let beyond = read(&reader, "city/#", far, 10, ALL)?;
    ensure_equal("nothing beyond the head", &(Vec::new(), far), &(positions(&beyond), beyond.next))
}

pub(super) fn a_topic_is_read_from_an_offset<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let (a, b) = (topic("city/a")?, topic("city/b")?);
    let mut log = engine.open()?;
    for number in 0..20 {
        append(&mut log, record(if number % 4 == 0 { &a } else { &b }, number))?;
    }
    commit(&mut log)?;
    let reader = log.reader();
    ensure_equal("from 2", &vec![2, 3, 4], &read_topic(&reader, &a, 2)?)?;
    ensure_equal("from the end", &Vec::new(), &read_topic(&reader, &a, 5)?)?;
    ensure_equal("of nothing", &Vec::new(), &read_topic(&reader, &topic("city/c")?, 0)?)?;
    let page = reader
        .read_topic(&b, Offset::new(3), 4, ALL)
        .map_err(|error| Breach::of("read a topic", &error))?;
    let rest = read(&reader, "city/b", page.next, ALL, ALL)?;
    let offsets: Vec<u64> =
        page.records.iter().chain(&rest.records).map(|record| record.offset.value()).collect();
    ensure_equal("a page and the rest", &(3..15).collect(), &offsets)
}

pub(super) fn last_values_are_the_last<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let places: Vec<Topic> =
        (0..5).map(|number| topic(&format!("city/{number}"))).collect::<Result<_, _>>()?;
    let mut log = engine.open()?;
    for round in 0..4 {
        for place in places.iter().take(5 - round) {
            write(&mut log, place, [u64::try_from(round).unwrap_or(0)])?;
        }
    }
    let check = |log: &E::Records| {
        let reader = log.reader();
        let (mut found, mut from) = (Vec::new(), Position::ZERO);
        while from < reader.head() {
            let batch = reader
                .last_values(&filter("city/#")?, from, None, 2, ALL)
                .map_err(|error| Breach::of("read last values", &error))?;
            found.extend(batch.records.iter().map(|record| record.topic.as_str().to_owned()));
            from = batch.next;
        }
        let wanted = ["city/4", "city/3", "city/2", "city/0", "city/1"];
        ensure_equal("last values", &wanted.map(str::to_owned).to_vec(), &found)?;
        for state in reader.topics(&filter("city/#")?) {
            let last = reader.last(&state.topic).map_err(|error| Breach::of("last", &error))?;
            let last = last.map(|record| (record.position, record.received));
            ensure_equal("last", &state.last_position.zip(state.last_received), &last)?;
        }
        Ok(())
    };
    check(&log)?;
    drop(log);
    check(&engine.open()?)
}

pub(super) fn a_time_finds_its_position<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let (a, b) = (topic("city/a")?, topic("city/b")?);
    let mut log = engine.open()?;
    // Clocks jump: 30 is received before 20.
    let times = [(&a, 10), (&b, 10), (&a, 30), (&a, 20), (&b, 40), (&a, 50)];
    for (place, seconds) in times {
        write(&mut log, place, [seconds])?;
    }
    let reader = log.reader();
    for (text, seconds, wanted) in [
        ("city/#", 0, 0),
        ("city/#", 11, 2),
        ("city/b", 11, 4),
        ("city/a", 20, 2),
        ("city/a", 31, 5),
        ("city/b", 41, 6),
        ("city/c", 0, 6),
    ] {
        let found = reader
            .position_at_time(&filter(text)?, time(seconds))
            .map_err(|error| Breach::of("find a time", &error))?;
        let what = format!("{text} since {seconds} s");
        ensure_equal(&what, &Position::new(wanted), &found)?;
    }
    let just_after = time(50).saturating_add(std::time::Duration::from_micros(1));
    let found = reader.position_at_time(&filter("city/#")?, just_after);
    let found = found.map_err(|error| Breach::of("find a time", &error))?;
    ensure_equal("a microsecond later", &reader.head(), &found)
}

pub(super) fn readers_see_a_prefix<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    const RECORDS: u64 = 2_000;
    let (a, b) = (topic("city/a")?, topic("city/b")?);
    let mut log = engine.open()?;
    let (reader, written) = (log.reader(), AtomicBool::new(false));
    thread::scope(|scope| {
        let follow = |text: &'static str, wanted: u64| {
            let (reader, written) = (reader.clone(), &written);
            scope.spawn(move || follow(&reader, text, wanted, written))
        };
        let readers = [follow("city/#", RECORDS), follow("city/b", RECORDS / 2)];
        let outcome = (0..RECORDS).try_for_each(|number| {
            append(&mut log, record(if number % 2 == 0 { &a } else { &b }, number))?;
            if number % 37 == 0 { commit(&mut log).map(|_head| ()) } else { Ok(()) }
        });
        let outcome = outcome.and_then(|()| commit(&mut log));
        written.store(true, Ordering::Release);
        outcome?;
        for reader in readers {
            reader.join().unwrap_or_else(|_| Err(Breach("a reader panicked".to_owned())))?;
        }
        Ok(())
    })
}

/// Reads until all is written and read; each record must come after the one before.
fn follow(
    reader: &impl RecordReader,
    text: &str,
    wanted: u64,
    written: &AtomicBool,
) -> Result<(), Breach> {
    let (mut from, mut count, mut last) = (Position::ZERO, 0, None);
    loop {
        let all_written = written.load(Ordering::Acquire);
        let batch = read(reader, text, from, 100, ALL)?;
        ensure(batch.lost.is_empty(), || format!("wanted nothing lost, found {:?}", batch.lost))?;
        for record in &batch.records {
            ensure(last < Some(record.position), || "wanted ascending positions".to_owned())?;
            ensure(record.position < batch.head, || "wanted records before the head".to_owned())?;
            last = Some(record.position);
            count += 1;
        }
        from = batch.next;
        if all_written && from >= batch.head {
            return ensure_equal("records", &wanted, &count);
        }
        if batch.records.is_empty() {
            thread::yield_now();
        }
    }
}
