//! The frame of an NMEA 0183 sentence: `$`, comma-separated fields, `*`, an XOR checksum.
//!
//! A sentence without a checksum is refused: on a serial line nothing else tells noise from data.

use crate::{fault::Fault, number};

/// A sentence whose checksum is good and whose bytes are printable ASCII.
#[derive(Debug, Clone)]
pub struct Sentence<'a> {
    fields: Vec<&'a str>,
}

impl<'a> Sentence<'a> {
    /// Reads a sentence. NUL bytes around it, as a serial break leaves them, and a TAG block
    /// (`\…\`) before it do not matter.
    ///
    /// # Errors
    ///
    /// No `$` or `!` at the beginning, no checksum, a wrong one, or bytes that are no text.
    pub fn parse(line: &'a [u8]) -> Result<Self, Fault> {
        let found = line;
        let line = without_tag_block(trim(line));
        let Some((b'$' | b'!', rest)) = line.split_first() else {
            return Err(Fault::malformed("a sentence that begins with $ or !", found));
        };
        let (body, stated) = checksum(rest)?;
        let sum = body.iter().fold(0, |sum, byte| sum ^ byte);
        if sum != stated {
            return Err(Fault::Checksum { wanted: sum, found: stated });
        }
        let text = str::from_utf8(body).ok().filter(|text| text.bytes().all(printable));
        let Some(text) = text else {
            let found = crate::fault::quote(found);
            return Err(Fault::Encoding { wanted: "printable ASCII", found });
        };
        Ok(Self { fields: text.split(',').collect() })
    }

    /// The first field, which says who speaks and what.
    #[must_use]
    pub fn address(&self) -> &'a str {
        self.field(0)
    }

    /// How many fields there are, the address among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field; never, as the address is one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// A field by its number, the address being 0; empty where there is none.
    #[must_use]
    pub fn field(&self, index: usize) -> &'a str {
        self.fields.get(index).copied().unwrap_or_default()
    }

    /// A number, where the field is not empty, and not the `0NaN` that some receivers print for a
    /// dilution they do not know.
    ///
    /// # Errors
    ///
    /// It is no number.
    pub fn float(&self, index: usize, name: &str) -> Result<Option<f64>, Fault> {
        if self.field(index).trim_start_matches(['-', '0']).eq_ignore_ascii_case("nan") {
            return Ok(None);
        }
        self.optional(index, name, "a number", number::float)
    }

    /// An integer, where the field is not empty.
    ///
    /// # Errors
    ///
    /// It is no integer.
    pub fn integer(&self, index: usize, name: &str) -> Result<Option<i64>, Fault> {
        self.optional(index, name, "an integer", number::integer)
    }

    /// An angle of which the field after it says whether it is positive or negative.
    ///
    /// # Errors
    ///
    /// It is no number, or the next field is neither of the two letters.
    pub fn signed(
        &self,
        index: usize,
        name: &str,
        letters: [&str; 2],
    ) -> Result<Option<f64>, Fault> {
        let value = self.float(index, name)?;
        value.map(|value| self.sign(index + 1, name, letters, value)).transpose()
    }

    /// A position from four fields: `ddmm.mmmm`, `N` or `S`, `dddmm.mmmm`, `E` or `W`; degrees.
    /// `None` where all four are empty.
    ///
    /// # Errors
    ///
    /// A field does not parse, or is not on the globe.
    pub fn position(&self, index: usize) -> Result<Option<(f64, f64)>, Fault> {
        if (index..index + 4).all(|index| self.field(index).is_empty()) {
            return Ok(None);
        }
        let latitude = self.arc(index, "latitude", 90, "0 to 90 degrees as ddmm.mmmm")?;
        let latitude = self.sign(index + 1, "latitude", ["N", "S"], latitude)?;
        let longitude = self.arc(index + 2, "longitude", 180, "0 to 180 degrees as dddmm.mmmm")?;
        let longitude = self.sign(index + 3, "longitude", ["E", "W"], longitude)?;
        Ok(Some((latitude, longitude)))
    }

    fn arc(&self, index: usize, name: &str, max: u64, wanted: &str) -> Result<f64, Fault> {
        let text = self.field(index).as_bytes();
        number::degrees(text, max).ok_or_else(|| Fault::field(name, wanted, text))
    }

    fn sign(
        &self,
        index: usize,
        name: &str,
        [positive, negative]: [&str; 2],
        value: f64,
    ) -> Result<f64, Fault> {
        match self.field(index) {
            letter if letter == positive => Ok(value),
            letter if letter == negative => Ok(-value),
            letter => {
                let wanted = format!("{positive} or {negative}");
                Err(Fault::field(name, wanted, letter.as_bytes()))
            }
        }
    }

    fn optional<T>(
        &self,
        index: usize,
        name: &str,
        wanted: &str,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        let text = self.field(index).as_bytes();
        if text.is_empty() {
            return Ok(None);
        }
        parse(text).map(Some).ok_or_else(|| Fault::field(name, wanted, text))
    }
}

fn trim(line: &[u8]) -> &[u8] {
    let noise = |byte: &u8| matches!(byte, 0 | b' ' | b'\t' | b'\r');
    let start = line.iter().position(|byte| !noise(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !noise(byte)).map_or(start, |last| last + 1);
    line.get(start..end).unwrap_or_default()
}

fn without_tag_block(line: &[u8]) -> &[u8] {
    let Some((b'\\', rest)) = line.split_first() else { return line };
    match rest.iter().position(|byte| *byte == b'\\') {
        Some(end) => rest.get(end + 1..).unwrap_or_default(),
        None => line,
    }
}

fn checksum(rest: &[u8]) -> Result<(&[u8], u8), Fault> {
    let tail = rest.get(rest.len().saturating_sub(3)..).unwrap_or_default();
    let missing = || Fault::ChecksumMissing { found: crate::fault::quote(tail) };
    let (b'*', digits) = tail.split_first().ok_or_else(missing)? else {
        return Err(missing());
    };
    let digits = str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit));
    let stated = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let body = rest.get(..rest.len().saturating_sub(3)).unwrap_or_default();
    Ok((body, stated.ok_or_else(missing)?))
}

fn printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

#[cfg(test)]
mod tests;
