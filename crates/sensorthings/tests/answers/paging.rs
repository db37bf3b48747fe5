//! Links to next pages lead to everything, once.

use proptest::prelude::*;
use sekisho_proto::Value;
use sekisho_sensorthings::FaultKind;
use serde_json::{Value as Json, json};

use crate::city::{City, at, described, sample};

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

/// A node reads fewer records at a time than it was asked for where these are large.
#[test]
fn a_log_of_large_records_is_walked_in_both_directions() {
    for at_once in [40, 64, 200] {
        let mut city = long(1_000);
        city.at_once_max = Some(at_once);
        let forward: Vec<i64> = (0..1_000).collect();
        assert_eq!(numbers(&walk(&city, &format!("{ALL}?$top=70"), "result")), forward);
        let target = format!("{ALL}?$orderby=phenomenonTime desc&$top=70");
        let backward: Vec<i64> = (0..1_000).rev().collect();
        assert_eq!(numbers(&walk(&city, &target, "result")), backward, "{at_once}");
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
}
