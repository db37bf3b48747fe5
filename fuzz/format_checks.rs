//! What must hold for any body in the format of another system. The fuzz targets run these, and so
//! does an ordinary test over the committed corpora.

use sekisho_formats::{Body, Fault, body};
use sekisho_proto::{SampleBatch, Timestamp};

/// When bodies arrive.
const ARRIVAL: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// As SenML in CBOR.
pub(crate) fn senml_cbor(bytes: &[u8]) {
    taken(body::SENML_CBOR, bytes);
}

/// As SenML in JSON.
pub(crate) fn senml_json(bytes: &[u8]) {
    taken(body::SENML_JSON, bytes);
}

/// As GeoJSON.
pub(crate) fn geojson(bytes: &[u8]) {
    taken(body::GEOJSON, bytes);
}

/// As what a sensor of SOX publishes, or says of itself.
pub(crate) fn sox_xml(bytes: &[u8]) {
    taken("application/sox+xml", bytes);
    if let Ok(sekisho_formats::sox::Sox::Meta(device)) = sekisho_formats::sox::read(bytes, ARRIVAL)
    {
        let topic = "fujisawa/a".parse().unwrap();
        let described = device.describe(topic, sekisho_proto::StreamClass::Restricted, ARRIVAL);
        let body = sekisho_proto::StatementBody::StreamDescriptor(described);
        let statement = sekisho_proto::Statement::unsigned(body).encode();
        // What is too long may be refused; nothing else may be wrong with it.
        if statement.len() <= sekisho_proto::limits::STATEMENT_BYTES_MAX {
            sekisho_proto::Statement::decode(&statement).unwrap();
        }
    }
}

/// How much is read of a body.
pub(crate) fn values(media_type: &str, bytes: &[u8]) -> usize {
    let read = body::read(media_type, bytes, ARRIVAL);
    let samples = read.ok().and_then(|body| samples(&body)).unwrap_or_default();
    samples.iter().map(|sample| sample.values.len()).sum()
}

/// What is refused says why in a bounded, printable way; what is taken is a body that its readers
/// can read.
fn taken(media_type: &str, bytes: &[u8]) {
    match body::read(media_type, bytes, ARRIVAL) {
        Ok(body) if body.content_type.is_samples() => {
            let samples = samples(&body).unwrap();
            let again = SampleBatch::from_samples(&samples).unwrap().encode();
            assert_eq!(again, body.bytes);
        }
        Ok(body) => assert_eq!(body.bytes, bytes),
        Err(fault) => printable(&fault),
    }
}

fn samples(body: &Body) -> Option<Vec<sekisho_proto::Sample>> {
    body::samples(&body.content_type, &body.bytes, ARRIVAL)
}

fn printable(fault: &Fault) {
    let said = fault.to_string();
    assert!(!said.is_empty() && said.len() < 4_096, "{} bytes", said.len());
    assert!(!said.chars().any(char::is_control), "{said:?}");
}
