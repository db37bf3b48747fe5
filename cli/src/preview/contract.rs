//! Which facts a contract of two organisations has to tell, and how each language says them: what
//! crosses between the two, and what comes or goes through them of others.

use sekisho_proto::statement::{Peering, PeeringParty, Transit};
use sekisho_proto::{Filter, Hash, OrgName, Timestamp};

pub(super) mod english;
pub(super) mod japanese;
pub(super) mod spanish;

/// One fact of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Term {
    Between {
        parties: [OrgName; 2],
        /// `None` = from now on.
        from: Option<Timestamp>,
        until: Option<Timestamp>,
        purposes: Vec<String>,
    },
    Offers {
        owner: OrgName,
        taker: OrgName,
        filters: Vec<Filter>,
    },
    Takes {
        owner: OrgName,
        taker: OrgName,
        filters: Vec<Filter>,
    },
    /// Whether the taker may pass on what it is offered.
    Onward {
        taker: OrgName,
        onward: bool,
    },
    PassesOn {
        via: OrgName,
        taker: OrgName,
        owner: OrgName,
        root: Hash,
        /// None = its control log only.
        filters: Vec<Filter>,
    },
    CarriesHome {
        carrier: OrgName,
        home: OrgName,
        filters: Vec<Filter>,
    },
    /// What one party allows the other.
    Limit {
        of: OrgName,
        by: OrgName,
        most: Most,
    },
}

/// At most so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Most {
    BytesPerSecond(u64),
    EnvelopesPerSecond(u32),
    /// Filters asked for at a time.
    Interests(u32),
    /// Of what was kept before it was asked for.
    HistoryBytesPerSecond(u64),
}

/// Everything a contract says, of one party after the other.
pub(crate) fn terms(contract: &Peering, now: Timestamp) -> Vec<Term> {
    let [left, right] = &contract.parties;
    let mut terms = vec![Term::Between {
        parties: [left.organisation.clone(), right.organisation.clone()],
        from: (contract.from > now).then_some(contract.from),
        until: contract.until,
        purposes: contract.purposes.clone(),
    }];
    for (one, other) in [(left, right), (right, left)] {
        let (owner, taker) = (one.organisation.clone(), other.organisation.clone());
        terms.extend(shared(one, other));
        let passes = one.passes_on.iter();
        terms.extend(passes.map(|transit| passes_on(&owner, &taker, transit)));
        if !one.carries_home.is_empty() {
            let (carrier, home, filters) = (owner.clone(), taker.clone(), one.carries_home.clone());
            terms.push(Term::CarriesHome { carrier, home, filters });
        }
        let limit = |most| Term::Limit { of: owner.clone(), by: taker.clone(), most };
        terms.extend(limits(one).into_iter().map(limit));
    }
    terms
}

/// What one offers and the other takes of it.
fn shared(one: &PeeringParty, other: &PeeringParty) -> Vec<Term> {
    if one.exports.is_empty() && other.imports.is_empty() {
        return Vec::new();
    }
    let (owner, taker) = (one.organisation.clone(), other.organisation.clone());
    let (offered, taken) = (one.exports.clone(), other.imports.clone());
    let takes = (offered != taken).then(|| Term::Takes {
        owner: owner.clone(),
        taker: taker.clone(),
        filters: taken,
    });
    let onward =
        (!offered.is_empty()).then(|| Term::Onward { taker: taker.clone(), onward: one.onward });
    [Some(Term::Offers { owner, taker, filters: offered }), takes, onward]
        .into_iter()
        .flatten()
        .collect()
}

fn passes_on(via: &OrgName, taker: &OrgName, transit: &Transit) -> Term {
    Term::PassesOn {
        via: via.clone(),
        taker: taker.clone(),
        owner: transit.organisation.clone(),
        root: transit.root,
        filters: transit.filters.clone(),
    }
}

fn limits(party: &PeeringParty) -> Vec<Most> {
    let budget = party.budget;
    [
        budget.bytes_per_s.map(Most::BytesPerSecond),
        budget.envelopes_per_s.map(Most::EnvelopesPerSecond),
        budget.interests.map(Most::Interests),
        budget.history_bytes_per_s.map(Most::HistoryBytesPerSecond),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn texts(filters: &[Filter]) -> Vec<&str> {
    filters.iter().map(Filter::as_str).collect()
}
