//! How an administrator asks something of a steward past a node that is to learn nothing of it, and
//! how the steward answers: each seals to the other's long-term key and signs what was sealed.
//!
//! ```text
//! errand: info   = "sekisho-errand-info-v1\0" ‖ organisation ‖ id ‖ asker ‖ steward ‖ u64 issued ‖
//!                  u64 until ‖ u64 steward's KEM suite
//!         sealed = HPKE base mode, the steward's KEM, KDF HKDF-SHA256, AEAD AES-256-GCM, this info:
//!                  Seal(associated data = "", task)
//! answer: info   = "sekisho-errand-answer-info-v1\0" ‖ organisation ‖ id ‖ hash of the errand ‖
//!                  asker ‖ steward ‖ u64 issued ‖ u64 asker's KEM suite
//!         sealed = the same with the asker's KEM and this info: Seal("", outcome)
//! ```
//!
//! Numbers are big-endian; everything else follows its length as u64. What was sealed for one asker
//! opens under no other asker's signature, since the info names the asker. An answer names the
//! errand by the hash of all that was signed, so that it fits no other.

use bytes::Bytes;
use sekisho_proto::{
    DecodeError, Errand, ErrandAnswer, ErrandAnswerContent, ErrandContent, ErrandId, ErrandOutcome,
    ErrandTask, OrgName, PrincipalId, PublicKey, StatementVerifier as _, Suite, Timestamp,
    errand_answer_signing_input, errand_signing_input,
};
use zeroize::Zeroizing;

use crate::{Entropy, Identity, KemError, KemPublicKey, StrictVerifier, binding::Binding};

const INFO_CONTEXT: &[u8] = b"sekisho-errand-info-v1\0";
const ANSWER_INFO_CONTEXT: &[u8] = b"sekisho-errand-answer-info-v1\0";

/// An errand or an answer that is not what it should be.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ErrandError {
    /// It names somebody else.
    #[error("{thing}: wanted the {role} {wanted}, found {found}")]
    Named {
        /// An errand, or the answer to one.
        thing: &'static str,
        /// As what.
        role: &'static str,
        /// Who should be named.
        wanted: PrincipalId,
        /// Who is.
        found: PrincipalId,
    },
    /// The signature does not hold.
    #[error("{thing} of {signer}: wanted its signature, found one that does not fit")]
    Signature {
        /// An errand, or the answer to one.
        thing: &'static str,
        /// Who should have signed.
        signer: PrincipalId,
    },
    /// It cannot be sealed or opened.
    #[error(transparent)]
    Kem(#[from] KemError),
    /// What was sealed, or is to be sent, is no such thing.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The answer is to another errand.
    #[error("answer to an errand: wanted one to {wanted}, found one to another")]
    Other {
        /// The errand's id.
        wanted: ErrandId,
    },
    /// An answer that is not sealed says more than no.
    #[error("answer to an errand: wanted it sealed, found it in the open")]
    Unsealed,
}

/// What an errand says beside its task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrandDraft {
    /// Whose steward is asked.
    pub organisation: OrgName,
    /// Drawn for this errand alone.
    pub id: ErrandId,
    /// Which steward.
    pub steward: PrincipalId,
    /// When it is made.
    pub issued: Timestamp,
    /// Until when it may be begun, exclusive.
    pub until: Timestamp,
}

/// Seals a task to a steward and signs it.
///
/// # Errors
///
/// The source of randomness failed, or the task is larger than an errand can be.
pub fn seal_errand(
    asker: &Identity,
    steward_key: &KemPublicKey,
    draft: ErrandDraft,
    task: &ErrandTask,
    entropy: &mut dyn Entropy,
) -> Result<Errand, ErrandError> {
    let ErrandDraft { organisation, id, steward, issued, until } = draft;
    let mut content = ErrandContent {
        organisation,
        id,
        asker: asker.id(),
        steward,
        issued,
        until,
        encapsulation: Bytes::new(),
        sealed: Bytes::new(),
    };
    let task = Zeroizing::new(task.encode());
    let info = info(&content, steward_key.suite());
    let (encapsulation, sealed) = steward_key.seal(&info, &task, entropy)?;
    content.encapsulation = encapsulation.into();
    content.sealed = sealed.into();
    let content = content.encode();
    let signature = asker.signing().sign(&errand_signing_input(&content));
    Ok(Errand::assemble(content, signature)?)
}

/// An errand that was signed by whom it names; see [`verify_errand`].
#[derive(Debug, Clone, Copy)]
pub struct VerifiedErrand<'a> {
    errand: &'a Errand,
}

/// Whether an errand is its asker's.
///
/// # Errors
///
/// It names somebody else than the holder of this key, or that one did not sign it.
pub fn verify_errand<'a>(
    errand: &'a Errand,
    asker: &PublicKey,
) -> Result<VerifiedErrand<'a>, ErrandError> {
    let (wanted, found) = (PrincipalId::of(asker), errand.content().asker);
    if wanted != found {
        return Err(ErrandError::Named { thing: "errand", role: "asker", wanted, found });
    }
    if !StrictVerifier.verify(asker, &errand.signing_input(), errand.signature()) {
        return Err(ErrandError::Signature { thing: "errand", signer: found });
    }
    Ok(VerifiedErrand { errand })
}

impl VerifiedErrand<'_> {
    /// What the asker wants.
    ///
    /// # Errors
    ///
    /// It is for another steward, was sealed to another key or for another errand, or is no task.
    pub fn open(&self, steward: &Identity) -> Result<ErrandTask, ErrandError> {
        let content = self.errand.content();
        let (wanted, found) = (steward.id(), content.steward);
        if wanted != found {
            return Err(ErrandError::Named { thing: "errand", role: "steward", wanted, found });
        }
        let kem = steward.kem();
        let info = info(content, kem.suite());
        let task = kem.open_bytes(&content.encapsulation, &info, &content.sealed)?;
        Ok(ErrandTask::decode(&Bytes::copy_from_slice(&task))?)
    }
}

/// Answers an errand: seals the outcome to the asker's key, or, where that has none, says no in the
/// open; and signs it.
///
/// # Errors
///
/// The source of randomness failed, the outcome is larger than an answer can be, or it may not be
/// said in the open.
pub fn seal_errand_answer(
    steward: &Identity,
    asker_key: Option<&KemPublicKey>,
    errand: &Errand,
    (outcome, issued): (&ErrandOutcome, Timestamp),
    entropy: &mut dyn Entropy,
) -> Result<ErrandAnswer, ErrandError> {
    let asked = errand.content();
    let mut content = ErrandAnswerContent {
        organisation: asked.organisation.clone(),
        errand: asked.id,
        hash: errand.hash(),
        asker: asked.asker,
        steward: steward.id(),
        issued,
        encapsulation: Bytes::new(),
        sealed: outcome.encode().into(),
    };
    match asker_key {
        Some(key) => {
            let info = answer_info(&content, key.suite());
            let (encapsulation, sealed) = key.seal(&info, &content.sealed, entropy)?;
            content.encapsulation = encapsulation.into();
            content.sealed = sealed.into();
        }
        None if matches!(outcome, ErrandOutcome::Refused { .. }) => {}
        None => return Err(ErrandError::Unsealed),
    }
    let content = content.encode();
    let signature = steward.signing().sign(&errand_answer_signing_input(&content));
    Ok(ErrandAnswer::assemble(content, signature)?)
}

/// What became of an errand of one's own, as the steward with this key says.
///
/// # Errors
///
/// It is an answer to something else or by somebody else, was sealed to another key, is no outcome,
/// or says more than no in the open.
pub fn open_errand_answer(
    asker: &Identity,
    steward: &PublicKey,
    errand: &Errand,
    answer: &ErrandAnswer,
) -> Result<ErrandOutcome, ErrandError> {
    let thing = "answer to an errand";
    let (asked, content) = (errand.content(), answer.content());
    for (role, wanted, found) in [
        ("steward", asked.steward, PrincipalId::of(steward)),
        ("steward", asked.steward, content.steward),
        ("asker", asker.id(), content.asker),
    ] {
        if wanted != found {
            return Err(ErrandError::Named { thing, role, wanted, found });
        }
    }
    let is_its = content.errand == asked.id
        && content.hash == errand.hash()
        && content.organisation == asked.organisation;
    if !is_its {
        return Err(ErrandError::Other { wanted: asked.id });
    }
    if !StrictVerifier.verify(steward, &answer.signing_input(), answer.signature()) {
        return Err(ErrandError::Signature { thing, signer: asked.steward });
    }
    if content.encapsulation.is_empty() {
        let outcome = ErrandOutcome::decode(&content.sealed)?;
        let is_no = matches!(outcome, ErrandOutcome::Refused { .. });
        return if is_no { Ok(outcome) } else { Err(ErrandError::Unsealed) };
    }
    let info = answer_info(content, asker.kem().suite());
    let opened = asker.kem().open_bytes(&content.encapsulation, &info, &content.sealed)?;
    Ok(ErrandOutcome::decode(&Bytes::copy_from_slice(&opened))?)
}

fn info(content: &ErrandContent, steward_suite: Suite) -> Vec<u8> {
    Binding::new(INFO_CONTEXT)
        .field(content.organisation.as_str())
        .field(content.id)
        .field(content.asker)
        .field(content.steward)
        .number(content.issued.as_micros().cast_unsigned())
        .number(content.until.as_micros().cast_unsigned())
        .number(u64::from(steward_suite.number()))
        .into_bytes()
}

fn answer_info(content: &ErrandAnswerContent, asker_suite: Suite) -> Vec<u8> {
    Binding::new(ANSWER_INFO_CONTEXT)
        .field(content.organisation.as_str())
        .field(content.errand)
        .field(content.hash)
        .field(content.asker)
        .field(content.steward)
        .number(content.issued.as_micros().cast_unsigned())
        .number(u64::from(asker_suite.number()))
        .into_bytes()
}

#[cfg(test)]
mod tests;
