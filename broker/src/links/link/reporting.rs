//! What a link tells those who look after the node: metrics, and what `peer list` shows.

use sekisho::framing::StreamError;
use sekisho_federation::{BudgetKind, DropReason, HangupReason, Taken};
use sekisho_proto::{GapReason, Position, RefusalCode};
use tracing::{info, warn};

use super::Driver;
use crate::clock;
use crate::hub::{LinkPhase, LinkReport, metrics};

impl Driver {
    fn note(&self, change: impl FnOnce(&mut LinkReport)) {
        self.hub.link_board().note(&self.organisation, change);
    }

    fn peer(&self) -> &str {
        self.organisation.as_str()
    }

    pub(super) fn report_dialling(&self) {
        self.note(|link| link.set_phase(LinkPhase::Dialling, clock::now()));
    }

    pub(super) fn report_up(&self) {
        metrics::link_up(self.peer(), true);
        self.note(|link| link.set_phase(LinkPhase::Up, clock::now()));
    }

    pub(super) fn report_down(&self) {
        metrics::link_up(self.peer(), false);
        self.note(|link| link.set_phase(LinkPhase::Waiting, clock::now()));
    }

    pub(super) fn report_end(&self) {
        metrics::link_up(self.peer(), false);
        metrics::link_interests(self.peer(), 0);
        self.note(|link| link.set_phase(LinkPhase::Ended, clock::now()));
    }

    pub(super) fn report_why(&self, why: String) {
        self.note(|link| link.set_why(why));
    }

    /// The peer's stream is over; where what it sent cannot be read, that is the peer's doing.
    pub(super) fn report_gone(&self, fault: Option<&StreamError>) {
        let Some(fault) = fault else { return self.report_why("the peer is gone".to_owned()) };
        self.report_why(format!("the peer is gone: {fault}"));
        if !matches!(fault, StreamError::Frame(_)) {
            info!(%fault, "the peer is gone");
            return;
        }
        metrics::link_hangup(self.peer(), "frame");
        self.note(|link| link.hang_up("frame"));
        // As rare as the pauses before each new attempt: no flood of other lines may hide it.
        warn!(%fault, "the peer sent what is no frame");
    }

    pub(super) fn report_hangup(&self, reason: &HangupReason) {
        metrics::link_hangup(self.peer(), reason.name());
        self.note(|link| {
            link.hang_up(reason.name());
            link.set_why(reason.to_string());
        });
        self.report_down();
        if reason.is_fault() {
            warn!(%reason, "hung up: the peer does what it must not");
        } else {
            info!(%reason, "hung up");
        }
    }

    /// How far the peer's log goes, and how much of it is still to come.
    pub(super) fn report_head(&self, position: Position, head: Position) {
        let mut behind = 0;
        self.note(|link| {
            link.tell_head(position, head);
            behind = link.behind();
        });
        metrics::link_lag(self.peer(), behind.max(head.value().saturating_sub(position.value())));
    }

    pub(super) fn report_record(&self, record: &Taken) {
        let (bytes, now) = (record.envelope.len(), clock::now());
        metrics::link_record(self.peer(), bytes, now.saturating_since(record.received));
        self.note(|link| link.take((record.position, bytes), record.received, now));
    }

    pub(super) fn report_refused(&self, code: RefusalCode, count: u64) {
        if count > 0 {
            metrics::link_refused(self.peer(), code, count);
            self.note(|link| link.refuse(code, count));
        }
    }

    pub(super) fn report_dropped(&self, reason: DropReason) {
        metrics::link_dropped(self.peer(), reason.name());
        self.note(|link| link.drop_record(reason.name()));
    }

    pub(super) fn report_gap(&self, reason: GapReason) {
        metrics::link_gap(self.peer(), reason.name());
        self.note(|link| link.gap(reason.name()));
    }

    pub(super) fn report_witnessed(&self) {
        metrics::link_witnessed(self.peer());
        self.note(LinkReport::witness);
    }

    pub(super) fn report_interests(&self) {
        let all = self.link.interests();
        let all: Vec<_> =
            all.map(|(filter, is_permitted)| (filter.to_string(), is_permitted)).collect();
        metrics::link_interests(self.peer(), all.len());
        self.note(|link| link.set_interests(all));
    }

    /// Budgets that the peer has used up since this was last told.
    pub(super) fn report_waits(&mut self) {
        let waits = self.link.waits();
        let before = std::mem::replace(&mut self.waits, waits);
        if before == waits {
            return;
        }
        for kind in BudgetKind::ALL {
            let count = waits.of(kind).saturating_sub(before.of(kind));
            if count > 0 {
                metrics::link_waits(self.peer(), kind.name(), count);
            }
        }
        self.note(|link| link.set_waits(waits));
    }
}
