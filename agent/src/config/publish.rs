//! Who the agent is and which node it publishes to.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sekisho_proto::Scope;

use crate::config::section::Section;

/// Who publishes and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishConfig {
    /// The folder that `sekisho join` made: key, organisation and node.
    pub identity: PathBuf,
    /// Where samples wait that no node has acknowledged yet; `None` = in memory, where they do not
    /// survive the agent.
    pub spool: Option<PathBuf>,
    /// How far envelopes may travel.
    pub scope: Scope,
    /// The longest that a sample waits for others to share an envelope with.
    pub batch_interval: Duration,
    /// Samples of one envelope.
    pub batch_samples: usize,
    /// Bytes of one envelope's body.
    pub batch_bytes: usize,
}

/// Checks the `publish` table.
pub(super) fn check(mut section: Section<'_>, base: &Path) -> Option<PublishConfig> {
    let identity = section.needed_text("identity");
    let spool = section.text("spool");
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let interval = section.number("batch_interval_ms", 1..=60_000).unwrap_or(50);
    let batch_samples = section.number("batch_samples", 1..=65_536).map_or(64, size);
    let batch_bytes = section.number("batch_bytes", 256..=786_432).map_or(16 * 1024, size);
    let scope = match section.text("scope").as_deref() {
        None | Some("organisation") => Scope::Organisation,
        Some("federation") => Scope::Federation,
        Some(other) => {
            section.fault("scope", "organisation or federation", format!("{other:?}"));
            Scope::Organisation
        }
    };
    section.finish();
    Some(PublishConfig {
        identity: base.join(identity?),
        spool: spool.map(|spool| base.join(spool)),
        scope,
        batch_interval: Duration::from_millis(interval),
        batch_samples,
        batch_bytes,
    })
}
