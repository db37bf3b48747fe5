//! Clients that do nothing but stay: connected, greeted, subscribed.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, Result};
use quinn::{Connection, Endpoint, RecvStream, SendStream, VarInt};
use sekisho::tls;
use sekisho_benches::city::City;
use sekisho_proto::{
    Filter, Frame,
    frame::{Hello, Start, Subscribe},
};
use tokio::task::JoinSet;

/// Handshakes under way at once: fewer than a node takes from one address.
const AT_ONCE: usize = 32;
/// Between two groups that leave.
const PAUSE: Duration = Duration::from_millis(20);
/// Records that may come; none will.
const CREDIT: u32 = 1_000;

/// Everybody who is connected.
#[derive(Debug)]
pub(crate) struct Crowd {
    endpoint: Endpoint,
    clients: Vec<Client>,
}

#[derive(Debug)]
struct Client {
    connection: Connection,
    filter: Filter,
    streams: Vec<(SendStream, RecvStream)>,
}

impl Crowd {
    /// Connects and greets as each of the first devices; nobody is answered by more than a word.
    pub(crate) async fn connect(city: &City, server: SocketAddr, clients: u64) -> Result<Self> {
        let endpoint = tls::client_endpoint(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let node_key = city.node().public_key();
        let hello = Frame::Hello(Hello {
            version: 1,
            software: "sekisho-benches".to_owned(),
            organisation: city.organisation().clone(),
        });
        let mut coming = JoinSet::new();
        let mut there = Vec::new();
        for number in 0..clients {
            if coming.len() >= AT_ONCE {
                there.extend(next(&mut coming).await?);
            }
            let config = tls::quic_client_config(city.device(number).signing(), &node_key)?;
            let connecting = endpoint.connect_with(config, server, tls::SERVER_NAME)?;
            let (hello, filter) = (hello.clone(), city.filter(&format!("trucks/{number}/#")));
            coming.spawn(async move {
                let connection = connecting.await.context("connect")?;
                let mut client = Client { connection, filter, streams: Vec::new() };
                client.ask(&hello).await?;
                anyhow::Ok(client)
            });
        }
        while let Some(client) = next(&mut coming).await? {
            there.push(client);
        }
        Ok(Self { endpoint, clients: there })
    }

    /// Everybody subscribes so many times more to topics of their own.
    pub(crate) async fn subscribe(&mut self, each: u32) -> Result<()> {
        let mut waiting: VecDeque<Client> = self.clients.drain(..).collect();
        let mut coming = JoinSet::new();
        while let Some(mut client) = waiting.pop_front() {
            if coming.len() >= AT_ONCE {
                self.clients.extend(next(&mut coming).await?);
            }
            coming.spawn(async move {
                for _ in 0..each {
                    client.subscribe().await?;
                }
                anyhow::Ok(client)
            });
        }
        while let Some(client) = next(&mut coming).await? {
            self.clients.push(client);
        }
        Ok(())
    }

    /// Everybody leaves, a few at a time: a server that misses a goodbye keeps the client until its
    /// silence has lasted too long.
    pub(crate) async fn leave(self) {
        for some in self.clients.chunks(AT_ONCE) {
            for client in some {
                client.connection.close(VarInt::from_u32(0), b"");
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.endpoint.wait_idle().await;
    }
}

impl Client {
    async fn subscribe(&mut self) -> Result<()> {
        let number = u32::try_from(self.streams.len())?;
        let filter = format!("{}/{number}", self.filter.as_str().trim_end_matches("/#"));
        self.ask(&Frame::Subscribe(Subscribe {
            subscription: number,
            filter: filter.parse()?,
            start: Start::Latest,
            cursor: None,
            credit: CREDIT,
        }))
        .await
    }

    /// Opens a stream with a frame and waits until there is an answer; what it says does not
    /// matter, that it is no refusal does.
    async fn ask(&mut self, frame: &Frame) -> Result<()> {
        let (mut send, mut receive) = self.connection.open_bi().await.context("open a stream")?;
        let mut bytes = bytes::BytesMut::new();
        frame.encode_into(&mut bytes);
        send.write_all(&bytes).await.context("ask")?;
        let answer = receive.read_chunk(usize::MAX, true).await.context("listen")?;
        let answer = answer.context("wanted an answer, found the end")?.bytes;
        if let Ok(Frame::Refused(refused)) = Frame::decode(answer.slice(4.min(answer.len())..)) {
            anyhow::bail!("{}: {}: {}", frame.name(), refused.what, refused.why);
        }
        self.streams.push((send, receive));
        Ok(())
    }
}

async fn next(coming: &mut JoinSet<Result<Client>>) -> Result<Option<Client>> {
    match coming.join_next().await {
        Some(client) => client?.map(Some),
        None => Ok(None),
    }
}
