//! Everything a steward decides and does with epoch keys, without a network: what the logs say goes
//! in, statements that are to be stated come out, in batches and in order.

use std::{collections::VecDeque, path::Path, sync::Arc, time::Duration};

use sekisho::Followed;
use sekisho_policy::Policy;
use sekisho_proto::{Hash, OrgName, Timestamp, limits::STATEMENTS_PER_STATE_MAX};
use sekisho_proto::{PrincipalId, Statement};
use sekisho_seal::{Entropy, Identity};

use crate::{
    KeeperError, ReplicaError, SeedError,
    keeper::Keeper,
    plan::{Action, Situation, plan},
    replica::Replica,
    seeds::Seeds,
    settings::Settings,
};

/// How long a plan is followed: rights begin and end by themselves, too.
const PLAN_AGE_MAX: Duration = Duration::from_secs(1);

/// The logs, the owner's wishes, and the seeds in a steward's care.
#[derive(Debug)]
pub struct Custody {
    replica: Replica,
    keeper: Keeper,
    settings: Settings,
}

/// What is to be done, as far as it was known when the plan was made.
#[derive(Debug)]
pub struct Plan {
    actions: VecDeque<Action>,
    /// [`Replica::rights`] of then.
    rights: u64,
    /// When the first of it was done: a plan that took long to make is followed all the same.
    begun: Option<Timestamp>,
}

impl Plan {
    /// Whether nothing of it is left to be done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.actions.is_empty()
    }
}

impl Custody {
    /// Of the steward of `own` whose keys these are, with the seeds in its folder; it knows nothing
    /// but the root that its organisation must have.
    ///
    /// # Errors
    /// The seeds cannot be read.
    pub fn open(
        folder: &Path,
        identity: Arc<Identity>,
        own: &OrgName,
        root: Hash,
        settings: Settings,
    ) -> Result<Self, SeedError> {
        let seeds = Seeds::open(folder)?;
        let replica = Replica::new(own, root, identity.id());
        Ok(Self { replica, keeper: Keeper::new(identity, seeds), settings })
    }

    /// Every organisation whose log is needed: the own one, those it has a peering with, and those
    /// that a peer passes on.
    pub fn organisations(&self) -> impl Iterator<Item = &OrgName> {
        self.replica.organisations()
    }

    /// Whether all there was in the logs when it was asked for was read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.replica.is_complete()
    }

    /// Takes the next statements of a log; none means that it was read to its end.
    ///
    /// # Errors
    /// Too many statements wait for others.
    pub fn take(
        &mut self,
        organisation: &OrgName,
        followed: Vec<Followed>,
    ) -> Result<(), ReplicaError> {
        self.replica.take(organisation, followed)
    }

    /// Gives up waiting for a log that the node does not tell.
    pub fn do_without(&mut self, organisation: &OrgName) {
        self.replica.do_without(organisation);
    }

    /// What is to be done now.
    #[must_use]
    pub fn plan(&self, now: Timestamp) -> Plan {
        let situation = Situation {
            policy: self.replica.policy(),
            ledger: self.replica.ledger(),
            settings: &self.settings,
            seeds: self.keeper.seeds(),
            own: self.keeper.id(),
            now,
        };
        Plan { actions: plan(&situation).into(), rights: self.replica.rights(), begun: None }
    }

    /// Whether a plan may still be followed: nothing was stated since by which somebody may have lost
    /// a right, and it has not been followed for long.
    #[must_use]
    pub fn stands(&self, plan: &Plan, now: Timestamp) -> bool {
        let is_old = |begun| now.saturating_since(begun) >= PLAN_AGE_MAX;
        plan.rights == self.replica.rights() && !plan.begun.is_some_and(is_old)
    }

    /// Does the next part of a plan that [`stands`](Self::stands); returns what is to be stated for
    /// it, before anything else is done: what shuts readers out is never in one batch with what lets
    /// readers in. Nothing where nothing is left.
    ///
    /// # Errors
    /// A seed cannot be kept, sealed or destroyed.
    pub fn next_batch(
        &mut self,
        plan: &mut Plan,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<Statement>, KeeperError> {
        plan.begun.get_or_insert(now);
        let mut batch = Vec::new();
        let mut stage = None;
        while let Some(action) = plan.actions.pop_front() {
            let is_full = batch.len() >= STATEMENTS_PER_STATE_MAX;
            let is_next = stage.replace(action.stage()).is_some_and(|was| was != action.stage());
            if is_full || (is_next && !batch.is_empty()) {
                plan.actions.push_front(action);
                break;
            }
            let policy = self.replica.policy();
            batch.extend(self.keeper.carry_out(&action, policy, now, entropy)?);
        }
        if plan.actions.is_empty() {
            self.keeper.rest();
        }
        Ok(batch)
    }

    /// Who it is.
    #[must_use]
    pub fn id(&self) -> PrincipalId {
        self.keeper.id()
    }

    /// Who may do what.
    pub(crate) fn policy(&self) -> &Policy {
        self.replica.policy()
    }

    pub(crate) fn keeper(&self) -> &Keeper {
        &self.keeper
    }
}
