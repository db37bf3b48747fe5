//! What it can see: everything that passes is kept, and every key that passes is tried.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use sekisho_proto::frame::{Answer, AnswerBody, Statements};
use sekisho_proto::{Frame, Statement, StatementBody};
use sekisho_seal::unwrap_epoch_seed;

use super::attempt::{Meddler, NodeKey, Passing, tell};

/// Keeps what passes in a file, and opens what it can.
pub(super) struct Read {
    node: NodeKey,
    spoils: File,
}

impl Read {
    pub(super) fn new(node: NodeKey, spoils: &Path) -> Self {
        Self { node, spoils: File::create(spoils).expect("a file for what it sees") }
    }

    /// Tries its own keys on whatever holds an epoch's key.
    fn pry(&self, encoded: &[u8]) {
        let Ok(statement) = Statement::decode(encoded) else { return };
        let StatementBody::KeyGrant(grant) = statement.body() else { return };
        // As the reader that the grant names, and as if it named the node.
        let mut claimed = grant.clone();
        claimed.reader = self.node.identity().id();
        let opened = [grant, &claimed]
            .into_iter()
            .filter(|grant| unwrap_epoch_seed(self.node.identity(), grant).is_ok());
        match opened.count() {
            0 => tell(format_args!("could not open a key of {}", grant.tree)),
            _ => tell(format_args!("opened a key of {}", grant.tree)),
        }
    }
}

impl Meddler for Read {
    fn meddle(&mut self, passing: Passing) -> Vec<Passing> {
        let (_way, frame) = &passing;
        self.spoils.write_all(&frame.encode()).expect("what it sees can be kept");
        if let Frame::Answer(Answer { answer: AnswerBody::Statements(statements), .. }) = frame {
            statements.iter().for_each(|encoded| self.pry(encoded));
        }
        if let Frame::Statements(Statements { statements, .. }) = frame {
            statements.iter().for_each(|one| self.pry(&one.statement));
        }
        vec![passing]
    }
}
