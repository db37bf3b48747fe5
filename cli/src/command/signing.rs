//! From a sentence to a statement in the log: shown in plain words, agreed to, signed, submitted.

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use sekisho::{Client, QueryError, Refusal, RefusalCode, clock};
use sekisho_proto::frame::Question;
use sekisho_proto::limits::ERRAND_STATEMENTS_MAX;
use sekisho_proto::statement::{Revoke, RevokeTarget};
use sekisho_proto::{
    ErrandOutcome, ErrandTask, OrgName, Statement, StatementBody, StatementIndex, StatementKind,
    Timestamp,
};
use serde_json::{Value, json};

use crate::access::{Access, document};
use crate::command::Common;
use crate::command::question::part;
use crate::errand::Errands;
use crate::exit::Exit;
use crate::organisation::signed;
use crate::preview::{Background, Effect, Lang, Preview};
use crate::{ask, errand, fault, output};

/// What every command takes that signs something.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Signing {
    /// Sign without asking.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) speech: Speech,
}

/// In which language something is put into words.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Speech {
    /// The language of the preview; default that of LC_ALL, LC_MESSAGES or LANG, else en.
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

impl Speech {
    pub(crate) fn lang(self) -> Lang {
        self.lang.unwrap_or_else(Lang::of_environment)
    }
}

/// Signs statements with a folder's key and submits them to its node.
pub(crate) struct Author {
    pub(crate) access: Access,
    pub(crate) client: Client,
    pub(crate) json: bool,
}

/// A statement that stands in the control log.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) statement: Statement,
    pub(crate) index: StatementIndex,
    /// When it was sent to the node.
    pub(crate) sent: Timestamp,
}

/// A statement not yet signed, and what the node says that it would do.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    pub(crate) body: StatementBody,
    /// The node's answer to `diff`; null where it gives none.
    pub(crate) diff: Value,
}

impl Author {
    /// Connects; what is to be stated is about this organisation's topics.
    pub(crate) async fn open(common: &Common, about: &OrgName) -> Result<Self> {
        let access = Access::of(common)?;
        let who = &access.profile.principal;
        if who.organisation() != about {
            let own = who.organisation();
            return Err(fault::usage(format!(
                "{who}: wanted topics of {own}, found some of {about}"
            )));
        }
        Self::connect(access, common).await
    }

    /// Connects, to state something about the folder's own organisation.
    pub(crate) async fn at_home(common: &Common) -> Result<Self> {
        Self::connect(Access::of(common)?, common).await
    }

    async fn connect(access: Access, common: &Common) -> Result<Self> {
        let client = access.connect().await?;
        Ok(Self { access, client, json: common.json })
    }

    pub(crate) fn organisation(&self) -> &OrgName {
        self.access.profile.principal.organisation()
    }

    /// Asks the node what a statement would do.
    pub(crate) async fn weighed(&self, body: StatementBody) -> Result<Proposal> {
        let unsigned = Statement::unsigned(body.clone()).encode();
        let diff = document(&self.client, Question::Diff(unsigned.into())).await?;
        Ok(Proposal { body, diff })
    }

    /// The same; a node that does not say so keeps nobody from stating it, as whether that is
    /// permitted is decided when it is stated.
    pub(crate) async fn weigh(&self, body: StatementBody) -> Proposal {
        self.weighed(body.clone()).await.unwrap_or_else(|cause| {
            tracing::info!(%cause, "the node does not say what the statement would change");
            Proposal { body, diff: Value::Null }
        })
    }

    /// Shows what statements would do, has that agreed to, signs and submits them: all or none.
    /// `None` where whoever was asked said no.
    pub(crate) async fn propose(
        &self,
        proposals: &[Proposal],
        signing: &Signing,
    ) -> Result<Option<Vec<Standing>>> {
        if !Self::is_agreed(proposals, signing)? {
            output::aside("not signed");
            return Ok(None);
        }
        let key = self.access.identity.signing();
        let statements: Vec<Statement> =
            proposals.iter().map(|proposal| signed(proposal.body.clone(), key)).collect();
        let sent = clock::now();
        let (statements, indices) = self.state(statements).await?;
        let standing = statements.into_iter().zip(indices);
        let standing = standing.map(|(statement, index)| Standing { statement, index, sent });
        Ok(Some(standing.collect()))
    }

    /// Submits statements. What their author may not state alone, where it is an administrator's, the
    /// steward is asked to sign as well; what stands then has both signatures.
    async fn state(
        &self,
        statements: Vec<Statement>,
    ) -> Result<(Vec<Statement>, Vec<StatementIndex>)> {
        let refusal = match self.client.state_all(&statements).await {
            Ok(indices) => return Ok((statements, indices)),
            Err(QueryError::Refused(refusal)) if may_be_countersigned(&refusal, &statements) => {
                refusal
            }
            Err(cause) => return Err(cause.into()),
        };
        // Who may not ask a steward is told what was refused, as ever.
        let Ok(errands) = Errands::to(&self.access, &self.client, errand::WAIT_DEFAULT).await
        else {
            return Err(QueryError::Refused(refusal).into());
        };
        output::aside("you may not state this alone: the steward is asked to sign it as well");
        let encoded = statements.iter().map(|statement| statement.encode().into()).collect();
        let outcome = errands.ask(&ErrandTask::Countersign(encoded)).await?;
        let ErrandOutcome::Countersigned(encoded) = outcome else {
            bail!("answer of the steward: wanted statements, found another")
        };
        let stood = encoded.iter().map(|bytes| Statement::decode(bytes));
        let stood: Vec<Statement> = stood.collect::<Result<_, _>>()?;
        let is_same = stood.iter().map(Statement::id).eq(statements.iter().map(Statement::id));
        ensure!(is_same, "answer of the steward: wanted what it was asked to sign, found another");
        // They are there: the node says where.
        let indices = self.client.state_all(&stood).await?;
        Ok((stood, indices))
    }

    /// Shows what statements would do, and has that agreed to.
    pub(crate) fn is_agreed(proposals: &[Proposal], signing: &Signing) -> Result<bool> {
        let lang = signing.speech.lang();
        let mut is_dangerous = false;
        for proposal in proposals {
            let preview = proposal.preview(lang);
            is_dangerous |= !preview.warnings.is_empty();
            show(&preview);
            proposal.note_faults();
        }
        agreed(signing, lang, is_dangerous)
    }

    /// Proposes one statement, says where it stands, and ends the session.
    pub(crate) async fn conclude(self, body: StatementBody, signing: &Signing) -> Result<Exit> {
        let proposal = self.weigh(body).await;
        let stated = self.propose(&[proposal], signing).await?;
        self.client.close().await;
        let Some(standing) = stated else { return Ok(Exit::No) };
        for one in &standing {
            one.tell(self.json);
        }
        Ok(Exit::Done)
    }
}

impl Standing {
    /// Says where it stands.
    pub(crate) fn tell(&self, in_json: bool) {
        if in_json {
            output::json(&self.document());
        } else {
            let (kind, id, index) = (self.statement.kind().name(), self.statement.id(), self.index);
            output::line(format!("{kind} {id} stands at {index} in the control log"));
        }
    }

    pub(crate) fn document(&self) -> Value {
        json!({ "statement": self.statement.id().to_string(), "index": self.index.value() })
    }
}

impl Proposal {
    /// The statement in plain words.
    pub(crate) fn preview(&self, lang: Lang) -> Preview {
        Preview::of(&self.body, &self.background(), lang)
    }

    /// What it would open and close, where the node says so.
    pub(crate) fn effect(&self) -> Option<Effect> {
        let is_told = !self.diff.is_null() && part(&self.diff, "refused").is_null();
        is_told.then(|| Effect::parse(&self.diff))
    }

    fn background(&self) -> Background {
        let text = |field| part(&self.diff, field).as_str();
        let revoked = text("ends").and_then(|hex| {
            let encoded = data_encoding::HEXLOWER.decode(hex.as_bytes()).ok()?;
            let statement = Statement::decode(&encoded).ok()?;
            // The node's word counts only where it shows what the id names.
            let is_it = |revoke: &Revoke| revoke.target == RevokeTarget::Statement(statement.id());
            let StatementBody::Revoke(revoke) = &self.body else { return None };
            is_it(revoke).then(|| Box::new(statement.body().clone()))
        });
        Background {
            now: clock::now(),
            kind: text("grantee_kind").and_then(|kind| kind.parse().ok()),
            holder: text("holder").and_then(|name| name.parse().ok()),
            revoked,
            effect: self.effect(),
        }
    }

    /// What may be a slip of the pen: a holder who has not joined, though a right may be given
    /// before; what the node will not take; and what it did not look at.
    pub(crate) fn note_faults(&self) {
        if let Some(why) = part(&self.diff, "refused").as_str() {
            output::aside(format!("note: the node would refuse it: {why}"));
        }
        for (field, what) in [("topics_left_out", "topic"), ("left_out", "change")] {
            let left_out = part(&self.diff, field).as_u64().unwrap_or_default();
            if left_out > 0 {
                let more = output::count(left_out, what);
                output::aside(format!("note: there are too many to look at all: {more} left out"));
            }
        }
        if let Some(name) = part(&self.diff, "unknown").as_str() {
            output::aside(format!("note: {name} has not joined, as far as is known here"));
        }
    }
}

/// Whether a steward may be asked to sign what its author may not state alone.
fn may_be_countersigned(refusal: &Refusal, statements: &[Statement]) -> bool {
    let may = |statement: &Statement| {
        matches!(
            statement.kind(),
            StatementKind::Principal | StatementKind::Grant | StatementKind::Revoke
        )
    };
    let fits = statements.len() <= ERRAND_STATEMENTS_MAX;
    refusal.code == RefusalCode::NotPermitted && fits && statements.iter().all(may)
}

/// Shows a preview beside the answer.
pub(crate) fn show(preview: &Preview) {
    output::aside_prose(&preview.text);
    for warning in &preview.warnings {
        output::aside_prose(warning);
    }
}

/// Whether it is to be signed. Where nobody can be asked, what is harmless is signed as scripts
/// expect, and what is dangerous is not without --yes.
fn agreed(signing: &Signing, lang: Lang, is_dangerous: bool) -> Result<bool> {
    if signing.yes {
        return Ok(true);
    }
    if ask::somebody_is_there() {
        let language = lang.language();
        let answer = ask::line(language.question()).context("not signed")?;
        return Ok(language.is_yes(&answer.trim().to_lowercase()));
    }
    if is_dangerous {
        return Err(fault::usage(
            "not signed: wanted --yes for a statement with a warning, as nobody can be asked here",
        ));
    }
    Ok(true)
}
