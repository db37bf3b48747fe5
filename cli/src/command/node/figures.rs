//! What the node knows of itself: who is connected, what it refused, how topics are sealed and kept.

use anyhow::Result;
use clap::Args;
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
                let fields = ["topics", "records", "last_received", "retention_s", "tree"];
                let cells = fields.map(|field| output::moment(&text(tree, field)));
                cells.to_vec()
            };
            let rows: Vec<Vec<String>> = trees.iter().map(row).collect();
            output::table(&["TOPICS", "RECORDS", "LAST RECEIVED", "KEPT, S", "TREE"], &rows);
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

/// What is beside the trees, a line each.
fn figures(answer: &Value) {
    for group in ["disk", "limits"] {
        let Some(figures) = part(answer, group).as_object() else { continue };
        for (name, value) in figures {
            output::line(format!("{group}: {name} = {value}"));
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
