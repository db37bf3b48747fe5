//! Whether the bridge may bring a topic out, as its node says. Asked for each topic, and again after a
//! while.

use std::collections::BTreeMap;
use std::time::Duration;

use sekisho::{AnswerBody, Client, PrincipalName, QueryError, Question, Timestamp, Topic, clock};
use sekisho_proto::Action;
use serde_json::Value;

/// After this the node is asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(15);
/// Topics remembered before all are asked about again.
const TOPICS_MAX: usize = 16_384;

/// See the module.
#[derive(Debug)]
pub(crate) struct Rights {
    client: Client,
    own: PrincipalName,
    known: BTreeMap<Topic, (bool, Timestamp)>,
}

impl Rights {
    pub(crate) const fn new(client: Client, own: PrincipalName) -> Self {
        Self { client, own, known: BTreeMap::new() }
    }

    /// Whether the topic may be brought out.
    pub(crate) async fn may_bridge(&mut self, topic: &Topic) -> Result<bool, QueryError> {
        let now = clock::now();
        let known = self.known.get(topic).copied();
        if let Some((may, asked)) = known
            && asked <= now
            && now < asked.saturating_add(ASK_AGAIN_AFTER)
        {
            return Ok(may);
        }
        let (principal, action) = (self.own.clone(), Action::Bridge);
        let question = Question::Why { principal, action, topic: topic.clone(), at: None };
        let AnswerBody::Json(text) = self.client.query(question).await? else {
            return Err(QueryError::WrongAnswer);
        };
        let answer: Value =
            serde_json::from_str(&text).map_err(|_malformed| QueryError::WrongAnswer)?;
        let may = answer.get("permitted").and_then(Value::as_bool) == Some(true);
        if !may && known.is_none_or(|(before, _)| before) {
            tracing::error!(%topic, "no right to bridge: nothing of it is republished");
        }
        if self.known.len() >= TOPICS_MAX {
            self.known.clear();
        }
        self.known.insert(topic.clone(), (may, now));
        Ok(may)
    }
}
