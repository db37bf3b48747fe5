//! `peer list`: how each contract and its links are doing.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use sekisho::{Client, clock};
use sekisho_proto::frame::Question;
use sekisho_proto::{OrgName, Timestamp};
use serde_json::Value;

use crate::access::{Access, document};
use crate::command::Common;
use crate::command::question::{part, text};
use crate::exit::Exit;
use crate::{fault, output, signals};

/// How often a list that is watched is shown anew.
const AGAIN: Duration = Duration::from_secs(2);
/// What wipes a terminal and begins at its top.
const WIPE: &str = "\u{1b}[H\u{1b}[2J";
/// A record that came sooner is not late.
const LATE_S: f64 = 5.0;
const DAY_S: u64 = 86_400;

/// Which peers, and how.
#[derive(Debug, Args)]
#[command(after_help = "\
IN and OUT are records per second over the last seconds. BEHIND is what the peer's log has and this \
node has not, and how long the last record took from its home to here. HEARD is how long ago the \
peer's control log was known to be complete here. With an organisation, everything is shown of it.")]
pub(crate) struct List {
    /// Everything about one of them.
    organisation: Option<OrgName>,
    /// Show it anew every two seconds, until Ctrl-C.
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    #[command(flatten)]
    common: Common,
}

impl List {
    pub(crate) async fn run(self) -> Result<Exit> {
        let client = Access::of(&self.common)?.connect().await?;
        let shown = self.show_until_stopped(&client).await;
        client.close().await;
        shown
    }

    async fn show_until_stopped(&self, client: &Client) -> Result<Exit> {
        if !self.watch {
            return self.show(&document(client, Question::Peers).await?);
        }
        let stop = signals::stop();
        loop {
            let answer = document(client, Question::Peers).await?;
            if output::columns_in_colour().is_some() {
                output::styled(WIPE);
            }
            self.show(&answer)?;
            tokio::select! {
                () = stop.cancelled() => return Ok(Exit::Done),
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }

    fn show(&self, answer: &Value) -> Result<Exit> {
        let all = answer.as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(wanted) = &self.organisation else {
            if self.common.json {
                output::json(answer);
            } else {
                overview(all, clock::now());
            }
            return Ok(Exit::Done);
        };
        let found = all.iter().find(|peer| text(peer, "organisation") == wanted.as_str());
        let Some(peer) = found else {
            return Err(fault::no(format!(
                "peer list: wanted a contract with {wanted}, found none"
            )));
        };
        if self.common.json {
            output::json(peer);
        } else {
            everything(peer, clock::now());
        }
        Ok(Exit::Done)
    }
}

/// A row for each link, and what there is to say about it below.
fn overview(peers: &[Value], now: Timestamp) {
    if peers.is_empty() {
        output::aside("no peers: `sekisho peer invite` begins a contract");
        return;
    }
    let (rows, remarks) = table(peers, now);
    output::table(&["PEER", "LINK", "IN", "OUT", "BEHIND", "HEARD", "ENDS"], &rows);
    for remark in remarks {
        output::prose(&remark);
    }
}

fn table(peers: &[Value], now: Timestamp) -> (Vec<Vec<String>>, Vec<String>) {
    let (mut rows, mut remarks) = (Vec::new(), Vec::new());
    for peer in peers {
        let name = text(peer, "organisation");
        let taking = part(peer, "taking");
        rows.push(row(&name, peer, rate(taking), now));
        remarks.extend(remark(&name, part(peer, "link"), taking));
        for brought in part(peer, "brings").as_array().into_iter().flatten() {
            let name = format!("{} via {name}", text(brought, "organisation"));
            rows.push(row(&name, brought, "–".to_owned(), now));
            remarks.extend(remark(&name, part(brought, "link"), &Value::Null));
        }
    }
    (rows, remarks)
}

fn row(name: &str, entry: &Value, out: String, now: Timestamp) -> Vec<String> {
    let link = part(entry, "link");
    vec![
        name.to_owned(),
        state(entry, now),
        rate(link),
        out,
        behind(link),
        age(part(entry, "heard"), now),
        left(part(entry, "until"), now),
    ]
}

/// Up, or why not, and for how long.
fn state(entry: &Value, now: Timestamp) -> String {
    let link = part(entry, "link");
    if part(entry, "in_force").as_bool() == Some(false) {
        let begins = moment(part(entry, "from")).is_some_and(|from| from > now);
        return if begins { "not yet" } else { "ended" }.to_owned();
    }
    match link.get("state").and_then(Value::as_str) {
        Some(word) => format!("{word} {}", age(part(link, "since"), now)),
        None => "none".to_owned(),
    }
}

fn rate(crossing: &Value) -> String {
    match crossing.get("records_per_s").and_then(Value::as_u64) {
        Some(per_s) => format!("{}/s", short(per_s)),
        None => "–".to_owned(),
    }
}

fn behind(link: &Value) -> String {
    let Some(records) = link.get("behind_records").and_then(Value::as_u64) else {
        return "–".to_owned();
    };
    if part(link, "last_received").is_null() {
        return short(records);
    }
    let delay = link.get("delay_s").and_then(Value::as_f64).unwrap_or(0.0);
    format!("{}, {}", short(records), seconds(delay))
}

/// What went otherwise than it should, in one line.
fn remark(name: &str, link: &Value, taking: &Value) -> Option<String> {
    let mut parts = Vec::new();
    let is_down = matches!(text(link, "state").as_str(), "waiting" | "dialling");
    if is_down && !part(link, "why").is_null() {
        parts.push(text(link, "why"));
    }
    for (field, word) in [
        ("refused", "refused"),
        ("dropped", "passed over"),
        ("hung_up", "hung up"),
        ("gaps", "gaps"),
        ("budget_waits", "waited for its budget"),
    ] {
        parts.extend(counts(part(link, field)).map(|counts| format!("{word}: {counts}")));
    }
    let not_permitted = part(link, "interests").as_array().into_iter().flatten();
    let not_permitted =
        not_permitted.filter(|one| part(one, "permitted").as_bool() == Some(false)).count() as u64;
    if not_permitted > 0 {
        parts.push(format!("{} it does not permit", output::count(not_permitted, "filter")));
    }
    for (field, word) in [
        ("behind_records", "it is behind by"),
        ("refused_interests", "interests refused to it:"),
        ("history_waits", "it waited for history:"),
    ] {
        let count = taking.get(field).and_then(Value::as_u64).unwrap_or(0);
        if count > 0 {
            parts.push(format!("{word} {count}"));
        }
    }
    (!parts.is_empty()).then(|| format!("{name}: {}", parts.join("; ")))
}

/// Counts by their reason.
fn counts(counts: &Value) -> Option<String> {
    let counts = counts.as_object().filter(|counts| !counts.is_empty())?;
    let all: Vec<String> =
        counts.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    Some(all.join(", "))
}

/// One peer, a line for each thing.
fn everything(peer: &Value, now: Timestamp) {
    for line in lines(peer, now) {
        output::prose(&line);
    }
}

fn lines(peer: &Value, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |word: &str, what: String| lines.push(format!("{word}: {what}"));
    say("peer", text(peer, "organisation"));
    say("contract", text(peer, "statement"));
    say("address", text(peer, "address"));
    say("from", output::moment(&text(peer, "from")));
    say(
        "until",
        format!("{} ({})", output::moment(&text(peer, "until")), left(part(peer, "until"), now)),
    );
    for (field, word) in [
        ("we_export", "we export"),
        ("we_import", "we import"),
        ("they_export", "they export"),
        ("they_import", "they import"),
    ] {
        say(word, list(part(peer, field)));
    }
    say_terms(&mut say, "we", part(peer, "our_terms"));
    say_terms(&mut say, "they", part(peer, "their_terms"));
    say("heard", format!("{} ago", age(part(peer, "heard"), now)));
    say("our log that it cosigned", format!("{} entries", text(peer, "cosigned_size")));
    let taking = part(peer, "taking");
    if !taking.is_null() {
        say("it took", crossing(taking));
        say("it asks for", output::count(number(taking, "interests"), "filter"));
        say("it is behind by", output::count(number(taking, "behind_records"), "record"));
    }
    say_link(&mut say, "link", peer, now);
    for brought in part(peer, "brings").as_array().into_iter().flatten() {
        let owner = text(brought, "organisation");
        say(&format!("{owner} through it"), list(part(brought, "we_import")));
        say_link(&mut say, &format!("link for {owner}"), brought, now);
    }
    lines
}

/// What one side promised beside its topics, and what it may send and ask for.
fn say_terms(say: &mut impl FnMut(&str, String), who: &str, terms: &Value) {
    if part(terms, "onward").as_bool() == Some(true) {
        say(&format!("{who} let it travel on"), "yes".to_owned());
    }
    for passed in part(terms, "passes_on").as_array().into_iter().flatten() {
        let (owner, root) = (text(passed, "organisation"), text(passed, "root"));
        let topics = match part(passed, "filters").as_array() {
            Some(filters) if !filters.is_empty() => list(part(passed, "filters")),
            _ => "its control log only".to_owned(),
        };
        say(&format!("{who} pass on of {owner}"), format!("{topics}; its root is {root}"));
    }
    if !part(terms, "carries_home").as_array().is_none_or(Vec::is_empty) {
        say(&format!("{who} carry home"), list(part(terms, "carries_home")));
    }
    for (field, unit) in [
        ("bytes_per_s", "bytes/s"),
        ("envelopes_per_s", "envelopes/s"),
        ("interests", "filters asked for"),
        ("history_bytes_per_s", "bytes/s of what was kept"),
    ] {
        if let Some(most) = part(terms, field).as_u64() {
            say(&format!("{who} have at most"), format!("{most} {unit}"));
        }
    }
}

fn say_link(say: &mut impl FnMut(&str, String), word: &str, entry: &Value, now: Timestamp) {
    let link = part(entry, "link");
    say(word, state(entry, now));
    if link.is_null() {
        return;
    }
    if !part(link, "why").is_null() {
        say("  last down because", text(link, "why"));
    }
    say("  came", crossing(link));
    say("  behind", behind(link));
    say("  checkpoints in order", text(link, "witnessed"));
    for (field, word) in [
        ("refused", "  refused"),
        ("dropped", "  passed over"),
        ("hung_up", "  hung up"),
        ("gaps", "  gaps told"),
        ("budget_waits", "  waited for its budget"),
    ] {
        say(word, counts(part(link, field)).unwrap_or_else(|| "none".to_owned()));
    }
    for interest in part(link, "interests").as_array().into_iter().flatten() {
        let is_permitted = part(interest, "permitted").as_bool() == Some(true);
        let note = if is_permitted { "" } else { " (not permitted)" };
        say("  asks for", format!("{}{note}", text(interest, "filter")));
    }
}

fn crossing(crossing: &Value) -> String {
    format!(
        "{}, {}; lately {}, {}/s",
        output::count(number(crossing, "records"), "record"),
        size(number(crossing, "bytes")),
        rate(crossing),
        size(number(crossing, "bytes_per_s")),
    )
}

fn number(entry: &Value, field: &str) -> u64 {
    part(entry, field).as_u64().unwrap_or(0)
}

fn list(filters: &Value) -> String {
    let all: Vec<&str> =
        filters.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(" ") }
}

fn moment(time: &Value) -> Option<Timestamp> {
    time.as_str()?.parse().ok()
}

/// How long ago something was.
fn age(time: &Value, now: Timestamp) -> String {
    moment(time).map_or_else(|| "never".to_owned(), |time| span(now.saturating_since(time)))
}

/// How long something lasts yet.
fn left(until: &Value, now: Timestamp) -> String {
    match moment(until) {
        None => "open".to_owned(),
        Some(until) if until <= now => "over".to_owned(),
        Some(until) => span(until.saturating_since(now)),
    }
}

/// In the largest unit that says enough.
fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}min", seconds / 60),
        seconds if seconds < 2 * DAY_S => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / DAY_S),
    }
}

fn seconds(seconds: f64) -> String {
    if seconds < LATE_S {
        return format!("{seconds:.1}s");
    }
    span(Duration::from_secs_f64(seconds.min(1e9)))
}

/// A number that needs few columns.
fn short(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..10_000_000 => format!("{}k", number / 1_000),
        _ => format!("{}M", number / 1_000_000),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests;
