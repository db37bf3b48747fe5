//! Keyed state: what is put is there, also after a restart.

use bytes::Bytes;
use sekisho_proto::{
    CursorName, KeyHeaderId, OrgName, Position, PrincipalId, StatementIndex, Timestamp, TokenId,
};

use super::{Breach, KeyedEngine, ensure_equal, samples::topic};
use crate::{Cursor, Keyed as _, KeyedChange, KeyedError, StatementToLog, StoredKeyHeader};

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
    let header = StoredKeyHeader { topic: topic("city/air")?, encoded: Bytes::from_static(b"key") };
    let (id, token, city) = (KeyHeaderId::new([3; 16]), TokenId::new([4; 16]), org("city")?);
    keyed.put_key_header(id, header.clone())?;
    keyed.put_key_header(id, header.clone())?;
    keyed.set_link_position(city.clone(), Position::new(9))?;
    keyed.put_blob("genesis", Bytes::from_static(b""))?;
    keyed.apply(&[KeyedChange::PutEnrolment(token, Bytes::from_static(b"e"))])?;
    drop(keyed);
    let keyed = engine.open()?;
    ensure_equal("cursors", &wanted, &keyed.cursors()?)?;
    for cursor in &wanted {
        let found = keyed.cursor(&cursor.principal, &cursor.name)?;
        ensure_equal("cursor", &Some(cursor.position), &found)?;
    }
    ensure_equal("key header", &Some(header), &keyed.key_header(&id)?)?;
    let enrolments = keyed.enrolments()?;
    ensure_equal("enrolments", &vec![(token, Bytes::from_static(b"e"))], &enrolments)?;
    let enrolment = keyed.enrolment(&token)?;
    ensure_equal("enrolment", &Some(Bytes::from_static(b"e")), &enrolment)?;
    let link = keyed.link_position(&city)?;
    ensure_equal("link", &Some(Position::new(9)), &link)?;
    ensure_equal("blob", &Some(Bytes::new()), &keyed.blob("genesis")?)
}

pub(super) fn removed_is_gone<E: KeyedEngine>(engine: &E) -> Result<(), Breach> {
    let keyed = engine.open()?;
    let (one, city, token) = (cursor(1, "a", 5)?, org("city")?, TokenId::new([4; 16]));
    let id = KeyHeaderId::new([3; 16]);
    let header = StoredKeyHeader { topic: topic("city/air")?, encoded: Bytes::from_static(b"key") };
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
