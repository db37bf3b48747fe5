//! Reason codes of MQTT 5 and what MQTT 3.1.1 has of them: one type for both, each version writes
//! what it knows.

use std::fmt;

/// A reason code (MQTT 5, 2.4); from 0x80 on, a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason(u8);

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)+) => {
        impl Reason {
            $($(#[$doc])* pub const $name: Self = Self($number);)+

            /// What the standard calls it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($number => $text,)+
                    _ => "reason code",
                }
            }
        }
    };
}

reasons! {
    /// Done; as a disconnection the normal one, as a grant quality 0.
    SUCCESS = 0x00, "Success";
    /// The client leaves and wants its will published.
    DISCONNECT_WITH_WILL = 0x04, "Disconnect with Will Message";
    /// There is no such subscription.
    NO_SUBSCRIPTION = 0x11, "No subscription existed";
    /// Authentication goes on.
    CONTINUE = 0x18, "Continue authentication";
    /// Authenticate once more.
    REAUTHENTICATE = 0x19, "Re-authenticate";
    /// No reason that may be told.
    UNSPECIFIED = 0x80, "Unspecified error";
    /// Bytes that are not a packet.
    MALFORMED = 0x81, "Malformed Packet";
    /// A packet that has no place here.
    PROTOCOL_ERROR = 0x82, "Protocol Error";
    /// Valid, and not taken by this server.
    IMPLEMENTATION = 0x83, "Implementation specific error";
    /// A version that is not spoken here.
    UNSUPPORTED_VERSION = 0x84, "Unsupported Protocol Version";
    /// A client identifier that is not allowed.
    CLIENT_IDENTIFIER = 0x85, "Client Identifier not valid";
    /// Nobody with this name and password.
    BAD_CREDENTIALS = 0x86, "Bad User Name or Password";
    /// No right.
    NOT_AUTHORIZED = 0x87, "Not authorized";
    /// Not now.
    SERVER_UNAVAILABLE = 0x88, "Server unavailable";
    /// Too much to do.
    SERVER_BUSY = 0x89, "Server busy";
    /// The node stops.
    SHUTTING_DOWN = 0x8b, "Server shutting down";
    /// An authentication method that is not known here.
    BAD_METHOD = 0x8c, "Bad authentication method";
    /// Silence for one and a half times the keep alive.
    KEEP_ALIVE = 0x8d, "Keep Alive timeout";
    /// Another connection of the same client.
    TAKEN_OVER = 0x8e, "Session taken over";
    /// A topic filter that is not taken.
    FILTER_INVALID = 0x8f, "Topic Filter invalid";
    /// A topic name that is not taken.
    NAME_INVALID = 0x90, "Topic Name invalid";
    /// The packet identifier is in use.
    IDENTIFIER_IN_USE = 0x91, "Packet Identifier in use";
    /// There is no such packet identifier.
    IDENTIFIER_NOT_FOUND = 0x92, "Packet Identifier not found";
    /// More unacknowledged publishes than were allowed.
    RECEIVE_MAXIMUM = 0x93, "Receive Maximum exceeded";
    /// A topic alias out of its range, or never given.
    ALIAS_INVALID = 0x94, "Topic Alias invalid";
    /// A packet beyond the maximum.
    TOO_LARGE = 0x95, "Packet too large";
    /// Faster than allowed.
    RATE = 0x96, "Message rate too high";
    /// A limit of this server.
    QUOTA = 0x97, "Quota exceeded";
    /// Somebody with the right to decided so.
    ADMINISTRATIVE = 0x98, "Administrative action";
    /// The payload is not what its format indicator says.
    PAYLOAD_FORMAT = 0x99, "Payload format invalid";
    /// Shared subscriptions are not taken in this form.
    NO_SHARED = 0x9e, "Shared Subscriptions not supported";
    /// Too many connections from one place.
    CONNECTION_RATE = 0x9f, "Connection rate exceeded";
}

impl Reason {
    /// As it is on the wire of MQTT 5.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// One that a client sent.
    #[must_use]
    pub const fn of(number: u8) -> Self {
        Self(number)
    }

    /// Whether it says that something failed.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        self.0 >= 0x80
    }

    /// The return code of MQTT 3.1.1's CONNACK (3.2.2.3).
    #[must_use]
    pub const fn return_code(self) -> u8 {
        match self {
            Self::SUCCESS => 0,
            Self::UNSUPPORTED_VERSION => 1,
            Self::CLIENT_IDENTIFIER => 2,
            Self::BAD_CREDENTIALS => 4,
            Self::NOT_AUTHORIZED => 5,
            _ => 3,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02x} {}", self.0, self.name())
    }
}
