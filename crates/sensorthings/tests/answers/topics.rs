//! Topics of MQTT.

use sekisho_proto::{Offset, OrgName};
use sekisho_sensorthings::Stream;
use sekisho_sensorthings::mqtt::Watch;
use serde_json::Value as Json;

use crate::city::{BASE, City, at};

fn watch(filter: &str) -> Option<Result<Watch, String>> {
    let own = OrgName::parse("fujisawa").unwrap();
    Watch::parse(filter, &own).map(|found| found.map_err(|fault| fault.to_string()))
}

#[test]
fn each_new_observation_is_one_payload() {
    let city = City::small();
    let kept = &city.streams[0];
    let payloads = |filter: &str| -> Vec<Json> {
        let stream = Stream {
            topic: kept.topic.clone(),
            descriptor: kept.descriptor.as_ref(),
            first_offset: Offset::ZERO,
            next_offset: Offset::ZERO,
            records: 0,
            is_readable: true,
        };
        let watch = watch(filter).unwrap().unwrap();
        let told = watch.payloads(stream, &kept.readings[1], (BASE, at(0)));
        told.iter().map(|payload| serde_json::from_str(payload).unwrap()).collect()
    };
    let all = payloads("v1.1/Observations");
    assert_eq!(all.len(), 3);
    let one = payloads("v1.1/Datastreams('fujisawa:park:1::pm2_5')/Observations");
    assert_eq!(one.len(), 1);
    assert_eq!(one[0]["@iot.id"], "fujisawa:park:1::pm2_5@1.0");
    assert_eq!(one[0], city.json("/Observations('fujisawa:park:1::pm2_5@1.0')"));
    let some = payloads("v1.1/Datastreams('fujisawa:park:1::pm2_5')/Observations?$select=result");
    assert_eq!(some[0].to_string(), "{\"result\":1}");
}

#[test]
fn a_watch_says_what_is_to_be_subscribed_to() {
    let filter = |name: &str| watch(name).unwrap().unwrap().filter().to_string();
    assert_eq!(filter("v1.1/Observations"), "fujisawa/#");
    let one = "v1.1/Datastreams('santander:~E9~9B~BB~E5~8A~9B:1::power::W')/Observations";
    assert_eq!(filter(one), "santander/電力/1");
}

#[test]
fn other_topics_are_left_alone_and_other_paths_refused() {
    for name in ["fujisawa/air", "v1.1", "v1.1/air", "v1.1/+", "v1.0/Observations"] {
        assert!(watch(name).is_none(), "{name}");
    }
    for name in [
        "v1.1/Things",
        "v1.1/Observations/+",
        "v1.1/Datastreams('x')/Observations",
        "v1.1/Datastreams('a:b::c')/Thing",
        "v1.1/Observations?$top=1",
        "v1.1/Datastreams('a:b::c')/Observations?$select=colour",
    ] {
        assert!(watch(name).unwrap().is_err(), "{name}");
    }
}
