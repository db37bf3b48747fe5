//! What an errand is about, as its steward opens it.

use std::fmt;

use bytes::Bytes;
use prost::Message as _;

use crate::{
    DecodeError, Filter, Hash, ParseError, PrincipalId, PrincipalKind, PrincipalName, TokenId,
    decode::Fields,
    limits::{
        ERRAND_BYTES_MAX, ERRAND_STATEMENTS_MAX, INVITATION_FILTERS_MAX, INVITATION_MINUTES_MAX,
        INVITATIONS_PER_ANSWER_MAX, TEXT_BYTES_MAX,
    },
    wire::{self, errand_task::Kind},
};

const FIELDS: Fields = Fields("errand task");
const INVITE: Fields = Fields("errand to invite");

const BY_HAND: u32 = 1;
const BY_TOKEN: u32 = 2;
const BY_FINGERPRINT: u32 = 3;
const BY_OPENID: u32 = 4;

/// Hexadecimal digits of a fingerprint: as many as people compare, up to all.
const FINGERPRINT_DIGITS: std::ops::RangeInclusive<usize> = 16..=64;

/// What a steward can be asked. Exhaustive: it must act on each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrandTask {
    /// Lets a newcomer come.
    Invite(Box<InviteTask>),
    /// Which invitations there are, newest first.
    Invitations {
        /// The last one that was told; `None` = from the newest.
        after: Option<TokenId>,
        /// How many at most, 1 to [`INVITATIONS_PER_ANSWER_MAX`].
        max: u32,
        /// Only those of which something may still come.
        pending: bool,
    },
    /// Lets in the newcomer that waits.
    Approve {
        /// By which invitation.
        token_id: TokenId,
        /// With which key.
        key: PrincipalId,
    },
    /// Takes an invitation back; whoever waits with it is refused.
    Withdraw {
        /// Which.
        token_id: TokenId,
        /// Why, for whoever waits.
        reason: String,
    },
    /// Encoded [`Statement`](crate::Statement)s that the asker has signed, for the steward to sign
    /// as an issuer and to state: all or none.
    Countersign(Vec<Bytes>),
}

/// What a newcomer is invited to be and do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteTask {
    /// Which token it is.
    pub token_id: TokenId,
    /// What proves that somebody has it.
    pub secret: TaskSecret,
    /// Who the newcomer will be.
    pub name: PrincipalName,
    /// What it will be.
    pub kind: PrincipalKind,
    /// Where it may publish; at most [`INVITATION_FILTERS_MAX`].
    pub publish: Vec<Filter>,
    /// What it may read; at most [`INVITATION_FILTERS_MAX`].
    pub read: Vec<Filter>,
    /// For how long the token can be used, from when the errand was made.
    pub minutes: u32,
    /// Who says yes.
    pub approval: AdmissionBy,
    /// Whether the name's other keys are revoked once the newcomer's is admitted.
    pub replace: bool,
    /// What it may do beside that.
    pub office: Office,
}

/// What somebody may do beside what the filters of an invitation say. Exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Office {
    /// Nothing.
    #[default]
    None,
    /// Administer everything of the organisation: it holds administer, grant and discover.
    Administrator,
}

impl Office {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Administrator => 1,
        }
    }
}

impl TryFrom<u32> for Office {
    type Error = ParseError;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        match number {
            0 => Ok(Self::None),
            1 => Ok(Self::Administrator),
            other => Err(ParseError::new("office", "0 or 1", other.to_string())),
        }
    }
}

/// Who says that a newcomer may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdmissionBy {
    /// An administrator, by hand.
    Hand,
    /// Nobody: the token alone is enough, whoever comes first with it.
    Token,
    /// Nobody, and only a key whose id begins with these 16 to 64 hexadecimal digits is let in.
    Fingerprint(String),
    /// An OpenID provider.
    OpenId {
        /// The provider.
        issuer: String,
        /// What the organisation is called there.
        client: String,
        /// What the newcomer is called there.
        subject: String,
    },
}

impl AdmissionBy {
    /// The number on the wire.
    #[must_use]
    pub const fn number(&self) -> u32 {
        match self {
            Self::Hand => BY_HAND,
            Self::Token => BY_TOKEN,
            Self::Fingerprint(_) => BY_FINGERPRINT,
            Self::OpenId { .. } => BY_OPENID,
        }
    }
}

/// A join token's secret on its way to the steward. Never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TaskSecret([u8; 32]);

impl TaskSecret {
    /// Any 32 unpredictable bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TaskSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TaskSecret(…)")
    }
}

impl ErrandTask {
    /// What it is called in logs and refusals.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Invite(_) => "invite",
            Self::Invitations { .. } => "invitations",
            Self::Approve { .. } => "approve",
            Self::Withdraw { .. } => "withdraw",
            Self::Countersign(_) => "countersign",
        }
    }

    /// The bytes to be sealed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let kind = match self {
            Self::Invite(invite) => Kind::Invite(invite.to_wire()),
            Self::Invitations { after, max, pending } => Kind::Invitations(wire::InvitationsTask {
                after: after.as_ref().map(bytes_of).unwrap_or_default(),
                max: *max,
                pending: *pending,
            }),
            Self::Approve { token_id, key } => Kind::Approve(wire::ApproveTask {
                token_id: bytes_of(token_id),
                key: bytes_of(key),
            }),
            Self::Withdraw { token_id, reason } => Kind::Withdraw(wire::WithdrawTask {
                token_id: bytes_of(token_id),
                reason: reason.clone(),
            }),
            Self::Countersign(statements) => {
                Kind::Countersign(wire::CountersignTask { statements: statements.clone() })
            }
        };
        wire::ErrandTask { kind: Some(kind) }.encode_to_vec()
    }

    /// Parses what was sealed.
    ///
    /// # Errors
    ///
    /// It is not a task, not in its one encoding, or a field is out of its range.
    pub fn decode(encoded: &Bytes) -> Result<Self, DecodeError> {
        let wire: wire::ErrandTask = wire::decode_canonical(FIELDS.0, ERRAND_BYTES_MAX, encoded)?;
        let Some(kind) = wire.kind else { return Err(FIELDS.refuse("kind", "a task", "none")) };
        Ok(match kind {
            Kind::Invite(invite) => Self::Invite(Box::new(InviteTask::from_wire(&invite)?)),
            Kind::Invitations(task) => {
                let fits = (1..=INVITATIONS_PER_ANSWER_MAX).contains(&task.max);
                FIELDS.require("max", "1 to 100", fits, task.max)?;
                Self::Invitations {
                    after: FIELDS.fixed_optional("after", &task.after)?,
                    max: task.max,
                    pending: task.pending,
                }
            }
            Kind::Approve(task) => Self::Approve {
                token_id: FIELDS.fixed("token_id", &task.token_id)?,
                key: FIELDS.fixed("key", &task.key)?,
            },
            Kind::Withdraw(task) => Self::Withdraw {
                token_id: FIELDS.fixed("token_id", &task.token_id)?,
                reason: FIELDS.signed_text("reason", task.reason, TEXT_BYTES_MAX)?,
            },
            Kind::Countersign(task) => {
                let count = task.statements.len();
                let fits = (1..=ERRAND_STATEMENTS_MAX).contains(&count);
                FIELDS.require("statements", "1 to 64", fits, count)?;
                Self::Countersign(task.statements)
            }
        })
    }
}

impl InviteTask {
    fn to_wire(&self) -> wire::InviteTask {
        let texts = |filters: &[Filter]| filters.iter().map(ToString::to_string).collect();
        let (fingerprint, openid) = match &self.approval {
            AdmissionBy::Hand | AdmissionBy::Token => (String::new(), None),
            AdmissionBy::Fingerprint(digits) => (digits.clone(), None),
            AdmissionBy::OpenId { issuer, client, subject } => {
                let (issuer, client, subject) = (issuer.clone(), client.clone(), subject.clone());
                (String::new(), Some(wire::OpenIdSubject { issuer, client, subject }))
            }
        };
        wire::InviteTask {
            token_id: bytes_of(&self.token_id),
            secret: Bytes::copy_from_slice(self.secret.expose()),
            name: self.name.to_string(),
            kind: self.kind.number(),
            publish: texts(&self.publish),
            read: texts(&self.read),
            minutes: self.minutes,
            approval: self.approval.number(),
            fingerprint,
            openid,
            replace: self.replace,
            office: self.office.number(),
        }
    }

    fn from_wire(wire: &wire::InviteTask) -> Result<Self, DecodeError> {
        let fits = (1..=INVITATION_MINUTES_MAX).contains(&wire.minutes);
        INVITE.require("minutes", "1 to 1440", fits, wire.minutes)?;
        let approval = approval(wire)?;
        let secret: Hash = INVITE.fixed("secret", &wire.secret)?;
        Ok(Self {
            token_id: INVITE.fixed("token_id", &wire.token_id)?,
            secret: TaskSecret(*secret.as_bytes()),
            name: INVITE.parse("name", &wire.name)?,
            kind: INVITE.number("kind", wire.kind)?,
            publish: filters("publish", &wire.publish)?,
            read: filters("read", &wire.read)?,
            minutes: wire.minutes,
            approval,
            replace: wire.replace,
            office: INVITE.number("office", wire.office)?,
        })
    }
}

fn approval(wire: &wire::InviteTask) -> Result<AdmissionBy, DecodeError> {
    let (digits, openid) = (&wire.fingerprint, wire.openid.as_ref());
    let fits = digits.is_empty() || wire.approval == BY_FINGERPRINT;
    INVITE.require("fingerprint", "none without approval 3", fits, "one")?;
    let fits = openid.is_none() || wire.approval == BY_OPENID;
    INVITE.require("openid", "none without approval 4", fits, "one")?;
    match (wire.approval, openid) {
        (BY_HAND, _) => Ok(AdmissionBy::Hand),
        (BY_TOKEN, _) => Ok(AdmissionBy::Token),
        (BY_FINGERPRINT, _) => {
            let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
            let fits = FINGERPRINT_DIGITS.contains(&digits.len()) && digits.bytes().all(is_digit);
            INVITE.require("fingerprint", "16 to 64 hexadecimal digits", fits, "others")?;
            Ok(AdmissionBy::Fingerprint(digits.clone()))
        }
        (BY_OPENID, Some(openid)) => {
            let text =
                |field, text: &String| INVITE.signed_text(field, text.clone(), TEXT_BYTES_MAX);
            Ok(AdmissionBy::OpenId {
                issuer: text("issuer", &openid.issuer)?,
                client: text("client", &openid.client)?,
                subject: text("subject", &openid.subject)?,
            })
        }
        (BY_OPENID, None) => Err(INVITE.refuse("openid", "one with approval 4", "none")),
        (other, _) => Err(INVITE.refuse("approval", "1 to 4", other)),
    }
}

fn filters(field: &'static str, texts: &[String]) -> Result<Vec<Filter>, DecodeError> {
    INVITE.at_most(field, INVITATION_FILTERS_MAX, texts.len())?;
    texts.iter().map(|text| INVITE.parse(field, text)).collect()
}

pub(super) fn bytes_of(id: &impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(id.as_ref())
}
