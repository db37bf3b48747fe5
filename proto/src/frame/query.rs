//! Questions that a node answers from what it knows.

use bytes::Bytes;

use super::{
    Fields, OnWire,
    log::{hashes, hashes_on_wire, note},
    publishing::request_of,
};
use crate::{
    Action, BootId, DecodeError, Epoch, Filter, Hash, KeyHeaderId, LogName, PrincipalId,
    PrincipalName, Sequence, Timestamp, TokenId, Topic,
    decode::{fitting, time_optional},
    limits::{STATEMENT_BYTES_MAX, STATEMENTS_PER_FRAME_MAX},
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
    /// Tells a newcomer what it waits for; only a steward may.
    TellEnrolment {
        /// The token it came with.
        token_id: TokenId,
        /// What it is told; at most 1024 bytes.
        why: String,
    },
    /// What a log holds now, and that it still holds what it held at a size.
    Checkpoint {
        /// Which log.
        log: LogName,
        /// The size; 0 = nothing is known of it.
        old_size: u64,
    },
    /// That something is in a log.
    Inclusion {
        /// Which log.
        log: LogName,
        /// What.
        which: Which,
        /// The size of the tree in which it is to be proven.
        size: u64,
    },
    /// What an encoded [`Statement`](crate::Statement), which nobody needs to have signed, would
    /// change.
    Diff(Bytes),
    /// Destroys what is kept of somebody's accesses; only administrators may.
    Erase {
        /// Whose.
        principal: PrincipalName,
        /// With which key; `None` = the newest.
        id: Option<PrincipalId>,
    },
    /// The access log; only administrators may.
    Accesses {
        /// Of whom; `None` = of everybody.
        subject: Option<PrincipalName>,
        /// From which entry on.
        from: u64,
        /// How many at most.
        max: u32,
    },
}

/// Which entry of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Which {
    /// Of a control log: the statement with this id.
    Statement(Hash),
    /// The one at this index.
    Index(u64),
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
            Self::TellEnrolment { token_id, why } => Kind::TellEnrolment(wire::TellEnrolment {
                token_id: Bytes::copy_from_slice(token_id.as_ref()),
                why: fitting(why),
            }),
            Self::Checkpoint { log, old_size } => Kind::Checkpoint(wire::CheckpointQuery {
                log: log.to_string(),
                old_size: *old_size,
            }),
            Self::Inclusion { log, which, size } => {
                let (statement, index) = match which {
                    Which::Statement(id) => (Bytes::copy_from_slice(id.as_ref()), None),
                    Which::Index(index) => (Bytes::new(), Some(*index)),
                };
                let log = log.to_string();
                Kind::Inclusion(wire::InclusionQuery { log, statement, index, size: *size })
            }
            Self::Diff(statement) => Kind::Diff(statement.clone()),
            Self::Erase { principal, id } => Kind::Erase(wire::EraseQuery {
                principal: principal.to_string(),
                id: id.map(|id| Bytes::copy_from_slice(id.as_ref())).unwrap_or_default(),
            }),
            Self::Accesses { subject, from, max } => Kind::Accesses(wire::AccessesQuery {
                subject: subject.as_ref().map(ToString::to_string).unwrap_or_default(),
                from: *from,
                max: *max,
            }),
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
            Kind::TellEnrolment(told) => Self::TellEnrolment {
                token_id: fields.fixed("token_id", &told.token_id)?,
                why: fields.text("why", told.why)?,
            },
            Kind::Checkpoint(query) => {
                Self::Checkpoint { log: fields.parse("log", &query.log)?, old_size: query.old_size }
            }
            Kind::Inclusion(query) => Self::Inclusion {
                log: fields.parse("log", &query.log)?,
                which: which(fields, &query)?,
                size: query.size,
            },
            Kind::Diff(statement) => {
                let fits = statement.len() <= STATEMENT_BYTES_MAX;
                fields.require("diff", "a statement's length", fits, statement.len())?;
                Self::Diff(statement)
            }
            Kind::Erase(query) => Self::Erase {
                principal: fields.parse("principal", &query.principal)?,
                id: fields.fixed_optional("id", &query.id)?,
            },
            Kind::Accesses(query) => Self::Accesses {
                subject: fields.parse_optional("subject", &query.subject)?,
                from: query.from,
                max: query.max,
            },
            Kind::Enrolments(false) | Kind::Peers(false) | Kind::Status(false) => {
                return Err(fields.refuse("kind", "true where a kind has no value", "false"));
            }
        })
    }
}

fn which(fields: Fields, query: &wire::InclusionQuery) -> Result<Which, DecodeError> {
    match (fields.fixed_optional("statement", &query.statement)?, query.index) {
        (Some(id), None) => Ok(Which::Statement(id)),
        (None, Some(index)) => Ok(Which::Index(index)),
        (None, None) => Err(fields.refuse("statement", ONE_ENTRY, "neither")),
        (Some(_), Some(_)) => Err(fields.refuse("statement", ONE_ENTRY, "both")),
    }
}

const ONE_ENTRY: &str = "a statement or an index";

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
    /// What a log holds now.
    Checkpoint {
        /// A signed note (C2SP tlog-checkpoint); not looked at.
        note: String,
        /// That it holds what it held at the size asked for (RFC 9162 §2.1.4); empty for size 0.
        consistency: Vec<Hash>,
    },
    /// That something is in a log.
    Inclusion {
        /// Where.
        index: u64,
        /// The log's entry, verbatim; not looked at.
        entry: Bytes,
        /// The proof in the tree of the size asked for (RFC 9162 §2.1.3).
        path: Vec<Hash>,
    },
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
            AnswerBody::Checkpoint { note, consistency } => {
                let consistency = hashes_on_wire(consistency);
                answer::Kind::Checkpoint(wire::CheckpointAnswer { note: note.clone(), consistency })
            }
            AnswerBody::Inclusion { index, entry, path } => {
                let (entry, path) = (entry.clone(), hashes_on_wire(path));
                answer::Kind::Inclusion(wire::InclusionAnswer { index: *index, entry, path })
            }
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
            Some(answer::Kind::Checkpoint(answer)) => AnswerBody::Checkpoint {
                note: note(fields, answer.note)?,
                consistency: hashes(fields, "consistency", &answer.consistency)?,
            },
            Some(answer::Kind::Inclusion(answer)) => AnswerBody::Inclusion {
                index: answer.index,
                entry: answer.entry,
                path: hashes(fields, "path", &answer.path)?,
            },
            None => return Err(fields.refuse("kind", "an answer", "none")),
        };
        Ok(Self { request: request_of(fields, wire.request)?, answer })
    }
}
