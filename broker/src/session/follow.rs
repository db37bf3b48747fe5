//! Following a control log: every statement in order, then each new one as it is made. A peer is
//! shown checkpoints of what it was given, and of the access log, and may cosign them; where the
//! contract says so, it is also given what a third organisation's node showed here.

mod passing;
mod showing;

use std::sync::Arc;
use std::time::Duration;

use sekisho_policy::Recipient;
use sekisho_proto::{Frame, OrgName, PrincipalKind, RefusalCode, StatementIndex, frame};
use tokio::sync::watch;
use tracing::error;

use self::passing::Passing;
use self::showing::Showing;
use super::query::check_administers;
use super::{STEER_PAUSE, Session, Who, unexpected};
use crate::clock;
use crate::hub::{Hub, Refusal, Subject, log_from};

/// Statements in one frame: most are below 1 KiB, so a frame stays far below its limit.
const STATEMENTS_PER_FRAME: usize = 64;
/// Bytes of statements in one frame, unless a single one is larger.
const BYTES_PER_FRAME: usize = 64 << 10;

/// One follower of one organisation's log.
#[derive(Debug)]
pub(crate) struct Follower {
    hub: Arc<Hub>,
    who: Who,
    recipient: Recipient,
    subscription: u32,
    organisation: OrgName,
    next: StatementIndex,
    /// Where a former peer's share of the log ends.
    end: Option<StatementIndex>,
    told: bool,
    changed: watch::Receiver<u64>,
    turn: Turn,
    /// What a peer is shown; nobody else is.
    showing: Option<Showing>,
    /// Where the log is passed on to a peer.
    passing: Option<Passing>,
}

/// What a follower does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// There may be something to say.
    Looking,
    /// There is nothing before there is news.
    Waiting,
}

impl Session {
    /// Begins to follow a log, where this principal may.
    ///
    /// # Errors
    /// The log is not this node's to give, or not this principal's to read.
    pub(crate) fn follow(&self, follow: &frame::Follow) -> Result<Follower, Refusal> {
        self.hub.arrive(&self.who.id, clock::now())?;
        may_follow(&self.hub, &self.who, &self.recipient, &follow.organisation)?;
        let is_own = follow.organisation == *self.hub.organisation();
        let (mut showing, mut passing) = (None, None);
        match &self.recipient {
            Recipient::Peer(_) if !is_own => {
                let (owner, from) = (follow.organisation.clone(), follow.from.value());
                passing = Some(Passing::new(&self.hub, owner, from));
            }
            Recipient::Peer(peer) if self.parting.is_none() => {
                warn_where_behind(&self.hub, peer, follow.from);
                showing = Some(Showing::new(peer.clone()));
            }
            Recipient::Peer(_) | Recipient::Principal(_) => {}
        }
        Ok(Follower {
            hub: Arc::clone(&self.hub),
            who: self.who.clone(),
            recipient: self.recipient.clone(),
            subscription: follow.subscription,
            organisation: follow.organisation.clone(),
            next: follow.from,
            end: self.parting,
            told: false,
            changed: self.hub.authority().watch(),
            turn: Turn::Looking,
            showing,
            passing,
        })
    }
}

/// A peer that knows more of the log than there is: this node was put back to an earlier state, and
/// its peers will not trust it.
fn warn_where_behind(hub: &Hub, peer: &OrgName, from: StatementIndex) {
    let size = hub.logs().control().size();
    if from.value() > size
        && let Some(unsaid) = hub.alarm().admit(Subject::Peer, clock::now())
    {
        error!(%peer, known = from.value(), size, unsaid, "the peer knows more of the control log than there is");
    }
}

/// A peer reads the log of this node's own organisation, and those that its contract says are passed
/// on to it; the own one is read by this organisation's stewards, nodes and administrators, who may
/// also read what peers told us of theirs.
fn may_follow(
    hub: &Hub,
    who: &Who,
    recipient: &Recipient,
    organisation: &OrgName,
) -> Result<(), Refusal> {
    let own = hub.organisation();
    match recipient {
        Recipient::Peer(_) if organisation == own => return Ok(()),
        Recipient::Peer(peer) => {
            let policy = hub.authority().snapshot();
            if policy.passes_on(peer, organisation, clock::now()) {
                return Ok(());
            }
        }
        Recipient::Principal(_) => {
            let serves = matches!(who.kind, PrincipalKind::Steward | PrincipalKind::Node);
            if serves && who.name.organisation() == own {
                return Ok(());
            }
            let policy = hub.authority().snapshot();
            return check_administers(who, &policy, own, clock::now());
        }
    }
    let why = format!("wanted the log of {own} or one passed on, found that of {organisation}");
    Err(Refusal::new(RefusalCode::NotPermitted, "control log", why))
}

async fn renewed(passing: Option<&mut Passing>) {
    match passing {
        Some(passing) => passing.renewed().await,
        None => std::future::pending().await,
    }
}

async fn pause(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

impl Follower {
    /// The next statements, or a checkpoint of them; waits until there are some. `None` when the node is stopping, or when
    /// there will be no more for this follower. May be dropped and called again.
    ///
    /// # Errors
    /// The follower may not read the log any more.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, Refusal> {
        loop {
            if self.end.is_some_and(|end| self.next >= end) {
                return Ok(None);
            }
            let due = self.showing.as_ref().map(|showing| showing.due(clock::now()));
            if self.turn == Turn::Waiting {
                tokio::select! {
                    changed = self.changed.changed() => if changed.is_err() { return Ok(None) },
                    () = pause(due) => {}
                    () = renewed(self.passing.as_mut()) => {}
                }
            }
            // Also where this is dropped while it reads.
            self.turn = Turn::Looking;
            self.changed.mark_unchanged();
            if self.is_parted() {
                return Ok(None);
            }
            may_follow(&self.hub, &self.who, &self.recipient, &self.organisation)?;
            let taken = match &self.passing {
                Some(passing) => passing.statements(&self.hub, self.next.value()).await?,
                None => self.take(),
            };
            if !taken.is_empty() {
                return Ok(Some(Frame::Statements(self.frame(taken))));
            }
            // An empty log is told once, so that a follower knows it has everything.
            if !self.told {
                self.told = true;
                return Ok(Some(Frame::Statements(self.frame(Vec::new()))));
            }
            if let Some(checkpoint) = self.show()? {
                return Ok(Some(Frame::Checkpoint(checkpoint)));
            }
            self.turn = Turn::Waiting;
        }
    }

    /// A checkpoint that is due.
    fn show(&mut self) -> Result<Option<frame::Checkpoint>, Refusal> {
        let given = (self.subscription, self.next.value());
        if let Some(passing) = &mut self.passing {
            return passing.checkpoint(&self.hub, given);
        }
        let Some(showing) = &mut self.showing else { return Ok(None) };
        showing.next(self.hub.logs(), given, clock::now())
    }

    /// What a follower says of what it was shown.
    ///
    /// # Errors
    /// It is nobody who was shown anything, or no cosignature of its own.
    pub(crate) async fn hear(&mut self, cosigned: frame::Cosigned) -> Result<(), Refusal> {
        if self.end.is_some() {
            // What a former peer knows counts for nothing; it may not know yet that it is one.
            return Ok(());
        }
        let Some(showing) = &mut self.showing else {
            return Err(unexpected("follow stream", &Frame::Cosigned(cosigned)));
        };
        let frame::Cosigned { subscription: _, log, size, signature } = cosigned;
        showing.hear(self.hub.logs(), &log, size);
        let peer = showing.peer().clone();
        // Whoever says more than it may is read more slowly.
        while self.hub.arrive(&self.who.id, clock::now()).is_err() {
            tokio::time::sleep(STEER_PAUSE).await;
        }
        match signature {
            Some(line) => self.hub.keep_cosignature(peer, log, size, line).await,
            None => Ok(()),
        }
    }

    /// Whether the contract with a peer ended since it came: it has to come again as what it is now.
    fn is_parted(&self) -> bool {
        let Recipient::Peer(peer) = &self.recipient else { return false };
        let contract = || self.hub.authority().snapshot().peer(peer);
        self.end.is_none() && !contract().is_some_and(|found| found.is_in_force(clock::now()))
    }

    fn take(&self) -> Vec<frame::FollowedStatement> {
        let policy = self.hub.authority().snapshot();
        let (mut taken, mut next, mut bytes) = (Vec::new(), self.next, 0);
        for logged in log_from(&policy, &self.organisation, self.next, STATEMENTS_PER_FRAME) {
            if self.end.is_some_and(|end| next >= end) {
                break;
            }
            let encoded = logged.statement.encode();
            bytes += encoded.len();
            if bytes > BYTES_PER_FRAME && !taken.is_empty() {
                break;
            }
            let statement = encoded.into();
            taken.push(frame::FollowedStatement { statement, received: logged.received });
            next = next.next();
        }
        taken
    }

    /// The next statements as a frame, behind which the follower then stands.
    fn frame(&mut self, statements: Vec<frame::FollowedStatement>) -> frame::Statements {
        let first = self.next;
        for _statement in &statements {
            self.next = self.next.next();
        }
        let (subscription, organisation) = (self.subscription, self.organisation.clone());
        frame::Statements { subscription, organisation, first, statements }
    }
}
