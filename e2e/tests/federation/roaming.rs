//! A truck that cannot reach its own city's node publishes home through a peer's: everything once, in
//! order, whichever process dies.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sekisho::{
    Batch, Client, ClientOptions, Endpoint, KeyFile, OrgName, Publisher, QueryError, RefusalCode,
    Sample, Trust,
};
use sekisho_e2e::{
    Agent, City, Member, Press, Stranger, Wire, eventually, holds_key, linked, peer, peer_with,
    sample, samples, within,
};
use sekisho_proto::{Frame, StatementVerifier as _, frame, voucher_signing_input};
use sekisho_seal::StrictVerifier;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;

const TRUCKS: &str = "fujisawa/truck/#";
const AIR: &str = "fujisawa/truck/17/air";

/// The road to a node: a port whose datagrams reach the node while the road is open.
struct Road {
    address: SocketAddr,
    is_open: watch::Sender<bool>,
    _carrying: JoinSet<()>,
}

impl Road {
    async fn to(node: SocketAddr) -> Self {
        let near = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        let address = near.local_addr().unwrap();
        let (is_open, state) = watch::channel(true);
        let mut carrying = JoinSet::new();
        carrying.spawn(carry(near, node, state));
        Self { address, is_open, _carrying: carrying }
    }

    fn close(&self) {
        self.is_open.send_replace(false);
    }

    fn open(&self) {
        self.is_open.send_replace(true);
    }
}

/// Each client gets a socket of its own towards the node.
async fn carry(near: Arc<UdpSocket>, node: SocketAddr, is_open: watch::Receiver<bool>) {
    let mut clients: std::collections::BTreeMap<SocketAddr, Arc<UdpSocket>> =
        std::collections::BTreeMap::new();
    let mut returning = JoinSet::new();
    let mut datagram = vec![0; 65_536];
    while let Ok((length, client)) = near.recv_from(&mut datagram).await {
        let far = match clients.get(&client) {
            Some(far) => Arc::clone(far),
            None => {
                let far = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
                far.connect(node).await.unwrap();
                clients.insert(client, Arc::clone(&far));
                let (near, back, is_open) = (Arc::clone(&near), Arc::clone(&far), is_open.clone());
                returning.spawn(async move {
                    let mut datagram = vec![0; 65_536];
                    loop {
                        // A node that is down refuses datagrams; another may come up.
                        let Ok(length) = back.recv(&mut datagram).await else { continue };
                        if *is_open.borrow() {
                            drop(near.send_to(datagram.get(..length).unwrap(), client).await);
                        }
                    }
                });
                far
            }
        };
        if *is_open.borrow() {
            drop(far.send(datagram.get(..length).unwrap()).await);
        }
    }
}

/// Two cities of which the second carries the trucks of the first home, and a truck that knows.
struct Scene {
    fujisawa: City,
    santander: City,
    road: Road,
    truck: Member,
    wall: Member,
}

impl Scene {
    async fn set() -> Self {
        Self::set_with(&[]).await
    }

    /// With more terms of the contract.
    async fn set_with(terms: &[&str]) -> Self {
        let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
        let carried = ["--export", TRUCKS, "--carried-home", TRUCKS];
        peer_with(&fujisawa, &santander, &[&carried[..], terms].concat()).await;
        linked(&fujisawa, &santander).await;
        let road = Road::to(fujisawa.quic()).await;
        let truck = Member::device(&fujisawa, "truck-17", "fujisawa/truck/17/#").await;
        let truck = truck.sent_to(road.address);
        let wall = Member::reader(&fujisawa, "wall", TRUCKS).await;
        holds_key(&wall, AIR).await;
        let scene = Self { fujisawa, santander, road, truck, wall };
        let client = scene.start();
        within("a welcome at home", client.connected()).await.unwrap();
        eventually("the truck to know who carries", || async {
            scene.truck.dir().join("carriers.statements").exists().then_some(())
        })
        .await;
        client.close().await;
        known(&scene.santander, &scene.truck).await;
        scene
    }

    /// The truck's session, impatient.
    fn start(&self) -> Client {
        let profile = self.truck.profile();
        let ms = Duration::from_millis;
        let options = ClientOptions::default()
            .backoff(ms(20), ms(200))
            .home_every(ms(100), ms(500))
            .trust_folder(self.truck.dir());
        let identity = Arc::clone(self.truck.identity());
        Client::start(profile.endpoint(), identity, profile.trust(), options).unwrap()
    }

    /// The truck at the door of the other city, as a client of that node and nothing more.
    async fn at_the_other_node(&self, member: &Member) -> Client {
        let endpoint = Endpoint {
            address: self.santander.quic().to_string(),
            ..self.santander.administrator().profile().endpoint()
        };
        let trust: Trust = self.santander.administrator().profile().trust();
        let identity = Arc::clone(member.identity());
        let connecting = Client::connect(endpoint, identity, trust, ClientOptions::default());
        within("a welcome by the other city's node", connecting).await.unwrap()
    }

    async fn kept(&self) -> Vec<Sample> {
        kept(&self.wall).await
    }

    /// The hashes of what is kept at home, in its order.
    async fn kept_envelopes(&self) -> Vec<sekisho::Hash> {
        let client = self.wall.connect().await;
        let builder = client.history(TRUCKS.parse().unwrap());
        let mut history = within("the history", builder.start()).await.unwrap();
        let mut kept = Vec::new();
        while let Some(delivery) = within("history's end", history.next()).await {
            match delivery.unwrap() {
                sekisho::Delivery::Message(message) => kept.push(message.hash),
                sekisho::Delivery::Gap(gap) => panic!("wanted no gap, found {gap:?}"),
            }
        }
        client.close().await;
        kept
    }

    async fn carried(&self, outcome: &str) -> f64 {
        let name =
            format!("sekisho_carried_envelopes_total{{home=\"fujisawa\",outcome=\"{outcome}\"}}");
        self.santander.metric(&name).await
    }
}

/// Waits until a city's node knows another city's member.
async fn known(city: &City, member: &Member) {
    let id = member.identity().id();
    eventually("the member's statement in the other city", || async {
        let client = city.administrator().connect().await;
        let known = client.query(sekisho::Question::Principal(id)).await;
        client.close().await;
        known.ok().map(drop)
    })
    .await;
}

async fn kept(wall: &Member) -> Vec<Sample> {
    let client = wall.connect().await;
    let builder = client.history(TRUCKS.parse().unwrap());
    let mut history = within("the history", builder.start()).await.unwrap();
    let mut kept = Vec::new();
    while let Some(delivery) = within("history's end", history.next()).await {
        match delivery.unwrap() {
            sekisho::Delivery::Message(message) => kept.extend(message.samples().unwrap()),
            sekisho::Delivery::Gap(gap) => panic!("wanted no gap, found {gap:?}"),
        }
    }
    client.close().await;
    kept
}

async fn publisher(client: &Client, spool: &Path) -> Publisher {
    let batch = Batch { samples: 3, ..Batch::default() };
    let builder = client.publisher(AIR.parse().unwrap()).batch(batch).spool(spool);
    within("a publisher", builder.start()).await.unwrap()
}

async fn publish(publisher: &Publisher, numbers: std::ops::Range<i64>) {
    for number in numbers {
        publisher.publish(sample(number)).await.unwrap();
    }
}

async fn flushed(publisher: &Publisher) {
    within("everything stored", publisher.flush()).await.unwrap();
}

fn santander() -> OrgName {
    "santander".parse().unwrap()
}

async fn carried_by(publisher: &Publisher, carrier: Option<OrgName>) {
    let reached = publisher
        .wait_until(|state| state.phase == sekisho::Phase::Connected && state.carrier == carrier);
    within("a connection", reached).await.unwrap();
}

/// The whole drive: at home, away with every node killed on the way, and back.
#[tokio::test]
async fn a_truck_publishes_home_through_a_peer_and_goes_on_at_home_whichever_node_dies() {
    let mut scene = Scene::set().await;
    let spool = scene.fujisawa.place("truck.spool");
    let client = scene.start();
    let air = publisher(&client, &spool).await;
    publish(&air, 0..10).await;
    flushed(&air).await;
    assert_eq!(air.state().carrier, None);
    client.close().await;

    scene.road.close();
    let client = scene.start();
    let air = publisher(&client, &spool).await;
    carried_by(&air, Some(santander())).await;
    assert_eq!(client.carrier(), Some(santander()));
    publish(&air, 10..100).await;
    flushed(&air).await;
    assert_eq!(scene.kept().await, samples(0..100));
    assert!(scene.carried("vouched").await >= 30.0, "{}", scene.santander.log());

    // The carrier dies with envelopes under way, then the home does.
    publish(&air, 100..700).await;
    scene.santander.kill_node().await;
    publish(&air, 700..800).await;
    scene.santander.start_node().await;
    flushed(&air).await;
    publish(&air, 800..1_400).await;
    scene.fujisawa.kill_node().await;
    publish(&air, 1_400..1_500).await;
    scene.fujisawa.start_node().await;
    flushed(&air).await;
    assert_eq!(scene.kept().await, samples(0..1_500));
    assert_eq!(air.state().carrier, Some(santander()));

    // The truck is switched off with readings that nobody has, and comes home.
    scene.fujisawa.kill_node().await;
    publish(&air, 1_500..1_530).await;
    within("readings on the truck's disk", air.persist()).await.unwrap();
    client.close().await;
    scene.fujisawa.start_node().await;
    let client = scene.start();
    let air = publisher(&client, &spool).await;
    carried_by(&air, Some(santander())).await;
    publish(&air, 1_530..1_560).await;
    scene.road.open();
    carried_by(&air, None).await;
    publish(&air, 1_560..1_600).await;
    flushed(&air).await;
    assert_eq!(client.carrier(), None);
    assert_eq!(scene.kept().await, samples(0..1_600));
    let state = air.state();
    assert_eq!((state.samples_lost, state.samples_left_out), (0, 0), "{state:?}");
    client.close().await;
    assert_eq!(scene.fujisawa.refused("equivocation").await, 0.0);
}

/// Home out of reach of the carrier, too: nothing is acknowledged, nothing is given up.
#[tokio::test]
async fn what_cannot_be_carried_home_stays_with_the_truck_until_it_can() {
    let mut scene = Scene::set().await;
    let spool = scene.fujisawa.place("truck.spool");
    scene.road.close();
    let client = scene.start();
    let air = publisher(&client, &spool).await;
    carried_by(&air, Some(santander())).await;
    scene.fujisawa.kill_node().await;
    publish(&air, 0..30).await;
    within("readings on the truck's disk", air.persist()).await.unwrap();
    eventually("the carrier to say so", || async {
        (scene.carried("lost").await > 0.0).then_some(())
    })
    .await;
    let state = air.state();
    assert_eq!((state.samples_accepted, state.samples_lost), (0, 0), "{state:?}");
    scene.fujisawa.start_node().await;
    flushed(&air).await;
    assert_eq!(scene.kept().await, samples(0..30));
    client.close().await;
}

/// The programs that are shipped, without a setting.
#[tokio::test]
async fn the_agent_and_the_command_line_roam_by_themselves() {
    let scene = Scene::set().await;
    scene.road.close();
    let said = scene.truck.run(&["pub", AIR, "number=0"]).await.done();
    assert!(said.contains("carried home by santander"), "{said}");
    let input = scene.fujisawa.place("air.jsonl");
    let lines: String = (1..40).map(|number| format!("{{\"number\":{number}}}\n")).collect();
    std::fs::write(&input, lines).unwrap();
    let inputs = format!(
        "[[input]]\nname = \"air\"\ntopic = \"{AIR}\"\nsource = {{ kind = \"file\", path = {input:?} }}\n\n\
         [input.format]\nkind = \"jsonl\"\ntime = {{ format = \"arrival\" }}\n\n\
         [[input.format.value]]\npointer = \"/number\"\nname = \"number\"\nkind = \"integer\"\n"
    );
    Agent::configure(&scene.fujisawa, &scene.truck, &inputs).run().await.succeeded();
    assert_eq!(scene.kept().await.len(), 40);
}

/// Without a contract that says so a peer's node carries nothing, and is asked for nothing.
#[tokio::test]
async fn a_node_whose_contract_does_not_say_so_carries_nothing() {
    let (fujisawa, other) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    peer(&fujisawa, &other, TRUCKS).await;
    let road = Road::to(fujisawa.quic()).await;
    let truck = Member::device(&fujisawa, "truck-17", "fujisawa/truck/17/#").await;
    let wall = Member::reader(&fujisawa, "wall", TRUCKS).await;
    holds_key(&wall, AIR).await;
    known(&other, &truck).await;
    let scene = Scene { fujisawa, santander: other, road, truck, wall };
    let client = scene.at_the_other_node(&scene.truck).await;
    let mut press = Press::begin(&scene.truck, AIR).await;
    let envelope = press.next("carry me").encoded().clone();
    let refused = client.publish_envelope(envelope, press.attached()).await.unwrap_err();
    let QueryError::Refused(refusal) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.code, RefusalCode::ForeignTopic);
    client.close().await;
    assert!(scene.kept().await.is_empty());
}

/// Whoever comes to the carrier with what is not theirs to publish, and the carrier itself when its
/// contract has ended.
#[tokio::test]
async fn a_carrier_takes_nothing_forged_nothing_of_others_and_nothing_after_its_contract() {
    let scene = Scene::set().await;
    let client = scene.at_the_other_node(&scene.truck).await;
    let press = Press::begin(&scene.truck, AIR).await;
    let other = Press::begin(&scene.truck, "fujisawa/truck/18/air").await;
    let thief = Member::device(&scene.fujisawa, "truck-18", "fujisawa/truck/18/#").await;
    known(&scene.santander, &thief).await;
    let code = async |envelope: bytes::Bytes, key_header: Option<bytes::Bytes>| match client
        .publish_envelope(envelope, key_header)
        .await
    {
        Err(QueryError::Refused(refusal)) => refusal.code,
        other => panic!("wanted a refusal, found {other:?}"),
    };
    // Of somebody else's topic, in somebody else's name, with a broken seal.
    let (foreign, key_header) = other.aside(other.draft(), "not mine");
    assert_eq!(code(foreign, key_header).await, RefusalCode::NotPermitted);
    let stolen = press.by(thief.identity().signing().clone()).next("not me");
    assert_eq!(code(stolen.encoded().clone(), None).await, RefusalCode::WrongPublisher);
    let (broken, key_header) = press.aside(press.draft(), "broken");
    let mut broken = broken.to_vec();
    let last = broken.len() - 1;
    broken[last] ^= 1;
    assert_eq!(code(broken.into(), key_header).await, RefusalCode::BadSignature);
    assert!(scene.kept().await.is_empty());
    assert_eq!(scene.carried("vouched").await, 0.0);

    scene
        .fujisawa
        .run(&["peer", "end", "santander", "--reason", "over", "--yes"])
        .await
        .succeeded();
    let turned_away = "sekisho_handshake_failures_total{reason=\"not-permitted\"}";
    eventually("the truck turned away by the other city", || async {
        (scene.santander.metric(turned_away).await > 0.0).then_some(())
    })
    .await;
    client.close().await;
    scene.road.close();
    // The truck has not heard of the end, and is turned away at the door.
    let before = scene.santander.metric(turned_away).await;
    let roaming = scene.start();
    eventually("the truck at the other city's door", || async {
        (scene.santander.metric(turned_away).await > before).then_some(())
    })
    .await;
    assert!(!roaming.is_connected());
    roaming.close().await;
}

/// A session with Fujisawa's node by whoever holds the key of Santander's.
async fn as_the_carrier(scene: &Scene) -> Wire {
    let key = KeyFile::load(&scene.santander.dir().join("keys/node.key")).unwrap();
    Stranger::with(&scene.fujisawa, key.identity.signing().clone()).welcome().await
}

async fn brought(
    wire: &mut Wire,
    request: u64,
    envelope: impl Into<bytes::Bytes>,
    key_header: Option<bytes::Bytes>,
) -> Frame {
    let envelope = envelope.into();
    wire.send(frame::Publish { request, envelope, key_header }).await;
    wire.hear().await.unwrap()
}

fn code(frame: Frame) -> RefusalCode {
    let Frame::Refused(refused) = frame else { panic!("wanted a refusal, found {frame:?}") };
    refused.code
}

/// Whether the home has signed that it has this envelope.
fn is_vouched(scene: &Scene, envelope: &sekisho_proto::Envelope, frame: &Frame) -> bool {
    let Frame::Vouched(vouched) = frame else { panic!("wanted a voucher, found {frame:?}") };
    let home = scene.fujisawa.administrator().profile().node_key;
    StrictVerifier.verify(&home, &voucher_signing_input(&envelope.hash()), &vouched.signature)
}

/// The carrier's node key in the hands of somebody who does with it what can be done.
#[tokio::test]
async fn a_carrier_that_forges_alters_reorders_and_floods_brings_nothing_home_but_what_was_signed()
{
    let scene = Scene::set_with(&["--envelopes-per-s", "100"]).await;
    let mut wire = as_the_carrier(&scene).await;
    let mut press = Press::begin(&scene.truck, AIR).await;
    let key_header = press.attached();
    let [first, second, third] = ["one", "two", "three"].map(|body| press.next(body));
    let bytes = |envelope: &sekisho_proto::Envelope| envelope.encoded().clone();

    // Out of order, altered, in the truck's name, of its own, of a topic that is not carried.
    let gap = brought(&mut wire, 1, bytes(&second), key_header.clone()).await;
    assert_eq!(code(gap), RefusalCode::SequenceGap);
    let mut altered = first.encoded().to_vec();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    let altered = brought(&mut wire, 2, altered, key_header.clone()).await;
    assert_eq!(code(altered), RefusalCode::BadSignature);
    let carrier = KeyFile::load(&scene.santander.dir().join("keys/node.key")).unwrap();
    let own = press.by(carrier.identity.signing().clone()).next("mine");
    let own = brought(&mut wire, 3, bytes(&own), None).await;
    assert!(matches!(code(own), RefusalCode::UnknownKey | RefusalCode::NotPermitted));
    let depot = Member::device(&scene.fujisawa, "depot", "fujisawa/depot/#").await;
    let mut other = Press::begin(&depot, "fujisawa/depot/air").await;
    let outside = brought(&mut wire, 4, bytes(&other.next("not agreed")), other.attached()).await;
    assert_eq!(code(outside), RefusalCode::WrongPublisher);
    assert!(scene.kept_envelopes().await.is_empty());

    // What was signed comes home once, and is vouched for each time.
    let vouched = brought(&mut wire, 5, bytes(&first), key_header.clone()).await;
    assert!(is_vouched(&scene, &first, &vouched));
    let again = brought(&mut wire, 6, bytes(&first), None).await;
    assert!(is_vouched(&scene, &first, &again));
    // Under one number: the voucher of what is stored is none of what is not.
    wire.send(frame::Publish { request: 7, envelope: bytes(&first), key_header: None }).await;
    wire.send(frame::Publish { request: 7, envelope: bytes(&third), key_header: None }).await;
    let answers = [wire.hear().await.unwrap(), wire.hear().await.unwrap()];
    let vouched: Vec<_> =
        answers.iter().filter(|answer| matches!(answer, Frame::Vouched(_))).collect();
    assert_eq!(vouched.len(), 1, "{answers:?}");
    assert!(is_vouched(&scene, &first, vouched[0]) && !is_vouched(&scene, &third, vouched[0]));
    for (request, envelope) in [(8, &second), (9, &third)] {
        let vouched = brought(&mut wire, request, bytes(envelope), None).await;
        assert!(is_vouched(&scene, envelope, &vouched));
    }
    let stored: Vec<_> = [first, second, third].iter().map(|one| one.hash()).collect();
    assert_eq!(scene.kept_envelopes().await, stored);

    // More than the contract allows is refused.
    let flood = frame::Publish { request: 10, envelope: bytes(&press.next("four")), key_header };
    let mut limited = 0;
    // In turns that fit between the two, so that neither side waits for the other to read.
    for _turn in 0..20 {
        for _envelope in 0..100 {
            wire.send(flood.clone()).await;
        }
        for _answer in 0..100 {
            let answer = wire.hear().await.unwrap();
            let is_limited = |refused: &frame::Refused| refused.code == RefusalCode::RateLimited;
            limited += usize::from(matches!(&answer, Frame::Refused(one) if is_limited(one)));
        }
    }
    assert!(limited > 0, "wanted the carrier held to its rate");
    assert_eq!(scene.kept_envelopes().await.len(), 4);
}

/// Few envelopes and many bytes.
#[tokio::test]
async fn a_carrier_brings_no_more_bytes_than_its_contract_lets_it() {
    // A mebibyte may come at once, so that every envelope fits; then this.
    let scene = Scene::set_with(&["--bytes-per-s", "1k"]).await;
    let mut wire = as_the_carrier(&scene).await;
    let mut press = Press::begin(&scene.truck, AIR).await;
    let (key_header, body) = (press.attached(), "x".repeat(60_000));
    let mut brought_home = 0;
    for request in 1..=30 {
        let envelope = press.next(&body);
        let answer =
            brought(&mut wire, request, envelope.encoded().clone(), key_header.clone()).await;
        if let Frame::Refused(refused) = answer {
            assert_eq!(refused.code, RefusalCode::RateLimited, "{refused:?}");
            assert!(refused.why.contains("1000 bytes a second"), "{refused:?}");
            break;
        }
        brought_home += 1;
    }
    assert!((15..20).contains(&brought_home), "{brought_home} envelopes of 60,000 bytes");
    assert_eq!(scene.kept_envelopes().await.len(), brought_home);
}
