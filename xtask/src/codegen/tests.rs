use std::fs;

use super::{DESCRIPTORS, GENERATED, describe, generate, workspace_root};

#[test]
fn generated_code_is_what_the_schema_says() {
    let committed = fs::read_to_string(workspace_root().join(GENERATED)).unwrap();
    let wanted = generate().unwrap();
    assert!(
        committed == wanted,
        "{GENERATED} is not what the schema says: run `cargo run -p xtask -- codegen`"
    );
}

#[test]
fn descriptors_are_what_the_schema_says() {
    let committed = fs::read(workspace_root().join(DESCRIPTORS)).unwrap();
    assert!(
        committed == describe().unwrap(),
        "{DESCRIPTORS} is not what the schema says: run `cargo run -p xtask -- codegen`"
    );
}
