//! One stream of a subscriber or follower.

#![expect(clippy::wildcard_enum_match_arm, reason = "any other frame fails the test")]

use std::sync::Arc;

use sekisho::{RefusalCode, Statement, connection::Stream};
use sekisho_proto::{
    Frame, Offset, Position,
    frame::{self, Start, Subscribe},
};

use super::{Shared, Step, Vice, serving::refused};

pub(super) async fn subscription(mut stream: Stream, shared: Arc<Shared>) -> Option<()> {
    match stream.reader.next().await.ok()?? {
        Frame::Subscribe(subscribe) => records(stream, subscribe, shared).await,
        Frame::Follow(follow) => statements(stream, follow, shared).await,
        other => panic!("wanted Subscribe or Follow, found {}", other.name()),
    }
}

async fn records(mut stream: Stream, subscribe: Subscribe, shared: Arc<Shared>) -> Option<()> {
    let subscription = subscribe.subscription;
    shared.note(|seen| seen.subscribes.push(subscribe.clone()));
    let refusal = shared.script.lock().unwrap().refuse_subscriptions.pop_front();
    if let Some(code) = refusal {
        stream.writer.send(&refused(0, code, None)).await.ok()?;
        stream.writer.end();
        return Some(());
    }
    let mut changed = shared.changed.subscribe();
    let head = shared.seen.lock().unwrap().log.len() as u64;
    let acknowledged =
        shared.seen.lock().unwrap().acknowledged.filter(|_| subscribe.cursor.is_some());
    let mut next = match (acknowledged, subscribe.start) {
        (Some(done), _) => done.value() + 1,
        (None, Start::Position(position)) => position.value(),
        (None, Start::Latest) => head,
        (None, _) => 0,
    };
    let subscribed = frame::Subscribed {
        subscription,
        position: Position::new(next),
        head: Position::new(head),
    };
    stream.writer.send(&Frame::Subscribed(subscribed)).await.ok()?;
    let mut credit = subscribe.credit;
    let mut is_behind = next < head;
    loop {
        while let Some(frame) = shared.step(subscription, next, credit) {
            if let Frame::Gap(gap) = &frame {
                next = gap.to_position.value();
            } else {
                credit -= 1;
                next += 1;
            }
            stream.writer.send(&frame).await.ok()?;
        }
        if is_behind && next >= head {
            is_behind = false;
            let position = Position::new(next);
            let caught_up = frame::Subscribed { subscription, position, head: position };
            stream.writer.send(&Frame::Subscribed(caught_up)).await.ok()?;
        }
        tokio::select! {
            change = changed.changed() => change.ok()?,
            frame = stream.reader.next() => match frame.ok()?? {
                Frame::Credit(more) => {
                    credit += more.records;
                    shared.note(|seen| seen.credit += more.records);
                }
                Frame::Acknowledge(done) if done.position.value() >= next => {
                    stream.writer.send(&refused(0, RefusalCode::Malformed, None)).await.ok()?;
                    stream.writer.end();
                    return Some(());
                }
                Frame::Acknowledge(done) => {
                    shared.note(|seen| seen.acknowledged = Some(done.position));
                }
                Frame::Unsubscribe(_) => {
                    stream.writer.end();
                    return Some(());
                }
                other => panic!("wanted a subscriber's frame, found {}", other.name()),
            },
        }
    }
}

impl Shared {
    /// What a subscriber gets at a position.
    fn step(&self, subscription: u32, position: u64, credit: u32) -> Option<Frame> {
        let script = self.script.lock().unwrap();
        let hides_key_headers = script.vices.contains(&Vice::HidesKeyHeaders);
        drop(script);
        let seen = self.seen.lock().unwrap();
        let step = seen.log.get(usize::try_from(position).unwrap())?;
        let position = Position::new(position);
        match step.clone() {
            Step::Record(_) if credit == 0 => None,
            Step::Record(stored) => Some(Frame::Record(frame::Record {
                subscription,
                position,
                offset: Offset::new(position.value()),
                received: stored.received,
                envelope: stored.envelope,
                key_header: stored.key_header.filter(|_| !hides_key_headers),
                hops: Vec::new(),
            })),
            Step::Gap { positions, reason } => Some(Frame::Gap(frame::Gap {
                subscription,
                from_position: position,
                to_position: Position::new(position.value() + positions),
                reason,
                topic: None,
            })),
        }
    }
}

async fn statements(mut stream: Stream, follow: frame::Follow, shared: Arc<Shared>) -> Option<()> {
    let mut changed = shared.changed.subscribe();
    let mut next = follow.from;
    loop {
        let statement = {
            let script = shared.script.lock().unwrap();
            script.statements.get(usize::try_from(next.value()).unwrap()).cloned()
        };
        if let Some(statement) = statement {
            let received = Statement::decode(&statement).unwrap().body().issued();
            let frame = frame::Statements {
                subscription: follow.subscription,
                organisation: follow.organisation.clone(),
                first: next,
                statements: vec![frame::FollowedStatement { statement, received }],
            };
            stream.writer.send(&Frame::Statements(frame)).await.ok()?;
            next = next.next();
            continue;
        }
        changed.changed().await.ok()?;
    }
}
