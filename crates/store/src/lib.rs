//! What a node keeps: the log of all records, and the small state that is looked up by key.
//!
//! Two traits say what storage is, [`Records`] and [`Keyed`]; [`conformance`] holds any engine to
//! them. The embedded engine keeps everything in one directory: [`RecordLog`] is a segmented log
//! of our own with its index in memory, [`KeyedFile`] one redb file, [`Secrets`] a file for each
//! secret. All files are touched through
//! [`Disk`], so that [`fault::FaultDisk`] can tear, lose, fill and rot what is written.
//!
//! Acknowledged means durable: what [`Records::commit`] returned for survives a power cut, and
//! nothing is readable before. A record whose checksum does not hold is reported and never served.
//! The crate reads no clock, starts threads only while it reads a long log on opening it, and never
//! opens an envelope.

pub mod conformance;
mod directory;
mod disk;
pub mod fault;
mod keyed;
mod log;
mod record;
mod records;
mod retention;
mod secrets;
mod store;

pub use directory::DirectoryError;
pub use disk::{Access, Disk, DiskFile, DiskLock, LockOutcome, StdDisk};
pub use keyed::{
    Cursor, Keyed, KeyedChange, KeyedError, KeyedFile, Leaf, LoggedStatement, SealedRecord,
    StatementToLog, StoredKeyHeader,
};
pub use log::{COPY_LEAD, LogReader, OpenError, OpenReport, Options, RecordLog};
pub use record::{Appended, NewRecord, RECORD_BYTES_MAX, StoredRecord, StreamHead, StreamKey};
pub use records::{
    AppendError, CommitError, LostRange, LostReason, ReadBatch, ReadError, RecordReader, Records,
    TopicState, TrimError, TrimReport,
};
pub use retention::{Keep, RetentionRules};
pub use secrets::{SecretError, Secrets};
pub use store::{Store, StoreError, StoreOptions, StoreReport};
