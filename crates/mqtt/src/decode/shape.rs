//! What the library does not look at, or refuses with another code than the standard.

use mqtt_protocol_core::mqtt::packet::{Property, v5_0};

use super::{Fault, Version};
use crate::length;
use crate::reason::Reason;

/// Where the level is in a CONNECT of the protocol name MQTT.
const LEVEL_AT: usize = 6;
/// Where its flags are, and where the properties of one of 5.0 begin.
const FLAGS_AT: usize = 7;
const CONNECT_PROPERTIES_AT: usize = 10;
/// The flag that says that there is a will (3.1.2.5).
const HAS_WILL: u8 = 0x04;
/// Properties (2.2.2.2).
const IDENTIFIER: u8 = 0x0b;
const USER_PROPERTY: u8 = 0x26;
/// The highest level that stands for a version: bridges set the bit above.
const LEVEL_MAX: u8 = 0x7f;

/// Whether a CONNECT is MQTT 3.1's, which had another protocol name.
pub(super) fn is_v31(body: &[u8]) -> bool {
    body.starts_with(b"\0\x06MQIsdp")
}

/// In which version's words a CONNECT of a level that is not spoken here is answered (3.1.2.2): a
/// later version that keeps the shape of 5.0 reads those of 5.0, everything else the oldest.
pub(super) fn version_of(body: &[u8]) -> Version {
    let mut read = body.to_vec();
    let level = read.get_mut(LEVEL_AT).filter(|level| (6..=LEVEL_MAX).contains(*level));
    let Some(level) = level else { return Version::V311 };
    *level = 5;
    match v5_0::Connect::parse(&read) {
        Ok((_connect, used)) if used == body.len() => Version::V5,
        _ => Version::V311,
    }
}

/// Looks at the lengths of the properties of a CONNECT of 5.0 and of its will.
pub(super) fn check_connect(body: &[u8]) -> Result<(), Fault> {
    let flags = body.get(FLAGS_AT).copied().unwrap_or_default();
    let own = counted("CONNECT", body.get(CONNECT_PROPERTIES_AT..).unwrap_or_default())?;
    let rest = own.and_then(|(own, rest)| rest.get(own..)).and_then(after_text);
    match rest {
        Some(rest) if flags & HAS_WILL != 0 => counted("CONNECT: will", rest).map(drop),
        Some(_) | None => Ok(()),
    }
}

/// Looks at the length of the properties of a packet of 5.0 that has them at `at`, or none.
pub(super) fn check_length(name: &str, at: usize, body: &[u8]) -> Result<(), Fault> {
    counted(name, body.get(at..).unwrap_or_default()).map(drop)
}

/// Looks at the properties of a PUBLISH of 5.0: they are there, if only to say that there are none
/// (2.2.2), and an alias of 0 is told as that (3.3.4). Anything else is the library's to find.
pub(super) fn check_publish(quality: u8, body: &[u8]) -> Result<(), Fault> {
    let id = if quality > 0 { 2 } else { 0 };
    let rest = after_text(body).and_then(|rest| rest.get(id..));
    let Some(rest) = rest else { return Ok(()) };
    if rest.is_empty() {
        return Err(Fault::malformed("PUBLISH: wanted a property length (2.2.2), found the end"));
    }
    let alias = |property: &[u8]| {
        if property.starts_with(&[0x23, 0, 0]) {
            let why = "PUBLISH: wanted a topic alias above 0, found 0 (3.3.2.3.4)";
            return Err(Fault::new(Reason::ALIAS_INVALID, why));
        }
        Ok(())
    };
    look_at("PUBLISH", rest, alias).map(drop)
}

/// Looks at a SUBSCRIBE of 5.0: options that are none are a Protocol Error (3.8.3.1), bits that are
/// reserved a Malformed Packet. Anything else is the library's to find.
pub(super) fn check_subscribe(body: &[u8]) -> Result<(), Fault> {
    let look = |property: &[u8]| match property {
        [IDENTIFIER, number @ ..] => counted("SUBSCRIBE: identifier", number).map(drop),
        other => check_own("SUBSCRIBE", other),
    };
    let rest = look_at("SUBSCRIBE", body.get(2..).unwrap_or_default(), look)?;
    let mut left = rest.unwrap_or_default();
    while let Some([options, more @ ..]) = after_text(left) {
        let is_none = options & 0x03 == 0x03 || options & 0x30 == 0x30;
        if is_none && options & 0xc0 == 0 {
            let why = format!("SUBSCRIBE: wanted options that there are, found {options:#04x}");
            return Err(Fault::protocol(why));
        }
        left = more;
    }
    Ok(())
}

/// Looks at the properties of an UNSUBSCRIBE of 5.0.
pub(super) fn check_unsubscribe(body: &[u8]) -> Result<(), Fault> {
    let look = |property: &[u8]| check_own("UNSUBSCRIBE", property);
    look_at("UNSUBSCRIBE", body.get(2..).unwrap_or_default(), look).map(drop)
}

/// A property that only other packets have makes a Malformed Packet (2.2.2.2); user properties every
/// packet may have.
fn check_own(name: &str, property: &[u8]) -> Result<(), Fault> {
    match property {
        [USER_PROPERTY, ..] | [] => Ok(()),
        [other, ..] => {
            let why = format!("{name}: wanted properties that it may have, found {other:#04x}");
            Err(Fault::malformed(why))
        }
    }
}

/// Has each of the properties at the front of `bytes` looked at, from its first byte on. Returns what
/// follows them; `None` where they are not whole.
fn look_at<'a>(
    name: &str,
    bytes: &'a [u8],
    look: impl Fn(&[u8]) -> Result<(), Fault>,
) -> Result<Option<&'a [u8]>, Fault> {
    let Some((length, rest)) = counted(name, bytes)? else { return Ok(None) };
    let mut left = rest.get(..length).unwrap_or_default();
    while !left.is_empty() {
        look(left)?;
        let Ok((_property, used)) = Property::parse(left) else { break };
        left = left.get(used..).unwrap_or_default();
    }
    Ok(rest.get(length..))
}

/// What follows a text; `None` where it is not whole.
fn after_text(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.get(usize::from(u16::from_be_bytes(*length))..)
}

/// A length in as few bytes as it needs (1.5.5), and what follows; `None` where it is not whole.
fn counted<'a>(name: &str, bytes: &'a [u8]) -> Result<Option<(usize, &'a [u8])>, Fault> {
    let Some(length) = length::read(bytes)? else { return Ok(None) };
    length.check_shortest(name)?;
    Ok(Some((length.value, bytes.get(length.bytes..).unwrap_or_default())))
}
