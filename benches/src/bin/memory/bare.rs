//! The QUIC library and nothing else: takes every connection and stream, says one word on each, and
//! keeps them.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use quinn::{Incoming, RecvStream, SendStream, VarInt};
use sekisho::tls;
use sekisho_benches::city::City;

/// As long as a node's first answers.
const WORD: &[u8] = &[b'.'; 64];

/// Serves until it is killed; prints its address first.
#[expect(clippy::print_stdout, reason = "the parent reads the address there")]
pub(crate) async fn serve(city: &City) -> Result<()> {
    let node = city.node();
    let config = tls::quic_server_config(node.signing())?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let endpoint = tls::server_endpoint(address, config, node.signing())?;
    println!("{}", endpoint.local_addr()?);
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(keep(incoming));
    }
    Ok(())
}

async fn keep(incoming: Incoming) {
    let Ok(connection) = incoming.await else { return };
    let mut streams = Vec::new();
    let mut allowed = tls::BIDIRECTIONAL_STREAMS_BEFORE_WELCOME;
    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
        // As a node does it: the library takes memory for all that are allowed.
        if streams.len() + 4 >= allowed as usize {
            allowed = allowed.saturating_mul(2);
            connection.set_max_concurrent_bi_streams(VarInt::from_u32(allowed));
        }
        if answer(&mut send, &mut receive).await.is_none() {
            return;
        }
        streams.push((send, receive));
    }
}

async fn answer(send: &mut SendStream, receive: &mut RecvStream) -> Option<()> {
    receive.read_chunk(usize::MAX, true).await.ok()??;
    send.write_all(WORD).await.ok()
}
