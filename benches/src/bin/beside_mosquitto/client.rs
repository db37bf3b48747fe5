//! One client: a TLS connection and the packets on it.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Buf as _, BytesMut};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    broker::Broker,
    packets::{self, Heard},
};

/// What is read at once, bytes.
const READ_BYTES: usize = 64 * 1024;

/// What one side of a connection says.
#[derive(Debug)]
pub(crate) struct Mouth {
    stream: WriteHalf<TlsStream<TcpStream>>,
    /// What waits to be said.
    pub(crate) out: BytesMut,
}

/// What it hears.
#[derive(Debug)]
pub(crate) struct Ear {
    stream: ReadHalf<TlsStream<TcpStream>>,
    input: BytesMut,
}

/// Connects and is let in.
pub(crate) async fn connect(broker: &Broker, client: usize) -> Result<(Mouth, Ear)> {
    let stream = TcpStream::connect(broker.address()).await?;
    stream.set_nodelay(true)?;
    let host = ServerName::from(SocketAddr::ip(&broker.address()));
    let stream = broker.connector().connect(host, stream).await.context("TLS")?;
    let (read, write) = tokio::io::split(stream);
    let mut mouth = Mouth { stream: write, out: BytesMut::new() };
    let mut ear = Ear { stream: read, input: BytesMut::new() };
    let (name, password) = broker.login(client)?;
    packets::connect(&mut mouth.out, &format!("client-{client}"), name, password);
    mouth.say().await?;
    let heard = ear.next().await?;
    ensure!(
        heard == Heard::Connected(0),
        "{}: wanted to be let in, found {heard:?}",
        broker.name()
    );
    Ok((mouth, ear))
}

/// Connects and subscribes.
pub(crate) async fn subscribe(
    broker: &Broker,
    client: usize,
    filter: &str,
    quality: u8,
) -> Result<(Mouth, Ear)> {
    let (mut mouth, mut ear) = connect(broker, client).await?;
    packets::subscribe(&mut mouth.out, filter, quality);
    mouth.say().await?;
    let heard = ear.next().await?;
    let wanted = Heard::Subscribed(quality);
    ensure!(heard == wanted, "{}: wanted {wanted:?}, found {heard:?}", broker.name());
    Ok((mouth, ear))
}

/// TLS towards a server whose certificate is this file.
pub(crate) fn connector(certificate: &std::path::Path) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).context("a certificate")?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

impl Mouth {
    /// Says everything that waits.
    pub(crate) async fn say(&mut self) -> Result<()> {
        while self.out.has_remaining() {
            self.stream.write_buf(&mut self.out).await?;
        }
        Ok(self.stream.flush().await?)
    }

    /// Says goodbye.
    pub(crate) async fn leave(mut self) -> Result<()> {
        packets::disconnect(&mut self.out);
        self.say().await?;
        drop(self.stream.shutdown().await);
        Ok(())
    }
}

impl Ear {
    /// The next packet, waited for.
    pub(crate) async fn next(&mut self) -> Result<Heard> {
        loop {
            if let Some(heard) = self.ready() {
                return Ok(heard);
            }
            self.input.reserve(READ_BYTES);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                bail!("wanted more, found the end of the connection");
            }
        }
    }

    /// The next packet, where it is there already.
    pub(crate) fn ready(&mut self) -> Option<Heard> {
        packets::next(&mut self.input)
    }
}
