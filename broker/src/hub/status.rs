//! How the node is, for tools and people.

use sekisho_policy::Policy;
use sekisho_proto::{Filter, OrgName, PrincipalKind, Timestamp, statement::PeeringParty};
use sekisho_store::RecordReader as _;
use sekisho_tlog::Checkpoint;
use serde::Serialize;
use serde_json::{Value, json};

use super::merkle_log::MerkleLog;
use super::presence::SESSIONS_PER_PRINCIPAL_MAX;
use super::{Hub, metrics};
use crate::{clock, engine};

const DAY_S: u64 = 24 * 60 * 60;

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
        metrics::set(metrics::DAMAGED, self.reader.damaged());
        metrics::set(metrics::ERRANDS_WAITING, self.boards.errands.waiting() as u64);
        metrics::set(metrics::POLICY_VERSION, self.authority.snapshot().version());
        let (policy, now) = (self.authority.snapshot(), clock::now());
        for route in policy.routes(now) {
            if let Some(heard) = policy.heard(&route.organisation) {
                let ago = now.saturating_since(heard);
                metrics::link_heard(route.organisation.as_str(), ago);
            }
        }
        for log in [self.logs.control(), self.logs.access()] {
            metrics::log_entries(log.name(), log.size());
            for peering in policy.peers() {
                let peer = &peering.organisation;
                let cosigned = self.logs.cosignatures().of(log.name(), peer);
                metrics::cosigned(peer.as_str(), log.name(), cosigned.map_or(0, |one| one.size));
            }
        }
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
            "access_log": self.access.status(),
            "head": self.reader.head().value(),
            "first": self.reader.first().value(),
            "damaged_records": self.reader.damaged(),
            "enrolments_waiting": self.boards.enrolments.count(),
            "sessions": self.boards.roster.count(),
            "errands_waiting": self.boards.errands.waiting(),
            "stewards": self.stewards(&policy),
            "stewards_known": self.stewards_known(&policy, now),
            "control_log": checkpoint(self.logs.control()),
            "access_log": checkpoint(self.logs.access()),
        })
    }

    /// What is kept, how much of the disk is free, and the limits in force.
    pub(crate) fn storage(&self) -> Value {
        let config = &self.config;
        let days = |age: std::time::Duration| age.as_secs() / DAY_S;
        json!({
            "limits": {
                "retention_days": config.retention_age.map(days),
                "retention_bytes": config.retention_bytes,
                "free_mebibytes_min": config.free_bytes_min >> 20,
                "envelope_bytes_max": config.envelope_bytes_max,
                "connections_max": config.connections_max,
                "strangers_per_address_max": config.strangers_per_address_max,
                "requests_per_second_max": config.requests_per_second_max,
                "sessions_per_principal_max": SESSIONS_PER_PRINCIPAL_MAX,
            },
            "disk": {
                "free_bytes": engine::free_bytes(&config.data),
                "data_bytes": engine::data_bytes(&config.data),
            },
            "logs": {
                "records": {
                    "first": self.reader.first().value(),
                    "head": self.reader.head().value(),
                },
                "control": { "entries": self.logs.control().size() },
                "access": { "entries": self.logs.access().size() },
            },
        })
    }

    /// The organisation's stewards that are connected.
    fn stewards(&self, policy: &Policy) -> Vec<String> {
        let all = policy.principals(self.organisation()).into_iter();
        let present = all.filter(|record| {
            record.kind == PrincipalKind::Steward && self.presence.is_present(&record.id)
        });
        present.map(|record| record.name.to_string()).collect()
    }

    /// The organisation's stewards that are in force, connected or not: to whom errands may go.
    fn stewards_known(&self, policy: &Policy, now: Timestamp) -> Value {
        let all = policy.principals(self.organisation()).into_iter();
        let in_force = all.filter(|record| {
            record.kind == PrincipalKind::Steward && policy.standing(&record.id, now).is_ok()
        });
        in_force
            .map(|record| {
                json!({
                    "name": record.name.to_string(),
                    "id": record.id.to_string(),
                    "kem_suite": record.kem_suite.name(),
                    "connected": self.presence.is_present(&record.id),
                })
            })
            .collect()
    }

    /// The peers under contract.
    pub(crate) fn peers(&self, now: Timestamp) -> Value {
        let policy = self.authority.snapshot();
        let log = self.logs.control();
        let routes = policy.routes(now);
        policy
            .peers()
            .iter()
            .map(|peer| {
                let cosigned = self.logs.cosignatures().of(log.name(), &peer.organisation);
                let followed = self.logs.followed().of(&peer.organisation).ok();
                let texts = |filters: &[Filter]| {
                    filters.iter().map(ToString::to_string).collect::<Vec<_>>()
                };
                let heard = |owner: &OrgName| policy.heard(owner).map(|heard| heard.to_string());
                let through = routes
                    .iter()
                    .filter(|route| !route.is_direct() && route.via == peer.organisation);
                let brings = through.map(|route| {
                    json!({
                        "organisation": route.organisation.as_str(),
                        "we_import": texts(&route.view.ours.imports),
                        "heard": heard(&route.organisation),
                        "link": self.link_board.link(&route.organisation, now),
                    })
                });
                json!({
                    "link": self.link_board.link(&peer.organisation, now),
                    "taking": self.link_board.taking(&peer.organisation, now),
                    "brings": brings.collect::<Vec<_>>(),
                    "from": peer.from.to_string(),
                    "organisation": peer.organisation.as_str(),
                    "statement": peer.statement.to_string(),
                    "address": peer.theirs.address,
                    "in_force": peer.is_in_force(now),
                    "we_export": texts(&peer.ours.exports),
                    "we_import": texts(&peer.ours.imports),
                    "they_export": texts(&peer.theirs.exports),
                    "they_import": texts(&peer.theirs.imports),
                    "our_terms": terms(&peer.ours),
                    "their_terms": terms(&peer.theirs),
                    "until": peer.until.map(|until| until.to_string()),
                    "heard": heard(&peer.organisation),
                    "statements_known": policy.log(&peer.organisation).len(),
                    "cosigned_size": cosigned.as_ref().map(|one| one.size),
                    "cosigned_at": cosigned.map(|one| one.time.to_string()),
                    "control_log": followed.map(|known| checkpoint(&known.log)),
                })
            })
            .collect()
    }
}

/// What one side of a contract promises beside its topics, and what it may send and ask for.
fn terms(party: &PeeringParty) -> Value {
    let texts = |filters: &[Filter]| filters.iter().map(ToString::to_string).collect::<Vec<_>>();
    let passes_on = party.passes_on.iter().map(|transit| {
        json!({
            "organisation": transit.organisation.as_str(),
            "root": transit.root.to_string(),
            "filters": texts(&transit.filters),
        })
    });
    let budget = party.budget;
    json!({
        "onward": party.onward,
        "passes_on": passes_on.collect::<Vec<_>>(),
        "carries_home": texts(&party.carries_home),
        "bytes_per_s": budget.bytes_per_s,
        "envelopes_per_s": budget.envelopes_per_s,
        "interests": budget.interests,
        "history_bytes_per_s": budget.history_bytes_per_s,
    })
}

fn checkpoint(log: &MerkleLog) -> Value {
    let Checkpoint { size, root, .. } = log.checkpoint();
    json!({ "size": size, "root": root.to_string() })
}
