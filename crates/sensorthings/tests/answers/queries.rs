//! What the standard asks for, question by question.

use sekisho_proto::{StreamClass, Value};
use sekisho_sensorthings::{Answer, Content, FaultKind};
use serde_json::{Value as Json, json};

use crate::city::{BASE, City, at, described, sample};

const PARK: &str = "Things('fujisawa:park:1')";

#[test]
fn the_landing_document_names_every_set() {
    let found = City::small().json("/");
    let names: Vec<_> = found["value"].as_array().unwrap().iter().map(|set| &set["name"]).collect();
    assert_eq!(names.len(), 8);
    assert_eq!(found["value"][0]["url"], format!("{BASE}/Things"));
}

#[test]
fn what_is_conformed_to_is_named_as_the_standard_names_it() {
    let found = City::small().json("/");
    let settings = &found["serverSettings"];
    let named: Vec<_> = settings["conformance"].as_array().unwrap().iter().collect();
    let of = |class: &str| format!("http://www.opengis.net/spec/iot_sensing/1.1/req/{class}");
    // Clients look for the first to know that it is version 1.1.
    for class in ["datamodel", "request-data/orderby", "request-data/count"] {
        assert!(named.iter().any(|name| **name == of(class)), "{class}: {named:?}");
    }
    // Long logs are not sorted and counted: whoever reads the list reads that, too.
    for class in ["request-data/orderby", "request-data/count"] {
        let limitation = settings[of(class)]["limitation"].as_str().unwrap();
        assert!(limitation.contains("262144 records"), "{limitation}");
    }
}

#[test]
fn the_query_by_which_sensinact_polls_is_answered() {
    let city = City::small();
    let query = "/Things?$expand=Locations,Datastreams($expand=Sensor,ObservedProperty,\
                 Observations($orderby=phenomenonTime desc;$top=1))";
    let found = city.json(query);
    let things = found["value"].as_array().unwrap();
    assert_eq!(things.len(), 3);
    let park = &things[0];
    assert_eq!(park["@iot.id"], "fujisawa:park:1");
    assert_eq!(park["name"], "station fujisawa/park/1");
    assert_eq!(park["Locations"][0]["location"]["coordinates"], json!([139.487, 35.3389]));
    let datastreams = park["Datastreams"].as_array().unwrap();
    assert_eq!(datastreams.len(), 2);
    let temperature = &datastreams[0];
    assert_eq!(temperature["unitOfMeasurement"]["definition"], "ucum:Cel");
    assert_eq!(temperature["unitOfMeasurement"]["symbol"], "°C");
    assert_eq!(temperature["ObservedProperty"]["name"], "temperature");
    assert_eq!(temperature["Sensor"]["encodingType"], "application/json");
    let observations = temperature["Observations"].as_array().unwrap();
    assert_eq!(observations.len(), 1);
    assert_eq!(observations[0]["result"], 24.0);
    assert_eq!(observations[0]["phenomenonTime"], at(45).to_string());
    assert!(temperature.get("Observations@iot.nextLink").is_some());
    let truck = &things[1];
    assert_eq!(truck["Locations"][0]["location"]["coordinates"], json!([139.482, 35.34]));
    let meter = &things[2];
    assert_eq!(meter["Locations"], json!([]));
    assert_eq!(meter["Datastreams"][0]["Observations"][0]["result"], 60.0);
}

#[test]
fn the_last_value_of_a_transducer_may_be_in_an_older_record() {
    let mut city = City::small();
    city.keep("fujisawa/park/1", &[sample(70, &[("pm2_5", "", Value::Integer(99))])]);
    let newest = "?$orderby=phenomenonTime desc&$top=1";
    let of = |name: &str| format!("/Datastreams('fujisawa:park:1::{name}')/Observations{newest}");
    assert_eq!(city.list(&of("pm2_5"), "/result"), [json!(99)]);
    assert_eq!(city.list(&of("temperature"), "/result"), [json!(24.0)]);
}

#[test]
fn identifiers_lead_back_to_what_they_name() {
    let city = City::small();
    for set in [
        "Things",
        "Locations",
        "Datastreams",
        "Sensors",
        "ObservedProperties",
        "FeaturesOfInterest",
        "Observations",
        "HistoricalLocations",
    ] {
        let page = city.json(&format!("/{set}"));
        let entities = page["value"].as_array().unwrap();
        assert!(!entities.is_empty(), "{set}");
        for entity in entities {
            let link = entity["@iot.selfLink"].as_str().unwrap();
            assert_eq!(city.json(link), *entity, "{link}");
            for (name, target) in entity.as_object().unwrap() {
                if name.ends_with("@iot.navigationLink") {
                    let led = city.json(target.as_str().unwrap());
                    assert!(led.is_object(), "{target}");
                }
            }
        }
    }
}

#[test]
fn paths_lead_over_several_entities_to_a_property() {
    let city = City::small();
    let observation = city.list(
        &format!("/{PARK}/Datastreams('fujisawa:park:1::pm2_5')/Observations"),
        "/@iot.selfLink",
    );
    let link = observation[1].as_str().unwrap();
    assert_eq!(city.json(&format!("{link}/result")), json!({ "result": 1 }));
    assert_eq!(city.ask(&format!("{link}/result/$value")), Ok(Answer::Text("1".to_owned())));
    let unit = format!("{link}/Datastream/unitOfMeasurement/symbol/$value");
    assert_eq!(city.ask(&unit), Ok(Answer::Text("µg/m³".to_owned())));
    let place = city.json(&format!("{link}/FeatureOfInterest/feature"));
    assert_eq!(place["feature"]["type"], "Point");
    let links = city.json(&format!("/{PARK}/Datastreams/$ref"));
    assert_eq!(links["value"].as_array().unwrap().len(), 2);
    assert_eq!(links["value"][0].as_object().unwrap().len(), 1);
}

#[test]
fn a_property_that_an_entity_may_have_and_has_not_is_nothing() {
    let city = City::small();
    let all = "/Datastreams('fujisawa:park:1::pm2_5')/Observations";
    let links = city.list(&format!("{all}?$top=1"), "/@iot.selfLink");
    let link = links[0].as_str().unwrap();
    for property in ["validTime", "resultQuality", "resultQuality/$value"] {
        assert_eq!(city.ask(&format!("{link}/{property}")), Ok(Answer::Nothing), "{property}");
    }
    for property in ["result/inner", "resultQuality/inner", "nope"] {
        let fault = city.ask(&format!("{link}/{property}")).unwrap_err();
        assert_eq!(fault.kind, FaultKind::NotFound, "{property}: {fault}");
    }
}

#[test]
fn an_option_may_be_encoded_as_a_whole() {
    let city = City::small();
    let of = |target: &str| city.json(target)["value"].as_array().unwrap().len();
    assert_eq!(of("/Things?%24filter%3Dname+eq+%27station+fujisawa%2Fpark%2F1%27"), 1);
    assert_eq!(of("/Things?%24top%3D1&$select=name"), 1);
    // Only the first `=` of an option separates, however it is written.
    assert_eq!(of("/Things?$filter=name+eq+%27a%3Db%27"), 0);
}

#[test]
fn an_entity_that_does_not_belong_there_is_not_found_there() {
    let city = City::small();
    for target in [
        "/Things('fujisawa:park:1')/Datastreams('fujisawa:truck:17::pm2_5')",
        "/Things('fujisawa:park:2')",
        "/Things('1')",
        "/Things(1)",
        "/Datastreams('fujisawa:park:1::noise')",
        "/Observations('fujisawa:park:1::pm2_5@99.0')",
        "/Observations('fujisawa:park:1::pm2_5@0.7')",
        "/ObservedProperties('noise')",
    ] {
        let fault = city.ask(target).unwrap_err();
        assert_eq!(fault.kind, FaultKind::NotFound, "{target}: {fault}");
    }
}

#[test]
fn filters_choose_by_property_by_relation_by_time_and_by_place() {
    let city = City::small();
    let names = |filter: &str| city.list(&format!("/Things?$filter={filter}"), "/properties/topic");
    assert_eq!(names("properties/topic eq 'fujisawa/park/1'").len(), 1);
    assert_eq!(names("startswith(name, 'station')").len(), 2);
    assert_eq!(names("Datastreams/ObservedProperty/name eq 'pm2_5'").len(), 2);
    assert_eq!(names("Datastreams/unitOfMeasurement/symbol eq 'W'"), ["santander/電力/メーター"]);
    let area = "geography'POLYGON((139.486 35.33,139.488 35.33,139.488 35.35,139.486 35.35,139.486 35.33))'";
    assert_eq!(names(&format!("st_within(Locations/location, {area})")), ["fujisawa/park/1"]);
    let near = "geo.distance(Locations/location, geography'POINT(139.482 35.34)') lt 50";
    assert_eq!(names(near), ["fujisawa/truck/17"]);
    let observations = |filter: &str| {
        let target =
            format!("/Datastreams('fujisawa:park:1::temperature')/Observations?$filter={filter}");
        city.list(&target, "/result")
    };
    assert_eq!(observations("result ge 23").len(), 4);
    assert_eq!(observations(&format!("phenomenonTime ge {}", at(40))), [json!(24.0), json!(24.0)]);
    assert_eq!(observations("phenomenonTime lt 2026-11-20T12:00:05Z"), [json!(20.0)]);
    assert_eq!(observations("phenomenonTime lt 2026-11-20t12:00:05z"), [json!(20.0)]);
}

#[test]
fn a_plus_in_a_query_is_a_space_and_an_encoded_one_is_a_plus() {
    let city = City::small();
    let count = |target: &str| city.json(target)["value"].as_array().unwrap().len();
    assert_eq!(count("/Things?$filter=name+eq+'station+fujisawa/park/1'"), 1);
    assert_eq!(count("/Things?$filter=name+eq+'station%2Bfujisawa/park/1'"), 0);
    let expand = "/Things('fujisawa:park:1')?$expand=Datastreams($filter=name+eq+\
                  'station+fujisawa/park/1+pm2_5')";
    assert_eq!(city.json(expand)["Datastreams"].as_array().unwrap().len(), 1);
    let area = "geography'POLYGON+((139.48+35.33,+139.49+35.33,+139.49+35.35,+139.48+35.33))'";
    assert_eq!(count(&format!("/Things?$filter=st_within(Locations/location,+{area})")), 1);
    // Five of the park's samples were taken before; a client may forget to encode the offset's plus.
    for offset in ["%2B09:00", "+09:00"] {
        let target = format!(
            "/Datastreams('fujisawa:park:1::temperature')/Observations\
             ?$filter=phenomenonTime+lt+2026-11-20T21:00:25{offset}+and+true"
        );
        assert_eq!(count(&target), 5, "{offset}");
    }
    let fault = city.ask("/Things('fujisawa+park+1')").unwrap_err();
    assert!(fault.what.contains('+'), "paths are no forms: {fault}");
}

#[test]
fn order_count_top_and_skip_are_exact() {
    let city = City::small();
    let all = "/Datastreams('fujisawa:park:1::temperature')/Observations";
    let page =
        city.json(&format!("{all}?$count=true&$top=3&$skip=1&$orderby=result desc,phenomenonTime"));
    assert_eq!(page["@iot.count"], 10);
    let results: Vec<_> = page["value"].as_array().unwrap().iter().map(|o| &o["result"]).collect();
    assert_eq!(results, [&json!(24.0), &json!(23.0), &json!(23.0)]);
    assert_eq!(page["value"][1]["phenomenonTime"], at(30).to_string());
    let none = city.json(&format!("{all}?$count=true&$top=0"));
    assert_eq!((&none["@iot.count"], &none["value"]), (&json!(10), &json!([])));
    assert!(none.get("@iot.nextLink").is_none());
    let things = city.json("/Things?$count=true&$orderby=name desc&$select=name");
    assert_eq!(things["@iot.count"], 3);
    assert_eq!(things["value"][2], json!({ "name": "santander/電力/メーター" }));
}

#[test]
fn what_was_asked_wrongly_is_told() {
    let city = City::small();
    for (target, kind, words) in [
        ("/Thing", FaultKind::NotFound, "wanted one of Things, Locations"),
        ("/Things('fujisawa:park:1')/Nope", FaultKind::NotFound, "wanted one of @iot.id, name"),
        ("/Things('fujisawa:park:1')/Observations", FaultKind::NotFound, "found Observations"),
        ("/Things/$ref/name", FaultKind::NotFound, "wanted its end"),
        ("/Things('fujisawa:park:1", FaultKind::Malformed, "ends with '"),
        ("/Things?$top=-1", FaultKind::Malformed, "$top"),
        ("/Things?$top=1&$top=2", FaultKind::Malformed, "$top once"),
        ("/Things?$frob=1", FaultKind::Unsupported, "query option $frob"),
        ("/Things?$format=json", FaultKind::Unsupported, "query option $format"),
        ("/Things?$search=dust", FaultKind::Unsupported, "query option $search"),
        ("/Things?$apply=aggregate(x)", FaultKind::Unsupported, "query option $apply"),
        ("/Things?$compute=1", FaultKind::Unsupported, "query option $compute"),
        ("/Things?$expand=Locations($levels=2)", FaultKind::Unsupported, "option $levels"),
        ("/Things?$filter=colour eq 1", FaultKind::Malformed, "wanted one of @iot.id, name"),
        ("/Things?$expand=Sensor", FaultKind::Malformed, "found Sensor"),
        ("/Things?$select=colour", FaultKind::Malformed, "found colour"),
        ("/Things?$orderby=name up", FaultKind::Malformed, "the end of $orderby"),
        ("/Things?$count=maybe", FaultKind::Malformed, "$count=true"),
        ("/Things/Datastreams", FaultKind::NotFound, "wanted Things('ID')"),
        ("/Things('fujisawa:park:1')/colour", FaultKind::NotFound, "found colour"),
        ("/Things?$filter=%zz", FaultKind::Malformed, "two hexadecimal digits"),
        ("/Things?$resultFormat=dataArray", FaultKind::Unsupported, "wanted Observations"),
        ("/Sensors('x')/Datastreams('x')/Thing('x')", FaultKind::Malformed, "there is one"),
        ("/Things?$resultFormat=CSV", FaultKind::Malformed, "found CSV"),
        ("/Things?$filter=name in ('a','b')", FaultKind::Unsupported, "write eq and or"),
        ("/Things?$filter=Locations/any(l:l/name eq 'a')", FaultKind::Unsupported, "operator any"),
        ("/Things?$filter=HistoricalLocations/time gt now()", FaultKind::Unsupported, "where"),
    ] {
        let fault = city.ask(target).unwrap_err();
        assert_eq!(fault.kind, kind, "{target}: {fault}");
        assert!(fault.to_string().contains(words), "{target}: {fault}");
    }
}

#[test]
fn what_has_an_identifier_is_found_by_it_in_its_set() {
    let city = City::small();
    for (set, id) in [
        ("FeaturesOfInterest", "fujisawa:truck:17@0.0"),
        ("FeaturesOfInterest", "fujisawa:park:1"),
        ("FeaturesOfInterest", "santander:~E9~9B~BB~E5~8A~9B:~E3~83~A1~E3~83~BC~E3~82~BF~E3~83~BC"),
        ("Locations", "fujisawa:truck:17@1.0"),
        ("HistoricalLocations", "fujisawa:truck:17@1.0"),
        ("HistoricalLocations", "fujisawa:park:1"),
        ("Observations", "fujisawa:park:1::pm2_5@3.0"),
    ] {
        let found = city.list(&format!("/{set}?$filter=id eq '{id}'"), "/@iot.id");
        assert_eq!(found, [json!(id)], "{set}");
        let other = city.list(&format!("/{set}?$filter=id eq '{id}' and id eq 'x'"), "/@iot.id");
        assert!(other.is_empty(), "{set}: {other:?}");
    }
    let features = city.list("/FeaturesOfInterest", "/feature/type");
    assert_eq!(features, [json!("Point"), json!("Point"), json!("Feature")]);
}

#[test]
fn where_something_stands_is_among_all_that_was_somewhere() {
    let city = City::small();
    let park = "Thing/id eq 'fujisawa:park:1'";
    let found = city.json(&format!("/HistoricalLocations?$filter={park}&$count=true"));
    assert_eq!(
        (&found["@iot.count"], &found["value"][0]["@iot.id"]),
        (&json!(1), &json!("fujisawa:park:1"))
    );
    let all = city.list("/HistoricalLocations?$select=id", "/@iot.id");
    let truck = |number| json!(format!("fujisawa:truck:17@{number}.0"));
    assert_eq!(all, [json!("fujisawa:park:1"), truck(0), truck(1), truck(2)]);
}

#[test]
fn sealed_streams_show_what_they_are_and_no_values() {
    let mut city = City::small();
    let mut sealed = described("fujisawa/home/1", None, &[("motion", "")]);
    sealed.class = StreamClass::Personal;
    city.describe(sealed);
    city.keep("fujisawa/home/1", &[]);
    let kept = city.streams.last_mut().unwrap();
    kept.readings[0].content = Content::Sealed;
    let found = city.json("/Datastreams('fujisawa:home:1::motion')?$expand=Observations");
    assert_eq!(found["properties"]["sealed"], true);
    assert_eq!(found["Observations"], json!([]));
}

#[test]
fn what_may_be_discovered_and_not_read_has_no_observations() {
    let mut city = City::small();
    city.streams[0].is_readable = false;
    let found = city.json(&format!("/{PARK}?$expand=Datastreams($expand=Observations)"));
    assert_eq!(found["Datastreams"].as_array().unwrap().len(), 2);
    assert_eq!(found["Datastreams"][0]["Observations"], json!([]));
    assert!(city.ask("/Observations('fujisawa:park:1::pm2_5@0.0')").is_err());
}

#[test]
fn who_measured_and_who_attested_is_told() {
    let city = City::small();
    let found = city.json("/Observations('fujisawa:park:1::pm2_5@0.0')");
    assert_eq!(found["parameters"]["publisher"], "logger@fujisawa");
    assert_eq!(found["parameters"]["attestedBy"], "node@fujisawa");
}

#[test]
fn maps_are_given_geojson_and_tables_arrays() {
    let city = City::small();
    let map = city.json("/Things?$resultFormat=GeoJSON&$expand=Locations");
    assert_eq!(map["type"], "FeatureCollection");
    let feature = &map["features"][0];
    assert_eq!(feature["geometry"]["coordinates"], json!([139.487, 35.3389]));
    assert_eq!(feature["properties"]["properties/topic"], "fujisawa/park/1");
    assert_eq!(map["features"][2]["geometry"], Json::Null);
    let map = city.json("/FeaturesOfInterest?$resultFormat=GeoJSON");
    assert_eq!(map["features"][1]["geometry"]["type"], "Point");
    let table = city.json("/Datastreams('fujisawa:park:1::pm2_5')/Observations?$resultFormat=dataArray&$select=phenomenonTime,result");
    let table = &table["value"][0];
    assert_eq!(table["components"], json!(["phenomenonTime", "result"]));
    assert_eq!(table["dataArray@iot.count"], 5);
    assert_eq!(table["dataArray"][1], json!([at(10).to_string(), 1]));
}

#[test]
fn where_a_truck_was_is_kept() {
    let city = City::small();
    let found = city.json(
        "/Things('fujisawa:truck:17')/HistoricalLocations?$expand=Locations&$orderby=time desc",
    );
    let all = found["value"].as_array().unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(all[2]["Locations"][0]["location"]["coordinates"], json!([139.48, 35.34]));
    let feature = city.json(
        "/Observations('fujisawa:truck:17::pm2_5@1.0')/FeatureOfInterest?$expand=Observations",
    );
    assert_eq!(feature["Observations"].as_array().unwrap().len(), 3);
}

/// A truck with as many transducers as a real one has, and a sample of each.
fn wide() -> City {
    let names: Vec<_> = (0..23).map(|number| format!("n{number}")).collect();
    let transducers: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let values: Vec<_> = names.iter().map(|name| (name.as_str(), "", Value::Integer(1))).collect();
    let mut city = City::default();
    city.describe(described("fujisawa/truck/1", None, &transducers));
    city.keep("fujisawa/truck/1", &[sample(1, &values)]);
    city
}

#[test]
fn a_path_to_and_fro_is_refused_before_all_that_it_leads_to_is_made() {
    let city = wide();
    let to_and_fro = format!("{}name", "Thing/Datastreams/".repeat(5));
    let set = "/Datastreams('fujisawa:truck:1::n0')/Thing/Datastreams";
    for target in [
        format!("/Datastreams?$filter={to_and_fro} eq 'x'"),
        format!("/Datastreams?$orderby={to_and_fro}"),
        format!("{set}?$filter={to_and_fro} eq 'x'"),
        format!("/Things?$expand=Datastreams($filter={to_and_fro} eq 'x')"),
        format!("/Observations?$filter=Datastream/{to_and_fro} eq 'x'"),
        format!("/Observations?$orderby=Datastream/{to_and_fro}&$count=true"),
    ] {
        let fault = city.ask(&target).unwrap_err();
        assert_eq!(fault.kind, FaultKind::TooMuch, "{target}: {fault}");
        assert!(fault.to_string().contains("wanted at most 65536"), "{target}: {fault}");
    }
}

#[test]
fn texts_that_a_function_makes_of_many_are_refused_before_they_are_much() {
    let mut city = wide();
    let long = Value::Text("a".repeat(64 << 10));
    city.keep("fujisawa/truck/1", &[sample(2, &[("n0", "", long)])]);
    let all = "/Datastreams('fujisawa:truck:1::n0')/Observations?$filter=result gt 'a' and";
    let one = format!("{all} startswith(concat(result, Datastream/name), 'aaa')");
    assert_eq!(city.list(&one, "/@iot.id").len(), 1);
    let many = "Datastream/Thing/Datastreams/Thing/Datastreams/name";
    let fault = city.ask(&format!("{all} concat(result, {many}) eq 'x'")).unwrap_err();
    assert_eq!(fault.kind, FaultKind::TooMuch, "{fault}");
    assert!(fault.to_string().contains("bytes of texts"), "{fault}");
    let found = city.list(&format!("{all} endswith(result, {many})"), "/@iot.id");
    assert!(found.is_empty(), "what is only compared is not made: {found:?}");
}

#[test]
fn filters_and_orders_lead_over_several_entities_to_many() {
    let city = wide();
    let sibling = "Datastream/Thing/Datastreams/ObservedProperty/name";
    for (options, wanted) in [
        (format!("$filter={sibling} eq 'n7'"), 23),
        (format!("$filter={sibling} eq 'm7'"), 0),
        (format!("$filter=Datastream/ObservedProperty/id eq 'n7'&$orderby={sibling} desc"), 1),
        ("$filter=Datastream/Thing/properties/topic eq 'fujisawa/truck/1'".to_owned(), 23),
        ("$filter=Datastream/Sensor/Datastreams/@iot.id eq 'fujisawa:truck:1::n7'".to_owned(), 1),
        ("$filter=contains(Datastream/Thing/@iot.selfLink,'truck')".to_owned(), 23),
    ] {
        let found = city.list(&format!("/Observations?{options}"), "/@iot.id");
        assert_eq!(found.len(), wanted, "{options}");
    }
    let of =
        "/ObservedProperties?$filter=Datastreams/Thing/Datastreams/ObservedProperty/id eq 'n7'";
    assert_eq!(city.list(of, "/@iot.id").len(), 23);
}

#[test]
fn an_observation_is_of_one_feature_whichever_way_it_is_asked() {
    let mut city = City::small();
    let (lost, truck) = (Value::Float(9.5), "fujisawa/truck/17");
    // Without a fix, and then with one again in the same record.
    let fixed = [
        ("latitude", "deg", Value::Float(35.34)),
        ("longitude", "deg", Value::Float(139.5)),
        ("pm2_5", "ug/m3", Value::Float(8.5)),
    ];
    city.keep(truck, &[sample(10, &[("pm2_5", "ug/m3", lost)]), sample(11, &fixed)]);
    for (feature, count) in [
        ("fujisawa:truck:17", 1),
        ("fujisawa:truck:17@0.0", 3),
        ("fujisawa:truck:17@3.1", 3),
        ("fujisawa:park:1", 15),
    ] {
        let led = city.list(&format!("/FeaturesOfInterest('{feature}')/Observations"), "/@iot.id");
        let filter = format!("/Observations?$filter=FeatureOfInterest/id eq '{feature}'");
        assert_eq!(led, city.list(&filter, "/@iot.id"), "{feature}");
        assert_eq!(led.len(), count, "{feature}: {led:?}");
        for observation in city.list("/Observations", "/@iot.id") {
            let id = observation.as_str().unwrap();
            let target = format!("/FeaturesOfInterest('{feature}')/Observations('{id}')");
            assert_eq!(city.ask(&target).is_ok(), led.contains(&observation), "{target}");
        }
    }
    let newest = "/FeaturesOfInterest('fujisawa:truck:17')/Observations\
                  ?$orderby=phenomenonTime desc&$top=1";
    assert_eq!(city.list(newest, "/result"), [json!(9.5)]);
}
