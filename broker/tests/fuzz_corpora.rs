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
