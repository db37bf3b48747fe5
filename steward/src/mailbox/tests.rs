use std::{collections::BTreeSet, sync::Mutex};

use sekisho::{Refusal, RefusalCode};
use sekisho_policy::Policy;
use sekisho_proto::{Hash, PrincipalKind};
use sekisho_seal::StrictVerifier;

use super::*;
use crate::fixture::{at, genesis, principal, root, signed};

/// A node's way with statements: a policy that takes all of a batch or none, and a wire that may
/// break before or after it did.
struct Node {
    inner: Mutex<Inner>,
}

struct Inner {
    policy: Policy,
    batches: Vec<usize>,
    /// How the next ones fail: with the batch taken, or not.
    breaks: VecDeque<bool>,
}

impl Node {
    fn new(breaks: impl IntoIterator<Item = bool>) -> Self {
        let own = "fujisawa".parse().unwrap();
        let mut policy = Policy::new(own, root("fujisawa").body_hash());
        for statement in genesis("fujisawa") {
            policy.apply(&statement, at(0), &StrictVerifier).unwrap();
        }
        let breaks = breaks.into_iter().collect();
        Self { inner: Mutex::new(Inner { policy, batches: Vec::new(), breaks }) }
    }
}

impl Takes for &Node {
    async fn take_all(&self, batch: &[Statement]) -> Result<Vec<StatementIndex>, QueryError> {
        let mut inner = self.inner.lock().unwrap();
        inner.batches.push(batch.len());
        let fate = inner.breaks.pop_front();
        if fate == Some(false) {
            return Err(QueryError::Disconnected);
        }
        let mut policy = inner.policy.clone();
        let mut places = Vec::new();
        for statement in batch {
            match policy.apply(statement, at(10), &StrictVerifier) {
                Ok(applied) => places.push(applied.index),
                Err(cause) => {
                    let refusal = Refusal {
                        code: RefusalCode::NotPermitted,
                        what: "statement".to_owned(),
                        why: cause.to_string(),
                    };
                    return Err(QueryError::Refused(refusal));
                }
            }
        }
        inner.policy = policy;
        if fate == Some(true) { Err(QueryError::Disconnected) } else { Ok(places) }
    }
}

/// So many newcomers, of whom one in `wrong` is stated by somebody who may not.
fn batch(count: usize, wrong: Option<usize>) -> Vec<Statement> {
    let one = |number: usize| {
        let is_wrong = wrong.is_some_and(|wrong| number.is_multiple_of(wrong));
        let (name, by) = if is_wrong { ("fake", "thief") } else { ("desk", "office") };
        let name = format!("{name}-{number}@fujisawa");
        signed(principal(&name, PrincipalKind::App, at(5)), &[&format!("{by}@fujisawa")])
    };
    (0..count).map(one).collect()
}

fn logged(node: &Node, batch: &[Statement]) -> usize {
    let inner = node.inner.lock().unwrap();
    let log = inner.policy.log(inner.policy.own());
    let known: BTreeSet<Hash> = log.iter().map(|one| one.statement.id()).collect();
    assert_eq!(known.len(), log.len(), "something stands twice");
    batch.iter().filter(|one| known.contains(&one.id())).count()
}

fn batches(node: &Node) -> Vec<usize> {
    node.inner.lock().unwrap().batches.clone()
}

#[tokio::test]
async fn a_batch_is_stated_at_once_and_awaited_to_its_last() {
    let node = Node::new([]);
    let mut mailbox = Mailbox::new(&node);
    let all = batch(100, None);
    assert!(matches!(mailbox.state_all(all.clone(), at(10)).await, Outcome::Stated));
    assert_eq!(batches(&node), [100]);
    assert_eq!(logged(&node, &all), 100);
    let last = u64::try_from(genesis("fujisawa").len() + 100).unwrap() - 1;
    for (heard, waits) in [(0, true), (last - 1, true), (last, false)] {
        mailbox.hear(StatementIndex::new(heard));
        assert_eq!(mailbox.is_waiting(at(10)), waits, "heard {heard} of {last}");
    }
}

#[tokio::test]
async fn one_statement_that_is_refused_keeps_no_other_of_its_batch_out() {
    let node = Node::new([]);
    let mut mailbox = Mailbox::new(&node);
    let all = batch(10, Some(5));
    assert!(matches!(mailbox.state_all(all.clone(), at(10)).await, Outcome::Stated));
    assert_eq!(batches(&node), [10, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(logged(&node, &all), 8);
    assert!(mailbox.restate(at(11)).await, "what was refused is not stated again");
    assert_eq!(batches(&node).len(), 11);
    let none = mailbox.state_all(batch(3, Some(1)), at(12)).await;
    assert!(matches!(none, Outcome::Refused(_)), "{none:?}");
}

#[tokio::test]
async fn what_is_uncertain_is_stated_again_as_it_is_and_stands_once() {
    for was_taken in [true, false] {
        let node = Node::new([was_taken]);
        let mut mailbox = Mailbox::new(&node);
        let all = batch(20, None);
        assert!(matches!(mailbox.state_all(all.clone(), at(10)).await, Outcome::Later));
        assert_eq!(logged(&node, &all), if was_taken { 20 } else { 0 });
        assert!(mailbox.restate(at(11)).await);
        assert_eq!(logged(&node, &all), 20);
        assert_eq!(batches(&node), [20, 20]);
    }
}

#[tokio::test]
async fn a_wire_that_breaks_among_single_statements_loses_none() {
    for was_taken in [true, false] {
        // The batch itself reaches the node; the fourth of its ten does not, or its answer not.
        let node = Node::new([]);
        let all = batch(10, Some(9));
        let broken = Breaking { node: &node, at: 4, was_taken, count: Mutex::new(0) };
        let mut mailbox = Mailbox::new(&broken);
        assert!(matches!(mailbox.state_all(all.clone(), at(10)).await, Outcome::Later));
        assert!(mailbox.restate(at(11)).await);
        assert_eq!(logged(&node, &all), 8, "{was_taken}");
    }
}

/// A node whose wire breaks at one of the requests.
struct Breaking<'a> {
    node: &'a Node,
    at: usize,
    was_taken: bool,
    count: Mutex<usize>,
}

impl Takes for &Breaking<'_> {
    async fn take_all(&self, batch: &[Statement]) -> Result<Vec<StatementIndex>, QueryError> {
        let number = {
            let mut count = self.count.lock().unwrap();
            *count += 1;
            *count
        };
        if number == self.at {
            self.node.inner.lock().unwrap().breaks.push_back(self.was_taken);
        }
        self.node.take_all(batch).await
    }
}
