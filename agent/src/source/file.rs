//! Files: read once, or followed as they grow.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read, Seek as _, SeekFrom},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::place::Place;
use crate::source::{CHUNK_BYTES, Event, SourceError, blocking};

/// Files beside a followed one that are looked at for what it was before.
const ROTATED_MAX: usize = 256;

/// Reads a file once.
pub(super) async fn read(
    path: &Path,
    gzip: bool,
    events: &mpsc::Sender<Event>,
) -> Result<(), SourceError> {
    let error = |source| {
        SourceError::new(path.display().to_string(), "wanted a file that can be read", source)
    };
    let owned = path.to_path_buf();
    let open = move || {
        let file = File::open(owned)?;
        let reader: Box<dyn Read + Send> =
            if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Ok(reader)
    };
    let mut reader = blocking(open).await.map_err(error)?;
    loop {
        let chunk = move || {
            let chunk = next_chunk(&mut reader)?;
            Ok((reader, chunk))
        };
        let (returned, chunk) = blocking(chunk).await.map_err(error)?;
        reader = returned;
        let ended = chunk.is_empty();
        let event = if ended { Event::Ended } else { Event::Bytes(chunk) };
        if events.send(event).await.is_err() || ended {
            return Ok(());
        }
    }
}

/// Follows a file for ever. A file in which an earlier run came to a place is read from its beginning,
/// as lines may depend on earlier ones; one that took its place meanwhile is new, from its beginning,
/// and comes after what is left of the earlier one where that was only renamed.
pub(super) async fn follow(
    (path, poll): (&Path, Duration),
    from_start: bool,
    place: Option<Place>,
    events: &mpsc::Sender<Event>,
) -> Result<(), SourceError> {
    let error = |source| {
        SourceError::new(path.display().to_string(), "wanted a file that can be followed", source)
    };
    let skip = !from_start && place.is_none();
    let mut follower = Follower::new(path.to_path_buf(), skip, place);
    let mut said_missing = false;
    loop {
        let step = move || {
            let progress = follower.step()?;
            Ok((follower, progress))
        };
        let (returned, progress) = blocking(step).await.map_err(error)?;
        follower = returned;
        let event = match progress {
            Progress::Bytes(bytes) => Event::Bytes(bytes),
            Progress::Published(bytes) => {
                info!(path = %path.display(), bytes, "followed file is gone on with");
                Event::Published(bytes)
            }
            Progress::Replaced => {
                info!(path = %path.display(), "followed file was replaced");
                Event::Ended
            }
            Progress::Truncated => {
                warn!(path = %path.display(), "followed file was truncated, reading it anew");
                Event::Torn
            }
            Progress::Idle | Progress::Missing => {
                if progress == Progress::Missing && !said_missing {
                    warn!(path = %path.display(), "no such file yet, waiting for it");
                    said_missing = true;
                }
                tokio::time::sleep(poll).await;
                continue;
            }
        };
        said_missing = false;
        if events.send(event).await.is_err() {
            return Ok(());
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Bytes(Bytes),
    Published(u64),
    Idle,
    Missing,
    Replaced,
    Truncated,
}

/// A growing file and how much of it was read. A truncated file that has grown past that again
/// before it is looked at cannot be told from one that only grew.
#[derive(Debug)]
struct Follower {
    path: PathBuf,
    open: Option<Open>,
    skip: bool,
    /// Where an earlier run came to, until a file is opened.
    place: Option<Place>,
    /// What was put in another place while no agent ran, the oldest first.
    rotated: VecDeque<PathBuf>,
}

#[derive(Debug)]
struct Open {
    file: File,
    offset: u64,
    inode: (u64, u64),
    is_rotated: bool,
}

impl Follower {
    fn new(path: PathBuf, skip: bool, place: Option<Place>) -> Self {
        Self { path, open: None, skip, place, rotated: VecDeque::new() }
    }

    fn step(&mut self) -> io::Result<Progress> {
        let Some(open) = &mut self.open else { return self.try_open() };
        let bytes = open.next()?;
        if !bytes.is_empty() {
            return Ok(Progress::Bytes(bytes));
        }
        if open.is_rotated {
            self.open = None;
            return Ok(Progress::Replaced);
        }
        let found = match std::fs::metadata(&self.path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Progress::Idle),
            Err(error) => return Err(error),
        };
        if (found.dev(), found.ino()) != open.inode {
            // It may have been written to between the last read and its replacement.
            let bytes = open.next()?;
            if !bytes.is_empty() {
                return Ok(Progress::Bytes(bytes));
            }
            self.open = None;
            return Ok(Progress::Replaced);
        }
        if found.len() < open.offset {
            open.offset = open.file.seek(SeekFrom::Start(0))?;
            return Ok(Progress::Truncated);
        }
        Ok(Progress::Idle)
    }

    fn try_open(&mut self) -> io::Result<Progress> {
        if let Some(place) = self.place.clone()
            && let Some(found) = self.find(&place)?
        {
            self.place = None;
            return Ok(found);
        }
        while let Some(rotated) = self.rotated.pop_front() {
            if let Some(file) = existing(&rotated)? {
                self.take(file, true)?;
                return Ok(Progress::Idle);
            }
        }
        let Some(mut file) = existing(&self.path)? else {
            self.skip = false;
            return Ok(Progress::Missing);
        };
        if self.place.take().is_some() {
            let path = self.path.display();
            warn!(%path, "followed file is another: what came last in the earlier one is not read");
        }
        let from = if self.skip { SeekFrom::End(0) } else { SeekFrom::Start(0) };
        file.seek(from)?;
        self.skip = false;
        self.take(file, false)?;
        Ok(Progress::Idle)
    }

    /// Opens the file in which an earlier run came to a place: the followed one, or one that it has
    /// become. What was written between the two is read after it.
    fn find(&mut self, place: &Place) -> io::Result<Option<Progress>> {
        let published = Progress::Published(place.bytes());
        if let Some(mut file) = existing(&self.path)?
            && place.is_of(&mut file)?
        {
            self.take(file, false)?;
            return Ok(Some(published));
        }
        let mut rotated = rotated_of(&self.path)?;
        while let Some(path) = rotated.pop_front() {
            if let Some(mut file) = existing(&path)?
                && place.is_of(&mut file)?
            {
                let (path, was) = (path.display(), self.path.display());
                info!(%path, %was, "followed file was put in another place: it is read to its end");
                self.take(file, true)?;
                self.rotated = rotated;
                return Ok(Some(published));
            }
        }
        Ok(None)
    }

    fn take(&mut self, mut file: File, is_rotated: bool) -> io::Result<()> {
        let found = file.metadata()?;
        let offset = file.stream_position()?;
        self.open = Some(Open { file, offset, inode: (found.dev(), found.ino()), is_rotated });
        Ok(())
    }
}

/// A file, where there is one.
fn existing(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The files beside one that have its name and a number or a date behind it, by when they were last
/// written to.
fn rotated_of(path: &Path) -> io::Result<VecDeque<PathBuf>> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(VecDeque::new());
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let beside = entry.file_name();
        let behind = beside.as_bytes().strip_prefix(name.as_bytes()).unwrap_or_default();
        let is_of_date = |byte: &u8| byte.is_ascii_digit() || b".-_T:Z".contains(byte);
        let has_number = behind.iter().any(u8::is_ascii_digit) && behind.iter().all(is_of_date);
        let is_rotated = has_number || behind == b".old";
        if is_rotated {
            let metadata = entry.metadata()?;
            if metadata.is_file() {
                found.push((metadata.modified()?, entry.path()));
            }
        }
    }
    found.sort();
    // The newest ones, where there are very many.
    let too_many = found.len().saturating_sub(ROTATED_MAX);
    Ok(found.into_iter().skip(too_many).map(|(_at, path)| path).collect())
}

impl Open {
    fn next(&mut self) -> io::Result<Bytes> {
        let chunk = next_chunk(&mut self.file)?;
        self.offset += chunk.len() as u64;
        Ok(chunk)
    }
}

/// The next bytes; none at the end.
fn next_chunk(reader: &mut impl Read) -> io::Result<Bytes> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match reader.read(&mut chunk) {
            Ok(read) => {
                chunk.truncate(read);
                return Ok(chunk.into());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
