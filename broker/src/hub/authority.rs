//! Who may do what, now: the policy that the node acts on, and the control logs it is replayed from.
//!
//! A statement is checked, made durable, and only then acted on. Readers take a snapshot and keep it
//! as long as they like; a new version wakes those that must act on it.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use sekisho_policy::{Applied, LoggedStatement, Policy};
use sekisho_proto::{Hash, OrgName, Statement, StatementIndex, Timestamp};
use sekisho_seal::StrictVerifier;
use sekisho_store::{Keyed as _, StatementToLog};
use thiserror::Error;
use tokio::sync::watch;

use super::refusal::Refusal;
use super::{metrics, unstored};
use crate::engine::KeyedStore;

/// Holds the policy; the only place that changes it.
#[derive(Debug)]
pub struct Authority {
    current: ArcSwap<Policy>,
    changed: watch::Sender<u64>,
    writing: Mutex<()>,
    keyed: Arc<KeyedStore>,
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
        let authority = Self {
            current: ArcSwap::from_pointee(policy),
            changed: watch::Sender::new(0),
            writing: Mutex::new(()),
            keyed,
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
        let _one_writer = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut policy = Policy::clone(&self.current.load());
        let applied = policy.apply(statement, received, &StrictVerifier)?;
        if applied.is_new {
            self.store(&applied, statement, received)?;
            self.publish(policy);
        }
        Ok(applied.index)
    }

    /// Everything that another organisation stated until `heard` is known here. What was decided
    /// before stays decided, so nobody is woken.
    pub fn note_heard(&self, organisation: &OrgName, heard: Timestamp) {
        let _one_writer = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut policy = Policy::clone(&self.current.load());
        policy.note_heard(organisation, heard);
        self.current.store(Arc::new(policy));
    }

    fn store(
        &self,
        applied: &Applied,
        statement: &Statement,
        received: Timestamp,
    ) -> Result<(), Refusal> {
        let encoded: Bytes = statement.encode().into();
        let other = applied.other.as_ref().map(|(organisation, _index)| organisation);
        let entries: Vec<StatementToLog> = [Some(&applied.organisation), other]
            .into_iter()
            .flatten()
            .map(|organisation| StatementToLog {
                organisation: organisation.clone(),
                received,
                statement: encoded.clone(),
            })
            .collect();
        match self.keyed.append_statements(&entries) {
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
        let mut logs = Vec::new();
        for organisation in self.keyed.organisations().map_err(read)? {
            let stored = self
                .keyed
                .statements(&organisation, StatementIndex::new(0), usize::MAX)
                .map_err(read)?;
            let statements = stored
                .into_iter()
                .map(|logged| decode(&organisation, &logged))
                .collect::<Result<Vec<_>, _>>()?;
            logs.push((organisation, statements));
        }
        let mut policy = Policy::clone(&self.current.load());
        let unapplied = policy.restore(logs, &StrictVerifier);
        if let Some(first) = unapplied.into_iter().next() {
            return Err(ReplayError::Statement {
                organisation: first.organisation,
                index: first.position,
                why: first.error.to_string(),
            });
        }
        self.publish(policy);
        Ok(())
    }
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
