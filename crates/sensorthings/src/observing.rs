//! Pages of what is in logs: Observations, and where things were.
//!
//! A log that is short is read as a whole, so that any order, filter and count of it is exact. A
//! longer one is walked in its own order, in bounded steps; a link leads from each page to the next.

use sekisho_proto::{Offset, Timestamp};

use crate::answer::{PageOf, is_wanted, settle};
use crate::fault::Fault;
use crate::id::Place;
use crate::limits::{AHEAD_S_MAX, CHUNK_RECORDS_MAX, CHUNKS_MAX, READS_MAX, WHOLE_RECORDS_MAX};
use crate::model::{Entity, Log, World};
use crate::options::{Direction, Options, Token};
use crate::stream::{Begin, Reading};

/// Records of a log that is read as a whole.
const WHOLE: u32 = 512;
const _: () = assert!(WHOLE as u64 == WHOLE_RECORDS_MAX);

/// Whether a page may be empty with a link to it where there is too much to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The answer is about it.
    Main,
    /// It comes with other entities.
    Aside,
}

/// A walk through one log.
struct Walk<'w, 'a> {
    world: &'w World<'a>,
    log: &'w Log,
    options: &'w Options,
    /// The log as it was when the first page was made: `[low, high)`.
    low: Offset,
    high: Offset,
    at: Role,
}

/// What a page of a walk has so far.
struct Gathered {
    found: Vec<Entity>,
    skipped: usize,
    last: Option<Place>,
}

impl World<'_> {
    /// A page of what is in some logs.
    pub(crate) fn page_of(
        &self,
        logs: &[Log],
        options: &Options,
        at: Role,
    ) -> Result<PageOf, Fault> {
        let readable: Vec<_> = logs.iter().filter(|log| self.is_readable(log)).collect();
        let walks = readable.into_iter().filter_map(|log| Walk::new(self, log, options, at));
        let walks: Vec<_> = walks.collect();
        match walks.as_slice() {
            [] => settle(self, Vec::new(), options, None),
            [walk] => walk.page(),
            walks => {
                let sizes = walks.iter().map(|walk| walk.high.value() - walk.low.value());
                if sizes.sum::<u64>() > WHOLE_RECORDS_MAX || walks.len() > READS_MAX {
                    let instead = "ask Datastreams('ID')/Observations or \
                                   Things('ID')/HistoricalLocations, one at a time";
                    let max = format!("{WHOLE_RECORDS_MAX} records of {READS_MAX} topics");
                    return Err(Fault::too_much("records of all topics", max, instead));
                }
                let mut all = Vec::new();
                for walk in walks {
                    all.extend(
                        walk.items(&walk.whole(Begin::Offset(walk.low)).unwrap_or_default()),
                    );
                }
                settle(self, all, options, None)
            }
        }
    }

    fn is_readable(&self, log: &Log) -> bool {
        self.stream(log.stream).is_some_and(|stream| stream.is_readable && !stream.is_sealed())
    }
}

impl<'w, 'a> Walk<'w, 'a> {
    fn new(world: &'w World<'a>, log: &'w Log, options: &'w Options, at: Role) -> Option<Self> {
        let stream = world.stream(log.stream)?;
        let high = match options.token {
            Some(Token::Until(until)) => until.min(stream.next_offset),
            Some(Token::After(_)) | None => stream.next_offset,
        };
        let (low, high) = match log.only {
            Some(place) => (place.offset, place.offset.next().min(high)),
            None => (stream.first_offset, high),
        };
        (low < high).then_some(Self { world, log, options, low, high, at })
    }

    fn page(&self) -> Result<PageOf, Fault> {
        if self.options.wants_newest() && self.log.only.is_none() {
            return self.newest();
        }
        let is_walking = matches!(self.options.token, Some(Token::After(_)));
        let size = self.high.value() - self.low.value();
        if size <= WHOLE_RECORDS_MAX && !is_walking {
            return match self.whole(Begin::Offset(self.low)) {
                Some(readings) => self.settle(&readings),
                None => self.later(),
            };
        }
        let since = self.since();
        if let (Some(since), false) = (since, is_walking) {
            match self.chunk(Begin::Time(since), WHOLE) {
                Some(chunk) if chunk.is_end => return self.settle(&chunk.readings),
                Some(_) => {}
                None => return self.later(),
            }
        }
        let wants = if self.options.count { None } else { self.options.direction() };
        match wants {
            Some(Direction::Forward) => self.forward(since),
            Some(Direction::Backward) => self.backward(since),
            None => {
                let instead = "narrow it with $filter=phenomenonTime ge …, or ask without $count \
                               and in the order of time";
                let what = "records that are sorted or counted";
                Err(Fault::too_much(what, WHOLE_RECORDS_MAX, instead))
            }
        }
    }

    /// The last one: mostly the last record has it.
    fn newest(&self) -> Result<PageOf, Fault> {
        let Some(reading) = self.world.last(self.log.stream) else {
            return Ok(PageOf { entities: Vec::new(), count: None, next: None });
        };
        let items = self.items_of(reading);
        // Of several of the same time the one that came last.
        let Some(newest) = items.iter().max_by_key(|item| time(item)).cloned() else {
            return self.backward(None);
        };
        let has_more = items.len() > 1 || reading.offset > self.low;
        let until = Some(Token::Until(self.high));
        let next = has_more.then(|| self.options.next(1, until));
        Ok(PageOf { entities: vec![newest], count: None, next })
    }

    /// Everything from a place on; nothing while it is still wanted or where it is too much.
    fn whole(&self, from: Begin) -> Option<Vec<Reading>> {
        let mut all: Vec<Reading> = Vec::new();
        let mut begin = from;
        loop {
            let chunk = self.chunk(begin, WHOLE)?;
            all.extend(chunk.readings.iter().filter(|found| found.offset < self.high).cloned());
            let last = chunk.readings.last().map(|reading| reading.offset.next());
            match last {
                Some(next) if !chunk.is_end && next < self.high => begin = Begin::Offset(next),
                _ => return Some(all),
            }
        }
    }

    fn chunk(&self, begin: Begin, records: u32) -> Option<&'a crate::stream::Chunk> {
        let topic = &self.world.stream(self.log.stream)?.topic;
        let is_read = self.world.records.page(topic, begin, records).is_some();
        if !is_read && self.world.pages() >= READS_MAX {
            return None;
        }
        self.world.page(self.log.stream, begin, records)
    }

    /// What is not read with this request: within other entities a link leads there.
    fn later(&self) -> Result<PageOf, Fault> {
        if self.world.pages() < READS_MAX {
            return Ok(PageOf { entities: Vec::new(), count: None, next: None });
        }
        match self.at {
            Role::Aside => {
                let next = Some(self.options.next(self.options.skip, self.options.token));
                Ok(PageOf { entities: Vec::new(), count: None, next })
            }
            Role::Main => {
                Err(Fault::too_much("pages of the log", READS_MAX, "ask for less at once"))
            }
        }
    }

    fn items(&self, readings: &[Reading]) -> Vec<Entity> {
        readings.iter().flat_map(|reading| self.items_of(reading)).collect()
    }

    fn items_of(&self, reading: &Reading) -> Vec<Entity> {
        let all = self.world.items(self.log.stream, reading, &self.log.of);
        let is_it = |item: &Entity| match (self.log.only, item) {
            (Some(only), Entity::Observation(_, seen)) => seen.sample == only.number,
            _ => true,
        };
        all.into_iter().filter(is_it).collect()
    }

    fn settle(&self, readings: &[Reading]) -> Result<PageOf, Fault> {
        let mut items = self.items(readings);
        items.retain(|item| place(item).is_none_or(|place| place.offset < self.high));
        settle(self.world, items, self.options, Some(Token::Until(self.high)))
    }

    /// The earliest time of receipt of what may be wanted.
    fn since(&self) -> Option<Timestamp> {
        let filter = self.options.filter.as_ref()?;
        let earliest = ["phenomenonTime", "resultTime", "time"];
        let earliest = earliest.into_iter().filter_map(|name| filter.earliest(name)).max()?;
        Some(earliest.saturating_sub(std::time::Duration::from_secs(AHEAD_S_MAX)))
    }

    fn forward(&self, since: Option<Timestamp>) -> Result<PageOf, Fault> {
        let after = self.after();
        let mut begin = match (after, since) {
            (Some(after), _) => Begin::Offset(after.offset),
            (None, Some(since)) => Begin::Time(since),
            (None, None) => Begin::Offset(self.low),
        };
        let mut page = Gathered { found: Vec::new(), skipped: 0, last: None };
        for _chunk in 0..CHUNKS_MAX {
            let Some(chunk) = self.chunk(begin, CHUNK_RECORDS_MAX) else { return self.later() };
            for reading in &chunk.readings {
                for (number, item) in (0..).zip(self.items_of(reading)) {
                    let here = Place { offset: reading.offset, number };
                    if after.is_some_and(|after| here <= after) {
                        continue;
                    }
                    if self.take(&mut page, here, item)? {
                        return Ok(self.link(page));
                    }
                }
                page.last = Some(Place { offset: reading.offset, number: u32::MAX });
            }
            let next = chunk.readings.last().map(|reading| reading.offset.next());
            match next {
                Some(next) if !chunk.is_end && next < self.high => begin = Begin::Offset(next),
                _ => return Ok(PageOf { entities: page.found, count: None, next: None }),
            }
        }
        Ok(self.link(page))
    }

    fn backward(&self, since: Option<Timestamp>) -> Result<PageOf, Fault> {
        let after = self.after();
        let mut high = after.map_or(self.high, |after| after.offset.next().min(self.high));
        let mut page = Gathered { found: Vec::new(), skipped: 0, last: None };
        for _chunk in 0..CHUNKS_MAX {
            let low = high.value().saturating_sub(u64::from(CHUNK_RECORDS_MAX));
            let low = Offset::new(low).max(self.low);
            let begin = Begin::Offset(low);
            let Some(chunk) = self.chunk(begin, CHUNK_RECORDS_MAX) else { return self.later() };
            for reading in chunk.readings.iter().rev().filter(|found| found.offset < high) {
                if since.is_some_and(|since| reading.received < since) {
                    return Ok(PageOf { entities: page.found, count: None, next: None });
                }
                let items: Vec<_> = (0..).zip(self.items_of(reading)).collect();
                for (number, item) in items.into_iter().rev() {
                    let here = Place { offset: reading.offset, number };
                    if after.is_some_and(|after| here >= after) {
                        continue;
                    }
                    if self.take(&mut page, here, item)? {
                        return Ok(self.link(page));
                    }
                }
            }
            page.last = Some(Place { offset: low, number: 0 });
            if low == self.low {
                return Ok(PageOf { entities: page.found, count: None, next: None });
            }
            high = low;
        }
        Ok(self.link(page))
    }

    fn after(&self) -> Option<Place> {
        match self.options.token {
            Some(Token::After(place)) => Some(place),
            Some(Token::Until(_)) | None => None,
        }
    }

    /// Whether the page is full with it.
    fn take(&self, page: &mut Gathered, here: Place, item: Entity) -> Result<bool, Fault> {
        if !is_wanted(self.world, &item, self.options)? {
            return Ok(false);
        }
        if page.skipped < self.options.skip {
            page.skipped += 1;
            return Ok(false);
        }
        if self.options.page() == 0 {
            return Ok(true);
        }
        page.found.push(item);
        page.last = Some(here);
        Ok(page.found.len() >= self.options.page())
    }

    fn link(&self, page: Gathered) -> PageOf {
        let left = self.options.skip.saturating_sub(page.skipped);
        let next = page.last.map(|last| self.options.next(left, Some(Token::After(last))));
        PageOf { entities: page.found, count: None, next }
    }
}

fn time(item: &Entity) -> Option<Timestamp> {
    match item {
        Entity::Observation(_, seen) => Some(seen.time),
        Entity::HistoricalLocation(_, spot) => spot.map(|spot| spot.time),
        Entity::Thing(_)
        | Entity::Location(..)
        | Entity::Datastream(..)
        | Entity::Sensor(..)
        | Entity::ObservedProperty(_)
        | Entity::Feature(..) => None,
    }
}

fn place(item: &Entity) -> Option<Place> {
    match item {
        Entity::Observation(_, seen) => Some(seen.place),
        Entity::HistoricalLocation(_, spot) => spot.map(|spot| spot.place),
        Entity::Thing(_)
        | Entity::Location(..)
        | Entity::Datastream(..)
        | Entity::Sensor(..)
        | Entity::ObservedProperty(_)
        | Entity::Feature(..) => None,
    }
}
