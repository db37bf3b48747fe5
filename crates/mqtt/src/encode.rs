//! Packets of a server to bytes: one writer for both versions, straight into what is to be sent.
//!
//! A server writes ten packets and none of them has many shapes. The tests read each of them back
//! with the library that reads the clients' ones.

use bytes::{BufMut as _, Bytes, BytesMut};
use sekisho_proto::MqttMessage;

use crate::length;
use crate::packet::{Accepted, Answer, Auth, Delivery, Step, Turn, Version};
use crate::reason::Reason;

/// The largest packet that MQTT can express (2.1.4), bytes after the fixed header.
const REMAINING_MAX: usize = 268_435_455;
/// Bytes of a reason string: a sentence, and so short that the length of all properties takes one
/// byte, since there are clients that read no other.
const REASON_BYTES_MAX: usize = 124;

/// A packet that MQTT or the client does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// What a server allows, as CONNACK tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Messages of quality 1 and 2 at a time.
    pub receive_maximum: u16,
    /// Bytes of a packet, of whoever is told: in 5.0, from CONNACK on.
    pub packet_bytes_max: u32,
    /// Bytes of a packet of anybody else.
    pub untold_bytes_max: u32,
    /// Topic aliases of a client.
    pub alias_max: u16,
}

/// Writes packets of one version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer {
    pub(crate) version: Version,
    /// Bytes of the largest packet that the client takes.
    pub(crate) bytes_max: u32,
    /// Whether the client wants reasons in words.
    pub(crate) wants_words: bool,
}

impl Writer {
    pub(crate) fn accept(
        &self,
        accepted: &Accepted,
        allowed: Allowed,
        to: &mut BytesMut,
    ) -> Result<(), TooLarge> {
        let mut body = BytesMut::new();
        body.put_u8(u8::from(accepted.is_present));
        body.put_u8(0);
        if self.version == Version::V5 {
            let mut said = Properties::default();
            said.short(33, Some(allowed.receive_maximum));
            said.number(39, Some(allowed.packet_bytes_max));
            said.short(34, Some(allowed.alias_max));
            said.text(18, accepted.assigned.as_deref());
            said.short(19, accepted.keep_alive_s);
            said.number(17, accepted.expiry_s);
            said.text(26, accepted.response_information.as_deref());
            if let Some(method) = &accepted.method {
                said.text(21, Some(&method.name));
                said.binary(22, Some(&method.data));
            }
            said.finish(&mut body);
        }
        self.fits(body.len())?;
        packet(0x20, &body, to);
        Ok(())
    }

    /// Writes nothing where that is larger than the client takes (3.1.2.11.4).
    pub(crate) fn refuse(&self, reason: Reason, why: &str, to: &mut BytesMut) {
        let mut body = BytesMut::new();
        body.put_u8(0);
        match self.version {
            Version::V311 => body.put_u8(reason.return_code()),
            Version::V5 => {
                body.put_u8(reason.number());
                self.words(why, body.len()).finish(&mut body);
            }
        }
        if self.fits(body.len()).is_ok() {
            packet(0x20, &body, to);
        }
    }

    pub(crate) fn answer(&self, answer: Answer, why: &str, to: &mut BytesMut) {
        let first = match answer.step {
            Step::Acknowledged => 0x40,
            Step::Received => 0x50,
            Step::Released => 0x62,
            Step::Completed => 0x70,
        };
        if self.version == Version::V311 || answer.reason == Reason::SUCCESS {
            // The short form that both versions have.
            to.put_u8(first);
            to.put_u8(2);
            to.put_u16(answer.id);
            return;
        }
        let mut body = BytesMut::new();
        body.put_u16(answer.id);
        body.put_u8(answer.reason.number());
        self.words(why, body.len()).finish(&mut body);
        packet(first, &body, to);
    }

    /// Whether the client takes a SUBACK or UNSUBACK with so many codes.
    pub(crate) fn takes_codes(&self, codes: usize) -> Result<(), TooLarge> {
        let properties = match self.version {
            Version::V311 => 0,
            Version::V5 => 1,
        };
        self.fits(2 + properties + codes)
    }

    pub(crate) fn subscribed(
        &self,
        id: u16,
        codes: &[Reason],
        why: &str,
        to: &mut BytesMut,
    ) -> Result<(), TooLarge> {
        self.codes(0x90, id, codes, why, to)
    }

    pub(crate) fn unsubscribed(
        &self,
        id: u16,
        codes: &[Reason],
        to: &mut BytesMut,
    ) -> Result<(), TooLarge> {
        match self.version {
            Version::V311 => self.codes(0xb0, id, &[], "", to),
            Version::V5 => self.codes(0xb0, id, codes, "", to),
        }
    }

    fn codes(
        &self,
        first: u8,
        id: u16,
        codes: &[Reason],
        why: &str,
        to: &mut BytesMut,
    ) -> Result<(), TooLarge> {
        self.takes_codes(codes.len())?;
        let mut body = BytesMut::new();
        body.put_u16(id);
        if self.version == Version::V5 {
            self.words(why, body.len() + codes.len()).finish(&mut body);
        }
        for code in codes {
            body.put_u8(match self.version {
                Version::V311 if code.is_failure() => Reason::UNSPECIFIED.number(),
                Version::V311 | Version::V5 => code.number(),
            });
        }
        packet(first, &body, to);
        Ok(())
    }

    pub(crate) fn pong(to: &mut BytesMut) {
        packet(0xd0, &[], to);
    }

    /// Nothing in 3.1.1, where a server only closes.
    pub(crate) fn disconnect(&self, reason: Reason, why: &str, to: &mut BytesMut) {
        if self.version == Version::V5 {
            let mut body = BytesMut::new();
            body.put_u8(reason.number());
            self.words(why, body.len()).finish(&mut body);
            packet(0xe0, &body, to);
        }
    }

    pub(crate) fn auth(&self, auth: &Auth, to: &mut BytesMut) -> Result<(), TooLarge> {
        let mut body = BytesMut::new();
        body.put_u8(auth.reason.number());
        let mut said = Properties::default();
        if let Some(method) = &auth.method {
            said.text(21, Some(&method.name));
            said.binary(22, Some(&method.data));
        }
        said.finish(&mut body);
        self.fits(body.len())?;
        packet(0xf0, &body, to);
        Ok(())
    }

    /// Writes a message; its topic name is left out where the alias says it.
    pub(crate) fn publish(
        &self,
        delivery: &Delivery<'_>,
        (alias, names): (Option<u16>, bool),
        to: &mut BytesMut,
    ) -> Result<(), TooLarge> {
        let name = if names { delivery.name.as_bytes() } else { &[] };
        let said = match self.version {
            Version::V311 => None,
            Version::V5 => Some(properties(delivery, alias)),
        };
        let properties = said.as_ref().map_or(0, Properties::bytes);
        let id = if delivery.quality > 0 { 2 } else { 0 };
        let payload = &delivery.message.payload;
        let remaining = 2 + name.len() + id + properties + payload.len();
        self.fits(remaining)?;
        let length = u16::try_from(name.len()).map_err(|_long| TooLarge)?;
        let duplicate = delivery.turn == Turn::Again && delivery.quality > 0;
        let first = 0x30
            | u8::from(duplicate) << 3
            | delivery.quality.min(2) << 1
            | u8::from(delivery.retain);
        to.reserve(remaining + 5);
        to.put_u8(first);
        length::put(remaining, to);
        to.put_u16(length);
        to.put_slice(name);
        if id > 0 {
            to.put_u16(delivery.id);
        }
        if let Some(said) = said {
            said.finish(to);
        }
        to.put_slice(payload);
        Ok(())
    }

    fn fits(&self, remaining: usize) -> Result<(), TooLarge> {
        let whole = remaining.saturating_add(1 + length::bytes(remaining));
        let bytes_max = usize::try_from(self.bytes_max).unwrap_or(usize::MAX);
        if remaining > REMAINING_MAX || whole > bytes_max { Err(TooLarge) } else { Ok(()) }
    }

    /// Why, in a packet that has so many bytes beside properties.
    fn words(&self, why: &str, beside: usize) -> Properties {
        let mut said = Properties::default();
        if self.wants_words && !why.is_empty() {
            let mut end = why.len().min(REASON_BYTES_MAX);
            while !why.is_char_boundary(end) {
                end -= 1;
            }
            let why: String = why.get(..end).unwrap_or_default().replace('\0', " ");
            said.text(31, Some(&why));
        }
        // A reason that makes the packet too large is left out (3.1.2.11.4).
        if self.fits(beside + said.bytes()).is_ok() { said } else { Properties::default() }
    }
}

/// Writes a packet that the client takes: it was asked whether, or this is smaller than the CONNACK
/// that it took.
fn packet(first: u8, body: &[u8], to: &mut BytesMut) {
    to.put_u8(first);
    length::put(body.len(), to);
    to.put_slice(body);
}

fn properties(delivery: &Delivery<'_>, alias: Option<u16>) -> Properties {
    let MqttMessage {
        utf8, content_type, response_topic, correlation_data, user_properties, ..
    } = delivery.message;
    let mut said = Properties::default();
    if let Some(utf8) = utf8 {
        said.put(1, &[u8::from(*utf8)]);
    }
    said.number(2, delivery.expiry_s);
    said.text(3, Some(content_type).filter(|text| !text.is_empty()).map(String::as_str));
    said.text(8, Some(response_topic).filter(|text| !text.is_empty()).map(String::as_str));
    said.binary(9, correlation_data.as_ref());
    for identifier in delivery.identifiers {
        said.bytes.put_u8(11);
        length::put(usize::try_from(*identifier).unwrap_or(0), &mut said.bytes);
    }
    said.short(35, alias);
    for property in user_properties {
        said.bytes.put_u8(38);
        put_text(property.name.as_bytes(), &mut said.bytes);
        put_text(property.value.as_bytes(), &mut said.bytes);
    }
    said
}

/// Properties being gathered: their length comes before them.
#[derive(Debug, Default)]
struct Properties {
    bytes: BytesMut,
}

impl Properties {
    fn put(&mut self, id: u8, bytes: &[u8]) {
        self.bytes.put_u8(id);
        self.bytes.put_slice(bytes);
    }

    fn short(&mut self, id: u8, value: Option<u16>) {
        if let Some(value) = value {
            self.put(id, &value.to_be_bytes());
        }
    }

    fn number(&mut self, id: u8, value: Option<u32>) {
        if let Some(value) = value {
            self.put(id, &value.to_be_bytes());
        }
    }

    fn text(&mut self, id: u8, text: Option<&str>) {
        if let Some(text) = text {
            self.bytes.put_u8(id);
            put_text(text.as_bytes(), &mut self.bytes);
        }
    }

    fn binary(&mut self, id: u8, binary: Option<&Bytes>) {
        if let Some(binary) = binary {
            self.bytes.put_u8(id);
            put_text(binary, &mut self.bytes);
        }
    }

    fn bytes(&self) -> usize {
        self.bytes.len() + length::bytes(self.bytes.len())
    }

    fn finish(&self, to: &mut BytesMut) {
        length::put(self.bytes.len(), to);
        to.put_slice(&self.bytes);
    }
}

/// Bytes with their number in front; what was parsed fits, anything else is cut.
fn put_text(bytes: &[u8], to: &mut BytesMut) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    to.put_u16(length);
    to.put_slice(bytes.get(..usize::from(length)).unwrap_or(bytes));
}
