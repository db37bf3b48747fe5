//! Who may be given the keys of a tree, and of which of its epochs: from the time that the right to
//! decrypt began, or further back where there is a right to history as well.

use sekisho_policy::{HeldDeny, HeldGrant, Policy};
use sekisho_proto::{Action, Filter, PrincipalId, PrincipalName, Timestamp};
use sekisho_seal::KemPublicKey;

/// Somebody who may decrypt a tree, or a part of it.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub(crate) id: PrincipalId,
    pub(crate) name: PrincipalName,
    /// The key that epoch keys are sealed to; `None` where it cannot be given any.
    pub(crate) kem: Option<KemPublicKey>,
    /// When what is known of its keys was logged.
    pub(crate) known: Timestamp,
    /// What it may read; `None` where only another of its rights says that it may at all.
    pub(crate) reach: Option<Reach>,
}

/// Which part of a tree's past and future somebody may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Since when.
    pub(crate) since: Timestamp,
    /// Until when, exclusive; `None` until revoked.
    pub(crate) until: Option<Timestamp>,
    /// For what, in the owner's words.
    pub(crate) purpose: String,
}

impl Reach {
    /// Whether it reaches into a time.
    pub(crate) fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        self.since < to && self.until.is_none_or(|until| from < until)
    }
}

/// Everybody who may be given keys of the tree.
pub(crate) fn of(policy: &Policy, tree: &Filter, now: Timestamp) -> Vec<Reader> {
    let records = policy.decrypt_readers(tree, now);
    let readers = records.into_iter().map(|record| {
        let kem = record.kem_public_key.as_ref();
        Reader {
            id: record.id,
            name: record.name.clone(),
            kem: kem.and_then(|key| KemPublicKey::parse(record.kem_suite, key).ok()),
            known: record.received,
            reach: reach(policy, &record.name, tree, now),
        }
    });
    readers.collect()
}

fn reach(policy: &Policy, name: &PrincipalName, tree: &Filter, now: Timestamp) -> Option<Reach> {
    let what = policy.what(name, now);
    let concerns = |filter: &Filter| filter.overlaps(tree);
    let grants: Vec<&HeldGrant> =
        what.grants.iter().filter(|grant| concerns(&grant.filter)).collect();
    let denied = |deny: &HeldDeny| deny.actions.contains(Action::History) && concerns(&deny.filter);
    let no_history = what.denies.iter().any(denied);
    let of = |action| grants.iter().filter(move |grant| grant.actions.contains(action));
    let mut reach: Option<Reach> = None;
    for grant in of(Action::Decrypt) {
        let history = of(Action::History)
            .filter(|older| !no_history && older.filter.overlaps(&grant.filter))
            .map(|older| older.history_from.unwrap_or(Timestamp::MIN))
            .min();
        let since = history.map_or(grant.from, |history| history.min(grant.from));
        let longer = reach.get_or_insert_with(|| Reach {
            since,
            until: grant.until,
            purpose: grant.purpose.clone(),
        });
        longer.since = longer.since.min(since);
        longer.until = longer.until.zip(grant.until).map(|(one, other)| one.max(other));
    }
    reach
}
