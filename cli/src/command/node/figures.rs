//! What the node knows of itself: who is connected, what it refused, how topics are sealed and kept.

use anyhow::Result;
use clap::Args;
use indicatif::BinaryBytes;
use sekisho::Client;
use sekisho_proto::frame::Question;
use sekisho_proto::{Filter, PrincipalName};
use serde_json::{Value, json};

use crate::access::{Access, document};
use crate::command::Common;
use crate::command::question::{part, text};
use crate::exit::Exit;
use crate::output;

/// Whose sessions.
#[derive(Debug, Args)]
pub(crate) struct Sessions {
    /// Only those of this principal, such as park@santander.
    principal: Option<PrincipalName>,
    #[command(flatten)]
    common: Common,
}

/// How many refusals.
#[derive(Debug, Args)]
pub(crate) struct Refusals {
    /// How many at most, newest first.
    #[arg(long, default_value_t = 50)]
    max: u32,
    #[command(flatten)]
    common: Common,
}

/// Nothing beside where the node is.
#[derive(Debug, Args)]
pub(crate) struct Epochs {
    #[command(flatten)]
    common: Common,
}

/// Which topics, and how they are summed up.
#[derive(Debug, Args)]
pub(crate) struct Storage {
    /// Which topics; default those of the organisation.
    filter: Option<Filter>,
    /// How many levels of each topic are told apart.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=32))]
    levels: u32,
    #[command(flatten)]
    common: Common,
}

impl Sessions {
    pub(super) async fn run(self) -> Result<Exit> {
        let client = Access::of(&self.common)?.connect().await?;
        let mut from = 0;
        let mut all = Vec::new();
        let answer = loop {
            let principal = self.principal.clone();
            let question = Question::Sessions { principal, from, max: u32::MAX };
            let answer = gathered(&client, question, ("sessions", &mut all)).await?;
            let Some(next) = part(&answer, "next").as_u64() else { break answer };
            from = next;
        };
        client.close().await;
        tell(&self.common, answer, ("sessions", all), |sessions| {
            let rows: Vec<Vec<String>> = sessions.iter().map(session).collect();
            let headings =
                ["WHO", "BY", "FROM", "SINCE", "IN/S", "OUT/S", "PUBLISHED", "DELIVERED", "READS"];
            output::table(&headings, &rows);
        });
        Ok(Exit::Done)
    }
}

impl Refusals {
    pub(super) async fn run(self) -> Result<Exit> {
        let client = Access::of(&self.common)?.connect().await?;
        let mut before = None;
        let mut all = Vec::new();
        let answer = loop {
            let left = self.max.saturating_sub(u32::try_from(all.len()).unwrap_or(u32::MAX));
            let question = Question::Refusals { before, max: left };
            let answer = gathered(&client, question, ("refusals", &mut all)).await?;
            before = part(&answer, "next").as_u64();
            if before.is_none() || all.len() >= usize::try_from(self.max).unwrap_or(usize::MAX) {
                break answer;
            }
        };
        client.close().await;
        tell(&self.common, answer, ("refusals", all), |refusals| {
            let rows: Vec<Vec<String>> = refusals.iter().map(refusal).collect();
            output::table(&["LAST", "TIMES", "WHO", "BY", "CODE", "WHAT", "WHY"], &rows);
        });
        Ok(Exit::Done)
    }
}

impl Epochs {
    pub(super) async fn run(self) -> Result<Exit> {
        let client = Access::of(&self.common)?.connect().await?;
        let mut after = None;
        let mut all = Vec::new();
        let answer = loop {
            let question = Question::Epochs { after, max: u32::MAX };
            let answer = gathered(&client, question, ("trees", &mut all)).await?;
            after = next_tree(&answer)?;
            if after.is_none() {
                break answer;
            }
        };
        client.close().await;
        tell(&self.common, answer, ("trees", all), |trees| {
            let row = |tree: &Value| {
                let cell = |field| output::moment(&text(tree, field));
                let fields = ["tree", "epoch", "not_before", "not_after", "key_holders"];
                let cells = fields.into_iter().map(cell);
                let erased = text(tree, "erased_count");
                cells.chain([erased, text(tree, "suite")]).collect::<Vec<_>>()
            };
            let rows: Vec<Vec<String>> = trees.iter().map(row).collect();
            let headings = ["TREE", "EPOCH", "SINCE", "UNTIL", "KEY HOLDERS", "ERASED", "SUITE"];
            output::table(&headings, &rows);
        });
        Ok(Exit::Done)
    }
}

impl Storage {
    pub(super) async fn run(self) -> Result<Exit> {
        let client = Access::of(&self.common)?.connect().await?;
        let mut after = None;
        let mut all = Vec::new();
        let answer = loop {
            let (filter, levels) = (self.filter.clone(), self.levels);
            let question = Question::Storage { filter, levels, after, max: u32::MAX };
            let answer = gathered(&client, question, ("trees", &mut all)).await?;
            after = next_tree(&answer)?;
            if after.is_none() {
                break answer;
            }
        };
        client.close().await;
        if !self.common.json {
            figures(&answer);
        }
        tell(&self.common, answer, ("trees", all), |trees| {
            let row = |tree: &Value| {
                let cell = |field| output::moment(&text(tree, field));
                let kept_for = kept_for(part(tree, "retention_s").as_u64());
                vec![cell("topics"), cell("records"), cell("last_received"), kept_for, cell("tree")]
            };
            let rows: Vec<Vec<String>> = trees.iter().map(row).collect();
            output::table(&["TOPICS", "RECORDS", "LAST RECEIVED", "KEPT FOR", "TREE"], &rows);
        });
        Ok(Exit::Done)
    }
}

/// Asks for one part of a list and adds it to what was told before.
async fn gathered(
    client: &Client,
    question: Question,
    (field, all): (&str, &mut Vec<Value>),
) -> Result<Value> {
    let mut answer = document(client, question).await?;
    if let Some(Value::Array(told)) = answer.get_mut(field).map(Value::take) {
        all.extend(told);
    }
    Ok(answer)
}

fn next_tree(answer: &Value) -> Result<Option<Filter>> {
    let next = part(answer, "next").as_str();
    next.map(|tree| Ok(tree.parse()?)).transpose()
}

/// Shows all parts together: as one document, or as people read it.
fn tell(
    common: &Common,
    mut answer: Value,
    (field, all): (&str, Vec<Value>),
    show: impl FnOnce(&[Value]),
) {
    if common.json {
        if let Value::Object(answer) = &mut answer {
            answer.insert(field.to_owned(), json!(all));
            answer.remove("next");
        }
        return output::json(&answer);
    }
    if all.is_empty() {
        output::aside("nothing");
    } else {
        show(&all);
    }
}

fn session(one: &Value) -> Vec<String> {
    let (published, delivered) = (part(one, "published"), part(one, "delivered"));
    let subscriptions = part(one, "subscriptions").as_array().map(Vec::as_slice);
    let mut reads: Vec<&str> = subscriptions
        .unwrap_or_default()
        .iter()
        .filter_map(|subscription| part(subscription, "filter").as_str())
        .collect();
    let left_out = part(one, "subscriptions_left_out").as_u64().unwrap_or_default();
    if left_out > 0 {
        reads.push("…");
    }
    let reads = if reads.is_empty() { "–".to_owned() } else { reads.join(" ") };
    vec![
        text(one, "principal"),
        text(one, "via"),
        text(one, "address"),
        output::moment(&text(one, "since")),
        text(published, "per_s"),
        text(delivered, "per_s"),
        text(published, "records"),
        text(delivered, "records"),
        reads,
    ]
}

fn refusal(one: &Value) -> Vec<String> {
    let who = match part(one, "principal").as_str() {
        Some(name) => name.to_owned(),
        None => text(one, "address"),
    };
    vec![
        output::moment(&text(one, "last")),
        text(one, "times"),
        who,
        text(one, "via"),
        text(one, "code"),
        text(one, "what"),
        text(one, "why"),
    ]
}

/// A figure in words: bytes with a fitting unit, and no limit where there is none.
fn figure(name: &str, value: &Value) -> String {
    let (what, is_bytes) = match name.strip_suffix("_bytes") {
        Some(what) => (what, true),
        None => (name.strip_suffix("_max").unwrap_or(name), name.ends_with("bytes_max")),
    };
    let what = what.trim_end_matches("_bytes").replace('_', " ");
    match value.as_u64() {
        Some(bytes) if is_bytes => format!("{what} {}", BinaryBytes(bytes)),
        Some(number) => format!("{what} {number}"),
        None if value.is_null() && is_bytes => format!("{what} bytes without limit"),
        None if value.is_null() => format!("{what} without limit"),
        None => format!("{what} {value}"),
    }
}

/// How long a topic's own rule keeps its records.
fn kept_for(seconds: Option<u64>) -> String {
    let Some(seconds) = seconds else { return "see limits".to_owned() };
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    match units.into_iter().find(|(unit, _name)| seconds >= *unit && seconds.is_multiple_of(*unit))
    {
        Some((unit, name)) => output::count(seconds / unit, name),
        None => output::count(seconds, "second"),
    }
}

/// What is beside the trees, a line each.
fn figures(answer: &Value) {
    for group in ["disk", "limits"] {
        let Some(figures) = part(answer, group).as_object() else { continue };
        for (name, value) in figures {
            output::line(format!("{group}: {}", figure(name, value)));
        }
    }
    let logs = part(answer, "logs");
    let records = part(logs, "records");
    let (first, head) = (text(records, "first"), text(records, "head"));
    output::line(format!("log of records: {first} to {head}"));
    for log in ["control", "access"] {
        output::line(format!("{log} log: {} entries", text(part(logs, log), "entries")));
    }
    output::line("");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_with_units_that_people_read() {
        for (name, value, words) in [
            ("free_bytes", json!(74_362_195_968_u64), "free 69.26 GiB"),
            ("retention_bytes", Value::Null, "retention bytes without limit"),
            ("envelope_bytes_max", json!(65_536), "envelope 64.00 KiB"),
            ("connections_max", json!(12_000), "connections 12000"),
            ("retention_days", json!(30), "retention days 30"),
        ] {
            assert_eq!(figure(name, &value), words);
        }
    }

    #[test]
    fn how_long_records_are_kept_is_told_exactly() {
        for (seconds, words) in [
            (Some(2_592_000), "30 days"),
            (Some(5_400), "90 minutes"),
            (Some(61), "61 seconds"),
            (Some(3_600), "1 hour"),
            (None, "see limits"),
        ] {
            assert_eq!(kept_for(seconds), words);
        }
    }
}
