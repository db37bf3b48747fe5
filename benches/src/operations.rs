//! The stages of an envelope's walk as operations that can be counted one by one: in instructions
//! by `instructions`, in allocations by `allocations`.
//!
//! Each is prepared once and then run in turns. What a turn needs is made before it is counted, so
//! that only the steady path is.

use std::{hint::black_box, sync::Arc};

use bytes::{Bytes, BytesMut};
use sekisho_broker::hub::{Backlog, Outbox, OutboxReader, Outgoing, metrics};
use sekisho_proto::{Frame, KeyHeader, frame};
use sekisho_routing::{Command, Record};
use sekisho_seal::{Opener, verify_key_header};
use sekisho_store::{StdDisk, Store, StoreOptions};
use tempfile::TempDir;

use crate::{
    city::City,
    door::{self, Door},
    routes::{self, Routes},
    sound, stored,
};

/// Envelopes in one turn.
const TURN: usize = 64;
const ENVELOPE_BYTES: usize = 1_024;
/// Live subscribers of one topic.
const SUBSCRIBERS: u64 = 100;
/// Topics of the log.
const TOPICS: u64 = 1_000;

/// Counts what is done while it is at it.
pub trait Meter {
    /// Does the work and counts it.
    fn measure(&mut self, work: &mut dyn FnMut());
}

/// Makes what a turn needs and has the rest counted.
type Turn = Box<dyn FnMut(&mut dyn Meter)>;

/// A stage, prepared.
pub struct Operation {
    /// How often it is done in a turn.
    pub per_turn: usize,
    turn: Turn,
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operation").field("per_turn", &self.per_turn).finish_non_exhaustive()
    }
}

impl Operation {
    fn new(per_turn: usize, turn: impl FnMut(&mut dyn Meter) + 'static) -> Self {
        Self { per_turn, turn: Box::new(turn) }
    }

    /// Does it `per_turn` times.
    pub fn turn(&mut self, meter: &mut dyn Meter) {
        (self.turn)(meter);
    }
}

/// How a stage is called and prepared.
pub type Named = (&'static str, fn() -> Operation);

/// The stages that take the same instructions on every processor.
pub const GUARDED: [Named; 9] = [
    ("decode", decode),
    ("permit", permit),
    ("admit", admit),
    ("deduplicate", deduplicate),
    ("append", append),
    ("match_among_100", || matching(100)),
    ("match_among_10000", || matching(10_000)),
    ("fan_out", fan_out),
    ("encode", encode),
];

/// The stages whose instructions depend on what the processor has for ciphers.
pub const OTHERS: [Named; 2] = [("seal", seal), ("open", open)];

fn decode() -> Operation {
    let routes = Routes::new();
    let envelopes = routes.stream(0, ENVELOPE_BYTES).next_few(TURN);
    Operation::new(TURN, move |meter| {
        meter.measure(&mut || {
            for envelope in &envelopes {
                let encoded = envelope.encoded().clone();
                drop(black_box(sekisho_proto::Envelope::decode(encoded)));
            }
        });
    })
}

fn permit() -> Operation {
    let routes = Routes::new();
    let topic = City::new("fujisawa", routes.now()).topic("trucks/0/air");
    Operation::new(TURN, move |meter| {
        meter.measure(&mut || (0..TURN).for_each(|_| routes.permit(black_box(&topic))));
    })
}

/// The whole door. Whoever counts instructions leaves out those of the signature check.
fn admit() -> Operation {
    let city = door::city();
    // Without a recorder counting would cost nothing.
    drop(metrics::install());
    let door = Door::open(&city);
    let envelopes = door.stream(&city, ENVELOPE_BYTES).next_few(TURN);
    Operation::new(TURN, move |meter| {
        meter.measure(&mut || {
            for (request, envelope) in (1..).zip(&envelopes) {
                drop(black_box(sound(door.admit(envelope, request))));
            }
        });
    })
}

/// From the door to what is to be appended.
fn deduplicate() -> Operation {
    let mut routes = Routes::new();
    let (mut router, mut stream) = (routes.router(0), routes.stream(0, ENVELOPE_BYTES));
    Operation::new(TURN, move |meter| {
        let envelopes = routes.verified(&mut stream, TURN as u64);
        let (mut admitted, mut tickets) = (routes.admitted(&envelopes), Vec::with_capacity(TURN));
        meter.measure(&mut || {
            for admitted in admitted.drain(..) {
                router.handle_publish(admitted, routes.now());
                let command = router.poll_command();
                tickets.extend(command.as_ref().and_then(routes::ticket_of));
            }
        });
        assert_eq!(tickets.len(), TURN, "every envelope is appended");
        for ticket in tickets {
            routes.append(&mut router, ticket);
        }
        while router.poll_command().is_some() {}
    })
}

/// Into the batch that a flush makes durable; the flush is not counted.
fn append() -> Operation {
    let folder = sound(TempDir::new());
    let data = folder.path().join("data");
    let mut store = sound(Store::open(Arc::new(StdDisk), &data, StoreOptions::default()));
    let (envelope, mut next) = (Bytes::from(vec![7; ENVELOPE_BYTES]), 0);
    Operation::new(TURN, move |meter| {
        let _kept = &folder;
        let numbers = next..next + TURN as u64;
        next = numbers.end;
        let mut records: Vec<_> =
            numbers.map(|number| stored::record(number, TOPICS, envelope.clone())).collect();
        meter.measure(&mut || {
            for record in records.drain(..) {
                sound(store.records.append(record));
            }
        });
        sound(store.records.commit());
    })
}

fn matching(subscriptions: u64) -> Operation {
    let tree = routes::tree(subscriptions);
    let step = usize::try_from(subscriptions).unwrap_or(usize::MAX) / TURN;
    let topics = routes::topics(subscriptions, step.max(1));
    Operation::new(topics.len(), move |meter| {
        meter.measure(&mut || {
            for topic in &topics {
                drop(black_box(tree.matches(black_box(topic))));
            }
        });
    })
}

/// From a durable record to the queues of its live subscribers, once for each delivery.
fn fan_out() -> Operation {
    let mut crowd = Crowd::new();
    Operation::new(TURN * crowd.queues.len(), move |meter| {
        crowd.turn(|deliver| meter.measure(deliver));
        for (_outbox, reader) in &mut crowd.queues {
            assert_eq!(taken(reader).len(), TURN, "everybody gets everything");
        }
    })
}

/// A record becomes the bytes of a frame in a buffer that is used again.
fn encode() -> Operation {
    let mut crowd = Crowd::new();
    crowd.turn(|deliver| deliver());
    let first = crowd.queues.first_mut().map(|(_outbox, reader)| taken(reader));
    let records: Vec<Arc<Record>> = first.into_iter().flatten().collect();
    let mut buffer = BytesMut::with_capacity(TURN * ENVELOPE_BYTES * 2);
    Operation::new(TURN, move |meter| {
        meter.measure(&mut || {
            buffer.clear();
            for record in &records {
                let frame = Frame::Record(frame::Record {
                    subscription: 0,
                    position: record.position(),
                    offset: record.offset(),
                    received: record.received(),
                    envelope: record.envelope().encoded().clone(),
                    key_header: None,
                    hops: Vec::new(),
                });
                frame.encode_into(&mut buffer);
            }
        });
        assert!(buffer.len() > TURN * ENVELOPE_BYTES / 2, "every record is encoded");
    })
}

fn seal() -> Operation {
    let mut stream = Routes::new().stream(0, ENVELOPE_BYTES);
    Operation::new(TURN, move |meter| {
        meter.measure(&mut || (0..TURN).for_each(|_| drop(black_box(stream.seal_next()))));
    })
}

fn open() -> Operation {
    let (city, routes) = (door::city(), Routes::new());
    let mut stream = routes.stream(0, ENVELOPE_BYTES);
    let key_header = sound(KeyHeader::decode(stream.key_header()));
    let key = city.device(0).signing().verifying_key();
    let key_header = sound(verify_key_header(key_header, &key));
    let opener = sound(Opener::new(&key_header, city.epoch_keys()));
    let envelopes = routes.verified(&mut stream, TURN as u64);
    Operation::new(TURN, move |meter| {
        meter.measure(&mut || {
            for envelope in &envelopes {
                drop(black_box(sound(opener.open(envelope))));
            }
        });
    })
}

/// A publisher and the queues of everybody who follows it.
struct Crowd {
    routes: Routes,
    router: sekisho_routing::Router,
    stream: crate::stream::Stream,
    queues: Vec<(Outbox, OutboxReader)>,
}

impl Crowd {
    fn new() -> Self {
        let routes = Routes::new();
        let queues = (0..SUBSCRIBERS).map(|_| Outbox::new(&Backlog::default())).collect();
        let (router, stream) = (routes.router(SUBSCRIBERS), routes.stream(0, ENVELOPE_BYTES));
        Self { routes, router, stream, queues }
    }

    /// A turn's envelopes become durable; `count` is handed what delivers them.
    fn turn(&mut self, count: impl FnOnce(&mut dyn FnMut())) {
        let Self { routes, router, stream, queues } = self;
        let envelopes = routes.verified(stream, TURN as u64);
        let admitted = routes.admitted(&envelopes);
        let mut tickets = routes.hand_over(router, admitted);
        assert_eq!(tickets.len(), TURN, "every envelope is appended");
        count(&mut || {
            for ticket in tickets.drain(..) {
                routes.append(router, ticket);
                while let Some(command) = router.poll_command() {
                    offer(queues, command);
                }
            }
        });
        Routes::grant(router, SUBSCRIBERS, u32::try_from(TURN).unwrap_or(u32::MAX));
    }
}

/// As the shard does it; sessions count from 1.
fn offer(queues: &[(Outbox, OutboxReader)], command: Command) {
    let Command::Deliver { session, record, permit, .. } = command else { return };
    let at = usize::try_from(session.value()).ok().and_then(|session| session.checked_sub(1));
    let queue = at.and_then(|at| queues.get(at));
    let offered = queue.map(|(outbox, _reader)| outbox.offer(record, &permit));
    assert_eq!(offered, Some(Ok(())), "there is room for a turn's records");
}

/// Everything that waits, however many pieces it is taken in.
fn taken(reader: &mut OutboxReader) -> Vec<Arc<Record>> {
    let context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut records = Vec::new();
    while let std::task::Poll::Ready(Some(piece)) = reader.poll_take(&context) {
        records.extend(piece.into_iter().filter_map(|outgoing| match outgoing {
            Outgoing::Record(record) => Some(record),
            Outgoing::Frame(_) | Outgoing::End { .. } => None,
        }));
    }
    records
}
