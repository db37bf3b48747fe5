//! Ways home: one task for each peer whose publishers' envelopes this node carries to it. What comes
//! from a session goes out in the order in which it came; the home's answers find their way back.
//! Nothing is kept here: what cannot be carried now is refused, and stays with its publisher.

mod line;
mod way;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sekisho_proto::{Frame, OrgName, RefusalCode, statement::PeeringParty};
use sekisho_seal::SigningKey;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, info, info_span};

use crate::clock;
use crate::hub::{Cut, Hub, Passage, Refusal, Teller, Untold};

/// Envelopes that wait to be carried to one home.
const WAITING_MAX: usize = 4_096;
/// What they may hold, KiB.
const WAITING_KIB_MAX: u32 = 32 * 1_024;
/// How often is looked whether a contract has begun.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_secs(30);

/// The ways that are open at present.
#[derive(Debug, Default)]
pub(crate) struct WaysHome {
    open: Mutex<BTreeMap<OrgName, Way>>,
}

/// A place in a queue.
type Place = mpsc::OwnedPermit<Traveller>;

/// Where to put what goes to one home.
#[derive(Debug, Clone)]
struct Way {
    queue: mpsc::Sender<Traveller>,
    room: Arc<Semaphore>,
}

/// An envelope on its way home.
#[derive(Debug)]
pub(crate) struct Traveller {
    passage: Passage,
    back: Back,
    _room: OwnedSemaphorePermit,
}

/// Who waits for the home's answer.
#[derive(Debug)]
pub(crate) struct Back {
    /// The number of the client's request.
    pub(crate) request: u64,
    /// The session's answers.
    pub(crate) answers: Teller,
    /// Ends a session that does not read them.
    pub(crate) cut: Cut,
}

impl Back {
    /// Passes an answer on, which speaks of the client's own request by now.
    fn tell(&self, frame: Frame) {
        if self.answers.try_tell(frame) == Err(Untold::Full) {
            self.cut.fire(RefusalCode::TooMany, "the client does not read its answers");
        }
    }
}

impl WaysHome {
    /// Sends an envelope on its way.
    ///
    /// # Errors
    /// There is no way there now, or no room on it: the publisher may try again.
    pub(crate) fn send(&self, passage: Passage, back: Back) -> Result<(), Refusal> {
        let (place, room) = self.room(passage.home(), passage.bytes())?;
        place.send(Traveller { passage, back, _room: room });
        Ok(())
    }

    /// A place in the queue to a home, and room for so many bytes.
    fn room(&self, home: &OrgName, bytes: usize) -> Result<(Place, OwnedSemaphorePermit), Refusal> {
        let Some(Way { queue, room }) = self.lock().get(home).cloned() else {
            return Err(away(home, "found no way there yet"));
        };
        let taken = room.try_acquire_many_owned(kibibytes(bytes));
        let room = taken.map_err(|_none| crowded(home))?;
        let place = queue.try_reserve_owned().map_err(|none| match none {
            mpsc::error::TrySendError::Full(_queue) => crowded(home),
            mpsc::error::TrySendError::Closed(_queue) => away(home, "found the way closed"),
        })?;
        Ok((place, room))
    }

    fn begin(&self, home: &OrgName) -> mpsc::Receiver<Traveller> {
        let (queue, travellers) = mpsc::channel(WAITING_MAX);
        let room = Arc::new(Semaphore::new(WAITING_KIB_MAX as usize));
        self.lock().insert(home.clone(), Way { queue, room });
        travellers
    }

    fn end(&self, home: &OrgName) {
        self.lock().remove(home);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<OrgName, Way>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens and closes ways as the contracts say, until `stop`.
pub(crate) async fn run(hub: Arc<Hub>, key: Arc<SigningKey>, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    let mut running: BTreeMap<OrgName, CancellationToken> = BTreeMap::new();
    let mut changed = hub.authority().watch();
    let ended = Arc::new(Notify::new());
    loop {
        changed.mark_unchanged();
        running.retain(|_home, done| !done.is_cancelled());
        for peering in hub.authority().snapshot().peers() {
            let home = peering.organisation;
            if running.contains_key(&home) || destination(&hub, &home).is_none() {
                continue;
            }
            info!(%home, "envelopes of its publishers are carried home from here");
            let done = CancellationToken::new();
            running.insert(home.clone(), done.clone());
            let travellers = hub.ways_home().begin(&home);
            let (hub, key, stop) = (Arc::clone(&hub), Arc::clone(&key), stop.clone());
            let ended = Arc::clone(&ended);
            let span = info_span!("way home", %home);
            let task = async move {
                way::run(hub, key, home, travellers, stop).await;
                done.cancel();
                ended.notify_one();
            };
            tasks.spawn(task.instrument(span));
        }
        tokio::select! {
            () = stop.cancelled() => break,
            gone = changed.changed() => if gone.is_err() { break },
            // A contract that took the place of the one before begins when that one's way has ended.
            () = ended.notified() => {}
            // A contract may begin by the clock alone.
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
    tasks.close();
    tasks.wait().await;
}

/// The other party of the contract by which envelopes are carried to a home, while it is in force.
fn destination(hub: &Hub, home: &OrgName) -> Option<PeeringParty> {
    let policy = hub.authority().snapshot();
    let peering = policy.peer(home)?;
    let carries = peering.is_in_force(clock::now()) && !peering.ours.carries_home.is_empty();
    carries.then_some(peering.theirs)
}

/// A refusal that makes publishers wait: the home is not to be reached.
fn away(home: &OrgName, found: &str) -> Refusal {
    let why = format!("wanted its node to carry an envelope to, {found}");
    Refusal::new(RefusalCode::Draining, format!("home {home}"), why)
}

fn crowded(home: &OrgName) -> Refusal {
    let why = format!(
        "wanted at most {WAITING_MAX} envelopes and {WAITING_KIB_MAX} KiB waiting to be carried \
         there, found more"
    );
    Refusal::new(RefusalCode::TooMany, format!("home {home}"), why)
}

/// Rounded up, so that the smallest takes room, too.
fn kibibytes(bytes: usize) -> u32 {
    u32::try_from(bytes / 1_024).unwrap_or(u32::MAX).saturating_add(1).min(WAITING_KIB_MAX)
}

#[cfg(test)]
mod tests;
