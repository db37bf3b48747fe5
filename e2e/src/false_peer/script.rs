//! What a false peer sends as records in a fixed order, true and false: whoever comes again is given
//! what comes after what it has done with.

use std::time::Duration;

use bytes::Bytes;
use quinn::Connection;
use sekisho::{PrincipalId, SigningKey, clock};
use sekisho_proto::{Envelope, Epoch, Header, Suite, limits};
use sekisho_seal::{attest, sign_attested};

use super::attempt::{Misdeed, give};
use super::host::Host;
use super::luggage::{Luggage, Piece};
use super::{Plan, tell};
use crate::press::{PlainHeader, Press};

/// A topic of an organisation that has no contract with anybody.
const NOBODYS: &str = "kyoto/temple/air";

/// One record.
struct Item {
    piece: Piece,
    hops: Vec<PrincipalId>,
}

/// Sends what is not done with yet.
pub(super) async fn play(
    misdeed: Misdeed,
    host: &mut Host,
    connection: &Connection,
    luggage: &Luggage,
    plan: &Plan,
) -> Option<()> {
    let (mut telling, mut giving) = host.settle(connection).await?;
    let items = if misdeed == Misdeed::Carry {
        carried(host, luggage)
    } else if misdeed == Misdeed::StripHops {
        stripped(host, luggage, PrincipalId::of(&plan.node_key))
    } else {
        forged(host, luggage, plan)
    };
    for (index, item) in items.into_iter().enumerate().skip(host.done(&giving)) {
        give(&mut giving, host.position(index), item.piece, item.hops).await?;
    }
    // What nothing permits is refused once the log is known to permit none of it. Checkpoints have
    // whole seconds: this one is of after the records.
    let after = clock::now().saturating_add(Duration::from_secs(1));
    host.checkpoint(&mut telling, host.log.len(), after).await?;
    tell("sent all records");
    // Its pings are answered, and its log is there, for as long as it stays.
    connection.closed().await;
    Some(())
}

/// Each honest record, and behind it forgeries that begin from it.
fn forged(host: &Host, luggage: &Luggage, plan: &Plan) -> Vec<Item> {
    let hops = || vec![host.id()];
    let mut items = Vec::new();
    for piece in &luggage.honest {
        items.push(Item { piece: piece.clone(), hops: hops() });
        for forgery in forgeries_of(host.signing(), piece, plan) {
            items.push(Item { piece: (forgery.into(), piece.1.clone()), hops: hops() });
        }
        for attested in attested_of(host.signing(), piece, plan) {
            items.push(Item { piece: (attested, None), hops: hops() });
        }
    }
    for piece in &luggage.stolen {
        let envelope = opened(piece);
        let next = PlainHeader::of(envelope.header());
        let next = PlainHeader { sequence: next.sequence + 1, ..next }.message();
        let forgery = Press::sign_with(host.signing(), next.as_ref(), b"sealed");
        items.push(Item { piece: (forgery.into(), piece.1.clone()), hops: hops() });
    }
    items
}

/// A changed signature, another's signature, and other topics and publishers under its own.
fn forgeries_of(signing: &SigningKey, piece: &Piece, plan: &Plan) -> Vec<Vec<u8>> {
    let envelope = opened(piece);
    let mut flipped = envelope.encoded().to_vec();
    if let Some(last) = flipped.last_mut() {
        *last ^= 1;
    }
    let resigned = Press::sign_with(signing, envelope.header_bytes(), envelope.body());
    let header = PlainHeader::of(envelope.header());
    let saying =
        |header: PlainHeader| Press::sign_with(signing, header.message().as_ref(), b"sealed");
    let elsewhere = |topic: &str| saying(PlainHeader { topic: topic.into(), ..header.clone() });
    let of_the_victim = elsewhere(&format!("{}/bystander/air", plan.victim));
    let of_nobody = elsewhere(NOBODYS);
    let own = saying(PlainHeader { publisher: signing.id().as_ref().to_vec(), ..header.clone() });
    vec![flipped, resigned, of_the_victim, of_nobody, own, vec![0xff; 40]]
}

/// What the publisher would have said next, attested with the real key of its organisation's node:
/// for a publisher that signs itself, for one of the victim's, and in the name of the victim's node.
fn attested_of(signing: &SigningKey, piece: &Piece, plan: &Plan) -> Vec<Bytes> {
    let envelope = opened(piece);
    let honest = envelope.header();
    let next = Header {
        suite: Suite::Open,
        sequence: honest.sequence.next(),
        epoch: Epoch::ZERO,
        key_header: None,
        previous: Some(envelope.hash()),
        attester: Some(signing.id()),
        ..honest.clone()
    };
    let theirs = format!("{}/bystander/air", plan.victim).parse().expect("a topic");
    let elsewhere = Header { topic: theirs, ..next.clone() };
    let attested = [&next, &elsewhere].map(|header| {
        let attested = attest(signing, header.clone(), b"made up").expect("an envelope");
        sign_attested(signing, attested.envelope()).expect("its own to sign").encoded().clone()
    });
    let anothers = Header { attester: Some(PrincipalId::of(&plan.node_key)), ..next };
    let anothers = Press::sign_with(signing, &anothers.encode(), b"made up");
    attested.into_iter().chain([anothers.into()]).collect()
}

/// The honest records, and what is not its to pass on after each.
fn carried(host: &Host, luggage: &Luggage) -> Vec<Item> {
    let hops = || vec![host.id()];
    let mut items = Vec::new();
    for piece in &luggage.honest {
        items.push(Item { piece: piece.clone(), hops: hops() });
        for stolen in &luggage.stolen {
            items.push(Item { piece: stolen.clone(), hops: hops() });
            // As if it had come from its owner's node, whichever that is.
            let far = PrincipalId::new([7; 32]);
            items.push(Item { piece: stolen.clone(), hops: vec![far, host.id()] });
        }
    }
    items
}

/// Each record five times with hops that are false, and then as it is.
fn stripped(host: &Host, luggage: &Luggage, victim: PrincipalId) -> Vec<Item> {
    let (own, far) = (host.id(), PrincipalId::new([7; 32]));
    let too_many = (1..=limits::HOPS_MAX).map(|hop| u8::try_from(hop).expect("a few hops"));
    let mut too_far: Vec<_> = too_many.map(|hop| PrincipalId::new([hop; 32])).collect();
    too_far.push(own);
    let lists = [
        Vec::new(),
        vec![far],
        vec![own, far],
        vec![victim, own],
        too_far.into_iter().take(limits::HOPS_MAX).collect(),
        vec![own],
    ];
    let honest = luggage.honest.iter();
    honest
        .flat_map(|piece| {
            lists.iter().map(|hops| Item { piece: piece.clone(), hops: hops.clone() })
        })
        .collect()
}

fn opened(piece: &Piece) -> Envelope {
    let bytes: Bytes = piece.0.clone();
    Envelope::decode(bytes).expect("an envelope in the luggage")
}
