//! Names as sensiNact takes them. Of services and resources it leaves letters, digits and `-` as they
//! are and makes `-` of everything else, and as names of classes it makes no difference between `-`,
//! `_` and `.`, nor between a first letter and its capital. So nothing but letters, digits and `-` is
//! written here, everything else as `Z` and two hexadecimal digits for each byte, and each name has
//! one spelling.

use sekisho_proto::{Topic, TransducerName};

/// Between two levels of a topic.
const BETWEEN: &str = "--";
/// The service of a topic that has no levels beyond its provider's.
pub const SERVICE: &str = "data";
/// Services that are no levels: ours, and the one that sensiNact gives every provider.
const RESERVED: [&str; 2] = [SERVICE, "admin"];

/// A topic as provider and service: the first `levels` of it are the provider, the rest the service.
#[must_use]
pub fn of_topic(topic: &Topic, levels: usize) -> (String, String) {
    let all: Vec<&str> = topic.levels().collect();
    let (device, rest) = all.split_at(levels.clamp(1, all.len()));
    let provider = device.iter().map(|level| level_out(level)).collect::<Vec<_>>().join(BETWEEN);
    let service = rest.iter().map(|level| level_out(level)).collect::<Vec<_>>().join(BETWEEN);
    if service.is_empty() {
        return (provider, SERVICE.to_owned());
    }
    // The first letter's capital names the same class, and so does an escape's.
    let begins_alike = service
        .starts_with(|first: char| first.is_ascii_uppercase() || first == 'z')
        && !rest.first().is_some_and(|level| is_escaped_first(level));
    if begins_alike || RESERVED.contains(&service.as_str()) {
        let mut chars = service.chars();
        let first = chars.next().map(|first| escaped(first.to_string().as_bytes()));
        return (provider, first.unwrap_or_default() + chars.as_str());
    }
    (provider, service)
}

/// The topic of a provider and a service, where [`of_topic`] spells some topic so.
#[must_use]
pub fn topic_of(provider: &str, service: &str, levels: usize) -> Option<Topic> {
    let mut all = Vec::new();
    for level in provider.split(BETWEEN) {
        all.push(inward(level)?);
    }
    if service != SERVICE {
        for level in service.split(BETWEEN) {
            all.push(inward(level)?);
        }
    }
    let topic = Topic::parse(&all.join("/")).ok()?;
    let (found, below) = of_topic(&topic, levels);
    (found == provider && below == service).then_some(topic)
}

/// A transducer as a resource.
#[must_use]
pub fn of_transducer(name: &TransducerName) -> String {
    let mut out = String::with_capacity(name.as_str().len());
    for byte in name.as_str().bytes() {
        match byte {
            b'_' => out.push('-'),
            byte if is_plain(byte) => out.push(char::from(byte)),
            byte => out.push_str(&escaped(&[byte])),
        }
    }
    out
}

/// The transducer of a resource, where [`of_transducer`] spells some transducer so.
#[must_use]
pub fn transducer_of(resource: &str) -> Option<TransducerName> {
    let name = TransducerName::parse(&inward(&resource.replace('-', "_"))?).ok()?;
    (of_transducer(&name) == resource).then_some(name)
}

/// A level: `-` stays where it stands alone and within.
fn level_out(level: &str) -> String {
    let bytes = level.as_bytes();
    let mut out = String::with_capacity(bytes.len());
    for (index, byte) in bytes.iter().copied().enumerate() {
        let before = index.checked_sub(1).and_then(|before| bytes.get(before));
        let after = bytes.get(index.saturating_add(1));
        let stands_within =
            before.is_some_and(|byte| *byte != b'-') && after.is_some_and(|byte| *byte != b'-');
        if is_plain(byte) || (byte == b'-' && stands_within) {
            out.push(char::from(byte));
        } else {
            out.push_str(&escaped(&[byte]));
        }
    }
    out
}

fn inward(spelt: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(spelt.len());
    let mut rest = spelt.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'Z' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        bytes.push(*data_encoding::HEXLOWER.decode(&digits).ok()?.first()?);
    }
    String::from_utf8(bytes).ok()
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() && byte != b'Z'
}

fn is_escaped_first(level: &str) -> bool {
    level.bytes().next().is_some_and(|byte| !is_plain(byte))
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("Z{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
