//! What one level of a topic may be, so that every name has exactly one spelling.

use unicode_normalization::is_nfc;

use crate::limits::LEVEL_BYTES_MAX;

/// Characters that turn text around or hide in it; two names that differ only in them look alike.
/// Joiners are not among them: Persian and Indic words need those.
const INVISIBLE: [std::ops::RangeInclusive<char>; 10] = [
    '\u{ad}'..='\u{ad}',
    '\u{61c}'..='\u{61c}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200b}',
    '\u{200e}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{2069}',
    '\u{feff}'..='\u{feff}',
    '\u{fff9}'..='\u{fffb}',
    '\u{e0000}'..='\u{e007f}',
];

/// What is wanted instead of a level; `None` where the level is a good one.
pub(crate) fn level_fault(level: &str) -> Option<&'static str> {
    if level.is_empty() {
        return Some("no empty level");
    }
    if level.len() > LEVEL_BYTES_MAX {
        return Some("levels of at most 128 bytes");
    }
    if level == "." || level == ".." {
        return Some("no level . or ..");
    }
    if level.starts_with('$') {
        return Some("no level that begins with $");
    }
    if level.contains(['+', '#']) {
        return Some("no + or # in a level");
    }
    if level.contains('%') && !escapes_are_needed(level) {
        return Some("% only as the escape of what a level may not hold");
    }
    plain_text_fault(level)
}

/// What is wanted instead of a text that names something; `None` where it is a good one. Says
/// nothing about its length.
pub(crate) fn plain_text_fault(text: &str) -> Option<&'static str> {
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Some("no outer spaces");
    }
    if text.chars().any(is_invisible) {
        return Some("no control characters");
    }
    if !text.is_ascii() && !is_nfc(text) {
        return Some("Unicode in normalisation form C");
    }
    None
}

/// Whether a character prints nothing, or changes how its neighbours print: no text that people read
/// may have it.
#[must_use]
pub fn is_invisible(character: char) -> bool {
    character.is_control() || INVISIBLE.iter().any(|range| range.contains(&character))
}

/// Escapes exist so that every MQTT topic has a name here, and each only where the plain spelling
/// is refused: otherwise one topic would have two names.
fn escapes_are_needed(level: &str) -> bool {
    if matches!(level, "%" | "%2E" | "%2E.") {
        return true;
    }
    let mut rest = level;
    while let Some((before, after)) = rest.split_once('%') {
        let first = before.is_empty() && rest.len() == level.len();
        let Some(end) = ["25", "24", "20"].iter().find_map(|code| {
            let end = after.strip_prefix(code)?;
            let allowed = match *code {
                "25" => true,
                "24" => first,
                _ => first || end.is_empty(),
            };
            allowed.then_some(end)
        }) else {
            return false;
        };
        rest = end;
    }
    true
}
