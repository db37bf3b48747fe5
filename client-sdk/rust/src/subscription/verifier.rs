//! Decides whether a record is a message. The node is asked for statements, key headers and key
//! grants, and believed in nothing: each counts only with the right signature under it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use sekisho_proto::{
    Envelope, Filter, Header, KeyHeader, KeyHeaderId, PrincipalId, Timestamp,
    frame::{AnswerBody, Question, Record},
};
use sekisho_seal::{Opener, Verified, VerifyingKey, verify, verify_attested, verify_key_header};

use super::keys;
use crate::{
    chain::Chain,
    clock,
    message::{BodyError, Message, RejectReason},
    query::QueryError,
    session::{Session, link::Link},
    trust::Publisher,
};

/// Publishers remembered before all are asked for again; about 300 bytes each.
const PUBLISHERS_MAX: usize = 8192;

/// Key headers remembered before all are asked for again; about 1 KiB each.
const OPENERS_MAX: usize = 8192;

/// After this a publisher's statements are asked for again, so that what was stated since counts:
/// the age at which a node, too, stops believing what it knows of another organisation.
const PROOF_AGE_MAX: Duration = Duration::from_secs(15 * 60);

/// How long a key that was not granted, or a publisher that is not known, is not asked for again.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Verification was interrupted: the connection ended, or the node would not answer for now. The
/// record will come again.
pub(super) struct Interrupted(());

impl Interrupted {
    /// By a question that stayed without an answer.
    pub(super) fn by(cause: &QueryError) -> Self {
        match cause {
            QueryError::Disconnected | QueryError::Closed => {}
            QueryError::Refused(_)
            | QueryError::WrongAnswer
            | QueryError::Malformed { .. }
            | QueryError::Timeout { .. } => {
                tracing::warn!(cause = %Chain(cause), "record not judged yet: it is asked for again");
            }
        }
        Self(())
    }
}

/// What became of a record. A message is boxed: it is far larger than a reason.
pub(super) type Judged = Result<Box<Message>, RejectReason>;

/// One subscription's memory of whom and what it has checked.
pub(super) struct Verifier {
    session: Arc<Session>,
    filter: Filter,
    publishers: BTreeMap<PrincipalId, Remembered<Option<Publisher>>>,
    openers: BTreeMap<KeyHeaderId, Remembered<Result<Arc<Opener>, BodyError>>>,
}

struct Remembered<T> {
    found: T,
    asked: Timestamp,
}

impl<T> Remembered<T> {
    fn is_younger(&self, age: Duration, now: Timestamp) -> bool {
        // A clock that was put back would keep it for as long as that takes to pass.
        self.asked <= now && now < self.asked.saturating_add(age)
    }
}

impl Verifier {
    pub(super) fn new(session: Arc<Session>, filter: Filter) -> Self {
        Self { session, filter, publishers: BTreeMap::new(), openers: BTreeMap::new() }
    }

    /// Checks a record and opens it where that can be done.
    pub(super) async fn judge(
        &mut self,
        link: &Link,
        record: Record,
    ) -> Result<Judged, Interrupted> {
        let envelope = match Envelope::decode(record.envelope.clone()) {
            Ok(envelope) => envelope,
            Err(cause) => return Ok(Err(RejectReason::Envelope(cause))),
        };
        let header = envelope.header();
        let (topic, made) = (header.topic.clone(), header.time);
        if !self.filter.matches(&topic) {
            return Ok(Err(RejectReason::Topic { topic }));
        }
        let id = header.publisher;
        let mut found = self.publisher(link, id).await?;
        let session = Arc::clone(&self.session);
        let is_entitled = |publisher: &Publisher| {
            let own = publisher.name.organisation() == topic.organisation();
            publisher.holds(made, record.received)
                && (own || session.replica.may_publish(id, &topic, record.received))
        };
        // What is known may be older than what renewed it.
        if found.as_ref().is_some_and(|publisher| !is_entitled(publisher)) && self.forget_old(&id) {
            found = self.publisher(link, id).await?;
        }
        let Some(publisher) = found else {
            return Ok(Err(RejectReason::UnknownPublisher { topic, publisher: id }));
        };
        if !is_entitled(&publisher) {
            return Ok(Err(RejectReason::NotEntitled { topic, publisher: publisher.name }));
        }
        let attester = match self.attester(link, header, &publisher, record.received).await? {
            Ok(attester) => attester,
            Err(reason) => return Ok(Err(reason)),
        };
        let verified = match &attester {
            Some(attester) => verify_attested(envelope, &attester.key),
            None => verify(envelope, &publisher.key),
        };
        let verified = match verified {
            Ok(verified) => verified,
            Err(source) => return Ok(Err(RejectReason::Signature { topic, source })),
        };
        let body = self.open(link, &verified, record.key_header.as_ref(), &publisher.key).await?;
        Ok(Ok(Box::new(message(&record, verified, (publisher, attester), body))))
    }

    /// The node that signed in the publisher's place, where the header names one and it may.
    async fn attester(
        &mut self,
        link: &Link,
        header: &Header,
        publisher: &Publisher,
        received: Timestamp,
    ) -> Result<Result<Option<Publisher>, RejectReason>, Interrupted> {
        let Some(attester) = header.attester else { return Ok(Ok(None)) };
        let may_attest = |node: &Publisher| {
            node.holds(header.time, received) && node.attests_for(publisher, &header.topic)
        };
        let mut found = self.publisher(link, attester).await?.filter(may_attest);
        if found.is_none() && self.forget_old(&attester) {
            found = self.publisher(link, attester).await?.filter(may_attest);
        }
        let (topic, publisher) = (header.topic.clone(), publisher.name.clone());
        let refused = RejectReason::NotAttested { topic, publisher, attester };
        Ok(found.map(Some).ok_or(refused))
    }

    /// Forgets who is behind a key, where that was not asked just now.
    fn forget_old(&mut self, id: &PrincipalId) -> bool {
        let now = clock::now();
        let is_old = self.publishers.get(id).is_some_and(|it| !it.is_younger(ASK_AGAIN_AFTER, now));
        if is_old {
            self.publishers.remove(id);
        }
        is_old
    }

    /// Who is behind a key, asking where that is not known or was long ago.
    async fn publisher(
        &mut self,
        link: &Link,
        id: PrincipalId,
    ) -> Result<Option<Publisher>, Interrupted> {
        let now = clock::now();
        if let Some(known) = self.publishers.get(&id) {
            let age_max = if known.found.is_some() { PROOF_AGE_MAX } else { ASK_AGAIN_AFTER };
            if known.is_younger(age_max, now) {
                return Ok(known.found.clone());
            }
        }
        let asked = link.query(Question::Principal(id), self.session.options.query_timeout).await;
        match asked {
            Ok(AnswerBody::Statements(statements)) => {
                self.session.replica.learn(&statements);
            }
            Ok(_) => return Err(Interrupted::by(&QueryError::WrongAnswer)),
            Err(QueryError::Refused(refusal)) if !refusal.code.is_passing() => {
                tracing::debug!(%id, %refusal, "node does not prove a publisher");
            }
            Err(cause) => return Err(Interrupted::by(&cause)),
        }
        let found = self.session.replica.publisher(&id);
        make_room(&mut self.publishers, PUBLISHERS_MAX);
        self.publishers.insert(id, Remembered { found: found.clone(), asked: now });
        Ok(found)
    }

    async fn open(
        &mut self,
        link: &Link,
        verified: &Verified,
        key_header: Option<&Bytes>,
        key: &VerifyingKey,
    ) -> Result<Result<Bytes, BodyError>, Interrupted> {
        let header = verified.header();
        let Some(id) = header.key_header else {
            return Ok(Ok(verified.envelope().body().clone()));
        };
        let now = clock::now();
        let known = self
            .openers
            .get(&id)
            .filter(|known| known.found.is_ok() || known.is_younger(ASK_AGAIN_AFTER, now));
        let opener = match known {
            Some(known) => known.found.clone(),
            None => {
                let found = self.find_opener(link, id, key_header, key).await?;
                make_room(&mut self.openers, OPENERS_MAX);
                self.openers.insert(id, Remembered { found: found.clone(), asked: now });
                found
            }
        };
        Ok(opener
            .and_then(|opener| opener.open(verified).map(Bytes::from).map_err(BodyError::Open)))
    }

    async fn find_opener(
        &self,
        link: &Link,
        id: KeyHeaderId,
        sent: Option<&Bytes>,
        key: &VerifyingKey,
    ) -> Result<Result<Arc<Opener>, BodyError>, Interrupted> {
        let encoded = match sent {
            Some(encoded) => encoded.clone(),
            None => match self.ask_key_header(link, id).await? {
                Some(encoded) => encoded,
                None => return Ok(Err(BodyError::NoKeyHeader { id })),
            },
        };
        let key_header = match KeyHeader::decode(encoded) {
            Ok(key_header) if key_header.id() == id => key_header,
            Ok(_) => return Ok(Err(BodyError::NoKeyHeader { id })),
            Err(cause) => return Ok(Err(BodyError::KeyHeader(cause))),
        };
        let key_header = match verify_key_header(key_header, key) {
            Ok(key_header) => key_header,
            Err(cause) => return Ok(Err(BodyError::KeyHeaderSignature(cause))),
        };
        keys::find(&self.session, link, &key_header).await
    }

    async fn ask_key_header(
        &self,
        link: &Link,
        id: KeyHeaderId,
    ) -> Result<Option<Bytes>, Interrupted> {
        let question = Question::KeyHeader(id);
        match link.query(question, self.session.options.query_timeout).await {
            Ok(AnswerBody::KeyHeader(encoded)) => Ok(Some(encoded)),
            Err(QueryError::Refused(refusal)) if !refusal.code.is_passing() => {
                tracing::debug!(%id, %refusal, "node does not have a key header");
                Ok(None)
            }
            Ok(_) => Err(Interrupted::by(&QueryError::WrongAnswer)),
            Err(cause) => Err(Interrupted::by(&cause)),
        }
    }
}

fn message(
    record: &Record,
    verified: Verified,
    (publisher, attester): (Publisher, Option<Publisher>),
    body: Result<Bytes, BodyError>,
) -> Message {
    let hash = verified.hash();
    let envelope = verified.into_envelope();
    let header = envelope.header();
    Message {
        topic: header.topic.clone(),
        publisher: publisher.name,
        publisher_id: header.publisher,
        attester: attester.map(|node| node.name),
        position: record.position,
        offset: record.offset,
        received: record.received,
        time: header.time,
        content_type: header.content_type.clone(),
        sample_count: header.sample_count,
        sealed: header.key_header.is_some(),
        body,
        envelope,
        hash,
    }
}

/// Forgets everything where there is no room for one more: what is needed is asked for again.
fn make_room<K: Ord, V>(remembered: &mut BTreeMap<K, V>, entries_max: usize) {
    if remembered.len() >= entries_max {
        remembered.clear();
    }
}
