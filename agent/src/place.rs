//! How much of a followed file was published, across restarts of the agent: how many of its bytes are
//! in the spools, what it begins with and what is right before that place. At least once: what was read
//! and not yet persisted is read again. A file of lines that are all alike cannot be told from another.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use sekisho_proto::Hash;
use serde_json::{Value, json};
use tracing::warn;

/// The file with the places, in the folder of the spools.
const FILE: &str = "places.json";

/// Version of that file.
const VERSION: u64 = 1;

/// Bytes by which a file is known again, at its beginning and before the place: a header alone may be
/// that of every file.
pub(crate) const KNOWN_BYTES: usize = 1024;

/// Bytes of the file with the places at most: thousands of inputs.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A place in a file that grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    bytes: u64,
    known_by: Hash,
}

impl Place {
    /// Behind so many bytes of a file that begins so and has these before it, as many of each as a file
    /// is known by; none at the file's own beginning.
    pub(crate) fn behind(bytes: u64, beginning: &[u8], before: &[u8]) -> Option<Self> {
        let length = known_of(bytes);
        let beginning = beginning.get(..length)?;
        let before = before.get(before.len().checked_sub(length)?..)?;
        (bytes > 0).then(|| Self { bytes, known_by: Hash::of(&[beginning, before].concat()) })
    }

    /// How many bytes are before it.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it is one of this file, which is then read from its beginning.
    pub(crate) fn is_of(&self, file: &mut File) -> io::Result<bool> {
        if file.metadata()?.len() < self.bytes {
            return Ok(false);
        }
        let length = known_of(self.bytes);
        let mut known = vec![0; length * 2];
        let (beginning, before) = known.split_at_mut(length);
        let before_place = self.bytes.saturating_sub(length as u64);
        for (from, bytes) in [(0, beginning), (before_place, before)] {
            file.seek(SeekFrom::Start(from))?;
            match file.read_exact(bytes) {
                Ok(()) => {}
                Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => return Ok(false),
                Err(cause) => return Err(cause),
            }
        }
        file.seek(SeekFrom::Start(0))?;
        Ok(Hash::of(&known) == self.known_by)
    }
}

fn known_of(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX).min(KNOWN_BYTES)
}

/// The places of all followed files, by the names of their inputs.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Where they are kept; `None` where nothing is.
    folder: Option<PathBuf>,
    known: BTreeMap<String, Place>,
    has_moved: bool,
}

impl Places {
    /// Those of earlier runs. What cannot be read is told, and files are begun anew.
    pub(crate) fn open(spools: Option<&Path>) -> Self {
        let Some(folder) = spools else { return Self::default() };
        let path = folder.join(FILE);
        let known = match read(&path) {
            Ok(known) => known,
            Err(cause) => {
                let path = path.display();
                warn!(%path, %cause, "places in followed files not known: they are begun anew");
                BTreeMap::new()
            }
        };
        Self { folder: Some(folder.to_owned()), known, has_moved: false }
    }

    /// Where an input goes on.
    pub(crate) fn of(&self, input: &str) -> Option<Place> {
        self.known.get(input).cloned()
    }

    /// Everything before this place of an input was handed on.
    pub(crate) fn note(&mut self, input: &str, place: Place) {
        if self.folder.is_some() && self.known.get(input) != Some(&place) {
            self.known.insert(input.to_owned(), place);
            self.has_moved = true;
        }
    }

    /// Whether there is anything to keep.
    pub(crate) fn has_moved(&self) -> bool {
        self.has_moved
    }

    /// Keeps them, when everything before them is persisted. What cannot be written is told, and
    /// tried again with the next.
    pub(crate) async fn keep(&mut self) {
        let Some(folder) = self.folder.clone().filter(|_folder| self.has_moved) else { return };
        let text = told(&self.known);
        let path = folder.join(FILE);
        let writing = tokio::task::spawn_blocking(move || write(&folder, &text));
        match writing.await.unwrap_or_else(|stopped| Err(io::Error::other(stopped))) {
            Ok(()) => self.has_moved = false,
            Err(cause) => {
                warn!(path = %path.display(), %cause, "places in followed files not kept");
            }
        }
    }
}

fn told(known: &BTreeMap<String, Place>) -> String {
    let inputs: BTreeMap<&str, Value> = known
        .iter()
        .map(|(name, place)| {
            let known_by = place.known_by.to_string();
            (name.as_str(), json!({ "bytes": place.bytes, "known_by": known_by }))
        })
        .collect();
    json!({ "version": VERSION, "inputs": inputs }).to_string()
}

/// Renamed into place, so that no torn file is ever found.
fn write(folder: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let draft = folder.join("places.new");
    let mut file = File::create(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(draft, folder.join(FILE))?;
    File::open(folder)?.sync_all()
}

fn read(path: &Path) -> io::Result<BTreeMap<String, Place>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(cause) => return Err(cause),
    };
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    let invalid = |wanted: &str| io::Error::new(ErrorKind::InvalidData, format!("wanted {wanted}"));
    let all: Value = serde_json::from_str(&text)?;
    if all.get("version").and_then(Value::as_u64) != Some(VERSION) {
        return Err(invalid("version 1"));
    }
    let inputs = all.get("inputs").and_then(Value::as_object);
    let inputs = inputs.ok_or_else(|| invalid("inputs by name"))?;
    let places = inputs.iter().filter_map(|(input, told)| {
        let bytes = told.get("bytes").and_then(Value::as_u64);
        let known_by = told.get("known_by").and_then(Value::as_str);
        let known_by = known_by.and_then(|text| text.parse().ok());
        let place = bytes.zip(known_by).map(|(bytes, known_by)| Place { bytes, known_by });
        if place.is_none() {
            let path = path.display();
            warn!(%path, input, "place not known (wanted bytes and known_by): its file is begun anew");
        }
        Some((input.clone(), place?))
    });
    Ok(places.collect())
}

#[cfg(test)]
mod tests;
