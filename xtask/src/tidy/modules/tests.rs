use super::*;

fn dead(files: &[(&str, &str)]) -> Vec<String> {
    let roots = vec!["a/src/lib.rs".to_owned(), "a/tests/it/main.rs".to_owned()];
    let graph = Graph { roots, ..Graph::default() };
    let findings = unreached(&Tree::of(files), &graph);
    findings.iter().map(|finding| finding.to_string().split(':').next().unwrap().into()).collect()
}

#[test]
fn every_way_to_reach_a_file_is_followed() {
    let files = [
        ("a/src/lib.rs", "mod hub;\nmod wire { mod generated; }\nmod r#type;\n"),
        ("a/src/hub.rs", "#[cfg(test)]\nmod tests;\n#[path = \"../odd/place.rs\"]\nmod odd;\n"),
        ("a/src/hub/tests.rs", "include!(\"table.rs\");\n"),
        ("a/src/hub/table.rs", "[]"),
        ("a/odd/place.rs", "mod near;\n"),
        ("a/odd/near.rs", ""),
        ("a/src/wire/generated.rs", ""),
        ("a/src/type.rs", ""),
        ("a/tests/it/main.rs", "mod session;\n"),
        ("a/tests/it/session.rs", ""),
    ];
    assert_eq!(dead(&files), [""; 0]);
}

#[test]
fn a_file_that_nothing_declares_is_dead() {
    let files = [
        ("a/src/lib.rs", "mod hub; // mod ghost;\nconst TEXT: &str = \"mod phantom;\";\n"),
        ("a/src/hub.rs", ""),
        ("a/src/ghost.rs", ""),
        ("a/src/phantom.rs", ""),
        ("a/src/hub/lib.rs", ""),
    ];
    assert_eq!(dead(&files), ["a/src/ghost.rs", "a/src/hub/lib.rs", "a/src/phantom.rs"]);
}
