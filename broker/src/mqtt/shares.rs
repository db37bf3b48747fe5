//! Shares of this node: who is in which, and which of its members sends a record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sekisho_mqtt::session_state::SessionState;
use sekisho_mqtt::share::{CLAIMS_MAX, Group, MemberId};
use sekisho_policy::Recipient;
use sekisho_proto::{Filter, Position};
use sekisho_routing::Record;
use tokio::sync::mpsc;

use super::Memory;
use super::sessions::Key;
use crate::clock;
use crate::hub::{Hub, metrics};
use crate::session::Session;

/// Records of somebody who left that wait for one member; more are counted as lost.
const REASSIGNED_MAX: usize = 1_024;

/// A group is named by its share's name and its filter (4.8.2).
type Name = (String, Filter);

/// All groups.
#[derive(Debug, Default)]
pub(super) struct Shares(Mutex<Groups>);

#[derive(Debug, Default)]
struct Groups {
    groups: BTreeMap<Name, Shared>,
    /// Who a member of a session is, also while it is not connected.
    members: BTreeMap<(Key, u32), MemberId>,
    last: u64,
}

#[derive(Debug)]
struct Shared {
    group: Group,
    /// Its members, also those that are not there; with the last of them it ends.
    members: BTreeSet<MemberId>,
    present: BTreeMap<MemberId, Present>,
}

#[derive(Debug)]
struct Present {
    recipient: Recipient,
    reassigned: mpsc::Sender<Position>,
}

/// A connected client's place in a group.
#[derive(Debug)]
pub(crate) struct Membership {
    shares: Arc<Shares>,
    hub: Arc<Hub>,
    name: Name,
    member: MemberId,
    /// Records that somebody who left had not done, to be fetched and sent.
    pub(crate) reassigned: mpsc::Receiver<Position>,
}

impl Memory {
    /// The place of a subscription in its share; none where it is in no share.
    pub(crate) fn share(
        &self,
        session: &Session,
        state: &SessionState,
        number: u32,
    ) -> Option<Membership> {
        let standing = &state.subscriptions.get(&number)?.standing;
        let name = (standing.share.clone()?, standing.filter.clone());
        let (sender, reassigned) = mpsc::channel(REASSIGNED_MAX);
        let recipient = Recipient::Principal(session.who().id);
        let present = Present { recipient, reassigned: sender };
        let member = self.shares.join(&name, (Key::of(state), number), present);
        let (shares, hub) = (Arc::clone(&self.shares), Arc::clone(session.hub()));
        Some(Membership { shares, hub, name, member, reassigned })
    }
}

impl Membership {
    /// Whether this client sends the record; where not, another member does.
    pub(crate) fn claim(&self, record: &Record) -> bool {
        let policy = self.hub.authority().snapshot();
        let (header, now) = (record.header(), clock::now());
        let mut groups = self.shares.lock();
        let Some(shared) = groups.groups.get_mut(&self.name) else { return true };
        let Shared { group, present, .. } = shared;
        group.claim(record.position(), self.member, |member| {
            present.get(&member).is_some_and(|other| {
                let (scope, received) = (header.scope, record.received());
                policy
                    .permit_delivery(&other.recipient, &header.topic, scope, received, now)
                    .is_ok()
            })
        })
    }

    /// A record needs nothing more.
    pub(crate) fn done(&self, position: Position) {
        if let Some(shared) = self.shares.lock().groups.get_mut(&self.name) {
            shared.group.done(position, self.member);
        }
    }
}

impl Drop for Membership {
    /// The client is not there: others are given what comes. What it has not done waits for it, until
    /// its session ends.
    fn drop(&mut self) {
        if let Some(shared) = self.shares.lock().groups.get_mut(&self.name) {
            shared.present.remove(&self.member);
            shared.group.absent(self.member);
        }
    }
}

impl Shares {
    fn join(&self, name: &Name, whose: (Key, u32), present: Present) -> MemberId {
        let mut groups = self.lock();
        groups.last = groups.last.saturating_add(1);
        let fresh = MemberId(groups.last);
        let member = *groups.members.entry(whose).or_insert(fresh);
        let shared = groups.groups.entry(name.clone()).or_insert_with(|| Shared {
            group: Group::new(Position::ZERO, CLAIMS_MAX),
            members: BTreeSet::new(),
            present: BTreeMap::new(),
        });
        shared.members.insert(member);
        shared.present.insert(member, present);
        shared.group.join(member);
        member
    }

    /// A session has ended: what it had not done is given to others.
    pub(super) fn forget(&self, key: &Key, state: &SessionState) {
        for (number, held) in &state.subscriptions {
            if let Some(share) = &held.standing.share {
                self.leave(&(share.clone(), held.standing.filter.clone()), &(key.clone(), *number));
            }
        }
    }

    fn leave(&self, name: &Name, whose: &(Key, u32)) {
        let mut groups = self.lock();
        let Some(member) = groups.members.remove(whose) else { return };
        let Some(shared) = groups.groups.get_mut(name) else { return };
        shared.members.remove(&member);
        shared.present.remove(&member);
        for (next, position) in shared.group.leave(member) {
            let present = shared.present.get(&next);
            if present.is_none_or(|other| other.reassigned.try_send(position).is_err()) {
                metrics::count(metrics::MQTT_SHARED_LOST);
            }
        }
        if shared.members.is_empty() {
            groups.groups.remove(name);
        }
    }

    /// Nothing that holds it can panic.
    fn lock(&self) -> MutexGuard<'_, Groups> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// A subscription is over: it is in no share any more.
    pub(crate) fn unshare(&self, state: &SessionState, number: u32) {
        let Some(held) = state.subscriptions.get(&number) else { return };
        if let Some(share) = &held.standing.share {
            let name = (share.clone(), held.standing.filter.clone());
            self.shares.leave(&name, &(Key::of(state), number));
        }
    }
}
