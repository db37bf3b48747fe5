//! Watching the peer's logs: what its node says they hold is compared with what it has shown, and
//! cosigned where the two agree.

use sekisho_proto::{Hash, LogEntry, LogName, StatementIndex, StatementVerifier, Timestamp, frame};
use sekisho_tlog::{Frontier, Known, judge, leaf_hash};

use super::{CONTROL_LOG, HangupReason, Link, LinkCommand, Phase};
use crate::checkpoint::{LogFault, SignedCheckpoint};

/// An entry of the peer's control log, as it is kept: what it takes to prove to others that it is
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowedEntry {
    /// Its hash as a leaf.
    pub leaf: Hash,
    /// The statement's id.
    pub statement: Hash,
    /// When the peer logged it.
    pub received: Timestamp,
}

/// What a link knows of the peer's logs.
#[derive(Debug)]
pub(super) struct Witness {
    /// The control log as far as it is applied here.
    log: Frontier,
    /// Entries that were passed on to be applied, in order.
    arriving: std::collections::VecDeque<(StatementIndex, Hash, Timestamp)>,
    /// Entries of `log` that are not kept yet, the last of it.
    unsaved: Vec<FollowedEntry>,
    /// A checkpoint of entries that are still to be applied.
    pending: Option<SignedCheckpoint>,
    /// The size for which this connection has proved what it shows.
    proven: Option<u64>,
    /// When the control log was last seen to go on, on this connection.
    seen_at: Timestamp,
    /// The time of the newest checkpoint of the control log.
    newest: Option<Timestamp>,
    /// The access log as it was last cosigned.
    access: Option<Known>,
}

impl Witness {
    pub(super) const fn new(
        log: Frontier,
        newest: Option<Timestamp>,
        access: Option<Known>,
        now: Timestamp,
    ) -> Self {
        Self {
            log,
            arriving: std::collections::VecDeque::new(),
            unsaved: Vec::new(),
            pending: None,
            proven: None,
            seen_at: now,
            newest,
            access,
        }
    }

    /// The first statement that is not applied here.
    pub(super) const fn applied(&self) -> StatementIndex {
        StatementIndex::new(self.log.size())
    }

    pub(super) fn arrive(&mut self, index: StatementIndex, entry: &LogEntry) {
        self.arriving.push_back((index, leaf_hash(&entry.encode()), entry.received));
    }

    /// Whether this was the next one.
    pub(super) fn apply(&mut self, index: StatementIndex, statement: Hash, now: Timestamp) -> bool {
        while let Some((arrived, leaf, received)) = self.arriving.pop_front() {
            if arrived == index && index == self.applied() {
                self.log.append(leaf);
                self.unsaved.push(FollowedEntry { leaf, statement, received });
                self.seen_at = now;
                return true;
            }
        }
        false
    }

    pub(super) const fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// What is to be kept now.
    pub(super) fn take_unsaved(&mut self) -> Option<LinkCommand> {
        let entries = std::mem::take(&mut self.unsaved);
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let first = StatementIndex::new(self.log.size().saturating_sub(count));
        (count > 0).then_some(LinkCommand::SaveEntries { first, entries })
    }

    /// A connection begins or has ended: what it has proved counts for no other.
    pub(super) fn begin_anew(&mut self, now: Timestamp) {
        self.arriving.clear();
        self.pending = None;
        self.proven = None;
        self.seen_at = now;
    }

    /// Whether the peer has proved that what is applied here is all of its log.
    pub(super) fn is_proven(&self) -> bool {
        self.proven == Some(self.log.size())
    }

    pub(super) const fn seen_at(&self) -> Timestamp {
        self.seen_at
    }
}

impl Link {
    /// The peer's node says what a log of its organisation holds now.
    ///
    /// A checkpoint of the control log is compared with the statements that came, once they are
    /// applied; one of the access log must prove that it goes on where the last one ended. What
    /// holds is kept and cosigned. A control log that is not what it was ends the connection, and
    /// nothing is asked of the peer before it has proved otherwise.
    pub fn handle_checkpoint(
        &mut self,
        told: &frame::Checkpoint,
        verifier: &dyn StatementVerifier,
        now: Timestamp,
    ) {
        if !self.is_connected() {
            return;
        }
        self.handle_heard(now);
        if told.subscription != CONTROL_LOG {
            let found = told.subscription;
            self.hang_up(HangupReason::UnknownSubscription { found }, now);
            return;
        }
        let judged =
            SignedCheckpoint::parse(&told.note, &self.peering, verifier).and_then(|signed| {
                match signed.log {
                    LogName::Control(_) => self.judge_control(signed, now),
                    LogName::Access(_) => {
                        self.judge_access(signed, told, now);
                        Ok(())
                    }
                }
            });
        if let Err(fault) = judged {
            self.hang_up(HangupReason::Log(fault), now);
        }
    }

    fn judge_control(&mut self, signed: SignedCheckpoint, now: Timestamp) -> Result<(), LogFault> {
        let (size, shown) = (signed.checkpoint.size, self.passed_on.value());
        if size > shown {
            return Err(LogFault::Withheld { log: signed.log, size, shown });
        }
        if size < self.witness.log.size() {
            judge(Some(&self.known()), &signed.checkpoint, &[])?;
        }
        self.witness.pending = Some(signed);
        self.settle_checkpoint(now)
    }

    /// Judges the checkpoint that waits, where everything that it covers is applied.
    pub(super) fn settle_checkpoint(&mut self, now: Timestamp) -> Result<(), LogFault> {
        let size = self.witness.log.size();
        let Some(signed) = self.witness.pending.take_if(|known| known.checkpoint.size <= size)
        else {
            return Ok(());
        };
        judge(Some(&self.known()), &signed.checkpoint, &[])?;
        let earliest = now.saturating_sub(self.limits.stale_after);
        signed.check_time(self.witness.newest, earliest, now)?;
        self.witness.proven = Some(size);
        self.witness.newest = self.witness.newest.max(Some(signed.time));
        self.witness.seen_at = now;
        let heard = signed.time.min(now);
        self.queue.extend(self.witness.take_unsaved());
        self.queue.push_back(LinkCommand::Cosign { subscription: CONTROL_LOG, signed });
        self.note_heard(heard);
        self.begin_where_complete(now);
        Ok(())
    }

    /// What is wrong with the access log is said and keeps it from being cosigned; what crosses the
    /// link does not depend on it.
    fn judge_access(&mut self, signed: SignedCheckpoint, told: &frame::Checkpoint, now: Timestamp) {
        let known = self.witness.access;
        let size = known.map_or(0, |known| known.size);
        if told.old_size != size {
            // It was under way when the last one was cosigned.
            self.queue.push_back(LinkCommand::Know {
                subscription: CONTROL_LOG,
                log: signed.log,
                size,
            });
            return;
        }
        let earliest = now.saturating_sub(self.limits.stale_after);
        let judged = judge(known.as_ref(), &signed.checkpoint, &told.consistency)
            .map_err(LogFault::from)
            .and_then(|_verdict| signed.check_time(None, earliest, now));
        match judged {
            Ok(()) => {
                self.witness.access = Some(Known::from(&signed.checkpoint));
                self.queue.push_back(LinkCommand::Cosign { subscription: CONTROL_LOG, signed });
            }
            Err(fault) => self.queue.push_back(LinkCommand::Distrust { fault }),
        }
    }

    fn known(&self) -> Known {
        Known { size: self.witness.log.size(), root: self.witness.log.root() }
    }

    pub(super) fn known_of_access(&self) -> LinkCommand {
        LinkCommand::Know {
            subscription: CONTROL_LOG,
            log: LogName::Access(self.peering.organisation.clone()),
            size: self.witness.access.map_or(0, |known| known.size),
        }
    }

    /// When a peer is given up that shows no checkpoint.
    pub(super) fn checkpoint_due(&self) -> Option<Timestamp> {
        let patience = self.limits.checkpoint_patience;
        let connected = matches!(self.phase, Phase::Connected { .. });
        connected.then(|| self.witness.seen_at().saturating_add(patience))
    }

    pub(super) fn give_up_without_checkpoint(&mut self, now: Timestamp) -> bool {
        if self.checkpoint_due().is_none_or(|due| due > now) {
            return false;
        }
        let log = LogName::Control(self.peering.organisation.clone());
        let since = self.witness.seen_at();
        self.hang_up(HangupReason::Log(LogFault::Missing { log, since }), now);
        true
    }
}
