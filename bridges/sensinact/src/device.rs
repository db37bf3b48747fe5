//! The last value of each resource of each device, and what is published when a sample comes: pure.
//!
//! Each device has one topic at the MQTT broker, and its message holds the last value of all its
//! resources, so that whoever comes later and reads what is retained misses none. What comes out of
//! order is published too, for those who keep a history, and not retained.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sekisho_proto::{PrincipalName, Sample, Timestamp, Topic, Value};
use serde::{Deserialize, Serialize};

use crate::name;
use crate::record::{Reading, Record, Unfit};
use crate::tally::{Tally, Why};

/// Resources of one device; beyond it no new one is kept.
pub const RESOURCES_MAX: usize = 512;
/// Bytes of one device's message, about; a node's MQTT listener takes a mebibyte.
const MESSAGE_BYTES_MAX: usize = 768 * 1024;
/// What a record takes beside its value, bytes, about.
const RECORD_BYTES: usize = 768;
/// sensiNact takes fewer milliseconds for seconds: 1973-03-03.
const TIME_MS_MIN: i64 = 100_000_000_000;
const LATITUDES: [&str; 2] = ["latitude", "lat"];
const LONGITUDES: [&str; 4] = ["longitude", "lon", "lng", "long"];

/// How topics become devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Levels of a topic that name its device.
    pub levels: usize,
    /// After this long between measuring and reaching home a sample is late.
    pub late_after: Duration,
    /// Devices; beyond it no new one is kept.
    pub devices_max: usize,
}

/// What the owner of a topic says about it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Description {
    /// What people call it.
    pub title: Option<String>,
    /// Where it stands, degrees north and east.
    pub place: Option<(f64, f64)>,
}

/// Whose samples these are.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// On which topic.
    pub topic: &'a Topic,
    /// Who published them.
    pub publisher: &'a PrincipalName,
    /// The node that signed in its place.
    pub attester: Option<&'a PrincipalName>,
    /// When their home received them.
    pub received: Timestamp,
    /// What the owner says.
    pub description: &'a Description,
}

/// What is to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// The device.
    pub provider: String,
    /// The message.
    pub payload: Vec<u8>,
    /// Whether it is the last word on the device.
    pub retain: bool,
}

/// The payload of a device's topic, and what is kept of it between two runs.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    records: Vec<Record>,
}

#[derive(Debug, Default)]
struct Device {
    records: BTreeMap<(String, String), Record>,
}

/// Every device that was heard of.
#[derive(Debug)]
pub struct Devices {
    rules: Rules,
    devices: BTreeMap<String, Device>,
    changed: BTreeSet<String>,
}

impl Devices {
    /// None yet.
    #[must_use]
    pub const fn new(rules: Rules) -> Self {
        Self { rules, devices: BTreeMap::new(), changed: BTreeSet::new() }
    }

    /// Takes up a device as an earlier run left it; false where that is unreadable.
    pub fn restore(&mut self, provider: &str, payload: &[u8]) -> bool {
        let Ok(told) = serde_json::from_slice::<Told>(payload) else { return false };
        let keyed =
            told.records.into_iter().map(|one| ((one.service.clone(), one.resource.clone()), one));
        self.devices.insert(provider.to_owned(), Device { records: keyed.collect() });
        true
    }

    /// The devices that changed since this was asked, as they are to be kept.
    pub fn take_changed(&mut self) -> Vec<(String, Vec<u8>)> {
        let changed = std::mem::take(&mut self.changed);
        let kept = changed.into_iter().filter_map(|provider| {
            let payload = self.devices.get(&provider)?.payload();
            Some((provider, payload))
        });
        kept.collect()
    }

    /// Every device.
    pub fn providers(&self) -> impl Iterator<Item = &String> {
        self.devices.keys()
    }

    /// What is retained of a device; of one without values nothing, which is how MQTT clears it.
    #[must_use]
    pub fn retained(&self, provider: &str) -> Option<Publication> {
        let device = self.devices.get(provider)?;
        let payload = if device.records.is_empty() { Vec::new() } else { device.payload() };
        Some(Publication { provider: provider.to_owned(), payload, retain: true })
    }

    /// The topics that a device's values are of.
    #[must_use]
    pub fn topics(&self, provider: &str) -> Vec<Topic> {
        let records = self.devices.get(provider).into_iter().flat_map(|one| one.records.values());
        let named: BTreeSet<&str> = records.map(|record| record.topic.as_str()).collect();
        named.into_iter().filter_map(|topic| topic.parse().ok()).collect()
    }

    /// Lets go of what came of a topic; what is to be published where there was any.
    pub fn forget(&mut self, topic: &Topic) -> Option<Publication> {
        let (provider, _service) = name::of_topic(topic, self.rules.levels);
        let device = self.devices.get_mut(&provider)?;
        let before = device.records.len();
        device.records.retain(|_key, record| record.topic != topic.as_str());
        if device.records.len() == before {
            return None;
        }
        self.changed.insert(provider.clone());
        self.retained(&provider)
    }

    /// Takes in a sample; what is to be published of it, and counts what is not.
    pub fn take(
        &mut self,
        origin: Origin<'_>,
        sample: &Sample,
        tally: &mut Tally,
    ) -> Vec<Publication> {
        tally.samples = tally.samples.saturating_add(1);
        let ts = sample.time.as_micros().div_euclid(1_000);
        if ts < TIME_MS_MIN {
            tally.leave_out(Why::Untimed);
            return Vec::new();
        }
        let late = origin.received.saturating_since(sample.time) > self.rules.late_after;
        if late {
            tally.late = tally.late.saturating_add(1);
        }
        let (provider, service) = name::of_topic(origin.topic, self.rules.levels);
        let is_full = self.devices.len() >= self.rules.devices_max;
        if is_full && !self.devices.contains_key(&provider) {
            tally.leave_out(Why::TooMany);
            return Vec::new();
        }
        let device = self.devices.entry(provider.clone()).or_default();
        let place = place(sample).or(origin.description.place).or_else(|| device.place());
        let title = origin.description.title.clone().filter(|title| !title.is_empty());
        let record = Record {
            provider: provider.clone(),
            name: title.unwrap_or_else(|| device.name(&origin)),
            service,
            resource: String::new(),
            value: Reading::Boolean(false),
            ts,
            unit: String::new(),
            lat: None,
            lon: None,
            location: None,
            topic: origin.topic.to_string(),
            publisher: origin.publisher.to_string(),
            attested: origin.attester.map(ToString::to_string).unwrap_or_default(),
            late,
        };
        let (mut has_news, mut past) = (false, Vec::new());
        for value in &sample.values {
            let resource = name::of_transducer(&value.transducer);
            let mut record = Record { resource, unit: value.unit.to_string(), ..record.clone() };
            record.put_place(place);
            record.value = match Reading::of(&value.value) {
                Ok(reading) => reading,
                Err(unfit) => {
                    tally.leave_out(match unfit {
                        Unfit::NotFinite => Why::NotFinite,
                        Unfit::Oversized => Why::Oversized,
                    });
                    continue;
                }
            };
            match device.put(record) {
                Ok(None) => has_news = true,
                Ok(Some(older)) => past.push(*older),
                Err(why) => tally.leave_out(why),
            }
        }
        let mut publications = Vec::new();
        if !past.is_empty() {
            let payload = json(&past);
            publications.push(Publication { provider: provider.clone(), payload, retain: false });
        }
        if has_news {
            let payload = device.payload();
            self.changed.insert(provider.clone());
            publications.push(Publication { provider, payload, retain: true });
        }
        publications
    }
}

impl Device {
    /// Keeps a record, or gives back one that is older than what is kept.
    fn put(&mut self, record: Record) -> Result<Option<Box<Record>>, Why> {
        let key = (record.service.clone(), record.resource.clone());
        match self.records.get(&key) {
            Some(kept) if !kept.value.is_like(&record.value) => return Err(Why::Retyped),
            Some(kept) if kept.ts > record.ts => return Ok(Some(Box::new(record))),
            None if self.records.len() >= RESOURCES_MAX => return Err(Why::TooMany),
            Some(_) | None => {}
        }
        let others = self.records.iter().filter(|(other, _)| **other != key);
        let bytes: usize = others.map(|(_, kept)| size(kept)).sum();
        if bytes.saturating_add(size(&record)) > MESSAGE_BYTES_MAX {
            return Err(Why::TooMany);
        }
        self.records.insert(key, record);
        Ok(None)
    }

    /// The message of the device's topic: the newest last, since sensiNact takes them in this order.
    fn payload(&self) -> Vec<u8> {
        let mut records: Vec<&Record> = self.records.values().collect();
        records.sort_by_key(|record| record.ts);
        json(&records)
    }

    fn newest(&self) -> Option<&Record> {
        self.records.values().max_by_key(|record| record.ts)
    }

    /// Where the device was last.
    fn place(&self) -> Option<(f64, f64)> {
        self.newest().and_then(Record::place)
    }

    fn name(&self, origin: &Origin<'_>) -> String {
        self.newest().map_or_else(|| origin.topic.to_string(), |record| record.name.clone())
    }
}

/// What a record takes in a message, bytes, about.
fn size(record: &Record) -> usize {
    let text = match &record.value {
        Reading::Text(text) => text.len(),
        Reading::Boolean(_) | Reading::Number(_) => 0,
    };
    text.saturating_add(RECORD_BYTES)
}

/// Where a sample says it was taken.
fn place(sample: &Sample) -> Option<(f64, f64)> {
    let find = |names: &[&str], most: f64| {
        let named = |value: &&sekisho_proto::SampleValue| {
            names.iter().any(|name| value.transducer.as_str().eq_ignore_ascii_case(name))
        };
        let degrees = match sample.values.iter().find(named)?.value {
            Value::Float(degrees) => degrees,
            #[expect(clippy::cast_precision_loss, reason = "degrees are small")]
            Value::Integer(degrees) => degrees as f64,
            Value::Text(_) | Value::Boolean(_) | Value::Blob(_) => return None,
        };
        (degrees.abs() <= most).then_some(degrees)
    };
    Some((find(&LATITUDES, 90.0)?, find(&LONGITUDES, 180.0)?))
}

fn json<T: Serialize>(records: &[T]) -> Vec<u8> {
    // Strings and finite numbers: there is nothing that JSON cannot write.
    let told = serde_json::json!({ "records": records });
    told.to_string().into_bytes()
}

#[cfg(test)]
mod tests;
