//! What RFC 7946 demands of a geometry.

use serde_json::{Map, Value as Json};

use crate::Fault;

/// How deep collections of geometries may nest; RFC 7946 §3.1.8 would have none nest at all.
const DEPTH_MAX: u32 = 4;

/// A ring ends where it begins: RFC 7946 §3.1.6.
const RING_POSITIONS_MIN: usize = 4;

/// Longitude, latitude and, if any, altitude.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Position {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
    pub(super) altitude: Option<f64>,
}

impl Position {
    /// What it says: transducer, unit and number.
    pub(super) fn coordinates(self) -> impl Iterator<Item = (&'static str, &'static str, f64)> {
        let level = [("longitude", "deg", self.longitude), ("latitude", "deg", self.latitude)];
        level.into_iter().chain(self.altitude.map(|altitude| ("altitude", "m", altitude)))
    }
}

/// Where a point is; `None` where it is no point.
pub(super) fn point(geometry: &Map<String, Json>) -> Option<Position> {
    let is_point = geometry.get("type").and_then(Json::as_str) == Some("Point");
    let alone = geometry.keys().all(|member| member == "type" || member == "coordinates");
    let coordinates = geometry.get("coordinates").filter(|_| is_point && alone)?;
    position(coordinates).ok()
}

/// Checks a geometry.
pub(super) fn check(geometry: &Map<String, Json>, depth: u32) -> Result<(), Fault> {
    let kind = type_of(geometry)?;
    if kind == "GeometryCollection" {
        if depth >= DEPTH_MAX {
            let wanted = format!("at most {DEPTH_MAX} collections within each other");
            return Err(Fault::field("geometries", wanted, b"more"));
        }
        for one in items(geometry.get("geometries"), "geometries")? {
            check(object(one, "a geometry")?, depth + 1)?;
        }
        return Ok(());
    }
    let coordinates = geometry.get("coordinates");
    match kind {
        "Point" => position(coordinates.unwrap_or(&Json::Null)).map(drop),
        "MultiPoint" => positions(coordinates, 0).map(drop),
        "LineString" => positions(coordinates, 2).map(drop),
        "MultiLineString" => each(coordinates, |line| positions(Some(line), 2).map(drop)),
        "Polygon" => each(coordinates, ring),
        "MultiPolygon" => each(coordinates, |polygon| each(Some(polygon), ring)),
        other => Err(Fault::field("type", "a type of RFC 7946", other.as_bytes())),
    }
}

fn ring(json: &Json) -> Result<(), Fault> {
    let positions = positions(Some(json), RING_POSITIONS_MIN)?;
    if positions.first() == positions.last() {
        return Ok(());
    }
    Err(Fault::field("coordinates", "a ring that ends where it begins", &shown(Some(json))))
}

fn positions(json: Option<&Json>, least: usize) -> Result<Vec<Position>, Fault> {
    let items = items(json, "coordinates")?;
    if items.len() < least {
        let wanted = format!("at least {least} positions");
        return Err(Fault::field("coordinates", wanted, items.len().to_string().as_bytes()));
    }
    items.iter().map(position).collect()
}

fn position(json: &Json) -> Result<Position, Fault> {
    let fault = || {
        let wanted =
            "longitude from -180 to 180, latitude from -90 to 90, and no more than altitude";
        Fault::field("coordinates", wanted, &shown(Some(json)))
    };
    let numbers: Option<Vec<f64>> =
        json.as_array().and_then(|numbers| numbers.iter().map(Json::as_f64).collect());
    let (longitude, latitude, altitude) = match numbers.as_deref() {
        Some([longitude, latitude]) => (*longitude, *latitude, None),
        Some([longitude, latitude, altitude]) => (*longitude, *latitude, Some(*altitude)),
        Some(_) | None => return Err(fault()),
    };
    if longitude.abs() > 180.0 || latitude.abs() > 90.0 {
        return Err(fault());
    }
    Ok(Position { longitude, latitude, altitude })
}

fn each(json: Option<&Json>, check: impl Fn(&Json) -> Result<(), Fault>) -> Result<(), Fault> {
    items(json, "coordinates")?.iter().try_for_each(check)
}

fn items<'a>(json: Option<&'a Json>, member: &str) -> Result<&'a [Json], Fault> {
    match json {
        Some(Json::Array(items)) => Ok(items),
        other => Err(Fault::field(member, "a list", &shown(other))),
    }
}

/// The object that something is.
pub(super) fn object<'a>(json: &'a Json, wanted: &str) -> Result<&'a Map<String, Json>, Fault> {
    json.as_object().ok_or_else(|| Fault::malformed(wanted, &shown(Some(json))))
}

/// What something says it is.
pub(super) fn type_of(object: &Map<String, Json>) -> Result<&str, Fault> {
    match object.get("type") {
        Some(Json::String(kind)) => Ok(kind),
        other => Err(Fault::field("type", "a type of RFC 7946", &shown(other))),
    }
}

/// For a message.
pub(super) fn shown(json: Option<&Json>) -> Vec<u8> {
    json.map_or_else(|| b"nothing".to_vec(), |json| json.to_string().into_bytes())
}
