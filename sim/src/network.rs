//! Connections as the nodes and clients of a run see them: frames of one stream arrive in order and
//! none is missing, streams overtake one another, everything takes its time and what was lost takes
//! longer, and a connection that breaks takes with it what was under way.
//!
//! Where two sides cannot reach each other, nothing arrives, and each takes the other for gone after
//! a while, as a transport does that hears nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

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

/// What was lost is sent again after so long, milliseconds.
const SENT_AGAIN_MS: u64 = 1_000;

/// How late everything is on a slow connection, milliseconds.
const SLOW_MS: u64 = 4_000;

/// After how long without a word a transport gives up, seconds: between these.
const SILENCE_S: (u64, u64) = (10, 60);

/// Of the hash FNV-1a of 64 bits.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

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

    /// The one on which a client says something.
    fn saying(frame: &Frame) -> Self {
        if let Frame::Subscribe(said) = frame {
            Self::of(said.subscription)
        } else if let Frame::Credit(said) = frame {
            Self::of(said.subscription)
        } else if let Frame::Acknowledge(said) = frame {
            Self::of(said.subscription)
        } else if let Frame::Unsubscribe(said) = frame {
            Self::of(said.subscription)
        } else if let Frame::Follow(said) = frame {
            Self::of(said.subscription)
        } else if let Frame::Cosigned(said) = frame {
            Self::of(said.subscription)
        } else {
            CONTROL
        }
    }
}

/// Who opened a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Publisher(usize),
    Subscriber(usize),
    /// The link of a node to the node that a route leads to.
    Link {
        node: usize,
        peer: OrgName,
    },
    /// The way by which a node carries what publishers of another organisation write home.
    Way {
        node: usize,
        home: OrgName,
    },
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) server: usize,
    /// The key that the client proved to hold.
    pub(crate) key: PrincipalId,
    /// How late everything on it is.
    late: Duration,
    /// How long its ends wait for a word.
    patience: Duration,
    /// Since when its ends cannot reach each other.
    cut_since: Option<Timestamp>,
    up: BTreeMap<Stream, VecDeque<Sent>>,
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

/// What the network is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Milliseconds that a frame takes at most, where all goes well.
    pub(crate) latency_ms_max: u64,
    /// Of a thousand frames, how many are lost and sent again.
    pub(crate) lost_per_mille: u64,
    /// Of a thousand connections, how many are slow.
    pub(crate) slow_per_mille: u64,
}

/// Who cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cut {
    /// Two nodes by one another, the lower index first.
    Between(usize, usize),
    /// A truck, which is in a tunnel.
    Publisher(usize),
}

#[derive(Debug)]
pub(crate) struct Network {
    /// The true time.
    pub(crate) now: Timestamp,
    pub(crate) weather: Weather,
    connections: BTreeMap<ConnectionId, Connection>,
    /// Connections that a client has dropped and the server does not know of yet.
    abandoned: Vec<ConnectionId>,
    last: u64,
    cuts: BTreeMap<Cut, Timestamp>,
    /// Of every frame that arrived, when and where.
    digest: u64,
}

impl Network {
    pub(crate) const fn new(now: Timestamp, weather: Weather) -> Self {
        Self {
            now,
            weather,
            connections: BTreeMap::new(),
            abandoned: Vec::new(),
            last: 0,
            cuts: BTreeMap::new(),
            digest: FNV_BASIS,
        }
    }

    pub(crate) fn open(
        &mut self,
        client: Client,
        server: usize,
        key: PrincipalId,
        random: &mut Random,
    ) -> ConnectionId {
        self.last = self.last.wrapping_add(1);
        let id = ConnectionId(self.last);
        let slow = random.per_mille(self.weather.slow_per_mille);
        let late = Duration::from_millis(if slow { random.below(SLOW_MS) } else { 0 });
        let (soonest, latest) = SILENCE_S;
        let patience = soonest.saturating_add(random.below(latest.saturating_sub(soonest)));
        let connection = Connection {
            client,
            server,
            key,
            late,
            patience: Duration::from_secs(patience),
            cut_since: None,
            up: BTreeMap::new(),
            down: BTreeMap::new(),
        };
        self.connections.insert(id, connection);
        id
    }

    /// Tells two runs apart in which another frame arrived, or at another time.
    pub(crate) const fn digest(&self) -> u64 {
        self.digest
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

    /// Nothing passes there until then.
    pub(crate) fn cut(&mut self, cut: Cut, until: Timestamp) {
        let known = self.cuts.entry(cut).or_insert(until);
        *known = until.max(*known);
    }

    /// Everybody can be reached again.
    pub(crate) fn heal(&mut self) {
        self.cuts.clear();
    }

    /// Connections whose ends have waited in vain for long enough.
    pub(crate) fn given_up(&mut self) -> Vec<ConnectionId> {
        let now = self.now;
        self.cuts.retain(|_cut, until| *until > now);
        let mut given_up = Vec::new();
        for (id, connection) in &mut self.connections {
            if !connection.is_cut(&self.cuts) {
                connection.cut_since = None;
                continue;
            }
            let since = *connection.cut_since.get_or_insert(now);
            if now.saturating_since(since) >= connection.patience {
                given_up.push(*id);
            }
        }
        given_up
    }

    pub(crate) fn send_up(
        &mut self,
        id: ConnectionId,
        frame: impl Into<Frame>,
        random: &mut Random,
    ) {
        let (now, weather) = (self.now, self.weather);
        if let Some(connection) = self.connections.get_mut(&id) {
            let (frame, late) = (frame.into(), connection.late);
            let stream = connection.up.entry(Stream::saying(&frame)).or_default();
            send(stream, &frame, now.saturating_add(late), weather, random);
        }
    }

    pub(crate) fn send_down(
        &mut self,
        id: ConnectionId,
        stream: Stream,
        frame: impl Into<Frame>,
        random: &mut Random,
    ) {
        let (now, weather) = (self.now, self.weather);
        if let Some(connection) = self.connections.get_mut(&id) {
            let late = connection.late;
            let stream = connection.down.entry(stream).or_default();
            send(stream, &frame.into(), now.saturating_add(late), weather, random);
        }
    }

    /// Frames under way to the client on a stream.
    pub(crate) fn waiting_down(&self, id: ConnectionId, stream: Stream) -> usize {
        self.get(id).and_then(|known| known.down.get(&stream)).map_or(0, VecDeque::len)
    }

    /// When the next frame arrives.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let open = self.connections.values().filter(|connection| !connection.is_cut(&self.cuts));
        let streams =
            open.flat_map(|connection| connection.down.values().chain(connection.up.values()));
        streams.filter_map(|stream| stream.front().map(|sent| sent.due)).min()
    }

    /// Lets one of the frames arrive that are due.
    pub(crate) fn arrive(&mut self, random: &mut Random) -> Result<Option<Arrival>, Broken> {
        let now = self.now;
        let is_due = |stream: &VecDeque<Sent>| stream.front().is_some_and(|sent| sent.due <= now);
        let mut due: Vec<(ConnectionId, bool, Stream)> = Vec::new();
        for (id, connection) in &self.connections {
            if connection.is_cut(&self.cuts) {
                continue;
            }
            let up = connection.up.iter().filter(|(_, stream)| is_due(stream));
            due.extend(up.map(|(stream, _)| (*id, true, *stream)));
            let down = connection.down.iter().filter(|(_, stream)| is_due(stream));
            due.extend(down.map(|(stream, _)| (*id, false, *stream)));
        }
        let Some((id, is_up, stream)) = random.pick(&due).copied() else { return Ok(None) };
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(None) };
        let streams = if is_up { &mut connection.up } else { &mut connection.down };
        let Some(sent) = streams.get_mut(&stream).and_then(VecDeque::pop_front) else {
            return Ok(None);
        };
        self.digest = [now.as_micros().to_be_bytes(), id.0.to_be_bytes(), stream.0.to_be_bytes()]
            .as_flattened()
            .iter()
            .chain(&sent.bytes)
            .fold(self.digest, |digest, byte| (digest ^ u64::from(*byte)).wrapping_mul(FNV_PRIME));
        let frame = decode(sent.bytes)?;
        let (server, client) = (connection.server, connection.client.clone());
        Ok(Some(if is_up {
            Arrival::AtServer { server, connection: id, frame }
        } else {
            Arrival::AtClient { client, connection: id, stream, frame }
        }))
    }
}

impl Connection {
    fn is_cut(&self, cuts: &BTreeMap<Cut, Timestamp>) -> bool {
        if cuts.is_empty() {
            return false;
        }
        match &self.client {
            Client::Publisher(index) => cuts.contains_key(&Cut::Publisher(*index)),
            Client::Subscriber(_) => false,
            Client::Link { node, .. } | Client::Way { node, .. } => {
                let (low, high) = (*node.min(&self.server), *node.max(&self.server));
                cuts.contains_key(&Cut::Between(low, high))
            }
        }
    }
}

fn send(
    stream: &mut VecDeque<Sent>,
    frame: &Frame,
    now: Timestamp,
    weather: Weather,
    random: &mut Random,
) {
    let mut bytes = BytesMut::new();
    frame.encode_into(&mut bytes);
    let mut latency = random.below(weather.latency_ms_max.saturating_add(1));
    if random.per_mille(weather.lost_per_mille) {
        latency = latency.saturating_add(random.below(SENT_AGAIN_MS));
    }
    let due = now.saturating_add(Duration::from_millis(latency));
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
