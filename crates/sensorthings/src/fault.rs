//! Why a request is not answered, in words for whoever asked.

use std::fmt;

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Fault {
    /// What kind of fault.
    pub kind: FaultKind,
    /// What it is about.
    pub what: String,
    /// What was wanted and what was found.
    pub why: String,
}

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The request breaks the standard's grammar or names what there is not.
    Malformed,
    /// There is no such path, or no such entity for the caller.
    NotFound,
    /// The standard knows it, this service does not.
    Unsupported,
    /// It asks for more than one request is given.
    TooMuch,
}

impl Fault {
    /// The request breaks the grammar.
    pub fn malformed(what: &str, wanted: impl fmt::Display, found: impl fmt::Display) -> Self {
        let why = format!("wanted {wanted}, found {}", shortened(&found.to_string()));
        Self { kind: FaultKind::Malformed, what: what.to_owned(), why }
    }

    /// There is no such entity for the caller.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        let why = "wanted one that there is and that you may discover, found none".to_owned();
        Self { kind: FaultKind::NotFound, what: shortened(what), why }
    }

    /// Nothing is where a path leads, whoever asks.
    pub fn nowhere(wanted: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self { kind: FaultKind::NotFound, ..Self::malformed("path", wanted, found) }
    }

    /// The standard knows it, this service does not.
    #[must_use]
    pub fn unsupported(what: &str, why: &str) -> Self {
        Self { kind: FaultKind::Unsupported, what: shortened(what), why: why.to_owned() }
    }

    /// It asks for more than one request is given.
    pub fn too_much(what: &str, max: impl fmt::Display, instead: &str) -> Self {
        let why = format!("wanted at most {max}, found more: {instead}");
        Self { kind: FaultKind::TooMuch, what: what.to_owned(), why }
    }
}

/// What was found is shown, and not all of it where it is long.
fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    if text.chars().count() <= SHOWN_MAX {
        return text.to_owned();
    }
    text.chars().take(SHOWN_MAX).chain(['…']).collect()
}
