//! What the demo counted, and whether that is well.

use serde_json::{Value, json};

use super::dashboard::{Both, Delivered};
use super::fleet::Published;
use super::pages::Pages;

/// What the nodes refused, by reason.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Refused {
    pub(super) unauthorised: u64,
    pub(super) forged: u64,
    pub(super) replayed: u64,
}

/// What was looked through for sample bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Searched {
    pub(super) found: u64,
    pub(super) file_bytes: u64,
    pub(super) datagrams: u64,
    pub(super) datagram_bytes: u64,
}

/// All figures of one run.
#[derive(Debug)]
pub(super) struct Report {
    trucks: u32,
    published: Published,
    delivered: Both,
    refused: Refused,
    searched: Searched,
}

impl Report {
    pub(super) fn new(
        trucks: u32,
        published: &Published,
        delivered: Both,
        refused: Refused,
        searched: Searched,
    ) -> Self {
        Self { trucks, published: published.clone(), delivered, refused, searched }
    }

    fn both(&self) -> [&Delivered; 2] {
        [&self.delivered.far, &self.delivered.local]
    }

    /// Samples that the fleet's node acknowledged and a dashboard did not get, of both.
    fn lost(&self) -> u64 {
        let missing = |one: &Delivered| self.published.samples.saturating_sub(one.samples);
        self.published.lost + self.both().into_iter().map(missing).sum::<u64>()
    }

    fn duplicated(&self) -> u64 {
        self.both().into_iter().map(|one| one.duplicated).sum()
    }

    fn gaps(&self) -> u64 {
        self.both().into_iter().map(|one| one.gaps).sum()
    }

    /// Everything that was published arrived once and readable, every intruder was refused, and
    /// nothing readable was found on the way.
    pub(super) fn is_ok(&self) -> bool {
        let Refused { unauthorised, forged, replayed } = self.refused;
        let clean = |one: &Delivered| {
            one.rejected == 0 && one.unopened == 0 && one.marked == one.samples && one.samples > 0
        };
        self.lost() == 0
            && self.duplicated() == 0
            && self.gaps() == 0
            && self.both().into_iter().all(clean)
            && unauthorised > 0
            && forged > 0
            && replayed > 0
            && self.searched.found == 0
            && self.searched.datagrams > 0
    }

    /// One JSON object.
    pub(super) fn document(&self, pages: &Pages) -> Value {
        let far = &self.delivered.far;
        json!({
            "seconds": self.published.seconds,
            "nodes": 2,
            "trucks": self.trucks,
            "samples_published": self.published.samples,
            "envelopes_published": self.published.envelopes,
            "samples_delivered": far.samples,
            "lost": self.lost(),
            "duplicated": self.duplicated(),
            "gaps": self.gaps(),
            "latency_ms": { "p50": far.p50_ms, "p99": far.p99_ms, "max": far.max_ms },
            "refused": {
                "unauthorised": self.refused.unauthorised,
                "forged": self.refused.forged,
                "replayed": self.refused.replayed,
            },
            "plaintext_found": self.searched.found,
            "searched": {
                "file_bytes": self.searched.file_bytes,
                "datagrams": self.searched.datagrams,
                "datagram_bytes": self.searched.datagram_bytes,
            },
            "dashboards": {
                "santander": self.delivered.far,
                "fujisawa": self.delivered.local,
            },
            "pages": pages.document(),
            "ok": self.is_ok(),
        })
    }

    /// The same for people.
    pub(super) fn summary(&self) -> String {
        let far = &self.delivered.far;
        let Refused { unauthorised, forged, replayed } = self.refused;
        let Searched { found, file_bytes, datagrams, .. } = self.searched;
        format!(
            "published   {} samples in {} envelopes by {} trucks in {:.0} s\n\
             delivered   {} samples to Santander, {} to Fujisawa; verified and opened there\n\
             lost        {}, twice {}, gaps {}\n\
             latency     p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms from truck to Santander\n\
             refused     {unauthorised} without a right, {forged} forged, {replayed} replayed\n\
             plaintext   {found} found in {file_bytes} bytes on disk and {datagrams} datagrams\n\
             {}",
            self.published.samples,
            self.published.envelopes,
            self.trucks,
            self.published.seconds,
            far.samples,
            self.delivered.local.samples,
            self.lost(),
            self.duplicated(),
            self.gaps(),
            far.p50_ms,
            far.p99_ms,
            far.max_ms,
            if self.is_ok() { "all is well" } else { "SOMETHING IS WRONG: see above" },
        )
    }
}
