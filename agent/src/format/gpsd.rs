//! gpsd's JSON protocol: fixes (`TPV`) and the sky (`SKY`).

use std::sync::Arc;

use sekisho_proto::Timestamp;
use serde_json::Value as Json;

use crate::{
    fault::Fault,
    format::{Format, Outcome, Refusal, filler, jsonl},
    observation::{ALTITUDE, LATITUDE, LONGITUDE, Observation, Output, Values},
    stamp::TimeFormat,
    tally::Skip,
};

/// What gpsd is told once it is connected, so that it reports.
pub const WATCH: &[u8] = b"?WATCH={\"enable\":true,\"json\":true}\n";

/// The word that names the receiver, such as `/dev/ttyUSB0`; `-` where gpsd does not say.
pub const RECEIVER: &str = "receiver";

/// The least `mode` of a fix with a position; below it gpsd has none.
const MODE_2D: i64 = 2;

/// Numbers of a `TPV` report, with the names and units under which they are given out.
const FIX: [(&str, &str, &str); 9] = [
    ("lat", LATITUDE, "deg"),
    ("lon", LONGITUDE, "deg"),
    ("speed", "speed", "m/s"),
    ("track", "course", "deg"),
    ("climb", "climb", "m/s"),
    ("epx", "longitude_error", "m"),
    ("epy", "latitude_error", "m"),
    ("epv", "altitude_error", "m"),
    ("eps", "speed_error", "m/s"),
];

/// Heights of a `TPV` report, the best first.
const HEIGHTS: [&str; 3] = ["altMSL", "alt", "altHAE"];

/// Dilutions of a `SKY` report.
const DILUTIONS: [&str; 6] = ["xdop", "ydop", "vdop", "tdop", "hdop", "pdop"];

/// Reads gpsd's reports.
#[derive(Debug)]
pub struct Gpsd {
    fix: Arc<str>,
    sky: Arc<str>,
    receiver: Arc<str>,
    last: Option<Timestamp>,
}

impl Default for Gpsd {
    fn default() -> Self {
        Self { fix: "tpv".into(), sky: "sky".into(), receiver: RECEIVER.into(), last: None }
    }
}

impl Gpsd {
    fn fix(&mut self, json: &Json) -> Result<Result<(Timestamp, Values), Skip>, Fault> {
        let time = time(json)?;
        self.last = time.or(self.last);
        let mode = json.get("mode").and_then(Json::as_i64);
        if mode.unwrap_or(0) < MODE_2D {
            return Ok(Err(Skip::Void));
        }
        let Some(time) = time else { return Ok(Err(Skip::Undated)) };
        let mut values = Values::new();
        values.integer("fix_mode", "1", mode)?;
        for (key, name, unit) in FIX {
            values.float(name, unit, number(json, key)?)?;
        }
        for key in HEIGHTS {
            let height = number(json, key)?;
            if height.is_some() {
                values.float(ALTITUDE, "m", height)?;
                break;
            }
        }
        Ok(Ok((time, values)))
    }

    fn sky(&self, json: &Json) -> Result<Result<(Timestamp, Values), Skip>, Fault> {
        let Some(time) = time(json)?.or(self.last) else { return Ok(Err(Skip::Undated)) };
        let mut values = Values::new();
        for key in DILUTIONS {
            values.float(key, "1", number(json, key)?)?;
        }
        let seen = json.get("nSat").and_then(Json::as_i64);
        values.integer("satellites_in_view", "1", seen)?;
        let used = json.get("uSat").and_then(Json::as_i64);
        values.integer("satellites_used", "1", used)?;
        Ok(if values.is_empty() { Err(Skip::Empty) } else { Ok((time, values)) })
    }
}

impl Format for Gpsd {
    fn read(
        &mut self,
        line: &[u8],
        _arrival: Timestamp,
        output: &mut Output<'_>,
    ) -> Result<Outcome, Refusal> {
        if let Some(skip) = filler(line, b"") {
            return Ok(Outcome::Skipped(skip));
        }
        let json = jsonl::parse(line)?;
        let Some(class) = json.get("class").and_then(Json::as_str) else {
            return Err(Fault::malformed("a report with its class", line).into());
        };
        let (stream, read) = match class {
            "TPV" => (Arc::clone(&self.fix), self.fix(&json)?),
            "SKY" => (Arc::clone(&self.sky), self.sky(&json)?),
            _ => (Arc::clone(&self.sky), Err(Skip::Unread)),
        };
        output.tally.kind(class);
        let (time, values) = match read {
            Ok(sample) => sample,
            Err(skip) => return Ok(Outcome::Skipped(skip)),
        };
        let receiver = json.get("device").and_then(Json::as_str).unwrap_or("-");
        output.observations.push(Observation {
            stream,
            labels: vec![(Arc::clone(&self.receiver), receiver.into())],
            sample: values.into_sample(time),
        });
        Ok(Outcome::Read)
    }

    fn restart(&mut self) {
        self.last = None;
    }
}

fn time(json: &Json) -> Result<Option<Timestamp>, Fault> {
    match json.get("time") {
        None => Ok(None),
        Some(Json::String(text)) => TimeFormat::Rfc3339.parse(text.as_bytes()).map(Some),
        Some(other) => Err(Fault::time("RFC 3339", other.to_string().as_bytes())),
    }
}

fn number(json: &Json, key: &str) -> Result<Option<f64>, Fault> {
    match json.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Number(number)) => Ok(number.as_f64()),
        Some(other) => Err(Fault::field(key, "a number", other.to_string().as_bytes())),
    }
}

#[cfg(test)]
mod tests;
