//! A third organisation's control log as it is passed on to a peer: as the owner's node showed it
//! here, entry by entry, and then the checkpoint that says so.
//!
//! The peer believes the owner's signatures. Nothing is passed on beyond the newest checkpoint that
//! was found in order here, for of what comes after it nobody could say that it is all there is;
//! except, at last, that the owner has ended its contract.

use std::sync::Arc;

use sekisho_proto::frame::{self, FollowedStatement};
use sekisho_proto::{LogEntry, OrgName};
use sekisho_tlog::Note;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::{BYTES_PER_FRAME, STATEMENTS_PER_FRAME};
use crate::clock;
use crate::hub::{Hub, Refusal, internal};

/// One log that is passed on to one peer.
#[derive(Debug)]
pub(super) struct Passing {
    owner: OrgName,
    /// The first statement that the peer asked for.
    from: u64,
    kept: watch::Receiver<()>,
    shown: Option<Note>,
}

impl Passing {
    pub(super) fn new(hub: &Hub, owner: OrgName, from: u64) -> Self {
        Self { owner, from, kept: hub.logs().followed().watch(), shown: None }
    }

    /// Resolves when there may be more. May be dropped and called again.
    pub(super) async fn renewed(&mut self) {
        if self.kept.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The next entries, as many as fit into a frame.
    pub(super) async fn statements(
        &self,
        hub: &Arc<Hub>,
        next: u64,
    ) -> Result<Vec<FollowedStatement>, Refusal> {
        let (hub, owner) = (Arc::clone(hub), self.owner.clone());
        let reading = spawn_blocking(move || {
            let policy = hub.authority().snapshot();
            hub.logs().passed_on(&policy, &owner, (next, STATEMENTS_PER_FRAME), clock::now())
        });
        let entries =
            reading.await.map_err(|fault| internal("control log of a peer", &fault))??;
        let mut bytes = 0;
        let fits = |entry: &LogEntry| {
            let is_first = bytes == 0;
            bytes += entry.statement.len();
            is_first || bytes <= BYTES_PER_FRAME
        };
        let fitting = entries.into_iter().take_while(fits);
        Ok(fitting
            .map(|LogEntry { received, statement }| FollowedStatement { statement, received })
            .collect())
    }

    /// The newest checkpoint, once everything that it covers was given and nothing else, and it was
    /// not shown. A peer that knew more than that is shown it, too.
    pub(super) fn checkpoint(
        &mut self,
        hub: &Hub,
        (subscription, given): (u32, u64),
    ) -> Result<Option<frame::Checkpoint>, Refusal> {
        let newest = hub.logs().newest_of(&self.owner)?;
        let is_due = |size: u64| size == given || (size < given && given == self.from);
        let Some((_size, note)) = newest.filter(|(size, _note)| is_due(*size)) else {
            return Ok(None);
        };
        if self.shown.as_ref() == Some(&note) {
            return Ok(None);
        }
        let told = frame::Checkpoint {
            subscription,
            note: note.to_string(),
            old_size: 0,
            consistency: Vec::new(),
        };
        self.shown = Some(note);
        Ok(Some(told))
    }
}
