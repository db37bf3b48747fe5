//! What subscriptions bring, as messages: each record at most once, however many of a client's
//! filters match it, and never more in flight than the client takes.

mod feed;
mod flights;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use sekisho_mqtt::TooLarge;
use sekisho_mqtt::message::from_body;
use sekisho_mqtt::overlap::Merged;
use sekisho_mqtt::packet::{Delivery, Turn, Version};
use sekisho_mqtt::session_state::{Flight, Form, Given, Held};
use sekisho_proto::{
    ContentType, Frame, Header, KeyHeaderId, MqttMessage, Position, RefusalCode, Suite, Topic,
    UserProperty, frame,
};
use sekisho_routing::{Record, SubscriptionId, may_still_go};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::{debug, info};

pub(super) use self::feed::{Feed, Origin};
use super::connection::{End, Live, OUTPUT_MAX, Remembered};
use super::publishing::{KEY_HEADER, Which};
use super::reasons;
use crate::clock;
use crate::hub::{Outgoing, metrics};
use crate::mqtt::Fetched;

/// Records that may be on their way to one subscription; half of them are asked for anew when half
/// were taken.
pub(super) const CREDIT: u32 = 16_384;
/// How long the gate's word for a record holds while a client that reads is written to; beyond it the
/// gate is asked again, as it is at once when the policy is another.
const LET_OUT_MAX: Duration = Duration::from_millis(50);
/// Records of others that are fetched at once, and only while fewer wait to be sent.
const FETCHED_MAX: usize = 64;
/// Packet identifiers that there are.
const IDS: u64 = 65_535;
/// Retained messages that wait for one client, over all of its subscriptions; what is beyond is
/// counted as lost.
pub(super) const RETAINED_WAITING_MAX: usize = 65_536;

/// Whether there is more to deliver at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    Nothing,
    Waits,
}

/// What became of a record.
enum Offer {
    /// It was sent, or is not for this client.
    Settled,
    /// There is no room for it now.
    Blocked,
}

/// What is to be sent of a record.
struct Sheet {
    position: Position,
    name: Arc<str>,
    message: MqttMessage,
    quality: u8,
    retain: bool,
    expiry_s: Option<u32>,
    identifiers: Vec<u32>,
    /// The key header that goes with it.
    key_header: Option<KeyHeaderId>,
}

impl<S> Live<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// Sends what waits, as far as it may.
    pub(super) async fn deliver(&mut self) -> Result<More, End> {
        let mut more = More::Nothing;
        let mut index = 0;
        while index < self.feeds.len() {
            let number = self.feeds.get(index).map(|feed| feed.number);
            let said = self.deliver_from(index).await?;
            if said == More::Waits || self.feeds.get(index).is_some_and(Feed::is_to_fetch) {
                more = More::Waits;
            }
            // One that ended is gone from its place.
            if self.feeds.get(index).map(|feed| feed.number) == number {
                index += 1;
            }
        }
        Ok(more)
    }

    /// Fetches some of what a member of the share left, to be sent as what comes first.
    async fn take_over(&mut self, index: usize) {
        for _ in 0..FETCHED_MAX {
            let Some(feed) = self.feeds.get_mut(index) else { return };
            if feed.besides.len() >= FETCHED_MAX {
                return;
            }
            let Some(position) = feed.inherited.pop_front() else { return };
            let number = feed.number;
            let flight = self.state.outgoing.get(&id_of(position));
            if flight
                .is_some_and(|flight| (flight.subscription, flight.position) == (number, position))
            {
                // It was sent on this connection, or sent again as a stray (4.4).
                continue;
            }
            let found = self.door.hub.mqtt().fetch(&self.session, position).await;
            match (found, self.feeds.get_mut(index)) {
                (Ok(Fetched::Given(record)), Some(feed)) => {
                    feed.besides.push_back((record, Origin::Inherited));
                }
                (Ok(Fetched::Withheld(record)), Some(feed)) => feed.pass_on(&record),
                (Ok(Fetched::Gone), Some(feed)) => feed.let_go(position),
                // It stays its own, and is given to it when it comes again.
                (Err(_), _) | (_, None) => {}
            }
        }
    }

    async fn deliver_from(&mut self, index: usize) -> Result<More, End> {
        if self.feeds.get(index).is_some_and(|feed| !feed.inherited.is_empty()) {
            self.take_over(index).await;
        }
        let Some(feed) = self.feeds.get_mut(index) else { return Ok(More::Nothing) };
        if feed.is_idle() {
            return Ok(More::Nothing);
        }
        if clock::steady().saturating_since(feed.taken) > LET_OUT_MAX {
            feed.note_waited();
        }
        if feed.queue.lost_right() {
            self.withhold(index);
            return Ok(More::Nothing);
        }
        let (mut records, mut bytes, mut ended) = (0_u32, 0_u64, Ok(()));
        let more = loop {
            let is_full = self.machine.output().len() > OUTPUT_MAX;
            let Some(feed) = self.feeds.get_mut(index) else { break More::Nothing };
            if is_full {
                break More::Waits;
            }
            if !feed.told.is_empty() {
                self.tell(index);
                continue;
            }
            if let Some((record, origin)) = feed.take_besides() {
                if let Offer::Blocked = self.offer_besides(index, record, origin) {
                    break More::Nothing;
                }
                continue;
            }
            match feed.waiting.pop_front() {
                None => break More::Nothing,
                Some(Outgoing::Record(record)) if self.watches.contains_key(&feed.number) => {
                    if self.feeds.iter().any(|other| !other.told.is_empty()) {
                        // What is made of a record takes memory: of one at a time.
                        self.put_back(index, record, Origin::Live);
                        break More::Waits;
                    }
                    self.observe(index, &record);
                    records += 1;
                    bytes += record.envelope().encoded().len() as u64;
                }
                Some(Outgoing::Record(record)) => match self.offer(index, &record, Origin::Live) {
                    Offer::Settled => {
                        records += 1;
                        bytes += record.envelope().encoded().len() as u64;
                    }
                    Offer::Blocked => {
                        self.put_back(index, record, Origin::Live);
                        break More::Nothing;
                    }
                },
                Some(Outgoing::Frame(frame)) => self.hear_of(index, &frame),
                Some(Outgoing::End { code, why }) => {
                    info!(%code, why, "a subscription ended");
                    ended = self.end_feed(index, code, &why);
                    break More::Nothing;
                }
            }
        };
        if records > 0 {
            self.session.note_delivered(u64::from(records), bytes);
        }
        ended?;
        self.refill(index, records).await;
        Ok(more)
    }

    /// The right to a whole subscription is lost: what waits here was let out before. What is in a
    /// share is another member's when the subscription ends, and is not lost.
    fn withhold(&mut self, index: usize) {
        let Some(feed) = self.feeds.get(index) else { return };
        if feed.share.is_none() {
            let number = feed.number;
            let is_sent = |record: &Record| self.flight_of(number, record).is_some();
            let comes = |record: &Record| {
                !self.state.is_done(number, record.position())
                    && (self.watches.contains_key(&number) || self.merged(number, record).is_some())
            };
            let live = feed.waiting.iter().filter(|item| {
                matches!(item, Outgoing::Record(record) if comes(record) && !is_sent(record))
            });
            let besides = feed.besides.iter().filter(|(record, _origin)| !is_sent(record));
            let lost = live.count() + besides.count() + usize::from(!feed.told.is_empty());
            metrics::withheld(u32::try_from(lost).unwrap_or(u32::MAX));
        }
        if let Some(feed) = self.feeds.get_mut(index) {
            feed.waiting.clear();
            feed.besides.clear();
            feed.told.clear();
        }
    }

    /// A subscription has ended. Where that passes it is remembered still: the client is to come again
    /// for it.
    fn end_feed(&mut self, index: usize, code: RefusalCode, why: &str) -> Result<(), End> {
        if reasons::passes(code) {
            return Err(End::Told(reasons::of_end(code), why.to_owned()));
        }
        self.drop_feed(index);
        Ok(())
    }

    fn put_back(&mut self, index: usize, record: Arc<Record>, origin: Origin) {
        if let Some(feed) = self.feeds.get_mut(index) {
            feed.note_waited();
        }
        match (self.feeds.get_mut(index), origin) {
            (Some(feed), Origin::Live) => feed.waiting.push_front(Outgoing::Record(record)),
            (Some(feed), origin) => feed.besides.push_front((record, origin)),
            (None, _) => {}
        }
    }

    fn drop_feed(&mut self, index: usize) {
        let feed = self.feeds.remove(index);
        self.leave_in_flight(feed.number);
        // What it had not done of a share is others' now.
        self.door.hub.mqtt().unshare(&self.state, feed.number);
        self.state.subscriptions.remove(&feed.number);
        self.watches.remove(&feed.number);
        self.remembered = self.remembered.max(Remembered::Changed);
    }

    /// Tells the shard that there is room, and gives credit for what was taken.
    async fn refill(&mut self, index: usize, records: u32) {
        let Some(feed) = self.feeds.get_mut(index) else { return };
        feed.uncredited = feed.uncredited.saturating_add(records);
        let id = SubscriptionId::new(feed.number);
        if feed.waiting.is_empty() && feed.queue.take_refused() {
            self.session.outbox_free(id).await;
        }
        if feed.uncredited >= CREDIT / 2 {
            let credit = frame::Credit { subscription: feed.number, records: feed.uncredited };
            feed.uncredited = 0;
            // A node that is stopping gives none.
            drop(self.session.steer(id, Frame::Credit(credit)).await);
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a subscription that runs says nothing else"
    )]
    fn hear_of(&mut self, index: usize, frame: &Frame) {
        match frame {
            Frame::Gap(gap) => {
                debug!(?gap, "records that will not come");
                self.look_past(index, gap.to_position);
            }
            // Everything before came, or is not for this client.
            Frame::Subscribed(place) => {
                self.look_past(index, place.position);
                self.look_after_share(index, place.position);
            }
            _ => {}
        }
    }

    /// What the client was given of a share, was not sent, and lies before `place` was withheld from it:
    /// it is looked at once more, and passed on.
    fn look_after_share(&mut self, index: usize, place: Position) {
        let Some(feed) = self.feeds.get_mut(index) else { return };
        let Some(share) = &feed.share else { return };
        let comes: BTreeSet<Position> =
            feed.besides.iter().map(|(record, _origin)| record.position()).collect();
        let comes = &comes | &feed.inherited.iter().copied().collect();
        let (number, outgoing) = (feed.number, &self.state.outgoing);
        let is_sent = |position: Position| {
            let flight = outgoing.get(&id_of(position));
            flight
                .is_some_and(|flight| (flight.subscription, flight.position) == (number, position))
        };
        let open = share.open_before(place).into_iter();
        feed.inherited.extend(open.filter(|one| !comes.contains(one) && !is_sent(*one)));
    }

    /// Offers what comes first; what there is no room for waits.
    fn offer_besides(&mut self, index: usize, record: Arc<Record>, origin: Origin) -> Offer {
        let offered = self.offer(index, &record, origin);
        match (&offered, origin) {
            (Offer::Blocked, _) => self.put_back(index, record, origin),
            (Offer::Settled, Origin::Retained) => self.note_brought(index, record.position()),
            (Offer::Settled, Origin::Live | Origin::Inherited) => {}
        }
        offered
    }

    /// Offers a record to the client.
    fn offer(&mut self, index: usize, record: &Record, origin: Origin) -> Offer {
        let Some(feed) = self.feeds.get(index) else { return Offer::Settled };
        let (number, position) = (feed.number, record.position());
        let is_live = origin == Origin::Live;
        if is_live && self.state.is_done(number, position) {
            self.look_past(index, position.next());
            return Offer::Settled;
        }
        let Some(mut sheet) = self.sheet(index, record, origin) else {
            if is_live && self.is_brought_later(number, record) {
                return Offer::Blocked;
            }
            if is_live {
                self.look_past(index, position.next());
            }
            return Offer::Settled;
        };
        let flight = self.state.outgoing.get(&id_of(position));
        let is_sent = |flight: &&Flight| {
            is_live && flight.position == position && self.is_copy_of(flight, number)
        };
        if let Some(flight) = flight.filter(is_sent) {
            // As it was sent, whatever its subscription became since (4.4).
            sheet.quality = flight.quality;
        }
        if sheet.quality > 0 {
            let offered = self.send_counted(index, &sheet, origin);
            self.give_up_awaited(index);
            return offered;
        }
        let sent = self.machine.publish(&sheet.delivery(0, Turn::First));
        if let Some(feed) = self.feeds.get_mut(index) {
            match sent {
                Ok(()) => feed.note_sent(sheet.key_header),
                Err(TooLarge) => note_too_large(&sheet.name),
            }
            feed.let_go(position);
        }
        if is_live {
            self.look_past(index, position.next());
            // Not even where what came before it is brought again (4.3.1).
            self.note_done(index, position);
        }
        Offer::Settled
    }

    /// Sends a message of quality 1 or 2 under the identifier of its position.
    fn send_counted(&mut self, index: usize, sheet: &Sheet, origin: Origin) -> Offer {
        let (position, is_live) = (sheet.position, origin == Origin::Live);
        let id = id_of(position);
        let Some(number) = self.feeds.get(index).map(|feed| feed.number) else {
            return Offer::Settled;
        };
        if self.state.outgoing.get(&id).is_some_and(|flight| !self.is_copy_of(flight, number)) {
            return Offer::Blocked;
        }
        let Some(feed) = self.feeds.get_mut(index) else { return Offer::Settled };
        let flight = self.state.outgoing.get_mut(&id);
        let turn = match (flight, self.flying.get(&id)) {
            // Another message, or another copy of this one, has the identifier.
            (Some(flight), _) if flight.position != position => return Offer::Blocked,
            (Some(_), Some(Turn::First)) => return Offer::Blocked,
            (Some(flight), sent) if flight.is_released || sent.is_some() => {
                if !is_live {
                    return Offer::Blocked;
                }
                // It is on its way from an earlier connection.
                flight.subscription = feed.number;
                None
            }
            _ if self.flying.len() >= self.window => return Offer::Blocked,
            (Some(_), _) => Some(Turn::Again),
            (None, _) => Some(Turn::First),
        };
        if is_live {
            feed.seen = feed.seen.max(position.next());
        }
        let Some(turn) = turn else {
            feed.outstanding.insert(position.value());
            return Offer::Settled;
        };
        if self.machine.publish(&sheet.delivery(id, turn)).is_err() {
            note_too_large(&sheet.name);
            self.state.outgoing.remove(&id);
            self.settle(index, position);
            return Offer::Settled;
        }
        feed.note_sent(sheet.key_header);
        if is_live {
            feed.outstanding.insert(position.value());
        }
        if feed.share.is_some() && sheet.quality == 2 {
            // Nobody else may be given it once the client may have it, not even after a crash.
            self.remembered = Remembered::Relied;
        }
        let (subscription, quality) = (feed.number, sheet.quality);
        let given = match origin {
            Origin::Live | Origin::Inherited => Given::Published,
            Origin::Retained => Given::Retained,
        };
        let flight = Flight { subscription, position, quality, given, is_released: false };
        self.state.outgoing.insert(id, flight);
        self.flying.insert(id, turn);
        self.remembered = self.remembered.max(Remembered::Changed);
        Offer::Settled
    }

    /// How a record is sent; `None` where it is not.
    fn sheet(&mut self, index: usize, record: &Record, origin: Origin) -> Option<Sheet> {
        let number = self.feeds.get(index)?.number;
        let Held { standing, form, .. } = &**self.state.subscriptions.get(&number)?;
        let form = *form;
        if origin == Origin::Retained && standing.options.no_local() && self.is_own(record) {
            return None;
        }
        let merged = if origin != Origin::Live {
            Merged::of(standing)
        } else {
            // What is in flight is brought again by the one that brought it, whatever is wanted now.
            let is_in_flight = self.flight_of(number, record).is_some();
            self.merged(number, record).or_else(|| is_in_flight.then(|| Merged::of(standing)))?
        };
        if !self.may_go(index, record, origin) {
            return None;
        }
        let share = self.feeds.get(index).and_then(|feed| feed.share.as_ref());
        if share.is_some_and(|share| !share.claim(record)) {
            return None;
        }
        let sheet = self.sheet_of((form, Some(index)), record, merged, origin);
        if sheet.is_none()
            && let Some(feed) = self.feeds.get(index)
        {
            // Nothing will be sent of it that could be acknowledged.
            feed.let_go(record.position());
        }
        sheet
    }

    /// How a subscription brings a record, among those of the client that match it; `None` where
    /// another one does, or it is not for this client.
    fn merged(&self, number: u32, record: &Record) -> Option<Merged> {
        let (about, is_own) = (self.about(record), self.is_own(record));
        let is_for = |held: &Held| self.is_for(held, record, is_own);
        self.state.merge_among(number, about, is_own, is_for)
    }

    /// Whether another subscription brings a record and has not come to it. Where that one ends
    /// before, this one brings it, and so must not have passed it by.
    fn is_brought_later(&self, number: u32, record: &Record) -> bool {
        let shares = |feed: &Feed| feed.number == number && feed.share.is_some();
        if self.feeds.iter().any(shares) {
            return false;
        }
        let (about, is_own) = (self.about(record), self.is_own(record));
        let is_for = |held: &Held| self.is_for(held, record, is_own);
        let first = self.state.first_among(about, is_own, is_for).filter(|first| *first != number);
        let comes = |feed: &Feed| !feed.over && feed.seen <= record.position();
        first.is_some_and(|first| self.feeds.iter().any(|feed| feed.number == first && comes(feed)))
    }

    fn about<'r>(&self, record: &'r Record) -> (&'r Topic, Position, usize) {
        let levels = self.door.prefix.as_str().split('/').count();
        (record.topic(), record.position(), levels)
    }

    fn is_for(&self, held: &Held, record: &Record, is_own: bool) -> bool {
        let number = held.standing.number;
        self.gets_messages(number) && !(is_own && self.was_unwanted(number, record))
    }

    /// Whether a message of the client itself was published when a subscription did not want those,
    /// whatever it was made since.
    fn was_unwanted(&self, number: u32, record: &Record) -> bool {
        let feed = self.feeds.iter().find(|feed| feed.number == number);
        feed.is_some_and(|feed| record.position() < feed.own_from)
    }

    /// What was sent of a record by a subscription, and is not done.
    fn flight_of(&self, number: u32, record: &Record) -> Option<&Flight> {
        let flight = self.state.outgoing.get(&id_of(record.position()));
        flight
            .filter(|flight| (flight.subscription, flight.position) == (number, record.position()))
    }

    fn sheet_of(
        &mut self,
        (form, index): (Form, Option<usize>),
        record: &Record,
        merged: Merged,
        origin: Origin,
    ) -> Option<Sheet> {
        let header = record.header();
        let name = self.name_of(index, &header.topic)?;
        let expiry_s = time_left(header)?;
        let (message, key_header) = self.message(form, index, record)?;
        let was_retained = header.flags & Header::FLAG_RETAIN != 0;
        Some(Sheet {
            position: record.position(),
            name,
            message,
            quality: merged.quality.min(quality_of(header)),
            retain: origin == Origin::Retained || merged.retain_as_published && was_retained,
            expiry_s,
            identifiers: merged.identifiers,
            key_header,
        })
    }

    /// The name of a topic; a subscription brings the same again and again.
    fn name_of(&mut self, index: Option<usize>, topic: &Topic) -> Option<Arc<str>> {
        let feed = index.and_then(|index| self.feeds.get_mut(index));
        if let Some((last, name)) = feed.as_ref().and_then(|feed| feed.named.as_ref())
            && last == topic
        {
            return Some(Arc::clone(name));
        }
        let name: Arc<str> = self.door.prefix.name(topic)?.into();
        if let Some(feed) = feed {
            feed.named = Some((topic.clone(), Arc::clone(&name)));
        }
        Some(name)
    }

    /// Whether the client may have a record as far as that has to be asked again. Where not, it is
    /// another member's of the share, or lost and counted.
    fn may_go(&self, index: usize, record: &Record, origin: Origin) -> bool {
        let Some(feed) = self.feeds.get(index) else { return false };
        let has_waited = feed.has_waited(self.door.hub.authority().version());
        if (!has_waited && origin == Origin::Live) || self.may_still(record) {
            return true;
        }
        match (self.flight_of(feed.number, record), &feed.share) {
            // The client has it, or was sent it once: of quality 2 it is nobody else's then (4.8.2).
            (Some(Flight { is_released: true, .. } | Flight { quality: 2, .. }), _)
            | (Some(_), None) => {}
            (None, None) => metrics::withheld(1),
            (_, Some(share)) => share.pass_on(record),
        }
        false
    }

    /// Whether the client may have a record that the gate let out a while ago: a client that does not
    /// acknowledge may keep it waiting for as long as it likes.
    pub(super) fn may_still(&self, record: &Record) -> bool {
        let policy = self.door.hub.authority().snapshot();
        may_still_go(&policy, self.session.who().id, record, clock::now())
    }

    fn is_own(&self, record: &Record) -> bool {
        let header = record.header();
        header.publisher == self.session.who().id
            && self.own.contains(&header.topic, Which::of(header))
    }

    /// What the client reads of a record, and the key header that it is sent with it. Of a sealed one,
    /// and where it says so of every one, it is the envelope; 3.1.1 has no way to say what that is, so
    /// there it is nothing.
    fn message(
        &self,
        form: Form,
        index: Option<usize>,
        record: &Record,
    ) -> Option<(MqttMessage, Option<KeyHeaderId>)> {
        let header = record.header();
        if header.suite == Suite::Open && form == Form::Message {
            let body = record.envelope().body();
            return match from_body(&header.content_type, body) {
                Ok(message) => Some((message, None)),
                Err(fault) => {
                    debug!(topic = %header.topic, %fault, "not a message");
                    metrics::gap("unusable");
                    None
                }
            };
        }
        if self.machine.version() == Version::V311 {
            metrics::gap("unusable");
            return None;
        }
        let payload = self.door.hub.signed(record).ok()?;
        let feed = index.and_then(|index| self.feeds.get(index));
        let is_new = |id: &KeyHeaderId| feed.is_none_or(|feed| !feed.sent.contains(id));
        let key_header = record.key_header().filter(is_new);
        let encoded = match key_header {
            Some(id) => match self.door.hub.key_headers().encoded(&id) {
                Ok(encoded) => encoded,
                Err(_unread) => {
                    metrics::gap("corrupt");
                    return None;
                }
            },
            None => None,
        };
        let property = encoded.map(|encoded| UserProperty {
            name: KEY_HEADER.to_owned(),
            value: BASE64URL_NOPAD.encode(&encoded),
        });
        let message = MqttMessage {
            payload,
            content_type: ContentType::ENVELOPE.to_owned(),
            user_properties: property.into_iter().collect(),
            ..MqttMessage::default()
        };
        Some((message, key_header))
    }
}

impl Sheet {
    fn delivery(&self, id: u16, turn: Turn) -> Delivery<'_> {
        Delivery {
            name: &self.name,
            message: &self.message,
            quality: self.quality,
            retain: self.retain,
            turn,
            id,
            expiry_s: self.expiry_s,
            identifiers: &self.identifiers,
        }
    }
}

/// A message is not sent, and nobody can be told so (3.1.2.11.4).
pub(super) fn note_too_large(name: &str) {
    debug!(name, "larger than the client takes");
    metrics::gap("oversized");
}

/// Under which packet identifier a record is sent.
fn id_of(position: Position) -> u16 {
    u16::try_from(position.value() % IDS + 1).unwrap_or(u16::MAX)
}

/// With which quality it was published. Whoever signs for itself does not say, and waits until it is
/// stored: that is as good as any.
fn quality_of(header: &Header) -> u8 {
    if header.attester.is_none() {
        return 2;
    }
    let bits = (header.flags & Header::QUALITY_MASK) >> Header::QUALITY_SHIFT;
    u8::try_from(bits).unwrap_or(0).min(2)
}

/// Seconds for which it is worth delivering, `Some(None)` where for ever; `None` where no more.
pub(super) fn time_left(header: &Header) -> Option<Option<u32>> {
    if header.expiry_s == 0 {
        return Some(None);
    }
    let passed = clock::now().as_micros().saturating_sub(header.time.as_micros()).max(0);
    let passed = u32::try_from(passed / 1_000_000).unwrap_or(u32::MAX);
    let left = header.expiry_s.checked_sub(passed).filter(|left| *left > 0);
    if left.is_none() {
        metrics::gap("expired");
    }
    left.map(Some)
}
