//! Crowds that only want to be in the way: they are counted, turned away, and the node goes on.

use std::future::poll_fn;

use http::Request;
use sekisho_e2e::{City, Member, eventually, within};
use tokio::net::TcpStream;

use crate::logins::city;
use crate::talk::{Talk, Via, http2};
use crate::tls::{Shown, dial};

fn failures(reason: &str) -> String {
    format!("sekisho_handshake_failures_total{{reason=\"{reason}\"}}")
}

async fn counts(city: &City, reason: &str, wanted: f64) {
    eventually("the failures to be counted", || async {
        (city.metric(&failures(reason)).await >= wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn handshakes_that_stop_halfway_are_dropped_and_make_room() {
    let mut city = City::plan("fujisawa").await;
    let node = city.open("web");
    city.configure("limits", "strangers_per_address = 8");
    city.start().await;
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    let mut half_open = Vec::new();
    for _stranger in 0..8 {
        half_open.push(within("a connection", TcpStream::connect(node)).await.unwrap());
    }
    let turned_away = eventually("the ninth to be turned away", || async {
        let dialled = dial(node, b"h2", Shown::Nothing).await;
        dialled.is_err().then_some(())
    });
    turned_away.await;
    counts(&city, "too-many-from-address", 1.0).await;
    counts(&city, "timeout", 8.0).await;
    drop(Talk::welcome(&city, Via::WebSocket, &member).await);
}

#[tokio::test]
async fn whoever_logs_in_slowly_is_dropped() {
    let city = city().await;
    let mut silent = Vec::new();
    for via in Via::ALL {
        let mut talk = Talk::open(&city, via).await;
        talk.challenge().await;
        silent.push(talk);
    }
    counts(&city, "timeout", 2.0).await;
}

#[tokio::test]
async fn the_seats_of_all_doors_together_are_bounded() {
    let mut city = City::plan("fujisawa").await;
    let node = city.open("web");
    city.configure("limits", "connections = 12");
    city.start().await;
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    let mut seated = Vec::new();
    while let Ok(dialled) = dial(node, b"h2", Shown::Nothing).await {
        seated.push(dialled);
        assert!(seated.len() <= 12, "wanted no more than the seats");
    }
    counts(&city, "too-many-connections", 1.0).await;
    drop(seated);
    eventually("a seat", || async { dial(node, b"http/1.1", Shown::Nothing).await.ok().map(drop) })
        .await;
    drop(Talk::welcome(&city, Via::WebSocket, &member).await);
}

#[tokio::test]
async fn streams_that_are_opened_and_reset_end_their_connection() {
    let city = city().await;
    let node = city.door("web");
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    let (mut client, _) = http2(node, Shown::Nothing).await;
    let mut opened = 0_u32;
    let ended = loop {
        if poll_fn(|context| client.poll_ready(context)).await.is_err() {
            break true;
        }
        let request = Request::post(format!("https://{node}/sekisho.v1.Sekisho/Session"));
        match client.send_request(request.body(()).unwrap(), false) {
            Ok((_response, mut send)) => send.send_reset(h2::Reason::CANCEL),
            Err(_ended) => break true,
        }
        opened += 1;
        if opened > 100_000 {
            break false;
        }
        tokio::task::yield_now().await;
    };
    assert!(ended, "wanted the connection ended, found it open after {opened} resets");
    assert_eq!(city.page("/readyz").await.status, 200);
    drop(Talk::welcome(&city, Via::Grpc, &member).await);
}

#[tokio::test]
async fn empty_pieces_without_end_hold_up_nobody() {
    let city = city().await;
    let node = city.door("web");
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    let (mut client, _) = http2(node, Shown::Nothing).await;
    let request = Request::post(format!("https://{node}/sekisho.v1.Sekisho/Session"))
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let (_response, mut send) = client.send_request(request, false).unwrap();
    for _piece in 0..50_000 {
        if send.send_data(bytes::Bytes::new(), false).is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    drop(Talk::welcome(&city, Via::Grpc, &member).await);
    assert_eq!(city.page("/readyz").await.status, 200);
}
