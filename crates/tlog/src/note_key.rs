//! Keys as signed notes know them: a name, a type and a public key.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use sekisho_proto::PublicKey;
use sha2::{Digest as _, Sha256};

use crate::{
    encoding::{base64, quote, to_base64},
    key_name::is_key_name,
};

/// Length of a key's id, bytes.
pub(crate) const KEY_ID_BYTES: usize = 4;

/// What a key signs: the signature type of signed-note §Signature types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoteKeyKind {
    /// `0x01`: the text of the note; a log signs its checkpoints so.
    Log,
    /// `0x04`: a checkpoint and the time at which it was the longest that the cosigner had seen.
    Cosigner,
}

impl NoteKeyKind {
    /// The byte that stands for it.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Log => 0x01,
            Self::Cosigner => 0x04,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Log),
            0x04 => Some(Self::Cosigner),
            _ => None,
        }
    }
}

/// A key whose signatures on notes are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NoteKey {
    name: String,
    kind: NoteKeyKind,
    public_key: PublicKey,
}

impl NoteKey {
    /// A key under a name; for a log, the name is the log's origin.
    ///
    /// # Errors
    ///
    /// The name is empty or has a space, a plus or a control character.
    pub fn new(
        name: impl Into<String>,
        kind: NoteKeyKind,
        public_key: PublicKey,
    ) -> Result<Self, NoteKeyError> {
        let name = name.into();
        if is_key_name(&name) {
            return Ok(Self { name, kind, public_key });
        }
        Err(NoteKeyError::new("name", "characters other than spaces, controls and +", &name))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    #[must_use]
    pub const fn kind(&self) -> NoteKeyKind {
        self.kind
    }

    /// The key itself.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// What tells it apart in a signature line, together with its name.
    ///
    /// signed-note §Signatures and tlog-cosignature §Format:
    /// `key ID = SHA-256(key name || 0x0A || signature type || public key)[:4]`.
    #[must_use]
    pub fn id(&self) -> [u8; KEY_ID_BYTES] {
        let hasher = Sha256::new().chain_update(&self.name).chain_update([b'\n', self.kind.byte()]);
        let [a, b, c, d, ..]: [u8; 32] = hasher.chain_update(self.public_key).finalize().into();
        [a, b, c, d]
    }
}

impl fmt::Display for NoteKey {
    /// As a verifier key: `name+hex(id)+base64(type || key)` (signed-note §Verifier keys).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut material = vec![self.kind.byte()];
        material.extend(self.public_key.as_bytes());
        write!(f, "{}+{}+{}", self.name, HEXLOWER.encode(&self.id()), to_base64(&material))
    }
}

impl FromStr for NoteKey {
    type Err = NoteKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const PARTS: &str = "name+hex(id)+base64(type || key)";
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(NoteKeyError::new("verifier key", PARTS, text));
        };
        let bytes = base64(material).unwrap_or_default();
        let Some((kind, key)) = bytes.split_first() else {
            return Err(NoteKeyError::new("key material", "Base 64 of a type and a key", material));
        };
        let kind = NoteKeyKind::from_byte(*kind).ok_or_else(|| {
            let found = format!("{kind:#04x}");
            NoteKeyError { part: "type", wanted: KINDS.to_owned(), found }
        })?;
        let key = PublicKey::try_from(key)
            .map_err(|_other_length| NoteKeyError::new("key", "32 bytes of Ed25519", material))?;
        let key = Self::new(name, kind, key)?;
        let wanted = HEXLOWER.encode(&key.id());
        if id == wanted {
            Ok(key)
        } else {
            Err(NoteKeyError { part: "id", wanted, found: quote(id) })
        }
    }
}

const KINDS: &str = "0x01 (Ed25519) or 0x04 (Ed25519 cosignatures)";

/// Text that is no verifier key, or a name that no key may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("note key: {part}: wanted {wanted}, found {found}")]
pub struct NoteKeyError {
    part: &'static str,
    wanted: String,
    found: String,
}

impl NoteKeyError {
    pub(crate) fn new(part: &'static str, wanted: &str, found: &str) -> Self {
        Self { part, wanted: wanted.to_owned(), found: quote(found) }
    }
}
