use sekisho_proto::{Timestamp, Value};

use crate::{config::Config, observation::Observation, tally::Tally};

const CONFIG: &str = r##"
    [[input]]
    name = "x"
    topic = "a/{stream}"
    source = { kind = "stdin" }

    [input.format]
    kind = "tagged"
    delimiters = ",;"
    marker = "$"
    comment = "#"
    time = { format = "relative-ms", start = "2026-01-01T00:00:00Z" }

    [[input.format.record]]
    tag = "SPEED"
    stream = "speed"
    time_head = 0
    value = [{ field = 2, name = "speed", unit = "km/h" }]

    [[input.format.record]]
    tag = "FIX"
    stream = "fix"
    time_field = 1
    void = { field = 3, is = ["0"] }
    value = [{ field = 2, name = "latitude", unit = "deg", range = [-90, 90] }]
"##;

fn read(text: &str) -> (Vec<Observation>, Tally) {
    let config = Config::parse(CONFIG, std::path::Path::new("")).unwrap();
    let mut input = config.inputs[0].open().unwrap();
    let mut seen = Vec::new();
    input.feed(text.as_bytes(), Timestamp::EPOCH, &mut seen).unwrap();
    input.finish(Timestamp::EPOCH, &mut seen).unwrap();
    (seen, input.into_tally())
}

#[test]
fn the_tag_says_what_the_fields_are() {
    let (seen, tally) = read("14$SPEED;1;49.7188\r\n20,0,$FIX,1500, 35.5 ,3\n# note\n14$DIR,1,1\n");
    let times: Vec<_> = seen.iter().map(|seen| seen.sample.time.to_string()).collect();
    assert_eq!(times, ["2026-01-01T00:00:00.014000Z", "2026-01-01T00:00:01.500000Z"]);
    assert_eq!((&*seen[0].stream, &*seen[1].stream), ("speed", "fix"));
    assert_eq!(seen[0].value("speed").unwrap().value, Value::Float(49.7188));
    assert_eq!(seen[1].value("latitude").unwrap().value, Value::Float(35.5));
    assert_eq!((tally.skipped["comment"], tally.skipped["unread"]), (1, 1));
    assert_eq!(tally.kinds["DIR"], 1);
}

#[test]
fn void_and_impossible_values_are_left_out() {
    let (seen, tally) = read("1$FIX,1,35.5,0\n1$FIX,1,97.5,3\n");
    assert!(seen.is_empty());
    assert_eq!((tally.skipped["void"], tally.skipped["empty"]), (1, 1));
    assert_eq!(tally.implausible["latitude"], 1);
}

#[test]
fn broken_lines_are_named() {
    for (line, said) in [
        ("no tag", "text: wanted '$' before a tag, found \"no tag\""),
        ("1$", "field tag: wanted a word, found \"\""),
        ("1$\u{e9}", "field tag: wanted a word, found \"\\xc3\\xa9\""),
        ("1$SPEED;1", "field speed: wanted a field, found \"\""),
        ("1$SPEED;1;fast", "field speed: wanted a number, found \"fast\""),
        ("x$SPEED;1;2", "time: wanted milliseconds since the start, found \"x\""),
    ] {
        let (seen, tally) = read(line);
        assert!(seen.is_empty());
        assert_eq!(tally.examples[0].fault.to_string(), said);
    }
}
