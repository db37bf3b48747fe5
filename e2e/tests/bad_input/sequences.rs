//! One publisher's numbers: replayed, left out, and given twice.

use sekisho::{RefusalCode, Sequence, Start};
use sekisho_e2e::{Member, Press, Reader, Stranger, Wire, holds_key};
use sekisho_proto::Envelope;
use sekisho_seal::HeaderDraft;

use crate::scene::Scene;

const TOPIC: &str = "fujisawa/teller/air";
const FILTER: &str = "fujisawa/teller/#";

/// A publisher, its session, and somebody who reads it.
async fn teller(scene: &Scene) -> (Member, Wire, Press, Member) {
    let ((member, wire, press), app) = tokio::join!(
        scene.device("teller", FILTER, TOPIC),
        Member::reader(&scene.city, "listener", FILTER)
    );
    holds_key(&app, TOPIC).await;
    (member, wire, press, app)
}

async fn tell(wire: &mut Wire, press: &mut Press, bodies: &[&str]) -> Vec<Envelope> {
    let told: Vec<_> = bodies.iter().map(|body| press.next(body)).collect();
    for envelope in &told {
        wire.publish(envelope.encoded().clone(), press.attached()).await.unwrap();
    }
    told
}

/// What the reader finds, from the beginning.
async fn hears(app: &Member, bodies: &[&str]) {
    let mut listener = Reader::start(app, FILTER, Start::Earliest).await;
    for body in bodies {
        assert_eq!(listener.message().await.body().unwrap(), body.as_bytes());
    }
    listener.close().await;
}

#[tokio::test]
async fn a_stream_is_taken_once_and_in_order_also_after_a_restart() {
    let mut scene = Scene::open().await;
    let (member, mut wire, mut press, app) = teller(&scene).await;
    let told = tell(&mut wire, &mut press, &["one", "two", "three"]).await;
    let next = Some(Sequence::new(3));
    for restarted in [false, true] {
        if restarted {
            scene.restarts().await;
            wire = Stranger::as_member(&scene.city, &member).welcome().await;
        }
        let mut second = Stranger::as_member(&scene.city, &member).welcome().await;
        for envelope in &told {
            for session in [&mut wire, &mut second] {
                let parcel = (envelope.encoded().clone(), press.attached());
                let refused = scene.refuses(session, parcel, (RefusalCode::Replayed, "")).await;
                assert_eq!(refused.expected_sequence, next, "{refused:?}");
            }
        }
        let early = HeaderDraft { sequence: Sequence::new(5), ..press.draft() };
        let expected = (RefusalCode::SequenceGap, "wanted sequence 3, found 5");
        let refused = scene.refuses(&mut wire, press.aside(early, "six"), expected).await;
        assert_eq!(refused.expected_sequence, next, "{refused:?}");
        // A boot that begins in the middle.
        let reborn = press.reboot();
        let middle = HeaderDraft { sequence: Sequence::new(7), ..reborn.draft() };
        let expected = (RefusalCode::SequenceGap, "wanted sequence 0, found 7");
        scene.refuses(&mut wire, reborn.aside(middle, "eight"), expected).await;
        scene.goes_on().await;
    }
    tell(&mut wire, &mut press, &["four"]).await;
    hears(&app, &["one", "two", "three", "four"]).await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_publisher_that_tells_two_stories_is_told_apart_by_both_hashes() {
    let mut scene = Scene::open().await;
    let (_, mut wire, mut press, app) = teller(&scene).await;
    let (mut copy, mut rival) = (press.fork(), press.fork());
    let told = tell(&mut wire, &mut press, &["one", "two", "three"]).await;
    // A copy of the publisher that tells the third otherwise.
    for body in ["one", "two"] {
        copy.next(body);
    }
    let third = &told[2];
    let draft = HeaderDraft { previous: third.header().previous, ..copy.draft() };
    let other = copy.seal(draft, "another three");
    let hashes = format!("hash {}, found another with hash {}", third.hash(), other.hash());
    let parcel = (other.encoded().clone(), copy.attached());
    scene.refuses(&mut wire, parcel, (RefusalCode::Equivocation, &hashes)).await;
    // One that goes on from a past of its own.
    for body in ["another one", "another two"] {
        rival.next(body);
    }
    let others = rival.next("another three");
    let astray = rival.next("four");
    let chain = format!("wanted previous envelope {}, found {}", third.hash(), others.hash());
    let parcel = (astray.encoded().clone(), rival.attached());
    scene.refuses(&mut wire, parcel, (RefusalCode::Equivocation, &chain)).await;
    // One that says nothing of its past.
    let loose = HeaderDraft { previous: None, ..press.draft() };
    let expected = (RefusalCode::Malformed, "found none");
    scene.refuses(&mut wire, press.aside(loose, "four"), expected).await;
    // Whoever keeps the node is told of both stories.
    let log = scene.city.log();
    for words in [hashes, chain] {
        assert!(log.contains("equivocation") && log.contains(&words), "{log}");
    }
    tell(&mut wire, &mut press, &["four"]).await;
    hears(&app, &["one", "two", "three", "four"]).await;
    scene.goes_on().await;
    scene.ends_well().await;
}
