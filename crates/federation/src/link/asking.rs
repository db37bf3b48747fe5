//! What a link asks the peer for, and when: the log first, then records, and what was refused again.

use sekisho_proto::{Position, RefusalCode, Timestamp};

use super::{CONTROL_LOG, HangupReason, Link, LinkCommand, Reading};
use crate::intake::Intake;

impl Link {
    /// The peer has begun a subscription, at a position of its log.
    pub fn handle_subscribed(&mut self, subscription: u32, begins: Position, now: Timestamp) {
        self.handle_heard(now);
        if let Some(intake) = self.intake_mut(subscription, now) {
            intake.asking.given(now);
            intake.begins(begins);
        }
    }

    /// The peer has refused a subscription, or ended one that it gave.
    ///
    /// Where it does not permit it, the link stays: the right may be stated any moment. It asks
    /// again when the peer's log brings a statement, and at last after
    /// [`backoff_max`](crate::LinkLimits::backoff_max). Any other refusal ends the connection.
    pub fn handle_subscription_refused(
        &mut self,
        subscription: u32,
        code: RefusalCode,
        now: Timestamp,
    ) {
        if !self.is_connected() {
            return;
        }
        self.handle_heard(now);
        if self.left.remove(&subscription).is_some() {
            return;
        }
        // It asks for more at once than the peer gives: for this one a little later.
        let is_late = code == RefusalCode::RateLimited;
        let is_refused = code == RefusalCode::NotPermitted;
        if subscription == CONTROL_LOG || !(is_late || is_refused) {
            self.hang_up(HangupReason::Refused { subscription, code }, now);
            return;
        }
        let limits = self.limits;
        let Some(intake) = self.intake_mut(subscription, now) else { return };
        if is_late {
            intake.asking.put_off(&limits, now);
        } else if intake.asking.refused(&limits, now) {
            let filter = intake.filter.clone();
            self.queue.push_back(LinkCommand::NotPermitted { filter });
        }
    }

    /// Everything of the peer's log has come.
    pub(super) fn log_has_come(&mut self, now: Timestamp) {
        if self.reading == Reading::Behind {
            self.reading = Reading::Told;
        }
        self.begin_where_complete(now);
    }

    /// Once the log is applied as far as it goes, and a checkpoint has shown that it goes no
    /// further, records are asked for.
    pub(super) fn begin_where_complete(&mut self, now: Timestamp) {
        let applied = self.witness.applied() == self.passed_on && self.witness.is_proven();
        if self.reading != Reading::Told || !applied {
            return;
        }
        self.reading = Reading::Complete;
        let all: Vec<u32> = self.intakes.keys().copied().collect();
        for subscription in all {
            self.ask(subscription, now);
        }
    }

    /// What was refused may be permitted by what the peer has stated.
    pub(super) fn hasten(&mut self, now: Timestamp) {
        for intake in self.intakes.values_mut() {
            intake.asking.hasten(&self.limits, now);
        }
        self.ask_again(now);
    }

    pub(super) fn ask_again_due(&self) -> Option<Timestamp> {
        if self.reading != Reading::Complete {
            return None;
        }
        self.intakes.values().filter_map(|intake| intake.asking.again()).min()
    }

    pub(super) fn ask_again(&mut self, now: Timestamp) {
        if self.reading != Reading::Complete {
            return;
        }
        let is_due = |intake: &Intake| intake.asking.again().is_some_and(|again| again <= now);
        let due = self.intakes.iter().filter(|(_number, intake)| is_due(intake));
        for subscription in due.map(|(number, _intake)| *number).collect::<Vec<_>>() {
            self.ask(subscription, now);
        }
    }

    /// The peer's log is complete here until then.
    pub(super) fn note_heard(&mut self, at: Timestamp) {
        self.heard = self.heard.max(Some(at));
        let interval = self.limits.heard_interval;
        if self.heard_told.is_none_or(|told| at.saturating_since(told) >= interval) {
            self.heard_told = Some(at);
            self.queue.push_back(LinkCommand::Heard { at });
        }
    }

    pub(super) fn ask(&mut self, subscription: u32, now: Timestamp) {
        // A peer that comes again owes what it owed before.
        let may_ask = self.spending.may_ask(now);
        let Some(intake) = self.intakes.get_mut(&subscription) else { return };
        self.has_asked = true;
        intake.asking.ask(now);
        let credit = intake.connect(may_ask);
        let (filter, start) = (intake.filter.clone(), intake.start());
        self.queue.push_back(LinkCommand::Subscribe { subscription, filter, start, credit });
    }
}
