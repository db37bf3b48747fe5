//! The examples in `deploy/` are held against the programs they are written for.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what goes wrong in a helper has to fail the test that uses it"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use sekisho_e2e::program;

fn deployed(path: &str) -> String {
    let path = root().join("deploy").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn the_example_node_configuration_shows_every_default() {
    let parse = |text: &str| {
        let dir = Path::new("node");
        sekisho_broker::config::Config::parse(text, dir, &dir.join("sekisho.toml")).unwrap()
    };
    let example = parse(&deployed("config/sekisho.toml"));
    assert_eq!(example, parse("organisation = \"fujisawa\""));
}

#[test]
fn the_example_agent_configuration_is_accepted() {
    let text = deployed("config/agent.toml");
    let config = sekisho_agent::Config::parse(&text, Path::new("agent")).unwrap();
    let names: Vec<_> = config.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["gnss", "air", "climate"]);
    assert!(config.publish.is_some() && config.merge.is_some());
}

#[test]
fn the_example_steward_settings_show_every_default() {
    let organisation = "fujisawa".parse().unwrap();
    let text = deployed("config/steward.toml");
    let settings =
        sekisho_steward::Settings::parse(&text, &organisation, Path::new("steward.toml"));
    assert_eq!(settings.unwrap(), sekisho_steward::Settings::defaults(&organisation));
}

#[test]
fn every_command_that_is_deployed_exists_with_its_options() {
    for line in commands() {
        let words: Vec<_> = line.split_whitespace().collect();
        let (name, rest) = words.split_first().unwrap();
        let output = Command::new(program()).args([*name, "--help"]).output().unwrap();
        assert!(output.status.success(), "`sekisho {name}` is not a command: {line}");
        let help = String::from_utf8(output.stdout).unwrap();
        for option in rest.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "`sekisho {name}` takes no {option}: {line}");
        }
    }
}

/// What follows `sekisho` in the units and the compose file.
fn commands() -> Vec<String> {
    let mut found = Vec::new();
    for role in ["agent", "node", "steward"] {
        let unit = deployed(&format!("systemd/sekisho-{role}.service"));
        let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/sekisho "));
        found.push(start.unwrap_or_else(|| panic!("{role}: no ExecStart")).to_owned());
    }
    for line in deployed("compose.yaml").lines().map(str::trim) {
        let list = line
            .strip_prefix("command: [")
            .or_else(|| line.strip_prefix("test: [CMD, /usr/bin/sekisho, "));
        if let Some(words) = list.and_then(|list| list.strip_suffix(']')) {
            found.push(words.replace(',', " "));
        }
        if let Some((_, run)) = line.split_once("run --rm ") {
            found.push(run.split_once(' ').unwrap().1.to_owned());
        }
    }
    assert_eq!(found.len(), 10, "{found:?}");
    found
}
