//! The properties of entities (18-088 §8.2), as JSON.

use data_encoding::BASE64;
use sekisho_proto::{Timestamp, Value};
use serde_json::{Map, Value as Json, json};

use super::{Entity, Seen, Spot, World, unit};
use crate::entity::Nav;
use crate::geometry::Point;
use crate::id::Quantity;

const GEOJSON: &str = "application/geo+json";
const OBSERVATION_TYPES: &str = "http://www.opengis.net/def/observationType/OGC-OM/2.0/";

impl World<'_> {
    /// Every property of an entity, with its identifier and link.
    pub(crate) fn properties(&self, entity: &Entity) -> Map<String, Json> {
        let found = match entity {
            Entity::Thing(number) => self.thing(*number),
            Entity::Location(number, spot) => self.location(*number, *spot, "location"),
            Entity::HistoricalLocation(number, spot) => {
                let described = self.descriptor(*number).map(|found| found.issued);
                json!({ "time": spot.map(|spot| spot.time).or(described).map(time) })
            }
            Entity::Datastream(number, quantity) => self.datastream(*number, quantity),
            Entity::Sensor(number, quantity) => self.sensor(*number, quantity),
            Entity::ObservedProperty(name) => json!({
                "name": name.as_str(),
                "definition": format!("urn:sekisho:transducer:{}", self.id(entity)),
                "description": name.as_str(),
                "properties": {},
            }),
            Entity::Observation(number, seen) => self.observation(*number, seen),
            Entity::Feature(number, spot) => self.location(*number, *spot, "feature"),
        };
        let mut properties = match found {
            Json::Object(properties) => properties,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                Map::new()
            }
        };
        properties.insert("@iot.id".to_owned(), self.id(entity).into());
        properties.insert("@iot.selfLink".to_owned(), self.link(entity).into());
        properties
    }

    /// Where an entity is found.
    pub(crate) fn link(&self, entity: &Entity) -> String {
        format!("{}/{}('{}')", self.base, entity.kind().set(), self.id(entity))
    }

    pub(crate) fn nav_link(&self, entity: &Entity, nav: Nav) -> String {
        format!("{}/{}", self.link(entity), nav.name())
    }

    fn thing(&self, number: usize) -> Json {
        let Some(stream) = self.stream(number) else { return Json::Null };
        let topic = stream.topic.as_str();
        let mut properties = json!({
            "topic": topic,
            "organisation": stream.topic.organisation().as_str(),
        });
        if let (Some(described), Some(map)) = (stream.descriptor, properties.as_object_mut()) {
            map.insert("deviceType".to_owned(), described.device_type.clone().into());
            map.insert("class".to_owned(), described.class.name().into());
            map.insert("mobile".to_owned(), described.mobile.into());
        }
        json!({
            "name": self.title(number),
            "description": stream
                .descriptor
                .map(|found| found.device_type.as_str())
                .filter(|text| !text.is_empty())
                .unwrap_or(topic),
            "properties": properties,
        })
    }

    fn title(&self, number: usize) -> &str {
        let titled = self.descriptor(number).map(|found| found.title.as_str());
        let topic = self.stream(number).map_or("", |stream| stream.topic.as_str());
        titled.filter(|title| !title.is_empty()).unwrap_or(topic)
    }

    fn location(&self, number: usize, spot: Option<Spot>, field: &str) -> Json {
        let point = self.point(number, spot).map(geometry);
        let place = match (field, point) {
            // What nobody knows the place of is a feature without one (RFC 7946 §3.2).
            ("feature", None) => json!({ "type": "Feature", "geometry": null, "properties": {} }),
            (_, point) => json!(point),
        };
        let description = match spot {
            Some(spot) => format!("{} at {}", self.title(number), spot.time),
            None => format!("{} as its owner describes it", self.title(number)),
        };
        json!({
            "name": self.title(number),
            "description": description,
            "encodingType": GEOJSON,
            field: place,
            "properties": {},
        })
    }

    fn datastream(&self, number: usize, quantity: &Quantity) -> Json {
        let Some(stream) = self.stream(number) else { return Json::Null };
        let described = self.transducer(number, &quantity.transducer);
        let own_unit = quantity.unit.as_ref();
        let code = own_unit.or(described.map(|found| &found.unit)).map_or("", |unit| unit.as_str());
        let name = quantity.transducer.as_str();
        let title = described.map(|found| found.title.as_str()).filter(|title| !title.is_empty());
        let kind = if code.is_empty() { "OM_Observation" } else { "OM_Measurement" };
        let mut properties = json!({
            "topic": stream.topic.as_str(),
            "transducer": name,
            "sealed": stream.is_sealed(),
        });
        if let (Some(found), Some(map)) = (described, properties.as_object_mut()) {
            let numbers = [
                ("minimum", &found.minimum),
                ("maximum", &found.maximum),
                ("resolution", &found.resolution),
                ("accuracy", &found.accuracy),
            ];
            for (name, text) in numbers {
                if let Ok(number) = text.parse::<f64>() {
                    map.insert(name.to_owned(), number.into());
                }
            }
        }
        let mut found = json!({
            "name": format!("{} {name}", self.title(number)),
            "description": title.unwrap_or(name),
            "observationType": format!("{OBSERVATION_TYPES}{kind}"),
            "unitOfMeasurement": unit::of_measurement(code),
            "properties": properties,
        });
        let stays = self.descriptor(number).is_some_and(|found| !found.mobile);
        if let (true, Some(point), Some(map)) =
            (stays, self.point(number, None), found.as_object_mut())
        {
            map.insert("observedArea".to_owned(), geometry(point));
        }
        found
    }

    fn sensor(&self, number: usize, quantity: &Quantity) -> Json {
        let kind = self.descriptor(number).map_or("", |found| found.device_type.as_str());
        let kind = if kind.is_empty() { "device" } else { kind };
        let described = self.transducer(number, &quantity.transducer);
        let metadata = described.map_or(Json::Null, |found| {
            json!({
                "range": [found.minimum, found.maximum],
                "resolution": found.resolution,
                "accuracy": found.accuracy,
            })
        });
        json!({
            "name": format!("{kind} {}", quantity.transducer),
            "description": format!("measures {} of {}", quantity.transducer, self.title(number)),
            "encodingType": "application/json",
            "metadata": metadata,
            "properties": {},
        })
    }

    fn observation(&self, number: usize, seen: &Seen) -> Json {
        let topic = self.stream(number).map(|stream| stream.topic.as_str().to_owned());
        json!({
            "phenomenonTime": time(seen.time),
            "resultTime": time(seen.made),
            "result": result(&seen.value),
            "parameters": {
                "topic": topic,
                "publisher": seen.publisher,
                "attestedBy": seen.attester,
            },
        })
    }
}

/// A value as JSON. What JSON cannot say of a number is null.
pub(crate) fn result(value: &Value) -> Json {
    match value {
        Value::Float(number) => json!(number),
        Value::Integer(whole) => json!(whole),
        Value::Text(text) => json!(text),
        Value::Boolean(truth) => json!(truth),
        Value::Blob(bytes) => json!(BASE64.encode(bytes)),
    }
}

fn time(time: Timestamp) -> String {
    time.to_string()
}

fn geometry(point: Point) -> Json {
    let (east, north) = point.degrees();
    json!({ "type": "Point", "coordinates": [east, north] })
}
