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
    limits::{
        ERRAND_ANSWER_BYTES_MAX, ERRAND_BYTES_MAX, STATEMENT_BYTES_MAX, STATEMENTS_PER_FRAME_MAX,
    },
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
    /// The topics that the asker may discover, by name.
    Discover {
        /// Which.
        filter: Filter,
        /// The last topic that was told; `None` = from the first.
        after: Option<Topic>,
        /// How many at most.
        max: u32,
    },
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
    /// What a steward is asked: an encoded [`Errand`](crate::Errand). Asked again, as it is, until it
    /// is answered.
    Errand(Bytes),
    /// The errands for the asker, a steward, that are not answered.
    Errands,
    /// What a steward answers: an encoded [`ErrandAnswer`](crate::ErrandAnswer).
    AnswerErrand(Bytes),
    /// Who is connected; only administrators may.
    Sessions {
        /// Of whom; `None` = of everybody.
        principal: Option<PrincipalName>,
        /// From which session on.
        from: u64,
        /// How many at most.
        max: u32,
    },
    /// What was refused lately, newest first; only administrators may.
    Refusals {
        /// Only those before this one; `None` = from the newest.
        before: Option<u64>,
        /// How many at most.
        max: u32,
    },
    /// The epochs of each tree; only administrators may.
    Epochs {
        /// The last tree that was told; `None` = from the first.
        after: Option<Filter>,
        /// How many at most.
        max: u32,
    },
    /// What is kept, by topic trees, and the limits in force; only administrators may.
    Storage {
        /// Which topics; `None` = those of the node's organisation.
        filter: Option<Filter>,
        /// How many levels of each topic are told apart; 0 = two.
        levels: u32,
        /// The last tree that was told; `None` = from the first.
        after: Option<Filter>,
        /// How many at most.
        max: u32,
    },
}

/// How far an errand is. Exhaustive: the asker must act on each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrandStanding {
    /// It waits, and its steward has no session.
    Away,
    /// It waits for its steward.
    Waiting,
    /// The encoded [`ErrandAnswer`](crate::ErrandAnswer); not looked at.
    Answered(Bytes),
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
            Self::Who { topic, action, at } => {
                let (topic, action) = (topic.to_string(), action.number());
                Kind::Who(wire::WhoQuery { topic, action, at_us: at.map(Timestamp::as_micros) })
            }
            Self::Why { principal, action, topic, at } => {
                let (principal, topic) = (principal.to_string(), topic.to_string());
                let (action, at_us) = (action.number(), at.map(Timestamp::as_micros));
                Kind::Why(wire::WhyQuery { principal, action, topic, at_us })
            }
            Self::What { principal, at } => {
                let (principal, at_us) = (principal.to_string(), at.map(Timestamp::as_micros));
                Kind::What(wire::WhatQuery { principal, at_us })
            }
            Self::Discover { filter, after, max } => discovering(filter, after.as_ref(), *max),
            Self::Enrolments => Kind::Enrolments(true),
            Self::Peers => Kind::Peers(true),
            Self::Status => Kind::Status(true),
            Self::RefuseEnrolment { token_id, why } => {
                let (token_id, why) = (Bytes::copy_from_slice(token_id.as_ref()), fitting(why));
                Kind::RefuseEnrolment(wire::RefuseEnrolment { token_id, why })
            }
            Self::TellEnrolment { token_id, why } => {
                let (token_id, why) = (Bytes::copy_from_slice(token_id.as_ref()), fitting(why));
                Kind::TellEnrolment(wire::TellEnrolment { token_id, why })
            }
            Self::Checkpoint { log, old_size } => {
                let (log, old_size) = (log.to_string(), *old_size);
                Kind::Checkpoint(wire::CheckpointQuery { log, old_size })
            }
            Self::Inclusion { log, which, size } => Kind::Inclusion(which.asked(log, *size)),
            Self::Diff(statement) => Kind::Diff(statement.clone()),
            Self::Errand(errand) => Kind::Errand(errand.clone()),
            Self::Errands => Kind::Errands(true),
            Self::AnswerErrand(answer) => Kind::AnswerErrand(answer.clone()),
            Self::Erase { principal, id } => Kind::Erase(wire::EraseQuery {
                principal: principal.to_string(),
                id: id.map(|id| Bytes::copy_from_slice(id.as_ref())).unwrap_or_default(),
            }),
            Self::Accesses { subject, from, max } => Kind::Accesses(wire::AccessesQuery {
                subject: text_of(subject.as_ref()),
                from: *from,
                max: *max,
            }),
            Self::Sessions { principal, from, max } => {
                let (principal, from, max) = (text_of(principal.as_ref()), *from, *max);
                Kind::Sessions(wire::SessionsQuery { principal, from, max })
            }
            Self::Refusals { before, max } => {
                Kind::Refusals(wire::RefusalsQuery { before: *before, max: *max })
            }
            Self::Epochs { after, max } => {
                Kind::Epochs(wire::EpochsQuery { after: text_of(after.as_ref()), max: *max })
            }
            Self::Storage { filter, levels, after, max } => {
                let (filter, after) = (text_of(filter.as_ref()), text_of(after.as_ref()));
                Kind::Storage(wire::StorageQuery { filter, levels: *levels, after, max: *max })
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
            Kind::Discover(query) => Self::Discover {
                filter: fields.parse("filter", &query.filter)?,
                after: fields.parse_optional("after", &query.after)?,
                max: query.max,
            },
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
            Kind::Errand(errand) => {
                let fits = errand.len() <= ERRAND_BYTES_MAX;
                fields.require("errand", "an errand's length", fits, errand.len())?;
                Self::Errand(errand)
            }
            Kind::Errands(true) => Self::Errands,
            Kind::AnswerErrand(answer) => {
                let fits = answer.len() <= ERRAND_ANSWER_BYTES_MAX;
                fields.require("answer_errand", "an answer's length", fits, answer.len())?;
                Self::AnswerErrand(answer)
            }
            Kind::Who(_)
            | Kind::Why(_)
            | Kind::What(_)
            | Kind::Erase(_)
            | Kind::Accesses(_)
            | Kind::Sessions(_)
            | Kind::Refusals(_)
            | Kind::Epochs(_)
            | Kind::Storage(_) => return Self::of_administrators(fields, kind),
            Kind::Enrolments(false)
            | Kind::Peers(false)
            | Kind::Status(false)
            | Kind::Errands(false) => {
                return Err(fields.refuse("kind", "true where a kind has no value", "false"));
            }
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are parsed above")]
    fn of_administrators(fields: Fields, kind: Kind) -> Result<Self, DecodeError> {
        Ok(match kind {
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
            Kind::Erase(query) => Self::Erase {
                principal: fields.parse("principal", &query.principal)?,
                id: fields.fixed_optional("id", &query.id)?,
            },
            Kind::Accesses(query) => Self::Accesses {
                subject: fields.parse_optional("subject", &query.subject)?,
                from: query.from,
                max: query.max,
            },
            Kind::Sessions(query) => Self::Sessions {
                principal: fields.parse_optional("principal", &query.principal)?,
                from: query.from,
                max: query.max,
            },
            Kind::Refusals(query) => Self::Refusals { before: query.before, max: query.max },
            Kind::Epochs(query) => Self::Epochs {
                after: fields.parse_optional("after", &query.after)?,
                max: query.max,
            },
            Kind::Storage(query) => Self::Storage {
                filter: fields.parse_optional("filter", &query.filter)?,
                levels: query.levels,
                after: fields.parse_optional("after", &query.after)?,
                max: query.max,
            },
            _ => return Err(fields.refuse("kind", "a question", "none")),
        })
    }
}

fn discovering(filter: &Filter, after: Option<&Topic>, max: u32) -> Kind {
    let (filter, after) = (filter.to_string(), text_of(after));
    Kind::Discover(wire::DiscoverQuery { filter, after, max })
}

fn text_of(name: Option<&impl ToString>) -> String {
    name.map(ToString::to_string).unwrap_or_default()
}

impl Which {
    fn asked(self, log: &LogName, size: u64) -> wire::InclusionQuery {
        let (statement, index) = match self {
            Self::Statement(id) => (Bytes::copy_from_slice(id.as_ref()), None),
            Self::Index(index) => (Bytes::new(), Some(index)),
        };
        wire::InclusionQuery { log: log.to_string(), statement, index, size }
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
    /// How far an errand is.
    Errand(ErrandStanding),
    /// Encoded [`Errand`](crate::Errand)s; not looked at.
    Errands(Vec<Bytes>),
}

const AWAY: u32 = 1;
const WAITING: u32 = 2;
const ANSWERED: u32 = 3;

impl ErrandStanding {
    fn to_wire(&self) -> wire::ErrandStanding {
        let (state, answer) = match self {
            Self::Away => (AWAY, Bytes::new()),
            Self::Waiting => (WAITING, Bytes::new()),
            Self::Answered(answer) => (ANSWERED, answer.clone()),
        };
        wire::ErrandStanding { state, answer }
    }

    fn from_wire(fields: Fields, wire: wire::ErrandStanding) -> Result<Self, DecodeError> {
        let wire::ErrandStanding { state, answer } = wire;
        let fits = (state == ANSWERED) != answer.is_empty();
        fields.require("answer", "one with state 3 only", fits, answer.len())?;
        match state {
            AWAY => Ok(Self::Away),
            WAITING => Ok(Self::Waiting),
            ANSWERED => Ok(Self::Answered(answer)),
            other => Err(fields.refuse("state", "1 to 3", other)),
        }
    }
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
            AnswerBody::Errand(standing) => answer::Kind::Errand(standing.to_wire()),
            AnswerBody::Errands(errands) => {
                answer::Kind::Errands(wire::ErrandList { errands: errands.clone() })
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
            Some(answer::Kind::Errand(standing)) => {
                AnswerBody::Errand(ErrandStanding::from_wire(fields, standing)?)
            }
            Some(answer::Kind::Errands(list)) => {
                fields.at_most("errands", STATEMENTS_PER_FRAME_MAX, list.errands.len())?;
                AnswerBody::Errands(list.errands)
            }
            None => return Err(fields.refuse("kind", "an answer", "none")),
        };
        Ok(Self { request: request_of(fields, wire.request)?, answer })
    }
}
