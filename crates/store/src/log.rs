//! The embedded engine's log: records of all topics in one sequence of segment files, with the
//! index in memory.
//!
//! One [`RecordLog`] writes. A commit is one write and one sync at the end of the newest segment;
//! only then do the index, the tail and the head move, under one short lock, so that any number of
//! [`LogReader`]s see durable records and nothing else. Retention drops old segments, or writes
//! what little must stay of them into a smaller one; records keep their positions.

use std::{
    collections::HashMap,
    io,
    mem::size_of,
    path::{Path, PathBuf},
    sync::Arc,
};

use sekisho_proto::{
    Offset, Position, PrincipalId, Timestamp, Topic,
    limits::{BOOTS_PER_STREAM_MAX, ENVELOPE_BYTES_MAX, HOPS_MAX},
};

use self::{
    frame::FRAME_HEADER_BYTES,
    index::IndexedRecord,
    scan::bytes_u64,
    segment::{SegmentName, new_header},
    streams::{BootHead, StreamTable, time_of},
    topics::LastRecord,
    view::{Shared, View},
};
use crate::{
    AppendError, Appended, CommitError, DirectoryError, Disk, DiskFile, LostRange, LostReason,
    NewRecord, Records, RetentionRules, StoredRecord, StreamHead, TrimError, TrimReport,
    directory::DirectoryClaim, disk::is_full,
};

mod frame;
mod heads;
mod index;
mod plan;
mod reader;
mod recovery;
mod scan;
mod segment;
mod streams;
mod survey;
mod tail;
mod topics;
mod trim;
mod view;

pub use reader::LogReader;

/// How a log behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// A segment that has reached this size is appended to no more, bytes; 4 KiB to 1 GiB, default
    /// 64 MiB. Small ones follow retention closely, large ones are fewer files.
    pub segment_bytes: u64,
    /// Memory for the newest records, bytes; default 32 MiB.
    pub tail_bytes_max: usize,
    /// Most bytes between two commits; default 32 MiB, never less than one record.
    pub batch_bytes_max: usize,
    /// Appending stops when the file system has less free, bytes; default 64 MiB, so that trimming
    /// can still write what it must.
    pub min_free_bytes: u64,
    /// Runs of one publisher on one topic whose heads are kept; at least 1, default
    /// [`BOOTS_PER_STREAM_MAX`]. Those that are the oldest by their envelopes' times are forgotten. Not
    /// fewer than whoever judges by them remembers, and with as many it judges after a restart as
    /// before.
    pub boots_max: usize,
    /// Topics that the log knows, each with some 300 bytes of memory; default 1,000,000.
    pub topics_max: usize,
    /// Zeros written ahead of small batches, bytes; default 0. What is written over them leaves the
    /// file as long as it was, so that a sync need not wait for the file system's journal, and so for
    /// whatever else was changed on it. Costs each byte a second write.
    pub ahead_bytes: u64,
    /// Positions below this one have been told to somebody and are never given again, even if the
    /// disk has lost their records; default 0.
    pub position_floor: Position,
    /// How many positions behind the end of what is there are taken as lost; default 0. It is for a copy
    /// from before: the log that it was made from went on, and told of positions and offsets that are
    /// not to be given again. The gap stays; whoever opens the log again asks for none.
    pub position_lead: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 * 1024 * 1024,
            tail_bytes_max: 32 * 1024 * 1024,
            batch_bytes_max: 32 * 1024 * 1024,
            min_free_bytes: 64 * 1024 * 1024,
            boots_max: BOOTS_PER_STREAM_MAX,
            topics_max: 1_000_000,
            ahead_bytes: 0,
            position_floor: Position::ZERO,
            position_lead: 0,
        }
    }
}

/// Positions that a copy which is put back leaves to its original: at 50,000 records a second that took
/// them for eight months. No disk loses as many records, so that a gap as long is known for what it is.
pub const COPY_LEAD: u64 = 1 << 40;

const SEGMENT_BYTES_MIN: u64 = 4 * 1024;
const SEGMENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Zeros are written ahead of batches so many times smaller than them: larger ones take the disk
/// longer than the journal does.
const AHEAD_TIMES: u64 = 16;

/// What is written ahead, in pieces of so many bytes.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// A batch buffer larger than this is given back after a commit, bytes.
const BUFFER_KEPT_BYTES: usize = 1024 * 1024;

/// What opening a log found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenReport {
    /// Records that can be read.
    pub records: u64,
    /// One after the last position that the log itself knows of; new records come no earlier, and
    /// later where `position_floor` is.
    pub end: Position,
    /// Segment files.
    pub segments: usize,
    /// Topics that are known.
    pub topics: usize,
    /// Bytes of an unfinished batch that were cut off.
    pub truncated_bytes: u64,
    /// Positions whose records are damaged, ascending.
    pub corrupt: Vec<LostRange>,
    /// Files that could not be read at all and were put aside under another name.
    pub set_aside: Vec<PathBuf>,
    /// Files of an unfinished trim that were removed.
    pub leftovers: usize,
    /// Whether one of the two files of heads was damaged and has been written again.
    pub heads_repaired: bool,
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory was refused.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The disk refused.
    #[error("{}: wanted to open it as part of a log", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Neither copy of what must outlive dropped records can be read. Going on would let old
    /// envelopes in a second time.
    #[error("{}: wanted at least one whole copy of the stream heads, found none", path.display())]
    HeadsDamaged {
        /// The directory.
        path: PathBuf,
    },
}

/// The writing end of the embedded log. One per directory.
#[derive(Debug)]
pub struct RecordLog {
    shared: Arc<Shared>,
    options: Options,
    streams: StreamTable,
    heads_generation: u64,
    batch: Batch,
    /// Length of the active segment up to which it is committed, bytes.
    committed_bytes: u64,
    /// Length up to which the active segment is written, if only with zeros, bytes.
    written_bytes: u64,
    /// Bytes that could be written when it was last asked, less what has been since.
    free_bytes: u64,
    poison: Option<String>,
    _claim: DirectoryClaim,
}

/// What has been appended and not committed.
#[derive(Debug, Default)]
struct Batch {
    buffer: Vec<u8>,
    records: Vec<(Arc<StoredRecord>, u32)>,
    /// The last offset of each topic in the batch.
    offsets: HashMap<Topic, u64>,
}

impl RecordLog {
    /// Opens the log in a directory, or begins one in a new directory. Every record is read and
    /// its checksum compared.
    ///
    /// # Errors
    ///
    /// [`OpenError`]. Damaged records are no error: the report tells them.
    pub fn open(
        disk: Arc<dyn Disk>,
        directory: &Path,
        options: Options,
    ) -> Result<(Self, OpenReport), OpenError> {
        let options = Options {
            segment_bytes: options.segment_bytes.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX),
            batch_bytes_max: options.batch_bytes_max.max(frame::FRAME_BYTES_MAX),
            ..options
        };
        let recovered = recovery::recover(disk, directory, &options)?;
        let log = Self {
            shared: Arc::new(recovered.shared),
            options,
            streams: recovered.streams,
            heads_generation: recovered.heads_generation,
            batch: Batch::default(),
            committed_bytes: recovered.committed_bytes,
            written_bytes: recovered.committed_bytes,
            free_bytes: 0,
            poison: None,
            _claim: recovered.claim,
        };
        log.mark_committed();
        Ok((log, recovered.report))
    }

    /// Takes a record into the batch that the next commit makes durable.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; the batch is as before.
    pub fn append(&mut self, record: NewRecord) -> Result<Appended, AppendError> {
        if let Some(cause) = &self.poison {
            return Err(AppendError::Poisoned { cause: cause.clone() });
        }
        let frame_bytes = self.check_size(&record)?;
        let offset = self.next_offset(&record)?;
        if self.batch.records.is_empty() && self.committed_bytes >= self.options.segment_bytes {
            self.roll()?;
        }
        self.reserve(frame_bytes)?;
        let (seal, head) = {
            let view = self.shared.view();
            (view.active.segment.seal, view.head)
        };
        let count = bytes_u64(self.batch.records.len());
        let position = head
            .checked_add(count)
            .filter(|position| *position < u64::MAX)
            .ok_or(AppendError::NumbersExhausted { what: "the log" })?;
        let written = seal.encode(&mut self.batch.buffer, position, head, |buffer| {
            frame::encode_payload(buffer, &record, offset);
        });
        self.free_bytes = self.free_bytes.saturating_sub(bytes_u64(written));
        self.batch.offsets.insert(record.topic.clone(), offset);
        let stored = StoredRecord {
            position: Position::new(position),
            offset: Offset::new(offset),
            received: record.received,
            topic: record.topic,
            envelope: record.envelope,
            hops: record.hops,
            stream: record.stream,
            hash: record.hash,
            key_header: record.key_header,
        };
        let appended = Appended { position: stored.position, offset: stored.offset };
        let written = u32::try_from(written).unwrap_or(u32::MAX);
        self.batch.records.push((Arc::new(stored), written));
        Ok(appended)
    }

    /// Makes every appended record durable and readable; returns the position up to which the log
    /// is, exclusive. Without appended records it does nothing.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: none of the batch may be acknowledged, and the batch is gone. Everything
    /// committed before stays readable.
    pub fn commit(&mut self) -> Result<Position, CommitError> {
        if let Some(cause) = &self.poison {
            return Err(CommitError::Poisoned { cause: cause.clone() });
        }
        if self.batch.records.is_empty() {
            return Ok(Position::new(self.shared.view().head));
        }
        let mut batch = std::mem::take(&mut self.batch);
        let (file, path) = {
            let view = self.shared.view();
            (Arc::clone(&view.active.file), self.shared.path_of(view.active.segment.name))
        };
        let bytes = batch.buffer.len();
        let committed_bytes = self.committed_bytes.saturating_add(bytes_u64(bytes));
        if let Err(source) = file.write_at(self.committed_bytes, &batch.buffer) {
            return Err(self.take_back(&path, bytes, source));
        }
        self.write_ahead(&*file, bytes, committed_bytes);
        if let Err(error) = file.sync() {
            return Err(self.poison(format!("{}: sync: {error}", path.display())));
        }
        self.written_bytes = self.written_bytes.max(committed_bytes);
        self.committed_bytes = committed_bytes;
        let head = self.publish(&mut batch);
        self.mark_committed();
        if batch.buffer.capacity() <= BUFFER_KEPT_BYTES {
            batch.buffer.clear();
            self.batch.buffer = batch.buffer;
        }
        Ok(Position::new(head))
    }

    /// A reader, for any thread.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        LogReader::new(Arc::clone(&self.shared))
    }

    /// The head of every stream that is known, by topic, publisher and boot. Heads survive the
    /// records they came from.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamHead> {
        self.streams.heads(&self.shared.view().topics)
    }

    /// Drops what the rules do not keep: whole segments, and by writing the rest anew those of
    /// which less than half must stay. Records keep their positions; the last record of a topic
    /// survives every rule but [`Keep::Nothing`](crate::Keep::Nothing). One call writes at most
    /// about one segment.
    ///
    /// # Errors
    ///
    /// [`TrimError`]; whatever was not dropped is as before.
    pub fn trim(
        &mut self,
        rules: &RetentionRules,
        now: Timestamp,
    ) -> Result<TrimReport, TrimError> {
        trim::by_rules(self, rules, now)
    }

    /// Drops every segment of which all records are before a position, last records included:
    /// what a spool does with what has been acknowledged. Stream heads and offsets survive.
    ///
    /// # Errors
    ///
    /// [`TrimError`]; whatever was not dropped is as before.
    pub fn discard_before(&mut self, position: Position) -> Result<TrimReport, TrimError> {
        trim::before(self, position.value())
    }

    /// The fault that stopped writing, where there was one.
    #[must_use]
    pub fn poisoned(&self) -> Option<&str> {
        self.poison.as_deref()
    }

    /// Bytes of all segment files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared.view().bytes()
    }

    fn check_size(&self, record: &NewRecord) -> Result<usize, AppendError> {
        let refused =
            |max, found| AppendError::RecordSize { topic: record.topic.clone(), max, found };
        let envelope = record.envelope.len();
        if envelope == 0 || envelope > ENVELOPE_BYTES_MAX {
            return Err(refused(ENVELOPE_BYTES_MAX, envelope));
        }
        let hops_max = HOPS_MAX.saturating_mul(size_of::<PrincipalId>());
        let hops = record.hops.len().saturating_mul(size_of::<PrincipalId>());
        if hops > hops_max {
            return Err(refused(hops_max, hops));
        }
        let payload = frame::payload_length(record).unwrap_or(usize::MAX);
        let frame_bytes = payload.saturating_add(FRAME_HEADER_BYTES);
        let found = self.batch.buffer.len().saturating_add(frame_bytes);
        if found > self.options.batch_bytes_max {
            return Err(AppendError::BatchFull { max: self.options.batch_bytes_max, found });
        }
        Ok(frame_bytes)
    }

    fn next_offset(&self, record: &NewRecord) -> Result<u64, AppendError> {
        let view = self.shared.view();
        let entry = view.topics.id(record.topic.as_str()).and_then(|id| view.topics.get(id));
        let (known, floor) =
            entry.map_or((0, view.topics.floor), |entry| (entry.next_offset, entry.floor));
        let appended = self.batch.offsets.get(&record.topic).map(|last| last.saturating_add(1));
        if entry.is_none() && appended.is_none() {
            let (topics, max) = (&view.topics, self.options.topics_max);
            let known = topics.entries().len();
            let is_new = |topic: &&Topic| topics.id(topic.as_str()).is_none();
            if known.saturating_add(self.batch.offsets.len()) >= max
                && known.saturating_add(self.batch.offsets.keys().filter(is_new).count()) >= max
            {
                return Err(AppendError::TooManyTopics { max: self.options.topics_max });
            }
        }
        let offset = match record.offset {
            None => appended.unwrap_or_else(|| known.max(floor)),
            Some(found) => {
                let wanted = appended.unwrap_or(known);
                if found.value() < wanted {
                    let topic = record.topic.clone();
                    let last = Offset::new(wanted.saturating_sub(1));
                    return Err(AppendError::OffsetNotGrowing { topic, last, found });
                }
                found.value()
            }
        };
        if offset == u64::MAX {
            return Err(AppendError::NumbersExhausted { what: "the topic" });
        }
        Ok(offset)
    }

    /// Asks for free space only when what was known is used up.
    fn reserve(&mut self, frame_bytes: usize) -> Result<(), AppendError> {
        let reserve = self.options.min_free_bytes;
        let wanted =
            reserve.saturating_add(bytes_u64(frame_bytes.saturating_add(FRAME_HEADER_BYTES)));
        if self.free_bytes >= wanted {
            return Ok(());
        }
        let directory = self.shared.directory();
        let free = self
            .shared
            .disk()
            .free_bytes(directory)
            .map_err(|source| AppendError::Io { path: directory.to_owned(), source })?
            .saturating_sub(bytes_u64(self.batch.buffer.len()));
        // Others write to the same file system: what is free is asked again every few megabytes.
        self.free_bytes = free.min(wanted.saturating_add(4 * 1024 * 1024));
        if free < wanted {
            return Err(AppendError::StorageFull { reserve, free });
        }
        Ok(())
    }

    /// Lets zeros follow a batch of so many bytes that ends where none are left. Where the disk takes
    /// none, they are missing and nothing else.
    fn write_ahead(&mut self, file: &dyn DiskFile, batch: usize, end: u64) {
        let ahead = self.options.ahead_bytes.min(self.options.segment_bytes.saturating_sub(end));
        let header = bytes_u64(FRAME_HEADER_BYTES);
        let is_small = bytes_u64(batch) <= ahead / AHEAD_TIMES;
        if end.saturating_add(header) <= self.written_bytes || !is_small {
            return;
        }
        if self.free_bytes < self.options.min_free_bytes.saturating_add(ahead) {
            // The next append asks.
            self.free_bytes = 0;
            return;
        }
        let (mut at, until) = (end, end.saturating_add(ahead).saturating_add(header));
        while at < until {
            let count = usize::try_from(until.saturating_sub(at)).unwrap_or(ZEROS.len());
            let zeros = ZEROS.get(..count).unwrap_or(&ZEROS);
            if let Err(error) = file.write_at(at, zeros) {
                tracing::debug!(%error, "no zeros ahead of the next records");
                break;
            }
            at = at.saturating_add(bytes_u64(zeros.len()));
        }
        self.free_bytes = self.free_bytes.saturating_sub(at.saturating_sub(end));
        self.written_bytes = self.written_bytes.max(at);
    }

    /// Cuts off zeros that nothing was written over. Where that fails they take room and nothing
    /// else: a later opening passes over them.
    fn cut_ahead(&self) {
        let end = self.committed_bytes.saturating_add(bytes_u64(FRAME_HEADER_BYTES));
        if self.written_bytes <= end {
            return;
        }
        let view = self.shared.view();
        if let Err(error) = view.active.file.set_length(end) {
            tracing::debug!(%error, "zeros stay at the end of a segment");
        }
    }

    /// Begins a new segment at the head.
    fn roll(&mut self) -> Result<(), AppendError> {
        self.cut_ahead();
        let first = self.shared.view().head;
        let created = recovery::create_segment(
            self.shared.disk(),
            self.shared.directory(),
            SegmentName { first, revision: 0 },
            new_header(self.shared.disk(), first, None),
        );
        match created {
            Ok(active) => {
                self.committed_bytes = segment::SEGMENT_HEADER_BYTES;
                self.written_bytes = segment::SEGMENT_HEADER_BYTES;
                self.free_bytes = 0;
                self.shared.view_mut().replace_active(active);
                Ok(())
            }
            Err(fault) => {
                if fault.unknown {
                    let cause = format!("{}: sync: {}", fault.path.display(), fault.source);
                    self.poison = Some(cause.clone());
                    return Err(AppendError::Poisoned { cause });
                }
                if is_full(&fault.source) {
                    let reserve = self.options.min_free_bytes;
                    return Err(AppendError::StorageFull { reserve, free: 0 });
                }
                Err(AppendError::Io { path: fault.path, source: fault.source })
            }
        }
    }

    /// Undoes a write that failed. Where that fails too, nobody knows what is on disk.
    fn take_back(&mut self, path: &Path, bytes: usize, source: io::Error) -> CommitError {
        self.free_bytes = 0;
        self.written_bytes = self.committed_bytes;
        let file = Arc::clone(&self.shared.view().active.file);
        let undone = file.set_length(self.committed_bytes).and_then(|()| file.sync());
        if let Err(error) = undone {
            return self.poison(format!("{}: {source}, then {error}", path.display()));
        }
        tracing::warn!(path = %path.display(), bytes, error = %source, "batch not written");
        let path = path.to_owned();
        if is_full(&source) {
            CommitError::StorageFull { path, bytes, source }
        } else {
            CommitError::Io { path, bytes, source }
        }
    }

    fn poison(&mut self, cause: String) -> CommitError {
        tracing::error!(cause, "log stopped");
        self.poison = Some(cause.clone());
        CommitError::Poisoned { cause }
    }

    /// Lets readers see what is durable now.
    fn publish(&mut self, batch: &mut Batch) -> u64 {
        let mut view = self.shared.view_mut();
        let view: &mut View = &mut view;
        for (record, frame_bytes) in batch.records.drain(..) {
            let topic = view.topics.intern(&record.topic);
            let (position, received) = (record.position.value(), record.received.as_micros());
            let offset = record.offset.value();
            view.active.segment.index.push(
                IndexedRecord { position, frame_bytes, received, topic, offset },
                LostReason::Corrupt,
            );
            view.topics.note(topic, offset, LastRecord { position, received });
            let time = time_of(&record.envelope, received);
            let head = BootHead::of(&record.stream, record.hash, (position, offset), time);
            self.streams.note(topic, record.stream.publisher, head);
            view.head = position.saturating_add(1);
            view.tail.push(record);
        }
        view.head
    }

    /// Writes the mark that tells the end of the last batch from damage. It is not synced and the
    /// next batch overwrites it: it costs one small write, and without it an opening log only
    /// knows less about damage in its last batch.
    fn mark_committed(&self) {
        let view = self.shared.view();
        let mut mark = Vec::with_capacity(FRAME_HEADER_BYTES);
        view.active.segment.seal.encode(&mut mark, view.head, view.head, |_payload| {});
        if let Err(error) = view.active.file.write_at(self.committed_bytes, &mark) {
            tracing::debug!(%error, "commit mark not written");
        }
    }
}

impl Records for RecordLog {
    type Reader = LogReader;

    fn append(&mut self, record: NewRecord) -> Result<Appended, AppendError> {
        Self::append(self, record)
    }

    fn commit(&mut self) -> Result<Position, CommitError> {
        Self::commit(self)
    }

    fn reader(&self) -> LogReader {
        Self::reader(self)
    }

    fn streams(&self) -> Vec<StreamHead> {
        Self::streams(self)
    }

    fn trim(&mut self, rules: &RetentionRules, now: Timestamp) -> Result<TrimReport, TrimError> {
        Self::trim(self, rules, now)
    }
}

#[cfg(test)]
mod tests;
