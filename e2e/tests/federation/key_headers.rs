//! What seals the records of a run crosses a link once, and also where the record that it came with
//! does not.

use std::time::Duration;

use sekisho::{Batch, Scope, Start};
use sekisho_e2e::{
    City, Member, Reader, Terms, contract, eventually, holds_key, linked, permitted, sample,
    samples,
};

const TRUCKS: &str = "fujisawa/truck/#";
const AIR: &str = "fujisawa/truck/17/air";
const READ: &str = "subscribe,history,decrypt";

#[tokio::test]
async fn what_comes_behind_a_record_that_is_too_long_for_the_follower_can_be_opened_there() {
    let fujisawa = City::found("fujisawa").await;
    let mut santander = City::plan("santander").await;
    santander.configure("limits", "envelope_bytes = 4096");
    santander.start().await;
    let (exports, imports) = (Terms::none().exports(TRUCKS), Terms::none().imports(TRUCKS));
    contract((&fujisawa, exports), (&santander, imports)).await;
    linked(&fujisawa, &santander).await;
    let board = Member::enrol(&santander, "board", &["--kind", "app"]).await;
    fujisawa.run(&["grant", "board@santander", READ, TRUCKS, "--yes"]).await.succeeded();
    permitted(&santander, "board@santander", "subscribe", AIR).await;
    holds_key(&board, AIR).await;

    let truck = Member::device(&fujisawa, "truck", TRUCKS).await;
    let client = truck.connect().await;
    let publisher = client.publisher(AIR.parse().unwrap()).scope(Scope::Federation);
    let whole = Batch { interval: Duration::from_hours(1), samples: 100, bytes: 1 << 20 };
    let publisher = publisher.batch(whole).start().await.unwrap();
    for sample in samples(0..100) {
        publisher.publish(sample).await.unwrap();
    }
    publisher.flush().await.unwrap();
    eventually("the long record to be refused", || async {
        (santander.refused("oversized").await > 0.0).then_some(())
    })
    .await;
    for number in 100..103 {
        publisher.publish(sample(number)).await.unwrap();
        publisher.flush().await.unwrap();
    }
    let mut far = Reader::start(&board, TRUCKS, Start::Earliest).await;
    assert_eq!(far.samples(3).await, samples(100..103));
    assert_eq!(santander.refused("key-header-missing").await.to_bits(), 0.0_f64.to_bits());
    far.close().await;
    client.close().await;
}
