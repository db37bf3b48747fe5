//! Why bytes are not a message, and the few steps that every message's parsing is made of.

use std::{error::Error, fmt::Display, str::FromStr, sync::Arc};

use bytes::Bytes;

use crate::{
    ParseError, RefusalCode, Timestamp,
    level::is_invisible,
    limits::{PROTOCOL_VERSION, TEXT_BYTES_MAX},
};

/// Bytes that are not the message they should be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than the message may have.
    #[error("{message}: wanted at most {limit} bytes, found {found}")]
    Oversized {
        /// Which message.
        message: &'static str,
        /// The limit, bytes.
        limit: usize,
        /// The length, bytes.
        found: usize,
    },
    /// Not protobuf of the schema.
    #[error("{message}: not a message of the schema")]
    Malformed {
        /// Which message.
        message: &'static str,
        /// What the protobuf decoder found.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// A message, but not in the one encoding that is accepted.
    #[error("{message}: wanted the canonical encoding, found another of the same message")]
    NonCanonical {
        /// Which message.
        message: &'static str,
    },
    /// A version that this crate does not speak.
    #[error("{message}: wanted version 1, found {found}")]
    Version {
        /// Which message.
        message: &'static str,
        /// The version.
        found: u32,
    },
    /// A field that is missing or out of its range.
    #[error("{message}: {field}: wanted {wanted}, found {found}")]
    Field {
        /// Which message.
        message: &'static str,
        /// Which of its fields.
        field: &'static str,
        /// What would have been accepted.
        wanted: &'static str,
        /// What was there, safe to print.
        found: String,
    },
}

impl DecodeError {
    /// The code under which a node refuses the message.
    #[must_use]
    pub fn code(&self) -> RefusalCode {
        match self {
            Self::Oversized { .. } => RefusalCode::Oversized,
            Self::Malformed { .. } | Self::Field { .. } => RefusalCode::Malformed,
            Self::NonCanonical { .. } => RefusalCode::NonCanonical,
            Self::Version { .. } => RefusalCode::UnknownVersion,
        }
    }
}

/// The message whose fields are being parsed: it names itself in every error.
#[derive(Clone, Copy)]
pub(crate) struct Fields(pub(crate) &'static str);

impl Fields {
    pub(crate) fn refuse(
        self,
        field: &'static str,
        wanted: &'static str,
        found: impl Display,
    ) -> DecodeError {
        DecodeError::Field { message: self.0, field, wanted, found: found.to_string() }
    }

    fn refused(self, field: &'static str) -> impl FnOnce(ParseError) -> DecodeError {
        move |error| self.refuse(field, error.wanted(), error.found())
    }

    pub(crate) fn require(
        self,
        field: &'static str,
        wanted: &'static str,
        met: bool,
        found: impl Display,
    ) -> Result<(), DecodeError> {
        if met { Ok(()) } else { Err(self.refuse(field, wanted, found)) }
    }

    pub(crate) fn version(self, found: u32) -> Result<(), DecodeError> {
        if found == PROTOCOL_VERSION {
            return Ok(());
        }
        Err(DecodeError::Version { message: self.0, found })
    }

    pub(crate) fn parse<T: FromStr<Err = ParseError>>(
        self,
        field: &'static str,
        text: &str,
    ) -> Result<T, DecodeError> {
        text.parse().map_err(self.refused(field))
    }

    /// A name that may be missing, which the wire says as empty text.
    pub(crate) fn parse_optional<T: FromStr<Err = ParseError>>(
        self,
        field: &'static str,
        text: &str,
    ) -> Result<Option<T>, DecodeError> {
        if text.is_empty() { Ok(None) } else { self.parse(field, text).map(Some) }
    }

    pub(crate) fn number<T: TryFrom<u32, Error = ParseError>>(
        self,
        field: &'static str,
        number: u32,
    ) -> Result<T, DecodeError> {
        T::try_from(number).map_err(self.refused(field))
    }

    pub(crate) fn fixed<T: for<'a> TryFrom<&'a [u8], Error = ParseError>>(
        self,
        field: &'static str,
        bytes: &[u8],
    ) -> Result<T, DecodeError> {
        T::try_from(bytes).map_err(self.refused(field))
    }

    /// An id that may be missing, which the wire says as no bytes.
    pub(crate) fn fixed_optional<T: for<'a> TryFrom<&'a [u8], Error = ParseError>>(
        self,
        field: &'static str,
        bytes: &[u8],
    ) -> Result<Option<T>, DecodeError> {
        if bytes.is_empty() { Ok(None) } else { self.fixed(field, bytes).map(Some) }
    }

    pub(crate) fn fixed_all<T: for<'a> TryFrom<&'a [u8], Error = ParseError>>(
        self,
        field: &'static str,
        list: &[Bytes],
    ) -> Result<Vec<T>, DecodeError> {
        list.iter().map(|bytes| self.fixed(field, bytes)).collect()
    }

    /// Text for people under a signature: short, and nothing in it that hides.
    pub(crate) fn signed_text(
        self,
        field: &'static str,
        text: String,
        bytes_max: usize,
    ) -> Result<String, DecodeError> {
        self.require(field, "a shorter text", text.len() <= bytes_max, text.len())?;
        let visible = !text.chars().any(is_invisible);
        self.require(field, "no control characters", visible, "one")?;
        Ok(text)
    }

    /// Text for logs.
    pub(crate) fn text(self, field: &'static str, text: String) -> Result<String, DecodeError> {
        let fits = text.len() <= TEXT_BYTES_MAX;
        self.require(field, "at most 1024 bytes", fits, text.len())?;
        Ok(text)
    }

    pub(crate) fn at_most(
        self,
        field: &'static str,
        limit: usize,
        found: usize,
    ) -> Result<(), DecodeError> {
        self.require(field, "fewer entries", found <= limit, found)
    }
}

/// Text for people as it is sent: cut where it would be refused as too long.
pub(crate) fn fitting(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

/// Where the wire leaves a time away.
pub(crate) fn time_optional(micros: Option<i64>) -> Option<Timestamp> {
    micros.map(Timestamp::from_micros)
}
