//! What a link asks the peer for, and when: the log first, then records, and what was refused again.

use sekisho_proto::{RefusalCode, Timestamp, frame};

use super::{CONTROL_LOG, HangupReason, Link, LinkCommand, Reading};

impl Link {
    /// The peer has begun a subscription.
    pub fn handle_subscribed(&mut self, subscription: u32, now: Timestamp) {
        self.handle_heard(now);
        if let Some(intake) = self.intake_mut(subscription, now) {
            intake.asking.given(now);
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
        if subscription == CONTROL_LOG || code != RefusalCode::NotPermitted {
            self.hang_up(HangupReason::Refused { subscription, code }, now);
            return;
        }
        let limits = self.limits;
        let Some(intake) = self.intake_mut(subscription, now) else { return };
        if intake.asking.refused(&limits, now) {
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

    /// Once the log is applied as far as it goes, records are asked for.
    pub(super) fn begin_where_complete(&mut self, now: Timestamp) {
        if self.reading != Reading::Told || self.applied != self.passed_on {
            return;
        }
        self.reading = Reading::Complete;
        self.note_heard(now);
        for index in 0..self.intakes.len() {
            self.ask(index, now);
        }
    }

    /// What was refused may be permitted by what the peer has stated.
    pub(super) fn hasten(&mut self, now: Timestamp) {
        for intake in &mut self.intakes {
            intake.asking.hasten(&self.limits, now);
        }
        self.ask_again(now);
    }

    pub(super) fn ask_again_due(&self) -> Option<Timestamp> {
        if self.reading != Reading::Complete {
            return None;
        }
        self.intakes.iter().filter_map(|intake| intake.asking.again()).min()
    }

    pub(super) fn ask_again(&mut self, now: Timestamp) {
        if self.reading != Reading::Complete {
            return;
        }
        for index in 0..self.intakes.len() {
            let again = self.intakes.get(index).and_then(|intake| intake.asking.again());
            if again.is_some_and(|again| again <= now) {
                self.ask(index, now);
            }
        }
    }

    /// The peer has spoken: where its log is complete here, it is complete until now.
    pub(super) fn note_heard(&mut self, now: Timestamp) {
        if self.reading != Reading::Complete || self.applied != self.passed_on {
            return;
        }
        self.heard = Some(now);
        let interval = self.limits.heard_interval;
        if self.heard_told.is_none_or(|told| now.saturating_since(told) >= interval) {
            self.heard_told = Some(now);
            self.queue.push_back(LinkCommand::Heard { at: now });
        }
    }

    fn ask(&mut self, index: usize, now: Timestamp) {
        let Some(intake) = self.intakes.get_mut(index) else { return };
        let Ok(subscription) = u32::try_from(index.saturating_add(1)) else { return };
        intake.asking.ask(now);
        let credit = intake.connect();
        let filter = intake.filter.clone();
        let start = match intake.resume {
            Some(position) => frame::Start::Position(position),
            None => frame::Start::Earliest,
        };
        self.queue.push_back(LinkCommand::Subscribe { subscription, filter, start, credit });
    }
}
