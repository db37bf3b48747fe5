//! What a statement would change before anybody signs it: exactly those decisions that would be
//! another, and what somebody should think of twice.

use std::{collections::BTreeSet, sync::Arc};

use sekisho_proto::{
    Action, Actions, Epoch, Filter, Grantee, Hash, PrincipalId, PrincipalName, PublicKey,
    Signature, Statement, StatementBody, StatementVerifier, Timestamp, Topic,
    statement::{Deny, EpochAnnounce, Grant, PeeringParty, Revoke, RevokeTarget, Role},
};

use crate::{
    Policy, StatementError,
    grant::{Basis, GrantFact},
    organisation::Organisation,
    view::View,
};

/// What a statement would change.
#[derive(Debug, Clone)]
pub struct Diff {
    /// As of when: now, or when the grant begins.
    pub at: Timestamp,
    /// What would be allowed that is not, by principal, action and topic.
    pub opened: Vec<Change>,
    /// What would not be allowed that is.
    pub closed: Vec<Change>,
    /// Trees, and their present epochs, of which somebody holds the key who may not any more: these
    /// will be sealed to new keys. Who keeps a right to some of a tree keeps its key.
    pub rekeyed: BTreeSet<(Filter, Epoch)>,
    /// What deserves a second look.
    pub concerns: BTreeSet<Concern>,
    /// Why it would not be applied whoever signed it; nothing would change then.
    pub refused: Option<StatementError>,
}

/// One decision that would be another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Who.
    pub principal: PrincipalName,
    /// By which of its keys.
    pub id: PrincipalId,
    /// What.
    pub action: Action,
    /// Where.
    pub topic: Topic,
}

/// Why something that is granted deserves a second look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Concern {
    /// It covers topics that do not exist yet.
    Wildcard,
    /// It may be passed on to other organisations.
    Onward,
    /// It reaches into the past.
    History,
    /// It is for somebody of another organisation.
    OtherOrganisation,
    /// It can be handed on, or lets somebody state things.
    GrantRight,
    /// It is for everybody of an organisation, also who comes later.
    Everybody,
    /// It holds until somebody revokes it.
    NoEnd,
    /// It has a peer vouch for the root of a third organisation.
    ThirdRoot,
}

impl Concern {
    /// The word for it in documents that programs read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wildcard => "wildcard",
            Self::Onward => "onward",
            Self::History => "history",
            Self::OtherOrganisation => "other-organisation",
            Self::GrantRight => "grant-right",
            Self::Everybody => "everybody",
            Self::NoEnd => "no-end",
            Self::ThirdRoot => "third-root",
        }
    }
}

/// Decisions that a statement may change.
struct Affected<'a> {
    who: Who<'a>,
    /// `None`: all topics.
    filter: Option<Filter>,
    actions: Actions,
}

#[derive(Clone, Copy)]
enum Who<'a> {
    Anybody,
    Meant(&'a Grantee),
    Key(PrincipalId),
}

impl<'a> Affected<'a> {
    fn by_grant(who: &'a Grantee, grant: &Grant) -> Self {
        let (filter, actions) = (Some(grant.filter.clone()), grant.actions);
        Self { who: Who::Meant(who), filter, actions }
    }

    fn by_deny(who: &'a Grantee, deny: &Deny) -> Self {
        // Who may not subscribe may not replay either.
        let subscribe = deny.actions.contains(Action::Subscribe);
        let also = if subscribe { Action::History.into() } else { Actions::NONE };
        let (filter, actions) = (Some(deny.filter.clone()), deny.actions.union(also));
        Self { who: Who::Meant(who), filter, actions }
    }
}

impl Policy {
    /// What a statement of a signer, who need not have signed it yet, would change: of the
    /// principals known and the topics given, every decision that would be another if it were
    /// applied at `now`. A grant is asked about as of when it begins. Where the signer may not state
    /// it, it is taken for an issuer's.
    #[must_use]
    pub fn diff(
        &self,
        body: &StatementBody,
        signer: &PrincipalId,
        topics: &[Topic],
        now: Timestamp,
    ) -> Diff {
        let begins = if let StatementBody::Grant(grant) = body { grant.from } else { now };
        let at = now.max(begins);
        let mut diff = Diff {
            at,
            opened: Vec::new(),
            closed: Vec::new(),
            rekeyed: BTreeSet::new(),
            concerns: BTreeSet::new(),
            refused: None,
        };
        let after = match self.after(body, signer, now) {
            Ok(after) => after,
            Err(error) => {
                diff.refused = Some(error);
                return diff;
            }
        };
        diff.concerns = after.concerns(body, View::live(at));
        for (id, action, topic) in after.questions(body, topics) {
            let may = |policy: &Self| policy.permit(action, id, topic, at).is_ok();
            let (before, then) = (may(self), may(&after));
            let Some(record) = after.principal(&id).filter(|_record| before != then) else {
                continue;
            };
            let (principal, topic) = (record.name.clone(), topic.clone());
            let change = Change { principal, id, action, topic };
            if then { &mut diff.opened } else { &mut diff.closed }.push(change);
        }
        diff.opened.sort();
        diff.closed.sort();
        diff.rekeyed = self.rekeyed(&after, &diff.closed, now);
        diff
    }

    fn rekeyed(
        &self,
        after: &Self,
        closed: &[Change],
        now: Timestamp,
    ) -> BTreeSet<(Filter, Epoch)> {
        let lost = closed.iter().filter(|change| change.action == Action::Decrypt);
        let rekeyed = lost.filter_map(|change| {
            let EpochAnnounce { tree, epoch, .. } = self.epoch_of(&change.topic, now)?;
            let holds = !self.key_grants(&change.id, tree, *epoch).is_empty();
            let is_shut_out = holds && !after.may_hold_key(&change.id, tree, now);
            is_shut_out.then(|| (tree.clone(), *epoch))
        });
        rekeyed.collect()
    }

    /// This policy with the statement applied.
    fn after(
        &self,
        body: &StatementBody,
        signer: &PrincipalId,
        now: Timestamp,
    ) -> Result<Self, StatementError> {
        let signed_by_all = |signers: &[PrincipalId]| {
            let sign = |statement: Statement, signer: &PrincipalId| {
                statement.with_signature(*signer, Signature::new([0; Signature::LENGTH]))
            };
            let statement = signers.iter().fold(Statement::unsigned(body.clone()), sign);
            let mut after = self.clone();
            after.apply(&statement, now, &NotSignedYet).map(|_applied| after)
        };
        if let StatementBody::Peering(contract) = body {
            // It takes both, whoever of them is asked first.
            let issuer_of = |party: &PeeringParty| {
                let mut issuers = self.issuers(&party.organisation);
                issuers.find(|issuer| issuer.revoked.is_none()).map(|issuer| issuer.id)
            };
            let both: Vec<PrincipalId> = contract.parties.iter().filter_map(issuer_of).collect();
            return signed_by_all(&both);
        }
        let signed_by = |signer: &PrincipalId| signed_by_all(&[*signer]);
        let by_signer = signed_by(signer);
        let issuers = body.organisations().into_iter().flat_map(|name| self.issuers(name));
        let mut by_issuer = issuers
            .filter(|issuer| issuer.revoked.is_none())
            .map(|issuer| signed_by(&issuer.id))
            .peekable();
        if by_signer.is_ok() || by_issuer.peek().is_none() {
            return by_signer;
        }
        by_issuer.reduce(Result::or).unwrap_or(by_signer)
    }

    /// Every question that may have another answer since the statement was applied.
    fn questions<'t>(
        &self,
        body: &StatementBody,
        topics: &'t [Topic],
    ) -> BTreeSet<(PrincipalId, Action, &'t Topic)> {
        let mut questions = BTreeSet::new();
        let mut add = |id: PrincipalId, filter: Option<&Filter>, actions: Actions| {
            for topic in topics.iter().filter(|topic| filter.is_none_or(|all| all.matches(topic))) {
                questions.extend(actions.iter().map(|action| (id, action, topic)));
            }
        };
        let organisation = body.organisations().first().copied();
        let Some(owner) = organisation.and_then(|name| self.trusted(name)) else {
            return questions;
        };
        for Affected { who, filter, actions } in affected(owner, body) {
            let keys = match who {
                Who::Anybody => {
                    let all = self.organisations.values().filter(|known| known.is_pinned);
                    all.flat_map(|known| known.principals.keys()).copied().collect()
                }
                Who::Meant(grantee) => self.meant(owner, grantee),
                Who::Key(id) => vec![id],
            };
            for id in keys {
                add(id, filter.as_ref(), actions);
            }
        }
        questions
    }

    /// The keys of everybody that a right speaks of, and of who had its role once.
    fn meant(&self, owner: &Organisation, grantee: &Grantee) -> Vec<PrincipalId> {
        match grantee {
            Grantee::Principal(name) => {
                let home = self.trusted(name.organisation());
                home.and_then(|home| home.names.get(name.name())).cloned().unwrap_or_default()
            }
            Grantee::Organisation(name) => self
                .trusted(name)
                .map(|home| home.principals.keys().copied().collect())
                .unwrap_or_default(),
            Grantee::Role(role) => {
                let members = owner.roles.members(role);
                members.flat_map(|fact| self.meant(owner, &fact.member)).collect()
            }
        }
    }

    fn concerns(&self, body: &StatementBody, view: View<'_>) -> BTreeSet<Concern> {
        let mut concerns = BTreeSet::new();
        if let StatementBody::Grant(grant) = body
            && let Some(owner) = self.trusted(&grant.organisation)
        {
            note_right(grant, &mut concerns);
            note_grantee(owner, &grant.grantee, grant.until, &mut concerns);
            if let Grantee::Role(role) = &grant.grantee {
                let members = owner.roles.members(role);
                for member in members.filter(|fact| owner.has_role(view, fact)) {
                    note_grantee(owner, &member.member, grant.until, &mut concerns);
                }
            }
        }
        if let StatementBody::Role(role) = body
            && let Some(owner) = self.trusted(role.role.organisation())
        {
            note_grantee(owner, &role.member, role.until, &mut concerns);
            for fact in owner.grant_index.of_role(&role.role) {
                if self.in_force(view, owner, fact).is_ok() {
                    note_right(&fact.grant, &mut concerns);
                }
            }
        }
        if let StatementBody::Peering(contract) = body
            && let Some((ours, theirs)) = contract.sides(&self.own)
        {
            note_contract(ours, theirs, contract.until, &mut concerns);
        }
        concerns
    }
}

/// What is remarkable about a contract of this organisation.
fn note_contract(
    ours: &PeeringParty,
    theirs: &PeeringParty,
    until: Option<Timestamp>,
    concerns: &mut BTreeSet<Concern>,
) {
    let found = [
        (Concern::Onward, ours.onward && !ours.exports.is_empty()),
        (Concern::ThirdRoot, !theirs.passes_on.is_empty()),
        (Concern::NoEnd, until.is_none()),
    ];
    concerns
        .extend(found.into_iter().filter(|(_concern, is_so)| *is_so).map(|(concern, _)| concern));
}

/// What is remarkable about what is granted.
fn note_right(grant: &Grant, concerns: &mut BTreeSet<Concern>) {
    let stating = Actions::of(&[Action::Grant, Action::Administer]);
    let found = [
        (Concern::Wildcard, grant.filter.is_topic().is_none()),
        (Concern::Onward, grant.onward),
        (Concern::History, grant.actions.contains(Action::History)),
        (Concern::GrantRight, !grant.actions.intersection(stating).is_empty()),
    ];
    concerns
        .extend(found.into_iter().filter(|(_concern, is_so)| *is_so).map(|(concern, _)| concern));
}

/// What is remarkable about whom it is for, and how long.
fn note_grantee(
    owner: &Organisation,
    grantee: &Grantee,
    until: Option<Timestamp>,
    concerns: &mut BTreeSet<Concern>,
) {
    let found = [
        (Concern::OtherOrganisation, *grantee.organisation() != owner.name),
        (Concern::Everybody, matches!(grantee, Grantee::Organisation(_))),
        (Concern::NoEnd, until.is_none()),
    ];
    concerns
        .extend(found.into_iter().filter(|(_concern, is_so)| *is_so).map(|(concern, _)| concern));
}

/// Which decisions a statement of an organisation's log may change. With every right that ends or
/// comes back go those that were handed on from it.
fn affected<'a>(owner: &'a Organisation, body: &'a StatementBody) -> Vec<Affected<'a>> {
    match body {
        StatementBody::Grant(grant) => vec![Affected::by_grant(&grant.grantee, grant)],
        StatementBody::Deny(deny) => vec![Affected::by_deny(&deny.grantee, deny)],
        StatementBody::Role(role) => by_role(owner, role),
        StatementBody::Revoke(Revoke { target: RevokeTarget::Principal(id), .. }) => {
            by_key(owner, *id)
        }
        StatementBody::Revoke(Revoke { target: RevokeTarget::Statement(id), .. }) => {
            by_end_of(owner, id)
        }
        StatementBody::Principal(principal) => {
            by_key(owner, PrincipalId::of(&principal.public_key))
        }
        StatementBody::StreamDescriptor(stream) => {
            // An open topic is never too stale.
            let filter = Some((&stream.topic).into());
            vec![Affected { who: Who::Anybody, filter, actions: Actions::ALL }]
        }
        StatementBody::Peering(_) => {
            vec![Affected { who: Who::Anybody, filter: None, actions: Actions::ALL }]
        }
        StatementBody::OrgRoot(_)
        | StatementBody::Issuer(_)
        | StatementBody::EpochAnnounce(_)
        | StatementBody::KeyGrant(_)
        | StatementBody::Erasure(_) => Vec::new(),
    }
}

fn by_end_of<'a>(owner: &'a Organisation, id: &Hash) -> Vec<Affected<'a>> {
    let Some(logged) = owner.statement(id) else { return Vec::new() };
    let mut affected = affected(owner, logged.statement.body());
    affected.extend(handed_on(owner, |_grantor, parent| parent.id == *id));
    affected
}

fn by_key(owner: &Organisation, id: PrincipalId) -> Vec<Affected<'_>> {
    let mut affected = handed_on(owner, |grantor, _parent| *grantor == id);
    affected.push(Affected { who: Who::Key(id), filter: None, actions: Actions::ALL });
    affected
}

fn by_role<'a>(owner: &'a Organisation, role: &'a Role) -> Vec<Affected<'a>> {
    let is_given = |grantee: &Grantee| matches!(grantee, Grantee::Role(name) if *name == role.role);
    let mut affected = handed_on(owner, |_grantor, parent| is_given(&parent.grant.grantee));
    let grants = owner.grant_index.of_role(&role.role).into_iter();
    affected.extend(grants.map(|fact| Affected::by_grant(&role.member, &fact.grant)));
    let denies = owner.deny_index.of_role(&role.role).into_iter();
    affected.extend(denies.map(|fact| Affected::by_deny(&role.member, &fact.deny)));
    affected
}

/// The grants that were handed on, at whatever remove, where a step of it is of a kind.
fn handed_on(
    owner: &Organisation,
    is_meant: impl Fn(&PrincipalId, &GrantFact) -> bool,
) -> Vec<Affected<'_>> {
    let through = |fact: &&Arc<GrantFact>| {
        let mut basis = &fact.basis;
        while let Basis::Delegated { grantor, parent, .. } = basis {
            if is_meant(grantor, parent) {
                return true;
            }
            basis = &parent.basis;
        }
        false
    };
    let facts = owner.grants.values().filter(through);
    facts.map(|fact| Affected::by_grant(&fact.grant.grantee, &fact.grant)).collect()
}

/// Takes every signature for its signer's: a preview is of what is not signed yet.
struct NotSignedYet;

impl StatementVerifier for NotSignedYet {
    fn verify(&self, _key: &PublicKey, _message: &[u8], _signature: &Signature) -> bool {
        true
    }

    fn acceptable(&self, _key: &PublicKey) -> bool {
        true
    }
}
