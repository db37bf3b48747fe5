//! Those who begin and do not go on: half a handshake, half a frame, a byte now and then, from one
//! address, from many, and from addresses that are not theirs.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use quinn::ConnectionError;
use sekisho::tls::INCOMING_MAX;
use sekisho_e2e::bare_quic::BareQuic;
use sekisho_e2e::{Stranger, eventually, quic, within};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::scene::{Scene, limited};

/// QUIC's code for a connection that a server does not want: RFC 9000 §20.1.
const CONNECTION_REFUSED: u64 = 2;
/// What a node may send to an address that is not proven, for each byte that came: RFC 9000 §8.1.
const AMPLIFICATION_MAX: usize = 3;
/// The QUIC library sends a whole datagram where a byte of that is left.
const DATAGRAM_BYTES: usize = 1_200;

/// One of sixteen million addresses of this machine.
fn elsewhere(number: usize) -> Ipv4Addr {
    let [_, high, middle, low] = u32::try_from(number + 2).unwrap().to_be_bytes();
    Ipv4Addr::from([127, 1 + high, middle, low])
}

async fn from(address: Ipv4Addr) -> UdpSocket {
    UdpSocket::bind(SocketAddr::from((address, 0))).await.expect("an address of this machine")
}

/// Somebody who begins a handshake from an address and is never heard of again; what came back is
/// on the socket.
struct Ghost {
    client: BareQuic,
}

impl Ghost {
    async fn appear(stranger: &Stranger, address: Ipv4Addr) -> Self {
        let mut client = BareQuic::prepare(stranger, from(address).await, |_honest| {});
        for datagram in client.first_flight() {
            client.send_datagram(&datagram).await;
        }
        Self { client }
    }
}

#[tokio::test]
async fn first_packets_from_addresses_that_are_not_theirs_bring_little_back_and_keep_nobody_out() {
    /// Enough for a crowd, of which not all are let in.
    const GHOSTS: usize = INCOMING_MAX / 2 + 150;
    let mut scene = Scene::open().await;
    let stranger = Stranger::draw(&scene.city);
    let before = scene.city.metric("sekisho_resident_bytes").await;
    let mut ghosts = Vec::new();
    for number in 0..GHOSTS {
        ghosts.push(Ghost::appear(&stranger, elsewhere(number)).await);
    }
    // In the midst of it, somebody real: asked to prove the address, and then let in.
    let honest = stranger.dial().await;
    assert_eq!(honest.connection().close_reason(), None);
    scene.goes_on().await;
    // Whoever is not heard of again is forgotten; until then, packets may be repeated.
    let timeouts = eventually("the ghosts to be forgotten", || async {
        let timeouts = scene.turned_away("timeout").await;
        (timeouts >= 400.0).then_some(timeouts)
    })
    .await;
    let mut retries = 0;
    for Ghost { client } in &mut ghosts {
        let sent = client.counts().sent;
        client.listen_what_came();
        let counts = client.counts();
        assert!(
            counts.received < AMPLIFICATION_MAX * sent + DATAGRAM_BYTES,
            "{} bytes for {sent}",
            counts.received
        );
        retries += counts.retries;
    }
    assert!(retries > 0, "wanted addresses asked for proof, found none of {GHOSTS} ({timeouts})");
    let grown = scene.city.metric("sekisho_resident_bytes").await - before;
    assert!(grown < 192.0 * 1024.0 * 1024.0, "{grown} bytes taken by {GHOSTS} ghosts");
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn half_a_handshake_is_not_waited_for_longer_than_a_few_seconds() {
    let mut scene = Scene::open().await;
    let stranger = Stranger::draw(&scene.city);
    let before = scene.turned_away("timeout").await;
    let mut halves = Vec::new();
    for _ in 0..8 {
        let mut client = BareQuic::honest(&stranger).await;
        // The second half of the greeting of TLS is in the second datagram.
        let flight = client.first_flight();
        assert!(flight.len() >= 2, "wanted a greeting in two datagrams, found {}", flight.len());
        client.send_datagram(flight.first().unwrap()).await;
        halves.push(client);
    }
    scene.goes_on().await;
    eventually("all halves given up", || async {
        (scene.turned_away("timeout").await >= before + 8.0).then_some(())
    })
    .await;
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_greeting_that_comes_a_byte_at_a_time_is_not_waited_for() {
    let mut scene = Scene::open().await;
    let stranger = Stranger::draw(&scene.city);
    let mut slow = stranger.dial().await;
    let hello = sekisho_e2e::framed(&sekisho_proto::Frame::from(stranger.hello()).encode());
    let mut bytes = interval(Duration::from_secs(1));
    bytes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said = 0;
    for byte in hello {
        tokio::select! {
            _tick = bytes.tick() => slow.say(&[byte]).await,
            end = slow.ended() => {
                assert!(end.to_string().contains("found silence"), "{end}");
                said = 0;
                break;
            }
        }
        said += 1;
    }
    assert_eq!(said, 0, "wanted it given up before it had said everything");
    assert!(scene.turned_away("timeout").await >= 1.0);
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_node_that_is_full_says_so_to_everybody_else_and_serves_those_it_has() {
    /// Four of them are the city's own: the truck, the app, the steward and the administrator who
    /// asks.
    const CONNECTIONS: usize = 12;
    let mut scene = limited(&format!("connections = {CONNECTIONS}")).await;
    let stranger = Stranger::draw(&scene.city);
    let mut silent = Vec::new();
    let end = loop {
        let (endpoint, dialling) = stranger.begin(quic(stranger.tls()));
        match within("a handshake or its refusal", dialling).await {
            Ok(connection) => silent.push((endpoint, connection)),
            Err(end) => break end,
        }
        assert!(silent.len() <= CONNECTIONS, "wanted no more than {CONNECTIONS} let in");
    };
    let ConnectionError::ConnectionClosed(close) = &end else { panic!("found {end:?}") };
    assert_eq!(u64::from(close.error_code), CONNECTION_REFUSED, "{end:?}");
    assert!(scene.turned_away("too-many-connections").await >= 1.0);
    scene.goes_on().await;
    // Those who said nothing are gone soon, and there is room again.
    for (_endpoint, connection) in silent {
        within("the node's patience to end", connection.closed()).await;
    }
    eventually("room for a stranger", || async { stranger.dial_with(stranger.tls()).await.ok() })
        .await;
    scene.ends_well().await;
}

#[tokio::test]
async fn thousands_who_say_nothing_leave_room_for_those_who_do() {
    const ADDRESSES: usize = 40;
    const OF_EACH: usize = 50;
    let mut scene = Scene::open().await;
    let stranger = Stranger::draw(&scene.city);
    let before = scene.city.metric("sekisho_resident_bytes").await;
    let mut silent = JoinSet::new();
    for number in 0..ADDRESSES {
        let stranger = stranger.clone();
        silent.spawn(async move {
            let local = SocketAddr::from((elsewhere(number), 0));
            let endpoint = sekisho::tls::client_endpoint(local).expect("a socket");
            let mut let_in = Vec::new();
            for _ in 0..OF_EACH {
                let config = quic(stranger.tls());
                let dialling =
                    endpoint.connect_with(config, stranger.node(), sekisho::tls::SERVER_NAME);
                if let Ok(connection) = dialling.expect("it can be dialled").await {
                    let_in.push(connection);
                }
            }
            (endpoint, let_in)
        });
    }
    let mut let_in = Vec::new();
    while let Some(some) = within("the silent", silent.join_next()).await {
        let_in.push(some.unwrap());
        scene.goes_on().await;
    }
    let count: usize = let_in.iter().map(|(_endpoint, some)| some.len()).sum();
    assert!(count > 500, "wanted a crowd, found {count}");
    let grown = scene.city.metric("sekisho_resident_bytes").await - before;
    assert!(grown < 512.0 * 1024.0 * 1024.0, "{grown} bytes taken by {count} connections");
    // None of them stays.
    for (_endpoint, some) in let_in {
        for connection in some {
            within("the node's patience to end", connection.closed()).await;
        }
    }
    assert!(scene.turned_away("timeout").await > 500.0);
    scene.goes_on().await;
    scene.ends_well().await;
}
