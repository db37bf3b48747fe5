//! Errands: what an administrator asks of the organisation's steward from a folder of their own. The
//! node carries what is sealed and signed here, and can neither read nor change it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use sekisho::{Client, OsEntropy, Profile, QueryError, RefusalCode, clock};
use sekisho_policy::PrincipalRecord;
use sekisho_proto::frame::{AnswerBody, ErrandStanding, Question};
use sekisho_proto::limits::ERRAND_LIFETIME_MAX;
use sekisho_proto::{
    Errand, ErrandAnswer, ErrandId, ErrandOutcome, ErrandTask, PrincipalId, PrincipalKind,
    Timestamp,
};
use sekisho_seal::{ErrandDraft, KemPublicKey, draw, open_errand_answer, seal_errand};
use serde_json::Value;
use tokio::time::sleep;

use crate::access::{Access, document};
use crate::command::question::part;
use crate::exit::Exit;
use crate::replay::replayed;
use crate::{fault, output};

/// How often the node is asked. A steward looks once a second.
const TURN: Duration = Duration::from_millis(200);

/// How long an errand is waited for where nothing was said.
pub(crate) const WAIT_DEFAULT: Duration = Duration::from_secs(60);

/// The stewards of an organisation, asked by one of its administrators.
pub(crate) struct Errands<'a> {
    access: &'a Access,
    client: &'a Client,
    stewards: Vec<PrincipalRecord>,
    /// How long one may wait to be begun, and is waited for.
    wait: Duration,
}

impl<'a> Errands<'a> {
    /// Learns who the stewards are of the control log, which is read to its end here and is at least
    /// the one that this folder trusts: the node could leave out that one was revoked. Those that are
    /// connected, as the node says, come first.
    pub(crate) async fn to(access: &'a Access, client: &'a Client, wait: Duration) -> Result<Self> {
        let own = access.profile.principal.organisation();
        let connected = connected(client).await?;
        let policy = replayed(access, client).await?;
        let now = clock::now();
        let is_steward = |record: &&PrincipalRecord| {
            record.kind == PrincipalKind::Steward && policy.standing(&record.id, now).is_ok()
        };
        let mut stewards: Vec<PrincipalRecord> =
            policy.principals(own).into_iter().filter(is_steward).cloned().collect();
        if stewards.is_empty() {
            return Err(fault::no(format!("{own}: wanted a steward in force, found none")));
        }
        stewards.sort_by_key(|record| (!connected.contains(&record.id), record.id));
        Ok(Self { access, client, stewards, wait: wait.min(ERRAND_LIFETIME_MAX) })
    }

    /// Those who can be asked.
    pub(crate) fn stewards(&self) -> &[PrincipalRecord] {
        &self.stewards
    }

    /// Where newcomers dial, whom they trust, and whose name they have.
    pub(crate) fn profile(&self) -> &Profile {
        &self.access.profile
    }

    /// Has the first steward do something; what it says, where that is not no.
    pub(crate) async fn ask(&self, task: &ErrandTask) -> Result<ErrandOutcome> {
        let steward = self.stewards.first().context("errand: wanted a steward, found none")?;
        self.ask_of(steward, task).await.map(|(outcome, _issued)| outcome)
    }

    /// The same of a certain one, and when it was asked.
    pub(crate) async fn ask_of(
        &self,
        steward: &PrincipalRecord,
        task: &ErrandTask,
    ) -> Result<(ErrandOutcome, Timestamp)> {
        let key = steward.kem_public_key.as_deref().unwrap_or_default();
        let key = KemPublicKey::parse(steward.kem_suite, key)
            .with_context(|| format!("{}: wanted a key to seal to", steward.name))?;
        let issued = clock::now();
        let draft = ErrandDraft {
            organisation: steward.name.organisation().clone(),
            id: ErrandId::new(*draw(&mut OsEntropy::new())?),
            steward: steward.id,
            issued,
            until: issued.saturating_add(self.wait),
        };
        let identity = &self.access.identity;
        let errand = seal_errand(identity, &key, draft, task, &mut OsEntropy::new())?;
        let answer = self.answer(steward, &errand).await?;
        let outcome = open_errand_answer(identity, &steward.public_key, &errand, &answer)
            .context("wanted the steward's answer")?;
        if let ErrandOutcome::Refused { code, what, why } = outcome {
            return Err(fault::no(format!("{}: {}: {what}: {why}", steward.name, code.name())));
        }
        Ok((outcome, issued))
    }

    /// Brings an errand again and again until it is answered or may not be begun any more.
    async fn answer(&self, steward: &PrincipalRecord, errand: &Errand) -> Result<ErrandAnswer> {
        let mut sign = None;
        let mut is_told = false;
        let ends = errand.content().until.saturating_add(TURN * 2);
        loop {
            let question = Question::Errand(errand.encoded().clone());
            match self.client.query(question).await {
                Ok(AnswerBody::Errand(ErrandStanding::Answered(answer))) => {
                    return Ok(ErrandAnswer::decode(answer)?);
                }
                Ok(AnswerBody::Errand(standing)) => {
                    let name = &steward.name;
                    if standing == ErrandStanding::Away && !is_told {
                        let until = output::moment(&errand.content().until.to_string());
                        output::aside(format!("{name} is away; it may still come until {until}"));
                        is_told = true;
                    }
                    sign.get_or_insert_with(|| output::waiting(format!("waiting for {name}")));
                }
                Ok(_) => bail!("answer of the node: wanted how far an errand is, found another"),
                // What was lost with a connection is brought again.
                Err(cause) if clock::now() < ends && cause.is_passing() => {}
                Err(QueryError::Refused(refusal)) if refusal.code == RefusalCode::Expired => {
                    return Err(unanswered(steward));
                }
                Err(cause) => return Err(cause.into()),
            }
            if clock::now() >= ends {
                return Err(unanswered(steward));
            }
            sleep(TURN).await;
        }
    }
}

/// Nothing of it is begun any more; whether it was done before nobody can say who was not told.
fn unanswered(steward: &PrincipalRecord) -> anyhow::Error {
    let name = &steward.name;
    let why = format!(
        "{name} did not answer in time and begins nothing of it any more; whether it was done before, \
         `sekisho enrol --list` and `sekisho what` tell"
    );
    fault::with(Exit::Unconfirmed, why)
}

/// The stewards that are connected, as the node says.
async fn connected(client: &Client) -> Result<BTreeSet<PrincipalId>> {
    let status = document(client, Question::Status).await?;
    let told = part(&status, "stewards_known").as_array().map(Vec::as_slice);
    let is_there = |one: &&Value| part(one, "connected").as_bool().unwrap_or_default();
    let there = told.unwrap_or_default().iter().filter(is_there);
    Ok(there.filter_map(|one| part(one, "id").as_str()?.parse().ok()).collect())
}
