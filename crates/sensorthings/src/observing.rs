//! Pages of what is in logs: Observations, and where things were.
//!
//! A log that is short is read as a whole, so that any order, filter and count of it is exact. A
//! longer one is walked in its own order, in bounded steps; a link leads from each page to the next.
//! What is counted, or sorted otherwise, is visited as a whole, and only what the page needs is kept.

mod named;
mod passing;
mod visiting;

use sekisho_proto::{Offset, Timestamp, Topic};

use crate::answer::{PageOf, is_wanted, settle};
use crate::fault::Fault;
use crate::id::Place;
use crate::limits::{
    AHEAD_S_MAX, CHUNK_RECORDS_MAX, CHUNKS_MAX, READS_MAX, SORTED_RECORDS_MAX, WHOLE_RECORDS_MAX,
};
use crate::model::{Entity, Log, Of, World};
use crate::options::{Direction, Options, Token};
use crate::stream::{Begin, Chunk, Reading};
use named::Named;
pub(crate) use visiting::Visiting;

/// Records of a page of a log that is read as a whole.
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
    topic: &'w Topic,
    options: &'w Options,
    /// The log as it was when the first page was made, and what may be wanted of it: `[low, high)`.
    low: Offset,
    high: Offset,
    /// Records that the log has.
    kept: u64,
    /// Where the page before ended.
    after: Option<Place>,
    at: Role,
}

/// What a page of a walk has so far.
struct Gathered {
    found: Vec<Entity>,
    skipped: usize,
    last: Option<Place>,
}

/// What reading a log as a whole came to.
enum Whole<'a> {
    /// It is still wanted, or not read with this request.
    Missing,
    /// There is more than was to be read.
    Longer,
    All(Vec<&'a Reading>),
}

impl<'a> World<'a> {
    /// A page of what is in some logs.
    pub(crate) fn page_of(
        &self,
        logs: &[Log],
        options: &Options,
        at: Role,
    ) -> Result<PageOf, Fault> {
        if options.page() == 0 && !options.count {
            return Ok(PageOf::empty());
        }
        let named = options.filter.as_ref().map(Named::of).unwrap_or_default();
        let readable: Vec<_> = logs.iter().filter(|log| self.is_readable(log)).collect();
        let walk = |log| Walk::new(self, log, (options, &named), at);
        let walks: Vec<_> = readable.into_iter().filter_map(walk).collect();
        match walks.as_slice() {
            [walk] => walk.page(),
            walks => self.page_of_all(walks, options),
        }
    }

    /// A page of several logs: exact where they are short, else one log after the other.
    fn page_of_all(&self, walks: &[Walk<'_, 'a>], options: &Options) -> Result<PageOf, Fault> {
        let is_plain = options.order.is_empty() && !options.is_counting();
        let records: u64 = walks.iter().map(Walk::size).sum();
        let reads: u64 = walks.iter().map(|walk| walk.size().div_ceil(WHOLE_RECORDS_MAX)).sum();
        let is_short = records <= WHOLE_RECORDS_MAX && reads <= READS_MAX as u64;
        if is_short
            && !options.is_walking()
            && let Some(page) = self.all_of(walks, options)?
        {
            return Ok(page);
        }
        if is_plain {
            return passing::pass(walks, options);
        }
        visiting::visit(self, walks, options)
    }

    /// Everything of several logs; `None` where that is too much to be read at once.
    fn all_of(&self, walks: &[Walk<'_, 'a>], options: &Options) -> Result<Option<PageOf>, Fault> {
        let (mut all, mut is_missing) = (Vec::new(), false);
        for walk in walks {
            match walk.whole(Begin::Offset(walk.low), WHOLE_RECORDS_MAX) {
                Whole::All(readings) => all.push((walk, readings)),
                Whole::Missing => is_missing = true,
                Whole::Longer => return Ok(None),
            }
        }
        if is_missing {
            let is_over = self.wants().is_empty();
            return if is_over { Err(too_many_reads()) } else { Ok(Some(PageOf::empty())) };
        }
        let each = |(walk, readings): (&Walk<'_, 'a>, Vec<&'a Reading>)| walk.items(&readings);
        settle(self, all.into_iter().flat_map(each), options, None).map(Some)
    }

    /// What stands is described, not read.
    fn is_readable(&self, log: &Log) -> bool {
        let may_read = |stream: &crate::stream::Stream<'_>| {
            log.of == Of::Stand || (stream.is_readable && !stream.is_sealed())
        };
        self.stream(log.stream).is_some_and(may_read)
    }
}

impl PageOf {
    const fn empty() -> Self {
        Self { entities: Vec::new(), count: None, next: None }
    }
}

fn too_many_reads() -> Fault {
    Fault::too_much("pages of the log", READS_MAX, "ask for less at once")
}

fn too_many_records() -> Fault {
    let instead = "ask Datastreams('ID')/Observations or Things('ID')/HistoricalLocations instead of \
                   expanding them, narrow it with $filter=phenomenonTime ge …, or ask without $count \
                   and without $orderby";
    Fault::too_much("records that are sorted or counted", SORTED_RECORDS_MAX, instead)
}

impl<'w, 'a> Walk<'w, 'a> {
    /// `None` where nothing of the log is wanted, or the pages before had all of it.
    fn new(
        world: &'w World<'a>,
        log: &'w Log,
        (options, named): (&'w Options, &Named),
        at: Role,
    ) -> Option<Self> {
        let stream = world.stream(log.stream)?;
        let (mut high, mut after) = (stream.next_offset, None);
        match &options.token {
            Some(Token::Until(topic, until)) if stream.topic == *topic => high = high.min(*until),
            Some(Token::After(topic, place, _)) if stream.topic == *topic => after = *place,
            // A walk without an order goes on with the topics behind; any other was that of one log.
            Some(Token::After(topic, _, _))
                if options.order.is_empty() && *topic < stream.topic => {}
            Some(Token::Until(..) | Token::After(..)) => return None,
            None => {}
        }
        let (low, high) = match log.only {
            Some(place) => (place.offset, place.offset.next().min(high)),
            None => (stream.first_offset, high),
        };
        let (low, high) = named.within(&stream.topic, (low, high))?;
        let is_some = low < high || log.of == Of::Stand;
        let (topic, kept) = (&stream.topic, stream.records);
        is_some.then_some(Self { world, log, topic, options, low, high, kept, after, at })
    }

    /// Records that there may be.
    fn size(&self) -> u64 {
        match self.log.of {
            Of::Stand => 0,
            Of::Everything | Of::Quantity(_) | Of::Spotless | Of::Spots => {
                (self.high.value() - self.low.value()).min(self.kept)
            }
        }
    }

    /// The one entity of what stands.
    fn standing(&self) -> Option<Entity> {
        (self.log.of == Of::Stand).then_some(Entity::HistoricalLocation(self.log.stream, None))
    }

    fn page(&self) -> Result<PageOf, Fault> {
        if let Some(standing) = self.standing() {
            let is_told = self.after.is_some();
            return settle(self.world, (!is_told).then_some(standing), self.options, None);
        }
        if self.options.wants_newest() && self.log.only.is_none() {
            return self.newest();
        }
        let (direction, since) = (self.direction(), self.since());
        let max = if self.has_to_be_kept() { SORTED_RECORDS_MAX } else { WHOLE_RECORDS_MAX };
        let from =
            if self.size() <= max { Some(Begin::Offset(self.low)) } else { since.map(Begin::Time) };
        if let (Some(from), false) = (from, self.options.is_walking()) {
            match self.whole(from, max) {
                Whole::All(readings) => return self.settle(&readings),
                Whole::Longer => {}
                Whole::Missing => return self.later(),
            }
        }
        match direction {
            Some(Direction::Forward) => passing::pass(std::slice::from_ref(self), self.options),
            Some(Direction::Backward) => self.backward(since),
            None if self.at == Role::Main => {
                visiting::visit(self.world, std::slice::from_ref(self), self.options)
            }
            None => Err(too_many_records()),
        }
    }

    /// In which direction the log may be walked; nothing where all of it is needed.
    fn direction(&self) -> Option<Direction> {
        if self.options.is_counting() { None } else { self.options.direction() }
    }

    /// Whether it is read as a whole or not at all. More can be visited where the answer is about it.
    fn has_to_be_kept(&self) -> bool {
        self.direction().is_none() && self.at == Role::Aside
    }

    /// The last one: mostly the last record has it.
    fn newest(&self) -> Result<PageOf, Fault> {
        let Some(reading) = self.world.last(self.log.stream) else {
            return Ok(PageOf::empty());
        };
        let items = self.items_of(reading);
        // Of several of the same time the one that came last.
        let Some(newest) = items.iter().max_by_key(|item| time(item)).cloned() else {
            return self.backward(None);
        };
        let has_more = items.len() > 1 || reading.offset > self.low;
        let next = has_more.then(|| self.options.next(1, Some(self.until())));
        Ok(PageOf { entities: vec![newest], count: None, next })
    }

    /// Everything from a place on, where it is no more than so many records, and not much to read.
    fn whole(&self, from: Begin, max: u64) -> Whole<'a> {
        let mut all: Vec<&Reading> = Vec::new();
        let mut begin = from;
        if self.standing().is_some() {
            return Whole::All(all);
        }
        loop {
            if !self.has_to_be_kept() && self.is_enough(begin, WHOLE, !all.is_empty()) {
                return Whole::Longer;
            }
            let Some(chunk) = self.chunk(begin, WHOLE) else { return Whole::Missing };
            all.extend(chunk.readings.iter().filter(|found| found.offset < self.high));
            let last = chunk.readings.last().map(|reading| reading.offset.next());
            match last {
                Some(next) if !chunk.is_end && next < self.high => begin = Begin::Offset(next),
                _ => return Whole::All(all),
            }
            if all.len() as u64 >= max {
                return Whole::Longer;
            }
        }
    }

    /// How many records of a page of at most so many there may be.
    fn records(&self, begin: Begin, max: u32) -> u32 {
        let low = match begin {
            Begin::Offset(offset) => offset.max(self.low),
            Begin::Time(_) => self.low,
        };
        let left = self.high.value().saturating_sub(low.value()).max(1);
        u32::try_from(left).unwrap_or(max).min(max)
    }

    /// A page of the log; nothing while it is still wanted, or where nothing more is read.
    fn chunk(&self, begin: Begin, records: u32) -> Option<&'a Chunk> {
        let records = self.records(begin, records);
        if !self.is_read(begin, records) && self.world.pages() >= READS_MAX {
            return None;
        }
        self.world.page(self.log.stream, begin, records)
    }

    /// Whether much was read, and this page not yet: a link can lead to it. Of what comes with other
    /// entities the first page is read all the same.
    fn is_enough(&self, begin: Begin, max: u32, has_begun: bool) -> bool {
        let is_much = self.world.records.is_much() && (has_begun || self.at == Role::Main);
        is_much && !self.is_read(begin, self.records(begin, max))
    }

    fn is_read(&self, begin: Begin, records: u32) -> bool {
        self.world.records.page(self.topic, begin, records).is_some()
    }

    /// What is not read with this request: within other entities a link leads there.
    fn later(&self) -> Result<PageOf, Fault> {
        if self.world.pages() < READS_MAX {
            return Ok(PageOf::empty());
        }
        match self.at {
            Role::Aside => {
                let next = Some(self.options.next(self.options.skip, self.options.token.clone()));
                Ok(PageOf { entities: Vec::new(), count: None, next })
            }
            Role::Main => Err(too_many_reads()),
        }
    }

    fn items(&self, readings: &[&Reading]) -> Vec<Entity> {
        let read = readings.iter().flat_map(|reading| self.items_of(reading));
        self.standing().into_iter().chain(read).collect()
    }

    fn items_of(&self, reading: &Reading) -> Vec<Entity> {
        let all = self.world.items(self.log.stream, reading, &self.log.of);
        let is_it = |item: &Entity| match (self.log.only, item) {
            (Some(only), Entity::Observation(_, seen)) => seen.sample == only.number,
            _ => true,
        };
        all.into_iter().filter(is_it).collect()
    }

    fn settle(&self, readings: &[&Reading]) -> Result<PageOf, Fault> {
        let items = readings.iter().flat_map(|reading| self.items_of(reading));
        settle(self.world, items, self.options, Some(self.until()))
    }

    /// For a link that is to show what there is now.
    fn until(&self) -> Token {
        Token::Until(self.topic.clone(), self.high)
    }

    /// The earliest time of receipt of what may be wanted.
    fn since(&self) -> Option<Timestamp> {
        let filter = self.options.filter.as_ref()?;
        let earliest = ["phenomenonTime", "resultTime", "time"];
        let earliest = earliest.into_iter().filter_map(|name| filter.earliest(name)).max()?;
        Some(earliest.saturating_sub(std::time::Duration::from_secs(AHEAD_S_MAX)))
    }

    fn backward(&self, since: Option<Timestamp>) -> Result<PageOf, Fault> {
        let after =
            |place: Place| if place.number == 0 { place.offset } else { place.offset.next() };
        let mut high = self.after.map_or(self.high, |place| after(place).min(self.high));
        let mut page = Gathered { found: Vec::new(), skipped: 0, last: None };
        let (mut count, mut chunks) = (CHUNK_RECORDS_MAX, 0);
        // A request that was led here goes on, and one that has begun: else links would lead nowhere.
        let mut has_to_go_on = self.options.is_walking();
        while chunks < CHUNKS_MAX {
            if high <= self.low {
                return Ok(PageOf { entities: page.found, count: None, next: None });
            }
            let low = Offset::new(high.value().saturating_sub(u64::from(count))).max(self.low);
            if !has_to_go_on && self.is_enough(Begin::Offset(low), count, page.last.is_some()) {
                page.last = page.last.or(Some(Place { offset: high, number: 0 }));
                return Ok(self.link(page));
            }
            has_to_go_on = true;
            let Some(chunk) = self.chunk(Begin::Offset(low), count) else { return self.later() };
            if chunk.readings.last().is_some_and(|last| !chunk.is_end && last.offset.next() < high)
            {
                // Of records this large fewer are read at a time, and these are the older ones.
                let read = u32::try_from(chunk.readings.len()).unwrap_or(u32::MAX);
                count = (count / 2).min(read).max(1);
                continue;
            }
            chunks += 1;
            for reading in chunk.readings.iter().rev().filter(|found| found.offset < high) {
                if since.is_some_and(|since| reading.received < since) {
                    return Ok(PageOf { entities: page.found, count: None, next: None });
                }
                let items: Vec<_> = (0..).zip(self.items_of(reading)).collect();
                for (number, item) in items.into_iter().rev() {
                    let here = Place { offset: reading.offset, number };
                    if self.after.is_some_and(|after| here >= after) {
                        continue;
                    }
                    if self.take(&mut page, here, item)? {
                        return Ok(self.link(page));
                    }
                }
            }
            page.last = Some(Place { offset: low, number: 0 });
            (high, has_to_go_on) = (low, false);
        }
        Ok(self.link(page))
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
        page.found.push(item);
        page.last = Some(here);
        Ok(page.found.len() >= self.options.page())
    }

    fn link(&self, page: Gathered) -> PageOf {
        let left = self.options.skip.saturating_sub(page.skipped);
        let token = |last| Token::After(self.topic.clone(), Some(last), None);
        let next = page.last.map(|last| self.options.next(left, Some(token(last))));
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
