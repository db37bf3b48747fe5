//! The heart of every decision: which grant in force gives a holder what is asked, and which deny
//! takes it.

use std::{borrow::Cow, ops::ControlFlow, sync::Arc};

use sekisho_proto::{
    Action, Grantee, OrgName, PrincipalName, RoleName, Timestamp, statement::Grant,
};

use crate::{
    Missing, Policy,
    grant::{Basis, DenyFact, GrantFact},
    grant_index::{Holder, Object},
    organisation::Organisation,
    roles::Membership,
    view::{Moment, View},
};

/// What exactly is asked of the grants.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked<'s> {
    /// This action.
    Action(Action),
    /// To be handed a record received then: by subscription or from history.
    Record(Moment<'s>),
    /// To subscribe to a filter, of which records may come.
    Subscription,
    /// To be given the key of a whole topic tree.
    TreeKey,
}

impl Asked<'_> {
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

/// What is asked, of whom, and from when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a, 's> {
    pub(crate) view: View<'s>,
    pub(crate) owner: &'a Organisation,
    pub(crate) object: Object<'s>,
    pub(crate) asked: Asked<'s>,
}

/// What gives somebody a right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) fact: &'a Arc<GrantFact>,
    /// By which role the grant speaks of them; `None` where it names them or their organisation.
    pub(crate) role: Option<Membership<'a>>,
}

impl Given<'_> {
    /// Since when it holds.
    pub(crate) fn from(&self) -> Timestamp {
        begins(self.fact, self.role)
    }

    /// Until when, exclusive: as long as the grant and the role.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        let role = self.role.and_then(|role| role.fact.until);
        self.fact.grant.until.into_iter().chain(role).min()
    }

    /// The grant as its holder has it: a role may begin later and end earlier.
    pub(crate) fn held(&self) -> Cow<'_, Grant> {
        if self.role.is_none() {
            return Cow::Borrowed(&self.fact.grant);
        }
        let (from, until) = (self.from(), self.until());
        Cow::Owned(Grant { from, until, ..self.fact.grant.clone() })
    }

    /// Whether it holds for longer than another.
    pub(crate) fn outlasts(&self, other: &Self) -> bool {
        let end = |given: &Self| given.until().unwrap_or(Timestamp::MAX);
        end(self) > end(other)
    }
}

impl Policy {
    /// The first grant that gives the holder what is asked, if no deny takes it.
    pub(crate) fn right<'a>(
        &'a self,
        question: &Question<'a, '_>,
        holder: Holder<'_>,
    ) -> Result<Given<'a>, Missing> {
        self.right_between(question, holder, holder)
    }

    /// The same where what is granted to one holder may be denied to another.
    pub(crate) fn right_between<'a>(
        &'a self,
        question: &Question<'a, '_>,
        granted: Holder<'_>,
        denied: Holder<'_>,
    ) -> Result<Given<'a>, Missing> {
        // Of a peer each grant is asked for itself: one reader's deny is not another's.
        let no_history = match denied {
            Holder::AnybodyOf(_) => None,
            Holder::Principal(_) | Holder::Named(_) | Holder::Everybody(_) => {
                question.denied(denied)?
            }
        };
        let Question { view, owner, object, .. } = *question;
        let mut best: Option<Given<'a>> = None;
        let mut nearest = Missing::NoGrant { owner: owner.name.clone() };
        let holding = owner.holding(view, granted);
        let mut judge = |fact: &'a Arc<GrantFact>, role: Option<Membership<'a>>| {
            let judged = match granted {
                Holder::AnybodyOf(taker) => self.gives_somebody(question, fact, taker),
                Holder::Principal(_) | Holder::Named(_) | Holder::Everybody(_) => {
                    self.gives(question, fact, role, no_history.as_ref())
                }
            };
            match judged {
                Ok(()) if best.is_none_or(|best| allows_more(fact, best.fact)) => {
                    best = Some(Given { fact, role });
                }
                Ok(()) => {}
                Err(missing) if missing.nearness() > nearest.nearness() => nearest = missing,
                Err(_) => {}
            }
            if best.is_some_and(|best| question.is_settled_by(best.fact)) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        owner.visit_grants(&holding, object, view, &mut judge);
        best.ok_or(nearest)
    }

    /// Whether a grant gives what is asked to somebody of an organisation whom it speaks of.
    fn gives_somebody(
        &self,
        question: &Question<'_, '_>,
        fact: &GrantFact,
        taker: &OrgName,
    ) -> Result<(), Missing> {
        match &fact.grant.grantee {
            Grantee::Organisation(organisation) => {
                self.gives_to(question, fact, Holder::Everybody(organisation), None)
            }
            Grantee::Principal(name) => self.gives_named(question, fact, name, None),
            Grantee::Role(role) => self.gives_member(question, fact, role, taker),
        }
    }

    fn gives_member(
        &self,
        question: &Question<'_, '_>,
        fact: &GrantFact,
        role: &RoleName,
        taker: &OrgName,
    ) -> Result<(), Missing> {
        let Question { view, owner, .. } = *question;
        let mut nearest = Missing::NoGrant { owner: owner.name.clone() };
        for member in owner.roles.members_of(role, taker) {
            let judged = match &member.member {
                Grantee::Principal(name) => {
                    let held = owner.membership(view, role, Holder::Principal(name));
                    held.map(|held| self.gives_named(question, fact, name, Some(held)))
                }
                Grantee::Organisation(name) => {
                    let holder = Holder::Everybody(name);
                    let held = owner.membership(view, role, holder);
                    held.map(|held| self.gives_to(question, fact, holder, Some(held)))
                }
                Grantee::Role(_) => None,
            };
            match judged {
                Some(Ok(())) => return Ok(()),
                Some(Err(missing)) if missing.nearness() > nearest.nearness() => nearest = missing,
                Some(Err(_)) | None => {}
            }
        }
        Err(nearest)
    }

    /// Whether a grant gives what is asked to a principal behind a peer, if it is still there.
    fn gives_named(
        &self,
        question: &Question<'_, '_>,
        fact: &GrantFact,
        name: &PrincipalName,
        role: Option<Membership<'_>>,
    ) -> Result<(), Missing> {
        if let Some(record) = self.principal_by_name(name) {
            self.standing_in(question.view, &record.id)?;
        }
        self.gives_to(question, fact, Holder::Principal(name), role)
    }

    fn gives_to(
        &self,
        question: &Question<'_, '_>,
        fact: &GrantFact,
        holder: Holder<'_>,
        role: Option<Membership<'_>>,
    ) -> Result<(), Missing> {
        let no_history = question.denied(holder)?;
        self.gives(question, fact, role, no_history.as_ref())
    }

    /// Whether a grant is in force and gives what is asked; `no_history` is the deny that leaves
    /// only what was received since the grant began.
    fn gives(
        &self,
        question: &Question<'_, '_>,
        fact: &GrantFact,
        role: Option<Membership<'_>>,
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
            Asked::Record(received) => {
                let is_since = received.has_reached(begins(fact, role));
                if is_since && actions.contains(Action::Subscribe) {
                    return Ok(());
                }
                // History ends where the grant begins: what came since is the matter of a
                // subscription.
                let oldest = fact.grant.history_from;
                let reaches = oldest.is_none_or(|oldest| received.has_reached(oldest));
                if !is_since && actions.contains(Action::History) && reaches {
                    return no_history.map_or(Ok(()), |denied| Err(denied.clone()));
                }
                Err(Missing::TooOld { statement: fact.id, received: received.time() })
            }
            Asked::Action(_) | Asked::Subscription | Asked::TreeKey => Ok(()),
        }
    }

    /// Whether a grant is known, has begun, has not ended, was not revoked, and, where it was
    /// handed on, whether its grantor still holds the grant it came from.
    pub(crate) fn in_force(
        &self,
        view: View<'_>,
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
            let still_holds = self.standing_in(view, grantor).is_ok_and(|grantor| {
                // A principal may lose the role that it held the grant by; its name stays.
                !matches!(parent.grant.grantee, Grantee::Role(_))
                    || owner.means(view, &parent.grant.grantee, &grantor.name)
            });
            if !still_holds || self.in_force(view, owner, parent).is_err() {
                return Err(Missing::GrantRevoked { statement });
            }
        }
        if let Some(until) = fact.grant.until.filter(|until| view.has_reached(*until)) {
            return Err(Missing::GrantEnded { statement, until });
        }
        if !view.has_reached(fact.grant.from) {
            return Err(Missing::GrantNotYet { statement, from: fact.grant.from });
        }
        Ok(())
    }
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
        let holding = self.owner.holding(self.view, holder);
        self.owner.visit_denies(&holding, self.object, self.view, &mut |fact, _role| {
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

/// From when a grant holds for somebody: what a role is given, a member has since it is one.
pub(crate) fn begins(fact: &GrantFact, role: Option<Membership<'_>>) -> Timestamp {
    role.map_or(fact.grant.from, |role| fact.grant.from.max(role.since))
}

fn allows_more(fact: &GrantFact, best: &GrantFact) -> bool {
    match (fact.grant.rate_per_s, best.grant.rate_per_s) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(rate), Some(best)) => rate > best,
    }
}
