//! Two cities with a relay between them, on any machine.

use std::time::Duration;

use sekisho_e2e::{City, Relay, Weather, linked, peer_with, samples};

use crate::stage::{TRUCKS, Truck, reader, reading};

/// Bytes of envelopes that came over the link.
const LINK_BYTES: &str = "sekisho_link_bytes_total{peer=\"fujisawa\"}";
/// What an envelope may cost above its own bytes, from the exporter, with everything else that is said
/// meanwhile: 70 to 85 were measured of one of 472 bytes.
const ABOVE_MAX: f64 = 110.0;

/// Two cities; santander reaches fujisawa through the relay and no other way.
async fn cities(seed: u64) -> (City, City, Relay) {
    let (fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    let relay = Relay::before(fujisawa.quic(), seed).await;
    let address = relay.address().to_string();
    peer_with(&fujisawa, &santander, &["--export", TRUCKS, "--address", &address]).await;
    linked(&fujisawa, &santander).await;
    (fujisawa, santander, relay)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_crosses_a_network_that_delays_loses_repeats_and_reorders_once_and_in_order() {
    let (fujisawa, santander, relay) = cities(1).await;
    let truck = Truck::of(&fujisawa).await;
    let map = reader(&fujisawa, &santander, "map").await;
    let mut reader = reading(&map).await;
    relay.turn(Weather {
        delay: Duration::from_millis(30),
        jitter: Duration::from_millis(15),
        lost_per_mille: 20,
        repeated_per_mille: 20,
        ..Weather::default()
    });
    truck.publish(samples(0..600)).await;
    assert_eq!(reader.samples(600).await, samples(0..600));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_published_while_the_cable_was_out_arrives_once_and_in_order_with_its_own_time() {
    let (fujisawa, santander, relay) = cities(2).await;
    let truck = Truck::of(&fujisawa).await;
    let map = reader(&fujisawa, &santander, "map").await;
    let mut reader = reading(&map).await;
    let mut seen = Vec::new();
    for round in 0..3_i64 {
        let first = round * 400;
        truck.publish(samples(first..first + 100)).await;
        seen.extend(reader.samples(100).await);
        relay.cut(true);
        truck.publish(samples(first + 100..first + 400)).await;
        relay.cut(false);
        while seen.len() < usize::try_from(first + 400).unwrap() {
            let message = reader.message().await;
            assert!(message.received <= sekisho::clock::now(), "{message:?}");
            seen.extend(message.samples().unwrap());
        }
    }
    assert_eq!(seen, samples(0..1_200));
}

/// Whoever stands behind one link shares what crosses it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_crosses_a_link_once_however_many_read_it_behind_it() {
    let (fujisawa, santander, relay) = cities(3).await;
    let truck = Truck::of(&fujisawa).await;
    let map = reader(&fujisawa, &santander, "map").await;
    let mut readers = Vec::new();
    for _reader in 0..20 {
        readers.push(reading(&map).await);
    }
    let before = (relay.bytes_back(), santander.metric(LINK_BYTES).await);
    truck.publish(samples(0..3_000)).await;
    for reader in &mut readers {
        assert_eq!(reader.samples(3_000).await.len(), 3_000);
    }
    let crossed = relay.bytes_back() - before.0;
    let taken = santander.metric("sekisho_link_records_total{peer=\"fujisawa\"}").await;
    let envelopes = f64::from(u32::try_from(truck.air.state().envelopes_accepted).unwrap());
    assert!(taken <= envelopes, "{taken} of {envelopes}");
    let carried = santander.metric(LINK_BYTES).await - before.1;
    let above = (f64::from(u32::try_from(crossed).unwrap()) - carried) / envelopes;
    println!(
        "{crossed} bytes came back over the link for {envelopes} envelopes of {carried} bytes: \
         {above:.1} more for each"
    );
    assert!(carried > 0.0 && above <= ABOVE_MAX, "{above:.1} bytes above each envelope");
}
