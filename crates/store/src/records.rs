//! What any engine for records must do: one writer, many readers, nothing readable before it is
//! durable.

use std::{io, path::PathBuf, sync::Arc};

use sekisho_proto::{Filter, Offset, Position, Timestamp, Topic};

use crate::{Appended, NewRecord, RetentionRules, StoredRecord, StreamHead};

/// The writing end of a log: append any number of records, then commit them together.
pub trait Records: Send {
    /// The reading end.
    type Reader: RecordReader;

    /// Takes a record into the batch that the next commit makes durable.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; the batch is as before.
    fn append(&mut self, record: NewRecord) -> Result<Appended, AppendError>;

    /// Makes every appended record durable and readable; returns the position up to which the log
    /// is, exclusive.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: none of the batch may be acknowledged.
    fn commit(&mut self) -> Result<Position, CommitError>;

    /// A reader, for any thread.
    fn reader(&self) -> Self::Reader;

    /// The head of every stream that is known, by topic, publisher and boot.
    fn streams(&self) -> Vec<StreamHead>;

    /// Drops what the rules do not keep. Never touches what is not committed.
    ///
    /// # Errors
    ///
    /// [`TrimError`]; whatever was not dropped is as before.
    fn trim(&mut self, rules: &RetentionRules, now: Timestamp) -> Result<TrimReport, TrimError>;
}

/// The reading end of a log. Sees durable records only, each with a checksum that holds.
pub trait RecordReader: Clone + Send + Sync + 'static {
    /// The position up to which the log is durable, exclusive: the next record's.
    fn head(&self) -> Position;

    /// Where reading from the very beginning starts: nothing is before it.
    fn first(&self) -> Position;

    /// The matching records from a position on, in order, until one of the limits or the head is
    /// reached. Where there is a matching record, at least one is returned.
    ///
    /// # Errors
    ///
    /// [`ReadError`], not for records that are damaged: those are told as lost.
    fn read(
        &self,
        filter: &Filter,
        from: Position,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<ReadBatch, ReadError>;

    /// As [`read`](Self::read), of one topic and from an offset; `next` is a position, to go on
    /// from with `read`.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    fn read_topic(
        &self,
        topic: &Topic,
        from: Offset,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<ReadBatch, ReadError>;

    /// As [`read`](Self::read), but of each topic only the record that is its last, where it lies
    /// before `until`: the head, where there is none. Nothing is said of what lies behind it.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    fn last_values(
        &self,
        filter: &Filter,
        from: Position,
        until: Option<Position>,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<ReadBatch, ReadError>;

    /// The position of the first matching record that was received at or after a time; the head
    /// where there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    fn position_at_time(&self, filter: &Filter, time: Timestamp) -> Result<Position, ReadError>;

    /// The last record of a topic, where one is kept.
    ///
    /// # Errors
    ///
    /// [`ReadError`], also where that record is damaged.
    fn last(&self, topic: &Topic) -> Result<Option<Arc<StoredRecord>>, ReadError>;

    /// Position of the oldest record of a topic that is kept; none where none is.
    fn first_position(&self, topic: &Topic) -> Option<Position>;

    /// What is known of each matching topic, by topic.
    fn topics(&self, filter: &Filter) -> Vec<TopicState> {
        self.topics_after(filter, None, usize::MAX)
    }

    /// As [`topics`](Self::topics), of the first so many behind a topic.
    fn topics_after(&self, filter: &Filter, after: Option<&Topic>, max: usize) -> Vec<TopicState>;
}

/// What a read found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBatch {
    /// Matching records by ascending position.
    pub records: Vec<Arc<StoredRecord>>,
    /// Where to go on reading; at least where this read began.
    pub next: Position,
    /// The head as this read saw it: where `next` has reached it, there was no more.
    pub head: Position,
    /// Ranges between where the read began and `next` in which matching records are missing, or
    /// may be, ascending; never more than there are records, and two.
    pub lost: Vec<LostRange>,
}

/// Positions whose records are no longer there. Records that do not match the filter may lie
/// within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostRange {
    /// The first.
    pub from: Position,
    /// One after the last.
    pub to: Position,
    /// Why they are not there.
    pub reason: LostReason,
}

/// Why records are not there. Exhaustive: each is told to subscribers in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LostReason {
    /// The rules did not keep them.
    Retention,
    /// They are damaged on disk.
    Corrupt,
}

/// What is known of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// The topic.
    pub topic: Topic,
    /// Offset of the oldest record that is kept; `next_offset` where none is.
    pub first_offset: Offset,
    /// One after the largest offset ever appended.
    pub next_offset: Offset,
    /// How many records are kept: offsets may have holes between them.
    pub records: u64,
    /// Position of the last record, where it is kept.
    pub last_position: Option<Position>,
    /// When the last record was received, where it is kept.
    pub last_received: Option<Timestamp>,
}

/// What a trim did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrimReport {
    /// Records that are gone.
    pub records: u64,
    /// Bytes that are free again.
    pub bytes: u64,
    /// Whether there is more to do: calling again goes on. One call does a bounded amount of
    /// writing.
    pub more: bool,
}

/// Why a record was not appended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Nothing can be appended until space is freed or records are trimmed.
    #[error("storage is full: wanted {reserve} bytes to stay free, found {free}")]
    StorageFull {
        /// Bytes that must stay free.
        reserve: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The offset is not larger than the topic's last.
    #[error("offset of {topic}: wanted more than {last}, found {found}")]
    OffsetNotGrowing {
        /// The topic.
        topic: Topic,
        /// Its last offset.
        last: Offset,
        /// The one given.
        found: Offset,
    },
    /// The record is empty or longer than a record may be.
    #[error("record of {topic}: wanted 1 to {max} bytes, found {found}")]
    RecordSize {
        /// The topic.
        topic: Topic,
        /// Most bytes.
        max: usize,
        /// Its bytes.
        found: usize,
    },
    /// The batch must be committed first.
    #[error("batch: wanted at most {max} bytes before a commit, found {found}")]
    BatchFull {
        /// Most bytes.
        max: usize,
        /// Bytes with this record.
        found: usize,
    },
    /// The topic is new and there are too many.
    #[error("topics: wanted at most {max}, found one more")]
    TooManyTopics {
        /// Most topics.
        max: usize,
    },
    /// All positions or offsets have been used.
    #[error("numbers of {what}: wanted one more, found none left")]
    NumbersExhausted {
        /// Of what.
        what: &'static str,
    },
    /// An earlier fault left unknown what is on disk: the store must be opened anew.
    #[error("log: wanted a disk that keeps what it is given, found an earlier fault: {cause}")]
    Poisoned {
        /// The earlier fault.
        cause: String,
    },
    /// The disk refused to take a new file.
    #[error("{}: wanted a new segment", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Why a batch was not committed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The disk is full. None of the batch is stored, everything before is; appending works again
    /// once there is space.
    #[error("{}: wanted to write {bytes} bytes", path.display())]
    StorageFull {
        /// The file.
        path: PathBuf,
        /// Bytes of the batch.
        bytes: usize,
        /// The system's error.
        source: io::Error,
    },
    /// The disk did not take the batch. None of it is stored, everything before is.
    #[error("{}: wanted to write {bytes} bytes", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Bytes of the batch.
        bytes: usize,
        /// The system's error.
        source: io::Error,
    },
    /// Whether the batch is stored is unknown; the store must be opened anew to learn it.
    #[error("log: wanted a disk that keeps what it is given, found a fault: {cause}")]
    Poisoned {
        /// The fault.
        cause: String,
    },
}

/// Why a trim stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrimError {
    /// The disk refused.
    #[error("{}: wanted to make room", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// There are records that are appended and not committed.
    #[error("trim: wanted a committed log, found {records} records to commit")]
    Uncommitted {
        /// How many.
        records: usize,
    },
    /// An earlier fault left unknown what is on disk: the store must be opened anew.
    #[error("log: wanted a disk that keeps what it is given, found an earlier fault: {cause}")]
    Poisoned {
        /// The earlier fault.
        cause: String,
    },
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The disk refused.
    #[error("{}: wanted to read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The record that was asked for is damaged.
    #[error("record at position {position} of {topic}: wanted it whole, found it damaged")]
    Corrupt {
        /// Its topic.
        topic: Topic,
        /// Its position.
        position: Position,
    },
}
