//! TCP: NMEA multiplexers, gpsd, anything that talks lines.

use std::{io, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};
use tracing::{info, warn};

use crate::source::{CHUNK_BYTES, Event, Retry, SourceError};

/// How long a connection may take to come about.
const CONNECT_LONGEST: Duration = Duration::from_secs(10);

/// How long a connection may be silent before it is taken for dead: receivers speak every second.
const SILENCE_LONGEST: Duration = Duration::from_secs(60);

/// Reads a connection; again and again, if so wished.
pub(super) async fn read(
    address: &str,
    greeting: &[u8],
    reconnect: bool,
    events: &mpsc::Sender<Event>,
) -> Result<(), SourceError> {
    let mut retry = Retry::new();
    loop {
        let result = session(address, greeting, events, &mut retry).await;
        if events.is_closed() {
            return Ok(());
        }
        match result {
            Ok(()) if !reconnect => {
                // Nobody is left to tell where the receiver of events is gone.
                let _gone = events.send(Event::Ended).await;
                return Ok(());
            }
            Ok(()) => info!(address, "connection ended, connecting again"),
            Err(source) if !reconnect => {
                return Err(SourceError::new(address, "wanted a connection", source));
            }
            Err(error) => warn!(address, %error, "connection lost, connecting again"),
        }
        if events.send(Event::Torn).await.is_err() {
            return Ok(());
        }
        retry.pause().await;
    }
}

async fn session(
    address: &str,
    greeting: &[u8],
    events: &mpsc::Sender<Event>,
    retry: &mut Retry,
) -> io::Result<()> {
    let mut stream = timeout(CONNECT_LONGEST, TcpStream::connect(address)).await??;
    stream.write_all(greeting).await?;
    info!(address, "connected");
    loop {
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        if timeout(SILENCE_LONGEST, stream.read_buf(&mut chunk)).await?? == 0 {
            return Ok(());
        }
        retry.succeeded();
        if events.send(Event::Bytes(chunk.freeze())).await.is_err() {
            return Ok(());
        }
    }
}
