//! What it does to records: forging, reordering, replaying and withholding them. Positions are the
//! node's own to give, so it spreads them far enough apart for records of its own to fit between.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use sekisho::{OsEntropy, Position, PrincipalId, SigningKey, Start};
use sekisho_proto::frame::{Answer, AnswerBody, Question, Record, Refused};
use sekisho_proto::statement::Principal;
use sekisho_proto::{
    Envelope, Frame, PrincipalKind, PrincipalName, Statement, StatementBody, Suite,
};
use sekisho_seal::sign_statement;

use super::attempt::{Meddler, NodeKey, Passing, Way, tell};
use crate::press::{PlainHeader, Press, assembled};

/// Positions given to each of the honest node's.
const SPREAD: u64 = 16;

/// What becomes of the records of all guests, one after the other.
pub(super) trait Deceit: Send {
    /// The records that are shown in a record's place.
    fn show(&mut self, number: usize, record: Record) -> Vec<Record>;

    /// The answer of its own to a question, where it has one.
    fn answer(&mut self, _question: &Question) -> Option<AnswerBody> {
        None
    }
}

/// Shows records as a deceit has them.
pub(super) struct Shown<D> {
    deceit: D,
    records: usize,
}

impl<D: Deceit> Shown<D> {
    pub(super) const fn new(deceit: D) -> Self {
        Self { deceit, records: 0 }
    }

    fn show(&mut self, record: Record) -> Vec<Passing> {
        let number = self.records;
        self.records += 1;
        let first = spread(record.position).value();
        let shown = self.deceit.show(number, record);
        let placed = shown.into_iter().zip(first..).map(|(record, position)| {
            let record = Record { position: Position::new(position), ..record };
            (Way::Down, Frame::Record(record))
        });
        placed.collect()
    }
}

fn spread(position: Position) -> Position {
    Position::new(position.value().saturating_mul(SPREAD))
}

fn gathered(position: Position) -> Position {
    Position::new(position.value().div_ceil(SPREAD))
}

impl<D: Deceit> Meddler for Shown<D> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest passes as it is")]
    fn meddle(&mut self, (way, mut frame): Passing) -> Vec<Passing> {
        match &mut frame {
            Frame::Record(record) if way == Way::Down => return self.show(record.clone()),
            Frame::Query(query) => {
                if let Some(answer) = self.deceit.answer(&query.question) {
                    let request = query.request;
                    return vec![(Way::Down, Frame::Answer(Answer { request, answer }))];
                }
            }
            Frame::Subscribed(subscribed) => {
                subscribed.position = spread(subscribed.position);
                subscribed.head = spread(subscribed.head);
            }
            Frame::Gap(gap) => {
                gap.from_position = spread(gap.from_position);
                gap.to_position = spread(gap.to_position);
            }
            Frame::Subscribe(subscribe) => {
                if let Start::Position(position) = &mut subscribe.start {
                    *position = gathered(*position);
                }
            }
            Frame::Acknowledge(acknowledge) => {
                acknowledge.position = Position::new(acknowledge.position.value() / SPREAD);
            }
            Frame::Refused(Refused { .. }) => {}
            _ => {}
        }
        vec![(way, frame)]
    }
}

/// Puts envelopes of its own making among a publisher's: one with another body, one that it signed
/// itself under the publisher's name, and one of a device of its own that it vouches for.
pub(super) struct Forged {
    node: NodeKey,
    ghost: SigningKey,
    ghost_proof: Vec<Bytes>,
    proofs: BTreeMap<PrincipalId, Vec<Bytes>>,
}

impl Forged {
    pub(super) fn new(node: NodeKey) -> Self {
        let ghost = SigningKey::generate(&mut OsEntropy::new()).expect("a key");
        let statement = principal(&node, "ghost", PrincipalKind::Device, &ghost, None);
        let ghost_proof = vec![statement.encode().into()];
        Self { node, ghost, ghost_proof, proofs: BTreeMap::new() }
    }
}

/// The node's word that a key is a principal.
pub(super) fn principal(
    node: &NodeKey,
    name: &str,
    kind: PrincipalKind,
    key: &SigningKey,
    kem: Option<(Suite, Bytes)>,
) -> Statement {
    let (kem_suite, kem_public_key) = kem.unwrap_or((Suite::Open, Bytes::new()));
    let body = StatementBody::Principal(Principal {
        name: PrincipalName::new(name, node.organisation()).expect("a name"),
        kind,
        public_key: key.public_key(),
        kem_suite,
        kem_public_key,
        issued: sekisho::clock::now(),
        until: None,
        attested: false,
    });
    sign_statement(Statement::unsigned(body), node.signing())
}

impl Deceit for Forged {
    fn show(&mut self, number: usize, record: Record) -> Vec<Record> {
        if number != 1 {
            return vec![record];
        }
        let honest = Envelope::decode(record.envelope.clone()).expect("the node's own envelope");
        let header = honest.header();
        self.proofs.insert(self.ghost.id(), self.ghost_proof.clone());
        let mut body = honest.body().to_vec();
        if let Some(last) = body.last_mut() {
            *last ^= 1;
        }
        let altered = assembled(honest.header_bytes(), &body, honest.signature());
        let signed = Press::sign_with(self.node.signing(), honest.header_bytes(), honest.body());
        let of_ghost = PlainHeader {
            publisher: self.ghost.id().as_ref().to_vec(),
            sequence: 0,
            previous: Vec::new(),
            ..PlainHeader::of(header)
        };
        let sample_count = u64::from(header.sample_count);
        let of_ghost = of_ghost.message_of(sample_count);
        let of_ghost = Press::sign_with(&self.ghost, of_ghost.as_ref(), honest.body());
        tell("forged: another body, the node's own signature, a device of its own");
        let forged = [altered, signed, of_ghost];
        let forged = forged.map(|envelope| Record { envelope: envelope.into(), ..record.clone() });
        forged.into_iter().chain([record]).collect()
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is the honest node's to answer")]
    fn answer(&mut self, question: &Question) -> Option<AnswerBody> {
        match question {
            Question::Principal(id) => self.proofs.get(id).cloned().map(AnswerBody::Statements),
            _ => None,
        }
    }
}

/// Shows the third record before the second.
#[derive(Debug, Default)]
pub(super) struct Reordered {
    held: Option<Record>,
}

impl Deceit for Reordered {
    fn show(&mut self, number: usize, record: Record) -> Vec<Record> {
        match number {
            1 => {
                self.held = Some(record);
                Vec::new()
            }
            2 => {
                tell("reordered: the third record before the second");
                [record].into_iter().chain(self.held.take()).collect()
            }
            _ => vec![record],
        }
    }
}

/// Shows the first record again, after the third.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    first: Option<Record>,
}

impl Deceit for Replayed {
    fn show(&mut self, number: usize, record: Record) -> Vec<Record> {
        match number {
            0 => {
                self.first = Some(record.clone());
                vec![record]
            }
            2 => {
                tell("replayed: the first record after the third");
                [record].into_iter().chain(self.first.take()).collect()
            }
            _ => vec![record],
        }
    }
}

/// Leaves out some records.
#[derive(Debug)]
pub(super) struct Withheld {
    which: Range<usize>,
}

impl Withheld {
    pub(super) const fn new(which: Range<usize>) -> Self {
        Self { which }
    }
}

impl Deceit for Withheld {
    fn show(&mut self, number: usize, record: Record) -> Vec<Record> {
        if self.which.contains(&number) {
            tell(format_args!("withheld: record {number}"));
            return Vec::new();
        }
        vec![record]
    }
}
