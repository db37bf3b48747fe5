//! What goes through the MQTT door: open messages of every quality, and what is sealed.

use futures_util::{SinkExt as _, StreamExt as _};
use sekisho::Start;
use sekisho_e2e::{City, Member, Mosquitto, Reader, skipped, within};
use sekisho_proto::{Envelope, Suite};
use sekisho_seal::{VerifyingKey, verify_attested};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::raw::{Raw, connect, counted, login, publish, subscribe, text};
use crate::tls::{Shown, dial};

const ALL: &str = "fujisawa/mqtt/#";

async fn town() -> (City, Mosquitto) {
    let mut city = City::plan("fujisawa").await;
    city.open("mqtt");
    city.open("web");
    city.start().await;
    let meter = Mosquitto::enrol(&city, "meter", &[ALL], &[ALL]).await;
    (city, meter)
}

#[tokio::test]
async fn messages_of_every_quality_and_version_come_as_they_were_sent() {
    if !Mosquitto::is_there() {
        skipped("wanted Debian's mosquitto-clients, found none");
        return;
    }
    let (city, meter) = town().await;
    let reader = Member::reader(&city, "wall", ALL).await;
    let mut native = Reader::start(&reader, ALL, Start::Latest).await;
    for version in ["mqttv311", "mqttv5"] {
        for quality in ["0", "1", "2"] {
            let topic = format!("room/{version}/{quality}");
            let session = ["-V", version, "-i", "keeps", "-c", "-q", "2", "-t", &topic];
            let kept: &[&str] = if version == "mqttv5" { &["-x", "60"] } else { &[] };
            meter.subscribe(&[&session[..], kept, &["-E"]].concat()).await.succeeded();
            let send = ["-V", version, "-q", quality, "-t", &topic, "-m", "21.5"];
            meter.publish(&send).await.succeeded();
            let read = [&session[..], kept, &["-C", "1", "-W", "20", "-F", "%q %t %p"]].concat();
            let wanted = format!("{quality} {topic} 21.5\n");
            assert_eq!(meter.subscribe(&read).await.done(), wanted, "{version}");
            let message = native.message().await;
            assert_eq!(message.topic.as_str(), format!("fujisawa/mqtt/{topic}"));
            let attester = message.attester.expect("the node that signed");
            assert_eq!(attester.to_string(), "node@fujisawa");
        }
    }
}

#[tokio::test]
async fn what_is_sealed_comes_as_its_envelope_or_not_at_all() {
    let (city, meter) = town().await;
    let truck = Member::device(&city, "truck-17", ALL).await;
    let who = login(&city, &meter);
    let mut new = Raw::connected(&city, "new", &who).await;
    new.ask(&subscribe(1, "#", 0)).await.unwrap();
    let mut old = Raw::dial(&city, Shown::Nothing).await;
    old.ask(&connect(4, "old", Some(&who), &[])).await.unwrap();
    let mut wish = text("#");
    wish.push(0);
    old.ask(&crate::raw::packet(0x82, &[&[0, 1][..], &wish].concat())).await.unwrap();

    truck.run(&["pub", "fujisawa/mqtt/air", "pm2_5=12.5"]).await.succeeded();
    let (first, body) = new.hear().await.unwrap();
    assert_eq!(first, 0x30);
    let whole = String::from_utf8_lossy(&body);
    assert!(whole.contains("application/vnd.sekisho.envelope"), "{whole}");
    assert!(whole.contains("sekisho-key-header"), "{whole}");
    let start = (0..body.len()).find_map(|at| {
        let bytes = bytes::Bytes::copy_from_slice(body.get(at..)?);
        Envelope::decode(bytes).ok()
    });
    let envelope = start.expect("an envelope to the end of the payload");
    assert_ne!(envelope.header().suite, Suite::Open);
    // What follows is all that the old one gets.
    let (first, answer) = new.ask(&publish(2, "open", &[], b"x")).await.unwrap();
    assert!(matches!(first, 0x40 | 0x30), "{answer:?}");
    let (first, body) = old.hear().await.unwrap();
    assert_eq!((first, body.as_slice()), (0x30, &[text("open"), b"x".to_vec()].concat()[..]));
}

#[tokio::test]
async fn whoever_asks_for_envelopes_can_verify_what_the_node_attested() {
    let (city, meter) = town().await;
    let who = login(&city, &meter);
    let mut reader = Raw::connected(&city, "reader", &who).await;
    let form = [&[0x26][..], &text("sekisho-form"), &text("envelope")].concat();
    let wish = [&[0, 1][..], &counted(&form), &text("#"), &[0]].concat();
    reader.ask(&crate::raw::packet(0x82, &wish)).await.unwrap();
    let mut writer = Raw::connected(&city, "writer", &who).await;
    writer.ask(&publish(1, "open", &[], b"21.5")).await.unwrap();
    let (_first, body) = reader.hear().await.unwrap();
    let envelope = (0..body.len())
        .find_map(|at| Envelope::decode(bytes::Bytes::copy_from_slice(body.get(at..)?)).ok());
    let envelope = envelope.expect("an envelope to the end of the payload");
    let node = VerifyingKey::parse(&city.administrator().profile().node_key).unwrap();
    verify_attested(envelope, &node).unwrap();
}

/// A WebSocket to the MQTT door.
async fn websocket(city: &City) -> WebSocketStream<TlsStream<TcpStream>> {
    let node = city.door("web");
    let dialled = dial(node, b"http/1.1", Shown::Nothing).await.expect("TLS");
    let mut request = format!("wss://{node}/mqtt").into_client_request().unwrap();
    let name = http::HeaderName::from_static("sec-websocket-protocol");
    request.headers_mut().insert(name, http::HeaderValue::from_static("mqtt"));
    let upgrading = tokio_tungstenite::client_async(request, dialled.stream);
    let (socket, _response) = Box::pin(within("an upgrade", upgrading)).await.expect("a WebSocket");
    socket
}

#[tokio::test]
async fn mqtt_goes_through_a_websocket() {
    let (city, meter) = town().await;
    let who = login(&city, &meter);
    let mut socket = websocket(&city).await;
    // In pieces: where the stream is cut means nothing.
    let mut bytes = connect(5, "a", Some(&who), &[]);
    bytes.extend(subscribe(1, "#", 0));
    bytes.extend(publish(2, "ws", &[], b"through"));
    for piece in bytes.chunks(7) {
        socket.send(Message::Binary(piece.to_vec().into())).await.unwrap();
    }
    let mut heard = Vec::new();
    while !heard.windows(7).any(|part| part == b"through") {
        match within("a message", socket.next()).await {
            Some(Ok(Message::Binary(message))) => heard.extend_from_slice(&message),
            other => panic!("wanted packets, found {other:?}"),
        }
    }
    assert_eq!((heard[0], heard[3]), (0x20, 0));
}

/// RFC 6455, 5.5.1 and 7.1.2.
#[tokio::test]
async fn a_websocket_is_closed_as_one_whoever_ends_it() {
    let (city, meter) = town().await;
    let who = login(&city, &meter);
    let disconnect = Message::Binary(vec![0xe0, 0].into());
    for last in [Message::Text("no".into()), Message::Close(None), disconnect] {
        let mut socket = websocket(&city).await;
        let hello = connect(5, "a", Some(&who), &[]);
        socket.send(Message::Binary(hello.into())).await.unwrap();
        let Some(Ok(Message::Binary(hello))) = within("CONNACK", socket.next()).await else {
            panic!("wanted CONNACK")
        };
        assert_eq!((hello[0], hello[3]), (0x20, 0));
        socket.send(last.clone()).await.unwrap();
        loop {
            match within("the end", socket.next()).await {
                Some(Ok(Message::Close(_))) => break,
                Some(Ok(_)) => {}
                other => panic!("{last:?}: wanted Close, found {other:?}"),
            }
        }
    }
}
