//! What a node leaves on its disk for whoever takes it over: its control log, and the means to sign
//! for it.

use std::path::Path;
use std::sync::Arc;

use sekisho::{OrgName, SigningKey, Timestamp};
use sekisho_proto::frame::{Checkpoint, FollowedStatement};
use sekisho_proto::{LogEntry, LogName, StatementIndex};
use sekisho_store::{Disk, Keyed as _, KeyedFile, StdDisk};
use sekisho_tlog::{Signing, Tree, cosign, leaf_hash, sign_checkpoint};

/// The control log that the node in an organisation's folder kept of its own; the node has ended.
pub(crate) fn stolen_log(folder: &Path, organisation: &OrgName) -> Vec<LogEntry> {
    let disk: Arc<dyn Disk> = Arc::new(StdDisk);
    let path = folder.join("data/keyed.redb");
    let keyed = KeyedFile::open(&disk, &path, 1 << 20).expect("the node's store");
    let stored = keyed.statements(organisation, StatementIndex::ZERO, usize::MAX);
    let stored = stored.expect("the control log");
    stored
        .into_iter()
        .map(|one| LogEntry { received: one.received, statement: one.statement })
        .collect()
}

/// A checkpoint of a control log, signed and cosigned at that time as its node does.
pub(crate) fn shown_checkpoint(
    signing: &SigningKey,
    organisation: &OrgName,
    entries: &[LogEntry],
    time: Timestamp,
    subscription: u32,
) -> Checkpoint {
    let tree: Tree = entries.iter().map(|entry| leaf_hash(&entry.encode())).collect();
    let origin = LogName::Control(organisation.clone()).to_string();
    let checkpoint = sekisho_tlog::Checkpoint { origin, size: tree.size(), root: tree.root() };
    let sign = |message: &[u8]| signing.sign(message);
    let signer = Signing { key: signing.public_key(), sign: &sign };
    let note = sign_checkpoint(&checkpoint, &signer).expect("a note");
    let name = format!("sekisho/{organisation}/node");
    let line = cosign(&note, &name, &signer, time).expect("a cosignature");
    let note = note.with_signature(line).expect("room for two signatures").to_string();
    Checkpoint { subscription, note, old_size: 0, consistency: Vec::new() }
}

/// An entry as it is told to who follows the log.
pub(crate) fn followed(entry: &LogEntry) -> FollowedStatement {
    let LogEntry { received, statement } = entry.clone();
    FollowedStatement { statement, received }
}
