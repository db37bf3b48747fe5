//! A node that does what its script says: it keeps records in memory, trusts everybody, and can be
//! told to hang up, to forget, to refuse and to lie.

mod control_log;
mod serving;
mod streams;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use sekisho::{
    Client, ClientOptions, Endpoint, Identity, PrincipalId, RefusalCode, SigningKey, Timestamp, tls,
};
use sekisho_proto::{
    BootId, Envelope, Epoch, Filter, Hash, KeyHeaderId, OrgName, Position, Sequence, Topic,
    frame::{self, Subscribe},
};
use tokio::{sync::watch, task::JoinSet};

pub(crate) use self::control_log::ControlLog;
use self::serving::accept;
use crate::world::World;

/// What the node keeps of one envelope.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) envelope: Bytes,
    pub(crate) key_header: Option<Bytes>,
    pub(crate) received: Timestamp,
}

/// One step of the log as subscribers see it.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Record(Stored),
    Gap { positions: u64, reason: sekisho::GapReason },
}

/// A refusal to come.
#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    pub(crate) code: RefusalCode,
    /// How many publishes it hits.
    pub(crate) times: usize,
}

/// What a node may do and should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Vice {
    /// Answers 0 to whoever asks for a stream's head.
    ForgetsHeads,
    /// Sends records without their key headers.
    HidesKeyHeaders,
    /// Gives keys without logging that it did.
    ReleasesKeysInSecret,
    /// Does not say what its log holds.
    HidesItsLog,
    /// Says that it has stored what it has thrown away.
    StoresNothing,
    /// Refuses each question the first time, as asked too fast.
    AnswersAtSecondAsking,
}

/// What the node is told to do.
pub(crate) struct Script {
    pub(crate) welcome: Result<(), RefusalCode>,
    pub(crate) organisation: OrgName,
    pub(crate) inflight_max: u32,
    /// Store the next envelopes and hang up before answering, after so many answers.
    pub(crate) hang_up_after: Option<usize>,
    pub(crate) refuse: VecDeque<Scripted>,
    pub(crate) refuse_subscriptions: VecDeque<RefusalCode>,
    pub(crate) proofs: BTreeMap<PrincipalId, Vec<Bytes>>,
    pub(crate) epoch: Vec<Bytes>,
    pub(crate) key_grants: BTreeMap<(Filter, Epoch), Vec<Bytes>>,
    pub(crate) enrolling: Vec<frame::Enrolling>,
    pub(crate) statements: Vec<Bytes>,
    pub(crate) vices: BTreeSet<Vice>,
    /// The parts of the list of topics it tells, by what they come after.
    pub(crate) parts: BTreeMap<Option<Topic>, String>,
    /// Whose word it passes on with what it stored, where it carries home.
    pub(crate) vouches: Option<SigningKey>,
    /// The control logs it shows: its own and its peers'.
    pub(crate) logs: BTreeMap<OrgName, ControlLog>,
}

impl Script {
    /// The node's own log.
    pub(crate) fn own_log(&mut self) -> &mut ControlLog {
        self.logs.get_mut(&self.organisation).unwrap()
    }
}

/// What the node has seen.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) log: Vec<Step>,
    pub(crate) heads: BTreeMap<(Topic, BootId), (Sequence, Hash)>,
    pub(crate) key_headers: BTreeMap<KeyHeaderId, Bytes>,
    pub(crate) replayed: usize,
    pub(crate) acknowledged: Option<Position>,
    pub(crate) subscribes: Vec<Subscribe>,
    pub(crate) credit: u32,
    pub(crate) enrols: Vec<frame::Enrol>,
    pub(crate) connections: usize,
    pub(crate) remotes: Vec<SocketAddr>,
    pub(crate) publishes: usize,
    /// Questions by their text, where the first of each is refused.
    pub(crate) asked: BTreeSet<String>,
}

struct Shared {
    script: Mutex<Script>,
    seen: Arc<Mutex<Seen>>,
    changed: watch::Sender<u64>,
    hang_up: watch::Sender<u64>,
}

/// See the module.
pub(crate) struct Node {
    shared: Arc<Shared>,
    address: SocketAddr,
    key: SigningKey,
    organisation: OrgName,
    tasks: JoinSet<()>,
}

impl Node {
    /// A node of the world's organisation on a free port of loopback, scripted to work.
    pub(crate) async fn start(world: &World) -> Self {
        Self::start_at(world, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    pub(crate) async fn start_at(world: &World, address: SocketAddr) -> Self {
        Self::start_with(world, address, Arc::default()).await
    }

    /// A node of another organisation that carries to this one: what it stores is stored here.
    pub(crate) async fn carrier(&self, world: &World) -> Self {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let carrier = Self::start_with(world, anywhere, Arc::clone(&self.shared.seen)).await;
        carrier.script().vouches = Some(self.key.clone());
        carrier
    }

    async fn start_with(world: &World, address: SocketAddr, seen: Arc<Mutex<Seen>>) -> Self {
        let script = Script {
            welcome: Ok(()),
            organisation: world.organisation.clone(),
            inflight_max: 64,
            hang_up_after: None,
            refuse: VecDeque::new(),
            refuse_subscriptions: VecDeque::new(),
            proofs: BTreeMap::from([(world.truck.id(), world.proof_of_truck())]),
            epoch: world.proof_of_epoch(1),
            key_grants: BTreeMap::from([(
                (world.tree(), Epoch::new(1)),
                world.proof_of_key_grant(1),
            )]),
            enrolling: Vec::new(),
            statements: Vec::new(),
            vices: BTreeSet::new(),
            parts: BTreeMap::new(),
            vouches: None,
            logs: BTreeMap::from([(
                world.organisation.clone(),
                ControlLog::new(&world.organisation, &world.node),
            )]),
        };
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            seen,
            changed: watch::Sender::new(0),
            hang_up: watch::Sender::new(0),
        });
        let endpoint = bind(address, &world.node).await;
        let address = endpoint.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(endpoint, Arc::clone(&shared)));
        let (key, organisation) = (world.node.clone(), world.organisation.clone());
        Self { shared, address, key, organisation, tasks }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint {
            address: self.address.to_string(),
            node_key: self.key.public_key(),
            organisation: self.organisation.clone(),
        }
    }

    /// A connected client.
    pub(crate) async fn client(&self, identity: &Arc<Identity>, world: &World) -> Client {
        Client::connect(self.endpoint(), Arc::clone(identity), world.trust(), options())
            .await
            .unwrap()
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.shared.script.lock().unwrap()
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.seen.lock().unwrap()
    }

    /// Ends every connection without a word.
    pub(crate) fn hang_up(&self) {
        self.shared.hang_up.send_modify(|times| *times += 1);
    }

    /// Stops listening and ends every connection.
    pub(crate) async fn stop(mut self) -> SocketAddr {
        self.tasks.shutdown().await;
        self.address
    }

    /// Puts a step into the log as if it had been published.
    pub(crate) fn append(&self, step: Step) {
        self.seen().log.push(step);
        self.shared.changed.send_modify(|version| *version += 1);
    }

    /// Waits until what was seen satisfies a condition.
    pub(crate) async fn until(&self, mut condition: impl FnMut(&Seen) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        while !condition(&self.seen()) {
            changed.changed().await.unwrap();
        }
    }

    /// Every stored envelope, decoded.
    pub(crate) fn envelopes(&self) -> Vec<Envelope> {
        let seen = self.seen();
        let records = seen.log.iter().filter_map(|step| match step {
            Step::Record(stored) => Some(Envelope::decode(stored.envelope.clone()).unwrap()),
            Step::Gap { .. } => None,
        });
        records.collect()
    }
}

/// Impatient, so that reconnecting takes no time.
pub(crate) fn options() -> ClientOptions {
    ClientOptions::default().backoff(Duration::from_millis(5), Duration::from_millis(20))
}

/// Listens; where a node has only just stopped there, as soon as its socket is gone.
async fn bind(address: SocketAddr, key: &SigningKey) -> quinn::Endpoint {
    let config = tls::quic_server_config(key).unwrap();
    let binding = async {
        loop {
            match tls::server_endpoint(address, config.clone(), key) {
                Ok(endpoint) => return endpoint,
                Err(error) if error.kind() == ErrorKind::AddrInUse => {
                    tokio::task::yield_now().await;
                }
                Err(error) => panic!("{address}: {error}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), binding).await.unwrap()
}
