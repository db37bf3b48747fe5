//! The page of health and metrics, read as a probe and a scraper read it.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::patience::within;

/// What a node's page answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// The text.
    pub body: String,
}

impl Page {
    /// Asks for a path; `None` where nobody answers.
    pub async fn get(address: SocketAddr, path: &str) -> Option<Self> {
        let asking = async {
            let mut stream = TcpStream::connect(address).await?;
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut text = String::new();
            stream.read_to_string(&mut text).await?;
            Ok::<_, std::io::Error>(text)
        };
        let text = within("a page", asking).await.ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split_whitespace().nth(1)?.parse().ok()?;
        Some(Self { status, body: body.to_owned() })
    }

    /// The value of a metric, named with its labels; 0 where it was never counted.
    #[must_use]
    pub fn metric(&self, name: &str) -> f64 {
        let value = self.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok()).unwrap_or(0.0)
    }
}
