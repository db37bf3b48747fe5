//! States things to the node, and remembers what is uncertain: what may have been lost is stated
//! again as it is, and what the node took is waited for until it is in the log.

use std::{collections::VecDeque, future::Future, time::Duration};

use sekisho::{Client, QueryError, StatementIndex};
use sekisho_proto::{Statement, Timestamp};

/// How long a statement that the node took may take to come back in the log.
const ECHO_MAX: Duration = Duration::from_secs(30);

/// What became of a statement, or of several.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It stands in the log; of several, some do.
    Stated,
    /// The node refused it for good; of several, all.
    Refused(String),
    /// The node is away or busy.
    Later,
}

/// Whoever takes statements: all of a batch, or none.
pub(crate) trait Takes: Send + Sync {
    /// The place of each in the log.
    fn take_all(
        &self,
        batch: &[Statement],
    ) -> impl Future<Output = Result<Vec<StatementIndex>, QueryError>> + Send;
}

impl Takes for Client {
    async fn take_all(&self, batch: &[Statement]) -> Result<Vec<StatementIndex>, QueryError> {
        self.state_all(batch).await
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Mailbox<T = Client> {
    node: T,
    /// Statements of which is not known whether they stand. Stating them again is harmless; making
    /// them again would put two into the log.
    uncertain: VecDeque<Vec<Statement>>,
    /// The place of the last statement that the node took: until the log was read that far, a plan
    /// would ask for the same again.
    awaited: Option<StatementIndex>,
    /// How far the log was read.
    heard: Option<StatementIndex>,
    last_stated: Option<Timestamp>,
}

impl<T: Takes> Mailbox<T> {
    pub(crate) fn new(node: T) -> Self {
        let uncertain = VecDeque::new();
        Self { node, uncertain, awaited: None, heard: None, last_stated: None }
    }

    /// States a batch, all of it at once. Where the node refuses that, each is stated by itself, so
    /// that one reader whom the node does not take keeps no other waiting.
    pub(crate) async fn state_all(&mut self, batch: Vec<Statement>, now: Timestamp) -> Outcome {
        let outcome = self.try_state_all(&batch, now).await;
        match outcome {
            Outcome::Refused(why) if batch.len() > 1 => {
                let count = batch.len();
                tracing::info!(count, why, "batch refused: each is stated by itself");
                self.state_each(batch, now).await
            }
            Outcome::Later => {
                self.uncertain.push_front(batch);
                Outcome::Later
            }
            Outcome::Stated | Outcome::Refused(_) => outcome,
        }
    }

    async fn state_each(&mut self, batch: Vec<Statement>, now: Timestamp) -> Outcome {
        let mut outcome = Outcome::Refused("every one of a batch".to_owned());
        let mut left = batch.into_iter();
        while let Some(statement) = left.next() {
            match self.try_state(&statement, now).await {
                Outcome::Stated => outcome = Outcome::Stated,
                Outcome::Refused(_) => {}
                Outcome::Later => {
                    self.uncertain.push_front([statement].into_iter().chain(left).collect());
                    return Outcome::Later;
                }
            }
        }
        outcome
    }

    /// States what is uncertain; whether nothing is left of it.
    pub(crate) async fn restate(&mut self, now: Timestamp) -> bool {
        while let Some(batch) = self.uncertain.pop_front() {
            if matches!(self.state_all(batch, now).await, Outcome::Later) {
                return false;
            }
        }
        true
    }

    /// States something that whoever calls will state again itself, as it is.
    pub(crate) async fn try_state(&mut self, statement: &Statement, now: Timestamp) -> Outcome {
        self.try_state_all(std::slice::from_ref(statement), now).await
    }

    /// The same of several, of which all are to stand or none.
    pub(crate) async fn try_state_all(&mut self, batch: &[Statement], now: Timestamp) -> Outcome {
        let kind = batch.first().map_or("", |statement| statement.kind().name());
        let count = batch.len();
        self.last_stated = Some(now);
        match self.node.take_all(batch).await {
            Ok(places) => {
                self.awaited = self.awaited.max(places.into_iter().max());
                tracing::debug!(kind, count, "stated");
                Outcome::Stated
            }
            Err(QueryError::Refused(refusal)) if !refusal.code.is_passing() => {
                if count == 1 {
                    tracing::warn!(kind, %refusal, "statement refused");
                }
                Outcome::Refused(refusal.to_string())
            }
            Err(cause) => {
                tracing::info!(kind, count, %cause, "not stated yet");
                Outcome::Later
            }
        }
    }

    /// The own log was read up to and with this place.
    pub(crate) fn hear(&mut self, place: StatementIndex) {
        self.heard = self.heard.max(Some(place));
    }

    /// Whether something that the node took is still to come.
    pub(crate) fn is_waiting(&mut self, now: Timestamp) -> bool {
        let is_waiting = self.awaited > self.heard;
        let is_late = self.last_stated.is_some_and(|then| now.saturating_since(then) > ECHO_MAX);
        if is_waiting && is_late {
            tracing::warn!("statements that the node took are not in its log");
            self.awaited = None;
            return false;
        }
        is_waiting
    }
}

#[cfg(test)]
mod tests;
