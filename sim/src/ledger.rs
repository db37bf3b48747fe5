//! What really happened, as those who did it say: the truth that nodes are held to.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_proto::{BootId, Envelope, Hash, Offset, PrincipalId, Sequence, Topic};

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

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    signed: BTreeMap<Hash, Place>,
    /// By home node: what it said is durable.
    acknowledged: BTreeMap<usize, BTreeSet<Hash>>,
    pub(crate) counts: Counts,
    digest: u64,
}

/// What a run consisted of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) signed: u64,
    pub(crate) acknowledged: u64,
    pub(crate) delivered: u64,
    pub(crate) forged: u64,
    pub(crate) crashes: u64,
    pub(crate) disconnections: u64,
    pub(crate) statements: u64,
    pub(crate) storage_full: u64,
    pub(crate) not_permitted: u64,
    pub(crate) cosigned: u64,
    pub(crate) silences: u64,
    pub(crate) told_stale: u64,
}

impl Ledger {
    pub(crate) fn sign(&mut self, envelope: &Envelope) {
        self.counts.signed += 1;
        self.signed.insert(envelope.hash(), Place::of(envelope));
    }

    pub(crate) fn acknowledge(&mut self, home: usize, hash: Hash) {
        if self.acknowledged.entry(home).or_default().insert(hash) {
            self.counts.acknowledged += 1;
            self.note(&[hash.as_bytes()]);
        }
    }

    /// Everything acknowledged is among what a home node has.
    pub(crate) fn check_home(&self, home: usize, stored: &BTreeSet<Hash>) -> Result<(), Broken> {
        let lost = self
            .acknowledged
            .get(&home)
            .and_then(|hashes| hashes.iter().find(|hash| !stored.contains(hash)));
        ensure(lost.is_none(), || {
            let place = lost.and_then(|hash| self.signed.get(hash));
            format!("node {home} acknowledged {place:?} and does not have it")
        })
    }

    /// A log holds what was signed, each envelope once, each stream in order, and at home without
    /// gaps.
    pub(crate) fn check_log(
        &self,
        what: &str,
        is_home: impl Fn(&Topic) -> bool,
        log: &[(&Envelope, Offset)],
    ) -> Result<(), Broken> {
        let mut streams: BTreeMap<(Topic, PrincipalId, BootId), Sequence> = BTreeMap::new();
        let mut offsets: BTreeMap<Topic, Offset> = BTreeMap::new();
        for (envelope, offset) in log.iter().copied() {
            let place = Place::of(envelope);
            let known = self.signed.get(&envelope.hash()) == Some(&place);
            ensure(known, || format!("{what} holds {place:?}, which nobody signed"))?;
            let stream = (place.topic.clone(), place.publisher, place.boot);
            let before = streams.insert(stream, place.sequence);
            let wanted = before.map_or(Sequence::ZERO, Sequence::next);
            let in_order = place.sequence >= wanted;
            ensure(in_order, || format!("{what} holds {place:?} behind its {before:?}"))?;
            let whole = !is_home(&place.topic) || place.sequence == wanted;
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
