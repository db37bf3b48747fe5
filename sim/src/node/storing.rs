//! The disk: opening what is there, appending and committing, reading pages.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::Path,
    sync::Arc,
};

use sekisho_policy::Policy;
use sekisho_proto::{Envelope, Filter, GapReason, Offset, Position, RefusalCode, Topic};
use sekisho_routing::{
    Appended, Limits, Lost, Record, ReplayFrom, Replayed, RestoredStream, Router, Ticket,
};
use sekisho_seal::StrictVerifier;
use sekisho_store::{
    AppendError, CommitError, Disk, LostReason, NewRecord, Options, ReadBatch, ReadError,
    RecordReader as _, Store, StoreOptions, StoredRecord, StreamHead, StreamKey, fault::FaultDisk,
};

use super::{
    Context, DIRECTORY, Halt,
    running::{Append, Asked, Running},
};
use crate::{
    failure::{Broken, broken, ensure},
    rights::Known,
};

impl Running {
    pub(super) fn open(
        index: usize,
        disk: Arc<FaultDisk>,
        directory: &Path,
        context: &mut Context<'_>,
    ) -> Result<Self, Halt> {
        let Some(city) = context.world.cities.get(index) else { return Err(Halt::Crash) };
        let (own, own_node) = (city.name.clone(), city.node.id());
        let log = Options { segment_bytes: 8 * 1024, min_free_bytes: 0, ..Options::default() };
        let options = StoreOptions { log, ..StoreOptions::default() };
        let opened: Arc<dyn Disk> = Arc::<FaultDisk>::clone(&disk);
        let store = Store::open(opened, directory, options)
            .map_err(|error| Halt::Broken(broken("opening the store after a crash")(&error)))?;
        ensure(store.report.log.corrupt.is_empty(), || {
            format!("node {index} finds its log damaged: {:?}", store.report.log.corrupt)
        })?;
        let mut policy = Policy::new(own.clone(), city.root().body_hash());
        let logs = Self::stored_statements(&store)?;
        let known: Known =
            logs.iter().flat_map(|(_, log)| log).map(|(statement, _)| statement.id()).collect();
        let log = Self::own_log(&own, &logs);
        let unapplied = policy.restore(logs, &StrictVerifier);
        ensure(unapplied.is_empty(), || format!("node {index} cannot apply {unapplied:?}"))?;
        let policy = Arc::new(policy);
        let reader = store.records.reader();
        let limits = Limits { replay_records_max: 4, ..Limits::default() };
        let router = Router::new(limits, Arc::clone(&policy), reader.head());
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
            last_session: 0,
        };
        running.restore_router(context)?;
        running.follow_peers(context)?;
        running.drain(context)?;
        Ok(running)
    }

    fn restore_router(&mut self, context: &Context<'_>) -> Result<(), Halt> {
        for head in self.store.records.streams() {
            let StreamHead { topic, stream, hash, position, received, forgotten, .. } = head;
            let last = self.reader.read_at(position).map_err(|_error| Halt::Crash)?;
            let envelope = last.and_then(|last| Envelope::decode(last.envelope.clone()).ok());
            let time = envelope.map_or(received, |envelope| envelope.header().time);
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
        for city in context.world.cities.iter().filter(|city| city.name != self.own) {
            for state in self.reader.topics(&Filter::everything(&city.name)) {
                if let Some(last) = state.next_offset.value().checked_sub(1) {
                    self.router.restore_offset(&state.topic, Offset::new(last));
                }
            }
        }
        Ok(())
    }

    /// Appends some of what waits and commits it.
    pub(super) fn flush(&mut self, context: &mut Context<'_>) -> Result<(), Halt> {
        let count = context.random.index(self.appends.len()).saturating_add(1);
        let mut batch: Vec<(Ticket, Appended)> = Vec::new();
        for _ in 0..count {
            let Some(append) = self.appends.pop_front() else { break };
            let ticket = append.ticket;
            if append.after.is_some_and(|after| self.failed.contains(&after)) {
                self.fail(ticket, "the one before it", context)?;
                continue;
            }
            match self.store.records.append(new_record(append)) {
                Ok(appended) => {
                    let (position, offset) = (appended.position, appended.offset);
                    batch.push((ticket, Appended { position, offset }));
                }
                Err(AppendError::StorageFull { .. }) => self.fail(ticket, "full", context)?,
                Err(
                    error @ (AppendError::OffsetNotGrowing { .. } | AppendError::RecordSize { .. }),
                ) => return Err(broken("appending what the router judged")(&error).into()),
                Err(_) => return Err(Halt::Crash),
            }
        }
        match self.store.records.commit() {
            Ok(_) => self.unreported.extend(batch),
            Err(CommitError::StorageFull { .. }) => {
                for (ticket, _) in batch {
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
            .handle_append_failed(ticket, RefusalCode::StorageFull, why)
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
        if self.replays.is_empty() {
            return Ok(());
        }
        let asked = self.replays.remove(context.random.index(self.replays.len()));
        let page = self.page(&asked)?;
        self.feel_power()?;
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
                reader.last_values(filter, from, records, bytes).map(|mut batch| {
                    let until = until.unwrap_or(batch.head);
                    batch.records.retain(|record| record.position < until);
                    batch.next = batch.next.min(until);
                    (from, batch)
                })
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
    pub(super) fn log(&self, context: &Context<'_>) -> Result<BTreeMap<u64, Record>, Broken> {
        let mut log = BTreeMap::new();
        for city in &context.world.cities {
            let batch = self
                .reader
                .read(&Filter::everything(&city.name), Position::ZERO, usize::MAX, usize::MAX)
                .map_err(|error| broken("reading the log")(&error))?;
            ensure(batch.lost.is_empty(), || {
                format!("node {} has lost {:?}", self.index, batch.lost)
            })?;
            for stored in batch.records {
                let record = restore(&stored)?;
                log.insert(stored.position.value(), Arc::unwrap_or_clone(record));
            }
        }
        Ok(log)
    }

    /// The log is in order and holds what was acknowledged.
    pub(super) fn check(&self, context: &Context<'_>) -> Result<(), Broken> {
        let log = self.log(context)?;
        let what = format!("node {}", self.index);
        let is_home = |topic: &Topic| *topic.organisation() == self.own;
        let records: Vec<_> =
            log.values().map(|record| (record.envelope(), record.offset())).collect();
        context.ledger.check_log(&what, is_home, &records)?;
        let stored = log.values().map(|record| record.envelope().hash()).collect();
        context.ledger.check_home(self.index, &stored)
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
