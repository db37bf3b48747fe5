//! Keys of the past, of the future and of nobody.

use std::time::Duration;

use sekisho::{Epoch, Filter, RefusalCode, Start, Topic};
use sekisho_e2e::{Member, Press, Reader, Stranger, Wire, epoch_of, eventually, holds_key};
use sekisho_proto::frame::Refused;
use sekisho_seal::{EpochPublic, HeaderDraft};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::scene::Scene;

const TOPIC: &str = "fujisawa/sealer/air";
const FILTER: &str = "fujisawa/sealer/#";

/// What was on its way when an epoch was retired is taken for a minute; twice that is more than
/// enough.
const RETIRED_WITHIN: Duration = Duration::from_secs(150);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

#[tokio::test]
async fn an_epoch_that_nobody_announced_is_refused() {
    let mut scene = Scene::open().await;
    let (member, mut wire, press) = scene.device("sealer", FILTER, TOPIC).await;
    let topic: Topic = TOPIC.parse().unwrap();
    let real = epoch_of(&member, &topic).await;
    let signing = member.identity().signing();
    let of = |tree: &str, epoch: u64| {
        let tree: Filter = tree.parse().unwrap();
        EpochPublic::new(tree, Epoch::new(epoch), real.key().clone())
    };
    for (epoch, words) in [(2, "found 2"), (7, "found 7"), (u64::MAX, "found 18446744073709551615")]
    {
        let mut press = Press::with(signing.clone(), topic.clone(), of("fujisawa/#", epoch));
        let parcel = (press.next("sealed to nobody").encoded().clone(), press.attached());
        scene.refuses(&mut wire, parcel, (RefusalCode::EpochUnknown, words)).await;
    }
    // A key header of another stream: another topic's, another boot's, another publisher's.
    let elsewhere = Press::begin(&member, "fujisawa/sealer/elsewhere").await;
    let (_, _, others) = scene.device("neighbour", FILTER, TOPIC).await;
    let envelope = press.fork().next("mine").encoded().clone();
    for other in [elsewhere, press.reboot(), others] {
        let parcel = (envelope.clone(), other.attached());
        let expected = (RefusalCode::KeyHeaderMissing, "key header");
        scene.refuses(&mut wire, parcel, expected).await;
    }
    scene.goes_on().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn an_epoch_from_which_a_reader_was_removed_is_retired_and_everybody_else_goes_on() {
    let mut scene = Scene::open().await;
    let ((member, mut wire, mut press), app, leaver) = tokio::join!(
        scene.device("sealer", FILTER, TOPIC),
        Member::reader(&scene.city, "listener", FILTER),
        Member::reader(&scene.city, "leaver", FILTER)
    );
    for reader in [&app, &leaver] {
        holds_key(reader, TOPIC).await;
    }
    let topic: Topic = TOPIC.parse().unwrap();
    let old = epoch_of(&member, &topic).await;
    wire.publish(press.next("0").encoded().clone(), press.attached()).await.unwrap();
    let mut spooled = press.reboot();
    let spooled = (spooled.next("spooled").encoded().clone(), spooled.attached());
    scene.city.run(&["revoke", "leaver@fujisawa"]).await.succeeded();
    eventually("the epoch after the revocation", || async {
        (epoch_of(&member, &topic).await.epoch() > old.epoch()).then_some(())
    })
    .await;
    // What was on its way is taken for a while …
    let (refused, taken) = timeout(RETIRED_WITHIN, until_refused(&mut wire, &mut press))
        .await
        .expect("the epoch is retired in time");
    assert!(taken >= 1, "wanted what is on its way taken, found it refused at once");
    // … and then no more.
    assert_eq!(refused.code, RefusalCode::EpochRetired, "{refused:?}");
    assert!(refused.why.contains(&format!("found {}", old.epoch())), "{refused:?}");
    assert_eq!(scene.city.refused("epoch-retired").await, 1.0);
    let mut late = Press::with(member.identity().signing().clone(), topic.clone(), old);
    let parcel = (late.next("late").encoded().clone(), late.attached());
    scene.refuses(&mut wire, parcel, (RefusalCode::EpochRetired, "retired")).await;
    // What was sealed in its time and waited in a spool is not lost.
    let (envelope, attached) = spooled;
    wire.publish(envelope, attached).await.unwrap();
    let mut fresh = Press::begin(&member, TOPIC).await;
    wire.publish(fresh.next("fresh").encoded().clone(), fresh.attached()).await.unwrap();
    let mut listener = Reader::start(&app, FILTER, Start::Earliest).await;
    for number in 0..=taken {
        assert_eq!(listener.message().await.body().unwrap(), number.to_string().as_bytes());
    }
    for body in ["spooled", "fresh"] {
        assert_eq!(listener.message().await.body().unwrap(), body.as_bytes());
    }
    listener.close().await;
    let gone = Stranger::as_member(&scene.city, &leaver).dial().await;
    drop(gone);
    scene.goes_on().await;
    scene.ends_well().await;
}

/// Publishes what is sealed to a retired epoch until the node takes it no more; tells how much it
/// took.
async fn until_refused(wire: &mut Wire, press: &mut Press) -> (Refused, u32) {
    let mut pause = interval(PAUSE);
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut taken = 0;
    loop {
        pause.tick().await;
        let draft = HeaderDraft { ..press.draft() };
        let envelope = press.seal(draft, &(taken + 1).to_string());
        match wire.publish(envelope.encoded().clone(), press.attached()).await {
            Ok(_) => {
                press.advance(&envelope);
                taken += 1;
            }
            Err(refused) => return (refused, taken),
        }
    }
}
