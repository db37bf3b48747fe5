use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;

use super::{Relay, Weather};
use crate::patience::within;

const MANY: u32 = 2_000;

/// Two ends with a relay between them.
async fn ends(seed: u64) -> (UdpSocket, UdpSocket, Relay) {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (near, far) = (UdpSocket::bind(any).await.unwrap(), UdpSocket::bind(any).await.unwrap());
    let relay = Relay::before(far.local_addr().unwrap(), seed).await;
    near.connect(relay.address()).await.unwrap();
    (near, far, relay)
}

/// Sends numbers one after the other, then a word until it arrives; what came before it, in order.
async fn carried(weather: Weather, seed: u64) -> Vec<u32> {
    let (near, far, relay) = ends(seed).await;
    relay.turn(weather);
    let mut came = Vec::new();
    let mut buffer = [0; 16];
    for number in 0..MANY {
        near.send(&number.to_be_bytes()).await.unwrap();
        while let Ok(length) = far.try_recv(&mut buffer) {
            came.push(u32::from_be_bytes(buffer[..length].try_into().unwrap()));
        }
        tokio::task::yield_now().await;
    }
    let mut asked = tokio::time::interval(Duration::from_millis(20));
    let ended = async {
        loop {
            tokio::select! {
                _tick = asked.tick() => drop(near.send(b"the end").await),
                heard = far.recv(&mut buffer) => match heard.unwrap() {
                    4 => came.push(u32::from_be_bytes(buffer[..4].try_into().unwrap())),
                    _ => break,
                },
            }
        }
    };
    within("the end", ended).await;
    came
}

#[tokio::test]
async fn in_good_weather_everything_arrives_in_order() {
    let came = carried(Weather::default(), 1).await;
    assert_eq!(came, (0..MANY).collect::<Vec<_>>());
}

#[tokio::test]
async fn bad_weather_loses_repeats_and_reorders() {
    let weather = Weather {
        jitter: Duration::from_millis(5),
        lost_per_mille: 100,
        repeated_per_mille: 100,
        ..Weather::default()
    };
    let came = carried(weather, 1).await;
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for number in &came {
        *counts.entry(*number).or_default() += 1;
    }
    assert!(counts.len() < MANY as usize, "nothing was lost");
    assert!(counts.values().any(|count| *count == 2), "nothing came twice");
    assert!(!came.is_sorted(), "nothing was reordered");
}

#[tokio::test]
async fn a_cut_lets_nothing_through_and_what_comes_after_it_does() {
    let (near, far, relay) = ends(1).await;
    relay.cut(true);
    near.send(b"lost").await.unwrap();
    let answering = async {
        let mut buffer = [0; 16];
        let (length, from) = far.recv_from(&mut buffer).await.unwrap();
        far.send_to(b"heard", from).await.unwrap();
        buffer[..length].to_vec()
    };
    let asking = async {
        let mut asked = tokio::time::interval(Duration::from_millis(20));
        let mut buffer = [0; 16];
        asked.tick().await;
        asked.tick().await;
        relay.cut(false);
        loop {
            tokio::select! {
                _tick = asked.tick() => drop(near.send(b"found").await),
                length = near.recv(&mut buffer) => return buffer[..length.unwrap()].to_vec(),
            }
        }
    };
    let (heard, answered) = within("an answer", async { tokio::join!(answering, asking) }).await;
    assert_eq!((heard, answered), (b"found".to_vec(), b"heard".to_vec()));
    assert!(relay.bytes_there() >= 5 && relay.bytes_back() >= 5);
}
