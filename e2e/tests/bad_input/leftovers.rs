//! What stays behind when a right goes: records, cursors, names, and a damaged log of statements.

use std::fs;

use sekisho::{RefusalCode, Start};
use sekisho_e2e::{Member, Reader, Stranger, eventually, holds_key};
use sekisho_proto::Frame;
use sekisho_proto::frame::{Hello, Refused, Subscribe};

use crate::scene::Scene;

/// How the node refuses a member that greets it properly.
async fn turned_away(scene: &Scene, member: &Member) -> Refused {
    let stranger = Stranger::as_member(&scene.city, member);
    let mut wire = stranger.dial().await;
    let organisation = scene.city.name().parse().unwrap();
    wire.send(Hello { organisation, ..stranger.hello() }).await;
    wire.last_words().await
}

#[tokio::test]
async fn what_a_truck_said_before_it_was_revoked_stays_and_what_it_says_after_never_comes_in() {
    let mut scene = Scene::open().await;
    let topic = "fujisawa/leaver/air";
    let (leaver, mut wire, mut press) = scene.device("leaver", "fujisawa/leaver/#", topic).await;
    let app = Member::reader(&scene.city, "archive", "fujisawa/leaver/#").await;
    holds_key(&app, topic).await;
    let said = press.next("while I may");
    wire.publish(said.encoded().clone(), press.attached()).await.unwrap();
    let unsaid = press.next("when I may not");

    scene.city.run(&["revoke", "leaver@fujisawa", "--yes"]).await.succeeded();
    wire.ended().await;
    // Neither by itself, nor carried by somebody who is in good standing.
    let refused = turned_away(&scene, &leaver).await;
    assert_eq!(refused.code, RefusalCode::Revoked, "{refused:?}");
    let (_, mut carrier, _) = scene.device("carrier", "fujisawa/leaver/#", topic).await;
    let refused = carrier.publish(unsaid.encoded().clone(), press.attached()).await.unwrap_err();
    let expected = [RefusalCode::WrongPublisher, RefusalCode::NotPermitted, RefusalCode::Revoked];
    assert!(expected.contains(&refused.code), "{refused:?}");

    // The last value is what was said with the right to, and nothing behind it.
    for from in [Start::LastValue, Start::Earliest] {
        let mut reader = Reader::start(&app, topic, from).await;
        let message = reader.message().await;
        assert_eq!(message.body().unwrap(), b"while I may".as_slice());
        reader.close().await;
    }
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_cursor_outlives_a_right_and_gives_nothing_without_it() {
    let mut scene = Scene::open().await;
    let topic = "fujisawa/diary/air";
    let (_, mut wire, mut press) = scene.device("diarist", "fujisawa/diary/#", topic).await;
    let app = Member::reader(&scene.city, "subscriber", "fujisawa/diary/#").await;
    holds_key(&app, topic).await;
    let mut reader = Reader::resume(&app, topic, "place").await;
    wire.publish(press.next("one").encoded().clone(), press.attached()).await.unwrap();
    let message = reader.message().await;
    reader.acknowledge(&message);
    reader.close().await;

    let deny = ["deny", "subscriber@fujisawa", "subscribe,history", "fujisawa/diary/#", "--yes"];
    let denied = scene.city.run(&[&deny[..], &["--json"]].concat()).await.json();
    wire.publish(press.next("two").encoded().clone(), None).await.unwrap();
    let session = Stranger::as_member(&scene.city, &app).welcome().await;
    let mut stream = session.another().await;
    let (filter, cursor) = (topic.parse().unwrap(), Some("place".parse().unwrap()));
    let start = Start::Earliest;
    stream.send(Subscribe { subscription: 1, filter, start, cursor, credit: 100 }).await;
    match stream.hear().await {
        Some(Frame::Refused(refused)) => assert_eq!(refused.code, RefusalCode::NotPermitted),
        other => panic!("wanted it refused, found {other:?}"),
    }
    // Where the right comes back, the cursor is where it was.
    let statement = denied["statement"].as_str().unwrap();
    scene.city.run(&["revoke", statement, "--yes"]).await.succeeded();
    let mut reader = Reader::resume(&app, topic, "place").await;
    assert_eq!(reader.message().await.body().unwrap(), b"two".as_slice());
    reader.close().await;
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn cursors_of_one_name_belong_to_the_principals_that_gave_it() {
    let mut scene = Scene::open().await;
    let topic = "fujisawa/shelf/air";
    let (_, mut wire, mut press) = scene.device("writer", "fujisawa/shelf/#", topic).await;
    let (first, second) = tokio::join!(
        Member::reader(&scene.city, "first", "fujisawa/shelf/#"),
        Member::reader(&scene.city, "second", "fujisawa/shelf/#")
    );
    for app in [&first, &second] {
        holds_key(app, topic).await;
    }
    for text in ["one", "two"] {
        wire.publish(press.next(text).encoded().clone(), press.attached()).await.unwrap();
    }
    let mut reader = Reader::resume(&first, topic, "place").await;
    for _message in 0..2 {
        let message = reader.message().await;
        reader.acknowledge(&message);
    }
    reader.close().await;
    // Somebody else's cursor of the same name neither moved with it nor can be moved by it.
    let mut reader = Reader::resume(&second, topic, "place").await;
    assert_eq!(reader.message().await.body().unwrap(), b"one".as_slice());
    reader.close().await;
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn an_invitation_and_keys_of_another_city_open_nothing_here() {
    let mut scene = Scene::open().await;
    let other = sekisho_e2e::City::found("santander").await;
    let foreigner = Member::device(&other, "truck-1", "santander/truck/1/#").await;
    let refused = turned_away(&scene, &foreigner).await;
    assert_eq!(refused.code, RefusalCode::UnknownKey, "{refused:?}");
    // A client that means Santander does not talk to Fujisawa's node, whoever sent it there.
    let misled = foreigner.sent_to(scene.city.quic());
    let error = misled.try_connect().await.unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("node key: wanted") && text.contains("found"), "{text}");
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_node_whose_log_of_statements_is_damaged_decides_nothing_until_it_is_whole_again() {
    let mut scene = Scene::open().await;
    assert_eq!(scene.city.stop_node().await, Some(0));
    let path = scene.city.dir().join("data/keyed.redb");
    let whole = fs::read(&path).unwrap();
    let damages: [(&str, Vec<u8>); 3] = [
        ("empty", Vec::new()),
        ("cut off", whole.get(..whole.len() / 2).unwrap().to_vec()),
        ("overwritten", whole.iter().map(|byte| byte ^ 0xff).collect()),
    ];
    for (damage, bytes) in damages {
        fs::write(&path, bytes).unwrap();
        let mut node = scene.city.launch("serve");
        let code = node.wait().await.code();
        assert!(code != Some(0), "{damage}: wanted no node, found one");
        assert!(node.log().contains("keyed.redb"), "{damage}: {}", node.log());
    }
    fs::write(&path, &whole).unwrap();
    scene.city.start_node().await;
    eventually("the node's page", || async {
        (scene.city.page("/readyz").await.status == 200).then_some(())
    })
    .await;
    scene.goes_on().await;
    scene.ends_well().await;
}
