//! Names that are no topics, wherever a name can be sent.

use sekisho::{AnswerBody, Question, RefusalCode};
use sekisho_e2e::{Member, Message, PlainHeader, Press, Stranger, Wire};
use sekisho_proto::frame::Refused;
use sekisho_proto::limits::{LEVELS_MAX, TOPIC_BYTES_MAX};

use crate::scene::Scene;

/// Numbers in the protocol's schema.
const SUBSCRIBE: u64 = 6;
const QUERY: u64 = 13;

/// A topic of so many bytes, in levels that are short enough each.
fn topic_of_bytes(bytes: usize) -> String {
    let mut topic = "fujisawa".to_owned();
    while topic.len() < bytes {
        let level = (bytes - topic.len() - 1).min(100);
        topic = format!("{topic}/{}", "x".repeat(level));
    }
    assert_eq!(topic.len(), bytes);
    topic
}

fn topic_of_levels(levels: usize) -> String {
    format!("fujisawa{}", "/x".repeat(levels - 1))
}

/// What is no topic, with the rule that it breaks.
fn no_topics() -> Vec<(Vec<u8>, &'static str)> {
    let texts = [
        (String::new(), "an organisation and at least one level"),
        ("fujisawa".to_owned(), "an organisation and at least one level"),
        ("/fujisawa/x".to_owned(), "an organisation's name as first level"),
        ("$SYS/broker".to_owned(), "an organisation's name as first level"),
        ("Fujisawa/x".to_owned(), "an organisation's name as first level"),
        ("fujisawa//x".to_owned(), "no empty level"),
        ("fujisawa/x/".to_owned(), "no empty level"),
        ("fujisawa/../santander/x".to_owned(), "no level . or .."),
        ("fujisawa/./x".to_owned(), "no level . or .."),
        ("fujisawa/$SYS".to_owned(), "no level that begins with $"),
        ("fujisawa/+/x".to_owned(), "no + or # in a level"),
        ("fujisawa/#".to_owned(), "no + or # in a level"),
        ("fujisawa/x\0".to_owned(), "no control characters"),
        ("fujisawa/x\r\nPUB y".to_owned(), "no control characters"),
        ("fujisawa/a\tb".to_owned(), "no control characters"),
        ("fujisawa/\u{202e}x".to_owned(), "no control characters"),
        ("fujisawa/\u{feff}x".to_owned(), "no control characters"),
        ("fujisawa/ x".to_owned(), "no outer spaces"),
        ("fujisawa/x\u{3000}".to_owned(), "no outer spaces"),
        ("fujisawa/cafe\u{301}".to_owned(), "normalisation form C"),
        ("fujisawa/か\u{3099}".to_owned(), "normalisation form C"),
        ("fujisawa/%41".to_owned(), "% only as the escape"),
        (format!("fujisawa/{}", "x".repeat(129)), "levels of at most 128 bytes"),
        (topic_of_bytes(TOPIC_BYTES_MAX + 1), "at most 512 bytes"),
        (topic_of_levels(LEVELS_MAX + 1), "at most 32 levels"),
    ];
    let mut all: Vec<_> = texts.into_iter().map(|(text, rule)| (text.into_bytes(), rule)).collect();
    all.push((b"fujisawa/\xc0\xaf".to_vec(), "not UTF-8"));
    all.push((b"fujisawa/\xed\xa0\x80".to_vec(), "not UTF-8"));
    all
}

/// What is no filter, with the rule that it breaks.
fn no_filters() -> Vec<(&'static str, &'static str)> {
    vec![
        ("#", "an organisation"),
        ("+/x", "an organisation's name as first level"),
        ("fujisawa", "an organisation and at least one level"),
        ("fujisawa/#/x", "#"),
        ("fujisawa/x#", "#"),
        ("fujisawa/x+", "+"),
        ("fujisawa//#", "no empty level"),
        ("fujisawa/../#", "no level . or .."),
        ("fujisawa/$SYS/#", "no level that begins with $"),
        ("fujisawa/cafe\u{301}/#", "normalisation form C"),
    ]
}

#[tokio::test]
async fn what_is_no_topic_is_refused_with_the_rule_it_breaks_and_leaves_nothing_behind() {
    let mut scene = Scene::open().await;
    let (member, mut wire, press) = scene.device("namer", "fujisawa/#", "fujisawa/namer/air").await;
    for (topic, rule) in no_topics() {
        let header = PlainHeader { topic, ..press.plain_header() };
        let envelope = press.sign(header.message().as_ref(), b"sealed");
        let parcel = (envelope, press.attached());
        scene.refuses(&mut wire, parcel, (RefusalCode::Malformed, rule)).await;
    }
    for bytes in [1_024, 60_000] {
        let topic = "x".repeat(bytes).into_bytes();
        let header = PlainHeader { topic, ..press.plain_header() };
        let envelope = press.sign(header.message().as_ref(), b"sealed");
        let parcel = (envelope, press.attached());
        scene.refuses(&mut wire, parcel, (RefusalCode::Oversized, "at most 1024 bytes")).await;
    }
    scene.goes_on().await;
    assert_eq!(topics(&scene).await, ["fujisawa/bystander/air"]);
    let longest = [topic_of_bytes(TOPIC_BYTES_MAX), topic_of_levels(LEVELS_MAX)];
    for topic in &longest {
        let mut press = Press::begin(&member, topic).await;
        let taken = wire.publish(press.next("x").encoded().clone(), press.attached()).await;
        taken.unwrap();
    }
    assert_eq!(topics(&scene).await.len(), 1 + longest.len());
    scene.ends_well().await;
}

#[tokio::test]
async fn what_is_no_filter_is_refused_and_the_session_goes_on() {
    let mut scene = Scene::open().await;
    let member = Member::reader(&scene.city, "namer", "fujisawa/#").await;
    let session = Stranger::as_member(&scene.city, &member).welcome().await;
    let refused = scene.city.refused("malformed").await;
    let mut count = 0.0;
    let names =
        no_topics().into_iter().filter(|(text, _)| !text.contains(&b'#') && !text.contains(&b'+'));
    let filters = no_filters().into_iter().map(|(text, rule)| (text.as_bytes().to_vec(), rule));
    for (filter, rule) in names.chain(filters) {
        let refusal = subscribe(&session, &filter).await;
        let shown = filter.escape_ascii();
        assert_eq!(refusal.code, RefusalCode::Malformed, "{shown}: {refusal:?}");
        assert!(refusal.why.contains(rule), "{shown}: {refusal:?}");
        count += 1.0;
    }
    assert_eq!(scene.city.refused("malformed").await, refused + count);
    assert_eq!(scene.city.metric("sekisho_subscriptions").await, 1.0, "the onlooker's alone");
    drop(session);
    // A question with a name that is none is a broken frame of the control stream.
    let mut session = Stranger::as_member(&scene.city, &member).welcome().await;
    let question = Message::new().number(1, 1).bytes(3, "fujisawa/../x");
    session.say_framed(Message::new().bytes(QUERY, question).as_ref()).await;
    let refusal = session.last_words().await;
    assert_eq!(refusal.code, RefusalCode::Malformed, "{refusal:?}");
    assert!(refusal.why.contains("epoch_of: wanted no level . or .."), "{refusal:?}");
    scene.goes_on().await;
    scene.ends_well().await;
}

async fn subscribe(session: &Wire, filter: &[u8]) -> Refused {
    let latest = Message::new().number(1, 1);
    let subscribe = Message::new().number(1, 1).bytes_set(2, filter).bytes(3, latest).number(5, 9);
    let mut stream = session.another().await;
    stream.say_framed(Message::new().bytes(SUBSCRIBE, subscribe).as_ref()).await;
    stream.refusal().await
}

/// Every topic that the node knows.
async fn topics(scene: &Scene) -> Vec<String> {
    let client = scene.city.administrator().connect().await;
    let filter = "fujisawa/#".parse().unwrap();
    let question = Question::Discover { filter, after: None, max: 1_000 };
    let AnswerBody::Json(document) = client.query(question).await.unwrap() else {
        panic!("wanted a document");
    };
    client.close().await;
    let found: serde_json::Value = serde_json::from_str(&document).unwrap();
    let found = found["topics"].as_array().unwrap().iter();
    found.map(|topic| topic["topic"].as_str().unwrap().to_owned()).collect()
}
