//! What two organisations agreed on: the contract that lets anything cross between them.

use std::sync::Arc;

use sekisho_proto::{
    Filter, Hash, OrgName, Timestamp,
    statement::{Peering, PeeringParty},
};

use crate::{arrival::Arrival, authority::Entry, denial::Missing, grant_index::Object, view::View};

/// A peering that was logged. Of those of other organisations, `ours` is the side of the one in whose
/// log it is.
#[derive(Debug)]
pub(crate) struct PeeringFact {
    pub(crate) id: Hash,
    issued: Timestamp,
    pub(crate) received: Timestamp,
    pub(crate) from: Timestamp,
    pub(crate) until: Option<Timestamp>,
    pub(crate) ours: PeeringParty,
    pub(crate) theirs: PeeringParty,
    pub(crate) purposes: Vec<String>,
}

/// A peering as the rest of a node needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeeringView {
    /// The other organisation.
    pub organisation: OrgName,
    /// The statement's id.
    pub statement: Hash,
    /// Our side: what we export of our topics and import of theirs.
    pub ours: PeeringParty,
    /// Their side: their root, the key and address of their node, what they export and import, and
    /// how many bytes per second they may send.
    pub theirs: PeeringParty,
    /// What the data may be used for.
    pub purposes: Vec<String>,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends, exclusive; `None` where it ends with a revocation.
    pub until: Option<Timestamp>,
}

impl PeeringView {
    pub(crate) fn of(fact: &PeeringFact) -> Self {
        Self {
            organisation: fact.theirs.organisation.clone(),
            statement: fact.id,
            ours: fact.ours.clone(),
            theirs: fact.theirs.clone(),
            purposes: fact.purposes.clone(),
            from: fact.from,
            until: fact.until,
        }
    }

    /// Whether it has begun and not ended.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        let view = View::live(now);
        view.has_reached(self.from) && !view.has_passed(self.until)
    }
}

/// The newest of the contracts of two organisations that has begun. Only that one counts: a new
/// contract replaces the old one, and ending it does not bring the old one back.
pub(crate) fn newest_begun<'a>(
    view: View<'_>,
    all: &'a [Arc<PeeringFact>],
) -> Option<&'a Arc<PeeringFact>> {
    all.iter().rev().find(|peering| peering.has_begun(view))
}

/// Enters a contract of two organisations among their others, oldest first by when they made it:
/// their nodes may come to know of them in another order each, and must go by the same one.
pub(crate) fn enter(all: &mut Vec<Arc<PeeringFact>>, fact: Arc<PeeringFact>) {
    Arrival::Learned.enter(all, fact, |fact| (fact.issued, fact.id));
}

impl PeeringFact {
    pub(crate) fn of(
        entry: &Entry<'_>,
        body: &Peering,
        (ours, theirs): (&PeeringParty, &PeeringParty),
    ) -> Self {
        Self {
            id: entry.id,
            issued: body.issued,
            received: entry.received,
            from: body.from,
            until: body.until,
            ours: ours.clone(),
            theirs: theirs.clone(),
            purposes: body.purposes.clone(),
        }
    }

    pub(crate) fn has_begun(&self, view: View<'_>) -> bool {
        view.knows(self.received) && view.has_reached(self.from)
    }

    pub(crate) fn is_in_force(&self, view: View<'_>) -> bool {
        view.knows(self.received) && view.has_reached(self.from) && !view.has_passed(self.until)
    }

    /// Whether the owner, one of both parties, offers the object and the other takes it.
    pub(crate) fn covers(&self, owner: &OrgName, object: Object<'_>) -> Result<(), Missing> {
        let (exporter, importer) = self.sides(owner);
        let touches = |filter: &&Filter| object.is_touched_by(filter);
        let (owner, organisation) = (&exporter.organisation, &importer.organisation);
        let mut exports = exporter.exports.iter().filter(touches).peekable();
        if exports.peek().is_none() {
            let (owner, organisation) = (owner.clone(), organisation.clone());
            return Err(Missing::NotExported { owner, organisation });
        }
        let imports: Vec<&Filter> = importer.imports.iter().filter(touches).collect();
        if exports.any(|export| imports.iter().any(|import| export.overlaps(import))) {
            return Ok(());
        }
        Err(Missing::NotImported { owner: owner.clone(), organisation: organisation.clone() })
    }

    /// Whether what the owner, one of both parties, exports may travel on.
    pub(crate) fn is_onward(&self, owner: &OrgName) -> bool {
        self.sides(owner).0.onward
    }

    /// The exporting party and the other.
    pub(crate) fn sides(&self, exporter: &OrgName) -> (&PeeringParty, &PeeringParty) {
        if *exporter == self.ours.organisation {
            (&self.ours, &self.theirs)
        } else {
            (&self.theirs, &self.ours)
        }
    }
}
