//! Frames out of a stream of bytes that arrives in any pieces.

use bytes::{Buf as _, Bytes, BytesMut};

use super::{FIELDS, Frame, LENGTH_PREFIX_BYTES};
use crate::{DecodeError, limits::FRAME_BYTES_MAX};

/// Memory is taken for all of a frame once one part in so many has arrived, so that it need not move
/// each time that more comes.
const MEMORY_TIMES_MAX: usize = 4;

/// Cuts a stream into frames. Push what arrived, then take frames until there is none: so that no
/// more is held than one unfinished frame and the last piece. A length above the limit is refused
/// when it is read, and again at every later call; memory is taken for what arrived and never for what
/// a length announces, until a quarter of that is here.
#[derive(Debug)]
pub struct FrameDecoder {
    frame_bytes_max: usize,
    /// The beginning of a frame whose end has not arrived.
    unfinished: BytesMut,
    /// What arrived behind it.
    arrived: Bytes,
}

impl FrameDecoder {
    /// A decoder of frames up to so many bytes, at most [`FRAME_BYTES_MAX`].
    #[must_use]
    pub fn new(frame_bytes_max: usize) -> Self {
        Self {
            frame_bytes_max: frame_bytes_max.min(FRAME_BYTES_MAX),
            unfinished: BytesMut::new(),
            arrived: Bytes::new(),
        }
    }

    /// Takes other frames from here on, as after a greeting: up to so many bytes, at most
    /// [`FRAME_BYTES_MAX`].
    pub fn set_frame_bytes_max(&mut self, frame_bytes_max: usize) {
        self.frame_bytes_max = frame_bytes_max.min(FRAME_BYTES_MAX);
    }

    /// Appends what arrived.
    pub fn push(&mut self, bytes: Bytes) {
        if self.arrived.is_empty() {
            self.arrived = bytes;
            return;
        }
        let joined = [&*self.arrived, &*bytes].concat();
        self.arrived = joined.into();
    }

    /// Whether nothing is left of the stream: where it may end.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unfinished.is_empty() && self.arrived.is_empty()
    }

    /// The next frame; `None` until more has arrived.
    ///
    /// # Errors
    ///
    /// The frame is larger than the limit, or is none; a session ends with either.
    #[expect(
        clippy::should_implement_trait,
        reason = "`None` means not yet here, and the end in an iterator"
    )]
    pub fn next(&mut self) -> Result<Option<Frame>, DecodeError> {
        match self.next_bytes()? {
            Some(bytes) => Frame::decode(bytes).map(Some),
            None => Ok(None),
        }
    }

    fn next_bytes(&mut self) -> Result<Option<Bytes>, DecodeError> {
        if self.unfinished.is_empty() {
            let Some(length) = length_of(&self.arrived) else {
                self.keep(usize::MAX);
                return Ok(None);
            };
            self.check(length)?;
            if self.arrived.len() - LENGTH_PREFIX_BYTES >= length {
                self.arrived.advance(LENGTH_PREFIX_BYTES);
                return Ok(Some(self.arrived.split_to(length)));
            }
        }
        self.keep(LENGTH_PREFIX_BYTES.saturating_sub(self.unfinished.len()));
        let Some(length) = length_of(&self.unfinished) else {
            return Ok(None);
        };
        self.check(length)?;
        let whole = LENGTH_PREFIX_BYTES + length;
        let missing = whole.saturating_sub(self.unfinished.len());
        let arriving = self.unfinished.len().saturating_add(self.arrived.len());
        if arriving.saturating_mul(MEMORY_TIMES_MAX) >= whole {
            self.unfinished.reserve(missing);
        }
        self.keep(missing);
        if self.unfinished.len() < whole {
            return Ok(None);
        }
        self.unfinished.advance(LENGTH_PREFIX_BYTES);
        Ok(Some(std::mem::take(&mut self.unfinished).freeze()))
    }

    /// Moves at most so many bytes of what arrived to the unfinished frame.
    fn keep(&mut self, bytes_max: usize) {
        let part = self.arrived.split_to(bytes_max.min(self.arrived.len()));
        self.unfinished.extend_from_slice(&part);
    }

    /// Bytes of memory that are held for the unfinished frame.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.unfinished.capacity()
    }

    fn check(&self, length: usize) -> Result<(), DecodeError> {
        if length <= self.frame_bytes_max {
            return Ok(());
        }
        Err(DecodeError::Oversized {
            message: FIELDS.0,
            limit: self.frame_bytes_max,
            found: length,
        })
    }
}

impl Default for FrameDecoder {
    fn default() -> Self {
        Self::new(FRAME_BYTES_MAX)
    }
}

/// The length that a frame begins with, once it has arrived.
fn length_of(mut bytes: &[u8]) -> Option<usize> {
    let length = bytes.try_get_u32().ok()?;
    Some(usize::try_from(length).unwrap_or(usize::MAX))
}
