//! What a grant allows to do, and sets of it.

use std::{fmt, str::FromStr};

use crate::ParseError;

const WANTED: &str = "actions of publish, subscribe, history, decrypt, discover, grant, bridge and \
                      administer";

/// One thing that a principal may do on a topic. Exhaustive: a decision about rights must know
/// every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Send envelopes.
    Publish,
    /// Receive what arrives from now on.
    Subscribe,
    /// Receive what arrived before.
    History,
    /// Be given the keys to open them.
    Decrypt,
    /// Learn that a topic exists, and its descriptor.
    Discover,
    /// Grant to others, never more than what is held.
    Grant,
    /// Carry between Sekisho and another system.
    Bridge,
    /// Make statements about the organisation's topics and principals.
    Administer,
}

impl Action {
    /// Every action, by ascending number.
    pub const ALL: [Self; 8] = [
        Self::Publish,
        Self::Subscribe,
        Self::History,
        Self::Decrypt,
        Self::Discover,
        Self::Grant,
        Self::Bridge,
        Self::Administer,
    ];

    /// The number on the wire, 1 to 8; in a set, bit `number - 1`.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Publish => 1,
            Self::Subscribe => 2,
            Self::History => 3,
            Self::Decrypt => 4,
            Self::Discover => 5,
            Self::Grant => 6,
            Self::Bridge => 7,
            Self::Administer => 8,
        }
    }

    /// The name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::History => "history",
            Self::Decrypt => "decrypt",
            Self::Discover => "discover",
            Self::Grant => "grant",
            Self::Bridge => "bridge",
            Self::Administer => "administer",
        }
    }

    const fn bit(self) -> u32 {
        1 << (self.number() - 1)
    }
}

impl TryFrom<u32> for Action {
    type Error = ParseError;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        Self::ALL
            .into_iter()
            .find(|action| action.number() == number)
            .ok_or_else(|| ParseError::new("action", "an action from 1 to 8", number.to_string()))
    }
}

impl FromStr for Action {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|action| action.name() == text)
            .ok_or_else(|| ParseError::text("action", WANTED, text))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of actions, written `publish,subscribe`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Actions {
    bits: u32,
}

impl Actions {
    /// No action.
    pub const NONE: Self = Self { bits: 0 };

    /// Every action.
    pub const ALL: Self = Self { bits: 0xff };

    /// A set of these actions.
    #[must_use]
    pub fn of(actions: &[Action]) -> Self {
        actions.iter().copied().collect()
    }

    /// The bit set on the wire.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.bits
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Whether the action is in the set.
    #[must_use]
    pub const fn contains(self, action: Action) -> bool {
        self.bits & action.bit() != 0
    }

    /// Whether every action of the other set is in this one.
    #[must_use]
    pub const fn contains_all(self, other: Self) -> bool {
        self.bits & other.bits == other.bits
    }

    /// The actions in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self { bits: self.bits | other.bits }
    }

    /// The actions in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self { bits: self.bits & other.bits }
    }

    /// The actions of the set, by ascending number.
    pub fn iter(self) -> impl Iterator<Item = Action> {
        Action::ALL.into_iter().filter(move |action| self.contains(*action))
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        Self { bits: actions.into_iter().fold(0, |bits, action| bits | action.bit()) }
    }
}

impl From<Action> for Actions {
    fn from(action: Action) -> Self {
        Self { bits: action.bit() }
    }
}

impl TryFrom<u32> for Actions {
    type Error = ParseError;

    fn try_from(bits: u32) -> Result<Self, Self::Error> {
        if bits == 0 || bits & !Self::ALL.bits != 0 {
            return Err(ParseError::new("actions", "some of bits 0 to 7", format!("{bits:#x}")));
        }
        Ok(Self { bits })
    }
}

impl FromStr for Actions {
    type Err = ParseError;

    /// Parses names with commas between them; spaces around a name are skipped.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(|name| name.trim().parse::<Action>()).collect()
    }
}

impl fmt::Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Action::name).collect();
        f.pad(&names.join(","))
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Actions({self})")
    }
}
