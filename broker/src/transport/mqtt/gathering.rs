//! Messages that came together: they go to the log together, and those that are answered to nobody
//! are waited for together.

use std::collections::HashMap;

use sekisho_mqtt::mapping::{NameError, Prefix};
use sekisho_proto::{Header, Topic};
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::Live;
use super::publishing::Which;
use crate::hub::{Letter, Posted};

/// Letters that go together at most: what they keep others waiting for at the door.
const TOGETHER_MAX: usize = 256;
/// Bytes of bodies that go together at most, unless the last letter alone is larger: a connection
/// holds no more of them.
const TOGETHER_BYTES_MAX: usize = 256 * 1024;
/// Names of which the topics are remembered; beyond it all are forgotten.
const TOPICS_MAX: usize = 64;

/// A message on its way to the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) quality: u8,
    /// 0 with quality 0.
    pub(super) id: u16,
    /// Messages: itself, and those of quality 0 before it.
    weight: usize,
}

impl Pending {
    pub(super) const fn new(quality: u8, id: u16) -> Self {
        Self { quality, id, weight: 1 }
    }
}

/// What names stand for.
#[derive(Debug, Default)]
pub(super) struct Topics(HashMap<String, Topic>);

impl Topics {
    /// The topic of a name.
    pub(super) fn of(&mut self, prefix: &Prefix, name: &str) -> Result<Topic, NameError> {
        if let Some(known) = self.0.get(name) {
            return Ok(known.clone());
        }
        let topic = prefix.topic(name)?;
        if self.0.len() >= TOPICS_MAX {
            self.0.clear();
        }
        self.0.insert(name.to_owned(), topic.clone());
        Ok(topic)
    }
}

impl<S> Live<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// Expects an answer; under which request.
    pub(super) fn expect(&mut self, pending: Pending) -> u64 {
        self.requests = self.requests.wrapping_add(1);
        self.waiting += pending.weight;
        self.pending.insert(self.requests, pending);
        self.requests
    }

    /// There is an answer.
    pub(super) fn heard_of(&mut self, request: u64) -> Option<Pending> {
        let pending = self.pending.remove(&request)?;
        self.waiting = self.waiting.saturating_sub(pending.weight);
        Some(pending)
    }

    /// Has a letter wait for others that come with it, unless there are enough.
    pub(super) async fn gather(&mut self, pending: Pending, letter: Letter) {
        self.gathered_bytes = self.gathered_bytes.saturating_add(letter.body.len());
        self.gathered.push((pending, letter));
        if self.gathered.len() >= TOGETHER_MAX || self.gathered_bytes >= TOGETHER_BYTES_MAX {
            self.post().await;
        }
    }

    /// Sends on what was gathered. Of quality 0 nobody is told anything: of several in a row the last
    /// is heard of, and they are stored in order.
    pub(super) async fn post(&mut self) {
        let gathered = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        let Some(last) = gathered.len().checked_sub(1) else { return };
        let notes = self.asks_for_no_own();
        let (mut posted, mut noted, mut unheard) =
            (Vec::with_capacity(last + 1), Vec::with_capacity(last + 1), 0);
        for (index, (pending, letter)) in gathered.into_iter().enumerate() {
            let is_to_note = notes || letter.flags & Header::FLAG_RETAIN != 0;
            noted.push(is_to_note.then(|| (letter.topic.clone(), letter.flags)));
            let request = if pending.quality == 0 && index < last {
                unheard += 1;
                None
            } else {
                let weight = pending.weight + std::mem::take(&mut unheard);
                Some(self.expect(Pending { weight, ..pending }))
            };
            posted.push(Posted { request, letter });
        }
        let sequences = self.session.attest_all(posted).await;
        for (noted, sequence) in noted.into_iter().zip(sequences) {
            if let (Some((topic, flags)), Some(sequence)) = (noted, sequence) {
                self.note_own(topic, Which::attested(&self.door.hub, sequence), flags);
            }
        }
    }
}
