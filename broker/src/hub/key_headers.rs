//! Key headers the node has stored: found by id, attached to the first record that needs one.

mod group;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use dashmap::DashMap;
use sekisho_policy::Policy;
use sekisho_proto::statement::StreamClass;
use sekisho_proto::{
    BootId, Epoch, Header, KeyHeader, KeyHeaderId, OrgName, PrincipalId, Suite, Topic,
};
use sekisho_store::{Keyed as _, KeyedChange};

use super::refusal::Refusal;
use super::unstored;
use crate::engine::KeyedStore;
use group::Group;

/// What an envelope must share with its key header, and the header itself.
#[derive(Debug, Clone)]
struct Known {
    suite: Suite,
    topic: Topic,
    publisher: PrincipalId,
    boot: BootId,
    epoch: Epoch,
    encoded: Bytes,
}

/// All key headers, durable in the keyed store with the recent ones in memory.
#[derive(Debug)]
pub(crate) struct KeyHeaders {
    keyed: Arc<KeyedStore>,
    cached: DashMap<KeyHeaderId, Known>,
    group: Group,
    /// Held while something is read into memory, and alone while something is erased: what was read
    /// before it was erased must not be remembered afterwards.
    erasing: RwLock<()>,
}

/// Headers kept in memory; beyond it the cache starts again. 16,384 × ~1.5 KB = 24 MB.
const CACHED_MAX: usize = 16_384;

impl KeyHeaders {
    pub(crate) fn new(keyed: Arc<KeyedStore>) -> Self {
        Self { keyed, cached: DashMap::new(), group: Group::default(), erasing: RwLock::default() }
    }

    /// Whether a stored key header of this id is for exactly this envelope's stream.
    pub(crate) fn belongs(&self, id: &KeyHeaderId, header: &Header) -> bool {
        if !self.cached.contains_key(id) && self.load(id).is_none() {
            return false;
        }
        self.cached.get(id).is_some_and(|known| {
            known.suite == header.suite
                && known.topic == header.topic
                && known.publisher == header.publisher
                && known.boot == header.boot
                && known.epoch == header.epoch
        })
    }

    /// Whether a decoded key header is for exactly this envelope's stream.
    pub(crate) fn fits(found: &KeyHeader, header: &Header) -> bool {
        let content = found.content();
        content.topic == header.topic
            && content.publisher == header.publisher
            && content.boot == header.boot
            && content.epoch == header.epoch
            && content.suite == header.suite
    }

    /// The encoded key header, to be attached or answered.
    pub(crate) fn encoded(&self, id: &KeyHeaderId) -> Option<Bytes> {
        if let Some(known) = self.cached.get(id) {
            return Some(known.encoded.clone());
        }
        self.load(id)
    }

    /// Makes verified key headers durable, all or none. Blocks on the disk.
    pub(crate) fn keep(&self, found: &[KeyHeader]) -> Result<(), Refusal> {
        self.group.store(&*self.keyed, found)?;
        found.iter().for_each(|one| self.remember(one));
        Ok(())
    }

    /// Forgets the key headers of what publishers sealed for topics of personal data, those of one
    /// organisation or all: whoever has not kept them opens none of it any more. Tells how many there
    /// were. Blocks on the disk.
    pub(crate) fn erase(
        &self,
        publishers: &BTreeSet<PrincipalId>,
        organisation: Option<&OrgName>,
        policy: &Policy,
    ) -> Result<u64, Refusal> {
        let mut wanted = |encoded: &[u8]| {
            let found = KeyHeader::decode(Bytes::copy_from_slice(encoded));
            found.is_ok_and(|found| {
                let content = found.content();
                publishers.contains(&content.publisher)
                    && organisation.is_none_or(|wanted| content.topic.organisation() == wanted)
                    && policy.class_of(&content.topic) == StreamClass::Personal
            })
        };
        let refused = |fault| unstored("key headers", &fault);
        let ids = self.keyed.key_headers(&mut wanted).map_err(refused)?;
        let changes: Vec<_> = ids.iter().copied().map(KeyedChange::RemoveKeyHeader).collect();
        let _alone = self.erasing.write().unwrap_or_else(PoisonError::into_inner);
        self.keyed.apply(&changes).map_err(refused)?;
        for id in &ids {
            self.cached.remove(id);
        }
        Ok(ids.len() as u64)
    }

    fn load(&self, id: &KeyHeaderId) -> Option<Bytes> {
        let _kept = self.erasing.read().unwrap_or_else(PoisonError::into_inner);
        let encoded = self.keyed.key_header(id).ok().flatten()?.encoded;
        let found = KeyHeader::decode(encoded.clone()).ok()?;
        self.remember(&found);
        Some(encoded)
    }

    fn remember(&self, found: &KeyHeader) {
        if self.cached.len() >= CACHED_MAX {
            self.cached.clear();
        }
        let content = found.content();
        let known = Known {
            suite: content.suite,
            topic: content.topic.clone(),
            publisher: content.publisher,
            boot: content.boot,
            epoch: content.epoch,
            encoded: found.encoded().clone(),
        };
        self.cached.insert(found.id(), known);
    }
}

#[cfg(test)]
mod tests;
