//! The root of an organisation: what runs without its keys, what only they can do, and what is lost
//! and replaced with them in their drawers.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail and speak as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use sekisho_e2e::{City, Member, eventually, holds_key, peer, permitted, sekisho};

const AIR: &str = "fujisawa/truck/17/air";

/// Moves the root's keys out of the city's folder, as onto a stick each.
fn moved_away(city: &City) -> Vec<PathBuf> {
    let mut sticks = Vec::new();
    for entry in fs::read_dir(city.dir().join("keys")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("root") {
            let stick = city.place(format!("stick-{name}"));
            fs::rename(&path, &stick).unwrap();
            sticks.push(stick);
        }
    }
    sticks.sort();
    sticks
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Somebody who has joined and may do nothing yet.
async fn person(city: &City, name: &str) -> Member {
    Member::enrol(city, name, &["--kind", "person"]).await
}

#[tokio::test]
async fn everything_runs_with_the_roots_keys_moved_away() {
    for (options, count) in [(&[][..], 1), (&["--root-keys", "3"], 3)] {
        let mut city = City::plan_with("fujisawa", options).await;
        let sticks = moved_away(&city);
        assert_eq!(sticks.len(), count);
        city.start().await;
        let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
        let wall = Member::reader(&city, "wall", "fujisawa/truck/#").await;
        holds_key(&wall, AIR).await;
        truck.run(&["pub", AIR, "pm2_5=12.5"]).await.succeeded();
        city.run(&["revoke", "truck-17@fujisawa", "--yes"]).await.succeeded();
        assert_eq!(city.stop_steward().await, Some(0));
        assert_eq!(city.stop_node().await, Some(0));
        city.start().await;
        let read = wall.run(&["history", AIR]).await.done();
        assert!(read.contains("pm2_5=12.5"), "{read}");
        let doctor = city.run(&["doctor"]).await.done();
        assert!(doctor.contains("root key") && doctor.contains("not on this machine"), "{doctor}");
        fs::rename(&sticks[0], city.dir().join("keys/root.key")).unwrap();
        let doctor = city.run(&["doctor"]).await.done();
        assert!(doctor.contains("keys/root.key: better on a stick"), "{doctor}");
    }
}

#[tokio::test]
async fn an_issuer_is_named_by_keys_that_are_never_on_one_machine() {
    let mut city =
        City::plan_with("fujisawa", &["--root-keys", "3", "--root-threshold", "2"]).await;
    let sticks = moved_away(&city);
    city.start().await;
    let mayor = person(&city, "mayor").await;
    mayor
        .run(&["grant", "mayor@fujisawa", "administer", "fujisawa/#", "--yes"])
        .await
        .failed(1, "");

    let shown = city.run(&["root", "--key", text(&sticks[1]), "--json"]).await.json();
    assert_eq!((&shown["threshold"], shown["keys"].as_array().unwrap().len()), (&2.into(), 3));
    let held: Vec<_> = shown["keys"].as_array().unwrap().iter().map(|key| &key["file"]).collect();
    assert_eq!(held.iter().filter(|file| file.is_string()).count(), 1, "{shown}");
    let said = city.run(&["root"]).await.done();
    assert!(said.contains("2 of its 3 keys must sign"), "{said}");

    // One key is not enough, and the same one twice is one.
    let add = ["issuer", "add", "mayor", "--root", text(&sticks[0])];
    city.run(&add).await.failed(1, "wanted the signatures of 2 root keys, found 1");
    let copy = city.place("copy.key");
    fs::copy(&sticks[0], &copy).unwrap();
    for twice in [text(&sticks[0]), text(&copy)] {
        let said = city.run(&[&add[..], &["--root", twice]].concat()).await;
        assert!(said.error.contains(twice), "{said:?}");
        said.failed(2, "each counts once");
    }
    let administrator = city.dir().join("administrator/identity.key");
    let wrong = ["issuer", "add", "mayor", "--root", text(&administrator)];
    city.run(&wrong).await.failed(4, "wanted a key of kind root");

    let file = city.place("mayor.statement");
    let file = text(&file);
    city.run(&["issuer", "add", "mayor", "--out", file]).await.succeeded();
    city.run(&["state", file]).await.failed(1, "found 0");
    sekisho(&["sign", file, "--root", text(&sticks[2])]).await.failed(2, "--yes");
    let first = ["sign", file, "--root", text(&sticks[2]), "--yes"];
    let said = sekisho(&first).await;
    assert!(said.error.contains("mayor@fujisawa becomes an issuer"), "{said:?}");
    assert!(said.done().contains("signed by 1 of the 2 root keys"));
    sekisho(&first).await.failed(1, "each counts once");
    city.run(&["state", file]).await.failed(1, "found 1");
    sekisho(&["sign", file, "--root", text(&sticks[0]), "--yes"]).await.succeeded();
    city.run(&["state", file]).await.succeeded();

    let listed = city.run(&["issuer", "list", "--json"]).await.json();
    let in_force: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|issuer| (issuer["name"].as_str().unwrap(), issuer["in_force"].as_bool().unwrap()))
        .collect();
    let wanted = ["administrator@fujisawa", "mayor@fujisawa", "steward@fujisawa"];
    assert_eq!(in_force, wanted.map(|name| (name, true)));
    let rights = "administer,discover,grant";
    mayor.run(&["grant", "mayor@fujisawa", rights, "fujisawa/#", "--yes"]).await.succeeded();
    mayor.run(&["who", AIR]).await.succeeded();
}

#[tokio::test]
async fn a_lost_administrator_is_replaced_with_the_root_and_the_steward() {
    let mut city = City::plan("fujisawa").await;
    let sticks = moved_away(&city);
    city.start().await;
    let mayor = person(&city, "mayor").await;
    let thief = Member::at(city.dir().join("administrator"));
    let root = text(&sticks[0]);
    mayor.run(&["issuer", "add", "mayor", "--root", root]).await.succeeded();
    let rights = "administer,discover,grant";
    mayor.run(&["grant", "mayor@fujisawa", rights, "fujisawa/#", "--yes"]).await.succeeded();
    let end = ["issuer", "end", "administrator", "--root", root, "--reason", "laptop stolen"];
    let ended = mayor.run(&end).await.done();
    for words in ["administrator@fujisawa", "is revoked, for good", "laptop stolen"] {
        assert!(ended.contains(words), "wanted {words:?} in {ended}");
    }
    thief.run(&["who", AIR]).await.failed(1, "revoked");
    mayor.run(&["issuer", "end", "administrator", "--root", root]).await.failed(1, "found none");
    let listed = mayor.run(&["issuer", "list"]).await.done();
    let line = listed.lines().find(|line| line.starts_with("administrator@")).unwrap();
    assert!(line.contains("ended"), "{listed}");
    // The steward's office can end while it stays the steward.
    let keep = ["issuer", "end", "steward", "--keep-principal", "--root", root];
    mayor.run(&keep).await.succeeded();
    let truck = city.place("truck.token");
    let enrol = ["enrol", "truck-17", "--approve-matching", "--out", text(&truck)];
    city.run(&enrol).await.succeeded();
    let dir = city.place("truck");
    sekisho(&["join", "--token-file", text(&truck), "--dir", text(&dir)]).await.failed(1, "issuer");
    // Only the root can do any of it.
    let identity = mayor.dir().join("identity.key");
    let own = ["issuer", "add", "mayor", "--root", text(&identity)];
    mayor.run(&own).await.failed(4, "wanted a key of kind root");
}

#[tokio::test]
async fn a_nodes_key_is_replaced_and_everybody_else_is_shown_a_proof() {
    let mut city = City::found("fujisawa").await;
    let truck = Member::device(&city, "truck-17", "fujisawa/truck/17/#").await;
    let santander = City::plan("santander").await;
    truck.run(&["pub", AIR, "pm2_5=1"]).await.succeeded();
    let before = truck.profile().node_key;

    let replace = ["node", "replace-key", "--reason", "stolen"];
    let said = city.run(&replace).await.done();
    assert!(said.contains("restart the node and the steward"), "{said}");
    assert_eq!(city.stop_steward().await, Some(0));
    assert_eq!(city.stop_node().await, Some(0));
    city.start().await;
    city.run(&["who", AIR]).await.succeeded();
    city.run(&["doctor"]).await.succeeded();
    truck.run(&["pub", AIR, "pm2_5=2"]).await.failed(3, "pinned key");

    let first = city.dir().join("node-key.letter");
    let accept = ["node", "accept", text(&first)];
    let theirs = Member::at(santander.dir().join("administrator"));
    theirs.run(&accept).await.failed(4, "is not believed");
    truck.run(&accept).await.succeeded();
    truck.run(&["pub", AIR, "pm2_5=3"]).await.succeeded();
    truck.run(&accept).await.failed(1, "expects this key already");
    assert_ne!(Member::at(truck.dir().to_owned()).profile().node_key, before);

    // A second time, with the node down: what it did not hear is stated when it is back.
    assert_eq!(city.stop_steward().await, Some(0));
    assert_eq!(city.stop_node().await, Some(0));
    let second = city.place("second.letter");
    let said = city.run(&[&replace[..], &["--out", text(&second)]].concat()).await.done();
    assert!(said.contains("sekisho state"), "{said}");
    city.start().await;
    city.run(&["state", text(&second)]).await.succeeded();
    truck.run(&["node", "accept", text(&second)]).await.succeeded();
    truck.run(&["pub", AIR, "pm2_5=4"]).await.succeeded();
    // The first letter takes nobody back to a key that was revoked.
    truck.run(&accept).await.failed(4, "is it an older letter?");
    truck.run(&["pub", AIR, "pm2_5=5"]).await.succeeded();
}

#[tokio::test]
async fn a_peer_takes_a_nodes_new_key_with_a_new_contract_and_misses_nothing() {
    let (mut fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    peer(&fujisawa, &santander, "fujisawa/truck/#").await;
    let truck = Member::device(&fujisawa, "truck-17", "fujisawa/truck/17/#").await;
    let far = Member::enrol(&santander, "dashboard", &["--kind", "app"]).await;
    let rights = "subscribe,history,decrypt";
    let grant = ["grant", "dashboard@santander", rights, "fujisawa/truck/#", "--yes"];
    fujisawa.run(&grant).await.succeeded();
    permitted(&santander, "dashboard@santander", "history", AIR).await;
    holds_key(&far, AIR).await;
    let publish = async |value: &str| {
        truck.run(&["pub", AIR, value, "--scope", "federation"]).await.succeeded();
    };
    let arrived = async |wanted: &str| {
        eventually(&format!("{wanted} in the other city"), || async {
            let read = far.run(&["history", AIR]).await.done();
            read.contains(wanted).then_some(())
        })
        .await;
    };
    publish("pm2_5=1").await;
    arrived("pm2_5=1").await;

    fujisawa.run(&["node", "replace-key"]).await.succeeded();
    assert_eq!(fujisawa.stop_steward().await, Some(0));
    assert_eq!(fujisawa.stop_node().await, Some(0));
    fujisawa.start().await;
    let letter = fujisawa.dir().join("node-key.letter");
    truck.run(&["node", "accept", text(&letter)]).await.succeeded();
    publish("pm2_5=2").await;
    let link = "sekisho_link_up{peer=\"fujisawa\"}";
    eventually("no link to a key that no contract names", || async {
        (santander.metric(link).await < 1.0).then_some(())
    })
    .await;
    for stale in ["invitation", "acceptance", "contract"] {
        fs::remove_file(fujisawa.place(format!("{stale}-santander.letter"))).unwrap();
    }
    peer(&fujisawa, &santander, "fujisawa/truck/#").await;
    arrived("pm2_5=2").await;
    publish("pm2_5=3").await;
    arrived("pm2_5=3").await;
}
