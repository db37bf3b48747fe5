//! Clocks that are wrong.

use std::time::Duration;

use sekisho::{RefusalCode, Timestamp, clock};
use sekisho_seal::HeaderDraft;

use crate::scene::Scene;

const TOPIC: &str = "fujisawa/clock/air";

#[tokio::test]
async fn an_envelope_from_the_future_or_past_its_time_is_refused() {
    let mut scene = Scene::open().await;
    let (_, mut wire, mut press) = scene.device("clock", "fujisawa/clock/#", TOPIC).await;
    let now = clock::now();
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let ahead = [
        now.saturating_add(minutes(10)),
        now.saturating_add(minutes(3)),
        Timestamp::from_micros(i64::MAX),
    ];
    for time in ahead {
        let parcel = press.aside(HeaderDraft { time, ..press.draft() }, "early");
        let words = format!("found {time}");
        scene.refuses(&mut wire, parcel, (RefusalCode::ClockAhead, &words)).await;
    }
    let time = now.saturating_sub(minutes(10));
    let late = HeaderDraft { time, expiry_s: 60, ..press.draft() };
    let parcel = press.aside(late, "late");
    scene.refuses(&mut wire, parcel, (RefusalCode::Expired, "wanted within 60 s of")).await;
    // A clock that is a little ahead is everybody's.
    let draft = HeaderDraft { time: now.saturating_add(minutes(1)), ..press.draft() };
    let envelope = press.seal(draft, "now");
    wire.publish(envelope.encoded().clone(), press.attached()).await.unwrap();
    press.advance(&envelope);
    scene.goes_on().await;
    scene.ends_well().await;
}
