//! Decisions of three organisations against a model that is too naive to be wrong: lists of what was
//! agreed and stated, searched from the beginning for every question, the same for all three.

use proptest::prelude::*;
use sekisho_policy::{Policy, Recipient};
use sekisho_proto::{
    Action, Hash, PrincipalKind, Scope,
    statement::{Deny, Grant, Peering},
};

use crate::three::{Seen, Terms, Three};
use crate::world::{
    Key, Verifier, World, at, deny, filter, grant, grantee, name, org, peering, signed, topic,
};

const TOPICS: [&str; 4] = ["alba/a", "alba/b", "alba/a/a", "alba/b/a"];
const FILTERS: [&str; 5] = ["alba/#", "alba/a/#", "alba/b/#", "alba/+", "alba/+/a"];
const WHO: [&str; 3] = ["reader@cadiz", "steward@cadiz", "*@cadiz"];
const READERS: [&str; 2] = ["reader@cadiz", "steward@cadiz"];

/// The last second of a world.
const END: i64 = 150;

/// One of the contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// alba and bruges.
    First,
    /// bruges and cadiz.
    Second,
    /// alba and cadiz.
    Direct,
}

/// What a contract says, of whichever.
#[derive(Debug, Clone)]
struct Contract {
    exports: Vec<&'static str>,
    imports: Vec<&'static str>,
    onward: bool,
    passes_on: Option<Vec<&'static str>>,
    from: i64,
    until: Option<i64>,
}

#[derive(Debug, Clone)]
enum Step {
    Agree(Which, Contract),
    /// One of the parties ends one of the contracts.
    End(Which, usize, bool),
    Grant(Grant),
    Deny(Deny),
    /// Of a grant or deny.
    Revoke(usize),
}

/// What was agreed, and whether it was ended.
#[derive(Debug)]
struct Agreed {
    which: Which,
    id: Hash,
    contract: Contract,
    ended: bool,
}

#[derive(Debug)]
struct Both {
    three: Three,
    agreed: Vec<Agreed>,
    grants: Vec<(Hash, Grant)>,
    denies: Vec<(Hash, Deny)>,
    revoked: Vec<Hash>,
}

fn matches(filters: &[&'static str], on: &str) -> bool {
    filters.iter().any(|text| filter(text).matches(&topic(on)))
}

impl Contract {
    fn covers(&self, on: &str) -> bool {
        matches(&self.exports, on) && matches(&self.imports, on)
    }

    fn passes(&self, on: &str) -> bool {
        self.passes_on.as_ref().is_some_and(|filters| matches(filters, on))
    }
}

impl Both {
    fn new() -> Self {
        let mut three = Three::strangers();
        // Long over; but from here on everybody hears of everything.
        let over = Terms { until: [Some(1), Some(1)], passes_on: Some(vec![]), ..Terms::open() };
        three.second_contract(&over);
        three.first_contract(&over);
        let [alba, _bruges, cadiz] = three.parties.clone();
        for statement in [
            alba.principal("truck", PrincipalKind::Device),
            cadiz.principal("reader", PrincipalKind::App),
            cadiz.principal("steward", PrincipalKind::Steward),
        ] {
            three.tell(&statement);
        }
        three.state_of_alba(grant("truck@alba", "publish", "alba/#"));
        let (agreed, grants, denies, revoked) = (vec![], vec![], vec![], vec![]);
        Self { three, agreed, grants, denies, revoked }
    }

    fn take(&mut self, step: &Step, second: i64) {
        self.three.set_now(second);
        match step {
            Step::Agree(which, contract) => self.agree(*which, contract),
            Step::End(which, place, first) => {
                let count = self.agreed.iter().filter(|one| one.which == *which).count();
                if count == 0 {
                    return;
                }
                let mut all = self.agreed.iter_mut().filter(|one| one.which == *which);
                let one = all.nth(place % count).unwrap();
                one.ended = true;
                let parties = match which {
                    Which::First => [0, 1],
                    Which::Second => [1, 2],
                    Which::Direct => [0, 2],
                };
                let id = one.id;
                self.three.end(parties[usize::from(*first)], id);
            }
            Step::Grant(body) => {
                let id = self.three.state_of_alba(body.clone());
                self.grants.push((id, body.clone()));
            }
            Step::Deny(body) => {
                let id = self.three.state_of_alba(body.clone());
                self.denies.push((id, body.clone()));
            }
            Step::Revoke(place) => {
                let grants = self.grants.iter().map(|(id, _body)| *id);
                let all: Vec<Hash> =
                    grants.chain(self.denies.iter().map(|(id, _body)| *id)).collect();
                if !all.is_empty() {
                    let id = all[place % all.len()];
                    self.three.end(0, id);
                    self.revoked.push(id);
                }
            }
        }
    }

    fn agree(&mut self, which: Which, contract: &Contract) {
        let Contract { exports, imports, onward, passes_on, from, until } = contract.clone();
        let terms = Terms { exports, imports, onward, passes_on, until: [until; 2] };
        let id = match which {
            Which::First => self.three.first_contract_from(&terms, from),
            Which::Second => self.three.second_contract_from(&terms, from),
            Which::Direct => {
                let [alba, _bruges, cadiz] = self.three.parties.clone();
                let ours = alba.side(&terms.exports, &[]);
                let body = peering(ours, cadiz.side(&[], &terms.imports));
                let until = until.map(at);
                let body = Peering { from: at(from), until, ..body };
                let issued = at(i64::try_from(self.agreed.len()).unwrap());
                let body = Peering { issued, ..body };
                let statement = signed(body, &[&alba.issuer, &cadiz.issuer]);
                self.three.alba.apply(&statement);
                self.three.cadiz.apply(&statement);
                drop(self.three.bruges.try_apply(&statement));
                statement.id()
            }
        };
        self.agreed.push(Agreed { which, id, contract: contract.clone(), ended: false });
    }

    /// The contract that counts: the newest that has begun, where it is not over.
    fn current(&self, which: Which, now: i64) -> Option<&Contract> {
        let begun = |one: &&Agreed| one.which == which && one.contract.from <= now;
        let newest = self.agreed.iter().rev().find(begun)?;
        let is_over = newest.ended || newest.contract.until.is_some_and(|until| until <= now);
        (!is_over).then_some(&newest.contract)
    }

    fn is_denied(&self, who: &str, on: &str, action: Action) -> bool {
        self.denies.iter().any(|(id, deny)| {
            let meant = deny.grantee.to_string();
            !self.revoked.contains(id)
                && (meant == who || meant == "*@cadiz")
                && deny.actions.contains(action)
                && deny.filter.matches(&topic(on))
        })
    }

    /// Whom the grants of an action speak of, where no deny takes it from them.
    fn given(&self, on: &str, action: Action, now: i64) -> Vec<String> {
        let in_force = self.grants.iter().filter(|(id, grant)| {
            !self.revoked.contains(id)
                && grant.actions.contains(action)
                && grant.filter.matches(&topic(on))
                && grant.until.is_none_or(|until| at(now) < until)
        });
        let whom = in_force.map(|(_id, grant)| grant.grantee.to_string());
        whom.filter(|who| !self.is_denied(who, on, action)).collect()
    }

    fn may(&self, who: &str, on: &str, action: Action, now: i64) -> bool {
        let given = self.given(on, action, now);
        given.iter().any(|whom| whom == who || whom == "*@cadiz")
            && !self.is_denied(who, on, action)
    }

    /// Whether the contracts let a topic through to cadiz, seen from there or from alba.
    fn passes(&self, on: &str, now: i64) -> bool {
        if let Some(direct) = self.current(Which::Direct, now) {
            return direct.covers(on);
        }
        self.passes_through(on, now)
    }

    /// The same through bruges.
    fn passes_through(&self, on: &str, now: i64) -> bool {
        let first = self.current(Which::First, now);
        let second = self.current(Which::Second, now);
        first.is_some_and(|first| first.covers(on) && first.onward)
            && second.is_some_and(|second| second.passes(on))
    }

    /// As far as alba knows: it hears of bruges's contract with cadiz when there is one.
    fn passes_from_alba(&self, on: &str, now: i64) -> bool {
        if let Some(direct) = self.current(Which::Direct, now) {
            return direct.covers(on);
        }
        let first = self.current(Which::First, now);
        let second = self.agreed.iter().any(|one| one.which == Which::Second);
        first.is_some_and(|first| first.covers(on) && first.onward)
            && (!second || self.current(Which::Second, now).is_some_and(|second| second.passes(on)))
    }

    fn wanted(&self, on: &str, now: i64) -> Seen {
        let given = !self.given(on, Action::Subscribe, now).is_empty();
        Seen {
            left: self.passes_from_alba(on, now)
                && self.current(Which::Direct, now).is_none()
                && given,
            sent: self.passes_through(on, now) && given,
            taken: self.passes(on, now),
            read: self.passes(on, now) && self.may("reader@cadiz", on, Action::Subscribe, now),
            opened: self.passes_from_alba(on, now)
                && self.may("steward@cadiz", on, Action::Decrypt, now),
        }
    }

    fn compare(&mut self, now: i64) {
        self.three.set_now(now);
        for on in TOPICS {
            let (found, wanted) = (self.three.seen(on), self.wanted(on, now));
            assert_eq!(found, wanted, "{on} at {now}: {:?}", self.agreed);
            let narrow = self.three.seen_with(on, Scope::Organisation);
            assert!(!narrow.left && !narrow.sent && !narrow.taken, "{on} at {now}");
            self.compare_explanations(on, now);
        }
        let route = self.three.cadiz.policy.route(&org("alba"), at(now));
        let via = route.map(|route| route.via.to_string());
        let wanted = if self.current(Which::Direct, now).is_some() {
            Some("alba")
        } else {
            let passed_on =
                self.current(Which::Second, now).is_some_and(|second| second.passes_on.is_some());
            let is_there = passed_on && self.current(Which::First, now).is_some();
            is_there.then_some("bruges")
        };
        assert_eq!(via.as_deref(), wanted, "at {now}");
    }

    /// The same steps that decide explain.
    fn compare_explanations(&self, on: &str, now: i64) {
        let three = &self.three;
        for world in [&three.alba, &three.bruges, &three.cadiz] {
            let policy = &world.policy;
            for who in READERS {
                let key = Key::of(who).id();
                for action in [Action::Subscribe, Action::Decrypt] {
                    let may = policy.permit(action, key, &topic(on), at(now)).is_ok();
                    let listed = policy.who(&topic(on), action, at(now));
                    let is_listed = listed.iter().any(|one| one.principal == name(who));
                    let why = policy.why(&name(who), action, &topic(on), at(now));
                    let what = policy.what(&name(who), at(now));
                    let allows = what.allows(action, &topic(on));
                    let place = &world.own.name;
                    assert_eq!(why.is_allowed(), may, "{place}, {who} {action} {on}: {why}");
                    assert_eq!(is_listed, may, "who: {place}, {who} {action} {on} at {now}");
                    assert_eq!(allows, may, "what: {place}, {who} {action} {on}: {what:?}");
                }
            }
            let node = Recipient::Peer(org("cadiz"));
            let (scope, time) = (Scope::Federation, at(now));
            if policy.permit_delivery(&node, &topic(on), scope, time, time).is_ok() {
                for wide in FILTERS.iter().filter(|wide| matches(&[**wide], on)) {
                    policy.may_subscribe(&node, &filter(wide), time).unwrap();
                }
            }
        }
    }

    /// A policy that only ever heard what was received by then decides as this one remembers.
    fn compare_past(&self, then: i64) {
        let three = &self.three;
        for world in [&three.alba, &three.bruges, &three.cadiz] {
            let replayed = replayed(world, then);
            for on in TOPICS {
                for who in READERS {
                    let key = Key::of(who).id();
                    let may = replayed.permit(Action::Subscribe, key, &topic(on), at(then)).is_ok();
                    let why = world.policy.why(&name(who), Action::Subscribe, &topic(on), at(then));
                    assert_eq!(why.is_allowed(), may, "{} at {then}: {why}", world.own.name);
                }
            }
        }
    }
}

fn replayed(world: &World, then: i64) -> Policy {
    let mut policy = Policy::new(world.own.name.clone(), world.own.fingerprint());
    let logs: Vec<_> = world
        .policy
        .organisations()
        .map(|organisation| {
            let logged = world.policy.log(organisation).iter();
            let heard = logged.filter(|logged| logged.received <= at(then));
            let statements = heard.map(|logged| ((*logged.statement).clone(), logged.received));
            (organisation.clone(), statements.collect())
        })
        .collect();
    let unapplied = policy.restore(logs, &Verifier::default());
    assert!(unapplied.is_empty(), "{}: {unapplied:?}", world.own.name);
    policy
}

fn some_filters() -> impl Strategy<Value = Vec<&'static str>> {
    let wide = Just(vec!["alba/#"]);
    let some = proptest::collection::vec(proptest::sample::select(FILTERS.to_vec()), 1..3);
    prop_oneof![2 => wide, 1 => some]
}

fn some_contract() -> impl Strategy<Value = Contract> {
    let passes_on = proptest::option::weighted(0.8, some_filters());
    let period = (
        prop_oneof![3 => Just(0_i64), 1 => 100..160_i64],
        proptest::option::weighted(0.3, 1..60_i64),
    );
    let terms = (some_filters(), some_filters(), proptest::bool::weighted(0.8), passes_on, period);
    terms.prop_map(|(exports, imports, onward, passes_on, (from, length))| Contract {
        exports,
        imports,
        onward,
        passes_on,
        from,
        until: length.map(|length| from.max(100) + length),
    })
}

fn some_which() -> impl Strategy<Value = Which> {
    prop_oneof![4 => Just(Which::First), 4 => Just(Which::Second), 1 => Just(Which::Direct)]
}

fn some_right() -> impl Strategy<Value = (&'static str, &'static str, &'static str)> {
    let actions = proptest::sample::select(vec!["subscribe", "decrypt", "subscribe,decrypt"]);
    let on = proptest::sample::select(FILTERS.to_vec());
    (proptest::sample::select(WHO.to_vec()), actions, on)
}

fn some_step() -> impl Strategy<Value = Step> {
    let until = proptest::option::weighted(0.3, 100..170_i64);
    let given = (some_right(), until).prop_map(|((who, what, on), until)| {
        Step::Grant(Grant { grantee: grantee(who), until: until.map(at), ..grant(who, what, on) })
    });
    prop_oneof![
        5 => (some_which(), some_contract())
            .prop_map(|(which, contract)| Step::Agree(which, contract)),
        2 => (some_which(), any::<usize>(), any::<bool>())
            .prop_map(|(which, place, first)| Step::End(which, place, first)),
        4 => given,
        1 => some_right().prop_map(|(who, what, on)| Step::Deny(deny(who, what, on))),
        1 => any::<usize>().prop_map(Step::Revoke),
    ]
}

/// Most worlds begin with both contracts, so that what changes is worth something.
fn some_steps() -> impl Strategy<Value = Vec<Step>> {
    let begin = (some_contract(), some_contract(), some_right());
    (begin, proptest::collection::vec(some_step(), 1..12)).prop_map(
        |((first, second, (who, what, on)), steps)| {
            let mut all = vec![
                Step::Agree(Which::First, first),
                Step::Agree(Which::Second, second),
                Step::Grant(grant(who, what, on)),
            ];
            all.extend(steps);
            all
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_decision_about_what_comes_through_a_peer_is_the_models(steps in some_steps()) {
        let mut both = Both::new();
        for (step, second) in steps.iter().zip((103..).step_by(3)) {
            both.take(step, second);
            both.compare(second);
        }
        for now in [END, 158, 200, 152, END] {
            both.compare(now);
        }
        for then in [99, 107, 113, 126] {
            both.compare_past(then);
        }
    }
}
