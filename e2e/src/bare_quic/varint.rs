//! QUIC's integers of variable length, and reading bytes that may end anywhere (RFC 9000 §16).

/// A value in as few bytes as it takes.
#[must_use]
pub fn varint(value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let (skip, prefix) = match value {
        0..0x40 => (7, 0),
        0x40..0x4000 => (6, 0x40),
        0x4000..0x4000_0000 => (4, 0x80),
        _ => (0, 0xc0),
    };
    let mut encoded = bytes.get(skip..).unwrap_or_default().to_vec();
    if let Some(first) = encoded.first_mut() {
        *first |= prefix;
    }
    encoded
}

/// What is left of some bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest<'a>(pub(super) &'a [u8]);

impl<'a> Rest<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let more = self.take((1_usize << (first >> 6)) - 1)?;
        let start = u64::from(first & 0x3f);
        Some(more.iter().fold(start, |value, byte| value << 8 | u64::from(*byte)))
    }

    pub(super) fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    /// Bytes with their length before them.
    pub(super) fn prefixed(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
