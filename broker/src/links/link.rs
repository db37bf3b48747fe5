//! Drives one link: the state machine decides, this task does what it says.

mod admitting;
mod following;
mod judging;
mod left_behind;
mod reporting;

use std::sync::Arc;
use std::time::Duration;

use sekisho::framing::StreamError;
use sekisho_federation::{BudgetWaits, HangupReason, Link, LinkCommand, LinkLimits};
use sekisho_policy::{PeeringView, Route};
use sekisho_proto::{Frame, OrgName, PrincipalId, Timestamp, frame};
use sekisho_seal::{SigningKey, StrictVerifier};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::LOOK_AGAIN;
use super::connection::{PeerConnection, Said};
use crate::clock;
use crate::hub::{Hub, LinkOutcome, Place, Request};
use left_behind::LeftBehind;

/// Room for the outcome of every record that can be under way, twice.
const OUTCOMES_MAX: usize = 16_384;
/// Frames taken in one turn before outcomes and the clock are looked at again.
const FRAMES_PER_TURN: usize = 256;
/// How long a peer may take to accept a frame or a stream; one that is slower is gone. What is said
/// to it are requests and credit, a few bytes each.
const PEER_PATIENCE: Duration = Duration::from_secs(10);

/// How a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// There is no such route any more; there may be another one.
    NoRoute,
    /// The node is stopping, or its disk does not keep what the link knows.
    Unable,
}

/// Runs while the route is there, until `stop`. Whatever it handed to the router has its outcome
/// when this returns: positions mean something else on another route.
pub(super) async fn run(
    hub: Arc<Hub>,
    key: Arc<SigningKey>,
    route: Route,
    stop: CancellationToken,
) -> Ended {
    let resume = match hub.resume(&route).await {
        Ok(resume) => resume,
        Err(refusal) => {
            error!(%refusal, "the link's place cannot be read: it is not begun");
            return Ended::Unable;
        }
    };
    let Route { organisation, via, view: peering } = route;
    let (own, seed) = (hub.node(), seed_of(&hub.node(), &peering));
    let link = Link::new(own, peering, resume, LinkLimits::default(), seed, clock::steady());
    let (sender, outcomes) = mpsc::channel(OUTCOMES_MAX);
    let request = Request::Link { organisation: organisation.clone(), outcomes: sender };
    if hub.ask(request).await.is_err() {
        return Ended::Unable;
    }
    hub.link_board().begin(&organisation, &via, clock::now());
    let wants = hub.config().takes_wanted(&organisation).then(|| hub.wants().watch());
    let mut driver = Driver {
        wants,
        waits: BudgetWaits::default(),
        hub,
        key,
        organisation,
        via,
        link,
        outcomes,
        under_way: 0,
        connection: None,
        connected: clock::steady(),
        looked: clock::steady(),
        left_behind: LeftBehind::default(),
        unkept: false,
    };
    driver.tell_node_keys();
    driver.tell_wanted();
    driver.run(&stop).await;
    driver.report_end();
    let settled = stop.run_until_cancelled(driver.settle()).await;
    match settled {
        Some(()) if driver.link.is_ended() => Ended::NoRoute,
        Some(()) | None => Ended::Unable,
    }
}

struct Driver {
    hub: Arc<Hub>,
    key: Arc<SigningKey>,
    /// Whose topics and log.
    organisation: OrgName,
    /// Whose node is dialled.
    via: OrgName,
    /// Where only what somebody wants is taken: fires when that changes.
    wants: Option<watch::Receiver<u64>>,
    /// As they were told last.
    waits: BudgetWaits,
    link: Link,
    outcomes: mpsc::Receiver<LinkOutcome>,
    /// Records that were handed to the router and have no outcome yet.
    under_way: u64,
    connection: Option<PeerConnection>,
    /// Since when, if there is one.
    connected: Timestamp,
    /// When the contract was looked at: another one may begin by the clock alone.
    looked: Timestamp,
    left_behind: LeftBehind,
    /// The disk does not keep what the link knows: it must be made again from what is kept.
    unkept: bool,
}

enum Event {
    Said(Said),
    Outcome(LinkOutcome),
    Policy,
    Wanted,
    Due,
    Stop,
}

impl Driver {
    async fn run(&mut self, stop: &CancellationToken) {
        let mut changed = self.hub.authority().watch();
        loop {
            // A peer that is being dialled or does not read holds up the link, and not the node.
            if stop.run_until_cancelled(self.carry_out()).await.is_none() {
                return self.part().await;
            }
            if self.link.is_ended() {
                info!("the contract is over, or there is another way");
                return;
            }
            if self.unkept {
                return;
            }
            self.report_waits();
            let now = self.now();
            if now.saturating_since(self.looked) >= LOOK_AGAIN {
                self.look_at_policy();
                continue;
            }
            let due = self.link.poll_timeout(now).map(|(at, _why)| at);
            let pause = due.map_or(Duration::from_secs(3_600), |at| {
                at.saturating_since(now).max(Duration::from_millis(1))
            });
            let pause = pause.min(LOOK_AGAIN);
            // Whoever has said too much waits on its own side.
            let listens = self.link.deaf_until(now).is_none();
            let event = tokio::select! {
                () = stop.cancelled() => Event::Stop,
                Some(outcome) = self.outcomes.recv() => Event::Outcome(outcome),
                said = hear(&mut self.connection), if listens => Event::Said(said),
                _changed = changed.changed() => Event::Policy,
                () = other_wants(&mut self.wants) => Event::Wanted,
                () = tokio::time::sleep(pause) => Event::Due,
            };
            match event {
                Event::Said(said) => self.heard(said),
                Event::Outcome(outcome) => self.settled(outcome),
                Event::Policy => self.look_at_policy(),
                Event::Wanted => self.tell_wanted(),
                Event::Due => {
                    let now = self.now();
                    self.count_given_up(|link| link.handle_timeout(now));
                }
                Event::Stop => return self.part().await,
            }
        }
    }

    /// Goes by the contract as it is now.
    fn look_at_policy(&mut self) {
        let (policy, now) = (self.hub.authority().snapshot(), self.now());
        self.looked = now;
        self.link.handle_policy(&policy, now);
        self.tell_node_keys();
    }

    /// What the peer said, and what else it has said by now.
    fn heard(&mut self, said: Said) {
        let mut waiting = vec![said];
        if let Some(connection) = &mut self.connection {
            waiting.extend(connection.hear_more(FRAMES_PER_TURN));
        }
        for said in waiting {
            match said {
                Said::Frame(frame, _room) => self.take(frame),
                Said::Refused(subscription, refused) => {
                    debug!(subscription, what = refused.what, why = refused.why, "refused");
                    let now = self.now();
                    self.link.handle_subscription_refused(subscription, refused.code, now);
                    self.report_interests();
                }
                Said::Ended(fault) => {
                    self.report_gone(fault.as_ref());
                    self.lose();
                    return;
                }
            }
        }
        while let Ok(outcome) = self.outcomes.try_recv() {
            self.settled(outcome);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "every other frame is a sign of life")]
    fn take(&mut self, frame: Frame) {
        let now = self.now();
        match frame {
            Frame::Record(record) => self.link.handle_record(record, now),
            Frame::Gap(gap) => self.link.handle_gap(&gap, now),
            Frame::Statements(statements) => self.link.handle_statements(statements, now),
            Frame::Checkpoint(told) => {
                self.count_given_up(|link| link.handle_checkpoint(&told, &StrictVerifier, now));
            }
            Frame::Subscribed(subscribed) => {
                self.report_head(subscribed.position, subscribed.head);
                self.link.handle_subscribed(subscribed.subscription, subscribed.position, now);
                self.report_interests();
            }
            Frame::Refused(refused) => {
                warn!(code = %refused.code, what = refused.what, why = refused.why, "the peer refused");
                self.report_why(format!("refused: {}", refused.why));
                self.lose();
            }
            Frame::Goodbye(goodbye) => {
                info!(why = goodbye.why, "the peer said goodbye");
                self.report_why(format!("the peer said goodbye: {}", goodbye.why));
                self.lose();
            }
            other => {
                debug!(frame = other.name(), "heard");
                self.link.handle_heard(now);
            }
        }
    }

    /// Waits for what is under way: its outcomes are of this link's positions and no other's.
    async fn settle(&mut self) {
        while self.under_way > 0 {
            let Some(outcome) = self.outcomes.recv().await else { return };
            self.settled(outcome);
        }
        while let Some(command) = self.link.poll_command() {
            self.keep(command).await;
        }
    }

    fn settled(&mut self, outcome: LinkOutcome) {
        self.under_way = self.under_way.saturating_sub(1);
        let now = self.now();
        match outcome {
            LinkOutcome::Stored(position) => self.link.handle_stored(position, now),
            LinkOutcome::Refused(position, code) => {
                self.report_refused(code, 1);
                self.link.handle_refused(position, now);
            }
            LinkOutcome::Failed(position) => self.link.handle_failed(position, now),
        }
    }

    fn lose(&mut self) {
        self.connection = None;
        self.report_down();
        let now = self.now();
        self.link.handle_disconnected(now);
    }

    /// The time as links are told it.
    pub(super) fn now(&mut self) -> Timestamp {
        self.link.handle_wall_clock(clock::ahead_of_steady());
        clock::steady()
    }

    /// Where only what somebody wants is taken, the link is told what that is.
    fn tell_wanted(&mut self) {
        if self.wants.is_some() {
            let (wanted, now) = (self.hub.wants().of(&self.organisation), self.now());
            self.link.handle_wanted(Some(wanted), now);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is carried out one by one")]
    async fn carry_out(&mut self) {
        let mut next = None;
        while let Some(command) = next.take().or_else(|| self.link.poll_command()) {
            if self.unkept {
                return;
            }
            let said = match command {
                LinkCommand::Apply { index, entry } => {
                    next = self.apply(index, entry).await;
                    Ok(())
                }
                LinkCommand::Admit { record } => {
                    next = Box::pin(self.admit(record)).await;
                    Ok(())
                }
                other => self.say(other).await,
            };
            if said.is_err() {
                self.lose();
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest touches this node alone")]
    async fn say(&mut self, command: LinkCommand) -> Result<(), Gone> {
        match command {
            LinkCommand::Dial { address, node_key } => {
                self.dial(address, node_key).await;
                Ok(())
            }
            LinkCommand::Hangup { reason } => {
                if let HangupReason::Log(fault) = &reason {
                    self.distrust(fault);
                }
                self.report_hangup(&reason);
                self.connection = None;
                Ok(())
            }
            LinkCommand::Follow { subscription, organisation, from } => {
                let frame = frame::Follow { subscription, organisation, from };
                self.begin(subscription, Frame::Follow(frame)).await
            }
            LinkCommand::Subscribe { subscription, filter, start, credit } => {
                let cursor = None;
                let frame = frame::Subscribe { subscription, filter, start, cursor, credit };
                self.report_interests();
                self.begin(subscription, Frame::Subscribe(frame)).await
            }
            LinkCommand::Unsubscribe { subscription } => {
                self.report_interests();
                self.leave(subscription).await
            }
            LinkCommand::Credit { subscription, records } => {
                let frame = frame::Credit { subscription, records };
                self.steer(subscription, Frame::Credit(frame)).await
            }
            LinkCommand::Acknowledge { subscription, position } => {
                let frame = frame::Acknowledge { subscription, position };
                self.steer(subscription, Frame::Acknowledge(frame)).await
            }
            LinkCommand::Know { subscription, log, size } => {
                let frame = frame::Cosigned { subscription, log, size, signature: None };
                self.steer(subscription, Frame::Cosigned(frame)).await
            }
            LinkCommand::Cosign { subscription, signed } => self.cosign(subscription, signed).await,
            LinkCommand::KeepCheckpoint { signed } => {
                self.keep_checkpoint(signed).await;
                Ok(())
            }
            LinkCommand::Ping { token } => self.ping(token).await,
            other => {
                self.keep(other).await;
                Ok(())
            }
        }
    }

    /// The commands that touch nothing but this node's own disk and log.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others touch the connection")]
    async fn keep(&mut self, command: LinkCommand) {
        match command {
            LinkCommand::SavePosition { filter, position } => {
                let passing = self.link.is_transit().then(|| self.via.clone());
                let change = move |place: &mut Place| {
                    let positions = place.positions_of(passing.as_ref());
                    match position {
                        Some(position) => drop(positions.insert(filter, position)),
                        None => drop(positions.remove(&filter)),
                    }
                };
                self.hub.save_place(&self.organisation, change).await;
            }
            LinkCommand::SaveEntries { first, entries } => {
                let kept = self.hub.keep_entries(&self.organisation, first, entries).await;
                if let Err(refusal) = kept {
                    self.begin_anew(&refusal);
                }
            }
            LinkCommand::Distrust { fault } => self.distrust(&fault),
            LinkCommand::Heard { at } => {
                if let Err(refusal) = self.hub.note_heard(&self.organisation, at).await {
                    debug!(%refusal, "not noted");
                }
            }
            LinkCommand::NotPermitted { filter } => {
                info!(%filter, "the peer does not permit it yet: it will be asked for again");
            }
            LinkCommand::Dropped { position, reason } => {
                self.report_dropped(reason);
                if let Some(unsaid) = self.may_say() {
                    warn!(%position, ?reason, unsaid, "a record was passed over");
                }
            }
            LinkCommand::Missing { filter, from, to, reason } => {
                self.report_gap(reason);
                if let Some(unsaid) = self.may_say() {
                    warn!(%filter, %from, %to, %reason, unsaid, "the peer has a gap");
                }
            }
            other => debug!(?other, "not for the disk"),
        }
    }

    async fn dial(&mut self, address: String, node_key: sekisho_proto::PublicKey) {
        self.report_dialling();
        let opened = PeerConnection::open(address, node_key, self.via.clone(), &self.key).await;
        match opened {
            Ok(connection) => {
                info!("the link is up");
                self.report_up();
                self.connection = Some(connection);
                let now = self.now();
                self.connected = now;
                self.link.handle_connected(now);
            }
            Err(fault) => {
                debug!(%fault, "no connection");
                self.report_why(with_causes(&fault));
                self.report_down();
                let now = self.now();
                self.link.handle_disconnected(now);
            }
        }
    }

    async fn begin(&mut self, subscription: u32, frame: Frame) -> Result<(), Gone> {
        match &mut self.connection {
            Some(connection) => in_time(connection.begin(subscription, &frame)).await,
            None => Ok(()),
        }
    }

    async fn steer(&mut self, subscription: u32, frame: Frame) -> Result<(), Gone> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        in_time(async {
            connection.steer(subscription, &frame).await;
            Ok(())
        })
        .await
    }

    async fn leave(&mut self, subscription: u32) -> Result<(), Gone> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let frame = Frame::Unsubscribe(frame::Unsubscribe { subscription });
        in_time(async {
            connection.leave(subscription, &frame).await;
            Ok(())
        })
        .await
    }

    async fn ping(&mut self, token: u64) -> Result<(), Gone> {
        let ping = Frame::Ping(frame::Ping { token });
        match &mut self.connection {
            Some(connection) => in_time(connection.tell(&ping)).await,
            None => Ok(()),
        }
    }

    /// On the way out: positions are kept, nothing else is done.
    async fn part(&mut self) {
        let now = self.now();
        self.link.handle_disconnected(now);
        self.connection = None;
        while let Some(command) = self.link.poll_command() {
            if matches!(command, LinkCommand::SavePosition { .. } | LinkCommand::SaveEntries { .. })
            {
                self.keep(command).await;
            }
        }
    }
}

/// The connection is of no more use.
struct Gone;

async fn in_time(said: impl Future<Output = Result<(), StreamError>>) -> Result<(), Gone> {
    match timeout(PEER_PATIENCE, said).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(fault)) => {
            debug!(%fault, "the peer takes no more");
            Err(Gone)
        }
        Err(_elapsed) => {
            info!("the peer does not read");
            Err(Gone)
        }
    }
}

async fn hear(connection: &mut Option<PeerConnection>) -> Said {
    match connection {
        Some(connection) => connection.hear().await,
        None => std::future::pending().await,
    }
}

async fn other_wants(wants: &mut Option<watch::Receiver<u64>>) {
    let Some(wants) = wants else { return std::future::pending().await };
    if wants.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// A fault with everything that led to it, on one line.
fn with_causes(fault: &dyn std::error::Error) -> String {
    let mut text = fault.to_string();
    let mut cause = fault.source();
    while let Some(found) = cause {
        text.push_str(&format!(": {found}"));
        cause = found.source();
    }
    text
}

/// Two nodes that lose each other must not dial in step: each link starts elsewhere.
fn seed_of(own: &PrincipalId, peering: &PeeringView) -> u64 {
    own.as_bytes().iter().chain(peering.theirs.node_key.as_bytes()).fold(0, |seed: u64, byte| {
        seed.rotate_left(5).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(*byte)
    })
}
