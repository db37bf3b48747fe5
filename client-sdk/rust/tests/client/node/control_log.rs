//! A control log as a node shows it: entries, their tree, and checkpoints signed now, or as the
//! script has them.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use sekisho::{Hash, OrgName, SigningKey, Timestamp, clock};
use sekisho_proto::{
    LogEntry, LogName, Statement,
    frame::{AnswerBody, Which},
};
use sekisho_tlog::{Checkpoint, Note, Tree, cosign, leaf_hash, sign_checkpoint};

/// See the module.
pub(crate) struct ControlLog {
    name: LogName,
    signing: SigningKey,
    entries: Vec<Bytes>,
    places: BTreeMap<Hash, u64>,
    tree: Tree,
    /// Peers whose nodes cosign, with their keys.
    pub(crate) witnesses: Vec<(OrgName, SigningKey)>,
    /// How old the node's own signature is made to be.
    pub(crate) age: Duration,
    /// What is answered in place of the truth.
    pub(crate) shown: Option<(String, Vec<Hash>)>,
}

impl ControlLog {
    /// An empty one, signed by the organisation's node.
    pub(crate) fn new(organisation: &OrgName, signing: &SigningKey) -> Self {
        Self {
            name: LogName::Control(organisation.clone()),
            signing: signing.clone(),
            entries: Vec::new(),
            places: BTreeMap::new(),
            tree: Tree::new(),
            witnesses: Vec::new(),
            age: Duration::ZERO,
            shown: None,
        }
    }

    /// Logs a statement, once.
    pub(crate) fn hold(&mut self, encoded: &Bytes) {
        let statement = Statement::decode(encoded).unwrap();
        if self.places.contains_key(&statement.id()) {
            return;
        }
        let (received, statement_bytes) = (statement.body().issued(), encoded.clone());
        let entry = LogEntry { received, statement: statement_bytes }.encode();
        let place = self.tree.append(leaf_hash(&entry));
        self.places.insert(statement.id(), place);
        self.entries.push(entry.into());
    }

    /// A log of other statements, signed by the same node.
    pub(crate) fn branch(&self, statements: &[Bytes]) -> Self {
        let mut other = Self::new(self.name.organisation(), &self.signing);
        for statement in statements {
            other.hold(statement);
        }
        other
    }

    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Its checkpoint, with the node's cosignature and the witnesses'.
    pub(crate) fn note(&self) -> Note {
        let root = self.tree.root();
        let checkpoint = Checkpoint { origin: self.name.to_string(), size: self.size(), root };
        let made = Timestamp::from_micros(
            clock::now().as_micros() - i64::try_from(self.age.as_micros()).unwrap(),
        );
        let note = sign_checkpoint(&checkpoint, &signer(&self.signing)).unwrap();
        let own = (self.name.organisation().clone(), self.signing.clone());
        [own].iter().chain(&self.witnesses).fold(note, |note, (organisation, key)| {
            let name = format!("sekisho/{organisation}/node");
            let line = cosign(&note, &name, &signer(key), made).unwrap();
            note.with_signature(line).unwrap()
        })
    }

    /// What an honest node answers to whoever knows the log up to a size.
    pub(crate) fn checkpoint(&self, old_size: u64) -> (String, Vec<Hash>) {
        let consistency = self.tree.consistency(old_size, self.size()).unwrap_or_default();
        (self.note().to_string(), consistency)
    }

    pub(super) fn answer_checkpoint(&self, old_size: u64) -> AnswerBody {
        let answer = self.shown.clone().unwrap_or_else(|| self.checkpoint(old_size));
        let (note, consistency) = answer;
        AnswerBody::Checkpoint { note, consistency }
    }

    pub(super) fn answer_inclusion(&self, which: &Which, size: u64) -> Option<AnswerBody> {
        let index = match which {
            Which::Statement(id) => *self.places.get(id)?,
            Which::Index(index) => *index,
        };
        let path = self.tree.inclusion(index, size)?;
        let entry = self.entries.get(usize::try_from(index).unwrap())?.clone();
        Some(AnswerBody::Inclusion { index, entry, path })
    }
}

/// Signs notes with a key.
pub(crate) fn signer(key: &SigningKey) -> impl sekisho_tlog::NoteSigner {
    NodeKey(key.clone())
}

struct NodeKey(SigningKey);

impl sekisho_tlog::NoteSigner for NodeKey {
    fn public_key(&self) -> sekisho::PublicKey {
        self.0.public_key()
    }

    fn sign(&self, message: &[u8]) -> sekisho_proto::Signature {
        self.0.sign(message)
    }
}
