//! Measures what those of a city notice of a false peer: how long a sample takes from a truck to an
//! app of the same city, while the peer does its worst and while it does nothing, in turns.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sekisho::{Batch, Client, Publisher, Scope, Start, Timestamp, clock};
use sekisho_seal::HeaderDraft;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{MissedTickBehavior, interval};

use crate::city::City;
use crate::false_peer::{Luggage, Misdeed, Plan};
use crate::member::Member;
use crate::patience::{eventually, within};
use crate::peering::{linked, peer_with};
use crate::press::Press;
use crate::reader::Reader;
use crate::rights::holds_key;
use crate::sample::{number_of, sample};
use crate::stranger::Stranger;

const AIR: &str = "fujisawa/bystander/air";
const AIRS: &str = "fujisawa/bystander/#";
const SHARED: &str = "fujisawa/shared/#";
const SHARED_AIR: &str = "fujisawa/shared/air";
/// What a peer has asked for and holds.
const INTERESTS: &str = "sekisho_peer_interests{peer=\"santander\"}";
/// Records that a storm can ask for, each of 10 KB.
const HISTORY: usize = 2_000;
/// How much of each misdeed: more than is done while it is measured.
const MISDEEDS: [(Misdeed, u64); 9] = [
    (Misdeed::Interests, 1_000_000),
    (Misdeed::HistoryStorm, 64),
    (Misdeed::Unread, 200),
    (Misdeed::Overdraw, 10_000_000),
    (Misdeed::StateFlood, 10_000_000),
    (Misdeed::EmptyFlood, 100_000_000),
    (Misdeed::CheckpointFlood, 100_000_000),
    (Misdeed::PongFlood, 100_000_000),
    (Misdeed::GapFlood, 100_000_000),
];

/// What was measured of one misdeed.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Which.
    pub misdeed: Misdeed,
    /// Just before it.
    pub calm: Quantiles,
    /// Meanwhile.
    pub besieged: Quantiles,
    /// The last thing that it said of itself.
    pub said: String,
}

/// Of the times that samples took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantiles {
    /// Samples measured.
    pub count: usize,
    /// Half of them took no longer.
    pub p50: Duration,
    /// Of a hundred, 99 took no longer.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

/// Measures every misdeed for `each`, and as long without it, with `per_s` samples a second.
/// `false_peer` is the program of that name.
pub async fn measure(
    false_peer: &Path,
    each: Duration,
    per_s: u32,
    mut tell: impl FnMut(&Measured),
) {
    let (fujisawa, mut santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    let terms = ["--export", "santander/sea/#", "--import", SHARED];
    peer_with(&santander, &fujisawa, &terms).await;
    tokio::join!(linked(&santander, &fujisawa), linked(&fujisawa, &santander));
    let shared = ["grant", "*@santander", "subscribe,history", SHARED, "--yes"];
    fujisawa.run(&shared).await.succeeded();
    share(&fujisawa).await;
    let mut pair = Pair::begin(&fujisawa).await;
    santander.stop_steward().await;
    santander.stop_node().await;
    // The first samples of all pay for everything that is done once.
    pair.measure(each / 4, per_s).await;
    for (misdeed, count) in MISDEEDS {
        let calm = pair.measure(each, per_s).await;
        let mut peer = Peer::begin(false_peer, &fujisawa, &santander, misdeed, count).await;
        let besieged = pair.measure(each, per_s).await;
        let said = peer.end().await;
        // What it held the next one cannot have.
        eventually("the node to let go of the false peer", || async {
            (fujisawa.metric(INTERESTS).await < 1.0).then_some(())
        })
        .await;
        tell(&Measured { misdeed, calm, besieged, said });
    }
}

/// Stores what a storm asks for.
async fn share(city: &City) {
    let device = Member::device(city, "sharer", SHARED).await;
    let mut wire = Stranger::as_member(city, &device).welcome().await;
    let mut press = Press::begin(&device, SHARED_AIR).await;
    for number in 0..HISTORY {
        let draft = HeaderDraft { scope: Scope::Federation, ..press.draft() };
        let envelope = press.seal(draft, &format!("{number:010000}"));
        let published = wire.publish(envelope.encoded().clone(), press.attached()).await;
        published.expect("it is taken");
        press.advance(&envelope);
    }
}

/// A truck and an app of one city.
struct Pair {
    _client: Client,
    publisher: Publisher,
    reader: Reader,
    next: i64,
}

impl Pair {
    async fn begin(city: &City) -> Self {
        let (truck, app) = tokio::join!(
            Member::device(city, "bystander", AIRS),
            Member::reader(city, "onlooker", AIRS)
        );
        holds_key(&app, AIR).await;
        let reader = Reader::start(&app, AIRS, Start::Latest).await;
        let client = truck.connect().await;
        let topic = AIR.parse().expect("a topic");
        let publisher = client.publisher(topic).batch(Batch::single()).start();
        let publisher = within("a publisher", publisher).await.expect("a publisher");
        Self { _client: client, publisher, reader, next: 0 }
    }

    /// Publishes at a steady pace, whatever becomes of it, and takes the time of each sample.
    async fn measure(&mut self, during: Duration, per_s: u32) -> Quantiles {
        let period = Duration::from_secs(1) / per_s;
        let count = i64::try_from(during.as_micros() / period.as_micros()).expect("a few samples");
        let first = self.next;
        let mut pace = interval(period);
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut sent: Vec<Timestamp> = Vec::new();
        let mut took: Vec<Duration> = Vec::new();
        let mut arrived = 0;
        while arrived < count {
            tokio::select! {
                _tick = pace.tick(), if self.next < first + count => {
                    sent.push(clock::now());
                    self.publisher.publish(sample(self.next)).await.expect("it is taken");
                    self.next += 1;
                }
                message = self.reader.message() => {
                    let now = clock::now();
                    for sample in message.samples().expect("samples") {
                        let index = usize::try_from(number_of(&sample) - first).ok();
                        let sent = index.and_then(|index| sent.get(index));
                        took.push(now.saturating_since(*sent.expect("it was sent")));
                        arrived += 1;
                    }
                }
            }
        }
        Quantiles::of(took)
    }
}

impl Quantiles {
    fn of(mut took: Vec<Duration>) -> Self {
        took.sort();
        let at = |percent: usize| {
            let index = (took.len() * percent).div_ceil(100).saturating_sub(1);
            took.get(index).copied().unwrap_or_default()
        };
        Self { count: took.len(), p50: at(50), p99: at(99), max: at(100) }
    }
}

/// The program at work.
struct Peer {
    child: Child,
    log: PathBuf,
}

impl Peer {
    async fn begin(
        program: &Path,
        fujisawa: &City,
        santander: &City,
        misdeed: Misdeed,
        count: u64,
    ) -> Self {
        let luggage = santander.place("luggage");
        Luggage::default().pack(&luggage);
        let plan = Plan {
            misdeed,
            organisation: santander.dir(),
            listen: santander.quic(),
            node: fujisawa.quic(),
            node_key: fujisawa.administrator().profile().node_key,
            victim: fujisawa.name().parse().expect("a name"),
            offered: SHARED.parse().expect("a filter"),
            luggage,
            count,
        };
        let log = santander.place(format!("{}.log", misdeed.name()));
        let mut command = Command::new(program);
        command.args(plan.arguments()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().expect("the false peer");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        // The second thing it says is that it is at it; a link is dialled again after a while.
        for _word in 0..2 {
            within("a word of the false peer", lines.next_line()).await.expect("its output");
        }
        let kept = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                drop(std::fs::write(&kept, line));
            }
        });
        Self { child, log }
    }

    /// Ends it; the last thing that it said.
    async fn end(&mut self) -> String {
        self.child.kill().await.expect("it runs");
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}
