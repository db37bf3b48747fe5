//! The two logs of an organisation: their names, and the control log's entries.

use std::{fmt, str::FromStr};

use bytes::Bytes;
use prost::Message as _;

use crate::{
    DecodeError, OrgName, ParseError, Timestamp, decode::Fields, limits::LOG_ENTRY_BYTES_MAX, wire,
};

/// Which log: its text, such as `sekisho/fujisawa/control`, is the origin line of its checkpoints
/// (C2SP tlog-checkpoint).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogName {
    /// The organisation's statements.
    Control(OrgName),
    /// Commitments to who was let at what.
    Access(OrgName),
}

impl LogName {
    /// Parses an origin line.
    ///
    /// # Errors
    ///
    /// It is not `sekisho/ORGANISATION/control` or `sekisho/ORGANISATION/access`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let parts = text.strip_prefix("sekisho/").and_then(|rest| rest.rsplit_once('/'));
        match parts {
            Some((organisation, "control")) => OrgName::parse(organisation).map(Self::Control),
            Some((organisation, "access")) => OrgName::parse(organisation).map(Self::Access),
            _ => {
                let wanted = "sekisho/ORGANISATION/control or …/access";
                Err(ParseError::text("log", wanted, text))
            }
        }
    }

    /// Whose log it is.
    #[must_use]
    pub const fn organisation(&self) -> &OrgName {
        match self {
            Self::Control(organisation) | Self::Access(organisation) => organisation,
        }
    }
}

impl FromStr for LogName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control(organisation) => f.pad(&format!("sekisho/{organisation}/control")),
            Self::Access(organisation) => f.pad(&format!("sekisho/{organisation}/access")),
        }
    }
}

/// One entry of a control log: a statement, and when the organisation's node logged it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// When it was logged.
    pub received: Timestamp,
    /// The encoded [`Statement`](crate::Statement), verbatim; not looked at.
    pub statement: Bytes,
}

impl LogEntry {
    const FIELDS: Fields = Fields("log entry");

    /// The log's entry.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::LogEntry { received_us: self.received.as_micros(), statement: self.statement.clone() }
            .encode_to_vec()
    }

    /// Parses an entry.
    ///
    /// # Errors
    ///
    /// It is not an entry, or not in its one encoding.
    pub fn decode(encoded: &Bytes) -> Result<Self, DecodeError> {
        let wire: wire::LogEntry =
            wire::decode_canonical(Self::FIELDS.0, LOG_ENTRY_BYTES_MAX, encoded)?;
        Ok(Self { received: Timestamp::from_micros(wire.received_us), statement: wire.statement })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_s_name_is_its_origin_line() {
        let organisation = OrgName::parse("fujisawa").unwrap();
        for (log, text) in [
            (LogName::Control(organisation.clone()), "sekisho/fujisawa/control"),
            (LogName::Access(organisation.clone()), "sekisho/fujisawa/access"),
        ] {
            assert_eq!(log.to_string(), text);
            assert_eq!(text.parse::<LogName>().unwrap(), log);
            assert_eq!(log.organisation(), &organisation);
        }
        for text in ["", "sekisho/", "sekisho/a", "sekisho/a/", "sekisho/a/b", "a/control"] {
            assert!(text.parse::<LogName>().is_err(), "{text:?}");
        }
        assert!("sekisho/A/control".parse::<LogName>().is_err());
        assert!("sekisho/a/b/control".parse::<LogName>().is_err());
    }
}
