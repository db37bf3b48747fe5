//! What a statement would change if somebody signed it: exact, on the topics that this node knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sekisho_policy::{Change, Policy, PrincipalRecord};
use sekisho_proto::frame::AnswerBody;
use sekisho_proto::statement::RevokeTarget;
use sekisho_proto::{
    AccessKind, AccessRecord, Action, Actions, Epoch, Filter, Grantee, OrgName, PrincipalName,
    RefusalCode, Statement, StatementBody, Timestamp, Topic,
};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::{ANSWER_BYTES_MAX, Session, document};
use crate::hub::{Refusal, internal};

/// Topics that one answer looks at. What a statement changes is asked of each, for each principal.
const TOPICS_MAX: usize = 1_000;
/// What the answer holds beside its changes: words of bounded length, and a statement.
const REST_BYTES_MAX: usize = 256 * 1024;

/// What one principal may do on one topic, before or after.
type Changes = BTreeMap<(PrincipalName, Topic), Actions>;

impl Session {
    /// What a statement of this organisation would open and close.
    pub(super) async fn diff(
        &self,
        policy: &Arc<Policy>,
        encoded: &[u8],
        now: Timestamp,
    ) -> Result<AnswerBody, Refusal> {
        let body = Statement::decode(encoded)?.body().clone();
        self.check_may_state(policy, &body, now)?;
        self.note_diff(policy, &body, now).await?;
        let (topics, topics_left_out) = self.topics_of(policy, &body);
        let sessions = match target(&body) {
            Some(RevokeTarget::Principal(id)) => self.hub.sessions_of(id),
            Some(RevokeTarget::Statement(_)) | None => 0,
        };
        let (policy, signer, own) =
            (Arc::clone(policy), self.who.id, self.hub.organisation().clone());
        let weighing = spawn_blocking(move || {
            let diff = policy.diff(&body, &signer, &topics, now);
            let (opened, closed) = (by_topic(&diff.opened), by_topic(&diff.closed));
            let mut answer = about(&policy, &own, &body);
            let mut room = ANSWER_BYTES_MAX.saturating_sub(REST_BYTES_MAX);
            let (opened, opened_out) = list(&opened, &mut room);
            let (closed_list, closed_out) = list(&closed, &mut room);
            let fields = json!({
                "refused": diff.refused.as_ref().map(ToString::to_string),
                "concerns": diff.concerns.iter().map(|concern| concern.name()).collect::<Value>(),
                "keys": keys(&own, &diff.rekeyed),
                "sessions": sessions,
                "opened": opened,
                "closed": closed_list,
                "left_out": opened_out + closed_out,
                "topics_left_out": topics_left_out,
            });
            if let (Value::Object(answer), Value::Object(fields)) = (&mut answer, fields) {
                answer.extend(fields);
            }
            document(&answer)
        });
        weighing.await.map_err(|fault| internal("diff", &fault))
    }

    /// What a statement would take from somebody is what they have: it is recorded like any other
    /// question about them.
    async fn note_diff(
        &self,
        policy: &Policy,
        body: &StatementBody,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let asking = self.who.accesses(AccessKind::Administration, now);
        let asking = AccessRecord { purpose: "asks: diff".to_owned(), ..asking };
        let about = concerned(policy, body).filter(|about| about.id != self.who.id);
        let asked = about.map(|about| AccessRecord {
            subject: about.name.clone(),
            id: about.id,
            purpose: "was asked about: diff".to_owned(),
            ..asking.clone()
        });
        let records = [Some(asking), asked].into_iter().flatten().collect();
        self.hub.access().note_together(records).await
    }

    /// Whoever may state something may know what it would do.
    fn check_may_state(
        &self,
        policy: &Policy,
        body: &StatementBody,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let own = self.hub.organisation();
        if body.organisations() != [own] {
            let why = format!("wanted a statement of {own}, found one of another organisation");
            return Err(Refusal::new(RefusalCode::NotPermitted, "diff", why));
        }
        if let StatementBody::Grant(grant) = body {
            let what = policy.what(&self.who.name, now);
            let mut held = what.grants.iter().filter(|held| held.actions.contains(Action::Grant));
            if what.barred.is_none() && held.any(|held| held.filter.contains(&grant.filter)) {
                return Ok(());
            }
        }
        self.check_administers(policy, own, now)
    }

    /// The topics that a statement may be about, and how many of them are not looked at.
    fn topics_of(&self, policy: &Policy, body: &StatementBody) -> (Vec<Topic>, usize) {
        let everything = || policy.organisations().map(Filter::everything).collect();
        let filters: Vec<Filter> = match body {
            StatementBody::Grant(grant) => vec![grant.filter.clone()],
            StatementBody::Deny(deny) => vec![deny.filter.clone()],
            StatementBody::Role(role) => vec![Filter::everything(role.role.organisation())],
            StatementBody::StreamDescriptor(stream) => vec![Filter::from(&stream.topic)],
            // A principal has rights on the topics of others, too.
            StatementBody::Revoke(_) | StatementBody::Principal(_) | StatementBody::Peering(_) => {
                everything()
            }
            StatementBody::OrgRoot(_)
            | StatementBody::Issuer(_)
            | StatementBody::EpochAnnounce(_)
            | StatementBody::KeyGrant(_)
            | StatementBody::Erasure(_) => Vec::new(),
        };
        let mut topics: Vec<Topic> = filters
            .iter()
            .flat_map(|filter| self.hub.topics(filter))
            .map(|state| state.topic)
            .collect();
        let left_out = topics.len().saturating_sub(TOPICS_MAX);
        topics.truncate(TOPICS_MAX);
        (topics, left_out)
    }
}

/// Whom and what a statement is about, as far as that is known here.
fn about(policy: &Policy, own: &OrgName, body: &StatementBody) -> Value {
    let (mut ended, mut holder) = (None, None);
    match target(body) {
        Some(RevokeTarget::Statement(id)) => {
            let place = policy.place_of(own, id).and_then(|at| usize::try_from(at.value()).ok());
            ended = place.and_then(|place| policy.log(own).get(place));
        }
        Some(RevokeTarget::Principal(id)) => {
            holder = policy.principal(id).map(|record| record.name.to_string());
        }
        None => {}
    }
    let about = ended.map_or(body, |logged| logged.statement.body());
    let name = grantee(about).and_then(|grantee| match grantee {
        Grantee::Principal(name) => Some(name),
        Grantee::Organisation(_) | Grantee::Role(_) => None,
    });
    let record = name.and_then(|name| policy.principal_by_name(name));
    let unknown = if record.is_none() { name } else { None };
    let ends = ended.map(|logged| data_encoding::HEXLOWER.encode(&logged.statement.encode()));
    json!({
        "statement": body.kind().name(),
        "grantee_kind": record.map(|record| record.kind.to_string()),
        "unknown": unknown.map(ToString::to_string),
        "ends": ends,
        "holder": holder,
    })
}

/// The one principal that a statement is about, where there is one.
fn concerned<'a>(policy: &'a Policy, body: &StatementBody) -> Option<&'a PrincipalRecord> {
    if let Some(RevokeTarget::Principal(id)) = target(body) {
        return policy.principal(id);
    }
    let Some(Grantee::Principal(name)) = grantee(body) else { return None };
    policy.principal_by_name(name)
}

fn target(body: &StatementBody) -> Option<&RevokeTarget> {
    if let StatementBody::Revoke(revoke) = body { Some(&revoke.target) } else { None }
}

fn grantee(body: &StatementBody) -> Option<&Grantee> {
    match body {
        StatementBody::Grant(grant) => Some(&grant.grantee),
        StatementBody::Deny(deny) => Some(&deny.grantee),
        StatementBody::Role(role) => Some(&role.member),
        StatementBody::OrgRoot(_)
        | StatementBody::Issuer(_)
        | StatementBody::Principal(_)
        | StatementBody::Revoke(_)
        | StatementBody::StreamDescriptor(_)
        | StatementBody::EpochAnnounce(_)
        | StatementBody::KeyGrant(_)
        | StatementBody::Peering(_)
        | StatementBody::Erasure(_) => None,
    }
}

fn by_topic(changes: &[Change]) -> Changes {
    let mut all = Changes::new();
    for change in changes {
        let actions = all.entry((change.principal.clone(), change.topic.clone())).or_default();
        *actions = actions.union(change.action.into());
    }
    all
}

/// As many changes as there is room for, and how many there are beside them.
fn list(changes: &Changes, room: &mut usize) -> (Vec<Value>, usize) {
    let mut list = Vec::new();
    for ((principal, topic), actions) in changes {
        let entry = json!({
            "principal": principal.to_string(),
            "actions": actions.to_string(),
            "topic": topic.as_str(),
        });
        let Some(left) = room.checked_sub(entry.to_string().len() + 1) else { break };
        *room = left;
        list.push(entry);
    }
    let left_out = changes.len() - list.len();
    (list, left_out)
}

/// The trees of this organisation that will be sealed to new keys.
fn keys(own: &OrgName, rekeyed: &BTreeSet<(Filter, Epoch)>) -> Value {
    let ours = rekeyed.iter().filter(|(tree, _epoch)| tree.organisation() == own);
    ours.map(|(tree, epoch)| json!({ "tree": tree.as_str(), "epoch": epoch.value() })).collect()
}

#[cfg(test)]
mod tests {
    use sekisho_proto::PrincipalId;

    use super::*;

    fn change(principal: &str, action: Action, topic: &str) -> Change {
        Change {
            principal: principal.parse().unwrap(),
            id: PrincipalId::new([1; 32]),
            action,
            topic: topic.parse().unwrap(),
        }
    }

    #[test]
    fn actions_of_one_principal_on_one_topic_are_told_together() {
        let all = by_topic(&[
            change("a@fujisawa", Action::Subscribe, "fujisawa/tide"),
            change("b@fujisawa", Action::Subscribe, "fujisawa/tide"),
            change("a@fujisawa", Action::Decrypt, "fujisawa/tide"),
        ]);
        let (list, left_out) = list(&all, &mut 1_000);
        let actions: Vec<&Value> = list.iter().map(|entry| &entry["actions"]).collect();
        assert_eq!(actions, ["subscribe,decrypt", "subscribe"]);
        assert_eq!(left_out, 0);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let topics = (0..10).map(|number| format!("fujisawa/tide/{number}"));
        let changes: Vec<Change> =
            topics.map(|topic| change("a@fujisawa", Action::Publish, &topic)).collect();
        let all = by_topic(&changes);
        let (whole, _none) = list(&all, &mut 10_000);
        let one = whole[0].to_string().len() + 1;
        let mut room = 3 * one;
        let (opened, left_out) = list(&all, &mut room);
        assert_eq!((opened.len(), left_out), (3, 7));
        let (closed, left_out) = list(&all, &mut room);
        assert_eq!((closed.len(), left_out), (0, 10));
    }
}
