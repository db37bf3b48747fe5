//! Reading one segment by itself: nothing of it depends on other segments, so that an opening log
//! has several read at once and puts together afterwards what they are.

use std::{
    collections::BTreeMap,
    io,
    panic::{self, AssertUnwindSafe},
    sync::{Mutex, PoisonError, mpsc},
    thread,
};

use sekisho_proto::{PrincipalId, Topic};

use super::{
    frame::{Frame, RawRecord},
    index::{IndexedRecord, SegmentIndex, TopicId, to_usize},
    scan::{self, Ending, Found, Scanner, bytes_u64},
    segment::SegmentHeader,
    streams::{BootHead, time_of},
    topics::{LastRecord, TopicTable},
};
use crate::{DiskFile, LostReason};

/// What a segment was found to hold.
pub(crate) struct Survey {
    /// How it ends, where it was written last: what is torn is to be cut off.
    pub(crate) ending: Option<Ending>,
    /// With topics by their numbers in `topics`, and without postings.
    pub(crate) index: SegmentIndex,
    /// The offset of every record of the index.
    pub(crate) offsets: Vec<u64>,
    /// The topics in the order of their first records here.
    pub(crate) topics: TopicTable,
    /// Heads of runs, by their numbers in `topics`: of the envelopes of one run that follow each
    /// other on a topic the last one, with the newest time of them.
    pub(crate) heads: Vec<(TopicId, PrincipalId, BootHead)>,
    pub(crate) records: u64,
    /// The last batch, and the byte at which it begins.
    last_batch: Option<(u64, u64)>,
    /// Which of `heads` is the newest of each topic.
    newest: Vec<usize>,
}

impl Survey {
    /// Reads a segment, of which nothing is changed. `last` is the one that was written last.
    pub(crate) fn read(file: &dyn DiskFile, header: SegmentHeader, last: bool) -> io::Result<Self> {
        let (seal, first) = (header.seal(), header.first);
        let ending = if last && header.rewritten_end.is_none() {
            Some(scan::ending(file, seal, first)?)
        } else {
            None
        };
        let mut survey = Self {
            ending,
            index: SegmentIndex::unposted(first),
            offsets: Vec::new(),
            topics: TopicTable::default(),
            heads: Vec::new(),
            records: 0,
            last_batch: None,
            newest: Vec::new(),
        };
        let torn_at = ending.and_then(|ending| ending.torn_at);
        survey.index_frames(Scanner::until(file, seal, torn_at)?, header)?;
        let resume_at = ending.map_or(first, |ending| ending.resume_at);
        survey.index.skip_to(resume_at, LostReason::Corrupt);
        if let Some(end) = header.rewritten_end {
            survey.index.skip_to(end, LostReason::Retention);
        }
        Ok(survey)
    }

    /// Where the last batch begins; at the beginning of the file where there is none.
    pub(crate) fn last_batch_byte(&self) -> u64 {
        self.last_batch.map_or(0, |(_batch, byte)| byte)
    }

    fn index_frames(&mut self, mut scanner: Scanner<'_>, header: SegmentHeader) -> io::Result<()> {
        let usual = if header.rewritten_end.is_some() {
            LostReason::Retention
        } else {
            LostReason::Corrupt
        };
        let end = header.rewritten_end.unwrap_or(u64::MAX);
        let mut reason = usual;
        while let Some(found) = scanner.next()? {
            match found {
                Found::Damage { to, .. } => {
                    self.index.skip_bytes_to(to);
                    reason = LostReason::Corrupt;
                }
                Found::Frame { frame, .. } if frame.is_mark() => {
                    self.index.skip_to(frame.position, LostReason::Corrupt);
                }
                Found::Frame { byte, frame } => {
                    self.index.skip_bytes_to(byte);
                    if self.last_batch.is_none_or(|(batch, _byte)| batch != frame.batch) {
                        self.last_batch = Some((frame.batch, byte));
                    }
                    let fits = frame.position >= self.index.end() && frame.position < end;
                    if fits && self.index_record(&frame, reason).is_some() {
                        reason = usual;
                    } else {
                        let after = byte.saturating_add(bytes_u64(frame.length()));
                        self.index.skip_bytes_to(after);
                        reason = LostReason::Corrupt;
                    }
                }
            }
        }
        Ok(())
    }

    fn index_record(&mut self, frame: &Frame<'_>, reason: LostReason) -> Option<()> {
        let raw = RawRecord::parse(frame.payload)?;
        let topic = match self.topics.id(raw.topic) {
            Some(id) => id,
            None => self.topics.intern(&Topic::parse(raw.topic).ok()?),
        };
        let (position, received, offset) = (frame.position, raw.received, raw.offset);
        let frame_bytes = u32::try_from(frame.length()).ok()?;
        self.index.push(IndexedRecord { position, frame_bytes, received, topic, offset }, reason);
        self.offsets.push(offset);
        self.topics.note(topic, offset, LastRecord { position, received });
        let time = time_of(raw.envelope, received);
        let head = BootHead::of(&raw.stream, raw.hash, (position, offset), time);
        self.note_head(topic, raw.stream.publisher, head);
        self.records = self.records.saturating_add(1);
        Some(())
    }

    fn note_head(&mut self, topic: TopicId, publisher: PrincipalId, head: BootHead) {
        let (at, next) = (to_usize(topic.0), self.heads.len());
        if self.newest.len() <= at {
            self.newest.resize(at.saturating_add(1), usize::MAX);
        }
        let Some(newest) = self.newest.get_mut(at) else { return };
        match self.heads.get_mut(*newest) {
            Some((_, who, known)) if *who == publisher && known.boot == head.boot => {
                known.advance(head);
            }
            _ => {
                *newest = next;
                self.heads.push((topic, publisher, head));
            }
        }
    }
}

/// Hands what `work` makes of each item to `take`, in the order of the items; the work is done by
/// so many threads, and by this one where that is one. They are ahead of `take` by twice as many items
/// at most, so that what they made fits into memory.
pub(crate) fn in_order<T: Send, R: Send, E>(
    items: Vec<T>,
    threads: usize,
    work: impl Fn(T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    if threads <= 1 {
        return items.into_iter().try_for_each(|item| take(work(item)));
    }
    let (permit, permits) = mpsc::channel();
    let items = Mutex::new((items.into_iter().enumerate(), permits));
    let next = || {
        let mut items = items.lock().unwrap_or_else(PoisonError::into_inner);
        let (items, permits) = &mut *items;
        permits.recv().ok().and_then(|()| items.next())
    };
    thread::scope(|scope| {
        // Gone with this closure, however it ends: whoever waits for one then stops. Until then
        // somebody has `next`, so that sending cannot fail.
        let permit = permit;
        (0..threads.saturating_mul(2)).for_each(|_| permit.send(()).unwrap_or_default());
        let (sender, done) = mpsc::sync_channel(threads);
        for _ in 0..threads {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                // Where nobody listens any more, the opening has failed.
                while let Some((at, item)) = next() {
                    // A panic is handed on: the others would wait for what it was to make.
                    let made = panic::catch_unwind(AssertUnwindSafe(|| work(item)));
                    if sender.send((at, made)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let (mut waiting, mut wanted) = (BTreeMap::new(), 0_usize);
        for (at, made) in done {
            let result = made.unwrap_or_else(|panic| panic::resume_unwind(panic));
            waiting.insert(at, result);
            while let Some(result) = waiting.remove(&wanted) {
                take(result)?;
                wanted = wanted.saturating_add(1);
                permit.send(()).unwrap_or_default();
            }
        }
        Ok(())
    })
}
