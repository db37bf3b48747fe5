//! Reads what an answer is made from, as a subscriber: the gate judges each record.

mod visiting;

use std::collections::BTreeMap;

use futures_util::future::join_all;
use sekisho_policy::Policy;
use sekisho_proto::frame::Start;
use sekisho_proto::{Filter, Frame, OrgName, RefusalCode, Topic};
use sekisho_routing::Record;
use sekisho_sensorthings::limits::{LAST_RECORDS_MAX, READ_BYTES_MAX, READ_VALUES_MAX};
use sekisho_sensorthings::{Begin, Chunk, Content, Fault, Reading, Records, Want};

use crate::hub::{Outgoing, Refusal};
use crate::transport::desk::{Desk, Feed};
use crate::transport::reading::reading;
pub(super) use visiting::Visitor;

/// Pages that are read at once for one request: what the node reads at once for everybody.
const PAGES_AT_ONCE: usize = 4;
/// Envelopes of one page, bytes, unless a single one is larger.
const PAGE_BYTES_MAX: usize = 4 << 20;
/// Values of one page, unless a single record has more.
const PAGE_VALUES_MAX: usize = READ_VALUES_MAX / 4;
/// Topics that are asked one by one for their last records; more are asked for together.
const SINGLE_TOPICS_MAX: usize = 2;
/// Last records that pass by while those that are wanted are looked for.
const PASSING_MAX: usize = 4 * LAST_RECORDS_MAX;

/// What one request has read.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Budget {
    bytes: usize,
    values: usize,
}

/// What reading gives: a fault is the caller's to hear, a refusal the node's own.
type Fetched<T> = Result<Result<T, Fault>, Refusal>;

impl Budget {
    fn add(&mut self, record: &Record, reading: &Reading) {
        self.bytes = self.bytes.saturating_add(record.envelope().encoded().len());
        if let Content::Samples(samples) = &reading.content {
            let values = samples.iter().map(|sample| sample.values.len()).sum();
            self.values = self.values.saturating_add(values);
        }
    }

    /// Whether what may still be read is little more than what is read at once.
    const fn is_much(&self) -> bool {
        self.bytes > READ_BYTES_MAX / 4 || self.values > READ_VALUES_MAX / 4
    }

    fn spend(&mut self, read: Self) -> Result<(), Fault> {
        self.bytes = self.bytes.saturating_add(read.bytes);
        self.values = self.values.saturating_add(read.values);
        let instead = "ask for less at once";
        if self.bytes > READ_BYTES_MAX {
            return Err(Fault::too_much("bytes read", READ_BYTES_MAX, instead));
        }
        if self.values > READ_VALUES_MAX {
            return Err(Fault::too_much("values read", READ_VALUES_MAX, instead));
        }
        Ok(())
    }
}

/// Reads what is wanted.
pub(super) async fn fetch(
    desk: &Desk,
    policy: &Policy,
    wants: Vec<Want>,
    records: &mut Records,
    budget: &mut Budget,
) -> Fetched<()> {
    let mut last: BTreeMap<OrgName, Vec<Topic>> = BTreeMap::new();
    let mut pages = Vec::new();
    for want in wants {
        match want {
            Want::Last(topic) => {
                last.entry(topic.organisation().clone()).or_default().push(topic);
            }
            Want::Page(topic, begin, count) => pages.push((topic, begin, count)),
        }
    }
    for topics in last.into_values() {
        let groups: Vec<Vec<Topic>> = if topics.len() <= SINGLE_TOPICS_MAX {
            topics.into_iter().map(|topic| vec![topic]).collect()
        } else {
            vec![topics]
        };
        for topics in groups {
            if let Err(fault) = fetch_last(desk, policy, topics, records, budget).await? {
                return Ok(Err(fault));
            }
        }
    }
    let had_much = records.is_much();
    // A walk ends where much was read. What needs the rest asks for it again, and is given it.
    while !pages.is_empty() && (had_much || !records.is_much()) {
        let rest = pages.split_off(pages.len().min(PAGES_AT_ONCE));
        let reads = pages
            .iter()
            .map(|(topic, begin, count)| fetch_page(desk, policy, topic, (*begin, *count)));
        let read = join_all(reads).await;
        for ((topic, begin, count), chunk) in pages.into_iter().zip(read) {
            let (chunk, read) = chunk?;
            if let Err(fault) = budget.spend(read) {
                return Ok(Err(fault));
            }
            records.put_page(topic, begin, count, chunk);
        }
        if budget.is_much() {
            records.note_much();
        }
        pages = rest;
    }
    Ok(Ok(()))
}

/// The last records of topics of one organisation, with one subscription.
async fn fetch_last(
    desk: &Desk,
    policy: &Policy,
    topics: Vec<Topic>,
    records: &mut Records,
    budget: &mut Budget,
) -> Fetched<()> {
    let Some(filter) = covering(&topics) else { return Ok(Ok(())) };
    let mut wanted: BTreeMap<Topic, Option<Reading>> =
        topics.into_iter().map(|topic| (topic, None)).collect();
    let mut feed = desk.subscribe(filter, Start::LastValue, None).await?;
    let mut starts = 0;
    let (mut missing, mut passed) = (wanted.len(), 0);
    while missing > 0 && passed < PASSING_MAX {
        let Some(record) = next(&mut feed, &mut starts).await? else { break };
        passed += 1;
        let Some(place) = wanted.get_mut(record.topic()) else { continue };
        let (mut read, reading) = (Budget::default(), reading(&record, policy));
        read.add(&record, &reading);
        if let Err(fault) = budget.spend(read) {
            return Ok(Err(fault));
        }
        missing -= usize::from(place.is_none());
        *place = Some(reading);
    }
    for (topic, reading) in wanted {
        records.put_last(topic, reading);
    }
    Ok(Ok(()))
}

/// A page of one topic's log, and what it costs.
async fn fetch_page(
    desk: &Desk,
    policy: &Policy,
    topic: &Topic,
    (begin, count): (Begin, u32),
) -> Result<(Chunk, Budget), Refusal> {
    let start = match begin {
        Begin::Offset(offset) => Start::Offset(offset),
        Begin::Time(time) => Start::Time(time),
    };
    let mut feed = desk.subscribe(Filter::from(topic), start, None).await?;
    let (mut starts, mut read) = (0, Budget::default());
    let mut chunk = Chunk::default();
    let max = usize::try_from(count).unwrap_or(usize::MAX);
    while chunk.readings.len() < max && read.bytes < PAGE_BYTES_MAX && read.values < PAGE_VALUES_MAX
    {
        match next(&mut feed, &mut starts).await? {
            Some(record) => {
                let reading = reading(&record, policy);
                read.add(&record, &reading);
                chunk.readings.push(reading);
            }
            None => {
                chunk.is_end = true;
                break;
            }
        }
    }
    Ok((chunk, read))
}

/// The next record of what was kept when the feed began; none where that was all.
async fn next(
    feed: &mut Feed,
    starts: &mut u32,
) -> Result<Option<std::sync::Arc<Record>>, Refusal> {
    loop {
        match feed.next().await {
            Some(Outgoing::Record(record)) => return Ok(Some(record)),
            Some(Outgoing::Frame(frame)) => {
                if let Frame::Subscribed(_) = *frame {
                    *starts += 1;
                }
                // It is told where it begins, and then that it has caught up.
                if *starts > 1 {
                    return Ok(None);
                }
            }
            // A right that ended while the answer was made: nothing more is theirs.
            Some(Outgoing::End { code: RefusalCode::NotPermitted, .. }) => return Ok(None),
            // What was not read is not answered as if there were nothing.
            None => {
                let Refusal { code, why, .. } = feed.over();
                let why = format!("the session ended while it was read: {why}");
                return Err(Refusal::new(code, "SensorThings request", why));
            }
            Some(Outgoing::End { code, why }) => {
                return Err(Refusal::new(code, "SensorThings request", why));
            }
        }
    }
}

/// The narrowest filter of all these topics that ends with `#`, or the topic where it is one.
fn covering(topics: &[Topic]) -> Option<Filter> {
    let (first, rest) = topics.split_first()?;
    if rest.is_empty() {
        return Some(Filter::from(first));
    }
    let mut common: Vec<&str> = first.levels().collect();
    for topic in rest {
        let alike = common.iter().zip(topic.levels()).take_while(|(one, two)| **one == *two);
        let length = alike.count();
        common.truncate(length);
    }
    Filter::parse(&format!("{}/#", common.join("/"))).ok()
}

#[cfg(test)]
mod tests;
