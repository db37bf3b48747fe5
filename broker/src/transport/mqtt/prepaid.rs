//! What taking up a remembered session costs its principal, paid before its client comes in: for all of
//! its subscriptions or for none, so that those of many clients that come back at once keep nobody out
//! for ever.

use std::sync::Arc;

use sekisho_proto::PrincipalId;

use crate::clock;
use crate::hub::{Hub, Refusal};

/// Subscriptions that are paid for and not opened yet; given back where they are not.
pub(super) struct Prepaid {
    hub: Arc<Hub>,
    principal: PrincipalId,
    count: usize,
}

impl Prepaid {
    /// Pays for so many; nothing where there are none.
    ///
    /// # Errors
    /// The principal has asked for too much lately; nothing is taken.
    pub(super) fn pay(
        hub: &Arc<Hub>,
        principal: PrincipalId,
        count: usize,
    ) -> Result<Option<Box<Self>>, Refusal> {
        if count == 0 {
            return Ok(None);
        }
        let now = clock::now();
        hub.may_record_many(&principal, count, now)?;
        let prepaid = Self { hub: Arc::clone(hub), principal, count };
        hub.arrive_many(&principal, count, now)?;
        Ok(Some(Box::new(prepaid)))
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// So many are opened now.
    pub(super) fn spend(mut self, opened: usize) {
        self.count = self.count.saturating_sub(opened);
    }
}

impl Drop for Prepaid {
    fn drop(&mut self) {
        self.hub.give_back_records(&self.principal, self.count, clock::now());
    }
}
