//! A policy's file, line by line.

use super::{TlogPolicy, TlogPolicyError, draft::Draft};
use crate::{NoteKey, encoding::decimal};

/// Longest policy file, bytes.
const POLICY_BYTES_MAX: usize = 256 * 1024;

impl TlogPolicy {
    /// Parses a policy file, which need not be UTF-8.
    ///
    /// tlog-policy §Structure: "The policy file is line based, where each line is terminated by
    /// ASCII newline, and the items on each line are separated by […] sequences of ASCII space and
    /// tab characters *only*." A file whose last line does not end is refused, because what was cut
    /// off could have been the stricter half of a rule.
    ///
    /// # Errors
    ///
    /// It is not such a file, or names a kind of key that this crate cannot verify.
    pub fn parse(file: impl AsRef<[u8]>) -> Result<Self, TlogPolicyError> {
        let file = file.as_ref();
        let refuse = |wanted, found| TlogPolicyError { part: "file", wanted, found };
        if file.len() > POLICY_BYTES_MAX {
            return Err(refuse("at most 256 KiB", format!("{} bytes", file.len())));
        }
        // §Character set: "0x09 (tab), 0x0A (newline), 0x20-0x7E, and 0x80-0xFF".
        let stray = |byte: &&u8| !matches!(byte, b'\t' | b'\n' | 0x20..=0x7e | 0x80..);
        if let Some(byte) = file.iter().find(stray) {
            return Err(refuse("no control characters", format!("{byte:#04x}")));
        }
        let lines = match file.strip_suffix(b"\n") {
            Some(lines) => lines,
            None if file.is_empty() => file,
            None => {
                return Err(refuse(
                    "lines that each end in a newline",
                    "a last one without".into(),
                ));
            }
        };
        let mut draft = Draft::default();
        for line in lines.split(|byte| *byte == b'\n') {
            let items = line.split(|byte| matches!(byte, b' ' | b'\t'));
            let items: Vec<&[u8]> = items.filter(|item| !item.is_empty()).collect();
            parse_line(&mut draft, line, &items)?;
        }
        draft.finish()
    }
}

fn parse_line(draft: &mut Draft, line: &[u8], items: &[&[u8]]) -> Result<(), TlogPolicyError> {
    match items {
        [] => Ok(()),
        [first, ..] if first.starts_with(b"#") => Ok(()),
        [b"log", key] => draft.log(parse_key("log", key)?, None),
        [b"log", key, url] => draft.log(parse_key("log", key)?, Some(url)),
        [b"witness", name, key] => draft.witness(name, parse_key("witness", key)?, None),
        [b"witness", name, key, url] => draft.witness(name, parse_key("witness", key)?, Some(url)),
        [b"group", name, threshold, members @ ..] if !members.is_empty() => {
            draft.group(name, parse_threshold(threshold, members.len())?, members)
        }
        [b"quorum", name] => draft.quorum(name),
        _ => {
            let wanted = "log <vkey> [<url>], witness <name> <vkey> [<url>], \
                          group <name> <all|any|k> <name>… or quorum <name>";
            Err(TlogPolicyError::of_name("line", wanted, line))
        }
    }
}

fn parse_key(part: &'static str, key: &[u8]) -> Result<NoteKey, TlogPolicyError> {
    let text = str::from_utf8(key)
        .map_err(|_not_utf8| TlogPolicyError::of_name(part, "a verifier key in UTF-8", key))?;
    text.parse().map_err(|error| TlogPolicyError::of_key(part, &error))
}

fn parse_threshold(word: &[u8], members: usize) -> Result<usize, TlogPolicyError> {
    match word {
        b"all" => Ok(members),
        b"any" => Ok(1),
        _ => {
            let number = str::from_utf8(word).ok().and_then(decimal);
            let number = number.and_then(|number| usize::try_from(number).ok());
            let wanted = "all, any or a decimal number";
            number.ok_or_else(|| TlogPolicyError::of_name("group", wanted, word))
        }
    }
}
