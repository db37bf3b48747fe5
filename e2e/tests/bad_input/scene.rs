//! A city that goes about its work while somebody else misbehaves: a truck that publishes and an
//! app that reads, both by the SDK.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sekisho::{Client, Publisher, RefusalCode, Start};
use sekisho_e2e::{
    City, Member, Press, Reader, Stranger, Wire, eventually, holds_key, sample, samples, within,
};
use sekisho_proto::frame::Refused;

/// What the truck publishes on.
const TOPIC: &str = "fujisawa/bystander/air";
/// What the app reads.
const FILTER: &str = "fujisawa/bystander/#";

/// The city and those in it who do no wrong.
pub(crate) struct Scene {
    pub(crate) city: City,
    app: Member,
    reader: Reader,
    client: Client,
    publisher: Publisher,
    published: i64,
    received: i64,
}

impl Scene {
    pub(crate) async fn open() -> Self {
        Self::in_city(City::found("fujisawa").await).await
    }

    /// In a city that runs already.
    pub(crate) async fn in_city(city: City) -> Self {
        let (truck, app) = tokio::join!(
            Member::device(&city, "bystander", FILTER),
            Member::reader(&city, "onlooker", FILTER)
        );
        holds_key(&app, TOPIC).await;
        let reader = Reader::start(&app, FILTER, Start::Earliest).await;
        let client = truck.connect().await;
        let topic = TOPIC.parse().unwrap();
        let publisher = within("a publisher", client.publisher(topic).start()).await.unwrap();
        let mut scene = Self { city, app, reader, client, publisher, published: 0, received: 0 };
        scene.goes_on().await;
        scene
    }

    /// The node says that it is well, and a sample gets from the truck to the app.
    pub(crate) async fn goes_on(&mut self) {
        self.is_well().await;
        self.sends().await;
        self.receives().await;
    }

    /// The node says that it is well.
    pub(crate) async fn is_well(&self) {
        let ready = self.city.page("/readyz").await;
        assert_eq!(ready.status, 200, "{}", ready.body);
    }

    /// The truck hands a sample to its SDK.
    pub(crate) async fn sends(&mut self) {
        self.publisher.publish(sample(self.published)).await.unwrap();
        self.published += 1;
    }

    /// Everything sent is acknowledged, and the app gets what is new of it.
    pub(crate) async fn receives(&mut self) {
        within("an acknowledgement", self.publisher.flush()).await.unwrap();
        let count = usize::try_from(self.published - self.received).unwrap();
        let new = samples(self.received..self.published);
        assert_eq!(self.reader.samples(count).await, new);
        self.received = self.published;
    }

    /// Everything that was acknowledged is there.
    pub(crate) async fn has_everything(&self) {
        let mut history = Reader::start(&self.app, FILTER, Start::Earliest).await;
        let kept = history.samples(usize::try_from(self.received).unwrap()).await;
        assert_eq!(kept, samples(0..self.received));
        history.close().await;
    }

    /// The node is stopped in good order and started again; those who do no wrong come back.
    pub(crate) async fn restarts(&mut self) {
        assert_eq!(self.city.stop_node().await, Some(0), "the node's exit code");
        self.city.start_node().await;
        self.goes_on().await;
    }

    /// As [`goes_on`](Self::goes_on), and everything that was acknowledged is still there.
    pub(crate) async fn ends_well(mut self) {
        self.goes_on().await;
        self.has_everything().await;
        self.keeps_secrets().await;
        self.reader.close().await;
        within("the truck's end", self.client.close()).await;
        assert_eq!(self.city.stop_node().await, Some(0), "the node's exit code");
    }

    /// Nothing that was refused made anybody tell a secret: none of a key file or a token is in what
    /// node and steward logged, or on the node's page.
    async fn keeps_secrets(&self) {
        let page = self.city.page("/metrics").await.body;
        let logs = ["serve.log", "steward.log"];
        let logs = logs.map(|name| fs::read_to_string(self.city.place(name)).unwrap());
        let told = [&logs[..], &[page]].concat().concat();
        let secrets = secrets_in(&self.city.place(""));
        assert!(
            secrets.len() >= 10,
            "wanted the secrets of six key files, found {}",
            secrets.len()
        );
        for (path, secret) in secrets {
            assert!(!told.contains(&secret), "{}: its secret was told", path.display());
        }
    }

    /// A device with a right to publish below a filter, its session and its press on a topic.
    pub(crate) async fn device(
        &self,
        name: &str,
        filter: &str,
        topic: &str,
    ) -> (Member, Wire, Press) {
        let member = Member::device(&self.city, name, filter).await;
        let wire = Stranger::as_member(&self.city, &member).welcome().await;
        let press = Press::begin(&member, topic).await;
        (member, wire, press)
    }

    /// Publishes what the node must refuse, with these words, and must count.
    pub(crate) async fn refuses(
        &self,
        wire: &mut Wire,
        (envelope, key_header): (impl Into<Bytes>, Option<Bytes>),
        (code, words): (RefusalCode, &str),
    ) -> Refused {
        let before = self.city.refused(code.name()).await;
        let refused = wire.publish(envelope, key_header).await.unwrap_err();
        let told = format!("{}: {}", refused.what, refused.why);
        assert_eq!(refused.code, code, "wanted {words:?}, found {told}");
        assert!(told.contains(words), "wanted {words:?}, found {told}");
        assert_eq!(self.city.refused(code.name()).await, before + 1.0, "{told}");
        refused
    }

    /// Connections that ended before a welcome for a reason.
    pub(crate) async fn turned_away(&self, reason: &str) -> f64 {
        self.city.metric(&format!("sekisho_handshake_failures_total{{reason=\"{reason}\"}}")).await
    }

    /// Resolves when so many were turned away, the last for `what`: whoever is may hear of it before it
    /// is counted.
    pub(crate) async fn have_turned_away(&self, reason: &str, count: f64, what: &str) {
        eventually(what, || async { (self.turned_away(reason).await >= count).then_some(()) })
            .await;
    }
}

/// A city whose node has these limits.
pub(crate) async fn limited(limits: &str) -> Scene {
    let mut city = City::plan("fujisawa").await;
    let config = city.dir().join("sekisho.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}\n[limits]\n{limits}\n")).unwrap();
    city.start().await;
    Scene::in_city(city).await
}

/// Every seed and token in the files of a folder and those below it.
fn secrets_in(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(secrets_in(&path));
            continue;
        }
        let extension = path.extension().and_then(|extension| extension.to_str());
        let Some("key" | "token") = extension else { continue };
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines() {
            let seed =
                ["signing-seed: ", "kem-seed: "].iter().find_map(|name| line.strip_prefix(name));
            let token = line.starts_with("sekisho-join").then_some(line);
            found.extend(seed.or(token).map(|secret| (path.clone(), secret.to_owned())));
        }
    }
    found
}
