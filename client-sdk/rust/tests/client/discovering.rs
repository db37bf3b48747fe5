//! Which topics there are: a list that comes in parts, and nodes that never end it.

use sekisho::{Client, DISCOVER_MAX, Discovered, QueryError, Topic};

use crate::{node::Node, world::World};

fn topic(name: &str) -> Topic {
    Topic::parse(&format!("fujisawa/{name}")).unwrap()
}

/// A part of the list, and what it comes after.
fn part(after: Option<&str>, names: &[&str], next: Option<&str>) -> (Option<Topic>, String) {
    let topics: Vec<String> = names
        .iter()
        .map(|name| format!(r#"{{"topic":"fujisawa/{name}","mobile":true}}"#))
        .collect();
    let next = next.map_or_else(|| "null".to_owned(), |next| format!(r#""fujisawa/{next}""#));
    (after.map(topic), format!(r#"{{"topics":[{}],"next":{next}}}"#, topics.join(",")))
}

async fn client(parts: impl IntoIterator<Item = (Option<Topic>, String)>) -> (Node, Client) {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    node.script().parts = parts.into_iter().collect();
    let client = node.client(&world.truck, &world).await;
    (node, client)
}

async fn ask(client: &Client, max: usize) -> Result<Discovered, QueryError> {
    client.discover(&"fujisawa/#".parse().unwrap(), max).await
}

fn names(found: &Discovered) -> Vec<&str> {
    found.topics.iter().map(|found| found.topic.as_str()).collect()
}

#[tokio::test]
async fn a_list_in_two_parts_comes_whole() {
    let parts = [part(None, &["a", "b"], Some("b")), part(Some("b"), &["c"], None)];
    let (_node, client) = client(parts).await;
    let found = ask(&client, DISCOVER_MAX).await.unwrap();
    assert_eq!(names(&found), ["fujisawa/a", "fujisawa/b", "fujisawa/c"]);
    assert_eq!(found.topics[2].told["mobile"], true);
    assert!(!found.has_more);
}

#[tokio::test]
async fn whoever_asks_for_less_is_told_that_there_is_more() {
    let parts = [part(None, &["a", "b"], Some("b")), part(Some("b"), &["c"], None)];
    let (_node, client) = client(parts).await;
    for (max, wanted, has_more) in [(1, 1, true), (2, 2, true), (3, 3, false)] {
        let found = ask(&client, max).await.unwrap();
        assert_eq!((found.topics.len(), found.has_more), (wanted, has_more), "of {max}");
    }
}

#[tokio::test]
async fn a_list_that_does_not_go_on_is_an_error_and_not_endless() {
    let first = || part(None, &["a", "b"], Some("b"));
    for (second, wanted) in [
        (
            part(Some("b"), &["b"], Some("b")),
            "a part that goes on behind fujisawa/b, found fujisawa/b",
        ),
        (
            part(Some("b"), &["a"], Some("a")),
            "a part that goes on behind fujisawa/b, found fujisawa/a",
        ),
        (part(Some("b"), &[], Some("c")), "topics in a part that goes on, found none"),
    ] {
        let (_node, client) = client([first(), second]).await;
        let refused = ask(&client, DISCOVER_MAX).await.unwrap_err();
        assert_eq!(refused.to_string(), format!("query: wanted {wanted}"));
    }
}

#[tokio::test]
async fn what_is_no_list_of_topics_is_an_error() {
    for (told, wanted) in [
        ("[", "wanted a document"),
        ("[]", "wanted a list of topics, found none"),
        (r#"{"topics":[{}]}"#, "wanted a topic's name, found none"),
        (r#"{"topics":[],"next":7}"#, "wanted a topic's name, found none"),
        (r#"{"topics":[{"topic":"+"}]}"#, "wanted a topic's name"),
    ] {
        let (_node, client) = client([(None, told.to_owned())]).await;
        let refused = ask(&client, DISCOVER_MAX).await.unwrap_err();
        assert!(refused.to_string().contains(wanted), "{refused}");
    }
}
