//! One file: what a process sees, what survives, and what lies between.

use std::sync::Arc;

use super::{Draw, Survival};

const SECTOR_BYTES: usize = 512;

#[derive(Debug, Default)]
pub(crate) struct FileState {
    content: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// Shared with everybody who has it open.
    open: Arc<()>,
}

/// A change that was not synced, with the step that made it.
#[derive(Debug)]
enum Change {
    Write { step: u64, offset: usize, bytes: Vec<u8> },
    Length { length: usize },
}

impl FileState {
    pub(crate) fn holding(content: &[u8]) -> Self {
        Self { content: content.to_vec(), durable: content.to_vec(), ..Self::default() }
    }

    pub(crate) fn open(&self) -> Arc<()> {
        Arc::clone(&self.open)
    }

    pub(crate) fn is_open(&self) -> bool {
        Arc::strong_count(&self.open) > 1
    }

    pub(crate) fn content(&self) -> &[u8] {
        &self.content
    }

    pub(crate) fn write(&mut self, step: u64, offset: usize, bytes: &[u8]) {
        write(&mut self.content, offset, bytes);
        self.pending.push(Change::Write { step, offset, bytes: bytes.to_vec() });
    }

    pub(crate) fn set_length(&mut self, _step: u64, length: usize) {
        self.content.resize(length, 0);
        self.pending.push(Change::Length { length });
    }

    pub(crate) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            match change {
                Change::Write { offset, bytes, .. } => write(&mut self.durable, offset, &bytes),
                Change::Length { length } => self.durable.resize(length, 0),
            }
        }
    }

    pub(crate) fn forget_pending(&mut self) {
        self.pending.clear();
    }

    /// The step of the last write that was not synced.
    pub(crate) fn last_write(&self) -> Option<u64> {
        self.pending.iter().rev().find_map(|change| match change {
            Change::Write { step, .. } => Some(*step),
            Change::Length { .. } => None,
        })
    }

    /// Loses what was not synced, but for what survives. `last_write` is the disk's last one.
    pub(crate) fn survive(&mut self, survival: Survival, last_write: Option<u64>, draw: &mut Draw) {
        for change in std::mem::take(&mut self.pending) {
            match (change, survival) {
                (Change::Length { length }, _) => {
                    if draw.keeps() {
                        self.durable.resize(length, 0);
                    }
                }
                (Change::Write { step, offset, bytes }, Survival::TornLastWrite(kept))
                    if Some(step) == last_write =>
                {
                    write(&mut self.durable, offset, bytes.get(..kept).unwrap_or(&bytes));
                }
                (Change::Write { offset, bytes, .. }, _) => {
                    for (at, piece) in sectors(offset, &bytes) {
                        if draw.keeps() {
                            write(&mut self.durable, at, piece);
                        }
                    }
                }
            }
        }
        self.content.clone_from(&self.durable);
    }

    pub(crate) fn rot(&mut self, byte: usize, bits: u8) -> bool {
        if let Some(durable) = self.durable.get_mut(byte) {
            *durable ^= bits;
        }
        self.content.get_mut(byte).map(|seen| *seen ^= bits).is_some()
    }
}

fn write(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset.saturating_add(bytes.len());
    if content.len() < end {
        content.resize(end, 0);
    }
    if let Some(place) = content.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}

/// A write's bytes, cut where sectors begin.
fn sectors(offset: usize, bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let mut pieces = Vec::new();
    let (mut at, mut rest) = (offset, bytes);
    while !rest.is_empty() {
        let room = SECTOR_BYTES.saturating_sub(at % SECTOR_BYTES);
        let (piece, after) = rest.split_at(room.min(rest.len()));
        pieces.push((at, piece));
        at = at.saturating_add(piece.len());
        rest = after;
    }
    pieces
}

pub(crate) fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

pub(crate) fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
