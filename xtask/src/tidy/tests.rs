use super::*;

#[test]
fn the_repository_can_be_read() {
    let root = crate::root().unwrap();
    let tree = Tree::read(&root).unwrap();
    assert!(tree.source("xtask/src/tidy.rs").is_some());
    let graph = Graph::read(&root).unwrap();
    let xtask = graph.packages.iter().find(|package| package.name == "xtask").unwrap();
    assert!(graph.roots.iter().any(|root| root == "xtask/src/main.rs"));
    assert!(xtask.dependencies.contains("syn"));
    assert!(graph.linked.contains_key("syn"));
}
