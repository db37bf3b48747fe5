//! Decisions: default deny, deny wins, and nothing crosses between organisations but under a
//! peering in force. Every question, also that of why, is answered by the same few steps.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use sekisho_proto::{Action, Filter, Grantee, OrgName, PrincipalId, Scope, Timestamp, Topic};

use crate::{
    DeliveryPermit, Denial, Missing, Policy, PrincipalRecord, PublishPermit,
    grant::{Basis, DenyFact, GrantFact},
    grant_index::{Holder, Object},
    organisation::Organisation,
    source::Source,
    view::View,
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

/// What exactly is asked of the grants.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked {
    /// This action.
    Action(Action),
    /// To be handed a record received then: by subscription or from history.
    Record(Timestamp),
    /// To subscribe to a filter, of which records may come.
    Subscription,
    /// To be given the key of a whole topic tree.
    TreeKey,
}

impl Asked {
    fn is_blocked_by(self, deny: &DenyFact, object: Object<'_>) -> bool {
        match self {
            Self::Action(action) => deny.blocks(action),
            Self::Record(_) => deny.blocks(Action::Subscribe),
            Self::Subscription => {
                deny.blocks(Action::Subscribe) && object.is_covered_by(&deny.deny.filter)
            }
            Self::TreeKey => deny.blocks(Action::Decrypt),
        }
    }
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
        let fact = self.permit_in(View::live(now), Action::Publish, &publisher, topic)?;
        let rate = fact.grant.rate_per_s;
        Ok(PublishPermit::new(topic.clone(), publisher, self.version, rate))
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
    /// a peer where somebody behind it may.
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
        let object = Object::Topic(topic);
        let asked = Asked::Record(received);
        match self.reachable(View::live(now), recipient, object, Some(scope), asked) {
            Ok(()) => Ok(DeliveryPermit::new(topic.clone(), recipient.clone(), self.version)),
            Err(missing) => Err(self.refuse(recipient, object, missing)),
        }
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
        self.permit_in(View::live(now), action, &principal, topic).map(|_grant| ())
    }

    /// The principals in force that may be given the key of a topic tree, here and behind peers:
    /// those with a grant to decrypt that overlaps it, unless a deny touches any of it. What a key
    /// opens is the whole tree: choose trees no wider than grants.
    #[must_use]
    pub fn decrypt_readers(&self, tree: &Filter, now: Timestamp) -> Vec<&PrincipalRecord> {
        let view = View::live(now);
        let Some(owner) = self.trusted(tree.organisation()) else { return Vec::new() };
        let object = Object::Filter(tree);
        let names: Vec<OrgName> = self.organisations().cloned().collect();
        names
            .iter()
            .flat_map(|organisation| self.principals(organisation))
            .filter(|record| {
                self.standing_in(view, &record.id).is_ok_and(|standing| {
                    self.crossing(view, Action::Decrypt, object, standing.name.organisation())
                        .and_then(|()| self.blocked_by_owner(view, owner, standing))
                        .and_then(|()| {
                            let holder = Holder::Principal(&standing.name);
                            self.right(view, owner, &Source::Index, holder, object, Asked::TreeKey)
                        })
                        .is_ok()
                })
            })
            .collect()
    }

    fn permit_in(
        &self,
        view: View,
        action: Action,
        principal: &PrincipalId,
        topic: &Topic,
    ) -> Result<&Arc<GrantFact>, Denial> {
        self.standing_in(view, principal)
            .and_then(|record| self.allowed(view, &Source::Index, action, record, topic))
            .map_err(|missing| {
                Denial::new(self.subject(principal), action, topic.as_str(), missing)
            })
    }

    /// The grant by which a principal in force may do something on a topic.
    pub(crate) fn allowed<'a>(
        &'a self,
        view: View,
        source: &Source<'a>,
        action: Action,
        record: &PrincipalRecord,
        topic: &Topic,
    ) -> Result<&'a Arc<GrantFact>, Missing> {
        let object = Object::Topic(topic);
        let owner = self.owner(object)?;
        self.crossing(view, action, object, record.name.organisation())?;
        self.blocked_by_owner(view, owner, record)?;
        let holder = Holder::Principal(&record.name);
        let grant = self.right(view, owner, source, holder, object, Asked::Action(action))?;
        self.fresh(view, owner, record.name.organisation(), object)?;
        Ok(grant)
    }

    /// Whether something of the object may reach a recipient.
    fn reachable(
        &self,
        view: View,
        recipient: &Recipient,
        object: Object<'_>,
        scope: Option<Scope>,
        asked: Asked,
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
        self.crossing(view, Action::Subscribe, object, taker)?;
        let holder = match record {
            Some(record) => {
                self.blocked_by_owner(view, owner, record)?;
                Holder::Principal(&record.name)
            }
            None => Holder::AnybodyOf(taker),
        };
        self.right(view, owner, &Source::Index, holder, object, asked)?;
        match asked {
            // What is stale now may be fresh when a record comes, and open topics never are.
            Asked::Subscription => Ok(()),
            Asked::Action(_) | Asked::Record(_) | Asked::TreeKey => {
                self.fresh(view, owner, taker, object)
            }
        }
    }

    /// The first grant that gives the holder what is asked, if no deny takes it.
    pub(crate) fn right<'a>(
        &'a self,
        view: View,
        owner: &'a Organisation,
        source: &Source<'a>,
        holder: Holder<'_>,
        object: Object<'_>,
        asked: Asked,
    ) -> Result<&'a Arc<GrantFact>, Missing> {
        let question = Question { view, owner, source, object, asked };
        // Of a peer each grant is asked for itself: one reader's deny is not another's.
        let no_history = match holder {
            Holder::AnybodyOf(_) => None,
            Holder::Principal(_) | Holder::Everybody(_) => question.denied(holder)?,
        };
        let mut best: Option<&'a Arc<GrantFact>> = None;
        let mut nearest = Missing::NoGrant { owner: owner.name.clone() };
        source.grants(owner, holder, object, view.now(), &mut |fact| {
            let judged = match holder {
                Holder::AnybodyOf(_) => self.gives_grantee(&question, fact),
                Holder::Principal(_) | Holder::Everybody(_) => {
                    self.gives(&question, fact, no_history.as_ref())
                }
            };
            match judged {
                Ok(()) if best.is_none_or(|best| allows_more(fact, best)) => best = Some(fact),
                Ok(()) => {}
                Err(missing) if missing.nearness() > nearest.nearness() => nearest = missing,
                Err(_) => {}
            }
            if best.is_some_and(|best| question.is_settled_by(best)) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        best.ok_or(nearest)
    }

    /// Whether a grant gives what is asked to whom it speaks of, if they are still there.
    fn gives_grantee(&self, question: &Question<'_, '_>, fact: &GrantFact) -> Result<(), Missing> {
        let holder = match &fact.grant.grantee {
            Grantee::Organisation(organisation) => Holder::Everybody(organisation),
            Grantee::Principal(name) => {
                if let Some(record) = self.principal_by_name(name) {
                    self.standing_in(question.view, &record.id)?;
                }
                Holder::Principal(name)
            }
        };
        let no_history = question.denied(holder)?;
        self.gives(question, fact, no_history.as_ref())
    }

    /// Whether a grant is in force and gives what is asked; `no_history` is the deny that leaves
    /// only what was received since the grant began.
    fn gives(
        &self,
        question: &Question<'_, '_>,
        fact: &GrantFact,
        no_history: Option<&Missing>,
    ) -> Result<(), Missing> {
        let actions = fact.grant.actions;
        let given = match question.asked {
            Asked::Action(action) => actions.contains(action),
            Asked::Record(_) | Asked::Subscription => {
                actions.contains(Action::Subscribe) || actions.contains(Action::History)
            }
            Asked::TreeKey => actions.contains(Action::Decrypt),
        };
        if !given {
            return Err(Missing::NoGrant { owner: question.owner.name.clone() });
        }
        self.in_force(question.view, question.owner, fact)?;
        match question.asked {
            Asked::Record(received) if is_by_subscription(fact, received) => Ok(()),
            Asked::Record(received) if is_by_history(fact, received) => {
                no_history.map_or(Ok(()), |denied| Err(denied.clone()))
            }
            Asked::Record(received) => Err(Missing::TooOld { statement: fact.id, received }),
            Asked::Action(_) | Asked::Subscription | Asked::TreeKey => Ok(()),
        }
    }

    /// Whether a grant is known, has begun, has not ended, was not revoked, and, where it was
    /// handed on, whether its grantor and the grant it came from are in force too.
    pub(crate) fn in_force(
        &self,
        view: View,
        owner: &Organisation,
        fact: &GrantFact,
    ) -> Result<(), Missing> {
        let statement = fact.id;
        if !view.knows(fact.received) {
            return Err(Missing::NoGrant { owner: owner.name.clone() });
        }
        if owner.revoked(view, &statement).is_some() {
            return Err(Missing::GrantRevoked { statement });
        }
        if let Basis::Delegated { grantor, parent, .. } = &fact.basis {
            let grantor = self.standing_in(view, grantor);
            if grantor.is_err() || self.in_force(view, owner, parent).is_err() {
                return Err(Missing::GrantRevoked { statement });
            }
        }
        if let Some(until) = fact.grant.until.filter(|until| *until <= view.now()) {
            return Err(Missing::GrantEnded { statement, until });
        }
        if fact.grant.from > view.now() {
            return Err(Missing::GrantNotYet { statement, from: fact.grant.from });
        }
        Ok(())
    }
}

/// What is asked, of whom, and from when.
struct Question<'a, 's> {
    view: View,
    owner: &'a Organisation,
    source: &'s Source<'a>,
    object: Object<'s>,
    asked: Asked,
}

impl Question<'_, '_> {
    /// The deny that leaves the holder no history, where only a record that could be had by
    /// subscription is left to ask for.
    ///
    /// # Errors
    ///
    /// The deny that leaves nothing at all.
    fn denied(&self, holder: Holder<'_>) -> Result<Option<Missing>, Missing> {
        let mut denied = None;
        let mut no_history = None;
        let now = self.view.now();
        self.source.denies(self.owner, holder, self.object, now, &mut |fact| {
            let known = self.view.knows(fact.received);
            if !known || self.owner.revoked(self.view, &fact.id).is_some() {
                return ControlFlow::Continue(());
            }
            if self.asked.is_blocked_by(fact, self.object) {
                denied = Some(fact.as_missing());
                return ControlFlow::Break(());
            }
            if matches!(self.asked, Asked::Record(_)) && fact.blocks(Action::History) {
                no_history = Some(fact.as_missing());
            }
            ControlFlow::Continue(())
        });
        denied.map_or(Ok(no_history), Err)
    }

    /// Whether no other grant could give more.
    fn is_settled_by(&self, best: &GrantFact) -> bool {
        let by_rate = matches!(self.asked, Asked::Action(Action::Publish));
        !by_rate || best.grant.rate_per_s.is_none()
    }
}

fn is_by_subscription(fact: &GrantFact, received: Timestamp) -> bool {
    fact.grant.actions.contains(Action::Subscribe) && fact.grant.from <= received
}

/// History ends where the grant begins: what came since is the matter of a subscription.
fn is_by_history(fact: &GrantFact, received: Timestamp) -> bool {
    let reaches = fact.grant.history_from.is_none_or(|oldest| oldest <= received);
    fact.grant.actions.contains(Action::History) && received < fact.grant.from && reaches
}

fn allows_more(fact: &GrantFact, best: &GrantFact) -> bool {
    match (fact.grant.rate_per_s, best.grant.rate_per_s) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(rate), Some(best)) => rate > best,
    }
}
