//! Where bytes come from: files, sockets, serial devices, standard input.
//!
//! A source knows nothing of lines. It says when the stream it delivers ends or begins anew, so
//! that half a line of the old one is never glued to the new one.

use std::{io, path::PathBuf, time::Duration};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::place::Place;

mod file;
mod serial;
mod stdin;
mod tcp;

/// Bytes that are read at once: large enough that a recording is not slowed by the reading.
const CHUNK_BYTES: usize = 128 * 1024;

/// Events that wait for their reader; a source that is ahead of it then stops reading.
pub const EVENTS_MAX: usize = 8;

/// How often a followed file is looked at, unless configured otherwise.
pub const POLL_DEFAULT: Duration = Duration::from_millis(250);

/// The first pause before a lost device or connection is tried again; each further one is twice as
/// long.
const RETRY_FIRST: Duration = Duration::from_millis(500);

/// The longest such pause.
const RETRY_LONGEST: Duration = Duration::from_secs(30);

/// Where bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, read once.
    File {
        /// Its path.
        path: PathBuf,
        /// Whether it is packed with gzip.
        gzip: bool,
    },
    /// A file that grows, is rotated and truncated; never ends.
    Follow {
        /// Its path.
        path: PathBuf,
        /// Whether to begin with what is in it already.
        from_start: bool,
        /// How often it is looked at.
        poll: Duration,
    },
    /// A TCP connection.
    Tcp {
        /// `host:port`.
        address: String,
        /// What is said first.
        greeting: &'static [u8],
        /// Whether it is connected again when it ends.
        reconnect: bool,
    },
    /// A serial device.
    Serial {
        /// Its path.
        path: PathBuf,
        /// Bits per second.
        baud: u32,
    },
    /// Standard input.
    Stdin,
}

impl Source {
    /// Whether everything it will deliver exists already, so that it can be paced and sorted.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    /// Whether it is a file of which every line counts, so that a later run goes on in it.
    #[must_use]
    pub fn keeps_place(&self) -> bool {
        matches!(self, Self::Follow { from_start: true, .. })
    }
}

/// What a source delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The next bytes.
    Bytes(Bytes),
    /// So many of the bytes that come now were published by an earlier run.
    Published(u64),
    /// The stream is complete: what is left is its last line.
    Ended,
    /// The stream broke off; another begins.
    Torn,
}

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {wanted}")]
pub struct SourceError {
    what: String,
    wanted: &'static str,
    source: io::Error,
}

impl SourceError {
    fn new(what: impl Into<String>, wanted: &'static str, source: io::Error) -> Self {
        Self { what: what.into(), wanted, source }
    }
}

/// Reads a source until it ends, nobody listens, or it is cancelled. A file that is followed and in
/// which an earlier run came to `place` is read from its beginning, and that is told.
///
/// # Errors
///
/// A file cannot be read, or a connection that is not to be repeated fails. A growing file that
/// does not exist yet, a lost connection and an unplugged device are waited for instead.
pub async fn pump(
    source: Source,
    place: Option<Place>,
    events: mpsc::Sender<Event>,
    cancel: CancellationToken,
) -> Result<(), SourceError> {
    let work = async {
        match source {
            Source::File { path, gzip } => file::read(&path, gzip, &events).await,
            Source::Follow { path, from_start, poll } => {
                file::follow((&path, poll), from_start, place, &events).await
            }
            Source::Tcp { address, greeting, reconnect } => {
                tcp::read(&address, greeting, reconnect, &events).await
            }
            Source::Serial { path, baud } => serial::read(&path, baud, &events).await,
            Source::Stdin => stdin::read(&events).await,
        }
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => Ok(()),
        result = work => result,
    }
}

/// The pauses between attempts.
#[derive(Debug)]
struct Retry {
    next: Duration,
}

impl Retry {
    fn new() -> Self {
        Self { next: RETRY_FIRST }
    }

    fn succeeded(&mut self) {
        self.next = RETRY_FIRST;
    }

    async fn pause(&mut self) {
        let pause = self.next;
        self.next = (pause * 2).min(RETRY_LONGEST);
        tokio::time::sleep(pause).await;
    }
}

/// Runs something that blocks, away from the tasks that must not.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(stopped) => Err(io::Error::other(stopped)),
    }
}

#[cfg(test)]
mod tests;
