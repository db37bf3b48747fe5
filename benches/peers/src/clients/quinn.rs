//! The QUIC library by itself, with the TLS and transport settings of our nodes and clients.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use sekisho::tls;
use tokio::time::sleep;

use crate::{
    job::{Figures, Job},
    load::{WARM_UP, per_delivery_us},
    servers::quinn::{PUBLISH, RECEIVE, SOURCE, key},
    tally::now,
    work::Side,
};

pub(super) async fn turn(job: &Job) -> Result<Figures> {
    let (_endpoint, _connection, publisher, receiver) = match job.side {
        Side::QuinnStream => {
            let (endpoint, connection, sender, receiver) = open(job.server.socket, SOURCE).await?;
            (vec![endpoint], vec![connection], sender, receiver)
        }
        _ => {
            let (one, receiving, _sender, receiver) = open(job.server.socket, RECEIVE).await?;
            let (other, publishing, sender, _receiver) = open(job.server.socket, PUBLISH).await?;
            (vec![one, other], vec![receiving, publishing], sender, receiver)
        }
    };
    if job.side == Side::QuinnRelay {
        tokio::spawn(pour(publisher, job.work.payload_bytes()));
    }
    let counter = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    tokio::spawn(count(receiver, std::sync::Arc::clone(&counter)));
    let bytes = || counter.load(std::sync::atomic::Ordering::Relaxed);
    sleep(WARM_UP).await;
    let (before, used, begun) = (bytes(), job.processor()?, now());
    sleep(job.work.lasts()).await;
    let (after, passed) = (bytes(), begun.elapsed().as_secs_f64());
    let used = (job.processor()? - used).as_secs_f64();
    let messages = (after - before) / job.work.payload_bytes() as u64;
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let value = (after - before) as f64 / passed / 1e6;
    Ok(Figures {
        value,
        processor_us: per_delivery_us(used, messages),
        cores: used / passed,
        delivered: messages,
        ..Figures::default()
    })
}

async fn open(
    server: SocketAddr,
    wish: u8,
) -> Result<(Endpoint, Connection, SendStream, RecvStream)> {
    let endpoint = tls::client_endpoint(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let config = tls::quic_client_config(&key(2), &key(1).public_key())?;
    let connection = endpoint.connect_with(config, server, tls::SERVER_NAME)?.await?;
    let (mut send, receive) = connection.open_bi().await?;
    send.write_all(&[wish]).await.context("say what is wanted")?;
    Ok((endpoint, connection, send, receive))
}

async fn pour(mut sender: SendStream, bytes: usize) {
    let message = vec![7; bytes];
    while sender.write_all(&message).await.is_ok() {}
}

async fn count(mut receiver: RecvStream, counter: std::sync::Arc<std::sync::atomic::AtomicU64>) {
    while let Ok(Some(chunk)) = receiver.read_chunk(usize::MAX, true).await {
        counter.fetch_add(chunk.bytes.len() as u64, std::sync::atomic::Ordering::Relaxed);
    }
}
