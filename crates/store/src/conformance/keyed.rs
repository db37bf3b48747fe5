//! Keyed state: what is put is there, also after a restart.

use bytes::Bytes;
use sekisho_proto::{
    CursorName, Hash, KeyHeaderId, LogName, OrgName, Position, PrincipalId, StatementIndex,
    Timestamp, TokenId,
};

use super::{Breach, KeyedEngine, ensure, ensure_equal, samples::topic};
use crate::{
    Cursor, Keyed as _, KeyedChange, KeyedError, Leaf, SealedRecord, StatementToLog,
    StoredKeyHeader,
};

impl From<KeyedError> for Breach {
    fn from(error: KeyedError) -> Self {
        Self::of("keyed state", &error)
    }
}

fn org(text: &str) -> Result<OrgName, Breach> {
    OrgName::parse(text).map_err(|error| Breach::of("parse an organisation", &error))
}

fn cursor(principal: u8, name: &str, position: u64) -> Result<Cursor, Breach> {
    let name = CursorName::parse(name).map_err(|error| Breach::of("parse a cursor", &error))?;
    let principal = PrincipalId::new([principal; 32]);
    Ok(Cursor { principal, name, position: Position::new(position) })
}

fn key_header_of(name: &str) -> Result<StoredKeyHeader, Breach> {
    let encoded = Bytes::from(format!("key of {name}"));
    Ok(StoredKeyHeader { topic: topic(name)?, encoded, idle_since: None })
}

pub(super) fn empty_has_nothing<E: KeyedEngine>(engine: &E) -> Result<(), Breach> {
    let keyed = engine.open()?;
    let (city, wanted) = (org("city")?, cursor(1, "dashboard", 0)?);
    let found = keyed.cursor(&wanted.principal, &wanted.name)?;
    ensure_equal("cursor", &None, &found)?;
    ensure_equal("cursors", &Vec::new(), &keyed.cursors()?)?;
    let statements = keyed.statements(&city, StatementIndex::ZERO, 10)?;
    ensure_equal("statements", &Vec::new(), &statements)?;
    ensure_equal("organisations", &Vec::new(), &keyed.organisations()?)?;
    let header = keyed.key_header(&KeyHeaderId::new([1; 16]))?;
    ensure_equal("key header", &None, &header)?;
    ensure_equal("enrolments", &Vec::new(), &keyed.enrolments()?)?;
    let enrolment = keyed.enrolment(&TokenId::new([1; 16]))?;
    ensure_equal("enrolment", &None, &enrolment)?;
    ensure_equal("key headers", &Vec::new(), &keyed.key_headers_after(None, 10)?)?;
    let log = access_log("city")?;
    ensure_equal("leaves", &Vec::new(), &keyed.leaves(&log, 0, 10)?)?;
    ensure_equal("leaf count", &0, &keyed.leaf_count(&log)?)?;
    let sealed = keyed.sealed_of(&Hash::new([1; 32]), 0, 10)?;
    ensure_equal("sealed records", &Vec::new(), &sealed)?;
    ensure_equal("a sealed record", &None, &keyed.sealed_at(0)?)?;
    ensure_equal("link", &None, &keyed.link_position(&city)?)?;
    ensure_equal("blob", &None, &keyed.blob("x")?)
}

pub(super) fn puts_come_back<E: KeyedEngine>(engine: &E) -> Result<(), Breach> {
    let keyed = engine.open()?;
    let wanted = vec![cursor(1, "a", 5)?, cursor(1, "b", 7)?, cursor(2, "a", u64::MAX)?];
    for cursor in wanted.iter().rev() {
        keyed
            .set_cursor(cursor.principal, cursor.name.clone(), Position::ZERO)
            .and_then(|()| keyed.apply(&[KeyedChange::SetCursor(cursor.clone())]))?;
    }
    let header = key_header_of("city/air")?;
    let (id, token, city) = (KeyHeaderId::new([3; 16]), TokenId::new([4; 16]), org("city")?);
    keyed.put_key_header(id, header.clone())?;
    keyed.put_key_header(id, header.clone())?;
    keyed.set_link_position(city.clone(), Position::new(9))?;
    keyed.put_blob("genesis", Bytes::from_static(b""))?;
    for name in ["session/b", "session", "session/a", "sessions/c"] {
        keyed.put_blob(name, Bytes::from(name))?;
    }
    keyed.apply(&[KeyedChange::PutEnrolment(token, Bytes::from_static(b"e"))])?;
    drop(keyed);
    let keyed = engine.open()?;
    ensure_equal("cursors", &wanted, &keyed.cursors()?)?;
    for cursor in &wanted {
        let found = keyed.cursor(&cursor.principal, &cursor.name)?;
        ensure_equal("cursor", &Some(cursor.position), &found)?;
    }
    let found = keyed.key_headers_after(None, 10)?;
    ensure_equal("key headers", &vec![(id, header.clone())], &found)?;
    ensure_equal("key header", &Some(header), &keyed.key_header(&id)?)?;
    let enrolments = keyed.enrolments()?;
    ensure_equal("enrolments", &vec![(token, Bytes::from_static(b"e"))], &enrolments)?;
    let enrolment = keyed.enrolment(&token)?;
    ensure_equal("enrolment", &Some(Bytes::from_static(b"e")), &enrolment)?;
    let link = keyed.link_position(&city)?;
    ensure_equal("link", &Some(Position::new(9)), &link)?;
    let named = ["session/a", "session/b"].map(|name| (name.to_owned(), Bytes::from(name)));
    ensure_equal("blobs", &named.to_vec(), &keyed.blobs("session/")?)?;
    ensure_equal("no blobs", &Vec::new(), &keyed.blobs("unknown")?)?;
    ensure_equal("blob", &Some(Bytes::new()), &keyed.blob("genesis")?)
}

pub(super) fn removed_is_gone<E: KeyedEngine>(engine: &E) -> Result<(), Breach> {
    let keyed = engine.open()?;
    let (one, city, token) = (cursor(1, "a", 5)?, org("city")?, TokenId::new([4; 16]));
    let id = KeyHeaderId::new([3; 16]);
    let header = key_header_of("city/air")?;
    keyed.apply(&[
        KeyedChange::SetCursor(one.clone()),
        KeyedChange::PutKeyHeader(id, header),
        KeyedChange::PutEnrolment(token, Bytes::from_static(b"e")),
        KeyedChange::SetLinkPosition(city.clone(), Position::new(1)),
        KeyedChange::PutBlob("b".to_owned(), Bytes::from_static(b"v")),
    ])?;
    keyed.apply(&[
        KeyedChange::RemoveCursor(one.principal, one.name.clone()),
        KeyedChange::RemoveKeyHeader(id),
        KeyedChange::RemoveEnrolment(token),
        KeyedChange::RemoveLinkPosition(city),
        KeyedChange::RemoveBlob("b".to_owned()),
        KeyedChange::RemoveBlob("never there".to_owned()),
    ])?;
    drop(keyed);
    empty_has_nothing(engine)
}

pub(super) fn key_headers_become_idle<E: KeyedEngine>(engine: &E) -> Result<(), Breach> {
    let keyed = engine.open()?;
    let mut wanted = Vec::new();
    for number in 1..=5 {
        let header = key_header_of(&format!("city/air/{number}"))?;
        wanted.push((KeyHeaderId::new([number; 16]), header));
    }
    let put = |(id, header): &(KeyHeaderId, StoredKeyHeader)| {
        KeyedChange::PutKeyHeader(*id, header.clone())
    };
    keyed.apply(&wanted.iter().rev().map(put).collect::<Vec<_>>())?;
    let since = Position::new(7);
    let idle: Vec<_> =
        wanted.iter().map(|(id, _header)| KeyedChange::SetKeyHeaderIdle(*id, since)).collect();
    keyed.apply(&idle)?;
    // One is put again and in use from then on, one is gone and comes back without a past.
    let (again, back) = (wanted.split_off(3), key_header_of("city/back")?);
    let again: Vec<_> = again.into_iter().zip([None, Some(Position::new(9))]).collect();
    for ((id, header), idle_since) in again {
        let header = StoredKeyHeader { idle_since, ..header };
        keyed.put_key_header(id, header.clone())?;
        wanted.push((id, header));
    }
    for (_id, header) in wanted.iter_mut().take(3) {
        header.idle_since = Some(since);
    }
    if let Some((id, header)) = wanted.first_mut() {
        keyed.apply(&[KeyedChange::RemoveKeyHeader(*id)])?;
        ensure_equal("key header that is gone", &None, &keyed.key_header(id)?)?;
        *header = back;
        keyed.put_key_header(*id, header.clone())?;
    }
    drop(keyed);
    let keyed = engine.open()?;
    ensure_equal("key headers", &wanted, &keyed.key_headers_after(None, usize::MAX)?)?;
    for (id, header) in &wanted {
        ensure_equal("key header", &Some(header.clone()), &keyed.key_header(id)?)?;
    }
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = keyed.key_headers_after(after.as_ref(), 2)?;
        let Some((last, _header)) = page.last() else { break };
        ensure(page.len() <= 2, || format!("wanted at most 2 key headers, found {}", page.len()))?;
        after = Some(*last);
        pages.extend(page);
    }
    ensure_equal("key headers, two at a time", &wanted, &pages)
}

pub(super) fn control_logs_count<E: KeyedEngine>(engine: &E) -> Result<(), Breach> {
    let keyed = engine.open()?;
    let (city, town, shore) = (org("city")?, org("city-2")?, org("shore")?);
    let statement = |organisation: &OrgName, number: i64| StatementToLog {
        organisation: organisation.clone(),
        received: Timestamp::from_micros(number),
        statement: Bytes::from(number.to_string()),
    };
    let index = StatementIndex::new;
    let batch = [statement(&city, 1), statement(&town, 2), statement(&city, 3)];
    let found = keyed.append_statements(&batch)?;
    ensure_equal("indices", &vec![index(0), index(0), index(1)], &found)?;
    drop(keyed);
    let keyed = engine.open()?;
    let found = keyed.append_statements(&[statement(&city, 4), statement(&shore, 5)]);
    ensure_equal("indices", &vec![index(2), index(0)], &found?)?;
    let organisations = keyed.organisations()?;
    ensure_equal("organisations", &vec![city.clone(), town, shore], &organisations)?;
    let log = |from: u64, max: usize| -> Result<Vec<(u64, i64, Bytes)>, Breach> {
        let logged = keyed.statements(&city, index(from), max)?;
        let plain = logged
            .into_iter()
            .map(|logged| (logged.index.value(), logged.received.as_micros(), logged.statement));
        Ok(plain.collect())
    };
    let all: Vec<(u64, i64, Bytes)> = [(0, 1), (1, 3), (2, 4)]
        .into_iter()
        .map(|(at, number): (u64, i64)| (at, number, Bytes::from(number.to_string())))
        .collect();
    ensure_equal("a control log", &all, &log(0, 10)?)?;
    ensure_equal("its end", &all.iter().skip(2).cloned().collect(), &log(2, 10)?)?;
    ensure_equal("a page", &all.iter().skip(1).take(1).cloned().collect(), &log(1, 1)?)?;
    ensure_equal("beyond", &Vec::new(), &log(3, 10)?)
}

fn access_log(organisation: &str) -> Result<LogName, Breach> {
    Ok(LogName::Access(org(organisation)?))
}

fn leaf(number: u8) -> Leaf {
    Leaf { hash: Hash::new([number; 32]), entry: Bytes::from(vec![number; usize::from(number)]) }
}

pub(super) fn leaves_count<E: KeyedEngine>(engine: &E) -> Result<(), Breach> {
    let keyed = engine.open()?;
    let (city, town) = (access_log("city")?, access_log("city-2")?);
    let append = |log: &LogName, first: u64, numbers: &[u8]| {
        let leaves = numbers.iter().copied().map(leaf).collect();
        keyed.apply(&[KeyedChange::AppendLeaves { log: log.clone(), first, leaves }])
    };
    append(&city, 0, &[0, 1])?;
    append(&town, 0, &[9])?;
    append(&city, 2, &[])?;
    append(&city, 2, &[2])?;
    for first in [0, 2, 4, u64::MAX] {
        let found = match append(&city, first, &[7]) {
            Err(KeyedError::LeafIndex { wanted, found, .. }) => Some((wanted, found)),
            Err(_) | Ok(()) => None,
        };
        ensure_equal("leaves elsewhere than at the end", &Some((3, first)), &found)?;
    }
    // All or none: the leaf that fits goes with the one that does not.
    let fits = KeyedChange::AppendLeaves { log: city.clone(), first: 3, leaves: vec![leaf(3)] };
    let unfit = KeyedChange::AppendLeaves { log: town.clone(), first: 3, leaves: vec![leaf(3)] };
    ensure_equal("a change that does not fit", &true, &keyed.apply(&[fits, unfit]).is_err())?;
    drop(keyed);
    let keyed = engine.open()?;
    let wanted = vec![leaf(0), leaf(1), leaf(2)];
    ensure_equal("leaves", &wanted, &keyed.leaves(&city, 0, 10)?)?;
    ensure_equal("a page", &vec![leaf(1)], &keyed.leaves(&city, 1, 1)?)?;
    ensure_equal("beyond", &Vec::new(), &keyed.leaves(&city, 3, 10)?)?;
    ensure_equal("another log", &vec![leaf(9)], &keyed.leaves(&town, 0, 10)?)?;
    ensure_equal("leaf count", &3, &keyed.leaf_count(&city)?)?;
    ensure_equal("leaf count", &1, &keyed.leaf_count(&town)?)?;
    let begin = |first, number| {
        let leaves = vec![leaf(number)];
        let append = KeyedChange::AppendLeaves { log: city.clone(), first, leaves };
        keyed.apply(&[KeyedChange::RemoveLeaves(city.clone()), append])
    };
    begin(0, 5)?;
    ensure_equal("begun anew at another place", &true, &begin(1, 6).is_err())?;
    ensure_equal("a log begun anew", &vec![leaf(5)], &keyed.leaves(&city, 0, 10)?)?;
    ensure_equal("the other log", &1, &keyed.leaf_count(&town)?)
}

pub(super) fn sealed_goes<E: KeyedEngine>(engine: &E) -> Result<(), Breach> {
    let keyed = engine.open()?;
    let (one, other) = (Hash::new([1; 32]), Hash::new([2; 32]));
    let record = |subject: Hash, index: u64| SealedRecord {
        subject,
        index,
        sealed: Bytes::from(format!("record {index}")),
    };
    let puts = [(one, 0), (other, 1), (one, 2), (one, 300)]
        .map(|(subject, index)| KeyedChange::PutSealed(record(subject, index)));
    keyed.apply(&puts)?;
    let wanted = vec![record(one, 0), record(one, 2), record(one, 300)];
    ensure_equal("of a subject", &wanted, &keyed.sealed_of(&one, 0, 10)?)?;
    ensure_equal("a page", &vec![record(one, 2)], &keyed.sealed_of(&one, 1, 1)?)?;
    ensure_equal("of a leaf", &Some(record(other, 1)), &keyed.sealed_at(1)?)?;
    keyed.apply(&[KeyedChange::RemoveSealed { subject: one }])?;
    drop(keyed);
    let keyed = engine.open()?;
    ensure_equal("of a subject that is gone", &Vec::new(), &keyed.sealed_of(&one, 0, 10)?)?;
    ensure_equal("of its leaf", &None, &keyed.sealed_at(300)?)?;
    ensure_equal("of another", &vec![record(other, 1)], &keyed.sealed_of(&other, 0, 10)?)
}
