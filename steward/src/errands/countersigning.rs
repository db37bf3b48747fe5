//! Which statements a steward signs beside an administrator. It is an issuer, whose signature lets
//! almost everything stand: so it signs only what an administrator would otherwise need the
//! organisation's own folder for, never what would change who speaks for the organisation.

use bytes::Bytes;
use sekisho_policy::{Policy, PrincipalRecord};
use sekisho_proto::{
    Grantee, Hash, PrincipalId, PrincipalKind, PrincipalName, RefusalCode, Statement,
    StatementBody, StatementKind, StatementVerifier as _, Suite, Timestamp,
    statement::{Principal, Revoke, RevokeTarget},
};
use sekisho_seal::StrictVerifier;

use super::No;

/// The statement, where its asker alone has signed it and it may be signed beside.
pub(super) fn checked(
    encoded: &Bytes,
    asker: &PrincipalRecord,
    policy: &Policy,
    now: Timestamp,
) -> Result<Statement, No> {
    let statement = Statement::decode(encoded)
        .map_err(|fault| No::new(fault.code(), "statement", fault.to_string()))?;
    let is_askers = match statement.signatures() {
        [one] => {
            one.signer == asker.id
                && StrictVerifier.verify(
                    &asker.public_key,
                    &statement.signing_input(),
                    &one.signature,
                )
        }
        _ => false,
    };
    if !is_askers {
        let why = format!("wanted the signature of {} alone, found another", asker.name);
        return Err(No::new(RefusalCode::BadSignature, "statement", why));
    }
    if statement.organisations() != [policy.own()] {
        let why = format!("wanted one of {}, found one of another organisation", policy.own());
        return Err(refused(&statement, why));
    }
    check_body(&statement, asker, policy, now).map_err(|why| refused(&statement, why))?;
    Ok(statement)
}

fn refused(statement: &Statement, why: String) -> No {
    No::new(RefusalCode::NotPermitted, statement.kind().name(), why)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other kind is refused alike")]
fn check_body(
    statement: &Statement,
    asker: &PrincipalRecord,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), String> {
    match statement.body() {
        StatementBody::Principal(principal) => check_new(principal, policy),
        StatementBody::Grant(grant) => check_grantee(&grant.grantee, asker, policy, now),
        StatementBody::Revoke(revoke) => check_revoke(revoke, asker, policy, now),
        other => {
            let found = other.kind().name();
            Err(format!("wanted a principal, grant or revocation, found a {found}"))
        }
    }
}

/// Somebody without a key of its own, who is nobody yet: what was stated of a key stays. One that
/// was stated just so is asked for again where nobody heard the answer.
fn check_new(principal: &Principal, policy: &Policy) -> Result<(), String> {
    if !principal.attested || principal.kem_suite != Suite::Open {
        return Err("wanted one without a key: others join by an invitation".to_owned());
    }
    check_kind(principal.kind)?;
    check_name(&principal.name, policy)?;
    let id = PrincipalId::of(&principal.public_key);
    let is_same = |known: &PrincipalRecord| {
        let (was, is) = ((&known.name, known.kind, known.until), principal);
        known.attested && was == (&is.name, is.kind, is.until)
    };
    let is_known = policy.principal(&id).is_some_and(|known| !is_same(known));
    if is_known || policy.issuers(policy.own()).any(|issuer| issuer.id == id) {
        return Err("wanted a key that is nobody's yet, found one that is known".to_owned());
    }
    Ok(())
}

/// Nodes, stewards and issuers are what the organisation acts by: their names are theirs.
pub(super) fn check_name(name: &PrincipalName, policy: &Policy) -> Result<(), String> {
    let own = policy.own();
    let acts = |kind| matches!(kind, PrincipalKind::Steward | PrincipalKind::Node);
    let mut principals = policy.principals(own).into_iter();
    let is_taken = principals.any(|one| one.name == *name && acts(one.kind))
        || policy.issuers(own).any(|issuer| issuer.name == *name);
    if is_taken {
        return Err(format!("wanted a name of nobody that acts for {own}, found {name}"));
    }
    Ok(())
}

/// Nobody grants themselves, by name or by a role that they have.
fn check_grantee(
    grantee: &Grantee,
    asker: &PrincipalRecord,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), String> {
    let is_asker = match grantee {
        Grantee::Principal(name) => *name == asker.name,
        Grantee::Role(role) => {
            let mut roles = policy.what(&asker.name, now).roles.into_iter();
            roles.any(|held| held.role == *role)
        }
        Grantee::Organisation(_) => false,
    };
    if is_asker {
        return Err(format!("wanted another than {}: nobody grants themselves", asker.name));
    }
    Ok(())
}

fn check_revoke(
    revoke: &Revoke,
    asker: &PrincipalRecord,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), String> {
    match &revoke.target {
        RevokeTarget::Principal(id) => check_ends(id, policy, now),
        RevokeTarget::Statement(id) => {
            let bound = policy.what(&asker.name, now);
            let is_own = bound.denies.iter().any(|held| held.statement == *id)
                || bound.roles.iter().any(|held| held.statement == *id);
            if is_own {
                let name = &asker.name;
                return Err(format!(
                    "wanted one that does not bind {name}: nobody frees themselves"
                ));
            }
            let wanted = "a grant, deny, role or description in the control log";
            let kind = logged_kind(policy, id);
            let kind = kind.ok_or_else(|| format!("wanted {wanted}, found none"))?;
            let may = matches!(
                kind,
                StatementKind::Grant
                    | StatementKind::Deny
                    | StatementKind::Role
                    | StatementKind::StreamDescriptor
            );
            if may { Ok(()) } else { Err(format!("wanted {wanted}, found a {}", kind.name())) }
        }
    }
}

/// Nodes, stewards and issuers are what the organisation acts by: they are replaced in its folder.
fn check_ends(id: &PrincipalId, policy: &Policy, now: Timestamp) -> Result<(), String> {
    let own = policy.own();
    let record = policy.principal(id).filter(|record| record.name.organisation() == own);
    let record = record.ok_or_else(|| format!("wanted a principal of {own}, found none"))?;
    check_kind(record.kind)?;
    let is_issuer = policy.issuers(own).any(|issuer| {
        issuer.id == *id && issuer.revoked.is_none() && issuer.until.is_none_or(|until| now < until)
    });
    if is_issuer {
        return Err(format!(
            "wanted one that is no issuer, found {}: the root ends it",
            record.name
        ));
    }
    Ok(())
}

fn check_kind(kind: PrincipalKind) -> Result<(), String> {
    match kind {
        PrincipalKind::Device
        | PrincipalKind::Person
        | PrincipalKind::App
        | PrincipalKind::Bridge => Ok(()),
        PrincipalKind::Steward | PrincipalKind::Node => {
            Err(format!("wanted a device, person, app or bridge, found a {kind}"))
        }
    }
}

fn logged_kind(policy: &Policy, id: &Hash) -> Option<StatementKind> {
    let place = usize::try_from(policy.place_of(policy.own(), id)?.value()).ok()?;
    policy.log(policy.own()).get(place).map(|logged| logged.statement.kind())
}
