//! Everybody loses the node at once, and everybody comes back at once.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sekisho::{
    Batch, Client, ClientOptions, Delivery, Identity, OsEntropy, Publisher, Start, Subscription,
    clock,
};
use sekisho_e2e::{City, Member, number_of, sample, skipped, within};
use sekisho_proto::statement::{Grant, Principal};
use sekisho_proto::{Action, PrincipalKind, StatementBody, Suite};
use sekisho_seal::sign_statement;
use tokio::task::JoinSet;
use tokio::time::{Duration, interval, timeout};

use crate::dice::setting;

const TOPIC: &str = "fujisawa/tide/level";
/// Clients where the environment says no other number.
const CROWD: u64 = 300;
/// Clients that dial for the first time side by side, and statements that are made at once.
const AT_ONCE: usize = 64;
const STATEMENTS_AT_ONCE: usize = 256;
/// Files that the test itself, and everything but clients, may have open.
const FILES: u64 = 512;
/// Samples before the storm, and after it began.
const BEFORE: i64 = 5;
const AFTER: i64 = 5;
/// How long everybody may take to be back and have everything: a test's deadline and no figure.
const ALL_BACK: Duration = Duration::from_secs(240);
/// What a node may weigh beside its clients, and with each of them, bytes: the debug build's, with
/// handshakes under way.
const NODE_BYTES: u64 = 128 << 20;
const CLIENT_BYTES: u64 = 256 << 10;

/// One of the crowd.
struct Onlooker {
    client: Client,
    subscription: Subscription,
    next: i64,
}

impl Onlooker {
    /// Reads up to a number, in order, without gap or repetition.
    async fn read_to(&mut self, end: i64) {
        while self.next < end {
            match self.subscription.next().await {
                Some(Ok(Delivery::Message(message))) => {
                    for sample in message.samples().unwrap() {
                        assert_eq!(number_of(&sample), self.next);
                        self.next += 1;
                    }
                }
                other => panic!("wanted number {}, found {other:?}", self.next),
            }
        }
    }
}

struct Storm {
    city: City,
    publisher: Publisher,
    published: i64,
    crowd: Vec<Onlooker>,
    _truck: Client,
}

impl Storm {
    async fn gather(count: usize) -> Self {
        let city = City::found("fujisawa").await;
        city.run(&["describe", TOPIC, "--class", "open", "--yes"]).await.succeeded();
        let truck = Member::device(&city, "gauge", "fujisawa/tide/#").await;
        let identities = enrol(&city, count).await;
        let truck = truck.connect().await;
        let publisher = truck.publisher(TOPIC.parse().unwrap()).batch(Batch::single());
        let publisher = within("a publisher", publisher.start()).await.unwrap();
        let crowd = connect(&city, identities).await;
        Self { city, publisher, published: 0, crowd, _truck: truck }
    }

    async fn publish(&mut self, count: i64) {
        for number in self.published..self.published + count {
            self.publisher.publish(sample(number)).await.unwrap();
        }
        self.published += count;
    }

    /// Everybody reads everything; `watch` looks after the node meanwhile.
    async fn all_read(&mut self) {
        let end = self.published;
        let mut reading = JoinSet::new();
        for mut onlooker in self.crowd.drain(..) {
            reading.spawn(async move {
                onlooker.read_to(end).await;
                onlooker
            });
        }
        let all = async {
            while let Some(onlooker) = reading.join_next().await {
                self.crowd.push(onlooker.unwrap());
            }
        };
        let back = timeout(ALL_BACK, all).await;
        assert!(back.is_ok(), "wanted everybody back, found {} of them", self.crowd.len());
    }

    /// The node is gone and back; how long until everybody is welcome again, and how long the
    /// slowest answer of the node took meanwhile, ms.
    async fn blow(&mut self, orderly: bool) -> (u128, u128) {
        if orderly {
            assert_eq!(self.city.stop_node().await, Some(0), "{}", self.city.log());
        } else {
            self.city.kill_node().await;
        }
        self.publish(AFTER).await;
        self.city.start_node().await;
        let begun = clock::now();
        let mut slowest = 0;
        let mut looks = interval(Duration::from_millis(100));
        let wanted = self.crowd.len() as f64;
        let welcome = async {
            loop {
                looks.tick().await;
                let asked = clock::now();
                assert_eq!(self.city.page("/readyz").await.status, 200);
                let connected = self.city.metric("sekisho_connections").await;
                slowest = slowest.max(clock::now().saturating_since(asked).as_millis());
                if connected >= wanted {
                    return clock::now().saturating_since(begun).as_millis();
                }
            }
        };
        let back = timeout(ALL_BACK, welcome).await.expect("wanted everybody welcome again");
        self.all_read().await;
        within("acknowledgements", self.publisher.flush()).await.unwrap();
        (back, slowest)
    }
}

/// Makes so many principals by the administrator's word, who may all read.
async fn enrol(city: &City, count: usize) -> Vec<(Arc<Identity>, String)> {
    let administrator = city.administrator();
    let signing = administrator.identity().signing();
    let now = clock::now();
    let mut bodies = vec![StatementBody::Grant(Grant {
        organisation: "fujisawa".parse().unwrap(),
        grantee: "*@fujisawa".parse().unwrap(),
        actions: [Action::Subscribe, Action::History].into_iter().collect(),
        filter: "fujisawa/tide/#".parse().unwrap(),
        purpose: String::new(),
        issued: now,
        from: now,
        until: None,
        history_from: None,
        onward: false,
        rate_per_s: None,
    })];
    let mut identities = Vec::new();
    for number in 0..count {
        let suite = Suite::X25519Aes256Gcm;
        let identity = Arc::new(Identity::generate(suite, &mut OsEntropy::new()).unwrap());
        let name = format!("onlooker-{number}");
        bodies.push(StatementBody::Principal(Principal {
            name: format!("{name}@fujisawa").parse().unwrap(),
            kind: PrincipalKind::App,
            public_key: identity.public_key(),
            kem_suite: Suite::Open,
            kem_public_key: Vec::new().into(),
            issued: now,
            until: None,
            attested: false,
        }));
        identities.push((identity, name));
    }
    let unsigned = bodies.into_iter().map(sekisho::Statement::unsigned);
    let statements: Vec<_> = unsigned.map(|statement| sign_statement(statement, signing)).collect();
    let client = administrator.connect().await;
    for some in statements.chunks(STATEMENTS_AT_ONCE) {
        within("statements to be taken", client.state_all(some)).await.unwrap();
    }
    client.close().await;
    identities
}

async fn connect(city: &City, identities: Vec<(Arc<Identity>, String)>) -> Vec<Onlooker> {
    let administrator = city.administrator();
    let profile = administrator.profile();
    let mut coming = JoinSet::new();
    let mut there = Vec::new();
    for (identity, _name) in identities {
        if coming.len() >= AT_ONCE {
            there.extend(coming.join_next().await.map(Result::unwrap));
        }
        let (endpoint, trust) = (profile.endpoint(), profile.trust());
        coming.spawn(async move {
            let options = ClientOptions::default();
            let client = Client::connect(endpoint, identity, trust, options).await.unwrap();
            let builder = client.subscribe(TOPIC.parse().unwrap()).from(Start::Earliest);
            let subscription = within("a subscription", builder.start()).await.unwrap();
            Onlooker { client, subscription, next: 0 }
        });
    }
    while let Some(onlooker) = coming.join_next().await {
        there.push(onlooker.unwrap());
    }
    there
}

/// Lets this process have a socket for each client, where it may.
fn allow_files(wanted: u64) -> bool {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return true;
    }
    let raised = Rlimit { current: Some(wanted), maximum };
    maximum.is_none_or(|maximum| maximum >= wanted) && setrlimit(Resource::Nofile, raised).is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_loses_its_node_comes_back_and_misses_nothing() {
    let count = setting("SEKISHO_CROWD", CROWD);
    if !allow_files(count + FILES) {
        skipped(format!("wanted {} files at a time, found a lower limit", count + FILES));
        return;
    }
    let mut storm = Storm::gather(usize::try_from(count).unwrap()).await;
    storm.publish(BEFORE).await;
    storm.all_read().await;
    for (orderly, how) in [(true, "stopped"), (false, "killed")] {
        let (back, slowest) = storm.blow(orderly).await;
        let peak = storm.city.node().peak_bytes();
        println!(
            "{count} clients back {back} ms after their node was {how} and serves again; \
             slowest answer {slowest} ms; peak {} MiB",
            peak >> 20
        );
        let most = NODE_BYTES + count * CLIENT_BYTES;
        assert!(peak <= most, "wanted at most {most} bytes in memory, found {peak}");
    }
    let mut leaving = JoinSet::new();
    for onlooker in storm.crowd.drain(..) {
        leaving.spawn(async move { onlooker.client.close().await });
    }
    while within("everybody to leave", leaving.join_next()).await.is_some() {}
    assert_eq!(storm.city.stop_node().await, Some(0), "{}", storm.city.log());
}
