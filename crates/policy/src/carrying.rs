//! Publishers that roam: whose node takes which envelopes, and brings them home.

use sekisho_proto::{Action, PrincipalId, Statement, Timestamp, Topic, statement::PeeringParty};

use crate::{
    Denial, Missing, Policy,
    grant_index::{Holder, Object},
    proof::Proof,
    right::{Asked, Question},
    view::View,
};

impl Policy {
    /// The party to which this organisation's node carries the envelopes of a topic: the topic's
    /// owner, under a peering in force that says so.
    #[must_use]
    pub fn carried_home(&self, topic: &Topic, now: Timestamp) -> Option<&PeeringParty> {
        let peering = self.peering(View::live(now), topic.organisation())?;
        carries(&peering.ours, topic).then_some(&peering.theirs)
    }

    /// The party whose node, under a peering in force, carries envelopes of a topic of this
    /// organisation here; the node by its key's id.
    #[must_use]
    pub fn carrier(
        &self,
        node: &PrincipalId,
        topic: &Topic,
        now: Timestamp,
    ) -> Option<&PeeringParty> {
        if *topic.organisation() != self.own {
            return None;
        }
        let view = View::live(now);
        let peerings = self.peerings.keys().filter_map(|other| self.peering(view, other));
        let mut parties = peerings.map(|peering| &peering.theirs);
        parties.find(|party| carries(party, topic) && PrincipalId::of(&party.node_key) == *node)
    }

    /// Whether a publisher of another organisation may publish on a topic of that organisation,
    /// whose envelopes this one's node carries home; and how many a second, where its grant says
    /// so. What is carried need not be shared: neither exports nor scope are asked.
    ///
    /// # Errors
    ///
    /// The first thing missing. The topic's home asks again.
    pub fn permit_carrying(
        &self,
        publisher: PrincipalId,
        topic: &Topic,
        now: Timestamp,
    ) -> Result<Option<u32>, Denial> {
        let judged = self.judge_carrying(publisher, topic, View::live(now));
        judged.map_err(|missing| {
            let subject = self.subject(&publisher);
            Denial::new(subject, Action::Publish, topic.as_str(), missing)
        })
    }

    fn judge_carrying(
        &self,
        publisher: PrincipalId,
        topic: &Topic,
        view: View<'_>,
    ) -> Result<Option<u32>, Missing> {
        let object = Object::Topic(topic);
        let (record, owner) = (self.standing_in(view, &publisher)?, self.owner(object)?);
        let home = record.name.organisation();
        let peering =
            self.peering(view, &owner.name).ok_or_else(|| self.no_peering(&owner.name))?;
        if *home != owner.name || !carries(&peering.ours, topic) {
            return Err(Missing::NoGrant { owner: owner.name.clone() });
        }
        let question = Question { view, owner, object, asked: Asked::Action(Action::Publish) };
        let given = self.right(&question, Holder::Principal(&record.name))?;
        self.fresh(view, owner, home, object)?;
        Ok(given.fact.grant.rate_per_s)
    }

    /// The peerings in force by which others carry envelopes of this organisation's publishers
    /// home, each with what proves it to somebody who trusts this organisation's root.
    #[must_use]
    pub fn proof_of_carriers(&self, now: Timestamp) -> Vec<&Statement> {
        let mut proof = Proof::new(self);
        let view = View::live(now);
        let peerings = self.peerings.keys().filter_map(|other| self.peering(view, other));
        for peering in peerings.filter(|peering| !peering.theirs.carries_home.is_empty()) {
            proof.add_peering(peering);
        }
        proof.statements
    }
}

fn carries(party: &PeeringParty, topic: &Topic) -> bool {
    party.carries_home.iter().any(|filter| filter.matches(topic))
}
