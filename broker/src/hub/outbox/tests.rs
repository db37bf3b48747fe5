use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use sekisho_proto::{BootId, ContentType, Offset, Position, Scope, Sequence, Timestamp, Topic};
use sekisho_seal::{HeaderDraft, SeededEntropy, SigningKey, sign_open};

use super::*;

fn record(bytes: usize) -> Outgoing {
    let signing = SigningKey::generate(&mut SeededEntropy::new(1)).unwrap();
    let topic = Topic::parse("fujisawa/trucks/1").unwrap();
    let received = Timestamp::from_micros(1_795_000_000_000_000);
    let draft = HeaderDraft {
        sequence: Sequence::new(0),
        time: received,
        previous: None,
        content_type: ContentType::samples(),
        sample_count: 0,
        flags: 0,
        expiry_s: 0,
        scope: Scope::Federation,
    };
    let body = vec![7; bytes];
    let envelope = sign_open(&signing, topic, BootId::new([1; 16]), draft, &body).unwrap();
    let encoded = envelope.encoded().clone();
    let (position, offset) = (Position::ZERO, Offset::new(0));
    let record = Record::restore(position, offset, received, encoded, Vec::new()).unwrap();
    Outgoing::Record(Arc::new(record))
}

fn pong() -> Outgoing {
    Outgoing::Frame(Box::new(Frame::Pong(frame::Pong { token: 1 })))
}

/// What is there without waiting.
fn taken(reader: &mut OutboxReader) -> Poll<Option<usize>> {
    let taken = reader.poll_take(&Context::from_waker(Waker::noop()));
    taken.map(|items| items.map(|items| items.len()))
}

#[test]
fn everything_that_waits_is_taken_at_once_and_there_is_room_again() {
    let (outbox, mut reader) = Outbox::new(&Backlog::default());
    let accepted = (0..OUTBOX_ITEMS_MAX + 3).filter(|_| outbox.put(pong()).is_ok()).count();
    assert_eq!(accepted, OUTBOX_ITEMS_MAX);
    assert!(!reader.take_refused(), "there is no room yet");
    assert_eq!(taken(&mut reader), Poll::Ready(Some(OUTBOX_ITEMS_MAX)));
    assert!(reader.take_refused());
    assert!(!reader.take_refused());
    assert_eq!(taken(&mut reader), Poll::Pending);
    assert_eq!(outbox.put(pong()), Ok(()));
    assert_eq!(taken(&mut reader), Poll::Ready(Some(1)));
}

#[test]
fn a_full_queue_still_takes_what_a_subscription_has_to_say_of_itself() {
    let (outbox, mut reader) = Outbox::new(&Backlog::default());
    while outbox.put(pong()).is_ok() {}
    let told = (0..OUTBOX_ITEMS_MAX).filter(|_| outbox.tell(pong()).is_ok()).count();
    assert_eq!(told, RESERVED);
    assert_eq!(taken(&mut reader), Poll::Ready(Some(OUTBOX_ITEMS_MAX + RESERVED)));
}

#[test]
fn bytes_are_bounded_and_frames_without_a_record_still_pass() {
    let (outbox, mut reader) = Outbox::new(&Backlog::default());
    let Outgoing::Record(large) = record(60_000) else { unreachable!() };
    let fitting = OUTBOX_BYTES_MAX / large.envelope().encoded().len();
    let offer = || outbox.put(Outgoing::Record(Arc::clone(&large)));
    let accepted = (0..fitting + 5).filter(|_| offer().is_ok()).count();
    assert_eq!(accepted, fitting);
    assert_eq!(outbox.tell(pong()), Ok(()));
    let mut items = 0;
    while let Poll::Ready(Some(taken)) = taken(&mut reader) {
        items += taken;
    }
    assert_eq!(items, fitting + 1);
    assert_eq!(offer(), Ok(()));
}

#[test]
fn a_reader_knows_the_oldest_policy_that_let_out_what_it_took() {
    let (outbox, mut reader) = Outbox::new(&Backlog::default());
    for version in [3, 4] {
        outbox.put_let_out(record(10), Some(version)).unwrap();
        outbox.put(pong()).unwrap();
    }
    assert_eq!(taken(&mut reader), Poll::Ready(Some(4)));
    assert_eq!(reader.let_out_under(), Some(3));
    outbox.put(pong()).unwrap();
    assert_eq!(taken(&mut reader), Poll::Ready(Some(1)));
    assert_eq!(reader.let_out_under(), None);
}

#[tokio::test]
async fn a_reader_that_waits_is_woken_by_a_record_and_by_the_end() {
    let (outbox, mut reader) = Outbox::new(&Backlog::default());
    let reading = tokio::spawn(async move {
        let mut counts = Vec::new();
        while let Some(items) = poll_fn(|context| reader.poll_take(context)).await {
            counts.push(items.len());
        }
        counts
    });
    tokio::task::yield_now().await;
    outbox.tell(record(100)).unwrap();
    tokio::task::yield_now().await;
    outbox.tell(pong()).unwrap();
    drop(outbox);
    let counts: Vec<usize> = reading.await.unwrap();
    assert_eq!(counts.iter().sum::<usize>(), 2);
}

#[test]
fn a_reader_that_is_gone_takes_no_record_and_misses_nothing_that_is_told() {
    let (outbox, reader) = Outbox::new(&Backlog::default());
    drop(reader);
    assert_eq!(outbox.put(record(100)), Err(Full));
    // Who tells it would take it for one that does not listen, and end the session.
    assert_eq!(outbox.tell(pong()), Ok(()));
}

#[test]
fn records_that_wait_when_a_right_ends_are_not_delivered() {
    let (outbox, mut reader) = Outbox::new(&Backlog::default());
    outbox.put(record(10)).unwrap();
    outbox.tell(pong()).unwrap();
    outbox.put(record(10)).unwrap();
    let code = RefusalCode::NotPermitted;
    outbox.tell(Outgoing::End { code, why: "the right is gone".to_owned() }).unwrap();
    let Poll::Ready(Some(items)) = reader.poll_take(&Context::from_waker(Waker::noop())) else {
        panic!("wanted something waiting");
    };
    assert!(
        matches!(items.as_slice(), [Outgoing::Frame(_), Outgoing::End { .. }]),
        "found {items:?}"
    );
}

#[test]
fn what_waits_for_all_subscriptions_of_a_session_is_bounded_and_each_still_goes_on() {
    const RECORD: usize = 1_000_000;
    let session = Backlog::default();
    let waiting = || session.bytes.load(Ordering::Relaxed);
    let mut queues: Vec<(Outbox, OutboxReader)> = (0..100).map(|_| Outbox::new(&session)).collect();
    let mut refused = 0;
    for _round in 0..4 {
        for (outbox, _reader) in &queues {
            refused += usize::from(outbox.put(record(RECORD)).is_err());
        }
    }
    assert!(refused >= 100, "{refused} records refused");
    let most = SESSION_BYTES_MAX + 100 * (RECORD + 1_024);
    assert!((SESSION_BYTES_MAX..most).contains(&waiting()), "{} bytes wait", waiting());
    for (_outbox, reader) in &mut queues {
        assert!(matches!(taken(reader), Poll::Ready(Some(1..))), "wanted something for each");
        assert!(reader.take_refused(), "wanted the shard told that there is room again");
    }
    assert_eq!(waiting(), 0);
    let (outbox, _reader) = &queues[0];
    outbox.put(record(RECORD)).unwrap();
    drop(queues);
    assert_eq!(waiting(), 0);
}

#[test]
fn a_transport_takes_a_piece_at_a_time_and_all_of_it_in_order() {
    let backlog = Backlog::default();
    let (outbox, mut reader) = Outbox::new(&backlog);
    for index in 0..100_usize {
        outbox.put_let_out(record(1_000 + index), Some(3)).unwrap();
        outbox.put(pong()).unwrap();
    }
    outbox.put(record(2 * TAKEN_BYTES_MAX)).unwrap();
    outbox.put(record(10)).unwrap();
    let (mut sizes, mut pieces) = (Vec::new(), 0);
    let context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(piece)) = reader.poll_take(&context) {
        pieces += 1;
        let bytes: usize = piece.iter().map(Outgoing::envelope_bytes).sum();
        assert!(
            bytes <= TAKEN_BYTES_MAX || piece.iter().filter(|item| is_record(item)).count() == 1
        );
        assert_eq!(reader.let_out_under(), Some(3));
        sizes.extend(piece.iter().map(Outgoing::envelope_bytes).filter(|bytes| *bytes > 0));
    }
    assert_eq!((pieces, sizes.len()), (4, 102));
    assert!(sizes[..100].is_sorted(), "{sizes:?}");
    assert_eq!(backlog.bytes.load(Ordering::Relaxed), 0);
}

fn is_record(outgoing: &Outgoing) -> bool {
    matches!(outgoing, Outgoing::Record(_))
}

#[test]
fn what_waits_is_taken_back_where_it_may_not_go_any_more_and_there_is_room_again() {
    let backlog = Backlog::default();
    let (outbox, mut reader) = Outbox::new(&backlog);
    for bytes in [10, 500, 20, 600] {
        outbox.put(record(bytes)).unwrap();
        outbox.put(pong()).unwrap();
    }
    assert_eq!(outbox.withhold(|record| record.envelope().body().len() < 100), 2);
    assert_eq!(outbox.withhold(|_record| true), 0);
    let context = Context::from_waker(Waker::noop());
    let Poll::Ready(Some(piece)) = reader.poll_take(&context) else { unreachable!() };
    assert_eq!(piece.iter().filter(|item| is_record(item)).count(), 2);
    assert_eq!(piece.len(), 6);
    assert_eq!(backlog.bytes.load(Ordering::Relaxed), 0);
}
