//! One stream of the bare QUIC library between two processes, with the same TLS and settings.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use sekisho::tls;
use sekisho_benches::{
    city::City,
    server::{Server, own_processor_s},
};

use crate::{
    PUBLISHER,
    load::{BODY_BYTES, Figures, now},
};

/// Writes of 16 KiB each.
const WRITES: u64 = 60_000;

/// Takes one stream of each connection and answers its end with one byte, until it is killed; prints
/// its address first.
#[expect(clippy::print_stdout, reason = "the parent reads the address there")]
pub(crate) async fn receive(city: &City) -> Result<()> {
    let node = city.node();
    let config = tls::quic_server_config(node.signing())?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let endpoint = tls::server_endpoint(address, config, node.signing())?;
    println!("{}", endpoint.local_addr()?);
    while let Some(incoming) = endpoint.accept().await {
        let connection = incoming.await?;
        let (mut send, mut receive) = connection.accept_bi().await?;
        while receive.read_chunk(64 * 1024, true).await?.is_some() {}
        send.write_all(b".").await?;
        send.finish()?;
        connection.closed().await;
    }
    Ok(())
}

/// Writes to it as fast as it takes.
pub(crate) async fn send(city: &City, receiver: &Server) -> Result<Figures> {
    let endpoint = tls::client_endpoint(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let config =
        tls::quic_client_config(city.device(PUBLISHER).signing(), &city.node().public_key())?;
    let connection = endpoint.connect_with(config, receiver.address(), tls::SERVER_NAME)?.await?;
    let (mut send, mut receive) = connection.open_bi().await?;
    let (node, own, begun) = (receiver.processor_s()?, own_processor_s()?, now());
    let body = Bytes::from(vec![7; BODY_BYTES]);
    for _ in 0..WRITES {
        send.write_chunk(body.clone()).await?;
    }
    send.finish()?;
    receive.read_chunk(1, true).await?.context("the word that all has come")?;
    Ok(Figures {
        sent: WRITES,
        delivered: WRITES,
        bytes_each: BODY_BYTES,
        passed_s: begun.elapsed().as_secs_f64(),
        node_s: receiver.processor_s()? - node,
        own_s: own_processor_s()? - own,
        late_us: None,
    })
}
