//! Frames that are none, that come too early, or that are nobody's to send.

use sekisho_e2e::{Member, Message, Stranger, Wire, framed};
use sekisho_proto::frame::{
    Acknowledge, Credit, Enrolling, EnrolmentState, Follow, Goodbye, Hello, Ping, Pong, Publish,
    Published, Query, Question, Refused, Start, State, Subscribe, Subscribed, Unsubscribe,
};
use sekisho_proto::limits::{FRAME_BYTES_MAX, FRAME_BYTES_UNGREETED_MAX};
use sekisho_proto::{Frame, Offset, Position, RefusalCode, StatementIndex};

use crate::scene::Scene;

/// Numbers of frames and of their fields in the protocol's schema.
const HELLO: u64 = 1;
const PING: u64 = 21;

fn hello(version: u64, organisation: impl AsRef<[u8]>) -> Message {
    Message::new().number(1, version).bytes(2, "e2e").bytes(3, organisation)
}

fn frame(kind: u64, content: &Message) -> Vec<u8> {
    Message::new().bytes(kind, content).encoded()
}

/// Bytes that no node takes, with what it calls them. `well_formed` is a frame that would be taken.
fn broken(well_formed: &[u8], frame_bytes_max: usize) -> Vec<(&'static str, Vec<u8>, RefusalCode)> {
    let oversized = u32::try_from(frame_bytes_max + 1).unwrap().to_be_bytes();
    let cut = &well_formed[..well_formed.len() - 1];
    let with = |more: &[u8]| framed(&[well_formed, more].concat());
    let deep = [0xfb, 0x3e].repeat(1_000);
    vec![
        ("a length of 4 GiB and nothing behind it", vec![0xff; 4], RefusalCode::Oversized),
        ("a length one above the limit", oversized.to_vec(), RefusalCode::Oversized),
        ("half a length", vec![0, 0], RefusalCode::Malformed),
        ("half a frame", framed(well_formed)[..well_formed.len()].to_vec(), RefusalCode::Malformed),
        ("a frame cut inside a field", framed(cut), RefusalCode::Malformed),
        ("a frame of nothing", framed(&[]), RefusalCode::Malformed),
        ("text", framed(b"GET / HTTP/1.1\r\n\r\n"), RefusalCode::Malformed),
        ("groups in groups in groups", framed(&deep), RefusalCode::Malformed),
        ("an unknown frame", framed(&frame(99, &Message::new())), RefusalCode::NonCanonical),
        (
            "an unknown field behind it",
            with(&frame(99, &Message::new())),
            RefusalCode::NonCanonical,
        ),
        ("the same frame twice in one", with(well_formed), RefusalCode::NonCanonical),
    ]
}

/// Frames that only nodes send, or that have no place on a control stream.
fn misplaced() -> Vec<Frame> {
    let start = Start::Latest;
    let filter = "fujisawa/bystander/#".parse().unwrap();
    let (position, from) = (Position::new(0), StatementIndex::new(0));
    vec![
        Published { request: 1, offset: Offset::new(0) }.into(),
        Refused {
            request: 1,
            code: RefusalCode::Internal,
            what: String::new(),
            why: String::new(),
            expected_sequence: None,
        }
        .into(),
        Subscribe { subscription: 1, filter, start, cursor: None, credit: 1 }.into(),
        Subscribed { subscription: 1, position, head: position }.into(),
        Credit { subscription: 1, records: 1 }.into(),
        Acknowledge { subscription: 1, position }.into(),
        Unsubscribe { subscription: 1 }.into(),
        Follow { subscription: 1, organisation: "fujisawa".parse().unwrap(), from }.into(),
        Enrolling { state: EnrolmentState::Admitted, why: String::new(), statements: Vec::new() }
            .into(),
    ]
}

/// Frames of a session, none of which may begin one.
fn early() -> Vec<Frame> {
    vec![
        Publish { request: 1, envelope: vec![1].into(), key_header: None }.into(),
        Query { request: 1, question: Question::Status }.into(),
        State { request: 1, statements: vec![vec![1].into()] }.into(),
        Ping { token: 1 }.into(),
        Pong { token: 1 }.into(),
        Goodbye { code: None, why: String::new() }.into(),
    ]
}

#[tokio::test]
async fn whoever_does_not_begin_with_a_proper_greeting_is_told_why_and_turned_away() {
    let mut scene = Scene::open().await;
    let stranger = Stranger::draw(&scene.city);
    let mut silent = stranger.dial().await;
    silent.say(&[0]).await;
    let good = frame(HELLO, &hello(1, "fujisawa"));
    for (what, bytes, code) in broken(&good, FRAME_BYTES_UNGREETED_MAX) {
        let before = scene.turned_away(code.name()).await;
        let mut wire = stranger.dial().await;
        wire.say(&bytes).await;
        wire.end();
        let refused = wire.last_words().await;
        assert_eq!(refused.code, code, "{what}: {refused:?}");
        assert_eq!(scene.turned_away(code.name()).await, before + 1.0, "{what}");
    }
    let greetings = [
        ("another version", hello(2, "fujisawa"), RefusalCode::UnknownVersion, "wanted 1, found 2"),
        ("another city", hello(1, "santander"), RefusalCode::NotFound, "found santander"),
        ("no city", hello(1, "no city"), RefusalCode::Malformed, "wanted"),
        ("no text", hello(1, [0xc0, 0xaf]), RefusalCode::Malformed, "Hello.organisation"),
        (
            "fields in another order",
            Message::new().bytes(3, "fujisawa").number(1, 1),
            RefusalCode::NonCanonical,
            "canonical",
        ),
        (
            "an empty field spelt out",
            Message::new().number(1, 1).bytes(2, "").bytes(3, "fujisawa"),
            RefusalCode::NonCanonical,
            "canonical",
        ),
    ];
    for (what, greeting, code, words) in greetings {
        let mut wire = stranger.dial().await;
        wire.say_framed(&frame(HELLO, &greeting)).await;
        let refused = wire.last_words().await;
        assert_eq!(refused.code, code, "{what}: {refused:?}");
        let told = format!("{}: {}", refused.what, refused.why);
        assert!(told.contains(words), "{what}: {told}");
    }
    for early in early().into_iter().chain(misplaced()) {
        let name = early.name();
        let mut wire = stranger.dial().await;
        wire.send(early).await;
        let refused = wire.last_words().await;
        assert_eq!(refused.code, RefusalCode::UnexpectedFrame, "{name}: {refused:?}");
        assert!(refused.why.contains(&format!("found {name}")), "{name}: {refused:?}");
    }
    let sent = u32::try_from(early().len() + misplaced().len()).unwrap();
    assert_eq!(scene.turned_away("unexpected-frame").await, f64::from(sent));
    scene.goes_on().await;
    // Whoever says nothing to the point is not waited for longer than a few seconds.
    let end = silent.ended().await.to_string();
    assert!(end.contains("wanted Hello or Enrol, found silence"), "{end}");
    assert!(scene.turned_away("timeout").await >= 1.0);
    scene.ends_well().await;
}

#[tokio::test]
async fn a_session_that_breaks_the_protocol_ends_with_the_reason_and_no_other_session_notices() {
    let mut scene = Scene::open().await;
    let member = Member::device(&scene.city, "breaker", "fujisawa/breaker/#").await;
    let stranger = Stranger::as_member(&scene.city, &member);
    let ping = frame(PING, &Message::new().number(1, 7));
    for (what, bytes, code) in broken(&ping, FRAME_BYTES_MAX) {
        let before = scene.city.refused(code.name()).await;
        let mut wire = stranger.welcome().await;
        wire.say(&bytes).await;
        wire.end();
        let refused = wire.last_words().await;
        assert_eq!(refused.code, code, "{what}: {refused:?}");
        assert_eq!(scene.city.refused(code.name()).await, before + 1.0, "{what}");
    }
    let again = Hello { ..stranger.hello() };
    for misplaced in misplaced().into_iter().chain([again.into()]) {
        let name = misplaced.name();
        let before = scene.city.refused("unexpected-frame").await;
        let mut wire = stranger.welcome().await;
        wire.send(misplaced).await;
        let refused = wire.last_words().await;
        assert_eq!(refused.code, RefusalCode::UnexpectedFrame, "{name}: {refused:?}");
        assert!(refused.why.contains(&format!("found {name}")), "{name}: {refused:?}");
        assert_eq!(scene.city.refused("unexpected-frame").await, before + 1.0, "{name}");
    }
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_broken_subscription_ends_alone_and_its_session_goes_on() {
    let mut scene = Scene::open().await;
    let member = Member::reader(&scene.city, "breaker", "fujisawa/breaker/#").await;
    let mut session = Stranger::as_member(&scene.city, &member).welcome().await;
    let unsubscribe = frame(12, &Message::new().number(1, 7));
    for (what, bytes, code) in broken(&unsubscribe, FRAME_BYTES_MAX) {
        let before = scene.city.refused(code.name()).await;
        let mut stream = session.another().await;
        stream.say(&bytes).await;
        stream.end();
        let refused = stream.refusal().await;
        assert_eq!(refused.code, code, "{what}: {refused:?}");
        assert_eq!(stream.hear().await, None, "{what}: wanted the stream's end");
        assert_eq!(scene.city.refused(code.name()).await, before + 1.0, "{what}");
        is_alive(&mut session).await;
    }
    for early in early() {
        let name = early.name();
        let mut stream = session.another().await;
        stream.send(early).await;
        let refused = stream.refusal().await;
        assert_eq!(refused.code, RefusalCode::UnexpectedFrame, "{name}: {refused:?}");
        is_alive(&mut session).await;
    }
    scene.goes_on().await;
    scene.ends_well().await;
}

async fn is_alive(session: &mut Wire) {
    session.send(Ping { token: 42 }).await;
    assert_eq!(session.hear().await, Some(Pong { token: 42 }.into()));
}
