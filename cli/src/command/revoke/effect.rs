//! When a revocation or a deny holds: at home, in what is sealed from now on, and at every peer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use sekisho::{StatementIndex, clock};
use sekisho_proto::frame::Question;
use sekisho_proto::{Epoch, Filter, OrgName, Statement, StatementBody, Timestamp};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::access::document;
use crate::command::question::part;
use crate::command::signing::{Author, Proposal, Standing};
use crate::output;

/// How often the node is asked. A peer confirms within a round trip.
const TURN: Duration = Duration::from_millis(20);

/// What is to be confirmed.
#[derive(Debug)]
pub(super) struct Watch {
    /// Under a peering in force.
    peers: BTreeSet<OrgName>,
    /// What somebody holds a key of who is to read no more, and in which epoch.
    epochs: BTreeMap<Filter, Epoch>,
    /// What is stated, by which the sessions that it ends are asked for.
    stated: Vec<Statement>,
    sessions: u64,
}

/// What came of the waiting.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) is_confirmed: bool,
    /// All that was awaited, for programs.
    pub(super) document: Value,
}

/// What has been confirmed.
#[derive(Debug, Default)]
struct Confirmed {
    sessions: Option<(u64, Duration)>,
    epochs: BTreeMap<Filter, (Epoch, Duration)>,
    peers: BTreeMap<OrgName, Duration>,
}

impl Watch {
    /// What will have to be confirmed, as it is before anything is stated.
    pub(super) async fn prepare(author: &Author, proposals: &[Proposal]) -> Self {
        // Who may not ask about peers may still end what is theirs.
        let answer = document(&author.client, Question::Peers).await.unwrap_or_default();
        let peers = entries(&answer).iter().filter(|peer| part(peer, "in_force") == &json!(true));
        let peers = peers.filter_map(|peer| part(peer, "organisation").as_str()?.parse().ok());
        let mut epochs = BTreeMap::new();
        for proposal in proposals {
            epochs.extend(entries(part(&proposal.diff, "keys")).iter().filter_map(key));
        }
        let sessions = proposals.iter().filter_map(|one| part(&one.diff, "sessions").as_u64());
        Self {
            peers: peers.collect(),
            epochs,
            sessions: sessions.sum(),
            stated: proposals.iter().map(|one| Statement::unsigned(one.body.clone())).collect(),
        }
    }

    /// Says what is confirmed, as it is, and then what was not; to programs all of it at the end.
    pub(super) async fn wait(
        self,
        author: &Author,
        standing: &[Standing],
        most: Duration,
    ) -> Result<Outcome> {
        let newest = standing.iter().max_by_key(|one| one.index);
        let Some((last, sent)) = newest.map(|one| (one.index, one.sent)) else {
            return Ok(Outcome { is_confirmed: true, document: Value::Null });
        };
        let mut confirmed = Confirmed::default();
        let mut said = |line: String| {
            if !author.json {
                output::line(line);
            }
        };
        let watching = async {
            let mut log = author.client.follow(author.organisation().clone(), last.next());
            loop {
                let asked = async {
                    self.ask_sessions(author, &mut confirmed, sent, &mut said).await?;
                    self.ask_peers(author, last, &mut confirmed, sent, &mut said).await
                };
                asked.await?;
                if self.is_all(&confirmed) {
                    return anyhow::Ok(());
                }
                // New epochs come by the log; where none is awaited, its next page is not either.
                tokio::select! {
                    page = log.next(), if confirmed.epochs.len() < self.epochs.len() => {
                        for one in page? {
                            self.note_epoch(&one.statement, &mut confirmed, sent, &mut said);
                        }
                    }
                    () = sleep(TURN) => {}
                }
            }
        };
        let is_confirmed = match timeout(most, watching).await {
            Ok(watched) => watched.map(|()| true)?,
            Err(_elapsed) => false,
        };
        if !author.json {
            self.tell_missing(&confirmed);
        }
        Ok(Outcome { is_confirmed, document: self.document(&confirmed) })
    }

    fn is_all(&self, confirmed: &Confirmed) -> bool {
        (self.sessions == 0 || confirmed.sessions.is_some())
            && confirmed.epochs.len() == self.epochs.len()
            && confirmed.peers.len() == self.peers.len()
    }

    async fn ask_sessions(
        &self,
        author: &Author,
        confirmed: &mut Confirmed,
        sent: Timestamp,
        said: &mut impl FnMut(String),
    ) -> Result<()> {
        if self.sessions == 0 || confirmed.sessions.is_some() {
            return Ok(());
        }
        let mut open = 0;
        for stated in &self.stated {
            let question = Question::Diff(stated.encode().into());
            let answer = document(&author.client, question).await?;
            open += part(&answer, "sessions").as_u64().unwrap_or_default();
        }
        if open == 0 {
            let after = clock::now().saturating_since(sent);
            let sessions = output::count(self.sessions, "session");
            said(format!("{sessions} cut after {}", seconds(after)));
            confirmed.sessions = Some((self.sessions, after));
        }
        Ok(())
    }

    async fn ask_peers(
        &self,
        author: &Author,
        last: StatementIndex,
        confirmed: &mut Confirmed,
        sent: Timestamp,
        said: &mut impl FnMut(String),
    ) -> Result<()> {
        if confirmed.peers.len() == self.peers.len() {
            return Ok(());
        }
        let answer = document(&author.client, Question::Peers).await?;
        for entry in entries(&answer) {
            let size = part(entry, "cosigned_size").as_u64().unwrap_or_default();
            let name = part(entry, "organisation").as_str().and_then(|name| name.parse().ok());
            let Some(peer) = name.filter(|name| self.peers.contains(name)) else { continue };
            // Whoever cosigned a log of this size has applied everything in it.
            if size > last.value() && !confirmed.peers.contains_key(&peer) {
                let after = clock::now().saturating_since(sent);
                said(format!("{peer}: applied after {}", seconds(after)));
                confirmed.peers.insert(peer, after);
            }
        }
        Ok(())
    }

    fn note_epoch(
        &self,
        statement: &Statement,
        confirmed: &mut Confirmed,
        sent: Timestamp,
        said: &mut impl FnMut(String),
    ) {
        let StatementBody::EpochAnnounce(announce) = statement.body() else { return };
        let is_newer = |old: &Epoch| announce.epoch > *old;
        let (tree, epoch) = (&announce.tree, announce.epoch);
        if self.epochs.get(tree).is_some_and(is_newer) && !confirmed.epochs.contains_key(tree) {
            let after = clock::now().saturating_since(sent);
            said(format!("{tree}: sealed to the new epoch {epoch} after {}", seconds(after)));
            confirmed.epochs.insert(tree.clone(), (epoch, after));
        }
    }

    fn tell_missing(&self, confirmed: &Confirmed) {
        if self.sessions > 0 && confirmed.sessions.is_none() {
            let sessions = output::count(self.sessions, "session");
            output::aside(format!("{sessions}: not cut in time"));
        }
        for tree in self.epochs.keys().filter(|tree| !confirmed.epochs.contains_key(*tree)) {
            output::aside(format!("{tree}: no new epoch in time; is the steward running?"));
        }
        for peer in self.peers.iter().filter(|peer| !confirmed.peers.contains_key(*peer)) {
            output::aside(format!(
                "{peer}: has not confirmed in time; it applies it when it is back"
            ));
        }
    }

    fn document(&self, confirmed: &Confirmed) -> Value {
        let after = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let peer = |peer: &OrgName| {
            json!({
                "organisation": peer.as_str(),
                "applied_after_s": after(confirmed.peers.get(peer).copied()),
            })
        };
        let epoch = |(tree, old): (&Filter, &Epoch)| {
            let new = confirmed.epochs.get(tree);
            json!({
                "tree": tree.as_str(),
                "old": old.value(),
                "new": new.map(|(epoch, _after)| epoch.value()),
                "after_s": after(new.map(|(_epoch, after)| *after)),
            })
        };
        json!({
            "confirmed": self.is_all(confirmed),
            "sessions": self.sessions,
            "sessions_cut_after_s": after(confirmed.sessions.map(|(_cut, after)| after)),
            "epochs": self.epochs.iter().map(epoch).collect::<Value>(),
            "peers": self.peers.iter().map(peer).collect::<Value>(),
        })
    }
}

fn entries(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn key(entry: &Value) -> Option<(Filter, Epoch)> {
    let tree = part(entry, "tree").as_str()?.parse().ok()?;
    Some((tree, Epoch::new(part(entry, "epoch").as_u64()?)))
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
