//! The way from an organisation's root to the keys of its nodes, statement by statement.

use sekisho_policy::{Policy, PrincipalRecord};
use sekisho_proto::{Hash, LogName, OrgName, PrincipalKind, PublicKey, Statement, Timestamp};
use sekisho_seal::StrictVerifier;
use sekisho_tlog::{
    Accepted, Known, Note, NoteError, NoteKey, NoteKeyKind, QuorumError, TlogPolicy, WitnessError,
};

use super::error::AuditError;

/// Statements that were followed from a root.
#[derive(Debug, Clone)]
pub struct Chain {
    policy: Policy,
    root: Hash,
}

/// A checkpoint that a node of the organisation signed.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) accepted: Accepted,
    pub(super) node: PrincipalRecord,
    pub(super) time: Option<Timestamp>,
}

impl Chain {
    /// Follows statements from a root, in their order.
    ///
    /// # Errors
    /// [`AuditError::Chain`] at the first that does not hold.
    pub fn follow(
        organisation: &OrgName,
        root: Hash,
        statements: &[Statement],
    ) -> Result<Self, AuditError> {
        let mut policy = Policy::new(organisation.clone(), root);
        for (number, statement) in (1..).zip(statements) {
            policy.learn(statement, &StrictVerifier).map_err(|cause| {
                let (kind, source) = (statement.kind(), Box::new(cause));
                AuditError::Chain { number, kind, source }
            })?;
        }
        Ok(Self { policy, root })
    }

    pub(super) const fn of(policy: Policy, root: Hash) -> Self {
        Self { policy, root }
    }

    /// What they say.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The organisation's nodes, the newest first, without those that were revoked.
    fn nodes(&self) -> Vec<&PrincipalRecord> {
        let all = self.policy.principals(self.policy.own());
        let is_node = |record: &&PrincipalRecord| {
            record.kind == PrincipalKind::Node && record.revoked.is_none()
        };
        let mut nodes: Vec<&PrincipalRecord> = all.into_iter().filter(is_node).collect();
        nodes.sort_by_key(|record| std::cmp::Reverse((record.issued, record.id)));
        nodes
    }

    /// Checks that one of the nodes signed a checkpoint, and that enough witnesses did.
    pub(super) fn signed(
        &self,
        log: &LogName,
        note: &Note,
        witnesses: Option<&TlogPolicy>,
    ) -> Result<Signed, AuditError> {
        let organisation = self.policy.own();
        let mut refused = None;
        for node in self.nodes() {
            match self.signed_by(log, note, node, witnesses) {
                Err(AuditError::Unsigned { source, .. }) => {
                    refused.get_or_insert(source);
                }
                decided => return decided,
            }
        }
        Err(match refused {
            Some(source) => AuditError::Unsigned { log: log.clone(), source },
            None => AuditError::NoNode { organisation: organisation.clone(), root: self.root },
        })
    }

    fn signed_by(
        &self,
        log: &LogName,
        note: &Note,
        node: &PrincipalRecord,
        witnesses: Option<&TlogPolicy>,
    ) -> Result<Signed, AuditError> {
        let unsigned = |source| AuditError::Unsigned { log: log.clone(), source };
        let key = key_of(log, NoteKeyKind::Log, &node.public_key).map_err(unsigned)?;
        let accepted = match witnesses {
            Some(policy) => {
                policy.check_of(&key, note, &StrictVerifier).map_err(|source| match source {
                    QuorumError::Note(cause) => unsigned(cause),
                    source @ (QuorumError::Log { .. } | QuorumError::Quorum { .. }) => {
                        AuditError::Quorum { log: log.clone(), source }
                    }
                })?
            }
            None => {
                let checkpoint = note.checkpoint_of(&key, &StrictVerifier).map_err(unsigned)?;
                Accepted { checkpoint, log: key, cosigners: Vec::new() }
            }
        };
        let dated = key_of(log, NoteKeyKind::Cosigner, &node.public_key).map_err(unsigned)?;
        let time = note.verify(&dated, &StrictVerifier).ok().and_then(|signed| signed.time);
        Ok(Signed { accepted, node: node.clone(), time })
    }
}

/// The key of a log's node as it signs the log's notes, or dates them.
fn key_of(log: &LogName, kind: NoteKeyKind, key: &PublicKey) -> Result<NoteKey, NoteError> {
    let name = match kind {
        NoteKeyKind::Log => log.to_string(),
        NoteKeyKind::Cosigner => format!("sekisho/{}/node", log.organisation()),
    };
    Ok(NoteKey::new(name, kind, *key)?)
}

/// Which log a note is of.
pub(super) fn log_of(note: &Note) -> Result<LogName, AuditError> {
    let checkpoint = note.checkpoint().map_err(|cause| AuditError::Checkpoint(cause.into()))?;
    let origin = &checkpoint.origin;
    origin.parse().map_err(|_other| AuditError::Origin { found: origin.escape_debug().to_string() })
}

/// Whether a log with this root at the size that is known is what it was.
pub(super) fn goes_on(
    log: &LogName,
    known: &Known,
    size: u64,
    root_there: Option<Hash>,
) -> Result<(), AuditError> {
    let log = log.to_string();
    match root_there {
        Some(root) if root == known.root => Ok(()),
        Some(found) => Err(AuditError::Rewritten(WitnessError::Forked {
            log,
            size: known.size,
            known: known.root,
            found,
        })),
        None => Err(AuditError::Rewritten(WitnessError::RolledBack {
            log,
            known: known.size,
            found: size,
        })),
    }
}
