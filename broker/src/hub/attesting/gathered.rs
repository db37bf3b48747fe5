//! Letters that came together: numbered one after the other, and handed to the shard as one.

use std::sync::Arc;

use sekisho_policy::Policy;
use sekisho_proto::{PrincipalId, Sequence, Timestamp, Topic};
use sekisho_routing::{Admitted, Carriage, SessionId};
use tokio::sync::OwnedMutexGuard;

use super::{Chain, End, Letter};
use crate::hub::{Carrier, Hub, Refusal, Request, metrics};

/// A letter, and under which request its sender waits to hear of it, where it does.
#[derive(Debug)]
pub(crate) struct Posted {
    pub(crate) request: Option<u64>,
    pub(crate) letter: Letter,
}

/// What was numbered and is not in the shard's queue.
#[derive(Debug, Default)]
struct Going {
    held: Vec<Held>,
    admitted: Vec<Admitted>,
    bytes: usize,
    /// Something that was numbered never came there.
    is_stopped: bool,
}

/// A chain that nobody else adds to meanwhile.
#[derive(Debug)]
struct Held {
    topic: Topic,
    /// As long as somebody has this it is the one that the others find.
    _chain: Arc<Chain>,
    end: OwnedMutexGuard<Option<End>>,
}

impl Hub {
    /// As [`attest`](Self::attest) for each in turn; tells of each.
    pub(crate) async fn attest_all(
        &self,
        publisher: PrincipalId,
        posted: Vec<Posted>,
        session: SessionId,
        now: Timestamp,
    ) -> Vec<Result<Sequence, Refusal>> {
        let policy = self.authority.snapshot();
        let mut going = Going { admitted: Vec::with_capacity(posted.len()), ..Going::default() };
        let mut outcomes = Vec::with_capacity(posted.len());
        for Posted { request, letter } in posted {
            let carriage = match request {
                Some(request) => Carriage::Session { session, request },
                None => Carriage::Unanswered { session },
            };
            let about = (publisher, carriage, now);
            outcomes.push(self.number(&mut going, letter, &policy, about).await);
        }
        let sent = self.send(&mut going).await;
        if sent.is_err() || going.is_stopped {
            // Which of those that went before were lost is not known, and nobody is there to say.
            return outcomes.into_iter().map(|_sent| Err(Refusal::stopping())).collect();
        }
        outcomes
    }

    async fn number(
        &self,
        going: &mut Going,
        letter: Letter,
        policy: &Policy,
        (publisher, carriage, now): (PrincipalId, Carriage, Timestamp),
    ) -> Result<Sequence, Refusal> {
        self.arrived(&Carrier::Principal(publisher), now)?;
        let known = going.held.iter().position(|held| held.topic == letter.topic);
        if known.is_none() {
            let held = self.hold(going, publisher, &letter.topic).await?;
            going.held.push(held);
        }
        let index = known.unwrap_or(going.held.len().saturating_sub(1));
        let Some(held) = going.held.get_mut(index) else { return Err(Refusal::stopping()) };
        let at = match *held.end {
            Some(at) => at,
            None => self.chain_end(publisher, &letter.topic).await?,
        };
        let (header, body) = self.header_of(publisher, letter, at, now);
        let key = self.logs.key();
        let entry = self.ingress.attest(policy, (header, &body), key, carriage, now)?;
        if let Some(granted) = entry.rate_per_s {
            self.rates.publish(&publisher, granted, now)?;
        }
        *held.end = Some(End { next: at.next.next(), previous: Some(entry.hash) });
        going.bytes = going.bytes.saturating_add(body.len());
        going.admitted.push(entry.admitted);
        Ok(at.next)
    }

    /// Takes a chain. Whoever has one waits for no other: another connection may have that and wait
    /// for this.
    async fn hold(
        &self,
        going: &mut Going,
        publisher: PrincipalId,
        topic: &Topic,
    ) -> Result<Held, Refusal> {
        let chain = self.attesting.chain(publisher, topic);
        let mut end = match Arc::clone(&chain.end).try_lock_owned() {
            Ok(end) => end,
            Err(_held) => {
                self.send(going).await?;
                Arc::clone(&chain.end).lock_owned().await
            }
        };
        if chain.take_broken() {
            *end = None;
        }
        Ok(Held { topic: topic.clone(), _chain: chain, end })
    }

    /// Hands to the shard what was numbered, and lets go of the chains.
    async fn send(&self, going: &mut Going) -> Result<(), Refusal> {
        let Going { mut held, admitted, bytes, is_stopped } = std::mem::take(going);
        going.is_stopped = is_stopped;
        if admitted.is_empty() {
            return Ok(());
        }
        let count = admitted.len();
        let sent = self.ask(Request::PublishAll { admitted }).await;
        if sent.is_ok() {
            metrics::admitted_all("attested", count, bytes);
        } else {
            going.is_stopped = true;
            held.iter_mut().for_each(|held| *held.end = None);
        }
        sent
    }
}
