//! What really happened, as those who did it say: the truth that nodes are held to.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_proto::{
    BootId, Envelope, Hash, Offset, OrgName, Position, PrincipalId, Sequence, Topic,
};

use crate::failure::{Broken, ensure};

/// Names an envelope's place in what its publisher wrote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) topic: Topic,
    pub(crate) publisher: PrincipalId,
    pub(crate) boot: BootId,
    pub(crate) sequence: Sequence,
}

impl Place {
    pub(crate) fn of(envelope: &Envelope) -> Self {
        let header = envelope.header();
        Self {
            topic: header.topic.clone(),
            publisher: header.publisher,
            boot: header.boot,
            sequence: header.sequence,
        }
    }
}

/// A log as a node shows it: what it holds by position, and the positions that it says are damaged,
/// the last one exclusive.
#[derive(Debug, Default)]
pub(crate) struct Shown<'a> {
    pub(crate) records: Vec<(Position, &'a Envelope, Offset)>,
    pub(crate) damaged: Vec<(Position, Position)>,
}

impl Shown<'_> {
    fn is_damaged(&self, position: Position) -> bool {
        self.damaged.iter().any(|(from, to)| (*from..*to).contains(&position))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    signed: BTreeMap<Hash, Place>,
    /// By home node: what it said is durable.
    acknowledged: BTreeMap<usize, BTreeSet<Hash>>,
    /// By node: what it holds to be durable, by position.
    durable: BTreeMap<usize, BTreeMap<Position, Hash>>,
    /// Nodes whose disks may have done something to what they hold.
    doubtful: BTreeMap<usize, Doubt>,
    /// From which position on of a node's log an organisation's records are owed to those to whom
    /// they may be given: the contract has been what it is since.
    owed_from: BTreeMap<(usize, OrgName), Position>,
    pub(crate) counts: Counts,
    digest: u64,
}

/// What a disk is known to have done.
#[expect(clippy::struct_excessive_bools, reason = "one does not exclude the other")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doubt {
    /// Bits of it have turned.
    pub(crate) rotten: bool,
    /// It has said that it kept what it did not keep.
    pub(crate) lied: bool,
}

macro_rules! counts {
    ($($name:ident),+ $(,)?) => {
        /// What a run consisted of.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Counts {
            $(pub(crate) $name: u64,)+
        }

        impl Counts {
            /// Each with its name.
            pub(crate) const fn named(&self) -> [(&'static str, u64); COUNTS] {
                [$((stringify!($name), self.$name)),+]
            }
        }

        const COUNTS: usize = [$(stringify!($name)),+].len();
    };
}

counts! {
    signed,
    acknowledged,
    delivered,
    forged,
    crashes,
    disconnections,
    statements,
    storage_full,
    not_permitted,
    cosigned,
    silences,
    told_stale,
    partitions,
    tunnels,
    given_up,
    contracts,
    denies,
    rotted,
    told_damaged,
    lies,
    voided,
    refused_to_start,
    told_lost,
    restarts_told,
    clock_jumps,
    transits,
    withheld_queued,
    withheld_written,
    overtaken,
    roamed,
    carried,
    not_carried,
    bytes_exhausted,
    envelopes_exhausted,
    histories_exhausted,
    interests_bounded,
}

impl Ledger {
    pub(crate) fn sign(&mut self, envelope: &Envelope) {
        self.counts.signed += 1;
        self.signed.insert(envelope.hash(), Place::of(envelope));
    }

    /// Whether a publisher has signed exactly this.
    pub(crate) fn is_genuine(&self, envelope: &Envelope) -> bool {
        self.signed.get(&envelope.hash()) == Some(&Place::of(envelope))
    }

    pub(crate) fn acknowledge(&mut self, home: usize, hash: Hash) {
        if self.acknowledged.entry(home).or_default().insert(hash) {
            self.counts.acknowledged += 1;
            self.note(&[hash.as_bytes()]);
        }
    }

    /// A node holds a record to be durable.
    pub(crate) fn store(
        &mut self,
        node: usize,
        position: Position,
        hash: Hash,
    ) -> Result<(), Broken> {
        let before = self.durable.entry(node).or_default().insert(position, hash);
        ensure(before.is_none_or(|before| before == hash), || {
            format!("node {node} gives position {position} a second time")
        })
    }

    /// One after the last position that a node holds to be durable.
    pub(crate) fn head(&self, node: usize) -> Position {
        let last = self.durable.get(&node).and_then(BTreeMap::last_key_value);
        last.map_or(Position::ZERO, |(position, _)| position.next())
    }

    /// Everything that a node holds to be durable.
    pub(crate) fn stored(&self, node: usize) -> BTreeSet<Hash> {
        self.durable.get(&node).into_iter().flat_map(BTreeMap::values).copied().collect()
    }

    pub(crate) fn is_durable(&self, node: usize, position: Position, hash: &Hash) -> bool {
        self.durable.get(&node).and_then(|log| log.get(&position)) == Some(hash)
    }

    /// What a node holds to be durable from a position on.
    pub(crate) fn durable_from(
        &self,
        node: usize,
        from: Position,
    ) -> impl Iterator<Item = (Position, &Topic)> {
        let log = self.durable.get(&node).into_iter().flat_map(move |log| log.range(from..));
        log.filter_map(|(position, hash)| Some((*position, &self.signed.get(hash)?.topic)))
    }

    pub(crate) fn doubt(&self, node: usize) -> Doubt {
        self.doubtful.get(&node).copied().unwrap_or_default()
    }

    pub(crate) fn doubt_mut(&mut self, node: usize) -> &mut Doubt {
        self.doubtful.entry(node).or_default()
    }

    /// A disk that lied has lost power: what a node held to be durable from there on was not, and
    /// nobody can hold it to that.
    pub(crate) fn void(&mut self, node: usize, from: Position) {
        let lost = self.durable.entry(node).or_default().split_off(&from);
        self.counts.voided += u64::try_from(lost.len()).unwrap_or(u64::MAX);
        if let Some(acknowledged) = self.acknowledged.get_mut(&node) {
            acknowledged.retain(|hash| !lost.values().any(|gone| gone == hash));
        }
    }

    /// What was agreed between a node's organisation and another one has changed, as far as the node
    /// knows.
    pub(crate) fn disturb(&mut self, node: usize, other: OrgName) {
        let head = self.head(node);
        self.owed_from.insert((node, other), head);
    }

    pub(crate) fn owed_from(&self, node: usize, other: &OrgName) -> Position {
        self.owed_from.get(&(node, other.clone())).copied().unwrap_or(Position::ZERO)
    }

    /// The first contracts are there: they change nothing.
    pub(crate) fn agreed(&mut self) {
        self.owed_from.clear();
    }

    /// Whether what was agreed between a node's organisation and another one was ever changed.
    pub(crate) fn is_disturbed(&self, node: usize, other: &OrgName) -> bool {
        self.owed_from.contains_key(&(node, other.clone()))
    }

    /// Everything that a node holds to be durable is where it was, or is told to be damaged; what
    /// it acknowledged is among it.
    pub(crate) fn check_kept(&self, node: usize, shown: &Shown<'_>) -> Result<(), Broken> {
        let doubt = self.doubt(node);
        let whole = shown.damaged.is_empty() || doubt.rotten || doubt.lied;
        ensure(whole, || format!("node {node} has lost {:?} on a good disk", shown.damaged))?;
        let held: BTreeMap<Position, Hash> = shown
            .records
            .iter()
            .map(|(position, envelope, _)| (*position, envelope.hash()))
            .collect();
        let durable = self.durable.get(&node);
        let mut damaged = BTreeSet::new();
        for (position, hash) in durable.into_iter().flatten() {
            match held.get(position) {
                Some(held) if held == hash => {}
                None if shown.is_damaged(*position) && doubt.rotten => {
                    damaged.insert(*hash);
                }
                found => {
                    let place = self.signed.get(hash);
                    let what = if found.is_some() { "something else" } else { "nothing" };
                    return Err(Broken(format!(
                        "node {node} had {place:?} at position {position}, and has {what}"
                    )));
                }
            }
        }
        let stored: BTreeSet<Hash> = held.into_values().collect();
        let lost = self.acknowledged.get(&node).and_then(|hashes| {
            hashes.iter().find(|hash| !stored.contains(hash) && !damaged.contains(hash))
        });
        ensure(lost.is_none(), || {
            let place = lost.and_then(|hash| self.signed.get(hash));
            format!("node {node} acknowledged {place:?} and does not have it")
        })
    }

    /// A log holds what was signed, each envelope once, each stream in order, and at home without
    /// gaps, unless it says where they are.
    pub(crate) fn check_log(
        &self,
        node: usize,
        is_home: impl Fn(&Topic) -> bool,
        shown: &Shown<'_>,
    ) -> Result<(), Broken> {
        let what = format!("node {node}");
        let mut streams: BTreeMap<(Topic, PrincipalId, BootId), (Sequence, Position)> =
            BTreeMap::new();
        let mut offsets: BTreeMap<Topic, Offset> = BTreeMap::new();
        let mut seen: BTreeSet<Hash> = BTreeSet::new();
        for (position, envelope, offset) in shown.records.iter().copied() {
            let place = Place::of(envelope);
            let known = self.is_genuine(envelope);
            ensure(known, || format!("{what} holds {place:?}, which nobody signed"))?;
            let once = seen.insert(envelope.hash());
            ensure(once, || format!("{what} holds {place:?} twice"))?;
            let stream = (place.topic.clone(), place.publisher, place.boot);
            let before = streams.insert(stream, (place.sequence, position));
            let wanted = before.map_or(Sequence::ZERO, |(last, _)| last.next());
            let in_order = place.sequence >= wanted;
            ensure(in_order, || format!("{what} holds {place:?} behind its {before:?}"))?;
            let told = || {
                let since = before.map_or(Position::ZERO, |(_, at)| at);
                shown.damaged.iter().any(|(from, to)| *from <= position && since < *to)
            };
            let whole = !is_home(&place.topic) || place.sequence == wanted || told();
            ensure(whole, || format!("{what} holds {place:?} after {before:?} with a gap"))?;
            let last = offsets.insert(place.topic.clone(), offset);
            let grows = last.is_none_or(|last| last < offset);
            ensure(grows, || format!("{what} gives {place:?} offset {offset} after {last:?}"))?;
        }
        Ok(())
    }

    /// Adds something to what tells two runs apart.
    pub(crate) fn note(&mut self, parts: &[&[u8]]) {
        let mut input = self.digest.to_be_bytes().to_vec();
        for part in parts {
            input.extend_from_slice(part);
        }
        let hash = Hash::of(&input);
        let mut digest = [0; 8];
        for (to, from) in digest.iter_mut().zip(hash.as_bytes()) {
            *to = *from;
        }
        self.digest = u64::from_be_bytes(digest);
    }

    pub(crate) const fn digest(&self) -> u64 {
        self.digest
    }
}
