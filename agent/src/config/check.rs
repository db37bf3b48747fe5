//! The file as a whole: inputs, merging, replay.

use std::{collections::BTreeSet, path::Path, time::Duration};

use sekisho::ConfigFault;
use sekisho_proto::Timestamp;
use toml::Table;

use crate::{
    config::{
        Config, FormatConfig, InputConfig, format, publish,
        section::{Faults, Section},
    },
    format::gpsd::WATCH,
    line::{LINE_BYTES_CEILING, LINE_BYTES_DEFAULT, LINE_BYTES_FLOOR},
    merge::MergeConfig,
    replay::{Align, Order, ReplayConfig, Speed, Start},
    source::{POLL_DEFAULT, Source},
    template::Template,
};

/// Inputs of one agent: a vehicle's buses and devices.
const INPUTS_MAX: usize = 256;

/// How old a position may be unless configured otherwise: two fixes of a receiver at 1 Hz.
const MERGE_AGE_DEFAULT_MS: u64 = 2000;

/// A day, milliseconds: the most that any pause or age may be.
const DAY_MS: u64 = 24 * 3600 * 1000;

/// Checks a whole file.
pub(super) fn config(table: Table, base: &Path) -> Result<Config, Vec<ConfigFault>> {
    let faults = Faults::default();
    let config = root(Section::root(table, &faults), base);
    let list = faults.into_list();
    match config {
        Some(config) if list.is_empty() => Ok(config),
        Some(_) | None => Err(list),
    }
}

fn root(mut file: Section<'_>, base: &Path) -> Option<Config> {
    let sections = file.sections("input");
    if sections.is_empty() || sections.len() > INPUTS_MAX {
        file.fault("input", format!("1 to {INPUTS_MAX} inputs"), sections.len().to_string());
    }
    let formats = file.table("formats");
    let mut names = BTreeSet::new();
    let mut inputs = Vec::new();
    for section in sections {
        inputs.extend(input(section, base, &formats, &mut names));
    }
    let merge = file.section("merge").and_then(|section| merge(section, &names));
    let replay = file.section("replay").map_or_else(ReplayConfig::default, replay);
    let publish = file.section("publish").and_then(|section| publish::check(section, base));
    file.finish();
    Some(Config { inputs, merge, replay, publish })
}

fn input(
    mut section: Section<'_>,
    base: &Path,
    formats: &Table,
    names: &mut BTreeSet<String>,
) -> Option<InputConfig> {
    let name = section.needed_text("name");
    if let Some(name) = &name
        && (name.is_empty() || !names.insert(name.clone()))
    {
        section.fault("name", "a name that no other input has", format!("{name:?}"));
    }
    let template = section.needed_text("topic").and_then(|text| {
        let fault = |error: crate::template::TemplateError| {
            section.fault("topic", error.wanted(), format!("{text:?}"));
        };
        Template::parse(&text).map_err(fault).ok()
    });
    let limits = LINE_BYTES_FLOOR as u64..=LINE_BYTES_CEILING as u64;
    let line_bytes_max = section
        .number("line_bytes_max", limits)
        .and_then(|bytes| usize::try_from(bytes).ok())
        .unwrap_or(LINE_BYTES_DEFAULT);
    let source = section.needed_section("source").and_then(|section| source(section, base));
    let words: Vec<&str> = template.iter().flat_map(Template::words).collect();
    let format = section.section_or_shared("format", formats);
    let format = format.and_then(|format| format::check(format, &words));
    if let (Some(format), Some(_)) = (&format, &template) {
        check_words(&section, format, &words);
    }
    if let (Some(FormatConfig::Senml { document: true, .. }), Some(source)) = (&format, &source)
        && !source.is_recording()
    {
        section.fault("format.layout", "lines, as the source has no end", "\"document\"");
    }
    section.finish();
    let (name, source, format, topic) = (name?, source?, format?, template?);
    Some(InputConfig { name, source, format, topic, line_bytes_max })
}

fn check_words(section: &Section<'_>, format: &FormatConfig, words: &[&str]) {
    let known = format.words();
    for word in words {
        if !known.iter().any(|known| known == word) {
            let wanted = match known.as_slice() {
                [] => "no words, as this format has none".to_owned(),
                known => format!("words of this format: {}", known.join(", ")),
            };
            section.fault("topic", wanted, format!("{{{word}}}"));
        }
    }
}

fn source(mut section: Section<'_>, base: &Path) -> Option<Source> {
    let kind = section.needed_text("kind");
    let Some(kind) = kind else {
        section.abandon();
        return None;
    };
    let source = match kind.as_str() {
        "file" => file(&mut section, base),
        "tcp" => address(&mut section, None).map(|(address, reconnect)| Source::Tcp {
            address,
            greeting: b"",
            reconnect,
        }),
        "gpsd" => address(&mut section, Some("localhost:2947"))
            .map(|(address, reconnect)| Source::Tcp { address, greeting: WATCH, reconnect }),
        "serial" => {
            let path = section.needed_text("path");
            let baud = section.number("baud", 50..=4_000_000).unwrap_or(4800);
            path.map(|path| Source::Serial {
                path: base.join(path),
                baud: u32::try_from(baud).unwrap_or(u32::MAX),
            })
        }
        "stdin" => Some(Source::Stdin),
        other => {
            let wanted = "file, tcp, gpsd, serial or stdin";
            section.fault("kind", wanted, format!("{other:?}"));
            section.abandon();
            return None;
        }
    };
    section.finish();
    source
}

fn file(section: &mut Section<'_>, base: &Path) -> Option<Source> {
    let path = section.needed_text("path");
    let gzip = section.truth("gzip");
    let follow = section.truth("follow").unwrap_or(false);
    let poll = section.number("poll_ms", 1..=DAY_MS).map_or(POLL_DEFAULT, Duration::from_millis);
    let from = section.text("from");
    let from_start = match from.as_deref() {
        None | Some("start") => true,
        Some("end") => false,
        Some(other) => {
            section.fault("from", "start or end", format!("{other:?}"));
            true
        }
    };
    let path = base.join(path?);
    if !follow {
        let gzip = gzip.unwrap_or_else(|| path.extension().is_some_and(|end| end == "gz"));
        return Some(Source::File { path, gzip });
    }
    if gzip == Some(true) {
        section.fault("gzip", "false, as a packed file cannot be followed", "true");
    }
    Some(Source::Follow { path, from_start, poll })
}

fn address(section: &mut Section<'_>, default: Option<&str>) -> Option<(String, bool)> {
    let reconnect = section.truth("reconnect").unwrap_or(true);
    let address = match (section.has("address"), default) {
        (false, Some(default)) => default.to_owned(),
        _ => section.needed_text("address")?,
    };
    let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    if port.and_then(|(_, port)| port.parse::<u16>().ok()).is_none() {
        section.fault("address", "host:port", format!("{address:?}"));
        return None;
    }
    Some((address, reconnect))
}

fn merge(mut section: Section<'_>, names: &BTreeSet<String>) -> Option<MergeConfig> {
    let input = section.needed_text("position_input");
    if let Some(input) = &input
        && !names.contains(input)
    {
        section.fault("position_input", "the name of an input", format!("{input:?}"));
    }
    let stream = section.text("position_stream");
    let age_ms = section.number("age_max_ms", 1..=DAY_MS).unwrap_or(MERGE_AGE_DEFAULT_MS);
    section.finish();
    Some(MergeConfig { input: input?, stream, age_max: Duration::from_millis(age_ms) })
}

fn replay(mut section: Section<'_>) -> ReplayConfig {
    let mut config = ReplayConfig::default();
    if let Some(speed) = section.text("speed") {
        match speed.parse::<Speed>() {
            Ok(speed) => config.speed = speed,
            Err(_) => {
                let wanted = "wall, max, or a factor from 0.001 to 1000000 such as 10x";
                section.fault("speed", wanted, format!("{speed:?}"));
            }
        }
    }
    config.pause_max = section.number("pause_max_ms", 0..=DAY_MS).map(Duration::from_millis);
    config.order = choice(&mut section, "order", &[("file", Order::File), ("time", Order::Time)]);
    let aligns = [("together", Align::Together), ("each", Align::Each)];
    config.align = choice(&mut section, "align", &aligns);
    match section.text("start").as_deref() {
        None | Some("recorded") => {}
        Some("now") => config.start = Start::Now,
        Some(text) => match Timestamp::parse(text) {
            Ok(time) => config.start = Start::At(time),
            Err(_) => {
                section.fault("start", "recorded, now, or an RFC 3339 time", format!("{text:?}"));
            }
        },
    }
    section.finish();
    config
}

/// One of several words; the default of the type where the key is missing.
pub(super) fn choice<T: Copy + Default>(
    section: &mut Section<'_>,
    key: &str,
    choices: &[(&str, T)],
) -> T {
    let Some(text) = section.text(key) else { return T::default() };
    match choices.iter().find(|(word, _)| *word == text) {
        Some((_, choice)) => *choice,
        None => {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            section.fault(key, words.join(" or "), format!("{text:?}"));
            T::default()
        }
    }
}
