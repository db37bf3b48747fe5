//! Opening: everything on disk is read, what is whole is indexed, what is not is named.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use sekisho_proto::{Position, Topic};

use super::{
    OpenError, OpenReport, Options,
    frame::{FRAME_HEADER_BYTES, Frame, FrameSeal, RawRecord},
    heads::{self, HeadsOutcome},
    index::{Gap, IndexedRecord, SegmentIndex},
    scan::{self, Found, Scanner, bytes_u64},
    segment::{
        REWRITE_FILE, SEGMENT_HEADER_BYTES, Segment, SegmentHeader, SegmentName, new_header,
    },
    streams::{BootHead, StreamTable},
    tail::Tail,
    topics::{LastRecord, TopicTable},
    view::{Active, Shared, View},
};
use crate::{Disk, DiskFile, LostRange, LostReason, directory::DirectoryClaim};

/// What the format file of a log directory says.
const FORMAT: &str = "sekisho-log 1";

/// Added to the name of a file that is put aside.
const SET_ASIDE: &str = "damaged";

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
    let mut sealed = opening.read_segments()?;
    opening.report.end = Position::new(opening.next);
    let active = opening.take_active(&mut sealed, options.position_floor.value())?;
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
    let first_offsets = view.first_offsets(&view.sealed);
    view.set_first_offsets(&first_offsets);
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

struct Opening {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    topics: TopicTable,
    streams: StreamTable,
    report: OpenReport,
    gaps: Vec<Gap>,
    /// Retention has dropped everything before.
    start: u64,
    /// Where each segment that was put aside began, and a bound on where it ended.
    set_aside: Vec<(u64, u64)>,
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
            HeadsOutcome::Present { generation, content, damaged: repair } => {
                let decoded = heads::decode(&content, &mut self.topics, &mut self.streams);
                self.start = decoded.ok_or_else(damaged)?;
                if repair {
                    heads::write(&*self.disk, &self.directory, generation, &content)
                        .map_err(io_error)?;
                    self.report.heads_repaired = true;
                }
                Ok(generation)
            }
        }
    }

    fn read_segments(&mut self) -> Result<Vec<OpenSegment>, OpenError> {
        let unread = self.find_segments()?;
        let mut segments: Vec<OpenSegment> = Vec::new();
        let count = unread.len();
        for (at, segment) in unread.into_iter().enumerate() {
            let first = segment.name.first;
            if let Some((before, _file)) = segments.last_mut() {
                self.close_segment(before, first);
            } else {
                self.next = first;
                self.lose_before(first);
            }
            let last = at.saturating_add(1) == count;
            let path = self.directory.join(segment.name.file_name());
            let read = self
                .read_segment(segment, last)
                .map_err(|source| OpenError::Io { path, source })?;
            self.next = self.next.max(read.0.index.end());
            segments.push(read);
        }
        self.next = self.next.max(self.start);
        for (first, end) in &self.set_aside {
            if *first >= self.next {
                self.next = *end;
            }
        }
        Ok(segments)
    }

    /// Nothing is left of what retention did not drop before the first segment.
    fn lose_before(&mut self, first: u64) {
        if self.start < first {
            self.gaps.push(Gap { from: self.start, to: first, reason: LostReason::Corrupt });
        }
    }

    /// Positions up to the next segment that nothing is known of are lost.
    fn close_segment(&mut self, segment: &mut Segment, next: u64) {
        if segment.index.end() < next {
            segment.index.skip_to(next, LostReason::Corrupt);
        }
        segment.index.pack();
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
            let Some(name) = SegmentName::parse(&file_name) else { continue };
            let path = self.directory.join(&file_name);
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
        self.disk.rename(path, Path::new(&aside))?;
        self.report.set_aside.push(aside.into());
        // No frame is shorter, so that no position it had is given again.
        let records = length.div_euclid(bytes_u64(FRAME_HEADER_BYTES));
        self.set_aside.push((name.first, name.first.saturating_add(records)));
        Ok(None)
    }

    fn read_segment(&mut self, unread: Unread, last: bool) -> io::Result<OpenSegment> {
        let Unread { name, header, file } = unread;
        let seal = header.seal();
        let rewritten = header.rewritten_end.is_some();
        let mut index = SegmentIndex::new(name.first);
        let mut resume_at = name.first;
        if last && !rewritten {
            resume_at = self.cut_unfinished(&*file, seal, name.first)?;
        }
        self.index_frames(&*file, seal, header, &mut index)?;
        index.skip_to(resume_at, LostReason::Corrupt);
        if let Some(end) = header.rewritten_end {
            index.skip_to(end, LostReason::Retention);
        }
        Ok((Segment { name, seal, rewritten, index }, file))
    }

    /// Cuts off an unfinished batch, and makes durable what will be served from now on: a process
    /// that was killed may have left it in the system's cache only.
    fn cut_unfinished(
        &mut self,
        file: &dyn DiskFile,
        seal: FrameSeal,
        first: u64,
    ) -> io::Result<u64> {
        let ending = scan::ending(file, seal, first)?;
        if let Some(torn_at) = ending.torn_at {
            let cut = file.length()?.saturating_sub(torn_at);
            self.report.truncated_bytes = self.report.truncated_bytes.saturating_add(cut);
            file.set_length(torn_at)?;
        }
        file.sync()?;
        Ok(ending.resume_at)
    }

    fn index_frames(
        &mut self,
        file: &dyn DiskFile,
        seal: FrameSeal,
        header: SegmentHeader,
        index: &mut SegmentIndex,
    ) -> io::Result<()> {
        let usual = if header.rewritten_end.is_some() {
            LostReason::Retention
        } else {
            LostReason::Corrupt
        };
        let end = header.rewritten_end.unwrap_or(u64::MAX);
        let mut reason = usual;
        let mut scanner = Scanner::new(file, seal)?;
        while let Some(found) = scanner.next()? {
            match found {
                Found::Damage { to, .. } => {
                    index.skip_bytes_to(to);
                    reason = LostReason::Corrupt;
                }
                Found::Frame { frame, .. } if frame.is_mark() => {
                    index.skip_to(frame.position, LostReason::Corrupt);
                }
                Found::Frame { byte, frame } => {
                    index.skip_bytes_to(byte);
                    let fits = frame.position >= index.end() && frame.position < end;
                    if fits && self.index_record(&frame, reason, index).is_some() {
                        reason = usual;
                    } else {
                        index.skip_bytes_to(byte.saturating_add(bytes_u64(frame.length())));
                        reason = LostReason::Corrupt;
                    }
                }
            }
        }
        Ok(())
    }

    fn index_record(
        &mut self,
        frame: &Frame<'_>,
        reason: LostReason,
        index: &mut SegmentIndex,
    ) -> Option<()> {
        let raw = RawRecord::parse(frame.payload)?;
        let topic = match self.topics.id(raw.topic) {
            Some(id) => id,
            None => self.topics.intern(&Topic::parse(raw.topic).ok()?),
        };
        let (position, received, offset) = (frame.position, raw.received, raw.offset);
        let frame_bytes = u32::try_from(frame.length()).ok()?;
        index.push(IndexedRecord { position, frame_bytes, received, topic, offset }, reason);
        self.topics.note(topic, offset, LastRecord { position, received });
        let head = BootHead {
            boot: raw.stream.boot,
            sequence: raw.stream.sequence.value(),
            hash: raw.hash,
            offset,
            position,
            received,
        };
        self.streams.note(topic, raw.stream.publisher, head);
        self.report.records = self.report.records.saturating_add(1);
        Some(())
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
                self.close_segment(&mut segment, next);
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
        if self.gaps.is_empty() {
            return;
        }
        for gap in &self.gaps {
            self.report.corrupt.push(LostRange {
                from: Position::new(gap.from),
                to: Position::new(gap.to),
                reason: gap.reason,
            });
        }
        tracing::error!(ranges = self.gaps.len(), path = %self.directory.display(), "damaged records");
        for entry in self.topics.entries_mut() {
            let last = entry.last.map_or(0, |last| last.position);
            entry.unsure = self
                .gaps
                .iter()
                .rev()
                .take_while(|gap| gap.to > last)
                .map(|gap| gap.to.saturating_sub(gap.from))
                .fold(0, u64::saturating_add);
        }
    }
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
