//! The task that owns the connection: home first; where that is out of reach for a while, to a node
//! that carries envelopes home, until the home answers again.

use std::{sync::Arc, time::Duration};

use sekisho_proto::{Timestamp, limits::CLOCK_AHEAD_MAX};
use sekisho_seal::Identity;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Connectivity,
    control::{self, Ended},
    link::Link,
    roaming::{Carrier, Carriers},
};
use crate::{
    backoff::Backoff,
    chain::Chain,
    clock,
    connection::{ConnectError, Dial, Endpoint, Stream, Via, Welcomed, greet},
    entropy::OsEntropy,
    options::ClientOptions,
    query::QueryError,
    timer::Timer,
    trust::{
        Replica, TrustError,
        logs::{Logs, Unchecked},
    },
};

/// A connection that lived this long was a good one: after it, dialling starts without delay.
const STEADY_AFTER: Duration = Duration::from_secs(10);

/// How long the last packets of an ended connection may take to leave.
const LINGER: Duration = Duration::from_millis(200);

/// See the module.
pub(super) struct Dialler {
    pub(super) home: Dial,
    pub(super) away: Away,
    pub(super) replica: Arc<Replica>,
    pub(super) software: String,
    pub(super) backoff: Backoff,
    pub(super) logs: Arc<Logs>,
    pub(super) query_timeout: Duration,
    pub(super) checkpoint_every: Duration,
    pub(super) state: watch::Sender<Connectivity>,
    pub(super) closing: CancellationToken,
}

/// When to leave home, for whom, and when to look whether it is back.
pub(super) struct Away {
    carriers: Carriers,
    identity: Arc<Identity>,
    /// How long the home may be out of reach; drawn anew each time.
    after: Backoff,
    home_every: (Duration, Duration),
    /// Since when the home is out of reach, and from when on others may carry; `None` before the
    /// first time at home.
    due: Option<Instant>,
}

/// How a connection came to its end.
enum Left {
    /// It ended.
    Ended,
    /// The home has welcomed this client meanwhile.
    Home(Box<Welcomed>),
    /// The home does not want this client.
    Barred(ConnectError),
}

impl Away {
    pub(super) fn new(
        carriers: Carriers,
        identity: Arc<Identity>,
        options: &ClientOptions,
    ) -> Self {
        let after = Backoff::new(options.roam_after, options.roam_after);
        Self { carriers, identity, after, home_every: options.home_every, due: None }
    }

    /// The home was left, or lost.
    fn note_home_lost(&mut self) {
        self.due = Some(clock::instant() + self.after.next_delay(&mut OsEntropy::new()));
    }

    fn is_due(&self) -> bool {
        self.due.is_none_or(|due| due <= clock::instant())
    }
}

impl Dialler {
    pub(super) async fn run(mut self) {
        let closing = self.closing.clone();
        let mut generation = 0_u64;
        while !closing.is_cancelled() {
            let attempt = greet(&self.home, &self.software);
            let attempted = tokio::select! {
                attempted = attempt => attempted,
                () = closing.cancelled() => break,
            };
            match attempted {
                Ok(welcomed) => self.stay_home(welcomed, &mut generation).await,
                Err(failure) => {
                    let may_roam = !failure.is_permanent() && self.away.is_due();
                    self.report(failure);
                    if may_roam {
                        self.roam(&mut generation).await;
                    }
                }
            }
            let delay = self.backoff.next_delay(&mut OsEntropy::new());
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = closing.cancelled() => {}
            }
        }
        self.state.send_replace(Connectivity::Closed);
    }

    async fn stay_home(&mut self, welcomed: Welcomed, generation: &mut u64) {
        *generation = generation.saturating_add(1);
        self.hold(welcomed, None, *generation).await;
        self.away.note_home_lost();
    }

    /// Goes to the first node that takes this client, and stays until the home is back, or for as
    /// long as that node is of use.
    async fn roam(&mut self, generation: &mut u64) {
        for carrier in self.away.carriers.in_turn(clock::now()) {
            self.away.carriers.turn();
            let attempted = tokio::select! {
                attempted = self.call_on(&carrier) => attempted,
                () = self.closing.cancelled() => return,
            };
            let welcomed = match attempted {
                Ok(welcomed) => welcomed,
                Err(failure) => {
                    let node = &carrier.endpoint.address;
                    tracing::info!(%node, cause = %Chain(&failure), "no node that carries home");
                    continue;
                }
            };
            *generation = generation.saturating_add(1);
            match self.hold(welcomed, Some(carrier), *generation).await {
                Left::Ended => {}
                Left::Home(welcomed) => self.stay_home(*welcomed, generation).await,
                Left::Barred(failure) => self.report(failure),
            }
            return;
        }
    }

    async fn call_on(&self, carrier: &Carrier) -> Result<Welcomed, ConnectError> {
        let signing = self.away.identity.signing();
        let dial = Dial::new(carrier.endpoint.clone(), signing, &Via::Quic)?;
        greet(&dial, &self.software).await
    }

    /// Runs a connection to its end.
    async fn hold(
        &mut self,
        welcomed: Welcomed,
        carrier: Option<Arc<Carrier>>,
        generation: u64,
    ) -> Left {
        let Welcomed { connection, control: Stream { writer, reader }, welcome } = welcomed;
        let endpoint =
            carrier.as_ref().map_or(&self.home.endpoint, |carrier| &carrier.endpoint).clone();
        tracing::info!(
            node = %endpoint.address,
            organisation = %welcome.organisation,
            principal = welcome.principal.as_ref().map(tracing::field::display),
            carries = carrier.is_some(),
            "connected"
        );
        self.compare_clocks(&endpoint, welcome.time);
        let (link, frames) = Link::new(connection.clone(), welcome, carrier, generation);
        let running = control::run(Arc::clone(&link), frames, writer, reader, self.closing.clone());
        let looking = HomeWatch::of(self, &link);
        let left = tokio::select! {
            ended = running => {
                tell_end(&endpoint, &ended);
                Left::Ended
            }
            failure = self.keep_up(&link, &endpoint) => {
                link.end();
                connection.close("wanted a control log that can be trusted");
                match link.carrier() {
                    // That somebody else is not to be trusted says nothing of the home.
                    Some(_carrier) => {
                        let node = &endpoint.address;
                        tracing::warn!(%node, cause = %Chain(&failure), "left");
                        self.state.send_replace(Connectivity::Down { failure: None });
                    }
                    None => self.report(failure),
                }
                return Left::Ended;
            }
            left = looking.back_home() => {
                tracing::info!(node = %endpoint.address, "the home answers again");
                link.end();
                connection.close("the home answers again");
                left
            }
        };
        self.state.send_replace(Connectivity::Down { failure: None });
        if tokio::time::timeout(LINGER, connection.wait_idle()).await.is_err() {
            tracing::trace!("endpoint still busy after the connection's end");
        }
        left
    }

    /// Checks what the node shows of the control log, then lets the connection be used, and checks
    /// again from time to time. Resolves when the connection is not to be used any more.
    async fn keep_up(&mut self, link: &Arc<Link>, endpoint: &Endpoint) -> ConnectError {
        let own = self.logs.own();
        let mut steady = Timer::default();
        let mut due = Timer::default();
        let mut is_up = false;
        loop {
            if let Err(cause) = self.logs.check(&own, link, self.query_timeout).await {
                return self.unchecked(endpoint, cause);
            }
            if !std::mem::replace(&mut is_up, true) {
                self.state.send_replace(Connectivity::Up(Arc::clone(link)));
                steady.start(STEADY_AFTER);
            }
            if link.carrier().is_none() {
                let Self { away, logs, replica, query_timeout, .. } = self;
                away.carriers.learn(link, logs, replica, *query_timeout).await;
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

    fn unchecked(&self, endpoint: &Endpoint, cause: Unchecked) -> ConnectError {
        let address = endpoint.address.clone();
        match cause {
            Unchecked::Trust(source) => {
                tracing::error!(node = %address, cause = %Chain(&source), "node not trusted");
                untrusted(endpoint, source)
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
    fn compare_clocks(&self, endpoint: &Endpoint, node: Timestamp) {
        let own = clock::now();
        let apart = own.saturating_since(node).max(node.saturating_since(own));
        if apart >= CLOCK_AHEAD_MAX {
            tracing::warn!(node = %endpoint.address, %own, theirs = %node, "clocks are apart");
        }
    }

    fn report(&self, failure: ConnectError) {
        tracing::info!(node = %self.home.endpoint.address, cause = %Chain(&failure), "not connected");
        self.state.send_replace(Connectivity::Down { failure: Some(Arc::new(failure)) });
    }
}

/// Looks whether the home can be reached again, while another node carries.
struct HomeWatch {
    is_away: bool,
    home: Dial,
    software: String,
    every: Backoff,
}

impl HomeWatch {
    fn of(dialler: &Dialler, link: &Link) -> Self {
        let (min, max) = dialler.away.home_every;
        Self {
            is_away: link.carrier().is_some(),
            home: dialler.home.clone(),
            software: dialler.software.clone(),
            every: Backoff::new(min, max),
        }
    }

    /// Resolves when the home has welcomed this client, or does not want it; never at home.
    async fn back_home(mut self) -> Left {
        if !self.is_away {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(self.every.next_delay(&mut OsEntropy::new())).await;
            match greet(&self.home, &self.software).await {
                Ok(welcomed) => return Left::Home(Box::new(welcomed)),
                Err(failure) if failure.is_permanent() => return Left::Barred(failure),
                Err(failure) => {
                    tracing::debug!(cause = %Chain(&failure), "the home is out of reach still");
                }
            }
        }
    }
}

fn tell_end(endpoint: &Endpoint, ended: &Ended) {
    match ended {
        Ended::Closed => tracing::debug!(node = %endpoint.address, "disconnected"),
        Ended::Broken(_) | Ended::Refused(_) | Ended::Goodbye { .. } | Ended::Silent(_) => {
            tracing::info!(node = %endpoint.address, cause = %Chain(ended), "connection lost");
        }
    }
}

pub(super) fn untrusted(endpoint: &Endpoint, source: TrustError) -> ConnectError {
    ConnectError::Trust { address: endpoint.address.clone(), source: Box::new(source) }
}
