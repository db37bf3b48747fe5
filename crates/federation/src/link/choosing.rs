//! What a link asks the peer for, as the contract and the wishes of this node's subscribers change:
//! while it is connected, one frame for each filter that comes or goes.

use sekisho_proto::{Filter, Position, Timestamp, frame};

use super::{Link, LinkCommand, Reading};
use crate::{Since, Wanted, asking::Asking, intake::Intake, interest::InterestChange};

/// Subscriptions of one connection that were left and are remembered.
const LEFT_MAX: usize = 4_096;
/// Filters whose place is kept. Of one that is forgotten the next interest begins where it is
/// wanted from.
const PLACES_MAX: usize = 1_024;

impl Link {
    /// What this node's subscribers want of the owner's topics; none = everything that the contract
    /// lets this node take.
    pub fn handle_wanted(&mut self, wanted: Option<Wanted>, now: Timestamp) {
        if !self.has_asked {
            // The peer knows of no interest yet: none has to linger.
            self.interests.forget();
            self.intakes.clear();
            self.last_number = 0;
        }
        self.interests.set_wanted(wanted, now);
        self.settle_interests(now);
    }

    /// The contract says what may be asked for, and how much of it at a time.
    pub(super) fn follow_terms(&mut self) {
        let ours = &self.peering.ours;
        let max = ours.budget.interests.unwrap_or(self.limits.interests_max);
        let max = max.min(self.limits.interests_max);
        self.interests.set_terms(&ours.imports, usize::try_from(max).unwrap_or(usize::MAX));
    }

    pub(super) fn settle_interests(&mut self, now: Timestamp) {
        let changes = self.interests.settle(now);
        if changes.is_empty() {
            return;
        }
        let first_new = self.last_number.saturating_add(1);
        for change in changes {
            match change {
                InterestChange::Remove(filter) => self.leave(&filter),
                InterestChange::Add(filter, since) => self.join(filter, since),
            }
        }
        self.share_window();
        if self.reading == Reading::Complete {
            let new: Vec<u32> =
                self.intakes.range(first_new..).map(|(number, _)| *number).collect();
            for number in new {
                self.ask(number, now);
            }
        }
    }

    /// A connection begins: numbers that were used on the last one mean nothing on it.
    pub(super) fn number_anew(&mut self) {
        let intakes = std::mem::take(&mut self.intakes);
        self.intakes = (1..).zip(intakes.into_values()).collect();
        self.last_number = self.intakes.keys().next_back().copied().unwrap_or(0);
        self.left.clear();
    }

    fn join(&mut self, filter: Filter, since: Since) {
        self.last_number = self.last_number.saturating_add(1);
        let number = self.last_number;
        let place = self.place_of(&filter);
        let start = place.map_or_else(|| self.start_of(&filter, since), frame::Start::Position);
        let asking = Asking::new(&self.limits, self.seed.wrapping_add(number.into()));
        let intake = Intake::new(filter, place, start, self.limits.window_records, asking);
        self.intakes.insert(number, intake);
    }

    /// Everything of a filter that lies before its place is here, and so is everything of what the
    /// filter contains.
    fn place_of(&self, filter: &Filter) -> Option<Position> {
        let wider = self.places.iter().filter(|(known, _place)| known.contains(filter));
        wider.map(|(_known, place)| *place).max()
    }

    /// Where something begins of which not everything was asked for before. What was, goes on where
    /// it ended, or is asked for anew where it came along another route and nobody knows: topics have
    /// no holes here that nobody tells of.
    fn start_of(&self, filter: &Filter, since: Since) -> frame::Start {
        let parts = self.places.iter().filter(|(known, _place)| known.overlaps(filter));
        let first = parts.map(|(_known, place)| *place).min();
        if self.elsewhere.iter().any(|known| known.overlaps(filter)) {
            return frame::Start::Earliest;
        }
        match (since, first) {
            (Since::Earliest, _) | (Since::Time(_), Some(_)) => frame::Start::Earliest,
            (Since::Time(time), None) => frame::Start::Time(time),
            (Since::Latest, Some(place)) => frame::Start::Position(place),
            (Since::Latest, None) => frame::Start::Latest,
        }
    }

    fn leave(&mut self, filter: &Filter) {
        let number = self.intakes.iter().find(|(_number, intake)| intake.filter == *filter);
        let Some(number) = number.map(|(number, _intake)| *number) else { return };
        let Some(mut intake) = self.intakes.remove(&number) else { return };
        if let Some(position) = intake.take_unsaved() {
            self.keep_place(filter.clone(), position);
        }
        if self.reading == Reading::Complete && intake.asking.is_open() {
            self.left.insert(number, intake.credit());
            while self.left.len() > LEFT_MAX {
                self.left.pop_first();
            }
            self.queue.push_back(LinkCommand::Unsubscribe { subscription: number });
        }
    }

    pub(super) fn keep_place(&mut self, filter: Filter, position: Position) {
        self.places.insert(filter.clone(), position);
        self.queue.push_back(LinkCommand::SavePosition { filter, position: Some(position) });
        if self.places.len() <= PLACES_MAX {
            return;
        }
        let is_asked =
            |filter: &Filter| self.intakes.values().any(|intake| intake.filter == *filter);
        let idle = self.places.iter().filter(|(filter, _place)| !is_asked(filter));
        let oldest = idle.min_by_key(|(_filter, place)| **place).map(|(filter, _)| filter.clone());
        if let Some(filter) = oldest {
            self.places.remove(&filter);
            self.queue.push_back(LinkCommand::SavePosition { filter, position: None });
        }
    }

    fn share_window(&mut self) {
        let count = u32::try_from(self.intakes.len()).unwrap_or(u32::MAX).max(1);
        let window = (self.limits.window_records / count).max(1);
        for intake in self.intakes.values_mut() {
            intake.set_window(window);
        }
    }
}
