//! The letters that answer an invitation: shown in plain words, agreed to, signed.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use sekisho::Client;
use sekisho_proto::frame::{AnswerBody, Question};
use sekisho_proto::statement::{Peering, PeeringParty};
use sekisho_proto::{Hash, OrgName, PrincipalId, Statement, StatementBody};
use sekisho_seal::sign_statement;
use serde_json::json;

use super::invited;
use super::terms::{Terms, check_budget};
use crate::access::Access;
use crate::command::Common;
use crate::command::signing::{Author, Signing};
use crate::exit::Exit;
use crate::invitation::{Letter, Stage};
use crate::{ask, fault, output};

/// The letter to answer.
#[derive(Debug, Args)]
pub(crate) struct Accept {
    /// The file with the other side's letter; - reads standard input.
    letter: PathBuf,
    /// The root fingerprint that the other side told you on another way.
    #[arg(long, value_name = "FINGERPRINT")]
    root: Option<Hash>,
    /// With an invitation: where the other side's node dials ours; default as in our profile.
    #[arg(long)]
    address: Option<String>,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    common: Common,
    #[command(flatten, next_help_heading = "Terms of ours, with an invitation")]
    terms: Terms,
}

impl Accept {
    pub(super) async fn run(self) -> Result<Exit> {
        let text = if self.letter.as_os_str() == "-" {
            std::io::read_to_string(std::io::stdin()).context("standard input")?
        } else {
            std::fs::read_to_string(&self.letter)
                .with_context(|| format!("{}: read", self.letter.display()))?
        };
        let letter = Letter::parse(&text)?;
        let access = Access::of(&self.common)?;
        let own = access.profile.principal.organisation().clone();
        let (ours, theirs) = letter.sides(&own)?;
        let other = theirs.organisation.clone();
        if letter.stage == Stage::Invitation && ours.root == access.profile.root {
            return Err(fault::usage(format!("invitation: it is ours; send it to {other}")));
        }
        if letter.stage != Stage::Invitation && !self.terms.is_empty() {
            let word = letter.stage.word();
            return Err(fault::usage(format!("terms: wanted an invitation, found {word}")));
        }
        for party in [ours, theirs] {
            check_budget(letter.stage.word(), party)?;
        }
        self.compare(&other, letter.root_of(&other))?;
        let client = access.connect().await?;
        let author = Author { access, client, json: self.common.json };
        let next = letter.stage.next();
        let answer = match letter.stage {
            Stage::Invitation => self.answer(&author, &letter).await?,
            Stage::Acceptance => self.countersign(&author, letter).await?,
            Stage::Contract => {
                learn(&author.client, &letter.proofs).await?;
                author.client.state(&letter.peering).await?;
                author.client.close().await;
                if self.common.json {
                    output::json(&json!({ "peer": other.as_str() }));
                } else {
                    output::line(format!("the peering with {other} stands in the control log"));
                }
                return Ok(Exit::Done);
            }
        };
        author.client.close().await;
        let Some(answer) = answer else {
            output::aside("not signed");
            return Ok(Exit::No);
        };
        show(&answer, self.common.json);
        if let Some(next) = next {
            output::aside(format!("send this {next} to {other}, who runs `sekisho peer accept`"));
        }
        Ok(Exit::Done)
    }

    /// B's answer: its own side filled in, the contract signed once. `None` where whoever was asked
    /// said no.
    async fn answer(&self, author: &Author, invitation: &Letter) -> Result<Option<Letter>> {
        let Author { access, client, .. } = author;
        let own = access.profile.principal.organisation();
        let (ours, theirs) = invitation.sides(own)?;
        let proven = invitation.root_of(&theirs.organisation);
        ensure!(
            proven == Some(theirs.root),
            "invitation: wanted the root statement of {} with it, found none that fits",
            theirs.organisation
        );
        let address = self.address.clone();
        let mut ours = PeeringParty {
            organisation: own.clone(),
            root: access.profile.root,
            node_key: access.profile.node_key,
            address: address.unwrap_or_else(|| access.profile.node.clone()),
            ..ours.clone()
        };
        let mut theirs = theirs.clone();
        self.terms.fill_in(access, client, &mut ours, &mut theirs).await?;
        let terms = invitation.contract()?;
        let parties = sorted(ours, theirs);
        let body = StatementBody::Peering(Peering { parties, ..terms.clone() });
        learn(client, &invitation.proofs).await?;
        if !self.is_agreed(author, &body).await? {
            return Ok(None);
        }
        let peering = sign_statement(Statement::unsigned(body), access.identity.signing());
        let proofs = own_proofs(access, client).await?;
        Ok(Some(Letter { stage: Stage::Acceptance, proofs, peering }))
    }

    /// A's countersignature: the contract goes into A's log, and to B as the last letter. `None`
    /// where whoever was asked said no.
    async fn countersign(&self, author: &Author, acceptance: Letter) -> Result<Option<Letter>> {
        let Author { access, client, .. } = author;
        let own = access.profile.principal.organisation();
        let (ours, theirs) = acceptance.sides(own)?;
        let other = theirs.organisation.clone();
        let fits = ours.root == access.profile.root && ours.node_key == access.profile.node_key;
        ensure!(fits, "acceptance: wanted our own side as we wrote it, found another");
        self.compare_terms(access, &other, &acceptance)?;
        learn(client, &acceptance.proofs).await?;
        if !self.is_agreed(author, acceptance.peering.body()).await? {
            return Ok(None);
        }
        let peering = sign_statement(acceptance.peering, access.identity.signing());
        client.state(&peering).await?;
        let proofs = own_proofs(access, client).await?;
        Ok(Some(Letter { stage: Stage::Contract, proofs, peering }))
    }

    /// Shows the whole contract in plain words, with what it would open and close, and asks.
    async fn is_agreed(&self, author: &Author, contract: &StatementBody) -> Result<bool> {
        let proposal = author.weigh(contract.clone()).await;
        Author::is_agreed(&[proposal], &self.signing)
    }

    /// Compares an answer with what we wrote. Whoever is asked sees what is otherwise; where nobody
    /// is, it is not signed.
    fn compare_terms(&self, access: &Access, other: &OrgName, acceptance: &Letter) -> Result<()> {
        let is_looked_at = !self.signing.yes && ask::somebody_is_there();
        match invited::differences(access, other, acceptance) {
            Ok(differing) if differing.is_empty() => Ok(()),
            Ok(differing) if is_looked_at => {
                for one in differing {
                    output::aside(format!("Careful: otherwise than our invitation says: {one}"));
                }
                Ok(())
            }
            Ok(differing) => Err(fault::no(format!(
                "acceptance: wanted what we wrote to {other}, found another contract: {}",
                differing.join("; ")
            ))),
            Err(fault) if is_looked_at => {
                output::aside(format!("note: {fault}"));
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }

    /// Compares the root that a letter proves with the one we were told.
    fn compare(&self, other: &OrgName, found: Option<Hash>) -> Result<()> {
        match (found, self.root) {
            (Some(found), Some(wanted)) if found != wanted => {
                Err(fault::no(format!("root of {other}: wanted {wanted}, found {found}")))
            }
            (None, Some(wanted)) => Err(fault::no(format!(
                "root of {other}: wanted {wanted}, found none in the letter"
            ))),
            (Some(found), None) => {
                output::aside(format!("root of {other}: {found}"));
                output::aside("compare it with what they tell you on another way");
                Ok(())
            }
            (Some(_), Some(_)) | (None, None) => Ok(()),
        }
    }
}

/// Hands the other side's root and issuers to our node, which keeps them until a contract vouches.
async fn learn(client: &Client, proofs: &[Statement]) -> Result<()> {
    for statement in proofs {
        client.state(statement).await?;
    }
    Ok(())
}

/// Our root and our issuer, as our node has them.
pub(super) async fn own_proofs(access: &Access, client: &Client) -> Result<Vec<Statement>> {
    let id: PrincipalId = access.identity.id();
    match client.query(Question::Principal(id)).await? {
        AnswerBody::Statements(encoded) => {
            let statements: Vec<Statement> =
                encoded.iter().map(|bytes| Statement::decode(bytes)).collect::<Result<_, _>>()?;
            let founding = |statement: &Statement| {
                matches!(statement.body(), StatementBody::OrgRoot(_) | StatementBody::Issuer(_))
            };
            Ok(statements.into_iter().filter(founding).collect())
        }
        AnswerBody::Json(_)
        | AnswerBody::KeyHeader(_)
        | AnswerBody::ExpectedSequence(_)
        | AnswerBody::Checkpoint { .. }
        | AnswerBody::Inclusion { .. }
        | AnswerBody::Errand(_)
        | AnswerBody::Errands(_) => {
            bail!("answer of the node: wanted statements, found something else")
        }
    }
}

pub(super) fn sorted(left: PeeringParty, right: PeeringParty) -> [PeeringParty; 2] {
    if left.organisation < right.organisation { [left, right] } else { [right, left] }
}

pub(super) fn show(letter: &Letter, json: bool) {
    let text = letter.print();
    if json {
        output::json(&json!({ "stage": letter.stage.word(), "letter": text }));
    } else {
        output::line(text.trim_end());
    }
}
