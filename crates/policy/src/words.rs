//! Statements in plain words, for people who decide about rights and for those they concern.

use sekisho_proto::{
    PrincipalKind, StatementBody, Timestamp,
    statement::{Erased, PeeringParty, RevokeTarget},
};

/// What a statement says, in one sentence without a full stop.
#[must_use]
pub fn of(body: &StatementBody) -> String {
    match body {
        StatementBody::OrgRoot(root) => {
            let (needed, keys) = (root.threshold, root.keys.len());
            format!("{} speaks with {needed} of its {keys} root keys", root.organisation)
        }
        StatementBody::Issuer(issuer) => {
            format!("{} speaks for its organisation{}", issuer.name, until(issuer.until))
        }
        StatementBody::Principal(principal) => {
            let kind = principal.kind;
            let article = if kind == PrincipalKind::App { "an" } else { "a" };
            let home = principal.name.organisation();
            let signs = format!(" that keeps no key and for which the node of {home} signs");
            let signs = if principal.attested { signs.as_str() } else { "" };
            format!("{} is {article} {kind}{signs}{}", principal.name, until(principal.until))
        }
        StatementBody::Grant(grant) => format!(
            "{} may {} on {} from {}{}{}",
            grant.grantee,
            grant.actions,
            grant.filter,
            grant.from,
            until(grant.until),
            purpose(&grant.purpose)
        ),
        StatementBody::Deny(deny) => {
            format!("{} may not {} on {}", deny.grantee, deny.actions, deny.filter)
        }
        StatementBody::Revoke(revoke) => match &revoke.target {
            RevokeTarget::Statement(id) => format!("the statement {} ends", id.short()),
            RevokeTarget::Principal(id) => format!("the key {} ends", id.short()),
        },
        StatementBody::StreamDescriptor(stream) => {
            format!("{} is a stream of class {}", stream.topic, stream.class)
        }
        StatementBody::EpochAnnounce(epoch) => format!(
            "{} is sealed to epoch {} from {} until {}",
            epoch.tree, epoch.epoch, epoch.not_before, epoch.not_after
        ),
        StatementBody::KeyGrant(key) => {
            format!(
                "{} is given the key of epoch {} of {}",
                key.reader.short(),
                key.epoch,
                key.tree
            )
        }
        StatementBody::Role(role) => {
            format!("{} has {}{}", role.member, role.role, until(role.until))
        }
        StatementBody::Erasure(erasure) => match &erasure.erased {
            Erased::Epoch { tree, epoch, .. } => {
                format!("the seed of epoch {epoch} of {tree} was destroyed")
            }
            Erased::Subject(id) => {
                format!("what was kept of the accesses of {} was destroyed", id.short())
            }
        },
        StatementBody::Peering(peering) => {
            let [left, right] = &peering.parties;
            let (one, other) = (&left.organisation, &right.organisation);
            let until = until(peering.until);
            let (left, right) = (passed_on(left), passed_on(right));
            format!("{one} and {other} exchange what they agreed on{until}{left}{right}")
        }
    }
}

/// What a party lets travel on, and whose topics it passes on.
fn passed_on(party: &PeeringParty) -> String {
    let own = &party.organisation;
    let mut text = String::new();
    if party.onward && !party.exports.is_empty() {
        text.push_str(&format!(", {own} lets its topics travel on"));
    }
    let owners: Vec<&str> =
        party.passes_on.iter().map(|transit| transit.organisation.as_str()).collect();
    if !owners.is_empty() {
        text.push_str(&format!(", {own} passes on what {} states and sends", owners.join(" and ")));
    }
    text
}

fn until(until: Option<Timestamp>) -> String {
    until.map_or_else(String::new, |until| format!(" until {until}"))
}

fn purpose(purpose: &str) -> String {
    if purpose.is_empty() { String::new() } else { format!(" for {purpose}") }
}
