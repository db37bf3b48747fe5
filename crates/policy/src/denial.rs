//! Why something is not permitted, in words that name who, what, where and the first thing missing.

use std::fmt;

use sekisho_proto::{
    Action, Filter, Hash, OrgName, PrincipalId, PrincipalName, RefusalCode, StreamClass, Timestamp,
};

/// A refusal: default deny tells which right was missing, a deny tells which statement forbids it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} may not {action} on {object}: {missing}", .subject)]
pub struct Denial {
    subject: Subject,
    action: Action,
    object: Box<str>,
    missing: Box<Missing>,
}

impl Denial {
    pub(crate) fn new(subject: Subject, action: Action, object: &str, missing: Missing) -> Self {
        Self { subject, action, object: object.into(), missing: Box::new(missing) }
    }

    /// Who asked.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What was asked for.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// The topic or filter that was asked about.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object
    }

    /// The first thing that was missing.
    #[must_use]
    pub fn missing(&self) -> &Missing {
        &self.missing
    }

    /// Whether nothing is missing but a sign of life of somebody whose statements it depends on: it
    /// passes when that comes.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        matches!(*self.missing, Missing::Stale { .. })
    }

    /// The code under which a node refuses it.
    #[must_use]
    pub fn code(&self) -> RefusalCode {
        self.missing.code()
    }
}

/// Who is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A principal by its name.
    Principal(PrincipalName),
    /// A key that no statement names.
    Key(PrincipalId),
    /// The node of another organisation.
    Peer(OrgName),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal(name) => name.fmt(f),
            Self::Key(id) => write!(f, "the key {}", id.short()),
            Self::Peer(organisation) => write!(f, "the node of {organisation}"),
        }
    }
}

/// The first thing that stands between somebody and what they asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// No statement names the key.
    #[error("no statement of an organisation known here names this key")]
    UnknownPrincipal,
    /// No statement names a principal so.
    #[error("no statement of an organisation known here names this principal")]
    UnknownName,
    /// The principal's key was revoked.
    #[error("the key {} was revoked at {revoked} by {organisation}", .id.short())]
    Revoked {
        /// The revoked key.
        id: PrincipalId,
        /// Who revoked it: the principal's organisation, this node's, or the topic's owner.
        organisation: OrgName,
        /// When that was logged.
        revoked: Timestamp,
    },
    /// The principal's statement has run out.
    #[error("its enrolment ended at {until}")]
    PrincipalEnded {
        /// When it ended.
        until: Timestamp,
    },
    /// Its organisation does not say that a node signs for it.
    #[error("wanted an envelope signed with its own key: no node attests for it")]
    NotAttested,
    /// Somebody else than a node of the publisher's organisation signs for it.
    #[error("wanted a node of {organisation} to attest for it, found {found}")]
    NotItsNode {
        /// The publisher's organisation.
        organisation: OrgName,
        /// Who attests.
        found: PrincipalName,
    },
    /// A node attests for its own organisation's publishers on its own topics.
    #[error("nodes of {organisation} attest on its own topics only, not on those of {owner}")]
    AttestedElsewhere {
        /// The topic's owner.
        owner: OrgName,
        /// The publisher's organisation.
        organisation: OrgName,
    },
    /// What a node attests for was never sealed.
    #[error("the topic is declared {class}: what a node attests for is not sealed")]
    SealedTopic {
        /// What its owner declares it.
        class: StreamClass,
    },
    /// The organisation is not known, or nobody vouches for its root.
    #[error("the organisation {organisation} is not known here")]
    UnknownOrganisation {
        /// The organisation.
        organisation: OrgName,
    },
    /// No peering with the organisation is in force.
    #[error("no peering between {own} and {organisation} is in force")]
    NoPeering {
        /// The organisation of this node.
        own: OrgName,
        /// The other one.
        organisation: OrgName,
    },
    /// A peering is in force, but the owner does not offer this.
    #[error("{owner} does not export it to {organisation}")]
    NotExported {
        /// Who would have to offer it.
        owner: OrgName,
        /// To whom.
        organisation: OrgName,
    },
    /// A peering is in force, but the taker did not agree to take this.
    #[error("{organisation} does not import it from {owner}")]
    NotImported {
        /// Who offers it.
        owner: OrgName,
        /// Who would have to take it.
        organisation: OrgName,
    },
    /// The owner did not allow its topics to travel on.
    #[error("{owner} does not let {via} pass it on")]
    NotOnward {
        /// The topic's owner.
        owner: OrgName,
        /// Who would pass it on.
        via: OrgName,
    },
    /// No contract says that it is passed on.
    #[error("{via} does not pass topics of {owner} like this one on to {taker}")]
    NotPassedOn {
        /// The topic's owner.
        owner: OrgName,
        /// Who would have to pass it on.
        via: OrgName,
        /// To whom.
        taker: OrgName,
    },
    /// The topic's home has every record already.
    #[error("it comes from there")]
    Home,
    /// The envelope was signed for the owner's organisation alone.
    #[error("its publisher signed it for principals of {owner} only")]
    Scope {
        /// The topic's owner.
        owner: OrgName,
    },
    /// The right is there, but the statements of an organisation are too old to go by.
    #[error("the statements of {organisation} were last heard at {heard}")]
    Stale {
        /// Whose statements.
        organisation: OrgName,
        /// When its node was last heard.
        heard: Timestamp,
    },
    /// A deny forbids it; deny wins.
    #[error("statement {} denies it on {filter}", .statement.short())]
    Denied {
        /// The deny's id.
        statement: Hash,
        /// What it covers.
        filter: Filter,
    },
    /// No grant says so.
    #[error("no grant of {owner} allows it")]
    NoGrant {
        /// The topic's owner.
        owner: OrgName,
    },
    /// A grant says so, but was revoked, or what it was granted from is not in force.
    #[error("the grant {} is revoked, or what it was granted from is", .statement.short())]
    GrantRevoked {
        /// The grant's id.
        statement: Hash,
    },
    /// A grant says so, but later.
    #[error("the grant {} begins at {from}", .statement.short())]
    GrantNotYet {
        /// The grant's id.
        statement: Hash,
        /// When it begins.
        from: Timestamp,
    },
    /// A grant said so, but has run out.
    #[error("the grant {} ended at {until}", .statement.short())]
    GrantEnded {
        /// The grant's id.
        statement: Hash,
        /// When it ended.
        until: Timestamp,
    },
    /// A grant covers the topic, but not records as old as this one.
    #[error(
        "the grant {} does not reach back to a record received at {received}",
        .statement.short()
    )]
    TooOld {
        /// The grant's id.
        statement: Hash,
        /// When the record was received.
        received: Timestamp,
    },
}

impl Missing {
    /// The code under which a node refuses what lacks this.
    #[must_use]
    pub fn code(&self) -> RefusalCode {
        match self {
            Self::UnknownPrincipal | Self::UnknownName => RefusalCode::UnknownKey,
            Self::Revoked { .. } | Self::PrincipalEnded { .. } => RefusalCode::Revoked,
            Self::NotAttested
            | Self::NotItsNode { .. }
            | Self::AttestedElsewhere { .. }
            | Self::SealedTopic { .. }
            | Self::UnknownOrganisation { .. }
            | Self::NoPeering { .. }
            | Self::NotExported { .. }
            | Self::NotImported { .. }
            | Self::NotOnward { .. }
            | Self::NotPassedOn { .. }
            | Self::Home
            | Self::Scope { .. }
            | Self::Stale { .. }
            | Self::Denied { .. }
            | Self::NoGrant { .. }
            | Self::GrantRevoked { .. }
            | Self::GrantNotYet { .. }
            | Self::GrantEnded { .. }
            | Self::TooOld { .. } => RefusalCode::NotPermitted,
        }
    }

    /// How near this is to a yes: of several grants that fail, the nearest one is told.
    pub(crate) fn nearness(&self) -> u8 {
        match self {
            Self::Denied { .. } => 5,
            Self::TooOld { .. } => 4,
            Self::GrantNotYet { .. } => 3,
            Self::GrantEnded { .. } => 2,
            Self::GrantRevoked { .. } => 1,
            Self::UnknownPrincipal
            | Self::UnknownName
            | Self::Revoked { .. }
            | Self::PrincipalEnded { .. }
            | Self::NotAttested
            | Self::NotItsNode { .. }
            | Self::AttestedElsewhere { .. }
            | Self::SealedTopic { .. }
            | Self::UnknownOrganisation { .. }
            | Self::NoPeering { .. }
            | Self::NotExported { .. }
            | Self::NotImported { .. }
            | Self::NotOnward { .. }
            | Self::NotPassedOn { .. }
            | Self::Home
            | Self::Scope { .. }
            | Self::Stale { .. }
            | Self::NoGrant { .. } => 0,
        }
    }
}
