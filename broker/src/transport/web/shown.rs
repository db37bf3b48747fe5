//! A record as JSON: what is open as samples or text, what is sealed as the envelope that only its
//! readers can open.

use data_encoding::BASE64;
use sekisho_formats::body;
use sekisho_proto::{Sample, Suite, Timestamp, Value, frame};
use sekisho_routing::Record;
use serde_json::{Value as Json, json};

use crate::hub::Hub;

/// Values of one record that are written out; what has more is given as its bytes. Each takes up to
/// 300 bytes of JSON.
const VALUES_MAX: usize = 4_096;

/// What of a record is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// What it says, where that is open.
    Plain,
    /// The envelope, so that its signature can be checked.
    Envelope,
}

/// A record that the gate let out.
pub(super) fn record(hub: &Hub, record: &Record, form: Form, now: Timestamp) -> Json {
    let (header, envelope) = (record.header(), record.envelope());
    let policy = hub.authority().snapshot();
    let name = |id| policy.standing(id, now).ok().map(|found| found.name.to_string());
    let mut shown = json!({
        "topic": header.topic.as_str(),
        "position": record.position().value(),
        "offset": record.offset().value(),
        "received": record.received().to_string(),
        "time": header.time.to_string(),
        "publisher": header.publisher.to_string(),
        "publisher_name": name(&header.publisher),
        "attester": header.attester.map(|id| id.to_string()),
        "attester_name": header.attester.as_ref().and_then(name),
        "boot": header.boot.to_string(),
        "sequence": header.sequence.value(),
        "content_type": header.content_type.as_str(),
        "sealed": header.suite != Suite::Open,
    });
    let Some(fields) = shown.as_object_mut() else { return shown };
    if header.suite == Suite::Open && form == Form::Plain {
        let samples = body::samples(&header.content_type, envelope.body(), record.received());
        match samples.filter(|samples| values_of(samples) <= VALUES_MAX) {
            Some(samples) => fields.insert("samples".to_owned(), samples_of(&samples)),
            None => fields.insert("body".to_owned(), BASE64.encode(envelope.body()).into()),
        };
        return shown;
    }
    // What nobody can sign any more is not shown as if it were.
    if let Ok(signed) = hub.signed(record) {
        fields.insert("envelope".to_owned(), BASE64.encode(&signed).into());
    }
    let key_header =
        record.key_header().and_then(|id| hub.key_headers().encoded(&id).ok().flatten());
    if let Some(key_header) = key_header {
        fields.insert("key_header".to_owned(), BASE64.encode(&key_header).into());
    }
    shown
}

/// Records that will not come.
pub(super) fn gap(gap: &frame::Gap) -> Json {
    json!({
        "from_position": gap.from_position.value(),
        "to_position": gap.to_position.value(),
        "reason": gap.reason.name(),
        "topic": gap.topic.as_ref().map(ToString::to_string),
    })
}

fn values_of(samples: &[Sample]) -> usize {
    samples.iter().map(|sample| sample.values.len() + 1).sum()
}

fn samples_of(samples: &[Sample]) -> Json {
    let shown = |sample: &Sample| {
        let values: Vec<Json> = sample
            .values
            .iter()
            .map(|one| {
                json!({
                    "transducer": one.transducer.as_str(),
                    "unit": one.unit.as_str(),
                    "value": value_of(&one.value),
                })
            })
            .collect();
        json!({ "time": sample.time.to_string(), "values": values })
    };
    samples.iter().map(shown).collect()
}

/// JSON has no bytes and no infinities: these are texts.
fn value_of(value: &Value) -> Json {
    match value {
        Value::Float(number) if number.is_finite() => json!(number),
        Value::Float(number) => json!(number.to_string()),
        Value::Integer(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::Boolean(truth) => json!(truth),
        Value::Blob(bytes) => json!(BASE64.encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_has_no_number_for_is_a_text() {
        assert_eq!(value_of(&Value::Float(f64::NAN)), json!("NaN"));
        assert_eq!(value_of(&Value::Float(f64::NEG_INFINITY)), json!("-inf"));
        assert_eq!(value_of(&Value::Float(-0.0)).to_string(), "-0.0");
        assert_eq!(value_of(&Value::Blob(vec![0, 1, 2])), json!("AAEC"));
    }
}
