//! What writer and readers share: the index, the tail and the head under one lock, which the
//! writer takes only to publish what is durable.

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use sekisho_proto::Filter;

use super::{
    index::to_usize,
    segment::{Segment, SegmentName},
    tail::Tail,
    topics::{MatchCache, Selection, TopicTable},
};
use crate::{COPY_LEAD, Disk, DiskFile, LostReason};

/// Most sealed segments that are kept open for reading: a file descriptor each.
const HANDLES_MAX: usize = 32;

/// Topics that are compared with a filter before the lock is given back for a moment.
const TOPICS_PER_LOCK: usize = 4096;

/// The segment that is appended to.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) segment: Segment,
    pub(crate) file: Arc<dyn DiskFile>,
}

/// What is kept of a topic.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extent {
    first_offset: Option<u64>,
    records: u64,
}

#[derive(Debug)]
pub(crate) struct View {
    /// Ascending and without overlap, all before the active one.
    pub(crate) sealed: Vec<Arc<Segment>>,
    pub(crate) active: Active,
    pub(crate) topics: TopicTable,
    pub(crate) tail: Tail,
    /// Retention has dropped everything before.
    pub(crate) start: u64,
    /// Grows whenever retention is about to drop something.
    pub(crate) trims: u64,
    /// One after the last durable position.
    pub(crate) head: u64,
}

impl View {
    /// The first position that a segment stands for.
    pub(crate) fn first(&self) -> u64 {
        let first = self.sealed.first().map(|segment| segment.index.first());
        first.unwrap_or_else(|| self.active.segment.index.first())
    }

    /// The sealed segment that stands for a position or comes after it; `None` for the active one.
    pub(crate) fn sealed_from(&self, position: u64) -> Option<&Arc<Segment>> {
        let at = self.sealed.partition_point(|segment| segment.index.end() <= position);
        self.sealed.get(at)
    }

    /// The segment that holds the record at a position.
    pub(crate) fn segment_of(&self, position: u64) -> &Segment {
        match self.sealed_from(position) {
            Some(segment) => segment,
            None => &self.active.segment,
        }
    }

    /// How many records were found damaged, of the segments that are there.
    pub(crate) fn damaged(&self) -> u64 {
        let sealed = self.sealed.iter().map(|segment| &segment.index);
        let gaps = sealed.chain([&self.active.segment.index]).flat_map(|index| index.gaps());
        gaps.filter(|gap| gap.reason == LostReason::Corrupt)
            .map(|gap| gap.to.saturating_sub(gap.from))
            .filter(|records| *records < COPY_LEAD)
            .fold(0, u64::saturating_add)
    }

    pub(crate) fn replace_active(&mut self, active: Active) {
        self.head = self.head.max(active.segment.name.first);
        let mut sealed = std::mem::replace(&mut self.active, active).segment;
        sealed.index.pack();
        if sealed.index.end() > sealed.index.first() {
            self.sealed.push(Arc::new(sealed));
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        let segments = self.sealed.iter().map(|segment| &**segment);
        segments
            .chain([&self.active.segment])
            .map(|segment| u64::from(segment.index.end_byte()))
            .fold(0, u64::saturating_add)
    }

    /// Each topic's oldest offset in these segments and the active one, and its records there.
    pub(crate) fn extents(&self, sealed: &[Arc<Segment>]) -> Vec<Extent> {
        let mut extents = vec![Extent::default(); self.topics.entries().len()];
        let segments = sealed.iter().map(|segment| &**segment);
        for segment in segments.chain([&self.active.segment]) {
            for (topic, records) in segment.index.counts() {
                let Some(extent) = extents.get_mut(to_usize(topic.0)) else { continue };
                extent.records = extent.records.saturating_add(records);
                if extent.first_offset.is_none() {
                    extent.first_offset = segment.index.first_offset(topic);
                }
            }
        }
        extents
    }

    pub(crate) fn set_extents(&mut self, extents: &[Extent]) {
        for (entry, extent) in self.topics.entries_mut().iter_mut().zip(extents) {
            entry.first_offset = extent.first_offset;
            entry.records = extent.records;
        }
    }
}

#[derive(Debug)]
pub(crate) struct Shared {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    view: RwLock<View>,
    handles: Mutex<VecDeque<(SegmentName, Arc<dyn DiskFile>)>>,
    matches: MatchCache,
}

impl Shared {
    pub(crate) fn new(disk: Arc<dyn Disk>, directory: PathBuf, view: View) -> Self {
        Self {
            disk,
            directory,
            view: RwLock::new(view),
            handles: Mutex::default(),
            matches: MatchCache::default(),
        }
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn path_of(&self, name: SegmentName) -> PathBuf {
        self.directory.join(name.file_name())
    }

    pub(crate) fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A segment's file, opened where it is not open already.
    pub(crate) fn file_of(&self, name: SegmentName) -> io::Result<Arc<dyn DiskFile>> {
        {
            let view = self.view();
            if view.active.segment.name == name {
                return Ok(Arc::clone(&view.active.file));
            }
        }
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_name, file)) = handles.iter().find(|(known, _file)| *known == name) {
            return Ok(Arc::clone(file));
        }
        let file: Arc<dyn DiskFile> = self.disk.open(&self.path_of(name))?.into();
        if handles.len() >= HANDLES_MAX {
            handles.pop_front();
        }
        handles.push_back((name, Arc::clone(&file)));
        Ok(file)
    }

    /// Lets go of the files of segments that are gone.
    pub(crate) fn forget_files(&self, gone: &[SegmentName]) {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        handles.retain(|(name, _file)| !gone.contains(name));
    }

    /// The topics that a filter means, and a position: of all records before it the topics are
    /// known. Records beyond may be of topics that came up since.
    pub(crate) fn select(&self, filter: &Filter) -> (Selection, u64) {
        let head = self.view().head;
        (self.select_known(filter), head)
    }

    fn select_known(&self, filter: &Filter) -> Selection {
        if let Some(id) = self.view().topics.id(filter.as_str()) {
            return Selection::one(id);
        }
        if filter.is_topic().is_some() {
            return Selection::none();
        }
        self.matches.select(filter, |start, compare| {
            let view = self.view();
            let entries = view.topics.entries();
            for entry in entries.iter().skip(start).take(TOPICS_PER_LOCK) {
                compare(&entry.topic);
            }
            entries.len()
        })
    }
}
