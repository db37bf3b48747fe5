//! Three cities on machines of their own, with cables that are slowed and cut.

use sekisho_e2e::{City, Lab, linked, peer, samples};

use crate::stage::{TRUCKS, Truck, reader, reading};

/// What a slow uplink carries, bytes per second.
const SLOW: u64 = 256 * 1024;

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
        lab.mend(0, 1);
        lab.mend(0, 2);
        assert_eq!(near.samples(600).await, samples(900..1_500));
        assert_eq!(far.samples(600).await, samples(900..1_500));
        linked(&fujisawa, &santander).await;
        linked(&fujisawa, &toulouse).await;
    });
}
