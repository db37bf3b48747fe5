//! A whole log: every hash recomputed, every statement replayed, the checkpoint held to the key
//! that the log itself proves.

use std::io;

use bytes::Bytes;
use sekisho_policy::Policy;
use sekisho_proto::{
    AccessEntry, Hash, LogEntry, LogName, OrgName, PrincipalName, Statement, Timestamp,
};
use sekisho_seal::StrictVerifier;
use sekisho_tlog::{
    Cosigner, Known, Note, TileId, TileLevel, TlogPolicy, Tree, leaf_hash,
    tile::{TileSource as _, check_log},
};

use super::{
    chain::{Chain, goes_on, log_of},
    error::AuditError,
    folder::LogFolder,
};

/// A log that is what its checkpoint says, from its first entry to its last.
#[derive(Debug)]
pub struct ReadLog {
    /// Which log.
    pub log: LogName,
    /// Its entries, verbatim.
    pub entries: Vec<Bytes>,
    /// The tree over them.
    pub tree: Tree,
    /// The node that signed it.
    pub node: PrincipalName,
    /// When it did.
    pub signed: Option<Timestamp>,
    /// The witnesses that cosigned it, of those that the policy names.
    pub cosigners: Vec<Cosigner>,
    /// Its checkpoint.
    pub note: Note,
    /// What it says: of an access log, what proves its node.
    pub policy: Policy,
}

/// Reads a log and holds it to its checkpoint, to the root that is trusted, to the witnesses where
/// there is a policy, and to what was trusted of it before where that is known.
///
/// # Errors
/// [`AuditError`]: the first thing that is wrong, with the entry's index where it is an entry.
pub fn read_log(
    folder: &LogFolder,
    root: Hash,
    witnesses: Option<&TlogPolicy>,
    known: Option<&Known>,
) -> Result<ReadLog, AuditError> {
    let note = folder.note()?;
    let log = log_of(&note)?;
    let elsewhere = folder.statements()?;
    let checkpoint = note.checkpoint().map_err(|cause| AuditError::Checkpoint(cause.into()))?;
    let mut entries: Vec<Bytes> = Vec::new();
    let checked =
        check_log(folder, &checkpoint, |_index, entry| entries.push(Bytes::copy_from_slice(entry)));
    // What is wrong with an entry says more than that the sum of all is another.
    same_as_tiles(folder, &entries, checkpoint.size)?;
    let chain = match &log {
        LogName::Control(organisation) => {
            Chain::of(replay(organisation, root, &entries, elsewhere)?, root)
        }
        LogName::Access(organisation) => {
            (0..).zip(&entries).try_for_each(|(index, entry)| {
                AccessEntry::decode(entry)
                    .map(drop)
                    .map_err(|source| AuditError::Entry { index, source })
            })?;
            Chain::follow(organisation, root, &elsewhere)?
        }
    };
    let tree = checked.map_err(|source| AuditError::Files(Box::new(source)))?;
    let signed = chain.signed(&log, &note, witnesses)?;
    if let Some(known) = known {
        goes_on(&log, known, tree.size(), tree.root_at(known.size))?;
    }
    Ok(ReadLog {
        node: signed.node.name,
        signed: signed.time,
        cosigners: signed.accepted.cosigners,
        policy: chain.policy().clone(),
        log,
        entries,
        tree,
        note,
    })
}

/// The first entry that is not the one whose hash is in the tile: it was changed by itself.
fn same_as_tiles(folder: &LogFolder, entries: &[Bytes], size: u64) -> Result<(), AuditError> {
    let tiles = TileId::between(0, size).filter(|tile| tile.level() == TileLevel::Hashes(0));
    let mut left = (0_u64..).zip(entries);
    for tile in tiles {
        let read = |tile: TileId| -> io::Result<Option<Vec<u8>>> { folder.read(&tile.path()) };
        let bytes = match read(tile) {
            Ok(None) => read(tile.full()),
            found => found,
        };
        let source_failed =
            |source| AuditError::File { path: folder.path().join(tile.path()), source };
        let bytes = bytes.map_err(source_failed)?.unwrap_or_default();
        for hash in bytes.chunks_exact(Hash::LENGTH).take(tile.width().into()) {
            let (Some((index, entry)), Ok(wanted)) = (left.next(), Hash::try_from(hash)) else {
                return Ok(());
            };
            let found = leaf_hash(entry);
            if wanted != found {
                return Err(AuditError::Altered { index, wanted, found });
            }
        }
    }
    Ok(())
}

/// Replays a control log from its root; statements of others are applied when one needs them.
fn replay(
    organisation: &OrgName,
    root: Hash,
    entries: &[Bytes],
    elsewhere: Vec<Statement>,
) -> Result<Policy, AuditError> {
    let mut policy = Policy::new(organisation.clone(), root);
    let mut waiting = elsewhere;
    for (index, entry) in (0_u64..).zip(entries) {
        let malformed = |source| AuditError::Entry { index, source };
        let entry = LogEntry::decode(entry).map_err(malformed)?;
        let statement = Statement::decode(&entry.statement).map_err(malformed)?;
        let Err(mut cause) = policy.apply(&statement, entry.received, &StrictVerifier) else {
            continue;
        };
        // It may hang on what another organisation stated.
        while apply_some(&mut policy, &mut waiting) {
            match policy.apply(&statement, entry.received, &StrictVerifier) {
                Ok(_applied) => break,
                Err(again) => cause = again,
            }
        }
        if policy.apply(&statement, entry.received, &StrictVerifier).is_err() {
            let (kind, source) = (statement.kind(), Box::new(cause));
            return Err(AuditError::Statement { index, kind, source });
        }
    }
    Ok(policy)
}

/// Applies what can be applied; whether anything could.
fn apply_some(policy: &mut Policy, waiting: &mut Vec<Statement>) -> bool {
    let before = waiting.len();
    waiting.retain(|statement| policy.learn(statement, &StrictVerifier).is_err());
    waiting.len() < before
}
