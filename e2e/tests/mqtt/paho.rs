//! Eclipse Paho's interoperability suite, as it is, against the real node. `cargo xtask setup`
//! brings it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use sekisho_e2e::{City, Mosquitto, skipped};
use serde_json::Value;
use tokio::process::Command;

const ALL: &str = "fujisawa/mqtt/#";
/// A topic that the suite is not to be let read.
const CLOSED: &str = "fujisawa/mqtt/test/nosubscribe";

/// The suite's folder; says so where it is not there.
fn suite() -> Option<PathBuf> {
    let given = std::env::var_os("SEKISHO_PAHO").map(PathBuf::from);
    let target = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/paho.mqtt.testing");
    let folder = given.unwrap_or_else(target);
    let python = std::process::Command::new("python3").arg("--version").output();
    let is_there = folder.join("interoperability").is_dir() && python.is_ok();
    if !is_there {
        skipped(format!("wanted Python and paho.mqtt.testing in {}", folder.display()));
    }
    is_there.then_some(folder)
}

async fn passes(module: &str, count: u64) {
    let Some(suite) = suite() else { return };
    let mut city = City::plan("fujisawa").await;
    let address = city.open("mqtt");
    city.start().await;
    let client = Mosquitto::enrol(&city, "paho", &[ALL], &[ALL]).await;
    for action in ["subscribe", "history"] {
        let deny = ["deny", client.name(), action, CLOSED, "--reason", "for the suite", "--yes"];
        city.run(&deny).await.succeeded();
    }
    let login = city.place("login");
    client.write_login(&login);
    let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join("paho/run.py");
    let mut command = Command::new("python3");
    command.arg(runner).arg(suite).arg(module).arg(address.port().to_string());
    command.arg("--user").arg(login).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let told: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for test in &told {
        if let Some(fault) = test.get("fault").and_then(Value::as_str) {
            println!("{}: {fault}", test.get("test").unwrap());
        }
    }
    let last = told.last().cloned().unwrap_or_default();
    let error = String::from_utf8_lossy(&output.stderr);
    let wanted = serde_json::json!({ "run": count, "faults": 0 });
    assert_eq!(last, wanted, "{error}");
}

#[tokio::test]
async fn paho_finds_mqtt_3_1_1_as_the_standard_has_it() {
    passes("client_test", 10).await;
}

#[tokio::test]
async fn paho_finds_mqtt_5_as_the_standard_has_it() {
    passes("client_test5", 27).await;
}
