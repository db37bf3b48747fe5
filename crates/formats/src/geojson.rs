//! GeoJSON (RFC 7946): points with properties are samples; every other geometry is checked and left
//! as it is.

use sekisho_proto::{Sample, Timestamp, Value};
use serde_json::{Map, Value as Json};

use crate::{Fault, Values, number};

mod geometry;

/// Members of a feature that a sample can hold.
const FEATURE_MEMBERS: [&str; 4] = ["type", "geometry", "properties", "id"];

/// Properties that say when, the first that is there counts.
const TIME_PROPERTIES: [&str; 5] =
    ["phenomenonTime", "resultTime", "datetime", "timestamp", "time"];

/// Numbers of this size and more are milliseconds since 1970, not seconds.
const MILLISECONDS_FROM: f64 = 1e11;

/// The largest whole number up to which each has a double of its own.
const EXACT_INTEGER_MAX: u64 = 1 << 53;

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub enum GeoJson {
    /// Points whose properties are plain values: nothing is lost where they become samples.
    Samples(Vec<Sample>),
    /// Anything else that RFC 7946 allows.
    Document,
}

/// Reads a GeoJSON text.
///
/// # Errors
///
/// It is no JSON, no GeoJSON, a position is not on Earth, or a property of a point is no value of a
/// transducer.
pub fn read(bytes: &[u8], arrival: Timestamp) -> Result<GeoJson, Fault> {
    let json: Json = serde_json::from_slice(bytes)
        .map_err(|error| Fault::malformed(format!("JSON ({error})"), bytes))?;
    let object = geometry::object(&json, "a GeoJSON object")?;
    let features: Vec<&Json> = match geometry::type_of(object)? {
        "Feature" => vec![&json],
        "FeatureCollection" => list(object, "features")?.iter().collect(),
        _ => {
            geometry::check(object, 0)?;
            return Ok(GeoJson::Document);
        }
    };
    let mut samples = Vec::new();
    let mut is_plain = object
        .keys()
        .all(|member| FEATURE_MEMBERS.contains(&member.as_str()) || member == "features");
    for feature in features {
        match sample(feature, arrival)? {
            Some(sample) => samples.push(sample),
            None => is_plain = false,
        }
    }
    if is_plain && !samples.is_empty() {
        return Ok(GeoJson::Samples(samples));
    }
    Ok(GeoJson::Document)
}

/// The sample that a feature is; `None` where it holds more than one can.
fn sample(feature: &Json, arrival: Timestamp) -> Result<Option<Sample>, Fault> {
    let feature = geometry::object(feature, "a feature")?;
    if geometry::type_of(feature)? != "Feature" {
        return Err(Fault::field("type", "Feature", &geometry::shown(feature.get("type"))));
    }
    let place = match feature.get("geometry") {
        Some(Json::Object(place)) => {
            geometry::check(place, 0)?;
            Some(place)
        }
        Some(Json::Null) => None,
        other => return Err(Fault::field("geometry", "one or null", &geometry::shown(other))),
    };
    let empty = Map::new();
    let properties = match feature.get("properties") {
        Some(Json::Object(properties)) => properties,
        Some(Json::Null) => &empty,
        other => {
            return Err(Fault::field("properties", "an object or null", &geometry::shown(other)));
        }
    };
    let Some(position) = place.and_then(geometry::point) else { return Ok(None) };
    let members = feature.keys().all(|member| FEATURE_MEMBERS.contains(&member.as_str()));
    let plain = properties.values().all(|value| !value.is_array() && !value.is_object());
    if !members || !plain {
        return Ok(None);
    }
    let mut values = Values::new();
    for (name, unit, number) in position.coordinates() {
        let coordinate = Value::Float(number);
        let written = properties.get(name).filter(|written| !written.is_null());
        if written.is_some_and(|written| value(written) != coordinate) {
            // A sample has each transducer once: one of the two would be lost.
            return Ok(None);
        }
        values.push(name, unit, coordinate)?;
    }
    let said = |of: &Map<String, Json>| of.get("id").filter(|id| !id.is_null()).map(value);
    match (said(feature), said(properties)) {
        // One of the two would be lost.
        (Some(id), Some(property)) if id != property => return Ok(None),
        (Some(id), None) => values.push("id", "", id)?,
        (Some(_) | None, Some(_)) | (None, None) => {}
    }
    let timed = TIME_PROPERTIES.into_iter().find(|name| properties.contains_key(*name));
    let time = match timed.and_then(|name| properties.get(name)) {
        None | Some(Json::Null) => arrival,
        Some(written) => time(written)?,
    };
    let is_other = |name: &str| {
        Some(name) != timed && position.coordinates().all(|(coordinate, ..)| coordinate != name)
    };
    let others = properties.iter().filter(|(name, _)| is_other(name.as_str()));
    for (name, written) in others.filter(|(_, written)| !written.is_null()) {
        values.push(name, "", value(written))?;
    }
    Ok(Some(values.into_sample(time)))
}

/// A plain value; whole numbers stay numbers like the others unless a double cannot hold them.
fn value(json: &Json) -> Value {
    match json {
        Json::Bool(truth) => Value::Boolean(*truth),
        Json::String(text) => Value::Text(text.clone()),
        Json::Number(number) => {
            let large = |whole: &i64| whole.unsigned_abs() > EXACT_INTEGER_MAX;
            match (number.as_i64().filter(large), number.as_f64()) {
                (Some(whole), _) => Value::Integer(whole),
                (None, Some(number)) => Value::Float(number),
                (None, None) => Value::Text(number.to_string()),
            }
        }
        Json::Null | Json::Array(_) | Json::Object(_) => Value::Text(json.to_string()),
    }
}

fn time(json: &Json) -> Result<Timestamp, Fault> {
    let fault = || Fault::time("RFC 3339, or a number since 1970", &geometry::shown(Some(json)));
    if let Some(text) = json.as_str() {
        return Timestamp::parse_cut(text).map_err(|_not_a_time| fault());
    }
    let number = json.as_number().ok_or_else(fault)?;
    let power = match number.as_f64() {
        Some(number) if number.abs() >= MILLISECONDS_FROM => 3,
        Some(_) | None => 6,
    };
    let micros = number::floored(number.to_string().as_bytes(), power).ok_or_else(fault)?;
    Ok(Timestamp::from_micros(micros))
}

fn list<'a>(object: &'a Map<String, Json>, member: &str) -> Result<&'a [Json], Fault> {
    match object.get(member) {
        Some(Json::Array(list)) => Ok(list),
        other => Err(Fault::field(member, "a list", &geometry::shown(other))),
    }
}

#[cfg(test)]
mod tests;
