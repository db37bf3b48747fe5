//! Everybody who is at work while processes die: scribes, a courier with a spool, an agent, and
//! readers that were there before the first fault and are there after the last.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use sekisho_e2e::{Agent, City, Member, Process, Reader, eventually};
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::ledger::Seen;

/// Between the first numbers of two runs of one publisher; more than one of them reaches.
pub(crate) const RUN: i64 = 1_000_000;

/// A publisher with a spool that is killed again and again.
pub(crate) struct Courier {
    member: PathBuf,
    topic: String,
    spool: PathBuf,
    log: PathBuf,
    runs: i64,
    process: Option<Process>,
    /// The last number of each run that is in the spool by its own account.
    pub(crate) kept: Vec<i64>,
}

impl Courier {
    pub(crate) fn hire(city: &City, member: &Member, topic: &str, spool: PathBuf) -> Self {
        let log = city.place("courier.log");
        let (member, topic) = (member.dir().to_owned(), topic.to_owned());
        Self { member, topic, spool, log, runs: 0, process: None, kept: Vec::new() }
    }

    /// Sets off with numbers that no run before had.
    pub(crate) fn set_off(&mut self) {
        let first = (self.runs * RUN).to_string();
        self.runs += 1;
        self.process = Some(self.launch(Some(&first)));
    }

    /// Waits until it has kept something in this run.
    pub(crate) async fn has_kept(&mut self) {
        let process = self.process.as_mut().expect("a courier under way");
        let said = process.line().await;
        self.kept.extend(kept_in(&said));
    }

    /// Kills it where it stands.
    pub(crate) async fn kill(&mut self) {
        let process = self.process.take().expect("a courier under way");
        let said = process.cut_off().await;
        self.kept.extend(kept_in(&said));
    }

    /// Brings what the spool holds to the node.
    pub(crate) async fn deliver(&mut self) {
        let mut process = self.launch(None);
        assert_eq!(process.line().await, "delivered");
        assert!(process.wait().await.success());
    }

    fn launch(&self, first: Option<&str>) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_courier"));
        command.arg(&self.member).arg(&self.topic).arg(&self.spool).args(first);
        Process::spawn("the courier", command, &self.log)
    }

    /// The last of each run.
    pub(crate) fn last_kept(&self) -> Vec<i64> {
        let mut last = std::collections::BTreeMap::new();
        for kept in &self.kept {
            last.insert(kept / RUN, *kept);
        }
        last.into_values().collect()
    }
}

/// The last number that it said to have kept. A line that the kill cut short says nothing.
fn kept_in(said: &str) -> Option<i64> {
    let lines = said.lines().filter_map(|line| line.strip_prefix("kept "));
    lines.filter_map(|number| number.parse().ok()).max()
}

/// The agent of a vehicle, killed again and again; every run reads lines of its own.
pub(crate) struct Driver {
    agent: Agent,
    input: PathBuf,
    lines: i64,
    runs: i64,
    process: Option<Process>,
}

impl Driver {
    pub(crate) fn hire(city: &City, member: &Member, topic: &str, lines: i64) -> Self {
        let input = city.place("lines.jsonl");
        let inputs = format!(
            "[[input]]\nname = \"lines\"\ntopic = \"{topic}\"\n\
             source = {{ kind = \"file\", path = {input:?} }}\n\n\
             [input.format]\nkind = \"jsonl\"\ntime = {{ format = \"arrival\" }}\n\n\
             [[input.format.value]]\npointer = \"/number\"\nname = \"number\"\nkind = \"integer\"\n"
        );
        let agent = Agent::configure(city, member, &inputs);
        Self { agent, input, lines, runs: 0, process: None }
    }

    pub(crate) fn set_off(&mut self) {
        self.write();
        self.process = Some(self.agent.start());
    }

    pub(crate) async fn kill(&mut self) {
        self.process.take().expect("an agent under way").kill().await;
    }

    /// Runs once to the end; the number of its last line.
    pub(crate) async fn finish(&mut self) -> i64 {
        self.write();
        self.agent.run().await.succeeded();
        self.runs * RUN - RUN + self.lines - 1
    }

    fn write(&mut self) {
        let first = self.runs * RUN;
        self.runs += 1;
        let line = |number: i64| format!("{{\"number\":{number}}}\n");
        let lines: String = (first..first + self.lines).map(line).collect();
        std::fs::write(&self.input, lines).unwrap();
    }
}

/// A reader that stays through everything and takes no gap, no repetition and nothing unproven.
pub(crate) struct Follower {
    seen: Arc<Mutex<Vec<Seen>>>,
    work: JoinHandle<()>,
}

impl Follower {
    pub(crate) async fn begin(member: &Member, filter: &str, cursor: &str) -> Self {
        let mut reader = Reader::resume(member, filter, cursor).await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        let work = tokio::spawn(async move {
            loop {
                let message = reader.message_at_last().await;
                notes.lock().unwrap().push(Seen::of(&message));
                reader.acknowledge(&message);
            }
        });
        Self { seen, work }
    }

    /// Waits until it has so many records; all that it has.
    pub(crate) async fn end(self, count: usize) -> Vec<Seen> {
        let progress = || async {
            assert!(!self.work.is_finished(), "the follower has given up");
            (self.seen.lock().unwrap().len() >= count).then_some(())
        };
        eventually("the follower to have everything", progress).await;
        self.work.abort();
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}
