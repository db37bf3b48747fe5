//! One connection: the control stream and what it asks for.

#![expect(clippy::wildcard_enum_match_arm, reason = "any other frame fails the test")]

use std::sync::Arc;

use bytes::Bytes;
use sekisho::{
    PrincipalId, RefusalCode, SigningKey, Timestamp,
    connection::Stream,
    framing::{FrameReader, FrameWriter},
    tls,
};
use sekisho_proto::{
    Envelope, Frame, KeyHeader, Offset, Sequence, Statement, StatementIndex,
    frame::{self, AnswerBody, Question},
    voucher_signing_input,
};
use tokio::task::JoinSet;

use super::{Script, Seen, Shared, Step, Stored, Vice, streams::subscription};

pub(super) async fn accept(endpoint: quinn::Endpoint, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            if let Ok(connection) = incoming.await {
                serve(connection, shared).await;
            }
        });
    }
}

async fn serve(connection: quinn::Connection, shared: Arc<Shared>) {
    shared.note(|seen| {
        seen.connections += 1;
        seen.remotes.push(connection.remote_address());
    });
    let mut hang_up = shared.hang_up.subscribe();
    tokio::select! {
        ended = control(&connection, &shared) => if ended.is_some() {
            // What was said last must arrive before the connection is closed.
            connection.closed().await;
        },
        _ = hang_up.changed() => {}
    }
    connection.close(0_u32.into(), b"");
}

/// Serves a connection; `Some` where it ended with words.
async fn control(connection: &quinn::Connection, shared: &Arc<Shared>) -> Option<()> {
    let (send, receive) = connection.accept_bi().await.ok()?;
    let (mut writer, mut reader) = (FrameWriter::new(send), FrameReader::new(receive));
    match reader.next().await.ok()?? {
        Frame::Hello(_) => {}
        Frame::Enrol(enrol) => {
            shared.note(|seen| seen.enrols.push(enrol));
            let answers = shared.script.lock().unwrap().enrolling.clone();
            for answer in answers {
                writer.send(&Frame::Enrolling(answer)).await.ok()?;
            }
            return Some(());
        }
        other => panic!("wanted Hello or Enrol, found {}", other.name()),
    }
    let welcome = shared.script.lock().unwrap().welcome;
    if let Err(code) = welcome {
        writer.send(&refused(0, code, None)).await.ok()?;
        return Some(());
    }
    writer.send(&shared.welcome()).await.ok()?;
    let publisher = PrincipalId::of(&tls::peer_key(connection).unwrap());
    let mut subscriptions = JoinSet::new();
    loop {
        tokio::select! {
            stream = connection.accept_bi() => {
                let (send, receive) = stream.ok()?;
                let writer = FrameWriter::new(send);
                let stream = Stream { writer, reader: FrameReader::new(receive) };
                subscriptions.spawn(subscription(stream, Arc::clone(shared)));
            }
            frame = reader.next() => match frame.ok()?? {
                Frame::Publish(publish) => {
                    writer.send(&shared.publish(&publish)?).await.ok()?;
                }
                Frame::Query(query) => {
                    writer.send(&shared.answer(publisher, query)).await.ok()?;
                }
                Frame::State(state) => {
                    let stated = shared.state(&state);
                    writer.send(&stated).await.ok()?;
                }
                Frame::Goodbye(_) => return Some(()),
                other => panic!("wanted a request, found {}", other.name()),
            },
        }
    }
}

impl Script {
    /// Logs a statement in every log it belongs in.
    fn log_it(&mut self, encoded: &Bytes) {
        let statement = Statement::decode(encoded).unwrap();
        for organisation in statement.organisations() {
            if let Some(log) = self.logs.get_mut(organisation) {
                log.hold(encoded);
            }
        }
    }
}

impl Shared {
    pub(super) fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap());
        self.changed.send_modify(|version| *version += 1);
    }

    fn welcome(&self) -> Frame {
        let script = self.script.lock().unwrap();
        Frame::Welcome(frame::Welcome {
            version: 1,
            organisation: script.organisation.clone(),
            principal: None,
            policy_version: 1,
            time: Timestamp::EPOCH,
            envelope_bytes_max: 4096,
            inflight_max: script.inflight_max,
        })
    }

    /// The answer to a publish; `None` hangs up.
    fn publish(&self, publish: &frame::Publish) -> Option<Frame> {
        let (refuse, hang_up) = self.intent();
        if let Some(code) = refuse {
            return Some(refused(publish.request, code, None));
        }
        let envelope = Envelope::decode(publish.envelope.clone()).unwrap();
        let header = envelope.header();
        let mut seen = self.seen.lock().unwrap();
        seen.publishes += 1;
        let (vouches, stores_nothing) = self.word();
        let request = publish.request;
        let vouch = |offset| {
            let signed = voucher_signing_input(&envelope.hash());
            let vouched = |key: &SigningKey| {
                let signature = key.sign(&signed);
                Frame::Vouched(frame::Vouched { request, offset, signature })
            };
            vouches.as_ref().map(vouched)
        };
        if stores_nothing {
            drop(seen);
            self.changed.send_modify(|version| *version += 1);
            let published = frame::Published { request, offset: Offset::new(0) };
            return Some(vouch(None).unwrap_or(Frame::Published(published)));
        }
        if let Some(encoded) = &publish.key_header {
            let id = KeyHeader::decode(encoded.clone()).unwrap().id();
            seen.key_headers.insert(id, encoded.clone());
        }
        let missing = header.key_header.filter(|id| !seen.key_headers.contains_key(id));
        if missing.is_some() {
            return Some(refused(publish.request, RefusalCode::KeyHeaderMissing, None));
        }
        let stream = (header.topic.clone(), header.boot);
        let last = seen.heads.get(&stream).copied();
        let expected = last.map_or(Sequence::ZERO, |(last, _hash)| last.next());
        if header.sequence != expected {
            let replayed = header.sequence < expected;
            seen.replayed += usize::from(replayed);
            if replayed && let Some(vouched) = vouch(None) {
                return Some(vouched);
            }
            let code = if replayed { RefusalCode::Replayed } else { RefusalCode::SequenceGap };
            return Some(refused(publish.request, code, Some(expected)));
        }
        assert_eq!(header.previous, last.map(|(_last, hash)| hash), "broken chain");
        seen.heads.insert(stream, (header.sequence, envelope.hash()));
        let key_header = header.key_header.and_then(|id| seen.key_headers.get(&id).cloned());
        let received = header.time;
        seen.log.push(Step::Record(Stored {
            envelope: publish.envelope.clone(),
            key_header,
            received,
        }));
        let offset = Offset::new(seen.log.len() as u64 - 1);
        drop(seen);
        self.changed.send_modify(|version| *version += 1);
        let published = Frame::Published(frame::Published { request, offset });
        (!hang_up).then(|| vouch(Some(offset)).unwrap_or(published))
    }

    fn word(&self) -> (Option<SigningKey>, bool) {
        let script = self.script.lock().unwrap();
        (script.vouches.clone(), script.vices.contains(&Vice::StoresNothing))
    }

    fn intent(&self) -> (Option<RefusalCode>, bool) {
        let mut script = self.script.lock().unwrap();
        if let Some(next) = script.refuse.front_mut() {
            let code = next.code;
            next.times -= 1;
            if next.times == 0 {
                script.refuse.pop_front();
            }
            return (Some(code), false);
        }
        let hang_up = script.hang_up_after == Some(0);
        script.hang_up_after = match script.hang_up_after {
            Some(0) | None => None,
            Some(left) => Some(left - 1),
        };
        (None, hang_up)
    }

    fn answer(&self, asker: PrincipalId, query: frame::Query) -> Frame {
        let mut script = self.script.lock().unwrap();
        let mut seen = self.seen.lock().unwrap();
        let request = query.request;
        if script.vices.contains(&Vice::AnswersAtSecondAsking)
            && seen.asked.insert(format!("{:?}", query.question))
        {
            return refused(request, RefusalCode::RateLimited, None);
        }
        let answer = match query.question {
            Question::Principal(id) => script.proofs.get(&id).cloned().map(AnswerBody::Statements),
            Question::EpochOf(_) => Some(script.epoch.clone())
                .filter(|proof| !proof.is_empty())
                .map(AnswerBody::Statements),
            Question::KeyGrants { tree, epoch } => {
                let granted = script.key_grants.get(&(tree, epoch)).cloned();
                if !script.vices.contains(&Vice::ReleasesKeysInSecret) {
                    granted.iter().flatten().for_each(|statement| script.log_it(statement));
                }
                granted.map(AnswerBody::Statements)
            }
            Question::Checkpoint { log, old_size } => {
                let log = script.logs.get(log.organisation());
                let log = log.filter(|_log| !script.vices.contains(&Vice::HidesItsLog));
                log.map(|log| log.answer_checkpoint(old_size))
            }
            Question::Inclusion { log, which, size } => {
                let log = script.logs.get(log.organisation());
                log.and_then(|log| log.answer_inclusion(&which, size))
            }
            Question::KeyHeader(id) => {
                seen.key_headers.get(&id).cloned().map(AnswerBody::KeyHeader)
            }
            Question::StreamHead { topic, boot } => {
                let head = seen
                    .heads
                    .get(&(topic, boot))
                    .filter(|_head| !script.vices.contains(&Vice::ForgetsHeads));
                let expected = head.map_or(Sequence::ZERO, |(last, _hash)| last.next());
                Some(AnswerBody::ExpectedSequence(expected))
            }
            Question::Discover { after, .. } => {
                script.parts.get(&after).cloned().map(AnswerBody::Json)
            }
            Question::Status => Some(AnswerBody::Json(format!("{{\"asker\":\"{asker}\"}}"))),
            _ => None,
        };
        match answer {
            Some(answer) => Frame::Answer(frame::Answer { request, answer }),
            None => refused(request, RefusalCode::NotFound, None),
        }
    }

    fn state(&self, state: &frame::State) -> Frame {
        let mut script = self.script.lock().unwrap();
        let mut indices = Vec::new();
        for statement in &state.statements {
            Statement::decode(statement).unwrap();
            indices.push(StatementIndex::new(script.statements.len() as u64));
            script.statements.push(statement.clone());
            script.log_it(statement);
        }
        drop(script);
        self.changed.send_modify(|version| *version += 1);
        Frame::Stated(frame::Stated { request: state.request, indices })
    }
}

pub(super) fn refused(request: u64, code: RefusalCode, expected: Option<Sequence>) -> Frame {
    Frame::Refused(frame::Refused {
        request,
        code,
        what: "what was sent".to_owned(),
        why: "wanted by the script".to_owned(),
        expected_sequence: expected,
    })
}
