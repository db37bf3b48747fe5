//! What somebody without a key of its own publishes: numbered and, when it leaves, signed by this
//! node, which says so in the header.
//!
//! A publisher numbers its envelopes itself and knows which was the last; here the node does it for
//! it. It has one boot for each run, and remembers for each publisher and topic where the chain
//! ends. Where it does not know, because it has just started, forgot to save memory, or an envelope
//! was not stored after all, it asks the shard, which knows.

mod gathered;
mod signing;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use dashmap::DashMap;
use sekisho_proto::{
    BootId, ContentType, Epoch, Hash, Header, PrincipalId, Scope, Sequence, Suite, Timestamp, Topic,
};
use sekisho_routing::{Carriage, Record, SessionId};
use tokio::sync::{Mutex, oneshot};

use super::{Carrier, Hub, Refusal, Request};
pub(crate) use gathered::Posted;
pub(crate) use signing::{Signing, Unsigned};

/// What a client without a key of its own wants to have published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    /// Where to.
    pub(crate) topic: Topic,
    /// As the client sent it; everybody on the way can read it.
    pub(crate) body: Bytes,
    /// What it is.
    pub(crate) content_type: ContentType,
    /// See [`Header::flags`].
    pub(crate) flags: u32,
    /// Seconds in which it is worth delivering; 0 = for ever.
    pub(crate) expiry_s: u32,
}

/// Chains remembered; beyond it those that nobody uses at the moment are asked for again. 65,536 ×
/// ~250 bytes = 16 MB.
const CHAINS_MAX: usize = 65_536;

/// Numbers the envelopes of publishers that do not do so themselves.
#[derive(Debug)]
pub(crate) struct Attesting {
    boot: BootId,
    pub(crate) signing: Signing,
    chains: DashMap<(PrincipalId, Topic), Arc<Chain>>,
}

/// The envelopes of one publisher on one topic.
#[derive(Debug, Default)]
struct Chain {
    /// Held from the number until the envelope is in the shard's queue, so that they are there in
    /// order. `None`: to be asked for.
    end: Arc<Mutex<Option<End>>>,
    /// One of them was not stored: what is remembered of the end is not to be relied upon.
    is_broken: AtomicBool,
}

#[derive(Debug, Clone, Copy)]
struct End {
    next: Sequence,
    previous: Option<Hash>,
}

impl Chain {
    /// Whether its end is to be asked for.
    fn take_broken(&self) -> bool {
        self.is_broken.load(Ordering::Acquire) && self.is_broken.swap(false, Ordering::AcqRel)
    }
}

impl Attesting {
    /// `boot` was drawn for this run of the node.
    pub(crate) fn new(boot: BootId, signing: Signing) -> Self {
        Self { boot, signing, chains: DashMap::new() }
    }

    /// This run of the node.
    pub(super) const fn boot(&self) -> BootId {
        self.boot
    }

    /// Envelopes of these chains were not stored.
    pub(crate) fn doubt(&self, unstored: Vec<(PrincipalId, Topic)>) {
        for key in unstored {
            if let Some(chain) = self.chains.get(&key) {
                chain.is_broken.store(true, Ordering::Release);
            }
        }
    }

    fn chain(&self, publisher: PrincipalId, topic: &Topic) -> Arc<Chain> {
        if self.chains.len() >= CHAINS_MAX {
            self.chains.retain(|_key, chain| Arc::strong_count(chain) > 1);
        }
        Arc::clone(&self.chains.entry((publisher, topic.clone())).or_default())
    }
}

impl Hub {
    /// A record's envelope as it may leave for somebody who verifies.
    ///
    /// # Errors
    /// It was attested by a key that this node has not any more.
    pub(crate) fn signed(&self, record: &Record) -> Result<Bytes, Unsigned> {
        self.attesting.signing.signed(record)
    }

    /// Numbers a letter in place of its publisher, takes it through the door and hands it to the
    /// shard, which answers the session. Tells the number. It is signed when it leaves.
    ///
    /// # Errors
    /// The first rule it breaks, or the node is stopping.
    pub(crate) async fn attest(
        &self,
        publisher: PrincipalId,
        letter: Letter,
        sender: (SessionId, u64),
        now: Timestamp,
    ) -> Result<Sequence, Refusal> {
        let unnoted = |_boot, _sequence| std::future::ready(Ok(()));
        self.attest_noting(publisher, letter, sender, now, unnoted).await
    }

    /// As [`attest`](Self::attest), and before the shard hears of it somebody notes the run and the
    /// number under which it can be found again.
    ///
    /// # Errors
    /// As there, or it could not be noted.
    pub(crate) async fn attest_noting<F>(
        &self,
        publisher: PrincipalId,
        letter: Letter,
        (session, request): (SessionId, u64),
        now: Timestamp,
        note: impl FnOnce(BootId, Sequence) -> F,
    ) -> Result<Sequence, Refusal>
    where
        F: Future<Output = Result<(), Refusal>>,
    {
        self.arrived(&Carrier::Principal(publisher), now)?;
        let chain = self.attesting.chain(publisher, &letter.topic);
        let mut end = chain.end.lock().await;
        if chain.take_broken() {
            *end = None;
        }
        let at = match *end {
            Some(at) => at,
            None => self.chain_end(publisher, &letter.topic).await?,
        };
        let (header, body) = self.header_of(publisher, letter, at, now);
        let bytes = body.len();
        let policy = self.authority.snapshot();
        let carriage = Carriage::Session { session, request };
        let entry =
            self.ingress.attest(&policy, (header, &body), self.logs.key(), carriage, now)?;
        let hash = entry.hash;
        let entry = self.keep_up(entry, ("attested", bytes), now).await?;
        note(self.attesting.boot, at.next).await?;
        self.ask(Request::Publish { admitted: entry.admitted }).await?;
        *end = Some(End { next: at.next.next(), previous: Some(hash) });
        Ok(at.next)
    }

    /// Whether the envelope that a node numbered so in one of its runs is durable.
    ///
    /// # Errors
    /// The node is stopping.
    pub(crate) async fn has_taken(
        &self,
        publisher: PrincipalId,
        topic: Topic,
        (boot, sequence): (BootId, Sequence),
    ) -> Result<bool, Refusal> {
        loop {
            let (answer, asked) = oneshot::channel();
            let of = topic.clone();
            self.ask(Request::StreamHead { publisher, boot, topic: of, answer }).await?;
            if sequence < asked.await.map_err(|_gone| Refusal::stopping())? {
                return Ok(true);
            }
            let (answer, asked) = oneshot::channel();
            let of = topic.clone();
            self.ask(Request::ChainEnd { publisher, boot, topic: of, answer }).await?;
            let found = asked.await.map_err(|_gone| Refusal::stopping())?;
            if found.is_none_or(|(next, _previous)| sequence >= next) {
                return Ok(false);
            }
            // On its way to the disk: the outcome is not known before its group is settled.
            tokio::task::yield_now().await;
        }
    }

    async fn chain_end(&self, publisher: PrincipalId, topic: &Topic) -> Result<End, Refusal> {
        let (answer, asked) = oneshot::channel();
        let (boot, topic) = (self.attesting.boot, topic.clone());
        self.ask(Request::ChainEnd { publisher, boot, topic, answer }).await?;
        let found = asked.await.map_err(|_gone| Refusal::stopping())?;
        Ok(found.map_or(End { next: Sequence::new(0), previous: None }, |(next, previous)| End {
            next,
            previous: Some(previous),
        }))
    }

    fn header_of(
        &self,
        publisher: PrincipalId,
        letter: Letter,
        end: End,
        now: Timestamp,
    ) -> (Header, Bytes) {
        let Letter { topic, body, content_type, flags, expiry_s } = letter;
        let header = Header {
            suite: Suite::Open,
            topic,
            publisher,
            boot: self.attesting.boot,
            sequence: end.next,
            time: now,
            epoch: Epoch::ZERO,
            key_header: None,
            previous: end.previous,
            content_type,
            sample_count: 0,
            flags,
            expiry_s,
            scope: Scope::Federation,
            attester: Some(self.node),
        };
        (header, body)
    }
}

#[cfg(test)]
mod tests;
