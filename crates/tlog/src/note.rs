//! Signed notes: text, and under it signatures of whoever stands by it.

use std::{fmt, str::FromStr};

use sekisho_proto::{Signature, StatementVerifier, Timestamp};

use crate::{
    Checkpoint, CheckpointError, NoteKey, NoteKeyError, NoteKeyKind,
    encoding::{base64, quote, to_base64},
    key_name::is_key_name,
    note_key::KEY_ID_BYTES,
};

/// Longest note, bytes: a checkpoint, and as many post-quantum signatures by others as must be
/// accepted.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;

/// Most signatures in a note.
///
/// signed-note §Format: "Verifiers SHOULD apply a maximum limit to the number of signatures in a
/// note […], but MUST accept at least up to 16 signatures."
pub const SIGNATURES_MAX: usize = 100;

const TIME_BYTES: usize = 8;

/// A note as it was received: well formed, nothing said about its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

/// One signature under a note: whose it claims to be, and bytes that only that key's type explains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    name: String,
    id: [u8; KEY_ID_BYTES],
    signature: Vec<u8>,
}

/// A signature that held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// When it was made, to the second, where it is a cosignature.
    pub time: Option<Timestamp>,
}

impl Note {
    /// Parses a note.
    ///
    /// signed-note §Format: "A signed note consists of a text ending in newline (U+000A), followed
    /// by a blank line (only a newline), followed by one or more signature lines"; it "MUST NOT
    /// contain any ASCII control characters (those below U+0020) other than newline"; "the text is
    /// separated from the signatures by the last empty line in the note".
    ///
    /// # Errors
    ///
    /// It is not such a note, or longer than [`NOTE_BYTES_MAX`] or of more than [`SIGNATURES_MAX`].
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::Oversized { found: note.len() });
        }
        let malformed = |part, wanted| NoteError::Malformed { part, wanted, found: quote(note) };
        let split = note.rfind("\n\n").and_then(|end| note.split_at_checked(end + 1));
        let (text, lines) = split.ok_or_else(|| malformed(NotePart::Note, "an empty line"))?;
        let lines = lines.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
        let lines = lines.ok_or_else(|| {
            malformed(NotePart::Signature, "one or more lines that each end in a newline")
        })?;
        if lines.split('\n').nth(SIGNATURES_MAX).is_some() {
            return Err(NoteError::Signatures { found: lines.split('\n').count() });
        }
        let signatures =
            lines.split('\n').map(SignatureLine::from_str).collect::<Result<_, _>>()?;
        Self::assemble(text.to_owned(), signatures)
    }

    /// A note of its parts.
    pub(crate) fn assemble(
        text: String,
        signatures: Vec<SignatureLine>,
    ) -> Result<Self, NoteError> {
        let control = |char: char| char < ' ' && char != '\n';
        if !text.ends_with('\n') || text.contains(control) {
            return Err(NoteError::Malformed {
                part: NotePart::Text,
                wanted: "lines that each end in a newline, without control characters",
                found: quote(&text),
            });
        }
        if signatures.is_empty() || signatures.len() > SIGNATURES_MAX {
            return Err(NoteError::Signatures { found: signatures.len() });
        }
        Ok(Self { text, signatures })
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its signatures, unverified.
    #[must_use]
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// The checkpoint that the note is, unverified.
    ///
    /// # Errors
    ///
    /// Its text is none.
    pub fn checkpoint(&self) -> Result<Checkpoint, CheckpointError> {
        Checkpoint::parse(&self.text)
    }

    /// The note with one more signature, which takes the place of an earlier one of the same key.
    ///
    /// # Errors
    ///
    /// There would be more than [`SIGNATURES_MAX`], or the note would be longer than
    /// [`NOTE_BYTES_MAX`].
    pub fn with_signature(mut self, line: SignatureLine) -> Result<Self, NoteError> {
        self.signatures.retain(|other| (&other.name, other.id) != (&line.name, line.id));
        self.signatures.push(line);
        if self.signatures.len() > SIGNATURES_MAX {
            return Err(NoteError::Signatures { found: self.signatures.len() });
        }
        let found = self.to_string().len();
        if found > NOTE_BYTES_MAX { Err(NoteError::Oversized { found }) } else { Ok(self) }
    }

    /// Verifies a key's signature.
    ///
    /// signed-note §Signatures: "Verifiers MUST ignore signatures from unknown keys, even if they
    /// share a name or ID (but not both) with a known key. If the key name and ID match a known
    /// key, verifiers MUST verify the signature. If a signature from a known key fails to verify,
    /// clients SHOULD reject the whole note." So a note in which one of several signatures of the
    /// key does not hold is refused; of several that hold, the latest counts.
    ///
    /// # Errors
    ///
    /// There is no signature of this key, or one that does not hold.
    pub fn verify(
        &self,
        key: &NoteKey,
        verifier: &dyn StatementVerifier,
    ) -> Result<Signed, NoteError> {
        let id = key.id();
        let lines = self.signatures.iter().filter(|line| line.name == key.name() && line.id == id);
        let signed = lines.map(|line| line.verify(&self.text, key, verifier));
        let latest = signed.reduce(|one, other| Ok(Signed { time: one?.time.max(other?.time) }));
        latest.unwrap_or_else(|| Err(NoteError::Unsigned { key: key.to_string() }))
    }

    /// The checkpoint of the log whose key this is: of that origin, signed by it.
    ///
    /// # Errors
    ///
    /// The note is no checkpoint, of another log, or not signed by this key.
    pub fn checkpoint_of(
        &self,
        log: &NoteKey,
        verifier: &dyn StatementVerifier,
    ) -> Result<Checkpoint, NoteError> {
        let checkpoint = self.checkpoint()?;
        if checkpoint.origin != log.name() {
            let (wanted, found) = (log.name().to_owned(), quote(&checkpoint.origin));
            return Err(NoteError::Origin { wanted, found });
        }
        self.verify(log, verifier)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl SignatureLine {
    pub(crate) fn new(key: &NoteKey, signature: Vec<u8>) -> Self {
        Self { name: key.name().to_owned(), id: key.id(), signature }
    }

    /// The name of the key that it claims to be of.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the key that it claims to be of.
    #[must_use]
    pub const fn id(&self) -> [u8; KEY_ID_BYTES] {
        self.id
    }

    /// The signature proper, unverified.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    fn verify(
        &self,
        text: &str,
        key: &NoteKey,
        verifier: &dyn StatementVerifier,
    ) -> Result<Signed, NoteError> {
        let failed = || NoteError::Signature { key: key.to_string() };
        let judge = |message: &[u8], signature: &[u8]| {
            let signature = Signature::try_from(signature).ok();
            signature.is_some_and(|made| verifier.verify(key.public_key(), message, &made))
        };
        match key.kind() {
            NoteKeyKind::Log => {
                let holds = judge(text.as_bytes(), &self.signature);
                if holds { Ok(Signed { time: None }) } else { Err(failed()) }
            }
            NoteKeyKind::Cosigner => {
                let parts = self.signature.split_first_chunk::<TIME_BYTES>();
                let (seconds, signature) = parts.ok_or_else(failed)?;
                let seconds = u64::from_be_bytes(*seconds);
                let time = time_of(seconds).ok_or_else(failed)?;
                let holds = judge(&cosigned_message(seconds, text), signature);
                if holds { Ok(Signed { time: Some(time) }) } else { Err(failed()) }
            }
        }
    }
}

/// `— name base64(id || signature)`, without the newline.
impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.as_slice(), &self.signature].concat();
        write!(f, "— {} {}", self.name, to_base64(&bytes))
    }
}

impl FromStr for SignatureLine {
    type Err = NoteError;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let malformed = |part, wanted| NoteError::Malformed { part, wanted, found: quote(line) };
        let parts = line.strip_prefix("— ").and_then(|line| line.split_once(' '));
        let (name, bytes) = parts
            .ok_or_else(|| malformed(NotePart::Signature, "— name base64(id || signature)"))?;
        if !is_key_name(name) {
            return Err(malformed(NotePart::KeyName, "no spaces, controls and +"));
        }
        let bytes = base64(bytes)
            .ok_or_else(|| malformed(NotePart::Signature, "Base 64 in its one padded form"))?;
        match bytes.split_first_chunk::<KEY_ID_BYTES>() {
            Some((id, signature)) if !signature.is_empty() => {
                Ok(Self { name: name.to_owned(), id: *id, signature: signature.to_vec() })
            }
            _ => Err(malformed(NotePart::Signature, "more than the four bytes of the key's id")),
        }
    }
}

/// What a cosignature of that time signs: tlog-cosignature §Ed25519 signed message.
pub(crate) fn cosigned_message(seconds: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes()
}

fn time_of(seconds: u64) -> Option<Timestamp> {
    const MICROS_PER_SECOND: i64 = 1_000_000;
    let micros = i64::try_from(seconds).ok()?.checked_mul(MICROS_PER_SECOND)?;
    Some(Timestamp::from_micros(micros))
}

/// Where in a note something is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotePart {
    /// The whole.
    Note,
    /// The text.
    Text,
    /// A signature line.
    Signature,
    /// The name of a key.
    KeyName,
    /// The time of a cosignature.
    Time,
}

impl fmt::Display for NotePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Text => "text",
            Self::Signature => "signature line",
            Self::KeyName => "key name",
            Self::Time => "cosignature's time",
        })
    }
}

/// Text that is no note, or a note that is not signed as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than a note may be.
    #[error("signed note: wanted at most {NOTE_BYTES_MAX} bytes, found {found}")]
    Oversized {
        /// Its length, bytes.
        found: usize,
    },
    /// No signatures, or more than a note may have.
    #[error("signed note: wanted 1 to {SIGNATURES_MAX} signatures, found {found}")]
    Signatures {
        /// How many there are.
        found: usize,
    },
    /// Not of the form.
    #[error("signed note: {part}: wanted {wanted}, found {found}")]
    Malformed {
        /// Where.
        part: NotePart,
        /// What would have been accepted.
        wanted: &'static str,
        /// What was there, safe to print.
        found: String,
    },
    /// No signature has the key's name and id.
    #[error("signed note: wanted a signature of {key}, found none")]
    Unsigned {
        /// The key.
        key: String,
    },
    /// A signature has the key's name and id and was not made by it.
    #[error("signed note: wanted a signature that {key} made, found one that it did not make")]
    Signature {
        /// The key.
        key: String,
    },
    /// A checkpoint of another log.
    #[error("checkpoint: wanted one of {wanted}, found one of {found}")]
    Origin {
        /// The log that was wanted.
        wanted: String,
        /// The origin that was there, safe to print.
        found: String,
    },
    /// The text is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A name that no key may have.
    #[error(transparent)]
    Key(#[from] NoteKeyError),
}
