//! Events in the order of virtual time, and links that take as long as their distance is.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use sekisho_federation::Link;
use sekisho_proto::{Frame, FrameDecoder, StatementIndex, Timestamp, limits::FRAME_BYTES_MAX};
use sekisho_routing::SessionId;

use super::counting::Traffic;
use crate::failure::{Broken, broken, ensure};

/// Something that happens at a time.
#[derive(Debug)]
pub(super) enum Event {
    /// A frame of the importer arrives at the exporter's node.
    Up { wire: usize, connection: u32, bytes: Bytes },
    /// A frame of the exporter arrives at the importer's link.
    Down { wire: usize, connection: u32, bytes: Bytes },
    /// The handshake is done.
    Opened { wire: usize, connection: u32 },
    /// A connection could not be made, or has been silent for too long.
    Lost { wire: usize, connection: u32 },
    /// The exporter's node hears that a session is over.
    Closed { wire: usize, session: SessionId },
    /// A link wanted to be called.
    Timeout { wire: usize },
    /// What waits for the disk is there.
    Commit { node: usize },
    /// Checkpoints are shown again.
    Show { node: usize },
}

#[derive(Debug)]
struct Due {
    at: Timestamp,
    number: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// What is going to happen. Events of one moment happen in the order in which they were planned, so
/// that frames of one connection do not overtake one another.
#[derive(Debug)]
pub(super) struct Agenda {
    pub(super) now: Timestamp,
    due: BinaryHeap<Reverse<Due>>,
    last: u64,
}

impl Agenda {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { now, due: BinaryHeap::new(), last: 0 }
    }

    pub(super) fn plan(&mut self, at: Timestamp, event: Event) {
        self.last = self.last.saturating_add(1);
        self.due.push(Reverse(Due { at: at.max(self.now), number: self.last, event }));
    }

    pub(super) fn plan_in(&mut self, after: Duration, event: Event) {
        self.plan(self.now.saturating_add(after), event);
    }

    /// The next event until then, whose time it is now; or it is then.
    pub(super) fn next(&mut self, until: Timestamp) -> Option<Event> {
        if self.due.peek().is_none_or(|Reverse(first)| first.at > until) {
            self.now = self.now.max(until);
            return None;
        }
        let Reverse(first) = self.due.pop()?;
        self.now = first.at;
        Some(first.event)
    }
}

/// Somebody who reads a control log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Follower {
    pub(super) subscription: u32,
    pub(super) next: StatementIndex,
    pub(super) told: bool,
    /// Size and time of the last checkpoint shown.
    pub(super) shown: Option<(u64, Timestamp)>,
}

/// One direction of a peering: the importer's link and its session at the exporter.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) importer: usize,
    pub(super) exporter: usize,
    pub(super) edge: usize,
    pub(super) latency: Duration,
    /// Trees that are imported.
    pub(super) takes: Vec<usize>,
    pub(super) link: Option<Link>,
    /// Grows with every connection, so that what is under way of an old one is known.
    pub(super) connection: u32,
    pub(super) is_open: bool,
    pub(super) session: Option<SessionId>,
    pub(super) follower: Option<Follower>,
    /// The time of the earliest call that was planned.
    pub(super) call_at: Option<Timestamp>,
    pub(super) traffic: Traffic,
}

/// Encodes what is sent, as it is on the wire.
pub(super) fn encode(frame: &Frame) -> Bytes {
    let mut bytes = BytesMut::new();
    frame.encode_into(&mut bytes);
    bytes.freeze()
}

pub(super) fn decode(bytes: Bytes) -> Result<Frame, Broken> {
    let mut decoder = FrameDecoder::new(FRAME_BYTES_MAX);
    decoder.push(bytes);
    let frame = decoder.next().map_err(|error| broken("a frame that was sent")(&error))?;
    ensure(decoder.is_empty(), || "a frame is longer than itself".to_owned())?;
    frame.ok_or_else(|| Broken("a frame is shorter than itself".to_owned()))
}
