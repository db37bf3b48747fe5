//! What can be read of the access log: its entries, and the records behind those whose subject has
//! not been erased.

use std::collections::BTreeMap;

use sekisho_proto::{AccessEntry, AccessRecord, Hash, PrincipalId};
use sekisho_seal::{AccessOpening, SubjectKey};
use sekisho_store::{Keyed as _, KeyedError, SealedRecord};
use tracing::warn;

use super::AccessLog;
use crate::hub::companion::label;
use crate::hub::refusal::Refusal;
use crate::hub::{internal, unstored};

/// One entry of the log.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// Where it is.
    pub(crate) index: u64,
    /// What the log says, verbatim.
    pub(crate) encoded: bytes::Bytes,
    /// The same, parsed.
    pub(crate) entry: AccessEntry,
    /// What it commits to; `None` where its subject was erased.
    pub(crate) opened: Option<Opened>,
}

/// What an entry commits to.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    /// Who was let at what.
    pub(crate) record: AccessRecord,
    /// For whoever is to check that.
    pub(crate) opening: AccessOpening,
}

/// The keys that one reading needs, each read once.
#[derive(Debug, Default)]
struct Keys(BTreeMap<Hash, Option<SubjectKey>>);

impl AccessLog {
    /// Entries from an index on, at most `max`: all of them, or those about some subjects, which
    /// must not have been erased. Blocks on the disk.
    ///
    /// # Errors
    /// The disk refused.
    pub(crate) fn list(
        &self,
        subjects: Option<&[PrincipalId]>,
        from: u64,
        max: usize,
    ) -> Result<Vec<Access>, Refusal> {
        let mut keys = Keys::default();
        let Some(subjects) = subjects else {
            let leaves =
                self.keyed.leaves(self.log.name(), from, max).map_err(|fault| unread(&fault))?;
            let numbered = leaves.into_iter().zip(from..);
            let listed = numbered.map(|(leaf, index)| {
                let sealed = self.keyed.sealed_at(index).map_err(|fault| unread(&fault))?;
                self.access(index, leaf.entry, sealed, &mut keys)
            });
            return listed.collect();
        };
        let mut found = Vec::new();
        for subject in subjects {
            found.extend(
                self.keyed.sealed_of(&label(subject), from, max).map_err(|fault| unread(&fault))?,
            );
        }
        found.sort_by_key(|sealed| sealed.index);
        let mut listed = Vec::new();
        for sealed in found.into_iter().take(max) {
            let index = sealed.index;
            let leaf =
                self.keyed.leaves(self.log.name(), index, 1).map_err(|fault| unread(&fault))?;
            if let Some(leaf) = leaf.into_iter().next() {
                listed.push(self.access(index, leaf.entry, Some(sealed), &mut keys)?);
            }
        }
        Ok(listed)
    }

    fn access(
        &self,
        index: u64,
        encoded: bytes::Bytes,
        sealed: Option<SealedRecord>,
        keys: &mut Keys,
    ) -> Result<Access, Refusal> {
        let entry =
            AccessEntry::decode(&encoded).map_err(|fault| internal("access log", &fault))?;
        let opened = sealed.and_then(|sealed| self.opened(&entry.commitment, &sealed, keys));
        Ok(Access { index, encoded, entry, opened })
    }

    /// What does not open is as good as erased: told in the node's log, and served as that.
    fn opened(&self, commitment: &Hash, sealed: &SealedRecord, keys: &mut Keys) -> Option<Opened> {
        let key = keys.0.entry(sealed.subject).or_insert_with(|| {
            let secret = self.secrets.get(&sealed.subject).unwrap_or_else(|fault| {
                warn!(%fault, "access log: a subject's key cannot be read");
                None
            });
            secret.map(|secret| SubjectKey::from_bytes(&secret))
        });
        let index = sealed.index;
        let opened = match key.as_ref()?.open(commitment, &sealed.sealed) {
            Ok(opened) => opened,
            Err(fault) => {
                warn!(%fault, index, "access log: a record does not open");
                return None;
            }
        };
        match AccessRecord::decode(&opened.record.into()) {
            Ok(record) => Some(Opened { record, opening: opened.opening }),
            Err(fault) => {
                warn!(%fault, index, "access log: a record cannot be read");
                None
            }
        }
    }
}

fn unread(fault: &KeyedError) -> Refusal {
    unstored("access log", fault)
}
