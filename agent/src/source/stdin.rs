//! Standard input.

use std::{
    io::{self, Read as _},
    thread,
};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::source::{CHUNK_BYTES, Event, SourceError};

/// Chunks that wait between the reading thread and the agent.
const CHUNKS_MAX: usize = 2;

/// Reads standard input to its end, on a thread of its own: a read of a terminal cannot be
/// interrupted, and must not keep the agent from stopping.
pub(super) async fn read(events: &mpsc::Sender<Event>) -> Result<(), SourceError> {
    let error = |source| SourceError::new("standard input", "wanted it to be readable", source);
    let (chunks, mut arrived) = mpsc::channel(CHUNKS_MAX);
    thread::Builder::new()
        .name("stdin".into())
        .spawn(move || read_blocking(&chunks))
        .map_err(error)?;
    while let Some(chunk) = arrived.recv().await {
        if events.send(Event::Bytes(chunk.map_err(error)?)).await.is_err() {
            return Ok(());
        }
    }
    // Nobody is left to tell where the receiver of events is gone.
    let _gone = events.send(Event::Ended).await;
    Ok(())
}

fn read_blocking(chunks: &mpsc::Sender<io::Result<Bytes>>) {
    let mut stdin = io::stdin().lock();
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let result = match stdin.read(&mut chunk) {
            Ok(0) => return,
            Ok(read) => {
                chunk.truncate(read);
                Ok(chunk.into())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = result.is_err();
        if chunks.blocking_send(result).is_err() || failed {
            return;
        }
    }
}
