//! What two organisations agreed to exchange.

use bytes::Bytes;
use prost::Message as _;

use super::access::own_filter;
use crate::{
    DecodeError, Filter, Hash, OrgName, PublicKey, Timestamp,
    decode::{Fields, time_optional},
    limits::{
        ADDRESS_BYTES_MAX, PEERING_FILTERS_MAX, PURPOSES_MAX, STATEMENT_BYTES_MAX, TEXT_BYTES_MAX,
        TRANSITS_MAX,
    },
    wire,
};

/// An agreement of two organisations, signed by both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peering {
    /// Both, ascending by organisation.
    pub parties: [PeeringParty; 2],
    /// For what, in their words.
    pub purposes: Vec<String>,
    /// When it was made.
    pub issued: Timestamp,
    /// From when it holds.
    pub from: Timestamp,
    /// Until when it holds; `None` until revoked.
    pub until: Option<Timestamp>,
}

/// One side of a peering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeeringParty {
    /// Who.
    pub organisation: OrgName,
    /// SHA-256 of the body of its `OrgRoot`.
    pub root: Hash,
    /// The key of its node.
    pub node_key: PublicKey,
    /// Where its node listens, `host:port`.
    pub address: String,
    /// Topics of its own that it offers.
    pub exports: Vec<Filter>,
    /// Topics of the other that it takes.
    pub imports: Vec<Filter>,
    /// Whether what it exports may travel on to third organisations.
    pub onward: bool,
    /// What its node passes on of third organisations, ascending by organisation.
    pub passes_on: Vec<Transit>,
    /// Topics of the other whose envelopes its node takes from their publishers and carries home.
    pub carries_home: Vec<Filter>,
    /// How much it may send and ask for.
    pub budget: PeeringBudget,
}

/// What a party's node passes on of a third organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transit {
    /// The owner of the topics.
    pub organisation: OrgName,
    /// SHA-256 of the body of its `OrgRoot`.
    pub root: Hash,
    /// Topics of its tree; none = its control log only.
    pub filters: Vec<Filter>,
}

/// How much one side of a peering may send and ask for; `None` = what the other's node allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PeeringBudget {
    /// What it may send, bytes per second.
    pub bytes_per_s: Option<u64>,
    /// What it may send, envelopes per second.
    pub envelopes_per_s: Option<u32>,
    /// Filters that it may have asked for at a time.
    pub interests: Option<u32>,
    /// How fast it is given what was stored before it asked, bytes per second.
    pub history_bytes_per_s: Option<u64>,
}

impl Peering {
    const FIELDS: Fields = Fields("peering statement");

    /// The side of one organisation and the other's; `None` where it is neither's.
    #[must_use]
    pub fn sides(&self, own: &OrgName) -> Option<(&PeeringParty, &PeeringParty)> {
        let [left, right] = &self.parties;
        if left.organisation == *own {
            Some((left, right))
        } else if right.organisation == *own {
            Some((right, left))
        } else {
            None
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        wire::Peering {
            parties: self.parties.iter().map(PeeringParty::to_wire).collect(),
            purposes: self.purposes.clone(),
            issued_us: self.issued.as_micros(),
            from_us: self.from.as_micros(),
            until_us: self.until.map(Timestamp::as_micros),
        }
        .encode_to_vec()
    }

    pub(super) fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let wire: wire::Peering = wire::decode_canonical(fields.0, STATEMENT_BYTES_MAX, bytes)?;
        let count = wire.parties.len();
        let [left, right] = <[wire::PeeringParty; 2]>::try_from(wire.parties)
            .map_err(|_other_count| fields.refuse("parties", "two", count))?;
        let names: [OrgName; 2] = [
            fields.parse("parties", &left.organisation)?,
            fields.parse("parties", &right.organisation)?,
        ];
        let [left_name, right_name] = &names;
        fields.require("parties", "ascending names", left_name < right_name, right_name)?;
        let parties = [
            PeeringParty::from_wire(left, left_name, right_name)?,
            PeeringParty::from_wire(right, right_name, left_name)?,
        ];
        fields.at_most("purposes", PURPOSES_MAX, wire.purposes.len())?;
        let purposes = wire
            .purposes
            .into_iter()
            .map(|purpose| fields.signed_text("purposes", purpose, TEXT_BYTES_MAX))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            parties,
            purposes,
            issued: Timestamp::from_micros(wire.issued_us),
            from: Timestamp::from_micros(wire.from_us),
            until: time_optional(wire.until_us),
        })
    }
}

impl PeeringParty {
    const FIELDS: Fields = Fields("peering party");

    fn to_wire(&self) -> wire::PeeringParty {
        wire::PeeringParty {
            organisation: self.organisation.as_str().to_owned(),
            root: Bytes::copy_from_slice(self.root.as_ref()),
            node_key: Bytes::copy_from_slice(self.node_key.as_ref()),
            address: self.address.clone(),
            exports: self.exports.iter().map(ToString::to_string).collect(),
            imports: self.imports.iter().map(ToString::to_string).collect(),
            onward: self.onward,
            bytes_per_s: self.budget.bytes_per_s,
            passes_on: self.passes_on.iter().map(Transit::to_wire).collect(),
            carries_home: self.carries_home.iter().map(ToString::to_string).collect(),
            envelopes_per_s: self.budget.envelopes_per_s,
            interests: self.budget.interests,
            history_bytes_per_s: self.budget.history_bytes_per_s,
        }
    }

    fn from_wire(
        wire: wire::PeeringParty,
        own: &OrgName,
        other: &OrgName,
    ) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        Ok(Self {
            organisation: own.clone(),
            root: fields.fixed("root", &wire.root)?,
            node_key: fields.fixed("node_key", &wire.node_key)?,
            address: fields.signed_text("address", wire.address, ADDRESS_BYTES_MAX)?,
            exports: filters_of(fields, "exports", &wire.exports, own)?,
            imports: filters_of(fields, "imports", &wire.imports, other)?,
            onward: wire.onward,
            passes_on: transits(&wire.passes_on, own, other)?,
            carries_home: filters_of(fields, "carries_home", &wire.carries_home, other)?,
            budget: PeeringBudget {
                bytes_per_s: wire.bytes_per_s,
                envelopes_per_s: wire.envelopes_per_s,
                interests: wire.interests,
                history_bytes_per_s: wire.history_bytes_per_s,
            },
        })
    }
}

impl Transit {
    const FIELDS: Fields = Fields("transit");

    fn to_wire(&self) -> wire::Transit {
        wire::Transit {
            organisation: self.organisation.as_str().to_owned(),
            root: Bytes::copy_from_slice(self.root.as_ref()),
            filters: self.filters.iter().map(ToString::to_string).collect(),
        }
    }

    fn from_wire(wire: &wire::Transit) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let organisation: OrgName = fields.parse("organisation", &wire.organisation)?;
        Ok(Self {
            root: fields.fixed("root", &wire.root)?,
            filters: filters_of(fields, "filters", &wire.filters, &organisation)?,
            organisation,
        })
    }
}

/// Of third organisations, each once and in order.
fn transits(
    wire: &[wire::Transit],
    own: &OrgName,
    other: &OrgName,
) -> Result<Vec<Transit>, DecodeError> {
    let fields = PeeringParty::FIELDS;
    fields.at_most("passes_on", TRANSITS_MAX, wire.len())?;
    let all = wire.iter().map(Transit::from_wire).collect::<Result<Vec<_>, _>>()?;
    for Transit { organisation, .. } in &all {
        let is_third = organisation != own && organisation != other;
        fields.require("passes_on", "third organisations", is_third, organisation)?;
    }
    for (one, next) in all.iter().zip(all.iter().skip(1)) {
        let ascends = one.organisation < next.organisation;
        fields.require("passes_on", "ascending names", ascends, &next.organisation)?;
    }
    Ok(all)
}

fn filters_of(
    fields: Fields,
    field: &'static str,
    texts: &[String],
    owner: &OrgName,
) -> Result<Vec<Filter>, DecodeError> {
    fields.at_most(field, PEERING_FILTERS_MAX, texts.len())?;
    texts.iter().map(|text| own_filter(fields, field, text, owner)).collect()
}
