//! Keys and what is done with them: signing, verifying, sealing to an epoch, opening, letting
//! readers in, enrolling.
//!
//! Every envelope is sealed first and signed then, so that a broker verifies what it cannot read. A
//! check leaves a proof behind ([`Verified`], [`VerifiedKeyHeader`]) that the next step demands.
//!
//! The crate knows no network, no clock and no random source: randomness is handed in as
//! [`Entropy`]. The only files it touches are key files. How each key is derived stands in the
//! documentation of the module that derives it.

mod binding;
mod enrolment;
mod entropy;
mod epoch;
mod errand;
#[cfg(test)]
mod fixture;
mod identity;
mod kem;
mod key_file;
mod key_grant;
mod login;
mod opener;
mod password;
mod sealer;
mod sign_in;
mod signing_key;
mod statement;
mod stream_key;
mod subject_key;
mod verify;
mod verifying_key;

pub use enrolment::{EnrolmentClaim, EnrolmentError, check_enrolment_proof, enrolment_proof};
pub use entropy::{Entropy, EntropyError, SeededEntropy, draw};
pub use epoch::{EpochKeyPair, EpochPublic};
pub use errand::{
    ErrandDraft, ErrandError, VerifiedErrand, open_errand_answer, seal_errand, seal_errand_answer,
    verify_errand,
};
pub use identity::Identity;
pub use kem::{GenerateError, KemError, KemKeyPair, KemPublicKey};
pub use key_file::{KeyFile, KeyFileError, KeyKind};
pub use key_grant::{
    GrantError, KeyGrantDraft, unwrap_announced_epoch_seed, unwrap_epoch_seed, wrap_epoch_seed,
};
pub use login::LoginTranscript;
pub use opener::{OpenError, Opener};
pub use password::{Password, PasswordError};
pub use sealer::{HeaderDraft, SealError, Sealer, sign_open};
pub use sign_in::{SignInError, SignInSide, open_sign_in, seal_sign_in, sign_in_nonce};
pub use signing_key::SigningKey;
pub use statement::sign_statement;
pub use subject_key::{
    AccessOpening, OpenedAccess, OpeningError, SealedAccess, SubjectKey, SubjectKeyError,
};
pub use verify::{
    AttestError, StrictVerifier, Verified, VerifiedKeyHeader, VerifyError, attest, is_outstanding,
    sign_attested, verify, verify_attested, verify_key_header,
};
pub use verifying_key::{KeyError, VerifyingKey};
