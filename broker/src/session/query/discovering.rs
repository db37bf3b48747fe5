//! Which topics there are, for those who look around, in parts of bounded size.

use std::sync::Arc;

use sekisho_policy::Policy;
use sekisho_proto::frame::AnswerBody;
use sekisho_proto::limits::TOPIC_BYTES_MAX;
use sekisho_proto::statement::{StreamDescriptor, Transducer};
use sekisho_proto::{Action, Filter, PrincipalId, Timestamp, Topic};
use sekisho_store::TopicState;
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use super::{ANSWER_BYTES_MAX, Session, list_within};
use crate::hub::{Refusal, internal};

/// Topics in one answer.
const TOPICS_MAX: u32 = 1_000;
/// What surrounds the list in an answer, bytes: the topic to come after, of which JSON may escape every byte by one
/// more, and the names of both members.
const AROUND_BYTES_MAX: usize = 2 * TOPIC_BYTES_MAX + 64;
/// By how much more is looked at each time that too little of it may be told: all that there is soon, where somebody
/// may know of little.
const LOOK_FURTHER: usize = 4;

impl Session {
    /// Whether this principal may know that there is such a topic.
    pub(crate) fn may_discover(&self, policy: &Policy, topic: &Topic, now: Timestamp) -> bool {
        may_discover(policy, self.who.id, topic, now)
    }

    /// What this principal may discover of the topics that have been published on, by name.
    pub(super) async fn discover(
        &self,
        policy: &Arc<Policy>,
        filter: Filter,
        (after, max): (Option<Topic>, u32),
        now: Timestamp,
    ) -> Result<AnswerBody, Refusal> {
        let max = usize::try_from(max.clamp(1, TOPICS_MAX)).unwrap_or(1);
        let (hub, policy, id) = (Arc::clone(&self.hub), Arc::clone(policy), self.who.id);
        let looking = spawn_blocking(move || {
            let look = |after: Option<&Topic>, most| hub.topics_after(&filter, after, most);
            let may = |topic: &Topic| may_discover(&policy, id, topic, now);
            let mut found = first_of(look, may, after, max + 1);
            let has_more = found.len() > max;
            found.truncate(max);
            let entries: Vec<Value> =
                found.iter().map(|state| told(state, policy.descriptor(&state.topic))).collect();
            AnswerBody::Json(part(&found, &entries, has_more))
        });
        looking.await.map_err(|fault| internal("discover", &fault))
    }
}

fn may_discover(policy: &Policy, id: PrincipalId, topic: &Topic, now: Timestamp) -> bool {
    policy.permit(Action::Discover, id, topic, now).is_ok()
        || policy.permit(Action::Subscribe, id, topic, now).is_ok()
}

/// The first so many topics behind one that may be told. `look` gives the first so many behind one
/// that there are.
fn first_of(
    look: impl Fn(Option<&Topic>, usize) -> Vec<TopicState>,
    may: impl Fn(&Topic) -> bool,
    mut after: Option<Topic>,
    wanted: usize,
) -> Vec<TopicState> {
    let mut found = Vec::new();
    let mut most = wanted;
    loop {
        let looked = look(after.as_ref(), most);
        let last = looked.last().map(|state| state.topic.clone());
        let is_all = looked.len() < most;
        found.extend(looked.into_iter().filter(|state| may(&state.topic)));
        if is_all || found.len() >= wanted {
            found.truncate(wanted);
            return found;
        }
        after = last;
        most = most.saturating_mul(LOOK_FURTHER);
    }
}

/// As many of the topics as an answer holds, and where the next part begins.
fn part(found: &[TopicState], entries: &[Value], has_more: bool) -> String {
    let (list, listed) = list_within(ANSWER_BYTES_MAX - AROUND_BYTES_MAX, entries);
    let is_cut = has_more || listed < found.len();
    let last = listed.checked_sub(1).and_then(|last| found.get(last)).filter(|_last| is_cut);
    let next = json!(last.map(|state| state.topic.as_str()));
    format!(r#"{{"topics":{list},"next":{next}}}"#)
}

fn told(state: &TopicState, descriptor: Option<&StreamDescriptor>) -> Value {
    let mut entry = described(descriptor);
    entry.insert("topic".to_owned(), json!(state.topic.as_str()));
    entry.insert("first_offset".to_owned(), json!(state.first_offset.value()));
    entry.insert("next_offset".to_owned(), json!(state.next_offset.value()));
    let last = state.last_received.map(|time| time.to_string());
    entry.insert("last_received".to_owned(), json!(last));
    Value::Object(entry)
}

/// What its owner says of a topic; nulls where nothing is said.
fn described(descriptor: Option<&StreamDescriptor>) -> Map<String, Value> {
    let text = |of: fn(&StreamDescriptor) -> &String| descriptor.map(|found| json!(of(found)));
    let location = descriptor.and_then(|found| found.location);
    let transducers = descriptor.map(|found| found.transducers.as_slice()).unwrap_or_default();
    [
        ("device_type", text(|found| &found.device_type)),
        ("title", text(|found| &found.title)),
        ("class", descriptor.map(|found| json!(found.class.name()))),
        ("mobile", descriptor.map(|found| json!(found.mobile))),
        (
            "location",
            location.map(|place| {
                json!({
                    "latitude": f64::from(place.latitude_e7) / 1e7,
                    "longitude": f64::from(place.longitude_e7) / 1e7,
                })
            }),
        ),
        ("retention_s", descriptor.map(|found| json!(found.retention_s))),
        ("transducers", Some(transducers.iter().map(transducer).collect())),
    ]
    .into_iter()
    .map(|(field, value)| (field.to_owned(), value.unwrap_or_default()))
    .collect()
}

/// Numerals stay text, as they were signed.
fn transducer(one: &Transducer) -> Value {
    let numeral = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "name": one.name.as_str(),
        "title": one.title,
        "unit": one.unit.as_str(),
        "minimum": numeral(&one.minimum),
        "maximum": numeral(&one.maximum),
        "resolution": numeral(&one.resolution),
        "accuracy": numeral(&one.accuracy),
    })
}

#[cfg(test)]
mod tests;
