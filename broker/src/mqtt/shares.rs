//! Shares of this node: who is in which, and which of its members sends a record.

mod kept;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sekisho_mqtt::session_state::{Flight, SessionState};
use sekisho_mqtt::share::{CLAIMS_MAX, Group, MemberId};
use sekisho_policy::{Policy, Recipient};
use sekisho_proto::{Filter, Position, Timestamp};
use sekisho_routing::Record;
use tokio::sync::mpsc;

use super::Memory;
use super::sessions::Key;
use crate::clock;
use crate::hub::{Hub, metrics};
use crate::session::Session;

/// Records of somebody who left that wait for one member: all that one group remembers. More are
/// counted as lost. Room is taken only by what is there.
const REASSIGNED_MAX: usize = CLAIMS_MAX;

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
    /// Those of which the disk has not heard how they are, or that they are no more.
    changed: BTreeSet<Name>,
}

#[derive(Debug)]
struct Shared {
    group: Group,
    /// Its members, also those that are not there; with the last of them it ends.
    members: BTreeMap<MemberId, (Key, u32)>,
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
    /// Records that were there for it when it came, to be fetched and sent.
    pub(crate) given: Vec<Position>,
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
        let held = state.subscriptions.get(&number)?;
        let standing = &held.standing;
        let name = (standing.share.clone()?, standing.filter.clone());
        let (sender, reassigned) = mpsc::channel(REASSIGNED_MAX);
        let recipient = Recipient::Principal(session.who().id);
        let present = Present { recipient, reassigned: sender };
        let whose = (Key::of(state), number);
        let (member, given) = self.shares.join(&name, whose, (present, held.next));
        let (shares, hub) = (Arc::clone(&self.shares), Arc::clone(session.hub()));
        Some(Membership { shares, hub, name, member, given, reassigned })
    }
}

impl Membership {
    /// Whether this client sends the record; where not, another member does.
    pub(crate) fn claim(&self, record: &Record) -> bool {
        let policy = self.hub.authority().snapshot();
        let now = clock::now();
        let mut groups = self.shares.lock();
        let groups = &mut *groups;
        let Some(shared) = groups.groups.get_mut(&self.name) else { return true };
        let Shared { group, present, .. } = shared;
        if !groups.changed.contains(&self.name) {
            groups.changed.insert(self.name.clone());
        }
        let is_own = group.claim(record.position(), self.member, |member| {
            present.get(&member).is_some_and(|other| other.may_have(record, &policy, now))
        });
        note_lost(group);
        is_own
    }

    /// The client may not have a record any more and was not sent it: where it was to send it, another
    /// member that may have it does.
    pub(crate) fn pass_on(&self, record: &Record) {
        let (policy, now) = (self.hub.authority().snapshot(), clock::now());
        let position = record.position();
        let mut groups = self.shares.lock();
        let Some(shared) = groups.groups.get_mut(&self.name) else { return };
        let Shared { group, present, .. } = shared;
        let next = group.pass_on(position, self.member, |member| {
            present.get(&member).is_some_and(|other| other.may_have(record, &policy, now))
        });
        if let Some(other) = next.and_then(|next| present.get(&next)) {
            other.give(position);
        }
        note_lost(group);
        groups.changed.insert(self.name.clone());
    }

    /// What the client has of what lies before `place`, and has not done.
    pub(crate) fn open_before(&self, place: Position) -> Vec<Position> {
        let groups = self.shares.lock();
        let Some(shared) = groups.groups.get(&self.name) else { return Vec::new() };
        shared.group.open_before(self.member, place).collect()
    }

    /// A record needs nothing more.
    pub(crate) fn done(&self, position: Position) {
        let mut groups = self.shares.lock();
        if let Some(shared) = groups.groups.get_mut(&self.name) {
            shared.group.done(position, self.member);
            if !groups.changed.contains(&self.name) {
                groups.changed.insert(self.name.clone());
            }
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
    /// Somebody is there, who goes on at a position. Returns who it is, and what it is to fetch.
    fn join(
        &self,
        name: &Name,
        whose: (Key, u32),
        (present, from): (Present, Position),
    ) -> (MemberId, Vec<Position>) {
        let mut groups = self.lock();
        let member = groups.member(&whose);
        let shared = groups.shared(name);
        shared.members.insert(member, whose);
        let given = shared.group.join(member, from);
        shared.present.insert(member, present);
        groups.changed.insert(name.clone());
        (member, given)
    }

    /// A session has ended: what it had not done is given to others.
    pub(super) fn forget(&self, key: &Key, state: &SessionState) {
        for number in state.subscriptions.keys() {
            self.part(key, state, *number);
        }
    }

    /// A subscription of a session is over, whether it was in a share or not.
    fn part(&self, key: &Key, state: &SessionState, number: u32) {
        let Some(held) = state.subscriptions.get(&number) else { return };
        let Some(share) = &held.standing.share else { return };
        let name = (share.clone(), held.standing.filter.clone());
        let sent = |flight: &&Flight| flight.subscription == number && flight.quality == 2;
        let sent = state.outgoing.values().filter(sent).map(|flight| flight.position);
        self.lock().leave(&name, &(key.clone(), number), &sent.collect::<Vec<_>>());
    }

    /// What the disk is to hear of: how those are that changed, or `None` for those that ended.
    pub(super) fn take_changes(&self) -> Vec<(String, Option<Bytes>)> {
        let mut groups = self.lock();
        let changed = std::mem::take(&mut groups.changed);
        let taken = changed.into_iter().map(|name| {
            let shared = groups.groups.get_mut(&name);
            let form = shared.map(|shared| kept::form(&name, shared));
            (kept::blob(&name), form)
        });
        taken.collect()
    }

    /// Nothing that holds it can panic.
    fn lock(&self) -> MutexGuard<'_, Groups> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// A subscription is over: it is in no share any more.
    pub(crate) fn unshare(&self, state: &SessionState, number: u32) {
        self.shares.part(&Key::of(state), state, number);
    }
}

impl Present {
    /// Whether the gate would let it have a record.
    fn may_have(&self, record: &Record, policy: &Policy, now: Timestamp) -> bool {
        let (header, received) = (record.header(), record.received());
        let (topic, scope) = (&header.topic, header.scope);
        policy.permit_delivery(&self.recipient, topic, scope, received, now).is_ok()
    }

    /// Has it fetch a record that it may not come by.
    fn give(&self, position: Position) {
        if self.reassigned.try_send(position).is_err() {
            metrics::count(metrics::MQTT_SHARED_LOST);
        }
    }
}

impl Groups {
    /// Who a subscription of a session is among all members.
    fn member(&mut self, whose: &(Key, u32)) -> MemberId {
        self.last = self.last.saturating_add(1);
        let fresh = MemberId(self.last);
        *self.members.entry(whose.clone()).or_insert(fresh)
    }

    fn shared(&mut self, name: &Name) -> &mut Shared {
        self.groups.entry(name.clone()).or_insert_with(|| Shared {
            group: Group::new(Position::ZERO, CLAIMS_MAX),
            members: BTreeMap::new(),
            present: BTreeMap::new(),
        })
    }

    /// Somebody is gone for good. What it was sent of quality 2 is nobody else's (4.8.2-5).
    fn leave(&mut self, name: &Name, whose: &(Key, u32), sent: &[Position]) {
        let Some(member) = self.members.remove(whose) else { return };
        let Some(shared) = self.groups.get_mut(name) else { return };
        for position in sent {
            shared.group.done(*position, member);
        }
        shared.members.remove(&member);
        shared.present.remove(&member);
        for (next, position) in shared.group.leave(member) {
            match shared.present.get(&next) {
                Some(other) => other.give(position),
                None => metrics::count(metrics::MQTT_SHARED_LOST),
            }
        }
        note_lost(&mut shared.group);
        if shared.members.is_empty() {
            self.groups.remove(name);
        }
        self.changed.insert(name.clone());
    }
}

/// Counts what a group let go of for want of room.
fn note_lost(group: &mut Group) {
    for _lost in 0..group.take_lost() {
        metrics::count(metrics::MQTT_SHARED_LOST);
    }
}
