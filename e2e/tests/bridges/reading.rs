//! Readings on their way to sensiNact: what they are there, that none is lost whatever is restarted,
//! and that nothing comes that was not granted.

use sekisho::Value;
use sekisho_e2e::{City, eventually, sekisho};
use serde_json::json;

use crate::broker::Mosquitto;
use crate::consumer::{Attachment, Consumer};
use crate::town::{AIR, Town, ago, millis};

const PM: &str = "fujisawa--truck--17/air/pm2-5";

fn attached(broker: &Mosquitto) -> Attachment {
    let topics = vec!["sensinact/+".to_owned()];
    Attachment { port: broker.plain().port(), tls: false, login: None, topics }
}

#[tokio::test]
async fn values_types_times_and_places_reach_sensinact() {
    let Some(broker) = Mosquitto::start().await else { return };
    let town = Town::found(City::plan("fujisawa").await).await;
    let config = town.configure(&broker.settings(), "");
    let mut bridge = town.start(&config);
    let consumer = Consumer::start(attached(&broker));
    let truck = town.device("truck-17", AIR).await;
    let first = ago(20);
    truck
        .say(
            first,
            &[
                ("pm2_5", Value::Integer(12)),
                ("lat", Value::Float(35.339_012_345)),
                ("lon", Value::Float(139.487_012_345)),
                ("door", Value::Boolean(true)),
                ("note", Value::Text("曇り".to_owned())),
                ("fault", Value::Float(f64::NAN)),
            ],
        )
        .await;
    let held = consumer.holds(PM, json!(12.0)).await;
    assert_eq!((held.class, held.time), ("Double", millis(first)));
    assert_eq!(held.metadata["publisher"], json!("truck-17@fujisawa"));
    assert_eq!((&held.metadata["late"], &held.metadata["attested"]), (&json!(false), &json!("")));
    let door = consumer.holds("fujisawa--truck--17/air/door", json!(true)).await;
    assert_eq!(door.class, "Boolean");
    consumer.holds("fujisawa--truck--17/air/note", json!("曇り")).await;
    let place = json!({"type": "Point", "coordinates": [139.487_012_345, 35.339_012_345]});
    consumer.holds("fujisawa--truck--17/admin/location", place.clone()).await;
    consumer.holds("fujisawa--truck--17/admin/friendlyName", json!("Truck 17")).await;
    // What was measured long ago is marked, and a later value does not give way to it.
    let (late, second) = (ago(600), ago(10));
    truck.say(second, &[("pm2_5", Value::Float(12.5))]).await;
    truck.say(late, &[("pm2_5", Value::Float(7.25))]).await;
    consumer
        .until("the late one", |seen| {
            seen.twin.history.contains(&(PM.to_owned(), millis(late), json!(7.25))).then_some(())
        })
        .await;
    let held = consumer.holds(PM, json!(12.5)).await;
    assert_eq!(held.time, millis(second));
    consumer.look(|seen| {
        assert_eq!(seen.twin.errors, Vec::<String>::new());
        assert_eq!((seen.last.len(), seen.duplicates), (1, 0));
    });
    // Whoever comes later has the last value of everything from one retained message.
    let later = Consumer::start(attached(&broker));
    assert_eq!(later.holds(PM, json!(12.5)).await.time, millis(second));
    later.holds("fujisawa--truck--17/air/door", json!(true)).await;
    later.holds("fujisawa--truck--17/admin/location", place).await;
    bridge.terminate();
    let tally: serde_json::Value = serde_json::from_str(&bridge.rest().await).unwrap();
    assert_eq!(bridge.wait().await.code(), Some(0));
    assert_eq!((&tally["messages"], &tally["late"]), (&json!(3), &json!(1)), "{tally}");
    assert_eq!(tally["left_out"], json!({"not-finite": 1}));
}

/// Publishes the numbers from `from` on, one a message.
async fn count(truck: &crate::town::Device, numbers: std::ops::Range<i32>) {
    for number in numbers {
        truck.say(ago(0), &[("pm2_5", Value::Integer(number.into()))]).await;
    }
}

#[tokio::test]
async fn nothing_is_lost_whatever_is_restarted() {
    let Some(mut broker) = Mosquitto::start().await else { return };
    let mut town = Town::found(City::plan("fujisawa").await).await;
    let config = town.configure(&broker.settings(), "");
    let bridge = town.start(&config);
    let consumer = Consumer::start(attached(&broker));
    let truck = town.device("truck-17", AIR).await;
    truck.say(ago(30), &[("door", Value::Boolean(false))]).await;
    count(&truck, 0..20).await;
    consumer.holds(PM, json!(19.0)).await;
    // The bridge is killed, and comes back after more was published.
    bridge.kill().await;
    count(&truck, 20..40).await;
    let bridge = town.start(&config);
    consumer.holds(PM, json!(39.0)).await;
    // The node is killed.
    town.city.kill_node().await;
    town.city.start_node().await;
    count(&truck, 40..60).await;
    consumer.holds(PM, json!(59.0)).await;
    // The broker is killed, with everything that it retained, while more is published.
    broker.kill().await;
    let gone = consumer.look(|seen| seen.connections);
    count(&truck, 60..80).await;
    broker.begin().await;
    consumer.until("sensiNact back", |seen| (seen.connections > gone).then_some(())).await;
    consumer.holds(PM, json!(79.0)).await;
    let missing = consumer.look(|seen| {
        let told = |number: &i32| {
            let wanted = json!(f64::from(*number));
            seen.twin.history.iter().any(|(name, _, value)| name == PM && *value == wanted)
        };
        (0..60).filter(|number| !told(number)).collect::<Vec<_>>()
    });
    assert_eq!(missing, [0; 0]);
    // What never changed since is retained again, too.
    let later = Consumer::start(attached(&broker));
    later.holds("fujisawa--truck--17/air/door", json!(false)).await;
    later.holds(PM, json!(79.0)).await;
    consumer.look(|seen| {
        assert_eq!((&seen.deaf, seen.duplicates), (&None, 0));
        assert_eq!(seen.twin.errors, Vec::<String>::new());
    });
    drop(bridge);
}

#[tokio::test]
async fn what_was_not_granted_does_not_come_out_and_a_revoked_bridge_ends() {
    let Some(broker) = Mosquitto::start().await else { return };
    let town = Town::found(City::plan("fujisawa").await).await;
    // It may read and open the home, and not bring it out.
    let home = town.device("sensor", "fujisawa/home/1/bed").await;
    let config = town.configure(&broker.settings(), "");
    let mut bridge = town.start(&config);
    let consumer = Consumer::start(attached(&broker));
    let truck = town.device("truck-17", AIR).await;
    home.say(ago(1), &[("motion", Value::Boolean(true))]).await;
    truck.say(ago(1), &[("pm2_5", Value::Float(1.0))]).await;
    consumer.holds(PM, json!(1.0)).await;
    eventually("a word about the home", || async {
        let told = std::fs::read_to_string(town.city.place("bridge.log")).unwrap();
        told.contains("no right to bridge").then_some(())
    })
    .await;
    consumer.look(|seen| {
        let homes = seen.twin.resources.keys().filter(|name| name.contains("home"));
        assert_eq!(homes.count(), 0);
    });
    let revoke = ["revoke", "sensinact@fujisawa", "--reason", "lost", "--yes"];
    town.city.run(&revoke).await.succeeded();
    let status = bridge.wait().await;
    assert!(status.code().is_some_and(|code| code != 0), "{status:?}");
    truck.say(ago(0), &[("pm2_5", Value::Float(2.0))]).await;
    let again = ["bridge", "sensinact", "--config", config.to_str().unwrap()];
    sekisho(&again).await.failed(1, "");
    consumer.look(|seen| assert_eq!(seen.twin.resources[PM].value, json!(1.0)));
}
