//! Packets: put together, protected and taken apart by hand (RFC 9000 §17, RFC 9001 §5).

use std::collections::BTreeSet;

use rustls::quic::{DirectionalKeys, Keys};

use super::varint::{Rest, varint};

pub(super) const ID_BYTES: usize = 8;
const VERSION: [u8; 4] = 1_u32.to_be_bytes();
const LONG: u8 = 0x80;
const FIXED: u8 = 0x40;
const PACKET_NUMBER_BYTES: usize = 4;
const SAMPLE_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
/// A datagram with an Initial packet is at least so long.
pub(super) const DATAGRAM_BYTES_MIN: usize = 1_200;
/// Header, length, packet number and tag of an Initial packet are no longer.
const INITIAL_OVERHEAD: usize = 60;

/// Where a packet belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Initial,
    Handshake,
    Data,
}

/// Keys and packet numbers of a level.
pub(super) struct Space {
    level: Level,
    keys: Option<Keys>,
    next: u64,
    received: BTreeSet<u64>,
}

/// A packet that was opened.
pub(super) struct Opened {
    pub(super) level: Level,
    pub(super) payload: Vec<u8>,
    /// The connection id that the other side gave itself.
    pub(super) source: Option<Vec<u8>>,
}

/// What a datagram begins with.
pub(super) enum Part<'a> {
    /// A packet of a level, and where its packet number is.
    Packet { level: Level, packet: &'a [u8], number_at: usize, source: Option<Vec<u8>> },
    /// The server wants the address proven first.
    Retry,
    /// Nothing that is understood: the rest of the datagram is passed over.
    Other,
}

impl Space {
    pub(super) const fn new(level: Level) -> Self {
        Self { level, keys: None, next: 0, received: BTreeSet::new() }
    }

    pub(super) fn arm(&mut self, keys: Keys) {
        self.keys = Some(keys);
    }

    /// One packet with these frames, protected.
    pub(super) fn seal(&mut self, to: &[u8], from: &[u8], frames: &[u8]) -> Vec<u8> {
        let mut payload = frames.to_vec();
        if self.level == Level::Initial {
            payload.resize(payload.len().max(DATAGRAM_BYTES_MIN - INITIAL_OVERHEAD + 16), 0);
        }
        // What protects the header is taken from behind the packet number.
        payload.resize(payload.len().max(PACKET_NUMBER_BYTES), 0);
        let mut packet = self.header(to, from, payload.len());
        let number_at = packet.len();
        let number = u32::try_from(self.next).expect("a few packets");
        packet.extend(number.to_be_bytes());
        let keys: &DirectionalKeys = &self.keys.as_ref().expect("keys of this level").local;
        let sealed = keys.packet.encrypt_in_place(self.next, &packet, &mut payload);
        let tag = sealed.expect("a packet can be sealed");
        packet.extend(payload);
        packet.extend(tag.as_ref());
        self.next += 1;
        let (head, tail) = packet.split_at_mut(number_at + PACKET_NUMBER_BYTES);
        let sample = tail.get(..SAMPLE_BYTES).expect("a tag behind the number");
        let (first, rest) = head.split_first_mut().expect("a header");
        let protected = rest.get_mut(number_at - 1..).expect("a packet number");
        keys.header.encrypt_in_place(sample, first, protected).expect("a sample");
        packet
    }

    fn header(&self, to: &[u8], from: &[u8], payload: usize) -> Vec<u8> {
        let number_length = u8::try_from(PACKET_NUMBER_BYTES - 1).expect("two bits");
        let kind = match self.level {
            Level::Initial => 0,
            Level::Handshake => 2,
            Level::Data => return [&[FIXED | number_length], to].concat(),
        };
        let mut header = vec![LONG | FIXED | kind << 4 | number_length];
        header.extend(VERSION);
        for id in [to, from] {
            header.push(u8::try_from(id.len()).expect("at most 20 bytes"));
            header.extend(id);
        }
        if self.level == Level::Initial {
            // No token.
            header.push(0);
        }
        let length = PACKET_NUMBER_BYTES + payload + TAG_BYTES;
        // Always in two bytes, so that the header's length depends on nothing.
        let length = u16::try_from(length).expect("a datagram's length") | 0x4000;
        header.extend(length.to_be_bytes());
        header
    }

    /// Opens a packet of this level, where it is one.
    pub(super) fn open(&mut self, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
        let keys = &self.keys.as_ref()?.remote;
        let mut packet = packet.to_vec();
        let (head, tail) = packet.split_at_mut_checked(number_at + PACKET_NUMBER_BYTES)?;
        let sample = tail.get(..SAMPLE_BYTES)?;
        let (first, rest) = head.split_first_mut()?;
        let protected = rest.get_mut(number_at - 1..)?;
        keys.header.decrypt_in_place(sample, first, protected).ok()?;
        let bytes = usize::from(*first & 3) + 1;
        let cut = protected.get(..bytes)?;
        let short = cut.iter().fold(0, |value: u64, byte| value << 8 | u64::from(*byte));
        let number = self.whole(short, bytes);
        let (header, payload) = packet.split_at_mut_checked(number_at + bytes)?;
        let opened = keys.packet.decrypt_in_place(number, header, payload).ok()?.to_vec();
        self.received.insert(number);
        Some(opened)
    }

    /// A packet number from its last bytes (RFC 9000 §A.3).
    fn whole(&self, short: u64, bytes: usize) -> u64 {
        let expected = self.received.last().map_or(0, |last| last + 1);
        let window = 1_u64 << (8 * bytes);
        let candidate = (expected & !(window - 1)) | short;
        if candidate + window / 2 <= expected {
            candidate + window
        } else if candidate > expected + window / 2 && candidate >= window {
            candidate - window
        } else {
            candidate
        }
    }

    /// An acknowledgement of everything that came, and of nothing else.
    pub(super) fn acknowledgement(&self) -> Vec<u8> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for number in self.received.iter().rev() {
            match ranges.last_mut() {
                Some((_largest, smallest)) if *smallest == number + 1 => *smallest = *number,
                _ => ranges.push((*number, *number)),
            }
        }
        // The newest are enough: a server asks for the rest again.
        ranges.truncate(32);
        let mut later = ranges.iter();
        let Some((largest, mut smallest)) = later.next().copied() else { return Vec::new() };
        let mut frame = [vec![2], varint(largest), varint(0)].concat();
        frame.extend(varint(ranges.len() as u64 - 1));
        frame.extend(varint(largest - smallest));
        for (largest, lowest) in later {
            frame.extend(varint(smallest - largest - 2));
            frame.extend(varint(largest - lowest));
            smallest = *lowest;
        }
        frame
    }
}

/// The first part of what is left of a datagram.
pub(super) fn next_part<'a>(datagram: &mut Rest<'a>) -> Part<'a> {
    let whole = datagram.0;
    let Some(first) = whole.first().copied() else { return Part::Other };
    if first & LONG == 0 {
        datagram.0 = &[];
        let number_at = 1 + ID_BYTES;
        return Part::Packet { level: Level::Data, packet: whole, number_at, source: None };
    }
    long_part(datagram, whole, first).unwrap_or(Part::Other)
}

fn long_part<'a>(datagram: &mut Rest<'a>, whole: &'a [u8], first: u8) -> Option<Part<'a>> {
    let mut rest = Rest(whole);
    rest.byte()?;
    if rest.take(VERSION.len())? != VERSION {
        return None;
    }
    let _to = {
        let length = usize::from(rest.byte()?);
        rest.take(length)?
    };
    let source = {
        let length = usize::from(rest.byte()?);
        rest.take(length)?.to_vec()
    };
    let level = match (first >> 4) & 3 {
        0 => {
            rest.prefixed()?;
            Level::Initial
        }
        2 => Level::Handshake,
        3 => {
            datagram.0 = &[];
            return Some(Part::Retry);
        }
        _ => return None,
    };
    let length = rest.length()?;
    let number_at = whole.len() - rest.0.len();
    rest.take(length)?;
    datagram.0 = rest.0;
    let packet = whole.get(..number_at + length)?;
    Some(Part::Packet { level, packet, number_at, source: Some(source) })
}
