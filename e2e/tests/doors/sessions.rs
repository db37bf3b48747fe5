//! A session over WebSocket and gRPC is the session: publish, subscribe, ask, follow, and an end that
//! is explained.

use sekisho_e2e::{City, Member, Press, holds_key};
use sekisho_proto::frame::{
    Acknowledge, Answer, AnswerBody, Credit, Ended, Follow, Ping, Pong, Query, Question, Start,
    Subscribe, Unsubscribe,
};
use sekisho_proto::{Frame, PrincipalId, RefusalCode, StatementIndex};

use crate::logins::city;
use crate::talk::{Closed, Talk, Via};

const TOPIC: &str = "fujisawa/truck/1/air";
const FILTER: &str = "fujisawa/truck/#";

async fn people(city: &City) -> (Member, Member) {
    let (truck, app) = tokio::join!(
        Member::device(city, "truck-1", FILTER),
        Member::reader(city, "dashboard", FILTER)
    );
    holds_key(&app, TOPIC).await;
    (truck, app)
}

fn subscribe(subscription: u32, filter: &str, credit: u32) -> Subscribe {
    let (filter, start) = (filter.parse().unwrap(), Start::Earliest);
    Subscribe { subscription, filter, start, cursor: None, credit }
}

/// Hands in so many envelopes and hears that each is durable.
async fn publishes(talk: &mut Talk, press: &mut Press, count: u64) {
    for request in 1..=count {
        let envelope = press.next(&format!("reading {request}"));
        talk.publish(request, envelope.encoded().clone(), press.attached()).await;
        match talk.hear().await {
            Some(Frame::Published(published)) => assert_eq!(published.request, request),
            other => panic!("wanted it published, found {other:?}"),
        }
    }
}

/// The next frame that is no word about where a subscription stands.
async fn told(talk: &mut Talk) -> Frame {
    loop {
        match talk.hear().await {
            Some(Frame::Subscribed(_)) => {}
            Some(other) => return other,
            None => panic!("wanted a frame, found the end"),
        }
    }
}

#[tokio::test]
async fn what_is_published_through_one_door_is_read_through_the_other() {
    let city = city().await;
    let (truck, app) = people(&city).await;
    let mut press = Press::begin(&truck, TOPIC).await;
    for (via, back) in [(Via::WebSocket, Via::Grpc), (Via::Grpc, Via::WebSocket)] {
        let mut from = Talk::welcome(&city, via, &truck).await;
        publishes(&mut from, &mut press, 3).await;
        let mut to = Talk::welcome(&city, back, &app).await;
        to.send(subscribe(7, TOPIC, 100)).await;
        for offset in 0..3 {
            let Frame::Record(record) = told(&mut to).await else { panic!("wanted a record") };
            assert_eq!((record.subscription, record.offset.value()), (7, offset));
            assert_eq!(record.key_header.is_some(), offset == 0, "wanted each key header once");
        }
    }
}

#[tokio::test]
async fn subscriptions_share_a_channel_and_end_one_by_one() {
    let city = city().await;
    let (truck, app) = people(&city).await;
    let mut press = Press::begin(&truck, TOPIC).await;
    let mut from = Talk::welcome(&city, Via::WebSocket, &truck).await;
    publishes(&mut from, &mut press, 4).await;
    for via in Via::ALL {
        let mut to = Talk::welcome(&city, via, &app).await;
        // One that has no credit holds up nothing.
        to.send(subscribe(1, TOPIC, 1)).await;
        to.send(subscribe(2, TOPIC, 100)).await;
        let mut found = [0, 0];
        while found != [1, 4] {
            let Frame::Record(record) = told(&mut to).await else { panic!("wanted a record") };
            found[usize::try_from(record.subscription).unwrap() - 1] += 1;
            assert!(found[0] <= 1, "{via:?}: wanted no more than the credit");
        }
        to.send(Credit { subscription: 1, records: 1 }).await;
        let Frame::Record(second) = told(&mut to).await else { panic!("wanted a record") };
        assert_eq!((second.subscription, second.offset.value()), (1, 1));
        to.send(Acknowledge { subscription: 1, position: second.position }).await;
        to.send(Unsubscribe { subscription: 1 }).await;
        let wished = |number| Ended {
            subscription: number,
            code: None,
            what: String::new(),
            why: String::new(),
        };
        assert_eq!(told(&mut to).await, wished(1).into());
        // What crossed the end is nobody's offence, and the number is free.
        to.send(Credit { subscription: 1, records: 1 }).await;
        to.send(subscribe(1, TOPIC, 1)).await;
        assert!(matches!(told(&mut to).await, Frame::Record(_)));
        to.send(subscribe(1, TOPIC, 1)).await;
        // The other subscription ends with the session, and may say so first.
        let refused = loop {
            match to.hear().await {
                Some(Frame::Refused(refused)) => break refused,
                Some(Frame::Ended(ended)) => assert_eq!(ended.subscription, 2),
                other => panic!("wanted a refusal, found {other:?}"),
            }
        };
        assert_eq!(refused.code, RefusalCode::UnexpectedFrame);
    }
}

#[tokio::test]
async fn a_subscription_without_a_right_ends_and_the_session_does_not() {
    let city = city().await;
    let (_truck, app) = people(&city).await;
    for via in Via::ALL {
        let mut talk = Talk::welcome(&city, via, &app).await;
        talk.send(subscribe(5, "fujisawa/camera/#", 10)).await;
        let Frame::Ended(ended) = told(&mut talk).await else { panic!("{via:?}: wanted its end") };
        assert_eq!((ended.subscription, ended.code), (5, Some(RefusalCode::NotPermitted)));
        let organisation = "fujisawa".parse().unwrap();
        talk.send(Follow { subscription: 6, organisation, from: StatementIndex::new(0) }).await;
        let Frame::Ended(ended) = told(&mut talk).await else { panic!("{via:?}: wanted its end") };
        assert_eq!(ended.code, Some(RefusalCode::NotPermitted));
        talk.send(Ping { token: 3 }).await;
        assert_eq!(told(&mut talk).await, Pong { token: 3 }.into());
    }
}

#[tokio::test]
async fn a_control_log_is_followed_beside_questions() {
    let city = city().await;
    let administrator = city.administrator();
    for via in Via::ALL {
        let mut talk = Talk::welcome(&city, via, &administrator).await;
        let organisation = "fujisawa".parse().unwrap();
        talk.send(Follow { subscription: 1, organisation, from: StatementIndex::new(0) }).await;
        let Frame::Statements(first) = told(&mut talk).await else { panic!("wanted statements") };
        assert!(first.subscription == 1 && !first.statements.is_empty());
        let asked = PrincipalId::of(&administrator.identity().signing().public_key());
        talk.send(Query { request: 9, question: Question::Principal(asked) }).await;
        let answer = loop {
            if let Frame::Answer(answer) = told(&mut talk).await {
                break answer;
            }
        };
        assert!(matches!(answer, Answer { request: 9, answer: AnswerBody::Statements(_) }));
        talk.send(Unsubscribe { subscription: 1 }).await;
        let end = loop {
            if let Frame::Ended(ended) = told(&mut talk).await {
                break ended;
            }
        };
        assert_eq!((end.subscription, end.code), (1, None));
    }
}

#[tokio::test]
async fn whoever_is_revoked_is_told_so_by_the_way_the_channel_ends() {
    for via in Via::ALL {
        let city = city().await;
        let (truck, _app) = people(&city).await;
        let talk = Talk::welcome(&city, via, &truck).await;
        city.run(&["revoke", "truck-1@fujisawa"]).await.succeeded();
        match (via, talk.closed().await) {
            (Via::WebSocket, Closed::WebSocket(code, _)) => assert_eq!(code, 4_011),
            (Via::Grpc, Closed::Grpc(status, _)) => assert_eq!(status, 16),
            (via, other) => panic!("{via:?}: wanted revoked as its reason, found {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_node_that_stops_says_goodbye_at_every_door() {
    let mut city = city().await;
    let (truck, app) = people(&city).await;
    let mut websocket = Talk::welcome(&city, Via::WebSocket, &truck).await;
    let mut grpc = Talk::welcome(&city, Via::Grpc, &app).await;
    grpc.send(subscribe(1, TOPIC, 10)).await;
    assert_eq!(city.stop_node().await, Some(0));
    for talk in [&mut websocket, &mut grpc] {
        let Frame::Goodbye(goodbye) = told(talk).await else { panic!("wanted a goodbye") };
        assert_eq!(goodbye.code, Some(RefusalCode::Draining));
    }
    assert!(matches!(websocket.closed().await, Closed::WebSocket(1001, _)));
    assert!(matches!(grpc.closed().await, Closed::Grpc(14, _)));
}
