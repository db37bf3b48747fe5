//! How a client and a node prove their keys to each other where TLS does not: in browsers, over gRPC.

use bytes::Bytes;

use super::{Fields, OnWire};
use crate::{DecodeError, Hash, LoginNonce, PublicKey, Signature, wire};

/// The node's first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge {
    /// Drawn for this connection.
    pub nonce: LoginNonce,
}

impl OnWire for Challenge {
    const FIELDS: Fields = Fields("challenge");
    type Message = wire::Challenge;

    fn to_wire(&self) -> wire::Challenge {
        wire::Challenge { nonce: Bytes::copy_from_slice(self.nonce.as_ref()) }
    }

    fn from_wire(wire: wire::Challenge) -> Result<Self, DecodeError> {
        Ok(Self { nonce: Self::FIELDS.fixed("nonce", &wire.nonce)? })
    }
}

/// The client's answer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The principal's key.
    pub public_key: PublicKey,
    /// Drawn by the client for this connection.
    pub nonce: LoginNonce,
    /// The certificate that the client was shown; `None` where it cannot see it, as in a browser.
    pub certificate: Option<Hash>,
    /// By the principal's key.
    pub signature: Signature,
}

impl OnWire for Login {
    const FIELDS: Fields = Fields("login");
    type Message = wire::Login;

    fn to_wire(&self) -> wire::Login {
        wire::Login {
            public_key: Bytes::copy_from_slice(self.public_key.as_ref()),
            nonce: Bytes::copy_from_slice(self.nonce.as_ref()),
            certificate: optional(self.certificate.as_ref()),
            signature: Bytes::copy_from_slice(self.signature.as_ref()),
        }
    }

    fn from_wire(wire: wire::Login) -> Result<Self, DecodeError> {
        Ok(Self {
            public_key: Self::FIELDS.fixed("public_key", &wire.public_key)?,
            nonce: Self::FIELDS.fixed("nonce", &wire.nonce)?,
            certificate: Self::FIELDS.fixed_optional("certificate", &wire.certificate)?,
            signature: Self::FIELDS.fixed("signature", &wire.signature)?,
        })
    }
}

/// The node's answer to that: the client may believe that it speaks with this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The node's key.
    pub public_key: PublicKey,
    /// The certificate that the node showed.
    pub certificate: Hash,
    /// By the node's key.
    pub signature: Signature,
}

impl OnWire for Proven {
    const FIELDS: Fields = Fields("proven");
    type Message = wire::Proven;

    fn to_wire(&self) -> wire::Proven {
        wire::Proven {
            public_key: Bytes::copy_from_slice(self.public_key.as_ref()),
            certificate: Bytes::copy_from_slice(self.certificate.as_ref()),
            signature: Bytes::copy_from_slice(self.signature.as_ref()),
        }
    }

    fn from_wire(wire: wire::Proven) -> Result<Self, DecodeError> {
        Ok(Self {
            public_key: Self::FIELDS.fixed("public_key", &wire.public_key)?,
            certificate: Self::FIELDS.fixed("certificate", &wire.certificate)?,
            signature: Self::FIELDS.fixed("signature", &wire.signature)?,
        })
    }
}

fn optional(hash: Option<&Hash>) -> Bytes {
    hash.map(|hash| Bytes::copy_from_slice(hash.as_ref())).unwrap_or_default()
}
