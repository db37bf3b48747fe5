//! What a connection does that is used for something else than requests, or whose visitor does not
//! take what it asked for.

use std::path::Path;

use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Extension, FromRequestParts as _};
use axum::routing::any;
use futures_util::StreamExt as _;
use futures_util::stream::{iter, pending};
use tokio::io::{DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;
use crate::config::Config;

/// Types of frames (RFC 9113, 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
/// Nothing follows of the stream, and of the headers.
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, 6.5.2).
const INITIAL_WINDOW_SIZE: u16 = 4;
/// How long a connection may be idle here; what is said over the WebSocket comes far later.
const SOON: Duration = Duration::from_millis(100);
const LATER: Duration = Duration::from_millis(500);

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// Headers, each written out (RFC 7541, 6.2.2).
fn headers(all: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    all.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// A client's first words: with the settings it asks something on stream 1.
fn first_words(settings: &[u8], flags: u8, asked: &[(&str, &str)]) -> Vec<u8> {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let asked = frame(HEADERS, END_HEADERS | flags, 1, &headers(asked));
    [preface, frame(SETTINGS, 0, 0, settings), asked].concat()
}

/// A conversation with somebody who has said these words.
async fn conversing(
    words: &[u8],
    idle_max: Duration,
    routes: Router,
) -> (DuplexStream, JoinHandle<()>) {
    let (mut client, server) = duplex(BUFFER_BYTES_MAX);
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let serving = tokio::spawn(async move {
        converse(server, visitor(), (&tasks, &stop, idle_max), routes).await;
    });
    client.write_all(words).await.unwrap();
    (client, serving)
}

/// The type of the next frame.
async fn next_frame(client: &mut DuplexStream) -> u8 {
    let mut head = [0; 9];
    client.read_exact(&mut head).await.unwrap();
    let [_, high, low, kind, ..] = head;
    let mut payload = vec![0; usize::from(u16::from_be_bytes([high, low]))];
    client.read_exact(&mut payload).await.unwrap();
    kind
}

fn crowd() -> Crowd {
    let (here, file) = (Path::new("."), Path::new("sekisho.toml"));
    Crowd::new(&Config::parse("organisation = \"a\"\n", here, file).unwrap())
}

fn visitor() -> Visitor {
    let crowd = crowd();
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
    // CONNECT to a WebSocket (RFC 8441, 5).
    let asked = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/"),
        (":authority", "node"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "late"),
    ];
    let routes = Router::new().route("/", any(late));
    let (mut client, serving) = conversing(&first_words(&[], 0, &asked), SOON, routes).await;
    let mut kinds = Vec::new();
    while !kinds.contains(&DATA) {
        let kind = next_frame(&mut client).await;
        assert_ne!(kind, GOAWAY, "wanted it kept, found it ended after frames {kinds:?}");
        kinds.push(kind);
    }
    assert!(kinds.contains(&HEADERS), "wanted an answer first, found frames {kinds:?}");
    drop(client);
    serving.await.unwrap();
}

/// Tells a stranger something, and keeps it waiting for more.
async fn unended(Extension(visitor): Extension<Arc<Visitor>>) -> axum::response::Response {
    let place = visitor.stranger(&crowd()).unwrap();
    let told = iter([Ok::<_, Infallible>("here")]).chain(pending());
    let mut response = axum::response::Response::new(Body::from_stream(told));
    response.extensions_mut().insert(Arc::new(place));
    response
}

const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "node")];

#[tokio::test]
async fn a_connection_ends_over_which_an_answer_is_asked_for_and_not_taken() {
    let no_window = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &[0; 4]].concat();
    let words = first_words(&no_window, END_STREAM, &GET);
    for answer in [any(|| async { "here" }), any(unended)] {
        let routes = Router::new().route("/", answer);
        let (mut client, serving) = conversing(&words, LATER, routes).await;
        let mut kinds = Vec::new();
        while !kinds.contains(&GOAWAY) {
            kinds.push(next_frame(&mut client).await);
        }
        let answer = (kinds.contains(&HEADERS), kinds.contains(&DATA));
        assert_eq!(answer, (true, false), "wanted the head of an answer, found frames {kinds:?}");
        drop(client);
        serving.await.unwrap();
    }
}

#[tokio::test]
async fn a_stranger_who_takes_what_there_is_may_wait_for_more() {
    let words = first_words(&[], END_STREAM, &GET);
    let routes = Router::new().route("/", any(unended));
    let (mut client, serving) = conversing(&words, SOON, routes).await;
    while next_frame(&mut client).await != DATA {}
    let ended = async { while next_frame(&mut client).await != GOAWAY {} };
    assert!(timeout(LATER, ended).await.is_err(), "wanted it kept, found it ended");
    drop(client);
    serving.await.unwrap();
}
