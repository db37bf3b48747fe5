//! Learns how a topic is to be sealed. The epoch's public key is believed only with a steward's
//! signature behind it: a node that could choose the key could read what is sealed to it.

use bytes::Bytes;
use sekisho_proto::{
    Topic,
    frame::{AnswerBody, Question},
};

use super::{PublishError, backlog::Backlog, sealing::Protection, spool::SpoolError};
use crate::{
    chain::Chain,
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

/// Keeps what tells a later run how the topic is protected. Where it does not prove that by itself,
/// as when the node leaves out the newest epoch, what an earlier run kept proves more.
pub(super) async fn keep(
    session: &Session,
    topic: &Topic,
    proven: &Proven,
    backlog: &mut Backlog,
) -> Result<(), SpoolError> {
    let Proven { protection, proof } = proven;
    let Backlog::Spool(spool) = backlog else { return Ok(()) };
    if !session.replica.prove(proof, topic, protection) {
        tracing::warn!(%topic, "node leaves out what proves how the topic is protected");
        return Ok(());
    }
    match spool.save_proof(proof.clone()).await {
        Err(cause) if cause.may_pass() => {
            tracing::warn!(%topic, cause = %Chain(&cause), "protection not kept for a later run");
            Ok(())
        }
        done => done,
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
