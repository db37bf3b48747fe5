//! Gets an epoch's key to a reader: which tree the topic was sealed with, whether a steward granted
//! the key to us, the owner's or one of our own organisation that handed it on, and unwrapping it.
//! Keys are shared by all subscriptions of a client.
//!
//! A key header names an epoch's number and not its tree, and trees may overlap or be replaced: a
//! key is the right one where it opens what the publisher committed to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sekisho_proto::{
    Epoch, Filter, Topic,
    frame::{AnswerBody, Question},
    statement::EpochAnnounce,
};
use sekisho_seal::{
    EpochKeyPair, Opener, VerifiedKeyHeader, unwrap_announced_epoch_seed, unwrap_epoch_seed,
};

use super::{release, verifier::Interrupted};
use crate::{
    clock,
    message::BodyError,
    query::QueryError,
    session::{Session, link::Link},
};

/// Epoch keys remembered; an epoch lasts hours at least.
const KEYS_MAX: usize = 4096;

/// Epoch keys that were granted to this client.
#[derive(Debug, Default)]
pub(crate) struct KeyRing {
    keys: Mutex<BTreeMap<(Filter, Epoch), Arc<EpochKeyPair>>>,
}

impl KeyRing {
    /// Those of the epoch's number of every tree that holds the topic.
    fn of(&self, topic: &Topic, epoch: Epoch) -> Vec<Arc<EpochKeyPair>> {
        let keys = self.lock();
        let held = keys.iter().filter(|((tree, of), _keys)| *of == epoch && tree.matches(topic));
        held.map(|(_place, keys)| Arc::clone(keys)).collect()
    }

    fn insert(&self, tree: Filter, epoch: Epoch, keys: Arc<EpochKeyPair>) {
        let mut held = self.lock();
        if held.len() >= KEYS_MAX {
            held.clear();
        }
        held.insert((tree, epoch), keys);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Filter, Epoch), Arc<EpochKeyPair>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What opens a stream's envelopes, asking the node for what is missing.
pub(super) async fn find(
    session: &Session,
    link: &Link,
    key_header: &VerifiedKeyHeader,
) -> Result<Result<Arc<Opener>, BodyError>, Interrupted> {
    let content = key_header.key_header().content();
    let (topic, epoch) = (&content.topic, content.epoch);
    let search = Search { session, link, key_header, topic, epoch };
    for keys in session.key_ring.of(topic, epoch) {
        if let Ok(opener) = Opener::new(key_header, &keys) {
            return Ok(Ok(Arc::new(opener)));
        }
    }
    let mut found = Err(BodyError::NoKey { topic: topic.clone(), epoch });
    let mut asked = Vec::new();
    if let Some(tree) = search.likely_tree().await? {
        search.ask(tree, &mut asked, &mut found).await?;
        if found.is_ok() {
            return Ok(found);
        }
    }
    // Sealed to an epoch of the past, or what we know of the present one is out of date.
    let present = search.announced_now().await?;
    let is_present = present.as_ref().is_some_and(|announced| announced.epoch == epoch)
        && !matches!(found, Err(BodyError::Open(_)));
    let earlier = if is_present { Vec::new() } else { trees_of(topic) };
    for tree in present.map(|announced| announced.tree).into_iter().chain(earlier) {
        search.ask(tree, &mut asked, &mut found).await?;
        if found.is_ok() {
            break;
        }
    }
    Ok(found)
}

/// Every tree of which a topic may be a part: the topic alone, and what begins as it does.
fn trees_of(topic: &Topic) -> Vec<Filter> {
    let levels: Vec<&str> = topic.levels().collect();
    let beginnings = (1..=levels.len()).rev().filter_map(|count| levels.get(..count));
    let wider = beginnings.filter_map(|levels| format!("{}/#", levels.join("/")).parse().ok());
    [Filter::from(topic)].into_iter().chain(wider).collect()
}

/// What a key is looked for with.
struct Search<'a> {
    session: &'a Session,
    link: &'a Link,
    key_header: &'a VerifiedKeyHeader,
    topic: &'a Topic,
    epoch: Epoch,
}

impl Search<'_> {
    /// The tree the topic is sealed with now, as far as is known here.
    async fn likely_tree(&self) -> Result<Option<Filter>, Interrupted> {
        let announced = match self.session.replica.epoch(self.topic, clock::now()) {
            Some(known) => Some(known),
            None => self.announced_now().await?,
        };
        Ok(announced.map(|announced| announced.tree))
    }

    /// The epoch the topic is sealed to now, as the node can prove: it names the tree.
    async fn announced_now(&self) -> Result<Option<EpochAnnounce>, Interrupted> {
        learn(self.session, self.link, Question::EpochOf(self.topic.clone())).await?;
        Ok(self.session.replica.epoch(self.topic, clock::now()))
    }

    /// Looks for a key of the epoch in one tree, unless that was asked for before.
    async fn ask(
        &self,
        tree: Filter,
        asked: &mut Vec<Filter>,
        found: &mut Result<Arc<Opener>, BodyError>,
    ) -> Result<(), Interrupted> {
        if asked.contains(&tree) {
            return Ok(());
        }
        let (session, epoch) = (self.session, self.epoch);
        let question = Question::KeyGrants { tree: tree.clone(), epoch };
        learn(session, self.link, question).await?;
        let reader = &session.identity;
        let announced = session.replica.epoch(self.topic, clock::now());
        let announced = announced.filter(|known| known.epoch == epoch && known.tree == tree);
        for (id, grant) in session.replica.key_grants(&reader.id(), &tree, epoch).iter().rev() {
            let unwrapped = match &announced {
                Some(announce) => unwrap_announced_epoch_seed(reader, grant, announce),
                None => unwrap_epoch_seed(reader, grant),
            };
            let keys = match unwrapped {
                Ok(keys) => keys,
                Err(cause) => {
                    *found = Err(BodyError::Grant(cause));
                    continue;
                }
            };
            match Opener::new(self.key_header, &keys) {
                Ok(opener) => {
                    let logged = release::is_logged(session, self.link, id, grant).await?;
                    if let Err(cause) = logged {
                        *found = Err(BodyError::NotLogged(cause));
                        continue;
                    }
                    session.key_ring.insert(tree, epoch, Arc::new(keys));
                    *found = Ok(Arc::new(opener));
                    return Ok(());
                }
                Err(cause) => *found = Err(BodyError::Open(cause)),
            }
        }
        asked.push(tree);
        Ok(())
    }
}

/// Asks for statements and believes those that hold.
async fn learn(session: &Session, link: &Link, question: Question) -> Result<(), Interrupted> {
    match link.query(question, session.options.query_timeout).await {
        Ok(AnswerBody::Statements(statements)) => {
            session.replica.learn(&statements);
            Ok(())
        }
        Err(QueryError::Refused(refusal)) if !refusal.code.is_passing() => {
            tracing::debug!(%refusal, "node has no such statements");
            Ok(())
        }
        Ok(_) => Err(Interrupted::by(&QueryError::WrongAnswer)),
        Err(cause) => Err(Interrupted::by(&cause)),
    }
}
