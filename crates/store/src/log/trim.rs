//! Retention: whole segments go; where less than half of one must stay, that is written into a
//! smaller one that stands for the same positions.
//!
//! Every step leaves a log that opens. First a replacement is written, without its name: what turns
//! out damaged then goes like what is dropped. Then the heads, which say what the records to be
//! dropped will no longer say, and where the log begins; then the replacement gets its name; then the
//! old files go, which an opening log recognises as replaced.

use std::{collections::BTreeMap, io, path::Path, sync::Arc};

use sekisho_proto::Timestamp;

use super::{
    RecordLog,
    frame::{FRAME_BYTES_MAX, FrameOutcome, RawRecord},
    heads::{self, Format, Heads},
    index::{Entry, IndexedRecord, SegmentIndex, TopicId, to_usize},
    scan::bytes_u64,
    segment::{REWRITE_FILE, SEGMENT_HEADER_BYTES, Segment, SegmentName, new_header},
    view::View,
};
use crate::{AppendError, DiskFile, Keep, LostReason, RetentionRules, TrimError, TrimReport};

/// Bytes gathered before they are written to a replacement.
const WRITE_BYTES: usize = 1024 * 1024;

/// A segment written anew for its predecessor's sake is at most this part of a full one.
const SMALL_PART: u64 = 4;

/// The segment that is appended to is closed for trimming when this part of a full one can go.
const ACTIVE_PART: u64 = 16;

pub(crate) fn by_rules(
    log: &mut RecordLog,
    rules: &RetentionRules,
    now: Timestamp,
) -> Result<TrimReport, TrimError> {
    check_writable(log)?;
    if judge_active(&log.shared.view(), rules, now, log.options.segment_bytes) {
        close_active(log)?;
    }
    let verdicts = Judge::new(&log.shared.view(), rules, now).sealed(&log.shared.view());
    apply(log, verdicts)
}

pub(crate) fn before(log: &mut RecordLog, position: u64) -> Result<TrimReport, TrimError> {
    check_writable(log)?;
    let (end, any) = {
        let index = &log.shared.view().active.segment.index;
        (index.end(), index.len() > 0)
    };
    if any && end <= position {
        close_active(log)?;
    }
    let verdicts = log
        .shared
        .view()
        .sealed
        .iter()
        .map(|segment| {
            let drop = segment.index.end() <= position;
            let live_bytes = if drop { 0 } else { u64::from(segment.index.end_byte()) };
            Verdict { dead: vec![drop; segment.index.len()], live_bytes, drop }
        })
        .collect();
    apply(log, verdicts)
}

fn check_writable(log: &RecordLog) -> Result<(), TrimError> {
    if let Some(cause) = &log.poison {
        return Err(TrimError::Poisoned { cause: cause.clone() });
    }
    match log.batch.records.len() {
        0 => Ok(()),
        records => Err(TrimError::Uncommitted { records }),
    }
}

fn close_active(log: &mut RecordLog) -> Result<(), TrimError> {
    let path = log.shared.directory().to_owned();
    log.roll().map_err(|error| match error {
        AppendError::Poisoned { cause } => TrimError::Poisoned { cause },
        AppendError::Io { path, source } => TrimError::Io { path, source },
        other @ (AppendError::StorageFull { .. }
        | AppendError::OffsetNotGrowing { .. }
        | AppendError::RecordSize { .. }
        | AppendError::BatchFull { .. }
        | AppendError::TooManyTopics { .. }
        | AppendError::NumbersExhausted { .. }) => {
            TrimError::Io { path, source: io::Error::new(io::ErrorKind::StorageFull, other) }
        }
    })
}

/// What is to become of a segment.
#[derive(Debug, Clone)]
struct Verdict {
    /// Which records go.
    dead: Vec<bool>,
    /// Bytes of those that stay.
    live_bytes: u64,
    /// Whether enough goes to be worth it.
    drop: bool,
}

impl Verdict {
    fn is_dead(&self, at: usize) -> bool {
        self.drop && self.dead.get(at).copied().unwrap_or(false)
    }

    /// A record that was to stay cannot.
    fn give_up(&mut self, at: usize) {
        if let Some(dead) = self.dead.get_mut(at) {
            *dead = true;
        }
        self.drop = true;
    }

    /// All of it stays, whatever the rules say.
    fn keep_all(&mut self) {
        self.drop = false;
        self.live_bytes = u64::MAX;
    }

    /// Whether nothing stays, or nothing was there.
    fn is_empty(&self) -> bool {
        self.live_bytes == 0
    }
}

/// A segment that goes, or of which something does.
type Doomed<'a> = (&'a Arc<Segment>, Verdict);

/// Decides record by record, from the newest to the oldest.
struct Judge {
    keeps: Vec<Keep>,
    lasts: Vec<Option<u64>>,
    kept_bytes: Vec<u64>,
    now: Timestamp,
    log_bytes: u64,
    log_bytes_max: u64,
}

impl Judge {
    fn new(view: &View, rules: &RetentionRules, now: Timestamp) -> Self {
        let entries = view.topics.entries();
        Self {
            keeps: entries.iter().map(|entry| rules.keep(&entry.topic)).collect(),
            lasts: entries.iter().map(|entry| entry.last.map(|last| last.position)).collect(),
            kept_bytes: vec![0; entries.len()],
            now,
            log_bytes: 0,
            log_bytes_max: rules.log_bytes_max.unwrap_or(u64::MAX),
        }
    }

    fn sealed(mut self, view: &View) -> Vec<Verdict> {
        self.segment(&view.active.segment.index);
        let mut verdicts: Vec<Verdict> =
            view.sealed.iter().rev().map(|segment| self.segment(&segment.index)).collect();
        verdicts.reverse();
        verdicts
    }

    fn segment(&mut self, index: &SegmentIndex) -> Verdict {
        let mut dead = vec![false; index.len()];
        let (mut live_bytes, mut dead_bytes) = (0_u64, 0_u64);
        for (at, dead) in dead.iter_mut().enumerate().rev() {
            let Some(entry) = index.entry(at) else { continue };
            let bytes = u64::from(index.frame_bytes(at));
            self.log_bytes = self.log_bytes.saturating_add(bytes);
            *dead = self.is_dead(index, &entry, index.position(at), bytes);
            let sum = if *dead { &mut dead_bytes } else { &mut live_bytes };
            *sum = sum.saturating_add(bytes);
        }
        let drop = dead.contains(&true) && dead_bytes >= live_bytes;
        Verdict { dead, live_bytes, drop }
    }

    fn is_dead(&mut self, index: &SegmentIndex, entry: &Entry, position: u64, bytes: u64) -> bool {
        let topic = to_usize(entry.topic.0);
        let last = self.lasts.get(topic).copied().flatten() == Some(position);
        let over = self.log_bytes > self.log_bytes_max;
        match self.keeps.get(topic).copied().unwrap_or(Keep::Everything) {
            Keep::Everything => false,
            Keep::Nothing => true,
            Keep::Last => !last,
            Keep::For(age) => {
                let since = self.now.saturating_sub(age).as_micros();
                !last && (over || index.is_before(entry, since))
            }
            Keep::Bytes(max) => {
                let mut kept = bytes;
                if let Some(sum) = self.kept_bytes.get_mut(topic) {
                    *sum = sum.saturating_add(bytes);
                    kept = *sum;
                }
                !last && (over || kept > max)
            }
        }
    }
}

/// Whether the segment that is appended to should be closed so that it can be trimmed: at least
/// half of it can go, and that is much, or must not stay until it is.
fn judge_active(view: &View, rules: &RetentionRules, now: Timestamp, segment_bytes: u64) -> bool {
    let index = &view.active.segment.index;
    if index.len() == 0 {
        return false;
    }
    let mut judge = Judge::new(view, rules, now);
    let verdict = judge.segment(index);
    if !verdict.drop {
        return false;
    }
    let bytes = u64::from(index.end_byte()).saturating_sub(SEGMENT_HEADER_BYTES);
    let dead_bytes = bytes.saturating_sub(verdict.live_bytes);
    let timely = verdict.dead.iter().enumerate().filter(|(_at, dead)| **dead).any(|(at, _dead)| {
        let topic = index.entry(at).map(|entry| to_usize(entry.topic.0));
        let keep = topic.and_then(|topic| judge.keeps.get(topic));
        matches!(keep, Some(Keep::Nothing | Keep::For(_)))
    });
    timely || dead_bytes >= segment_bytes / ACTIVE_PART
}

/// Which sealed segments go: the first ones altogether, and a group that one replacement stands
/// for.
#[derive(Debug, Default)]
struct Selected {
    dropped: usize,
    group: std::ops::Range<usize>,
    more: bool,
}

impl Selected {
    /// These segments.
    fn doomed<'a>(&self, sealed: &'a [Arc<Segment>], verdicts: &[Verdict]) -> Vec<Doomed<'a>> {
        let all = sealed.iter().zip(verdicts).enumerate();
        all.filter(|(at, _)| *at < self.dropped || self.group.contains(at))
            .map(|(_at, (segment, verdict))| (segment, verdict.clone()))
            .collect()
    }
}

fn select(sealed: &[Arc<Segment>], verdicts: &[Verdict], segment_bytes: u64) -> Selected {
    let dropped = verdicts.iter().take_while(|verdict| verdict.is_empty()).count();
    let after = |at: usize| verdicts.iter().enumerate().skip(at);
    let Some((first, _)) = after(dropped).find(|(_at, verdict)| verdict.drop) else {
        return Selected { dropped, group: dropped..dropped, more: false };
    };
    let mut start = first;
    let mut live_bytes = 0;
    if let Some(before) = first.checked_sub(1).filter(|before| *before >= dropped)
        && let Some(segment) = sealed.get(before)
        && segment.rewritten
        && u64::from(segment.index.end_byte()) <= segment_bytes / SMALL_PART
    {
        start = before;
        live_bytes = u64::from(segment.index.end_byte());
    }
    let mut end = first;
    for (at, verdict) in after(first) {
        let bytes = verdict.live_bytes.saturating_add(live_bytes);
        let goes = verdict.drop || verdict.is_empty();
        if !goes || (at > first && bytes > segment_bytes) {
            break;
        }
        live_bytes = bytes;
        end = at.saturating_add(1);
    }
    let more = after(end).any(|(_at, verdict)| verdict.drop);
    Selected { dropped, group: start..end, more }
}

fn apply(log: &mut RecordLog, mut verdicts: Vec<Verdict>) -> Result<TrimReport, TrimError> {
    let sealed = log.shared.view().sealed.clone();
    let (selected, mut doomed, rewritten) = loop {
        let selected = select(&sealed, &verdicts, log.options.segment_bytes);
        let mut doomed = selected.doomed(&sealed, &verdicts);
        match rewrite(log, doomed.get_mut(selected.dropped..).unwrap_or_default()) {
            // The others do not wait for it.
            Err(RewriteFault::Unread { name, fault }) => {
                tracing::error!(%fault, segment = name.file_name(), "segment not trimmed");
                let at = sealed.iter().position(|segment| segment.name == name);
                let Some(verdict) = at.and_then(|at| verdicts.get_mut(at)) else {
                    return Err(fault);
                };
                verdict.keep_all();
            }
            Err(RewriteFault::Unwritten(fault)) => break (selected, doomed, Err(fault)),
            Ok(written) => break (selected, doomed, Ok(written)),
        }
    };
    if rewritten.is_err() {
        // The disk may be full: what makes room goes all the same.
        doomed.truncate(selected.dropped);
    }
    if doomed.is_empty() {
        return rewritten.map(|_none| TrimReport::default());
    }
    let bytes_before = log.bytes();
    let Selected { dropped, group, more } = selected;
    let rest = sealed.get(dropped..).unwrap_or_default();
    let start = rest.first().map_or_else(
        || log.shared.view().active.segment.index.first(),
        |segment| segment.index.first(),
    );
    let forgotten = forget(log, &doomed);
    let records = forgotten.records;
    write_heads(log, &doomed, start).inspect_err(|_fault| forgotten.take_back(log))?;
    let (front, kept) = doomed.split_at_checked(dropped).unwrap_or_default();
    if !front.is_empty() {
        replace(log, rest.to_vec(), start);
        remove_files(log, &names_of(front));
    }
    if let Some(written) = rewritten? {
        let replacement = Arc::new(written.take_name(log)?);
        let before = sealed.get(dropped..group.start).unwrap_or_default().iter().cloned();
        let after = sealed.get(group.end..).unwrap_or_default().iter().cloned();
        replace(log, before.chain([replacement]).chain(after).collect(), start);
        remove_files(log, &names_of(kept));
    }
    let bytes = bytes_before.saturating_sub(log.bytes());
    Ok(TrimReport { records, bytes, more })
}

fn names_of(doomed: &[Doomed<'_>]) -> Vec<SegmentName> {
    doomed.iter().map(|(segment, _verdict)| segment.name).collect()
}

/// What was noted of records that go.
struct Forgotten {
    records: u64,
    damaged: u64,
    /// How far topics were dropped until then.
    dropped_before: Vec<(TopicId, u64)>,
}

impl Forgotten {
    /// They do not go.
    fn take_back(&self, log: &RecordLog) {
        let mut view = log.shared.view_mut();
        let topics = &mut view.topics;
        topics.damaged_and_dropped = topics.damaged_and_dropped.saturating_sub(self.damaged);
        for (topic, before) in &self.dropped_before {
            if let Some(entry) = topics.get_mut(*topic) {
                entry.dropped_before = *before;
            }
        }
    }
}

/// Notes in the topics how far they are dropped, and how much was damaged there.
fn forget(log: &RecordLog, doomed: &[Doomed<'_>]) -> Forgotten {
    let mut records = 0_u64;
    let mut dropped_before: BTreeMap<_, u64> = BTreeMap::new();
    for (segment, verdict) in doomed {
        for at in (0..segment.index.len()).filter(|at| verdict.is_dead(*at)) {
            let Some(entry) = segment.index.entry(at) else { continue };
            records = records.saturating_add(1);
            dropped_before.insert(entry.topic, segment.index.position(at).saturating_add(1));
        }
    }
    let gaps = doomed.iter().flat_map(|(segment, _verdict)| segment.index.gaps());
    let damaged = gaps.filter(|gap| gap.reason == LostReason::Corrupt);
    let damaged = damaged.map(|gap| gap.to.saturating_sub(gap.from)).fold(0, u64::saturating_add);
    let mut view = log.shared.view_mut();
    view.trims = view.trims.saturating_add(1);
    let topics = &mut view.topics;
    topics.damaged_and_dropped = topics.damaged_and_dropped.saturating_add(damaged);
    let mut until_now = Vec::with_capacity(dropped_before.len());
    for (topic, before) in dropped_before {
        if let Some(entry) = topics.get_mut(topic) {
            until_now.push((topic, entry.dropped_before));
            entry.dropped_before = entry.dropped_before.max(before);
        }
    }
    Forgotten { records, damaged, dropped_before: until_now }
}

fn write_heads(log: &mut RecordLog, doomed: &[Doomed<'_>], start: u64) -> Result<(), TrimError> {
    let content = {
        let view = log.shared.view();
        heads::encode(start, &view.topics, &log.streams, |position| {
            let at = doomed.partition_point(|(segment, _)| segment.index.end() <= position);
            match doomed.get(at) {
                Some((segment, verdict)) if segment.index.first() <= position => {
                    let at = segment.index.index_at(position);
                    at.is_some_and(|at| !verdict.is_dead(at))
                }
                _ => view.segment_of(position).index.index_at(position).is_some(),
            }
        })
    };
    log.heads_generation = log.heads_generation.saturating_add(1);
    let directory = log.shared.directory();
    let heads = Heads { format: Format::Headers, generation: log.heads_generation, content };
    heads::write(&**log.shared.disk(), directory, &heads)
        .map_err(|source| TrimError::Io { path: directory.to_owned(), source })
}

/// Why no replacement was written.
#[derive(Debug)]
enum RewriteFault {
    /// This segment cannot be read.
    Unread { name: SegmentName, fault: TrimError },
    /// The replacement cannot be written.
    Unwritten(TrimError),
}

/// Writes what stays of adjacent segments into one, which has no name yet; none where there are no
/// such segments. What is damaged of it stays no longer.
fn rewrite(log: &RecordLog, group: &mut [Doomed<'_>]) -> Result<Option<Written>, RewriteFault> {
    if group.is_empty() {
        return Ok(None);
    }
    let path = log.shared.directory().join(REWRITE_FILE);
    let unwritten = |source| RewriteFault::Unwritten(TrimError::Io { path: path.clone(), source });
    let mut writer = begin(log, group, &path).map_err(unwritten)?;
    for (segment, verdict) in &mut *group {
        let unread = |source| {
            let (name, path) = (segment.name, log.shared.path_of(segment.name));
            RewriteFault::Unread { name, fault: TrimError::Io { path, source } }
        };
        let stays = |at: &usize| !verdict.is_dead(*at);
        if !(0..segment.index.len()).any(|at| stays(&at)) {
            continue;
        }
        let file = log.shared.file_of(segment.name).map_err(unread)?;
        for at in 0..segment.index.len() {
            if verdict.is_dead(at) {
                continue;
            }
            if !writer.copy(&*file, segment, at).map_err(unread)? {
                tracing::error!(
                    position = segment.index.position(at),
                    "damaged record left behind"
                );
                verdict.give_up(at);
            }
            if writer.buffer.len() >= WRITE_BYTES {
                writer.flush().map_err(unwritten)?;
            }
        }
    }
    let end = group.last().map_or(0, |(segment, _)| segment.index.end());
    writer.finish(end).map(Some).map_err(unwritten)
}

fn begin(log: &RecordLog, group: &[Doomed<'_>], path: &Path) -> io::Result<Replacement> {
    let disk = log.shared.disk();
    let first = group.first().map_or(0, |(segment, _)| segment.index.first());
    let end = group.last().map_or(first, |(segment, _)| segment.index.end());
    let revision = group.iter().map(|(segment, _)| segment.name.revision).max().unwrap_or(0);
    let name = SegmentName { first, revision: revision.saturating_add(1) };
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let header = new_header(disk, first, Some(end));
    Ok(Replacement {
        file: disk.create(path)?,
        written: 0,
        buffer: header.encode(),
        segment: Segment {
            name,
            seal: header.seal(),
            rewritten: true,
            index: SegmentIndex::new(first),
        },
    })
}

/// A replacement that is complete and on the disk.
struct Written {
    segment: Segment,
}

impl Written {
    fn take_name(self, log: &RecordLog) -> Result<Segment, TrimError> {
        let (disk, directory) = (log.shared.disk(), log.shared.directory());
        let path = directory.join(REWRITE_FILE);
        disk.rename(&path, &directory.join(self.segment.name.file_name()))
            .and_then(|()| disk.sync_dir(directory))
            .map_err(|source| TrimError::Io { path, source })?;
        Ok(self.segment)
    }
}

/// A replacement while it is written.
struct Replacement {
    file: Box<dyn DiskFile>,
    written: u64,
    buffer: Vec<u8>,
    segment: Segment,
}

impl Replacement {
    /// Copies a record whose checksum holds; a damaged one is left out, and told as `false`.
    fn copy(&mut self, file: &dyn DiskFile, segment: &Segment, at: usize) -> io::Result<bool> {
        let Some(entry) = segment.index.entry(at) else { return Ok(false) };
        let position = segment.index.position(at);
        let length = to_usize(segment.index.frame_bytes(at)).min(FRAME_BYTES_MAX);
        let mut bytes = vec![0; length];
        let filled = file.read_at(u64::from(entry.byte), &mut bytes)?;
        bytes.truncate(filled);
        let raw = match segment.seal.decode(&bytes) {
            FrameOutcome::Whole(frame) if frame.position == position => {
                RawRecord::parse(frame.payload).map(|raw| (raw, frame.payload))
            }
            FrameOutcome::Whole(_) | FrameOutcome::Short | FrameOutcome::Bad => None,
        };
        let Some((raw, payload)) = raw else { return Ok(false) };
        let written = self.segment.seal.encode(&mut self.buffer, position, position, |buffer| {
            buffer.extend_from_slice(payload);
        });
        let frame_bytes = u32::try_from(written).unwrap_or(u32::MAX);
        let (received, topic, offset) = (raw.received, entry.topic, raw.offset);
        self.segment.index.push(
            IndexedRecord { position, frame_bytes, received, topic, offset },
            LostReason::Retention,
        );
        Ok(true)
    }

    /// Everything up to a position was copied or is gone.
    fn finish(mut self, end: u64) -> io::Result<Written> {
        self.flush()?;
        self.file.sync()?;
        let mut segment = self.segment;
        segment.index.skip_to(end, LostReason::Retention);
        segment.index.pack();
        Ok(Written { segment })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_at(self.written, &self.buffer)?;
        self.written = self.written.saturating_add(bytes_u64(self.buffer.len()));
        self.buffer.clear();
        Ok(())
    }
}

/// Lets readers see the log as it is after the trim.
fn replace(log: &RecordLog, remaining: Vec<Arc<Segment>>, start: u64) {
    let extents = log.shared.view().extents(&remaining);
    let mut view = log.shared.view_mut();
    let view: &mut View = &mut view;
    view.sealed = remaining;
    view.start = start;
    view.set_extents(&extents);
    let gone: Vec<usize> = view
        .topics
        .entries()
        .iter()
        .enumerate()
        .filter(|(_at, entry)| {
            entry.last.is_some_and(|last| {
                view.segment_of(last.position).index.index_at(last.position).is_none()
            })
        })
        .map(|(at, _entry)| at)
        .collect();
    for at in gone {
        if let Some(entry) = view.topics.entries_mut().get_mut(at) {
            entry.last = None;
        }
    }
    let View { tail, sealed, active, .. } = view;
    tail.retain(|position| {
        let at = sealed.partition_point(|segment| segment.index.end() <= position);
        let index = sealed.get(at).map_or(&active.segment.index, |segment| &segment.index);
        index.index_at(position).is_some()
    });
}

/// Files that cannot be removed are removed when the log is opened next.
fn remove_files(log: &RecordLog, names: &[SegmentName]) {
    let disk = log.shared.disk();
    log.shared.forget_files(names);
    for name in names {
        let path = log.shared.path_of(*name);
        if let Err(error) = disk.remove(&path) {
            tracing::warn!(path = %path.display(), %error, "trimmed segment not removed");
        }
    }
    if let Err(error) = disk.sync_dir(log.shared.directory()) {
        tracing::warn!(%error, "removal of trimmed segments not synced");
    }
}
