//! Which algorithms seal an envelope, and how far it may travel.

use crate::ParseError;

/// How an envelope, key header or epoch is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Suite {
    /// Signed but not sealed.
    Open,
    /// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
    X25519Aes256Gcm,
    /// X-Wing (X25519 and ML-KEM-768), HKDF-SHA256, AES-256-GCM.
    XWingAes256Gcm,
    /// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
    X25519ChaCha20Poly1305,
    /// X-Wing (X25519 and ML-KEM-768), HKDF-SHA256, ChaCha20-Poly1305.
    XWingChaCha20Poly1305,
}

impl Suite {
    /// Every suite, by ascending number.
    pub const ALL: [Self; 5] = [
        Self::Open,
        Self::X25519Aes256Gcm,
        Self::XWingAes256Gcm,
        Self::X25519ChaCha20Poly1305,
        Self::XWingChaCha20Poly1305,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Open => 0,
            Self::X25519Aes256Gcm => 1,
            Self::XWingAes256Gcm => 2,
            Self::X25519ChaCha20Poly1305 => 3,
            Self::XWingChaCha20Poly1305 => 4,
        }
    }

    /// The name for people and configuration files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::X25519Aes256Gcm => "x25519-aes256gcm",
            Self::XWingAes256Gcm => "xwing-aes256gcm",
            Self::X25519ChaCha20Poly1305 => "x25519-chacha20poly1305",
            Self::XWingChaCha20Poly1305 => "xwing-chacha20poly1305",
        }
    }

    /// Length of a public key of this suite's KEM, bytes; `None` where nothing is sealed.
    #[must_use]
    pub const fn kem_public_key_bytes(self) -> Option<usize> {
        match self {
            Self::Open => None,
            Self::X25519Aes256Gcm | Self::X25519ChaCha20Poly1305 => Some(32),
            Self::XWingAes256Gcm | Self::XWingChaCha20Poly1305 => Some(1216),
        }
    }

    /// Length of an encapsulation of this suite's KEM, bytes; `None` where nothing is sealed.
    #[must_use]
    pub const fn encapsulation_bytes(self) -> Option<usize> {
        match self {
            Self::Open => None,
            Self::X25519Aes256Gcm | Self::X25519ChaCha20Poly1305 => Some(32),
            Self::XWingAes256Gcm | Self::XWingChaCha20Poly1305 => Some(1120),
        }
    }
}

impl TryFrom<u32> for Suite {
    type Error = ParseError;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        Self::ALL
            .into_iter()
            .find(|suite| suite.number() == number)
            .ok_or_else(|| ParseError::new("suite", "a suite from 0 to 4", number.to_string()))
    }
}

impl std::str::FromStr for Suite {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|suite| suite.name() == text)
            .ok_or_else(|| ParseError::text("suite", "the name of a suite", text))
    }
}

impl std::fmt::Display for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// How far an envelope may travel, as its publisher signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Not beyond principals of the organisation that owns the topic.
    Organisation,
    /// To peers as well, where a peering says so.
    Federation,
}

impl Scope {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Organisation => 0,
            Self::Federation => 1,
        }
    }
}

impl TryFrom<u32> for Scope {
    type Error = ParseError;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        match number {
            0 => Ok(Self::Organisation),
            1 => Ok(Self::Federation),
            other => {
                Err(ParseError::new("scope", "0 organisation or 1 federation", other.to_string()))
            }
        }
    }
}
