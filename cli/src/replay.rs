//! The organisation's own control log, replayed here: what stands in it, by its signatures and not
//! by the node's word.

use std::time::Duration;

use anyhow::{Result, bail};
use sekisho::{Client, StatementIndex};
use sekisho_policy::Policy;
use sekisho_proto::OrgName;
use sekisho_seal::StrictVerifier;
use tokio::time::timeout;

use crate::access::Access;
use crate::output;

/// How long the node may be silent in the middle of its log.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Reads the log to its end and applies it.
pub(crate) async fn replayed(access: &Access, client: &Client) -> Result<Policy> {
    let own = access.profile.principal.organisation();
    let mut policy = Policy::new(own.clone(), access.profile.root);
    let mut log = client.follow(own.clone(), StatementIndex::ZERO);
    let _sign = output::waiting(format!("reading the control log of {own}"));
    loop {
        let Ok(page) = timeout(SILENCE_MAX, log.next()).await else {
            bail!("control log of {own}: wanted more of it within {SILENCE_MAX:?}, found none")
        };
        let page = page?;
        if page.is_empty() {
            break;
        }
        for one in page {
            // A peering is proven by the other side's log, which is not read here; neither then are
            // its revocation and what the other side's people state. None of it is believed.
            if let Err(cause) = policy.apply(&one.statement, one.received, &StrictVerifier) {
                let kind = one.statement.kind().name();
                tracing::debug!(index = %one.index, kind, %cause, "statement not applied");
            }
        }
    }
    ensure_rooted(&policy, own)?;
    Ok(policy)
}

fn ensure_rooted(policy: &Policy, own: &OrgName) -> Result<()> {
    if policy.root_of(own).is_none() {
        bail!("control log of {own}: wanted the root of the profile in it, found none")
    }
    Ok(())
}
