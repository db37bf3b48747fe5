//! Replays the committed fuzz corpora through the checks of the fuzz targets, as they are and
//! changed, so that what a fuzzer once found stays found.
#![cfg(test)]

#[path = "../../fuzz/node_checks.rs"]
mod node_checks;
#[path = "../../fuzz/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn node_config_corpus_holds() {
    replay("node_config", node_checks::node_config);
}

#[test]
fn client_certificate_corpus_holds() {
    replay("client_certificate", node_checks::client_certificate);
}

#[test]
fn a_client_certificate_of_the_corpus_carries_a_key() {
    let boxes = replay::files("client_certificate");
    let carries = |path: &std::path::PathBuf| {
        sekisho_broker::client_key(&std::fs::read(path).unwrap()).is_some()
    };
    assert!(boxes.iter().any(carries), "wanted one that is well formed");
}
