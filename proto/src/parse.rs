//! The one shape in which a name, number or key that does not parse is reported.

/// Longest part of a stranger's text that an error repeats, characters: enough to recognise it,
/// too little to fill a log with.
const QUOTE_CHARS_MAX: usize = 64;

/// Text or bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{thing}: wanted {wanted}, found {found}")]
pub struct ParseError {
    thing: &'static str,
    wanted: &'static str,
    found: String,
}

impl ParseError {
    pub(crate) fn new(thing: &'static str, wanted: &'static str, found: impl Into<String>) -> Self {
        Self { thing, wanted, found: found.into() }
    }

    pub(crate) fn text(thing: &'static str, wanted: &'static str, found: &str) -> Self {
        Self::new(thing, wanted, quote(found))
    }

    pub(crate) fn bytes(thing: &'static str, wanted: &'static str, found: usize) -> Self {
        Self::new(thing, wanted, format!("{found} bytes"))
    }

    /// What did not parse, such as `topic`.
    #[must_use]
    pub fn thing(&self) -> &'static str {
        self.thing
    }

    /// What would have been accepted.
    #[must_use]
    pub fn wanted(&self) -> &'static str {
        self.wanted
    }

    /// What was there, escaped and shortened so that it is safe to print.
    #[must_use]
    pub fn found(&self) -> &str {
        &self.found
    }
}

/// Text from a stranger, escaped and cut so that it can be printed.
pub(crate) fn quote(text: &str) -> String {
    let cut: String = text.chars().take(QUOTE_CHARS_MAX).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut:?}{more}")
}
