//! Key headers the node has stored: found by id, attached to the first record that needs one.

mod group;
mod idling;
mod uses;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use dashmap::DashMap;
use dashmap::mapref::one::RefMut;
use sekisho_policy::Policy;
use sekisho_proto::statement::StreamClass;
use sekisho_proto::{
    BootId, Epoch, Header, KeyHeader, KeyHeaderId, OrgName, PrincipalId, RefusalCode, Suite, Topic,
};
use sekisho_store::{Keyed as _, KeyedChange, StoredKeyHeader};

use super::refusal::Refusal;
use super::unstored;
use crate::config::Config;
use crate::engine::{self, KeyedStore};
use group::Group;
use uses::Uses;

/// What an envelope must share with its key header, and the header itself.
#[derive(Debug, Clone)]
struct Known {
    suite: Suite,
    topic: Topic,
    publisher: PrincipalId,
    boot: BootId,
    epoch: Epoch,
    encoded: Bytes,
    use_of: UseOf,
}

/// What is known of the use of a key header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UseOf {
    /// Stored as idle: nothing new may name it before it is stored anew.
    Idle,
    /// The last turn of [`Uses`] in which it is known to have been named; 0 = in none.
    Turn(u64),
}

/// Where the key header is that an envelope names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Stored, and it stays as long as a record names it.
    InUse,
    /// Stored, and to be kept anew: nothing has named it for long.
    Idle(Bytes),
    /// None of that id and for that stream.
    Nowhere,
}

/// All key headers, durable in the keyed store with the recent ones in memory.
#[derive(Debug)]
pub(crate) struct KeyHeaders {
    keyed: Arc<KeyedStore>,
    room: Room,
    cached: DashMap<KeyHeaderId, Known>,
    group: Group,
    uses: Uses,
    /// Held while something is read into memory or stored, and alone while something is erased or
    /// becomes idle: what was read before must not be remembered afterwards, and what is named
    /// meanwhile stays in use.
    erasing: RwLock<()>,
}

/// The room that trimming needs, which key headers leave free as the log does.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    /// Where everything is kept.
    pub data: PathBuf,
    /// Bytes.
    pub free_bytes_min: u64,
}

impl Room {
    pub(super) fn of(config: &Config) -> Self {
        Self { data: config.data.clone(), free_bytes_min: config.free_bytes_min }
    }
}

/// Read from the disk in one go: 2 MB.
const READ_AT_ONCE: usize = 1_024;
/// Changed with one flush: publishers wait for that, as for a new key header.
const CHANGED_AT_ONCE: usize = 128;
/// Headers kept in memory; beyond it the cache starts again. 16,384 × ~1.5 KB = 24 MB.
const CACHED_MAX: usize = 16_384;

impl KeyHeaders {
    pub(crate) fn new(keyed: Arc<KeyedStore>, room: Room) -> Self {
        Self {
            keyed,
            room,
            cached: DashMap::new(),
            group: Group::default(),
            uses: Uses::default(),
            erasing: RwLock::default(),
        }
    }

    /// Where the key header of this id is, for exactly this envelope's stream; it is in use from
    /// then on.
    pub(crate) fn find(&self, id: &KeyHeaderId, header: &Header) -> Result<Found, Refusal> {
        if let Some(known) = self.cached.get(id)
            && known.use_of == UseOf::Turn(self.uses.turn())
        {
            return Ok(if known.serves(header) { Found::InUse } else { Found::Nowhere });
        }
        let _kept = self.erasing.read().unwrap_or_else(PoisonError::into_inner);
        let mut known = match self.cached.get_mut(id) {
            Some(known) => known,
            None => {
                let Some(stored) = self.load(id)? else { return Ok(Found::Nowhere) };
                self.remember(*id, stored)
            }
        };
        if !known.serves(header) {
            return Ok(Found::Nowhere);
        }
        if known.use_of == UseOf::Idle {
            return Ok(Found::Idle(known.encoded.clone()));
        }
        known.use_of = UseOf::Turn(self.uses.note(id));
        Ok(Found::InUse)
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
    pub(crate) fn encoded(&self, id: &KeyHeaderId) -> Result<Option<Bytes>, Refusal> {
        if let Some(known) = self.cached.get(id) {
            return Ok(Some(known.encoded.clone()));
        }
        let _kept = self.erasing.read().unwrap_or_else(PoisonError::into_inner);
        let Some(stored) = self.load(id)? else { return Ok(None) };
        Ok(Some(self.remember(*id, stored).encoded.clone()))
    }

    /// Makes verified key headers durable, all or none, and in use. Blocks on the disk.
    pub(crate) fn keep(&self, found: &[KeyHeader]) -> Result<(), Refusal> {
        self.check_room()?;
        let _kept = self.erasing.read().unwrap_or_else(PoisonError::into_inner);
        self.group.store(&*self.keyed, found)?;
        for one in found {
            let use_of = UseOf::Turn(self.uses.note(&one.id()));
            self.remember(one.id(), Known::new(one, use_of));
        }
        Ok(())
    }

    /// Each start of a publisher brings key headers, and what the log does not take for want of room
    /// would leave them behind.
    fn check_room(&self) -> Result<(), Refusal> {
        let Room { data, free_bytes_min } = &self.room;
        let Some(free) = engine::free_bytes(data).filter(|free| free < free_bytes_min) else {
            return Ok(());
        };
        let why = format!("wanted {free_bytes_min} bytes to stay free, found {free}");
        Err(Refusal::new(RefusalCode::StorageFull, "key header", why))
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
        let refused = |fault| unstored("key headers", &fault);
        let wanted = |encoded: Bytes| {
            KeyHeader::decode(encoded).is_ok_and(|found| {
                let content = found.content();
                publishers.contains(&content.publisher)
                    && organisation.is_none_or(|wanted| content.topic.organisation() == wanted)
                    && policy.class_of(&content.topic) == StreamClass::Personal
            })
        };
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let some =
                self.keyed.key_headers_after(after.as_ref(), READ_AT_ONCE).map_err(refused)?;
            let Some((last, _header)) = some.last() else { break };
            after = Some(*last);
            let some = some.into_iter().filter(|(_id, header)| wanted(header.encoded.clone()));
            ids.extend(some.map(|(id, _header)| id));
        }
        let changes: Vec<_> = ids.iter().copied().map(KeyedChange::RemoveKeyHeader).collect();
        for (ids, changes) in ids.chunks(CHANGED_AT_ONCE).zip(changes.chunks(CHANGED_AT_ONCE)) {
            let _alone = self.erasing.write().unwrap_or_else(PoisonError::into_inner);
            for id in ids {
                self.cached.remove(id);
            }
            self.keyed.apply(changes).map_err(refused)?;
        }
        Ok(ids.len() as u64)
    }

    /// As it is stored. What cannot be read as a key header is none.
    fn load(&self, id: &KeyHeaderId) -> Result<Option<Known>, Refusal> {
        let stored = self.keyed.key_header(id).map_err(|fault| unstored("key header", &fault))?;
        let Some(StoredKeyHeader { encoded, idle_since, .. }) = stored else { return Ok(None) };
        let use_of = idle_since.map_or(UseOf::Turn(0), |_since| UseOf::Idle);
        Ok(KeyHeader::decode(encoded).ok().map(|found| Known::new(&found, use_of)))
    }

    fn remember(&self, id: KeyHeaderId, known: Known) -> RefMut<'_, KeyHeaderId, Known> {
        if self.cached.len() >= CACHED_MAX {
            self.cached.clear();
        }
        self.cached.entry(id).insert(known)
    }
}

impl Known {
    fn new(found: &KeyHeader, use_of: UseOf) -> Self {
        let content = found.content();
        Self {
            suite: content.suite,
            topic: content.topic.clone(),
            publisher: content.publisher,
            boot: content.boot,
            epoch: content.epoch,
            encoded: found.encoded().clone(),
            use_of,
        }
    }

    fn serves(&self, header: &Header) -> bool {
        self.suite == header.suite
            && self.topic == header.topic
            && self.publisher == header.publisher
            && self.boot == header.boot
            && self.epoch == header.epoch
    }
}

#[cfg(test)]
mod tests;
