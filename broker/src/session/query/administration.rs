//! How the organisation's topics are sealed and kept, in parts of bounded size.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sekisho_policy::{Policy, TreeView};
use sekisho_proto::frame::AnswerBody;
use sekisho_proto::{Filter, FilterLevel, Timestamp, Topic};
use sekisho_store::TopicState;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::{Session, check_administers, document};
use crate::hub::{Refusal, internal};

/// Trees in one answer.
const TREES_MAX: u32 = 200;
/// Erasures that are told of one tree: the newest.
const ERASED_TOLD_MAX: usize = 32;
/// Levels of each topic that are told apart where nothing else was asked.
const LEVELS_DEFAULT: u32 = 2;

impl Session {
    /// The epochs of each tree.
    pub(super) async fn epochs(
        &self,
        policy: &Arc<Policy>,
        (after, max): (Option<Filter>, u32),
        now: Timestamp,
    ) -> Result<AnswerBody, Refusal> {
        let own = self.hub.organisation().clone();
        check_administers(&self.who, policy, &own, now)?;
        let (policy, max) = (Arc::clone(policy), most(max));
        let looking = spawn_blocking(move || {
            let mut trees = policy.trees(&own, (after.as_ref(), max + 1), now);
            let has_more = trees.len() > max;
            trees.truncate(max);
            let next = trees.last().filter(|_last| has_more).map(|last| last.tree.to_string());
            let trees: Vec<Value> = trees.iter().map(tree).collect();
            document(&json!({ "time": now.to_string(), "trees": trees, "next": next }))
        });
        looking.await.map_err(|fault| internal("epochs", &fault))
    }

    /// What is kept, summed up by trees of topics, and the limits in force.
    pub(super) async fn storage(
        &self,
        policy: &Arc<Policy>,
        (filter, levels): (Option<Filter>, u32),
        (after, max): (Option<Filter>, u32),
        now: Timestamp,
    ) -> Result<AnswerBody, Refusal> {
        let own = self.hub.organisation();
        check_administers(&self.who, policy, own, now)?;
        let filter = filter.unwrap_or_else(|| Filter::everything(own));
        let levels = if levels == 0 { LEVELS_DEFAULT } else { levels };
        let levels = usize::try_from(levels).unwrap_or(usize::MAX);
        let (hub, policy, max) = (Arc::clone(&self.hub), Arc::clone(policy), most(max));
        let looking = spawn_blocking(move || {
            let mut trees: BTreeMap<Filter, Kept> = BTreeMap::new();
            for state in hub.topics(&filter) {
                let tree = tree_of(&state.topic, levels);
                if after.as_ref().is_some_and(|after| tree <= *after) {
                    continue;
                }
                let retention = policy.retention_of(&state.topic);
                trees.entry(tree).or_default().add(&state, retention);
                if trees.len() > max + 1 {
                    // What comes behind is asked for anew: memory stays that of one answer.
                    trees.pop_last();
                }
            }
            let has_more = trees.len() > max;
            let told: Vec<Value> =
                trees.iter().take(max).map(|(tree, kept)| kept.told(tree)).collect();
            let last = trees.keys().nth(max.saturating_sub(1));
            let next = last.filter(|_last| has_more).map(ToString::to_string);
            let mut answer = hub.storage();
            if let Value::Object(answer) = &mut answer {
                answer.insert("trees".to_owned(), json!(told));
                answer.insert("next".to_owned(), json!(next));
            }
            document(&answer)
        });
        looking.await.map_err(|fault| internal("storage", &fault))
    }
}

/// What is kept of the topics of one tree.
#[derive(Debug, Default)]
struct Kept {
    topics: u64,
    records: u64,
    last_received: Option<Timestamp>,
    /// How long they are kept, where that was said and is the same of all.
    retention: Option<Option<Duration>>,
    is_mixed: bool,
}

impl Kept {
    fn add(&mut self, state: &TopicState, retention: Option<Duration>) {
        self.topics += 1;
        self.records = self.records.saturating_add(state.records);
        self.last_received = self.last_received.max(state.last_received);
        let known = self.retention.get_or_insert(retention);
        self.is_mixed |= *known != retention;
    }

    fn told(&self, tree: &Filter) -> Value {
        let retention = self.retention.flatten().filter(|_same| !self.is_mixed);
        json!({
            "tree": tree.as_str(),
            "topics": self.topics,
            "records": self.records,
            "last_received": self.last_received.map(|time| time.to_string()),
            "retention_s": retention.map(|retention| retention.as_secs()),
        })
    }
}

fn most(max: u32) -> usize {
    usize::try_from(max.clamp(1, TREES_MAX)).unwrap_or(1)
}

/// A topic's first levels and all below; a topic that has no more stands for itself.
fn tree_of(topic: &Topic, levels: usize) -> Filter {
    let whole = Filter::from(topic);
    if whole.levels().count() <= levels {
        return whole;
    }
    let texts = whole.levels().take(levels).map(|level| match level {
        FilterLevel::Literal(text) => text,
        FilterLevel::One => "+",
        FilterLevel::Rest => "#",
    });
    let text = texts.chain(["#"]).collect::<Vec<_>>().join("/");
    text.parse().unwrap_or(whole)
}

fn tree(view: &TreeView<'_>) -> Value {
    let present = view.present;
    let left_out = view.erased.len().saturating_sub(ERASED_TOLD_MAX);
    let erased = view.erased.iter().skip(left_out).map(|(epoch, time, reason)| {
        json!({ "epoch": epoch.value(), "time": time.to_string(), "reason": reason })
    });
    json!({
        "tree": view.tree.as_str(),
        "epoch": present.map(|present| present.epoch.value()),
        "suite": present.map(|present| present.suite.name()),
        "not_before": present.map(|present| present.not_before.to_string()),
        "not_after": present.map(|present| present.not_after.to_string()),
        "epochs": view.last.value(),
        "min_epoch": view.min.value(),
        "key_holders": view.key_holders,
        "erased": erased.collect::<Vec<_>>(),
        "erased_count": view.erased.len(),
    })
}

#[cfg(test)]
mod tests;
