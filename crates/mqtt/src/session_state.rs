//! What a node remembers of one client's session, also over a restart: the client's subscriptions, how
//! far each has come, what is in flight both ways, and its will.
//!
//! Messages are not in it: the log is the queue, and a position says where to go on.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_proto::{BootId, Filter, Position, PrincipalId, Sequence, Timestamp, Topic};

use crate::{
    coding::{Reading, StateError, Writing},
    overlap::{Options, Standing},
    will::Testament,
};

/// Bytes of a client identifier. The standard demands 23; some tools use a URL.
pub const CLIENT_BYTES_MAX: usize = 1_024;
/// Subscriptions of one session, as many as a session of the native protocol may have.
pub const SUBSCRIPTIONS_MAX: usize = 256;
/// Messages in flight in one direction, and done out of order on one subscription.
pub const IN_FLIGHT_MAX: usize = 65_535;
/// Bytes of a filter as its client spelt it, with its share: names are shorter than topics.
pub const SPELT_BYTES_MAX: usize = 1_024;

/// The first byte of an encoded state in which nothing is intended, and of one in which something
/// is.
const VERSION: u8 = 1;
const VERSION_INTENDED: u8 = 2;
/// In the byte of a subscription's options, of which MQTT has six bits: [`Form::Envelope`], and that
/// retained messages are owed.
const ENVELOPED: u8 = 0x80;
const OWING: u8 = 0x40;
/// In the byte of a flight's quality: the client has released it, and it was sent as retained.
const RELEASED: u8 = 0x80;
const RETAINED: u8 = 0x40;
/// Bytes of the number of a run.
const BOOT_BYTES: usize = 16;
/// The expiry interval of a session that never expires.
pub const NEVER: u32 = u32::MAX;

/// What is remembered of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionState {
    /// Whose it is.
    pub principal: PrincipalId,
    /// The client identifier, unique for the principal.
    pub client: String,
    /// Seconds for which it is remembered after the connection ended; [`NEVER`] = for ever.
    pub expiry_s: u32,
    /// When the connection ended; `None` while there is one.
    pub left: Option<Timestamp>,
    /// The subscriptions by number. A number is not used again in a session.
    pub subscriptions: BTreeMap<u32, Box<Held>>,
    /// Sent to the client and not yet done, by packet identifier.
    pub outgoing: BTreeMap<u16, Flight>,
    /// Packet identifiers of received messages of quality 2 that the client has not released.
    pub incoming: BTreeSet<u16>,
    /// Packet identifiers of messages of quality 2 on their way to the log: where each will be, so
    /// that it can be found out whether it came there.
    pub intended: BTreeMap<u16, Intended>,
    /// What is to be published where the connection ends badly.
    pub will: Option<Testament>,
}

/// In which form a subscriber wants open records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// The body.
    #[default]
    Message,
    /// The envelope, so that it can verify it.
    Envelope,
}

/// One subscription of a remembered session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What it is for and how.
    pub standing: Standing,
    /// The filter as its client spelt it, with its share.
    pub spelt: String,
    /// In which form it brings open records.
    pub form: Form,
    /// Everything before is done.
    pub next: Position,
    /// Positions from `next` on that are done as well.
    pub done: BTreeSet<u64>,
    /// Retained messages that it has not brought yet: those at these positions.
    pub owed: Option<Owed>,
}

/// Retained messages that a subscription has not brought, by their positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed {
    /// Those before were brought.
    pub from: Position,
    /// Those from here on were not there when they were asked for.
    pub to: Position,
}

/// A message of quality 2 of a client that was given its number and may be in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intended {
    /// Its topic.
    pub topic: Topic,
    /// The run of the node that numbered it.
    pub boot: BootId,
    /// Its number there.
    pub sequence: Sequence,
}

/// As what a message was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// As it was published.
    Published,
    /// As what its topic retains.
    Retained,
}

/// A message that was sent and is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flight {
    /// The subscription that brought it.
    pub subscription: u32,
    /// The record.
    pub position: Position,
    /// 1 or 2.
    pub quality: u8,
    /// As what.
    pub given: Given,
    /// The client has it (PUBREC) and is to forget its identifier (PUBREL).
    pub is_released: bool,
}

impl SessionState {
    /// A session that begins.
    #[must_use]
    pub const fn new(principal: PrincipalId, client: String, expiry_s: u32) -> Self {
        Self {
            principal,
            client,
            expiry_s,
            left: None,
            subscriptions: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            incoming: BTreeSet::new(),
            intended: BTreeMap::new(),
            will: None,
        }
    }

    /// When it is to be forgotten; `None` = not as it is.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        let left = self.left?;
        (self.expiry_s != NEVER).then(|| later(left, self.expiry_s))
    }

    /// Whether anything of it outlives the connection.
    #[must_use]
    pub const fn is_durable(&self) -> bool {
        self.expiry_s > 0
    }

    /// When its will is to be published; `None` = not as it is. With the end of the session at the
    /// latest (3.1.3.2.2).
    #[must_use]
    pub fn will_due(&self) -> Option<Timestamp> {
        let (left, will) = (self.left?, self.will.as_ref()?);
        Some(later(left, will.delay_s.min(self.expiry_s)))
    }

    /// A message of a subscription is done: it is not to be sent again.
    pub fn done(&mut self, subscription: u32, position: Position) {
        let Some(held) = self.subscriptions.get_mut(&subscription) else { return };
        if position >= held.next && held.done.len() < IN_FLIGHT_MAX {
            held.done.insert(position.value());
        }
    }

    /// Whether a record that a subscription brings was done before, so that it is not sent.
    #[must_use]
    pub fn is_done(&self, subscription: u32, position: Position) -> bool {
        let held = self.subscriptions.get(&subscription);
        held.is_some_and(|held| position < held.next || held.done.contains(&position.value()))
    }

    /// A subscription has brought what was retained before `from`, and nothing else where that is
    /// `None`.
    pub fn brought(&mut self, subscription: u32, from: Option<Position>) {
        let Some(held) = self.subscriptions.get_mut(&subscription) else { return };
        let left = held.owed.zip(from).map(|(owed, from)| Owed { from, ..owed });
        held.owed = left.filter(|owed| owed.from < owed.to);
    }

    /// Everything of a subscription before `position` is done.
    pub fn moved(&mut self, subscription: u32, position: Position) {
        let Some(held) = self.subscriptions.get_mut(&subscription) else { return };
        held.next = held.next.max(position);
        let next = held.next.value();
        while held.done.first().is_some_and(|done| *done < next) {
            held.done.pop_first();
        }
    }

    /// What is in flight and no subscription brings again: retained messages, also such as it has
    /// brought before, and those of subscriptions that are no more.
    pub fn strays(&self) -> impl Iterator<Item = (u16, Flight)> {
        let strays = self.outgoing.iter().filter(|(_id, flight)| {
            let Flight { subscription, position, is_released, .. } = **flight;
            let is_over = !self.subscriptions.contains_key(&subscription);
            !is_released && (is_over || self.is_done(subscription, position))
        });
        strays.map(|(id, flight)| (*id, *flight))
    }

    /// The one encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writing::default();
        to.byte(if self.intended.is_empty() { VERSION } else { VERSION_INTENDED });
        for byte in self.principal.as_bytes() {
            to.byte(*byte);
        }
        to.bytes(self.client.as_bytes());
        to.number(self.expiry_s);
        to.option(self.left, |to, left| to.time(left.as_micros()));
        to.count(self.subscriptions.len());
        for held in self.subscriptions.values() {
            held.encode(&mut to);
        }
        to.count(self.outgoing.len());
        for (id, flight) in &self.outgoing {
            to.short(*id);
            to.number(flight.subscription);
            to.long(flight.position.value());
            let released = if flight.is_released { RELEASED } else { 0 };
            let retained = match flight.given {
                Given::Published => 0,
                Given::Retained => RETAINED,
            };
            to.byte(flight.quality | released | retained);
        }
        to.count(self.incoming.len());
        for id in &self.incoming {
            to.short(*id);
        }
        to.option(self.will.as_ref(), |to, will| will.encode(to));
        if !self.intended.is_empty() {
            to.count(self.intended.len());
            for (id, intended) in &self.intended {
                to.short(*id);
                to.bytes(intended.topic.as_str().as_bytes());
                to.bytes(intended.boot.as_bytes());
                to.long(intended.sequence.value());
            }
        }
        to.done()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    ///
    /// It is something else, or larger than the limits.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = Reading::new(bytes);
        let version = from.byte()?;
        if !matches!(version, VERSION | VERSION_INTENDED) {
            return Err(from.refused("version 1 or 2"));
        }
        let principal = PrincipalId::new(from.identity()?);
        let client = from.text(CLIENT_BYTES_MAX)?;
        let expiry_s = from.number()?;
        let left = from.option(Reading::time)?.map(Timestamp::from_micros);
        let mut state = Self { left, ..Self::new(principal, client, expiry_s) };
        for _ in 0..from.count(SUBSCRIPTIONS_MAX)? {
            let held = Held::decode(&mut from)?;
            let last = state.subscriptions.last_key_value();
            if last.is_some_and(|(last, _held)| *last >= held.standing.number) {
                return Err(from.refused("ascending subscriptions"));
            }
            state.subscriptions.insert(held.standing.number, Box::new(held));
        }
        for _ in 0..from.count(IN_FLIGHT_MAX)? {
            let (id, flight) = flight(&mut from)?;
            let last = state.outgoing.last_key_value();
            if id == 0 || last.is_some_and(|(last, _flight)| *last >= id) {
                return Err(from.refused("ascending packet identifiers"));
            }
            state.outgoing.insert(id, flight);
        }
        for _ in 0..from.count(IN_FLIGHT_MAX)? {
            let id = from.short()?;
            if id == 0 || state.incoming.last().is_some_and(|last| *last >= id) {
                return Err(from.refused("ascending packet identifiers"));
            }
            state.incoming.insert(id);
        }
        state.will = from.option(Testament::decode)?;
        if version == VERSION_INTENDED {
            state.intended = intended(&mut from)?;
        }
        from.end()?;
        Ok(state)
    }
}

impl Held {
    fn encode(&self, to: &mut Writing) {
        let Standing { number, filter, options, identifier, share, since } = &self.standing;
        to.number(*number);
        to.bytes(filter.as_str().as_bytes());
        to.bytes(self.spelt.as_bytes());
        let form = match self.form {
            Form::Message => 0,
            Form::Envelope => ENVELOPED,
        };
        let owing = if self.owed.is_some() { OWING } else { 0 };
        to.byte(options.byte() | form | owing);
        to.option(*identifier, Writing::number);
        to.option(share.as_ref(), |to, share| to.bytes(share.as_bytes()));
        to.long(since.value());
        to.long(self.next.value());
        to.positions(&self.done);
        if let Some(owed) = self.owed {
            to.long(owed.from.value());
            to.long(owed.to.value());
        }
    }

    fn decode(from: &mut Reading<'_>) -> Result<Self, StateError> {
        let number = from.number()?;
        let filter = from.text(sekisho_proto::limits::TOPIC_BYTES_MAX)?;
        let filter = Filter::parse(&filter).map_err(|_fault| from.refused("a filter"))?;
        let spelt = from.text(SPELT_BYTES_MAX)?;
        let byte = from.byte()?;
        let form = if byte & ENVELOPED == 0 { Form::Message } else { Form::Envelope };
        let options = Options::parse(byte & !(ENVELOPED | OWING));
        let options = options.ok_or(from.refused("subscription options"))?;
        let identifier = from.option(Reading::number)?;
        let share = from.option(|from| from.text(SPELT_BYTES_MAX))?;
        let since = Position::new(from.long()?);
        let next = Position::new(from.long()?);
        let done = from.positions(IN_FLIGHT_MAX)?;
        if done.first().is_some_and(|first| *first < next.value()) {
            return Err(from.refused("what is done after where it goes on"));
        }
        let owed = if byte & OWING == 0 { None } else { Some(Owed::decode(from)?) };
        let standing = Standing { number, filter, options, identifier, share, since };
        Ok(Self { standing, spelt, form, next, done, owed })
    }
}

impl Owed {
    fn decode(reading: &mut Reading<'_>) -> Result<Self, StateError> {
        let (from, to) = (Position::new(reading.long()?), Position::new(reading.long()?));
        if from >= to {
            return Err(reading.refused("retained messages that are owed"));
        }
        Ok(Self { from, to })
    }
}

fn flight(from: &mut Reading<'_>) -> Result<(u16, Flight), StateError> {
    let id = from.short()?;
    let subscription = from.number()?;
    let position = Position::new(from.long()?);
    let byte = from.byte()?;
    let (quality, is_released) = (byte & !(RELEASED | RETAINED), byte & RELEASED != 0);
    let given = if byte & RETAINED == 0 { Given::Published } else { Given::Retained };
    if !matches!(quality, 1 | 2) || (is_released && quality != 2) {
        return Err(from.refused("a quality of service of what is in flight"));
    }
    Ok((id, Flight { subscription, position, quality, given, is_released }))
}

fn intended(from: &mut Reading<'_>) -> Result<BTreeMap<u16, Intended>, StateError> {
    let mut all = BTreeMap::new();
    let count = from.count(IN_FLIGHT_MAX)?;
    if count == 0 {
        return Err(from.refused("version 1 of a state in which nothing is intended"));
    }
    for _ in 0..count {
        let id = from.short()?;
        if id == 0 || all.last_key_value().is_some_and(|(last, _intended)| *last >= id) {
            return Err(from.refused("ascending packet identifiers"));
        }
        let topic = topic(from)?;
        let boot = BootId::try_from(from.bytes(BOOT_BYTES)?);
        let boot = boot.map_err(|_fault| from.refused("16 bytes of a run"))?;
        let sequence = Sequence::new(from.long()?);
        all.insert(id, Intended { topic, boot, sequence });
    }
    Ok(all)
}

fn later(time: Timestamp, seconds: u32) -> Timestamp {
    Timestamp::from_micros(time.as_micros().saturating_add(i64::from(seconds) * 1_000_000))
}

/// Reads a topic that was written as text.
pub(crate) fn topic(from: &mut Reading<'_>) -> Result<Topic, StateError> {
    let text = from.text(sekisho_proto::limits::TOPIC_BYTES_MAX)?;
    Topic::parse(&text).map_err(|_fault| from.refused("a topic"))
}

#[cfg(test)]
mod tests;
