//! One copy of a message for one client, however many of its subscriptions match (MQTT 5.0, 3.3.4).
//!
//! Each subscription follows the log for itself. Of those that match a record, the one that came
//! first brings it, and it is sent as all of them together want it.

use sekisho_proto::{Filter, FilterLevel, Position, Topic};

use crate::session_state::{Held, SessionState};

/// How a name's leading `$` is written in a topic.
const DOLLAR: &str = "%24";

/// The subscription options byte (3.8.3.1), checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options(u8);

impl Options {
    /// Checks an options byte; `None` where the standard forbids it.
    #[must_use]
    pub const fn parse(byte: u8) -> Option<Self> {
        let is_allowed = byte & 0xc0 == 0 && byte & 0x03 != 3 && byte & 0x30 != 0x30;
        if is_allowed { Some(Self(byte)) } else { None }
    }

    /// The byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// The greatest quality of service wanted.
    #[must_use]
    pub const fn quality(self) -> u8 {
        self.0 & 0x03
    }

    /// What the client itself published is not wanted.
    #[must_use]
    pub const fn no_local(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// The retain flag is to stay as it was published.
    #[must_use]
    pub const fn retain_as_published(self) -> bool {
        self.0 & 0x08 != 0
    }

    /// When retained messages are wanted: 0 always, 1 where the subscription is new, 2 never.
    #[must_use]
    pub const fn retain_handling(self) -> u8 {
        self.0 >> 4
    }
}

/// A subscription as far as it decides about what is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its number in the session.
    pub number: u32,
    /// Its filter.
    pub filter: Filter,
    /// Its options.
    pub options: Options,
    /// Its subscription identifier.
    pub identifier: Option<u32>,
    /// The name of its share.
    pub share: Option<String>,
    /// Where in the log it began.
    pub since: Position,
}

/// How a record is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// At most this quality of service.
    pub quality: u8,
    /// With these subscription identifiers.
    pub identifiers: Vec<u32>,
    /// With its retain flag as it was published.
    pub retain_as_published: bool,
}

impl Standing {
    /// Whether a record of this topic is for it.
    #[must_use]
    pub fn matches(&self, topic: &Topic, prefix: usize) -> bool {
        matches(&self.filter, topic, prefix)
    }

    /// Whether the record at `position` is for it; `is_own` says that the client published it.
    fn wants(&self, (topic, position, prefix): (&Topic, Position, usize), is_own: bool) -> bool {
        self.since <= position
            && !(is_own && self.options.no_local())
            && self.matches(topic, prefix)
    }
}

/// Whether a filter matches a topic as MQTT has it: a wildcard stands for no name that begins with
/// `$` (4.7.2). Names begin after `prefix` levels of their topics.
#[must_use]
pub fn matches(filter: &Filter, topic: &Topic, prefix: usize) -> bool {
    if !filter.matches(topic) {
        return false;
    }
    let first = filter.levels().nth(prefix);
    let is_wild = !matches!(first, Some(FilterLevel::Literal(_)));
    let name = topic.levels().nth(prefix);
    !(is_wild && name.is_some_and(|level| level.starts_with(DOLLAR)))
}

impl SessionState {
    /// How the record at `position`, which subscription `number` has brought, is sent; `None` where
    /// it is not: another one brings it, or nobody wants it. `prefix` is how many levels of a topic
    /// come before the name; `is_own` says that the client published it.
    #[must_use]
    pub fn merge(
        &self,
        number: u32,
        about: (&Topic, Position, usize),
        is_own: bool,
    ) -> Option<Merged> {
        self.merge_among(number, about, is_own, |_held| true)
    }

    /// As [`merge`](Self::merge), among those subscriptions that get records as messages.
    #[must_use]
    pub fn merge_among(
        &self,
        number: u32,
        about: (&Topic, Position, usize),
        is_own: bool,
        gets_messages: impl Fn(&Held) -> bool,
    ) -> Option<Merged> {
        let brought = &self.subscriptions.get(&number)?.standing;
        if brought.share.is_some() {
            return brought.wants(about, is_own).then(|| Merged::of(brought));
        }
        let (mut merged, mut first) = (Merged::default(), None);
        for held in self.subscriptions.values().filter(|held| gets_messages(held)) {
            let standing = &held.standing;
            if standing.share.is_none() && standing.wants(about, is_own) {
                first = first.or(Some(standing.number));
                merged.add(standing);
            }
        }
        (first == Some(number)).then_some(merged)
    }

    /// The subscription that brings the record at `position` among those that get records as
    /// messages and have no share: the first that wants it.
    #[must_use]
    pub fn first_among(
        &self,
        about: (&Topic, Position, usize),
        is_own: bool,
        gets_messages: impl Fn(&Held) -> bool,
    ) -> Option<u32> {
        let mut all = self.subscriptions.values().filter(|held| held.standing.share.is_none());
        let first = all.find(|held| held.standing.wants(about, is_own) && gets_messages(held))?;
        Some(first.standing.number)
    }
}

impl Merged {
    /// As one subscription alone wants it.
    #[must_use]
    pub fn of(standing: &Standing) -> Self {
        let mut merged = Self::default();
        merged.add(standing);
        merged
    }

    fn add(&mut self, standing: &Standing) {
        self.quality = self.quality.max(standing.options.quality());
        self.identifiers.extend(standing.identifier);
        self.retain_as_published |= standing.options.retain_as_published();
    }
}

#[cfg(test)]
mod tests;
