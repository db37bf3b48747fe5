//! More of everything than anybody could want.

use std::collections::BTreeSet;

use quinn::Connection;
use sekisho::clock;
use sekisho::{Position, Statement};
use sekisho_proto::frame::{Gap, Pong};
use sekisho_proto::{GapReason, LogEntry};
use sekisho_seal::sign_statement;

use super::attempt::give;
use super::host::Host;
use super::luggage::Luggage;
use super::stolen::{followed, shown_checkpoint};
use super::tell;
use crate::granting::grant;

/// Of an envelope that is none, bytes: nearly the largest that a node takes unless told otherwise.
const LARGE: usize = 60_000;
/// Statements in one frame, as honest nodes send them.
const STATEMENTS_PER_FRAME: usize = 64;
/// Between two words of what was done so far.
const TELL_EVERY: u64 = 10_000;

/// Sends large records without a look at what was granted.
pub(super) async fn overdraw(host: &mut Host, connection: &Connection, count: u64) -> Option<()> {
    let (_telling, mut giving) = host.settle(connection).await?;
    let first = giving.wanted.value();
    let large = bytes::Bytes::from(vec![0xff; LARGE]);
    tell("floods with records");
    for number in 0..count {
        let position = Position::new(first + number);
        give(&mut giving, position, (large.clone(), None), vec![host.id()]).await?;
    }
    tell("sent all records");
    connection.closed().await;
    Some(())
}

/// Tells gaps of one position each, and then what is there.
pub(super) async fn gaps(
    host: &mut Host,
    connection: &Connection,
    luggage: &Luggage,
    count: u64,
) -> Option<()> {
    let (_telling, mut giving) = host.settle(connection).await?;
    let gaps = usize::try_from(count).expect("a number of gaps");
    let done = host.done(&giving);
    tell("floods with gaps");
    for index in done..gaps {
        let gap = Gap {
            subscription: giving.subscription,
            from_position: host.position(index),
            to_position: host.position(index + 1),
            reason: GapReason::Retention,
            topic: None,
        };
        giving.writer.send(&gap.into()).await.ok()?;
    }
    for (index, piece) in luggage.honest.iter().enumerate().skip(done.saturating_sub(gaps)) {
        give(&mut giving, host.position(gaps + index), piece.clone(), vec![host.id()]).await?;
    }
    tell("sent all gaps");
    connection.closed().await;
    Some(())
}

/// States things without end, each of them signed by its administrator and in order.
pub(super) async fn statements(host: &mut Host, connection: &Connection, count: u64) -> Option<()> {
    let (mut telling, _giving) = host.settle(connection).await?;
    tell("floods with statements");
    let mut stated = 0;
    while stated < count {
        let part: Vec<LogEntry> = (0..STATEMENTS_PER_FRAME).map(|_one| one_more(host)).collect();
        let first = host.log.len();
        host.log.extend(part.iter().cloned());
        telling.state(first, part.iter().map(followed).collect()).await?;
        stated += u64::try_from(part.len()).expect("a few statements");
        if stated % (TELL_EVERY / 10) < u64::try_from(part.len()).expect("a few statements") {
            tell(format_args!("stated {stated}"));
        }
    }
    telling.state(host.log.len(), Vec::new()).await?;
    host.checkpoint(&mut telling, host.log.len(), clock::now()).await?;
    tell("stated everything");
    connection.closed().await;
    Some(())
}

/// One more right for everybody of its own organisation.
fn one_more(host: &Host) -> LogEntry {
    let organisation = host.organisation();
    let (everybody, filter) = (format!("*@{organisation}"), format!("{organisation}/flood/#"));
    let statement = Statement::unsigned(grant(&everybody, "discover", &filter));
    let statement = sign_statement(statement, host.issuer()).encode().into();
    LogEntry { received: clock::now(), statement }
}

/// Repeats what it has stated before, and that there is nothing new.
pub(super) async fn nothing_new(
    host: &mut Host,
    connection: &Connection,
    luggage: &Luggage,
    count: u64,
) -> Option<()> {
    let (mut telling, mut giving) = host.settle(connection).await?;
    let done = host.done(&giving);
    for (index, piece) in luggage.honest.iter().enumerate().skip(done) {
        give(&mut giving, host.position(index), piece.clone(), vec![host.id()]).await?;
    }
    tell("floods with nothing");
    let old: Vec<_> = host.log.iter().take(STATEMENTS_PER_FRAME).map(followed).collect();
    for number in 0..count {
        let repeated = if number % 2 == 0 { old.clone() } else { Vec::new() };
        let first = if number % 2 == 0 { 0 } else { host.log.len() };
        telling.state(first, repeated).await?;
    }
    tell("said nothing often enough");
    connection.closed().await;
    Some(())
}

/// Shows checkpoints of one log, each newer than the one before.
pub(super) async fn checkpoints(
    host: &mut Host,
    connection: &Connection,
    count: u64,
) -> Option<()> {
    let (mut telling, _giving) = host.settle(connection).await?;
    tell("floods with checkpoints");
    let sign = |time| shown_checkpoint(host.signing(), host.organisation(), &host.log, time, 0);
    let mut shown = sign(clock::now());
    let mut seconds = BTreeSet::new();
    for _one in 0..count {
        let now = clock::now();
        // They are dated to the second.
        if seconds.insert(now.as_micros() / 1_000_000) {
            shown = sign(now);
        }
        telling.say(shown.clone()).await?;
    }
    tell("showed all checkpoints");
    connection.closed().await;
    Some(())
}

/// Answers what nobody asked.
pub(super) async fn pongs(host: &mut Host, connection: &Connection, count: u64) -> Option<()> {
    let (mut telling, _giving) = host.settle(connection).await?;
    tell("floods with pongs");
    for token in 0..count {
        telling.say(Pong { token }).await?;
    }
    tell("sent all pongs");
    connection.closed().await;
    Some(())
}
