//! Replays the committed fuzz corpora through the checks of the fuzz targets, as they are and
//! changed, so that what a fuzzer once found stays found.
#![cfg(test)]

#[path = "../../../fuzz/format_checks.rs"]
mod format_checks;
#[path = "../../../fuzz/replay.rs"]
mod replay;

use replay::{files, replay};

#[test]
fn senml_cbor_corpus_holds() {
    replay("senml_cbor", format_checks::senml_cbor);
}

#[test]
fn senml_json_corpus_holds() {
    replay("senml_json", format_checks::senml_json);
}

#[test]
fn geojson_corpus_holds() {
    replay("geojson", format_checks::geojson);
}

#[test]
fn sox_xml_corpus_holds() {
    replay("sox_xml", format_checks::sox_xml);
}

/// A corpus of nothing but refusals would reach no further than the first byte of a parser.
#[test]
fn of_every_format_something_is_read() {
    for (target, media_type) in [
        ("senml_cbor", "application/senml+cbor"),
        ("senml_json", "application/senml+json"),
        ("geojson", "application/geo+json"),
        ("sox_xml", "application/xml"),
    ] {
        let read = |path: &std::path::PathBuf| {
            format_checks::values(media_type, &std::fs::read(path).unwrap())
        };
        let most = files(target).iter().map(read).max();
        assert!(most >= Some(2), "{target}: {most:?}");
    }
}
