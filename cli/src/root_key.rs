//! A root key, wherever it is kept: in a file, or on a security token that signs and never shows it.

use std::path::Path;

use anyhow::Result;
use sekisho::KeyFile;
use sekisho_proto::{PublicKey, Statement};
use sekisho_seal::KeyKind;

#[cfg(feature = "pkcs11")]
use crate::pkcs11::{TokenKey, is_uri};

/// See the module.
pub(crate) enum RootKey {
    /// In a file.
    File(Box<KeyFile>),
    /// On a token.
    #[cfg(feature = "pkcs11")]
    Token(TokenKey),
}

impl RootKey {
    /// Opens the key that a file or a PKCS #11 URI names.
    pub(crate) fn open(name: &Path) -> Result<Self> {
        #[cfg(feature = "pkcs11")]
        if is_uri(name) {
            return TokenKey::open(name).map(Self::Token);
        }
        #[cfg(not(feature = "pkcs11"))]
        if name.to_str().is_some_and(|name| name.starts_with("pkcs11:")) {
            return Err(crate::fault::usage(
                "PKCS #11: wanted a sekisho built with --features pkcs11, found one without",
            ));
        }
        Ok(Self::File(Box::new(KeyFile::load_as(name, KeyKind::Root)?)))
    }

    /// Its file, where it is kept in one.
    pub(crate) const fn file(&self) -> Option<&KeyFile> {
        match self {
            Self::File(file) => Some(&**file),
            #[cfg(feature = "pkcs11")]
            Self::Token(_) => None,
        }
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        match self {
            Self::File(file) => file.identity.public_key(),
            #[cfg(feature = "pkcs11")]
            Self::Token(key) => key.public_key(),
        }
    }

    /// Adds the key's signature to a statement.
    pub(crate) fn sign(&self, statement: Statement) -> Result<Statement> {
        match self {
            Self::File(file) => {
                Ok(sekisho_seal::sign_statement(statement, file.identity.signing()))
            }
            #[cfg(feature = "pkcs11")]
            Self::Token(key) => {
                let signature = key.sign(&statement.signing_input())?;
                let signer = sekisho_proto::PrincipalId::of(&key.public_key());
                Ok(statement.with_signature(signer, signature))
            }
        }
    }
}
