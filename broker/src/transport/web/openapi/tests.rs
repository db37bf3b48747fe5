use std::collections::BTreeSet;

use serde_json::Value;

use super::DOCUMENT;

/// Where routes are made.
const PARTS: [&str; 5] = [
    include_str!("../about.rs"),
    include_str!("../publish.rs"),
    include_str!("../events.rs"),
    include_str!("../admin.rs"),
    include_str!("../openapi.rs"),
];

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// Method and path of every route, as OpenAPI writes them.
fn routed() -> BTreeSet<(String, String)> {
    let lines = PARTS.iter().flat_map(|part| part.lines());
    let routes = lines.filter_map(|line| line.split_once(".route(\"")?.1.split_once("\", "));
    routes
        .map(|(path, handler)| {
            let method = handler.split('(').next().unwrap();
            (method.to_owned(), path.replace("{*", "{"))
        })
        .collect()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in paths {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            described.insert((method.clone(), path.clone()));
        }
    }
    assert_eq!(described, routed());
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(document: &Value, part: &Value) {
        match part {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                members.values().for_each(|value| check(document, value));
            }
            Value::Array(items) => items.iter().for_each(|value| check(document, value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = document();
    check(&document, &document);
}

/// Whoever is told no is told so in one way, and whoever has not said who they are is told so first.
#[test]
fn every_request_can_be_refused_with_a_problem() {
    let document = document();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if method == "parameters" || ["/v1/node", "/v1/openapi.json"].contains(&path.as_str()) {
                continue;
            }
            for status in ["400", "401", "403", "429", "503"] {
                let content = &operation["responses"][status]["content"];
                assert!(
                    content["application/problem+json"].is_object(),
                    "{method} {path} {status}"
                );
            }
        }
    }
}
