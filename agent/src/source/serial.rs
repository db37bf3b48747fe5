//! Serial devices: receivers and sensors on a cable.

use std::{io, path::Path, time::Duration};

use bytes::Bytes;
use serialport::SerialPort;
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::source::{Event, Retry, SourceError, blocking};

/// Bytes that are read at once: a second at 38400 baud.
const CHUNK_BYTES: usize = 4096;

/// How long one read blocks: a stopped agent waits no longer than this for it.
const READ_LONGEST: Duration = Duration::from_millis(200);

/// Reads a device for ever, opening it again when it comes back.
pub(super) async fn read(
    path: &Path,
    baud: u32,
    events: &mpsc::Sender<Event>,
) -> Result<(), SourceError> {
    let mut retry = Retry::new();
    loop {
        let error = match session(path, baud, events, &mut retry).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        warn!(path = %path.display(), %error, "serial device lost, opening it again");
        if events.send(Event::Torn).await.is_err() {
            return Ok(());
        }
        retry.pause().await;
    }
}

async fn session(
    path: &Path,
    baud: u32,
    events: &mpsc::Sender<Event>,
    retry: &mut Retry,
) -> io::Result<()> {
    let name = path.to_string_lossy().into_owned();
    let open = move || Ok(serialport::new(name, baud).timeout(READ_LONGEST).open()?);
    let mut port = blocking(open).await?;
    info!(path = %path.display(), baud, "serial device opened");
    loop {
        let read = move || next_chunk(port);
        let (returned, chunk) = blocking(read).await?;
        port = returned;
        if events.is_closed() {
            return Ok(());
        }
        if chunk.is_empty() {
            continue;
        }
        retry.succeeded();
        if events.send(Event::Bytes(chunk)).await.is_err() {
            return Ok(());
        }
    }
}

/// The next bytes; none where the device was silent.
fn next_chunk(mut port: Box<dyn SerialPort>) -> io::Result<(Box<dyn SerialPort>, Bytes)> {
    let mut chunk = vec![0; CHUNK_BYTES];
    match port.read(&mut chunk) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(read) => {
            chunk.truncate(read);
            Ok((port, chunk.into()))
        }
        Err(error)
            if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::Interrupted) =>
        {
            Ok((port, Bytes::new()))
        }
        Err(error) => Err(error),
    }
}
