//! Three cities on machines of their own, with cables that are slowed and cut: for as long as
//! publishing takes, and so many seconds more as `SEKISHO_CUT_SECONDS` says, in which the truck goes on.

use std::time::Duration;

use sekisho_e2e::{City, Lab, linked, peer, samples};

use crate::stage::{TRUCKS, Truck, reader, reading};

/// What a slow uplink carries, bytes per second.
const SLOW: u64 = 256 * 1024;

/// Samples that a truck publishes at once, every so often, while its city is cut off for long.
const BATCH: i64 = 30;
const EVERY: Duration = Duration::from_secs(1);

/// How much longer the cables are out than publishing takes.
fn cut_seconds() -> i64 {
    let Ok(text) = std::env::var("SEKISHO_CUT_SECONDS") else { return 0 };
    text.parse().unwrap_or_else(|_| panic!("SEKISHO_CUT_SECONDS: wanted a number, found {text}"))
}

#[test]
fn three_cities_lose_nothing_while_their_cables_are_slowed_cut_and_mended() {
    Lab::run(3, async |lab| {
        let (fujisawa, santander, toulouse) = tokio::join!(
            City::found_at(lab.site(0), "fujisawa"),
            City::found_at(lab.site(1), "santander"),
            City::found_at(lab.site(2), "toulouse"),
        );
        peer(&fujisawa, &santander, TRUCKS).await;
        peer(&fujisawa, &toulouse, TRUCKS).await;
        let truck = Truck::of(&fujisawa).await;
        let map = reader(&fujisawa, &santander, "map").await;
        let plan = reader(&fujisawa, &toulouse, "plan").await;
        let (mut near, mut far) = (reading(&map).await, reading(&plan).await);
        lab.site(2).slow(SLOW);

        truck.publish(samples(0..300)).await;
        assert_eq!(near.samples(300).await, samples(0..300));
        assert_eq!(far.samples(300).await, samples(0..300));

        // One city is cut off; the other does not notice.
        lab.cut(0, 1);
        truck.publish(samples(300..900)).await;
        assert_eq!(far.samples(600).await, samples(300..900));
        lab.mend(0, 1);
        assert_eq!(near.samples(600).await, samples(300..900));

        // Everybody is cut off from everybody.
        lab.cut(0, 1);
        lab.cut(0, 2);
        truck.publish(samples(900..1_500)).await;
        let mut last = 1_500;
        for _second in 0..cut_seconds() {
            tokio::time::sleep(EVERY).await;
            truck.publish(samples(last..last + BATCH)).await;
            last += BATCH;
        }
        lab.mend(0, 1);
        lab.mend(0, 2);
        let count = usize::try_from(last - 900).unwrap();
        assert_eq!(near.samples(count).await, samples(900..last));
        assert_eq!(far.samples(count).await, samples(900..last));
        println!(
            "{last} samples crossed, {} of them after a cut of at least {} s",
            count,
            cut_seconds()
        );
        linked(&fujisawa, &santander).await;
        linked(&fujisawa, &toulouse).await;
    });
}
