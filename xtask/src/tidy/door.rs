//! There is one door in: nothing in a product but the hub's ingress and shards publishes.

use proc_macro2::{TokenStream, TokenTree};

use super::tree::Tree;
use crate::report::Finding;

/// The router's input for envelopes.
const DOOR: &str = "handle_publish";

/// The node's side of the door.
const INSIDE: [&str; 2] = ["broker/src/hub/ingress", "broker/src/hub/shard"];

/// The router itself, and what drives it without being a product.
const EXEMPT: [&str; 4] = ["crates/routing/", "sim/", "benches/", "fuzz/"];

/// Nobody else says `handle_publish`, in a macro either.
pub(super) fn publish_paths(tree: &Tree) -> Vec<Finding> {
    let message = format!(
        "{DOOR}: every envelope enters through `Ingress::admit`, so hand it to the ingress instead"
    );
    let outside = tree.sources().iter().filter(|source| {
        !INSIDE.iter().chain(&EXEMPT).any(|allowed| source.path.starts_with(allowed))
    });
    let mut findings = Vec::new();
    for source in outside {
        let Ok(tokens) = source.text.parse::<TokenStream>() else { continue };
        let mut lines = Vec::new();
        uses(tokens, &mut lines);
        findings.extend(lines.into_iter().map(|line| Finding::at(&source.path, line, &message)));
    }
    findings
}

fn uses(tokens: TokenStream, lines: &mut Vec<usize>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => uses(group.stream(), lines),
            TokenTree::Ident(name) if name == DOOR => lines.push(name.span().start().line),
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_way_to_publish_is_found() {
        let call = "fn f() {\n    select! { router.handle_publish(admitted, now) };\n}\n";
        let tree = Tree::of(&[
            ("broker/src/hub/shard.rs", call),
            ("broker/src/hub/shard/drain.rs", call),
            ("broker/src/hub/links.rs", call),
            ("broker/src/transport/quic.rs", call),
            ("broker/src/lib.rs", "// handle_publish\nconst TEXT: &str = \"handle_publish\";\n"),
            ("crates/routing/src/router.rs", "fn handle_publish() {}\n"),
            ("sim/src/node.rs", call),
        ]);
        let found: Vec<_> = publish_paths(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("broker/src/hub/links.rs:2: "), "{found:?}");
        assert!(found[1].starts_with("broker/src/transport/quic.rs:2: "), "{found:?}");
    }
}
