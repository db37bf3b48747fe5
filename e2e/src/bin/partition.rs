//! What a cut cable costs: two cities with a relay between them, a fleet that publishes at a fixed
//! rate, and a cut; how fast the other city catches up, what local readers notice of it, how busy
//! both nodes are, and how many bytes the link takes above the envelopes.
//!
//! ```text
//! cargo build --release --package sekisho-cli
//! cargo run --release --package sekisho-e2e --bin partition -- \
//!     [ENVELOPES-PER-S [SECONDS-CUT [SAMPLES-PER-ENVELOPE [ENVELOPES-PER-S-AFTERWARDS]]]]
//! ```

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool that measures, and says so")]

use std::time::Duration;

use hdrhistogram::Histogram;
use sekisho::{Batch, Client, Delivery, Publisher, Scope, Start, Timestamp, clock};
use sekisho_e2e::{City, Member, Relay, eventually, linked, peer_with, permitted, sample};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

const TRUCKS: &str = "fujisawa/truck/#";
const FLEET: u32 = 10;
/// Between two turns in which each truck publishes what is due.
const TURN: Duration = Duration::from_millis(10);
/// What runs before the cut, to compare with.
const UNDISTURBED: Duration = Duration::from_secs(10);
/// What has crossed the link.
const RECORDS: &str = "sekisho_link_records_total{peer=\"fujisawa\"}";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Undisturbed,
    Cut,
    CatchingUp,
    Over,
}

#[derive(Debug, Clone, Copy)]
struct Load {
    envelopes_per_s: u64,
    /// From when the link carries again. With none it is seen what the link can do by itself.
    afterwards_per_s: u64,
    cut: Duration,
    samples: usize,
}

fn load() -> Load {
    let numbers: Vec<u64> = std::env::args().skip(1).map(|text| text.parse().unwrap()).collect();
    let number = |place: usize, otherwise| numbers.get(place).copied().unwrap_or(otherwise);
    let envelopes_per_s = number(0, 2_000);
    Load {
        envelopes_per_s,
        afterwards_per_s: number(3, envelopes_per_s),
        cut: Duration::from_secs(number(1, 60)),
        samples: usize::try_from(number(2, 1)).unwrap(),
    }
}

#[tokio::main]
async fn main() {
    let load = load();
    let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    let relay = Relay::before(fujisawa.quic(), 1).await;
    let address = relay.address().to_string();
    peer_with(&fujisawa, &santander, &["--export", TRUCKS, "--address", &address]).await;
    linked(&fujisawa, &santander).await;
    let grant = ["grant", "*@santander", "subscribe,history", TRUCKS, "--yes"];
    fujisawa.run(&grant).await.succeeded();
    let (phase, told) = watch::channel(Phase::Undisturbed);
    let truck = Member::device(&fujisawa, "fleet", TRUCKS).await;
    let wall = Member::enrol(&fujisawa, "wall", &["--kind", "app", "--read", TRUCKS]).await;
    permitted(&fujisawa, "wall@fujisawa", "subscribe", "fujisawa/truck/0/air").await;
    let mut fleet = JoinSet::new();
    let client = truck.connect().await;
    for number in 0..FLEET {
        fleet.spawn(drive(client.clone(), number, load, told.clone()));
    }
    let watching = tokio::spawn(latencies(wall.connect().await, told.clone()));
    let link = Watched { fujisawa: &fujisawa, santander: &santander, relay: &relay };

    tokio::time::sleep(UNDISTURBED).await;
    let begun = link.look().await;
    tokio::time::sleep(UNDISTURBED).await;
    let live = link.since(&begun).await;
    println!("live: {:.0} envelopes/s over the link; {}", live.records_per_s(), live.work());

    relay.cut(true);
    phase.send_replace(Phase::Cut);
    tokio::time::sleep(load.cut).await;
    let before = santander.metric(RECORDS).await;
    let backlog = fujisawa.metric("sekisho_log_head_position").await - before;
    relay.cut(false);
    let mended = clock::now();
    let started = eventually("the link to carry again", || async {
        (santander.metric(RECORDS).await > before).then(clock::now)
    })
    .await;
    phase.send_replace(Phase::CatchingUp);
    let started = Look { at: started, ..link.look().await };
    caught_up(&fujisawa, &santander).await;
    let replayed = link.since(&started).await;
    phase.send_replace(Phase::Over);
    println!(
        "the link was back {:.1} s after the cable",
        started.at.saturating_since(mended).as_secs_f64()
    );
    println!(
        "caught up: a backlog of {backlog:.0} envelopes in {:.1} s, {:.0} in all = {:.0}/s = {:.1} \
         times the live rate; {}",
        replayed.seconds,
        replayed.records,
        replayed.records_per_s(),
        replayed.records_per_s() / live.records_per_s(),
        replayed.work(),
    );
    fleet.shutdown().await;
    let (histograms, envelope_bytes) = watching.await.unwrap();
    for (name, histogram) in &histograms {
        tell(name, histogram);
    }
    println!(
        "link: envelopes of {envelope_bytes:.0} bytes; {} live, {} while catching up",
        live.overhead(envelope_bytes),
        replayed.overhead(envelope_bytes),
    );
}

/// What is looked at of the link and of both ends of it.
struct Watched<'a> {
    fujisawa: &'a City,
    santander: &'a City,
    relay: &'a Relay,
}

/// What it has come to.
struct Look {
    at: Timestamp,
    records: f64,
    /// From the exporter, and to it.
    bytes: [u64; 2],
    /// The processor's time of exporter and importer.
    processor_s: [f64; 2],
}

/// Between two looks.
struct Stretch {
    seconds: f64,
    records: f64,
    bytes: [f64; 2],
    processor_s: [f64; 2],
}

impl Watched<'_> {
    async fn look(&self) -> Look {
        let records = self.santander.metric(RECORDS).await;
        Look {
            at: clock::now(),
            records,
            bytes: [self.relay.bytes_back(), self.relay.bytes_there()],
            processor_s: [self.fujisawa, self.santander].map(|city| city.node().processor_s()),
        }
    }

    async fn since(&self, before: &Look) -> Stretch {
        let now = self.look().await;
        let [back, there] = now.bytes;
        let [exporter_s, importer_s] = now.processor_s;
        Stretch {
            seconds: now.at.saturating_since(before.at).as_secs_f64(),
            records: now.records - before.records,
            bytes: [count(back - before.bytes[0]), count(there - before.bytes[1])],
            processor_s: [exporter_s - before.processor_s[0], importer_s - before.processor_s[1]],
        }
    }
}

impl Stretch {
    fn records_per_s(&self) -> f64 {
        self.records / self.seconds
    }

    fn work(&self) -> String {
        let [exporter, importer] = self.processor_s.map(|seconds| seconds / self.seconds);
        let each = self.processor_s[1] / self.records * 1e6;
        format!("exporter {exporter:.2} cores, importer {importer:.2} ({each:.0} us an envelope)")
    }

    fn overhead(&self, envelope_bytes: f64) -> String {
        let [more, back] = self.bytes.map(|bytes| bytes / self.records / envelope_bytes * 100.0);
        format!("{:.1} % more on the wire (and {back:.1} % the other way)", more - 100.0)
    }
}

fn tell(phase: &str, latencies: &Histogram<u64>) {
    let (half, most) = (latencies.value_at_quantile(0.5), latencies.value_at_quantile(0.99));
    let count = latencies.len();
    println!("local latency {phase}: p50 {half} us, p99 {most} us, {count} envelopes");
}

/// Waits until everything that the exporter has is at the importer.
async fn caught_up(fujisawa: &City, santander: &City) {
    let mut looks = interval(Duration::from_millis(50));
    loop {
        looks.tick().await;
        let taken = santander.metric(RECORDS).await;
        // What was published while this was asked is not a backlog.
        if fujisawa.metric("sekisho_log_head_position").await - taken < 500.0 {
            return;
        }
    }
}

/// Publishes on schedule, whatever became of what went before.
async fn drive(client: Client, number: u32, load: Load, mut phase: watch::Receiver<Phase>) {
    let topic = format!("fujisawa/truck/{number}/air");
    let Load { envelopes_per_s, afterwards_per_s, samples, .. } = load;
    let batch = Batch { samples, interval: Duration::from_secs(5), ..Batch::default() };
    let builder = client.publisher(topic.parse().unwrap()).scope(Scope::Federation).batch(batch);
    let publisher: Publisher = builder.start().await.unwrap();
    let mut turns = interval(TURN);
    turns.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut due, mut next) = (0.0, 0);
    loop {
        let per_s = match *phase.borrow_and_update() {
            Phase::Undisturbed | Phase::Cut => envelopes_per_s,
            Phase::CatchingUp => afterwards_per_s,
            Phase::Over => return,
        };
        turns.tick().await;
        due += count(per_s) / f64::from(FLEET) * TURN.as_secs_f64();
        while due >= 1.0 {
            due -= 1.0;
            for _sample in 0..samples {
                let mut sample = sample(next);
                sample.time = clock::now();
                next += 1;
                publisher.publish(sample).await.unwrap();
            }
        }
    }
}

/// How long envelopes take from truck 0 to a reader in the same city, by phase, and their bytes.
async fn latencies(
    client: Client,
    mut phase: watch::Receiver<Phase>,
) -> (Vec<(&'static str, Histogram<u64>)>, f64) {
    let mut histograms: Vec<(&'static str, Histogram<u64>)> =
        ["undisturbed", "while the cable is out", "while the other catches up"]
            .map(|name| (name, Histogram::new(3).unwrap()))
            .into();
    let filter = "fujisawa/truck/0/air".parse().unwrap();
    let mut reading = client.subscribe(filter).from(Start::Latest).start().await.unwrap();
    let (mut bytes, mut records) = (0.0, 0.0);
    loop {
        let place = match *phase.borrow() {
            Phase::Undisturbed => 0,
            Phase::Cut => 1,
            Phase::CatchingUp => 2,
            Phase::Over => return (histograms, bytes / records),
        };
        let delivery = tokio::select! {
            delivery = reading.next() => delivery,
            _changed = phase.changed() => continue,
        };
        let Some(Ok(Delivery::Message(message))) = delivery else { continue };
        bytes += count(message.envelope.encoded().len() as u64);
        records += 1.0;
        let took = clock::now().saturating_since(message.time).as_micros();
        if let Some((_name, histogram)) = histograms.get_mut(place) {
            histogram.record(u64::try_from(took).unwrap()).unwrap();
        }
    }
}

/// Exact below four thousand million, and beyond that to a thousand.
fn count(number: u64) -> f64 {
    u32::try_from(number).map_or_else(
        |_large| f64::from(u32::try_from(number / 1_000).unwrap()) * 1_000.0,
        f64::from,
    )
}
