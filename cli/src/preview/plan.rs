//! Which facts there are to tell about a statement, and in which order.

use std::collections::BTreeSet;

use sekisho_proto::statement::{Deny, Grant, Revoke, RevokeTarget, Role, StreamDescriptor};
use sekisho_proto::{Action, Actions, Grantee, StatementBody, Timestamp};

use super::contract::terms;
use super::effect::{Changed, Effect};
use super::phrase::{Back, Background, Change, Deed, PassOn, Phrase, Who};

/// What the statement says.
pub(crate) fn phrases(body: &StatementBody, background: &Background) -> Vec<Phrase> {
    match body {
        StatementBody::Grant(grant) => of_grant(grant, background),
        StatementBody::Deny(deny) => of_deny(deny, background),
        StatementBody::Role(role) => vec![of_role(role, background)],
        StatementBody::Revoke(revoke) => of_revoke(revoke, background),
        StatementBody::StreamDescriptor(stream) => of_stream(stream),
        StatementBody::Peering(contract) => {
            terms(contract, background.now).into_iter().map(Phrase::Term).collect()
        }
        StatementBody::Principal(principal) if principal.attested => {
            vec![Phrase::Attested { name: principal.name.clone(), kind: principal.kind }]
        }
        StatementBody::OrgRoot(_)
        | StatementBody::Issuer(_)
        | StatementBody::Principal(_)
        | StatementBody::EpochAnnounce(_)
        | StatementBody::KeyGrant(_)
        | StatementBody::Erasure(_) => vec![Phrase::Plain(body.kind().name().to_owned())],
    }
}

fn of_grant(grant: &Grant, background: &Background) -> Vec<Phrase> {
    let deeds = deeds(grant.actions);
    let from = (grant.from > background.now).then_some(grant.from);
    let mut phrases = vec![Phrase::May {
        who: Who::of(&grant.grantee, background.kind),
        deeds: deeds.clone(),
        filter: grant.filter.clone(),
        from,
        until: grant.until,
        purpose: grant.purpose.clone(),
    }];
    phrases.extend(grant.rate_per_s.map(Phrase::Rate));
    let back = match (grant.actions.contains(Action::History), grant.history_from) {
        (false, _) => Back::Not,
        (true, None) => Back::All,
        (true, Some(since)) => Back::Since(since),
    };
    let reads = deeds.iter().any(|deed| matches!(deed, Deed::Read | Deed::Receive));
    if reads || back != Back::Not {
        phrases.push(Phrase::LooksBack(back));
    }
    phrases.push(Phrase::PassesOn(match (grant.actions.contains(Action::Grant), grant.onward) {
        (false, false) => PassOn::No,
        (false, true) => PassOn::Onward,
        (true, false) => PassOn::Grant,
        (true, true) => PassOn::Both,
    }));
    phrases
}

fn of_deny(deny: &Deny, background: &Background) -> Vec<Phrase> {
    let who = Who::of(&deny.grantee, background.kind);
    let filter = deny.filter.clone();
    let mut phrases = vec![Phrase::MayNot { who, deeds: denied(deny.actions), filter }];
    phrases.extend(deny.actions.contains(Action::Decrypt).then_some(Phrase::WholeTree));
    phrases.extend(reason(&deny.reason));
    phrases
}

fn of_role(role: &Role, background: &Background) -> Phrase {
    Phrase::HasRole {
        who: Who::of(&role.member, background.kind),
        role: role.role.clone(),
        from: (role.issued > background.now).then_some(role.issued),
        until: role.until,
    }
}

fn of_revoke(revoke: &Revoke, background: &Background) -> Vec<Phrase> {
    let mut phrases = match &revoke.target {
        RevokeTarget::Statement(id) => vec![Phrase::EndsStatement(*id)],
        RevokeTarget::Principal(id) => {
            vec![Phrase::EndsKey { id: *id, holder: background.holder.clone() }]
        }
    };
    if let Some(revoked) = &background.revoked {
        // As it was said when it was made: then, its beginning was still to come.
        let then =
            Background { now: Timestamp::MIN, kind: background.kind, ..Background::default() };
        let said = self::phrases(revoked, &then).into_iter().next();
        phrases.extend(said.map(|said| Phrase::Said(Box::new(said))));
    }
    phrases.extend(reason(&revoke.reason));
    phrases
}

fn of_stream(stream: &StreamDescriptor) -> Vec<Phrase> {
    let mut phrases = vec![Phrase::Stream { topic: stream.topic.clone(), class: stream.class }];
    let StreamDescriptor { device_type, title, mobile, .. } = stream;
    if !device_type.is_empty() || !title.is_empty() || *mobile {
        let (device_type, title) = (device_type.clone(), title.clone());
        phrases.push(Phrase::Device { device_type, title, mobile: *mobile });
    }
    if !stream.transducers.is_empty() {
        let each = stream.transducers.iter();
        let each = each.map(|one| (one.name.as_str().to_owned(), one.unit.as_str().to_owned()));
        phrases.push(Phrase::Carries(each.collect()));
    }
    phrases.extend(stream.retention_s.map(Phrase::Kept));
    phrases
}

fn reason(reason: &str) -> Option<Phrase> {
    (!reason.is_empty()).then(|| Phrase::Reason(reason.to_owned()))
}

/// What a set of actions amounts to. Who may subscribe may discover; that is not told apart.
pub(crate) fn deeds(actions: Actions) -> Vec<Deed> {
    let has = |action| actions.contains(action);
    let (subscribe, history) = (has(Action::Subscribe), has(Action::History));
    let opens = has(Action::Decrypt);
    let mut deeds = Vec::new();
    let mut add = |is: bool, deed| {
        if is {
            deeds.push(deed);
        }
    };
    add(has(Action::Publish), Deed::Publish);
    add(subscribe && opens, Deed::Read);
    add(subscribe && !opens, Deed::Receive);
    add(!subscribe && history && opens, Deed::LookBack);
    add(!subscribe && history && !opens, Deed::LookBackSealed);
    add(!subscribe && !history && opens, Deed::Open);
    add(has(Action::Discover) && !subscribe, Deed::Discover);
    add(has(Action::Grant), Deed::Grant);
    add(has(Action::Bridge), Deed::Bridge);
    add(has(Action::Administer), Deed::Administer);
    deeds
}

/// What is forbidden: each action by itself, for a deny of one part takes the whole deed away.
fn denied(actions: Actions) -> Vec<Deed> {
    let deed = |action: Action| match action {
        Action::Publish => Deed::Publish,
        // Nobody reads who may not receive; and history goes with it.
        Action::Subscribe => Deed::Read,
        Action::History => Deed::LookBack,
        Action::Decrypt => Deed::Open,
        Action::Discover => Deed::Discover,
        Action::Grant => Deed::Grant,
        Action::Bridge => Deed::Bridge,
        Action::Administer => Deed::Administer,
    };
    let reads = actions.contains(Action::Subscribe);
    let within = |action: &Action| matches!(action, Action::History | Action::Decrypt);
    actions.iter().filter(|action| !(reads && within(action))).map(deed).collect()
}

/// What changes on the topics of today.
pub(crate) fn effects(
    body: &StatementBody,
    background: &Background,
    effect: &Effect,
) -> Vec<Phrase> {
    if effect.is_empty() {
        return vec![Phrase::ChangesNothing];
    }
    let ended = background.revoked.as_deref();
    let named = named(ended.unwrap_or(body));
    let named = named.or_else(|| background.holder.as_ref().map(ToString::to_string));
    let opened = changes(&effect.opened, named.as_deref()).into_iter().map(Phrase::Opens);
    let closed = changes(&effect.closed, named.as_deref()).into_iter().map(Phrase::Closes);
    opened.chain(closed).collect()
}

/// The one principal that a statement names, if it does.
fn named(body: &StatementBody) -> Option<String> {
    let grantee = match body {
        StatementBody::Grant(grant) => &grant.grantee,
        StatementBody::Deny(deny) => &deny.grantee,
        StatementBody::Role(role) => &role.member,
        StatementBody::OrgRoot(_)
        | StatementBody::Issuer(_)
        | StatementBody::Principal(_)
        | StatementBody::Revoke(_)
        | StatementBody::StreamDescriptor(_)
        | StatementBody::EpochAnnounce(_)
        | StatementBody::KeyGrant(_)
        | StatementBody::Peering(_)
        | StatementBody::Erasure(_) => return None,
    };
    match grantee {
        Grantee::Principal(name) => Some(name.to_string()),
        Grantee::Organisation(_) | Grantee::Role(_) => None,
    }
}

/// The deeds by which changes are told, and the actions of each: a change counts under the first.
const TOLD: [(Deed, &[Action]); 6] = [
    (Deed::Read, &[Action::Subscribe, Action::Decrypt]),
    (Deed::LookBack, &[Action::History]),
    (Deed::Publish, &[Action::Publish]),
    (Deed::Bridge, &[Action::Bridge]),
    (Deed::Grant, &[Action::Grant]),
    (Deed::Administer, &[Action::Administer]),
];

fn changes(changed: &[Changed], named: Option<&str>) -> Vec<Change> {
    let mut told = Vec::new();
    for (deed, actions) in TOLD {
        // Whoever may read anew may as well look back: that is said in a sentence of its own.
        let among = changed.iter().filter(|change| change.has_any(actions));
        let among: Vec<&Changed> =
            among.filter(|change| deed != Deed::LookBack || !change.has_any(TOLD[0].1)).collect();
        told.extend(change(deed, &among, named));
    }
    if told.is_empty() {
        let discover: Vec<&Changed> = changed.iter().collect();
        told.extend(change(Deed::Discover, &discover, named));
    }
    told
}

fn change(deed: Deed, among: &[&Changed], named: Option<&str>) -> Option<Change> {
    let topics: BTreeSet<&str> = among.iter().map(|change| change.topic.as_str()).collect();
    if topics.is_empty() {
        return None;
    }
    let people: BTreeSet<&str> = among.iter().map(|change| change.principal.as_str()).collect();
    let is_named = people.len() == 1 && people.first().copied() == named;
    Some(Change {
        deed,
        topics: topics.into_iter().map(ToOwned::to_owned).collect(),
        people: (!is_named).then_some(people.len()),
    })
}
