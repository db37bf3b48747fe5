//! States things to the node, and remembers what is uncertain: what may have been lost is stated
//! again as it is, and what the node took is waited for until it is in the log.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use sekisho::{Client, QueryError, RefusalCode};
use sekisho_proto::{Hash, Statement, Timestamp};

/// How long a statement that the node took may take to come back in the log.
const ECHO_MAX: Duration = Duration::from_secs(30);

/// What became of a statement.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It stands in the log.
    Stated,
    /// The node refused it for good.
    Refused(String),
    /// The node is away or busy.
    Later,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Mailbox {
    client: Client,
    /// Statements of which is not known whether they stand. Stating them again is harmless; making
    /// them again would put two into the log.
    uncertain: VecDeque<Statement>,
    /// Statements that have not come back in the log: until they have, a plan would ask for them
    /// again.
    echoes: BTreeSet<Hash>,
    last_stated: Option<Timestamp>,
}

impl Mailbox {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, uncertain: VecDeque::new(), echoes: BTreeSet::new(), last_stated: None }
    }

    /// States something once; what is uncertain is for [`restate`](Self::restate).
    pub(crate) async fn state(&mut self, statement: Statement, now: Timestamp) -> Outcome {
        let outcome = self.try_state(&statement, now).await;
        if matches!(outcome, Outcome::Later) {
            self.uncertain.push_front(statement);
        }
        outcome
    }

    /// States what is uncertain; whether nothing is left of it.
    pub(crate) async fn restate(&mut self, now: Timestamp) -> bool {
        while let Some(statement) = self.uncertain.pop_front() {
            if matches!(self.state(statement, now).await, Outcome::Later) {
                return false;
            }
        }
        true
    }

    /// States something that whoever calls will state again itself, as it is.
    pub(crate) async fn try_state(&mut self, statement: &Statement, now: Timestamp) -> Outcome {
        let kind = statement.kind().name();
        let id = statement.id();
        // Before it is sent: it may come back in the log before the answer does.
        self.echoes.insert(id);
        self.last_stated = Some(now);
        let outcome = match self.client.state(statement).await {
            Ok(_index) => return Outcome::Stated,
            Err(QueryError::Refused(refusal)) if !is_passing(refusal.code) => {
                tracing::warn!(kind, %refusal, "statement refused");
                Outcome::Refused(refusal.to_string())
            }
            Err(cause) => {
                tracing::info!(kind, %cause, "statement not stated yet");
                Outcome::Later
            }
        };
        self.echoes.remove(&id);
        outcome
    }

    /// A statement came in the log.
    pub(crate) fn hear(&mut self, id: &Hash) {
        self.echoes.remove(id);
    }

    /// Whether something that the node took is still to come.
    pub(crate) fn is_waiting(&mut self, now: Timestamp) -> bool {
        let is_late = self.last_stated.is_some_and(|then| now.saturating_since(then) > ECHO_MAX);
        if is_late && !self.echoes.is_empty() {
            let count = self.echoes.len();
            tracing::warn!(count, "statements that the node took are not in its log");
            self.echoes.clear();
        }
        !self.echoes.is_empty()
    }
}

/// Whether the node may take the same statement later.
fn is_passing(code: RefusalCode) -> bool {
    matches!(
        code,
        RefusalCode::Draining
            | RefusalCode::TooMany
            | RefusalCode::RateLimited
            | RefusalCode::StorageFull
            | RefusalCode::Internal
    )
}
