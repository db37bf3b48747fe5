//! Forgets invitations that are over: each holds a secret, and every newcomer leaves one.

use std::{path::Path, time::Duration};

use sekisho_proto::{Timestamp, TokenId};

use super::{EnrolmentError, Enrolments, File, Standing, mark, text};
use crate::private_file;

/// How long an invitation that is over can be seen: so long its newcomer is told that it was used
/// or taken back, and whoever approved a key and saw nobody come finds out why.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Invitations kept that are over, where they come faster than time passes.
const OVER_MAX: usize = 4_096;

/// What is kept of those in any case: an administrator's errand that made one can be brought again
/// for less, and must find that it was done.
const KEPT_AT_LEAST: Duration = Duration::from_hours(3 * 24);

/// An invitation that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Over {
    since: Timestamp,
    token: TokenId,
}

impl Enrolments {
    /// Destroys what has been over for long, and of the rest the oldest where there is too much;
    /// returns how many. One that cannot be read is told of and stays.
    pub(crate) fn sweep(&self, now: Timestamp) -> Result<usize, EnrolmentError> {
        self.sweep_beyond(OVER_MAX, now)
    }

    fn sweep_beyond(&self, over_max: usize, now: Timestamp) -> Result<usize, EnrolmentError> {
        let mut over = Vec::new();
        for path in private_file::list(&self.folder)? {
            match self.over(&path, now) {
                Ok(found) => over.extend(found),
                Err(cause) => {
                    let path = path.display();
                    tracing::warn!(%path, %cause, "invitation cannot be read and is kept");
                }
            }
        }
        over.sort_unstable();
        let too_many = over.len().saturating_sub(over_max);
        let ended = |one: &Over, kept| one.since.saturating_add(kept) <= now;
        let gone: Vec<Over> = (0..)
            .zip(over)
            .filter(|(place, one)| {
                ended(one, KEPT) || (*place < too_many && ended(one, KEPT_AT_LEAST))
            })
            .map(|(_place, one)| one)
            .collect();
        gone.iter().try_for_each(|one| self.destroy(one.token))?;
        Ok(gone.len())
    }

    /// Since when nobody can do anything more with the invitation in a file, if it is one.
    fn over(&self, path: &Path, now: Timestamp) -> Result<Option<Over>, EnrolmentError> {
        let extension = path.extension().unwrap_or_default();
        let is_used = extension == File::Used.extension();
        if !is_used && extension != File::Invitation.extension() {
            return Ok(None);
        }
        let Some(invitation) = text::read(path)? else { return Ok(None) };
        let since = match self.standing(&invitation, is_used, now)? {
            Standing::Open | Standing::Waiting(_) => return Ok(None),
            Standing::Approved(claimant) | Standing::Used(claimant) => claimant.since,
            Standing::Expired => invitation.expires,
            Standing::Withdrawn => {
                let withdrawal =
                    mark::read_withdrawal(&self.path(invitation.token, File::Withdrawn))?;
                withdrawal.map_or(invitation.expires, |withdrawal| withdrawal.since)
            }
        };
        let since = since.max(invitation.expires);
        Ok(Some(Over { since, token: invitation.token }))
    }

    /// What says least goes first: after a crash the invitation is still found to be over.
    fn destroy(&self, token: TokenId) -> Result<(), EnrolmentError> {
        for file in [File::Waiting, File::Withdrawn, File::Approved] {
            private_file::remove(&self.path(token, file))?;
        }
        for file in [File::Invitation, File::Used] {
            let path = self.path(token, file);
            if path.exists() {
                private_file::destroy(&path)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
