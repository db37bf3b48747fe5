//! What the node says when it is asked: whether it can work, what time it is there, which topics
//! are sealed, and how its peers are.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sekisho::{Client, ConnectError, QueryError, Timestamp, Topic, clock};
use sekisho_broker::config::Config;
use sekisho_proto::frame::Question;
use sekisho_steward::Settings;
use serde_json::Value;

use super::{Finding, Level};
use crate::access::{Access, document};
use crate::command::question::{part, text};
use crate::organisation::{CONFIGURATION, STEWARD};
use crate::output;
use crate::page::Page;

/// Clocks further apart than this make fresh envelopes look wrong.
const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_secs(30);
/// A contract that ends sooner should be renewed.
const RENEW_BEFORE: Duration = Duration::from_hours(30 * 24);

/// Everything that takes a connection.
pub(super) async fn examine(dir: &Path) -> Vec<Finding> {
    let access = match Access::load(dir) {
        Ok(access) => access,
        Err(error) => return vec![Finding::of("profile", Err(error))],
    };
    let client = match access.connect().await {
        Ok(client) => client,
        Err(error) => return vec![unreachable(dir, error)],
    };
    let mut findings = vec![clock_of(&client).await];
    if dir.join(CONFIGURATION).exists() {
        findings.extend(status(&client).await);
        findings.extend(epochs(dir, &client).await);
        findings.extend(peers(&client).await);
    } else {
        findings.push(Finding::of("rights", rights(&access, &client).await));
    }
    client.close().await;
    findings
}

/// What a node's page tells on a machine where nobody's keys are but the node's.
pub(super) async fn look(dir: &Path) -> Vec<Finding> {
    let readiness = async {
        let address = Config::load(dir)?.listen_http;
        let page = Page::get(address, "/readyz").await.with_context(|| {
            format!("node: start it, if it does not run: sekisho serve --dir {}", dir.display())
        })?;
        ensure!(page.is_ok, "wanted the node ready, found {}", page.body.trim());
        Ok("running and ready; the rest is asked from the administrator's machine".to_owned())
    };
    vec![Finding::of("node", readiness.await)]
}

fn unreachable(dir: &Path, error: anyhow::Error) -> Finding {
    let silent = error.chain().any(|cause| {
        matches!(
            cause.downcast_ref(),
            Some(ConnectError::Timeout { .. } | ConnectError::Dial { .. })
        )
    });
    let mut finding = Finding::of("node", Err(error));
    if silent && dir.join(CONFIGURATION).exists() {
        finding.words.push_str(&format!("; start it: sekisho serve --dir {}", dir.display()));
    }
    finding
}

async fn clock_of(client: &Client) -> Finding {
    let what = "clock";
    let theirs = match client.connected().await {
        Ok(welcome) => welcome.time,
        Err(cause) => return Finding::of(what, Err(cause.into())),
    };
    let apart = apart(clock::now(), theirs);
    if apart > CLOCK_DIFFERENCE_MAX {
        let seconds = apart.as_secs();
        let words = format!(
            "wanted this machine's and the node's alike, found {seconds} s apart; is NTP running \
             on both?"
        );
        return Finding::new(what, Level::Ill, words);
    }
    Finding::new(what, Level::Well, "this machine's and the node's agree")
}

fn apart(one: Timestamp, other: Timestamp) -> Duration {
    one.saturating_since(other).max(other.saturating_since(one))
}

async fn status(client: &Client) -> Vec<Finding> {
    let status = match document(client, Question::Status).await {
        Ok(status) => status,
        Err(error) => return vec![Finding::of("node", Err(error))],
    };
    let faults = part(&status, "faults").as_array().map(Vec::as_slice).unwrap_or_default();
    let faults: Vec<&str> = faults.iter().filter_map(Value::as_str).collect();
    let node = if faults.is_empty() {
        let (statements, records) = (text(&status, "statements"), text(&status, "head"));
        let words = format!("running, {statements} statements, {records} records so far");
        Finding::new("node", Level::Well, words)
    } else {
        Finding::new("node", Level::Ill, faults.join("; "))
    };
    let waiting = part(&status, "enrolments_waiting").as_u64().unwrap_or(0);
    let newcomers = if waiting == 0 {
        Finding::new("newcomers", Level::Well, "nobody waits")
    } else {
        let count = output::count(waiting, "newcomer");
        let words = format!("{count} waiting: sekisho enrol --list tells who");
        Finding::new("newcomers", Level::Note, words)
    };
    let mut findings = vec![node, record_log(&status), newcomers];
    findings.extend(stewards(&status));
    findings
}

/// Whether everything that was kept can still be read.
fn record_log(status: &Value) -> Finding {
    let what = "record log";
    match part(status, "damaged_records").as_u64() {
        None | Some(0) => Finding::new(what, Level::Well, "nothing of it is damaged"),
        Some(damaged) => {
            let words = format!(
                "wanted everything readable, found {} damaged on the disk: subscribers are told a \
                 gap in their place, and the rest is served; look at the disk, and restore data/ \
                 where what is missing is dear",
                output::count(damaged, "record")
            );
            Finding::new(what, Level::Ill, words)
        }
    }
}

/// Whether a steward is at work: without one nothing new is sealed for readers, and nobody joins.
fn stewards(status: &Value) -> Option<Finding> {
    let what = "steward's session";
    let present = part(status, "stewards").as_array()?;
    let names: Vec<&str> = present.iter().filter_map(Value::as_str).collect();
    if names.is_empty() {
        let words = "no steward is connected: nobody can join, and keys that end are not replaced; \
                     start it: sekisho steward";
        return Some(Finding::new(what, Level::Ill, words));
    }
    Some(Finding::new(what, Level::Well, format!("{} at work", names.join(", "))))
}

/// Whether each tree that the steward keeps has a key that publishers can seal to.
async fn epochs(dir: &Path, client: &Client) -> Vec<Finding> {
    let Ok(config) = Config::load(dir) else { return Vec::new() };
    // What is wrong with the settings was said before.
    let Ok(settings) = Settings::load(&dir.join(STEWARD), &config.organisation) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for tree in &settings.trees {
        // Any topic of the tree stands for all: wildcards become a level of that name.
        let Ok(topic) = Topic::parse(&tree.as_str().replace(['+', '#'], "any")) else { continue };
        findings.push(match client.query(Question::EpochOf(topic)).await {
            Ok(_proof) => Finding::new("epoch", Level::Well, format!("{tree} can be sealed")),
            Err(QueryError::Refused(_)) => {
                let words = format!(
                    "{tree}: wanted a key in force, found none; start the steward: sekisho \
                     steward --dir {}",
                    dir.display()
                );
                Finding::new("epoch", Level::Ill, words)
            }
            Err(cause) => Finding::of("epoch", Err(cause.into())),
        });
    }
    findings
}

async fn peers(client: &Client) -> Vec<Finding> {
    match document(client, Question::Peers).await {
        Ok(peers) => {
            let peers = peers.as_array().map(Vec::as_slice).unwrap_or_default();
            peers.iter().map(|peer| peer_of(peer, clock::now())).collect()
        }
        Err(error) => vec![Finding::of("peers", Err(error))],
    }
}

fn peer_of(peer: &Value, now: Timestamp) -> Finding {
    let what = format!("peer {}", text(peer, "organisation"));
    let until = part(peer, "until").as_str();
    let end = until.and_then(|until| until.parse::<Timestamp>().ok());
    if part(peer, "in_force").as_bool() != Some(true) {
        let until = output::moment(until.unwrap_or("–"));
        let words = format!("the contract is not in force (until {until}): sign another");
        return Finding::new(what, Level::Ill, words);
    }
    let heard = part(peer, "heard").as_str().and_then(|heard| heard.parse::<Timestamp>().ok());
    let Some(heard) = heard else {
        let words = format!("not heard yet: is its node at {} up?", text(peer, "address"));
        return Finding::new(what, Level::Ill, words);
    };
    let silent = now.saturating_since(heard);
    if silent > sekisho_policy::FRESHNESS_MAX {
        let words = format!(
            "silent for {} minutes, so that nothing restricted is shared: is its node at {} up?",
            silent.as_secs() / 60,
            text(peer, "address")
        );
        return Finding::new(what, Level::Ill, words);
    }
    let seconds = silent.as_secs();
    match end {
        Some(end) if end.saturating_since(now) < RENEW_BEFORE => {
            let words = format!("heard {seconds} s ago; the contract ends at {end}: sign another");
            Finding::new(what, Level::Note, words)
        }
        Some(_) | None => Finding::new(what, Level::Well, format!("heard {seconds} s ago")),
    }
}

/// Whether the principal may do anything at all.
async fn rights(access: &Access, client: &Client) -> Result<String> {
    let who = &access.profile.principal;
    let question = Question::What { principal: who.clone(), at: None };
    let answer = document(client, question).await?;
    let grants = part(&answer, "grants").as_array().map_or(0, Vec::len);
    let grants = u64::try_from(grants).unwrap_or(u64::MAX);
    let (node, grants) = (&access.profile.node, output::count(grants, "grant"));
    Ok(format!("{who} is welcome at {node}, with {grants} (sekisho what {who})"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn peer(heard: Option<&str>, until: &str) -> Value {
        json!({
            "organisation": "santander",
            "address": "127.0.0.1:7543",
            "in_force": true,
            "until": until,
            "heard": heard,
        })
    }

    #[test]
    fn a_peer_that_is_silent_for_too_long_is_a_fault() {
        let until = "2027-11-21T00:00:00Z";
        let now = at("2026-11-21T12:00:00Z");
        let level = |heard| peer_of(&peer(heard, until), now).level;
        assert_eq!(level(Some("2026-11-21T11:59:50Z")), Level::Well);
        assert_eq!(level(Some("2026-11-21T11:40:00Z")), Level::Ill);
        assert_eq!(level(None), Level::Ill);
    }

    #[test]
    fn a_steward_that_is_away_is_a_fault() {
        let level = |status: &Value| stewards(status).map(|found| found.level);
        assert_eq!(level(&json!({ "stewards": [] })), Some(Level::Ill));
        assert_eq!(level(&json!({ "stewards": ["steward@fujisawa"] })), Some(Level::Well));
        assert_eq!(level(&json!({})), None);
    }

    #[test]
    fn a_contract_that_ends_soon_is_worth_a_look() {
        let now = at("2026-11-21T12:00:00Z");
        let found = peer_of(&peer(Some("2026-11-21T11:59:50Z"), "2026-12-01T00:00:00Z"), now);
        assert_eq!(found.level, Level::Note);
        assert!(found.words.contains("sign another"), "{}", found.words);
    }
}
