//! What a node looks up by key: cursors, control logs, leaves of Merkle logs, what is sealed under a
//! subject's key, key headers, enrolments, how far each peer has been followed, and small named
//! things.

use std::{io, path::PathBuf};

use bytes::Bytes;
use sekisho_proto::{
    CursorName, Hash, KeyHeaderId, LogName, OrgName, Position, PrincipalId, StatementIndex,
    Timestamp, TokenId, Topic,
};

mod backend;
mod key_headers;
mod keyed_file;
mod leaves;
mod opening;

pub use keyed_file::KeyedFile;

/// Keyed state. Every write is durable when it returns. Shared by all threads; writes wait for one
/// another.
pub trait Keyed: Send + Sync + 'static {
    /// The fault after which nothing is read or changed any more before it is opened anew, where there
    /// was one.
    fn poisoned(&self) -> Option<&str>;

    /// Makes several changes at once: all or, after an error, none.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn apply(&self, changes: &[KeyedChange]) -> Result<(), KeyedError>;

    /// Appends statements to the control logs of their organisations, in this order and all or
    /// none; returns the index of each in its log.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn append_statements(
        &self,
        statements: &[StatementToLog],
    ) -> Result<Vec<StatementIndex>, KeyedError>;

    /// An organisation's control log from an index on, at most `max` statements.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn statements(
        &self,
        organisation: &OrgName,
        from: StatementIndex,
        max: usize,
    ) -> Result<Vec<LoggedStatement>, KeyedError>;

    /// The organisations that have a control log, ascending.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn organisations(&self) -> Result<Vec<OrgName>, KeyedError>;

    /// The leaves of a log from an index on, at most `max`, ascending without gaps.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn leaves(&self, log: &LogName, from: u64, max: usize) -> Result<Vec<Leaf>, KeyedError>;

    /// How many leaves a log has.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn leaf_count(&self, log: &LogName) -> Result<u64, KeyedError>;

    /// What is kept sealed about a subject from a leaf of the access log on, at most `max`,
    /// ascending.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn sealed_of(
        &self,
        subject: &Hash,
        from: u64,
        max: usize,
    ) -> Result<Vec<SealedRecord>, KeyedError>;

    /// What is kept sealed for one leaf of the access log.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn sealed_at(&self, index: u64) -> Result<Option<SealedRecord>, KeyedError>;

    /// How far a principal's cursor has come.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn cursor(
        &self,
        principal: &PrincipalId,
        name: &CursorName,
    ) -> Result<Option<Position>, KeyedError>;

    /// Every cursor, by principal and name.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn cursors(&self) -> Result<Vec<Cursor>, KeyedError>;

    /// A key header.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn key_header(&self, id: &KeyHeaderId) -> Result<Option<StoredKeyHeader>, KeyedError>;

    /// The key headers behind one, at most `max`, ascending.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn key_headers_after(
        &self,
        after: Option<&KeyHeaderId>,
        max: usize,
    ) -> Result<Vec<(KeyHeaderId, StoredKeyHeader)>, KeyedError>;

    /// The enrolments, by token.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn enrolments(&self) -> Result<Vec<(TokenId, Bytes)>, KeyedError>;

    /// One enrolment.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn enrolment(&self, token: &TokenId) -> Result<Option<Bytes>, KeyedError>;

    /// How far a peer has been followed: a position in the peer's log.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn link_position(&self, peer: &OrgName) -> Result<Option<Position>, KeyedError>;

    /// A small named thing.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn blob(&self, name: &str) -> Result<Option<Bytes>, KeyedError>;

    /// The small named things whose names begin so, ascending.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn blobs(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, KeyedError>;

    /// Keeps how far a cursor has come.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn set_cursor(
        &self,
        principal: PrincipalId,
        name: CursorName,
        position: Position,
    ) -> Result<(), KeyedError> {
        self.apply(&[KeyedChange::SetCursor(Cursor { principal, name, position })])
    }

    /// Keeps a key header; the same again changes nothing.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn put_key_header(&self, id: KeyHeaderId, header: StoredKeyHeader) -> Result<(), KeyedError> {
        self.apply(&[KeyedChange::PutKeyHeader(id, header)])
    }

    /// Keeps how far a peer has been followed.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn set_link_position(&self, peer: OrgName, position: Position) -> Result<(), KeyedError> {
        self.apply(&[KeyedChange::SetLinkPosition(peer, position)])
    }

    /// Keeps a small named thing.
    ///
    /// # Errors
    ///
    /// [`KeyedError`].
    fn put_blob(&self, name: &str, value: Bytes) -> Result<(), KeyedError> {
        self.apply(&[KeyedChange::PutBlob(name.to_owned(), value)])
    }
}

/// One change of keyed state. Exhaustive: an engine must know every kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyedChange {
    /// Keeps how far a cursor has come; any position, also one further back.
    SetCursor(Cursor),
    /// Forgets a cursor.
    RemoveCursor(PrincipalId, CursorName),
    /// Keeps a key header, idle or in use as it says.
    PutKeyHeader(KeyHeaderId, StoredKeyHeader),
    /// Notes since when a key header has been idle.
    SetKeyHeaderIdle(KeyHeaderId, Position),
    /// Forgets a key header.
    RemoveKeyHeader(KeyHeaderId),
    /// Keeps an enrolment under its token.
    PutEnrolment(TokenId, Bytes),
    /// Forgets an enrolment.
    RemoveEnrolment(TokenId),
    /// Keeps how far a peer has been followed.
    SetLinkPosition(OrgName, Position),
    /// Forgets how far a peer has been followed.
    RemoveLinkPosition(OrgName),
    /// Keeps a small named thing.
    PutBlob(String, Bytes),
    /// Forgets a small named thing.
    RemoveBlob(String),
    /// Appends leaves to a log whose next index is `first`; with another one nothing is changed and
    /// [`KeyedError::LeafIndex`] says what was found.
    AppendLeaves {
        /// Which log.
        log: LogName,
        /// The index of the first of them.
        first: u64,
        /// The leaves.
        leaves: Vec<Leaf>,
    },
    /// Forgets the leaves of a log, which begins anew.
    RemoveLeaves(LogName),
    /// Keeps what is sealed under a subject's key for a leaf of the access log.
    PutSealed(SealedRecord),
    /// Forgets everything that is kept sealed about a subject.
    RemoveSealed {
        /// Its label.
        subject: Hash,
    },
}

/// One leaf of a Merkle log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The leaf's hash in the tree.
    pub hash: Hash,
    /// What it is the hash of, or something by which that is found elsewhere.
    pub entry: Bytes,
}

/// What a leaf of the access log commits to, sealed under the key of its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRecord {
    /// The subject's label.
    pub subject: Hash,
    /// The leaf.
    pub index: u64,
    /// The sealed record, verbatim.
    pub sealed: Bytes,
}

/// A named subscriber's durable position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Whose it is.
    pub principal: PrincipalId,
    /// Its name, unique for the principal.
    pub name: CursorName,
    /// The position, in this node's log.
    pub position: Position,
}

/// A key header, the topic it is for, and since when nothing new has named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKeyHeader {
    /// The topic.
    pub topic: Topic,
    /// The encoded key header, verbatim.
    pub encoded: Bytes,
    /// The log's head when it was seen that new records no longer name it; none while they may.
    pub idle_since: Option<Position>,
}

/// A statement to append to a control log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementToLog {
    /// Whose log.
    pub organisation: OrgName,
    /// When the owner's node logged it.
    pub received: Timestamp,
    /// The encoded statement, verbatim.
    pub statement: Bytes,
}

/// A statement in a control log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedStatement {
    /// Its index in the organisation's log, from 0 without gaps.
    pub index: StatementIndex,
    /// When the owner's node logged it.
    pub received: Timestamp,
    /// The encoded statement, verbatim.
    pub statement: Bytes,
}

/// Why keyed state could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyedError {
    /// The file could not be opened.
    #[error("{}: wanted to open it as keyed state", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// There is no room on the disk. The change has not happened, and may be tried again.
    #[error("{}: wanted to {doing}, found the disk full", path.display())]
    StorageFull {
        /// The file.
        path: PathBuf,
        /// What was attempted.
        doing: &'static str,
        /// The engine's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine refused.
    #[error("{}: wanted to {doing}", path.display())]
    Engine {
        /// The file.
        path: PathBuf,
        /// What was attempted.
        doing: &'static str,
        /// The engine's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Leaves were to be appended elsewhere than at the end of their log.
    #[error("{}: log {log}: wanted leaf {wanted} next, found leaf {found} handed in", path.display())]
    LeafIndex {
        /// The file.
        path: PathBuf,
        /// Which log.
        log: LogName,
        /// The log's next index.
        wanted: u64,
        /// Where they were to begin.
        found: u64,
    },
    /// What is stored is not what was.
    #[error("{}: wanted {wanted}, found something else", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What should have been there.
        wanted: &'static str,
    },
}
