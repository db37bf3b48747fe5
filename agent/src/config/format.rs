//! The `format` table of an input.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::tz::TimeZone;
use sekisho_proto::{Timestamp, TransducerName, Unit};

use crate::{
    config::{FormatConfig, check::choice, section::Section},
    format::{
        bgeigie::DEVICE,
        column::{Column, Kind, Void},
        csv::CsvMapping,
        gpsd::RECEIVER,
        jsonl::JsonMapping,
        nmea::{NmeaTime, TALKER, TYPES},
        senml::{BASE_NAME, SenmlNames},
        tagged::{Place, TaggedMapping, TaggedRecord},
    },
    observation::Channel,
    stamp::{TimeFormat, TimeUnit, pattern_states_zone},
    template::STREAM,
};

impl FormatConfig {
    /// The words that a topic may have.
    #[must_use]
    pub fn words(&self) -> Vec<&str> {
        match self {
            Self::Nmea { .. } => vec![STREAM, TALKER],
            Self::Bgeigie => vec![DEVICE],
            Self::Csv(mapping) => mapping.labels.iter().map(String::as_str).collect(),
            Self::Tagged(_) => vec![STREAM],
            Self::JsonLines(mapping) => mapping.labels.iter().map(|(name, _)| &**name).collect(),
            Self::Senml { .. } => vec![BASE_NAME],
            Self::Gpsd => vec![STREAM, RECEIVER],
        }
    }
}

/// Checks a `format` table; `words` are those of the input's topic.
pub(super) fn check(mut section: Section<'_>, words: &[&str]) -> Option<FormatConfig> {
    let Some(kind) = section.needed_text("kind") else {
        section.abandon();
        return None;
    };
    let format = match kind.as_str() {
        "nmea" => Some(nmea(&mut section)),
        "bgeigie" => Some(FormatConfig::Bgeigie),
        "csv" => csv(&mut section, words),
        "tagged" => tagged(&mut section),
        "jsonl" => jsonl(&mut section),
        "senml" => {
            let names = [("full", SenmlNames::Full), ("local", SenmlNames::Local)];
            let names = choice(&mut section, "names", &names);
            let document = choice(&mut section, "layout", &[("lines", false), ("document", true)]);
            Some(FormatConfig::Senml { names, document })
        }
        "gpsd" => Some(FormatConfig::Gpsd),
        other => {
            let wanted = "nmea, bgeigie, csv, tagged, jsonl, senml or gpsd";
            section.fault("kind", wanted, format!("{other:?}"));
            section.abandon();
            return None;
        }
    };
    section.finish();
    format
}

fn nmea(section: &mut Section<'_>) -> FormatConfig {
    let times = [("sentence", NmeaTime::Sentence), ("arrival", NmeaTime::Arrival)];
    let time = choice(section, "time", &times);
    let sentences = match section.texts("sentences") {
        None => TYPES.iter().map(|kind| (*kind).to_owned()).collect(),
        Some(kinds) => {
            for kind in &kinds {
                if !TYPES.contains(&kind.as_str()) {
                    let wanted = format!("some of {}", TYPES.join(", "));
                    section.fault("sentences", wanted, format!("{kind:?}"));
                }
            }
            kinds.into_iter().collect::<BTreeSet<_>>()
        }
    };
    FormatConfig::Nmea { time, sentences }
}

fn csv(section: &mut Section<'_>, words: &[&str]) -> Option<FormatConfig> {
    let delimiter = one_byte(section, "delimiter", b',');
    let comment = section.text("comment").unwrap_or_default();
    let header = section.texts("header");
    let time = section.needed_section("time").map(|mut time| {
        let format = time_format(&mut time);
        let column = match format {
            Some(None) => None,
            _ => time.needed_text("column"),
        };
        time.finish();
        (column, format)
    });
    let columns = columns(section, |column| column.needed_text("column"));
    let void = void(section, |void| void.needed_text("column"));
    let labels = words.iter().map(|word| (*word).to_owned()).collect();
    let time = match time? {
        (Some(column), Some(Some(format))) => Some((column, format)),
        (None, Some(None)) => None,
        _ => return None,
    };
    let mapping =
        CsvMapping { delimiter: delimiter?, comment, header, time, columns, labels, void };
    if let Err(error) = crate::format::csv::Csv::new(mapping.clone()) {
        section.fault("header", "every mapped column once", error.to_string());
    }
    Some(FormatConfig::Csv(mapping))
}

fn jsonl(section: &mut Section<'_>) -> Option<FormatConfig> {
    let time = section.needed_section("time").map(|mut time| {
        let format = time_format(&mut time);
        let place = match format {
            Some(None) => None,
            _ => pointer(&mut time),
        };
        time.finish();
        (place, format)
    });
    let columns = columns(section, pointer);
    let mut labels: Vec<(Arc<str>, String)> = Vec::new();
    if let Some(mut table) = section.section("labels") {
        for (name, place) in table.texts_by_key() {
            if !is_pointer(&place) {
                table.fault(&name, POINTER, format!("{place:?}"));
            }
            labels.push((name.into(), place));
        }
        table.finish();
    }
    let time = match time? {
        (Some(place), Some(Some(format))) => Some((place, format)),
        (None, Some(None)) => None,
        _ => return None,
    };
    Some(FormatConfig::JsonLines(JsonMapping { time, columns, labels }))
}

/// What a place in a JSON value is written as.
const POINTER: &str = "a JSON pointer such as /sensors/0/pm2_5";

fn is_pointer(text: &str) -> bool {
    text.is_empty() || text.starts_with('/')
}

fn pointer(section: &mut Section<'_>) -> Option<String> {
    let text = section.needed_text("pointer")?;
    if !is_pointer(&text) {
        section.fault("pointer", POINTER, format!("{text:?}"));
    }
    Some(text)
}

fn tagged(section: &mut Section<'_>) -> Option<FormatConfig> {
    let delimiters = section.text("delimiters").unwrap_or_else(|| ",".into());
    if delimiters.is_empty() || !delimiters.is_ascii() {
        section.fault("delimiters", "ASCII characters", format!("{delimiters:?}"));
    }
    let marker = one_byte(section, "marker", b'$');
    let comment = section.text("comment").unwrap_or_default();
    let time = section.needed_section("time").and_then(|mut time| {
        let format = time_format(&mut time);
        time.finish();
        format
    });
    let mut records = BTreeMap::new();
    for mut record in section.sections("record") {
        let tag = record.needed_text("tag");
        let stream = record.text("stream").unwrap_or_default();
        let place = if matches!(time, Some(None)) {
            Some(Place::Head(0))
        } else {
            place(&mut record, "time_head", "time_field")
        };
        let columns = columns(&mut record, place_of_value);
        let void = void(&mut record, place_of_value);
        if let (Some(tag), Some(time)) = (tag, place) {
            let stream = stream.into();
            if records.insert(tag.clone(), TaggedRecord { stream, time, columns, void }).is_some() {
                record.fault("tag", "each tag once", format!("{tag:?}"));
            }
        }
        record.finish();
    }
    if records.is_empty() {
        section.fault("record", "at least one record", "none");
    }
    let (time, marker) = (time?, marker?);
    let delimiters = delimiters.into_bytes();
    Some(FormatConfig::Tagged(TaggedMapping { delimiters, marker, comment, time, records }))
}

fn place_of_value(section: &mut Section<'_>) -> Option<Place> {
    place(section, "head", "field")
}

fn place(section: &mut Section<'_>, head: &str, field: &str) -> Option<Place> {
    let index = |number: u64| usize::try_from(number).ok();
    match (section.has(head), section.has(field)) {
        (true, false) => section.number(head, 0..=4095).and_then(index).map(Place::Head),
        (false, true) => section.number(field, 1..=4095).and_then(index).map(Place::Field),
        (both, _) => {
            let found = if both { "both" } else { "neither" };
            section.fault(field, format!("either {field} or {head}"), found);
            None
        }
    }
}

/// The `void` table of a mapping.
fn void<P>(
    section: &mut Section<'_>,
    place: impl FnOnce(&mut Section<'_>) -> Option<P>,
) -> Option<Void<P>> {
    let mut void = section.section("void")?;
    let place = place(&mut void);
    if !void.has("is") {
        void.fault("is", "a list of strings", "nothing");
    }
    let is = void.texts("is").unwrap_or_default();
    void.finish();
    Some(Void { place: place?, is })
}

/// A key whose string is one ASCII character.
fn one_byte(section: &mut Section<'_>, key: &str, default: u8) -> Option<u8> {
    let Some(text) = section.text(key) else { return Some(default) };
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Some(*byte),
        _ => {
            section.fault(key, "one ASCII character", format!("{text:?}"));
            None
        }
    }
}

/// The `value` tables of a mapping, each with where its text is.
fn columns<P>(
    section: &mut Section<'_>,
    mut place: impl FnMut(&mut Section<'_>) -> Option<P>,
) -> Vec<(P, Column)> {
    let mut columns: Vec<(P, Column)> = Vec::new();
    let sections = section.sections("value");
    if sections.is_empty() {
        section.fault("value", "at least one value", "none");
    }
    for mut value in sections {
        let place = place(&mut value);
        let column = column(&mut value);
        if let (Some(place), Some(column)) = (place, column) {
            let name = &column.channel.transducer;
            if columns.iter().any(|(_, other)| other.channel.transducer == *name) {
                value.fault("name", "each transducer once", format!("{:?}", name.as_str()));
            }
            columns.push((place, column));
        }
        value.finish();
    }
    columns
}

fn column(section: &mut Section<'_>) -> Option<Column> {
    let name = section.needed_text("name").and_then(|text| {
        let fault = |error: sekisho_proto::ParseError| {
            section.fault("name", error.wanted(), format!("{text:?}"));
        };
        TransducerName::parse(&text).map_err(fault).ok()
    });
    let unit = section.text("unit").unwrap_or_default();
    let unit = match Unit::parse(&unit) {
        Ok(unit) => Some(unit),
        Err(error) => {
            section.fault("unit", error.wanted(), format!("{unit:?}"));
            None
        }
    };
    let kind = section.text("kind");
    let kind = match kind.as_deref() {
        None | Some("float") => Some(Kind::Float),
        Some("integer") => Some(Kind::Integer),
        Some("text") => Some(Kind::Text),
        Some("boolean") => Some(Kind::Boolean),
        Some(other) => {
            section.fault("kind", "float, integer, text or boolean", format!("{other:?}"));
            None
        }
    };
    let missing = section.texts("missing").unwrap_or_else(|| vec![String::new()]);
    let range = section.range("range");
    if range.is_some() && matches!(kind, Some(Kind::Text | Kind::Boolean)) {
        section.fault("range", "no range, as the value is no number", "a range");
    }
    let channel = Channel { transducer: name?, unit: unit? };
    Some(Column { channel, kind: kind?, missing, range })
}

/// How times are written: `None` where that is faulty, `Some(None)` where they are not written.
fn time_format(section: &mut Section<'_>) -> Option<Option<TimeFormat>> {
    let text = section.needed_text("format")?;
    let unit = |text: &str| match text {
        "s" => Some(TimeUnit::Seconds),
        "ms" => Some(TimeUnit::Milliseconds),
        "us" => Some(TimeUnit::Microseconds),
        _ => None,
    };
    match text.as_str() {
        "arrival" => return Some(None),
        "rfc3339" => return Some(Some(TimeFormat::Rfc3339)),
        "pattern" => return pattern(section).map(Some),
        _ => {}
    }
    if let Some(unit) = text.strip_prefix("epoch-").and_then(unit) {
        return Some(Some(TimeFormat::Epoch(unit)));
    }
    if let Some(unit) = text.strip_prefix("relative-").and_then(unit) {
        let start = section.needed_text("start")?;
        return match Timestamp::parse(&start) {
            Ok(start) => Some(Some(TimeFormat::Relative { unit, start })),
            Err(error) => {
                section.fault("start", error.wanted(), format!("{start:?}"));
                None
            }
        };
    }
    let wanted = "rfc3339, pattern, epoch-s, epoch-ms, epoch-us, relative-s, relative-ms, \
                  relative-us or arrival";
    section.fault("format", wanted, format!("{text:?}"));
    None
}

fn pattern(section: &mut Section<'_>) -> Option<TimeFormat> {
    let pattern = section.needed_text("pattern");
    let zone = section.text("zone");
    let states_zone = pattern.as_deref().map(pattern_states_zone);
    if states_zone == Some(None) {
        let wanted = "a pattern of strptime with a date and a time of day";
        section.fault("pattern", wanted, format!("{:?}", pattern.as_deref().unwrap_or_default()));
    }
    let zone = match (zone, states_zone.flatten()) {
        (Some(zone), Some(true)) => {
            section.fault("zone", "no zone, as the pattern has one", format!("{zone:?}"));
            None
        }
        (Some(name), _) => match zone_named(&name) {
            Some(zone) => Some(zone),
            None => {
                let wanted = "a zone such as Asia/Tokyo, UTC or +09:00";
                section.fault("zone", wanted, format!("{name:?}"));
                None
            }
        },
        (None, Some(false)) => {
            section.fault("zone", "a zone, as the pattern has none", "nothing");
            None
        }
        (None, _) => None,
    };
    states_zone.flatten()?;
    Some(TimeFormat::Pattern { pattern: pattern?, zone })
}

fn zone_named(name: &str) -> Option<TimeZone> {
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    let offset = || {
        let (sign, rest) = match name.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':')?;
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        let good = rest.len() == 5 && hours <= 14 && minutes < 60;
        let seconds = sign * (hours * 60 + minutes) * 60;
        let offset = jiff::tz::Offset::from_seconds(seconds).ok()?;
        good.then(|| TimeZone::fixed(offset))
    };
    offset().or_else(|| TimeZone::get(name).ok())
}
