//! Looks for sample bytes where only sealed ones may be: in files and in datagrams.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Bytes read at once.
const CHUNK: usize = 1 << 20;

/// Known bytes of the fleet's samples: a text and a number that occur in every one of them.
#[derive(Debug, Clone)]
pub(crate) struct Needles {
    text: Vec<u8>,
    number: [u8; 8],
}

impl Needles {
    /// From the text and the number that every truck puts into every sample.
    pub(crate) fn new(text: &str, number: f64) -> Self {
        Self { text: text.as_bytes().to_vec(), number: number.to_le_bytes() }
    }

    /// How often they occur.
    pub(crate) fn count_in(&self, bytes: &[u8]) -> u64 {
        let count = |needle: &[u8]| memchr::memmem::find_iter(bytes, needle).count() as u64;
        count(&self.text) + count(&self.number)
    }

    /// How often they occur in the files below a folder, and how many bytes were looked at.
    pub(crate) fn count_below(&self, folder: &Path) -> Result<(u64, u64)> {
        let (mut found, mut bytes) = (0, 0);
        for entry in std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let (more, read) = if kind.is_dir() {
                self.count_below(&entry.path())?
            } else if kind.is_file() {
                self.count_in_file(&entry.path())?
            } else {
                (0, 0)
            };
            found += more;
            bytes += read;
        }
        Ok((found, bytes))
    }

    /// Chunks overlap by a needle's length, so that none is cut in two; what lies in the overlap is
    /// counted once.
    fn count_in_file(&self, path: &Path) -> Result<(u64, u64)> {
        let mut file = File::open(path).with_context(|| format!("{}", path.display()))?;
        let overlap = self.text.len().max(self.number.len()) - 1;
        let mut window: Vec<u8> = Vec::with_capacity(CHUNK + overlap);
        let (mut found, mut bytes) = (0, 0);
        loop {
            let kept = window.len();
            let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut window)?;
            bytes += read as u64;
            if read == 0 {
                return Ok((found, bytes));
            }
            let before = window.get(..kept).map_or(0, |kept| self.count_in(kept));
            found += self.count_in(&window) - before;
            let from = window.len().saturating_sub(overlap);
            window.drain(..from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_planted_is_found_once_wherever_it_lies() {
        let needles = Needles::new("canary-0123456789", 13.37);
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("below")).unwrap();
        for offset in [0, 5, CHUNK - 9, CHUNK - 1, CHUNK, 2 * CHUNK - 3] {
            let mut bytes = vec![0xA5; 2 * CHUNK + 64];
            bytes[offset..offset + 17].copy_from_slice(b"canary-0123456789");
            std::fs::write(folder.path().join("below/file"), &bytes).unwrap();
            assert_eq!(needles.count_below(folder.path()).unwrap().0, 1, "at {offset}");
        }
        let number = [vec![7; 100], 13.37_f64.to_le_bytes().to_vec()].concat();
        assert_eq!(needles.count_in(&number), 1);
        assert_eq!(needles.count_in(b"nothing here"), 0);
    }
}
