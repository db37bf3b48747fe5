//! Checkpoints: shown to peers, and what peers show cosigned. Every node is honest, so that whoever
//! distrusts one is wrong.

use std::time::Duration;

use bytes::Bytes;
use sekisho_federation::{SignedCheckpoint, cosigner_name};
use sekisho_policy::Recipient;
use sekisho_proto::{Hash, LogEntry, LogName, OrgName, Timestamp, frame};
use sekisho_routing::SessionId;
use sekisho_seal::{SigningKey, StrictVerifier};
use sekisho_tlog::{
    Checkpoint, Note, NoteError, NoteKey, NoteKeyKind, SignatureLine, Signing, Tree, cosign,
    leaf_hash, sign_checkpoint,
};

use super::{Context, Halt, running::Running, stating::StoredLog};
use crate::{
    failure::{Broken, broken, ensure},
    network::Stream,
};

/// A checkpoint is shown again after so long.
const SHOWN_AGAIN: Duration = Duration::from_secs(60);

/// The leaf of a statement in its organisation's log.
pub(super) fn leaf(received: Timestamp, statement: Bytes) -> Hash {
    leaf_hash(&LogEntry { received, statement }.encode())
}

impl Running {
    pub(super) fn own_log(own: &OrgName, logs: &[StoredLog]) -> Tree {
        let own = logs.iter().filter(|(organisation, _log)| organisation == own);
        own.flat_map(|(_own, log)| log)
            .map(|(statement, received)| leaf(*received, statement.encode().into()))
            .collect()
    }

    /// When a checkpoint is to be shown again, unless the log grows.
    pub(super) fn next_checkpoint(&self) -> Option<Timestamp> {
        let followers = self.sessions.values().filter_map(|state| state.follows.as_ref());
        let shown = followers.filter_map(|follower| follower.shown);
        shown.map(|(_size, at)| at.saturating_add(SHOWN_AGAIN)).min()
    }

    /// Shows everybody who has all statements that these are all.
    pub(super) fn show_checkpoints(&mut self, context: &mut Context<'_>) -> Result<(), Halt> {
        let (size, now) = (self.log.size(), context.now);
        let mut note = None;
        for state in self.sessions.values_mut() {
            if state.parting.is_some() {
                continue;
            }
            let Some(follower) = &mut state.follows else { continue };
            if follower.organisation != self.own {
                continue;
            }
            let is_due = follower
                .shown
                .is_none_or(|(shown, at)| shown != size || now.saturating_since(at) >= SHOWN_AGAIN);
            if !follower.told || follower.next.value() != size || !is_due {
                continue;
            }
            follower.shown = Some((size, now));
            let note = match &note {
                Some(note) => note,
                None => note.insert(own_note(&self.own, &self.log, self.index, context)?),
            };
            let subscription = follower.subscription;
            let told = frame::Checkpoint {
                subscription,
                note: note.clone(),
                old_size: 0,
                consistency: Vec::new(),
            };
            let (stream, random) = (Stream::of(subscription), &mut *context.random);
            context.network.send_down(state.connection, stream, told, random);
        }
        Ok(())
    }

    /// What a peer cosigned must be what this node has.
    pub(super) fn check_cosignature(
        &self,
        session: SessionId,
        cosigned: frame::Cosigned,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        let peer = self.sessions.get(&session).map(|state| &state.recipient);
        let (Some(Recipient::Peer(peer)), Some(line)) = (peer, cosigned.signature) else {
            return Ok(());
        };
        let failed = |fault: NoteError| broken("a cosignature")(&fault);
        let (origin, size) = (cosigned.log.to_string(), cosigned.size);
        let root = self.log.root_at(size).ok_or_else(|| {
            Broken(format!("{peer} cosigns {size} entries of {}", self.log.size()))
        })?;
        let city = context.world.cities.iter().find(|city| city.name == *peer);
        let Some(key) = city.map(|city| city.node.public_key()) else { return Ok(()) };
        let key = NoteKey::new(cosigner_name(peer), NoteKeyKind::Cosigner, key);
        let key = key.map_err(|fault| failed(fault.into()))?;
        let Some(own) = context.world.cities.get(self.index) else { return Ok(()) };
        let sign = |message: &[u8]| own.node.sign(message);
        let signer = Signing { key: own.node.public_key(), sign: &sign };
        let line: SignatureLine = line.parse().map_err(failed)?;
        sign_checkpoint(&Checkpoint { origin, size, root }, &signer)
            .and_then(|note| note.with_signature(line)?.verify(&key, &StrictVerifier))
            .map_err(failed)?;
        context.ledger.counts.cosigned += 1;
        Ok(())
    }

    /// Cosigns what a link found in order.
    pub(super) fn cosign(
        &self,
        signed: &SignedCheckpoint,
        context: &Context<'_>,
    ) -> Result<String, Halt> {
        ensure(matches!(signed.log, LogName::Control(_)), || {
            format!("nobody shows checkpoints of {}", signed.log)
        })?;
        let Some(city) = context.world.cities.get(self.index) else { return Err(Halt::Crash) };
        Ok(line_of(&self.own, &signed.note, &city.node, context.now)
            .map_err(|fault| broken("cosigning")(&fault))?
            .to_string())
    }
}

fn line_of(
    own: &OrgName,
    note: &Note,
    key: &SigningKey,
    now: Timestamp,
) -> Result<SignatureLine, NoteError> {
    let sign = |message: &[u8]| key.sign(message);
    cosign(note, &cosigner_name(own), &Signing { key: key.public_key(), sign: &sign }, now)
}

fn own_note(
    own: &OrgName,
    log: &Tree,
    index: usize,
    context: &Context<'_>,
) -> Result<String, Halt> {
    let Some(city) = context.world.cities.get(index) else { return Err(Halt::Crash) };
    let (origin, key) = (LogName::Control(own.clone()).to_string(), &city.node);
    let sign = |message: &[u8]| key.sign(message);
    let signer = Signing { key: key.public_key(), sign: &sign };
    let checkpoint = Checkpoint { origin, size: log.size(), root: log.root() };
    let note = sign_checkpoint(&checkpoint, &signer).and_then(|note| {
        let line = line_of(own, &note, key, context.now)?;
        note.with_signature(line)
    });
    Ok(note.map_err(|fault| broken("signing a checkpoint")(&fault))?.to_string())
}
