//! Recorded journeys of real vehicles, read by the agent and carried through two cities' nodes: at
//! the far end every value is what the recording says, numbers by their bits, times by the
//! microsecond.
//!
//! What the agent has to make of each format is held against the files by its own tests; here the
//! same reading is done beside the agent, and the far end has to equal it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail and speak as tests do"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use sekisho::{Sample, SampleValue, Start, Timestamp, Topic, Value};
use sekisho_agent::replay::Speed;
use sekisho_agent::{Config, Sink, SinkError};
use sekisho_e2e::{Agent, City, Member, Reader, holds_key, peer, permitted, skipped, within};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const EVERYTHING: &str = "fujisawa/#";

/// What there is on each topic, in order.
type Streams = BTreeMap<String, Vec<Sample>>;

/// Two cities: a vehicle in one, a dashboard in the other.
struct Cities {
    fujisawa: City,
    santander: City,
    vehicle: Member,
    dashboard: Member,
}

impl Cities {
    async fn found() -> Self {
        let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
        peer(&fujisawa, &santander, EVERYTHING).await;
        let (vehicle, dashboard) = tokio::join!(
            Member::device(&fujisawa, "vehicle", EVERYTHING),
            Member::enrol(&santander, "dashboard", &["--kind", "app"]),
        );
        let who = "dashboard@santander";
        let grant = ["grant", who, "subscribe,history,decrypt", EVERYTHING, "--yes"];
        fujisawa.run(&grant).await.succeeded();
        let topic = "fujisawa/any/topic";
        permitted(&santander, who, "subscribe", topic).await;
        holds_key(&dashboard, topic).await;
        Self { fujisawa, santander, vehicle, dashboard }
    }

    /// Runs an agent with these inputs to their end, and returns what arrived in the other city.
    async fn carry(&self, inputs: &str, wanted: &Streams) -> Streams {
        let mut far = Reader::start(&self.dashboard, EVERYTHING, Start::Latest).await;
        let agent = Agent::configure(&self.fujisawa, &self.vehicle, inputs);
        let mut running = agent.start();
        let (arrived, messages) = receive(&mut far, count(wanted)).await;
        let code = running.wait().await.code();
        assert_eq!(code, Some(0), "{}", running.log());
        far.close().await;
        for city in [&self.fujisawa, &self.santander] {
            let kept = city.metric("sekisho_log_head_position").await;
            assert!((kept - messages).abs() < 0.5, "{}: {kept} of {messages}", city.name());
        }
        arrived
    }
}

/// Takes whole messages until there are so many samples; says how many it took.
async fn receive(far: &mut Reader, samples: usize) -> (Streams, f64) {
    let (mut arrived, mut messages) = (Streams::new(), 0.0);
    let mut left = samples;
    while left > 0 {
        let message = far.message().await;
        assert_eq!(message.publisher.to_string(), "vehicle@fujisawa");
        let samples = message.samples().unwrap();
        left = left.checked_sub(samples.len()).expect("no more than was published");
        arrived.entry(message.topic.to_string()).or_default().extend(samples);
        messages += 1.0;
    }
    (arrived, messages)
}

fn count(streams: &Streams) -> usize {
    streams.values().map(Vec::len).sum()
}

/// Every stream equals the other, sample by sample.
fn assert_equal(arrived: &Streams, wanted: &Streams) {
    let topics = |streams: &Streams| streams.keys().cloned().collect::<Vec<_>>();
    assert_eq!(topics(arrived), topics(wanted));
    for (topic, wanted) in wanted {
        let arrived = &arrived[topic];
        assert_eq!(arrived.len(), wanted.len(), "{topic}");
        for (number, (arrived, wanted)) in arrived.iter().zip(wanted).enumerate() {
            assert_eq!(sorted(arrived), sorted(wanted), "{topic}, sample {number}");
        }
    }
}

/// The order of the columns is not part of a sample's meaning.
fn sorted(sample: &Sample) -> Sample {
    let mut sample = sample.clone();
    sample.values.sort_by(|left, right| left.transducer.cmp(&right.transducer));
    sample
}

/// Keeps what an agent would publish.
#[derive(Default)]
struct Kept(Streams);

impl Sink for Kept {
    async fn publish(&mut self, topic: &Topic, sample: Sample) -> Result<(), SinkError> {
        self.0.entry(topic.to_string()).or_default().push(sample);
        Ok(())
    }

    async fn persist(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// What inputs say, read in this process.
async fn read(inputs: &str) -> Streams {
    let mut config = Config::parse(inputs, Path::new("/")).unwrap();
    config.replay.speed = Speed::Max;
    let mut kept = Kept::default();
    let report = sekisho_agent::run(&config, &mut kept, &CancellationToken::new()).await.unwrap();
    assert!(report.is_complete(), "{report}");
    assert_eq!(report.published, count(&kept.0) as u64);
    kept.0
}

/// A folder of recordings; says so where there is none, and the test then has nothing to show.
fn recordings(set: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = here.ancestors().map(|folder| folder.join("shared/data").join(set));
    let found = found.into_iter().find(|folder| folder.is_dir());
    if found.is_none() {
        skipped(format!("recordings absent ({set})"));
    }
    found
}

/// An example configuration of the agent, with its recordings where they are, its topics in
/// Fujisawa, and times as they were recorded.
fn example(folder: &Path, name: &str) -> String {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("agent/examples");
    let text = std::fs::read_to_string(examples.join(name)).unwrap();
    let data = folder.parent().unwrap().to_str().unwrap();
    let mut inputs = String::new();
    let mut is_replay = false;
    for line in text.lines() {
        if line.starts_with('[') {
            is_replay = line == "[replay]";
        }
        let is_shift = is_replay && (line.starts_with("speed") || line.starts_with("start"));
        if !is_shift {
            writeln!(inputs, "{}", line.replace("../../../shared/data", data)).unwrap();
        }
    }
    for organisation in ["austin", "genivi", "safecast", "muenster", "ijsselmeer"] {
        inputs = inputs.replace(&format!("\"{organisation}/"), "\"fujisawa/");
    }
    inputs
}

/// Carries what an example describes. How many samples there are on topics with an ending is known
/// from the description of the data.
async fn carry_example(set: &str, name: &str, (ending, samples): (&str, usize)) {
    let Some(folder) = recordings(set) else { return };
    let inputs = example(&folder, name);
    let wanted = read(&inputs).await;
    let described = wanted.iter().filter(|(topic, _samples)| topic.ends_with(ending));
    assert_eq!(described.map(|(_topic, samples)| samples.len()).sum::<usize>(), samples);
    let cities = Cities::found().await;
    let arrived = cities.carry(&inputs, &wanted).await;
    assert_equal(&arrived, &wanted);
}

#[tokio::test]
async fn bicycles_in_csv_arrive_as_they_were_recorded() {
    carry_example("sensebox-bike", "sensebox.toml", ("/air", 6_107)).await;
}

#[tokio::test]
async fn drives_with_a_geiger_counter_arrive_as_they_were_recorded() {
    carry_example("safecast-bgeigie", "safecast.toml", ("/radiation", 33_289)).await;
}

#[tokio::test]
async fn cars_in_nmea_arrive_as_they_were_recorded() {
    carry_example("genivi-car", "genivi-nmea.toml", ("/rmc", 12_948)).await;
}

#[tokio::test]
async fn a_boat_in_nmea_arrives_as_it_was_recorded() {
    carry_example("gpsd", "boat.toml", ("/rmc", 146)).await;
}

#[tokio::test]
async fn a_car_at_50_hz_arrives_as_it_was_recorded() {
    carry_example("genivi-car", "genivi-gvsl.toml", ("", 61_902)).await;
}

#[tokio::test]
async fn a_car_with_motion_sensors_arrives_as_it_was_recorded() {
    carry_example("genivi-car", "genivi-rpi.toml", ("", 11_491)).await;
}

#[tokio::test]
async fn a_citys_buses_arrive_as_they_were_recorded() {
    carry_example("capmetro", "capmetro.toml", ("/position", 98_955)).await;
}

/// One line of a ride: its time and the text of its numbers.
struct Row {
    time: Timestamp,
    latitude: String,
    longitude: String,
    speed: String,
    sound: String,
    altitude: String,
}

impl Row {
    fn all(folder: &Path) -> Vec<Self> {
        let mut text = String::new();
        let file = std::fs::File::open(folder.join("dataset_3.csv.gz")).unwrap();
        MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
        text.lines().skip(1).map(Self::parse).collect()
    }

    fn parse(line: &str) -> Self {
        let cells: Vec<&str> = line.trim_end().split(',').collect();
        // MM/DD/YYYY HH:MM:SS, with a space behind it.
        let stamp = cells[4].trim();
        let (date, clock) = stamp.split_once(' ').unwrap();
        let [month, day, year] = date.split('/').collect::<Vec<_>>()[..] else { panic!("{stamp}") };
        let cell = |index: usize| cells[index].to_owned();
        Self {
            time: Timestamp::parse(&format!("{year}-{month}-{day}T{clock}Z")).unwrap(),
            latitude: cell(1),
            longitude: cell(2),
            speed: cell(3),
            sound: cell(5),
            altitude: cell(10),
        }
    }

    fn sample(&self, values: &[(&str, &str, &str)]) -> Sample {
        let value = |(name, unit, text): &(&str, &str, &str)| SampleValue {
            transducer: name.parse().unwrap(),
            unit: unit.parse().unwrap(),
            value: match *name {
                "sound" | "fix_mode" => Value::Integer(text.parse().unwrap()),
                _ => Value::Float(text.parse().unwrap()),
            },
        };
        Sample { time: self.time, values: values.iter().map(value).collect() }
    }
}

#[tokio::test]
async fn a_ride_arrives_as_it_was_recorded_from_json_lines_senml_and_gpsd() {
    let Some(folder) = recordings("sensebox-bike") else { return };
    let rows = Row::all(&folder);
    assert_eq!(rows.len(), 2_048);
    let cities = Cities::found().await;
    let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (json, senml) = (cities.fujisawa.place("ride.jsonl"), cities.fujisawa.place("ride.senml"));
    std::fs::write(&json, rows.iter().map(json_line).collect::<String>()).unwrap();
    std::fs::write(&senml, rows.iter().map(senml_line).collect::<String>()).unwrap();
    let inputs = RIDE
        .replace("RIDE.jsonl", json.to_str().unwrap())
        .replace("RIDE.senml", senml.to_str().unwrap())
        .replace("RECEIVER", &receiver.local_addr().unwrap().to_string());
    let reports: String = rows.iter().map(gpsd_report).collect();
    let gpsd = tokio::spawn(serve_gpsd(receiver, reports));

    let wanted = |sample: fn(&Row) -> Sample| rows.iter().map(sample).collect::<Vec<_>>();
    let wanted = Streams::from([
        ("fujisawa/ride/json".to_owned(), wanted(json_sample)),
        ("fujisawa/ride/senml".to_owned(), wanted(senml_sample)),
        ("fujisawa/ride/tpv".to_owned(), wanted(gpsd_sample)),
    ]);
    let arrived = cities.carry(&inputs, &wanted).await;
    assert_equal(&arrived, &wanted);
    within("gpsd's end", gpsd).await.unwrap();
}

/// Three ways for one ride; gpsd ends when the ride does.
const RIDE: &str = r#"
[[input]]
name = "json"
topic = "fujisawa/ride/json"
source = { kind = "file", path = "RIDE.jsonl" }

[input.format]
kind = "jsonl"
time = { pointer = "/at", format = "rfc3339" }

[[input.format.value]]
pointer = "/position/latitude"
name = "latitude"
unit = "deg"
kind = "float"

[[input.format.value]]
pointer = "/sound"
name = "sound"
kind = "integer"

[[input]]
name = "senml"
topic = "fujisawa/ride/senml"
source = { kind = "file", path = "RIDE.senml" }
format = { kind = "senml", names = "local" }

[[input]]
name = "gpsd"
topic = "fujisawa/ride/{stream}"
source = { kind = "gpsd", address = "RECEIVER", reconnect = false }
format = { kind = "gpsd" }
"#;

fn json_line(row: &Row) -> String {
    let Row { time, latitude, sound, .. } = row;
    format!("{{\"at\":\"{time}\",\"position\":{{\"latitude\":{latitude}}},\"sound\":{sound}}}\n")
}

fn json_sample(row: &Row) -> Sample {
    row.sample(&[("latitude", "deg", &row.latitude), ("sound", "", &row.sound)])
}

fn senml_line(row: &Row) -> String {
    let Row { altitude, speed, .. } = row;
    let seconds = row.time.as_micros() / 1_000_000;
    format!(
        "[{{\"bn\":\"ride/\",\"bt\":{seconds},\"n\":\"altitude\",\"u\":\"m\",\"v\":{altitude}}},\
         {{\"n\":\"speed\",\"u\":\"km/h\",\"v\":{speed}}}]\n"
    )
}

fn senml_sample(row: &Row) -> Sample {
    row.sample(&[("altitude", "m", &row.altitude), ("speed", "km/h", &row.speed)])
}

fn gpsd_report(row: &Row) -> String {
    let Row { time, latitude, longitude, altitude, .. } = row;
    format!(
        "{{\"class\":\"TPV\",\"device\":\"/dev/ttyUSB0\",\"mode\":3,\"time\":\"{time}\",\
         \"lat\":{latitude},\"lon\":{longitude},\"altMSL\":{altitude}}}\r\n"
    )
}

fn gpsd_sample(row: &Row) -> Sample {
    row.sample(&[
        ("fix_mode", "1", "3"),
        ("latitude", "deg", &row.latitude),
        ("longitude", "deg", &row.longitude),
        ("altitude", "m", &row.altitude),
    ])
}

/// Speaks as gpsd does: its version first, and reports to whoever asked for them.
async fn serve_gpsd(listener: TcpListener, reports: String) {
    let (stream, _from) = listener.accept().await.unwrap();
    let (reading, mut writing) = stream.into_split();
    let version =
        "{\"class\":\"VERSION\",\"release\":\"3.25\",\"rev\":\"3.25\",\"proto_major\":3}\n";
    writing.write_all(version.as_bytes()).await.unwrap();
    let asked = BufReader::new(reading).lines().next_line().await.unwrap().unwrap();
    assert!(asked.starts_with("?WATCH={\"enable\":true"), "{asked}");
    writing.write_all(reports.as_bytes()).await.unwrap();
    writing.shutdown().await.unwrap();
}
