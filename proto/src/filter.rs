//! Filters: patterns of topics, and exact answers about them, since rights are decided by these.

use std::sync::Arc;

use crate::{
    OrgName, ParseError, Topic, level::level_fault, limits::TOPIC_BYTES_MAX, text::text_name,
    topic::split,
};

/// A pattern of topics of one organisation: a topic in which a level may be `+` (any one level)
/// and the last may be `#` (any levels from there, also none). The first level is an
/// organisation's name, never a wildcard. `x/#` matches every topic of `x`; `x/y/#` also `x/y`.
#[derive(Clone)]
pub struct Filter {
    text: Arc<str>,
    organisation: OrgName,
}

const WILDCARDS: &str = "+ as a whole level, # as the whole last level";

/// One level of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterLevel<'a> {
    /// This level and no other.
    Literal(&'a str),
    /// `+`: any one level.
    One,
    /// `#`: any levels, also none; always the last.
    Rest,
}

impl Filter {
    /// Parses a filter.
    ///
    /// # Errors
    ///
    /// The first rule of the grammar that it breaks.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let refused = |wanted| ParseError::text("filter", wanted, text);
        let (organisation, levels) = split("filter", text)?;
        let fixed = match levels.strip_suffix('#') {
            Some("") => "+",
            Some(fixed) => fixed.strip_suffix('/').ok_or_else(|| refused(WILDCARDS))?,
            None => levels,
        };
        for level in fixed.split('/').filter(|level| *level != "+") {
            if level.contains(['+', '#']) {
                return Err(refused(WILDCARDS));
            }
            if let Some(wanted) = level_fault(level) {
                return Err(refused(wanted));
            }
        }
        Ok(Self { text: text.into(), organisation })
    }

    /// Every topic of an organisation.
    #[must_use]
    pub fn everything(organisation: &OrgName) -> Self {
        Self { text: format!("{organisation}/#").into(), organisation: organisation.clone() }
    }

    /// The organisation whose topics the filter speaks of.
    #[must_use]
    pub fn organisation(&self) -> &OrgName {
        &self.organisation
    }

    /// Every level, the organisation first.
    pub fn levels(&self) -> impl Iterator<Item = FilterLevel<'_>> {
        self.text.split('/').map(|level| match level {
            "+" => FilterLevel::One,
            "#" => FilterLevel::Rest,
            literal => FilterLevel::Literal(literal),
        })
    }

    /// The topic, where the filter has no wildcard.
    #[must_use]
    pub fn is_topic(&self) -> Option<Topic> {
        Topic::parse(&self.text).ok()
    }

    /// Whether the topic is one of those that the filter speaks of.
    #[must_use]
    pub fn matches(&self, topic: &Topic) -> bool {
        let (mut wanted, mut found) = (self.fixed(), topic.levels());
        loop {
            match (wanted.next(), found.next()) {
                (Some(wanted), Some(found)) if wanted == "+" || wanted == found => {}
                (None, Some(_)) => return self.is_open(),
                (None, None) => return true,
                (Some(_), _) => return false,
            }
        }
    }

    /// Whether every topic that `other` matches is matched by this filter too. Exact.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        let (mut ours, mut theirs) = (self.fixed(), other.fixed());
        loop {
            match (ours.next(), theirs.next()) {
                (Some(our), Some(their)) if our == "+" || our == their => {}
                (None, Some(_)) => return self.is_open(),
                (None, None) => return self.is_open() || !other.is_open(),
                (Some(_), _) => return false,
            }
        }
    }

    /// Whether there is a topic that both filters match. Exact, also where the topic would be
    /// longer than a topic may be.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (mut ours, mut theirs) = (self.fixed(), other.fixed());
        let mut shortest: usize = 0;
        loop {
            let level = match (ours.next(), theirs.next()) {
                (Some("+"), Some(level)) | (Some(level), Some("+")) => level,
                (Some(our), Some(their)) if our == their => our,
                (Some(_), Some(_)) => return false,
                (Some(level), None) if other.is_open() => level,
                (None, Some(level)) if self.is_open() => level,
                (Some(_), None) | (None, Some(_)) => return false,
                (None, None) => return shortest <= TOPIC_BYTES_MAX,
            };
            let slash = usize::from(shortest > 0);
            shortest = shortest.saturating_add(slash).saturating_add(level.len());
        }
    }

    /// Whether the filter ends with `#`.
    fn is_open(&self) -> bool {
        self.text.ends_with('#')
    }

    /// The levels that every matched topic has, wildcards as `+`. `x/#` has two, since no topic is
    /// an organisation alone.
    fn fixed(&self) -> impl Iterator<Item = &str> {
        let (levels, more) = match self.text.strip_suffix("/#") {
            Some(organisation) if !organisation.contains('/') => (organisation, Some("+")),
            Some(fixed) => (fixed, None),
            None => (&*self.text, None),
        };
        levels.split('/').chain(more)
    }
}

impl From<&Topic> for Filter {
    fn from(topic: &Topic) -> Self {
        Self { text: topic.as_str().into(), organisation: topic.organisation().clone() }
    }
}

text_name!(Filter);

#[cfg(test)]
mod tests;
