//! `docs/protocol.md` carries the hash of the schema it describes, so that neither changes alone.

use sha2::{Digest as _, Sha256};

use super::tree::Tree;
use crate::report::Finding;

const SCHEMA: &str = "proto/schema/sekisho.proto";
const DOCUMENT: &str = "docs/protocol.md";

/// The document names the hash of today's schema.
pub(super) fn described(tree: &Tree) -> Vec<Finding> {
    let Some(schema) = tree.text(SCHEMA) else {
        return vec![Finding::new(SCHEMA, "missing: the schema is where the protocol is defined")];
    };
    let hash: String = Sha256::digest(schema).iter().map(|byte| format!("{byte:02x}")).collect();
    let marker = format!("<!-- {SCHEMA} sha256:{hash} -->");
    let message = match tree.text(DOCUMENT) {
        None => {
            format!("missing: describe {SCHEMA} in it, and write `{marker}` on a line of its own")
        }
        Some(text) if !text.lines().any(|line| line == marker) => format!(
            "describes another schema: read it against {SCHEMA}, then set its marker to `{marker}`"
        ),
        Some(_) => return Vec::new(),
    };
    vec![Finding::new(DOCUMENT, message)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of no bytes at all.
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn told(schema: &str, document: &str) -> Vec<Finding> {
        described(&Tree::of(&[(SCHEMA, schema), (DOCUMENT, document)]))
    }

    #[test]
    fn the_document_follows_the_schema() {
        let document = format!("# Protocol\n<!-- {SCHEMA} sha256:{EMPTY} -->\n");
        assert_eq!(told("", &document), []);
        let changed = told("message Frame {}\n", &document);
        assert!(changed[0].to_string().contains("describes another schema"), "{changed:?}");
        assert_eq!(told("", "# Protocol\n").len(), 1);
        assert_eq!(described(&Tree::of(&[(SCHEMA, "")])).len(), 1);
        assert_eq!(described(&Tree::of(&[])).len(), 1);
    }
}
