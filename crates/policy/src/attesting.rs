//! Publishers that keep no key of their own: whose node may sign in their place.

use sekisho_proto::{Action, PrincipalId, PrincipalKind, StreamClass, Timestamp, Topic};

use crate::{Denial, Missing, Policy, PrincipalRecord, view::View};

impl Policy {
    /// The node that signs an envelope in place of its publisher, where it may: the publisher's
    /// organisation says that it is attested, the topic is that organisation's, and so is the node,
    /// which is in force. Whether the publisher may publish there is asked besides, as of anybody.
    ///
    /// # Errors
    ///
    /// The first thing missing.
    pub fn permit_attesting(
        &self,
        attester: &PrincipalId,
        publisher: &PrincipalId,
        topic: &Topic,
        now: Timestamp,
    ) -> Result<&PrincipalRecord, Denial> {
        self.judge_attesting(attester, publisher, topic, now).map_err(|missing| {
            let subject = self.subject(publisher);
            Denial::new(subject, Action::Publish, topic.as_str(), missing)
        })
    }

    fn judge_attesting(
        &self,
        attester: &PrincipalId,
        publisher: &PrincipalId,
        topic: &Topic,
        now: Timestamp,
    ) -> Result<&PrincipalRecord, Missing> {
        let view = View::live(now);
        let published = self.standing_in(view, publisher)?;
        if !published.attested {
            return Err(Missing::NotAttested);
        }
        let home = published.name.organisation();
        if topic.organisation() != home {
            let (owner, organisation) = (topic.organisation().clone(), home.clone());
            return Err(Missing::AttestedElsewhere { owner, organisation });
        }
        let node = self.standing_in(view, attester)?;
        if node.kind != PrincipalKind::Node || node.name.organisation() != home {
            let (organisation, found) = (home.clone(), node.name.clone());
            return Err(Missing::NotItsNode { organisation, found });
        }
        let class = self.descriptor(topic).map(|descriptor| descriptor.class);
        match class {
            None | Some(StreamClass::Open) => Ok(node),
            Some(class) => Err(Missing::SealedTopic { class }),
        }
    }
}
