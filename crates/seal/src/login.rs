//! How a client and a node prove their keys to each other where TLS carries a certificate that
//! nobody vouches for: both sign both nonces, both keys and the certificate that was shown.
//!
//! ```text
//! signed = "sekisho-login-v1\0" ‖ role ‖ node's nonce ‖ client's nonce ‖
//!          node's key ‖ client's key ‖ certificate
//! ```
//!
//! The role is one byte, 1 for what the client signs and 2 for what the node signs, so that neither
//! signature can be passed off as the other. The certificate is its SHA-256, or 32 zero bytes where
//! the client cannot see it, as in a browser. Whoever stands in between shows a certificate of its
//! own, and so gets no signature that the other end takes.

use sekisho_proto::{Hash, LoginNonce, PublicKey, Signature, StatementVerifier as _};

use crate::{SigningKey, StrictVerifier};

const CONTEXT: &[u8] = b"sekisho-login-v1\0";

/// In place of a certificate that cannot be seen.
const UNSEEN: [u8; 32] = [0; 32];

/// What both sides have said before either signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginTranscript {
    /// Drawn by the node.
    pub node_nonce: LoginNonce,
    /// Drawn by the client.
    pub client_nonce: LoginNonce,
    /// The node's key.
    pub node: PublicKey,
    /// The principal's key.
    pub client: PublicKey,
    /// The certificate that was shown; `None` where the client cannot see it.
    pub certificate: Option<Hash>,
}

/// Who signs.
#[derive(Debug, Clone, Copy)]
enum Role {
    Client = 1,
    Node = 2,
}

impl LoginTranscript {
    /// The client's proof, made with the key that the transcript names as its own.
    #[must_use]
    pub fn sign_as_client(&self, key: &SigningKey) -> Signature {
        key.sign(&self.signed_by(Role::Client))
    }

    /// The node's proof.
    #[must_use]
    pub fn sign_as_node(&self, key: &SigningKey) -> Signature {
        key.sign(&self.signed_by(Role::Node))
    }

    /// Whether the client holds the key that it names.
    #[must_use]
    pub fn is_proven_by_client(&self, signature: &Signature) -> bool {
        StrictVerifier.verify(&self.client, &self.signed_by(Role::Client), signature)
    }

    /// Whether the node holds the key that it names.
    #[must_use]
    pub fn is_proven_by_node(&self, signature: &Signature) -> bool {
        StrictVerifier.verify(&self.node, &self.signed_by(Role::Node), signature)
    }

    fn signed_by(&self, role: Role) -> Vec<u8> {
        let certificate = self.certificate.as_ref().map_or(&UNSEEN[..], AsRef::as_ref);
        [
            CONTEXT,
            &[role as u8],
            self.node_nonce.as_ref(),
            self.client_nonce.as_ref(),
            self.node.as_ref(),
            self.client.as_ref(),
            certificate,
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests;
