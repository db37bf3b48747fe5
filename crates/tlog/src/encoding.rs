//! The few ways in which numbers and bytes are written as text, each in one form only.

use data_encoding::BASE64;
use sekisho_proto::Hash;

/// Longest part of a stranger's text that an error repeats, characters.
const QUOTE_CHARS_MAX: usize = 64;

/// An ASCII decimal without superfluous zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

/// Standard Base 64 (RFC 4648 §4) in its one form: padded, without stray bits, and not several
/// padded pieces after each other, which the decoder would take.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(text.as_bytes()).ok()?;
    (to_base64(&bytes) == text).then_some(bytes)
}

/// As [`base64`] reads it.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// A hash in Base 64.
pub(crate) fn hash(text: &str) -> Option<Hash> {
    Hash::try_from(base64(text)?.as_slice()).ok()
}

/// Text from a stranger, escaped and cut so that it can be printed.
pub(crate) fn quote(text: &str) -> String {
    let cut: String = text.chars().take(QUOTE_CHARS_MAX).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut:?}{more}")
}
