//! Folders that are not what they should be: named, and never changed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use crate::city::{City, run, run_with};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_init_makes_is_for_its_owner_alone() {
    let city = City::found();
    for folder in ["fujisawa", "fujisawa/keys", "fujisawa/administrator", "fujisawa/steward"] {
        assert_eq!(mode(&city.path(folder)), 0o700, "{folder}");
    }
    for key in ["keys/root.key", "keys/node.key", "administrator/identity.key"] {
        assert_eq!(mode(&city.path("fujisawa").join(key)), 0o600, "{key}");
    }
}

#[test]
fn a_root_of_several_keys_has_a_file_for_each_and_says_how_many_must_sign() {
    let folder = TempDir::new().unwrap();
    let init = ["init", "fujisawa", "--root-keys", "3", "--root-threshold", "2"];
    let said = run(folder.path(), &init);
    assert!(said.done().contains("2 of 3 root keys speak"), "{}", said.out);
    assert!(!said.out.contains("WARNING"), "{}", said.out);
    let keys = folder.path().join("fujisawa/keys");
    let mut public = Vec::new();
    for number in 1..=3 {
        let path = keys.join(format!("root-{number}.key"));
        assert_eq!(mode(&path), 0o600);
        let text = fs::read_to_string(path).unwrap();
        public.push(text.lines().find(|line| line.starts_with("public-key: ")).unwrap().to_owned());
    }
    public.sort_unstable();
    public.dedup();
    assert_eq!(public.len(), 3);
    assert!(!keys.join("root.key").exists());
    let one = run(folder.path(), &["init", "santander"]);
    assert!(
        one.done().contains("WARNING: one root key, in santander/keys/root.key"),
        "{}",
        one.out
    );
    let any = ["init", "porto", "--root-keys", "2", "--root-threshold", "1"];
    let any = run(folder.path(), &any);
    assert!(any.done().contains("WARNING: any one of 2 root keys"), "{}", any.out);
}

#[test]
fn keys_are_made_and_shown_before_there_is_a_token() {
    let folder = TempDir::new().unwrap();
    let prepare = ["join", "--prepare", "truck-17@fujisawa", "--dir", "truck-17"];
    let first = run(folder.path(), &prepare);
    let shown = first.done().split_whitespace().nth(2).unwrap().trim_end_matches(':').to_owned();
    assert_eq!(shown.len(), 19, "{}", first.out);
    assert_eq!(mode(&folder.path().join("truck-17/identity.key")), 0o600);
    assert!(run(folder.path(), &prepare).done().contains(&shown));
    let other = ["join", "--prepare", "truck-18@fujisawa", "--dir", "truck-17"];
    run(folder.path(), &other).failed(4, &["wanted keys of truck-18@fujisawa"]);
    let person = [&prepare[..], &["--kind", "person"]].concat();
    run(folder.path(), &person).failed(4, &["wanted keys of a person, found a device's"]);
    let node = ["join", "--prepare", "node@fujisawa", "--kind", "node", "--dir", "node"];
    run(folder.path(), &node).failed(2, &["wanted device, person, app or bridge"]);
}

#[test]
fn a_folder_of_keys_that_others_may_write_is_told_by_the_doctor() {
    let city = City::found();
    let keys = city.path("fujisawa/keys");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o777)).unwrap();
    let said = city.run(&["doctor", "--dir", "fujisawa"]);
    assert_eq!(said.code, 1);
    let wanted = "wanted a folder that only you may write, found 0777";
    assert!(said.out.contains(wanted), "{}", said.out);
}

#[test]
fn a_second_organisation_does_not_overwrite_the_first() {
    let city = City::found();
    let before = fs::read(city.path("fujisawa/keys/root.key")).unwrap();
    city.run(&["init", "fujisawa"]).failed(4, &["wanted a new folder", "--dir"]);
    assert_eq!(fs::read(city.path("fujisawa/keys/root.key")).unwrap(), before);
}

#[test]
fn another_folder_is_named_with_what_was_wanted_in_it() {
    let empty = TempDir::new().unwrap();
    run(empty.path(), &["serve"]).failed(4, &["sekisho init", "sekisho.toml", "--dir"]);
    run(empty.path(), &["steward"]).failed(4, &["sekisho init", "steward/profile.toml", "--dir"]);
    run(empty.path(), &["enrol", "truck-17"]).failed(4, &["sekisho init", "--dir"]);
    for command in [&["who", "fujisawa/truck"][..], &["sub", "fujisawa/#"], &["doctor"]] {
        run(empty.path(), command).failed(4, &["sekisho join", "profile.toml", "--dir"]);
    }
}

#[test]
fn keys_that_others_may_read_are_not_used() {
    let city = City::found();
    let key = city.path("fujisawa/administrator/identity.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let wanted = ["administrator/identity.key", "wanted mode 0600", "found 0644"];
    city.run(&["who", "fujisawa/truck", "--dir", "fujisawa"]).failed(4, &wanted);
    let said = city.run(&["doctor", "--dir", "fujisawa", "--json"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("found 0644"), "{}", said.out);
}

#[test]
fn a_node_that_is_not_there_has_an_exit_code_of_its_own() {
    let city = City::found();
    let said = city.run(&["who", "fujisawa/truck", "--dir", "fujisawa"]);
    said.failed(3, &["administrator@fujisawa", "found no answer", "is the node running"]);
}

#[test]
fn every_fault_of_a_configuration_is_told_at_once() {
    let city = City::found();
    let wrong = "organisation = \"fujisawa\"\nspeed = 1\n[listen]\nquic = \"here\"\n";
    fs::write(city.path("fujisawa/sekisho.toml"), wrong).unwrap();
    city.run(&["serve", "--dir", "fujisawa"]).failed(4, &["speed", "listen.quic"]);
}

#[test]
fn a_token_may_be_written_to_a_new_file_only() {
    let city = City::found();
    let enrol = ["enrol", "truck-17", "--out", "token", "--dir", "fujisawa"];
    city.run(&enrol).done();
    assert_eq!(mode(&city.path("token")), 0o600);
    let before = fs::read(city.path("token")).unwrap();
    city.run(&enrol).failed(4, &["token: wanted to make a new file"]);
    assert_eq!(fs::read(city.path("token")).unwrap(), before);
    let listed = city.run(&["enrol", "--list", "--json", "--dir", "fujisawa"]);
    assert_eq!(listed.done().matches("truck-17@fujisawa").count(), 1, "{}", listed.out);
}

#[test]
fn a_token_that_cannot_be_made_leaves_no_file() {
    let city = City::found();
    let enrol = ["enrol", "truck-17", "--topics", "santander/#", "--out", "token"];
    let said = city.run(&[&enrol[..], &["--dir", "fujisawa"]].concat());
    said.failed(2, &["wanted topics of fujisawa, found santander/#"]);
    assert!(!city.path("token").exists());
}

#[test]
fn nobody_is_admitted_who_does_not_wait() {
    let city = City::found();
    let approve = ["enrol", "--approve", "truck-17", "--dir", "fujisawa"];
    city.run(&approve).failed(1, &["truck-17@fujisawa", "--list"]);
}

#[test]
fn a_letter_that_is_none_is_not_accepted() {
    let city = City::found();
    let accept = ["peer", "accept", "-", "--dir", "fujisawa"];
    run_with(city.folder.path(), &accept, "Dear Sirs").failed(4, &["letter", "BEGIN SEKISHO"]);
    let torn =
        "-----BEGIN SEKISHO PEERING CONTRACT-----\nAAAA\n-----END SEKISHO PEERING CONTRACT-----";
    run_with(city.folder.path(), &accept, torn).failed(4, &["letter", "cut off"]);
}

#[test]
fn node_steward_and_administrator_may_each_have_a_machine_of_their_own() {
    let city = City::found();
    let office = city.path("office");
    fs::create_dir(&office).unwrap();
    for folder in ["administrator", "steward"] {
        fs::rename(city.path("fujisawa").join(folder), office.join(folder)).unwrap();
    }
    fs::rename(city.path("fujisawa/keys/root.key"), city.path("stick.key")).unwrap();
    let said = city.run(&["doctor", "--dir", "fujisawa"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("start it, if it does not run"), "{}", said.out);
    let mut node = city.start(&["serve", "--dir", "fujisawa"]);
    assert!(node.line().starts_with("serving on "));
    let well = city.run(&["doctor", "--dir", "fujisawa"]);
    for words in ["node@fujisawa: readable by you alone", "not on this machine", "ready"] {
        assert!(well.done().contains(words), "{}", well.out);
    }
    let token = city.run(&["enrol", "truck-1", "--dir", "office"]);
    assert!(token.done().contains("sekisho-join-v1."), "{}", token.out);
    let seen = city.run(&["doctor", "--dir", "office"]);
    assert!(seen.done().contains("administrator@fujisawa, steward@fujisawa"), "{}", seen.out);
}
