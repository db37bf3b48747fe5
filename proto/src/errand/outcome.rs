//! What became of an errand, as its asker opens it.

use bytes::Bytes;
use prost::Message as _;

use super::task::{Office, bytes_of};
use crate::{
    DecodeError, Filter, ParseError, PrincipalId, PrincipalKind, PrincipalName, RefusalCode,
    Timestamp, TokenId,
    decode::{Fields, fitting, time_optional},
    limits::{
        ERRAND_ANSWER_BYTES_MAX, ERRAND_STATEMENTS_MAX, INVITATION_FILTERS_MAX,
        INVITATIONS_PER_ANSWER_MAX,
    },
    wire::{self, errand_outcome::Kind},
};

const FIELDS: Fields = Fields("errand outcome");
const INVITATION: Fields = Fields("invitation");

/// What became of an errand. Exhaustive: the asker must act on each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrandOutcome {
    /// Nothing of it was done.
    Refused {
        /// Stable, for programs.
        code: RefusalCode,
        /// The thing refused.
        what: String,
        /// What was wanted and what was found.
        why: String,
    },
    /// The newcomer may come.
    Invited {
        /// Until when, exclusive.
        expires: Timestamp,
        /// Whether somebody of that name has joined before.
        joined_before: bool,
    },
    /// A part of the list.
    Invitations {
        /// Newest first.
        invitations: Vec<ListedInvitation>,
        /// There are no more behind them.
        is_last: bool,
    },
    /// The newcomer is let in.
    Approved {
        /// Who it is.
        name: PrincipalName,
        /// Its key.
        key: PrincipalId,
    },
    /// The invitation is none any more.
    Withdrawn {
        /// For whom it was.
        name: PrincipalName,
    },
    /// The encoded statements as they stand in the control log.
    Countersigned(Vec<Bytes>),
}

/// An invitation, as an administrator is told of it: without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedInvitation {
    /// Which.
    pub token_id: TokenId,
    /// Who the newcomer will be.
    pub name: PrincipalName,
    /// What it will be.
    pub kind: PrincipalKind,
    /// Where it may publish.
    pub publish: Vec<Filter>,
    /// What it may read.
    pub read: Vec<Filter>,
    /// How far it is.
    pub standing: InvitationStanding,
    /// The key that came, and since when it waits or was approved.
    pub claimant: Option<(PrincipalId, Timestamp)>,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it is good, exclusive.
    pub expires: Timestamp,
    /// Who says yes: the number of an [`AdmissionBy`](super::AdmissionBy).
    pub approval: u32,
    /// Whether the name's other keys are revoked once the newcomer's is admitted.
    pub replace: bool,
    /// What it may do beside that.
    pub office: Office,
    /// The administrator whose errand it was; `None` = made in the steward's folder.
    pub invited_by: Option<PrincipalName>,
}

/// How far an invitation is. Exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InvitationStanding {
    /// Nobody has come yet.
    Open,
    /// A key waits for approval.
    Waiting,
    /// A key was approved and is about to become a principal's.
    Approved,
    /// A key became a principal's by it.
    Used,
    /// Nobody came in time.
    Expired,
    /// It was taken back.
    Withdrawn,
}

impl InvitationStanding {
    /// Every one, by ascending number.
    pub const ALL: [Self; 6] =
        [Self::Open, Self::Waiting, Self::Approved, Self::Used, Self::Expired, Self::Withdrawn];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Open => 1,
            Self::Waiting => 2,
            Self::Approved => 3,
            Self::Used => 4,
            Self::Expired => 5,
            Self::Withdrawn => 6,
        }
    }

    /// The name, such as `waiting`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Used => "used",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    const fn has_claimant(self) -> bool {
        matches!(self, Self::Waiting | Self::Approved | Self::Used)
    }
}

impl TryFrom<u32> for InvitationStanding {
    type Error = ParseError;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        let found = Self::ALL.into_iter().find(|standing| standing.number() == number);
        found.ok_or_else(|| {
            ParseError::new("standing of an invitation", "1 to 6", number.to_string())
        })
    }
}

impl ErrandOutcome {
    /// The bytes to be sealed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let kind = match self {
            Self::Refused { code, what, why } => Kind::Refused(wire::RefusedOutcome {
                code: code.number(),
                what: fitting(what),
                why: fitting(why),
            }),
            Self::Invited { expires, joined_before } => Kind::Invited(wire::InvitedOutcome {
                expires_us: expires.as_micros(),
                joined_before: *joined_before,
            }),
            Self::Invitations { invitations, is_last } => {
                Kind::Invitations(wire::InvitationsOutcome {
                    invitations: invitations.iter().map(ListedInvitation::to_wire).collect(),
                    is_last: *is_last,
                })
            }
            Self::Approved { name, key } => {
                Kind::Approved(wire::ApprovedOutcome { name: name.to_string(), key: bytes_of(key) })
            }
            Self::Withdrawn { name } => {
                Kind::Withdrawn(wire::WithdrawnOutcome { name: name.to_string() })
            }
            Self::Countersigned(statements) => {
                Kind::Countersigned(wire::CountersignedOutcome { statements: statements.clone() })
            }
        };
        wire::ErrandOutcome { kind: Some(kind) }.encode_to_vec()
    }

    /// Parses what was sealed.
    ///
    /// # Errors
    ///
    /// It is not an outcome, not in its one encoding, or a field is out of its range.
    pub fn decode(encoded: &Bytes) -> Result<Self, DecodeError> {
        let wire: wire::ErrandOutcome =
            wire::decode_canonical(FIELDS.0, ERRAND_ANSWER_BYTES_MAX, encoded)?;
        let Some(kind) = wire.kind else {
            return Err(FIELDS.refuse("kind", "an outcome", "none"));
        };
        Ok(match kind {
            Kind::Refused(refused) => Self::Refused {
                code: FIELDS.number("code", refused.code)?,
                what: FIELDS.text("what", refused.what)?,
                why: FIELDS.text("why", refused.why)?,
            },
            Kind::Invited(invited) => Self::Invited {
                expires: Timestamp::from_micros(invited.expires_us),
                joined_before: invited.joined_before,
            },
            Kind::Invitations(told) => {
                let most = usize::try_from(INVITATIONS_PER_ANSWER_MAX).unwrap_or(usize::MAX);
                FIELDS.at_most("invitations", most, told.invitations.len())?;
                let parsed = told.invitations.iter().map(ListedInvitation::from_wire);
                Self::Invitations {
                    invitations: parsed.collect::<Result<_, _>>()?,
                    is_last: told.is_last,
                }
            }
            Kind::Approved(approved) => Self::Approved {
                name: FIELDS.parse("name", &approved.name)?,
                key: FIELDS.fixed("key", &approved.key)?,
            },
            Kind::Withdrawn(withdrawn) => {
                Self::Withdrawn { name: FIELDS.parse("name", &withdrawn.name)? }
            }
            Kind::Countersigned(done) => {
                FIELDS.at_most("statements", ERRAND_STATEMENTS_MAX, done.statements.len())?;
                Self::Countersigned(done.statements)
            }
        })
    }
}

impl ListedInvitation {
    fn to_wire(&self) -> wire::Invitation {
        let texts = |filters: &[Filter]| filters.iter().map(ToString::to_string).collect();
        wire::Invitation {
            token_id: bytes_of(&self.token_id),
            name: self.name.to_string(),
            kind: self.kind.number(),
            publish: texts(&self.publish),
            read: texts(&self.read),
            standing: self.standing.number(),
            key: self.claimant.map(|(key, _since)| bytes_of(&key)).unwrap_or_default(),
            since_us: self.claimant.map(|(_key, since)| since.as_micros()),
            created_us: self.created.as_micros(),
            expires_us: self.expires.as_micros(),
            approval: self.approval,
            replace: self.replace,
            office: self.office.number(),
            invited_by: self.invited_by.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }

    fn from_wire(wire: &wire::Invitation) -> Result<Self, DecodeError> {
        let fields = INVITATION;
        let standing: InvitationStanding = fields.number("standing", wire.standing)?;
        let key: Option<PrincipalId> = fields.fixed_optional("key", &wire.key)?;
        let claimant = key.zip(time_optional(wire.since_us));
        let fits = key.is_some() == wire.since_us.is_some()
            && claimant.is_some() == standing.has_claimant();
        fields.require("key", "one with since_us where somebody came", fits, "another")?;
        fields.require("approval", "1 to 4", (1..=4).contains(&wire.approval), wire.approval)?;
        let filters = |field, texts: &[String]| -> Result<Vec<Filter>, DecodeError> {
            fields.at_most(field, INVITATION_FILTERS_MAX, texts.len())?;
            texts.iter().map(|text| fields.parse(field, text)).collect()
        };
        Ok(Self {
            token_id: fields.fixed("token_id", &wire.token_id)?,
            name: fields.parse("name", &wire.name)?,
            kind: fields.number("kind", wire.kind)?,
            publish: filters("publish", &wire.publish)?,
            read: filters("read", &wire.read)?,
            standing,
            claimant,
            created: Timestamp::from_micros(wire.created_us),
            expires: Timestamp::from_micros(wire.expires_us),
            approval: wire.approval,
            replace: wire.replace,
            office: fields.number("office", wire.office)?,
            invited_by: fields.parse_optional("invited_by", &wire.invited_by)?,
        })
    }
}
