//! The half of the driver that faces the node.

use std::sync::Arc;

use sekisho_proto::{
    Envelope, RefusalCode, Signature, StatementVerifier as _, voucher_signing_input,
};
use sekisho_seal::StrictVerifier;

use super::{Driver, Fatal, SPOOL_RETRY, answer};
use crate::{
    chain::Chain,
    entropy::OsEntropy,
    publisher::{
        Phase, PublishError,
        backlog::Stretch,
        lost::Lost,
        outbox::Step,
        protection::{self, Proven},
        spool::SpoolError,
        uplink::Event,
    },
    query::QueryError,
    refusal::Refusal,
    session::link::{Link, Reply},
};

/// Entries taken from the backlog at once.
const ENTRIES_PER_READ: usize = 128;

/// Answers taken at once.
const ANSWERS_AT_ONCE: usize = 256;

impl Driver {
    /// Does everything that can be done without waiting for the node.
    pub(super) async fn pump(&mut self) -> Result<(), Fatal> {
        self.wants_slot = false;
        loop {
            self.fill().await?;
            let inflight_max = self.uplink.link().map_or(0, |link| link.inflight_max());
            match self.outbox.next_step(inflight_max) {
                Step::Send { index, envelope, with_key_header } => {
                    let Some(slot) = self.uplink.try_slot() else {
                        self.wants_slot = true;
                        break;
                    };
                    let key_header = match with_key_header {
                        Some(_) if self.spool_failed.is_running() => break,
                        Some(id) => {
                            let found = self.backlog.key_header(id).await;
                            let Some(found) = self.or_later(found)? else { break };
                            found
                        }
                        None => None,
                    };
                    match self.uplink.publish(slot, envelope, key_header) {
                        Ok(request) => self.outbox.handle_sent(index, request),
                        Err(_ended) => self.handle_disconnected(),
                    }
                }
                Step::AskHead { boot } => self.uplink.ask_head(boot),
                Step::BackOff => {
                    let backoff = &mut self.backoff;
                    self.uplink.back_off(|| backoff.next_delay(&mut OsEntropy::new()));
                    break;
                }
                Step::Wait => {
                    self.uplink.slot = None;
                    break;
                }
            }
        }
        self.account().await
    }

    async fn fill(&mut self) -> Result<(), Fatal> {
        while self.outbox.room() > 0
            && self.loaded < self.backlog.end()
            && !self.spool_failed.is_running()
        {
            let max = self.outbox.room().min(ENTRIES_PER_READ);
            let read = self.backlog.read(self.loaded, max).await;
            let Some(Stretch { entries, next, damaged }) = self.or_later(read)? else { break };
            if next <= self.loaded {
                break;
            }
            self.loaded = next;
            if damaged > 0 {
                self.status.count_damaged(damaged);
                self.fault = Some(PublishError::Damaged { envelopes: damaged });
            }
            for entry in entries {
                self.outbox.fill(entry);
            }
        }
        Ok(())
    }

    /// What a spool gave; nothing where its fault may pass, and it is left alone for a while.
    fn or_later<T>(&mut self, outcome: Result<T, SpoolError>) -> Result<Option<T>, Fatal> {
        match outcome {
            Ok(given) => Ok(Some(given)),
            Err(cause) if cause.may_pass() => {
                tracing::warn!(cause = %Chain(&cause), "spool failed for now");
                self.status.fault = Some(Chain(&cause).to_string());
                self.spool_failed.start(SPOOL_RETRY);
                Ok(None)
            }
            Err(fatal) => Err(fatal),
        }
    }

    /// Draws the consequences of what was settled.
    async fn account(&mut self) -> Result<(), Fatal> {
        let accepted = self.outbox.take_accepted();
        if accepted.envelopes > 0 {
            self.backoff.reset();
            self.status.count_accepted(&accepted);
            self.status.fault = None;
        }
        if let Some(refusal) = self.outbox.obstacle() {
            self.status.fault = Some(refusal.to_string());
        }
        for lost in self.outbox.take_lost() {
            self.count_lost(lost);
        }
        let settled = self.settled();
        if !self.spool_failed.is_running() {
            let forgotten = self.backlog.forget(settled).await;
            self.or_later(forgotten)?;
        }
        self.status.queued = self.backlog.end().saturating_sub(settled);
        self.status.in_flight = self.outbox.in_flight();
        let link = self.uplink.link();
        self.status.phase = link.map_or(Phase::Disconnected, |_link| Phase::Connected);
        let carrier = link.and_then(|link| link.carrier());
        self.status.carrier = carrier.map(|carrier| carrier.organisation().clone());
        // Whoever waited for the end of a flush finds it in the state, too.
        self.publish_state();
        while self.flushes.front().is_some_and(|(upto, _done)| self.is_settled(*upto)) {
            if let Some((_upto, done)) = self.flushes.pop_front() {
                answer(done, self.fault.take().map_or(Ok(()), Err));
            }
        }
        Ok(())
    }

    fn count_lost(&mut self, lost: Lost) {
        tracing::warn!(
            envelopes = lost.envelopes,
            samples = lost.samples,
            cause = %lost.refusal,
            "envelopes lost: the node refused them"
        );
        self.status.count_lost(&lost);
        if matches!(lost.refusal.code, RefusalCode::EpochRetired | RefusalCode::EpochUnknown) {
            self.uplink.ask_protection();
        }
        self.fault = Some(PublishError::Lost(lost));
    }

    /// Everything of the backlog before this index is settled.
    pub(super) fn settled(&self) -> u64 {
        if self.outbox.is_empty() { self.loaded } else { self.outbox.settled() }
    }

    pub(super) fn is_settled(&self, upto: u64) -> bool {
        self.unsaved.is_empty() && self.settled() >= upto
    }

    pub(super) async fn handle(&mut self, event: Event) -> Result<(), Fatal> {
        match event {
            Event::Connected(link) => self.handle_connected(link),
            Event::Disconnected | Event::Closed => self.handle_disconnected(),
            Event::Answered { request, reply } => {
                self.handle_reply(request, reply);
                // What follows from answers is worked out once for all that wait.
                for _ in 1..ANSWERS_AT_ONCE {
                    let Some((request, reply)) = self.uplink.try_answer() else { break };
                    self.handle_reply(request, reply);
                }
            }
            Event::Head { boot, expected: Ok(expected) } => {
                self.outbox.handle_head(boot, expected);
            }
            Event::Head { boot, expected: Err(QueryError::Refused(refusal)) } => {
                self.outbox.handle_head_refused(boot, refusal);
            }
            Event::Head { boot, expected: Err(cause) } => {
                let (what, why) = ("stream head".to_owned(), Chain(&cause).to_string());
                let refusal = Refusal { code: RefusalCode::Internal, what, why };
                self.outbox.handle_head_refused(boot, refusal);
            }
            Event::Protected(Ok(proven)) => return self.handle_protection(proven).await,
            Event::Protected(Err(cause)) => {
                tracing::debug!(cause = %Chain(&cause), "protection of the topic stays as it was");
            }
            Event::Slot(slot) => self.uplink.slot = Some(slot),
            Event::Waited => self.outbox.handle_waited(),
        }
        Ok(())
    }

    fn handle_connected(&mut self, link: Arc<Link>) {
        let is_away = link.carrier().is_some();
        self.envelope_bytes_max = largest_over(&link, self.envelope_bytes_max);
        self.uplink.connect(link);
        self.outbox.handle_connected(is_away);
    }

    fn handle_disconnected(&mut self) {
        self.uplink.disconnect();
        self.outbox.handle_disconnected();
    }

    fn handle_reply(&mut self, request: u64, reply: Reply) {
        match reply {
            Reply::Published(offset) => self.outbox.handle_published(request, offset),
            Reply::Refused { refusal, expected } => {
                tracing::debug!(%refusal, "envelope refused");
                self.outbox.handle_refused(request, refusal, expected);
            }
            Reply::Vouched { offset, signature } => {
                if self.is_vouched(request, &signature) {
                    self.outbox.handle_vouched(request, offset);
                    if let Some(link) = self.uplink.link() {
                        link.note_use();
                    }
                } else {
                    tracing::warn!(request, "stored at home, says a node, and cannot prove it");
                    self.leave();
                }
            }
            Reply::Answer(_) | Reply::Stated(_) => {
                tracing::warn!(request, "answer of another kind to a publish");
                self.leave();
            }
        }
        // One that never gets anything home may be kept from it, or keep things back.
        let is_useful = self.uplink.link().is_none_or(|link| link.is_useful());
        if self.outbox.is_away_in_vain() && !is_useful {
            tracing::info!("a node carries nothing home: another is looked for");
            self.leave();
        }
    }

    /// Gives up the connection, as of no use.
    fn leave(&self) {
        if let Some(link) = self.uplink.link() {
            link.abort();
        }
    }

    /// Whether the home's node has signed that it has what was sent under a request.
    fn is_vouched(&self, request: u64, signature: &Signature) -> bool {
        let Some(envelope) = self.outbox.envelope_of(request) else { return false };
        let Ok(envelope) = Envelope::decode(envelope.clone()) else { return false };
        let signed = voucher_signing_input(&envelope.hash());
        StrictVerifier.verify(&self.session.home, &signed, signature)
    }

    /// Seals differently from now on. While envelopes under the old protection wait, the new one
    /// begins a boot of its own: should they come too late for their epoch, only they are lost.
    async fn handle_protection(&mut self, proven: Proven) -> Result<(), Fatal> {
        let protection = proven.protection.clone();
        if protection == *self.stamp.protection() {
            return Ok(());
        }
        tracing::info!("topic is protected differently from now on");
        let mut entropy = OsEntropy::new();
        let changed = if self.is_settled(self.backlog.end()) {
            self.stamp.protect(protection, &mut entropy)
        } else {
            self.stamp.protect_in_new_boot(protection, &mut entropy)
        };
        if let Err(cause) = changed {
            tracing::warn!(cause = %Chain(&cause), "protection of the topic stays as it was");
            return Ok(());
        }
        protection::keep(&self.session, &self.topic, &proven, &mut self.backlog).await
    }

    pub(super) fn publish_state(&mut self) {
        self.status.boot = self.stamp.boot();
        self.status.next_sequence = self.stamp.next();
        self.state.send_if_modified(|state| {
            let changed = *state != self.status;
            if changed {
                state.clone_from(&self.status);
            }
            changed
        });
    }
}

/// How large an envelope may be. What another node would take says nothing of the home's limit.
pub(super) fn largest_over(link: &Link, known: usize) -> usize {
    match link.carrier() {
        Some(_carrier) => known.min(link.envelope_bytes_max()),
        None => link.envelope_bytes_max(),
    }
}
