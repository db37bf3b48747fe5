//! A dashboard: it takes what it is given, and holds the node to what a subscription promises.

use std::{collections::BTreeMap, time::Duration};

use sekisho_proto::{
    BootId, CursorName, Envelope, Filter, Frame, GapReason, Hash, Position, PrincipalId, Sequence,
    Timestamp, Topic,
    frame::{self, Start},
    limits::PROTOCOL_VERSION,
};
use sekisho_seal::SigningKey;

use crate::{
    failure::{Broken, broken, ensure},
    network::{Client, ConnectionId},
    node::Context,
};

const SUBSCRIPTION: u32 = 1;

/// Who was refused comes again after so long.
const PAUSE: Duration = Duration::from_secs(1);

/// Where a subscriber keeps its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// At the node, under a name: what was not acknowledged may come twice.
    Cursor(CursorName),
    /// Itself: everything comes once.
    Place,
}

pub(crate) struct Subscriber {
    pub(crate) index: usize,
    pub(crate) city: usize,
    pub(crate) key: SigningKey,
    pub(crate) filter: Filter,
    /// Its rights last for the whole run.
    pub(crate) steady: bool,
    start: Start,
    keeps: Keeps,
    pub(crate) connection: Option<ConnectionId>,
    phase: Phase,
    /// Where the first subscription began, and where the log ended then.
    pub(crate) begun: Option<(Position, Position)>,
    /// What it got, by position.
    pub(crate) processed: BTreeMap<u64, Hash>,
    /// What it was told is not to be had, the last one exclusive.
    pub(crate) told: Vec<(Position, Position)>,
    /// Where its own place is; further than what it got where the node has lost that.
    furthest: Option<Position>,
    last: Option<Position>,
    acknowledged: Option<Position>,
    credit: u32,
    /// When it comes again after it was refused.
    pub(crate) again_at: Option<Timestamp>,
    streams: BTreeMap<(Topic, PrincipalId, BootId), Sequence>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Away,
    Greeted,
    Subscribed,
    /// Refused or ended: it comes again some time.
    Unwanted,
}

impl Subscriber {
    pub(crate) fn new(
        index: usize,
        city: usize,
        key: SigningKey,
        filter: Filter,
        start: Start,
        keeps: Keeps,
    ) -> Self {
        Self {
            index,
            city,
            key,
            filter,
            steady: true,
            start,
            keeps,
            connection: None,
            phase: Phase::Away,
            begun: None,
            processed: BTreeMap::new(),
            told: Vec::new(),
            furthest: None,
            last: None,
            acknowledged: None,
            credit: 0,
            again_at: None,
            streams: BTreeMap::new(),
        }
    }

    /// Whether every record from the first one of its first subscription on was for it.
    pub(crate) fn first_wanted(&self) -> Option<Position> {
        let (position, head) = self.begun?;
        Some(if self.start == Start::LastValue { head } else { position })
    }

    pub(crate) fn is_subscribed(&self) -> bool {
        self.phase == Phase::Subscribed && self.begun.is_some()
    }

    /// Whether it was refused, and has reason to expect that again.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.phase == Phase::Unwanted && !self.steady
    }

    /// Whether it was refused last.
    pub(crate) fn is_refused(&self) -> bool {
        self.phase == Phase::Unwanted
    }

    /// Connects, grants or acknowledges: whatever is next.
    pub(crate) fn act(&mut self, context: &mut Context<'_>) {
        let Some(connection) = self.connection else {
            if self.again_at.is_none_or(|at| at <= context.network.now) {
                self.again_at = None;
                self.connect(context);
            }
            return;
        };
        if self.phase != Phase::Subscribed {
            return;
        }
        if self.credit < 8 {
            let records = u32::try_from(context.random.below(8)).unwrap_or(0).saturating_add(1);
            self.credit += records;
            let credit = frame::Credit { subscription: SUBSCRIPTION, records };
            context.network.send_up(connection, credit, context.random);
        }
        if matches!(self.keeps, Keeps::Cursor(_)) && self.acknowledged < self.last {
            self.acknowledged = self.last;
            if let Some(position) = self.last {
                let done = frame::Acknowledge { subscription: SUBSCRIPTION, position };
                context.network.send_up(connection, done, context.random);
            }
        }
    }

    fn connect(&mut self, context: &mut Context<'_>) {
        let Some(city) = context.world.cities.get(self.city) else { return };
        let client = Client::Subscriber(self.index);
        let connection = context.network.open(client, self.city, self.key.id(), context.random);
        let hello = frame::Hello {
            version: PROTOCOL_VERSION,
            software: "a dashboard".to_owned(),
            organisation: city.name.clone(),
        };
        context.network.send_up(connection, hello, context.random);
        self.connection = Some(connection);
        self.phase = Phase::Greeted;
    }

    fn subscribe(&mut self, context: &mut Context<'_>) {
        let Some(connection) = self.connection else { return };
        let (start, cursor) = match &self.keeps {
            Keeps::Cursor(name) => (self.start, Some(name.clone())),
            Keeps::Place => (self.place().map_or(self.start, Start::Position), None),
        };
        self.credit = u32::try_from(context.random.below(6)).unwrap_or(0);
        self.last = None;
        self.acknowledged = None;
        self.streams.clear();
        self.phase = Phase::Subscribed;
        let subscribe = frame::Subscribe {
            subscription: SUBSCRIPTION,
            filter: self.filter.clone(),
            start,
            cursor,
            credit: self.credit,
        };
        context.network.send_up(connection, subscribe, context.random);
    }

    /// Where to go on; where nothing came yet, where the first subscription began.
    fn place(&self) -> Option<Position> {
        self.furthest.or_else(|| self.first_wanted())
    }

    /// Whether it got what is at a position, or was told that it cannot be had.
    pub(crate) fn has(&self, position: Position) -> bool {
        self.processed.contains_key(&position.value())
            || self.told.iter().any(|(from, to)| (*from..*to).contains(&position))
    }

    /// The node's disk has lost what it said it kept, from there on.
    pub(crate) fn void(&mut self, from: Position) {
        drop(self.processed.split_off(&from.value()));
    }

    pub(crate) fn handle_frame(
        &mut self,
        frame: Frame,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        if let Frame::Welcome(_) = frame {
            self.subscribe(context);
        } else if let Frame::Subscribed(subscribed) = frame {
            self.begun.get_or_insert((subscribed.position, subscribed.head));
        } else if let Frame::Record(record) = frame {
            self.handle_record(&record, context)?;
        } else if let Frame::Gap(gap) = &frame
            && gap.reason != GapReason::Rights
        {
            self.handle_gap(gap, context)?;
        } else if matches!(frame, Frame::Gap(_) | Frame::Refused(_) | Frame::Goodbye(_)) {
            // A statement that travels to another city may come after its reader.
            let early = self.begun.is_none() && matches!(frame, Frame::Refused(_));
            // Who is told that a peer was not heard lately comes again for what it did not get.
            let stale = matches!(&frame, Frame::Gap(gap) if gap.reason == GapReason::Rights);
            context.ledger.counts.told_stale += u64::from(stale);
            let owner = self.filter.organisation();
            let changed = context.ledger.is_disturbed(self.city, owner);
            let excused = !self.steady || changed || context.ledger.doubt(self.city).lied;
            let expected = early || stale || excused && !matches!(frame, Frame::Gap(_));
            ensure(expected, || {
                format!("subscriber {} of {}: {frame:?}", self.index, self.filter)
            })?;
            if let Some(connection) = self.connection.take() {
                context.network.abandon(connection);
            }
            self.connection = None;
            self.phase = Phase::Unwanted;
            self.again_at = Some(context.network.now.saturating_add(PAUSE));
        }
        Ok(())
    }

    /// The node tells what it cannot give: only what its disk did something to.
    fn handle_gap(&mut self, gap: &frame::Gap, context: &mut Context<'_>) -> Result<(), Broken> {
        let doubt = context.ledger.doubt(self.city);
        let (from, to) = (gap.from_position, gap.to_position);
        let excused = match gap.reason {
            GapReason::Corrupt => doubt.rotten || doubt.lied,
            GapReason::Restart => doubt.lied,
            GapReason::Retention
            | GapReason::Overflow
            | GapReason::Rights
            | GapReason::Withheld => false,
        };
        ensure(excused, || format!("subscriber {} is told {gap:?}", self.index))?;
        if gap.reason == GapReason::Restart {
            context.ledger.counts.restarts_told += 1;
            self.furthest = Some(to);
            return Ok(());
        }
        ensure(self.last.is_none_or(|last| last < from), || {
            format!("subscriber {} is told {gap:?} behind {:?}", self.index, self.last)
        })?;
        context.ledger.counts.told_damaged += 1;
        self.told.push((from, to));
        self.furthest = self.furthest.max(Some(to));
        Ok(())
    }

    fn handle_record(
        &mut self,
        record: &frame::Record,
        context: &Context<'_>,
    ) -> Result<(), Broken> {
        let position = record.position;
        let who = format!("subscriber {} of {}", self.index, self.filter);
        ensure(self.last < Some(position), || {
            format!("{who} got position {position} after {:?}", self.last)
        })?;
        ensure(self.credit > 0, || format!("{who} got more than it asked for"))?;
        self.credit -= 1;
        self.last = Some(position);
        let envelope = Envelope::decode(record.envelope.clone())
            .map_err(|error| broken("a delivered envelope")(&error))?;
        ensure(context.ledger.is_genuine(&envelope), || format!("{who} got what nobody signed"))?;
        let header = envelope.header();
        ensure(self.filter.matches(&header.topic), || format!("{who} got {}", header.topic))?;
        let stream = (header.topic.clone(), header.publisher, header.boot);
        let before = self.streams.insert(stream, header.sequence);
        ensure(before < Some(header.sequence), || {
            format!("{who} got sequence {} of {} after {before:?}", header.sequence, header.topic)
        })?;
        let hash = envelope.hash();
        self.furthest = self.furthest.max(Some(position.next()));
        let before = self.processed.insert(position.value(), hash);
        let again = self.keeps != Keeps::Place && before == Some(hash);
        ensure(before.is_none() || again, || format!("{who} got position {position} twice"))
    }

    pub(crate) fn handle_closed(&mut self, connection: ConnectionId) {
        if self.connection == Some(connection) {
            self.connection = None;
            self.phase = Phase::Away;
        }
    }
}
