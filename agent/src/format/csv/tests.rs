use proptest::prelude::*;
use sekisho_proto::{Timestamp, Value};

use crate::{
    config::{Config, FormatConfig},
    format::FormatError,
    observation::Observation,
    tally::Tally,
};

const ARRIVAL: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

const MAPPING: &str = r##"
    kind = "csv"
    comment = "#"
    time = { column = "at", format = "rfc3339" }
    void = { column = "ok", is = ["no"] }
    value = [
        { column = "pm", name = "pm2_5", unit = "ug/m3" },
        { column = "n", name = "count", kind = "integer", missing = ["", "-1"] },
        { column = "note", name = "note", kind = "text" },
    ]
"##;

fn config(mapping: &str) -> Config {
    let text = format!(
        "[[input]]\nname = \"x\"\ntopic = \"a/{{bus}}\"\nsource = {{ kind = \"stdin\" }}\n[input.format]\n{mapping}"
    );
    Config::parse(&text, std::path::Path::new("")).unwrap()
}

fn read_with(mapping: &str, text: &[u8]) -> Result<(Vec<Observation>, Tally), FormatError> {
    let config = config(mapping);
    assert!(matches!(config.inputs[0].format, FormatConfig::Csv(_)));
    let mut input = config.inputs[0].open()?;
    let mut seen = Vec::new();
    input.feed(text, ARRIVAL, &mut seen)?;
    input.finish(ARRIVAL, &mut seen)?;
    Ok((seen, input.into_tally()))
}

fn read(text: &str) -> (Vec<Observation>, Tally) {
    read_with(MAPPING, text.as_bytes()).unwrap()
}

const HEADER: &str = "bus,at,ok,pm,n,note,other\n";

fn rows(rows: &str) -> (Vec<Observation>, Tally) {
    read(&format!("{HEADER}{rows}"))
}

fn value(observation: &Observation, name: &str) -> Option<Value> {
    observation.value(name).map(|value| value.value.clone())
}

#[test]
fn columns_are_found_by_name_and_become_values_and_words() {
    let (seen, tally) = rows("7,2026-01-01T00:00:00Z,yes,12,5,hello,x\n");
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].label("bus"), Some("7"));
    assert_eq!(seen[0].sample.time.to_string(), "2026-01-01T00:00:00.000000Z");
    assert_eq!(value(&seen[0], "pm2_5"), Some(Value::Float(12.0)), "a float though it looks whole");
    assert_eq!(value(&seen[0], "count"), Some(Value::Integer(5)));
    assert_eq!(value(&seen[0], "note"), Some(Value::Text("hello".into())));
    assert_eq!((tally.good, tally.skipped["header"]), (1, 1));
}

#[test]
fn a_header_that_misses_a_mapped_column_is_refused_with_its_name() {
    let error = read_with(MAPPING, b"bus,at,pm,pm\n1,2,3,4\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"header: wanted each of ["pm", "n", "note", "ok"] once, found ["bus", "at", "pm", "pm"]"#
    );
    let error = read_with(MAPPING, b"\xff\xfe\0binary\n").unwrap_err();
    assert!(matches!(error, FormatError::Header { .. }));
}

#[test]
fn quotes_byte_order_marks_and_mixed_line_ends_are_understood() {
    let text = "\u{feff}bus, at ,ok,pm,n,note,other\r\n\
                \"7\",2026-01-01T00:00:00Z,yes,1,2,\"a, \"\"b\"\"\",\r\n\
                \n# comment\n\
                8,2026-01-01T00:00:01Z,yes,1,2,,";
    let (seen, tally) = read(text);
    assert_eq!(value(&seen[0], "note"), Some(Value::Text(r#"a, "b""#.into())));
    assert_eq!((seen.len(), value(&seen[1], "note")), (2, None));
    assert_eq!((tally.skipped["blank"], tally.skipped["comment"]), (1, 1));
}

#[test]
fn a_broken_row_costs_that_row() {
    let good = "7,2026-01-01T00:00:00Z,yes,1,2,n,\n";
    for (row, reason) in [
        ("7,2026-01-01T00:00:00Z,yes,1,2\n", "field-count"),
        ("7,2026-01-01T00:00:00Z,yes,1,2,n,x,y\n", "field-count"),
        ("7,yesterday,yes,1,2,n,\n", "time"),
        ("7,2026-01-01T00:00:00Z,yes,one,2,n,\n", "field"),
        ("7,2026-01-01T00:00:00Z,yes,1,2.5,n,\n", "field"),
        ("7,2026-01-01T00:00:00Z,yes,1,2,\"n,\n", "malformed"),
        ("7,2026-01-01T00:00:00Z,yes,1\r8,2,n,\n", "malformed"),
        ("\0\0\0\n", "field-count"),
    ] {
        let (seen, tally) = rows(&format!("{good}{row}{good}"));
        assert_eq!(seen.len(), 2, "{row}");
        assert_eq!(tally.broken.keys().collect::<Vec<_>>(), [&reason], "{row}");
        assert_eq!(tally.examples[0].line, 3);
    }
}

#[test]
fn a_row_that_is_not_utf_8_is_broken_only_where_text_is_wanted() {
    let mut text = HEADER.as_bytes().to_vec();
    text.extend(b"7,2026-01-01T00:00:00Z,yes,1,2,n,\xff\n");
    text.extend(b"7,2026-01-01T00:00:00Z,yes,1,2,\xff,\n");
    text.extend(b"\xff,2026-01-01T00:00:00Z,yes,1,2,n,\n");
    let (seen, tally) = read_with(MAPPING, &text).unwrap();
    assert_eq!((seen.len(), tally.broken["field"]), (1, 2));
}

#[test]
fn void_and_empty_rows_give_nothing() {
    let (seen, tally) =
        rows("7,2026-01-01T00:00:00Z,no,1,2,n,\n7,2026-01-01T00:00:00Z,yes,,-1,,\n");
    assert!(seen.is_empty());
    assert_eq!((tally.skipped["void"], tally.skipped["empty"]), (1, 1));
}

#[test]
fn a_file_without_header_has_it_in_the_configuration() {
    let mapping = r#"
        kind = "csv"
        delimiter = ";"
        header = ["bus", "pm"]
        time = { format = "arrival" }
        value = [{ column = "pm", name = "pm2_5" }]
    "#;
    let (seen, _) = read_with(mapping, b"7;1.5\n8;2.5").unwrap();
    assert_eq!((seen.len(), seen[1].label("bus")), (2, Some("8")));
    assert_eq!(seen[0].sample.time, ARRIVAL);
}

#[test]
fn a_new_file_has_a_new_header() {
    let config = config(MAPPING);
    let mut input = config.inputs[0].open().unwrap();
    let mut seen = Vec::new();
    let row = "7,2026-01-01T00:00:00Z,yes,1,2,n,x";
    input.feed(format!("{HEADER}{row}").as_bytes(), ARRIVAL, &mut seen).unwrap();
    input.finish(ARRIVAL, &mut seen).unwrap();
    let turned = "note,n,pm,ok,at,bus\nn,2,1,yes,2026-01-01T00:00:00Z,8\nhalf,";
    input.feed(turned.as_bytes(), ARRIVAL, &mut seen).unwrap();
    input.tear();
    assert_eq!(input.tally().broken["torn"], 1);
    assert_eq!((seen.len(), seen[1].label("bus")), (2, Some("8")));
    assert!(input.feed(b"nothing,of,it\n", ARRIVAL, &mut seen).is_err());
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut text = HEADER.as_bytes().to_vec();
        text.extend(&bytes);
        let (_, tally) = read_with(MAPPING, &text).unwrap();
        prop_assert_eq!(tally.lines, tally.good + tally.skipped_lines() + tally.broken_lines());
    }

    #[test]
    fn any_text_survives_quoting(note in "[^\r\n]{1,40}") {
        let quoted = note.replace('"', "\"\"");
        let (seen, _) = rows(&format!("7,2026-01-01T00:00:00Z,yes,1,2,\"{quoted}\",x\n"));
        let wanted = (!note.trim_ascii().is_empty()).then_some(Value::Text(note));
        prop_assert_eq!(value(&seen[0], "note"), wanted);
    }
}
