//! What must hold for any bytes that a sensor, a receiver or a recording gives. The fuzz targets run
//! these, and so does an ordinary test over the committed corpora.

use std::{path::Path, sync::OnceLock};

use sekisho_agent::{config::Config, observation::Observation};
use sekisho_proto::{SampleBatch, Timestamp};

/// One input of each format.
const CONFIG: &str = r##"
[[input]]
name = "nmea"
topic = "a/nmea"
source = { kind = "file", path = "nmea" }
format = { kind = "nmea", time = "arrival", sentences = ["RMC", "GGA", "HDT", "HDG", "MWV", "XDR"] }

[[input]]
name = "bgeigie"
topic = "a/bgeigie"
source = { kind = "file", path = "bgeigie" }
format = { kind = "bgeigie" }

[[input]]
name = "csv"
topic = "a/{bus}"
source = { kind = "file", path = "csv" }
[input.format]
kind = "csv"
comment = "#"
time = { column = "at", format = "rfc3339" }
void = { column = "ok", is = ["no"] }
value = [
    { column = "pm", name = "pm2_5", unit = "ug/m3" },
    { column = "n", name = "count", kind = "integer", missing = ["", "-1"] },
    { column = "note", name = "note", kind = "text" },
]

[[input]]
name = "tagged"
topic = "a/{stream}"
source = { kind = "file", path = "tagged" }
[input.format]
kind = "tagged"
delimiters = ",;"
marker = "$"
comment = "#"
time = { format = "relative-ms", start = "2026-01-01T00:00:00Z" }
[[input.format.record]]
tag = "SPEED"
stream = "speed"
time_head = 0
value = [{ field = 2, name = "speed", unit = "km/h" }]
[[input.format.record]]
tag = "FIX"
stream = "fix"
time_field = 1
void = { field = 3, is = ["0"] }
value = [{ field = 2, name = "latitude", unit = "deg", range = [-90, 90] }]

[[input]]
name = "jsonl"
topic = "a/{bus}"
source = { kind = "file", path = "jsonl" }
[input.format]
kind = "jsonl"
time = { pointer = "/at", format = "epoch-s" }
labels = { bus = "/vehicle/id" }
value = [
    { pointer = "/sensors/0/pm", name = "pm2_5", unit = "ug/m3", range = [0, 1000] },
    { pointer = "/n", name = "count", kind = "integer", missing = ["-1"] },
    { pointer = "/note", name = "note", kind = "text" },
    { pointer = "/open", name = "open", kind = "boolean" },
]

[[input]]
name = "senml"
topic = "a/senml"
source = { kind = "file", path = "senml" }
format = { kind = "senml", names = "local" }

[[input]]
name = "gpsd"
topic = "a/{stream}"
source = { kind = "file", path = "gpsd" }
format = { kind = "gpsd" }
"##;

/// When lines arrive.
const ARRIVAL: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// The first line names a format, the rest is what its source says: the same is read of it however
/// it is cut, and what is read can be published.
pub(crate) fn agent_format(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (name, said) = bytes.split_at(end);
    let said = said.get(1..).unwrap_or_default();
    let Ok(name) = std::str::from_utf8(name) else { return };
    let summed = with_right_sums(said);
    for said in [said, &summed] {
        let whole = read(name, said, said.len().max(1));
        for piece in [1, 7] {
            assert_eq!(read(name, said, piece), whole);
        }
        for observation in whole.iter().flatten() {
            let sample = std::slice::from_ref(&observation.sample);
            if !observation.sample.values.is_empty() {
                let batch = SampleBatch::from_samples(sample).unwrap();
                assert_eq!(SampleBatch::decode(&batch.encode()).unwrap().samples(), sample);
            }
        }
    }
}

/// How much is read of an input, of which the first line names the format.
pub(crate) fn observations(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let (name, said) = text.split_once('\n').unwrap();
    read(name, said.as_bytes(), said.len().max(1)).map_or(0, |seen| seen.len())
}

/// What an input makes of bytes that come in pieces of one size; nothing where the source is not
/// what the configuration says, or there is no such input.
fn read(name: &str, said: &[u8], piece: usize) -> Option<Vec<Observation>> {
    static INPUTS: OnceLock<Config> = OnceLock::new();
    let config = INPUTS.get_or_init(|| Config::parse(CONFIG, Path::new("")).unwrap());
    let input = config.inputs.iter().find(|input| input.name == name)?;
    let mut input = input.open().unwrap();
    let mut seen = Vec::new();
    for piece in said.chunks(piece) {
        input.feed(piece, ARRIVAL, &mut seen).ok()?;
    }
    input.finish(ARRIVAL, &mut seen).ok()?;
    Some(seen)
}

/// Sentences with the checksums that they should have, so that what is behind these is reached.
fn with_right_sums(said: &[u8]) -> Vec<u8> {
    let mut summed = Vec::new();
    for line in said.split(|byte| *byte == b'\n') {
        match (line.strip_prefix(b"$"), line.iter().rposition(|byte| *byte == b'*')) {
            (Some(_body), Some(star)) if star > 0 => {
                let sum = line[1..star].iter().fold(0, |sum, byte| sum ^ byte);
                summed.extend(&line[..star]);
                summed.extend(format!("*{sum:02X}\r").as_bytes());
            }
            _ => summed.extend(line),
        }
        summed.push(b'\n');
    }
    summed
}

/// As a configuration: what is refused names at least one key, or is no TOML.
pub(crate) fn agent_config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Config::parse(text, Path::new("")) {
        Ok(config) => {
            for input in &config.inputs {
                assert!(!input.name.is_empty());
                // What a configuration says can be used.
                input.open().unwrap();
            }
        }
        Err(refused) => assert!(!refused.to_string().is_empty()),
    }
}
