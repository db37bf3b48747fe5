//! Power cuts and orderly ends: nothing that was acknowledged is lost, nothing is given twice to a
//! cursor, whichever process dies.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail and speak as tests do"
)]

use std::collections::BTreeSet;
use std::path::Path;

use sekisho::{Batch, Client, Publisher, Sample, Scope, Start};
use sekisho_e2e::{
    Agent, City, Member, Process, Reader, eventually, holds_key, linked, number_of, peer,
    permitted, sample, samples, within,
};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

const TRUCKS: &str = "fujisawa/truck/#";
const AIR: &str = "fujisawa/truck/17/air";
/// Samples of one run; enough for many groups of appends.
const MANY: i64 = 1_500;

/// A city with a truck and somebody who reads trucks.
struct Scene {
    city: City,
    truck: Member,
    wall: Member,
}

impl Scene {
    async fn set() -> Self {
        let city = City::found("fujisawa").await;
        let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
        let wall = Member::reader(&city, "wall", TRUCKS).await;
        holds_key(&wall, AIR).await;
        Self { city, truck, wall }
    }

    async fn everything_kept(&self) -> Vec<Sample> {
        let client = self.wall.connect().await;
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
}

/// A publisher of small envelopes, so that a kill finds many of them under way.
async fn publisher(client: &Client) -> Publisher {
    let batch = Batch { samples: 3, ..Batch::default() };
    let builder = client.publisher(AIR.parse().unwrap()).scope(Scope::Federation).batch(batch);
    builder.start().await.unwrap()
}

/// Publishes in a task of its own, and flushes.
fn publish(publisher: &Publisher, samples: Vec<Sample>) -> tokio::task::JoinHandle<()> {
    let publisher = publisher.clone();
    tokio::spawn(async move {
        for sample in samples {
            publisher.publish(sample).await.unwrap();
        }
        publisher.flush().await.unwrap();
    })
}

async fn accepted(publisher: &Publisher, samples: u64) -> u64 {
    let reached = publisher.wait_until(|state| state.samples_accepted >= samples);
    within("acknowledgements", reached).await.unwrap().samples_accepted
}

fn numbers(samples: &[Sample]) -> Vec<i64> {
    samples.iter().map(number_of).collect()
}

#[tokio::test]
async fn what_was_acknowledged_before_a_power_cut_is_there_after_it() {
    let mut scene = Scene::set().await;
    let client = scene.truck.connect().await;
    let air = publisher(&client).await;
    let publishing = publish(&air, samples(0..MANY));
    accepted(&air, 200).await;
    scene.city.kill_node().await;
    publishing.abort();
    let acknowledged = air.state().samples_accepted;
    client.close().await;

    scene.city.start_node().await;
    let kept = scene.everything_kept().await;
    assert!(kept.len() as u64 >= acknowledged, "{} of {acknowledged}", kept.len());
    assert_eq!(kept, samples(0..i64::try_from(kept.len()).unwrap()));
}

#[tokio::test]
async fn a_power_cut_at_home_costs_a_truck_and_its_reader_nothing() {
    let mut scene = Scene::set().await;
    let client = scene.truck.connect().await;
    let air = publisher(&client).await;
    let mut reader = Reader::resume(&scene.wall, TRUCKS, "wall").await;
    let publishing = publish(&air, samples(0..MANY));
    let mut seen = Vec::new();
    for cut_at in [150, 400, 700, 1_000, 1_300] {
        accepted(&air, cut_at).await;
        scene.city.kill_node().await;
        scene.city.start_node().await;
    }
    while seen.len() < usize::try_from(MANY).unwrap() {
        let message = reader.message().await;
        seen.extend(message.samples().unwrap());
        reader.acknowledge(&message);
    }
    assert_eq!(seen, samples(0..MANY));
    within("everything published", publishing).await.unwrap();
    assert_eq!(scene.everything_kept().await, samples(0..MANY));
    reader.close().await;
    scene.city.kill_node().await;
    scene.city.start_node().await;
    let more = publish(&air, vec![sample(MANY)]);
    let mut resumed = Reader::resume(&scene.wall, TRUCKS, "wall").await;
    assert_eq!(resumed.samples(1).await, [sample(MANY)]);
    more.await.unwrap();
}

#[tokio::test]
async fn a_power_cut_in_either_city_costs_a_far_reader_nothing() {
    let Scene { mut city, truck, .. } = Scene::set().await;
    let mut santander = City::found("santander").await;
    peer(&city, &santander, TRUCKS).await;
    let dashboard = Member::enrol(&santander, "dashboard", &["--kind", "app"]).await;
    let grant = ["grant", "dashboard@santander", "subscribe,history,decrypt", TRUCKS, "--yes"];
    city.run(&grant).await.succeeded();
    permitted(&santander, "dashboard@santander", "subscribe", AIR).await;
    holds_key(&dashboard, AIR).await;

    let client = truck.connect().await;
    let air = publisher(&client).await;
    let mut far = Reader::resume(&dashboard, TRUCKS, "board").await;
    let publishing = publish(&air, samples(0..MANY));
    let mut seen = far.samples(100).await;
    santander.kill_node().await;
    santander.start_node().await;
    seen.extend(far.samples(200).await);
    city.kill_node().await;
    city.start_node().await;
    linked(&city, &santander).await;
    seen.extend(far.samples(usize::try_from(MANY).unwrap() - seen.len()).await);
    assert_eq!(numbers(&seen), (0..MANY).collect::<Vec<_>>());
    assert_eq!(seen, samples(0..MANY));
    within("everything published", publishing).await.unwrap();

    let history = dashboard.run(&["history", TRUCKS, "--json"]).await.done();
    assert_eq!(history.lines().count(), usize::try_from(MANY).unwrap());
    far.close().await;
}

#[tokio::test]
async fn an_orderly_end_answers_what_is_under_way_and_exits_with_0() {
    let mut scene = Scene::set().await;
    let client = scene.truck.connect().await;
    let air = publisher(&client).await;
    let mut reader = Reader::resume(&scene.wall, TRUCKS, "wall").await;
    let publishing = publish(&air, samples(0..MANY));
    accepted(&air, 200).await;
    assert_eq!(scene.city.stop_node().await, Some(0), "{}", scene.city.log());
    assert_eq!(scene.city.stop_steward().await, Some(0));
    scene.city.start().await;
    assert_eq!(reader.samples(usize::try_from(MANY).unwrap()).await, samples(0..MANY));
    within("everything published", publishing).await.unwrap();
    assert_eq!(scene.everything_kept().await, samples(0..MANY));
}

#[tokio::test]
async fn a_subscriber_that_was_killed_goes_on_behind_what_it_acknowledged() {
    let scene = Scene::set().await;
    let client = scene.truck.connect().await;
    let batch = Batch::single();
    let air = client.publisher(AIR.parse().unwrap()).batch(batch).start().await.unwrap();
    publish(&air, samples(0..20)).await.unwrap();

    let dir = scene.wall.dir().to_str().unwrap();
    let sub = ["sub", TRUCKS, "--from", "earliest", "--cursor", "wall", "--json", "--dir", dir];
    let first = scene.wall.run(&[&sub[..7], &["--count", "5"]].concat()).await.done();
    assert_eq!(numbers_in(&first), (0..5).collect::<Vec<_>>());

    let mut killed = Process::start("sub", &sub, &scene.city.place("sub.log"));
    assert_eq!(numbers_in(&killed.line().await), [5]);
    assert_eq!(numbers_in(&killed.line().await), [6]);
    killed.kill().await;

    // What was shown and not acknowledged in time is shown again; nothing is left out.
    let rest = scene.wall.run(&[&sub[..7], &["--count", "5"]].concat()).await.done();
    let rest = numbers_in(&rest);
    let again = rest[0];
    assert!((5..=20).contains(&again), "{rest:?}");
    assert_eq!(rest, (again..again + 5).collect::<Vec<_>>());
}

fn numbers_in(lines: &str) -> Vec<i64> {
    let number = |line| {
        let document: serde_json::Value = serde_json::from_str(line).unwrap();
        document["values"]["number"].as_i64().unwrap()
    };
    lines.lines().map(number).collect()
}

#[tokio::test]
async fn what_a_killed_agent_had_in_its_spool_is_published_by_the_next() {
    /// Long enough that the sizes of everything else in a spool are less than one of them.
    const TEXT_BYTES: usize = 10_000;
    let mut scene = Scene::set().await;
    let lines = |numbers: std::ops::Range<i64>| -> String {
        let text = "x".repeat(TEXT_BYTES);
        let line = |number: i64| format!("{{\"number\":{number},\"text\":\"{text}\"}}\n");
        numbers.map(line).collect()
    };
    let input = scene.city.place("bin.jsonl");
    let agent = Agent::configure(&scene.city, &scene.truck, &json_lines(&input));
    std::fs::write(&input, lines(0..1)).unwrap();
    agent.run().await.succeeded();

    scene.city.kill_node().await;
    std::fs::write(&input, lines(1..9)).unwrap();
    let alone = agent.start();
    eventually("eight samples in the spool", || async {
        (segment_bytes(agent.spool()) >= 8 * TEXT_BYTES as u64).then_some(())
    })
    .await;
    alone.kill().await;

    scene.city.start_node().await;
    std::fs::write(&input, lines(9..10)).unwrap();
    agent.run().await.succeeded();
    assert_eq!(numbers(&scene.everything_kept().await), (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_topic_that_has_to_wait_for_the_node_holds_no_other_up() {
    const NEW: &str = "fujisawa/truck/17/noise";
    const TEXT_BYTES: usize = 10_000;
    let mut scene = Scene::set().await;
    let sensors = [
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    ];
    let source = |sensor: &TcpListener| {
        let address = sensor.local_addr().unwrap();
        format!("{{ kind = \"tcp\", address = \"{address}\", reconnect = false }}")
    };
    let inputs = [("air", AIR, &sensors[0]), ("noise", NEW, &sensors[1])]
        .map(|(name, topic, sensor)| json_input(name, topic, &source(sensor)));
    let agent = Agent::configure(&scene.city, &scene.truck, &inputs.concat());
    let mut running = agent.start();
    let (mut air, _from) = within("the agent", sensors[0].accept()).await.unwrap();
    let (mut noise, _from) = within("the agent", sensors[1].accept()).await.unwrap();
    let text = "x".repeat(TEXT_BYTES);
    let line = |number: i64| format!("{{\"number\":{number},\"text\":\"{text}\"}}\n");
    air.write_all(line(0).as_bytes()).await.unwrap();
    eventually("the first reading", || async {
        (scene.city.metric("sekisho_log_head_position").await > 0.5).then_some(())
    })
    .await;

    scene.city.kill_node().await;
    for number in 10..13 {
        noise.write_all(line(number).as_bytes()).await.unwrap();
    }
    for number in 1..9 {
        air.write_all(line(number).as_bytes()).await.unwrap();
    }
    eventually("eight samples in the spool", || async {
        (segment_bytes(agent.spool()) >= 8 * TEXT_BYTES as u64).then_some(())
    })
    .await;

    scene.city.start_node().await;
    drop((air, noise));
    assert!(running.wait().await.success(), "{}", running.log());
    let kept = numbers(&scene.everything_kept().await);
    let (new, known): (Vec<i64>, Vec<i64>) = kept.into_iter().partition(|number| *number >= 10);
    assert_eq!(known, (0..9).collect::<Vec<_>>());
    assert_eq!(new, (10..13).collect::<Vec<_>>(), "what waited is there, in its order");
}

/// One input: a file of JSON lines with a number and a text.
fn json_lines(path: &Path) -> String {
    json_input("bin", AIR, &format!("{{ kind = \"file\", path = {path:?} }}"))
}

fn json_input(name: &str, topic: &str, source: &str) -> String {
    format!(
        "[[input]]\nname = \"{name}\"\ntopic = \"{topic}\"\nsource = {source}\n\n\
         [input.format]\nkind = \"jsonl\"\ntime = {{ format = \"arrival\" }}\n\n\
         [[input.format.value]]\npointer = \"/number\"\nname = \"number\"\nkind = \"integer\"\n\n\
         [[input.format.value]]\npointer = \"/text\"\nname = \"text\"\nkind = \"text\"\n\n"
    )
}

/// Bytes of sealed envelopes below a folder.
fn segment_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let bytes = |path: &Path| {
        if path.is_dir() {
            return segment_bytes(path);
        }
        let is_segment = path.extension().is_some_and(|end| end == "segment");
        if is_segment { path.metadata().map_or(0, |found| found.len()) } else { 0 }
    };
    entries.flatten().map(|entry| bytes(&entry.path())).sum()
}

#[tokio::test]
async fn a_steward_that_was_killed_keeps_the_keys_it_had_given() {
    let mut scene = Scene::set().await;
    let client = scene.truck.connect().await;
    let air = publisher(&client).await;
    publish(&air, samples(0..10)).await.unwrap();
    scene.city.kill_steward().await;
    scene.city.start_steward().await;
    publish(&air, samples(10..20)).await.unwrap();
    let late = Member::reader(&scene.city, "late", TRUCKS).await;
    holds_key(&late, AIR).await;
    let mut reader = Reader::start(&late, TRUCKS, Start::Earliest).await;
    let seen = reader.samples(20).await;
    let distinct: BTreeSet<i64> = seen.iter().map(number_of).collect();
    assert_eq!(distinct.len(), 20);
    assert_eq!(seen, samples(0..20));
}
