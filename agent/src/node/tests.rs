use std::{fs, path::Path, time::Duration};

use sekisho_proto::{Scope, Topic};
use tokio_util::sync::CancellationToken;

use super::{NodeError, NodeSink, left, prepare, publish_to_node};
use crate::config::{Config, PublishConfig};

#[test]
fn a_spool_is_found_again_by_its_topic() {
    let folder = tempfile::tempdir().unwrap();
    let spools = folder.path().join("spools");
    assert!(left(&spools).unwrap().is_empty(), "there is no folder yet");
    let topics = ["a/%2E.", "fujisawa/bus/7", "湘南/x"].map(|text| Topic::parse(text).ok());
    let topics: Vec<Topic> = topics.into_iter().flatten().collect();
    for topic in &topics {
        let first = prepare(&spools, topic).unwrap();
        assert_eq!(prepare(&spools, topic).unwrap(), first);
        fs::create_dir_all(first).unwrap();
    }
    fs::create_dir_all(spools.join("something else")).unwrap();
    assert_eq!(left(&spools).unwrap(), topics);
}

#[test]
fn a_spool_whose_topic_is_garbage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let envelopes = prepare(folder.path(), &Topic::parse("a/b").unwrap()).unwrap();
    fs::create_dir_all(&envelopes).unwrap();
    let file = envelopes.with_file_name("topic");
    fs::write(&file, "a//b").unwrap();
    let error = left(folder.path()).unwrap_err();
    assert!(error.to_string().starts_with(&format!("spool {}: ", file.display())), "{error}");
}

#[test]
fn an_identity_that_is_not_there_is_named() {
    let config = PublishConfig {
        identity: "/nowhere/truck".into(),
        spool: Some("/nowhere/spool".into()),
        scope: Scope::Organisation,
        batch_interval: Duration::from_millis(50),
        batch_samples: 64,
        batch_bytes: 16_384,
    };
    assert!(matches!(NodeSink::open(&config), Err(NodeError::Profile(_))));
}

#[tokio::test]
async fn an_agent_needs_to_know_who_it_is() {
    let text = "[[input]]\nname = \"x\"\ntopic = \"a/b\"\nsource = { kind = \"stdin\" }\n\
                format = { kind = \"bgeigie\" }\n";
    let config = Config::parse(text, Path::new("")).unwrap();
    let error = publish_to_node(&config, &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "configuration: publish: wanted a table, found nothing");
}
