//! `access`: who was let at what, as far as it has not been erased.

use anyhow::Result;
use clap::{Args, Subcommand};
use sekisho_proto::PrincipalName;
use sekisho_proto::frame::Question;
use serde_json::Value;

use crate::access::{Access, document};
use crate::command::Common;
use crate::command::question::{part, text};
use crate::exit::Exit;
use crate::output;

/// Entries asked for at once: what a node answers at most.
const PAGE: u32 = 100;

/// Who was let at what.
#[derive(Debug, Subcommand)]
pub(crate) enum AccessCommand {
    /// List the access log.
    List(List),
}

/// List the access log.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho access list --dir fujisawa
  sekisho access list dashboard@santander --max 20 --dir fujisawa
  sekisho access list --from 1200 --json --dir fujisawa

That you look is recorded, too. Of those who were erased the entries are left and say nothing: with \
a name they are not listed. The JSON has what a third party needs to check an entry: the record's \
bytes and its opening, which opens no other.")]
pub(crate) struct List {
    /// Only accesses of this principal.
    subject: Option<PrincipalName>,
    /// From this index on.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// So many entries at most.
    #[arg(long, default_value_t = 1_000)]
    max: usize,
    #[command(flatten)]
    common: Common,
}

impl AccessCommand {
    pub(crate) async fn run(self) -> Result<Exit> {
        match self {
            Self::List(list) => list.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<Exit> {
        let Self { subject, from, max, common } = self;
        let client = Access::of(&common)?.connect().await?;
        let (mut entries, mut next) = (Vec::new(), from);
        while entries.len() < max {
            let left = u32::try_from(max - entries.len()).unwrap_or(PAGE).min(PAGE);
            let question = Question::Accesses { subject: subject.clone(), from: next, max: left };
            let page = document(&client, question).await?;
            let page = page.as_array().cloned().unwrap_or_default();
            let last = page.last().and_then(|entry| part(entry, "index").as_u64());
            next = last.map_or(next, |last| last.saturating_add(1));
            // Each question is an entry, too: there is always one more.
            let is_end = page.len() < usize::try_from(left)?;
            entries.extend(page);
            if is_end {
                break;
            }
        }
        client.close().await;
        let is_cut = entries.len() >= max;
        if common.json {
            output::json(&Value::Array(entries));
            return Ok(Exit::Done);
        }
        if entries.is_empty() {
            output::aside("no entries");
            return Ok(Exit::Done);
        }
        let rows: Vec<_> = entries.iter().map(row).collect();
        output::table(&["INDEX", "WHEN", "WHO", "WHAT", "FOR", "ON"], &rows);
        if is_cut {
            output::aside(format!("there may be more: --from {next}"));
        }
        Ok(Exit::Done)
    }
}

fn row(entry: &Value) -> Vec<String> {
    let record = part(entry, "record");
    let (when, who) = if record.is_null() {
        (text(entry, "hour"), "(erased)".to_owned())
    } else {
        (text(record, "time"), text(record, "subject"))
    };
    let about = [text(record, "topics"), extent(record)];
    let about: Vec<String> = about.into_iter().filter(|part| part != "–").collect();
    vec![
        text(entry, "index"),
        output::moment(&when),
        who,
        text(entry, "kind"),
        dash(text(record, "purpose")),
        dash(about.join(", ")),
    ]
}

/// Which records, or which key.
fn extent(record: &Value) -> String {
    let number = |field| part(record, field).as_u64();
    match (number("from"), number("to"), number("epoch")) {
        (Some(from), Some(to), _) => format!("positions {from} to {}", to.saturating_sub(1)),
        (_, _, Some(epoch)) => format!("epoch {epoch}"),
        (_, _, None) => "–".to_owned(),
    }
}

fn dash(text: String) -> String {
    if text.is_empty() { "–".to_owned() } else { text }
}
