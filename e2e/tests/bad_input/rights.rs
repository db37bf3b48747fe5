//! Those who may not.

use sekisho::{BodyError, RefusalCode, Start};
use sekisho_e2e::{Member, PlainHeader, Press, Reader, Stranger, holds_key, permitted};
use sekisho_proto::Frame;
use sekisho_proto::frame::Subscribe;

use crate::scene::Scene;

#[tokio::test]
async fn nobody_publishes_outside_their_grant_or_in_another_s_name() {
    let mut scene = Scene::open().await;
    let city = &scene.city;
    let (member, mut wire, press) =
        scene.device("sneak", "fujisawa/sneak/#", "fujisawa/sneak/air").await;
    let taken = |press: &mut Press| (press.next("mine").encoded().clone(), press.attached());
    // Outside the grant, in a neighbour's tree or none's.
    for topic in ["fujisawa/bystander/air", "fujisawa/sneaky/air", "fujisawa/other"] {
        let parcel = taken(&mut Press::begin(&member, topic).await);
        let words = format!("sneak@fujisawa may not publish on {topic}");
        scene.refuses(&mut wire, parcel, (RefusalCode::NotPermitted, &words)).await;
    }
    // In another organisation's tree.
    let header = PlainHeader { topic: b"santander/sneak/air".to_vec(), ..press.plain_header() };
    let envelope = press.sign(header.message().as_ref(), b"sealed");
    let parcel = (envelope, press.attached());
    let words = "wanted a topic of fujisawa, found one of santander";
    scene.refuses(&mut wire, parcel, (RefusalCode::ForeignTopic, words)).await;
    // Another's envelope, as it is and signed anew.
    let victim = Member::device(city, "victim", "fujisawa/sneak/#").await;
    let mut theirs = Press::begin(&victim, "fujisawa/sneak/air").await;
    let stolen = theirs.next("a reading of mine");
    let parcel = (stolen.encoded().clone(), theirs.attached());
    let words = format!("found {}", victim.identity().id());
    scene.refuses(&mut wire, parcel, (RefusalCode::WrongPublisher, &words)).await;
    let resigned = press.sign(stolen.header_bytes(), stolen.body());
    let parcel = (resigned.clone(), theirs.attached());
    scene.refuses(&mut wire, parcel, (RefusalCode::WrongPublisher, &words)).await;
    let mut own = Stranger::as_member(city, &victim).welcome().await;
    let parcel = (resigned, theirs.attached());
    scene.refuses(&mut own, parcel, (RefusalCode::BadSignature, "signature")).await;
    // Bare where it has to be sealed.
    let parcel = (press.bare("for everybody to read").encoded().clone(), None);
    scene.refuses(&mut wire, parcel, (RefusalCode::NotPermitted, "wanted a sealed body")).await;
    // A deny inside the grant wins.
    let deny = ["deny", "sneak@fujisawa", "publish", "fujisawa/sneak/+/secret"];
    city.run(&deny).await.succeeded();
    let parcel = taken(&mut Press::begin(&member, "fujisawa/sneak/air/secret").await);
    let words = "fujisawa/sneak/air/secret";
    scene.refuses(&mut wire, parcel, (RefusalCode::NotPermitted, words)).await;
    // What is its own is taken all the while.
    let mut press = Press::begin(&member, "fujisawa/sneak/air").await;
    let (envelope, attached) = taken(&mut press);
    wire.publish(envelope, attached).await.unwrap();
    own.publish(stolen.encoded().clone(), theirs.attached()).await.unwrap();
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_body_that_another_publisher_signed_as_its_own_opens_for_nobody() {
    let mut scene = Scene::open().await;
    let topic = "fujisawa/shared/air";
    let shared = "fujisawa/shared/#";
    let ((thief, mut wire, press), (_, mut own, mut theirs), app) = tokio::join!(
        scene.device("thief", shared, topic),
        scene.device("author", shared, topic),
        Member::reader(&scene.city, "listener", shared)
    );
    holds_key(&app, topic).await;
    let mut listener = Reader::start(&app, shared, Start::Earliest).await;
    let original = theirs.next("the author's words");
    own.publish(original.encoded().clone(), theirs.attached()).await.unwrap();
    assert_eq!(listener.message().await.body().unwrap(), b"the author's words".as_slice());
    // Under the author's key header the node sees at once that it is another's stream.
    let mine = press.plain_header();
    let their_key = PlainHeader::of(original.header()).key_header;
    let borrowed = PlainHeader { key_header: their_key, ..mine.clone() };
    let envelope = press.sign(borrowed.message().as_ref(), original.body());
    let parcel = (envelope.clone(), theirs.attached());
    let words = "wanted the envelope's own topic, publisher, boot and epoch";
    scene.refuses(&mut wire, parcel, (RefusalCode::Malformed, words)).await;
    let expected = (RefusalCode::KeyHeaderMissing, "key header");
    scene.refuses(&mut wire, (envelope.clone(), None), expected).await;
    scene.refuses(&mut wire, (envelope, press.attached()), expected).await;
    // Under the thief's own it is taken as the thief's, and is nothing that could be read.
    let envelope = press.sign(mine.message().as_ref(), original.body());
    wire.publish(envelope, press.attached()).await.unwrap();
    let message = listener.message().await;
    assert_eq!(&message.publisher, thief.name());
    assert!(matches!(message.body(), Err(BodyError::Open(_))), "{:?}", message.body());
    listener.close().await;
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn nobody_reads_without_a_grant_by_any_way_in() {
    let mut scene = Scene::open().await;
    let nobody = Member::enrol(&scene.city, "nobody", &["--kind", "app"]).await;
    let session = Stranger::as_member(&scene.city, &nobody).welcome().await;
    let filters = ["fujisawa/bystander/air", "fujisawa/bystander/#", "fujisawa/#", "santander/#"];
    let starts =
        [Start::Latest, Start::LastValue, Start::Earliest, Start::Time(sekisho::Timestamp::EPOCH)];
    let ended = "sekisho_subscriptions_ended_total{code=\"not-permitted\"}";
    let mut count = 0.0;
    for filter in filters {
        for start in starts {
            let refused = ask(&session, filter, start).await;
            assert_eq!(refused.code, RefusalCode::NotPermitted, "{filter} {start:?}: {refused:?}");
            count += 1.0;
            assert_eq!(scene.city.metric(ended).await, count, "{filter} {start:?}");
        }
    }
    // A right to live records of one topic is none to older ones or to others.
    let grant = ["grant", "nobody@fujisawa", "subscribe", "fujisawa/other/+/later"];
    scene.city.run(&grant).await.succeeded();
    permitted(&scene.city, "nobody@fujisawa", "subscribe", "fujisawa/other/x/later").await;
    let mut reader = Reader::start(&nobody, "fujisawa/#", Start::Earliest).await;
    scene.goes_on().await;
    let (_, mut wire, mut press) =
        scene.device("late", "fujisawa/other/#", "fujisawa/other/x/later").await;
    wire.publish(press.next("for somebody").encoded().clone(), press.attached()).await.unwrap();
    let message = reader.message().await;
    assert_eq!(message.topic.as_str(), "fujisawa/other/x/later");
    assert!(matches!(message.body(), Err(BodyError::NoKey { .. })), "{:?}", message.body());
    reader.close().await;
    scene.ends_well().await;
}

async fn ask(
    session: &sekisho_e2e::Wire,
    filter: &str,
    start: Start,
) -> sekisho_proto::frame::Refused {
    let mut stream = session.another().await;
    let filter = filter.parse().unwrap();
    stream.send(Subscribe { subscription: 1, filter, start, cursor: None, credit: 100 }).await;
    match stream.hear().await {
        Some(Frame::Refused(refused)) => refused,
        other => panic!("wanted it refused, found {other:?}"),
    }
}
