//! Topics: where an envelope belongs, beginning with the organisation that owns it.

use std::sync::Arc;

use crate::{
    OrgName, ParseError,
    level::level_fault,
    limits::{LEVELS_MAX, TOPIC_BYTES_MAX},
    text::text_name,
};

/// `organisation/level/…`: an organisation's name, then 1 to 31 levels of 1 to 128 bytes, at most
/// 512 bytes in all. A level is UTF-8 in normalisation form C without control characters, outer
/// spaces, `+`, `#` and `/`; it is not `.` or `..` and does not begin with `$`; `%` stands only in
/// the escapes of docs/protocol.md. Cloning copies no text.
#[derive(Clone)]
pub struct Topic {
    text: Arc<str>,
    organisation: OrgName,
}

impl Topic {
    /// Parses a topic.
    ///
    /// # Errors
    ///
    /// The first rule of the grammar that it breaks.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let refused = |wanted| ParseError::text("topic", wanted, text);
        let (organisation, levels) = split("topic", text)?;
        match levels.split('/').find_map(level_fault) {
            Some(wanted) => Err(refused(wanted)),
            None => Ok(Self { text: text.into(), organisation }),
        }
    }

    /// The organisation that owns the topic: its home.
    #[must_use]
    pub fn organisation(&self) -> &OrgName {
        &self.organisation
    }

    /// Every level, the organisation first.
    #[must_use]
    pub fn levels(&self) -> std::str::Split<'_, char> {
        self.text.split('/')
    }
}

text_name!(Topic);

/// The organisation of a topic or filter, and the text of its other levels, none of them looked
/// at yet.
pub(crate) fn split<'a>(
    thing: &'static str,
    text: &'a str,
) -> Result<(OrgName, &'a str), ParseError> {
    let refused = |wanted| Err(ParseError::text(thing, wanted, text));
    if text.len() > TOPIC_BYTES_MAX {
        return Err(ParseError::bytes(thing, "at most 512 bytes", text.len()));
    }
    let Some((organisation, levels)) = text.split_once('/') else {
        return refused("an organisation and at least one level");
    };
    if text.split('/').count() > LEVELS_MAX {
        return refused("at most 32 levels");
    }
    match OrgName::parse(organisation) {
        Ok(organisation) => Ok((organisation, levels)),
        Err(_) => refused("an organisation's name as first level"),
    }
}

#[cfg(test)]
mod tests;
