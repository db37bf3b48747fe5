//! Other ways to write entities: GeoJSON for maps, data arrays for tables (18-088 §12).

use serde_json::{Map, Value as Json, json};

use crate::answer::{PageOf, link, tell};
use crate::fault::Fault;
use crate::id::Quantity;
use crate::model::{Entity, World};
use crate::options::Options;

/// Entities as features of a collection (RFC 7946 §3.3).
pub(crate) fn features(told: &[Json], count: Option<usize>, next: Option<String>) -> Json {
    let mut collection = json!({
        "type": "FeatureCollection",
        "features": told.iter().map(feature).collect::<Vec<_>>(),
    });
    if let Some(map) = collection.as_object_mut() {
        map.extend(count.map(|count| ("@iot.count".to_owned(), count.into())));
        map.extend(next.map(|next| ("@iot.nextLink".to_owned(), next.into())));
    }
    collection
}

/// One entity as a feature: where it is, and everything else by its path, such as
/// `Datastreams/0/name`.
pub(crate) fn feature(told: &Json) -> Json {
    let geometry = geometry(told);
    let mut properties = Map::new();
    flatten(told, String::new(), &mut properties);
    json!({ "type": "Feature", "geometry": geometry, "properties": properties })
}

/// Its own, or that of where it is.
fn geometry(told: &Json) -> Json {
    let own = ["location", "observedArea"].into_iter().find_map(|name| told.get(name));
    let feature = told.get("feature");
    let of = |entity: &Json| entity.get("location").cloned();
    let its = told.get("Locations").and_then(Json::as_array).and_then(|all| all.first());
    let features = told.get("FeatureOfInterest").and_then(|found| found.get("feature"));
    let found = own.or(feature).cloned().or_else(|| its.and_then(of));
    let found = found.or_else(|| features.cloned()).unwrap_or(Json::Null);
    if found.get("type").is_some_and(|kind| kind == "Feature") {
        return found.get("geometry").cloned().unwrap_or(Json::Null);
    }
    found
}

fn flatten(json: &Json, path: String, found: &mut Map<String, Json>) {
    let is_place = matches!(path.as_str(), "location" | "feature" | "observedArea");
    if is_place || path.ends_with("@iot.navigationLink") {
        return;
    }
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    match json {
        Json::Object(map) => {
            for (name, inner) in map {
                flatten(inner, below(name), found);
            }
        }
        Json::Array(entries) => {
            for (number, inner) in entries.iter().enumerate() {
                flatten(inner, below(&number.to_string()), found);
            }
        }
        plain @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_)) => {
            drop(found.insert(path, plain.clone()));
        }
    }
}

/// Observations as rows, a table for each datastream (18-088 §12.2).
pub(crate) fn data_array(
    world: &World<'_>,
    page: &PageOf,
    options: &Options,
    here: &str,
) -> Result<Json, Fault> {
    const COMPONENTS: [&str; 4] = ["@iot.id", "phenomenonTime", "result", "resultTime"];
    let selected: Vec<&str> = if options.select.is_empty() {
        COMPONENTS.to_vec()
    } else {
        options.select.iter().map(String::as_str).collect()
    };
    let mut tables: Vec<((usize, Quantity), Vec<Json>)> = Vec::new();
    for entity in &page.entities {
        let Entity::Observation(number, seen) = entity else { continue };
        let told = tell(world, entity, &Options::none())?;
        let row = selected.iter().map(|name| told.get(name).cloned().unwrap_or(Json::Null));
        let row: Json = row.collect();
        let key = (*number, seen.quantity.clone());
        match tables.iter_mut().find(|(known, _)| *known == key) {
            Some((_, rows)) => rows.push(row),
            None => tables.push((key, vec![row])),
        }
    }
    let tables = tables.into_iter().map(|((number, quantity), rows)| {
        let link = world.link(&Entity::Datastream(number, quantity));
        let components: Vec<_> =
            selected.iter().map(|name| name.trim_start_matches("@iot.")).collect();
        json!({
            "Datastream@iot.navigationLink": link,
            "components": components,
            "dataArray@iot.count": rows.len(),
            "dataArray": rows,
        })
    });
    let mut answer = json!({ "value": tables.collect::<Vec<_>>() });
    if let Some(map) = answer.as_object_mut() {
        map.extend(page.count.map(|count| ("@iot.count".to_owned(), count.into())));
        let next = page.next.as_ref().map(|next| link(here, next));
        map.extend(next.map(|next| ("@iot.nextLink".to_owned(), next.into())));
    }
    Ok(answer)
}
