//! What a cut cable costs: two cities with a relay between them, a fleet that publishes at a fixed
//! rate, and a cut; how fast the other city catches up, what local readers notice of it, and how
//! many bytes the link takes above the envelopes.
//!
//! ```text
//! cargo build --release --package sekisho-cli
//! cargo run --release --package sekisho-e2e --bin partition -- [ENVELOPES-PER-S [SECONDS-CUT [SAMPLES-PER-ENVELOPE]]]
//! ```

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool that measures, and says so")]

use std::time::Duration;

use hdrhistogram::Histogram;
use sekisho::{Batch, Client, Delivery, Publisher, Scope, Start, clock};
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

struct Load {
    envelopes_per_s: u64,
    cut: Duration,
    samples: usize,
}

fn load() -> Load {
    let numbers: Vec<u64> = std::env::args().skip(1).map(|text| text.parse().unwrap()).collect();
    let number = |place: usize, otherwise| numbers.get(place).copied().unwrap_or(otherwise);
    Load {
        envelopes_per_s: number(0, 2_000),
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
    let per_s = f64::from(u32::try_from(load.envelopes_per_s).unwrap()) / f64::from(FLEET);
    let due_per_turn = per_s * TURN.as_secs_f64();
    let mut fleet = JoinSet::new();
    let client = truck.connect().await;
    for number in 0..FLEET {
        fleet.spawn(drive(client.clone(), number, due_per_turn, load.samples, told.clone()));
    }
    let watching = tokio::spawn(latencies(wall.connect().await, told.clone()));

    tokio::time::sleep(UNDISTURBED).await;
    let (records, bytes) = (santander.metric(RECORDS).await, relay.bytes_back());
    tokio::time::sleep(UNDISTURBED).await;
    let live = santander.metric(RECORDS).await - records;
    let live_bytes = count(relay.bytes_back() - bytes);
    println!("live: {:.0} envelopes/s over the link", live / UNDISTURBED.as_secs_f64());

    relay.cut(true);
    phase.send_replace(Phase::Cut);
    tokio::time::sleep(load.cut).await;
    let before = santander.metric(RECORDS).await;
    let backlog = fujisawa.metric("sekisho_log_head_position").await - before;
    relay.cut(false);
    let mended = clock::now();
    let (started, first_bytes) = eventually("the link to carry again", || async {
        (santander.metric(RECORDS).await > before).then(|| (clock::now(), relay.bytes_back()))
    })
    .await;
    phase.send_replace(Phase::CatchingUp);
    let caught_up = caught_up(&fujisawa, &santander).await;
    let took = clock::now().saturating_since(started);
    phase.send_replace(Phase::Over);
    let replayed = caught_up - before;
    let replayed_bytes = count(relay.bytes_back() - first_bytes);
    println!(
        "the link was back {:.1} s after the cable",
        started.saturating_since(mended).as_secs_f64()
    );
    println!(
        "caught up: a backlog of {backlog:.0} envelopes in {:.1} s, {replayed:.0} in all = {:.0}/s \
         = {:.1} times the live rate",
        took.as_secs_f64(),
        replayed / took.as_secs_f64(),
        replayed / took.as_secs_f64() / (live / UNDISTURBED.as_secs_f64()),
    );
    fleet.shutdown().await;
    let (histograms, envelope_bytes) = watching.await.unwrap();
    for (name, histogram) in &histograms {
        tell(name, histogram);
    }
    let over = |bytes: f64, records: f64| (bytes / records / envelope_bytes - 1.0) * 100.0;
    println!(
        "link: envelopes of {envelope_bytes:.0} bytes; {:.1} % more on the wire live, {:.1} % \
         while catching up",
        over(live_bytes, live),
        over(replayed_bytes, replayed),
    );
}

fn tell(phase: &str, latencies: &Histogram<u64>) {
    let (half, most) = (latencies.value_at_quantile(0.5), latencies.value_at_quantile(0.99));
    let count = latencies.len();
    println!("local latency {phase}: p50 {half} us, p99 {most} us, {count} envelopes");
}

/// When everything that the exporter has is at the importer.
async fn caught_up(fujisawa: &City, santander: &City) -> f64 {
    let mut looks = interval(Duration::from_millis(50));
    loop {
        looks.tick().await;
        let taken = santander.metric(RECORDS).await;
        // What was published while this was asked is not a backlog.
        if fujisawa.metric("sekisho_log_head_position").await - taken < 500.0 {
            return taken;
        }
    }
}

/// Publishes on schedule, whatever became of what went before.
async fn drive(
    client: Client,
    number: u32,
    due_per_turn: f64,
    samples: usize,
    mut phase: watch::Receiver<Phase>,
) {
    let topic = format!("fujisawa/truck/{number}/air");
    let batch = Batch { samples, interval: Duration::from_secs(5), ..Batch::default() };
    let builder = client.publisher(topic.parse().unwrap()).scope(Scope::Federation).batch(batch);
    let publisher: Publisher = builder.start().await.unwrap();
    let mut turns = interval(TURN);
    turns.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut due, mut next) = (0.0, 0);
    while *phase.borrow_and_update() != Phase::Over {
        turns.tick().await;
        due += due_per_turn;
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

fn count(number: u64) -> f64 {
    f64::from(u32::try_from(number / 1_000).unwrap()) * 1_000.0
}
