//! What a derived key or a proof is bound to, in bytes that can be read in one way only.
//!
//! A context string with its closing NUL, then the fields in a fixed order: a number as eight
//! bytes, big-endian; anything else as its length in eight bytes, big-endian, and the bytes.

pub(crate) struct Binding {
    bytes: Vec<u8>,
}

/// Room for the fields of the longest binding, a key grant's: a tree of 512, a purpose of 1024,
/// ids.
const BINDING_BYTES: usize = 2 * 1024;

impl Binding {
    pub(crate) fn new(context: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(BINDING_BYTES);
        bytes.extend_from_slice(context);
        Self { bytes }
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        self.bytes.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(crate) fn field(self, field: impl AsRef<[u8]>) -> Self {
        let field = field.as_ref();
        let mut prefixed = self.number(field.len() as u64);
        prefixed.bytes.extend_from_slice(field);
        prefixed
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests;
