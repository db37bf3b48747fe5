//! Lets everything that is asked about go by, as a subscriber, so that it is sorted or counted and not
//! kept.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sekisho_policy::Policy;
use sekisho_proto::frame::Start;
use sekisho_proto::{Filter, OrgName, Topic};
use sekisho_sensorthings::limits::{VISITED_BYTES_MAX, VISITED_VALUES_MAX};
use sekisho_sensorthings::{Batch, Fault, Visit};

use super::{Budget, Fetched, PAGE_BYTES_MAX, SINGLE_TOPICS_MAX, covering, next};
use crate::transport::desk::{Desk, Feed};
use crate::transport::reading::reading;

/// Records of one batch.
const BATCH_RECORDS_MAX: u64 = 1_024;
/// Values of one batch, unless a single record has more: some 500 bytes each while they are looked at.
const BATCH_VALUES_MAX: usize = 65_536;

/// A visit for one request, as far as it came.
pub(in super::super) struct Visitor {
    topics: BTreeSet<Topic>,
    start: Start,
    /// What is still to be subscribed to: one after the other, each a range of records.
    filters: VecDeque<Filter>,
    feed: Option<(Feed, u32)>,
    spent: Budget,
}

impl Visitor {
    pub(in super::super) fn of(visit: Visit) -> Self {
        let start = visit.since.map_or(Start::Earliest, Start::Time);
        let filters = filters(&visit.topics);
        let topics = visit.topics.into_iter().collect();
        Self { topics, start, filters, feed: None, spent: Budget::default() }
    }

    /// What goes by next.
    pub(in super::super) async fn batch(&mut self, desk: &Desk, policy: &Policy) -> Fetched<Batch> {
        let (mut batch, mut read) = (Batch::default(), Budget::default());
        while batch.passed < BATCH_RECORDS_MAX
            && read.values < BATCH_VALUES_MAX
            && read.bytes < PAGE_BYTES_MAX
        {
            let (feed, starts) = match &mut self.feed {
                Some(feed) => feed,
                None => {
                    let Some(filter) = self.filters.pop_front() else {
                        batch.is_end = true;
                        break;
                    };
                    let feed = desk.subscribe(filter, self.start, None).await?;
                    self.feed.insert((feed, 0))
                }
            };
            let Some(record) = next(feed, starts).await? else {
                self.feed = None;
                continue;
            };
            batch.passed += 1;
            if self.topics.contains(record.topic()) {
                let reading = reading(&record, policy);
                read.add(&record, &reading);
                batch.readings.push((record.topic().clone(), reading));
            } else {
                read.bytes = read.bytes.saturating_add(record.envelope().encoded().len());
            }
        }
        Ok(self.spend(read).map(|()| batch))
    }

    fn spend(&mut self, read: Budget) -> Result<(), Fault> {
        self.spent.bytes = self.spent.bytes.saturating_add(read.bytes);
        self.spent.values = self.spent.values.saturating_add(read.values);
        let instead = "narrow it with $filter=phenomenonTime ge … or $filter=Datastream/id eq '…'";
        if self.spent.bytes > VISITED_BYTES_MAX {
            let what = "bytes visited to be sorted or counted";
            return Err(Fault::too_much(what, VISITED_BYTES_MAX, instead));
        }
        if self.spent.values > VISITED_VALUES_MAX {
            let what = "values visited to be sorted or counted";
            return Err(Fault::too_much(what, VISITED_VALUES_MAX, instead));
        }
        Ok(())
    }
}

/// A few topics one by one, more of one organisation together.
fn filters(topics: &[Topic]) -> VecDeque<Filter> {
    let mut owners: BTreeMap<&OrgName, Vec<Topic>> = BTreeMap::new();
    for topic in topics {
        owners.entry(topic.organisation()).or_default().push(topic.clone());
    }
    let of_owner = |topics: Vec<Topic>| -> Vec<Filter> {
        if topics.len() <= SINGLE_TOPICS_MAX {
            return topics.iter().map(Filter::from).collect();
        }
        covering(&topics).into_iter().collect()
    };
    owners.into_values().flat_map(of_owner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topics_of_each_organisation_are_visited_as_one_range_unless_they_are_few() {
        let topics: Vec<_> = ["a/b/1", "a/b/2", "a/b/3", "c/d", "c/e/f"]
            .into_iter()
            .map(|name| Topic::parse(name).unwrap())
            .collect();
        let filters: Vec<_> = filters(&topics).iter().map(ToString::to_string).collect();
        assert_eq!(filters, ["a/b/#", "c/d", "c/e/f"]);
    }
}
