//! What one subscription brings, on its way to the client.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};

use sekisho_mqtt::session_state::SessionState;
use sekisho_proto::{KeyHeaderId, Position, Timestamp, Topic};
use sekisho_routing::Record;

use crate::clock;
use crate::hub::{OutboxReader, Outgoing};
use crate::mqtt::Membership;
use crate::transport::mqtt::observing::Told;

/// Key headers remembered as sent; beyond it some are sent again.
const SENT_MAX: usize = 1_024;

/// One subscription's records on their way to the client.
pub(in crate::transport::mqtt) struct Feed {
    pub(in crate::transport::mqtt) number: u32,
    /// What comes first and does not come by the subscription.
    pub(in crate::transport::mqtt) besides: VecDeque<(Arc<Record>, Origin)>,
    pub(super) queue: OutboxReader,
    pub(super) waiting: VecDeque<Outgoing>,
    /// The oldest version of the policy under which the gate let out a record among them.
    pub(super) let_out_under: Option<u64>,
    /// What waits has waited for the client, since the gate let it out: the gate is asked again.
    delay: Delay,
    /// When that was taken.
    pub(super) taken: Timestamp,
    /// Positions that were sent and are not done.
    pub(super) outstanding: BTreeSet<u64>,
    /// Those in flight from an earlier connection that it is to bring again.
    pub(super) awaited: BTreeSet<u64>,
    /// Everything before was looked at.
    pub(super) seen: Position,
    pub(super) uncredited: u32,
    /// What the client published before this was published while the subscription did not want that.
    pub(in crate::transport::mqtt) own_from: Position,
    /// Records that somebody who left the share had not done, to be fetched.
    pub(super) inherited: VecDeque<Position>,
    /// Its place in a share.
    pub(super) share: Option<Membership>,
    pub(super) sent: HashSet<KeyHeaderId>,
    /// The topic that it brought last, and its name.
    pub(super) named: Option<(Topic, Arc<str>)>,
    /// What was made of a record for SensorThings, and waits.
    pub(in crate::transport::mqtt) told: Told,
    pub(super) over: bool,
}

/// How long ago the gate let out what waits here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delay {
    Fresh,
    Waited,
}

/// How a record came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transport::mqtt) enum Origin {
    /// By its subscription.
    Live,
    /// It is retained, and the subscription is younger.
    Retained,
    /// Another member of the share had it and has left.
    Inherited,
}

impl Feed {
    pub(in crate::transport::mqtt) fn new(
        number: u32,
        queue: OutboxReader,
        waiting: VecDeque<Outgoing>,
    ) -> Self {
        Self {
            number,
            besides: VecDeque::new(),
            queue,
            // It may have come in several parts, each let out under another policy.
            delay: if waiting.is_empty() { Delay::Fresh } else { Delay::Waited },
            waiting,
            let_out_under: None,
            taken: clock::steady(),
            outstanding: BTreeSet::new(),
            awaited: BTreeSet::new(),
            seen: Position::new(0),
            uncredited: 0,
            own_from: Position::new(0),
            inherited: VecDeque::new(),
            share: None,
            sent: HashSet::new(),
            named: None,
            told: Told::default(),
            over: false,
        }
    }

    /// Goes on where an earlier connection left off.
    pub(in crate::transport::mqtt) fn resume(&mut self, next: Position, state: &SessionState) {
        self.seen = next;
        let mine = state.outgoing.values().filter(|flight| flight.subscription == self.number);
        let ahead = mine.map(|flight| flight.position).filter(|position| *position >= next);
        self.outstanding.extend(ahead.map(Position::value));
        let is_done = |position: &u64| state.is_done(self.number, Position::new(*position));
        self.awaited.extend(self.outstanding.iter().filter(|position| !is_done(position)));
    }

    /// Begins here: what is older comes otherwise.
    pub(in crate::transport::mqtt) fn begin(&mut self, since: Position) {
        self.seen = since;
    }

    /// Takes its place in a share, where it has one, and what waited there for it.
    pub(in crate::transport::mqtt) fn join(&mut self, mut share: Option<Membership>) {
        if let Some(share) = &mut share {
            self.inherited.extend(std::mem::take(&mut share.given));
        }
        self.share = share;
    }

    /// Ready when a subscription that had nothing to send has something.
    pub(in crate::transport::mqtt) fn poll_any(
        feeds: &mut [Self],
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let mut found = Poll::Pending;
        for feed in feeds.iter_mut() {
            let Some(share) = &mut feed.share else { continue };
            while let Poll::Ready(Some(position)) = share.reassigned.poll_recv(context) {
                feed.inherited.push_back(position);
                found = Poll::Ready(());
            }
        }
        for feed in feeds.iter_mut().filter(|feed| feed.is_idle() && !feed.over) {
            match feed.queue.poll_take(context) {
                Poll::Ready(Some(taken)) => {
                    feed.waiting = taken.into();
                    feed.let_out_under = feed.queue.let_out_under();
                    (feed.delay, feed.taken) = (Delay::Fresh, clock::steady());
                    found = Poll::Ready(());
                }
                Poll::Ready(None) => feed.over = true,
                Poll::Pending => {}
            }
        }
        found
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.has_besides() && self.told.is_empty()
    }

    /// There is something that comes first. What is retained and will come by the subscription, too,
    /// does so first: it is told as retained after it was told as new.
    pub(super) fn has_besides(&self) -> bool {
        let first = self.besides.front();
        first.is_some_and(|(record, origin)| {
            *origin != Origin::Retained || record.position() < self.seen
        })
    }

    /// Has these come first, but those that come by the subscription, too, after they did.
    pub(in crate::transport::mqtt) fn add_retained(&mut self, mut records: Vec<Arc<Record>>) {
        records.sort_by_key(|record| record.position());
        self.besides.extend(records.into_iter().map(|record| (record, Origin::Retained)));
    }

    /// Retained messages wait.
    pub(in crate::transport::mqtt) fn has_retained(&self) -> bool {
        self.besides.iter().any(|(_record, origin)| *origin == Origin::Retained)
    }

    /// Something waits until what the subscription brings has come that far.
    pub(in crate::transport::mqtt) fn waits_behind(&self) -> bool {
        let is_ahead = |record: &Record| record.position() >= self.seen;
        let mut retained = self.besides.iter().filter(|(_, origin)| *origin == Origin::Retained);
        retained.any(|(record, _)| is_ahead(record))
    }

    pub(super) fn take_besides(&mut self) -> Option<(Arc<Record>, Origin)> {
        if self.has_besides() { self.besides.pop_front() } else { None }
    }

    /// There is more to be fetched, and nothing waits that was.
    pub(super) fn is_to_fetch(&self) -> bool {
        self.besides.is_empty() && !self.inherited.is_empty()
    }

    /// The gate let out what waits here a while ago, or under another policy than this version.
    pub(in crate::transport::mqtt) fn has_waited(&self, version: u64) -> bool {
        self.delay == Delay::Waited || self.let_out_under.is_some_and(|under| under != version)
    }

    /// A record needs nothing more, of whichever member of the share.
    pub(super) fn let_go(&self, position: Position) {
        if let Some(share) = &self.share {
            share.done(position);
        }
    }

    /// The client may not have a record: where it is in a share, another member may.
    pub(super) fn pass_on(&self, record: &Record) {
        if let Some(share) = &self.share {
            share.pass_on(record);
        }
    }

    /// A key header went with a message that was sent.
    pub(super) fn note_sent(&mut self, key_header: Option<KeyHeaderId>) {
        let Some(id) = key_header else { return };
        if self.sent.len() >= SENT_MAX {
            self.sent.clear();
        }
        self.sent.insert(id);
    }

    /// The client keeps waiting what the gate let out.
    pub(super) fn note_waited(&mut self) {
        self.delay = Delay::Waited;
    }

    /// Everything before this is done.
    pub(super) fn next(&self) -> Position {
        self.outstanding.first().map_or(self.seen, |first| Position::new(*first))
    }
}
