//! Dependencies run strictly down the floors, and the lower floors link no I/O.

use super::graph::{Graph, Package};
use super::tree::Tree;
use crate::report::Finding;

/// Every package and its floor. A new one is placed here on purpose, with its line in
/// ARCHITECTURE.md.
const FLOORS: [(&str, u8); 22] = [
    ("sekisho-proto", 0),
    ("sekisho-plot", 0),
    ("sekisho-seal", 1),
    ("sekisho-policy", 1),
    ("sekisho-store", 1),
    ("sekisho-formats", 1),
    ("sekisho-tlog", 1),
    ("sekisho-routing", 2),
    ("sekisho-federation", 2),
    ("sekisho-mqtt", 2),
    ("sekisho-sensorthings", 2),
    ("sekisho", 3),
    ("sekisho-broker", 4),
    ("sekisho-agent", 5),
    ("sekisho-republish", 5),
    ("sekisho-sensinact", 5),
    ("sekisho-steward", 5),
    ("sekisho-cli", 6),
    ("sekisho-sim", 7),
    ("sekisho-benches", 7),
    ("sekisho-e2e", 7),
    ("xtask", 7),
];

/// Packages that are given time, randomness and bytes, and fetch none of them.
pub(super) const SANS_IO: [&str; 9] = [
    "sekisho-proto",
    "sekisho-formats",
    "sekisho-seal",
    "sekisho-policy",
    "sekisho-tlog",
    "sekisho-routing",
    "sekisho-federation",
    "sekisho-mqtt",
    "sekisho-sensorthings",
];

/// May not be linked by a package of `SANS_IO`, however far away.
const RUNTIMES: [&str; 6] = ["tokio", "quinn", "tonic", "axum", "hyper", "socket2"];

/// May not be named by a package of `SANS_IO`; a cryptography library may bring them along.
const RANDOM_SOURCES: [&str; 2] = ["rand", "getrandom"];

/// May not be linked by anything: one TLS stack, one provider of cryptography.
const BANNED: [&str; 4] = ["ring", "openssl-sys", "openssl", "native-tls"];

/// Features that no crate may be built with, and why: somebody else's manifest may switch them on.
const BANNED_FEATURES: [(&str, &str, &str); 1] = [(
    "prost",
    "no-recursion-limit",
    "messages of strangers would be decoded as deep as they are nested (RUSTSEC-2020-0002)",
)];

/// Clients: they speak the protocol and never link the server.
const CLIENTS: [&str; 4] =
    ["sekisho-agent", "sekisho-republish", "sekisho-sensinact", "sekisho-steward"];

/// Every dependency between our packages leads to a lower floor.
pub(super) fn directions(graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &graph.packages {
        let Some(floor) = floor(&package.name) else {
            let message =
                "is on no floor: place it in xtask/src/tidy/floors.rs and ARCHITECTURE.md";
            findings.push(about(package, message));
            continue;
        };
        for dependency in &package.dependencies {
            let Some(below) = self::floor(dependency) else { continue };
            if below >= floor {
                let message = format!(
                    "(floor {floor}) depends on {dependency} (floor {below}): dependencies run \
                     strictly down, so move what is shared to a lower floor"
                );
                findings.push(about(package, &message));
            }
            if dependency == "sekisho-broker" && CLIENTS.contains(&package.name.as_str()) {
                let message = "depends on sekisho-broker: a client speaks the protocol, through \
                               the SDK, and never links the server";
                findings.push(about(package, message));
            }
        }
    }
    findings
}

/// The pure packages link no runtime, socket or random source.
pub(super) fn sans_io(graph: &Graph) -> Vec<Finding> {
    let pure = graph.packages.iter().filter(|package| SANS_IO.contains(&package.name.as_str()));
    let mut findings = Vec::new();
    for package in pure {
        let linked = RUNTIMES.iter().filter(|name| package.linked.contains(**name));
        let named = RANDOM_SOURCES.iter().filter(|name| package.dependencies.contains(**name));
        for name in linked.chain(named) {
            let message = format!(
                "links {name}: this package does no I/O, so take time, randomness and bytes as \
                 arguments (`cargo tree -p {} -i {name}` shows the way in)",
                package.name
            );
            findings.push(about(package, &message));
        }
    }
    findings
}

/// Nothing links a second TLS stack or provider of cryptography.
pub(super) fn banned(graph: &Graph) -> Vec<Finding> {
    let found = BANNED.iter().filter(|name| graph.linked.contains_key(**name));
    let message = |name| {
        format!(
            "{name} is linked: rustls with aws-lc-rs is the only TLS stack, so switch off the \
             feature that brings it (`cargo tree -i {name} -e features`)"
        )
    };
    found.map(|name| Finding::new("Cargo.toml", message(name))).collect()
}

/// No crate is built with a feature that takes a limit away: neither as features are resolved, nor by
/// a manifest of a workspace beside this one.
pub(super) fn features(graph: &Graph, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, feature, why) in BANNED_FEATURES {
        if graph.linked.get(name).is_some_and(|features| features.contains(feature)) {
            let message = format!(
                "{name} is built with its feature {feature}: {why}; switch it off \
                 (`cargo tree -i {name} -e features` shows the way in)"
            );
            findings.push(Finding::new("Cargo.toml", message));
        }
        let manifests = tree.texts().filter(|(path, _text)| path.ends_with("Cargo.toml"));
        for (path, _text) in manifests.filter(|(_path, text)| text.contains(feature)) {
            findings.push(Finding::new(path, format!("names the feature {feature}: {why}")));
        }
    }
    findings
}

/// Every package takes the workspace's lints.
pub(super) fn shared_lints(graph: &Graph, tree: &Tree) -> Vec<Finding> {
    let has = |package: &&Package| {
        tree.text(&package.manifest).is_some_and(|text| text.contains("[lints]\nworkspace = true"))
    };
    let without = graph.packages.iter().filter(|package| !has(package));
    let message = "takes no lints: add `[lints]` with `workspace = true` to its manifest";
    without.map(|package| about(package, message)).collect()
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(package, _)| *package == name).map(|(_, floor)| *floor)
}

fn about(package: &Package, message: &str) -> Finding {
    Finding::new(&package.manifest, format!("{} {message}", package.name))
}

#[cfg(test)]
mod tests;
