//! What is what: a stream is a Thing, what one of its transducers measures a Datastream, a value of a
//! sample an Observation. See docs/sensorthings.md for the whole mapping.

mod facts;
mod unit;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use sekisho_proto::statement::{Location, StreamDescriptor, Transducer};
use sekisho_proto::{Sample, SampleValue, Timestamp, TransducerName, Value};

use crate::entity::{Kind, Nav};
use crate::expression::Expression;
use crate::fault::Fault;
use crate::geometry::Point;
use crate::id::{Id, Place, Quantity, escaped, unescaped};
use crate::limits::{ANSWER_BYTES_MAX, ENTITIES_MAX, LED_TO_ALL_MAX, LED_TO_MAX};
use crate::observing::Visiting;
use crate::stream::{Begin, Catalogue, Chunk, Content, Reading, Records, Stream, Want};

/// Names of transducers that say where a sample was taken, in small letters.
const LATITUDES: [&str; 2] = ["latitude", "lat"];
const LONGITUDES: [&str; 4] = ["longitude", "lon", "lng", "long"];

/// Everything that an answer is made from.
pub(crate) struct World<'a> {
    pub(crate) catalogue: &'a Catalogue<'a>,
    pub(crate) records: &'a Records,
    /// Where the service is, without a slash at the end.
    pub(crate) base: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) visiting: RefCell<Visiting>,
    wants: RefCell<BTreeSet<Want>>,
    entities: Cell<usize>,
    bytes: Cell<usize>,
    led_to: Cell<usize>,
    /// The streams that have transducers of a name, where one was followed.
    streams_of: OnceCell<BTreeMap<TransducerName, Vec<usize>>>,
}

/// One entity. Streams are told by their numbers in the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entity {
    Thing(usize),
    Location(usize, Option<Spot>),
    HistoricalLocation(usize, Option<Spot>),
    Datastream(usize, Quantity),
    Sensor(usize, Quantity),
    ObservedProperty(TransducerName),
    Observation(usize, Box<Seen>),
    Feature(usize, Option<Spot>),
}

/// Where a sample was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The record and the number of the sample in it.
    pub(crate) place: Place,
    pub(crate) time: Timestamp,
    pub(crate) point: Point,
}

/// One value of one sample.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) quantity: Quantity,
    /// The record and the number of the value among those of its datastream.
    pub(crate) place: Place,
    /// The number of the sample in its record.
    pub(crate) sample: u32,
    pub(crate) time: Timestamp,
    pub(crate) made: Timestamp,
    pub(crate) value: Value,
    pub(crate) spot: Option<Spot>,
    pub(crate) publisher: String,
    pub(crate) attester: Option<String>,
}

/// What an entity leads to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Related {
    One(Option<Entity>),
    Many(Vec<Entity>),
    /// What is in logs and has to be read.
    Logs(Vec<Log>),
}

/// Entities that are made of the records of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Log {
    pub(crate) stream: usize,
    pub(crate) of: Of,
    /// One sample only.
    pub(crate) only: Option<Place>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Of {
    Everything,
    Quantity(Quantity),
    /// Observations of samples that do not say where they were taken.
    Spotless,
    Spots,
    /// The one place of what stands, which is in no record.
    Stand,
}

/// Where a stream's device is now.
enum Whereabouts {
    Described,
    Seen(Spot),
}

impl<'a> World<'a> {
    pub(crate) fn new(
        catalogue: &'a Catalogue<'a>,
        (records, visiting): (&'a Records, Visiting),
        (base, now): (&'a str, Timestamp),
    ) -> Self {
        let (entities, bytes, led_to) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let (wants, visiting) = (RefCell::default(), RefCell::new(visiting));
        let streams_of = OnceCell::new();
        Self { catalogue, records, base, now, visiting, wants, entities, bytes, led_to, streams_of }
    }

    pub(crate) fn stream(&self, number: usize) -> Option<&Stream<'a>> {
        self.catalogue.stream(number)
    }

    fn descriptor(&self, number: usize) -> Option<&'a StreamDescriptor> {
        self.stream(number)?.descriptor
    }

    /// What is still to be read; the answer made meanwhile is not one.
    pub(crate) fn wants(&self) -> Vec<Want> {
        self.wants.borrow().iter().cloned().collect()
    }

    fn want(&self, want: Want) {
        self.wants.borrow_mut().insert(want);
    }

    /// Whether something is still to be read.
    pub(crate) fn is_wanting(&self) -> bool {
        !self.wants.borrow().is_empty()
    }

    /// How many pages were read or are wanted.
    pub(crate) fn pages(&self) -> usize {
        let wants = self.wants.borrow();
        let wanted = wants.iter().filter(|want| matches!(want, Want::Page(..))).count();
        self.records.pages() + wanted
    }

    /// Counts what is told.
    pub(crate) fn spend(&self, bytes: usize) -> Result<(), Fault> {
        self.entities.set(self.entities.get() + 1);
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        let instead = "ask for less with $top, $filter or fewer $expand";
        if self.entities.get() > ENTITIES_MAX {
            return Err(Fault::too_much("entities of an answer", ENTITIES_MAX, instead));
        }
        if self.bytes.get() > ANSWER_BYTES_MAX {
            return Err(Fault::too_much("bytes of an answer", ANSWER_BYTES_MAX, instead));
        }
        Ok(())
    }

    /// Counts one more entity that a filter or an order leads to; `from_one` are those to which it led
    /// from the same one.
    pub(crate) fn lead(&self, from_one: &mut usize) -> Result<(), Fault> {
        *from_one += 1;
        self.led_to.set(self.led_to.get() + 1);
        let instead = "name what is nearer in $filter and $orderby, or ask about fewer entities";
        if *from_one > LED_TO_MAX {
            let what = "entities that $filter or $orderby leads to from one";
            return Err(Fault::too_much(what, LED_TO_MAX, instead));
        }
        if self.led_to.get() > LED_TO_ALL_MAX {
            let what = "entities that $filter and $orderby lead to";
            return Err(Fault::too_much(what, LED_TO_ALL_MAX, instead));
        }
        Ok(())
    }

    /// The last record of a stream; nothing where the caller is given none, or it is still wanted.
    pub(crate) fn last(&self, number: usize) -> Option<&'a Reading> {
        let stream = self.stream(number)?;
        if !stream.is_readable || stream.first_offset == stream.next_offset {
            return None;
        }
        match self.records.last(&stream.topic) {
            Some(reading) => reading.as_ref(),
            None => {
                self.want(Want::Last(stream.topic.clone()));
                None
            }
        }
    }

    /// A page of a stream's log; nothing where it is still wanted.
    pub(crate) fn page(&self, number: usize, begin: Begin, records: u32) -> Option<&'a Chunk> {
        let stream = self.stream(number)?;
        let page = self.records.page(&stream.topic, begin, records);
        if page.is_none() {
            self.want(Want::Page(stream.topic.clone(), begin, records));
        }
        page
    }

    fn record(&self, number: usize, place: Place) -> Option<&'a Reading> {
        if !self.stream(number)?.is_readable {
            return None;
        }
        let chunk = self.page(number, Begin::Offset(place.offset), 1)?;
        chunk.readings.first().filter(|reading| reading.offset == place.offset)
    }

    /// What a stream measures: what its description says, or else what its last record holds.
    pub(crate) fn quantities(&self, number: usize) -> Vec<Quantity> {
        let described = self.descriptor(number).map(|found| found.transducers.as_slice());
        let described = described.unwrap_or_default();
        if !described.is_empty() {
            let names = described.iter().map(|transducer| transducer.name.clone());
            return names.map(|transducer| Quantity { transducer, unit: None }).collect();
        }
        let mut found = Vec::new();
        for value in self.last(number).map(samples).unwrap_or_default().iter().flat_map(values) {
            let quantity = self.quantity(number, value);
            found.extend(quantity.filter(|quantity| !found.contains(quantity)));
        }
        found
    }

    /// Of which datastream a value is; of none where a description says what there is and this is
    /// not among it, or is in another unit.
    fn quantity(&self, number: usize, value: &SampleValue) -> Option<Quantity> {
        let transducer = value.transducer.clone();
        let descriptor = self.descriptor(number);
        if descriptor.is_some_and(|descriptor| !descriptor.transducers.is_empty()) {
            let described = self.transducer(number, &transducer)?;
            let is_same = value.unit.as_str().is_empty() || value.unit == described.unit;
            return is_same.then_some(Quantity { transducer, unit: None });
        }
        let unit = (!value.unit.as_str().is_empty()).then(|| value.unit.clone());
        Some(Quantity { transducer, unit })
    }

    pub(crate) fn transducer(
        &self,
        number: usize,
        name: &TransducerName,
    ) -> Option<&'a Transducer> {
        self.descriptor(number)?.transducers.iter().find(|transducer| transducer.name == *name)
    }

    /// What a record holds of a kind.
    pub(crate) fn items(&self, number: usize, reading: &Reading, of: &Of) -> Vec<Entity> {
        let mut found = Vec::new();
        let mut counts: BTreeMap<Quantity, u32> = BTreeMap::new();
        if *of == Of::Stand {
            return found;
        }
        for (sample, taken) in (0..).zip(samples(reading)) {
            let spot = spot(taken, Place { offset: reading.offset, number: sample });
            if *of == Of::Spots {
                found.extend(spot.map(|spot| Entity::HistoricalLocation(number, Some(spot))));
                continue;
            }
            if *of == Of::Spotless && spot.is_some() {
                continue;
            }
            for value in values(taken) {
                let Some(quantity) = self.quantity(number, value) else { continue };
                if matches!(of, Of::Quantity(wanted) if *wanted != quantity) {
                    continue;
                }
                let count = counts.entry(quantity.clone()).or_insert(0);
                let place = Place { offset: reading.offset, number: *count };
                *count += 1;
                found.push(Entity::Observation(
                    number,
                    Box::new(Seen {
                        quantity,
                        place,
                        sample,
                        time: taken.time,
                        made: reading.time,
                        value: value.value.clone(),
                        spot,
                        publisher: reading.publisher.clone(),
                        attester: reading.attester.clone(),
                    }),
                ));
            }
        }
        found
    }

    fn whereabouts(&self, number: usize) -> Option<Whereabouts> {
        let descriptor = self.descriptor(number);
        let described = descriptor.and_then(|found| found.location);
        if described.is_some() && descriptor.is_some_and(|found| !found.mobile) {
            return Some(Whereabouts::Described);
        }
        let seen = self.last(number).and_then(|reading| {
            let spots = self.items(number, reading, &Of::Spots).into_iter().rev();
            spots.into_iter().find_map(|found| match found {
                Entity::HistoricalLocation(_, spot) => spot,
                Entity::Thing(_)
                | Entity::Location(..)
                | Entity::Datastream(..)
                | Entity::Sensor(..)
                | Entity::ObservedProperty(_)
                | Entity::Observation(..)
                | Entity::Feature(..) => None,
            })
        });
        seen.map(Whereabouts::Seen).or_else(|| described.map(|_| Whereabouts::Described))
    }

    fn current<T>(&self, number: usize, make: impl Fn(usize, Option<Spot>) -> T) -> Option<T> {
        self.whereabouts(number).map(|found| match found {
            Whereabouts::Described => make(number, None),
            Whereabouts::Seen(spot) => make(number, Some(spot)),
        })
    }

    fn point(&self, number: usize, spot: Option<Spot>) -> Option<Point> {
        let described = || self.descriptor(number).and_then(|found| found.location);
        spot.map(|spot| spot.point).or_else(|| described().map(point_of))
    }

    /// A set as a whole, or as far as a filter may want it.
    pub(crate) fn root(&self, kind: Kind, filter: Option<&Expression>) -> Related {
        // These sets have only what is there now; what was before is found by its identifier.
        let has_more = matches!(kind, Kind::Location | Kind::FeatureOfInterest);
        if let (true, Some(ids)) = (has_more, filter.and_then(|filter| filter.demanded(&[]))) {
            return Related::Many(ids.iter().filter_map(|id| self.find(kind, id)).collect());
        }
        let streams = 0..self.catalogue.streams().len();
        let quantities = |make: fn(usize, Quantity) -> Entity| {
            let each = |number| {
                self.quantities(number).into_iter().map(move |quantity| make(number, quantity))
            };
            Related::Many(streams.clone().flat_map(each).collect())
        };
        match kind {
            Kind::Thing => Related::Many(streams.map(Entity::Thing).collect()),
            Kind::Location => Related::Many(
                streams.filter_map(|number| self.current(number, Entity::Location)).collect(),
            ),
            Kind::Datastream => quantities(Entity::Datastream),
            Kind::Sensor => quantities(Entity::Sensor),
            Kind::ObservedProperty => {
                let names = streams.flat_map(|number| self.quantities(number));
                let names: BTreeSet<_> = names.map(|quantity| quantity.transducer).collect();
                Related::Many(names.into_iter().map(Entity::ObservedProperty).collect())
            }
            Kind::FeatureOfInterest => {
                let nowhere = |number| Entity::Feature(number, None);
                let of = |number| self.current(number, Entity::Feature);
                Related::Many(
                    streams.map(|number| of(number).unwrap_or_else(|| nowhere(number))).collect(),
                )
            }
            Kind::Observation => Related::Logs(
                streams.map(|stream| Log { stream, of: Of::Everything, only: None }).collect(),
            ),
            Kind::HistoricalLocation => {
                Related::Logs(streams.map(|stream| self.places(stream)).collect())
            }
        }
    }

    /// What an entity leads to.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an entity leads to few kinds")]
    pub(crate) fn follow(&self, entity: &Entity, nav: Nav) -> Related {
        match entity {
            Entity::Thing(number) => self.of_thing(*number, nav.kind),
            Entity::Location(number, spot) => match nav.kind {
                Kind::HistoricalLocation => {
                    Related::Many(vec![Entity::HistoricalLocation(*number, *spot)])
                }
                _thing => Related::Many(vec![Entity::Thing(*number)]),
            },
            Entity::HistoricalLocation(number, spot) => match nav.kind {
                Kind::Location => Related::Many(vec![Entity::Location(*number, *spot)]),
                _thing => Related::One(Some(Entity::Thing(*number))),
            },
            Entity::Datastream(number, quantity) => match nav.kind {
                Kind::Sensor => Related::One(Some(Entity::Sensor(*number, quantity.clone()))),
                Kind::ObservedProperty => {
                    Related::One(Some(Entity::ObservedProperty(quantity.transducer.clone())))
                }
                Kind::Observation => Related::Logs(vec![Log {
                    stream: *number,
                    of: Of::Quantity(quantity.clone()),
                    only: None,
                }]),
                _thing => Related::One(Some(Entity::Thing(*number))),
            },
            Entity::Sensor(number, quantity) => {
                Related::Many(vec![Entity::Datastream(*number, quantity.clone())])
            }
            Entity::ObservedProperty(name) => {
                let each = |number: &usize| {
                    let (number, all) = (*number, self.quantities(*number).into_iter());
                    let own = all.filter(|quantity| quantity.transducer == *name);
                    own.map(move |quantity| Entity::Datastream(number, quantity))
                };
                Related::Many(self.streams_of(name).iter().flat_map(each).collect())
            }
            Entity::Observation(number, seen) => match nav.kind {
                Kind::FeatureOfInterest => Related::One(Some(Entity::Feature(*number, seen.spot))),
                _datastream => {
                    Related::One(Some(Entity::Datastream(*number, seen.quantity.clone())))
                }
            },
            Entity::Feature(number, spot) => Related::Logs(vec![Log {
                stream: *number,
                of: if spot.is_some() { Of::Everything } else { Of::Spotless },
                only: spot.map(|spot| spot.place),
            }]),
        }
    }

    /// The streams that have a transducer of a name. They are looked through once: a filter may lead
    /// from each Datastream of a city to all others of its property.
    fn streams_of(&self, name: &TransducerName) -> &[usize] {
        let all = self.streams_of.get_or_init(|| {
            let mut all: BTreeMap<TransducerName, Vec<usize>> = BTreeMap::new();
            for number in 0..self.catalogue.streams().len() {
                for quantity in self.quantities(number) {
                    let streams = all.entry(quantity.transducer).or_default();
                    // One in several units is several Datastreams of one stream.
                    if streams.last() != Some(&number) {
                        streams.push(number);
                    }
                }
            }
            all
        });
        all.get(name).map_or(&[], Vec::as_slice)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "an entity leads to few kinds")]
    fn of_thing(&self, number: usize, kind: Kind) -> Related {
        match kind {
            Kind::Location => {
                Related::Many(self.current(number, Entity::Location).into_iter().collect())
            }
            Kind::HistoricalLocation => Related::Logs(vec![self.places(number)]),
            _datastreams => Related::Many(
                self.quantities(number)
                    .into_iter()
                    .map(|quantity| Entity::Datastream(number, quantity))
                    .collect(),
            ),
        }
    }

    /// Where a stream's device was.
    fn places(&self, stream: usize) -> Log {
        let stands = self.descriptor(stream).is_some_and(|found| !found.mobile)
            && self.point(stream, None).is_some();
        Log { stream, of: if stands { Of::Stand } else { Of::Spots }, only: None }
    }

    /// The entity that an identifier names, where there is one.
    pub(crate) fn find(&self, kind: Kind, text: &str) -> Option<Entity> {
        if kind == Kind::ObservedProperty {
            let name = TransducerName::parse(&unescaped(text)?).ok()?;
            let mut streams = 0..self.catalogue.streams().len();
            let has =
                |number| self.quantities(number).iter().any(|quantity| quantity.transducer == name);
            return streams.any(has).then_some(Entity::ObservedProperty(name));
        }
        let Id { topic, quantity, place } = Id::parse(text)?;
        let number = self.catalogue.find(&topic)?;
        match (kind, quantity, place) {
            (Kind::Thing, None, None) => Some(Entity::Thing(number)),
            (Kind::Datastream | Kind::Sensor, Some(quantity), None) => {
                let make = if kind == Kind::Sensor { Entity::Sensor } else { Entity::Datastream };
                self.quantities(number).contains(&quantity).then(|| make(number, quantity))
            }
            (Kind::Observation, Some(quantity), Some(place)) => {
                let reading = self.record(number, place)?;
                let all = self.items(number, reading, &Of::Quantity(quantity)).into_iter();
                all.into_iter().nth(usize::try_from(place.number).ok()?)
            }
            (Kind::Location | Kind::HistoricalLocation | Kind::FeatureOfInterest, None, place) => {
                let spot = match place {
                    Some(place) => {
                        let sample = usize::try_from(place.number).ok()?;
                        let reading = self.record(number, place)?;
                        Some(spot(samples(reading).get(sample)?, place)?)
                    }
                    None if kind == Kind::FeatureOfInterest => None,
                    None => {
                        self.point(number, None)?;
                        None
                    }
                };
                let make = match kind {
                    Kind::Location => Entity::Location,
                    Kind::HistoricalLocation => Entity::HistoricalLocation,
                    Kind::FeatureOfInterest
                    | Kind::Thing
                    | Kind::Datastream
                    | Kind::Sensor
                    | Kind::ObservedProperty
                    | Kind::Observation => Entity::Feature,
                };
                Some(make(number, spot))
            }
            _ => None,
        }
    }

    /// Whether one leads to the other.
    pub(crate) fn leads(&self, from: &Entity, nav: Nav, to: &Entity) -> bool {
        match (self.follow(from, nav), to) {
            (Related::Many(all), _) => all.contains(to),
            (Related::One(one), _) => one.as_ref() == Some(to),
            (Related::Logs(logs), Entity::Observation(number, seen)) => logs.iter().any(|log| {
                let of = match &log.of {
                    Of::Quantity(quantity) => *quantity == seen.quantity,
                    Of::Everything => true,
                    Of::Spotless => seen.spot.is_none(),
                    Of::Spots | Of::Stand => false,
                };
                let sample = Place { number: seen.sample, ..seen.place };
                log.stream == *number && of && log.only.is_none_or(|only| only == sample)
            }),
            (Related::Logs(logs), Entity::HistoricalLocation(number, spot)) => logs
                .iter()
                .any(|log| log.stream == *number && (log.of != Of::Stand || spot.is_none())),
            (Related::Logs(_), _) => false,
        }
    }

    /// The identifier of an entity.
    pub(crate) fn id(&self, entity: &Entity) -> String {
        let id = |number: &usize, quantity: Option<&Quantity>, place| {
            let topic = self.stream(*number).map(|stream| stream.topic.clone());
            let id = topic.map(|topic| Id { topic, quantity: quantity.cloned(), place });
            id.map(|id| id.to_string()).unwrap_or_default()
        };
        match entity {
            Entity::Thing(number) => id(number, None, None),
            Entity::Location(number, spot)
            | Entity::HistoricalLocation(number, spot)
            | Entity::Feature(number, spot) => id(number, None, spot.map(|spot| spot.place)),
            Entity::Datastream(number, quantity) | Entity::Sensor(number, quantity) => {
                id(number, Some(quantity), None)
            }
            Entity::ObservedProperty(name) => escaped(name.as_str()),
            Entity::Observation(number, seen) => id(number, Some(&seen.quantity), Some(seen.place)),
        }
    }
}

impl Entity {
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Thing(_) => Kind::Thing,
            Self::Location(..) => Kind::Location,
            Self::HistoricalLocation(..) => Kind::HistoricalLocation,
            Self::Datastream(..) => Kind::Datastream,
            Self::Sensor(..) => Kind::Sensor,
            Self::ObservedProperty(_) => Kind::ObservedProperty,
            Self::Observation(..) => Kind::Observation,
            Self::Feature(..) => Kind::FeatureOfInterest,
        }
    }
}

impl Seen {
    /// Bytes of what may be long in it.
    pub(crate) fn bytes(&self) -> usize {
        match &self.value {
            Value::Text(text) => text.len(),
            Value::Blob(bytes) => bytes.len(),
            Value::Float(_) | Value::Integer(_) | Value::Boolean(_) => 0,
        }
    }
}

fn samples(reading: &Reading) -> &[Sample] {
    match &reading.content {
        Content::Samples(samples) => samples,
        Content::Sealed | Content::Opaque => &[],
    }
}

fn values(sample: &Sample) -> impl Iterator<Item = &SampleValue> {
    sample.values.iter()
}

/// Where a sample says that it was taken.
fn spot(sample: &Sample, place: Place) -> Option<Spot> {
    let number = |names: &[&str]| {
        let is_one = |value: &&SampleValue| {
            names.contains(&value.transducer.as_str().to_ascii_lowercase().as_str())
        };
        match &sample.values.iter().find(is_one)?.value {
            Value::Float(number) => Some(*number),
            Value::Integer(whole) => i32::try_from(*whole).ok().map(f64::from),
            Value::Text(_) | Value::Boolean(_) | Value::Blob(_) => None,
        }
    };
    let point = Point::of_degrees(number(&LONGITUDES)?, number(&LATITUDES)?)?;
    Some(Spot { place, time: sample.time, point })
}

fn point_of(location: Location) -> Point {
    Point { east: location.longitude_e7.into(), north: location.latitude_e7.into() }
}

#[cfg(test)]
mod tests;
