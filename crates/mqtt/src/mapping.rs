//! MQTT's names and filters as ours: one to one, level by level, under a listener's prefix.
//!
//! What our grammar keeps out of a level and MQTT allows is written as an escape, and each escape
//! stands only where the plain spelling is refused, so nothing has two names. What is refused all
//! the same breaks a limit, or could be taken for another name: characters that hide, and Unicode
//! that is not in normalisation form C.

use std::fmt;

use sekisho_proto::{Filter, OrgName, ParseError, Topic};
use thiserror::Error;

/// First levels that brokers keep for themselves, in any case.
const RESERVED: [&str; 5] = ["$sys", "$share", "$queue", "$mqtt", "$control"];

/// The first of them: what a server says of itself.
const SYSTEM: &str = "$SYS";

/// Why a name or filter of MQTT has no counterpart here.
#[derive(Debug, Clone, Error)]
pub enum NameError {
    /// MQTT itself does not allow it.
    #[error("{thing}: wanted {wanted} (MQTT 4.7), found {found:?}")]
    NotMqtt {
        /// A topic name or a topic filter.
        thing: &'static str,
        /// What MQTT allows.
        wanted: &'static str,
        /// What was there.
        found: String,
    },
    /// A name that brokers keep for themselves.
    #[error("{thing}: wanted one that is not the server's own, found {found:?}")]
    Reserved {
        /// A topic name or a topic filter.
        thing: &'static str,
        /// What was there.
        found: String,
    },
    /// It breaks a limit of topics, or could be taken for another name.
    #[error("under the prefix of this listener: {0}")]
    Grammar(#[from] ParseError),
}

/// Where in an organisation's tree the names of a listener's clients are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    text: String,
}

impl Prefix {
    /// Parses a prefix: an organisation's name, or a topic.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.contains('/') {
            Topic::parse(text)?;
        } else {
            OrgName::parse(text)?;
        }
        Ok(Self { text: text.to_owned() })
    }

    /// The topic that a topic name of MQTT stands for.
    ///
    /// # Errors
    /// It is not a topic name, or it breaks a limit.
    pub fn topic(&self, name: &str) -> Result<Topic, NameError> {
        check("topic name", name)?;
        self.written(name)
    }

    /// The topic of what the server says of itself under a name of its own (`$SYS/…`): by the same
    /// rule as every other, so that no client's name is the same.
    ///
    /// # Errors
    /// It is not such a name, or it breaks a limit.
    pub fn system_topic(&self, name: &str) -> Result<Topic, NameError> {
        if !is_system(name) {
            return Err(not_mqtt("topic name", "one of the server's own", name));
        }
        self.written(name)
    }

    fn written(&self, name: &str) -> Result<Topic, NameError> {
        if name.contains(['+', '#']) {
            return Err(not_mqtt("topic name", "no wildcards", name));
        }
        let mut text = self.begun(name);
        for level in name.split('/') {
            text.push('/');
            escape(level, &mut text);
        }
        Ok(Topic::parse(&text)?)
    }

    /// The filter that a topic filter of MQTT stands for, without the rule that wildcards at its
    /// beginning leave out names that begin with `$`: that is [`hides`].
    ///
    /// # Errors
    /// It is not a topic filter, or it breaks a limit.
    pub fn filter(&self, filter: &str) -> Result<Filter, NameError> {
        check("topic filter", filter)?;
        self.wanted(filter)
    }

    /// The filter of what the server says of itself, which is none of the names that clients have.
    ///
    /// # Errors
    /// It is not a filter of such names, or it breaks a limit.
    pub fn system_filter(&self, filter: &str) -> Result<Filter, NameError> {
        if !is_system(filter) {
            return Err(not_mqtt("topic filter", "one of the server's own names", filter));
        }
        if filter.contains('\0') {
            return Err(not_mqtt("topic filter", "no U+0000", filter));
        }
        self.wanted(filter)
    }

    fn wanted(&self, filter: &str) -> Result<Filter, NameError> {
        let mut text = self.begun(filter);
        let mut levels = filter.split('/').peekable();
        while let Some(level) = levels.next() {
            text.push('/');
            let is_last = levels.peek().is_none();
            match level {
                "+" => text.push('+'),
                "#" if is_last => text.push('#'),
                level if level.contains(['+', '#']) => {
                    let wanted = "+ as a whole level, # as the whole last level";
                    return Err(not_mqtt("topic filter", wanted, filter));
                }
                level => escape(level, &mut text),
            }
        }
        Ok(Filter::parse(&text)?)
    }

    /// The topic name by which MQTT's clients know a topic; `None` outside the prefix.
    #[must_use]
    pub fn name(&self, topic: &Topic) -> Option<String> {
        let levels = topic.as_str().strip_prefix(&self.text)?.strip_prefix('/')?;
        let mut name = String::with_capacity(levels.len());
        for (index, level) in levels.split('/').enumerate() {
            if index > 0 {
                name.push('/');
            }
            unescape(level, &mut name);
        }
        (!name.is_empty()).then_some(name)
    }

    /// The prefix as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn begun(&self, more: &str) -> String {
        let mut text = String::with_capacity(self.text.len() + more.len() + 8);
        text.push_str(&self.text);
        text
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Whether a filter leaves a name out although its levels match: one that begins with a wildcard
/// does not speak of names that begin with `$` (MQTT-4.7.2-1).
#[must_use]
pub fn hides(filter: &str, name: &str) -> bool {
    filter.starts_with(['+', '#']) && name.starts_with('$')
}

/// Whether a name or filter is of what the server says of itself.
#[must_use]
pub fn is_system(text: &str) -> bool {
    text.split('/').next() == Some(SYSTEM)
}

fn check(thing: &'static str, text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(not_mqtt(thing, "at least one character", text));
    }
    if text.contains('\0') {
        return Err(not_mqtt(thing, "no U+0000", text));
    }
    let first = text.split('/').next().unwrap_or_default();
    if RESERVED.iter().any(|reserved| first.eq_ignore_ascii_case(reserved)) {
        return Err(NameError::Reserved { thing, found: text.chars().take(64).collect() });
    }
    Ok(())
}

fn not_mqtt(thing: &'static str, wanted: &'static str, found: &str) -> NameError {
    NameError::NotMqtt { thing, wanted, found: found.chars().take(64).collect() }
}

fn escape(level: &str, text: &mut String) {
    match level {
        "" => return text.push('%'),
        "." => return text.push_str("%2E"),
        ".." => return text.push_str("%2E."),
        _ => {}
    }
    let last = level.len() - 1;
    for (index, character) in level.char_indices() {
        match character {
            '%' => text.push_str("%25"),
            '$' if index == 0 => text.push_str("%24"),
            ' ' if index == 0 || index == last => text.push_str("%20"),
            plain => text.push(plain),
        }
    }
}

fn unescape(level: &str, name: &mut String) {
    match level {
        "%" => return,
        "%2E" => return name.push('.'),
        "%2E." => return name.push_str(".."),
        _ => {}
    }
    let mut rest = level;
    while let Some((before, after)) = rest.split_once('%') {
        name.push_str(before);
        let codes = [("25", '%'), ("24", '$'), ("20", ' ')];
        let known = codes
            .iter()
            .find_map(|(code, plain)| after.strip_prefix(code).map(|rest| (rest, *plain)));
        match known {
            Some((after, plain)) => {
                name.push(plain);
                rest = after;
            }
            // No topic has this; its grammar knows no other escape.
            None => {
                name.push('%');
                rest = after;
            }
        }
    }
    name.push_str(rest);
}

#[cfg(test)]
mod tests;
