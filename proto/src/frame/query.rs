//! Questions that a node answers from what it knows.

use bytes::Bytes;

use super::{Fields, OnWire, publishing::request_of};
use crate::{
    Action, BootId, DecodeError, Epoch, Filter, KeyHeaderId, PrincipalId, PrincipalName, Sequence,
    Timestamp, TokenId, Topic,
    decode::{fitting, time_optional},
    limits::STATEMENTS_PER_FRAME_MAX,
    wire::{self, answer, query::Kind},
};

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Chosen by the client, not 0, unique among its open requests.
    pub request: u64,
    /// What it asks.
    pub question: Question,
}

/// What a node can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The statements that prove a principal.
    Principal(PrincipalId),
    /// The statements that announce a topic's present epoch.
    EpochOf(Topic),
    /// The asker's keys of an epoch.
    KeyGrants {
        /// Of which topics, as the epoch was announced.
        tree: Filter,
        /// Which epoch.
        epoch: Epoch,
    },
    /// A key header.
    KeyHeader(KeyHeaderId),
    /// The sequence that the node expects next of the asker.
    StreamHead {
        /// On which topic.
        topic: Topic,
        /// In which run.
        boot: BootId,
    },
    /// Who may do something on a topic.
    Who {
        /// On which topic.
        topic: Topic,
        /// What.
        action: Action,
        /// When; `None` = now.
        at: Option<Timestamp>,
    },
    /// Why somebody may or may not do something.
    Why {
        /// Who.
        principal: PrincipalName,
        /// What.
        action: Action,
        /// On which topic.
        topic: Topic,
        /// When; `None` = now.
        at: Option<Timestamp>,
    },
    /// What a principal may do.
    What {
        /// Who.
        principal: PrincipalName,
        /// When; `None` = now.
        at: Option<Timestamp>,
    },
    /// The topics that the asker may discover.
    Discover(Filter),
    /// The enrolments that wait for approval.
    Enrolments,
    /// The peers and how their links are.
    Peers,
    /// How the node is.
    Status,
    /// Tells a device that waits that it will not be enrolled; only a steward may.
    RefuseEnrolment {
        /// The token it came with.
        token_id: TokenId,
        /// What it is told; at most 1024 bytes.
        why: String,
    },
}

impl OnWire for Query {
    const FIELDS: Fields = Fields("query");
    type Message = wire::Query;

    fn to_wire(&self) -> wire::Query {
        wire::Query { request: self.request, kind: Some(self.question.to_wire()) }
    }

    fn from_wire(wire: wire::Query) -> Result<Self, DecodeError> {
        let request = request_of(Self::FIELDS, wire.request)?;
        let Some(kind) = wire.kind else {
            return Err(Self::FIELDS.refuse("kind", "a question", "none"));
        };
        Ok(Self { request, question: Question::from_wire(Self::FIELDS, kind)? })
    }
}

impl Question {
    fn to_wire(&self) -> Kind {
        match self {
            Self::Principal(id) => Kind::Principal(Bytes::copy_from_slice(id.as_ref())),
            Self::EpochOf(topic) => Kind::EpochOf(topic.to_string()),
            Self::KeyGrants { tree, epoch } => Kind::KeyGrants(wire::KeyGrantsQuery {
                tree: tree.to_string(),
                epoch: epoch.value(),
            }),
            Self::KeyHeader(id) => Kind::KeyHeader(Bytes::copy_from_slice(id.as_ref())),
            Self::StreamHead { topic, boot } => Kind::StreamHead(wire::StreamHead {
                topic: topic.to_string(),
                boot: Bytes::copy_from_slice(boot.as_ref()),
            }),
            Self::Who { topic, action, at } => Kind::Who(wire::WhoQuery {
                topic: topic.to_string(),
                action: action.number(),
                at_us: at.map(Timestamp::as_micros),
            }),
            Self::Why { principal, action, topic, at } => Kind::Why(wire::WhyQuery {
                principal: principal.to_string(),
                action: action.number(),
                topic: topic.to_string(),
                at_us: at.map(Timestamp::as_micros),
            }),
            Self::What { principal, at } => Kind::What(wire::WhatQuery {
                principal: principal.to_string(),
                at_us: at.map(Timestamp::as_micros),
            }),
            Self::Discover(filter) => Kind::Discover(filter.to_string()),
            Self::Enrolments => Kind::Enrolments(true),
            Self::Peers => Kind::Peers(true),
            Self::Status => Kind::Status(true),
            Self::RefuseEnrolment { token_id, why } => {
                Kind::RefuseEnrolment(wire::RefuseEnrolment {
                    token_id: Bytes::copy_from_slice(token_id.as_ref()),
                    why: fitting(why),
                })
            }
        }
    }

    fn from_wire(fields: Fields, kind: Kind) -> Result<Self, DecodeError> {
        Ok(match kind {
            Kind::Principal(id) => Self::Principal(fields.fixed("principal", &id)?),
            Kind::EpochOf(topic) => Self::EpochOf(fields.parse("epoch_of", &topic)?),
            Kind::KeyGrants(query) => Self::KeyGrants {
                tree: fields.parse("tree", &query.tree)?,
                epoch: Epoch::new(query.epoch),
            },
            Kind::KeyHeader(id) => Self::KeyHeader(fields.fixed("key_header", &id)?),
            Kind::StreamHead(query) => Self::StreamHead {
                topic: fields.parse("topic", &query.topic)?,
                boot: fields.fixed("boot", &query.boot)?,
            },
            Kind::Who(query) => Self::Who {
                topic: fields.parse("topic", &query.topic)?,
                action: fields.number("action", query.action)?,
                at: time_optional(query.at_us),
            },
            Kind::Why(query) => Self::Why {
                principal: fields.parse("principal", &query.principal)?,
                action: fields.number("action", query.action)?,
                topic: fields.parse("topic", &query.topic)?,
                at: time_optional(query.at_us),
            },
            Kind::What(query) => Self::What {
                principal: fields.parse("principal", &query.principal)?,
                at: time_optional(query.at_us),
            },
            Kind::Discover(filter) => Self::Discover(fields.parse("discover", &filter)?),
            Kind::Enrolments(true) => Self::Enrolments,
            Kind::Peers(true) => Self::Peers,
            Kind::Status(true) => Self::Status,
            Kind::RefuseEnrolment(refusal) => Self::RefuseEnrolment {
                token_id: fields.fixed("token_id", &refusal.token_id)?,
                why: fields.text("why", refusal.why)?,
            },
            Kind::Enrolments(false) | Kind::Peers(false) | Kind::Status(false) => {
                return Err(fields.refuse("kind", "true where a kind has no value", "false"));
            }
        })
    }
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// That of the `Query`.
    pub request: u64,
    /// What the node knows.
    pub answer: AnswerBody,
}

/// What an answer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerBody {
    /// Encoded [`Statement`](crate::Statement)s.
    Statements(Vec<Bytes>),
    /// An encoded [`KeyHeader`](crate::KeyHeader).
    KeyHeader(Bytes),
    /// What the node expects next.
    ExpectedSequence(Sequence),
    /// A JSON document for people.
    Json(String),
}

impl OnWire for Answer {
    const FIELDS: Fields = Fields("answer");
    type Message = wire::Answer;

    fn to_wire(&self) -> wire::Answer {
        let kind = match &self.answer {
            AnswerBody::Statements(statements) => {
                answer::Kind::Statements(wire::StatementList { statements: statements.clone() })
            }
            AnswerBody::KeyHeader(key_header) => answer::Kind::KeyHeader(key_header.clone()),
            AnswerBody::ExpectedSequence(next) => answer::Kind::ExpectedSequence(next.value()),
            AnswerBody::Json(json) => answer::Kind::Json(json.clone()),
        };
        wire::Answer { request: self.request, kind: Some(kind) }
    }

    fn from_wire(wire: wire::Answer) -> Result<Self, DecodeError> {
        let fields = Self::FIELDS;
        let answer = match wire.kind {
            Some(answer::Kind::Statements(list)) => {
                fields.at_most("statements", STATEMENTS_PER_FRAME_MAX, list.statements.len())?;
                AnswerBody::Statements(list.statements)
            }
            Some(answer::Kind::KeyHeader(key_header)) => AnswerBody::KeyHeader(key_header),
            Some(answer::Kind::ExpectedSequence(next)) => {
                AnswerBody::ExpectedSequence(Sequence::new(next))
            }
            Some(answer::Kind::Json(json)) => AnswerBody::Json(json),
            None => return Err(fields.refuse("kind", "an answer", "none")),
        };
        Ok(Self { request: request_of(fields, wire.request)?, answer })
    }
}
