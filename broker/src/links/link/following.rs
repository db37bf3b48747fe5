//! What a link does with the peer's logs: it applies statements, many at once, keeps what they were,
//! and cosigns what holds.

use sekisho_federation::{LinkCommand, LogFault, SignedCheckpoint};
use sekisho_proto::{Frame, Hash, LogEntry, StatementIndex, frame, limits};
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
                    self.link.handle_bad_statement(index, clock::now());
                    break;
                }
            }
            index = index.next();
        }
        next
    }

    fn applied(&mut self, first: StatementIndex, ids: Vec<Hash>) {
        let mut index = first;
        for id in ids {
            self.link.handle_applied(index, id, clock::now());
            index = index.next();
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
