//! What it does to its organisation's control log: an older one, another one, a frozen one, none.

use std::time::Duration;

use sekisho::{Hash, Timestamp, clock};
use sekisho_proto::frame::{Answer, AnswerBody, Query, Question, Refused};
use sekisho_proto::{Frame, RefusalCode};
use sekisho_tlog::{Checkpoint, Note, cosign, sign_checkpoint};

use super::attempt::{Meddler, NodeKey, Passing, Way, tell};

/// A little more than a client takes.
const TOO_OLD: Duration = Duration::from_secs(16 * 60);

/// The request, and the size that the guest knows of its own organisation's log.
fn asks(passing: &Passing) -> Option<(u64, u64)> {
    let (Way::Up, Frame::Query(Query { request, question })) = passing else { return None };
    let Question::Checkpoint { old_size, .. } = question else { return None };
    Some((*request, *old_size))
}

/// What the honest node answers.
fn answered(passing: &Passing) -> Option<(u64, Note, Vec<Hash>)> {
    let (Way::Down, Frame::Answer(Answer { request, answer })) = passing else { return None };
    let AnswerBody::Checkpoint { note, consistency } = answer else { return None };
    Some((*request, Note::parse(note).expect("the node's own note"), consistency.clone()))
}

fn shown(request: u64, note: &Note, consistency: Vec<Hash>) -> Vec<Passing> {
    let answer = AnswerBody::Checkpoint { note: note.to_string(), consistency };
    vec![(Way::Down, Frame::Answer(Answer { request, answer }))]
}

/// As the node would sign it, dated when it likes.
fn signed(node: &NodeKey, checkpoint: &Checkpoint, made: Timestamp) -> Note {
    let note = sign_checkpoint(checkpoint, node).expect("the log's own name");
    let name = format!("sekisho/{}/node", node.organisation());
    let line = cosign(&note, &name, node, made).expect("a checkpoint");
    note.with_signature(line).expect("two signatures")
}

/// Shows the oldest checkpoint it saw to whoever knows a newer one.
#[derive(Debug, Default)]
pub(super) struct RolledBack {
    oldest: Option<Note>,
}

impl Meddler for RolledBack {
    fn meddle(&mut self, passing: Passing) -> Vec<Passing> {
        if let Some((_request, note, _consistency)) = answered(&passing) {
            self.oldest.get_or_insert(note);
        }
        if let (Some((request, known)), Some(oldest)) = (asks(&passing), &self.oldest)
            && oldest.checkpoint().expect("a checkpoint").size < known
        {
            tell("rolled back: the oldest checkpoint it saw");
            return shown(request, oldest, Vec::new());
        }
        vec![passing]
    }
}

/// Signs another root for the size that the guest knows.
pub(super) struct Forked {
    node: NodeKey,
    known: u64,
}

impl Forked {
    pub(super) const fn new(node: NodeKey) -> Self {
        Self { node, known: 0 }
    }
}

impl Meddler for Forked {
    fn meddle(&mut self, passing: Passing) -> Vec<Passing> {
        if let Some((_request, known)) = asks(&passing) {
            self.known = known;
        }
        if let Some((request, note, _consistency)) = answered(&passing)
            && self.known > 0
        {
            let honest = note.checkpoint().expect("a checkpoint");
            let root = Hash::of(honest.root.as_bytes());
            let other = Checkpoint { root, size: self.known, ..honest };
            tell("forked: another root for the size that is known");
            return shown(request, &signed(&self.node, &other, clock::now()), Vec::new());
        }
        vec![passing]
    }
}

/// Signs a longer log that does not begin with the one that the guest knows.
pub(super) struct Grown {
    node: NodeKey,
    known: u64,
}

impl Grown {
    pub(super) const fn new(node: NodeKey) -> Self {
        Self { node, known: 0 }
    }
}

impl Meddler for Grown {
    fn meddle(&mut self, passing: Passing) -> Vec<Passing> {
        if let Some((_request, known)) = asks(&passing) {
            self.known = known;
        }
        if let Some((request, note, consistency)) = answered(&passing)
            && self.known > 0
        {
            let honest = note.checkpoint().expect("a checkpoint");
            let root = Hash::of(honest.root.as_bytes());
            let other = Checkpoint { root, size: honest.size + 7, ..honest };
            tell("grown: a longer log with another beginning");
            return shown(request, &signed(&self.node, &other, clock::now()), consistency);
        }
        vec![passing]
    }
}

/// Dates the checkpoint back, as one that nobody renewed.
pub(super) struct Frozen {
    node: NodeKey,
}

impl Frozen {
    pub(super) const fn new(node: NodeKey) -> Self {
        Self { node }
    }
}

impl Meddler for Frozen {
    fn meddle(&mut self, passing: Passing) -> Vec<Passing> {
        let Some((request, note, consistency)) = answered(&passing) else { return vec![passing] };
        let too_old = i64::try_from(TOO_OLD.as_micros()).expect("a quarter of an hour");
        let made = Timestamp::from_micros(clock::now().as_micros() - too_old);
        let checkpoint = note.checkpoint().expect("a checkpoint");
        tell("frozen: a checkpoint of a quarter of an hour ago");
        shown(request, &signed(&self.node, &checkpoint, made), consistency)
    }
}

/// Says that there is no checkpoint.
#[derive(Debug)]
pub(super) struct Hidden;

impl Meddler for Hidden {
    fn meddle(&mut self, passing: Passing) -> Vec<Passing> {
        let Some((request, _known)) = asks(&passing) else { return vec![passing] };
        tell("hidden: no checkpoint");
        let refused = Refused {
            request,
            code: RefusalCode::NotFound,
            what: "checkpoint".to_owned(),
            why: "there is none".to_owned(),
            expected_sequence: None,
        };
        vec![(Way::Down, Frame::Refused(refused))]
    }
}
