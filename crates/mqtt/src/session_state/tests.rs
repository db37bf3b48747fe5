//! Remembered sessions: one encoding, and a model of a client that loses its connection anywhere.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use sekisho_proto::{
    BootId, ContentType, Filter, Position, PrincipalId, Sequence, Timestamp, Topic,
};

use super::{Flight, Form, Given, Held, Intended, NEVER, Owed, SessionState};
use crate::{
    overlap::{Options, Standing},
    will::Testament,
};

fn held(number: u32, next: u64) -> Held {
    Held {
        standing: Standing {
            number,
            filter: Filter::parse("fujisawa/mqtt/#").unwrap(),
            options: Options::parse(2).unwrap(),
            identifier: None,
            share: None,
            since: Position::new(0),
        },
        spelt: "#".to_owned(),
        form: Form::Message,
        next: Position::new(next),
        done: BTreeSet::new(),
        owed: None,
    }
}

fn state() -> SessionState {
    SessionState::new(PrincipalId::new([7; 32]), "sensor".to_owned(), NEVER)
}

prop_compose! {
    fn holding(number: u32)(
        byte in 0u8..=255,
        identifier in proptest::option::of(1u32..268_435_456),
        share in proptest::option::of("[a-z]{1,8}"),
        is_enveloped in any::<bool>(),
        since in 0u64..100,
        step in 0u64..100,
        done in proptest::collection::btree_set(200u64..300, 0..5),
        owed in proptest::option::of((0u64..100, 100u64..200)),
    ) -> Held {
        let options = Options::parse(byte).unwrap_or(Options::parse(0).unwrap());
        let mut held = held(number, since + step);
        held.standing.options = options;
        held.standing.identifier = identifier;
        held.standing.share = share;
        held.form = if is_enveloped { Form::Envelope } else { Form::Message };
        held.standing.since = Position::new(since);
        held.done = done;
        held.owed =
            owed.map(|(from, to)| Owed { from: Position::new(from), to: Position::new(to) });
        held
    }
}

prop_compose! {
    fn any_state()(
        client in "\\PC{0,40}",
        expiry_s in any::<u32>(),
        left in proptest::option::of(0i64..4_000_000_000_000_000),
        held in (0u32..4).prop_flat_map(|count| (0..count).map(holding).collect::<Vec<_>>()),
        outgoing in proptest::collection::btree_map(1u16.., (0u32..5, 0u64..500, 0u8..4), 0..6),
        incoming in proptest::collection::btree_set(1u16.., 0..6),
        intended in proptest::collection::btree_map(1u16.., (0u8..3, any::<u64>()), 0..4),
        delay in proptest::option::of(any::<u32>()),
    ) -> SessionState {
        let will = delay.map(|delay_s| Testament {
            topic: Topic::parse("fujisawa/mqtt/gone").unwrap(),
            body: Bytes::from_static(b"bye"),
            content_type: ContentType::parse("text/plain").unwrap(),
            flags: 3,
            expiry_s: 9,
            delay_s,
        });
        let outgoing = outgoing.into_iter().map(|(id, (subscription, position, kind))| {
            let position = Position::new(position);
            let quality = kind.clamp(1, 2);
            let given = if kind == 3 { Given::Retained } else { Given::Published };
            (id, Flight { subscription, position, quality, given, is_released: kind == 2 })
        });
        let intended = intended.into_iter().map(|(id, (topic, sequence))| {
            let topic = Topic::parse(&format!("fujisawa/mqtt/{topic}")).unwrap();
            let (boot, sequence) = (BootId::new([3; 16]), Sequence::new(sequence));
            (id, Intended { topic, boot, sequence })
        });
        SessionState {
            intended: intended.collect(),
            left: left.map(Timestamp::from_micros),
            subscriptions: held
                .into_iter()
                .map(|held| (held.standing.number, Box::new(held)))
                .collect(),
            outgoing: outgoing.collect(),
            incoming,
            will,
            ..SessionState::new(PrincipalId::new([9; 32]), client, expiry_s)
        }
    }
}

proptest! {
    #[test]
    fn what_was_written_is_read(state in any_state()) {
        prop_assert_eq!(SessionState::decode(&state.encode()).unwrap(), state);
    }

    #[test]
    fn whatever_is_read_would_be_written_so(state in any_state(), at in any::<prop::sample::Index>(), with: u8) {
        let mut bytes = state.encode();
        let at = at.index(bytes.len());
        bytes[at] = with;
        if let Ok(read) = SessionState::decode(&bytes) {
            prop_assert_eq!(read.encode(), bytes);
        }
    }

    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(read) = SessionState::decode(&bytes) {
            prop_assert_eq!(read.encode(), bytes);
        }
    }

    /// A client of quality 2 that loses its connection, with or without the node, after any step: every
    /// message once, whatever of the state was on the disk, as long as PUBREC was before PUBREL.
    #[test]
    fn quality_2_is_exactly_once_over_any_interruption(
        steps in proptest::collection::vec((0u8..8, any::<prop::sample::Index>()), 1..200),
        at in any::<prop::sample::Index>(),
    ) {
        let mut link = Link::new();
        for (step, index) in steps {
            link.step(step, index);
        }
        link.interrupt(true);
        link.finish(at);
        let got: Vec<u64> = link.got.clone();
        let mut once = got.clone();
        once.sort_unstable();
        prop_assert_eq!(once, (0..link.published).collect::<Vec<_>>(), "{:?}", got);
    }
}

/// A node with a subscription of quality 2, its log, and a client as the standard has them (4.3.3).
struct Link {
    state: SessionState,
    kept: Vec<u8>,
    published: u64,
    /// Replayed up to here on this connection.
    read: u64,
    /// Packet identifiers that the client has received and not been released from.
    unreleased: BTreeSet<u16>,
    got: Vec<u64>,
    /// On their way to the client and back, with the record.
    to_client: BTreeMap<u16, u64>,
    pubrecs: BTreeSet<u16>,
    pubrels: BTreeSet<u16>,
    pubcomps: BTreeSet<u16>,
}

impl Link {
    fn new() -> Self {
        let mut state = state();
        state.subscriptions.insert(1, Box::new(held(1, 0)));
        let kept = state.encode();
        Self {
            state,
            kept,
            published: 0,
            read: 0,
            unreleased: BTreeSet::new(),
            got: Vec::new(),
            to_client: BTreeMap::new(),
            pubrecs: BTreeSet::new(),
            pubrels: BTreeSet::new(),
            pubcomps: BTreeSet::new(),
        }
    }

    fn id(position: u64) -> u16 {
        u16::try_from(1 + position % 65_535).unwrap()
    }

    fn step(&mut self, step: u8, index: prop::sample::Index) {
        match step {
            0 => self.published += 1,
            1 => self.send(),
            2 => {
                if let Some(id) = pick(&self.to_client.keys().copied().collect(), index) {
                    let position = self.to_client.remove(&id).unwrap();
                    if self.unreleased.insert(id) {
                        self.got.push(position);
                    }
                    self.pubrecs.insert(id);
                }
            }
            3 => {
                if let Some(id) = pick(&self.pubrecs, index) {
                    self.pubrecs.remove(&id);
                    if let Some(flight) = self.state.outgoing.get_mut(&id) {
                        flight.is_released = true;
                        let flight = *flight;
                        self.state.done(flight.subscription, flight.position);
                        self.advance();
                    }
                    self.kept = self.state.encode();
                    self.pubrels.insert(id);
                }
            }
            4 => {
                if let Some(id) = pick(&self.pubrels, index) {
                    self.pubrels.remove(&id);
                    self.unreleased.remove(&id);
                    self.pubcomps.insert(id);
                }
            }
            5 => {
                if let Some(id) = pick(&self.pubcomps, index) {
                    self.pubcomps.remove(&id);
                    self.state.outgoing.remove(&id);
                }
            }
            6 => self.interrupt(false),
            _ => self.interrupt(true),
        }
    }

    fn send(&mut self) {
        while self.read < self.published {
            let position = self.read;
            self.read += 1;
            if self.state.is_done(1, Position::new(position)) {
                continue;
            }
            let id = Self::id(position);
            let flight = Flight {
                subscription: 1,
                position: Position::new(position),
                quality: 2,
                given: Given::Published,
                is_released: false,
            };
            self.state.outgoing.entry(id).or_insert(flight);
            self.to_client.insert(id, position);
            return;
        }
    }

    /// Everything before the first that is open is done.
    fn advance(&mut self) {
        let open = self.state.outgoing.values().filter(|flight| !flight.is_released);
        let first = open.map(|flight| flight.position).min();
        self.state.moved(1, first.unwrap_or(Position::new(self.read)));
    }

    fn interrupt(&mut self, is_crash: bool) {
        if is_crash {
            self.state = SessionState::decode(&self.kept).unwrap();
        }
        for queue in [&mut self.pubrecs, &mut self.pubrels, &mut self.pubcomps] {
            queue.clear();
        }
        self.to_client.clear();
        self.read = self.state.subscriptions[&1].next.value();
        let released = self.state.outgoing.iter().filter(|(_id, flight)| flight.is_released);
        self.pubrels = released.map(|(id, _flight)| *id).collect();
    }

    fn finish(&mut self, at: prop::sample::Index) {
        for _ in 0..4 * (self.published + 1) {
            for step in [1, 2, 3, 4, 5] {
                self.step(step, at);
            }
        }
    }
}

fn pick(from: &BTreeSet<u16>, index: prop::sample::Index) -> Option<u16> {
    let all: Vec<u16> = from.iter().copied().collect();
    (!all.is_empty()).then(|| all[index.index(all.len())])
}

#[test]
fn a_session_expires_only_after_its_connection_ended() {
    let mut state = SessionState { expiry_s: 5, ..state() };
    assert_eq!(state.expires(), None);
    state.left = Some(Timestamp::from_micros(1_000_000));
    assert_eq!(state.expires(), Some(Timestamp::from_micros(6_000_000)));
    state.expiry_s = NEVER;
    assert_eq!(state.expires(), None);
}

#[test]
fn a_will_is_due_with_the_end_of_the_session_at_the_latest() {
    let mut state = SessionState { expiry_s: 2, ..state() };
    state.will = Some(Testament {
        topic: Topic::parse("fujisawa/mqtt/gone").unwrap(),
        body: Bytes::new(),
        content_type: ContentType::parse("text/plain").unwrap(),
        flags: 0,
        expiry_s: 0,
        delay_s: 5,
    });
    assert_eq!(state.will_due(), None);
    state.left = Some(Timestamp::from_micros(0));
    assert_eq!(state.will_due(), Some(Timestamp::from_micros(2_000_000)));
    state.expiry_s = 9;
    assert_eq!(state.will_due(), Some(Timestamp::from_micros(5_000_000)));
}

#[test]
fn what_no_subscription_brings_again_is_told() {
    let mut state = state();
    state.subscriptions.insert(1, Box::new(held(1, 50)));
    for (id, subscription, position) in [(1, 1, 20), (2, 1, 60), (3, 8, 70)] {
        let position = Position::new(position);
        let (quality, given) = (1, Given::Published);
        let flight = Flight { subscription, position, quality, given, is_released: false };
        state.outgoing.insert(id, flight);
    }
    assert_eq!(state.strays().map(|(id, _flight)| id).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn a_retained_message_that_was_brought_before_is_sent_again_as_one() {
    let mut state = state();
    state.subscriptions.insert(1, Box::new(held(1, 50)));
    state.done(1, Position::new(60));
    for (id, position) in [(1, 60), (2, 61)] {
        let position = Position::new(position);
        let (subscription, quality, given) = (1, 1, Given::Retained);
        let flight = Flight { subscription, position, quality, given, is_released: false };
        state.outgoing.insert(id, flight);
    }
    assert_eq!(state.strays().map(|(id, _flight)| id).collect::<Vec<_>>(), [1]);
}
