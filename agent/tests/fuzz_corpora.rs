//! Replays the committed fuzz corpora through the checks of the fuzz targets, as they are and
//! changed, so that what a fuzzer once found stays found.
#![cfg(test)]

#[path = "../../fuzz/agent_checks.rs"]
mod agent_checks;
#[path = "../../fuzz/replay.rs"]
mod replay;

use replay::{files, replay};

#[test]
fn agent_format_corpus_holds() {
    replay("agent_format", agent_checks::agent_format);
}

#[test]
fn agent_config_corpus_holds() {
    replay("agent_config", agent_checks::agent_config);
}

/// A corpus of nothing but refusals would reach no further than the first line of a parser.
#[test]
fn of_every_format_something_is_read() {
    for format in ["nmea", "bgeigie", "csv", "tagged", "jsonl", "senml", "gpsd"] {
        let named = |path: &std::path::PathBuf| path.file_name().is_some_and(|name| name == format);
        let path = files("agent_format").into_iter().find(named).unwrap();
        let read = agent_checks::observations(&std::fs::read(&path).unwrap());
        assert!(read > 0, "{}: wanted something read", path.display());
    }
}
