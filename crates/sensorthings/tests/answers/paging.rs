//! Links to next pages lead to everything, once.

use proptest::prelude::*;
use sekisho_proto::{Offset, Value};
use sekisho_sensorthings::{FaultKind, Outcome, Records, Request, answer};
use serde_json::{Value as Json, json};

use crate::city::{BASE, City, at, described, sample};

/// Everything that links lead to from here.
pub(crate) fn walk(city: &City, target: &str, name: &str) -> Vec<Json> {
    let mut all = Vec::new();
    let mut next = Some(target.to_owned());
    let mut pages = 0;
    while let Some(target) = next {
        let page = city.json(&target);
        all.extend(page["value"].as_array().unwrap().iter().map(|entity| entity[name].clone()));
        next = page["@iot.nextLink"].as_str().map(str::to_owned);
        pages += 1;
        assert!(pages < 1_000, "{target}: wanted an end");
    }
    all
}

fn long(records: i64) -> City {
    let mut city = City::default();
    city.describe(described("fujisawa/park/1", Some((1, 1)), &[("n", ""), ("even", "")]));
    for number in 0..records {
        let mut values = vec![("n", "", Value::Integer(number))];
        if number % 2 == 0 {
            values.push(("even", "", Value::Integer(number)));
        }
        city.keep("fujisawa/park/1", &[sample(number, &values)]);
    }
    city
}

fn numbers(all: &[Json]) -> Vec<i64> {
    all.iter().map(|number| number.as_i64().unwrap()).collect()
}

const ALL: &str = "/Datastreams('fujisawa:park:1::n')/Observations";

#[test]
fn a_long_log_is_walked_in_both_directions() {
    let city = long(3_000);
    let forward: Vec<i64> = (0..3_000).collect();
    assert_eq!(numbers(&walk(&city, &format!("{ALL}?$top=700"), "result")), forward);
    assert_eq!(numbers(&walk(&city, ALL, "result")), forward);
    let mut backward = forward.clone();
    backward.reverse();
    let target = format!("{ALL}?$orderby=phenomenonTime desc&$top=999");
    assert_eq!(numbers(&walk(&city, &target, "result")), backward);
    let even = "/Datastreams('fujisawa:park:1::even')/Observations?$top=1000&$skip=10";
    let wanted: Vec<i64> = (0..3_000).filter(|number| number % 2 == 0).skip(10).collect();
    assert_eq!(numbers(&walk(&city, even, "result")), wanted);
}

/// As a copy of a node's log that was put back goes on: far behind.
fn restored(records: i64) -> City {
    let mut city = long(records);
    let readings = &mut city.streams[0].readings;
    let half = readings.len() / 2;
    for reading in &mut readings[half..] {
        reading.offset = Offset::new(reading.offset.value() + (1 << 40));
    }
    city
}

#[test]
fn a_hole_in_a_log_counts_as_no_records() {
    let city = restored(300);
    let forward: Vec<i64> = (0..300).collect();
    assert_eq!(numbers(&walk(&city, &format!("{ALL}?$top=70"), "result")), forward);
    let mut backward = forward;
    backward.reverse();
    for order in ["phenomenonTime", "result"] {
        let target = format!("{ALL}?$orderby={order} desc&$top=70");
        assert_eq!(numbers(&walk(&city, &target, "result")), backward);
    }
    let longer = restored(3_000);
    for city in [&city, &longer] {
        let all = city.streams[0].readings.len();
        let page = city.json(&format!("{ALL}?$count=true&$top=1"));
        assert_eq!(page["@iot.count"], json!(all));
        let target = "/Things('fujisawa:park:1')/Datastreams?$expand=Observations($count=true;\
                      $orderby=result desc;$top=1)";
        let aside = &city.json(target)["value"];
        let counts: Vec<_> = aside.as_array().unwrap().iter().collect();
        assert!(counts.iter().any(|one| one["Observations@iot.count"] == json!(all)), "{aside}");
    }
}

/// A node reads fewer records at a time than it was asked for where these are large.
fn large(records: i64, at_once: usize) -> City {
    let mut city = long(records);
    city.at_once_max = Some(at_once);
    city
}

#[test]
fn a_log_of_large_records_is_walked_in_both_directions() {
    for (records, at_once) in [
        (300, 1),
        (300, 3),
        (300, 64),
        (300, 200),
        (513, 3),
        (1_000, 40),
        (1_000, 64),
        (1_000, 200),
    ] {
        let city = large(records, at_once);
        let forward: Vec<i64> = (0..records).collect();
        let found = walk(&city, &format!("{ALL}?$top=70"), "result");
        assert_eq!(numbers(&found), forward, "{records} records, {at_once} at once");
        let target = format!("{ALL}?$orderby=phenomenonTime desc&$top=70");
        let backward: Vec<i64> = (0..records).rev().collect();
        let found = walk(&city, &target, "result");
        assert_eq!(numbers(&found), backward, "{records} records, {at_once} at once");
    }
}

/// A truck with 23 transducers and 64 samples to a record: 340 records are a quarter of what one
/// request may read.
#[test]
fn a_walk_backward_goes_on_with_the_next_request_where_much_was_read() {
    let city = large(3_000, 340);
    let since = format!("{ALL}?$filter=phenomenonTime ge {} and result lt 1010", at(1_000));
    let backward: Vec<i64> = (1_000..1_010).rev().collect();
    let target = format!("{since}&$orderby=phenomenonTime desc");
    assert_eq!(numbers(&walk(&city, &target, "result")), backward);
    let forward: Vec<i64> = (1_000..1_010).collect();
    assert_eq!(numbers(&walk(&city, &since, "result")), forward);
}

/// Else its link would lead to where it came from.
#[test]
fn a_walk_backward_reads_on_where_it_has_not_come_on_yet() {
    let city = large(1_000, 200);
    // The first range has fewer records than were asked for, and much was read by then.
    let page = city.json(&format!("{ALL}?$orderby=phenomenonTime desc&$top=70"));
    assert_eq!(page["value"].as_array().unwrap().len(), 70);
    for (token, reads_on) in [("", false), ("&$skiptoken=afujisawa:park:1@900.0", true)] {
        let query = format!("$orderby=phenomenonTime%20desc{token}");
        let request = Request::parse(ALL, &query).unwrap();
        let mut records = Records::default();
        records.note_much();
        let done = answer(&request, &city.catalogue(), &mut records, (BASE, at(60)));
        assert_eq!(matches!(done, Outcome::Wants(_)), reads_on, "{done:?}");
    }
}

#[test]
fn what_comes_while_large_records_are_walked_backward_is_for_the_next_walk() {
    for (records, options) in [(500, ""), (1_500, "$filter=phenomenonTime ge 2026-11-20&")] {
        let mut city = large(records, 123);
        let target = format!("{ALL}?{options}$orderby=phenomenonTime desc&$skip=3&$top=50");
        let page = city.json(&target);
        let first: Vec<_> =
            page["value"].as_array().unwrap().iter().map(|o| o["result"].clone()).collect();
        let next = page["@iot.nextLink"].as_str().unwrap().to_owned();
        for number in records..records + 10 {
            city.keep("fujisawa/park/1", &[sample(number, &[("n", "", Value::Integer(number))])]);
        }
        let all = [first, walk(&city, &next, "result")].concat();
        let wanted: Vec<i64> = (0..records - 3).rev().collect();
        assert_eq!(numbers(&all), wanted, "{target}");
    }
}

#[test]
fn a_log_of_few_large_records_is_sorted_and_counted_as_a_whole() {
    let city = large(500, 123);
    for target in [format!("{ALL}?$top=1"), format!("{ALL}?$top=1&$select=result")] {
        let page = city.json(&target);
        assert_eq!(page["value"][0]["result"], 0);
        assert!(page["@iot.nextLink"].is_string(), "{page}");
    }
    let page = city.json(&format!("{ALL}?$count=true&$top=1&$filter=result ge 100"));
    assert_eq!((&page["@iot.count"], &page["value"][0]["result"]), (&json!(400), &json!(100)));
    let sorted = walk(&city, &format!("{ALL}?$orderby=result desc&$top=200"), "result");
    assert_eq!(numbers(&sorted), (0..500).rev().collect::<Vec<_>>());
}

#[test]
fn what_is_expanded_of_a_log_of_few_large_records_links_to_the_rest() {
    let city = large(500, 123);
    for (order, wanted) in [
        ("phenomenonTime", (0..500).collect::<Vec<i64>>()),
        ("phenomenonTime desc", (0..500).rev().collect()),
    ] {
        let expand = format!("$expand=Observations($orderby={order};$top=10;$select=result)");
        let page = city.json(&format!("/Datastreams('fujisawa:park:1::n')?{expand}"));
        let first = page["Observations"].as_array().unwrap().iter().map(|o| o["result"].clone());
        let link = page["Observations@iot.nextLink"].as_str().unwrap();
        let all: Vec<_> = first.chain(walk(&city, link, "result")).collect();
        assert_eq!(numbers(&all), wanted, "{order}");
    }
}

#[test]
fn what_is_rare_in_a_long_log_is_found_over_empty_pages() {
    let city = long(9_000);
    let target = format!("{ALL}?$filter=result eq 8765 or result eq 3");
    assert_eq!(numbers(&walk(&city, &target, "result")), [3, 8_765]);
    let target = format!("{target}&$orderby=phenomenonTime desc");
    assert_eq!(numbers(&walk(&city, &target, "result")), [8_765, 3]);
}

#[test]
fn a_time_is_found_in_a_long_log_at_once() {
    let city = long(5_000);
    let since = format!("{ALL}?$filter=phenomenonTime ge {}&$count=true", at(4_990));
    let page = city.json(&since);
    assert_eq!(page["@iot.count"], 10);
    assert_eq!(page["value"][0]["result"], 4_990);
    let target =
        format!("{ALL}?$filter=phenomenonTime ge {}&$orderby=phenomenonTime desc", at(2_000));
    let all = numbers(&walk(&city, &target, "result"));
    assert_eq!((all.len(), all.first(), all.last()), (3_000, Some(&4_999), Some(&2_000)));
}

#[test]
fn a_long_log_is_counted_and_sorted_as_a_whole() {
    let mut city = long(5_000);
    let page = city.json(&format!("{ALL}?$count=true&$top=2&$filter=result mod 2 eq 1"));
    assert_eq!((&page["@iot.count"], &page["value"][1]["result"]), (&json!(2_500), &json!(3)));
    let target = format!("{ALL}?$orderby=result desc&$top=900&$count=true");
    let first = city.json(&target);
    assert_eq!(
        (&first["@iot.count"], &first["value"][0]["result"]),
        (&json!(5_000), &json!(4_999))
    );
    // What comes meanwhile is for the next walk.
    city.keep("fujisawa/park/1", &[sample(5_000, &[("n", "", Value::Integer(5_000))])]);
    let rest = walk(&city, first["@iot.nextLink"].as_str().unwrap(), "result");
    assert_eq!(numbers(&rest), (0..4_100).rev().collect::<Vec<_>>());
}

#[test]
fn what_is_expanded_of_a_long_log_is_counted_no_further_than_it_is_read() {
    let city = long(5_000);
    let target = "/Things('fujisawa:park:1')/Datastreams?$expand=Observations($count=true)";
    let fault = city.ask(target).unwrap_err();
    assert_eq!(fault.kind, FaultKind::TooMuch);
    assert!(fault.to_string().contains("instead of expanding"), "{fault}");
}

#[test]
fn some_thousand_records_are_sorted_and_counted_exactly() {
    let city = long(1_500);
    let page = city.json(&format!("{ALL}?$count=true&$top=1"));
    assert_eq!((&page["@iot.count"], &page["value"][0]["result"]), (&json!(1_500), &json!(0)));
    let page = city.json(&format!("{ALL}?$orderby=result desc&$top=2&$skip=1"));
    assert_eq!(
        (&page["value"][0]["result"], &page["value"][1]["result"]),
        (&json!(1_498), &json!(1_497))
    );
    let page = city.json("/Observations?$filter=result ge 1400&$count=true&$top=0");
    assert_eq!(page["@iot.count"], 150);
}

#[test]
fn what_comes_while_a_client_walks_is_for_its_next_walk() {
    let mut city = long(40);
    let page = city.json(&format!("{ALL}?$orderby=result desc&$top=30"));
    let next = page["@iot.nextLink"].as_str().unwrap().to_owned();
    for number in 40..60 {
        city.keep("fujisawa/park/1", &[sample(number, &[("n", "", Value::Integer(number))])]);
    }
    let rest = city.json(&next);
    let rest: Vec<_> =
        rest["value"].as_array().unwrap().iter().map(|o| o["result"].clone()).collect();
    assert_eq!(numbers(&rest), (0..10).rev().collect::<Vec<_>>());
}

#[test]
fn expanded_pages_have_links_of_their_own() {
    let city = long(250);
    let thing = city.json("/Things('fujisawa:park:1')?$expand=Datastreams($top=1;$expand=Observations($top=100;$select=result))");
    let link = thing["Datastreams@iot.nextLink"].as_str().unwrap();
    assert_eq!(city.json(link)["value"].as_array().unwrap().len(), 1);
    let first = &thing["Datastreams"][0];
    assert_eq!(first["Observations"][99], json!({ "result": 99 }));
    let rest = walk(&city, first["Observations@iot.nextLink"].as_str().unwrap(), "result");
    assert_eq!(numbers(&rest), (100..250).collect::<Vec<_>>());
}

#[test]
fn links_of_expanded_pages_expand_what_was_asked_for_however_it_was_written() {
    let city = long(250);
    let thing = "/Things('fujisawa:park:1')?$expand=";
    for (short, whole) in [
        ("Datastreams($top=1),Datastreams/Sensor", "Datastreams($top=1;$expand=Sensor)"),
        ("Datastreams/Sensor,Datastreams($top=1)", "Datastreams($top=1;$expand=Sensor)"),
        (
            "Datastreams/Sensor,Datastreams($orderby=name desc;$top=1;$expand=ObservedProperty)",
            "Datastreams($orderby=name desc;$top=1;$expand=Sensor,ObservedProperty)",
        ),
        (
            "Datastreams/Observations/FeatureOfInterest,Datastreams/Observations($select=result)",
            "Datastreams($expand=Observations($select=result;$expand=FeatureOfInterest))",
        ),
        (
            "Datastreams($top=1),Datastreams($top=1;$filter=name ne 'x;)')",
            "Datastreams($top=1;$filter=name ne 'x;)')",
        ),
    ] {
        let (found, wanted) =
            (city.json(&format!("{thing}{short}")), city.json(&format!("{thing}{whole}")));
        assert_eq!(found, wanted, "{short}");
    }
    let found = city.json(&format!("{thing}Datastreams($top=1),Datastreams/Sensor"));
    let rest = walk(&city, found["Datastreams@iot.nextLink"].as_str().unwrap(), "Sensor");
    assert_eq!(rest.len(), 1);
    assert!(rest.iter().all(Json::is_object), "{rest:?}");
    let inner = "Observations($filter=result ne 'x;)' and contains(Datastream/name, 'n');$top=2)";
    for expand in [format!("Thing/Locations,{inner}"), format!("{inner},Thing($expand=Locations)")]
    {
        let found = city.json(&format!("{thing}Datastreams($top=1;$expand={expand})"));
        let rest = city.json(found["Datastreams@iot.nextLink"].as_str().unwrap());
        let all = "/Things('fujisawa:park:1')/Datastreams?$skip=1&$top=1";
        assert_eq!(rest, city.json(&format!("{all}&$expand={expand}")), "{expand}");
        assert_eq!(rest["value"][0]["Observations"].as_array().unwrap().len(), 2, "{expand}");
    }
    let found = city.json(&format!("{thing}Datastreams/Observations/FeatureOfInterest"));
    let link = found["Datastreams"][0]["Observations@iot.nextLink"].as_str().unwrap();
    let rest = walk(&city, link, "FeatureOfInterest");
    assert_eq!(rest.len(), 150);
    assert!(rest.iter().all(Json::is_object), "{rest:?}");
}

#[test]
fn what_is_expanded_twice_is_not_asked_for_in_two_ways() {
    let fault = long(1).ask("/Things?$expand=Datastreams($top=1),Datastreams($top=2)").unwrap_err();
    assert_eq!(fault.kind, FaultKind::Malformed, "{fault}");
    assert!(fault.to_string().contains("$top once"), "{fault}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn links_lead_to_everything_once(
        records in prop::collection::vec(prop::collection::vec(0..50_i64, 0..4), 0..40),
        top in 1..20_usize,
        descends in any::<bool>(),
        least in 0..60_i64,
    ) {
        let mut city = City::default();
        city.describe(described("fujisawa/park/1", None, &[("n", "")]));
        let mut wanted = Vec::new();
        for (second, results) in (0..).zip(&records) {
            let samples: Vec<_> = results
                .iter()
                .map(|result| sample(second, &[("n", "", Value::Integer(*result))]))
                .collect();
            city.keep("fujisawa/park/1", &samples);
            wanted.extend(results.iter().copied().filter(|result| *result >= least));
        }
        let order = if descends { "result desc" } else { "result" };
        wanted.sort_unstable();
        if descends {
            wanted.reverse();
        }
        let target = format!("{ALL}?$filter=result ge {least}&$orderby={order}&$top={top}");
        prop_assert_eq!(numbers(&walk(&city, &target, "result")), wanted);
    }

    #[test]
    fn links_lead_through_any_log_of_large_records_once(
        records in 1..700_i64,
        at_once in 2..300_usize,
        (since, least) in (0..700_i64, prop_oneof![Just(0), 0..700_i64]),
        (top, skip) in (1..200_usize, 0..20_usize),
        descends in any::<bool>(),
    ) {
        let city = large(records, at_once);
        let mut wanted: Vec<_> =
            (0..records).filter(|number| *number >= since.max(least)).collect();
        if descends {
            wanted.reverse();
        }
        let order = if descends { "phenomenonTime desc" } else { "phenomenonTime" };
        let since = at(since);
        let target = format!(
            "{ALL}?$filter=phenomenonTime ge {since} and result ge {least}&$orderby={order}\
             &$top={}&$skip={skip}", top.max(usize::try_from(records).unwrap() / 50)
        );
        let wanted: Vec<_> = wanted.into_iter().skip(skip).collect();
        prop_assert_eq!(numbers(&walk(&city, &target, "result")), wanted);
    }
}
