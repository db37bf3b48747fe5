//! What a filter names: of the logs of a city, few may hold it.

use sekisho_proto::{Offset, Topic};

use crate::expression::Expression;
use crate::id::Id;

/// What leads from an Observation or a HistoricalLocation to entities whose identifiers begin with
/// its topic, and have its record's offset where they have one.
const THROUGH: [&[&str]; 7] = [
    &[],
    &["Datastream"],
    &["Datastream", "Thing"],
    &["Datastream", "Sensor"],
    &["FeatureOfInterest"],
    &["Thing"],
    &["Locations"],
];

/// Identifiers of which a filter demands one, for each way on which it does.
#[derive(Debug, Default)]
pub(super) struct Named(Vec<Vec<Id>>);

impl Named {
    pub(super) fn of(filter: &Expression) -> Self {
        let demanded = THROUGH.iter().filter_map(|through| filter.demanded(through));
        Self(demanded.map(|ids| ids.into_iter().filter_map(Id::parse).collect()).collect())
    }

    /// The part of a topic's log that may hold what is named; `None` where nothing of it does.
    pub(super) fn within(
        &self,
        topic: &Topic,
        (mut low, mut high): (Offset, Offset),
    ) -> Option<(Offset, Offset)> {
        for ids in &self.0 {
            let mut own = ids.iter().filter(|id| id.topic == *topic).peekable();
            own.peek()?;
            let places: Option<Vec<_>> = own.map(|id| id.place.map(|place| place.offset)).collect();
            let places = places.unwrap_or_default();
            if let (Some(first), Some(last)) = (places.iter().min(), places.iter().max()) {
                low = low.max(*first);
                high = high.min(last.next());
            }
        }
        Some((low, high))
    }
}
