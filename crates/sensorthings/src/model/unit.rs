//! Units as SensorThings wants them: a name, a symbol and a definition for each UCUM code.

use serde_json::{Value as Json, json};

/// What UCUM writes in ASCII and people do not: code, name, symbol.
const KNOWN: [(&str, &str, &str); 24] = [
    ("%", "percent", "%"),
    ("1", "unity", "1"),
    ("Cel", "degree Celsius", "°C"),
    ("[degF]", "degree Fahrenheit", "°F"),
    ("K", "kelvin", "K"),
    ("ug/m3", "microgram per cubic metre", "µg/m³"),
    ("mg/m3", "milligram per cubic metre", "mg/m³"),
    ("m/s", "metre per second", "m/s"),
    ("m/s2", "metre per square second", "m/s²"),
    ("km/h", "kilometre per hour", "km/h"),
    ("deg", "degree", "°"),
    ("deg/s", "degree per second", "°/s"),
    ("hPa", "hectopascal", "hPa"),
    ("Pa", "pascal", "Pa"),
    ("m", "metre", "m"),
    ("s", "second", "s"),
    ("lx", "lux", "lx"),
    ("V", "volt", "V"),
    ("A", "ampere", "A"),
    ("W", "watt", "W"),
    ("uT", "microtesla", "µT"),
    ("[ppm]", "parts per million", "ppm"),
    ("[ppb]", "parts per billion", "ppb"),
    ("dB[SPL]", "decibel sound pressure", "dB"),
];

/// The unit of a datastream; nulls where it has none (18-088 table 9).
pub(super) fn of_measurement(code: &str) -> Json {
    if code.is_empty() {
        return json!({ "name": null, "symbol": null, "definition": null });
    }
    let known = KNOWN.iter().find(|(known, _, _)| *known == code);
    let (name, symbol) = known.map_or((code, code), |(_, name, symbol)| (*name, *symbol));
    json!({ "name": name, "symbol": symbol, "definition": format!("ucum:{code}") })
}
