//! A bare QUIC server: a source of bytes, or a copy of one client's stream to another's.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Command,
    sync::Arc,
};

use anyhow::{Context as _, Result};
use quinn::{Connection, Incoming, RecvStream, SendStream};
use sekisho::{SigningKey, tls};
use tokio::sync::Mutex;

use super::{Running, spawn};
use crate::job::Address;

/// What a client's first byte may ask for: bytes without end, whatever is published, to publish.
pub(crate) const SOURCE: u8 = b's';
pub(crate) const RECEIVE: u8 = b'r';
pub(crate) const PUBLISH: u8 = b'p';
const CHUNK_BYTES: usize = 16_000;

/// The receiver that waits for its publisher, with the connection it came on.
type Waiting = Arc<Mutex<Option<(Connection, SendStream)>>>;

/// A key of one end; there is nothing to keep secret.
pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

/// Serves until it is killed; prints its address first.
#[expect(clippy::print_stdout, reason = "the parent reads the address there")]
pub(crate) async fn serve() -> Result<()> {
    let config = tls::quic_server_config(&key(1))?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let endpoint = tls::server_endpoint(address, config, &key(1))?;
    println!("{}", endpoint.local_addr()?);
    let waiting = Waiting::default();
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(answer(incoming, Arc::clone(&waiting)));
    }
    Ok(())
}

async fn answer(incoming: Incoming, waiting: Waiting) -> Result<()> {
    let connection = incoming.await?;
    let (mut send, mut receive) = connection.accept_bi().await?;
    let mut wish = [0];
    receive.read_exact(&mut wish).await?;
    match wish {
        [SOURCE] => {
            let chunk = vec![7; CHUNK_BYTES];
            loop {
                send.write_all(&chunk).await?;
            }
        }
        [RECEIVE] => *waiting.lock().await = Some((connection, send)),
        _ => {
            let (_receiving, mut out) = waiting.lock().await.take().context("a receiver")?;
            copy(&mut receive, &mut out).await?;
        }
    }
    Ok(())
}

async fn copy(from: &mut RecvStream, to: &mut SendStream) -> Result<()> {
    while let Some(chunk) = from.read_chunk(usize::MAX, true).await? {
        to.write_chunk(chunk.bytes).await?;
    }
    Ok(())
}

/// This program as that server.
pub(super) async fn start() -> Result<Running> {
    let program = std::env::current_exe().context("this program")?;
    let (child, line) = spawn(Command::new(program).arg("quinn"))?;
    let socket = line.parse().with_context(|| format!("wanted an address, found {line:?}"))?;
    let address = Address::of(&child, socket, Path::new(""));
    let version = "quinn, with Sekisho's TLS and transport settings".to_owned();
    Ok(Running { children: vec![child], address, mqtt: None, version })
}
