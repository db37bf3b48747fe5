//! What owners say about their topics, as the node tells it: titles and places. It is the node's
//! word, and decides about nothing but how a device is called.

use std::collections::BTreeMap;
use std::time::Duration;

use sekisho::{Client, Filter, Timestamp, Topic, clock};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::device::Description;

/// After this the node is asked about a topic again.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Topics that are asked about again at a time; others wait for their next record.
const AGAIN_MAX: usize = 8;

/// See the module.
#[derive(Debug)]
pub(super) struct Descriptions {
    client: Client,
    known: BTreeMap<Topic, Known>,
    /// What is asked again, beside the work.
    again: JoinSet<(Topic, Option<Description>)>,
}

#[derive(Debug)]
struct Known {
    description: Description,
    asked: Timestamp,
}

impl Descriptions {
    pub(super) fn new(client: Client) -> Self {
        Self { client, known: BTreeMap::new(), again: JoinSet::new() }
    }

    /// What is said about a topic; nothing where nobody does, or the node does not answer. Only for
    /// a topic that is new is the node's answer waited for.
    pub(super) async fn of(&mut self, topic: &Topic) -> Description {
        self.take_answers();
        let now = clock::now();
        if let Some(known) = self.known.get_mut(topic) {
            let is_fresh = known.asked <= now && now < known.asked.saturating_add(ASK_AGAIN_AFTER);
            if !is_fresh && self.again.len() < AGAIN_MAX {
                known.asked = now;
                self.again.spawn(ask(self.client.clone(), topic.clone()));
            }
            return known.description.clone();
        }
        let (topic, found) = ask(self.client.clone(), topic.clone()).await;
        let description = found.unwrap_or_default();
        self.known.insert(topic, Known { description: description.clone(), asked: now });
        description
    }

    fn take_answers(&mut self) {
        while let Some(answered) = self.again.try_join_next() {
            let Ok((topic, Some(description))) = answered else { continue };
            if let Some(known) = self.known.get_mut(&topic) {
                known.description = description;
            }
        }
    }
}

/// What the node says of one topic; `None` where it does not answer.
async fn ask(client: Client, topic: Topic) -> (Topic, Option<Description>) {
    let found = match client.discover(&Filter::from(&topic), 1).await {
        Ok(found) => found.topics,
        Err(cause) => {
            tracing::debug!(%topic, %cause, "no description");
            return (topic, None);
        }
    };
    let told = found.iter().find(|found| found.topic == topic);
    let description = told.map(|found| description(&found.told)).unwrap_or_default();
    (topic, Some(description))
}

fn description(found: &Value) -> Description {
    let title = found.get("title").and_then(Value::as_str).map(str::to_owned);
    let degrees = |name: &str, most: f64| {
        let number = found.get("location")?.get(name)?.as_f64()?;
        (number.abs() <= most).then_some(number)
    };
    let moves = found.get("mobile").and_then(Value::as_bool) == Some(true);
    let place = degrees("latitude", 90.0).zip(degrees("longitude", 180.0)).filter(|_| !moves);
    Description { title, place }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_device_is_called_and_put_where_its_owner_says() {
        let told = json!({
            "title": "Shonan station",
            "location": { "latitude": 35.3389, "longitude": 139.487 },
        });
        let Description { title, place } = description(&told);
        assert_eq!((title.as_deref(), place), (Some("Shonan station"), Some((35.3389, 139.487))));
    }

    #[test]
    fn what_moves_has_no_place_of_its_own() {
        let told = json!({ "mobile": true, "location": { "latitude": 35.0, "longitude": 139.0 } });
        assert_eq!(description(&told).place, None);
        let stands =
            json!({ "mobile": false, "location": { "latitude": 35.0, "longitude": 139.0 } });
        assert_eq!(description(&stands).place, Some((35.0, 139.0)));
    }

    #[test]
    fn a_place_that_is_none_on_earth_or_not_whole_is_none() {
        for location in [
            json!({ "latitude": 139.487, "longitude": 35.3389 }),
            json!({ "latitude": 35.3389, "longitude": -180.1 }),
            json!({ "latitude": 35.3389 }),
            json!({ "latitude": "35.3389", "longitude": "139.487" }),
            json!([35.3389, 139.487]),
            json!(null),
        ] {
            assert_eq!(description(&json!({ "location": location })).place, None, "{location}");
        }
        let edge = json!({ "location": { "latitude": -90, "longitude": 180 } });
        assert_eq!(description(&edge).place, Some((-90.0, 180.0)));
    }

    #[test]
    fn a_node_that_tells_something_else_describes_nothing() {
        for told in
            [json!(null), json!("text"), json!([]), json!({ "title": 7, "location": "here" })]
        {
            let Description { title, place } = description(&told);
            assert_eq!((title, place), (None, None), "{told}");
        }
    }
}
