//! The keys under which the records of accesses are kept, one for each subject and each in a file of
//! its own, so that what is kept of somebody can be destroyed for good.
//!
//! The access log holds commitments and says nothing about anybody. What they commit to is sealed
//! under the subject's key and kept beside the log, in the same transactions: so after any crash
//! there is a record for each entry or there is neither. The keys are not in the database, which
//! would leave what it removes in its free pages.
//!
//! A subject is a principal with one of its keys. Files and records are named with a hash of its
//! id: nothing here has a name in it that is not sealed.

use std::collections::BTreeMap;

use sekisho::OsEntropy;
use sekisho_proto::{Hash, PrincipalId};
use sekisho_seal::{SealedAccess, SubjectKey};
use sekisho_store::{SecretError, Secrets};
use tracing::error;

use super::internal;
use super::refusal::Refusal;
use sekisho_proto::RefusalCode;

const LABEL_CONTEXT: &[u8] = b"sekisho-access-subject-v1\0";

/// Keys kept in memory; beyond it the cache starts again. 16,384 × ~100 bytes = 2 MB.
const CACHED_MAX: usize = 16_384;

/// The subjects' keys, for the one who writes the log.
#[derive(Debug)]
pub(super) struct Companion {
    secrets: std::sync::Arc<Secrets>,
    cached: BTreeMap<Hash, SubjectKey>,
    entropy: OsEntropy,
}

/// What a subject is called where nobody's name may stand.
pub(super) fn label(id: &PrincipalId) -> Hash {
    Hash::of(&[LABEL_CONTEXT, id.as_bytes()].concat())
}

impl Companion {
    pub(super) fn new(secrets: std::sync::Arc<Secrets>) -> Self {
        Self { secrets, cached: BTreeMap::new(), entropy: OsEntropy::new() }
    }

    /// Makes sure that each subject has a key: new ones are durable on return. Tells why one has
    /// none. Blocks on the disk.
    pub(super) fn prepare(
        &mut self,
        labels: impl Iterator<Item = Hash>,
    ) -> BTreeMap<Hash, Refusal> {
        if self.cached.len() >= CACHED_MAX {
            self.cached.clear();
        }
        let (mut refused, mut drawn) = (BTreeMap::new(), BTreeMap::new());
        for label in labels {
            if self.cached.contains_key(&label) || drawn.contains_key(&label) {
                continue;
            }
            match self.secrets.get(&label) {
                Ok(Some(secret)) => {
                    self.cached.insert(label, SubjectKey::from_bytes(&secret));
                }
                Ok(None) => match SubjectKey::generate(&mut self.entropy) {
                    Ok(key) => {
                        drawn.insert(label, key);
                    }
                    Err(fault) => {
                        refused.insert(label, internal("access log", &fault));
                    }
                },
                Err(fault) => {
                    refused.insert(label, unkept(&fault));
                }
            }
        }
        let secrets: Vec<_> = drawn.iter().map(|(label, key)| (*label, key.to_bytes())).collect();
        match self.secrets.put(&secrets) {
            Ok(()) => self.cached.extend(drawn),
            Err(fault) => {
                let refusal = unkept(&fault);
                refused.extend(drawn.into_keys().map(|label| (label, refusal.clone())));
            }
        }
        refused
    }

    /// Seals a record under the key of a subject that was prepared.
    pub(super) fn seal(&mut self, label: &Hash, record: &[u8]) -> Result<SealedAccess, Refusal> {
        let Some(key) = self.cached.get(label) else {
            let why = "wanted the subject's key prepared, found none";
            return Err(Refusal::new(RefusalCode::Internal, "access log", why));
        };
        key.seal(record, &mut self.entropy).map_err(|fault| internal("access log", &fault))
    }

    /// Destroys a subject's key; whether there was one. Blocks on the disk.
    pub(super) fn destroy(&mut self, label: &Hash) -> Result<bool, Refusal> {
        self.cached.remove(label);
        self.secrets.destroy(label).map_err(|fault| unkept(&fault))
    }
}

/// Why a subject's key could not be kept, read or destroyed.
pub(super) fn unkept(fault: &SecretError) -> Refusal {
    error!(%fault, "access log: a subject's key");
    let cause = std::error::Error::source(fault).map(|cause| format!(": {cause}"));
    let why = format!("{fault}{}", cause.unwrap_or_default());
    let code =
        if fault.is_storage_full() { RefusalCode::StorageFull } else { RefusalCode::Internal };
    Refusal::new(code, "access log", why)
}
