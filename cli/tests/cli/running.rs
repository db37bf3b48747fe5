//! With a node and a steward at work: mistakes there, and ends in good order.

use rustix::process::Signal;

use crate::city::{City, run_with};

const AIR: &str = "fujisawa/truck/17/air";

#[test]
fn samples_before_a_bad_line_are_published() {
    let city = City::found();
    let _open = city.open();
    city.admit("truck-17", &["--topics", "fujisawa/truck/17/#"]);
    city.admit("dashboard", &["--kind", "app", "--read", "fujisawa/truck/#"]);
    let lines = "{\"pm2_5\":12.5}\n\n{\"pm2_5\":[1]}\n{\"pm2_5\":13}\n";
    let said = run_with(city.folder.path(), &["pub", AIR, "--dir", "truck-17"], lines);
    said.failed(4, &["standard input, line 3", "pm2_5: wanted a number"]);
    assert_eq!(said.out, "published 1 sample\n");
    let kept = city.run(&["history", AIR, "--json", "--dir", "dashboard"]);
    let kept: serde_json::Value = serde_json::from_str(kept.done()).unwrap();
    assert_eq!(kept["values"], serde_json::json!({ "pm2_5": 12.5 }));
    assert_eq!(kept["publisher"], "truck-17@fujisawa");
}

#[test]
fn what_is_refused_is_told_with_the_reason_and_ends_with_one() {
    let city = City::found();
    let _open = city.open();
    city.admit("truck-17", &["--topics", "fujisawa/truck/17/#"]);
    let elsewhere = ["pub", "fujisawa/truck/18/air", "pm2_5=1", "--dir", "truck-17"];
    city.run(&elsewhere).failed(1, &["1 sample refused", "no grant of fujisawa allows it"]);
    let read = ["sub", "fujisawa/#", "--dir", "truck-17"];
    city.run(&read).failed(1, &["may not subscribe", "no grant"]);
    let who = ["who", AIR, "--dir", "truck-17"];
    city.run(&who).failed(1, &["wanted the right to administer"]);
    let why = ["why", "truck-17@fujisawa", "publish", "fujisawa/truck/18/air", "--dir", "truck-17"];
    let said = city.run(&why);
    assert_eq!((said.code, said.out.starts_with("no: ")), (1, true), "{said:?}");
    let foreign = ["grant", "truck-17@fujisawa", "publish", "santander/#", "--dir", "fujisawa"];
    city.run(&foreign).failed(2, &["wanted topics of fujisawa, found some of santander"]);
    city.run(&["peer", "end", "santander", "--dir", "fujisawa"]).failed(1, &["santander"]);
}

#[test]
fn joining_goes_on_with_the_keys_of_the_first_attempt() {
    let city = City::found();
    let enrol = ["enrol", "truck-17", "--out", "token", "--dir", "fujisawa"];
    city.run(&enrol).done();
    let join = ["join", "token", "--dir", "truck-17"];
    city.run(&join).failed(3, &["is the node running"]);
    let key = std::fs::read(city.path("truck-17/identity.key")).unwrap();
    let _open = city.open();
    let joining = city.start(&join);
    // The steward looks every second; nobody can be approved before it has seen them wait.
    let list = ["enrol", "--list", "--json", "--dir", "fujisawa"];
    let waits = || {
        let listed: serde_json::Value = serde_json::from_str(city.run(&list).done()).unwrap();
        listed[0]["key"].as_str().map(str::to_owned)
    };
    let waiting = (0..600).find_map(|_attempt| waits()).unwrap();
    let approve = ["enrol", "--approve", "truck-17", "--dir", "fujisawa"];
    city.run(&approve).failed(2, &["wanted --key with the fingerprint"]);
    city.run(&[&approve[..], &["--key", &waiting]].concat()).done();
    assert!(joining.ended().done().contains("joined as truck-17@fujisawa"));
    assert_eq!(std::fs::read(city.path("truck-17/identity.key")).unwrap(), key);
    city.run(&["join", "token", "--dir", "other"]).failed(1, &["one that was used"]);
}

#[test]
fn a_name_with_two_keys_loses_both() {
    let city = City::found();
    let _open = city.open();
    city.admit("truck-17", &["--topics", "fujisawa/truck/17/#"]);
    let again = ["enrol", "truck-17", "--approve-matching", "--out", "second", "--dir", "fujisawa"];
    city.run(&again).failed(0, &["note: truck-17@fujisawa has joined before"]);
    city.run(&["join", "second", "--dir", "twin"]).done();
    let revoke = ["revoke", "truck-17@fujisawa", "--reason", "stolen", "--dir", "fujisawa"];
    assert_eq!(city.run(&revoke).done().lines().count(), 2);
    for dir in ["truck-17", "twin"] {
        city.run(&["pub", AIR, "pm2_5=1", "--dir", dir]).failed(1, &["revoked"]);
    }
}

#[test]
fn a_deny_says_when_what_it_closes_is_sealed_to_a_new_key() {
    let city = City::found();
    let _open = city.open();
    city.admit("truck-17", &["--topics", "fujisawa/truck/17/#"]);
    city.admit("dashboard", &["--kind", "app", "--read", "fujisawa/truck/#"]);
    city.run(&["pub", AIR, "pm2_5=1", "--dir", "truck-17"]).done();
    let read = ["sub", "fujisawa/truck/#", "--from", "earliest", "--count", "1"];
    city.run(&[&read[..], &["--dir", "dashboard"]].concat()).done();
    let deny = ["deny", "dashboard@fujisawa", "decrypt", "fujisawa/truck/#", "--dir", "fujisawa"];
    let said = city.run(&deny);
    let lines: Vec<&str> = said.done().lines().collect();
    assert_eq!(lines.len(), 2, "{said:#?}");
    assert!(lines[0].contains("stands at"), "{said:#?}");
    assert!(lines[1].starts_with("fujisawa/#: sealed to the new epoch 2 after "), "{said:#?}");
    let hasty = city.run(&[&deny[..], &["--no-wait"]].concat());
    assert_eq!(hasty.done().lines().count(), 1, "{hasty:#?}");
    let told = city.run(&[&deny[..], &["--json"]].concat());
    let told: serde_json::Value = serde_json::from_str(told.done()).unwrap();
    assert_eq!(told["confirmed"], true, "{told}");
    assert_eq!(told["statement"].as_str().map(str::len), Some(64), "{told}");
}

#[test]
fn who_may_is_answered_with_the_action_that_was_asked_about() {
    let city = City::found();
    let _open = city.open();
    city.admit("truck-17", &["--topics", "fujisawa/truck/17/#"]);
    let who = ["who", AIR, "--dir", "fujisawa"];
    let nobody = city.run(&who);
    assert_eq!(nobody.done(), "nobody\n");
    assert!(nobody.err.contains(&format!("who may subscribe on {AIR}")), "{nobody:#?}");
    let truck = city.run(&[&who[..], &["--action", "publish"]].concat());
    assert!(truck.done().starts_with("WHO MAY PUBLISH "), "{truck:#?}");
}

#[test]
fn a_subscription_ends_with_its_signal_its_reader_and_its_right() {
    let city = City::found();
    let _open = city.open();
    city.admit("truck-17", &["--topics", "fujisawa/truck/17/#"]);
    city.admit("dashboard", &["--kind", "app", "--read", "fujisawa/truck/#"]);
    let publish = || city.run(&["pub", AIR, "pm2_5=1", "--dir", "truck-17"]).done().to_owned();
    let listen = ["sub", "fujisawa/truck/#", "--from", "earliest", "--dir", "dashboard"];
    publish();

    let mut interrupted = city.start(&listen);
    assert!(interrupted.line().contains("pm2_5=1"));
    interrupted.signal(Signal::INT);
    interrupted.ended().done();

    let mut unread = city.start(&listen);
    unread.line();
    unread.stop_reading();
    publish();
    unread.ended().done();

    let mut barred = city.start(&listen);
    barred.line();
    city.run(&["revoke", "dashboard@fujisawa", "--dir", "fujisawa"]).done();
    barred.ended().failed(1, &["revoked"]);
}

#[test]
fn a_node_has_its_folder_for_itself_and_ends_when_it_is_asked_to() {
    let city = City::found();
    let (node, steward) = city.open();
    city.run(&["serve", "--dir", "fujisawa"]).failed(4, &["fujisawa/data", "in use by process"]);
    city.run(&["steward", "--dir", "fujisawa"]).failed(4, &["another steward at work"]);
    let well = city.run(&["doctor", "--dir", "fujisawa"]);
    assert!(well.done().contains("fujisawa/# can be sealed"), "{}", well.out);
    steward.signal(Signal::TERM);
    steward.ended().done();
    node.signal(Signal::TERM);
    node.ended().done();
}

#[test]
fn a_spool_keeps_samples_while_the_node_is_away() {
    let city = City::found();
    let (node, _steward) = city.open();
    city.admit("truck-17", &["--topics", "fujisawa/truck/17/#"]);
    city.admit("dashboard", &["--kind", "app", "--read", "fujisawa/truck/#"]);
    let publish = |value: &str| {
        let spool = ["--spool", "truck-17/spool", "--json", "--dir", "truck-17"];
        let said = city.run(&[&["pub", AIR, value][..], &spool].concat());
        serde_json::from_str::<serde_json::Value>(said.done()).unwrap()
    };
    assert_eq!(publish("pm2_5=1")["samples"], 1);
    node.signal(Signal::TERM);
    node.ended().done();
    assert_eq!(publish("pm2_5=2")["kept"], 1);
    let mut node = city.start(&["serve", "--dir", "fujisawa"]);
    node.line();
    assert_eq!(publish("pm2_5=3")["samples"], 2);
    let kept = city.run(&["history", AIR, "--dir", "dashboard"]);
    let values: Vec<&str> =
        kept.done().lines().filter_map(|line| line.split("  ").nth(1)).collect();
    assert_eq!(values, ["pm2_5=1", "pm2_5=2", "pm2_5=3"]);
}

#[test]
fn a_cursor_goes_on_where_it_was() {
    let city = City::found();
    let _open = city.open();
    city.admit("truck-17", &["--topics", "fujisawa/truck/17/#"]);
    city.admit("dashboard", &["--kind", "app", "--read", "fujisawa/truck/#"]);
    for value in ["pm2_5=1", "pm2_5=2"] {
        city.run(&["pub", AIR, value, "--dir", "truck-17"]).done();
    }
    let read = ["sub", AIR, "--cursor", "billing", "--from", "earliest", "--count", "1"];
    for value in ["pm2_5=1", "pm2_5=2"] {
        let said = city.run(&[&read[..], &["--dir", "dashboard"]].concat());
        assert!(said.done().ends_with(&format!("{value}\n")), "{}", said.out);
    }
}
