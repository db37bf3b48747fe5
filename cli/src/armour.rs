//! Statements as text that travels by mail or on a stick: a block of base 64 between two lines that
//! say what it is. Text around it is passed over.

use anyhow::{Context as _, Result, ensure};
use data_encoding::BASE64;
use sekisho_proto::Statement;

/// Characters of base 64 in one line.
const LINE: usize = 64;
/// Bytes of one text: a contract and the proofs of both sides are a tenth of it.
pub(crate) const TEXT_BYTES_MAX: usize = 256 << 10;

/// The text of some statements.
pub(crate) fn print(name: &str, statements: &[&Statement]) -> String {
    let mut bytes = Vec::new();
    for statement in statements {
        let encoded = statement.encode();
        bytes.extend_from_slice(&u32::try_from(encoded.len()).unwrap_or(0).to_be_bytes());
        bytes.extend_from_slice(&encoded);
    }
    let encoded = BASE64.encode(&bytes);
    let mut text = begin(name);
    text.push('\n');
    for line in encoded.as_bytes().chunks(LINE) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text + &end(name) + "\n"
}

/// The statements of a block with one of these names, and which; `None` where there is none.
///
/// # Errors
/// The text is too long, or the block holds something else.
pub(crate) fn parse<'a>(
    what: &'static str,
    names: impl IntoIterator<Item = &'a str>,
    text: &str,
) -> Result<Option<(&'a str, Vec<Statement>)>> {
    ensure!(text.len() <= TEXT_BYTES_MAX, "{what}: wanted at most {TEXT_BYTES_MAX} bytes");
    let inside =
        |name| text.split_once(&begin(name))?.1.split_once(&end(name)).map(|(block, _)| block);
    let found = names.into_iter().find_map(|name| Some((name, inside(name)?)));
    let Some((name, inside)) = found else { return Ok(None) };
    let packed: String = inside.split_whitespace().collect();
    let bytes =
        BASE64.decode(packed.as_bytes()).with_context(|| format!("{what}: wanted base 64"))?;
    statements(what, &bytes).map(|statements| Some((name, statements)))
}

fn begin(name: &str) -> String {
    format!("-----BEGIN SEKISHO {name}-----")
}

fn end(name: &str) -> String {
    format!("-----END SEKISHO {name}-----")
}

fn statements(what: &str, mut bytes: &[u8]) -> Result<Vec<Statement>> {
    let cut = || format!("{what}: it is cut off");
    let mut statements = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>().with_context(cut)?;
        let length = usize::try_from(u32::from_be_bytes(*length))?;
        let (encoded, after) = rest.split_at_checked(length).with_context(cut)?;
        statements.push(Statement::decode(encoded)?);
        bytes = after;
    }
    Ok(statements)
}
