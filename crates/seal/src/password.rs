//! What a device is given that can keep no key: a user name and a password, for the protocols that
//! know nothing else.
//!
//! The password *is* the key, so that nobody has to keep it: the principal's statement holds the
//! public half of the key derived from it, as with anybody else, and a node that is given a name and
//! a password derives the key again and looks whether a statement names it.
//!
//! ```text
//! seed = HKDF-SHA-256(salt: none, secret, "sekisho-password-v1\0" ‖ organisation ‖ name, 32)
//! key  = Ed25519 key of the seed
//!
//! text = 25 bytes as base 32 without padding, lower case, a hyphen after every five characters
//!        but the last:
//!        20 bytes secret ‖ 5 bytes: the first of SHA-256("sekisho-password-check-v1\0" ‖ secret)
//! ```
//!
//! Organisation and name follow their lengths as u64, big endian: one password under two names is
//! two keys. The secret is drawn, 160 bits of it, and the check keeps slips of the pen from being
//! taken for another key; it also keeps anybody from choosing one, so that a public key, which
//! everybody may read, gives no word to guess at.

use std::{fmt, str::FromStr};

use aws_lc_rs::{
    error::Unspecified,
    hkdf::{HKDF_SHA256, KeyType, Salt},
};
use data_encoding::{BASE32_NOPAD, Encoding};
use sekisho_proto::{Hash, PrincipalName};
use zeroize::Zeroizing;

use crate::{Entropy, EntropyError, SigningKey, binding::Binding, entropy::draw};

const KEY_CONTEXT: &[u8] = b"sekisho-password-v1\0";
const CHECK_CONTEXT: &[u8] = b"sekisho-password-check-v1\0";
const ENCODING: Encoding = BASE32_NOPAD;
const SECRET_BYTES: usize = 20;
const CHECK_BYTES: usize = 5;
const WHOLE_BYTES: usize = SECRET_BYTES + CHECK_BYTES;
/// Base 32 without what separates the groups: 40 characters.
const CHARACTERS: usize = WHOLE_BYTES * 8 / 5;
const GROUP_CHARACTERS: usize = 5;
/// Whatever is longer is refused unread.
const TEXT_BYTES_MAX: usize = 128;
const SEED_BYTES: usize = 32;

/// A drawn password: wiped when dropped, shown only by [`Password::to_text`].
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<[u8; SECRET_BYTES]>);

/// Why a text is no password, or no key could be made of one. It says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// It is too long or too short, or holds other characters.
    #[error("password: wanted {CHARACTERS} characters of base 32, found another text")]
    Encoding,
    /// A character is wrong, or somebody made it up.
    #[error("password: wanted its check digits to fit, found a slip")]
    Check,
    /// The library derived nothing.
    #[error("password: wanted its key derived, found the library refusing")]
    Library,
}

impl Password {
    /// Draws a new one.
    ///
    /// # Errors
    ///
    /// The source of randomness failed.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        Ok(Self(draw(entropy)?))
    }

    /// The text to hand over, in groups. Whoever reads it is the principal: it is a secret.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut whole = Zeroizing::new(Vec::with_capacity(WHOLE_BYTES));
        whole.extend_from_slice(self.0.as_slice());
        whole.extend_from_slice(&check_of(&self.0));
        let mut encoded = Zeroizing::new(ENCODING.encode(&whole));
        encoded.make_ascii_lowercase();
        let mut text = Zeroizing::new(String::with_capacity(2 * CHARACTERS));
        for (at, character) in encoded.chars().enumerate() {
            if at > 0 && at % GROUP_CHARACTERS == 0 {
                text.push('-');
            }
            text.push(character);
        }
        text
    }

    /// Reads one, in upper or lower case, with or without hyphens and blanks.
    ///
    /// # Errors
    ///
    /// It is not a password that was drawn here.
    pub fn parse(text: &str) -> Result<Self, PasswordError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(PasswordError::Encoding);
        }
        let mut encoded = Zeroizing::new(Vec::with_capacity(TEXT_BYTES_MAX));
        let meant = text.bytes().filter(|byte| *byte != b'-' && !byte.is_ascii_whitespace());
        encoded.extend(meant.map(|byte| byte.to_ascii_uppercase()));
        if encoded.len() != CHARACTERS {
            return Err(PasswordError::Encoding);
        }
        let mut whole = Zeroizing::new([0; WHOLE_BYTES]);
        ENCODING
            .decode_mut(&encoded, whole.as_mut_slice())
            .map_err(|_slip| PasswordError::Encoding)?;
        let Some((secret, check)) = whole.split_first_chunk::<SECRET_BYTES>() else {
            return Err(PasswordError::Encoding);
        };
        if check_of(secret) != check {
            return Err(PasswordError::Check);
        }
        Ok(Self(Zeroizing::new(*secret)))
    }

    /// The key that it is for somebody of this name, and for nobody else.
    ///
    /// # Errors
    ///
    /// The library derived nothing.
    pub fn signing_key(&self, name: &PrincipalName) -> Result<SigningKey, PasswordError> {
        let bound = Binding::new(KEY_CONTEXT)
            .field(name.organisation().as_str())
            .field(name.name())
            .into_bytes();
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        Salt::new(HKDF_SHA256, &[])
            .extract(self.0.as_slice())
            .expand(&[&bound], Seed)
            .and_then(|expansion| expansion.fill(seed.as_mut_slice()))
            .map_err(|Unspecified| PasswordError::Library)?;
        Ok(SigningKey::from_seed(&seed))
    }
}

impl FromStr for Password {
    type Err = PasswordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(secret)")
    }
}

/// How long the derived seed is, for the library.
struct Seed;

impl KeyType for Seed {
    fn len(&self) -> usize {
        SEED_BYTES
    }
}

fn check_of(secret: &[u8; SECRET_BYTES]) -> [u8; CHECK_BYTES] {
    let checked = Zeroizing::new([CHECK_CONTEXT, secret].concat());
    let mut check = [0; CHECK_BYTES];
    for (to, from) in check.iter_mut().zip(Hash::of(&checked).as_bytes()) {
        *to = *from;
    }
    check
}

#[cfg(test)]
mod tests;
