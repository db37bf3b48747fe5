//! Signing sentences about rights: the statement's own context string keeps a signature on one kind
//! from being passed off as one on another.

use sekisho_proto::Statement;

use crate::SigningKey;

/// The statement with the key's signature added; an earlier one of the same signer is replaced.
#[must_use]
pub fn sign_statement(statement: Statement, key: &SigningKey) -> Statement {
    let signature = key.sign(&statement.signing_input());
    statement.with_signature(key.id(), signature)
}

#[cfg(test)]
mod tests;
