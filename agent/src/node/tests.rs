use std::{path::Path, time::Duration};

use sekisho_proto::Scope;
use tokio_util::sync::CancellationToken;

use super::{NodeError, NodeSink, publish_to_node};
use crate::config::{Config, PublishConfig};

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
