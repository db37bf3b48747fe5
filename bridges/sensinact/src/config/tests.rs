//! Configurations: the examples can be run, and faults are told with their keys.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::{Config, ConfigError, MqttVersion, Security};

/// A folder with what configurations name.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sensinact")).unwrap();
    fs::write(folder.path().join("sensinact/profile.toml"), "").unwrap();
    for file in ["mqtt.password", "bridge.key"] {
        let path = folder.path().join(file);
        fs::write(&path, "secret\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    folder
}

fn faults(text: &str) -> Vec<String> {
    let folder = folder();
    match Config::parse(text, folder.path()) {
        Err(ConfigError::Faults { faults }) => faults.iter().map(ToString::to_string).collect(),
        other => panic!("wanted faults, found {other:?}"),
    }
}

#[test]
fn the_examples_can_be_run() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut read = 0;
    for entry in fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        let folder = folder();
        let text = fs::read_to_string(&path).unwrap();
        let parsed = Config::parse(&text, folder.path());
        assert!(parsed.is_ok(), "{}: {parsed:?}", path.display());
        read += 1;
    }
    assert!(read >= 2);
}

#[test]
fn defaults_are_those_that_are_documented() {
    let text = "[node]\nidentity = \"sensinact\"\nfilters = [\"fujisawa/#\"]\nstate = \"state\"\n\
                [mqtt]\naddress = \"127.0.0.1:1883\"\nplaintext = true\n[actuation]\n";
    let folder = folder();
    let config = Config::parse(text, folder.path()).unwrap();
    assert_eq!(config.node.cursor.as_str(), "sensinact");
    assert_eq!(config.node.start, sekisho::Start::LastValue);
    assert_eq!((config.devices.levels, config.devices.devices_max), (64, 10_000));
    assert_eq!(
        (config.mqtt.version, &config.mqtt.security),
        (MqttVersion::V311, &Security::Loopback)
    );
    assert_eq!((config.mqtt.topic.as_str(), config.mqtt.keep_alive.as_secs()), ("sensinact", 20));
    let actuation = config.actuation.unwrap();
    assert_eq!(actuation.topic, "sensinact-commands");
    assert_eq!(
        (actuation.answers.as_str(), actuation.level.as_str()),
        ("sensinact-answers", "command")
    );
}

#[test]
fn every_fault_is_told_with_its_key() {
    let text = "[node]\nidentity = \"nobody\"\nfilters = [\"fujisawa/#\", \"fujisawa/truck/#\", \"/\"]\n\
                state = \"state\"\nstart = \"now\"\n[devices]\nlevels = 0\n\
                [mqtt]\naddress = \"broker\"\nversion = \"4\"\nplaintext = true\ntopic = \"a/#\"\n\
                user = \"x\"\n[actuation]\nlevel = \"a/b\"\n";
    let told = faults(text).join("\n");
    for key in [
        "node.identity",
        "node.filters[1]",
        "node.filters[2]",
        "node.start",
        "devices.levels",
        "mqtt.address",
        "mqtt.version",
        "mqtt.plaintext",
        "mqtt.topic",
        "mqtt.password_file",
        "actuation.level",
    ] {
        assert!(told.contains(&format!("{key}: wanted ")), "{key} in {told}");
    }
}

#[test]
fn plaintext_stays_on_this_machine_and_trees_stay_apart() {
    let text = |mqtt: &str, actuation: &str| {
        format!(
            "[node]\nidentity = \"sensinact\"\nfilters = [\"fujisawa/#\"]\nstate = \"state\"\n\
             [mqtt]\n{mqtt}\n{actuation}"
        )
    };
    let far = faults(&text("address = \"broker.example:1883\"\nplaintext = true", ""));
    assert!(far[0].starts_with("mqtt.plaintext: wanted false"), "{far:?}");
    let unknown = faults(&text("address = \"broker.example:8883\"", ""));
    assert!(unknown[0].contains("ca (authorities)"), "{unknown:?}");
    let loops = "[actuation]\ntopic = \"sensinact/commands\"";
    let loops = faults(&text("address = \"[::1]:1883\"\nplaintext = true", loops));
    assert!(
        loops[0].starts_with("actuation.topic: wanted a topic that is not within"),
        "{loops:?}"
    );
}

#[test]
fn what_is_unknown_and_what_others_may_read_is_refused() {
    let folder = folder();
    let unknown = "[node]\nidentity = \"sensinact\"\nfiltres = []\n";
    let refused = Config::parse(unknown, folder.path()).unwrap_err();
    let ConfigError::Syntax { source } = refused else { panic!("{refused:?}") };
    assert!(source.to_string().contains("filtres"), "{source}");
    let open = folder.path().join("mqtt.password");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let text = "[node]\nidentity = \"sensinact\"\nfilters = [\"fujisawa/#\"]\nstate = \"state\"\n\
                [mqtt]\naddress = \"localhost:1883\"\nplaintext = true\nuser = \"x\"\n\
                password_file = \"mqtt.password\"\n";
    let refused = Config::parse(text, folder.path()).unwrap_err().to_string();
    assert!(refused.contains("mode 0600") && !refused.contains("secret"), "{refused}");
}
