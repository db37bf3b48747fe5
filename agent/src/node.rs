//! Publishes to the organisation's node with the SDK: one publisher and, where configured, one
//! spool for each topic.
//!
//! Nothing waits for the node but a topic's very first envelope ever, which needs to be told how
//! it is to be sealed. After that the spool takes everything, in tunnels too.

use std::{
    collections::BTreeMap,
    error::Error as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use sekisho::{
    Batch, Client, ClientOptions, ConnectError, Profile, ProfileError, PublishError, Publisher,
};
use sekisho_proto::{Hash, Sample, Topic};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    clock::Stopwatch,
    config::{Config, PublishConfig},
    run::{Report, RunError, Sink, SinkError, run},
};

/// Topics of one agent: a city's buses, a topic for each of some ten sensors. Each has a spool and
/// a task of its own.
pub const TOPICS_MAX: usize = 4096;

/// How long a topic that cannot be published on is let alone. What comes for it meanwhile is lost, and
/// counted.
const GIVEN_UP_FOR: Duration = Duration::from_secs(60);

/// The file that says which topic a spool is of.
const TOPIC_FILE: &str = "topic";

/// The folder of a spool's envelopes.
const ENVELOPES_FOLDER: &str = "envelopes";

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
    /// Whether other topics may be published on all the same.
    fn is_the_topics(&self) -> bool {
        match self {
            Self::Publish { source, .. } => !matches!(**source, PublishError::Closed),
            Self::TooManyTopics { .. } => true,
            Self::Unconfigured
            | Self::Profile(_)
            | Self::Connect(_)
            | Self::Spool { .. }
            | Self::Run(_) => false,
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
    let published = tokio::select! {
        biased;
        () = cancel.cancelled() => return Ok(Report::default()),
        resumed = sink.resume() => match resumed {
            Ok(()) => run(config, &mut sink, cancel).await.map_err(NodeError::from),
            Err(error) => Err(error),
        },
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
    publishers: BTreeMap<Topic, Publisher>,
    /// Topics that could not be published on, and since when.
    given_up: BTreeMap<Topic, Stopwatch>,
    /// Samples that came for them, and why the last one was not taken.
    samples_given_up: u64,
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
            .map_err(refused)?;
        Ok(Self {
            client,
            config: config.clone(),
            inputs: 1,
            publishers: BTreeMap::new(),
            given_up: BTreeMap::new(),
            samples_given_up: 0,
            fault: None,
        })
    }

    /// Begins to publish what earlier runs left in their spools.
    ///
    /// # Errors
    ///
    /// The folder of the spools cannot be used, or the node does not take this agent.
    pub async fn resume(&mut self) -> Result<(), NodeError> {
        let Some(spools) = self.config.spool.clone() else { return Ok(()) };
        for topic in left(&spools)? {
            match self.publisher(&topic).await {
                Ok(_publisher) => {}
                Err(fault) if fault.is_the_topics() => {
                    let cause = fault.source().map(ToString::to_string);
                    warn!(%topic, %fault, cause, "what an earlier run left in its spool stays there");
                }
                Err(fault) => return Err(fault),
            }
        }
        info!(topics = self.publishers.len(), "spools of earlier runs opened");
        Ok(())
    }

    /// Ends the session. What the node has not stored stays in the spools, where there are any.
    pub async fn close(self) {
        drop(self.publishers);
        self.client.close().await;
    }

    /// Lets a topic alone for a while.
    fn give_up(&mut self, topic: &Topic, fault: &NodeError) {
        if self.given_up.len() >= TOPICS_MAX {
            self.given_up.retain(|_topic, since| since.elapsed() < GIVEN_UP_FOR);
        }
        if self.given_up.len() < TOPICS_MAX {
            let cause = fault.source().map(ToString::to_string);
            warn!(%topic, %fault, cause, "topic given up for now: what comes for it is lost");
            self.given_up.insert(topic.clone(), Stopwatch::start());
        }
    }

    async fn publisher(&mut self, topic: &Topic) -> Result<Publisher, NodeError> {
        if let Some(publisher) = self.publishers.get(topic) {
            return Ok(publisher.clone());
        }
        if self.publishers.len() >= TOPICS_MAX {
            return Err(NodeError::TooManyTopics { topic: topic.clone() });
        }
        let PublishConfig { batch_interval, batch_samples, batch_bytes, .. } = self.config;
        let batch = Batch { interval: batch_interval, samples: batch_samples, bytes: batch_bytes };
        let mut builder =
            self.client.publisher(topic.clone()).batch(batch).scope(self.config.scope);
        if let Some(spools) = &self.config.spool {
            builder = builder.spool(prepare(spools, topic)?);
        }
        let start = builder.start();
        let hopeless = async {
            match self.client.connected().await {
                Ok(_welcome) => std::future::pending().await,
                Err(error) => error,
            }
        };
        let publisher = tokio::select! {
            started = start => started.map_err(|source| {
                NodeError::Publish { topic: topic.clone(), source: Box::new(source) }
            })?,
            error = hopeless => return Err(refused(error)),
        };
        self.publishers.insert(topic.clone(), publisher.clone());
        Ok(publisher)
    }
}

impl Sink for NodeSink {
    async fn publish(&mut self, topic: &Topic, sample: Sample) -> Result<(), SinkError> {
        if self.given_up.get(topic).is_some_and(|since| since.elapsed() < GIVEN_UP_FOR) {
            self.samples_given_up += 1;
            return Ok(());
        }
        match self.publisher(topic).await {
            Ok(publisher) => {
                self.given_up.remove(topic);
                publisher.publish(sample).await.map_err(SinkError::new)
            }
            Err(fault) if fault.is_the_topics() => {
                self.give_up(topic, &fault);
                self.samples_given_up += 1;
                // As many as there are inputs, and none that works: it is the agent that is wrong.
                if self.publishers.is_empty() && self.given_up.len() >= self.inputs {
                    return Err(SinkError::new(fault));
                }
                self.fault = Some(fault);
                Ok(())
            }
            Err(fault) => Err(SinkError::new(fault)),
        }
    }

    async fn persist(&mut self) -> Result<(), SinkError> {
        let mut result = Ok(());
        for publisher in self.publishers.values() {
            result = result.and(publisher.persist().await);
        }
        result.map_err(SinkError::new)
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        let flushing = async {
            let mut result = Ok(());
            for publisher in self.publishers.values() {
                result = result.and(publisher.flush().await);
            }
            result
        };
        tokio::select! {
            flushed = flushing => {
                flushed.map_err(SinkError::new)?;
                self.fault.take().map_or(Ok(()), |fault| Err(SinkError::new(fault)))
            }
            // A revoked vehicle would wait for ever; what it has stays in its spools.
            barred = self.client.barred() => Err(SinkError::new(barred)),
        }
    }

    fn samples_lost(&self) -> u64 {
        let lost = |publisher: &Publisher| {
            let state = publisher.state();
            state.samples_lost.saturating_add(state.samples_left_out)
        };
        self.samples_given_up + self.publishers.values().map(lost).sum::<u64>()
    }
}

fn refused(error: ConnectError) -> NodeError {
    NodeError::Connect(Box::new(error))
}

/// Makes the folder of a topic's spool, and says in it whose it is.
fn prepare(spools: &Path, topic: &Topic) -> Result<PathBuf, NodeError> {
    let folder = spools.join(Hash::of(topic.as_str().as_bytes()).to_string());
    let file = folder.join(TOPIC_FILE);
    let write = || {
        fs::create_dir_all(&folder)?;
        if !file.exists() {
            // Renamed into place, so that no torn name is ever found, whenever the power fails.
            let draft = folder.join("topic.new");
            let mut named = fs::File::create(&draft)?;
            named.write_all(topic.as_str().as_bytes())?;
            named.sync_all()?;
            fs::rename(draft, &file)?;
            fs::File::open(&folder)?.sync_all()?;
            fs::File::open(spools)?.sync_all()?;
        }
        Ok(())
    };
    write().map_err(|source| NodeError::Spool { path: folder.clone(), source })?;
    Ok(folder.join(ENVELOPES_FOLDER))
}

/// The topics that have a spool.
fn left(spools: &Path) -> Result<Vec<Topic>, NodeError> {
    let error = |path: &Path| {
        let path = path.to_path_buf();
        |source| NodeError::Spool { path, source }
    };
    let entries = match fs::read_dir(spools) {
        Ok(entries) => entries,
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(error(spools)(source)),
    };
    let mut topics = Vec::new();
    for entry in entries {
        let folder = entry.map_err(error(spools))?.path();
        let file = folder.join(TOPIC_FILE);
        if !folder.join(ENVELOPES_FOLDER).is_dir() || !file.is_file() {
            continue;
        }
        let text = fs::read_to_string(&file).map_err(error(&file))?;
        let topic = Topic::parse(&text)
            .map_err(|wrong| error(&file)(io::Error::new(io::ErrorKind::InvalidData, wrong)))?;
        topics.push(topic);
    }
    topics.sort_unstable();
    Ok(topics)
}

#[cfg(test)]
mod tests;
