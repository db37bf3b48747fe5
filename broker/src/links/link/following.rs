//! What a link does with the peer's logs: it applies statements, many at once, keeps what they were,
//! and cosigns what holds.

use sekisho_federation::{LinkCommand, LogFault, SignedCheckpoint};
use sekisho_proto::{
    Frame, Hash, LogEntry, PrincipalKind, Statement, StatementIndex, frame, limits,
};
use sekisho_seal::StrictVerifier;
use tracing::{error, warn};

use super::{Driver, Gone};
use crate::clock;
use crate::hub::{Refusal, Subject, metrics};

impl Driver {
    /// Applies a statement of the peer's log, and those behind it, at once. The first command that
    /// is none is left to be carried out.
    pub(super) async fn apply(
        &mut self,
        first: StatementIndex,
        entry: LogEntry,
    ) -> Option<LinkCommand> {
        let (mut entries, mut next) = (vec![entry], None);
        while next.is_none() && entries.len() < limits::STATEMENTS_PER_STATE_MAX {
            match self.link.poll_command() {
                Some(LinkCommand::Apply { entry, .. }) => entries.push(entry),
                Some(other) => next = Some(other),
                None => break,
            }
        }
        if let Some(index) = self.repeated(first, &entries) {
            warn!(%index, "a statement of the peer stands in its log already");
            let now = self.now();
            self.link.handle_bad_statement(index, now);
            return next;
        }
        if let Ok(ids) = self.hub.apply_foreign(&self.organisation, &entries).await {
            self.applied(first, ids);
            return next;
        }
        // None of them was applied: one by one, they show which is not in order.
        let mut index = first;
        for entry in entries {
            let one = std::slice::from_ref(&entry);
            match self.hub.apply_foreign(&self.organisation, one).await {
                Ok(ids) => self.applied(index, ids),
                Err(refusal) => {
                    warn!(%index, %refusal, "a statement of the peer was not applied");
                    let now = self.now();
                    self.link.handle_bad_statement(index, now);
                    break;
                }
            }
            index = index.next();
        }
        next
    }

    /// The first of these that the peer's log holds at another place, as far as it was kept before
    /// this link began. A node never logs a statement twice: a log that does grows without end.
    fn repeated(&self, first: StatementIndex, entries: &[LogEntry]) -> Option<StatementIndex> {
        let followed = self.hub.logs().followed().of(&self.organisation).ok()?;
        let mut index = first;
        for entry in entries {
            let id = Statement::decode(&entry.statement).ok().map(|statement| statement.id());
            let place = id.and_then(|id| followed.place_of(&id));
            if place.is_some_and(|place| place != index.value()) {
                return Some(index);
            }
            index = index.next();
        }
        None
    }

    fn applied(&mut self, first: StatementIndex, ids: Vec<Hash>) {
        let mut index = first;
        for id in ids {
            let now = self.now();
            self.count_given_up(|link| link.handle_applied(index, id, now));
            index = index.next();
        }
        self.tell_node_keys();
    }

    /// Who signs for a log that comes through a peer is in that log.
    pub(super) fn tell_node_keys(&mut self) {
        if !self.link.is_transit() {
            return;
        }
        let policy = self.hub.authority().snapshot();
        let all = policy.principals(&self.organisation).into_iter();
        let nodes =
            all.filter(|record| record.kind == PrincipalKind::Node && record.revoked.is_none());
        let keys = nodes.map(|record| record.public_key).collect();
        let now = self.now();
        self.count_given_up(|link| link.handle_node_keys(keys, &StrictVerifier, now));
    }

    /// What a peer passed on is kept as if it had been cosigned, for this node's own people.
    pub(super) async fn keep_checkpoint(&mut self, signed: SignedCheckpoint) {
        match self.hub.cosign(signed).await {
            Ok(_line) => self.report_witnessed(),
            Err(refusal) => self.begin_anew(&refusal),
        }
    }

    /// Nothing is cosigned that would not survive a power cut.
    pub(super) async fn cosign(
        &mut self,
        subscription: u32,
        signed: SignedCheckpoint,
    ) -> Result<(), Gone> {
        let (log, size) = (signed.log.clone(), signed.checkpoint.size);
        match self.hub.cosign(signed).await {
            Ok(line) => {
                self.report_witnessed();
                let signature = Some(line);
                let frame = frame::Cosigned { subscription, log, size, signature };
                self.steer(subscription, Frame::Cosigned(frame)).await
            }
            Err(refusal) => {
                self.begin_anew(&refusal);
                Ok(())
            }
        }
    }

    pub(super) fn begin_anew(&mut self, refusal: &Refusal) {
        error!(%refusal, "what the link knows cannot be kept: it begins anew");
        self.unkept = true;
        self.lose();
    }

    /// A peer whose history changes is what an administrator must hear of.
    pub(super) fn distrust(&self, fault: &LogFault) {
        metrics::log_fault(self.organisation.as_str(), fault.name());
        if let Some(unsaid) = self.hub.alarm().admit(Subject::Attack, clock::now()) {
            warn!(reason = fault.name(), %fault, unsaid, "a log of the peer is not to be trusted");
        }
    }
}
