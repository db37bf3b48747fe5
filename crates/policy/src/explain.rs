//! Who may do something, why somebody may or may not, and what somebody may: exact answers, now or
//! as it was at a time, by the same steps that decide.

use std::fmt;

use sekisho_proto::{
    Action, Actions, Filter, Grantee, Hash, OrgName, PrincipalId, PrincipalName, RoleName,
    StatementKind, Timestamp, Topic,
};

use crate::{
    Denial, FRESHNESS_MAX, Missing, Policy, PrincipalRecord, Subject,
    crossing::Bridge,
    grant::{Basis, DenyFact, GrantFact},
    grant_index::{Holder, Object},
    organisation::Organisation,
    readers::Candidates,
    right::Given,
    roles::Membership,
    view::View,
    words,
};

/// One principal that may do what was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhoEntry {
    /// Who.
    pub principal: PrincipalName,
    /// By which of its keys.
    pub id: PrincipalId,
    /// It keeps no key: a node of its organisation signs in its place.
    pub attested: bool,
    /// Whom the grant names: the principal, everybody of its organisation, or a role.
    pub grantee: Grantee,
    /// The grant's id.
    pub grant: Hash,
    /// Of a role: the id of the statement by which the principal has it.
    pub role: Option<Hash>,
    /// For what, in the owner's words.
    pub purpose: String,
    /// Since when it holds for the principal.
    pub from: Timestamp,
    /// Until when, exclusive; `None` until revoked.
    pub until: Option<Timestamp>,
}

/// Why somebody may or may not do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Who.
    pub principal: PrincipalName,
    /// What.
    pub action: Action,
    /// Where.
    pub topic: Topic,
    /// As of when.
    pub at: Timestamp,
    /// The chain of statements that allows it, from the root on, or the first thing missing.
    pub verdict: Result<Vec<Step>, Denial>,
}

/// One statement of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// In whose log.
    pub organisation: OrgName,
    /// The statement's id.
    pub statement: Hash,
    /// Its kind.
    pub kind: StatementKind,
    /// When it was logged.
    pub received: Timestamp,
    /// What it says, in plain words.
    pub says: String,
}

/// What somebody may do, over all organisations known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct What {
    /// Who.
    pub principal: PrincipalName,
    /// As of when.
    pub at: Timestamp,
    /// It keeps no key: a node of its organisation signs in its place.
    pub attested: bool,
    /// Why it may do nothing at all, if so.
    pub barred: Option<Missing>,
    /// The roles that it has.
    pub roles: Vec<HeldRole>,
    /// Grants in force, in the order they were logged.
    pub grants: Vec<HeldGrant>,
    /// Denies in force, which win over every grant.
    pub denies: Vec<HeldDeny>,
}

/// A role that somebody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRole {
    /// Which.
    pub role: RoleName,
    /// The statement's id.
    pub statement: Hash,
    /// Whom the statement names: the principal, or everybody of its organisation.
    pub member: Grantee,
    /// Since when, without a gap.
    pub since: Timestamp,
    /// Until when, exclusive; `None` until revoked.
    pub until: Option<Timestamp>,
}

/// A grant in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldGrant {
    /// The grant's id.
    pub statement: Hash,
    /// The owner of the topics.
    pub organisation: OrgName,
    /// Whom it names.
    pub grantee: Grantee,
    /// Of a role: the id of the statement by which the principal has it.
    pub role: Option<Hash>,
    /// What it allows here; a grant whose actions may cross different contracts is told once for each.
    pub actions: Actions,
    /// Where.
    pub filter: Filter,
    /// For what, in the owner's words.
    pub purpose: String,
    /// Since when it holds for the principal.
    pub from: Timestamp,
    /// Until when, exclusive; `None` until revoked.
    pub until: Option<Timestamp>,
    /// With history: how far back before `from`; `None` = all that is kept.
    pub history_from: Option<Timestamp>,
    /// Envelopes per second that may be published; `None` = what the node allows.
    pub rate_per_s: Option<u32>,
    /// The contracts that bound it further: a topic must be in the exports and imports of each.
    pub crossings: Vec<Crossing>,
}

/// What a contract lets pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// The contract's id.
    pub peering: Hash,
    /// What is offered, or passed on.
    pub exports: Vec<Filter>,
    /// What is taken.
    pub imports: Vec<Filter>,
}

/// A deny in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldDeny {
    /// The deny's id.
    pub statement: Hash,
    /// The owner of the topics.
    pub organisation: OrgName,
    /// Whom it names.
    pub grantee: Grantee,
    /// Of a role: the id of the statement by which the principal has it.
    pub role: Option<Hash>,
    /// What it forbids, history with every subscription.
    pub actions: Actions,
    /// Where.
    pub filter: Filter,
    /// Why, in the owner's words.
    pub reason: String,
}

impl Policy {
    /// Every principal that may do something on a topic, by name, as it was at a time.
    #[must_use]
    pub fn who(&self, topic: &Topic, action: Action, at: Timestamp) -> Vec<WhoEntry> {
        let view = View::at(at);
        let Some(owner) = self.trusted(topic.organisation()) else { return Vec::new() };
        let candidates = Candidates::of(owner, |grant| {
            grant.actions.contains(action) && grant.filter.matches(topic)
        });
        let trusted = self.organisations.values().filter(|known| known.is_pinned);
        let mut entries: Vec<WhoEntry> = trusted
            .flat_map(|home| self.standing_of(view, home, &candidates))
            .filter_map(|record| {
                let given = self.allowed(view, action, record, topic).ok()?;
                Some(WhoEntry::of(record, &given))
            })
            .collect();
        entries
            .sort_by(|left, right| (&left.principal, left.id).cmp(&(&right.principal, right.id)));
        entries.dedup_by_key(|entry| entry.id);
        entries
    }

    /// Why a principal may or may not do something on a topic, as it was at a time: how long nobody
    /// had been heard then plays no part.
    #[must_use]
    pub fn why(
        &self,
        principal: &PrincipalName,
        action: Action,
        topic: &Topic,
        at: Timestamp,
    ) -> Explanation {
        self.explanation(principal, action, topic, (View::at(at), at))
    }

    /// Why a principal may or may not do something on a topic now, where it goes by the statements of
    /// somebody who was not heard for too long as well.
    #[must_use]
    pub fn why_now(
        &self,
        principal: &PrincipalName,
        action: Action,
        topic: &Topic,
        now: Timestamp,
    ) -> Explanation {
        self.explanation(principal, action, topic, (View::live(now), now))
    }

    fn explanation(
        &self,
        principal: &PrincipalName,
        action: Action,
        topic: &Topic,
        (view, at): (View<'_>, Timestamp),
    ) -> Explanation {
        let verdict = self.chain(principal, action, topic, view).map_err(|missing| {
            let subject = Subject::Principal(principal.clone());
            Denial::new(subject, action, topic.as_str(), missing)
        });
        let (principal, topic) = (principal.clone(), topic.clone());
        Explanation { principal, action, topic, at, verdict }
    }

    /// Everything a principal may do, as it was at a time.
    #[must_use]
    pub fn what(&self, principal: &PrincipalName, at: Timestamp) -> What {
        let view = View::at(at);
        let mut what = What {
            principal: principal.clone(),
            at,
            attested: false,
            barred: None,
            roles: Vec::new(),
            grants: Vec::new(),
            denies: Vec::new(),
        };
        let record = match self.named(view, principal) {
            Ok(record) => record,
            Err(missing) => {
                what.barred = Some(missing);
                return what;
            }
        };
        what.attested = record.attested;
        for owner in self.organisations.values().filter(|known| known.is_pinned) {
            if self.blocked_by_owner(view, owner, record).is_ok() {
                self.held_of(view, owner, record, &mut what);
            }
        }
        what
    }

    /// The key behind a name that may act; where none may, why the newest may not.
    fn named(&self, view: View<'_>, name: &PrincipalName) -> Result<&PrincipalRecord, Missing> {
        let unknown = Missing::UnknownName;
        let Some(organisation) = self.trusted(name.organisation()) else { return Err(unknown) };
        let ids = organisation.names.get(name.name()).into_iter().flatten().rev();
        let mut first = None;
        for id in ids {
            match self.standing_in(view, id) {
                Ok(record) => return Ok(record),
                Err(Missing::UnknownPrincipal) => {}
                Err(missing) => {
                    first.get_or_insert(missing);
                }
            }
        }
        Err(first.unwrap_or(unknown))
    }

    fn chain(
        &self,
        principal: &PrincipalName,
        action: Action,
        topic: &Topic,
        view: View<'_>,
    ) -> Result<Vec<Step>, Missing> {
        let record = self.named(view, principal)?;
        let owner = self.owner(Object::Topic(topic))?;
        let given = self.allowed(view, action, record, topic)?;
        let mut steps = Vec::new();
        let home = self.organisations.get(principal.organisation());
        if let Some(home) = home {
            self.push_steps(&mut steps, home, &record.statement);
        }
        let object = Object::Topic(topic);
        for bridge in self.crossed(view, action, object, principal.organisation())? {
            let by = self.organisations.get(&bridge.contract.ours.organisation);
            if let Some(by) = by {
                push_step(&mut steps, by, &bridge.contract.id, self);
            }
        }
        self.push_given(&mut steps, owner, given.fact, given.role);
        Ok(steps)
    }

    /// A principal's statement, after the issuer's and the root's.
    fn push_steps(&self, steps: &mut Vec<Step>, organisation: &Organisation, id: &Hash) {
        push_step(steps, organisation, &organisation.root.statement, self);
        let signatures = organisation.statement(id).map(|logged| logged.statement.signatures());
        for signed in signatures.into_iter().flatten() {
            let issuer = organisation.issuers.get(&signed.signer).and_then(|all| all.last());
            if let Some(issuer) = issuer {
                push_step(steps, organisation, &issuer.statement, self);
            }
        }
        push_step(steps, organisation, id, self);
    }

    /// A grant, after those it was handed on from, and the role by which it speaks of somebody.
    fn push_given(
        &self,
        steps: &mut Vec<Step>,
        owner: &Organisation,
        fact: &GrantFact,
        role: Option<Membership<'_>>,
    ) {
        if let Some(role) = role {
            self.push_steps(steps, owner, &role.fact.id);
        }
        match &fact.basis {
            Basis::Issuer(issuer) => {
                push_step(steps, owner, &owner.root.statement, self);
                if let Some(issuer) = owner.issuers.get(issuer).and_then(|all| all.last()) {
                    push_step(steps, owner, &issuer.statement, self);
                }
            }
            Basis::Delegated { grantor, parent, .. } => {
                let held = match &parent.grant.grantee {
                    Grantee::Role(role) => {
                        let record = self.record(View::live(Timestamp::MAX), grantor);
                        let then = View::at(fact.received);
                        record.and_then(|(_home, record)| {
                            owner.membership(then, role, Holder::Principal(&record.name))
                        })
                    }
                    Grantee::Principal(_) | Grantee::Organisation(_) => None,
                };
                self.push_given(steps, owner, parent, held);
            }
        }
        push_step(steps, owner, &fact.id, self);
    }

    fn held_of(
        &self,
        view: View<'_>,
        owner: &Organisation,
        record: &PrincipalRecord,
        what: &mut What,
    ) {
        let name = &record.name;
        let holding = owner.holding(view, Holder::Principal(name));
        what.roles.extend(holding.roles.iter().map(HeldRole::of));
        let mut grants = owner.grants_of(&holding);
        grants.retain(|(fact, _role)| self.in_force(view, owner, fact).is_ok());
        grants.sort_by_key(|(fact, _role)| owner.index.get(&fact.id));
        for (fact, role) in grants {
            for (actions, crossings) in self.ways(view, owner, name, fact.grant.actions) {
                what.grants.push(HeldGrant::of(&Given { fact, role }, actions, crossings));
            }
        }
        let mut denies = owner.denies_of(&holding);
        denies.retain(|(fact, _role)| {
            view.knows(fact.received) && owner.revoked(view, &fact.id).is_none()
        });
        denies.sort_by_key(|(fact, _role)| owner.index.get(&fact.id));
        what.denies.extend(denies.into_iter().map(|(fact, role)| HeldDeny::of(fact, role)));
    }

    /// The actions of a grant by the peerings they cross; those that cannot cross are left out.
    fn ways(
        &self,
        view: View<'_>,
        owner: &Organisation,
        name: &PrincipalName,
        actions: Actions,
    ) -> Vec<(Actions, Vec<Crossing>)> {
        let mut ways: Vec<(Actions, Vec<Crossing>)> = Vec::new();
        for action in actions.iter() {
            let bridges = self.bridges(view, action, &owner.name, name.organisation());
            let Ok(alternatives) = bridges else { continue };
            for bridges in alternatives.iter().filter(|all| all.iter().all(Bridge::is_open)) {
                let crossings: Vec<Crossing> = bridges.iter().map(Bridge::bounds).collect();
                match ways.iter_mut().find(|(_actions, known)| *known == crossings) {
                    Some((known, _crossings)) => *known = known.union(action.into()),
                    None => ways.push((action.into(), crossings)),
                }
            }
        }
        ways
    }

    /// A signer in plain words.
    fn signer_name(&self, organisation: &Organisation, signer: &PrincipalId) -> String {
        if let Some(issuer) = organisation.issuers.get(signer).and_then(|all| all.last()) {
            return format!("the issuer {}", issuer.name);
        }
        if organisation.root.keys.contains_key(signer) {
            return format!("the root of {}", organisation.name);
        }
        if let Some(principal) = self.principal(signer) {
            return principal.name.to_string();
        }
        // The other party of a contract.
        let mut others = self.organisations.values().filter(|known| known.is_pinned);
        let issuer = others.find_map(|known| known.issuers.get(signer)?.last());
        match issuer {
            Some(issuer) => format!("the issuer {}", issuer.name),
            None => self.subject(signer).to_string(),
        }
    }
}

fn push_step(steps: &mut Vec<Step>, organisation: &Organisation, id: &Hash, policy: &Policy) {
    if steps.iter().any(|step| step.statement == *id) {
        return;
    }
    let Some(logged) = organisation.statement(id) else { return };
    let mut signers: Vec<String> = logged
        .statement
        .signatures()
        .iter()
        .map(|signed| policy.signer_name(organisation, &signed.signer))
        .collect();
    signers.dedup();
    steps.push(Step {
        organisation: organisation.name.clone(),
        statement: *id,
        kind: logged.statement.kind(),
        received: logged.received,
        says: format!(
            "{}, signed by {}",
            words::of(logged.statement.body()),
            signers.join(" and ")
        ),
    });
}

impl WhoEntry {
    fn of(record: &PrincipalRecord, given: &Given<'_>) -> Self {
        let Given { fact, role } = given;
        Self {
            principal: record.name.clone(),
            id: record.id,
            attested: record.attested,
            grantee: fact.grant.grantee.clone(),
            grant: fact.id,
            role: role.map(|role| role.fact.id),
            purpose: fact.grant.purpose.clone(),
            from: given.from(),
            until: given.until(),
        }
    }
}

impl HeldRole {
    fn of(held: &Membership<'_>) -> Self {
        Self {
            role: held.fact.role.clone(),
            statement: held.fact.id,
            member: held.fact.member.clone(),
            since: held.since,
            until: held.fact.until,
        }
    }
}

impl HeldDeny {
    fn of(fact: &DenyFact, role: Option<Membership<'_>>) -> Self {
        Self {
            statement: fact.id,
            organisation: fact.deny.organisation.clone(),
            grantee: fact.deny.grantee.clone(),
            role: role.map(|role| role.fact.id),
            actions: Action::ALL.into_iter().filter(|action| fact.blocks(*action)).collect(),
            filter: fact.deny.filter.clone(),
            reason: fact.deny.reason.clone(),
        }
    }
}

impl HeldGrant {
    fn of(given: &Given<'_>, actions: Actions, crossings: Vec<Crossing>) -> Self {
        let grant = &given.fact.grant;
        Self {
            statement: given.fact.id,
            organisation: grant.organisation.clone(),
            grantee: grant.grantee.clone(),
            role: given.role.map(|role| role.fact.id),
            actions,
            filter: grant.filter.clone(),
            purpose: grant.purpose.clone(),
            from: given.from(),
            until: given.until(),
            history_from: grant.history_from,
            rate_per_s: grant.rate_per_s,
            crossings,
        }
    }
}

impl Crossing {
    /// Whether the peering lets something on a topic pass.
    #[must_use]
    pub fn passes(&self, topic: &Topic) -> bool {
        let matches = |filters: &[Filter]| filters.iter().any(|filter| filter.matches(topic));
        matches(&self.exports) && matches(&self.imports)
    }
}

impl What {
    /// Whether all this together allows an action on a topic.
    #[must_use]
    pub fn allows(&self, action: Action, topic: &Topic) -> bool {
        let denied = self
            .denies
            .iter()
            .any(|deny| deny.actions.contains(action) && deny.filter.matches(topic));
        let granted = self.grants.iter().any(|grant| {
            grant.actions.contains(action)
                && grant.filter.matches(topic)
                && grant.crossings.iter().all(|crossing| crossing.passes(topic))
        });
        self.barred.is_none() && granted && !denied
    }
}

impl Explanation {
    /// Whether it is allowed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.verdict.is_ok()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = match &self.verdict {
            Ok(steps) => steps,
            Err(denial) => {
                write!(f, "no: {denial} (as of {})", self.at)?;
                if let Missing::Stale { organisation, .. } = denial.missing() {
                    let minutes = FRESHNESS_MAX.as_secs() / 60;
                    write!(
                        f,
                        "\n  The right is there and is not relied on: for more than {minutes} minutes \
                         nothing was heard of {organisation}. It holds again when its node is heard; \
                         `sekisho peer list` tells whether the link is up."
                    )?;
                }
                return Ok(());
            }
        };
        let Self { principal, action, topic, at, .. } = self;
        write!(f, "yes: {principal} may {action} on {topic} (as of {at}), because")?;
        for (place, step) in steps.iter().enumerate() {
            write!(f, "\n  {}. {} [{}]", place + 1, step.says, step.statement.short())?;
        }
        Ok(())
    }
}
