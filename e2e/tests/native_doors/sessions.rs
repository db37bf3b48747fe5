//! The SDK over every door: sealed samples there and back, cursors, and a node that is killed.

use sekisho::{Delivery, Sample, Start, Timestamp, Value};
use sekisho_e2e::{Member, Reader, holds_key, sample, samples, within};

use crate::{AIR, TRUCKS, city, doors, publisher, truck};

#[tokio::test]
async fn sealed_samples_cross_every_door_both_ways_bit_for_bit() {
    let (city, web) = city().await;
    let (truck, wall) = (truck(&city).await, Member::reader(&city, "wall", TRUCKS).await);
    holds_key(&wall, AIR).await;
    for (door, via) in doors(web) {
        let mut by_quic = Reader::start(&wall, TRUCKS, Start::Latest).await;
        let mut by_door = Reader::start(&wall.through(via.clone()), TRUCKS, Start::Latest).await;
        let client = truck.through(via).connect().await;
        let air = publisher(&client).await;
        for sample in samples(0..200) {
            air.publish(sample).await.unwrap();
        }
        air.flush().await.unwrap();
        assert_eq!(by_quic.samples(200).await, samples(0..200), "{door}");
        assert_eq!(by_door.samples(200).await, samples(0..200), "{door}");
        air.publish(sample(200)).await.unwrap();
        air.flush().await.unwrap();
        let (one, other) = (by_quic.message().await, by_door.message().await);
        assert!(other.sealed, "{door}");
        assert_eq!(other.publisher, *truck.name(), "{door}");
        assert_eq!(one.envelope.encoded(), other.envelope.encoded(), "{door}");
        by_quic.close().await;
        by_door.close().await;
        client.close().await;
    }
}

#[tokio::test]
async fn whoever_is_connected_by_a_door_goes_on_after_the_node_was_killed() {
    let (mut city, web) = city().await;
    let (truck, wall) = (truck(&city).await, Member::reader(&city, "wall", TRUCKS).await);
    holds_key(&wall, AIR).await;
    let mut parties = Vec::new();
    for (door, via) in doors(web) {
        let reader = Reader::resume(&wall.through(via.clone()), TRUCKS, door).await;
        let client = truck.through(via).connect().await;
        parties.push((door, reader, publisher(&client).await, client));
    }
    let mut published = 0;
    for round in 0..2 {
        if round == 1 {
            city.kill_node().await;
            city.start_node().await;
        }
        for (_door, _reader, air, _client) in &parties {
            for sample in samples(published..published + 10) {
                air.publish(sample).await.unwrap();
            }
            within("everything published", air.flush()).await.unwrap();
            published += 10;
        }
        for (door, reader, ..) in &mut parties {
            let mut seen = Vec::new();
            while seen.len() < 20 {
                let message = reader.message().await;
                seen.extend(message.samples().unwrap());
                reader.acknowledge(&message);
            }
            assert_eq!(seen, samples(published - 20..published), "{door}, round {round}");
        }
    }
    // What a cursor kept is not told again to whoever comes by another door.
    for ((door, reader, _air, client), (_, via)) in parties.into_iter().zip(doors(web)) {
        reader.close().await;
        client.close().await;
        let mut again = Reader::resume(&wall.through(via.clone()), TRUCKS, door).await;
        let client = truck.through(via).connect().await;
        let air = publisher(&client).await;
        air.publish(sample(published)).await.unwrap();
        air.flush().await.unwrap();
        let mut seen = again.samples(1).await;
        // The last message of the other door's publisher stands before it in the second turn.
        while seen.last() != Some(&sample(published)) {
            seen.extend(again.samples(1).await);
        }
        assert!(seen.len() <= 2, "{door}: wanted nothing old, found {seen:?}");
        published += 1;
        again.close().await;
        client.close().await;
    }
}

#[tokio::test]
async fn a_subscription_that_is_not_read_holds_up_no_other_and_loses_nothing() {
    const LARGE: usize = 160;
    let (city, web) = city().await;
    let (truck, wall) = (truck(&city).await, Member::reader(&city, "wall", TRUCKS).await);
    holds_key(&wall, AIR).await;
    let publishing = truck.connect().await;
    let air = publisher(&publishing).await;
    let large = |number: usize| {
        let time = Timestamp::from_micros(1_795_219_200_000_000 + i64::try_from(number).unwrap());
        let raw = Value::Blob(vec![u8::try_from(number).unwrap(); 60 * 1024]);
        let value = sekisho::SampleValue {
            transducer: "raw".parse().unwrap(),
            unit: "".parse().unwrap(),
            value: raw,
        };
        Sample { time, values: vec![value] }
    };
    for number in 0..LARGE {
        air.publish(large(number)).await.unwrap();
    }
    air.flush().await.unwrap();
    for (door, via) in doors(web) {
        let client = wall.through(via).connect().await;
        let subscribe = || client.subscribe(TRUCKS.parse().unwrap());
        let mut slow = subscribe().from(Start::Earliest).start().await.unwrap();
        let mut quick = subscribe().start().await.unwrap();
        air.publish(sample(1)).await.unwrap();
        air.flush().await.unwrap();
        let Some(Ok(Delivery::Message(news))) = within("news", quick.next()).await else {
            panic!("{door}: wanted news")
        };
        assert_eq!(news.samples().unwrap(), [sample(1)], "{door}");
        let mut seen = Vec::new();
        while seen.len() < LARGE {
            match within("what was not read", slow.next()).await {
                Some(Ok(Delivery::Message(message))) => seen.extend(message.samples().unwrap()),
                other => panic!("{door}: wanted a message, found {other:?}"),
            }
        }
        let wanted: Vec<_> = (0..LARGE).map(large).collect();
        assert!(seen == wanted, "{door}: wanted each once and in order");
        client.close().await;
    }
}
