//! Follows control logs, one task each, into one bounded queue.

use sekisho::{Client, Followed, StatementIndex, SubscribeError};
use sekisho_proto::OrgName;
use tokio::{sync::mpsc, task::JoinSet};

/// Batches of statements that may wait to be replayed; behind them the node waits.
const BATCHES_MAX: usize = 16;

/// What came of one log.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) organisation: OrgName,
    /// Its next statements, none where it was read to its end; or why there will be no more.
    pub(crate) followed: Result<Vec<Followed>, SubscribeError>,
}

/// Every log that is followed. Dropping it ends the tasks.
#[derive(Debug)]
pub(crate) struct Feed {
    tasks: JoinSet<()>,
    sender: mpsc::Sender<Batch>,
    receiver: mpsc::Receiver<Batch>,
    organisations: Vec<OrgName>,
}

impl Feed {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(BATCHES_MAX);
        Self { tasks: JoinSet::new(), sender, receiver, organisations: Vec::new() }
    }

    /// Follows a log from its beginning, unless it is followed already.
    pub(crate) fn follow(&mut self, client: &Client, organisation: &OrgName) {
        if !self.organisations.contains(organisation) {
            self.organisations.push(organisation.clone());
            self.tasks.spawn(follow(client.clone(), organisation.clone(), self.sender.clone()));
        }
    }

    /// What comes next of any of them.
    pub(crate) async fn next(&mut self) -> Option<Batch> {
        self.receiver.recv().await
    }

    /// What has come already.
    pub(crate) fn ready(&mut self) -> Option<Batch> {
        self.receiver.try_recv().ok()
    }
}

async fn follow(client: Client, organisation: OrgName, sender: mpsc::Sender<Batch>) {
    let mut follower = client.follow(organisation.clone(), StatementIndex::ZERO);
    loop {
        let followed = follower.next().await;
        let is_last = followed.is_err();
        let batch = Batch { organisation: organisation.clone(), followed };
        if sender.send(batch).await.is_err() || is_last {
            return;
        }
    }
}
