//! The MQTT client of sensiNact, as its source says (southbound/mqtt at ab31728): 3.1.1, a clean
//! session every time, quality of service 1, the last message of each topic kept, repetitions
//! dropped; it tries again where nobody answers its call, and never again after any other refusal.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use sekisho_e2e::{Credulous, eventually};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use crate::mapping::{Held, Mapping, Twin};

/// `client.reconnect.delay`.
const RECONNECT: Duration = Duration::from_millis(500);

/// Where and as whom it connects.
#[derive(Debug, Clone)]
pub(crate) struct Attachment {
    pub(crate) port: u16,
    pub(crate) tls: bool,
    pub(crate) login: Option<(String, String)>,
    pub(crate) topics: Vec<String>,
}

/// What it has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) twin: Twin,
    pub(crate) last: BTreeMap<String, Vec<u8>>,
    pub(crate) connections: u32,
    pub(crate) duplicates: u32,
    /// Why it will never connect again.
    pub(crate) deaf: Option<String>,
}

/// A running one.
pub(crate) struct Consumer {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Consumer {
    pub(crate) fn start(attachment: Attachment) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (mapping, shared) = (Mapping::of_the_pack(), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            loop {
                match attend(&attachment, &mapping, &shared).await {
                    // A refused connection, or one that was there and broke.
                    Ok(()) => {}
                    Err(fatal) => {
                        shared.lock().unwrap().deaf = Some(fatal);
                        return;
                    }
                }
                sleep(RECONNECT).await;
            }
        });
        Self { seen, task }
    }

    /// Looks at what it has seen until there is something.
    pub(crate) async fn until<T>(&self, what: &str, look: impl Fn(&Seen) -> Option<T>) -> T {
        eventually(what, || async { look(&self.seen.lock().unwrap()) }).await
    }

    /// Waits for a resource whose value is this, as JSON.
    pub(crate) async fn holds(&self, resource: &str, value: serde_json::Value) -> Held {
        let what = format!("{resource} = {value}");
        self.until(&what, |seen| {
            seen.twin.resources.get(resource).filter(|held| held.value == value).cloned()
        })
        .await
    }

    /// What it has seen so far.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }
}

trait Carrier: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Carrier for T {}

async fn dial(attachment: &Attachment) -> Result<Option<Box<dyn Carrier>>, String> {
    let stream = match TcpStream::connect(("127.0.0.1", attachment.port)).await {
        Ok(stream) => stream,
        Err(fault) if fault.kind() == io::ErrorKind::ConnectionRefused => return Ok(None),
        Err(fault) => return Err(fault.to_string()),
    };
    if !attachment.tls {
        return Ok(Some(Box::new(stream)));
    }
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Credulous::Certificate))
            .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let secured = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    secured.map(|stream| Some(Box::new(stream) as Box<dyn Carrier>)).map_err(|e| e.to_string())
}

/// One connection, from its beginning to its end; what is fatal is an error.
async fn attend(
    attachment: &Attachment,
    mapping: &Mapping,
    seen: &Mutex<Seen>,
) -> Result<(), String> {
    let Some(mut stream) = dial(attachment).await? else { return Ok(()) };
    let mut body = text("MQTT");
    body.extend([4, if attachment.login.is_some() { 0xc2 } else { 0x02 }, 0, 60]);
    body.extend(text("sensinact"));
    if let Some((user, password)) = &attachment.login {
        body.extend(text(user));
        body.extend(text(password));
    }
    stream.write_all(&packet(0x10, &body)).await.map_err(|fault| fault.to_string())?;
    match hear(&mut stream).await {
        Some((0x20, answer)) if answer == [0, 0] => {}
        other => return Err(format!("wanted CONNACK, found {other:?}")),
    }
    for (number, topic) in (1_u16..).zip(&attachment.topics) {
        let mut body = number.to_be_bytes().to_vec();
        body.extend(text(topic));
        body.push(1);
        stream.write_all(&packet(0x82, &body)).await.map_err(|fault| fault.to_string())?;
    }
    seen.lock().unwrap().connections += 1;
    while let Some((first, body)) = hear(&mut stream).await {
        if first & 0xf0 != 0x30 {
            continue;
        }
        let (quality, is_duplicate) = ((first >> 1) & 3, first & 8 != 0);
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let topic = String::from_utf8(body[2..2 + length].to_vec()).unwrap();
        let mut payload = &body[2 + length..];
        if quality > 0 {
            let (number, rest) = payload.split_at(2);
            if stream.write_all(&packet(0x40, number)).await.is_err() {
                return Ok(());
            }
            payload = rest;
        }
        let mut seen = seen.lock().unwrap();
        if is_duplicate {
            seen.duplicates += 1;
            continue;
        }
        mapping.handle(payload, &mut seen.twin);
        seen.last.insert(topic, payload.to_vec());
    }
    Ok(())
}

/// Bytes with their number before them.
fn text(text: &str) -> Vec<u8> {
    let mut found = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    found.extend_from_slice(text.as_bytes());
    found
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let (mut left, mut found) = (body.len(), vec![first]);
    loop {
        let byte = u8::try_from(left % 128).unwrap();
        left /= 128;
        found.push(if left > 0 { byte | 0x80 } else { byte });
        if left == 0 {
            break;
        }
    }
    found.extend_from_slice(body);
    found
}

/// The next packet; `None` where the connection is over.
async fn hear(stream: &mut Box<dyn Carrier>) -> Option<(u8, Vec<u8>)> {
    let first = stream.read_u8().await.ok()?;
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        let byte = stream.read_u8().await.ok()?;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((first, body))
}
