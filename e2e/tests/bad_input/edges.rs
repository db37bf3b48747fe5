//! Numbers at their edges: as large, as small and as early as they can be written.

use sekisho::{Epoch, Offset, Position, RefusalCode, Start, StatementIndex, Timestamp};
use sekisho_e2e::{Member, PlainHeader, Stranger, Wire};
use sekisho_proto::frame::{
    Acknowledge, Credit, Follow, Ping, Pong, Query, Question, Subscribe, Unsubscribe,
};
use sekisho_proto::{Action, BootId, Frame};

use crate::scene::Scene;

const TOPIC: &str = "fujisawa/bystander/air";
const LAST: u64 = u64::MAX;

fn subscribe(subscription: u32, start: Start, cursor: Option<&str>) -> Subscribe {
    Subscribe {
        subscription,
        filter: TOPIC.parse().unwrap(),
        start,
        cursor: cursor.map(|name| name.parse().unwrap()),
        credit: u32::MAX,
    }
}

async fn is_alive(session: &mut Wire) {
    session.send(Ping { token: LAST }).await;
    assert_eq!(session.hear().await, Some(Pong { token: LAST }.into()));
}

#[tokio::test]
async fn a_subscription_may_begin_anywhere_and_breaks_nothing() {
    let mut scene = Scene::open().await;
    let app = Member::reader(&scene.city, "edger", "fujisawa/bystander/#").await;
    let mut session = Stranger::as_member(&scene.city, &app).welcome().await;
    let starts = [
        Start::Offset(Offset::new(0)),
        Start::Offset(Offset::new(LAST - 1)),
        Start::Offset(Offset::new(LAST)),
        Start::Position(Position::new(LAST - 1)),
        Start::Position(Position::new(LAST)),
        Start::Time(Timestamp::from_micros(i64::MIN)),
        Start::Time(Timestamp::from_micros(i64::MAX)),
    ];
    for (subscription, start) in (u32::MAX - 100..).zip(starts) {
        let mut stream = session.another().await;
        stream.send(subscribe(subscription, start, None)).await;
        let heard = stream.hear().await;
        assert!(matches!(heard, Some(Frame::Subscribed(_))), "{start:?}: {heard:?}");
        stream.send(Credit { subscription, records: u32::MAX }).await;
        stream.send(Acknowledge { subscription, position: Position::new(LAST) }).await;
        stream.send(Unsubscribe { subscription }).await;
        is_alive(&mut session).await;
    }
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn what_was_never_delivered_cannot_be_acknowledged() {
    let mut scene = Scene::open().await;
    let app = Member::reader(&scene.city, "edger", "fujisawa/bystander/#").await;
    let session = Stranger::as_member(&scene.city, &app).welcome().await;
    for (subscription, position) in [(7, LAST), (8, 1_000)] {
        let mut stream = session.another().await;
        stream.send(subscribe(subscription, Start::Latest, Some("edge"))).await;
        let heard = stream.hear().await;
        assert!(matches!(heard, Some(Frame::Subscribed(_))), "{heard:?}");
        stream.send(Acknowledge { subscription, position: Position::new(position) }).await;
        let refused = stream.refusal().await;
        assert_eq!(refused.code, RefusalCode::Malformed, "{refused:?}");
        assert!(refused.why.contains(&format!("found {position}")), "{refused:?}");
    }
    drop(session);
    // Whatever the cursor was told: what comes now is beyond it.
    let session = Stranger::as_member(&scene.city, &app).welcome().await;
    let mut stream = session.another().await;
    stream.send(subscribe(7, Start::Latest, Some("edge"))).await;
    let heard = stream.hear().await;
    assert!(matches!(heard, Some(Frame::Subscribed(_))), "{heard:?}");
    scene.goes_on().await;
    let heard = stream.hear().await;
    assert!(matches!(heard, Some(Frame::Record(_))), "wanted the bystander's, found {heard:?}");
    drop(session);
    scene.ends_well().await;
}

#[tokio::test]
async fn questions_and_logs_of_any_number_are_answered_or_refused_by_name() {
    let mut scene = Scene::open().await;
    let administrator = scene.city.administrator();
    let mut session = Stranger::as_member(&scene.city, &administrator).welcome().await;
    let (topic, principal) = (|| TOPIC.parse().unwrap(), || "bystander@fujisawa".parse().unwrap());
    let at = |micros| Some(Timestamp::from_micros(micros));
    let action = Action::Publish;
    let questions = [
        Question::KeyGrants { tree: "fujisawa/#".parse().unwrap(), epoch: Epoch::new(LAST) },
        Question::StreamHead { topic: topic(), boot: BootId::new([0xff; 16]) },
        Question::Who { topic: topic(), action, at: at(i64::MIN) },
        Question::Who { topic: topic(), action, at: at(i64::MAX) },
        Question::Why { principal: principal(), action, topic: topic(), at: at(i64::MIN) },
        Question::What { principal: principal(), at: at(i64::MAX) },
    ];
    for (request, question) in (LAST - 10..).zip(questions) {
        let shown = format!("{question:?}");
        session.send(Query { request, question }).await;
        match session.hear().await {
            Some(Frame::Answer(answer)) => assert_eq!(answer.request, request, "{shown}"),
            Some(Frame::Refused(refused)) => {
                let found = (refused.request, refused.code);
                assert_eq!(found, (request, RefusalCode::NotFound), "{shown}: {refused:?}");
            }
            other => panic!("{shown}: wanted an answer, found {other:?}"),
        }
    }
    let mut log = session.another().await;
    let (organisation, from) = ("fujisawa".parse().unwrap(), StatementIndex::new(LAST));
    log.send(Follow { subscription: 0, organisation, from }).await;
    is_alive(&mut session).await;
    scene.goes_on().await;
    drop(session);
    scene.ends_well().await;
}

#[tokio::test]
async fn an_envelope_from_the_beginning_or_the_end_of_time_is_refused() {
    let mut scene = Scene::open().await;
    let (_, mut wire, press) =
        scene.device("edger", "fujisawa/edger/#", "fujisawa/edger/air").await;
    let attempts = [
        (i64::MAX, RefusalCode::ClockAhead),
        (i64::MIN, RefusalCode::EpochUnknown),
        (0, RefusalCode::EpochUnknown),
        (-1, RefusalCode::EpochUnknown),
    ];
    for (time_us, code) in attempts {
        let header = PlainHeader { time_us, ..press.plain_header() };
        let envelope = press.sign(header.message().as_ref(), b"sealed");
        scene.refuses(&mut wire, (envelope, press.attached()), (code, "")).await;
    }
    scene.goes_on().await;
    scene.ends_well().await;
}
