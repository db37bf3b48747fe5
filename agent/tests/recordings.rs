//! Every recording in the data folder is read with the example configurations, and gives exactly
//! what is documented about it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail and speak as tests do"
)]

#[path = "../../e2e/src/skipped.rs"]
#[expect(unreachable_pub, reason = "it is shared")]
mod skipped;

use std::{
    collections::BTreeMap,
    io::Read as _,
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use sekisho_agent::{
    config::{Config, InputConfig},
    observation::Observation,
    source::Source,
    tally::Tally,
};
use sekisho_proto::{Sample, SampleBatch, Timestamp, Value};

/// When lines arrive in these tests.
const ARRIVAL: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// A folder of recordings; says so where there is none, and the test then has nothing to show.
fn recordings(set: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = here.ancestors().map(|folder| folder.join("shared/data").join(set));
    let found = found.into_iter().find(|folder| folder.is_dir());
    if found.is_none() {
        skipped::skipped(format!("recordings absent ({set})"));
    }
    found
}

fn example(name: &str) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    Config::load(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

struct Recording {
    bytes: Vec<u8>,
    observations: Vec<Observation>,
    tally: Tally,
}

impl Recording {
    fn read(folder: &Path, input: &InputConfig) -> Self {
        let Source::File { path, gzip: true } = &input.source else { panic!("not a packed file") };
        let path = folder.join(path.file_name().unwrap());
        let mut bytes = Vec::new();
        MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
        let mut observations = Vec::new();
        let mut reading = input.open().unwrap();
        // An odd size, so that lines are torn apart at every possible place.
        for chunk in bytes.chunks(4099) {
            reading.feed(chunk, ARRIVAL, &mut observations).unwrap();
        }
        reading.finish(ARRIVAL, &mut observations).unwrap();
        let tally = reading.into_tally();
        let whole = tally.good + tally.skipped_lines() + tally.broken_lines();
        assert_eq!(tally.lines, whole, "every line is accounted for");
        assert_eq!(tally.samples, observations.len() as u64);
        let recording = Self { bytes, observations, tally };
        recording.survives_the_wire();
        recording
    }

    /// Every stream, encoded as it travels, comes back equal: floats by their bits.
    fn survives_the_wire(&self) {
        let mut streams: BTreeMap<(&str, String), Vec<Sample>> = BTreeMap::new();
        for observation in &self.observations {
            let labels = format!("{:?}", observation.labels);
            let stream = streams.entry((&observation.stream, labels)).or_default();
            stream.push(observation.sample.clone());
        }
        for samples in streams.values() {
            for samples in samples.chunks(64) {
                let encoded = SampleBatch::from_samples(samples).unwrap().encode();
                let decoded = SampleBatch::decode(&encoded).unwrap().samples();
                assert_eq!(sorted(decoded), sorted(samples.to_vec()));
            }
        }
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.bytes
            .split(|byte| *byte == b'\n')
            .filter_map(|line| std::str::from_utf8(line).ok())
            .map(|line| line.trim_end_matches('\r'))
            .filter(|line| !line.is_empty())
    }

    fn stream(&self, stream: &str) -> Vec<&Observation> {
        self.observations.iter().filter(|seen| &*seen.stream == stream).collect()
    }

    fn span(&self) -> (String, String) {
        let times = || self.observations.iter().map(|seen| seen.sample.time);
        (times().min().unwrap().to_string(), times().max().unwrap().to_string())
    }

    fn skipped(&self, reason: &str) -> u64 {
        self.tally.skipped.get(reason).copied().unwrap_or(0)
    }
}

/// The order of the columns is not part of a sample's meaning.
fn sorted(mut samples: Vec<Sample>) -> Vec<Sample> {
    for sample in &mut samples {
        sample.values.sort_by(|left, right| left.transducer.cmp(&right.transducer));
    }
    samples
}

fn read_all(set: &str, example_name: &str) -> Option<BTreeMap<String, Recording>> {
    let folder = recordings(set)?;
    let config = example(example_name);
    let read = |input: &InputConfig| (input.name.clone(), Recording::read(&folder, input));
    Some(config.inputs.iter().map(read).collect())
}

fn float(observation: &Observation, name: &str) -> Option<f64> {
    match observation.value(name).map(|value| &value.value) {
        Some(Value::Float(float)) => Some(*float),
        Some(other) => panic!("{name} is {other:?}"),
        None => None,
    }
}

fn integer(observation: &Observation, name: &str) -> Option<i64> {
    match observation.value(name).map(|value| &value.value) {
        Some(Value::Integer(integer)) => Some(*integer),
        Some(other) => panic!("{name} is {other:?}"),
        None => None,
    }
}

/// A cell of a CSV file equals what became of it, by its bits.
fn same_float(observation: &Observation, name: &str, text: &str) {
    let wanted: f64 = text.parse().unwrap();
    assert_eq!(float(observation, name).unwrap().to_bits(), wanted.to_bits(), "{name} {text}");
}

#[test]
fn capmetro_gives_every_row_of_every_bus() {
    let Some(read) = read_all("capmetro", "capmetro.toml") else { return };
    let wanted = [
        ("buses-2017", 45_386, 329, "2017-03-21T05:00:02.000000Z", "2017-03-21T15:24:59.000000Z"),
        ("buses-2015", 53_569, 146, "2015-09-06T05:00:47.000000Z", "2015-09-07T04:58:39.000000Z"),
    ];
    for (name, rows, buses, first, last) in wanted {
        let recording = &read[name];
        assert_eq!(recording.observations.len(), rows, "{name}");
        assert_eq!(recording.tally.broken_lines(), 0, "{name}");
        assert_eq!(recording.skipped("header"), 1, "{name}");
        let vehicles: std::collections::BTreeSet<_> =
            recording.observations.iter().map(|seen| seen.label("vehicle_id")).collect();
        assert_eq!(vehicles.len(), buses, "{name}");
        assert_eq!(recording.span(), (first.into(), last.into()), "{name}");
        for (line, seen) in recording.lines().skip(1).zip(&recording.observations) {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!(seen.label("vehicle_id"), Some(cells[0]));
            assert_eq!(seen.sample.time, Timestamp::parse(cells[1]).unwrap());
            if cells[2] != "113.9952" {
                same_float(seen, "speed", cells[2]);
            }
            same_float(seen, "latitude", cells[5]);
            same_float(seen, "longitude", cells[6]);
            for (name, cell) in [("route", cells[3]), ("trip", cells[4]), ("headsign", cells[7])] {
                let wanted = (!cell.is_empty()).then(|| Value::Text(cell.into()));
                assert_eq!(seen.value(name).map(|value| value.value.clone()), wanted);
            }
        }
    }
    let absent = |name: &str, transducer: &str| {
        read[name].observations.iter().filter(|seen| seen.value(transducer).is_none()).count()
    };
    assert_eq!(absent("buses-2017", "speed"), 7, "the 255 mph sentinel");
    assert_eq!(absent("buses-2017", "headsign"), 55);
    assert_eq!(absent("buses-2015", "headsign"), 53_569);
}

#[test]
fn capmetro_rows_get_one_topic_per_bus() {
    let Some(read) = read_all("capmetro", "capmetro.toml") else { return };
    let template = &example("capmetro.toml").inputs[0].topic;
    let topic = template.topic(&read["buses-2017"].observations[0]).unwrap();
    assert_eq!(topic.as_str(), "austin/bus/2619/position");
}

#[test]
fn safecast_gives_every_good_row_and_refuses_garbage_with_a_good_checksum() {
    let Some(read) = read_all("safecast-bgeigie", "safecast.toml") else { return };
    // Data rows, of these with a valid position, of these broken, span.
    let wanted = [
        ("safecast-20120701-094111", 1_046, 1_046, 0, "2012-07-01T00:41:13", "2012-07-01T02:07:56"),
        ("007-0601", 4_979, 2_971, 0, "2012-06-01T08:34:07", "2012-06-01T16:06:20"),
        ("007-0608", 2_311, 1_364, 0, "2012-06-08T06:41:00", "2012-06-08T09:59:52"),
        ("028-0521", 5_735, 5_728, 1, "2012-05-21T21:55:34", "2012-05-23T04:10:08"),
        ("028-0717", 4_510, 4_474, 0, "2012-07-17T15:54:29", "2012-07-17T23:09:19"),
        ("028-0718", 7_813, 7_808, 1, "2012-07-18T11:30:04", "2012-07-19T01:14:37"),
        ("101-0530", 3_362, 3_295, 0, "2012-05-30T03:32:38", "2012-05-30T08:13:52"),
        ("202-0711", 3_535, 3_535, 0, "2012-07-11T01:44:22", "2012-07-11T06:47:51"),
    ];
    let mut total = 0;
    for (name, rows, located, broken, first, last) in wanted {
        let recording = &read[name];
        let good = recording.observations.len() as u64;
        assert_eq!(recording.tally.broken_lines(), broken, "{name}: {}", recording.tally);
        assert_eq!(good + broken, rows, "{name}");
        let fixes = recording.observations.iter().filter(|seen| seen.value("latitude").is_some());
        assert_eq!(fixes.count(), located, "{name}");
        let span = (format!("{first}.000000Z"), format!("{last}.000000Z"));
        assert_eq!(recording.span(), span, "{name}");
        let device = if name.starts_with("safecast") { "003" } else { &name[..3] };
        assert!(recording.observations.iter().all(|seen| seen.label("device") == Some(device)));
        total += rows;
    }
    assert_eq!(total, 33_291);
    let example = &read["028-0718"].tally.examples[0];
    assert_eq!(example.line, 5_127);
    assert_eq!(example.fault.reason(), "encoding", "the checksum is right, the bytes are no text");
    assert_eq!(read["safecast-20120701-094111"].skipped("comment"), 19);
    assert_eq!(read["028-0521"].skipped("blank"), 1);
}

#[test]
fn safecast_counts_are_those_of_the_lines() {
    let Some(read) = read_all("safecast-bgeigie", "safecast.toml") else { return };
    for (name, recording) in &read {
        let rows = recording.lines().filter(|line| line.starts_with("$B"));
        for (line, seen) in rows.zip(&recording.observations) {
            let cells: Vec<&str> = line[1..].split('*').next().unwrap().split(',').collect();
            assert_eq!(seen.sample.time, Timestamp::parse(cells[2]).unwrap(), "{name}");
            for (cell, transducer) in [(3, "cpm"), (4, "counts_5s"), (5, "counts_total")] {
                assert_eq!(integer(seen, transducer), Some(cells[cell].parse().unwrap()), "{name}");
            }
            if cells[12] == "A" {
                same_float(seen, "altitude", cells[11]);
                let latitude = naive_degrees(cells[7], cells[8]);
                let longitude = naive_degrees(cells[9], cells[10]);
                assert!((float(seen, "latitude").unwrap() - latitude).abs() < 1e-12);
                assert!((float(seen, "longitude").unwrap() - longitude).abs() < 1e-12);
            }
        }
    }
}

fn naive_degrees(text: &str, hemisphere: &str) -> f64 {
    let (degrees, minutes) = text.split_at(text.find('.').unwrap() - 2);
    let value = degrees.parse::<f64>().unwrap() + minutes.parse::<f64>().unwrap() / 60.0;
    if matches!(hemisphere, "S" | "W") { -value } else { value }
}

#[test]
fn sensebox_gives_every_row_and_leaves_out_impossible_light() {
    let Some(read) = read_all("sensebox-bike", "sensebox.toml") else { return };
    let wanted = [
        ("ride-1", 232, 229, "2016-02-05T15:39:29", "2016-02-05T15:43:17"),
        ("ride-2", 483, 483, "2016-02-07T13:00:21", "2016-02-07T13:08:22"),
        ("ride-3", 2_048, 2_048, "2016-02-07T14:07:55", "2016-02-07T14:41:10"),
        ("ride-4", 2_301, 13, "2016-02-07T16:54:59", "2016-02-07T17:30:21"),
        ("ride-5", 1_043, 1_023, "2016-02-09T08:35:30", "2016-02-09T08:52:57"),
    ];
    for (name, rows, bad_light, first, last) in wanted {
        let recording = &read[name];
        assert_eq!(recording.observations.len(), rows, "{name}");
        assert_eq!(recording.tally.broken_lines(), 0, "{name}");
        assert_eq!(recording.tally.implausible["illuminance"], bad_light, "{name}");
        let span = (format!("{first}.000000Z"), format!("{last}.000000Z"));
        assert_eq!(recording.span(), span, "{name}");
        for (line, seen) in recording.lines().skip(1).zip(&recording.observations) {
            let cells: Vec<&str> = line.split(',').collect();
            for (cell, transducer) in [
                (1, "latitude"),
                (2, "longitude"),
                (3, "speed"),
                (9, "vibration"),
                (10, "altitude"),
            ] {
                same_float(seen, transducer, cells[cell]);
            }
            for (cell, transducer) in [(0, "row"), (5, "sound"), (6, "luminosity"), (8, "infrared")]
            {
                assert_eq!(integer(seen, transducer), Some(cells[cell].parse().unwrap()));
            }
            let light = cells[7].parse().ok().filter(|light| *light < 4_294_000_000_i64);
            assert_eq!(integer(seen, "illuminance"), light);
        }
    }
}

#[test]
fn road_nmea_gives_every_fix_with_its_date() {
    let Some(read) = read_all("genivi-car", "genivi-nmea.toml") else { return };
    // Three sentences of the first file stand after a NUL byte, which the documented 38,935 leave
    // out.
    let wanted = [
        ("switzerland", 38_938, 10_327, 85, "2010-04-03T11:22:25.844", "2010-04-03T14:19:29.000"),
        ("regensburg", 9_931, 774, 16, "2010-04-11T16:57:44.000", "2010-04-11T17:24:00.000"),
        ("munich", 11_202, 1_847, 20, "2009-04-01T12:40:22.000", "2009-04-01T13:11:26.000"),
    ];
    for (name, sentences, valid, void, first, last) in wanted {
        let recording = &read[name];
        let kinds = &recording.tally.kinds;
        assert_eq!(recording.tally.broken_lines(), 0, "{name}: {:?}", recording.tally.examples);
        assert_eq!(kinds.values().sum::<u64>(), sentences, "{name}");
        let fixes = recording.stream("rmc");
        assert_eq!(fixes.len(), valid, "{name}");
        assert_eq!(kinds["RMC"], (valid + void) as u64, "{name}");
        let rmc = recording
            .lines()
            .filter(|line| line.contains("RMC,"))
            .filter(|line| line.split(',').nth(2) == Some("A"));
        for (line, seen) in rmc.zip(fixes) {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!(seen.sample.time, naive_time(cells[9], cells[1]), "{name}: {line}");
            let latitude = naive_degrees(cells[3], cells[4]);
            assert!((float(seen, "latitude").unwrap() - latitude).abs() < 1e-12);
            let longitude = naive_degrees(cells[5], cells[6]);
            assert!((float(seen, "longitude").unwrap() - longitude).abs() < 1e-12);
            same_float(seen, "speed", cells[7]);
        }
        let (start, end) = recording.span();
        assert_eq!(start, format!("{first}000Z"), "{name}");
        assert_eq!(end, format!("{last}000Z"), "{name}");
    }
    assert_eq!(read["munich"].skipped("comment"), 6);
    let unknown = read["munich"].stream("gga");
    let unknown = unknown.iter().filter(|seen| seen.value("hdop").is_none());
    assert_eq!(unknown.count(), 1, "one fix has the dilution 0NaN");
    assert_eq!(read["regensburg"].tally.kinds["PGRME"], 789);
    assert_eq!(read["switzerland"].tally.kinds["PSRFTXT"], 21);
}

/// `ddmmyy` and `hhmmss.sss`, by way of RFC 3339.
fn naive_time(date: &str, time: &str) -> Timestamp {
    let text = format!(
        "20{}-{}-{}T{}:{}:{}Z",
        &date[4..6],
        &date[2..4],
        &date[..2],
        &time[..2],
        &time[2..4],
        &time[4..]
    );
    Timestamp::parse(&text).unwrap()
}

#[test]
fn fixes_without_a_date_carry_that_of_the_fix_before() {
    let Some(read) = read_all("genivi-car", "genivi-nmea.toml") else { return };
    // GGA: all, void ones, those before any date.
    for (name, fixes, valid) in
        [("switzerland", 2_602, 2_583), ("regensburg", 788, 774), ("munich", 1_867, 1_847)]
    {
        let recording = &read[name];
        assert_eq!(recording.tally.kinds["GGA"], fixes, "{name}");
        let seen = recording.stream("gga");
        assert_eq!(seen.len(), valid, "{name}");
        for pair in recording.observations.windows(2) {
            let apart = pair[0].sample.time.as_micros().abs_diff(pair[1].sample.time.as_micros());
            assert!(
                apart < 300 * 1_000_000,
                "{name}: {} {}",
                pair[0].sample.time,
                pair[1].sample.time
            );
        }
    }
}

#[test]
fn one_munich_fix_goes_back_in_time_as_it_was_recorded() {
    let Some(read) = read_all("genivi-car", "genivi-nmea.toml") else { return };
    let fixes = read["munich"].stream("rmc");
    let back: Vec<_> = fixes
        .windows(2)
        .filter(|pair| pair[1].sample.time < pair[0].sample.time)
        .map(|pair| (pair[0].sample.time.to_string(), pair[1].sample.time.to_string()))
        .collect();
    let wanted = ("2009-04-01T12:43:42.000000Z".into(), "2009-04-01T12:43:41.000000Z".into());
    assert_eq!(back, [wanted]);
}

#[test]
fn gvsl_gives_every_line_of_the_car_log() {
    let Some(read) = read_all("genivi-car", "genivi-gvsl.toml") else { return };
    let recording = &read["car"];
    assert_eq!(recording.tally.lines, 61_902);
    assert_eq!(recording.tally.good, 61_902, "{}", recording.tally);
    for (stream, samples) in [
        ("speed", 19_115),
        ("direction", 19_115),
        ("gyro", 19_111),
        ("odometer", 3_823),
        ("position", 369),
        ("course", 369),
    ] {
        assert_eq!(recording.stream(stream).len(), samples, "{stream}");
    }
    let positions = recording.stream("position");
    let without_height = positions.iter().filter(|seen| seen.value("altitude").is_none());
    assert_eq!(without_height.count(), 1, "the sentinel 32767");
    let speeds = recording.lines().filter(|line| line.contains("GVVEHSP"));
    for (line, seen) in speeds.zip(recording.stream("speed")) {
        let (millis, rest) = line.split_once('$').unwrap();
        same_float(seen, "vehicle_speed", rest.split(';').nth(2).unwrap());
        let start = Timestamp::parse("2009-04-01T12:00:00Z").unwrap();
        let wanted = start.as_micros() + millis.parse::<i64>().unwrap() * 1000;
        assert_eq!(seen.sample.time.as_micros(), wanted);
    }
    let (first, last) = recording.span();
    assert_eq!(first, "2009-04-01T12:00:00.006000Z");
    assert!(last.starts_with("2009-04-01T12:06:2"), "{last}");
}

#[test]
fn raspberry_pi_log_gives_every_motion_and_every_fix() {
    let Some(read) = read_all("genivi-car", "genivi-rpi.toml") else { return };
    let recording = &read["car"];
    assert_eq!(recording.tally.broken_lines(), 0, "{}", recording.tally);
    assert_eq!(recording.stream("acceleration").len(), 5_489);
    assert_eq!(recording.stream("rotation").len(), 5_489);
    assert_eq!(recording.tally.kinds["GVGNSPOS"], 551);
    assert_eq!(recording.tally.kinds["GVGNSTIM"], 551);
    let fixes = recording.stream("position");
    assert_eq!(fixes.len(), 513, "38 positions have no fix");
    let status =
        |wanted| fixes.iter().filter(|seen| integer(seen, "fix_status") == Some(wanted)).count();
    assert_eq!((status(2), status(3)), (1, 512));
    assert_eq!(recording.skipped("void"), 38);
    assert_eq!(fixes[0].sample.time.to_string(), "2016-02-23T20:39:52.000000Z");
    let lines = recording.lines().filter(|line| line.contains("GVSNSACC"));
    for (line, seen) in lines.zip(recording.stream("acceleration")) {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        same_float(seen, "acceleration_x", cells[4]);
        same_float(seen, "acceleration_y", cells[5]);
        same_float(seen, "acceleration_z", cells[6]);
        same_float(seen, "temperature", cells[7]);
    }
}

#[test]
fn boat_gives_every_sentence_of_twenty_two_types() {
    let Some(read) = read_all("gpsd", "boat.toml") else { return };
    let recording = &read["chartplotter"];
    let kinds = &recording.tally.kinds;
    assert_eq!(recording.tally.broken_lines(), 0, "{}", recording.tally);
    assert_eq!(kinds.values().sum::<u64>(), 4_999);
    assert_eq!(kinds.len(), 22);
    assert_eq!(recording.skipped("comment"), 10);
    assert_eq!(recording.stream("rmc").len(), 146);
    // Sentences before the first date have no time.
    assert_eq!(recording.stream("gga").len(), 137);
    assert_eq!(recording.stream("mtw").len(), 0, "it has no thermometer in the water");
    let wind = recording.stream("mwv");
    assert!(wind.iter().all(|seen| {
        seen.value("wind_speed_true").is_some() != seen.value("wind_speed_relative").is_some()
    }));
    let (first, last) = recording.span();
    assert_eq!(first, "2018-08-20T09:47:37.000000Z");
    assert_eq!(last, "2018-08-20T09:50:04.000000Z", "a GLL is a second after the last RMC");
    let heel = float(recording.stream("xdr")[0], "HEEL");
    assert!(heel.is_some());
}
