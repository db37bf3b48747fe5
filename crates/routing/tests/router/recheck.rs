//! What waits when the policy changes is judged at once, and as if each record were judged alone.

use std::sync::Arc;

use sekisho_policy::Recipient;
use sekisho_proto::{
    BootId, ContentType, Offset, Position, PrincipalId, PrincipalKind, Scope, Sequence,
};
use sekisho_routing::{Kept, Record, SessionId, may_still_go};
use sekisho_seal::{HeaderDraft, SigningKey, sign_open};

use crate::{
    node::Node,
    world::{World, at, key, topic},
};

const TOPICS: [&str; 5] = [
    "fujisawa/17/air",
    "fujisawa/17/noise",
    "fujisawa/18/air",
    "fujisawa/18/camera",
    "santander/1/air",
];

/// A record as it waits: its topic, when it was received, how far it goes and what it passed.
fn record(
    truck: &SigningKey,
    text: &str,
    second: i64,
    scope: Scope,
    hops: &[PrincipalId],
) -> Record {
    let draft = HeaderDraft {
        sequence: Sequence::ZERO,
        time: at(second),
        previous: None,
        content_type: ContentType::parse("text/plain").expect("a content type"),
        sample_count: 0,
        flags: 0,
        expiry_s: 0,
        scope,
    };
    let envelope = sign_open(truck, topic(text), BootId::new([1; 16]), draft, b"a")
        .expect("a small envelope")
        .encoded()
        .clone();
    let (position, offset) = (Position::ZERO, Offset::new(0));
    Record::restore(position, offset, at(second), envelope, hops.to_vec()).expect("an envelope")
}

/// Readers whose rights begin and end at different times: a principal, a peer's node and a stranger.
fn node() -> Node {
    let mut world = World::new();
    let dashboard = world.enrol("dashboard", PrincipalKind::App);
    let (peer, _peering) = world.peer("santander", at(1));
    world.grant("dashboard@fujisawa", "subscribe", "fujisawa/17/#", at(10));
    world.grant("dashboard@fujisawa", "history", "fujisawa/+/air", at(20));
    world.grant("dashboard@fujisawa", "subscribe", "fujisawa/18/air", at(30));
    world.grant("*@santander", "subscribe", "fujisawa/+/air", at(15));
    world.foreign_grant("santander", "dashboard@fujisawa", at(25));
    world.deny("dashboard@fujisawa", "subscribe,history", "fujisawa/17/noise", at(35));
    world.policy.note_heard(&"santander".parse().expect("a name"), at(40));
    let mut node = Node::new(world.policy(), at(40));
    node.connect(2, &dashboard);
    let recipient = Recipient::Peer("santander".parse().expect("a name"));
    node.router.handle_connect(SessionId::new(5), peer.id(), recipient, at(40));
    node.drain();
    node
}

#[test]
fn what_waits_is_judged_as_if_each_record_were_judged_alone() {
    let (node, truck) = (node(), key("a truck"));
    let passed = [key("node of santander").id()];
    let mut records = Vec::new();
    for text in TOPICS {
        for second in 0..40 {
            for scope in [Scope::Federation, Scope::Organisation] {
                records.push(Arc::new(record(&truck, text, second, scope, &[])));
                records.push(Arc::new(record(&truck, text, second, scope, &passed)));
            }
        }
    }
    let backwards = records.iter().rev().cloned().collect();
    for session in [2, 5, 9].map(SessionId::new) {
        for order in [&records, &backwards] {
            let mut recheck = node.router.recheck(session, at(40));
            let (mut going, mut staying) = (0, 0);
            for record in order {
                let kept = vec![(Arc::clone(record), Kept::Unacknowledged)];
                let alone = !node.router.permit_kept(session, kept, at(40)).is_empty();
                assert_eq!(recheck.may_go(record), alone, "{session}: {record:?}");
                *(if alone { &mut going } else { &mut staying }) += 1;
            }
            assert!(staying > 0 && (going > 0 || session == SessionId::new(9)), "{session}");
        }
    }
}

#[test]
fn one_record_that_waits_elsewhere_is_judged_as_it_is_among_many() {
    let (node, truck, dashboard) = (node(), key("a truck"), key("dashboard").id());
    let records: Vec<_> = TOPICS
        .iter()
        .flat_map(|text| (0..40).map(|second| record(&truck, text, second, Scope::Federation, &[])))
        .map(Arc::new)
        .collect();
    let is_let_out = |record: &Arc<Record>, now| {
        let kept = vec![(Arc::clone(record), Kept::Unacknowledged)];
        !node.router.permit_kept(SessionId::new(2), kept, now).is_empty()
    };
    // Later the peer has been silent for long: what was let out before goes, and nothing new is.
    for (now, is_later) in [(at(40), false), (at(4_000), true)] {
        let mut recheck = node.router.recheck(SessionId::new(2), now);
        let (mut going, mut let_out) = (0, 0);
        for record in &records {
            let may_go = may_still_go(&node.policy, dashboard, record, now);
            assert_eq!(may_go, recheck.may_go(record), "{record:?}");
            going += u32::from(may_go);
            let_out += u32::from(is_let_out(record, now));
        }
        assert_eq!(going > let_out, is_later, "{going} {let_out}");
        assert!(let_out > 0);
    }
}

#[test]
fn one_question_is_asked_of_a_topic_whose_records_wait_and_one_more_where_a_right_begins() {
    let (node, truck) = (node(), key("a truck"));
    let asked = |texts: &[&str], seconds: std::ops::Range<i64>| {
        let mut recheck = node.router.recheck(SessionId::new(2), at(40));
        for second in seconds {
            for text in texts {
                let record = record(&truck, text, second, Scope::Federation, &[]);
                // The verdict is looked at elsewhere.
                let _may_go = recheck.may_go(&record);
            }
        }
        recheck.questions()
    };
    assert_eq!(asked(&["fujisawa/17/noise"], 31..39), 1, "a no");
    assert_eq!(asked(&["fujisawa/17/air"], 31..39), 1, "a yes");
    assert_eq!(asked(&TOPICS, 31..39), 5);
    assert_eq!(asked(&["fujisawa/18/camera"], 0..39), 1, "nobody speaks of it");
    assert_eq!(asked(&["fujisawa/18/air"], 5..39), 3, "history, neither, the subscription");
}
