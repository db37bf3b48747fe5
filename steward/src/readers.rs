//! Who may be given the keys of a tree, and of which of its epochs: from the time that the right to
//! decrypt began, or further back where there is a right to history as well.

use sekisho_policy::{Policy, PrincipalRecord, Reach};
use sekisho_proto::{Filter, Timestamp};

/// Somebody who may decrypt a tree, or a part of it.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) record: &'a PrincipalRecord,
    /// What it may read; `None` where only another of its rights says that it may at all.
    pub(crate) reach: Option<Reach>,
}

/// Everybody whom the owner's steward may give keys of the tree: its own people, those of peers that
/// were named, and the stewards of peers whose people all may.
pub(crate) fn of<'a>(policy: &'a Policy, tree: &Filter, now: Timestamp) -> Vec<Reader<'a>> {
    with_reach(policy, policy.decrypt_readers(tree, now), tree, now)
}

/// Everybody to whom a steward may hand on keys of another organisation's tree that it was given.
pub(crate) fn handed_on<'a>(policy: &'a Policy, tree: &Filter, now: Timestamp) -> Vec<Reader<'a>> {
    with_reach(policy, policy.handed_on_readers(tree, now), tree, now)
}

fn with_reach<'a>(
    policy: &'a Policy,
    records: Vec<&'a PrincipalRecord>,
    tree: &Filter,
    now: Timestamp,
) -> Vec<Reader<'a>> {
    let reader = |record| Reader { record, reach: policy.reach(record, tree, now) };
    records.into_iter().map(reader).collect()
}
