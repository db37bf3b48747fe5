//! Making the two signatures of a checkpoint: the log's own, and a cosigner's with the time.

use std::fmt;

use sekisho_proto::{PublicKey, Signature, Timestamp};

use crate::{
    Checkpoint, Note, NoteError, NoteKey, NoteKeyKind, SignatureLine,
    note::{NotePart, cosigned_message},
};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Who signs for those who must not hold a key.
pub trait NoteSigner {
    /// The key that its signatures are verified with.
    fn public_key(&self) -> PublicKey;

    /// An Ed25519 signature over exactly this message.
    fn sign(&self, message: &[u8]) -> Signature;
}

/// A key and what signs with it.
#[derive(Clone, Copy)]
pub struct Signing<'a> {
    /// The public key.
    pub key: PublicKey,
    /// Signs a message.
    pub sign: &'a dyn Fn(&[u8]) -> Signature,
}

impl NoteSigner for Signing<'_> {
    fn public_key(&self) -> PublicKey {
        self.key
    }

    fn sign(&self, message: &[u8]) -> Signature {
        (self.sign)(message)
    }
}

impl fmt::Debug for Signing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Signs a checkpoint as its log.
///
/// tlog-checkpoint §Signatures: "The log's key name in its signature line SHOULD match the origin
/// line", and so it does here. The same section: "A log MUST not sign any checkpoint which is
/// inconsistent with any checkpoint it previously signed", which is the caller's to see to.
///
/// # Errors
///
/// The origin cannot be the name of a key.
pub fn sign_checkpoint(
    checkpoint: &Checkpoint,
    signer: &dyn NoteSigner,
) -> Result<Note, NoteError> {
    let key = NoteKey::new(&checkpoint.origin, NoteKeyKind::Log, signer.public_key())?;
    let text = checkpoint.to_text();
    let signature = signer.sign(text.as_bytes());
    let line = SignatureLine::new(&key, signature.as_bytes().to_vec());
    Note::assemble(text, vec![line])
}

/// Cosigns a checkpoint: "as of the specified time, the consistent tree head with the largest size
/// the cosigner has observed for the log identified by the origin line has the specified root hash"
/// (tlog-cosignature §Ed25519 signed message). That this is so is the caller's to see to, by
/// [`judge`](crate::judge).
///
/// # Errors
///
/// The note is no checkpoint, the name cannot be a key's, or the time is not after 1970.
pub fn cosign(
    note: &Note,
    name: &str,
    signer: &dyn NoteSigner,
    time: Timestamp,
) -> Result<SignatureLine, NoteError> {
    note.checkpoint()?;
    let key = NoteKey::new(name, NoteKeyKind::Cosigner, signer.public_key())?;
    let seconds = time.as_micros().div_euclid(MICROS_PER_SECOND);
    let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).ok_or_else(|| {
        NoteError::Malformed {
            part: NotePart::Time,
            wanted: "a time after 1970",
            found: format!("{seconds} s"),
        }
    })?;
    let signature = signer.sign(&cosigned_message(seconds, note.text()));
    let mut timestamped = seconds.to_be_bytes().to_vec();
    timestamped.extend(signature.as_bytes());
    Ok(SignatureLine::new(&key, timestamped))
}
