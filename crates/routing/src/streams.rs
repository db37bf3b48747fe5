//! Tells a new envelope from a repetition, a gap, a replay and a fork.
//!
//! The home node of a topic takes the sequences of each (publisher, boot) from 0 and without gaps.
//! A follower takes them strictly growing: what its peer may not have, it does not get. State runs
//! ahead of the disk, so that a publisher can pipeline; what the disk then refuses is taken back.

use std::collections::{HashMap, VecDeque};

use sekisho_proto::{
    BootId, Hash, Header, Offset, OrgName, PrincipalId, RefusalCode, Sequence, Timestamp, Topic,
};

use crate::{Limits, Ticket};

/// Whether this node is the topic's home or follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Home,
    Follower,
}

/// What an envelope is to its stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes to the log, after the undecided append before it.
    New { after: Option<Ticket> },
    /// It is on its way to the disk.
    Pending(Ticket),
    /// It is in the log.
    Stored,
    /// Whether it is taken, and what is forgotten for it, depends on what is on its way to the disk.
    Undecided,
    /// It is refused.
    Refused { code: RefusalCode, why: String, expected: Option<Sequence> },
}

/// The streams of one router: for each topic and publisher, its boots.
#[derive(Debug)]
pub(crate) struct Streams {
    limits: Limits,
    streams: HashMap<(Topic, PrincipalId), Stream>,
    topics: HashMap<PrincipalId, usize>,
    own: OrgName,
    /// Streams on topics of each organisation.
    of_organisations: HashMap<OrgName, usize>,
    offsets: HashMap<Topic, LastOffset>,
}

#[derive(Debug, Default)]
struct Stream {
    boots: Vec<Boot>,
    /// The newest time of the boots forgotten; an unknown boot must be younger.
    forgotten: Option<Timestamp>,
}

#[derive(Debug)]
struct Boot {
    id: BootId,
    next: Sequence,
    /// The newest of its times: its clock may go back.
    last_time: Timestamp,
    /// The latest envelopes, oldest first; never empty.
    recent: VecDeque<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    sequence: Sequence,
    hash: Hash,
    /// The newest of the boot up to here.
    time: Timestamp,
    /// Some while it is on its way to the disk.
    ticket: Option<Ticket>,
}

#[derive(Default, Clone, Copy, Debug)]
struct LastOffset {
    seen: Option<Offset>,
    durable: Option<Offset>,
    /// Of the last append.
    ticket: Option<Ticket>,
}

impl Streams {
    /// Of a node of `own`.
    pub(crate) fn new(limits: Limits, own: OrgName) -> Self {
        let (streams, topics, offsets) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { limits, streams, topics, own, of_organisations: HashMap::new(), offsets }
    }

    /// Takes up a boot whose last durable envelope was `sequence`.
    pub(crate) fn restore(
        &mut self,
        (topic, publisher): (Topic, PrincipalId),
        boot: BootId,
        (sequence, hash, time): (Sequence, Hash, Timestamp),
        forgotten: Option<Timestamp>,
    ) {
        let boots_max = self.limits.boots_per_stream_max;
        let stream = self.stream_mut(&topic, publisher);
        stream.forgotten = stream.forgotten.max(forgotten);
        stream.boots.retain(|known| known.id != boot);
        let recent = VecDeque::from([Entry { sequence, hash, time, ticket: None }]);
        stream.add(Boot { id: boot, next: sequence.next(), last_time: time, recent });
        while stream.boots.len() > boots_max {
            stream.forget_oldest();
        }
    }

    /// Takes up a durable offset of a topic; the largest counts.
    pub(crate) fn restore_offset(&mut self, topic: &Topic, offset: Offset) {
        let last = self.offsets.entry(topic.clone()).or_default();
        last.seen = last.seen.max(Some(offset));
        last.durable = last.durable.max(Some(offset));
    }

    /// The sequence after the last durable one; 0 where nothing of the boot is known.
    pub(crate) fn expected_durable(
        &self,
        topic: &Topic,
        publisher: PrincipalId,
        boot: BootId,
    ) -> Sequence {
        self.boot(topic, publisher, boot).map_or(Sequence::new(0), Boot::expected_durable)
    }

    /// The next sequence of a boot and the hash before it, what is on its way to the disk included.
    pub(crate) fn chain_end(
        &self,
        topic: &Topic,
        publisher: PrincipalId,
        boot: BootId,
    ) -> Option<(Sequence, Hash)> {
        let boot = self.boot(topic, publisher, boot)?;
        Some((boot.next, boot.recent.back()?.hash))
    }

    /// Judges an envelope without changing anything.
    pub(crate) fn judge(&self, role: Role, header: &Header, hash: &Hash) -> Verdict {
        if header.sequence == Sequence::MAX {
            let why = format!("wanted a sequence below {}, found it", Sequence::MAX);
            return Verdict::Refused { code: RefusalCode::Malformed, why, expected: None };
        }
        let stream = self.streams.get(&(header.topic.clone(), header.publisher));
        let Some((stream, boot)) =
            stream.and_then(|stream| Some((stream, stream.boot(header.boot)?)))
        else {
            return self.judge_unknown_boot(role, header);
        };
        if header.sequence < boot.next {
            return boot.judge_repetition(header, hash);
        }
        if stream.is_leaving(boot, self.limits.boots_per_stream_max) {
            return Verdict::Undecided;
        }
        if role == Role::Home && header.sequence > boot.next {
            return gap(boot.next, header.sequence);
        }
        if header.sequence == boot.next
            && let Some(refused) = boot.judge_previous(role, header)
        {
            return refused;
        }
        Verdict::New { after: boot.recent.back().and_then(|entry| entry.ticket) }
    }

    fn judge_unknown_boot(&self, role: Role, header: &Header) -> Verdict {
        let refused = |code, why| Verdict::Refused { code, why, expected: None };
        let stream = self.streams.get(&(header.topic.clone(), header.publisher));
        if let Some(forgotten) = stream.and_then(|stream| stream.forgotten)
            && header.time <= forgotten
        {
            let why = format!(
                "boot {}: wanted a time after {forgotten}, when the last forgotten boot ended, found {}",
                header.boot, header.time
            );
            return refused(RefusalCode::Replayed, why);
        }
        if role == Role::Home && header.sequence != Sequence::new(0) {
            return gap(Sequence::new(0), header.sequence);
        }
        let boots = stream.map_or(&[][..], |stream| &stream.boots);
        let boots_max = self.limits.boots_per_stream_max;
        if boots.len() >= boots_max
            && let Some(oldest) = stream.and_then(Stream::oldest).and_then(|at| boots.get(at))
            && oldest.is_pending()
        {
            return Verdict::Undecided;
        }
        if stream.is_none() {
            let streams_max = self.limits.streams_max;
            if self.streams.len() >= streams_max {
                let why = format!("wanted at most {streams_max} pairs of publisher and topic");
                return refused(RefusalCode::TooMany, why);
            }
            if let Some(why) = self.too_many_followed(role, &header.topic) {
                return refused(RefusalCode::TooMany, why);
            }
            let topics_max = self.limits.topics_per_publisher_max;
            if self.topics.get(&header.publisher).copied().unwrap_or(0) >= topics_max {
                let why = format!("wanted at most {topics_max} topics of one publisher");
                return refused(RefusalCode::TooMany, why);
            }
        }
        Verdict::New { after: None }
    }

    /// Why another stream on a topic that is followed would leave too little for others.
    fn too_many_followed(&self, role: Role, topic: &Topic) -> Option<String> {
        if role == Role::Home {
            return None;
        }
        let of = |organisation| self.of_organisations.get(organisation).copied().unwrap_or(0);
        let (home, max) = (topic.organisation(), self.limits.streams_of_other_max);
        if of(home) >= max {
            return Some(format!("wanted at most {max} pairs of publisher and topic of {home}"));
        }
        let (others, max) =
            (self.streams.len().saturating_sub(of(&self.own)), self.limits.streams_of_others_max);
        let too_many = || {
            format!("wanted at most {max} pairs of publisher and topic of others than {}", self.own)
        };
        (others >= max).then(too_many)
    }

    /// Takes up an envelope judged [`Verdict::New`].
    pub(crate) fn advance(&mut self, header: &Header, hash: Hash, ticket: Ticket) {
        let hashes_max = self.limits.hashes_per_boot_max;
        let (sequence, time) = (header.sequence, header.time);
        let entry = Entry { sequence, hash, time, ticket: Some(ticket) };
        let stream = self.stream_mut(&header.topic, header.publisher);
        if let Some(boot) = stream.boots.iter_mut().find(|boot| boot.id == header.boot) {
            boot.next = sequence.next();
            boot.last_time = boot.last_time.max(time);
            boot.recent.push_back(Entry { time: boot.last_time, ..entry });
            boot.trim(hashes_max);
            return;
        }
        let recent = VecDeque::from([entry]);
        stream.add(Boot { id: header.boot, next: sequence.next(), last_time: time, recent });
    }

    /// An envelope is durable. Where it is the first of a boot too many, another is forgotten for it.
    pub(crate) fn commit(&mut self, header: &Header, ticket: Ticket) {
        let Limits { hashes_per_boot_max, boots_per_stream_max, .. } = self.limits;
        let stream = self.streams.get_mut(&(header.topic.clone(), header.publisher));
        let Some(stream) = stream else { return };
        if let Some(boot) = stream.boot_mut(header.boot) {
            let found = boot.recent.binary_search_by_key(&header.sequence, |entry| entry.sequence);
            let entry = found.ok().and_then(|index| boot.recent.get_mut(index));
            if let Some(entry) = entry.filter(|entry| entry.ticket == Some(ticket)) {
                entry.ticket = None;
            }
            boot.trim(hashes_per_boot_max);
        }
        stream.settle(header.boot, boots_per_stream_max);
    }

    /// An envelope will not be durable: it and those after it are taken back. Returns the
    /// tickets of those after it.
    pub(crate) fn take_back(&mut self, header: &Header, ticket: Ticket) -> Vec<Ticket> {
        let Some(boot) = self.boot_mut(header) else { return Vec::new() };
        let Some(index) = boot.recent.iter().position(|entry| entry.ticket == Some(ticket)) else {
            return Vec::new();
        };
        let taken = boot.recent.split_off(index);
        match boot.recent.back() {
            Some(last) => {
                boot.next = last.sequence.next();
                boot.last_time = last.time;
            }
            None => self.remove_boot(header),
        }
        taken.iter().skip(1).filter_map(|entry| entry.ticket).collect()
    }

    /// Whether a follower may store `offset` next in `topic`; otherwise the last one it has.
    pub(crate) fn judge_offset(&self, topic: &Topic, offset: Offset) -> Result<(), Offset> {
        match self.offsets.get(topic).and_then(|last| last.seen) {
            Some(seen) if seen >= offset => Err(seen),
            Some(_) | None => Ok(()),
        }
    }

    /// A record of a followed topic is on its way to the log; which one was before it.
    pub(crate) fn advance_offset(
        &mut self,
        topic: &Topic,
        offset: Offset,
        ticket: Ticket,
    ) -> Option<Ticket> {
        let last = self.offsets.entry(topic.clone()).or_default();
        last.seen = Some(offset);
        last.ticket.replace(ticket)
    }

    pub(crate) fn commit_offset(&mut self, topic: &Topic, offset: Offset) {
        if let Some(last) = self.offsets.get_mut(topic) {
            last.durable = last.durable.max(Some(offset));
        }
    }

    /// An append of a followed topic failed; `pending` is the largest offset of it that has not.
    pub(crate) fn take_back_offsets(&mut self, topic: &Topic, pending: Option<Offset>) {
        if let Some(last) = self.offsets.get_mut(topic) {
            last.seen = last.durable.max(pending);
        }
    }

    fn boot(&self, topic: &Topic, publisher: PrincipalId, boot: BootId) -> Option<&Boot> {
        self.streams.get(&(topic.clone(), publisher))?.boot(boot)
    }

    fn boot_mut(&mut self, header: &Header) -> Option<&mut Boot> {
        self.streams.get_mut(&(header.topic.clone(), header.publisher))?.boot_mut(header.boot)
    }

    fn stream_mut(&mut self, topic: &Topic, publisher: PrincipalId) -> &mut Stream {
        self.streams.entry((topic.clone(), publisher)).or_insert_with(|| {
            *self.topics.entry(publisher).or_insert(0) += 1;
            *self.of_organisations.entry(topic.organisation().clone()).or_insert(0) += 1;
            Stream::default()
        })
    }

    fn remove_boot(&mut self, header: &Header) {
        let key = (header.topic.clone(), header.publisher);
        let Some(stream) = self.streams.get_mut(&key) else { return };
        stream.boots.retain(|boot| boot.id != header.boot);
        if stream.boots.is_empty() && stream.forgotten.is_none() {
            self.streams.remove(&key);
            let of_publisher = self.topics.get_mut(&header.publisher);
            let of_organisation = self.of_organisations.get_mut(header.topic.organisation());
            for count in of_publisher.into_iter().chain(of_organisation) {
                *count = count.saturating_sub(1);
            }
        }
    }
}

impl Stream {
    /// Most streams have one boot, and there are very many of them.
    fn add(&mut self, boot: Boot) {
        if self.boots.is_empty() {
            self.boots.reserve_exact(1);
        }
        self.boots.push(boot);
    }

    /// The boot that is to be forgotten next: it ended first by what is on the disk, and of those that
    /// ended at once it has the smallest number. One of which nothing is there yet is in front of all:
    /// where it is not stored, none is too many. The log, which a router is restored from, says the same
    /// of a boot that is not on its way there.
    fn oldest(&self) -> Option<usize> {
        let all = self.boots.iter().enumerate();
        all.min_by_key(|(_, boot)| (boot.durable_time(), boot.id)).map(|(at, _)| at)
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.oldest() {
            self.forget(oldest);
        }
    }

    fn forget(&mut self, at: usize) {
        let boot = self.boots.remove(at);
        self.forgotten = self.forgotten.max(Some(boot.last_time));
    }

    fn boot(&self, id: BootId) -> Option<&Boot> {
        self.boots.iter().find(|known| known.id == id)
    }

    fn boot_mut(&mut self, id: BootId) -> Option<&mut Boot> {
        self.boots.iter_mut().find(|known| known.id == id)
    }

    /// Whether a boot is to be forgotten for one too many, should that be stored: the oldest of those
    /// that are on the disk.
    fn is_leaving(&self, boot: &Boot, boots_max: usize) -> bool {
        let age = |boot: &Boot| boot.durable_time().map(|time| (time, boot.id));
        self.boots.len() > boots_max && self.boots.iter().filter_map(age).min() == age(boot)
    }

    /// Of a boot something is on the disk. Where it was one too many, the oldest other one is forgotten.
    fn settle(&mut self, stored: BootId, boots_max: usize) {
        if self.boots.len() <= boots_max
            || self.boots.iter().any(|boot| boot.durable_time().is_none())
        {
            return;
        }
        let others = self.boots.iter().enumerate().filter(|(_, boot)| boot.id != stored);
        let oldest = others.min_by_key(|(_, boot)| (boot.durable_time(), boot.id));
        if let Some((at, _)) = oldest {
            self.forget(at);
        }
    }
}

impl Boot {
    fn is_pending(&self) -> bool {
        self.recent.back().is_some_and(|entry| entry.ticket.is_some())
    }

    /// The newest time of what is durable.
    fn durable_time(&self) -> Option<Timestamp> {
        let durable = self.recent.iter().rev().find(|entry| entry.ticket.is_none());
        durable.map(|entry| entry.time)
    }

    fn expected_durable(&self) -> Sequence {
        match self.recent.iter().find(|entry| entry.ticket.is_some()) {
            Some(first_pending) => first_pending.sequence,
            None => self.next,
        }
    }

    fn judge_repetition(&self, header: &Header, hash: &Hash) -> Verdict {
        let known = self.recent.iter().rev().find(|entry| entry.sequence == header.sequence);
        match known {
            Some(entry) if entry.hash != *hash => Verdict::Refused {
                code: RefusalCode::Equivocation,
                why: format!(
                    "sequence {}: wanted the envelope with hash {}, found another with hash {hash}",
                    header.sequence, entry.hash
                ),
                expected: Some(self.next),
            },
            Some(Entry { ticket: Some(ticket), .. }) => Verdict::Pending(*ticket),
            Some(_) | None => Verdict::Stored,
        }
    }

    /// The chain of hashes: an envelope names the one before it. A follower that may not have the
    /// one before it cannot ask for it.
    fn judge_previous(&self, role: Role, header: &Header) -> Option<Verdict> {
        let last = self.recent.back()?;
        match header.previous {
            Some(previous) if previous == last.hash => None,
            None if role == Role::Follower => None,
            Some(previous) => Some(Verdict::Refused {
                code: RefusalCode::Equivocation,
                why: format!(
                    "sequence {}: wanted previous envelope {}, found {previous}",
                    header.sequence, last.hash
                ),
                expected: Some(self.next),
            }),
            None => Some(Verdict::Refused {
                code: RefusalCode::Malformed,
                why: format!(
                    "sequence {}: wanted previous envelope {}, found none",
                    header.sequence, last.hash
                ),
                expected: Some(self.next),
            }),
        }
    }

    /// Keeps the newest `hashes_max` entries, all undecided ones, and the last decided one before
    /// them: it is what remains where they are taken back.
    fn trim(&mut self, hashes_max: usize) {
        while self.recent.len() > hashes_max.max(1)
            && self.recent.iter().take(2).all(|entry| entry.ticket.is_none())
        {
            self.recent.pop_front();
        }
    }
}

fn gap(wanted: Sequence, found: Sequence) -> Verdict {
    Verdict::Refused {
        code: RefusalCode::SequenceGap,
        why: format!("wanted sequence {wanted}, found {found}"),
        expected: Some(wanted),
    }
}

#[cfg(test)]
mod tests;
