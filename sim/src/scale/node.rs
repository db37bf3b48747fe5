//! One of many nodes: router, policy and control log, and a log of records that is only as long as
//! links under way need it.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use sekisho_federation::{Since, Wanted};
use sekisho_policy::Policy;
use sekisho_proto::{Filter, GapReason, Offset, OrgName, Position, PrincipalId, Timestamp, Topic};
use sekisho_routing::{
    Appended, Limits, Lost, NewRecord, Record, ReplayFrom, ReplayId, Replayed, Router, SessionId,
    Ticket,
};
use sekisho_tlog::Tree;

use crate::failure::{Broken, broken};

/// Records that are kept for links that come back.
const KEPT_MAX: usize = 512;

#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: OrgName,
    pub(super) id: PrincipalId,
    pub(super) policy: Arc<Policy>,
    /// What was applied and not yet announced.
    pub(super) changing: Option<Policy>,
    pub(super) router: Router,
    /// The own control log as it is shown to peers.
    pub(super) log: Tree,
    pub(super) statements: Vec<(Bytes, Timestamp)>,
    head: Position,
    offsets: HashMap<Topic, Offset>,
    kept: VecDeque<Kept>,
    pub(super) appends: Vec<(Ticket, NewRecord)>,
    /// What people subscribe to of other organisations, and how many of them.
    pub(super) wants: BTreeMap<OrgName, BTreeMap<Filter, (Since, usize)>>,
    /// The link to each peer, by its number.
    pub(super) imports: BTreeMap<OrgName, usize>,
    /// The links of peers to this node.
    pub(super) exports: Vec<usize>,
    /// Links that may want something.
    pub(super) touched: Vec<usize>,
    /// The link behind a peer's session.
    pub(super) peers: HashMap<SessionId, usize>,
    pub(super) last_session: u64,
    pub(super) to_clients: u64,
    /// The record that was last given to a client, to how many, and the most there were.
    last_given: (Position, u64),
    pub(super) fan_out_max: u64,
    /// By nodes passed: records that were given to clients.
    pub(super) hops: [u64; 4],
}

/// A record as the disk has it.
#[derive(Debug)]
struct Kept {
    position: Position,
    offset: Offset,
    record: NewRecord,
}

impl Node {
    pub(super) fn new(name: OrgName, id: PrincipalId, policy: Policy) -> Self {
        let policy = Arc::new(policy);
        Self {
            name,
            id,
            router: Router::new(Limits::default(), Arc::clone(&policy), Position::ZERO),
            policy,
            changing: None,
            log: Tree::new(),
            statements: Vec::new(),
            head: Position::ZERO,
            offsets: HashMap::new(),
            kept: VecDeque::new(),
            appends: Vec::new(),
            wants: BTreeMap::new(),
            imports: BTreeMap::new(),
            exports: Vec::new(),
            touched: Vec::new(),
            peers: HashMap::new(),
            last_session: 0,
            to_clients: 0,
            last_given: (Position::MAX, 0),
            fan_out_max: 0,
            hops: [0; 4],
        }
    }

    pub(super) fn next_session(&mut self) -> SessionId {
        self.last_session = self.last_session.saturating_add(1);
        SessionId::new(self.last_session)
    }

    /// Makes everything durable that waits for it.
    pub(super) fn commit(&mut self, now: Timestamp) -> Result<(), Broken> {
        for (ticket, record) in std::mem::take(&mut self.appends) {
            let position = self.head;
            let topic = &record.envelope.header().topic;
            let offset = match (record.offset, self.offsets.get_mut(topic)) {
                (Some(offset), _) => offset,
                (None, Some(last)) => {
                    *last = last.next();
                    *last
                }
                (None, None) => {
                    self.offsets.insert(topic.clone(), Offset::ZERO);
                    Offset::ZERO
                }
            };
            self.head = position.next();
            if self.kept.len() >= KEPT_MAX {
                self.kept.pop_front();
            }
            self.kept.push_back(Kept { position, offset, record });
            self.router
                .handle_appended(ticket, Appended { position, offset }, now)
                .map_err(|error| broken("an append")(&error))?;
        }
        Ok(())
    }

    /// A page of the log.
    pub(super) fn read(
        &self,
        replay: ReplayId,
        filter: &Filter,
        from: ReplayFrom,
        records_max: usize,
    ) -> Result<Replayed, Broken> {
        let start = self.kept.front().map_or(self.head, |first| first.position);
        let from = match from {
            ReplayFrom::Position(position) => position,
            ReplayFrom::Earliest => start,
            ReplayFrom::Offset(_) | ReplayFrom::Time(_) | ReplayFrom::LastValues { .. } => {
                return Err(Broken(format!("wanted no replay from {from:?}")));
            }
        };
        let mut page = Replayed {
            replay,
            from,
            records: Vec::new(),
            next: self.head.max(from),
            head: self.head,
            lost: Vec::new(),
        };
        if from < start {
            page.lost.push(Lost { from, to: start, reason: GapReason::Retention });
        }
        let behind = self.kept.partition_point(|kept| kept.position < from);
        let matching = |kept: &&Kept| filter.matches(&kept.record.envelope.header().topic);
        for kept in self.kept.iter().skip(behind).filter(matching) {
            if page.records.len() >= records_max {
                page.next = kept.position;
                break;
            }
            let NewRecord { received, envelope, hops, .. } = &kept.record;
            let encoded = envelope.encoded().clone();
            let record =
                Record::restore(kept.position, kept.offset, *received, encoded, hops.clone())
                    .map_err(|error| broken("a stored envelope")(&error))?;
            page.records.push(Arc::new(record));
        }
        Ok(page)
    }

    /// Somebody subscribes; whether nobody did so before.
    pub(super) fn want(&mut self, filter: &Filter, since: Since) -> bool {
        if *filter.organisation() == self.name {
            return false;
        }
        let of_owner = self.wants.entry(filter.organisation().clone()).or_default();
        let (known, count) = of_owner.entry(filter.clone()).or_insert((since, 0));
        *known = since.min(*known);
        *count = count.saturating_add(1);
        *count == 1
    }

    /// Somebody subscribes no longer; whether nobody does.
    pub(super) fn want_no_more(&mut self, filter: &Filter) -> bool {
        let Some(of_owner) = self.wants.get_mut(filter.organisation()) else { return false };
        let Some((_since, count)) = of_owner.get_mut(filter) else { return false };
        *count = count.saturating_sub(1);
        let is_last = *count == 0;
        if is_last {
            of_owner.remove(filter);
        }
        is_last
    }

    pub(super) fn wanted_of(&self, owner: &OrgName) -> Wanted {
        let wants = self.wants.get(owner).into_iter().flatten();
        wants.map(|(filter, (since, _count))| (filter.clone(), *since)).collect()
    }

    /// A client was given a record.
    pub(super) fn give(&mut self, position: Position, hops: usize) {
        self.to_clients = self.to_clients.saturating_add(1);
        if let Some(count) = self.hops.get_mut(hops) {
            *count = count.saturating_add(1);
        }
        let (last, times) = self.last_given;
        let times = if last == position { times.saturating_add(1) } else { 1 };
        self.last_given = (position, times);
        if hops > 0 {
            self.fan_out_max = self.fan_out_max.max(times);
        }
    }
}
