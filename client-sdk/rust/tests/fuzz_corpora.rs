//! Replays the committed fuzz corpora through the checks of the fuzz targets, as they are and
//! changed, so that what a fuzzer once found stays found.
#![cfg(test)]

#[cfg(feature = "grpc")]
#[path = "../../../fuzz/grpc_checks.rs"]
mod grpc_checks;
#[path = "../../../fuzz/replay.rs"]
mod replay;
#[path = "../../../fuzz/sdk_checks.rs"]
mod sdk_checks;

use replay::replay;

#[test]
fn token_corpus_holds() {
    replay("token", sdk_checks::token);
}

#[test]
fn proof_corpus_holds() {
    replay("proof", sdk_checks::proof);
}

#[test]
fn profile_corpus_holds() {
    replay("profile", sdk_checks::profile);
}

#[cfg(feature = "grpc")]
#[test]
fn grpc_messages_corpus_holds() {
    replay("grpc_messages", grpc_checks::grpc_messages);
}
