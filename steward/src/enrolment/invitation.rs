//! What a newcomer is offered, and the offer once it was made.

use std::time::Duration;

use sekisho::{Fingerprint, JoinSecret};
use sekisho_proto::{
    Filter, Office, PrincipalKind, PrincipalName, Timestamp, TokenId,
    limits::INVITATION_FILTERS_MAX,
};

use crate::openid::OpenIdSubject;

/// How long an invitation is good for where nothing is said.
pub const TTL_DEFAULT: Duration = Duration::from_hours(1);

/// How long an invitation may be good for: what lies around longer is found by others.
pub const TTL_MAX: Duration = Duration::from_hours(24);

/// Filters of one invitation, each list: each becomes a grant.
pub const FILTERS_MAX: usize = INVITATION_FILTERS_MAX;

/// Who says that a newcomer may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// Nobody: holding the secret is enough, whoever comes first.
    Matching,
    /// Nobody, and only the key with this fingerprint is let in.
    Key(Fingerprint),
    /// Nobody, and only who signs in at a provider as this subject is let in.
    OpenId(OpenIdSubject),
    /// A person, who compares the newcomer's fingerprint and calls
    /// [`Enrolments::approve`](super::Enrolments::approve).
    ByHand,
}

/// What a newcomer is invited to be and do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Who it will be, of the steward's organisation.
    pub name: PrincipalName,
    /// What it will be: a device, person, app or bridge.
    pub kind: PrincipalKind,
    /// Where it may publish; at most [`FILTERS_MAX`] filters.
    pub publish: Vec<Filter>,
    /// What it may subscribe to, decrypt, discover and read the history of; at most
    /// [`FILTERS_MAX`] filters.
    pub read: Vec<Filter>,
    /// How long the invitation is good for, more than nothing and at most [`TTL_MAX`].
    pub ttl: Duration,
    /// Who says yes.
    pub approval: Approval,
    /// Whether the keys that the name has so far are revoked once the newcomer's is its.
    pub replace: bool,
    /// What it may do beside that.
    pub office: Office,
}

impl Offer {
    /// An offer of nothing but a name, for an hour, with approval by hand.
    #[must_use]
    pub const fn new(name: PrincipalName, kind: PrincipalKind) -> Self {
        Self {
            name,
            kind,
            publish: Vec::new(),
            read: Vec::new(),
            ttl: TTL_DEFAULT,
            approval: Approval::ByHand,
            replace: false,
            office: Office::None,
        }
    }
}

/// An invitation that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Which.
    pub token: TokenId,
    /// Who the newcomer will be.
    pub name: PrincipalName,
    /// What it will be.
    pub kind: PrincipalKind,
    /// Where it may publish.
    pub publish: Vec<Filter>,
    /// What it may subscribe to, decrypt, discover and read the history of.
    pub read: Vec<Filter>,
    /// Who says yes.
    pub approval: Approval,
    /// Whether the keys that the name has so far are revoked once the newcomer's is its.
    pub replace: bool,
    /// What it may do beside that.
    pub office: Office,
    /// The administrator whose errand it was; `None` = it was made in the steward's folder.
    pub invited_by: Option<PrincipalName>,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it is good, exclusive.
    pub expires: Timestamp,
    pub(super) secret: JoinSecret,
}

impl Offer {
    /// The invitation with this token.
    pub(super) fn made(self, token: TokenId, secret: JoinSecret, created: Timestamp) -> Invitation {
        let Self { name, kind, publish, read, ttl, approval, replace, office } = self;
        Invitation {
            token,
            name,
            kind,
            publish,
            read,
            approval,
            replace,
            office,
            invited_by: None,
            created,
            expires: created.saturating_add(ttl),
            secret,
        }
    }
}
