//! The tables of Merkle logs: their leaves, and what the leaves of the access log commit to, which is
//! sealed and goes when its subject is erased while the leaf stays.

use bytes::Bytes;
use redb::{ReadTransaction, ReadableTable as _, TableDefinition, WriteTransaction};
use sekisho_proto::{Hash, LogName};

use super::{
    Leaf, SealedRecord,
    keyed_file::{Fault, existing},
};

/// An organisation's log and an index in it.
type LeafKey = (&'static str, u64);
/// A hash, and bytes that belong to it.
type Hashed = (&'static [u8; 32], &'static [u8]);

const LEAVES: TableDefinition<'_, LeafKey, Hashed> = TableDefinition::new("leaves");
const SEALED: TableDefinition<'_, u64, Hashed> = TableDefinition::new("sealed");
const SUBJECTS: TableDefinition<'_, (&[u8; 32], u64), ()> = TableDefinition::new("subjects");

/// Leaves that were to be appended elsewhere than at the end.
#[derive(Debug, thiserror::Error)]
#[error("log {log}: wanted leaf {wanted} next, found leaf {found} handed in")]
pub(super) struct Misplaced {
    pub(super) log: LogName,
    pub(super) wanted: u64,
    pub(super) found: u64,
}

pub(super) fn append(
    transaction: &WriteTransaction,
    log: &LogName,
    first: u64,
    leaves: &[Leaf],
) -> Result<(), Fault> {
    let name = log.to_string();
    let mut table = transaction.open_table(LEAVES)?;
    let range = (name.as_str(), 0)..=(name.as_str(), u64::MAX);
    let last = table.range(range)?.next_back().transpose()?;
    let wanted = last.map_or(0, |(key, _value)| key.value().1.saturating_add(1));
    if wanted != first {
        return Err(Box::new(Misplaced { log: log.clone(), wanted, found: first }));
    }
    for (index, leaf) in (first..).zip(leaves) {
        table.insert((name.as_str(), index), (leaf.hash.as_bytes(), &*leaf.entry))?;
    }
    Ok(())
}

pub(super) fn remove(transaction: &WriteTransaction, log: &LogName) -> Result<(), Fault> {
    let name = log.to_string();
    let mut table = transaction.open_table(LEAVES)?;
    table.retain_in((name.as_str(), 0)..=(name.as_str(), u64::MAX), |_key, _leaf| false)?;
    Ok(())
}

pub(super) fn read(
    transaction: &ReadTransaction,
    log: &LogName,
    from: u64,
    max: usize,
) -> Result<Vec<Leaf>, Fault> {
    let Some(table) = existing(transaction.open_table(LEAVES))? else { return Ok(Vec::new()) };
    let name = log.to_string();
    let mut leaves = Vec::new();
    for entry in table.range((name.as_str(), from)..=(name.as_str(), u64::MAX))?.take(max) {
        let (_key, value) = entry?;
        let (hash, entry) = value.value();
        leaves.push(Leaf { hash: Hash::new(*hash), entry: Bytes::copy_from_slice(entry) });
    }
    Ok(leaves)
}

pub(super) fn count(transaction: &ReadTransaction, log: &LogName) -> Result<u64, Fault> {
    let Some(table) = existing(transaction.open_table(LEAVES))? else { return Ok(0) };
    let name = log.to_string();
    let last = table.range((name.as_str(), 0)..=(name.as_str(), u64::MAX))?.next_back();
    Ok(last.transpose()?.map_or(0, |(key, _value)| key.value().1.saturating_add(1)))
}

pub(super) fn put_sealed(
    transaction: &WriteTransaction,
    record: &SealedRecord,
) -> Result<(), Fault> {
    let SealedRecord { subject, index, sealed } = record;
    transaction.open_table(SEALED)?.insert(index, (subject.as_bytes(), &**sealed))?;
    transaction.open_table(SUBJECTS)?.insert((subject.as_bytes(), *index), ())?;
    Ok(())
}

pub(super) fn remove_sealed(transaction: &WriteTransaction, subject: &Hash) -> Result<(), Fault> {
    let mut sealed = transaction.open_table(SEALED)?;
    let mut subjects = transaction.open_table(SUBJECTS)?;
    let bytes = subject.as_bytes();
    let mut gone = Vec::new();
    for entry in subjects.range((bytes, 0)..=(bytes, u64::MAX))? {
        gone.push(entry?.0.value().1);
    }
    for index in gone {
        sealed.remove(index)?;
        subjects.remove((bytes, index))?;
    }
    Ok(())
}

pub(super) fn sealed_of(
    transaction: &ReadTransaction,
    subject: &Hash,
    from: u64,
    max: usize,
) -> Result<Vec<SealedRecord>, Fault> {
    let Some(subjects) = existing(transaction.open_table(SUBJECTS))? else {
        return Ok(Vec::new());
    };
    let Some(sealed) = existing(transaction.open_table(SEALED))? else { return Ok(Vec::new()) };
    let bytes = subject.as_bytes();
    let mut found = Vec::new();
    for entry in subjects.range((bytes, from)..=(bytes, u64::MAX))?.take(max) {
        let index = entry?.0.value().1;
        if let Some(value) = sealed.get(index)? {
            let sealed = Bytes::copy_from_slice(value.value().1);
            found.push(SealedRecord { subject: *subject, index, sealed });
        }
    }
    Ok(found)
}

pub(super) fn sealed_at(
    transaction: &ReadTransaction,
    index: u64,
) -> Result<Option<SealedRecord>, Fault> {
    let Some(table) = existing(transaction.open_table(SEALED))? else { return Ok(None) };
    let found = table.get(index)?;
    Ok(found.map(|value| {
        let (subject, sealed) = value.value();
        let sealed = Bytes::copy_from_slice(sealed);
        SealedRecord { subject: Hash::new(*subject), index, sealed }
    }))
}
