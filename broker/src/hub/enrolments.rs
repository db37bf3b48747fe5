//! Devices that wait to be enrolled: the node passes their requests on and decides nothing.
//!
//! The proof is made with the token's secret, which only the steward can check.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sekisho_proto::{RefusalCode, Timestamp, TokenId, frame};
use serde::Serialize;
use tokio::sync::watch;

use super::refusal::Refusal;

/// Devices that may wait at a time; a fleet of this size enrols in one go.
const WAITING_MAX: usize = 2_048;

/// The waiting room.
#[derive(Debug, Default)]
pub struct Enrolments {
    waiting: Arc<Mutex<BTreeMap<TokenId, Entry>>>,
}

#[derive(Debug)]
struct Entry {
    enrol: frame::Enrol,
    since: Timestamp,
    word: watch::Sender<Word>,
}

/// What the steward has said of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Nothing.
    Nothing,
    /// What it waits for.
    Waits(String),
    /// Why it will not be enrolled.
    Refused(String),
}

/// One device's place; it is given up when dropped.
#[derive(Debug)]
pub struct Waiting {
    room: Arc<Mutex<BTreeMap<TokenId, Entry>>>,
    token: TokenId,
    word: watch::Receiver<Word>,
}

/// A request as the steward reads it; bytes in hexadecimal.
#[derive(Debug, Clone, Serialize)]
pub struct WaitingDevice {
    token: String,
    public_key: String,
    kem_suite: u32,
    kem_public_key: String,
    proof: String,
    /// For the steward alone: the node cannot read it.
    #[serde(skip_serializing_if = "String::is_empty")]
    sign_in: String,
    since: String,
}

impl Enrolments {
    /// Takes a place.
    ///
    /// # Errors
    /// The room is full, or somebody with another key waits under the same token.
    pub fn wait(&self, enrol: frame::Enrol, now: Timestamp) -> Result<Waiting, Refusal> {
        let token = enrol.token_id;
        let mut room = lock(&self.waiting);
        let taken =
            room.get(&token).is_some_and(|entry| entry.enrol.public_key != enrol.public_key);
        if taken {
            let why = "wanted a token nobody else waits with, found one in use";
            return Err(Refusal::new(RefusalCode::BadEnrolment, format!("token {token}"), why));
        }
        if room.len() >= WAITING_MAX && !room.contains_key(&token) {
            let why = format!("wanted fewer than {WAITING_MAX} devices waiting, found no room");
            return Err(Refusal::new(RefusalCode::TooMany, "enrolments", why));
        }
        let (sender, word) = watch::channel(Word::Nothing);
        room.insert(token, Entry { enrol, since: now, word: sender });
        Ok(Waiting { room: Arc::clone(&self.waiting), token, word })
    }

    /// Everybody who waits, for the steward; whoever came first is first.
    #[must_use]
    pub fn list(&self) -> Vec<WaitingDevice> {
        let room = lock(&self.waiting);
        let mut entries: Vec<&Entry> = room.values().collect();
        entries.sort_by_key(|entry| entry.since);
        entries.into_iter().map(WaitingDevice::of).collect()
    }

    /// How many wait.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.waiting).len()
    }

    /// Tells one device; whether it was still waiting. The same again is not told twice.
    #[must_use]
    pub fn tell(&self, token: TokenId, word: Word) -> bool {
        let room = lock(&self.waiting);
        room.get(&token).is_some_and(|entry| {
            entry.word.send_if_modified(|known| {
                let is_new = *known != word;
                *known = word;
                is_new
            });
            !entry.word.is_closed()
        })
    }
}

impl Waiting {
    /// What the steward says next: what the device waits for.
    ///
    /// # Errors
    /// It will not be enrolled, or it asked again on another connection.
    pub async fn word(&mut self) -> Result<String, Refusal> {
        let token = self.token;
        let refused = |why| Refusal::new(RefusalCode::BadEnrolment, format!("token {token}"), why);
        loop {
            if self.word.changed().await.is_err() {
                return Err(refused("the device asked again on another connection".to_owned()));
            }
            match self.word.borrow_and_update().clone() {
                Word::Nothing => {}
                Word::Waits(why) => return Ok(why),
                Word::Refused(why) => return Err(refused(why)),
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut room = lock(&self.room);
        let ours = room
            .get(&self.token)
            .is_some_and(|entry| entry.word.subscribe().same_channel(&self.word));
        if ours {
            room.remove(&self.token);
        }
    }
}

impl WaitingDevice {
    fn of(entry: &Entry) -> Self {
        Self {
            token: entry.enrol.token_id.to_string(),
            public_key: entry.enrol.public_key.to_string(),
            kem_suite: entry.enrol.kem_suite.number(),
            kem_public_key: hex(&entry.enrol.kem_public_key),
            proof: hex(&entry.enrol.proof),
            sign_in: hex(&entry.enrol.sign_in),
            since: entry.since.to_string(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
