//! Looks for bytes that must not be there: in all memory of a running process, and in every file
//! below a folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use memchr::memmem::Finder;

/// Bytes read at once.
const CHUNK: usize = 1024 * 1024;

/// What is looked for, by name.
#[derive(Debug, Default)]
pub struct Needles {
    all: Vec<(String, Finder<'static>)>,
    longest: usize,
}

/// Where something was found.
pub type Found = BTreeSet<String>;

impl Needles {
    /// Looks for nothing so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks for this, too.
    #[must_use]
    pub fn with(mut self, name: &str, bytes: &[u8]) -> Self {
        assert!(bytes.len() >= 8, "{name}: {} bytes may be anywhere by chance", bytes.len());
        self.longest = self.longest.max(bytes.len());
        self.all.push((name.to_owned(), Finder::new(bytes).into_owned()));
        self
    }

    /// The names of those that are in the memory of a process, which stands still while it is read.
    ///
    /// # Panics
    /// Its memory cannot be read.
    #[must_use]
    pub fn in_memory_of(&self, process: u32) -> Found {
        let maps = format!("/proc/{process}/maps");
        let maps = fs::read_to_string(&maps).unwrap_or_else(|error| panic!("{maps}: {error}"));
        let path = format!("/proc/{process}/mem");
        let memory = File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut found = Found::new();
        let mut read: u64 = 0;
        for region in maps.lines().filter_map(Region::parse) {
            read += self.scan(&region, &memory, &mut found);
        }
        assert!(read > 1024 * 1024, "{path}: wanted a process's memory, found {read} bytes");
        found
    }

    /// Searches one region; tells how much of it there was.
    fn scan(&self, region: &Region, memory: &File, found: &mut Found) -> u64 {
        let mut buffer = vec![0; CHUNK + self.longest];
        let mut at = region.start;
        while at < region.end {
            let wanted = usize::try_from(region.end - at).map_or(CHUNK, |left| left.min(CHUNK));
            // What begins in this chunk may end in the next.
            let more = usize::try_from(region.end - at).unwrap_or(usize::MAX).min(buffer.len());
            let window = buffer.get_mut(..more).unwrap_or_default();
            match memory.read_exact_at(window, at) {
                Ok(()) => self.look(window, found),
                Err(error) if region.is_file => {
                    // A file that is mapped beyond its end: what there is of it is on the disk.
                    drop(error);
                }
                Err(error) => panic!("memory at {at:x} of {}: {error}", region.line),
            }
            at += wanted as u64;
        }
        region.end - region.start
    }

    /// The names of those that are in any file below a folder but those to be left out.
    ///
    /// # Panics
    /// A file cannot be read, or there is none.
    #[must_use]
    pub fn in_folder(&self, folder: &Path, left_out: &[PathBuf]) -> Found {
        let mut found = Found::new();
        let mut files = 0;
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder);
            let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            for entry in entries {
                let path = entry.expect("an entry of a folder").path();
                if left_out.contains(&path) {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let contents = fs::read(&path);
                    let contents =
                        contents.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                    self.look(&contents, &mut found);
                    files += 1;
                }
            }
        }
        assert!(files > 0, "{}: wanted files to search, found none", folder.display());
        found
    }

    fn look(&self, bytes: &[u8], found: &mut Found) {
        let there = self.all.iter().filter(|(_name, finder)| finder.find(bytes).is_some());
        found.extend(there.map(|(name, _finder)| name.clone()));
    }
}

/// A part of a process's memory.
#[derive(Debug)]
struct Region {
    start: u64,
    end: u64,
    is_file: bool,
    line: String,
}

impl Region {
    /// A line of `maps`: `start-end permissions offset device inode path`. None where the process
    /// itself could not read it, and for the kernel's clock pages, which nobody else can.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let permissions = fields.next()?;
        let name = fields.nth(3).unwrap_or_default();
        if !permissions.starts_with('r') || name.starts_with("[v") {
            return None;
        }
        let address = |text| u64::from_str_radix(text, 16).ok();
        let is_file = name.starts_with('/');
        Some(Self { start: address(start)?, end: address(end)?, is_file, line: line.to_owned() })
    }
}
