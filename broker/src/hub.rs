//! The only owner of a node's live state.
//!
//! [`Ingress`] is the door in front, the shard behind it owns router and log, [`Authority`] holds
//! the policy. Transports, links and the admin page see this type and nothing behind it.

mod access;
mod admitting;
mod alarm;
mod answers;
mod attesting;
#[cfg(test)]
pub(crate) mod attesting_world;
mod authority;
mod carrying;
mod companion;
mod cosignatures;
mod cursors;
mod cut;
mod enrolments;
mod errands;
mod followed;
mod ingress;
mod key_headers;
mod link_board;
mod logs;
mod merkle_log;
pub mod metrics;
mod outbox;
mod places;
mod presence;
mod rates;
mod refusal;
mod refusals;
mod replay;
mod request;
mod retention;
mod roster;
mod shard;
mod start;
mod status;
pub(crate) mod sweeping;
mod wants;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use sekisho_federation::{FollowedEntry, Resume, SignedCheckpoint};
use sekisho_policy::Route;
use sekisho_proto::{
    BootId, CursorName, Filter, Frame, Hash, LogEntry, LogName, OrgName, Position, PrincipalId,
    PrincipalName, RefusalCode, Statement, StatementIndex, Timestamp, Topic, limits,
};
use sekisho_routing::{Record, SessionId};
use sekisho_store::{KeyedError, RecordReader as _, TopicState};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tracing::warn;

use crate::clock;
use crate::clock::mark::Mark;
use crate::config::Config;
use crate::engine::{KeyedStore, Reader};
use crate::homeward::WaysHome;
use crate::mqtt::Memory;
use crate::session::Who;

pub use access::AccessLogError;
pub use answers::{Answers, Teller, Untold, answers};
pub use authority::{Authority, ReplayError, log_from};
pub use cut::Cut;
pub use enrolments::{Enrolments, Waiting, WaitingDevice, Word};
pub(crate) use errands::Errands;
pub use ingress::{Agreed, Carried, Carrier, Entry, Ingress, Parcel};
pub(crate) use outbox::Held;
pub use outbox::{
    Backlog, Full, OUTBOX_BYTES_MAX, OUTBOX_ITEMS_MAX, Outbox, OutboxReader, Outgoing,
};
pub use refusal::Refusal;
pub use replay::{History, Page};
pub use request::{LinkOutcome, REQUESTS_MAX, Request, Telling};
pub use shard::Ended;
pub use start::{StartError, Started};
pub use status::Readiness;

pub(crate) use access::{Access, AccessLog, receipts, releases};
pub(crate) use alarm::{Alarm, Subject};
use attesting::Attesting;
pub(crate) use attesting::{Letter, Posted};
pub(crate) use carrying::Received;
pub(crate) use ingress::Passage;
pub(crate) use key_headers::{KeyHeaders, Room};
pub(crate) use link_board::{INTERESTS_DEFAULT, Interest, LinkBoard, LinkPhase, LinkReport};
pub(crate) use logs::Logs;
#[cfg(test)]
pub(crate) use merkle_log::MerkleLog;
pub(crate) use places::Place;
use places::Places;
use presence::Presence;
pub(crate) use presence::Present;
pub(crate) use rates::Paid;
use rates::Rates;
pub(crate) use refusals::Refusals;

pub(crate) use roster::{Came, Listed, Roster, Subscribed};
pub(crate) use wants::{Want, Wants};

/// One node's state and the ways to it.
#[derive(Debug)]
pub struct Hub {
    config: Config,
    node: PrincipalId,
    access: Arc<AccessLog>,
    authority: Authority,
    logs: Logs,
    ingress: Ingress,
    key_headers: Arc<KeyHeaders>,
    boards: Boards,
    places: Places,
    link_board: Arc<LinkBoard>,
    wants: Arc<Wants>,
    rates: Arc<Rates>,
    mark: Mark,
    mqtt: Arc<Memory>,
    presence: Presence,
    ways_home: WaysHome,
    alarm: Arc<Alarm>,
    attesting: Arc<Attesting>,
    keyed: Arc<KeyedStore>,
    reader: Reader,
    shard: mpsc::Sender<Request>,
    /// Held while a policy is handed to the shard, so that none overtakes a newer one; the version
    /// that it was told last.
    announcing: tokio::sync::Mutex<u64>,
    sessions: AtomicU64,
}

/// What waits for somebody to ask for it: in memory, bounded, and gone with a restart.
#[derive(Debug, Default)]
struct Boards {
    enrolments: Enrolments,
    errands: Errands,
    roster: Roster,
    refusals: Arc<Refusals>,
}

impl Hub {
    /// Whose node this is.
    #[must_use]
    pub const fn organisation(&self) -> &OrgName {
        &self.config.organisation
    }

    /// The run under which this node signs for those that keep no key.
    pub(crate) fn attesting_boot(&self) -> BootId {
        self.attesting.boot()
    }

    /// This node's own key id, as it stands in hop lists.
    #[must_use]
    pub const fn node(&self) -> PrincipalId {
        self.node
    }

    /// The policy and the control logs.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The logs as they are shown to others.
    pub(crate) const fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Who was let at what.
    pub(crate) fn access(&self) -> &AccessLog {
        &self.access
    }

    /// Devices that wait to be enrolled.
    #[must_use]
    pub const fn enrolments(&self) -> &Enrolments {
        &self.boards.enrolments
    }

    /// Errands on their way to a steward.
    pub(crate) const fn errands(&self) -> &Errands {
        &self.boards.errands
    }

    /// Who is connected.
    pub(crate) const fn roster(&self) -> &Roster {
        &self.boards.roster
    }

    /// What was refused lately.
    pub(crate) const fn refusals(&self) -> &Arc<Refusals> {
        &self.boards.refusals
    }

    /// Keeps the log short.
    pub(crate) fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    /// How the links are doing.
    pub(crate) const fn link_board(&self) -> &Arc<LinkBoard> {
        &self.link_board
    }

    /// What is wanted of other organisations' topics.
    pub(crate) const fn wants(&self) -> &Arc<Wants> {
        &self.wants
    }

    /// A cursor is for this filter from now on: what is published there is wanted while it exists.
    ///
    /// # Errors
    /// It cannot be kept.
    pub(crate) async fn want_cursor(
        self: &Arc<Self>,
        owner: (PrincipalId, CursorName),
        filter: Filter,
    ) -> Result<(), Refusal> {
        if filter.organisation() == self.organisation() {
            return Ok(());
        }
        let hub = Arc::clone(self);
        let keeping = spawn_blocking(move || hub.wants.want_cursor(&*hub.keyed, owner, &filter));
        let kept = keeping.await.map_err(|fault| internal("cursor", &fault))?;
        kept.map_err(|fault| unstored("cursor", &fault))
    }

    /// The end of the log, and of what peers were given of it.
    pub(crate) fn head(&self) -> Position {
        self.reader.head()
    }

    /// What is remembered of MQTT's clients.
    pub(crate) const fn mqtt(&self) -> &Arc<Memory> {
        &self.mqtt
    }

    pub(crate) fn key_headers(&self) -> &KeyHeaders {
        &self.key_headers
    }

    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn next_session(&self) -> SessionId {
        SessionId::new(self.sessions.fetch_add(1, Ordering::Relaxed))
    }

    /// Asks the shard for something; waits while it is busy.
    ///
    /// # Errors
    /// The node is stopping.
    pub async fn ask(&self, request: Request) -> Result<(), Refusal> {
        self.shard.send(request).await.map_err(|_gone| Refusal::stopping())
    }

    /// A place for one more session of a principal.
    ///
    /// # Errors
    /// It has too many.
    pub(crate) fn enter(&self, who: &Who) -> Result<Present, Refusal> {
        self.presence.enter(who)
    }

    /// Whether a principal has a session.
    pub(crate) fn is_present(&self, principal: &PrincipalId) -> bool {
        self.presence.is_present(principal)
    }

    /// How many sessions a principal has.
    pub(crate) fn sessions_of(&self, principal: &PrincipalId) -> u32 {
        self.presence.sessions_of(principal)
    }

    /// Takes one question, statement or stream of a principal.
    ///
    /// # Errors
    /// It asks more than the node allows.
    pub(crate) fn arrive(&self, principal: &PrincipalId, now: Timestamp) -> Result<(), Refusal> {
        self.rates.arrive(principal, now)
    }

    /// Takes so many of them at once.
    ///
    /// # Errors
    /// It asks more than the node allows.
    pub(crate) fn arrive_many(
        &self,
        principal: &PrincipalId,
        count: usize,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.rates.arrive_many(principal, u64::try_from(count).unwrap_or(u64::MAX), now)
    }

    /// What is looked up by key, for what is no more than a memory of a door.
    pub(crate) const fn keyed(&self) -> &Arc<KeyedStore> {
        &self.keyed
    }

    /// Takes one stream that a principal has opened; false where it has to wait.
    pub(crate) fn may_open(&self, principal: &PrincipalId, now: Timestamp) -> bool {
        self.rates.open(principal, now)
    }

    /// Takes one thing of a principal that becomes an entry of the access log.
    ///
    /// # Errors
    /// It does more of these than the node allows.
    pub(crate) fn may_record(
        &self,
        principal: &PrincipalId,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.rates.record(principal, now)
    }

    /// Takes so many of them at once, or none.
    ///
    /// # Errors
    /// It does more of these than the node allows.
    pub(crate) fn may_record_many(
        &self,
        principal: &PrincipalId,
        count: usize,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.rates.record_many(principal, u64::try_from(count).unwrap_or(u64::MAX), now)
    }

    /// One of them that was taken, until it is known whether it becomes an entry.
    pub(crate) fn paid(&self, principal: PrincipalId) -> Paid {
        Paid::new(Arc::clone(&self.rates), principal)
    }

    /// Gives back so many of them that were taken and became none.
    pub(crate) fn give_back_records(&self, principal: &PrincipalId, count: usize, now: Timestamp) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.rates.give_back_records(principal, count, now);
    }

    /// What is due now and then.
    pub(crate) fn tick(&self, now: Timestamp) {
        self.rates.sweep(now);
        self.boards.errands.sweep(now);
        metrics::set(metrics::CLOCK_BEHIND, clock::behind().as_secs());
    }

    /// Keeps until when this node was at work, and tells of a clock that was set back.
    pub(crate) fn mark_time(&self, now: Timestamp) {
        if let Err(fault) = self.mark.keep(now) {
            warn!(%fault, "until when this node was at work is not kept");
        }
        let behind = clock::behind();
        if behind > limits::CLOCK_AHEAD_MAX {
            let seconds = behind.as_secs();
            warn!(seconds, "the clock was set back: this node goes on by the time it had");
        }
    }

    /// Counts a refusal, says it in the log where it is grave, and makes it a frame.
    #[must_use]
    pub fn refuse(&self, request: u64, refusal: Refusal) -> Frame {
        metrics::refused(refusal.code);
        self.alarm.tell(&refusal, clock::now());
        refusal.into_frame(request)
    }

    /// Applies a statement that a principal submits. Whether it counts is decided by its
    /// signatures; who brings it matters only in that strangers bring nothing.
    ///
    /// # Errors
    /// It is not a statement, does not follow from the log, or cannot be stored.
    pub async fn state(
        self: &Arc<Self>,
        encoded: Vec<Bytes>,
        by: &PrincipalName,
    ) -> Result<Vec<StatementIndex>, Refusal> {
        if by.organisation() != self.organisation() {
            let why = format!("wanted a principal of {}, found {by}", self.organisation());
            return Err(Refusal::new(RefusalCode::NotPermitted, "statement", why));
        }
        let now = clock::now();
        let statements = encoded
            .iter()
            .map(|statement| Ok((Statement::decode(statement)?, now)))
            .collect::<Result<Vec<_>, Refusal>>()?;
        self.apply(statements).await
    }

    /// Applies statements of a peer's control log, which are about that peer, all or none, and tells
    /// their ids. When this
    /// organisation received something is for this node to say: else a key that ran out could
    /// still state things, with a peer that dates them back.
    ///
    /// # Errors
    /// As for [`Hub::state`], or one has no place in the peer's log.
    pub(crate) async fn apply_foreign(
        self: &Arc<Self>,
        peer: &OrgName,
        entries: &[LogEntry],
    ) -> Result<Vec<Hash>, Refusal> {
        let now = clock::now();
        let statements = entries
            .iter()
            .map(|entry| {
                let statement = Statement::decode(&entry.statement)?;
                let about = statement.organisations();
                if !about.contains(&peer) {
                    let why = format!("wanted one of {peer}, found one of another organisation");
                    let what = "statement of a peer";
                    return Err(Refusal::new(RefusalCode::NotPermitted, what, why));
                }
                let ours = about.contains(&self.organisation());
                let received = if ours { now } else { entry.received.min(now) };
                Ok((statement, received))
            })
            .collect::<Result<Vec<_>, Refusal>>()?;
        let ids = statements.iter().map(|(statement, _received)| statement.id()).collect();
        self.apply(statements).await?;
        Ok(ids)
    }

    /// Runs to its end also where whoever brought the statements hangs up meanwhile: one that is
    /// logged and that the shard does not act on would cut nobody.
    async fn apply(
        self: &Arc<Self>,
        statements: Vec<(Statement, Timestamp)>,
    ) -> Result<Vec<StatementIndex>, Refusal> {
        let hub = Arc::clone(self);
        let applying = tokio::spawn(async move {
            let applier = Arc::clone(&hub);
            let applied =
                spawn_blocking(move || applier.authority.apply_received(statements)).await;
            let indices = applied.map_err(|fault| internal("statement", &fault))??;
            hub.announce_version().await?;
            Ok(indices)
        });
        applying.await.map_err(|fault| internal("statement", &fault))?
    }

    /// A peer's control log is complete here until then: what depends on it may be relied upon for
    /// a while.
    ///
    /// # Errors
    /// The node is stopping.
    pub(crate) async fn note_heard(
        self: &Arc<Self>,
        peer: &OrgName,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        // It waits for those who commit, who wait for the disk.
        let (hub, name) = (Arc::clone(self), peer.clone());
        let noting = spawn_blocking(move || hub.authority.note_heard(&name, at));
        noting.await.map_err(|fault| internal("control log of a peer", &fault))?;
        self.announce_heard().await?;
        self.save_place(peer, move |place| place.heard = Some(at)).await;
        Ok(())
    }

    /// Rights and contracts end by the clock, too: has the shard look at every session again.
    ///
    /// # Errors
    /// The node is stopping.
    pub(crate) async fn look_again(&self) -> Result<(), Refusal> {
        self.announce_policy().await
    }

    /// The shard acts on a new policy before whoever changed it hears that it stands. Where several
    /// changed it at once, it is told once.
    async fn announce_version(&self) -> Result<(), Refusal> {
        let changed = self.authority.snapshot().version();
        let mut announced = self.announcing.lock().await;
        if *announced < changed {
            self.announce(&mut announced).await?;
        }
        Ok(())
    }

    async fn announce_policy(&self) -> Result<(), Refusal> {
        let mut announced = self.announcing.lock().await;
        self.announce(&mut announced).await
    }

    /// Each of many peers is heard again and again: that must not cost a look at every session.
    async fn announce_heard(&self) -> Result<(), Refusal> {
        let mut announced = self.announcing.lock().await;
        let policy = self.authority.snapshot();
        if policy.version() != *announced {
            return self.announce(&mut announced).await;
        }
        self.ask(Request::Heard(policy)).await
    }

    async fn announce(&self, announced: &mut u64) -> Result<(), Refusal> {
        let policy = self.authority.snapshot();
        let version = policy.version();
        self.ask(Request::Policy(policy)).await?;
        *announced = version;
        Ok(())
    }

    /// What is known of the topics a filter matches.
    pub(crate) fn topics(&self, filter: &Filter) -> Vec<TopicState> {
        self.reader.topics(filter)
    }

    /// The same of the first so many behind a topic.
    pub(crate) fn topics_after(
        &self,
        filter: &Filter,
        after: Option<&Topic>,
        max: usize,
    ) -> Vec<TopicState> {
        self.reader.topics_after(filter, after, max)
    }

    /// The nodes a record has passed when it leaves this one.
    pub(crate) fn hops_of(&self, record: &Record) -> Vec<PrincipalId> {
        record.hops().iter().copied().chain([self.node]).collect()
    }

    /// Where the link along a route goes on. Of another organisation that had the owner's name
    /// before, nothing is remembered. From now on the owner counts as watched.
    ///
    /// # Errors
    /// What is kept cannot be read: it must not be judged by what is not known.
    pub(crate) async fn resume(self: &Arc<Self>, route: &Route) -> Result<Resume, Refusal> {
        let (hub, route) = (Arc::clone(self), route.clone());
        let found = spawn_blocking(move || {
            let (owner, root) = (&route.organisation, route.view.theirs.root);
            let passing = (!route.is_direct()).then_some(&route.via);
            let mut place = hub.places.of(&*hub.keyed, owner)?;
            if place.root != Some(root) {
                // What cannot be read says nothing of whose leaves these are; the next checkpoint does.
                if place.root.is_some() {
                    hub.logs.followed().forget(owner)?;
                }
                hub.places.change(&*hub.keyed, owner, Vec::new(), |place| {
                    // An older node did not say whom it had heard: it knew of one organisation only.
                    let before = std::mem::take(place);
                    let is_older = before.root.is_none();
                    *place = Place { root: Some(root), ..Place::default() };
                    if is_older {
                        place.positions = before.positions;
                        place.heard = before.heard;
                    }
                })?;
                place = hub.places.of(&*hub.keyed, owner)?;
            }
            if hub.authority.snapshot().heard(owner).is_none() {
                hub.authority.note_heard(owner, place.heard.unwrap_or(route.view.from));
            }
            Ok(place.resume(passing, hub.logs.followed().frontier(owner)?))
        });
        let found: Result<Resume, KeyedError> =
            found.await.map_err(|fault| internal("link's place", &fault))?;
        found.map_err(|fault| unstored("link's place", &fault))
    }

    /// Keeps how far a link has come. A place that is lost costs time, nothing else: what comes
    /// again is recognised.
    pub(crate) async fn save_place(
        self: &Arc<Self>,
        peer: &OrgName,
        change: impl FnOnce(&mut Place) + Send + 'static,
    ) {
        let (hub, name) = (Arc::clone(self), peer.clone());
        let saved =
            spawn_blocking(move || hub.places.change(&*hub.keyed, &name, Vec::new(), change)).await;
        if let Ok(Err(fault)) = saved {
            tracing::error!(%peer, %fault, "the link's place cannot be kept");
        }
    }

    /// Keeps entries of a peer's control log that were applied.
    ///
    /// # Errors
    /// The disk refused: the link must begin again from what is kept.
    pub(crate) async fn keep_entries(
        self: &Arc<Self>,
        peer: &OrgName,
        first: StatementIndex,
        entries: Vec<FollowedEntry>,
    ) -> Result<(), Refusal> {
        let (hub, name) = (Arc::clone(self), peer.clone());
        let keeping = move || {
            let policy = hub.authority.snapshot();
            let is_applied_alike = |entry: &FollowedEntry| {
                let place = policy.place_of(&name, &entry.statement);
                let place = place.and_then(|place| usize::try_from(place.value()).ok());
                let applied = place.and_then(|place| policy.log(&name).get(place));
                applied.is_some_and(|logged| logged.statement.encode() == entry.encoded)
            };
            hub.logs.followed().append(&name, first, &entries, is_applied_alike)
        };
        let kept = spawn_blocking(keeping).await;
        let kept = kept.map_err(|fault| internal("control log of a peer", &fault))?;
        kept.map_err(|fault| unstored("control log of a peer", &fault))
    }

    /// Keeps a checkpoint of a peer's log that was found in order, and only then cosigns it; the
    /// cosignature's line.
    ///
    /// # Errors
    /// The disk refused: the link must begin again from what is kept.
    pub(crate) async fn cosign(
        self: &Arc<Self>,
        signed: SignedCheckpoint,
    ) -> Result<String, Refusal> {
        let hub = Arc::clone(self);
        let cosigning = spawn_blocking(move || {
            let line = hub.logs.cosign_peer(&signed, clock::now(), |note| {
                let peer = signed.log.organisation();
                hub.places.change(&*hub.keyed, peer, vec![note], |place| match signed.log {
                    LogName::Control(_) => place.newest = place.newest.max(Some(signed.time)),
                    LogName::Access(_) => place.access = Some((&signed.checkpoint).into()),
                })
            })?;
            Ok(line.to_string())
        });
        cosigning.await.map_err(|fault| internal("checkpoint of a peer", &fault))?
    }

    /// Keeps what a peer has cosigned of a log of this organisation.
    ///
    /// # Errors
    /// It is no cosignature of that peer's node, or cannot be kept.
    pub(crate) async fn keep_cosignature(
        self: &Arc<Self>,
        peer: OrgName,
        log: LogName,
        size: u64,
        line: String,
    ) -> Result<(), Refusal> {
        let hub = Arc::clone(self);
        let keeping = spawn_blocking(move || {
            let policy = hub.authority.snapshot();
            hub.logs.keep_cosignature(&policy, &peer, (&log, size), &line, clock::now())
        });
        keeping.await.map_err(|fault| internal("cosignature", &fault))?
    }

    /// Ends the shard after everything asked before.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.ask(Request::Stop { done }).await.is_ok() {
            // A shard that is gone has stopped.
            drop(stopped.await);
        }
        self.access.stop().await;
    }
}

/// Why something could not be made durable.
fn unstored(what: &str, fault: &KeyedError) -> Refusal {
    if let KeyedError::StorageFull { .. } = fault {
        return Refusal::new(RefusalCode::StorageFull, what, fault.to_string());
    }
    internal(what, fault)
}

pub(crate) fn internal(what: &str, fault: &dyn std::error::Error) -> Refusal {
    tracing::error!(what, %fault, "internal fault");
    Refusal::new(RefusalCode::Internal, what, fault.to_string())
}
