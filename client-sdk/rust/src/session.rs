//! Keeps one connection to the node alive for everything that uses it: dials, is welcomed, dials
//! again after a loss, each time later and at another moment than everybody else.

pub(crate) mod control;
pub(crate) mod handle;
pub(crate) mod link;

use std::{sync::Arc, time::Duration};

use sekisho_proto::{Timestamp, limits::CLOCK_AHEAD_MAX};
use sekisho_seal::Identity;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{control::Ended, link::Link};
use crate::{
    backoff::Backoff,
    chain::Chain,
    clock,
    connection::{ConnectError, Endpoint, Stream, Welcomed, greet},
    entropy::OsEntropy,
    options::ClientOptions,
    query::QueryError,
    subscription::keys::KeyRing,
    timer::Timer,
    tls,
    trust::{
        Replica, TrustError,
        logs::{Logs, Unchecked},
    },
};

/// A connection that lived this long was a good one: after it, dialling starts without delay.
const STEADY_AFTER: Duration = Duration::from_secs(10);

/// How long the last packets of an ended connection may take to leave.
const LINGER: Duration = Duration::from_millis(200);

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
    pub(crate) replica: Replica,
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
        let config = tls::quic_client_config(identity.signing(), &endpoint.node_key)?;
        let logs = Logs::open(&endpoint, options.trust_folder.as_deref())
            .map_err(|source| untrusted(&endpoint, source))?;
        let logs = Arc::new(logs);
        let (state, connectivity) = watch::channel(Connectivity::Down { failure: None });
        let session = Arc::new(Self {
            identity,
            options,
            replica,
            key_ring: KeyRing::default(),
            logs: Arc::clone(&logs),
            connectivity,
            users_closing: CancellationToken::new(),
            closing: CancellationToken::new(),
            users: TaskTracker::new(),
            tasks: TaskTracker::new(),
        });
        let dialler = Dialler {
            endpoint,
            config,
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

    /// The connection, as soon as there is one.
    pub(crate) async fn link(&self) -> Result<Arc<Link>, Closed> {
        self.link_after(0).await
    }

    /// The first connection younger than the one of this generation.
    pub(crate) async fn link_after(&self, generation: u64) -> Result<Arc<Link>, Closed> {
        let mut connectivity = self.connectivity.clone();
        let wanted = |state: &Connectivity| match state {
            Connectivity::Up(link) => link.generation() > generation,
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

    /// Waits for the first connection, or for a failure that no patience mends.
    pub(crate) async fn welcomed(&self) -> Result<Arc<Link>, ConnectError> {
        let mut connectivity = self.connectivity.clone();
        let decided = |state: &Connectivity| match state {
            Connectivity::Up(_) | Connectivity::Closed => true,
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

/// The task that owns the connection.
struct Dialler {
    endpoint: Endpoint,
    config: quinn::ClientConfig,
    software: String,
    backoff: Backoff,
    logs: Arc<Logs>,
    query_timeout: Duration,
    checkpoint_every: Duration,
    state: watch::Sender<Connectivity>,
    closing: CancellationToken,
}

impl Dialler {
    async fn run(mut self) {
        let closing = self.closing.clone();
        let mut generation = 0_u64;
        while !closing.is_cancelled() {
            let attempt = greet(&self.endpoint, &self.config, &self.software);
            let attempted = tokio::select! {
                attempted = attempt => attempted,
                () = closing.cancelled() => break,
            };
            match attempted {
                Ok(welcomed) => {
                    generation = generation.saturating_add(1);
                    self.hold(welcomed, generation).await;
                }
                Err(failure) => self.report(failure),
            }
            let delay = self.backoff.next_delay(&mut OsEntropy::new());
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = closing.cancelled() => {}
            }
        }
        self.state.send_replace(Connectivity::Closed);
    }

    /// Runs a connection to its end.
    async fn hold(&mut self, welcomed: Welcomed, generation: u64) {
        let Welcomed { connection, control: Stream { writer, reader }, welcome } = welcomed;
        tracing::info!(
            node = %self.endpoint.address,
            organisation = %welcome.organisation,
            principal = welcome.principal.as_ref().map(tracing::field::display),
            "connected"
        );
        self.compare_clocks(welcome.time);
        let (link, frames) = Link::new(connection.clone(), welcome, generation);
        let running = control::run(Arc::clone(&link), frames, writer, reader, self.closing.clone());
        let ended = tokio::select! {
            ended = running => Some(ended),
            failure = self.keep_up(&link) => {
                self.report(failure);
                None
            }
        };
        match ended {
            Some(ended) => {
                self.tell_end(&ended);
                self.state.send_replace(Connectivity::Down { failure: None });
            }
            None => {
                link.end();
                connection.close("wanted a control log that can be trusted");
            }
        }
        if tokio::time::timeout(LINGER, connection.wait_idle()).await.is_err() {
            tracing::trace!("endpoint still busy after the connection's end");
        }
    }

    fn tell_end(&self, ended: &Ended) {
        match ended {
            Ended::Closed => tracing::debug!(node = %self.endpoint.address, "disconnected"),
            Ended::Broken(_) | Ended::Refused(_) | Ended::Goodbye { .. } => {
                tracing::info!(node = %self.endpoint.address, cause = %Chain(ended), "connection lost");
            }
        }
    }

    /// Checks what the node shows of its control log, then lets the connection be used, and checks
    /// again from time to time. Resolves when the connection is not to be used any more.
    async fn keep_up(&mut self, link: &Arc<Link>) -> ConnectError {
        let own = self.logs.own();
        let mut steady = Timer::default();
        let mut due = Timer::default();
        let mut is_up = false;
        loop {
            if let Err(cause) = self.logs.check(&own, link, self.query_timeout).await {
                return self.unchecked(cause);
            }
            if !std::mem::replace(&mut is_up, true) {
                self.state.send_replace(Connectivity::Up(Arc::clone(link)));
                steady.start(STEADY_AFTER);
            }
            due.start(self.checkpoint_every);
            loop {
                tokio::select! {
                    () = due.elapsed() => break,
                    () = steady.elapsed() => self.backoff.reset(),
                }
            }
        }
    }

    fn unchecked(&self, cause: Unchecked) -> ConnectError {
        let address = self.endpoint.address.clone();
        match cause {
            Unchecked::Trust(source) => {
                tracing::error!(node = %address, cause = %Chain(&source), "node not trusted");
                untrusted(&self.endpoint, source)
            }
            Unchecked::Query(QueryError::Refused(refusal)) => {
                ConnectError::Refused { address, refusal }
            }
            Unchecked::Query(_) => {
                let (wanted, waited) = ("a checkpoint of its control log", self.query_timeout);
                ConnectError::Timeout { address, wanted, waited, last: None }
            }
        }
    }

    /// A clock that is off makes a node refuse what it stamps: better said before.
    fn compare_clocks(&self, node: Timestamp) {
        let own = clock::now();
        let apart = own.saturating_since(node).max(node.saturating_since(own));
        if apart >= CLOCK_AHEAD_MAX {
            tracing::warn!(node = %self.endpoint.address, %own, theirs = %node, "clocks are apart");
        }
    }

    fn report(&self, failure: ConnectError) {
        tracing::info!(node = %self.endpoint.address, cause = %Chain(&failure), "not connected");
        self.state.send_replace(Connectivity::Down { failure: Some(Arc::new(failure)) });
    }
}

fn untrusted(endpoint: &Endpoint, source: TrustError) -> ConnectError {
    ConnectError::Trust { address: endpoint.address.clone(), source: Box::new(source) }
}
