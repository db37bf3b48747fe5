use super::*;

const HUB: &str = "pub struct Ingress;\nimpl Ingress {\n    pub fn admit(&self) {}\n}\n\
                   pub struct Outbox;\nimpl Outbox {\n    pub fn offer(&self) {}\n}\nfn drain() {}\n";

fn told(rows: &str) -> Vec<String> {
    let known = "| 1 | `hub::Ingress::admit` | `broker/src/hub.rs` | verified |\n".repeat(8);
    let document = format!("# A\n\n## The walk\n\n{known}{rows}\n## Floors\n\n| `a::b` | x |\n");
    let tree = Tree::of(&[("ARCHITECTURE.md", &document), ("broker/src/hub.rs", HUB)]);
    functions(&tree).iter().map(ToString::to_string).collect()
}

fn only(found: &[String]) -> &str {
    let [finding] = found else { panic!("wanted one finding, found {found:?}") };
    finding
}

#[test]
fn what_exists_passes() {
    let rows = "| 9 | `hub::Outbox::offer(record)`, `hub::drain` → `Sample` | `broker/src/hub.rs` | |\n\
                | 8 | steps 3 to 6 on the other node | | |\n";
    assert_eq!(told(rows), [""; 0]);
}

#[test]
fn a_function_that_moved_away_is_found() {
    let found = told("| 9 | `hub::Outbox::admit` | `broker/src/hub.rs` | |\n");
    assert!(only(&found).starts_with("ARCHITECTURE.md:13: `hub::Outbox::admit`"), "{found:?}");
    let found = told("| 9 | `hub::vanish` | `broker/src/hub.rs` | |\n");
    assert!(only(&found).contains("`hub::vanish`"), "{found:?}");
}

#[test]
fn a_file_that_is_gone_is_found() {
    let found = told("| 9 | `hub::drain` | `broker/src/hub.rs`, `broker/src/gone.rs` | |\n");
    assert!(only(&found).contains("no file broker/src/gone.rs"), "{found:?}");
}

#[test]
fn a_row_without_a_file_is_found() {
    let found = told("| 9 | `hub::drain` | | |\n");
    assert!(only(&found).contains("(no file)"), "{found:?}");
}

#[test]
fn a_missing_document_or_table_is_found() {
    let missing = functions(&Tree::of(&[]));
    assert!(missing[0].to_string().starts_with("ARCHITECTURE.md: missing"), "{missing:?}");
    let empty = functions(&Tree::of(&[("ARCHITECTURE.md", "# A\n")]));
    assert!(empty[0].to_string().contains("names 0 functions"), "{empty:?}");
}
