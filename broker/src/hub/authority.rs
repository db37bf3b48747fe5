//! Who may do what, now: the policy that the node acts on, and the control logs it is replayed from.
//!
//! A statement is checked, made durable, and only then acted on. Whoever states something while
//! others do shares their turn: one copy of the policy, one transaction, one waking. Readers take a
//! snapshot and keep it as long as they like; a new version wakes those that must act on it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use sekisho_policy::{Applied, LoggedStatement, Policy};
use sekisho_proto::{Hash, LogName, OrgName, RefusalCode, Statement, StatementIndex, Timestamp};
use sekisho_seal::StrictVerifier;
use sekisho_store::{Keyed as _, StatementToLog};
use thiserror::Error;
use tokio::sync::watch;

mod checking;

use super::logs::leaf;
use super::merkle_log::MerkleLog;
use super::refusal::Refusal;
use super::{metrics, unstored};
use crate::engine::KeyedStore;

/// Statements that share a turn, at most, unless a single caller brings more. Whatever waits beyond
/// it has the next turn.
const STATEMENTS_PER_TURN: usize = 4_096;

/// Holds the policy; the only place that changes it.
#[derive(Debug)]
pub struct Authority {
    current: ArcSwap<Policy>,
    changed: watch::Sender<u64>,
    /// Taken by whoever commits, for everybody that waits.
    writing: Mutex<()>,
    waiting: Mutex<Vec<Arc<Asked>>>,
    keyed: Arc<KeyedStore>,
    /// The organisation's own log, as it is shown to others: grows with what is stored.
    log: MerkleLog,
}

/// What one caller wants to have applied: all of it or nothing.
#[derive(Debug)]
struct Asked {
    /// Each with when it was received.
    statements: Vec<(Statement, Timestamp)>,
    answer: OnceLock<Result<Vec<StatementIndex>, Refusal>>,
}

/// Why the control logs of this node cannot be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The keyed store cannot be read.
    #[error("control logs: cannot be read")]
    Read {
        /// What the store said.
        source: sekisho_store::KeyedError,
    },
    /// A statement in the log is not one.
    #[error("control log of {organisation}, statement {index}: {why}")]
    Statement {
        /// Whose log.
        organisation: OrgName,
        /// Which statement, from 0.
        index: usize,
        /// What is wrong with it.
        why: String,
    },
}

impl Authority {
    /// Replays what is stored; a new node begins with `genesis`.
    ///
    /// # Errors
    /// A log cannot be read, or holds a statement that does not follow from those before it.
    pub fn replay(
        organisation: &OrgName,
        root: Hash,
        genesis: &[Statement],
        keyed: Arc<KeyedStore>,
        now: Timestamp,
    ) -> Result<Self, ReplayError> {
        let policy = Policy::new(organisation.clone(), root);
        let log = MerkleLog::new(LogName::Control(organisation.clone()), []);
        let authority = Self {
            current: ArcSwap::from_pointee(policy),
            changed: watch::Sender::new(0),
            writing: Mutex::new(()),
            waiting: Mutex::default(),
            keyed,
            log,
        };
        authority.replay_stored()?;
        if authority.snapshot().log(organisation).is_empty() {
            for (index, statement) in genesis.iter().enumerate() {
                authority.apply(statement, now).map_err(|refusal| ReplayError::Statement {
                    organisation: organisation.clone(),
                    index,
                    why: refusal.why,
                })?;
            }
        }
        Ok(authority)
    }

    /// The policy as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Policy> {
        self.current.load_full()
    }

    /// The version of the policy as it is now.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.current.load().version()
    }

    /// The organisation's own log as a tree. It is never behind the policy.
    pub(crate) const fn log(&self) -> &MerkleLog {
        &self.log
    }

    /// Woken with the new version whenever the policy has changed.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Checks a statement, stores it and acts on it. Known ones change nothing. Blocks on the disk.
    ///
    /// # Errors
    /// The statement does not follow from the log, or could not be stored.
    pub fn apply(
        &self,
        statement: &Statement,
        received: Timestamp,
    ) -> Result<StatementIndex, Refusal> {
        let indices = self.apply_all(std::slice::from_ref(statement), received)?;
        indices.first().copied().ok_or_else(no_answer)
    }

    /// The same for several, each of which may rely on those before it: all are applied or none.
    ///
    /// # Errors
    /// As for [`apply`](Self::apply), of the first one that is refused.
    pub fn apply_all(
        &self,
        statements: &[Statement],
        received: Timestamp,
    ) -> Result<Vec<StatementIndex>, Refusal> {
        self.apply_received(statements.iter().map(|one| (one.clone(), received)).collect())
    }

    /// The same for several that were received at different times.
    ///
    /// # Errors
    /// As for [`apply_all`](Self::apply_all).
    pub(crate) fn apply_received(
        &self,
        statements: Vec<(Statement, Timestamp)>,
    ) -> Result<Vec<StatementIndex>, Refusal> {
        let asked = Arc::new(Asked { statements, answer: OnceLock::new() });
        self.waiting().push(Arc::clone(&asked));
        let _one_writer = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else's turn may have been this caller's, too. Else this one is everybody's.
        while asked.answer.get().is_none() {
            let turn = self.next_turn();
            if turn.is_empty() {
                break;
            }
            self.commit(&turn);
        }
        asked.answer.get().cloned().unwrap_or_else(|| Err(no_answer()))
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Arc<Asked>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_turn(&self) -> Vec<Arc<Asked>> {
        let mut waiting = self.waiting();
        let mut statements = 0;
        let many = |asked: &Arc<Asked>| {
            statements += asked.statements.len();
            statements > STATEMENTS_PER_TURN
        };
        let end = waiting.iter().position(many).unwrap_or(waiting.len());
        let end = end.max(1).min(waiting.len());
        waiting.drain(..end).collect()
    }

    /// One turn: what each caller brought is checked on top of what those before it did, then all
    /// of it is stored at once, and only then acted on and answered.
    fn commit(&self, turn: &[Arc<Asked>]) {
        let mut policy = Policy::clone(&self.current.load());
        let mut entries = Vec::new();
        let checked: Vec<_> =
            turn.iter().map(|asked| check(&mut policy, asked, &mut entries)).collect();
        let stored = self.store(&entries);
        if stored.is_ok() && !entries.is_empty() {
            let own = entries.into_iter().filter(|entry| entry.organisation == *policy.own());
            self.log.extend(own.map(|entry| leaf(entry.received, entry.statement)));
            self.publish(policy);
        }
        for (asked, checked) in turn.iter().zip(checked) {
            let answer = checked.and_then(|indices| stored.clone().map(|()| indices));
            // It is answered in the turn that took it, and in no other.
            drop(asked.answer.set(answer));
        }
    }

    /// Everything that another organisation stated until `heard` is known here. What was decided
    /// before stays decided, so nobody is woken.
    pub fn note_heard(&self, organisation: &OrgName, heard: Timestamp) {
        let _one_writer = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut policy = Policy::clone(&self.current.load());
        policy.note_heard(organisation, heard);
        self.current.store(Arc::new(policy));
    }

    fn store(&self, entries: &[StatementToLog]) -> Result<(), Refusal> {
        if entries.is_empty() {
            return Ok(());
        }
        match self.keyed.append_statements(entries) {
            Ok(_indices) => Ok(()),
            Err(fault) => Err(unstored("control log", &fault)),
        }
    }

    fn publish(&self, policy: Policy) {
        let version = policy.version();
        self.current.store(Arc::new(policy));
        metrics::set(metrics::POLICY_VERSION, version);
        self.changed.send_replace(version);
    }

    fn replay_stored(&self) -> Result<(), ReplayError> {
        let read = |source| ReplayError::Read { source };
        let (mut logs, mut own) = (Vec::new(), Vec::new());
        for organisation in self.keyed.organisations().map_err(read)? {
            let stored = self
                .keyed
                .statements(&organisation, StatementIndex::new(0), usize::MAX)
                .map_err(read)?;
            let statements = stored
                .iter()
                .map(|logged| decode(&organisation, logged))
                .collect::<Result<Vec<_>, _>>()?;
            if organisation == *self.log.name().organisation() {
                own.extend(statements.iter().map(|(statement, _received)| statement.id()));
                self.log.extend(stored.into_iter().map(|one| leaf(one.received, one.statement)));
            }
            logs.push((organisation, statements));
        }
        let mut policy = Policy::clone(&self.current.load());
        let statements: Vec<&Statement> = logs
            .iter()
            .flat_map(|(_organisation, log)| log)
            .map(|(statement, _received)| statement)
            .collect();
        let verifier = checking::check_all(&statements);
        let unapplied = policy.restore(logs, &verifier);
        if let Some(first) = unapplied.into_iter().next() {
            return Err(ReplayError::Statement {
                organisation: first.organisation,
                index: first.position,
                why: first.error.to_string(),
            });
        }
        check_order(&policy, &own)?;
        self.publish(policy);
        Ok(())
    }
}

/// Whoever follows the log must get it in the order that was signed for.
fn check_order(policy: &Policy, stored: &[Hash]) -> Result<(), ReplayError> {
    let applied = policy.log(policy.own());
    let differs = stored.iter().zip(applied).position(|(id, logged)| *id != logged.statement.id());
    let short = (stored.len() != applied.len()).then(|| stored.len().min(applied.len()));
    match differs.or(short) {
        None => Ok(()),
        Some(index) => {
            let organisation = policy.own().clone();
            let why = "wanted it at its place, found another order".to_owned();
            Err(ReplayError::Statement { organisation, index, why })
        }
    }
}

/// Applies what one caller brought, and adds what is to be stored; where one statement is refused,
/// everything is as it was.
fn check(
    policy: &mut Policy,
    asked: &Asked,
    entries: &mut Vec<StatementToLog>,
) -> Result<Vec<StatementIndex>, Refusal> {
    let count = asked.statements.len();
    // A single statement that is refused changes nothing.
    let before = (count > 1).then(|| (policy.clone(), entries.len()));
    let mut indices = Vec::with_capacity(count);
    for (number, (statement, received)) in (1..).zip(&asked.statements) {
        match policy.apply(statement, *received, &StrictVerifier) {
            Ok(applied) => {
                indices.push(applied.index);
                if applied.is_new {
                    entries.extend(logged(&applied, statement, *received));
                }
            }
            Err(error) => {
                let mut refusal = Refusal::from(error);
                if let Some((policy_before, entries_before)) = before {
                    *policy = policy_before;
                    entries.truncate(entries_before);
                    refusal.what = format!("statement {number} of {count}");
                }
                return Err(refusal);
            }
        }
    }
    Ok(indices)
}

/// What is stored of a statement: of a peering, an entry in both logs.
fn logged(
    applied: &Applied,
    statement: &Statement,
    received: Timestamp,
) -> impl Iterator<Item = StatementToLog> {
    let encoded: Bytes = statement.encode().into();
    let other = applied.other.as_ref().map(|(organisation, _index)| organisation.clone());
    [Some(applied.organisation.clone()), other].into_iter().flatten().map(move |organisation| {
        StatementToLog { organisation, received, statement: encoded.clone() }
    })
}

/// The turn that took it ended in a panic.
fn no_answer() -> Refusal {
    Refusal::new(RefusalCode::Internal, "statement", "wanted an answer, found none")
}

fn decode(
    organisation: &OrgName,
    logged: &sekisho_store::LoggedStatement,
) -> Result<(Statement, Timestamp), ReplayError> {
    let statement = Statement::decode(&logged.statement).map_err(|fault| {
        let index = usize::try_from(logged.index.value()).unwrap_or(usize::MAX);
        ReplayError::Statement { organisation: organisation.clone(), index, why: fault.to_string() }
    })?;
    Ok((statement, logged.received))
}

/// One step of following a log: what there is from `from` on, at most `max` statements.
#[must_use]
pub fn log_from<'a>(
    policy: &'a Policy,
    organisation: &OrgName,
    from: StatementIndex,
    max: usize,
) -> &'a [LoggedStatement] {
    let log = policy.log(organisation);
    let start = usize::try_from(from.value()).unwrap_or(usize::MAX).min(log.len());
    let end = start.saturating_add(max).min(log.len());
    log.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
