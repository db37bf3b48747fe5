//! What a connection does that is used for something else than requests.

use std::path::Path;

use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Extension, FromRequestParts as _};
use axum::routing::any;
use tokio::io::duplex;

use super::*;
use crate::config::Config;

/// Types of frames (RFC 9113, 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
/// Nothing follows of the headers.
const END_HEADERS: u8 = 4;
/// How long a connection may be idle here; what is said over the WebSocket comes far later.
const SOON: Duration = Duration::from_millis(1);
const LATER: Duration = Duration::from_millis(100);

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// Headers, each written out (RFC 7541, 6.2.2).
fn headers(all: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    all.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// A client's first words: CONNECT to a WebSocket (RFC 8441, 5).
fn connecting() -> Vec<u8> {
    let asked = headers(&[
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/"),
        (":authority", "node"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "late"),
    ]);
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    [preface, frame(SETTINGS, 0, 0, &[]), frame(HEADERS, END_HEADERS, 1, &asked)].concat()
}

fn visitor() -> Visitor {
    let (here, file) = (Path::new("."), Path::new("sekisho.toml"));
    let crowd = Crowd::new(&Config::parse("organisation = \"a\"\n", here, file).unwrap());
    let address: SocketAddr = "192.0.2.1:1".parse().unwrap();
    let (seat, place) = (crowd.seat().unwrap(), crowd.stranger(address.ip()).unwrap());
    Visitor::new(address, (None, None), seat, place)
}

/// Answers with a WebSocket over which something is said late.
async fn late(
    Extension(activity): Extension<Arc<Activity>>,
    request: Request<Body>,
) -> axum::response::Response {
    let (mut parts, _body) = request.into_parts();
    let version = parts.version;
    let wanted = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
    let upgrade = match websocket::offered(wanted, version, "late") {
        Ok(upgrade) => upgrade,
        Err(refused) => return *refused,
    };
    websocket::begun(upgrade, (&TaskTracker::new(), &activity), |mut socket| async move {
        sleep(LATER).await;
        socket.send(Message::Binary("here".into())).await.unwrap();
    })
}

#[tokio::test]
async fn a_connection_of_http_2_is_not_idle_while_a_websocket_goes_on_over_it() {
    let (mut client, server) = duplex(BUFFER_BYTES_MAX);
    let routes = Router::new().route("/", any(late));
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let serving = tokio::spawn(async move {
        converse(server, visitor(), (&tasks, &stop, SOON), routes).await;
    });
    client.write_all(&connecting()).await.unwrap();
    let mut kinds = Vec::new();
    while !kinds.contains(&DATA) {
        let mut head = [0; 9];
        client.read_exact(&mut head).await.unwrap();
        let [_, high, low, kind, ..] = head;
        let mut payload = vec![0; usize::from(u16::from_be_bytes([high, low]))];
        client.read_exact(&mut payload).await.unwrap();
        assert_ne!(kind, GOAWAY, "wanted it kept, found it ended after frames {kinds:?}");
        kinds.push(kind);
    }
    assert!(kinds.contains(&HEADERS), "wanted an answer first, found frames {kinds:?}");
    drop(client);
    serving.await.unwrap();
}
