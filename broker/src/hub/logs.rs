//! The logs of this organisation and of its peers, as they are shown to whoever does not believe: with
//! signatures of this node, cosignatures of peers' nodes, and proofs.

use std::sync::Arc;

use bytes::Bytes;
use sekisho_federation::{SignedCheckpoint, cosigner_name};
use sekisho_policy::Policy;
use sekisho_proto::frame::{AnswerBody, Which};
use sekisho_proto::{Hash, LogEntry, LogName, OrgName, RefusalCode, Timestamp, limits};
use sekisho_seal::{SigningKey, StrictVerifier};
use sekisho_store::{Keyed as _, KeyedError};
use sekisho_tlog::{
    Checkpoint, Note, NoteError, NoteKey, NoteKeyKind, NoteSigner, SignatureLine, Signing, cosign,
    sign_checkpoint,
};

use super::cosignatures::{Cosignature, Cosignatures};
use super::followed::{Followed, KeptEntry};
use super::merkle_log::MerkleLog;
use super::refusal::Refusal;
use super::{internal, metrics, unstored};
use crate::engine::KeyedStore;

/// Every log that this node can say something of.
#[derive(Debug)]
pub(crate) struct Logs {
    organisation: OrgName,
    key: Arc<SigningKey>,
    keyed: Arc<KeyedStore>,
    control: MerkleLog,
    access: MerkleLog,
    followed: Followed,
    cosignatures: Cosignatures,
}

impl Logs {
    /// The logs of an organisation, whose node has this key.
    pub(crate) fn open(
        organisation: OrgName,
        key: Arc<SigningKey>,
        keyed: Arc<KeyedStore>,
        control: MerkleLog,
        access: MerkleLog,
    ) -> Result<Self, KeyedError> {
        let cosignatures = Cosignatures::read(&*keyed, &[control.name(), access.name()])?;
        let followed = Followed::new(Arc::clone(&keyed));
        Ok(Self { organisation, key, keyed, control, access, followed, cosignatures })
    }

    /// What this node signs with.
    pub(super) fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The organisation's own control log.
    pub(crate) const fn control(&self) -> &MerkleLog {
        &self.control
    }

    /// The organisation's own access log.
    pub(crate) const fn access(&self) -> &MerkleLog {
        &self.access
    }

    /// The peers' control logs.
    pub(crate) const fn followed(&self) -> &Followed {
        &self.followed
    }

    /// What peers have cosigned.
    pub(crate) const fn cosignatures(&self) -> &Cosignatures {
        &self.cosignatures
    }

    /// The organisation's own log of that name.
    pub(crate) fn own(&self, log: &LogName) -> Option<&MerkleLog> {
        [&self.control, &self.access].into_iter().find(|own| own.name() == log)
    }

    /// A checkpoint of an own log, signed now, with everything that peers have cosigned of it.
    pub(crate) fn note(&self, checkpoint: &Checkpoint, now: Timestamp) -> Result<Note, Refusal> {
        let signed = self.signed(checkpoint, now);
        let note = signed.map_err(|fault| internal("checkpoint", &fault))?;
        let log: Option<LogName> = checkpoint.origin.parse().ok();
        let lines = log.map(|log| self.cosignatures.at(&log, checkpoint.size)).unwrap_or_default();
        let with_all = lines.into_iter().try_fold(note.clone(), Note::with_signature);
        // More cosignatures than a note may have: the log's own are what it cannot be without.
        let fits = with_all.ok().filter(|all| all.to_string().len() <= limits::NOTE_BYTES_MAX);
        Ok(fits.unwrap_or(note))
    }

    fn signed(&self, checkpoint: &Checkpoint, now: Timestamp) -> Result<Note, NoteError> {
        let note = self.signing(|signer| sign_checkpoint(checkpoint, signer))?;
        let line = self.cosign(&note, now)?;
        note.with_signature(line)
    }

    /// This node's cosignature of a checkpoint; whether it is in order was judged before.
    fn cosign(&self, note: &Note, now: Timestamp) -> Result<SignatureLine, NoteError> {
        let name = cosigner_name(&self.organisation);
        self.signing(|signer| cosign(note, &name, signer, now))
    }

    fn signing<T>(&self, act: impl FnOnce(&dyn NoteSigner) -> T) -> T {
        let sign = |message: &[u8]| self.key.sign(message);
        act(&Signing { key: self.key.public_key(), sign: &sign })
    }

    /// Cosigns a peer's checkpoint, which was found in order: `keep` must make durable what it is
    /// given, and that it is the newest, before the signature leaves.
    pub(super) fn cosign_peer(
        &self,
        signed: &SignedCheckpoint,
        now: Timestamp,
        keep: impl FnOnce(sekisho_store::KeyedChange) -> Result<(), KeyedError>,
    ) -> Result<SignatureLine, Refusal> {
        let refused = |fault| unstored("checkpoint of a peer", &fault);
        let is_control = matches!(signed.log, LogName::Control(_));
        if is_control && !self.followed.covers(signed).map_err(refused)? {
            let why = format!("wanted all {} entries kept first", signed.checkpoint.size);
            return Err(Refusal::new(RefusalCode::Internal, "checkpoint of a peer", why));
        }
        let failed = |fault: NoteError| internal("checkpoint of a peer", &fault);
        let line = self.cosign(&signed.note, now).map_err(failed)?;
        // A note that is full already is kept as it came.
        let cosigned = signed.note.clone().with_signature(line.clone());
        let cosigned = cosigned.unwrap_or_else(|_full| signed.note.clone());
        keep(Followed::note_change(&signed.log, &cosigned)).map_err(refused)?;
        if is_control {
            self.followed.noted(signed.log.organisation(), cosigned);
        }
        Ok(line)
    }

    /// Keeps a peer's cosignature of an own log, where it holds. Blocks on the disk.
    pub(super) fn keep_cosignature(
        &self,
        policy: &Policy,
        peer: &OrgName,
        (log, size): (&LogName, u64),
        line: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let what = || format!("cosignature of {peer}");
        let refuse = |code, why: String| Refusal::new(code, what(), why);
        let own = self.own(log).ok_or_else(|| {
            refuse(RefusalCode::NotFound, format!("wanted a log of this node, found {log}"))
        })?;
        let checkpoint = own.checkpoint_at(size).ok_or_else(|| {
            let why = format!("wanted at most the {} entries of {log}, found {size}", own.size());
            refuse(RefusalCode::NotFound, why)
        })?;
        let Some(peering) = policy.peer(peer) else {
            return Err(refuse(RefusalCode::NotPermitted, "wanted a peer, found none".to_owned()));
        };
        let line: SignatureLine = line
            .parse()
            .map_err(|fault: NoteError| refuse(RefusalCode::Malformed, fault.to_string()))?;
        let verified =
            self.signing(|signer| sign_checkpoint(&checkpoint, signer)).and_then(|note| {
                let key = peering.theirs.node_key;
                let key = NoteKey::new(cosigner_name(peer), NoteKeyKind::Cosigner, key)?;
                note.with_signature(line.clone())?.verify(&key, &StrictVerifier)
            });
        let signed =
            verified.map_err(|fault| refuse(RefusalCode::BadSignature, fault.to_string()))?;
        let time = signed.time.unwrap_or(Timestamp::MIN);
        let latest = now.saturating_add(limits::CLOCK_AHEAD_MAX);
        if time > latest {
            let why = format!("wanted one made until {latest}, found one of {time}");
            return Err(refuse(RefusalCode::ClockAhead, why));
        }
        let cosignature = Cosignature { size, time, line };
        let kept = self.cosignatures.keep(&*self.keyed, log, peer, cosignature);
        kept.map_err(|fault| unstored("cosignature", &fault))?;
        metrics::cosigned(peer.as_str(), log, size);
        Ok(())
    }

    /// What a log holds, to be believed by whoever knew it at `old_size`. Blocks on the disk.
    pub(crate) fn show(
        &self,
        log: &LogName,
        old_size: u64,
        now: Timestamp,
    ) -> Result<AnswerBody, Refusal> {
        if let Some(own) = self.own(log) {
            let checkpoint = own.checkpoint();
            // Where less is here than was known elsewhere, the size says it.
            let consistency = own.consistency(old_size, checkpoint.size).unwrap_or_default();
            let note = self.note(&checkpoint, now)?.to_string();
            return Ok(AnswerBody::Checkpoint { note, consistency });
        }
        let followed = self.followed_log(log)?;
        let Some(note) = followed.note else {
            return Err(unknown(log, "wanted one that this node has cosigned, found none"));
        };
        let size = note.checkpoint().map_err(|fault| internal("checkpoint", &fault))?.size;
        let consistency = followed.log.consistency(old_size, size).unwrap_or_default();
        Ok(AnswerBody::Checkpoint { note: note.to_string(), consistency })
    }

    /// That something is among the first `size` entries of a log. Blocks on the disk.
    pub(crate) fn prove(
        &self,
        policy: &Policy,
        log: &LogName,
        which: Which,
        size: u64,
    ) -> Result<AnswerBody, Refusal> {
        let missing = || unknown(log, "wanted an entry among those of that size, found none");
        let (index, entry, path) = match (self.own(log), log) {
            (Some(own), LogName::Access(_)) => {
                let Which::Index(index) = which else { return Err(missing()) };
                let path = own.inclusion(index, size).ok_or_else(missing)?;
                let leaves = self.keyed.leaves(log, index, 1);
                let leaves = leaves.map_err(|fault| unstored("access log", &fault))?;
                (index, leaves.into_iter().next().ok_or_else(missing)?.entry, path)
            }
            (Some(own), LogName::Control(organisation)) => {
                let index = match which {
                    Which::Index(index) => Some(index),
                    Which::Statement(id) => {
                        policy.place_of(organisation, &id).map(|place| place.value())
                    }
                };
                let index = index.ok_or_else(missing)?;
                let path = own.inclusion(index, size).ok_or_else(missing)?;
                (index, entry_at(policy, organisation, index).ok_or_else(missing)?, path)
            }
            (None, _) => {
                let followed = self.followed_log(log)?;
                let index = match which {
                    Which::Index(index) => Some(index),
                    Which::Statement(id) => followed.place_of(&id),
                };
                let index = index.ok_or_else(missing)?;
                let path = followed.log.inclusion(index, size).ok_or_else(missing)?;
                (index, self.followed_entry(policy, log.organisation(), index)?, path)
            }
        };
        Ok(AnswerBody::Inclusion { index, entry, path })
    }

    fn followed_log(&self, log: &LogName) -> Result<super::followed::FollowedLog, Refusal> {
        let LogName::Control(peer) = log else {
            return Err(unknown(log, "wanted a log that this node has, found another"));
        };
        let followed = self.followed.shown(peer);
        followed.map_err(|fault| unstored("control log of a peer", &fault))
    }

    /// What is passed on of another organisation's control log from `from` on: in that log's own
    /// order, with its own times, and no further than its newest checkpoint here; once it is no peer
    /// any more, of which there will be no other, to what ended that. Blocks on the disk.
    pub(crate) fn passed_on(
        &self,
        policy: &Policy,
        owner: &OrgName,
        (from, max): (u64, usize),
        now: Timestamp,
    ) -> Result<Vec<LogEntry>, Refusal> {
        let log = LogName::Control(owner.clone());
        let followed = self.followed_log(&log)?;
        let is_peer = policy.route(owner, now).is_some_and(|route| route.is_direct());
        let size = match followed.note {
            Some(note) if is_peer => size_of(&note),
            None if is_peer => 0,
            Some(_) | None => followed.log.size(),
        };
        let left = usize::try_from(size.saturating_sub(from)).unwrap_or(max).min(max);
        if left == 0 {
            return Ok(Vec::new());
        }
        let found = self.followed.entries(owner, from, left);
        let found = found.map_err(|fault| unstored("control log of a peer", &fault))?;
        found.into_iter().map(|kept| restored(policy, &log, kept)).collect()
    }

    /// The newest checkpoint of another organisation's control log that was cosigned here, and its
    /// size. Blocks on the disk where nobody has asked before.
    pub(crate) fn newest_of(&self, owner: &OrgName) -> Result<Option<(u64, Note)>, Refusal> {
        let followed = self.followed_log(&LogName::Control(owner.clone()))?;
        Ok(followed.note.map(|note| (size_of(&note), note)))
    }

    fn followed_entry(
        &self,
        policy: &Policy,
        peer: &OrgName,
        index: u64,
    ) -> Result<Bytes, Refusal> {
        let log = LogName::Control(peer.clone());
        let found = self.followed.entries(peer, index, 1);
        let found = found.map_err(|fault| unstored("control log of a peer", &fault))?;
        let missing = || unknown(&log, "wanted the entry's statement, found none");
        let kept = found.into_iter().next().ok_or_else(missing)?;
        Ok(restored(policy, &log, kept)?.encode().into())
    }
}

/// How many entries a checkpoint is of that was parsed before.
fn size_of(note: &Note) -> u64 {
    note.checkpoint().map_or(0, |checkpoint| checkpoint.size)
}

/// An entry of another organisation's log as it stands there.
fn restored(policy: &Policy, log: &LogName, kept: KeptEntry) -> Result<LogEntry, Refusal> {
    let KeptEntry { received, statement: id, encoded } = kept;
    let applied = || {
        let place = policy.place_of(log.organisation(), &id)?;
        let place = usize::try_from(place.value()).ok()?;
        let logged = policy.log(log.organisation()).get(place)?;
        Some(logged.statement.encode().into())
    };
    let statement = encoded.or_else(applied);
    let statement =
        statement.ok_or_else(|| unknown(log, "wanted the entry's statement, found none"))?;
    Ok(LogEntry { received, statement })
}

/// An entry of this organisation's own control log.
fn entry_at(policy: &Policy, organisation: &OrgName, index: u64) -> Option<Bytes> {
    let logged = policy.log(organisation).get(usize::try_from(index).ok()?)?;
    let (received, statement) = (logged.received, logged.statement.encode().into());
    Some(LogEntry { received, statement }.encode().into())
}

fn unknown(log: &LogName, why: &str) -> Refusal {
    Refusal::new(RefusalCode::NotFound, log.to_string(), why)
}

/// The leaf of a statement in its organisation's own log.
pub(super) fn leaf(received: Timestamp, statement: Bytes) -> Hash {
    sekisho_tlog::leaf_hash(&LogEntry { received, statement }.encode())
}

#[cfg(test)]
mod tests;
