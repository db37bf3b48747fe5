//! Logs of Safecast's bGeigie: radiation counts and a position every five seconds.
//!
//! The loggers are known to write lines of garbage *with a correct checksum*, so every field is
//! also checked for what it can be. A position that the receiver itself calls void is left out:
//! the logger repeats an old one there.

use std::sync::Arc;

use jiff::civil;
use sekisho_proto::{Timestamp, Value};

use crate::{
    fault::Fault,
    format::{Format, Outcome, Refusal, filler, sentence::Sentence},
    number,
    observation::{ALTITUDE, LATITUDE, LONGITUDE, Observation, Output, Values},
    stamp,
};

/// The word that names the device, such as `028`.
pub const DEVICE: &str = "device";

/// Fields of a line, the address among them.
const FIELDS: usize = 15;

/// The years in which a bGeigie can have measured: the first was built in 2011.
const YEARS: std::ops::RangeInclusive<i16> = 2011..=2099;

/// Reads bGeigie logs.
#[derive(Debug)]
pub struct Bgeigie {
    stream: Arc<str>,
    device: Arc<str>,
}

impl Default for Bgeigie {
    fn default() -> Self {
        Self { stream: "".into(), device: DEVICE.into() }
    }
}

impl Format for Bgeigie {
    fn read(
        &mut self,
        line: &[u8],
        _arrival: Timestamp,
        output: &mut Output<'_>,
    ) -> Result<Outcome, Refusal> {
        if let Some(skip) = filler(line, b"#") {
            return Ok(Outcome::Skipped(skip));
        }
        let sentence = Sentence::parse(line)?;
        let address = sentence.address();
        if !matches!(address, "BMRDD" | "BNRDD" | "BGRDD") {
            let wanted = "BMRDD, BNRDD or BGRDD";
            return Err(Fault::field("address", wanted, address.as_bytes()).into());
        }
        if sentence.len() != FIELDS {
            return Err(Fault::FieldCount { wanted: FIELDS, found: sentence.len() }.into());
        }
        let device = sentence.field(1);
        if device.is_empty() || !device.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Fault::field("device", "letters and digits", device.as_bytes()).into());
        }
        let time = time(sentence.field(2))?;
        let values = values(&sentence)?;
        output.tally.kind(address);
        output.observations.push(Observation {
            stream: Arc::clone(&self.stream),
            labels: vec![(Arc::clone(&self.device), device.into())],
            sample: values.into_sample(time),
        });
        Ok(Outcome::Read)
    }
}

fn values(sentence: &Sentence<'_>) -> Result<Values, Fault> {
    let mut values = Values::new();
    values.push("cpm", "/min", Value::Integer(count(sentence, 3, "counts per minute")?))?;
    values.push("counts_5s", "1", Value::Integer(count(sentence, 4, "counts in 5 s")?))?;
    values.push("counts_total", "1", Value::Integer(count(sentence, 5, "total counts")?))?;
    let radiation = flag(sentence, 6, "radiation flag")?;
    values.push("radiation_valid", "", Value::Boolean(radiation))?;
    let (latitude, longitude) =
        sentence.position(7)?.ok_or_else(|| Fault::field("latitude", "ddmm.mmmm", b""))?;
    let altitude = sentence.float(11, "altitude")?;
    let fix = flag(sentence, 12, "GPS flag")?;
    values.push("fix_valid", "", Value::Boolean(fix))?;
    if fix {
        values.push(LATITUDE, "deg", Value::Float(latitude))?;
        values.push(LONGITUDE, "deg", Value::Float(longitude))?;
        values.float(ALTITUDE, "m", altitude)?;
    }
    values.float("dop", "1", sentence.float(13, "dilution")?)?;
    values.push("fix_quality", "1", Value::Integer(count(sentence, 14, "fix quality")?))?;
    Ok(values)
}

/// `yyyy-mm-ddThh:mm:ssZ` and nothing else.
fn time(text: &str) -> Result<Timestamp, Fault> {
    let fault = || Fault::time("yyyy-mm-ddThh:mm:ssZ from 2011 on", text.as_bytes());
    let shape = text.bytes().zip(b"dddd-dd-ddTdd:dd:ddZ").all(|(byte, shape)| match shape {
        b'd' => byte.is_ascii_digit(),
        _ => byte == *shape,
    });
    if !shape || text.len() != 20 {
        return Err(fault());
    }
    let civil: Option<civil::DateTime> = text.strip_suffix('Z').and_then(|text| text.parse().ok());
    let civil = civil.filter(|civil| YEARS.contains(&civil.year())).ok_or_else(fault)?;
    stamp::utc(civil).ok_or_else(fault)
}

fn count(sentence: &Sentence<'_>, index: usize, name: &str) -> Result<i64, Fault> {
    let text = sentence.field(index).as_bytes();
    number::integer(text)
        .filter(|count| *count >= 0)
        .ok_or_else(|| Fault::field(name, "a count", text))
}

fn flag(sentence: &Sentence<'_>, index: usize, name: &str) -> Result<bool, Fault> {
    match sentence.field(index) {
        "A" => Ok(true),
        "V" => Ok(false),
        other => Err(Fault::field(name, "A or V", other.as_bytes())),
    }
}

#[cfg(test)]
mod tests;
