//! Statements: into the policy, onto the disk, and on to whoever follows.

use std::sync::Arc;

use sekisho_proto::{OrgName, Statement, StatementIndex, Timestamp, frame};
use sekisho_seal::StrictVerifier;
use sekisho_store::{Keyed as _, StatementToLog};

use super::{
    Context, Halt,
    running::{Follower, Running},
    witnessing::leaf,
};
use crate::{failure::broken, network::Stream};

/// Statements in one frame.
const STATEMENTS_PER_FRAME: usize = 3;

/// An organisation's statements with the times they were logged.
pub(super) type StoredLog = (OrgName, Vec<(Statement, Timestamp)>);

impl Running {
    /// The own organisation states something.
    pub(super) fn state(
        &mut self,
        statement: &Statement,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        self.apply(statement, context.now, context)?;
        context.ledger.counts.statements += 1;
        self.tell_followers(context)
    }

    pub(super) fn apply(
        &mut self,
        statement: &Statement,
        received: Timestamp,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        let mut policy = (*self.policy).clone();
        let applied = policy
            .apply(statement, received, &StrictVerifier)
            .map_err(|error| broken("applying a statement")(&error))?;
        if !applied.is_new {
            return Ok(());
        }
        let other = applied.other.map(|(organisation, _)| organisation);
        let logs: Vec<StatementToLog> = [applied.organisation]
            .into_iter()
            .chain(other)
            .map(|organisation| StatementToLog {
                organisation,
                received,
                statement: statement.encode().into(),
            })
            .collect();
        self.store.keyed.append_statements(&logs).map_err(|_error| Halt::Crash)?;
        for entry in logs.into_iter().filter(|entry| entry.organisation == self.own) {
            self.log.append(leaf(entry.received, entry.statement));
        }
        self.policy = Arc::new(policy);
        self.known.insert(statement.id());
        self.router.handle_policy(Arc::clone(&self.policy), context.now);
        self.follow_peers(context)
    }

    /// Sends what is new in the own control log.
    pub(super) fn tell_followers(&mut self, context: &mut Context<'_>) -> Result<(), Halt> {
        for state in self.sessions.values_mut() {
            while let Some(follower) = &mut state.follows {
                let Follower { subscription, next: first, told, .. } = *follower;
                let found = self
                    .store
                    .keyed
                    .statements(&self.own, first, STATEMENTS_PER_FRAME)
                    .map_err(|_error| Halt::Crash)?;
                let at_end = found.is_empty();
                if at_end && told {
                    break;
                }
                let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
                follower.next = StatementIndex::new(first.value().saturating_add(count));
                follower.told = told || at_end;
                let statements = found
                    .into_iter()
                    .map(|logged| frame::FollowedStatement {
                        statement: logged.statement,
                        received: logged.received,
                    })
                    .collect();
                let organisation = self.own.clone();
                let statements =
                    frame::Statements { subscription, organisation, first, statements };
                let stream = Stream::of(subscription);
                let (now, random) = (context.now, &mut *context.random);
                context.network.send_down(state.connection, stream, statements, now, random);
            }
        }
        self.show_checkpoints(context)
    }

    /// Every statement of every organisation that the disk holds.
    pub(super) fn stored_statements(store: &sekisho_store::Store) -> Result<Vec<StoredLog>, Halt> {
        let organisations = store.keyed.organisations().map_err(|_error| Halt::Crash)?;
        organisations
            .into_iter()
            .map(|organisation| {
                let first = StatementIndex::new(0);
                let logged = store
                    .keyed
                    .statements(&organisation, first, usize::MAX)
                    .map_err(|_error| Halt::Crash)?;
                let statements = logged
                    .into_iter()
                    .map(|logged| {
                        let statement = Statement::decode(&logged.statement)
                            .map_err(|error| broken("a stored statement")(&error))?;
                        Ok((statement, logged.received))
                    })
                    .collect::<Result<_, Halt>>()?;
                Ok((organisation, statements))
            })
            .collect()
    }
}
