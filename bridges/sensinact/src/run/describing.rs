//! What owners say about their topics, as the node tells it: titles and places. It is the node's
//! word, and decides about nothing but how a device is called.

use std::collections::BTreeMap;
use std::time::Duration;

use sekisho::{AnswerBody, Client, Filter, Question, Timestamp, Topic, clock};
use serde_json::Value;

use crate::device::Description;

/// After this the node is asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub(super) struct Descriptions {
    client: Client,
    filters: Vec<Filter>,
    known: BTreeMap<Topic, Description>,
    asked: Option<Timestamp>,
}

impl Descriptions {
    pub(super) const fn new(client: Client, filters: Vec<Filter>) -> Self {
        Self { client, filters, known: BTreeMap::new(), asked: None }
    }

    /// What is said about a topic; nothing where nobody does, or the node does not answer.
    pub(super) async fn of(&mut self, topic: &Topic) -> Description {
        let now = clock::now();
        let is_known =
            |asked: Timestamp| asked <= now && now < asked.saturating_add(ASK_AGAIN_AFTER);
        if !self.asked.is_some_and(is_known) {
            self.asked = Some(now);
            for filter in self.filters.clone() {
                self.ask(filter).await;
            }
        }
        self.known.get(topic).cloned().unwrap_or_default()
    }

    async fn ask(&mut self, filter: Filter) {
        let answer = self.client.query(Question::Discover(filter)).await;
        let text = match answer {
            Ok(AnswerBody::Json(text)) => text,
            Ok(_) => return,
            Err(cause) => return tracing::debug!(%cause, "no descriptions"),
        };
        let Ok(Value::Array(topics)) = serde_json::from_str(&text) else { return };
        for found in topics {
            let topic = found.get("topic").and_then(Value::as_str).map(Topic::parse);
            if let Some(Ok(topic)) = topic {
                self.known.insert(topic, description(&found));
            }
        }
    }
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
