//! The state that decisions are made from: every organisation's log as far as it is known here.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use sekisho_proto::{
    Hash, OrgName, PrincipalId, Statement, StatementIndex, StatementKind, StatementVerifier,
    Timestamp,
};

use crate::{
    LoggedStatement, StatementError, decision_cache::DecisionCache, organisation::Organisation,
    peering::PeeringFact, shared_map::SharedMap,
};

/// What an organisation's node, or one of its clients, knows about who may do what.
///
/// A clone is cheap and shares the past: keep one to decide with, apply to a clone, then swap.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) own: OrgName,
    pub(crate) version: u64,
    /// What was decided by this version.
    pub(crate) decisions: Arc<DecisionCache>,
    pub(crate) organisations: BTreeMap<OrgName, Arc<Organisation>>,
    /// Whose logs name a key, by ascending name: of many peers nobody is asked in vain.
    pub(crate) namers: SharedMap<PrincipalId, Vec<OrgName>>,
    /// The fingerprints of the roots that are trusted.
    pub(crate) pins: BTreeMap<OrgName, Hash>,
    /// This organisation's peerings by the other one, oldest first.
    pub(crate) peerings: BTreeMap<OrgName, Vec<Arc<PeeringFact>>>,
    /// By organisation, the peers that a contract ever had pass it on.
    pub(crate) transits: BTreeMap<OrgName, BTreeSet<OrgName>>,
    /// When each other organisation's log was last known to be complete, where that is watched.
    pub(crate) heard: BTreeMap<OrgName, Timestamp>,
}

/// Where a statement is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// In whose log: of a peering, this organisation's, or that of the party that was added.
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
            decisions: Arc::default(),
            organisations: BTreeMap::new(),
            namers: SharedMap::default(),
            peerings: BTreeMap::new(),
            transits: BTreeMap::new(),
            heard: BTreeMap::new(),
        }
    }

    /// Trusts another organisation's root without waiting for a peering.
    ///
    /// # Errors
    ///
    /// [`RootMismatch`](StatementError::RootMismatch) where another root is trusted already.
    pub fn pin(&mut self, organisation: &OrgName, root: Hash) -> Result<(), StatementError> {
        self.check_pin(organisation, root)?;
        self.pins.insert(organisation.clone(), root);
        match self.organisations.get_mut(organisation) {
            Some(known) if known.root.fingerprint == root => {
                Arc::make_mut(known).is_pinned = true;
                self.note_change();
            }
            Some(_) => {
                self.organisations.remove(organisation);
            }
            None => {}
        }
        Ok(())
    }

    /// # Errors
    ///
    /// [`RootMismatch`](StatementError::RootMismatch) where another root is trusted already.
    pub(crate) fn check_pin(
        &self,
        organisation: &OrgName,
        root: Hash,
    ) -> Result<(), StatementError> {
        match self.pins.get(organisation).filter(|pinned| **pinned != root) {
            Some(wanted) => {
                let (organisation, wanted) = (organisation.clone(), *wanted);
                Err(StatementError::RootMismatch { organisation, wanted, found: root })
            }
            None => Ok(()),
        }
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
        match self.heard.get_mut(organisation) {
            Some(known) => *known = heard.max(*known),
            None => {
                self.heard.insert(organisation.clone(), heard);
                // What was decided while nobody watched may go by what is too old.
                self.decisions = Arc::default();
            }
        }
    }

    /// Something that decisions go by has changed.
    pub(crate) fn note_change(&mut self) {
        self.version += 1;
        self.decisions = Arc::default();
    }

    /// When the organisation was last heard; `None` where it is not watched.
    #[must_use]
    pub fn heard(&self, organisation: &OrgName) -> Option<Timestamp> {
        self.heard.get(organisation).copied()
    }

    /// Applies stored logs: every organisation's in its order, and those of different
    /// organisations, which may depend on one another, each as far as it goes. A statement of two
    /// logs is applied when both have come to it, so that each log is in its order again. Returns
    /// what could not be applied; the statements behind it were tried nevertheless.
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
            for place in 0..logs.len() {
                applied += self.restore_some(&mut logs, place, verifier, &mut stuck);
            }
            if applied > 0 {
                continue;
            }
            // A statement that only one of its two logs has, or has at another place.
            let waiting = (0..logs.len()).find(|place| self.waits(&logs, *place));
            let alone = waiting.and_then(|place| logs.get_mut(place));
            if alone.is_some_and(|log| self.restore_next(log, verifier).is_ok()) {
                continue;
            }
            let Some(found) = stuck else {
                let Some(log) = waiting.and_then(|place| logs.get_mut(place)) else {
                    return unapplied;
                };
                if let Err(error) = self.restore_next(log, verifier) {
                    unapplied.extend(log.give_up(error));
                }
                continue;
            };
            let log = logs.iter_mut().find(|log| log.organisation == found.0);
            unapplied.extend(log.and_then(|log| log.give_up(found.1)));
        }
    }

    fn restore_some(
        &mut self,
        logs: &mut [StoredLog],
        place: usize,
        verifier: &dyn StatementVerifier,
        stuck: &mut Option<(OrgName, StatementError)>,
    ) -> usize {
        let mut applied = 0;
        while !self.waits(logs, place) {
            let Some(log) = logs.get_mut(place) else { break };
            match self.restore_next(log, verifier) {
                Ok(true) => applied += 1,
                Ok(false) => break,
                Err(error) => {
                    stuck.get_or_insert((log.organisation.clone(), error));
                    break;
                }
            }
        }
        applied
    }

    /// Applies a log's next statement; false where there is none.
    fn restore_next(
        &mut self,
        log: &mut StoredLog,
        verifier: &dyn StatementVerifier,
    ) -> Result<bool, StatementError> {
        let Some((statement, received)) = log.statements.front() else { return Ok(false) };
        self.apply(statement, *received, verifier)?;
        log.statements.pop_front();
        log.position += 1;
        Ok(true)
    }

    /// Whether a log's next statement belongs to another log as well, which is not there yet.
    fn waits(&self, logs: &[StoredLog], place: usize) -> bool {
        let Some(log) = logs.get(place) else { return false };
        let Some((statement, _received)) = log.statements.front() else { return false };
        let about = statement.organisations();
        if about.len() < 2 {
            return false;
        }
        let id = statement.id();
        about.into_iter().filter(|other| **other != log.organisation).any(|other| {
            let other = logs.iter().find(|log| log.organisation == *other);
            let next = other.and_then(|log| log.statements.front());
            let is_known = self.is_known(&log.organisation, &id);
            !is_known && next.is_some_and(|(next, _received)| next.id() != id)
        })
    }

    /// Whether a statement is in an organisation's log.
    pub(crate) fn is_known(&self, organisation: &OrgName, id: &Hash) -> bool {
        let known = self.organisations.get(organisation);
        known.is_some_and(|known| known.index.get(id).is_some())
    }
}

struct StoredLog {
    organisation: OrgName,
    position: usize,
    statements: VecDeque<(Statement, Timestamp)>,
}

impl StoredLog {
    fn give_up(&mut self, error: StatementError) -> Option<Unapplied> {
        let (statement, _received) = self.statements.pop_front()?;
        let (organisation, position) = (self.organisation.clone(), self.position);
        self.position += 1;
        Some(Unapplied { organisation, position, kind: statement.kind(), error })
    }
}
