//! The eight kinds of entities, their properties and what leads from one to another (18-088 §8.2).

use crate::fault::Fault;

/// A kind of entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Thing,
    Location,
    HistoricalLocation,
    Datastream,
    Sensor,
    ObservedProperty,
    Observation,
    FeatureOfInterest,
}

/// What leads from an entity to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nav {
    pub(crate) kind: Kind,
    pub(crate) is_many: bool,
}

const fn many(kind: Kind) -> Nav {
    Nav { kind, is_many: true }
}

const fn one(kind: Kind) -> Nav {
    Nav { kind, is_many: false }
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Thing,
        Self::Location,
        Self::HistoricalLocation,
        Self::Datastream,
        Self::Sensor,
        Self::ObservedProperty,
        Self::Observation,
        Self::FeatureOfInterest,
    ];

    pub(crate) const fn singular(self) -> &'static str {
        match self {
            Self::Thing => "Thing",
            Self::Location => "Location",
            Self::HistoricalLocation => "HistoricalLocation",
            Self::Datastream => "Datastream",
            Self::Sensor => "Sensor",
            Self::ObservedProperty => "ObservedProperty",
            Self::Observation => "Observation",
            Self::FeatureOfInterest => "FeatureOfInterest",
        }
    }

    pub(crate) const fn set(self) -> &'static str {
        match self {
            Self::Thing => "Things",
            Self::Location => "Locations",
            Self::HistoricalLocation => "HistoricalLocations",
            Self::Datastream => "Datastreams",
            Self::Sensor => "Sensors",
            Self::ObservedProperty => "ObservedProperties",
            Self::Observation => "Observations",
            Self::FeatureOfInterest => "FeaturesOfInterest",
        }
    }

    pub(crate) fn of_set(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.set() == name)
    }

    pub(crate) const fn navs(self) -> &'static [Nav] {
        const THING: [Nav; 3] =
            [many(Kind::Location), many(Kind::HistoricalLocation), many(Kind::Datastream)];
        const LOCATION: [Nav; 2] = [many(Kind::Thing), many(Kind::HistoricalLocation)];
        const HISTORICAL: [Nav; 2] = [one(Kind::Thing), many(Kind::Location)];
        const DATASTREAM: [Nav; 4] = [
            one(Kind::Thing),
            one(Kind::Sensor),
            one(Kind::ObservedProperty),
            many(Kind::Observation),
        ];
        const DESCRIBES: [Nav; 1] = [many(Kind::Datastream)];
        const OBSERVATION: [Nav; 2] = [one(Kind::Datastream), one(Kind::FeatureOfInterest)];
        const FEATURE: [Nav; 1] = [many(Kind::Observation)];
        match self {
            Self::Thing => &THING,
            Self::Location => &LOCATION,
            Self::HistoricalLocation => &HISTORICAL,
            Self::Datastream => &DATASTREAM,
            Self::Sensor | Self::ObservedProperty => &DESCRIBES,
            Self::Observation => &OBSERVATION,
            Self::FeatureOfInterest => &FEATURE,
        }
    }

    /// The properties that an entity of this kind may have, without `@iot.id`.
    pub(crate) const fn properties(self) -> &'static [&'static str] {
        match self {
            Self::Thing => &["name", "description", "properties"],
            Self::Location => &["name", "description", "encodingType", "location", "properties"],
            Self::HistoricalLocation => &["time"],
            Self::Datastream => &[
                "name",
                "description",
                "observationType",
                "unitOfMeasurement",
                "observedArea",
                "phenomenonTime",
                "resultTime",
                "properties",
            ],
            Self::Sensor => &["name", "description", "encodingType", "metadata", "properties"],
            Self::ObservedProperty => &["name", "definition", "description", "properties"],
            Self::Observation => &[
                "phenomenonTime",
                "result",
                "resultTime",
                "resultQuality",
                "validTime",
                "parameters",
            ],
            Self::FeatureOfInterest => {
                &["name", "description", "encodingType", "feature", "properties"]
            }
        }
    }

    pub(crate) fn nav(self, name: &str) -> Option<Nav> {
        self.navs().iter().find(|nav| nav.name() == name).copied()
    }

    /// The property that a name means; `id` is short for `@iot.id`.
    pub(crate) fn property(self, name: &str) -> Option<&'static str> {
        if matches!(name, "id" | "@iot.id") {
            return Some("@iot.id");
        }
        if name == "@iot.selfLink" {
            return Some("@iot.selfLink");
        }
        self.properties().iter().find(|property| **property == name).copied()
    }

    /// What is told in an option where a name is neither.
    pub(crate) fn unknown(self, name: &str) -> Fault {
        Fault::malformed(&format!("name in {}", self.singular()), self.names(), name)
    }

    /// Every name that may be wanted of it.
    pub(crate) fn names(self) -> String {
        let navs = self.navs().iter().map(|nav| nav.name());
        let names: Vec<_> = self.properties().iter().copied().chain(navs).collect();
        format!("one of @iot.id, {}", names.join(", "))
    }
}

impl Nav {
    pub(crate) const fn name(self) -> &'static str {
        if self.is_many { self.kind.set() } else { self.kind.singular() }
    }
}
