//! Fingerprints of keys as people read them out to each other: groups of four hexadecimal digits,
//! the same on both sides.

use std::{fmt, str::FromStr};

use sekisho_proto::PrincipalId;
use thiserror::Error;

/// Digits that are shown: 64 bits, which nobody finds another key for while a token is good.
const SHOWN: usize = 16;
/// Digits of a whole fingerprint.
const ALL: usize = 64;
const GROUP: usize = 4;

/// The beginning of a key's fingerprint, or the whole of it.
///
/// It is shown as `5189-bfc3-7f7b-2a37`, and read with any blanks, dashes or colons in it, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// 16 to 64 hexadecimal digits, lower case.
    digits: String,
}

/// Why a text is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "fingerprint: wanted {SHOWN} to {ALL} hexadecimal digits, such as 5189-bfc3-7f7b-2a37, \
     found {found:?}"
)]
pub struct FingerprintError {
    found: String,
}

impl Fingerprint {
    /// What is shown of a key.
    #[must_use]
    pub fn of(id: &PrincipalId) -> Self {
        let mut digits = id.to_string();
        digits.truncate(SHOWN);
        Self { digits }
    }

    /// Whether it is this key's.
    #[must_use]
    pub fn is_of(&self, id: &PrincipalId) -> bool {
        id.to_string().starts_with(&self.digits)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, digit) in self.digits.chars().enumerate() {
            if place > 0 && place % GROUP == 0 {
                f.write_str("-")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_between = |sign: &char| matches!(sign, '-' | ':') || sign.is_whitespace();
        let digits: String = text
            .chars()
            .filter(|sign| !is_between(sign))
            .map(|sign| sign.to_ascii_lowercase())
            .collect();
        let is_hex = digits.chars().all(|digit| digit.is_ascii_hexdigit());
        if is_hex && (SHOWN..=ALL).contains(&digits.len()) {
            return Ok(Self { digits });
        }
        Err(FingerprintError { found: text.chars().take(2 * ALL).collect() })
    }
}

#[cfg(test)]
mod tests {
    use sekisho_proto::PublicKey;

    use super::*;

    #[test]
    fn what_one_side_shows_is_read_on_the_other_however_it_is_written() {
        let id = PrincipalId::of(&PublicKey::new([7; 32]));
        let shown = Fingerprint::of(&id).to_string();
        assert_eq!(shown.len(), 19);
        let whole = id.to_string();
        let ways = [
            shown.clone(),
            shown.to_uppercase(),
            shown.replace('-', " "),
            shown.replace('-', ":"),
            shown.replace('-', ""),
            whole.clone(),
        ];
        for way in ways {
            assert!(way.parse::<Fingerprint>().unwrap().is_of(&id), "{way}");
        }
        assert_eq!(shown.replace('-', ""), whole[..16]);
        assert_eq!(whole[..16], id.short());
    }

    #[test]
    fn another_keys_fingerprint_and_the_beginning_of_one_do_not_do() {
        let id = PrincipalId::of(&PublicKey::new([7; 32]));
        let other = PrincipalId::of(&PublicKey::new([8; 32]));
        assert!(!Fingerprint::of(&other).is_of(&id));
        let long = format!("{id}0");
        for wrong in ["", "5189", &id.to_string()[..15], "5189-bfc3-7f7b-2a3x", &long, "truck-17"] {
            let refused = wrong.parse::<Fingerprint>().unwrap_err().to_string();
            assert!(refused.contains("16 to 64 hexadecimal digits"), "{refused}");
        }
    }
}
