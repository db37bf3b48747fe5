//! `who`, `why`, `what`, `discover`: what the node's policy says, in tables.

use anyhow::Result;
use clap::Args;
use sekisho::{DISCOVER_MAX, Discovered};
use sekisho_proto::frame::Question;
use sekisho_proto::{Action, Filter, PrincipalName, Timestamp, Topic};
use serde_json::Value;

use crate::access::{Access, document};
use crate::command::Common;
use crate::exit::Exit;
use crate::output;

/// Who may do something on a topic.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho who fujisawa/truck/17/air --dir fujisawa
  sekisho who fujisawa/truck/17/air --action decrypt --at 2026-11-21T09:00:00Z --dir fujisawa")]
pub(crate) struct Who {
    /// The topic, such as fujisawa/truck/17/air.
    topic: Topic,
    /// publish, subscribe, history, decrypt, discover, grant, bridge or administer.
    #[arg(long, default_value = "subscribe")]
    action: Action,
    /// As it was then: RFC 3339, such as 2026-11-21T09:00:00Z.
    #[arg(long)]
    at: Option<Timestamp>,
    #[command(flatten)]
    common: Common,
}

/// Why somebody may or may not do something, statement by statement.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho why dashboard@santander subscribe fujisawa/truck/17/air --dir fujisawa
  sekisho why truck-17@fujisawa publish fujisawa/truck/17/air --dir truck-17

Ends with 1 where the answer is no.")]
pub(crate) struct Why {
    /// Who, such as park@santander.
    principal: PrincipalName,
    /// publish, subscribe, history, decrypt, discover, grant, bridge or administer.
    action: Action,
    /// The topic, such as fujisawa/truck/17/air.
    topic: Topic,
    /// As it was then: RFC 3339.
    #[arg(long)]
    at: Option<Timestamp>,
    #[command(flatten)]
    common: Common,
}

/// Everything a principal may do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho what dashboard@santander --dir fujisawa
  sekisho what truck-17@fujisawa --json --dir truck-17")]
pub(crate) struct What {
    /// Who, such as park@santander.
    principal: PrincipalName,
    /// As it was then: RFC 3339.
    #[arg(long)]
    at: Option<Timestamp>,
    #[command(flatten)]
    common: Common,
}

/// The topics that you may know of.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho discover 'fujisawa/#' --dir dashboard
  sekisho discover 'fujisawa/#' --type weather --json --dir dashboard")]
pub(crate) struct Discover {
    /// Which topics, such as 'fujisawa/truck/#'.
    filter: Filter,
    /// Only topics described as of this kind of device.
    #[arg(long = "type", value_name = "TYPE")]
    device_type: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl Who {
    pub(crate) async fn run(self) -> Result<Exit> {
        let client = Access::of(&self.common)?.connect().await?;
        let Self { topic, action, at, common: _ } = &self;
        let question = Question::Who { topic: topic.clone(), action: *action, at: *at };
        let answer = document(&client, question).await?;
        client.close().await;
        if self.common.json {
            output::json(&answer);
            return Ok(Exit::Done);
        }
        let rows = rows(&answer, &["principal", "grantee", "until", "purpose"]);
        if rows.is_empty() {
            output::line("nobody");
            output::aside(format!("that is who may {action} on {topic}; --action asks of another"));
        } else {
            let who = format!("WHO MAY {}", action.to_string().to_uppercase());
            output::table(&[&who, "BY THE GRANT TO", "UNTIL", "FOR"], &rows);
            let all = answer.as_array().map(Vec::as_slice).unwrap_or_default();
            let attested =
                all.iter().filter(|one| part(one, "attested").as_bool().unwrap_or_default());
            let attested: Vec<String> = attested.map(|one| text(one, "principal")).collect();
            if !attested.is_empty() {
                let names = attested.join(", ");
                output::line(format!("their organisation's node signs for {names}"));
            }
        }
        Ok(Exit::Done)
    }
}

impl Why {
    pub(crate) async fn run(self) -> Result<Exit> {
        let client = Access::of(&self.common)?.connect().await?;
        let Self { principal, action, topic, at, common } = self;
        let answer = document(&client, Question::Why { principal, action, topic, at }).await?;
        client.close().await;
        let permitted = part(&answer, "permitted").as_bool().unwrap_or(false);
        if common.json {
            output::json(&answer);
        } else {
            output::prose(&text(&answer, "explanation"));
        }
        Ok(if permitted { Exit::Done } else { Exit::No })
    }
}

impl What {
    pub(crate) async fn run(self) -> Result<Exit> {
        let client = Access::of(&self.common)?.connect().await?;
        let question = Question::What { principal: self.principal, at: self.at };
        let answer = document(&client, question).await?;
        client.close().await;
        if self.common.json {
            output::json(&answer);
            return Ok(Exit::Done);
        }
        if let Some(barred) = part(&answer, "barred").as_str() {
            output::line(format!("nothing: {barred}"));
            return Ok(Exit::Done);
        }
        if part(&answer, "attested").as_bool().unwrap_or_default() {
            output::line("keeps no key: its organisation's node signs what it publishes, unsealed");
        }
        let columns = ["actions", "filter", "grantee", "until", "purpose"];
        let granted = rows(part(&answer, "grants"), &columns);
        if granted.is_empty() {
            output::line("nothing: no grant names it");
        } else {
            output::table(&["MAY", "ON", "BY THE GRANT TO", "UNTIL", "FOR"], &granted);
        }
        let denied = rows(part(&answer, "denies"), &["actions", "filter", "grantee", "reason"]);
        if !denied.is_empty() {
            output::line("");
            output::table(&["MAY NOT", "ON", "BY THE DENY TO", "BECAUSE"], &denied);
        }
        Ok(Exit::Done)
    }
}

impl Discover {
    pub(crate) async fn run(self) -> Result<Exit> {
        let client = Access::of(&self.common)?.connect().await?;
        let wanted = |topic: &Value| {
            let found = part(topic, "device_type").as_str();
            self.device_type.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        let Discovered { topics, has_more } = client.discover(&self.filter, DISCOVER_MAX).await?;
        client.close().await;
        if has_more {
            let told = topics.len();
            output::aside(format!(
                "the node has more topics than these {told} that match {}: narrower filters find \
                 them",
                self.filter
            ));
        }
        let found: Value = topics.into_iter().map(|found| found.told).filter(wanted).collect();
        if self.common.json {
            output::json(&found);
            return Ok(Exit::Done);
        }
        let rows = rows(&found, &["next_offset", "last_received", "device_type", "topic"]);
        if rows.is_empty() {
            output::aside(format!("no topic matches {} that you may know of", self.filter));
        } else {
            output::table(&["RECORDS", "LAST RECEIVED", "TYPE", "TOPIC"], &rows);
        }
        Ok(Exit::Done)
    }
}

/// The named fields of each entry, as text for people.
pub(crate) fn rows(entries: &Value, fields: &[&str]) -> Vec<Vec<String>> {
    let entries = entries.as_array().map(Vec::as_slice).unwrap_or_default();
    let cell = |entry: &Value, field: &str| match part(entry, field) {
        Value::String(text) if text.is_empty() => "–".to_owned(),
        Value::Array(parts) => {
            let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
            if parts.is_empty() { "–".to_owned() } else { parts.join(" ") }
        }
        Value::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::Null | Value::String(_) | Value::Number(_) | Value::Object(_) => {
            output::moment(&text(entry, field))
        }
    };
    entries.iter().map(|entry| fields.iter().map(|field| cell(entry, field)).collect()).collect()
}

/// One field as text; a dash where there is nothing.
pub(crate) fn text(entry: &Value, field: &str) -> String {
    match part(entry, field) {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            other.to_string()
        }
    }
}

/// One field; null where there is nothing.
pub(crate) fn part<'a>(entry: &'a Value, field: &str) -> &'a Value {
    entry.get(field).unwrap_or(&Value::Null)
}
