//! How two organisations come to sign one peering: three letters that may travel by mail.
//!
//! 1. A writes an *invitation*: who it is, and what it offers and wants.
//! 2. B fills in its own side, signs the contract, and answers with an *acceptance*.
//! 3. A signs the same contract: the *contract* has both signatures, and B adds it to its log too.
//!
//! Each letter carries the statements that prove its sender's issuer under its root. Whoever reads
//! one compares the root's fingerprint with what the other side says on the telephone.

use anyhow::{Context as _, Result, bail};
use sekisho_proto::statement::{Peering, PeeringParty};
use sekisho_proto::{Hash, OrgName, Statement, StatementBody};

use crate::armour;

/// What a letter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// From the one who asks.
    Invitation,
    /// From the one who was asked, with one signature.
    Acceptance,
    /// With both signatures.
    Contract,
}

/// One letter.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) stage: Stage,
    /// Root and issuers of its sender, and of both in a contract.
    pub(crate) proofs: Vec<Statement>,
    /// The contract; in an invitation the other side's half is only what the sender would like.
    pub(crate) peering: Statement,
}

impl Stage {
    const ALL: [Self; 3] = [Self::Invitation, Self::Acceptance, Self::Contract];

    const fn name(self) -> &'static str {
        match self {
            Self::Invitation => "PEERING INVITATION",
            Self::Acceptance => "PEERING ACCEPTANCE",
            Self::Contract => "PEERING CONTRACT",
        }
    }

    /// What people call it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Acceptance => "acceptance",
            Self::Contract => "contract",
        }
    }

    /// The letter that answers it; none where the contract is complete.
    pub(crate) const fn next(self) -> Option<&'static str> {
        match self {
            Self::Invitation => Some(Self::Acceptance.word()),
            Self::Acceptance => Some(Self::Contract.word()),
            Self::Contract => None,
        }
    }
}

impl Letter {
    /// The two sides of the contract.
    pub(crate) fn contract(&self) -> Result<&Peering> {
        let StatementBody::Peering(peering) = self.peering.body() else {
            bail!("letter: wanted a peering, found {}", self.peering.kind().name())
        };
        Ok(peering)
    }

    /// The side of an organisation, and the other one.
    pub(crate) fn sides(&self, own: &OrgName) -> Result<(&PeeringParty, &PeeringParty)> {
        let peering = self.contract()?;
        let names =
            || peering.parties.iter().map(|party| party.organisation.as_str()).collect::<Vec<_>>();
        peering.sides(own).with_context(|| {
            format!("letter: wanted one between {own} and another, found {}", names().join(" and "))
        })
    }

    /// The root of an organisation as the letter proves it.
    pub(crate) fn root_of(&self, organisation: &OrgName) -> Option<Hash> {
        self.proofs.iter().find_map(|statement| {
            let StatementBody::OrgRoot(root) = statement.body() else { return None };
            (root.organisation == *organisation).then(|| statement.body_hash())
        })
    }

    /// The letter as text.
    pub(crate) fn print(&self) -> String {
        let statements: Vec<&Statement> = self.proofs.iter().chain([&self.peering]).collect();
        armour::print(self.stage.name(), &statements)
    }

    /// Reads a letter; text around it is passed over.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let names = Stage::ALL.map(Stage::name);
        let (name, mut statements) = armour::parse("letter", names, text)?
            .context("letter: wanted a block -----BEGIN SEKISHO PEERING …-----, found none")?;
        let stage = Stage::ALL.into_iter().find(|stage| stage.name() == name);
        let stage = stage.unwrap_or(Stage::Invitation);
        let peering = statements.pop().context("letter: wanted a peering, found nothing")?;
        let letter = Self { stage, proofs: statements, peering };
        letter.contract()?;
        Ok(letter)
    }
}

// Named, because a fuzz target takes this file from elsewhere.
#[cfg(test)]
#[path = "invitation/tests.rs"]
mod tests;
