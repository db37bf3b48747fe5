//! What can be wrong with one line of input, said so that the line can be found and mended.
//!
//! A fault costs its line and nothing else.

pub use sekisho_formats::quote;

/// Why a line was skipped as broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// More bytes than a line may have.
    #[error("line: wanted at most {bytes_max} bytes, found {bytes}")]
    Overlong {
        /// How many it had.
        bytes: u64,
        /// How many it may have.
        bytes_max: usize,
    },
    /// The source broke off in the middle of it.
    #[error("line: wanted its end, found {bytes} bytes and then a lost source")]
    Torn {
        /// How many bytes of it had come.
        bytes: u64,
    },
    /// Not text in the encoding that the format demands.
    #[error("line: wanted {wanted}, found {found}")]
    Encoding {
        /// The encoding.
        wanted: &'static str,
        /// The line, escaped.
        found: String,
    },
    /// No checksum where there must be one.
    #[error("checksum: wanted * and two hexadecimal digits, found {found}")]
    ChecksumMissing {
        /// The end of the line, escaped.
        found: String,
    },
    /// A checksum that is not the line's.
    #[error("checksum: wanted {wanted:02X}, found {found:02X}")]
    Checksum {
        /// The one that the line's bytes have.
        wanted: u8,
        /// The one that it states.
        found: u8,
    },
    /// Too many or too few fields.
    #[error("fields: wanted {wanted}, found {found}")]
    FieldCount {
        /// How many there must be.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// Not of the shape that the format gives every line, or with a field or a time that is none.
    #[error(transparent)]
    Text(#[from] sekisho_formats::Fault),
}

impl Fault {
    /// Label for counting: one word per variant.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Overlong { .. } => "overlong",
            Self::Torn { .. } => "torn",
            Self::Encoding { .. } => "encoding",
            Self::ChecksumMissing { .. } => "checksum-missing",
            Self::Checksum { .. } => "checksum",
            Self::FieldCount { .. } => "field-count",
            Self::Text(sekisho_formats::Fault::Malformed { .. }) => "malformed",
            Self::Text(sekisho_formats::Fault::Field { .. }) => "field",
            Self::Text(sekisho_formats::Fault::Time { .. }) => "time",
        }
    }

    /// A field that does not hold what is wanted.
    pub(crate) fn field(field: &str, wanted: impl Into<String>, found: &[u8]) -> Self {
        sekisho_formats::Fault::field(field, wanted, found).into()
    }

    /// A time that is not what is wanted.
    pub(crate) fn time(wanted: impl Into<String>, found: &[u8]) -> Self {
        sekisho_formats::Fault::time(wanted, found).into()
    }

    /// A line that is not what is wanted.
    pub(crate) fn malformed(wanted: impl Into<String>, found: &[u8]) -> Self {
        sekisho_formats::Fault::malformed(wanted, found).into()
    }
}
