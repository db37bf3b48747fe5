//! What a segment's file is called and how it begins.

use std::{io, sync::Arc};

use super::frame::{Fields, FrameSeal};
use crate::{Disk, DiskFile};

/// Bytes before the first frame: the header twice, so that damage to one copy costs nothing.
pub(crate) const SEGMENT_HEADER_BYTES: u64 = 2 * COPY_BYTES as u64;

const COPY_BYTES: usize = 64;
const MAGIC: &[u8; 8] = b"sekilog1";
const VERSION: u32 = 1;
const SUFFIX: &str = ".segment";

/// The file in which a segment is written that replaces others; it has no meaning until renamed.
pub(crate) const REWRITE_FILE: &str = "rewrite.tmp";

/// Which segment of which making. Ordered by the log's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SegmentName {
    /// Position of the first record that was or could be in it.
    pub(crate) first: u64,
    /// How often it has been rewritten.
    pub(crate) revision: u32,
}

impl SegmentName {
    pub(crate) fn file_name(&self) -> String {
        format!("{:020}.{:06}{SUFFIX}", self.first, self.revision)
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (first, revision) = name.strip_suffix(SUFFIX)?.split_once('.')?;
        let parsed = Self { first: first.parse().ok()?, revision: revision.parse().ok()? };
        (parsed.file_name() == name).then_some(parsed)
    }
}

/// How a segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) first: u64,
    /// Where it was rewritten by trimming: one after the last position it stands for. Positions
    /// that are missing in it were dropped by retention.
    pub(crate) rewritten_end: Option<u64>,
    pub(crate) nonce: u64,
}

impl SegmentHeader {
    pub(crate) fn seal(&self) -> FrameSeal {
        FrameSeal::new(self.nonce)
    }

    /// Both copies.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(COPY_BYTES * 2);
        copy.extend_from_slice(MAGIC);
        copy.extend_from_slice(&VERSION.to_le_bytes());
        copy.extend_from_slice(&u32::from(self.rewritten_end.is_some()).to_le_bytes());
        copy.extend_from_slice(&self.first.to_le_bytes());
        copy.extend_from_slice(&self.rewritten_end.unwrap_or_default().to_le_bytes());
        copy.extend_from_slice(&self.nonce.to_le_bytes());
        copy.resize(COPY_BYTES - 4, 0);
        copy.extend_from_slice(&crc32c::crc32c(&copy).to_le_bytes());
        copy.extend_from_within(..);
        copy
    }

    /// Reads the header of a segment from whichever copy is whole.
    pub(crate) fn read(file: &dyn DiskFile, first: u64) -> io::Result<Option<Self>> {
        let mut bytes = [0; COPY_BYTES * 2];
        let length = file.read_at(0, &mut bytes)?;
        let (copies, _rest) = bytes.get(..length).unwrap_or_default().as_chunks::<COPY_BYTES>();
        Ok(copies.iter().find_map(Self::parse).filter(|header| header.first == first))
    }

    fn parse(copy: &[u8; COPY_BYTES]) -> Option<Self> {
        let (content, checksum) = copy.split_last_chunk::<4>()?;
        if crc32c::crc32c(content) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let mut fields = Fields(content);
        let magic: &[u8; 8] = fields.chunk()?;
        let version = u32::from_le_bytes(*fields.chunk()?);
        let rewritten = u32::from_le_bytes(*fields.chunk()?);
        let (first, end, nonce) = (fields.number()?, fields.number()?, fields.number()?);
        let rewritten_end = (rewritten == 1).then_some(end);
        (magic == MAGIC && version == VERSION).then_some(Self { first, rewritten_end, nonce })
    }
}

/// A segment that is appended to no more, with its index.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) name: SegmentName,
    pub(crate) seal: FrameSeal,
    pub(crate) rewritten: bool,
    pub(crate) index: super::index::SegmentIndex,
}

/// Draws a number and makes the header of a new segment.
pub(crate) fn new_header(
    disk: &Arc<dyn Disk>,
    first: u64,
    rewritten_end: Option<u64>,
) -> SegmentHeader {
    SegmentHeader { first, rewritten_end, nonce: disk.nonce() }
}
