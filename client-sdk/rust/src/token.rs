//! The one text that a newcomer is given: where to go, whom to trust, who to be, and a secret that
//! proves it was invited.
//!
//! ```text
//! sekisho-join-v1.<base32 without padding, lower case>
//!
//! u8 length ‖ organisation        u8 length ‖ name             u8 kind
//! 32 bytes root fingerprint       32 bytes node key            u16 length ‖ address
//! 16 bytes token id               32 bytes secret              i64 expiry, µs since 1970
//! 4 bytes: the first of SHA-256 of everything before, against slips of the pen
//! ```
//!
//! Numbers are big endian.

use std::{fmt, str::FromStr};

use data_encoding::{BASE32_NOPAD, Encoding};
use sekisho_proto::{
    Hash, OrgName, ParseError, PrincipalKind, PrincipalName, PublicKey, Timestamp, TokenId,
    limits::ADDRESS_BYTES_MAX,
};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

const PREFIX: &str = "sekisho-join-v1.";
const ENCODING: Encoding = BASE32_NOPAD;
const CHECK_BYTES: usize = 4;

/// Longest token, bytes of text: the longest names and address in base 32, rounded up.
const TEXT_BYTES_MAX: usize = 1024;

/// A token's secret: wiped when dropped, shown nowhere but in the token's own text.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinSecret {
    bytes: Zeroizing<[u8; 32]>,
}

impl JoinSecret {
    /// Any 32 unpredictable bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self { bytes: Zeroizing::new(bytes) }
    }

    /// The bytes, for the proof made with them.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.bytes
    }
}

impl fmt::Debug for JoinSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JoinSecret(…)")
    }
}

/// An invitation; see the module for its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// Who the newcomer will be, of which organisation.
    pub name: PrincipalName,
    /// What it will be.
    pub kind: PrincipalKind,
    /// The organisation's root: SHA-256 of its `OrgRoot` statement's body.
    pub root: Hash,
    /// The key that the node must prove to hold.
    pub node_key: PublicKey,
    /// Where the node is, `host:port`.
    pub address: String,
    /// Which invitation it is.
    pub id: TokenId,
    /// What proves that its holder was invited.
    pub secret: JoinSecret,
    /// Until when it may be used, exclusive.
    pub expires: Timestamp,
}

/// Why a text is no join token.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It begins otherwise.
    #[error("join token: wanted it to begin with {PREFIX}")]
    Prefix,
    /// It holds other characters, or was cut off.
    #[error(
        "join token: wanted base 32, at most {TEXT_BYTES_MAX} characters, found something else"
    )]
    Encoding,
    /// A character is wrong.
    #[error("join token: wanted its check digits to fit, found a slip")]
    Check,
    /// It ends too early or too late.
    #[error("join token: wanted {wanted}, found its end")]
    Length {
        /// What was due.
        wanted: &'static str,
    },
    /// A part of it is not what it should be.
    #[error("join token")]
    Field(#[from] ParseError),
}

impl JoinToken {
    /// The token as text. Whoever reads it can join: it is a secret.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(TEXT_BYTES_MAX));
        put_short(&mut bytes, self.name.organisation().as_str());
        put_short(&mut bytes, self.name.name());
        bytes.push(u8::try_from(self.kind.number()).unwrap_or(0));
        bytes.extend_from_slice(self.root.as_bytes());
        bytes.extend_from_slice(self.node_key.as_bytes());
        let address = self.address.get(..ADDRESS_BYTES_MAX).unwrap_or(&self.address);
        bytes.extend_from_slice(&u16::try_from(address.len()).unwrap_or(0).to_be_bytes());
        bytes.extend_from_slice(address.as_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(self.secret.expose());
        bytes.extend_from_slice(&self.expires.as_micros().to_be_bytes());
        let check = check_of(&bytes);
        bytes.extend_from_slice(&check);
        let mut text = Zeroizing::new(ENCODING.encode(&bytes));
        text.make_ascii_lowercase();
        Zeroizing::new([PREFIX, &text].concat())
    }

    /// Reads a token, with or without blanks around it, in upper or lower case: a QR code of
    /// capitals is smaller.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let (prefix, encoded) = text.split_at_checked(PREFIX.len()).ok_or(TokenError::Prefix)?;
        if !prefix.eq_ignore_ascii_case(PREFIX) {
            return Err(TokenError::Prefix);
        }
        if encoded.len() > TEXT_BYTES_MAX {
            return Err(TokenError::Encoding);
        }
        let mut upper = Zeroizing::new(encoded.to_owned());
        upper.make_ascii_uppercase();
        let decoded = ENCODING.decode(upper.as_bytes());
        let bytes = Zeroizing::new(decoded.map_err(|_slip| TokenError::Encoding)?);
        let split = bytes.len().checked_sub(CHECK_BYTES).ok_or(TokenError::Encoding)?;
        let (content, check) = bytes.split_at(split);
        if check_of(content) != check {
            return Err(TokenError::Check);
        }
        let mut fields = Fields { left: content };
        let token = fields.token()?;
        if !fields.left.is_empty() {
            return Err(TokenError::Length { wanted: "nothing more" });
        }
        Ok(token)
    }
}

impl FromStr for JoinToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        Self::parse(text)
    }
}

struct Fields<'a> {
    left: &'a [u8],
}

impl<'a> Fields<'a> {
    fn token(&mut self) -> Result<JoinToken, TokenError> {
        let organisation: OrgName = self.short("an organisation")?.parse()?;
        let name = PrincipalName::new(self.short("a name")?, &organisation)?;
        let [kind] = self.array("a kind")?;
        let mut secret_after_address = || {
            let root = Hash::new(self.array("a root fingerprint")?);
            let node_key = PublicKey::new(self.array("a node key")?);
            let length = usize::from(u16::from_be_bytes(self.array("an address")?));
            let address = self.text(length, "an address")?.to_owned();
            let id = TokenId::new(self.array("a token id")?);
            let mut secret: [u8; 32] = self.array("a secret")?;
            let kept = JoinSecret::new(secret);
            secret.zeroize();
            let expires = i64::from_be_bytes(self.array("an expiry")?);
            Ok::<_, TokenError>((root, node_key, address, id, kept, expires))
        };
        let (root, node_key, address, id, secret, expires) = secret_after_address()?;
        let kind = PrincipalKind::try_from(u32::from(kind))?;
        let expires = Timestamp::from_micros(expires);
        Ok(JoinToken { name, kind, root, node_key, address, id, secret, expires })
    }

    fn short(&mut self, wanted: &'static str) -> Result<&'a str, TokenError> {
        let [length] = self.array(wanted)?;
        self.text(usize::from(length), wanted)
    }

    fn text(&mut self, length: usize, wanted: &'static str) -> Result<&'a str, TokenError> {
        let bytes = self.take(length, wanted)?;
        std::str::from_utf8(bytes).map_err(|_not_text| TokenError::Length { wanted })
    }

    fn array<const N: usize>(&mut self, wanted: &'static str) -> Result<[u8; N], TokenError> {
        let bytes = self.take(N, wanted)?;
        <[u8; N]>::try_from(bytes).map_err(|_length| TokenError::Length { wanted })
    }

    fn take(&mut self, length: usize, wanted: &'static str) -> Result<&'a [u8], TokenError> {
        let (taken, left) =
            self.left.split_at_checked(length).ok_or(TokenError::Length { wanted })?;
        self.left = left;
        Ok(taken)
    }
}

fn put_short(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(u8::try_from(text.len()).unwrap_or(0));
    bytes.extend_from_slice(text.as_bytes());
}

fn check_of(bytes: &[u8]) -> [u8; CHECK_BYTES] {
    let mut check = [0; CHECK_BYTES];
    for (to, from) in check.iter_mut().zip(Hash::of(bytes).as_bytes()) {
        *to = *from;
    }
    check
}

#[cfg(test)]
mod tests;
