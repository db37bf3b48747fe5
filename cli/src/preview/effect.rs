//! What a statement would open and close, as a node says.

use sekisho_proto::{Action, Actions, PrincipalName, Topic};
use serde_json::Value;

use crate::command::question::part;

/// What would change for whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) opened: Vec<Changed>,
    pub(crate) closed: Vec<Changed>,
}

/// What one principal may do on one topic, and could not before; or the other way about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) principal: PrincipalName,
    pub(crate) actions: Actions,
    pub(crate) topic: Topic,
}

impl Effect {
    /// Reads a node's answer to `diff`.
    pub(crate) fn parse(answer: &Value) -> Self {
        let list = |field| {
            let entries = part(answer, field).as_array().map(Vec::as_slice).unwrap_or_default();
            entries.iter().filter_map(changed).collect()
        };
        Self { opened: list("opened"), closed: list("closed") }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.opened.is_empty() && self.closed.is_empty()
    }
}

fn changed(entry: &Value) -> Option<Changed> {
    Some(Changed {
        principal: part(entry, "principal").as_str()?.parse().ok()?,
        actions: part(entry, "actions").as_str()?.parse().ok()?,
        topic: part(entry, "topic").as_str()?.parse().ok()?,
    })
}

impl Changed {
    pub(crate) fn has_any(&self, actions: &[Action]) -> bool {
        !self.actions.intersection(Actions::of(actions)).is_empty()
    }
}
