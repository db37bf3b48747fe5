//! Which checkpoints a peer is shown, and when.

use std::time::Duration;

use sekisho_proto::{LogName, OrgName, Timestamp, frame};
use tracing::error;

use crate::hub::{Logs, Refusal};

/// A checkpoint is shown again after so long where nothing changed: a third of the time after which
/// a link gives up.
const SHOWN_AGAIN: Duration = Duration::from_secs(60);
/// How often the access log is looked at: it grows all the time, and nobody waits for its
/// cosignatures.
const LOOK_AT_ACCESS: Duration = Duration::from_secs(1);

/// What one peer was shown.
#[derive(Debug)]
pub(super) struct Showing {
    peer: OrgName,
    /// Size and time of the control log's last checkpoint.
    control: Option<(u64, Timestamp)>,
    /// Until where the peer knows the access log, once it has said so.
    access_known: Option<u64>,
    /// Size and time of a checkpoint of the access log that the peer has not answered.
    under_way: Option<Timestamp>,
    access_shown: Option<Timestamp>,
    /// It was said that the peer knows more of the access log than there is.
    is_ahead: bool,
}

impl Showing {
    pub(super) const fn new(peer: OrgName) -> Self {
        Self {
            peer,
            control: None,
            access_known: None,
            under_way: None,
            access_shown: None,
            is_ahead: false,
        }
    }

    pub(super) const fn peer(&self) -> &OrgName {
        &self.peer
    }

    /// How long until there may be something to show, unless the control log grows.
    pub(super) fn due(&self, now: Timestamp) -> Duration {
        let control = self.control.map_or(now, |(_size, at)| at.saturating_add(SHOWN_AGAIN));
        let access = self
            .access_known
            .map(|_known| self.access_shown.map_or(now, |at| at.saturating_add(LOOK_AT_ACCESS)));
        let due = access.map_or(control, |access| access.min(control));
        due.saturating_since(now).max(Duration::from_millis(1))
    }

    /// A checkpoint that is due: of the control log as far as the peer was given it, or of the
    /// access log.
    pub(super) fn next(
        &mut self,
        logs: &Logs,
        (subscription, given): (u32, u64),
        now: Timestamp,
    ) -> Result<Option<frame::Checkpoint>, Refusal> {
        let again = |at: Timestamp| now.saturating_since(at) >= SHOWN_AGAIN || at > now;
        if self.control.is_none_or(|(size, at)| size != given || again(at)) {
            self.control = Some((given, now));
            // Where the peer knows more than there is, what there is tells it so.
            let log = logs.control();
            let checkpoint = log.checkpoint_at(given).unwrap_or_else(|| log.checkpoint());
            let note = logs.note(&checkpoint, now)?.to_string();
            let (old_size, consistency) = (0, Vec::new());
            return Ok(Some(frame::Checkpoint { subscription, note, old_size, consistency }));
        }
        let Some(old_size) = self.access_known else { return Ok(None) };
        if self.under_way.is_some_and(|at| !again(at)) {
            self.access_shown = Some(now);
            return Ok(None);
        }
        let last = self.access_shown.replace(now);
        let checkpoint = logs.access().checkpoint();
        let is_new = checkpoint.size > old_size || last.is_none_or(again);
        let consistency = logs.access().consistency(old_size, checkpoint.size);
        let Some(consistency) = consistency.filter(|_proof| is_new && checkpoint.size > 0) else {
            return Ok(None);
        };
        self.under_way = Some(now);
        let note = logs.note(&checkpoint, now)?.to_string();
        Ok(Some(frame::Checkpoint { subscription, note, old_size, consistency }))
    }

    /// The peer has answered, or said until where it knows a log.
    pub(super) fn hear(&mut self, logs: &Logs, log: &LogName, size: u64) {
        if log != logs.access().name() {
            return;
        }
        let found = logs.access().size();
        // Once: a peer that says so again and again fills no disk with it.
        if size > found && !std::mem::replace(&mut self.is_ahead, true) {
            let peer = &self.peer;
            error!(%peer, known = size, size = found, "the peer knows more of the access log than there is");
        }
        self.access_known = Some(size);
        self.under_way = None;
    }
}

#[cfg(test)]
mod tests;
