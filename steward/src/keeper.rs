//! Does what was planned with keys: draws, seals and signs. What it returns is still to be stated.

use std::sync::Arc;

use sekisho_proto::{
    PrincipalId, PrincipalName, Statement, StatementBody, Timestamp, statement::EpochAnnounce,
};
use sekisho_seal::{Entropy, Identity, KemError, KeyGrantDraft, sign_statement, wrap_epoch_seed};
use thiserror::Error;

use crate::{
    plan::{Action, Announcement, Granting},
    seeds::{SeedError, Seeds},
};

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
}

impl Keeper {
    pub(crate) fn new(identity: Arc<Identity>, seeds: Seeds) -> Self {
        Self { identity, seeds }
    }

    /// Whose keys it signs with.
    pub(crate) fn id(&self) -> PrincipalId {
        self.identity.id()
    }

    /// The seeds in its care.
    pub(crate) fn seeds(&self) -> &Seeds {
        &self.seeds
    }

    /// Signs a sentence of the owner's policy.
    pub(crate) fn sign(&self, body: impl Into<StatementBody>) -> Statement {
        sign_statement(Statement::unsigned(body.into()), self.identity.signing())
    }

    /// Does an action; returns what is to be stated for it. A key that is to be announced is
    /// durable on return.
    pub(crate) fn carry_out(
        &mut self,
        action: &Action,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Statement>, KeeperError> {
        match action {
            Action::Announce(announcement) => self.announce(announcement, now, entropy),
            Action::Grant(granting) => self.grant(granting, now, entropy),
            Action::Destroy(id) => {
                self.seeds.destroy(*id)?;
                tracing::info!(seed = %id, "epoch seed destroyed");
                Ok(None)
            }
        }
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
        &self,
        granting: &Granting,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Statement>, KeeperError> {
        let Granting { tree, epoch, seed, reader, purpose } = granting;
        let (Some(seed), Some(kem)) = (self.seeds.get(*seed), &reader.kem) else { return Ok(None) };
        let draft = KeyGrantDraft {
            organisation: tree.organisation().clone(),
            tree: tree.clone(),
            epoch: *epoch,
            reader: reader.id,
            purpose: purpose.clone(),
            issued: now,
        };
        let wrapped = wrap_epoch_seed(&seed.keys, kem, draft, entropy);
        let failed = |source| KeeperError::Grant { reader: reader.name.clone(), source };
        let grant = wrapped.map_err(failed)?;
        tracing::info!(reader = %reader.name, %tree, %epoch, "key granted");
        Ok(Some(self.sign(grant)))
    }
}
