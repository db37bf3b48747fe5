//! The disk: opening what is there, appending and committing, reading pages.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::Path,
    sync::Arc,
};

use sekisho_policy::Policy;
use sekisho_proto::{Filter, GapReason, Hash, Offset, Position, Topic};
use sekisho_routing::{
    AppendFailure, Appended, Lost, Record, ReplayFrom, Replayed, RestoredStream, Router, Ticket,
};
use sekisho_seal::StrictVerifier;
use sekisho_store::{
    AppendError, CommitError, Disk, LostReason, NewRecord, Options, ReadBatch, ReadError,
    RecordReader as _, Store, StoreOptions, StoredRecord, StreamHead, StreamKey, fault::FaultDisk,
};

use super::{
    Context, DIRECTORY, Habits, Halt, Log, bounds,
    queues::Gathering,
    running::{Append, Asked, Running},
};
use crate::{
    failure::{Broken, broken, ensure},
    rights::Known,
    world::World,
};

impl Running {
    pub(super) fn open(
        index: usize,
        disk: Arc<FaultDisk>,
        Habits { tail_bytes_max, gathers }: Habits,
        context: &mut Context<'_>,
    ) -> Result<Self, Halt> {
        let Some(city) = context.world.cities.get(index) else { return Err(Halt::Crash) };
        let (own, own_node) = (city.name.clone(), city.node.id());
        let doubt = context.ledger.doubt(index);
        let store = open_store(index, &disk, tail_bytes_max, context)?;
        let mut policy = Policy::new(own.clone(), city.root().body_hash());
        let logs = Self::stored_statements(&store)?;
        let mut known = Known::default();
        let (ours, theirs): (Vec<_>, Vec<_>) = logs.iter().partition(|(of, _)| *of == own);
        for (statement, _) in ours.into_iter().chain(theirs).flat_map(|(_, log)| log) {
            known.learn(statement.id());
        }
        let log = Self::own_log(&own, &logs);
        let unapplied = policy.restore(logs, &StrictVerifier);
        if !unapplied.is_empty() {
            let why = format!("node {index} cannot apply {unapplied:?}");
            return Err(if doubt.lied { Halt::Refused(why) } else { Broken(why).into() });
        }
        let policy = Arc::new(policy);
        let reader = store.records.reader();
        let router = Router::new(bounds::limits(), Arc::clone(&policy), reader.head());
        let mut running = Self {
            index,
            own,
            own_node,
            router,
            policy,
            log,
            known,
            heard: BTreeMap::new(),
            disk,
            store,
            reader,
            sessions: BTreeMap::new(),
            of_connection: BTreeMap::new(),
            peers: BTreeMap::new(),
            appends: VecDeque::new(),
            failed: BTreeSet::new(),
            unreported: VecDeque::new(),
            replays: Vec::new(),
            ways: BTreeMap::new(),
            histories: BTreeMap::new(),
            last_session: 0,
            gathering: gathers.then(Gathering::default),
            look_again: context.now,
        };
        running.watch_peers(context)?;
        running.restore_router();
        running.follow_peers(context)?;
        running.follow_budgets(context);
        running.drain(context)?;
        Ok(running)
    }

    fn restore_router(&mut self) {
        let mut homes = BTreeSet::new();
        for head in self.store.records.streams() {
            let StreamHead { topic, stream, hash, time, forgotten, .. } = head;
            homes.insert(topic.organisation().clone());
            let StreamKey { publisher, boot, sequence } = stream;
            self.router.restore_stream(&RestoredStream {
                topic,
                publisher,
                boot,
                sequence,
                hash,
                time,
                forgotten,
            });
        }
        homes.remove(&self.own);
        for home in homes {
            for topic in self.reader.topics(&Filter::everything(&home)) {
                if let Some(last) = topic.next_offset.value().checked_sub(1) {
                    self.router.restore_offset(&topic.topic, Offset::new(last));
                }
            }
        }
    }

    /// Appends some of what waits and commits it.
    pub(super) fn flush(&mut self, context: &mut Context<'_>) -> Result<(), Halt> {
        let count = context.random.index(self.appends.len()).saturating_add(1);
        let mut batch: Vec<(Ticket, Hash, Appended)> = Vec::new();
        for _ in 0..count {
            let Some(append) = self.appends.pop_front() else { break };
            let (ticket, hash) = (append.ticket, append.record.hash);
            if append.after.is_some_and(|after| self.failed.contains(&after)) {
                self.fail(ticket, "the one before it", context)?;
                continue;
            }
            match self.store.records.append(new_record(append)) {
                Ok(appended) => {
                    let (position, offset) = (appended.position, appended.offset);
                    batch.push((ticket, hash, Appended { position, offset }));
                }
                Err(AppendError::StorageFull { .. }) => self.fail(ticket, "full", context)?,
                Err(
                    error @ (AppendError::OffsetNotGrowing { .. } | AppendError::RecordSize { .. }),
                ) => return Err(broken("appending what the router judged")(&error).into()),
                Err(_) => return Err(Halt::Crash),
            }
        }
        match self.store.records.commit() {
            Ok(_) => {
                for (ticket, hash, appended) in batch {
                    context.ledger.store(self.index, appended.position, hash)?;
                    self.unreported.push_back((ticket, appended));
                }
            }
            Err(CommitError::StorageFull { .. }) => {
                for (ticket, ..) in batch {
                    self.fail(ticket, "full", context)?;
                }
            }
            Err(_) => return Err(Halt::Crash),
        }
        if self.appends.is_empty() {
            self.failed.clear();
        }
        Ok(())
    }

    fn fail(&mut self, ticket: Ticket, why: &str, context: &mut Context<'_>) -> Result<(), Halt> {
        context.ledger.counts.storage_full += 1;
        self.failed.insert(ticket);
        self.router
            .handle_append_failed(ticket, AppendFailure::StorageFull, why)
            .map_err(|error| broken("telling that an append failed")(&error).into())
    }

    /// Tells the router of one durable record.
    pub(super) fn report(&mut self, context: &mut Context<'_>) -> Result<(), Halt> {
        let Some((ticket, appended)) = self.unreported.pop_front() else { return Ok(()) };
        self.router
            .handle_appended(ticket, appended, context.now)
            .map_err(|error| broken("telling that a record is durable")(&error).into())
    }

    /// Reads one of the pages that were asked for.
    pub(super) fn replay(&mut self, context: &mut Context<'_>) -> Result<(), Halt> {
        let readable = self.readable(context.network.now);
        if readable.is_empty() {
            return Ok(());
        }
        let place = readable.get(context.random.index(readable.len())).copied().unwrap_or(0);
        let asked = self.replays.remove(place);
        let page = self.page(&asked)?;
        self.feel_power()?;
        self.spend_history(asked.paced.as_ref(), &page, context)?;
        self.router.handle_replayed(asked.session, asked.subscription, page, context.now);
        Ok(())
    }

    /// A disk without power answers nothing; a node that sees that is down.
    pub(super) fn feel_power(&self) -> Result<(), Halt> {
        match self.disk.list(Path::new(DIRECTORY)) {
            Ok(_) => Ok(()),
            Err(_) => Err(Halt::Crash),
        }
    }

    fn page(&self, asked: &Asked) -> Result<Replayed, Halt> {
        let (reader, filter) = (&self.reader, &asked.filter);
        let (records, bytes) = (asked.records_max, asked.bytes_max);
        let read = |from: Position| Ok((from, reader.read(filter, from, records, bytes)?));
        let found: Result<(Position, ReadBatch), ReadError> = match asked.from {
            ReplayFrom::Position(from) => read(from),
            ReplayFrom::Earliest => read(reader.first()),
            ReplayFrom::Time(time) => reader.position_at_time(filter, time).and_then(read),
            ReplayFrom::Offset(offset) => match filter.is_topic() {
                Some(topic) => reader
                    .read_topic(&topic, offset, records, bytes)
                    .map(|batch| (first_of(&batch), batch)),
                None => read(reader.head()),
            },
            ReplayFrom::LastValues { from, until } => {
                let batch = reader.last_values(filter, from, until, records, bytes);
                batch.map(|batch| (from, batch))
            }
        };
        let (from, batch) = found.map_err(|_error| Halt::Crash)?;
        let records =
            batch.records.iter().map(|record| restore(record)).collect::<Result<_, _>>()?;
        let lost = batch.lost.iter().map(|lost| Lost {
            from: lost.from,
            to: lost.to,
            reason: match lost.reason {
                LostReason::Retention => GapReason::Retention,
                LostReason::Corrupt => GapReason::Corrupt,
            },
        });
        Ok(Replayed {
            replay: asked.replay,
            from,
            records,
            next: batch.next,
            head: batch.head,
            lost: lost.collect(),
        })
    }

    /// The whole log by position.
    pub(super) fn log(&self, world: &World) -> Result<Log, Broken> {
        let mut log = Log::default();
        for city in &world.cities {
            let batch = self
                .reader
                .read(&Filter::everything(&city.name), Position::ZERO, usize::MAX, usize::MAX)
                .map_err(|error| broken("reading the log")(&error))?;
            log.damaged.extend(batch.lost.iter().map(|lost| (lost.from, lost.to)));
            for stored in batch.records {
                let record = restore(&stored)?;
                log.records.insert(stored.position.value(), Arc::unwrap_or_clone(record));
            }
        }
        Ok(log)
    }

    /// The log is in order and holds what was acknowledged.
    pub(super) fn check(&self, context: &Context<'_>) -> Result<(), Broken> {
        let log = self.log(context.world)?;
        let is_home = |topic: &Topic| *topic.organisation() == self.own;
        let shown = log.shown();
        context.ledger.check_log(self.index, is_home, &shown)?;
        context.ledger.check_kept(self.index, &shown)
    }
}

fn new_record(append: Append) -> NewRecord {
    let sekisho_routing::NewRecord { offset, received, envelope, hash, hops } = append.record;
    let header = envelope.header();
    NewRecord {
        topic: header.topic.clone(),
        offset,
        received,
        envelope: envelope.encoded().clone(),
        hops,
        stream: StreamKey {
            publisher: header.publisher,
            boot: header.boot,
            sequence: header.sequence,
        },
        hash,
        key_header: header.key_header,
    }
}

fn restore(stored: &StoredRecord) -> Result<Arc<Record>, Broken> {
    let StoredRecord { position, offset, received, envelope, hops, .. } = stored;
    Record::restore(*position, *offset, *received, envelope.clone(), hops.clone())
        .map(Arc::new)
        .map_err(|error| broken("a stored envelope")(&error))
}

fn first_of(batch: &ReadBatch) -> Position {
    let record = batch.records.first().map(|record| record.position);
    let lost = batch.lost.first().map(|lost| lost.from);
    record.into_iter().chain(lost).min().unwrap_or(batch.next)
}

/// The store as the last crash left it, with what that may have cost taken into account.
fn open_store(
    index: usize,
    disk: &Arc<FaultDisk>,
    tail_bytes_max: usize,
    context: &mut Context<'_>,
) -> Result<Store, Halt> {
    let log = Options {
        segment_bytes: 8 * 1024,
        min_free_bytes: 0,
        tail_bytes_max,
        ..Options::default()
    };
    let options = StoreOptions { log, ..StoreOptions::default() };
    let opened: Arc<dyn Disk> = Arc::<FaultDisk>::clone(disk);
    let doubt = context.ledger.doubt(index);
    let is_doubtful = doubt.rotten || doubt.lied;
    let store = match Store::open(opened, Path::new(DIRECTORY), options) {
        Ok(store) => store,
        Err(error) => {
            let Broken(why) = broken("opening the store after a crash")(&error);
            return Err(if is_doubtful { Halt::Refused(why) } else { Broken(why).into() });
        }
    };
    let found = &store.report.log;
    ensure(found.corrupt.is_empty() || is_doubtful, || {
        format!("node {index} finds its log damaged: {:?}", found.corrupt)
    })?;
    if doubt.rotten && found.truncated_bytes > 0 {
        // Where the last batch rotted and power failed before its end was marked on the disk,
        // nothing tells it from one that was never finished.
        context.ledger.void(index, found.end);
        context.ledger.doubt_mut(index).lied = true;
    }
    Ok(store)
}
