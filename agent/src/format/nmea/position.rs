//! Sentences of a satellite receiver. Fields are numbered as in NMEA 0183, the address being 0.

use sekisho_proto::Value;

use crate::{
    fault::Fault,
    format::{
        nmea::{
            Content,
            calendar::{Calendar, TimeOfDay, date},
        },
        sentence::Sentence,
    },
    observation::{ALTITUDE, LATITUDE, LONGITUDE, Values},
    tally::Skip,
};

/// Knots.
const KNOTS: &str = "[kn_i]";

/// Recommended minimum: time, status, position, speed, course, date, variation.
pub(super) fn rmc(sentence: &Sentence<'_>, calendar: &mut Calendar) -> Result<Content, Fault> {
    let time = TimeOfDay::parse(sentence, 1)?;
    let written = sentence.field(9);
    let date = match (written.get(..2), written.get(2..4), written.get(4..)) {
        (Some(day), Some(month), Some(year)) if !year.is_empty() => date(day, month, year),
        _ => None,
    };
    match sentence.field(2) {
        "A" => {}
        "V" => {
            if let (Some(time), Some(date)) = (time, date) {
                calendar.drift(time.on(date)?);
            }
            return Ok(Content::Skipped(Skip::Void));
        }
        other => return Err(Fault::field("status", "A or V", other.as_bytes())),
    }
    let time = time.ok_or_else(|| Fault::time("hhmmss", b""))?;
    let date = date.ok_or_else(|| Fault::field("date", "ddmmyy", written.as_bytes()))?;
    let mut values = located(sentence, 3)?;
    values.float("speed", KNOTS, sentence.float(7, "speed")?)?;
    values.float("course", "deg", sentence.float(8, "course")?)?;
    let variation = sentence.signed(10, "variation", ["E", "W"])?;
    values.float("magnetic_variation", "deg", variation)?;
    let stamp = calendar.set(time.on(date)?)?;
    Ok(Content::Values(Some(stamp), values))
}

/// Fix data: time, position, quality, satellites, dilution, altitude, geoid.
pub(super) fn gga(sentence: &Sentence<'_>, calendar: &mut Calendar) -> Result<Content, Fault> {
    let quality = sentence.integer(6, "quality")?;
    if quality.unwrap_or(0) == 0 {
        return Ok(Content::Skipped(Skip::Void));
    }
    let mut values = located(sentence, 2)?;
    values.integer("fix_quality", "1", quality)?;
    values.integer("satellites_used", "1", sentence.integer(7, "satellites")?)?;
    values.float("hdop", "1", sentence.float(8, "hdop")?)?;
    values.float(ALTITUDE, "m", sentence.float(9, "altitude")?)?;
    values.float("geoid_separation", "m", sentence.float(11, "geoid separation")?)?;
    dated(sentence, 1, calendar, values)
}

/// Position with time and status.
pub(super) fn gll(sentence: &Sentence<'_>, calendar: &mut Calendar) -> Result<Content, Fault> {
    match sentence.field(6) {
        "A" => dated(sentence, 5, calendar, located(sentence, 1)?),
        "V" => Ok(Content::Skipped(Skip::Void)),
        other => Err(Fault::field("status", "A or V", other.as_bytes())),
    }
}

/// Time and date; no sample of its own.
pub(super) fn zda(sentence: &Sentence<'_>, calendar: &mut Calendar) -> Result<Content, Fault> {
    let Some(time) = TimeOfDay::parse(sentence, 1)? else {
        return Ok(Content::Skipped(Skip::Void));
    };
    let [day, month, year] = [2, 3, 4].map(|index| sentence.field(index));
    let date = date(day, month, year).filter(|_| year.len() == 4);
    let found = || format!("{day},{month},{year}");
    let date = date.ok_or_else(|| Fault::field("date", "dd,mm,yyyy", found().as_bytes()))?;
    calendar.set(time.on(date)?)?;
    Ok(Content::Nothing)
}

/// Course and speed over ground.
pub(super) fn vtg(sentence: &Sentence<'_>) -> Result<Content, Fault> {
    let mut values = Values::new();
    values.float("course", "deg", sentence.float(1, "course")?)?;
    values.float("course_magnetic", "deg", sentence.float(3, "magnetic course")?)?;
    match sentence.float(5, "speed")? {
        Some(knots) => values.float("speed", KNOTS, Some(knots))?,
        None => values.float("speed", "km/h", sentence.float(7, "speed")?)?,
    }
    Ok(Content::Values(None, values))
}

/// Fix mode, satellites used, dilution of precision.
pub(super) fn gsa(sentence: &Sentence<'_>) -> Result<Content, Fault> {
    let mut values = Values::new();
    values.integer("fix_mode", "1", sentence.integer(2, "fix mode")?)?;
    let used = (3..15).filter(|index| !sentence.field(*index).is_empty()).count();
    values.push("satellites_used", "1", Value::Integer(i64::try_from(used).unwrap_or_default()))?;
    values.float("pdop", "1", sentence.float(15, "pdop")?)?;
    values.float("hdop", "1", sentence.float(16, "hdop")?)?;
    values.float("vdop", "1", sentence.float(17, "vdop")?)?;
    Ok(Content::Values(None, values))
}

/// Satellites in view: how many, from the first sentence of a group.
pub(super) fn gsv(sentence: &Sentence<'_>) -> Result<Content, Fault> {
    let number = sentence.integer(2, "sentence number")?;
    let mut values = Values::new();
    values.integer("satellites_in_view", "1", sentence.integer(3, "satellites")?)?;
    Ok(if number == Some(1) { Content::Values(None, values) } else { Content::Nothing })
}

fn located(sentence: &Sentence<'_>, index: usize) -> Result<Values, Fault> {
    let (latitude, longitude) = sentence
        .position(index)?
        .ok_or_else(|| Fault::field("latitude", "a position, as there is a fix", b""))?;
    let mut values = Values::new();
    values.push(LATITUDE, "deg", Value::Float(latitude))?;
    values.push(LONGITUDE, "deg", Value::Float(longitude))?;
    Ok(values)
}

fn dated(
    sentence: &Sentence<'_>,
    index: usize,
    calendar: &mut Calendar,
    values: Values,
) -> Result<Content, Fault> {
    let time = TimeOfDay::parse(sentence, index)?.ok_or_else(|| Fault::time("hhmmss", b""))?;
    Ok(Content::Values(calendar.complete(time)?, values))
}
