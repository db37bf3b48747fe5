//! Sentences of compasses, sounders, wind vanes and other transducers.

use std::borrow::Cow;

use crate::{
    fault::Fault,
    format::{nmea::Content, sentence::Sentence},
    observation::Values,
    tally::Skip,
};

/// True heading.
pub(super) fn hdt(sentence: &Sentence<'_>) -> Result<Content, Fault> {
    let mut values = Values::new();
    values.float("heading", "deg", sentence.float(1, "heading")?)?;
    Ok(Content::Values(None, values))
}

/// Magnetic heading, deviation and variation, east positive.
pub(super) fn hdg(sentence: &Sentence<'_>) -> Result<Content, Fault> {
    let mut values = Values::new();
    values.float("heading_magnetic", "deg", sentence.float(1, "heading")?)?;
    let deviation = sentence.signed(2, "deviation", ["E", "W"])?;
    values.float("magnetic_deviation", "deg", deviation)?;
    let variation = sentence.signed(4, "variation", ["E", "W"])?;
    values.float("magnetic_variation", "deg", variation)?;
    Ok(Content::Values(None, values))
}

/// Heading and speed through the water.
pub(super) fn vhw(sentence: &Sentence<'_>) -> Result<Content, Fault> {
    let mut values = Values::new();
    values.float("heading", "deg", sentence.float(1, "heading")?)?;
    values.float("heading_magnetic", "deg", sentence.float(3, "magnetic heading")?)?;
    match sentence.float(5, "speed")? {
        Some(knots) => values.float("water_speed", "[kn_i]", Some(knots))?,
        None => values.float("water_speed", "km/h", sentence.float(7, "speed")?)?,
    }
    Ok(Content::Values(None, values))
}

/// Any transducers: groups of type, value, unit and name.
pub(super) fn xdr(sentence: &Sentence<'_>) -> Result<Content, Fault> {
    let fields = sentence.len() - 1;
    if fields == 0 || !fields.is_multiple_of(4) {
        return Err(Fault::FieldCount { wanted: fields.next_multiple_of(4).max(4), found: fields });
    }
    let mut values = Values::new();
    for (group, index) in (1..=fields).step_by(4).enumerate() {
        let [kind, unit, name] = [index, index + 2, index + 3].map(|at| sentence.field(at));
        let unnamed = || Cow::Owned(format!("transducer_{}", group + 1));
        let name = if name.is_empty() { unnamed() } else { Cow::Borrowed(name) };
        let value = sentence.float(index + 1, &name)?;
        values.float(&name, &xdr_unit(kind, unit), value)?;
    }
    Ok(Content::Values(None, values))
}

/// UCUM for the letters of XDR; what they do not say is kept as an annotation.
fn xdr_unit<'a>(kind: &str, unit: &'a str) -> Cow<'a, str> {
    Cow::Borrowed(match (kind, unit) {
        (_, "") => "",
        ("C", "C") => "Cel",
        ("C", "F") => "[degF]",
        ("C", "K") => "K",
        ("A", "D") => "deg",
        ("D" | "G", "M") => "m",
        ("P", "B") => "bar",
        ("P", "P") => "Pa",
        ("H", "P") => "%",
        ("F", "H") => "Hz",
        ("N", "N") => "N",
        ("I", "A") => "A",
        ("U", "V") => "V",
        ("R" | "V", "M") => "m3",
        ("T", "R") => "/min",
        ("L", "S") => "[ppth]",
        _ => return Cow::Owned(format!("{{{unit}}}")),
    })
}

/// Water temperature.
pub(super) fn mtw(sentence: &Sentence<'_>) -> Result<Content, Fault> {
    let mut values = Values::new();
    let unit = match sentence.field(2) {
        "C" => "Cel",
        "F" => "[degF]",
        other => return Err(Fault::field("unit", "C or F", other.as_bytes())),
    };
    values.float("water_temperature", unit, sentence.float(1, "temperature")?)?;
    Ok(Content::Values(None, values))
}

/// Wind angle and speed, relative to the vehicle or true.
pub(super) fn mwv(sentence: &Sentence<'_>) -> Result<Content, Fault> {
    match sentence.field(5) {
        "A" => {}
        "V" => return Ok(Content::Skipped(Skip::Void)),
        other => return Err(Fault::field("status", "A or V", other.as_bytes())),
    }
    let [angle, speed] = match sentence.field(2) {
        "R" => ["wind_angle_relative", "wind_speed_relative"],
        "T" => ["wind_angle_true", "wind_speed_true"],
        other => return Err(Fault::field("reference", "R or T", other.as_bytes())),
    };
    let unit = match sentence.field(4) {
        "N" => "[kn_i]",
        "M" => "m/s",
        "K" => "km/h",
        "S" => "[mi_i]/h",
        other => return Err(Fault::field("unit", "N, M, K or S", other.as_bytes())),
    };
    let mut values = Values::new();
    values.float(angle, "deg", sentence.float(1, "angle")?)?;
    values.float(speed, unit, sentence.float(3, "speed")?)?;
    Ok(Content::Values(None, values))
}

/// Depth below the transducer, in metres where stated.
pub(super) fn dbt(sentence: &Sentence<'_>) -> Result<Content, Fault> {
    let mut values = Values::new();
    match sentence.float(3, "depth")? {
        Some(metres) => values.float("depth_below_transducer", "m", Some(metres))?,
        None => {
            let feet = sentence.float(1, "depth")?;
            values.float("depth_below_transducer", "[ft_i]", feet)?;
        }
    }
    Ok(Content::Values(None, values))
}

/// Depth and the offset of the transducer: positive to the waterline, negative to the keel.
pub(super) fn dpt(sentence: &Sentence<'_>) -> Result<Content, Fault> {
    let mut values = Values::new();
    values.float("depth", "m", sentence.float(1, "depth")?)?;
    values.float("depth_offset", "m", sentence.float(2, "offset")?)?;
    Ok(Content::Values(None, values))
}
