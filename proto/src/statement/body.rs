//! What a statement can say.

use bytes::Bytes;

use super::{
    Deny, EpochAnnounce, Erasure, Grant, Issuer, KeyGrant, OrgRoot, Peering, Principal, Revoke,
    Role, StreamDescriptor,
};
use crate::{DecodeError, OrgName, ParseError, Timestamp};

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal $name:literal,)+) => {
        /// Which kind of statement it is. Exhaustive: a node that does not know a statement must
        /// not apply the log behind it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum StatementKind {
            $($(#[$doc])* $kind,)+
        }

        impl StatementKind {
            /// Every kind, by ascending number.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u32 {
                match self {
                    $(Self::$kind => $number,)+
                }
            }

            /// The name, such as `stream-descriptor`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }

            /// What a signature of this kind covers begins with this.
            #[must_use]
            pub const fn context(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!("sekisho-statement-", $name, "-v1\0"),)+
                }
            }
        }

        impl TryFrom<u32> for StatementKind {
            type Error = ParseError;

            fn try_from(number: u32) -> Result<Self, Self::Error> {
                match number {
                    $($number => Ok(Self::$kind),)+
                    other => {
                        let wanted = "a kind from 1 to 12";
                        Err(ParseError::new("statement kind", wanted, other.to_string()))
                    }
                }
            }
        }

        /// What a statement says.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(clippy::large_enum_variant, reason = "statements are few and kept for long")]
        pub enum StatementBody {
            $($(#[$doc])* $kind($kind),)+
        }

        impl StatementBody {
            /// Which kind of statement it is.
            #[must_use]
            pub const fn kind(&self) -> StatementKind {
                match self {
                    $(Self::$kind(_) => StatementKind::$kind,)+
                }
            }

            /// When its author made it, by the author's clock.
            #[must_use]
            pub const fn issued(&self) -> Timestamp {
                match self {
                    $(Self::$kind(body) => body.issued,)+
                }
            }

            pub(super) fn encode(&self) -> Vec<u8> {
                match self {
                    $(Self::$kind(body) => body.encode(),)+
                }
            }

            pub(super) fn decode(kind: StatementKind, bytes: &Bytes) -> Result<Self, DecodeError> {
                match kind {
                    $(StatementKind::$kind => $kind::decode(bytes).map(Self::$kind),)+
                }
            }
        }

        $(
            impl From<$kind> for StatementBody {
                fn from(body: $kind) -> Self {
                    Self::$kind(body)
                }
            }
        )+
    };
}

kinds! {
    /// The keys that an organisation is.
    OrgRoot = 1 "org-root",
    /// A key that may enrol principals and make statements for the organisation.
    Issuer = 2 "issuer",
    /// An actor and its key.
    Principal = 3 "principal",
    /// A right.
    Grant = 4 "grant",
    /// A right taken away, whatever grants say.
    Deny = 5 "deny",
    /// The end of a statement or principal.
    Revoke = 6 "revoke",
    /// What a topic carries.
    StreamDescriptor = 7 "stream-descriptor",
    /// The public key that a topic tree is sealed to.
    EpochAnnounce = 8 "epoch-announce",
    /// An epoch's private seed, sealed to one reader.
    KeyGrant = 9 "key-grant",
    /// What two organisations exchange.
    Peering = 10 "peering",
    /// Who has a role.
    Role = 11 "role",
    /// A receipt that something was destroyed.
    Erasure = 12 "erasure",
}

impl StatementBody {
    /// Every organisation in whose control log it belongs: one, or both of a peering.
    #[must_use]
    pub fn organisations(&self) -> Vec<&OrgName> {
        match self {
            Self::OrgRoot(body) => vec![&body.organisation],
            Self::Issuer(body) => vec![body.name.organisation()],
            Self::Principal(body) => vec![body.name.organisation()],
            Self::Grant(body) => vec![&body.organisation],
            Self::Deny(body) => vec![&body.organisation],
            Self::Revoke(body) => vec![&body.organisation],
            Self::StreamDescriptor(body) => vec![&body.organisation],
            Self::EpochAnnounce(body) => vec![&body.organisation],
            Self::KeyGrant(body) => vec![&body.organisation],
            Self::Role(body) => vec![body.role.organisation()],
            Self::Erasure(body) => vec![&body.organisation],
            Self::Peering(body) => body.parties.iter().map(|party| &party.organisation).collect(),
        }
    }
}
