//! Trimming: what the rules keep stays, what goes is told, heads and offsets outlive it.

use std::{collections::BTreeSet, time::Duration};

use sekisho_proto::{Filter, Offset, Position, Topic};

use super::{
    Breach, RecordsEngine, ensure, ensure_equal,
    samples::{append, commit, filter, read_all, record, time, topic},
};
use crate::{Keep, LostReason, RecordReader as _, Records, RetentionRules};

const RECORDS: u64 = 3_000;

/// Calls until there is no more to do.
pub(super) fn trim_all(
    log: &mut impl Records,
    rules: &RetentionRules,
    seconds: u64,
) -> Result<u64, Breach> {
    let mut records = 0_u64;
    for _ in 0..1_000 {
        let report = log.trim(rules, time(seconds)).map_err(|error| Breach::of("trim", &error))?;
        records = records.saturating_add(report.records);
        if !report.more {
            return Ok(records);
        }
    }
    Err(Breach("trim: wanted an end, found more to do a thousand times".to_owned()))
}

pub(super) fn rules_are_kept<E: RecordsEngine>(engine: &E) -> Result<(), Breach> {
    let kinds = [
        ("city/nothing/1", Keep::Nothing),
        ("city/last/1", Keep::Last),
        ("city/hour/1", Keep::For(Duration::from_secs(500))),
        ("city/bytes/1", Keep::Bytes(50_000)),
        ("city/all/1", Keep::Everything),
    ];
    let mut rules = RetentionRules::uniform(Keep::Everything);
    let mut topics = Vec::new();
    for (text, keep) in kinds {
        let place = topic(text)?;
        rules.rules.push((Filter::from(&place), keep));
        topics.push((place, keep));
    }
    let quiet = topic("city/last/quiet")?;
    rules.rules.push((filter("city/last/#")?, Keep::Last));
    let mut log = engine.open()?;
    append(&mut log, record(&quiet, 0))?;
    for number in 1..RECORDS {
        let kind = usize::try_from(number).unwrap_or(0) % topics.len();
        if let Some((place, _keep)) = topics.get(kind) {
            append(&mut log, record(place, number))?;
        }
        if number % 100 == 0 {
            commit(&mut log)?;
        }
    }
    commit(&mut log)?;
    let heads = log.streams();
    trim_all(&mut log, &rules, RECORDS)?;
    let state = (log.streams(), log.reader().topics(&filter("city/#")?));
    ensure_equal("stream heads", &heads, &state.0)?;
    check_rules(&log, &topics, &quiet)?;
    drop(log);
    let mut log = engine.open()?;
    let reopened = (log.streams(), log.reader().topics(&filter("city/#")?));
    ensure_equal("heads and topics after a restart", &state, &reopened)?;
    check_rules(&log, &topics, &quiet)?;
    for (place, _keep) in &topics {
        let appended = append(&mut log, record(place, RECORDS))?;
        ensure_equal("the next offset", &Offset::new(RECORDS / 5), &{
            let first = u64::from(place.as_str() == "city/nothing/1");
            Offset::new(appended.offset.value() + first)
        })?;
    }
    Ok(())
}

fn check_rules<R: Records>(log: &R, topics: &[(Topic, Keep)], quiet: &Topic) -> Result<(), Breach> {
    let reader = log.reader();
    let last = reader.last(quiet).map_err(|error| Breach::of("last", &error))?;
    ensure(last.is_some(), || "wanted the only record of a quiet topic".to_owned())?;
    for (place, keep) in topics {
        let (records, lost) = read_all(&reader, &Filter::from(place))?;
        let found: BTreeSet<u64> = records.iter().map(|record| record.position.value()).collect();
        let first = reader.first_position(place).map(Position::value);
        ensure_equal("position of the oldest record", &found.first().copied(), &first)?;
        let written = written_positions(topics, place);
        let newest = written.last().copied();
        for position in &written {
            let told = lost.iter().any(|range| {
                range.reason == LostReason::Retention
                    && (range.from.value()..range.to.value()).contains(position)
            });
            ensure(found.contains(position) || told, || {
                format!("{place} at {position}: wanted it read or told as lost")
            })?;
            let must_stay = match keep {
                Keep::Nothing => false,
                Keep::Last | Keep::Bytes(_) => Some(*position) == newest,
                Keep::For(age) => {
                    Some(*position) == newest || position.saturating_add(age.as_secs()) >= RECORDS
                }
                Keep::Everything => true,
            };
            ensure(found.contains(position) || !must_stay, || {
                format!("{place} at {position}: wanted it kept by {keep:?}")
            })?;
        }
        let whole = matches!(keep, Keep::Everything);
        ensure(!whole || lost.is_empty(), || format!("{place}: wanted no loss, found {lost:?}"))?;
    }
    Ok(())
}

/// Each record's number is its position and its time in seconds.
fn written_positions(topics: &[(Topic, Keep)], place: &Topic) -> Vec<u64> {
    let kinds = u64::try_from(topics.len()).unwrap_or(1);
    let kind = topics.iter().position(|(topic, _keep)| topic == place).unwrap_or(0);
    let kind = u64::try_from(kind).unwrap_or(0);
    (1..RECORDS).filter(|number| number % kinds == kind).collect()
}
