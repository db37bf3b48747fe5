//! Who was let at what: every session, key and served history is on record before it takes place,
//! and whoever is erased is erased for good while every proof holds.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail and speak as tests do"
)]

use std::path::PathBuf;

use sekisho::{AnswerBody, Client, Question, Scope, Start};
use sekisho_e2e::{City, Member, Needles, Reader, eventually, holds_key, peer, sample, within};
use sekisho_proto::frame::Which;
use sekisho_proto::{AccessEntry, AccessRecord, Hash, LogName, PrincipalId};
use sekisho_seal::AccessOpening;
use sekisho_tlog::{Note, leaf_hash, verify_consistency, verify_inclusion};
use serde_json::Value;

const TRUCK: &str = "fujisawa/truck/17/#";
const AIR: &str = "fujisawa/truck/17/air";
const PLACE: &str = "fujisawa/truck/17/place";
const WALL: &str = "wall@fujisawa";

/// A truck that has published two readings, and a wall that may read them.
async fn scene(city: &City) -> (Member, Member) {
    city.run(&["describe", PLACE, "--class", "personal", "--yes"]).await.succeeded();
    let truck = Member::device(city, "truck-17", TRUCK).await;
    let wall = Member::enrol(city, "wall", &["--kind", "person"]).await;
    let grant = ["grant", WALL, "subscribe,history,decrypt", TRUCK, "--purpose", "air-quality"];
    city.run(&[&grant[..], &["--yes"]].concat()).await.succeeded();
    truck.run(&["pub", AIR, "pm2_5=12.5"]).await.succeeded();
    truck.run(&["pub", PLACE, "speed=7"]).await.succeeded();
    holds_key(&wall, AIR).await;
    (truck, wall)
}

/// The access log, of somebody or of all.
async fn listed(city: &City, subject: &[&str]) -> Vec<Value> {
    let arguments = [&["access", "list", "--json"], subject].concat();
    let answer = city.run(&arguments).await.json();
    answer.as_array().unwrap().clone()
}

fn unhex(entry: &Value, field: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(entry[field].as_str().unwrap().as_bytes()).unwrap()
}

fn of_kind<'a>(entries: &'a [Value], kind: &str) -> Vec<&'a Value> {
    entries.iter().filter(|entry| entry["kind"] == kind).collect()
}

/// Whether an entry is what somebody who was given its record and opening takes it for.
fn opens(entry: &Value) -> bool {
    let Some(opening) = entry["opening"].as_str() else { return false };
    let opening: AccessOpening = opening.parse().unwrap();
    let bytes = unhex(entry, "record_bytes");
    let record = AccessRecord::decode(&bytes.clone().into()).unwrap();
    let logged = AccessEntry::decode(&unhex(entry, "entry").into()).unwrap();
    assert_eq!(record.subject.to_string(), entry["record"]["subject"]);
    assert_eq!(record.kind, logged.kind);
    assert_eq!(logged.commitment.to_string(), entry["commitment"]);
    opening.opens(&bytes, &logged.commitment)
}

/// The access log's size and root, and the proof that it holds what it held at a size.
async fn checkpoint(client: &Client, old_size: u64) -> (u64, Hash, Vec<Hash>) {
    let log = LogName::Access("fujisawa".parse().unwrap());
    let asked = client.query(Question::Checkpoint { log, old_size });
    let AnswerBody::Checkpoint { note, consistency } = within("a checkpoint", asked).await.unwrap()
    else {
        panic!("wanted a checkpoint")
    };
    let checkpoint = Note::parse(&note).unwrap().checkpoint().unwrap();
    (checkpoint.size, checkpoint.root, consistency)
}

/// Proves every entry in the tree of a size, with what the node answers.
async fn prove(client: &Client, entries: &[Value], (size, root): (u64, Hash)) {
    for entry in entries {
        let index = entry["index"].as_u64().unwrap();
        let log = LogName::Access("fujisawa".parse().unwrap());
        let question = Question::Inclusion { log, which: Which::Index(index), size };
        let answer = within("a proof", client.query(question)).await.unwrap();
        let AnswerBody::Inclusion { index: at, entry: encoded, path } = answer else {
            panic!("wanted a proof, found {answer:?}")
        };
        assert_eq!((at, encoded.to_vec()), (index, unhex(entry, "entry")));
        verify_inclusion(&leaf_hash(&encoded), index, size, &root, &path).unwrap();
    }
}

/// Everything of the access log opens, and is in its tree.
async fn proves_all(city: &City) {
    let all = listed(city, &[]).await;
    assert!(all.iter().all(opens), "{all:?}");
    let administrator = city.administrator().connect().await;
    let (size, root, _) = checkpoint(&administrator, 0).await;
    prove(&administrator, &all, (size, root)).await;
    administrator.close().await;
}

/// The file with the key under which somebody's records are kept.
fn key_file(city: &City, id: PrincipalId) -> PathBuf {
    let label = Hash::of(&[b"sekisho-access-subject-v1\0", id.as_bytes().as_slice()].concat());
    city.dir().join("data/companion").join(label.to_string())
}

/// What is looked for in files: a key, also as text.
fn traces_of(secret: &[u8]) -> Needles {
    let text = data_encoding::HEXLOWER.encode(secret);
    Needles::new().with("key", secret).with("key as text", text.as_bytes())
}

#[tokio::test]
async fn sessions_keys_history_and_questions_are_recorded_for_whom_they_concern() {
    let city = City::found("fujisawa").await;
    let (_truck, wall) = scene(&city).await;
    let read = wall.run(&["history", TRUCK]).await.done();
    assert!(read.contains("pm2_5=12.5") && read.contains("speed=7"), "{read}");
    city.run(&["what", WALL]).await.succeeded();
    wall.run(&["what", WALL]).await.succeeded();
    wall.run(&["what", "truck-17@fujisawa"]).await.failed(1, "not-permitted");

    let mine = eventually("the wall's key", || async {
        let found = listed(&city, &[WALL]).await;
        (!of_kind(&found, "key-release").is_empty()).then_some(found)
    })
    .await;
    let id = wall.identity().id().to_string();
    assert!(mine.iter().all(|entry| entry["record"]["id"] == id.as_str()), "{mine:?}");
    assert!(of_kind(&mine, "session").len() >= 4, "{mine:?}");
    let history = of_kind(&mine, "history");
    let record = &history[0]["record"];
    assert_eq!((&record["topics"], &record["purpose"]), (&TRUCK.into(), &"air-quality".into()));
    assert_eq!((&record["from"], &record["to"]), (&0.into(), &2.into()));
    let released = &of_kind(&mine, "key-release")[0]["record"];
    assert_eq!((&released["topics"], &released["epoch"]), (&"fujisawa/#".into(), &1.into()));
    // Whoever was asked about can see that, and not by whom; and the other way round.
    let asked = of_kind(&mine, "administration");
    let purposes: Vec<_> = asked.iter().map(|entry| &entry["record"]["purpose"]).collect();
    assert!(purposes.contains(&&"was asked about: what".into()), "{purposes:?}");
    let text = format!("{mine:?}");
    assert!(!text.contains("administrator"), "{text}");
    let theirs = listed(&city, &["administrator@fujisawa"]).await;
    let text = format!("{theirs:?}");
    assert!(text.contains("asks: what") && !text.contains("wall"), "{text}");

    proves_all(&city).await;
    let table = city.run(&["access", "list", WALL]).await.done();
    assert!(table.contains("positions 0 to 1") && table.contains("epoch 1"), "{table}");
}

#[tokio::test]
async fn whoever_is_erased_is_erased_for_good_while_every_proof_holds() {
    let city = City::found("fujisawa").await;
    let (_truck, wall) = scene(&city).await;
    wall.run(&["history", TRUCK]).await.succeeded();
    let all = listed(&city, &[]).await;
    let administrator = city.administrator().connect().await;
    let (size, root, _) = checkpoint(&administrator, 0).await;

    // Beside the log there are a key for each subject and no names.
    let id = wall.identity().id();
    let file = key_file(&city, id);
    let kept = std::fs::read(&file).unwrap();
    let secret = &kept[8..40];
    let companion = city.dir().join("data/companion");
    let traces = traces_of(secret).with("name", WALL.as_bytes()).with("id", id.as_bytes());
    assert_eq!(traces.in_folder(&companion, &[]), ["key".to_owned()].into());

    city.run(&["erase", WALL]).await.failed(2, "--yes");
    let oneself = ["erase", "administrator@fujisawa", "--yes"];
    city.run(&oneself).await.failed(1, "nobody destroys the record of themselves");
    wall.run(&["erase", WALL, "--yes"]).await.failed(1, "not-permitted");
    let before = listed(&city, &[WALL]).await.len() as u64;
    let said = city.run(&["erase", WALL, "--yes", "--reason", "asked", "--json"]).await.json();
    let erased = &said["erased"];
    assert_eq!((&erased["key"], &erased["id"]), (&true.into(), &id.to_string().into()), "{said}");
    // That it was listed is one more that is about it.
    assert!(erased["records"].as_u64().unwrap() >= before, "{said} of {before}");
    assert!(!said["receipt"]["statement"].is_null(), "{said}");

    assert!(!file.exists());
    assert_eq!(traces.in_folder(&companion, &[]), [].into());
    assert_eq!(traces_of(secret).in_folder(&city.dir(), &[]), [].into());
    let after = listed(&city, &[]).await;
    for (before, after) in all.iter().zip(&after) {
        assert_eq!(after["entry"], before["entry"]);
        let is_mine = before["record"]["subject"] == WALL;
        assert_eq!((after["record"].is_null(), opens(after)), (is_mine, !is_mine), "{after}");
    }
    let erasure = &after[usize::try_from(erased["index"].as_u64().unwrap()).unwrap()];
    assert_eq!(erasure["kind"], "erasure");
    assert_eq!(erasure["record"]["subject"], "administrator@fujisawa");
    let (grown, new_root, proof) = checkpoint(&administrator, size).await;
    verify_consistency((size, &root), (grown, &new_root), &proof).unwrap();
    prove(&administrator, &all, (size, root)).await;
    prove(&administrator, &all, (grown, new_root)).await;
    administrator.close().await;

    // It may come again, and is recorded under a new key.
    wall.run(&["history", TRUCK]).await.succeeded();
    let anew = listed(&city, &[WALL]).await;
    assert!(!of_kind(&anew, "history").is_empty() && anew.iter().all(opens), "{anew:?}");
    assert_ne!(std::fs::read(&file).unwrap(), kept);
}

#[tokio::test]
async fn what_somebody_published_of_personal_data_opens_nowhere_after_an_erasure() {
    let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    let (truck, wall) = scene(&fujisawa).await;
    let far = Member::enrol(&santander, "far", &["--kind", "app"]).await;
    let grant = ["grant", "far@santander", "subscribe,history,decrypt", TRUCK, "--yes"];
    fujisawa.run(&grant).await.succeeded();
    peer(&fujisawa, &santander, TRUCK).await;
    let client = truck.connect().await;
    for (topic, number) in [(AIR, 1), (PLACE, 2)] {
        let publisher = client.publisher(topic.parse().unwrap()).scope(Scope::Federation).start();
        let publisher = within("a publisher", publisher).await.unwrap();
        publisher.publish(sample(number)).await.unwrap();
        within("an acknowledgement", publisher.flush()).await.unwrap();
    }
    client.close().await;
    holds_key(&far, AIR).await;
    let mut reader = Reader::start(&far, TRUCK, Start::Earliest).await;
    assert_eq!(reader.samples(2).await, [sample(1), sample(2)]);
    reader.close().await;

    let said = fujisawa.run(&["erase", "truck-17@fujisawa", "--yes", "--json"]).await.json();
    assert_eq!(said["erased"]["key_headers"], 2, "{said}");
    let read = wall.run(&["history", TRUCK]).await.output;
    assert!(read.contains("pm2_5=12.5") && !read.contains("speed=7"), "{read}");
    eventually("the erasure at the peer", || async {
        santander.log().contains("a peer erased somebody").then_some(())
    })
    .await;
    let read = far.run(&["history", AIR]).await;
    assert_eq!((read.code, read.output.lines().count()), (Some(0), 1), "{read:?}");
    let read = far.run(&["history", PLACE]).await;
    assert!(read.output.contains("wanted key header"), "{read:?}");
}

#[tokio::test]
async fn a_power_cut_leaves_every_access_that_took_place_on_record() {
    let mut city = City::found("fujisawa").await;
    let (_truck, wall) = scene(&city).await;
    for round in 1..=3 {
        let mut reader = Reader::start(&wall, TRUCK, Start::Earliest).await;
        reader.message().await;
        // What was let through is on the disk already.
        city.kill_node().await;
        city.start_node().await;
        reader.close().await;
        let mine = listed(&city, &[WALL]).await;
        assert!(of_kind(&mine, "history").len() >= round, "{round}: {mine:?}");
        // Followed from where it was, and recorded once.
        assert_eq!(of_kind(&mine, "key-release").len(), 1, "{mine:?}");
        proves_all(&city).await;
    }
}

const HISTORY: &str = "sekisho_accesses_recorded_total{kind=\"history\"}";

#[tokio::test]
async fn what_cannot_be_recorded_does_not_take_place() {
    let mut city = City::plan("fujisawa").await;
    city.start_unkillable().await;
    let (_truck, wall) = scene(&city).await;
    let client = wall.connect().await;
    let recorded = "sekisho_accesses_recorded_total{kind=\"session\"}";
    let before = city.metric(recorded).await;

    city.limit_files(Some(0));
    wall.run(&["history", TRUCK]).await.failed(1, "storage-full");
    // One who is in already is given nothing that is not recorded, either, and tries again.
    let subscribed = client.subscribe(TRUCK.parse().unwrap()).from(Start::Earliest).start();
    let subscribed = tokio::spawn(subscribed);
    eventually("a subscription that is ended", || async {
        let ended = "sekisho_subscriptions_ended_total{code=\"storage-full\"}";
        (city.metric(ended).await > 0.0).then_some(())
    })
    .await;
    assert_eq!(city.metric(recorded).await, before);
    assert_eq!(city.metric(HISTORY).await, 0.0);

    city.limit_files(None);
    let mut subscription = within("a subscription", subscribed).await.unwrap().unwrap();
    within("a message", subscription.next()).await.unwrap().unwrap();
    assert_eq!(city.metric(HISTORY).await, 1.0);
    let read = wall.run(&["history", TRUCK]).await.done();
    assert!(read.contains("pm2_5=12.5"), "{read}");
    assert!(city.metric(recorded).await > before);
    subscription.close().await;
    client.close().await;
}

#[tokio::test]
async fn history_that_a_peer_is_given_is_recorded_too() {
    let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    let truck = Member::device(&fujisawa, "truck-17", TRUCK).await;
    truck.run(&["pub", AIR, "pm2_5=12.5"]).await.succeeded();
    let grant = ["grant", "*@santander", "subscribe,history", TRUCK, "--yes"];
    fujisawa.run(&grant).await.succeeded();
    peer(&fujisawa, &santander, TRUCK).await;
    let given = eventually("the peer's history", || async {
        let found = listed(&fujisawa, &["node@santander"]).await;
        (!of_kind(&found, "history").is_empty()).then_some(found)
    })
    .await;
    let record = &of_kind(&given, "history")[0]["record"];
    assert_eq!((&record["topics"], &record["purpose"]), (&TRUCK.into(), &"peering".into()));
    assert!(!of_kind(&given, "session").is_empty(), "{given:?}");
}
