//! The facts that a preview tells, in no language.

use sekisho_proto::{
    Filter, Grantee, Hash, OrgName, PrincipalId, PrincipalKind, PrincipalName, RoleName,
    StreamClass, Timestamp, Topic,
};

use super::contract::Term;
use super::danger::Danger;
use super::effect::Effect;

/// What is known beside the statement itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Background {
    /// When the preview is made.
    pub(crate) now: Timestamp,
    /// What the grantee or member is, where it has joined.
    pub(crate) kind: Option<PrincipalKind>,
    /// Whose key is revoked.
    pub(crate) holder: Option<PrincipalName>,
    /// What the statement says that is revoked.
    pub(crate) revoked: Option<Box<sekisho_proto::StatementBody>>,
    /// What it would open and close, where somebody who knows has said so.
    pub(crate) effect: Option<Effect>,
}

/// Who it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// One principal, and what it is where that is known.
    One(PrincipalName, Option<PrincipalKind>),
    /// Every principal of an organisation.
    Everybody(OrgName),
    /// Whoever has a role.
    Role(RoleName),
}

impl Who {
    pub(crate) fn of(grantee: &Grantee, kind: Option<PrincipalKind>) -> Self {
        match grantee {
            Grantee::Principal(name) => Self::One(name.clone(), kind),
            Grantee::Organisation(organisation) => Self::Everybody(organisation.clone()),
            Grantee::Role(role) => Self::Role(role.clone()),
        }
    }
}

/// What can be done with topics, as people think of it: to read is to receive and to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Deed {
    Publish,
    /// Receive and open.
    Read,
    /// Receive, and not open what is sealed.
    Receive,
    /// Be given the keys, and receive nothing by this.
    Open,
    /// Receive what came before, and open it.
    LookBack,
    /// Receive what came before, and not open what is sealed.
    LookBackSealed,
    Discover,
    Grant,
    Bridge,
    Administer,
}

/// How far back somebody may look who may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Back {
    Not,
    All,
    Since(Timestamp),
}

/// Whether a right can be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PassOn {
    No,
    /// Their organisation may hand it to its own peers.
    Onward,
    /// They may grant it themselves.
    Grant,
    /// Both.
    Both,
}

/// One fact of a preview, for one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phrase {
    May {
        who: Who,
        deeds: Vec<Deed>,
        filter: Filter,
        /// `None` = from now on.
        from: Option<Timestamp>,
        until: Option<Timestamp>,
        /// Empty where none was given.
        purpose: String,
    },
    LooksBack(Back),
    PassesOn(PassOn),
    Rate(u32),
    MayNot {
        who: Who,
        deeds: Vec<Deed>,
        filter: Filter,
    },
    /// Whoever may not open a part of a tree gets no key of it, and can open nothing of it.
    WholeTree,
    HasRole {
        who: Who,
        role: RoleName,
        /// `None` = from now on.
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    },
    /// What a statement ends that is known by its id alone.
    EndsStatement(Hash),
    /// What the statement said that ends; a whole preview in the same language.
    Said(Box<Self>),
    EndsKey {
        id: PrincipalId,
        holder: Option<PrincipalName>,
    },
    Reason(String),
    Stream {
        topic: Topic,
        class: StreamClass,
    },
    /// What makes it and whether it moves; type and title may be empty.
    Device {
        device_type: String,
        title: String,
        mobile: bool,
    },
    /// Names and units.
    Carries(Vec<(String, String)>),
    /// Seconds.
    Kept(u64),
    Opens(Change),
    Closes(Change),
    /// Nothing that is known today changes.
    ChangesNothing,
    /// It keeps no key: its organisation's node signs in its place.
    Attested {
        name: PrincipalName,
        kind: PrincipalKind,
    },
    /// What two organisations agree on.
    Term(Term),
    /// A sentence that only specialists sign, as the log shows it.
    Plain(String),
    Danger(Danger),
}

/// What becomes possible, or no longer is, for how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) deed: Deed,
    /// In order; a preview shows the first.
    pub(crate) topics: Vec<String>,
    /// For how many principals; `None` where the statement is about one, who was named.
    pub(crate) people: Option<usize>,
}

/// Topics that a preview names; the others are counted.
pub(crate) const TOPICS_SHOWN: usize = 5;

impl Change {
    /// The topics to be named, and how many others there are.
    pub(crate) fn shown(&self) -> (&[String], usize) {
        let shown = self.topics.len().min(TOPICS_SHOWN);
        let (named, others) = self.topics.split_at(shown);
        (named, others.len())
    }
}
