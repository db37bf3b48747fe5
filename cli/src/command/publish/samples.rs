//! Samples as people write them: arguments, and lines of JSON.

use std::str::FromStr;

use anyhow::{Context as _, Result, bail};
use sekisho::{Sample, SampleValue, Unit, Value, clock};
use sekisho_proto::{Timestamp, TransducerName};

/// One value of a sample, as an argument.
#[derive(Debug, Clone)]
pub(super) struct Assignment(pub(super) SampleValue);

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or("wanted NAME=VALUE, such as pm2_5=12.5")?;
        let name = name.parse().map_err(|cause| format!("{cause}"))?;
        Ok(Self(entry(name, parse(value))))
    }
}

/// One object; `time` (RFC 3339) is the sample's, everything else a value.
pub(super) fn from_json(line: &str) -> Result<Sample> {
    let wanted = r#"wanted a JSON object such as {"pm2_5":12.5}"#;
    let document: serde_json::Value = serde_json::from_str(line).context(wanted)?;
    let object = document.as_object().context(wanted)?;
    let mut sample = Sample { time: clock::now(), values: Vec::new() };
    for (name, value) in object {
        if let ("time", Some(text)) = (name.as_str(), value.as_str()) {
            sample.time = Timestamp::parse_cut(text)?;
            continue;
        }
        let value = match value {
            serde_json::Value::Bool(flag) => Value::Boolean(*flag),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(whole) => Value::Integer(whole),
                None => Value::Float(number.as_f64().context("wanted a number of 64 bits")?),
            },
            serde_json::Value::String(text) => Value::Text(text.clone()),
            serde_json::Value::Null
            | serde_json::Value::Array(_)
            | serde_json::Value::Object(_) => {
                bail!("{name}: wanted a number, text, true or false, found {value}")
            }
        };
        sample.values.push(entry(name.parse()?, value));
    }
    Ok(sample)
}

fn entry(transducer: TransducerName, value: Value) -> SampleValue {
    SampleValue { transducer, unit: Unit::none(), value }
}

/// A number where it reads as one, else text.
fn parse(text: &str) -> Value {
    if let Ok(whole) = text.parse::<i64>() {
        return Value::Integer(whole);
    }
    match text.parse::<f64>() {
        Ok(number) => Value::Float(number),
        Err(_not_a_number) if text == "true" || text == "false" => Value::Boolean(text == "true"),
        Err(_not_a_number) => Value::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_the_narrowest_value_that_it_reads_as() {
        assert_eq!(parse("12"), Value::Integer(12));
        assert_eq!(parse("12.0"), Value::Float(12.0));
        assert_eq!(parse("true"), Value::Boolean(true));
        assert_eq!(parse("12 km"), Value::Text("12 km".to_owned()));
    }

    #[test]
    fn a_line_of_json_keeps_its_time_and_its_types() {
        let line = r#"{"time":"2026-11-21T00:00:00Z","pm2_5":12.5,"count":3,"ok":true}"#;
        let sample = from_json(line).unwrap();
        assert_eq!(sample.time.to_string(), "2026-11-21T00:00:00.000000Z");
        let named = |name: &str| {
            let mut values = sample.values.iter();
            values.find(|entry| entry.transducer.as_str() == name).map(|entry| &entry.value)
        };
        assert_eq!(sample.values.len(), 3);
        assert_eq!(named("pm2_5"), Some(&Value::Float(12.5)));
        assert_eq!(named("count"), Some(&Value::Integer(3)));
        assert_eq!(named("ok"), Some(&Value::Boolean(true)));
        let finer = from_json(r#"{"time":"2026-11-21T00:00:00.123456789Z","pm2_5":1}"#).unwrap();
        assert_eq!(finer.time.to_string(), "2026-11-21T00:00:00.123456Z");
    }

    #[test]
    fn a_nested_value_is_refused_by_name() {
        let error = from_json(r#"{"air":{"pm2_5":1}}"#).unwrap_err().to_string();
        assert!(error.contains("air: wanted a number"), "{error}");
    }
}
