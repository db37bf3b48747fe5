//! Whether a session may go on: decided by the statements about its principal or its peering.

use sekisho_policy::{Missing, Policy, Recipient};
use sekisho_proto::{OrgName, PrincipalId, RefusalCode, Timestamp};

use crate::session::Subscriber;

/// Why a session has to end.
pub(super) fn check(
    policy: &Policy,
    subscriber: &Subscriber,
    now: Timestamp,
) -> Result<(), (RefusalCode, String)> {
    match &subscriber.recipient {
        Recipient::Principal(id) => check_principal(policy, *id, now),
        Recipient::Peer(organisation) => {
            check_peer(policy, subscriber.principal, organisation, now)
        }
    }
}

fn check_principal(
    policy: &Policy,
    id: PrincipalId,
    now: Timestamp,
) -> Result<(), (RefusalCode, String)> {
    let Err(missing) = policy.standing(&id, now) else { return Ok(()) };
    let over = matches!(missing, Missing::Revoked { .. } | Missing::PrincipalEnded { .. });
    let code = if over { RefusalCode::Revoked } else { RefusalCode::NotPermitted };
    Err((code, format!("key {}: {missing}", id.short())))
}

fn check_peer(
    policy: &Policy,
    node: PrincipalId,
    organisation: &OrgName,
    now: Timestamp,
) -> Result<(), (RefusalCode, String)> {
    let in_force = policy.peer(organisation).is_some_and(|peering| {
        peering.is_in_force(now) && PrincipalId::of(&peering.theirs.node_key) == node
    });
    if in_force {
        return Ok(());
    }
    let node = node.short();
    let why = format!("{organisation}: wanted a peering in force with node {node}, found none");
    Err((RefusalCode::Revoked, why))
}
