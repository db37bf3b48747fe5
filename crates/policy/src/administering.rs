//! Who administers everything of an organisation: the right that questions about others and errands
//! demand.

use sekisho_proto::{Action, Filter, OrgName, PrincipalName, Timestamp};

use crate::Policy;

impl Policy {
    /// Whether somebody may administer every topic of an organisation. Whoever is denied a part
    /// administers not everything.
    #[must_use]
    pub fn administers(
        &self,
        principal: &PrincipalName,
        organisation: &OrgName,
        now: Timestamp,
    ) -> bool {
        let everything = Filter::everything(organisation);
        let what = self.what(principal, now);
        let is_denied = what.denies.iter().any(|held| {
            held.actions.contains(Action::Administer) && held.organisation == *organisation
        });
        let holds = what
            .grants
            .iter()
            .any(|held| held.actions.contains(Action::Administer) && held.filter == everything);
        what.barred.is_none() && !is_denied && holds
    }
}
