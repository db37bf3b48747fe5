//! Reads a segment from front to back, finds its way past damage, and tells a batch that was never
//! finished from one that was and is damaged.

use std::io;

use super::{
    frame::{FRAME_BYTES_MAX, Frame, FrameOutcome, FrameSeal},
    segment::SEGMENT_HEADER_BYTES,
};
use crate::DiskFile;

/// Bytes read at once. Larger than the longest frame, so that a window holds at least one.
const WINDOW_BYTES: usize = 2 * FRAME_BYTES_MAX;

/// What comes next in a segment.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    Frame {
        byte: u64,
        frame: Frame<'a>,
    },
    /// Bytes that are no frame, up to the next frame or the end of the file.
    Damage {
        from: u64,
        to: u64,
    },
}

pub(crate) struct Scanner<'f> {
    file: &'f dyn DiskFile,
    seal: FrameSeal,
    length: u64,
    /// Where the next frame should begin.
    byte: u64,
    window: Vec<u8>,
    window_byte: u64,
}

/// A frame in the window.
struct Located {
    position: u64,
    batch: u64,
    length: usize,
}

impl<'f> Scanner<'f> {
    pub(crate) fn new(file: &'f dyn DiskFile, seal: FrameSeal) -> io::Result<Self> {
        Self::until(file, seal, None)
    }

    /// The same, for a file that is to be cut.
    pub(crate) fn until(
        file: &'f dyn DiskFile,
        seal: FrameSeal,
        cut_at: Option<u64>,
    ) -> io::Result<Self> {
        let length = file.length()?.min(cut_at.unwrap_or(u64::MAX));
        let byte = SEGMENT_HEADER_BYTES.min(length);
        Ok(Self { file, seal, length, byte, window: Vec::new(), window_byte: byte })
    }

    /// What comes next; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        if self.byte >= self.length {
            return Ok(None);
        }
        let byte = self.byte;
        let Some(Located { position, batch, length }) = self.locate(byte)? else {
            let to = self.next_frame_after(byte)?;
            self.byte = to;
            return Ok(Some(Found::Damage { from: byte, to }));
        };
        self.byte = byte.saturating_add(bytes_u64(length));
        let payload = self
            .rest_of_window(byte)
            .get(..length)
            .and_then(|whole| whole.get(super::frame::FRAME_HEADER_BYTES..))
            .unwrap_or_default();
        Ok(Some(Found::Frame { byte, frame: Frame { position, batch, payload } }))
    }

    /// The whole frame that begins here, if one does.
    fn locate(&mut self, byte: u64) -> io::Result<Option<Located>> {
        for _attempt in 0..2 {
            match self.seal.decode(self.rest_of_window(byte)) {
                FrameOutcome::Whole(frame) => {
                    let (position, batch) = (frame.position, frame.batch);
                    return Ok(Some(Located { position, batch, length: frame.length() }));
                }
                FrameOutcome::Bad => return Ok(None),
                FrameOutcome::Short if self.window_end() >= self.length => return Ok(None),
                FrameOutcome::Short => self.load(byte)?,
            }
        }
        Ok(None)
    }

    fn next_frame_after(&mut self, damaged: u64) -> io::Result<u64> {
        let mut byte = damaged.saturating_add(1);
        while byte < self.length {
            let marker = *self.seal.marker();
            let rest = self.rest_of_window(byte);
            match rest.windows(marker.len()).position(|bytes| bytes == marker) {
                Some(steps) => {
                    byte = byte.saturating_add(bytes_u64(steps));
                    if self.locate(byte)?.is_some() {
                        return Ok(byte);
                    }
                    byte = byte.saturating_add(1);
                }
                None if self.window_end() >= self.length => break,
                None => {
                    let searched = rest.len().saturating_sub(marker.len() - 1);
                    byte = byte.saturating_add(bytes_u64(searched));
                    self.load(byte)?;
                }
            }
        }
        Ok(self.length)
    }

    fn rest_of_window(&self, byte: u64) -> &[u8] {
        byte.checked_sub(self.window_byte)
            .and_then(|skip| self.window.get(usize::try_from(skip).ok()?..))
            .unwrap_or_default()
    }

    fn window_end(&self) -> u64 {
        self.window_byte.saturating_add(bytes_u64(self.window.len()))
    }

    fn load(&mut self, byte: u64) -> io::Result<()> {
        let left = usize::try_from(self.length.saturating_sub(byte)).unwrap_or(usize::MAX);
        self.window.resize(left.min(WINDOW_BYTES), 0);
        let filled = self.file.read_at(byte, &mut self.window)?;
        if filled < self.window.len() {
            self.window.truncate(filled);
            self.length = byte.saturating_add(bytes_u64(filled));
        }
        self.window_byte = byte;
        Ok(())
    }
}

/// How the segment that was written last ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ending {
    /// Where an unfinished batch begins that must be cut off.
    pub(crate) torn_at: Option<u64>,
    /// Positions before this one must not be given again: records of committed batches had them.
    pub(crate) resume_at: u64,
}

/// Looks for an unfinished batch at the end of a segment.
///
/// Batches are written one after the other, each only when the one before is durable. So damage is
/// the remains of an unfinished batch only where records of the last batch are missing in it;
/// wherever a later batch, or the mark that follows a commit, stands behind it, the disk has
/// damaged what was durable, and the rest must be kept.
pub(crate) fn ending(file: &dyn DiskFile, seal: FrameSeal, first: u64) -> io::Result<Ending> {
    let mut scanner = Scanner::new(file, seal)?;
    let (mut expected, mut last_batch) = (first, first);
    // Where damage begins, the position expected there, and the first one after it.
    let mut damages: Vec<(u64, u64, Option<u64>)> = Vec::new();
    while let Some(found) = scanner.next()? {
        match found {
            Found::Damage { from, .. } => damages.push((from, expected, None)),
            Found::Frame { frame, .. } => {
                if frame.position >= expected {
                    if let Some((_, _, after @ None)) = damages.last_mut() {
                        *after = Some(frame.position);
                    }
                    expected = frame.position.saturating_add(u64::from(!frame.is_mark()));
                    last_batch = frame.batch;
                }
            }
        }
    }
    let torn = damages.iter().find(|(_from, expected, after)| match after {
        None => true,
        Some(after) => *after > last_batch && after > expected,
    });
    Ok(match torn {
        None => Ending { torn_at: None, resume_at: first },
        Some((from, _expected, None)) => Ending { torn_at: Some(*from), resume_at: first },
        Some((from, _expected, Some(_))) => Ending { torn_at: Some(*from), resume_at: last_batch },
    })
}

/// Where the zeros begin that a file ends with, and not before `from`.
pub(crate) fn written_end(file: &dyn DiskFile, from: u64) -> io::Result<u64> {
    let length = file.length()?;
    let (mut end, mut byte, mut window) = (from, from, Vec::new());
    while byte < length {
        let left = usize::try_from(length.saturating_sub(byte)).unwrap_or(usize::MAX);
        window.resize(left.min(WINDOW_BYTES), 0);
        let filled = file.read_at(byte, &mut window)?;
        let read = window.get(..filled).unwrap_or_default();
        if let Some(last) = read.iter().rposition(|byte| *byte != 0) {
            end = byte.saturating_add(bytes_u64(last)).saturating_add(1);
        }
        if filled == 0 {
            break;
        }
        byte = byte.saturating_add(bytes_u64(filled));
    }
    Ok(end)
}

pub(crate) fn bytes_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
