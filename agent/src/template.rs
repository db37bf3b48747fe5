//! Topics made from words of a line, such as `fujisawa/bus/{vehicle_id}/position`.
//!
//! What a topic may not hold is escaped as docs/protocol.md says; a word that no escape can carry
//! (one with `/`, `+`, `#` or control characters) gives no topic.

use sekisho_proto::Topic;

use crate::observation::Observation;

/// The word that stands for an observation's stream.
pub const STREAM: &str = "stream";

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("topic template: wanted {wanted}, found {found:?}")]
pub struct TemplateError {
    wanted: String,
    found: String,
}

impl TemplateError {
    /// What would have been accepted.
    #[must_use]
    pub fn wanted(&self) -> &str {
        &self.wanted
    }
}

/// Why an observation has no topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicFault {
    /// The line did not have the word.
    #[error("topic {template:?}: wanted a value for {word}, found none")]
    WordMissing {
        /// The template.
        template: String,
        /// The word.
        word: String,
    },
    /// The topic that came out is none.
    #[error("topic {text:?}: wanted {wanted}")]
    Unspeakable {
        /// What came out.
        text: String,
        /// What would have been accepted.
        wanted: &'static str,
    },
}

/// A topic with words to be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    levels: Vec<Vec<Part>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Word(String),
}

impl Template {
    /// Parses a template: a topic in which `{word}` stands for a word of the line or, as
    /// `{stream}`, for its kind. The first level is the organisation and has no word.
    ///
    /// # Errors
    ///
    /// A brace without its partner, a `%` (escapes are made, not written), or no topic even when
    /// every word is a plain one.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let error = |wanted: &str| TemplateError { wanted: wanted.into(), found: text.into() };
        if text.contains('%') {
            return Err(error("no %: what needs an escape gets it"));
        }
        if text.split('/').any(str::is_empty) {
            return Err(error("no empty level"));
        }
        let levels: Option<Vec<_>> = text.split('/').map(parts).collect();
        let levels = levels.ok_or_else(|| error("each { with its word and }"))?;
        let worded = |part: &Part| matches!(part, Part::Word(_));
        if levels.first().is_some_and(|organisation| organisation.iter().any(worded)) {
            return Err(error("an organisation's name as first level"));
        }
        let template = Self { text: text.into(), levels };
        match template.fill(|_| Some("x")) {
            Ok(_) => Ok(template),
            Err(TopicFault::Unspeakable { wanted, .. }) => Err(error(wanted)),
            Err(TopicFault::WordMissing { .. }) => Err(error("words")),
        }
    }

    /// The words to be filled in.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.levels.iter().flatten().filter_map(|part| match part {
            Part::Word(word) => Some(word.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// The topic of an observation.
    ///
    /// # Errors
    ///
    /// It lacks a word, or no topic can hold one.
    pub fn topic(&self, observation: &Observation) -> Result<Topic, TopicFault> {
        self.fill(|word| match word {
            STREAM => Some(&*observation.stream),
            _ => observation.label(word),
        })
    }

    /// The template as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn fill<'a>(&self, word: impl Fn(&str) -> Option<&'a str>) -> Result<Topic, TopicFault> {
        let mut text = String::with_capacity(self.text.len());
        for (index, parts) in self.levels.iter().enumerate() {
            if index > 0 {
                text.push('/');
            }
            push_escaped(&mut text, &self.level(parts, &word)?);
        }
        Topic::parse(&text)
            .map_err(|error| TopicFault::Unspeakable { text, wanted: error.wanted() })
    }

    fn level<'a>(
        &self,
        parts: &[Part],
        word: &impl Fn(&str) -> Option<&'a str>,
    ) -> Result<String, TopicFault> {
        let mut level = String::new();
        for part in parts {
            let piece = match part {
                Part::Literal(literal) => literal.as_str(),
                Part::Word(name) => word(name).ok_or_else(|| TopicFault::WordMissing {
                    template: self.text.clone(),
                    word: name.clone(),
                })?,
            };
            level.push_str(piece);
        }
        if level.contains('/') {
            return Err(TopicFault::Unspeakable { text: level, wanted: "no / in a word" });
        }
        Ok(level)
    }
}

fn parts(level: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = level;
    while let Some((literal, tail)) = rest.split_once('{') {
        let (word, after) = tail.split_once('}')?;
        if literal.contains('}') || word.is_empty() || word.contains('{') {
            return None;
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        parts.push(Part::Word(word.into()));
        rest = after;
    }
    if rest.contains('}') {
        return None;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.into()));
    }
    Some(parts)
}

fn push_escaped(text: &mut String, level: &str) {
    match level {
        "" => text.push('%'),
        "." => text.push_str("%2E"),
        ".." => text.push_str("%2E."),
        _ => {
            for (at, character) in level.char_indices() {
                let first = at == 0;
                let last = at + character.len_utf8() == level.len();
                match character {
                    '%' => text.push_str("%25"),
                    '$' if first => text.push_str("%24"),
                    ' ' if first || last => text.push_str("%20"),
                    _ => text.push(character),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
