//! How one record lies in a segment, and how to know that it is still what was written.
//!
//! A frame is a marker, the payload's length, a checksum, the position and the first position of
//! the batch it was committed with, then the payload; all numbers little-endian. Marker and the
//! checksum's start value are drawn per segment, so that nobody can put something into an envelope
//! that would pass for a frame when the bytes before it are damaged. A frame without payload marks
//! that everything before it was committed.

use std::mem::size_of;

use bytes::Bytes;
use sekisho_proto::{
    BootId, Hash, KeyHeaderId, Offset, Position, PrincipalId, Sequence, Timestamp, Topic,
};

use crate::{NewRecord, RECORD_BYTES_MAX, StoredRecord, StreamKey};

/// Bytes before the payload.
pub(crate) const FRAME_HEADER_BYTES: usize = 28;

/// Longest frame, bytes.
pub(crate) const FRAME_BYTES_MAX: usize = FRAME_HEADER_BYTES + RECORD_BYTES_MAX;

/// Payload bytes that every record has: received, offset, flags, hops, topic length, stream, hash.
const FIXED_BYTES: usize =
    8 + 8 + 1 + 1 + 2 + size_of::<PrincipalId>() + size_of::<BootId>() + 8 + size_of::<Hash>();

const HAS_KEY_HEADER: u8 = 1;

/// What marks and checks the frames of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameSeal {
    marker: [u8; 4],
    seed: u32,
}

impl FrameSeal {
    /// Both halves of a number that was drawn for the segment.
    pub(crate) fn new(nonce: u64) -> Self {
        let [a, b, c, d, seed @ ..] = nonce.to_le_bytes();
        Self { marker: [a, b, c, d], seed: u32::from_le_bytes(seed) }
    }

    pub(crate) fn marker(&self) -> &[u8; 4] {
        &self.marker
    }

    fn checksum(&self, length: &[u8], rest: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c_append(self.seed, length), rest)
    }

    /// Appends a frame around the payload that `write` appends; returns its length, bytes.
    pub(crate) fn encode(
        &self,
        buffer: &mut Vec<u8>,
        position: u64,
        batch: u64,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        let start = buffer.len();
        buffer.extend_from_slice(&self.marker);
        buffer.extend_from_slice(&[0; 8]);
        buffer.extend_from_slice(&position.to_le_bytes());
        buffer.extend_from_slice(&batch.to_le_bytes());
        write(buffer);
        let total = buffer.len().saturating_sub(start);
        let payload = total.saturating_sub(FRAME_HEADER_BYTES);
        let length = u32::try_from(payload).unwrap_or(u32::MAX).to_le_bytes();
        let rest = buffer.get(start.saturating_add(12)..).unwrap_or_default();
        let checksum = self.checksum(&length, rest).to_le_bytes();
        if let Some(gap) = buffer.get_mut(start.saturating_add(4)..start.saturating_add(12)) {
            let (low, high) = gap.split_at_mut(4);
            low.copy_from_slice(&length);
            high.copy_from_slice(&checksum);
        }
        total
    }

    /// The frame that these bytes begin with.
    pub(crate) fn decode<'a>(&self, bytes: &'a [u8]) -> FrameOutcome<'a> {
        let Some((marker, after)) = bytes.split_first_chunk::<4>() else {
            return FrameOutcome::Short;
        };
        if marker != &self.marker {
            return FrameOutcome::Bad;
        }
        let Some((length, after)) = after.split_first_chunk::<4>() else {
            return FrameOutcome::Short;
        };
        let payload_bytes = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if payload_bytes > RECORD_BYTES_MAX {
            return FrameOutcome::Bad;
        }
        let Some((checksum, after)) = after.split_first_chunk::<4>() else {
            return FrameOutcome::Short;
        };
        let Some(rest) = after.get(..payload_bytes.saturating_add(16)) else {
            return FrameOutcome::Short;
        };
        if self.checksum(length, rest) != u32::from_le_bytes(*checksum) {
            return FrameOutcome::Bad;
        }
        let mut fields = Fields(rest);
        match (fields.number(), fields.number()) {
            (Some(position), Some(batch)) => {
                FrameOutcome::Whole(Frame { position, batch, payload: fields.0 })
            }
            _ => FrameOutcome::Bad,
        }
    }
}

/// What some bytes begin with.
#[derive(Debug)]
pub(crate) enum FrameOutcome<'a> {
    /// A whole frame with a checksum that holds.
    Whole(Frame<'a>),
    /// Something that may be a frame if there were more bytes.
    Short,
    /// No frame.
    Bad,
}

/// A frame whose checksum holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) position: u64,
    /// Position of the first record of the batch.
    pub(crate) batch: u64,
    pub(crate) payload: &'a [u8],
}

impl Frame<'_> {
    /// Whether it only says that everything before it was committed.
    pub(crate) fn is_mark(&self) -> bool {
        self.payload.is_empty()
    }

    /// Length with its header, bytes.
    pub(crate) fn length(&self) -> usize {
        self.payload.len().saturating_add(FRAME_HEADER_BYTES)
    }
}

/// The bytes that a record's payload will have; `None` where that does not fit.
pub(crate) fn payload_length(record: &NewRecord) -> Option<usize> {
    let key_header = record.key_header.map_or(0, |_id| size_of::<KeyHeaderId>());
    let hops = record.hops.len().checked_mul(size_of::<PrincipalId>())?;
    FIXED_BYTES
        .checked_add(key_header)?
        .checked_add(hops)?
        .checked_add(record.topic.as_str().len())?
        .checked_add(record.envelope.len())
}

/// Appends a record's payload. Hop count and topic length are limited by the caller.
pub(crate) fn encode_payload(buffer: &mut Vec<u8>, record: &NewRecord, offset: u64) {
    let topic = record.topic.as_str().as_bytes();
    let flags = if record.key_header.is_some() { HAS_KEY_HEADER } else { 0 };
    buffer.extend_from_slice(&record.received.as_micros().to_le_bytes());
    buffer.extend_from_slice(&offset.to_le_bytes());
    buffer.push(flags);
    buffer.push(u8::try_from(record.hops.len()).unwrap_or(u8::MAX));
    buffer.extend_from_slice(&u16::try_from(topic.len()).unwrap_or(u16::MAX).to_le_bytes());
    buffer.extend_from_slice(record.stream.publisher.as_bytes());
    buffer.extend_from_slice(record.stream.boot.as_bytes());
    buffer.extend_from_slice(&record.stream.sequence.value().to_le_bytes());
    buffer.extend_from_slice(record.hash.as_bytes());
    if let Some(id) = record.key_header {
        buffer.extend_from_slice(id.as_bytes());
    }
    for hop in &record.hops {
        buffer.extend_from_slice(hop.as_bytes());
    }
    buffer.extend_from_slice(topic);
    buffer.extend_from_slice(&record.envelope);
}

/// A payload's fields, where they lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawRecord<'a> {
    pub(crate) received: i64,
    pub(crate) offset: u64,
    pub(crate) stream: StreamKey,
    pub(crate) hash: Hash,
    pub(crate) key_header: Option<KeyHeaderId>,
    hops: &'a [u8],
    pub(crate) topic: &'a str,
    pub(crate) envelope: &'a [u8],
}

impl<'a> RawRecord<'a> {
    /// The fields of a payload; `None` where it does not hold them.
    pub(crate) fn parse(payload: &'a [u8]) -> Option<Self> {
        let mut fields = Fields(payload);
        let received = i64::from_le_bytes(*fields.chunk()?);
        let offset = fields.number()?;
        let [flags, hop_count] = *fields.chunk()?;
        let topic_bytes = usize::from(u16::from_le_bytes(*fields.chunk()?));
        let stream = StreamKey {
            publisher: PrincipalId::new(*fields.chunk()?),
            boot: BootId::new(*fields.chunk()?),
            sequence: Sequence::new(fields.number()?),
        };
        let hash = Hash::new(*fields.chunk()?);
        let key_header = match flags {
            0 => None,
            HAS_KEY_HEADER => Some(KeyHeaderId::new(*fields.chunk()?)),
            _ => return None,
        };
        let hops = fields.slice(usize::from(hop_count).checked_mul(size_of::<PrincipalId>())?)?;
        let topic = str::from_utf8(fields.slice(topic_bytes)?).ok()?;
        let envelope = fields.0;
        Some(Self { received, offset, stream, hash, key_header, hops, topic, envelope })
    }

    /// The record with copies of its bytes, so that it keeps nothing else in memory.
    pub(crate) fn to_record(self, position: u64, topic: Topic) -> StoredRecord {
        let (hops, _rest) = self.hops.as_chunks::<{ size_of::<PrincipalId>() }>();
        StoredRecord {
            position: Position::new(position),
            offset: Offset::new(self.offset),
            received: Timestamp::from_micros(self.received),
            topic,
            envelope: Bytes::copy_from_slice(self.envelope),
            hops: hops.iter().copied().map(PrincipalId::new).collect(),
            stream: self.stream,
            hash: self.hash,
            key_header: self.key_header,
        }
    }
}

/// Bytes that are taken from the front.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn chunk<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(chunk)
    }

    pub(crate) fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (slice, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(slice)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.chunk()?))
    }
}

#[cfg(test)]
mod tests;
