//! How two organisations come to sign one peering: three letters that may travel by mail.
//!
//! 1. A writes an *invitation*: who it is, and what it offers and wants.
//! 2. B fills in its own side, signs the contract, and answers with an *acceptance*.
//! 3. A signs the same contract: the *contract* has both signatures, and B adds it to its log too.
//!
//! Each letter carries the statements that prove its sender's issuer under its root. Whoever reads
//! one compares the root's fingerprint with what the other side says on the telephone.

use anyhow::{Context as _, Result, bail, ensure};
use data_encoding::BASE64;
use sekisho_proto::statement::{Peering, PeeringParty};
use sekisho_proto::{Hash, OrgName, Statement, StatementBody};

/// Characters of base 64 in one line of a letter.
const LINE: usize = 64;
/// Bytes of one letter: a contract and the proofs of both sides are a tenth of it.
const LETTER_BYTES_MAX: usize = 256 << 10;

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
            Self::Invitation => "INVITATION",
            Self::Acceptance => "ACCEPTANCE",
            Self::Contract => "CONTRACT",
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
        let mut bytes = Vec::new();
        for statement in self.proofs.iter().chain([&self.peering]) {
            let encoded = statement.encode();
            bytes.extend_from_slice(&u32::try_from(encoded.len()).unwrap_or(0).to_be_bytes());
            bytes.extend_from_slice(&encoded);
        }
        let encoded = BASE64.encode(&bytes);
        let name = self.stage.name();
        let mut text = format!("-----BEGIN SEKISHO PEERING {name}-----\n");
        for line in encoded.as_bytes().chunks(LINE) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text + &format!("-----END SEKISHO PEERING {name}-----\n")
    }

    /// Reads a letter; text around it is passed over.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        ensure!(text.len() <= LETTER_BYTES_MAX, "letter: wanted at most {LETTER_BYTES_MAX} bytes");
        let (stage, inside) = Stage::ALL
            .into_iter()
            .find_map(|stage| {
                let (begin, end) = (
                    format!("-----BEGIN SEKISHO PEERING {}-----", stage.name()),
                    format!("-----END SEKISHO PEERING {}-----", stage.name()),
                );
                let inside = text.split_once(&begin)?.1.split_once(&end)?.0;
                Some((stage, inside))
            })
            .context("letter: wanted a block -----BEGIN SEKISHO PEERING …-----, found none")?;
        let packed: String = inside.split_whitespace().collect();
        let bytes = BASE64.decode(packed.as_bytes()).context("letter: wanted base 64")?;
        let mut statements = statements(&bytes)?;
        let peering = statements.pop().context("letter: wanted a peering, found nothing")?;
        let letter = Self { stage, proofs: statements, peering };
        letter.contract()?;
        Ok(letter)
    }
}

fn statements(mut bytes: &[u8]) -> Result<Vec<Statement>> {
    let mut statements = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>().context("letter: it is cut off")?;
        let length = usize::try_from(u32::from_be_bytes(*length))?;
        let (encoded, after) = rest.split_at_checked(length).context("letter: it is cut off")?;
        statements.push(Statement::decode(encoded)?);
        bytes = after;
    }
    Ok(statements)
}
