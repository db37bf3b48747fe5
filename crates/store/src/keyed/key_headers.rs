//! Key headers by id, and beside them, by id as well, which of them are idle.

use std::{ops::Bound, path::Path};

use bytes::Bytes;
use redb::{ReadTransaction, TableDefinition, WriteTransaction};
use sekisho_proto::{KeyHeaderId, Position, Topic};

use super::{
    KeyedError, StoredKeyHeader,
    keyed_file::{Fault, existing},
};

const KEY_HEADERS: TableDefinition<'_, &[u8; 16], (&str, &[u8])> =
    TableDefinition::new("key-headers");
const IDLE: TableDefinition<'_, &[u8; 16], u64> = TableDefinition::new("idle-key-headers");

/// As it is in the file.
pub(super) struct Found {
    topic: String,
    encoded: Bytes,
    idle_since: Option<Position>,
}

impl Found {
    pub(super) fn parsed(self, path: &Path) -> Result<StoredKeyHeader, KeyedError> {
        let Self { topic, encoded, idle_since } = self;
        let damaged = |_fault| KeyedError::Damaged { path: path.to_owned(), wanted: "a topic" };
        let topic = Topic::parse(&topic).map_err(damaged)?;
        Ok(StoredKeyHeader { topic, encoded, idle_since })
    }
}

pub(super) fn one(transaction: &ReadTransaction, id: &KeyHeaderId) -> Result<Option<Found>, Fault> {
    let Some(table) = existing(transaction.open_table(KEY_HEADERS))? else { return Ok(None) };
    let Some(value) = table.get(id.as_bytes())? else { return Ok(None) };
    let idle = existing(transaction.open_table(IDLE))?;
    let idle_since = idle.map(|idle| idle.get(id.as_bytes())).transpose()?.flatten();
    Ok(Some(found(value.value(), idle_since.map(|since| since.value()))))
}

pub(super) fn after(
    transaction: &ReadTransaction,
    after: Option<&KeyHeaderId>,
    max: usize,
) -> Result<Vec<(KeyHeaderId, Found)>, Fault> {
    let Some(table) = existing(transaction.open_table(KEY_HEADERS))? else {
        return Ok(Vec::new());
    };
    let idle = existing(transaction.open_table(IDLE))?;
    let first = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.as_bytes()));
    let range = table.range::<&[u8; 16]>((first, Bound::Unbounded))?;
    let each = range.take(max).map(|entry| {
        let (id, value) = entry?;
        let since = idle.as_ref().map(|idle| idle.get(id.value())).transpose()?.flatten();
        let since = since.map(|since| since.value());
        Ok((KeyHeaderId::new(*id.value()), found(value.value(), since)))
    });
    each.collect()
}

fn found((topic, encoded): (&str, &[u8]), idle_since: Option<u64>) -> Found {
    let (topic, encoded) = (topic.to_owned(), Bytes::copy_from_slice(encoded));
    Found { topic, encoded, idle_since: idle_since.map(Position::new) }
}

pub(super) fn put(
    transaction: &WriteTransaction,
    id: &KeyHeaderId,
    header: &StoredKeyHeader,
) -> Result<(), Fault> {
    let value = (header.topic.as_str(), &*header.encoded);
    transaction.open_table(KEY_HEADERS)?.insert(id.as_bytes(), value)?;
    if let Some(since) = header.idle_since {
        return set_idle(transaction, id, since);
    }
    transaction.open_table(IDLE)?.remove(id.as_bytes())?;
    Ok(())
}

pub(super) fn set_idle(
    transaction: &WriteTransaction,
    id: &KeyHeaderId,
    since: Position,
) -> Result<(), Fault> {
    transaction.open_table(IDLE)?.insert(id.as_bytes(), since.value())?;
    Ok(())
}

pub(super) fn remove(transaction: &WriteTransaction, id: &KeyHeaderId) -> Result<(), Fault> {
    transaction.open_table(KEY_HEADERS)?.remove(id.as_bytes())?;
    transaction.open_table(IDLE)?.remove(id.as_bytes())?;
    Ok(())
}
