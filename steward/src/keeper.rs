//! Does what was planned with keys: draws, seals and signs. What it returns is still to be stated.

use std::sync::Arc;

use sekisho_policy::Policy;
use sekisho_proto::{
    Epoch, Filter, PrincipalId, PrincipalName, Statement, StatementBody, Timestamp,
    statement::{EpochAnnounce, Erased, Erasure},
};
use sekisho_seal::{
    Entropy, EpochKeyPair, GrantError, Identity, KemError, KemPublicKey, KeyGrantDraft,
    sign_statement, unwrap_epoch_seed, wrap_epoch_seed,
};
use thiserror::Error;

use crate::{
    plan::{Action, Announcement, Granting, Place},
    seeds::{SeedError, SeedId, Seeds},
};

/// Why a seed is destroyed, for people.
const REASON: &str = "the epoch is over and so is the time for which its seed is kept";

/// An action that cannot be done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeeperError {
    /// A seed cannot be kept or destroyed.
    #[error(transparent)]
    Seeds(#[from] SeedError),
    /// A seed could not be sealed to a reader.
    #[error("key grant to {reader}: wanted the seed sealed")]
    Grant {
        /// To whom.
        reader: PrincipalName,
        /// Why not.
        source: KemError,
    },
}

/// The steward's own keys and the seeds in its care.
#[derive(Debug)]
pub(crate) struct Keeper {
    identity: Arc<Identity>,
    seeds: Seeds,
    /// Another organisation's epoch that is being handed on.
    lent: Option<Lent>,
}

/// The keys of another organisation's epoch, from the key grant to this steward. They are in memory
/// while they are handed on, and nowhere else.
#[derive(Debug)]
struct Lent {
    tree: Filter,
    epoch: Epoch,
    keys: EpochKeyPair,
}

impl Keeper {
    pub(crate) fn new(identity: Arc<Identity>, seeds: Seeds) -> Self {
        Self { identity, seeds, lent: None }
    }

    /// Whose keys it signs with.
    pub(crate) fn id(&self) -> PrincipalId {
        self.identity.id()
    }

    /// What it opens errands with, and signs their answers.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The seeds in its care.
    pub(crate) fn seeds(&self) -> &Seeds {
        &self.seeds
    }

    /// Signs a sentence of the owner's policy.
    pub(crate) fn sign(&self, body: impl Into<StatementBody>) -> Statement {
        sign_statement(Statement::unsigned(body.into()), self.identity.signing())
    }

    /// Signs what somebody else has signed.
    pub(crate) fn countersign(&self, statement: Statement) -> Statement {
        sign_statement(statement, self.identity.signing())
    }

    /// Does an action; returns what is to be stated for it. A key that is to be announced is
    /// durable on return, and a seed of which it is to be said is destroyed.
    pub(crate) fn carry_out(
        &mut self,
        action: &Action,
        policy: &Policy,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Statement>, KeeperError> {
        match action {
            Action::Announce(announcement) => self.announce(announcement, now, entropy),
            Action::Grant(granting) => self.grant(granting, policy, now, entropy),
            Action::Destroy(id, place) => {
                self.seeds.destroy(*id, place.is_some())?;
                tracing::info!(seed = %id, "epoch seed destroyed");
                Ok(place.as_ref().map(|place| self.receipt(*id, place, now)))
            }
            Action::Receipt(id, place) => Ok(Some(self.receipt(*id, place, now))),
            Action::Forget(id) => {
                self.seeds.settle(*id)?;
                Ok(None)
            }
        }
    }

    /// Forgets the keys of other organisations that it handed on last.
    pub(crate) fn rest(&mut self) {
        self.lent = None;
    }

    fn receipt(&self, seed: SeedId, (tree, epoch): &Place, now: Timestamp) -> Statement {
        self.sign(Erasure {
            organisation: tree.organisation().clone(),
            erased: Erased::Epoch { tree: tree.clone(), epoch: *epoch, key: seed.hash() },
            records: 1,
            reason: REASON.to_owned(),
            issued: now,
        })
    }

    fn announce(
        &mut self,
        announcement: &Announcement,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Statement>, KeeperError> {
        let Announcement { tree, epoch, suite, cause, .. } = announcement;
        let id = match announcement.seed {
            Some(id) => id,
            None => self.seeds.draw(tree, *suite, now, entropy)?,
        };
        let Some(seed) = self.seeds.get(id) else { return Ok(None) };
        tracing::info!(%tree, %epoch, seed = %id, %cause, "new epoch");
        Ok(Some(self.sign(EpochAnnounce {
            organisation: tree.organisation().clone(),
            tree: tree.clone(),
            epoch: *epoch,
            suite: *suite,
            public_key: seed.keys.public_key().to_bytes().into(),
            issued: now,
            not_before: announcement.not_before,
            not_after: announcement.not_after,
            min_epoch: announcement.min_epoch,
        })))
    }

    fn grant(
        &mut self,
        granting: &Granting,
        policy: &Policy,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Statement>, KeeperError> {
        let Granting { tree, epoch, seed, reader, name, kem: (suite, kem), purpose } = granting;
        let kem = match KemPublicKey::parse(*suite, kem) {
            Ok(kem) => kem,
            Err(cause) => {
                tracing::debug!(reader = %name, %cause, "reader has no key to seal to");
                return Ok(None);
            }
        };
        let is_ours = tree.organisation() == policy.own();
        let keys = if is_ours {
            self.seeds.get(*seed).map(|seed| &seed.keys)
        } else {
            self.borrow(granting, policy)
        };
        let Some(keys) = keys else { return Ok(None) };
        let draft = KeyGrantDraft {
            organisation: policy.own().clone(),
            tree: tree.clone(),
            epoch: *epoch,
            reader: *reader,
            purpose: purpose.clone(),
            issued: now,
        };
        let failed = |source| KeeperError::Grant { reader: name.clone(), source };
        let grant = wrap_epoch_seed(keys, &kem, draft, entropy).map_err(failed)?;
        tracing::debug!(reader = %name, %tree, %epoch, "key granted");
        Ok(Some(self.sign(grant)))
    }

    /// The keys of another organisation's epoch, from the key grant to this steward that fits what
    /// that organisation announced.
    fn borrow(&mut self, granting: &Granting, policy: &Policy) -> Option<&EpochKeyPair> {
        let Granting { tree, epoch, seed, .. } = granting;
        let is_lent =
            self.lent.as_ref().is_some_and(|lent| lent.tree == *tree && lent.epoch == *epoch);
        if !is_lent {
            let grants = policy.key_grants(&self.id(), tree, *epoch);
            let keys = grants.into_iter().rev().find_map(|statement| {
                match self.unwrap(statement, tree, *seed)? {
                    Ok(keys) => Some(keys),
                    Err(cause) => {
                        tracing::warn!(%tree, %epoch, %cause, "key grant of a peer is of no use");
                        None
                    }
                }
            });
            self.lent = keys.map(|keys| Lent { tree: tree.clone(), epoch: *epoch, keys });
        }
        self.lent.as_ref().map(|lent| &lent.keys)
    }

    /// The keys in an owner's key grant; `None` where it is not the owner's.
    fn unwrap(
        &self,
        statement: &Statement,
        tree: &Filter,
        seed: SeedId,
    ) -> Option<Result<EpochKeyPair, GrantError>> {
        let StatementBody::KeyGrant(grant) = statement.body() else { return None };
        if grant.organisation != *tree.organisation() {
            return None;
        }
        let unwrapped = unwrap_epoch_seed(&self.identity, grant).and_then(|keys| {
            if SeedId::of(&keys.public_key().to_bytes()) == seed {
                return Ok(keys);
            }
            Err(GrantError::Epoch { tree: Box::new(tree.clone()), epoch: grant.epoch })
        });
        Some(unwrapped)
    }
}
