//! Packets that no QUIC library sends: the connection that brings them ends with QUIC's own word for
//! it, or costs no more than a window, and nobody else notices.

use std::time::Duration;

use sekisho_e2e::bare_quic::{BareQuic, Close, Parameters, id, varint};
use sekisho_e2e::{Stranger, Wire, within};
use sekisho_proto::limits::FRAME_BYTES_MAX;
use tokio::net::UdpSocket;

use crate::scene::Scene;

/// Codes of RFC 9000 §20.1.
const INTERNAL_ERROR: u64 = 0x01;
const FLOW_CONTROL_ERROR: u64 = 0x03;
const STREAM_LIMIT_ERROR: u64 = 0x04;
const STREAM_STATE_ERROR: u64 = 0x05;
const FRAME_ENCODING_ERROR: u64 = 0x07;
const TRANSPORT_PARAMETER_ERROR: u64 = 0x08;
const PROTOCOL_VIOLATION: u64 = 0x0a;

/// Kinds of frames.
const PING: u8 = 0x01;
const ACKNOWLEDGEMENT: u8 = 0x02;
const PATH_CHALLENGE: u8 = 0x1a;
/// A stream frame that says where it is and how long.
const STREAM: u8 = 0x0e;

/// Bytes that a node lets one stream of a client send ahead, and one client in all.
const STREAM_WINDOW: u64 = 256 * 1024;
/// What one connection may take of a node's memory: its windows twice over.
const CONNECTION_BYTES_MAX: f64 = 8.0 * 1024.0 * 1024.0;
/// Room for a busy allocator, whoever is there.
const ALLOCATOR_BYTES_MAX: f64 = 16.0 * 1024.0 * 1024.0;
/// Clients that leave gaps, one after the other: the node knows each of them for some seconds more.
const GAPPY: u32 = 4;
/// Between two questions of a client that is not answered.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// What so many connections may take of a node's memory.
fn taken_by(connections: u32) -> f64 {
    f64::from(connections) * CONNECTION_BYTES_MAX + ALLOCATOR_BYTES_MAX
}

async fn shaken(stranger: &Stranger) -> BareQuic {
    let mut client = BareQuic::honest(stranger).await;
    client.shake().await.expect("a handshake like any other");
    client
}

fn stream(number: u64, offset: u64, bytes: &[u8]) -> Vec<u8> {
    [&[STREAM][..], &varint(number), &varint(offset), &varint(bytes.len() as u64), bytes].concat()
}

/// Frames that end a connection, with the code that it ends with.
fn breaches() -> Vec<(&'static str, Vec<u8>, &'static [u64])> {
    let unknown: &[u64] = &[FRAME_ENCODING_ERROR];
    let acknowledging =
        |number: u64| [vec![ACKNOWLEDGEMENT], varint(number), vec![0, 0], varint(number)].concat();
    vec![
        ("frame 0x22", vec![0x22; 8], unknown),
        ("frame 0x21", vec![0x21; 8], unknown),
        ("frame 0x40", [varint(0x40), vec![0; 8]].concat(), unknown),
        ("a frame of the largest kind", [varint((1 << 62) - 1), vec![0; 8]].concat(), unknown),
        ("a frame cut inside a field", vec![STREAM, 0x40], unknown),
        (
            "a stream longer than its packet",
            [&[STREAM, 0, 0][..], &varint(1 << 20)].concat(),
            unknown,
        ),
        (
            "an acknowledgement of what was never sent",
            acknowledging(1_000_000),
            &[PROTOCOL_VIOLATION],
        ),
        ("an end of the handshake, which only a node says", vec![0x1e], &[PROTOCOL_VIOLATION]),
        (
            "a token, which only a node gives",
            [&[0x07][..], &varint(4), &[9; 4]].concat(),
            &[PROTOCOL_VIOLATION],
        ),
        ("a datagram, which a node takes none of", vec![0x30; 8], &[PROTOCOL_VIOLATION]),
        ("a stream that only a node opens", stream(1, 0, b"x"), &[STREAM_STATE_ERROR]),
        ("a stream in one direction", stream(2, 0, b"x"), &[STREAM_LIMIT_ERROR]),
        ("a stream beyond those allowed", stream(4 * 1_000, 0, b"x"), &[STREAM_LIMIT_ERROR]),
        ("a byte beyond the window", stream(0, STREAM_WINDOW, b"x"), &[FLOW_CONTROL_ERROR]),
        (
            "a byte at the end of all offsets",
            stream(0, (1 << 62) - 2, b"x"),
            &[FLOW_CONTROL_ERROR, FRAME_ENCODING_ERROR],
        ),
    ]
}

#[tokio::test]
async fn frames_that_quic_does_not_know_or_that_break_it_end_their_connection_alone() {
    let mut scene = Scene::open().await;
    let stranger = Stranger::draw(&scene.city);
    for (what, frames, codes) in breaches() {
        let mut client = shaken(&stranger).await;
        client.send(&frames).await;
        let Close { code, by_application, reason } = client.end().await;
        assert!(!by_application && codes.contains(&code), "{what}: {code:#x} {reason:?}");
    }
    // Nor before there is a connection: nothing but a handshake belongs into a first packet.
    for (what, frames) in [
        ("a stream in a first packet", stream(0, 0, b"GET /")),
        ("an unknown frame in a first packet", vec![0x21; 8]),
    ] {
        let mut client = BareQuic::honest(&stranger).await;
        client.send_initial(&frames).await;
        let Close { code, by_application, reason } = client.end().await;
        let told = [PROTOCOL_VIOLATION, FRAME_ENCODING_ERROR].contains(&code);
        assert!(!by_application && told, "{what}: {code:#x} {reason:?}");
    }
    scene.goes_on().await;
    scene.ends_well().await;
}

/// Something that a client says of itself.
type Claim = (&'static str, fn(&mut Parameters));

/// What no client may say of itself.
fn claims() -> Vec<Claim> {
    vec![
        ("datagrams of 1199 bytes", |said| said.number(id::MAX_UDP_PAYLOAD_SIZE, 1_199)),
        ("an exponent of 21", |said| said.number(id::ACK_DELAY_EXPONENT, 21)),
        ("acknowledgements after 2^14 ms", |said| said.number(id::MAX_ACK_DELAY, 1 << 14)),
        ("one connection id", |said| said.number(id::ACTIVE_CONNECTION_ID_LIMIT, 1)),
        ("more streams than there are", |said| {
            said.number(id::INITIAL_MAX_STREAMS_BIDI, (1 << 60) + 1);
        }),
        ("a parameter twice", |said| said.number(id::INITIAL_MAX_DATA, 1)),
        ("a number in too many bytes", |said| {
            said.say(id::MAX_ACK_DELAY, &[0x40, 0x19, 0x00]);
        }),
        ("a number that is none", |said| said.say(id::MAX_ACK_DELAY, &[])),
        ("a token that only a node has", |said| said.say(id::STATELESS_RESET_TOKEN, &[7; 16])),
        ("a token of 15 bytes", |said| said.say(id::STATELESS_RESET_TOKEN, &[7; 15])),
        ("what only a node knows", |said| said.say(id::ORIGINAL_DESTINATION, &[7; 8])),
        ("a retry that only a node makes", |said| said.say(id::RETRY_SOURCE, &[7; 8])),
        ("another address that only a node has", |said| {
            said.say(
                id::PREFERRED_ADDRESS,
                &[[127, 0, 0, 1].as_slice(), &[1; 20], &[8], &[7; 24]].concat(),
            );
        }),
        ("half an address", |said| said.say(id::PREFERRED_ADDRESS, &[127, 0, 0, 1])),
        ("a connection id of 21 bytes", |said| said.say(id::INITIAL_SOURCE, &[7; 21])),
        ("another connection id than its own", |said| {
            *said = Parameters::none();
            said.say(id::INITIAL_SOURCE, &[7; 8]);
        }),
        ("no connection id", |said| *said = Parameters::none()),
        ("a length without bytes", |said| said.raw(&[0x01, 0x3f])),
        ("half a number", |said| said.raw(&[0xc0])),
        ("a length of 2^62", |said| {
            said.raw(&[[0x01].as_slice(), &varint((1 << 62) - 1)].concat());
        }),
    ]
}

#[tokio::test]
async fn whoever_says_of_itself_what_no_client_may_is_turned_away_and_counted() {
    let mut scene = Scene::open().await;
    let stranger = Stranger::draw(&scene.city);
    let mut counted = scene.turned_away("tls").await;
    for (what, change) in claims() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut client = BareQuic::prepare(&stranger, socket, change);
        let Err(Close { code, reason, .. }) = client.shake().await else {
            panic!("{what}: wanted no connection, found one")
        };
        let told = [TRANSPORT_PARAMETER_ERROR, PROTOCOL_VIOLATION].contains(&code);
        assert!(told, "{what}: {code:#x} {reason:?}");
        counted += 1.0;
        scene.have_turned_away("tls", counted, what).await;
    }
    assert_eq!(scene.turned_away("tls").await, counted, "wanted each counted once");
    // What nobody has defined is nobody's business (RFC 9000 §7.4.2).
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut modern = BareQuic::prepare(&stranger, socket, |said| said.say(31 * 1_000 + 27, b"new"));
    modern.shake().await.unwrap();
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn fragments_with_gaps_that_are_never_filled_take_no_more_than_a_window() {
    /// As many as fit a datagram beside its header.
    const FRAGMENTS_PER_PACKET: u64 = 120;
    let mut scene = Scene::open().await;
    let stranger = Stranger::draw(&scene.city);
    let before = resident(&scene).await;
    let mut clients = Vec::new();
    for _ in 0..GAPPY {
        let mut client = shaken(&stranger).await;
        // One byte of two of the whole window, never the first.
        let offsets: Vec<u64> = (1..STREAM_WINDOW).step_by(2).collect();
        let packets = offsets.chunks(usize::try_from(FRAGMENTS_PER_PACKET).unwrap());
        for packet in packets {
            let frames: Vec<u8> =
                packet.iter().flat_map(|offset| stream(0, *offset, b"x")).collect();
            client.send(&frames).await;
            client.hear_what_came().await;
            if client.closed().is_some() {
                break;
            }
        }
        // So many holes are no accident: the node gives the connection up.
        let Close { code, reason, .. } = client.end().await;
        assert_eq!(code, INTERNAL_ERROR, "{reason:?}");
        assert!(reason.contains("too many gaps"), "{reason:?}");
        clients.push(client);
    }
    let grown = resident(&scene).await - before;
    assert!(grown < taken_by(GAPPY), "wanted a few windows of memory taken, found {grown}");
    scene.goes_on().await;
    // A few large holes are ordinary loss, and cost what is there and no more.
    let mut patient = shaken(&stranger).await;
    for offset in (1_000..STREAM_WINDOW - 1_000).step_by(2_000) {
        patient.send(&stream(0, offset, &[0; 900])).await;
        patient.hear_what_came().await;
    }
    assert_eq!(patient.closed(), None, "wanted patience with what may have been lost");
    let grown = resident(&scene).await - before;
    assert!(grown < taken_by(GAPPY + 1), "wanted a few windows of memory taken, found {grown}");
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_length_is_no_reason_to_take_memory() {
    const STREAMS: usize = 200;
    let mut scene = Scene::open().await;
    let (_, mut wire, _) =
        scene.device("boaster", "fujisawa/boaster/#", "fujisawa/boaster/air").await;
    let before = resident(&scene).await;
    let length = u32::try_from(FRAME_BYTES_MAX).unwrap().to_be_bytes();
    let mut streams: Vec<Wire> = Vec::new();
    for _ in 0..STREAMS {
        let mut stream = wire.another().await;
        stream.say(&length).await;
        stream.say(&[0]).await;
        streams.push(stream);
    }
    wire.say(&length).await;
    scene.goes_on().await;
    let grown = resident(&scene).await - before;
    let announced = (STREAMS + 1) * FRAME_BYTES_MAX;
    #[expect(clippy::cast_precision_loss, reason = "a few hundred MiB")]
    let bound = (announced / 4) as f64;
    assert!(grown < bound, "{announced} bytes announced and {STREAMS} sent: {grown} taken");
    drop(streams);
    scene.ends_well().await;
}

#[tokio::test]
async fn challenges_of_a_path_are_answered_once_a_packet_and_cost_nobody_else() {
    const PACKETS: usize = 500;
    let mut scene = Scene::open().await;
    let stranger = Stranger::draw(&scene.city);
    let mut client = shaken(&stranger).await;
    let before = (resident(&scene).await, client.counts());
    let challenges: Vec<u8> = (0..120_u64)
        .flat_map(|token| [&[PATH_CHALLENGE][..], &token.to_be_bytes()].concat())
        .collect();
    for number in 0..PACKETS {
        client.send(&challenges).await;
        client.hear_what_came().await;
        if number % 100 == 0 {
            scene.goes_on().await;
        }
    }
    while client.counts().path_responses == before.1.path_responses {
        client.hear().await;
    }
    let after = client.counts();
    let (sent, received) = (after.sent - before.1.sent, after.received - before.1.received);
    assert!(received <= 3 * sent, "{received} bytes for {sent}");
    let answered = after.path_responses - before.1.path_responses;
    assert!(answered <= PACKETS * 2, "{answered} answers to {PACKETS} packets of 120 challenges");
    assert!(answered > 0, "wanted the path proven");
    let grown = resident(&scene).await - before.0;
    assert!(grown < taken_by(1), "{grown} bytes taken");
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_client_that_moves_with_every_packet_makes_a_node_send_little_and_is_not_lost() {
    const MOVES: usize = 300;
    /// While an address has any of its threefold allowance left, QUIC's library sends it one whole
    /// datagram.
    const DATAGRAM_BYTES: usize = 1_200;
    let mut scene = Scene::open().await;
    let stranger = Stranger::draw(&scene.city);
    let mut client = shaken(&stranger).await;
    let mut left = Vec::new();
    for number in 0..MOVES {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
        left.push(client.move_to(socket));
        let before = client.counts();
        client.send(&[PING]).await;
        let sent = client.counts().sent - before.sent;
        assert!(sent < 50, "wanted a small packet, found {sent} bytes");
        if number % 100 == 0 {
            scene.goes_on().await;
        }
    }
    // The first address is proven by its handshake; no other is sent a second datagram.
    let mut datagram = vec![0; 65_536];
    for (number, socket) in left.iter().enumerate().skip(1) {
        let mut received = 0;
        while let Ok((length, _from)) = socket.try_recv_from(&mut datagram) {
            received += length;
        }
        assert!(received <= DATAGRAM_BYTES, "address {number}: {received} bytes for one packet");
    }
    // Where it stays, it is found again: it asks until it is answered, as what asks may be lost.
    let answered = client.counts().path_responses;
    let found_again = async {
        let mut asks = tokio::time::interval(ASK_EVERY);
        while client.counts().path_responses == answered {
            asks.tick().await;
            client.answer_challenges().await;
            client.send(&[&[PATH_CHALLENGE][..], b"8 bytes!"].concat()).await;
            client.hear_what_came().await;
            assert_eq!(client.closed(), None, "wanted it to be found again");
        }
    };
    within("an answer where it stays", found_again).await;
    scene.goes_on().await;
    scene.ends_well().await;
}

async fn resident(scene: &Scene) -> f64 {
    scene.city.metric("sekisho_resident_bytes").await
}
