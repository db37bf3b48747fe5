//! From a configuration to a running hub: opens what is stored and gives each part what it owns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use sekisho::OsEntropy;
use sekisho_policy::Policy;
use sekisho_proto::{BootId, Filter, Hash, Offset, Statement, StatementBody, Timestamp};
use sekisho_routing::{Limits, RestoredStream, Router};
use sekisho_seal::{EntropyError, SigningKey, draw};
use sekisho_store::{RecordReader as _, StoreError};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tracing::warn;

use super::access::{AccessLog, AccessLogError};
use super::alarm::Alarm;
use super::attesting::{Attesting, Signing};
use super::authority::{Authority, ReplayError};
use super::cursors::Cursors;
use super::ingress::Ingress;
use super::logs::Logs;
use super::places::Places;
use super::presence::Presence;
use super::rates::Rates;
use super::replay::{HistoryBudgets, Replays};
use super::request::{REQUESTS_MAX, Request};
use super::retention::Retention;
use super::shard::{Ended, Group, Shard, Waiting};
use super::{Boards, Hub, KeyHeaders, LinkBoard, Room, Wants};
use crate::clock;
use crate::clock::ClockError;
use crate::clock::mark::Mark;
use crate::config::Config;
use crate::engine::{self, KeyedStore, Log, Reader};
use crate::homeward::WaysHome;
use crate::mqtt::Memory;

/// A hub and the thread behind it.
#[derive(Debug)]
pub struct Started {
    /// The hub.
    pub hub: Arc<Hub>,
    /// Ends after [`Hub::stop`].
    pub shard: std::thread::JoinHandle<Ended>,
}

/// Why a node does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// What is stored cannot be opened.
    #[error("data directory")]
    Store(#[from] StoreError),
    /// What is stored does not follow.
    #[error("control log")]
    Replay(#[from] ReplayError),
    /// The access log cannot be opened.
    #[error(transparent)]
    Access(#[from] AccessLogError),
    /// The clock is behind the time when this node was last at work.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The organisation's first statements name no root.
    #[error("genesis: wanted the root statement of {organisation} first, found {found}")]
    Genesis {
        /// Whose node this is.
        organisation: sekisho_proto::OrgName,
        /// What came first.
        found: &'static str,
    },
    /// The system gave no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The system gave no thread.
    #[error("shard: wanted a thread of its own")]
    Thread(#[source] std::io::Error),
}

impl Hub {
    /// Opens the store, replays the control logs and starts the shard. `key` is the node's.
    ///
    /// # Errors
    /// The data directory is refused, damaged or in use; or the first statements are not this
    /// organisation's.
    pub fn start(
        config: Config,
        key: Arc<SigningKey>,
        genesis: &[Statement],
    ) -> Result<Started, StartError> {
        let node = key.id();
        let root = root_of(&config, genesis)?;
        let (records, keyed) = engine::open(&config)?;
        let now = clock::now();
        let mark = Mark::open(&config.data, now)?;
        let authority =
            Authority::replay(&config.organisation, root, genesis, Arc::clone(&keyed), now)?;
        let places = Places::default();
        watch_peers(&authority, &places, &keyed, now);
        let reader = records.reader();
        let key_headers = Arc::new(KeyHeaders::new(Arc::clone(&keyed), Room::of(&config)));
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        let retention = Retention::new(&config);
        let router = router(&authority.snapshot(), &records, &reader);
        let secrets = engine::secrets(&config).map_err(AccessLogError::from)?;
        let access = Arc::new(AccessLog::open(&config.organisation, Arc::clone(&keyed), secrets)?);
        let attesting = Signing::new(Arc::clone(&key), &config.key);
        let attesting = Arc::new(Attesting::new(draw_boot()?, attesting));
        let logs = open_logs(&config, key, &keyed, (&authority, &access))?;
        let link_board = Arc::<LinkBoard>::default();
        let history = HistoryBudgets::new(&authority.snapshot(), Arc::clone(&link_board));
        let replays = replays((&reader, &access), &sender, history);
        let alarm = Arc::new(Alarm::default());
        let read = |source| ReplayError::Read { source };
        let wants = Arc::new(Wants::read(&config.organisation, &*keyed).map_err(read)?);
        let mqtt = Memory::open(&config.organisation, &keyed, &reader, now).map_err(read)?;
        let shard = Shard {
            router,
            log: records,
            cursors: Cursors::new(Arc::clone(&keyed)),
            retention,
            requests,
            replays,
            links: BTreeMap::new(),
            sessions: BTreeMap::new(),
            group: Group::default(),
            retaining: Arc::clone(mqtt.retaining()),
            waiting: Waiting::default(),
            alarm: Arc::clone(&alarm),
            attesting: Arc::clone(&attesting),
            poison: None,
        };
        let shard = run(shard, &authority)?;
        let ingress = ingress(&config, &key_headers);
        let hub = Self {
            node,
            access,
            authority,
            logs,
            ingress,
            key_headers,
            boards: Boards::default(),
            places,
            link_board,
            wants,
            presence: Presence::default(),
            ways_home: WaysHome::default(),
            rates: Arc::new(Rates::new(config.requests_per_second_max)),
            mark,
            mqtt,
            alarm,
            attesting,
            keyed,
            reader,
            shard: sender,
            announcing: tokio::sync::Mutex::default(),
            sessions: AtomicU64::new(1),
            config,
        };
        Ok(Started { hub: Arc::new(hub), shard })
    }
}

/// The number of this run, as the node uses it where it publishes for others.
fn draw_boot() -> Result<BootId, EntropyError> {
    Ok(BootId::new(*draw(&mut OsEntropy::new())?))
}

/// The readers of old pages, which hand them to the shard as long as it is there.
fn replays(
    (reader, access): (&Reader, &Arc<AccessLog>),
    shard: &mpsc::Sender<Request>,
    history: HistoryBudgets,
) -> Replays<Reader> {
    let tasks = (Handle::current(), shard.downgrade());
    Replays::new(reader.clone(), Arc::clone(access), tasks, history)
}

/// The shard on its thread.
fn run(
    mut shard: Shard<Log, KeyedStore>,
    authority: &Authority,
) -> Result<std::thread::JoinHandle<Ended>, StartError> {
    shard.retention.follow(&authority.snapshot());
    let thread = std::thread::Builder::new().name("shard".to_owned());
    thread.spawn(move || shard.run()).map_err(StartError::Thread)
}

/// Both logs of the organisation, and what is kept of others'.
fn open_logs(
    config: &Config,
    key: Arc<SigningKey>,
    keyed: &Arc<KeyedStore>,
    (authority, access): (&Authority, &AccessLog),
) -> Result<Logs, ReplayError> {
    let (organisation, keyed) = (config.organisation.clone(), Arc::clone(keyed));
    let (control, access) = (authority.log().clone(), access.log().clone());
    let logs = Logs::open(organisation, key, keyed, control, access);
    logs.map_err(|source| ReplayError::Read { source })
}

/// An organisation that is not heard fails closed after a while, also where this node was down
/// meanwhile, and whoever brings its word.
fn watch_peers(authority: &Authority, places: &Places, keyed: &KeyedStore, now: Timestamp) {
    let policy = authority.snapshot();
    let peers = policy.peers().into_iter().map(|peering| (peering.organisation, peering.from));
    let passed_on = policy.routes(now).into_iter().filter(|route| !route.is_direct());
    let passed_on = passed_on.map(|route| (route.organisation, route.view.from));
    for (organisation, from) in peers.chain(passed_on) {
        let heard = match places.of(keyed, &organisation) {
            Ok(resume) => resume.heard,
            Err(fault) => {
                warn!(%organisation, %fault, "when it was last heard cannot be read");
                None
            }
        };
        authority.note_heard(&organisation, heard.unwrap_or(from));
    }
}

/// The fingerprint of the root that the whole node trusts.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other kind is refused alike")]
fn root_of(config: &Config, genesis: &[Statement]) -> Result<Hash, StartError> {
    let organisation = config.organisation.clone();
    let Some(first) = genesis.first() else {
        return Err(StartError::Genesis { organisation, found: "nothing" });
    };
    match first.body() {
        StatementBody::OrgRoot(root) if root.organisation == organisation => {
            Ok(Hash::of(first.body_bytes()))
        }
        StatementBody::OrgRoot(_) => {
            Err(StartError::Genesis { organisation, found: "another organisation's root" })
        }
        _ => Err(StartError::Genesis { organisation, found: "another kind of statement" }),
    }
}

fn ingress(config: &Config, key_headers: &Arc<KeyHeaders>) -> Ingress {
    let organisation = config.organisation.clone();
    Ingress::new(organisation, config.envelope_bytes_max, Arc::clone(key_headers))
}

/// A router that knows what the log knows.
pub(super) fn router(policy: &Arc<Policy>, records: &Log, reader: &Reader) -> Router {
    let mut router = Router::new(Limits::default(), Arc::clone(policy), reader.head());
    let mut homes = BTreeSet::new();
    for head in records.streams() {
        homes.insert(head.topic.organisation().clone());
        let restored = RestoredStream {
            topic: head.topic,
            publisher: head.stream.publisher,
            boot: head.stream.boot,
            sequence: head.stream.sequence,
            hash: head.hash,
            time: head.time,
            forgotten: head.forgotten,
        };
        router.restore_stream(&restored);
    }
    homes.remove(policy.own());
    for home in homes {
        for topic in reader.topics(&Filter::everything(&home)) {
            if let Some(last) = topic.next_offset.value().checked_sub(1) {
                router.restore_offset(&topic.topic, Offset::new(last));
            }
        }
    }
    router
}

#[cfg(test)]
mod tests;
