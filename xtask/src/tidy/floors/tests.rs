use std::collections::BTreeSet;

use super::*;

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn house(name: &str, dependencies: &[&str], linked: &[&str]) -> Graph {
    let package = Package {
        name: name.to_owned(),
        manifest: format!("{name}/Cargo.toml"),
        dependencies: names(dependencies),
        linked: names(linked),
    };
    let linked = linked.iter().map(|name| built(name, &[])).collect();
    Graph { packages: vec![package], roots: Vec::new(), linked }
}

fn built(name: &str, features: &[&str]) -> (String, BTreeSet<String>) {
    (name.to_owned(), names(features))
}

fn only(findings: &[Finding]) -> String {
    let [finding] = findings else { panic!("wanted one finding, found {findings:?}") };
    finding.to_string()
}

#[test]
fn a_dependency_may_lead_down() {
    assert!(directions(&house("sekisho-broker", &["sekisho", "sekisho-proto"], &[])).is_empty());
}

#[test]
fn a_dependency_may_not_lead_up_or_sideways() {
    let up = only(&directions(&house("sekisho-routing", &["sekisho-broker"], &[])));
    assert!(up.contains("(floor 2) depends on sekisho-broker (floor 4)"), "{up}");
    let sideways = only(&directions(&house("sekisho-seal", &["sekisho-store"], &[])));
    assert!(sideways.contains("(floor 1) depends on sekisho-store (floor 1)"), "{sideways}");
}

#[test]
fn a_package_without_a_floor_is_found() {
    let found = only(&directions(&house("sekisho-attic", &[], &[])));
    assert!(found.contains("sekisho-attic is on no floor"), "{found}");
}

#[test]
fn a_client_may_not_link_the_server() {
    for client in CLIENTS {
        let found = only(&directions(&house(client, &["sekisho-broker"], &[])));
        assert!(found.contains("never links the server"), "{found}");
    }
    assert!(directions(&house("sekisho-cli", &["sekisho-broker"], &[])).is_empty());
}

#[test]
fn a_pure_package_links_no_runtime_however_far_away() {
    let found = only(&sans_io(&house("sekisho-policy", &["harmless"], &["harmless", "tokio"])));
    assert!(found.contains("links tokio"), "{found}");
    assert!(sans_io(&house("sekisho-broker", &["tokio"], &["tokio"])).is_empty());
}

#[test]
fn a_crate_is_built_with_no_feature_that_takes_a_limit_away() {
    let linked = |features| Graph { linked: [built("prost", features)].into(), ..Graph::default() };
    let empty = Tree::of(&[]);
    assert!(features(&linked(&["derive", "std"]), &empty).is_empty());
    let found = only(&features(&linked(&["derive", "no-recursion-limit"]), &empty));
    assert!(found.contains("prost is built with its feature no-recursion-limit"), "{found}");
    // The lock file of a workspace beside this one resolves nothing that is read here.
    let manifest =
        "[dependencies]\nprost = { version = \"0.14\", features = [\"no-recursion-limit\"] }";
    let beside = Tree::of(&[("fuzz/Cargo.toml", manifest)]);
    let found = only(&features(&Graph::default(), &beside));
    assert!(found.contains("fuzz/Cargo.toml: names the feature no-recursion-limit"), "{found}");
}

#[test]
fn a_pure_package_names_no_random_source() {
    let found = only(&sans_io(&house("sekisho-seal", &["getrandom"], &["getrandom"])));
    assert!(found.contains("links getrandom"), "{found}");
    assert!(sans_io(&house("sekisho-seal", &["hpke"], &["hpke", "getrandom"])).is_empty());
}

#[test]
fn a_second_tls_stack_is_found_anywhere() {
    let found = only(&banned(&house("sekisho-cli", &[], &["native-tls"])));
    assert!(found.contains("native-tls is linked"), "{found}");
}

#[test]
fn a_package_that_escapes_the_lints_is_found() {
    let graph = house("sekisho", &[], &[]);
    let escaped = Tree::of(&[("sekisho/Cargo.toml", "[package]\nname = \"sekisho\"\n")]);
    assert!(only(&shared_lints(&graph, &escaped)).contains("takes no lints"));
    let caught = Tree::of(&[("sekisho/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n")]);
    assert!(shared_lints(&graph, &caught).is_empty());
}
