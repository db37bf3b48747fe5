//! The fleet: one process, one connection, identity and publisher for each truck.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use sekisho::{Publisher, Sample, SampleValue, Scope, Timestamp, Topic, Value, clock};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::people::People;
use super::route::Way;
use crate::access::Access;
use crate::exit::Exit;
use crate::launch::{Child, arguments};
use crate::output;

/// Simulate trucks until standard input ends.
#[derive(Debug, Args)]
pub(crate) struct Fleet {
    /// The folder with one profile for each truck.
    #[arg(long)]
    dir: PathBuf,
    /// Samples per second of each.
    #[arg(long)]
    hz: u32,
    /// The text in every sample.
    #[arg(long)]
    mark: String,
    /// The bits of the number in every sample.
    #[arg(long)]
    number: u64,
}

/// Trucks sample this far apart from each other, until so many do.
const MOMENTS: Duration = Duration::from_micros(500);
const MOMENTS_COUNT: u32 = 100;

/// The 23 transducers of Keio's trucks: name, unit, title, and the least and the most that each can
/// measure.
pub(super) const TRANSDUCERS: [(&str, &str, &str, &str, &str); 23] = [
    ("latitude", "deg", "Latitude", "-90", "90"),
    ("longitude", "deg", "Longitude", "-180", "180"),
    ("speed", "km/h", "Speed", "0", "120"),
    ("course", "deg", "Course", "0", "360"),
    ("pm2_5", "ug/m3", "Fine dust (PM2.5)", "0", "500"),
    ("temperature", "Cel", "Temperature", "-20", "60"),
    ("humidity", "%", "Relative humidity", "0", "100"),
    ("pressure", "hPa", "Air pressure", "870", "1085"),
    ("uv", "{index}", "UV index", "0", "15"),
    ("noise", "dB", "Noise", "30", "120"),
    ("no2", "ug/m3", "Nitrogen dioxide", "0", "400"),
    ("acceleration_x", "m/s2", "Acceleration, ahead", "-20", "20"),
    ("acceleration_y", "m/s2", "Acceleration, aside", "-20", "20"),
    ("acceleration_z", "m/s2", "Acceleration, down", "-20", "20"),
    ("angular_velocity_x", "deg/s", "Rolling", "-250", "250"),
    ("angular_velocity_y", "deg/s", "Pitching", "-250", "250"),
    ("angular_velocity_z", "deg/s", "Turning", "-250", "250"),
    ("geomagnetism_x", "uT", "Magnetic field, ahead", "-100", "100"),
    ("geomagnetism_y", "uT", "Magnetic field, aside", "-100", "100"),
    ("geomagnetism_z", "uT", "Magnetic field, down", "-100", "100"),
    ("satellites", "1", "Satellites in view", "0", "40"),
    ("reference", "1", "Reference of the instrument", "", ""),
    SERIAL,
];
const SERIAL: (&str, &str, &str, &str, &str) = ("serial", "", "Serial number", "", "");

/// What a fleet published, by the nodes' acknowledgements.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Published {
    pub(super) samples: u64,
    pub(super) envelopes: u64,
    pub(super) lost: u64,
    pub(super) seconds: f64,
}

impl Fleet {
    /// Starts the fleet's process; resolves when it is on the road.
    pub(super) fn start(people: &People, hz: u32) -> Result<Child> {
        let (hz, number) = (hz.to_string(), people.number.to_bits().to_string());
        Child::start(
            "fleet",
            arguments([
                &"simulate",
                &"fleet",
                &"--dir",
                &people.trucks,
                &"--hz",
                &hz,
                &"--mark",
                &people.mark,
                &"--number",
                &number,
            ]),
        )
    }

    pub(crate) async fn run(self) -> Result<Exit> {
        let started = clock::now();
        let stop = when_input_ends();
        let profiles = std::fs::read_dir(&self.dir)
            .with_context(|| format!("{}", self.dir.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<PathBuf>>>()?;
        let start = Arc::new(Barrier::new(profiles.len()));
        let mut trucks = JoinSet::new();
        for dir in profiles {
            let truck = Truck {
                access: Access::load(&dir)?,
                number: f64::from_bits(self.number),
                mark: self.mark.clone(),
                pace: Duration::from_secs(1) / self.hz.max(1),
            };
            trucks.spawn(truck.drive(Arc::clone(&start), stop.clone()));
        }
        let mut all = Published { samples: 0, envelopes: 0, lost: 0, seconds: 0.0 };
        while let Some(published) = trucks.join_next().await {
            let published = published??;
            all.samples += published.samples;
            all.envelopes += published.envelopes;
            all.lost += published.lost;
        }
        all.seconds = clock::now().saturating_since(started).as_secs_f64();
        output::json(&serde_json::to_value(all)?);
        Ok(Exit::Done)
    }
}

/// Tells the fleet to end and returns what it published.
pub(super) async fn finish(mut fleet: Child) -> Result<Published> {
    fleet.ask_to_end();
    let published = fleet.document().await?;
    fleet.wait().await?;
    Ok(published)
}

/// A token that ends with standard input: a parent that dies takes its children along.
pub(super) fn when_input_ends() -> CancellationToken {
    let stop = CancellationToken::new();
    let fired = stop.clone();
    tokio::spawn(async move {
        let mut rest = Vec::new();
        // However the input ends, it has ended.
        drop(tokio::io::stdin().read_to_end(&mut rest).await);
        fired.cancel();
    });
    stop
}

struct Truck {
    access: Access,
    mark: String,
    number: f64,
    pace: Duration,
}

impl Truck {
    /// All set off together, when each has its first sample at the node: else the figures would be
    /// those of a hundred handshakes and new spools at once.
    async fn drive(self, start: Arc<Barrier>, stop: CancellationToken) -> Result<Published> {
        let name = self.access.profile.principal.name().to_owned();
        let number = name.trim_start_matches("truck-");
        let topic: Topic = format!("fujisawa/truck/{number}/air").parse()?;
        let client = self.access.connect().await?;
        let spool = self.access.dir.join("spool");
        let publisher =
            client.publisher(topic).scope(Scope::Federation).spool(spool).start().await?;
        let truck = number.parse().unwrap_or(0);
        publisher.publish(self.read(truck, clock::now())?).await?;
        publisher.flush().await?;
        stop.run_until_cancelled(start.wait()).await;
        let published = self.sample(&publisher, truck, &stop).await;
        publisher.flush().await?;
        let state = publisher.state();
        client.close().await;
        published?;
        Ok(Published {
            samples: state.samples_accepted,
            envelopes: state.envelopes_accepted,
            lost: state.samples_lost,
            seconds: 0.0,
        })
    }

    async fn sample(
        &self,
        publisher: &Publisher,
        truck: u32,
        stop: &CancellationToken,
    ) -> Result<()> {
        // Each at its own moment, as on the road.
        sleep(MOMENTS * (truck % MOMENTS_COUNT)).await;
        let mut ticks = interval(self.pace);
        // A late tick is made up for, so that the rate is what was asked for.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _at = ticks.tick() => publisher.publish(self.read(truck, clock::now())?).await?,
            }
        }
    }

    /// One reading of each of [`TRANSDUCERS`].
    fn read(&self, truck: u32, now: Timestamp) -> Result<Sample> {
        #[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 are below 2^53")]
        let seconds = now.as_micros() as f64 / 1e6;
        let way = Way::of(truck, seconds);
        let phase = seconds.rem_euclid(86_400.0) / 90.0 + f64::from(truck);
        let (sin, cos) = way.course.to_radians().sin_cos();
        let shaking = if way.speed > 0.0 { 1.0 } else { 0.1 };
        let readings: [f64; 22] = [
            way.latitude,
            way.longitude,
            way.speed,
            way.course,
            way.dust() + 1.5 * (phase * 0.7).sin(),
            17.5 + 2.0 * (phase * 0.2).cos() - (way.latitude - 35.31) * 20.0,
            61.0 + 9.0 * (phase * 0.3).sin(),
            1013.2 + 2.0 * (phase * 0.1).cos(),
            3.0 + 2.0 * (phase * 0.05).sin(),
            54.0 + way.speed * 0.3 + 2.0 * (phase * 5.0).sin(),
            way.dust() * 1.3 + 3.0 * (phase * 0.5).cos(),
            0.4 * shaking * (phase * 900.0).sin(),
            0.3 * shaking * (phase * 800.0).cos(),
            9.81 + 0.2 * shaking * (phase * 1100.0).sin(),
            1.5 * shaking * (phase * 700.0).sin(),
            1.2 * shaking * (phase * 600.0).cos(),
            4.0 * shaking * (phase * 20.0).cos(),
            30.0 * cos,
            -30.0 * sin,
            -35.0 + sin,
            11.0,
            self.number,
        ];
        let mut values = Vec::with_capacity(readings.len() + 1);
        for (&(transducer, unit, ..), value) in TRANSDUCERS.iter().zip(readings) {
            let value = Value::Float(value);
            values.push(SampleValue {
                transducer: transducer.parse()?,
                unit: unit.parse()?,
                value,
            });
        }
        let value = Value::Text(self.mark.clone());
        let (serial, unit, ..) = SERIAL;
        values.push(SampleValue { transducer: serial.parse()?, unit: unit.parse()?, value });
        Ok(Sample { time: now, values })
    }
}
