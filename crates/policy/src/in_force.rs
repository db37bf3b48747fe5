//! Whether a statement that was applied still says something.

use sekisho_proto::{Hash, OrgName, StatementBody, Timestamp};

use crate::{Policy, view::View};

impl Policy {
    /// Whether a statement of an organisation's log has its effect at a time: it is known, was not
    /// revoked, has begun and not ended; of a grant that was handed on, this holds of all that it
    /// came from as well.
    #[must_use]
    pub fn is_in_force(&self, organisation: &OrgName, statement: &Hash, now: Timestamp) -> bool {
        let view = View::live(now);
        let Some(owner) = self.organisations.get(organisation) else { return false };
        if owner.revoked(view, statement).is_some() {
            return false;
        }
        if let Some(fact) = owner.grants.get(statement) {
            return self.in_force(view, owner, fact).is_ok();
        }
        let until = |logged: &crate::LoggedStatement| until(logged.statement.body());
        owner.statement(statement).map(until).is_some_and(|until| until.is_none_or(|end| now < end))
    }
}

fn until(body: &StatementBody) -> Option<Timestamp> {
    match body {
        StatementBody::Issuer(body) => body.until,
        StatementBody::Principal(body) => body.until,
        StatementBody::Grant(body) => body.until,
        StatementBody::Role(body) => body.until,
        StatementBody::Peering(body) => body.until,
        StatementBody::EpochAnnounce(body) => Some(body.not_after),
        StatementBody::OrgRoot(_)
        | StatementBody::Deny(_)
        | StatementBody::Revoke(_)
        | StatementBody::StreamDescriptor(_)
        | StatementBody::KeyGrant(_)
        | StatementBody::Erasure(_) => None,
    }
}
