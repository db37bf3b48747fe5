//! What a key may be called in a signed note.

/// signed-note §Format: "Key names MUST be non-empty and MUST NOT contain any Unicode spaces or
/// plus (U+002B) characters." Nor control characters, since they stand in a note.
pub(crate) fn is_key_name(name: &str) -> bool {
    let fits = |char: char| !char.is_whitespace() && char != '+' && char >= ' ';
    !name.is_empty() && name.chars().all(fits)
}
