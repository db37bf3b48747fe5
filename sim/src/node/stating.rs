//! Statements: into the policy, onto the disk, and on to whoever follows.

use std::sync::Arc;

use sekisho_policy::Recipient;
use sekisho_proto::{LogEntry, LogName, OrgName, Statement, StatementIndex, Timestamp, frame};
use sekisho_routing::SessionId;
use sekisho_seal::StrictVerifier;
use sekisho_store::{Keyed as _, Leaf, StatementToLog};

use super::{
    Context, Halt,
    running::{Follower, Running, Session},
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
        match self.apply(statement, context.now, context) {
            // Where a disk has lost statements, those that come after need not make sense.
            Err(Halt::Broken(_)) if context.ledger.doubt(self.index).lied => return Ok(()),
            applied => applied?,
        }
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
        self.known.learn(statement.id());
        if context.world.rights.is_about_contracts(&statement.id()) {
            let cities = context.world.cities.iter();
            cities.for_each(|city| context.ledger.disturb(self.index, city.name.clone()));
        }
        let withheld = self.router.counters().withheld;
        self.router.handle_policy(Arc::clone(&self.policy), context.now);
        let withheld = self.router.counters().withheld.saturating_sub(withheld);
        context.ledger.counts.withheld_queued += withheld;
        self.withhold(context);
        self.close_ways(context);
        self.tell_links(context)
    }

    /// Sends what is new in the control logs that are followed, and shows whoever has all of it that
    /// this is all.
    pub(super) fn tell_followers(&mut self, context: &mut Context<'_>) -> Result<(), Halt> {
        let sessions: Vec<SessionId> = self.sessions.keys().copied().collect();
        for session in sessions {
            while self.tell_follower(session, context)? {}
            self.pass_on_checkpoint(session, context)?;
        }
        self.show_checkpoints(context)
    }

    /// Sends a few statements; whether there was anything to send.
    fn tell_follower(
        &mut self,
        session: SessionId,
        context: &mut Context<'_>,
    ) -> Result<bool, Halt> {
        let Some(state) = self.sessions.get(&session) else { return Ok(false) };
        let Some(follower) = &state.follows else { return Ok(false) };
        let (first, parting) = (follower.next, state.parting);
        if parting.is_some_and(|end| first >= end) || !self.may_follow(state, follower, context) {
            return Ok(false);
        }
        let left = parting.map_or(u64::MAX, |end| end.value().saturating_sub(first.value()));
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(STATEMENTS_PER_FRAME);
        let statements = self.statements_of(&follower.organisation, first, most)?;
        if statements.is_empty() && follower.told {
            return Ok(false);
        }
        let (subscription, organisation) = (follower.subscription, follower.organisation.clone());
        let count = u64::try_from(statements.len()).unwrap_or(u64::MAX);
        if let Some(follower) = self.sessions.get_mut(&session).and_then(|it| it.follows.as_mut()) {
            follower.next = StatementIndex::new(first.value().saturating_add(count));
            follower.told |= statements.is_empty();
        }
        let statements = frame::Statements { subscription, organisation, first, statements };
        self.send(session, Stream::of(subscription), statements, context);
        Ok(true)
    }

    /// Whether a follower is still what it was when it came.
    fn may_follow(&self, state: &Session, follower: &Follower, context: &Context<'_>) -> bool {
        let Recipient::Peer(peer) = &state.recipient else { return true };
        if state.parting.is_some() {
            return true;
        }
        let contract = self.policy.peer(peer);
        contract.is_some_and(|found| found.is_in_force(context.now))
            && (follower.organisation == self.own
                || self.policy.passes_on(peer, &follower.organisation, context.now))
    }

    /// The own log; of another's, what a checkpoint covers that was found in order here.
    fn statements_of(
        &self,
        organisation: &OrgName,
        first: StatementIndex,
        most: usize,
    ) -> Result<Vec<frame::FollowedStatement>, Halt> {
        if *organisation == self.own {
            let found = self.store.keyed.statements(&self.own, first, most);
            let found = found.map_err(|_error| Halt::Crash)?.into_iter();
            return Ok(found
                .map(|logged| frame::FollowedStatement {
                    statement: logged.statement,
                    received: logged.received,
                })
                .collect());
        }
        let covered = self.newest_note(organisation)?.map_or(0, |(size, _note)| size);
        let left = usize::try_from(covered.saturating_sub(first.value())).unwrap_or(usize::MAX);
        let name = LogName::Control(organisation.clone());
        let leaves = self.store.keyed.leaves(&name, first.value(), most.min(left));
        let entry = |leaf: Leaf| {
            let LogEntry { received, statement } = LogEntry::decode(&leaf.entry)
                .map_err(|error| broken("an entry of a followed log")(&error))?;
            Ok(frame::FollowedStatement { statement, received })
        };
        leaves.map_err(|_error| Halt::Crash)?.into_iter().map(entry).collect()
    }

    /// Shows a peer the newest checkpoint of a log that is passed on to it, once.
    fn pass_on_checkpoint(
        &mut self,
        session: SessionId,
        context: &mut Context<'_>,
    ) -> Result<(), Halt> {
        let Some(state) = self.sessions.get(&session) else { return Ok(()) };
        let Some(follower) = &state.follows else { return Ok(()) };
        if follower.organisation == self.own
            || !follower.told
            || !self.may_follow(state, follower, context)
        {
            return Ok(());
        }
        let given = follower.next.value();
        let newest = self.newest_note(&follower.organisation)?;
        let Some((_size, note)) = newest.filter(|(size, _note)| *size <= given) else {
            return Ok(());
        };
        if follower.passed_on.as_ref() == Some(&note) {
            return Ok(());
        }
        let subscription = follower.subscription;
        let told = frame::Checkpoint {
            subscription,
            note: note.clone(),
            old_size: 0,
            consistency: Vec::new(),
        };
        if let Some(follower) = self.sessions.get_mut(&session).and_then(|it| it.follows.as_mut()) {
            follower.passed_on = Some(note);
        }
        self.send(session, Stream::of(subscription), told, context);
        Ok(())
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
