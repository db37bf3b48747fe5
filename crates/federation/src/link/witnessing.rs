//! Watching the peer's logs: what its node says they hold is compared with what it has shown, and
//! cosigned where the two agree.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use sekisho_proto::{
    Hash, LogEntry, LogName, PublicKey, StatementIndex, StatementVerifier, Timestamp, frame,
    limits::CLOCK_AHEAD_MAX,
};
use sekisho_tlog::{Checkpoint, Frontier, Known, WitnessError, judge, leaf_hash};

use super::{CONTROL_LOG, HangupReason, Link, LinkCommand, Phase, Reading};
use crate::checkpoint::{LogFault, SignedCheckpoint};

/// What a checkpoint costs of the frames that a peer may send: two signatures are verified.
const CHECKPOINT_COST: usize = 20;

/// An entry of the peer's control log, as it is kept: what it takes to prove to others that it is
/// there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowedEntry {
    /// Its hash as a leaf.
    pub leaf: Hash,
    /// The statement's id.
    pub statement: Hash,
    /// When the peer logged it.
    pub received: Timestamp,
    /// The statement as it stands there: under the same id it may have other signatures here.
    pub encoded: Bytes,
}

/// What a link knows of the peer's logs.
#[derive(Debug)]
pub(super) struct Witness {
    /// The control log as far as it is applied here.
    log: Frontier,
    /// The control log as far as it is kept.
    kept: Frontier,
    /// Entries that were passed on to be applied, in order.
    arriving: VecDeque<(StatementIndex, LogEntry)>,
    /// Entries of `log` that are not kept yet, the last of it.
    unsaved: Vec<FollowedEntry>,
    /// The ids of the statements that were applied since the link was made.
    ids: BTreeSet<Hash>,
    /// Checkpoints of entries that are still to be applied, by size.
    pending: BTreeMap<u64, SignedCheckpoint>,
    /// The control log and the access log as they were last cosigned on this connection, and when.
    cosigned: [Option<(Checkpoint, Timestamp)>; 2],
    /// Of the control log, as it was received.
    shown: Option<String>,
    /// The newest checkpoint of a log that comes through a peer, while its signer is not known: that
    /// is in the statements before it.
    unread: Option<String>,
    /// It was said that the owner's log is shown as it was long ago.
    is_told_frozen: bool,
    /// The size for which this connection has proved what it shows.
    proven: Option<u64>,
    /// When the control log was last seen to go on, on this connection.
    seen_at: Timestamp,
    /// The time of the newest checkpoint of the control log.
    newest: Option<Timestamp>,
    /// The access log as it was last cosigned.
    access: Option<Known>,
}

/// What a statement was that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// The next one.
    Next,
    /// One that nobody waits for any more.
    Other,
    /// One that stands before it in the log already: a log that states one thing twice grows without
    /// end and says nothing.
    Repeated,
}

impl Witness {
    pub(super) fn new(
        log: Frontier,
        newest: Option<Timestamp>,
        access: Option<Known>,
        now: Timestamp,
    ) -> Self {
        Self {
            kept: log.clone(),
            log,
            arriving: VecDeque::new(),
            unsaved: Vec::new(),
            ids: BTreeSet::new(),
            pending: BTreeMap::new(),
            cosigned: [None, None],
            shown: None,
            unread: None,
            is_told_frozen: false,
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
        self.arriving.push_back((index, entry.clone()));
    }

    /// A statement was applied.
    pub(super) fn apply(
        &mut self,
        index: StatementIndex,
        statement: Hash,
        now: Timestamp,
    ) -> Applied {
        while let Some((arrived, entry)) = self.arriving.pop_front() {
            if arrived != index || index != self.applied() {
                continue;
            }
            if !self.ids.insert(statement) {
                return Applied::Repeated;
            }
            let leaf = leaf_hash(&entry.encode());
            self.log.append(leaf);
            let LogEntry { received, statement: encoded } = entry;
            self.unsaved.push(FollowedEntry { leaf, statement, received, encoded });
            self.seen_at = now;
            return Applied::Next;
        }
        Applied::Other
    }

    /// Whether a log was cosigned as it is on this connection, so lately that nobody needs to hear
    /// it again. Whoever shows it all the time would have the disk flushed all the time.
    fn is_cosigned(&self, signed: &SignedCheckpoint, interval: Duration, now: Timestamp) -> bool {
        self.cosigned.iter().flatten().any(|(checkpoint, at)| {
            *checkpoint == signed.checkpoint && now.saturating_since(*at) < interval
        })
    }

    fn note_cosigned(&mut self, signed: &SignedCheckpoint, now: Timestamp) {
        let [control, access] = &mut self.cosigned;
        let of_log = match signed.log {
            LogName::Control(_) => control,
            LogName::Access(_) => access,
        };
        *of_log = Some((signed.checkpoint.clone(), now));
    }

    pub(super) const fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// What is to be kept now.
    pub(super) fn take_unsaved(&mut self) -> Option<LinkCommand> {
        let entries = std::mem::take(&mut self.unsaved);
        self.kept.clone_from(&self.log);
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let first = StatementIndex::new(self.log.size().saturating_sub(count));
        (count > 0).then_some(LinkCommand::SaveEntries { first, entries })
    }

    /// A connection begins or has ended: what it has proved counts for no other.
    /// What came before the connection ended may still be applied.
    pub(super) fn begin_anew(&mut self, now: Timestamp) {
        self.pending.clear();
        self.cosigned = [None, None];
        self.shown = None;
        self.unread = None;
        self.is_told_frozen = false;
        self.proven = None;
        self.seen_at = now;
    }

    /// What is not kept may not be the log as its owner has it: it has to come again.
    pub(super) fn forget_unkept(&mut self) {
        for entry in self.unsaved.drain(..) {
            self.ids.remove(&entry.statement);
        }
        self.log.clone_from(&self.kept);
    }

    /// What is applied from now on is not known to be of this log.
    pub(super) fn forget_arriving(&mut self) {
        self.arriving.clear();
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
        self.hear(now);
        if told.subscription != CONTROL_LOG {
            let found = told.subscription;
            self.hang_up(HangupReason::UnknownSubscription { found }, now);
            return;
        }
        self.spending.frame(CHECKPOINT_COST, now);
        if self.is_repeated(&told.note, now) {
            return;
        }
        if self.is_transit() {
            self.witness.unread = Some(told.note.clone());
            self.read_passed_on(verifier, now);
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

    /// Whether this is, to the letter, what was judged and cosigned a moment ago.
    fn is_repeated(&self, note: &str, now: Timestamp) -> bool {
        let [control, _access] = &self.witness.cosigned;
        let interval = self.limits.cosign_interval;
        let is_recent =
            control.as_ref().is_some_and(|(_log, at)| now.saturating_since(*at) < interval);
        is_recent && self.witness.is_proven() && self.witness.shown.as_deref() == Some(note)
    }

    /// The keys of the nodes that the owner's log names and has not revoked, as this node has applied
    /// it: of a log that comes through a peer, nothing else tells who signs its checkpoints. To be
    /// called after [`new`](Self::new) and whenever statements were applied; without effect where
    /// the owner's node itself is dialled.
    pub fn handle_node_keys(
        &mut self,
        keys: Vec<PublicKey>,
        verifier: &dyn StatementVerifier,
        now: Timestamp,
    ) {
        self.node_keys = keys;
        if self.is_connected() {
            self.read_passed_on(verifier, now);
        }
    }

    /// Judges a checkpoint that a peer passed on, once everything that came before it is applied.
    fn read_passed_on(&mut self, verifier: &dyn StatementVerifier, now: Timestamp) {
        if self.witness.applied() != self.passed_on {
            return;
        }
        let Some(note) = self.witness.unread.take() else { return };
        let owner = &self.peering.organisation;
        let signed = SignedCheckpoint::parse_passed_on(&note, owner, &self.node_keys, verifier);
        if let Err(fault) = signed.and_then(|signed| self.judge_passed_on(signed, now)) {
            self.hang_up(HangupReason::Log(fault), now);
        }
    }

    /// The owner's history is judged as if its own node had shown it. But the peer may be behind, or
    /// the owner gone: then the log is what it was, and nothing is asked for by it.
    fn judge_passed_on(
        &mut self,
        signed: SignedCheckpoint,
        now: Timestamp,
    ) -> Result<(), LogFault> {
        let (organisation, size) = (self.peering.organisation.clone(), signed.checkpoint.size);
        if let LogName::Access(_) = signed.log {
            let found = signed.log.to_string();
            return Err(LogFault::OtherLog { organisation, found });
        }
        let applied = self.witness.log.size();
        if size > applied {
            return Err(LogFault::Withheld { log: signed.log, size, shown: applied });
        }
        // What the owner's node said within so short a time, two of its listeners may hear in another
        // order.
        let newest = self.witness.newest.unwrap_or(Timestamp::MIN);
        if size < applied && signed.time <= newest.saturating_add(CLOCK_AHEAD_MAX) {
            return Ok(());
        }
        judge(Some(&self.known()), &signed.checkpoint, &[])?;
        // However old, the owner has signed it.
        self.queue.extend(self.witness.take_unsaved());
        if signed.time.saturating_add(CLOCK_AHEAD_MAX) < newest {
            return Ok(());
        }
        let wall = self.wall(now);
        let earliest = wall.saturating_sub(self.limits.stale_after);
        match signed.check_time(None, earliest, wall) {
            Err(fault @ LogFault::Frozen { .. }) => {
                if !std::mem::replace(&mut self.witness.is_told_frozen, true) {
                    self.queue.push_back(LinkCommand::Distrust { fault });
                }
                return Ok(());
            }
            checked => checked?,
        }
        self.witness.is_told_frozen = false;
        self.believe(signed, |signed| LinkCommand::KeepCheckpoint { signed }, now);
        Ok(())
    }

    /// The control log is what its checkpoint says, and all of it is here.
    fn believe(
        &mut self,
        signed: SignedCheckpoint,
        keep: impl FnOnce(SignedCheckpoint) -> LinkCommand,
        now: Timestamp,
    ) {
        self.witness.proven = Some(self.witness.log.size());
        self.witness.newest = self.witness.newest.max(Some(signed.time));
        self.witness.seen_at = now;
        let heard = signed.time.min(self.wall(now));
        self.queue.extend(self.witness.take_unsaved());
        if !self.witness.is_cosigned(&signed, self.limits.cosign_interval, now) {
            self.witness.note_cosigned(&signed, now);
            self.witness.shown = Some(signed.note.to_string());
            self.queue.push_back(keep(signed));
        }
        self.note_heard(heard);
        self.holding.note_complete(heard);
        self.begin_where_complete(now);
        self.give_up_held(now);
    }

    fn judge_control(&mut self, signed: SignedCheckpoint, now: Timestamp) -> Result<(), LogFault> {
        let (size, shown) = (signed.checkpoint.size, self.passed_on.value());
        if size > shown {
            return Err(LogFault::Withheld { log: signed.log, size, shown });
        }
        if size < self.witness.log.size() {
            judge(Some(&self.known()), &signed.checkpoint, &[])?;
        }
        if let Some(known) = self.witness.pending.get(&size) {
            let (known, found) = (known.checkpoint.root, signed.checkpoint.root);
            if known != found {
                let log = signed.log.to_string();
                return Err(WitnessError::Forked { log, size, known, found }.into());
            }
        }
        self.witness.pending.insert(size, signed);
        let max = self.limits.checkpoints_ahead_max;
        self.settle_checkpoint(now)?;
        if self.witness.pending.len() > max {
            self.hang_up(HangupReason::Flood { max }, now);
        }
        Ok(())
    }

    /// Judges each checkpoint that waits and covers nothing but what is applied.
    pub(super) fn settle_checkpoint(&mut self, now: Timestamp) -> Result<(), LogFault> {
        let applied = self.witness.log.size();
        while let Some(first) = self.witness.pending.first_entry() {
            if *first.key() > applied {
                break;
            }
            let signed = first.remove();
            judge(Some(&self.known()), &signed.checkpoint, &[])?;
            let wall = self.wall(now);
            let earliest = wall.saturating_sub(self.limits.stale_after);
            signed.check_time(self.witness.newest, earliest, wall)?;
            let subscription = CONTROL_LOG;
            self.believe(signed, |signed| LinkCommand::Cosign { subscription, signed }, now);
        }
        Ok(())
    }

    /// What is wrong with the access log is said and keeps it from being cosigned; what crosses the
    /// link does not depend on it.
    fn judge_access(&mut self, signed: SignedCheckpoint, told: &frame::Checkpoint, now: Timestamp) {
        let known = self.witness.access;
        let size = known.map_or(0, |known| known.size);
        let is_known = self.witness.is_cosigned(&signed, self.limits.cosign_interval, now);
        if told.old_size != size {
            // It was under way when the last one was cosigned.
            self.queue.push_back(LinkCommand::Know {
                subscription: CONTROL_LOG,
                log: signed.log,
                size,
            });
            return;
        }
        let wall = self.wall(now);
        let earliest = wall.saturating_sub(self.limits.stale_after);
        let judged = judge(known.as_ref(), &signed.checkpoint, &told.consistency)
            .map_err(LogFault::from)
            .and_then(|_verdict| signed.check_time(None, earliest, wall));
        match judged {
            Ok(()) if is_known => self.queue.push_back(LinkCommand::Know {
                subscription: CONTROL_LOG,
                log: signed.log,
                size,
            }),
            Ok(()) => {
                self.witness.access = Some(Known::from(&signed.checkpoint));
                self.witness.note_cosigned(&signed, now);
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

    /// When a peer is given up that shows no checkpoint. Through a peer, whose own life others
    /// watch, nothing more is asked for once the owner has not been heard for too long.
    pub(super) fn checkpoint_due(&self) -> Option<Timestamp> {
        if !matches!(self.phase, Phase::Connected { .. }) {
            return None;
        }
        if self.is_transit() {
            let newest = self.witness.newest.filter(|_newest| self.reading == Reading::Complete)?;
            let stale_after = self.limits.stale_after.saturating_add(Duration::from_micros(1));
            return Some(self.steady(newest.saturating_add(stale_after)));
        }
        Some(self.witness.seen_at().saturating_add(self.limits.checkpoint_patience))
    }

    pub(super) fn give_up_without_checkpoint(&mut self, now: Timestamp) -> bool {
        if self.checkpoint_due().is_none_or(|due| due > now) {
            return false;
        }
        if let Some(since) = self.witness.newest.filter(|_newest| self.is_transit()) {
            self.hang_up(HangupReason::Stale { since }, now);
            return true;
        }
        let log = LogName::Control(self.peering.organisation.clone());
        let since = self.witness.seen_at();
        self.hang_up(HangupReason::Log(LogFault::Missing { log, since }), now);
        true
    }
}
