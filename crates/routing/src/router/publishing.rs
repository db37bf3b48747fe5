//! From an admitted envelope to a durable record: deduplication in front of the log, answers
//! behind it.

use std::sync::Arc;

use sekisho_policy::{Denial, PublishPermit};
use sekisho_proto::{
    BootId, Envelope, Hash, Header, Offset, OrgName, Position, PrincipalId, RefusalCode, Sequence,
    Timestamp, Topic,
};

use super::holding::{Line, Place};
use super::{Queued, Router, count};
use crate::{
    Admitted, AppendFailure, Carriage, Command, NewRecord, Record, SessionId, Ticket,
    streams::{Role, Verdict},
};

/// What the log remembers of one boot of a publisher on a topic.
#[derive(Clone, Debug)]
pub struct RestoredStream {
    /// The topic.
    pub topic: Topic,
    /// Whose envelopes.
    pub publisher: PrincipalId,
    /// Its boot.
    pub boot: BootId,
    /// The sequence of the last durable envelope.
    pub sequence: Sequence,
    /// That envelope's hash.
    pub hash: Hash,
    /// The newest time of the boot's envelopes by their headers: the time of receipt in its place would
    /// have the restored router refuse what the one before it took.
    pub time: Timestamp,
    /// Where boots of the publisher on the topic were forgotten, the newest of their times by their
    /// headers.
    pub forgotten: Option<Timestamp>,
}

/// Where the log put a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// In this node's log.
    pub position: Position,
    /// In its topic.
    pub offset: Offset,
}

/// An outcome that fits no append: a fault of the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendedError {
    /// The append is not known, or its outcome was told before.
    #[error("{0}: wanted one without an outcome, found none")]
    UnknownTicket(Ticket),
    /// The records were not told in the order of their positions.
    #[error("position: wanted {wanted} or later, found {found}")]
    OutOfOrder {
        /// The router's head.
        wanted: Position,
        /// The record's position.
        found: Position,
    },
}

/// An append without an outcome.
#[derive(Debug)]
pub(super) struct Pending {
    envelope: Arc<Envelope>,
    received: Timestamp,
    /// Of a topic that this node follows.
    followed: Option<Followed>,
    waiters: Vec<Waiter>,
    /// The append before it in its stream failed, for this reason.
    doomed: Option<(AppendFailure, String)>,
}

#[derive(Debug)]
struct Followed {
    offset: Offset,
    hops: Vec<PrincipalId>,
}

/// An envelope that came and is not judged yet.
#[derive(Debug)]
pub(super) struct Arrived {
    envelope: Arc<Envelope>,
    hash: Hash,
    permit: PublishPermit,
    waiter: Waiter,
    received: Timestamp,
    /// Of a topic that this node follows.
    followed: Option<Followed>,
    at: Timestamp,
}

impl Arrived {
    /// In which line it waits where it has to.
    pub(super) fn line(&self) -> Line {
        if let Waiter::Link { organisation, .. } = &self.waiter {
            return Line::Link(organisation.clone());
        }
        let Header { topic, publisher, .. } = self.envelope.header();
        Line::Stream(topic.clone(), *publisher)
    }

    /// Where a boot's chain ends, if this is of it: the next sequence, and the hash before it.
    pub(super) fn end_of(&self, boot: BootId) -> Option<(Sequence, Hash)> {
        let header = self.envelope.header();
        (header.boot == boot).then(|| (header.sequence.next(), self.hash))
    }
}

/// Who hears of the outcome.
#[derive(Clone, Debug)]
enum Waiter {
    Session { session: SessionId, request: u64 },
    Nobody,
    Link { organisation: OrgName, connection: u64, position: Position },
}

/// Why an envelope is not stored.
struct Refusal {
    code: RefusalCode,
    why: String,
    expected: Option<Sequence>,
}

impl Router {
    /// An envelope was verified and is permitted. Leads to [`Command::Append`] and, when that is
    /// durable, [`Command::Published`] or [`Command::LinkStored`]; or to [`Command::Refused`],
    /// [`Command::Dropped`], [`Command::LinkRefused`] or [`Command::LinkFailed`].
    pub fn handle_publish(&mut self, admitted: Admitted, now: Timestamp) {
        let (verified, permit, carriage) = admitted.into_parts();
        let hash = verified.hash();
        let envelope = Arc::new(verified.into_envelope());
        let (waiter, received, followed) = match carriage {
            Carriage::Session { session, request } => {
                if !self.sessions.contains_key(&session) {
                    self.note_unstored(envelope.header());
                    return;
                }
                (Waiter::Session { session, request }, now, None)
            }
            Carriage::Unanswered { session } => {
                if !self.sessions.contains_key(&session) {
                    // Nobody is told, so it has to be counted.
                    let why = "wanted an open session, found it ended".to_owned();
                    let refusal = Refusal { code: RefusalCode::Internal, why, expected: None };
                    self.refuse(Waiter::Nobody, envelope.header(), refusal);
                    return;
                }
                (Waiter::Nobody, now, None)
            }
            Carriage::Link { organisation, connection, position, offset, received, hops } => {
                let waiter = Waiter::Link { organisation, connection, position };
                (waiter, received, Some(Followed { offset, hops }))
            }
        };
        let arrived = Arrived { envelope, hash, permit, waiter, received, followed, at: now };
        if !self.held.is_empty() && self.held.is_waiting(&arrived.line()) {
            // Judged now, it would be in front of what came before it.
            self.hold(arrived, Place::Last);
        } else {
            self.take_up(arrived);
        }
    }

    /// Judges something of what is held, if that can be done now: then there may be something to poll.
    pub(super) fn take_up_held(&mut self) -> bool {
        while let Some((line, arrived)) = self.held.next() {
            if self.take_up(arrived) {
                self.held.go_on(line);
                return true;
            }
        }
        false
    }

    fn hold(&mut self, arrived: Arrived, place: Place) {
        let (line, held_max) = (arrived.line(), self.limits.pending_appends_max);
        if self.held.has_room(&line, held_max) {
            self.held.put(line, place, arrived);
            return;
        }
        let (code, why) =
            (RefusalCode::TooMany, format!("wanted at most {held_max} envelopes to be judged"));
        let refusal = Refusal { code, why, expected: None };
        self.put_off(arrived.waiter, arrived.envelope.header(), refusal);
    }

    /// Judges an envelope, or holds it, first in its line, until more is on the disk; whether it was
    /// judged.
    fn take_up(&mut self, arrived: Arrived) -> bool {
        let header = arrived.envelope.header();
        if let Waiter::Link { organisation, connection, .. } = &arrived.waiter
            && let Some((failed, code)) = self.failed_on.get(organisation)
            && connection <= failed
        {
            // The link has not heard of it yet. Stored now, this would be in front of what comes
            // again.
            let why = "wanted one behind what is stored, found one behind what failed".to_owned();
            let refusal = Refusal { code: *code, why, expected: None };
            self.put_off(arrived.waiter, header, refusal);
            return true;
        }
        match self.judge(&arrived) {
            Ok(Verdict::New { after }) => {
                let Arrived { envelope, hash, waiter, received, followed, .. } = arrived;
                let ticket = self.next_ticket();
                self.streams.advance(envelope.header(), hash, ticket);
                let pending =
                    Pending { envelope, received, followed, waiters: vec![waiter], doomed: None };
                self.start_append(ticket, after, hash, pending);
            }
            Ok(Verdict::Pending(ticket)) => self.wait_too(ticket, arrived.waiter, header),
            Ok(Verdict::Stored) => {
                count(&mut self.counters.repeated);
                self.answer_stored(arrived.waiter, header);
            }
            Ok(Verdict::Undecided) => {
                self.hold(arrived, Place::First);
                return false;
            }
            Ok(Verdict::Refused { code, why, expected }) => {
                self.refuse(arrived.waiter, header, Refusal { code, why, expected });
            }
            Err(refusal) => self.refuse(arrived.waiter, header, refusal),
        }
        true
    }

    /// The link of an organisation begins: its connections are counted anew, and nothing of the link
    /// before it is under way.
    pub fn handle_link(&mut self, organisation: &OrgName) {
        self.failed_on.remove(organisation);
    }

    /// The record of `ticket` is durable. Leads to the answer and to deliveries.
    ///
    /// # Errors
    /// Where no such append waits, or records are told out of order; nothing is changed then.
    pub fn handle_appended(
        &mut self,
        ticket: Ticket,
        appended: Appended,
        now: Timestamp,
    ) -> Result<(), AppendedError> {
        let Appended { position, offset } = appended;
        if position < self.head {
            return Err(AppendedError::OutOfOrder { wanted: self.head, found: position });
        }
        let pending = self.remove_pending(ticket).ok_or(AppendedError::UnknownTicket(ticket))?;
        let Pending { envelope, received, followed, waiters, .. } = pending;
        self.streams.commit(envelope.header(), ticket);
        self.held.look_again(&envelope.header().topic, envelope.header().publisher);
        let hops = match followed {
            Some(followed) => {
                self.streams.commit_offset(&envelope.header().topic, followed.offset);
                followed.hops
            }
            None => Vec::new(),
        };
        count(&mut self.counters.appended);
        for waiter in waiters {
            match waiter {
                Waiter::Session { session, request } => {
                    if self.sessions.contains_key(&session) {
                        self.push(Command::Published { session, request, offset });
                    }
                }
                Waiter::Nobody => {}
                Waiter::Link { organisation, position, .. } => {
                    self.push(Command::LinkStored { organisation, position });
                }
            }
        }
        self.head = position.next();
        let record = Arc::new(Record::new(position, offset, received, envelope, hops));
        self.offer_live(&record, now);
        Ok(())
    }

    /// The record of `ticket` will not be durable. Its publisher is told, and everything after it
    /// in its stream is refused as well: a stream has no gaps at home.
    ///
    /// # Errors
    /// Where no such append waits; nothing is changed then.
    pub fn handle_append_failed(
        &mut self,
        ticket: Ticket,
        failure: AppendFailure,
        why: &str,
    ) -> Result<(), AppendedError> {
        let pending = self.remove_pending(ticket).ok_or(AppendedError::UnknownTicket(ticket))?;
        self.fail(ticket, pending, failure, why);
        Ok(())
    }

    /// An append leaves the queue, unless the one before it in its stream has failed meanwhile.
    pub(super) fn poll_append(
        &mut self,
        ticket: Ticket,
        after: Option<Ticket>,
        record: NewRecord,
    ) -> Option<Command> {
        self.is_still_wanted(ticket).then_some(Command::Append { ticket, after, record })
    }

    /// Whether an append is still to be carried out. Where the one before it in its stream has failed
    /// since it was polled it fails, too: whoever does not carry it out at once asks before doing so.
    pub fn is_still_wanted(&mut self, ticket: Ticket) -> bool {
        let Some(mut pending) = self.remove_pending(ticket) else { return false };
        if let Some((failure, why)) = pending.doomed.take() {
            self.fail(ticket, pending, failure, &why);
            return false;
        }
        self.keep_pending(ticket, pending);
        true
    }

    /// What comes after a followed record in its topic must not be stored before it: once a larger
    /// offset is there, it would be refused for good when it comes again.
    fn doom_followers(&mut self, failed: &Pending, failure: AppendFailure, why: &str) {
        let (topic, offset) = (&failed.envelope.header().topic, &failed.followed);
        let Some(Followed { offset: first, .. }) = offset else { return };
        let comes_after = |later: &&mut Pending| {
            later.followed.as_ref().is_some_and(|later| later.offset > *first)
                && later.envelope.header().topic == *topic
                && later.doomed.is_none()
        };
        self.pending.values_mut().filter(comes_after).for_each(|later| {
            later.doomed = Some((failure, format!("the record before it: {why}")));
        });
    }

    /// The largest offset of a followed topic that is on its way to the log, and not given up.
    fn largest_pending(&self, topic: &Topic) -> Option<Offset> {
        let alive = self.pending.values().filter(|pending| pending.doomed.is_none());
        let offsets = alive.filter_map(|pending| {
            let followed = pending.followed.as_ref()?;
            (pending.envelope.header().topic == *topic).then_some(followed.offset)
        });
        offsets.max()
    }

    fn fail(&mut self, ticket: Ticket, pending: Pending, failure: AppendFailure, why: &str) {
        let header = pending.envelope.header();
        let behind = failure.behind();
        for later in self.streams.take_back(header, ticket) {
            if let Some(later) = self.pending.get_mut(&later) {
                later.doomed = Some((behind, format!("the envelope before it: {why}")));
            }
        }
        self.held.look_again(&header.topic, header.publisher);
        if pending.followed.is_some() {
            self.doom_followers(&pending, behind, why);
            let alive = self.largest_pending(&header.topic);
            self.streams.take_back_offsets(&header.topic, alive);
        }
        let expected = self.streams.expected_durable(&header.topic, header.publisher, header.boot);
        for waiter in pending.waiters {
            let why = why.to_owned();
            let refusal = Refusal { code: failure.code(), why, expected: Some(expected) };
            // What the log never takes would fail each time it came: its link passes over it.
            if failure.is_final() {
                self.refuse(waiter, header, refusal);
            } else {
                self.put_off(waiter, header, refusal);
            }
        }
    }

    /// One that would have been stored at another time. A session sends it again where it likes to;
    /// of a link, a record that is refused is passed over for good: it fails, and comes again with all
    /// that is behind it.
    fn put_off(&mut self, waiter: Waiter, header: &Header, refusal: Refusal) {
        let Waiter::Link { organisation, connection, position } = waiter else {
            self.refuse(waiter, header, refusal);
            return;
        };
        let Refusal { code, why, .. } = refusal;
        let failed = (connection, code);
        let newest = self.failed_on.entry(organisation.clone()).or_insert(failed);
        *newest = failed.max(*newest);
        self.push(Command::LinkFailed { organisation, position, code, why });
    }

    fn judge(&self, arrived: &Arrived) -> Result<Verdict, Refusal> {
        let Arrived { envelope, hash, permit, followed, at, .. } = arrived;
        let header = envelope.header();
        let refusal = |code, why| Refusal { code, why, expected: None };
        let role = if followed.is_some() { Role::Follower } else { Role::Home };
        let own = self.policy.own();
        if (header.topic.organisation() == own) != (role == Role::Home) {
            let why = match role {
                Role::Home => format!("wanted a topic of {own}, found {}", header.topic),
                Role::Follower => format!("wanted a topic of another home, found {}", header.topic),
            };
            return Err(refusal(RefusalCode::ForeignTopic, why));
        }
        match self.ask_again(header, permit, *at) {
            // What a peer brings and may be permitted again was let in before it was denied: sent
            // back, it would be overtaken by what comes after it in its topic.
            Err(denial) if role == Role::Home || denial.code() == RefusalCode::Revoked => {
                return Err(refusal(denial.code(), denial.to_string()));
            }
            Ok(()) | Err(_) => {}
        }
        let verdict = self.streams.judge(role, header, hash);
        if !matches!(verdict, Verdict::New { .. }) {
            return Ok(verdict);
        }
        let pending_max = self.limits.pending_appends_max;
        match followed {
            Some(followed) => {
                self.streams.judge_offset(&header.topic, followed.offset).map_err(|last| {
                    let found = followed.offset;
                    let why = format!("wanted an offset after {last}, found {found}");
                    refusal(RefusalCode::Replayed, why)
                })?;
            }
            None if self.pending_of_sessions >= pending_max => {
                let why = format!("wanted at most {pending_max} envelopes waiting for the disk");
                return Err(refusal(RefusalCode::TooMany, why));
            }
            None => {}
        }
        Ok(verdict)
    }

    /// Whether a right that the door found in an older policy than the router's still holds. The
    /// door may know a newer one, which the router has not heard of yet.
    fn ask_again(
        &self,
        header: &Header,
        permit: &PublishPermit,
        now: Timestamp,
    ) -> Result<(), Denial> {
        if permit.policy_version() >= self.policy.version() {
            return Ok(());
        }
        let Header { publisher, topic, scope, attester, .. } = header;
        if let Some(attester) = attester {
            self.policy.permit_attesting(attester, publisher, topic, now)?;
        }
        if topic.organisation() == self.policy.own() {
            return self.policy.permit_publish(*publisher, topic, now).map(drop);
        }
        self.policy.permit_import(*publisher, topic, *scope, now).map(drop)
    }

    fn start_append(
        &mut self,
        ticket: Ticket,
        after: Option<Ticket>,
        hash: Hash,
        pending: Pending,
    ) {
        let (offset, hops, after) = match &pending.followed {
            Some(followed) => {
                let topic = &pending.envelope.header().topic;
                let before = self.streams.advance_offset(topic, followed.offset, ticket);
                let before = before.filter(|before| self.pending.contains_key(before));
                (Some(followed.offset), followed.hops.clone(), before.or(after))
            }
            None => (None, Vec::new(), after),
        };
        let envelope = Arc::clone(&pending.envelope);
        let record = NewRecord { offset, received: pending.received, envelope, hash, hops };
        self.keep_pending(ticket, pending);
        self.queue.push_back(Queued::Append { ticket, after, record });
    }

    /// The same envelope is on its way to the disk: whoever sends it again hears of the outcome.
    fn wait_too(&mut self, ticket: Ticket, waiter: Waiter, header: &Header) {
        count(&mut self.counters.repeated);
        let waiters_max = self.limits.waiters_per_append_max;
        match self.pending.get_mut(&ticket) {
            Some(pending) if pending.waiters.len() < waiters_max => pending.waiters.push(waiter),
            Some(_) | None => {
                let code = RefusalCode::TooMany;
                let why = format!("wanted at most {waiters_max} senders of one envelope");
                self.put_off(waiter, header, Refusal { code, why, expected: None });
            }
        }
    }

    fn answer_stored(&mut self, waiter: Waiter, header: &Header) {
        match waiter {
            Waiter::Session { session, request } => {
                self.note_unstored(header);
                let expected =
                    self.streams.expected_durable(&header.topic, header.publisher, header.boot);
                self.push(Command::Refused {
                    session,
                    request,
                    code: RefusalCode::Replayed,
                    what: what(header),
                    why: format!("wanted sequence {expected}, found one that is stored"),
                    expected_sequence: Some(expected),
                });
            }
            Waiter::Nobody => {
                let why = "wanted one that is not stored, found a repetition".to_owned();
                let refusal = Refusal { code: RefusalCode::Replayed, why, expected: None };
                self.refuse(waiter, header, refusal);
            }
            Waiter::Link { organisation, position, .. } => {
                self.push(Command::LinkStored { organisation, position });
            }
        }
    }

    fn refuse(&mut self, waiter: Waiter, header: &Header, refusal: Refusal) {
        count(&mut self.counters.refused);
        let Refusal { code, why, expected } = refusal;
        let what = what(header);
        match waiter {
            Waiter::Session { session, request } => {
                self.note_unstored(header);
                if self.sessions.contains_key(&session) {
                    let expected_sequence = expected;
                    self.push(Command::Refused {
                        session,
                        request,
                        code,
                        what,
                        why,
                        expected_sequence,
                    });
                }
            }
            Waiter::Nobody => {
                self.note_unstored(header);
                self.push(Command::Dropped { code, what, why });
            }
            Waiter::Link { organisation, position, .. } => {
                self.push(Command::LinkRefused { organisation, position, code, what, why });
            }
        }
    }

    /// Whoever numbers for a publisher that does not do so itself has to ask how far it has come.
    fn note_unstored(&mut self, header: &Header) {
        if header.attester.is_some() {
            self.unstored.push((header.publisher, header.topic.clone()));
        }
    }

    fn keep_pending(&mut self, ticket: Ticket, pending: Pending) {
        if pending.followed.is_none() {
            self.pending_of_sessions = self.pending_of_sessions.saturating_add(1);
        }
        self.pending.insert(ticket, pending);
    }

    fn remove_pending(&mut self, ticket: Ticket) -> Option<Pending> {
        let pending = self.pending.remove(&ticket)?;
        if pending.followed.is_none() {
            self.pending_of_sessions = self.pending_of_sessions.saturating_sub(1);
        }
        Some(pending)
    }

    const fn next_ticket(&mut self) -> Ticket {
        self.last_ticket = self.last_ticket.saturating_add(1);
        Ticket(self.last_ticket)
    }
}

fn what(header: &Header) -> String {
    format!(
        "envelope {} of boot {} of {} on {}",
        header.sequence,
        header.boot.short(),
        header.publisher.short(),
        header.topic
    )
}
