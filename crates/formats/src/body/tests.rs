use sekisho_proto::{ContentType, SampleBatch, Timestamp};

use super::{read, samples};

const ARRIVAL: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

#[test]
fn readings_of_every_format_become_samples() {
    for (media_type, text) in [
        ("application/senml+json", r#"[{"n":"t","v":21.5}]"#),
        ("Application/SenML+JSON; charset=utf-8", r#"[{"n":"t","v":21.5}]"#),
        (
            "application/geo+json",
            r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"t":21.5}}"#,
        ),
        ("application/xml", r#"<data><transducerValue id="t" typedValue="21.5"/></data>"#),
    ] {
        let body = read(media_type, text.as_bytes(), ARRIVAL).unwrap();
        assert!(body.content_type.is_samples(), "{media_type}");
        let found = samples(&body.content_type, &body.bytes, ARRIVAL).unwrap();
        assert_eq!(found, SampleBatch::decode(&body.bytes).unwrap().samples());
        assert!(found[0].values.iter().any(|value| value.transducer.as_str() == "t"));
    }
}

#[test]
fn everything_else_goes_on_as_it_came() {
    for (media_type, kept) in [
        ("image/jpeg", "image/jpeg"),
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("", "application/octet-stream"),
    ] {
        let body = read(media_type, b"\x00\xff", ARRIVAL).unwrap();
        assert_eq!((body.content_type.as_str(), body.bytes.as_slice()), (kept, &b"\x00\xff"[..]));
        assert_eq!(samples(&body.content_type, &body.bytes, ARRIVAL), None);
    }
    let region = br#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}"#;
    let body = read("application/geo+json", region, ARRIVAL).unwrap();
    assert_eq!(body.content_type.as_str(), "application/geo+json");
}

#[test]
fn what_is_not_of_its_type_is_refused() {
    for (media_type, text) in [
        (ContentType::SAMPLES, "no batch"),
        ("application/senml+json", "[]"),
        ("application/senml+json", r#"[{"bn":"a"}]"#),
        ("application/senml+cbor", "\u{0}"),
        ("text/xml", r#"<device id="a"/>"#),
        ("text/\r\nx-injected: 1", "x"),
        ("text/é", "x"),
    ] {
        assert!(read(media_type, text.as_bytes(), ARRIVAL).is_err(), "{media_type}");
    }
}

/// Few readings that would need a place each for every time and every transducer.
#[test]
fn readings_that_would_take_much_room_for_nothing_are_refused() {
    let record = |number: usize| format!(r#"{{"n":"a{}","t":{number},"v":1}}"#, number % 1_000);
    let records: Vec<String> = (1_700_000_000..1_700_001_000).map(record).collect();
    let pack = format!("[{}]", records.join(","));
    let fault = read("application/senml+json", pack.as_bytes(), ARRIVAL).unwrap_err().to_string();
    assert!(fault.contains("places"), "{fault}");
}
