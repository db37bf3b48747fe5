//! Keyed state in one redb file.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use redb::{
    Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    TableError, WriteTransaction,
};
use sekisho_proto::{
    CursorName, Hash, KeyHeaderId, LogName, OrgName, Position, PrincipalId, StatementIndex,
    Timestamp, TokenId,
};

use super::{
    Cursor, Keyed, KeyedChange, KeyedError, Leaf, LoggedStatement, SealedRecord, StatementToLog,
    StoredKeyHeader, key_headers,
    leaves::{self, Misplaced},
    opening::{OpenFault, database, is_disk_failure, is_storage_full, open_or_create},
};
use crate::{Disk, directory::DirectoryClaim};

const CURSORS: TableDefinition<'_, (&[u8; 32], &str), u64> = TableDefinition::new("cursors");
const STATEMENTS: TableDefinition<'_, (&str, u64), (i64, &[u8])> =
    TableDefinition::new("statements");
const ENROLMENTS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("enrolments");
const LINKS: TableDefinition<'_, &str, u64> = TableDefinition::new("links");
const BLOBS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("blobs");

/// Keyed state in one redb file: every change is one transaction, durable when it returns.
pub struct KeyedFile {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    cache_bytes: usize,
    database: RwLock<Database>,
    /// The disk was full in the middle of a change: redb takes no other before it is opened again.
    is_spent: AtomicBool,
    /// What else the disk said.
    poison: OnceLock<String>,
    _claim: Option<DirectoryClaim>,
}

impl fmt::Debug for KeyedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// redb's errors, in one box.
pub(super) type Fault = Box<dyn std::error::Error + Send + Sync>;

impl KeyedFile {
    /// Opens the file, or creates it. The directory must belong to this process alone.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    pub fn open(disk: &Arc<dyn Disk>, path: &Path, cache_bytes: usize) -> Result<Self, KeyedError> {
        Self::open_file(disk, path, cache_bytes, None)
    }

    /// As [`open`](Self::open), and keeps the directory claimed.
    pub(crate) fn open_claimed(
        disk: &Arc<dyn Disk>,
        path: &Path,
        cache_bytes: usize,
        claim: DirectoryClaim,
    ) -> Result<Self, KeyedError> {
        Self::open_file(disk, path, cache_bytes, Some(claim))
    }

    fn open_file(
        disk: &Arc<dyn Disk>,
        path: &Path,
        cache_bytes: usize,
        claim: Option<DirectoryClaim>,
    ) -> Result<Self, KeyedError> {
        let opened = open_or_create(&**disk, path, cache_bytes)
            .and_then(|file| database(file, cache_bytes))
            .map_err(|fault| fault.at(path.to_owned()))?;
        Ok(Self {
            disk: Arc::clone(disk),
            path: path.to_owned(),
            cache_bytes,
            database: RwLock::new(opened),
            is_spent: AtomicBool::new(false),
            poison: OnceLock::new(),
            _claim: claim,
        })
    }

    /// Opens the database again where the disk was full in the middle of a change. Until then the
    /// change has not happened, and what is in memory can be read.
    fn reopen_where_spent(&self) -> Result<(), KeyedError> {
        if !self.is_spent.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut held = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if self.is_spent.load(Ordering::Acquire) {
            // The old one does not touch the file any more, and is kept where this fails.
            *held = self
                .disk
                .open(&self.path)
                .map_err(OpenFault::Disk)
                .and_then(|file| database(file, self.cache_bytes))
                .map_err(|fault| fault.at(self.path.clone()))?;
            self.is_spent.store(false, Ordering::Release);
        }
        Ok(())
    }

    fn run<T>(
        &self,
        doing: &'static str,
        run: impl FnOnce(&Database) -> Result<T, Fault>,
    ) -> Result<T, KeyedError> {
        let held = self.database.read().unwrap_or_else(PoisonError::into_inner);
        run(&held).map_err(|source| {
            let path = self.path.clone();
            if is_storage_full(&source) {
                self.is_spent.store(true, Ordering::Release);
                return KeyedError::StorageFull { path, doing, source };
            }
            // Others that ran while the disk was found full fail like this, and may try again.
            if is_disk_failure(&source) && !self.is_spent.load(Ordering::Acquire) {
                let cause = || format!("{}: {doing}: {source}", path.display());
                self.poison.get_or_init(cause);
            }
            match source.downcast::<Misplaced>() {
                Ok(misplaced) => {
                    let Misplaced { log, wanted, found } = *misplaced;
                    KeyedError::LeafIndex { path, log, wanted, found }
                }
                Err(source) => KeyedError::Engine { path, doing, source },
            }
        })
    }

    fn write<T>(
        &self,
        doing: &'static str,
        change: impl FnOnce(&WriteTransaction) -> Result<T, Fault>,
    ) -> Result<T, KeyedError> {
        self.reopen_where_spent()?;
        self.run(doing, |database| {
            let transaction = database.begin_write()?;
            let result = change(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
    }

    fn read<T>(
        &self,
        doing: &'static str,
        query: impl FnOnce(&ReadTransaction) -> Result<T, Fault>,
    ) -> Result<T, KeyedError> {
        // Where it cannot be opened again as yet, what is in memory is read.
        if let Err(fault) = self.reopen_where_spent() {
            tracing::debug!(%fault, "keyed state is not opened again yet");
        }
        self.run(doing, |database| query(&database.begin_read()?))
    }

    fn damaged(&self, wanted: &'static str) -> KeyedError {
        KeyedError::Damaged { path: self.path.clone(), wanted }
    }
}

/// A table that nothing was ever written to does not exist.
pub(super) fn existing<T>(table: Result<T, TableError>) -> Result<Option<T>, Fault> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn apply_one(transaction: &WriteTransaction, change: &KeyedChange) -> Result<(), Fault> {
    match change {
        KeyedChange::SetCursor(cursor) => {
            let key = (cursor.principal.as_bytes(), cursor.name.as_str());
            transaction.open_table(CURSORS)?.insert(key, cursor.position.value())?;
        }
        KeyedChange::RemoveCursor(principal, name) => {
            transaction.open_table(CURSORS)?.remove((principal.as_bytes(), name.as_str()))?;
        }
        KeyedChange::PutKeyHeader(id, header) => key_headers::put(transaction, id, header)?,
        KeyedChange::SetKeyHeaderIdle(id, since) => {
            key_headers::set_idle(transaction, id, *since)?;
        }
        KeyedChange::RemoveKeyHeader(id) => key_headers::remove(transaction, id)?,
        KeyedChange::PutEnrolment(token, value) => {
            transaction.open_table(ENROLMENTS)?.insert(token.as_bytes(), &**value)?;
        }
        KeyedChange::RemoveEnrolment(token) => {
            transaction.open_table(ENROLMENTS)?.remove(token.as_bytes())?;
        }
        KeyedChange::SetLinkPosition(peer, position) => {
            transaction.open_table(LINKS)?.insert(peer.as_str(), position.value())?;
        }
        KeyedChange::RemoveLinkPosition(peer) => {
            transaction.open_table(LINKS)?.remove(peer.as_str())?;
        }
        KeyedChange::PutBlob(name, value) => {
            transaction.open_table(BLOBS)?.insert(name.as_str(), &**value)?;
        }
        KeyedChange::RemoveBlob(name) => {
            transaction.open_table(BLOBS)?.remove(name.as_str())?;
        }
        KeyedChange::AppendLeaves { log, first, leaves } => {
            leaves::append(transaction, log, *first, leaves)?;
        }
        KeyedChange::RemoveLeaves(log) => leaves::remove(transaction, log)?,
        KeyedChange::PutSealed(record) => leaves::put_sealed(transaction, record)?,
        KeyedChange::RemoveSealed { subject } => leaves::remove_sealed(transaction, subject)?,
    }
    Ok(())
}

impl Keyed for KeyedFile {
    fn poisoned(&self) -> Option<&str> {
        self.poison.get().map(String::as_str)
    }

    fn apply(&self, changes: &[KeyedChange]) -> Result<(), KeyedError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.write("change keyed state", |transaction| {
            changes.iter().try_for_each(|change| apply_one(transaction, change))
        })
    }

    fn append_statements(
        &self,
        statements: &[StatementToLog],
    ) -> Result<Vec<StatementIndex>, KeyedError> {
        self.write("append statements", |transaction| {
            let mut table = transaction.open_table(STATEMENTS)?;
            let mut indices = Vec::with_capacity(statements.len());
            for logged in statements {
                let organisation = logged.organisation.as_str();
                let range = (organisation, 0)..=(organisation, u64::MAX);
                let last = table.range(range)?.next_back().transpose()?;
                let index = last.map_or(0, |(key, _value)| key.value().1.saturating_add(1));
                let value = (logged.received.as_micros(), &*logged.statement);
                table.insert((organisation, index), value)?;
                indices.push(StatementIndex::new(index));
            }
            Ok(indices)
        })
    }

    fn statements(
        &self,
        organisation: &OrgName,
        from: StatementIndex,
        max: usize,
    ) -> Result<Vec<LoggedStatement>, KeyedError> {
        self.read("read statements", |transaction| {
            let Some(table) = existing(transaction.open_table(STATEMENTS))? else {
                return Ok(Vec::new());
            };
            let organisation = organisation.as_str();
            let range = (organisation, from.value())..=(organisation, u64::MAX);
            let mut statements = Vec::new();
            for entry in table.range(range)?.take(max) {
                let (key, value) = entry?;
                let (received, statement) = value.value();
                statements.push(LoggedStatement {
                    index: StatementIndex::new(key.value().1),
                    received: Timestamp::from_micros(received),
                    statement: Bytes::copy_from_slice(statement),
                });
            }
            Ok(statements)
        })
    }

    fn organisations(&self) -> Result<Vec<OrgName>, KeyedError> {
        let names = self.read("list organisations", |transaction| {
            let Some(table) = existing(transaction.open_table(STATEMENTS))? else {
                return Ok(Vec::new());
            };
            let mut names: Vec<String> = Vec::new();
            let mut next = table.first()?.map(|(key, _value)| key.value().0.to_owned());
            while let Some(name) = next {
                let mut after = table.range((name.as_str(), u64::MAX)..)?;
                next = after.next().transpose()?.map(|(key, _value)| key.value().0.to_owned());
                names.push(name);
            }
            Ok(names)
        })?;
        let parsed = names.iter().map(|name| {
            OrgName::parse(name).map_err(|_fault| self.damaged("an organisation's name"))
        });
        parsed.collect()
    }

    fn leaves(&self, log: &LogName, from: u64, max: usize) -> Result<Vec<Leaf>, KeyedError> {
        self.read("read leaves", |transaction| leaves::read(transaction, log, from, max))
    }

    fn leaf_count(&self, log: &LogName) -> Result<u64, KeyedError> {
        self.read("count leaves", |transaction| leaves::count(transaction, log))
    }

    fn sealed_of(
        &self,
        subject: &Hash,
        from: u64,
        max: usize,
    ) -> Result<Vec<SealedRecord>, KeyedError> {
        self.read("read sealed records", |transaction| {
            leaves::sealed_of(transaction, subject, from, max)
        })
    }

    fn sealed_at(&self, index: u64) -> Result<Option<SealedRecord>, KeyedError> {
        self.read("read a sealed record", |transaction| leaves::sealed_at(transaction, index))
    }

    fn cursor(
        &self,
        principal: &PrincipalId,
        name: &CursorName,
    ) -> Result<Option<Position>, KeyedError> {
        self.read("read a cursor", |transaction| {
            let Some(table) = existing(transaction.open_table(CURSORS))? else { return Ok(None) };
            let found = table.get((principal.as_bytes(), name.as_str()))?;
            Ok(found.map(|position| Position::new(position.value())))
        })
    }

    fn cursors(&self) -> Result<Vec<Cursor>, KeyedError> {
        let found = self.read("list cursors", |transaction| {
            let Some(table) = existing(transaction.open_table(CURSORS))? else {
                return Ok(Vec::new());
            };
            let mut found = Vec::new();
            for entry in table.iter()? {
                let (key, position) = entry?;
                let (principal, name) = key.value();
                found.push((*principal, name.to_owned(), position.value()));
            }
            Ok(found)
        })?;
        let parsed = found.into_iter().map(|(principal, name, position)| {
            Ok(Cursor {
                principal: PrincipalId::new(principal),
                name: CursorName::parse(&name).map_err(|_fault| self.damaged("a cursor's name"))?,
                position: Position::new(position),
            })
        });
        parsed.collect()
    }

    fn key_header(&self, id: &KeyHeaderId) -> Result<Option<StoredKeyHeader>, KeyedError> {
        let found =
            self.read("read a key header", |transaction| key_headers::one(transaction, id))?;
        found.map(|found| found.parsed(&self.path)).transpose()
    }

    fn key_headers_after(
        &self,
        after: Option<&KeyHeaderId>,
        max: usize,
    ) -> Result<Vec<(KeyHeaderId, StoredKeyHeader)>, KeyedError> {
        let found = self
            .read("list key headers", |transaction| key_headers::after(transaction, after, max))?;
        found.into_iter().map(|(id, found)| Ok((id, found.parsed(&self.path)?))).collect()
    }

    fn enrolments(&self) -> Result<Vec<(TokenId, Bytes)>, KeyedError> {
        self.read("list enrolments", |transaction| {
            let Some(table) = existing(transaction.open_table(ENROLMENTS))? else {
                return Ok(Vec::new());
            };
            let mut found = Vec::new();
            for entry in table.iter()? {
                let (token, value) = entry?;
                let value = Bytes::copy_from_slice(value.value());
                found.push((TokenId::new(*token.value()), value));
            }
            Ok(found)
        })
    }

    fn enrolment(&self, token: &TokenId) -> Result<Option<Bytes>, KeyedError> {
        self.read("read an enrolment", |transaction| {
            let Some(table) = existing(transaction.open_table(ENROLMENTS))? else {
                return Ok(None);
            };
            Ok(table.get(token.as_bytes())?.map(|value| Bytes::copy_from_slice(value.value())))
        })
    }

    fn link_position(&self, peer: &OrgName) -> Result<Option<Position>, KeyedError> {
        self.read("read a link's position", |transaction| {
            let Some(table) = existing(transaction.open_table(LINKS))? else { return Ok(None) };
            Ok(table.get(peer.as_str())?.map(|position| Position::new(position.value())))
        })
    }

    fn blob(&self, name: &str) -> Result<Option<Bytes>, KeyedError> {
        self.read("read a blob", |transaction| {
            let Some(table) = existing(transaction.open_table(BLOBS))? else { return Ok(None) };
            Ok(table.get(name)?.map(|value| Bytes::copy_from_slice(value.value())))
        })
    }

    fn blobs(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, KeyedError> {
        self.read("list blobs", |transaction| {
            let Some(table) = existing(transaction.open_table(BLOBS))? else {
                return Ok(Vec::new());
            };
            let mut found = Vec::new();
            for entry in table.range(prefix..)? {
                let (name, value) = entry?;
                if !name.value().starts_with(prefix) {
                    break;
                }
                found.push((name.value().to_owned(), Bytes::copy_from_slice(value.value())));
            }
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests;
