//! Web pages and what browsers do for them; and what is offered to nobody.

use data_encoding::BASE64;
use http::{Method, Request};
use sekisho_e2e::{City, Member, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::logins::city;
use crate::talk::{SUBPROTOCOL, call, http2, websocket};
use crate::talker::Talker;
use crate::tls::{Shown, dial};

#[tokio::test]
async fn only_the_nodes_own_pages_and_those_that_are_named_may_open_a_session() {
    let mut city = City::plan("fujisawa").await;
    let node = city.open("web");
    city.configure("web", "origins = [\"https://dash.example\"]");
    city.start().await;
    let own: &'static str = format!("https://{node}").leak();
    for origin in [own, "https://dash.example"] {
        let (upgraded, _) = websocket(node, &[SUBPROTOCOL, ("origin", origin)]).await;
        assert!(upgraded.is_ok(), "{origin}");
    }
    let foreign =
        ["https://evil.example", "http://dash.example", "https://dash.example:444", "null"];
    for origin in foreign {
        let (upgraded, _) = websocket(node, &[SUBPROTOCOL, ("origin", origin)]).await;
        let Err((status, _)) = upgraded else { panic!("{origin}: wanted it refused") };
        assert_eq!(status, 403, "{origin}");
    }
    let counted = city.metric("sekisho_handshake_failures_total{reason=\"origin\"}").await;
    assert!(counted >= 4.0, "found {counted}");
}

#[tokio::test]
async fn a_foreign_page_is_refused_whatever_it_asks() {
    let city = city().await;
    let node = city.door("web");
    for path in ["/v1/session", "/sekisho.v1.Sekisho/Query", "/grpc.health.v1.Health/Check", "/"] {
        let (mut client, _) = http2(node, Shown::Nothing).await;
        let request = Request::post(format!("https://{node}{path}"))
            .header("origin", "https://evil.example")
            .header("content-type", "application/grpc");
        let (response, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
        let response = within("a response", response).await.unwrap();
        assert_eq!(response.status(), 403, "{path}");
        assert_eq!(response.headers().get("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn the_pages_come_over_tls_with_their_rules() {
    let city = city().await;
    let node = city.door("web");
    for path in ["/", "/console"] {
        let (mut client, _) = http2(node, Shown::Nothing).await;
        let request = Request::get(format!("https://{node}{path}"));
        let (response, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
        let response = within("a response", response).await.unwrap();
        let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
    }
}

#[tokio::test]
async fn a_websocket_without_our_subprotocol_is_refused() {
    let city = city().await;
    for headers in [[].as_slice(), &[("sec-websocket-protocol", "chat")]] {
        let (upgraded, _) = websocket(city.door("web"), headers).await;
        let Err((status, found)) = upgraded else { panic!("wanted it refused") };
        assert_eq!(status, 400);
        assert_eq!(found.get("content-type").unwrap(), "application/problem+json");
    }
}

#[tokio::test]
async fn compression_is_offered_to_nobody() {
    let city = city().await;
    let node = city.door("web");
    let deflate = ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits");
    let (upgraded, _) = websocket(node, &[SUBPROTOCOL, deflate]).await;
    let (_socket, headers) = upgraded.expect("an upgrade");
    assert_eq!(headers.get("sec-websocket-extensions"), None);
    let member = Member::device(&city, "truck-1", "fujisawa/#").await;
    for encoding in ["gzip", "deflate", "zstd"] {
        let compressed = [("grpc-encoding", encoding.to_owned())];
        let path = "/sekisho.v1.Sekisho/Query";
        let shown = Shown::Box(member.identity().signing().clone());
        let (status, _) = call(node, shown, path, &compressed, b"").await;
        assert_eq!(status, 12, "{encoding}");
    }
    let (mut client, _) = http2(node, Shown::Nothing).await;
    let request = Request::get(format!("https://{node}/v1/session"))
        .header("accept-encoding", "gzip, deflate, br, zstd");
    let (response, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
    let response = within("a response", response).await.unwrap();
    assert_eq!(response.headers().get("content-encoding"), None);
}

#[tokio::test]
async fn nothing_is_read_of_what_a_stranger_calls() {
    let city = city().await;
    let node = city.door("web");
    for method in ["State", "Query"] {
        let (mut client, _) = http2(node, Shown::Nothing).await;
        let request = Request::post(format!("https://{node}/sekisho.v1.Sekisho/{method}"))
            .header("content-type", "application/grpc");
        let (response, _unsaid) = client.send_request(request.body(()).unwrap(), false).unwrap();
        let response = within("an answer before the message", response).await.unwrap();
        assert_eq!(response.headers().get("grpc-status").unwrap(), "16", "{method}");
    }
}

#[tokio::test]
async fn whoever_knows_grpc_only_can_ask_what_there_is() {
    let city = city().await;
    let node = city.door("web");
    let (status, answer) =
        call(node, Shown::Nothing, "/grpc.health.v1.Health/Check", &[], b"").await;
    // `status = SERVING`.
    assert_eq!((status, answer.unwrap().as_ref()), (0, [8, 1].as_slice()));
    // `list_services`, field 7 of a reflection request.
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let (status, answer) = call(node, Shown::Nothing, &path, &[], b"\x3a\x00").await;
        let answer = String::from_utf8_lossy(&answer.unwrap_or_default()).into_owned();
        assert!(status == 0 && answer.contains("sekisho.v1.Sekisho"), "{version}: {answer}");
        assert!(answer.contains("grpc.reflection.v1alpha.ServerReflection"), "{version}: {answer}");
    }
}

#[tokio::test]
async fn what_is_neither_a_call_nor_a_websocket_is_told_so_in_http() {
    let city = city().await;
    let nobody = Talker::nobody(&city);
    for path in ["/sekisho.v1.Sekisho/Query", "/grpc.health.v1.Health/Check"] {
        nobody.post(path, "application/json", b"{}").await.refused(415);
        nobody.post(path, "application/grpc-web", b"{}").await.refused(415);
        nobody.get(path).await.refused(405);
    }
    for path in ["/v1/session", "/mqtt"] {
        nobody.get(path).await.refused(405);
        let response = nobody.begin(Method::GET, path, &[], b"").await;
        assert_eq!(response.headers()["allow"], "CONNECT");
        let mut dialled = dial(city.door("web"), b"http/1.1", Shown::Nothing).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        within("a request", dialled.stream.write_all(request.as_bytes())).await.unwrap();
        let mut heard = Vec::new();
        within("an answer", dialled.stream.read_to_end(&mut heard)).await.unwrap();
        let answer = String::from_utf8(heard).unwrap();
        assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
        let answer = answer.to_ascii_lowercase();
        for wanted in ["upgrade: websocket\r\n", "content-type: application/problem+json\r\n"] {
            assert!(answer.contains(wanted), "{path}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_named_page_may_send_every_header_that_is_asked_for() {
    let mut city = City::plan("fujisawa").await;
    city.open("web");
    city.configure("web", "origins = [\"https://dash.example\"]");
    city.start().await;
    let asking = [("origin", "https://dash.example"), ("access-control-request-method", "POST")];
    let target = "/v1/publish/fujisawa/a";
    let response = Talker::nobody(&city).begin(Method::OPTIONS, target, &asking, b"").await;
    assert_eq!(response.status(), 204);
    let allowed = response.headers()["access-control-allow-headers"].to_str().unwrap();
    for header in ["idempotency-key", "sekisho-key-header", "last-event-id"] {
        assert!(allowed.split(", ").any(|one| one == header), "{header}: {allowed}");
    }
}

#[tokio::test]
async fn whoever_guesses_passwords_is_not_listened_to_for_a_while() {
    let city = city().await;
    let node = city.door("web");
    let token = BASE64.encode(b"truck-1:aaaaa-aaaaa-aaaaa-aaaaa-aaaaa-aaaaa-aaaaa-aaaaa");
    let authorization = [("authorization", format!("Basic {token}"))];
    let mut found = Vec::new();
    for _guess in 0..20 {
        let path = "/sekisho.v1.Sekisho/Query";
        found.push(call(node, Shown::Nothing, path, &authorization, b"").await.0);
    }
    assert_eq!(found.first(), Some(&16));
    assert!(found.contains(&8), "wanted some refused for their number, found {found:?}");
    let failed = city.metric("sekisho_handshake_failures_total{reason=\"rate-limited\"}").await;
    assert!(failed >= 1.0, "found {failed}");
}

#[tokio::test]
async fn headers_above_the_limit_end_the_request() {
    let city = city().await;
    let mut dialled = dial(city.door("web"), b"http/1.1", Shown::Nothing).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    // A node that has hung up does not take the rest.
    drop(dialled.stream.write_all(request.as_bytes()).await);
    let mut heard = Vec::new();
    drop(within("an answer", dialled.stream.read_to_end(&mut heard)).await);
    let heard = String::from_utf8_lossy(&heard);
    assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 431"), "{heard}");
    assert_eq!(city.page("/readyz").await.status, 200);
}
