//! What a link brings, through the node's one door: many records are judged at once, and handed to
//! the router in the order in which they came.

use sekisho_federation::{Link, LinkCommand, Taken};
use sekisho_proto::{Envelope, Header, Position, RefusalCode, limits};
use sekisho_routing::Admitted;
use tracing::{debug, warn};

use super::Driver;
use super::judging::{self, JUDGED_AT_ONCE, JUDGED_BYTES_AT_ONCE};
use crate::clock;
use crate::hub::{Entry, Refusal, Request, Subject, metrics};

impl Driver {
    /// Admits a record, and those behind it, at once. The first command that is none is left to be
    /// carried out.
    pub(super) async fn admit(&mut self, first: Taken) -> Option<LinkCommand> {
        let mut bytes = first.envelope.len();
        let (mut records, mut next) = (vec![first], None);
        while next.is_none() && records.len() < JUDGED_AT_ONCE && bytes < JUDGED_BYTES_AT_ONCE {
            match self.link.poll_command() {
                Some(LinkCommand::Admit { record }) => {
                    bytes = bytes.saturating_add(record.envelope.len());
                    records.push(record);
                }
                Some(other) => next = Some(other),
                None => break,
            }
        }
        let about = (&self.organisation, &mut self.left_behind);
        let verdicts = judging::judge(&self.hub, about, &records).await;
        let (mut positions, mut let_in) = (Vec::new(), Vec::new());
        for (record, verdict) in records.into_iter().zip(verdicts) {
            self.report_record(&record);
            let position = record.position;
            match verdict {
                Ok(entry) => {
                    if let Some(admitted) = self.take_turn(record, entry) {
                        positions.push(position);
                        let_in.push(admitted);
                    }
                }
                Err(refusal) => self.refused(record, &refusal),
            }
        }
        self.hand_over(positions, let_in).await;
        next
    }

    /// What was let in, where nothing before it in its topic is held.
    fn take_turn(&mut self, record: Taken, entry: Entry) -> Option<Admitted> {
        let now = self.now();
        let (topic, mut has_turn) = (entry.admitted.topic(), false);
        self.count_given_up(|link| has_turn = link.handle_admitted(record, topic, now));
        has_turn.then_some(entry.admitted)
    }

    /// Hands what has its turn to the router, in the order in which it came.
    async fn hand_over(&mut self, positions: Vec<Position>, admitted: Vec<Admitted>) {
        if admitted.is_empty() {
            return;
        }
        match self.hub.ask(Request::PublishAll { admitted }).await {
            Ok(()) => self.under_way = self.under_way.saturating_add(positions.len() as u64),
            Err(_stopping) => {
                for position in positions {
                    let now = self.now();
                    self.link.handle_failed(position, now);
                }
            }
        }
    }

    /// Where a statement is missing, it may be under way: records and statements travel apart.
    /// What this node's own disk refused must come again. The rest is refused for good.
    fn refused(&mut self, record: Taken, refusal: &Refusal) {
        let (position, now) = (record.position, self.now());
        let code = refusal.code;
        let for_now = matches!(
            code,
            RefusalCode::StorageFull | RefusalCode::Internal | RefusalCode::Draining
        );
        // On a long connection the peer may count on a key header that is forgotten here; it attaches
        // each anew to what comes over another.
        let connected_for = now.saturating_since(self.connected);
        let may_come_with_it = code == RefusalCode::KeyHeaderMissing
            && connected_for >= limits::KEY_HEADER_AGAIN_AFTER;
        if for_now || may_come_with_it {
            if let Some(unsaid) = self.may_say() {
                warn!(%position, %refusal, unsaid, "a record of the peer was not stored");
            }
            self.link.handle_failed(position, now);
            return;
        }
        let by_statement = matches!(
            code,
            RefusalCode::NotPermitted | RefusalCode::UnknownKey | RefusalCode::EpochUnknown
        );
        if by_statement && let Ok(envelope) = Envelope::decode(record.envelope.clone()) {
            let header = envelope.header();
            if self.link.is_stale(now) || self.is_stale(header) {
                // Its owner, or who passes it on, was not heard for too long: it comes again when
                // they have been.
                self.link.handle_failed(position, now);
                return;
            }
            debug!(%position, %refusal, "a record of the peer is held");
            let (publisher, topic) = (header.publisher, header.topic.clone());
            self.count_given_up(|link| link.handle_denied(record, publisher, topic, now));
            return;
        }
        metrics::refused(code);
        self.report_refused(code, 1);
        if let Some(unsaid) = self.may_say() {
            warn!(%position, %refusal, unsaid, "a record of the peer was refused");
        }
        self.link.handle_refused(position, now);
    }

    /// Whether nothing stands against a record but that somebody was not heard lately.
    fn is_stale(&self, header: &Header) -> bool {
        let policy = self.hub.authority().snapshot();
        let judged =
            policy.permit_import(header.publisher, &header.topic, header.scope, clock::now());
        judged.is_err_and(|denial| denial.is_stale())
    }

    /// Whether one more line may be said of what peers bring, and how many were not.
    pub(super) fn may_say(&self) -> Option<u64> {
        self.hub.alarm().admit(Subject::Peer, clock::now())
    }

    /// Counts what the link refuses for good because no statement has come that permits it.
    pub(super) fn count_given_up(&mut self, act: impl FnOnce(&mut Link)) {
        let before = self.link.counters().refused;
        act(&mut self.link);
        let count = self.link.counters().refused.saturating_sub(before);
        for _record in 0..count {
            metrics::refused(RefusalCode::NotPermitted);
        }
        self.report_refused(RefusalCode::NotPermitted, count);
        if count > 0
            && let Some(unsaid) = self.may_say()
        {
            warn!(count, unsaid, "records of the peer were refused: no statement permits them");
        }
    }
}
