//! More of everything than a node gives one client: whoever asks for too much is told, and nobody
//! else gets less.

use std::sync::Arc;

use quinn::{ConnectionError, TransportConfig};
use sekisho::{RefusalCode, Start};
use sekisho_e2e::{Member, Stranger, eventually, framed, quic, within};
use sekisho_proto::frame::{Goodbye, Ping, Query, Question, Subscribe};
use sekisho_proto::{Envelope, Frame};

use crate::scene::{Scene, limited};

/// QUIC's code for a connection that a server does not want: RFC 9000 §20.1.
const CONNECTION_REFUSED: u64 = 2;
/// Subscriptions of one session.
const SUBSCRIPTIONS_MAX: u32 = 256;

#[tokio::test]
async fn silent_connections_of_one_address_are_counted_bounded_and_forgotten() {
    const STRANGERS: usize = 8;
    let mut scene = limited(&format!("strangers_per_address = {STRANGERS}")).await;
    let stranger = Stranger::draw(&scene.city);
    let mut silent = Vec::new();
    for _ in 0..STRANGERS {
        silent.push(stranger.dial().await);
    }
    for count in [1.0, 2.0, 3.0] {
        let (_endpoint, dialling) = stranger.begin(quic(stranger.tls()));
        let end = within("a refusal", dialling).await.unwrap_err();
        let ConnectionError::ConnectionClosed(close) = &end else { panic!("found {end:?}") };
        assert_eq!(u64::from(close.error_code), CONNECTION_REFUSED, "{end:?}");
        assert_eq!(scene.turned_away("too-many-from-address").await, count);
    }
    scene.goes_on().await;
    for wire in silent {
        let end = wire.ended().await.to_string();
        assert!(end.contains("found silence"), "{end}");
    }
    let told = format!("{:?}", stranger.dial().await.connection().close_reason());
    assert_eq!(told, "None", "wanted room for a stranger again");
    scene.ends_well().await;
}

#[tokio::test]
async fn whoever_asks_faster_than_allowed_is_told_and_others_are_not() {
    let mut scene = limited("requests_per_second = 200").await;
    let hasty = Member::enrol(&scene.city, "hasty", &[]).await;
    let mut wire = Stranger::as_member(&scene.city, &hasty).welcome().await;
    let before = scene.city.refused("rate-limited").await;
    let questions: u64 = 2_000;
    let topic: sekisho::Topic = "fujisawa/hasty/air".parse().unwrap();
    let mut limited = 0;
    // In turns that fit between the two, so that neither side waits for the other to read.
    for turn in 0..questions / 100 {
        for request in 1..=100 {
            let question = Question::EpochOf(topic.clone());
            wire.send(Query { request: turn * 100 + request, question }).await;
        }
        for _ in 0..100 {
            match wire.hear().await {
                Some(Frame::Answer(_)) => {}
                Some(Frame::Refused(refused)) => {
                    assert_eq!(refused.code, RefusalCode::RateLimited, "{refused:?}");
                    assert!(refused.why.contains("wanted at most 200 a second"), "{refused:?}");
                    limited += 1;
                }
                other => panic!("wanted an answer, found {other:?}"),
            }
        }
    }
    assert!(limited > 0, "wanted some of {questions} questions refused, found none");
    let counted = scene.city.refused("rate-limited").await - before;
    assert_eq!(counted, f64::from(limited));
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_grant_s_rate_holds_and_what_it_held_up_is_taken_later() {
    let mut scene = Scene::open().await;
    let topic = "fujisawa/hasty/air";
    let grant = ["grant", "hasty@fujisawa", "publish", "fujisawa/hasty/#", "--rate", "5"];
    let (_, mut wire, mut press) = scene.device("hasty", "fujisawa/other/#", topic).await;
    scene.city.run(&grant).await.succeeded();
    let mut taken = 0;
    let refused = loop {
        let envelope = press.seal(press.draft(), &taken.to_string());
        match wire.publish(envelope.encoded().clone(), press.attached()).await {
            Ok(_) => press.advance(&envelope),
            Err(refused) => break (refused, envelope),
        }
        taken += 1;
        assert!(taken < 200, "wanted at most 5 a second taken");
    };
    let (refused, envelope) = refused;
    assert_eq!(refused.code, RefusalCode::RateLimited, "{refused:?}");
    assert!(taken >= 5, "wanted a second's worth at once, found {taken}");
    assert_eq!(scene.city.refused("rate-limited").await, 1.0);
    scene.goes_on().await;
    let wire = tokio::sync::Mutex::new(wire);
    eventually("the envelope to be taken", || async {
        let sent = (envelope.encoded().clone(), press.attached());
        match wire.lock().await.publish(sent.0, sent.1).await {
            Ok(_) => Some(()),
            Err(refused) if refused.code == RefusalCode::RateLimited => None,
            Err(refused) => panic!("wanted it taken or limited, found {refused:?}"),
        }
    })
    .await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_session_with_more_subscriptions_than_allowed_keeps_those_it_has() {
    let mut scene = Scene::open().await;
    let app = Member::reader(&scene.city, "greedy", "fujisawa/bystander/#").await;
    let session = Stranger::as_member(&scene.city, &app).welcome().await;
    let ask = |subscription| Subscribe {
        subscription,
        filter: "fujisawa/bystander/#".parse().unwrap(),
        start: Start::Latest,
        cursor: None,
        credit: 9,
    };
    let mut streams = Vec::new();
    for subscription in 1..=SUBSCRIPTIONS_MAX {
        let mut stream = session.another().await;
        stream.send(ask(subscription)).await;
        let heard = stream.hear().await;
        assert!(matches!(heard, Some(Frame::Subscribed(_))), "{subscription}: {heard:?}");
        streams.push(stream);
    }
    let mut stream = session.another().await;
    stream.send(ask(SUBSCRIPTIONS_MAX + 1)).await;
    let refused = stream.refusal().await;
    assert_eq!(refused.code, RefusalCode::TooMany, "{refused:?}");
    let ended = "sekisho_subscriptions_ended_total{code=\"too-many\"}";
    assert_eq!(scene.city.metric(ended).await, 1.0);
    // A number that is in use is a breach of the protocol, and ends its session alone.
    let mut muddled = Stranger::as_member(&scene.city, &app).welcome().await;
    let (mut one, mut other) = (muddled.another().await, muddled.another().await);
    one.send(ask(7)).await;
    assert!(matches!(one.hear().await, Some(Frame::Subscribed(_))), "wanted it subscribed");
    other.send(ask(7)).await;
    match muddled.hear().await {
        Some(Frame::Goodbye(Goodbye { code: Some(RefusalCode::AlreadyExists), why })) => {
            assert!(why.contains("wanted a number that is free"), "{why}");
        }
        heard => panic!("wanted the session ended, found {heard:?}"),
    }
    scene.goes_on().await;
    for mut stream in streams {
        let heard = stream.hear().await;
        assert!(matches!(heard, Some(Frame::Record(_))), "wanted the bystander's, found {heard:?}");
    }
    drop(session);
    scene.ends_well().await;
}

#[tokio::test]
async fn a_reader_that_does_not_read_holds_nobody_up_and_misses_nothing() {
    // More than a node keeps for one subscriber and QUIC for one stream.
    const RECORDS: usize = 200;
    let mut scene = Scene::open().await;
    let topic = "fujisawa/heavy/air";
    let ((_, mut wire, mut press), app) = tokio::join!(
        scene.device("heavy", "fujisawa/heavy/#", topic),
        Member::reader(&scene.city, "sleeper", "fujisawa/heavy/#")
    );
    let session = Stranger::as_member(&scene.city, &app).welcome().await;
    let mut stream = session.another().await;
    let filter = "fujisawa/heavy/#".parse().unwrap();
    let (start, credit) = (Start::Latest, u32::MAX);
    stream.send(Subscribe { subscription: 1, filter, start, cursor: None, credit }).await;
    assert!(matches!(stream.hear().await, Some(Frame::Subscribed(_))), "wanted it subscribed");
    let mut hashes = Vec::new();
    for number in 0..RECORDS {
        let envelope = press.next(&format!("{number:060000}"));
        wire.publish(envelope.encoded().clone(), press.attached()).await.unwrap();
        hashes.push(envelope.hash());
        if number % 50 == 0 {
            scene.goes_on().await;
        }
    }
    // It wakes up, and is fed from the log.
    for hash in hashes {
        match stream.hear().await {
            Some(Frame::Record(record)) => {
                assert_eq!(Envelope::decode(record.envelope).unwrap().hash(), hash);
            }
            other => panic!("wanted the record of {hash}, found {other:?}"),
        }
    }
    scene.goes_on().await;
    drop(session);
    scene.ends_well().await;
}

#[tokio::test]
async fn whoever_does_not_read_its_answers_is_cut_all_the_same_and_keeps_no_node_from_stopping() {
    // More answers than a node keeps for one client, and fewer than it takes requests for ahead.
    const PINGS: u64 = 12_000;
    let mut scene = Scene::open().await;
    let pings: Vec<u8> =
        (1..=PINGS).flat_map(|token| framed(&Frame::Ping(Ping { token }).encode())).collect();
    let mut deaf = Vec::new();
    for name in ["deaf-1", "deaf-2"] {
        let member = Member::enrol(&scene.city, name, &[]).await;
        let stranger = Stranger::as_member(&scene.city, &member);
        let mut transport = TransportConfig::default();
        transport.stream_receive_window(1_024_u32.into());
        let mut config = quic(stranger.tls());
        config.transport_config(Arc::new(transport));
        let mut wire = stranger.dial_as(config).await.unwrap();
        wire.send(stranger.hello()).await;
        assert!(matches!(wire.hear().await, Some(Frame::Welcome(_))), "wanted a welcome");
        wire.say(&pings).await;
        deaf.push(wire);
    }
    scene.goes_on().await;
    scene.city.run(&["revoke", "deaf-1@fujisawa"]).await.succeeded();
    let end = deaf[0].ended().await;
    assert!(matches!(end, ConnectionError::ApplicationClosed(_)), "found {end:?}");
    scene.goes_on().await;
    scene.restarts().await;
    let end = deaf[1].ended().await;
    assert!(matches!(end, ConnectionError::ApplicationClosed(_)), "found {end:?}");
    scene.ends_well().await;
}
