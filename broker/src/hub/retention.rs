//! What is kept how long: the owner's descriptors where there are any, the node's default elsewhere.

use sekisho_policy::Policy;
use sekisho_proto::{Filter, OrgName, Timestamp};
use sekisho_store::{Keep, Records, RetentionRules};
use tracing::{error, info};

use crate::config::Config;

/// The rules as they follow from configuration and policy.
#[derive(Debug)]
pub(crate) struct Retention {
    rules: RetentionRules,
}

impl Retention {
    pub(crate) fn new(config: &Config) -> Self {
        let otherwise = config.retention_age.map_or(Keep::Everything, Keep::For);
        let log_bytes_max = config.retention_bytes;
        Self { rules: RetentionRules { rules: Vec::new(), otherwise, log_bytes_max } }
    }

    /// Takes up what the owners' descriptors say.
    pub(crate) fn follow(&mut self, policy: &Policy) {
        let everything = |organisation: &OrgName| format!("{organisation}/#").parse::<Filter>();
        let described = policy.organisations().filter_map(|name| everything(name).ok());
        self.rules.rules = described
            .flat_map(|filter| {
                policy
                    .descriptors(&filter)
                    .into_iter()
                    .filter_map(|found| {
                        let keep = policy.retention_of(&found.topic)?;
                        Some((Filter::from(&found.topic), Keep::For(keep)))
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
    }

    /// Drops what is not kept any longer, a bounded amount at a time.
    pub(crate) fn trim<L: Records>(&self, log: &mut L, now: Timestamp) {
        match log.trim(&self.rules, now) {
            Ok(report) if report.records > 0 => {
                info!(
                    records = report.records,
                    bytes = report.bytes,
                    "retention has dropped records"
                );
            }
            Ok(_nothing) => {}
            Err(fault) => error!(%fault, "retention"),
        }
    }
}
