//! One organisation's node: what a broker is, without its sockets and threads. It runs until its
//! disk or the run's fate ends it, and starts again from what the disk has kept.

use std::{collections::BTreeMap, sync::Arc};

use sekisho_proto::{Frame, Hash, Offset, OrgName, Position, Timestamp, Topic};
use sekisho_routing::Record;
use sekisho_store::{
    RecordReader as _,
    fault::{FaultDisk, Survival},
};

use crate::{
    clock::Clock,
    failure::{Broken, broken, ensure},
    ledger::{Ledger, Shown},
    network::{Client, Connection, ConnectionId, Network, Stream},
    random::Random,
    world::World,
};

mod admitting;
mod bounds;
mod budgets;
mod carrying;
mod following;
mod places;
mod queues;
mod running;
mod serving;
mod stating;
mod storing;
mod witnessing;

use running::Running;

pub(crate) const DIRECTORY: &str = "/node";

/// What a node's log holds, and the positions that it says are damaged, the last one exclusive.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) records: BTreeMap<u64, Record>,
    pub(crate) damaged: Vec<(Position, Position)>,
}

impl Log {
    pub(crate) fn shown(&self) -> Shown<'_> {
        let records = self.records.values();
        let records =
            records.map(|record| (record.position(), record.envelope(), record.offset())).collect();
        Shown { records, damaged: self.damaged.clone() }
    }
}

/// What surrounds a node.
pub(crate) struct Context<'a> {
    pub(crate) world: &'a World,
    pub(crate) network: &'a mut Network,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) random: &'a mut Random,
    pub(crate) now: Timestamp,
}

/// Why a node stops in the middle of something.
pub(crate) enum Halt {
    /// Its disk failed it: it goes down and comes again.
    Crash,
    /// It does not start from what its disk holds, and says why.
    Refused(String),
    /// It did what it must not.
    Broken(Broken),
}

impl From<Broken> for Halt {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// What a node does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Some of what waits for the disk goes there.
    Flush,
    /// The router hears of one record that is durable.
    Report,
    /// One page is read.
    Replay,
    /// Timers that are due, and outboxes that have room again.
    Tick,
}

impl Task {
    pub(crate) const ALL: [Self; 4] = [Self::Flush, Self::Report, Self::Replay, Self::Tick];
}

/// How a node goes about its work, for the whole run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// How large its caches are, so that both the disk and memory are read from.
    pub(crate) tail_bytes_max: usize,
    /// It hears several things before it does what follows from them.
    pub(crate) gathers: bool,
}

pub(crate) struct Node {
    pub(crate) index: usize,
    pub(crate) disk: FaultDisk,
    pub(crate) clock: Clock,
    running: Option<Running>,
    /// Its disk has lost what it says it kept, and it does not start from the rest.
    pub(crate) is_gone: bool,
    /// Since when the disk has been lying: the end of the log then.
    lying_since: Option<Position>,
    habits: Habits,
}

/// How a node came up, or did not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Started {
    Up,
    /// The disk fails it: it may come up another time.
    Down,
    /// It finds its disk damaged, and says so.
    Refused(String),
}

impl Node {
    pub(crate) fn new(index: usize, habits: Habits) -> Self {
        Self {
            index,
            disk: FaultDisk::new(),
            clock: Clock::default(),
            running: None,
            is_gone: false,
            lying_since: None,
            habits,
        }
    }

    /// What its clock shows.
    pub(crate) fn time(&self, truth: Timestamp) -> Timestamp {
        self.clock.read(truth)
    }

    pub(crate) const fn is_up(&self) -> bool {
        self.running.is_some()
    }

    /// Starts from what the disk holds; holds it to everything that was acknowledged.
    pub(crate) fn start(&mut self, context: &mut Context<'_>) -> Result<Started, Broken> {
        let disk = Arc::new(self.disk.clone());
        let truth = context.now;
        context.now = self.time(truth);
        let opened = Running::open(self.index, disk, self.habits, context);
        context.now = truth;
        match opened {
            Ok(running) => self.running = Some(running),
            Err(Halt::Crash) => {
                self.disk.cut_power(Survival::Everything);
                return Ok(Started::Down);
            }
            Err(Halt::Refused(why)) => {
                self.disk.cut_power(Survival::Everything);
                return Ok(Started::Refused(why));
            }
            Err(Halt::Broken(broken)) => return Err(broken),
        }
        self.check(context)?;
        // What was on its way to the disk when it went down may be there.
        let log = self.log(context.world)?;
        for (position, envelope, _) in log.shown().records {
            context.ledger.store(self.index, position, envelope.hash())?;
        }
        Ok(Started::Up)
    }

    /// From now on the disk says that it keeps what it does not keep.
    pub(crate) fn lie(&mut self, context: &mut Context<'_>) {
        if self.running.is_some() {
            self.lying_since.get_or_insert(context.ledger.head(self.index));
            self.disk.lie_about_syncs(true);
            context.ledger.counts.lies += 1;
        }
    }

    /// Goes down at once. Of what was not synced, the disk keeps what it wants.
    pub(crate) fn crash(&mut self, context: &mut Context<'_>) {
        if self.running.take().is_none() {
            return;
        }
        context.ledger.counts.crashes += 1;
        let survival = match context.random.below(4) {
            0 => Survival::Nothing,
            1 => Survival::Everything,
            2 => Survival::Drawn(context.random.draw()),
            _ => Survival::TornLastWrite(context.random.index(600)),
        };
        self.disk.cut_power(survival);
        if let Some(from) = self.lying_since.take() {
            self.disk.lie_about_syncs(false);
            if survival != Survival::Everything {
                context.ledger.void(self.index, from);
                context.ledger.doubt_mut(self.index).lied = true;
            }
        }
    }

    pub(crate) fn handle_frame(
        &mut self,
        connection: ConnectionId,
        frame: Frame,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        self.act(context, |running, context| running.handle_frame(connection, frame, context))
    }

    pub(crate) fn handle_link_frame(
        &mut self,
        peer: &OrgName,
        on: (ConnectionId, Stream),
        frame: Frame,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        self.act(context, |running, context| running.handle_link_frame(peer, on, frame, context))
    }

    /// A connection to this node is gone.
    pub(crate) fn handle_closed(
        &mut self,
        connection: ConnectionId,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        self.act(context, |running, context| running.handle_closed(connection, context))
    }

    /// A connection of one of this node's links is gone.
    pub(crate) fn handle_link_closed(
        &mut self,
        peer: &OrgName,
        connection: ConnectionId,
        context: &mut Context<'_>,
    ) -> Result<(), Broken> {
        self.act(context, |running, context| running.handle_link_closed(peer, connection, context))
    }

    /// Whether there is anything of a task to do.
    pub(crate) fn has(&self, task: Task, truth: Timestamp) -> bool {
        self.running.as_ref().is_some_and(|running| running.has(task, truth))
    }

    /// Does a bit of a task.
    pub(crate) fn work(&mut self, task: Task, context: &mut Context<'_>) -> Result<(), Broken> {
        match task {
            Task::Flush => self.act(context, Running::flush),
            Task::Report => self.act(context, Running::report),
            Task::Replay => self.act(context, Running::replay),
            Task::Tick => self.act(context, Running::tick),
        }
    }

    pub(crate) fn next_timeout(&mut self, truth: Timestamp) -> Option<Timestamp> {
        let clock = self.clock;
        let running = self.running.as_mut()?;
        let shows = running.next_checkpoint().map(|shown| clock.truth(shown));
        let pages = running.readable_at(truth);
        running.next_timeout(truth).into_iter().chain(shows).chain(pages).min()
    }

    /// Whether nothing waits inside it.
    pub(crate) fn is_idle(&self) -> bool {
        self.running.as_ref().is_none_or(Running::is_idle)
    }

    /// Its organisation states something; false where the node is not there to hear it.
    pub(crate) fn state(
        &mut self,
        statement: &sekisho_proto::Statement,
        context: &mut Context<'_>,
    ) -> Result<bool, Broken> {
        if self.running.is_none() {
            return Ok(false);
        }
        self.act(context, |running, context| running.state(statement, context))?;
        Ok(self.is_up())
    }

    /// Whether a durable record is where a publisher was told it is.
    pub(crate) fn check_holds(
        &self,
        topic: &Topic,
        offset: Offset,
        hash: Hash,
    ) -> Result<(), Broken> {
        let Some(running) = self.powered() else { return Ok(()) };
        let batch = running
            .reader
            .read_topic(topic, offset, 1, usize::MAX)
            .map_err(|error| broken("reading what was acknowledged")(&error))?;
        let held = batch.records.first().is_some_and(|record| record.hash == hash);
        ensure(held, || {
            format!(
                "node {} acknowledged offset {offset} of {topic}, and it is not there",
                self.index
            )
        })
    }

    /// Everything in its log is in order, and everything acknowledged is in it.
    pub(crate) fn check(&self, context: &Context<'_>) -> Result<(), Broken> {
        self.powered().map_or(Ok(()), |running| running.check(context))
    }

    /// Its log, topics of all organisations.
    pub(crate) fn log(&self, world: &World) -> Result<Log, Broken> {
        self.running.as_ref().map_or_else(|| Ok(Log::default()), |running| running.log(world))
    }

    pub(crate) fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    /// Itself, unless it is down or about to notice that its disk is.
    fn powered(&self) -> Option<&Running> {
        self.running.as_ref().filter(|running| running.feel_power().is_ok())
    }

    fn act(
        &mut self,
        context: &mut Context<'_>,
        action: impl FnOnce(&mut Running, &mut Context<'_>) -> Result<(), Halt>,
    ) -> Result<(), Broken> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let truth = context.now;
        context.now = self.clock.read(truth);
        running.tell_wall_clock(context);
        let outcome = action(running, context)
            .and_then(|()| running.end_group(context))
            .and_then(|()| Ok(running.check_bounds(context)?))
            .and_then(|()| Ok(running.check_budgets(context)?));
        context.now = truth;
        match outcome {
            Ok(()) => Ok(()),
            Err(Halt::Refused(why)) => Err(Broken(why)),
            Err(Halt::Crash) => {
                self.crash(context);
                Ok(())
            }
            Err(Halt::Broken(broken)) => Err(broken),
        }
    }
}

/// Connections that a node which went down leaves behind.
pub(crate) fn touches(connection: &Connection, node: usize) -> bool {
    connection.server == node
        || matches!(
            &connection.client,
            Client::Link { node: client, .. } | Client::Way { node: client, .. } if *client == node
        )
}
