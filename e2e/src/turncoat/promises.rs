//! What it promises that is not its to promise: a reader of its own, an epoch of its own, a steward
//! that is none any more.

use sekisho::{Epoch, Identity, OsEntropy, StatementIndex, Timestamp, clock};
use sekisho_proto::frame::{Answer, AnswerBody, FollowedStatement};
use sekisho_proto::statement::EpochAnnounce;
use sekisho_proto::{Frame, PrincipalKind, Statement, StatementBody, Suite};
use sekisho_seal::{EpochKeyPair, sign_statement};
use serde_json::Value;

use super::attempt::{Meddler, NodeKey, Passing, tell};
use super::records::principal;
use crate::granting;

/// What the reader of its own is called.
const SPY: &str = "spy";

/// Tells whoever follows the control log of a reader of its own, with every right to read, in the
/// node's own hand.
pub(super) struct AddedReader {
    node: NodeKey,
    statements: Vec<Statement>,
    /// How many it has put into the log that a guest sees.
    shift: u64,
}

impl AddedReader {
    pub(super) fn new(node: NodeKey) -> Self {
        let spy = Identity::generate(Suite::X25519Aes256Gcm, &mut OsEntropy::new());
        let spy = spy.expect("keys");
        let kem = (spy.kem().suite(), spy.kem().public_key().to_bytes().into());
        let named = principal(&node, SPY, PrincipalKind::App, spy.signing(), Some(kem));
        let granted = grant(&node);
        Self { node, statements: vec![named, granted], shift: 0 }
    }
}

fn grant(node: &NodeKey) -> Statement {
    let organisation = node.organisation();
    let (spy, filter) = (format!("{SPY}@{organisation}"), format!("{organisation}/#"));
    let body = granting::grant(&spy, "subscribe,history,decrypt", &filter);
    sign_statement(Statement::unsigned(body), node.signing())
}

impl Meddler for AddedReader {
    fn meddle(&mut self, (way, mut frame): Passing) -> Vec<Passing> {
        if let Frame::Follow(follow) = &mut frame {
            // Whoever comes again has them already.
            let from = follow.from.value().saturating_sub(self.shift);
            follow.from = StatementIndex::new(from);
        }
        if let Frame::Statements(told) = &mut frame
            && told.organisation == *self.node.organisation()
        {
            told.first = StatementIndex::new(told.first.value() + self.shift);
            if self.shift == 0 && !told.statements.is_empty() {
                let received = clock::now();
                let added = self.statements.iter().map(|statement| FollowedStatement {
                    statement: statement.encode().into(),
                    received,
                });
                told.statements.extend(added);
                self.shift = u64::try_from(self.statements.len()).unwrap_or(0);
                tell("added: a reader, and its right to read everything");
            }
        }
        vec![(way, frame)]
    }
}

/// Tells publishers that the present epoch is one whose key it holds.
pub(super) struct OwnEpoch {
    node: NodeKey,
    keys: EpochKeyPair,
}

impl OwnEpoch {
    pub(super) fn new(node: NodeKey) -> Self {
        let keys = EpochKeyPair::generate(Suite::X25519Aes256Gcm, &mut OsEntropy::new());
        Self { node, keys: keys.expect("keys") }
    }

    fn announce(&self, honest: &EpochAnnounce) -> Statement {
        let now = clock::now();
        let body = StatementBody::EpochAnnounce(EpochAnnounce {
            epoch: Epoch::new(honest.epoch.value() + 1),
            suite: self.keys.suite(),
            public_key: self.keys.public_key().to_bytes().into(),
            issued: now,
            not_before: now,
            not_after: Timestamp::from_micros(now.as_micros() + 3_600_000_000),
            ..honest.clone()
        });
        sign_statement(Statement::unsigned(body), self.node.signing())
    }
}

impl Meddler for OwnEpoch {
    fn meddle(&mut self, (way, mut frame): Passing) -> Vec<Passing> {
        if let Frame::Answer(Answer { answer: AnswerBody::Statements(statements), .. }) = &mut frame
        {
            let announced = statements.iter().find_map(|encoded| {
                let statement = Statement::decode(encoded).ok()?;
                let StatementBody::EpochAnnounce(honest) = statement.body() else { return None };
                Some(honest.clone())
            });
            if let Some(honest) = announced {
                statements.push(self.announce(&honest).encode().into());
                tell("announced: an epoch whose key it holds");
            }
        }
        vec![(way, frame)]
    }
}

/// Tells administrators of the stewards that there once were, and shows no revocation.
#[derive(Debug, Default)]
pub(super) struct OldSteward {
    stewards: Option<Value>,
}

impl OldSteward {
    /// The node's answer about itself, with the stewards that it named first.
    fn restored(&mut self, text: &str) -> Option<String> {
        let mut status: Value = serde_json::from_str(text).ok()?;
        let known = status.get_mut("stewards_known")?;
        let first = self.stewards.get_or_insert_with(|| known.clone());
        if known == first {
            return None;
        }
        *known = first.clone();
        tell("shown: a steward that was revoked");
        Some(status.to_string())
    }
}

impl Meddler for OldSteward {
    fn meddle(&mut self, (way, mut frame): Passing) -> Vec<Passing> {
        if let Frame::Answer(Answer { answer, .. }) = &mut frame {
            if let AnswerBody::Json(text) = answer
                && let Some(restored) = self.restored(text)
            {
                *text = restored;
            }
            if let AnswerBody::Statements(statements) = answer {
                statements.retain(|encoded| {
                    let is_end = |one: Statement| matches!(one.body(), StatementBody::Revoke(_));
                    !Statement::decode(encoded).is_ok_and(is_end)
                });
            }
        }
        vec![(way, frame)]
    }
}
