//! Replays the committed fuzz corpus through the check of the fuzz target, as it is and changed, so
//! that what a fuzzer once found stays found.
#![cfg(test)]

#[path = "../../../fuzz/replay.rs"]
mod replay;
#[path = "../../../fuzz/sensinact_checks.rs"]
mod sensinact_checks;

#[test]
fn command_corpus_holds() {
    replay::replay("command", sensinact_checks::command);
}
