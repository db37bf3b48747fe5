//! Decisions against a model that is too naive to be wrong: a list of what was stated, searched
//! from the beginning for every question.

use proptest::prelude::*;
use sekisho_policy::{Policy, Recipient};
use sekisho_proto::{
    Action, Actions, Grantee, Hash, PrincipalKind, PrincipalName, Scope, StatementBody, Timestamp,
    statement::{Deny, Grant, Revoke, RevokeTarget, Role},
};

use crate::world::{
    Key, Party, Verifier, World, at, deny, filter, grant, grantee, name, peering, revoke, role,
    signed, topic,
};

const OWN: [&str; 3] = ["anna@fujisawa", "boris@fujisawa", "boss@fujisawa"];
const FOREIGN: [&str; 2] = ["carla@santander", "dora@santander"];
const MEMBERS: [&str; 6] = [
    "anna@fujisawa",
    "boris@fujisawa",
    "*@fujisawa",
    "carla@santander",
    "dora@santander",
    "*@santander",
];
const ROLES: [&str; 2] = ["role/crew@fujisawa", "role/guests@fujisawa"];
const BOSSES: &str = "role/bosses@fujisawa";
pub(crate) const TOPICS: [&str; 7] = [
    "fujisawa/a",
    "fujisawa/b",
    "fujisawa/a/a",
    "fujisawa/a/b",
    "fujisawa/b/a",
    "fujisawa/b/b",
    "fujisawa/a/b/a",
];
const FILTERS: [&str; 12] = [
    "fujisawa/#",
    "fujisawa/+",
    "fujisawa/+/#",
    "fujisawa/+/+",
    "fujisawa/a",
    "fujisawa/a/#",
    "fujisawa/a/+",
    "fujisawa/a/b",
    "fujisawa/b/#",
    "fujisawa/+/a",
    "fujisawa/+/b/#",
    "fujisawa/b/a",
];
/// What the two organisations exchange.
const EXPORT: &str = "fujisawa/a/#";

/// When the last step of a world is taken, seconds.
const END: i64 = 140;

/// One thing that is stated, at second 100 and on.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Grant {
        body: Grant,
        by_boss: bool,
    },
    Deny(Deny),
    Role(Role),
    /// Revokes what an earlier step stated.
    Revoke(usize),
    RevokePrincipal(usize),
}

fn matches(filter: &str, topic: &str) -> bool {
    let filter: Vec<&str> = filter.split('/').collect();
    let topic: Vec<&str> = topic.split('/').collect();
    fn walk(filter: &[&str], topic: &[&str]) -> bool {
        match (filter, topic) {
            (["#"], _) | ([], []) => true,
            (["+", filter @ ..], [_, topic @ ..]) => walk(filter, topic),
            ([wanted, filter @ ..], [found, topic @ ..]) => wanted == found && walk(filter, topic),
            _ => false,
        }
    }
    walk(&filter, &topic)
}

fn covers(grantee: &Grantee, who: &PrincipalName) -> bool {
    let (who, grantee) = (who.to_string(), grantee.to_string());
    match grantee.strip_prefix('*') {
        Some(organisation) => who.ends_with(organisation),
        None => who == grantee,
    }
}

/// Everything that was taken, in order, with when.
#[derive(Debug, Default)]
struct Model {
    grants: Vec<(i64, Hash, Grant, bool)>,
    denies: Vec<(i64, Hash, Deny)>,
    roles: Vec<(i64, Hash, Role)>,
    revoked: Vec<(i64, Hash)>,
    gone: Vec<(i64, String)>,
    /// The one grant that the boss hands on from, and what makes it one of those it speaks of, if
    /// its name does not.
    boss: Option<Hash>,
    boss_role: Option<Hash>,
}

impl Model {
    fn is_revoked(&self, id: &Hash, now: i64) -> bool {
        self.revoked.iter().any(|(when, revoked)| *when <= now && revoked == id)
    }

    fn is_gone(&self, who: &str, now: i64) -> bool {
        self.gone.iter().any(|(when, gone)| *when <= now && gone == who)
    }

    fn has_role(&self, name: &str, who: &PrincipalName, second: i64) -> bool {
        self.roles.iter().any(|(when, id, role)| {
            *when <= second
                && !self.is_revoked(id, second)
                && role.until.is_none_or(|until| at(second) < until)
                && role.role.as_str() == name
                && covers(&role.member, who)
        })
    }

    /// Since which second a right speaks of somebody, second by second back from now.
    fn meant_since(&self, grantee: &Grantee, who: &PrincipalName, now: i64) -> Option<i64> {
        let Grantee::Role(role) = grantee else { return covers(grantee, who).then_some(i64::MIN) };
        let seconds = (0..=now).rev();
        seconds.take_while(|second| self.has_role(role.as_str(), who, *second)).last()
    }

    /// Grants in force, each with the time from which it is theirs.
    fn grants_of(&self, who: &PrincipalName, on: &str, now: i64) -> Vec<(&Grant, Timestamp)> {
        let boss_stands = !self.is_gone("boss@fujisawa", now)
            && [self.boss, self.boss_role]
                .into_iter()
                .flatten()
                .all(|id| !self.is_revoked(&id, now));
        self.grants
            .iter()
            .filter(|(when, id, grant, by_boss)| {
                *when <= now
                    && !self.is_revoked(id, now)
                    && (!by_boss || boss_stands)
                    && grant.from <= at(now)
                    && grant.until.is_none_or(|until| at(now) < until)
                    && matches(grant.filter.as_str(), on)
            })
            .filter_map(|(_when, _id, grant, _by_boss)| {
                let since = self.meant_since(&grant.grantee, who, now)?;
                Some((grant, grant.from.max(at(since.max(0)))))
            })
            .collect()
    }

    fn denied(&self, who: &PrincipalName, on: &str, actions: &[Action], now: i64) -> bool {
        self.denies.iter().any(|(when, id, deny)| {
            *when <= now
                && !self.is_revoked(id, now)
                && self.meant_since(&deny.grantee, who, now).is_some()
                && matches(deny.filter.as_str(), on)
                && actions.iter().any(|action| deny.actions.contains(*action))
        })
    }

    fn crosses(who: &PrincipalName, on: &str, action: Action) -> bool {
        let reading = matches!(
            action,
            Action::Subscribe | Action::History | Action::Decrypt | Action::Discover
        );
        who.organisation().as_str() == "fujisawa" || !reading || matches(EXPORT, on)
    }

    fn may(&self, who: &PrincipalName, action: Action, on: &str, now: i64) -> bool {
        let also = if action == Action::History { Action::Subscribe } else { action };
        let denied = self.denied(who, on, &[action, also], now);
        !self.is_gone(who.as_str(), now)
            && Self::crosses(who, on, action)
            && !denied
            && self
                .grants_of(who, on, now)
                .iter()
                .any(|(grant, _from)| grant.actions.contains(action))
    }

    fn delivers(&self, who: &PrincipalName, on: &str, received: i64, now: i64) -> bool {
        if self.is_gone(who.as_str(), now)
            || !Self::crosses(who, on, Action::Subscribe)
            || self.denied(who, on, &[Action::Subscribe], now)
        {
            return false;
        }
        let no_history = self.denied(who, on, &[Action::History], now);
        let received = at(received);
        self.grants_of(who, on, now).iter().any(|(grant, from)| {
            let live = grant.actions.contains(Action::Subscribe) && *from <= received;
            let old = grant.actions.contains(Action::History)
                && received < *from
                && grant.history_from.is_none_or(|oldest| oldest <= received);
            live || (old && !no_history)
        })
    }
}

/// Everything together: the policy and the model of it.
#[derive(Debug)]
pub(crate) struct Both {
    pub(crate) world: World,
    model: Model,
    pub(crate) keys: Vec<(PrincipalName, Key)>,
}

impl Both {
    fn new(boss: Grant) -> Self {
        let mut world = World::new();
        let other = Party::new("santander");
        world.now = at(50);
        let contract = peering(world.own.side(&[EXPORT], &[]), other.side(&[], &["fujisawa/#"]));
        world.peer(&other, contract);
        let mut keys = Vec::new();
        for who in OWN.into_iter().chain(FOREIGN) {
            let who = name(who);
            let party = if who.organisation() == &other.name { &other } else { &world.own };
            let statement = party.principal(who.name(), PrincipalKind::App);
            world.apply(&statement);
            keys.push((who.clone(), Key::of(who.as_str())));
        }
        let mut model = Model::default();
        if boss.grantee == grantee(BOSSES) {
            let body = role(BOSSES, "boss@fujisawa");
            let id = world.state(body.clone());
            model.roles.push((50, id, body));
            model.boss_role = Some(id);
        }
        let id = world.state(boss.clone());
        model.grants.push((50, id, boss, false));
        model.boss = Some(id);
        Self { world, model, keys }
    }

    fn key(&self, who: &str) -> Key {
        self.keys.iter().find(|(name, _key)| name.as_str() == who).unwrap().1.clone()
    }

    /// What a step says, and whose key says so.
    pub(crate) fn said(&self, step: &Step, now: i64, stated: &[Hash]) -> (StatementBody, Key) {
        let own = &self.world.own;
        let again = |target| Revoke { reason: now.to_string(), ..revoke(&own.name, target) };
        let body = match step {
            Step::Grant { body, by_boss: true } => {
                return (body.clone().into(), self.key("boss@fujisawa"));
            }
            Step::Grant { body, by_boss: false } => body.clone().into(),
            Step::Deny(body) => body.clone().into(),
            Step::Role(body) => body.clone().into(),
            Step::Revoke(place) => {
                let first = self.model.boss.into_iter().chain(self.model.boss_role);
                let targets: Vec<Hash> = first.chain(stated.iter().copied()).collect();
                again(RevokeTarget::Statement(targets[place % targets.len()])).into()
            }
            Step::RevokePrincipal(place) => {
                let key = &self.keys[place % self.keys.len()].1;
                again(RevokeTarget::Principal(key.id())).into()
            }
        };
        (body, own.issuer.clone())
    }

    fn take(&mut self, step: &Step, now: i64, stated: &mut Vec<Hash>) {
        self.world.now = at(now);
        let (body, key) = self.said(step, now, stated);
        let statement = signed(body, &[&key]);
        let id = statement.id();
        let by_boss = matches!(step, Step::Grant { by_boss: true, .. });
        match self.world.try_apply(&statement) {
            Ok(applied) if applied.is_new => {}
            Ok(_) => return,
            Err(error) => return assert!(by_boss, "an issuer's statement was refused: {error}"),
        }
        let model = &mut self.model;
        match step {
            Step::Grant { body, .. } => model.grants.push((now, id, body.clone(), by_boss)),
            Step::Deny(body) => model.denies.push((now, id, body.clone())),
            Step::Role(body) => model.roles.push((now, id, body.clone())),
            Step::Revoke(_) | Step::RevokePrincipal(_) => {
                let StatementBody::Revoke(body) = statement.body() else { return };
                match body.target {
                    RevokeTarget::Statement(target) => model.revoked.push((now, target)),
                    RevokeTarget::Principal(gone) => {
                        let who = self.keys.iter().find(|(_name, key)| key.id() == gone).unwrap();
                        model.gone.push((now, who.0.to_string()));
                    }
                }
                return;
            }
        }
        stated.push(id);
    }

    /// Decisions made now, one by one.
    fn compare_decisions(&self, now: i64) {
        let policy = &self.world.policy;
        for (who, key) in &self.keys {
            for on in TOPICS {
                for action in Action::ALL {
                    let wanted = self.model.may(who, action, on, now);
                    let found = policy.permit(action, key.id(), &topic(on), at(now));
                    assert_eq!(found.is_ok(), wanted, "{who} {action} {on} at {now}: {found:?}");
                }
                let wanted = self.model.may(who, Action::Publish, on, now);
                let found = policy.permit_publish(key.id(), &topic(on), at(now));
                assert_eq!(found.is_ok(), wanted, "{who} publish {on} at {now}: {found:?}");
                let recipient = Recipient::Principal(key.id());
                for received in (0..=now).step_by(20) {
                    let wanted = self.model.delivers(who, on, received, now);
                    let found = policy.permit_delivery(
                        &recipient,
                        &topic(on),
                        Scope::Federation,
                        at(received),
                        at(now),
                    );
                    assert_eq!(found.is_ok(), wanted, "{who} {on} {received} {now}: {found:?}");
                }
            }
        }
    }

    /// A node may have what any of those behind it may, and every delivery was to be expected.
    fn compare_nodes_and_subscriptions(&self, now: i64) {
        let policy = &self.world.policy;
        let node = Recipient::Peer("santander".parse().unwrap());
        for on in TOPICS {
            for received in (0..=now).step_by(20) {
                let wanted =
                    FOREIGN.iter().any(|who| self.model.delivers(&name(who), on, received, now));
                let delivery = |recipient: &Recipient| {
                    let (received, now) = (at(received), at(now));
                    policy.permit_delivery(recipient, &topic(on), Scope::Federation, received, now)
                };
                let found = delivery(&node);
                // Somebody who is not known here yet may be behind it, so everybody's right is
                // right enough.
                assert!(found.is_ok() || !wanted, "{on} {received} at {now}: {found:?}");
                let recipients = self.keys.iter().map(|(_who, key)| Recipient::Principal(key.id()));
                for recipient in recipients.chain([node.clone()]) {
                    if delivery(&recipient).is_err() {
                        continue;
                    }
                    for wide in FILTERS.iter().filter(|filter| matches(filter, on)) {
                        policy.may_subscribe(&recipient, &filter(wide), at(now)).unwrap();
                    }
                }
            }
        }
    }

    /// Who, why and what at a time that may have passed.
    fn compare_explanations(&self, now: i64) {
        let policy = &self.world.policy;
        for on in TOPICS {
            for action in Action::ALL {
                let listed = policy.who(&topic(on), action, at(now));
                for (who, _key) in &self.keys {
                    let wanted = self.model.may(who, action, on, now);
                    let is_listed = listed.iter().any(|entry| entry.principal == *who);
                    assert_eq!(is_listed, wanted, "who: {who} {action} {on} at {now}");
                    let why = policy.why(who, action, &topic(on), at(now));
                    assert_eq!(why.is_allowed(), wanted, "{why}");
                    let what = policy.what(who, at(now));
                    assert_eq!(what.allows(action, &topic(on)), wanted, "{what:?}: {action} {on}");
                }
            }
        }
    }

    /// A policy that only ever heard what was received by then decides as this one remembers.
    fn compare_replay(&self, now: i64) {
        let mut policy = Policy::new(self.world.own.name.clone(), self.world.own.fingerprint());
        let logs: Vec<_> = self
            .world
            .policy
            .organisations()
            .map(|organisation| {
                let logged = self.world.policy.log(organisation).iter();
                let heard = logged.filter(|logged| logged.received <= at(now));
                let statements = heard.map(|logged| ((*logged.statement).clone(), logged.received));
                (organisation.clone(), statements.collect())
            })
            .collect();
        let unapplied = policy.restore(logs, &Verifier::default());
        assert!(unapplied.is_empty(), "{unapplied:?}");
        for (who, key) in &self.keys {
            for on in TOPICS {
                for action in Action::ALL {
                    let then = policy.permit(action, key.id(), &topic(on), at(now)).is_ok();
                    let why = self.world.policy.why(who, action, &topic(on), at(now));
                    assert_eq!(why.is_allowed(), then, "{why}");
                }
            }
        }
    }
}

fn some_actions() -> impl Strategy<Value = Actions> {
    (1_u32..32).prop_map(|bits| Actions::try_from(bits).unwrap())
}

fn some_time() -> impl Strategy<Value = Timestamp> {
    (0_i64..160).prop_map(at)
}

fn some_grantee() -> impl Strategy<Value = &'static str> {
    proptest::sample::select([MEMBERS.as_slice(), ROLES.as_slice()].concat())
}

fn some_role() -> impl Strategy<Value = Role> {
    let name = proptest::sample::select(ROLES.to_vec());
    let member = proptest::sample::select(MEMBERS.to_vec());
    let until = proptest::option::of((100_i64..160).prop_map(at));
    (name, member, until).prop_map(|(name, member, until)| Role { until, ..role(name, member) })
}

fn some_grant() -> impl Strategy<Value = Grant> {
    let who = some_grantee();
    let on = proptest::sample::select(FILTERS.to_vec());
    let times = (some_time(), proptest::option::of(1_i64..100), proptest::option::of(some_time()));
    (who, on, some_actions(), times).prop_map(|(who, on, actions, (from, length, history_from))| {
        let until = length.and_then(|length| {
            from.checked_add(std::time::Duration::from_secs(length.unsigned_abs()))
        });
        Grant { actions, from, until, history_from, ..grant(who, "publish", on) }
    })
}

fn some_deny() -> impl Strategy<Value = Deny> {
    let who = some_grantee();
    let on = proptest::sample::select(FILTERS.to_vec());
    (who, on, some_actions())
        .prop_map(|(who, on, actions)| Deny { actions, ..deny(who, "publish", on) })
}

pub(crate) fn some_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (some_grant(), any::<bool>()).prop_map(|(body, by_boss)| Step::Grant { body, by_boss }),
        2 => some_deny().prop_map(Step::Deny),
        4 => some_role().prop_map(Step::Role),
        2 => any::<usize>().prop_map(Step::Revoke),
        1 => any::<usize>().prop_map(Step::RevokePrincipal),
    ]
}

/// What the boss holds, always with the right to hand it on.
fn some_boss() -> impl Strategy<Value = Grant> {
    (some_grant(), any::<bool>()).prop_map(|(body, by_role)| Grant {
        grantee: grantee(if by_role { BOSSES } else { "boss@fujisawa" }),
        actions: body.actions.union(Action::Grant.into()),
        from: at(0),
        until: None,
        ..body
    })
}

/// A world after some steps, and what was stated in it that can be revoked.
pub(crate) fn some_world() -> impl Strategy<Value = (Both, Vec<Hash>)> {
    (some_boss(), proptest::collection::vec(some_step(), 1..14)).prop_map(|(boss, steps)| {
        let mut both = Both::new(boss);
        let mut stated = Vec::new();
        for (step, now) in steps.iter().zip((103..).step_by(3)) {
            both.take(step, now, &mut stated);
        }
        (both, stated)
    })
}

fn in_small_worlds(check: impl Fn(&Both)) {
    let config = ProptestConfig { cases: 96, ..ProptestConfig::default() };
    proptest!(config, |((both, _stated) in some_world())| check(&both));
}

#[test]
fn every_decision_in_a_small_world_is_the_models() {
    in_small_worlds(|both| {
        // What was decided at one time is asked again at others, later and earlier.
        for now in [END, 146, 160, 240, 152, END] {
            both.compare_decisions(now);
        }
        both.compare_nodes_and_subscriptions(END);
    });
}

#[test]
fn who_why_and_what_agree_with_every_decision_in_a_small_world() {
    in_small_worlds(|both| both.compare_explanations(END));
}

#[test]
fn the_past_of_a_small_world_is_what_it_was() {
    in_small_worlds(|both| {
        for now in [99, 107, 113, 126] {
            both.compare_explanations(now);
            both.compare_replay(now);
        }
    });
}

#[test]
fn what_the_boss_hands_on_is_never_more_than_it_holds() {
    in_small_worlds(|both| {
        let boss = &both.model.grants[0].2;
        for (_when, _id, handed_on, by_boss) in &both.model.grants {
            if !by_boss {
                continue;
            }
            for on in TOPICS.iter().filter(|on| matches(handed_on.filter.as_str(), on)) {
                assert!(matches(boss.filter.as_str(), on), "{handed_on:?}");
            }
            assert!(boss.actions.contains_all(handed_on.actions), "{handed_on:?}");
            assert!(boss.from <= handed_on.from, "{handed_on:?}");
        }
    });
}
