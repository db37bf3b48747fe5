//! A share: subscribers of one filter that divide its messages among them (MQTT 5.0, 4.8.2).
//!
//! Each member follows the log for itself, through the gate. Here is decided which of them sends a
//! record: the first that asks has it given to the next in turn of those who are there and may have
//! it.

use std::collections::BTreeMap;

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
    turn: usize,
    claims: BTreeMap<Position, Claim>,
    floor: Position,
    claims_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claim {
    member: MemberId,
    is_done: bool,
}

impl Group {
    /// Nobody yet; what lies before `floor` was decided.
    #[must_use]
    pub const fn new(floor: Position, claims_max: usize) -> Self {
        Self { members: Vec::new(), turn: 0, claims: BTreeMap::new(), floor, claims_max }
    }

    /// Somebody is there.
    pub fn join(&mut self, member: MemberId) {
        if !self.members.contains(&member) {
            self.members.push(member);
        }
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
        if position < self.floor {
            return false;
        }
        if let Some(claim) = self.claims.get(&position) {
            return claim.member == asking && !claim.is_done;
        }
        // Whoever asks was let through the gate.
        let next = self.next_but(None, |member| member == asking || may(member));
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
        }
    }

    /// Somebody is gone for good: what they had and had not done is given to others. Returns who is
    /// to fetch what; where nobody is there, it waits for whoever comes.
    pub fn leave(&mut self, member: MemberId) -> Vec<(MemberId, Position)> {
        self.members.retain(|present| *present != member);
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
                }
            }
        }
        given
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
            let Some((position, _claim)) = self.claims.pop_first() else { return };
            self.floor = position.next();
        }
    }
}

#[cfg(test)]
mod tests;
