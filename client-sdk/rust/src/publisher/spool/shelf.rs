//! The spool's files and nothing asynchronous.
//!
//! A record's time of receipt is its own position, in microseconds: the log's retention by age then
//! drops exactly what is settled, whatever a truck's clock did meanwhile.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::{Buf as _, Bytes, BytesMut};
use sekisho_proto::{
    CursorName, Envelope, Filter, KeyHeader, KeyHeaderId, Position, PrincipalId, Timestamp, Topic,
};
use sekisho_store::{
    AppendError, Keep, Keyed as _, KeyedChange, KeyedFile, NewRecord, Options, RecordLog,
    RecordReader as _, RetentionRules, StdDisk, Store, StoreOptions, StoredKeyHeader, StreamKey,
};

use super::{Kept, SpoolError};
use crate::publisher::{backlog::Stretch, outbox::Entry, sealing::Sealed};

/// Small segments, so that what is settled leaves the disk soon, bytes.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

/// Memory for the newest records, bytes: what is on its way is in the window already.
const TAIL_BYTES_MAX: usize = 1024 * 1024;

/// Memory for pages of keyed state, bytes: a handful of entries.
const KEYED_CACHE_BYTES: usize = 512 * 1024;

/// Most bytes taken from the log at once.
const READ_BYTES_MAX: usize = 4 * 1024 * 1024;

const OWNER: &str = "owner";
const PROOF: &str = "proof";
const CURSOR: &str = "spool";

/// See the module.
#[derive(Debug)]
pub(super) struct Shelf {
    topic: Topic,
    filter: Filter,
    publisher: PrincipalId,
    cursor: CursorName,
    records: RecordLog,
    keyed: Arc<KeyedFile>,
    /// Key headers known to be kept.
    key_headers: BTreeSet<KeyHeaderId>,
}

impl Shelf {
    pub(super) fn open(
        directory: &Path,
        publisher: PrincipalId,
        topic: Topic,
    ) -> Result<Self, SpoolError> {
        let log = Options {
            segment_bytes: SEGMENT_BYTES,
            tail_bytes_max: TAIL_BYTES_MAX,
            ..Options::default()
        };
        let options = StoreOptions { log, keyed_cache_bytes: KEYED_CACHE_BYTES };
        let store = Store::open(Arc::new(StdDisk), directory, options)
            .map_err(|source| SpoolError::Open { directory: directory.to_owned(), source })?;
        let (records, keyed) = (store.records, store.keyed);
        let report = &store.report.log;
        if report.truncated_bytes > 0 || !report.corrupt.is_empty() {
            tracing::warn!(spool = %directory.display(), ?report, "spool was damaged");
        }
        claim(&keyed, directory, &format!("{publisher} on {topic}"))?;
        Ok(Self {
            filter: Filter::from(&topic),
            topic,
            publisher,
            cursor: CursorName::parse(CURSOR)?,
            records,
            keyed,
            key_headers: BTreeSet::new(),
        })
    }

    /// Index behind the last envelope.
    pub(super) fn end(&self) -> u64 {
        self.records.reader().head().value()
    }

    /// Everything before this index is settled.
    pub(super) fn settled(&self) -> Result<u64, SpoolError> {
        let settled = self.keyed.cursor(&self.publisher, &self.cursor)?;
        let first = self.records.reader().first();
        Ok(settled.unwrap_or(first).max(first).value())
    }

    /// Keeps envelopes in order, as many as can be: those that are kept count, whatever was in the way
    /// of the next.
    pub(super) fn push(&mut self, sealed: &[Sealed]) -> Kept {
        let mut count = 0;
        let mut left = sealed;
        while !left.is_empty() {
            let (appended, obstacle) = self.append_some(left);
            match self.records.commit().map_err(SpoolError::from) {
                Ok(_position) => count += appended,
                Err(cause) => return Kept { count, obstacle: Some(cause) },
            }
            left = left.get(appended..).unwrap_or_default();
            match obstacle {
                Some(SpoolError::Append(AppendError::BatchFull { .. })) if appended > 0 => {}
                Some(cause) => return Kept { count, obstacle: Some(cause) },
                None => {}
            }
        }
        Kept { count, obstacle: None }
    }

    /// How many could be appended to one batch, and what was in the way of the next.
    fn append_some(&mut self, sealed: &[Sealed]) -> (usize, Option<SpoolError>) {
        let mut position = self.end();
        for (count, one) in sealed.iter().enumerate() {
            if let Err(cause) = self.append(one, position) {
                return (count, Some(cause));
            }
            position = position.saturating_add(1);
        }
        (sealed.len(), None)
    }

    fn append(&mut self, one: &Sealed, position: u64) -> Result<(), SpoolError> {
        if let (Some(id), Some(key_header)) = (one.key_header_id, &one.key_header) {
            self.keep_key_header(id, key_header)?;
        }
        let received = Timestamp::from_micros(i64::try_from(position).unwrap_or(i64::MAX));
        self.records.append(NewRecord {
            topic: self.topic.clone(),
            offset: None,
            received,
            envelope: one.envelope.clone(),
            hops: Vec::new(),
            stream: StreamKey { publisher: self.publisher, boot: one.boot, sequence: one.sequence },
            hash: one.hash,
            key_header: one.key_header_id,
        })?;
        Ok(())
    }

    fn keep_key_header(
        &mut self,
        id: KeyHeaderId,
        key_header: &KeyHeader,
    ) -> Result<(), SpoolError> {
        if !self.key_headers.contains(&id) {
            let (topic, encoded) = (self.topic.clone(), key_header.encoded().clone());
            self.keyed.put_key_header(id, StoredKeyHeader { topic, encoded, idle_since: None })?;
            self.key_headers.insert(id);
        }
        Ok(())
    }

    pub(super) fn read(&mut self, from: u64, max: usize) -> Result<Stretch, SpoolError> {
        let reader = self.records.reader();
        let batch = reader.read(&self.filter, Position::new(from), max, READ_BYTES_MAX)?;
        let mut damaged = 0_u64;
        for lost in &batch.lost {
            tracing::warn!(from = %lost.from, to = %lost.to, reason = ?lost.reason, "spool has a hole");
            let length = lost.to.value().saturating_sub(lost.from.value());
            damaged = damaged.saturating_add(length);
        }
        let mut entries = Vec::with_capacity(batch.records.len());
        for record in &batch.records {
            self.key_headers.extend(record.key_header);
            let envelope = Envelope::decode(record.envelope.clone())?;
            entries.push(Entry {
                index: record.position.value(),
                boot: record.stream.boot,
                sequence: record.stream.sequence,
                samples: envelope.header().sample_count,
                envelope: record.envelope.clone(),
                key_header: record.key_header,
            });
        }
        Ok(Stretch { entries, next: batch.next.value(), damaged })
    }

    pub(super) fn key_header(&self, id: KeyHeaderId) -> Result<Option<Bytes>, SpoolError> {
        Ok(self.keyed.key_header(&id)?.map(|stored| stored.encoded))
    }

    /// Writes down how far everything is settled, and drops what is.
    pub(super) fn save(&mut self, settled: u64) -> Result<(), SpoolError> {
        let position = Position::new(settled);
        self.keyed.set_cursor(self.publisher, self.cursor.clone(), position)?;
        let end = self.end();
        let waiting = end.saturating_sub(settled);
        let rules = if waiting == 0 {
            self.forget_key_headers()?;
            RetentionRules::uniform(Keep::Nothing)
        } else {
            RetentionRules::uniform(Keep::For(Duration::from_micros(waiting)))
        };
        let now = Timestamp::from_micros(i64::try_from(end).unwrap_or(i64::MAX));
        self.records.trim(&rules, now)?;
        Ok(())
    }

    /// With nothing waiting no key header is needed: the next envelope brings its own again.
    fn forget_key_headers(&mut self) -> Result<(), SpoolError> {
        let known = std::mem::take(&mut self.key_headers);
        let changes: Vec<KeyedChange> =
            known.into_iter().map(KeyedChange::RemoveKeyHeader).collect();
        self.keyed.apply(&changes)?;
        Ok(())
    }

    /// The statements of [`Shelf::save_proof`].
    pub(super) fn proof(&self) -> Result<Vec<Bytes>, SpoolError> {
        let mut left = self.keyed.blob(PROOF)?.unwrap_or_default();
        let mut proof = Vec::new();
        while left.len() >= size_of::<u32>() {
            let length = usize::try_from(left.get_u32()).unwrap_or(usize::MAX);
            if length > left.len() {
                break;
            }
            proof.push(left.split_to(length));
        }
        Ok(proof)
    }

    /// Keeps statements, each behind its length.
    pub(super) fn save_proof(&self, proof: &[Bytes]) -> Result<(), SpoolError> {
        let mut bytes = BytesMut::new();
        for statement in proof {
            let length = u32::try_from(statement.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(statement);
        }
        let bytes = bytes.freeze();
        if self.keyed.blob(PROOF)?.as_ref() != Some(&bytes) {
            self.keyed.put_blob(PROOF, bytes)?;
        }
        Ok(())
    }
}

/// Makes the directory one publisher's on one topic, or checks that it is.
fn claim(keyed: &KeyedFile, directory: &Path, wanted: &str) -> Result<(), SpoolError> {
    match keyed.blob(OWNER)? {
        None => keyed.put_blob(OWNER, Bytes::copy_from_slice(wanted.as_bytes()))?,
        Some(found) if *found == *wanted.as_bytes() => {}
        Some(found) => {
            return Err(SpoolError::Foreign {
                directory: PathBuf::from(directory),
                wanted: wanted.to_owned(),
                found: String::from_utf8_lossy(&found).into_owned(),
            });
        }
    }
    Ok(())
}
