//! What comes in through a door that takes other formats, as the body of an envelope.

use std::collections::HashSet;

use sekisho_proto::{ContentType, Sample, SampleBatch, Timestamp, limits};

use crate::{Fault, geojson, senml, sox};

/// A body and what it is. Its samples, where it has some, are in the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// What it is.
    pub content_type: ContentType,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Places for values in one batch, samples times columns: a place takes some 32 bytes while the batch
/// is made, also where it stays empty, and few readings can make many places.
const PLACES_MAX: usize = 1 << 19;

/// Media types that are read, in small letters and without parameters.
pub const SENML_JSON: &str = "application/senml+json";
/// RFC 8428 §12.3.
pub const SENML_CBOR: &str = "application/senml+cbor";
/// RFC 7946 §12.
pub const GEOJSON: &str = "application/geo+json";
/// SOX has no media type of its own.
pub const SOX_XML: [&str; 3] = ["application/sox+xml", "application/xml", "text/xml"];
/// What has no type of its own (RFC 2046 §4.5.1).
pub const OPAQUE: &str = "application/octet-stream";

/// The type without its parameters, in small letters.
#[must_use]
pub fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads what was sent as this media type: samples where the format has them, everything else as it
/// is.
///
/// # Errors
///
/// It is not what its type says, holds no samples where there must be some, or the type is no type.
pub fn read(media_type: &str, bytes: &[u8], arrival: Timestamp) -> Result<Body, Fault> {
    let essence = essence(media_type);
    let samples = match essence.as_str() {
        SENML_JSON => samples_of(senml::json_pack(bytes, arrival)?),
        SENML_CBOR => samples_of(senml::cbor_pack(bytes, arrival)?),
        GEOJSON => match geojson::read(bytes, arrival)? {
            geojson::GeoJson::Samples(samples) => samples,
            geojson::GeoJson::Document => return opaque(GEOJSON, bytes),
        },
        ContentType::SAMPLES => {
            SampleBatch::decode(bytes).map_err(|fault| Fault::malformed(fault.to_string(), b""))?;
            return opaque(ContentType::SAMPLES, bytes);
        }
        xml if SOX_XML.contains(&xml) => match sox::read(bytes, arrival)? {
            sox::Sox::Data(samples) => samples,
            sox::Sox::Meta(_) => {
                let wanted = "data of SOX: a device is described, not published";
                return Err(Fault::malformed(wanted, b"device"));
            }
        },
        "" => return opaque(OPAQUE, bytes),
        _ => return opaque(media_type.trim(), bytes),
    };
    batch(&samples)
}

/// The samples of a body, as far as it is of a kind that has some; `None` where it is of another or not
/// what it says.
#[must_use]
pub fn samples(
    content_type: &ContentType,
    body: &[u8],
    received: Timestamp,
) -> Option<Vec<Sample>> {
    let found = match essence(content_type.as_str()).as_str() {
        ContentType::SAMPLES => SampleBatch::decode(body).ok()?.into_samples(),
        SENML_JSON => samples_of(senml::json_pack(body, received).ok()?),
        SENML_CBOR => samples_of(senml::cbor_pack(body, received).ok()?),
        GEOJSON => match geojson::read(body, received).ok()? {
            geojson::GeoJson::Samples(samples) => samples,
            geojson::GeoJson::Document => return None,
        },
        _ => return None,
    };
    Some(found)
}

fn samples_of(readings: Vec<senml::Reading>) -> Vec<Sample> {
    readings.into_iter().map(|reading| reading.sample).collect()
}

fn batch(samples: &[Sample]) -> Result<Body, Fault> {
    if samples.is_empty() {
        return Err(Fault::malformed("at least one reading", b"none"));
    }
    let columns: HashSet<_> = samples
        .iter()
        .flat_map(|sample| &sample.values)
        .map(|value| (&value.transducer, &value.unit, value.value.kind()))
        .collect();
    if samples.len().saturating_mul(columns.len()) > PLACES_MAX {
        let found = format!("{} times {}", samples.len(), columns.len());
        let wanted = format!("at most {PLACES_MAX} places, samples times transducers");
        return Err(Fault::malformed(wanted, found.as_bytes()));
    }
    let batch = SampleBatch::from_samples(samples)
        .map_err(|fault| Fault::malformed(fault.to_string(), b"these readings"))?;
    Ok(Body { content_type: ContentType::samples(), bytes: batch.encode() })
}

fn opaque(media_type: &str, bytes: &[u8]) -> Result<Body, Fault> {
    let content_type = ContentType::parse(media_type)
        .map_err(|error| Fault::field("media type", error.wanted(), media_type.as_bytes()))?;
    if bytes.len() > limits::ENVELOPE_BYTES_MAX {
        let wanted = format!("at most {} bytes", limits::ENVELOPE_BYTES_MAX);
        return Err(Fault::malformed(wanted, bytes.len().to_string().as_bytes()));
    }
    Ok(Body { content_type, bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests;
