//! A truck: it writes whatever happens, keeps what is not acknowledged, and sends it again.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use sekisho_proto::{
    BootId, ContentType, Envelope, Frame, Hash, Offset, RefusalCode, Scope, Sequence, Timestamp,
    Topic, frame, limits::PROTOCOL_VERSION,
};
use sekisho_seal::{HeaderDraft, SigningKey, sign_open};

use crate::{
    clock::Clock,
    failure::{Broken, broken, ensure},
    ledger::Place,
    network::{Client, ConnectionId},
    node::Context,
};

/// Envelopes without an answer.
const IN_FLIGHT_MAX: usize = 6;

/// How long it waits abroad after it was told to come again: the way to a home has few places, and
/// whoever asks at once takes them from those whose turn it is.
const PAUSE: Duration = Duration::from_millis(200);

/// A publisher's right to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It lasts for the whole run.
    Steady,
    /// It was revoked, and not everybody may know.
    Revoked,
    /// Its home told it so.
    Retired,
}

/// Where a publisher goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Travels {
    /// It is at home always.
    Never,
    /// It comes to nodes of other cities, too.
    Abroad,
    /// It was turned away abroad, and goes home next.
    Homesick,
}

pub(crate) struct Publisher {
    pub(crate) index: usize,
    pub(crate) city: usize,
    pub(crate) key: SigningKey,
    pub(crate) topic: Topic,
    pub(crate) scope: Scope,
    pub(crate) standing: Standing,
    /// The statement by which it may publish.
    pub(crate) grant: Option<Hash>,
    pub(crate) clock: Clock,
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) travels: Travels,
    /// When it sends again.
    pub(crate) again_at: Option<Timestamp>,
    /// Whose node it is at.
    at: usize,
    welcomed: bool,
    boot: BootId,
    next: Sequence,
    previous: Option<Hash>,
    /// What is not acknowledged, in the order of writing.
    spool: VecDeque<Envelope>,
    /// How many of the spool were sent on this connection.
    sent: usize,
    in_flight: BTreeMap<u64, Envelope>,
    last_request: u64,
    forged: BTreeSet<u64>,
    acknowledged: Vec<Envelope>,
}

/// What a node told a publisher.
pub(crate) struct Told {
    pub(crate) topic: Topic,
    pub(crate) offset: Offset,
    pub(crate) hash: Hash,
}

impl Publisher {
    pub(crate) fn new(
        index: usize,
        city: usize,
        key: SigningKey,
        topic: Topic,
        scope: Scope,
        boot: [u8; 16],
    ) -> Self {
        Self {
            index,
            city,
            key,
            topic,
            scope,
            standing: Standing::Steady,
            grant: None,
            clock: Clock::default(),
            connection: None,
            travels: Travels::Never,
            again_at: None,
            at: city,
            welcomed: false,
            boot: BootId::new(boot),
            next: Sequence::ZERO,
            previous: None,
            spool: VecDeque::new(),
            sent: 0,
            in_flight: BTreeMap::new(),
            last_request: 0,
            forged: BTreeSet::new(),
            acknowledged: Vec::new(),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.standing == Standing::Retired || self.spool.is_empty()
    }

    /// Writes one envelope to its spool.
    pub(crate) fn write(&mut self, context: &mut Context<'_>) -> Result<(), Broken> {
        let text = format!("{} of {}", self.next, self.topic);
        let envelope = self.sign(self.boot, (self.next, self.previous), &text, context)?;
        context.ledger.sign(&envelope);
        self.previous = Some(envelope.hash());
        self.next = self.next.next();
        self.spool.push_back(envelope);
        Ok(())
    }

    /// Connects where it is not, or sends what is next.
    pub(crate) fn act(&mut self, context: &mut Context<'_>) {
        if self.standing == Standing::Retired {
            return;
        }
        let Some(connection) = self.connection else {
            self.connect(context);
            return;
        };
        if let Some(at) = self.again_at {
            if at > context.network.now || !self.in_flight.is_empty() {
                return;
            }
            (self.again_at, self.sent) = (None, 0);
        }
        while self.welcomed && self.in_flight.len() < IN_FLIGHT_MAX {
            let Some(envelope) = self.spool.get(self.sent).cloned() else { return };
            self.sent += 1;
            let request = self.request();
            let publish =
                frame::Publish { request, envelope: envelope.encoded().clone(), key_header: None };
            self.in_flight.insert(request, envelope);
            context.network.send_up(connection, publish, context.random);
        }
    }

    fn connect(&mut self, context: &mut Context<'_>) {
        self.at = self.city;
        if self.travels == Travels::Abroad && context.random.per_mille(600) {
            self.at = context.random.index(context.world.cities.len());
        }
        context.ledger.counts.roamed += u64::from(self.at != self.city);
        let Some(city) = context.world.cities.get(self.at) else { return };
        let client = Client::Publisher(self.index);
        let connection = context.network.open(client, self.at, self.key.id(), context.random);
        let hello = frame::Hello {
            version: PROTOCOL_VERSION,
            software: "a truck".to_owned(),
            organisation: city.name.clone(),
        };
        context.network.send_up(connection, hello, context.random);
        self.connection = Some(connection);
    }

    /// Sends what no node may take: another envelope under a sequence that is stored, one with a
    /// broken signature, or somebody else's. A home whose disk lied may have forgotten the first of
    /// two envelopes, and then takes the other: there it `forks` not.
    pub(crate) fn forge(
        &mut self,
        strange: Option<Envelope>,
        forks: bool,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        let Some(connection) = self.connection.filter(|_| self.welcomed) else { return Ok(()) };
        let Some(known) = context.random.pick(&self.acknowledged).cloned() else { return Ok(()) };
        let header = known.header();
        let forged = match (context.random.below(3), strange) {
            (0, Some(strange)) => strange.encoded().clone(),
            (choice, _) if choice == 1 || !forks => {
                let mut bytes = known.encoded().to_vec();
                let index = context.random.index(bytes.len());
                if let Some(byte) = bytes.get_mut(index) {
                    *byte ^= 1 << context.random.below(8);
                }
                bytes.into()
            }
            _ => {
                let fork =
                    self.sign(header.boot, (header.sequence, header.previous), "a fork", context)?;
                fork.encoded().clone()
            }
        };
        let request = self.request();
        self.forged.insert(request);
        context.ledger.counts.forged += 1;
        let publish = frame::Publish { request, envelope: forged, key_header: None };
        context.network.send_up(connection, publish, context.random);
        Ok(())
    }

    /// An envelope of its own that others may send in vain.
    pub(crate) fn captured(&self) -> Option<Envelope> {
        self.acknowledged.last().cloned()
    }

    pub(crate) fn handle_frame(
        &mut self,
        frame: Frame,
        context: &mut Context<'_>,
    ) -> Result<Option<Told>, Broken> {
        if let Frame::Welcome(_) = frame {
            self.welcomed = true;
            if self.at == self.city && self.travels == Travels::Homesick {
                self.travels = Travels::Abroad;
            }
        } else if let Frame::Published(published) = frame {
            let forged = self.forged.contains(&published.request);
            ensure(!forged, || format!("a forged envelope on {} was stored", self.topic))?;
            let Some(envelope) = self.in_flight.remove(&published.request) else {
                return Ok(None);
            };
            let (topic, offset) = (self.topic.clone(), published.offset);
            let hash = envelope.hash();
            self.acknowledge(envelope, context);
            return Ok(Some(Told { topic, offset, hash }));
        } else if let Frame::Refused(refused) = frame {
            self.handle_refused(&refused, context)?;
        } else if let Frame::Goodbye(_) = frame
            && self.at != self.city
        {
            self.go_home(context);
        } else if let Frame::Goodbye(goodbye) = frame {
            let excused = context.ledger.doubt(self.city).lied;
            let steady = self.standing == Standing::Steady && !excused;
            ensure(!steady, || format!("a steady publisher was cut: {goodbye:?}"))?;
            self.standing = Standing::Retired;
        }
        Ok(None)
    }

    fn handle_refused(
        &mut self,
        refused: &frame::Refused,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        if self.forged.remove(&refused.request) {
            return Ok(());
        }
        let Some(envelope) = self.in_flight.remove(&refused.request) else { return Ok(()) };
        let sequence = envelope.header().sequence;
        if refused.code == RefusalCode::Replayed
            && refused.expected_sequence.is_some_and(|expected| sequence < expected)
        {
            self.acknowledge(envelope, context);
            return Ok(());
        }
        if refused.code == RefusalCode::SequenceGap
            && let Some(expected) = refused.expected_sequence
            && self.lacks(&envelope, expected)
        {
            return self.give_up_boot(&envelope, expected, context);
        }
        let again = [
            RefusalCode::SequenceGap,
            RefusalCode::StorageFull,
            RefusalCode::TooMany,
            RefusalCode::ClockAhead,
            RefusalCode::Draining,
        ];
        if again.contains(&refused.code) {
            self.send_again(refused.code, context);
            return Ok(());
        }
        if self.at != self.city {
            self.go_home(context);
            return Ok(());
        }
        let steady = self.standing == Standing::Steady && !context.ledger.doubt(self.city).lied;
        ensure(!steady, || {
            format!("a genuine {:?} was refused: {refused:?}", Place::of(&envelope))
        })?;
        self.standing = Standing::Retired;
        Ok(())
    }

    /// Sends what has no answer again. At home at once, whatever comes of it; abroad, as the SDK does
    /// everywhere, when there are no answers left to wait for, and not at once.
    fn send_again(&mut self, code: RefusalCode, context: &Context<'_>) {
        if self.at == self.city {
            self.in_flight.clear();
            self.sent = 0;
        } else {
            let waits = code != RefusalCode::SequenceGap;
            let pause = if waits { PAUSE } else { Duration::ZERO };
            self.again_at = self.again_at.max(Some(context.network.now.saturating_add(pause)));
        }
    }

    /// Whether a home wants an envelope of a boot again that was acknowledged and is not here any
    /// more.
    fn lacks(&self, refused: &Envelope, expected: Sequence) -> bool {
        let boot = refused.header().boot;
        let kept = self.spool.iter().filter(|kept| kept.header().boot == boot);
        kept.map(|kept| kept.header().sequence).min().is_some_and(|first| expected < first)
    }

    /// The home has lost what it had acknowledged: nothing of that boot can be stored any more. That
    /// is told, and the publisher begins anew.
    fn give_up_boot(
        &mut self,
        refused: &Envelope,
        expected: Sequence,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        let doubt = context.ledger.doubt(self.city);
        ensure(doubt.rotten || doubt.lied, || {
            format!("the home of {:?} wants {expected} again on a good disk", Place::of(refused))
        })?;
        let boot = refused.header().boot;
        let before = self.spool.len();
        self.spool.retain(|kept| kept.header().boot != boot);
        let lost = before.saturating_sub(self.spool.len());
        context.ledger.counts.told_lost += u64::try_from(lost).unwrap_or(u64::MAX);
        self.in_flight.clear();
        self.sent = 0;
        if self.boot == boot {
            self.begin_boot(context);
        }
        Ok(())
    }

    fn begin_boot(&mut self, context: &mut Context<'_>) {
        self.boot = BootId::new(context.random.bytes());
        self.next = Sequence::ZERO;
        self.previous = None;
    }

    fn acknowledge(&mut self, envelope: Envelope, context: &mut Context<'_>) {
        let hash = envelope.hash();
        // A home whose disk lied may have lost it while its answer was on its way through another's.
        let is_void = self.at != self.city && context.ledger.doubt(self.city).lied;
        if !is_void || context.ledger.stored(self.city).contains(&hash) {
            context.ledger.acknowledge(self.city, hash);
        }
        if let Some(index) = self.spool.iter().position(|kept| kept.hash() == hash) {
            self.spool.remove(index);
            if index < self.sent {
                self.sent -= 1;
            }
        }
        self.acknowledged.push(envelope);
    }

    pub(crate) fn handle_closed(&mut self, connection: ConnectionId) {
        if self.connection == Some(connection) {
            self.disconnect();
        }
    }

    /// Drives on, to another node.
    pub(crate) fn depart(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = self.connection {
            context.network.abandon(connection);
        }
        self.disconnect();
    }

    /// What no other node takes, its own may.
    fn go_home(&mut self, context: &mut Context<'_>) {
        self.travels = Travels::Homesick;
        self.depart(context);
    }

    /// Starts anew: another boot, the spool kept.
    pub(crate) fn restart(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = self.connection {
            context.network.abandon(connection);
        }
        self.disconnect();
        self.begin_boot(context);
    }

    fn disconnect(&mut self) {
        self.connection = None;
        self.welcomed = false;
        self.again_at = None;
        self.in_flight.clear();
        self.forged.clear();
        self.sent = 0;
    }

    const fn request(&mut self) -> u64 {
        self.last_request += 1;
        self.last_request
    }

    fn sign(
        &self,
        boot: BootId,
        (sequence, previous): (Sequence, Option<Hash>),
        text: &str,
        context: &Context<'_>,
    ) -> Result<Envelope, Broken> {
        let draft = HeaderDraft {
            sequence,
            time: self.clock.read(context.now),
            previous,
            content_type: ContentType::parse("text/plain")
                .map_err(|error| broken("a content type")(&error))?,
            sample_count: 0,
            flags: 0,
            expiry_s: 0,
            scope: self.scope,
        };
        sign_open(&self.key, self.topic.clone(), boot, draft, text.as_bytes())
            .map_err(|error| broken("signing")(&error))
    }
}
