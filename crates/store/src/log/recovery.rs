//! Opening: everything on disk is read, what is whole is indexed, what is not is named.

use std::{
    collections::BTreeMap,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    thread::available_parallelism,
};

use sekisho_proto::Position;

use super::{
    OpenError, OpenReport, Options,
    frame::FRAME_HEADER_BYTES,
    heads::{self, HeadsOutcome},
    index::{Gap, SegmentIndex, TopicId, to_usize},
    scan::{self, Ending, bytes_u64},
    segment::{
        REWRITE_FILE, SEGMENT_HEADER_BYTES, Segment, SegmentHeader, SegmentName, new_header,
    },
    streams::StreamTable,
    survey::{self, Survey},
    tail::Tail,
    topics::TopicTable,
    view::{Active, Shared, View},
};
use crate::{COPY_LEAD, Disk, DiskFile, LostRange, LostReason, directory::DirectoryClaim};

/// What the format file of a log directory says.
const FORMAT: &str = "sekisho-log 1";

/// Added to the name of a file that is put aside.
const SET_ASIDE: &str = "damaged";

/// Bytes written again at once.
const WRITE_AGAIN_BYTES: usize = 1024 * 1024;

/// Segments read at once: more wait for the disk.
const THREADS_MAX: usize = 4;
/// A log that is shorter is read sooner than threads start, bytes.
const BYTES_FOR_THREADS: u64 = 8 * 1024 * 1024;

pub(crate) struct Recovered {
    pub(crate) shared: Shared,
    pub(crate) streams: StreamTable,
    pub(crate) heads_generation: u64,
    pub(crate) committed_bytes: u64,
    pub(crate) claim: DirectoryClaim,
    pub(crate) report: OpenReport,
}

pub(crate) fn recover(
    disk: Arc<dyn Disk>,
    directory: &Path,
    options: &Options,
) -> Result<Recovered, OpenError> {
    recover_with(disk, directory, options, None)
}

/// The same, on so many threads; `None` = as many as are worth it.
pub(crate) fn recover_with(
    disk: Arc<dyn Disk>,
    directory: &Path,
    options: &Options,
    threads: Option<usize>,
) -> Result<Recovered, OpenError> {
    let claim = DirectoryClaim::take(&*disk, directory, FORMAT)?;
    let mut opening = Opening {
        disk: Arc::clone(&disk),
        directory: directory.to_owned(),
        topics: TopicTable::default(),
        streams: StreamTable::new(options.boots_max),
        report: OpenReport::default(),
        gaps: Vec::new(),
        start: 0,
        set_aside: Vec::new(),
        next: 0,
    };
    let heads_generation = opening.read_heads()?;
    // What the heads know of has been, also where the log has lost it.
    let floor = options.position_floor.value().max(opening.streams.end());
    let mut sealed = opening.read_segments(threads)?;
    opening.report.end = Position::new(opening.next);
    let floor = match options.position_lead {
        0 => floor,
        lead => floor.max(opening.next.saturating_add(lead)),
    };
    let active = opening.take_active(&mut sealed, floor)?;
    opening.finish_gaps();
    let Opening { topics, streams, mut report, start, .. } = opening;
    report.segments = sealed.len().saturating_add(1);
    report.topics = topics.entries().len();
    let committed_bytes = u64::from(active.segment.index.end_byte());
    let head = active.segment.index.end();
    let tail = Tail::new(options.tail_bytes_max);
    let mut view = View {
        sealed: sealed.into_iter().map(|(segment, _file)| Arc::new(segment)).collect(),
        active,
        topics,
        tail,
        start,
        trims: 0,
        head,
    };
    let extents = view.extents(&view.sealed);
    view.set_extents(&extents);
    let shared = Shared::new(disk, directory.to_owned(), view);
    Ok(Recovered { shared, streams, heads_generation, committed_bytes, claim, report })
}

type OpenSegment = (Segment, Arc<dyn DiskFile>);

/// A segment's file before its records are read.
struct Unread {
    name: SegmentName,
    header: SegmentHeader,
    file: Arc<dyn DiskFile>,
}

/// A segment whose topics go by the numbers of its survey, and which numbers these have here.
struct Merged {
    segment: Segment,
    file: Arc<dyn DiskFile>,
    topics: Vec<TopicId>,
    offsets: Vec<u64>,
}

/// A segment that was put aside.
struct Aside {
    path: PathBuf,
    first: u64,
    /// A bound on where it ended: no frame is shorter, so that no position it had is given again.
    end: u64,
}

impl Aside {
    fn new(path: PathBuf, name: SegmentName, length: u64) -> Self {
        let records = length.div_euclid(bytes_u64(FRAME_HEADER_BYTES));
        Self { path, first: name.first, end: name.first.saturating_add(records) }
    }
}

struct Opening {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    topics: TopicTable,
    streams: StreamTable,
    report: OpenReport,
    gaps: Vec<Gap>,
    /// Retention has dropped everything before.
    start: u64,
    /// Each segment that was put aside, also by an opening that did not come to its end.
    set_aside: Vec<Aside>,
    /// Where positions may go on.
    next: u64,
}

impl Opening {
    fn read_heads(&mut self) -> Result<u64, OpenError> {
        let path = self.directory.clone();
        let io_error = |source| OpenError::Io { path: path.clone(), source };
        let damaged = || OpenError::HeadsDamaged { path: path.clone() };
        match heads::read(&*self.disk, &self.directory).map_err(io_error)? {
            HeadsOutcome::Absent => Ok(0),
            HeadsOutcome::Damaged => Err(damaged()),
            HeadsOutcome::Present { heads, damaged: repair } => {
                let (topics, streams) = (&mut self.topics, &mut self.streams);
                let decoded = heads::decode(heads.format, &heads.content, topics, streams);
                self.start = decoded.ok_or_else(damaged)?;
                if repair {
                    heads::write(&*self.disk, &self.directory, &heads).map_err(io_error)?;
                    self.report.heads_repaired = true;
                }
                Ok(heads.generation)
            }
        }
    }

    fn read_segments(&mut self, threads: Option<usize>) -> Result<Vec<OpenSegment>, OpenError> {
        let unread = self.find_segments()?;
        let count = unread.len();
        let threads = threads.unwrap_or_else(|| threads_for(&unread));
        let mut read: Vec<Merged> = Vec::new();
        let survey = |(at, unread): (usize, Unread)| {
            let last = at.saturating_add(1) == count;
            let survey = Survey::read(&*unread.file, unread.header, last);
            (unread, survey)
        };
        let items = unread.into_iter().enumerate().collect();
        survey::in_order(items, threads, survey, |(unread, survey)| {
            let first = unread.name.first;
            if let Some(before) = read.last_mut() {
                Self::close_segment(&mut before.segment, first);
            } else {
                self.next = first;
                self.lose_before(first);
            }
            let path = self.directory.join(unread.name.file_name());
            let merged = survey.and_then(|survey| self.merge(unread, survey));
            let merged = merged.map_err(|source| OpenError::Io { path, source })?;
            self.next = self.next.max(merged.segment.index.end());
            read.push(merged);
            Ok::<(), OpenError>(())
        })?;
        self.next = self.next.max(self.start);
        self.pass_set_aside();
        let mut segments = Vec::with_capacity(count);
        let settle = |(at, merged): (usize, Merged)| {
            let Merged { mut segment, file, topics, offsets } = merged;
            segment.index.post(&topics, &offsets, at.saturating_add(1) < count);
            (segment, file)
        };
        let items = read.into_iter().enumerate().collect();
        survey::in_order(items, threads, settle, |settled| {
            segments.push(settled);
            Ok::<(), OpenError>(())
        })?;
        Ok(segments)
    }

    /// Positions of segments that were put aside behind all others are not given again.
    fn pass_set_aside(&mut self) {
        self.set_aside.sort_by_key(|aside| aside.first);
        for aside in &self.set_aside {
            if aside.first >= self.next {
                self.next = aside.end;
                if !self.report.set_aside.contains(&aside.path) {
                    self.report.set_aside.push(aside.path.clone());
                }
            }
        }
    }

    /// Nothing is left of what retention did not drop before the first segment.
    fn lose_before(&mut self, first: u64) {
        if self.start < first {
            self.gaps.push(Gap { from: self.start, to: first, reason: LostReason::Corrupt });
        }
    }

    /// Positions up to the next segment that nothing is known of are lost.
    fn close_segment(segment: &mut Segment, next: u64) {
        if segment.index.end() < next {
            segment.index.skip_to(next, LostReason::Corrupt);
        }
    }

    /// The segments that count, by position. What a trim left unfinished is removed.
    fn find_segments(&mut self) -> Result<Vec<Unread>, OpenError> {
        let at_directory = self.directory.clone();
        let io_error = |source| OpenError::Io { path: at_directory.clone(), source };
        let mut found: BTreeMap<u64, Unread> = BTreeMap::new();
        let mut leftovers = Vec::new();
        for file_name in self.disk.list(&self.directory).map_err(io_error)? {
            if file_name == REWRITE_FILE {
                leftovers.push(self.directory.join(file_name));
                continue;
            }
            let path = self.directory.join(&file_name);
            if let Some(name) = aside_name(&file_name) {
                let length = self.disk.open(&path).and_then(|file| file.length());
                let length =
                    length.map_err(|source| OpenError::Io { path: path.clone(), source })?;
                self.set_aside.push(Aside::new(path, name, length));
                continue;
            }
            let Some(name) = SegmentName::parse(&file_name) else { continue };
            let opened = self.open_segment(name, &path);
            let Some(segment) = opened.map_err(|source| OpenError::Io { path, source })? else {
                continue;
            };
            if let Some(older) = found.insert(name.first, segment) {
                leftovers.push(self.directory.join(older.name.file_name()));
            }
        }
        let mut counted: Vec<Unread> = Vec::new();
        let mut covered = 0;
        for (first, segment) in found {
            if first < covered {
                leftovers.push(self.directory.join(segment.name.file_name()));
                continue;
            }
            covered = segment.header.rewritten_end.unwrap_or(first);
            counted.push(segment);
        }
        let dropped = counted
            .windows(2)
            .take_while(|pair| pair.last().is_some_and(|next| next.name.first <= self.start));
        for segment in counted.drain(..dropped.count()) {
            leftovers.push(self.directory.join(segment.name.file_name()));
        }
        for path in &leftovers {
            self.disk
                .remove(path)
                .map_err(|source| OpenError::Io { path: path.clone(), source })?;
        }
        self.report.leftovers = self.report.leftovers.saturating_add(leftovers.len());
        Ok(counted)
    }

    /// A segment whose header is not whole was never used, where it has nothing else; otherwise it
    /// is put aside.
    fn open_segment(&mut self, name: SegmentName, path: &Path) -> io::Result<Option<Unread>> {
        let file: Arc<dyn DiskFile> = self.disk.open(path)?.into();
        if let Some(header) = SegmentHeader::read(&*file, name.first)? {
            return Ok(Some(Unread { name, header, file }));
        }
        let length = file.length()?;
        if length <= SEGMENT_HEADER_BYTES {
            self.disk.remove(path)?;
            self.report.leftovers = self.report.leftovers.saturating_add(1);
            return Ok(None);
        }
        let mut aside = path.to_owned().into_os_string();
        aside.push(".");
        aside.push(SET_ASIDE);
        let aside = PathBuf::from(aside);
        self.disk.rename(path, &aside)?;
        self.report.set_aside.push(aside.clone());
        self.set_aside.push(Aside::new(aside, name, length));
        Ok(None)
    }

    /// Adds what a segment was found to hold to what the ones before it do.
    fn merge(&mut self, unread: Unread, survey: Survey) -> io::Result<Merged> {
        let Unread { name, header, file } = unread;
        if let Some(ending) = survey.ending {
            let last_batch = survey.last_batch_byte()..u64::from(survey.index.end_byte());
            self.cut_unfinished(&*file, ending, last_batch)?;
        }
        let entries = survey.topics.entries().iter();
        let topics: Vec<TopicId> = entries.map(|entry| self.topics.adopt(entry)).collect();
        for (topic, publisher, head) in survey.heads {
            if let Some(topic) = topics.get(to_usize(topic.0)) {
                self.streams.note(*topic, publisher, head);
            }
        }
        self.report.records = self.report.records.saturating_add(survey.records);
        let rewritten = header.rewritten_end.is_some();
        let segment = Segment { name, seal: header.seal(), rewritten, index: survey.index };
        Ok(Merged { segment, file, topics, offsets: survey.offsets })
    }

    /// Cuts off an unfinished batch, and makes durable what will be served from now on: a process
    /// that was killed may have left it in the system's cache only. Where that process could not sync
    /// its last batch, the system takes it for clean: it is written once more.
    fn cut_unfinished(
        &mut self,
        file: &dyn DiskFile,
        ending: Ending,
        last_batch: Range<u64>,
    ) -> io::Result<()> {
        if let Some(torn_at) = ending.torn_at {
            // Zeros were written ahead of what never came.
            let cut = scan::written_end(file, torn_at)?.saturating_sub(torn_at);
            self.report.truncated_bytes = self.report.truncated_bytes.saturating_add(cut);
            file.set_length(torn_at)?;
        }
        write_again(file, last_batch)?;
        file.sync()
    }

    /// The segment to append to: the last one, or a new one where there is none that can be.
    fn take_active(
        &mut self,
        sealed: &mut Vec<OpenSegment>,
        floor: u64,
    ) -> Result<Active, OpenError> {
        let next = self.next.max(floor);
        match sealed.pop() {
            Some((segment, file)) if !segment.rewritten && segment.index.end() == next => {
                self.collect_gaps(sealed, Some(&segment));
                return Ok(Active { segment, file });
            }
            Some((mut segment, file)) => {
                Self::close_segment(&mut segment, next);
                segment.index.pack();
                sealed.push((segment, file));
            }
            None => self.lose_before(next),
        }
        self.collect_gaps(sealed, None);
        let header = new_header(&self.disk, next, None);
        let name = SegmentName { first: next, revision: 0 };
        create_segment(&self.disk, &self.directory, name, header)
            .map_err(|fault| OpenError::Io { path: fault.path, source: fault.source })
    }

    fn collect_gaps(&mut self, sealed: &[OpenSegment], active: Option<&Segment>) {
        let segments = sealed.iter().map(|(segment, _file)| segment).chain(active);
        for segment in segments {
            let corrupt = segment.index.gaps().iter();
            self.gaps.extend(corrupt.filter(|gap| gap.reason == LostReason::Corrupt));
        }
    }

    /// Reports what is damaged, and keeps the offsets that damaged records may have had from being
    /// given again.
    fn finish_gaps(&mut self) {
        let lost = |gap: &Gap| gap.to.saturating_sub(gap.from);
        let lost_now = self.gaps.iter().map(lost).fold(0, u64::saturating_add);
        self.topics.floor = self.topics.damaged_and_dropped.saturating_add(lost_now);
        if self.gaps.is_empty() {
            return;
        }
        let (left, damaged): (Vec<&Gap>, Vec<&Gap>) =
            self.gaps.iter().partition(|gap| lost(gap) >= COPY_LEAD);
        for gap in left {
            tracing::info!(from = gap.from, to = gap.to, "positions that are left to the original");
        }
        if !damaged.is_empty() {
            let path = self.directory.display();
            tracing::error!(ranges = damaged.len(), %path, "damaged records");
        }
        let range = |gap: &Gap| LostRange {
            from: Position::new(gap.from),
            to: Position::new(gap.to),
            reason: gap.reason,
        };
        self.report.corrupt.extend(damaged.into_iter().map(range));
        for entry in self.topics.entries_mut() {
            let last = entry.last.map_or(0, |last| last.position);
            let after = self.gaps.iter().rev().take_while(|gap| gap.to > last);
            let floor = after.map(lost).fold(entry.next_offset, u64::saturating_add);
            entry.floor = entry.floor.max(floor);
        }
    }
}

/// Writes bytes of a file over themselves.
fn write_again(file: &dyn DiskFile, bytes: Range<u64>) -> io::Result<()> {
    let Range { start: mut at, end } = bytes;
    let mut chunk = Vec::new();
    while at < end {
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        chunk.resize(left.min(WRITE_AGAIN_BYTES), 0);
        let filled = file.read_at(at, &mut chunk)?;
        chunk.truncate(filled);
        if filled == 0 {
            return Ok(());
        }
        file.write_at(at, &chunk)?;
        at = at.saturating_add(bytes_u64(filled));
    }
    Ok(())
}

/// Which segment a file was before it was put aside.
fn aside_name(file_name: &str) -> Option<SegmentName> {
    SegmentName::parse(file_name.strip_suffix(SET_ASIDE)?.strip_suffix('.')?)
}

/// Threads to read these with.
fn threads_for(unread: &[Unread]) -> usize {
    let lengths = unread.iter().filter_map(|unread| unread.file.length().ok());
    if lengths.fold(0, u64::saturating_add) < BYTES_FOR_THREADS {
        return 1;
    }
    available_parallelism().map_or(1, usize::from).min(THREADS_MAX).min(unread.len())
}

/// Why a segment could not be created.
#[derive(Debug)]
pub(crate) struct CreateFault {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
    /// Whether a sync failed: what is on disk is then unknown.
    pub(crate) unknown: bool,
}

/// Creates a segment with its header, durable under its name.
pub(crate) fn create_segment(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    name: SegmentName,
    header: SegmentHeader,
) -> Result<Active, CreateFault> {
    let path = directory.join(name.file_name());
    let fault = |unknown| {
        let path = path.clone();
        move |source| CreateFault { path, source, unknown }
    };
    let file: Arc<dyn DiskFile> = disk.create(&path).map_err(fault(false))?.into();
    if let Err(source) = file.write_at(0, &header.encode()) {
        let removed = disk.remove(&path);
        return Err(fault(removed.is_err())(source));
    }
    file.sync().map_err(fault(true))?;
    disk.sync_dir(directory).map_err(fault(true))?;
    let index = SegmentIndex::new(name.first);
    Ok(Active { segment: Segment { name, seal: header.seal(), rewritten: false, index }, file })
}
