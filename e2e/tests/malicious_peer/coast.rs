//! Two cities under contract, one of which has lost its node to a false peer; in the other one a
//! truck publishes and an app reads, and an app reads what comes from the first.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use sekisho::{Client, Publisher, Scope, Start};
use sekisho_e2e::false_peer::{Luggage, Misdeed, Plan};
use sekisho_e2e::{
    City, Member, Press, Reader, eventually, holds_key, linked, peer_with, permitted, sample,
    samples, within,
};
use sekisho_seal::HeaderDraft;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Where a buoy of the lost city publishes.
const SEA: &str = "santander/sea/buoy";
/// What the lost city offers.
pub(crate) const SEAS: &str = "santander/sea/#";
/// What this city offers the lost one.
pub(crate) const SHARED: &str = "fujisawa/shared/#";

const AIR: &str = "fujisawa/bystander/air";
const AIRS: &str = "fujisawa/bystander/#";

/// See the module.
pub(crate) struct Coast {
    pub(crate) fujisawa: City,
    pub(crate) santander: City,
    /// Of Santander.
    pub(crate) buoy: Press,
    /// Of Fujisawa; may read what the buoy says.
    app: Member,
    locals: Locals,
    luggage: Luggage,
    runs: usize,
}

/// Those in Fujisawa who have nothing to do with any of it.
struct Locals {
    app: Member,
    reader: Reader,
    client: Client,
    publisher: Publisher,
    count: i64,
}

/// The program in the place of Santander's node.
pub(crate) struct FalsePeer {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Coast {
    pub(crate) async fn found() -> Self {
        Self::found_on(&[]).await
    }

    /// With further terms of Fujisawa, which are what it allows the other city.
    pub(crate) async fn found_on(terms: &[&str]) -> Self {
        let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
        let offer = ["--export", SHARED, "--import", SEAS];
        peer_with(&fujisawa, &santander, &[&offer, terms].concat()).await;
        tokio::join!(linked(&santander, &fujisawa), linked(&fujisawa, &santander));
        let locals = Locals::begin(&fujisawa).await;
        let buoy = Member::device(&santander, "buoy", SEAS).await;
        let buoy = Press::begin(&buoy, SEA).await;
        let app = Member::enrol(&fujisawa, "dashboard", &["--kind", "app"]).await;
        let grant = ["grant", "dashboard@fujisawa", "subscribe,history,decrypt", SEAS, "--yes"];
        santander.run(&grant).await.succeeded();
        let shared = ["grant", "*@santander", "subscribe,history", SHARED, "--yes"];
        fujisawa.run(&shared).await.succeeded();
        permitted(&fujisawa, "dashboard@fujisawa", "subscribe", SEA).await;
        holds_key(&app, SEA).await;
        let luggage = Luggage::default();
        Self { fujisawa, santander, buoy, app, locals, luggage, runs: 0 }
    }

    /// What the buoy says next, `count` times, is given to the false peer to be passed on.
    pub(crate) fn pack(&mut self, count: usize) {
        self.luggage.honest.clear();
        for _ in 0..count {
            let draft = HeaderDraft { scope: Scope::Federation, ..self.buoy.draft() };
            let envelope = self.buoy.seal(draft, "honest");
            self.luggage.honest.push((envelope.encoded().clone(), self.buoy.attached()));
            self.buoy.advance(&envelope);
        }
    }

    /// Gives the false peer real envelopes that are not its to pass on.
    pub(crate) fn pack_stolen(&mut self, presses: &mut [Press], scope: Scope) {
        for press in presses {
            let draft = HeaderDraft { scope, ..press.draft() };
            let envelope = press.seal(draft, "stolen");
            self.luggage.stolen.push((envelope.encoded().clone(), press.attached()));
        }
    }

    /// Santander's node ends, and the false peer takes its place and its folder.
    pub(crate) async fn lose(&mut self) {
        self.santander.stop_steward().await;
        self.santander.stop_node().await;
    }

    /// The false peer begins; what is counted, the misdeed says.
    pub(crate) async fn besiege(&mut self, misdeed: Misdeed, count: u64) -> FalsePeer {
        self.runs += 1;
        let luggage = self.santander.place(format!("luggage-{}", self.runs));
        self.luggage.pack(&luggage);
        let profile = self.fujisawa.administrator().profile().clone();
        let plan = Plan {
            misdeed,
            organisation: self.santander.dir(),
            listen: self.santander.quic(),
            node: self.fujisawa.quic(),
            node_key: profile.node_key,
            victim: self.fujisawa.name().parse().unwrap(),
            offered: SHARED.parse().unwrap(),
            luggage,
            count,
        };
        FalsePeer::start(&plan).await
    }

    /// A metric of Fujisawa's node about the peer, with another label.
    pub(crate) async fn counted(&self, name: &str, label: &str, value: &str) -> f64 {
        let name = format!("{name}{{peer=\"santander\",{label}=\"{value}\"}}");
        self.fujisawa.metric(&name).await
    }

    /// Waits until something about the peer was counted so often.
    pub(crate) async fn counts(&self, name: &str, (label, value): (&str, &str), least: f64) {
        eventually(&format!("{least} of {name} {value}"), || async {
            (self.counted(name, label, value).await >= least).then_some(())
        })
        .await;
    }

    /// Exactly these refusals of the peer's records, by code; some are made after a while.
    pub(crate) async fn refuses(&self, wanted: &[(&str, usize)]) {
        for (code, count) in wanted {
            let count = f64::from(u32::try_from(*count).unwrap());
            self.counts("sekisho_link_refused_total", ("code", code), count).await;
            let found = self.counted("sekisho_link_refused_total", "code", code).await;
            assert_eq!(found.to_string(), count.to_string(), "refused as {code}");
        }
    }

    /// Fujisawa's node says this in its log.
    pub(crate) fn says(&self, words: &str) {
        let log = self.fujisawa.log();
        assert!(log.contains(words), "wanted {words:?} in the log:\n{log}");
    }

    /// How many samples of the locals get through while something lasts, one after the other: at
    /// least so many.
    pub(crate) async fn goes_on(&mut self, times: usize) {
        for _ in 0..times {
            self.locals.goes_on().await;
        }
        let ready = self.fujisawa.page("/readyz").await;
        assert_eq!(ready.status, 200, "{}", ready.body);
    }

    /// Everything the buoy has said up to now is with the app, once, in order, opened, and nothing
    /// else.
    pub(crate) async fn app_has(&self, count: usize) {
        let mut reader = Reader::start(&self.app, SEAS, Start::Earliest).await;
        for _ in 0..count {
            assert_eq!(reader.message().await.body().unwrap(), "honest".as_bytes());
        }
        reader.close().await;
    }

    /// The locals have everything; the node stops in good order, whatever the peer does.
    pub(crate) async fn ends_well(mut self) {
        self.goes_on(1).await;
        let Locals { app, reader, client, count, .. } = self.locals;
        let mut history = Reader::start(&app, AIRS, Start::Earliest).await;
        let kept = history.samples(usize::try_from(count).unwrap()).await;
        assert_eq!(kept, samples(0..count));
        history.close().await;
        reader.close().await;
        within("the truck's end", client.close()).await;
        assert_eq!(self.fujisawa.stop_node().await, Some(0), "the node's exit code");
    }

    /// Bytes of memory of Fujisawa's node.
    pub(crate) async fn resident(&self) -> f64 {
        self.fujisawa.metric("sekisho_resident_bytes").await
    }
}

impl Locals {
    async fn begin(city: &City) -> Self {
        let (truck, app) = tokio::join!(
            Member::device(city, "bystander", AIRS),
            Member::reader(city, "onlooker", AIRS)
        );
        holds_key(&app, AIR).await;
        let reader = Reader::start(&app, AIRS, Start::Earliest).await;
        let client = truck.connect().await;
        let topic = AIR.parse().unwrap();
        let publisher = within("a publisher", client.publisher(topic).start()).await.unwrap();
        let mut locals = Self { app, reader, client, publisher, count: 0 };
        locals.goes_on().await;
        locals
    }

    /// A sample gets from the truck to the app.
    async fn goes_on(&mut self) {
        self.publisher.publish(sample(self.count)).await.unwrap();
        within("an acknowledgement", self.publisher.flush()).await.unwrap();
        assert_eq!(self.reader.samples(1).await, [sample(self.count)]);
        self.count += 1;
    }
}

impl FalsePeer {
    async fn start(plan: &Plan) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_false_peer"));
        command.args(plan.arguments()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        // It is never held up by nobody listening.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let peer = Self { child, said };
        peer.tells(if plan.misdeed.is_of_a_guest() { "at work on " } else { "serving on " }).await;
        peer
    }

    /// Waits until it has said something that begins like this, and returns all of it.
    pub(crate) async fn tells(&self, beginning: &str) -> String {
        eventually(&format!("the false peer to say {beginning:?}"), || async {
            self.lines().into_iter().rev().find(|line| line.starts_with(beginning))
        })
        .await
    }

    /// Everything it has said.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it where it stands.
    pub(crate) async fn end(mut self) {
        self.child.kill().await.unwrap();
    }
}
