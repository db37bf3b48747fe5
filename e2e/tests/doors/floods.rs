//! Crowds that only want to be in the way: they are counted, turned away, and the node goes on.

use std::future::poll_fn;
use std::net::SocketAddr;

use bytes::Bytes;
use h2::RecvStream;
use h2::ext::Protocol;
use http::{Request, Response};
use sekisho_e2e::{City, Member, eventually, within};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::logins::{DOORS, city, with_doors};
use crate::raw::{Raw, connect};
use crate::talk::{Closed, Talk, Via, http2, prefixed, request};
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

/// Half a handshake: the beginning of a ClientHello that never goes on.
const HALF_A_HANDSHAKE: [u8; 6] = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01];

/// A city with its doors open, and a member of it with a key.
async fn besieged(limit: &str) -> (City, Member) {
    let city = with_doors(limit).await;
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    (city, member)
}

/// Whoever means well is let in by both doors.
async fn lets_in(city: &City, member: &Member) {
    drop(Talk::welcome(city, Via::WebSocket, member).await);
    let mut raw = Raw::dial(city, Shown::Box(member.identity().signing().clone())).await;
    let (first, body) = raw.ask(&connect(5, "truck-1", None, &[])).await.unwrap();
    assert_eq!((first, body.get(1)), (0x20, Some(&0)));
}

/// One more is let in once others have left.
async fn has_room(node: SocketAddr, alpn: &[u8]) {
    eventually("room for one more", || async {
        dial(node, alpn, Shown::Nothing).await.ok().map(drop)
    })
    .await;
}

#[tokio::test]
async fn handshakes_that_stop_halfway_are_dropped_and_make_room() {
    let (city, member) = besieged("strangers_per_address = 8").await;
    for (round, (door, alpn)) in (1_u8..).zip(DOORS) {
        let node = city.door(door);
        let mut half_open = Vec::new();
        for stranger in 0..8 {
            let mut stream = within("a connection", TcpStream::connect(node)).await.unwrap();
            if stranger % 2 == 0 {
                stream.write_all(&HALF_A_HANDSHAKE).await.unwrap();
            }
            half_open.push(stream);
        }
        let turned_away = eventually("the ninth to be turned away", || async {
            let dialled = dial(node, alpn, Shown::Nothing).await;
            dialled.is_err().then_some(())
        });
        turned_away.await;
        counts(&city, "too-many-from-address", f64::from(round)).await;
        counts(&city, "timeout", 8.0 * f64::from(round)).await;
        lets_in(&city, &member).await;
    }
}

#[tokio::test]
async fn whoever_says_nothing_after_the_handshake_of_mqtt_is_dropped() {
    let (city, member) = besieged("strangers_per_address = 8").await;
    let mut silent = Vec::new();
    for stranger in 0..8 {
        let mut raw = Raw::dial(&city, Shown::Nothing).await;
        if stranger % 2 == 0 {
            // Half of CONNECT.
            raw.say(&connect(5, "slow", None, &[])[..9]).await;
        }
        silent.push(raw);
    }
    counts(&city, "timeout", 8.0).await;
    for mut raw in silent {
        assert_eq!(raw.hear().await, None);
    }
    lets_in(&city, &member).await;
}

/// Answers that nobody reads are not kept without end, and nobody else waits for them.
#[tokio::test]
async fn who_asks_without_end_by_mqtt_and_reads_nothing_holds_up_nobody() {
    const MEBIBYTE: u64 = 1 << 20;
    let (city, member) = besieged("").await;
    let shown = || Shown::Box(member.identity().signing().clone());
    let mut flooding = Raw::dial(&city, shown()).await;
    flooding.ask(&connect(5, "flood", None, &[])).await.unwrap();
    let mut other = Raw::dial(&city, shown()).await;
    other.ask(&connect(5, "other", None, &[])).await.unwrap();
    let before = city.node().peak_bytes();
    let pings = [0xc0, 0].repeat(1 << 15);
    let flood = async {
        // Far more than fits into the sockets between here and the node.
        for _ in 0..1 << 10 {
            flooding.say(&pings).await;
        }
    };
    let served = async {
        for _ in 0..500 {
            assert_eq!(other.ask(&[0xc0, 0]).await, Some((0xd0, Vec::new())));
        }
    };
    tokio::select! {
        () = flood => panic!("wanted nothing more read of somebody who reads nothing"),
        () = served => {}
    }
    let grown = city.node().peak_bytes() - before;
    assert!(grown < 16 * MEBIBYTE, "wanted memory bounded, found it grown by {grown} bytes");
    lets_in(&city, &member).await;
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
    let (city, member) = besieged("connections = 12").await;
    let mut seated = Vec::new();
    let mut doors = DOORS.into_iter().cycle();
    while let Some((door, alpn)) = doors.next()
        && let Ok(dialled) = dial(city.door(door), alpn, Shown::Nothing).await
    {
        seated.push(dialled);
        assert!(seated.len() <= 12, "wanted no more than the seats");
    }
    for (count, (door, alpn)) in (1_u8..).zip(DOORS) {
        assert!(dial(city.door(door), alpn, Shown::Nothing).await.is_err(), "{door}");
        counts(&city, "too-many-connections", f64::from(count)).await;
    }
    drop(seated);
    for (door, alpn) in DOORS {
        has_room(city.door(door), alpn).await;
    }
    lets_in(&city, &member).await;
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
        if send.send_data(Bytes::new(), false).is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    drop(Talk::welcome(&city, Via::Grpc, &member).await);
    assert_eq!(city.page("/readyz").await.status, 200);
}

/// How a call of gRPC ends, without what is said before.
async fn ended(response: Response<RecvStream>) -> String {
    if let Some(status) = response.headers().get("grpc-status") {
        return status.to_str().unwrap().to_owned();
    }
    let mut body = response.into_body();
    while let Some(piece) = within("the end of a call", body.data()).await {
        let piece = piece.unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
    }
    let trailers = within("trailers", body.trailers()).await.unwrap().unwrap();
    trailers.get("grpc-status").unwrap().to_str().unwrap().to_owned()
}

/// 8 KiB before the login, and the announcement is enough.
#[tokio::test]
async fn who_announces_a_long_message_before_the_login_is_refused_before_it_comes() {
    const OUT_OF_RANGE: &str = "11";
    let city = city().await;
    let node = city.door("web");
    let member = Member::device(&city, "truck-1", "fujisawa/truck/1/#").await;
    let (mut client, _) = http2(node, Shown::Nothing).await;
    for length in [8 * 1024 + 1, 1 << 20, u32::MAX] {
        let asked = request(node, "/sekisho.v1.Sekisho/Session", &[]);
        let (response, mut send) = client.send_request(asked, false).unwrap();
        let announced = [&[0], &length.to_be_bytes()[..]].concat();
        send.send_data(Bytes::from(announced), false).unwrap();
        let response = within("a response", response).await.unwrap();
        assert_eq!(ended(response).await, OUT_OF_RANGE, "{length}");
    }
    // Whoever has logged in may say more at once: here nothing that means anything.
    let mut talk = Talk::welcome(&city, Via::Grpc, &member).await;
    talk.say(vec![0xff; 64 * 1024]).await;
    assert_ne!(talk.refusal().await.code.name(), "oversized");
    assert!(matches!(talk.closed().await, Closed::Grpc(3, _)));
}

/// Calls that share a connection are as many strangers as if each had its own.
#[tokio::test]
async fn calls_of_those_who_have_not_logged_in_are_bounded_also_over_one_connection() {
    const RESOURCE_EXHAUSTED: &str = "8";
    // What the node says first is a challenge, which waits for a login, or the answer to
    // `list_services`, after which it waits for another question.
    let calls = [
        ("/sekisho.v1.Sekisho/Session", Bytes::new()),
        ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", prefixed(b"\x3a\x00")),
    ];
    for (path, said) in calls {
        let (city, member) = besieged("strangers_per_address = 4").await;
        let node = city.door("web");
        let (mut client, _) = http2(node, Shown::Nothing).await;
        let mut silent = Vec::new();
        for _ in 0..4 {
            let (response, mut send) =
                client.send_request(request(node, path, &[]), false).unwrap();
            send.send_data(said.clone(), false).unwrap();
            let mut response = within("a response", response).await.unwrap();
            drop(within("the first word", response.body_mut().data()).await.unwrap().unwrap());
            silent.push((response, send));
        }
        let (response, _send) = client.send_request(request(node, path, &[]), false).unwrap();
        let response = within("a response", response).await.unwrap();
        assert_eq!(ended(response).await, RESOURCE_EXHAUSTED, "{path}");
        counts(&city, "too-many-from-address", 1.0).await;
        drop((silent, client));
        has_room(node, b"h2").await;
        lets_in(&city, &member).await;
    }
}

/// The same of MQTT over WebSockets that share one.
#[tokio::test]
async fn clients_of_mqtt_that_have_not_said_who_they_are_are_bounded_over_one_connection() {
    let (city, member) = besieged("strangers_per_address = 4").await;
    let node = city.door("web");
    let (client, _) = http2(node, Shown::Nothing).await;
    eventually("CONNECT to be allowed", || async {
        client.is_extended_connect_protocol_enabled().then_some(())
    })
    .await;
    let mut silent = Vec::new();
    for wanted in [200, 200, 200, 200, 429] {
        let mut client = within("room", client.clone().ready()).await.unwrap();
        let asked = Request::connect(format!("https://{node}/mqtt"))
            .extension(Protocol::from_static("websocket"))
            .header("sec-websocket-version", "13")
            .header("sec-websocket-protocol", "mqtt");
        let (response, send) = client.send_request(asked.body(()).unwrap(), false).unwrap();
        let response = within("a response", response).await.unwrap();
        assert_eq!(response.status(), wanted, "after {} that are silent", silent.len());
        silent.push((response, send));
    }
    counts(&city, "too-many-from-address", 1.0).await;
    drop((silent, client));
    has_room(node, b"h2").await;
    lets_in(&city, &member).await;
}
