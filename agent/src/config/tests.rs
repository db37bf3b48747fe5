use std::{path::Path, time::Duration};

use super::{Config, ConfigError, FormatConfig};
use crate::{
    replay::{Align, Order, Speed, Start},
    source::Source,
};

fn faults(text: &str) -> Vec<String> {
    let error = Config::parse(text, Path::new("/base")).unwrap_err();
    let ConfigError::Faults { faults } = error else { panic!("{error}") };
    faults.iter().map(ToString::to_string).collect()
}

fn parse(text: &str) -> Config {
    Config::parse(text, Path::new("/base")).unwrap_or_else(|error| panic!("{error}"))
}

/// An input of NMEA from a file, with a few lines more.
fn with(more: &str) -> String {
    format!(
        "[[input]]\nname = \"x\"\ntopic = \"a/{{stream}}\"\n\
         source = {{ kind = \"file\", path = \"x.nmea\" }}\nformat = {{ kind = \"nmea\" }}\n{more}"
    )
}

#[test]
fn every_fault_of_a_file_is_reported_at_once_with_its_key() {
    let text = r#"
        colour = "blue"

        [[input]]
        name = 7
        topic = "Fujisawa/{vehicle"
        source = { kind = "tape", path = "x" }
        format = { kind = "csv", delimiter = ";;", time = { format = "pattern", pattern = "%H", zone = "Mars/Base" } }

        [[input]]
        topic = "fujisawa/{driver}"
        line_bytes_max = 1
        source = { kind = "file", follow = "yes", path = "x", baud = 9600 }

        [input.format]
        kind = "jsonl"
        time = { pointer = "at", format = "epoch-s" }
        labels = { vehicle = "/v" }
        value = [
            { pointer = "/a", name = "", kind = "number" },
            { pointer = "/a", name = "a", range = [2, 1], colour = 1 },
            { pointer = "/b", name = "a" },
        ]

        [merge]
        position_input = "gps"
        age_max_ms = -1

        [replay]
        speed = "fast"
        start = "yesterday"
        order = "size"

        [publish]
        spool = "s"
        batch_samples = 0
    "#;
    let wanted = [
        r#"input[0].name: wanted a string, found 7"#,
        r#"input[0].topic: wanted each { with its word and }, found "Fujisawa/{vehicle""#,
        r#"input[0].source.kind: wanted file, tcp, gpsd, serial or stdin, found "tape""#,
        r#"input[0].format.delimiter: wanted one ASCII character, found ";;""#,
        r#"input[0].format.time.pattern: wanted a pattern of strptime with a date and a time of day, found "%H""#,
        r#"input[0].format.time.zone: wanted a zone such as Asia/Tokyo, UTC or +09:00, found "Mars/Base""#,
        r#"input[0].format.time.column: wanted a string, found nothing"#,
        r#"input[0].format.value: wanted at least one value, found none"#,
        r#"input[1].name: wanted a string, found nothing"#,
        r#"input[1].line_bytes_max: wanted an integer from 82 to 16777216, found 1"#,
        r#"input[1].source.follow: wanted true or false, found "yes""#,
        r#"input[1].source.baud: wanted a key that is known here, found 9600"#,
        r#"input[1].format.time.pointer: wanted a JSON pointer such as /sensors/0/pm2_5, found "at""#,
        r#"input[1].format.value[0].name: wanted 1 to 128 bytes, found """#,
        r#"input[1].format.value[0].kind: wanted float, integer, text or boolean, found "number""#,
        r#"input[1].format.value[1].range: wanted [least, greatest], found [2, 1]"#,
        r#"input[1].format.value[1].colour: wanted a key that is known here, found 1"#,
        r#"input[1].format.value[2].name: wanted each transducer once, found "a""#,
        r#"input[1].topic: wanted words of this format: vehicle, found {driver}"#,
        r#"merge.position_input: wanted the name of an input, found "gps""#,
        r#"merge.age_max_ms: wanted an integer from 1 to 86400000, found -1"#,
        r#"replay.speed: wanted wall, max, or a factor from 0.001 to 1000000 such as 10x, found "fast""#,
        r#"replay.order: wanted file or time, found "size""#,
        r#"replay.start: wanted recorded, now, or an RFC 3339 time, found "yesterday""#,
        r#"publish.identity: wanted a string, found nothing"#,
        r#"publish.batch_samples: wanted an integer from 1 to 65536, found 0"#,
        r#"colour: wanted a key that is known here, found "blue""#,
    ];
    assert_eq!(faults(text), wanted);
}

#[test]
fn a_text_that_is_no_toml_says_where() {
    let error = Config::parse("[[input]\nname", Path::new("")).unwrap_err();
    let ConfigError::Syntax { source } = error else { panic!("{error}") };
    assert!(source.to_string().contains("line 1"), "{source}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Config::load(Path::new("/nowhere/agent.toml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "configuration /nowhere/agent.toml: wanted a file that can be read"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("binary.toml");
    std::fs::write(&path, b"\xff\xfe\0").unwrap();
    assert!(matches!(Config::load(&path), Err(ConfigError::Unreadable { .. })));
}

#[test]
fn no_input_is_a_fault() {
    assert_eq!(faults(""), ["input: wanted 1 to 256 inputs, found 0"]);
    assert_eq!(
        faults("input = 5"),
        ["input: wanted a list of tables, found 5", "input: wanted 1 to 256 inputs, found 0"]
    );
    assert_eq!(faults("input = [5]")[0], "input[0]: wanted a table, found 5");
}

#[test]
fn two_inputs_cannot_share_a_name() {
    let text = with("") + &with("");
    assert_eq!(
        faults(&text),
        [r#"input[1].name: wanted a name that no other input has, found "x""#]
    );
}

#[test]
fn a_word_that_the_format_does_not_have_is_a_fault() {
    let text = with("").replace("{stream}", "{vehicle}/{stream}");
    let wanted = "input[0].topic: wanted words of this format: stream, talker, found {vehicle}";
    assert_eq!(faults(&text), [wanted]);
}

#[test]
fn a_sentence_that_is_not_read_is_a_fault() {
    let text = with("").replace(r#"kind = "nmea""#, r#"kind = "nmea", sentences = ["RMC", "XYZ"]"#);
    assert!(faults(&text)[0].starts_with("input[0].format.sentences: wanted some of RMC, GGA"));
}

#[test]
fn a_header_in_the_configuration_is_checked_there() {
    let text = r#"
        [[input]]
        name = "x"
        topic = "a/{bus}"
        source = { kind = "stdin" }
        format = { kind = "csv", header = ["a", "b"], time = { format = "arrival" }, value = [{ column = "c", name = "c" }] }
    "#;
    assert_eq!(
        faults(text),
        [
            r#"input[0].format.header: wanted every mapped column once, found header: wanted each of ["c", "bus"] once, found ["a", "b"]"#
        ]
    );
}

#[test]
fn times_need_a_zone_from_somewhere() {
    let text = |time: &str| {
        format!(
            "[[input]]\nname = \"x\"\ntopic = \"a/b\"\nsource = {{ kind = \"stdin\" }}\n\
             format = {{ kind = \"csv\", time = {{ column = \"t\", {time} }}, value = [{{ column = \"c\", name = \"c\" }}] }}"
        )
    };
    let key = "input[0].format.time";
    for (time, wanted) in [
        (
            r#"format = "pattern", pattern = "%F %T""#,
            format!("{key}.zone: wanted a zone, as the pattern has none, found nothing"),
        ),
        (
            r#"format = "pattern", pattern = "%F %T %z", zone = "UTC""#,
            format!("{key}.zone: wanted no zone, as the pattern has one, found \"UTC\""),
        ),
        (
            r#"format = "pattern", pattern = "%F %T", zone = "+25:00""#,
            format!(
                "{key}.zone: wanted a zone such as Asia/Tokyo, UTC or +09:00, found \"+25:00\""
            ),
        ),
        (r#"format = "relative-ms""#, format!("{key}.start: wanted a string, found nothing")),
        (
            r#"format = "arrival""#,
            format!("{key}.column: wanted a key that is known here, found \"t\""),
        ),
    ] {
        assert_eq!(faults(&text(time)), [wanted]);
    }
    for time in [
        r#"format = "pattern", pattern = "%F %T", zone = "-03:30""#,
        r#"format = "pattern", pattern = "%F %T", zone = "Europe/Madrid""#,
        r#"format = "pattern", pattern = "%F %T%.f %:z""#,
        r#"format = "epoch-us""#,
    ] {
        parse(&text(time));
    }
}

#[test]
fn sources_know_what_they_are() {
    let source = |text: &str| {
        let toml = with("").replace(r#"{ kind = "file", path = "x.nmea" }"#, text);
        parse(&toml).inputs.remove(0).source
    };
    assert_eq!(
        source(r#"{ kind = "file", path = "x.gz" }"#),
        Source::File { path: "/base/x.gz".into(), gzip: true }
    );
    assert_eq!(
        source(r#"{ kind = "file", path = "/x", follow = true, from = "end", poll_ms = 5 }"#),
        Source::Follow { path: "/x".into(), from_start: false, poll: Duration::from_millis(5) }
    );
    assert_eq!(
        source(r#"{ kind = "gpsd" }"#),
        Source::Tcp {
            address: "localhost:2947".into(),
            greeting: crate::format::gpsd::WATCH,
            reconnect: true
        }
    );
    assert_eq!(
        source(r#"{ kind = "tcp", address = "[::1]:10110", reconnect = false }"#),
        Source::Tcp { address: "[::1]:10110".into(), greeting: b"", reconnect: false }
    );
    assert_eq!(
        source(r#"{ kind = "serial", path = "/dev/ttyUSB0" }"#),
        Source::Serial { path: "/dev/ttyUSB0".into(), baud: 4800 }
    );
    assert_eq!(source(r#"{ kind = "stdin" }"#), Source::Stdin);
}

#[test]
fn sources_that_cannot_be_are_faults() {
    for (text, wanted) in [
        (r#"{ kind = "tcp" }"#, "address: wanted a string, found nothing"),
        (r#"{ kind = "tcp", address = "host" }"#, "address: wanted host:port, found \"host\""),
        (
            r#"{ kind = "tcp", address = "host:99999" }"#,
            "address: wanted host:port, found \"host:99999\"",
        ),
        (
            r#"{ kind = "serial", path = "/x", baud = 1 }"#,
            "baud: wanted an integer from 50 to 4000000, found 1",
        ),
        (
            r#"{ kind = "file", path = "x", follow = true, gzip = true }"#,
            "gzip: wanted false, as a packed file cannot be followed, found true",
        ),
        (
            r#"{ kind = "file", path = "x", from = "middle" }"#,
            "from: wanted start or end, found \"middle\"",
        ),
    ] {
        let toml = with("").replace(r#"{ kind = "file", path = "x.nmea" }"#, text);
        assert_eq!(faults(&toml), [format!("input[0].source.{wanted}")]);
    }
}

#[test]
fn a_document_needs_a_source_that_ends() {
    let toml = |source: &str| {
        with("")
            .replace("{stream}", "b")
            .replace(r#"kind = "nmea""#, r#"kind = "senml", layout = "document""#)
            .replace(r#"{ kind = "file", path = "x.nmea" }"#, source)
    };
    parse(&toml(r#"{ kind = "file", path = "x.json" }"#));
    assert!(faults(&toml(r#"{ kind = "stdin" }"#))[0].starts_with("input[0].format.layout"));
}

#[test]
fn a_shared_format_is_found_by_name_and_its_faults_are_told_once() {
    let shared = "[formats.receiver]\nkind = \"nmea\"\n";
    let input = with("").replace(r#"{ kind = "nmea" }"#, r#""receiver""#);
    let two = format!("{input}{}", input.replace("\"x\"", "\"y\""));
    assert_eq!(parse(&format!("{two}{shared}")).inputs.len(), 2);
    assert_eq!(
        faults(&format!("{two}{shared}colour = 1\n")),
        ["formats.receiver.colour: wanted a key that is known here, found 1"]
    );
    assert_eq!(
        faults(&input),
        [r#"input[0].format: wanted a table, or the name of one in formats, found "receiver""#]
    );
}

#[test]
fn merging_and_replaying_are_configured() {
    let config = parse(&with(
        "[merge]\nposition_input = \"x\"\n\
         [replay]\nspeed = \"10x\"\nstart = \"2026-01-01T00:00:00Z\"\norder = \"time\"\n\
         align = \"each\"\npause_max_ms = 500\n",
    ));
    let merge = config.merge.unwrap();
    assert_eq!((merge.stream, merge.age_max), (None, Duration::from_secs(2)));
    assert_eq!(config.replay.speed, Speed::Times(10.0));
    assert!(matches!(config.replay.start, Start::At(_)));
    assert_eq!((config.replay.order, config.replay.align), (Order::Time, Align::Each));
    assert_eq!(config.replay.pause_max, Some(Duration::from_millis(500)));
}

#[test]
fn every_example_is_a_good_configuration() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut examples = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let config = Config::load(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        for input in &config.inputs {
            input.open().unwrap_or_else(|error| panic!("{path:?}: {error}"));
        }
        examples += 1;
        if path.ends_with("truck.toml") {
            let formats = config.inputs.iter().map(|input| &input.format);
            assert!(formats.into_iter().any(|format| matches!(format, FormatConfig::Gpsd)));
            assert!(config.publish.is_some());
        }
    }
    assert!(examples >= 8);
}
