//! Statements: into policies, and on to whoever follows.

use std::{sync::Arc, time::Duration};

use sekisho_federation::cosigner_name;
use sekisho_policy::Policy;
use sekisho_proto::{LogEntry, LogName, OrgName, Statement, StatementIndex, Timestamp, frame};
use sekisho_seal::StrictVerifier;
use sekisho_tlog::{Checkpoint, NoteError, Signing, cosign, leaf_hash, sign_checkpoint};

use super::{Federation, SHOWN_AGAIN};
use crate::failure::{Broken, broken};

/// As the broker has it.
const STATEMENTS_PER_FRAME: usize = 64;
/// A checkpoint that is almost as old as it may be is shown again.
const ALMOST: Duration = Duration::from_secs(1);

impl Federation {
    /// An organisation states something.
    pub(in crate::scale) fn state(
        &mut self,
        node: usize,
        statement: &Statement,
    ) -> Result<(), Broken> {
        self.apply(node, statement, self.agenda.now)?;
        self.announce(node)?;
        self.drain(node)
    }

    /// Applies a statement; those that come together are announced together.
    pub(super) fn apply(
        &mut self,
        node: usize,
        statement: &Statement,
        received: Timestamp,
    ) -> Result<(), Broken> {
        let now = self.agenda.now;
        let state = self.node_mut(node)?;
        let policy = state.changing.get_or_insert_with(|| Policy::clone(&state.policy));
        let applied = policy
            .apply(statement, received, &StrictVerifier)
            .map_err(|error| broken("applying a statement")(&error))?;
        if !applied.is_new {
            return Ok(());
        }
        let other = applied.other.as_ref().map(|(organisation, _index)| organisation);
        if applied.organisation == state.name || other == Some(&state.name) {
            let entry = LogEntry { received, statement: statement.encode().into() };
            state.log.append(leaf_hash(&entry.encode()));
            state.statements.push((entry.statement, received));
        }
        self.watch.note(&statement.id(), node, now);
        Ok(())
    }

    /// Router, links and followers hear what was applied.
    pub(super) fn announce(&mut self, node: usize) -> Result<(), Broken> {
        let now = self.agenda.now;
        let state = self.node_mut(node)?;
        let Some(policy) = state.changing.take() else { return Ok(()) };
        let is_changed = policy.version() != state.policy.version();
        state.policy = Arc::new(policy);
        if !is_changed {
            return Ok(());
        }
        let policy = Arc::clone(&state.policy);
        state.router.handle_policy(Arc::clone(&policy), now);
        let links: Vec<usize> = state.imports.values().copied().collect();
        for wire in links {
            self.tell_link(wire, |link| link.handle_policy(&policy, now))?;
        }
        self.tell_followers(node)
    }

    pub(super) fn note_heard(
        &mut self,
        node: usize,
        organisation: &OrgName,
        at: Timestamp,
    ) -> Result<(), Broken> {
        let now = self.agenda.now;
        let state = self.node_mut(node)?;
        let mut policy = Policy::clone(&state.policy);
        policy.note_heard(organisation, at);
        state.policy = Arc::new(policy);
        state.router.handle_heard(Arc::clone(&state.policy), now);
        Ok(())
    }

    pub(super) fn tell_followers(&mut self, node: usize) -> Result<(), Broken> {
        for wire in self.node(node)?.exports.clone() {
            self.tell_follower(wire)?;
        }
        Ok(())
    }

    /// Sends what is new in the exporter's control log, and a checkpoint where one is due.
    pub(super) fn tell_follower(&mut self, wire: usize) -> Result<(), Broken> {
        let now = self.agenda.now;
        let known = self.wire(wire)?;
        let exporter = known.exporter;
        let Some(mut follower) = known.follower else { return Ok(()) };
        loop {
            let node = self.node(exporter)?;
            let first = follower.next;
            let place = usize::try_from(first.value()).unwrap_or(usize::MAX);
            let statements: Vec<_> = node
                .statements
                .iter()
                .skip(place)
                .take(STATEMENTS_PER_FRAME)
                .map(|(statement, received)| frame::FollowedStatement {
                    statement: statement.clone(),
                    received: *received,
                })
                .collect();
            let at_end = statements.is_empty();
            if at_end && follower.told {
                break;
            }
            let count = u64::try_from(statements.len()).unwrap_or(u64::MAX);
            follower.next = StatementIndex::new(first.value().saturating_add(count));
            follower.told = follower.told || at_end;
            let (subscription, organisation) = (follower.subscription, node.name.clone());
            self.send_down(
                wire,
                frame::Statements { subscription, organisation, first, statements },
            )?;
        }
        let size = self.node(exporter)?.log.size();
        let is_due = follower.shown.is_none_or(|(shown, at)| {
            shown != size || now.saturating_since(at) >= SHOWN_AGAIN.saturating_sub(ALMOST)
        });
        if follower.next.value() == size && is_due {
            follower.shown = Some((size, now));
            let note = self.checkpoint(exporter).map_err(|fault| broken("a checkpoint")(&fault))?;
            let subscription = follower.subscription;
            let consistency = Vec::new();
            self.send_down(
                wire,
                frame::Checkpoint { subscription, note, old_size: 0, consistency },
            )?;
        }
        self.wire_mut(wire)?.follower = Some(follower);
        Ok(())
    }

    /// What a node says of its log.
    fn checkpoint(&self, node: usize) -> Result<String, NoteError> {
        let (Some(state), Some(own)) = (self.nodes.get(node), self.organisations.get(node)) else {
            return Ok(String::new());
        };
        let sign = |message: &[u8]| own.node.sign(message);
        let signing = Signing { key: own.node.public_key(), sign: &sign };
        let origin = LogName::Control(state.name.clone()).to_string();
        let checkpoint = Checkpoint { origin, size: state.log.size(), root: state.log.root() };
        let note = sign_checkpoint(&checkpoint, &signing)?;
        let line = cosign(&note, &cosigner_name(&state.name), &signing, self.agenda.now)?;
        Ok(note.with_signature(line)?.to_string())
    }
}
