//! Connections as the nodes and clients of a run see them: frames of one stream arrive in order,
//! streams overtake one another, everything takes its time, and a connection that breaks takes
//! with it what was under way.

use std::collections::{BTreeMap, VecDeque};

use bytes::BytesMut;
use sekisho_proto::{
    Frame, FrameDecoder, OrgName, PrincipalId, Timestamp, limits::FRAME_BYTES_MAX,
};

use crate::{
    failure::{Broken, broken, ensure},
    random::Random,
};

/// The stream of everything that is not of a subscription.
pub(crate) const CONTROL: Stream = Stream(u64::MAX);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stream(u64);

impl Stream {
    pub(crate) fn of(subscription: u32) -> Self {
        Self(u64::from(subscription))
    }

    /// The subscription it is of, unless it is the control stream.
    pub(crate) fn subscription(self) -> Option<u32> {
        u32::try_from(self.0).ok()
    }
}

/// Who opened a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Publisher(usize),
    Subscriber(usize),
    /// The link of a node to a peer.
    Link {
        node: usize,
        peer: OrgName,
    },
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) server: usize,
    /// The key that the client proved to hold.
    pub(crate) key: PrincipalId,
    up: VecDeque<Sent>,
    down: BTreeMap<Stream, VecDeque<Sent>>,
}

#[derive(Debug)]
struct Sent {
    due: Timestamp,
    bytes: BytesMut,
}

/// A frame that arrived.
#[derive(Debug)]
pub(crate) enum Arrival {
    AtServer { server: usize, connection: ConnectionId, frame: Frame },
    AtClient { client: Client, connection: ConnectionId, stream: Stream, frame: Frame },
}

#[derive(Debug, Default)]
pub(crate) struct Network {
    connections: BTreeMap<ConnectionId, Connection>,
    /// Connections that a client has dropped and the server does not know of yet.
    abandoned: Vec<ConnectionId>,
    last: u64,
    /// Milliseconds that a frame takes at most.
    pub(crate) latency_ms_max: u64,
}

impl Network {
    pub(crate) fn new(latency_ms_max: u64) -> Self {
        Self { latency_ms_max, ..Self::default() }
    }

    pub(crate) fn open(&mut self, client: Client, server: usize, key: PrincipalId) -> ConnectionId {
        self.last = self.last.wrapping_add(1);
        let id = ConnectionId(self.last);
        let connection =
            Connection { client, server, key, up: VecDeque::new(), down: BTreeMap::new() };
        self.connections.insert(id, connection);
        id
    }

    pub(crate) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(&id)
    }

    pub(crate) fn close(&mut self, id: ConnectionId) -> Option<Connection> {
        self.connections.remove(&id)
    }

    /// The client drops a connection.
    pub(crate) fn abandon(&mut self, id: ConnectionId) {
        self.abandoned.push(id);
    }

    pub(crate) fn take_abandoned(&mut self) -> Vec<ConnectionId> {
        std::mem::take(&mut self.abandoned)
    }

    pub(crate) fn ids(&self) -> Vec<ConnectionId> {
        self.connections.keys().copied().collect()
    }

    pub(crate) fn send_up(
        &mut self,
        id: ConnectionId,
        frame: impl Into<Frame>,
        now: Timestamp,
        random: &mut Random,
    ) {
        let latency_ms_max = self.latency_ms_max;
        if let Some(connection) = self.connections.get_mut(&id) {
            send(&mut connection.up, &frame.into(), now, latency_ms_max, random);
        }
    }

    pub(crate) fn send_down(
        &mut self,
        id: ConnectionId,
        stream: Stream,
        frame: impl Into<Frame>,
        now: Timestamp,
        random: &mut Random,
    ) {
        let latency_ms_max = self.latency_ms_max;
        if let Some(connection) = self.connections.get_mut(&id) {
            let stream = connection.down.entry(stream).or_default();
            send(stream, &frame.into(), now, latency_ms_max, random);
        }
    }

    /// Frames under way to the client on a stream.
    pub(crate) fn waiting_down(&self, id: ConnectionId, stream: Stream) -> usize {
        self.get(id).and_then(|known| known.down.get(&stream)).map_or(0, VecDeque::len)
    }

    /// When the next frame arrives.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let streams = self
            .connections
            .values()
            .flat_map(|connection| connection.down.values().chain(std::iter::once(&connection.up)));
        streams.filter_map(|stream| stream.front().map(|sent| sent.due)).min()
    }

    /// Lets one of the frames arrive that are due.
    pub(crate) fn arrive(
        &mut self,
        now: Timestamp,
        random: &mut Random,
    ) -> Result<Option<Arrival>, Broken> {
        let is_due = |stream: &VecDeque<Sent>| stream.front().is_some_and(|sent| sent.due <= now);
        let mut due: Vec<(ConnectionId, Option<Stream>)> = Vec::new();
        for (id, connection) in &self.connections {
            if is_due(&connection.up) {
                due.push((*id, None));
            }
            let down = connection.down.iter().filter(|(_, stream)| is_due(stream));
            due.extend(down.map(|(stream, _)| (*id, Some(*stream))));
        }
        let Some((id, stream)) = random.pick(&due).copied() else { return Ok(None) };
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(None) };
        let sent = match stream {
            None => connection.up.pop_front(),
            Some(stream) => connection.down.get_mut(&stream).and_then(VecDeque::pop_front),
        };
        let Some(sent) = sent else { return Ok(None) };
        let frame = decode(sent.bytes)?;
        let (server, client) = (connection.server, connection.client.clone());
        Ok(Some(match stream {
            None => Arrival::AtServer { server, connection: id, frame },
            Some(stream) => Arrival::AtClient { client, connection: id, stream, frame },
        }))
    }
}

fn send(
    stream: &mut VecDeque<Sent>,
    frame: &Frame,
    now: Timestamp,
    latency_ms_max: u64,
    random: &mut Random,
) {
    let mut bytes = BytesMut::new();
    frame.encode_into(&mut bytes);
    let latency = std::time::Duration::from_millis(random.below(latency_ms_max.saturating_add(1)));
    let due = now.saturating_add(latency);
    let due = stream.back().map_or(due, |last| last.due.max(due));
    stream.push_back(Sent { due, bytes });
}

fn decode(bytes: BytesMut) -> Result<Frame, Broken> {
    let mut decoder = FrameDecoder::new(FRAME_BYTES_MAX);
    decoder.push(bytes.freeze());
    let frame = decoder.next().map_err(|error| broken("a frame that was sent")(&error))?;
    ensure(decoder.is_empty(), || "a frame is longer than itself".to_owned())?;
    frame.ok_or_else(|| Broken("a frame is shorter than itself".to_owned()))
}
