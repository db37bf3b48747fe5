//! The signatures that this node owes: what it attested is in the log without one, and is signed
//! when it first leaves for somebody who verifies. Most never does: clients without a key have no
//! use for signatures.
//!
//! A node whose key was replaced owes those of the old one as well, and finds it beside the new.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use dashmap::DashMap;
use sekisho_proto::{Envelope, Hash, PrincipalKind, Signature};
use sekisho_routing::Record;
use sekisho_seal::{KeyFile, KeyKind, SigningKey, is_outstanding, sign_attested};
use tracing::{error, info, warn};

/// Signatures made lately: whoever comes next is given the same. 65,536 × ~100 bytes = 7 MB.
const MADE_MAX: usize = 65_536;

/// What is between the name of the key's file and whose an old one was.
const OLD: &str = ".old-";

/// Makes them.
#[derive(Debug)]
pub(crate) struct Signing {
    /// This node's own first.
    keys: Vec<Arc<SigningKey>>,
    made: DashMap<Hash, Signature>,
}

/// Nobody can sign it: the key is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsigned;

impl Signing {
    /// With this node's key, and those that lie beside its file.
    pub(crate) fn new(key: Arc<SigningKey>, file: &Path) -> Self {
        let mut keys = vec![key];
        keys.extend(old_keys(file).into_iter().map(Arc::new));
        Self { keys, made: DashMap::new() }
    }

    /// A record's envelope as it may leave for somebody who verifies.
    pub(crate) fn signed(&self, record: &Record) -> Result<Bytes, Unsigned> {
        let envelope = record.envelope();
        if !is_outstanding(envelope) {
            return Ok(envelope.encoded().clone());
        }
        let hash = envelope.hash();
        if let Some(made) = self.made.get(&hash) {
            let (header, body) = (envelope.header_bytes().clone(), envelope.body().clone());
            let signed = Envelope::assemble(header, body, *made);
            return signed.map(|signed| signed.encoded().clone()).map_err(|_fault| Unsigned);
        }
        let signed = self.key_of(record).and_then(|key| sign_attested(key, envelope).ok());
        let Some(signed) = signed else {
            let (topic, position) = (record.topic(), record.position());
            error!(%topic, %position, "attested by a key that is not here any more: not signed");
            return Err(Unsigned);
        };
        if self.made.len() >= MADE_MAX {
            self.made.clear();
        }
        self.made.insert(hash, *signed.signature());
        Ok(signed.encoded().clone())
    }

    fn key_of(&self, record: &Record) -> Option<&SigningKey> {
        let attester = record.header().attester?;
        self.keys.iter().find(|key| key.id() == attester).map(|key| &**key)
    }
}

/// The keys that this node had before, where their files were kept.
fn old_keys(file: &Path) -> Vec<SigningKey> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some(Ok(entries)) = file.parent().map(fs::read_dir) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let found_name = entry.file_name();
        let rest = found_name.to_str().and_then(|found| found.strip_prefix(&name));
        if !rest.is_some_and(|rest| rest.starts_with(OLD)) {
            continue;
        }
        let path = entry.path();
        match KeyFile::load_as(&path, KeyKind::Principal(PrincipalKind::Node)) {
            Ok(old) => {
                let key = old.identity.signing().clone();
                info!(file = %path.display(), key = %key.id().short(), "an old key of this node");
                found.push(key);
            }
            Err(fault) => warn!(file = %path.display(), %fault, "an old key that is not used"),
        }
    }
    found
}

#[cfg(test)]
mod tests;
