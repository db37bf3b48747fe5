//! Every route at work, until the bridge is stopped or one of them cannot go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sekisho::{
    Client, ClientOptions, ConnectError, Filter, Profile, ProfileError, PublishError,
    SubscribeError, Topic,
};
use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::config::Config;
use crate::route::Carrier;

/// Why the bridge does not go on.
#[derive(Debug, Error)]
pub enum RepublishError {
    /// The folder of the identity cannot be used.
    #[error("identity: wanted the folder that `sekisho join` made")]
    Profile(#[from] ProfileError),
    /// The node does not take this bridge, or not any more.
    #[error("node: wanted a session")]
    Connect(#[source] Box<ConnectError>),
    /// What it reads is not given to it, or not any more.
    #[error("subscription to {filter}: wanted what is published there")]
    Subscribe {
        /// What it reads.
        filter: Filter,
        /// Why not.
        source: Box<SubscribeError>,
    },
    /// What it publishes is not taken.
    #[error("topic {topic}: wanted to publish what was opened")]
    Publish {
        /// Where.
        topic: Topic,
        /// Why not.
        source: Box<PublishError>,
    },
}

/// What was counted since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that came and were verified.
    pub messages: u64,
    /// Of these, those that were published and stored.
    pub published: u64,
    /// Of these, those that there is no right to bridge.
    pub withheld: u64,
    /// Of these, those that could not be opened, or not be published there.
    pub unfit: u64,
    /// Gaps and records that did not stand verification.
    pub missed: u64,
}

/// The same while it is counted.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    pub(crate) messages: AtomicU64,
    pub(crate) published: AtomicU64,
    pub(crate) withheld: AtomicU64,
    pub(crate) unfit: AtomicU64,
    pub(crate) missed: AtomicU64,
}

impl Counting {
    fn tally(&self) -> Tally {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tally {
            messages: count(&self.messages),
            published: count(&self.published),
            withheld: count(&self.withheld),
            unfit: count(&self.unfit),
            missed: count(&self.missed),
        }
    }
}

/// Republishes until it is cancelled.
///
/// # Errors
/// [`RepublishError`]: a right is missing, or the configuration names what is not there. What was
/// not stored comes again with the next start.
pub async fn run(config: &Config, cancel: &CancellationToken) -> Result<Tally, RepublishError> {
    let profile = Profile::load(&config.identity)?;
    let keys = Profile::identity(&config.identity)?;
    let software = concat!("sekisho-republish/", env!("CARGO_PKG_VERSION"));
    let options = ClientOptions::default().software(software).trust_folder(&config.identity);
    let client = Client::start(profile.endpoint(), keys, profile.trust(), options)
        .map_err(|cause| RepublishError::Connect(Box::new(cause)))?;
    let counting = Arc::new(Counting::default());
    let stop = cancel.child_token();
    let mut routes = JoinSet::new();
    for route in &config.routes {
        let carrier =
            Carrier::new(&client, &profile.principal, route.clone(), Arc::clone(&counting));
        routes.spawn(carrier.run(config.start, stop.clone()));
    }
    info!(principal = %profile.principal, routes = config.routes.len(), "at work");
    let mut failed = None;
    loop {
        let ended = tokio::select! {
            ended = routes.join_next() => ended,
            cause = client.barred(), if failed.is_none() => {
                failed = Some(RepublishError::Connect(Box::new(cause)));
                // Nothing that a route still has to say would be heard.
                routes.abort_all();
                continue;
            }
        };
        match ended {
            Some(Ok(Err(cause))) => {
                stop.cancel();
                failed.get_or_insert(cause);
            }
            Some(Ok(Ok(())) | Err(_)) => {}
            None => break,
        }
    }
    client.close().await;
    failed.map_or_else(|| Ok(counting.tally()), Err)
}
