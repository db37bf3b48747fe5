//! Whole logs in files. N-53: what is removed, altered or reordered is found and named.

use std::fs;
use std::path::Path;

use sekisho_e2e::{City, eventually, peer};
use sekisho_tlog::leaf_hash;
use sekisho_tlog::tile::{decode_bundle, encode_bundle};

use crate::town::{Town, text, verify};

/// The only bundle of a short log, and its entries.
fn bundle(folder: &Path) -> (std::path::PathBuf, Vec<Vec<u8>>) {
    let size = fs::read_to_string(folder.join("checkpoint")).unwrap();
    let size: u16 = size.lines().nth(1).unwrap().parse().unwrap();
    let path = folder.join(format!("tile/entries/000.p/{size}"));
    let bytes = fs::read(&path).unwrap();
    let entries = decode_bundle(&bytes, size).unwrap();
    (path, entries.into_iter().map(<[u8]>::to_vec).collect())
}

/// Changes the entries, and the hashes with them where they are to match.
fn change(folder: &Path, and_hashes: bool, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let (path, mut entries) = bundle(folder);
    change(&mut entries);
    fs::write(&path, encode_bundle(&entries).unwrap()).unwrap();
    if and_hashes {
        let hashes: Vec<u8> =
            entries.iter().flat_map(|entry| *leaf_hash(entry).as_bytes()).collect();
        let tile = folder.join("tile/0/000.p").join(path.file_name().unwrap());
        fs::write(tile, hashes).unwrap();
    }
}

#[tokio::test]
async fn an_exported_log_is_verified_from_the_root_s_fingerprint_alone() {
    let town = Town::found().await;
    let folder = town.export("log", &[]).await;
    let read = town.verify(&folder, &["--json"]).await.json();
    assert_eq!(read["log"], "sekisho/fujisawa/control");
    assert_eq!(read["node"], "node@fujisawa");
    assert!(read["entries"].as_u64().unwrap() >= 10, "{read}");
    // In the administrator's folder it goes on from what was trusted there.
    let own = town.city.run(&["log", "verify", text(&folder), "--json"]).await.json();
    assert_eq!(own["goes_on"], true);
    let accesses = town.export("accesses", &["--access"]).await;
    let read = town.verify(&accesses, &["--json"]).await.json();
    assert_eq!(read["log"], "sekisho/fujisawa/access");
    assert!(read["entries"].as_u64().unwrap() >= 1, "{read}");

    let elsewhere = "0".repeat(64);
    verify(&folder, &["--root", &elsewhere]).await.failed(1, "entry 0");
    verify(&folder, &[]).await.failed(2, "wanted --root");
    town.verify(&town.city.place("nothing"), &[]).await.failed(4, "nothing");
}

#[tokio::test]
async fn an_entry_that_was_altered_removed_or_moved_is_named() {
    let town = Town::found().await;
    let altered = |entries: &mut Vec<Vec<u8>>| *entries[5].last_mut().unwrap() ^= 1;
    let folder = town.export("altered", &[]).await;
    change(&folder, false, altered);
    town.verify(&folder, &[]).await.failed(1, "entry 5: wanted the one with hash");
    // Whoever alters the hashes as well has no signature for it.
    let folder = town.export("covered", &[]).await;
    change(&folder, true, altered);
    town.verify(&folder, &[]).await.failed(1, "entry 5");
    let folder = town.export("moved", &[]).await;
    change(&folder, true, |entries| entries.swap(1, 3));
    town.verify(&folder, &[]).await.failed(1, "entry 1");
    let folder = town.export("removed", &[]).await;
    change(&folder, false, |entries| drop(entries.remove(4)));
    town.verify(&folder, &[]).await.failed(1, "wanted");
    let folder = town.export("accesses", &["--access"]).await;
    change(&folder, true, |entries| *entries[0].last_mut().unwrap() ^= 1);
    town.verify(&folder, &[]).await.failed(1, "wanted root");
}

#[tokio::test]
async fn a_log_that_another_key_signed_or_that_is_older_than_what_was_trusted_is_refused() {
    let town = Town::found().await;
    let old = town.export("old", &[]).await;
    let grant = ["grant", "wall@fujisawa", "discover", "fujisawa/park/#"];
    town.city.run(&grant).await.succeeded();
    let new = town.export("new", &[]).await;
    town.verify(&old, &[]).await.succeeded();
    let own = town.city.run(&["log", "verify", text(&old)]).await;
    own.failed(1, "was rolled back");
    // The entries of the one under the checkpoint of the other.
    fs::copy(new.join("checkpoint"), old.join("checkpoint")).unwrap();
    town.verify(&old, &[]).await.failed(1, "wanted");
    // Everything as it was, and the signature of somebody else.
    let mut note = fs::read_to_string(new.join("checkpoint")).unwrap();
    let place = note.rfind("control ").unwrap() + "control ".len() + 12;
    let letter = if note.as_bytes()[place] == b'A' { "B" } else { "A" };
    note.replace_range(place..=place, letter);
    fs::write(new.join("checkpoint"), note).unwrap();
    town.verify(&new, &[]).await.failed(1, "signed by a node that its statements name");
}

/// N-46, for those who are offline: a log without its quorum of witnesses.
#[tokio::test]
async fn a_policy_asks_for_the_peers_cosignatures_and_gets_them() {
    let (town, santander) = tokio::join!(Town::found(), City::found("santander"));
    peer(&town.city, &santander, "fujisawa/truck/#").await;
    let policy = town.city.place("witnesses.policy");
    let printed = town.city.run(&["log", "policy"]).await.done();
    assert!(printed.contains("sekisho/santander/node+"), "{printed}");
    fs::write(&policy, printed).unwrap();
    let with_policy = ["--policy", text(&policy), "--json"];
    let read = eventually("a checkpoint that santander has cosigned", || async {
        let folder = town.export("log", &[]).await;
        let said = town.verify(&folder, &with_policy).await;
        (said.code == Some(0)).then(|| said.json())
    })
    .await;
    assert_eq!(read["cosigners"][0]["name"], "santander");
    // The same checkpoint without that signature.
    let folder = town.export("log", &[]).await;
    let note = fs::read_to_string(folder.join("checkpoint")).unwrap();
    let lines = note.lines().filter(|line| !line.contains("sekisho/santander/node"));
    let without: String = lines.map(|line| format!("{line}\n")).collect();
    fs::write(folder.join("checkpoint"), without).unwrap();
    town.verify(&folder, &with_policy).await.failed(1, "wanted cosignatures of 1 of santander");
    // A client that asks for the quorum gets in with it.
    fs::copy(&policy, town.app.dir().join("witnesses.policy")).unwrap();
    let client =
        eventually("a quorum for a client", || async { town.app.try_connect().await.ok() });
    client.await.close().await;
}
