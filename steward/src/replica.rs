//! The steward's own replay of the control logs, as its node tells them. Nothing the node says
//! counts but what statements prove; and nothing is decided before every log was read to its end,
//! since the statement that takes a right away may be the last one.

use std::collections::{BTreeMap, VecDeque};

use sekisho::Followed;
use sekisho_policy::Policy;
use sekisho_proto::{Hash, OrgName, PrincipalId, StatementBody, StatementKind};
use sekisho_seal::StrictVerifier;
use thiserror::Error;

use crate::ledger::Ledger;

/// Organisations that are followed beside the own one.
const PEERS_MAX: usize = 256;

/// Statements that may wait for others to be applied first: a log that is read ahead of another, or
/// what a newer node than this program understands.
const WAITING_MAX: usize = 65_536;

/// The logs cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("control logs: wanted at most {WAITING_MAX} statements that wait for others, found more")]
pub struct ReplicaError;

/// See the module.
#[derive(Debug)]
pub(crate) struct Replica {
    policy: Policy,
    ledger: Ledger,
    /// Grows with every statement by which somebody may gain or lose a right or a key's epoch.
    rights: u64,
    logs: BTreeMap<OrgName, Log>,
    /// Statements that did not apply when everything else had been read; tried again with each
    /// that does.
    set_aside: Vec<(OrgName, Followed)>,
}

#[derive(Debug, Default)]
struct Log {
    waiting: VecDeque<Followed>,
    /// Whether it was read to its end once.
    is_read: bool,
}

impl Replica {
    /// Of one of the stewards of `own`. Knows nothing but the root that `own` must have.
    pub(crate) fn new(own: &OrgName, root: Hash, steward: PrincipalId) -> Self {
        Self {
            policy: Policy::new(own.clone(), root),
            ledger: Ledger::new(own.clone(), steward),
            rights: 0,
            logs: BTreeMap::from([(own.clone(), Log::default())]),
            set_aside: Vec::new(),
        }
    }

    /// Who may do what.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Grows with every statement that may make a plan a wrong one: all but those that say that a
    /// plan was followed.
    pub(crate) fn rights(&self) -> u64 {
        self.rights
    }

    /// Who was given which key.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Every organisation whose log is needed: the own one, those it has a peering with, and those
    /// that a peer passes on.
    pub(crate) fn organisations(&self) -> impl Iterator<Item = &OrgName> {
        self.logs.keys()
    }

    /// Whether all there was when it was asked for was read and applied as far as it goes.
    pub(crate) fn is_complete(&self) -> bool {
        self.logs.values().all(|log| log.is_read && log.waiting.is_empty())
    }

    /// Takes the next statements of a log; none means that it was read to its end.
    ///
    /// # Errors
    /// Too many statements wait for others.
    pub(crate) fn take(
        &mut self,
        organisation: &OrgName,
        followed: Vec<Followed>,
    ) -> Result<(), ReplicaError> {
        for one in &followed {
            self.note_peers(one);
        }
        let Some(log) = self.logs.get_mut(organisation) else { return Ok(()) };
        log.is_read |= followed.is_empty();
        log.waiting.extend(followed);
        self.apply();
        let waiting: usize = self.logs.values().map(|log| log.waiting.len()).sum();
        if waiting.saturating_add(self.set_aside.len()) > WAITING_MAX {
            return Err(ReplicaError);
        }
        Ok(())
    }

    /// Gives up waiting for a log that the node does not tell.
    pub(crate) fn do_without(&mut self, organisation: &OrgName) {
        if let Some(log) = self.logs.get_mut(organisation) {
            log.is_read = true;
        }
        self.apply();
    }

    /// A peering can only be checked with the other party's root and issuers, which its log holds; and
    /// whom it passes on may be those who read here, and who write what is read here.
    fn note_peers(&mut self, followed: &Followed) {
        let StatementBody::Peering(peering) = followed.statement.body() else { return };
        let own = self.policy.own();
        let Some((_ours, theirs)) = peering.sides(own) else { return };
        let passed_on = theirs.passes_on.iter().map(|transit| &transit.organisation);
        for peer in [&theirs.organisation].into_iter().chain(passed_on) {
            if self.logs.contains_key(peer) {
                continue;
            }
            if self.logs.len() > PEERS_MAX {
                tracing::warn!(%peer, limit = PEERS_MAX, "too many peers: log not followed");
                return;
            }
            self.logs.insert(peer.clone(), Log::default());
        }
    }

    /// Applies what can be applied: every log in its order, and those of different organisations,
    /// which may depend on one another, each as far as it goes.
    fn apply(&mut self) {
        let names: Vec<OrgName> = self.logs.keys().cloned().collect();
        loop {
            let mut applied = false;
            for name in &names {
                applied |= self.apply_front(name);
            }
            if applied {
                self.retry();
                continue;
            }
            if !self.logs.values().all(|log| log.is_read) || !self.set_one_aside() {
                return;
            }
        }
    }

    fn apply_front(&mut self, name: &OrgName) -> bool {
        let mut applied = false;
        while let Some(one) = self.logs.get_mut(name).and_then(|log| log.waiting.pop_front()) {
            if !self.apply_one(name, &one) {
                if let Some(log) = self.logs.get_mut(name) {
                    log.waiting.push_front(one);
                }
                break;
            }
            applied = true;
        }
        applied
    }

    fn retry(&mut self) {
        for (name, one) in std::mem::take(&mut self.set_aside) {
            if self.apply_one(&name, &one) {
                let kind = one.statement.kind().name();
                tracing::info!(organisation = %name, index = %one.index, kind, "applied at last");
            } else {
                self.set_aside.push((name, one));
            }
        }
    }

    fn apply_one(&mut self, name: &OrgName, one: &Followed) -> bool {
        let Followed { statement, received, .. } = one;
        match self.policy.apply(statement, *received, &StrictVerifier) {
            Ok(applied) => {
                if applied.is_new {
                    self.ledger.enter(&applied.organisation, statement, *received);
                    let kind = statement.kind();
                    let is_done = matches!(kind, StatementKind::KeyGrant | StatementKind::Erasure);
                    self.rights += u64::from(!is_done);
                }
                true
            }
            Err(cause) => {
                tracing::debug!(organisation = %name, index = %one.index, %cause, "not applied");
                false
            }
        }
    }

    /// Lets the statements behind one that does not apply be tried.
    fn set_one_aside(&mut self) -> bool {
        let stuck = self
            .logs
            .iter_mut()
            .find_map(|(name, log)| log.waiting.pop_front().map(|one| (name.clone(), one)));
        let Some((name, one)) = stuck else { return false };
        let kind = one.statement.kind().name();
        let index = one.index;
        if let StatementBody::Peering(_) = one.statement.body() {
            tracing::info!(organisation = %name, %index, "peering waits for the other party's log");
        } else {
            tracing::warn!(organisation = %name, %index, kind, "statement not believed so far");
        }
        self.set_aside.push((name, one));
        true
    }
}

#[cfg(test)]
mod tests;
