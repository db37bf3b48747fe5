//! What a node remembers of a share over a restart: who is in it, and who has what.

use sekisho_proto::{Filter, Position, PrincipalId};

use crate::coding::{Reading, StateError, Writing};
use crate::session_state::{CLIENT_BYTES_MAX, SPELT_BYTES_MAX};
use crate::share::CLAIMS_MAX;

/// The first byte of an encoded state.
const VERSION: u8 = 1;
/// Members of one share: as many as a node has sessions.
const MEMBERS_MAX: usize = 65_536;

/// What is remembered of one share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareState {
    /// Its name.
    pub share: String,
    /// What it divides.
    pub filter: Filter,
    /// What lies before was decided.
    pub floor: Position,
    /// Who is in it.
    pub members: Vec<Whose>,
    /// What is decided, ascending.
    pub claims: Vec<Decided>,
}

/// A subscription of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    /// Whose session.
    pub principal: PrincipalId,
    /// The client identifier.
    pub client: String,
    /// The subscription's number.
    pub subscription: u32,
}

/// Who has a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// The record.
    pub position: Position,
    /// Which of the members; `None` = nobody at present.
    pub member: Option<u32>,
    /// It needs nothing more.
    pub is_done: bool,
}

impl ShareState {
    /// The one encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writing::default();
        to.byte(VERSION);
        to.bytes(self.share.as_bytes());
        to.bytes(self.filter.as_str().as_bytes());
        to.long(self.floor.value());
        to.count(self.members.len());
        for whose in &self.members {
            for byte in whose.principal.as_bytes() {
                to.byte(*byte);
            }
            to.bytes(whose.client.as_bytes());
            to.number(whose.subscription);
        }
        to.count(self.claims.len());
        for decided in &self.claims {
            to.long(decided.position.value());
            to.byte(u8::from(decided.is_done));
            to.option(decided.member, Writing::number);
        }
        to.done()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    ///
    /// It is something else, or larger than the limits.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = Reading::new(bytes);
        if from.byte()? != VERSION {
            return Err(from.refused("version 1"));
        }
        let share = from.text(SPELT_BYTES_MAX)?;
        let filter = from.text(sekisho_proto::limits::TOPIC_BYTES_MAX)?;
        let filter = Filter::parse(&filter).map_err(|_fault| from.refused("a filter"))?;
        let floor = Position::new(from.long()?);
        let mut members = Vec::new();
        for _ in 0..from.count(MEMBERS_MAX)? {
            let principal = PrincipalId::new(from.identity()?);
            let client = from.text(CLIENT_BYTES_MAX)?;
            members.push(Whose { principal, client, subscription: from.number()? });
        }
        let mut claims: Vec<Decided> = Vec::new();
        for _ in 0..from.count(2 * CLAIMS_MAX)? {
            let decided = decided(&mut from, members.len())?;
            if claims.last().is_some_and(|last| last.position >= decided.position) {
                return Err(from.refused("ascending positions"));
            }
            claims.push(decided);
        }
        from.end()?;
        Ok(Self { share, filter, floor, members, claims })
    }
}

fn decided(from: &mut Reading<'_>, members: usize) -> Result<Decided, StateError> {
    let position = Position::new(from.long()?);
    let is_done = match from.byte()? {
        0 => false,
        1 => true,
        _ => return Err(from.refused("0 or 1")),
    };
    let member = from.option(Reading::number)?;
    let is_known = member.is_none_or(|member| usize::try_from(member).is_ok_and(|at| at < members));
    if !is_known || (is_done && member.is_none()) {
        return Err(from.refused("a member"));
    }
    Ok(Decided { position, member, is_done })
}

#[cfg(test)]
mod tests;
