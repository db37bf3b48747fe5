//! What the peer sends, and what becomes of it here.

use std::collections::BTreeSet;

use sekisho_proto::{
    Filter, GapReason, Hash, LogEntry, Position, PrincipalId, StatementIndex, Timestamp, Topic,
    frame, limits::CLOCK_AHEAD_MAX,
};

use super::{
    DropReason, HangupReason, Link, LinkCommand, Phase, Reading, Taken, command::bytes_of,
    witnessing::Applied,
};
use crate::{
    holding::Term,
    intake::{Intake, IntakeFault},
};

impl Link {
    /// A record came.
    pub fn handle_record(&mut self, record: frame::Record, now: Timestamp) {
        self.hear(now);
        if !self.is_connected() {
            return;
        }
        let (subscription, position) = (record.subscription, record.position);
        let bytes = bytes_of(&record.envelope, record.key_header.as_ref());
        self.spending.record(bytes, now);
        if let Some(credit) = self.left.get_mut(&subscription) {
            // It was under way when the subscription was left.
            match credit.checked_sub(1) {
                Some(left) => *credit = left,
                None => self.hang_up(HangupReason::Credit { subscription }, now),
            }
            return;
        }
        let Some(intake) = self.intake_mut(subscription, now) else { return };
        if let Err(fault) = intake.arrive(position) {
            self.hang_up(reason(fault, subscription), now);
            return;
        }
        let bytes = u64::try_from(record.envelope.len()).unwrap_or(u64::MAX);
        self.counters.bytes = self.counters.bytes.saturating_add(bytes);
        if let Some(reason) = self.judge_hops(&record) {
            self.counters.dropped = self.counters.dropped.saturating_add(1);
            self.queue.push_back(LinkCommand::Dropped { position, reason });
            self.done(position, now);
            return;
        }
        self.counters.taken = self.counters.taken.saturating_add(1);
        let frame::Record { offset, received, envelope, key_header, hops, .. } = record;
        let connection = self.counters.connected;
        let record = Taken { connection, position, offset, received, envelope, key_header, hops };
        self.queue.push_back(LinkCommand::Admit { record });
    }

    /// The peer told what it does not give.
    pub fn handle_gap(&mut self, gap: &frame::Gap, now: Timestamp) {
        self.hear(now);
        self.spending.frame(1, now);
        let Some(intake) = self.intake_mut(gap.subscription, now) else { return };
        let filter = intake.filter.clone();
        let (from, to) = (gap.from_position, gap.to_position);
        if gap.reason == GapReason::Restart {
            self.forget_places();
            self.hang_up(HangupReason::PeerRestarted, now);
            return;
        }
        if let Err(fault) = intake.skip(from, to) {
            self.hang_up(reason(fault, gap.subscription), now);
            return;
        }
        self.counters.gaps = self.counters.gaps.saturating_add(1);
        self.queue.push_back(LinkCommand::Missing { filter, from, to, reason: gap.reason });
        self.grant(now);
    }

    /// The peer's log is another one: no place in it is what it was.
    fn forget_places(&mut self) {
        let mut filters: BTreeSet<Filter> = std::mem::take(&mut self.places).into_keys().collect();
        for intake in self.intakes.values_mut() {
            intake.forget_place();
            filters.insert(intake.filter.clone());
        }
        let forget = |filter| LinkCommand::SavePosition { filter, position: None };
        self.queue.extend(filters.into_iter().map(forget));
    }

    /// Statements of the peer's control log came; none = there are no more for now.
    pub fn handle_statements(&mut self, statements: frame::Statements, now: Timestamp) {
        if !self.is_connected() {
            return;
        }
        self.hear(now);
        let frame::Statements { organisation, first, statements, .. } = statements;
        self.spending.frame(1, now);
        let bytes = statements.iter().map(|one| one.statement.len()).sum();
        self.spending.statements(statements.len(), bytes, now);
        if organisation != self.peering.organisation || first > self.passed_on {
            let reason = HangupReason::StatementOrder {
                organisation: self.peering.organisation.clone(),
                wanted: self.passed_on,
                found_organisation: organisation,
                found: first,
            };
            self.hang_up(reason, now);
            return;
        }
        if statements.is_empty() && first == self.passed_on {
            self.log_has_come(now);
        }
        let mut index = first;
        for frame::FollowedStatement { statement, received } in statements {
            if index == self.passed_on {
                self.passed_on = index.next();
                let entry = LogEntry { received, statement };
                self.witness.arrive(index, &entry);
                self.queue.push_back(LinkCommand::Apply { index, entry });
            }
            index = index.next();
        }
    }

    /// A statement was applied, or was known before, and is kept; so is everything before it.
    /// `statement` is its id.
    pub fn handle_applied(&mut self, index: StatementIndex, statement: Hash, now: Timestamp) {
        match self.witness.apply(index, statement, now) {
            Applied::Next => {}
            Applied::Other => return,
            Applied::Repeated => {
                self.handle_bad_statement(index, now);
                return;
            }
        }
        for record in self.holding.release() {
            self.queue.push_back(LinkCommand::Admit { record });
        }
        if let Err(fault) = self.settle_checkpoint(now) {
            self.hang_up(HangupReason::Log(fault), now);
            return;
        }
        self.hasten(now);
        self.save_where_due(now);
    }

    /// A statement that was to be applied is not in order: the peer breaks its own log.
    pub fn handle_bad_statement(&mut self, index: StatementIndex, now: Timestamp) {
        if self.is_connected() {
            self.hang_up(HangupReason::BadStatement { index }, now);
        }
    }

    /// A record is durable here, or was before.
    pub fn handle_stored(&mut self, position: Position, now: Timestamp) {
        self.done(position, now);
    }

    /// A record can never be stored here.
    pub fn handle_refused(&mut self, position: Position, now: Timestamp) {
        self.counters.refused = self.counters.refused.saturating_add(1);
        self.done(position, now);
    }

    /// No statement known here permits the record: `publisher` may not publish on `topic`. It is
    /// held while the statement may still be under way, and tried again; so is what comes after it
    /// in its topic. It is refused for good once the owner's control log is complete here up to when
    /// the record was received at its home.
    pub fn handle_denied(
        &mut self,
        record: Taken,
        publisher: PrincipalId,
        topic: Topic,
        now: Timestamp,
    ) {
        if !self.is_connected() {
            return;
        }
        let position = record.position;
        let term = Term {
            until: now.saturating_add(self.limits.denied_patience),
            // No log is believed that is further ahead.
            complete: record.received.min(self.wall(now).saturating_add(CLOCK_AHEAD_MAX)),
        };
        if !self.holding.hold(record, (publisher, topic), term) {
            self.handle_refused(position, now);
        }
        self.give_up_held(now);
    }

    /// The door has let a record in. Whether it is to be stored now: where one before it in its
    /// topic is held for a statement, so is it, and comes in another [`LinkCommand::Admit`]; and
    /// where the connection that brought it is gone, it will come again.
    pub fn handle_admitted(&mut self, record: Taken, topic: &Topic, now: Timestamp) -> bool {
        if !self.is_connected() {
            return false;
        }
        let position = record.position;
        let has_turn = self.holding.has_turn(record, topic);
        if has_turn {
            self.try_held_after(position);
        } else {
            self.give_up_held(now);
        }
        has_turn
    }

    pub(super) fn give_up_held(&mut self, now: Timestamp) {
        for position in self.holding.give_up(now) {
            self.handle_refused(position, now);
        }
        if self.holding.is_full() {
            // It comes again, behind the whole log: by then it is known what is permitted.
            self.hang_up(HangupReason::Held { max: self.holding.bytes_max() }, now);
        }
    }

    /// What waited behind a record has its turn.
    fn try_held_after(&mut self, position: Position) {
        let next = self.holding.settle(position);
        self.queue.extend(next.into_iter().map(|record| LinkCommand::Admit { record }));
    }

    /// A record could not be stored for the moment: it must come again.
    pub fn handle_failed(&mut self, position: Position, now: Timestamp) {
        if matches!(self.phase, Phase::Connected { .. }) {
            self.hang_up(HangupReason::StoreFailed { position }, now);
        }
    }

    fn done(&mut self, position: Position, now: Timestamp) {
        for intake in self.intakes.values_mut() {
            intake.done(position);
        }
        self.try_held_after(position);
        self.grant(now);
    }

    /// Acknowledges and grants what there is reason for, and saves where it is time to.
    pub(super) fn grant(&mut self, now: Timestamp) {
        let may_grant = self.spending.may_grant(now);
        if self.is_connected() && self.reading == Reading::Complete && may_grant {
            for (subscription, intake) in &mut self.intakes {
                let subscription = *subscription;
                if !intake.asking.is_open() {
                    continue;
                }
                let Some(records) = intake.take_credit() else { continue };
                if let Some(position) = intake.take_acknowledgement() {
                    self.queue.push_back(LinkCommand::Acknowledge { subscription, position });
                }
                self.queue.push_back(LinkCommand::Credit { subscription, records });
            }
        }
        self.save_where_due(now);
    }

    fn judge_hops(&self, record: &frame::Record) -> Option<DropReason> {
        let hops = record.hops.len();
        if record.hops.contains(&self.own_node) {
            return Some(DropReason::Loop);
        }
        if hops > self.limits.hops_max {
            return Some(DropReason::TooFar { hops });
        }
        (record.hops.last() != Some(&self.peer_node)).then_some(DropReason::WrongHops)
    }

    pub(super) fn intake_mut(&mut self, subscription: u32, now: Timestamp) -> Option<&mut Intake> {
        if !self.is_connected() {
            return None;
        }
        if self.left.contains_key(&subscription) {
            return None;
        }
        let is_asked = self.reading == Reading::Complete
            && self.intakes.get(&subscription).is_some_and(|intake| intake.asking.is_open());
        if !is_asked {
            self.hang_up(HangupReason::UnknownSubscription { found: subscription }, now);
            return None;
        }
        self.intakes.get_mut(&subscription)
    }
}

fn reason(fault: IntakeFault, subscription: u32) -> HangupReason {
    match fault {
        IntakeFault::Order { wanted, found } => HangupReason::Order { wanted, found },
        IntakeFault::Credit => HangupReason::Credit { subscription },
    }
}
