//! A share: subscribers of one filter that divide its messages among them (MQTT 5.0, 4.8.2).
//!
//! Each member follows the log for itself, through the gate. Here is decided which of them sends a
//! record: the first that asks has it given to the next in turn of those who are there and may have
//! it.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_proto::Position;

/// Decisions remembered of one group. A member that is further behind than that gets nothing of
/// what lies before: it was somebody else's.
pub const CLAIMS_MAX: usize = 16_384;

/// A member of a group, unique in the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

/// Who has what.
#[derive(Debug)]
pub struct Group {
    members: Vec<MemberId>,
    /// How far each has read, also of those who are not there: it comes by nothing before again.
    read: BTreeMap<MemberId, Position>,
    turn: usize,
    claims: BTreeMap<Position, Claim>,
    /// Those of them that need nothing more: they go first where there are too many.
    settled: BTreeSet<Position>,
    /// Nobody has these, and some have read past them.
    orphans: BTreeSet<Position>,
    floor: Position,
    claims_max: usize,
    /// What was let go of open, for want of room.
    lost: u64,
}

/// Who has a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The member.
    pub member: MemberId,
    /// It needs nothing more.
    pub is_done: bool,
}

impl Group {
    /// Nobody yet; what lies before `floor` was decided.
    #[must_use]
    pub const fn new(floor: Position, claims_max: usize) -> Self {
        Self {
            members: Vec::new(),
            read: BTreeMap::new(),
            turn: 0,
            claims: BTreeMap::new(),
            settled: BTreeSet::new(),
            orphans: BTreeSet::new(),
            floor,
            claims_max,
            lost: 0,
        }
    }

    /// Somebody is there, who reads from `from` on. Returns what it has, or has now as nobody had it,
    /// and may not come by: to be fetched, unless it was sent.
    pub fn join(&mut self, member: MemberId, from: Position) -> Vec<Position> {
        if !self.members.contains(&member) {
            self.members.push(member);
        }
        self.read.insert(member, from);
        // It has read past these and may never have sent them.
        let own = self.claims.range(..from);
        let own = own.filter(|(_at, claim)| claim.member == member && !claim.is_done);
        let mut given: BTreeSet<Position> = own.map(|(position, _claim)| *position).collect();
        for position in std::mem::take(&mut self.orphans) {
            self.claims.insert(position, Claim { member, is_done: false });
            given.insert(position);
        }
        given.into_iter().collect()
    }

    /// Somebody of before a restart, who is not there and would read from `from` on.
    pub fn restore(&mut self, member: MemberId, from: Position) {
        self.read.insert(member, from);
    }

    /// What somebody had before a restart.
    pub fn restore_claim(&mut self, position: Position, claim: Claim) {
        self.claims.insert(position, claim);
        if claim.is_done {
            self.settled.insert(position);
        }
        self.shrink();
    }

    /// What nobody had before a restart.
    pub fn restore_orphan(&mut self, position: Position) {
        self.orphans.insert(position);
        self.shrink();
    }

    /// Who has what, ascending.
    pub fn claims(&self) -> impl Iterator<Item = (Position, Claim)> {
        self.claims.iter().map(|(position, claim)| (*position, *claim))
    }

    /// What nobody has, ascending.
    pub fn orphans(&self) -> impl Iterator<Item = Position> {
        self.orphans.iter().copied()
    }

    /// What lies before was decided.
    #[must_use]
    pub const fn floor(&self) -> Position {
        self.floor
    }

    /// Whether `asking` sends the record. `may` says who may have it.
    pub fn claim(
        &mut self,
        position: Position,
        asking: MemberId,
        mut may: impl FnMut(MemberId) -> bool,
    ) -> bool {
        let read = self.read.entry(asking).or_default();
        *read = (*read).max(position.next());
        if let Some(claim) = self.claims.get(&position) {
            return claim.member == asking && !claim.is_done;
        }
        if position < self.floor {
            return false;
        }
        self.orphans.remove(&position);
        // Whoever asks was let through the gate; whoever has read past it does not come by it.
        let read = std::mem::take(&mut self.read);
        let comes_by = |member| read.get(&member).is_none_or(|read| *read <= position);
        let next =
            self.next_but(None, |member| member == asking || (comes_by(member) && may(member)));
        self.read = read;
        let member = next.unwrap_or(asking);
        self.claims.insert(position, Claim { member, is_done: false });
        self.shrink();
        member == asking
    }

    /// Somebody is not there, and will be again: it is given nothing new, and keeps what it has.
    pub fn absent(&mut self, member: MemberId) {
        self.members.retain(|present| *present != member);
    }

    /// A record was sent and needs nothing more.
    pub fn done(&mut self, position: Position, member: MemberId) {
        if let Some(claim) = self.claims.get_mut(&position)
            && claim.member == member
        {
            claim.is_done = true;
            self.settled.insert(position);
        }
    }

    /// Somebody is gone for good: what they had and had not done is given to others. Returns who is
    /// to fetch what; where nobody is there, it waits for whoever comes.
    pub fn leave(&mut self, member: MemberId) -> Vec<(MemberId, Position)> {
        self.members.retain(|present| *present != member);
        self.read.remove(&member);
        let open = |claim: &Claim| claim.member == member && !claim.is_done;
        let left = self.claims.iter().filter(|(_position, claim)| open(claim));
        let left: Vec<Position> = left.map(|(position, _claim)| *position).collect();
        let mut given = Vec::new();
        for position in left {
            match self.next_but(Some(member), |_member| true) {
                Some(next) => {
                    self.claims.insert(position, Claim { member: next, is_done: false });
                    given.push((next, position));
                }
                None => {
                    self.claims.remove(&position);
                    self.orphans.insert(position);
                }
            }
        }
        self.shrink();
        given
    }

    /// What somebody has of what lies before `place`, and has not done.
    pub fn open_before(&self, member: MemberId, place: Position) -> impl Iterator<Item = Position> {
        let before = self.claims.range(..place);
        let open = before.filter(move |(_at, claim)| claim.member == member && !claim.is_done);
        open.map(|(position, _claim)| *position)
    }

    /// Somebody may not have what it was given, and was not sent it. Returns to whom it goes, who is to
    /// fetch it; where nobody is there that may have it, it waits for whoever comes.
    pub fn pass_on(
        &mut self,
        position: Position,
        member: MemberId,
        may: impl FnMut(MemberId) -> bool,
    ) -> Option<MemberId> {
        let has = |claim: &&Claim| claim.member == member && !claim.is_done;
        self.claims.get(&position).filter(has)?;
        let next = self.next_but(Some(member), may);
        if let Some(next) = next {
            self.claims.insert(position, Claim { member: next, is_done: false });
        } else {
            self.claims.remove(&position);
            self.orphans.insert(position);
            self.shrink();
        }
        next
    }

    /// Lets go of what is done and what every member has read past, also those who are not there.
    pub fn forget(&mut self) {
        let Some(read) = self.read.values().min().copied() else { return };
        while let Some((position, claim)) = self.claims.first_key_value()
            && claim.is_done
            && *position < read
        {
            let position = *position;
            self.floor = self.floor.max(position.next());
            self.claims.remove(&position);
            self.settled.remove(&position);
        }
    }

    /// How many records were let go of for want of room that nobody may have been sent, since this
    /// was asked last.
    pub const fn take_lost(&mut self) -> u64 {
        std::mem::replace(&mut self.lost, 0)
    }

    fn next_but(
        &mut self,
        but: Option<MemberId>,
        mut may: impl FnMut(MemberId) -> bool,
    ) -> Option<MemberId> {
        let count = self.members.len();
        for step in 0..count {
            let at = self.turn.wrapping_add(step).checked_rem(count)?;
            let member = *self.members.get(at)?;
            if Some(member) != but && may(member) {
                self.turn = at.wrapping_add(1);
                return Some(member);
            }
        }
        None
    }

    fn shrink(&mut self) {
        while self.claims.len() > self.claims_max {
            // What is open is still somebody's; below the floor its claim goes on to hold.
            let position = if let Some(settled) = self.settled.pop_first() {
                self.claims.remove(&settled);
                settled
            } else {
                let Some((open, _claim)) = self.claims.pop_first() else { return };
                self.lost = self.lost.saturating_add(1);
                open
            };
            self.floor = self.floor.max(position.next());
        }
        while self.orphans.len() > self.claims_max {
            self.orphans.pop_first();
            self.lost = self.lost.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests;
