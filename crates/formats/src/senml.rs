//! SenML (RFC 8428): packs of records that share base fields, in JSON and in CBOR. Records of one
//! time become one sample.

use sekisho_proto::{Sample, Timestamp, Value};

use crate::{Fault, Values};

mod cbor;
mod json;

pub use cbor::cbor_pack;
pub use json::json_pack;

/// RFC 8428 §4.4: the version of the format.
const VERSION: i64 = 10;

/// RFC 8428 §4.5.3: times below 2^28 seconds are relative to now.
const ABSOLUTE_FROM_US: i64 = (1 << 28) * 1_000_000;

/// What a transducer is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SenmlNames {
    /// By base name and name together, which is its name all over the world.
    #[default]
    Full,
    /// By its name alone; the base name is told beside the sample.
    Local,
}

/// A sample and the base name under which its records were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The base name; empty where there was none.
    pub base_name: String,
    /// The sample.
    pub sample: Sample,
}

/// Resolves records, one after the other.
#[derive(Debug, Default)]
pub struct Senml {
    names: SenmlNames,
    base: Base,
    groups: Vec<Group>,
}

/// What earlier records of a pack said for the later ones.
#[derive(Debug, Clone, Default)]
struct Base {
    name: String,
    time_us: i64,
    unit: String,
    value: Option<f64>,
    sum: Option<f64>,
}

/// The records of one time.
#[derive(Debug)]
struct Group {
    time: Timestamp,
    base_name: String,
    values: Values,
}

/// One record as it was written, whatever the encoding.
#[derive(Debug, Clone, Default, PartialEq)]
struct Record {
    version: Option<i64>,
    base_name: Option<String>,
    base_time_us: Option<i64>,
    base_unit: Option<String>,
    base_value: Option<f64>,
    base_sum: Option<f64>,
    name: Option<String>,
    unit: Option<String>,
    time_us: Option<i64>,
    sum: Option<f64>,
    /// The number, or what stands in its place.
    value: Option<Value>,
}

impl Senml {
    /// One that names transducers in this way.
    #[must_use]
    pub fn new(names: SenmlNames) -> Self {
        Self { names, ..Self::default() }
    }

    /// Forgets what earlier records said for later ones.
    pub fn restart(&mut self) {
        self.base = Base::default();
    }

    /// What came of the records since this was last asked, in their order.
    pub fn take_readings(&mut self) -> Vec<Reading> {
        let groups = std::mem::take(&mut self.groups);
        let read = |group: Group| Reading {
            base_name: group.base_name,
            sample: group.values.into_sample(group.time),
        };
        groups.into_iter().map(read).collect()
    }

    fn record(&mut self, record: Record, arrival: Timestamp) -> Result<(), Fault> {
        self.base.take(&record)?;
        let is_measurement = record.is_measurement();
        let own_name = record.name.unwrap_or_default();
        let full = format!("{}{own_name}", self.base.name);
        if !is_measurement {
            return Ok(());
        }
        let (value, sum) = self.base.completed((record.value, record.sum))?;
        if value.is_none() && sum.is_none() {
            return Err(Fault::field(&full, "one of v, vs, vb, vd and s", b"none"));
        }
        check_name(&full)?;
        let name = match self.names {
            SenmlNames::Full => full.as_str(),
            SenmlNames::Local if own_name.is_empty() => full.as_str(),
            SenmlNames::Local => &own_name,
        };
        let time_us = record.time_us.unwrap_or(0).checked_add(self.base.time_us);
        let time = time_us.and_then(|micros| resolve(micros, arrival)).ok_or_else(|| {
            let found =
                record.time_us.map_or_else(|| "nothing".to_owned(), |us| format!("{us} µs"));
            Fault::time("seconds since 1970, or before now", found.as_bytes())
        })?;
        let unit = record.unit.unwrap_or_else(|| self.base.unit.clone());
        let Some(group) = self.group(time) else { return Ok(()) };
        if let Some(value) = value {
            group.values.push(name, &unit, value)?;
        }
        if let Some(sum) = sum {
            group.values.push(&format!("{name}.sum"), &unit, sum)?;
        }
        Ok(())
    }

    /// The group that records of this time join: the last one, or a new one.
    fn group(&mut self, time: Timestamp) -> Option<&mut Group> {
        let (local, base_name) = (self.names == SenmlNames::Local, &self.base.name);
        let joins = |group: &Group| group.time == time && (!local || group.base_name == *base_name);
        if !self.groups.last().is_some_and(joins) {
            let base_name = self.base.name.clone();
            self.groups.push(Group { time, base_name, values: Values::new() });
        }
        self.groups.last_mut()
    }
}

impl Base {
    fn take(&mut self, record: &Record) -> Result<(), Fault> {
        match record.version {
            Some(version) if !(1..=VERSION).contains(&version) => {
                return Err(Fault::field("bver", "1 to 10", version.to_string().as_bytes()));
            }
            Some(_) | None => {}
        }
        if let Some(name) = &record.base_name {
            self.name.clone_from(name);
        }
        if let Some(unit) = &record.base_unit {
            self.unit.clone_from(unit);
        }
        self.time_us = record.base_time_us.unwrap_or(self.time_us);
        self.value = record.base_value.or(self.value);
        self.sum = record.base_sum.or(self.sum);
        Ok(())
    }

    /// A value and a sum with what is their base: of what has none, the base alone (§4.5.4).
    fn completed(
        &self,
        (value, sum): (Option<Value>, Option<f64>),
    ) -> Result<(Option<Value>, Option<Value>), Fault> {
        let value = match (value, self.value) {
            (Some(value), _) => Some(self.resolved(value)?),
            (None, base) => base.map(Value::Float),
        };
        let has_sum = sum.or(self.sum).is_some();
        let sum = has_sum.then(|| finite(sum.unwrap_or(0.0), self.sum, "s")).transpose()?;
        Ok((value, sum))
    }

    fn resolved(&self, value: Value) -> Result<Value, Fault> {
        match value {
            Value::Float(number) => finite(number, self.value, "v"),
            Value::Integer(_) | Value::Text(_) | Value::Boolean(_) | Value::Blob(_) => Ok(value),
        }
    }
}

impl Record {
    /// Whether it says more than what later records have in common.
    const fn is_measurement(&self) -> bool {
        self.value.is_some() || self.sum.is_some() || self.name.is_some()
    }

    /// Takes what stands for the value; a record has one.
    fn set_value(&mut self, value: Value) -> Result<(), Fault> {
        if self.value.replace(value).is_some() {
            let name = self.name.as_deref().unwrap_or_default();
            return Err(Fault::field(name, "one of v, vs, vb and vd", b"more"));
        }
        Ok(())
    }
}

/// RFC 8428 §4.4: a label that ends with `_` must be understood, others may be ignored.
fn check_label(label: &str) -> Result<(), Fault> {
    if label.ends_with('_') {
        return Err(Fault::field("label", "labels of RFC 8428", label.as_bytes()));
    }
    Ok(())
}

/// RFC 8428 §4.5.1: the characters of a name.
fn check_name(name: &str) -> Result<(), Fault> {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"-:./_".contains(&byte);
    if first && name.bytes().all(rest) {
        return Ok(());
    }
    let wanted = "a letter or digit, then letters, digits and -:./_";
    Err(Fault::field("name", wanted, name.as_bytes()))
}

fn resolve(time_us: i64, arrival: Timestamp) -> Option<Timestamp> {
    if time_us >= ABSOLUTE_FROM_US {
        return Some(Timestamp::from_micros(time_us));
    }
    arrival.as_micros().checked_add(time_us).map(Timestamp::from_micros)
}

/// Without a base value the number stays as it is: adding 0.0 would turn -0.0 around.
fn finite(value: f64, base: Option<f64>, key: &str) -> Result<Value, Fault> {
    let total = base.map_or(value, |base| base + value);
    if total.is_finite() {
        return Ok(Value::Float(total));
    }
    Err(Fault::field(key, "a finite number", total.to_string().as_bytes()))
}

#[cfg(test)]
mod tests;
