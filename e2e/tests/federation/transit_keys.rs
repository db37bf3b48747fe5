//! Three cities that agree by letters, as their administrators do, and the key of a sealed topic: from
//! the owner's steward to that of a city which it has no contract with, and from there to a reader.

use sekisho::{Batch, Scope, Start};
use sekisho_e2e::{City, Member, Reader, Said, eventually, holds_key, permitted, samples};

const TRUCKS: &str = "fujisawa/truck/#";
const AIR: &str = "fujisawa/truck/17/air";

/// Fujisawa, Kyoto and Santander, which have agreed on nothing yet.
async fn cities() -> [City; 3] {
    tokio::join!(City::found("fujisawa"), City::found("kyoto"), City::found("santander")).into()
}

/// An invitation, as a file that the other side is sent.
async fn invited(host: &City, guest: &City, terms: &[&str]) -> String {
    let invite = [&["peer", "invite", "--to", guest.name()], terms].concat();
    kept(host, guest, "invitation", host.run(&invite).await)
}

fn kept(from: &City, to: &City, what: &str, said: Said) -> String {
    let path = from.place(format!("{what}-for-{}.letter", to.name()));
    std::fs::write(&path, said.done()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The three letters, answered with terms of the guest's.
async fn agree(host: &City, guest: &City, terms: &[&str], answer: &[&str]) {
    let invitation = invited(host, guest, terms).await;
    let accept = [&["peer", "accept", &invitation, "--yes"], answer].concat();
    let acceptance = kept(guest, host, "acceptance", guest.run(&accept).await);
    let accept = ["peer", "accept", &acceptance, "--yes"];
    let contract = kept(host, guest, "contract", host.run(&accept).await);
    guest.run(&["peer", "accept", &contract]).await.succeeded();
}

/// Fujisawa's trucks may travel on, and Kyoto passes them on to Santander.
async fn agreed() -> [City; 3] {
    let [fujisawa, kyoto, santander] = cities().await;
    agree(&fujisawa, &kyoto, &["--export", TRUCKS, "--onward"], &[]).await;
    let passes = format!("fujisawa={TRUCKS}");
    agree(&kyoto, &santander, &["--passes-on", &passes], &[]).await;
    // Kyoto knows Santander now, and can show Fujisawa what Santander states.
    let shows = ["--import", TRUCKS, "--passes-on", "santander"];
    agree(&kyoto, &fujisawa, &shows, &["--onward"]).await;
    [fujisawa, kyoto, santander]
}

async fn grant(owner: &City, who: &str) -> String {
    let grant = ["grant", who, "subscribe,history,decrypt", TRUCKS, "--yes", "--json"];
    let stated = owner.run(&grant).await.json();
    stated["statement"].as_str().unwrap().to_owned()
}

async fn publish(truck: &Member, numbers: std::ops::Range<i64>) {
    let client = truck.connect().await;
    let publisher = client.publisher(AIR.parse().unwrap()).scope(Scope::Federation);
    let publisher = publisher.batch(Batch::single()).start().await.unwrap();
    for sample in samples(numbers) {
        publisher.publish(sample).await.unwrap();
    }
    publisher.flush().await.unwrap();
    client.close().await;
}

#[tokio::test]
async fn a_reader_behind_two_nodes_opens_what_its_own_steward_was_given_the_key_of() {
    let [fujisawa, kyoto, santander] = agreed().await;
    let truck = Member::device(&fujisawa, "truck-17", "fujisawa/#").await;
    let board = Member::enrol(&santander, "board", &["--kind", "app"]).await;
    let all = grant(&fujisawa, "*@santander").await;
    permitted(&santander, "board@santander", "subscribe", AIR).await;
    holds_key(&board, AIR).await;
    let mut reader = Reader::start(&board, TRUCKS, Start::Earliest).await;
    publish(&truck, 0..4).await;
    assert_eq!(reader.samples(4).await, samples(0..4));

    // Each side's terms, and what comes through whom, are listed.
    let listed = kyoto.run(&["peer", "list", "santander"]).await.done();
    let passes = format!("we pass on of fujisawa: {TRUCKS}");
    assert!(listed.contains(&passes), "{listed}");
    let listed = santander.run(&["peer", "list"]).await.done();
    assert!(listed.contains("fujisawa via kyoto"), "{listed}");

    // The owner's log names the steward and none of its people; the city between has no key at all.
    let steward = "steward@santander";
    let given = |text: &str, who: &str| text.contains(who);
    let log = fujisawa.run(&["why", steward, "decrypt", AIR]).await.done();
    assert!(given(&log, "fujisawa and kyoto exchange"), "{log}");
    let why = santander.run(&["why", "board@santander", "subscribe", AIR]).await.done();
    for wanted in ["kyoto passes on what fujisawa states", "*@santander may"] {
        assert!(given(&why, wanted), "wanted {wanted:?} in {why}");
    }
    let none = kyoto.run(&["why", "steward@kyoto", "decrypt", AIR]).await;
    none.failed(1, "");

    // N-44: what the owner takes back ends behind the peer as well, key and records.
    fujisawa.run(&["revoke", &all, "--yes"]).await.succeeded();
    eventually("the end of the right behind the peer", || async {
        let why = santander.run(&["why", "board@santander", "subscribe", AIR]).await;
        (why.code == Some(1)).then_some(())
    })
    .await;
    reader.close().await;
    publish(&truck, 4..6).await;
    let taken = santander.metric("sekisho_link_records_total{peer=\"fujisawa\"}").await;
    assert_eq!(taken.to_bits(), 4.0_f64.to_bits());
    let again = grant(&fujisawa, "*@santander").await;
    assert_ne!(again, all);
    permitted(&santander, "board@santander", "subscribe", AIR).await;
    holds_key(&board, AIR).await;
    publish(&truck, 6..8).await;
    let mut reader = Reader::start(&board, TRUCKS, Start::Earliest).await;
    assert_eq!(reader.samples(8).await, samples(0..8));
    reader.close().await;
}

#[tokio::test]
async fn nobody_signs_unasked_what_brings_a_third_city_and_no_city_passes_on_a_stranger() {
    let [fujisawa, kyoto, santander] = cities().await;
    let passes = format!("fujisawa={TRUCKS}");
    let invite = ["peer", "invite", "--to", "santander", "--passes-on", &passes];
    let stranger =
        "pass on fujisawa: wanted an organisation that ours has a contract in force with";
    kyoto.run(&invite).await.failed(2, stranger);
    agree(&fujisawa, &kyoto, &["--export", TRUCKS, "--onward"], &[]).await;
    let itself = ["peer", "invite", "--to", "fujisawa", "--passes-on", "fujisawa"];
    kyoto.run(&itself).await.failed(2, "wanted a third organisation");
    let foreign = ["peer", "invite", "--to", "santander", "--passes-on", "fujisawa=kyoto/#"];
    kyoto.run(&foreign).await.failed(2, "wanted topics of fujisawa, found kyoto/#");

    let root = fujisawa.administrator().profile().root.to_string();
    let invitation = invited(&kyoto, &santander, &["--passes-on", &passes]).await;
    let unasked = santander.run(&["peer", "accept", &invitation]).await;
    for words in [
        "kyoto passes on to santander what fujisawa states, and fujisawa/truck/#",
        &format!("by the root {root}"),
        "Careful: santander takes kyoto's word for who fujisawa is",
    ] {
        let shown = unasked.error.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains(words), "wanted {words:?} in {shown}");
    }
    assert!(unasked.output.is_empty(), "{unasked:?}");
    unasked.failed(2, "wanted --yes");
    let spanish = santander.run(&["peer", "accept", &invitation, "--lang", "es"]).await;
    spanish.failed(2, "kyoto cede a santander");
    assert!(santander.run(&["peer", "list", "--json"]).await.json().as_array().unwrap().is_empty());

    // Terms that answer nothing are refused, and units are understood.
    let odd = ["peer", "invite", "--to", "santander", "--bytes-per-s", "10"];
    kyoto.run(&odd).await.failed(2, "1k to 1000G");
    let limits = ["--passes-on", &passes, "--bytes-per-s", "250k", "--interests", "8"];
    let invitation = invited(&kyoto, &santander, &limits).await;
    let accept = ["peer", "accept", &invitation, "--yes", "--history-bytes-per-s", "5M"];
    let said = santander.run(&accept).await;
    for words in ["at most 250000 bytes per second", "at most 8 filters", "at most 5000000 bytes"] {
        let shown = said.error.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains(words), "wanted {words:?} in {shown}");
    }
    let acceptance = kept(&santander, &kyoto, "acceptance", said);
    let late = ["peer", "accept", &acceptance, "--yes", "--onward"];
    kyoto.run(&late).await.failed(2, "terms: wanted an invitation, found acceptance");
}
