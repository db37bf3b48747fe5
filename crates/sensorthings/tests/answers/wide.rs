//! Sets of a whole city, of which nobody reads every record for one answer.

use proptest::prelude::*;
use sekisho_proto::{StreamClass, Value};
use sekisho_sensorthings::limits::VISITED_RECORDS_MAX;
use sekisho_sensorthings::{Answer, Catalogue, FaultKind, Outcome, Records, Request, answer};
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
    let Outcome::Wants(wants) = answer(&request, &catalogue, &mut records, (BASE, at(60))) else {
        panic!("wanted records to be read first")
    };
    for want in wants {
        city.read(want, &mut records);
    }
    records.note_much();
    let done = answer(&request, &catalogue, &mut records, (BASE, at(60)));
    let Outcome::Done(Ok(Answer::Json(page))) = done else { panic!("wanted a page: {done:?}") };
    let first = page["value"].as_array().unwrap().iter().map(|o| o["@iot.id"].clone());
    let first: Vec<_> = first.collect();
    assert!(!first.is_empty() && first.len() < 1_000, "{}", first.len());
    let rest = walk(&city, page["@iot.nextLink"].as_str().unwrap(), "@iot.id");
    assert_eq!([first, rest].concat(), all);
}

#[test]
fn few_large_records_of_several_logs_are_walked_sorted_and_counted() {
    let (mut city, all) = stations(&[60; 8]);
    city.at_once_max = Some(110);
    for target in ["/Observations", "/Observations?$top=37&$select=id"] {
        assert_eq!(walk(&city, target, "@iot.id"), all, "{target}");
    }
    let recent = format!("/Observations?$filter=phenomenonTime ge {}", at(30));
    assert_eq!(walk(&city, &recent, "@iot.id").len(), 240);
    let page = city.json("/Observations?$count=true&$orderby=result desc,id&$top=1");
    assert_eq!((&page["@iot.count"], &page["value"][0]["result"]), (&json!(480), &json!(59)));
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
}

#[test]
fn a_whole_city_is_counted_once_and_then_walked() {
    let (mut city, all) = stations(&[2_000, 2_000, 2_000]);
    let target = "/Observations?$count=true&$top=900&$select=id";
    let first = city.json(target);
    assert_eq!(first["@iot.count"], 6_000);
    let next = first["@iot.nextLink"].as_str().unwrap();
    // The link says how many there were, and reads no more than its page needs.
    city.keep("fujisawa/station/002", &[sample(1, &[("n", "", Value::Integer(1))])]);
    let second = city.json(next);
    assert_eq!((&second["@iot.count"], &second["value"][0]["@iot.id"]), (&json!(6_000), &all[900]));
    city.streams.last_mut().unwrap().readings.pop();
    assert_eq!(walk(&city, target, "@iot.id"), all);
    let skipped = "/Observations?$count=true&$skip=5990&$top=4";
    assert_eq!(walk(&city, skipped, "@iot.id"), all[5_990..]);
    let none = city.json("/Observations?$count=true&$top=0");
    assert_eq!(none, json!({ "@iot.count": 6_000, "value": [] }));
}

#[test]
fn many_short_logs_are_counted_and_sorted_although_they_are_more_than_are_read_one_by_one() {
    let (city, all) = stations(&[3; 500]);
    let filter = "$filter=result ge 1 and Datastream/Thing/Locations/id ne ''";
    let page = city.json(&format!("/Observations?$count=true&{filter}&$top=1"));
    assert_eq!((&page["@iot.count"], &page["value"][0]["@iot.id"]), (&json!(1_000), &all[1]));
    let sorted = walk(&city, "/Observations?$orderby=result desc,id&$top=700", "result");
    let wanted: Vec<_> = [2, 1, 0].iter().flat_map(|n| vec![json!(n); 500]).collect();
    assert_eq!(sorted, wanted);
}

#[test]
fn what_moves_is_asked_where_it_is_before_it_is_judged_by_it() {
    let mut city = City::default();
    for name in ["a", "b"] {
        let topic = format!("fujisawa/{name}/1");
        city.describe(described(&topic, None, &[("lat", "deg"), ("lon", "deg"), ("n", "")]));
        for number in 0..2_500 {
            let east = if name == "a" { 139.0 } else { 10.0 };
            let values = [
                ("lat", "deg", Value::Float(35.0)),
                ("lon", "deg", Value::Float(east)),
                ("n", "", Value::Integer(number)),
            ];
            city.keep(&topic, &[sample(number, &values)]);
        }
    }
    let near = "st_within(Datastream/Thing/Locations/location, \
                geography'POLYGON((138 34, 140 34, 140 36, 138 36, 138 34))')";
    let target =
        format!("/Observations?$filter={near}&$count=true&$orderby=phenomenonTime desc&$top=3");
    let page = city.json(&target);
    assert_eq!(page["@iot.count"], 7_500);
    let newest = page["value"].as_array().unwrap();
    assert!(newest.iter().all(|found| found["phenomenonTime"] == at(2_499).to_string()), "{page}");
}

#[test]
fn more_than_is_visited_is_refused_with_the_limit_and_a_way_out() {
    let (city, _) = stations(&[1, 1]);
    let mut streams = city.streams_of(VISITED_RECORDS_MAX);
    let request = Request::parse("/Observations", "$count=true").unwrap();
    let ask = |streams| {
        answer(&request, &Catalogue::new(streams), &mut Records::default(), (BASE, at(60)))
    };
    let Outcome::Done(Err(fault)) = ask(streams.clone()) else { panic!("wanted a fault") };
    assert_eq!(fault.kind, FaultKind::TooMuch);
    for part in ["records visited", "at most 262144", "narrow it with $filter"] {
        assert!(fault.to_string().contains(part), "{fault}");
    }
    streams.pop();
    let Outcome::Visits(visit) = ask(streams) else { panic!("wanted a visit") };
    assert_eq!(visit.topics.len(), 1);
}

#[test]
fn a_link_of_one_stream_says_nothing_about_another() {
    for order in ["$orderby=result desc", "$orderby=phenomenonTime desc", ""] {
        let (mut city, all) = stations(&[0, 40, 0]);
        let page = city.json(&format!("/Observations?{order}&$top=30"));
        let next = page["@iot.nextLink"].as_str().unwrap().to_owned();
        for number in 0..60 {
            let one = sample(number, &[("n", "", Value::Integer(number))]);
            city.keep("fujisawa/station/000", std::slice::from_ref(&one));
            city.keep("fujisawa/station/002", &[one]);
        }
        let first = page["value"].as_array().unwrap().iter().map(|o| o["@iot.id"].clone());
        let mut both: Vec<_> = first.chain(walk(&city, &next, "@iot.id")).collect();
        both.sort_by_key(number_of);
        assert_eq!(both, all, "{order}");
    }
}

#[test]
fn a_walk_of_one_long_log_by_time_stays_in_it_when_others_begin() {
    let (mut city, all) = stations(&[0, 900, 0]);
    for order in ["phenomenonTime", "phenomenonTime desc"] {
        let page = city.json(&format!("/Observations?$orderby={order}&$top=30"));
        let next = page["@iot.nextLink"].as_str().unwrap().to_owned();
        city.keep("fujisawa/station/000", &[sample(1, &[("n", "", Value::Integer(1))])]);
        city.keep("fujisawa/station/002", &[sample(1, &[("n", "", Value::Integer(1))])]);
        assert_eq!(walk(&city, &next, "@iot.id").len(), all.len() - 30, "{order}");
        for number in [0, 2] {
            city.streams[number].readings.clear();
        }
    }
}

fn number_of(id: &Json) -> u64 {
    let (_, place) = id.as_str().unwrap().split_once('@').unwrap();
    place.split_once('.').unwrap().0.parse().unwrap()
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
