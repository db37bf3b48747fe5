//! Decisions: default deny, deny wins, and nothing crosses between organisations but under a
//! peering in force. Every question, also that of why, is answered by the same few steps.

use std::time::Duration;

use sekisho_proto::{Action, Filter, OrgName, PrincipalId, Scope, Timestamp, Topic};

use crate::{
    DeliveryPermit, Denial, Missing, Policy, PrincipalRecord, PublishPermit,
    decision_cache::Asker,
    grant_index::{Holder, Object},
    right::{Asked, Given, Question},
    view::{Moment, View, Window},
};

/// How old another organisation's statements may be to decide about its restricted topics by.
pub const FRESHNESS_MAX: Duration = Duration::from_mins(15);

/// Who a record would be handed to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Recipient {
    /// A principal that is connected here.
    Principal(PrincipalId),
    /// The node of another organisation, for whoever is behind it.
    Peer(OrgName),
}

/// What was decided about a record, and about which others of its topic and scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may be handed to its recipient, or the first thing missing.
    pub given: Result<(), Denial>,
    /// The same is said of records that were received from then on,
    pub since: Timestamp,
    /// and before that.
    pub until: Timestamp,
}

impl Policy {
    /// Whether a principal may publish on a topic.
    ///
    /// # Errors
    ///
    /// The first thing missing. How far the envelope may travel is not asked here: see
    /// [`permit_import`](Self::permit_import).
    pub fn permit_publish(
        &self,
        publisher: PrincipalId,
        topic: &Topic,
        now: Timestamp,
    ) -> Result<PublishPermit, Denial> {
        let asker = Asker::Publisher(&publisher);
        let permit = |rate| PublishPermit::new(topic.clone(), publisher, self.version, rate);
        if let Some(rate) = self.decisions.find(asker, topic, now, now) {
            return Ok(permit(rate));
        }
        let (window, any_time) = (Window::default(), Window::default());
        let view = View::live(Moment::watched(now, &window));
        let rate = self.permit_in(view, Action::Publish, &publisher, topic)?.fact.grant.rate_per_s;
        self.decisions.keep(asker, topic, &window, &any_time, rate);
        Ok(permit(rate))
    }

    /// Whether a record that another organisation's node sent may be taken: its publisher may
    /// publish on the topic, and signed it for more than the owner's organisation.
    ///
    /// # Errors
    ///
    /// The first thing missing.
    pub fn permit_import(
        &self,
        publisher: PrincipalId,
        topic: &Topic,
        scope: Scope,
        now: Timestamp,
    ) -> Result<PublishPermit, Denial> {
        if scope == Scope::Organisation && *topic.organisation() != self.own {
            let subject = self.subject(&publisher);
            let missing = Missing::Scope { owner: topic.organisation().clone() };
            return Err(Denial::new(subject, Action::Publish, topic.as_str(), missing));
        }
        self.permit_publish(publisher, topic, now)
    }

    /// Whether a record received at `received` may be handed to a recipient: for a principal by a
    /// grant to subscribe that began by then, or one to read history that reaches back to it; for
    /// a peer where somebody behind it may, of its organisation or, of this organisation's topics, of
    /// one that it passes on to. What is granted to a role begins for each member when
    /// it was given the role.
    ///
    /// # Errors
    ///
    /// The first thing missing.
    pub fn permit_delivery(
        &self,
        recipient: &Recipient,
        topic: &Topic,
        scope: Scope,
        received: Timestamp,
        now: Timestamp,
    ) -> Result<DeliveryPermit, Denial> {
        let asker = Asker::Recipient(recipient, scope);
        if self.decisions.find(asker, topic, now, received).is_none() {
            self.judge_delivery(recipient, topic, scope, received, now).given?;
        }
        Ok(DeliveryPermit::new(topic.clone(), recipient.clone(), self.version))
    }

    /// Asks as [`permit_delivery`](Self::permit_delivery) does, and for which other records of the
    /// topic and scope the same is said now: for whoever asks about many at once.
    #[must_use]
    pub fn judge_delivery(
        &self,
        recipient: &Recipient,
        topic: &Topic,
        scope: Scope,
        received: Timestamp,
        now: Timestamp,
    ) -> Verdict {
        let (window, received_window) = (Window::default(), Window::default());
        let view = View::live(Moment::watched(now, &window));
        let asked = Asked::Record(Moment::watched(received, &received_window));
        let object = Object::Topic(topic);
        let given = self.reachable(view, recipient, object, Some(scope), asked);
        if given.is_ok() {
            let asker = Asker::Recipient(recipient, scope);
            self.decisions.keep(asker, topic, &window, &received_window, None);
        }
        let given = given.map_err(|missing| self.refuse(recipient, object, missing));
        let (since, until) = received_window.bounds();
        Verdict { given, since, until }
    }

    /// Whether records of a filter might be handed to a recipient: some right to subscribe or to
    /// history overlaps it. Each record is asked about again.
    ///
    /// # Errors
    ///
    /// The first thing missing.
    pub fn may_subscribe(
        &self,
        recipient: &Recipient,
        filter: &Filter,
        now: Timestamp,
    ) -> Result<(), Denial> {
        let object = Object::Filter(filter);
        self.reachable(View::live(now), recipient, object, None, Asked::Subscription)
            .map_err(|missing| self.refuse(recipient, object, missing))
    }

    /// Whether a principal holds an action on a topic.
    ///
    /// # Errors
    ///
    /// The first thing missing.
    pub fn permit(
        &self,
        action: Action,
        principal: PrincipalId,
        topic: &Topic,
        now: Timestamp,
    ) -> Result<(), Denial> {
        self.permit_in(View::live(now), action, &principal, topic).map(|_given| ())
    }

    fn permit_in(
        &self,
        view: View<'_>,
        action: Action,
        principal: &PrincipalId,
        topic: &Topic,
    ) -> Result<Given<'_>, Denial> {
        self.standing_in(view, principal)
            .and_then(|record| self.allowed(view, action, record, topic))
            .map_err(|missing| {
                Denial::new(self.subject(principal), action, topic.as_str(), missing)
            })
    }

    /// The grant by which a principal in force may do something on a topic.
    pub(crate) fn allowed(
        &self,
        view: View<'_>,
        action: Action,
        record: &PrincipalRecord,
        topic: &Topic,
    ) -> Result<Given<'_>, Missing> {
        let object = Object::Topic(topic);
        let owner = self.owner(object)?;
        self.crossing(view, action, object, record.name.organisation())?;
        self.blocked_by_owner(view, owner, record)?;
        let question = Question { view, owner, object, asked: Asked::Action(action) };
        let given = self.right(&question, Holder::Principal(&record.name))?;
        self.fresh(view, owner, record.name.organisation(), object)?;
        Ok(given)
    }

    /// Whether something of the object may reach a recipient.
    fn reachable(
        &self,
        view: View<'_>,
        recipient: &Recipient,
        object: Object<'_>,
        scope: Option<Scope>,
        asked: Asked<'_>,
    ) -> Result<(), Missing> {
        let record = match recipient {
            Recipient::Principal(id) => Some(self.standing_in(view, id)?),
            Recipient::Peer(organisation) => {
                self.peering(view, organisation).ok_or_else(|| self.no_peering(organisation))?;
                None
            }
        };
        let taker = match (recipient, record) {
            (_, Some(record)) => record.name.organisation(),
            (Recipient::Peer(organisation), None) => organisation,
            (Recipient::Principal(_), None) => return Err(Missing::UnknownPrincipal),
        };
        let owner = self.owner(object)?;
        if record.is_none() && *taker == owner.name {
            return Err(Missing::Home);
        }
        if scope == Some(Scope::Organisation) && *taker != owner.name {
            return Err(Missing::Scope { owner: owner.name.clone() });
        }
        let question = Question { view, owner, object, asked };
        if let Some(record) = record {
            self.crossing(view, Action::Subscribe, object, taker)?;
            self.blocked_by_owner(view, owner, record)?;
            return self.given_to(&question, Holder::Principal(&record.name), taker);
        }
        // For a node, whoever is behind it: its own people, and those whom it passes on to.
        let own = self
            .crossing(view, Action::Subscribe, object, taker)
            .and_then(|()| self.given_to(&question, Holder::AnybodyOf(taker), taker));
        own.or_else(|missing| {
            let mut missing = missing;
            for third in self.behind(taker).filter(|_third| owner.name == self.own) {
                let reached = self
                    .crossing_by(view, taker, object, third)
                    .and_then(|()| self.given_to(&question, Holder::AnybodyOf(third), third));
                match reached {
                    Ok(()) => return Ok(()),
                    // It would be theirs: nobody is to pass over it for good.
                    Err(stale @ Missing::Stale { .. }) => missing = stale,
                    Err(_) => {}
                }
            }
            Err(missing)
        })
    }

    /// Whether a grant gives it and what is known is fresh enough to go by.
    fn given_to(
        &self,
        question: &Question<'_, '_>,
        holder: Holder<'_>,
        taker: &OrgName,
    ) -> Result<(), Missing> {
        self.right(question, holder)?;
        let Question { view, owner, object, asked } = *question;
        match asked {
            // What is stale now may be fresh when a record comes, and open topics never are.
            Asked::Subscription => Ok(()),
            Asked::Action(_) | Asked::Record(_) | Asked::TreeKey => {
                self.fresh(view, owner, taker, object)
            }
        }
    }
}
