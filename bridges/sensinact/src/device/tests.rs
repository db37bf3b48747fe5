//! What is published when samples come.

use std::time::Duration;

use sekisho_proto::{Sample, SampleValue, Timestamp, Topic, Value};
use serde_json::{Value as Json, json};

use super::{Description, Devices, Origin, Publication, Rules};
use crate::tally::{Tally, Why};

const BASE_S: i64 = 1_763_596_800;

struct Town {
    devices: Devices,
    tally: Tally,
    description: Description,
}

impl Town {
    fn new(devices_max: usize) -> Self {
        let rules = Rules { levels: 3, late_after: Duration::from_secs(60), devices_max };
        let (tally, description) = (Tally::default(), Description::default());
        Self { devices: Devices::new(rules), tally, description }
    }

    fn take(&mut self, topic: &str, second: i64, values: &[(&str, Value)]) -> Vec<Publication> {
        self.take_at(topic, second, second, values)
    }

    fn take_at(
        &mut self,
        topic: &str,
        second: i64,
        received: i64,
        values: &[(&str, Value)],
    ) -> Vec<Publication> {
        let value = |(name, value): &(&str, Value)| SampleValue {
            transducer: name.parse().unwrap(),
            unit: "".parse().unwrap(),
            value: value.clone(),
        };
        let sample = Sample { time: at(second), values: values.iter().map(value).collect() };
        let origin = Origin {
            topic: &topic.parse::<Topic>().unwrap(),
            publisher: &"truck-17@fujisawa".parse().unwrap(),
            attester: None,
            received: at(received),
            description: &self.description,
        };
        self.devices.take(origin, &sample, &mut self.tally)
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros((BASE_S + second) * 1_000_000 + 123_456)
}

fn records(publication: &Publication) -> Vec<Json> {
    let payload: Json = serde_json::from_slice(&publication.payload).unwrap();
    payload["records"].as_array().unwrap().clone()
}

#[test]
fn a_message_holds_the_last_value_of_everything_the_device_measures() {
    let mut town = Town::new(8);
    town.description =
        Description { title: Some("Truck 17".to_owned()), place: Some((35.33, 139.4901234)) };
    town.take("fujisawa/truck/17/air", 1, &[("pm2_5", Value::Float(12.0))]);
    let told = town.take("fujisawa/truck/17/cab", 2, &[("door", Value::Boolean(true))]);
    let [told] = told.as_slice() else { panic!("{told:?}") };
    assert!(told.retain);
    let all = records(told);
    assert_eq!(all.len(), 2);
    assert_eq!(
        all[0],
        json!({
            "provider": "fujisawa--truck--17", "name": "Truck 17", "service": "air",
            "resource": "pm2-5", "value": 12.0, "ts": (BASE_S + 1) * 1000 + 123, "unit": "",
            "lat": 35.33, "lon": 139.4901234,
            "location": {"type": "Point", "coordinates": [139.4901234, 35.33]},
            "topic": "fujisawa/truck/17/air", "publisher": "truck-17@fujisawa", "attested": "",
            "late": false,
        })
    );
    assert_eq!((&all[1]["service"], &all[1]["value"]), (&json!("cab"), &json!(true)));
}

#[test]
fn a_moving_device_is_where_it_last_said_it_was() {
    let mut town = Town::new(8);
    let ways = [("lat", Value::Float(35.0)), ("lon", Value::Float(139.0))];
    town.take("fujisawa/truck/17/gps", 1, &ways);
    let told = town.take("fujisawa/truck/17/air", 2, &[("pm2_5", Value::Float(1.0))]);
    assert_eq!(records(&told[0])[2]["location"]["coordinates"], json!([139.0, 35.0]));
    let nowhere = [("lat", Value::Float(95.0)), ("lon", Value::Float(139.0))];
    let told = town.take("fujisawa/truck/17/gps", 3, &nowhere);
    assert_eq!(records(&told[0])[2]["lat"], json!(35.0));
}

#[test]
fn what_comes_out_of_order_is_told_and_not_retained() {
    let mut town = Town::new(8);
    town.take("fujisawa/truck/17/air", 5, &[("pm2_5", Value::Float(5.0))]);
    let both = [("pm2_5", Value::Float(3.0)), ("pm10", Value::Float(9.0))];
    let told = town.take_at("fujisawa/truck/17/air", 3, 500, &both);
    let [past, news] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((past.retain, news.retain), (false, true));
    assert_eq!((records(past)[0]["value"].clone(), records(past).len()), (json!(3.0), 1));
    assert_eq!(records(past)[0]["late"], json!(true));
    let last: Vec<_> = records(news).iter().map(|record| record["value"].clone()).collect();
    assert_eq!(last, [json!(9.0), json!(5.0)]);
    assert_eq!(town.tally.late, 1);
}

#[test]
fn a_resource_keeps_its_first_type() {
    let mut town = Town::new(8);
    town.take("fujisawa/truck/17/air", 1, &[("level", Value::Integer(1))]);
    assert_eq!(town.take("fujisawa/truck/17/air", 2, &[("level", Value::Float(1.5))]).len(), 1);
    let text = [("level", Value::Text("high".to_owned()))];
    assert_eq!(town.take("fujisawa/truck/17/air", 3, &text), []);
    assert_eq!(town.take("fujisawa/truck/17/air", 4, &[("level", Value::Float(f64::NAN))]), []);
    let counted = |why| town.tally.count(why);
    assert_eq!((counted(Why::Retyped), counted(Why::NotFinite)), (1, 1));
}

#[test]
fn what_is_kept_between_runs_is_what_was_retained() {
    let mut town = Town::new(8);
    let told = town.take("fujisawa/truck/17/air", 1, &[("pm2_5", Value::Float(0.1))]);
    let kept = town.devices.take_changed();
    assert_eq!(kept, [("fujisawa--truck--17".to_owned(), told[0].payload.clone())]);
    assert_eq!(town.devices.take_changed(), []);
    let mut next = Town::new(8);
    assert!(next.devices.restore(&kept[0].0, &kept[0].1));
    assert!(!next.devices.restore("x", b"{}"));
    let told = next.take("fujisawa/truck/17/cab", 2, &[("door", Value::Boolean(true))]);
    assert_eq!(records(&told[0]).len(), 2);
}

#[test]
fn what_came_of_a_topic_that_may_not_be_bridged_any_more_is_cleared() {
    let mut town = Town::new(8);
    town.take("fujisawa/truck/17/air", 1, &[("pm2_5", Value::Float(0.1))]);
    town.take("fujisawa/truck/17/cab", 2, &[("door", Value::Boolean(true))]);
    let [air, cab] = ["fujisawa/truck/17/air", "fujisawa/truck/17/cab"]
        .map(|topic| topic.parse::<Topic>().unwrap());
    let provider = "fujisawa--truck--17";
    assert_eq!(town.devices.topics(provider), [air.clone(), cab.clone()]);
    let left = town.devices.forget(&air).unwrap();
    assert!(left.retain);
    assert_eq!(records(&left).len(), 1);
    assert_eq!(town.devices.forget(&air), None);
    town.devices.take_changed();
    let cleared = town.devices.forget(&cab).unwrap();
    assert!(cleared.retain && cleared.payload.is_empty(), "{cleared:?}");
    // Nothing of it comes back after a restart, either.
    let kept = town.devices.take_changed();
    let mut next = Town::new(8);
    assert!(next.devices.restore(&kept[0].0, &kept[0].1));
    assert_eq!(next.devices.retained(provider), Some(cleared));
}

#[test]
fn memory_has_a_bound_and_times_that_would_be_misread_are_left_out() {
    let mut town = Town::new(1);
    town.take("fujisawa/truck/17/air", 1, &[("pm2_5", Value::Float(1.0))]);
    assert_eq!(town.take("fujisawa/truck/18/air", 1, &[("pm2_5", Value::Float(1.0))]), []);
    assert_eq!(town.take("fujisawa/truck/17/air", -BASE_S, &[("x", Value::Float(1.0))]), []);
    let counted = |why| town.tally.count(why);
    assert_eq!((counted(Why::TooMany), counted(Why::Untimed)), (1, 1));
}
