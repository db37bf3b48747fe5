//! Which topics there are, as the node tells it: part by part, and to an end, whatever the node says.

use sekisho_proto::{
    Filter, Topic,
    frame::{AnswerBody, Question},
};
use serde_json::Value;

use crate::{client::Client, query::QueryError};

/// Topics of one list at most; narrower filters find what is behind them.
pub const DISCOVER_MAX: usize = 20_000;

/// Bytes of all parts of one list at most: 3 KiB for each topic.
const BYTES_MAX: usize = 64 << 20;

/// Topics that a principal may know of, by name, in the node's words: nothing of it is signed.
#[derive(Debug, Clone, Default)]
pub struct Discovered {
    /// The topics, from the first on.
    pub topics: Vec<DiscoveredTopic>,
    /// Whether there are more than were asked for.
    pub has_more: bool,
}

/// One topic of a list.
#[derive(Debug, Clone)]
pub struct DiscoveredTopic {
    /// Its name.
    pub topic: Topic,
    /// All that the node says of it, as `GET /v1/discover` does.
    pub told: Value,
}

/// What one answer holds.
struct Part {
    topics: Vec<DiscoveredTopic>,
    /// What the next part comes after, where there is one.
    next: Option<Topic>,
}

/// Asks part by part, until the node has told all, or `max`.
pub(crate) async fn discover(
    client: &Client,
    filter: &Filter,
    max: usize,
) -> Result<Discovered, QueryError> {
    let mut found = Discovered::default();
    let (mut after, mut bytes) = (None, 0_usize);
    loop {
        let left = max.saturating_sub(found.topics.len());
        let question = Question::Discover {
            filter: filter.clone(),
            after: after.clone(),
            max: u32::try_from(left).unwrap_or(u32::MAX),
        };
        let AnswerBody::Json(text) = client.query(question).await? else {
            return Err(QueryError::WrongAnswer);
        };
        bytes = bytes.saturating_add(text.len());
        let Part { topics, next } = Part::read(&text, after.as_ref())?;
        let is_cut = topics.len() > left;
        found.topics.extend(topics.into_iter().take(left));
        let is_full = found.topics.len() >= max || bytes >= BYTES_MAX;
        if is_full || next.is_none() {
            found.has_more = is_cut || next.is_some();
            return Ok(found);
        }
        after = next;
    }
}

impl Part {
    /// A part that goes on has topics and goes on behind the one before: else a list has no end.
    fn read(text: &str, after: Option<&Topic>) -> Result<Self, QueryError> {
        let parsed = serde_json::from_str(text);
        let mut part: Value =
            parsed.map_err(|fault: serde_json::Error| malformed("a document", &fault))?;
        let next = match part.get("next") {
            None | Some(Value::Null) => None,
            next @ Some(_) => Some(topic_of(next)?),
        };
        let Some(Value::Array(told)) = part.get_mut("topics").map(Value::take) else {
            return Err(malformed("a list of topics", &"none"));
        };
        let topics: Vec<DiscoveredTopic> = told
            .into_iter()
            .map(|told| Ok(DiscoveredTopic { topic: topic_of(told.get("topic"))?, told }))
            .collect::<Result<_, QueryError>>()?;
        if let Some(next) = &next {
            if topics.is_empty() {
                return Err(malformed("topics in a part that goes on", &"none"));
            }
            if let Some(after) = after.filter(|after| *next <= **after) {
                return Err(malformed(&format!("a part that goes on behind {after}"), next));
            }
        }
        Ok(Self { topics, next })
    }
}

fn topic_of(told: Option<&Value>) -> Result<Topic, QueryError> {
    let Some(name) = told.and_then(Value::as_str) else {
        return Err(malformed("a topic's name", &"none"));
    };
    Topic::parse(name).map_err(|fault| malformed("a topic's name", &fault))
}

fn malformed(wanted: &str, found: &impl ToString) -> QueryError {
    QueryError::Malformed { wanted: wanted.to_owned(), found: found.to_string() }
}
