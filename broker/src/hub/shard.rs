//! Owns the router and the writing end of the log, on one thread of its own.
//!
//! It takes whatever has queued up, lets the router decide, makes all of it durable with one flush,
//! and only then acknowledges and delivers. Nothing here waits on a subscriber or on cryptography.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sekisho_policy::{Policy, Recipient};
use sekisho_proto::{Frame, OrgName, Position, PrincipalId, RefusalCode, Timestamp, frame};
use sekisho_routing::{
    AppendFailure, Command, NewRecord, ReplayFrom, Router, SessionId, Subscribe, SubscriptionId,
    Ticket,
};
use sekisho_store::{AppendError, Appended, CommitError, Keyed, Records, StreamKey};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, trace, warn};

use super::alarm::{Alarm, Subject};
use super::answers::Teller;
use super::attesting::Attesting;
use super::cursors::Cursors;
use super::cut::Cut;
use super::metrics;
use super::outbox::{Outbox, Outgoing};
use super::refusal::Refusal;
use super::replay::{History, Page, Replays, Wanted};
use super::request::{LinkOutcome, Request, Telling};
use super::retention::Retention;
use crate::clock;
use crate::mqtt::{Retaining, ToRetain};

/// Requests taken before the disk is flushed: bounds how long the first of a group waits.
const GROUP_MAX: usize = 2_048;

/// The thread's state.
#[derive(Debug)]
pub(crate) struct Shard<L: Records, K> {
    pub(super) router: Router,
    pub(super) log: L,
    pub(super) cursors: Cursors<K>,
    pub(super) retention: Retention,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) replays: Replays<L::Reader>,
    pub(super) links: BTreeMap<OrgName, mpsc::Sender<LinkOutcome>>,
    pub(super) sessions: BTreeMap<SessionId, Port>,
    pub(super) group: Group,
    pub(super) retaining: Arc<Retaining>,
    pub(super) waiting: Waiting,
    pub(super) alarm: Arc<Alarm>,
    pub(super) attesting: Arc<Attesting>,
    /// Why the disk is not to be trusted any more.
    pub(super) poison: Option<String>,
}

/// How a shard ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// As it was told to, with everything acknowledged on disk.
    Stopped,
    /// A flush failed: what the disk holds of the last group is not known.
    Poisoned {
        /// What the disk said.
        cause: String,
    },
}

/// How to reach one session.
#[derive(Debug)]
pub(super) struct Port {
    answers: Teller,
    cut: Cut,
    outboxes: BTreeMap<SubscriptionId, Outbox>,
    /// What is to be recorded before any of these is given what was there before it.
    histories: BTreeMap<SubscriptionId, Box<History>>,
    /// Of a peer: where the log ended when each of these was asked for.
    asked_at: Option<(OrgName, BTreeMap<SubscriptionId, Position>)>,
}

/// Who waits for the shard's word.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Whoever unsubscribed, until that is on the disk.
    leaving: Vec<oneshot::Sender<()>>,
    /// Whoever wants to be told how far they have come,
    asking: BTreeSet<(SessionId, SubscriptionId)>,
    /// those of them who are fed from the log or have no room, until something is heard of them,
    untold: BTreeSet<(SessionId, SubscriptionId)>,
    /// and those who want that with each change of rights.
    sharing: BTreeSet<(SessionId, SubscriptionId)>,
}

/// What is appended and not yet durable.
#[derive(Debug, Default)]
pub(super) struct Group {
    appended: Vec<(Ticket, Appended)>,
    retained: Vec<(Position, ToRetain)>,
    failed: Vec<(Ticket, AppendFailure, String)>,
    /// What is to be appended in the next one.
    next: Vec<(Ticket, Option<Ticket>, NewRecord)>,
}

impl<L: Records, K: Keyed> Shard<L, K> {
    /// Runs until told to stop, until nobody is left who could ask for anything, or until the disk
    /// can no longer be trusted: what is on it is learned by opening it anew, in a new process.
    pub(crate) fn run(mut self) -> Ended {
        loop {
            let (mut weight, mut stop) = (0, None);
            // What waited for the last flush goes on by itself, together with what came meanwhile.
            if self.group.next.is_empty() {
                let Some(first) = self.requests.blocking_recv() else { return Ended::Stopped };
                weight = first.weight();
                stop = self.take(first);
            }
            while weight < GROUP_MAX {
                let Ok(next) = self.requests.try_recv() else { break };
                weight = weight.saturating_add(next.weight());
                stop = stop.or(self.take(next));
            }
            self.settle();
            while stop.is_some() && !self.group.next.is_empty() && self.poison.is_none() {
                self.settle();
            }
            self.let_go();
            if let Some(cause) = self.poison {
                return Ended::Poisoned { cause };
            }
            if let Some(done) = stop {
                self.cursors.flush();
                if done.send(()).is_err() {
                    debug!("nobody waits for the end");
                }
                return Ended::Stopped;
            }
        }
    }

    /// Hands one request to the router; returns where to report when it was the last.
    fn take(&mut self, request: Request) -> Option<oneshot::Sender<()>> {
        let now = clock::now();
        match request {
            Request::Publish { admitted } => self.router.handle_publish(admitted, now),
            Request::PublishAll { admitted } => {
                for one in admitted {
                    self.router.handle_publish(one, now);
                }
            }
            Request::Connect { session, principal, recipient, answers, cut } => {
                self.sessions.insert(session, Port::new(answers, cut, &recipient));
                self.router.handle_connect(session, principal, recipient, now);
            }
            Request::Disconnect { session } => {
                self.remove(session);
                self.router.handle_disconnect(session);
            }
            Request::Subscribe { session, subscription, subscribe, principal, history, outbox } => {
                self.attach((session, subscription), outbox, history);
                self.subscribe((session, subscription), subscribe, principal);
            }
            Request::Credit { session, subscription, records } => {
                self.waiting.ask_again((session, subscription));
                self.router.handle_credit(session, subscription, records);
            }
            Request::Acknowledge { session, subscription, position } => {
                self.router.handle_acknowledge(session, subscription, position);
            }
            Request::OutboxFree { session, subscription } => {
                self.waiting.ask_again((session, subscription));
                self.router.handle_outbox_free(session, subscription);
            }
            Request::TellPlace { session, subscription, when } => {
                self.waiting.ask((session, subscription), when);
            }
            Request::Unsubscribe { session, subscription, kept } => {
                self.forget(session, subscription);
                self.router.handle_unsubscribe(session, subscription);
                self.waiting.leaving.push(kept);
            }
            Request::Replayed { session, subscription, page } => {
                self.replayed((session, subscription), page, now);
            }
            Request::Link { organisation, outcomes } => {
                self.router.handle_link(&organisation);
                self.links.insert(organisation, outcomes);
            }
            Request::Policy(policy) => self.follow(policy, now),
            Request::Heard(policy) => self.router.handle_heard(policy, now),
            Request::StreamHead { publisher, boot, topic, answer } => {
                let expected = self.router.expected_sequence(&topic, publisher, boot);
                if answer.send(expected).is_err() {
                    debug!("whoever asked for the head of a stream has gone");
                }
            }
            Request::ChainEnd { publisher, boot, topic, answer } => {
                if answer.send(self.router.chain_end(&topic, publisher, boot)).is_err() {
                    debug!("whoever asked for the end of a chain has gone");
                }
            }
            Request::Kept { session, records, answer } => {
                // Whoever asked and is gone needs none.
                drop(answer.send(self.router.permit_kept(session, records, now)));
            }
            Request::Tick => self.tick(),
            Request::Stop { done } => return Some(done),
        }
        None
    }

    /// A page of the log was read for a subscription, or could not be.
    fn replayed(
        &mut self,
        (session, subscription): (SessionId, SubscriptionId),
        page: Page,
        now: Timestamp,
    ) {
        self.waiting.ask_again((session, subscription));
        match page {
            Page::Read(replayed) => {
                self.router.handle_replayed(session, subscription, replayed, now);
            }
            Page::Failed { replay, code, why } => {
                self.router.handle_replay_failed((session, subscription), replay, code, &why);
            }
        }
    }

    /// The policy has changed, or time has passed.
    fn follow(&mut self, policy: Arc<Policy>, now: Timestamp) {
        self.retention.follow(&policy);
        self.replays.follow(&policy);
        self.router.handle_policy(policy, now);
        self.withhold(now);
        self.waiting.ask_all_again();
    }

    /// Takes back what was let out by an older policy, waits for a slow subscriber, and is not theirs
    /// any more. It costs them no credit.
    fn withhold(&mut self, now: Timestamp) {
        let mut withheld = Vec::new();
        for (session, port) in &self.sessions {
            let mut recheck = self.router.recheck(*session, now);
            for (subscription, outbox) in &port.outboxes {
                let records = outbox.withhold(|record| recheck.may_go(record));
                if records > 0 {
                    withheld.push((*session, *subscription, records));
                }
            }
            let questions = recheck.questions();
            if questions > 0 {
                trace!(%session, questions, "asked again about what waits");
            }
        }
        for (session, subscription, records) in withheld {
            metrics::withheld(records);
            self.router.handle_withheld(session, subscription, records);
            self.router.handle_outbox_free(session, subscription);
        }
    }

    /// Takes up what a subscription of a session is to have.
    fn attach(
        &mut self,
        (session, subscription): (SessionId, SubscriptionId),
        outbox: Outbox,
        history: Option<Box<History>>,
    ) {
        let Some(port) = self.sessions.get_mut(&session) else { return };
        port.outboxes.insert(subscription, outbox);
        let head = self.replays.head();
        if let Some((_peer, asked_at)) = &mut port.asked_at {
            asked_at.insert(subscription, head);
        }
        port.histories.extend(history.map(|mut history| {
            history.record.to = Some(head);
            (subscription, history)
        }));
    }

    /// Begins where the subscriber's cursor stands. One that cannot be read ends the subscription:
    /// beginning elsewhere would lose what lies between without a word.
    fn subscribe(
        &mut self,
        (session, subscription): (SessionId, SubscriptionId),
        subscribe: Subscribe,
        principal: PrincipalId,
    ) {
        let stands = subscribe.cursor.as_ref().map(|name| self.cursors.position(principal, name));
        match stands.transpose() {
            Ok(position) => {
                let (position, now) = (position.flatten(), clock::now());
                self.router.handle_subscribe(session, subscription, subscribe, position, now);
            }
            Err(fault) => {
                let (code, why) = (RefusalCode::Internal, format!("cursor: {fault}"));
                metrics::subscription_ended(code);
                self.tell(session, subscription, Outgoing::End { code, why });
            }
        }
    }

    /// Carries out what the router wants, and flushes the disk once. What could be judged only then
    /// waits for the next flush, together with what has come meanwhile: a link that brings much of it
    /// keeps nobody waiting.
    fn settle(&mut self) {
        let started = clock::instant();
        for (ticket, after, record) in std::mem::take(&mut self.group.next) {
            // One before it may have failed as this group became too large.
            if self.router.is_still_wanted(ticket) {
                self.append(ticket, after, record);
            }
        }
        while let Some(command) = self.next_command() {
            self.carry_out(command);
        }
        if self.group.is_pending() {
            let records = self.group.appended.len();
            let is_durable = self.commit();
            if records > 0 && is_durable {
                metrics::appended(u32::try_from(records).unwrap_or(u32::MAX), started.elapsed());
            }
            while let Some(command) = self.next_command() {
                if let Command::Append { ticket, after, record } = command {
                    self.group.next.push((ticket, after, record));
                } else {
                    self.carry_out(command);
                }
            }
        }
        self.tell_places();
        metrics::set(metrics::SUBSCRIPTIONS, self.router.subscription_count() as u64);
    }

    fn next_command(&mut self) -> Option<Command> {
        let command = self.router.poll_command();
        // Before anybody hears that one was not stored: the next one may come at once.
        self.attesting.doubt(self.router.take_unstored());
        command
    }

    /// Tells those who asked how far they have come. Whoever is fed from the log, or has no room, is
    /// told later.
    fn tell_places(&mut self) {
        for (session, subscription) in std::mem::take(&mut self.waiting.asking) {
            let Some(outbox) = self.outbox(session, subscription) else {
                self.waiting.forget((session, subscription));
                continue;
            };
            let place = self.router.place(session, subscription);
            let told = place.is_some_and(|position| {
                let subscription = subscription.value();
                let place = frame::Subscribed { subscription, position, head: position };
                outbox.offer_place(place).is_ok()
            });
            if !told {
                self.waiting.untold.insert((session, subscription));
            }
        }
    }

    /// Flushes the disk and tells the router what became of the group; whether it is durable.
    fn commit(&mut self) -> bool {
        let now = clock::now();
        let Group { appended, retained, failed, .. } = std::mem::take(&mut self.group);
        for (ticket, failure, why) in failed {
            self.fail(ticket, failure, &why);
        }
        if appended.is_empty() {
            return true;
        }
        match self.log.commit() {
            Ok(_durable) => {
                // Before its publisher hears of it: whoever subscribes afterwards is given it.
                let head = appended.last().map(|(_ticket, place)| place.position.next());
                self.retaining.note(retained, head);
                for (ticket, place) in appended {
                    let place = sekisho_routing::Appended {
                        position: place.position,
                        offset: place.offset,
                    };
                    if let Err(fault) = self.router.handle_appended(ticket, place, now) {
                        error!(%fault, "an append and its outcome do not match");
                    }
                }
                true
            }
            Err(fault) => {
                error!(%fault, records = appended.len(), "this group is not acknowledged");
                let (failure, why) = (failure_of_commit(&fault), fault.to_string());
                if let CommitError::Poisoned { cause } = fault {
                    self.poison = Some(cause);
                }
                for (ticket, _place) in appended {
                    self.fail(ticket, failure, &why);
                }
                false
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is carried out aside")]
    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Append { ticket, after, record } => self.append(ticket, after, record),
            Command::Published { session, request, offset } => {
                self.answer(session, Frame::Published(frame::Published { request, offset }));
            }
            Command::Refused { session, request, code, what, why, expected_sequence } => {
                metrics::refused(code);
                let refusal = Refusal { code, what, why, expected_sequence };
                self.alarm.tell(&refusal, clock::now());
                self.answer(session, refusal.into_frame(request));
            }
            Command::Deliver { session, subscription, record, permit } => {
                let position = record.position();
                let offered =
                    self.outbox(session, subscription).map(|out| out.offer(record, &permit));
                if offered.is_some_and(|offered| offered.is_err()) {
                    self.router.handle_outbox_full(session, subscription, position);
                }
            }
            Command::Gap { session, subscription, from, to, reason } => {
                metrics::gap(reason.name());
                let gap = frame::Gap {
                    subscription: subscription.value(),
                    from_position: from,
                    to_position: to,
                    reason,
                    topic: None,
                };
                let told = self.outbox(session, subscription).map(|out| out.offer_gap(gap));
                if told.is_some_and(|told| told.is_err()) {
                    self.router.handle_outbox_full(session, subscription, from);
                }
            }
            Command::Replay {
                session,
                subscription,
                replay,
                filter,
                from,
                records_max,
                bytes_max,
            } => {
                let port = self.sessions.get_mut(&session);
                let paced = port.as_ref().and_then(|port| port.pacing(subscription, from));
                let history = port.and_then(|port| port.histories.remove(&subscription));
                let limits = (records_max, bytes_max);
                self.replays.start(Wanted {
                    session,
                    subscription,
                    replay,
                    filter,
                    from,
                    limits,
                    history,
                    paced,
                });
            }
            Command::Subscribed { session, subscription, position, head } => {
                let subscribed =
                    frame::Subscribed { subscription: subscription.value(), position, head };
                let told = Outgoing::Frame(Box::new(Frame::Subscribed(subscribed)));
                self.tell(session, subscription, told);
            }
            other => self.carry_out_aside(other),
        }
    }

    /// The commands that are no part of the way of an envelope.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is left is a fault and is told")]
    fn carry_out_aside(&mut self, command: Command) {
        match command {
            Command::LinkStored { organisation, position } => {
                self.tell_link(&organisation, LinkOutcome::Stored(position));
            }
            Command::LinkRefused { organisation, position, code, what, why } => {
                metrics::refused(code);
                if let Some(unsaid) = self.alarm.admit(Subject::Peer, clock::now()) {
                    warn!(peer = %organisation, %position, %code, what, why, unsaid, "a peer's record was refused");
                }
                self.tell_link(&organisation, LinkOutcome::Refused(position, code));
            }
            Command::Dropped { code, what, why } => {
                metrics::refused(code);
                self.alarm.tell(&Refusal::new(code, what, why), clock::now());
            }
            Command::LinkFailed { organisation, position, code, why } => {
                if let Some(unsaid) = self.alarm.admit(Subject::Peer, clock::now()) {
                    warn!(peer = %organisation, %position, %code, why, unsaid, "a peer's record was not stored");
                }
                self.tell_link(&organisation, LinkOutcome::Failed(position));
            }
            Command::StoreCursor { principal, name, position } => {
                self.cursors.store(principal, name, position);
            }
            Command::EndSubscription { session, subscription, code, why } => {
                metrics::subscription_ended(code);
                self.tell(session, subscription, Outgoing::End { code, why });
                self.forget(session, subscription);
            }
            Command::CutSession { session, code, why } => {
                if let Some(port) = self.remove(session) {
                    port.cut.fire(code, why);
                }
            }
            other => error!(?other, "a command without an executor"),
        }
    }

    fn remove(&mut self, session: SessionId) -> Option<Port> {
        let port = self.sessions.remove(&session)?;
        for subscription in port.outboxes.keys() {
            self.waiting.forget((session, *subscription));
        }
        Some(port)
    }

    fn forget(&mut self, session: SessionId, subscription: SubscriptionId) {
        self.waiting.forget((session, subscription));
        if let Some(port) = self.sessions.get_mut(&session) {
            port.outboxes.remove(&subscription);
            port.histories.remove(&subscription);
            if let Some((_peer, asked_at)) = &mut port.asked_at {
                asked_at.remove(&subscription);
            }
        }
    }

    fn fail(&mut self, ticket: Ticket, failure: AppendFailure, why: &str) {
        if let Err(fault) = self.router.handle_append_failed(ticket, failure, why) {
            error!(%fault, "an append and its outcome do not match");
        }
    }

    fn append(&mut self, ticket: Ticket, after: Option<Ticket>, record: NewRecord) {
        let mut failed = self.group.failed.iter();
        if let Some((_, before, _)) = failed.find(|(failed, ..)| Some(*failed) == after) {
            let behind = before.behind();
            let why = "the envelope before it in its stream was not stored".to_owned();
            self.group.failed.push((ticket, behind, why));
            return;
        }
        let to_retain = ToRetain::of(&record);
        let record = to_store(record);
        let appended = match self.log.append(record.clone()) {
            Err(AppendError::BatchFull { .. }) => {
                if !self.commit() {
                    // The one before it in its stream may have been in that group.
                    let why = "the group before it was not stored".to_owned();
                    self.group.failed.push((ticket, AppendFailure::StorageFull, why));
                    return;
                }
                self.log.append(record)
            }
            outcome => outcome,
        };
        match appended {
            Ok(place) => {
                let to_retain = to_retain.map(|kept| (place.position, kept.placed(place.offset)));
                self.group.retained.extend(to_retain);
                self.group.appended.push((ticket, place));
            }
            Err(fault) => {
                if let Some(unsaid) = self.alarm.admit(Subject::Disk, clock::now()) {
                    warn!(%fault, unsaid, "an envelope was not stored");
                }
                if let AppendError::Poisoned { cause } = &fault {
                    self.poison = Some(cause.clone());
                }
                self.group.failed.push((ticket, failure_of(&fault), fault.to_string()));
            }
        }
    }

    /// A subscriber that leaves in good order finds its cursor where it left it, even after a crash.
    fn let_go(&mut self) {
        if self.waiting.leaving.is_empty() {
            return;
        }
        self.cursors.flush();
        for kept in self.waiting.leaving.drain(..) {
            if kept.send(()).is_err() {
                debug!("whoever left did not wait");
            }
        }
    }

    /// What is due now and then: cursors to disk, old records off it.
    fn tick(&mut self) {
        self.cursors.flush();
        if let Some(cause) = self.cursors.poisoned() {
            error!(cause, "what is kept by key can be neither read nor changed");
            self.poison.get_or_insert(cause.to_owned());
        }
        self.settle();
        self.retention.trim(&mut self.log, clock::now());
    }

    fn answer(&mut self, session: SessionId, frame: Frame) {
        let Some(port) = self.sessions.get(&session) else { return };
        if port.answers.try_tell(frame).is_err() {
            let why = "the client does not read its answers";
            port.cut.fire(RefusalCode::TooMany, why);
        }
    }

    /// Tells a subscriber something that must not be missed; one that cannot take it is cut.
    fn tell(&mut self, session: SessionId, subscription: SubscriptionId, outgoing: Outgoing) {
        let Some(outbox) = self.outbox(session, subscription) else { return };
        if outbox.tell(outgoing).is_ok() {
            return;
        }
        if let Some(port) = self.sessions.get(&session) {
            port.cut.fire(RefusalCode::TooMany, "a subscription's queue does not drain");
        }
    }

    fn outbox(&self, session: SessionId, subscription: SubscriptionId) -> Option<&Outbox> {
        self.sessions.get(&session)?.outboxes.get(&subscription)
    }

    /// The window of a link is smaller than its queue, so this drops only what nobody waits for.
    fn tell_link(&self, organisation: &OrgName, outcome: LinkOutcome) {
        if let Some(link) = self.links.get(organisation)
            && link.try_send(outcome).is_err()
        {
            debug!(peer = %organisation, "the link is gone");
        }
    }
}

impl Port {
    fn new(answers: Teller, cut: Cut, recipient: &Recipient) -> Self {
        let asked_at = match recipient {
            Recipient::Peer(peer) => Some((peer.clone(), BTreeMap::new())),
            Recipient::Principal(_) => None,
        };
        let (outboxes, histories) = (BTreeMap::new(), BTreeMap::new());
        Self { answers, cut, outboxes, histories, asked_at }
    }

    /// Whose history budget a page is of: a peer's, where it begins before the peer asked. What came
    /// since then is no history, and is not held up.
    fn pacing(&self, subscription: SubscriptionId, from: ReplayFrom) -> Option<OrgName> {
        let (peer, asked_at) = self.asked_at.as_ref()?;
        let asked_at = asked_at.get(&subscription)?;
        let is_history = match from {
            ReplayFrom::Position(from) => from < *asked_at,
            ReplayFrom::Earliest
            | ReplayFrom::Time(_)
            | ReplayFrom::Offset(_)
            | ReplayFrom::LastValues { .. } => true,
        };
        is_history.then(|| peer.clone())
    }
}

impl Waiting {
    /// Whoever could not be told before may have room now, or be live.
    fn ask_again(&mut self, whose: (SessionId, SubscriptionId)) {
        if self.untold.remove(&whose) {
            self.asking.insert(whose);
        }
    }

    /// The same of all, and of those who want it with each change of rights.
    fn ask_all_again(&mut self) {
        self.asking.append(&mut self.untold);
        self.asking.extend(&self.sharing);
    }

    fn forget(&mut self, whose: (SessionId, SubscriptionId)) {
        for all in [&mut self.asking, &mut self.untold, &mut self.sharing] {
            all.remove(&whose);
        }
    }

    fn ask(&mut self, whose: (SessionId, SubscriptionId), when: Telling) {
        self.asking.insert(whose);
        if when == Telling::WithRights {
            self.sharing.insert(whose);
        }
    }
}

impl Group {
    fn is_pending(&self) -> bool {
        !self.appended.is_empty() || !self.failed.is_empty()
    }
}

fn to_store(record: NewRecord) -> sekisho_store::NewRecord {
    let NewRecord { offset, received, envelope, hash, hops } = record;
    let header = envelope.header();
    sekisho_store::NewRecord {
        topic: header.topic.clone(),
        offset,
        received,
        hops,
        stream: StreamKey {
            publisher: header.publisher,
            boot: header.boot,
            sequence: header.sequence,
        },
        hash,
        key_header: header.key_header,
        envelope: envelope.encoded().clone(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other fault is this node's own")]
const fn failure_of_commit(fault: &CommitError) -> AppendFailure {
    match fault {
        CommitError::StorageFull { .. } => AppendFailure::StorageFull,
        _ => AppendFailure::Internal,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other fault is this node's own")]
const fn failure_of(fault: &AppendError) -> AppendFailure {
    match fault {
        AppendError::StorageFull { .. } | AppendError::BatchFull { .. } => {
            AppendFailure::StorageFull
        }
        AppendError::RecordSize { .. } => AppendFailure::TooLong,
        AppendError::TooManyTopics { .. } => AppendFailure::TooManyTopics,
        _ => AppendFailure::Internal,
    }
}

#[cfg(test)]
mod tests;
