//! What a link brings, through the node's one door: many records are judged at once, and handed to
//! the router in the order in which they came.

use std::sync::Arc;

use sekisho_federation::{Link, LinkCommand, Taken};
use sekisho_proto::{Envelope, Header, RefusalCode};
use sekisho_routing::Carriage;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use super::Driver;
use crate::clock;
use crate::hub::{Carrier, Entry, Parcel, Refusal, Request, Subject, internal, metrics};

/// Records that are judged at once; meanwhile the next ones arrive. Twenty milliseconds of one core.
const JUDGED_AT_ONCE: usize = 256;
/// And by one task: verifying them keeps a core from other work for two milliseconds.
const JUDGED_PER_TASK: usize = 32;

impl Driver {
    /// Admits a record, and those behind it, at once. The first command that is none is left to be
    /// carried out.
    pub(super) async fn admit(&mut self, first: Taken) -> Option<LinkCommand> {
        let (mut records, mut next) = (vec![first], None);
        while next.is_none() && records.len() < JUDGED_AT_ONCE {
            match self.link.poll_command() {
                Some(LinkCommand::Admit { record }) => records.push(record),
                Some(other) => next = Some(other),
                None => break,
            }
        }
        let verdicts = self.judge(&records).await;
        for (record, verdict) in records.into_iter().zip(verdicts) {
            self.report_record(&record);
            match verdict {
                Ok(entry) => self.enter(record, entry).await,
                // It came with a record before it, which was judged at the same time.
                Err(refusal) if refusal.code == RefusalCode::KeyHeaderMissing => {
                    match self.hub.admit(self.parcel(&record), clock::now()).await {
                        Ok(entry) => self.enter(record, entry).await,
                        Err(refusal) => self.refused(record, &refusal),
                    }
                }
                Err(refusal) => self.refused(record, &refusal),
            }
        }
        next
    }

    /// The door's word on each of them, on all cores.
    async fn judge(&self, records: &[Taken]) -> Vec<Result<Entry, Refusal>> {
        let mut tasks = Vec::new();
        for part in records.chunks(JUDGED_PER_TASK) {
            let hub = Arc::clone(&self.hub);
            let parcels: Vec<Parcel> = part.iter().map(|record| self.parcel(record)).collect();
            tasks.push(AbortOnDropHandle::new(tokio::spawn(async move {
                let mut verdicts = Vec::with_capacity(parcels.len());
                for parcel in parcels {
                    verdicts.push(hub.admit(parcel, clock::now()).await);
                }
                verdicts
            })));
        }
        let mut verdicts = Vec::with_capacity(records.len());
        for (task, part) in tasks.into_iter().zip(records.chunks(JUDGED_PER_TASK)) {
            match task.await {
                Ok(judged) => verdicts.extend(judged),
                // It did not end: what it had is to come again.
                Err(fault) => {
                    verdicts.extend(part.iter().map(|_record| Err(internal("record", &fault))));
                }
            }
        }
        verdicts
    }

    fn parcel(&self, record: &Taken) -> Parcel {
        let Taken { position, offset, received, envelope, key_header, hops } = record.clone();
        let organisation = self.organisation.clone();
        let carrier = Carrier::Peer(organisation.clone());
        let carriage = Carriage::Link { organisation, position, offset, received, hops };
        Parcel { envelope, key_header, carrier, carriage }
    }

    /// Hands what was let in to the router, where nothing before it in its topic is held.
    async fn enter(&mut self, record: Taken, entry: Entry) {
        let (position, now) = (record.position, self.now());
        let (topic, mut has_turn) = (entry.admitted.topic(), false);
        self.count_given_up(|link| has_turn = link.handle_admitted(record, topic, now));
        if !has_turn {
            return;
        }
        match self.hub.ask(Request::Publish { admitted: entry.admitted }).await {
            Ok(()) => self.under_way = self.under_way.saturating_add(1),
            Err(_stopping) => {
                let now = self.now();
                self.link.handle_failed(position, now);
            }
        }
    }

    /// Where a statement is missing, it may be under way: records and statements travel apart.
    /// What this node's own disk refused must come again. The rest is refused for good.
    fn refused(&mut self, record: Taken, refusal: &Refusal) {
        let (position, now) = (record.position, self.now());
        let code = refusal.code;
        if matches!(code, RefusalCode::StorageFull | RefusalCode::Internal | RefusalCode::Draining)
        {
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
