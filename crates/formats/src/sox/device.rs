//! What a `_meta` node of SOX says of a device, and the description of a topic that it makes.

use sekisho_proto::statement::{Location, StreamDescriptor};
use sekisho_proto::{
    StreamClass, Timestamp, Topic, TransducerName, Unit, is_invisible, limits, statement,
};

use super::xml::{Element, Step, Walk};
use super::{required, ucum};
use crate::{Fault, number};

/// A device and what it measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name for people.
    pub name: String,
    /// What kind of device it is, such as `outdoor weather`.
    pub device_type: String,
    /// What it measures.
    pub transducers: Vec<Transducer>,
    /// Where it stands: latitude and longitude, degrees times 10^7.
    pub location: Option<(i32, i32)>,
}

/// One quantity. Numbers are as written, empty where they were none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transducer {
    /// What readings call it.
    pub id: TransducerName,
    /// Its name for people.
    pub name: String,
    /// In UCUM, with the power of ten.
    pub unit: Unit,
    /// The least value.
    pub minimum: String,
    /// The greatest value.
    pub maximum: String,
    /// The smallest difference.
    pub resolution: String,
    /// The largest error.
    pub accuracy: String,
}

impl Device {
    /// Reads a device up to its end.
    pub(super) fn read(element: &Element, walk: &mut Walk<'_>) -> Result<Self, Fault> {
        let mut device = Self {
            name: text(element, &["name"]),
            device_type: text(element, &["type"]),
            transducers: Vec::new(),
            location: None,
        };
        let (mut depth, mut place) = (1_usize, Place::default());
        while depth > 0 {
            match walk.next()? {
                Some(Step::Open(inner)) => {
                    depth += 1;
                    place.open(&inner);
                    if inner.is("transducer") {
                        device.take(&inner)?;
                    }
                }
                Some(Step::Close) => {
                    depth -= 1;
                    place.wanted = None;
                }
                Some(Step::Text(text)) => place.text(&text),
                None => break,
            }
        }
        device.location = place.location()?;
        Ok(device)
    }

    fn take(&mut self, element: &Element) -> Result<(), Fault> {
        let transducer = Transducer::read(element)?;
        if self.transducers.len() >= limits::TRANSDUCERS_MAX {
            let wanted = format!("at most {} transducers", limits::TRANSDUCERS_MAX);
            return Err(Fault::field("device", wanted, b"more"));
        }
        if self.transducers.iter().any(|known| known.id == transducer.id) {
            let found = transducer.id.as_str().as_bytes();
            return Err(Fault::field("transducer", "each id once", found));
        }
        self.transducers.push(transducer);
        Ok(())
    }

    /// Whether it moves: then its position is among its readings.
    #[must_use]
    pub fn is_mobile(&self) -> bool {
        let has = |names: &[&str]| {
            let is = |transducer: &Transducer| {
                names.iter().any(|name| transducer.id.as_str().eq_ignore_ascii_case(name))
            };
            self.transducers.iter().any(is)
        };
        has(&["latitude", "lat"]) && has(&["longitude", "lon", "lng"])
    }

    /// The description of a topic that carries what it measures.
    #[must_use]
    pub fn describe(self, topic: Topic, class: StreamClass, issued: Timestamp) -> StreamDescriptor {
        let mobile = self.is_mobile();
        let location = self.location.filter(|_| !mobile);
        StreamDescriptor {
            organisation: topic.organisation().clone(),
            topic,
            device_type: self.device_type,
            title: self.name,
            class,
            mobile,
            location: location
                .map(|(latitude_e7, longitude_e7)| Location { latitude_e7, longitude_e7 }),
            retention_s: None,
            transducers: self.transducers.into_iter().map(Transducer::describe).collect(),
            issued,
        }
    }
}

impl Transducer {
    fn read(element: &Element) -> Result<Self, Fault> {
        let id = required(element, "id")?;
        let parsed = TransducerName::parse(id)
            .map_err(|error| Fault::field("transducer id", error.wanted(), id.as_bytes()))?;
        // The schema calls it unitScaler, the examples of the same document unitScalar.
        let scaler = element.attribute(&["unitScaler", "unitScalar"]).unwrap_or_default();
        let power = match number::scaled(scaler.as_bytes(), 0) {
            Some(power) if (-24..=24).contains(&power) => power,
            None if scaler.is_empty() => 0,
            Some(_) | None => {
                let wanted = "a power of ten from -24 to 24";
                return Err(Fault::field("unitScaler", wanted, scaler.as_bytes()));
            }
        };
        let written = element.attribute(&["units", "unit"]).unwrap_or_default();
        let unit = ucum(written, power);
        let unit = Unit::parse(&unit)
            .map_err(|error| Fault::field("units", error.wanted(), unit.as_bytes()))?;
        Ok(Self {
            id: parsed,
            name: text(element, &["name"]),
            unit,
            minimum: numeral(element, "minValue"),
            maximum: numeral(element, "maxValue"),
            resolution: numeral(element, "resolution"),
            accuracy: numeral(element, "accuracy"),
        })
    }

    fn describe(self) -> statement::Transducer {
        statement::Transducer {
            name: self.id,
            title: self.name,
            unit: self.unit,
            minimum: self.minimum,
            maximum: self.maximum,
            resolution: self.resolution,
            accuracy: self.accuracy,
        }
    }
}

/// What a `geoloc` (XEP-0080) says, as far as it has been read.
#[derive(Default)]
struct Place {
    wanted: Option<Axis>,
    latitude: String,
    longitude: String,
}

#[derive(Clone, Copy)]
enum Axis {
    Latitude,
    Longitude,
}

impl Place {
    fn open(&mut self, element: &Element) {
        self.wanted = if element.is("lat") {
            Some(Axis::Latitude)
        } else if element.is("lon") {
            Some(Axis::Longitude)
        } else {
            None
        };
        if element.is("geoloc") {
            self.latitude = text(element, &["lat"]);
            self.longitude = text(element, &["lon"]);
        }
    }

    fn text(&mut self, text: &str) {
        match self.wanted {
            Some(Axis::Latitude) => self.latitude.push_str(text),
            Some(Axis::Longitude) => self.longitude.push_str(text),
            None => {}
        }
    }

    fn location(&self) -> Result<Option<(i32, i32)>, Fault> {
        if self.latitude.is_empty() && self.longitude.is_empty() {
            return Ok(None);
        }
        let latitude = degrees(&self.latitude, 90)?;
        Ok(Some((latitude, degrees(&self.longitude, 180)?)))
    }
}

fn degrees(text: &str, most: i64) -> Result<i32, Fault> {
    let scaled = number::scaled(text.as_bytes(), 7);
    let scaled = scaled.filter(|scaled| scaled.unsigned_abs() <= most.unsigned_abs() * 10_000_000);
    scaled
        .and_then(|scaled| i32::try_from(scaled).ok())
        .ok_or_else(|| Fault::field("geoloc", format!("at most {most} degrees"), text.as_bytes()))
}

/// A text for people; what is longer than a description may hold is cut.
fn text(element: &Element, names: &[&str]) -> String {
    let text = element.attribute(names).unwrap_or_default();
    let mut kept = String::new();
    for letter in text.chars().filter(|letter| !is_invisible(*letter)) {
        if kept.len() + letter.len_utf8() > limits::TEXT_BYTES_MAX {
            break;
        }
        kept.push(letter);
    }
    kept
}

/// A number as it is written; nothing where it is none.
fn numeral(element: &Element, name: &str) -> String {
    let text = element.attribute(&[name]).unwrap_or_default().trim_ascii();
    let is_number = text.len() <= limits::NUMERAL_BYTES_MAX
        && text.bytes().all(|byte| b"0123456789+-.eE".contains(&byte))
        && number::float(text.as_bytes()).is_some();
    if is_number { text.to_owned() } else { String::new() }
}
