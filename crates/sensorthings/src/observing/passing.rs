//! A walk through logs, one after the other: its place is a topic and a place in its log, so that it
//! goes on where it was although streams come and go meanwhile.

use sekisho_proto::Topic;

use super::{Gathered, Role, Walk};
use crate::answer::PageOf;
use crate::fault::Fault;
use crate::id::Place;
use crate::limits::{CHUNK_RECORDS_MAX, CHUNKS_MAX, READS_MAX, WALK_READS_MAX};
use crate::options::{Options, Token};
use crate::stream::Begin;

/// Records that one request looks at.
const RECORDS_MAX: u32 = CHUNKS_MAX * CHUNK_RECORDS_MAX;

/// A page that is being made.
struct Pass<'o> {
    options: &'o Options,
    page: Gathered,
    /// Records that were looked at.
    seen: u32,
    /// Records that are wanted: nothing behind them counts before they are read.
    wanted: u32,
}

/// How far it came in one log.
enum Step {
    /// To its end, or as far as is known.
    Over,
    /// The page ends after this place.
    Ends(Option<Place>),
    /// Enough is wanted for now.
    Waits,
}

/// A page of logs in the order of their topics. It may be short, even empty, with a link that leads
/// on: a request reads no more than is bounded.
pub(super) fn pass(walks: &[Walk<'_, '_>], options: &Options) -> Result<PageOf, Fault> {
    let page = Gathered { found: Vec::new(), skipped: 0, last: None };
    let mut pass = Pass { options, page, seen: 0, wanted: 0 };
    for walk in walks {
        match pass.through(walk)? {
            Step::Over => {}
            Step::Ends(place) => return Ok(pass.ended(walk.topic, place)),
            Step::Waits => break,
        }
    }
    Ok(PageOf { entities: pass.page.found, count: options.counted(), next: None })
}

impl Pass<'_> {
    fn through(&mut self, walk: &Walk<'_, '_>) -> Result<Step, Fault> {
        let mut last = walk.after;
        if let Some(standing) = walk.standing() {
            let here = Place { offset: walk.low, number: 0 };
            let is_new = last.is_none() && self.wanted == 0;
            let is_full = is_new && walk.take(&mut self.page, here, standing)?;
            return Ok(if is_full { Step::Ends(Some(here)) } else { Step::Over });
        }
        let mut begin = match (last, walk.since()) {
            (Some(Place { offset, number: u32::MAX }), _) => Begin::Offset(offset.next()),
            (Some(after), _) => Begin::Offset(after.offset),
            (None, Some(since)) => Begin::Time(since),
            (None, None) => Begin::Offset(walk.low),
        };
        loop {
            let records = walk.records(begin, CHUNK_RECORDS_MAX);
            if !walk.is_read(begin, records) && !self.may_read(walk) {
                return Ok(if self.wanted > 0 { Step::Waits } else { Step::Ends(last) });
            }
            let Some(chunk) = walk.chunk(begin, CHUNK_RECORDS_MAX) else {
                self.wanted += records;
                return Ok(if self.wanted < self.ahead() { Step::Over } else { Step::Waits });
            };
            for reading in chunk.readings.iter().filter(|found| found.offset < walk.high) {
                for (number, item) in (0..).zip(walk.items_of(reading)) {
                    let here = Place { offset: reading.offset, number };
                    if walk.after.is_some_and(|after| here <= after) {
                        continue;
                    }
                    if self.wanted == 0 && walk.take(&mut self.page, here, item)? {
                        return Ok(Step::Ends(Some(here)));
                    }
                }
                last = Some(Place { offset: reading.offset, number: u32::MAX });
            }
            self.seen += records;
            let next = chunk.readings.last().map(|reading| reading.offset.next());
            match next {
                Some(next) if !chunk.is_end && next < walk.high => begin = Begin::Offset(next),
                _ => return Ok(Step::Over),
            }
        }
    }

    fn may_read(&self, walk: &Walk<'_, '_>) -> bool {
        let reads_max = match walk.at {
            Role::Main => WALK_READS_MAX,
            Role::Aside => READS_MAX,
        };
        let world = walk.world;
        self.seen < RECORDS_MAX && world.pages() < reads_max && !world.records.is_much()
    }

    /// How many records are wanted at once: as many as the page may need, and the more the less was
    /// found in others.
    fn ahead(&self) -> u32 {
        let entities = self.options.skip.saturating_add(self.options.page());
        let found = self.page.skipped.saturating_add(self.page.found.len());
        let missing = u32::try_from(entities.saturating_sub(found)).unwrap_or(u32::MAX);
        missing.max(self.seen).min(CHUNK_RECORDS_MAX)
    }

    fn ended(self, topic: &Topic, place: Option<Place>) -> PageOf {
        let left = self.options.skip.saturating_sub(self.page.skipped);
        let counted = self.options.counted();
        let next = self.options.next(left, Some(Token::After(topic.clone(), place, counted)));
        PageOf { entities: self.page.found, count: counted, next: Some(next) }
    }
}
