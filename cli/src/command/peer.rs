//! `peer`: contracts with other organisations.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand};
use sekisho::{Client, clock};
use sekisho_proto::frame::{AnswerBody, Question};
use sekisho_proto::statement::{Peering, PeeringParty, Revoke, RevokeTarget};
use sekisho_proto::{
    Filter, Hash, OrgName, PrincipalId, PublicKey, Statement, StatementBody, Timestamp,
};
use sekisho_seal::sign_statement;
use serde_json::json;

use crate::access::{Access, document};
use crate::command::Common;
use crate::command::question::{rows, text};
use crate::command::signing::Author;
use crate::exit::Exit;
use crate::invitation::{Letter, Stage};
use crate::{fault, output};

/// Invite, accept, list and end peerings.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Two organisations sign one contract in four steps, with three letters that may travel by mail:
  a$ sekisho peer invite --to b --export 'a/truck/#' --dir a > invitation
  b$ sekisho peer accept invitation --dir b > acceptance
  a$ sekisho peer accept acceptance --dir a > contract
  b$ sekisho peer accept contract --dir b

A letter proves its sender's root key. Compare the fingerprint that is shown with what the other
side tells you on another way, or give it with --root.")]
pub(crate) enum Peer {
    /// Write an invitation to another organisation; send it what is printed.
    Invite(Invite),
    /// Answer an invitation, countersign an acceptance, or add a contract to the log.
    Accept(Accept),
    /// The peers under contract.
    List(List),
    /// End the contract with an organisation.
    End(End),
}

/// Terms of an invitation.
#[derive(Debug, Args)]
pub(crate) struct Invite {
    /// Whom to invite.
    #[arg(long = "to", value_name = "ORGANISATION")]
    other: OrgName,
    /// What we offer of our topics; may be repeated.
    #[arg(long = "export", value_name = "FILTER")]
    exports: Vec<Filter>,
    /// What we would take of theirs; may be repeated.
    #[arg(long = "import", value_name = "FILTER")]
    imports: Vec<Filter>,
    /// What the data may be used for; may be repeated.
    #[arg(long = "purpose")]
    purposes: Vec<String>,
    /// What we offer may travel on to their other peers.
    #[arg(long)]
    onward: bool,
    /// Where the other side's node dials ours, host:port; default as in our profile.
    #[arg(long)]
    address: Option<String>,
    /// Until when: RFC 3339; default one year.
    #[arg(long)]
    until: Option<Timestamp>,
    #[command(flatten)]
    common: Common,
}

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
    common: Common,
}

/// No terms.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    common: Common,
}

/// Which contract.
#[derive(Debug, Args)]
pub(crate) struct End {
    /// The other organisation.
    organisation: OrgName,
    /// Why, for those who read it later.
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    common: Common,
}

/// One year, seconds: the longest a peering should go unlooked at.
const TERM_S: u64 = 365 * 86_400;

impl Peer {
    pub(crate) async fn run(self) -> Result<Exit> {
        match self {
            Self::Invite(invite) => invite.run().await,
            Self::Accept(accept) => accept.run().await,
            Self::List(list) => list.run().await,
            Self::End(end) => end.run().await,
        }
    }
}

impl Invite {
    async fn run(self) -> Result<Exit> {
        let access = Access::of(&self.common)?;
        let now = clock::now();
        let own = access.profile.principal.organisation();
        if self.other == *own {
            return Err(fault::usage(format!("--to: wanted another organisation, found {own}")));
        }
        if self.exports.is_empty() && self.imports.is_empty() {
            return Err(fault::usage("wanted --export or --import, found neither"));
        }
        let ours = PeeringParty {
            organisation: own.clone(),
            root: access.profile.root,
            node_key: access.profile.node_key,
            address: self.address.unwrap_or_else(|| access.profile.node.clone()),
            exports: self.exports,
            imports: self.imports,
            onward: self.onward,
            bytes_per_s: None,
        };
        // The other half says only whom it is for; the other side fills it in.
        let theirs = PeeringParty {
            organisation: self.other.clone(),
            root: Hash::new([0; 32]),
            node_key: PublicKey::new([0; 32]),
            address: "0.0.0.0:0".to_owned(),
            exports: ours.imports.clone(),
            imports: ours.exports.clone(),
            onward: false,
            bytes_per_s: None,
        };
        let term = std::time::Duration::from_secs(TERM_S);
        let peering = Statement::unsigned(StatementBody::Peering(Peering {
            parties: sorted(ours, theirs),
            purposes: self.purposes,
            issued: now,
            from: now,
            until: Some(self.until.unwrap_or_else(|| now.saturating_add(term))),
        }));
        let client = access.connect().await?;
        let proofs = own_proofs(&access, &client).await?;
        client.close().await;
        show(&Letter { stage: Stage::Invitation, proofs, peering }, self.common.json);
        output::aside(format!("root of {own}: {}", access.profile.root));
        output::aside(format!("tell {} this fingerprint on another way", self.other));
        Ok(Exit::Done)
    }
}

impl Accept {
    async fn run(self) -> Result<Exit> {
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
        self.compare(&other, letter.root_of(&other))?;
        let client = access.connect().await?;
        let next = letter.stage.next();
        let answer = match letter.stage {
            Stage::Invitation => answer(&access, &client, &letter, self.address).await?,
            Stage::Acceptance => countersign(&access, &client, letter).await?,
            Stage::Contract => {
                learn(&client, &letter.proofs).await?;
                client.state(&letter.peering).await?;
                None
            }
        };
        client.close().await;
        match answer {
            Some(letter) => show(&letter, self.common.json),
            None if self.common.json => output::json(&json!({ "peer": other.as_str() })),
            None => output::line(format!("the peering with {other} stands in the control log")),
        }
        if let Some(next) = next {
            output::aside(format!("send this {next} to {other}, who runs `sekisho peer accept`"));
        }
        Ok(Exit::Done)
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

/// B's answer: its own side filled in, the contract signed once.
async fn answer(
    access: &Access,
    client: &Client,
    invitation: &Letter,
    address: Option<String>,
) -> Result<Option<Letter>> {
    let own = access.profile.principal.organisation();
    let (ours, theirs) = invitation.sides(own)?;
    let proven = invitation.root_of(&theirs.organisation);
    ensure!(
        proven == Some(theirs.root),
        "invitation: wanted the root statement of {} with it, found none that fits",
        theirs.organisation
    );
    let ours = PeeringParty {
        organisation: own.clone(),
        root: access.profile.root,
        node_key: access.profile.node_key,
        address: address.unwrap_or_else(|| access.profile.node.clone()),
        ..ours.clone()
    };
    let terms = invitation.contract()?;
    let body =
        StatementBody::Peering(Peering { parties: sorted(ours, theirs.clone()), ..terms.clone() });
    let peering = sign_statement(Statement::unsigned(body), access.identity.signing());
    learn(client, &invitation.proofs).await?;
    let proofs = own_proofs(access, client).await?;
    Ok(Some(Letter { stage: Stage::Acceptance, proofs, peering }))
}

/// A's countersignature: the contract goes into A's log, and to B as the last letter.
async fn countersign(
    access: &Access,
    client: &Client,
    acceptance: Letter,
) -> Result<Option<Letter>> {
    let own = access.profile.principal.organisation();
    let ours = acceptance.sides(own)?.0;
    let fits = ours.root == access.profile.root && ours.node_key == access.profile.node_key;
    ensure!(fits, "acceptance: wanted our own side as we wrote it, found another");
    let peering = sign_statement(acceptance.peering, access.identity.signing());
    learn(client, &acceptance.proofs).await?;
    client.state(&peering).await?;
    let proofs = own_proofs(access, client).await?;
    Ok(Some(Letter { stage: Stage::Contract, proofs, peering }))
}

/// Hands the other side's root and issuers to our node, which keeps them until a contract vouches.
async fn learn(client: &Client, proofs: &[Statement]) -> Result<()> {
    for statement in proofs {
        client.state(statement).await?;
    }
    Ok(())
}

/// Our root and our issuer, as our node has them.
async fn own_proofs(access: &Access, client: &Client) -> Result<Vec<Statement>> {
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
        | AnswerBody::Inclusion { .. } => {
            bail!("answer of the node: wanted statements, found something else")
        }
    }
}

fn sorted(left: PeeringParty, right: PeeringParty) -> [PeeringParty; 2] {
    if left.organisation < right.organisation { [left, right] } else { [right, left] }
}

fn show(letter: &Letter, json: bool) {
    let text = letter.print();
    if json {
        output::json(&json!({ "stage": letter.stage.word(), "letter": text }));
    } else {
        output::line(text.trim_end());
    }
}

impl List {
    async fn run(self) -> Result<Exit> {
        let client = Access::of(&self.common)?.connect().await?;
        let answer = document(&client, Question::Peers).await?;
        client.close().await;
        if self.common.json {
            output::json(&answer);
            return Ok(Exit::Done);
        }
        let fields = [
            "organisation",
            "in_force",
            "until",
            "heard",
            "cosigned_size",
            "we_export",
            "we_import",
            "address",
        ];
        let found = rows(&answer, &fields);
        if found.is_empty() {
            output::aside("no peers: `sekisho peer invite` begins a contract");
        } else {
            let headings = [
                "PEER",
                "IN FORCE",
                "UNTIL",
                "HEARD",
                "COSIGNED",
                "WE EXPORT",
                "WE IMPORT",
                "ADDRESS",
            ];
            output::table(&headings, &found);
        }
        Ok(Exit::Done)
    }
}

impl End {
    async fn run(self) -> Result<Exit> {
        let access = Access::of(&self.common)?;
        let client = access.connect().await?;
        let peers = document(&client, Question::Peers).await?;
        let all = peers.as_array().map(Vec::as_slice).unwrap_or_default();
        let other = &self.organisation;
        let found = all.iter().find(|peer| text(peer, "organisation") == other.as_str());
        let Some(peer) = found else {
            return Err(fault::no(format!("peer end: wanted a contract with {other}, found none")));
        };
        let id: Hash = text(peer, "statement").parse()?;
        let body = StatementBody::Revoke(Revoke {
            organisation: access.profile.principal.organisation().clone(),
            target: RevokeTarget::Statement(id),
            reason: self.reason,
            issued: clock::now(),
        });
        Author { access, client, json: self.common.json }.finish(body).await
    }
}
