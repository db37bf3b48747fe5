//! Envelopes on disk until the node has them. The spool is a store like a node's: sealed envelopes
//! go to its log, key headers and the place up to which everything is settled to its keyed state.
//! Nothing in it can be read by whoever takes the disk.

mod shelf;

use std::path::PathBuf;

use bytes::Bytes;
use sekisho_proto::{DecodeError, KeyHeaderId, ParseError, PrincipalId, Topic};
use sekisho_store::{AppendError, CommitError, KeyedError, ReadError, StoreError, TrimError};
use thiserror::Error;

use self::shelf::Shelf;
use super::{backlog::Stretch, sealing::Sealed};

/// Why a spool cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// The directory cannot be opened as a spool.
    #[error("spool {}: wanted to open it", directory.display())]
    Open {
        /// The directory.
        directory: PathBuf,
        /// What is wrong with it.
        #[source]
        source: StoreError,
    },
    /// It belongs to another topic or publisher.
    #[error("spool {}: wanted the spool of {wanted}, found one of {found}", directory.display())]
    Foreign {
        /// The directory.
        directory: PathBuf,
        /// Whose it should be.
        wanted: String,
        /// Whose it is.
        found: String,
    },
    /// An envelope could not be appended.
    #[error("spool: wanted to append an envelope")]
    Append(#[from] AppendError),
    /// Envelopes could not be made durable.
    #[error("spool: wanted envelopes on the disk")]
    Commit(#[from] CommitError),
    /// Envelopes could not be read.
    #[error("spool: wanted to read envelopes")]
    Read(#[from] ReadError),
    /// What is settled could not be dropped.
    #[error("spool: wanted to drop what is settled")]
    Trim(#[from] TrimError),
    /// Key headers or the settled place could not be kept.
    #[error("spool: wanted to keep what belongs to the envelopes")]
    Keyed(#[from] KeyedError),
    /// A name the spool uses is none.
    #[error("spool: wanted a name")]
    Name(#[from] ParseError),
    /// The spool holds an envelope that is none.
    #[error("spool: wanted an envelope")]
    Envelope(#[from] DecodeError),
    /// The program is shutting down.
    #[error("spool: wanted a thread to work on")]
    Stopped,
}

impl SpoolError {
    /// Whether it may work again when there is room on the disk, or the disk itself is well.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Append(AppendError::StorageFull { .. } | AppendError::Io { .. })
            | Self::Commit(CommitError::StorageFull { .. } | CommitError::Io { .. })
            | Self::Read(ReadError::Io { .. })
            | Self::Trim(TrimError::Io { .. } | TrimError::Uncommitted { .. })
            | Self::Keyed(KeyedError::StorageFull { .. } | KeyedError::Open { .. }) => true,
            Self::Open { .. }
            | Self::Foreign { .. }
            | Self::Append(_)
            | Self::Commit(_)
            | Self::Read(_)
            | Self::Trim(_)
            | Self::Keyed(_)
            | Self::Name(_)
            | Self::Envelope(_)
            | Self::Stopped => false,
        }
    }
}

/// What an earlier run left.
#[derive(Debug)]
pub(super) struct Opened {
    /// Index of the first envelope that is not settled.
    pub(super) first: u64,
    /// Statements that told how the topic is protected.
    pub(super) proof: Vec<Bytes>,
}

/// How much of what was to be kept is.
#[derive(Debug)]
pub(super) struct Kept {
    /// From the front.
    pub(super) count: usize,
    /// Why not everything.
    pub(super) obstacle: Option<SpoolError>,
}

/// See the module. Everything that touches the disk runs on a thread for that.
#[derive(Debug)]
pub(crate) struct Spool {
    shelf: Option<Shelf>,
    end: u64,
    settled: u64,
    saved: u64,
}

/// Settled envelopes after which their place is written down. A crash before that means sending
/// them again, which one question to the node saves.
const SETTLED_PER_SAVE: u64 = 256;

impl Spool {
    pub(super) async fn open(
        directory: PathBuf,
        publisher: PrincipalId,
        topic: Topic,
    ) -> Result<(Self, Opened), SpoolError> {
        let opening = move || Shelf::open(&directory, publisher, topic);
        let opened = tokio::task::spawn_blocking(opening).await;
        let shelf = opened.map_err(|_stopped| SpoolError::Stopped)??;
        let (first, end) = (shelf.settled()?, shelf.end());
        let proof = shelf.proof()?;
        let spool = Self { shelf: Some(shelf), end, settled: first, saved: first };
        Ok((spool, Opened { first, proof }))
    }

    pub(super) async fn push(&mut self, sealed: Vec<Sealed>) -> Result<Kept, SpoolError> {
        let kept = self.on_thread(move |shelf| Ok(shelf.push(&sealed))).await?;
        self.end = self.end.max(self.shelf.as_ref().map_or(0, Shelf::end));
        Ok(kept)
    }

    pub(super) async fn read(&mut self, from: u64, max: usize) -> Result<Stretch, SpoolError> {
        self.on_thread(move |shelf| shelf.read(from, max)).await
    }

    pub(super) async fn key_header(
        &mut self,
        id: KeyHeaderId,
    ) -> Result<Option<Bytes>, SpoolError> {
        self.on_thread(move |shelf| shelf.key_header(id)).await
    }

    pub(super) async fn forget(&mut self, before: u64) -> Result<(), SpoolError> {
        self.settled = self.settled.max(before);
        if self.settled.saturating_sub(self.saved) < SETTLED_PER_SAVE {
            return Ok(());
        }
        self.save().await
    }

    pub(super) async fn save(&mut self) -> Result<(), SpoolError> {
        let settled = self.settled;
        if settled > self.saved {
            self.on_thread(move |shelf| shelf.save(settled)).await?;
            self.saved = settled;
        }
        Ok(())
    }

    pub(super) async fn save_proof(&mut self, proof: Vec<Bytes>) -> Result<(), SpoolError> {
        self.on_thread(move |shelf| shelf.save_proof(&proof)).await
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Does blocking work. The future must be awaited to its end: the shelf comes back with it.
    async fn on_thread<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Shelf) -> Result<T, SpoolError> + Send + 'static,
    ) -> Result<T, SpoolError> {
        let mut shelf = self.shelf.take().ok_or(SpoolError::Stopped)?;
        let working = tokio::task::spawn_blocking(move || {
            let done = work(&mut shelf);
            (shelf, done)
        });
        let (shelf, done) = working.await.map_err(|_stopped| SpoolError::Stopped)?;
        self.shelf = Some(shelf);
        done
    }
}
