//! How what is remembered of a client is written: numbers in big endian, everything else after its
//! length, in one order, so that each state has one encoding.

use std::collections::BTreeSet;

use thiserror::Error;

/// Why bytes are not a remembered state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("remembered state: wanted {wanted}, found something else at byte {at}")]
pub struct StateError {
    /// What should have been there.
    pub wanted: &'static str,
    /// Where.
    pub at: usize,
}

/// Writes.
#[derive(Debug, Default)]
pub(crate) struct Writing(Vec<u8>);

impl Writing {
    pub(crate) fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn short(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn number(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn long(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn time(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.count(value.len());
        self.0.extend_from_slice(value);
    }

    /// How many of something follow. More than fit are none: a decoder then refuses the rest.
    pub(crate) fn count(&mut self, count: usize) {
        self.number(u32::try_from(count).unwrap_or(0));
    }

    pub(crate) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.byte(0),
            Some(value) => {
                self.byte(1);
                write(self, value);
            }
        }
    }

    pub(crate) fn positions(&mut self, positions: &BTreeSet<u64>) {
        self.count(positions.len());
        for position in positions {
            self.long(*position);
        }
    }

    pub(crate) fn done(self) -> Vec<u8> {
        self.0
    }
}

/// Reads, and takes nothing that [`Writing`] would not have written.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Reading<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    pub(crate) const fn refused(&self, wanted: &'static str) -> StateError {
        StateError { wanted, at: self.at }
    }

    fn take(&mut self, count: usize, wanted: &'static str) -> Result<&'a [u8], StateError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(self.refused(wanted))?;
        self.rest = rest;
        self.at = self.at.saturating_add(count);
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self, wanted: &'static str) -> Result<[u8; N], StateError> {
        let taken = self.take(N, wanted)?;
        taken.try_into().map_err(|_length| self.refused(wanted))
    }

    pub(crate) fn byte(&mut self) -> Result<u8, StateError> {
        Ok(u8::from_be_bytes(self.fixed("a byte")?))
    }

    pub(crate) fn short(&mut self) -> Result<u16, StateError> {
        Ok(u16::from_be_bytes(self.fixed("2 bytes")?))
    }

    pub(crate) fn number(&mut self) -> Result<u32, StateError> {
        Ok(u32::from_be_bytes(self.fixed("4 bytes")?))
    }

    pub(crate) fn long(&mut self) -> Result<u64, StateError> {
        Ok(u64::from_be_bytes(self.fixed("8 bytes")?))
    }

    pub(crate) fn time(&mut self) -> Result<i64, StateError> {
        Ok(i64::from_be_bytes(self.fixed("a time")?))
    }

    pub(crate) fn identity(&mut self) -> Result<[u8; 32], StateError> {
        self.fixed("32 bytes")
    }

    pub(crate) fn bytes(&mut self, max: usize) -> Result<&'a [u8], StateError> {
        let count = self.count(max)?;
        self.take(count, "as many bytes as were announced")
    }

    pub(crate) fn text(&mut self, max: usize) -> Result<String, StateError> {
        let bytes = self.bytes(max)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_fault| self.refused("UTF-8"))
    }

    /// How many of something follow.
    pub(crate) fn count(&mut self, max: usize) -> Result<usize, StateError> {
        let count = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if count > max { Err(self.refused("no more than the limit")) } else { Ok(count) }
    }

    pub(crate) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, StateError>,
    ) -> Result<Option<T>, StateError> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(self.refused("0 or 1")),
        }
    }

    pub(crate) fn positions(&mut self, max: usize) -> Result<BTreeSet<u64>, StateError> {
        let count = self.count(max)?;
        let mut positions = BTreeSet::new();
        for _ in 0..count {
            let position = self.long()?;
            if positions.last().is_some_and(|last| *last >= position) {
                return Err(self.refused("ascending positions"));
            }
            positions.insert(position);
        }
        Ok(positions)
    }

    pub(crate) fn end(&self) -> Result<(), StateError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.refused("the end")) }
    }
}
