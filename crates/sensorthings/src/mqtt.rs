//! The MQTT topics of SensorThings (18-088 §14): whoever subscribes to a path of Observations is
//! sent each new one as JSON.

use sekisho_proto::{Filter, OrgName, Timestamp};

use crate::answer::tell;
use crate::entity::Kind;
use crate::fault::Fault;
use crate::id::Id;
use crate::limits::REQUEST_BYTES_MAX;
use crate::model::{Of, World};
use crate::observing::Visiting;
use crate::options::Options;
use crate::path::Path;
use crate::stream::{Catalogue, Reading, Records, Stream};

/// What topic names of SensorThings begin with.
pub const PREFIX: &str = "v1.1/";

/// New Observations that somebody subscribed to.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    filter: Filter,
    of: Of,
    options: Options,
}

impl Watch {
    /// Reads the topic filter of a subscription; `None` where it is none of SensorThings.
    /// `v1.1/Observations` are those of the node's own organisation.
    ///
    /// # Errors
    ///
    /// It is one of SensorThings and not one that is served.
    #[must_use]
    pub fn parse(filter: &str, own: &OrgName) -> Option<Result<Self, Fault>> {
        let rest = filter.strip_prefix(PREFIX)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let first = path.split(['/', '(']).next()?;
        Kind::of_set(first)?;
        Some(Self::read(path, query, own))
    }

    fn read(path: &str, query: &str, own: &OrgName) -> Result<Self, Fault> {
        if path.len().saturating_add(query.len()) > REQUEST_BYTES_MAX {
            return Err(Fault::too_much("topic filter", REQUEST_BYTES_MAX, "ask for less"));
        }
        let wanted = "v1.1/Observations or v1.1/Datastreams('ID')/Observations, $select at most";
        let fault = || Fault::malformed("topic filter", wanted, path);
        let found = Path::parse(path)?.ok_or_else(fault)?;
        let options = Options::parse_query(query, Kind::Observation)?;
        if options.written.iter().any(|(name, _)| name != "$select") {
            return Err(fault());
        }
        let steps: Vec<_> = found.steps.iter().map(|step| (step.nav.kind, &step.id)).collect();
        let (filter, of) = match steps.as_slice() {
            [(Kind::Observation, None)] => (Filter::everything(own), Of::Everything),
            [(Kind::Datastream, Some(id)), (Kind::Observation, None)] => {
                match Id::parse(id).map(|id| (id.topic, id.quantity, id.place)) {
                    Some((topic, Some(quantity), None)) => {
                        (Filter::from(&topic), Of::Quantity(quantity))
                    }
                    _ => return Err(Fault::not_found(path)),
                }
            }
            _ => return Err(fault()),
        };
        Ok(Self { filter, of, options })
    }

    /// What is to be subscribed to in its place.
    #[must_use]
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The payloads for one record of a stream. `base` is where the service is, for links.
    #[must_use]
    pub fn payloads(
        &self,
        stream: Stream<'_>,
        reading: &Reading,
        (base, now): (&str, Timestamp),
    ) -> Vec<String> {
        let catalogue = Catalogue::new(vec![stream]);
        let records = Records::default();
        let world = World::new(&catalogue, (&records, Visiting::default()), (base, now));
        let items = world.items(0, reading, &self.of);
        // What is too much for one answer is too much for one envelope.
        let told = items.iter().map_while(|item| tell(&world, item, &self.options).ok());
        told.map(|told| told.to_string()).collect()
    }
}
