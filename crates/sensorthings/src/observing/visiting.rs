//! A visit of everything that is asked about, to sort it or to count it: records go by, and only what
//! may come onto the page is kept.

use sekisho_proto::{Offset, Topic};

use super::Walk;
use crate::answer::{PageOf, is_wanted, keys};
use crate::fault::Fault;
use crate::foremost::{Candidate, Foremost};
use crate::id::Place;
use crate::limits::VISITED_RECORDS_MAX;
use crate::model::{Entity, World};
use crate::options::{Options, Token};
use crate::stream::{Batch, Visit};

/// How far a visit came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Visiting {
    /// What went by and was not looked at yet.
    batch: Batch,
    /// Records that went by, all in all.
    passed: u64,
    /// Entities that are wanted, on the page or not.
    count: usize,
    foremost: Foremost,
    has_begun: bool,
    /// What is still to be visited.
    next: Option<Visit>,
}

impl Visiting {
    pub(crate) fn put(&mut self, batch: Batch) {
        self.batch.readings.extend(batch.readings);
        self.batch.passed = self.batch.passed.saturating_add(batch.passed);
        self.batch.is_end |= batch.is_end;
    }

    /// What is still to be visited, where that is all that is missing.
    pub(crate) const fn next(&mut self) -> Option<Visit> {
        self.next.take()
    }

    /// What is wanted of what went by.
    fn wanted(
        &self,
        world: &World<'_>,
        walks: &[Walk<'_, '_>],
        options: &Options,
    ) -> Result<Vec<Candidate>, Fault> {
        let mut found = Vec::new();
        let mut look_at = |origin, entity: Entity| -> Result<(), Fault> {
            if is_wanted(world, &entity, options)? {
                found.push(Candidate { keys: keys(world, &entity, options)?, origin, entity });
            }
            Ok(())
        };
        let standing = walks.iter().filter(|walk| !self.has_begun && walk.after.is_none());
        for walk in standing {
            if let Some(entity) = walk.standing() {
                look_at((walk.log.stream, walk.low.value(), 0), entity)?;
            }
        }
        for (topic, reading) in &self.batch.readings {
            let first = walks.partition_point(|walk| walk.topic < topic);
            let Some(walk) = walks.get(first).filter(|walk| walk.topic == topic) else { continue };
            if !(walk.low..walk.high).contains(&reading.offset) {
                continue;
            }
            for (number, entity) in (0..).zip(walk.items_of(reading)) {
                let here = Place { offset: reading.offset, number };
                if walk.after.is_none_or(|after| here > after) {
                    look_at((walk.log.stream, reading.offset.value(), number), entity)?;
                }
            }
        }
        Ok(found)
    }

    /// Goes on to what went by next.
    fn keep(&mut self, found: Vec<Candidate>, options: &Options) -> Result<(), Fault> {
        self.has_begun = true;
        self.passed = self.passed.saturating_add(self.batch.passed);
        self.batch.passed = 0;
        self.batch.readings.clear();
        self.count += found.len();
        for candidate in found {
            self.foremost.add(candidate, options)?;
        }
        if self.passed > VISITED_RECORDS_MAX { Err(too_many_records()) } else { Ok(()) }
    }

    fn page(&mut self, walks: &[Walk<'_, '_>], options: &Options) -> PageOf {
        let end = options.skip.saturating_add(options.page());
        let has_more = self.count > end && options.page() > 0;
        let page = std::mem::take(&mut self.foremost).page(options);
        let next = match page.last() {
            Some(last) if has_more && options.order.is_empty() => {
                options.next(0, self.after(walks, last))
            }
            Some(_) | None => {
                let only = if let [walk] = walks { Some(walk.until()) } else { None };
                options.next(end, only)
            }
        };
        let entities = page.into_iter().map(|candidate| candidate.entity).collect();
        let count = options.count.then_some(self.count);
        PageOf { entities, count, next: has_more.then_some(next) }
    }

    /// For a link that goes on as a walk, and counts no more.
    fn after(&self, walks: &[Walk<'_, '_>], last: &Candidate) -> Option<Token> {
        let (stream, offset, number) = last.origin;
        let walk = walks.iter().find(|walk| walk.log.stream == stream)?;
        let place = Place { offset: Offset::new(offset), number };
        Some(Token::After(Topic::clone(walk.topic), Some(place), Some(self.count)))
    }
}

/// A page of logs that are visited as a whole, in the order of their topics.
pub(super) fn visit(
    world: &World<'_>,
    walks: &[Walk<'_, '_>],
    options: &Options,
) -> Result<PageOf, Fault> {
    let since = walks.first().and_then(Walk::since);
    let records: u64 = walks.iter().map(Walk::size).sum();
    if since.is_none() && records > VISITED_RECORDS_MAX {
        return Err(too_many_records());
    }
    let mut visiting = world.visiting.borrow_mut();
    visiting.next = None;
    let found = visiting.wanted(world, walks, options)?;
    // What a filter or an order leads to has to be there before anything is judged by it.
    if world.is_wanting() {
        return Ok(PageOf::empty());
    }
    visiting.keep(found, options)?;
    if records > 0 && !visiting.batch.is_end {
        let read = walks.iter().filter(|walk| walk.size() > 0);
        let topics = read.map(|walk| walk.topic.clone()).collect();
        visiting.next = Some(Visit { topics, since });
        return Ok(PageOf::empty());
    }
    Ok(visiting.page(walks, options))
}

fn too_many_records() -> Fault {
    let instead = "narrow it with $filter=phenomenonTime ge … or $filter=Datastream/id eq '…', ask \
                   Datastreams('ID')/Observations or Things('ID')/HistoricalLocations, or ask \
                   without $count and without $orderby";
    Fault::too_much("records visited to be sorted or counted", VISITED_RECORDS_MAX, instead)
}
