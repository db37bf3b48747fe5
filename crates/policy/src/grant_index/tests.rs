use std::ops::ControlFlow;

use sekisho_proto::{Action, PrincipalId, statement::Grant};

use super::*;
use crate::grant::Basis;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn fact(who: &str, on: &str, until: Option<i64>) -> Arc<GrantFact> {
    let filter: Filter = on.parse().unwrap();
    let grant = Grant {
        organisation: filter.organisation().clone(),
        grantee: who.parse().unwrap(),
        actions: Action::Publish.into(),
        filter,
        purpose: String::new(),
        issued: at(0),
        from: at(0),
        until: until.map(at),
        history_from: None,
        onward: false,
        rate_per_s: None,
    };
    Arc::new(GrantFact {
        id: Hash::of(format!("{who} {on} {until:?}").as_bytes()),
        received: at(0),
        grant,
        basis: Basis::Issuer(PrincipalId::new([0; 32])),
    })
}

/// Somebody without any role.
fn holding(holder: Holder<'_>) -> Holding<'static, '_> {
    Holding { holder, roles: Vec::new() }
}

/// The grants that are shown.
fn shown(
    index: &GrantIndex<GrantFact>,
    holder: Holder<'_>,
    topic: &Topic,
    now: Timestamp,
) -> Vec<Arc<GrantFact>> {
    let mut found = Vec::new();
    let object = Object::Topic(topic);
    let take = &mut |fact: &Arc<GrantFact>, _role: Option<Membership<'_>>| {
        found.push(Arc::clone(fact));
        ControlFlow::Continue(())
    };
    let _flow = index.visit(&holding(holder), object, View::live(now), take, &mut 0);
    found
}

/// How many grants and nodes one question looks at.
fn looked_at(
    index: &GrantIndex<GrantFact>,
    holder: Holder<'_>,
    object: Object<'_>,
) -> (usize, usize) {
    let mut facts = 0;
    let mut nodes = 0;
    let count = &mut |_fact: &Arc<GrantFact>, _role: Option<Membership<'_>>| {
        facts += 1;
        ControlFlow::Continue(())
    };
    let _flow = index.visit(&holding(holder), object, View::live(at(100)), count, &mut nodes);
    (facts, nodes)
}

#[test]
fn a_decision_looks_at_what_may_concern_it_however_many_grants_there_are() {
    let truck: PrincipalName = "truck-7@o".parse().unwrap();
    let topic: Topic = "o/trucks/truck-7/air/pm25".parse().unwrap();
    let filter: Filter = "o/trucks/#".parse().unwrap();
    let mut seen = Vec::new();
    for trucks in [10, 1000, 5000] {
        let mut index = GrantIndex::default();
        for number in 0..trucks {
            let who = format!("truck-{number}@o");
            index.insert(&fact(&who, &format!("o/trucks/truck-{number}/#"), None));
            index.insert(&fact(&who, "o/news/+", None));
            index.insert(&fact("dashboard@p", &format!("o/trucks/truck-{number}/air/#"), None));
        }
        index.insert(&fact("*@o", "o/#", None));
        let peer = "p".parse().unwrap();
        seen.push((
            looked_at(&index, Holder::Principal(&truck), Object::Topic(&topic)),
            looked_at(&index, Holder::Principal(&truck), Object::Filter(&filter)),
            looked_at(&index, Holder::AnybodyOf(&peer), Object::Topic(&topic)),
        ));
    }
    assert_eq!(seen, [((2, 6), (2, 6), (1, 5)); 3]);
}

#[test]
fn renewals_that_ran_out_are_not_looked_at_again_and_again() {
    let truck: PrincipalName = "truck-7@o".parse().unwrap();
    let topic: Topic = "o/a".parse().unwrap();
    let mut index = GrantIndex::default();
    for renewal in 0..1000 {
        index.insert(&fact("truck-7@o", "o/a", Some(renewal % 110)));
    }
    let (facts, _nodes) = looked_at(&index, Holder::Principal(&truck), Object::Topic(&topic));
    // Those until 101 to 109, nine of each, and the first that has run out.
    assert_eq!(facts, 9 * 9 + 1);
    index.insert(&fact("truck-7@o", "o/a", None));
    let found = shown(&index, Holder::Principal(&truck), &topic, at(100));
    assert_eq!(found.first().map(|fact| fact.grant.until), Some(None));
}

#[test]
fn what_is_removed_is_not_found() {
    let mut index = GrantIndex::default();
    let kept = fact("a@p", "o/+", None);
    let removed = fact("a@p", "o/+", Some(500));
    index.insert(&kept);
    index.insert(&removed);
    index.remove(&removed);
    let topic: Topic = "o/a".parse().unwrap();
    for holder in
        [Holder::Principal(&"a@p".parse().unwrap()), Holder::AnybodyOf(&"p".parse().unwrap())]
    {
        let found = shown(&index, holder, &topic, at(0));
        assert_eq!(found.iter().map(|fact| fact.id).collect::<Vec<_>>(), [kept.id]);
    }
}
