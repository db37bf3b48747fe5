//! Publishes to the organisation's node with the SDK: one publisher and, where configured, one
//! spool for each topic.
//!
//! Nothing waits for the node but a topic's very first envelope ever, which needs to be told how
//! it is to be sealed: what comes for that topic is held meanwhile, and the others go on. After
//! that the spool takes everything, in tunnels too.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error as _,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sekisho::{
    Batch, Client, ClientOptions, ConnectError, Profile, ProfileError, PublishError, Publisher,
};
use sekisho_proto::{Sample, Topic};
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::{
    lane::{Lane, Stand},
    spools::{left, prepare},
};
use crate::{
    config::{Config, PublishConfig},
    run::{Losses, Report, RunError, Sink, SinkError, run},
};

mod lane;
mod spools;

/// Topics of one agent: a city's buses, a topic for each of some ten sensors. Each has a spool and
/// a task of its own.
pub const TOPICS_MAX: usize = 4096;

/// Samples that are held, of all topics together, until their publishers have started: hours of a
/// vehicle's. Where there are more, reading waits.
pub const HELD_MAX: u32 = 65_536;

/// Publishers that start at the same time, each with a spool to open.
const STARTS_MAX: usize = 32;

/// How long one that starts keeps others from it. Longer means that it waits for the node.
const START_ALONE: Duration = Duration::from_secs(1);

/// Why nothing can be published to the node.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The configuration does not say who publishes.
    #[error("configuration: publish: wanted a table, found nothing")]
    Unconfigured,
    /// The folder of the identity cannot be used.
    #[error("identity: wanted the folder that `sekisho join` made")]
    Profile(#[from] ProfileError),
    /// The node does not take this agent.
    #[error("node: wanted a session")]
    Connect(#[source] Box<ConnectError>),
    /// The folder of the spools cannot be used.
    #[error("spool {}: wanted a folder that can be read and written", path.display())]
    Spool {
        /// The folder or file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There are more topics than one agent may have.
    #[error("topics: wanted at most {TOPICS_MAX}, found one more: {topic}")]
    TooManyTopics {
        /// The one too many.
        topic: Topic,
    },
    /// A topic cannot be published on.
    #[error("topic {topic}: wanted to publish")]
    Publish {
        /// The topic.
        topic: Topic,
        /// Why not.
        source: Box<PublishError>,
    },
    /// The agent itself stopped.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl NodeError {
    fn publish(topic: &Topic, source: PublishError) -> Self {
        Self::Publish { topic: topic.clone(), source: Box::new(source) }
    }

    /// Whether other topics may be published on all the same.
    fn is_the_topics(&self) -> bool {
        match self {
            Self::Publish { source, .. } => !matches!(**source, PublishError::Closed),
            Self::TooManyTopics { .. } | Self::Spool { .. } => true,
            Self::Unconfigured | Self::Profile(_) | Self::Connect(_) | Self::Run(_) => false,
        }
    }
}

/// Reads everything that a configuration names and publishes it to its node, until all inputs
/// have ended or it is cancelled. When they have ended it waits until the node has stored
/// everything; when it is cancelled it leaves the rest in the spools, for the next run.
///
/// # Errors
///
/// [`NodeError`]. An input that cannot be read is told in the [`Report`] instead.
pub async fn publish_to_node(
    config: &Config,
    cancel: &CancellationToken,
) -> Result<Report, NodeError> {
    let publish = config.publish.as_ref().ok_or(NodeError::Unconfigured)?;
    let mut sink = NodeSink::open(publish)?;
    sink.inputs = config.inputs.len();
    let published = match sink.resume() {
        Ok(()) => run(config, &mut sink, cancel).await.map_err(NodeError::from),
        Err(error) => Err(error),
    };
    sink.close().await;
    published
}

/// A node as a sink.
#[derive(Debug)]
pub struct NodeSink {
    client: Client,
    config: PublishConfig,
    inputs: usize,
    lanes: BTreeMap<Topic, Lane>,
    /// Those that took samples since it was last made sure that these are kept.
    unkept: BTreeSet<Topic>,
    /// Room for samples that are held.
    room: Arc<Semaphore>,
    starts: Arc<Semaphore>,
    /// Samples of topics that were given up.
    given_up: Arc<AtomicU64>,
    /// Samples lost by publishers that others have replaced.
    lost_before: u64,
    /// Why a topic was given up, the first of those that were tried anew.
    fault: Option<NodeError>,
}

impl NodeSink {
    /// Begins a session with the node that the identity's folder names, and does not wait for it.
    ///
    /// # Errors
    ///
    /// The folder does not hold an identity that can be used.
    pub fn open(config: &PublishConfig) -> Result<Self, NodeError> {
        let profile = Profile::load(&config.identity)?;
        let identity = Profile::identity(&config.identity)?;
        let software = concat!("sekisho-agent/", env!("CARGO_PKG_VERSION"));
        let options = ClientOptions::default().software(software).trust_folder(&config.identity);
        let client = Client::start(profile.endpoint(), identity, profile.trust(), options)
            .map_err(|error| NodeError::Connect(Box::new(error)))?;
        Ok(Self {
            client,
            config: config.clone(),
            inputs: 1,
            lanes: BTreeMap::new(),
            unkept: BTreeSet::new(),
            room: Arc::new(Semaphore::new(HELD_MAX as usize)),
            starts: Arc::new(Semaphore::new(STARTS_MAX)),
            given_up: Arc::default(),
            lost_before: 0,
            fault: None,
        })
    }

    /// Begins to publish what earlier runs left in their spools, and does not wait for it.
    ///
    /// # Errors
    ///
    /// The folder of the spools cannot be read.
    pub fn resume(&mut self) -> Result<(), NodeError> {
        let Some(spools) = self.config.spool.clone() else { return Ok(()) };
        let left = left(&spools)?;
        for fault in left.faults {
            let cause = fault.source().map(ToString::to_string);
            warn!(%fault, cause, "what an earlier run left in a spool stays there");
        }
        info!(topics = left.topics.len(), "spools of earlier runs found");
        for topic in left.topics {
            self.has_lane(&topic);
        }
        Ok(())
    }

    /// Ends the session. What the node has not stored stays in the spools, where there are any.
    pub async fn close(self) {
        drop(self.lanes);
        self.client.close().await;
    }

    /// Whether a topic has a lane; it is given one unless there are too many.
    fn has_lane(&mut self, topic: &Topic) -> bool {
        match self.lanes.get(topic) {
            Some(lane) if lane.has_rested() => self.forget(topic),
            Some(_) => return true,
            None => {}
        }
        if self.lanes.len() >= TOPICS_MAX {
            let mut lanes = self.lanes.iter();
            let Some((rested, _lane)) = lanes.find(|(_topic, lane)| lane.has_rested()) else {
                return false;
            };
            self.forget(&rested.clone());
        }
        let lane = Lane::start(topic.clone(), self.starting(topic), Arc::clone(&self.given_up));
        self.lanes.insert(topic.clone(), lane);
        true
    }

    /// Forgets a lane, but for what it lost and why.
    fn forget(&mut self, topic: &Topic) {
        if let Some(lane) = self.lanes.remove(topic) {
            self.lost_before = self.lost_before.saturating_add(lane.samples_lost());
            self.fault = self.fault.take().or_else(|| lane.take_fault());
        }
    }

    /// Starts a publisher.
    fn starting(
        &self,
        topic: &Topic,
    ) -> impl Future<Output = Result<Publisher, NodeError>> + Send + 'static {
        let PublishConfig { batch_interval, batch_samples, batch_bytes, .. } = self.config;
        let batch = Batch { interval: batch_interval, samples: batch_samples, bytes: batch_bytes };
        let (client, spools) = (self.client.clone(), self.config.spool.clone());
        let builder = client.publisher(topic.clone()).batch(batch).scope(self.config.scope);
        let (starts, topic) = (Arc::clone(&self.starts), topic.clone());
        async move {
            let turn = starts.acquire_owned().await;
            let start = async {
                let builder = match spools {
                    Some(spools) => builder.spool(prepare(&spools, &topic)?),
                    None => builder,
                };
                builder.start().await.map_err(|cause| NodeError::publish(&topic, cause))
            };
            tokio::pin!(start);
            match tokio::time::timeout(START_ALONE, &mut start).await {
                Ok(started) => return started,
                Err(_elapsed) => drop(turn),
            }
            let hopeless = async {
                match client.connected().await {
                    Ok(_welcome) => std::future::pending().await,
                    Err(error) => NodeError::Connect(Box::new(error)),
                }
            };
            tokio::select! {
                started = start => started,
                hopeless = hopeless => Err(hopeless),
            }
        }
    }

    /// Counts a sample that is given up; an error where it is the agent that is wrong, and not a
    /// topic: as many topics as there are inputs, and none that can be published on.
    fn count_given_up(&self, topic: &Topic) -> Result<(), SinkError> {
        self.given_up.fetch_add(1, Ordering::Relaxed);
        let Some(lane) = self.lanes.get(topic) else { return Ok(()) };
        let is_all = || self.lanes.values().all(Lane::is_given_up);
        if lane.is_hopeless() || (self.lanes.len() >= self.inputs && is_all()) {
            return lane.take_fault().map_or(Ok(()), |fault| Err(SinkError::new(fault)));
        }
        Ok(())
    }

    /// A publisher takes nothing any more.
    fn end(&self, publisher: &Publisher, cause: PublishError) -> Result<(), SinkError> {
        let topic = publisher.topic();
        let fault = NodeError::publish(topic, cause);
        match self.lanes.get(topic) {
            Some(lane) if fault.is_the_topics() => {
                lane.give_up(fault, publisher.clone());
                Ok(())
            }
            Some(_) | None => Err(SinkError::new(fault)),
        }
    }
}

impl Sink for NodeSink {
    async fn publish(&mut self, topic: &Topic, mut sample: Sample) -> Result<(), SinkError> {
        if !self.has_lane(topic) {
            let fault = NodeError::TooManyTopics { topic: topic.clone() };
            if self.fault.is_none() {
                warn!(%fault, "what comes for it is lost");
            }
            self.fault.get_or_insert(fault);
            return self.count_given_up(topic);
        }
        if !self.unkept.contains(topic) {
            self.unkept.insert(topic.clone());
        }
        while let Some(lane) = self.lanes.get(topic) {
            match lane.stand() {
                Stand::Starting => {
                    let room = tokio::select! {
                        room = Arc::clone(&self.room).acquire_owned() => room,
                        _started = lane.settled() => continue,
                    };
                    let room = room.map_err(SinkError::new)?;
                    let Err(back) = lane.hold((sample, room)) else { return Ok(()) };
                    sample = back;
                }
                Stand::Open(publisher) => {
                    let Err(cause) = publisher.publish(sample).await else { return Ok(()) };
                    self.end(&publisher, cause)?;
                    return self.count_given_up(topic);
                }
                Stand::GivenUp => return self.count_given_up(topic),
            }
        }
        Ok(())
    }

    async fn persist(&mut self) -> Result<(), SinkError> {
        let _nothing_held = self.room.acquire_many(HELD_MAX).await;
        let mut persisting = JoinSet::new();
        for topic in &self.unkept {
            let Some(lane) = self.lanes.get(topic) else { continue };
            if let Stand::Open(publisher) = lane.settled().await {
                persisting.spawn(async move { (publisher.persist().await, publisher) });
            }
        }
        while let Some(persisted) = persisting.join_next().await {
            let (persisted, publisher) = persisted.map_err(SinkError::new)?;
            if let Err(cause) = persisted {
                self.end(&publisher, cause)?;
            }
        }
        self.unkept.clear();
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        let flushing = async {
            let mut result = Ok(());
            for (topic, lane) in &self.lanes {
                if let Stand::Open(publisher) = lane.settled().await {
                    let flushed = publisher.flush().await;
                    result = result.and(flushed.map_err(|it| NodeError::publish(topic, it)));
                }
            }
            result
        };
        tokio::select! {
            flushed = flushing => {
                flushed.map_err(SinkError::new)?;
                let given_up = || self.lanes.values().find_map(Lane::take_fault);
                let fault = self.fault.take().or_else(given_up);
                fault.map_or(Ok(()), |fault| Err(SinkError::new(fault)))
            }
            // A revoked vehicle would wait for ever; what it has stays in its spools.
            barred = self.client.barred() => Err(SinkError::new(barred)),
        }
    }

    fn losses(&self) -> Losses {
        let lost = self.lanes.values().map(Lane::samples_lost).sum::<u64>();
        Losses {
            lost: self.lost_before.saturating_add(lost),
            given_up: self.given_up.load(Ordering::Relaxed),
        }
    }

    fn samples_held(&self) -> u64 {
        u64::from(HELD_MAX).saturating_sub(self.room.available_permits() as u64)
    }
}

#[cfg(test)]
mod tests;
