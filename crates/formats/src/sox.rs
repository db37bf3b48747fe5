//! SOX, Sensor-Over-XMPP, as SOXFire's sensors write it: what a `_data` node publishes are samples,
//! what a `_meta` node publishes describes the device.
//!
//! Stanzas around them may stay. Libraries of SOX differ in upper and lower case and in how one
//! attribute is spelled; what they write is read alike.

use std::collections::HashMap;

use sekisho_proto::{Sample, Timestamp, Value, limits};

use crate::{Fault, Values, number};

mod device;
mod unit;
mod xml;

pub use device::{Device, Transducer};
pub use unit::ucum;
use xml::{Element, Step, Walk};

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Sox {
    /// Readings, one sample for each time, in the order in which the times first appear.
    Data(Vec<Sample>),
    /// A device.
    Meta(Box<Device>),
}

/// Samples in the making, found by their time.
#[derive(Default)]
struct Gathering {
    samples: Vec<(Timestamp, Values)>,
    places: HashMap<Timestamp, usize>,
}

/// Reads one document.
///
/// # Errors
///
/// It is no XML of SOX, declares a type or entities of its own, nests too deep, holds neither
/// readings nor one device, or asks for actuation.
pub fn read(bytes: &[u8], arrival: Timestamp) -> Result<Sox, Fault> {
    let mut walk = Walk::new(bytes)?;
    let mut gathering = Gathering::default();
    let (mut device, mut is_data) = (None, false);
    while let Some(step) = walk.next()? {
        let Step::Open(element) = step else { continue };
        if element.is("device") {
            if device.is_some() {
                return Err(Fault::field("device", "one device", b"another"));
            }
            device = Some(Device::read(&element, &mut walk)?);
        } else if element.is("data") {
            is_data = true;
        } else if element.is("transducerValue") {
            gathering.take(&element, arrival)?;
        } else if element.is("transducerSetValue") {
            let wanted = "readings: nothing is actuated through this";
            return Err(Fault::field("transducerSetValue", wanted, b"one"));
        }
    }
    match (device, is_data || !gathering.samples.is_empty()) {
        (Some(device), false) => Ok(Sox::Meta(Box::new(device))),
        (None, true) => gathering.finish().map(Sox::Data),
        (Some(_), true) => Err(Fault::malformed("a device or data of SOX, not both", bytes)),
        (None, false) => Err(Fault::malformed("a device or data of SOX", bytes)),
    }
}

impl Gathering {
    fn take(&mut self, element: &Element, arrival: Timestamp) -> Result<(), Fault> {
        let id = required(element, "id")?;
        let typed = element.attribute(&["typedValue"]);
        let raw = element.attribute(&["rawValue"]);
        let Some(value) = typed.or(raw) else {
            return Err(Fault::field(id, "a typedValue", b"none"));
        };
        let time = match element.attribute(&["timestamp"]) {
            Some(written) => time(written)?,
            None => arrival,
        };
        let next = self.samples.len();
        let place = *self.places.entry(time).or_insert(next);
        if place == next {
            if next >= limits::SAMPLES_PER_BATCH_MAX {
                let wanted = format!("at most {} times", limits::SAMPLES_PER_BATCH_MAX);
                return Err(Fault::field("timestamp", wanted, b"more"));
            }
            self.samples.push((time, Values::new()));
        }
        let Some((_, values)) = self.samples.get_mut(place) else { return Ok(()) };
        values.push(id, "", measured(value))?;
        match raw {
            Some(raw) if raw != value => values.push(&format!("{id}.raw"), "", measured(raw)),
            Some(_) | None => Ok(()),
        }
    }

    fn finish(self) -> Result<Vec<Sample>, Fault> {
        if self.samples.is_empty() {
            return Err(Fault::field("data", "at least one transducerValue", b"none"));
        }
        Ok(self.samples.into_iter().map(|(time, values)| values.into_sample(time)).collect())
    }
}

/// A number where it is one: SOX writes every value as text and says what it is elsewhere.
fn measured(text: &str) -> Value {
    number::float(text.as_bytes()).map_or_else(|| Value::Text(text.to_owned()), Value::Float)
}

/// RFC 3339, or the same with an offset without a colon, as Java and Python write it.
fn time(text: &str) -> Result<Timestamp, Fault> {
    let fault = || Fault::time("RFC 3339, such as 2021-07-15T14:00:00+09:00", text.as_bytes());
    let text = text.trim_ascii();
    let (rest, offset) = match text.char_indices().rfind(|(_, letter)| "+-Zz".contains(*letter)) {
        Some((at, _)) if at >= "2021-07-15T00".len() => text.split_at(at),
        Some(_) | None => return Err(fault()),
    };
    let offset = match offset.split_at_checked(3) {
        Some((hours, minutes)) if minutes.len() == 2 => format!("{hours}:{minutes}"),
        Some(_) | None => offset.to_owned(),
    };
    Timestamp::parse_cut(&format!("{rest}{offset}")).map_err(|_not_a_time| fault())
}

fn required<'a>(element: &'a Element, name: &str) -> Result<&'a str, Fault> {
    let found = element.attribute(&[name]).filter(|text| !text.is_empty());
    found.ok_or_else(|| Fault::field(&element.name, format!("an attribute {name}"), b"none"))
}

#[cfg(test)]
mod tests;
