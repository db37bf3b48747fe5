//! Shares over a restart. They are written together with the sessions, and after them: whoever has
//! read past a record on the disk finds there who was given it.

use std::collections::BTreeMap;

use bytes::Bytes;
use sekisho_mqtt::share::{CLAIMS_MAX, Claim, Group, MemberId};
use sekisho_mqtt::share_state::{Decided, ShareState, Whose};
use sekisho_proto::{Hash, Position};
use sekisho_store::{Keyed, KeyedError};
use tracing::warn;

use super::{Groups, Key, Name, Shared, Shares};
use crate::mqtt::sessions::Sessions;

/// Before the hash of a share's name and filter.
const SHARES: &str = "mqtt/share/";

/// Where a share is kept.
pub(super) fn blob((share, filter): &Name) -> String {
    // No filter has this character, so that no two shares are written alike.
    let bytes = [share.as_bytes(), b"\0", filter.as_str().as_bytes()].concat();
    format!("{SHARES}{}", Hash::of(&bytes))
}

/// What the disk is to hold of a share.
pub(super) fn form((share, filter): &Name, shared: &mut Shared) -> Bytes {
    shared.group.forget();
    let (mut members, mut numbers) = (Vec::new(), BTreeMap::new());
    for (number, (member, (key, subscription))) in (0_u32..).zip(&shared.members) {
        numbers.insert(*member, number);
        let (principal, client) = (key.principal, key.client.to_string());
        members.push(Whose { principal, client, subscription: *subscription });
    }
    let mut claims: BTreeMap<Position, Decided> = BTreeMap::new();
    for position in shared.group.orphans() {
        claims.insert(position, Decided { position, member: None, is_done: false });
    }
    for (position, Claim { member, is_done }) in shared.group.claims() {
        // Of a member that is gone only what is done is left, which is as good as anybody's.
        if let Some(number) = numbers.get(&member).copied().or(is_done.then_some(0)) {
            claims.insert(position, Decided { position, member: Some(number), is_done });
        }
    }
    let state = ShareState {
        share: share.clone(),
        filter: filter.clone(),
        floor: shared.group.floor(),
        members,
        claims: claims.into_values().collect(),
    };
    state.encode().into()
}

impl Shares {
    /// Reads who was in which share and had what. Nobody is there yet; what those had whose sessions
    /// did not outlive the restart waits for whoever comes.
    pub(in crate::mqtt) fn open<K: Keyed>(
        keyed: &K,
        sessions: &Sessions,
    ) -> Result<Self, KeyedError> {
        let mut groups = Groups::default();
        for (blob_name, bytes) in keyed.blobs(SHARES)? {
            match ShareState::decode(&bytes) {
                Ok(state) => groups.restore(state),
                Err(fault) => warn!(blob_name, %fault, "a share is damaged on disk and forgotten"),
            }
        }
        let mut standing = Vec::new();
        for state in sessions.left().filter(|state| state.is_durable()) {
            for (number, held) in &state.subscriptions {
                if let Some(share) = &held.standing.share {
                    let name = (share.clone(), held.standing.filter.clone());
                    groups.stands(&name, (Key::of(state), *number), held.next);
                    standing.push((name, (Key::of(state), *number)));
                }
            }
        }
        standing.sort_unstable();
        let all = groups.groups.iter().flat_map(|(name, shared)| {
            shared.members.values().map(move |whose| (name.clone(), whose.clone()))
        });
        let gone: Vec<_> = all.filter(|one| standing.binary_search(one).is_err()).collect();
        for (name, whose) in gone {
            groups.leave(&name, &whose, &[]);
        }
        Ok(Self(groups.into()))
    }
}

impl Groups {
    fn restore(&mut self, state: ShareState) {
        let ShareState { share, filter, floor, members, claims } = state;
        let name = (share, filter);
        let mut group = Group::new(floor, CLAIMS_MAX);
        let mut known: Vec<(MemberId, (Key, u32))> = Vec::with_capacity(members.len());
        for Whose { principal, client, subscription } in members {
            let whose = (Key { principal, client: client.into() }, subscription);
            let member = self.member(&whose);
            group.restore(member, floor);
            known.push((member, whose));
        }
        for Decided { position, member, is_done } in claims {
            let member = member.and_then(|number| known.get(usize::try_from(number).ok()?));
            match member {
                Some((member, _whose)) => {
                    group.restore_claim(position, Claim { member: *member, is_done });
                }
                None => group.restore_orphan(position),
            }
        }
        let members = known.into_iter().collect();
        self.groups.insert(name, Shared { group, members, present: BTreeMap::new() });
    }

    /// A session that is remembered is in a share.
    fn stands(&mut self, name: &Name, whose: (Key, u32), from: Position) {
        let member = self.member(&whose);
        let shared = self.shared(name);
        shared.members.insert(member, whose);
        shared.group.restore(member, from);
    }
}
