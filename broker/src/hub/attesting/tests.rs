use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use sekisho_proto::statement::RevokeTarget;
use sekisho_proto::{Envelope, Frame, RefusalCode, StreamClass, frame};
use sekisho_routing::SubscriptionId;
use sekisho_seal::{attest, is_outstanding, sign_attested, verify_attested};
use sekisho_store::RecordReader as _;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;
use crate::clock;
use crate::hub::attesting_world::{AttestingWorld, described, key, letter};
use crate::hub::{Carrier, Outgoing, Parcel};
use crate::session::{Port, Session};
use crate::transport::frames::Recital;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const TOPIC: &str = "fujisawa/tide/1";

async fn answer(port: &mut Port) -> Frame {
    timeout(PATIENCE, port.answers.recv()).await.unwrap().unwrap()
}

async fn published(port: &mut Port) -> frame::Published {
    let answer = answer(port).await;
    let Frame::Published(published) = answer else { panic!("wanted Published, found {answer:?}") };
    published
}

async fn refused(port: &mut Port) -> frame::Refused {
    let answer = answer(port).await;
    let Frame::Refused(refused) = answer else { panic!("wanted Refused, found {answer:?}") };
    refused
}

/// Everything on the topics, as a subscriber gets it.
async fn records(session: &Session, count: usize) -> Vec<Arc<Record>> {
    let subscribe = frame::Subscribe {
        subscription: 1,
        filter: "fujisawa/tide/#".parse().unwrap(),
        start: frame::Start::Earliest,
        cursor: None,
        credit: 1_000,
    };
    let mut queue = session.subscribe(subscribe).await.unwrap();
    let mut found = Vec::new();
    while found.len() < count {
        let taken = timeout(PATIENCE, poll_fn(|context| queue.poll_take(context)));
        for next in taken.await.unwrap().unwrap() {
            if let Outgoing::Record(record) = next {
                found.push(record);
            }
        }
    }
    session.unsubscribe(SubscriptionId::new(1)).await;
    found
}

#[tokio::test]
async fn a_letter_becomes_an_envelope_that_the_node_signed_and_says_so() {
    let world = AttestingWorld::open();
    let (session, mut port) = world.session(world.meter().public_key()).await;
    let sent = Letter { flags: Header::FLAG_RETAIN, expiry_s: 60, ..letter(TOPIC, "21.5") };
    session.attest(9, sent).await;
    let told = published(&mut port).await;
    assert_eq!((told.request, told.offset.value()), (9, 0));
    let record = records(&session, 1).await.pop().unwrap();
    let envelope = Envelope::decode(world.hub().signed(&record).unwrap()).unwrap();
    assert!(is_outstanding(record.envelope()), "it is signed when it leaves, and not before");
    let header = envelope.header().clone();
    assert_eq!(header.attester, Some(world.hub().node()));
    assert_eq!(header.publisher, world.meter().id());
    assert_eq!((header.flags, header.expiry_s), (Header::FLAG_RETAIN, 60));
    assert_eq!(envelope.body().as_ref(), b"21.5");
    verify_attested(envelope, &key("node").verifying_key()).unwrap();
    session.close().await;
    world.close().await;
}

#[tokio::test]
async fn letters_of_several_sessions_are_one_chain_for_each_topic() {
    let world = AttestingWorld::open();
    let meter = world.meter().public_key();
    let (first, mut first_port) = world.session(meter).await;
    let (second, mut second_port) = world.session(meter).await;
    for number in 0..50 {
        let on = format!("fujisawa/tide/{}", number % 3);
        tokio::join!(
            first.attest(number, letter(&on, "first")),
            second.attest(number, letter(&on, "second"))
        );
    }
    for _ in 0..50 {
        published(&mut first_port).await;
        published(&mut second_port).await;
    }
    let envelopes = records(&first, 100).await;
    for topic in ["fujisawa/tide/0", "fujisawa/tide/1", "fujisawa/tide/2"] {
        let of_topic = envelopes.iter().filter(|one| one.header().topic.as_str() == topic);
        let mut previous = None;
        for (sequence, envelope) in of_topic.enumerate() {
            assert_eq!(envelope.header().sequence.value(), sequence as u64);
            assert_eq!(envelope.header().previous, previous);
            previous = Some(envelope.envelope().hash());
        }
        assert!(previous.is_some());
    }
    first.close().await;
    second.close().await;
    world.close().await;
}

#[tokio::test]
async fn letters_that_come_together_are_chains_and_only_some_are_answered() {
    let world = AttestingWorld::open();
    let meter = world.meter().public_key();
    let (first, mut first_port) = world.session(meter).await;
    let (second, mut second_port) = world.session(meter).await;
    for turn in 0..20 {
        // Each begins with a topic that the other ends with.
        let posted = |numbers: [u64; 3]| {
            let posted = numbers.map(|number| Posted {
                request: (number == numbers[2]).then_some(turn),
                letter: letter(&format!("fujisawa/tide/{number}"), "x"),
            });
            Vec::from(posted)
        };
        let sent =
            tokio::join!(first.attest_all(posted([0, 1, 2])), second.attest_all(posted([2, 1, 0])));
        assert!(sent.0.iter().chain(&sent.1).all(Option::is_some));
    }
    for turn in 0..20 {
        assert_eq!(published(&mut first_port).await.request, turn);
        assert_eq!(published(&mut second_port).await.request, turn);
    }
    let envelopes = records(&first, 120).await;
    for number in 0..3 {
        let topic: Topic = format!("fujisawa/tide/{number}").parse().unwrap();
        let mut previous = None;
        let of_topic = envelopes.iter().filter(|one| *one.topic() == topic);
        for (sequence, envelope) in of_topic.enumerate() {
            assert_eq!(envelope.header().sequence.value(), sequence as u64);
            assert_eq!(envelope.header().previous, previous);
            previous = Some(envelope.envelope().hash());
        }
        assert!(previous.is_some());
    }
    assert!(first_port.answers.try_recv().is_none() && second_port.answers.try_recv().is_none());
    first.close().await;
    second.close().await;
    world.close().await;
}

#[tokio::test]
async fn of_letters_that_come_together_each_is_judged_for_itself() {
    let world = AttestingWorld::open();
    let (session, mut port) = world.session(world.meter().public_key()).await;
    let long = "x".repeat(sekisho_proto::limits::ENVELOPE_BYTES_MAX);
    let posted = [(None, TOPIC, "a"), (Some(2), TOPIC, long.as_str()), (Some(3), TOPIC, "c")];
    let posted =
        posted.map(|(request, topic, body)| Posted { request, letter: letter(topic, body) });
    let sent = session.attest_all(posted.into()).await;
    let numbers: Vec<_> = sent.into_iter().map(|one| one.map(Sequence::value)).collect();
    assert_eq!(numbers, [Some(0), None, Some(1)]);
    let refused = refused(&mut port).await;
    assert_eq!((refused.request, refused.code), (2, RefusalCode::Oversized));
    assert_eq!(published(&mut port).await.request, 3);
    assert_eq!(records(&session, 2).await.len(), 2);
    session.close().await;
    world.close().await;
}

#[tokio::test]
async fn a_chain_goes_on_where_one_that_was_forgotten_or_doubted_ended() {
    let world = AttestingWorld::open();
    let (session, mut port) = world.session(world.meter().public_key()).await;
    let hub = world.hub();
    for number in 0..4 {
        session.attest(number, letter(TOPIC, "before")).await;
        published(&mut port).await;
        match number {
            1 => hub.attesting.chains.clear(),
            2 => hub.attesting.doubt(vec![(world.meter().id(), TOPIC.parse().unwrap())]),
            _ => {}
        }
    }
    let sequences = records(&session, 4).await;
    let sequences: Vec<_> = sequences.iter().map(|one| one.header().sequence.value()).collect();
    assert_eq!(sequences, [0, 1, 2, 3]);
    session.close().await;
    world.close().await;
}

#[tokio::test]
async fn after_a_letter_that_never_reached_the_log_the_next_ones_do() {
    let world = AttestingWorld::open();
    let meter = world.meter();
    let (gone, _port) = world.session(meter.public_key()).await;
    let (session, mut port) = world.session(meter.public_key()).await;
    // Its session is over when the letter is at the shard: nobody would hear of it.
    gone.close().await;
    gone.attest(1, letter(TOPIC, "lost")).await;
    let mut stored = 0;
    for number in 0..3 {
        session.attest(number, letter(TOPIC, "kept")).await;
        if let Frame::Published(_) = answer(&mut port).await {
            stored += 1;
        }
    }
    assert!(stored >= 2, "wanted the chain mended, found {stored} of 3 stored");
    assert_eq!(world.hub().reader.head().value(), stored);
    session.close().await;
    world.close().await;
}

/// Sees what is known of a chain at the moment in which an answer comes.
#[derive(Debug)]
struct Witness {
    chain: Arc<Chain>,
    saw_broken: AtomicBool,
    saw: Notify,
}

impl Wake for Witness {
    fn wake(self: Arc<Self>) {
        let is_broken = self.chain.is_broken.load(Ordering::Acquire);
        self.saw_broken.store(is_broken, Ordering::Release);
        self.saw.notify_one();
    }
}

#[tokio::test]
async fn whoever_is_told_that_a_letter_was_not_stored_can_send_the_next_one_at_once() {
    let world = AttestingWorld::open();
    let meter = world.meter();
    let (session, mut port) = world.session(meter.public_key()).await;
    let chain = world.hub().attesting.chain(meter.id(), &TOPIC.parse().unwrap());
    *chain.end.lock().await = Some(End { next: Sequence::new(5), previous: None });
    let (saw_broken, saw) = (AtomicBool::new(false), Notify::new());
    let witness = Arc::new(Witness { chain, saw_broken, saw });
    let waker = Waker::from(Arc::clone(&witness));
    {
        let mut told = pin!(port.answers.recv());
        assert!(told.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        session.attest(1, letter(TOPIC, "out of place")).await;
        timeout(PATIENCE, witness.saw.notified()).await.unwrap();
        let told = told.await;
        assert!(matches!(told, Some(Frame::Refused(_))), "{told:?}");
    }
    assert!(witness.saw_broken.load(Ordering::Acquire), "wanted the chain in doubt by then");
    session.attest(2, letter(TOPIC, "next")).await;
    published(&mut port).await;
    session.close().await;
    world.close().await;
}

#[tokio::test]
async fn a_run_of_the_node_is_a_boot_of_its_own() {
    let world = AttestingWorld::open();
    let (session, mut port) = world.session(world.meter().public_key()).await;
    session.attest(1, letter(TOPIC, "before")).await;
    published(&mut port).await;
    session.close().await;
    drop((session, port));
    let world = AttestingWorld::open_in(world.stop().await);
    let (session, mut port) = world.session(world.meter().public_key()).await;
    session.attest(1, letter(TOPIC, "after")).await;
    assert_eq!(published(&mut port).await.offset.value(), 1);
    let envelopes = records(&session, 2).await;
    assert_ne!(envelopes[0].header().boot, envelopes[1].header().boot);
    assert!(envelopes.iter().all(|one| one.header().sequence.value() == 0));
    session.close().await;
    world.close().await;
}

#[tokio::test]
async fn what_nobody_can_sign_any_more_is_told_as_gaps_that_cost_no_credit() {
    let world = AttestingWorld::open();
    let (session, mut port) = world.session(world.meter().public_key()).await;
    for number in 0..5 {
        session.attest(number, letter(TOPIC, "before")).await;
        published(&mut port).await;
    }
    session.close().await;
    drop((session, port));
    let world = AttestingWorld::open_with(world.stop().await, "another node");
    let (session, _port) = world.session(world.meter().public_key()).await;
    let subscribe = frame::Subscribe {
        subscription: 1,
        filter: "fujisawa/tide/#".parse().unwrap(),
        start: frame::Start::Earliest,
        cursor: None,
        credit: 2,
    };
    let mut queue = session.subscribe(subscribe).await.unwrap();
    let (mut recital, mut gaps) = (Recital::default(), 0);
    while gaps < 5 {
        let taken = timeout(PATIENCE, poll_fn(|context| queue.poll_take(context)));
        for next in taken.await.unwrap().unwrap() {
            let Outgoing::Record(record) = next else { continue };
            let told = recital.frame_of(&session, SubscriptionId::new(1), &record).await.unwrap();
            let Frame::Gap(gap) = told else { panic!("wanted a gap, found {told:?}") };
            assert_eq!(gap.from_position.value(), gaps);
            gaps += 1;
        }
    }
    session.close().await;
    drop((session, queue));
    world.close().await;
}

#[tokio::test]
async fn for_whoever_signs_itself_the_node_does_not_sign() {
    let world = AttestingWorld::open();
    let (session, mut port) = world.session(key("clock").public_key()).await;
    session.attest(3, letter(TOPIC, "noon")).await;
    let refused = refused(&mut port).await;
    assert_eq!((refused.request, refused.code), (3, RefusalCode::NotPermitted));
    assert!(refused.why.contains("signed with its own key"), "{}", refused.why);
    session.close().await;
    world.close().await;
}

#[tokio::test]
async fn letters_are_judged_like_any_other_envelope() {
    let world = AttestingWorld::open();
    world.state(described("fujisawa/tide/sealed", StreamClass::Restricted)).await;
    world.state(described("fujisawa/tide/people", StreamClass::Personal)).await;
    let (session, mut port) = world.session(world.meter().public_key()).await;
    let large = "x".repeat(world.hub().config().envelope_bytes_max);
    let long = "x".repeat(world.hub().config().envelope_bytes_max - 10);
    for (letter, code) in [
        (letter("fujisawa/tide/sealed", "1"), RefusalCode::NotPermitted),
        (letter("fujisawa/tide/people", "1"), RefusalCode::NotPermitted),
        (letter("fujisawa/wind/1", "1"), RefusalCode::NotPermitted),
        (letter("santander/tide/1", "1"), RefusalCode::ForeignTopic),
        (letter(TOPIC, &large), RefusalCode::Oversized),
        (letter(TOPIC, &long), RefusalCode::Oversized),
        (Letter { flags: 1 << 31, ..letter(TOPIC, "1") }, RefusalCode::Malformed),
    ] {
        let what = letter.topic.clone();
        session.attest(1, letter).await;
        let refused = refused(&mut port).await;
        assert_eq!(refused.code, code, "{what}: {}", refused.why);
    }
    // None of them has cost the chain a number.
    session.attest(2, letter(TOPIC, "1")).await;
    published(&mut port).await;
    session.close().await;
    world.close().await;
}

#[tokio::test]
async fn a_node_that_its_organisation_does_not_name_attests_nothing() {
    let world = AttestingWorld::open();
    let (session, mut port) = world.session(world.meter().public_key()).await;
    world.revoke(RevokeTarget::Principal(world.hub().node())).await;
    session.attest(1, letter(TOPIC, "1")).await;
    let refused = refused(&mut port).await;
    assert_eq!(refused.code, RefusalCode::Revoked, "{}", refused.why);
    session.close().await;
    world.close().await;
}

/// What comes attested already comes over a link, or not at all.
#[tokio::test]
async fn an_attested_envelope_of_a_client_is_refused_whoever_signed_it() {
    let world = AttestingWorld::open();
    let meter = world.meter();
    let letter = letter(TOPIC, "21.5");
    for signer in [key("node"), meter.clone(), key("clock")] {
        let at = End { next: Sequence::new(0), previous: None };
        let (header, body) = world.hub().header_of(meter.id(), letter.clone(), at, clock::now());
        let header = Header { attester: Some(signer.id()), ..header };
        let attested = attest(&signer, header, &body).unwrap();
        let envelope = sign_attested(&signer, attested.envelope()).unwrap();
        for carrier in [meter.id(), signer.id()] {
            let parcel = Parcel {
                envelope: envelope.encoded().clone(),
                key_header: None,
                carrier: Carrier::Principal(carrier),
                carriage: Carriage::Session { session: SessionId::new(1), request: 1 },
            };
            let refused = world.hub().admit(parcel, clock::now()).await.unwrap_err();
            assert_eq!(refused.code, RefusalCode::WrongPublisher, "{refused}");
        }
    }
    world.close().await;
}

/// Whoever has a password has a key, and may sign with it.
#[tokio::test]
async fn an_attested_principal_may_sign_itself() {
    let world = AttestingWorld::open();
    world.state(described(TOPIC, StreamClass::Open)).await;
    let meter = world.meter();
    let at = End { next: Sequence::new(0), previous: None };
    let (header, body) = world.hub().header_of(meter.id(), letter(TOPIC, "1"), at, clock::now());
    let header = Header { attester: None, ..header }.encode();
    let signature = meter.sign(&sekisho_proto::envelope_signing_input(&header, &body));
    let envelope = Envelope::assemble(header, body, signature).unwrap();
    let parcel = Parcel {
        envelope: envelope.encoded().clone(),
        key_header: None,
        carrier: Carrier::Principal(meter.id()),
        carriage: Carriage::Session { session: SessionId::new(1), request: 1 },
    };
    world.hub().admit(parcel, clock::now()).await.unwrap();
    world.close().await;
}
