//! The text of a key file. Buffers that hold seeds are wiped and never grow, so that no copy of
//! them stays behind.

use data_encoding::HEXLOWER;
use sekisho_proto::{Hash, OrgName, PrincipalKind, PrincipalName, Suite};
use zeroize::Zeroizing;

use super::{KEY_FILE_BYTES_MAX, KeyFile, KeyKind};
use crate::{Identity, KemKeyPair, SigningKey};

const FIRST_LINE: &str = "sekisho key file, version 1";

/// The line where a text is no key file, from 1, and what should have been there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) wanted: &'static str,
}

pub(super) fn print(file: &KeyFile) -> Zeroizing<String> {
    let (signing, kem) = (file.identity.signing(), file.identity.kem());
    let mut text = Zeroizing::new(String::with_capacity(KEY_FILE_BYTES_MAX));
    text.push_str(FIRST_LINE);
    line(&mut text, "\nkind: ", file.kind.name());
    line(&mut text, "organisation: ", file.name.organisation().as_str());
    line(&mut text, "name: ", file.name.name());
    hex_line(&mut text, "public-key: ", signing.public_key().as_bytes());
    hex_line(&mut text, "signing-seed: ", &signing.seed());
    line(&mut text, "kem-suite: ", kem.suite().name());
    hex_line(&mut text, "kem-seed: ", &kem.seed());
    let checksum = Hash::of(text.as_bytes());
    hex_line(&mut text, "checksum: ", checksum.as_bytes());
    text
}

fn line(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push_str(value);
    text.push('\n');
}

fn hex_line(text: &mut String, name: &str, value: &[u8; 32]) {
    text.push_str(name);
    HEXLOWER.encode_append(value, text);
    text.push('\n');
}

pub(super) fn parse(bytes: &[u8]) -> Result<KeyFile, Fault> {
    let mut lines = Lines { rest: bytes, line: 0 };
    if lines.next(FIRST_LINE)? != FIRST_LINE {
        return Err(lines.fault(FIRST_LINE));
    }
    let kind = lines.value("kind: ", "the kind of the key")?;
    let kind = parse_kind(kind).ok_or(lines.fault("the kind of the key"))?;
    let organisation = lines.value("organisation: ", "an organisation")?;
    let organisation =
        OrgName::parse(organisation).map_err(|_error| lines.fault("an organisation's name"))?;
    let name = lines.value("name: ", "a name")?;
    let name = PrincipalName::new(name, &organisation)
        .map_err(|_error| lines.fault("a principal's name"))?;
    let public_key = lines.hex("public-key: ", "a public key of 64 hexadecimal digits")?;
    let signing = SigningKey::from_seed(&*lines.hex("signing-seed: ", "64 hexadecimal digits")?);
    if signing.public_key().as_bytes() != &*public_key {
        return Err(lines.fault("the seed of the public key"));
    }
    let suite = lines.value("kem-suite: ", "a suite that seals")?;
    let suite: Suite = suite.parse().map_err(|_error| lines.fault("a suite that seals"))?;
    let seed = lines.hex("kem-seed: ", "64 hexadecimal digits")?;
    let kem = KemKeyPair::from_seed(suite, &seed)
        .map_err(|_error| lines.fault("the seed of a suite that seals"))?;
    let before = bytes.len().saturating_sub(lines.rest.len());
    let checked = Hash::of(bytes.get(..before).unwrap_or_default());
    if *lines.hex("checksum: ", "the checksum")? != *checked.as_bytes() {
        return Err(lines.fault("the checksum of the lines before"));
    }
    if !lines.rest.is_empty() {
        return Err(Fault { line: lines.line.saturating_add(1), wanted: "the end" });
    }
    Ok(KeyFile { kind, name, identity: Identity::new(signing, kem) })
}

fn parse_kind(text: &str) -> Option<KeyKind> {
    [KeyKind::Root, KeyKind::Issuer]
        .into_iter()
        .chain(PrincipalKind::ALL.map(KeyKind::Principal))
        .find(|kind| kind.name() == text)
}

struct Lines<'a> {
    rest: &'a [u8],
    line: usize,
}

impl<'a> Lines<'a> {
    fn fault(&self, wanted: &'static str) -> Fault {
        Fault { line: self.line, wanted }
    }

    fn next(&mut self, wanted: &'static str) -> Result<&'a str, Fault> {
        self.line = self.line.saturating_add(1);
        let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or(self.fault(wanted))?;
        let (line, rest) = self.rest.split_at_checked(end).ok_or(self.fault(wanted))?;
        self.rest = rest.get(1..).unwrap_or_default();
        str::from_utf8(line).map_err(|_error| self.fault(wanted))
    }

    fn value(&mut self, name: &str, wanted: &'static str) -> Result<&'a str, Fault> {
        self.next(wanted)?.strip_prefix(name).ok_or(self.fault(wanted))
    }

    fn hex(&mut self, name: &str, wanted: &'static str) -> Result<Zeroizing<[u8; 32]>, Fault> {
        let digits = self.value(name, wanted)?.as_bytes();
        let mut bytes = Zeroizing::new([0; 32]);
        if digits.len() != HEXLOWER.encode_len(bytes.len()) {
            return Err(self.fault(wanted));
        }
        HEXLOWER.decode_mut(digits, bytes.as_mut_slice()).map_err(|_partial| self.fault(wanted))?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;
