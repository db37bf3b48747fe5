//! What was sent and is not done: brought again by its subscription or alone, or given up.

use sekisho_mqtt::overlap::Merged;
use sekisho_mqtt::packet::Turn;
use sekisho_mqtt::session_state::{Flight, Form, Given};
use sekisho_proto::Position;
use sekisho_routing::Record;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Origin, Sheet, id_of};
use crate::mqtt::Fetched;
use crate::transport::mqtt::connection::{End, Live, Remembered};
use crate::transport::mqtt::reasons;

impl<S> Live<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// Sends again what no subscription brings any more, as much as the client takes at a time.
    pub(in crate::transport::mqtt) async fn send_strays(&mut self) -> Result<(), End> {
        while self.flying.len() < self.window {
            let Some((id, flight)) = self.strays.pop_front() else { return Ok(()) };
            if self.state.outgoing.get(&id) != Some(&flight) {
                continue;
            }
            match self.door.hub.mqtt().fetch(&self.session, flight.position).await {
                Ok(Fetched::Given(record)) => self.send_stray(id, flight, &record),
                Ok(Fetched::Withheld(_) | Fetched::Gone) => self.abandon(id),
                // It is in flight still: the client is to come again for it.
                Err(refusal) => {
                    return Err(End::Told(reasons::of_end(refusal.code), refusal.to_string()));
                }
            }
        }
        Ok(())
    }

    /// A subscription ends: what it was to bring again is sent again without it.
    pub(in crate::transport::mqtt) fn leave_in_flight(&mut self, number: u32) {
        let left = self.state.outgoing.iter().filter(|(id, flight)| {
            flight.subscription == number && !flight.is_released && !self.flying.contains_key(id)
        });
        self.strays.extend(left.map(|(id, flight)| (*id, *flight)));
    }

    /// Whether a message in flight is the copy that a subscription brings: each share has its own, the
    /// others have one together (4.8.2).
    pub(super) fn is_copy_of(&self, flight: &Flight, number: u32) -> bool {
        let is_shared = |number| {
            let held = self.state.subscriptions.get(&number);
            held.is_some_and(|held| held.standing.share.is_some())
        };
        flight.subscription == number || !(is_shared(flight.subscription) || is_shared(number))
    }

    fn send_stray(&mut self, id: u16, flight: Flight, record: &Record) {
        let held = self.state.subscriptions.get(&flight.subscription);
        let form = held.map_or(Form::Message, |held| held.form);
        let identifiers = held.and_then(|held| held.standing.identifier).into_iter().collect();
        let retain_as_published =
            held.is_some_and(|held| held.standing.options.retain_as_published());
        let merged = Merged { quality: flight.quality, identifiers, retain_as_published };
        let origin = match flight.given {
            Given::Published => Origin::Inherited,
            Given::Retained => Origin::Retained,
        };
        let sheet = self.sheet_of((form, None), record, merged, origin);
        let sent = sheet.is_some_and(|sheet| {
            let sheet = Sheet { quality: flight.quality, ..sheet };
            self.machine.publish(&sheet.delivery(id, Turn::Again)).is_ok()
        });
        if sent {
            self.flying.insert(id, Turn::Again);
        } else {
            self.abandon(id);
        }
    }

    /// What is in flight from an earlier connection is not sent again.
    fn abandon(&mut self, id: u16) {
        let Some(flight) = self.state.outgoing.remove(&id) else { return };
        let index = self.feeds.iter().position(|feed| feed.number == flight.subscription);
        let Some(index) = index else { return };
        match self.feeds.get_mut(index) {
            // Perhaps it never arrived. Of quality 2 it is nobody else's all the same (4.8.2).
            Some(feed) if feed.share.is_some() && flight.quality == 1 => {
                feed.inherited.push_back(flight.position);
                self.take_off(index, flight.position);
            }
            _ => self.settle(index, flight.position),
        }
    }

    /// What a subscription was to bring again and has passed by will not come: it expired meanwhile,
    /// or the client may not have it any more.
    pub(super) fn give_up_awaited(&mut self, index: usize) {
        loop {
            let Some(feed) = self.feeds.get_mut(index) else { return };
            let seen = feed.seen.value();
            let Some(passed) = feed.awaited.pop_first() else { return };
            if passed >= seen {
                feed.awaited.insert(passed);
                return;
            }
            let id = id_of(Position::new(passed));
            let is_passed = |flight: &Flight| flight.position.value() == passed;
            let flight = self.state.outgoing.get(&id).filter(|flight| is_passed(flight));
            if flight.is_some_and(|flight| !flight.is_released) && !self.flying.contains_key(&id) {
                self.abandon(id);
            }
        }
    }

    /// A message is done: the client has it, or will not take it.
    pub(in crate::transport::mqtt) fn done(&mut self, id: u16, quality: u8) {
        let known = self.state.outgoing.get(&id).filter(|flight| flight.quality == quality);
        let Some(flight) = known.copied() else { return };
        self.state.outgoing.remove(&id);
        self.flying.remove(&id);
        self.remembered = self.remembered.max(Remembered::Changed);
        let index = self.feeds.iter().position(|feed| feed.number == flight.subscription);
        if let Some(index) = index {
            self.settle(index, flight.position);
        }
    }

    /// A record needs nothing more.
    pub(super) fn settle(&mut self, index: usize, position: Position) {
        if let Some(feed) = self.feeds.get(index) {
            feed.let_go(position);
        }
        self.take_off(index, position);
    }

    /// A subscription does not wait for a record any more.
    fn take_off(&mut self, index: usize, position: Position) {
        let Some(feed) = self.feeds.get_mut(index) else { return };
        feed.outstanding.remove(&position.value());
        let (number, next) = (feed.number, feed.next());
        self.note_done(index, position);
        self.state.moved(number, next);
        self.remembered = self.remembered.max(Remembered::Changed);
    }

    /// Nothing more is to be sent of a record, also where its subscription comes to it, perhaps once
    /// more.
    pub(super) fn note_done(&mut self, index: usize, position: Position) {
        let Some(feed) = self.feeds.get(index) else { return };
        if position >= feed.next() {
            self.state.done(feed.number, position);
        }
    }

    /// A retained message was brought, and is in flight or done.
    pub(super) fn note_brought(&mut self, index: usize, position: Position) {
        let Some(feed) = self.feeds.get(index) else { return };
        let from = feed.has_retained().then(|| position.next());
        self.state.brought(feed.number, from);
        self.remembered = self.remembered.max(Remembered::Changed);
    }

    /// Nothing before `position` is to be sent by this subscription.
    pub(in crate::transport::mqtt) fn look_past(&mut self, index: usize, position: Position) {
        let Some(feed) = self.feeds.get_mut(index) else { return };
        feed.seen = feed.seen.max(position);
        let next = feed.next();
        self.state.moved(feed.number, next);
        self.remembered = self.remembered.max(Remembered::Changed);
        self.give_up_awaited(index);
    }
}
