//! What a node remembers for MQTT's clients, also over a restart: their sessions, retained messages,
//! wills and shares. Rights are asked where something leaves, not here.
//!
//! The log is the queue: what waits for a client is in it, and a session says where to go on.

mod giving;
mod retaining;
mod sessions;
mod shares;
mod vitals;
mod wills;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sekisho_proto::{OrgName, RefusalCode, Timestamp};
use sekisho_store::{Keyed as _, KeyedChange, KeyedError};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::clock;
use crate::engine::{KeyedStore, Reader};
use crate::hub::{Hub, Refusal, internal, metrics};

pub(crate) use giving::Fetched;
pub(crate) use retaining::{Retaining, ToRetain};
pub(crate) use sessions::SubscriptionCount;
pub(crate) use shares::Membership;
pub(crate) use vitals::{Report, Tally, Vitals};

use sessions::Sessions;
use shares::Shares;

/// How often is looked what is due: a will's delay and a session's expiry are told in seconds.
const LOOK: Duration = Duration::from_millis(200);
/// How long what need not be on the disk at once may wait for it.
const FLUSH: Duration = Duration::from_secs(1);

/// One node's memory of MQTT's clients.
#[derive(Debug)]
pub(crate) struct Memory {
    keyed: Arc<KeyedStore>,
    reader: Reader,
    retaining: Arc<Retaining>,
    sessions: Mutex<Sessions>,
    shares: Arc<Shares>,
    vitals: Arc<Vitals>,
    /// What is not on the disk yet; `None` = to be removed.
    unwritten: Mutex<BTreeMap<String, Option<Bytes>>>,
    /// Held by whoever writes.
    writing: tokio::sync::Mutex<()>,
    /// Something is due.
    due: Notify,
}

impl Memory {
    /// Takes up what was remembered. Connections that a crash ended have ended now.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn open(
        own: &OrgName,
        keyed: &Arc<KeyedStore>,
        reader: &Reader,
        now: Timestamp,
    ) -> Result<Arc<Self>, KeyedError> {
        let retaining = Retaining::open(own, &**keyed, reader)?;
        let sessions = Sessions::open(&**keyed, now)?;
        let shares = Shares::open(&**keyed, &sessions)?;
        let (known, kept) = (sessions.len(), retaining.len());
        if known > 0 || kept > 0 {
            info!(sessions = known, retained = kept, "took up what MQTT's clients left");
        }
        Ok(Arc::new(Self {
            keyed: Arc::clone(keyed),
            reader: reader.clone(),
            retaining: Arc::new(retaining),
            sessions: Mutex::new(sessions),
            shares: Arc::new(shares),
            vitals: Arc::new(Vitals::new(now)),
            unwritten: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            due: Notify::new(),
        }))
    }

    /// What the shard tells of records to be retained.
    pub(crate) const fn retaining(&self) -> &Arc<Retaining> {
        &self.retaining
    }

    /// What is counted of all connections.
    pub(crate) const fn vitals(&self) -> &Arc<Vitals> {
        &self.vitals
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        // Nothing that holds it can panic.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unwritten(&self) -> MutexGuard<'_, BTreeMap<String, Option<Bytes>>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_later(&self, name: String, value: Option<Bytes>) {
        self.unwritten().insert(name, value);
    }

    /// Makes everything durable that was said before. Many that ask at once share one flush.
    async fn write(self: &Arc<Self>) -> Result<(), Refusal> {
        let memory = Arc::clone(self);
        // Runs to its end also where whoever asked hangs up: what was taken must be written.
        let writing = tokio::spawn(async move {
            let _writing = memory.writing.lock().await;
            let mut taken = std::mem::take(&mut *memory.unwritten());
            // After the sessions: who has what they have read past is known by now.
            taken.extend(memory.shares.take_changes());
            taken.extend(memory.retaining.take_changes());
            if taken.is_empty() {
                return Ok(());
            }
            let keyed = Arc::clone(&memory.keyed);
            let changes: Vec<KeyedChange> = taken
                .iter()
                .map(|(name, value)| match value {
                    Some(value) => KeyedChange::PutBlob(name.clone(), value.clone()),
                    None => KeyedChange::RemoveBlob(name.clone()),
                })
                .collect();
            let write = move || {
                let changes = effective(&*keyed, changes)?;
                if changes.is_empty() { Ok(()) } else { keyed.apply(&changes) }
            };
            let written = spawn_blocking(write).await;
            let written = written.map_err(|fault| internal("session", &fault))?;
            written.map_err(|fault| {
                error!(%fault, changes = taken.len(), "what MQTT's clients left is not kept");
                let mut unwritten = memory.unwritten();
                for (name, value) in taken {
                    unwritten.entry(name).or_insert(value);
                }
                Refusal::new(RefusalCode::StorageFull, "session", fault.to_string())
            })
        });
        writing.await.map_err(|fault| internal("session", &fault))?
    }
}

/// Without the removal of what is not there: most sessions were never written.
fn effective<K: sekisho_store::Keyed>(
    keyed: &K,
    changes: Vec<KeyedChange>,
) -> Result<Vec<KeyedChange>, KeyedError> {
    let mut effective = Vec::with_capacity(changes.len());
    for change in changes {
        if let KeyedChange::RemoveBlob(name) = &change
            && keyed.blob(name)?.is_none()
        {
            continue;
        }
        effective.push(change);
    }
    Ok(effective)
}

/// Does what is due until `stop`, and keeps everything at the end.
pub(crate) async fn run(hub: Arc<Hub>, stop: CancellationToken) {
    let memory = hub.mqtt();
    let mut looks = tokio::time::interval(LOOK);
    let mut flushes = tokio::time::interval(FLUSH);
    let system = hub.config().mqtt.system_interval;
    let mut says = tokio::time::interval(system.unwrap_or(FLUSH));
    for interval in [&mut looks, &mut flushes, &mut says] {
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    }
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = memory.due.notified() => {
                wills::send_due(&hub, clock::now()).await;
                // Somebody has left: what it had done by then is not to be sent again.
                drop(memory.write().await);
            }
            _at = looks.tick() => wills::send_due(&hub, clock::now()).await,
            _at = says.tick(), if system.is_some() => {
                memory.vitals.tell(memory.retaining.len(), clock::now());
            }
            _at = flushes.tick() => {
                memory.retaining.expire(clock::now());
                metrics::set(metrics::MQTT_SESSIONS, memory.sessions().len() as u64);
                metrics::set(metrics::MQTT_RETAINED, memory.retaining.len() as u64);
                // What failed was said, and is tried again.
                drop(memory.write().await);
            }
        }
    }
    drop(memory.write().await);
}
