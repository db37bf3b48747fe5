//! Variable byte integers (1.5.5): how MQTT says how much follows.

use bytes::{BufMut as _, BytesMut};

use crate::decode::Fault;

/// Bytes that one may have.
const BYTES_MAX: usize = 4;

/// One that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Length {
    pub(crate) value: usize,
    /// How many bytes said so.
    pub(crate) bytes: usize,
}

impl Length {
    /// # Errors
    /// It has more bytes than it needs. Whose it is, is `name`.
    pub(crate) fn check_shortest(self, name: &str) -> Result<(), Fault> {
        if self.bytes == bytes(self.value) {
            return Ok(());
        }
        let why = format!("{name}: wanted a length in as few bytes as it needs (1.5.5)");
        Err(Fault::malformed(why))
    }
}

/// The one that `from` begins with; `None` where it is not whole.
///
/// # Errors
/// It does not end where it has to.
pub(crate) fn read(from: &[u8]) -> Result<Option<Length>, Fault> {
    let mut value = 0;
    for (index, byte) in from.iter().take(BYTES_MAX).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some(Length { value, bytes: index + 1 }));
        }
    }
    if from.len() < BYTES_MAX {
        return Ok(None);
    }
    Err(Fault::malformed(format!("wanted a length of at most {BYTES_MAX} bytes (1.5.5)")))
}

/// Writes one in as few bytes as it needs.
pub(crate) fn put(value: usize, to: &mut BytesMut) {
    let mut left = value;
    loop {
        let byte = u8::try_from(left & 0x7f).unwrap_or(0);
        left >>= 7;
        to.put_u8(if left > 0 { byte | 0x80 } else { byte });
        if left == 0 {
            return;
        }
    }
}

/// How few bytes one needs.
pub(crate) const fn bytes(value: usize) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x001f_ffff => 3,
        _ => BYTES_MAX,
    }
}
