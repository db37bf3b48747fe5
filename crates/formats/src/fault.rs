//! What can be wrong with what was written, said so that it can be found and mended.

/// Longest part of a text that a message repeats, bytes.
const QUOTE_BYTES_MAX: usize = 96;

/// Why something was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not of the shape that the format has.
    #[error("text: wanted {wanted}, found {found}")]
    Malformed {
        /// The shape.
        wanted: String,
        /// What was there, escaped.
        found: String,
    },
    /// A field that does not parse, or holds what cannot be.
    #[error("field {field}: wanted {wanted}, found {found}")]
    Field {
        /// Its name, escaped.
        field: String,
        /// What would have been accepted.
        wanted: String,
        /// What it holds, escaped.
        found: String,
    },
    /// A time that is none.
    #[error("time: wanted {wanted}, found {found}")]
    Time {
        /// What would have been accepted.
        wanted: String,
        /// What was there, escaped.
        found: String,
    },
}

impl Fault {
    /// A field that does not hold what is wanted.
    #[must_use]
    pub fn field(field: &str, wanted: impl Into<String>, found: &[u8]) -> Self {
        let field = field.chars().take(QUOTE_BYTES_MAX).flat_map(char::escape_debug).collect();
        Self::Field { field, wanted: wanted.into(), found: quote(found) }
    }

    /// A time that is not what is wanted.
    #[must_use]
    pub fn time(wanted: impl Into<String>, found: &[u8]) -> Self {
        Self::Time { wanted: wanted.into(), found: quote(found) }
    }

    /// A text that is not what is wanted.
    #[must_use]
    pub fn malformed(wanted: impl Into<String>, found: &[u8]) -> Self {
        Self::Malformed { wanted: wanted.into(), found: quote(found) }
    }
}

/// Bytes from a stranger, escaped and cut so that they can be printed.
#[must_use]
pub fn quote(bytes: &[u8]) -> String {
    let cut = bytes.get(..QUOTE_BYTES_MAX).unwrap_or(bytes);
    let more = if cut.len() < bytes.len() { "…" } else { "" };
    format!("\"{}\"{more}", cut.escape_ascii())
}
