//! Keeps one connection to the node alive for everything that uses it: dials, is welcomed, dials
//! again after a loss, each time later and at another moment than everybody else.

pub(crate) mod control;
mod dialler;
pub(crate) mod handle;
pub(crate) mod link;
pub(crate) mod roaming;

use std::sync::Arc;

use sekisho_proto::{PublicKey, Topic};
use sekisho_seal::Identity;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    dialler::{Away, Dialler, untrusted},
    link::Link,
    roaming::Carriers,
};
use crate::{
    backoff::Backoff,
    connection::{ConnectError, Dial, Endpoint},
    options::ClientOptions,
    subscription::keys::KeyRing,
    trust::{Replica, logs::Logs},
};

/// Where a session stands.
#[derive(Clone)]
pub(crate) enum Connectivity {
    /// Not connected; the last failure, where there was one.
    Down { failure: Option<Arc<ConnectError>> },
    /// Connected.
    Up(Arc<Link>),
    /// Ended for good.
    Closed,
}

/// What everything that speaks to the node shares.
pub(crate) struct Session {
    pub(crate) identity: Arc<Identity>,
    pub(crate) options: ClientOptions,
    /// The key of the home's node.
    pub(crate) home: PublicKey,
    pub(crate) replica: Arc<Replica>,
    pub(crate) key_ring: KeyRing,
    pub(crate) logs: Arc<Logs>,
    connectivity: watch::Receiver<Connectivity>,
    /// Ends publishers and subscriptions.
    pub(crate) users_closing: CancellationToken,
    /// Ends the connection, after them.
    closing: CancellationToken,
    pub(crate) users: TaskTracker,
    tasks: TaskTracker,
}

/// The session is closed; nothing will be sent any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("client: wanted it open, found it closed")]
pub struct Closed;

impl Session {
    /// Starts to dial.
    pub(crate) fn start(
        endpoint: Endpoint,
        identity: Arc<Identity>,
        replica: Replica,
        options: ClientOptions,
    ) -> Result<Arc<Self>, ConnectError> {
        let dial = Dial::new(endpoint, identity.signing(), &options.via)?;
        let endpoint = dial.endpoint.clone();
        let logs = Logs::open(&endpoint, options.trust_folder.as_deref())
            .map_err(|source| untrusted(&endpoint, source))?;
        let logs = Arc::new(logs);
        let replica = Arc::new(replica);
        let (state, connectivity) = watch::channel(Connectivity::Down { failure: None });
        let session = Arc::new(Self {
            identity,
            options,
            home: endpoint.node_key,
            replica: Arc::clone(&replica),
            key_ring: KeyRing::default(),
            logs: Arc::clone(&logs),
            connectivity,
            users_closing: CancellationToken::new(),
            closing: CancellationToken::new(),
            users: TaskTracker::new(),
            tasks: TaskTracker::new(),
        });
        let carriers = Carriers::open(&endpoint, session.options.trust_folder.clone(), &replica);
        let dialler = Dialler {
            home: dial,
            away: Away::new(carriers, Arc::clone(&session.identity), &session.options),
            replica,
            software: session.options.software.clone(),
            backoff: Backoff::new(session.options.backoff_min, session.options.backoff_max),
            logs,
            query_timeout: session.options.query_timeout,
            checkpoint_every: session.options.checkpoint_every,
            state,
            closing: session.closing.clone(),
        };
        session.tasks.spawn(dialler.run());
        Ok(session)
    }

    /// The connection to the home, as soon as there is one.
    pub(crate) async fn link(&self) -> Result<Arc<Link>, Closed> {
        self.link_after(0).await
    }

    /// The first connection to the home younger than the one of this generation.
    pub(crate) async fn link_after(&self, generation: u64) -> Result<Arc<Link>, Closed> {
        let fits = |link: &Link| link.carrier().is_none() && link.generation() > generation;
        self.link_that(fits).await
    }

    /// The same over which envelopes of a topic may be sent, if only to be carried home.
    pub(crate) async fn publishing_link_after(
        &self,
        topic: &Topic,
        generation: u64,
    ) -> Result<Arc<Link>, Closed> {
        self.link_that(|link| link.takes(topic) && link.generation() > generation).await
    }

    async fn link_that(&self, fits: impl Fn(&Link) -> bool) -> Result<Arc<Link>, Closed> {
        let mut connectivity = self.connectivity.clone();
        let wanted = |state: &Connectivity| match state {
            Connectivity::Up(link) => fits(link),
            Connectivity::Closed => true,
            Connectivity::Down { .. } => false,
        };
        match connectivity.wait_for(wanted).await.as_deref() {
            Ok(Connectivity::Up(link)) => Ok(Arc::clone(link)),
            Ok(Connectivity::Closed | Connectivity::Down { .. }) | Err(_) => Err(Closed),
        }
    }

    /// Where the session stands now.
    pub(crate) fn connectivity(&self) -> Connectivity {
        self.connectivity.borrow().clone()
    }

    /// Whether envelopes of a topic may be sent at the moment.
    pub(crate) fn can_publish(&self, topic: &Topic) -> bool {
        matches!(self.connectivity(), Connectivity::Up(link) if link.takes(topic))
    }

    /// Waits for the first connection to the home, or for a failure that no patience mends.
    pub(crate) async fn welcomed(&self) -> Result<Arc<Link>, ConnectError> {
        self.welcomed_by(|link| link.carrier().is_none()).await
    }

    /// The same, where a node that carries home will do.
    pub(crate) async fn welcomed_anywhere(&self) -> Result<Arc<Link>, ConnectError> {
        self.welcomed_by(|_link| true).await
    }

    async fn welcomed_by(&self, fits: impl Fn(&Link) -> bool) -> Result<Arc<Link>, ConnectError> {
        let mut connectivity = self.connectivity.clone();
        let decided = |state: &Connectivity| match state {
            Connectivity::Up(link) => fits(link),
            Connectivity::Closed => true,
            Connectivity::Down { failure } => {
                failure.as_ref().is_some_and(|failure| failure.is_permanent())
            }
        };
        let state = connectivity.wait_for(decided).await.map(|state| state.clone());
        match state {
            Ok(Connectivity::Up(link)) => Ok(link),
            Ok(Connectivity::Down { failure: Some(failure) }) => Err((*failure).clone()),
            Ok(Connectivity::Down { failure: None } | Connectivity::Closed) | Err(_) => {
                Err(ConnectError::Closed)
            }
        }
    }

    /// Waits for a failure that no patience mends.
    pub(crate) async fn barred(&self) -> ConnectError {
        let mut connectivity = self.connectivity.clone();
        let decided = |state: &Connectivity| match state {
            Connectivity::Up(_) => false,
            Connectivity::Closed => true,
            Connectivity::Down { failure } => {
                failure.as_ref().is_some_and(|failure| failure.is_permanent())
            }
        };
        match connectivity.wait_for(decided).await.as_deref() {
            Ok(Connectivity::Down { failure: Some(failure) }) => (**failure).clone(),
            Ok(
                Connectivity::Down { failure: None } | Connectivity::Up(_) | Connectivity::Closed,
            )
            | Err(_) => ConnectError::Closed,
        }
    }

    /// Ends publishers and subscriptions, then the connection, and waits for all of them.
    pub(crate) async fn close(&self) {
        self.users_closing.cancel();
        self.users.close();
        self.users.wait().await;
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Ends everything without waiting.
    pub(crate) fn abandon(&self) {
        self.users_closing.cancel();
        self.closing.cancel();
        self.users.close();
        self.tasks.close();
    }
}
