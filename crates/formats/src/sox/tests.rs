use proptest::prelude::*;
use sekisho_proto::{Sample, StreamClass, Timestamp, Value};

use super::{Sox, read, ucum};

const ARRIVAL: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn data(text: &str) -> Vec<Sample> {
    match read(text.as_bytes(), ARRIVAL).unwrap() {
        Sox::Data(samples) => samples,
        Sox::Meta(device) => panic!("wanted data, found {device:?}"),
    }
}

fn shown(sample: &Sample) -> Vec<(&str, Value)> {
    sample.values.iter().map(|value| (value.transducer.as_str(), value.value.clone())).collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// As a client publishes it, stanza and all.
const STANZA: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<iq type="set" to="pubsub.sox.example" id="1"><pubsub xmlns="http://jabber.org/protocol/pubsub">
<publish node="藤沢はたらく車スマホ_1_data"><item><data xmlns="http://jabber.org/protocol/sox">
<transducerValue id="latitude" typedValue="35.33" rawValue="35.33" timestamp="2021-07-15T14:00:00.123+09:00"/>
<transducerValue id="longitude" typedValue="139.48" timestamp="2021-07-15T14:00:00.123+09:00"/>
<transducerValue id="pm25" typedValue="12.5" rawValue="417" timestamp="2021-07-15T14:00:01+0900"/>
<transducerValue id="user" typedValue="a &amp; b &#x85E4;" timestamp="2021-07-15T14:00:00.123+09:00"></transducerValue>
</data></item></publish></pubsub></iq>"#;

#[test]
fn readings_of_one_time_are_one_sample() {
    let samples = data(STANZA);
    assert_eq!(samples.len(), 2);
    assert_eq!(samples[0].time.to_string(), "2021-07-15T05:00:00.123000Z");
    assert_eq!(
        shown(&samples[0]),
        [
            ("latitude", Value::Float(35.33)),
            ("longitude", Value::Float(139.48)),
            ("user", text("a & b 藤"))
        ]
    );
    assert_eq!(samples[1].time.to_string(), "2021-07-15T05:00:01.000000Z");
    assert_eq!(
        shown(&samples[1]),
        [("pm25", Value::Float(12.5)), ("pm25.raw", Value::Float(417.0))]
    );
}

#[test]
fn what_libraries_spell_otherwise_is_read_alike() {
    let samples = data(r#"<Data><transducervalue ID="t" typedvalue="NaN" rawvalue="NaN"/></Data>"#);
    assert_eq!(samples[0].time, ARRIVAL);
    assert_eq!(shown(&samples[0]), [("t", text("NaN"))]);
    let nanoseconds = r#"<data><transducerValue id="t" typedValue="1" timestamp="2021-07-15T05:00:00.123456789Z"/></data>"#;
    assert_eq!(data(nanoseconds)[0].time.to_string(), "2021-07-15T05:00:00.123456Z");
}

#[test]
fn a_device_describes_a_topic() {
    let meta = r#"<device xmlns="http://jabber.org/protocol/sox" name="藤沢 7" id="7" type="outdoor weather" description="x">
        <geoloc xmlns="http://jabber.org/protocol/geoloc"><lat>35.3391</lat><lon>139.4900</lon></geoloc>
        <transducer name="温度" id="temp" units="°C" minValue="-40" maxValue="85" resolution="0.1" accuracy="much"/>
        <transducer name="mass" id="mass" units="gram" unitScalar="-6"><property name="a" value="b"/></transducer>
    </device>"#;
    let Sox::Meta(device) = read(meta.as_bytes(), ARRIVAL).unwrap() else {
        panic!("wanted a device")
    };
    let topic = "fujisawa/weather/7".parse().unwrap();
    let described = device.describe(topic, StreamClass::Restricted, ARRIVAL);
    assert_eq!(
        (described.title.as_str(), described.device_type.as_str()),
        ("藤沢 7", "outdoor weather")
    );
    let location = described.location.unwrap();
    assert_eq!((location.latitude_e7, location.longitude_e7), (353_391_000, 1_394_900_000));
    assert!(!described.mobile);
    let [temp, mass] = described.transducers.as_slice() else { panic!("{described:?}") };
    assert_eq!(
        (temp.name.as_str(), temp.title.as_str(), temp.unit.as_str()),
        ("temp", "温度", "Cel")
    );
    assert_eq!(
        (temp.minimum.as_str(), temp.maximum.as_str(), temp.accuracy.as_str()),
        ("-40", "85", "")
    );
    assert_eq!(mass.unit.as_str(), "10*-6.g");
}

#[test]
fn a_device_that_measures_where_it_is_moves() {
    let meta = r#"<device name="a" id="a" type="vehicle"><transducer name="x" id="Latitude" units="lat"/><transducer name="y" id="Longitude" units="lon"/></device>"#;
    let Sox::Meta(device) = read(meta.as_bytes(), ARRIVAL).unwrap() else {
        panic!("wanted a device")
    };
    assert!(device.is_mobile());
}

#[test]
fn units_become_those_of_ucum() {
    for (written, power, unit) in [
        ("m/s^2", 0, "m/s2"),
        ("%RH", 0, "%"),
        ("µg/m^3", 0, "ug/m3"),
        ("Pascal", 2, "10*2.Pa"),
        ("reciprocal meter", 3, "10*3/m"),
        ("", 3, "10*3"),
        ("jpeg", 0, "jpeg"),
    ] {
        assert_eq!(ucum(written, power), unit, "{written}");
    }
}

/// Each with a word of what is said about it.
#[test]
fn bombs_entities_and_what_is_not_sox_are_refused() {
    let deep = format!("{}{}", "<a>".repeat(50_000), "</a>".repeat(50_000));
    let attributes: String = (0..50_000).map(|number| format!(" a{number}=\"\"")).collect();
    let wide = format!("<data><transducerValue{attributes}/></data>");
    let laughs = r#"<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]><data><transducerValue id="a" typedValue="&lol2;"/></data>"#;
    let external = r#"<!DOCTYPE data [<!ENTITY xxe SYSTEM "file:///etc/passwd">]><data><transducerValue id="a" typedValue="&xxe;"/></data>"#;
    for (text, said) in [
        (deep.as_str(), "within each other"),
        (wide.as_str(), "attributes"),
        (laughs, "document type"),
        (external, "document type"),
        (r#"<data><transducerValue id="a" typedValue="&xxe;"/></data>"#, "XML"),
        (r#"<data>&xxe;<transducerValue id="a" typedValue="1"/></data>"#, "entity"),
        (r#"<?php x?><data/>"#, "processing"),
        (r#"<data><transducerValue id="a" typedValue="1" typedValue="2"/></data>"#, "once"),
        (r#"<data><transducerValue id="a" typedValue="1"/>"#, "whole"),
        (r#"<data/><data/>"#, "nothing behind"),
        (r#"<data/>x"#, "nothing beside"),
        ("", "whole"),
        (r#"<data/>"#, "at least one"),
        (r#"<data><transducerValue typedValue="1"/></data>"#, "id"),
        (r#"<data><transducerValue id="a"/></data>"#, "typedValue"),
        (r#"<data><transducerValue id="a" typedValue="1" timestamp="now"/></data>"#, "time"),
        (r#"<data><transducerSetValue id="a" typedValue="1"/></data>"#, "actuated"),
        (r#"<device id="a"><transducer id="a" unitScaler="99"/></device>"#, "unitScaler"),
        (r#"<device id="a"><transducer id="a"/><transducer id="a"/></device>"#, "once"),
        (r#"<html></html>"#, "device or data"),
    ] {
        let fault = read(text.as_bytes(), ARRIVAL).unwrap_err().to_string();
        assert!(fault.contains(said), "{text:.80}: {fault}");
    }
    assert!(read(&[b'<', 0xff, b'>'], ARRIVAL).unwrap_err().to_string().contains("UTF-8"));
}

proptest! {
    #[test]
    fn no_text_breaks_it(text in "[<>/a-c=\"'&;!?\\[\\] -]{0,80}") {
        drop(read(text.as_bytes(), ARRIVAL));
        drop(read(format!("<data>{text}</data>").as_bytes(), ARRIVAL));
    }
}
