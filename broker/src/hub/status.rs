//! How the node is, for tools and people.

use sekisho_proto::Timestamp;
use sekisho_store::RecordReader as _;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Hub, metrics};
use crate::engine;

/// Whether the node can do its work, in words.
#[derive(Debug, Clone, Serialize)]
pub struct Readiness {
    /// Nothing stands in the way.
    pub ready: bool,
    /// What stands in the way; empty when ready.
    pub faults: Vec<String>,
}

impl Hub {
    /// Whether the node can do its work.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let mut faults = Vec::new();
        if self.shard.is_closed() {
            faults.push("the record log has stopped".to_owned());
        }
        if self.authority.snapshot().log(self.organisation()).is_empty() {
            faults.push("the control log is empty".to_owned());
        }
        Readiness { ready: faults.is_empty(), faults }
    }

    /// Sets the gauges that are read rather than counted.
    pub(crate) fn observe(&self) {
        metrics::set(metrics::LOG_HEAD, self.reader.head().value());
        metrics::set(metrics::POLICY_VERSION, self.authority.snapshot().version());
        if let Some(bytes) = engine::free_bytes(&self.config.data) {
            metrics::set(metrics::FREE_BYTES, bytes);
        }
    }

    /// The node in a few figures.
    pub(crate) fn status(&self, now: Timestamp) -> Value {
        let policy = self.authority.snapshot();
        let readiness = self.readiness();
        json!({
            "organisation": self.organisation().as_str(),
            "node": self.node.to_string(),
            "software": crate::SOFTWARE,
            "time": now.to_string(),
            "ready": readiness.ready,
            "faults": readiness.faults,
            "statements": policy.log(self.organisation()).len(),
            "head": self.reader.head().value(),
            "first": self.reader.first().value(),
            "enrolments_waiting": self.enrolments.count(),
        })
    }

    /// The peers under contract.
    pub(crate) fn peers(&self, now: Timestamp) -> Value {
        let policy = self.authority.snapshot();
        policy
            .peers()
            .iter()
            .map(|peer| {
                let texts = |filters: &[sekisho_proto::Filter]| {
                    filters.iter().map(ToString::to_string).collect::<Vec<_>>()
                };
                json!({
                    "organisation": peer.organisation.as_str(),
                    "statement": peer.statement.to_string(),
                    "address": peer.theirs.address,
                    "in_force": peer.is_in_force(now),
                    "we_export": texts(&peer.ours.exports),
                    "we_import": texts(&peer.ours.imports),
                    "they_export": texts(&peer.theirs.exports),
                    "they_import": texts(&peer.theirs.imports),
                    "until": peer.until.map(|until| until.to_string()),
                    "heard": policy.heard(&peer.organisation).map(|heard| heard.to_string()),
                    "statements_known": policy.log(&peer.organisation).len(),
                })
            })
            .collect()
    }
}
