//! The unit that brokers route: header, body and the publisher's signature over both.

use bytes::Bytes;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::{
    DecodeError, Hash, Header, Signature, Timestamp,
    decode::Fields,
    encode::{bytes, bytes_length},
    limits::{ENVELOPE_BYTES_MAX, HEADER_BYTES_MAX},
    wire::{self, RawField},
};

/// What an envelope's signature covers begins with this, so that it is never taken for another's.
pub const ENVELOPE_CONTEXT: &[u8] = b"sekisho-envelope-v1\0";

/// What a voucher's signature covers begins with this.
pub const VOUCHER_CONTEXT: &[u8] = b"sekisho-voucher-v1\0";

const FIELDS: Fields = Fields("envelope");
/// The number of the time in a header; its fields come in the order of their numbers.
const TIME_TAG: u32 = 7;

/// An envelope as it was received: well formed, nothing said about its signature. The parts share
/// the memory of the whole; cloning copies no bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    header: Header,
    header_bytes: Bytes,
    body: Bytes,
    signature: Signature,
    encoded: Bytes,
}

impl Envelope {
    /// Parses an encoded envelope, its header included.
    ///
    /// # Errors
    ///
    /// It is larger than [`ENVELOPE_BYTES_MAX`], not an envelope, not in its one encoding, of
    /// another version, or a field is out of its range.
    pub fn decode(encoded: Bytes) -> Result<Self, DecodeError> {
        let wire: wire::Envelope = wire::decode_canonical(FIELDS.0, ENVELOPE_BYTES_MAX, &encoded)?;
        let header = Header::decode_shared(&wire.header)?;
        let signature = FIELDS.fixed("signature", &wire.signature)?;
        Ok(Self { header, header_bytes: wire.header, body: wire.body, signature, encoded })
    }

    /// Puts an envelope together from an encoded header, the body and the signature over both.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn assemble(
        header_bytes: impl Into<Bytes>,
        body: impl Into<Bytes>,
        signature: Signature,
    ) -> Result<Self, DecodeError> {
        let (header, body) = (header_bytes.into(), body.into());
        let signature = Bytes::copy_from_slice(signature.as_ref());
        let wire = wire::Envelope { header, body, signature };
        Self::decode(wire.encode_to_vec().into())
    }

    /// As [`assemble`](Self::assemble) of the encoded header, which is not read back: its fields are
    /// what they are.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn compose(header: Header, body: &[u8], signature: Signature) -> Result<Self, DecodeError> {
        header.check()?;
        let head = header.encode();
        let oversized = |message, limit, found| DecodeError::Oversized { message, limit, found };
        if head.len() > HEADER_BYTES_MAX {
            return Err(oversized("header", HEADER_BYTES_MAX, head.len()));
        }
        let signed = signature.as_ref();
        let whole = bytes_length(&head) + bytes_length(body) + bytes_length(signed);
        if whole > ENVELOPE_BYTES_MAX {
            return Err(oversized(FIELDS.0, ENVELOPE_BYTES_MAX, whole));
        }
        let mut to = Vec::with_capacity(whole);
        bytes(1, &head, &mut to);
        let header_ends = to.len();
        bytes(2, body, &mut to);
        let body_ends = to.len();
        bytes(3, signed, &mut to);
        let encoded = Bytes::from(to);
        Ok(Self {
            header,
            header_bytes: encoded.slice(header_ends - head.len()..header_ends),
            body: encoded.slice(body_ends - body.len()..body_ends),
            signature,
            encoded,
        })
    }

    /// The time by the header of an encoded envelope, of which nothing else is looked at: a store
    /// reads it of every record that it opens with. `None` where the bytes are no envelope.
    #[must_use]
    pub fn time_of(encoded: &[u8]) -> Option<Timestamp> {
        let (1, RawField::Bytes(mut header), _) = wire::first_field(encoded)? else { return None };
        while !header.is_empty() {
            let (tag, value, rest) = wire::first_field(header)?;
            match (tag, value) {
                (..TIME_TAG, _) => header = rest,
                (TIME_TAG, RawField::Number(micros)) => {
                    return Some(Timestamp::from_micros(micros.cast_signed()));
                }
                (TIME_TAG, RawField::Bytes(_)) => return None,
                _ => break,
            }
        }
        // What is zero is left out.
        Some(Timestamp::EPOCH)
    }

    /// What the publisher said about the body.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The header as it was signed.
    #[must_use]
    pub fn header_bytes(&self) -> &Bytes {
        &self.header_bytes
    }

    /// The body, sealed unless the header's suite is open.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The signature, not checked by anybody yet.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The whole as it was received, to be passed on verbatim.
    #[must_use]
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// What the signature covers.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        envelope_signing_input(&self.header_bytes, &self.body)
    }

    /// SHA-256 of [`signed_bytes`](Self::signed_bytes): the envelope's identity, whatever its
    /// signature.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let digest = Sha256::new()
            .chain_update(ENVELOPE_CONTEXT)
            .chain_update(length_prefix(&self.header_bytes))
            .chain_update(&self.header_bytes)
            .chain_update(&self.body)
            .finalize();
        Hash::new(digest.into())
    }
}

/// What an envelope's signature covers: [`ENVELOPE_CONTEXT`], the header's length as 64 bits big
/// endian, the header and the body.
#[must_use]
pub fn envelope_signing_input(header: &[u8], body: &[u8]) -> Vec<u8> {
    [ENVELOPE_CONTEXT, &length_prefix(header), header, body].concat()
}

/// What a home's node signs when it has an envelope that was carried to it: [`VOUCHER_CONTEXT`], 32
/// as 64 bits big endian, and the envelope's hash.
#[must_use]
pub fn voucher_signing_input(envelope: &Hash) -> Vec<u8> {
    let hash: &[u8] = envelope.as_ref();
    [VOUCHER_CONTEXT, &length_prefix(hash), hash].concat()
}

/// A length as it stands in what is signed.
pub(crate) fn length_prefix(bytes: &[u8]) -> [u8; 8] {
    (bytes.len() as u64).to_be_bytes()
}

#[cfg(test)]
mod tests;
