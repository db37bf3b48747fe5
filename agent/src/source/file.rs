//! Files: read once, or followed as they grow.

use std::{
    fs::File,
    io::{self, Read, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::place::Place;
use crate::source::{CHUNK_BYTES, Event, SourceError, blocking};

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
/// as lines may depend on earlier ones; one that took its place meanwhile is new, from its beginning.
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
    let mut follower = Follower { path: path.to_path_buf(), open: None, skip, place };
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
}

#[derive(Debug)]
struct Open {
    file: File,
    offset: u64,
    inode: (u64, u64),
}

impl Follower {
    fn step(&mut self) -> io::Result<Progress> {
        let Some(open) = &mut self.open else { return self.try_open() };
        let bytes = open.next()?;
        if !bytes.is_empty() {
            return Ok(Progress::Bytes(bytes));
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
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.skip = false;
                return Ok(Progress::Missing);
            }
            Err(error) => return Err(error),
        };
        let found = file.metadata()?;
        let published = match self.place.take() {
            Some(place) if place.is_of(&mut file)? => Some(place.bytes()),
            Some(_place) => {
                let path = self.path.display();
                warn!(%path, "followed file is another: what came last in the earlier one is not read");
                None
            }
            None => None,
        };
        let from = if self.skip { SeekFrom::End(0) } else { SeekFrom::Start(0) };
        let offset = file.seek(from)?;
        self.skip = false;
        self.open = Some(Open { file, offset, inode: (found.dev(), found.ino()) });
        Ok(published.map_or(Progress::Idle, Progress::Published))
    }
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
