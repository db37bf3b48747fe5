//! Decides what a publisher sends next and what an answer means, without sending anything: the
//! window of envelopes that are stored here and not yet known to be stored at the node.
//!
//! Order of use: [`Outbox::fill`] from the backlog; after every new connection
//! [`Outbox::handle_connected`]; then, until nothing is left to do, obey [`Outbox::next_step`] and
//! report each answer. [`Outbox::settled`] tells how far the backlog may be forgotten.
//!
//! A boot's sequences reach the node without gaps, and one boot is settled before the next begins,
//! so a refusal that cannot be mended ends the boot: nothing behind it can ever be accepted.

mod entry;
mod slot;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use sekisho_proto::{BootId, KeyHeaderId, Offset, RefusalCode, Sequence};

use self::slot::{Line, Pause, Retry, Slot, State};
use super::lost::{Lost, Remedy};
use crate::refusal::Refusal;

pub(crate) use self::entry::{Accepted, Entry, Step};

/// Rounds without one accepted envelope after which a refusal that should pass is taken for
/// permanent. With the back-off of the publisher that is over a minute.
const FRUITLESS_ROUNDS_MAX: u32 = 16;

/// Rounds over a node that carries home, without one envelope that came there, after which another
/// is looked for. With the back-off of the publisher that is about a minute.
const AWAY_IN_VAIN_MAX: u32 = 9;

/// The window; see the module.
#[derive(Debug)]
pub(crate) struct Outbox {
    slots: VecDeque<Slot>,
    slots_max: usize,
    /// No entry of the backlog before this one is ready: what is on its way is not looked through
    /// for each that follows.
    ready_from: u64,
    requests: BTreeMap<u64, u64>,
    announced: BTreeSet<KeyHeaderId>,
    line: Line,
    /// Another node carries what is sent home: its word settles nothing.
    is_away: bool,
    /// Rounds away without one envelope known to be at home.
    away_in_vain: u32,
    /// What the node expects next of the boot being sent, once it said so on this connection.
    head: Option<(BootId, Sequence)>,
    /// What the node last asked to be sent again later, until something is accepted.
    obstacle: Option<Refusal>,
    pause: Option<Pause>,
    dead: Option<BootId>,
    fruitless_rounds: u32,
    /// Settled up to here, exclusive.
    settled: u64,
    lost: Vec<Lost>,
    accepted: Accepted,
}

impl Outbox {
    /// A window of at most `slots_max` envelopes over a backlog that begins at `first`.
    pub(crate) fn new(slots_max: usize, first: u64) -> Self {
        Self {
            slots: VecDeque::new(),
            slots_max: slots_max.max(1),
            ready_from: first,
            requests: BTreeMap::new(),
            announced: BTreeSet::new(),
            line: Line::Down,
            is_away: false,
            away_in_vain: 0,
            head: None,
            obstacle: None,
            pause: None,
            dead: None,
            fruitless_rounds: 0,
            settled: first,
            lost: Vec::new(),
            accepted: Accepted::default(),
        }
    }

    /// How many more entries the window takes.
    pub(crate) fn room(&self) -> usize {
        self.slots_max.saturating_sub(self.slots.len())
    }

    /// The next entry of the backlog, in order.
    pub(crate) fn fill(&mut self, entry: Entry) {
        let state = self.state_on_arrival(&entry);
        if state == State::Ready {
            self.ready_from = self.ready_from.min(entry.index);
        }
        self.slots.push_back(Slot { entry, state });
        self.settle();
    }

    fn state_on_arrival(&mut self, entry: &Entry) -> State {
        if self.dead == Some(entry.boot) {
            self.count_follower(entry);
            return State::Settled;
        }
        match self.head {
            Some((boot, expected)) if boot == entry.boot && entry.sequence < expected => {
                self.count_accepted(entry.samples, None);
                State::Settled
            }
            Some(_) | None => State::Ready,
        }
    }

    /// A connection stands, to the home or to a node that carries there. Nothing is known about
    /// what reached the node on an earlier one.
    pub(crate) fn handle_connected(&mut self, is_away: bool) {
        self.handle_disconnected();
        self.line = Line::Up;
        if self.is_away && !is_away {
            // What others refused was not the home's word.
            self.fruitless_rounds = 0;
        }
        (self.is_away, self.away_in_vain) = (is_away, 0);
    }

    /// The connection is gone and with it every answer not yet received.
    pub(crate) fn handle_disconnected(&mut self) {
        self.line = Line::Down;
        self.head = None;
        self.pause = None;
        self.requests.clear();
        self.announced.clear();
        self.unsend();
    }

    /// What to do now.
    pub(crate) fn next_step(&mut self, inflight_max: usize) -> Step {
        if self.line != Line::Up {
            return Step::Wait;
        }
        match self.pause {
            Some(Pause::BackingOff) => return Step::BackOff,
            Some(Pause::Draining(_)) => return Step::Wait,
            None => {}
        }
        let Some(front) = self.slots.iter().find(|slot| slot.state != State::Settled) else {
            return Step::Wait;
        };
        let boot = front.entry.boot;
        if self.head.is_none_or(|(known, _)| known != boot) {
            if !self.is_away {
                self.line = Line::Asking;
                return Step::AskHead { boot };
            }
            // The home's answer to the first of them tells.
            self.head = Some((boot, front.entry.sequence));
        }
        if self.requests.len() >= inflight_max {
            return Step::Wait;
        }
        let first = self.slots.partition_point(|slot| slot.entry.index < self.ready_from);
        let ready = self.slots.range(first..).find(|slot| slot.state == State::Ready);
        self.ready_from = ready.map_or(u64::MAX, |slot| slot.entry.index);
        match ready {
            Some(Slot { entry, .. }) if entry.boot == boot => Step::Send {
                index: entry.index,
                envelope: entry.envelope.clone(),
                with_key_header: entry.key_header.filter(|id| !self.announced.contains(id)),
            },
            Some(_) | None => Step::Wait,
        }
    }

    /// The step [`Step::Send`] was carried out under this request.
    pub(crate) fn handle_sent(&mut self, index: u64, request: u64) {
        let Some(slot) = self.slot(index) else { return };
        slot.state = State::Sent { request };
        let key_header = slot.entry.key_header;
        self.announced.extend(key_header);
        self.requests.insert(request, index);
    }

    /// The node expects `expected` next of `boot`: everything before it is stored there.
    pub(crate) fn handle_head(&mut self, boot: BootId, expected: Sequence) {
        self.line = Line::Up;
        self.head = Some((boot, expected));
        let mut first_missing = None;
        for slot in self.slots.iter_mut().filter(|slot| slot.entry.boot == boot) {
            if slot.state == State::Settled {
                continue;
            }
            if slot.entry.sequence < expected {
                slot.state = State::Settled;
                self.accepted.count(slot.entry.samples, None);
                self.fruitless_rounds = 0;
            } else {
                first_missing = Some(slot.entry.sequence);
                break;
            }
        }
        match first_missing {
            Some(sequence) if sequence > expected => {
                self.end_boot(boot, sequence, Refusal::history_lost(sequence, expected));
            }
            Some(_) | None => self.settle(),
        }
    }

    /// The node could not say what it expects.
    pub(crate) fn handle_head_refused(&mut self, boot: BootId, refusal: Refusal) {
        self.line = Line::Up;
        let first =
            self.slots.iter().find(|slot| slot.entry.boot == boot && slot.state != State::Settled);
        let Some(sequence) = first.map(|slot| slot.entry.sequence) else { return };
        match Remedy::of(refusal.code) {
            Remedy::None if refusal.code == RefusalCode::NotFound => {
                self.handle_head(boot, Sequence::ZERO);
            }
            Remedy::None => self.end_boot(boot, sequence, refusal),
            // However long it is busy: what waits for it is not given up for that.
            Remedy::Wait => {
                self.obstacle = Some(refusal);
                self.pause = Some(Pause::BackingOff);
            }
            Remedy::Resend | Remedy::Stored => {
                self.fruitless_rounds = self.fruitless_rounds.saturating_add(1);
                self.pause = Some(Pause::BackingOff);
            }
        }
    }

    /// The node stored what was sent under this request.
    pub(crate) fn handle_published(&mut self, request: u64, offset: Offset) {
        if self.is_away {
            // Anybody can say so.
            self.retry(request, Retry::Later);
        } else {
            self.settle_request(request, Some(offset));
        }
        self.after_answer();
    }

    /// What was sent under this request is at home, which has signed that.
    pub(crate) fn handle_vouched(&mut self, request: u64, offset: Option<Offset>) {
        self.settle_request(request, offset);
        self.after_answer();
    }

    /// The node refused what was sent under this request.
    pub(crate) fn handle_refused(
        &mut self,
        request: u64,
        refusal: Refusal,
        expected: Option<Sequence>,
    ) {
        let Some(&index) = self.requests.get(&request) else { return };
        let Some(Slot { entry, .. }) = self.slot(index) else { return };
        let (boot, sequence, key_header) = (entry.boot, entry.sequence, entry.key_header);
        let stored = expected.is_some_and(|expected| expected > sequence);
        match Remedy::of(refusal.code) {
            // Nothing is settled nor given up but by the home itself.
            Remedy::Stored | Remedy::None if self.is_away => {
                self.obstacle = Some(refusal);
                self.retry(request, Retry::Later);
            }
            Remedy::Resend if self.is_away && !self.can_resend(boot, sequence, expected) => {
                self.retry(request, Retry::Later);
            }
            Remedy::Stored if stored => self.settle_request(request, None),
            // The home has forgotten such old boots, and does not say that this is stored.
            Remedy::Stored if expected.is_none() => self.end_boot(boot, sequence, refusal),
            Remedy::Wait => {
                // What came with it was not kept either.
                if let Some(id) = key_header {
                    self.announced.remove(&id);
                }
                self.obstacle = Some(refusal);
                self.retry(request, Retry::Later);
            }
            Remedy::Stored | Remedy::Resend if self.can_resend(boot, sequence, expected) => {
                if let Some(id) = key_header {
                    self.announced.remove(&id);
                }
                let retry = if self.fruitless_rounds > 0 { Retry::InVain } else { Retry::AtOnce };
                self.retry(request, retry);
            }
            Remedy::Stored | Remedy::Resend | Remedy::None => {
                self.end_boot(boot, sequence, refusal);
            }
        }
        self.after_answer();
    }

    /// The back-off has passed.
    pub(crate) fn handle_waited(&mut self) {
        if self.pause == Some(Pause::BackingOff) {
            self.pause = None;
        }
    }

    /// What could not be delivered since it was last taken.
    pub(crate) fn take_lost(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.lost)
    }

    /// What was accepted since it was last taken.
    pub(crate) fn take_accepted(&mut self) -> Accepted {
        let accepted = std::mem::take(&mut self.accepted);
        if accepted.envelopes > 0 {
            self.obstacle = None;
        }
        accepted
    }

    /// Why what was sent is sent again later; none once something was accepted.
    pub(crate) const fn obstacle(&self) -> Option<&Refusal> {
        self.obstacle.as_ref()
    }

    /// Every entry of the backlog before this index is settled.
    pub(crate) fn settled(&self) -> u64 {
        self.settled
    }

    /// Whether the window holds nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether this boot is ended: what is sealed from now on needs another.
    pub(crate) fn is_dead(&self, boot: BootId) -> bool {
        self.dead == Some(boot)
    }

    /// Envelopes sent and not answered.
    pub(crate) fn in_flight(&self) -> usize {
        self.requests.len()
    }

    /// The envelope that was sent under a request.
    pub(crate) fn envelope_of(&self, request: u64) -> Option<&Bytes> {
        let index = self.requests.get(&request)?;
        let place = self.slots.binary_search_by_key(index, |slot| slot.entry.index).ok()?;
        self.slots.get(place).map(|slot| &slot.entry.envelope)
    }

    /// Whether the node that carries has been of no use for long.
    pub(crate) fn is_away_in_vain(&self) -> bool {
        self.is_away && self.away_in_vain >= AWAY_IN_VAIN_MAX
    }

    /// A gap can be mended where what the node wants is still here, and progress is made. Behind
    /// an envelope that has to be sent again, gaps are to be expected.
    fn can_resend(&self, boot: BootId, sequence: Sequence, expected: Option<Sequence>) -> bool {
        if self.pause.is_none() && self.fruitless_rounds >= FRUITLESS_ROUNDS_MAX {
            return false;
        }
        let wanted = expected.unwrap_or(sequence);
        wanted == sequence
            || self.slots.iter().any(|slot| {
                slot.entry.boot == boot
                    && slot.entry.sequence == wanted
                    && slot.state != State::Settled
            })
    }

    fn retry(&mut self, request: u64, retry: Retry) {
        let Some(index) = self.requests.remove(&request) else { return };
        if let Some(slot) = self.slot(index) {
            slot.state = State::Ready;
        }
        self.ready_from = self.ready_from.min(index);
        let retry = match self.pause {
            Some(Pause::Draining(earlier)) => earlier.max(retry),
            Some(Pause::BackingOff) | None => retry,
        };
        self.pause = Some(Pause::Draining(retry));
    }

    fn settle_request(&mut self, request: u64, offset: Option<Offset>) {
        let Some(index) = self.requests.remove(&request) else { return };
        let Some(slot) = self.slot(index) else { return };
        slot.state = State::Settled;
        let (samples, boot, next) =
            (slot.entry.samples, slot.entry.boot, slot.entry.sequence.next());
        if let Some((known, expected)) = &mut self.head
            && *known == boot
        {
            *expected = next.max(*expected);
        }
        self.away_in_vain = 0;
        self.count_accepted(samples, offset);
        self.settle();
    }

    fn after_answer(&mut self) {
        if let Some(Pause::Draining(retry)) = self.pause
            && self.requests.is_empty()
        {
            if self.is_away && retry != Retry::AtOnce {
                self.away_in_vain = self.away_in_vain.saturating_add(1);
            }
            let in_vain = retry != Retry::Later;
            self.fruitless_rounds = self.fruitless_rounds.saturating_add(u32::from(in_vain));
            self.unsend();
            self.pause = (retry != Retry::AtOnce).then_some(Pause::BackingOff);
        }
    }

    fn slot(&mut self, index: u64) -> Option<&mut Slot> {
        let place = self.slots.binary_search_by_key(&index, |slot| slot.entry.index).ok()?;
        self.slots.get_mut(place)
    }

    fn unsend(&mut self) {
        self.ready_from = 0;
        for slot in &mut self.slots {
            if let State::Sent { .. } = slot.state {
                slot.state = State::Ready;
            }
        }
    }

    /// Nothing of this boot from `sequence` on can be accepted any more.
    fn end_boot(&mut self, boot: BootId, sequence: Sequence, refusal: Refusal) {
        let mut lost = Lost { boot, sequence, envelopes: 0, samples: 0, refusal };
        for slot in &mut self.slots {
            let entry = &slot.entry;
            if entry.boot != boot || entry.sequence < sequence || slot.state == State::Settled {
                continue;
            }
            if let State::Sent { request } = slot.state {
                self.requests.remove(&request);
            }
            slot.state = State::Settled;
            lost.count(entry.samples);
        }
        self.lost.push(lost);
        self.dead = Some(boot);
        self.settle();
    }

    fn count_follower(&mut self, entry: &Entry) {
        let boot = entry.boot;
        if let Some(lost) = self.lost.last_mut()
            && lost.boot == boot
        {
            lost.count(entry.samples);
        } else {
            let refusal = Refusal::boot_ended(boot);
            let mut lost =
                Lost { boot, sequence: entry.sequence, envelopes: 0, samples: 0, refusal };
            lost.count(entry.samples);
            self.lost.push(lost);
        }
    }

    fn count_accepted(&mut self, samples: u32, offset: Option<Offset>) {
        self.accepted.count(samples, offset);
        self.fruitless_rounds = 0;
    }

    fn settle(&mut self) {
        while let Some(Slot { state: State::Settled, .. }) = self.slots.front() {
            if let Some(slot) = self.slots.pop_front() {
                self.settled = slot.entry.index.saturating_add(1);
            }
        }
    }
}

#[cfg(test)]
mod tests;
