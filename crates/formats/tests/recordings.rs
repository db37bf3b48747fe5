//! Recorded drives, written in each format and read back: nothing is lost and nothing is changed.
//! Where the recordings are not at hand, this says so and checks nothing.
#![cfg(test)]

#[path = "../../../e2e/src/skipped.rs"]
#[expect(unreachable_pub, reason = "it is shared")]
mod skipped;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use sekisho_formats::body;
use sekisho_proto::{Sample, Timestamp, Value};

/// Where the recordings are, if they are anywhere.
fn recordings() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = here.ancestors().map(|folder| folder.join("shared/data"));
    let found = folders.into_iter().find(|folder| folder.join("README.md").is_file());
    if found.is_none() {
        skipped::skipped("recordings absent (shared/data beside the project)");
    }
    found
}

/// One row of a ride: seconds since 1970, place and loudness.
struct Row {
    time: Timestamp,
    latitude: f64,
    longitude: f64,
    sound: f64,
}

fn rows(folder: &Path) -> Vec<Row> {
    let file = std::fs::File::open(folder.join("sensebox-bike/dataset_1.csv.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    let header: Vec<String> = lines
        .next()
        .unwrap()
        .split(',')
        .map(|name| name.trim().trim_matches('"').to_owned())
        .collect();
    let place = |name: &str| header.iter().position(|column| column == name).unwrap();
    let (lat, lon, at, sound) = (place("lat"), place("lon"), place("timestamp"), place("sound"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').map(|cell| cell.trim().trim_matches('"')).collect();
        let (day, clock) = cells[at].trim().split_once(' ').unwrap();
        let [month, day, year] = day.split('/').collect::<Vec<_>>()[..] else { panic!("{line}") };
        Row {
            time: Timestamp::parse(&format!("{year}-{month}-{day}T{clock}Z")).unwrap(),
            latitude: cells[lat].parse().unwrap(),
            longitude: cells[lon].parse().unwrap(),
            sound: cells[sound].parse().unwrap(),
        }
    };
    lines.map(row).collect()
}

fn read(media_type: &str, bytes: &[u8]) -> Vec<Sample> {
    let body = body::read(media_type, bytes, Timestamp::EPOCH).unwrap();
    body::samples(&body.content_type, &body.bytes, Timestamp::EPOCH).unwrap()
}

fn float(sample: &Sample, name: &str) -> f64 {
    let found = sample.values.iter().find(|value| value.transducer.as_str().ends_with(name));
    match found.map(|value| &value.value) {
        Some(Value::Float(number)) => *number,
        other => panic!("{name}: {other:?}"),
    }
}

fn agree(rows: &[Row], samples: &[Sample]) {
    // Rows of one second are one sample where no value stands in the way.
    assert!(!rows.is_empty() && samples.len() == rows.len());
    for (row, sample) in rows.iter().zip(samples) {
        assert_eq!(row.time, sample.time);
        for (name, value) in
            [("latitude", row.latitude), ("longitude", row.longitude), ("sound", row.sound)]
        {
            assert_eq!(float(sample, name).to_bits(), value.to_bits(), "{name}");
        }
    }
}

#[test]
fn a_recorded_ride_is_the_same_in_every_format() {
    let Some(folder) = recordings() else { return };
    let mut rows = rows(&folder);
    // The recorder repeated some seconds; a second value of one time is none.
    rows.dedup_by_key(|row| row.time);
    let senml: Vec<String> = rows
        .iter()
        .map(|row| {
            let seconds = row.time.as_micros() / 1_000_000;
            let Row { latitude, longitude, sound, .. } = row;
            format!(
                r#"{{"n":"latitude","u":"lat","t":{seconds},"v":{latitude}}},{{"n":"longitude","u":"lon","t":{seconds},"v":{longitude}}},{{"n":"sound","t":{seconds},"v":{sound}}}"#
            )
        })
        .collect();
    let senml = format!("[{}]", senml.join(","));
    agree(&rows, &read("application/senml+json", senml.as_bytes()));
    let json: ciborium::Value =
        ciborium::Value::serialized(&serde_json::from_str::<serde_json::Value>(&senml).unwrap())
            .unwrap();
    let mut cbor = Vec::new();
    ciborium::into_writer(&json, &mut cbor).unwrap();
    agree(&rows, &read("application/senml+cbor", &cbor));
    let features: Vec<String> = rows
        .iter()
        .map(|Row { time, latitude, longitude, sound }| {
            format!(
                r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[{longitude},{latitude}]}},"properties":{{"time":"{time}","sound":{sound}}}}}"#
            )
        })
        .collect();
    let geojson = format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","));
    agree(&rows, &read("application/geo+json", geojson.as_bytes()));
    let values: Vec<String> = rows
        .iter()
        .flat_map(|Row { time, latitude, longitude, sound }| {
            [("latitude", latitude), ("longitude", longitude), ("sound", sound)].map(
                |(id, value)| {
                    format!(
                        r#"<transducerValue id="{id}" typedValue="{value}" rawValue="{value}" timestamp="{time}"/>"#
                    )
                },
            )
        })
        .collect();
    let sox = format!("<data>{}</data>", values.join(""));
    agree(&rows, &read("application/xml", sox.as_bytes()));
}
