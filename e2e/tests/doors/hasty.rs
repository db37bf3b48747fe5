//! Answers that are due before the request has ended, or before TLS has begun.

use std::future::poll_fn;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::Request;
use sekisho_e2e::{City, eventually, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::logins::city;
use crate::talk::{http2, request};
use crate::talker::Talker;
use crate::tls::Shown;

const TARGET: &str = "/v1/publish/fujisawa/truck/17/air";
/// Places for bodies of one principal, of 128.
const PLACES: usize = 32;

/// Some clients take a reset after the answer for a fault, and do not show the answer.
#[tokio::test]
async fn who_is_refused_before_its_body_has_ended_may_end_it() {
    let city = city().await;
    let node = city.door("web");
    let (mut client, _) = http2(node, Shown::Nothing).await;
    let ask = || {
        let path = format!("https://{node}{TARGET}");
        Request::post(path).body(()).unwrap()
    };
    let (response, mut send) = client.send_request(ask(), false).unwrap();
    send.send_data(Bytes::from_static(b"12"), false).unwrap();
    let response = within("an answer", response).await.unwrap();
    assert_eq!(response.status(), 401);
    let mut body = response.into_body();
    let mut said = Vec::new();
    while let Some(piece) = within("the answer's end", body.data()).await {
        said.extend(piece.unwrap());
    }
    assert!(String::from_utf8_lossy(&said).contains("unknown-key"));
    // A reset would have come before the answer to another request.
    let (next, _end) = client.send_request(ask(), true).unwrap();
    assert_eq!(within("the next answer", next).await.unwrap().status(), 401);
    send.send_data(Bytes::from_static(b".5"), true).unwrap();
}

/// A city, and two who may publish in it.
async fn two_senders() -> (City, Talker, Talker) {
    let city = city().await;
    let options = ["--topics", "fujisawa/truck/17/#"];
    let slow = Talker::attested(&city, "slow", &options).await;
    let other = Talker::attested(&city, "other", &options).await;
    (city, slow, other)
}

#[tokio::test]
async fn who_sends_many_bodies_slowly_keeps_nobody_else_from_sending() {
    let (city, slow, other) = two_senders().await;
    let node = city.door("web");
    let (mut client, _) = http2(node, Shown::Nothing).await;
    let (mut begun, mut answers) = (Vec::new(), FuturesUnordered::new());
    for _ in 0..PLACES + 8 {
        let request = Request::post(format!("https://{node}{TARGET}"));
        let request = request.header("authorization", slow.authorization()).body(()).unwrap();
        poll_fn(|context| client.poll_ready(context)).await.unwrap();
        let (response, mut send) = client.send_request(request, false).unwrap();
        send.send_data(Bytes::from_static(b"1"), false).unwrap();
        begun.push(send);
        answers.push(response);
    }
    for _ in 0..8 {
        let refused = within("a refusal", answers.next()).await.unwrap().unwrap();
        assert_eq!(refused.status(), 429);
    }
    eventually("another to be heard", || async {
        let reply = other.post(TARGET, "text/plain", b"2").await;
        (reply.status == 200).then_some(())
    })
    .await;
    // What was begun may be ended.
    for send in &mut begun {
        drop(send.send_data(Bytes::from_static(b"2"), true));
    }
    for _ in 0..PLACES {
        let answer = within("an answer", answers.next()).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
    }
}

/// The same places, and the same bounds, for single calls of gRPC.
#[tokio::test]
async fn who_sends_many_messages_slowly_keeps_nobody_else_from_sending() {
    let (city, slow, other) = two_senders().await;
    let node = city.door("web");
    for method in ["State", "Query"] {
        let (mut client, _) = http2(node, Shown::Nothing).await;
        let path = format!("/sekisho.v1.Sekisho/{method}");
        let (mut begun, mut answers) = (Vec::new(), FuturesUnordered::new());
        for _ in 0..PLACES + 8 {
            let headers = [("authorization", slow.authorization().to_owned())];
            poll_fn(|context| client.poll_ready(context)).await.unwrap();
            let asked = request(node, &path, &headers);
            let (response, mut send) = client.send_request(asked, false).unwrap();
            // A message of one byte is to come.
            send.send_data(Bytes::from_static(&[0, 0, 0, 0, 1]), false).unwrap();
            begun.push(send);
            answers.push(response);
        }
        for _ in 0..8 {
            let refused = within("a refusal", answers.next()).await.unwrap().unwrap();
            assert_eq!(refused.headers()["grpc-status"], "8", "{method}");
        }
        assert_eq!(other.post(TARGET, "text/plain", b"2").await.status, 200);
        // What was begun may be ended, and with the message the place is given up.
        for send in &mut begun {
            drop(send.send_data(Bytes::from_static(b"2"), true));
        }
        for _ in 0..PLACES {
            drop(within("an answer", answers.next()).await.unwrap().unwrap());
        }
        assert_eq!(slow.post(TARGET, "text/plain", b"2").await.status, 200, "{method}");
    }
}

#[tokio::test]
async fn who_forgets_tls_is_told_in_words_and_nothing_else_is() {
    let city = city().await;
    let mut stream = TcpStream::connect(city.door("web")).await.unwrap();
    stream.write_all(b"GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut said = String::new();
    within("the answer", stream.read_to_string(&mut said)).await.unwrap();
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    assert_eq!(body, "TLS: wanted https://, found http://\n");
}
