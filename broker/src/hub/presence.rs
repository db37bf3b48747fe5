//! How many sessions each principal has: whoever holds one key is not to hold every connection.

use std::sync::Arc;

use dashmap::DashMap;
use sekisho_proto::{PrincipalId, RefusalCode};

use super::refusal::Refusal;
use crate::session::Who;

/// Sessions of one principal at a time: a service in many processes has tens.
pub(crate) const SESSIONS_PER_PRINCIPAL_MAX: u32 = 256;

/// Sessions of one peer's node at a time: a link for each organisation whose topics come through
/// here, one or two that carry envelopes home, and as many again while they are made anew.
pub(crate) const SESSIONS_PER_PEER_MAX: u32 = 40;

/// Everybody who is connected.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    counts: Arc<DashMap<PrincipalId, u32>>,
}

/// One session's place; given up when dropped.
#[derive(Debug)]
pub(crate) struct Present {
    counts: Arc<DashMap<PrincipalId, u32>>,
    principal: PrincipalId,
}

impl Presence {
    /// Takes a place.
    ///
    /// # Errors
    /// The principal has as many as it may have.
    pub(crate) fn enter(&self, who: &Who) -> Result<Present, Refusal> {
        let max = if who.is_peer { SESSIONS_PER_PEER_MAX } else { SESSIONS_PER_PRINCIPAL_MAX };
        self.enter_where_fewer(who.id, max)
    }

    fn enter_where_fewer(&self, principal: PrincipalId, max: u32) -> Result<Present, Refusal> {
        let mut count = self.counts.entry(principal).or_insert(0);
        if *count >= max {
            let what = format!("sessions of {}", principal.short());
            let why = format!("wanted at most {max}, found more");
            return Err(Refusal::new(RefusalCode::TooMany, what, why));
        }
        *count += 1;
        drop(count);
        Ok(Present { counts: Arc::clone(&self.counts), principal })
    }

    /// How many sessions a principal has.
    pub(crate) fn sessions_of(&self, principal: &PrincipalId) -> u32 {
        self.counts.get(principal).map_or(0, |count| *count)
    }

    /// Whether a principal has a session.
    pub(crate) fn is_present(&self, principal: &PrincipalId) -> bool {
        self.counts.contains_key(principal)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        if let Some(mut count) = self.counts.get_mut(&self.principal) {
            *count = count.saturating_sub(1);
        }
        self.counts.remove_if(&self.principal, |_principal, count| *count == 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUCK: PrincipalId = PrincipalId::new([17; 32]);
    const OTHER: PrincipalId = PrincipalId::new([18; 32]);

    #[test]
    fn a_principal_with_many_sessions_takes_no_place_of_another() {
        let presence = Presence::default();
        let enter = |who| presence.enter_where_fewer(who, SESSIONS_PER_PRINCIPAL_MAX);
        let mut present: Vec<Present> =
            (0..SESSIONS_PER_PRINCIPAL_MAX).map(|_| enter(TRUCK).unwrap()).collect();
        assert_eq!(enter(TRUCK).unwrap_err().code, RefusalCode::TooMany);
        drop(enter(OTHER).unwrap());
        present.pop();
        present.push(enter(TRUCK).unwrap());
        drop(present);
        assert!(presence.counts.is_empty());
    }
}
