//! A node's health and metrics, read as a scraper reads them.

use std::io;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// What a node answered.
#[derive(Debug)]
pub(crate) struct Page {
    /// Whether it answered with 200.
    pub(crate) is_ok: bool,
    pub(crate) body: String,
}

impl Page {
    /// Asks the node whose page is at `address` for `path`.
    ///
    /// # Errors
    /// Nobody answers there, or not as a node does.
    pub(crate) async fn get(
        address: impl ToSocketAddrs + std::fmt::Display,
        path: &str,
    ) -> Result<Self> {
        let name = format!("http://{address}{path}");
        let text = match timeout(ANSWER_MAX, read(&address, path)).await {
            Ok(text) => text.with_context(|| name.clone())?,
            Err(_elapsed) => bail!("{name}: wanted an answer within {ANSWER_MAX:?}, found none"),
        };
        let (head, body) = text
            .split_once("\r\n\r\n")
            .with_context(|| format!("{name}: wanted an answer of HTTP, found something else"))?;
        Ok(Self { is_ok: head.starts_with("HTTP/1.1 200"), body: body.to_owned() })
    }
}

async fn read(
    address: &(impl ToSocketAddrs + std::fmt::Display),
    path: &str,
) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}
