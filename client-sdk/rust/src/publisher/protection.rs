//! Learns how a topic is to be sealed. The epoch's public key is believed only with a steward's
//! signature behind it: a node that could choose the key could read what is sealed to it.

use bytes::Bytes;
use sekisho_proto::{
    Topic,
    frame::{AnswerBody, Question},
};

use super::{PublishError, sealing::Protection};
use crate::{
    clock,
    query::QueryError,
    session::{Session, link::Link},
};

/// How a topic is protected, and the statements that prove it to a later run.
pub(super) struct Proven {
    pub(super) protection: Protection,
    pub(super) proof: Vec<Bytes>,
}

/// Asks the node for the statements and goes by those that hold.
pub(super) async fn ask(
    session: &Session,
    link: &Link,
    topic: &Topic,
) -> Result<Proven, PublishError> {
    let question = Question::EpochOf(topic.clone());
    match link.query(question, session.options.query_timeout).await? {
        AnswerBody::Statements(proof) => {
            session.replica.learn(&proof);
            Ok(Proven { protection: known(session, topic)?, proof })
        }
        AnswerBody::KeyHeader(_)
        | AnswerBody::ExpectedSequence(_)
        | AnswerBody::Json(_)
        | AnswerBody::Checkpoint { .. }
        | AnswerBody::Inclusion { .. }
        | AnswerBody::Errand(_)
        | AnswerBody::Errands(_) => Err(PublishError::Query(QueryError::WrongAnswer)),
    }
}

/// What is known of it without asking.
pub(super) fn known(session: &Session, topic: &Topic) -> Result<Protection, PublishError> {
    match session.replica.protection(topic, clock::now()) {
        Ok(Some(protection)) => Ok(protection),
        Ok(None) => Err(PublishError::Unprotected { topic: topic.clone() }),
        Err(source) => Err(PublishError::EpochKey { topic: topic.clone(), source }),
    }
}
