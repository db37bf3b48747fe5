//! Publishing on one topic: samples are gathered, sealed, signed, kept and sent until the node has
//! stored them, over as many connections as that takes.

mod backlog;
mod batch;
mod driver;
mod lost;
mod outbox;
mod protection;
mod sealing;
mod spool;
mod state;
mod uplink;

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use sekisho_proto::{ContentType, Sample, Scope, Topic};
use sekisho_seal::KeyError;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use self::{
    backlog::{Backlog, MemoryQueue},
    driver::{Command, Driver, EndedBy},
    sealing::{Stamp, Terms},
    spool::Spool,
};
use crate::{
    backoff::Backoff,
    chain::Chain,
    entropy::OsEntropy,
    query::QueryError,
    session::{Closed, Connectivity, Session, handle::SessionHandle},
};

pub(crate) use self::sealing::Protection;
pub use self::{
    batch::{Batch, Unencodable},
    lost::Lost,
    sealing::SealingError,
    spool::SpoolError,
    state::{Phase, PublisherState},
};

/// Samples that may wait for the task behind a publisher; a second of a fast device.
const COMMANDS_MAX: usize = 1024;

/// Memory for envelopes that wait, where there is no spool, bytes.
const QUEUE_BYTES_DEFAULT: usize = 16 * 1024 * 1024;

/// Why something was not published.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// No trusted statement says how to protect the topic: it has no epoch and is not open.
    #[error("topic {topic}: wanted an announced epoch or class open, found neither")]
    Unprotected {
        /// The topic.
        topic: Topic,
    },
    /// The epoch's key is none that can be sealed to.
    #[error("topic {topic}: wanted an epoch key to seal to")]
    EpochKey {
        /// The topic.
        topic: Topic,
        /// What is wrong with it.
        #[source]
        source: KeyError,
    },
    /// The node could not be asked.
    #[error("publisher: wanted an answer of the node")]
    Query(#[from] QueryError),
    /// The spool cannot be used.
    #[error("publisher: wanted to keep envelopes in its spool")]
    Spool(#[source] Arc<SpoolError>),
    /// Nothing could be sealed.
    #[error("publisher: wanted to seal an envelope")]
    Sealing(#[from] SealingError),
    /// A sample cannot travel.
    #[error("publisher: wanted samples that can travel")]
    Unencodable(#[source] Arc<Unencodable>),
    /// The node refused envelopes for good.
    #[error("publisher: wanted every envelope accepted")]
    Lost(#[source] Lost),
    /// Envelopes that were kept cannot be read any more.
    #[error("publisher: wanted what is in its spool, found {envelopes} damaged envelopes")]
    Damaged {
        /// How many.
        envelopes: u64,
    },
    /// The client or the publisher was closed.
    #[error("publisher: wanted it open, found it closed")]
    Closed,
}

impl From<Unencodable> for PublishError {
    fn from(cause: Unencodable) -> Self {
        Self::Unencodable(Arc::new(cause))
    }
}

impl From<SpoolError> for PublishError {
    fn from(cause: SpoolError) -> Self {
        Self::Spool(Arc::new(cause))
    }
}

/// How a publisher is to be. Made by [`Client::publisher`](crate::Client::publisher).
#[must_use = "nothing is published before `start`"]
#[derive(Debug)]
pub struct PublisherBuilder {
    session: SessionHandle,
    terms: Terms,
    batch: Batch,
    spool: Option<PathBuf>,
    queue_bytes_max: usize,
}

impl PublisherBuilder {
    pub(crate) fn new(session: SessionHandle, topic: Topic) -> Self {
        Self {
            session,
            terms: Terms { topic, scope: Scope::Organisation },
            batch: Batch::default(),
            spool: None,
            queue_bytes_max: QUEUE_BYTES_DEFAULT,
        }
    }

    /// Keeps sealed envelopes in this directory until the node has them, across restarts. The
    /// directory is made where it does not exist, and belongs to this topic and process alone.
    /// Default: envelopes are kept in memory.
    pub fn spool(self, directory: impl Into<PathBuf>) -> Self {
        Self { spool: Some(directory.into()), ..self }
    }

    /// How samples are gathered into envelopes. Default: 50 ms, 64 samples or 16 KiB.
    pub fn batch(self, batch: Batch) -> Self {
        Self { batch, ..self }
    }

    /// How far the envelopes may travel. Default: not beyond the topic's organisation.
    pub fn scope(self, scope: Scope) -> Self {
        let terms = Terms { scope, ..self.terms };
        Self { terms, ..self }
    }

    /// Without a spool: bytes of envelopes that may wait before [`Publisher::publish`] waits too.
    /// Default 16 MiB.
    pub fn queue_bytes(self, queue_bytes_max: usize) -> Self {
        Self { queue_bytes_max, ..self }
    }

    /// Resolves when new samples can be sealed: as soon as the node, or with a spool an earlier run,
    /// told how. From then on what an earlier run left in the spool is published.
    ///
    /// # Errors
    /// [`PublishError`]: the spool cannot be used, the topic has no protection, or the node does
    /// not tell it to this client.
    pub async fn start(self) -> Result<Publisher, PublishError> {
        let session = Arc::clone(self.session.session());
        let (mut backlog, first, proof) = match self.spool {
            None => (Backlog::Memory(MemoryQueue::new(self.queue_bytes_max)), 0, Vec::new()),
            Some(directory) => {
                let publisher = session.identity.id();
                let topic = self.terms.topic.clone();
                let (spool, opened) = Spool::open(directory, publisher, topic).await?;
                (Backlog::Spool(Box::new(spool)), opened.first, opened.proof)
            }
        };
        let protection = protect(&session, &self.terms.topic, &proof, &mut backlog).await?;
        let identity = Arc::clone(&session.identity);
        let terms = self.terms;
        let stamp = Stamp::new(identity, terms.clone(), protection, &mut OsEntropy::new())?;
        let (state, watched) = watch::channel(PublisherState::new(stamp.boot()));
        let (commands, received) = mpsc::channel(COMMANDS_MAX);
        let kept = (backlog, first);
        let driver = Driver::new(Arc::clone(&session), &terms, self.batch, stamp, kept, state);
        let ended_by = driver.ended_by();
        session.users.spawn(driver.run(received));
        let (topic, session) = (terms.topic, self.session);
        Ok(Publisher { topic, commands, state: watched, ended_by, _session: session })
    }
}

/// Asks the node how the topic is protected, or goes by what an earlier run was told.
async fn protect(
    session: &Arc<Session>,
    topic: &Topic,
    proof: &[Bytes],
    backlog: &mut Backlog,
) -> Result<Protection, PublishError> {
    session.replica.learn(proof);
    let remembered = protection::known(session, topic).ok();
    let mut backoff = Backoff::new(session.options.backoff_min, session.options.backoff_max);
    let mut generation = 0;
    loop {
        let link = match (session.connectivity(), &remembered) {
            (Connectivity::Closed, _) => return Err(PublishError::Closed),
            (_, Some(protection)) if !session.can_publish(topic) => return Ok(protection.clone()),
            (Connectivity::Up(_) | Connectivity::Down { .. }, _) => {
                let link = session.publishing_link_after(topic, generation).await;
                link.map_err(|Closed| PublishError::Closed)?
            }
        };
        match (protection::ask(session, &link, topic).await, &remembered) {
            (Ok(proven), _) => {
                protection::keep(session, topic, &proven, backlog).await?;
                return Ok(proven.protection);
            }
            (Err(PublishError::Query(_)), Some(protection)) => return Ok(protection.clone()),
            (Err(PublishError::Query(cause)), None) if cause.is_passing() => {
                tracing::warn!(%topic, cause = %Chain(&cause), "protection is asked for again");
            }
            (Err(cause), _) => return Err(cause),
        }
        if link.is_ended() {
            generation = link.generation();
        } else {
            tokio::time::sleep(backoff.next_delay(&mut OsEntropy::new())).await;
        }
    }
}

/// Publishes on one topic. Clones share the same publisher; when the last one is dropped, what was
/// handed over is still sent as long as the client lives.
#[derive(Debug, Clone)]
pub struct Publisher {
    topic: Topic,
    commands: mpsc::Sender<Command>,
    state: watch::Receiver<PublisherState>,
    ended_by: EndedBy,
    _session: SessionHandle,
}

impl Publisher {
    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Hands over a sample. Resolves when it is part of the batch being gathered; waits where the
    /// queue is full. [`Publisher::persist`] and [`Publisher::flush`] tell what became of it.
    ///
    /// # Errors
    /// [`PublishError::Closed`]; [`PublishError::Spool`] where its spool ended it.
    pub async fn publish(&self, sample: Sample) -> Result<(), PublishError> {
        self.command(Command::Sample(sample)).await
    }

    /// Hands over a body of another kind, as one envelope of its own.
    ///
    /// # Errors
    /// [`PublishError::Closed`]; [`PublishError::Spool`] where its spool ended it.
    pub async fn publish_body(
        &self,
        content_type: ContentType,
        bytes: impl Into<Bytes>,
    ) -> Result<(), PublishError> {
        self.command(Command::Body { content_type, bytes: bytes.into() }).await
    }

    /// Closes the batch; resolves when everything handed over is in the spool and on the disk
    /// (without a spool: in memory).
    ///
    /// # Errors
    /// [`PublishError::Closed`]; [`PublishError::Spool`] where its spool ended it.
    pub async fn persist(&self) -> Result<(), PublishError> {
        self.ask(Command::Persist).await
    }

    /// Closes the batch; resolves when the node has stored everything handed over, or has refused
    /// it for good. Without a connection it waits for one.
    ///
    /// # Errors
    /// What was lost since the last flush: [`PublishError::Lost`], [`PublishError::Damaged`],
    /// [`PublishError::Unencodable`] or [`PublishError::Sealing`]; [`PublishError::Closed`];
    /// [`PublishError::Spool`].
    pub async fn flush(&self) -> Result<(), PublishError> {
        self.ask(Command::Flush).await
    }

    /// Where the publisher stands.
    #[must_use]
    pub fn state(&self) -> PublisherState {
        self.state.borrow().clone()
    }

    /// Waits until the state satisfies a condition.
    ///
    /// # Errors
    /// [`PublishError::Closed`] where the publisher ended before; [`PublishError::Spool`] where its
    /// spool ended it.
    pub async fn wait_until(
        &self,
        condition: impl FnMut(&PublisherState) -> bool,
    ) -> Result<PublisherState, PublishError> {
        let mut state = self.state.clone();
        let reached = state.wait_for(condition).await.map_err(|_ended| self.ended())?;
        Ok(reached.clone())
    }

    async fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), PublishError>>) -> Command,
    ) -> Result<(), PublishError> {
        let (done, outcome) = oneshot::channel();
        self.command(command(done)).await?;
        outcome.await.map_err(|_ended| self.ended())?
    }

    async fn command(&self, command: Command) -> Result<(), PublishError> {
        self.commands.send(command).await.map_err(|_ended| self.ended())
    }

    /// Why it takes no more.
    fn ended(&self) -> PublishError {
        match self.ended_by.get() {
            Some(cause) => PublishError::Spool(Arc::clone(cause)),
            None => PublishError::Closed,
        }
    }
}
