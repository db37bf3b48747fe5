//! An MQTT client that says byte for byte what a test wants, and keeps no rule.

use std::net::SocketAddr;

use sekisho_e2e::{City, Mosquitto, within};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::tls::{Shown, dial};

/// Bytes both ways.
trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// One connection.
pub(crate) struct Raw {
    stream: Box<dyn Duplex>,
}

/// A user name and a password.
pub(crate) type Login = (String, String);

/// Those of somebody who was enrolled.
pub(crate) fn login(city: &City, client: &Mosquitto) -> Login {
    let path = city.place("login");
    client.write_login(&path);
    let text = std::fs::read_to_string(path).unwrap();
    let (name, password) = text.trim().split_once('\n').unwrap();
    (name.to_owned(), password.to_owned())
}

/// Bytes with their number before them.
pub(crate) fn text(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let mut found = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    found.extend_from_slice(bytes);
    found
}

/// Whatever follows, with its length before it.
pub(crate) fn counted(body: &[u8]) -> Vec<u8> {
    let (mut left, mut found) = (body.len(), Vec::new());
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

/// A packet.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut found = vec![first];
    found.extend(counted(body));
    found
}

/// CONNECT of version 4 or 5, with a clean start.
pub(crate) fn connect(
    version: u8,
    client: &str,
    who: Option<&Login>,
    properties: &[u8],
) -> Vec<u8> {
    let flags = if who.is_some() { 0xc2 } else { 0x02 };
    let mut body = text("MQTT");
    body.extend([version, flags, 0, 60]);
    if version == 5 {
        body.extend(counted(properties));
    }
    body.extend(text(client));
    if let Some((name, password)) = who {
        body.extend(text(name));
        body.extend(text(password));
    }
    packet(0x10, &body)
}

/// PUBLISH of version 5 and quality 1.
pub(crate) fn publish(
    id: u16,
    name: impl AsRef<[u8]>,
    properties: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let mut body = text(name);
    body.extend(id.to_be_bytes());
    body.extend(counted(properties));
    body.extend_from_slice(payload);
    packet(0x32, &body)
}

/// SUBSCRIBE of version 5 with one filter.
pub(crate) fn subscribe(id: u16, filter: &str, options: u8) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.push(0);
    body.extend(text(filter));
    body.push(options);
    packet(0x82, &body)
}

impl Raw {
    /// A connection on which nothing was said.
    pub(crate) async fn dial(city: &City, shown: Shown) -> Self {
        let dialled = dial(city.door("mqtt"), b"mqtt", shown).await.expect("TLS");
        Self { stream: Box::new(dialled.stream) }
    }

    /// A connection without TLS on which nothing was said.
    pub(crate) async fn plain(node: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(node)).await.unwrap();
        Self { stream: Box::new(stream) }
    }

    /// A connection that was accepted.
    pub(crate) async fn connected(city: &City, client: &str, who: &Login) -> Self {
        Self::connected_with(city, client, who, &[]).await
    }

    /// A connection that was accepted with these properties of CONNECT.
    pub(crate) async fn connected_with(
        city: &City,
        client: &str,
        who: &Login,
        properties: &[u8],
    ) -> Self {
        let mut raw = Self::dial(city, Shown::Nothing).await;
        raw.say(&connect(5, client, Some(who), properties)).await;
        let (first, body) = raw.hear().await.expect("CONNACK");
        assert_eq!((first, body.get(1)), (0x20, Some(&0)), "{body:?}");
        raw
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        // A node that has hung up already is heard of by what it said.
        drop(self.stream.write_all(bytes).await);
        drop(self.stream.flush().await);
    }

    /// The next packet, its first byte and the rest; `None` where the node has closed.
    pub(crate) async fn hear(&mut self) -> Option<(u8, Vec<u8>)> {
        within("a packet or the end", async {
            let first = self.stream.read_u8().await.ok()?;
            let (mut length, mut shift) = (0_usize, 0);
            loop {
                let byte = self.stream.read_u8().await.ok()?;
                length |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).await.ok()?;
            Some((first, body))
        })
        .await
    }

    /// Says something and hears the answer.
    pub(crate) async fn ask(&mut self, bytes: &[u8]) -> Option<(u8, Vec<u8>)> {
        self.say(bytes).await;
        self.hear().await
    }
}
