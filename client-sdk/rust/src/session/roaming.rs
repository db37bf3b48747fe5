//! Who carries envelopes home while the home is out of reach: nodes of peers, by contracts that the
//! own organisation's control log holds. Learnt from the home alone, and kept in the principal's
//! folder as the signed statements that they are; whoever changes that file changes nothing that is
//! believed.
//!
//! ```text
//! FOLDER/carriers.statements    one statement in each line, in hexadecimal
//! ```

use std::{collections::BTreeSet, fs, io, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use sekisho_proto::{
    Filter, Hash, OrgName, PrincipalId, Timestamp, Topic,
    frame::{AnswerBody, Question},
};

use super::link::Link;
use crate::{
    chain::Chain,
    connection::Endpoint,
    query::QueryError,
    trust::{Replica, logs::Logs},
};

const FILE: &str = "carriers.statements";

/// More than any contracts take.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// A peer's node that carries envelopes home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Carrier {
    /// The contract's id.
    pub(crate) contract: Hash,
    /// Where the node is, and the key that it must prove.
    pub(crate) endpoint: Endpoint,
    /// What it carries.
    pub(crate) topics: Vec<Filter>,
    /// When the contract begins,
    pub(crate) from: Timestamp,
    /// and ends, exclusive.
    pub(crate) until: Option<Timestamp>,
}

impl Carrier {
    /// Whose node it is.
    pub(crate) fn organisation(&self) -> &OrgName {
        &self.endpoint.organisation
    }

    /// Whether it takes envelopes of a topic.
    pub(crate) fn takes(&self, topic: &Topic) -> bool {
        self.topics.iter().any(|filter| filter.matches(topic))
    }

    fn is_in_force(&self, now: Timestamp) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Carriers {
    home: PrincipalId,
    file: Option<PathBuf>,
    known: Vec<Arc<Carrier>>,
    /// Contracts that the home's log was seen to hold.
    proven: BTreeSet<Hash>,
    /// Whose turn it is.
    turn: usize,
}

impl Carriers {
    /// Those that an earlier run learnt.
    pub(crate) fn open(home: &Endpoint, folder: Option<PathBuf>, replica: &Replica) -> Self {
        let file = folder.map(|folder| folder.join(FILE));
        let home = PrincipalId::of(&home.node_key);
        let mut carriers = Self { home, file, known: Vec::new(), proven: BTreeSet::new(), turn: 0 };
        let statements = carriers.read();
        if !statements.is_empty() {
            replica.learn(&statements);
            carriers.known = replica.carriers(&statements).into_iter().map(Arc::new).collect();
        }
        carriers
    }

    /// Asks the home who carries for it now, and goes by contracts that hold.
    pub(crate) async fn learn(
        &mut self,
        link: &Link,
        logs: &Logs,
        replica: &Replica,
        timeout: Duration,
    ) {
        let statements = match link.query(Question::Principal(self.home), timeout).await {
            Ok(AnswerBody::Statements(statements)) => statements,
            Ok(_) | Err(QueryError::Refused(_)) => Vec::new(),
            Err(cause) => {
                tracing::debug!(cause = %Chain(&cause), "who carries home stays as it was");
                return;
            }
        };
        replica.learn(&statements);
        let mut known = Vec::new();
        for carrier in replica.carriers(&statements) {
            let contract = carrier.contract;
            if !self.proven.contains(&contract)
                && let Err(cause) = logs.includes(&logs.own(), &contract, link, timeout).await
            {
                tracing::warn!(?cause, %contract, "a contract that the log does not prove");
                continue;
            }
            self.proven.insert(contract);
            known.push(Arc::new(carrier));
        }
        if known != self.known {
            let count = known.len();
            tracing::info!(count, "nodes that carry home are known");
            self.known = known;
            self.write(&statements);
        }
    }

    /// Those under a contract in force, another first each time that one was of no use.
    pub(crate) fn in_turn(&self, now: Timestamp) -> Vec<Arc<Carrier>> {
        let mut all: Vec<_> =
            self.known.iter().filter(|carrier| carrier.is_in_force(now)).cloned().collect();
        if !all.is_empty() {
            let turn = self.turn % all.len();
            all.rotate_left(turn);
        }
        all
    }

    /// It is another's turn.
    pub(crate) fn turn(&mut self) {
        self.turn = self.turn.wrapping_add(1);
    }

    fn read(&self) -> Vec<Bytes> {
        let Some(file) = &self.file else { return Vec::new() };
        let read = || -> io::Result<String> {
            if fs::metadata(file)?.len() > FILE_BYTES_MAX {
                return Err(io::Error::other("wanted a smaller file"));
            }
            fs::read_to_string(file)
        };
        match read() {
            Ok(text) => text
                .lines()
                .filter_map(|line| HEXLOWER.decode(line.as_bytes()).ok())
                .map(Bytes::from)
                .collect(),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(cause) => {
                tracing::warn!(file = %file.display(), %cause, "who carries home cannot be read");
                Vec::new()
            }
        }
    }

    fn write(&self, statements: &[Bytes]) {
        let Some(file) = &self.file else { return };
        let lines: String = statements.iter().map(|one| HEXLOWER.encode(one) + "\n").collect();
        let draft = file.with_extension("draft");
        let written = fs::write(&draft, lines).and_then(|()| fs::rename(&draft, file));
        if let Err(cause) = written {
            tracing::warn!(file = %file.display(), %cause, "who carries home cannot be kept");
        }
    }
}
