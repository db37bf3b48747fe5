//! Who has the keys: the steward, its readers, and not the node, neither in its memory nor on its
//! disk, where also nothing of what was published can be read.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail and speak as tests do"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sekisho::clock;
use sekisho::{Identity, Sample, Start, StatementIndex};
use sekisho_e2e::{
    City, Found, Member, Needles, Process, Reader, eventually, holds_key, sample, within,
};
use sekisho_proto::statement::Principal;
use sekisho_proto::{
    Epoch, PrincipalId, PrincipalKind, SampleValue, Statement, StatementBody, Value,
};
use sekisho_seal::{SeededEntropy, sign_statement};

const TRUCKS: &str = "fujisawa/truck/#";
const TOPIC: &str = "fujisawa/truck/planted-topic-3c9a/air";
/// What was measured, in words that are nowhere else.
const MEASURED: &str = "custody-plaintext-5f1d77a0-measured";

/// A sample with those words in it.
fn measured() -> Sample {
    let mut sample = sample(1);
    sample.values.push(SampleValue {
        transducer: "note".parse().unwrap(),
        unit: "".parse().unwrap(),
        value: Value::Text(MEASURED.to_owned()),
    });
    sample
}

/// Every epoch seed of a steward: its 32 bytes.
fn seeds(steward: &Path) -> Vec<Vec<u8>> {
    let files = fs::read_dir(steward.join("epochs")).unwrap().map(|entry| entry.unwrap().path());
    let seeds = files.filter(|path| path.extension().is_some_and(|kind| kind == "seed"));
    seeds
        .map(|path| {
            let text = fs::read_to_string(path).unwrap();
            let digits = text.lines().find_map(|line| line.strip_prefix("seed: ")).unwrap();
            let bytes = (0..digits.len()).step_by(2);
            bytes.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What must be found where the node works, and what must not: each is told by its name.
fn needles(city: &City, seeds: &[Vec<u8>]) -> Needles {
    let key = city.administrator().profile().node_key;
    let mut needles = Needles::new()
        .with("the node's key", key.as_ref())
        .with("the topic", TOPIC.as_bytes())
        .with("the plaintext", MEASURED.as_bytes());
    for (number, seed) in seeds.iter().enumerate() {
        needles = needles
            .with(&format!("seed {number}"), seed)
            .with(&format!("seed {number}, half"), &seed[..16])
            .with(&format!("seed {number} in words"), hex(seed).as_bytes());
    }
    needles
}

fn only(names: &[&str]) -> Found {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn a_node_has_no_seed_and_no_plaintext_in_its_memory_or_on_its_disk() {
    let city = City::found("fujisawa").await;
    let truck = Member::device(&city, "truck-17", TRUCKS).await;
    let wall = Member::reader(&city, "wall", TRUCKS).await;
    let leaver = Member::reader(&city, "leaver", TRUCKS).await;
    for reader in [&wall, &leaver] {
        holds_key(reader, TOPIC).await;
    }
    let mut reader = Reader::start(&wall, TRUCKS, Start::Earliest).await;
    let client = truck.connect().await;
    let air = client.publisher(TOPIC.parse().unwrap()).start().await.unwrap();
    let publish = async || {
        air.publish(measured()).await.unwrap();
        air.flush().await.unwrap();
    };
    publish().await;
    assert_eq!(reader.samples(1).await, [measured()]);
    // A second epoch, whose key went through the node as the first one's did.
    city.run(&["revoke", "leaver@fujisawa"]).await.succeeded();
    let steward = city.dir().join("steward");
    eventually("the seed of the next epoch", || async {
        (seeds(&steward).len() >= 2).then_some(())
    })
    .await;
    holds_key(&wall, TOPIC).await;
    publish().await;
    assert_eq!(reader.samples(1).await, [measured()]);

    let seeds = seeds(&steward);
    let needles = needles(&city, &seeds);
    let node = city.node();
    let in_memory = node.at_rest(|| needles.in_memory_of(node.id()));
    assert_eq!(in_memory, only(&["the node's key", "the topic"]), "in the node's memory");
    let others: Vec<PathBuf> = vec![steward.clone(), city.dir().join("administrator")];
    let on_disk = needles.in_folder(&city.dir(), &others);
    assert_eq!(on_disk, only(&["the node's key", "the topic"]), "on the node's disk");

    // The same search finds each of them where it is: here, and with the steward.
    let here = needles.in_memory_of(std::process::id());
    let expected = 3 + 3 * seeds.len();
    assert_eq!(here.len(), expected, "wanted everything found in this process, found {here:?}");
    let with_the_steward = needles.in_folder(&steward, &[]);
    for number in 0..seeds.len() {
        let name = format!("seed {number} in words");
        assert!(with_the_steward.contains(&name), "wanted {name}, found {with_the_steward:?}");
    }
    reader.close().await;
}

#[tokio::test]
async fn a_search_of_a_reader_that_opens_finds_what_a_search_of_the_node_does_not() {
    let city = City::found("fujisawa").await;
    let truck = Member::device(&city, "truck-17", TRUCKS).await;
    let wall = Member::reader(&city, "wall", TRUCKS).await;
    holds_key(&wall, TOPIC).await;
    let client = truck.connect().await;
    let air = client.publisher(TOPIC.parse().unwrap()).start().await.unwrap();
    air.publish(measured()).await.unwrap();
    air.flush().await.unwrap();
    let dir = wall.dir().to_str().unwrap();
    let arguments = ["sub", TRUCKS, "--from", "earliest", "--dir", dir];
    let mut watching = Process::start("sub", &arguments, &city.place("sub.log"));
    assert!(watching.line().await.contains(MEASURED));

    let needles = needles(&city, &seeds(&city.dir().join("steward")));
    let at_reader = watching.at_rest(|| needles.in_memory_of(watching.id()));
    for name in ["seed 0", "the plaintext", "the topic", "the node's key"] {
        assert!(at_reader.contains(name), "wanted {name} with the reader, found {at_reader:?}");
    }
    watching.terminate();
}

/// More readers than one request states, whose keys the steward states in batches.
#[tokio::test]
async fn hundreds_of_readers_are_given_their_keys_and_again_when_one_is_shut_out() {
    const READERS: usize = 600;
    let city = City::found("fujisawa").await;
    let administrator = city.administrator();
    let client = administrator.connect().await;
    let issuer = administrator.identity().signing();
    let principal = |number: usize| {
        let seed = u64::try_from(number).unwrap() + 1;
        let suite = Identity::KEM_SUITE_DEFAULT;
        let reader = Identity::generate(suite, &mut SeededEntropy::new(seed)).unwrap();
        let body = Principal {
            name: format!("reader-{number}@fujisawa").parse().unwrap(),
            kind: PrincipalKind::App,
            public_key: reader.public_key(),
            kem_suite: suite,
            kem_public_key: reader.kem().public_key().to_bytes().into(),
            issued: clock::now(),
            until: None,
            attested: false,
        };
        (reader.id(), sign_statement(Statement::unsigned(body.into()), issuer))
    };
    let (ids, statements): (BTreeSet<_>, Vec<_>) = (0..READERS).map(principal).unzip();
    for batch in statements.chunks(200) {
        let places = client.state_all(batch).await.unwrap();
        assert_eq!(places.len(), batch.len());
    }
    let everybody = ["grant", "*@fujisawa", "subscribe,decrypt", TRUCKS, "--yes"];
    city.run(&everybody).await.succeeded();
    let mut log = client.follow("fujisawa".parse().unwrap(), StatementIndex::new(0));
    let mut given: BTreeMap<Epoch, BTreeSet<PrincipalId>> = BTreeMap::new();
    let mut wait_for = async |epoch: Epoch, wanted: &BTreeSet<PrincipalId>| {
        while given.get(&epoch).is_none_or(|given| !wanted.is_subset(given)) {
            for followed in within("the steward's next key grants", log.next()).await.unwrap() {
                if let StatementBody::KeyGrant(grant) = followed.statement.body() {
                    let is_first = given.entry(grant.epoch).or_default().insert(grant.reader);
                    assert!(is_first, "{} was given {} twice", grant.reader, grant.epoch);
                }
            }
        }
        given.get(&epoch).cloned().unwrap()
    };
    wait_for(Epoch::new(1), &ids).await;
    city.run(&["revoke", "reader-7@fujisawa"]).await.succeeded();
    let (leaver, _statement) = principal(7);
    let others: BTreeSet<PrincipalId> = ids.iter().copied().filter(|id| *id != leaver).collect();
    let second = wait_for(Epoch::new(2), &others).await;
    assert!(!second.contains(&leaver), "who was shut out was given the next key");
}
