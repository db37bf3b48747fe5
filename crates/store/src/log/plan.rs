//! Which records a read will return, found in the index alone: the lock is held for one segment at
//! a time, and not at all for segments that are written no more.

use sekisho_proto::Position;

use super::{
    frame::{FRAME_BYTES_MAX, FrameSeal},
    index::{TopicId, to_usize},
    segment::{Segment, SegmentName},
    topics::Selection,
    view::{Shared, View},
};
use crate::{LostRange, LostReason};

/// Limits of one read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    records: usize,
    bytes: u64,
}

/// A record that will be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned {
    pub(crate) position: u64,
    pub(crate) segment: SegmentName,
    pub(crate) seal: FrameSeal,
    pub(crate) byte: u64,
    pub(crate) bytes: u64,
    pub(crate) topic: TopicId,
}

/// What a read will return, but for the records' content.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) records: Vec<Planned>,
    bytes: u64,
    pub(crate) next: u64,
    pub(crate) head: u64,
    pub(crate) lost: Vec<LostRange>,
    /// Where in `lost` the ranges since the last record begin.
    lost_since: usize,
    full: bool,
}

/// The matching records from a position up to the head, at most up to `until`.
pub(crate) fn matching(
    shared: &Shared,
    selection: &Selection,
    from: u64,
    until: u64,
    limits: Limits,
) -> Plan {
    let mut plan = Plan::new(from);
    let mut dropped = Dropped::default();
    let mut at = from;
    loop {
        let view = shared.view();
        plan.head = view.head.min(until);
        plan.next = at;
        if at >= plan.head {
            return plan;
        }
        let first = view.first().min(plan.head);
        if at < first {
            let dropped = dropped.before(&view, selection);
            plan.lose(at, view.start.min(dropped).min(first), LostReason::Retention);
            plan.lose(at.max(view.start), first, LostReason::Corrupt);
            at = first;
            continue;
        }
        let Some(segment) = view.sealed_from(at).cloned() else {
            plan.take_from(&view.active.segment, selection, at, 0, limits);
            if !plan.full {
                plan.next = plan.head;
            }
            return plan;
        };
        let dropped = if segment.rewritten { dropped.before(&view, selection) } else { 0 };
        drop(view);
        plan.take_from(&segment, selection, at, dropped, limits);
        if plan.full {
            return plan;
        }
        at = segment.index.end().min(plan.head);
    }
}

/// Of each topic the last record, where it lies from a position up to `until`. As an error where a
/// topic has a later one by now: the one before it is not known here, so the topic is left out.
pub(crate) fn last_values(
    shared: &Shared,
    selection: &Selection,
    (from, until): (u64, u64),
    limits: Limits,
) -> Result<Plan, Plan> {
    let view = shared.view();
    let mut plan = Plan::new(from);
    plan.head = until;
    let ids = selection.ids();
    let lasts = ids.iter().filter_map(|id| view.topics.get(*id)?.last);
    let mut positions: Vec<u64> = lasts.map(|last| last.position).collect();
    let is_behind = positions.iter().any(|position| *position >= until);
    positions.retain(|position| (from..until).contains(position));
    positions.sort_unstable();
    for position in positions {
        let Some(planned) = plan_one(&view, position) else { continue };
        if !plan.has_room(&planned, limits) {
            return if is_behind { Err(plan) } else { Ok(plan) };
        }
        plan.take(planned);
    }
    plan.next = from.max(until);
    if is_behind { Err(plan) } else { Ok(plan) }
}

/// The first matching record, from a position on, that may have been received since a time.
pub(crate) fn candidate_since(
    shared: &Shared,
    selection: &Selection,
    from: u64,
    time: i64,
) -> Option<u64> {
    let mut at = from;
    loop {
        let view = shared.view();
        let Some(segment) = view.sealed_from(at).cloned() else {
            return first_since(&view.active.segment, selection, at, time);
        };
        drop(view);
        if segment.index.max_received() >= time
            && let Some(position) = first_since(&segment, selection, at, time)
        {
            return Some(position);
        }
        at = segment.index.end();
    }
}

impl Limits {
    pub(crate) fn new(records: usize, bytes: usize) -> Self {
        Self { records: records.max(1), bytes: u64::try_from(bytes).unwrap_or(u64::MAX) }
    }
}

impl Plan {
    fn new(from: u64) -> Self {
        Self {
            records: Vec::new(),
            bytes: 0,
            next: from,
            head: 0,
            lost: Vec::new(),
            lost_since: 0,
            full: false,
        }
    }

    /// Takes the segment's matching records, and its gaps, from a position on.
    fn take_from(
        &mut self,
        segment: &Segment,
        selection: &Selection,
        from: u64,
        dropped: u64,
        limits: Limits,
    ) {
        let index = &segment.index;
        let mut gaps = index.gaps().iter().filter(|gap| gap.to > from).peekable();
        let start = index.index_from(from);
        let room = limits.records.saturating_sub(self.records.len()).saturating_add(1);
        each_match(segment, selection, start, room, &mut |at| {
            let Some(planned) = locate(segment, at) else { return true };
            if planned.position >= self.head || !self.has_room(&planned, limits) {
                return false;
            }
            while let Some(gap) = gaps.next_if(|gap| gap.to <= planned.position) {
                self.lose_gap(gap.from.max(from), gap.to, gap.reason, dropped);
            }
            self.take(planned);
            true
        });
        if !self.full {
            for gap in gaps {
                self.lose_gap(gap.from.max(from), gap.to.min(self.head), gap.reason, dropped);
            }
        }
    }

    /// Whether the limits let in another record; the first is always let in.
    fn has_room(&mut self, planned: &Planned, limits: Limits) -> bool {
        let bytes = self.bytes.saturating_add(planned.bytes);
        let any = !self.records.is_empty();
        self.full = any && (self.records.len() >= limits.records || bytes > limits.bytes);
        !self.full
    }

    fn take(&mut self, planned: Planned) {
        self.bytes = self.bytes.saturating_add(planned.bytes);
        self.next = planned.position.saturating_add(1);
        self.lost_since = self.lost.len();
        self.records.push(planned);
    }

    fn lose_gap(&mut self, from: u64, to: u64, reason: LostReason, dropped: u64) {
        match reason {
            LostReason::Corrupt => self.lose(from, to, reason),
            LostReason::Retention => self.lose(from, to.min(dropped), reason),
        }
    }

    fn lose(&mut self, from: u64, to: u64, reason: LostReason) {
        if from >= to {
            return;
        }
        let (from, to) = (Position::new(from), Position::new(to));
        let since = self.lost.get_mut(self.lost_since..).unwrap_or_default();
        match since.iter_mut().find(|range| range.reason == reason) {
            Some(range) => range.to = to,
            None => self.lost.push(LostRange { from, to, reason }),
        }
    }
}

/// Calls `take` with each matching record of a segment, ascending, until it says no. Of few topics
/// at most `room` records are looked at.
fn each_match(
    segment: &Segment,
    selection: &Selection,
    start: usize,
    room: usize,
    take: &mut dyn FnMut(usize) -> bool,
) {
    let index = &segment.index;
    match selection {
        Selection::Few(ids) => {
            let mut matches = Vec::new();
            for id in ids.iter() {
                let records = index.records_of(*id);
                let first = records.partition_point(|record| to_usize(*record) < start);
                let rest = records.get(first..).unwrap_or_default();
                matches.extend(rest.iter().take(room).copied().map(to_usize));
            }
            if ids.len() > 1 {
                matches.sort_unstable();
            }
            let _stopped = matches.into_iter().all(take);
        }
        Selection::Many(set) => {
            let wanted =
                |at: &usize| index.entry(*at).is_some_and(|entry| set.contains(entry.topic));
            let _stopped = (start..index.len()).filter(wanted).all(take);
        }
    }
}

fn first_since(segment: &Segment, selection: &Selection, from: u64, time: i64) -> Option<u64> {
    let index = &segment.index;
    let mut found = None;
    each_match(segment, selection, index.index_from(from), usize::MAX, &mut |at| {
        let since = index.entry(at).is_some_and(|entry| index.may_be_since(&entry, time));
        if since {
            found = Some(index.position(at));
        }
        !since
    });
    found
}

fn locate(segment: &Segment, at: usize) -> Option<Planned> {
    let entry = segment.index.entry(at)?;
    let bytes = to_usize(segment.index.frame_bytes(at)).min(FRAME_BYTES_MAX);
    Some(Planned {
        position: segment.index.position(at),
        segment: segment.name,
        seal: segment.seal,
        byte: u64::from(entry.byte),
        bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
        topic: entry.topic,
    })
}

/// The record at exactly this position.
pub(crate) fn plan_one(view: &View, position: u64) -> Option<Planned> {
    let segment = view.segment_of(position);
    locate(segment, segment.index.index_at(position)?)
}

/// The position of a topic's first record with at least this offset; the head where there is none.
pub(crate) fn position_of_offset(view: &View, topic: TopicId, offset: u64) -> u64 {
    let sealed = view.sealed.iter().map(|segment| &**segment);
    sealed
        .chain([&view.active.segment])
        .find_map(|segment| {
            let at = segment.index.index_of_offset(topic, offset)?;
            Some(segment.index.position(at))
        })
        .unwrap_or(view.head)
}

/// How far retention has dropped the selected topics; found again only after another trim.
#[derive(Debug, Default)]
struct Dropped {
    known: Option<(u64, u64)>,
}

impl Dropped {
    /// One after the last position that has been dropped of any selected topic.
    fn before(&mut self, view: &View, selection: &Selection) -> u64 {
        if let Some((trims, before)) = self.known
            && trims == view.trims
        {
            return before;
        }
        let ids = selection.ids();
        let entries = ids.iter().filter_map(|id| view.topics.get(*id));
        let before = entries.map(|entry| entry.dropped_before).max().unwrap_or(0);
        self.known = Some((view.trims, before));
        before
    }
}
