//! Configurations: the example can be run, and what would go round is refused.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{Config, ConfigError};

fn parse(text: &str) -> Result<Config, ConfigError> {
    let folder = folder();
    Config::parse(text, folder.path())
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("open-data")).unwrap();
    fs::write(folder.path().join("open-data/profile.toml"), "").unwrap();
    folder
}

fn routed(routes: &str) -> Result<Config, ConfigError> {
    parse(&format!("[node]\nidentity = \"open-data\"\n{routes}"))
}

#[test]
fn the_example_can_be_run() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/open-data.toml");
    let config = parse(&fs::read_to_string(example).unwrap()).unwrap();
    assert!(!config.routes.is_empty());
}

#[test]
fn the_part_before_the_first_wildcard_is_replaced() {
    let target = |from: &str, topic: &str| {
        let text = format!("[[route]]\nfrom = \"{from}\"\nto = \"fujisawa/open/bus\"\n");
        let config = routed(&text).unwrap();
        config.routes[0].target(&topic.parse().unwrap()).unwrap().to_string()
    };
    assert_eq!(target("fujisawa/truck/#", "fujisawa/truck/17/air"), "fujisawa/open/bus/17/air");
    assert_eq!(target("fujisawa/truck/+/air", "fujisawa/truck/17/air"), "fujisawa/open/bus/17/air");
    assert_eq!(target("fujisawa/truck/17", "fujisawa/truck/17"), "fujisawa/open/bus");
}

#[test]
fn what_would_go_round_and_what_is_no_route_is_refused() {
    for (routes, words) in [
        ("[[route]]\nfrom = \"fujisawa/#\"\nto = \"fujisawa/open\"\n", "route[0].to: wanted"),
        (
            "[[route]]\nfrom = \"fujisawa/a/#\"\nto = \"fujisawa/b\"\n\
             [[route]]\nfrom = \"fujisawa/b/c/#\"\nto = \"fujisawa/d\"\n",
            "route[0].to: wanted",
        ),
        ("[[route]]\nfrom = \"/\"\nto = \"fujisawa/+\"\n", "route[0].from: wanted"),
        (
            "[[route]]\nfrom = \"fujisawa/a\"\nto = \"fujisawa/b\"\nscope = \"all\"\n",
            "scope: wanted",
        ),
    ] {
        let refused = routed(routes).unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
    }
    assert!(matches!(routed("[[rout]]\n"), Err(ConfigError::Syntax { .. })));
}
