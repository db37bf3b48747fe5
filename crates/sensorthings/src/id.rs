//! Identifiers of entities: made of names and offsets, so that they are the same after a restart,
//! and of unreserved characters, so that they need no escape in a URL or an MQTT topic name.
//!
//! A topic's levels are joined by `:`, its transducer follows after `::`, a unit other than the
//! described one after another `::`, and what was read from the log has `@OFFSET.NUMBER` behind it.
//! Whatever else a name holds is written as `~` and two hexadecimal digits for each byte.

use data_encoding::HEXUPPER;
use sekisho_proto::{Offset, Topic, TransducerName, Unit};

/// A datastream within a stream: what one transducer measures in one unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quantity {
    pub(crate) transducer: TransducerName,
    /// Where it is not the unit of the stream's description.
    pub(crate) unit: Option<Unit>,
}

/// A place in a topic's log: a record, and which of what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) offset: Offset,
    pub(crate) number: u32,
}

/// An identifier that begins with a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) topic: Topic,
    pub(crate) quantity: Option<Quantity>,
    pub(crate) place: Option<Place>,
}

impl Id {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (names, place) = match text.split_once('@') {
            Some((names, place)) => (names, Some(Place::parse(place)?)),
            None => (text, None),
        };
        let mut parts = names.split("::");
        let levels: Option<Vec<_>> = parts.next()?.split(':').map(unescaped).collect();
        let levels = levels?;
        if levels.iter().any(|level| level.contains('/')) {
            return None;
        }
        let topic = Topic::parse(&levels.join("/")).ok()?;
        let transducer = parts.next().map(unescaped);
        let unit = parts.next().map(unescaped);
        let quantity = match (transducer, unit) {
            (None, _) => None,
            (Some(transducer), unit) => {
                let transducer = TransducerName::parse(&transducer?).ok()?;
                let unit = match unit {
                    Some(unit) => Some(Unit::parse(&unit?).ok()?),
                    None => None,
                };
                Some(Quantity { transducer, unit })
            }
        };
        let id = Self { topic, quantity, place };
        (parts.next().is_none() && id.to_string() == text).then_some(id)
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, level) in self.topic.levels().enumerate() {
            if number > 0 {
                f.write_str(":")?;
            }
            f.write_str(&escaped(level))?;
        }
        if let Some(quantity) = &self.quantity {
            write!(f, "::{}", escaped(quantity.transducer.as_str()))?;
            if let Some(unit) = &quantity.unit {
                write!(f, "::{}", escaped(unit.as_str()))?;
            }
        }
        match self.place {
            Some(place) => write!(f, "@{place}"),
            None => Ok(()),
        }
    }
}

impl Place {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (offset, number) = text.split_once('.')?;
        let place =
            Self { offset: Offset::new(offset.parse().ok()?), number: number.parse().ok()? };
        (place.to_string() == text).then_some(place)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.offset, self.number)
    }
}

/// A name in an identifier.
pub(crate) fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push('~');
            text.push_str(&HEXUPPER.encode(&[byte]));
        }
    }
    text
}

/// The name again; `None` where it is not written in its one way.
pub(crate) fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'~' {
            let (code, after) = after.split_at_checked(2)?;
            bytes.extend(HEXUPPER.decode(code).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    let name = String::from_utf8(bytes).ok()?;
    (escaped(&name) == text).then_some(name)
}

#[cfg(test)]
mod tests;
