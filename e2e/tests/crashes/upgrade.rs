//! Programs that are replaced: a folder that an older one left behind is opened and goes on, and
//! two cities that are upgraded one after the other lose nothing.

use std::path::Path;

use sekisho::{Batch, Delivery, Start};
use sekisho_e2e::{
    City, Member, Reader, RecordedCity, eventually, sample, samples, skipped, within,
};

use crate::federation::Federation;
use crate::rolling::restart;

/// Envelopes that are acknowledged between two upgrades, at least.
const BETWEEN: u64 = 100;

#[tokio::test]
async fn a_folder_of_the_first_version_is_opened_and_goes_on() {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crashes/recorded/0.1.0.tar.gz");
    let mut city = City::unpack(&archive, RecordedCity::NAME);
    city.start().await;
    let wall = Member::at(city.place(RecordedCity::READER)).sent_to(city.quic());
    let truck = Member::at(city.place(RecordedCity::PUBLISHER)).sent_to(city.quic());

    // Every record, by two ways.
    let mut reader = Reader::start(&wall, RecordedCity::FILTER, Start::Earliest).await;
    assert_eq!(reader.samples(RecordedCity::SAMPLES).await, recorded(0));
    let client = wall.connect().await;
    let builder = client.history(RecordedCity::FILTER.parse().unwrap());
    let mut history = within("the history", builder.start()).await.unwrap();
    let mut kept = Vec::new();
    while let Some(delivery) = within("the history's end", history.next()).await {
        match delivery.unwrap() {
            Delivery::Message(message) => kept.extend(message.samples().unwrap()),
            Delivery::Gap(gap) => panic!("wanted no gap, found {gap:?}"),
        }
    }
    assert_eq!(kept, recorded(0));
    client.close().await;
    // The cursor stands where it was left.
    let mut resumed = Reader::resume(&wall, RecordedCity::FILTER, RecordedCity::CURSOR).await;
    let rest = RecordedCity::SAMPLES - RecordedCity::ACKNOWLEDGED;
    assert_eq!(resumed.samples(rest).await, recorded(RecordedCity::ACKNOWLEDGED));
    // Every statement: what was given, what was taken, and that the log is the one that was shown.
    let why = ["why", RecordedCity::READER_NAME, "subscribe", RecordedCity::TOPIC];
    city.run(&why).await.succeeded();
    let revoked = ["why", RecordedCity::REVOKED, "publish", RecordedCity::TOPIC];
    let said = city.run(&revoked).await;
    assert!(said.code == Some(1) && said.output.contains("revoked"), "{said:?}");
    let export = city.place("export");
    let folder = export.to_str().unwrap();
    city.run(&["log", "export", folder]).await.succeeded();
    let root = city.administrator().profile().root.to_string();
    city.run(&["log", "verify", folder, "--root", &root]).await.succeeded();
    let accesses = city.run(&["access", "list", RecordedCity::READER_NAME, "--json"]).await.json();
    assert!(accesses.as_array().unwrap().len() >= RecordedCity::SESSIONS, "{accesses}");

    // It goes on: the truck, somebody new, and the steward with a key for them.
    let client = truck.connect().await;
    let topic = RecordedCity::TOPIC.parse().unwrap();
    let air = client.publisher(topic).batch(Batch::single()).start().await.unwrap();
    let next = i64::try_from(RecordedCity::SAMPLES).unwrap();
    for sample in samples(next..next + 10) {
        air.publish(sample).await.unwrap();
    }
    within("acknowledgements", air.flush()).await.unwrap();
    assert_eq!(reader.samples(10).await, samples(next..next + 10));
    assert_eq!(resumed.samples(10).await, samples(next..next + 10));
    let late = Member::reader(&city, "late", RecordedCity::FILTER).await;
    eventually("a key for somebody new", || async {
        let mut reader = Reader::start(&late, RecordedCity::FILTER, Start::LastValue).await;
        let message = reader.message().await;
        let samples = message.samples().ok()?;
        reader.close().await;
        (samples == [sample(next + 9)]).then_some(())
    })
    .await;
    assert_eq!(city.stop_node().await, Some(0), "{}", city.log());
    city.start_node().await;
    air.publish(sample(next + 10)).await.unwrap();
    assert_eq!(reader.samples(1).await, [sample(next + 10)]);
}

/// What the folder's truck had published, from a number on.
fn recorded(from: usize) -> Vec<sekisho::Sample> {
    samples(i64::try_from(from).unwrap()..i64::try_from(RecordedCity::SAMPLES).unwrap())
}

#[tokio::test]
async fn cities_that_are_upgraded_one_after_the_other_lose_and_double_nothing() {
    let Some(old) = std::env::var_os("SEKISHO_OLD_PROGRAM") else {
        skipped("SEKISHO_OLD_PROGRAM names no older command to upgrade from");
        return;
    };
    let mut federation = Box::pin(Federation::found_with(Path::new(&old))).await;
    federation.stored.more(BETWEEN).await;
    federation.far.upgrade();
    restart(&mut federation.far).await;
    federation.stored.more(BETWEEN).await;
    federation.home.upgrade();
    restart(&mut federation.home).await;
    federation.stored.more(BETWEEN).await;
    let verdict = federation.judge().await;
    println!("upgraded from {}: {verdict}", Path::new(&old).display());
    assert!(verdict.is_clean(), "{verdict}");
}
