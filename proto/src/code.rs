//! Why something was refused or lost: numbers that never change and names for people.

use crate::ParseError;

macro_rules! codes {
    ($(#[$doc:meta])* $type:ident, $thing:literal, $wanted:literal;
     $($(#[$variant_doc:meta])* $variant:ident = $number:literal $name:literal,)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $type {
            /// Every one, by ascending number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The number on the wire; never changes, never 0.
            #[must_use]
            pub const fn number(self) -> u32 {
                match self {
                    $(Self::$variant => $number,)+
                }
            }

            /// The name in logs, metrics and documents.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl TryFrom<u32> for $type {
            type Error = ParseError;

            fn try_from(number: u32) -> Result<Self, Self::Error> {
                match number {
                    $($number => Ok(Self::$variant),)+
                    other => Err(ParseError::new($thing, $wanted, other.to_string())),
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    other => Err(ParseError::text($thing, $wanted, other)),
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

codes! {
    /// Why a node refuses what it was sent. Exhaustive: a new one is a new protocol version.
    RefusalCode, "refusal code", "a code of docs/protocol.md";
    /// The bytes are not a message of the schema, or a field is out of its range.
    Malformed = 1 "malformed",
    /// Larger than the limit.
    Oversized = 2 "oversized",
    /// A message, but not in its one encoding.
    NonCanonical = 3 "non-canonical",
    /// A version that this node does not speak.
    UnknownVersion = 4 "unknown-version",
    /// A frame that has no place here, such as anything before `Hello`.
    UnexpectedFrame = 5 "unexpected-frame",
    /// No statement names this key.
    UnknownKey = 10 "unknown-key",
    /// The principal or statement was revoked or has run out.
    Revoked = 11 "revoked",
    /// The key is of low order, or not a point.
    WeakKey = 12 "weak-key",
    /// The signature does not verify.
    BadSignature = 13 "bad-signature",
    /// No grant allows it, or a deny forbids it.
    NotPermitted = 14 "not-permitted",
    /// The header names another publisher than the one who may send it here.
    WrongPublisher = 15 "wrong-publisher",
    /// The topic belongs to an organisation that this node is not the home of.
    ForeignTopic = 16 "foreign-topic",
    /// An envelope that was stored before.
    Replayed = 20 "replayed",
    /// An envelope is missing before this one.
    SequenceGap = 21 "sequence-gap",
    /// Two different envelopes under one sequence.
    Equivocation = 22 "equivocation",
    /// The envelope's time is too far ahead of the node's.
    ClockAhead = 23 "clock-ahead",
    /// The envelope is past the age that its publisher gave it.
    Expired = 24 "expired",
    /// Sealed to an epoch that has ended.
    EpochRetired = 25 "epoch-retired",
    /// Sealed to an epoch that nobody announced.
    EpochUnknown = 26 "epoch-unknown",
    /// The key header that the envelope names is not known here.
    KeyHeaderMissing = 27 "key-header-missing",
    /// More than the sender's rate.
    RateLimited = 30 "rate-limited",
    /// No room to store it.
    StorageFull = 31 "storage-full",
    /// The node is going down and takes nothing new.
    Draining = 32 "draining",
    /// There is no such thing, or none that the asker may see.
    NotFound = 40 "not-found",
    /// It is there already.
    AlreadyExists = 41 "already-exists",
    /// A statement that cannot be applied.
    BadStatement = 42 "bad-statement",
    /// An enrolment whose token or proof is wrong, used or run out.
    BadEnrolment = 43 "bad-enrolment",
    /// More sessions, subscriptions or open requests than allowed.
    TooMany = 44 "too-many",
    /// The node's own fault.
    Internal = 50 "internal",
}

impl RefusalCode {
    /// Whether the same may be taken or answered later as it is: the node is busy, full, failing or
    /// going down, and has not said anything about what it was sent.
    #[must_use]
    pub const fn is_passing(self) -> bool {
        matches!(
            self,
            Self::RateLimited | Self::StorageFull | Self::Draining | Self::TooMany | Self::Internal
        )
    }
}

codes! {
    /// Why a subscriber does not get some records. Exhaustive, so that each subscriber decides.
    GapReason, "gap reason", "a reason from 1 to 6";
    /// They were dropped by the topic's retention.
    Retention = 1 "retention",
    /// The subscriber had no right to them.
    Rights = 2 "rights",
    /// They did not fit into a bounded queue and were not kept.
    Overflow = 3 "overflow",
    /// They were lost with a restart.
    Restart = 4 "restart",
    /// They were found damaged on the disk.
    Corrupt = 5 "corrupt",
    /// They are missing in their publisher's numbering, and the node before did not say why: no
    /// node says this of itself, whoever receives finds it out.
    Withheld = 6 "withheld",
}
