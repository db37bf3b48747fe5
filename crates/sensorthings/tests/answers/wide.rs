//! Sets of a whole city, of which nobody reads every record for one answer.

use proptest::prelude::*;
use sekisho_proto::{StreamClass, Value};
use sekisho_sensorthings::{Answer, FaultKind, Outcome, Records, Request, answer};
use serde_json::{Value as Json, json};

use crate::city::{BASE, City, at, described, sample};
use crate::paging::walk;

/// Stations with so many records each; the truth is what each set holds, in the order of topics.
fn stations(records: &[i64]) -> (City, Vec<Json>) {
    let mut city = City::default();
    let mut all = Vec::new();
    for (number, records) in records.iter().enumerate() {
        let topic = format!("fujisawa/station/{number:03}");
        city.describe(described(&topic, Some((1, 1)), &[("n", "")]));
        for record in 0..*records {
            city.keep(&topic, &[sample(record, &[("n", "", Value::Integer(record))])]);
            all.push(json!(format!("fujisawa:station:{number:03}::n@{record}.0")));
        }
    }
    (city, all)
}

/// Some long ones between many short ones, and what is not to be read.
fn large() -> (City, Vec<Json>) {
    let records: Vec<_> = (0..120).map(|number| if number % 50 == 7 { 400 } else { 2 }).collect();
    let (mut city, all) = stations(&records);
    let mut sealed = described("fujisawa/home/1", None, &[("motion", "")]);
    sealed.class = StreamClass::Personal;
    city.describe(sealed);
    city.keep("fujisawa/home/1", &[]);
    city.keep("fujisawa/room/1", &[sample(1, &[("n", "", Value::Integer(1))])]);
    city.streams.last_mut().unwrap().is_readable = false;
    (city, all)
}

#[test]
fn links_lead_through_all_observations_of_a_large_city() {
    let (city, all) = large();
    for target in ["/Observations", "/Observations?$top=1000", "/Observations?$top=37&$select=id"] {
        assert_eq!(walk(&city, target, "@iot.id"), all, "{target}");
    }
    let skipped = walk(&city, "/Observations?$skip=500&$top=300", "@iot.id");
    assert_eq!(skipped, all[500..]);
    let first = city.json("/Observations?$top=1");
    assert_eq!(first["value"][0]["@iot.id"], all[0]);
    assert!(first["@iot.nextLink"].is_string());
    let links = city.json("/Observations/$ref?$top=1");
    assert_eq!(links["value"].as_array().unwrap().len(), 1);
    assert!(links["@iot.nextLink"].as_str().unwrap().contains("/Observations/$ref?"), "{links}");
    let table = city.json("/Observations?$top=3&$resultFormat=dataArray");
    assert_eq!(table["value"].as_array().unwrap().len(), 2);
    assert!(table["@iot.nextLink"].is_string());
    let none = city.json("/Observations?$top=0");
    assert_eq!(none, json!({ "value": [] }));
}

#[test]
fn what_is_rare_in_a_large_city_is_found_over_empty_pages() {
    let (city, _) = large();
    let found = walk(&city, "/Observations?$filter=result eq 399", "@iot.id");
    let wanted = ["007", "057", "107"].map(|n| json!(format!("fujisawa:station:{n}::n@399.0")));
    assert_eq!(found, wanted);
}

#[test]
fn a_walk_goes_on_where_it_was_although_streams_come_and_go() {
    let (mut city, all) = large();
    let page = city.json("/Observations?$top=450");
    let next = page["@iot.nextLink"].as_str().unwrap().to_owned();
    city.streams.retain(|kept| !kept.topic.as_str().ends_with("/007"));
    city.keep("fujisawa/a/1", &[sample(1, &[("n", "", Value::Integer(1))])]);
    let first: Vec<_> =
        page["value"].as_array().unwrap().iter().map(|o| o["@iot.id"].clone()).collect();
    let seen = first.len();
    let rest = walk(&city, &next, "@iot.id");
    assert_eq!([first, rest].concat(), all, "{seen} on the first page");
}

#[test]
fn a_walk_ends_its_page_where_much_was_read() {
    let (city, all) = large();
    let request = Request::parse("/Observations", "$top=1000&$select=id").unwrap();
    let (catalogue, mut records) = (city.catalogue(), Records::default());
    let Outcome::Wants(wants) = answer(&request, &catalogue, &records, (BASE, at(60))) else {
        panic!("wanted records to be read first")
    };
    for want in wants {
        city.read(want, &mut records);
    }
    records.note_much();
    let done = answer(&request, &catalogue, &records, (BASE, at(60)));
    let Outcome::Done(Ok(Answer::Json(page))) = done else { panic!("wanted a page: {done:?}") };
    let first = page["value"].as_array().unwrap().iter().map(|o| o["@iot.id"].clone());
    let first: Vec<_> = first.collect();
    assert!(!first.is_empty() && first.len() < 1_000, "{}", first.len());
    let rest = walk(&city, page["@iot.nextLink"].as_str().unwrap(), "@iot.id");
    assert_eq!([first, rest].concat(), all);
}

#[test]
fn what_a_filter_names_is_asked_alone() {
    let (city, _) = large();
    for (filter, count) in [
        ("Datastream/id eq 'fujisawa:station:007::n'", 400),
        ("'fujisawa:station:007' eq Datastream/Thing/@iot.id and result lt 10", 10),
        ("id eq 'fujisawa:station:057::n@399.0'", 1),
        ("id eq 'fujisawa:station:057::n@399.0' or id eq 'fujisawa:station:007::n@1.0'", 2),
        ("FeatureOfInterest/id eq 'fujisawa:station:001'", 2),
        ("Datastream/id eq 'fujisawa:room:1::n'", 0),
        ("Datastream/id eq 'no identifier'", 0),
    ] {
        let page = city.json(&format!("/Observations?$filter={filter}&$count=true&$top=1"));
        assert_eq!(page["@iot.count"], count, "{filter}");
    }
}

#[test]
fn what_is_recent_in_a_city_is_walked_and_in_a_part_of_it_sorted_and_counted() {
    let (city, _) = large();
    let recent = format!("/Observations?$filter=phenomenonTime ge {}", at(390));
    assert_eq!(walk(&city, &recent, "@iot.id").len(), 30);
    // Of few streams everything since then is read, however long they are.
    let (city, _) = stations(&[2_000, 2_000, 2_000]);
    let recent = format!("/Observations?$filter=phenomenonTime ge {}", at(1_995));
    let page = city.json(&format!("{recent}&$count=true&$orderby=result desc&$top=3"));
    assert_eq!(page["@iot.count"], 15);
    let results: Vec<_> = page["value"].as_array().unwrap().iter().map(|o| &o["result"]).collect();
    assert_eq!(results, [&json!(1_999); 3]);
    for option in ["$count=true", "$orderby=result"] {
        let fault = city.ask(&format!("/Observations?{option}")).unwrap_err();
        assert_eq!(fault.kind, FaultKind::TooMuch, "{fault}");
        assert!(fault.to_string().contains("narrow it"), "{fault}");
    }
}

#[test]
fn where_everything_was_is_walked_with_what_stands_in_between() {
    let (mut city, _) = stations(&[1, 1, 1]);
    for name in ["b", "t"] {
        let topic = format!("fujisawa/{name}/1");
        city.describe(described(&topic, None, &[("lat", "deg"), ("lon", "deg")]));
        for number in 0..400 {
            let east = Value::Float(139.0 + number as f64 / 1_000.0);
            let values = [("lat", "deg", Value::Float(35.0)), ("lon", "deg", east)];
            city.keep(&topic, &[sample(number, &values)]);
        }
    }
    let places = |name: &str| (0..400).map(|n| json!(format!("fujisawa:{name}:1@{n}.0"))).collect();
    let stand = (0..3).map(|n| json!(format!("fujisawa:station:{n:03}"))).collect();
    let wanted: [Vec<Json>; 3] = [places("b"), stand, places("t")];
    for top in [1_000, 399, 20] {
        let target = format!("/HistoricalLocations?$top={top}");
        assert_eq!(walk(&city, &target, "@iot.id"), wanted.concat(), "{target}");
    }
    let one = city.json("/HistoricalLocations?$top=1");
    assert_eq!(one["value"][0]["@iot.id"], "fujisawa:b:1@0.0");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn links_lead_through_any_city_once(
        records in prop::collection::vec(prop_oneof![0..4_i64, 100..400_i64], 2..30),
        top in 40..300_usize,
        least in 0..200_i64,
    ) {
        let (city, all) = stations(&records);
        let is_wanted = |id: &&Json| {
            let record = id.as_str().unwrap().split_once('@').unwrap().1;
            record.split_once('.').unwrap().0.parse::<i64>().unwrap() >= least
        };
        let wanted: Vec<_> = all.iter().filter(is_wanted).cloned().collect();
        let target = format!("/Observations?$filter=result ge {least}&$top={top}&$select=id");
        prop_assert_eq!(walk(&city, &target, "@iot.id"), wanted);
    }
}
