use proptest::prelude::*;
use sekisho_proto::{Timestamp, Value};

use crate::{config::Config, observation::Observation, tally::Tally};

const CONFIG: &str = r#"
    [[input]]
    name = "x"
    topic = "a/{bus}"
    source = { kind = "stdin" }

    [input.format]
    kind = "jsonl"
    time = { pointer = "/at", format = "epoch-s" }
    labels = { bus = "/vehicle/id" }
    value = [
        { pointer = "/sensors/0/pm", name = "pm2_5", unit = "ug/m3", range = [0, 1000] },
        { pointer = "/n", name = "count", kind = "integer", missing = ["-1"] },
        { pointer = "/note", name = "note", kind = "text" },
        { pointer = "/open", name = "open", kind = "boolean" },
    ]
"#;

fn read(text: &[u8]) -> (Vec<Observation>, Tally) {
    let config = Config::parse(CONFIG, std::path::Path::new("")).unwrap();
    let mut input = config.inputs[0].open().unwrap();
    let mut seen = Vec::new();
    input.feed(text, Timestamp::EPOCH, &mut seen).unwrap();
    input.finish(Timestamp::EPOCH, &mut seen).unwrap();
    (seen, input.into_tally())
}

fn value(observation: &Observation, name: &str) -> Option<Value> {
    observation.value(name).map(|value| value.value.clone())
}

#[test]
fn pointers_find_values_times_and_words() {
    let (seen, _) = read(
        br#"{"at":1489903831.123456,"vehicle":{"id":7},"sensors":[{"pm":12}],"n":5,"note":"hi","open":true}"#,
    );
    assert_eq!(seen[0].sample.time.as_micros(), 1_489_903_831_123_456);
    assert_eq!(seen[0].label("bus"), Some("7"));
    assert_eq!(value(&seen[0], "pm2_5"), Some(Value::Float(12.0)));
    assert_eq!(value(&seen[0], "count"), Some(Value::Integer(5)));
    assert_eq!(value(&seen[0], "note"), Some(Value::Text("hi".into())));
    assert_eq!(value(&seen[0], "open"), Some(Value::Boolean(true)));
}

#[test]
fn absent_null_and_marked_values_are_missing() {
    let (seen, tally) = read(
        br#"{"at":1,"vehicle":{"id":"b"},"n":-1,"note":null,"open":false}
            {"at":1,"vehicle":{"id":"b"},"sensors":[{"pm":-4}]}"#,
    );
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].sample.values.len(), 1);
    assert_eq!((tally.skipped["empty"], tally.implausible["pm2_5"]), (1, 1));
}

#[test]
fn broken_lines_cost_themselves() {
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    for (line, reason) in [
        (&b"{"[..], "malformed"),
        (b"{} {}", "malformed"),
        (b"\xff", "malformed"),
        (b"\0", "malformed"),
        (deep.as_bytes(), "malformed"),
        (br#"{"at":1}"#, "field"),
        (br#"{"vehicle":{"id":"b"},"n":1}"#, "time"),
        (br#"{"at":"noon","vehicle":{"id":"b"},"n":1}"#, "time"),
        (br#"{"at":1,"vehicle":{"id":"b"},"n":1.0}"#, "field"),
        (br#"{"at":1,"vehicle":{"id":"b"},"n":"1"}"#, "field"),
        (br#"{"at":1,"vehicle":{"id":"b"},"sensors":[{"pm":"1"}]}"#, "field"),
        (br#"{"at":1,"vehicle":{"id":"b"},"sensors":[{"pm":1e999}]}"#, "malformed"),
    ] {
        let mut text = line.to_vec();
        text.extend(b"\n{\"at\":1,\"vehicle\":{\"id\":\"b\"},\"n\":1}\n");
        let (seen, tally) = read(&text);
        assert_eq!(seen.len(), 1, "{}", line.escape_ascii());
        assert_eq!(tally.broken[reason], 1, "{}", line.escape_ascii());
    }
}

proptest! {
    /// The shortest text of a double is read back as the same double, unlike by parsers that
    /// trade the last bit for speed.
    #[test]
    fn numbers_survive_bit_for_bit(number in 0.0_f64..1000.0) {
        let text = format!(r#"{{"at":1,"vehicle":{{"id":"b"}},"sensors":[{{"pm":{number:e}}}]}}"#);
        let (seen, _) = read(text.as_bytes());
        prop_assert_eq!(value(&seen[0], "pm2_5"), Some(Value::Float(number)));
    }

    #[test]
    fn epoch_seconds_survive_to_the_microsecond(micros in 0_i64..4_000_000_000_000_000) {
        let at = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        let text = format!(r#"{{"at":{at},"vehicle":{{"id":"b"}},"n":1}}"#);
        prop_assert_eq!(read(text.as_bytes()).0[0].sample.time.as_micros(), micros);
    }
}
