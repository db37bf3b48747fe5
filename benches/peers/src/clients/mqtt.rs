//! MQTT 3.1.1 over TLS, with nothing between the load and the socket: messages of quality 0 are
//! written 32 at a time, of quality 1 at most 100 are without their answer.

mod packets;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Buf as _, BytesMut};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf},
    net::TcpStream,
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use self::packets::Heard;
use crate::{job::Job, tally::Ear, work::Work};

/// What is read at once, bytes.
const READ_BYTES: usize = 64 * 1024;
/// Messages of quality 1 without their answer.
const WINDOW: u64 = 100;
/// Messages that are written at once.
const AT_ONCE: u32 = 32;
/// The client that publishes; its subscribers come before it.
const WRITER: usize = 999;

/// What one side of a connection says.
#[derive(Debug)]
struct Saying {
    stream: WriteHalf<TlsStream<TcpStream>>,
    /// What waits to be said.
    out: BytesMut,
}

/// What it hears.
#[derive(Debug)]
struct Hearing {
    stream: ReadHalf<TlsStream<TcpStream>>,
    input: BytesMut,
}

/// A connected client that was let in.
pub(super) struct Connected {
    saying: Saying,
    hearing: Hearing,
}

impl Connected {
    pub(super) async fn open(job: &Job, client: usize) -> Result<Self> {
        let stream = TcpStream::connect(job.server.socket).await?;
        stream.set_nodelay(true)?;
        let host = ServerName::try_from("localhost")?;
        let stream = connector(&job.server.certificate)?.connect(host, stream).await;
        let (read, write) = tokio::io::split(stream.context("TLS")?);
        let mut saying = Saying { stream: write, out: BytesMut::new() };
        let mut hearing = Hearing { stream: read, input: BytesMut::new() };
        let users = &job.server.users;
        let (name, file) = users.get(client % users.len().max(1)).context("a user")?;
        let password = std::fs::read_to_string(file)?;
        packets::connect(&mut saying.out, &format!("client-{client}"), name, password.trim());
        saying.say().await?;
        let heard = hearing.next().await?;
        ensure!(heard == Heard::Connected(0), "wanted to be let in, found {heard:?}");
        Ok(Self { saying, hearing })
    }

    pub(super) async fn subscribe(&mut self, filter: &str, quality: u8) -> Result<()> {
        packets::subscribe(&mut self.saying.out, filter, quality);
        self.saying.say().await?;
        let heard = self.hearing.next().await?;
        let wanted = Heard::Subscribed(quality);
        ensure!(heard == wanted, "wanted {wanted:?}, found {heard:?}");
        Ok(())
    }

    pub(super) async fn leave(mut self) -> Result<()> {
        packets::disconnect(&mut self.saying.out);
        self.saying.say().await?;
        drop(self.saying.stream.shutdown().await);
        Ok(())
    }
}

/// TLS towards a server whose certificate is this file.
fn connector(certificate: &Path) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).context("a certificate")?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

impl Saying {
    /// Says everything that waits.
    async fn say(&mut self) -> Result<()> {
        while self.out.has_remaining() {
            self.stream.write_buf(&mut self.out).await?;
        }
        Ok(self.stream.flush().await?)
    }
}

impl Hearing {
    /// The next packet, waited for.
    async fn next(&mut self) -> Result<Heard> {
        loop {
            if let Some(heard) = packets::next(&mut self.input) {
                return Ok(heard);
            }
            self.input.reserve(READ_BYTES);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                bail!("wanted more, found the end of the connection");
            }
        }
    }
}

/// What the broker has answered.
#[derive(Debug, Default)]
struct Stored {
    count: AtomicU64,
    more: Notify,
}

/// Publishes.
pub(crate) struct Mouth {
    saying: Saying,
    topic: String,
    quality: u8,
    sent: u64,
    gathered: u32,
    stored: Arc<Stored>,
    answers: JoinHandle<Result<()>>,
}

/// The topic of a turn and the quality of its messages.
fn terms(job: &Job) -> (String, u8) {
    let quality = match job.work {
        Work::Mqtt { quality, .. } | Work::MqttLatency { quality } => quality,
        Work::Flow { .. } | Work::Single | Work::Bytes | Work::Latency | Work::Idle => 0,
    };
    (job.subject(), quality)
}

impl Mouth {
    pub(super) async fn open(job: &Job) -> Result<Self> {
        let Connected { saying, mut hearing } = Connected::open(job, WRITER).await?;
        let stored = Arc::new(Stored::default());
        let counted = Arc::clone(&stored);
        let answers = tokio::spawn(async move {
            loop {
                if hearing.next().await? == Heard::Stored {
                    counted.count.fetch_add(1, Ordering::Release);
                    counted.more.notify_one();
                }
            }
        });
        let (topic, quality) = terms(job);
        Ok(Self { saying, topic, quality, sent: 0, gathered: 0, stored, answers })
    }

    pub(super) async fn publish(&mut self, payload: &[u8]) -> Result<()> {
        if self.quality > 0 {
            self.wait(WINDOW - 1).await?;
        }
        let number = (self.quality > 0)
            // From 1 on, as often as there are messages; never two of a window alike.
            .then(|| u16::try_from(self.sent % 60_000 + 1).unwrap_or(1));
        packets::publish(&mut self.saying.out, &self.topic, number, payload);
        self.sent += 1;
        self.gathered += 1;
        if self.gathered >= AT_ONCE { self.push().await } else { Ok(()) }
    }

    pub(super) async fn push(&mut self) -> Result<()> {
        self.gathered = 0;
        self.saying.say().await
    }

    /// Waits until no more than so many messages are without their answer.
    async fn wait(&mut self, outstanding: u64) -> Result<()> {
        while self.sent - self.stored.count.load(Ordering::Acquire) > outstanding {
            self.push().await?;
            ensure!(!self.answers.is_finished(), "wanted answers, found the connection closed");
            self.stored.more.notified().await;
        }
        Ok(())
    }

    pub(super) async fn leave(mut self) -> Result<()> {
        self.push().await?;
        if self.quality > 0 {
            self.wait(0).await?;
        }
        self.answers.abort();
        packets::disconnect(&mut self.saying.out);
        self.saying.say().await?;
        drop(self.saying.stream.shutdown().await);
        Ok(())
    }
}

pub(super) async fn listen(job: &Job, ear: &Ear, number: usize) -> Result<()> {
    let (topic, quality) = terms(job);
    let mut client = Connected::open(job, number).await?;
    client.subscribe(&topic, quality).await?;
    let Connected { mut saying, mut hearing } = client;
    loop {
        let mut heard = Some(hearing.next().await?);
        while let Some(packet) = heard {
            if let Heard::Message(number, payload) = packet {
                if let Some(number) = number {
                    packets::acknowledge(&mut saying.out, number);
                }
                ear.hear(&payload);
            }
            heard = packets::next(&mut hearing.input);
        }
        saying.say().await?;
    }
}
