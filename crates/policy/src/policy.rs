//! The state that decisions are made from: every organisation's log as far as it is known here.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use sekisho_proto::{
    Hash, OrgName, Statement, StatementIndex, StatementKind, StatementVerifier, Timestamp,
};

use crate::{LoggedStatement, StatementError, organisation::Organisation, peering::PeeringFact};

/// What an organisation's node, or one of its clients, knows about who may do what.
///
/// A clone is cheap and shares the past: keep one to decide with, apply to a clone, then swap.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) own: OrgName,
    pub(crate) version: u64,
    pub(crate) organisations: BTreeMap<OrgName, Arc<Organisation>>,
    /// The fingerprints of the roots that are trusted.
    pub(crate) pins: BTreeMap<OrgName, Hash>,
    /// This organisation's peerings by the other one, oldest first.
    pub(crate) peerings: BTreeMap<OrgName, Vec<Arc<PeeringFact>>>,
    /// When each other organisation's log was last known to be complete, where that is watched.
    pub(crate) heard: BTreeMap<OrgName, Timestamp>,
}

/// Where a statement is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// In whose log: of a peering, this organisation's.
    pub organisation: OrgName,
    /// Its place there.
    pub index: StatementIndex,
    /// Of a peering: the other party's log and its place there.
    pub other: Option<(OrgName, StatementIndex)>,
    /// Whether it was applied by this call; otherwise it was known.
    pub is_new: bool,
}

/// A statement of a stored log that could not be applied again.
#[derive(Debug)]
pub struct Unapplied {
    /// In whose log it is.
    pub organisation: OrgName,
    /// Its place in that log, from 0.
    pub position: usize,
    /// Its kind.
    pub kind: StatementKind,
    /// Why.
    pub error: StatementError,
}

impl Policy {
    /// Knows nothing yet, and trusts one root: of `own`, the organisation that it decides for.
    /// `root` is the SHA-256 of the body of that organisation's `OrgRoot`.
    #[must_use]
    pub fn new(own: OrgName, root: Hash) -> Self {
        Self {
            pins: BTreeMap::from([(own.clone(), root)]),
            own,
            version: 0,
            organisations: BTreeMap::new(),
            peerings: BTreeMap::new(),
            heard: BTreeMap::new(),
        }
    }

    /// Trusts another organisation's root without waiting for a peering.
    ///
    /// # Errors
    ///
    /// [`RootMismatch`](StatementError::RootMismatch) where another root is trusted already.
    pub fn pin(&mut self, organisation: &OrgName, root: Hash) -> Result<(), StatementError> {
        if let Some(wanted) = self.pins.get(organisation).filter(|pinned| **pinned != root) {
            let (organisation, wanted) = (organisation.clone(), *wanted);
            return Err(StatementError::RootMismatch { organisation, wanted, found: root });
        }
        self.pins.insert(organisation.clone(), root);
        match self.organisations.get_mut(organisation) {
            Some(known) if known.root.fingerprint == root => {
                Arc::make_mut(known).is_pinned = true;
                self.version += 1;
            }
            Some(_) => {
                self.organisations.remove(organisation);
            }
            None => {}
        }
        Ok(())
    }

    /// The organisation that it decides for.
    #[must_use]
    pub fn own(&self) -> &OrgName {
        &self.own
    }

    /// Grows with everything that may change a decision; what was decided under an older version
    /// must be asked again.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// An organisation's log as far as it was applied here, in the order of application; empty
    /// where the organisation is not known. Another organisation's own order may differ: its
    /// peerings, and what was needed to check them, may be applied here earlier.
    #[must_use]
    pub fn log(&self, organisation: &OrgName) -> &[LoggedStatement] {
        self.organisations.get(organisation).map_or(&[], |known| &known.log)
    }

    /// Notes that everything the organisation stated until `heard` is known here. Once noted for an
    /// organisation, restricted topics and principals of it fail closed when it is
    /// [`FRESHNESS_MAX`](crate::FRESHNESS_MAX) ago; where it never was, nothing is watched. The
    /// version stays: no statement was made.
    pub fn note_heard(&mut self, organisation: &OrgName, heard: Timestamp) {
        let known = self.heard.entry(organisation.clone()).or_insert(heard);
        *known = heard.max(*known);
    }

    /// When the organisation was last heard; `None` where it is not watched.
    #[must_use]
    pub fn heard(&self, organisation: &OrgName) -> Option<Timestamp> {
        self.heard.get(organisation).copied()
    }

    /// Applies stored logs: every organisation's in its order, and those of different
    /// organisations, which may depend on one another, each as far as it goes. Returns what could
    /// not be applied; the statements behind it were tried nevertheless.
    pub fn restore(
        &mut self,
        logs: impl IntoIterator<Item = (OrgName, Vec<(Statement, Timestamp)>)>,
        verifier: &dyn StatementVerifier,
    ) -> Vec<Unapplied> {
        let mut logs: Vec<StoredLog> = logs
            .into_iter()
            .map(|(organisation, statements)| StoredLog {
                organisation,
                position: 0,
                statements: statements.into(),
            })
            .collect();
        let mut unapplied = Vec::new();
        loop {
            let mut applied = 0;
            let mut stuck = None;
            for log in &mut logs {
                applied += self.restore_some(log, verifier, &mut stuck);
            }
            if applied > 0 {
                continue;
            }
            let Some(found) = stuck else { return unapplied };
            if let Some(log) = logs.iter_mut().find(|log| log.organisation == found.organisation) {
                log.statements.pop_front();
                log.position += 1;
            }
            unapplied.push(found);
        }
    }

    fn restore_some(
        &mut self,
        log: &mut StoredLog,
        verifier: &dyn StatementVerifier,
        stuck: &mut Option<Unapplied>,
    ) -> usize {
        let mut applied = 0;
        while let Some((statement, received)) = log.statements.front() {
            if let Err(error) = self.apply(statement, *received, verifier) {
                stuck.get_or_insert(Unapplied {
                    organisation: log.organisation.clone(),
                    position: log.position,
                    kind: statement.kind(),
                    error,
                });
                break;
            }
            log.statements.pop_front();
            log.position += 1;
            applied += 1;
        }
        applied
    }
}

struct StoredLog {
    organisation: OrgName,
    position: usize,
    statements: VecDeque<(Statement, Timestamp)>,
}
