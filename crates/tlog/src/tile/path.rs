//! What a tile's file is called.

use std::{fmt, fmt::Write as _, str::FromStr};

use super::{LEVEL_MAX, TILE_WIDTH, TileId, TileLevel};
use crate::encoding::{decimal, quote};

/// Digits of one path element of an index.
const ELEMENT_DIGITS: usize = 3;

const FORM: &str = "tile/<level or entries>/<index as x001/x234/067>[.p/<width 1 to 255>]";

impl TileId {
    /// The path of its file below the log's folder.
    ///
    /// tlog-tiles §Merkle Tree: `tile/<L>/<N>[.p/<W>]`, where `<N>` is "encoded into zero-padded
    /// 3-digit path elements. All but the last path element MUST begin with an `x`."
    #[must_use]
    pub fn path(&self) -> String {
        self.to_string()
    }

    /// Parses such a path.
    ///
    /// # Errors
    ///
    /// It is not one, or not in its only form.
    pub fn parse_path(path: &str) -> Result<Self, TilePathError> {
        parse(path).ok_or_else(|| TilePathError { found: quote(path) })
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level() {
            TileLevel::Entries => f.write_str("tile/entries")?,
            TileLevel::Hashes(level) => write!(f, "tile/{level}")?,
        }
        let digits = self.index().to_string();
        let digits = format!("{:0>1$}", digits, digits.len().next_multiple_of(ELEMENT_DIGITS));
        for (at, digit) in digits.chars().enumerate() {
            if at % ELEMENT_DIGITS == 0 {
                let last = at + ELEMENT_DIGITS == digits.len();
                f.write_str(if last { "/" } else { "/x" })?;
            }
            f.write_char(digit)?;
        }
        if self.width() < TILE_WIDTH { write!(f, ".p/{}", self.width()) } else { Ok(()) }
    }
}

impl FromStr for TileId {
    type Err = TilePathError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        Self::parse_path(path)
    }
}

fn parse(path: &str) -> Option<TileId> {
    let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let level = if level == "entries" {
        TileLevel::Entries
    } else {
        let level = u8::try_from(decimal(level)?).ok()?;
        (level <= LEVEL_MAX).then_some(TileLevel::Hashes(level))?
    };
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => {
            let width = u16::try_from(decimal(width)?).ok()?;
            (index, (width < TILE_WIDTH).then_some(width)?)
        }
        None => (rest, TILE_WIDTH),
    };
    let tile = TileId::new(level, parse_index(index)?, width)?;
    // An index has one form only: no element more than it needs.
    (tile.path() == path).then_some(tile)
}

fn parse_index(elements: &str) -> Option<u64> {
    let mut digits = String::new();
    let mut elements = elements.split('/').peekable();
    while let Some(element) = elements.next() {
        let last = elements.peek().is_none();
        let element = if last { element } else { element.strip_prefix('x')? };
        let fits = element.len() == ELEMENT_DIGITS && element.bytes().all(|b| b.is_ascii_digit());
        digits.push_str(fits.then_some(element)?);
    }
    digits.parse().ok()
}

/// Text that is no tile's path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path of a tile: wanted {FORM}, found {found}")]
pub struct TilePathError {
    found: String,
}
