//! Checks the signatures of stored control logs on every core, before they are replayed one by one:
//! of a replay, that is most of the time.

use std::{num::NonZeroUsize, thread};

use sekisho_policy::{CheckedSignatures, SignatureCheck, ValidSignature};
use sekisho_proto::Statement;
use sekisho_seal::StrictVerifier;

/// Knows which signatures under these statements are valid; about others it asks.
pub(super) fn check_all(statements: &[&Statement]) -> CheckedSignatures<StrictVerifier> {
    let checks = SignatureCheck::of(statements);
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let of_each = checks.len().div_ceil(threads).max(1);
    let run = |checks: &[SignatureCheck<'_>]| -> Vec<ValidSignature> {
        checks.iter().filter_map(|check| check.run(&StrictVerifier)).collect()
    };
    let valid = thread::scope(|scope| {
        let parts: Vec<_> =
            checks.chunks(of_each).map(|part| scope.spawn(move || run(part))).collect();
        // What a thread that failed had found is asked about again.
        parts.into_iter().flat_map(|part| part.join().unwrap_or_default()).collect::<Vec<_>>()
    });
    CheckedSignatures::new(valid, StrictVerifier)
}
