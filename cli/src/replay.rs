//! The organisation's own control log, and those of others where they are wanted, replayed here:
//! what stands in them, by its signatures and not by the node's word.

use std::time::Duration;

use anyhow::{Result, bail};
use sekisho::{Client, StatementIndex};
use sekisho_policy::Policy;
use sekisho_proto::{OrgName, Statement, Timestamp};
use sekisho_seal::StrictVerifier;
use tokio::time::timeout;

use crate::access::Access;
use crate::output;

/// How long the node may be silent in the middle of its log.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Reads the log to its end and applies it.
pub(crate) async fn replayed(access: &Access, client: &Client) -> Result<Policy> {
    replayed_with(access, client, &[]).await
}

/// The same with the logs of other organisations, as our node has them: a peering is proven by the
/// other side's log as well. Where that is not read, neither its contract nor what its people state
/// is believed.
pub(crate) async fn replayed_with(
    access: &Access,
    client: &Client,
    others: &[&OrgName],
) -> Result<Policy> {
    let own = access.profile.principal.organisation();
    let mut logs = Vec::new();
    let others = others.iter().copied().filter(|other| *other != own);
    for organisation in std::iter::once(own).chain(others) {
        logs.push((organisation.clone(), read(client, organisation).await?));
    }
    let mut policy = Policy::new(own.clone(), access.profile.root);
    for one in policy.restore(logs, &StrictVerifier) {
        let (organisation, index, kind) = (one.organisation, one.position, one.kind.name());
        let cause = one.error;
        tracing::debug!(%organisation, index, kind, %cause, "statement not applied");
    }
    ensure_rooted(&policy, own)?;
    Ok(policy)
}

async fn read(client: &Client, organisation: &OrgName) -> Result<Vec<(Statement, Timestamp)>> {
    let mut log = client.follow(organisation.clone(), StatementIndex::ZERO);
    let _sign = output::waiting(format!("reading the control log of {organisation}"));
    let mut statements = Vec::new();
    loop {
        let Ok(page) = timeout(SILENCE_MAX, log.next()).await else {
            bail!(
                "control log of {organisation}: wanted more of it within {SILENCE_MAX:?}, found none"
            )
        };
        let page = page?;
        if page.is_empty() {
            return Ok(statements);
        }
        statements.extend(page.into_iter().map(|one| (one.statement, one.received)));
    }
}

fn ensure_rooted(policy: &Policy, own: &OrgName) -> Result<()> {
    if policy.root_of(own).is_none() {
        bail!("control log of {own}: wanted the root of the profile in it, found none")
    }
    Ok(())
}
