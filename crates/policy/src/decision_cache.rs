//! Decisions that were made before: what is asked for every record is answered from here. A yes is
//! kept with the times between which nothing that it went by changes; the policy throws all of them
//! away with every statement. A no is not kept: it says why, and is rare.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher as _, BuildHasherDefault, Hash, Hasher, RandomState},
    sync::{Mutex, OnceLock, PoisonError},
};

use sekisho_proto::{PrincipalId, Scope, Timestamp, Topic};

use crate::{Recipient, view::Window};

/// Parts that are locked on their own, so that cores seldom wait for one another.
const PARTS: usize = 64;

/// Decisions kept in each part; beyond it the part starts again. 64 × 1,024 × ~200 bytes = 13 MB.
const KEPT_MAX: usize = 1024;

/// What is asked again and again.
#[derive(Debug, Clone, Copy, Hash)]
pub(crate) enum Asker<'a> {
    Publisher(&'a PrincipalId),
    Recipient(&'a Recipient, Scope),
}

#[derive(Debug)]
enum KnownAsker {
    Publisher(PrincipalId),
    Recipient(Recipient, Scope),
}

impl Asker<'_> {
    fn is(self, known: &KnownAsker) -> bool {
        match (self, known) {
            (Self::Publisher(asked), KnownAsker::Publisher(known)) => asked == known,
            (Self::Recipient(asked, scope), KnownAsker::Recipient(known, its_scope)) => {
                asked == known && scope == *its_scope
            }
            (Self::Publisher(_), KnownAsker::Recipient(..))
            | (Self::Recipient(..), KnownAsker::Publisher(_)) => false,
        }
    }

    fn to_known(self) -> KnownAsker {
        match self {
            Self::Publisher(id) => KnownAsker::Publisher(*id),
            Self::Recipient(recipient, scope) => KnownAsker::Recipient(recipient.clone(), scope),
        }
    }
}

/// A yes.
#[derive(Debug)]
struct Kept {
    asker: KnownAsker,
    topic: Topic,
    /// When it may be said, and of records received when; the ends are exclusive.
    now: (Timestamp, Timestamp),
    received: (Timestamp, Timestamp),
    rate_per_s: Option<u32>,
}

/// The key is a hash already.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

type Part = Mutex<HashMap<u64, Kept, BuildHasherDefault<Hashed>>>;

/// Decisions of one version of a policy.
#[derive(Default)]
pub(crate) struct DecisionCache {
    hasher: RandomState,
    parts: OnceLock<Box<[Part]>>,
}

impl fmt::Debug for DecisionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecisionCache").finish_non_exhaustive()
    }
}

impl DecisionCache {
    /// The rate of a yes that still holds.
    pub(crate) fn find(
        &self,
        asker: Asker<'_>,
        topic: &Topic,
        now: Timestamp,
        received: Timestamp,
    ) -> Option<Option<u32>> {
        let hash = self.hash(asker, topic);
        let kept = self.part(hash)?.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.get(&hash)?;
        let within =
            |time: Timestamp, (since, until): (Timestamp, Timestamp)| since <= time && time < until;
        let holds = asker.is(&found.asker)
            && found.topic == *topic
            && within(now, found.now)
            && within(received, found.received);
        holds.then_some(found.rate_per_s)
    }

    pub(crate) fn keep(
        &self,
        asker: Asker<'_>,
        topic: &Topic,
        now: &Window,
        received: &Window,
        rate_per_s: Option<u32>,
    ) {
        let hash = self.hash(asker, topic);
        let Some(part) = self.part(hash) else { return };
        let kept = Kept {
            asker: asker.to_known(),
            topic: topic.clone(),
            now: now.bounds(),
            received: received.bounds(),
            rate_per_s,
        };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        if part.len() >= KEPT_MAX {
            part.clear();
        }
        part.insert(hash, kept);
    }

    fn hash(&self, asker: Asker<'_>, topic: &Topic) -> u64 {
        self.hasher.hash_one((asker, topic.as_str()))
    }

    fn part(&self, hash: u64) -> Option<&Part> {
        let parts = self.parts.get_or_init(|| (0..PARTS).map(|_number| Part::default()).collect());
        // The map within takes the other bits.
        parts.get(usize::try_from(hash >> 32).ok()? % PARTS)
    }
}

#[cfg(test)]
mod tests;
